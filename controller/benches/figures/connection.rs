//! What a new connection costs, with a full handshake of mutual TLS and with a resumed one: a check-in on each.

use crate::Outcome;
use crate::check_in::small_check_in;
use crate::client::{Client, Target};
use crate::figure::{Figure, Rounds, Table};
use crate::load::drive;
use crate::pair::{Pair, round};

const AT_ONE_TIME: usize = 64;

pub async fn figures(pair: &Pair, table: &mut Table) -> Outcome {
    let bare = |path| -> Outcome<Vec<Visitor>> {
        let request = |number| String::from_utf8_lossy(&small_check_in(number)).replacen("/check-in", path, 1);
        (0..AT_ONE_TIME)
            .map(|number| Ok(Visitor::new(pair.the_bare(0, false)?, request(number).into(), false)))
            .collect()
    };
    let (mut ours, mut resuming, mut durable, mut without) =
        (visitors(pair, false)?, visitors(pair, true)?, bare("/check-in")?, bare("/ping")?);
    let full = Rounds::alternate(
        async || drive(&pair.ours, &mut ours, round()).await,
        async || drive(&pair.bare, &mut durable, round()).await,
    )
    .await?;
    let figure = Figure {
        cpu_bound: Some(1.25),
        ..Figure::named("check-ins on a new connection, full mutual TLS")
    };
    table.rates(&figure, &full);
    let resumed = Rounds::alternate(
        async || drive(&pair.ours, &mut resuming, round()).await,
        async || drive(&pair.ours, &mut ours, round()).await,
    )
    .await?;
    let figure = Figure {
        bound: Some(1.3),
        ..Figure::named("the same resumed, against full")
    };
    table.rates(&figure, &resumed);
    let reference = Rounds::alternate(
        async || drive(&pair.bare, &mut durable, round()).await,
        async || drive(&pair.bare, &mut without, round()).await,
    )
    .await?;
    let figure = Figure {
        known_micros: Some(254.0),
        ..Figure::named("the reference's own: durable, against no database")
    };
    table.rates(&figure, &reference);
    Ok(())
}

fn visitors(pair: &Pair, resume: bool) -> Outcome<Vec<Visitor>> {
    let devices = pair.devices[..AT_ONE_TIME].iter();
    devices
        .map(|device| Ok(Visitor::new(pair.our(device, resume)?, device.check_in(0)?, resume)))
        .collect()
}

/// Connects, asks once, goes away.
struct Visitor {
    target: Target,
    request: Vec<u8>,
    resumes: bool,
    came_before: bool,
}

impl Visitor {
    fn new(target: Target, request: Vec<u8>, resumes: bool) -> Self {
        Self {
            target,
            request,
            resumes,
            came_before: false,
        }
    }
}

impl Client for Visitor {
    async fn act(&mut self) -> Outcome<bool> {
        let mut connection = self.target.connect().await?;
        connection.ask(&self.request).await?;
        if self.resumes && self.came_before && !connection.was_resumed() {
            return Err("the session was not resumed".into());
        }
        self.came_before = true;
        Ok(true)
    }
}
