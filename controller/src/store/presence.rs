//! Who was heard of when, and whether anything that a check-in's answer depends on has changed since.
//!
//! A check-in rewrites one narrow row per device and is told its `revision`. Whoever remembers what was read at
//! that revision need read nothing else: the revision grows in the same transaction as everything that an answer
//! to the device depends on. Who makes it grow, in full:
//!
//! | What changes | Where |
//! |---|---|
//! | a report moved the chain, stated sections or brought a body again | `report/write.rs` ([`NOTE_REPORTS`]) |
//! | the device enrolled again or was made again from its receipt | `device.rs` (`insert_device`) |
//! | its receipt, its place, its state | `device.rs` |
//! | it is asked to look at its hardware, and was told so | here |
//! | it comes with another version of its agent, or its clock is wrong by another time | here (`TOUCH`) |
//! | its key lost its force | `certificate.rs` (`revoke_key`), after the revocation itself is durable |
//! | its key is used in another boot | `boot.rs` |
//! | its hardware evidence | `evidence.rs` |
//! | its record was joined or parted, its agent is to ask for another key | `identity.rs` |
//! | its record was deleted | the row is gone |
//!
//! A section whose body is missing may be completed by another device's report; such a standing is not to be
//! remembered ([`Standing::is_whole`]). Bodies that a device states now are never deleted. Called by
//! `crate::presence`, in groups.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use inventory_schema::device::BootId;
use inventory_schema::enrollment::Receipt;
use inventory_schema::envelope::ChainHead;
use inventory_schema::signature::Signed;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, SectionName, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::organization::in_scope;
use super::report::read_head;
use super::statement::{Bulk, Columns, Value, raw, records};
use super::wake::Change;
use super::{EngineKind, Scope, Store, StoreResult, deadline};

/// A check-in, or a look at what one would be answered.
#[derive(Debug, Clone)]
pub struct Call {
    pub key: KeyFingerprint,
    /// What the caller remembers of this key, if anything.
    pub known: Option<Known>,
    /// `None`: only a look. Of someone who is known, without what is recorded already ([`Sign::news`]).
    pub sign: Option<Sign>,
    /// Whether the device is told by the answer what it was asked for.
    pub tells: bool,
}

/// A standing that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Internal id.
    pub device: i64,
    pub revision: i64,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    pub at: Timestamp,
    /// `None` leaves what is known.
    pub agent_version: Option<String>,
    /// The computer's clock minus ours, microseconds; `None` leaves what is known.
    pub clock_offset_micros: Option<i64>,
}

/// A clock that goes on being wrong by as much as before is not recorded anew: people are told of two seconds and more.
const SAME_OFFSET_MICROS: u64 = 1_000_000;

impl Sign {
    /// The sign without what is recorded of this device already: usually the time alone is left.
    #[must_use]
    pub fn news(self, recorded: &Standing) -> Self {
        let is_the_same = |offset: &i64| {
            let before = recorded.clock_offset_micros;
            before.is_some_and(|before| offset.abs_diff(before) < SAME_OFFSET_MICROS)
        };
        Self {
            at: self.at,
            agent_version: self
                .agent_version
                .filter(|version| Some(version) != recorded.agent_version.as_ref()),
            clock_offset_micros: self.clock_offset_micros.filter(|offset| !is_the_same(offset)),
        }
    }

    fn at(at: Timestamp) -> Self {
        Self {
            at,
            agent_version: None,
            clock_offset_micros: None,
        }
    }

    fn is_time_alone(&self) -> bool {
        self.agent_version.is_none() && self.clock_offset_micros.is_none()
    }

    fn values(&self) -> [Value; 3] {
        [self.at.into(), self.agent_version.clone().into(), self.clock_offset_micros.into()]
    }
}

/// What a call's answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lives from a statement to its answer")]
pub enum Heard {
    /// What the caller knew still holds.
    Unchanged,
    Read {
        standing: Standing,
        /// The device was asked to look at its hardware, and this answer is to tell it.
        collect_now: bool,
    },
    /// No device has this key.
    Unknown,
    /// The key lost its force, for good.
    Revoked,
}

/// All that the answer to a device depends on, as it was at `revision` or later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Internal id.
    pub device: i64,
    pub external_id: DeviceId,
    pub revision: i64,
    /// Of the newest receipt's document.
    pub receipt: Option<Digest>,
    /// The sections that are held with their bodies.
    pub held: BTreeMap<SectionName, Digest>,
    pub head: Option<ChainHead>,
    /// The boot that the key was last used in.
    pub boot: Option<BootId>,
    /// Its agent is to ask for another key: its boot was proven to be a second computer's, or its record was joined
    /// or parted.
    pub rekey: bool,
    /// Of the hardware evidence that is recorded.
    pub evidence: Option<Digest>,
    pub agent_version: Option<String>,
    pub clock_offset_micros: Option<i64>,
    /// Whether every section that the device states is held with its body.
    is_whole: bool,
}

