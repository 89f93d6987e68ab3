//! From when on the streams together carry what they will carry: four quarters of a second that agree within 5 %.
//!
//! Pure. What comes before is slow start and the streams' quarrel over the queue, and is not counted.

use std::time::Duration;

pub const QUARTER: Duration = Duration::from_millis(250);
/// Bins of 50 ms in a quarter of a second.
const BINS: usize = 5;
const AGREEING: usize = 4;
/// The largest of them is at most so much above the smallest, in per cent.
const PER_CENT: u64 = 5;

/// How many bins of 50 ms come before the first four quarters that agree; `None` while there are none.
pub fn warm_up(bins: &[u32]) -> Option<usize> {
    let quarters: Vec<u64> = bins
        .chunks_exact(BINS)
        .map(|quarter| quarter.iter().map(|bytes| u64::from(*bytes)).sum())
        .collect();
    let first = quarters.windows(AGREEING).position(agree)?;
    Some(first * BINS)
}

fn agree(quarters: &[u64]) -> bool {
    let (least, most) = (quarters.iter().min(), quarters.iter().max());
    matches!((least, most), (Some(least), Some(most)) if *least > 0 && most * 100 <= least * (100 + PER_CENT))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quarters(rates: &[u32]) -> Vec<u32> {
        rates.iter().flat_map(|rate| [*rate; BINS]).collect()
    }

    #[test]
    fn slow_start_is_left_out() {
        let bins = quarters(&[10, 40, 90, 100, 101, 104, 100, 99]);
        assert_eq!(warm_up(&bins), Some(3 * BINS));
        assert_eq!(warm_up(&bins[..6 * BINS]), None, "three agree");
        assert_eq!(warm_up(&quarters(&[100, 100, 100, 100])), Some(0));
        assert_eq!(warm_up(&quarters(&[100, 106, 100, 106, 100, 106])), None);
        assert_eq!(warm_up(&quarters(&[0, 0, 0, 0, 0])), None, "nothing agrees with nothing");
        assert_eq!(warm_up(&[]), None);
    }

    proptest! {
        #[test]
        fn more_bins_change_no_answer(rates in prop::collection::vec(0_u32..2_000_000, 0..200), more in prop::collection::vec(any::<u32>(), 0..40)) {
            let before = warm_up(&rates);
            let whole = rates.len() / BINS * BINS;
            let longer = [&rates[..whole], &more].concat();
            if before.is_some() {
                prop_assert_eq!(warm_up(&longer), before);
            }
        }
    }
}
