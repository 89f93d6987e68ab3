//! Checkpoints, the chain heads they were taken over, and the authority's log.
//!
//! Everything here is added and never changed; only what an attempt without its checkpoint left is replaced. Called
//! by `task/checkpoint.rs`, which holds the lock of that task, and read for proofs by `evidence/export.rs`.

use inventory_schema::envelope::ChainHead;
use inventory_schema::signature::{Signature, Signed};
use inventory_schema::{Digest, KeyFingerprint, Timestamp};
use sqlx::any::AnyRow;

use super::report::read_head;
use super::statement::{Bulk, Columns, records};
use super::{Listing, Page, Store, StoreError, StoreResult};
use crate::evidence::checkpoint::{Checkpoint, CheckpointLine};
use crate::evidence::leaf::{self, HeadLeaf};
use crate::evidence::merkle::{self, Node, Tree};

/// Heads of one block. A power of two, so that a block is a subtree.
pub const BLOCK: usize = 1024;
/// Log entries that are read and written at a time.
const PIECE: i64 = 512;

/// A checkpoint as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    pub checkpoint: Checkpoint,
    pub digest: Digest,
    pub signed: Signed<Checkpoint>,
}

impl CheckpointRecord {
    pub fn line(&self) -> CheckpointLine {
        self.checkpoint.line(self.digest)
    }
}

/// A head in its place among a checkpoint's leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedHead {
    pub index: u64,
    pub head: ChainHead,
    /// From its leaf to its block's root.
    pub path: Vec<Node>,
}

