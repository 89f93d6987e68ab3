//! Workbooks written by hand, part by part, as programs and as attackers write them.

use std::fmt::Write as _;
use std::io::Write as _;

use inventory_schema::organization::SettlementClass;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use crate::register::import::tests::defaults;
use crate::register::{ParsedRegister, read};

const TITLES: [&str; 13] = [
    "ОГРН",
    "ИНН",
    "Вид",
    "Полное наименование",
    "ОКТМО муниципалитета",
    "Муниципалитет",
    "Номер здания",
    "Адрес",
    "Населённый пункт",
    "ОКТМО здания",
    "Кабинет",
    "Назначение кабинета",
    "Контингент",
];

/// A cell as it stands in the sheet's XML.
fn text(text: &str) -> String {
    format!("t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is>")
}

fn shared(index: usize) -> String {
    format!("t=\"s\"><v>{index}</v>")
}

fn number(digits: &str) -> String {
    format!("><v>{digits}</v>")
}

fn date(serial: u32) -> String {
    format!("s=\"1\"><v>{serial}</v>")
}

fn letters(column: usize) -> char {
    char::from(b'A' + column as u8)
}

/// Rows with the numbers they carry in the sheet, from 1; an empty string is a cell that is not there.
fn sheet(rows: &[(u32, Vec<String>)], merged: &[&str]) -> String {
    let mut xml =
        String::from("<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>");
    for (row, cells) in rows {
        write!(xml, "<row r=\"{row}\">").unwrap();
        for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            write!(xml, "<c r=\"{}{row}\" {cell}</c>", letters(column)).unwrap();
        }
        xml.push_str("</row>");
    }
    xml.push_str("</sheetData><mergeCells>");
    for range in merged {
        write!(xml, "<mergeCell ref=\"{range}\"/>").unwrap();
    }
    xml.push_str("</mergeCells></worksheet>");
    xml
}

const STRINGS: &str = "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" count=\"2\" uniqueCount=\"2\"><si><t>КАБИНЕТ</t></si><si><t xml:space=\"preserve\"> СКЛАД  </t></si></sst>";

