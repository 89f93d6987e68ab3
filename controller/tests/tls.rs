//! The listeners with real TLS on loopback: who is let in as whom, certificates that change, and shutting down.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod tls {
    pub mod client;
    pub mod server;
}

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use cos_controller::authority::{Authority, rotate_issuing};
use cos_controller::tls::{
    CertificateFiles, ConnectionLimits, Endpoint, LiveCertificate, PeerIdentity, Refresh, keep_renewed, renew_from_authority,
};
use inventory_schema::{Digest, Timestamp};
use rcgen::{CertificateParams, KeyPair, SanType};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use tls::client::{Client, Credentials};
use tls::server::{Region, Server, device_id, region_id};

const DAY: Duration = Duration::from_hours(24);
/// Far longer than anything here takes: reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_unix_seconds(since.as_secs() as i64)
}

fn device(identity: PeerIdentity) -> Arc<cos_controller::tls::DeviceIdentity> {
    match identity {
        PeerIdentity::Device(device) => device,
        other => panic!("{other:?} is no device"),
    }
}

#[tokio::test]
async fn a_device_is_known_by_its_certificate_in_both_versions_of_tls() {
    let region = Region::created(now());
    let mut server = Server::devices(&region).await;
    let (credentials, issued) = region.device(now());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let client = Client::new(&region, Some(&credentials)).only(version);
        client.connect(server.address).await.unwrap().get("/").await.unwrap();
        let identity = device(server.seen().await);
        assert_eq!((&identity.region, identity.device), (&region_id(), device_id()));
        assert_eq!(
            (identity.key, &identity.public_key, &identity.serial),
            (issued.key, &issued.public_key, &issued.serial)
        );
        assert_eq!(
            (identity.not_before, identity.not_after),
            (issued.validity.not_before, issued.validity.not_after)
        );
        assert!(identity.is_current(now()));
    }
}

#[tokio::test]
async fn every_request_of_a_connection_and_of_a_resumed_one_has_the_same_identity() {
    let region = Region::created(now());
    let mut server = Server::devices(&region).await;
    let (credentials, _) = region.device(now());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let client = Client::new(&region, Some(&credentials)).only(version);
        let mut first = client.connect(server.address).await.unwrap();
        first.get("/").await.unwrap();
        first.get("/").await.unwrap();
        let identity = server.seen().await;
        assert_eq!(server.seen().await, identity);

        let mut second = client.connect(server.address).await.unwrap();
        second.get("/").await.unwrap();
        assert!(second.is_resumed(), "{version:?}");
        assert_eq!(server.seen().await, identity);
    }
}

