//! The one table of API errors (RFC 9457). The outside gets code, status and what to do; the inside goes to the log.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::StoreError;
use text::sentiment::HeadError;
use train::reviews::ReviewError;
use utoipa::ToSchema;

macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name,)* }

        impl Code {
            pub fn status(self) -> StatusCode { match self { $(Self::$name => StatusCode::$status,)* } }
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            pub fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

codes! {
    InvalidJson        BAD_REQUEST             "invalid_json"        "The body is not the JSON that was wanted",
    InvalidParameter   BAD_REQUEST             "invalid_parameter"   "A parameter is not what was wanted",
    Unauthorized       UNAUTHORIZED            "unauthorized"        "An API key is needed",
    Forbidden          FORBIDDEN               "forbidden"           "This key may not do that",
    NotFound           NOT_FOUND               "not_found"           "There is no such thing",
    MethodNotAllowed   METHOD_NOT_ALLOWED      "method_not_allowed"  "This path does not answer to that method",
    Timeout            REQUEST_TIMEOUT         "timeout"             "The request did not arrive in time",
    Conflict           CONFLICT                "conflict"            "The request contradicts what is stored",
    Changed            PRECONDITION_FAILED     "changed"             "Somebody changed it meanwhile",
    NoIfMatch          PRECONDITION_REQUIRED   "if_match_required"   "Say which version you change",
    TooLarge           PAYLOAD_TOO_LARGE       "too_large"           "The body is too large",
    UnsupportedMedia   UNSUPPORTED_MEDIA_TYPE  "unsupported_media"   "The body has a type that is not understood",
    Internal           INTERNAL_SERVER_ERROR   "internal"            "Something failed on our side",
    Unavailable        SERVICE_UNAVAILABLE     "unavailable"         "Not possible at the moment",
    DiskFull           INSUFFICIENT_STORAGE    "disk_full"           "The server has no disk space left",
}

/// An error answer, `application/problem+json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; `code` is its last part.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What was got, what was wanted, what to do.
    detail: String,
    /// Stable; switch on this.
    code: &'static str,
    #[serde(skip)]
    status_code: StatusCode,
}

pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:vitrina:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code: code.as_str(),
            status_code: code.status(),
        }
    }

    pub fn parameter(detail: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidParameter, detail.to_string())
    }

    pub fn not_found(detail: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, detail.to_string())
    }

    /// Logs the cause and tells the caller only that we failed.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed on our side");
        Self::new(Code::Internal, "the cause is in the server's log; try again, and tell the operator if it persists")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status_code;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::INSUFFICIENT_STORAGE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound(detail) => Self::new(Code::NotFound, detail),
            StoreError::Conflict(detail) => Self::new(Code::Conflict, detail),
            StoreError::Full { .. } => {
                tracing::error!(%error, "the disk is full: free space, then the server goes on by itself");
                Self::new(Code::DiskFull, "nothing was stored; free disk space on the server, then send it again")
            }
            StoreError::Unavailable { .. } => {
                tracing::error!(%error, "a store failed");
                Self::new(Code::Unavailable, "nothing was acknowledged; send it again in a few seconds")
            }
            StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<StoreError>() {
            Ok(error) => return error.into(),
            Err(error) => error,
        };
        let error = match error.downcast::<serve::SnapshotError>() {
            Ok(serve::SnapshotError::Store(error)) => return error.into(),
            Ok(broken @ serve::SnapshotError::Model { .. }) => return Self::new(Code::Conflict, broken.to_string()),
            Err(error) => error,
        };
        let error = match error.downcast::<ReviewError>() {
            Ok(ReviewError::Store(error)) => return error.into(),
            Ok(ReviewError::Head(HeadError::Text(error))) => return Self::internal(error),
            Ok(ReviewError::Head(refused)) => return Self::parameter(refused),
            Err(error) => error,
        };
        if let Some(refused) = error.downcast_ref::<serve::ScorerError>() {
            return Self::parameter(refused);
        }
        match error.downcast_ref::<train::pipeline::TrainError>() {
            Some(train::pipeline::TrainError::Store(_)) | None => Self::internal(format!("{error:#}")),
            Some(train::pipeline::TrainError::NothingToLearn { .. }) => Self::new(Code::Conflict, error.to_string()),
            Some(other) => Self::parameter(other),
        }
    }
}
