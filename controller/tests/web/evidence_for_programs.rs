//! Evidence for programs: archives and checkpoints by the API.

use super::*;
use cos_controller::evidence::checkpoint::CheckpointLine;
use cos_controller::evidence::verify::{Known, verify};
use serde_json::{Value, json};

#[tokio::test]
async fn a_program_keeps_every_days_line_and_fetches_an_archive_that_it_proves() {
    let world = World::new().await;
    report(&world, &world.here, &[]).await;
    let mut administrator = world.signed_in("region_administrator").await;
    for _ in 0..2 {
        world.advance_seconds(900);
        administrator.post("/evidence/checkpoint", &[]).await;
    }
    let mut browser = world.signed_in("auditor").await;
    let listed = browser.get("/api/v1/evidence/checkpoints").await;
    let listed: Value = serde_json::from_str(&listed.text).unwrap();
    let newest = world.state.store.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!((&listed["total"], &listed["rows"][0]["number"]), (&2.into(), &2.into()));
    assert_eq!((&listed["rows"][0]["chains"], &listed["rows"][1]["number"]), (&1.into(), &1.into()));
    let line = listed["rows"][0]["line"].as_str().unwrap();
    assert_eq!(line, newest.line().to_string());
    let second = browser.get("/api/v1/evidence/checkpoints?per_page=1&page=2").await;
    let second: Value = serde_json::from_str(&second.text).unwrap();
    assert_eq!(
        (second["rows"].as_array().unwrap().len(), &second["rows"][0]),
        (1, &listed["rows"][1])
    );

    let here = world.here.organization.ogrn.to_string();
    for whose in [here, world.here.id().to_string(), world.here.device.to_string()] {
        let archive = browser.post_json("/api/v1/evidence/export", &json!({ "whose": whose })).await;
        assert_eq!(archive.status, StatusCode::OK, "{}", archive.text);
        assert_eq!(archive.headers[header::CONTENT_TYPE], "application/x-tar");
        let known = Known {
            line: Some(line.parse::<CheckpointLine>().unwrap()),
            roots: Vec::new(),
        };
        let verdict = verify(archive.text.as_bytes(), &known, |_| {}).unwrap();
        // The sample's devices have no certificates; all that is the region's own holds.
        let others: Vec<_> = verdict
            .failures
            .iter()
            .filter(|failure| !failure.at.entry.starts_with("devices/"))
            .collect();
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!((verdict.devices, verdict.line), (1, Some(2)));
        assert!(archive.text.contains(&world.here.device.to_string()));
        assert!(!archive.text.contains(&world.elsewhere.device.to_string()));
    }
    let log = browser.get("/activity").await.text;
    assert_eq!(log.matches("доказательства выгружены").count(), 3, "{log}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_code() {
    let world = World::new().await;
    let mut browser = world.signed_in("auditor").await;
    let device = world.here.device.to_string();
    for (asked, status, code) in [
        (json!({ "whose": device, "from": "вчера" }), StatusCode::BAD_REQUEST, "invalid"),
        (
            json!({ "whose": device, "from": "2026-09-02", "to": "2026-09-01" }),
            StatusCode::BAD_REQUEST,
            "invalid",
        ),
        (json!({ "whose": "1025900990099" }), StatusCode::NOT_FOUND, "not_found"),
        (
            json!({ "whose": "01900000-0000-7000-8000-000000000009" }),
            StatusCode::NOT_FOUND,
            "not_found",
        ),
        (
            json!({ "whose": device, "since": "2026-09-01" }),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
    ] {
        let answer = browser.post_json("/api/v1/evidence/export", &asked).await;
        assert_eq!(answer.status, status, "{asked}: {}", answer.text);
        assert!(answer.text.contains(&format!("\"code\":\"{code}\"")), "{}", answer.text);
    }
    assert!(!browser.get("/activity").await.text.contains("доказательства выгружены"));
}
