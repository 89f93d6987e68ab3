//! What was noticed about a device and a person should know.
//!
//! A finding with a subject is there once per device, kind and subject, however often it is found: it counts, and says
//! when it was found first and last. One without a subject stands for itself.

use std::collections::BTreeMap;

use inventory_schema::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::statement::{Bulk, Columns, Value, records, word};
use super::{Store, StoreResult};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Two envelopes claim one place of a key's chain.
    Fork,
    /// A chain went on from elsewhere than its device's newest report; counted by the reason the report gives.
    ChainBreak,
    /// The computer's clock is far from ours.
    Clock,
    /// Its key was found on other computers: its disk was copied. Counted by key.
    Clone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFinding {
    /// Internal id.
    pub device: i64,
    pub kind: FindingKind,
    /// What makes it the same finding when it is found again.
    pub subject: Option<String>,
    /// JSON.
    pub detail: String,
    pub found_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub id: i64,
    pub kind: FindingKind,
    /// JSON, as it was found last.
    pub detail: String,
    pub times: i64,
    /// The first time.
    pub found_at: Timestamp,
    pub last_found_at: Timestamp,
}

/// A row of the statement below: findings of one subject in one group.
#[derive(Debug, Clone)]
struct Sum<'a> {
    newest: &'a NewFinding,
    first: Timestamp,
    times: i64,
}

/// Writes findings; those that are there already are counted on.
pub(super) async fn note(connection: &mut sqlx::AnyConnection, findings: &[NewFinding]) -> StoreResult<()> {
    const NOTE: Bulk = Bulk {
        before: "INSERT INTO finding (device_id, kind, subject, detail, found_at, last_found_at, times) VALUES",
        after: "ON CONFLICT (device_id, kind, subject) WHERE subject IS NOT NULL DO UPDATE SET times = finding.times + excluded.times, \
                detail = CASE WHEN excluded.last_found_at < finding.last_found_at THEN finding.detail ELSE excluded.detail END, \
                last_found_at = CASE WHEN excluded.last_found_at < finding.last_found_at THEN finding.last_found_at ELSE excluded.last_found_at END",
    };
    NOTE.execute(connection, summed(findings).into_iter().map(values).collect()).await?;
    Ok(())
}

/// One row per subject, because a statement may change a row once only; in one order, so that two controllers never
/// wait for each other crosswise.
fn summed(findings: &[NewFinding]) -> Vec<Sum<'_>> {
    let single = |newest| Sum {
        newest,
        first: newest.found_at,
        times: 1,
    };
    let mut sums: BTreeMap<(i64, FindingKind, &str), Sum<'_>> = BTreeMap::new();
    let mut rows = Vec::new();
    for finding in findings {
        let Some(subject) = &finding.subject else {
            rows.push(single(finding));
            continue;
        };
        sums.entry((finding.device, finding.kind, subject))
            .and_modify(|sum| {
                sum.times += 1;
                sum.first = sum.first.min(finding.found_at);
                if finding.found_at >= sum.newest.found_at {
                    sum.newest = finding;
                }
            })
            .or_insert_with(|| single(finding));
    }
    rows.extend(sums.into_values());
    rows
}

fn values(sum: Sum<'_>) -> Vec<Value> {
    let Sum { newest, first, times } = sum;
    vec![
        newest.device.into(),
        word(&newest.kind).into(),
        newest.subject.clone().into(),
        newest.detail.as_str().into(),
        first.into(),
        newest.found_at.into(),
        times.into(),
    ]
}

impl Store {
    pub async fn add_finding(&self, finding: &NewFinding) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        note(&mut transaction, std::slice::from_ref(finding)).await?;
        Ok(transaction.commit().await?)
    }

    /// What was found last comes first, however old the finding is.
    pub async fn findings(&self, device: i64, limit: i64) -> StoreResult<Vec<Finding>> {
        let rows = sqlx::query(
            "SELECT id, kind, detail, times, found_at, last_found_at FROM finding WHERE device_id = $1 \
             ORDER BY last_found_at DESC, id DESC LIMIT $2",
        )
        .bind(device)
        .bind(limit)
        .fetch_all(self.read())
        .await?;
        records(&rows, read)
    }
}

fn read(row: &AnyRow) -> StoreResult<Finding> {
    let found_at = row.time("found_at")?;
    Ok(Finding {
        id: row.int("id")?,
        kind: row.word("kind")?,
        detail: row.text("detail")?,
        times: row.int("times")?,
        found_at,
        // A controller of the version before, running until it is exchanged too, writes the first time alone.
        last_found_at: row.time("last_found_at")?.max(found_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(device: i64, subject: Option<&str>, detail: &str, seconds: i64) -> NewFinding {
        NewFinding {
            device,
            kind: FindingKind::ChainBreak,
            subject: subject.map(ToOwned::to_owned),
            detail: detail.into(),
            found_at: Timestamp::from_unix_seconds(seconds),
        }
    }

    #[test]
    fn a_subject_of_one_group_is_one_row_with_its_newest_detail() {
        let group = [
            found(2, Some("state_restored"), "b", 20),
            found(1, Some("state_restored"), "x", 5),
            found(2, Some("state_restored"), "c", 30),
            found(2, Some("state_restored"), "a", 10),
            found(2, Some("forked"), "f", 1),
        ];
        let rows: Vec<_> = summed(&group)
            .iter()
            .map(|sum| (sum.newest.device, sum.newest.detail.as_str(), sum.first, sum.times))
            .collect();
        let at = Timestamp::from_unix_seconds;
        assert_eq!(rows, [(1, "x", at(5), 1), (2, "f", at(1), 1), (2, "c", at(10), 3)]);
    }

    #[test]
    fn what_has_no_subject_stands_for_itself() {
        let group = [found(1, None, "a", 1), found(1, None, "b", 2)];
        assert!(summed(&group).iter().all(|sum| sum.times == 1));
        assert_eq!(summed(&group).len(), 2);
    }
}
