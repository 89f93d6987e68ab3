//! Every route of the checked-in list, tried by everyone who may not use it.

#![allow(clippy::unwrap_used)]

mod people;

use std::path::Path;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use cos_controller::access::{Right, Role};
use cos_controller::router::{Group, RouteLine, device_router, routes};
use cos_controller::tls::PeerIdentity;
use people::{Answer, Browser, School, World, method};
use tower::ServiceExt;

/// A route's path with its placeholders filled from a school. A placeholder that nobody here knows fails the test:
/// whoever adds one says what another school's technician gets.
fn filled(route: &RouteLine, school: &School) -> String {
    let known = [
        ("{organization}", school.id().to_string()),
        ("{building}", school.building.external_id.to_string()),
        ("{device}", school.device.to_string()),
        ("{token}", school.token.to_string()),
        ("{case}", school.case.to_string()),
        ("{operator}", "01900000-0000-7000-8000-000000000001".to_owned()),
        ("{preview}", "01900000-0000-7000-8000-000000000002".to_owned()),
        ("{file}", "cos.css".to_owned()),
    ];
    let path = known
        .iter()
        .fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "the access test does not know the placeholder in {path}");
    path
}

/// Whether a path names something that belongs to one school.
fn names_a_schools(route: &RouteLine) -> bool {
    ["{organization}", "{building}", "{device}", "{token}", "{case}"]
        .iter()
        .any(|name| route.path.contains(name))
}

