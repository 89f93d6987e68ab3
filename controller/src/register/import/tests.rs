//! Tables as registrars send them, as text.

use inventory_schema::organization::SettlementClass;
use proptest::prelude::*;

use super::*;
use crate::register::RoomPurpose;

const HEADER: &str = "ОГРН;ИНН;КПП;Вид;Полное наименование;ОКТМО муниципалитета;Муниципалитет;Номер здания;Адрес;Населённый пункт;Класс населённого пункта;ОКТМО здания;Кабинет;Назначение кабинета";
const ROW: &str = "1205999000019;5999000016;599901001;ШКОЛА;Школа № 1;57701000;Пермский городской округ;1;ул. Школьная, 1;Пермь;ГОРОД;57701000001;12;КАБИНЕТ";

pub(super) fn defaults() -> Defaults {
    Defaults {
        time_zone: "Asia/Yekaterinburg".to_owned(),
    }
}

fn table(rows: &[&str]) -> ParsedRegister {
    read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes(), &defaults())
}

fn the_error(parsed: &ParsedRegister) -> &LineError {
    assert_eq!(parsed.errors.len(), 1, "{:#?}", parsed.errors);
    assert_eq!(parsed.register, Snapshot::default(), "nothing is half-imported");
    &parsed.errors[0]
}

fn windows_1251(text: &str) -> Vec<u8> {
    let byte = |c: char| match c {
        '\0'..='\x7f' => c as u8,
        'А'..='я' => (c as u32 - 'А' as u32) as u8 + 0xc0,
        'ё' => 0xb8,
        '№' => 0xb9,
        other => panic!("{other} is not in this test's alphabet"),
    };
    text.chars().map(byte).collect()
}

#[test]
fn one_row_is_an_organization_a_building_and_a_room() {
    let parsed = table(&[ROW]);
    assert_eq!(parsed.errors, []);
    let register = parsed.register;
    assert_eq!(register.municipalities[0].time_zone, "Asia/Yekaterinburg");
    assert_eq!(register.organizations[0].name.as_str(), "Школа № 1");
    assert_eq!(register.organizations[0].short_name, register.organizations[0].name);
    assert_eq!(register.buildings[0].settlement_class, SettlementClass::City);
    assert_eq!(register.rooms[0].purpose, RoomPurpose::Classroom);
    assert!(parsed.absent.contains(&Column::Status));
}

#[test]
fn encodings_separators_and_line_ends_make_no_difference() {
    let plain = format!("{HEADER}\n{ROW}\n");
    let expected = table(&[ROW]).register;
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(plain.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let quoted = plain.replace("ул. Школьная, 1", "\"ул. Школьная, 1\"");
    for bytes in [
        format!("\u{feff}{plain}").into_bytes(),
        windows_1251(&plain),
        utf16,
        plain.replace('\n', "\r\n").into_bytes(),
        plain.replace(';', "\t").into_bytes(),
        quoted.replace(';', ",").into_bytes(),
        format!("Реестр организаций\n\n{plain}\n;;;\n").into_bytes(),
    ] {
        let parsed = read(&bytes, &defaults());
        assert_eq!(parsed.errors, [], "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(parsed.register, expected);
    }
}

#[test]
fn an_error_names_its_line_column_value_and_remedy() {
    let mistyped = ROW.replace("5999000016", "5999000017");
    for line_end in ["\n", "\r\n"] {
        let text = [HEADER, "", &mistyped, ""].join(line_end);
        let parsed = read(text.as_bytes(), &defaults());
        let error = the_error(&parsed);
        assert_eq!((error.line, error.column.as_str(), error.value.as_str()), (3, "ИНН", "5999000017"));
        assert!(error.message.contains("контрольной цифре"), "{}", error.message);
    }
}

#[test]
fn one_mistake_of_an_organization_is_one_error_however_many_rooms_it_has() {
    let rows: Vec<String> = (1..50)
        .map(|room| ROW.replace("599901001", "59990100").replace(";12;", &format!(";{room};")))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let parsed = table(&rows);
    assert_eq!(the_error(&parsed).column, "КПП");
}

#[test]
fn rows_that_disagree_are_named_both() {
    let other = ROW.replace("Школа № 1", "Школа № 2").replace(";12;", ";13;");
    let parsed = table(&[ROW, &other]);
    let error = the_error(&parsed);
    assert_eq!((error.line, error.column.as_str()), (3, "Полное наименование"));
    assert!(
        error.message.contains("строке 2") && error.message.contains("строке 3"),
        "{}",
        error.message
    );
}

#[test]
fn an_empty_cell_agrees_with_the_row_above() {
    let parsed = table(&[ROW, "1205999000019;;;;;;;1;;;;;13;СКЛАД"]);
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.register.rooms.len(), 2);
    assert_eq!(parsed.register.organizations.len(), 1);
}

#[test]
fn two_organizations_cannot_share_an_inn() {
    let parsed = table(&[ROW, &ROW.replace("1205999000019", "1205999000020")]);
    let error = the_error(&parsed);
    assert_eq!((error.line, error.column.as_str()), (3, "ИНН"));
    assert!(error.message.contains("строке 2"), "{}", error.message);
}

#[test]
fn a_building_lies_in_its_municipality() {
    let parsed = table(&[&ROW.replace("57701000001", "57708000001")]);
    assert_eq!(the_error(&parsed).column, "ОКТМО здания");
    let district = ROW
        .replace("57701000;", "57646000;")
        .replace("57701000001", "57646152101")
        .replace("ГОРОД", "СЕЛО");
    assert_eq!(table(&[&district]).errors, []);
    let eleven = ROW.replace("57701000;", "57701000001;");
    assert_eq!(the_error(&table(&[&eleven])).column, "ОКТМО муниципалитета");
}

#[test]
fn a_class_that_contradicts_the_code_is_only_a_warning() {
    let parsed = table(&[&ROW.replace("ГОРОД", "ПГТ")]);
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.warnings.len(), 1);
    assert!(parsed.warnings[0].message.contains("50 Мбит/с"), "{}", parsed.warnings[0].message);
    assert_eq!(parsed.register.buildings[0].settlement_class, SettlementClass::UrbanSettlement);
    let implied = table(&[&ROW.replace("ГОРОД", "").replace("57701000001", "57701000051")]);
    assert_eq!(implied.register.buildings[0].settlement_class, SettlementClass::UrbanSettlement);
    let unknown = table(&[&ROW.replace("ГОРОД", "").replace("57701000001", "")]);
    assert_eq!(the_error(&unknown).column, "Класс населённого пункта");
}

