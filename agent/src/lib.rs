//! The agent: a program on each classroom computer that observes it and reports to its region's controller.
//!
//! # The life of an agent
//!
//! ```text
//! unenrolled ──token──▶ requested ──certificate──▶ enrolled ──▶ left
//!                                                     ▲ │
//!                                                     │ ▼
//!                                                 quarantined
//! ```
//!
//! *Unenrolled*, it can show what it sees ([`inventory`]) and nothing more. With a token it makes its key and
//! asks for a certificate; *enrolled*, it checks in, reports what changed and waits. *Quarantined*, its key may be
//! another computer's: it signs nothing and asks the controller, which lets it go on or gives it a key and a
//! device of its own ([`rekey`]). *Left*, its key is gone.
//!
//! # Reading order
//!
//! [`inventory`] is what the agent knows of the computer; [`platform`] is what it asks the operating system.
//! Decisions take values and `now` and return values; files, sockets and clocks are touched by the shell
//! alone. The agent knows nothing of schools, contracts or targets: those are the controller's words.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod activity;
pub mod carry;
pub mod cli;
pub mod clock;
pub mod config;
pub mod doctor;
pub mod durable_file;
pub mod enrollment;
pub mod eventloop;
pub mod faults;
pub mod first_start;
pub mod identity;
pub mod inventory;
pub mod kept_evidence;
pub mod language;
pub mod ledger;
pub mod line;
pub mod platform;
pub mod privileged;
pub mod reconciler;
pub mod rekey;
pub mod sealed;
pub mod spool;
pub mod transport;
