//! Buildings as lines: whose they are, what their contracts promise, and what the last weeks came to.
//!
//! What the weeks came to is a copy for lists, made by `task::lines` from the measurements' bodies; the rule by which it
//! was judged stands beside it, and whoever asks by another rule is told nothing.

use inventory_schema::measurement::Direction;
use inventory_schema::measurement::verdict::{Reason, RuleVersion};
use inventory_schema::measurement::weeks::{Assessment, Standing};
use inventory_schema::organization::{OrganizationId, SettlementClass};
use inventory_schema::quantity::{BitsPerSecond, KilobitsPerSecond};
use inventory_schema::{BuildingId, Timestamp};
use sqlx::any::AnyRow;

use super::activity::{self, NewActivity};
use super::fold::search_pattern;
use super::month::ReceivedMonth;
use super::organization::in_scope;
use super::statement::{Columns, records, word};
use super::{Listing, Page, Scope, Store, StoreResult};

/// A building whose line is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBuilding {
    pub id: i64,
    pub external_id: BuildingId,
    pub number: i64,
    pub address: String,
    pub settlement: String,
    pub settlement_class: SettlementClass,
    /// Where the class is known from.
    pub class_source: String,
    pub organization_id: i64,
    pub organization: OrganizationId,
    pub organization_short_name: String,
    pub organization_name: String,
    pub ogrn: String,
    pub municipality_id: i64,
    pub municipality_name: String,
    /// An IANA name.
    pub time_zone: String,
    /// By the contract in force.
    pub contracted: Option<KilobitsPerSecond>,
}

impl LineBuilding {
    /// With the settlement before it, unless the address names it.
    pub fn full_address(&self) -> String {
        if self.address.contains(&self.settlement) {
            self.address.clone()
        } else {
            format!("{}, {}", self.settlement, self.address)
        }
    }
}

/// What a contract promises, from when on, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineContract {
    /// `None`: it is not known any more.
    pub speed: Option<KilobitsPerSecond>,
    pub document: String,
    pub recorded_at: Timestamp,
    /// The operator's login.
    pub recorded_by: String,
}

/// What the last weeks came to, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineStanding {
    pub standing: Standing,
    pub target: BitsPerSecond,
    pub attempts: i64,
    pub valid: i64,
    pub passes: i64,
    pub one_sided: i64,
    pub invalid: i64,
    /// Why most of the invalid ones are.
    pub main_reason: Option<Reason>,
    pub median: Option<BitsPerSecond>,
    pub tenth: Option<BitsPerSecond>,
    pub worst_hour: Option<i64>,
    pub worst_median: Option<BitsPerSecond>,
    pub last_measured_at: Option<Timestamp>,
    /// Some of it was made up for a sample region.
    pub generated: bool,
    /// The internal id of the newest measurement that was looked at.
    pub newest_measurement: i64,
    pub assessed_at: Timestamp,
}

impl LineStanding {
    pub fn of(assessment: &Assessment, target: BitsPerSecond, seen: Seen, now: Timestamp) -> Self {
        let most = assessment.invalid.iter().max_by_key(|(_, count)| **count);
        Self {
            standing: assessment.standing,
            target,
            attempts: i64::from(assessment.attempts),
            valid: i64::from(assessment.valid),
            passes: i64::from(assessment.passes),
            one_sided: i64::from(assessment.one_sided),
            invalid: i64::from(assessment.invalid_count()),
            main_reason: most.and_then(|(reason, _)| *reason),
            median: assessment.median,
            tenth: assessment.tenth,
            worst_hour: assessment.worst_hour.map(|worst| i64::from(worst.hour)),
            worst_median: assessment.worst_hour.map(|worst| worst.median),
            last_measured_at: seen.last_measured_at,
            generated: seen.generated,
            newest_measurement: seen.newest_measurement,
            assessed_at: now,
        }
    }
}

/// Which measurements an assessment has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub last_measured_at: Option<Timestamp>,
    pub generated: bool,
    pub newest_measurement: i64,
}

