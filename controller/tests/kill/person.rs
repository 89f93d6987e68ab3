//! A person with a browser that keeps cookies, whose requests any controller may get.

use std::path::PathBuf;

use cos_controller::access::Role;
use cos_controller::password;
use cos_controller::store::operator::NewOperator;
use cos_controller::store::{Scope, Store};

use crate::controller::request;
use crate::now;
use crate::region::Region;

const PASSWORD: &str = "десять знаков";

#[derive(Debug)]
pub struct Person {
    root: PathBuf,
    cookies: String,
    csrf: String,
}

impl Person {
    /// A registrar of the whole region, signed in at the controller on this port.
    pub async fn signed_in(region: &Region, port: u16) -> Self {
        let store = Store::open(&region.database).await.unwrap();
        let operator = NewOperator {
            external_id: uuid::Uuid::now_v7(),
            login: "registrar".into(),
            display_name: "Оператор".into(),
            password_hash: password::hash(PASSWORD).unwrap(),
            must_change_password: false,
            role: Role::RegionAdministrator.as_str().into(),
            scope: Scope::REGION,
            language: "ru".into(),
            created_at: now(),
        };
        store.create_operator(&operator).await.unwrap();
        store.close().await;
        let mut person = Self {
            root: region.root(),
            cookies: String::new(),
            csrf: String::new(),
        };
        let encoded: String = PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = format!("login=registrar&password={encoded}&to=/");
        let answer = person.post(port, "/login", "application/x-www-form-urlencoded", &form).await;
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        let cookies = headers(&answer, "set-cookie").map(|line| line.split(';').next().unwrap().to_owned());
        person.cookies = cookies.collect::<Vec<_>>().join("; ");
        person
    }

    /// Learns the session's token, as a page carries it.
    pub async fn read_token(&mut self, port: u16) {
        let me = self.get(port, "/api/v1/me").await;
        assert!(me.starts_with("HTTP/1.1 200 "), "{me}");
        let (_, body) = me.split_once("\r\n\r\n").unwrap();
        let me: serde_json::Value = serde_json::from_str(body).unwrap();
        self.csrf = me["csrf_token"].as_str().unwrap().to_owned();
    }

    pub async fn get(&self, port: u16, path: &str) -> String {
        let text = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {}\r\n\r\n",
            self.cookies
        );
        request(&self.root, port, &text).await.unwrap()
    }

    pub async fn post_form(&self, port: u16, path: &str) -> String {
        let form = format!("csrf={}", self.csrf);
        self.post(port, path, "application/x-www-form-urlencoded", &form).await
    }

    /// Sends a register file; answers the address of its preview.
    pub async fn upload(&self, port: u16, file: &str) -> String {
        const BOUNDARY: &str = "boundary-of-the-test";
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{}\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"perm.csv\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--{BOUNDARY}--\r\n",
            self.csrf
        );
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let answer = self.post(port, "/register/import", &kind, &body).await;
        let location = headers(&answer, "location").next();
        location.unwrap_or_else(|| panic!("no preview: {answer}")).to_owned()
    }

    async fn post(&self, port: u16, path: &str, kind: &str, body: &str) -> String {
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.cookies,
            body.len()
        );
        request(&self.root, port, &text).await.unwrap()
    }
}

/// The values of a header.
fn headers<'a>(answer: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
