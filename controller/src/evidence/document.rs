//! The documents of an archive. Each is canonical JSON (RFC 8785) and refuses what it does not know: an archive of
//! a later form says so by its format.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use inventory_schema::canonical::{CanonicalBytes, CanonicalError};
use inventory_schema::envelope::{ChainHead, ChainPlace};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, RegionId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::merkle::Node;

/// Bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Base64(pub Vec<u8>);

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Base64> for String {
    fn from(bytes: Base64) -> Self {
        STANDARD.encode(bytes.0)
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    pub format: ExportFormat,
    pub region: RegionId,
    pub made_at: Timestamp,
    /// Reports received from this moment on; `null`: from the first that is kept.
    pub from: Option<Timestamp>,
    /// Reports received before this moment; `null`: to the last.
    pub to: Option<Timestamp>,
    /// Reports that were received before this moment may have been let go for their age; `null`: none was.
    pub kept_since: Option<Timestamp>,
    pub selection: Selection,
    /// How many devices follow.
    pub devices: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportFormat {
    #[serde(rename = "evidence-export/1")]
    V1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Selection {
    Devices(Vec<DeviceId>),
    /// The devices that an organization had when the archive was made.
    Organization(Organization),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub ogrn: String,
    pub name: String,
}

/// Certificates as DER.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    pub format: AuthorityFormat,
    pub roots: Vec<Base64>,
    pub issuing: Vec<Base64>,
    /// Of the key that signs checkpoints and manifests.
    pub signing: Base64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorityFormat {
    #[serde(rename = "evidence-authority/1")]
    V1,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub format: DeviceFormat,
    pub device: DeviceId,
    /// Where it stood when the archive was made.
    pub organization: Organization,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceFormat {
    #[serde(rename = "evidence-device/1")]
    V1,
}

/// A line of the authority's log about a device's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LogLine {
    Certificate {
        der: Base64,
        issued_at: Timestamp,
        /// `null` while no checkpoint has it.
        proof: Option<Proof>,
    },
    Revocation {
        key: KeyFingerprint,
        revoked_at: Timestamp,
        proof: Option<Proof>,
    },
}

/// Where a leaf stands in a tree of a checkpoint, and what leads from it to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub checkpoint: u64,
    pub index: u64,
    /// Nodes of 32 bytes, from below.
    pub path: Base64,
}

impl Proof {
    pub fn new(checkpoint: u64, index: u64, path: &[Node]) -> Self {
        let bytes = path.iter().flat_map(|node| *node.as_bytes()).collect();
        Self {
            checkpoint,
            index,
            path: Base64(bytes),
        }
    }

    /// `None` if the path is not made of nodes.
    pub fn nodes(&self) -> Option<Vec<Node>> {
        let (nodes, rest) = self.path.0.as_chunks::<32>();
        rest.is_empty()
            .then(|| nodes.iter().map(|node| Digest::from_bytes(*node)).collect())
    }
}

/// A chain's head as a checkpoint has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLine {
    pub key: KeyFingerprint,
    pub place: ChainPlace,
    pub digest: Digest,
    pub proof: Proof,
}

impl HeadLine {
    pub fn head(&self) -> ChainHead {
        ChainHead {
            place: self.place,
            digest: self.digest,
        }
    }
}

/// What the region signs: this manifest, and so every byte before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    pub format: SealFormat,
    pub region: RegionId,
    pub made_at: Timestamp,
    pub entries: u64,
    /// The digest of `manifest.txt`.
    pub manifest: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SealFormat {
    #[serde(rename = "evidence-manifest/1")]
    V1,
}

#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error("{0}")]
    Fields(#[source] serde_json::Error),
}

/// Reads a document that must be in canonical form.
pub fn read<D: DeserializeOwned>(bytes: &[u8]) -> Result<D, DocumentError> {
    serde_json::from_value(CanonicalBytes::verify(bytes)?).map_err(DocumentError::Fields)
}

/// A document as a file of its own.
pub fn written<D: Serialize>(document: &D) -> Result<Vec<u8>, CanonicalError> {
    Ok(CanonicalBytes::of(document)?.into_text().into_bytes())
}

/// Appends a document as a line.
pub fn write_line<D: Serialize>(document: &D, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    out.extend_from_slice(CanonicalBytes::of(document)?.as_bytes());
    out.push(b'\n');
    Ok(())
}
