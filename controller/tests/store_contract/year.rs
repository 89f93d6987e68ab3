//! A region's year of 120,000 devices fits into 100 GB: a small fleet's year, measured on disk and scaled.
//!
//! The year is simulated twice in one database, for a few devices and for more: what the second fleet adds, by its
//! devices, is what a device costs; what an empty database and its months cost is apart. `COS_TEST_YEAR_DEVICES`
//! makes the second fleet larger.

use std::collections::BTreeMap;
use std::fmt::Write;

use cos_controller::store::report::{CommitOutcome, MAX_GROUP, ReportToStore};
use cos_controller::store::{EngineKind, Store};
use inventory_schema::SectionName;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};

use crate::database::{at_postgres, at_sqlite};
use crate::fixture::{Chain, with_device, with_region};

const REGION_DEVICES: u64 = 120_000;
const REGION_BYTES: u64 = 100_000_000_000;
const DAYS: i64 = 365;
const DAY_SECONDS: i64 = 86_400;
/// Computers that came up from one image have one software list.
const OF_ONE_IMAGE: u64 = 8;
const ACTIVITY_BYTES: usize = 2_500;

/// Xorshift: the same year in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What one device does in the year.
struct Computer {
    number: u64,
    chain: Chain,
    chance: Chance,
}

impl Computer {
    async fn enrolled(store: &Store, number: u64) -> Self {
        let chain = Chain::new(with_device(store, number).await, number);
        Self {
            number,
            chain,
            chance: Chance(0x9e37_79b9_7f4a_7c15 ^ (number + 1)),
        }
    }

    /// The day's reports: always one of activity, on the first day the whole inventory, and what changed.
    fn day(&mut self, day: i64) -> Vec<ReportToStore> {
        let seconds = day * DAY_SECONDS + i64::try_from(self.number * 37 % 20_000).unwrap();
        let mut reports = Vec::new();
        let software = day / 30;
        if day == 0 {
            let inventory: Vec<(SectionName, String)> = SectionName::ALL
                .into_iter()
                .map(|name| match name {
                    SectionName::Software => (name, self.software(0)),
                    name => (name, self.section(name)),
                })
                .collect();
            reports.push(self.report(&inventory, seconds));
        } else if day % 30 == i64::try_from(self.number / OF_ONE_IMAGE % 30).unwrap() {
            // The month's updates reach all computers of an image.
            let changed = (SectionName::Software, self.software(software));
            reports.push(self.report(&[changed], seconds));
        }
        // Another address, a stick in the port, a disk that wears.
        if self.chance.below(5) == 0 {
            let names = [SectionName::Network, SectionName::Peripherals, SectionName::Storage];
            let name = names[usize::try_from(self.chance.below(3)).unwrap()];
            let changed = (name, self.section(name));
            reports.push(self.report(&[changed], seconds + 3_000));
        }
        // There is no section of this kind yet; any name costs the same.
        let activity = (SectionName::Battery, self.activity(day));
        reports.push(self.report(&[activity], seconds + 9_000));
        reports
    }

    fn report(&mut self, sections: &[(SectionName, String)], seconds: i64) -> ReportToStore {
        let bodies: Vec<(SectionName, &str)> = sections.iter().map(|(name, body)| (*name, body.as_str())).collect();
        self.chain.report(&bodies, seconds)
    }

    /// 200 to 1,200 packages of an image, a few of them newer every month.
    fn software(&self, month: i64) -> String {
        let image = self.number / OF_ONE_IMAGE;
        let mut chance = Chance(0x2545_f491_4f6c_dd1d ^ (image + 1));
        let packages = 200 + chance.below(1_000);
        let mut body = String::from("{\"content\":{\"lists\":[{\"manager\":\"dpkg\",\"packages\":[");
        for n in 0..packages {
            let newer = if chance.below(20) == 0 { month } else { 0 };
            let (a, b, c) = (chance.below(60), chance.below(40), chance.below(1 << 24));
            write!(
                body,
                "{}{{\"name\":\"lib{c:x}-{n}\",\"version\":\"{a}.{b}.{newer}-1\"}}",
                if n == 0 { "" } else { "," }
            )
            .unwrap();
        }
        body.push_str("]}]},\"format\":\"software/1\"}");
        body
    }

    /// Half a kilobyte with serial numbers and addresses of its own.
    fn section(&mut self, name: SectionName) -> String {
        let mut body = String::from("{\"content\":{\"items\":[");
        for n in 0..4 {
            let (a, b, c) = (self.chance.below(1 << 32), self.chance.below(1 << 24), self.chance.below(16));
            write!(
                body,
                "{}{{\"name\":\"unit{n}\",\"maker\":{{\"source\":\"sysfs\",\"value\":\"Maker {c}\"}},\"serial\":{{\"source\":\"sysfs\",\"value\":\"SN{a:08X}\"}},\
                 \"size\":{{\"source\":\"sysfs\",\"value\":{b}}}}}",
                if n == 0 { "" } else { "," }
            )
            .unwrap();
        }
        write!(body, "]}},\"format\":\"{name}/1\"}}").unwrap();
        body
    }

