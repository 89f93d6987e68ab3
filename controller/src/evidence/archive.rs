//! The archive that a person keeps: a tar file (POSIX ustar) of which every byte is determined.
//!
//! A header is a function of the entry's name and length alone, padding is zero, the end is two zero blocks and
//! nothing after them. Contents are listed in `manifest.txt` in their order, by digest, length and name, and
//! `manifest.json`, the last entry, is the region's signature over the manifest's digest. So no byte can change
//! unnoticed, and any tar program opens it. Entries are written as they come; memory holds one of them.
//!
//! | Entry | Holds |
//! |---|---|
//! | `README.txt` | for people: what is proven, what is not, how to check it by hand |
//! | `export.json` | what was asked for ([`document::Export`]) |
//! | `authority.json` | roots, issuing CAs, the signing key's certificate ([`document::Authority`]) |
//! | `checkpoints.jsonl` | every checkpoint, a signed document a line |
//! | `devices/ID/device.json` | whose device it is ([`document::Device`]) |
//! | `devices/ID/NNNN-certificates.jsonl` | certificates and revocations of its keys with their proofs |
//! | `devices/ID/NNNN-bodies.jsonl` | section bodies exactly as received, a line each |
//! | `devices/ID/NNNN-reports.tsv` | received at, state, signature, and the envelope exactly as received |
//! | `devices/ID/NNNN-proofs.jsonl` | its chains' heads in the checkpoints |
//!
//! [`document::Export`]: super::document::Export
//! [`document::Authority`]: super::document::Authority
//! [`document::Device`]: super::document::Device

use std::future::Future;
use std::io;

use inventory_schema::{DeviceId, Digest, RegionId, Timestamp};

pub const README: &str = "README.txt";
pub const EXPORT: &str = "export.json";
pub const AUTHORITY: &str = "authority.json";
pub const CHECKPOINTS: &str = "checkpoints.jsonl";
pub const MANIFEST: &str = "manifest.txt";
pub const SEAL: &str = "manifest.json";

/// A tar file is made of blocks.
pub const BLOCK: usize = 512;
/// The longest name a header holds without tricks.
pub const MAX_NAME: usize = 100;
/// The largest length that eleven octal digits hold.
pub const MAX_LENGTH: u64 = (1 << 33) - 1;

/// What a file of a device holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Certificates,
    Bodies,
    Reports,
    Proofs,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Certificates, Self::Bodies, Self::Reports, Self::Proofs];

    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Certificates => "certificates.jsonl",
            Self::Bodies => "bodies.jsonl",
            Self::Reports => "reports.tsv",
            Self::Proofs => "proofs.jsonl",
        }
    }
}

pub fn device_name(device: DeviceId) -> String {
    format!("devices/{device}/device.json")
}

/// Parts count from 1 within their device.
pub fn part_name(device: DeviceId, number: u32, part: Part) -> String {
    format!("devices/{device}/{number:04}-{}", part.file_name())
}

/// The one header of an entry with this name and length.
///
/// # Panics
/// If the name or the length does not fit; both are checked when they are read, and made here otherwise.
pub fn header(name: &str, length: u64) -> [u8; BLOCK] {
    assert!(
        name.len() <= MAX_NAME && length <= MAX_LENGTH,
        "{name} with {length} bytes fits a header"
    );
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{length:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// How many zero bytes follow a content of this length.
pub fn padding(length: u64) -> usize {
    let past = usize::try_from(length % BLOCK as u64).expect("a remainder below 512");
    if past == 0 { 0 } else { BLOCK - past }
}

/// The first line of a manifest.
pub fn manifest_title(region: &RegionId, made_at: Timestamp) -> String {
    format!("cos-evidence-manifest/1 {region} {made_at}\n")
}

pub fn manifest_line(digest: Digest, length: u64, name: &str) -> String {
    format!("{digest} {length} {name}\n")
}

/// Where an archive goes.
pub trait Output: Send {
    fn write(&mut self, bytes: Vec<u8>) -> impl Future<Output = io::Result<()>> + Send;
}

/// An archive in the making.
#[derive(Debug)]
pub struct Archive<O> {
    output: O,
    manifest: String,
    entries: u64,
}

impl<O: Output> Archive<O> {
    pub fn begin(output: O, region: &RegionId, made_at: Timestamp) -> Self {
        Self {
            output,
            manifest: manifest_title(region, made_at),
            entries: 0,
        }
    }

    pub async fn entry(&mut self, name: &str, content: Vec<u8>) -> io::Result<()> {
        let length = content.len() as u64;
        self.manifest.push_str(&manifest_line(Digest::of(&content), length, name));
        self.entries += 1;
        self.write(name, content).await
    }

    async fn write(&mut self, name: &str, mut content: Vec<u8>) -> io::Result<()> {
        let length = content.len() as u64;
        self.output.write(header(name, length).to_vec()).await?;
        content.resize(content.len() + padding(length), 0);
        self.output.write(content).await
    }

    /// Writes the manifest and what `seal` makes of its digest and its number of entries.
    pub async fn finish<E: From<io::Error>>(mut self, seal: impl FnOnce(Digest, u64) -> Result<Vec<u8>, E>) -> Result<O, E> {
        let manifest = std::mem::take(&mut self.manifest).into_bytes();
        let sealed = seal(Digest::of(&manifest), self.entries)?;
        self.write(MANIFEST, manifest).await?;
        self.write(SEAL, sealed).await?;
        self.output.write(vec![0; 2 * BLOCK]).await?;
        Ok(self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Output for Vec<u8> {
        async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
            self.extend(bytes);
            Ok(())
        }
    }

    /// GNU tar's own header of an empty file `a` with `--format=ustar --mtime=@0 --owner=:0 --group=:0 --mode=644`, but for
    /// the owner's names and the device numbers, which are left out.
    #[test]
    fn a_header_is_that_of_ustar() {
        let header = header("a", 0);
        assert_eq!(&header[..2], b"a\0");
        assert_eq!(&header[124..136], b"00000000000\0");
        assert_eq!(&header[257..265], b"ustar\x0000");
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        assert_eq!(&header[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[tokio::test]
    async fn an_archive_is_blocks_and_opens_with_tar() {
        let made_at = "2026-11-25T06:00:00.000000Z".parse().unwrap();
        let mut archive = Archive::begin(Vec::new(), &"RU-PER".parse().unwrap(), made_at);
        archive.entry(README, b"words".to_vec()).await.unwrap();
        archive.entry(EXPORT, vec![b'x'; 512]).await.unwrap();
        let sealed = |_, entries| {
            assert_eq!(entries, 2);
            Ok::<_, io::Error>(b"seal".to_vec())
        };
        let bytes = archive.finish(sealed).await.unwrap();
        assert_eq!(bytes.len() % BLOCK, 0);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        std::fs::write(&path, &bytes).unwrap();
        let listed = std::process::Command::new("tar").arg("-tf").arg(&path).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        assert_eq!(listed.stdout, b"README.txt\nexport.json\nmanifest.txt\nmanifest.json\n");
    }
}
