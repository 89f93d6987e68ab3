//! What a computer is, ruled by people; its numbers, and who else states them.

use super::*;
use cos_controller::task::parts;

fn fact(value: &str) -> String {
    format!(r#"{{"source":"smbios","value":"{value}"}}"#)
}

fn system(serial: &str) -> (SectionName, Vec<u8>) {
    let reasons = r#"[{"sign":"desktop_chassis","speaks_for":"desktop","weight":20},{"sign":"all_in_one_name","speaks_for":"all_in_one","weight":15}]"#;
    let body = format!(
        r#"{{"content":{{"baseboard":{{"serial":{{"source":"smbios","trust":"placeholder","value":"Default string"}}}},"blank":[{{"identifier":"chassis_serial","source":"smbios"}}],"kind":{{"certainty":"uncertain","kind":"desktop","reasons":{reasons}}},"maker":{},"model":{},"serial":{}}},"format":"system/1"}}"#,
        fact("Aquarius"),
        fact("Mnb T904"),
        fact(serial)
    );
    (SectionName::System, body.into_bytes())
}

async fn with_reports(serials: [&str; 2]) -> World {
    let world = World::new().await;
    report(&world, &world.here, &[system(serials[0])]).await;
    report(&world, &world.elsewhere, &[system(serials[1])]).await;
    parts::run(&world.state.store, world.state.clock.now()).await.unwrap();
    world
}

#[tokio::test]
async fn a_technician_rules_what_a_device_is_and_takes_it_back() {
    let world = with_reports(["AQ000417R", "AQ000981R"]).await;
    let device = format!("/devices/{}", world.here.device);
    let mut browser = world.signed_in("school_technician").await;
    let page = browser.get(&device).await.text;
    for said in [
        "Настольный компьютер Aquarius Mnb T904",
        "требует осмотра",
        "Корпус назван настольным",
        "В названии сказано, что это моноблок → моноблок",
        "Указать вид вручную",
    ] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
    assert!(browser.get("/devices?kind=all_in_one").await.text.contains(">0 устройств<"));
    let ruled = [("kind", "all_in_one"), ("reason", "экран в корпусе")];
    let answer = browser.post(&format!("{device}/kind"), &ruled).await;
    assert_eq!(answer.location(), format!("{device}#kind"));
    let page = browser.get(&device).await.text;
    for said in [
        "Моноблок Aquarius Mnb T904",
        "указал человек",
        "экран в корпусе",
        "school_technician",
        "Вернуть то, что определил агент",
    ] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
    let listed = browser.get("/devices?kind=all_in_one").await.text;
    assert!(
        listed.contains(">1 устройство<") && listed.contains("Моноблок (указано человеком)"),
        "{listed}"
    );
    assert!(browser.get("/devices?kind=desktop").await.text.contains(">0 устройств<"));
    assert_eq!(browser.get("/devices?kind=toaster").await.status, StatusCode::BAD_REQUEST);
    for wrong in [
        [("kind", "toaster"), ("reason", "x")],
        [("kind", "laptop"), ("reason", " ")],
        [("kind", "other"), ("reason", "x")],
    ] {
        assert_eq!(
            browser.post(&format!("{device}/kind"), &wrong).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    browser.post(&format!("{device}/kind"), &[("kind", ""), ("reason", "ошибся")]).await;
    let page = browser.get(&device).await.text;
    assert!(
        page.contains("Настольный компьютер Aquarius") && page.contains("возвращено определённое агентом"),
        "{page}"
    );
    let log = world.signed_in("auditor").await.get("/activity").await.text;
    for said in [
        "вид устройства указан вручную",
        "вид устройства снова по агенту",
        "моноблок",
        "экран в корпусе",
    ] {
        assert!(log.contains(said), "«{said}» is not in: {log}");
    }
}

#[tokio::test]
async fn programs_rule_and_read_the_kind() {
    let world = with_reports(["AQ000417R", "AQ000981R"]).await;
    let device = format!("/api/v1/devices/{}", world.here.device);
    let mut browser = world.signed_in("region_administrator").await;
    let rule =
        async |browser: &mut people::Browser, wish: serde_json::Value| browser.post_json(&format!("{device}/kind"), &wish).await.status;
    let wish = serde_json::json!({ "kind": "laptop", "reason": "осмотр" });
    assert_eq!(rule(&mut browser, wish).await, StatusCode::NO_CONTENT);
    let read: serde_json::Value = serde_json::from_str(&browser.get(&device).await.text).unwrap();
    assert_eq!(
        (&read["kind"], &read["ruled_kind"], &read["concluded_kind"]),
        (&"laptop".into(), &"laptop".into(), &"desktop".into())
    );
    let listed = browser.get("/api/v1/devices?kind=laptop").await.text;
    assert!(listed.contains("\"total\":1"), "{listed}");
    let wrong = serde_json::json!({ "kind": "toaster", "reason": "осмотр" });
    assert_eq!(rule(&mut browser, wrong).await, StatusCode::BAD_REQUEST);
    let back = serde_json::json!({ "kind": null, "reason": "осмотр" });
    assert_eq!(rule(&mut browser, back).await, StatusCode::NO_CONTENT);
    assert!(browser.get("/api/v1/devices?kind=laptop").await.text.contains("\"total\":0"));
    assert_eq!(browser.get("/api/v1/devices?kind=toaster").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_shared_number_is_told_on_the_page_and_for_review() {
    let world = with_reports(["AQ000417R", "aq000417r"]).await;
    let (here, elsewhere) = (world.here.device.to_string(), world.elsewhere.device.to_string());
    let mut browser = world.signed_in("region_administrator").await;
    let page = browser.get(&format!("/devices/{here}")).await.text;
    for said in [
        "номер-двойник",
        "тот же номер ещё у 1 устройства",
        &format!("href=\"/devices/{elsewhere}\""),
        "заводская заглушка",
        "Серийный номер корпуса",
        "(ничего)",
        "Прочитано дословно",
    ] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
    let review = browser.get("/review").await.text;
    for said in [
        "Номера-двойники",
        "AQ000417R",
        "Серийный номер",
        &here,
        &elsewhere,
        "Школа № 59",
        "Школа № 11",
    ] {
        assert!(review.contains(said), "«{said}» is not in: {review}");
    }
    // Another school's device is not named to this one's technician.
    let page = world
        .signed_in("school_technician")
        .await
        .get(&format!("/devices/{here}"))
        .await
        .text;
    assert!(
        page.contains("номер-двойник") && page.contains("устройство другой организации"),
        "{page}"
    );
    assert!(!page.contains(&elsewhere) && !page.contains("Школа № 11"));
}

#[tokio::test]
async fn a_number_that_nobody_shares_is_not_for_review() {
    let world = with_reports(["AQ000417R", "AQ000981R"]).await;
    let mut browser = world.signed_in("region_administrator").await;
    let review = browser.get("/review").await.text;
    assert!(
        review.contains("Номеров, которые называют несколько работающих устройств, нет."),
        "{review}"
    );
    let page = browser.get(&format!("/devices/{}", world.here.device)).await.text;
    assert!(!page.contains("номер-двойник"));
}

#[tokio::test]
async fn a_failed_section_says_why_and_what_was_read_before() {
    let world = World::new().await;
    let failed = br#"{"format":"memory/1","problems":[{"failure":"permission_denied","source":"smbios"}]}"#.to_vec();
    // The world's reports carry the summary of an earlier one.
    report(&world, &world.here, &[(SectionName::Memory, failed)]).await;
    let mut browser = world.signed_in("school_technician").await;
    let page = browser.get(&format!("/devices/{}", world.here.device)).await.text;
    for said in [
        "прочитать не удалось",
        "нужны права администратора",
        "Прочитано раньше и не опровергнуто",
        "прежнее верное",
    ] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
}
