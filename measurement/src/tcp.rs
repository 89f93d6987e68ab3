//! The method `tcp`: eight streams at once, for lines on which datagrams do not pass.
//!
//! A single stream tells how patient its congestion control is; eight with BBR at the sender come within a per cent
//! of the line even where packets are lost. Still, a shortfall may be TCP's: this method can only prove «meets».
//!
//! Each stream is an HTTP/1.1 request that is upgraded to bare load, so that it goes wherever agents reach a
//! controller: `GET /measure/tcp/{download|upload}?stream=I&of=N`, `Upgrade: cos-load`, the lease as a bearer token.
//! Down, the server sends random bytes until its time is over and closes. Up, it says every 50 ms by its own clock how
//! much has arrived ([`arrivals`]): bytes in the sender's socket are no load that a line carried.
//!
//! | Decision (pure) | Who performs it |
//! |---|---|
//! | [`steady`]: from when on do rates agree? | [`client`] |
//! | [`arrivals`]: what servers say of uploads, and the streams' sum | [`client`], [`server`] |

pub mod arrivals;
pub mod client;
pub mod server;
pub mod steady;

use std::time::Duration;

pub const PATH: &str = "/measure/tcp/";
pub const DOWNLOAD_PATH: &str = "/measure/tcp/download";
pub const UPLOAD_PATH: &str = "/measure/tcp/upload";
/// What connections are upgraded to.
pub const PROTOCOL: &str = "cos-load";
/// The header in which a server names its congestion control.
pub const CONGESTION_HEADER: &str = "cos-congestion";

pub const STREAMS: u8 = 8;
/// Beyond it nothing of a measurement is left, whatever a lease says.
pub const LONGEST: Duration = Duration::from_secs(15);
/// The bins of a record.
pub const BIN: Duration = Duration::from_millis(50);
