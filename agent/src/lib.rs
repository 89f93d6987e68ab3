//! The agent.

pub mod clock;
pub mod ledger;
pub mod platform;
pub mod reconciler;
