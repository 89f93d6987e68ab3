//! Every fact of a report's screen against what edid-decode says of the same bytes.
//!
//! Reads `edid/*.bin` with `*.txt` beside them in the folder that COS_TEST_FIXTURES names, which is no part of
//! the project, and passes over itself without one. Prints what differs with its reason; what differs for no
//! listed reason fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use cos_agent::inventory::edid::{Edid, monitor};
use inventory_schema::device::{Fact, Source, Trust};
use inventory_schema::inventory::{DisplayConnection, Monitor, ScreenKind, SizeBasis};

/// What the comparison found.
#[derive(Default)]
struct Tally {
    facts: usize,
    /// Equal, and yet our verdict says that the value is a filler.
    judged: Vec<String>,
    explained: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn compare(&mut self, file: &str, fact: &str, ours: Option<String>, theirs: Option<String>) {
        self.facts += 1;
        if ours != theirs {
            self.wrong.push(format!("{file}: {fact}: we say {ours:?}, edid-decode {theirs:?}"));
        }
    }

    fn explain(&mut self, file: &str, fact: &str, reason: &str) {
        self.facts += 1;
        self.explained.push(format!("{file}: {fact}: {reason}"));
    }
}

/// The lines of the base block, where edid-decode says what a report has fields for.
struct Oracle<'t> {
    base: &'t str,
    whole: &'t str,
}

impl<'t> Oracle<'t> {
    fn new(text: &'t str) -> Self {
        let base = text.split("\nBlock 1,").next().unwrap_or(text);
        Self { base, whole: text }
    }

    fn after(&self, label: &str) -> Option<&'t str> {
        self.all(label).into_iter().next()
    }

    fn all(&self, label: &str) -> Vec<&'t str> {
        let lines = self.base.lines().map(str::trim);
        lines.filter_map(|line| line.strip_prefix(label)).map(str::trim).collect()
    }

    fn quoted(&self, label: &str) -> Vec<&'t str> {
        self.all(label).into_iter().map(|text| text.trim_matches('\'').trim()).collect()
    }

    /// `1280x1536i  65.227704 Hz … (410 mm x 230 mm)` of the first timing, here or in an extension.
    fn native(&self) -> Option<(&'t str, Option<&'t str>)> {
        let line = self.whole.lines().map(str::trim).find(|line| {
            line.strip_prefix("DTD")
                .is_some_and(|rest| rest.trim_start().starts_with("1:") || rest.starts_with(':'))
        })?;
        let (_, timing) = line.split_once(':')?;
        let sides = timing.split_once('(').and_then(|(_, sides)| sides.strip_suffix(')'));
        Some((timing.trim(), sides.filter(|sides| sides.contains("mm x"))))
    }
}

fn value<T: ToString>(fact: &Option<Fact<T>>) -> Option<String> {
    fact.as_ref().map(|fact| fact.value.to_string())
}

fn number<T: Copy + Into<u64>>(fact: &Option<Fact<T>>) -> Option<u64> {
    fact.as_ref().map(|fact| fact.value.into())
}

fn identity(file: &str, monitor: &Monitor, oracle: &Oracle<'_>, tally: &mut Tally) {
    tally.compare(
        file,
        "maker",
        value(&monitor.maker),
        oracle.after("Manufacturer:").map(str::to_owned),
    );
    let product = monitor
        .product_code
        .as_ref()
        .map(|code| u16::from_str_radix(code.value.as_str(), 16).unwrap().to_string());
    tally.compare(file, "product", product, oracle.after("Model:").map(str::to_owned));
    // edid-decode is silent about a number of zero.
    let ours = value(&monitor.serial_number).filter(|number| number != "0");
    tally.compare(file, "serial number", ours, oracle.after("Serial Number:").map(str::to_owned));
    let texts = oracle.quoted("Display Product Serial Number:");
    tally.compare(
        file,
        "serial text",
        value(&monitor.serial_text),
        texts.first().map(|text| (*text).to_owned()),
    );
    let others = monitor.other_names.iter().map(ToString::to_string);
    let ours: Vec<String> = value(&monitor.model).into_iter().chain(others).collect();
    let names = oracle.quoted("Display Product Name:");
    if !names.is_empty() {
        tally.compare(file, "names", Some(ours.join("|")), Some(names.join("|")));
    }
    // Where there is no name the texts stand in; edid-decode shows a text as far as its first strange byte.
    for text in oracle.quoted("Alphanumeric Data String:") {
        let found = ours.iter().find(|name| *name == text).cloned();
        if names.is_empty() {
            tally.compare(file, "text", found, Some(text.to_owned()));
        }
    }
}

