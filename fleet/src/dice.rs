//! What a seed decides: the same numbers everywhere and for ever (SplitMix64; Steele, Lea, Flood 2014).

/// Not for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Dice {
    /// The numbers of `seed` for one purpose: streams of one seed have nothing in common.
    pub fn of(seed: u64, purpose: &str, number: u64) -> Self {
        // FNV-1a over the purpose; one throw apart, so that neighbouring numbers differ at once.
        let name = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut dice = Self(seed ^ name ^ number.wrapping_mul(GOLDEN));
        Self(dice.throw())
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound - 1`.
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.throw()) * u128::from(bound)) >> 64).expect("the high half has 64 bits")
    }

    /// True `per_mille` times in a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(of.len() as u64);
        &of[usize::try_from(index).expect("an index of a slice")]
    }

    /// One of `of`, each as often as its weight says.
    pub fn weighed<'a, T>(&mut self, of: &'a [(u64, T)]) -> &'a T {
        let mut left = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in of {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return one,
            }
        }
        unreachable!("the throw is below the sum of the weights")
    }

    /// `count` different numbers below `bound`, in order.
    pub fn choose(&mut self, count: u64, bound: u64) -> Vec<u64> {
        let mut all: Vec<u64> = (0..bound).collect();
        let count = count.min(bound);
        for place in 0..count {
            let other = place + self.below(bound - place);
            all.swap(index(place), index(other));
        }
        all.truncate(index(count));
        all.sort_unstable();
        all
    }

    /// Letters and digits as makers use them in serial numbers.
    pub fn serial(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        (0..length).map(|_| char::from(*self.pick(LETTERS))).collect()
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("numbers of a fleet are small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_throws_the_same_numbers_and_another_purpose_others() {
        let row = |seed, purpose, number| {
            let mut dice = Dice::of(seed, purpose, number);
            (0..8).map(|_| dice.throw()).collect::<Vec<_>>()
        };
        assert_eq!(row(1, "hardware", 3), row(1, "hardware", 3));
        assert_ne!(row(1, "hardware", 3), row(1, "hardware", 4));
        assert_ne!(row(1, "hardware", 3), row(1, "plan", 3));
        assert_ne!(row(1, "hardware", 3), row(2, "hardware", 3));
    }

    #[test]
    fn those_chosen_are_different_and_in_order() {
        let chosen = Dice::of(7, "test", 0).choose(20, 50);
        assert_eq!(chosen.len(), 20);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]), "{chosen:?}");
        assert!(chosen.iter().all(|number| *number < 50));
    }

    #[test]
    fn weights_are_kept() {
        let mut dice = Dice::of(7, "test", 1);
        let heavy = (0..10_000).filter(|_| *dice.weighed(&[(900, true), (100, false)])).count();
        assert!((8_800..=9_200).contains(&heavy), "{heavy}");
    }
}
