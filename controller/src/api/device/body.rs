//! Request bodies of agents: bounded before and after decompression, whatever they claim to be.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use inventory_schema::problem::ProblemCode;
use inventory_schema::report::{MAX_BODY_BYTES, MAX_COMPRESSED_BYTES, ReportBatch};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

/// The most memory a zstd frame may ask for as its window: 2^23 bytes.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Larger bodies are unpacked and read on a thread of their own.
const SMALL: usize = 64 << 10;

/// How many bodies are unpacked and read at one time, over all connections: with the largest of each this is
/// half a gigabyte. The others wait packed.
static AT_ONE_TIME: Semaphore = Semaphore::const_new(16);

/// How much of packed reports may be on the way or waiting at one time, over all connections, in KiB. Beyond it a
/// sender is told to come later before its body is read.
static REPORTS_ON_THE_WAY: Semaphore = Semaphore::const_new(64 << 10);

/// How long a body may take to arrive: twice what agents wait for an answer in all. Without an end, whoever
/// sends a byte a minute would keep a connection for ever.
const ARRIVAL: Duration = Duration::from_secs(120);
/// Several times the largest enrollment request.
const DOCUMENT: usize = 256 << 10;

/// What one request may have, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// As it travels.
    pub packed: usize,
    pub unpacked: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            packed: MAX_COMPRESSED_BYTES,
            unpacked: MAX_BODY_BYTES,
        }
    }
}

impl BodyLimits {
    /// For documents that are short by nature, and that strangers may send: an enrollment, a check-in. Only
    /// reports, whose senders are known, may take as much as [`Self::unpacked`].
    pub fn of_a_document(self) -> Self {
        Self {
            packed: self.packed.min(DOCUMENT),
            unpacked: self.unpacked.min(DOCUMENT),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// As [`read_json`], for bodies that may be large, and for what is made of them: they are admitted by their size, and
/// refused at once where there is no room for them; all of the work is done on a thread of its own.
pub async fn read_large_json<T: DeserializeOwned, M: Send + 'static>(
    request: Request,
    limits: BodyLimits,
    make: impl FnOnce(T) -> Result<M, ProblemCode> + Send + 'static,
) -> Result<M, ProblemCode> {
    let size = announced_size(&request, limits);
    let kibibytes = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
    let _room = REPORTS_ON_THE_WAY.try_acquire_many(kibibytes).map_err(|_| ProblemCode::Busy)?;
    let encoding = encoding(&request)?;
    let packed = receive(request.into_body(), limits.packed, ARRIVAL).await?;
    elsewhere(move || make(parse(&unpack(packed, encoding, limits.unpacked)?)?)).await
}

/// How many bytes of body the request says that it has; one that does not say counts as the largest.
pub fn announced_size(request: &Request, limits: BodyLimits) -> usize {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    announced.unwrap_or(limits.packed).min(limits.packed)
}

/// Reads a JSON document from the request's body, unpacking `Content-Encoding: zstd` or `gzip`.
pub async fn read_json<T: DeserializeOwned + Send + 'static>(request: Request, limits: BodyLimits) -> Result<T, ProblemCode> {
    let encoding = encoding(&request)?;
    let packed = receive(request.into_body(), limits.packed, ARRIVAL).await?;
    if packed.len() <= SMALL && encoding == Encoding::Identity {
        return parse(&packed);
    }
    elsewhere(move || parse(&unpack(packed, encoding, limits.unpacked)?)).await
}

fn encoding(request: &Request) -> Result<Encoding, ProblemCode> {
    match request.headers().get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(Encoding::Identity),
        Some(b"gzip") => Ok(Encoding::Gzip),
        Some(b"zstd") => Ok(Encoding::Zstd),
        Some(_) => Err(ProblemCode::BodyUnreadable),
    }
}

/// On a thread where nobody waits, a bounded number at one time.
async fn elsewhere<M: Send + 'static>(work: impl FnOnce() -> Result<M, ProblemCode> + Send + 'static) -> Result<M, ProblemCode> {
    let place = AT_ONE_TIME.acquire().await.map_err(|_| ProblemCode::Busy)?;
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        work()
    });
    done.await.unwrap_or(Err(ProblemCode::Internal))
}

/// A batch of reports that came on a stick, bounded as one that came by the network.
pub(crate) fn unpack_batch(packed: Vec<u8>, limits: BodyLimits) -> Result<ReportBatch, ProblemCode> {
    parse(&unpack(packed, Encoding::Zstd, limits.unpacked)?)
}

async fn receive(body: Body, limit: usize, patience: Duration) -> Result<Vec<u8>, ProblemCode> {
    let arrived = tokio::time::timeout(patience, axum::body::to_bytes(body, limit)).await;
    match arrived.map_err(|_| ProblemCode::BodyUnreadable)? {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => {
            let too_long = std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("length limit"));
            Err(if too_long {
                ProblemCode::BodyTooLarge
            } else {
                ProblemCode::BodyUnreadable
            })
        }
    }
}

