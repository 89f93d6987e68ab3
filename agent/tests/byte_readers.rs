//! Every reader of bytes under a bounded number of changed samples: none panics, none keeps more than a small
//! multiple of what it was given, and none needs more than in proportion longer for more.
//!
//! The same readers and samples as in `fuzz/`, without a fuzzer: from one seed, so that a failure is found again.
//! `COS_TEST_FUZZ` sets how many inputs each reader is given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../fuzz/src/mutation.rs"]
mod mutation;
#[path = "../../fuzz/src/readers.rs"]
mod readers;
#[path = "../../fuzz/src/samples.rs"]
mod samples;

use std::fs;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use mutation::{Dice, mutated};
use readers::{READERS, Reader};
use rustix::time::{ClockId, clock_gettime};

const SEED: u64 = 0x5eed_c05a;

/// Letters of the debug form per byte of input, and what an empty answer has. Numbers take five letters each,
/// and a table's structure of six bytes is written with the names of its fields.
const LETTERS_PER_BYTE: usize = 64;
const LETTERS: usize = 32 * 1024;

fn count() -> usize {
    std::env::var("COS_TEST_FUZZ")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1500)
}

/// The samples made by code, and what fuzzing found and was worth keeping.
fn corpus(reader: &Reader) -> Vec<Vec<u8>> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/kept").join(reader.name);
    let kept = fs::read_dir(kept)
        .into_iter()
        .flatten()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap());
    (reader.samples)().into_iter().chain(kept).collect()
}

#[test]
fn samples_are_read_and_say_something() {
    for reader in READERS {
        let read: usize = corpus(reader).iter().map(|sample| (reader.read)(sample)).sum();
        assert!(read > 30, "{}: nothing is read of its samples", reader.name);
    }
}

#[test]
fn no_changed_sample_makes_a_reader_fail_or_grow() {
    for reader in READERS {
        let corpus = corpus(reader);
        let mut dice = Dice::new(SEED);
        for number in 0..count() {
            let sample = &corpus[dice.below(corpus.len())];
            let mut bytes = mutated(sample, &corpus, &mut dice);
            if number % 4 > 0 {
                (reader.mend)(&mut bytes);
            }
            let kept = catch_unwind(AssertUnwindSafe(|| (reader.read)(&bytes)));
            let kept = kept.unwrap_or_else(|_| panic!("{} panics at input {number}: {bytes:02x?}", reader.name));
            assert!(
                kept <= LETTERS + LETTERS_PER_BYTE * bytes.len(),
                "{} makes {kept} letters of the {} bytes of input {number}: {bytes:02x?}",
                reader.name,
                bytes.len()
            );
        }
    }
}

const TIMES: usize = 16;

/// A small input and one sixteen times as large of the same kind, in time of this thread's processor. In
/// proportion the ratio is 16, squared 256; the limit lies between with room on both sides, and of several
/// attempts one has to keep it, so that what else the computer does decides nothing. `Err`: the ratios.
fn grows_in_proportion(read: fn(&[u8]) -> usize, small: &[u8], large: &[u8]) -> Result<(), Vec<f64>> {
    const LIMIT: f64 = 80.0;
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let ratio = nanoseconds(read, large, 1) / (nanoseconds(read, small, TIMES) / TIMES as f64);
        if ratio < LIMIT {
            return Ok(());
        }
        ratios.push(ratio);
    }
    Err(ratios)
}

#[test]
fn sixteen_times_as_much_takes_no_hundred_times_as_long() {
    const SMALL: usize = 2048;
    for reader in READERS {
        for (kind, input) in growing(reader) {
            if let Err(ratios) = grows_in_proportion(reader.read, &input(SMALL), &input(SMALL * TIMES)) {
                panic!("{} of {kind}: {TIMES} times as much took {ratios:.0?} times as long", reader.name);
            }
        }
    }
}

#[test]
fn a_reader_that_looks_at_everything_again_for_each_byte_would_be_found() {
    fn squared(bytes: &[u8]) -> usize {
        let looks = |_: &u8| bytes.iter().step_by(8).filter(|byte| **byte == b'a').count();
        bytes.iter().step_by(8).map(looks).sum()
    }
    assert!(grows_in_proportion(squared, &[b'a'; 1024], &[b'a'; 1024 * TIMES]).is_err());
}

type Growing = Box<dyn Fn(usize) -> Vec<u8>>;

/// Inputs of any size: each sample repeated, each sample with its last part repeated, and runs of what lists
/// are made of.
fn growing(reader: &Reader) -> Vec<(String, Growing)> {
    let mut kinds: Vec<(String, Growing)> = Vec::new();
    for (number, sample) in corpus(reader).into_iter().enumerate() {
        let repeated = sample.clone();
        kinds.push((
            format!("sample {number}, repeated"),
            Box::new(move |size| repeated.iter().copied().cycle().take(size).collect()),
        ));
        let mend = reader.mend;
        kinds.push((
            format!("sample {number}, its end repeated"),
            Box::new(move |size| {
                let end = &sample[sample.len() / 2..];
                let mut bytes = sample.clone();
                bytes.extend(end.iter().copied().cycle().take(size.saturating_sub(bytes.len())));
                mend(&mut bytes);
                bytes
            }),
        ));
    }
    for run in [
        "a",
        "\0",
        "\n",
        "a\n",
        "E:A=B\n",
        "\\x20",
        "[",
        "\u{1}\u{4}\0\0\0\0",
        "<Printer a>\n",
        "Package: a\n\n",
    ] {
        kinds.push((format!("{run:?}"), Box::new(move |size| run.bytes().cycle().take(size).collect())));
    }
    kinds
}

fn nanoseconds(read: fn(&[u8]) -> usize, bytes: &[u8], times: usize) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    };
    let begun = now();
    for _ in 0..times {
        black_box(read(black_box(bytes)));
    }
    (now() - begun).max(1.0)
}
