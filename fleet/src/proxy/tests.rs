use std::time::Instant;

use tokio::time::timeout;

use super::*;

/// Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to notice what should not have arrived.
const MOMENT: Duration = Duration::from_millis(150);

/// Answers every byte with the byte after it, and counts what it was sent.
async fn server() -> (SocketAddr, watch::Receiver<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, counting) = (listener.local_addr().unwrap(), watch::Sender::new(0));
    let heard = counting.subscribe();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counting = counting.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    counting.send_modify(|heard| *heard += read);
                    buffer[..read].iter_mut().for_each(|byte| *byte += 1);
                    if stream.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

async fn line() -> (Proxy, watch::Receiver<usize>) {
    let (address, heard) = server().await;
    (Proxy::start(address).await.unwrap(), heard)
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn ask(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
    stream.write_all(&[byte]).await?;
    let mut answer = [0];
    timeout(PATIENCE, stream.read_exact(&mut answer))
        .await
        .expect("an answer or an end")?;
    Ok(answer[0])
}

/// Waits until the count is `wanted`.
async fn until(mut count: watch::Receiver<usize>, wanted: usize) {
    let reached = timeout(PATIENCE, count.wait_for(|count| *count == wanted)).await;
    reached.expect("the count is reached").expect("whoever counts is there");
}

#[tokio::test]
async fn a_good_line_carries_and_passes_on_an_orderly_end() {
    let (proxy, _) = line().await;
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, 1).await.unwrap(), 2);
    assert_eq!((proxy.open(), proxy.taken()), (1, 1));
    stream.shutdown().await.unwrap();
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
    until(proxy.state.open.subscribe(), 0).await;
}

#[tokio::test]
async fn a_cut_resets_what_stands_and_what_comes_until_it_is_mended() {
    let (proxy, _) = line().await;
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, 1).await.unwrap(), 2);
    proxy.set(Some(Fault::Cut));
    let ended = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    assert!(ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
    let mut late = client(&proxy).await;
    assert!(ask(&mut late, 1).await.is_err());
    proxy.set(None);
    assert_eq!(ask(&mut client(&proxy).await, 7).await.unwrap(), 8);
}

#[tokio::test]
async fn a_stalled_line_carries_nothing_and_then_everything() {
    let (proxy, heard) = line().await;
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, 1).await.unwrap(), 2);
    proxy.set(Some(Fault::Stall));
    stream.write_all(&[5]).await.unwrap();
    let mut late = client(&proxy).await;
    late.write_all(&[9]).await.unwrap();
    let mut answer = [0];
    assert!(
        timeout(MOMENT, stream.read_exact(&mut answer)).await.is_err(),
        "a stalled line answered"
    );
    assert_eq!(*heard.borrow(), 1, "a stalled line carried a request");
    proxy.set(None);
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [6]);
    timeout(PATIENCE, late.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [10]);
}

#[tokio::test]
async fn on_a_half_open_line_requests_arrive_and_answers_are_lost() {
    let (proxy, heard) = line().await;
    let mut stream = client(&proxy).await;
    proxy.set(Some(Fault::HalfOpen));
    stream.write_all(&[5]).await.unwrap();
    until(heard, 1).await;
    assert!(timeout(MOMENT, stream.read(&mut [0])).await.is_err(), "an answer came through");
    proxy.set(None);
    let ended = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    assert!(ended.is_err(), "both sides learn that it broke: {ended:?}");
    assert_eq!(ask(&mut client(&proxy).await, 7).await.unwrap(), 8);
}

#[tokio::test]
async fn a_slow_line_is_as_slow_as_it_was_told() {
    let (proxy, _) = line().await;
    let mut stream = client(&proxy).await;
    proxy.set(Some(Fault::Slow { bytes_per_second: 4000 }));
    let begun = Instant::now();
    stream.write_all(&[1; 2000]).await.unwrap();
    let mut answer = [0; 2000];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    // Both directions run side by side: half a second at least, whatever else the machine does.
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    assert_eq!(answer, [2; 2000]);
}

#[tokio::test]
async fn dropping_a_line_ends_what_goes_through_it() {
    let (proxy, _) = line().await;
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, 1).await.unwrap(), 2);
    drop(proxy);
    assert!(timeout(PATIENCE, stream.read(&mut [0])).await.unwrap().is_err());
}
