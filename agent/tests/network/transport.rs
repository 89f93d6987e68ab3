//! Whom the transport believes, and how it names what went wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use cos_agent::clock::SharedClock;
use cos_agent::config::ProxyConfig;
use cos_agent::identity::Identity;
use cos_agent::transport::proxy::Route;
use cos_agent::transport::tls::Anchor;
use cos_agent::transport::{Patience, Settings, Transport, TransportFailure};
use inventory_schema::canonical::Digest;
use inventory_schema::check_in::{CheckIn, CheckInAnswer, ProtocolRange, SpoolDepth};
use inventory_schema::enrollment::{ControllerUrl, RenewalRequest};
use inventory_schema::envelope::ReportClock;
use inventory_schema::problem::ProblemCode;
use inventory_schema::quantity::{Microseconds, Seconds};
use inventory_schema::report::{ReportAnswers, ReportBatch};
use inventory_schema::timestamp::Timestamp;
use tokio::net::TcpListener;

use crate::proxy::{Policy, Proxy};
use crate::server::{Authority, Request, Response, Server, clock_at, time_answer, today};

fn settings(controllers: Vec<ControllerUrl>, authority: &Authority) -> Settings<'static> {
    Settings {
        controllers,
        route: Route::Direct,
        anchor: Anchor::of_bundle(&authority.trust()).unwrap(),
        signing_keys: vec![authority.signing_key()],
        identity: None,
        clock: clock_at(today()),
        patience: Patience::default(),
    }
}

fn transport(server: &Server, authority: &Authority) -> Transport {
    Transport::with_settings(settings(vec![server.url.clone()], authority)).unwrap()
}

fn with_clock(server: &Server, authority: &Authority, clock: SharedClock) -> Transport {
    let settings = Settings {
        clock,
        ..settings(vec![server.url.clone()], authority)
    };
    Transport::with_settings(settings).unwrap()
}

fn through(server: &Server, authority: &Authority, proxy: &str) -> Transport {
    let config: ProxyConfig = toml::from_str(proxy).unwrap();
    let settings = Settings {
        route: Route::choose(&config, None),
        ..settings(vec![server.url.clone()], authority)
    };
    Transport::with_settings(settings).unwrap()
}

fn check_in() -> CheckIn {
    CheckIn {
        protocol: ProtocolRange::CURRENT,
        agent: "0.1.0".parse().unwrap(),
        clock: ReportClock {
            device: today(),
            trusted: None,
            boot: "00000000-0000-7000-8000-000000000001".parse().unwrap(),
            uptime: Microseconds::saturating(1),
        },
        believed: None,
        held: BTreeMap::new(),
        acknowledged: None,
        trust: None,
        receipt: None,
        signed_receipt: None,
        spool: SpoolDepth::default(),
        evidence: None,
        hardware: None,
        collection: None,
    }
}

fn all_is_well(_: &Request) -> Response {
    Response::json(&CheckInAnswer {
        protocol: 1,
        server_time: today(),
        next_check_in: Seconds::saturating(60),
        wait: Seconds::saturating(50),
        beliefs_wanted: false,
        wanted: Vec::new(),
        receipt_wanted: false,
        collect_now: false,
        head: None,
        trust: None,
        receipt: None,
        evidence_wanted: false,
        rekey: false,
        collection: None,
    })
}

async fn failure(transport: &Transport) -> TransportFailure {
    transport.check_in(&check_in(), Seconds::saturating(0)).await.unwrap_err()
}

