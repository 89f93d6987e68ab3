//! What people do on the pages, from signing in to importing a register, against the real store.

#![allow(clippy::unwrap_used)]

mod people;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use axum::http::{StatusCode, header};
use cos_controller::access::Role;
use inventory_schema::{CanonicalBytes, SectionName};
use people::{PASSWORD, World, report};

mod signing_in {
    use super::*;

    #[tokio::test]
    async fn a_wrong_password_an_unknown_login_and_a_disabled_operator_get_one_answer() {
        let world = World::new().await;
        let record = world.state.store.operator_by_login("auditor").await.unwrap().unwrap();
        world
            .state
            .store
            .set_operator_disabled(record.id, Some(world.state.clock.now()))
            .await
            .unwrap();
        let mut answers = BTreeSet::new();
        for (login, password) in [("registrar", "не тот пароль"), ("nobody", PASSWORD), ("auditor", PASSWORD)] {
            let answer = world.browser().post("/login", &[("login", login), ("password", password)]).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(answer.headers.get(header::SET_COOKIE).is_none(), "{login}");
            answers.insert(answer.text.replace(login, "LOGIN"));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    }

    #[tokio::test]
    async fn an_account_closes_after_five_failures_and_opens_again() {
        let world = World::new().await;
        let mut browser = world.browser();
        for _ in 0..5 {
            browser
                .post("/login", &[("login", "registrar"), ("password", "не тот пароль")])
                .await;
        }
        let right = [("login", "registrar"), ("password", PASSWORD)];
        assert_eq!(
            browser.post("/login", &right).await.status,
            StatusCode::OK,
            "closed for the right password too"
        );
        assert_eq!(
            world
                .browser()
                .post("/login", &[("login", "auditor"), ("password", PASSWORD)])
                .await
                .status,
            StatusCode::SEE_OTHER,
            "others are not concerned"
        );
        world.advance_seconds(61);
        assert_eq!(browser.post("/login", &right).await.status, StatusCode::SEE_OTHER);
        let mut auditor = world.signed_in("auditor").await;
        assert!(auditor.get("/activity").await.text.contains("неудачный вход"));
    }

    #[tokio::test]
    async fn a_first_password_must_be_changed_before_anything_else() {
        let world = World::new().await;
        let here = world.here.organization.clone();
        world.operator("new.one", Role::SchoolTechnician, &here, true).await;
        let mut browser = world.signed_in("new.one").await;
        assert_eq!(browser.get("/").await.location(), "/password");
        assert_eq!(browser.get("/api/v1/devices").await.status, StatusCode::FORBIDDEN);
        let form = browser.get("/password").await;
        let csrf = field(&form.text, "csrf");
        browser.csrf = csrf;
        for (new, again, sentence) in [
            ("коротко", "коротко", "короче 10 знаков"),
            (PASSWORD, PASSWORD, "совпадает с нынешним"),
            ("хороший пароль", "хороший паролъ", "по-разному"),
        ] {
            let fields = [("current", PASSWORD), ("new", new), ("again", again)];
            let answer = browser.post("/password", &fields).await;
            assert!(answer.text.contains(sentence), "{sentence}");
        }
        let fields = [("current", PASSWORD), ("new", "хороший пароль"), ("again", "хороший пароль")];
        assert_eq!(browser.post("/password", &fields).await.location(), "/");
        assert_eq!(browser.get("/").await.status, StatusCode::OK, "the session goes on");
        let again = [("login", "new.one"), ("password", PASSWORD)];
        assert_eq!(
            world.browser().post("/login", &again).await.status,
            StatusCode::OK,
            "the old password is void"
        );
    }

    #[tokio::test]
    async fn a_session_ends_when_idle_and_when_left() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        world.advance_seconds(60 * 60);
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        world.advance_seconds(90 * 60);
        assert_eq!(browser.get("/").await.status, StatusCode::OK, "use prolongs");
        world.advance_seconds(121 * 60);
        assert_eq!(browser.get("/").await.location(), "/login");
        let mut browser = world.signed_in("registrar").await;
        let copy = browser.clone();
        assert_eq!(browser.post("/logout", &[]).await.location(), "/login");
        assert_eq!(
            copy.clone().get("/").await.location(),
            "/login",
            "the session is gone, not only the cookie"
        );
    }

    #[tokio::test]
    async fn the_session_cookie_is_for_this_host_over_tls_and_not_for_scripts() {
        let world = World::new().await;
        let answer = world
            .browser()
            .post(
                "/login",
                &[("login", "registrar"), ("password", PASSWORD), ("to", "//evil.example")],
            )
            .await;
        assert_eq!(answer.location(), "/", "nobody is sent elsewhere");
        let cookie = answer
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .find(|line| line.to_str().unwrap().starts_with("__Host-session="));
        let cookie = cookie.unwrap().to_str().unwrap();
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
    }

