//! Numbers, sizes and moments as people in the region read them. Pure: the zone and the language are given.

use inventory_schema::Timestamp;
use jiff::tz::TimeZone;

use super::language::Language;

/// U+202F: keeps the groups of a number on one line.
const THIN_SPACE: char = '\u{202f}';
/// U+00A0 between a number and its unit.
const HARD_SPACE: char = '\u{a0}';

/// `120000` as `120 000`; four digits stay together, as Russian typesetting has it.
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    if value < 0 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len() - index;
        if index > 0 && left.is_multiple_of(3) && digits.len() > 4 {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    text
}

/// Tenths with a decimal comma (Russian) or point (English); no tenths when there are none.
fn tenths(tenths: u64, language: Language) -> String {
    let whole = number(i64::try_from(tenths / 10).unwrap_or(i64::MAX));
    match (tenths % 10, language) {
        (0, _) => whole,
        (rest, Language::Russian) => format!("{whole},{rest}"),
        (rest, Language::English) => format!("{whole}.{rest}"),
    }
}

fn scaled(bytes: u64, step: u64, language: Language) -> String {
    const UNITS: [[&str; 2]; 5] = [["Б", "B"], ["КБ", "KB"], ["МБ", "MB"], ["ГБ", "GB"], ["ТБ", "TB"]];
    let mut scale = 1u64;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && bytes / scale >= step {
        scale *= step;
        unit += 1;
    }
    let tenth = u64::try_from((u128::from(bytes) * 10 + u128::from(scale) / 2) / u128::from(scale)).unwrap_or(u64::MAX);
    format!("{}{HARD_SPACE}{}", tenths(tenth, language), UNITS[unit][language as usize])
}

/// A disk as its maker counts: powers of 1000.
pub fn disk_size(bytes: u64, language: Language) -> String {
    scaled(bytes, 1000, language)
}

/// Memory as its maker counts: powers of 1024, under the names people use for them.
pub fn memory_size(bytes: u64, language: Language) -> String {
    scaled(bytes, 1024, language)
}

/// A line's rate: `100 Мбит/с`.
pub fn rate(bits_per_second: u64, language: Language) -> String {
    let unit = match (language, bits_per_second >= 1_000_000_000) {
        (Language::Russian, false) => "Мбит/с",
        (Language::Russian, true) => "Гбит/с",
        (Language::English, false) => "Mbit/s",
        (Language::English, true) => "Gbit/s",
    };
    let scale = if bits_per_second >= 1_000_000_000 { 100_000_000 } else { 100_000 };
    format!("{}{HARD_SPACE}{unit}", tenths(bits_per_second / scale, language))
}

/// A measured rate, with hundredths: around a norm they decide.
pub fn megabits(bits_per_second: u64, language: Language) -> String {
    let hundredths = (bits_per_second + 5_000) / 10_000;
    let whole = number(i64::try_from(hundredths / 100).unwrap_or(i64::MAX));
    let rest = hundredths % 100;
    match language {
        Language::Russian => format!("{whole},{rest:02}{HARD_SPACE}Мбит/с"),
        Language::English => format!("{whole}.{rest:02}{HARD_SPACE}Mbit/s"),
    }
}

/// `01.09.2026 11:30` in the zone.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = zoned(at, zone);
    zoned.strftime("%d.%m.%Y %H:%M").to_string()
}

/// `01.09.2026 11:30:05`: where the order of two events within a minute matters.
pub fn exact_moment(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%d.%m.%Y %H:%M:%S").to_string()
}

/// `01.09.2026`.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%d.%m.%Y").to_string()
}

/// RFC 3339 for `<time datetime>`.
pub fn machine(at: Timestamp) -> String {
    at.to_string()
}

/// The moment at which the day of `at` began in the zone.
pub fn start_of_day(at: Timestamp, zone: &TimeZone) -> Timestamp {
    zoned(at, zone)
        .start_of_day()
        .map_or(at, |start| Timestamp::from_unix_micros(start.timestamp().as_microsecond()))
}

fn zoned(at: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    jiff::Timestamp::from_microsecond(at.unix_micros())
        .expect("a Timestamp lies between 1970 and 2199")
        .to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_with_thin_spaces() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1500), "1500");
        assert_eq!(number(120_000), "120\u{202f}000");
        assert_eq!(number(-2_400_000), "−2\u{202f}400\u{202f}000");
    }

    #[test]
    fn sizes_are_counted_as_their_makers_count() {
        assert_eq!(disk_size(256_060_514_304, Language::Russian), "256,1\u{a0}ГБ");
        assert_eq!(disk_size(1_000_204_886_016, Language::Russian), "1\u{a0}ТБ");
        assert_eq!(memory_size(8 << 30, Language::Russian), "8\u{a0}ГБ");
        assert_eq!(memory_size((15 << 30) + (1 << 29), Language::English), "15.5\u{a0}GB");
        assert_eq!(disk_size(17, Language::English), "17\u{a0}B");
        assert_eq!(disk_size(u64::MAX, Language::English), "18\u{202f}446\u{202f}744.1\u{a0}TB");
    }

    #[test]
    fn rates_read_as_targets_are_written() {
        assert_eq!(rate(100_000_000, Language::Russian), "100\u{a0}Мбит/с");
        assert_eq!(rate(2_500_000_000, Language::English), "2.5\u{a0}Gbit/s");
        assert_eq!(megabits(99_504_999, Language::Russian), "99,50\u{a0}Мбит/с");
        assert_eq!(megabits(99_505_000, Language::English), "99.51\u{a0}Mbit/s");
    }

    #[test]
    fn moments_are_shown_in_the_zone() {
        let at: Timestamp = "2026-08-31T20:30:05.000000Z".parse().unwrap();
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        assert_eq!(moment(at, &zone), "01.09.2026 01:30");
        assert_eq!(day(at, &zone), "01.09.2026");
        assert_eq!(start_of_day(at, &zone).to_string(), "2026-08-31T19:00:00.000000Z");
    }
}
