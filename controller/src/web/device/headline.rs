//! A computer in one line, as a technician says it over the telephone: «Моноблок Aquarius Mnb T904, Core i5-9400, 8 ГБ,
//! SSD 256 ГБ, экран 23,8″». Pure: sections and names in, a sentence out.

use inventory_schema::device::Fact;
use inventory_schema::inventory::{
    AnySection, DeviceKind, Disk, DiskKind, Display, DisplayConnection, Memory, Monitor, ScreenKind, Storage, System,
};

use crate::name::Names;
use crate::store::device::DeviceSummary;
use crate::web::format::{memory_size, number};
use crate::web::language::Language;
use crate::web::section::display::{Diagonal, diagonal_of, inches};
use crate::web::section::{is_plugged, wire_name};

/// What the line is made of.
#[derive(Debug, Default)]
pub struct Facts<'s> {
    pub kind: Option<DeviceKind>,
    pub system: Option<&'s System>,
    pub memory: Option<&'s Memory>,
    pub storage: Option<&'s Storage>,
    pub display: Option<&'s Display>,
}

impl<'s> Facts<'s> {
    /// From sections of one device; those that failed say nothing.
    pub fn of(kind: Option<DeviceKind>, sections: &'s [AnySection]) -> Self {
        let mut facts = Self { kind, ..Self::default() };
        for section in sections {
            match section {
                AnySection::System(section) => facts.system = section.content(),
                AnySection::Memory(section) => facts.memory = section.content(),
                AnySection::Storage(section) => facts.storage = section.content(),
                AnySection::Display(section) => facts.display = section.content(),
                _ => {}
            }
        }
        facts
    }
}