    #[tokio::test]
    async fn another_sites_form_is_refused_and_says_why() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        browser.csrf = "forged".into();
        let answer = browser.post("/logout", &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("Форма устарела"));
    }
}

mod pages {
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
        let bare: Vec<&str> = page
            .split("<span class=\"value\">")
            .skip(1)
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
}

mod tokens {
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
}

mod operators {
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
}

mod importing {
    use super::*;
    use cos_controller::register::export_csv;
    use cos_controller::register::sample::perm_2020;

    fn upload(csrf: &str, name: &str, file: &str) -> (String, String) {
        let boundary = "boundary-of-the-test";
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n{file}\r\n--{boundary}--\r\n"
        );
        (format!("multipart/form-data; boundary={boundary}"), body)
    }

    #[tokio::test]
    async fn a_register_is_previewed_confirmed_and_then_the_same() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        let table = export_csv(&perm_2020().register);
        let (kind, body) = upload(&browser.csrf, "perm.csv", &table);
        let answer = browser.post_raw("/register/import", &kind, body.clone()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let preview = answer.location().to_owned();
        let page = browser.get(&preview).await.text;
        assert!(page.contains("Новые") && page.contains("Отсутствуют в файле"), "{page}");
        assert!(
            browser.get("/organizations").await.text.contains("Найдены 2 организации"),
            "nothing is written yet"
        );
        let mut another = world.signed_in("region_administrator").await;
        assert_eq!(
            another.get(&preview).await.status,
            StatusCode::NOT_FOUND,
            "a preview is its maker's"
        );
        assert_eq!(browser.post(&format!("{preview}/confirm"), &[]).await.location(), "/organizations");
        assert!(
            browser.get("/organizations").await.text.contains("Найдены 103 организации"),
            "101 and the two before"
        );
        assert_eq!(browser.post(&format!("{preview}/confirm"), &[]).await.status, StatusCode::NOT_FOUND);
        let answer = browser.post_raw("/register/import", &kind, body).await;
        let page = browser.get(answer.location()).await.text;
        assert!(page.contains("не отличается от реестра") && !page.contains("Подтвердить"), "{page}");
        let mut auditor = world.signed_in("auditor").await;
        assert!(auditor.get("/activity").await.text.contains("реестр загружен"));
    }

    #[tokio::test]
    async fn a_file_with_errors_lists_them_by_line_and_cannot_be_confirmed() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        let (kind, body) = upload(&browser.csrf, "bad.csv", "ОГРН;ИНН\r\n1;2\r\n");
        let answer = browser.post_raw("/register/import", &kind, body).await;
        let preview = answer.location().to_owned();
        let page = browser.get(&preview).await.text;
        assert!(page.contains("Ошибки по строкам") && !page.contains("Подтвердить"), "{page}");
        assert_eq!(
            browser.post(&format!("{preview}/confirm"), &[]).await.status,
            StatusCode::BAD_REQUEST
        );
        assert_eq!(
            browser.post(&format!("{preview}/discard"), &[]).await.location(),
            "/register/import"
        );
        assert_eq!(browser.get(&preview).await.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_large_file_is_read_and_a_larger_one_refused() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        let (kind, body) = upload(&browser.csrf, "large.csv", &"ОГРН;ИНН\r\n".repeat(200_000));
        assert_eq!(
            browser.post_raw("/register/import", &kind, body).await.status,
            StatusCode::SEE_OTHER
        );
        let (kind, body) = upload(&browser.csrf, "larger.csv", &"ОГРН;ИНН\r\n".repeat(1_100_000));
        assert_eq!(
            browser.post_raw("/register/import", &kind, body).await.status,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }

    #[tokio::test]
    async fn a_preview_of_a_register_that_changed_meanwhile_is_not_confirmed() {
        let world = World::new().await;
        let mut browser = world.signed_in("registrar").await;
        let (kind, body) = upload(&browser.csrf, "perm.csv", &export_csv(&perm_2020().register));
        let preview = browser.post_raw("/register/import", &kind, body).await.location().to_owned();
        let building = world.here.building.external_id.to_string();
        let room = [("building", building.as_str()), ("number", "7"), ("purpose", "store")];
        browser.post(&format!("/organizations/{}/rooms", world.here.id()), &room).await;
        let answer = browser.post(&format!("{preview}/confirm"), &[]).await;
        assert!(answer.text.contains("Реестр изменился"), "{}", answer.text);
        assert!(browser.get("/organizations").await.text.contains("Найдены 2 организации"));
    }
}

mod evidence {
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
}

mod evidence_for_programs {
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
}

