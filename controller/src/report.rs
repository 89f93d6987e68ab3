//! Intake of reports: validated one by one, judged against their chain, committed in groups.

pub mod chain;
pub mod intake;
pub mod summary;
pub mod validate;
