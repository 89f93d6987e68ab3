//! What can keep the agent from its controller, told apart so that a person can act on it.
//!
//! The HTTP client reports a chain of causes; [`classify`] walks it to the typed error at its end: the
//! resolver's, the TLS verifier's, the operating system's. Only the CONNECT tunnel's errors have no public
//! type and are known by their text, which the tests of this folder hold in place.

use std::error::Error;
use std::io;

use inventory_schema::problem::Problem;
use inventory_schema::timestamp::Timestamp;

use super::proxy::Route;
use super::tls::ChainFault;
use crate::identity::Validity;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    #[error("the name {host} has no address")]
    Dns { host: String },
    #[error("{controller} refuses connections: nothing listens there, or a firewall answers for it")]
    ConnectionRefused { controller: String },
    /// No route to the address, or the network is down.
    #[error("{controller} cannot be reached: {reason}")]
    Unreachable { controller: String, reason: String },
    #[error("{controller} did not answer in time")]
    Timeout { controller: String },
    #[error("the proxy {proxy} cannot be reached: {reason}")]
    ProxyUnreachable { proxy: String, reason: String },
    #[error("the proxy {proxy} wants a login and a password")]
    ProxyLoginRequired { proxy: String },
    /// The proxy takes connections and lets the tunnel wait: it hangs, or the address behind it does.
    #[error("the proxy {proxy} did not connect to {controller} in time")]
    ProxySilent { proxy: String, controller: String },
    /// 407, although the agent gave a login: it is wrong, or the proxy wants another method than Basic.
    #[error("the proxy {proxy} does not accept the login and password")]
    ProxyLoginRefused { proxy: String },
    /// The proxy answered CONNECT with something other than 200 or 407.
    #[error("the proxy {proxy} does not let the agent through to {controller}")]
    ProxyRefused { proxy: String, controller: String },
    #[error("something between here and {controller} replaces its certificate with one issued by «{issuer}»")]
    CertificateReplaced { controller: String, issuer: String },
    /// Only the dates are at fault: usually this computer's clock is wrong.
    #[error("the certificate of {controller} is valid from {} to {}, and it is {judged_at}", validity.not_before, validity.not_after)]
    CertificateTimeInvalid {
        controller: String,
        validity: Validity,
        judged_at: Timestamp,
    },
    #[error("the certificate of {controller} was issued for another name")]
    CertificateName { controller: String },
    /// The other side ended the handshake, or speaks no TLS at all.
    #[error("no secure connection to {controller}: {reason}")]
    Tls { controller: String, reason: String },
    /// The connection broke off after it stood.
    #[error("the connection to {controller} broke off: {reason}")]
    Broken { controller: String, reason: String },
    /// The controller refused, and says why.
    #[error("the controller refused: {}", .0.code)]
    Problem(Problem),
    /// Not an answer of a controller: a filter's page, a login portal, another server.
    #[error("{controller} answered with status {status} and {content_type}, which is no answer of a controller")]
    UnexpectedAnswer {
        controller: String,
        status: u16,
        content_type: String,
        /// The title of the page, when it is one.
        title: Option<String>,
    },
    /// An answer that belongs to another question, or whose signature does not hold.
    #[error("{controller} gave a time that cannot be believed: {reason}")]
    TimeNotBelieved { controller: String, reason: String },
    /// The request would exceed what a controller accepts.
    #[error("the request has {bytes} bytes, at most {max} are accepted")]
    RequestTooLarge { bytes: usize, max: usize },
}

impl TransportFailure {
    /// May another address of the same controller do better? A refusal is an answer and ends the search.
    pub fn concerns_this_address_only(&self) -> bool {
        !matches!(self, Self::Problem(_) | Self::RequestTooLarge { .. })
    }
}

/// The resolver's failure, typed so that it can be found in the client's chain of causes.
#[derive(Debug, thiserror::Error)]
#[error("the name {host} has no address")]
pub struct NameNotFound {
    pub host: String,
    #[source]
    pub cause: Option<io::Error>,
}

