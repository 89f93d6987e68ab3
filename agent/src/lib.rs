//! The agent.

pub mod clock;
pub mod config;
pub mod durable_file;
pub mod enrollment;
pub mod identity;
pub mod language;
pub mod ledger;
pub mod platform;
pub mod reconciler;
pub mod spool;
pub mod transport;
