//! Many clients at once, for a while, and what that cost the server.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::client::Client;
use crate::process::Server;

/// What one round measured.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub operations: usize,
    pub elapsed: Duration,
    /// Of the server's process.
    pub server_cpu: Duration,
    /// Of the database's processes, where it has its own.
    pub database_cpu: Duration,
}

impl Sample {
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64()
    }

    pub fn server_micros(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.operations as f64
    }

    pub fn database_micros(&self) -> f64 {
        self.database_cpu.as_secs_f64() * 1e6 / self.operations as f64
    }

    pub fn micros(&self) -> f64 {
        self.server_micros() + self.database_micros()
    }
}

/// Lets every client act again and again until `time` is over or nothing is left to do.
pub async fn drive<C: Client>(server: &Server, clients: &mut Vec<C>, time: Duration) -> Outcome<Sample> {
    let before = server.cpu()?;
    let begun = Instant::now();
    let tasks: Vec<_> = std::mem::take(clients)
        .into_iter()
        .map(|client| tokio::spawn(act_until(client, begun + time)))
        .collect();
    let mut operations = 0;
    for task in tasks {
        let (client, done) = task.await??;
        operations += done;
        clients.push(client);
    }
    let elapsed = begun.elapsed();
    let after = server.cpu()?;
    if operations == 0 {
        return Err("nothing was left to do".into());
    }
    Ok(Sample {
        operations,
        elapsed,
        server_cpu: after.server.saturating_sub(before.server),
        database_cpu: after.database.saturating_sub(before.database),
    })
}

async fn act_until<C: Client>(mut client: C, end: Instant) -> Outcome<(C, usize)> {
    let mut done = 0;
    while Instant::now() < end && client.act().await? {
        done += 1;
    }
    Ok((client, done))
}