/// Names what kept the request to `controller` from being answered on this `route`.
pub fn classify(error: &reqwest::Error, controller: &str, route: &Route) -> TransportFailure {
    let chain = causes(error);
    let controller = controller.to_owned();
    let tunnel = chain.iter().find_map(|cause| TunnelFault::of(*cause));
    let proxy = || route.proxy_name().unwrap_or_else(|| "HTTPS_PROXY".to_owned());
    match tunnel {
        Some(TunnelFault::LoginRequired) if route.gives_login() => return TransportFailure::ProxyLoginRefused { proxy: proxy() },
        Some(TunnelFault::LoginRequired) => return TransportFailure::ProxyLoginRequired { proxy: proxy() },
        Some(TunnelFault::Refused) => {
            return TransportFailure::ProxyRefused {
                proxy: proxy(),
                controller,
            };
        }
        Some(TunnelFault::NotReached) => {
            return TransportFailure::ProxyUnreachable {
                proxy: proxy(),
                reason: innermost(&chain),
            };
        }
        None => {}
    }
    if let Some(failure) = chain.iter().find_map(|cause| typed(*cause, &controller)) {
        return failure;
    }
    match route.proxy_to(&controller) {
        Some(proxy) if error.is_timeout() && error.is_connect() => TransportFailure::ProxySilent { proxy, controller },
        _ => untyped(error, &chain, controller),
    }
}

/// A cause whose type says what happened.
fn typed(cause: &(dyn Error + 'static), controller: &str) -> Option<TransportFailure> {
    let controller = controller.to_owned();
    if let Some(missing) = cause.downcast_ref::<NameNotFound>() {
        return Some(TransportFailure::Dns {
            host: missing.host.clone(),
        });
    }
    if let Some(fault) = cause.downcast_ref::<ChainFault>() {
        return Some(of_chain(fault, controller));
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return match error {
            rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => match other.0.downcast_ref::<ChainFault>() {
                Some(fault) => Some(of_chain(fault, controller)),
                None => Some(TransportFailure::Tls {
                    controller,
                    reason: error.to_string(),
                }),
            },
            _ => Some(TransportFailure::Tls {
                controller,
                reason: error.to_string(),
            }),
        };
    }
    None
}

fn of_chain(fault: &ChainFault, controller: String) -> TransportFailure {
    match fault.clone() {
        ChainFault::Foreign { issuer } => TransportFailure::CertificateReplaced { controller, issuer },
        ChainFault::Time { validity, judged_at } => TransportFailure::CertificateTimeInvalid {
            controller,
            validity,
            judged_at,
        },
        ChainFault::Name { .. } => TransportFailure::CertificateName { controller },
        ChainFault::Unusable { reason } => TransportFailure::Tls { controller, reason },
    }
}

/// What the operating system or the client itself says.
fn untyped(error: &reqwest::Error, chain: &[&(dyn Error + 'static)], controller: String) -> TransportFailure {
    let system = chain
        .iter()
        .find_map(|cause| cause.downcast_ref::<io::Error>().filter(|error| error.raw_os_error().is_some()));
    let kind = system.map(io::Error::kind);
    let reason = innermost(chain);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => TransportFailure::ConnectionRefused { controller },
        Some(io::ErrorKind::TimedOut) => TransportFailure::Timeout { controller },
        _ if error.is_timeout() => TransportFailure::Timeout { controller },
        _ if error.is_connect() => TransportFailure::Unreachable { controller, reason },
        _ => TransportFailure::Broken { controller, reason },
    }
}

/// What went wrong between the agent and its proxy.
enum TunnelFault {
    LoginRequired,
    Refused,
    NotReached,
}

impl TunnelFault {
    fn of(cause: &(dyn Error + 'static)) -> Option<Self> {
        let text = cause.to_string();
        Some(match text.strip_prefix("tunnel error: ")? {
            "proxy authorization required" => Self::LoginRequired,
            "failed to create underlying connection" | "io error establishing tunnel" | "unexpected end of file" => Self::NotReached,
            _ => Self::Refused,
        })
    }
}

/// The error and everything below it. An [`io::Error`] that wraps another error hides it from
/// [`Error::source`], so it is opened here.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        chain.push(cause);
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    chain
}

fn innermost(chain: &[&(dyn Error + 'static)]) -> String {
    chain.last().map(ToString::to_string).unwrap_or_default()
}
