//! What other systems told of computers: their records, sections and what they would be known by.
//!
//! Kept apart from all that agents sign (`device_section`, `device_evidence`, parts, chains), so that a foreign word
//! neither overwrites nor outweighs an agent's. A file is written whole or not at all. Called by
//! `crate::device_import` and by the pages.

use std::collections::{BTreeMap, BTreeSet};

use inventory_schema::likeness::EvidenceItem;
use inventory_schema::report::MAX_SECTION_BYTES;
use inventory_schema::{DeviceId, Digest, SectionName, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::activity::{self, NewActivity};
use super::building::Place;
use super::device::DeviceSummary;
use super::evidence::read_item;
use super::packing::pack;
use super::report_reading::{CurrentSection, decompress};
use super::statement::{Bulk, Columns, Value, raw, records};
use super::{Store, StoreError, StoreResult};

/// Who told of a device, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    pub foreign_key: Digest,
    pub foreign_id: String,
    pub origin: String,
    pub client: Option<String>,
    pub file_name: String,
    pub looked_at: Option<String>,
}

/// A device that another system told of, as far as the next file is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedDevice {
    /// Internal id.
    pub id: i64,
    pub external_id: DeviceId,
    pub telling: Telling,
    pub imported_at: Timestamp,
    pub summary: DeviceSummary,
    pub sections: BTreeMap<SectionName, Digest>,
    pub evidence: BTreeSet<EvidenceItem>,
}

/// What one computer of a file is to be recorded as.
#[derive(Debug, Clone)]
pub struct DeviceToImport {
    /// The internal id of a device that is known.
    pub known: Option<i64>,
    /// Of a new one.
    pub external_id: DeviceId,
    /// How many others in the organization the other system calls the same.
    pub variant: i64,
    pub telling: Telling,
    /// The sections that are new or another than before, as canonical JSON.
    pub sections: Vec<(SectionName, Vec<u8>)>,
    pub summary: DeviceSummary,
    pub evidence: BTreeSet<EvidenceItem>,
}

impl Store {
    /// The devices of an organization (by internal id) that another system calls by this name, oldest first.
    pub async fn imported_devices(&self, organization: i64, foreign_key: Digest) -> StoreResult<Vec<ImportedDevice>> {
        let rows = sqlx::query(
            "SELECT d.id, d.external_id, i.foreign_key, i.foreign_id, i.origin, i.client, i.file_name, i.looked_at, i.imported_at, \
             d.host_name, d.maker, d.model, d.serial, d.processor, d.memory_bytes, d.storage_bytes, d.os_title \
             FROM imported_device i JOIN device d ON d.id = i.device_id WHERE i.organization_id = $1 AND i.foreign_key = $2 ORDER BY i.variant",
        )
        .bind(organization)
        .bind(foreign_key.to_string())
        .fetch_all(self.read())
        .await?;
        let mut devices = Vec::new();
        for row in &rows {
            devices.push(self.read_imported(row).await?);
        }
        Ok(devices)
    }

    /// Who told of a device (by internal id); `None`: nobody, its agent speaks for itself.
    pub async fn imported_device(&self, device: i64) -> StoreResult<Option<ImportedDevice>> {
        let row = sqlx::query(
            "SELECT d.id, d.external_id, i.foreign_key, i.foreign_id, i.origin, i.client, i.file_name, i.looked_at, i.imported_at, \
             d.host_name, d.maker, d.model, d.serial, d.processor, d.memory_bytes, d.storage_bytes, d.os_title \
             FROM imported_device i JOIN device d ON d.id = i.device_id WHERE i.device_id = $1",
        )
        .bind(device)
        .fetch_optional(self.read())
        .await?;
        match row {
            Some(row) => Ok(Some(self.read_imported(&row).await?)),
            None => Ok(None),
        }
    }

    async fn read_imported(&self, row: &AnyRow) -> StoreResult<ImportedDevice> {
        let id = row.int("id")?;
        let sections = sqlx::query("SELECT section, digest FROM imported_section WHERE device_id = $1")
            .bind(id)
            .fetch_all(self.read())
            .await?;
        let evidence = sqlx::query("SELECT kind, value FROM imported_evidence WHERE device_id = $1")
            .bind(id)
            .fetch_all(self.read())
            .await?;
        Ok(ImportedDevice {
            id,
            external_id: row.parsed("external_id")?,
            telling: Telling {
                foreign_key: row.parsed("foreign_key")?,
                foreign_id: row.text("foreign_id")?,
                origin: row.text("origin")?,
                client: row.optional_text("client")?,
                file_name: row.text("file_name")?,
                looked_at: row.optional_text("looked_at")?,
            },
            imported_at: row.time("imported_at")?,
            summary: DeviceSummary::read(row)?,
            sections: sections
                .iter()
                .map(|row| Ok((row.parsed("section")?, row.digest("digest")?)))
                .collect::<StoreResult<_>>()?,
            evidence: evidence.iter().map(read_item).collect::<StoreResult<_>>()?,
        })
    }

    /// What was told of a device, with the bodies, in the order of sections.
    pub async fn imported_sections(&self, device: i64) -> StoreResult<Vec<CurrentSection>> {
        let rows = sqlx::query("SELECT section, digest, bytes, size, imported_at FROM imported_section WHERE device_id = $1")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        let mut sections = records(&rows, |row| {
            Ok(CurrentSection {
                section: row.parsed("section")?,
                digest: row.digest("digest")?,
                report_id: 0,
                received_at: row.time("imported_at")?,
                body: Some(decompress(&row.bytes("bytes")?, row.int("size")?)?),
            })
        })?;
        sections.sort_by_key(|section| section.section);
        Ok(sections)
    }

