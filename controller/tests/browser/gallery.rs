//! Every page at the width of a desk and of a phone: it must not scroll sideways, nor show a word that was
//! never written. With `COS_TEST_SCREENSHOTS=FOLDER` each is also saved as a picture, for people to look at.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pages::Pages;

const SCREENS: [(&str, u32, u32); 2] = [("desk", 1366, 900), ("phone", 360, 800)];

#[derive(Debug)]
pub struct Gallery {
    folder: Option<PathBuf>,
}

impl Gallery {
    pub fn new() -> Self {
        let folder = std::env::var_os("COS_TEST_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { folder }
    }

    /// Looks at the page that the browser shows.
    pub async fn look(&self, pages: &Pages, name: &str) {
        for (screen, width, height) in SCREENS {
            let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
            pages.browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            if let Some(folder) = &self.folder {
                let picture = picture(pages).await;
                std::fs::write(folder.join(format!("{name}-{screen}.png")), picture).unwrap();
            }
            check_width(pages, name, width).await;
        }
        let text = pages.text("body").await;
        assert!(
            !text.contains("Unknown localization"),
            "{name} has a word without a translation: {text}"
        );
        pages.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }
}

/// The tallest picture for a document: what is below is looked at by the test alone.
const DOCUMENT_HEIGHT: u32 = 1_800;

impl Gallery {
    /// The upper part of a page for a document, at the width of a desk; with the folder only.
    pub async fn portray(&self, pages: &Pages, name: &str) {
        let Some(folder) = &self.folder else { return };
        let metrics = json!({"width": 1120, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        pages.browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let clip = json!({"x": 0, "y": 0, "width": 1120, "height": DOCUMENT_HEIGHT, "scale": 0.8});
        let wish = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = captured(pages, wish).await;
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
        pages.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }
}

/// What sticks out is named, so that the failure says what to mend.
const WIDEST: &str = "
    const page = document.documentElement;
    const out = [...document.body.querySelectorAll('*')].filter((element) =>
        element.getBoundingClientRect().right > page.clientWidth + 1 && !element.closest('.scroll, pre, .skip'));
    return [page.scrollWidth, page.clientWidth, out.slice(0, 5).map((element) => element.outerHTML.slice(0, 160))];";

async fn check_width(pages: &Pages, name: &str, width: u32) {
    let measured = pages.browser.client.execute(WIDEST, Vec::new()).await.unwrap();
    let number = |index: usize| measured[index].as_u64().unwrap();
    assert!(
        number(0) <= number(1),
        "{name} scrolls sideways at {width} px; what sticks out: {}",
        measured[2]
    );
}

/// The whole page, below the fold too.
async fn picture(pages: &Pages) -> Vec<u8> {
    captured(pages, json!({"format": "png", "captureBeyondViewport": true})).await
}

async fn captured(pages: &Pages, wish: Value) -> Vec<u8> {
    let Value::String(encoded) = pages.browser.devtools("Page.captureScreenshot", wish).await["data"].take() else {
        panic!("a picture has data");
    };
    STANDARD.decode(encoded).unwrap()
}
