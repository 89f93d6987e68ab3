//! `cos-controller config print|check`

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::Outcome;
use crate::config::{Config, SAMPLE};

#[derive(Debug, Args)]
pub struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Напечатать образец настроек с пояснениями
    #[command(after_help = "Пример:\n  cos-controller config print > controller.toml")]
    Print,
    /// Проверить файл настроек: ошибка называет файл, строку и ключ
    #[command(after_help = "Пример:\n  cos-controller config check --config controller.toml")]
    Check,
}

pub fn run(arguments: &ConfigArguments, path: &Path, out: &mut impl Write) -> Outcome {
    match arguments.command {
        ConfigCommand::Print => out.write_all(SAMPLE.as_bytes())?,
        ConfigCommand::Check => {
            Config::load(path)?;
            writeln!(out, "{}: ошибок нет", path.display())?;
        }
    }
    Ok(())
}
