//! A checkpoint, its one line of text, and when the next one falls due.
//!
//! Checkpoint n holds the digest of checkpoint n−1, so one line stands for all that came before it. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use inventory_schema::{Digest, RegionId, Timestamp};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// How long a report may be on its way from its reception to its commit. A checkpoint of moment T looks at the
/// database no sooner than T plus this, so that everything received up to T is in it.
pub const SETTLING: Duration = Duration::from_mins(10);

/// One region's state at one moment. Its digest is taken over its canonical bytes, which the region signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub format: CheckpointFormat,
    pub region: RegionId,
    /// Counts from 1.
    pub number: u64,
    /// The digest of the checkpoint before; `null` for the first.
    pub previous: Option<Digest>,
    /// Everything received and issued up to this moment is in the trees; what came shortly after it may be.
    pub taken_at: Timestamp,
    /// The head of every chain, in the order of key fingerprints.
    pub heads: TreeSummary,
    /// Certificates and revocations, in the order in which they were first seen.
    pub authority_log: TreeSummary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckpointFormat {
    #[serde(rename = "checkpoint/1")]
    V1,
}

/// A Merkle tree (RFC 6962) by its size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeSummary {
    pub count: u64,
    pub root: Digest,
}

impl Checkpoint {
    /// The line of this checkpoint, whose canonical bytes have this `digest`.
    pub fn line(&self, digest: Digest) -> CheckpointLine {
        CheckpointLine {
            region: self.region.clone(),
            number: self.number,
            taken_at: self.taken_at,
            digest,
        }
    }
}

/// What is printed and mailed out: `cos-checkpoint/1 RU-PER 42 2026-11-24T19:00:00Z sha256:… 1a2b3c4d`.
/// The last word is a check over the words before it, so that a mistyped line is noticed as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointLine {
    pub region: RegionId,
    pub number: u64,
    pub taken_at: Timestamp,
    pub digest: Digest,
}

const MARK: &str = "cos-checkpoint/1";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("это не строка контрольной точки: ожидается «cos-checkpoint/1 РЕГИОН НОМЕР ВРЕМЯ sha256:… ПРОВЕРКА» / not a checkpoint line")]
    Form,
    #[error("в строке контрольной точки опечатка: проверочное слово не сходится / the line is mistyped: its check word does not match")]
    Mistyped,
}

impl fmt::Display for CheckpointLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        write!(f, "{words} {}", check(&words))
    }
}

impl CheckpointLine {
    fn words(&self) -> String {
        // Checkpoints are of whole seconds.
        let time = self.taken_at.to_string().replace(".000000Z", "Z");
        format!("{MARK} {} {} {time} {}", self.region, self.number, self.digest)
    }
}

fn check(words: &str) -> String {
    Digest::of(words.as_bytes()).as_bytes()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl FromStr for CheckpointLine {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [mark, region, number, time, digest, given] = words[..] else {
            return Err(LineError::Form);
        };
        if mark != MARK {
            return Err(LineError::Form);
        }
        if given != check(&words[..5].join(" ")) {
            return Err(LineError::Mistyped);
        }
        let full_time = time.replace('Z', ".000000Z");
        Ok(Self {
            region: region.parse().map_err(|_| LineError::Form)?,
            number: number.parse().map_err(|_| LineError::Form)?,
            taken_at: full_time.parse().map_err(|_| LineError::Form)?,
            digest: digest.parse().map_err(|_| LineError::Form)?,
        })
    }
}

/// The moment that the daily checkpoint is due for: the newest midnight in the region's `zone` for which everything
/// received has settled, unless `newest` is as new.
pub fn due(newest: Option<Timestamp>, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = start_of_day(now - SETTLING, zone)?;
    newest.is_none_or(|newest| newest < midnight).then_some(midnight)
}

/// The moment of a checkpoint that somebody asked for now; never before the one that stands.
pub fn at_once(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let settled = Timestamp::from_unix_seconds((now - SETTLING).unix_seconds());
    newest.map_or(settled, |newest| newest.max(settled))
}

fn start_of_day(moment: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let moment = jiff::Timestamp::from_microsecond(moment.unix_micros()).ok()?;
    let midnight = moment.to_zoned(zone.clone()).start_of_day().ok()?;
    Some(Timestamp::from_unix_seconds(midnight.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}.000000Z").parse().unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let tree = TreeSummary {
            count: 2,
            root: Digest::of(b"root"),
        };
        Checkpoint {
            format: CheckpointFormat::V1,
            region: "RU-PER".parse().unwrap(),
            number: 42,
            previous: Some(Digest::of(b"41")),
            taken_at: at("2026-11-24T19:00:00"),
            heads: tree,
            authority_log: tree,
        }
    }

    #[test]
    fn a_line_reads_back_however_it_was_wrapped() {
        let line = checkpoint().line(Digest::of(b"document"));
        let text = line.to_string();
        assert!(
            text.starts_with("cos-checkpoint/1 RU-PER 42 2026-11-24T19:00:00Z sha256:"),
            "{text}"
        );
        assert_eq!(text.parse(), Ok(line.clone()));
        assert_eq!(format!("  {}\r\n", text.replace(' ', "\n ")).parse(), Ok(line));
    }

    #[test]
    fn every_mistyped_character_is_noticed() {
        let text = checkpoint().line(Digest::of(b"document")).to_string();
        for (place, kept) in text.char_indices() {
            for other in ['0', 'b', ' '] {
                if kept == other || (kept == ' ' || other == ' ') && place == 0 {
                    continue;
                }
                let mut mistyped = text.clone();
                mistyped.replace_range(place..=place, &other.to_string());
                assert!(mistyped.parse::<CheckpointLine>().is_err(), "{mistyped}");
            }
        }
        let swapped = text.replace("42", "24");
        assert_eq!(swapped.parse::<CheckpointLine>(), Err(LineError::Mistyped));
        assert_eq!("".parse::<CheckpointLine>(), Err(LineError::Form));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_region() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let midnight = at("2026-11-24T19:00:00");
        // 00:09 in Perm: what was received before midnight may still be on its way.
        let yesterday = at("2026-11-23T19:00:00");
        assert_eq!(due(Some(yesterday), at("2026-11-24T19:09:59"), &zone), None);
        assert_eq!(due(Some(yesterday), at("2026-11-24T19:10:00"), &zone), Some(midnight));
        assert_eq!(due(Some(midnight), at("2026-11-25T19:09:59"), &zone), None);
        // The first of all, and one after days without a controller: only the newest midnight.
        assert_eq!(due(None, at("2026-11-25T06:00:00"), &zone), Some(midnight));
        assert_eq!(
            due(Some(at("2026-08-01T19:00:00")), at("2026-11-25T06:00:00"), &zone),
            Some(midnight)
        );
        // A clock that was set back asks for nothing.
        assert_eq!(due(Some(midnight), at("2026-10-01T00:00:00"), &zone), None);
    }

    #[test]
    fn one_that_is_asked_for_never_goes_back() {
        let now = at("2026-11-25T06:00:00");
        assert_eq!(at_once(None, now), at("2026-11-25T05:50:00"));
        assert_eq!(at_once(Some(at("2026-11-25T05:55:00")), now), at("2026-11-25T05:55:00"));
    }
}
