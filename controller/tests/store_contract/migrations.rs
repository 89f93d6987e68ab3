//! A database as an older program left it, brought up to date: nothing is lost, and all of it is read.

use cos_controller::metrics::Metrics;
use cos_controller::store::certificate::IssuedCertificate;
use cos_controller::store::device::{DeviceState, DeviceSummary};
use cos_controller::store::device_list::DeviceFilter;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::report::{CommitOutcome, ReportState, ReportToStore};
use cos_controller::store::report_reading::CurrentSection;
use cos_controller::store::token::Spend;
use cos_controller::store::{Page, Scope, Store};
use cos_controller::task::retention;
use inventory_schema::enrollment::TokenId;
use inventory_schema::envelope::Resumption;
use inventory_schema::{DeviceId, Digest, KeyFingerprint, SectionName, Timestamp};

use crate::checkpoints;
use crate::database::{at_postgres, at_sqlite, execute};
use crate::fixture::{Chain, DAY, at, inn, key, ogrn, place_of};
use crate::tokens::spend;

const STORED: CommitOutcome = CommitOutcome::Stored { missing: Vec::new() };
/// Memory as it was in September and again in December, in October, and in the fork.
const MEMORY: [&str; 3] = ["{\"memory\":8}", "{\"memory\":16}", "{\"memory\":99}"];
const SOFTWARE: &str = "{\"software\":[\"r7-office\"]}";
/// Named by a report and not sent yet.
const STORAGE: &str = "{\"storage\":[\"S4EWNX000077\"]}";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn device_id(number: u128) -> DeviceId {
    id(number).to_string().parse().unwrap()
}

/// Two devices of a school: the first with two keys and a chain over four months, the second revoked.
struct Past {
    chain: Chain,
    silent: Chain,
    /// In the order in which they were stored.
    reports: Vec<(ReportToStore, ReportState)>,
}

impl Past {
    fn new() -> Self {
        let mut chain = Chain::new((1, device_id(1)), 1);
        let mut silent = Chain::new((2, device_id(2)), 3);
        let on = |mut report: ReportToStore, moment: &str| {
            report.received_at = time(moment);
            report
        };
        let (memory, software, storage) = (SectionName::Memory, SectionName::Software, SectionName::Storage);
        let first = chain.report(&[(memory, MEMORY[0]), (software, SOFTWARE)], 1);
        let mut rival = chain.clone();
        let second = chain.report(&[(memory, MEMORY[1])], 2);
        chain.resumed = Some(Resumption::StateRestored);
        let mut third = chain.report(&[(storage, STORAGE)], 3);
        third.bodies.clear();
        let forged = rival.report(&[(memory, MEMORY[2])], 4);
        let last = chain.report(&[(memory, MEMORY[0])], 5);
        let of_silent = silent.report(&[(memory, MEMORY[0])], 6);
        let (stored, fork) = (ReportState::Stored, ReportState::Fork);
        let reports = vec![
            (on(first, "2026-09-30T23:59:59.999999Z"), stored),
            (on(second, "2026-10-01T00:00:00.000000Z"), stored),
            (on(third, "2026-10-15T08:00:00.000000Z"), stored),
            (on(forged, "2026-10-20T08:00:00.000000Z"), fork),
            (on(of_silent, "2026-11-03T08:00:00.000000Z"), stored),
            (on(last, "2026-12-03T08:00:00.000000Z"), stored),
        ];
        Self { chain, silent, reports }
    }

    fn report(&self, number: usize) -> &ReportToStore {
        &self.reports[number].0
    }

    fn token() -> TokenId {
        id(31).to_string().parse().unwrap()
    }

    /// One for each key.
    fn certificate(number: u64) -> IssuedCertificate {
        IssuedCertificate {
            serial: format!("{number:032x}"),
            key: key(number).fingerprint(),
            device: device_id(if number < 3 { 1 } else { 2 }),
            not_before: at(0),
            not_after: at(0) + 400 * DAY,
            issued_at: at(10),
            der: vec![0x30, 0x00, 0xff],
        }
    }
}

/// Texts of statements as the engine reads them; internal ids are given in order, from 1.
struct Rows {
    is_sqlite: bool,
    text: String,
}