#[tokio::test]
async fn an_expired_certificate_reaches_the_handler_that_can_explain_it() {
    let region = Region::created(now() - 500 * DAY);
    let mut server = Server::devices(&region).await;
    let (credentials, _) = region.device(now() - 500 * DAY);
    Client::new(&region, Some(&credentials))
        .connect(server.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    let identity = device(server.seen().await);
    assert!(identity.not_after < now() && !identity.is_current(now()));
}

#[tokio::test]
async fn a_summer_in_which_server_certificate_and_issuing_ca_changed_is_survived() {
    let begun = now() - 500 * DAY;
    let before = Region::created(begun);
    let (credentials, _) = before.device(begun);
    rotate_issuing(before.directory(), &region_id(), &before.root_key(), &[], now() - 10 * DAY).unwrap();
    let after = before.reloaded();
    assert_ne!(after.authority.issuing().serial, before.authority.issuing().serial);

    let mut server = Server::devices(&after).await;
    let client = Client::new(&before, Some(&credentials));
    client.connect(server.address).await.unwrap().get("/").await.unwrap();
    assert_eq!(device(server.seen().await).device, device_id());

    // A controller that has the older files still knows what the newer issuing CA signed, by its root.
    let (newer, _) = after.device(now());
    let mut older = Server::devices(&before).await;
    Client::new(&before, Some(&newer))
        .connect(older.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(device(older.seen().await).device, device_id());
}

#[tokio::test]
async fn without_a_certificate_nobody_is_known() {
    let region = Region::created(now());
    let mut server = Server::devices(&region).await;
    Client::new(&region, None)
        .connect(server.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(server.seen().await, PeerIdentity::None);
}

#[tokio::test]
async fn certificates_that_this_region_gave_to_no_device_are_foreign() {
    let region = Region::created(now());
    let namesake = Region::created(now());
    let mut server = Server::devices(&region).await;
    let listener = region.authority.issue_server(&["localhost".to_owned()], now()).unwrap();
    let foreign = [
        ("of another authority with the same names", namesake.device(now()).0),
        ("signed by itself", self_signed()),
        ("of this region's own listener", Credentials::new(listener.chain, listener.key)),
    ];
    for (whose, credentials) in &foreign {
        Client::new(&region, Some(credentials))
            .connect(server.address)
            .await
            .unwrap()
            .get("/")
            .await
            .unwrap();
        assert_eq!(server.seen().await, PeerIdentity::Foreign, "{whose}");
    }
    let names: Vec<_> = [&region, &namesake].map(|region| region.authority.issuing().subject.clone()).into();
    assert_eq!(names[0], names[1]);
}

fn self_signed() -> Credentials {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let urn = format!("urn:cos:device:{}:{}", region_id(), device_id());
    params.subject_alt_names = vec![SanType::URI(urn.try_into().unwrap())];
    let certificate = params.self_signed(&key).unwrap();
    Credentials::of_key(vec![certificate.into()], &key)
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_in_the_handshake() {
    let region = Region::created(now());
    let mut server = Server::devices(&region).await;
    let (stolen, _) = region.device(now());
    let thief = Credentials::of_key(stolen.chain.clone(), &KeyPair::generate().unwrap());
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let client = Client::new(&region, Some(&thief)).only(version);
        let refused = match client.connect(server.address).await {
            // In TLS 1.3 the client is done before the server has checked; it learns the refusal when it reads.
            Ok(mut connection) => connection.get("/").await.is_err(),
            Err(_) => true,
        };
        assert!(refused, "{version:?}");
    }
    assert!(server.nothing_seen());
}

#[tokio::test]
async fn the_chain_ends_with_the_root_that_tokens_pin() {
    let region = Region::created(now());
    let server = Server::devices(&region).await;
    let connection = Client::new(&region, None).connect(server.address).await.unwrap();
    assert_eq!(connection.fingerprints().last(), Some(&region.authority.pin()));
}

#[tokio::test]
async fn the_own_certificate_is_renewed_when_half_of_its_life_is_over() {
    let begun = now() - 99 * DAY;
    let region = Region::created(begun);
    let names = ["localhost".to_owned()];
    let live = LiveCertificate::from_authority(&region.authority, &names, begun).unwrap();
    let server = Server::people(live.clone(), ConnectionLimits::default()).await;
    let client = Client::new(&region, None);
    let first = client.connect(server.address).await.unwrap().fingerprints();
    assert_eq!(first, live.fingerprints());

    assert!(!renew_from_authority(&live, &region.authority, &names, now()).unwrap());
    assert!(renew_from_authority(&live, &region.authority, &names, now() + DAY).unwrap());
    assert!(!renew_from_authority(&live, &region.authority, &names, now() + DAY).unwrap());
    let second = Client::new(&region, None).connect(server.address).await.unwrap().fingerprints();
    assert_eq!(second, live.fingerprints());
    assert_ne!(second[0], first[0]);
}

#[tokio::test]
async fn the_renewal_task_looks_at_once_when_it_starts() {
    let region = Region::created(now());
    let live = region.live();
    let before = live.fingerprints();
    let names = vec!["localhost".to_owned()];
    let authority = Arc::new(Authority::load(region.directory()).unwrap());
    let task = tokio::spawn(keep_renewed(live.clone(), authority, names, || now() + 150 * DAY));
    let exchanged = async {
        while live.fingerprints() == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, exchanged).await.unwrap();
    task.abort();
}

/// A certificate and key in files, as an administrator puts them.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn open(region: &Region) -> (Self, CertificateFiles, Arc<LiveCertificate>) {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let (certificate, key) = files.make(region);
        files.put("people.pem", &certificate);
        files.put("people.key", &key);
        let path = files.folder.path();
        let (watched, live) = CertificateFiles::open(path.join("people.pem"), path.join("people.key")).unwrap();
        (files, watched, live)
    }

    fn make(&self, region: &Region) -> (String, String) {
        let issued = region.authority.issue_server(&["localhost".to_owned()], now()).unwrap();
        let certificate = cos_controller::authority::certificate::pem("CERTIFICATE", &issued.chain[0]);
        let issuing = cos_controller::authority::certificate::pem("CERTIFICATE", &issued.chain[1]);
        (
            certificate + &issuing,
            cos_controller::authority::certificate::pem("PRIVATE KEY", issued.key.secret_der()),
        )
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }
}

#[tokio::test]
async fn new_files_are_served_without_a_restart_and_old_connections_live_on() {
    let region = Region::created(now());
    let (files, watched, live) = Files::open(&region);
    let server = Server::people(live.clone(), ConnectionLimits::default()).await;
    let mut old = Client::new(&region, None).connect(server.address).await.unwrap();
    assert!(matches!(watched.refresh(&live), Refresh::Unchanged));

    let (certificate, key) = files.make(&region);
    files.put("people.pem", &certificate);
    // Caught between the two files: the pair does not fit, and the old one stays.
    assert!(matches!(watched.refresh(&live), Refresh::Kept(_)));
    files.put("people.key", &key);
    assert!(matches!(watched.refresh(&live), Refresh::Replaced));

    let new = Client::new(&region, None).connect(server.address).await.unwrap();
    assert_eq!(new.fingerprints(), live.fingerprints());
    assert_ne!(new.fingerprints(), old.fingerprints());
    assert_eq!(old.get("/").await.unwrap(), 200);
}

#[tokio::test]
async fn broken_or_missing_files_leave_the_old_certificate_in_use() {
    let region = Region::created(now());
    let (files, watched, live) = Files::open(&region);
    let server = Server::people(live.clone(), ConnectionLimits::default()).await;
    let before = live.fingerprints();
    let (other, key) = files.make(&region);
    for broken in ["", "nonsense", &other[..other.len() / 2], &other] {
        files.put("people.pem", broken);
        assert!(matches!(watched.refresh(&live), Refresh::Kept(_)), "{broken}");
        assert!(
            matches!(watched.refresh(&live), Refresh::Unchanged),
            "the same state is complained of once"
        );
        assert_eq!(
            Client::new(&region, None).connect(server.address).await.unwrap().fingerprints(),
            before
        );
    }
    fs::remove_file(files.folder.path().join("people.key")).unwrap();
    assert!(matches!(watched.refresh(&live), Refresh::Unchanged));
    files.put("people.key", &key);
    assert!(matches!(watched.refresh(&live), Refresh::Replaced));
}

#[tokio::test]
async fn a_listener_does_not_start_with_files_that_do_not_fit() {
    let region = Region::created(now());
    let (files, _, _) = Files::open(&region);
    files.put("people.key", &KeyPair::generate().unwrap().serialize_pem());
    let path = files.folder.path();
    assert!(CertificateFiles::open(path.join("people.pem"), path.join("people.key")).is_err());
    assert!(
        CertificateFiles::open(path.join("absent.pem"), path.join("people.key"))
            .unwrap_err()
            .to_string()
            .contains("absent.pem")
    );
}

#[tokio::test]
async fn people_are_not_asked_for_certificates() {
    let region = Region::created(now());
    let live = LiveCertificate::from_authority(&region.authority, &["localhost".to_owned()], now()).unwrap();
    let mut server = Server::people(live, ConnectionLimits::default()).await;
    let (credentials, _) = region.device(now());
    Client::new(&region, Some(&credentials))
        .connect(server.address)
        .await
        .unwrap()
        .get("/")
        .await
        .unwrap();
    assert_eq!(server.seen().await, PeerIdentity::None);
}

#[tokio::test]
async fn silent_and_garbled_clients_hold_nobody_up_and_are_cut_off() {
    let region = Region::created(now());
    let limits = ConnectionLimits {
        handshake: Duration::from_millis(300),
        ..ConnectionLimits::default()
    };
    let mut server = Server::with(Endpoint::devices(&region.authority, region.live()).unwrap(), limits).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut garbled = TcpStream::connect(server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut garbled, b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap();

    let mut client = Client::new(&region, None).connect(server.address).await.unwrap();
    assert_eq!(client.get("/").await.unwrap(), 200);
    assert_eq!(server.seen().await, PeerIdentity::None);
    for stream in [&mut silent, &mut garbled] {
        // The end comes as an end of file or a reset, after whatever alert TLS sends.
        let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new()))
            .await
            .expect("the connection is closed");
    }
}

