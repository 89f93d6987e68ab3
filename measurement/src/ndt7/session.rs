//! Carries one test over one connection: reads, writes, waits, asks the kernel. Decides nothing.
//!
//! One task reads and writes at once, so that answers are heard while load flows. Whoever is admitted with a rate
//! draws from it before more is carried: what is not read fills the socket, and TCP tells the sender.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::exchange::{Counted, Ended, Exchange, Piece};
use crate::admission::Permit;
use crate::load;
use crate::reach::Wire;
use crate::tcp_info::{self, TcpInfo};

/// What is read at once.
const READ_BYTES: usize = 64 << 10;
/// What is written at once, so that a rate is kept and not overtaken.
const WRITE_BYTES: usize = 64 << 10;
/// How long the other side has to close the connection after both farewells.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What one side knows in the end.
#[derive(Debug, Clone)]
pub struct Carried {
    pub counted: Counted,
    /// The kernel's figures when load began and when it ended.
    pub before: Option<TcpInfo>,
    pub after: Option<TcpInfo>,
}

/// What is being written.
#[derive(Debug, Default)]
struct Outgoing {
    whole: Vec<u8>,
    written: usize,
    /// Bytes of load that follow, and how many of them have gone.
    load: usize,
    gone: usize,
    unflushed: bool,
}

impl Outgoing {
    fn take(&mut self, piece: Piece) {
        (self.written, self.gone) = (0, 0);
        (self.whole, self.load) = match piece {
            Piece::Whole(bytes) => (bytes, 0),
            Piece::Load { head, length } => (head, length),
        };
    }

    fn is_empty(&self) -> bool {
        self.written == self.whole.len() && self.gone == self.load
    }

    fn part(&self) -> &[u8] {
        if self.written < self.whole.len() {
            return &self.whole[self.written..];
        }
        let from = self.gone % load::BLOCK_BYTES;
        let length = (self.load - self.gone).min(WRITE_BYTES).min(load::BLOCK_BYTES - from);
        &load::block()[from..from + length]
    }

    /// Notes what was written, and says how much of it was load.
    fn advance(&mut self, bytes: usize) -> usize {
        self.unflushed = true;
        if self.written < self.whole.len() {
            self.written += bytes;
            return 0;
        }
        self.gone += bytes;
        bytes
    }
}

/// Runs the test to its end. `is_server`: this side closes the connection, the other waits for that.
pub async fn run(wire: Wire, mut exchange: Exchange, permit: Option<&Permit>, is_server: bool) -> Carried {
    let began = Instant::now();
    let ends = wire.ends;
    let kernel = || ends.and_then(|ends| tcp_info::read(ends).ok().flatten());
    let before = kernel();
    let (mut reader, mut writer) = tokio::io::split(wire.io);
    exchange.arrived(&wire.early, Duration::ZERO);
    let (mut read_at, mut write_at) = (began, began);
    let mut bytes = vec![0; READ_BYTES];
    let mut out = Outgoing::default();
    let after = loop {
        let now = began.elapsed();
        // Before the end is looked at: the last measurement is the summary.
        if exchange.measurement_is_due(now) {
            let chance = u32::from_be_bytes(crate::lease::random());
            exchange.measure(kernel().as_ref(), chance, now);
        }
        exchange.look(now);
        if exchange.over().is_some() {
            break kernel();
        }
        if out.is_empty()
            && let Some(piece) = exchange.next(now)
        {
            out.take(piece);
        }
        let instant = Instant::now();
        let may_read = read_at <= instant;
        let may_write = !out.is_empty() && (write_at <= instant || out.load == 0);
        let flushes = out.unflushed && out.is_empty();
        let waits = [read_at, write_at].into_iter().filter(|at| *at > instant);
        let wake = waits.fold(began + exchange.wakes_at(), Instant::min);
        tokio::select! {
            read = reader.read(&mut bytes), if may_read => match read {
                Ok(read) if read > 0 => {
                    exchange.arrived(&bytes[..read], began.elapsed());
                    if let Some(permit) = permit {
                        read_at = permit.draw(read, Instant::now());
                    }
                }
                _ => exchange.lost(),
            },
            pushed = push(&mut writer, &out), if may_write || flushes => match pushed {
                Ok(0) => out.unflushed = false,
                Ok(written) => {
                    let load = out.advance(written);
                    exchange.load_written(load, began.elapsed());
                    if let Some(permit) = permit.filter(|_| load > 0) {
                        write_at = permit.draw(load, Instant::now());
                    }
                }
                Err(_) => exchange.lost(),
            },
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    };
    let elapsed = began.elapsed();
    if !matches!(exchange.over(), Some(Ended::Lost | Ended::TooLate)) {
        // What is said last is said in vain to whoever does not listen.
        let farewell = say_last(&mut exchange, &mut out, &mut writer, elapsed, is_server);
        let _ = tokio::time::timeout(LAST_WORD, farewell).await;
        if !is_server {
            let end = async { while matches!(reader.read(&mut bytes).await, Ok(read) if read > 0) {} };
            let _ = tokio::time::timeout(LAST_WORD, end).await;
        }
    }
    Carried {
        counted: exchange.finding(elapsed),
        before,
        after,
    }
}

/// Writes a part, or where nothing is left to write makes sure that all of it has gone: 0. Given up it has done nothing.
async fn push(writer: &mut (impl AsyncWrite + Unpin), out: &Outgoing) -> io::Result<usize> {
    if out.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(out.part()).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// Writes what waits, the close frame above all, and as a server the connection's end.
async fn say_last(
    exchange: &mut Exchange,
    out: &mut Outgoing,
    writer: &mut (impl AsyncWrite + Unpin),
    now: Duration,
    is_server: bool,
) -> io::Result<()> {
    loop {
        while !out.is_empty() {
            let written = writer.write(out.part()).await?;
            out.advance(written);
        }
        match exchange.next(now) {
            Some(piece) => out.take(piece),
            None => break,
        }
    }
    writer.flush().await?;
    if is_server { writer.shutdown().await } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_longer_than_the_block_is_written_in_parts() {
        let mut out = Outgoing::default();
        assert!(out.is_empty());
        out.take(Piece::Load {
            head: vec![1; 10],
            length: 3 << 20,
        });
        let (mut load, mut all) = (0, 0);
        while !out.is_empty() {
            let part = out.part().len().min(50_000);
            all += part;
            load += out.advance(part);
        }
        assert_eq!((load, all), (3 << 20, (3 << 20) + 10));
    }
}