impl Rows {
    fn blob(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.is_sqlite {
            format!("X'{digits}'")
        } else {
            format!("'\\x{digits}'")
        }
    }

    fn add(&mut self, table: &str, columns: &str, values: &str) {
        self.text += &format!("INSERT INTO {table} ({columns}) VALUES ({values});\n");
    }

    fn register(&mut self) {
        let version = "valid_from, recorded_at, source";
        let since = format!("{0}, {0}, 'import'", at(0).unix_micros());
        self.add(
            "municipality",
            "oktmo, name, name_key, time_zone",
            "'57701000', 'город Пермь', 'город пермь', 'Asia/Yekaterinburg'",
        );
        self.add("organization", "external_id, ogrn", &format!("'{}', '{}'", id(11), ogrn(1)));
        let school = format!(
            "1, 1, '{}', 'school', 'МАОУ «Школа № 2»', 'Школа № 2', 'школа 2', 'школа 0002', 'active', {since}",
            inn(1)
        );
        self.add(
            "organization_version",
            &format!("organization_id, municipality_id, inn, kind, name, short_name, name_key, sort_key, status, {version}"),
            &school,
        );
        self.add("building", "external_id, organization_id, number", &format!("'{}', 1, 1", id(12)));
        self.add(
            "building_version",
            &format!("building_id, address, oktmo, settlement, settlement_class, {version}"),
            &format!("1, 'ул. Мира, 1', '57701000001', 'Пермь', 'city', {since}"),
        );
        self.add("room", "external_id, building_id, number", &format!("'{}', 1, '101'", id(13)));
        self.add(
            "room_version",
            &format!("room_id, name, purpose, {version}"),
            &format!("1, 'Кабинет 101', 'it_class', {since}"),
        );
    }

    fn people(&mut self) {
        self.add(
            "operator",
            "external_id, login, display_name, password_hash, must_change_password, role, language, created_at, failed_attempts",
            &format!(
                "'{}', 'ivanova', 'Иванова', 'hash', 0, 'region_administrator', 'ru', {}, 0",
                id(21),
                at(1).unix_micros()
            ),
        );
        self.add(
            "session",
            "token_hash, operator_id, csrf_token, created_at, last_seen_at, expires_at",
            &format!("'session', 1, 'csrf', {0}, {0}, {1}", at(1).unix_micros(), at(1_000).unix_micros()),
        );
        self.add(
            "activity",
            "at, operator_id, operator_login, action, subject_kind, subject_id, organization_id, detail",
            &format!(
                "{}, 1, 'ivanova', 'token_created', 'token', '{}', 1, '{{}}'",
                at(2).unix_micros(),
                Past::token()
            ),
        );
        self.add(
            "token",
            "external_id, secret_hash, organization_id, building_id, room_id, uses_limit, uses, expires_at, created_at, created_by, note",
            &format!(
                "'{}', '{}', 1, 1, 1, 5, 2, {}, {}, 1, 'класс 101'",
                Past::token(),
                Digest::of(b"secret"),
                at(10_000).unix_micros(),
                at(1).unix_micros()
            ),
        );
        for number in [1, 2] {
            let hardware = Digest::of(format!("PC{number:08}").as_bytes());
            self.add(
                "token_use",
                "token_id, evidence_digest, device_id, used_at",
                &format!("1, '{hardware}', '{}', {}", device_id(number), at(10).unix_micros()),
            );
        }
    }

