//! Reading what reports left: chain heads, reports as received, sections as they are now.

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::envelope::MAX_ENVELOPE_BYTES;
use inventory_schema::envelope::{ChainHead, ChainPlace, ReportKind, Resumption};
use inventory_schema::report::MAX_SECTION_BYTES;
use inventory_schema::{Digest, KeyFingerprint, SectionName, Timestamp};
use sqlx::any::AnyRow;

use super::month::ReceivedMonth;
use super::packing::unpack;
use super::report::{FIND_HEADS, ReportState, held_bodies, read_head, read_place};
use super::statement::{Columns, raw, records};
use super::{Listing, Page, Store, StoreResult};

/// A report without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRecord {
    pub id: i64,
    pub key: KeyFingerprint,
    pub place: ChainPlace,
    pub digest: Digest,
    pub previous: Option<Digest>,
    pub resumed: Option<Resumption>,
    pub kind: ReportKind,
    pub received_at: Timestamp,
    /// What the computer's own clock said.
    pub device_time: Timestamp,
    pub trusted_time: Option<Timestamp>,
    pub state: ReportState,
    /// The sections it states.
    pub sections: i64,
}

/// A report exactly as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBytes {
    /// Internal id.
    pub device: i64,
    pub key: KeyFingerprint,
    pub envelope: Vec<u8>,
    pub signature: Vec<u8>,
    pub received_at: Timestamp,
}

/// What a device states now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentSection {
    pub section: SectionName,
    pub digest: Digest,
    pub report_id: i64,
    pub received_at: Timestamp,
    /// Canonical JSON; `None` while the body is not held.
    pub body: Option<Vec<u8>>,
}

impl Store {
    pub async fn chain_head(&self, key: KeyFingerprint) -> StoreResult<Option<ChainHead>> {
        let mut connection = self.read().acquire().await?;
        let rows = FIND_HEADS.fetch(&mut connection, vec![vec![raw(key.0)]]).await?;
        rows.first().map(read_head).transpose()
    }

    /// Newest first.
    pub async fn reports(&self, device: i64, page: Page) -> StoreResult<Listing<ReportRecord>> {
        let rows = sqlx::query(
            "SELECT r.id, r.fingerprint, r.epoch, r.sequence, r.digest, r.previous, r.resumed, r.kind, r.received_at, r.device_time, \
             r.trusted_time, r.state, (SELECT COUNT(*) FROM report_section s WHERE s.report_id = r.id AND s.received_month = r.received_month) AS sections \
             FROM report r WHERE r.device_id = $1 ORDER BY r.id DESC LIMIT $2 OFFSET $3",
        )
        .bind(device)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query("SELECT COUNT(*) AS total FROM report WHERE device_id = $1")
            .bind(device)
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read_report)?,
            total: count.int("total")?,
        })
    }

    pub async fn report_bytes(&self, digest: Digest) -> StoreResult<Option<ReportBytes>> {
        let row = sqlx::query("SELECT device_id, fingerprint, envelope, signature, received_at FROM report WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| {
            Ok(ReportBytes {
                device: row.int("device_id")?,
                key: KeyFingerprint(row.digest("fingerprint")?),
                envelope: read_envelope(&row)?,
                signature: row.bytes("signature")?,
                received_at: row.time("received_at")?,
            })
        })
        .transpose()
    }

    /// A section's body as canonical JSON.
    pub async fn body(&self, digest: Digest) -> StoreResult<Option<Vec<u8>>> {
        let row = sqlx::query("SELECT bytes, size FROM body WHERE digest = $1 LIMIT 1")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(self.read())
            .await?;
        row.map(|row| decompress(&row.bytes("bytes")?, row.int("size")?)).transpose()
    }

    /// The months that hold a body, oldest first.
    pub async fn body_months(&self, digest: Digest) -> StoreResult<Vec<ReceivedMonth>> {
        let rows = sqlx::query("SELECT received_month FROM body WHERE digest = $1 ORDER BY received_month")
            .bind(digest.as_bytes().as_slice())
            .fetch_all(self.read())
            .await?;
        records(&rows, |row| row.month("received_month"))
    }

    /// What a device states now, with the bodies, in the order of sections.
    pub async fn current_sections(&self, device: i64) -> StoreResult<Vec<CurrentSection>> {
        let rows = sqlx::query(
            "SELECT s.section, s.body_digest, s.report_id, s.received_at, b.bytes, b.size \
             FROM device_section s LEFT JOIN body b ON b.digest = s.body_digest AND b.received_month = s.body_month WHERE s.device_id = $1",
        )
        .bind(device)
        .fetch_all(self.read())
        .await?;
        let mut sections = records(&rows, read_section)?;
        sections.sort_by_key(|section| section.section);
        Ok(sections)
    }

    /// The sections that are wholly held for a device: a section whose body is missing is not among them, so
    /// that a check-in wants it again.
    pub async fn held_digests(&self, device: i64) -> StoreResult<BTreeMap<SectionName, Digest>> {
        let rows = sqlx::query("SELECT section, body_digest FROM device_section WHERE device_id = $1 AND body_month IS NOT NULL")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("section")?, row.digest("body_digest")?)))
            .collect()
    }

    /// Which of these bodies are held.
    pub async fn existing_bodies(&self, digests: &BTreeSet<Digest>) -> StoreResult<BTreeSet<Digest>> {
        let mut connection = self.read().acquire().await?;
        Ok(held_bodies(&mut connection, digests).await?.into_keys().collect())
    }
}

fn read_report(row: &AnyRow) -> StoreResult<ReportRecord> {
    Ok(ReportRecord {
        id: row.int("id")?,
        key: KeyFingerprint(row.digest("fingerprint")?),
        place: read_place(row)?,
        digest: row.digest("digest")?,
        previous: row.optional_digest("previous")?,
        resumed: row.optional_word("resumed")?,
        kind: row.word("kind")?,
        received_at: row.time("received_at")?,
        device_time: row.time("device_time")?,
        trusted_time: row.optional_time("trusted_time")?,
        state: row.word("state")?,
        sections: row.int("sections")?,
    })
}

fn read_section(row: &AnyRow) -> StoreResult<CurrentSection> {
    let body = match row.optional_bytes("bytes")? {
        Some(bytes) => Some(decompress(&bytes, row.int("size")?)?),
        None => None,
    };
    Ok(CurrentSection {
        section: row.parsed("section")?,
        digest: row.digest("body_digest")?,
        report_id: row.int("report_id")?,
        received_at: row.time("received_at")?,
        body,
    })
}

pub(super) fn decompress(bytes: &[u8], size: i64) -> StoreResult<Vec<u8>> {
    // A damaged size must not reserve all memory.
    unpack(bytes, usize::try_from(size).unwrap_or(0).min(MAX_SECTION_BYTES))
}

/// The bytes that a device signed: the column holds them packed.
pub(super) fn read_envelope(row: &AnyRow) -> StoreResult<Vec<u8>> {
    unpack(&row.bytes("envelope")?, MAX_ENVELOPE_BYTES)
}
