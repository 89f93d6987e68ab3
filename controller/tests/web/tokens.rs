//! Enrollment tokens, made and revoked.

use super::*;
use inventory_schema::enrollment::EnrollmentToken;

#[tokio::test]
async fn a_new_token_is_seen_once() {
    let world = World::new().await;
    let mut browser = world.signed_in("school_technician").await;
    let place = world.here.place();
    let path = format!("/organizations/{}/tokens", world.here.id());
    let wrong = [("place", place.as_str()), ("uses", "0"), ("days", "9999"), ("proxy", "ftp://x")];
    let answer = browser.post(&path, &wrong).await.text;
    for sentence in ["от 1 до 1000", "от 1 до 365", "начинается с http://"] {
        assert!(answer.contains(sentence), "{sentence}");
    }
    let right = [
        ("place", place.as_str()),
        ("uses", "15"),
        ("days", "7"),
        ("proxy", "http://10.0.0.1:3128"),
        ("note", "класс 201"),
    ];
    let page = browser.post(&path, &right).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let start = page.text.find("cos1.").unwrap();
    let line: String = page.text[start..].chars().take_while(|c| *c != '<').collect();
    let token = EnrollmentToken::from_line(&line).unwrap();
    assert_eq!(token.organization, world.here.id());
    assert_eq!(token.room, Some(world.here.room));
    assert_eq!(token.ca, world.state.authority.current().pin());
    assert!(page.text.contains("<svg"), "the QR code is there");
    let list = browser.get("/tokens").await.text;
    assert!(list.contains("класс 201") && !list.contains("cos1.") && !list.contains(token.secret.as_str()));
    let file = browser.post("/tokens/file", &[("line", &line)]).await;
    assert_eq!(file.text.trim(), line);
    assert!(
        file.headers[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    browser.post(&format!("/tokens/{}/revoke", token.id), &[]).await;
    assert!(browser.get("/tokens").await.text.contains("отозван"));
}

#[tokio::test]
async fn a_program_makes_and_revokes_a_token() {
    let world = World::new().await;
    let mut browser = world.signed_in("municipality_operator").await;
    let new = serde_json::json!({
        "organization": world.here.id(), "building": world.here.building.external_id, "uses": 2, "days": 1
    });
    let answer = browser.post_json("/api/v1/tokens", &new).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let created: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert!(EnrollmentToken::from_line(created["line"].as_str().unwrap()).is_ok());
    let path = format!("/api/v1/tokens/{}/revoke", created["id"].as_str().unwrap());
    assert_eq!(
        browser.post_json(&path, &serde_json::json!({})).await.status,
        StatusCode::NO_CONTENT
    );
    assert!(browser.get("/api/v1/tokens").await.text.contains("\"state\":\"revoked\""));
}