    fn devices(&mut self) {
        for (number, state, name) in [(1, "enrolled", "pc-101"), (2, "left", "pc-102")] {
            self.add(
                "device",
                "external_id, organization_id, building_id, room_id, enrolled_at, state, receipt, host_name, maker, model, memory_bytes, search_key",
                &format!(
                    "'{}', 1, 1, 1, {}, '{state}', '{{\"receipt\":{number}}}', '{name}', 'Aquarius', 'NS685U', 8000, 'aquarius ns685u {name}'",
                    device_id(number),
                    at(10).unix_micros()
                ),
            );
            self.add(
                "presence",
                "device_id, last_seen_at, last_report_at, agent_version, clock_offset_micros, collect, revision, wake",
                &format!(
                    "{number}, {}, {}, '0.1.0', 1500000, 0, 7, 0",
                    at(500).unix_micros(),
                    at(400).unix_micros()
                ),
            );
        }
        for number in 1..=3 {
            let certificate = Past::certificate(number);
            let device = if number < 3 { 1 } else { 2 };
            let public_key = self.blob(key(number).spki_der());
            self.add(
                "device_key",
                "fingerprint, device_id, public_key, first_seen_at",
                &format!("'{}', {device}, {public_key}, {}", certificate.key, at(10).unix_micros()),
            );
            let der = self.blob(&certificate.der);
            self.add(
                "certificate",
                "serial, fingerprint, device_external_id, not_before, not_after, issued_at, der",
                &format!(
                    "'{}', '{}', '{}', {}, {}, {}, {der}",
                    certificate.serial,
                    certificate.key,
                    certificate.device,
                    certificate.not_before.unix_micros(),
                    certificate.not_after.unix_micros(),
                    certificate.issued_at.unix_micros()
                ),
            );
        }
        self.add(
            "revocation",
            "fingerprint, revoked_at, reason, operator_id",
            &format!("'{}', {}, 'списан', 1", key(3).fingerprint(), at(600).unix_micros()),
        );
    }

    /// Breaks and forks were a finding each.
    fn findings(&mut self) {
        let found = [
            ("chain_break", "{\"resumed\":\"state_restored\",\"n\":1}", 100),
            ("chain_break", "{\"resumed\":\"record_lost\",\"n\":2}", 150),
            ("chain_break", "{\"resumed\":\"state_restored\",\"n\":3}", 200),
            ("fork", "{\"n\":4}", 250),
            ("chain_break", "{\"resumed\":\"state_restored\",\"n\":5}", 300),
            ("chain_break", "{\"resumed\":null,\"n\":6}", 50),
        ];
        for (kind, detail, seconds) in found {
            self.add(
                "finding",
                "device_id, kind, detail, found_at",
                &format!("1, '{kind}', '{detail}', {}", at(seconds).unix_micros()),
            );
        }
        self.add(
            "finding",
            "device_id, kind, detail, found_at",
            &format!("2, 'clock', '{{\"n\":7}}', {}", at(1).unix_micros()),
        );
    }

    fn reports(&mut self, past: &Past) {
        let mut current = std::collections::BTreeMap::new();
        for (number, (report, state)) in (1..).zip(&past.reports) {
            let (envelope, received_at) = (&report.received.envelope, report.received_at.unix_micros());
            let text = |word: Option<String>| word.map_or("NULL".to_owned(), |word| format!("'{word}'"));
            let resumed = text(envelope.resumed.map(|_| "state_restored".to_owned()));
            let previous = text(envelope.previous.map(|digest| digest.to_string()));
            let stored = match state {
                ReportState::Stored => "stored",
                ReportState::Fork => "fork",
            };
            // Envelopes lay as they came.
            let (bytes, signature) = (self.blob(&report.received.bytes), self.blob(report.signature.as_bytes()));
            self.add(
                "report",
                "device_id, fingerprint, epoch, sequence, digest, previous, resumed, kind, envelope, signature, received_at, device_time, \
                 trusted_time, state",
                &format!(
                    "{}, '{}', {}, {}, '{}', {previous}, {resumed}, 'inventory', {bytes}, {signature}, {received_at}, {}, {2}, '{stored}'",
                    report.device,
                    envelope.key,
                    envelope.place.epoch,
                    envelope.place.sequence,
                    report.received.digest,
                    envelope.clock.device.unix_micros()
                ),
            );
            for (section, digest) in &envelope.sections {
                self.add(
                    "report_section",
                    "report_id, section, body_digest",
                    &format!("{number}, '{section}', '{digest}'"),
                );
                if *state == ReportState::Stored {
                    current.insert((report.device, *section), format!("'{digest}', {number}, {received_at}"));
                }
            }
        }
        for ((device, section), rest) in current {
            self.add(
                "device_section",
                "device_id, section, body_digest, report_id, received_at",
                &format!("{device}, '{section}', {rest}"),
            );
        }
        // Bodies lay once, with the moment when they came first.
        for (body, report) in [(MEMORY[0], 0), (SOFTWARE, 0), (MEMORY[1], 1), (MEMORY[2], 3)] {
            let packed = self.blob(&zstd::bulk::compress(body.as_bytes(), 3).unwrap());
            let came_at = past.report(report).received_at.unix_micros();
            let digest = Digest::of(body.as_bytes());
            self.add(
                "body",
                "digest, bytes, size, received_at",
                &format!("'{digest}', {packed}, {}, {came_at}", body.len()),
            );
        }
        for (chain, newest) in [(&past.chain, 5), (&past.silent, 4)] {
            let head = past.report(newest).received.head();
            self.add(
                "chain_head",
                "fingerprint, device_id, epoch, sequence, digest",
                &format!(
                    "'{}', {}, {}, {}, '{}'",
                    chain.key, chain.device, head.place.epoch, head.place.sequence, head.digest
                ),
            );
        }
    }
}

