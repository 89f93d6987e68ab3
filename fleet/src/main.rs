//! `cos-fleet`: runs a simulated fleet and ends with an error on any loss.

use std::fmt::Display;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cos_fleet::herd::herd;
use cos_fleet::region;
use cos_fleet::run::{Existing, Options, Phase, Progress, run};
use serde::Serialize;

/// Учебный флот: настоящие агенты против настоящего контроллера / A simulated fleet against a real controller
#[derive(Debug, Parser)]
#[command(after_help = "Пример / Example:\n  cos-fleet --agents 2000 --hours 8 --pace 600 --seed 7")]
struct Arguments {
    /// Сколько компьютеров / How many computers
    #[arg(long, default_value_t = 200)]
    agents: u64,
    /// Сколько часов прожить / How many simulated hours to live
    #[arg(long, default_value_t = 4)]
    hours: u64,
    /// Одно семя — одни и те же компьютеры, изменения и неполадки / The same seed, the same run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Секунд в одной секунде / Simulated seconds in a real one
    #[arg(long, default_value_t = 600)]
    pace: u32,
    /// Сколько из тысячи линий плохие / How many of a thousand lines are bad
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(0..=1000))]
    bad_lines: u64,
    /// База PostgreSQL вместо файла SQLite / A PostgreSQL database instead of a SQLite file
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Контроллер, который уже работает; можно несколько / A controller that runs already; may be repeated
    #[arg(long, value_name = "ADDRESS", requires = "token")]
    controller: Vec<SocketAddr>,
    /// Его токен / Its token
    #[arg(long, requires = "controller")]
    token: Option<String>,
    /// Сколько секунд ждать покоя после плана / Seconds to come to rest after the plan
    #[arg(long, default_value_t = 180)]
    drain: u64,
    /// Все возвращаются разом: через 8 часов и через 100 дней / Everybody returns at once: after 8 hours, after 100 days
    #[arg(long, conflicts_with_all = ["controller", "postgres"])]
    herd: bool,
    /// Итог в JSON / The summary as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("the system gives threads");
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("serve") {
        log();
        return ended(
            runtime
                .block_on(region::serve(&arguments.next().unwrap_or_default()))
                .map(|()| true),
        );
    }
    let arguments = Arguments::parse();
    ended(runtime.block_on(simulate(&arguments)))
}

async fn simulate(arguments: &Arguments) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let options = Options {
        agents: arguments.agents,
        hours: arguments.hours,
        seed: arguments.seed,
        pace: arguments.pace,
        database: arguments.postgres.clone(),
        existing: arguments.token.clone().map(|token| Existing {
            controllers: arguments.controller.clone(),
            token,
        }),
        bad_lines: arguments.bad_lines,
        program: std::env::current_exe()?,
        two_roots: arguments.herd,
        drain: Duration::from_secs(arguments.drain),
    };
    let attended = std::io::stderr().is_terminal();
    let told = |progress: &Progress| {
        if attended {
            eprint!("\r\x1b[K{}", line(progress));
        }
    };
    if arguments.herd {
        let summary = herd(&options, true, told).await?;
        print(&summary, arguments.json, attended)?;
        return Ok(summary.is_well());
    }
    let summary = run(&options, told).await?;
    print(&summary, arguments.json, attended)?;
    Ok(summary.is_well())
}

fn print(summary: &(impl Serialize + Display), json: bool, attended: bool) -> serde_json::Result<()> {
    if attended {
        eprintln!();
    }
    if json {
        println!("{}", serde_json::to_string_pretty(summary)?);
    } else {
        println!("{summary}");
    }
    Ok(())
}

fn line(progress: &Progress) -> String {
    let Progress { agents, simulated, .. } = progress;
    let minutes = simulated.as_secs() / 60;
    match progress.phase {
        Phase::Enrolling => format!("регистрация: {} из {agents}", progress.enrolled),
        Phase::Living => format!(
            "{:02}:{:02}  обращений {}, отчётов {}, повторов {}, в покое {} из {agents}",
            minutes / 60,
            minutes % 60,
            progress.check_ins,
            progress.reports,
            progress.retries,
            progress.settled
        ),
        Phase::Returning => format!("возвращение: обращений {}, повторов {}", progress.check_ins, progress.retries),
        Phase::Draining => format!("доставка оставшегося: в покое {} из {agents}", progress.settled),
    }
}

fn ended(outcome: Result<bool, Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let mut causes: Vec<String> = vec![error.to_string()];
            let mut cause = error.source();
            while let Some(next) = cause {
                causes.push(next.to_string());
                cause = next.source();
            }
            eprintln!("{}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

/// The controller's warnings, where they are asked for.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COS_FLEET_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
