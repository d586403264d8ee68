//! The dashboard, the carousel and the sample storefront, compiled into the binary.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "$VITRINA_WEB_DIST"]
struct Assets;

/// The file behind a path: the pages keep what they show behind `#`, so there are but two.
fn file(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => "index.html",
        "tienda" | "tienda/" => "tienda/index.html",
        path => path,
    }
}

pub fn serve(path: &str) -> Response {
    let file = file(path);
    let Some(asset) = Assets::get(file) else { return (StatusCode::NOT_FOUND).into_response() };
    // Vite names its files by content, so they never change; the page that names them must be fresh.
    let cache = if file.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mime = HeaderValue::from_str(asset.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response =
        ([(header::CONTENT_TYPE, mime), (header::CACHE_CONTROL, HeaderValue::from_static(cache))], asset.data)
            .into_response();
    // Shops load the carousel from their own pages.
    if file.starts_with("sdk/") {
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    }
    response
}

pub fn has(path: &str, storefront: bool) -> bool {
    let file = file(path);
    (storefront || !file.starts_with("tienda/")) && Assets::get(file).is_some()
}
