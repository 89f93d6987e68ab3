//! The herd: a whole fleet that was off returns in one moment, and what its second period looks like.
//!
//! Twice, with full TLS handshakes: after a night of 8 hours, and after a summer of 100 days in which the
//! listener's certificate and the issuing CA changed and one root of two was retired. Nobody has a token in hand;
//! what is whole afterwards is whole by itself.

use std::fmt;
use std::time::{Duration, Instant};

use cos_controller::store::Store;
use inventory_schema::check_in::MAX_WAIT_SECONDS;

use crate::observer::Observed;
use crate::record::Quantiles;
use crate::region::exchange_authority;
use crate::run::{Fleet, FleetError, Options, Phase, Progress, state_folder};
use crate::verdict::{Verdict, judge};

const NIGHT: Duration = Duration::from_secs(8 * 3600);
const SUMMER: Duration = Duration::from_secs(100 * 86_400);
/// Agents that wait for news come again after this long, each at its own moment.
const PERIOD: Duration = Duration::from_secs(MAX_WAIT_SECONDS);
const PATIENCE: Duration = Duration::from_secs(300);
/// In how many parts a period is counted.
const PARTS: usize = 10;

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HerdSummary {
    pub agents: u64,
    pub returns: Vec<Return>,
    pub verdict: Verdict,
}

/// One return of everybody.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Return {
    pub after: &'static str,
    /// From being switched on to the controller's first answer; the largest is the time to drain.
    pub answered: Quantiles,
    pub retries: u64,
    pub controller: Observed,
    /// Check-ins in each tenth of the second period, or of the first whole one after everybody was answered; empty where it was not waited for.
    pub second_period: Vec<u32>,
    /// The busiest tenth against their mean.
    pub peak_to_mean: f64,
    /// The same for its single seconds, whose counts are smaller and scatter more.
    pub peak_second_to_mean: f64,
}

/// Lets the fleet return twice. Without `periods` nobody waits for the second period.
pub async fn herd(options: &Options, periods: bool, told: impl Fn(&Progress)) -> Result<HerdSummary, FleetError> {
    let options = Options {
        hours: 0,
        pace: 1,
        bad_lines: 0,
        two_roots: true,
        ..options.clone()
    };
    let folder = state_folder()?;
    let mut fleet = Fleet::prepare(&options, folder.path().to_owned()).await?;
    fleet.all_enrolled(&told).await?;
    fleet.come_to_rest(&told).await;
    let mut returns = Vec::new();
    fleet.all_return_after(NIGHT, |_, _| Ok(())).await?;
    returns.push(observe("8 h", &mut fleet, &options, periods, &told).await);
    fleet.all_return_after(SUMMER, exchange_authority).await?;
    returns.push(observe("100 d", &mut fleet, &options, periods, &told).await);
    let settled = fleet.come_to_rest(&told).await;
    let database = fleet.database();
    let (witnesses, _) = fleet.end().await?;
    let mut verdict = match database {
        Some(url) => judge(&Store::open(&url).await?, &witnesses).await?,
        None => Verdict::default(),
    };
    if settled.is_none() {
        verdict.complaints.push("the fleet did not come to rest".to_owned());
    }
    let behind = witnesses.iter().filter(|witness| witness.roots != 1).count();
    if behind > 0 {
        verdict
            .complaints
            .push(format!("{behind} computers still believe the retired root"));
    }
    Ok(HerdSummary {
        agents: options.agents,
        returns,
        verdict,
    })
}