    /// Records what a file says of its computers and who brought it, in one transaction. Answers their internal ids, in
    /// order. [`StoreError::Conflict`]: the same file is being imported by somebody else.
    pub async fn apply_import(
        &self,
        place: &Place,
        devices: &[DeviceToImport],
        entry: &NewActivity,
        now: Timestamp,
    ) -> StoreResult<Vec<i64>> {
        let mut transaction = self.begin().await?;
        let mut ids = Vec::new();
        for device in devices {
            let id = match device.known {
                Some(id) => refresh(&mut transaction, id, device, now).await?,
                None => insert(&mut transaction, place, device, now).await?,
            };
            write_sections(&mut transaction, id, &device.sections, now).await?;
            write_evidence(&mut transaction, id, &device.evidence).await?;
            ids.push(id);
        }
        activity::append(&mut transaction, entry).await?;
        transaction.commit().await?;
        Ok(ids)
    }
}

async fn insert(connection: &mut AnyConnection, place: &Place, device: &DeviceToImport, now: Timestamp) -> StoreResult<i64> {
    let external_id = device.external_id.to_string();
    let row = sqlx::query(
        "INSERT INTO device (external_id, organization_id, building_id, room_id, enrolled_at, state, evidence_level, search_key) \
         VALUES ($1, $2, $3, $4, $5, 'enrolled', 'stated', $1) RETURNING id",
    )
    .bind(external_id.as_str())
    .bind(place.organization_id)
    .bind(place.building_id)
    .bind(place.room_id)
    .bind(now.unix_micros())
    .fetch_one(&mut *connection)
    .await?;
    let id = row.int("id")?;
    sqlx::query("INSERT INTO presence (device_id) VALUES ($1)")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let telling = &device.telling;
    sqlx::query(
        "INSERT INTO imported_device (device_id, organization_id, foreign_key, variant, foreign_id, origin, client, file_name, looked_at, \
         imported_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id)
    .bind(place.organization_id)
    .bind(telling.foreign_key.to_string())
    .bind(device.variant)
    .bind(telling.foreign_id.as_str())
    .bind(telling.origin.as_str())
    .bind(telling.client.as_deref())
    .bind(telling.file_name.as_str())
    .bind(telling.looked_at.as_deref())
    .bind(now.unix_micros())
    .execute(&mut *connection)
    .await?;
    write_summary(connection, id, &external_id, &device.summary).await?;
    Ok(id)
}

/// Place and state stay as people set them.
async fn refresh(connection: &mut AnyConnection, id: i64, device: &DeviceToImport, now: Timestamp) -> StoreResult<i64> {
    let telling = &device.telling;
    let row = sqlx::query("SELECT external_id FROM device WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| StoreError::Conflict {
            what: format!("the imported device {id} was deleted"),
        })?;
    sqlx::query(
        "UPDATE imported_device SET foreign_id = $2, origin = $3, client = $4, file_name = $5, looked_at = COALESCE($6, looked_at), \
         imported_at = $7 WHERE device_id = $1",
    )
    .bind(id)
    .bind(telling.foreign_id.as_str())
    .bind(telling.origin.as_str())
    .bind(telling.client.as_deref())
    .bind(telling.file_name.as_str())
    .bind(telling.looked_at.as_deref())
    .bind(now.unix_micros())
    .execute(&mut *connection)
    .await?;
    write_summary(connection, id, &row.text("external_id")?, &device.summary).await?;
    Ok(id)
}

async fn write_summary(connection: &mut AnyConnection, id: i64, external_id: &str, summary: &DeviceSummary) -> StoreResult<()> {
    sqlx::query(
        "UPDATE device SET host_name = $2, maker = $3, model = $4, serial = $5, processor = $6, memory_bytes = $7, storage_bytes = $8, \
         os_title = $9, search_key = $10 WHERE id = $1",
    )
    .bind(id)
    .bind(summary.host_name.as_deref())
    .bind(summary.maker.as_deref())
    .bind(summary.model.as_deref())
    .bind(summary.serial.as_deref())
    .bind(summary.processor.as_deref())
    .bind(summary.memory_bytes)
    .bind(summary.storage_bytes)
    .bind(summary.os_title.as_deref())
    .bind(summary.search_key(external_id))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_sections(connection: &mut AnyConnection, id: i64, sections: &[(SectionName, Vec<u8>)], now: Timestamp) -> StoreResult<()> {
    const WRITE: Bulk = Bulk {
        before: "INSERT INTO imported_section (device_id, section, digest, bytes, size, imported_at) VALUES",
        after: "ON CONFLICT (device_id, section) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, size = excluded.size, \
                imported_at = excluded.imported_at",
    };
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for (section, canonical) in sections {
        if canonical.len() > MAX_SECTION_BYTES {
            return Err(StoreError::Conflict {
                what: format!("the section {section} is larger than a section may be"),
            });
        }
        rows.push(vec![
            id.into(),
            section.as_str().into(),
            raw(Digest::of(canonical)),
            pack(canonical)?.into(),
            i64::try_from(canonical.len()).unwrap_or(i64::MAX).into(),
            now.into(),
        ]);
    }
    WRITE.execute(connection, rows).await?;
    Ok(())
}

async fn write_evidence(connection: &mut AnyConnection, id: i64, evidence: &BTreeSet<EvidenceItem>) -> StoreResult<()> {
    const WRITE: Bulk = Bulk {
        before: "INSERT INTO imported_evidence (device_id, kind, value) VALUES",
        after: "",
    };
    sqlx::query("DELETE FROM imported_evidence WHERE device_id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let rows = evidence
        .iter()
        .map(|item| vec![id.into(), item.kind.as_str().into(), item.value.as_str().into()]);
    WRITE.execute(connection, rows.collect()).await?;
    Ok(())
}