/// The line. What the sections do not say, the summary of before does.
pub fn headline(facts: &Facts<'_>, summary: &DeviceSummary, names: &Names, l: Language) -> String {
    let kind = match facts.kind {
        Some(kind) if kind != DeviceKind::Other => l.family("device-kind", &wire_name(&kind)),
        _ => l.t("computer"),
    };
    let named = named(facts.system, summary, l);
    let what = [capitalized(&kind), named]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let parts = [
        Some(what),
        summary.processor.as_deref().map(processor_said),
        memory(facts.memory, summary, l),
        disks(facts.storage, summary, l),
        facts.display.and_then(|display| screen(display, names, l)),
    ];
    parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn plausible<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref()
        .and_then(Fact::plausible)
        .map(|value| value.to_string().trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// Maker and model; of a computer that was put together from parts, its board.
fn named(system: Option<&System>, summary: &DeviceSummary, l: Language) -> String {
    let maker = system.and_then(|system| plausible(&system.maker));
    let model = system.and_then(|system| plausible(&system.model));
    if let (Some(system), Some(model)) = (system, model) {
        // Lenovo keeps the name people know in the version, and a type number in the model.
        let version = plausible(&system.version).filter(|_| maker.as_deref().is_some_and(|maker| maker.eq_ignore_ascii_case("lenovo")));
        return match version.filter(|version| version.chars().any(char::is_whitespace)) {
            Some(version) => format!("{} ({model})", with_maker(maker.as_deref(), &version)),
            None => with_maker(maker.as_deref(), &model),
        };
    }
    let board = system.and_then(|system| system.baseboard.as_ref());
    if let Some(model) = board.and_then(|board| plausible(&board.model)) {
        let maker = board.and_then(|board| plausible(&board.maker));
        return l.with("headline-on-board", "board", &with_maker(maker.as_deref(), &model));
    }
    with_maker(
        maker.as_deref().or(summary.maker.as_deref()),
        summary.model.as_deref().unwrap_or_default(),
    )
}

fn with_maker(maker: Option<&str>, model: &str) -> String {
    let maker = maker.map(maker_said).unwrap_or_default();
    if model.to_lowercase().starts_with(&maker.to_lowercase()) {
        model.to_owned()
    } else {
        format!("{maker} {model}").trim().to_owned()
    }
}

/// Makers by the name on the lid, and without what their lawyers add.
pub fn maker_said(maker: &str) -> String {
    const KNOWN: [(&str, &str); 9] = [
        ("hewlett", "HP"),
        ("hp", "HP"),
        ("micro-star", "MSI"),
        ("asus", "ASUS"),
        ("gigabyte", "Gigabyte"),
        ("giga-byte", "Gigabyte"),
        ("dell", "Dell"),
        ("lenovo", "Lenovo"),
        ("intel corp", "Intel"),
    ];
    const LEGAL: [&str; 14] = [
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "ltd",
        "limited",
        "llc",
        "gmbh",
        "ag",
        "ооо",
        "ао",
        "зао",
    ];
    let folded = maker.trim().to_lowercase();
    let begins = |start: &str| {
        folded
            .strip_prefix(start)
            .is_some_and(|rest| start != "hp" || !rest.starts_with(char::is_alphabetic))
    };
    if let Some((_, said)) = KNOWN.iter().find(|(start, _)| begins(start)) {
        return (*said).to_owned();
    }
    let mut words: Vec<&str> = maker.split_whitespace().collect();
    while words.len() > 1 {
        let last = words
            .last()
            .map(|word| word.trim_matches(['.', ',']).to_lowercase())
            .unwrap_or_default();
        let is_legal = last.split(['.', ',']).all(|part| part.is_empty() || LEGAL.contains(&part));
        if !is_legal {
            break;
        }
        words.pop();
    }
    words.join(" ").trim_end_matches([',', '.']).to_owned()
}

/// «Core i5-8350U» of «Intel(R) Core(TM) i5-8350U CPU @ 1.70GHz».
pub fn processor_said(model: &str) -> String {
    let marks = ["(R)", "(r)", "(TM)", "(tm)", "®", "™"];
    let plain = marks.iter().fold(model.to_owned(), |text, mark| text.replace(mark, " "));
    let end = [" @", " with ", " w/ "]
        .iter()
        .filter_map(|mark| plain.find(mark))
        .min()
        .unwrap_or(plain.len());
    let noise = |word: &str| matches!(word, "CPU" | "Processor" | "processor") || word.ends_with("-Core") || word.ends_with("-core");
    let mut words: Vec<&str> = plain[..end].split_whitespace().filter(|word| !noise(word)).collect();
    let families = [
        "Core", "Celeron", "Pentium", "Xeon", "Atom", "Ryzen", "Athlon", "EPYC", "Sempron", "Phenom",
    ];
    let brand = matches!(words.first(), Some(&("Intel" | "AMD"))) && words.get(1).is_some_and(|word| families.contains(word));
    if brand {
        words.remove(0);
    }
    words.join(" ")
}

/// What is installed; where modules cannot be seen, what the system may use.
fn memory(memory: Option<&Memory>, summary: &DeviceSummary, l: Language) -> Option<String> {
    let read = memory.and_then(|memory| memory.installed.as_ref().or(memory.usable.as_ref()));
    let bytes = read
        .map(|size| size.value.get())
        .or_else(|| u64::try_from(summary.memory_bytes?).ok())
        .filter(|bytes| *bytes > 0)?;
    Some(memory_size(bytes, l))
}

/// «SSD 256 ГБ + HDD 1 ТБ»: what is built in, as it was sold.
fn disks(storage: Option<&Storage>, summary: &DeviceSummary, l: Language) -> Option<String> {
    let Some(storage) = storage else {
        let bytes = u64::try_from(summary.storage_bytes?).ok().filter(|bytes| *bytes > 0)?;
        return Some(l.with("headline-disk", "size", &sold_size(bytes, l)));
    };
    let said: Vec<String> = storage
        .disks
        .iter()
        .filter(|disk| !is_plugged(disk))
        .filter_map(|disk| disk_said(disk, l))
        .collect();
    let more = said.len().saturating_sub(3);
    let mut line = said.into_iter().take(3).collect::<Vec<_>>().join(" + ");
    if more > 0 {
        line.push_str(&format!(" + {more}"));
    }
    Some(line).filter(|line| !line.is_empty())
}

fn disk_said(disk: &Disk, l: Language) -> Option<String> {
    let size = disk.size.as_ref().map(|size| size.value.get()).filter(|bytes| *bytes > 0)?;
    let kind = match disk.kind.value {
        DiskKind::HardDisk => "HDD".to_owned(),
        DiskKind::SolidState | DiskKind::Nvme => "SSD".to_owned(),
        DiskKind::Emmc => "eMMC".to_owned(),
        DiskKind::Virtual => l.t("headline-virtual-disk"),
        _ => l.t("part-disk").to_lowercase(),
    };
    Some(format!("{kind} {}", sold_size(size, l)))
}

/// Whole gigabytes, and terabytes from the thousand on: 256 060 514 304 is a disk of 256 ГБ.
fn sold_size(bytes: u64, l: Language) -> String {
    let gigabytes = (bytes + 500_000_000) / 1_000_000_000;
    let (gb, tb, point) = match l {
        Language::Russian => ("ГБ", "ТБ", ','),
        Language::English => ("GB", "TB", '.'),
    };
    if gigabytes < 1000 {
        return format!("{}\u{a0}{gb}", number(i64::try_from(gigabytes).unwrap_or(i64::MAX)));
    }
    let tenths = (gigabytes + 50) / 100;
    match tenths % 10 {
        0 => format!("{}\u{a0}{tb}", tenths / 10),
        tenth => format!("{}{point}{tenth}\u{a0}{tb}", tenths / 10),
    }
}

/// The screen that is part of the computer, or the largest thing it shows on.
fn screen(display: &Display, names: &Names, l: Language) -> Option<String> {
    let rank = |monitor: &Monitor| match screen_kind(monitor) {
        ScreenKind::InteractivePanel => 0,
        ScreenKind::BuiltIn => 1,
        ScreenKind::Television => 2,
        ScreenKind::Monitor => 3,
        ScreenKind::Projector => 4,
        _ => 5,
    };
    let monitor = display.monitors.iter().min_by_key(|monitor| rank(monitor))?;
    let noun = match screen_kind(monitor) {
        ScreenKind::BuiltIn => l.t("headline-screen"),
        ScreenKind::Virtual => return None,
        ScreenKind::Unknown | ScreenKind::Other => l.t("headline-screen"),
        kind => l.family("screen", &wire_name(&kind)),
    };
    let size = match diagonal_of(monitor, names) {
        Diagonal::Named(tenths) | Diagonal::Measured(tenths) => Some(inches(tenths, l)),
        Diagonal::Unknown => None,
    };
    let named = plausible(&monitor.model).filter(|_| size.is_none());
    match size.or(named) {
        Some(more) => Some(format!("{noun} {more}")),
        None if screen_kind(monitor) == ScreenKind::BuiltIn => None,
        None => Some(noun),
    }
}

fn screen_kind(monitor: &Monitor) -> ScreenKind {
    match &monitor.taken_for {
        Some(taken) => taken.kind,
        None if monitor.connection.value == DisplayConnection::BuiltIn => ScreenKind::BuiltIn,
        None => ScreenKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::summarize;
    use inventory_schema::SectionName;

    fn said(kind: DeviceKind, bodies: &[(SectionName, &str)]) -> String {
        let sections: Vec<AnySection> = bodies
            .iter()
            .map(|(name, body)| AnySection::read(*name, body.as_bytes()).unwrap())
            .collect();
        let summary = summarize(&sections);
        let line = headline(&Facts::of(Some(kind), &sections), &summary, &Names::default(), Language::Russian);
        line.replace('\u{a0}', " ")
    }

    const PROCESSOR: (SectionName, &str) = (
        SectionName::Processor,
        r#"{"format":"processor/1","content":{"processors":[{"model":{"value":"Intel(R) Core(TM) i5-9400 CPU @ 2.90GHz","source":"proc_cpuinfo"}}]}}"#,
    );
    const MEMORY: (SectionName, &str) = (
        SectionName::Memory,
        r#"{"format":"memory/1","content":{"installed":{"value":8589934592,"source":"smbios"}}}"#,
    );
    const DISKS: (SectionName, &str) = (
        SectionName::Storage,
        r#"{"format":"storage/1","content":{"disks":[
            {"name":"nvme0n1","kind":{"value":"nvme","source":"sysfs_block"},"size":{"value":256060514304,"source":"sysfs_block"}},
            {"name":"sda","kind":{"value":"hard_disk","source":"sysfs_block"},"size":{"value":1000204886016,"source":"sysfs_block"}},
            {"name":"sdb","kind":{"value":"usb","source":"sysfs_block"},"size":{"value":15376000000,"source":"sysfs_block"}}]}}"#,
    );
    const BUILT_IN: (SectionName, &str) = (
        SectionName::Display,
        r#"{"format":"display/1","content":{"monitors":[{"port":"eDP-1","connection":{"value":"built_in","source":"sysfs_drm"},
            "width":{"value":527,"source":"edid"},"height":{"value":296,"source":"edid"}}]}}"#,
    );

    #[test]
    fn an_all_in_one_is_said_in_one_line() {
        let system = r#"{"format":"system/1","content":{"maker":{"value":"Aquarius","source":"smbios"},"model":{"value":"Aquarius Mnb T904","source":"smbios"}}}"#;
        let line = said(
            DeviceKind::AllInOne,
            &[(SectionName::System, system), PROCESSOR, MEMORY, DISKS, BUILT_IN],
        );
        assert_eq!(
            line,
            "Моноблок Aquarius Mnb T904, Core i5-9400, 8 ГБ, SSD 256 ГБ + HDD 1 ТБ, экран 23,8″"
        );
    }

    #[test]
    fn a_computer_of_parts_is_named_by_its_board() {
        let system = r#"{"format":"system/1","content":{"maker":{"value":"MSI","source":"smbios"},
            "model":{"value":"To be filled by O.E.M.","source":"smbios","trust":"placeholder"},
            "baseboard":{"maker":{"value":"Micro-Star International Co., Ltd.","source":"smbios"},"model":{"value":"B85M-E45","source":"smbios"}}}}"#;
        let line = said(DeviceKind::Desktop, &[(SectionName::System, system), MEMORY]);
        assert_eq!(line, "Настольный компьютер на плате MSI B85M-E45, 8 ГБ");
    }

    #[test]
    fn a_panel_is_said_without_inches_where_its_size_is_a_filler() {
        let panel = r#"{"format":"display/1","content":{"monitors":[{"port":"HDMI-A-1","connection":{"value":"hdmi","source":"sysfs_drm"},
            "model":{"value":"ActivPanel V6","source":"edid"},"size_basis":"scaler_default",
            "width":{"value":1150,"source":"edid","trust":"placeholder"},"height":{"value":650,"source":"edid","trust":"placeholder"},
            "taken_for":{"kind":"interactive_panel","confidence":"certain","clues":["model_name"]}}]}}"#;
        let line = said(DeviceKind::PanelComputer, &[(SectionName::Display, panel)]);
        assert_eq!(line, "Компьютер интерактивной панели, интерактивная панель ActivPanel V6");
    }

    #[test]
    fn makers_and_processors_are_called_as_people_call_them() {
        for (written, said) in [
            ("Micro-Star International Co., Ltd.", "MSI"),
            ("ASUSTeK COMPUTER INC.", "ASUS"),
            ("Hewlett-Packard", "HP"),
            ("HP", "HP"),
            ("Hpower Labs", "Hpower Labs"),
            ("Dell Inc.", "Dell"),
            ("ООО Рога", "ООО Рога"),
            ("iRU Co.,Ltd", "iRU"),
            ("Inc", "Inc"),
            ("", ""),
        ] {
            assert_eq!(maker_said(written), said, "{written}");
        }
        for (written, said) in [
            ("Intel(R) Core(TM) i5-8350U CPU @ 1.70GHz", "Core i5-8350U"),
            ("AMD Ryzen 5 3500U with Radeon Vega Mobile Gfx", "Ryzen 5 3500U"),
            ("AMD Ryzen 7 5800X 8-Core Processor", "Ryzen 7 5800X"),
            ("Intel(R) N100", "Intel N100"),
            ("Intel(R) Celeron(R) CPU G3900 @ 2.80GHz", "Celeron G3900"),
            ("2 × Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", "2 × Intel Xeon E5-2670 0"),
            ("E8C-mb", "E8C-mb"),
        ] {
            assert_eq!(processor_said(written), said, "{written}");
        }
    }

    #[test]
    fn lenovo_is_called_by_its_version() {
        let system = r#"{"format":"system/1","content":{"maker":{"value":"LENOVO","source":"smbios"},"model":{"value":"20L50000RT","source":"smbios"},
            "version":{"value":"ThinkPad T480","source":"smbios"}}}"#;
        assert_eq!(
            said(DeviceKind::Laptop, &[(SectionName::System, system)]),
            "Ноутбук Lenovo ThinkPad T480 (20L50000RT)"
        );
    }

    #[test]
    fn what_failed_is_said_from_before() {
        let summary = DeviceSummary {
            maker: Some("Acer".into()),
            model: Some("TravelMate".into()),
            memory_bytes: Some(4 << 30),
            storage_bytes: Some(500_107_862_016),
            ..DeviceSummary::default()
        };
        let line = headline(&Facts::default(), &summary, &Names::default(), Language::Russian);
        assert_eq!(line.replace('\u{a0}', " "), "Компьютер Acer TravelMate, 4 ГБ, диск 500 ГБ");
    }
}
