//! What the pages show and lead to.

use super::*;

#[tokio::test]
async fn the_language_is_switched_and_kept() {
    let world = World::new().await;
    let mut browser = world.signed_in("region_viewer").await;
    assert!(browser.get("/organizations").await.text.contains("<html lang=\"ru\">"));
    let answer = browser
        .post(
            "/language",
            &[("language", "en"), ("to", "/organizations?q=%D0%A8%D0%BA%D0%BE%D0%BB%D0%B0%2059")],
        )
        .await;
    assert_eq!(answer.location(), "/organizations?q=%D0%A8%D0%BA%D0%BE%D0%BB%D0%B0%2059");
    let page = browser.get("/organizations?q=%D0%A8%D0%BA%D0%BE%D0%BB%D0%B0%2059").await;
    assert!(
        page.text.contains("<html lang=\"en\">") && page.text.contains("1 organization found"),
        "{}",
        page.text
    );
    let mut later = world.signed_in("region_viewer").await;
    assert!(
        later.get("/").await.text.contains("<html lang=\"en\">"),
        "the choice is the operator's"
    );
}

#[tokio::test]
async fn every_page_carries_the_headers_and_nothing_inline() {
    let world = World::new().await;
    let mut browser = world.signed_in("region_administrator").await;
    let here = &world.here;
    for path in [
        "/".to_owned(),
        "/organizations".into(),
        format!("/organizations/{}", here.id()),
        format!("/organizations/{}/tokens/new", here.id()),
        "/devices".into(),
        format!("/devices/{}", here.device),
        "/tokens".into(),
        "/register/import".into(),
        "/operators".into(),
        "/activity".into(),
        "/trust".into(),
        "/password".into(),
        "/no-such-page".into(),
    ] {
        let answer = browser.get(&path).await;
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        for inline in [
            " style=\"",
            "<style",
            " onclick=",
            "<script>",
            "javascript:",
            "Unknown localization key",
        ] {
            assert!(!answer.text.contains(inline), "{path} holds {inline}");
        }
        assert!(
            answer.text.contains("<nav class=\"main") || path == "/password",
            "{path} has the navigation"
        );
    }
}

#[tokio::test]
async fn organizations_are_found_by_cyrillic_words_in_any_case() {
    let world = World::new().await;
    let mut browser = world.signed_in("region_viewer").await;
    let page = browser.get(&format!("/organizations?q={}", people::encoded("ШКОЛА 59"))).await;
    assert!(
        page.text.contains("Школа № 59") && !page.text.contains("Школа № 11"),
        "{}",
        page.text
    );
    let page = browser.get("/organizations?municipality=57708000").await;
    assert!(!page.text.contains("Школа № 59</a>") && page.text.contains("Школа № 11"));
    let page = browser.get(&format!("/organizations/{}", world.here.id())).await;
    assert!(page.text.contains("норма 100\u{a0}Мбит/с"), "{}", page.text);
    let page = browser.get(&format!("/organizations/{}", world.elsewhere.id())).await;
    assert!(page.text.contains("норма 50\u{a0}Мбит/с"));
}

#[tokio::test]
async fn errors_are_pages_in_the_visitors_language() {
    let world = World::new().await;
    let mut browser = world.browser();
    let answer = browser.get("/nowhere").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("Страница не найдена"));
    let answer = browser.post_raw("/trust", "text/plain", String::new()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers.contains_key(header::ALLOW));
    let answer = browser.get("/api/v1/nowhere").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    let answer = browser
        .post_raw("/login", "application/x-www-form-urlencoded", "a=".repeat(100_000))
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.text.contains("Файл слишком велик"));
}

#[tokio::test]
async fn a_technician_adds_a_room_and_moves_a_device_there() {
    let world = World::new().await;
    let mut browser = world.signed_in("school_technician").await;
    let organization = format!("/organizations/{}", world.here.id());
    let building = world.here.building.external_id.to_string();
    let fields = [
        ("building", building.as_str()),
        ("number", "305"),
        ("name", "Физика"),
        ("purpose", "classroom"),
    ];
    assert_eq!(
        browser.post(&format!("{organization}/rooms"), &fields).await.location(),
        organization
    );
    let again = browser.post(&format!("{organization}/rooms"), &fields).await.text;
    assert!(again.contains("уже есть"), "{again}");
    let device = format!("/devices/{}", world.here.device);
    let page = browser.get(&device).await;
    assert!(page.text.contains("305 · Физика"), "{}", page.text);
    let rooms = world
        .state
        .store
        .rooms(cos_controller::store::Scope::REGION, world.here.id())
        .await
        .unwrap();
    let room = rooms.iter().find(|room| room.number == "305").unwrap();
    let place = format!("{building}/{}", room.external_id);
    assert_eq!(
        browser.post(&format!("{device}/room"), &[("place", &place)]).await.location(),
        device
    );
    assert!(browser.get(&device).await.text.contains("ул. Школьная, 1, Физика"));
    let mut auditor = world.signed_in("auditor").await;
    let log = auditor.get("/activity").await.text;
    assert!(log.contains("устройство перемещено") && log.contains("кабинет добавлен"), "{log}");
}