#[tokio::test]
async fn at_the_limit_of_connections_newcomers_wait_and_are_not_turned_away() {
    let region = Region::created(now());
    let limits = ConnectionLimits {
        connections: 1,
        ..ConnectionLimits::default()
    };
    let server = Server::with(Endpoint::devices(&region.authority, region.live()).unwrap(), limits).await;
    let client = Client::new(&region, None);
    let mut first = client.connect(server.address).await.unwrap();
    assert_eq!(first.get("/").await.unwrap(), 200);
    let mut second = Box::pin(client.connect(server.address));
    assert!(timeout(Duration::from_millis(200), &mut second).await.is_err());
    drop(first);
    let mut second = timeout(PATIENCE, second).await.unwrap().unwrap();
    assert_eq!(second.get("/").await.unwrap(), 200);
}

#[tokio::test]
async fn a_request_head_beyond_the_limit_is_refused() {
    let region = Region::created(now());
    let server = Server::devices(&region).await;
    let client = Client::new(&region, None);
    let mut connection = client.connect(server.address).await.unwrap();
    assert_eq!(connection.get(&format!("/?{}", "x".repeat(20_000))).await.unwrap(), 431);
    let mut many = client.connect(server.address).await.unwrap();
    assert_eq!(
        many.get(&format!("/ HTTP/1.1{}\r\nx: y", "\r\na: b".repeat(80))).await.unwrap(),
        431
    );
}

