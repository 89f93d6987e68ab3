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
//! | it comes with another version of its agent, or its clock is wrong by another time | here (`presence/group.rs`, `TOUCH`) |
//! | its key lost its force | `certificate.rs` (`revoke_key`), after the revocation itself is durable |
//! | its key is used in another boot | `boot.rs` |
//! | its hardware evidence | `evidence.rs` |
//! | its record was joined or parted, its agent is to ask for another key | `identity.rs` |
//! | its record was deleted | the row is gone |
//!
//! A section whose body is missing may be completed by another device's report; such a standing is not to be
//! remembered ([`Standing::is_whole`]). Bodies that a device states now are never deleted. Called by
//! `crate::presence`, in groups.

mod group;
mod unchanged;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use inventory_schema::check_in::Beliefs;
use inventory_schema::device::BootId;
use inventory_schema::envelope::ChainHead;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, SectionName, Timestamp};
use sqlx::AnyConnection;

use group::Group;
use unchanged::{Unchanged, touch_unchanged};

use super::organization::in_scope;
use super::statement::{Bulk, Columns, Value, records};
use super::wake::Change;
use super::{Scope, Store, StoreResult, deadline};

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
    beliefs_digest: OnceLock<Digest>,
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
            beliefs_digest: OnceLock::new(),
        }
    }

    /// What the device believes when it has heard all of this.
    pub fn beliefs(&self) -> Beliefs<'_> {
        Beliefs {
            held: &self.held,
            acknowledged: self.head,
            receipt: self.receipt,
            evidence: self.evidence,
        }
    }

    /// Of those beliefs; reckoned once for as long as this is remembered.
    pub fn beliefs_digest(&self) -> Digest {
        *self.beliefs_digest.get_or_init(|| self.beliefs().digest())
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
