//! Who may load a server over TCP: whoever holds a lease of its controller, once, as fast as the lease says and
//! while there is room; or anyone, where an operator opened the server.
//!
//! One lease may be used by several streams of one measurement, each once: they share its place and its rate. A lease
//! that the probe's server has seen may still be used here, so that one slot serves for the fallback too.
//!
//! No sockets and no clock: callers give the time. Used by the servers of [`crate::ndt7`] and [`crate::tcp`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use inventory_schema::Timestamp;
use inventory_schema::measurement::{Direction, LeaseId, ServerId, ServerPlace};
use inventory_schema::quantity::KilobitsPerSecond;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::lease::{Lease, LeaseKeys, LeaseToken, Refusal};
use crate::load::Rate;

/// Leases that are remembered at one time, until they expire.
const MOST_USED: usize = 100_000;
/// Streams of one measurement.
pub const MOST_STREAMS: u8 = 16;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    pub server: ServerId,
    pub place: ServerPlace,
    /// Measurements at one time.
    pub most_tests: usize,
    /// All of them together, in each direction.
    pub most_rate: KilobitsPerSecond,
    /// What whoever comes without a lease gets; `None`: nothing.
    pub without_lease: Option<WithoutLease>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithoutLease {
    pub rate: KilobitsPerSecond,
    /// Measurements in a minute of the clock; of the method `tcp` the first stream counts.
    pub per_minute: u32,
}

/// Which part of a measurement a connection is, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub stream: u8,
    pub streams: u8,
}

impl Part {
    pub const WHOLE: Self = Self { stream: 0, streams: 1 };
}

/// The right to carry load, for as long as it is held.
#[derive(Debug)]
pub struct Permit {
    _place: Arc<OwnedSemaphorePermit>,
    own: Arc<Rate>,
    shared: Arc<Rate>,
    /// The longest that load may flow, where a lease says so.
    pub window: Option<Duration>,
}

impl Permit {
    /// Draws `bytes` from both rates, and says from when more may be carried.
    pub fn draw(&self, bytes: usize, now: Instant) -> Instant {
        self.own.draw(bytes, now).max(self.shared.draw(bytes, now))
    }
}

#[derive(Debug)]
pub struct Admission {
    settings: Settings,
    keys: Option<LeaseKeys>,
    places: Arc<Semaphore>,
    down: Arc<Rate>,
    up: Arc<Rate>,
    used: Mutex<HashMap<LeaseId, Used>>,
    /// The minute, and how many came in it without a lease.
    without: Mutex<(i64, u32)>,
}

#[derive(Debug)]
struct Used {
    expires: Timestamp,
    streams: u8,
    /// One bit for each stream that has come.
    came: u16,
    own: Arc<Rate>,
    place: Weak<OwnedSemaphorePermit>,
}

