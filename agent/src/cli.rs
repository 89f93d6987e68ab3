//! The command line: one command a file. Commands read their arguments, call the library and print; they
//! decide nothing.
//!
//! To add a command: a file under `cli/` with its `Arguments` and `run`, a line in [`Command`] and one in
//! [`main`].

mod carry;
mod check;
mod config;
mod doctor;
mod enroll;
mod inventory;
mod privileged;
mod run;
mod seal;
mod settings;
mod status;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::faults;
use crate::language::Language;

/// Агент учёта оборудования: сообщает региональному контроллеру, какие компьютеры стоят в классе
#[derive(Debug, Parser)]
#[command(name = "cos-agent", version, propagate_version = true)]
#[command(after_help = "Примеры:
  cos-agent inventory                     показать, из чего состоит этот компьютер
  cos-agent check --server node-1.example проверить, соответствует ли линия норме
  cos-agent doctor school.token           проверить связь и токен, ничего не тратя
  sudo cos-agent enroll cos1.eyJ…         зарегистрировать компьютер
  sudo cos-agent status                   узнать, что с агентом")]
struct CommandLine {
    /// Язык сообщений / language of messages
    #[arg(long, value_enum, default_value_t = Language::Ru, global = true)]
    lang: Language,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inventory(inventory::Arguments),
    Check(check::Arguments),
    Enroll(enroll::Arguments),
    Carry(carry::Arguments),
    Run(run::Arguments),
    Status(status::Arguments),
    Doctor(doctor::Arguments),
    Config(config::Arguments),
    Privileged(privileged::Arguments),
    Seal(seal::Arguments),
}

/// Reads the command line, runs the command and turns its outcome into an exit code: 0 done, 1 failed, 2 not
/// understood.
pub fn main() -> ExitCode {
    let CommandLine { lang, command } = CommandLine::parse();
    let outcome = match command {
        Command::Inventory(arguments) => inventory::run(&arguments, lang),
        Command::Check(arguments) => check::run(&arguments, lang),
        Command::Enroll(arguments) => enroll::run(&arguments, lang),
        Command::Carry(arguments) => carry::run(&arguments, lang),
        Command::Run(arguments) => run::run(&arguments, lang),
        Command::Status(arguments) => status::run(&arguments, lang),
        Command::Seal(arguments) => seal::run(&arguments, lang),
        Command::Privileged(arguments) => privileged::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments, lang),
        Command::Config(arguments) => config::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(error.as_ref(), lang);
            ExitCode::FAILURE
        }
    }
}

/// Whoever read the output has seen enough: `cos-agent inventory | head` is no failure.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn print_chain(error: &(dyn Error + 'static), lang: Language) {
    let mut out = io::stderr().lock();
    // Nothing is left to be told where not even the errors can be written.
    let _ = writeln!(out, "{}: {}", lang.choose("ошибка", "error"), in_words(error, lang));
    for cause in std::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source()) {
        let _ = writeln!(out, "  {}: {}", lang.choose("причина", "cause"), in_words(cause, lang));
    }
}

fn in_words(error: &(dyn Error + 'static), lang: Language) -> String {
    let russian = (lang == Language::Ru).then(|| match error.downcast_ref::<enroll::TokenFileError>() {
        Some(error) => Some(error.in_russian()),
        None => faults::in_russian(error),
    });
    let russian = russian.flatten();
    russian.unwrap_or_else(|| error.to_string())
}