fn parts(sheets: &[String], strings: &str) -> Vec<(String, String)> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let content = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let (mut list, mut relations) = (String::new(), String::new());
    for index in 1..=sheets.len() {
        write!(list, "<sheet name=\"Лист{index}\" sheetId=\"{index}\" r:id=\"rId{index}\"/>").unwrap();
        write!(
            relations,
            "<Relationship Id=\"rId{index}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{index}.xml\"/>"
        )
        .unwrap();
    }
    let mut parts = vec![
        (
            "[Content_Types].xml".to_owned(),
            format!(
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{content}.sheet.main+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{list}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{package}\">{relations}<Relationship Id=\"rId90\" Type=\"{office}/sharedStrings\" Target=\"sharedStrings.xml\"/><Relationship Id=\"rId91\" Type=\"{office}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml".to_owned(), strings.to_owned()),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    for (index, sheet) in sheets.iter().enumerate() {
        parts.push((format!("xl/worksheets/sheet{}.xml", index + 1), sheet.clone()));
    }
    parts
}

fn zipped(parts: &[(String, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in parts {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(body.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn workbook(sheets: &[String]) -> Vec<u8> {
    zipped(&parts(sheets, STRINGS))
}

fn header() -> Vec<String> {
    TITLES.iter().map(|title| text(title)).collect()
}

/// A row as a spreadsheet stores it: long identifiers as numbers, the purpose as a shared string.
fn row(room: &str) -> Vec<String> {
    vec![
        number("1.205999000019E12"),
        number("5999000016"),
        text("ШКОЛА "),
        text("  Школа   № 1"),
        text("57701000"),
        text("Пермский городской округ"),
        number("1"),
        text("ул. Школьная, 1"),
        text("Пермь"),
        number("57701000001"),
        text(room),
        shared(0),
        number("412"),
    ]
}

fn read_sheet(rows: &[(u32, Vec<String>)], merged: &[&str]) -> ParsedRegister {
    read(&workbook(&[sheet(rows, merged)]), &defaults())
}

fn refusal(bytes: &[u8]) -> String {
    let parsed = read(bytes, &defaults());
    assert_eq!(parsed.errors.len(), 1, "{:?}", parsed.errors);
    parsed.errors[0].message.clone()
}

#[test]
fn numbers_text_and_shared_strings_are_read_alike() {
    let mut second = row("13 ");
    second[0] = text(" 1205999000019 ");
    second[11] = shared(1);
    second[12] = text("412");
    let parsed = read_sheet(
        &[(1, header()), (2, row("12")), (3, vec![String::new(), text("   ")]), (4, second)],
        &[],
    );
    assert_eq!((parsed.errors.as_slice(), parsed.rows), (&[][..], 2));
    let register = parsed.register;
    assert_eq!(register.organizations[0].ogrn.as_str(), "1205999000019");
    assert_eq!(register.organizations[0].name.as_str(), "Школа № 1");
    assert_eq!(register.organizations[0].contingent, Some(412));
    assert_eq!(register.buildings[0].settlement_class, SettlementClass::City);
    let rooms: Vec<(&str, &str)> = register
        .rooms
        .iter()
        .map(|room| (room.number.as_str(), room.purpose.as_str()))
        .collect();
    assert_eq!(rooms, [("12", "classroom"), ("13", "store")]);
}

#[test]
fn a_merged_value_stands_for_its_whole_range() {
    let title = vec![text("Реестр организаций ОГРН")];
    let mut below = vec![String::new(); 13];
    (below[10], below[11]) = (text("13"), shared(1));
    let rows = [(1, title), (3, header()), (4, header()), (5, row("12")), (6, below)];
    let merged = [
        "A1:M1", "A5:A6", "B5:B6", "C5:C6", "D5:D6", "E5:E6", "F5:F6", "G5:G6", "H5:H7", "I5:I6", "J5:J6",
    ];
    let parsed = read_sheet(&rows, &merged);
    assert_eq!((parsed.errors.as_slice(), parsed.rows), (&[][..], 2));
    assert_eq!(parsed.register.rooms.len(), 2);
    assert_eq!(parsed.register.buildings.len(), 1);
}

#[test]
fn an_error_names_the_row_of_the_sheet() {
    let mut wrong = row("12");
    wrong[0] = number("1205999000018");
    wrong[10] = date(43_832);
    let parsed = read_sheet(&[(4, header()), (9, wrong)], &[]);
    assert!(parsed.errors.iter().all(|error| error.line == 9));
    assert!(
        parsed
            .errors
            .iter()
            .any(|error| error.column == "Кабинет" && error.value == "02.01.2020")
    );
}

#[test]
fn the_header_may_be_on_another_sheet() {
    let notes = sheet(&[(1, vec![text("Прочтите меня")])], &[]);
    let table = sheet(&[(1, header()), (2, row("12"))], &[]);
    assert_eq!(read(&workbook(&[notes, table]), &defaults()).errors, []);
}

#[test]
fn far_corners_cost_nothing() {
    let corners =
        sheet(&[(1, header()), (2, row("12"))], &[]).replace("</sheetData>", "<row r=\"3\"><c r=\"XFD3\"><v>1</v></c></row></sheetData>");
    assert_eq!(read(&workbook(std::slice::from_ref(&corners)), &defaults()).errors, []);
    let deep = corners.replace("r=\"3\"", "r=\"1048576\"").replace("XFD3", "XFD1048576");
    assert_eq!(read(&workbook(&[deep]), &defaults()).errors[0].line, 1_048_576);
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let bomb = parts(&[sheet(&[], &[]) + &" ".repeat(8 << 20)], STRINGS);
    assert!(refusal(&zipped(&bomb)).contains("сжата"));
    let announced = STRINGS.replace("uniqueCount=\"2\"", "uniqueCount=\"900000000000000\"");
    assert!(refusal(&zipped(&parts(&[sheet(&[], &[])], &announced))).contains("слишком много"));
    let many: Vec<(String, String)> = (0..10_001).map(|index| (format!("{index}"), String::new())).collect();
    assert!(refusal(&zipped(&many)).contains("10000"));
}

#[test]
fn a_directory_that_lies_about_a_size_is_refused() {
    let sound = workbook(&[sheet(&[(1, header()), (2, row("12"))], &[])]);
    let first = sound.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    for (field, value) in [(24, 1u32), (24, 600 << 20)] {
        let mut lying = sound.clone();
        lying[first + field..first + field + 4].copy_from_slice(&value.to_le_bytes());
        refusal(&lying);
    }
    let mut encrypted = sound.clone();
    encrypted[first + 8] |= 1;
    assert!(refusal(&encrypted).contains("паролем"));
}

#[test]
fn an_archive_that_can_be_read_in_two_ways_is_refused() {
    let sound = workbook(&[sheet(&[(1, header()), (2, row("12"))], &[])]);
    let end = sound.len() - 22;
    assert!(refusal(&[&sound[..], &sound[end..]].concat()).contains("оглавление"));
    assert!(refusal(&[&sound[..4], b"another", &sound[4..]].concat()).contains("оглавление"));
    assert!(refusal(&[&sound[..], b"tail"].concat()).contains("оглавление"));
}

#[test]
fn a_directory_of_64_bit_sizes_is_read() {
    let sound = workbook(&[sheet(&[(1, header()), (2, row("12"))], &[])]);
    let end = sound.len() - 22;
    let field = |at: usize, length: usize| -> u64 {
        sound[end + at..end + at + length]
            .iter()
            .rev()
            .fold(0, |n, b| n << 8 | u64::from(*b))
    };
    let (count, size, start) = (field(10, 2), field(12, 4), field(16, 4));
    let mut wide = sound[..end].to_vec();
    wide.extend(b"PK\x06\x06");
    wide.extend(44u64.to_le_bytes());
    wide.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [count, count, size, start] {
        wide.extend(value.to_le_bytes());
    }
    wide.extend(b"PK\x06\x07\0\0\0\0");
    wide.extend((end as u64).to_le_bytes());
    wide.extend(1u32.to_le_bytes());
    wide.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
    wide.extend([0xff; 8]);
    wide.extend([0, 0]);
    assert_eq!(read(&wide, &defaults()).errors, []);
}

#[test]
fn a_truncated_workbook_is_refused_wherever_it_was_cut() {
    let sound = workbook(&[sheet(&[(1, header()), (2, row("12"))], &[])]);
    for kept in (4..sound.len()).step_by(97) {
        let parsed = read(&sound[..kept], &defaults());
        assert!(!parsed.errors.is_empty(), "cut at {kept}");
    }
}

#[test]
fn an_archive_that_is_no_workbook_is_refused() {
    let parts = [("mimetype".to_owned(), "application/vnd.oasis.opendocument.spreadsheet".to_owned())];
    assert!(refusal(&zipped(&parts)).contains("XLSX"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_workbook_never_panics(places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = workbook(&[sheet(&[(1, header()), (2, row("12"))], &["A1:B1"])]);
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = read(&bytes, &defaults());
    }

    #[test]
    fn damaged_xml_never_panics(place in any::<proptest::sample::Index>(), byte in any::<u8>(), part in 0usize..7) {
        let mut parts = parts(&[sheet(&[(1, header()), (2, row("12"))], &["A1:B1"])], STRINGS);
        let mut body = parts[part].1.clone().into_bytes();
        let place = place.index(body.len());
        body[place] = byte;
        parts[part].1 = String::from_utf8_lossy(&body).into_owned();
        let _ = read(&zipped(&parts), &defaults());
    }
}
