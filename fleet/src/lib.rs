//! A simulated fleet: thousands of real agent cores in one process against a real controller in another.
//!
//! A tool of this repository's own; it reaches no school. It may use both programs, and neither knows it, so
//! that the rule holds that agent and controller never import each other.
//!
//! | Real | Simulated |
//! |---|---|
//! | the agent's core, enrollment, key, certificates, connection, signatures | the disk ([`spool`]): memory that can be cut or restored |
//! | the controller, its database, its TLS | the hardware ([`hardware`]): drawn at counted rates, as real documents |
//! | loopback TCP, through proxies that misbehave ([`proxy`]) | time ([`time`]): a pace, and clocks that jump |
//!
//! What happens is drawn from a seed before anything runs ([`plan`]); [`run`] carries it out; at the end
//! [`verdict`] holds what every computer saw against the database. Start with [`run::run`], then
//! [`computer`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod computer;
pub mod dice;
pub mod hardware;
pub mod herd;
pub mod observer;
pub mod plan;
pub mod proxy;
pub mod record;
pub mod region;
pub mod run;
pub mod spool;
pub mod summary;
pub mod time;
pub mod verdict;
