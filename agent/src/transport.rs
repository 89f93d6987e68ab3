//! The agent's way to its controller: mutual TLS over HTTP/1.1, directly or by CONNECT (promises 9 and 10).
//!
//! Typed requests in, typed answers or a typed [`TransportFailure`] out. Several addresses are tried in
//! order, beginning with the one that answered last. It keeps no state on disk and decides nothing: when to
//! call, what to do after a failure and what an answer means is the core's business. Called by the event
//! loop, by `enroll` and by `doctor`.

pub mod failure;
pub mod proxy;
pub mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inventory_schema::check_in::{CheckIn, CheckInAnswer, Nonce, TimeAnswer};
use inventory_schema::enrollment::{
    ControllerUrl, EnrollmentAnswer, EnrollmentRequest, EnrollmentToken, RekeyAnswer, RekeyRequest, RenewalAnswer, RenewalRequest,
    TokenAnswer, TokenQuestion,
};
use inventory_schema::problem::Problem;
use inventory_schema::quantity::Seconds;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_COMPRESSED_BYTES, ReportAnswers, ReportBatch};
use inventory_schema::signature::{PublicKey, Signed};
use inventory_schema::timestamp::Timestamp;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use failure::TransportFailure;

use crate::clock::SharedClock;
use crate::config::AgentConfig;
use crate::enrollment::Enrollment;
use crate::identity::Identity;
use failure::{NameNotFound, classify};
use proxy::Route;
use tls::{Anchor, ChainVerifier, Dates, TrustError};

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Fast, and small enough for a school's line.
const COMPRESSION_LEVEL: i32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("the device's certificate or key cannot be used for TLS")]
    Credentials(#[source] rustls::Error),
    #[error("the HTTP client cannot be made; is the proxy's address right?")]
    Client(#[source] reqwest::Error),
    #[error("there is no controller's address")]
    NoController,
}

/// How patient the agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a connection, with its TLS handshake, may take.
    pub connect: Duration,
    /// How long a request may take beyond what it asked the controller to wait.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            request: Duration::from_secs(60),
        }
    }
}

/// Everything a connection depends on. An enrollment, a token or a test gives it.
#[derive(Debug)]
pub struct Settings<'a> {
    pub controllers: Vec<ControllerUrl>,
    pub route: Route,
    pub anchor: Anchor,
    /// Who may sign the time; empty before enrollment, when the pinned chain alone vouches for it.
    pub signing_keys: Vec<PublicKey>,
    /// Shown to the controller, if it has a certificate.
    pub identity: Option<&'a Identity>,
    pub clock: SharedClock,
    pub patience: Patience,
}

/// A client of one region's controllers. Make a new one when the certificate, the trust bundle or the
/// configuration changes.
#[derive(Debug)]
pub struct Transport {
    controllers: Vec<ControllerUrl>,
    /// Index of the controller that answered last.
    preferred: AtomicUsize,
    route: Route,
    signing_keys: Vec<PublicKey>,
    patience: Patience,
    client: reqwest::Client,
    /// Passes over dates, shows no certificate; asks for the time only.
    time_client: reqwest::Client,
}

/// A request on its way, apart from where to.
struct Call<'c> {
    client: &'c reqwest::Client,
    method: reqwest::Method,
    path: String,
    body: Option<Vec<u8>>,
    compressed: bool,
    timeout: Duration,
}

impl Transport {
    /// As an enrolled device.
    pub fn new(enrollment: &Enrollment, identity: &Identity, config: &AgentConfig, clock: SharedClock) -> Result<Self, TransportError> {
        Self::with_settings(Settings {
            controllers: if config.controllers.is_empty() {
                enrollment.controllers.clone()
            } else {
                config.controllers.clone()
            },
            route: Route::choose(&config.proxy, enrollment.proxy.as_ref()),
            anchor: Anchor::of_bundle(&enrollment.trust)?,
            signing_keys: enrollment.trust.signing_keys.clone(),
            identity: Some(identity),
            clock,
            patience: Patience::default(),
        })
    }

    /// Before enrollment: the token's pinned CA is all that is known.
    pub fn for_token(token: &EnrollmentToken, config: &AgentConfig, clock: SharedClock) -> Result<Self, TransportError> {
        Self::with_settings(Settings {
            controllers: if config.controllers.is_empty() {
                token.controllers.clone()
            } else {
                config.controllers.clone()
            },
            route: Route::choose(&config.proxy, token.proxy.as_ref()),
            anchor: Anchor::Pinned(token.ca),
            signing_keys: Vec::new(),
            identity: None,
            clock,
            patience: Patience::default(),
        })
    }

    pub fn with_settings(settings: Settings<'_>) -> Result<Self, TransportError> {
        if settings.controllers.is_empty() {
            return Err(TransportError::NoController);
        }
        Ok(Self {
            client: client(&settings, Dates::Judged, settings.identity)?,
            time_client: client(&settings, Dates::Ignored, None)?,
            controllers: settings.controllers,
            preferred: AtomicUsize::new(0),
            route: settings.route,
            signing_keys: settings.signing_keys,
            patience: settings.patience,
        })
    }