impl Store {
    /// Newest first.
    pub async fn checkpoints(&self, page: Page) -> StoreResult<Listing<CheckpointRecord>> {
        let rows = sqlx::query("SELECT document, signature, signing_key, digest FROM checkpoint ORDER BY number DESC LIMIT $1 OFFSET $2")
            .bind(page.limit)
            .bind(page.offset)
            .fetch_all(self.read())
            .await?;
        let count = sqlx::query("SELECT COUNT(*) AS total FROM checkpoint")
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read)?,
            total: count.int("total")?,
        })
    }

    pub async fn newest_checkpoint(&self) -> StoreResult<Option<CheckpointRecord>> {
        let newest = Page { offset: 0, limit: 1 };
        Ok(self.checkpoints(newest).await?.rows.pop())
    }

    /// Oldest first, those after the checkpoint `number`.
    pub async fn checkpoints_after(&self, number: u64, limit: i64) -> StoreResult<Vec<CheckpointRecord>> {
        let rows =
            sqlx::query("SELECT document, signature, signing_key, digest FROM checkpoint WHERE number > $1 ORDER BY number LIMIT $2")
                .bind(signed_number(number))
                .bind(limit)
                .fetch_all(self.read())
                .await?;
        records(&rows, read)
    }

    /// Adds a checkpoint whose heads were kept before. A number that is taken is a conflict.
    pub async fn insert_checkpoint(&self, record: &CheckpointRecord, recorded_at: Timestamp) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO checkpoint (number, digest, taken_at, recorded_at, document, signature, signing_key) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(signed_number(record.checkpoint.number))
        .bind(record.digest.to_string())
        .bind(record.checkpoint.taken_at.unix_micros())
        .bind(recorded_at.unix_micros())
        .bind(record.signed.document.as_str())
        .bind(record.signed.signature.as_bytes())
        .bind(record.signed.key.to_string())
        .execute(self.write())
        .await?;
        Ok(())
    }

    /// Keeps the heads of all chains, as they are at one moment, for the checkpoint `number`, and answers their tree.
    /// Memory holds one block at a time.
    pub async fn keep_heads(&self, number: u64) -> StoreResult<Tree> {
        sqlx::query("DELETE FROM checkpoint_heads WHERE checkpoint = $1")
            .bind(signed_number(number))
            .execute(self.write())
            .await?;
        let mut reading = self.begin_reading().await?;
        let mut tree = Tree::default();
        let mut last: Vec<u8> = Vec::new();
        for block in 0i64.. {
            let rows = sqlx::query(
                "SELECT fingerprint, epoch, sequence, digest FROM chain_head WHERE fingerprint > $1 ORDER BY fingerprint LIMIT $2",
            )
            .bind(last.as_slice())
            .bind(i64::try_from(BLOCK).expect("a block is small"))
            .fetch_all(&mut *reading)
            .await?;
            let heads = records(&rows, read_head_leaf)?;
            let (Some(first), Some(end)) = (heads.first(), heads.last()) else {
                break;
            };
            self.keep_block(number, block, first.key, &heads).await?;
            tree.extend(heads.iter().map(HeadLeaf::node));
            last = end.key.0.as_bytes().to_vec();
            if heads.len() < BLOCK {
                break;
            }
        }
        Ok(tree)
    }

    async fn keep_block(&self, number: u64, block: i64, first: KeyFingerprint, heads: &[HeadLeaf]) -> StoreResult<()> {
        let nodes: Vec<Node> = heads.iter().map(HeadLeaf::node).collect();
        let mut packed = Vec::new();
        heads.iter().for_each(|head| head.pack(&mut packed));
        const LEVEL: i32 = 3;
        let leaves = zstd::bulk::compress(&packed, LEVEL).map_err(|error| StoreError::corrupt("block of heads", error))?;
        sqlx::query("INSERT INTO checkpoint_heads (checkpoint, block, first_key, root, leaves) VALUES ($1, $2, $3, $4, $5)")
            .bind(signed_number(number))
            .bind(block)
            .bind(first.to_string())
            .bind(merkle::root(&nodes).as_bytes().as_slice())
            .bind(leaves)
            .execute(self.write())
            .await?;
        Ok(())
    }

    /// A key's head in a checkpoint, if its chain had begun.
    pub async fn head_in_checkpoint(&self, number: u64, key: KeyFingerprint) -> StoreResult<Option<PlacedHead>> {
        let row = sqlx::query(
            "SELECT block, leaves FROM checkpoint_heads WHERE checkpoint = $1 AND first_key <= $2 ORDER BY first_key DESC LIMIT 1",
        )
        .bind(signed_number(number))
        .bind(key.to_string())
        .fetch_optional(self.read())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let heads = unpack(&row.bytes("leaves")?)?;
        let Some(place) = heads.iter().position(|head| head.key == key) else {
            return Ok(None);
        };
        let nodes: Vec<Node> = heads.iter().map(HeadLeaf::node).collect();
        let block = usize::try_from(row.int("block")?).map_err(|error| StoreError::corrupt("block", error))?;
        Ok(Some(PlacedHead {
            index: (block * BLOCK + place) as u64,
            head: heads[place].head,
            path: merkle::path(&nodes, place),
        }))
    }

    /// The roots of a checkpoint's blocks of heads, in their order.
    pub async fn head_block_roots(&self, number: u64) -> StoreResult<Vec<Node>> {
        let rows = sqlx::query("SELECT root FROM checkpoint_heads WHERE checkpoint = $1 ORDER BY block")
            .bind(signed_number(number))
            .fetch_all(self.read())
            .await?;
        records(&rows, |row| node(row.bytes("root")?))
    }

    /// Puts every certificate and revocation that is not there yet at the end of the authority's log.
    pub async fn extend_authority_log(&self) -> StoreResult<()> {
        self.extend_log_with_certificates().await?;
        self.extend_log_with_revocations().await
    }

    async fn extend_log_with_certificates(&self) -> StoreResult<()> {
        let mut last = 0;
        loop {
            let rows = sqlx::query(
                "SELECT c.id, c.serial, c.fingerprint, c.issued_at, c.der FROM certificate c WHERE c.id > $1 AND NOT EXISTS \
                 (SELECT 1 FROM authority_log l WHERE l.kind = 'certificate' AND l.subject = c.serial) ORDER BY c.id LIMIT $2",
            )
            .bind(last)
            .bind(PIECE)
            .fetch_all(self.read())
            .await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.int("id")?;
            let entries = records(&rows, |row| {
                let serial = row.text("serial")?;
                let leaf = leaf::certificate(row.parsed("fingerprint")?, &row.bytes("der")?, row.time("issued_at")?, &serial);
                Ok((serial, leaf))
            })?;
            self.append_to_log("certificate", entries).await?;
        }
    }

    async fn extend_log_with_revocations(&self) -> StoreResult<()> {
        let mut last = 0;
        loop {
            let rows = sqlx::query(
                "SELECT r.id, r.fingerprint, r.revoked_at FROM revocation r WHERE r.id > $1 AND NOT EXISTS \
                 (SELECT 1 FROM authority_log l WHERE l.kind = 'revocation' AND l.subject = r.fingerprint) ORDER BY r.id LIMIT $2",
            )
            .bind(last)
            .bind(PIECE)
            .fetch_all(self.read())
            .await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.int("id")?;
            let entries = records(&rows, |row| {
                let leaf = leaf::revocation(row.parsed("fingerprint")?, row.time("revoked_at")?);
                Ok((row.text("fingerprint")?, leaf))
            })?;
            self.append_to_log("revocation", entries).await?;
        }
    }

    async fn append_to_log(&self, kind: &'static str, entries: Vec<(String, Node)>) -> StoreResult<()> {
        const INSERT: Bulk = Bulk {
            before: "INSERT INTO authority_log (position, kind, subject, leaf) VALUES",
            after: "",
        };
        let mut transaction = self.begin().await?;
        let count = sqlx::query("SELECT COUNT(*) AS total FROM authority_log")
            .fetch_one(&mut *transaction)
            .await?
            .int("total")?;
        let rows = (count..)
            .zip(entries)
            .map(|(position, (subject, leaf))| vec![position.into(), kind.into(), subject.into(), leaf.as_bytes().to_vec().into()])
            .collect();
        INSERT.execute(&mut transaction, rows).await?;
        Ok(transaction.commit().await?)
    }

    /// The authority's log as a tree.
    pub async fn authority_tree(&self) -> StoreResult<Tree> {
        let mut tree = Tree::default();
        loop {
            let piece = self.authority_nodes(tree.size(), BLOCK).await?;
            let ended = piece.len() < BLOCK;
            tree.extend(piece);
            if ended {
                return Ok(tree);
            }
        }
    }

    /// At most `count` leaf hashes of the authority's log from `position` on.
    pub async fn authority_nodes(&self, position: u64, count: usize) -> StoreResult<Vec<Node>> {
        let rows = sqlx::query("SELECT leaf FROM authority_log WHERE position >= $1 ORDER BY position LIMIT $2")
            .bind(signed_number(position))
            .bind(i64::try_from(count).unwrap_or(i64::MAX))
            .fetch_all(self.read())
            .await?;
        records(&rows, |row| node(row.bytes("leaf")?))
    }
}

