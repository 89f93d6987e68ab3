//! A school's proxy in miniature: HTTP CONNECT on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inventory_schema::enrollment::ProxyUrl;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::server::read_head;

#[derive(Debug, Clone, Copy)]
pub enum Policy {
    /// Lets everyone through.
    Open,
    /// Wants this `Proxy-Authorization`.
    Login(&'static str),
    /// Lets nobody through.
    Closed,
    /// Takes the connection and never says a word.
    Silent,
}

pub struct Proxy {
    pub url: ProxyUrl,
    tunnels: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub async fn start(policy: Policy) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&tunnels);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(tunnel(socket, policy, Arc::clone(&counter)));
            }
        });
        Self { url, tunnels, task }
    }

    /// How many tunnels were dug.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }
}

async fn tunnel(mut client: TcpStream, policy: Policy, tunnels: Arc<AtomicUsize>) -> Option<()> {
    let head = read_head(&mut client).await?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let refusal: &[u8] = match policy {
        Policy::Silent => return std::future::pending().await,
        Policy::Closed => b"HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\n\r\n<title>no</title>",
        Policy::Login(expected)
            if !head
                .to_ascii_lowercase()
                .contains(&format!("proxy-authorization: {expected}").to_ascii_lowercase()) =>
        {
            b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"school\"\r\n\r\n"
        }
        _ => b"",
    };
    if !refusal.is_empty() {
        client.write_all(refusal).await.ok()?;
        return None;
    }
    let mut server = TcpStream::connect(target).await.ok()?;
    tunnels.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()?;
    Some(())
}
