//! The right to measure once: who, which way, against which server, how fast, until when.
//!
//! A controller and its measuring servers share a key. The lease itself is public; its secret is an HMAC of it under
//! that key, given to the device over TLS and never sent again: whoever proves the secret was given the lease. So a
//! server needs no list of leases, only of those that were used ([`crate::probe::server`]).
//!
//! Pure. It knows nothing of sockets and schedules. Controllers seal, servers open and judge, agents carry.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SecureRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inventory_schema::measurement::{Direction, LeaseId, ServerId};
use inventory_schema::quantity::KilobitsPerSecond;
use inventory_schema::{BuildingId, DeviceId, Timestamp};

use crate::bytes::{Reader, Unreadable, Writer};

/// The longest lease in bytes: everything present and the longest name of a server.
pub const MAX_LEASE_BYTES: usize = 160;
/// A lease is for a slot and not for a season: what was used is remembered until it expires.
pub const LONGEST_LEASE: Duration = Duration::from_secs(24 * 3600);
/// No single computer measures faster than ten gigabits.
pub const HIGHEST_RATE: u64 = 10_000_000;

const VERSION: u8 = 1;
const TEXT_PREFIX: &str = "cosm1.";
const NO_UUID: [u8; 16] = [0; 16];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub id: LeaseId,
    pub server: ServerId,
    /// Absent for whoever measures without being enrolled.
    pub building: Option<BuildingId>,
    pub device: Option<DeviceId>,
    pub direction: Direction,
    pub target: KilobitsPerSecond,
    /// The highest rate of any phase.
    pub rate: KilobitsPerSecond,
    /// The longest that load may flow.
    pub window: Duration,
    pub not_before: Timestamp,
    pub expires: Timestamp,
}

/// Why a server does not measure. The codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("the request could not be read")]
    Malformed,
    #[error("the lease is not one that this server's controller gave")]
    Forged,
    #[error("the lease has expired")]
    Expired,
    #[error("the lease is not valid yet")]
    NotYet,
    #[error("the lease was used already")]
    Replayed,
    #[error("the lease is for another server")]
    OtherServer,
    #[error("the lease is for another school")]
    OtherSchool,
    #[error("more was asked for than the lease allows")]
    Rate,
    #[error("the server has no room at this moment")]
    ServerBusy,
    #[error("the server measures with a lease only")]
    LeaseNeeded,
    #[error("this version of the protocol is not spoken here")]
    Version,
}

impl Refusal {
    const ALL: [(Self, u8, &'static str); 11] = [
        (Self::Malformed, 1, "malformed"),
        (Self::Forged, 2, "lease_forged"),
        (Self::Expired, 3, "lease_expired"),
        (Self::NotYet, 4, "lease_not_yet"),
        (Self::Replayed, 5, "lease_replayed"),
        (Self::OtherServer, 6, "lease_other_server"),
        (Self::OtherSchool, 7, "lease_other_school"),
        (Self::Rate, 8, "rate_above_lease"),
        (Self::ServerBusy, 9, "server_busy"),
        (Self::LeaseNeeded, 10, "lease_needed"),
        (Self::Version, 11, "version"),
    ];

    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(refusal, ..)| *refusal == self).map_or("", |entry| entry.2)
    }

    pub(crate) fn number(self) -> u8 {
        Self::ALL.iter().find(|(refusal, ..)| *refusal == self).map_or(0, |entry| entry.1)
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|entry| entry.1 == number).map(|entry| entry.0)
    }
}

/// Whose line is said to be measured. It must be what the lease says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claim {
    pub building: Option<BuildingId>,
    pub device: Option<DeviceId>,
}

