//! One region's server: enrolls agents, keeps their signed reports, shows them to people.

pub mod group_commit;
pub mod report;
pub mod wake;
