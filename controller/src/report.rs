//! Intake of reports: validated one by one, judged against their chain, committed in groups.

pub mod chain;
