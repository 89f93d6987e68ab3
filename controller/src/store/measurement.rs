//! Measurements of buildings' lines, as they came: found by building and time, read from the bodies that devices signed.
//!
//! No verdict is stored here. A measurement whose report is a fork is not among them: its bytes are kept with the report,
//! as evidence, and nobody counts it.

use inventory_schema::measurement::{Direction, LeaseId, Measurement, MeasurementId};
use inventory_schema::{BuildingId, DeviceId, Digest, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::month::ReceivedMonth;
use super::report::BodyToStore;
use super::report_reading::decompress;
use super::statement::{Bulk, Columns, Value, raw, records, word};
use super::{Store, StoreError, StoreResult};

/// What a measurement is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasurementFacts {
    pub id: MeasurementId,
    /// Where it says that it was made; a building of another school is not believed.
    pub building: Option<BuildingId>,
    pub lease: Option<LeaseId>,
    pub direction: Direction,
    pub moment: Timestamp,
}

impl MeasurementFacts {
    pub fn of(measurement: &Measurement) -> Self {
        Self {
            id: measurement.id,
            building: measurement.building,
            lease: measurement.lease,
            direction: measurement.direction,
            moment: measurement.moment(),
        }
    }
}

/// Where a measurement belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MeasuredPlace {
    /// In the building it names, if that is the device's school's, else in the device's own.
    OfDevice(i64),
    Building(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewMeasurement {
    /// `None`: made up for a sample region.
    pub report: Option<i64>,
    pub place: MeasuredPlace,
    pub facts: MeasurementFacts,
    pub body: Digest,
    pub received_at: Timestamp,
}

/// A measurement with where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMeasurement {
    /// Internal id; grows in the order of arrival.
    pub id: i64,
    /// `None`: made up for a sample region, or the device's record was taken away.
    pub device: Option<DeviceId>,
    pub host_name: Option<String>,
    /// The signed report that carries it.
    pub report: Option<Digest>,
    pub generated: bool,
    pub received_at: Timestamp,
    pub measurement: Measurement,
}

/// A measurement for a sample region: nobody signed it, and the row says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleMeasurement {
    /// Internal id.
    pub building: i64,
    pub measurement: Measurement,
}

