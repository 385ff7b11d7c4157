//! What is sent again after a failure, how often, and what never is.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudbuilder::model::Attributes;
use cloudbuilder::provider::{Class, Error, Target, Tempo, Write};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::{HURRIED, LIMIT, MARK, answer, attributes, open, open_with, record, request, serve};

const DONE: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const OOPS: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";
const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
/// Nobody knows what came of a request that is answered like this.
const UNCLEAR: &[&str] = &[
    "",
    OOPS,
    "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 99\r\n\r\n<html>",
    "HTTP/1.1 200 O",
];

/// Answers each request with the next of these, then with the last. Gives the address, and the
/// requests' first lines.
async fn script(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&lines);
    let (port, _) = serve(move |mut socket| {
        let (seen, answers) = (Arc::clone(&seen), answers.clone());
        async move {
            let request = request(&mut socket).await;
            let number = {
                let mut seen = seen.lock().unwrap();
                let line = request.lines().next().unwrap_or_default();
                seen.push(line.trim_end_matches(" HTTP/1.1").to_owned());
                seen.len()
            };
            let answer = answers.get(number - 1).or(answers.last()).unwrap();
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    })
    .await;
    (format!("http://127.0.0.1:{port}"), lines)
}

fn unclear_then(last: &str) -> Vec<String> {
    let answers = UNCLEAR.iter().copied().chain([last]);
    answers.map(ToOwned::to_owned).collect()
}

fn made(data: &str) -> String {
    let body = format!(
        r#"{{"domain_record": {{"id": 7, "type": "A", "name": "www", "data": "{data}"}}}}"#
    );
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
}

async fn delete(write: &dyn Write) -> Result<(), Error> {
    let record = record("acme.com", "www.acme.com", "192.0.2.1");
    let target = Target {
        kind: "record",
        id: "7",
        attributes: &record,
        coming: false,
    };
    let deleted = tokio::time::timeout(LIMIT, write.delete(target, MARK));
    deleted.await.expect("an answer in time")
}

#[tokio::test]
async fn a_delete_is_repeated_until_it_is_clear() {
    for last in [DONE, NOT_FOUND] {
        let (url, lines) = script(unclear_then(last)).await;
        delete(&*open(&url)).await.unwrap();
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), UNCLEAR.len() + 1);
        assert!(
            lines
                .iter()
                .all(|line| line == "DELETE /v2/domains/acme.com/records/7")
        );
    }
}

#[tokio::test]
async fn a_record_is_set_until_it_is_clear() {
    let mut answers = unclear_then(&made("192.0.2.1")[..70]);
    answers.push(made("192.0.2.1"));
    let (url, lines) = script(answers).await;
    let record = record("acme.com", "www.acme.com", "192.0.2.1");
    let target = Target {
        kind: "record",
        id: "7",
        attributes: &record,
        coming: false,
    };
    let changed = ["data".to_owned()];
    let set = open(&url)
        .update(target, &record, &changed, MARK)
        .await
        .unwrap()
        .done()
        .unwrap();
    assert_eq!(set.id, "7");
    // The last but one answer broke off in its body.
    assert_eq!(lines.lock().unwrap().len(), UNCLEAR.len() + 2);
}

#[tokio::test]
async fn a_mark_is_put_on_until_it_is_clear() {
    let mut answers = unclear_then("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}");
    answers.extend(unclear_then(DONE));
    let (url, lines) = script(answers).await;
    let nothing = Attributes::new();
    let target = Target {
        kind: "server",
        id: "7",
        attributes: &nothing,
        coming: false,
    };
    open(&url).mark(target, MARK).await.unwrap();
    let lines = lines.lock().unwrap();
    let (tag, on) = lines.split_at(UNCLEAR.len() + 1);
    assert!(tag.iter().all(|line| line == "POST /v2/tags"));
    let path = format!("POST /v2/tags/cloudbuilder:{MARK}/resources");
    assert!(on.len() == tag.len() && on.iter().all(|line| *line == path));
}

