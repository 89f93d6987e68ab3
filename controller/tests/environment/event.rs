//! Waiting for what a test waits for, and no longer.

use std::time::Duration;

/// How long any condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `condition` answers something.
pub async fn until<T>(what: &str, condition: impl AsyncFn() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let waited = async {
        loop {
            ticks.tick().await;
            if let Some(answer) = condition().await {
                return answer;
            }
        }
    };
    let Ok(answer) = tokio::time::timeout(PATIENCE, waited).await else {
        panic!("{what}: not within {PATIENCE:?}");
    };
    answer
}
