//! Many enrollments in one transaction: a token's use, the issuance log, the device, its key and its evidence.
//!
//! Each is judged in its order as if it came alone: a token is never spent beyond its limit, on any number of
//! controllers, because the tokens' rows are locked first. One that is refused writes nothing and harms no other.
//! Called by `crate::enrollment`, in groups.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use inventory_schema::enrollment::{HardwareEvidence, TokenId};
use inventory_schema::{DeviceId, Digest, KeyFingerprint, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::certificate::{IssuedCertificate, LOG};
use super::device::NewDevice;
use super::evidence::{self, NotedEvidence};
use super::statement::{Bulk, Columns, Value};
use super::token::Spend;
use super::{Store, StoreError, StoreResult};

/// A computer that becomes a device, with its certificate already signed.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// `None`: it spends nothing.
    pub spending: Option<Spending>,
    pub certificate: IssuedCertificate,
    pub device: NewDevice,
    /// The device was named just now, so that nothing can be recorded of it yet.
    pub is_new: bool,
    /// What its hardware says; `None` leaves what is known.
    pub evidence: Option<HardwareEvidence>,
}

/// A use of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending {
    pub token: TokenId,
    /// Whoever spent this before spends nothing again.
    pub spent_as: Digest,
}

/// What became of an enrollment; what is not recorded wrote nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolled {
    Recorded {
        /// Internal id.
        id: i64,
    },
    /// The token does not pay for it; [`Spend::Again`] names the device that it must be instead.
    NotSpent(Spend),
    /// The key proves another device.
    KeyTaken,
}