async fn observe(after: &'static str, fleet: &mut Fleet<'_>, options: &Options, periods: bool, told: &impl Fn(&Progress)) -> Return {
    let begun = Instant::now();
    let all = usize::try_from(options.agents).unwrap_or(usize::MAX);
    fleet
        .wait(Phase::Returning, PATIENCE, told, || fleet.figures.returned_times.len() >= all)
        .await;
    // Where a busy machine needs longer than a period to answer everybody, the second one begins when it has.
    let second_begins = begun.elapsed().max(PERIOD);
    if periods {
        let end = second_begins + PERIOD + Duration::from_millis(200);
        fleet.wait(Phase::Returning, PATIENCE, told, || begun.elapsed() >= end).await;
    }
    let tenths = fleet.world.arrivals.tenths();
    let from = usize::try_from(second_begins.as_millis().div_ceil(100)).unwrap_or(usize::MAX);
    let second = |parts| if periods { part(&tenths, from, parts) } else { Vec::new() };
    let (second_period, seconds) = (second(PARTS), second(usize::try_from(MAX_WAIT_SECONDS).unwrap_or(PARTS)));
    Return {
        after,
        answered: fleet.figures.returned_times.quantiles(),
        retries: fleet.figures.retries.load(std::sync::atomic::Ordering::Relaxed),
        controller: fleet.observed(),
        peak_to_mean: peak_to_mean(&second_period),
        peak_second_to_mean: peak_to_mean(&seconds),
        second_period,
    }
}

/// The check-ins of the period that begins at the tenth of a second `from`, in so many parts.
fn part(tenths: &[u32], from: usize, parts: usize) -> Vec<u32> {
    let period = usize::try_from(PERIOD.as_millis() / 100).unwrap_or(usize::MAX);
    let counted = tenths.iter().copied().chain(std::iter::repeat(0)).skip(from).take(period);
    let counted: Vec<u32> = counted.collect();
    counted.chunks(period / parts).map(|part| part.iter().sum()).collect()
}

fn peak_to_mean(counts: &[u32]) -> f64 {
    let (peak, all) = (counts.iter().max().copied().unwrap_or_default(), counts.iter().sum::<u32>());
    if all == 0 {
        return 0.0;
    }
    let ratio = f64::from(peak) * counts.len() as f64 / f64::from(all);
    (ratio * 1000.0).round() / 1000.0
}

impl HerdSummary {
    /// Nothing was lost, everybody came back, and the second period was even where it was waited for.
    pub fn is_well(&self) -> bool {
        let returned = |back: &Return| back.answered.count as u64 >= self.agents;
        let even = |back: &Return| back.peak_to_mean <= 1.2;
        self.verdict.complaints.is_empty() && self.returns.iter().all(|back| returned(back) && even(back))
    }
}

impl fmt::Display for HerdSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for back in &self.returns {
            let Return { answered, controller, .. } = back;
            writeln!(f, "Вернулись через {}: {} из {}", back.after, answered.count, self.agents)?;
            writeln!(
                f,
                "  первый ответ: p50 {} мс, p99 {} мс, последний {} мс; повторов {}",
                answered.p50_ms, answered.p99_ms, answered.max_ms, back.retries
            )?;
            writeln!(
                f,
                "  второй период: {:?}; пик к среднему {} (по секундам {})",
                back.second_period, back.peak_to_mean, back.peak_second_to_mean
            )?;
            writeln!(
                f,
                "  контроллер: память до {} МиБ, соединений до {}",
                controller.peak_resident_kib / 1024,
                controller.peak_connections
            )?;
        }
        for complaint in &self.verdict.complaints {
            writeln!(f, "  ПОТЕРЯ: {complaint}")?;
        }
        write!(
            f,
            "{}",
            if self.is_well() {
                "Потерь нет."
            } else {
                "Есть потери."
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_period_is_counted_and_nothing_else() {
        let mut tenths = vec![9; 500];
        tenths.extend(vec![1; 500]);
        tenths.extend(vec![9; 100]);
        assert_eq!(part(&tenths, 500, 10), vec![50; 10]);
        assert_eq!(peak_to_mean(&part(&tenths, 500, 10)), 1.0);
        assert_eq!(part(&tenths[..600], 500, 10)[2..], [0; 8]);
        assert_eq!(peak_to_mean(&[1, 3]), 1.5);
        assert_eq!(peak_to_mean(&[]), 0.0);
    }
}
