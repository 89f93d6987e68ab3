//! The person-name filter, the only door by which an agent makes free text.

use inventory_schema::device::{AssetTag, Hostname, OemText, PrinterName, WITHHELD};
use proptest::prelude::*;

/// What people call computers after themselves.
const WITHHELD_NAMES: &[&str] = &[
    "Иванова",
    "ivanova",
    "IVANOVA-PC",
    "pc-ivanova",
    "pc_ivanova_2",
    "ivanova.school59.local",
    "IvanovaPC",
    "PCIvanova",
    "ivanovapc",
    "noutivanova",
    "a.petrov",
    "petrov-av",
    "Ноутбук Смирновой",
    "компьютер Ольги Петровны",
    "Принтер Марии Ивановны",
    "МФУ завуча Кузнецовой",
    "HP Тамара",
    "kab12-sergey",
    "Sergeevna",
    "Гульнара",
    "ildar-nb",
    "Магомед-ПК",
    "шевченко",
    "Chernykh-Kovalchuk",
    "chernykh2",
    "Айгуль каб 3",
    "Ека\u{200b}терина",
    "катя\u{0}комп",
    "ДИРЕКТОР ПОПОВ",
];

/// What technicians call them.
const KEPT_NAMES: &[&str] = &[
    "kab-12-pc03",
    "DESKTOP-7H2K9QF",
    "LAPTOP-1A2B3C4D",
    "localhost",
    "localhost.localdomain",
    "alt-edu-07",
    "astra",
    "redos8",
    "каб. 12, место 3",
    "Кабинет 204",
    "МФУ 2 этаж",
    "MFU-2-etazh",
    "Учительская",
    "бухгалтерия",
    "HP-LaserJet-M428fdw",
    "Kyocera_ECOSYS_M2040dn",
    "Pantum-M6500",
    "panel-65-301",
    "101.34.000417",
    "INV-0004170012",
    "school59-lab-2",
    "pc14.school59.edu",
    "WIN-SRV-01",
];

#[test]
fn what_names_a_person_is_withheld_by_every_free_text() {
    for name in WITHHELD_NAMES {
        assert_eq!(Hostname::without_person_names(name).unwrap().as_str(), WITHHELD, "{name}");
        assert_eq!(PrinterName::without_person_names(name).unwrap().as_str(), WITHHELD, "{name}");
        assert_eq!(AssetTag::without_person_names(name).unwrap().as_str(), WITHHELD, "{name}");
        assert_eq!(OemText::without_person_names(name).unwrap().as_str(), WITHHELD, "{name}");
    }
}

/// Makers' fillers stay readable, so that an auditor sees them as they are.
#[test]
fn fillers_of_firmware_are_kept() {
    for filler in [
        "To be filled by O.E.M.",
        "Default string",
        "No Asset Tag",
        "Not Specified",
        "Asset-1234567890",
        "Chassis Asset Tag",
    ] {
        assert_eq!(AssetTag::without_person_names(filler).unwrap().as_str(), filler);
    }
}

#[test]
fn what_names_a_room_or_a_model_is_kept() {
    for name in KEPT_NAMES {
        assert_eq!(Hostname::without_person_names(name).unwrap().as_str(), *name);
    }
}

/// What the filter cannot know, as `docs/privacy.md` says. Should it learn one of these, the page has to be told.
const RESIDUE: &[&str] = &[
    "boss",
    "физик",
    "директор",
    "Шмидт",
    "Ким",
    "Белый",
    "Толстой",
    "ivanovaim",
    "olgav",
];

#[test]
fn the_residue_is_what_the_documentation_says() {
    let page = include_str!("../../../docs/privacy.md");
    for name in RESIDUE {
        assert!(page.contains(&format!("«{name}»")), "{name}");
        assert_eq!(Hostname::without_person_names(name).unwrap().as_str(), *name);
    }
}

