//! The long poll: what ends it, how long it may last, and who may not wait at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cos_controller::config::Config;
use cos_controller::config::value::Bounded;
use cos_controller::store::Scope;
use inventory_schema::check_in::{CheckIn, CheckInAnswer, ProtocolRange};
use inventory_schema::quantity::Seconds;
use inventory_schema::report::ReportOutcome;
use inventory_schema::{SectionName, Timestamp};
use tokio::task::JoinHandle;

use crate::device::{Device, memory};
use crate::event::until;
use crate::held::until_waiting;
use crate::region::{Region, on_sqlite, with_settings};

/// Longer than any answer that does not wait.
pub const AT_ONCE: Duration = Duration::from_secs(5);

/// A device of which the controller wants nothing more, and the check-in that says so.
pub async fn content(region: &Region) -> (Device, CheckIn) {
    let mut device = Device::new(region).await;
    let text = |name: SectionName| format!(r#"{{"format":"{name}/1","problems":[{{"failure":"not_present","source":"sysinfo"}}]}}"#);
    let texts: Vec<(SectionName, String)> = SectionName::ALL.into_iter().map(|name| (name, text(name))).collect();
    let bodies: Vec<(SectionName, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let batch = device.report(&bodies);
    assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
    let check_in = CheckIn {
        believed: None,
        held: crate::device::digests(&bodies),
        ..device.check_in()
    };
    (device, check_in)
}

async fn until_ordered_after(region: &Region, before: Option<Timestamp>) {
    let waiting = &region.server.state.traffic.waiting;
    until("the order is read", async || {
        waiting.collection().filter(|ordered| Some(*ordered) > before)
    })
    .await;
}

fn begin_waiting(device: Device, check_in: CheckIn, seconds: u64) -> JoinHandle<(Device, CheckInAnswer)> {
    tokio::spawn(async move {
        let answer = device.transport.check_in(&check_in, Seconds::saturating(seconds)).await.unwrap();
        (device, answer)
    })
}

async fn news(region: Region) {
    let (device, check_in) = content(&region).await;
    let (id, waiting) = (device.enrollment.device, region.server.state.traffic.waiting.clone());

    let asked = begin_waiting(device, check_in.clone(), 50);
    until_waiting(&region, 1).await;
    let begun = Instant::now();
    region.store().ask_to_collect(&[id]).await.unwrap();
    let (device, answer) = asked.await.unwrap();
    assert!(answer.collect_now && begun.elapsed() < AT_ONCE);
    assert!(answer.next_check_in.get() > 0, "time to act on it");

    // Waking without news is no answer; the next news still is.
    let asked = begin_waiting(device, check_in.clone(), 50);
    until_waiting(&region, 1).await;
    waiting.wake(id);
    waiting.wake_all();
    assert_eq!(waiting.count(), 1);
    region.store().ask_to_collect(&[id]).await.unwrap();
    let (device, answer) = asked.await.unwrap();
    assert!(answer.collect_now);

    // An order to all is heard by whoever waits, and by those who have heard of it never again.
    let mut check_in = check_in;
    let (device, answer) = begin_waiting(device, check_in.clone(), 0).await.unwrap();
    check_in.collection = answer.collection;
    assert_eq!(answer.collection, Some(Timestamp::from_unix_micros(0)), "none was given yet");
    let asked = begin_waiting(device, check_in.clone(), 50);
    until_waiting(&region, 1).await;
    let begun = Instant::now();
    region.store().ask_all_to_collect(Scope::REGION, region.clock.now()).await.unwrap();
    let (device, answer) = asked.await.unwrap();
    assert!(answer.collect_now && begun.elapsed() < AT_ONCE);
    check_in.collection = answer.collection;
    let (device, answer) = begin_waiting(device, check_in.clone(), 0).await.unwrap();
    assert!(!answer.collect_now && answer.collection == check_in.collection);
    // Its answer was lost, or it was away: it still says the order before.
    region.store().ask_all_to_collect(Scope::REGION, region.clock.now()).await.unwrap();
    until_ordered_after(&region, check_in.collection).await;
    for _ in 0..2 {
        let answer = device.transport.check_in(&check_in, Seconds::saturating(0)).await.unwrap();
        assert!(answer.collect_now && answer.collection > check_in.collection);
    }
    // One that starts anew has looked by itself.
    check_in.collection = None;
    let (device, answer) = begin_waiting(device, check_in.clone(), 0).await.unwrap();
    assert!(!answer.collect_now && answer.collection.is_some());
    check_in.collection = answer.collection;

    // A report that moved the chain meanwhile is news as well, and what was not heard of is wanted.
    let asked = begin_waiting(device, check_in.clone(), 50);
    until_waiting(&region, 1).await;
    let begun = Instant::now();
    region.server.state.traffic.stop();
    let (device, answer) = asked.await.unwrap();
    assert!(begun.elapsed() < AT_ONCE, "a controller that stops lets nobody wait");
    assert!(!answer.collect_now && answer.wanted.is_empty());
    drop(device);
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_and_a_stopping_controller_end_a_wait_at_once() {
    on_sqlite(news).await;
}

/// While both sides agree one digest says all, and what changes meanwhile is told as if it had been said whole.
async fn one_digest(region: Region) {
    let (device, whole) = content(&region).await;
    let (device, answer) = begin_waiting(device, whole.clone(), 0).await.unwrap();
    assert!(answer.protocol >= ProtocolRange::SECOND && answer.wanted.is_empty());
    let short = CheckIn {
        collection: answer.collection,
        ..whole.clone()
    }
    .summarized();
    assert!(
        serde_json::to_vec(&short).unwrap().len() <= 450,
        "{}",
        serde_json::to_string(&short).unwrap()
    );

    let (device, answer) = begin_waiting(device, short.clone(), 0).await.unwrap();
    assert!(!answer.beliefs_wanted && answer.trust.is_none() && answer.receipt.is_none());

    // It waits, and is told of what changes as if it had said the whole.
    let id = device.enrollment.device;
    let asked = begin_waiting(device, short.clone(), 50);
    until_waiting(&region, 1).await;
    region.store().ask_to_collect(&[id]).await.unwrap();
    let (mut device, answer) = asked.await.unwrap();
    assert!(answer.collect_now && !answer.beliefs_wanted, "{answer:?}");

    // Another digest than the controller's asks for the whole, which is compared piece by piece.
    let batch = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
    let (device, answer) = begin_waiting(device, short, 50).await.unwrap();
    assert!(
        answer.beliefs_wanted && answer.wanted.is_empty() && answer.head == device.head,
        "{answer:?}"
    );
    let (_device, answer) = begin_waiting(device, whole, 50).await.unwrap();
    assert!(!answer.beliefs_wanted);
    assert_eq!(answer.wanted, [SectionName::Memory]);
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_digest_says_all_that_both_sides_agree_on() {
    on_sqlite(one_digest).await;
}

fn short_waits(config: &mut Config) {
    config.check_in.wait_seconds = Bounded::of(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_is_cut_at_what_the_region_allows() {
    with_settings(short_waits, async |region| {
        let (device, check_in) = content(&region).await;
        let asked = begin_waiting(device, check_in, 1_000_000);
        let (_device, answer) = tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap().unwrap();
        assert_eq!(
            (answer.next_check_in.get(), answer.wait.get()),
            (0, 1),
            "and the next may wait again"
        );
        assert_eq!(region.server.state.traffic.waiting.count(), 0);
        region.stop().await;
    })
    .await;
}

fn one_place(config: &mut Config) {
    config.limits.waiting_check_ins = Bounded::of(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_house_sends_away_until_there_is_room() {
    with_settings(one_place, async |region| {
        let (first, (second, check_in)) = (content(&region).await, content(&region).await);
        let waiting = begin_waiting(first.0, first.1, 50);
        until_waiting(&region, 1).await;
        // It was told that it may wait when there was room; now there is none.
        let begun = Instant::now();
        let (second, answer) = begin_waiting(second, check_in.clone(), 50).await.unwrap();
        assert!(begun.elapsed() < AT_ONCE);
        assert_eq!(answer.wait.get(), 0);
        assert!((7..=68).contains(&answer.next_check_in.get()), "{}", answer.next_check_in);
        waiting.abort();
        until_waiting(&region, 0).await;
        let (_second, answer) = begin_waiting(second, check_in, 0).await.unwrap();
        assert!(answer.wait.get() > 0, "there is room again");
        region.stop().await;
    })
    .await;
}

fn no_place(config: &mut Config) {
    config.limits.waiting_check_ins = Bounded::of(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_may_wait_an_agent_is_served_all_the_same() {
    with_settings(no_place, async |region| {
        let mut device = Device::new(&region).await;
        let answer = device
            .transport
            .check_in(&device.check_in(), Seconds::saturating(50))
            .await
            .unwrap();
        assert_eq!((answer.wait.get(), answer.wanted.len()), (0, SectionName::ALL.len()));
        assert!(answer.next_check_in.get() >= 7);
        let batch = device.report(&[(SectionName::Memory, &memory(1))]);
        assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
        region.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_connection_of_an_agent_resumes_its_session() {
    with_settings(
        |_| {},
        async |region| {
            let (device, check_in) = content(&region).await;
            let handshakes = region.server.state.metrics.handshakes.clone();
            let before = (handshakes.full.read(), handshakes.resumed.read());
            let device = Arc::new(device);
            let asked = tokio::spawn({
                let (device, check_in) = (device.clone(), check_in.clone());
                async move { device.transport.check_in(&check_in, Seconds::saturating(50)).await }
            });
            until_waiting(&region, 1).await;
            // The connection that stands is taken: this needs another one, with the certificate that the ticket carries.
            device.transport.check_in(&check_in, Seconds::saturating(0)).await.unwrap();
            assert_eq!((handshakes.full.read(), handshakes.resumed.read()), (before.0, before.1 + 1));
            asked.abort();
            // Nor does a restart of the controller cost it a full handshake.
            let address = region.server.devices;
            let region = region.restarted(|config, _| config.device_listener.address = address).await;
            let handshakes = region.server.state.metrics.handshakes.clone();
            device.transport.check_in(&check_in, Seconds::saturating(0)).await.unwrap();
            assert_eq!((handshakes.full.read(), handshakes.resumed.read()), (0, 1));
            region.stop().await;
        },
    )
    .await;
}
