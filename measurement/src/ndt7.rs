//! ndt7, the published protocol of Measurement Lab: one TCP stream within a WebSocket, one direction at a time.
//!
//! So that any ndt7 client can measure against a controller, and an agent against any ndt7 server. What it shows is
//! how fast one TCP connection was: advisory, beside the probe.
//!
//! | Decision (pure) | Who performs it |
//! |---|---|
//! | [`request`]: may this request begin a test? | [`server`] |
//! | [`exchange`]: what is sent next, and what does it mean that something arrived? | [`session`], for both sides |
//! | [`message`]: measurements as JSON, read leniently | [`exchange`] |
//! | [`pace`]: how long messages are, and when measurements are due | [`exchange`] |
//!
//! A peer that does not keep to the protocol is closed with a code of WebSocket and costs nothing but its own test.
//! Where the specification lets a receiver choose, this one is lenient: binary messages of any length up to 16 MiB
//! are counted, and fields of measurements that cannot be read are absent.

pub mod client;
pub mod exchange;
pub mod message;
pub mod pace;
pub mod request;
pub mod server;
pub mod session;

use std::time::Duration;

/// What both sides must name in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "net.measurementlab.ndt.v7";
pub const DOWNLOAD_PATH: &str = "/ndt/v7/download";
pub const UPLOAD_PATH: &str = "/ndt/v7/upload";

/// How long load flows.
pub const LOAD_TIME: Duration = Duration::from_secs(10);
/// After which either side may close a test that does not end.
pub const PATIENCE: Duration = Duration::from_secs(13);
/// After which nothing of a test is left.
pub const HARD_END: Duration = Duration::from_secs(15);
/// The longest message that a receiver must accept.
pub const MAX_MESSAGE_BYTES: u64 = 1 << 24;
/// Measurements in a second, at most.
pub const MOST_MEASUREMENTS_A_SECOND: u32 = 10;
