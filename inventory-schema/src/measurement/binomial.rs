//! Is so many of so many too many, or too few, to be chance? Exact, in whole numbers, so that everyone who counts
//! again comes to the same answer on any machine.
//!
//! One-sided Clopper–Pearson: a share of at least `p` is proven when so many passes or more would come with at most
//! the probability `α` if it were `p` exactly; it is refuted when so few or fewer would. Sums of C(n,k)·a^k·(1000−a)^(n−k)
//! are compared with α·1000^n; nothing is rounded.

use std::cmp::Ordering;

/// Thousandths.
pub const WHOLE: u32 = 1000;
/// More samples than any building has in a year of slots; what is beyond is not counted.
pub const MAX_SAMPLES: u32 = 20_000;

/// Would `passes` or more of `n` come with at most `alpha` thousandths, were the true share `share` thousandths?
pub fn proves_at_least(n: u32, passes: u32, share: u32, alpha: u32) -> bool {
    let failures = n.saturating_sub(passes);
    // So many failures or fewer, with the chances exchanged.
    n > 0 && passes <= n && share > 0 && share < WHOLE && tail_is_at_most(n, failures, WHOLE - share, alpha)
}

/// Would `passes` or fewer of `n` come with at most `alpha` thousandths, were the true share `share` thousandths?
pub fn refutes_at_least(n: u32, passes: u32, share: u32, alpha: u32) -> bool {
    n > 0 && passes <= n && share > 0 && share < WHOLE && tail_is_at_most(n, passes, share, alpha)
}

/// The largest share, in thousandths, that so many passes prove; 0 when they prove none.
pub fn proven_share(n: u32, passes: u32, alpha: u32) -> u32 {
    let (mut proven, mut not) = (0, WHOLE);
    while not - proven > 1 {
        let middle = proven.midpoint(not);
        if proves_at_least(n, passes, middle, alpha) {
            proven = middle;
        } else {
            not = middle;
        }
    }
    proven
}