#[test]
fn each_mistake_has_its_sentence() {
    for (from, to, column) in [
        ("ШКОЛА", "ДЕТСКИЙ САД", "Вид"),
        ("1205999000019", "", "ОГРН"),
        ("1205999000019", "1,206E+12", "ОГРН"),
        (";1;ул.", ";первое;ул.", "Номер здания"),
        (";1;ул.", ";;ул.", "Номер здания"),
        ("КАБИНЕТ", "БАССЕЙН", "Назначение кабинета"),
        (";12;", ";;", "Номер кабинета"),
        ("Школа № 1", "", "Полное наименование"),
        ("57701000;", ";", "ОКТМО муниципалитета"),
        ("599901001", "59990100Я", "КПП"),
        ("ГОРОД", "МЕГАПОЛИС", "Класс населённого пункта"),
    ] {
        let parsed = table(&[&ROW.replace(from, to)]);
        let named: Vec<&str> = parsed.errors.iter().map(|error| error.column.as_str()).collect();
        let expected = if column == "Номер кабинета" {
            "Кабинет"
        } else {
            column
        };
        assert!(named.contains(&expected), "{from} → {to}: {named:?}");
        assert!(
            parsed.errors.iter().all(|error| error.line == 2 && error.message.ends_with('.')),
            "{:?}",
            parsed.errors
        );
    }
}

#[test]
fn wrong_columns_are_named() {
    let parsed = read("ОГРН;ИНН;Директор\n1205999000019;5999000016;-\n".as_bytes(), &defaults());
    let missing: Vec<&str> = parsed.errors.iter().map(|error| error.column.as_str()).collect();
    assert_eq!(missing, ["Вид", "Полное наименование", "ОКТМО муниципалитета", "Муниципалитет"]);
    assert_eq!(parsed.warnings[0].value, "Директор");
    assert!(the_error(&read(b"a;b\n1;2\n", &defaults())).message.contains("заголовка"));
    assert!(the_error(&read(b"", &defaults())).message.contains("заголовка"));
    assert!(
        the_error(&read(format!("{HEADER}\n").as_bytes(), &defaults()))
            .message
            .contains("ни одной строки")
    );
    let twice = read(format!("{HEADER};ИНН\n{ROW};5999000016\n").as_bytes(), &defaults());
    assert_eq!(the_error(&twice).column, "ИНН");
}

#[test]
fn an_unclosed_quotation_mark_and_old_workbooks_are_recognized() {
    let rows = vec![ROW; 60].join("\n");
    let parsed = read(
        format!("{HEADER}\n{}\n{rows}", ROW.replace("Школа № 1", "\"Школа № 1")).as_bytes(),
        &defaults(),
    );
    assert!(
        parsed
            .errors
            .iter()
            .any(|error| error.line == 2 && error.message.contains("кавычки"))
    );
    let old = read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more", &defaults());
    assert!(the_error(&old).message.contains(".xls"));
    assert_eq!(the_error(&read(b"\xef\xbb\xbfa\n\xff", &defaults())).line, 2);
}

#[test]
fn limits_are_kept_and_errors_beyond_the_list_are_counted() {
    let large = vec![b' '; MAX_FILE_BYTES + 1];
    assert!(the_error(&read(&large, &defaults())).message.contains("64 МиБ"));
    let wrong = ROW.replace("1205999000019", "");
    let rows = vec![wrong.as_str(); MAX_MESSAGES + 5];
    let parsed = table(&rows);
    assert_eq!((parsed.errors.len(), parsed.errors_left_out), (MAX_MESSAGES, 5));
}

#[test]
fn a_table_longer_than_the_limit_is_refused_at_the_row_that_is_too_much() {
    let row = "1205999000019;;;;;;;;;;;;;\n";
    let text = format!("{HEADER}\n{ROW}\n{}", row.repeat(MAX_ROWS as usize));
    let parsed = read(text.as_bytes(), &defaults());
    assert_eq!(the_error(&parsed).line, MAX_ROWS + 2);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), workbook in any::<bool>()) {
        let bytes = if workbook { [b"PK\x03\x04".as_slice(), &bytes].concat() } else { bytes };
        let parsed = read(&bytes, &defaults());
        prop_assert!(!parsed.errors.is_empty());
    }

    #[test]
    fn no_cells_under_a_good_header_make_it_panic(cells in proptest::collection::vec(".{0,12}", 14)) {
        let parsed = read(format!("{HEADER}\n{}\n", cells.join(";")).as_bytes(), &defaults());
        prop_assert!(parsed.errors.is_empty() || parsed.register == Snapshot::default());
    }
}