impl Lease {
    pub fn claim(&self) -> Claim {
        Claim {
            building: self.building,
            device: self.device,
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(MAX_LEASE_BYTES);
        out.u8(VERSION);
        out.u8(direction_number(self.direction));
        out.bytes(self.id.as_uuid().as_bytes());
        out.bytes(self.building.map_or(NO_UUID, |id| *id.as_uuid().as_bytes()).as_slice());
        out.bytes(self.device.map_or(NO_UUID, |id| *id.as_uuid().as_bytes()).as_slice());
        out.u32(saturated(self.target.get()));
        out.u32(saturated(self.rate.get()));
        out.u32(u32::try_from(self.window.as_millis()).unwrap_or(u32::MAX));
        out.u64(self.not_before.unix_micros().unsigned_abs());
        out.u64(self.expires.unix_micros().unsigned_abs());
        out.short(self.server.as_str().as_bytes());
        out.done()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut from = Reader::new(bytes);
        if from.u8()? != VERSION {
            return Err(Unreadable);
        }
        let lease = Self {
            direction: direction_of(from.u8()?)?,
            id: LeaseId::from_uuid(uuid_of(from.array()?)),
            building: present(from.array()?).map(BuildingId::from_uuid),
            device: present(from.array()?).map(DeviceId::from_uuid),
            target: kilobits(from.u32()?)?,
            rate: kilobits(from.u32()?)?,
            window: Duration::from_millis(from.u32()?.into()),
            not_before: moment(from.u64()?)?,
            expires: moment(from.u64()?)?,
            server: std::str::from_utf8(from.short()?)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(Unreadable)?,
        };
        from.end()?;
        Ok(lease)
    }

    /// Whether this server may measure under the lease now. That it was not used before is asked elsewhere.
    pub fn judge(&self, server: &ServerId, claim: Claim, now: Timestamp) -> Result<(), Refusal> {
        if self.server != *server {
            return Err(Refusal::OtherServer);
        }
        if self.claim() != claim {
            return Err(Refusal::OtherSchool);
        }
        if now >= self.expires || self.expires.micros_since(self.not_before) > LONGEST_LEASE.as_micros() as i64 {
            return Err(Refusal::Expired);
        }
        if now < self.not_before {
            return Err(Refusal::NotYet);
        }
        Ok(())
    }
}

fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn kilobits(number: u32) -> Result<KilobitsPerSecond, Unreadable> {
    let number = u64::from(number);
    if number == 0 || number > HIGHEST_RATE {
        return Err(Unreadable);
    }
    KilobitsPerSecond::try_from(number).map_err(|_| Unreadable)
}

fn moment(micros: u64) -> Result<Timestamp, Unreadable> {
    let micros = i64::try_from(micros).map_err(|_| Unreadable)?;
    let moment = Timestamp::from_unix_micros(micros);
    // One lease has one spelling.
    if moment.unix_micros() == micros {
        Ok(moment)
    } else {
        Err(Unreadable)
    }
}

fn uuid_of(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(bytes)
}

fn present(bytes: [u8; 16]) -> Option<uuid::Uuid> {
    (bytes != NO_UUID).then(|| uuid_of(bytes))
}

pub(crate) fn direction_number(direction: Direction) -> u8 {
    match direction {
        Direction::Down => 1,
        Direction::Up => 2,
    }
}

pub(crate) fn direction_of(number: u8) -> Result<Direction, Unreadable> {
    match number {
        1 => Ok(Direction::Down),
        2 => Ok(Direction::Up),
        _ => Err(Unreadable),
    }
}

/// What proves a lease. It travels over TLS, on paper or in a file, and never over the measured line.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseSecret(pub(crate) [u8; 32]);

impl fmt::Debug for LeaseSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseSecret(…)")
    }
}

/// A lease with its secret, as a device receives it: `cosm1.` and base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseToken {
    bytes: Vec<u8>,
    lease: Lease,
    secret: LeaseSecret,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no lease: it is one line that begins with cosm1.")]
pub struct LeaseTextError;

impl LeaseToken {
    pub(crate) fn from_parts(bytes: Vec<u8>, secret: [u8; 32]) -> Result<Self, Unreadable> {
        let lease = Lease::decode(&bytes)?;
        let secret = LeaseSecret(secret);
        Ok(Self { bytes, lease, secret })
    }

    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn secret(&self) -> &LeaseSecret {
        &self.secret
    }
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.secret.0.to_vec();
        all.extend_from_slice(&self.bytes);
        write!(f, "{TEXT_PREFIX}{}", URL_SAFE_NO_PAD.encode(all))
    }
}

