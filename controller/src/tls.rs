//! The two listeners: TLS configurations, certificates that change while serving, and who is at the other end.
//!
//! | Listener | Asks for a client certificate | Its own certificate |
//! |---|---|---|
//! | devices | offers to take one, and takes any whose key is proven | from the region's authority: leaf, issuing CA, root |
//! | people | no | from files, read again when they change; else from the region's authority |
//!
//! TLS proves possession of a key and nothing more. Whether the certificate is ours is settled once per connection
//! ([`peer`]) and given to every request as a [`PeerIdentity`]; expiry and revocation are decided in the request,
//! where they can be explained in words. Called by `cli/serve.rs`; knows no route and no database.

pub mod admission;
pub mod certificate;
pub mod listener;
pub mod peer;
mod possession;
mod tickets;

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, WebPkiClientVerifier};

use crate::authority::Authority;
use crate::metrics::Counter;
pub use certificate::{CertificateFiles, LiveCertificate, Refresh, keep_renewed, reissue, renew_from_authority, watch_files};
pub use listener::{ConnectionLimits, serve};
pub use peer::{DeviceIdentity, DeviceTrust, IdentitySource, PeerIdentity, device_of};
use possession::PossessionVerifier;
use tickets::Tickets;

/// What a listener needs to know of TLS.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub tls: Arc<ServerConfig>,
    /// Absent on the people's listener, where nobody is identified by a certificate.
    pub trust: Option<Arc<DeviceTrust>>,
    pub handshakes: Arc<Handshakes>,
}

/// How many handshakes there were, by what they cost.
#[derive(Debug, Default)]
pub struct Handshakes {
    pub full: Counter,
    /// Of a session that an earlier connection began.
    pub resumed: Counter,
}

#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("the TLS configuration was refused")]
    Tls(#[source] rustls::Error),
    #[error("the authority's certificates cannot serve to check devices")]
    Trust(#[source] peer::TrustError),
}

impl Endpoint {
    /// The device listener. `certificate` should come from [`Authority::issue_server`], because tokens pin its root.
    pub fn devices(authority: &Authority, certificate: Arc<LiveCertificate>) -> Result<Self, EndpointError> {
        let verifier = Arc::new(PossessionVerifier::new(&provider()));
        let trust = DeviceTrust::of(authority).map_err(EndpointError::Trust)?;
        Ok(Self {
            tls: configure(verifier, certificate, Arc::new(Tickets::new(authority.session_secret())))?,
            trust: Some(Arc::new(trust)),
            handshakes: Arc::default(),
        })
    }

    /// The people's listener.
    pub fn people(certificate: Arc<LiveCertificate>) -> Result<Self, EndpointError> {
        Ok(Self {
            tls: configure(
                WebPkiClientVerifier::no_client_auth(),
                certificate,
                rustls::crypto::aws_lc_rs::Ticketer::new().map_err(EndpointError::Tls)?,
            )?,
            trust: None,
            handshakes: Arc::default(),
        })
    }
}

/// The cryptography of both listeners, named here so that no process-wide default is needed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// TLS 1.3 and 1.2, HTTP/1.1, sessions resumed by tickets. A ticket carries the client's certificate, so that a
/// resumed connection is identified like the first one, and the server keeps nothing for 120,000 devices.
fn configure(
    clients: Arc<dyn rustls::server::danger::ClientCertVerifier>,
    certificate: Arc<LiveCertificate>,
    tickets: Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, EndpointError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(EndpointError::Tls)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = tickets;
    config.session_storage = ServerSessionMemoryCache::new(256);
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}