/// The schema's samples of every section: what is shown here is what any agent can report.
fn samples() -> Vec<(SectionName, Vec<u8>)> {
    SectionName::ALL
        .into_iter()
        .map(|name| {
            let file = format!("{}/../inventory-schema/examples/{name}-1.json", env!("CARGO_MANIFEST_DIR"));
            let document: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            (name, CanonicalBytes::of(&document).unwrap().as_bytes().to_vec())
        })
        .collect()
}

#[tokio::test]
async fn a_devices_page_shows_every_section_in_words() {
    let world = World::new().await;
    report(&world, &world.here, &samples()).await;
    let mut browser = world.signed_in("school_technician").await;
    let page = browser.get(&format!("/devices/{}", world.here.device)).await.text;
    for words in [
        "kab-201-pc03",
        "Оперативная память",
        "не прерывалась",
        "отстают на 3 часа",
        "0 / 1",
        "таблицы SMBIOS",
        "256,1\u{a0}ГБ",
    ] {
        assert!(page.contains(words), "the page lacks «{words}»");
    }
    for (name, _) in samples() {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
    }
    assert!(!page.contains("Этот раздел ещё не поступал"), "every section is there");
    // A member of a closed list without words is shown by its own name: lower case with underscores.
    let values = page.split("<span class=\"value\">").skip(1);
    let bare: Vec<&str> = values
        .chain(page.split("<small class=\"note\">").skip(1))
        .chain(page.split("<dd>").skip(1))
        .filter_map(|rest| rest.split('<').next())
        .filter(|value| value.contains('_') && value.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect();
    assert_eq!(bare, Vec::<&str>::new());
    let found = browser.get(&format!("/devices?q={}", people::encoded("aquarius i3"))).await.text;
    assert!(found.contains("kab-201-pc03"), "{found}");
    let answer = browser.get(&format!("/api/v1/devices/{}", world.here.device)).await;
    let device: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(device["sections"].as_object().unwrap().len(), SectionName::ALL.len());
    assert_eq!(device["chain"][0]["sequence"], 1);
    let reports = browser.get(&format!("/api/v1/devices/{}/reports", world.here.device)).await.text;
    assert!(reports.contains("\"total\":1"), "{reports}");
}

#[tokio::test]
async fn the_overviews_numbers_open_into_lists_of_as_many() {
    let world = World::new().await;
    report(&world, &world.here, &[]).await;
    let mut browser = world.signed_in("region_viewer").await;
    let page = browser.get("/").await.text;
    for (list, label, count) in [
        ("/devices", "устройства", "2 устройства"),
        ("/devices?seen=seen", "на связи", "1 устройство"),
        ("/devices?seen=silent", "молчат", "0 устройств"),
        ("/devices?seen=never", "ни разу", "1 устройство"),
        ("/devices?seen=today", "сегодня", "2 устройства"),
    ] {
        let number = count.split(' ').next().unwrap();
        let tile = format!("<a href=\"{list}\"><strong>{number}</strong>");
        assert!(page.contains(&tile) && page.contains(label), "{tile}");
        let listed = browser.get(list).await.text;
        assert!(listed.contains(&format!("role=\"status\">{count}<")), "{list}: {listed}");
    }
    assert!(page.contains("/organizations?municipality=57708000"));
    assert_eq!(browser.get("/devices?seen=sometimes").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn health_readiness_and_metrics_answer() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert_eq!(browser.get("/healthz").await.text, "ok\n");
    assert!(browser.get("/readyz").await.text.contains("\"durability\":\"local_disk\""));
    assert_eq!(browser.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let mut administrator = world.signed_in("region_administrator").await;
    assert!(administrator.get("/metrics").await.text.contains("cos_devices 2\n"));
    world.state.store.close().await;
    assert_eq!(browser.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(browser.get("/healthz").await.status, StatusCode::OK);
}
