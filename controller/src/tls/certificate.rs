//! A listener's own certificate, exchanged while connections live: read from files, or issued by the authority.
//!
//! New handshakes use the new certificate, connections that exist keep theirs. Files that are broken, or caught
//! half-written, leave the certificate that is in use in use. [`watch_files`] and [`keep_renewed`] are the two
//! tasks that `cli/serve.rs` runs beside the listeners; each does nothing until something is due.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use inventory_schema::{Digest, Timestamp};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::certificate::{CertificateError, CertificateInfo};
use crate::authority::{Authority, IssueError, ServerCertificate, server_renewal_due};

/// How often the files are looked at.
const FILES_EVERY: Duration = Duration::from_secs(5);

/// The certificate that new handshakes are answered with.
#[derive(Debug)]
pub struct LiveCertificate(RwLock<Arc<Served>>);

#[derive(Debug)]
struct Served {
    key: Arc<CertifiedKey>,
    leaf: CertificateInfo,
}

#[derive(Debug, thiserror::Error)]
pub enum CertificateLoadError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no certificates in PEM")]
    NoCertificate {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("{path} holds no private key in PEM")]
    NoKey {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("the first certificate of the chain is damaged")]
    Certificate(#[source] CertificateError),
    #[error("the certificate chain is empty")]
    Empty,
    #[error("the certificate and the key cannot be used together")]
    Pair(#[source] rustls::Error),
    #[error("no certificate could be issued")]
    Issue(#[source] IssueError),
}

impl LiveCertificate {
    /// Serves a certificate that the authority issues now.
    pub fn from_authority(authority: &Authority, names: &[String], now: Timestamp) -> Result<Arc<Self>, CertificateLoadError> {
        let issued = authority.issue_server(names, now).map_err(CertificateLoadError::Issue)?;
        Ok(Arc::new(Self(RwLock::new(Served::issued(issued)?))))
    }

    /// SHA-256 of each certificate that is sent, the listener's own first: for the page that says how to trust it.
    pub fn fingerprints(&self) -> Vec<Digest> {
        self.served().key.cert.iter().map(|certificate| Digest::of(certificate)).collect()
    }

    /// The listener's own certificate.
    pub fn leaf(&self) -> CertificateInfo {
        self.served().leaf.clone()
    }

    fn served(&self) -> Arc<Served> {
        // A poisoned lock still holds a whole certificate: it is only ever replaced at once.
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, served: Arc<Served>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = served;
    }
}

impl ResolvesServerCert for LiveCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served().key.clone())
    }
}

impl Served {
    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Arc<Self>, CertificateLoadError> {
        let leaf = chain.first().cloned().ok_or(CertificateLoadError::Empty)?;
        let leaf = CertificateInfo::read(leaf).map_err(CertificateLoadError::Certificate)?;
        let key = CertifiedKey::from_der(chain, key, &super::provider()).map_err(CertificateLoadError::Pair)?;
        Ok(Arc::new(Self { key: Arc::new(key), leaf }))
    }

    fn issued(issued: ServerCertificate) -> Result<Arc<Self>, CertificateLoadError> {
        Self::new(issued.chain, issued.key)
    }
}

/// Exchanges a certificate of the authority for a fresh one if half of its life is over; says whether it did.
/// Called by a periodic task; calling it more often changes nothing.
pub fn renew_from_authority(
    live: &LiveCertificate,
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<bool, CertificateLoadError> {
    if !server_renewal_due(live.leaf().validity, now) {
        return Ok(false);
    }
    let issued = authority.issue_server(names, now).map_err(CertificateLoadError::Issue)?;
    live.replace(Served::issued(issued)?);
    Ok(true)
}

/// Exchanges a certificate of the authority at once: the authority has changed.
pub fn reissue(live: &LiveCertificate, authority: &Authority, names: &[String], now: Timestamp) -> Result<(), CertificateLoadError> {
    let issued = authority.issue_server(names, now).map_err(CertificateLoadError::Issue)?;
    live.replace(Served::issued(issued)?);
    Ok(())
}

/// How often a certificate of the authority is looked at; it lives for 200 days.
const OWN_EVERY: Duration = Duration::from_hours(1);

/// Keeps a certificate of the authority young for as long as it is polled. `now` reads the clock.
pub async fn keep_renewed(live: Arc<LiveCertificate>, authority: Arc<Authority>, names: Vec<String>, now: impl Fn() -> Timestamp) {
    let mut ticks = tokio::time::interval(OWN_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match renew_from_authority(&live, &authority, &names, now()) {
            Ok(false) => {}
            Ok(true) => tracing::info!(
                certificate.serial = live.leaf().serial,
                certificate.not_after = %live.leaf().validity.not_after,
                "the listener serves a new certificate of the region's authority"
            ),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                certificate.not_after = %live.leaf().validity.not_after,
                "the listener's certificate could not be renewed"
            ),
        }
    }
}

