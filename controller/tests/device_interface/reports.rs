//! Reports that are not what they should be: each is answered by its own code, and harms no other.

use cos_controller::store::Page;
use cos_controller::store::finding::FindingKind;
use cos_controller::store::report::ReportState;
use inventory_schema::SectionName;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_REPORTS_PER_BATCH, MAX_SECTION_BYTES, ReportBatch, ReportOutcome};

use crate::device::{Device, digest, digests, head_of, memory, refusal};
use crate::region::Region;

const STORED: ReportOutcome = ReportOutcome::Stored { missing: Vec::new() };

fn refused(code: ProblemCode) -> ReportOutcome {
    ReportOutcome::Refused { code }
}

async fn reports_of(region: &Region, device: &Device) -> i64 {
    let record = device.record(region).await.unwrap();
    region.store().reports(record.id, Page::default()).await.unwrap().total
}

pub async fn a_replayed_report_is_a_duplicate_and_a_reordered_one_a_gap(region: Region) {
    let mut device = Device::new(&region).await;
    let batches: Vec<ReportBatch> = (1..=4)
        .map(|bytes| device.report(&[(SectionName::Memory, &memory(bytes))]))
        .collect();
    assert_eq!(device.send(&batches[0]).await, STORED);
    assert_eq!(device.send(&batches[0]).await, ReportOutcome::Duplicate);
    let head = head_of(&batches[0].reports[0]);
    for later in [3, 2] {
        assert_eq!(device.send(&batches[later]).await, ReportOutcome::Gap { head });
    }
    assert_eq!(reports_of(&region, &device).await, 1);
    for batch in &batches[1..] {
        assert_eq!(device.send(batch).await, STORED);
    }
    assert_eq!(device.send(&batches[1]).await, ReportOutcome::Duplicate);
    // What was replayed late does not bring back what was true once.
    let record = device.record(&region).await.unwrap();
    let sections = region.store().current_sections(record.id).await.unwrap();
    assert_eq!(sections[0].body.as_deref(), Some(memory(4).as_bytes()));
    region.stop().await;
}