/// What migration 6 left, filled and brought up to date.
async fn brought_up(address: &str, past: &Past) -> Store {
    let store = Store::open_to_restore(address).await.unwrap();
    store.migrate_to(6).await.unwrap();
    store.close().await;
    let mut rows = Rows {
        is_sqlite: address.starts_with("sqlite"),
        text: String::new(),
    };
    rows.register();
    rows.people();
    rows.devices();
    rows.findings();
    rows.reports(past);
    execute(address, rows.text).await;
    let store = Store::open(address).await.unwrap();
    assert_eq!(store.migration().await.unwrap(), store.newest_migration());
    store
}

async fn people_and_tokens_are_read(store: &Store) {
    let place = place_of(store, 1).await;
    assert_eq!(place.room_name.as_ref().map(ToString::to_string).as_deref(), Some("Кабинет 101"));
    let operator = store.operator_by_login("ivanova").await.unwrap().unwrap();
    let session = store.session("session", at(100)).await.unwrap().unwrap();
    assert_eq!(session.operator, operator);
    let log = store.activities(Scope::REGION, Page::default()).await.unwrap();
    assert_eq!((log.total, log.rows[0].action.as_str()), (1, "token_created"));
    let token = store.token(Scope::REGION, Past::token()).await.unwrap().unwrap();
    assert_eq!((token.uses, token.uses_limit, token.secret_hash), (2, 5, Digest::of(b"secret")));
    let again = spend(store, Past::token(), 1, DeviceId::generate(), at(700)).await;
    assert_eq!(again, Spend::Again { device: device_id(1) });
}

async fn devices_and_keys_are_read(store: &Store) {
    let device = store.device(Scope::REGION, device_id(1)).await.unwrap().unwrap();
    assert_eq!((device.id, device.state, device.enrolled_at), (1, DeviceState::Enrolled, at(10)));
    assert_eq!((device.last_seen_at, device.last_report_at), (Some(at(500)), Some(at(400))));
    assert_eq!(
        (device.agent_version.as_deref(), device.clock_offset_micros),
        (Some("0.1.0"), Some(1_500_000))
    );
    assert_eq!(device.receipt.as_deref(), Some("{\"receipt\":1}"));
    let summary = DeviceSummary {
        host_name: Some("pc-101".into()),
        maker: Some("Aquarius".into()),
        model: Some("NS685U".into()),
        memory_bytes: Some(8000),
        ..DeviceSummary::default()
    };
    assert_eq!(device.summary, summary);
    let left = store.device(Scope::REGION, device_id(2)).await.unwrap().unwrap();
    assert_eq!(left.state, DeviceState::Left);
    let named = DeviceFilter {
        query: Some("NS685U".into()),
        ..DeviceFilter::default()
    };
    assert_eq!(store.devices(Scope::REGION, &named, Page::default()).await.unwrap().total, 2);

    let keys = store.device_keys(1).await.unwrap();
    let mut fingerprints: Vec<KeyFingerprint> = keys.iter().map(|key| key.fingerprint).collect();
    fingerprints.sort();
    let mut wanted = [key(1).fingerprint(), key(2).fingerprint()];
    wanted.sort();
    assert_eq!(fingerprints, wanted);
    let keyed = store.device_by_key(key(2).fingerprint()).await.unwrap().unwrap();
    assert_eq!((keyed.external_id, keyed.key), (device_id(1), key(2)));
    assert_eq!(
        store.certificates(device_id(1)).await.unwrap(),
        [Past::certificate(2), Past::certificate(1)]
    );
    assert!(store.is_revoked(key(3).fingerprint()).await.unwrap());
    assert!(!store.is_revoked(key(1).fingerprint()).await.unwrap());
    let related = store.relatives(1).await.unwrap();
    assert!(related.merged_into.is_none() && related.cloned_from.is_none() && related.copies == 0);
    assert!(store.evidence(1).await.unwrap().is_empty(), "its agent will say");
}