impl FromStr for LeaseToken {
    type Err = LeaseTextError;

    fn from_str(text: &str) -> Result<Self, LeaseTextError> {
        let text = text.trim();
        if text.len() > 2 * MAX_LEASE_BYTES + 64 {
            return Err(LeaseTextError);
        }
        let encoded = text.strip_prefix(TEXT_PREFIX).ok_or(LeaseTextError)?;
        let all = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| LeaseTextError)?;
        let (secret, bytes) = all.split_first_chunk::<32>().ok_or(LeaseTextError)?;
        Self::from_parts(bytes.to_vec(), *secret).map_err(|_| LeaseTextError)
    }
}

/// What a controller and its measuring servers share.
#[derive(Clone)]
pub struct LeaseKey(hmac::Key);

impl fmt::Debug for LeaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeaseKey(…)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes, written as 43 characters of base64url")]
pub struct LeaseKeyError;

impl LeaseKey {
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A new key as the text that its file holds.
    pub fn generate_text() -> String {
        URL_SAFE_NO_PAD.encode(random::<32>())
    }

    pub fn seal(&self, lease: &Lease) -> LeaseToken {
        let bytes = lease.encode();
        let secret = self.secret_of(&bytes);
        LeaseToken {
            bytes,
            lease: lease.clone(),
            secret,
        }
    }

    pub(crate) fn secret_of(&self, lease: &[u8]) -> LeaseSecret {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(b"cos lease 1\0");
        context.update(lease);
        LeaseSecret(first(context.sign().as_ref()))
    }
}

impl FromStr for LeaseKey {
    type Err = LeaseKeyError;

    fn from_str(text: &str) -> Result<Self, LeaseKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).map_err(|_| LeaseKeyError)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| LeaseKeyError)?;
        Ok(Self::from_bytes(&bytes))
    }
}

/// The keys a server knows: the one of today first, then those it still honours while a key is exchanged.
#[derive(Debug, Clone)]
pub struct LeaseKeys(Vec<LeaseKey>);

impl LeaseKeys {
    pub fn new(newest: LeaseKey, older: Vec<LeaseKey>) -> Self {
        let mut keys = vec![newest];
        keys.extend(older);
        Self(keys)
    }

    /// One key a line; what begins with `#` is a remark.
    pub fn from_text(text: &str) -> Result<Self, LeaseKeyError> {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.map(str::parse).collect::<Result<Vec<LeaseKey>, _>>()?;
        if keys.is_empty() { Err(LeaseKeyError) } else { Ok(Self(keys)) }
    }

    pub fn newest(&self) -> &LeaseKey {
        &self.0[0]
    }

    /// The secrets that would prove this lease, one per key.
    pub(crate) fn secrets_of<'a>(&'a self, lease: &'a [u8]) -> impl Iterator<Item = LeaseSecret> + 'a {
        self.0.iter().map(move |key| key.secret_of(lease))
    }

    /// For what carries the whole token over TLS: the lease, if its secret is right.
    pub fn open(&self, token: &LeaseToken) -> Result<Lease, Refusal> {
        let known = self
            .secrets_of(&token.bytes)
            .any(|secret| aws_lc_rs::constant_time::verify_slices_are_equal(&secret.0, &token.secret.0).is_ok());
        if known { Ok(token.lease.clone()) } else { Err(Refusal::Forged) }
    }
}

/// The first bytes of a digest that has at least as many.
pub(crate) fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill_with_random(&mut bytes);
    bytes
}

pub(crate) fn fill_with_random(bytes: &mut [u8]) {
    aws_lc_rs::rand::SystemRandom::new()
        .fill(bytes)
        .expect("the system's random generator answers");
}

