//! 40 KB inventories per second, signed, each with a software list that is held nowhere yet: with all sections, as a new
//! device sends it, and with that list alone, as it is sent when a package changed.

use std::collections::VecDeque;

use crate::Outcome;
use crate::client::{Client, Connection, request};
use crate::device::{Device, Head, plain_inventory};
use crate::figure::{Figure, Rounds, Table};
use crate::load::drive;
use crate::pair::{Pair, round};

/// Of each figure; those devices serve no other.
pub const AT_ONE_TIME: usize = 64;
/// Of each device and round: more than it can send.
const REPORTS: u64 = 150;

pub async fn figures(pair: &mut Pair, table: &mut Table) -> Outcome {
    figure(pair, true, table).await?;
    figure(pair, false, table).await
}

async fn figure(pair: &mut Pair, whole: bool, table: &mut Table) -> Outcome {
    let (packed, bytes) = plain_inventory(1)?;
    println!("an inventory has {bytes} bytes, {} as the reference receives it", packed.len());
    let mut plain = Vec::new();
    for number in 0..AT_ONE_TIME {
        plain.push(Plain {
            connection: pair.the_bare(0, false)?.connect().await?,
            request: request(
                &format!("/inventory?device={number}"),
                "content-type: application/octet-stream\r\n",
                &packed,
            ),
        });
    }
    let mut devices: Vec<Device> = pair.devices.drain(..AT_ONE_TIME).collect();
    let mut rounds = Rounds::default();
    for number in 0..crate::figure::rounds() {
        rounds.other.push(drive(&pair.bare, &mut plain, round()).await?);
        let mut reporters = Vec::new();
        for mut device in devices.drain(..) {
            let connection = pair.our(&device, false)?.connect().await?;
            let (sent, held) = (device.head, (2 * number as u64 + u64::from(whole)) * REPORTS);
            let reports = (1..=REPORTS)
                .map(|change| device.next_inventory(held + change, whole))
                .collect::<Outcome<VecDeque<_>>>()?;
            device.head = sent;
            reporters.push(Reporter {
                connection,
                device,
                reports,
            });
        }
        rounds.ours.push(drive(&pair.ours, &mut reporters, round()).await?);
        devices.extend(reporters.into_iter().map(|reporter| reporter.device));
    }
    let figure = Figure {
        bound: Some(0.6),
        ..Figure::named(format!(
            "40 KB inventories, {}, {}",
            if whole { "all sections" } else { "one section" },
            pair.engine.name()
        ))
    };
    table.rates(&figure, &rounds);
    Ok(())
}

/// Sends the first inventory of every device that has sent none, measuring nothing.
pub async fn introduce_all(pair: &mut Pair) -> Outcome {
    let all = std::mem::take(&mut pair.devices);
    let (mut newcomers, known): (Vec<Device>, Vec<Device>) = all.into_iter().partition(|device| device.head.is_none());
    pair.devices = known;
    while !newcomers.is_empty() {
        let some = newcomers.len().min(AT_ONE_TIME);
        introduce(pair, newcomers.drain(..some).collect()).await?;
    }
    Ok(())
}

async fn introduce(pair: &mut Pair, newcomers: Vec<Device>) -> Outcome {
    let mut reporters = Vec::new();
    for mut device in newcomers {
        let connection = pair.our(&device, false)?.connect().await?;
        let reports = VecDeque::from([device.inventory()?]);
        reporters.push(Reporter {
            connection,
            device,
            reports,
        });
    }
    drive(&pair.ours, &mut reporters, std::time::Duration::from_secs(60)).await?;
    pair.devices.extend(reporters.into_iter().map(|reporter| reporter.device));
    Ok(())
}

struct Reporter {
    connection: Connection,
    device: Device,
    reports: VecDeque<(Vec<u8>, Head)>,
}

impl Client for Reporter {
    async fn act(&mut self) -> Outcome<bool> {
        let Some((request, head)) = self.reports.pop_front() else {
            return Ok(false);
        };
        let answer = std::str::from_utf8(self.connection.ask(&request).await?)?;
        if !answer.contains(r#""outcome":"stored""#) {
            return Err(answer.into());
        }
        self.device.head = Some(head);
        Ok(true)
    }
}

struct Plain {
    connection: Connection,
    request: Vec<u8>,
}

impl Client for Plain {
    async fn act(&mut self) -> Outcome<bool> {
        self.connection.ask(&self.request).await?;
        Ok(true)
    }
}
