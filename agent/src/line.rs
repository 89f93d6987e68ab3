//! Measuring this computer's line when somebody asks: which target, what was found, what it proves, in words.
//!
//! The measuring itself is `cos_measurement`'s, the verdict `inventory_schema`'s. Here a measurement is put together
//! with what only this computer knows — its interface before and after, its processors, its clock — and said to
//! people ([`words`]). It needs no enrollment. Called by `cli/check.rs`.

pub mod streams;
pub mod words;

use std::net::{SocketAddr, TcpStream};
use std::str::FromStr;
use std::time::Duration;

use cos_measurement::interface::{self, Interfaces, Reading};
use cos_measurement::lease::{Claim, LeaseToken};
use cos_measurement::probe::client::{self, ProbeError};
use cos_measurement::probe::record::{Circumstances, record};
use cos_measurement::probe::{DrainMode, Failure, Plan, Question};
use cos_measurement::processor::Load;
use inventory_schema::measurement::{Direction, MeasuredAt, Measurement, Occasion, SiblingTraffic};
use inventory_schema::organization::SettlementClass;
use inventory_schema::quantity::{Bytes, Count};

use crate::platform;

/// The port that measuring servers listen on where none is named.
pub const USUAL_PORT: u16 = 8_444;
/// How long a server that does not answer by UDP is waited for by TCP.
const REACHED_WITHIN: Duration = Duration::from_secs(2);

/// What a line should carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub kbps: u32,
    pub settlement: Option<SettlementClass>,
}

impl Target {
    pub const URBAN: Self = Self {
        kbps: 100_000,
        settlement: Some(SettlementClass::City),
    };
    pub const RURAL: Self = Self {
        kbps: 50_000,
        settlement: Some(SettlementClass::Village),
    };
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "норма — urban (100), rural (50) или число Мбит/с от 0.1 до 5000 / a target is urban, rural or a number of Mbit/s from 0.1 to 5000"
)]
pub struct TargetError;

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text {
            "urban" => Ok(Self::URBAN),
            "rural" => Ok(Self::RURAL),
            number => {
                let megabits: f64 = number.replace(',', ".").parse().map_err(|_| TargetError)?;
                if !(0.1..=5_000.0).contains(&megabits) {
                    return Err(TargetError);
                }
                Ok(Self {
                    kbps: (megabits * 1_000.0).round() as u32,
                    settlement: None,
                })
            }
        }
    }
}

/// One measurement that was asked for.
#[derive(Debug, Clone)]
pub struct Check {
    pub server: SocketAddr,
    pub direction: Direction,
    pub target: Target,
    pub drain: DrainMode,
    pub deep: bool,
    pub token: Option<LeaseToken>,
    /// Somebody says that no other computer uses the line now.
    pub alone: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Checked {
    pub measurement: Measurement,
    /// Why nothing was measured.
    pub failure: Option<Failure>,
}

/// Measures once; `progress` is told how far it is, of a hundred.
///
/// # Errors
/// When this computer cannot send datagrams at all.
pub fn check(check: &Check, interfaces: &Interfaces, progress: &mut dyn FnMut(u8)) -> Result<Checked, ProbeError> {
    let plan = plan(check);
    let claim = check.token.as_ref().map_or_else(Claim::default, |token| token.lease().claim());
    let started = now();
    let before = carrying(check.server, interfaces);
    let busy_before = Load::now();
    let outcome = client::measure(
        Question {
            server: check.server,
            token: check.token.clone(),
            claim,
            direction: check.direction,
            plan,
        },
        progress,
    );
    let busy = busy_before.zip(Load::now());
    let after = carrying(check.server, interfaces);
    let failure = match &outcome {
        Err(ProbeError::Failed(failure)) => Some(*failure),
        Err(_) => return Err(outcome.expect_err("it failed")),
        Ok(_) => None,
    };
    let seen = Circumstances {
        claim,
        occasion: Occasion::OnDemand,
        settlement: check.target.settlement,
        direction: check.direction,
        server: check.server,
        plan,
        started,
        ended: now(),
        before: before.reading,
        after: after.reading.filter(|_| before.name == after.name),
        busy,
        siblings: check.alone.then(nobody),
        server_is_there: failure == Some(Failure::NoAnswer) && answers_by_tcp(check.server),
    };
    Ok(Checked {
        measurement: record(&outcome, check.token.as_ref(), &seen),
        failure,
    })
}

/// What is sent: as deep as asked, and no more than the lease allows.
fn plan(check: &Check) -> Plan {
    let plan = Plan::for_target(check.target.kbps).with_drain(check.drain);
    if check.deep { plan.deep() } else { plan }
}

#[derive(Debug, Default)]
struct Carrying {
    name: Option<String>,
    reading: Option<Reading>,
}

/// The interface that leads to the server.
fn carrying(server: SocketAddr, interfaces: &Interfaces) -> Carrying {
    let name = client::address_towards(server).ok().and_then(interface::with_address);
    let reading = name.as_deref().and_then(|name| interfaces.read(name));
    Carrying { name, reading }
}

/// Whether something listens there by TCP: then the server is there, and datagrams do not pass.
fn answers_by_tcp(server: SocketAddr) -> bool {
    TcpStream::connect_timeout(&server, REACHED_WITHIN).is_ok()
}

/// Nobody else was there to take anything.
fn nobody() -> SiblingTraffic {
    SiblingTraffic {
        bytes: Bytes::default(),
        siblings: Count::default(),
        missing: Count::default(),
    }
}

fn now() -> MeasuredAt {
    MeasuredAt {
        device: platform::wall_clock(),
        trusted: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_class_or_a_number() {
        let target = |text: &str| text.parse::<Target>();
        assert_eq!(target("urban").unwrap().kbps, 100_000);
        assert_eq!(target("rural").unwrap().kbps, 50_000);
        assert_eq!(target("49,75").unwrap().kbps, 49_750);
        assert_eq!(target("1000").unwrap().settlement, None);
        for wrong in ["", "fast", "0", "-5", "6000", "NaN", "inf"] {
            assert_eq!(target(wrong), Err(TargetError), "{wrong}");
        }
    }
}