fn date(file: &str, monitor: &Monitor, oracle: &Oracle<'_>, tally: &mut Tally) {
    let made = match (number(&monitor.made_in_week), number(&monitor.made_in_year)) {
        (Some(week), Some(year)) => Some(format!("week {week} of {year}")),
        (None, year) => year.map(|year| year.to_string()),
        (Some(_), None) => None,
    };
    tally.compare(file, "made in", made, oracle.after("Made in:").map(str::to_owned));
    let model_year = number(&monitor.model_year).map(|year| year.to_string());
    tally.compare(file, "model year", model_year, oracle.after("Model year:").map(str::to_owned));
}

fn mode(file: &str, monitor: &Monitor, oracle: &Oracle<'_>, tally: &mut Tally) {
    let Some((timing, _)) = oracle.native() else { return };
    let mut words = timing.split_whitespace();
    let theirs = words.next().map(str::to_owned);
    let suffix = if monitor.interlaced.is_some() { "i" } else { "" };
    let ours = number(&monitor.horizontal)
        .zip(number(&monitor.vertical))
        .map(|(width, height)| format!("{width}x{height}{suffix}"));
    tally.compare(file, "native mode", ours, theirs);
    let rate: Option<f64> = words.next().and_then(|rate| rate.parse().ok());
    let theirs = rate.map(|rate| format!("{:.0}", rate * 1000.0));
    tally.compare(file, "refresh", number(&monitor.refresh).map(|rate| rate.to_string()), theirs);
}

