//! The server's side of the method `tcp`: each stream a request that is upgraded to bare load.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use inventory_schema::Timestamp;
use inventory_schema::measurement::Direction;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::arrivals::Arrival;
use super::{BIN, CONGESTION_HEADER, DOWNLOAD_PATH, LONGEST, PROTOCOL, UPLOAD_PATH};
use crate::admission::{Admission, Part, Permit};
use crate::lease::Refusal;
use crate::load;
use crate::ndt7::request::{judge_query_pairs, names};
use crate::ndt7::server::{explain, refused_status, wire_of};

/// How long a client may take from the answer to the handed over connection.
const HANDOVER: Duration = Duration::from_secs(5);
/// What is written or read at once.
const PART_BYTES: usize = 64 << 10;
/// Whoever does not take 16 bytes in this time is gone.
const TAKES_ARRIVALS: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct Server {
    admission: Arc<Admission>,
}

/// A stream that was asked for rightly.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    direction: Direction,
    part: Part,
    token: Option<String>,
}

impl Server {
    pub fn new(admission: Arc<Admission>) -> Self {
        Self { admission }
    }

    /// Answers a request below [`super::PATH`]; with 101 load flows. Must be called within a runtime.
    pub fn answer<B>(&self, request: Request<B>, peer: SocketAddr, now: Timestamp) -> Response<String> {
        let (mut head, _) = request.into_parts();
        match self.begin(&mut head, peer, now) {
            Ok(()) => switching(),
            Err(no) => *no,
        }
    }

    fn begin(&self, head: &mut Parts, peer: SocketAddr, now: Timestamp) -> Result<(), Box<Response<String>>> {
        let asked = judge(head).map_err(|status| bare(status, "no stream can begin so"))?;
        let upgrade = head.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| bare(StatusCode::UPGRADE_REQUIRED, "this connection cannot be handed over"))?;
        let admitted = self.admission.admit(asked.token.as_deref(), asked.direction, asked.part, now);
        let permit = admitted.map_err(refused)?;
        tokio::spawn(async move {
            let Ok(Ok(upgraded)) = tokio::time::timeout(HANDOVER, upgrade).await else {
                tracing::debug!(peer.address = %peer, "the connection for a stream was not handed over");
                return;
            };
            let wire = wire_of(upgraded);
            let longest = permit.window.map_or(LONGEST, |window| window.min(LONGEST));
            let carrying = async {
                match asked.direction {
                    Direction::Down => send(wire.io, &permit, longest).await,
                    Direction::Up => receive(wire.io, wire.early.len() as u64, &permit, longest).await,
                }
            };
            // A stream ends itself; whoever does not take what is sent is left after a while.
            let _ = tokio::time::timeout(longest + HANDOVER, carrying).await;
        });
        Ok(())
    }
}

