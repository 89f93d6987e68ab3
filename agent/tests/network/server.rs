//! A certificate authority and a controller in miniature: real TLS on loopback, answers given by the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cos_agent::clock::{Moment, SharedClock};
use inventory_schema::canonical::{CanonicalBytes, Digest};
use inventory_schema::device::BootId;
use inventory_schema::enrollment::{ControllerUrl, Pem, TrustBundle};
use inventory_schema::problem::{Problem, ProblemCode};
use inventory_schema::signature::{PublicKey, Signature, Signed};
use inventory_schema::timestamp::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SigningKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the tests take for now.
pub fn today() -> Timestamp {
    "2026-09-01T06:00:00.000000Z".parse().unwrap()
}

/// A clock whose device clock stands at `device`; nothing was told yet.
pub fn clock_at(device: Timestamp) -> SharedClock {
    SharedClock::new(None, move || Moment {
        device,
        boot: "00000000-0000-7000-8000-000000000001".parse::<BootId>().unwrap(),
        uptime: Duration::from_secs(60),
    })
}

fn days(number: u64) -> Duration {
    Duration::from_secs(86_400 * number)
}

/// A region's authority, which also signs documents.
pub struct Authority {
    pub pem: Pem,
    pub der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    signing: KeyPair,
}

impl Authority {
    pub fn new(common_name: &str, organization: &str) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: pem(&certificate.pem()),
            der: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            signing: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
        }
    }

    pub fn region() -> Self {
        Self::new("COS RU-PER Root", "Region")
    }

    pub fn pin(&self) -> Digest {
        Digest::of(&self.der)
    }

    pub fn signing_key(&self) -> PublicKey {
        PublicKey::from_spki_der(&self.signing.subject_public_key_info()).unwrap()
    }

    pub fn trust(&self) -> TrustBundle {
        TrustBundle {
            roots: vec![self.pem.clone()],
            signing_keys: vec![self.signing_key()],
            distrusted: Vec::new(),
        }
    }

    pub fn sign<D: Serialize + DeserializeOwned>(&self, document: &D) -> Signed<D> {
        let text = CanonicalBytes::of(document).unwrap().into_text();
        let signature = Signature::from_bytes(self.signing.sign(text.as_bytes()).unwrap()).unwrap();
        Signed::new(text, signature, self.signing_key().fingerprint())
    }

    /// A device's certificate for the key of a request.
    pub fn certify(&self, csr: &Pem) -> Pem {
        let mut request = rcgen::CertificateSigningRequestParams::from_pem(csr.as_str()).unwrap();
        request.params.not_before = rcgen::date_time_ymd(2026, 8, 1);
        request.params.not_after = rcgen::date_time_ymd(2027, 9, 1);
        pem(&request.signed_by(&self.issuer).unwrap().pem())
    }

    /// A server's chain, valid from a day before `from` to 90 days after, with the authority in it.
    fn server_chain(&self, name: &str, from: Timestamp) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = match name.parse() {
            Ok(address) => vec![SanType::IpAddress(address)],
            Err(_) => vec![SanType::DnsName(name.try_into().unwrap())],
        };
        let date = |time: Timestamp| {
            let seconds = Duration::from_secs(u64::try_from(time.unix_seconds()).unwrap());
            rcgen::date_time_ymd(1970, 1, 1) + seconds
        };
        params.not_before = date(from - days(1));
        params.not_after = date(from + days(90));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![certificate.der().clone(), self.der.clone()];
        (chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
    }
}

pub fn pem(text: &str) -> Pem {
    text.replace('\r', "").parse().unwrap()
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: String,
    pub body: Vec<u8>,
    /// The client showed a certificate.
    pub certified: bool,
}

#[derive(Debug)]
pub struct Response {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    pub fn json(document: &impl Serialize) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            body: serde_json::to_vec(document).unwrap(),
        }
    }

    pub fn problem(code: ProblemCode) -> Self {
        Self {
            status: code.status(),
            content_type: "application/problem+json",
            body: serde_json::to_vec(&Problem::new(code, Some(today()))).unwrap(),
        }
    }

    pub fn page(status: u16, html: &str) -> Self {
        Self {
            status,
            content_type: "text/html; charset=utf-8",
            body: html.as_bytes().to_vec(),
        }
    }
}

pub struct Server {
    pub url: ControllerUrl,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// A controller at 127.0.0.1 with a certificate that is valid today.
    pub async fn start(authority: &Authority, answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self::start_as(authority, "127.0.0.1", today(), answer).await
    }

    pub async fn start_as(
        authority: &Authority,
        name: &str,
        certified_from: Timestamp,
        answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Self {
        let (chain, key) = authority.server_chain(name, certified_from);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(
            Arc::clone(&connections),
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::clone(&requests),
            Arc::new(answer),
        ));
        Self {
            url: format!("https://127.0.0.1:{port}").parse().unwrap(),
            connections,
            requests,
            task,
        }
    }

    /// How many connections were made, whatever became of them.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

type Answer = dyn Fn(&Request) -> Response + Send + Sync;

async fn serve(
    connections: Arc<AtomicUsize>,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<Answer>,
) {
    while let Ok((socket, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, requests, answer) = (acceptor.clone(), Arc::clone(&requests), Arc::clone(&answer));
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let certified = stream.get_ref().1.peer_certificates().is_some();
            while let Some(request) = read_request(&mut stream, certified).await {
                let response = answer(&request);
                requests.lock().unwrap().push(request);
                if write_response(&mut stream, response).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Everything up to the empty line, as text.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), certified: bool) -> Option<Request> {
    let head = read_head(stream).await?;
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = head.to_ascii_lowercase();
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request {
        method,
        path,
        headers,
        body,
        certified,
    })
}

async fn write_response(stream: &mut (impl AsyncWrite + Unpin), response: Response) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
        response.status,
        response.content_type,
        response.body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&response.body).await?;
    stream.flush().await
}

/// What `/v1/time` answers: the nonce of the path, signed.
pub fn time_answer(authority: &Authority, path: &str, now: Timestamp) -> Response {
    let nonce = path.split_once("nonce=").unwrap().1.parse().unwrap();
    Response::json(&authority.sign(&inventory_schema::check_in::TimeAnswer { nonce, server_time: now }))
}
