//! The DigitalOcean provider against real sockets: servers that break off in every way, and the
//! sandbox.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloudbuilder::model::{Attributes, Secret};
use cloudbuilder::provider::{Class, Connection, Error, OnPause, Write, digitalocean, open_write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No single thing that a test waits for takes this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Listens on loopback and treats each connection as it is told. Gives the port, and how many
/// connections there were.
async fn serve<F, Fut>(treat: F) -> (u16, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(treat(socket));
        }
    });
    (port, count)
}

/// Reads one request, up to its body's end.
async fn request(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let got = socket.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..got]);
        let so_far = String::from_utf8_lossy(&text).into_owned();
        let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().unwrap())
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || got == 0 {
            return so_far;
        }
    }
}

/// Reads one request and sends `answer`, which may be cut off anywhere.
async fn answer(mut socket: TcpStream, answer: &str) {
    request(&mut socket).await;
    let _ = socket.write_all(answer.as_bytes()).await;
    let _ = socket.shutdown().await;
}

fn open(url: &str) -> Box<dyn Write> {
    let connection = Connection {
        url: url.to_owned(),
        token: Secret::new("invented".to_owned()),
        on_pause: OnPause::new(|_, _| {}),
    };
    open_write(digitalocean::TYPE, connection).unwrap()
}

/// Sends one POST there and gives what came of it.
async fn post(url: &str) -> Error {
    let zone = Attributes::from([("name".to_owned(), "acme.com".into())]);
    let write = open(url);
    let create = write.create("domain", &zone, "");
    tokio::time::timeout(LIMIT, create)
        .await
        .expect("an answer in time")
        .expect_err("an error")
}

async fn post_to_port(port: u16) -> Error {
    post(&format!("http://127.0.0.1:{port}")).await
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    assert_eq!(post_to_port(closed).await.class, Class::NotSent);

    // A name that cannot be: a part of it is empty.
    let error = post("https://api..invalid").await;
    assert_eq!(error.class, Class::NotSent, "{error}");
}

#[tokio::test]
async fn a_failed_handshake_sent_nothing() {
    let (plain, _) = serve(|mut socket| async move {
        let _ = socket.read(&mut [0; 64]).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let error = post(&format!("https://127.0.0.1:{plain}")).await;
    assert_eq!(error.class, Class::NotSent, "{error}");

    let (closing, _) = serve(|socket| async move { drop(socket) }).await;
    let error = post(&format!("https://127.0.0.1:{closing}")).await;
    assert_eq!(error.class, Class::NotSent, "{error}");
}

#[tokio::test]
async fn once_it_may_have_left_it_may_have_been_done() {
    let (before, _) = serve(|socket| async move { drop(socket) }).await;
    let error = post_to_port(before).await;
    assert_eq!(error.class, Class::Ambiguous, "closed at once: {error}");

    for cut in [
        "",
        "HTTP/1.1 201 Cre",
        "HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 99\r\n\r\n{\"domain\": {\"na",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"domain\": {\"nam\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nnull",
        "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 99\r\n\r\n<html>",
        "not HTTP at all",
    ] {
        let (port, count) = serve(move |socket| answer(socket, cut)).await;
        let error = post_to_port(port).await;
        assert_eq!(error.class, Class::Ambiguous, "{cut:?}: {error}");
        assert_eq!(count.load(Ordering::Relaxed), 1, "asked once: {cut:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, visits) = serve(|socket| answer(socket, "HTTP/1.1 200 OK\r\n\r\n")).await;
    for status in [301, 302, 303, 307, 308] {
        let moved = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{elsewhere}/v2/domains\r\n\
             content-length: 0\r\n\r\n"
        );
        let (port, _) = serve(move |socket| {
            let moved = moved.clone();
            async move { answer(socket, &moved).await }
        })
        .await;
        let error = post_to_port(port).await;
        assert_eq!(
            (error.class, error.status),
            (Class::Malformed, Some(status))
        );
    }
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}

/// Sends the head, then spaces in chunks for as long as anybody takes them.
async fn flood(mut socket: TcpStream, status: &str) {
    request(&mut socket).await;
    let head = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let mut sent = socket.write_all(head.as_bytes()).await;
    while sent.is_ok() {
        sent = socket.write_all(chunk.as_bytes()).await;
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let (port, _) = serve(|socket| flood(socket, "200 OK")).await;
    let error = open(&format!("http://127.0.0.1:{port}"))
        .account()
        .await
        .expect_err("no account is that long");
    assert_eq!(error.class, Class::Malformed);
    assert!(error.message.contains("MiB"), "{error}");

    let (port, _) = serve(|socket| flood(socket, "503 Service Unavailable")).await;
    assert_eq!(post_to_port(port).await.class, Class::Ambiguous);
}
