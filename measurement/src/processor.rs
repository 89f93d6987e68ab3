//! How busy a computer was between two moments: what is measured on a starving one proves nothing against the line.
//!
//! Pure but for [`Load::now`]. Used by whoever measures.

use std::time::Duration;

use inventory_schema::quantity::Percent;

/// Processor time of the whole computer so far, in the kernel's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    busy: u64,
    all: u64,
}

impl Load {
    /// Where the system says.
    pub fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line of `/proc/stat`: user, nice, system, idle, waiting for disks, interrupts, stolen.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line
            .split_ascii_whitespace()
            .take(8)
            .map(|text| text.parse().ok())
            .collect::<Option<_>>()?;
        let all = ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
        let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
        Some(Self {
            busy: all.saturating_sub(idle),
            all,
        })
    }

    /// The share of all processors that was busy since.
    pub fn share_since(self, before: Self) -> Percent {
        let (busy, all) = (self.busy.saturating_sub(before.busy), self.all.saturating_sub(before.all));
        Percent::saturating(busy.saturating_mul(100).checked_div(all).unwrap_or(0).min(100))
    }
}

/// The share of one processor that something took of a length of time.
pub fn share_of_one(used: Duration, of: Duration) -> Percent {
    let of = of.as_micros().max(1);
    Percent::saturating(u64::try_from(used.as_micros() * 100 / of).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_what_was_busy_of_what_there_was() {
        let before = Load::parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let after = Load::parse("cpu  150 0 75 850 75 0 0 0 0 0\n").unwrap();
        assert_eq!(after.share_since(before).get(), 50);
        assert_eq!(before.share_since(before).get(), 0);
        assert_eq!(before.share_since(after).get(), 0);
        for text in ["", "cpu", "cpu  1 2", "cpu  1 2 3 x 5", "intr 1 2 3"] {
            assert_eq!(Load::parse(text), None, "{text}");
        }
        assert_eq!(share_of_one(Duration::from_millis(95), Duration::from_millis(1_400)).get(), 6);
        assert_eq!(share_of_one(Duration::from_secs(1), Duration::ZERO).get(), 1_000);
    }
}
