//! `cos-agent run`: the agent at work, until it is asked to stop.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::Args;
use tokio::sync::oneshot;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::settings::{ConfigFile, system_clock};
use crate::eventloop;
use crate::first_start::{FirstStart, enroll_a_copy};
use crate::language::Language;
use crate::ledger::Ledger;
use crate::platform;
use crate::privileged::Collector;

/// Работать: следить за оборудованием и сообщать о нём контроллеру
///
/// Обычно это делает служба. Останавливается по Ctrl-C и SIGTERM; отчёты, которые не успели уйти, ждут на диске.
#[derive(Debug, Args)]
#[command(
    after_help = "Пример:\n  sudo cos-agent run\n\nКод завершения: 0 остановлен по просьбе, 1 не может работать (причина напечатана)"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Остановиться и тогда, когда закроется стандартный ввод: тот, кто запустил, завершился
    #[arg(long, hide = true)]
    attached: bool,
}

pub(super) fn run(arguments: &Arguments, _: Language) -> Result<ExitCode, Box<dyn Error>> {
    start_log();
    let config = arguments.config.load()?;
    let collector = Collector::of(&config);
    let clock = system_clock(Ledger::load(&config.state_dir)?.trusted_time);
    // One thread: an agent at rest should be as good as absent.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let attached = arguments.attached;
    let stop = async move {
        tokio::select! {
            () = platform::asked_to_stop() => {}
            () = input_closed(), if attached => {}
        }
    };
    runtime.block_on(async {
        let mut stop = std::pin::pin!(stop);
        match enroll_a_copy(&config, &collector, &clock, &mut stop).await? {
            FirstStart::Stopped => Ok::<_, Box<dyn Error>>(()),
            FirstStart::GoOn => Ok(eventloop::run(config, collector, clock, stop).await?),
        }
    })?;
    // A collection under way is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Ends when standard input does, whatever is read before. The other end of a pipe is closed by the system when its
/// holder is gone, however that ended: no signal can tell of a SIGKILL.
async fn input_closed() {
    let (closed, waits) = oneshot::channel();
    // A thread of its own: a read of standard input cannot be called off, and the program must be able to end meanwhile.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Nobody waits any more where the agent was stopped first.
        let _ = closed.send(());
    });
    // The thread sends before it ends; were it to die, there would be nothing left to wait for either.
    let _ = waits.await;
}

/// The log goes to standard error; `RUST_LOG` is `info`, or `cos_agent=debug,rustls=warn`.
pub(super) fn start_log() {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse().ok());
    let filter: Targets = wanted.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // Without colours where a service manager reads it.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
