//! When agents come back (promise 10): waiting in a long poll while there is room, spread over an interval
//! when there is not.
//!
//! Pure apart from the draw that spreads agents; called by check-ins.

use std::time::Duration;

use inventory_schema::check_in::MAX_WAIT_SECONDS;
use inventory_schema::quantity::Seconds;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The most devices that may wait at once.
    pub most_waiting: usize,
    /// How long a check-in may wait while there is room.
    pub wait: Seconds,
    /// Between two check-ins of a device that may not wait.
    pub interval: Seconds,
}

impl Pace {
    /// When the device comes back and how long it may wait then.
    pub fn next(&self, waiting: usize) -> (Seconds, Seconds) {
        if waiting < self.most_waiting {
            (Seconds::saturating(0), self.longest_wait())
        } else {
            (spread(self.interval, draw()), Seconds::saturating(0))
        }
    }

    /// How long a device that asks to wait may do so, where `waiting` others do already.
    pub fn patience(&self, asked: Seconds, waiting: usize) -> Duration {
        let seconds = if waiting < self.most_waiting {
            asked.get().min(self.longest_wait().get())
        } else {
            0
        };
        Duration::from_secs(seconds)
    }

    fn longest_wait(&self) -> Seconds {
        Seconds::saturating(self.wait.get().min(MAX_WAIT_SECONDS))
    }
}

/// Between half an interval and one and a half, so that those who were sent away together do not return
/// together.
fn spread(interval: Seconds, draw: u64) -> Seconds {
    let interval = interval.get().max(1);
    Seconds::saturating(interval / 2 + draw % (interval + 1))
}

fn draw() -> u64 {
    let random = uuid::Uuid::now_v7().as_u128();
    // The low half of a version 7 identifier is random.
    u64::try_from(random & u128::from(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_house_sends_agents_away_for_about_the_interval() {
        let pace = Pace {
            most_waiting: 2,
            wait: Seconds::saturating(50),
            interval: Seconds::saturating(600),
        };
        assert_eq!(pace.next(1), (Seconds::saturating(0), Seconds::saturating(50)));
        let (next, wait) = pace.next(2);
        assert_eq!(wait.get(), 0);
        assert!((300..=900).contains(&next.get()), "{next}");
    }

    #[test]
    fn a_wait_is_cut_and_a_full_house_lets_nobody_wait() {
        let pace = |wait| Pace {
            most_waiting: 2,
            wait: Seconds::saturating(wait),
            interval: Seconds::saturating(600),
        };
        let asked = Seconds::saturating(3600);
        assert_eq!(pace(90).patience(asked, 1), Duration::from_secs(MAX_WAIT_SECONDS));
        assert_eq!(pace(20).patience(asked, 1), Duration::from_secs(20));
        assert_eq!(pace(20).patience(Seconds::saturating(3), 0), Duration::from_secs(3));
        assert_eq!(pace(20).patience(asked, 2), Duration::ZERO);
    }

    #[test]
    fn the_draw_decides_within_the_bounds() {
        let interval = Seconds::saturating(600);
        assert_eq!(spread(interval, 0).get(), 300);
        assert_eq!(spread(interval, 600).get(), 900);
    }
}
