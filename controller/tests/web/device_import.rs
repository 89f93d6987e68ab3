//! Importing what other systems state: a real agent's export uploaded, previewed, confirmed, and shown as what it is.

use super::*;
use cos_agent::inventory;
use cos_agent::platform::FileTree;
use cos_controller::store::{Page, Scope};
use inventory_schema::glpi;

fn upload(csrf: &str, place: &str, files: &[(&str, &str)]) -> (String, String) {
    let boundary = "boundary-of-the-test";
    let mut body = String::new();
    for (name, value) in [("csrf", csrf), ("place", place)] {
        body += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    for (name, file) in files {
        body += &format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/json\r\n\r\n{file}\r\n"
        );
    }
    body += &format!("--{boundary}--\r\n");
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// A computer with a board, as its agent exports it.
fn exported() -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("sys/class/dmi/id/sys_vendor", "LENOVO\n");
    write("sys/class/dmi/id/product_name", "ThinkCentre M70q\n");
    write("sys/class/dmi/id/product_serial", "PF1ABCDE\n");
    write("proc/meminfo", "MemTotal:        8000000 kB\n");
    write("etc/hostname", "kab-201-pc07\n");
    write(
        "etc/os-release",
        "ID=altlinux\nVERSION_ID=10.2\nPRETTY_NAME=\"ALT Education 10.2\"\n",
    );
    let inventory = inventory::collect(&FileTree::new(folder.path()));
    serde_json::to_string(&glpi::export(&inventory)).unwrap()
}

#[tokio::test]
async fn a_preview_is_found_only_as_what_it_is_of() {
    let world = World::new().await;
    let mut browser = world.signed_in("region_administrator").await;
    let (kind, body) = upload(&browser.csrf, &world.here.place(), &[("pc.json", &exported())]);
    let form = format!("/organizations/{}/devices/import", world.here.id());
    let preview = browser.post_raw(&form, &kind, body).await.location().to_owned();
    assert_eq!(browser.get(&preview).await.status, StatusCode::OK);
    let of_the_register = preview.replacen("/devices/import/", "/register/import/", 1);
    assert_ne!(preview, of_the_register);
    assert_eq!(browser.get(&of_the_register).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_another_system_states_is_previewed_confirmed_and_shown_as_its_word() {
    let world = World::new().await;
    let mut browser = world.signed_in("school_technician").await;
    let form = format!("/organizations/{}/devices/import", world.here.id());
    assert!(browser.get(&form).await.text.contains("Сведения других систем"));
    let files = [("pc.json", exported()), ("ivanova.json", "{".to_owned())];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, file)| (*name, file.as_str())).collect();
    let (kind, body) = upload(&browser.csrf, &world.here.place(), &files);
    let answer = browser.post_raw(&form, &kind, body.clone()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let preview = answer.location().to_owned();
    let page = browser.get(&preview).await.text;
    for said in ["kab-201-pc07", "ThinkCentre M70q", "PF1ABCDE", "JSON нарушен", "withheld"] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
    assert!(!page.contains("ivanova"), "{page}");
    let everything = cos_controller::store::device_list::DeviceFilter::default();
    let count = async || {
        world
            .state
            .store
            .devices(Scope::REGION, &everything, Page::default())
            .await
            .unwrap()
            .total
    };
    let before = count().await;
    assert_eq!(
        browser.post(&format!("{preview}/confirm"), &[]).await.location(),
        "/devices?seen=stated"
    );
    assert_eq!(count().await, before + 1);
    assert_eq!(browser.get(&preview).await.status, StatusCode::NOT_FOUND, "once");

    let list = browser.get("/devices?seen=stated").await.text;
    assert!(list.contains("kab-201-pc07") && list.contains("со слов другой системы"), "{list}");
    let id = list
        .split("/devices/")
        .find_map(|rest| rest.get(..36).filter(|id| id.matches('-').count() == 4));
    let id = id.unwrap().to_owned();
    let page = browser.get(&format!("/devices/{id}")).await.text;
    for said in [
        "со слов другой системы",
        "рассказала другая система",
        "сведения GLPI",
        "pc.json",
        "cos-agent_v",
        "ALT Education 10.2",
    ] {
        assert!(page.contains(said), "«{said}» is not in: {page}");
    }
    let mut administrator = world.signed_in("region_administrator").await;
    let program: serde_json::Value = serde_json::from_str(&administrator.get(&format!("/api/v1/devices/{id}")).await.text).unwrap();
    assert_eq!(program["evidence_level"], "stated");
    assert_eq!(program["stated_by"]["origin"], "glpi");
    assert_eq!(program["sections"]["system"]["body"]["content"]["serial"]["source"], "glpi");
    assert!(administrator.get("/").await.text.contains("/devices?seen=stated"));
    let never = browser.get("/devices?seen=never").await.text;
    assert!(!never.contains("kab-201-pc07"), "who has no agent owes no report");
    let mut auditor = world.signed_in("auditor").await;
    assert!(auditor.get("/activity").await.text.contains("загружены сведения другой системы"));

    // Retired it is counted no more, and what the same file says changes nothing about that.
    let retire = format!("/devices/{id}/retire");
    assert_eq!(browser.post(&retire, &[("state", "left")]).await.status, StatusCode::SEE_OTHER);
    assert!(!browser.get("/devices?seen=stated").await.text.contains("kab-201-pc07"));
    assert!(browser.get("/devices?seen=left").await.text.contains("kab-201-pc07"));
    let agents = format!("/devices/{}/retire", world.here.device);
    assert_eq!(
        browser.post(&agents, &[("state", "left")]).await.status,
        StatusCode::BAD_REQUEST,
        "an agent's device leaves by its own word"
    );

    // The same file once more has nothing to confirm.
    let answer = browser.post_raw(&form, &kind, body).await;
    let page = browser.get(answer.location()).await.text;
    assert!(page.contains("Записывать нечего") && page.contains("без изменений"), "{page}");
}

#[tokio::test]
async fn a_file_goes_to_a_place_of_ones_own_school_only() {
    let world = World::new().await;
    let mut browser = world.signed_in("school_technician").await;
    let file = exported();
    let files = [("pc.json", file.as_str())];
    let (kind, body) = upload(&browser.csrf, &world.elsewhere.place(), &files);
    let form = format!("/organizations/{}/devices/import", world.here.id());
    assert_eq!(
        browser.post_raw(&form, &kind, body.clone()).await.status,
        StatusCode::BAD_REQUEST,
        "a place of another school"
    );
    let other = format!("/organizations/{}/devices/import", world.elsewhere.id());
    assert_eq!(browser.post_raw(&other, &kind, body).await.status, StatusCode::NOT_FOUND);
    let (kind, body) = upload(&browser.csrf, &world.here.place(), &[]);
    assert!(browser.post_raw(&form, &kind, body).await.text.contains("Выберите файл"));
    let mut viewer = world.signed_in("region_viewer").await;
    assert_eq!(viewer.get(&form).await.status, StatusCode::FORBIDDEN);
}
