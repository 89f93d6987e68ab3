//! `cos-controller evidence checkpoint`

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use inventory_schema::Timestamp;
use jiff::tz::TimeZone;

use super::{Outcome, with_store};
use crate::authority::Authority;
use crate::config::Config;
use crate::store::checkpoint::CheckpointRecord;
use crate::task::checkpoint::Taker;

#[derive(Debug, Args)]
pub struct EvidenceArguments {
    #[command(subcommand)]
    command: EvidenceCommand,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Напечатать строку новейшей контрольной точки / Print the newest checkpoint's line
    #[command(after_help = "Пример:\n  cos-controller evidence checkpoint --now")]
    Checkpoint {
        /// Сначала взять точку на этот момент, не дожидаясь полуночи / Take one of this moment first
        #[arg(long)]
        now: bool,
    },
}

#[derive(Debug, thiserror::Error)]
enum EvidenceError {
    #[error("контрольную точку сейчас берёт другой контроллер; повторите команду / another controller is taking a checkpoint")]
    Busy,
}

/// Does what `arguments` ask; the configuration lies at `path`.
pub fn run(arguments: &EvidenceArguments, path: &Path, now: Timestamp, out: &mut impl Write) -> Outcome {
    match &arguments.command {
        EvidenceCommand::Checkpoint { now: at_once } => {
            let record = checkpoint(&Config::load(path)?, *at_once, now)?;
            writeln!(out, "{}", record.line())?;
        }
    }
    Ok(())
}

/// The newest checkpoint, after one was taken where one is due or asked for.
fn checkpoint(config: &Config, at_once: bool, now: Timestamp) -> Result<CheckpointRecord, Box<dyn std::error::Error>> {
    let authority = Authority::load(&config.authority.directory)?;
    let zone = TimeZone::get(&config.region.time_zone.to_string())?;
    with_store(config, async |store| {
        let taker = Taker {
            store: &store,
            authority: &authority,
            region: &config.region.id,
        };
        let taken = if at_once {
            taker.take_now(now).await?
        } else {
            taker.take_if_due(now, &zone).await?;
            store.newest_checkpoint().await?
        };
        Ok(taken.ok_or(EvidenceError::Busy)?)
    })
}
