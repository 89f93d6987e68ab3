//! From when to when, as people say it: `2026-09-01` to `2026-11-30` is from the first midnight to the end of the
//! last day, in the region's zone. A moment may be given in full too. Pure.

use inventory_schema::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Timestamp>,
    /// Not included.
    pub to: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    #[error("«{0}» — не дата: ожидается ГГГГ-ММ-ДД, например 2026-09-01 / not a date")]
    Date(String),
    #[error("срок кончается раньше, чем начинается / the span ends before it begins")]
    Empty,
}

impl Span {
    /// Empty texts set no bound.
    pub fn of(from: &str, to: &str, zone: &TimeZone) -> Result<Self, SpanError> {
        let span = Self {
            from: moment(from, 0, zone)?,
            to: moment(to, 1, zone)?,
        };
        match (span.from, span.to) {
            (Some(from), Some(to)) if from >= to => Err(SpanError::Empty),
            _ => Ok(span),
        }
    }
}

/// The midnight `days` after the date, or the moment that was given.
fn moment(text: &str, days: i64, zone: &TimeZone) -> Result<Option<Timestamp>, SpanError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || SpanError::Date(text.chars().take(40).collect());
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(Some(Timestamp::from_unix_micros(moment.as_microsecond())));
    }
    let date: Date = text.parse().map_err(|_| wrong())?;
    let span = jiff::Span::new().try_days(days).map_err(|_| wrong())?;
    let day = date.checked_add(span).map_err(|_| wrong())?;
    let midnight = day.to_zoned(zone.clone()).map_err(|_| wrong())?;
    Ok(Some(Timestamp::from_unix_micros(midnight.timestamp().as_microsecond())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_the_regions_and_the_last_is_included() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let span = Span::of("2026-09-01", " 2026-09-01 ", &zone).unwrap();
        assert_eq!(span.from, at("2026-08-31T19:00:00.000000Z"));
        assert_eq!(span.to, at("2026-09-01T19:00:00.000000Z"));
        assert_eq!(Span::of("", "", &zone), Ok(Span::default()));
        assert_eq!(
            Span::of("2026-09-01T00:00:00Z", "", &zone).unwrap().from,
            at("2026-09-01T00:00:00.000000Z")
        );
        assert_eq!(Span::of("2026-09-02", "2026-09-01", &zone), Err(SpanError::Empty));
        for wrong in ["01.09.2026", "2026-13-01", "x"] {
            assert!(matches!(Span::of(wrong, "", &zone), Err(SpanError::Date(_))), "{wrong}");
        }
        assert!(Span::of("9999-12-31", "9999-12-31", &zone).is_err());
    }
}