mod parts {
    use std::time::Duration;

    use super::*;
    use cos_controller::task::parts;
    use inventory_schema::SectionName;

    fn disk(serial: &str) -> (SectionName, Vec<u8>) {
        let body = format!(
            r#"{{"content":{{"disks":[{{"kind":{{"source":"sysfs_block","value":"solid_state"}},"model":{{"source":"sysfs_block","value":"KINGSTON SA400S37"}},"name":"sda","serial":{{"source":"udev","value":"{serial}"}},"size":{{"source":"sysfs_block","value":240057409536}}}}]}},"format":"storage/1"}}"#
        );
        (SectionName::Storage, body.into_bytes())
    }

    fn memory_and_cards() -> Vec<(SectionName, Vec<u8>)> {
        let memory = r#"{"content":{"modules":[{"maker":{"source":"smbios","value":"80CE"},"serial":{"source":"smbios","value":"1A2B3C4D"}}]},"format":"memory/1"}"#;
        let display = r#"{"content":{"adapters":[{"hardware_id":{"source":"sysfs_pci","value":"8086:5916"}}],"monitors":[{"connection":{"source":"sysfs_drm","value":"built_in"},"model":{"source":"edid","value":"XYZ156-B1"},"port":"eDP-1"}]},"format":"display/1"}"#;
        vec![
            (SectionName::Memory, memory.as_bytes().to_vec()),
            (SectionName::Display, display.as_bytes().to_vec()),
        ]
    }

    /// A disk of this school that turned up in the other one, this one's computer being silent since.
    async fn wandered() -> World {
        let world = World::new().await;
        report(&world, &world.here, &[disk("50026B77839A")]).await;
        parts::run(&world.state.store, world.state.clock.now()).await.unwrap();
        world.advance_seconds(3_600);
        report(&world, &world.elsewhere, &[disk("50026B77839A")]).await;
        let store = &world.state.store;
        parts::run(store, world.state.clock.now()).await.unwrap();
        let week = Duration::from_secs(8 * 86_400);
        parts::run(store, world.state.clock.now() + week).await.unwrap();
        world
    }

    #[tokio::test]
    async fn a_part_that_moved_is_one_line_naming_both_devices_to_who_may_see_both() {
        let world = wandered().await;
        let (here, elsewhere) = (world.here.device.to_string(), world.elsewhere.device.to_string());
        let mut region = world.signed_in("region_viewer").await;
        let page = region.get("/changes").await.text;
        for said in [
            "1 изменение",
            "Переехала",
            "Диск KINGSTON SA400S37",
            "50026B77839A",
            "Школа № 59",
            "Школа № 11",
            "молчит",
        ] {
            assert!(page.contains(said), "«{said}» is not in: {page}");
        }
        assert!(page.contains(&here) && page.contains(&elsewhere));
        // The school that lost it sees where it does not go.
        let mut technician = world.signed_in("school_technician").await;
        let page = technician.get("/changes").await.text;
        assert!(page.contains(&here) && page.contains("устройство другой организации"));
        assert!(!page.contains(&elsewhere) && !page.contains("Школа № 11"), "{page}");
        let device = technician.get(&format!("/devices/{here}")).await.text;
        assert!(
            device.contains("История деталей") && device.contains("видимо, перенесена"),
            "{device}"
        );
        assert!(!device.contains(&elsewhere));
    }

    #[tokio::test]
    async fn changes_are_filtered_by_kind_and_school() {
        let world = wandered().await;
        let mut browser = world.signed_in("region_viewer").await;
        let mut count = async |path: &str| {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            page.text.matches("class=\"badge doubt\">Переехала").count()
        };
        assert_eq!(count("/changes?kind=part_moved").await, 1);
        assert_eq!(count("/changes?kind=part_duplicate").await, 0);
        assert_eq!(count(&format!("/changes?school={}", people::encoded("школа № 59"))).await, 1);
        assert_eq!(
            count(&format!("/changes?school={}", people::encoded("школа"))).await,
            0,
            "which one is asked"
        );
        assert_eq!(count(&format!("/changes?school={}", world.elsewhere.id())).await, 1);
        assert_eq!(count("/changes?school=nowhere").await, 0);
        let mut browser = world.signed_in("region_viewer").await;
        assert_eq!(browser.get("/changes?kind=x").await.status, StatusCode::BAD_REQUEST);
        let asked = browser.get(&format!("/changes?school={}", people::encoded("школа"))).await.text;
        assert!(asked.contains(&format!("/changes?school={}", world.here.id())), "{asked}");
    }

