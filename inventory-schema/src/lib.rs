//! The words that agents and the controller share: documents, digests, signatures.
//!
//! | Document | Sent by | Module |
//! |---|---|---|
//! | inventory sections | agent | [`inventory`] |
//! | signed envelope, report batch and its answers | both | [`envelope`], [`report`] |
//! | when the computer ran on one day | agent | [`activity`] |
//! | token and the question about it, enrollment, receipt, renewal, another key | both | [`enrollment`] |
//! | check-in and its answer, signed time | both | [`check_in`] |
//! | carried request, carried answer (no network) | both | [`carry`] |
//! | measurement of a line | agent | [`measurement`] |
//! | problem (every refusal) | controller | [`problem`] |
//! | computers as GLPI's inventory format tells of them | agent, other systems | [`glpi`] |
//!
//! This crate does no IO: it knows no socket, file, clock, environment or database, and it decides
//! nothing about people or schools. What it does decide is what a well-formed value is: every string in a
//! document is a type with an alphabet, a length and a source ([`text`]), every number a quantity with a
//! unit ([`quantity`]). A value that violates its type cannot be built, on either side.
//!
//! # Adding a version
//!
//! A document carries its version in `format` (`"memory/1"`). A released version is frozen: to change a
//! section, copy its type beside the old one under the next number, convert neighbours with `From`, add a
//! sample under `examples/`, run `make schema`. Samples of released versions must read for ever
//! (`tests/compatibility.rs`). In reports unknown fields are kept and listed
//! ([`report::unknown_fields`]); in profiles and assignments they refuse.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activity;
pub mod canonical;
pub mod carry;
pub mod check_in;
pub mod device;
pub mod enrollment;
pub mod envelope;
pub mod glpi;
pub mod inventory;
pub mod jedec;
pub mod likeness;
pub mod measurement;
pub mod organization;
pub mod person_name;
pub mod placeholder;
pub mod problem;
pub mod quantity;
pub mod report;
pub mod section;
pub mod signature;
pub mod text;
pub mod timestamp;
pub mod verdict;

pub use canonical::{CanonicalBytes, Digest};
pub use device::{DeviceId, KeyFingerprint};
pub use envelope::Envelope;
pub use inventory::Inventory;
pub use organization::{BuildingId, OrganizationId, RegionId, RoomId};
pub use section::{Section, SectionName};
pub use timestamp::{Day, Timestamp};