impl Standing {
    #[cfg(test)]
    pub(crate) fn of_a_test(device: i64, external_id: DeviceId, is_whole: bool) -> Self {
        Self {
            device,
            external_id,
            revision: 1,
            receipt: None,
            held: BTreeMap::new(),
            head: None,
            boot: None,
            rekey: false,
            evidence: None,
            agent_version: None,
            clock_offset_micros: None,
            is_whole,
        }
    }

    /// What the database is asked about next time.
    pub fn known(&self) -> Known {
        Known {
            device: self.device,
            revision: self.revision,
        }
    }

    /// Whether it holds for as long as the revision stays.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// Reports as signs of life: the newest of each device in a group.
pub(super) const NOTE_REPORTS: Bulk = Bulk {
    before: "WITH v(target, seen, agent, drift) AS (VALUES",
    after: ") UPDATE presence SET last_seen_at = CASE WHEN presence.last_seen_at > v.seen THEN presence.last_seen_at ELSE v.seen END, \
            last_report_at = CASE WHEN presence.last_report_at > v.seen THEN presence.last_report_at ELSE v.seen END, \
            agent_version = v.agent, clock_offset_micros = COALESCE(v.drift, presence.clock_offset_micros), \
            revision = presence.revision + 1 FROM v WHERE presence.device_id = v.target",
};

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

impl Store {
    /// Notes the signs of life of a group and answers each call, in order. What is answered is at least as new as
    /// the commit that made the signs durable.
    pub async fn hear(&self, calls: &[Call]) -> StoreResult<Vec<Heard>> {
        deadline::within(deadline::WRITES, self.hear_group(calls)).await
    }

    async fn hear_group(&self, calls: &[Call]) -> StoreResult<Vec<Heard>> {
        if self.hear_the_usual(calls).await? {
            return Ok(vec![Heard::Unchanged; calls.len()]);
        }
        let mut group = if calls.iter().any(|call| call.sign.is_some()) {
            let mut transaction = self.begin().await?;
            let mut group = Group::answer(self.engine_kind(), &mut transaction, calls).await?;
            group.tell(&mut transaction).await?;
            transaction.commit().await?;
            group
        } else {
            let mut connection = self.read().acquire().await?;
            Group::answer(self.engine_kind(), &mut connection, calls).await?
        };
        if group.has_to_tell() {
            let mut transaction = self.begin().await?;
            group.tell(&mut transaction).await?;
            transaction.commit().await?;
        }
        group.leave_untold();
        Ok(calls.iter().map(|call| group.outcome(call)).collect())
    }

    /// Notes a group in which nobody says anything new and nobody's revision is another: one statement, which is its own
    /// transaction. `false`: there is more to it, and all are to be heard one by one; to be noted twice changes nothing.
    async fn hear_the_usual(&self, calls: &[Call]) -> StoreResult<bool> {
        let mut newest: BTreeMap<i64, (i64, Timestamp)> = BTreeMap::new();
        for call in calls {
            let (Some(known), Some(sign)) = (call.known, &call.sign) else {
                return Ok(false);
            };
            let noted = newest.entry(known.device).or_insert((known.revision, sign.at));
            if !sign.is_time_alone() || noted.0 != known.revision {
                return Ok(false);
            }
            noted.1 = noted.1.max(sign.at);
        }
        let signs: Vec<Unchanged> = newest
            .into_iter()
            .map(|(device, (revision, at))| Unchanged { device, revision, at })
            .collect();
        let mut connection = self.write().acquire().await?;
        Ok(touch_unchanged(self.engine_kind(), &mut connection, &signs).await?.is_empty())
    }

