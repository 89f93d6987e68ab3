//! Measurements of real agents: signed into the chain, stored, exported with the evidence; and what is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use cos_agent::eventloop;
use cos_controller::register::sample::lines::sample_measurement;
use cos_controller::store::measurement::StoredMeasurement;
use inventory_schema::envelope::ReportKind;
use inventory_schema::measurement::{Direction, MAX_MEASUREMENT_BYTES, Measurement};
use inventory_schema::organization::SettlementClass;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{ReportBatch, ReportOutcome};
use inventory_schema::{CanonicalBytes, DeviceId, Digest, Envelope, SectionName};
use tokio::sync::{mpsc, oneshot};

use crate::archives::{archive_of, checkpoint, days_checkpoint, faults, holds, rebuilt};
use crate::device::{Device, digest, memory};
use crate::event::until;
use crate::region::Region;

const STORED: ReportOutcome = ReportOutcome::Stored { missing: Vec::new() };

fn measured(region: &Region, number: u64, device: Option<DeviceId>) -> Measurement {
    Measurement {
        device,
        ..sample_measurement(number, region.clock.now(), Direction::Down, SettlementClass::City, 150.0)
    }
}

async fn stored(region: &Region) -> Vec<StoredMeasurement> {
    let building = region.place().await.building_id;
    let now = region.clock.now();
    let (day, hour) = (Duration::from_secs(86_400), Duration::from_secs(3_600));
    region.store().measurements(building, now - day, now + hour, 100).await.unwrap()
}

pub async fn a_measurement_of_a_real_agent_is_stored_and_proven(region: Region) {
    days_checkpoint(&region).await;
    let device = Device::new(&region).await;
    let id = device.enrollment.device;
    let (measurements, arriving) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel::<()>();
    let computer = &device.computer;
    let running = tokio::spawn(eventloop::run_reporting(
        computer.config.clone(),
        computer.collector(),
        computer.clock.clone(),
        arriving,
        async {
            let _ = stopped.await;
        },
    ));
    let first = measured(&region, 1, Some(id));
    measurements.send(first.clone()).await.unwrap();
    measurements.send(measured(&region, 2, None)).await.unwrap();
    until("both measurements", async || (stored(&region).await.len() == 2).then_some(())).await;
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();

    let found = stored(&region).await;
    let same = found.iter().find(|found| found.measurement.id == first.id).unwrap();
    assert_eq!((&same.measurement, same.device), (&first, Some(id)));
    // What the computer is was stated beside it, and by no measurement.
    let record = device.record(&region).await.unwrap();
    assert!(
        region
            .store()
            .held_digests(record.id)
            .await
            .unwrap()
            .contains_key(&SectionName::Memory)
    );

    // The archive holds the measurements as they were signed, and a changed one is noticed.
    checkpoint(&region).await;
    let archive = archive_of(&region, &[id]).await;
    let verdict = holds(&archive, None);
    assert_eq!((verdict.devices, verdict.bodies_missing), (1, 0));
    assert!(verdict.reports >= 3, "an inventory and two measurements");
    let improved = rebuilt(&archive, None, |name, bytes| {
        let text = String::from_utf8_lossy(bytes);
        let changed = text.replace("\"capacity\":105000000", "\"capacity\":905000000");
        (name.contains("bodies") && changed != text).then(|| changed.into_bytes())
    })
    .await;
    assert!(!faults(&improved, None).is_empty(), "a body that was improved is another body");
}

fn envelope_of(device: &Device, body: &str) -> Envelope {
    Envelope {
        kind: ReportKind::Measurement,
        body: Some(digest(body)),
        ..device.envelope(BTreeMap::new())
    }
}

async fn sent(device: &Device, envelope: &Envelope, body: &str) -> ReportOutcome {
    let batch = ReportBatch {
        reports: vec![device.sign(envelope)],
        bodies: [(digest(body), body.to_owned())].into(),
    };
    device.send(&batch).await
}

pub async fn a_measurement_that_is_none_is_refused_and_harms_no_chain(region: Region) {
    let mut device = Device::new(&region).await;
    let id = device.enrollment.device;
    let inventory = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&inventory).await, STORED);
    let text = |measurement: &Measurement| CanonicalBytes::of(measurement).unwrap().into_text();
    let good = text(&measured(&region, 1, Some(id)));

    let foreign = text(&measured(&region, 2, Some(DeviceId::generate())));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_MEASUREMENT_BYTES));
    for (body, code) in [
        (foreign.as_str(), ProblemCode::DeviceMismatch),
        ("{}", ProblemCode::SectionInvalid),
        ("[1,2", ProblemCode::SectionInvalid),
        (&long, ProblemCode::BodyTooLarge),
    ] {
        let outcome = sent(&device, &envelope_of(&device, body), body).await;
        assert_eq!(outcome, ReportOutcome::Refused { code }, "{body:.60}");
    }
    // An envelope that is of no kind.
    let stating = Envelope {
        sections: [(SectionName::Memory, Digest::of(b"m"))].into(),
        ..envelope_of(&device, &good)
    };
    let bodiless = Envelope {
        body: None,
        ..envelope_of(&device, &good)
    };
    let inventory_with_body = Envelope {
        kind: ReportKind::Inventory,
        ..envelope_of(&device, &good)
    };
    for envelope in [stating, bodiless, inventory_with_body] {
        let outcome = sent(&device, &envelope, &good).await;
        assert_eq!(
            outcome,
            ReportOutcome::Refused {
                code: ProblemCode::EnvelopeInvalid
            }
        );
    }
    assert_eq!(stored(&region).await.len(), 0);
    // The chain stands where it stood: the good one follows, and its body may come later.
    let envelope = envelope_of(&device, &good);
    let alone = ReportBatch {
        reports: vec![device.sign(&envelope)],
        bodies: BTreeMap::new(),
    };
    assert_eq!(
        device.send(&alone).await,
        ReportOutcome::Stored {
            missing: vec![digest(&good)]
        }
    );
    assert_eq!(stored(&region).await.len(), 0, "what is not held is not shown");
}
