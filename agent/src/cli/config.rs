//! `cos-agent config print`: the commented sample of `agent.toml`.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::SAMPLE;

/// Показать образец файла настроек
#[derive(Debug, Args)]
#[command(after_help = "Пример:\n  cos-agent config print | sudo tee /etc/cos-agent/agent.toml")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Напечатать образец со всеми настройками и их значениями по умолчанию
    Print,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    match arguments.action {
        Action::Print => io::stdout().lock().write_all(SAMPLE.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
