//! When a computer ran: its last weeks day by day, by the clock of its municipality.

use std::collections::BTreeMap;

use inventory_schema::Timestamp;
use jiff::civil::Date;

use crate::line::lessons::LessonHours;
use crate::state::AppState;
use crate::store::StoreError;
use crate::store::device::Device;
use crate::uptime::{UptimeDay, by_local_days};
use crate::web::format;
use crate::web::language::Language;
use crate::web::page::Page;

/// Days that are shown, today not among them: it is reported when it is over.
const DAYS: i64 = 28;
/// Reports that are read for them: a disk that restores itself reports a day in pieces.
const REPORTS: i64 = 120;

/// A stretch in which the computer ran, in quarter hours since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: usize,
    pub length: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UptimeRow {
    pub date: String,
    pub is_school_day: bool,
    pub stretches: Vec<Stretch>,
    /// «5 ч 45 мин», or that it was off.
    pub total: String,
    /// When it was started, in words for a tooltip.
    pub started: String,
    pub by_own_clock: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Uptime {
    /// Newest first; empty where no day was reported yet.
    pub days: Vec<UptimeRow>,
    pub summary: String,
    /// The lessons of a school day, in quarter hours since midnight.
    pub lessons: Option<Stretch>,
}

impl Uptime {
    pub async fn of(state: &AppState, device: &Device, lessons: &LessonHours, page: &Page) -> Result<Self, StoreError> {
        let activities = state.store.reported_days(device.id, REPORTS).await?;
        let days = by_local_days(&activities, page.zone());
        Ok(Self::view(&days, local_date(page.now, page), lessons, page))
    }

    fn view(days: &BTreeMap<Date, UptimeDay>, today: Date, lessons: &LessonHours, page: &Page) -> Self {
        let Some(first) = days.keys().next().copied() else {
            return Self::default();
        };
        let nothing = UptimeDay::default();
        let shown = dates_before(today).take_while(|date| *date >= first);
        let rows: Vec<(Date, &UptimeDay)> = shown.map(|date| (date, days.get(&date).unwrap_or(&nothing))).collect();
        let school: Vec<&UptimeDay> = rows
            .iter()
            .filter(|(date, _)| lessons.is_school_day(*date))
            .map(|(_, day)| *day)
            .collect();
        Self {
            summary: summary(&school, lessons, page.language),
            days: rows.iter().map(|(date, day)| row(*date, day, lessons, page)).collect(),
            lessons: Some(quarters(u32::from(lessons.from), u32::from(lessons.to))),
        }
    }
}

fn local_date(at: Timestamp, page: &Page) -> Date {
    let at = jiff::Timestamp::from_microsecond(at.unix_micros()).unwrap_or_default();
    at.to_zoned(page.zone().clone()).date()
}

/// The last days before `today`, newest first.
fn dates_before(today: Date) -> impl Iterator<Item = Date> {
    let mut date = today;
    (0..DAYS).map_while(move |_| {
        date = date.yesterday().ok()?;
        Some(date)
    })
}

fn quarters(from: u32, to: u32) -> Stretch {
    let first = usize::try_from(from / 15).unwrap_or(0);
    let end = usize::try_from(to.div_ceil(15)).unwrap_or(0);
    Stretch {
        from: first,
        length: end.saturating_sub(first),
    }
}

fn row(date: Date, day: &UptimeDay, lessons: &LessonHours, page: &Page) -> UptimeRow {
    let started: Vec<String> = day.started.iter().map(|at| format::moment(*at, page.zone())).collect();
    UptimeRow {
        date: date.strftime("%d.%m.%Y").to_string(),
        is_school_day: lessons.is_school_day(date),
        stretches: day
            .stretches()
            .into_iter()
            .map(|(from, end)| Stretch { from, length: end - from })
            .collect(),
        total: in_words(day.minutes(), page.language),
        started: started.join(", "),
        by_own_clock: day.by_own_clock,
    }
}

/// «Включался в 18 из 22 учебных дней, в среднем 5 ч 45 мин, из них в учебные часы 4 ч 30 мин.»
fn summary(school: &[&UptimeDay], lessons: &LessonHours, l: Language) -> String {
    let ran: Vec<&&UptimeDay> = school.iter().filter(|day| day.minutes() > 0).collect();
    let Ok(count) = u32::try_from(ran.len()) else {
        return String::new();
    };
    if count == 0 {
        return l.with("uptime-never", "days", &school.len().to_string());
    }
    let mean = |minutes: u32| in_words(minutes / count, l);
    let whole: u32 = ran.iter().map(|day| day.minutes()).sum();
    let within: u32 = ran
        .iter()
        .map(|day| day.minutes_between(u32::from(lessons.from), u32::from(lessons.to)))
        .sum();
    l.with_all(
        "uptime-summary",
        &[
            ("ran", &count.to_string()),
            ("days", &school.len().to_string()),
            ("mean", &mean(whole)),
            ("lessons", &mean(within)),
        ],
    )
}

fn in_words(minutes: u32, l: Language) -> String {
    match (minutes / 60, minutes % 60) {
        (0, 0) => l.t("uptime-off"),
        (0, rest) => l.with("uptime-minutes", "minutes", &rest.to_string()),
        (hours, 0) => l.with("uptime-hours", "hours", &hours.to_string()),
        (hours, rest) => l.with_all(
            "uptime-hours-minutes",
            &[("hours", &hours.to_string()), ("minutes", &rest.to_string())],
        ),
    }
}
