//! One group of calls: whose revision is the known one, who is read again, who is told what they were asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use inventory_schema::enrollment::Receipt;
use inventory_schema::signature::Signed;
use inventory_schema::{Digest, KeyFingerprint};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::unchanged::{Unchanged, touch_unchanged};
use super::{Call, Heard, Known, Sign, Standing};
use crate::store::report::read_head;
use crate::store::statement::{Bulk, Columns, raw};
use crate::store::{EngineKind, StoreResult};

/// What is recorded anew is a change like any other: whoever remembers the device reads it again.
const TOUCH: Bulk = Bulk {
    before: "WITH v(target, seen, agent, drift) AS (VALUES",
    after: ") UPDATE presence SET last_seen_at = CASE WHEN presence.last_seen_at > v.seen THEN presence.last_seen_at ELSE v.seen END, \
            agent_version = COALESCE(v.agent, presence.agent_version), \
            clock_offset_micros = COALESCE(v.drift, presence.clock_offset_micros), revision = presence.revision + CASE \
            WHEN COALESCE(v.agent, presence.agent_version) IS NOT DISTINCT FROM presence.agent_version \
            AND COALESCE(v.drift, presence.clock_offset_micros) IS NOT DISTINCT FROM presence.clock_offset_micros THEN 0 ELSE 1 END \
            FROM v WHERE presence.device_id = v.target RETURNING device_id, revision",
};

const LOOK: Bulk = Bulk {
    before: "WITH v(target) AS (VALUES",
    after: ") SELECT p.device_id, p.revision FROM v JOIN presence p ON p.device_id = v.target",
};

const TELL: Bulk = Bulk {
    before: "WITH v(target) AS (VALUES",
    after: ") UPDATE presence SET collect = 0, revision = presence.revision + 1 FROM v WHERE presence.device_id = v.target \
            AND presence.collect = 1 RETURNING device_id, revision",
};

/// What was read for a group of calls.
pub(super) struct Group {
    engine: EngineKind,
    /// The revision that each device had when it was noted or looked at.
    revisions: HashMap<i64, i64>,
    read: HashMap<KeyFingerprint, Reading>,
    told: BTreeSet<i64>,
}

#[derive(Default)]
struct Reading {
    is_revoked: bool,
    is_asked: bool,
    /// The device is told by one of the answers what it was asked for.
    tells: bool,
    standing: Option<Standing>,
}

impl Group {
    pub(super) async fn answer(engine: EngineKind, connection: &mut AnyConnection, calls: &[Call]) -> StoreResult<Self> {
        let mut group = Self {
            engine,
            revisions: HashMap::with_capacity(calls.len()),
            read: HashMap::new(),
            told: BTreeSet::new(),
        };
        let strangers = calls.iter().filter(|call| call.known.is_none()).map(|call| call.key);
        group.read(&mut *connection, strangers.collect()).await?;
        group.note(&mut *connection, calls).await?;
        // The rows that were noted stay locked until the commit: what is read now is what will be true then.
        let stale = calls.iter().filter(|call| !group.is_current(call)).map(|call| call.key);
        group.read(&mut *connection, stale.collect()).await?;
        for call in calls.iter().filter(|call| call.tells) {
            if let Some(reading) = group.read.get_mut(&call.key) {
                reading.tells = true;
            }
        }
        // A record that was made again meanwhile has another row.
        let again: Vec<Call> = calls.iter().filter(|call| group.is_unnoted(call)).cloned().collect();
        group.note(connection, &again).await?;
        Ok(group)
    }

    /// The device that a call is taken to come from, as it is known now.
    fn known(&self, call: &Call) -> Option<Known> {
        match self.read.get(&call.key) {
            Some(reading) => reading.standing.as_ref().map(Standing::known),
            None => call.known,
        }
    }

    fn is_current(&self, call: &Call) -> bool {
        let known = self.known(call);
        known.is_none_or(|known| self.revisions.get(&known.device) == Some(&known.revision))
    }

    fn is_unnoted(&self, call: &Call) -> bool {
        let known = self.known(call);
        call.sign.is_some() && known.is_some_and(|known| !self.revisions.contains_key(&known.device))
    }