/// A building's line in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    pub building: LineBuilding,
    /// `None`: never measured, or judged by another rule than the one asked for.
    pub standing: Option<LineStanding>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineFilter {
    /// Words of the school's name, ИНН or ОГРН.
    pub query: Option<String>,
    /// A municipality's internal id.
    pub municipality: Option<i64>,
    pub standing: Option<Standing>,
}

/// A municipality's buildings by their standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingCount {
    pub municipality_id: i64,
    pub municipality_name: String,
    pub standing: Standing,
    pub buildings: i64,
}

/// Buildings where lessons are given. `$1` and `$2` are the scope.
macro_rules! lines {
    () => {
        concat!(
            "FROM building b JOIN building_version w ON w.building_id = b.id AND w.superseded_at IS NULL \
             JOIN organization o ON o.id = b.organization_id \
             JOIN organization_version v ON v.organization_id = o.id AND v.superseded_at IS NULL \
             JOIN municipality m ON m.id = v.municipality_id \
             LEFT JOIN line_contract c ON c.building_id = b.id AND c.superseded_at IS NULL ",
        )
    };
}

macro_rules! building_columns {
    () => {
        "b.id, b.external_id, b.number, w.address, w.settlement, w.settlement_class, w.source, o.id AS organization_id, \
         o.external_id AS organization, v.short_name, v.name, o.ogrn, m.id AS municipality_id, m.name AS municipality_name, m.time_zone, \
         c.kbit_per_second "
    };
}

/// `$3` is the direction, `$4` the rule.
macro_rules! judged {
    () => {
        concat!(
            lines!(),
            "LEFT JOIN line_standing s ON s.building_id = b.id AND s.direction = $3 AND s.rule = $4 WHERE ",
            in_scope!(),
            " AND v.kind NOT IN ('authority', 'supplier') "
        )
    };
}

/// `$5` a municipality, `$6` words, `$7` a standing.
macro_rules! filtered {
    () => {
        "AND ($5 IS NULL OR v.municipality_id = $5) AND ($6 IS NULL OR v.name_key LIKE $6 ESCAPE '\\') \
         AND ($7 IS NULL OR COALESCE(s.standing, 'no_data') = $7) "
    };
}

impl Store {
    pub async fn line_building(&self, scope: Scope, building: BuildingId) -> StoreResult<Option<LineBuilding>> {
        let row = sqlx::query(concat!(
            "SELECT ",
            building_columns!(),
            lines!(),
            "WHERE ",
            in_scope!(),
            " AND b.external_id = $3"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(building.to_string())
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read_building).transpose()
    }

    /// The same by internal id.
    pub async fn line_building_by_internal_id(&self, building: i64) -> StoreResult<Option<LineBuilding>> {
        let row = sqlx::query(concat!(
            "SELECT ",
            building_columns!(),
            lines!(),
            "WHERE ",
            in_scope!(),
            " AND b.id = $3"
        ))
        .bind(None::<i64>)
        .bind(None::<i64>)
        .bind(building)
        .fetch_optional(self.read())
        .await?;
        row.as_ref().map(read_building).transpose()
    }

    /// By municipality, school and building.
    pub async fn lines(
        &self,
        scope: Scope,
        direction: Direction,
        rule: &str,
        filter: &LineFilter,
        page: Page,
    ) -> StoreResult<Listing<LineRow>> {
        let pattern = search_pattern(filter.query.as_deref());
        let standing = filter.standing.map(Standing::as_str);
        let rows = sqlx::query(concat!(
            "SELECT ",
            building_columns!(),
            ", s.standing, s.target, s.attempts, s.valid, s.passes, s.one_sided, s.invalid, s.main_reason, s.median, s.tenth, \
             s.worst_hour, s.worst_median, s.last_measured_at, s.generated, s.newest_measurement, s.assessed_at ",
            judged!(),
            filtered!(),
            "ORDER BY m.name_key, m.id, v.sort_key, o.id, b.number LIMIT $8 OFFSET $9"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(word(&direction))
        .bind(rule)
        .bind(filter.municipality)
        .bind(pattern.clone())
        .bind(standing)
        .bind(page.limit)
        .bind(page.offset)
        .fetch_all(self.read())
        .await?;
        let count = sqlx::query(concat!("SELECT COUNT(*) AS total ", judged!(), filtered!()))
            .bind(scope.municipality)
            .bind(scope.organization)
            .bind(word(&direction))
            .bind(rule)
            .bind(filter.municipality)
            .bind(pattern)
            .bind(standing)
            .fetch_one(self.read())
            .await?;
        Ok(Listing {
            rows: records(&rows, read_line)?,
            total: count.int("total")?,
        })
    }

    /// How many buildings stand where, by municipality.
    pub async fn standing_counts(&self, scope: Scope, direction: Direction, rule: &str) -> StoreResult<Vec<StandingCount>> {
        let rows = sqlx::query(concat!(
            "SELECT m.id, m.name, COALESCE(s.standing, 'no_data') AS stands, COUNT(*) AS buildings ",
            judged!(),
            "GROUP BY m.id, m.name, m.name_key, COALESCE(s.standing, 'no_data') ORDER BY m.name_key, m.id"
        ))
        .bind(scope.municipality)
        .bind(scope.organization)
        .bind(word(&direction))
        .bind(rule)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            Ok(StandingCount {
                municipality_id: row.int("id")?,
                municipality_name: row.text("name")?,
                standing: row.word("stands")?,
                buildings: row.int("buildings")?,
            })
        })
    }

    /// The versions of a building's contracted speed, newest first.
    pub async fn line_contracts(&self, building: i64) -> StoreResult<Vec<LineContract>> {
        let rows = sqlx::query(
            "SELECT kbit_per_second, document, recorded_at, recorded_by FROM line_contract WHERE building_id = $1 \
             ORDER BY recorded_at DESC, id DESC",
        )
        .bind(building)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| {
            Ok(LineContract {
                speed: optional_speed(row)?,
                document: row.text("document")?,
                recorded_at: row.time("recorded_at")?,
                recorded_by: row.text("recorded_by")?,
            })
        })
    }

