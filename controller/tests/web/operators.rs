//! Operators and their passwords.

use super::*;

#[tokio::test]
async fn a_new_operators_password_is_shown_once_and_works_once() {
    let world = World::new().await;
    let mut browser = world.signed_in("region_administrator").await;
    let organization = world.here.id().to_string();
    let bad = [("login", "кириллица"), ("display_name", ""), ("role", "school_technician")];
    let answer = browser.post("/operators", &bad).await.text;
    assert!(answer.contains("латинские буквы") && answer.contains("Для этой роли"), "{answer}");
    let good = [
        ("login", "tech.59"),
        ("display_name", "Техник школы № 59"),
        ("role", "school_technician"),
        ("organization", organization.as_str()),
    ];
    let page = browser.post("/operators", &good).await.text;
    let marker = "id=\"one-time-password\">";
    let start = page.find(marker).unwrap() + marker.len();
    let password: String = page[start..].chars().take_while(|c| *c != '<').collect();
    assert!(browser.post("/operators", &good).await.text.contains("уже занято"));
    assert!(!browser.get("/operators").await.text.contains(&password));
    let mut technician = world.browser();
    let answer = technician.post("/login", &[("login", "TECH.59"), ("password", &password)]).await;
    assert_eq!(answer.location(), "/");
    assert_eq!(technician.get("/").await.location(), "/password");
    let record = world.state.store.operator_by_login("tech.59").await.unwrap().unwrap();
    browser.post(&format!("/operators/{}/disable", record.external_id), &[]).await;
    assert_eq!(
        technician.get("/password").await.location(),
        "/login?to=%2Fpassword",
        "the session ended"
    );
}