pub async fn an_envelope_that_was_changed_is_refused(region: Region) {
    let device = Device::new(&region).await;
    let body = memory(1);
    let bodies = [(SectionName::Memory, body.as_str())];
    let good = device.batch(&device.envelope(digests(&bodies)), &bodies);
    let text = good.reports[0].envelope.clone();
    let with = |envelope: String| {
        let mut batch = good.clone();
        batch.reports[0].envelope = envelope;
        batch
    };
    let signed = |envelope: String| {
        let mut batch = good.clone();
        batch.reports[0] = device.sign_text(envelope);
        batch
    };
    let invalid = ProblemCode::EnvelopeInvalid;
    let unsigned = ProblemCode::SignatureInvalid;
    let spaced = text.replacen(',', ", ", 1);
    let unknown_format = text.replace("envelope/1", "envelope/2");
    let zero = text.replace(r#""sequence":1"#, r#""sequence":0"#);
    let float = text.replace(r#""sequence":1"#, r#""sequence":1.0"#);
    let twice = text.replacen('{', r#"{"agent":"0.1.0","#, 1);
    let large = text.replacen('{', &format!(r#"{{"aaaa":"{}","#, "x".repeat(2048)), 1);
    let cases = [
        (with(text[..text.len() - 20].to_owned()), unsigned),
        (with(text.replace(r#""sequence":1"#, r#""sequence":2"#)), unsigned),
        (with(spaced.clone()), unsigned),
        (with(String::new()), unsigned),
        (signed(text[..text.len() - 20].to_owned()), invalid),
        (signed(spaced), invalid),
        (signed(unknown_format), invalid),
        (signed(zero), invalid),
        (signed(float), invalid),
        (signed(twice), invalid),
        (signed(large), invalid),
        (signed("[".repeat(1000)), invalid),
        (signed("null".to_owned()), invalid),
    ];
    for (batch, code) in &cases {
        let envelope = &batch.reports[0].envelope;
        assert_eq!(device.send(batch).await, refused(*code), "{:.120}", envelope);
    }
    assert_eq!(device.send(&good).await, STORED);
    region.stop().await;
}

pub async fn a_body_that_does_not_fit_its_report_is_refused(region: Region) {
    let device = Device::new(&region).await;
    let one = |body: &str| {
        let bodies = [(SectionName::Memory, body)];
        device.batch(&device.envelope(digests(&bodies)), &bodies)
    };
    let mut changed = one(&memory(1));
    changed.bodies.insert(digest(&memory(1)), memory(2));
    let oversized = format!(
        r#"{{"content":{{}},"format":"memory/1","note":"{}"}}"#,
        "x".repeat(MAX_SECTION_BYTES)
    );
    let cases = [
        (changed, ProblemCode::BodyMismatch),
        (one(&memory(1).replace("memory/1", "memory/2")), ProblemCode::SectionInvalid),
        (one(&memory(1).replace("memory/1", "storage/1")), ProblemCode::SectionInvalid),
        (one(&memory(1).replace(':', ": ")), ProblemCode::SectionInvalid),
        (one(&memory(1).replace(":1", ":-1")), ProblemCode::SectionInvalid),
        (one(&memory(1).replace(":1", ":1.5")), ProblemCode::SectionInvalid),
        (one(r#"{"format":"memory/1"}"#), ProblemCode::SectionInvalid),
        (one(&"[".repeat(10_000)), ProblemCode::SectionInvalid),
        (one(""), ProblemCode::SectionInvalid),
        (one(&oversized), ProblemCode::BodyTooLarge),
    ];
    for (batch, code) in &cases {
        let body = batch.bodies.values().next().unwrap();
        assert_eq!(device.send(batch).await, refused(*code), "{body:.100}");
    }
    assert_eq!(reports_of(&region, &device).await, 0);
    region.stop().await;
}

pub async fn unknown_fields_are_kept_as_they_came(region: Region) {
    let mut device = Device::new(&region).await;
    let body = r#"{"content":{"disks":[],"wear":3},"format":"storage/1","origin":"a newer agent"}"#;
    let bodies = [(SectionName::Storage, body)];
    let plain = serde_json::to_value(device.envelope(digests(&bodies))).unwrap();
    let mut extended = plain.as_object().unwrap().clone();
    extended.insert("weather".into(), "snow".into());
    let text = inventory_schema::CanonicalBytes::of(&extended).unwrap().into_text();
    let mut batch = device.batch(&device.envelope(digests(&bodies)), &bodies);
    batch.reports[0] = device.sign_text(text.clone());
    assert_eq!(device.send(&batch).await, STORED);
    let stored = region.store().report_bytes(digest(&text)).await.unwrap().unwrap();
    assert_eq!(stored.envelope, text.as_bytes());
    let kept = region.store().body(digest(body)).await.unwrap();
    assert_eq!(kept.as_deref(), Some(body.as_bytes()));
    device.head = Some(head_of(&batch.reports[0]));
    let next = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&next).await, STORED);
    region.stop().await;
}

pub async fn one_poisoned_report_among_256_harms_no_other(region: Region) {
    let mut device = Device::new(&region).await;
    let mut batch = ReportBatch::default();
    for bytes in 1..MAX_REPORTS_PER_BATCH as u64 {
        let report = device.report(&[(SectionName::Memory, &memory(bytes))]);
        batch.reports.extend(report.reports);
        batch.bodies.extend(report.bodies);
    }
    let mut poisoned = batch.reports[100].clone();
    poisoned.envelope = poisoned.envelope.replace("0.1.0", "6.6.6");
    batch.reports.insert(128, poisoned);
    assert_eq!(batch.reports.len(), MAX_REPORTS_PER_BATCH);
    let answers = device.transport.send_reports(&batch).await.unwrap().answers;
    assert_eq!(answers.len(), MAX_REPORTS_PER_BATCH);
    for (place, (answer, report)) in answers.iter().zip(&batch.reports).enumerate() {
        assert_eq!(answer.digest, digest(&report.envelope));
        let expected = if place == 128 {
            refused(ProblemCode::SignatureInvalid)
        } else {
            STORED
        };
        assert_eq!(answer.outcome, expected, "{place}");
    }
    assert_eq!(reports_of(&region, &device).await, 255);
    batch.reports.push(batch.reports[0].clone());
    let too_many = device.transport.send_reports(&batch).await;
    assert_eq!(refusal(too_many), ProblemCode::BodyTooLarge);
    region.stop().await;
}

pub async fn a_fork_keeps_both_and_the_agent_begins_a_new_epoch(region: Region) {
    let mut device = Device::new(&region).await;
    let first = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&first).await, STORED);
    let begun = device.head;
    let second = device.report(&[(SectionName::Memory, &memory(2))]);
    assert_eq!(device.send(&second).await, STORED);
    let head = device.head.unwrap();
    // The disk's copy of the same computer continues from the same place.
    device.head = begun;
    let copy = device.report(&[(SectionName::Memory, &memory(3))]);
    assert_eq!(device.send(&copy).await, ReportOutcome::Forked { head });

    let record = device.record(&region).await.unwrap();
    let reports = region.store().reports(record.id, Page::default()).await.unwrap().rows;
    let mut states: Vec<_> = reports.iter().map(|report| report.state == ReportState::Fork).collect();
    states.sort_unstable();
    assert_eq!(states, [false, false, true], "both are kept");
    assert_eq!(region.findings(record.id).await, [FindingKind::Fork]);
    let sections = region.store().current_sections(record.id).await.unwrap();
    assert_eq!(sections[0].body.as_deref(), Some(memory(2).as_bytes()), "the fork changes no state");

    // From what it was told, it goes on in a new epoch.
    device.head = Some(head);
    let body = memory(3);
    let bodies = [(SectionName::Memory, body.as_str())];
    let mut envelope = device.envelope(digests(&bodies));
    envelope.place = inventory_schema::envelope::ChainPlace { epoch: 1, sequence: 1 };
    envelope.resumed = Some(inventory_schema::envelope::Resumption::Forked);
    assert_eq!(device.send(&device.batch(&envelope, &bodies)).await, STORED);
    region.stop().await;
}
