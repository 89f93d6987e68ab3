//! One screen as a technician would say it: «Интерактивная панель 65″ BNQ BenQ RP654K, HDMI, 3840×2160».
//!
//! What is only likely is said so with its reason, and so is why a size is not known.

use inventory_schema::inventory::{Confidence, Monitor, ScreenClue, ScreenKind, SizeBasis, TakenFor};

use super::{joined, shown, with_tenth, words};
use crate::language::Language;

pub(super) fn line(monitor: &Monitor, lang: Language) -> String {
    let serial = shown(&monitor.serial, lang).map(|serial| format!("№ {serial}"));
    joined([
        Some(what(monitor, lang)),
        why_no_size(monitor, lang).map(str::to_owned),
        connection(monitor, lang).map(str::to_owned),
        mode(monitor, lang),
        serial,
        made(monitor, lang),
    ])
}

/// Kind, inches and name: «Вероятно, проектор ABC X (размер не указан)».
fn what(monitor: &Monitor, lang: Language) -> String {
    let name = [shown(&monitor.maker, lang), shown(&monitor.model, lang)];
    let parts = [monitor.taken_for.as_ref().map(|taken| kind(taken, lang)), diagonal(monitor, lang)];
    let said: Vec<String> = parts.into_iter().chain(name).chain([doubt(monitor, lang)]).flatten().collect();
    if said.is_empty() {
        lang.choose("Экран, который о себе ничего не сообщает", "A screen that says nothing of itself")
            .to_owned()
    } else {
        said.join(" ")
    }
}

/// Said once: a built-in screen is built in.
fn connection(monitor: &Monitor, lang: Language) -> Option<&'static str> {
    let is_said = monitor.taken_for.as_ref().is_some_and(|taken| taken.kind == ScreenKind::BuiltIn);
    (!is_said).then(|| words::connection(monitor.connection.value, lang))
}

fn kind(taken: &TakenFor, lang: Language) -> String {
    let (russian, english) = match taken.kind {
        ScreenKind::BuiltIn => ("встроенный экран", "built-in screen"),
        ScreenKind::Monitor => ("монитор", "monitor"),
        ScreenKind::InteractivePanel => ("интерактивная панель", "interactive panel"),
        ScreenKind::Projector => ("проектор", "projector"),
        ScreenKind::Television => ("телевизор", "television"),
        ScreenKind::Virtual => ("экран виртуальной машины", "a virtual machine's screen"),
        ScreenKind::Unknown | ScreenKind::Other => return lang.choose("Экран неизвестного вида", "Screen of an unknown kind").to_owned(),
    };
    let noun = lang.choose(russian, english);
    match taken.confidence {
        Confidence::Certain | Confidence::Other => capitalized(noun),
        Confidence::Likely => format!("{} {noun}", lang.choose("Вероятно,", "Probably")),
        Confidence::Possible => format!("{} {noun}", lang.choose("Возможно,", "Possibly")),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The reasons of a judgement that is not certain, in brackets.
fn doubt(monitor: &Monitor, lang: Language) -> Option<String> {
    let taken = monitor.taken_for.as_ref()?;
    let is_open = matches!(taken.confidence, Confidence::Likely | Confidence::Possible) && !taken.clues.is_empty();
    let reasons = || {
        taken
            .clues
            .iter()
            .map(|clue| clue_words(*clue, lang))
            .collect::<Vec<_>>()
            .join("; ")
    };
    is_open.then(|| format!("({})", reasons()))
}

fn clue_words(clue: ScreenClue, lang: Language) -> &'static str {
    match clue {
        ScreenClue::InternalPort => lang.choose("подключён внутри компьютера", "connected inside the computer"),
        ScreenClue::VirtualHardware => lang.choose("оборудование виртуальной машины", "virtual hardware"),
        ScreenClue::ModelName => lang.choose("судя по названию", "by its name"),
        ScreenClue::Maker => lang.choose("судя по изготовителю", "by its maker"),
        ScreenClue::StatedUse => lang.choose("так сообщает сам экран", "as it states itself"),
        ScreenClue::NoSize => lang.choose("размер не указан", "it states no size"),
        ScreenClue::ScalerSize => lang.choose("размер как у плат панелей", "it states the size of panels' boards"),
        ScreenClue::ProportionsForSize => lang.choose("вместо размера пропорции", "it states proportions for a size"),
        ScreenClue::LargeSize => lang.choose("больше 40 дюймов", "larger than 40 inches"),
        ScreenClue::DeskSize => lang.choose("размер настольный", "of a desk's size"),
        ScreenClue::SoundOverHdmi => lang.choose("принимает звук по HDMI", "takes sound over HDMI"),
        ScreenClue::Other => lang.choose("другая причина", "another reason"),
    }
}

/// In whole inches, as screens are sold. A size that stands for «not filled in» is none.
fn diagonal(monitor: &Monitor, lang: Language) -> Option<String> {
    let (width, height) = monitor.width.as_ref().zip(monitor.height.as_ref())?;
    if monitor.size_basis.is_some_and(|basis| !basis.is_known()) {
        return None;
    }
    let inches = (width.value.get() as f64).hypot(height.value.get() as f64) / 25.4;
    let size = format!("{inches:.0}″");
    Some(if width.trust.is_plausible() {
        size
    } else {
        format!("{size} ({})", words::trust(width.trust, lang))
    })
}

fn why_no_size(monitor: &Monitor, lang: Language) -> Option<&'static str> {
    Some(match monitor.size_basis? {
        SizeBasis::Proportions => lang.choose(
            "размер неизвестен: экран сообщает пропорции вместо размера",
            "size unknown: the screen states proportions instead of its size",
        ),
        SizeBasis::ScalerDefault => lang.choose(
            "размер неизвестен: экран сообщает заводской размер своей платы",
            "size unknown: the screen states its board's default size",
        ),
        SizeBasis::NotStated => lang.choose(
            "размер неизвестен: экран его не сообщает",
            "size unknown: the screen does not state it",
        ),
        SizeBasis::Projected | SizeBasis::Centimetres | SizeBasis::Timing | SizeBasis::DisplayId | SizeBasis::Other => return None,
    })
}