#[tokio::test]
async fn shutting_down_lets_a_waiting_request_be_answered() {
    let region = Region::created(now());
    let mut server = Server::devices(&region).await;
    let client = Client::new(&region, None);
    let mut idle = client.connect(server.address).await.unwrap();
    idle.get("/").await.unwrap();
    server.seen().await;
    let mut waiting = client.connect(server.address).await.unwrap();
    waiting.send("/wait").await.unwrap();
    server.seen().await;

    server.begin_shutdown();
    assert!(idle.get("/").await.is_err(), "an idle connection is closed");
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.answer_waiting();
    assert_eq!(waiting.status().await.unwrap(), 200);
    timeout(PATIENCE, server.ended()).await.unwrap();
}

#[tokio::test]
async fn shutting_down_does_not_wait_for_ever() {
    let region = Region::created(now());
    let limits = ConnectionLimits {
        drain: Duration::from_millis(100),
        ..ConnectionLimits::default()
    };
    let mut server = Server::with(Endpoint::devices(&region.authority, region.live()).unwrap(), limits).await;
    let mut waiting = Client::new(&region, None).connect(server.address).await.unwrap();
    waiting.send("/wait").await.unwrap();
    server.seen().await;
    server.begin_shutdown();
    timeout(PATIENCE, server.ended()).await.unwrap();
    assert!(waiting.status().await.is_err());
}

#[test]
fn the_last_fingerprint_is_the_roots() {
    let region = Region::created(now());
    let live = region.live();
    assert_eq!(
        live.fingerprints()[2],
        Digest::of(&Authority::load(region.directory()).unwrap().root().der)
    );
}
