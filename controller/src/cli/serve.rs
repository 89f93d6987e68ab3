//! `cos-controller serve`

use super::{Outcome, asked_to_stop, start_log};
use crate::config::Config;
use crate::server::Server;
use crate::state::Clock;

pub fn run(config: &Config) -> Outcome {
    start_log(config.log.filter.as_str());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(config, Clock::system()).await?;
        asked_to_stop().await;
        server.stop().await;
        Ok(())
    })
}
