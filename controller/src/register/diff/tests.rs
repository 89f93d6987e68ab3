//! Tables against registers: every kind of difference, and none where there is none.

use inventory_schema::organization::{OrganizationKind, SettlementClass};
use proptest::prelude::*;

use super::*;
use crate::register::{Defaults, OrganizationStatus, RoomPurpose, export_csv, read, sample};

fn defaults() -> Defaults {
    Defaults {
        time_zone: "Asia/Yekaterinburg".to_owned(),
    }
}

/// Five organizations of the sample, with what is in them.
fn small() -> Snapshot {
    let mut register = sample::perm_2020().register;
    register.organizations.truncate(5);
    let kept: BTreeSet<Ogrn> = register.organizations.iter().map(|o| o.ogrn.clone()).collect();
    register.buildings.retain(|building| kept.contains(&building.organization));
    register.rooms.retain(|room| kept.contains(&room.organization));
    register
        .municipalities
        .retain(|m| register.organizations.iter().any(|o| o.municipality == m.oktmo));
    register
}

fn against(current: &Snapshot, table: &str) -> Preview {
    preview(current, read(table.as_bytes(), &defaults())).unwrap()
}

/// The table without the column of this title.
fn without(table: &str, title: &str) -> String {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .has_headers(false)
        .from_reader(table.trim_start_matches('\u{feff}').as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let place = records[0].iter().position(|name| name == title).unwrap();
    let row = |record: &csv::StringRecord| {
        let kept = record.iter().enumerate().filter(|(index, _)| *index != place);
        kept.map(|(_, cell)| format!("\"{cell}\"")).collect::<Vec<_>>().join(";")
    };
    records.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_is_new_to_an_empty_register() {
    let register = small();
    let preview = against(&Snapshot::default(), &export_csv(&register));
    assert_eq!(preview.new, register);
    assert_eq!(changes(&preview).unwrap().new, register);
    assert_eq!(changes(&preview).unwrap().changed, Snapshot::default());
}

#[test]
fn a_change_is_shown_field_by_field() {
    let current = small();
    let mut wanted = current.clone();
    wanted.organizations[1].contingent = Some(777);
    wanted.organizations[1].status = OrganizationStatus::Liquidated;
    wanted.rooms[0].purpose = RoomPurpose::ItClass;
    let preview = against(&current, &export_csv(&wanted));
    let fields: Vec<Column> = preview.changed.organizations[0].fields.iter().map(|field| field.column).collect();
    assert_eq!(fields, [Column::Status, Column::Contingent]);
    assert_eq!(preview.changed.organizations[0].fields[0].after, "ЛИКВИДИРОВАНА");
    assert_eq!(preview.changed.rooms.len(), 1);
    assert_eq!(preview.unchanged.organizations, 4);
    assert!(preview.is_current(&current).unwrap() && !preview.is_current(&wanted).unwrap());
    assert_eq!(changes(&preview).unwrap().changed.organizations, [wanted.organizations[1].clone()]);
    let kept = serde_json::to_string(&preview).unwrap();
    assert_eq!(serde_json::from_str::<Preview>(&kept).unwrap(), preview);
}

#[test]
fn what_vanished_is_listed_once_and_never_written() {
    let current = small();
    let mut wanted = current.clone();
    let gone = wanted.organizations.remove(0);
    wanted.buildings.retain(|building| building.organization != gone.ogrn);
    wanted.rooms.retain(|room| room.organization != gone.ogrn);
    let room = wanted.rooms.pop().unwrap();
    let preview = against(&current, &export_csv(&wanted));
    assert_eq!(preview.vanished.organizations, [gone]);
    assert_eq!(preview.vanished.buildings, []);
    assert_eq!(preview.vanished.rooms, [room]);
    assert!(preview.is_empty());
    assert_eq!(changes(&preview).unwrap(), Changes::default());
}

#[test]
fn a_missing_column_changes_nothing() {
    let mut current = small();
    current.organizations[0].status = OrganizationStatus::Reorganized;
    for title in [
        "Статус",
        "КПП",
        "Контингент",
        "Краткое наименование",
        "Часовой пояс",
        "ФИАС",
        "ОКТМО здания",
        "Название кабинета",
        "Назначение кабинета",
    ] {
        let preview = against(&current, &without(&export_csv(&current), title));
        assert_eq!(preview.errors, [], "{title}");
        assert!(preview.is_empty(), "{title}: {:?}", preview.changed);
    }
}

#[test]
fn a_table_of_organizations_alone_leaves_buildings_out_of_the_question() {
    let current = small();
    let only = Snapshot {
        buildings: Vec::new(),
        rooms: Vec::new(),
        ..current.clone()
    };
    let mut table = export_csv(&only);
    for title in [
        "Номер здания",
        "Адрес",
        "Населённый пункт",
        "Класс населённого пункта",
        "ОКТМО здания",
        "ФИАС",
        "Кабинет",
        "Название кабинета",
        "Назначение кабинета",
    ] {
        table = without(&table, title);
    }
    let preview = against(&current, &table);
    assert_eq!((preview.vanished, preview.errors.len()), (Vanished::default(), 0));
}

#[test]
fn errors_leave_nothing_to_write() {
    let table = export_csv(&small()).replace("ШКОЛА", "ЦИРК");
    let preview = against(&Snapshot::default(), &table);
    assert_eq!(changes(&preview), Err(NotApplicable { errors: 5 }));
    assert_eq!(preview.new, Snapshot::default());
}

#[test]
fn an_inn_of_an_organization_outside_the_table_is_refused() {
    let current = small();
    let mut wanted = Snapshot {
        organizations: vec![current.organizations[0].clone()],
        municipalities: current.municipalities.clone(),
        ..Snapshot::default()
    };
    wanted.organizations[0].inn = current.organizations[1].inn.clone();
    let preview = against(&current, &export_csv(&wanted));
    assert!(preview.errors[0].message.contains(current.organizations[1].ogrn.as_str()));
    assert!(changes(&preview).is_err());
}

#[test]
fn a_new_class_of_settlement_is_warned_about() {
    let current = small();
    let mut wanted = current.clone();
    wanted.buildings[0].settlement_class = SettlementClass::Village;
    let preview = against(&current, &export_csv(&wanted));
    assert!(
        preview.warnings.iter().any(|warning| warning.message.contains("ГОРОД → СЕЛО")),
        "{:?}",
        preview.warnings
    );
}

/// Names as an import leaves them: words with single spaces, with everything a table must quote or guard.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[=+@'\"«»;,\\-А-Яа-яёA-z0-9№.]{1,8}", 1..4).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_exported_can_be_imported_without_a_change(
        names in proptest::collection::vec(name(), 4),
        contingent in proptest::option::of(0u32..=100_000),
        kind in proptest::sample::select(OrganizationKind::ALL.to_vec()),
        room in "[0-9A-zА-я=+'-]{1,6}",
        purpose in proptest::sample::select(RoomPurpose::ALL.to_vec()),
        kpp in any::<bool>(),
    ) {
        let mut register = small();
        let organization = &mut register.organizations[2];
        organization.name = names[0].parse().unwrap();
        organization.short_name = names[1].parse().unwrap();
        organization.contingent = contingent;
        organization.kind = kind;
        if !kpp {
            organization.kpp = None;
        }
        register.buildings[0].address = names[2].parse().unwrap();
        register.rooms[0].name = names[3].parse().unwrap();
        register.rooms[0].number = room.parse().unwrap();
        register.rooms[0].purpose = purpose;
        let preview = against(&register, &export_csv(&register));
        prop_assert_eq!(&preview.errors, &[]);
        prop_assert!(preview.is_empty(), "{:?} {:?}", preview.new, preview.changed);
        prop_assert_eq!(preview.vanished, Vanished::default());
    }
}
