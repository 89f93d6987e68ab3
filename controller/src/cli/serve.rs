//! `cos-controller serve`

use clap::Args;

use super::{Outcome, asked_to_stop, start_log};
use crate::config::Config;
use crate::report::intake::Acknowledgement;
use crate::server::Server;
use crate::state::Clock;

/// Without it in the environment `--break-durability` is refused.
const TESTS_ONLY: &str = "COS_TEST_BREAK_DURABILITY";

#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Только для испытаний: подтверждать отчёты до их записи, чтобы проверка сохранности нашла потерю
    #[arg(long, hide = true)]
    break_durability: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("--break-durability loses reports and is for tests only; it is refused without {TESTS_ONLY}=1 in the environment")]
struct BreaksDurability;

pub fn run(arguments: &ServeArguments, config: &Config) -> Outcome {
    let acknowledgement = acknowledgement(arguments.break_durability, std::env::var(TESTS_ONLY).ok().as_deref())?;
    start_log(config.log.filter.as_str());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start_with(config, Clock::system(), acknowledgement).await?;
        asked_to_stop().await;
        server.stop().await;
        Ok(())
    })
}

fn acknowledgement(broken: bool, allowed: Option<&str>) -> Result<Acknowledgement, BreaksDurability> {
    match (broken, allowed) {
        (false, _) => Ok(Acknowledgement::AfterCommit),
        (true, Some("1")) => Ok(Acknowledgement::BeforeCommit),
        (true, _) => Err(BreaksDurability),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_acknowledged_early_only_where_tests_ask_twice() {
        assert_eq!(acknowledgement(false, Some("1")).unwrap(), Acknowledgement::AfterCommit);
        assert_eq!(acknowledgement(true, Some("1")).unwrap(), Acknowledgement::BeforeCommit);
        assert!(acknowledgement(true, None).is_err());
        assert!(acknowledgement(true, Some("yes")).is_err());
    }
}