    /// Asks every device in scope to look at its hardware.
    pub async fn ask_all_to_collect(&self, scope: Scope, now: Timestamp) -> StoreResult<()> {
        if scope == Scope::REGION {
            return self.order_collection(now).await;
        }
        let rows = sqlx::query(concat!(
            "SELECT d.external_id FROM device d JOIN organization o ON o.id = d.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL WHERE ",
            in_scope!()
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .fetch_all(self.read())
        .await?;
        let devices: Vec<DeviceId> = records(&rows, |row| row.parsed("external_id"))?;
        self.ask_to_collect(&devices).await
    }

    /// Asks devices to look at their hardware: each is told once, with its next answer, and at once if it waits.
    pub async fn ask_to_collect(&self, devices: &[DeviceId]) -> StoreResult<()> {
        const ASK: Bulk = Bulk {
            before: "WITH v(wanted) AS (VALUES",
            after: ") UPDATE presence SET collect = 1 FROM v JOIN device d ON d.external_id = v.wanted WHERE presence.device_id = d.id \
                    RETURNING device_id",
        };
        let mut transaction = self.begin().await?;
        let change = self.change(&mut transaction, Change::Wanted).await?;
        let rows = devices.iter().map(|device| vec![device.to_string().into()]).collect();
        let asked = ASK.fetch(&mut transaction, rows).await?;
        let asked: Vec<i64> = asked.iter().map(|row| row.int("device_id")).collect::<StoreResult<_>>()?;
        change.concerns(&mut transaction, &asked).await?;
        change.commit(transaction).await
    }
}

/// Says that what an answer to this device depends on has changed; the device's own next call will show it.
pub(super) async fn grow_revision(connection: &mut AnyConnection, device: i64) -> StoreResult<()> {
    sqlx::query("UPDATE presence SET revision = revision + 1 WHERE device_id = $1")
        .bind(device)
        .execute(connection)
        .await?;
    Ok(())
}

/// What was read for a group of calls.
struct Group {
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
    async fn answer(engine: EngineKind, connection: &mut AnyConnection, calls: &[Call]) -> StoreResult<Self> {
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

    fn has_to_tell(&self) -> bool {
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
    async fn tell(&mut self, connection: &mut AnyConnection) -> StoreResult<()> {
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
    fn leave_untold(&mut self) {
        for reading in self.read.values_mut() {
            let Some(standing) = &mut reading.standing else { continue };
            let is_told = self.told.contains(&standing.device);
            standing.is_whole &= is_told || !reading.is_asked;
            reading.is_asked &= is_told;
        }
    }

    fn outcome(&self, call: &Call) -> Heard {
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

/// A device that says nothing but that it is there, and the revision that is known of it.
struct Unchanged {
    device: i64,
    revision: i64,
    at: Timestamp,
}

/// Notes those whose revision is the known one: usually all, and then nothing need be read. Answers devices that are to
/// be noted in another way: on SQLite all, if it is any.
///
/// One of the statements that are written for each engine: a list of three columns travels as one text on SQLite and as
/// a text for each column on PostgreSQL, where a value of its own for each would cost a multiple.
async fn touch_unchanged(engine: EngineKind, connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    if signs.is_empty() {
        return Ok(HashSet::new());
    }
    match engine {
        EngineKind::Sqlite => touch_on_sqlite(connection, signs).await,
        EngineKind::Postgres => touch_on_postgres(connection, signs).await,
    }
}

async fn touch_on_sqlite(connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    const TOUCH: &str = "WITH v AS (SELECT value->>0 AS target, value->>1 AS expected, value->>2 AS seen FROM json_each($1)) \
        UPDATE presence SET last_seen_at = COALESCE(MAX(last_seen_at, v.seen), v.seen) FROM v \
        WHERE presence.device_id = v.target AND presence.revision = v.expected";
    let rows = joined(signs, |sign| {
        format!("[{},{},{}]", sign.device, sign.revision, sign.at.unix_micros())
    });
    let noted = sqlx::query(TOUCH)
        .bind(format!("[{rows}]"))
        .execute(connection)
        .await?
        .rows_affected();
    let all = usize::try_from(noted) == Ok(signs.len());
    Ok(if all {
        HashSet::new()
    } else {
        signs.iter().map(|sign| sign.device).collect()
    })
}

async fn touch_on_postgres(connection: &mut AnyConnection, signs: &[Unchanged]) -> StoreResult<HashSet<i64>> {
    const TOUCH: &str = "WITH v AS (SELECT * FROM UNNEST(CAST(string_to_array($1, ',') AS BIGINT[]), \
        CAST(string_to_array($2, ',') AS BIGINT[]), CAST(string_to_array($3, ',') AS BIGINT[])) AS v(target, expected, seen)), \
        noted AS (UPDATE presence p SET last_seen_at = GREATEST(p.last_seen_at, v.seen) \
        FROM v WHERE p.device_id = v.target AND p.revision = v.expected RETURNING p.device_id) \
        SELECT v.target FROM v WHERE NOT EXISTS (SELECT 1 FROM noted n WHERE n.device_id = v.target)";
    let rows = sqlx::query(TOUCH)
        .bind(joined(signs, |sign| sign.device))
        .bind(joined(signs, |sign| sign.revision))
        .bind(joined(signs, |sign| sign.at.unix_micros()))
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.int("target")).collect()
}

/// What is said of each sign, with commas between.
fn joined<T: std::fmt::Display>(signs: &[Unchanged], said: impl Fn(&Unchanged) -> T) -> String {
    let mut text = String::with_capacity(signs.len() * 18);
    for sign in signs {
        let comma = if text.is_empty() { "" } else { "," };
        write!(text, "{comma}{}", said(sign)).expect("a String can be written");
    }
    text
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
