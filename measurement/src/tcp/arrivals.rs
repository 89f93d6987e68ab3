//! How much of an upload has arrived, as a server says it: 16 bytes every 50 ms, a moment on the server's clock in
//! microseconds and the bytes of this stream until then. Pure.
//!
//! The streams of one measurement are said by one clock, so that their sums can be cut into common bins, wherever the
//! moments fell: between two of them the load is taken as even.

use std::time::Duration;

use super::BIN;

pub const ARRIVAL_BYTES: usize = 16;
/// What a server says of one stream at most: beyond it the stream is not believed.
const MOST_ARRIVALS: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub at: Duration,
    pub bytes: u64,
}

impl Arrival {
    pub fn encode(self) -> [u8; ARRIVAL_BYTES] {
        let mut out = [0; ARRIVAL_BYTES];
        let micros = u64::try_from(self.at.as_micros()).unwrap_or(u64::MAX);
        out[..8].copy_from_slice(&micros.to_be_bytes());
        out[8..].copy_from_slice(&self.bytes.to_be_bytes());
        out
    }

    fn decode(bytes: [u8; ARRIVAL_BYTES]) -> Self {
        let number = |at: usize| bytes[at..].first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
        Self {
            at: Duration::from_micros(number(0)),
            bytes: number(8),
        }
    }
}

/// What was heard of one stream.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    partial: Vec<u8>,
    heard: Vec<Arrival>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server contradicts itself about what has arrived")]
pub struct Contradiction;

impl Stream {
    /// Takes what came from the server, in any pieces.
    ///
    /// # Errors
    /// When time or bytes go backwards, or more is said than a server has to say.
    pub fn hear(&mut self, bytes: &[u8]) -> Result<(), Contradiction> {
        for byte in bytes {
            self.partial.push(*byte);
            if let Some(whole) = self.partial.first_chunk().copied() {
                self.partial.clear();
                self.add(Arrival::decode(whole))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, arrival: Arrival) -> Result<(), Contradiction> {
        let backwards = self
            .heard
            .last()
            .is_some_and(|last| arrival.at < last.at || arrival.bytes < last.bytes);
        if backwards || self.heard.len() >= MOST_ARRIVALS {
            return Err(Contradiction);
        }
        self.heard.push(arrival);
        Ok(())
    }

    pub fn total(&self) -> u64 {
        self.heard.last().map_or(0, |last| last.bytes)
    }

    /// Bytes until a moment; between two that were heard, in proportion.
    fn until(&self, at: Duration) -> u64 {
        let place = self.heard.partition_point(|arrival| arrival.at <= at);
        let Some(before) = place.checked_sub(1).and_then(|place| self.heard.get(place)) else {
            return 0;
        };
        let Some(after) = self.heard.get(place) else { return before.bytes };
        let span = (after.at - before.at).as_micros().max(1);
        let part = (at - before.at).as_micros().min(span);
        let grown = u128::from(after.bytes - before.bytes) * part / span;
        before.bytes + u64::try_from(grown).unwrap_or_default()
    }
}

/// The streams' load per 50 ms, from when the last of them began to when the first of them was heard last.
pub fn together(streams: &[Stream], most: usize) -> Vec<u32> {
    let Some(from) = streams
        .iter()
        .map(|stream| stream.heard.first().map(|first| first.at))
        .max()
        .flatten()
    else {
        return Vec::new();
    };
    let Some(to) = streams.iter().filter_map(|stream| stream.heard.last().map(|last| last.at)).min() else {
        return Vec::new();
    };
    let total = |at: Duration| -> u64 { streams.iter().map(|stream| stream.until(at)).fold(0, u64::saturating_add) };
    let bins = to.saturating_sub(from).as_nanos() / BIN.as_nanos();
    let bins = u32::try_from(bins.min(most as u128)).unwrap_or_default();
    let totals: Vec<u64> = (0..=bins).map(|bin| total(from.saturating_add(BIN * bin))).collect();
    let between = totals
        .windows(2)
        .map(|pair| u32::try_from(pair[1].saturating_sub(pair[0])).unwrap_or(u32::MAX));
    between.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(said: &[(u64, u64)]) -> Stream {
        let mut stream = Stream::default();
        for (millis, bytes) in said {
            let arrival = Arrival {
                at: Duration::from_millis(*millis),
                bytes: *bytes,
            };
            stream.hear(&arrival.encode()).unwrap();
        }
        stream
    }

    #[test]
    fn streams_are_summed_on_the_servers_clock() {
        let one = stream(&[(1_000, 0), (1_050, 500), (1_100, 1_000), (1_150, 1_500)]);
        let other = stream(&[(1_030, 0), (1_080, 250), (1_130, 500), (1_180, 750)]);
        // Both flow from 1,030 to 1,150: two whole bins.
        assert_eq!(together(&[one.clone(), other.clone()], 400), [750, 750]);
        assert_eq!(together(&[one, other], 1), [750]);
        assert!(together(&[], 400).is_empty());
        assert!(together(&[stream(&[(5, 5)]), Stream::default()], 400).is_empty());
    }

    #[test]
    fn who_goes_backwards_is_not_believed() {
        let mut stream = stream(&[(1_000, 10)]);
        let earlier = Arrival {
            at: Duration::from_millis(999),
            bytes: 20,
        };
        assert_eq!(stream.hear(&earlier.encode()), Err(Contradiction));
        let fewer = Arrival {
            at: Duration::from_millis(1_001),
            bytes: 9,
        };
        assert_eq!(stream.hear(&fewer.encode()), Err(Contradiction));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut stream = Stream::default();
            for part in &parts {
                if stream.hear(part).is_err() {
                    break;
                }
            }
            let _ = together(&[stream.clone(), stream], 400);
        }

        #[test]
        fn no_load_is_lost_or_made(steps in prop::collection::vec((1_u64..200, 0_u64..1_000_000), 2..60)) {
            let (mut at, mut bytes, mut said) = (0, 0, Vec::new());
            for (millis, more) in &steps {
                (at, bytes) = (at + millis, bytes + more);
                said.push((at, bytes));
            }
            let sum: u64 = together(&[stream(&said)], 400).iter().map(|bytes| u64::from(*bytes)).sum();
            prop_assert!(sum <= bytes - said[0].1);
        }
    }
}