/// A certificate chain and its key in two PEM files, which somebody else exchanges.
#[derive(Debug)]
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// The digest of what was last read, be it good or broken, so that one state of the files is judged once.
    seen: Mutex<Digest>,
}

/// What looking at the files again led to.
#[derive(Debug)]
pub enum Refresh {
    Unchanged,
    Replaced,
    /// The files changed and cannot be used; the certificate before them stays in use.
    Kept(CertificateLoadError),
}

impl CertificateFiles {
    /// Reads both files; a listener does not start with a broken pair.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<(Self, Arc<LiveCertificate>), CertificateLoadError> {
        let text = PairText::read(&certificate, &key)?;
        let served = text.parse(&certificate, &key)?;
        let seen = Mutex::new(text.digest());
        let live = Arc::new(LiveCertificate(RwLock::new(served)));
        Ok((Self { certificate, key, seen }, live))
    }

    /// Looks at the files again. Compares contents, not times: clocks jump, and copies keep old times.
    pub fn refresh(&self, live: &LiveCertificate) -> Refresh {
        let text = match PairText::read(&self.certificate, &self.key) {
            Ok(text) => text,
            // Between the removal of a file and its return there is nothing to judge.
            Err(CertificateLoadError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Refresh::Unchanged,
            Err(error) => return Refresh::Kept(error),
        };
        let digest = text.digest();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == digest {
            return Refresh::Unchanged;
        }
        *seen = digest;
        match text.parse(&self.certificate, &self.key) {
            Ok(served) => {
                live.replace(served);
                Refresh::Replaced
            }
            Err(error) => Refresh::Kept(error),
        }
    }
}

/// The contents of both files, read together.
struct PairText {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl PairText {
    fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateLoadError> {
        let read = |path: &Path| fs::read(path).map_err(|source| CertificateLoadError::Read { path: path.into(), source });
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
        })
    }

    fn digest(&self) -> Digest {
        let (certificate, key) = (Digest::of(&self.certificate), Digest::of(&self.key));
        Digest::of(&[certificate.as_bytes().as_slice(), key.as_bytes().as_slice()].concat())
    }

    fn parse(&self, certificate: &Path, key: &Path) -> Result<Arc<Served>, CertificateLoadError> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| {
                if chain.is_empty() {
                    Err(pem::Error::NoItemsFound)
                } else {
                    Ok(chain)
                }
            })
            .map_err(|source| CertificateLoadError::NoCertificate {
                path: certificate.into(),
                source,
            })?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| CertificateLoadError::NoKey { path: key.into(), source })?;
        Served::new(chain, key)
    }
}

/// Looks at the files every few seconds for as long as it is polled.
pub async fn watch_files(files: Arc<CertificateFiles>, live: Arc<LiveCertificate>) {
    let mut ticks = tokio::time::interval(FILES_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match files.refresh(&live) {
            Refresh::Unchanged => {}
            Refresh::Replaced => tracing::info!(
                certificate.serial = live.leaf().serial,
                certificate.not_after = %live.leaf().validity.not_after,
                "the people's listener serves the new certificate from its files"
            ),
            Refresh::Kept(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the new certificate files cannot be used; the certificate before them stays in use"
            ),
        }
    }
}
