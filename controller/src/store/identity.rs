//! Keys that replace others, copies, and records that people join and part.
//!
//! Joining is a pointer: reports stay where they are. Parting moves a key with its reports and its chain. Either
//! way the agent is told to ask for a key whose certificate names the device it belongs to now.

use inventory_schema::device::BootId;
use inventory_schema::{DeviceId, KeyFingerprint, Timestamp};
use sqlx::AnyConnection;

use super::organization::in_scope;
use super::statement::{Columns, records};
use super::wake::Change;
use super::{Scope, Store, StoreResult};

/// What a question about a key depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStanding {
    /// The boot ran on while another one used the key.
    pub boot_proven: bool,
    /// Its agent is to ask for another key.
    pub rekey: bool,
    /// How many devices were made for copies of the key's device.
    pub copies: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    pub key: KeyFingerprint,
    pub replaced: KeyFingerprint,
    pub copied: Option<Copied>,
}

/// Internal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub device: i64,
    pub original: i64,
}

/// A device that takes part in a joined record or a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Internal id.
    pub id: i64,
    pub external_id: DeviceId,
    pub host_name: Option<String>,
}

/// What other records a device is related to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relatives {
    pub merged_into: Option<Relative>,
    /// Joined into it.
    pub merged: Vec<Relative>,
    pub cloned_from: Option<Relative>,
    pub copies: i64,
}

/// A device whose disk others came up from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedDevice {
    pub original: Relative,
    pub organization_short_name: String,
    pub copies: i64,
}

impl Store {
    pub async fn key_standing(&self, key: KeyFingerprint, boot: BootId) -> StoreResult<KeyStanding> {
        let row = sqlx::query(
            "SELECT k.rekey, (SELECT COUNT(*) FROM device c WHERE c.cloned_from = k.device_id) AS copies, \
             (SELECT b.proven FROM key_boot b WHERE b.fingerprint = k.fingerprint AND b.boot = $2) AS proven \
             FROM device_key k WHERE k.fingerprint = $1",
        )
        .bind(key.to_string())
        .bind(boot.to_string())
        .fetch_optional(self.read())
        .await?;
        let Some(row) = row else {
            return Ok(KeyStanding {
                boot_proven: false,
                rekey: false,
                copies: 0,
            });
        };
        Ok(KeyStanding {
            boot_proven: row.optional_int("proven")? == Some(1),
            rekey: row.flag("rekey")?,
            copies: row.int("copies")?,
        })
    }

    /// The device that this one was joined into, or itself.
    pub async fn survivor(&self, device: i64) -> StoreResult<DeviceId> {
        let row = sqlx::query("SELECT s.external_id FROM device d JOIN device s ON s.id = COALESCE(d.merged_into, d.id) WHERE d.id = $1")
            .bind(device)
            .fetch_one(self.read())
            .await?;
        row.parsed("external_id")
    }

    /// Says whose place a key took, and of whom its device is a copy.
    pub async fn note_new_key(&self, new: &NewKey) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE device_key SET replaced = $2 WHERE fingerprint = $1")
            .bind(new.key.to_string())
            .bind(new.replaced.to_string())
            .execute(&mut *transaction)
            .await?;
        if let Some(copied) = new.copied {
            sqlx::query("UPDATE device SET cloned_from = $2 WHERE id = $1 AND cloned_from IS NULL")
                .bind(copied.device)
                .bind(copied.original)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Tells the agent with this key, with its next answer, to ask for another.
    pub async fn want_new_key(&self, device: i64, key: KeyFingerprint) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        sqlx::query("UPDATE device_key SET rekey = 1 WHERE fingerprint = $1")
            .bind(key.to_string())
            .execute(&mut *transaction)
            .await?;
        change.concerns(&mut transaction, &[device]).await?;
        change.commit(transaction).await
    }

    pub async fn relatives(&self, device: i64) -> StoreResult<Relatives> {
        let rows = sqlx::query(
            "SELECT 'into' AS relation, s.id, s.external_id, s.host_name FROM device d JOIN device s ON s.id = d.merged_into WHERE d.id = $1 \
             UNION ALL SELECT 'merged', m.id, m.external_id, m.host_name FROM device m WHERE m.merged_into = $1 \
             UNION ALL SELECT 'original', o.id, o.external_id, o.host_name FROM device d JOIN device o ON o.id = d.cloned_from WHERE d.id = $1",
        )
        .bind(device)
        .fetch_all(self.read())
        .await?;
        let mut relatives = Relatives::default();
        for row in &rows {
            let relative = Relative {
                id: row.int("id")?,
                external_id: row.parsed("external_id")?,
                host_name: row.optional_text("host_name")?,
            };
            match row.text("relation")?.as_str() {
                "into" => relatives.merged_into = Some(relative),
                "merged" => relatives.merged.push(relative),
                _ => relatives.cloned_from = Some(relative),
            }
        }
        let copies = sqlx::query("SELECT COUNT(*) AS copies FROM device WHERE cloned_from = $1")
            .bind(device)
            .fetch_one(self.read())
            .await?;
        relatives.copies = copies.int("copies")?;
        Ok(relatives)
    }

