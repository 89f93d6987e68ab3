//! The register: versions, the past, search, order, scope.

use cos_controller::store::organization::OrganizationFilter;
use cos_controller::store::register::{OrganizationStatus, RegisterChanges};
use cos_controller::store::{Page, Scope, Store, StoreError};

use crate::fixture::{at, building, import, municipality_scope, ogrn, organization, place_of, region, room, with_region};

pub async fn an_import_is_read_back_as_it_was_applied(store: Store) {
    store.upsert_municipalities(&region().municipalities[..1]).await.unwrap();
    with_region(&store).await;
    let mut applied = region();
    applied.municipalities.sort_by(|a, b| a.oktmo.cmp(&b.oktmo));
    let snapshot = store.register_snapshot().await.unwrap();
    assert_eq!(snapshot.municipalities, applied.municipalities);
    assert_eq!(snapshot.organizations, applied.organizations);
    assert_eq!(snapshot.buildings, applied.buildings);
    assert_eq!(snapshot.rooms, applied.rooms);
}

pub async fn a_change_adds_a_version_and_the_past_can_be_asked(store: Store) {
    with_region(&store).await;
    let before = store.organization_by_ogrn(Scope::REGION, &ogrn(1)).await.unwrap().unwrap();
    let mut changed = organization(1, "57654000", "МАОУ «Лицей № 2»");
    changed.status = OrganizationStatus::Reorganized;
    let mut moved = building(1, 1);
    moved.address = "ул. Ленина, 1".into();
    let mut renamed = room(1, 1, "101");
    renamed.name = "Мастерская".parse().unwrap();
    let changes = RegisterChanges {
        organizations: vec![changed],
        buildings: vec![moved],
        rooms: vec![renamed],
        ..Default::default()
    };
    store.apply_register(&changes, &import(1000)).await.unwrap();

    let now = store.organization(Scope::REGION, before.external_id).await.unwrap().unwrap();
    assert_eq!((now.id, now.short_name.as_str()), (before.id, "МАОУ «Лицей № 2»"));
    assert_eq!((now.valid_from, now.valid_to, now.recorded_at), (at(1000), None, at(1000)));
    assert_eq!(now.municipality_name, "Чердынский");
    let then = store
        .organization_as_of(Scope::REGION, before.external_id, at(999))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(then.short_name, before.short_name);
    assert_eq!((then.valid_to, then.status), (Some(at(1000)), OrganizationStatus::Active));
    let later = store
        .organization_as_of(Scope::REGION, before.external_id, at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(later, now);
    let never = store.organization_as_of(Scope::REGION, before.external_id, at(-1)).await.unwrap();
    assert_eq!(never, None);

    let buildings = store.buildings(Scope::REGION, before.external_id).await.unwrap();
    let addresses: Vec<&str> = buildings.iter().map(|building| building.address.as_str()).collect();
    assert_eq!(addresses, ["ул. Ленина, 1", "ул. Мира, 2"]);
    let rooms = store.rooms(Scope::REGION, before.external_id).await.unwrap();
    let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
    assert_eq!(names, ["Мастерская", "Кабинет 102", "Кабинет 201"]);
    let by_number = store.organization_by_internal_id(Scope::REGION, before.id).await.unwrap();
    assert_eq!(by_number, Some(now));
}

pub async fn a_row_without_its_parent_writes_nothing(store: Store) {
    with_region(&store).await;
    let before = store.register_snapshot().await.unwrap();
    let orphans = [
        RegisterChanges {
            organizations: vec![organization(4, "57701000", "Новая"), organization(5, "12345678", "Чужая")],
            ..Default::default()
        },
        RegisterChanges {
            organizations: vec![organization(4, "57701000", "Новая")],
            buildings: vec![building(9, 1)],
            ..Default::default()
        },
        RegisterChanges {
            rooms: vec![room(1, 7, "1")],
            ..Default::default()
        },
    ];
    for changes in orphans {
        let error = store.apply_register(&changes, &import(5)).await.unwrap_err();
        assert!(matches!(error, StoreError::Reference { .. }), "{error:?}");
    }
    assert_eq!(store.register_snapshot().await.unwrap(), before);
}

pub async fn cyrillic_is_searched_and_ordered_alike(store: Store) {
    with_region(&store).await;
    let names = async |query: &str| -> Vec<String> {
        let filter = OrganizationFilter {
            query: Some(query.into()),
            municipality: None,
        };
        let found = store.organizations(Scope::REGION, &filter, Page::default()).await.unwrap();
        assert_eq!(found.total, found.rows.len() as i64);
        found.rows.into_iter().map(|row| row.short_name).collect()
    };
    let both = ["МАОУ «Школа № 2» г. Перми", "МАОУ «Школа № 10» г. Перми"];
    assert_eq!(names("школа №").await, both);
    assert_eq!(names("ШКОЛА").await, both);
    assert_eq!(names("школа 10").await, both[1..]);
    assert_eq!(names("елкинская").await, ["МБОУ «Ёлкинская СОШ»"]);
    assert_eq!(names("  ЁЛКИНСКАЯ   сош ").await, ["МБОУ «Ёлкинская СОШ»"]);
    assert_eq!(names(ogrn(3).as_str()).await, ["МБОУ «Ёлкинская СОШ»"]);
    for nothing in ["100%", "школа_", "\\", "шк%ла", "нет\0такой"] {
        assert_eq!(names(nothing).await, [""; 0], "{nothing}");
    }
    let all = store
        .organizations(Scope::REGION, &OrganizationFilter::default(), Page::default())
        .await
        .unwrap();
    let order: Vec<&str> = all.rows.iter().map(|row| row.short_name.as_str()).collect();
    assert_eq!(order, [both[0], both[1], "МБОУ «Ёлкинская СОШ»"]);
}

pub async fn lists_come_in_pages(store: Store) {
    let mut changes = region();
    changes
        .organizations
        .extend((10..140).map(|number| organization(number, "57701000", &format!("Школа № {number}"))));
    store.apply_register(&changes, &import(0)).await.unwrap();
    let filter = OrganizationFilter {
        query: Some("Школа".into()),
        municipality: None,
    };
    let mut seen = Vec::new();
    for number in 1.. {
        let page = store
            .organizations(Scope::REGION, &filter, Page::numbered(number, 50))
            .await
            .unwrap();
        assert_eq!(page.total, 132);
        if page.rows.is_empty() {
            break;
        }
        seen.extend(page.rows.into_iter().map(|row| row.id));
    }
    assert_eq!(seen.len(), 132);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 132);
}