impl Admission {
    pub fn new(settings: Settings, keys: Option<LeaseKeys>) -> Self {
        let rate = || Arc::new(Rate::new(settings.most_rate.get() * 1_000));
        Self {
            places: Arc::new(Semaphore::new(settings.most_tests.min(Semaphore::MAX_PERMITS))),
            down: rate(),
            up: rate(),
            settings,
            keys,
            used: Mutex::default(),
            without: Mutex::default(),
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Lets a connection in, or says why not.
    ///
    /// # Errors
    /// With the first thing that stands against it.
    pub fn admit(&self, token: Option<&str>, direction: Direction, part: Part, now: Timestamp) -> Result<Permit, Refusal> {
        if part.streams == 0 || part.streams > MOST_STREAMS || part.stream >= part.streams {
            return Err(Refusal::Malformed);
        }
        match token {
            Some(token) => self.with_lease(&self.open(token, direction, now)?, part, now),
            None => self.without_lease(direction, part, now),
        }
    }

    fn without_lease(&self, direction: Direction, part: Part, now: Timestamp) -> Result<Permit, Refusal> {
        let granted = self.settings.without_lease.ok_or(Refusal::LeaseNeeded)?;
        if part.stream == 0 {
            let mut without = self.without.lock().unwrap_or_else(PoisonError::into_inner);
            let minute = now.unix_seconds().div_euclid(60);
            if without.0 != minute {
                *without = (minute, 0);
            }
            if without.1 >= granted.per_minute {
                return Err(Refusal::ServerBusy);
            }
            without.1 += 1;
        }
        Ok(Permit {
            _place: Arc::new(self.place()?),
            own: Arc::new(Rate::new(granted.rate.get() * 1_000)),
            shared: self.shared(direction),
            window: None,
        })
    }

    fn open(&self, token: &str, direction: Direction, now: Timestamp) -> Result<Lease, Refusal> {
        let keys = self.keys.as_ref().ok_or(Refusal::Forged)?;
        let token: LeaseToken = token.parse().map_err(|_| Refusal::Malformed)?;
        let lease = keys.open(&token)?;
        lease.judge(&self.settings.server, lease.claim(), now)?;
        if lease.direction == direction {
            Ok(lease)
        } else {
            Err(Refusal::Rate)
        }
    }

    fn with_lease(&self, lease: &Lease, part: Part, now: Timestamp) -> Result<Permit, Refusal> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = used.get_mut(&lease.id) {
            let fresh = before.streams == part.streams && before.came & (1 << part.stream) == 0;
            let place = before.place.upgrade().filter(|_| fresh).ok_or(Refusal::Replayed)?;
            before.came |= 1 << part.stream;
            return Ok(self.permit(place, before.own.clone(), lease));
        }
        if used.len() >= MOST_USED / 2 {
            // A clock that is set back makes leases valid again: what is forgotten is forgotten a minute late.
            used.retain(|_, used| used.expires > now - Duration::from_secs(60));
        }
        if used.len() >= MOST_USED {
            return Err(Refusal::ServerBusy);
        }
        let place = Arc::new(self.place()?);
        let own = Arc::new(Rate::new(lease.rate.get() * 1_000));
        used.insert(
            lease.id,
            Used {
                expires: lease.expires,
                streams: part.streams,
                came: 1 << part.stream,
                own: own.clone(),
                place: Arc::downgrade(&place),
            },
        );
        Ok(self.permit(place, own, lease))
    }

    fn permit(&self, place: Arc<OwnedSemaphorePermit>, own: Arc<Rate>, lease: &Lease) -> Permit {
        Permit {
            _place: place,
            own,
            shared: self.shared(lease.direction),
            window: Some(lease.window),
        }
    }

    fn shared(&self, direction: Direction) -> Arc<Rate> {
        match direction {
            Direction::Down => self.down.clone(),
            Direction::Up => self.up.clone(),
        }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.places.clone().try_acquire_owned().map_err(|_| Refusal::ServerBusy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::{LeaseKey, sample_lease};

    fn admission(most_tests: usize) -> (Admission, LeaseKey) {
        let key = LeaseKey::from_bytes(&[7; 32]);
        let settings = Settings {
            server: "node-1".parse().unwrap(),
            place: ServerPlace::RegionalNode,
            most_tests,
            most_rate: KilobitsPerSecond::saturating(800_000),
            without_lease: None,
        };
        (Admission::new(settings, Some(LeaseKeys::new(key.clone(), Vec::new()))), key)
    }

    fn now() -> Timestamp {
        sample_lease().not_before
    }

    fn part(stream: u8) -> Part {
        Part { stream, streams: 8 }
    }

    #[test]
    fn a_lease_is_good_once_and_for_each_stream_of_one_measurement_once() {
        let (admission, key) = admission(4);
        let token = key.seal(&sample_lease()).to_string();
        let admit = |part, now| admission.admit(Some(&token), Direction::Down, part, now);
        let held: Vec<Permit> = (0..8).map(|stream| admit(part(stream), now()).unwrap()).collect();
        assert_eq!(admission.places.available_permits(), 3, "eight streams are one measurement");
        assert_eq!(admit(part(3), now()).unwrap_err(), Refusal::Replayed);
        assert_eq!(admit(Part::WHOLE, now()).unwrap_err(), Refusal::Replayed);
        drop(held);
        assert_eq!(admission.places.available_permits(), 4);
        assert_eq!(admit(part(0), now()).unwrap_err(), Refusal::Replayed);
        // A measurement that is over lets no late stream in.
        let token = key.seal(&sample_lease()).to_string();
        drop(admission.admit(Some(&token), Direction::Down, part(0), now()).unwrap());
        let late = admission.admit(Some(&token), Direction::Down, part(1), now());
        assert_eq!(late.unwrap_err(), Refusal::Replayed);
    }

    #[test]
    fn without_a_lease_so_many_a_minute_may_come() {
        let (closed, _) = admission(8);
        let without_lease = Some(WithoutLease {
            rate: KilobitsPerSecond::saturating(100_000),
            per_minute: 2,
        });
        let admission = Admission::new(
            Settings {
                without_lease,
                ..closed.settings().clone()
            },
            None,
        );
        let ask = |seconds| {
            let now = now() + Duration::from_secs(seconds);
            admission.admit(None, Direction::Up, Part::WHOLE, now).map(drop)
        };
        assert_eq!([ask(0), ask(1), ask(2)], [Ok(()), Ok(()), Err(Refusal::ServerBusy)]);
        assert_eq!(ask(60), Ok(()));
        let forged = admission.admit(Some("cosm1.x"), Direction::Up, Part::WHOLE, now());
        assert_eq!(forged.map(drop), Err(Refusal::Forged));
    }

    #[test]
    fn what_is_wrong_with_a_lease_is_said() {
        let (admission, key) = admission(1);
        let lease = sample_lease();
        let token = key.seal(&lease).to_string();
        let admit = |token: &str, direction, now| admission.admit(Some(token), direction, Part::WHOLE, now).map(drop).unwrap_err();
        assert_eq!(admit("cosm1.zzz", Direction::Down, now()), Refusal::Malformed);
        assert_eq!(admit(&token, Direction::Up, now()), Refusal::Rate);
        assert_eq!(admit(&token, Direction::Down, lease.expires), Refusal::Expired);
        let forged = LeaseKey::from_bytes(&[8; 32]).seal(&lease).to_string();
        assert_eq!(admit(&forged, Direction::Down, now()), Refusal::Forged);
        assert_eq!(
            admission.admit(None, Direction::Down, Part::WHOLE, now()).map(drop).unwrap_err(),
            Refusal::LeaseNeeded
        );
        let nonsense = Part { stream: 8, streams: 8 };
        assert_eq!(
            admission
                .admit(Some(&token), Direction::Down, nonsense, now())
                .map(drop)
                .unwrap_err(),
            Refusal::Malformed
        );
        let _held = admission.admit(Some(&token), Direction::Down, Part::WHOLE, now()).unwrap();
        let other = key.seal(&sample_lease()).to_string();
        assert_eq!(admit(&other, Direction::Down, now()), Refusal::ServerBusy);
    }
}