    /// `POST /v1/check-in`: the long poll. `wait` is what is asked of the controller, at most
    /// [`inventory_schema::check_in::MAX_WAIT_SECONDS`].
    pub async fn check_in(&self, check_in: &CheckIn, wait: Seconds) -> Result<CheckInAnswer, TransportFailure> {
        let mut call = self.post(format!("/v1/check-in?wait={}", wait.get()), check_in);
        call.timeout += Duration::from_secs(wait.get());
        self.perform(call).await
    }

    /// `POST /v1/reports`, compressed.
    pub async fn send_reports(&self, batch: &ReportBatch) -> Result<ReportAnswers, TransportFailure> {
        let mut call = self.post("/v1/reports".to_owned(), batch);
        let plain = call.body.take().unwrap_or_default();
        within(plain.len(), MAX_BODY_BYTES)?;
        let compressed = zstd::bulk::compress(&plain, COMPRESSION_LEVEL).expect("compressing in memory cannot fail");
        within(compressed.len(), MAX_COMPRESSED_BYTES)?;
        call.body = Some(compressed);
        call.compressed = true;
        self.perform(call).await
    }

    /// `POST /v1/renew`: the certificate of the connection, even an expired one, proves the key.
    pub async fn renew(&self, request: &RenewalRequest) -> Result<RenewalAnswer, TransportFailure> {
        self.perform(self.post("/v1/renew".to_owned(), request)).await
    }

    /// `POST /v1/rekey`: is the key of the connection this computer's? If not, here is another.
    pub async fn rekey(&self, request: &RekeyRequest) -> Result<RekeyAnswer, TransportFailure> {
        self.perform(self.post("/v1/rekey".to_owned(), request)).await
    }

    /// `POST /v1/token`: is the token good? Spends nothing.
    pub async fn ask_about_token(&self, question: &TokenQuestion) -> Result<TokenAnswer, TransportFailure> {
        self.perform(self.post("/v1/token".to_owned(), question)).await
    }

    /// `POST /v1/enroll`.
    pub async fn enroll(&self, request: &EnrollmentRequest) -> Result<EnrollmentAnswer, TransportFailure> {
        self.perform(self.post("/v1/enroll".to_owned(), request)).await
    }

    /// `GET /v1/time`: the controller's time, over a chain whose dates are passed over. Where signing keys
    /// are known one of them must have signed the answer; its nonce must be ours.
    pub async fn time(&self) -> Result<TimeAnswer, TransportFailure> {
        let nonce = fresh_nonce();
        let signed: Signed<TimeAnswer> = self
            .perform(Call {
                client: &self.time_client,
                method: reqwest::Method::GET,
                path: format!("/v1/time?nonce={nonce}"),
                body: None,
                compressed: false,
                timeout: self.patience.request,
            })
            .await?;
        self.believe(&signed, &nonce).map_err(|reason| TransportFailure::TimeNotBelieved {
            controller: self.controllers[self.preferred.load(Ordering::Relaxed)].to_string(),
            reason,
        })
    }

    fn believe(&self, signed: &Signed<TimeAnswer>, nonce: &Nonce) -> Result<TimeAnswer, String> {
        let answer = if self.signing_keys.is_empty() {
            serde_json::from_str(&signed.document).map_err(|error| error.to_string())?
        } else {
            signed.verify(&self.signing_keys).map_err(|error| error.to_string())?
        };
        let answer: TimeAnswer = answer;
        if answer.nonce == *nonce {
            Ok(answer)
        } else {
            Err("it answers another question".to_owned())
        }
    }

    fn post<T: Serialize>(&self, path: String, document: &T) -> Call<'_> {
        Call {
            client: &self.client,
            method: reqwest::Method::POST,
            path,
            body: Some(serde_json::to_vec(document).expect("documents are plain text, numbers and lists")),
            compressed: false,
            timeout: self.patience.request,
        }
    }

    /// Tries each address once, the one that answered last first. Every call may safely be repeated: the
    /// controller knows a report, a request and a check-in by what they hold.
    async fn perform<A: DeserializeOwned>(&self, call: Call<'_>) -> Result<A, TransportFailure> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for step in 0..self.controllers.len() {
            let index = (first + step) % self.controllers.len();
            match self.ask(&call, &self.controllers[index]).await {
                Ok(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) if error.concerns_this_address_only() => {
                    tracing::debug!(controller = %self.controllers[index], %error, "a controller's address does not answer");
                    failure.get_or_insert(error);
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Err(failure.expect("there is at least one controller, and each failed"))
    }

    async fn ask<A: DeserializeOwned>(&self, call: &Call<'_>, controller: &ControllerUrl) -> Result<A, TransportFailure> {
        let url = format!("{}{}", controller.as_str().trim_end_matches('/'), call.path);
        let mut request = call.client.request(call.method.clone(), url).timeout(call.timeout);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if call.compressed {
            request = request.header(CONTENT_ENCODING, "zstd");
        }
        let failed = |error: reqwest::Error| classify(&error, controller.as_str(), &self.route);
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let (content_type, retry_after) = (content_type(&response), retry_after(&response));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                break;
            }
        }
        read_answer(status, &content_type, &body, controller).map_err(|failure| match failure {
            TransportFailure::Problem(problem) => TransportFailure::Problem(Problem { retry_after, ..problem }),
            other => other,
        })
    }
}