/// The rule of sizes chooses between the centimetres and the timing; what it refuses it has to say why.
fn size(file: &str, monitor: &Monitor, oracle: &Oracle<'_>, tally: &mut Tally) {
    let numbers = |text: &str| -> Vec<u64> {
        let words = text.split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let centimetres = oracle.after("Maximum image size:").map(numbers).filter(|sides| sides.len() == 2);
    let timing = oracle.native().and_then(|(_, sides)| sides).map(numbers);
    let ours = number(&monitor.width).zip(number(&monitor.height)).map(|(w, h)| vec![w, h]);
    let in_millimetres = centimetres.as_ref().map(|sides| vec![sides[0] * 10, sides[1] * 10]);
    match monitor.size_basis.unwrap() {
        SizeBasis::Timing => tally.compare(file, "size", ours.map(|s| format!("{s:?}")), timing.map(|s| format!("{s:?}"))),
        SizeBasis::Projected | SizeBasis::NotStated | SizeBasis::DisplayId if in_millimetres.is_none() => tally.facts += 1,
        SizeBasis::Projected => tally.explain(file, "size", "a projector has none"),
        _ => tally.compare(
            file,
            "size",
            ours.map(|s| format!("{s:?}")),
            in_millimetres.map(|s| format!("{s:?}")),
        ),
    }
}

fn verdicts(file: &str, monitor: &Monitor, tally: &mut Tally) {
    let fillers = [
        (
            "serial number",
            monitor
                .serial_number
                .as_ref()
                .filter(|fact| fact.value.as_str() != "0")
                .map(|fact| fact.trust),
        ),
        ("serial text", monitor.serial_text.as_ref().map(|fact| fact.trust)),
        ("size", monitor.width.as_ref().map(|fact| fact.trust)),
    ];
    for (fact, _) in fillers.iter().filter(|(_, trust)| *trust == Some(Trust::Placeholder)) {
        tally.judged.push(format!("{file}: {fact}"));
    }
}

fn compare(path: &Path, tally: &mut Tally) -> Option<Monitor> {
    let file = path.file_stem()?.to_str()?;
    let bytes = fs::read(path).unwrap();
    let text = fs::read_to_string(path.with_extension("txt")).ok()?;
    let Ok(edid) = Edid::read(&bytes) else {
        tally.explain(file, "all", &format!("no EDID: {} bytes", bytes.len()));
        return None;
    };
    let is_laptop = file.starts_with("laptop");
    let connection = if is_laptop {
        DisplayConnection::BuiltIn
    } else {
        DisplayConnection::Hdmi
    };
    let monitor = monitor("HDMI-A-1".parse().unwrap(), Fact::new(connection, Source::SysfsDrm), &edid, &bytes);
    let oracle = Oracle::new(&text);
    identity(file, &monitor, &oracle, tally);
    date(file, &monitor, &oracle, tally);
    mode(file, &monitor, &oracle, tally);
    size(file, &monitor, &oracle, tally);
    verdicts(file, &monitor, tally);
    assert_eq!(monitor.edid_bytes.as_ref().unwrap().bytes(), bytes, "{file}");
    let taken = monitor.taken_for.as_ref().unwrap();
    println!(
        "{file}: {:?}, {:?}, {:?}; size: {:?}",
        taken.kind,
        taken.confidence,
        taken.clues,
        monitor.size_basis.unwrap()
    );
    Some(monitor)
}

#[test]
fn screens_are_read_as_edid_decode_reads_them() {
    let Some(folder) = std::env::var_os("COS_TEST_FIXTURES") else {
        return;
    };
    let Ok(entries) = fs::read_dir(Path::new(&folder).join("edid")) else {
        return;
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    let mut tally = Tally::default();
    let read = files.iter().filter(|path| compare(path, &mut tally).is_some()).count();
    let different = tally.explained.len() + tally.wrong.len();
    let share = 100.0 * different as f64 / tally.facts.max(1) as f64;
    println!(
        "{read} of {} screens, {} facts, {different} differ ({share:.1} %)",
        files.len(),
        tally.facts
    );
    for line in tally.explained.iter().chain(&tally.wrong) {
        println!("  {line}");
    }
    println!("equal, and marked as fillers:");
    for line in &tally.judged {
        println!("  {line}");
    }
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
}

/// Which of the samples are what, said by people who know the models.
#[test]
fn known_screens_are_taken_for_what_they_are() {
    let Some(folder) = std::env::var_os("COS_TEST_FIXTURES") else {
        return;
    };
    let known = [
        ("aoc-interlaced", ScreenKind::Monitor),
        ("benq-rp654k", ScreenKind::InteractivePanel),
        ("glpi-acer-b247y", ScreenKind::Monitor),
        ("glpi-samsung-s22e390", ScreenKind::Monitor),
        ("hisense-tv-nosize", ScreenKind::Television),
        ("hkc-3block", ScreenKind::Monitor),
        ("infocus-2126d", ScreenKind::Projector),
        ("iwb-smart-monitor", ScreenKind::InteractivePanel),
        ("laptop-auo-noname", ScreenKind::BuiltIn),
        ("newline", ScreenKind::InteractivePanel),
        ("promethean-activpanel-v6-dig", ScreenKind::InteractivePanel),
        ("smart-tv-rtk-fake160x90", ScreenKind::Television),
        ("smart-uf70w", ScreenKind::Projector),
    ];
    for (file, kind) in known {
        let path = Path::new(&folder).join("edid").join(file).with_extension("bin");
        if path.exists() {
            let monitor = compare(&path, &mut Tally::default()).unwrap();
            assert_eq!(monitor.taken_for.unwrap().kind, kind, "{file}");
        }
    }
}
