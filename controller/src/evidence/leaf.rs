//! What is hashed into a checkpoint's two trees, byte for byte. Every leaf begins with its kind, so that one kind
//! can never be read as another; numbers are big-endian.
//!
//! | Kind | Bytes |
//! |---|---|
//! | chain head | `head` 0, key fingerprint (32), epoch (4), sequence (8), digest of the envelope (32) |
//! | certificate | `cert` 0, key fingerprint (32), SHA-256 of the DER (32), issued at (8, microseconds), serial as text |
//! | revocation | `revo` 0, key fingerprint (32), revoked at (8, microseconds) |
//!
//! The forms never change; a new one gets a new kind.

use inventory_schema::envelope::{ChainHead, ChainPlace};
use inventory_schema::{Digest, KeyFingerprint, Timestamp};

use super::merkle::{self, Node};

/// The newest report of a key when a checkpoint was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLeaf {
    pub key: KeyFingerprint,
    pub head: ChainHead,
}

/// A packed head: the leaf without its kind.
const PACKED: usize = 32 + 4 + 8 + 32;

impl HeadLeaf {
    pub fn node(&self) -> Node {
        let mut bytes = Vec::with_capacity(5 + PACKED);
        bytes.extend_from_slice(b"head\0");
        self.pack(&mut bytes);
        merkle::leaf(&bytes)
    }

    /// Appends what [`Self::unpack`] reads.
    pub fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.key.0.as_bytes());
        out.extend_from_slice(&self.head.place.epoch.to_be_bytes());
        out.extend_from_slice(&self.head.place.sequence.to_be_bytes());
        out.extend_from_slice(self.head.digest.as_bytes());
    }

    /// Every head of a block; `None` if its bytes are no such block.
    pub fn unpack(block: &[u8]) -> Option<Vec<Self>> {
        let (leaves, rest) = block.as_chunks::<PACKED>();
        let read = |bytes: &[u8; PACKED]| {
            let (key, rest) = bytes.split_first_chunk()?;
            let (epoch, rest) = rest.split_first_chunk()?;
            let (sequence, digest) = rest.split_first_chunk()?;
            Some(Self {
                key: KeyFingerprint(Digest::from_bytes(*key)),
                head: ChainHead {
                    place: ChainPlace {
                        epoch: u32::from_be_bytes(*epoch),
                        sequence: u64::from_be_bytes(*sequence),
                    },
                    digest: Digest::from_bytes(digest.try_into().ok()?),
                },
            })
        };
        rest.is_empty().then(|| leaves.iter().map(read).collect())?
    }
}

/// A certificate as the issuance log has it.
pub fn certificate(key: KeyFingerprint, der: &[u8], issued_at: Timestamp, serial: &str) -> Node {
    let mut bytes = b"cert\0".to_vec();
    bytes.extend_from_slice(key.0.as_bytes());
    bytes.extend_from_slice(Digest::of(der).as_bytes());
    bytes.extend_from_slice(&issued_at.unix_micros().to_be_bytes());
    bytes.extend_from_slice(serial.as_bytes());
    merkle::leaf(&bytes)
}

pub fn revocation(key: KeyFingerprint, revoked_at: Timestamp) -> Node {
    let mut bytes = b"revo\0".to_vec();
    bytes.extend_from_slice(key.0.as_bytes());
    bytes.extend_from_slice(&revoked_at.unix_micros().to_be_bytes());
    merkle::leaf(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> KeyFingerprint {
        KeyFingerprint(Digest::of(b"key"))
    }

    /// Written by hand with `printf … | sha256sum`: the form must never change.
    #[test]
    fn the_bytes_of_each_leaf_are_fixed() {
        let head = HeadLeaf {
            key: key(),
            head: ChainHead {
                place: ChainPlace { epoch: 1, sequence: 2 },
                digest: Digest::of(b"envelope"),
            },
        };
        let mut bytes = vec![0];
        bytes.extend_from_slice(b"head\0");
        bytes.extend_from_slice(Digest::of(b"key").as_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        bytes.extend_from_slice(Digest::of(b"envelope").as_bytes());
        assert_eq!(head.node(), Digest::of(&bytes));

        let mut bytes = vec![0];
        bytes.extend_from_slice(b"revo\0");
        bytes.extend_from_slice(Digest::of(b"key").as_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(revocation(key(), Timestamp::from_unix_micros(256)), Digest::of(&bytes));

        let mut bytes = vec![0];
        bytes.extend_from_slice(b"cert\0");
        bytes.extend_from_slice(Digest::of(b"key").as_bytes());
        bytes.extend_from_slice(Digest::of(b"der").as_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0]);
        bytes.extend_from_slice(b"4a01");
        assert_eq!(
            certificate(key(), b"der", Timestamp::from_unix_micros(256), "4a01"),
            Digest::of(&bytes)
        );
    }

    #[test]
    fn packed_heads_read_back() {
        let head = |number: u64| HeadLeaf {
            key: KeyFingerprint(Digest::of(&number.to_be_bytes())),
            head: ChainHead {
                place: ChainPlace {
                    epoch: 7,
                    sequence: number,
                },
                digest: Digest::of(b"x"),
            },
        };
        let heads: Vec<HeadLeaf> = (1..4).map(head).collect();
        let mut block = Vec::new();
        heads.iter().for_each(|head| head.pack(&mut block));
        assert_eq!(HeadLeaf::unpack(&block), Some(heads));
        assert_eq!(HeadLeaf::unpack(&block[1..]), None);
        assert_eq!(HeadLeaf::unpack(&[]), Some(Vec::new()));
    }
}
