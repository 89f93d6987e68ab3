//! Lets reports go that are older than the configuration keeps, a month at a time.
//!
//! What is due is decided here from the months there are; `store::retention` performs. A month that is being let
//! go when the controller ends is finished by the next run, on whichever controller.

use std::collections::BTreeSet;

use inventory_schema::Timestamp;

use crate::activity_log::{Action, Entry, SubjectKind};
use crate::metrics::Metrics;
use crate::store::month::ReceivedMonth;
use crate::store::retention::Months;
use crate::store::{Store, StoreError};

const TASK: &str = "retention";
/// Partitions are made this many months before the first report of them comes.
const AHEAD: i64 = 2;

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    pub months: u64,
    pub reports: u64,
}

/// One run: makes the coming months, and lets go what is older than `keep` whole months. `None` keeps everything.
pub async fn run(store: &Store, metrics: &Metrics, keep: Option<u16>, now: Timestamp) -> Result<Outcome, StoreError> {
    let this_month = ReceivedMonth::of(now);
    store.prepare_months((0..=AHEAD).map(|n| this_month.plus(n))).await?;
    let mut outcome = Outcome::default();
    let Some(keep) = keep else {
        return Ok(outcome);
    };
    let Some(_held) = store.exclusively(TASK).await? else {
        return Ok(outcome);
    };
    for month in due(&store.months().await?, this_month, keep) {
        let reports = let_go(store, month, this_month, now).await?;
        metrics.months_dropped.add(1);
        metrics.reports_dropped.add(reports);
        outcome.months += 1;
        outcome.reports += reports;
        tracing::info!(%month, reports, "a month of reports was let go");
    }
    Ok(outcome)
}

async fn let_go(store: &Store, month: ReceivedMonth, this_month: ReceivedMonth, now: Timestamp) -> Result<u64, StoreError> {
    loop {
        for devices in store.device_ranges().await? {
            store.move_what_stays(month, this_month, &devices).await?;
        }
        let reports = store.reports_in(month).await?;
        let entry = Entry::by_itself(now, Action::MonthDropped, SubjectKind::Month, month).with("reports", reports);
        if store.drop_month(month, reports, &entry.into_new()).await? {
            return Ok(u64::try_from(reports).unwrap_or(0));
        }
    }
}

/// The months to let go, oldest first: those before the last `keep` whole months, as long as `keep` later months
/// hold reports. So a clock that jumps ahead by years lets go no more than the months it was itself taken in.
fn due(months: &Months, this_month: ReceivedMonth, keep: u16) -> BTreeSet<ReceivedMonth> {
    let first_kept = this_month.plus(-i64::from(keep));
    let stays = |month: &ReceivedMonth| months.reporting.range(*month..).filter(|later| *later > month).count() < usize::from(keep);
    let old = months.present.iter().filter(|month| **month < first_kept);
    old.filter(|month| !stays(month)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(number: i64) -> ReceivedMonth {
        ReceivedMonth::from_number(number).unwrap()
    }

    fn months(numbers: impl IntoIterator<Item = i64>) -> Months {
        let present: BTreeSet<ReceivedMonth> = numbers.into_iter().map(month).collect();
        Months {
            reporting: present.clone(),
            present,
        }
    }

    #[test]
    fn whole_months_are_kept_beside_the_running_one() {
        let year = months(202_601..=202_612);
        assert_eq!(due(&year, month(202_612), 3), (202_601..=202_608).map(month).collect());
        assert_eq!(due(&year, month(202_612), 11), BTreeSet::new());
        assert_eq!(due(&year, month(202_612), 60), BTreeSet::new());
    }

    #[test]
    fn a_month_without_reports_is_let_go_but_keeps_no_other_from_staying() {
        let mut some = months([202_601, 202_602, 202_603, 202_611, 202_612]);
        some.reporting.remove(&month(202_602));
        assert_eq!(due(&some, month(202_612), 2), [202_601, 202_602, 202_603].map(month).into());
        assert_eq!(due(&some, month(202_612), 3), [202_601, 202_602].map(month).into());
    }

    #[test]
    fn a_clock_that_jumps_ahead_lets_one_month_go_at_most() {
        let mut some = months(202_607..=202_612);
        assert_eq!(
            due(&some, month(203_601), 6),
            BTreeSet::new(),
            "no report was received since the jump"
        );
        some.present.insert(month(203_601));
        some.reporting.insert(month(203_601));
        assert_eq!(due(&some, month(203_601), 6), BTreeSet::from([month(202_607)]));
    }
}
