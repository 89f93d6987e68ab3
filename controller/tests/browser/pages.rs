//! What a person does with a page: look for something, read it, fill in a field, press a button.
//!
//! Every look waits until the thing is there, so a slow machine makes a test slower and never wrong.

use std::time::Duration;

use fantoccini::Locator;
use fantoccini::elements::Element;

use super::chromium::Browser;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Pages {
    pub browser: Browser,
    origin: String,
}

impl Pages {
    /// `origin` is the address without a path: `https://localhost:1234`.
    pub fn new(browser: Browser, origin: String) -> Self {
        Self { browser, origin }
    }

    pub async fn open(&self, path: &str) {
        self.browser.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Where the browser is, without the origin.
    pub async fn place(&self) -> String {
        let url = self.browser.client.current_url().await.unwrap().to_string();
        url.strip_prefix(&self.origin).unwrap_or(&url).to_owned()
    }

    pub async fn find(&self, selector: &str) -> Element {
        let wait = self.browser.client.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("nothing on the page is {selector}: {error}"))
    }

    pub async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap();
    }

    /// Types over whatever is in a field.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// The text as it is seen, its spaces made ordinary ones.
    pub async fn text(&self, selector: &str) -> String {
        plain(&self.find(selector).await.text().await.unwrap())
    }

    /// Waits for the page whose heading begins so.
    pub async fn heading(&self, text: &str) {
        let wait = self.browser.client.wait().at_most(PATIENCE);
        let path = format!("//h1[starts-with(normalize-space(.), '{text}')]");
        let found = wait.for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("no page with the heading «{text}» came: {error}"));
    }

    /// Signs in for the first time, which asks for a new password at once.
    pub async fn sign_in_first(&self, login: &str, one_time: &str, password: &str) {
        self.open("/").await;
        self.fill("#login", login).await;
        self.fill("#password", one_time).await;
        self.click("main form button.primary").await;
        self.fill("#current", one_time).await;
        self.fill("#new", password).await;
        self.fill("#again", password).await;
        self.click("main form button.primary").await;
        self.heading("Обзор").await;
    }
}

/// Every run of spaces, hard and thin ones too, as one space.
pub fn plain(text: &str) -> String {
    text.split(char::is_whitespace)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