/// A lease as a controller would give it, valid for a minute from the epoch plus 1.8 thousand million seconds.
#[cfg(test)]
pub(crate) fn sample_lease() -> Lease {
    let from = Timestamp::from_unix_seconds(1_800_000_000);
    Lease {
        id: LeaseId::generate(),
        server: "node-1".parse().unwrap(),
        building: Some(BuildingId::generate()),
        device: Some(DeviceId::generate()),
        direction: Direction::Down,
        target: KilobitsPerSecond::saturating(100_000),
        rate: KilobitsPerSecond::saturating(200_000),
        window: Duration::from_millis(2_300),
        not_before: from,
        expires: from + Duration::from_secs(60),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sample_lease as lease;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn a_lease_survives_its_bytes_and_its_text() {
        let key = LeaseKey::from_bytes(&[7; 32]);
        let longest = Lease {
            server: "n".repeat(64).parse().unwrap(),
            ..lease()
        };
        for lease in [lease(), longest] {
            let bytes = lease.encode();
            assert!(bytes.len() <= MAX_LEASE_BYTES, "{} bytes", bytes.len());
            assert_eq!(Lease::decode(&bytes).unwrap(), lease);
            let token = key.seal(&lease);
            assert_eq!(token.to_string().parse::<LeaseToken>().unwrap(), token);
        }
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_code() {
        let lease = lease();
        let here: ServerId = "node-1".parse().unwrap();
        assert_eq!(lease.judge(&here, lease.claim(), at(1)), Ok(()));
        assert_eq!(lease.judge(&here, lease.claim(), at(60)), Err(Refusal::Expired));
        assert_eq!(lease.judge(&here, lease.claim(), at(-1)), Err(Refusal::NotYet));
        assert_eq!(
            lease.judge(&"node-2".parse().unwrap(), lease.claim(), at(1)),
            Err(Refusal::OtherServer)
        );
        let other = Claim {
            building: Some(BuildingId::generate()),
            ..lease.claim()
        };
        assert_eq!(lease.judge(&here, other, at(1)), Err(Refusal::OtherSchool));
        let endless = Lease {
            expires: at(200_000),
            ..lease.clone()
        };
        assert_eq!(endless.judge(&here, endless.claim(), at(1)), Err(Refusal::Expired));
        for (refusal, number, code) in Refusal::ALL {
            assert_eq!(Refusal::from_number(number), Some(refusal));
            assert_eq!(refusal.code(), code);
        }
    }

    #[test]
    fn a_lease_of_another_key_or_with_one_other_bit_is_forged() {
        let keys = LeaseKeys::from_text(&format!("# today\n{}\n", URL_SAFE_NO_PAD.encode([7; 32]))).unwrap();
        let token = LeaseKey::from_bytes(&[7; 32]).seal(&lease());
        assert_eq!(keys.open(&token).as_ref(), Ok(token.lease()));
        let other = LeaseKey::from_bytes(&[8; 32]).seal(&lease());
        assert_eq!(keys.open(&other), Err(Refusal::Forged));
        for place in 0..token.bytes.len() {
            let mut bytes = token.bytes.clone();
            bytes[place] ^= 1;
            if let Ok(changed) = LeaseToken::from_parts(bytes, token.secret.0) {
                assert_eq!(keys.open(&changed), Err(Refusal::Forged), "byte {place}");
            }
        }
    }

    #[test]
    fn an_older_key_is_honoured_while_keys_are_exchanged() {
        let (new, old) = (LeaseKey::from_bytes(&[1; 32]), LeaseKey::from_bytes(&[2; 32]));
        let keys = LeaseKeys::new(new.clone(), vec![old.clone()]);
        assert!(keys.open(&old.seal(&lease())).is_ok());
        assert!(keys.open(&keys.newest().seal(&lease())).is_ok());
        assert!(LeaseKeys::from_text("# nothing\n").is_err());
        assert!(LeaseKey::generate_text().parse::<LeaseKey>().is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_fail_and_what_is_read_is_spelled_once(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(lease) = Lease::decode(&bytes) {
                prop_assert_eq!(lease.encode(), bytes);
            }
        }

        #[test]
        fn no_text_makes_a_reader_fail(text in ".{0,400}") {
            let _ = text.parse::<LeaseToken>();
            let _ = format!("cosm1.{text}").parse::<LeaseToken>();
        }
    }
}
