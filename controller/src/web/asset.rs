//! What the browser needs besides pages: one style sheet, one script, one picture, built into the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use inventory_schema::Digest;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "cos.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../static/cos.css"),
    },
    Asset {
        name: "cos.js",
        content_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../static/cos.js"),
    },
    Asset {
        name: "icon.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../../static/icon.svg"),
    },
];

/// One word that changes with any asset, so that browsers may keep them for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: Vec<u8> = ASSETS.iter().flat_map(|asset| asset.bytes).copied().collect();
    Digest::of(&all).to_string()["sha256:".len()..][..12].to_owned()
});

/// The address a page names an asset by.
pub fn address(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

/// `GET /static/{file}`.
pub async fn show(Path(file): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == file) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.bytes,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