fn read(row: &AnyRow) -> StoreResult<CheckpointRecord> {
    let document = row.text("document")?;
    let signature = Signature::from_bytes(row.bytes("signature")?).map_err(|error| StoreError::corrupt("signature", error))?;
    Ok(CheckpointRecord {
        checkpoint: serde_json::from_str(&document).map_err(|error| StoreError::corrupt("checkpoint", error))?,
        digest: row.parsed("digest")?,
        signed: Signed::new(document, signature, row.parsed("signing_key")?),
    })
}

fn read_head_leaf(row: &AnyRow) -> StoreResult<HeadLeaf> {
    Ok(HeadLeaf {
        key: KeyFingerprint(row.digest("fingerprint")?),
        head: read_head(row)?,
    })
}

fn unpack(compressed: &[u8]) -> StoreResult<Vec<HeadLeaf>> {
    // The largest block, with room to spare.
    const MOST: usize = BLOCK * 128;
    let packed = zstd::bulk::decompress(compressed, MOST).map_err(|error| StoreError::corrupt("block of heads", error))?;
    HeadLeaf::unpack(&packed).ok_or_else(|| StoreError::corrupt("block of heads", "its length is no multiple of a head's"))
}

fn node(bytes: Vec<u8>) -> StoreResult<Node> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::corrupt("node of a tree", "it does not have 32 bytes"))?;
    Ok(Digest::from_bytes(bytes))
}

/// Counters stay far below 2^63.
fn signed_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
