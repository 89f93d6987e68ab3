//! Devices and their keys: enrolled, found, moved, left, deleted.

use inventory_schema::inventory::DeviceKind;
use inventory_schema::organization::{BuildingId, OrganizationId, RoomId};
use inventory_schema::signature::PublicKey;
use inventory_schema::{DeviceId, KeyFingerprint, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::building::Place;
use super::fold::fold;
use super::organization::in_scope;
use super::presence::grow_revision;
use super::report::delete_reports;
use super::statement::{Columns, records, word};
use super::wake::Change;
use super::{Scope, Store, StoreError, StoreResult};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    Enrolled,
    /// Taken out of service by its own `leave` or by an operator.
    Left,
}

/// Whose word stands behind what is known of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceLevel {
    /// Its agent's, signed.
    Agent,
    /// Another system's: it cannot be checked, and never stands in an agent's place.
    Stated,
}

impl EvidenceLevel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Stated => "stated",
        }
    }
}

/// What lists and searches show of a device, taken from its newest sections. `None`: not reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceSummary {
    pub host_name: Option<String>,
    pub maker: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    pub processor: Option<String>,
    pub memory_bytes: Option<i64>,
    pub storage_bytes: Option<i64>,
    pub os_title: Option<String>,
}

impl DeviceSummary {
    /// This summary where it says something, `older` where it does not.
    pub(crate) fn or(self, older: Self) -> Self {
        Self {
            host_name: self.host_name.or(older.host_name),
            maker: self.maker.or(older.maker),
            model: self.model.or(older.model),
            serial: self.serial.or(older.serial),
            processor: self.processor.or(older.processor),
            memory_bytes: self.memory_bytes.or(older.memory_bytes),
            storage_bytes: self.storage_bytes.or(older.storage_bytes),
            os_title: self.os_title.or(older.os_title),
        }
    }

    pub(super) fn search_key(&self, device: &str) -> String {
        let texts = [
            &self.host_name,
            &self.maker,
            &self.model,
            &self.serial,
            &self.processor,
            &self.os_title,
        ];
        let mut key = String::new();
        for text in texts.into_iter().flatten() {
            key.push_str(text);
            key.push(' ');
        }
        key.push_str(device);
        fold(&key)
    }