#[tokio::test]
async fn a_controller_of_the_region_is_believed_over_one_connection() {
    let region = Authority::region();
    let server = Server::start(&region, all_is_well).await;
    let transport = transport(&server, &region);
    for _ in 0..2 {
        let answer = transport.check_in(&check_in(), Seconds::saturating(7)).await.unwrap();
        assert_eq!(answer.next_check_in.get(), 60);
    }
    assert_eq!(server.connections(), 1);
    let request = &server.requests()[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/check-in?wait=7"));
    assert_eq!(serde_json::from_slice::<CheckIn>(&request.body).unwrap(), check_in());
    assert!(request.headers.contains("http/1.1"));
    assert!(!request.certified);
}

#[tokio::test]
async fn the_devices_certificate_is_shown_to_renew_but_not_to_ask_the_time() {
    let region = Authority::region();
    let folder = tempfile::tempdir().unwrap();
    let mut identity = Identity::create(folder.path()).unwrap();
    identity.install_certificate(&region.certify(&identity.csr().unwrap())).unwrap();
    let server = Server::start(&region, |_| Response::problem(ProblemCode::CertificateRevoked)).await;
    let settings = Settings {
        identity: Some(&identity),
        ..settings(vec![server.url.clone()], &region)
    };
    let transport = Transport::with_settings(settings).unwrap();
    let request = RenewalRequest {
        csr: identity.csr().unwrap(),
        agent: "0.1.0".parse().unwrap(),
    };
    let refusal = transport.renew(&request).await.unwrap_err();
    assert!(matches!(refusal, TransportFailure::Problem(problem) if problem.code == ProblemCode::CertificateRevoked));
    let _ = transport.time().await.unwrap_err();
    let certified: Vec<bool> = server.requests().iter().map(|request| request.certified).collect();
    assert_eq!(certified, [true, false]);
}

#[tokio::test]
async fn reports_travel_compressed() {
    let region = Authority::region();
    let server = Server::start(&region, |_| Response::json(&ReportAnswers { answers: Vec::new() })).await;
    let body = "\"ж\"".to_owned();
    let batch = ReportBatch {
        reports: Vec::new(),
        bodies: BTreeMap::from([(Digest::of(body.as_bytes()), body)]),
    };
    transport(&server, &region).send_reports(&batch).await.unwrap();
    let request = &server.requests()[0];
    assert!(request.headers.contains("content-encoding: zstd\r\n"), "{}", request.headers);
    let plain = zstd::bulk::decompress(&request.body, 1 << 20).unwrap();
    assert_eq!(serde_json::from_slice::<ReportBatch>(&plain).unwrap(), batch);
}

#[tokio::test]
async fn a_filter_that_replaces_the_certificate_is_named() {
    let region = Authority::region();
    let filter = Authority::new("Школьный фильтр", "Provider LLC");
    let server = Server::start(&filter, all_is_well).await;
    let controller = server.url.to_string();
    let expected = TransportFailure::CertificateReplaced {
        controller,
        issuer: "Школьный фильтр (Provider LLC)".to_owned(),
    };
    assert_eq!(failure(&transport(&server, &region)).await, expected);
    // The same for the pinned authority of a token, and when the filter's certificate has expired besides.
    let pinned = Settings {
        anchor: Anchor::Pinned(region.pin()),
        ..settings(vec![server.url.clone()], &region)
    };
    assert_eq!(failure(&Transport::with_settings(pinned).unwrap()).await, expected);
    let later = clock_at("2030-01-01T00:00:00.000000Z".parse().unwrap());
    assert_eq!(failure(&with_clock(&server, &region, later)).await, expected);
    // Nobody behind such a certificate is asked for the time.
    assert_eq!(transport(&server, &region).time().await.unwrap_err(), expected);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_authority_of_the_same_name_is_another_authority() {
    let server = Server::start(&Authority::region(), all_is_well).await;
    let failure = failure(&transport(&server, &Authority::region())).await;
    assert!(matches!(failure, TransportFailure::CertificateReplaced { .. }), "{failure:?}");
}

#[tokio::test]
async fn the_pinned_authority_is_believed() {
    let region = Authority::region();
    let server = Server::start(&region, all_is_well).await;
    let pinned = Settings {
        anchor: Anchor::Pinned(region.pin()),
        ..settings(vec![server.url.clone()], &region)
    };
    let transport = Transport::with_settings(pinned).unwrap();
    transport.check_in(&check_in(), Seconds::saturating(0)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_clock_is_told_from_every_other_fault_and_mended_by_asking_the_time() {
    let region = Authority::region();
    let authority = Authority::region();
    let signer = std::sync::Arc::new(region);
    let answering = std::sync::Arc::clone(&signer);
    let server = Server::start(&signer, move |request| match request.path.starts_with("/v1/time") {
        true => time_answer(&answering, &request.path, today()),
        false => all_is_well(request),
    })
    .await;
    for device in ["2009-01-01T00:00:00.000000Z", "2031-01-01T00:00:00.000000Z"] {
        let device: Timestamp = device.parse().unwrap();
        let clock = clock_at(device);
        let transport = with_clock(&server, &signer, clock.clone());
        let failed = failure(&transport).await;
        assert!(
            matches!(&failed, TransportFailure::CertificateTimeInvalid { judged_at, validity, .. }
                if *judged_at == device && validity.contains(today())),
            "{failed:?}"
        );
        let answer = transport.time().await.unwrap();
        assert_eq!(answer.server_time, today());
        clock.told(answer.server_time);
        transport.check_in(&check_in(), Seconds::saturating(0)).await.unwrap();
    }
    // A time that another key signed is not believed.
    let stranger = Settings {
        signing_keys: vec![authority.signing_key()],
        ..settings(vec![server.url.clone()], &signer)
    };
    let failed = Transport::with_settings(stranger).unwrap().time().await.unwrap_err();
    assert!(matches!(failed, TransportFailure::TimeNotBelieved { .. }), "{failed:?}");
}

#[tokio::test]
async fn an_old_answer_about_the_time_is_not_believed() {
    let region = std::sync::Arc::new(Authority::region());
    let replaying = std::sync::Arc::clone(&region);
    let server = Server::start(&region, move |_| {
        time_answer(&replaying, "/v1/time?nonce=0123456789abcdef", today())
    })
    .await;
    let failed = transport(&server, &region).time().await.unwrap_err();
    assert!(matches!(failed, TransportFailure::TimeNotBelieved { .. }), "{failed:?}");
}

#[tokio::test]
async fn an_expired_server_certificate_is_a_matter_of_dates() {
    let region = Authority::region();
    let expired = "2025-01-01T00:00:00.000000Z".parse().unwrap();
    let server = Server::start_as(&region, "127.0.0.1", expired, all_is_well).await;
    let failed = failure(&transport(&server, &region)).await;
    assert!(
        matches!(&failed, TransportFailure::CertificateTimeInvalid { validity, .. } if validity.not_after < today()),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_even_when_it_has_expired() {
    let region = Authority::region();
    for from in [today(), "2025-01-01T00:00:00.000000Z".parse().unwrap()] {
        let server = Server::start_as(&region, "other.example", from, all_is_well).await;
        let failed = failure(&transport(&server, &region)).await;
        assert!(matches!(failed, TransportFailure::CertificateName { .. }), "{failed:?}");
        assert!(matches!(
            transport(&server, &region).time().await.unwrap_err(),
            TransportFailure::CertificateName { .. }
        ));
    }
}

/// A port of loopback where nothing listens.
async fn closed_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_closed_port_and_a_missing_name_are_told_and_another_address_helps() {
    let region = Authority::region();
    let closed: ControllerUrl = format!("https://127.0.0.1:{}", closed_port().await).parse().unwrap();
    let nameless: ControllerUrl = "https://name.invalid:8443".parse().unwrap();
    let only = |url: &ControllerUrl| Transport::with_settings(settings(vec![url.clone()], &region)).unwrap();
    let failed = failure(&only(&closed)).await;
    assert!(matches!(failed, TransportFailure::ConnectionRefused { .. }), "{failed:?}");
    let expected = TransportFailure::Dns {
        host: "name.invalid".to_owned(),
    };
    assert_eq!(failure(&only(&nameless)).await, expected);
    let server = Server::start(&region, all_is_well).await;
    let several = Transport::with_settings(settings(vec![closed, nameless, server.url.clone()], &region)).unwrap();
    for _ in 0..2 {
        several.check_in(&check_in(), Seconds::saturating(0)).await.unwrap();
    }
}

#[tokio::test]
async fn silence_is_told_from_refusal() {
    let region = Authority::region();
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url: ControllerUrl = format!("https://{}", silent.local_addr().unwrap()).parse().unwrap();
    let impatient = |connect, request| Settings {
        patience: Patience { connect, request },
        ..settings(vec![url.clone()], &region)
    };
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(60));
    for settings in [impatient(short, long), impatient(long, short)] {
        let failed = failure(&Transport::with_settings(settings).unwrap()).await;
        assert!(matches!(failed, TransportFailure::Timeout { .. }), "{failed:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let region = Authority::region();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url: ControllerUrl = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let plain = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 512]).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let failed = failure(&Transport::with_settings(settings(vec![url], &region)).unwrap()).await;
    assert!(matches!(failed, TransportFailure::Tls { .. }), "{failed:?}");
    plain.await.unwrap();
}

#[tokio::test]
async fn a_filters_page_is_no_answer() {
    let region = Authority::region();
    for status in [200, 403, 302] {
        let server = Server::start(&region, move |_| {
            Response::page(status, "<html><head><title>Доступ ограничен</title></head></html>")
        })
        .await;
        let expected = TransportFailure::UnexpectedAnswer {
            controller: server.url.to_string(),
            status,
            content_type: "text/html".to_owned(),
            title: Some("Доступ ограничен".to_owned()),
        };
        assert_eq!(failure(&transport(&server, &region)).await, expected);
    }
}

#[tokio::test]
async fn a_proxy_is_used_and_given_its_login() {
    let region = Authority::region();
    let server = Server::start(&region, all_is_well).await;
    let open = Proxy::start(Policy::Open).await;
    let transport = through(&server, &region, &format!("url = '{}'", open.url));
    transport.check_in(&check_in(), Seconds::saturating(0)).await.unwrap();
    assert_eq!(open.tunnels(), 1);
    // base64 of «pc:secret»
    let guarded = Proxy::start(Policy::Login("Basic cGM6c2VjcmV0")).await;
    let config = format!("url = '{}'\nlogin = 'pc'\npassword = 'secret'", guarded.url);
    let transport = through(&server, &region, &config);
    transport.check_in(&check_in(), Seconds::saturating(0)).await.unwrap();
    assert_eq!(guarded.tunnels(), 1);
}

#[tokio::test]
async fn what_a_proxy_does_is_told() {
    let region = Authority::region();
    let server = Server::start(&region, all_is_well).await;
    let guarded = Proxy::start(Policy::Login("Basic cGM6c2VjcmV0")).await;
    let proxy = guarded.url.to_string();
    let failed = failure(&through(&server, &region, &format!("url = '{proxy}'"))).await;
    assert_eq!(failed, TransportFailure::ProxyLoginRequired { proxy: proxy.clone() });

    let wrong = format!("url = '{proxy}'\nlogin = 'pc'\npassword = 'wrong'");
    let failed = failure(&through(&server, &region, &wrong)).await;
    assert_eq!(failed, TransportFailure::ProxyLoginRefused { proxy });

    let closed = Proxy::start(Policy::Closed).await;
    let failed = failure(&through(&server, &region, &format!("url = '{}'", closed.url))).await;
    assert!(matches!(failed, TransportFailure::ProxyRefused { .. }), "{failed:?}");

    let port = closed_port().await;
    for proxy in [format!("http://127.0.0.1:{port}"), "http://name.invalid:3128".to_owned()] {
        let failed = failure(&through(&server, &region, &format!("url = '{proxy}'"))).await;
        assert!(
            matches!(&failed, TransportFailure::ProxyUnreachable { proxy: named, .. } if *named == proxy),
            "{failed:?}"
        );
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_silent_proxy_is_named() {
    let region = Authority::region();
    let server = Server::start(&region, all_is_well).await;
    let silent = Proxy::start(Policy::Silent).await;
    let config: ProxyConfig = toml::from_str(&format!("url = '{}'", silent.url)).unwrap();
    let transport = Transport::with_settings(Settings {
        route: Route::choose(&config, None),
        patience: Patience {
            connect: Duration::from_millis(100),
            ..Patience::default()
        },
        ..settings(vec![server.url.clone()], &region)
    });
    let failed = failure(&transport.unwrap()).await;
    assert!(
        matches!(&failed, TransportFailure::ProxySilent { proxy, .. } if *proxy == silent.url.to_string()),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_filter_behind_a_proxy_is_named_as_well() {
    let filter = Authority::new("Filter Root", "Filter Root");
    let server = Server::start(&filter, all_is_well).await;
    let open = Proxy::start(Policy::Open).await;
    let failed = failure(&through(&server, &Authority::region(), &format!("url = '{}'", open.url))).await;
    assert!(
        matches!(&failed, TransportFailure::CertificateReplaced { issuer, .. } if issuer == "Filter Root"),
        "{failed:?}"
    );
}
