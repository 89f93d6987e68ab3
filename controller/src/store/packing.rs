//! Envelopes and bodies as they lie in the database: compressed, small ones with the help of a text that both
//! sides know ([`WORDS`]).
//!
//! What is unpacked is byte for byte what was packed: evidence is checked over it. A first byte says how it was
//! packed, so that older rows read for ever; the text of a number is never changed, a better one gets the next.

use std::cell::RefCell;
use std::io;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};

use super::StoreError;

/// The phrases of an envelope and of the small sections, so that a report of 700 bytes need not bring its own.
const WORDS: &[u8] = include_bytes!("packing/words-1.txt");
const LEVEL: i32 = 3;
/// The first byte of what was packed with [`WORDS`]. A plain zstd frame begins with 0x28, a JSON text with `{`.
const WITH_WORDS: u8 = 1;
const PLAIN_FRAME: u8 = 0x28;
/// Above this a text brings its own phrases.
const SMALL: usize = 16 * 1024;

static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(WORDS, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(WORDS));

thread_local! {
    // Making one costs more than using it.
    static PLAIN: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static WORDED: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Packs canonical JSON.
pub(super) fn pack(text: &[u8]) -> Result<Vec<u8>, StoreError> {
    let packed = if text.len() > SMALL {
        PLAIN.with(|kept| kept_or_made(kept, || Compressor::new(LEVEL), |compressor| compressor.compress(text)))
    } else {
        let make = || Compressor::with_prepared_dictionary(&ENCODER);
        WORDED.with(|kept| kept_or_made(kept, make, |compressor| pack_with_words(compressor, text)))
    };
    packed.map_err(|error| StoreError::corrupt("text to be stored", error))
}

fn pack_with_words(compressor: &mut Compressor<'static>, text: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = vec![0; 1 + zstd::zstd_safe::compress_bound(text.len())];
    packed[0] = WITH_WORDS;
    let length = compressor.compress_to_buffer(text, &mut packed[1..])?;
    packed.truncate(1 + length);
    Ok(packed)
}

fn kept_or_made<T>(
    kept: &RefCell<Option<Compressor<'static>>>,
    make: impl FnOnce() -> io::Result<Compressor<'static>>,
    work: impl FnOnce(&mut Compressor<'static>) -> io::Result<T>,
) -> io::Result<T> {
    let mut kept = kept.borrow_mut();
    match &mut *kept {
        Some(compressor) => work(compressor),
        none => work(none.insert(make()?)),
    }
}

/// Unpacks what [`pack`] made, or a version before it; at most `limit` bytes come out.
pub(super) fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, StoreError> {
    let failed = |error| StoreError::corrupt("packed text", error);
    match packed {
        [WITH_WORDS, frame @ ..] => Decompressor::with_prepared_dictionary(&DECODER)
            .and_then(|mut decompressor| decompressor.decompress(frame, limit))
            .map_err(failed),
        [PLAIN_FRAME, ..] => zstd::bulk::decompress(packed, limit).map_err(failed),
        text => Ok(text.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENVELOPE: &[u8] = br#"{"agent":"0.1.0","clock":{"boot":"0f6f9f3e-1f5c-4d5c-8a52-6b0c2f6d7e11","device":"2017-01-01T00:03:11.204518Z"},"device":"01900000-0000-7000-8000-000000000001","format":"envelope/1"}"#;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        for text in [&b""[..], b"{}", ENVELOPE, &ENVELOPE.repeat(200)] {
            assert_eq!(unpack(&pack(text).unwrap(), 1 << 20).unwrap(), text);
        }
    }

    #[test]
    fn a_small_text_needs_no_phrases_of_its_own() {
        let (with, without) = (pack(ENVELOPE).unwrap().len(), zstd::bulk::compress(ENVELOPE, LEVEL).unwrap().len());
        assert!(with * 3 < without * 2, "{with} against {without}");
    }

    #[test]
    fn older_rows_are_read() {
        assert_eq!(unpack(ENVELOPE, 4096).unwrap(), ENVELOPE);
        assert_eq!(unpack(&zstd::bulk::compress(ENVELOPE, 3).unwrap(), 4096).unwrap(), ENVELOPE);
    }

    #[test]
    fn a_damaged_row_is_an_error_and_takes_no_memory() {
        let mut packed = pack(ENVELOPE).unwrap();
        packed.truncate(packed.len() / 2);
        assert!(unpack(&packed, 4096).is_err());
        assert!(unpack(&pack(&[b' '; 9000]).unwrap(), 100).is_err());
    }

    /// The stored rows were packed with this very text.
    #[test]
    fn the_words_are_never_changed() {
        assert_eq!(
            inventory_schema::Digest::of(WORDS).to_string(),
            "sha256:f425c4a72f919a87b8703af36cdb1e0a4ecaca4f4f9fdc110f3085dc21285e88"
        );
    }
}