fn judge(head: &Parts) -> Result<Asked, StatusCode> {
    let direction = match head.uri.path() {
        DOWNLOAD_PATH => Direction::Down,
        UPLOAD_PATH => Direction::Up,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    if head.method != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if !names(&head.headers, &header::CONNECTION, "upgrade") || !names(&head.headers, &header::UPGRADE, PROTOCOL) {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let pairs = judge_query_pairs(head.uri.query().unwrap_or_default()).map_err(|_| StatusCode::BAD_REQUEST)?;
    let number = |name: &str| pairs.get(name).and_then(|value| value.parse().ok());
    let part = match (number("stream"), number("of")) {
        (Some(stream), Some(streams)) => Part { stream, streams },
        _ => return Err(StatusCode::BAD_REQUEST),
    };
    Ok(Asked {
        direction,
        part,
        token: bearer(&head.headers),
    })
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|token| token.trim().to_owned())
}

/// Random bytes until the time is over or nobody takes them.
async fn send(mut io: impl AsyncWrite + Unpin, permit: &Permit, longest: Duration) -> std::io::Result<()> {
    let ends = Instant::now() + longest;
    let mut from = 0;
    while Instant::now() < ends {
        let part = &load::block()[from..from + PART_BYTES];
        let written = io.write(part).await?;
        if written == 0 {
            break;
        }
        from = (from + written) % (load::BLOCK_BYTES - PART_BYTES);
        tokio::time::sleep_until(permit.draw(written, Instant::now()).into()).await;
    }
    io.flush().await?;
    io.shutdown().await
}

/// Counts what comes and says so, until it ends or the time is over.
async fn receive(io: impl AsyncRead + AsyncWrite, early: u64, permit: &Permit, longest: Duration) -> std::io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(io);
    let ends = Instant::now() + longest;
    let mut bytes = vec![0; PART_BYTES];
    let (mut total, mut read_at) = (early, Instant::now());
    let mut ticks = tokio::time::interval(BIN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while Instant::now() < ends {
        let may_read = read_at <= Instant::now();
        tokio::select! {
            read = reader.read(&mut bytes), if may_read => match read? {
                0 => break,
                read => {
                    total += read as u64;
                    read_at = permit.draw(read, Instant::now());
                }
            },
            _ = ticks.tick() => say(&mut writer, total).await?,
            () = tokio::time::sleep_until(read_at.into()), if !may_read => {}
        }
    }
    say(&mut writer, total).await?;
    writer.shutdown().await
}

async fn say(writer: &mut (impl AsyncWrite + Unpin), bytes: u64) -> std::io::Result<()> {
    let arrival = Arrival { at: clock(), bytes };
    let saying = async {
        writer.write_all(&arrival.encode()).await?;
        writer.flush().await
    };
    let said = tokio::time::timeout(TAKES_ARRIVALS, saying).await;
    said.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

/// One clock for all streams of this server.
fn clock() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn switching() -> Response<String> {
    let mut response = *bare(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
    let congestion = congestion_control();
    if let Some(congestion) = congestion.and_then(|name| HeaderValue::from_str(name).ok()) {
        headers.insert(CONGESTION_HEADER, congestion);
    }
    response
}

/// What this kernel gives to a socket that asks for BBR; asked once.
fn congestion_control() -> Option<&'static str> {
    static NAME: OnceLock<Option<String>> = OnceLock::new();
    let name = NAME.get_or_init(|| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
        let available = read("tcp_available_congestion_control")?;
        let bbr = available.split_whitespace().any(|name| name == "bbr");
        if bbr {
            Some("bbr".to_owned())
        } else {
            Some(read("tcp_congestion_control")?.trim().to_owned())
        }
    });
    name.as_deref()
}

fn bare(status: StatusCode, text: &str) -> Box<Response<String>> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    Box::new(response)
}

fn refused(refusal: Refusal) -> Box<Response<String>> {
    let mut response = bare(refused_status(refusal), &format!("{refusal}\n"));
    explain(response.headers_mut(), refusal);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str) -> Parts {
        let request = Request::get(target)
            .header("Connection", "Upgrade")
            .header("Upgrade", PROTOCOL)
            .header("Authorization", "Bearer cosm1.x ");
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_stream_names_itself() {
        let asked = judge(&head("/measure/tcp/upload?stream=3&of=8")).unwrap();
        assert_eq!((asked.direction, asked.token.as_deref()), (Direction::Up, Some("cosm1.x")));
        assert_eq!(asked.part, Part { stream: 3, streams: 8 });
        for (target, status) in [
            ("/measure/tcp/upload", 400),
            ("/measure/tcp/upload?stream=3", 400),
            ("/measure/tcp/upload?stream=-1&of=8", 400),
            ("/measure/tcp/upload?stream=1&stream=2&of=8", 400),
            ("/measure/tcp/both?stream=1&of=8", 404),
        ] {
            assert_eq!(judge(&head(target)).unwrap_err().as_u16(), status, "{target}");
        }
        let mut plain = head("/measure/tcp/upload?stream=3&of=8");
        plain.headers.remove("upgrade");
        assert_eq!(judge(&plain).unwrap_err(), StatusCode::UPGRADE_REQUIRED);
    }
}