/// P(X ≤ k) ≤ α for X of n trials with the chance `share` each.
fn tail_is_at_most(n: u32, k: u32, share: u32, alpha: u32) -> bool {
    let (n, k) = (n.min(MAX_SAMPLES), k.min(MAX_SAMPLES));
    // Whatever both chances have in common is taken out, so that the numbers stay short: 9 and 1 of 10.
    let common = greatest_common_divisor(share, WHOLE);
    let (hit, whole) = (share / common, WHOLE / common);
    let miss = whole - hit;
    // C(n,0)·miss^n, then each term from the one before: times (n−i)·hit, divided by (i+1)·miss.
    let mut term = Natural::power(miss, n);
    let mut sum = term.clone();
    for i in 0..k {
        term.multiply(n - i);
        term.multiply(hit);
        term.divide(i + 1);
        term.divide(miss);
        sum.add(&term);
    }
    let mut limit = Natural::power(whole, n);
    limit.multiply(alpha);
    sum.multiply(WHOLE);
    sum.compare(&limit) != Ordering::Greater
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A natural number of any size, in parts of 32 bits, the smallest first, without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn power(base: u32, exponent: u32) -> Self {
        let mut power = Self(vec![1]);
        (0..exponent).for_each(|_| power.multiply(base));
        power
    }

    fn multiply(&mut self, factor: u32) {
        let mut carry = 0u64;
        for part in &mut self.0 {
            let product = u64::from(*part) * u64::from(factor) + carry;
            *part = low(product);
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
        self.trim();
    }

    /// Exact: every division here leaves nothing over.
    fn divide(&mut self, divisor: u32) {
        let mut rest = 0u64;
        for part in self.0.iter_mut().rev() {
            let value = (rest << 32) | u64::from(*part);
            *part = low(value / u64::from(divisor));
            rest = value % u64::from(divisor);
        }
        debug_assert_eq!(rest, 0, "a binomial term is a whole number");
        self.trim();
    }

    fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        let mut carry = 0u64;
        for (index, part) in self.0.iter_mut().enumerate() {
            let sum = u64::from(*part) + u64::from(other.0.get(index).copied().unwrap_or(0)) + carry;
            *part = low(sum);
            carry = sum >> 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

/// The lower 32 bits.
fn low(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NINE_TENTHS: u32 = 900;
    const FIVE_PERCENT: u32 = 50;

    fn least_that_proves(n: u32, share: u32) -> Option<u32> {
        (0..=n).find(|passes| proves_at_least(n, *passes, share, FIVE_PERCENT))
    }

    fn most_that_refutes(n: u32, share: u32) -> Option<u32> {
        (0..=n).rev().find(|passes| refutes_at_least(n, *passes, share, FIVE_PERCENT))
    }

    #[test]
    fn the_thresholds_are_those_of_the_tables() {
        assert_eq!(least_that_proves(60, NINE_TENTHS), Some(59));
        assert_eq!(most_that_refutes(60, NINE_TENTHS), Some(49));
        assert_eq!(least_that_proves(120, NINE_TENTHS), Some(114));
        assert_eq!(most_that_refutes(120, NINE_TENTHS), Some(101));
        assert_eq!(least_that_proves(60, 800), Some(54));
        assert_eq!(most_that_refutes(60, 800), Some(42));
        // 0.9^29 is 0.0471: from there on all passes prove.
        assert_eq!(least_that_proves(29, NINE_TENTHS), Some(29));
        assert_eq!(least_that_proves(28, NINE_TENTHS), None);
        assert_eq!(least_that_proves(30, NINE_TENTHS), Some(30));
    }

    #[test]
    fn the_proven_share_is_the_lower_bound() {
        // The lower bound of 60 of 60 is 0.05^(1/60) = 0.9513.
        assert_eq!(proven_share(60, 60, FIVE_PERCENT), 951);
        // Of 59 of 60: 0.9230; of 30 of 60: 0.3870.
        assert_eq!(proven_share(60, 59, FIVE_PERCENT), 923);
        assert_eq!(proven_share(60, 30, FIVE_PERCENT), 387);
        assert_eq!(proven_share(60, 0, FIVE_PERCENT), 0);
        assert_eq!(proven_share(0, 0, FIVE_PERCENT), 0);
    }

    #[test]
    fn nothing_is_proven_by_nothing_and_nothing_by_nonsense() {
        assert!(!proves_at_least(0, 0, NINE_TENTHS, FIVE_PERCENT));
        assert!(!refutes_at_least(0, 0, NINE_TENTHS, FIVE_PERCENT));
        assert!(!proves_at_least(10, 11, NINE_TENTHS, FIVE_PERCENT));
        assert!(!proves_at_least(10, 10, 0, FIVE_PERCENT));
        assert!(!refutes_at_least(10, 0, WHOLE, FIVE_PERCENT));
    }

    /// The same tail with logarithms, which are not exact and need no large numbers.
    fn tail_by_logarithms(n: u32, k: u32, p: f64) -> f64 {
        let mut log_choose = 0.0f64;
        let mut sum = 0.0;
        for i in 0..=k {
            sum += (log_choose + f64::from(i) * p.ln() + f64::from(n - i) * (1.0 - p).ln()).exp();
            log_choose += (f64::from(n - i)).ln() - f64::from(i + 1).ln();
        }
        sum
    }

    proptest! {
        #[test]
        fn agrees_with_logarithms(n in 1u32..400, part in 0.0f64..=1.0, share in 1u32..1000) {
            let k = (f64::from(n) * part) as u32;
            let tail = tail_by_logarithms(n, k, f64::from(share) / 1000.0);
            prop_assume!((tail - 0.05).abs() > 1e-9);
            prop_assert_eq!(refutes_at_least(n, k, share, FIVE_PERCENT), tail <= 0.05, "tail {}", tail);
        }

        #[test]
        fn more_passes_never_prove_less(n in 1u32..200, passes in 0u32..200, share in 1u32..1000) {
            let passes = passes % n;
            if proves_at_least(n, passes, share, FIVE_PERCENT) {
                prop_assert!(proves_at_least(n, passes + 1, share, FIVE_PERCENT));
                prop_assert!(!refutes_at_least(n, passes, share, FIVE_PERCENT));
            }
            if refutes_at_least(n, passes + 1, share, FIVE_PERCENT) {
                prop_assert!(refutes_at_least(n, passes, share, FIVE_PERCENT));
            }
        }
    }
}