async fn findings_are_read(store: &Store) {
    let found: Vec<_> = store
        .findings(1, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|finding| (finding.kind, finding.times, finding.found_at, finding.last_found_at, finding.detail))
        .collect();
    let one = |kind, seconds, detail: &str| (kind, 1, at(seconds), at(seconds), detail.to_owned());
    let restored = "{\"resumed\":\"state_restored\",\"n\":5}".to_owned();
    assert_eq!(
        found,
        [
            (FindingKind::ChainBreak, 3, at(100), at(300), restored),
            one(FindingKind::Fork, 250, "{\"n\":4}"),
            one(FindingKind::ChainBreak, 150, "{\"resumed\":\"record_lost\",\"n\":2}"),
            one(FindingKind::ChainBreak, 50, "{\"resumed\":null,\"n\":6}"),
        ]
    );
    assert_eq!(store.findings(2, 10).await.unwrap()[0].kind, FindingKind::Clock);
}

fn bodies(sections: &[CurrentSection]) -> Vec<(SectionName, i64, Option<&str>)> {
    let body = |section: &CurrentSection| section.body.clone().map(|body| String::from_utf8(body).unwrap());
    let known = [MEMORY[0], MEMORY[1], MEMORY[2], SOFTWARE, STORAGE];
    let mut listed: Vec<_> = sections
        .iter()
        .map(|section| {
            let text = body(section).map(|text| known.into_iter().find(|known| *known == text).unwrap());
            (section.section, section.report_id, text)
        })
        .collect();
    listed.sort();
    listed
}

async fn reports_are_read(store: &Store, past: &Past) {
    for (report, _) in &past.reports {
        let read = store.report_bytes(report.received.digest).await.unwrap().unwrap();
        assert_eq!(read.envelope, report.received.bytes, "byte for byte");
        assert_eq!(read.signature, report.signature.as_bytes());
        assert_eq!(
            (read.device, read.key, read.received_at),
            (report.device, report.received.envelope.key, report.received_at)
        );
        for section in report.received.envelope.sections.values() {
            let body = store.body(*section).await.unwrap();
            assert_eq!(body.is_some(), *section != Digest::of(STORAGE.as_bytes()));
            assert!(body.is_none_or(|body| Digest::of(&body) == *section));
        }
    }
    let listed = store.reports(1, Page::default()).await.unwrap();
    let rows: Vec<_> = listed
        .rows
        .iter()
        .map(|row| (row.id, row.state, row.sections, row.resumed))
        .collect();
    let (stored, fork) = (ReportState::Stored, ReportState::Fork);
    assert_eq!(
        rows,
        [
            (6, stored, 1, None),
            (4, fork, 1, None),
            (3, stored, 1, Some(Resumption::StateRestored)),
            (2, stored, 1, None),
            (1, stored, 2, None)
        ]
    );
    assert_eq!(listed.rows[0].previous, past.report(5).received.envelope.previous);
    let sections = store.current_sections(1).await.unwrap();
    let mut wanted = [
        (SectionName::Memory, 6, Some(MEMORY[0])),
        (SectionName::Software, 1, Some(SOFTWARE)),
        (SectionName::Storage, 3, None),
    ];
    wanted.sort();
    assert_eq!(bodies(&sections), wanted);
    assert_eq!(
        bodies(&store.current_sections(2).await.unwrap()),
        [(SectionName::Memory, 5, Some(MEMORY[0]))]
    );
    let received = store.received_reports(1, 0, 100).await.unwrap();
    assert_eq!(received.len(), 5);
    assert_eq!(store.evidence_keys(1).await.unwrap().len(), 2);
}