    /// One row per device, or which of two is written would be left to the engine; in the devices' order, so that
    /// two controllers never wait for each other crosswise.
    async fn note(&mut self, connection: &mut AnyConnection, calls: &[Call]) -> StoreResult<()> {
        let mut newest: BTreeMap<i64, (i64, Option<Sign>)> = BTreeMap::new();
        for call in calls {
            let Some(Known { device, revision }) = self.known(call) else {
                continue;
            };
            let (_, noted) = newest.entry(device).or_insert((revision, None));
            if let Some(sign) = self.news(call)
                && noted.as_ref().is_none_or(|noted| noted.at <= sign.at)
            {
                *noted = Some(sign);
            }
        }
        let (mut usual, mut others, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        for (device, (revision, sign)) in newest {
            match sign {
                Some(sign) if sign.is_time_alone() => usual.push(Unchanged {
                    device,
                    revision,
                    at: sign.at,
                }),
                Some(sign) => others.push((device, sign)),
                None => looks.push(vec![device.into()]),
            }
        }
        let changed = touch_unchanged(self.engine, &mut *connection, &usual).await?;
        for usual in usual {
            if changed.contains(&usual.device) {
                others.push((usual.device, Sign::at(usual.at)));
            } else {
                self.revisions.insert(usual.device, usual.revision);
            }
        }
        others.sort_by_key(|(device, _)| *device);
        let row = |(device, sign): (i64, Sign)| std::iter::once(device.into()).chain(sign.values()).collect();
        let mut rows = TOUCH.fetch(&mut *connection, others.into_iter().map(row).collect()).await?;
        rows.extend(LOOK.fetch(connection, looks).await?);
        for row in rows {
            self.revisions.insert(row.int("device_id")?, row.int("revision")?);
        }
        Ok(())
    }

    /// The call's sign of life without what is recorded already.
    fn news(&self, call: &Call) -> Option<Sign> {
        let sign = call.sign.clone()?;
        let standing = self.read.get(&call.key).and_then(|reading| reading.standing.as_ref());
        Some(match standing {
            Some(standing) => sign.news(standing),
            None => sign,
        })
    }

    async fn read(&mut self, connection: &mut AnyConnection, keys: BTreeSet<KeyFingerprint>) -> StoreResult<()> {
        const FIND: Bulk = Bulk {
            // Names of keys are text with devices and bytes with reports.
            before: "WITH v(wanted, bytes) AS (VALUES",
            after: ") SELECT v.wanted, x.id AS revocation, h.epoch, h.sequence, h.digest, d.id, d.external_id, d.receipt, p.revision, \
                    p.agent_version, p.clock_offset_micros, p.collect, k.boot, k.rekey, o.proven, d.evidence_digest FROM v LEFT JOIN revocation x ON x.fingerprint = v.wanted \
                    LEFT JOIN chain_head h ON h.fingerprint = v.bytes \
                    LEFT JOIN device_key k ON k.fingerprint = v.wanted LEFT JOIN device d ON d.id = k.device_id \
                    LEFT JOIN presence p ON p.device_id = d.id \
                    LEFT JOIN key_boot o ON o.fingerprint = k.fingerprint AND o.boot = k.boot",
        };
        let rows = FIND
            .fetch(
                &mut *connection,
                keys.into_iter().map(|key| vec![key.0.into(), raw(key.0)]).collect(),
            )
            .await?;
        let mut owners: HashMap<i64, KeyFingerprint> = HashMap::new();
        for row in rows {
            let (key, reading) = (row.parsed("wanted")?, read(&row)?);
            if let Some(standing) = &reading.standing {
                owners.insert(standing.device, key);
            }
            self.read.insert(key, reading);
        }
        self.read_sections(connection, &owners).await
    }

    async fn read_sections(&mut self, connection: &mut AnyConnection, owners: &HashMap<i64, KeyFingerprint>) -> StoreResult<()> {
        const FIND: Bulk = Bulk {
            before: "WITH v(target) AS (VALUES",
            after: ") SELECT s.device_id, s.section, s.body_digest, s.body_month FROM v JOIN device_section s ON s.device_id = v.target",
        };
        let rows = FIND
            .fetch(connection, owners.keys().map(|device| vec![(*device).into()]).collect())
            .await?;
        for row in rows {
            let owner = owners.get(&row.int("device_id")?).and_then(|key| self.read.get_mut(key));
            let Some(standing) = owner.and_then(|reading| reading.standing.as_mut()) else {
                continue;
            };
            if row.optional_int("body_month")?.is_some() {
                standing.held.insert(row.parsed("section")?, row.digest("body_digest")?);
            } else {
                standing.is_whole = false;
            }
        }
        Ok(())
    }

    pub(super) fn has_to_tell(&self) -> bool {
        self.to_tell().next().is_some()
    }

    fn to_tell(&self) -> impl Iterator<Item = i64> {
        let asked = self
            .read
            .values()
            .filter(|reading| reading.is_asked && reading.tells && !reading.is_revoked);
        let devices = asked.filter_map(|reading| reading.standing.as_ref().map(|standing| standing.device));
        devices.filter(|device| !self.told.contains(device))
    }

    /// Whoever asked is heard once: the first controller that answers the device tells it.
    pub(super) async fn tell(&mut self, connection: &mut AnyConnection) -> StoreResult<()> {
        let devices: BTreeSet<i64> = self.to_tell().collect();
        let rows = TELL
            .fetch(connection, devices.into_iter().map(|device| vec![device.into()]).collect())
            .await?;
        let mut revisions = HashMap::new();
        for row in rows {
            let device = row.int("device_id")?;
            self.told.insert(device);
            revisions.insert(device, row.int("revision")?);
        }
        for reading in self.read.values_mut() {
            let Some(standing) = &mut reading.standing else { continue };
            // Another change in between would not be in what was read.
            if let Some(revision) = revisions
                .get(&standing.device)
                .filter(|revision| **revision == standing.revision + 1)
            {
                standing.revision = *revision;
            }
        }
        Ok(())
    }

    /// Who is to be told yet is not to be remembered: nobody would see that.
    pub(super) fn leave_untold(&mut self) {
        for reading in self.read.values_mut() {
            let Some(standing) = &mut reading.standing else { continue };
            let is_told = self.told.contains(&standing.device);
            standing.is_whole &= is_told || !reading.is_asked;
            reading.is_asked &= is_told;
        }
    }

    pub(super) fn outcome(&self, call: &Call) -> Heard {
        match self.read.get(&call.key) {
            None if call.known.is_some() => Heard::Unchanged,
            None => Heard::Unknown,
            Some(Reading { is_revoked: true, .. }) => Heard::Revoked,
            Some(Reading { standing: None, .. }) => Heard::Unknown,
            Some(Reading {
                is_asked,
                standing: Some(standing),
                ..
            }) => Heard::Read {
                standing: standing.clone(),
                collect_now: *is_asked,
            },
        }
    }
}
fn read(row: &AnyRow) -> StoreResult<Reading> {
    let revision = row.optional_int("revision")?;
    let standing = match revision {
        None => None,
        Some(revision) => Some(Standing {
            device: row.int("id")?,
            external_id: row.parsed("external_id")?,
            revision,
            receipt: row.optional_text("receipt")?.as_deref().and_then(document_of),
            held: BTreeMap::new(),
            head: row.optional_int("epoch")?.map(|_| read_head(row)).transpose()?,
            boot: row.optional_parsed("boot")?,
            rekey: row.optional_int("rekey")? == Some(1) || row.optional_int("proven")? == Some(1),
            evidence: row.optional_parsed("evidence_digest")?,
            agent_version: row.optional_text("agent_version")?,
            clock_offset_micros: row.optional_int("clock_offset_micros")?,
            is_whole: true,
            beliefs_digest: OnceLock::new(),
        }),
    };
    Ok(Reading {
        is_revoked: row.optional_int("revocation")?.is_some(),
        is_asked: row.optional_int("collect")? == Some(1),
        tells: false,
        standing,
    })
}

/// The digest by which an agent names the receipt that it has.
fn document_of(receipt: &str) -> Option<Digest> {
    let receipt: Signed<Receipt> = serde_json::from_str(receipt).ok()?;
    Some(Digest::of(receipt.document.as_bytes()))
}
