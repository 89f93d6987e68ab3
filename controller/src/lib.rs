//! One region's server: enrolls agents, keeps their reports, shows them to people.

pub mod register;