fn within(bytes: usize, max: usize) -> Result<(), TransportFailure> {
    if bytes <= max {
        Ok(())
    } else {
        Err(TransportFailure::RequestTooLarge { bytes, max })
    }
}

fn content_type(response: &reqwest::Response) -> String {
    let header = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = header.and_then(|value| value.split(';').next()).unwrap_or("no content type");
    media_type.trim().to_ascii_lowercase()
}

/// Seconds only; the other form of the header is a date, which a wrong clock cannot judge.
fn retry_after(response: &reqwest::Response) -> Option<Seconds> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    header.trim().parse().ok().map(Seconds::saturating)
}

/// An answer in its own type, a refusal, or something that no controller says.
fn read_answer<A: DeserializeOwned>(
    status: u16,
    content_type: &str,
    body: &[u8],
    controller: &ControllerUrl,
) -> Result<A, TransportFailure> {
    let unexpected = || TransportFailure::UnexpectedAnswer {
        controller: controller.to_string(),
        status,
        content_type: content_type.chars().take(100).collect(),
        title: title_of_page(body),
    };
    match (status, content_type) {
        (200, "application/json") => serde_json::from_slice(body).map_err(|error| {
            tracing::warn!(%controller, %error, "an answer cannot be read");
            unexpected()
        }),
        (400.., inventory_schema::problem::PROBLEM_CONTENT_TYPE) => match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => Err(TransportFailure::Problem(problem)),
            Err(_) => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// What a filter's page calls itself: the text of its `<title>`, for people.
fn title_of_page(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 << 10)]);
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title: Vec<&str> = text[start..end].split_whitespace().collect();
    let title: String = title
        .join(" ")
        .chars()
        .filter(|c| inventory_schema::text::printable(*c))
        .take(120)
        .collect();
    (!title.is_empty()).then_some(title)
}

pub(crate) fn fresh_nonce() -> Nonce {
    let mut random = [0; 24];
    aws_lc_rs::rand::fill(&mut random).expect("the system gives random bytes");
    URL_SAFE_NO_PAD
        .encode(random)
        .parse()
        .expect("base64url of 24 bytes is 32 characters of the nonce's alphabet")
}

fn client(settings: &Settings<'_>, dates: Dates, identity: Option<&Identity>) -> Result<reqwest::Client, TransportError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("cos-agent/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls_config(settings, dates, identity)?)
        .dns_resolver(Arc::new(SystemResolver))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(settings.patience.connect)
        .pool_max_idle_per_host(1);
    let builder = settings.route.apply(builder).map_err(TransportError::Client)?;
    builder.build().map_err(TransportError::Client)
}

fn tls_config(settings: &Settings<'_>, dates: Dates, identity: Option<&Identity>) -> Result<rustls::ClientConfig, TransportError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = ChainVerifier::new(settings.anchor.clone(), dates, Arc::clone(&provider));
    let builder = rustls::ClientConfig::builder_with_details(provider, Arc::new(settings.clock.clone()))
        .with_safe_default_protocol_versions()
        .map_err(TransportError::Credentials)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity.and_then(Identity::tls_credentials) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(TransportError::Credentials)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The system's resolver, whose failure carries the name and a type.
#[derive(Debug)]
struct SystemResolver;

impl reqwest::dns::Resolve for SystemResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found = found.map(|addresses| addresses.collect::<Vec<SocketAddr>>());
            match found {
                Ok(addresses) if addresses.is_empty() => Err(NameNotFound { host, cause: None }.into()),
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs),
                Err(error) => Err(NameNotFound { host, cause: Some(error) }.into()),
            }
        })
    }
}

/// How far the computer's clock is from the controller's, in microseconds: positive when it is ahead.
pub fn clock_offset_micros(device: Timestamp, server: Timestamp) -> i64 {
    device.micros_since(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_its_title() {
        let page = "<html><HEAD><Title lang=ru>\n Доступ\tограничен </TITLE>".as_bytes();
        assert_eq!(title_of_page(page).unwrap(), "Доступ ограничен");
        assert_eq!(title_of_page(b"<title></title>"), None);
        assert_eq!(title_of_page(b"\xff\xfe<title>never closed"), None);
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(fresh_nonce(), fresh_nonce());
    }
}