pub(super) async fn insert(connection: &mut AnyConnection, new: &[NewMeasurement]) -> StoreResult<()> {
    const OF_DEVICE: Bulk = Bulk {
        before: "WITH v(report, target, place, name, lease, way, measured, received, body, month) AS (VALUES",
        after: ") INSERT INTO measurement (report_id, building_id, external_id, lease, direction, measured_at, received_at, \
                body_digest, received_month) SELECT v.report, COALESCE((SELECT b.id FROM building b WHERE b.external_id = v.place \
                AND b.organization_id = d.organization_id), d.building_id), v.name, v.lease, v.way, v.measured, v.received, v.body, \
                v.month FROM v JOIN device d ON d.id = v.target WHERE 1 = 1 ON CONFLICT (external_id, received_month) DO NOTHING",
    };
    const OF_BUILDING: Bulk = Bulk {
        before: "INSERT INTO measurement (report_id, building_id, external_id, lease, direction, measured_at, received_at, \
                 body_digest, received_month) VALUES",
        after: "ON CONFLICT (external_id, received_month) DO NOTHING",
    };
    let (mut of_device, mut of_building): (Vec<Vec<Value>>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
    for measurement in new {
        let NewMeasurement {
            report,
            place,
            facts,
            body,
            received_at,
        } = measurement;
        let mut row: Vec<Value> = vec![(*report).into()];
        match place {
            MeasuredPlace::OfDevice(device) => {
                row.extend([(*device).into(), facts.building.map(|building| building.to_string()).into()]);
            }
            MeasuredPlace::Building(building) => row.push((*building).into()),
        }
        row.extend([
            facts.id.to_string().into(),
            facts.lease.map(|lease| lease.to_string()).into(),
            word(&facts.direction).into(),
            // A clock that is ahead must not measure tomorrow.
            facts.moment.min(*received_at).into(),
            (*received_at).into(),
            raw(*body),
            ReceivedMonth::of(*received_at).into(),
        ]);
        match place {
            MeasuredPlace::OfDevice(_) => of_device.push(row),
            MeasuredPlace::Building(_) => of_building.push(row),
        }
    }
    OF_DEVICE.execute(&mut *connection, of_device).await?;
    OF_BUILDING.execute(connection, of_building).await?;
    Ok(())
}

impl Store {
    /// The newest measurements of a building's line within `[from, to)`, newest first; bodies that are not held are
    /// passed over.
    pub async fn measurements(&self, building: i64, from: Timestamp, to: Timestamp, limit: i64) -> StoreResult<Vec<StoredMeasurement>> {
        let rows = sqlx::query(
            "SELECT m.id, m.report_id, m.received_at, b.bytes, b.size, r.digest AS report, d.external_id AS device, d.host_name \
             FROM measurement m JOIN body b ON b.digest = m.body_digest AND b.received_month = m.received_month \
             LEFT JOIN report r ON r.id = m.report_id AND r.received_month = m.received_month LEFT JOIN device d ON d.id = r.device_id \
             WHERE m.building_id = $1 AND m.measured_at >= $2 AND m.measured_at < $3 ORDER BY m.measured_at DESC, m.id DESC LIMIT $4",
        )
        .bind(building)
        .bind(from.unix_micros())
        .bind(to.unix_micros())
        .bind(limit)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }

    /// The internal id of a building's newest measurement; 0 where there is none.
    pub async fn newest_measurement(&self, building: i64) -> StoreResult<i64> {
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) AS newest FROM measurement WHERE building_id = $1")
            .bind(building)
            .fetch_one(self.read())
            .await?;
        row.int("newest")
    }

    /// Writes measurements of a sample region, received when they were made.
    pub async fn add_sample_measurements(&self, samples: &[SampleMeasurement]) -> StoreResult<()> {
        const BODIES: Bulk = Bulk {
            before: "INSERT INTO body (digest, bytes, size, received_at, received_month) VALUES",
            after: "ON CONFLICT (digest, received_month) DO NOTHING",
        };
        let months = samples.iter().map(|sample| ReceivedMonth::of(sample.measurement.moment()));
        self.engine.prepare_months(&months.collect()).await?;
        let mut bodies = Vec::new();
        let mut new = Vec::new();
        for sample in samples {
            let canonical =
                inventory_schema::CanonicalBytes::of(&sample.measurement).map_err(|error| StoreError::corrupt("measurement", error))?;
            let body = BodyToStore::compress(canonical.as_bytes())?;
            let received_at = sample.measurement.moment();
            new.push(NewMeasurement {
                report: None,
                place: MeasuredPlace::Building(sample.building),
                facts: MeasurementFacts::of(&sample.measurement),
                body: body.digest,
                received_at,
            });
            bodies.push(body.row(received_at));
        }
        let mut transaction = self.begin().await?;
        BODIES.execute(&mut transaction, bodies).await?;
        insert(&mut transaction, &new).await?;
        Ok(transaction.commit().await?)
    }
}

fn read(row: &AnyRow) -> StoreResult<StoredMeasurement> {
    let body = decompress(&row.bytes("bytes")?, row.int("size")?)?;
    Ok(StoredMeasurement {
        id: row.int("id")?,
        device: row.optional_parsed("device")?,
        host_name: row.optional_text("host_name")?,
        report: row.optional_digest("report")?,
        generated: row.optional_int("report_id")?.is_none(),
        received_at: row.time("received_at")?,
        measurement: serde_json::from_slice(&body).map_err(|error| StoreError::corrupt("measurement", error))?,
    })
}