pub async fn a_scope_sees_its_own_part_only(store: Store) {
    with_region(&store).await;
    let (own, foreign) = (place_of(&store, 1).await, place_of(&store, 3).await);
    let town = municipality_scope(&store, "57701000").await;
    let school = Scope {
        municipality: None,
        organization: Some(own.organization_id),
    };
    for scope in [town, school] {
        assert!(store.organization(scope, own.organization).await.unwrap().is_some());
        assert_eq!(store.organization(scope, foreign.organization).await.unwrap(), None);
        assert_eq!(store.organization_as_of(scope, foreign.organization, at(50)).await.unwrap(), None);
        assert_eq!(store.organization_by_ogrn(scope, &ogrn(3)).await.unwrap(), None);
        assert_eq!(store.buildings(scope, own.organization).await.unwrap().len(), 2);
        assert_eq!(store.buildings(scope, foreign.organization).await.unwrap(), []);
        assert_eq!(store.rooms(scope, foreign.organization).await.unwrap(), []);
        let place = store.place(scope, foreign.organization, foreign.building, None).await.unwrap();
        assert_eq!(place, None);
        assert_eq!(store.municipalities(scope).await.unwrap().len(), 1);
    }
    let list = async |scope| {
        store
            .organizations(scope, &OrganizationFilter::default(), Page::default())
            .await
            .unwrap()
            .total
    };
    assert_eq!((list(Scope::REGION).await, list(town).await, list(school).await), (3, 2, 1));
    let elsewhere = OrganizationFilter {
        query: None,
        municipality: municipality_scope(&store, "57654000").await.municipality,
    };
    assert_eq!(store.organizations(town, &elsewhere, Page::default()).await.unwrap().total, 0);
    // A room of another building is no place of this one.
    let room_elsewhere = store.rooms(Scope::REGION, own.organization).await.unwrap().pop().unwrap();
    let place = store
        .place(Scope::REGION, own.organization, own.building, Some(room_elsewhere.external_id))
        .await
        .unwrap();
    assert_eq!(place, None);
}