/// «3840×2160, 60 Гц», «1920×1080, 60 Гц, чересстрочно».
fn mode(monitor: &Monitor, lang: Language) -> Option<String> {
    let (width, height) = monitor.horizontal.as_ref().zip(monitor.vertical.as_ref())?;
    let pixels = format!("{}×{}", width.value.get(), height.value.get());
    let hertz = monitor.refresh.as_ref().map(|rate| {
        let tenths = (rate.value.get() + 50) / 100;
        format!("{} {}", with_tenth(tenths, lang), lang.choose("Гц", "Hz"))
    });
    let interlaced = monitor.interlaced.as_ref().filter(|fact| fact.value);
    let interlaced = interlaced.map(|_| lang.choose("чересстрочно", "interlaced").to_owned());
    Some(joined([Some(pixels), hertz, interlaced]))
}

fn made(monitor: &Monitor, lang: Language) -> Option<String> {
    let year = |russian, english, year: u64| format!("{} {year}", lang.choose(russian, english));
    let made = monitor
        .made_in_year
        .as_ref()
        .map(|fact| year("выпущен", "made in", fact.value.get()));
    made.or_else(|| monitor.model_year.as_ref().map(|fact| year("модель", "model of", fact.value.get())))
}

#[cfg(test)]
mod tests {
    use inventory_schema::device::{Fact, Source};
    use inventory_schema::inventory::DisplayConnection;

    use super::*;
    use crate::inventory::edid::{Edid, monitor};

    /// A base block with these sides in centimetres, a name, and a timing of 3840 × 2160 at 60 Hz, 708 × 398 mm.
    fn screen(sides: [u8; 2], name: &str) -> Monitor {
        let mut bytes = [0; 128];
        bytes[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        bytes[8..18].copy_from_slice(&[0x04, 0x43, 0x34, 0x12, 0, 0, 0, 0, 27, 31]);
        bytes[21..23].copy_from_slice(&sides);
        let timing = [
            0x08, 0xe8, 0x00, 0x30, 0xf2, 0x70, 0x5a, 0x80, 0xb0, 0x58, 0x8a, 0, 0xc4, 0x8e, 0x21, 0, 0, 0x1e,
        ];
        bytes[54..72].copy_from_slice(&timing);
        bytes[72..77].copy_from_slice(&[0, 0, 0, 0xfc, 0]);
        bytes[77..77 + name.len()].copy_from_slice(name.as_bytes());
        let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        bytes[127] = sum.wrapping_neg();
        let connection = Fact::new(DisplayConnection::Hdmi, Source::SysfsDrm);
        monitor("HDMI-A-1".parse().unwrap(), connection, &Edid::read(&bytes).unwrap(), &bytes)
    }

    #[test]
    fn a_screen_is_said_as_a_technician_would() {
        let russian = |sides, name| line(&screen(sides, name), Language::Ru);
        let rest = "HDMI, 3840×2160, 60 Гц, № 0 (заполнитель изготовителя), выпущен 2021";
        assert_eq!(
            russian([143, 81], "ActivPanel 9"),
            format!("Интерактивная панель 65″ ABC ActivPanel 9, {rest}")
        );
        assert_eq!(
            russian([16, 9], "ActivPanel 9"),
            format!("Интерактивная панель ABC ActivPanel 9, размер неизвестен: экран сообщает пропорции вместо размера, {rest}")
        );
        assert_eq!(
            russian([0, 0], "X 1"),
            format!("Возможно, проектор ABC X 1 (размер не указан), {rest}")
        );
        let english = line(&screen([115, 65], "X 1"), Language::En);
        assert!(
            english.starts_with("Possibly interactive panel ABC X 1 (it states the size of panels' boards), size unknown"),
            "{english}"
        );
    }

    #[test]
    fn a_screen_without_an_edid_is_still_one() {
        let mut silent = screen([60, 34], "X 1");
        silent.taken_for = None;
        (silent.maker, silent.model, silent.width) = (None, None, None);
        assert!(line(&silent, Language::Ru).starts_with("Экран, который о себе ничего не сообщает"));
    }
}
