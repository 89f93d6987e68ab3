//! The bare reference: what any server of this kind cannot spare, in the fastest form known, and nothing more.
//! Every figure of `make bench` is a ratio to it in the same run. It knows no devices, rights, chains or problems.
//!
//! `reference DATABASE FOLDER`, where the load has put `ca.pem`, `server.pem` and `server.key`, prints three ports and
//! serves until its standard input ends: one of mutual TLS (`/ping` without a database, `/check-in`, `/inventory`), one
//! for strangers (`/enroll`), and one of mutual TLS and hyper alone, where everybody waits for `/publish`.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{Request, Response, StatusCode};
use axum::{Router, routing::post};
use hyper::service::{HttpService, service_fn};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use sqlx::{Connection as _, PgConnection, query};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;
type Answer = Result<String, StatusCode>;
/// A device, the time, and a document or a mere sign of life; the request is answered when that is durable.
type Row = ((i64, i64, Option<Bytes>), oneshot::Sender<()>);

/// The most rows committed together.
const LARGEST: usize = 512;
/// SQLite takes PostgreSQL's names of types.
const TABLES: &str = "CREATE TABLE seen (device BIGINT PRIMARY KEY, at BIGINT NOT NULL);
    CREATE TABLE document (device BIGINT NOT NULL, at BIGINT NOT NULL, bytes BYTEA NOT NULL);";

type Rows = mpsc::Sender<Row>;
type Authority = Arc<rcgen::CertifiedIssuer<'static, rcgen::KeyPair>>;

#[derive(Debug, serde::Deserialize)]
struct Caller {
    device: i64,
}

fn sqlite(path: &str, mut rows: mpsc::Receiver<Row>) -> Outcome {
    let database = rusqlite::Connection::open(path)?;
    database.execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; {TABLES}"))?;
    let (mut begin, mut commit) = (database.prepare("BEGIN IMMEDIATE")?, database.prepare("COMMIT")?);
    let mut seen = database.prepare("INSERT INTO seen VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET at = excluded.at")?;
    let mut stored = database.prepare("INSERT INTO document VALUES (?1, ?2, ?3)")?;
    let mut group = Vec::with_capacity(LARGEST);
    while rows.blocking_recv_many(&mut group, LARGEST) > 0 {
        begin.execute(())?;
        for ((device, at, document), _) in &group {
            match document {
                None => seen.execute((device, at))?,
                Some(bytes) => stored.execute((device, at, bytes.as_ref()))?,
            };
        }
        commit.execute(())?;
        group.drain(..).for_each(|(_, durable)| durable.send(()).unwrap_or_default());
    }
    Ok(())
}

async fn postgres(url: &str, mut rows: mpsc::Receiver<Row>) -> Outcome {
    const SEEN: &str = "INSERT INTO seen SELECT * FROM UNNEST($1::INT8[], $2::INT8[]) ON CONFLICT (device) DO UPDATE SET at = excluded.at";
    const STORED: &str = "INSERT INTO document SELECT * FROM UNNEST($1::INT8[], $2::INT8[], $3::BYTEA[])";
    let mut database = PgConnection::connect(url).await?;
    sqlx::raw_sql(TABLES).execute(&mut database).await?;
    let mut group = Vec::with_capacity(LARGEST);
    while rows.recv_many(&mut group, LARGEST).await > 0 {
        let (devices, times): (Vec<i64>, Vec<i64>) = group.iter().map(|((device, at, _), _)| (*device, *at)).unzip();
        let documents: Vec<&[u8]> = group.iter().filter_map(|((.., document), _)| document.as_deref()).collect();
        // A load sends one kind of row at a time, so that a statement is a transaction.
        let insert = match documents.is_empty() {
            true => query(SEEN).bind(devices).bind(times),
            false => query(STORED).bind(devices).bind(times).bind(documents),
        };
        insert.execute(&mut database).await?;
        group.drain(..).for_each(|(_, durable)| durable.send(()).unwrap_or_default());
    }
    Ok(())
}

async fn commit(rows: Rows, device: i64, document: Option<Bytes>) -> Answer {
    let (durable, committed) = oneshot::channel();
    rows.send(((device, now(), document), durable)).await.map_err(refused)?;
    committed.await.map(|()| answer()).map_err(refused)
}

fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as i64
}

