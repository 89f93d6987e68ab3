//! The commands of `cos-controller`, one file each. They read arguments, call a module and print; they decide nothing.

mod backup;
pub mod ca;
mod carry;
mod config;
mod demo;
mod device;
mod evidence;
#[cfg(test)]
mod fixture;
mod measure;
mod migrate;
mod operator;
mod organization;
mod report;
mod serve;
mod token;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::state::Clock;
use crate::store::Store;

/// Сервер региона: регистрирует компьютеры школ, хранит их подписанные отчёты и показывает их людям.
#[derive(Debug, Parser)]
#[command(
    name = "cos-controller",
    version,
    propagate_version = true,
    after_help = "Примеры:\n  cos-controller demo --agent target/debug/cos-agent\n  cos-controller serve --config /etc/cos-controller/controller.toml\n\nКод завершения: 0 сделано, 1 не сделано (причина напечатана), 2 команда не понята"
)]
struct CommandLine {
    /// Файл настроек / the configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = "/etc/cos-controller/controller.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Работать: принимать агентов и показывать страницы, пока не остановят
    #[command(after_help = "Пример:\n  cos-controller serve --config /etc/cos-controller/controller.toml")]
    Serve(serve::ServeArguments),
    /// Показать всё на этом компьютере: свой контроллер, учебный реестр Перми и настоящий агент
    #[command(after_help = "Пример:\n  cos-controller demo --folder demo --agent target/debug/cos-agent")]
    Demo(demo::DemoArguments),
    /// Привести таблицы базы данных к этой версии программы
    #[command(after_help = "Пример:\n  cos-controller migrate --config /etc/cos-controller/controller.toml")]
    Migrate,
    /// Снять резервную копию всей базы данных, не останавливая контроллер
    #[command(
        after_help = "Примеры:\n  cos-controller backup --out /backup/область-2026-09-01.cos\n  cos-controller backup --out /backup/всё.cos --with-keys --json"
    )]
    Backup(backup::BackupArguments),
    /// Восстановить резервную копию в пустую базу данных
    #[command(
        after_help = "Примеры:\n  cos-controller restore /backup/область-2026-09-01.cos\n  cos-controller --config новый.toml restore /backup/пилот.cos"
    )]
    Restore(backup::RestoreArguments),
    /// Настройки
    #[command(after_help = "Пример:\n  cos-controller config print > controller.toml")]
    Config(config::ConfigArguments),
    /// Удостоверяющий центр
    Ca(ca::CaArguments),
    /// Обмен с компьютерами без сети, через флешку
    #[command(after_help = "Пример:\n  cos-controller carry import /media/usb")]
    Carry(carry::CarryArguments),
    /// Измерение линий: сервер, до которого меряют, его ключ и права на измерение
    Measure(measure::MeasureArguments),
    /// Токены для регистрации компьютеров
    #[command(after_help = "Пример:\n  cos-controller token create --organization 1205999000019 --uses 30 --file token.txt")]
    Token(token::TokenArguments),
    /// Люди, которым открыты страницы
    #[command(after_help = "Пример:\n  cos-controller operator create --login admin --role region_administrator")]
    Operator(operator::OperatorArguments),
    /// Устройства
    #[command(after_help = "Пример:\n  cos-controller device import --organization 1205999000019 --dry-run *.json")]
    Device(device::DeviceArguments),
    /// Реестр организаций
    #[command(after_help = "Пример:\n  cos-controller organization import реестр.xlsx")]
    Organization(organization::OrganizationArguments),
    /// Книги и отчёты из базы данных
    #[command(after_help = "Пример:\n  cos-controller report connectivity --out интернет.xlsx")]
    Report(report::ReportArguments),
    /// Доказательства: контрольные точки, выгрузка и проверка архива без сервера
    #[command(after_help = "Пример:\n  cos-controller evidence verify школа.tar")]
    Evidence(evidence::EvidenceArguments),
}

type Outcome = Result<(), Box<dyn Error>>;

/// Reads the command line, runs the command and turns its outcome into an exit code: 0 done, 1 failed, 2 not
/// understood.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    match run(line) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told where not even the errors can be written.
            let _ = print_chain(error.as_ref(), &mut io::stderr().lock());
            ExitCode::FAILURE
        }
    }
}

fn run(line: CommandLine) -> Result<ExitCode, Box<dyn Error>> {
    let path = line.config;
    let now = Clock::system().now();
    let mut out = io::stdout().lock();
    let done: Outcome = match line.command {
        Command::Serve(arguments) => serve::run(&arguments, &Config::load(&path)?),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Migrate => migrate::run(&Config::load(&path)?, &mut out),
        Command::Backup(arguments) => backup::backup(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Restore(arguments) => backup::restore(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Config(arguments) => config::run(&arguments, &path, &mut out),
        Command::Ca(arguments) => Ok(ca::run(&arguments, &Config::load(&path)?, now, &mut out)?),
        Command::Carry(arguments) => carry::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Measure(arguments) => measure::run(&arguments, &path, now, &mut out),
        Command::Token(arguments) => token::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Operator(arguments) => operator::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Device(arguments) => device::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Organization(arguments) => organization::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Report(arguments) => report::run(&arguments, &Config::load(&path)?, now, &mut out),
        Command::Evidence(arguments) => return evidence::run(&arguments, &path, now, &mut out),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Whoever read the output has seen enough: `cos-controller organization export | head` is no failure.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

fn print_chain(error: &(dyn Error + 'static), out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "ошибка / error: {error}")?;
    for cause in std::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source()) {
        writeln!(out, "  причина / cause: {cause}")?;
    }
    Ok(())
}

/// The log goes to standard error; `RUST_LOG` overrules the configuration.
fn start_log(filter: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// Runs a command that asks the database and ends.
fn with_store<T, F: Future<Output = Result<T, Box<dyn Error>>>>(
    config: &Config,
    work: impl FnOnce(Store) -> F,
) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(config.database.url.as_str()).await?;
        let outcome = work(store.clone()).await;
        store.close().await;
        outcome
    })
}

/// Ends on Ctrl-C and, where there are such things, on SIGTERM and on SIGHUP (the terminal was closed).
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("signals can be awaited in a runtime");
        let hung_up = async {
            // Started with nohup, to outlive the terminal.
            if hangup_is_ignored() {
                return std::future::pending().await;
            }
            let mut hangup = signal(SignalKind::hangup()).expect("signals can be awaited in a runtime");
            hangup.recv().await;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
            () = hung_up => {}
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}

/// Whether this process was started to ignore SIGHUP; only Linux says so.
#[cfg(unix)]
fn hangup_is_ignored() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_says_in_russian_what_it_does_and_gives_an_example() {
        let mut waiting = vec![CommandLine::command()];
        let mut seen = 0;
        while let Some(command) = waiting.pop() {
            let name = command.get_name();
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let cyrillic = |c: char| ('а'..='я').contains(&c);
            assert!(about.contains(cyrillic), "{name}: «{about}»");
            let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                example.contains("Пример") && example.contains("cos-controller "),
                "{name} has no example"
            );
            waiting.extend(command.get_subcommands().cloned());
            seen += 1;
        }
        assert!(seen > 15, "{seen} commands");
    }

    #[test]
    fn a_reader_who_has_seen_enough_is_no_failure() {
        let closed: Box<dyn Error> = ca::CaError::Print(io::ErrorKind::BrokenPipe.into()).into();
        assert!(is_broken_pipe(closed.as_ref()));
        let full: Box<dyn Error> = ca::CaError::Print(io::ErrorKind::StorageFull.into()).into();
        assert!(!is_broken_pipe(full.as_ref()));
    }
}
