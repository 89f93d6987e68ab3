//! The agent against real TLS, real proxies and real refusals, all on loopback.
#![allow(clippy::unwrap_used)]

mod doctor;
mod enrollment;
mod proxy;
mod server;
mod transport;
