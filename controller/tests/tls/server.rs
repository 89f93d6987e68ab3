//! A region with an authority in a temporary folder, and a listener that notes who called.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use cos_controller::authority::{Authority, IssuedCertificate};
use cos_controller::tls::{ConnectionLimits, Endpoint, LiveCertificate, PeerIdentity, serve};
use inventory_schema::{DeviceId, RegionId, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::client::Credentials;

pub fn region_id() -> RegionId {
    "RU-PER".parse().unwrap()
}

pub fn device_id() -> DeviceId {
    "01900000-0000-7000-8000-000000000001".parse().unwrap()
}

pub struct Region {
    folder: Arc<tempfile::TempDir>,
    pub authority: Authority,
}

impl Region {
    pub fn created(now: Timestamp) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let authority = Authority::create(folder.path(), &region_id(), now).unwrap();
        Self { folder, authority }
    }

    /// The same files, as a controller reads them that starts now.
    pub fn reloaded(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            authority: Authority::load(self.folder.path()).unwrap(),
        }
    }

    pub fn directory(&self) -> &Path {
        self.folder.path()
    }

    pub fn root_key(&self) -> PathBuf {
        let files = std::fs::read_dir(self.folder.path().join("root")).unwrap();
        files
            .map(|file| file.unwrap().path())
            .find(|path| path.extension().is_some_and(|extension| extension == "key"))
            .unwrap()
    }

    /// A listener's certificate of this moment.
    pub fn live(&self) -> Arc<LiveCertificate> {
        LiveCertificate::from_authority(&self.authority, &["localhost".to_owned()], crate::now()).unwrap()
    }

    /// A device with a certificate issued at `at`.
    pub fn device(&self, at: Timestamp) -> (Credentials, IssuedCertificate) {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let issued = self
            .authority
            .issue_device(&csr.parse().unwrap(), &region_id(), device_id(), at)
            .unwrap();
        let chain = CertificateDer::pem_slice_iter(issued.chain.as_str().as_bytes())
            .collect::<Result<_, _>>()
            .unwrap();
        (Credentials::of_key(chain, &key), issued)
    }
}

#[derive(Clone)]
struct Notebook {
    seen: mpsc::UnboundedSender<PeerIdentity>,
    answer: Arc<Notify>,
}

pub struct Server {
    pub address: SocketAddr,
    seen: mpsc::UnboundedReceiver<PeerIdentity>,
    answer: Arc<Notify>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn devices(region: &Region) -> Self {
        Self::with(
            Endpoint::devices(&region.authority, region.live()).unwrap(),
            ConnectionLimits::default(),
        )
        .await
    }

    pub async fn people(live: Arc<LiveCertificate>, limits: ConnectionLimits) -> Self {
        Self::with(Endpoint::people(live).unwrap(), limits).await
    }

    pub async fn with(endpoint: Endpoint, limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let answer = Arc::new(Notify::new());
        let notebook = Notebook {
            seen: sender,
            answer: answer.clone(),
        };
        let router = Router::new()
            .route("/", get(note))
            .route("/wait", get(note_and_wait))
            .with_state(notebook);
        let (shutdown, asked) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(listener, endpoint, router, limits, async {
            let _ = asked.await;
        }));
        Self {
            address,
            seen,
            answer,
            shutdown: Some(shutdown),
            task,
        }
    }

    /// Who sent the next request.
    pub async fn seen(&mut self) -> PeerIdentity {
        self.seen.recv().await.unwrap()
    }

    pub fn nothing_seen(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }

    pub fn begin_shutdown(&mut self) {
        self.shutdown.take().unwrap().send(()).unwrap();
    }

    pub fn answer_waiting(&self) {
        self.answer.notify_one();
    }

    pub async fn ended(&mut self) {
        (&mut self.task).await.unwrap();
    }
}

async fn note(State(notebook): State<Notebook>, identity: PeerIdentity) -> &'static str {
    notebook.seen.send(identity).unwrap();
    "noted"
}

async fn note_and_wait(State(notebook): State<Notebook>, identity: PeerIdentity) -> &'static str {
    notebook.seen.send(identity).unwrap();
    notebook.answer.notified().await;
    "waited"
}
