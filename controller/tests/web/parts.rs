//! What changed, the parts of devices and the names of parts.

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