    /// The devices that were made for copies of this one, oldest first.
    pub async fn copies(&self, device: i64, limit: i64) -> StoreResult<Vec<Relative>> {
        let rows = sqlx::query("SELECT id, external_id, host_name FROM device WHERE cloned_from = $1 ORDER BY id LIMIT $2")
            .bind(device)
            .bind(limit)
            .fetch_all(self.read())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Relative {
                    id: row.int("id")?,
                    external_id: row.parsed("external_id")?,
                    host_name: row.optional_text("host_name")?,
                })
            })
            .collect()
    }

    /// The devices whose disks were copied, those with a new copy first.
    pub async fn copied_devices(&self, scope: Scope, limit: i64) -> StoreResult<Vec<CopiedDevice>> {
        let rows = sqlx::query(concat!(
            "SELECT o.id, o.external_id, o.host_name, v.short_name, c.copies FROM (SELECT cloned_from AS original, COUNT(*) AS copies, \
             MAX(id) AS newest FROM device WHERE cloned_from IS NOT NULL GROUP BY cloned_from) AS c JOIN device o ON o.id = c.original \
             JOIN organization_version v ON v.organization_id = o.organization_id AND v.superseded_at IS NULL WHERE ",
            in_scope!(),
            " ORDER BY c.newest DESC LIMIT $3"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(limit)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            Ok(CopiedDevice {
                original: Relative {
                    id: row.int("id")?,
                    external_id: row.parsed("external_id")?,
                    host_name: row.optional_text("host_name")?,
                },
                organization_short_name: row.text("short_name")?,
                copies: row.int("copies")?,
            })
        })
    }

    /// Joins `device` into `survivor`, and what was joined into it. `false`: one of them is gone or joined already.
    pub async fn merge_devices(&self, device: i64, survivor: i64) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        let merged = sqlx::query(
            "UPDATE device SET merged_into = $2 WHERE id = $1 AND id <> $2 AND merged_into IS NULL \
             AND EXISTS (SELECT 1 FROM device s WHERE s.id = $2 AND s.merged_into IS NULL)",
        )
        .bind(device)
        .bind(survivor)
        .execute(&mut *transaction)
        .await?;
        if merged.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("UPDATE device SET merged_into = $2 WHERE merged_into = $1")
            .bind(device)
            .bind(survivor)
            .execute(&mut *transaction)
            .await?;
        want_new_keys(&mut transaction, device).await?;
        change.concerns(&mut transaction, &[device, survivor]).await?;
        change.commit(transaction).await?;
        Ok(true)
    }

    /// Takes a joined record out again, with the keys that its agent was given since. `false`: it was not joined.
    pub async fn unmerge_device(&self, device: i64) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        let row = sqlx::query("SELECT merged_into FROM device WHERE id = $1")
            .bind(device)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(survivor) = row.map(|row| row.optional_int("merged_into")).transpose()?.flatten() else {
            return Ok(false);
        };
        sqlx::query("UPDATE device SET merged_into = NULL WHERE id = $1")
            .bind(device)
            .execute(&mut *transaction)
            .await?;
        let given_since = sqlx::query(
            "WITH RECURSIVE given(fingerprint) AS (SELECT k.fingerprint FROM device_key k WHERE k.device_id = $1 \
             UNION SELECT n.fingerprint FROM device_key n JOIN given g ON n.replaced = g.fingerprint WHERE n.device_id = $2) \
             SELECT k.fingerprint FROM device_key k JOIN given g ON g.fingerprint = k.fingerprint WHERE k.device_id = $2",
        )
        .bind(device)
        .bind(survivor)
        .fetch_all(&mut *transaction)
        .await?;
        for row in given_since {
            move_key(&mut transaction, row.parsed("fingerprint")?, survivor, device).await?;
        }
        forget_hardware(&mut transaction, survivor).await?;
        restate(&mut transaction, survivor).await?;
        restate(&mut transaction, device).await?;
        change.concerns(&mut transaction, &[device, survivor]).await?;
        change.commit(transaction).await?;
        Ok(true)
    }

    /// Gives a key of `device`, with its reports and its chain, a device of its own at the same place. `None`: the
    /// key is not this device's, or it is the only one.
    pub async fn split_device(&self, device: i64, key: KeyFingerprint, at: Timestamp) -> StoreResult<Option<Relative>> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        let keys = sqlx::query("SELECT fingerprint FROM device_key WHERE device_id = $1")
            .bind(device)
            .fetch_all(&mut *transaction)
            .await?;
        let keys: Vec<KeyFingerprint> = keys.iter().map(|row| row.parsed("fingerprint")).collect::<StoreResult<_>>()?;
        if keys.len() < 2 || !keys.contains(&key) {
            return Ok(None);
        }
        let external_id = DeviceId::generate();
        let row = sqlx::query(
            "INSERT INTO device (external_id, organization_id, building_id, room_id, enrolled_at, state, host_name, maker, model, serial, \
             processor, memory_bytes, storage_bytes, os_title, search_key) SELECT $2, organization_id, building_id, room_id, $3, state, \
             host_name, maker, model, serial, processor, memory_bytes, storage_bytes, os_title, $2 FROM device WHERE id = $1 \
             RETURNING id, host_name",
        )
        .bind(device)
        .bind(external_id.to_string())
        .bind(at.unix_micros())
        .fetch_one(&mut *transaction)
        .await?;
        let parted = Relative {
            id: row.int("id")?,
            external_id,
            host_name: row.optional_text("host_name")?,
        };
        sqlx::query("INSERT INTO presence (device_id) VALUES ($1)")
            .bind(parted.id)
            .execute(&mut *transaction)
            .await?;
        move_key(&mut transaction, key, device, parted.id).await?;
        forget_hardware(&mut transaction, device).await?;
        restate(&mut transaction, device).await?;
        restate(&mut transaction, parted.id).await?;
        change.concerns(&mut transaction, &[device, parted.id]).await?;
        change.commit(transaction).await?;
        Ok(Some(parted))
    }
}