    /// Puts a contract into force, with the entry of who did it. What held before stays readable.
    pub async fn set_line_contract(&self, building: i64, contract: &LineContract, entry: &NewActivity) -> StoreResult<()> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE line_contract SET superseded_at = $2 WHERE building_id = $1 AND superseded_at IS NULL")
            .bind(building)
            .bind(contract.recorded_at.unix_micros())
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO line_contract (building_id, kbit_per_second, document, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(building)
        .bind(contract.speed.map(|speed| speed.get() as i64))
        .bind(contract.document.as_str())
        .bind(contract.recorded_at.unix_micros())
        .bind(contract.recorded_by.as_str())
        .execute(&mut *transaction)
        .await?;
        activity::append(&mut transaction, entry).await?;
        Ok(transaction.commit().await?)
    }

    /// Buildings beyond the internal id `after` whose copy is older than what came since `from`, than `before`, or of
    /// another rule, by their ids.
    pub async fn lines_due(&self, rule: &str, from: Timestamp, before: Timestamp, after: i64, limit: i64) -> StoreResult<Vec<i64>> {
        let rows = sqlx::query(
            "SELECT due.building_id FROM (SELECT n.building_id FROM (SELECT building_id, MAX(id) AS newest FROM measurement \
             WHERE received_month >= $4 AND building_id > $5 GROUP BY building_id) AS n \
             LEFT JOIN line_standing s ON s.building_id = n.building_id AND s.direction = 'down' \
             WHERE s.building_id IS NULL OR s.newest_measurement < n.newest \
             UNION SELECT o.building_id FROM line_standing o WHERE o.direction = 'down' AND o.building_id > $5 \
             AND (o.rule <> $1 OR o.assessed_at < $2)) AS due \
             ORDER BY due.building_id LIMIT $3",
        )
        .bind(rule)
        .bind(before.unix_micros())
        .bind(limit)
        .bind(ReceivedMonth::of(from).number())
        .bind(after)
        .fetch_all(self.read())
        .await?;
        records(&rows, |row| row.int("building_id"))
    }

