//! Bytes per 50 ms, and the rate that they are worth with its confidence.
//!
//! The mean over whole bins counts, never the largest of them: a receiver that was busy for a moment finds two bins'
//! bytes in one. Pure. Used by the receiver's statistics.

use std::time::Duration;

use super::plan::BIN;

/// A mean and half of its confidence interval, in bits per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    pub rate: u64,
    pub half_width: u64,
}

/// Part of the rate that is added to the interval for what no bin shows: rounding, clocks, the packets at its edges.
const SYSTEMATIC_PER_MILLION: f64 = 500.0;
/// Standard errors on each side.
const STANDARD_ERRORS: f64 = 3.0;

/// What one bin lacks its neighbours often have: packets that were late. So bins are not taken for independent, and
/// not for more certain than this part of it either.
const LAGS: usize = 3;
const LEAST_PART: f64 = 8.0;

/// Bins from one moment on.
#[derive(Debug, Clone, Default)]
pub struct Bins {
    began: Duration,
    bytes: Vec<u32>,
    most: usize,
}

impl Bins {
    pub fn new(began: Duration, most: usize) -> Self {
        Self {
            began,
            bytes: Vec::with_capacity(most),
            most,
        }
    }

    pub fn began(&self) -> Duration {
        self.began
    }

    /// The bin that a moment falls into; none before the first.
    pub fn place(&self, at: Duration) -> Option<usize> {
        let since = at.checked_sub(self.began)?;
        usize::try_from(since.as_nanos() / BIN.as_nanos()).ok()
    }

    /// Counts bytes that arrived at a moment. What falls behind the last bin is not counted.
    pub fn add(&mut self, at: Duration, bytes: u32) {
        let Some(place) = self.place(at).filter(|place| *place < self.most) else {
            return;
        };
        if self.bytes.len() <= place {
            self.bytes.resize(place + 1, 0);
        }
        self.bytes[place] = self.bytes[place].saturating_add(bytes);
    }

    /// The first `whole` bins; those that nothing fell into are empty.
    pub fn first(&self, whole: usize) -> Vec<u32> {
        let mut bytes = self.bytes.clone();
        bytes.resize(whole.min(self.most), 0);
        bytes
    }
}

/// The rate that the bins are worth.
pub fn estimate(bins: &[u32]) -> Estimate {
    if bins.is_empty() {
        return Estimate::default();
    }
    let count = bins.len() as f64;
    let mean = bins.iter().map(|bytes| f64::from(*bytes)).sum::<f64>() / count;
    let squares = bins.iter().map(|bytes| (f64::from(*bytes) - mean).powi(2)).sum::<f64>();
    let error = if bins.len() < 2 {
        mean
    } else {
        let spread = squares / (count - 1.0);
        let long_run = spread + 2.0 * neighbours(bins, mean) / (count - 1.0);
        (long_run.max(spread / LEAST_PART) / count).sqrt()
    };
    let half_width = STANDARD_ERRORS * error + mean * SYSTEMATIC_PER_MILLION / 1e6;
    Estimate {
        rate: bits_per_second(mean),
        half_width: bits_per_second(half_width),
    }
}

/// How neighbouring bins vary together, up to [`LAGS`] apart, nearer ones counting more (Newey and West, 1987).
fn neighbours(bins: &[u32], mean: f64) -> f64 {
    let together = |lag: usize| {
        let pairs = bins.iter().zip(bins.iter().skip(lag));
        pairs
            .map(|(left, right)| (f64::from(*left) - mean) * (f64::from(*right) - mean))
            .sum::<f64>()
    };
    (1..=LAGS).map(|lag| (1.0 - lag as f64 / (LAGS + 1) as f64) * together(lag)).sum()
}

/// The rate of the two halves; of an odd number the middle bin belongs to neither.
pub fn halves(bins: &[u32]) -> (u64, u64) {
    let half = bins.len() / 2;
    let first = estimate(&bins[..half]).rate;
    let second = estimate(&bins[bins.len() - half..]).rate;
    (first, second)
}

fn bits_per_second(bytes_per_bin: f64) -> u64 {
    (bytes_per_bin * 8.0 / BIN.as_secs_f64()).round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_rate_is_itself() {
        // 100 Mb/s: 625,000 bytes in 50 ms.
        let estimate = estimate(&[625_000; 20]);
        assert_eq!(estimate.rate, 100_000_000);
        assert_eq!(estimate.half_width, 50_000);
    }

    #[test]
    fn packets_that_fall_to_either_side_of_a_bins_edge_hardly_widen_the_interval() {
        let bins: Vec<u32> = (0..20).map(|place| 1_500 * if place % 3 == 0 { 417 } else { 416 }).collect();
        let estimate = estimate(&bins);
        assert!(estimate.rate.abs_diff(99_924_000) < 100_000, "{estimate:?}");
        assert!(estimate.half_width < 150_000, "{estimate:?}");
    }

    #[test]
    fn a_stall_of_the_receiver_moves_no_mean() {
        let mut bins = [625_000; 20];
        bins[7] = 0;
        bins[8] = 1_250_000;
        assert_eq!(estimate(&bins).rate, 100_000_000);
        assert!(estimate(&bins).half_width > 10_000_000, "but it is not called certain");
    }

    #[test]
    fn credit_that_ends_in_the_middle_shows_in_the_halves() {
        let bins: Vec<u32> = (0..21).map(|place| if place < 10 { 656_250 } else { 593_750 }).collect();
        assert_eq!(halves(&bins), (105_000_000, 95_000_000));
        assert_eq!(halves(&[]), (0, 0));
    }

    #[test]
    fn bytes_outside_the_bins_are_not_counted() {
        let mut bins = Bins::new(Duration::from_secs(5), 2);
        bins.add(Duration::from_millis(4_999), 1);
        bins.add(Duration::from_millis(5_000), 2);
        bins.add(Duration::from_millis(5_099), 3);
        bins.add(Duration::from_millis(5_100), 4);
        bins.add(Duration::from_secs(u64::from(u32::MAX)), 5);
        assert_eq!(bins.first(2), [2, 3]);
        assert_eq!(bins.first(1), [2]);
        assert_eq!(bins.first(9), [2, 3]);
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_smallest_and_the_largest(bins in prop::collection::vec(0_u32..1_000_000_000, 1..200)) {
            let rate = estimate(&bins).rate;
            let of = |bytes: u32| bits_per_second(f64::from(bytes));
            prop_assert!(rate >= of(*bins.iter().min().unwrap()));
            prop_assert!(rate <= of(*bins.iter().max().unwrap()));
        }
    }
}