#[tokio::test]
async fn what_creates_is_never_sent_twice() {
    let key = attributes(&[("name", "a"), ("public_key", "b"), ("fingerprint", "c")]);
    let zone = attributes(&[("name", "acme.com")]);
    let record = record("acme.com", "www.acme.com", "192.0.2.1");
    let server = crate::server("web1");
    let wanted = [("ssh_key", &key), ("domain", &zone), ("record", &record)];
    for (kind, attributes) in wanted.into_iter().chain([("server", &server)]) {
        for unclear in UNCLEAR {
            let (url, lines) = script(vec![(*unclear).to_owned()]).await;
            let write = open(&url);
            let error = write
                .create(kind, attributes, Some(MARK))
                .await
                .unwrap_err();
            assert_eq!(error.class, Class::Ambiguous, "{kind}: {error}");
            assert_eq!(lines.lock().unwrap().len(), 1, "{kind}: {unclear}");
        }
    }
}

#[tokio::test]
async fn what_never_left_is_sent_again_even_if_it_creates() {
    // Each handshake fails, so nothing is ever sent.
    let (port, tries) = serve(|socket| async move { drop(socket) }).await;
    let write = open(&format!("https://127.0.0.1:{port}"));
    let zone = attributes(&[("name", "acme.com")]);
    let error = write.create("domain", &zone, Some(MARK)).await.unwrap_err();
    assert_eq!(error.class, Class::NotSent);
    assert_eq!(tries.swap(0, Ordering::Relaxed), 11);
    assert_eq!(delete(&*write).await.unwrap_err().class, Class::NotSent);
    assert_eq!(tries.swap(0, Ordering::Relaxed), 11);
    assert_eq!(write.account().await.unwrap_err().class, Class::NotSent);
    assert_eq!(tries.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn what_comes_up_late_is_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let write = open(&format!("http://{address}"));
    let record = record("acme.com", "www.acme.com", "192.0.2.1");
    let create = write.create("record", &record, Some(MARK));
    let come_up = async {
        // Two of the eleven tries at least find nobody there.
        while write.requests() < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let listener = TcpListener::bind(address).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        answer(socket, &made("192.0.2.1")).await;
    };
    let both = async { tokio::join!(create, come_up) };
    let (created, ()) = tokio::time::timeout(LIMIT, both).await.expect("in time");
    assert_eq!(created.unwrap().id, "7");
}

#[tokio::test]
async fn patience_ends() {
    let (url, lines) = script(vec![OOPS.to_owned()]).await;
    let error = delete(&*open(&url)).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::Ambiguous, Some(500)));
    assert_eq!(lines.lock().unwrap().len(), 11);
    open(&url).account().await.unwrap_err();
    assert_eq!(lines.lock().unwrap().len(), 11 + 5);

    // By time, before it ends by number.
    let hasty = Tempo {
        patience: Duration::ZERO,
        ..HURRIED
    };
    delete(&*open_with(hasty, &url)).await.unwrap_err();
    assert_eq!(lines.lock().unwrap().len(), 11 + 5 + 1);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again() {
    for status in ["400 Bad", "401 Who", "403 No", "409 Conflict", "422 No"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let (url, lines) = script(vec![answer]).await;
        delete(&*open(&url)).await.unwrap_err();
        assert_eq!(lines.lock().unwrap().len(), 1, "{status}");
    }
}

/// A run that is stopped drops what it waits for: that ends it, in a pause and in a 429's too.
#[tokio::test]
async fn what_is_dropped_is_not_sent_again() {
    for first in [
        OOPS,
        "HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (url, lines) = script(vec![first.to_owned(), DONE.to_owned()]).await;
        let sent = || lines.lock().unwrap().len();
        let tempo = Tempo {
            first_pause: Duration::from_millis(500),
            ..HURRIED
        };
        let write = open_with(tempo, &url);
        tokio::select! {
            _ = delete(&*write) => panic!("there is no answer to wait for"),
            () = async {
                while sent() == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                // The answer arrives, and the pause begins.
                tokio::time::sleep(Duration::from_millis(100)).await;
            } => {}
        }
        // Longer than either pause.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!((sent(), write.requests()), (1, 1));
        // The client is none the worse for it.
        delete(&*write).await.unwrap();
        assert_eq!(sent(), 2);
    }
}
