//! What strangers and broken devices may send: each is told why, and the controller keeps serving.

use std::io::Read;

use inventory_schema::check_in::TimeAnswer;
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_COMPRESSED_BYTES, ReportOutcome};
use inventory_schema::signature::Signed;
use inventory_schema::{SectionName, Timestamp};

use crate::device::{Device, memory, seconds_between};
use crate::region::{Region, on_sqlite};
use crate::wire::{Caller, Shown};

const REPORTS: &str = "/v1/reports";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::best())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

async fn bodies_that_are_none(region: Region) {
    let mut device = Device::new(&region).await;
    let caller = Caller::new(&region, Shown::Certificate(&device.identity));
    let (unreadable, large) = (ProblemCode::BodyUnreadable, ProblemCode::BodyTooLarge);
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    // In a field that nobody knows: passed over without a stack.
    let deep_below = format!(
        r#"{{"reports":[],"bodies":{{}},"more":{}1{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(caller.post(REPORTS, deep_below.as_bytes()).await.body, br#"{"answers":[]}"#);
    let bomb = vec![b' '; MAX_BODY_BYTES + 1];
    let torn = zstd(br#"{"reports":[],"bodies":{}}"#);
    let cases: Vec<(&str, Vec<u8>, ProblemCode)> = vec![
        ("identity", Vec::new(), unreadable),
        ("identity", b"{\"reports\":[\"\xff\xfe\"]}".to_vec(), unreadable),
        ("identity", deep.into_bytes(), unreadable),
        ("identity", b"[]".to_vec(), unreadable),
        ("zstd", zstd(&bomb), large),
        ("gzip", gzip(&bomb), large),
        ("gzip", b"{}".to_vec(), unreadable),
        ("zstd", torn[..torn.len() - 3].to_vec(), unreadable),
        ("br", b"{}".to_vec(), unreadable),
        ("gzip, gzip", gzip(&gzip(b"{}")), unreadable),
        ("identity", vec![b' '; MAX_COMPRESSED_BYTES + (1 << 20)], large),
        ("zstd", vec![0x28; MAX_COMPRESSED_BYTES + 1], large),
    ];
    for (index, (encoding, body, code)) in cases.iter().enumerate() {
        let answer = caller.post_encoded(REPORTS, encoding, body).await;
        assert_eq!(answer.problem().code, *code, "case {index}: {encoding}, {} bytes", body.len());
    }
    let batch = device.report(&[(SectionName::Memory, &memory(1))]);
    assert_eq!(device.send(&batch).await, ReportOutcome::Stored { missing: Vec::new() });
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_none_are_refused_and_the_controller_serves_on() {
    on_sqlite(bodies_that_are_none).await;
}

async fn strangers(region: Region) {
    let caller = Caller::new(&region, Shown::Nothing);
    // A few kilobytes from someone without a token must not take the memory that a device's reports may.
    let bomb = zstd(&vec![b' '; 2 << 20]);
    let answer = caller.post_encoded("/v1/enroll", "zstd", &bomb).await;
    assert_eq!(answer.problem().code, ProblemCode::BodyTooLarge);
    for (method, path, code) in [
        ("GET", "/v1/nothing", ProblemCode::NotFound),
        ("GET", "/", ProblemCode::NotFound),
        ("GET", "/v1/reports", ProblemCode::MethodNotAllowed),
        ("DELETE", "/v1/time", ProblemCode::MethodNotAllowed),
    ] {
        assert_eq!(caller.send(method, path, &[], b"").await.problem().code, code, "{method} {path}");
    }
    let device = Device::new(&region).await;
    let known = Caller::new(&region, Shown::Certificate(&device.identity));
    let check_in = serde_json::to_vec(&device.check_in()).unwrap();
    for wait in ["soon", "-1", "99999999999999999999999"] {
        let answer = known.post(&format!("/v1/check-in?wait={wait}"), &check_in).await;
        assert_eq!(answer.problem().code, ProblemCode::BodyUnreadable, "{wait}");
    }
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_asked_is_refused_in_one_form() {
    on_sqlite(strangers).await;
}

async fn the_time(region: Region) {
    let caller = Caller::new(&region, Shown::Nothing);
    let nonce = "0123456789abcdefABCDEF_-";
    let answer = caller.get(&format!("/v1/time?nonce={nonce}")).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let signed: Signed<TimeAnswer> = serde_json::from_slice(&answer.body).unwrap();
    let keys = region.server.state.authority.current().trust_bundle().signing_keys;
    let told = signed.verify(&keys).unwrap();
    assert_eq!(told.nonce.as_str(), nonce);
    let now: Timestamp = region.clock.now();
    assert!((0..5).contains(&seconds_between(told.server_time, now)), "{}", told.server_time);
    for path in [
        "/v1/time",
        "/v1/time?nonce=short",
        "/v1/time?nonce=0123456789abcdef%0A",
        "/v1/time?nonce=%FF",
    ] {
        assert_eq!(caller.get(path).await.problem().code, ProblemCode::BodyUnreadable, "{path}");
    }
    region.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_is_signed_and_answers_its_question() {
    on_sqlite(the_time).await;
}
