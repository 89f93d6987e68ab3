//! A LibreSpeed client, for the servers that regions already have.
//!
//! LibreSpeed fetches and posts over HTTP with several streams. Its web page multiplies by 1.06 for what it believes
//! headers cost; its command-line client does not, and neither does this one: the raw number is what arrived over the
//! time after its grace. What that is worth at the IP layer comes from the kernel's figures. Advisory, beside the
//! probe.
//!
//! | Decision (pure) | Who performs it |
//! |---|---|
//! | [`servers`]: where a backend's parts may be, and lists of servers | [`client`] |

pub mod client;
pub mod servers;

use std::time::Duration;

/// Streams, and how long after each other they begin, as LibreSpeed's page has it.
pub const DOWNLOAD_STREAMS: u8 = 6;
pub const UPLOAD_STREAMS: u8 = 3;
pub const APART: Duration = Duration::from_millis(300);
/// What is not counted at the beginning.
pub const DOWNLOAD_GRACE: Duration = Duration::from_millis(1_500);
pub const UPLOAD_GRACE: Duration = Duration::from_secs(3);
/// What is counted after it.
pub const COUNTED: Duration = Duration::from_secs(10);
/// MiB of one download, and bytes of one upload.
pub const CHUNKS: u32 = 100;
pub const UPLOAD_BYTES: u64 = 20 << 20;
