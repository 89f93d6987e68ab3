//! When a computer ran: a real agent's day, signed into the chain, stored and proven; and what is no day.

use std::collections::BTreeMap;

use cos_controller::uptime::by_local_days;
use inventory_schema::Envelope;
use inventory_schema::envelope::ReportKind;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{ReportBatch, ReportOutcome};
use jiff::tz::TimeZone;

use crate::archives::{archive_of, checkpoint, days_checkpoint, holds};
use crate::device::{Device, digest};
use crate::event::until;
use crate::held::whole;
use crate::region::{DAY, Region};

pub async fn a_day_of_a_real_agent_is_reported_when_it_is_over(region: Region) {
    days_checkpoint(&region).await;
    let device = Device::new(&region).await;
    let began = region.clock.now();
    let agent = device.run();
    whole(&region, &device).await;
    agent.stop().await;
    let record = device.record(&region).await.unwrap().id;
    assert_eq!(region.store().reported_days(record, 10).await.unwrap(), [], "the day is not over");

    // The next morning.
    region.clock.advance(DAY);
    let agent = device.run();
    let days = until("the day before", async || {
        let days = region.store().reported_days(record, 10).await.unwrap();
        (!days.is_empty()).then_some(days)
    })
    .await;
    agent.stop().await;
    let [day] = days.as_slice() else { panic!("{days:?}") };
    assert_eq!(day.day, began.day());
    let local = by_local_days(&days, &TimeZone::UTC);
    let (_, ran) = local.first_key_value().unwrap();
    assert!((15..=30).contains(&ran.minutes()), "a run of some seconds: {ran:?}");

    checkpoint(&region).await;
    let verdict = holds(&archive_of(&region, &[device.enrollment.device]).await, None);
    assert_eq!((verdict.devices, verdict.bodies_missing), (1, 0));
    // It changes nothing of what the computer is.
    let agent = device.run();
    whole(&region, &device).await;
    agent.stop().await;
    assert_eq!(region.store().reported_days(record, 10).await.unwrap().len(), 1, "once");
}

pub async fn a_day_that_is_none_is_refused_and_harms_no_chain(region: Region) {
    let device = Device::new(&region).await;
    let told =
        |running: &str, more: &str| format!(r#"{{"day":"2026-09-01","format":"activity/1","running":"{running}"{more},"time":"trusted"}}"#);
    let envelope = |body: &str| Envelope {
        kind: ReportKind::Activity,
        body: Some(digest(body)),
        ..device.envelope(BTreeMap::new())
    };
    let sent = async |envelope: &Envelope, body: &str| {
        let batch = ReportBatch {
            reports: vec![device.sign(envelope)],
            bodies: [(digest(body), body.to_owned())].into(),
        };
        device.send(&batch).await
    };
    let refused = |code| ReportOutcome::Refused { code };
    let (good, short) = (told("000000ff0000000000000000", ""), told("ff", ""));
    let long = told("000000ff0000000000000000", &format!(r#","started":["{}"]"#, "x".repeat(3_000)));
    assert_eq!(sent(&envelope(&short), &short).await, refused(ProblemCode::SectionInvalid));
    assert_eq!(sent(&envelope(&long), &long).await, refused(ProblemCode::BodyTooLarge));
    let kept = envelope(&good);
    assert_eq!(sent(&kept, &good).await, ReportOutcome::Stored { missing: Vec::new() });
    let record = device.record(&region).await.unwrap().id;
    assert_eq!(region.store().reported_days(record, 10).await.unwrap().len(), 1);
}
