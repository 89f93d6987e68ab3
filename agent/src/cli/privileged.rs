//! `cos-agent privileged`: the second unit, with the administrator's rights and without a network.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::run::start_log;
use crate::platform::FileTree;
use crate::privileged;

/// Выполнять действия, для которых нужны права администратора (для службы; сети не касается)
#[derive(Debug, Args)]
#[command(after_help = "Пример:\n  sudo cos-agent privileged --socket /run/cos-agent/privileged.sock")]
pub(super) struct Arguments {
    /// Сокет, на котором ждать просьб от cos-agent run
    #[arg(long, value_name = "ПУТЬ")]
    socket: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    start_log();
    privileged::serve(&arguments.socket, &FileTree::live())?;
    Ok(ExitCode::SUCCESS)
}
