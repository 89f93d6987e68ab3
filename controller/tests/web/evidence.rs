//! The page of checkpoints and evidence.

use super::*;

#[tokio::test]
async fn an_auditor_takes_a_line_and_an_archive_along() {
    let world = World::new().await;
    report(&world, &world.here, &[]).await;
    let mut browser = world.signed_in("auditor").await;
    assert!(browser.get("/evidence").await.text.contains("Контрольных точек ещё нет"));
    world.advance_seconds(900);
    assert_eq!(browser.post("/evidence/checkpoint", &[]).await.location(), "/evidence");
    let record = world.state.store.newest_checkpoint().await.unwrap().unwrap();
    assert_eq!(record.checkpoint.heads.count, 1);
    let line = record.line().to_string();
    for page in ["/evidence", "/"] {
        assert!(browser.get(page).await.text.contains(&line), "{page}");
    }
    assert!(
        !world
            .signed_in("school_technician")
            .await
            .get("/evidence")
            .await
            .text
            .contains("/evidence/export")
    );

    let refused = browser.post("/evidence/export", &[("whose", "1025900990099"), ("from", "x")]).await;
    assert!(refused.text.contains("ГГГГ-ММ-ДД"), "{}", refused.text);
    let refused = browser.post("/evidence/export", &[("whose", "1025900990099")]).await;
    assert!(refused.text.contains("проверьте ОГРН"), "{}", refused.text);
    let ogrn = world.here.organization.ogrn.to_string();
    let archive = browser
        .post("/evidence/export", &[("whose", &ogrn), ("from", ""), ("to", "")])
        .await;
    assert_eq!(archive.status, StatusCode::OK);
    assert_eq!(archive.headers[header::CONTENT_TYPE], "application/x-tar");
    for name in ["README.txt", "manifest.json", &format!("devices/{}/device.json", world.here.device)] {
        assert!(archive.text.contains(name), "{name}");
    }
    assert!(!archive.text.contains(&world.elsewhere.device.to_string()));
    let log = browser.get("/activity").await.text;
    assert!(
        log.contains("доказательства выгружены") && log.contains("взята контрольная точка"),
        "{log}"
    );
    let page = browser.get(&format!("/devices/{}", world.here.device)).await.text;
    assert!(page.contains("/evidence?device="), "{page}");
}
