//! The agent against real TLS, real proxies and real refusals, all on loopback.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod doctor;
mod enrollment;
mod proxy;
mod server;
mod transport;