    /// Keeps what the weeks came to.
    pub async fn save_line_standing(&self, building: i64, direction: Direction, rule: &str, standing: &LineStanding) -> StoreResult<()> {
        let rate = |rate: Option<BitsPerSecond>| rate.map(|rate| rate.get() as i64);
        sqlx::query(
            "INSERT INTO line_standing (building_id, direction, rule, standing, target, attempts, valid, passes, one_sided, invalid, \
             main_reason, median, tenth, worst_hour, worst_median, last_measured_at, generated, newest_measurement, assessed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) \
             ON CONFLICT (building_id, direction) DO UPDATE SET rule = excluded.rule, standing = excluded.standing, \
             target = excluded.target, attempts = excluded.attempts, valid = excluded.valid, passes = excluded.passes, \
             one_sided = excluded.one_sided, invalid = excluded.invalid, main_reason = excluded.main_reason, median = excluded.median, \
             tenth = excluded.tenth, worst_hour = excluded.worst_hour, worst_median = excluded.worst_median, \
             last_measured_at = excluded.last_measured_at, generated = excluded.generated, \
             newest_measurement = excluded.newest_measurement, assessed_at = excluded.assessed_at",
        )
        .bind(building)
        .bind(word(&direction))
        .bind(rule)
        .bind(standing.standing.as_str())
        .bind(standing.target.get() as i64)
        .bind(standing.attempts)
        .bind(standing.valid)
        .bind(standing.passes)
        .bind(standing.one_sided)
        .bind(standing.invalid)
        .bind(standing.main_reason.map(Reason::as_str))
        .bind(rate(standing.median))
        .bind(rate(standing.tenth))
        .bind(standing.worst_hour)
        .bind(rate(standing.worst_median))
        .bind(standing.last_measured_at.map(Timestamp::unix_micros))
        .bind(i64::from(standing.generated))
        .bind(standing.newest_measurement)
        .bind(standing.assessed_at.unix_micros())
        .execute(self.write())
        .await?;
        Ok(())
    }
}

/// The rule's version with what the region sets: another setting is another rule for whoever compares.
pub fn rule_name(version: RuleVersion, layer: &str, tolerance: u32) -> String {
    format!("{}/{layer}/{tolerance}", version.as_str())
}

fn read_building(row: &AnyRow) -> StoreResult<LineBuilding> {
    Ok(LineBuilding {
        id: row.int("id")?,
        external_id: row.parsed("external_id")?,
        number: row.int("number")?,
        address: row.text("address")?,
        settlement: row.text("settlement")?,
        settlement_class: row.word("settlement_class")?,
        class_source: row.text("source")?,
        organization_id: row.int("organization_id")?,
        organization: row.parsed("organization")?,
        organization_short_name: row.text("short_name")?,
        organization_name: row.text("name")?,
        ogrn: row.text("ogrn")?,
        municipality_id: row.int("municipality_id")?,
        municipality_name: row.text("municipality_name")?,
        time_zone: row.text("time_zone")?,
        contracted: optional_speed(row)?,
    })
}

fn optional_speed(row: &AnyRow) -> StoreResult<Option<KilobitsPerSecond>> {
    let speed = row.optional_int("kbit_per_second")?;
    Ok(speed.map(|speed| KilobitsPerSecond::saturating(speed.unsigned_abs())))
}

fn read_line(row: &AnyRow) -> StoreResult<LineRow> {
    let standing = match row.optional_word::<Standing>("standing")? {
        None => None,
        Some(standing) => Some(LineStanding {
            standing,
            target: rate(row.int("target")?),
            attempts: row.int("attempts")?,
            valid: row.int("valid")?,
            passes: row.int("passes")?,
            one_sided: row.int("one_sided")?,
            invalid: row.int("invalid")?,
            main_reason: row.optional_word("main_reason")?,
            median: row.optional_int("median")?.map(rate),
            tenth: row.optional_int("tenth")?.map(rate),
            worst_hour: row.optional_int("worst_hour")?,
            worst_median: row.optional_int("worst_median")?.map(rate),
            last_measured_at: row.optional_time("last_measured_at")?,
            generated: row.flag("generated")?,
            newest_measurement: row.int("newest_measurement")?,
            assessed_at: row.time("assessed_at")?,
        }),
    };
    Ok(LineRow {
        building: read_building(row)?,
        standing,
    })
}

fn rate(bits: i64) -> BitsPerSecond {
    BitsPerSecond::saturating(bits.unsigned_abs())
}
