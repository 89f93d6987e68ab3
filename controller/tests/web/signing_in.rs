//! Signing in and out, passwords, and who may not.

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