fn unpack(packed: Vec<u8>, encoding: Encoding, limit: usize) -> Result<Vec<u8>, ProblemCode> {
    match encoding {
        Encoding::Identity => Ok(packed),
        Encoding::Gzip => read_bounded(flate2::read::GzDecoder::new(packed.as_slice()), limit),
        Encoding::Zstd => match told_size(&packed, limit) {
            // Small enough by its own word: in one step. Where that was not the truth, or not all of it, as any other.
            Some(size) => zstd::bulk::decompress(&packed, size).or_else(|_| read_zstd(&packed, limit)),
            None => read_zstd(&packed, limit),
        },
    }
}

/// What the frame says that it holds, if that is within the limit.
fn told_size(packed: &[u8], limit: usize) -> Option<usize> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    usize::try_from(size).ok().filter(|size| *size <= limit)
}

fn read_zstd(packed: &[u8], limit: usize) -> Result<Vec<u8>, ProblemCode> {
    let mut decoder = zstd::stream::read::Decoder::new(packed).map_err(|_| ProblemCode::BodyUnreadable)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| ProblemCode::BodyUnreadable)?;
    read_bounded(decoder, limit)
}

/// Stops at the limit instead of trusting what the stream says of its size.
fn read_bounded(stream: impl Read, limit: usize) -> Result<Vec<u8>, ProblemCode> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    stream
        .take(bound)
        .read_to_end(&mut bytes)
        .map_err(|_| ProblemCode::BodyUnreadable)?;
    if bytes.len() > limit {
        Err(ProblemCode::BodyTooLarge)
    } else {
        Ok(bytes)
    }
}

/// serde_json stops at 128 levels, so that a deep document cannot exhaust the stack.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProblemCode> {
    serde_json::from_slice(bytes).map_err(|error| {
        tracing::debug!(%error, "a request's body cannot be read");
        ProblemCode::BodyUnreadable
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_schema::report::ReportBatch;
    use serde_json::Value;

    fn request(body: Vec<u8>, encoding: Option<&str>) -> Request {
        let mut builder = Request::builder();
        if let Some(encoding) = encoding {
            builder = builder.header(CONTENT_ENCODING, encoding);
        }
        builder.body(Body::from(body)).unwrap()
    }

    async fn read(body: Vec<u8>, encoding: Option<&str>) -> Result<Value, ProblemCode> {
        read_json(request(body, encoding), BodyLimits::default()).await
    }

    #[tokio::test]
    async fn packed_bodies_are_unpacked() {
        let json = br#"{"a":1}"#;
        assert_eq!(read(json.to_vec(), None).await.unwrap()["a"], 1);
        assert_eq!(read(zstd::encode_all(&json[..], 3).unwrap(), Some("zstd")).await.unwrap()["a"], 1);
        let mut gzip = flate2::read::GzEncoder::new(&json[..], flate2::Compression::default());
        let mut packed = Vec::new();
        gzip.read_to_end(&mut packed).unwrap();
        assert_eq!(read(packed, Some("gzip")).await.unwrap()["a"], 1);
    }

    #[tokio::test]
    async fn a_decompression_bomb_is_stopped_at_the_limit() {
        let zeros = vec![b' '; MAX_BODY_BYTES + 1];
        let bomb = zstd::encode_all(zeros.as_slice(), 3).unwrap();
        assert!(bomb.len() < 10_000, "{}", bomb.len());
        assert_eq!(read(bomb, Some("zstd")).await, Err(ProblemCode::BodyTooLarge));
        let mut gzip = flate2::read::GzEncoder::new(zeros.as_slice(), flate2::Compression::best());
        let mut packed = Vec::new();
        gzip.read_to_end(&mut packed).unwrap();
        assert_eq!(read(packed, Some("gzip")).await, Err(ProblemCode::BodyTooLarge));
    }

    #[tokio::test]
    async fn an_oversized_body_is_refused_before_it_is_unpacked() {
        assert_eq!(
            read(vec![b' '; MAX_COMPRESSED_BYTES + 1], None).await,
            Err(ProblemCode::BodyTooLarge)
        );
    }

    /// A body of which nothing ever arrives.
    struct Silent;

    impl axum::body::HttpBody for Silent {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for_without_end() {
        let received = receive(Body::new(Silent), 10, Duration::from_millis(1)).await;
        assert_eq!(received, Err(ProblemCode::BodyUnreadable));
    }

    #[tokio::test]
    async fn what_is_no_document_is_unreadable() {
        assert_eq!(read(b"\xff\xfe".to_vec(), None).await, Err(ProblemCode::BodyUnreadable));
        assert_eq!(read(b"{".to_vec(), Some("zstd")).await, Err(ProblemCode::BodyUnreadable));
        assert_eq!(read(b"{}".to_vec(), Some("br")).await, Err(ProblemCode::BodyUnreadable));
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(read(deep.into_bytes(), None).await, Err(ProblemCode::BodyUnreadable));
        let torn = zstd::encode_all(&br#"{"a":"b"}"#[..], 3).unwrap();
        assert_eq!(
            read(torn[..torn.len() - 3].to_vec(), Some("zstd")).await,
            Err(ProblemCode::BodyUnreadable)
        );
        let wrong: Result<ReportBatch, _> = read_json(request(b"[]".to_vec(), None), BodyLimits::default()).await;
        assert_eq!(wrong, Err(ProblemCode::BodyUnreadable));
    }
}
