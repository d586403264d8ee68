//! The dashboard, compiled into the binary.

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "$VITRINA_WEB_DIST"]
struct Assets;

/// Files by path; the page keeps what it shows behind `#`, so `/` is the only page there is.
pub async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let file = if path.is_empty() { "index.html" } else { path };
    let Some(asset) = Assets::get(file) else { return (StatusCode::NOT_FOUND).into_response() };
    // Vite names its files by content, so they never change; the page that names them must be fresh.
    let cache = if file.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mime = HeaderValue::from_str(asset.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    ([(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, HeaderValue::from_static(cache))], asset.data)
        .into_response()
}

pub fn has(path: &str) -> bool {
    path == "/" || Assets::get(path.trim_start_matches('/')).is_some()
}
