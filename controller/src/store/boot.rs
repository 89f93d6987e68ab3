//! The boots in which keys were used: one computer runs one boot at a time.
//!
//! A boot that went on running while another one used the same key proves that two computers have it. What
//! counts as proof is decided by [`crate::device::boots`]; here it is read and written, for a group at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use inventory_schema::device::BootId;
use inventory_schema::{KeyFingerprint, Timestamp};

use super::statement::{Bulk, Columns, Value};
use super::{Store, StoreResult};
use crate::device::boots::{Sighting, goes_on};

/// A key that is used in another boot than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootNote {
    /// Internal id of the key's device.
    pub device: i64,
    pub key: KeyFingerprint,
    pub boot: BootId,
    pub seen: Sighting,
}

/// Boots that were not seen again for so long are forgotten.
const KEPT_MICROS: i64 = 2 * 86_400 * 1_000_000;

impl Store {
    /// Notes boots; answers for each whether it proves that two computers have the key.
    pub async fn note_boots(&self, notes: &[BootNote]) -> StoreResult<Vec<bool>> {
        const FIND: Bulk = Bulk {
            before: "WITH v(k, b) AS (VALUES",
            // Only where another boot was seen since: a record that was made again knows of none.
            after: ") SELECT o.fingerprint, o.boot, o.seen_at, o.uptime, o.proven FROM v \
                    JOIN key_boot o ON o.fingerprint = v.k AND o.boot = v.b JOIN device_key k ON k.fingerprint = v.k WHERE k.boot <> v.b",
        };
        const NOTE: Bulk = Bulk {
            before: "INSERT INTO key_boot (fingerprint, boot, seen_at, uptime, proven) VALUES",
            after: "ON CONFLICT (fingerprint, boot) DO UPDATE SET seen_at = excluded.seen_at, uptime = excluded.uptime, proven = excluded.proven",
        };
        const POINT: Bulk = Bulk {
            before: "WITH v(k, b) AS (VALUES",
            after: ") UPDATE device_key SET boot = v.b FROM v WHERE device_key.fingerprint = v.k",
        };
        const GROW: Bulk = Bulk {
            before: "WITH v(target) AS (VALUES",
            after: ") UPDATE presence SET revision = presence.revision + 1 FROM v WHERE presence.device_id = v.target",
        };
        const FORGET: Bulk = Bulk {
            before: "WITH v(k, old) AS (VALUES",
            after: ") DELETE FROM key_boot WHERE fingerprint IN (SELECT v.k FROM v) AND seen_at < (SELECT MIN(v.old) FROM v) AND proven = 0",
        };
        // The last note of a key in a group is where its pointer ends; devices in order, so that two controllers
        // never wait for each other crosswise.
        let mut last: BTreeMap<(i64, KeyFingerprint), &BootNote> = BTreeMap::new();
        for note in notes {
            last.insert((note.device, note.key), note);
        }
        let devices: BTreeSet<i64> = last.keys().map(|(device, _)| *device).collect();
        let mut transaction = self.begin().await?;
        let rows = devices.into_iter().map(|device| vec![device.into()]).collect();
        GROW.execute(&mut transaction, rows).await?;
        let name = |note: &BootNote| -> Vec<Value> { vec![note.key.0.into(), note.boot.to_string().into()] };
        let mut before: HashMap<(KeyFingerprint, BootId), (Sighting, bool)> = HashMap::new();
        for row in FIND.fetch(&mut transaction, notes.iter().map(name).collect()).await? {
            let seen = Sighting {
                at: row.time("seen_at")?,
                uptime_micros: row.int("uptime")?,
            };
            before.insert((row.parsed("fingerprint")?, row.parsed("boot")?), (seen, row.flag("proven")?));
        }
        let proven: Vec<bool> = notes
            .iter()
            .map(|note| {
                before
                    .get(&(note.key, note.boot))
                    .is_some_and(|(seen, proven)| *proven || goes_on(*seen, note.seen))
            })
            .collect();
        let mut rows: BTreeMap<(KeyFingerprint, BootId), Vec<Value>> = BTreeMap::new();
        for (note, proven) in notes.iter().zip(&proven) {
            let mut row = name(note);
            row.extend([
                Value::from(note.seen.at),
                Value::from(note.seen.uptime_micros),
                Value::from(i64::from(*proven)),
            ]);
            rows.insert((note.key, note.boot), row);
        }
        NOTE.execute(&mut transaction, rows.into_values().collect()).await?;
        POINT
            .execute(&mut transaction, last.values().map(|note| name(note)).collect())
            .await?;
        let forget = |note: &&BootNote| -> Vec<Value> {
            let old = Timestamp::from_unix_micros(note.seen.at.unix_micros() - KEPT_MICROS);
            vec![note.key.0.into(), old.into()]
        };
        FORGET.execute(&mut transaction, last.values().map(forget).collect()).await?;
        transaction.commit().await?;
        Ok(proven)
    }

    /// The boot keeps the key although it was proven: it has to be proven again.
    pub async fn settle_boot(&self, key: KeyFingerprint, boot: BootId) -> StoreResult<()> {
        sqlx::query("UPDATE key_boot SET proven = 0 WHERE fingerprint = $1 AND boot = $2")
            .bind(key.to_string())
            .bind(boot.to_string())
            .execute(self.write())
            .await?;
        Ok(())
    }
}