/// A first checkpoint has everything that there was before there were any.
async fn all_is_in_a_checkpoint(store: &Store) {
    let record = checkpoints::Region::new().now(store, 20_000_000).await;
    assert_eq!((record.checkpoint.heads.count, record.checkpoint.authority_log.count), (2, 4));
    assert!(checkpoints::is_proven(store, &record, 1).await && checkpoints::is_proven(store, &record, 3).await);
}

/// What comes again is known, what comes next follows, and a body that was waited for is taken.
async fn chains_go_on(store: &Store, past: &mut Past) {
    let head = past.report(5).received.head();
    assert_eq!(store.chain_head(past.chain.key).await.unwrap(), Some(head));
    let later = |report: &ReportToStore| ReportToStore {
        received_at: time("2026-12-10T08:00:00.000000Z"),
        ..report.clone()
    };
    for old in [1, 5] {
        let again = store.commit_reports(&[later(past.report(old))]).await.unwrap();
        assert_eq!(again, [CommitOutcome::Duplicate]);
    }
    let forged = store.commit_reports(&[later(past.report(3))]).await.unwrap();
    assert_eq!(forged, [CommitOutcome::Forked { head }]);
    let mut waited_for = later(past.report(2));
    waited_for.bodies = past.chain.clone().report(&[(SectionName::Storage, STORAGE)], 7).bodies;
    assert_eq!(store.commit_reports(&[waited_for]).await.unwrap(), [CommitOutcome::Duplicate]);
    let next = later(&past.chain.report(&[(SectionName::Memory, MEMORY[1])], 8));
    assert_eq!(store.commit_reports(std::slice::from_ref(&next)).await.unwrap(), [STORED]);
    assert_eq!(store.chain_head(past.chain.key).await.unwrap(), Some(next.received.head()));

    let listed = store.reports(1, Page::default()).await.unwrap();
    assert_eq!(listed.total, 6, "nothing is there twice");
    assert!(listed.rows[0].id > 6, "no number is given twice");
    let mut wanted = [
        (SectionName::Memory, listed.rows[0].id, Some(MEMORY[1])),
        (SectionName::Software, 1, Some(SOFTWARE)),
        (SectionName::Storage, 3, Some(STORAGE)),
    ];
    wanted.sort();
    assert_eq!(bodies(&store.current_sections(1).await.unwrap()), wanted);
    let forks = store.findings(1, 10).await.unwrap();
    assert_eq!(forks.iter().filter(|finding| finding.kind == FindingKind::Fork).count(), 1);
}

/// The months that the migration made are let go like any other, and take nothing along that is still stated.
async fn old_months_go(store: &Store, past: &Past) {
    let before = (store.current_sections(1).await.unwrap(), store.current_sections(2).await.unwrap());
    let gone = retention::run(store, &Metrics::default(), Some(0), time("2027-01-20T08:00:00.000000Z"))
        .await
        .unwrap();
    assert_eq!(gone.months, 4);
    let after = (store.current_sections(1).await.unwrap(), store.current_sections(2).await.unwrap());
    assert_eq!(bodies(&after.0), bodies(&before.0));
    assert_eq!(bodies(&after.1), bodies(&before.1));
    assert!(store.report_bytes(past.report(0).received.digest).await.unwrap().is_some());
    assert!(store.report_bytes(past.report(3).received.digest).await.unwrap().is_none());
}

async fn an_old_database(address: String) {
    let mut past = Past::new();
    let store = brought_up(&address, &past).await;
    people_and_tokens_are_read(&store).await;
    devices_and_keys_are_read(&store).await;
    findings_are_read(&store).await;
    reports_are_read(&store, &past).await;
    all_is_in_a_checkpoint(&store).await;
    chains_go_on(&store, &mut past).await;
    old_months_go(&store, &past).await;
    assert!(store.delete_device(Scope::REGION, device_id(2)).await.unwrap());
    assert_eq!(store.reports(2, Page::default()).await.unwrap().total, 0);
    assert_eq!(store.findings(2, 10).await.unwrap(), []);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_database_on_sqlite_loses_nothing() {
    at_sqlite(an_old_database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_database_on_postgres_loses_nothing() {
    at_postgres(an_old_database).await;
}