async fn want_new_keys(connection: &mut AnyConnection, device: i64) -> StoreResult<()> {
    sqlx::query("UPDATE device_key SET rekey = 1 WHERE device_id = $1")
        .bind(device)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whose the recorded hardware is nobody can say any more: the agents of both records will say anew.
async fn forget_hardware(connection: &mut AnyConnection, device: i64) -> StoreResult<()> {
    for forgotten in [
        "UPDATE device_evidence SET gone_at = last_seen_at WHERE device_id = $1 AND gone_at IS NULL",
        "UPDATE device SET evidence_digest = NULL WHERE id = $1",
    ] {
        sqlx::query(forgotten).bind(device).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A key's reports and its chain go with it.
async fn move_key(connection: &mut AnyConnection, key: KeyFingerprint, from: i64, to: i64) -> StoreResult<()> {
    sqlx::query("UPDATE device_key SET device_id = $2, rekey = 1 WHERE fingerprint = $1")
        .bind(key.to_string())
        .bind(to)
        .execute(&mut *connection)
        .await?;
    for moved in [
        "UPDATE chain_head SET device_id = $3 WHERE fingerprint = $1 AND device_id = $2",
        "UPDATE report SET device_id = $3 WHERE fingerprint = $1 AND device_id = $2",
    ] {
        sqlx::query(moved)
            .bind(key.0.as_bytes().to_vec())
            .bind(from)
            .bind(to)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// What a device states now is what its newest reports state.
async fn restate(connection: &mut AnyConnection, device: i64) -> StoreResult<()> {
    sqlx::query("DELETE FROM device_section WHERE device_id = $1")
        .bind(device)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO device_section (device_id, section, body_digest, report_id, received_at, body_month) \
         SELECT r.device_id, s.section, s.body_digest, r.id, r.received_at, \
         (SELECT MAX(b.received_month) FROM body b WHERE b.digest = s.body_digest) \
         FROM report r JOIN report_section s ON s.report_id = r.id AND s.received_month = r.received_month \
         WHERE r.device_id = $1 AND r.state = 'stored' AND r.kind = 'inventory' AND r.id = (SELECT MAX(n.id) FROM report n JOIN report_section t \
         ON t.report_id = n.id AND t.received_month = n.received_month \
         WHERE n.device_id = $1 AND n.state = 'stored' AND t.section = s.section)",
    )
    .bind(device)
    .execute(connection)
    .await?;
    Ok(())
}