impl Store {
    /// Records what can be recorded; answers in the same order. An error means that nothing was.
    pub async fn record_enrollments(&self, enrollments: &[Enrollment]) -> StoreResult<Vec<Enrolled>> {
        let mut outcomes: Vec<Option<Enrolled>> = vec![None; enrollments.len()];
        // Two of one device or of one key cannot share a statement: the later one comes in a later turn.
        while outcomes.contains(&None) {
            let turn = one_of_each(enrollments, &outcomes);
            let mut transaction = self.begin().await?;
            let recorded = record(&mut transaction, enrollments, &turn).await?;
            transaction.commit().await?;
            for (place, outcome) in turn.into_iter().zip(recorded) {
                outcomes[place] = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }
}

/// The places of those whose turn it is.
fn one_of_each(enrollments: &[Enrollment], outcomes: &[Option<Enrolled>]) -> Vec<usize> {
    let (mut devices, mut keys) = (HashSet::new(), HashSet::new());
    let waiting = (0..enrollments.len()).filter(|place| outcomes[*place].is_none());
    let mut turn = Vec::new();
    for place in waiting {
        let enrollment = &enrollments[place];
        let is_first = devices.insert(enrollment.device.external_id) & keys.insert(enrollment.device.key.fingerprint());
        if is_first {
            turn.push(place);
        }
    }
    turn
}

async fn record(connection: &mut AnyConnection, enrollments: &[Enrollment], turn: &[usize]) -> StoreResult<Vec<Enrolled>> {
    let turn: Vec<&Enrollment> = turn.iter().map(|place| &enrollments[*place]).collect();
    let owners = owners(&mut *connection, turn.iter().map(|enrollment| enrollment.device.key.fingerprint())).await?;
    let is_taken = |enrollment: &Enrollment| {
        let owner = owners.get(&enrollment.device.key.fingerprint());
        owner.is_some_and(|owner| *owner != enrollment.device.external_id)
    };
    let mut refused: BTreeMap<usize, Enrolled> = BTreeMap::new();
    let taken = turn.iter().enumerate().filter(|(_, enrollment)| is_taken(enrollment));
    refused.extend(taken.map(|(place, _)| (place, Enrolled::KeyTaken)));
    let paying = turn.iter().enumerate().filter(|(place, _)| !refused.contains_key(place));
    let paying = paying.filter_map(|(place, enrollment)| enrollment.spending.map(|spending| (place, *enrollment, spending)));
    let unpaid = spend(&mut *connection, paying.collect()).await?;
    refused.extend(unpaid);
    let accepted = turn.iter().enumerate().filter(|(place, _)| !refused.contains_key(place));
    let accepted: Vec<&Enrollment> = accepted.map(|(_, enrollment)| *enrollment).collect();
    let new_keys = accepted
        .iter()
        .filter(|enrollment| !owners.contains_key(&enrollment.device.key.fingerprint()));
    let new_keys = new_keys.count();
    let ids = write(connection, &accepted, new_keys).await?;
    let outcome = |(place, enrollment): (usize, &&Enrollment)| match refused.get(&place) {
        Some(refused) => *refused,
        None => Enrolled::Recorded {
            id: ids[&enrollment.device.external_id],
        },
    };
    Ok(turn.iter().enumerate().map(outcome).collect())
}

/// A token as it is while its row is locked.
struct Purse {
    id: i64,
    left: i64,
    spent: i64,
    expires_at: Timestamp,
    is_revoked: bool,
}

/// Takes a use of its token for each that has to pay and can; answers those that cannot, by their place.
async fn spend(connection: &mut AnyConnection, paying: Vec<(usize, &Enrollment, Spending)>) -> StoreResult<BTreeMap<usize, Enrolled>> {
    const TAKE: Bulk = Bulk {
        before: "WITH v(target, taken) AS (VALUES",
        after: ") UPDATE token SET uses = token.uses + v.taken FROM v WHERE token.id = v.target",
    };
    const USED: Bulk = Bulk {
        before: "INSERT INTO token_use (token_id, evidence_digest, device_id, used_at) VALUES",
        after: "",
    };
    let mut purses = purses(&mut *connection, paying.iter().map(|(.., spending)| spending.token).collect()).await?;
    let mut before = spent_before(&mut *connection, &purses, &paying).await?;
    let (mut refused, mut used) = (BTreeMap::new(), Vec::new());
    for (place, enrollment, spending) in paying {
        let device = &enrollment.device;
        let spent = match purses.get_mut(&spending.token) {
            Some(purse) => purse.spend(spending, device, &mut before),
            None => Spend::Unknown,
        };
        match spent {
            Spend::Spent => used.push(vec![
                purses[&spending.token].id.into(),
                spending.spent_as.into(),
                device.external_id.to_string().into(),
                device.enrolled_at.into(),
            ]),
            Spend::Again { device: known } if known == device.external_id => {}
            other => {
                refused.insert(place, Enrolled::NotSpent(other));
            }
        }
    }
    let taken = purses.values().filter(|purse| purse.spent > 0);
    let taken = taken.map(|purse| vec![purse.id.into(), purse.spent.into()]).collect();
    TAKE.execute(&mut *connection, taken).await?;
    USED.execute(connection, used).await?;
    Ok(refused)
}

impl Purse {
    fn spend(&mut self, spending: Spending, device: &NewDevice, before: &mut HashMap<(i64, Digest), DeviceId>) -> Spend {
        if self.is_revoked {
            return Spend::Revoked;
        }
        if self.expires_at <= device.enrolled_at {
            return Spend::Expired;
        }
        if let Some(device) = before.get(&(self.id, spending.spent_as)) {
            return Spend::Again { device: *device };
        }
        if self.left <= 0 {
            return Spend::Exhausted;
        }
        self.left -= 1;
        self.spent += 1;
        before.insert((self.id, spending.spent_as), device.external_id);
        Spend::Spent
    }
}

/// Locks the tokens, in their order, so that two controllers never wait for each other crosswise.
async fn purses(connection: &mut AnyConnection, tokens: BTreeSet<TokenId>) -> StoreResult<HashMap<TokenId, Purse>> {
    const LOCK: Bulk = Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") UPDATE token SET uses = token.uses FROM v WHERE token.external_id = v.wanted \
                RETURNING id, external_id, uses, uses_limit, expires_at, revoked_at",
    };
    let rows = tokens.into_iter().map(|token| vec![token.to_string().into()]).collect();
    let read = |row: &AnyRow| {
        let purse = Purse {
            id: row.int("id")?,
            left: row.int("uses_limit")? - row.int("uses")?,
            spent: 0,
            expires_at: row.time("expires_at")?,
            is_revoked: row.optional_time("revoked_at")?.is_some(),
        };
        Ok((row.parsed("external_id")?, purse))
    };
    LOCK.fetch(connection, rows).await?.iter().map(read).collect()
}

async fn spent_before(
    connection: &mut AnyConnection,
    purses: &HashMap<TokenId, Purse>,
    paying: &[(usize, &Enrollment, Spending)],
) -> StoreResult<HashMap<(i64, Digest), DeviceId>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(t, e) AS (VALUES",
        after: ") SELECT u.token_id, u.evidence_digest, u.device_id FROM v JOIN token_use u ON u.token_id = v.t AND u.evidence_digest = v.e",
    };
    let wanted = paying.iter().filter_map(|(.., spending)| {
        let purse = purses.get(&spending.token)?;
        Some((purse.id, spending.spent_as))
    });
    let wanted: BTreeSet<(i64, Digest)> = wanted.collect();
    let rows = wanted
        .into_iter()
        .map(|(token, spent_as)| vec![token.into(), spent_as.into()])
        .collect();
    let read = |row: &AnyRow| Ok(((row.int("token_id")?, row.parsed("evidence_digest")?), row.parsed("device_id")?));
    FIND.fetch(connection, rows).await?.iter().map(read).collect()
}

