//! Durable check-ins per second over connections that stay open; and the same while every fsync takes 5 ms more.

use crate::Outcome;
use crate::client::{Client, Connection, request};
use crate::figure::{Figure, Rounds, Table};
use crate::load::drive;
use crate::pair::{Engine, Pair, round};
use crate::process::SlowDisk;

/// Open requests, one on each connection.
pub const AT_ONE_TIME: usize = 256;

pub async fn figures(pair: &mut Pair, slow: &SlowDisk, table: &mut Table) -> Outcome {
    let (mut ours, mut bare) = (callers(pair).await?, Vec::new());
    for number in 0..AT_ONE_TIME {
        bare.push(Caller {
            connection: pair.the_bare(0, false)?.connect().await?,
            request: small_check_in(number),
        });
    }
    let rounds = Rounds::alternate(
        async || drive(&pair.ours, &mut ours, round()).await,
        async || drive(&pair.bare, &mut bare, round()).await,
    )
    .await?;
    let figure = Figure {
        bound: Some(0.7),
        cpu_bound: Some(1.4),
        known_micros: Some(if pair.engine == Engine::Sqlite { 22.0 } else { 27.0 }),
        ..Figure::named(format!("check-ins, {}", pair.engine.name()))
    };
    table.rates(&figure, &rounds);
    let mut slowed = Rounds::default();
    for _ in 0..crate::figure::rounds() {
        slowed.other.push(drive(&pair.ours, &mut ours, round()).await?);
        slow.set(true)?;
        slowed.ours.push(drive(&pair.ours, &mut ours, round()).await?);
        slow.set(false)?;
    }
    let figure = Figure {
        bound: Some(0.5),
        ..Figure::named(format!(
            "check-ins with 5 ms more per fsync, against without, {}",
            pair.engine.name()
        ))
    };
    table.rates(&figure, &slowed);
    Ok(())
}

async fn callers(pair: &Pair) -> Outcome<Vec<Caller>> {
    let mut callers = Vec::new();
    for device in &pair.devices[..AT_ONE_TIME] {
        callers.push(Caller {
            connection: pair.our(device, false)?.connect().await?,
            request: device.check_in(0)?,
        });
    }
    Ok(callers)
}

/// 180 bytes of JSON, as the known figures were taken with.
pub fn small_check_in(device: usize) -> Vec<u8> {
    let mut body = format!(
        r#"{{"device":{device},"agent":"0.1.0","sequence":12,"spool":0,"held":"sha256:{:064x}","note":""#,
        device
    );
    while body.len() < 178 {
        body.push('.');
    }
    body.push_str("\"}");
    request("/check-in", "content-type: application/json\r\n", body.as_bytes())
}

struct Caller {
    connection: Connection,
    request: Vec<u8>,
}

impl Client for Caller {
    async fn act(&mut self) -> Outcome<bool> {
        self.connection.ask(&self.request).await?;
        Ok(true)
    }
}