/// Were a free text to get the forgiving door of other texts, its own `observed` would win over this one's
/// and this would no longer compile.
trait NoOtherDoor {
    fn observed(_: &str) -> &'static str {
        "only the filter"
    }
}
impl NoOtherDoor for AssetTag {}
impl NoOtherDoor for Hostname {}
impl NoOtherDoor for OemText {}
impl NoOtherDoor for PrinterName {}

#[test]
fn free_text_has_no_door_around_the_filter() {
    let doors: [&'static str; 4] = [
        AssetTag::observed(""),
        Hostname::observed(""),
        OemText::observed(""),
        PrinterName::observed(""),
    ];
    assert_eq!(doors, ["only the filter"; 4]);
}

/// Common given names, patronymics and surnames, chosen without looking at the filter's own list.
const PEOPLE: &[&str] = &[
    "александр",
    "сергей",
    "владимир",
    "елена",
    "татьяна",
    "ольга",
    "наталья",
    "ирина",
    "светлана",
    "анна",
    "мария",
    "екатерина",
    "юлия",
    "галина",
    "людмила",
    "дмитрий",
    "андрей",
    "алексей",
    "евгений",
    "михаил",
    "рустам",
    "ильдар",
    "альбина",
    "сергеевна",
    "николаевич",
    "владимировна",
    "ильинична",
    "иванов",
    "смирнова",
    "кузнецов",
    "попова",
    "васильева",
    "петров",
    "соколова",
    "михайлов",
    "новикова",
    "федоров",
    "морозова",
    "волков",
    "алексеева",
    "лебедев",
    "семенова",
    "егоров",
    "павлова",
    "козлов",
    "степанова",
    "галиуллин",
    "хабибуллина",
    "ковальчук",
    "шевченко",
    "троицкая",
    "романовский",
    "ivan",
    "elena",
    "tatyana",
    "natalia",
    "svetlana",
    "marina",
    "sergey",
    "dmitry",
    "aleksey",
    "nikolay",
    "ivanov",
    "smirnova",
    "kuznetsov",
    "popova",
    "vasilieva",
    "petrov",
    "sokolova",
    "mikhaylov",
    "novikova",
    "fedorov",
    "morozova",
    "volkov",
    "lebedeva",
    "galiullin",
    "kovalchuk",
    "shevchenko",
    "troitskaya",
    "romanovskiy",
    "sergeevna",
    "nikolaevich",
];
const SURROUNDINGS: &[&str] = &["", "kab12", "pc", "каб", "HP", "nb", "01", "класс", "school59", "мфу", "2-etazh"];
const SEPARATORS: &[&str] = &["-", "_", ".", " ", "--", "/", "(", "+", "1", ", "];

fn spelled(name: &str, spelling: u8) -> String {
    match spelling {
        0 => name.to_owned(),
        1 => name.to_uppercase(),
        _ => name
            .chars()
            .take(1)
            .flat_map(char::to_uppercase)
            .chain(name.chars().skip(1))
            .collect(),
    }
}

proptest! {
    #[test]
    fn a_name_anywhere_between_separators_is_withheld(
        name in prop::sample::select(PEOPLE), spelling in 0u8..3,
        before in prop::sample::select(SURROUNDINGS), after in prop::sample::select(SURROUNDINGS),
        left in prop::sample::select(SEPARATORS), right in prop::sample::select(SEPARATORS),
    ) {
        let text = format!("{before}{left}{}{right}{after}", spelled(name, spelling));
        let kept = Hostname::without_person_names(&text).unwrap();
        prop_assert_eq!(kept.as_str(), WITHHELD, "{}", text);
    }

    #[test]
    fn what_passed_the_filter_passes_again_and_is_accepted(raw in any::<String>()) {
        if let Some(text) = Hostname::without_person_names(&raw) {
            prop_assert_eq!(Hostname::without_person_names(text.as_str()).unwrap(), text.clone());
            prop_assert_eq!(text.as_str().parse::<Hostname>().unwrap(), text);
        }
    }
}
