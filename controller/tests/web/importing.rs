//! Importing a register with a preview.

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