    #[tokio::test]
    async fn a_part_is_found_where_it_is_and_where_it_was() {
        let world = wandered().await;
        let mut browser = world.signed_in("region_viewer").await;
        for query in ["50026b77", "kingston+sa400"] {
            let page = browser.get(&format!("/parts?q={query}")).await.text;
            assert!(
                page.contains("2 детали") && page.contains("на месте") && page.contains("видимо, перенесена"),
                "{page}"
            );
        }
        assert!(browser.get("/parts?q=XXXX").await.text.contains("0 деталей"));
        assert!(browser.get("/parts").await.text.contains("Введите номер"));
        let long = "A".repeat(101);
        assert_eq!(browser.get(&format!("/parts?q={long}")).await.status, StatusCode::BAD_REQUEST);
        let mut stranger = world.signed_in("stranger").await;
        let page = stranger.get("/parts?q=50026b77").await.text;
        assert!(
            page.contains("1 деталь") && !page.contains(&world.here.device.to_string()),
            "{page}"
        );
    }

    #[tokio::test]
    async fn a_taught_name_is_used_on_the_devices_page_and_can_be_taken_back() {
        let world = World::new().await;
        report(&world, &world.here, &memory_and_cards()).await;
        let device = format!("/devices/{}", world.here.device);
        let mut browser = world.signed_in("registrar").await;
        let page = browser.get(&device).await.text;
        assert!(
            page.contains("Samsung (80CE)") && page.contains("Intel HD Graphics 620 (8086:5916)"),
            "{page}"
        );
        assert!(!page.contains("15,4″"));
        let teach = [("kind", "panel"), ("code", "xyz156-b1"), ("name", "15,4"), ("source", "рулетка")];
        assert_eq!(browser.post("/names", &teach).await.location(), "/names");
        let names = browser.get("/names").await.text;
        for said in ["XYZ156-B1", "15.4", "рулетка", "registrar", "80CE", "Ramaxel"] {
            assert!(names.contains(said), "{said}: {names}");
        }
        let page = browser.get(&device).await.text;
        assert!(page.contains("15,4″") && page.contains("справочник названий"), "{page}");
        let wrong = [("kind", "pci"), ("code", "8086-5916"), ("name", ""), ("source", "")];
        let refused = browser.post("/names", &wrong).await.text;
        assert!(
            refused.contains("Код PCI") && refused.contains("от 1 до 80") && refused.contains("8086-5916"),
            "{refused}"
        );
        let forgotten = [("kind", "panel"), ("code", "XYZ156-B1")];
        assert_eq!(browser.post("/names/forget", &forgotten).await.location(), "/names");
        assert!(!browser.get(&device).await.text.contains("15,4″"));
        let log = world.signed_in("auditor").await.get("/activity").await.text;
        assert!(log.contains("название внесено") && log.contains("название убрано"));
    }
}

mod locales {
    use super::*;

    fn keys(language: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(language);
        files(&folder)
            .iter()
            .flat_map(|file| {
                std::fs::read_to_string(file)
                    .unwrap()
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .filter_map(|line| line.split_once(" =").map(|(key, _)| key.to_owned()))
            .filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase()))
            .collect()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push(path);
            }
        }
        found
    }

    /// Keys written out as `.t("…")`, `.n("…"`, `.with("…"`.
    fn used() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut keys = BTreeSet::new();
        for file in files(&root.join("templates")).into_iter().chain(files(&root.join("src/web"))) {
            let text = std::fs::read_to_string(&file).unwrap();
            for call in [".t(\"", ".n(\"", ".with(\""] {
                for rest in text.split(call).skip(1) {
                    let key: String = rest.chars().take_while(|c| *c != '"').collect();
                    // Entries of the activity log have a `.with("name", value)` too: a sentence's argument has a name.
                    let names_an_argument = rest[key.len() + 1..].starts_with(", \"");
                    if call != ".with(\"" || names_an_argument {
                        keys.insert(key);
                    }
                }
            }
        }
        keys
    }

    #[test]
    fn both_languages_have_the_same_keys_and_every_key_that_is_used() {
        let (russian, english) = (keys("ru"), keys("en"));
        assert_eq!(
            russian.difference(&english).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "only in Russian"
        );
        assert_eq!(
            english.difference(&russian).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "only in English"
        );
        let used = used();
        let missing: Vec<_> = used.difference(&russian).filter(|key| *key != "key").collect();
        assert!(missing.is_empty(), "used and nowhere defined: {missing:?}");
        assert!(used.len() > 150, "the test still finds the keys: {}", used.len());
    }
}

/// The value of a hidden field of a page.
fn field(page: &str, name: &str) -> String {
    let marker = format!("name=\"{name}\" value=\"");
    let start = page.find(&marker).unwrap() + marker.len();
    page[start..].chars().take_while(|c| *c != '"').collect()
}
