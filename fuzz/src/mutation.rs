//! Changes to samples from a seed: the same seed makes the same inputs on every computer.
//!
//! Pure. Used where no fuzzer runs; it knows nothing of coverage and makes up for it by samples that are deep.

/// Marsaglia's xorshift64*: enough to draw bytes, and short.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn throw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`; 0 where there is nothing to choose from.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.throw() >> 16) as usize % end }
    }
}

const LONGEST: usize = 4096;

/// One to eight changes of a sample; `others` are what pieces are taken from.
pub fn mutated(sample: &[u8], others: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=dice.below(8) {
        change(&mut bytes, others, dice);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    /// Where readers count, compare and end.
    const TELLING: [u8; 14] = [0, 1, 2, 4, 0x1f, 0x7f, 0x80, 0xfe, 0xff, b'\n', b' ', b'"', b'\\', b':'];
    let at = dice.below(bytes.len() + 1);
    let length = dice.below((bytes.len() - at).min(64) + 1);
    match dice.below(8) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (dice.throw() % 8)),
        1 => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = TELLING[dice.below(TELLING.len())]),
        2 => bytes.insert(at, dice.throw() as u8),
        3 => drop(bytes.drain(at..at + length)),
        4 => {
            let piece = bytes[at..at + length].to_vec();
            let to = dice.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        5 => bytes.truncate(at),
        6 => {
            let other = &others[dice.below(others.len())];
            let from = dice.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        _ => {
            let byte = TELLING[dice.below(TELLING.len())];
            bytes[at..at + length].fill(byte);
        }
    }
}