    pub(super) fn read(row: &AnyRow) -> StoreResult<Self> {
        Ok(Self {
            host_name: row.optional_text("host_name")?,
            maker: row.optional_text("maker")?,
            model: row.optional_text("model")?,
            serial: row.optional_text("serial")?,
            processor: row.optional_text("processor")?,
            memory_bytes: row.optional_int("memory_bytes")?,
            storage_bytes: row.optional_int("storage_bytes")?,
            os_title: row.optional_text("os_title")?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub id: i64,
    pub external_id: DeviceId,
    pub place: Place,
    pub municipality_id: i64,
    /// An IANA name.
    pub time_zone: String,
    pub enrolled_at: Timestamp,
    /// The last check-in or report.
    pub last_seen_at: Option<Timestamp>,
    pub last_report_at: Option<Timestamp>,
    pub state: DeviceState,
    pub evidence_level: EvidenceLevel,
    pub agent_version: Option<String>,
    /// The computer's clock minus ours, microseconds.
    pub clock_offset_micros: Option<i64>,
    /// The signed receipt as JSON.
    pub receipt: Option<String>,
    pub summary: DeviceSummary,
    /// What its agent concludes that it is.
    pub concluded_kind: Option<DeviceKind>,
    /// What people ruled that it is.
    pub ruled_kind: Option<DeviceKind>,
}

impl Device {
    /// What it is: the ruling where there is one.
    pub fn kind(&self) -> Option<DeviceKind> {
        self.ruled_kind.or(self.concluded_kind)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    pub external_id: DeviceId,
    pub organization_id: i64,
    pub building_id: i64,
    pub room_id: Option<i64>,
    pub key: PublicKey,
    pub enrolled_at: Timestamp,
    pub agent_version: Option<String>,
    /// The signed receipt as JSON.
    pub receipt: Option<String>,
}

/// The device that a key proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedDevice {
    pub id: i64,
    pub external_id: DeviceId,
    pub organization_id: i64,
    pub state: DeviceState,
    pub key: PublicKey,
    pub receipt: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    pub fingerprint: KeyFingerprint,
    pub first_seen_at: Timestamp,
}

macro_rules! device_where {
    ($condition:expr) => {
        concat!(
            "SELECT d.id, d.external_id, d.organization_id, o.external_id AS organization, v.short_name, v.municipality_id, m.time_zone, \
             d.building_id, b.external_id AS building, bv.address, d.room_id, r.external_id AS room, rv.name AS room_name, \
             d.enrolled_at, p.last_seen_at, p.last_report_at, d.state, d.evidence_level, p.agent_version, p.clock_offset_micros, d.receipt, \
             d.host_name, d.maker, d.model, d.serial, d.processor, d.memory_bytes, d.storage_bytes, d.os_title, d.kind, d.ruled_kind \
             FROM device d JOIN presence p ON p.device_id = d.id JOIN organization o ON o.id = d.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN municipality m ON m.id = v.municipality_id \
             JOIN building b ON b.id = d.building_id JOIN building_version bv ON bv.building_id = b.id AND bv.superseded_at IS NULL \
             LEFT JOIN room r ON r.id = d.room_id LEFT JOIN room_version rv ON rv.room_id = r.id AND rv.superseded_at IS NULL \
             WHERE ",
            $condition
        )
    };
}
pub(super) use device_where;

/// Devices of organizations in scope: `$1` municipality, `$2` organization, `$3` external id.
macro_rules! device_in_scope {
    () => {
        concat!(
            "external_id = $3 AND organization_id IN (SELECT v.organization_id FROM organization_version v \
             WHERE v.superseded_at IS NULL AND ",
            in_scope!(),
            ")"
        )
    };
}

impl Store {
    /// Adds a device with its key, or brings one that exists to this place and gives it this key too.
    /// Answers its internal id. A key that proves another device is a [`StoreError::Conflict`].
    pub async fn insert_device(&self, device: &NewDevice) -> StoreResult<i64> {
        let mut transaction = self.begin().await?;
        let external_id = device.external_id.to_string();
        let row = sqlx::query(
            "INSERT INTO device (external_id, organization_id, building_id, room_id, enrolled_at, state, receipt, search_key) \
             VALUES ($1, $2, $3, $4, $5, 'enrolled', $6, $1) \
             ON CONFLICT (external_id) DO UPDATE SET organization_id = excluded.organization_id, building_id = excluded.building_id, \
             room_id = excluded.room_id, state = excluded.state, receipt = COALESCE(excluded.receipt, device.receipt) RETURNING id",
        )
        .bind(external_id.as_str())
        .bind(device.organization_id)
        .bind(device.building_id)
        .bind(device.room_id)
        .bind(device.enrolled_at.unix_micros())
        .bind(device.receipt.as_deref())
        .fetch_one(&mut *transaction)
        .await?;
        let id = row.int("id")?;
        sqlx::query(
            "INSERT INTO presence (device_id, agent_version) VALUES ($1, $2) ON CONFLICT (device_id) DO UPDATE SET \
             agent_version = COALESCE(excluded.agent_version, presence.agent_version), revision = presence.revision + 1",
        )
        .bind(id)
        .bind(device.agent_version.as_deref())
        .execute(&mut *transaction)
        .await?;
        let fingerprint = device.key.fingerprint().to_string();
        sqlx::query(
            "INSERT INTO device_key (fingerprint, device_id, public_key, first_seen_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (fingerprint) DO NOTHING",
        )
        .bind(fingerprint.as_str())
        .bind(id)
        .bind(device.key.spki_der())
        .bind(device.enrolled_at.unix_micros())
        .execute(&mut *transaction)
        .await?;
        let owner = sqlx::query("SELECT device_id FROM device_key WHERE fingerprint = $1")
            .bind(fingerprint.as_str())
            .fetch_one(&mut *transaction)
            .await?;
        if owner.int("device_id")? != id {
            return Err(StoreError::Conflict {
                what: format!("the key {fingerprint} belongs to another device than {external_id}"),
            });
        }
        transaction.commit().await?;
        Ok(id)
    }

    pub async fn device(&self, scope: Scope, id: DeviceId) -> StoreResult<Option<Device>> {
        let row = sqlx::query(device_where!(concat!(in_scope!(), " AND d.external_id = $3")))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read).transpose()
    }

    pub async fn device_by_key(&self, fingerprint: KeyFingerprint) -> StoreResult<Option<KeyedDevice>> {
        let row = sqlx::query(
            "SELECT d.id, d.external_id, d.organization_id, d.state, d.receipt, k.public_key \
             FROM device_key k JOIN device d ON d.id = k.device_id WHERE k.fingerprint = $1",
        )
        .bind(fingerprint.to_string())
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read_keyed).transpose()
    }

    /// Oldest first.
    pub async fn device_keys(&self, device: i64) -> StoreResult<Vec<DeviceKey>> {
        let rows = sqlx::query("SELECT fingerprint, first_seen_at FROM device_key WHERE device_id = $1 ORDER BY id")
            .bind(device)
            .fetch_all(self.read())
            .await?;
        records(&rows, |row| {
            Ok(DeviceKey {
                fingerprint: row.parsed("fingerprint")?,
                first_seen_at: row.time("first_seen_at")?,
            })
        })
    }

    /// Puts a device into a building of its own organization, and a room of that building or none.
    /// Answers whether the device and the place were found.
    pub async fn move_device(&self, scope: Scope, id: DeviceId, building: BuildingId, room: Option<RoomId>) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(concat!(
            "UPDATE device SET building_id = (SELECT b.id FROM building b WHERE b.external_id = $4), \
             room_id = (SELECT r.id FROM room r WHERE r.external_id = $5) WHERE ",
            device_in_scope!(),
            " AND EXISTS (SELECT 1 FROM building b WHERE b.external_id = $4 AND b.organization_id = device.organization_id) \
             AND ($5 IS NULL OR EXISTS (SELECT 1 FROM room r JOIN building b ON b.id = r.building_id \
                                        WHERE r.external_id = $5 AND b.external_id = $4)) RETURNING id"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(id.to_string())
        .bind(building.to_string())
        .bind(room.map(|room| room.to_string()))
        .fetch_optional(&mut *transaction)
        .await?;
        Self::changed(transaction, moved.as_ref()).await
    }

    /// Answers whether the device was found.
    pub async fn set_device_state(&self, scope: Scope, id: DeviceId, state: DeviceState) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let device = sqlx::query(concat!("UPDATE device SET state = $4 WHERE ", device_in_scope!(), " RETURNING id"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .bind(word(&state))
            .fetch_optional(&mut *transaction)
            .await?;
        Self::changed(transaction, device.as_ref()).await
    }

    /// Keeps the signed receipt that a device is to be given, and wakes it. Answers whether the device was found.
    pub async fn set_device_receipt(&self, id: DeviceId, receipt: &str) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        let device = sqlx::query("UPDATE device SET receipt = $2 WHERE external_id = $1 RETURNING id")
            .bind(id.to_string())
            .bind(receipt)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(device) = device else { return Ok(false) };
        change.concerns(&mut transaction, &[device.int("id")?]).await?;
        change.commit(transaction).await?;
        Ok(true)
    }

    /// Ends a transaction that changed this device, if it was found; answers whether it was.
    async fn changed(mut transaction: Transaction<'static, Any>, device: Option<&AnyRow>) -> StoreResult<bool> {
        let Some(device) = device else { return Ok(false) };
        grow_revision(&mut transaction, device.int("id")?).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a device with its keys, reports, sections and findings. Its certificates stay in the issuance
    /// log and its keys' revocations hold. Answers whether the device was found.
    pub async fn delete_device(&self, scope: Scope, id: DeviceId) -> StoreResult<bool> {
        let mut transaction = self.begin().await?;
        // The device first: it takes its chains' heads with it, and a report that is being committed holds one of them.
        let deleted = sqlx::query(concat!("DELETE FROM device WHERE ", device_in_scope!(), " RETURNING id"))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(id.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(row) = &deleted {
            delete_reports(&mut transaction, row.int("id")?).await?;
        }
        transaction.commit().await?;
        Ok(deleted.is_some())
    }
}

pub(super) fn read(row: &AnyRow) -> StoreResult<Device> {
    Ok(Device {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        place: Place {
            organization_id: row.int("organization_id")?,
            organization: row.parsed::<OrganizationId>("organization")?,
            organization_short_name: row.text("short_name")?,
            building_id: row.int("building_id")?,
            building: row.parsed("building")?,
            address: row.text("address")?,
            room_id: row.optional_int("room_id")?,
            room: row.optional_parsed("room")?,
            room_name: row.optional_text("room_name")?,
        },
        municipality_id: row.int("municipality_id")?,
        time_zone: row.text("time_zone")?,
        enrolled_at: row.time("enrolled_at")?,
        last_seen_at: row.optional_time("last_seen_at")?,
        last_report_at: row.optional_time("last_report_at")?,
        state: row.word("state")?,
        evidence_level: row.word("evidence_level")?,
        agent_version: row.optional_text("agent_version")?,
        clock_offset_micros: row.optional_int("clock_offset_micros")?,
        receipt: row.optional_text("receipt")?,
        summary: DeviceSummary::read(row)?,
        concluded_kind: row.optional_word("kind")?,
        ruled_kind: row.optional_word("ruled_kind")?,
    })
}

fn read_keyed(row: &AnyRow) -> StoreResult<KeyedDevice> {
    Ok(KeyedDevice {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        organization_id: row.int("organization_id")?,
        state: row.word("state")?,
        key: PublicKey::from_spki_der(&row.bytes("public_key")?).map_err(|error| StoreError::corrupt("public_key", error))?,
        receipt: row.optional_text("receipt")?,
    })
}
