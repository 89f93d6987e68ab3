//! Where buildings' lines stand, one building's measurements, its contract, its act and its workbook.

use cos_controller::line_sample;
use cos_controller::store::Scope;
use inventory_schema::BuildingId;

use super::*;

/// A region with made-up measurements of four weeks.
async fn measured() -> World {
    let world = World::new().await;
    // In autumn: no lessons are measured in summer.
    world.advance_seconds(80 * 86_400);
    let state = &world.state;
    line_sample::write(&state.store, &state.lines, &state.region.zone, state.clock.now())
        .await
        .unwrap();
    world
}

fn building(world: &World) -> BuildingId {
    world.here.building.external_id
}

#[tokio::test]
async fn the_regions_table_filters_and_its_numbers_open_into_lists() {
    let world = measured().await;
    let mut browser = world.signed_in(Role::RegionViewer.as_str()).await;
    let overview = browser.get("/").await.text;
    assert!(overview.contains("href=\"/lines?standing=meets\""), "{overview}");
    let page = browser.get("/lines").await.text;
    for said in ["СООТВЕТСТВУЕТ", "НЕТ ДАННЫХ", "НЕ ДОКАЗАНО", "Учебные данные", "100\u{a0}Мбит/с"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    let listed = |page: &str| page.matches("href=\"/lines/0").count();
    let all = listed(&page);
    assert!(all >= 2, "{page}");
    let mut by_standing = 0;
    for standing in ["below", "unreliable", "not_proven", "no_data", "meets"] {
        by_standing += listed(&browser.get(&format!("/lines?standing={standing}")).await.text);
    }
    assert_eq!(by_standing, all);
    assert_eq!(listed(&browser.get("/lines?q=нет+такой").await.text), 0);
    // A school's own technician sees that school alone.
    let mut technician = world.signed_in("stranger").await;
    let own = technician.get("/lines").await.text;
    assert!(listed(&own) < all && !own.contains(&building(&world).to_string()));
    assert_eq!(
        technician.get(&format!("/lines/{}", building(&world))).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_buildings_page_shows_the_chart_every_measurement_and_the_rule() {
    let world = measured().await;
    let mut browser = world.signed_in(Role::Auditor.as_str()).await;
    let page = browser.get(&format!("/lines/{}", building(&world))).await.text;
    for said in [
        "<svg class=\"line-chart\"",
        "class=\"level target\"",
        "class=\"week ",
        "Правило line-1",
        "учебные данные",
        "Доказанная доля уроков",
        "Срок 31.12.2021",
        "Региональный узел",
    ] {
        assert!(page.to_lowercase().contains(&said.to_lowercase()), "{said}: {page}");
    }
    assert!(!page.contains("action=\"/lines/"), "an auditor records no contracts");
    let act = browser.get(&format!("/lines/{}/act", building(&world))).await.text;
    for said in ["Акт замеров", "За оператора связи", "Учебные данные", "недействительные"]
    {
        assert!(act.contains(said), "{said}: {act}");
    }
    let english = {
        browser.post("/language", &[("language", "en"), ("to", "/")]).await;
        browser.get(&format!("/lines/{}", building(&world))).await.text
    };
    assert!(
        english.contains("Measurements") && !english.contains("Unknown localization"),
        "{english}"
    );
}

#[tokio::test]
async fn a_contracted_speed_is_recorded_with_who_and_when_and_former_ones_stay() {
    let world = measured().await;
    let mut browser = world.signed_in(Role::Registrar.as_str()).await;
    let path = format!("/lines/{}", building(&world));
    let form = format!("{path}/contract");
    let wrong = browser.post(&form, &[("speed", "сто"), ("document", " ")]).await;
    assert_eq!(wrong.status, StatusCode::OK);
    assert!(
        wrong.text.contains("Скорость — число") && wrong.text.contains("Укажите договор"),
        "{}",
        wrong.text
    );
    let fields = [("speed", "150,5"), ("document", "№ 7-ЕСПД  от 01.02.2026")];
    assert_eq!(browser.post(&form, &fields).await.status, StatusCode::SEE_OTHER);
    world.advance_seconds(60);
    assert_eq!(
        browser.post(&form, &[("speed", ""), ("document", "расторгнут")]).await.status,
        StatusCode::SEE_OTHER
    );
    let page = browser.get(&path).await.text;
    for said in [
        "150,5\u{a0}Мбит/с",
        "№ 7-ЕСПД от 01.02.2026",
        "registrar",
        "расторгнут",
        "не известна",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let mut auditor = world.signed_in(Role::Auditor.as_str()).await;
    let log = auditor.get("/activity").await.text;
    assert!(log.contains("записана договорная скорость"), "{log}");
}

#[tokio::test]
async fn the_workbooks_and_the_interface_say_the_same() {
    let world = measured().await;
    let state = &world.state;
    let rule = &state.lines;
    let filter = Default::default();
    let region = cos_controller::workbook::region(&state.store, Scope::REGION, rule, &filter, "Пермский край", state.clock.now());
    let rows = sheet(region.await.unwrap(), "Корпуса");
    assert_eq!(rows[0][8], "Состояние");
    let mut browser = world.signed_in(Role::RegionAdministrator.as_str()).await;
    let listed: serde_json::Value = serde_json::from_str(&browser.get("/api/v1/lines").await.text).unwrap();
    assert_eq!(listed["total"].as_u64().unwrap() as usize, rows.len() - 1);
    let download = browser.get("/lines/export.xlsx").await;
    assert_eq!(download.status, StatusCode::OK);

    let path = format!("/api/v1/lines/{}", building(&world));
    let one: serde_json::Value = serde_json::from_str(&browser.get(&path).await.text).unwrap();
    let report = cos_controller::line_report::read(
        &state.store,
        Scope::REGION,
        building(&world),
        rule,
        &state.region.zone,
        cos_controller::line_report::Span::Window.until(state.clock.now(), &state.region.zone),
    );
    let report = report.await.unwrap().unwrap();
    let bytes = cos_controller::workbook::building(&report, rule, "Пермский край", state.clock.now()).unwrap();
    let samples = sheet(bytes, "Замеры");
    let measurements = one["measurements"].as_array().unwrap();
    assert_eq!(samples.len() - 1, measurements.len());
    assert_eq!(one["down"]["standing"], report.down.standing.as_str());
    assert_eq!(one["generated"], true);
}

/// A sheet's rows as texts.
fn sheet(bytes: Vec<u8>, name: &str) -> Vec<Vec<String>> {
    use calamine::{Data, Reader, Xlsx};
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range(name).unwrap();
    let text = |cell: &Data| cell.to_string();
    range.rows().map(|row| row.iter().map(text).collect()).collect()
}
