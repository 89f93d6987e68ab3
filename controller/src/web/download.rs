//! An answer that is made while it is sent: what is written goes to the browser as fast as it takes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::evidence::archive::Output;

/// Pieces that may wait for a slow line.
const WAITING: usize = 4;

#[derive(Debug)]
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Where the answer is written. One that is dropped before its end ends the answer where it is.
#[derive(Debug, Clone)]
pub struct Upstream(mpsc::Sender<io::Result<Bytes>>);

impl Upstream {
    /// Breaks the answer off, so that half of it is not taken for the whole.
    pub async fn fail(&self) {
        // Whoever went away needs not to be told.
        let _ = self.0.send(Err(io::Error::other("the answer could not be completed"))).await;
    }
}

impl Output for Upstream {
    async fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.0.send(Ok(bytes.into())).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// A body and where it is written.
pub fn body() -> (Body, Upstream) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Body::new(Pieces(receiver)), Upstream(sender))
}