fn answer() -> String {
    format!(r#"{{"server_time":{},"next_check_in":0,"wait":50}}"#, now())
}

/// The load is honest: it ends at a refusal.
fn refused(_: impl Error) -> StatusCode {
    StatusCode::BAD_REQUEST
}

async fn ping(body: Bytes) -> Answer {
    let caller = serde_json::from_slice::<Caller>(&body);
    caller.map(|_| answer()).map_err(refused)
}

async fn check_in(State(rows): State<Rows>, body: Bytes) -> Answer {
    let caller: Caller = serde_json::from_slice(&body).map_err(refused)?;
    commit(rows, caller.device, None).await
}

async fn inventory(State(rows): State<Rows>, caller: Query<Caller>, packed: Bytes) -> Answer {
    let json = zstd::bulk::decompress(&packed, 1 << 20).map_err(refused)?;
    serde_json::from_slice::<serde::de::IgnoredAny>(&json).map_err(refused)?;
    commit(rows, caller.device, Some(packed)).await
}

async fn enroll(State((rows, authority)): State<(Rows, Authority)>, caller: Query<Caller>, csr: String) -> Answer {
    let request = rcgen::CertificateSigningRequestParams::from_pem(&csr).map_err(refused)?;
    let certificate = request.signed_by(&authority).map_err(refused)?;
    let der = Bytes::copy_from_slice(certificate.der());
    commit(rows, caller.device, Some(der)).await?;
    Ok(certificate.pem())
}

/// Listens on a free port, which it answers.
async fn serve<S>(tls: Arc<ServerConfig>, service: S) -> Outcome<u16>
where
    S: HttpService<Incoming, ResBody = Body, Future: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + 'static,
{
    let (listener, acceptor) = (TcpListener::bind("127.0.0.1:0").await?, TlsAcceptor::from(tls));
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), service.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let Ok(tls) = acceptor.accept(stream).await else { return };
                // A client that goes away ends its connection.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
    Ok(port)
}

/// TLS for those who show a certificate of the authority, and for those who show none.
fn tls(folder: &str) -> Outcome<[Arc<ServerConfig>; 2]> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{folder}/ca.pem"))?)?;
    let devices = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build()?;
    let config = |clients| -> Outcome<Arc<ServerConfig>> {
        let chain = vec![CertificateDer::from_pem_file(format!("{folder}/server.pem"))?];
        let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key"))?;
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_client_cert_verifier(clients).with_single_cert(chain, key)?;
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    };
    Ok([config(devices)?, config(WebPkiClientVerifier::no_client_auth())?])
}

#[tokio::main]
pub async fn main() -> Outcome {
    let mut arguments = std::env::args().skip_while(|argument| argument != "reference").skip(1);
    let (Some(database), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Ok(());
    };
    let [mutual, one_sided] = tls(&folder)?;
    let (rows, queue) = mpsc::channel(4 * LARGEST);
    match database.strip_prefix("sqlite:").map(str::to_owned) {
        Some(path) => drop(std::thread::spawn(move || sqlite(&path, queue).expect("it serves"))),
        None => drop(tokio::spawn(async move { postgres(&database, queue).await.expect("it serves") })),
    }
    let authority = rcgen::CertifiedIssuer::self_signed(Default::default(), rcgen::KeyPair::generate()?)?;
    let strangers = Router::new().route("/enroll", post(enroll));
    let strangers = strangers.with_state((rows.clone(), Arc::new(authority)));
    let devices = Router::new().route("/inventory", post(inventory)).route("/ping", post(ping));
    let devices = devices.route("/check-in", post(check_in)).with_state(rows);
    let published = watch::Sender::new(());
    let waiting = service_fn(move |request: Request<Incoming>| {
        let (published, mut news) = (published.clone(), published.subscribe());
        async move {
            match request.uri().path() {
                "/publish" => published.send_replace(()),
                _ => news.changed().await.unwrap_or_default(),
            }
            Ok::<_, std::convert::Infallible>(Response::new(Body::from(&[b'x'; 1024][..])))
        }
    });
    let devices = serve(mutual.clone(), TowerToHyperService::new(devices)).await?;
    let strangers = serve(one_sided, TowerToHyperService::new(strangers)).await?;
    println!("{devices} {strangers} {}", serve(mutual, waiting).await?);
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    std::process::exit(0)
}