    /// Uptime and light probes of three platforms through the day, as close to the limit as they come.
    fn activity(&mut self, day: i64) -> String {
        let mut body = format!("{{\"content\":{{\"day\":{day},\"hours\":[");
        let mut hour = 0;
        while body.len() < ACTIVITY_BYTES - 285 {
            let comma = if hour == 0 { "" } else { "," };
            write!(body, "{comma}{{\"hour\":{},\"uptime_s\":{}", 7 + hour, self.chance.below(3_600)).unwrap();
            for platform in ["mesh", "school", "sferum"] {
                let (rtt, tls, first) = (self.chance.below(90_000), self.chance.below(300_000), self.chance.below(900_000));
                let lost = self.chance.below(3);
                write!(
                    body,
                    ",\"{platform}\":{{\"rtt_us\":{rtt},\"tls_us\":{tls},\"first_byte_us\":{first},\"lost\":{lost}}}"
                )
                .unwrap();
            }
            body.push('}');
            hour += 1;
        }
        body.push_str("]},\"format\":\"activity/1\"}");
        assert!((ACTIVITY_BYTES - 400..=ACTIVITY_BYTES).contains(&body.len()), "{}", body.len());
        body
    }
}

/// The year of the devices with these numbers.
async fn live_a_year(store: &Store, numbers: std::ops::Range<u64>) {
    let mut computers = Vec::new();
    for number in numbers {
        computers.push(Computer::enrolled(store, number).await);
    }
    let mut group = Vec::new();
    for day in 0..DAYS {
        for computer in &mut computers {
            group.extend(computer.day(day));
        }
        while group.len() >= MAX_GROUP || (day + 1 == DAYS && !group.is_empty()) {
            let later = group.split_off(group.len().min(MAX_GROUP));
            let outcomes = store.commit_reports(&group).await.unwrap();
            let stored = CommitOutcome::Stored { missing: Vec::new() };
            assert!(outcomes.iter().all(|outcome| *outcome == stored), "every report is stored");
            group = later;
        }
    }
}

/// Bytes on disk: in all, and by table with its indexes.
async fn sizes(address: &str, kind: EngineKind) -> (u64, BTreeMap<String, u64>) {
    let mut connection = AnyConnection::connect(&address.replace('%', "%25")).await.unwrap();
    let (total, tables) = match kind {
        EngineKind::Postgres => (
            "SELECT CAST(SUM(pg_total_relation_size(oid)) AS BIGINT) AS size FROM pg_class \
             WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
            "SELECT CAST(regexp_replace(relname, '_[0-9]+$', '') AS TEXT) AS name, \
             CAST(SUM(pg_total_relation_size(oid)) AS BIGINT) AS size \
             FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1",
        ),
        EngineKind::Sqlite => (
            "SELECT SUM(pgsize) AS size FROM dbstat",
            "SELECT m.tbl_name AS name, SUM(s.pgsize) AS size FROM dbstat s JOIN sqlite_schema m ON m.name = s.name \
             GROUP BY m.tbl_name",
        ),
    };
    let size = |row: &sqlx::any::AnyRow| u64::try_from(row.get::<i64, _>("size")).unwrap();
    let total = sqlx::query(AssertSqlSafe(total)).fetch_one(&mut connection).await.unwrap();
    let tables = sqlx::query(AssertSqlSafe(tables)).fetch_all(&mut connection).await.unwrap();
    let tables = tables.iter().map(|row| (row.get("name"), size(row))).collect();
    connection.close().await.unwrap();
    (size(&total), tables)
}

async fn the_year_fits(address: String) {
    let more: u64 = std::env::var("COS_TEST_YEAR_DEVICES").map_or(32, |devices| devices.parse().unwrap());
    let few = OF_ONE_IMAGE;
    let begun = std::time::Instant::now();
    let mut measured = Vec::new();
    let mut kind = EngineKind::Sqlite;
    for numbers in [0..few, few..few + more] {
        let store = Store::open(&address).await.unwrap();
        kind = store.engine_kind();
        with_region(&store).await;
        live_a_year(&store, numbers).await;
        // Closing brings SQLite's log into its file.
        store.close().await;
        measured.push(sizes(&address, kind).await);
    }
    let (before, after) = (&measured[0], &measured[1]);
    let per_device = (after.0 - before.0) / more;
    let fixed = before.0.saturating_sub(per_device * few);
    let region = fixed + per_device * REGION_DEVICES;
    println!("{kind:?}: {few} and {more} devices, {:.0?}", begun.elapsed());
    println!(
        "  a device's year {} KB, {} bytes a day; a region's year {:.1} GB of {} GB",
        per_device / 1000,
        per_device / DAYS.unsigned_abs(),
        region as f64 / 1e9,
        REGION_BYTES / 1_000_000_000
    );
    for (table, size) in &after.1 {
        let grown = size.saturating_sub(before.1.get(table).copied().unwrap_or(0)) / more / DAYS.unsigned_abs();
        if grown > 0 {
            println!("  {table:<20} {grown:>6} bytes a device-day");
        }
    }
    assert!(region <= REGION_BYTES, "a region's year takes {region} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_regions_year_fits_on_sqlite() {
    at_sqlite(the_year_fits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_regions_year_fits_on_postgres() {
    at_postgres(the_year_fits).await;
}
