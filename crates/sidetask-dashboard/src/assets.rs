//! Style, scripts and the icon. Their URLs carry a hash of what is in them, so that browsers may keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// A file that pages need.
pub(crate) struct Asset {
    /// Its path below the dashboard, hash included.
    pub(crate) path: String,
    content: &'static [u8],
    content_type: &'static str,
}

pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("style", "css", "text/css; charset=utf-8", include_bytes!("assets/style.css")));
pub(crate) static HTMX: LazyLock<Asset> =
    LazyLock::new(|| asset("htmx", "js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx.min.js")));
pub(crate) static APP: LazyLock<Asset> =
    LazyLock::new(|| asset("app", "js", "text/javascript; charset=utf-8", include_bytes!("assets/app.js")));
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| asset("icon", "svg", "image/svg+xml", include_bytes!("assets/icon.svg")));

const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// Answers one of them, and nothing that is not one of them.
pub(crate) async fn serve(Path(name): Path<String>) -> Result<&'static Asset, Failure> {
    let named = all().into_iter().find(|asset| asset.path.strip_prefix("assets/") == Some(&name));
    named.ok_or_else(Failure::not_found)
}

fn all() -> [&'static Asset; 4] {
    [&STYLE, &HTMX, &APP, &ICON]
}

fn asset(name: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Asset {
    let hash: String = Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Asset { path: format!("assets/{name}-{hash}.{extension}"), content, content_type }
}

impl IntoResponse for &Asset {
    fn into_response(self) -> Response {
        let headers: [(HeaderName, &str); 2] = [(CONTENT_TYPE, self.content_type), (CACHE_CONTROL, FOR_GOOD)];
        (headers, self.content).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_needs_less_than_100_kb() {
        let sizes = all().map(|asset| (asset.path.as_str(), asset.content.len()));
        let total: usize = sizes.iter().map(|(_, size)| size).sum();
        assert!(total < 100 * 1000, "{total}: {sizes:?}");
    }
}
