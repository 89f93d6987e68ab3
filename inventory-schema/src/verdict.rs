//! What may be made of an identifying value: one word from the reading's own trust, from what was read before,
//! and from what only the controller can know.
//!
//! Pure. The agent states a reading with its [`Trust`] and lists what it found empty; it cannot know whether
//! another computer carries the same value, nor what the controller kept of older reports.

use serde::{Deserialize, Serialize};

use crate::device::{Fact, Trust};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Usable,
    /// Several live devices report it; the controller alone can say so.
    Duplicate,
    /// The newest reading is worse, so the last good one stands (promise 4).
    LastGood,
    /// Contradicts another source or its own range.
    Implausible,
    /// A maker's filler.
    Placeholder,
    /// Firmware has the place for it and left it empty.
    Empty,
}

impl Verdict {
    /// Whether the value may name a device.
    pub const fn identifies(self) -> bool {
        matches!(self, Self::Usable | Self::LastGood)
    }

    /// What the controller makes of it when it knows how many live devices report the value.
    #[must_use]
    pub const fn among(self, carriers: u32) -> Self {
        if self.identifies() && carriers > 1 { Self::Duplicate } else { self }
    }
}

impl From<Trust> for Verdict {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Plausible => Self::Usable,
            Trust::Placeholder => Self::Placeholder,
            Trust::Implausible => Self::Implausible,
        }
    }
}

/// Which of two readings stands: the newer one, unless it says nothing and the older one said something. A
/// failed, empty or filler reading never replaces a good one.
pub fn standing<'f, T>(newer: Option<&'f Fact<T>>, older: Option<&'f Fact<T>>) -> Option<(&'f Fact<T>, Verdict)> {
    let good = |fact: &&Fact<T>| fact.trust.is_plausible();
    match (newer, older.filter(good)) {
        (Some(newer), _) if newer.trust.is_plausible() => Some((newer, Verdict::Usable)),
        (_, Some(older)) => Some((older, Verdict::LastGood)),
        (newer, None) => newer.map(|fact| (fact, Verdict::from(fact.trust))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{SerialNumber, Source};

    fn serial(text: &str) -> Fact<SerialNumber> {
        SerialNumber::fact(text, Source::Smbios).unwrap()
    }

    #[test]
    fn a_good_reading_is_replaced_by_good_ones_only() {
        let (good, other, filler) = (serial("PF1ABCDE"), serial("PF2ABCDE"), serial("Default string"));
        assert_eq!(standing(Some(&other), Some(&good)), Some((&other, Verdict::Usable)));
        assert_eq!(standing(Some(&filler), Some(&good)), Some((&good, Verdict::LastGood)));
        assert_eq!(standing(None, Some(&good)), Some((&good, Verdict::LastGood)));
        assert_eq!(standing(Some(&filler), None), Some((&filler, Verdict::Placeholder)));
        assert_eq!(standing(None, Some(&filler)), None, "a filler is not kept for its own sake");
    }

    #[test]
    fn only_what_identifies_can_be_a_duplicate() {
        assert_eq!(Verdict::Usable.among(1), Verdict::Usable);
        assert_eq!(Verdict::Usable.among(2), Verdict::Duplicate);
        assert_eq!(Verdict::LastGood.among(2), Verdict::Duplicate);
        assert_eq!(Verdict::Placeholder.among(900), Verdict::Placeholder);
        assert!(!Verdict::Duplicate.identifies());
    }
}
