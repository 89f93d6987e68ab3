//! One region's server: it enrolls agents, keeps what they report, and shows it to people.

pub mod authority;
pub mod config;
pub mod tls;