/// A body that every field-checking handler accepts, naming this school's things.
fn body(route: &RouteLine, school: &School) -> (&'static str, String) {
    let form = "application/x-www-form-urlencoded";
    let place = people::encoded(&school.place());
    match route.path {
        "/organizations/{organization}/rooms" => (
            form,
            format!("building={}&number=301&name=&purpose=classroom", school.building.external_id),
        ),
        "/organizations/{organization}/tokens" => (form, format!("place={place}&uses=1&days=1&proxy=&note=")),
        "/lines/{building}/contract" => (form, "speed=100&document=x".to_owned()),
        "/devices/{device}/room" => (form, format!("place={place}")),
        "/devices/{device}/retire" => (form, "state=left".to_owned()),
        "/devices/{device}/revoke" => (form, "reason=x".to_owned()),
        "/devices/{device}/kind" => (form, "kind=laptop&reason=x".to_owned()),
        "/api/v1/devices/{device}/kind" => ("application/json", r#"{"kind":"laptop","reason":"x"}"#.to_owned()),
        "/api/v1/devices/{device}/revoke" => ("application/json", r#"{"reason":"x"}"#.to_owned()),
        "/tokens/file" => (form, "line=x".to_owned()),
        "/names" => (form, "kind=jedec&code=80CE&name=x&source=y".to_owned()),
        "/names/forget" => (form, "kind=jedec&code=80CE".to_owned()),
        "/evidence/export" => (form, format!("whose={}&from=&to=", school.device)),
        "/api/v1/evidence/export" => ("application/json", serde_json::json!({ "whose": school.device }).to_string()),
        "/password" => (form, "current=a&new=b&again=b".to_owned()),
        "/operators" => (form, "login=a&display_name=b&role=auditor".to_owned()),
        "/api/v1/tokens" => ("application/json", new_token(school).to_string()),
        "/register/import" | "/organizations/{organization}/devices/import" => ("multipart/form-data; boundary=b", "--b--\r\n".to_owned()),
        _ => (form, String::new()),
    }
}

fn new_token(school: &School) -> serde_json::Value {
    serde_json::json!({
        "organization": school.id(), "building": school.building.external_id, "room": school.room, "uses": 1, "days": 1
    })
}

async fn call(browser: &mut Browser, route: &RouteLine, school: &School) -> Answer {
    let (content_type, body) = body(route, school);
    let mut request = Request::builder()
        .method(method(&route.method))
        .uri(filled(route, school))
        .header(header::CONTENT_TYPE, content_type);
    if !browser.csrf.is_empty() {
        request = request.header("x-csrf-token", &browser.csrf);
    }
    browser.send(request.body(Body::from(body)).unwrap()).await
}

fn for_people() -> Vec<RouteLine> {
    routes().into_iter().filter(|route| route.group != Group::Device).collect()
}

#[test]
fn the_checked_in_list_of_routes_is_current() {
    let lines: Vec<String> = routes().iter().map(ToString::to_string).collect();
    let current = format!("{}\n", lines.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("routes.txt");
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == current,
        "controller/routes.txt is stale: run the test with UPDATE_ROUTES=1 and read what changed"
    );
}

#[tokio::test]
async fn strangers_are_sent_to_sign_in() {
    let world = World::new().await;
    for route in for_people() {
        let answer = call(&mut world.browser(), &route, &world.here).await;
        match (route.right, route.group) {
            (Right::Open, _) => assert!(
                answer.status != StatusCode::UNAUTHORIZED && !answer.status.is_server_error(),
                "{route}: {}",
                answer.status
            ),
            (_, Group::Pages) => {
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "{route}");
                assert!(answer.location().starts_with("/login"), "{route}: {}", answer.location());
            }
            _ => {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{route}");
                assert!(answer.text.contains("unauthenticated"), "{route}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_role_without_the_right_is_refused_and_one_with_it_is_not() {
    let world = World::new().await;
    for role in Role::ALL {
        for route in for_people().into_iter().filter(|route| route.right != Right::Open) {
            // Leaving ends the session; every route gets a fresh one only where it needs it.
            if route.path == "/logout" {
                continue;
            }
            let mut browser = world.signed_in(role.as_str()).await;
            let answer = call(&mut browser, &route, &world.here).await;
            if role.allows(route.right) {
                assert!(
                    answer.status != StatusCode::FORBIDDEN && answer.status != StatusCode::UNAUTHORIZED && !answer.status.is_server_error(),
                    "{role} on {route}: {} {}",
                    answer.status,
                    answer.text
                );
            } else {
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{role} on {route}");
                let for_the_token = answer.text.contains("Форма устарела") || answer.text.contains("\"code\":\"csrf\"");
                assert!(!for_the_token, "{role} on {route} is refused for the right, not for the token");
            }
        }
    }
}

#[tokio::test]
async fn another_schools_technician_finds_nothing_of_this_school() {
    let world = World::new().await;
    for login in ["stranger", "other.municipality"] {
        let mut browser = world.signed_in(login).await;
        // Whatever the role's rights: what one may not do here cannot tell that the thing exists.
        for route in for_people().iter().filter(|route| names_a_schools(route)) {
            let answer = call(&mut browser, route, &world.here).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{login} on {route}: {}", answer.text);
            assert!(!answer.text.contains("Школа № 59"), "{login} on {route}");
        }
    }
}

#[tokio::test]
async fn another_schools_technician_cannot_name_this_schools_places_in_forms() {
    let world = World::new().await;
    let (own, other) = (&world.elsewhere, &world.here);
    let mut browser = world.signed_in("stranger").await;
    let room = [
        ("building", other.building.external_id.to_string()),
        ("number", "9".into()),
        ("purpose", "store".into()),
    ];
    let room: Vec<(&str, &str)> = room.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let place = other.place();
    let token = [("place", place.as_str()), ("uses", "1"), ("days", "1")];
    for (path, fields) in [
        (format!("/organizations/{}/rooms", own.id()), &room[..]),
        (format!("/organizations/{}/tokens", own.id()), &token[..]),
        (format!("/devices/{}/room", own.device), &token[..1]),
    ] {
        let answer = browser.post(&path, fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.text);
    }
    let answer = browser.post_json("/api/v1/tokens", &new_token(other)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    let mut mixed = new_token(other);
    mixed["organization"] = own.id().to_string().into();
    let answer = browser.post_json("/api/v1/tokens", &mixed).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
}

#[tokio::test]
async fn lists_show_ones_own_school_only() {
    let world = World::new().await;
    let mut browser = world.signed_in("stranger").await;
    for path in [
        "/",
        "/organizations",
        "/devices",
        "/changes",
        "/parts?q=a",
        "/tokens",
        "/api/v1/organizations",
        "/api/v1/devices",
        "/api/v1/tokens",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.text.contains("Школа № 59"), "{path}");
        assert!(!answer.text.contains(&world.here.device.to_string()), "{path}");
    }
    assert!(browser.get("/organizations").await.text.contains("Школа № 11"));
}

#[tokio::test]
async fn nothing_is_changed_without_the_sessions_token() {
    let world = World::new().await;
    for route in for_people()
        .iter()
        .filter(|route| route.method == "POST" && route.right != Right::Open)
    {
        for wrong in ["", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let mut browser = world.signed_in("region_administrator").await;
            browser.csrf = wrong.to_owned();
            let answer = call(&mut browser, route, &world.here).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{route}");
        }
    }
}

#[tokio::test]
async fn a_device_route_without_a_certificate_is_refused() {
    let world = World::new().await;
    let router = device_router(world.state.clone());
    for route in routes().iter().filter(|route| route.right == Right::Device) {
        let request = Request::builder()
            .method(method(&route.method))
            .uri(route.path)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(PeerIdentity::None)
            .body(Body::from("{}"))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert!(
            matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST),
            "{route}: {}",
            response.status()
        );
    }
}

#[tokio::test]
async fn the_interface_document_holds_every_route_for_programs() {
    let document: serde_json::Value = serde_json::from_str(&cos_controller::api::people::openapi_document()).unwrap();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    for route in routes().iter().filter(|route| route.group == Group::Api) {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        assert!(operation.is_object(), "{route} is not in the OpenAPI document");
        assert!(
            operation["responses"].as_object().is_some_and(|answers| !answers.is_empty()),
            "{route}"
        );
    }
    let listed = routes().iter().filter(|route| route.group == Group::Api).count();
    let described: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum();
    assert_eq!(described, listed, "the document describes a route that does not exist");
}