async fn owners(
    connection: &mut AnyConnection,
    keys: impl Iterator<Item = KeyFingerprint>,
) -> StoreResult<HashMap<KeyFingerprint, DeviceId>> {
    const FIND: Bulk = Bulk {
        before: "WITH v(wanted) AS (VALUES",
        after: ") SELECT k.fingerprint, d.external_id FROM v JOIN device_key k ON k.fingerprint = v.wanted \
                JOIN device d ON d.id = k.device_id",
    };
    let rows = FIND.fetch(connection, keys.map(|key| vec![key.0.into()]).collect()).await?;
    rows.iter()
        .map(|row| Ok((row.parsed("fingerprint")?, row.parsed("external_id")?)))
        .collect()
}

/// Answers the internal ids.
async fn write(connection: &mut AnyConnection, accepted: &[&Enrollment], new_keys: usize) -> StoreResult<HashMap<DeviceId, i64>> {
    const PRESENT: Bulk = Bulk {
        before: "INSERT INTO presence (device_id, agent_version) VALUES",
        after: "ON CONFLICT (device_id) DO UPDATE SET agent_version = COALESCE(excluded.agent_version, presence.agent_version), \
                revision = presence.revision + 1",
    };
    const KEYS: Bulk = Bulk {
        before: "INSERT INTO device_key (fingerprint, device_id, public_key, first_seen_at) VALUES",
        after: "ON CONFLICT (fingerprint) DO NOTHING",
    };
    let certificates = accepted.iter().map(|enrollment| enrollment.certificate.values());
    LOG.execute(&mut *connection, certificates.collect()).await?;
    let ids = upsert(&mut *connection, accepted).await?;
    let id = |enrollment: &Enrollment| ids[&enrollment.device.external_id];
    let present = accepted
        .iter()
        .map(|enrollment| vec![id(enrollment).into(), enrollment.device.agent_version.clone().into()]);
    PRESENT.execute(&mut *connection, present.collect()).await?;
    let keys = accepted.iter().map(|enrollment| {
        let device = &enrollment.device;
        vec![
            device.key.fingerprint().0.into(),
            id(enrollment).into(),
            device.key.spki_der().to_vec().into(),
            device.enrolled_at.into(),
        ]
    });
    if KEYS.execute(&mut *connection, keys.collect()).await? < new_keys as u64 {
        return Err(StoreError::Conflict {
            what: "a key that another device was given meanwhile".to_owned(),
        });
    }
    let noted = accepted.iter().filter_map(|enrollment| {
        let evidence = enrollment.evidence.as_ref()?;
        Some(NotedEvidence {
            device: id(enrollment),
            evidence,
            at: enrollment.device.enrolled_at,
            is_first: enrollment.is_new,
        })
    });
    evidence::note_all(connection, &noted.collect::<Vec<_>>()).await?;
    Ok(ids)
}

async fn upsert(connection: &mut AnyConnection, accepted: &[&Enrollment]) -> StoreResult<HashMap<DeviceId, i64>> {
    const UPSERT: Bulk = Bulk {
        before: "INSERT INTO device \
                 (external_id, search_key, organization_id, building_id, room_id, enrolled_at, receipt, state, evidence_digest) VALUES",
        after: "ON CONFLICT (external_id) DO UPDATE SET organization_id = excluded.organization_id, \
                building_id = excluded.building_id, room_id = excluded.room_id, state = excluded.state, \
                receipt = COALESCE(excluded.receipt, device.receipt) RETURNING id, external_id",
    };
    // In the devices' order, as everyone who writes several of them.
    let devices: BTreeMap<DeviceId, &Enrollment> = accepted
        .iter()
        .map(|enrollment| (enrollment.device.external_id, *enrollment))
        .collect();
    let rows = devices.into_values().map(|enrollment| {
        let (device, evidence) = (&enrollment.device, enrollment.evidence.as_ref());
        let id: Value = device.external_id.to_string().into();
        vec![
            id.clone(),
            id,
            device.organization_id.into(),
            device.building_id.into(),
            device.room_id.into(),
            device.enrolled_at.into(),
            device.receipt.clone().into(),
            "enrolled".into(),
            evidence.and_then(HardwareEvidence::digest).into(),
        ]
    });
    let rows = UPSERT.fetch(connection, rows.collect()).await?;
    rows.iter().map(|row| Ok((row.parsed("external_id")?, row.int("id")?))).collect()
}
