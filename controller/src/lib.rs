//! One region's server: it enrolls agents, keeps their signed reports, and shows them to people.

pub mod authority;
pub mod group_commit;
pub mod report;
pub mod store;
pub mod wake;
