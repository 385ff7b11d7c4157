//! The DigitalOcean provider against real sockets: servers that break off in every way, and the
//! sandbox.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

mod cinder;
mod classic;
mod connections;
mod designate;
mod groups;
mod late;
mod leftovers;
mod looking;
mod openstack;
mod rackspace;
mod reserved;
mod resizing;
mod retries;
mod tagless;
#[path = "../support/tls.rs"]
mod tls;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cloudbuilder::apply::Journal;
use cloudbuilder::model::{Attributes, Diagnostic, Observed, Secret};
use cloudbuilder::provider::{
    Class, Connection, Error, Login, Manner, Scope, Target, Tempo, Write, digitalocean, open_write,
};
use cloudbuilder::sandbox::{self, Options, Sandbox};
use cloudbuilder::state::{Entry, State};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No single thing that a test waits for takes this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Writes nothing down.
struct NoJournal;

impl Journal for NoJournal {
    fn begin(&mut self, _: &mut State) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn append(&mut self, _: &[Entry]) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn finish(&mut self, _: &mut State) -> Result<(), Diagnostic> {
        Ok(())
    }
}

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

/// As patient as ever, in a hundredth of the time.
const HURRIED: Tempo = Tempo {
    first_pause: Duration::from_millis(2),
    patience: Duration::from_secs(10),
};

fn open(url: &str) -> Box<dyn Write> {
    open_with(HURRIED, url)
}

fn open_with(tempo: Tempo, url: &str) -> Box<dyn Write> {
    let login = digitalocean::Login {
        url: url.to_owned(),
        token: Secret::new("invented".to_owned()),
    };
    let manner = Manner {
        tempo,
        ..Manner::default()
    };
    open_write(Connection {
        login: Login::DigitalOcean(login),
        manner,
    })
    .unwrap()
}

/// Sends one POST there and gives what came of it.
async fn post(url: &str) -> Error {
    let zone = Attributes::from([("name".to_owned(), "acme.com".into())]);
    let write = open(url);
    let create = write.create("domain", &zone, None);
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

/// A simulated account, with a client of ours for it.
struct Account {
    sandbox: Sandbox,
    write: Box<dyn Write>,
    before: u64,
}

impl Account {
    async fn start(options: Options) -> Self {
        let sandbox = sandbox::start(options).await.expect("a sandbox starts");
        let write = open(sandbox.url());
        Self {
            sandbox,
            write,
            before: 0,
        }
    }

    /// How many requests were sent since the last time that this was asked.
    fn requests(&mut self) -> u64 {
        let sent = self.write.requests();
        let since = sent - self.before;
        self.before = sent;
        since
    }

    /// Uploads a key, which every server needs.
    async fn key(&mut self) -> Attributes {
        let key = attributes(&[
            ("name", "someone@example.com"),
            ("public_key", KEY),
            ("fingerprint", FINGERPRINT),
        ]);
        self.write
            .create("ssh_key", &key, Some(MARK))
            .await
            .unwrap();
        key
    }

    async fn find(&self, kind: &str, wanted: &Attributes) -> Vec<String> {
        self.find_all(kind, &[wanted]).await.remove(0)
    }

    async fn find_all(&self, kind: &str, wanted: &[&Attributes]) -> Vec<Vec<String>> {
        let found = self.write.find(kind, wanted, MARK).await.unwrap();
        assert_eq!(found.len(), wanted.len());
        let ids = |found: Vec<Observed>| found.into_iter().map(|observed| observed.id).collect();
        found.into_iter().map(ids).collect()
    }
}

/// A key that exists nowhere else.
const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";
const FINGERPRINT: &str = "28:cc:8d:af:d0:fc:96:30:4e:da:e6:b7:fb:79:06:3f";
const MARK: &str = "11111111-2222-4333-8444-555555555555";
const OTHER_MARK: &str = "99999999-2222-4333-8444-555555555555";

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.into()))
        .collect()
}

fn server(name: &str) -> Attributes {
    let mut server = attributes(&[
        ("name", name),
        ("region", "nyc3"),
        ("size", "s-1vcpu-1gb"),
        ("image", "debian-13-x64"),
        ("ssh_key", FINGERPRINT),
    ]);
    server.insert("ipv6".to_owned(), true.into());
    server
}

fn record(zone: &str, name: &str, data: &str) -> Attributes {
    attributes(&[
        ("zone", zone),
        ("name", name),
        ("type", "A"),
        ("data", data),
    ])
}

#[tokio::test]
async fn the_clock_is_the_one_that_the_api_tells() {
    let dates = Mutex::new(vec![
        "",
        "date: now\r\n",
        "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    ]);
    let later = "date: Sun, 06 Nov 1994 08:50:00 GMT\r\n";
    dates
        .lock()
        .unwrap()
        .extend([later, "date: Sun, 06 Nov 1994 08:49:59 GMT\r\n"]);
    dates.lock().unwrap().reverse();
    let (port, _) = serve(move |socket| {
        let date = dates.lock().unwrap().pop().unwrap();
        async move {
            let not_found = format!("HTTP/1.1 404 Not Found\r\n{date}content-length: 0\r\n\r\n");
            answer(socket, &not_found).await;
        }
    })
    .await;
    let write = open(&format!("http://127.0.0.1:{port}"));
    assert_eq!(write.clock(), None);
    let nothing = Attributes::new();
    let target = Target {
        kind: "server",
        id: "1",
        attributes: &nothing,
        coming: false,
    };
    let mut told = Vec::new();
    for _ in 0..5 {
        write.get(target).await.unwrap();
        // In whole seconds, as it is told; it goes on by itself from there.
        told.push(write.clock().map(jiff::Timestamp::as_second));
    }
    let at = |time: &str| -> i64 {
        let time: jiff::Timestamp = format!("1994-11-06T{time}Z").parse().unwrap();
        time.as_second()
    };
    // An answer that was overtaken does not turn it back.
    assert_eq!(told[..2], [None, None]);
    assert!((at("08:49:37")..at("08:50:00")).contains(&told[2].unwrap()));
    assert!(told[3].unwrap() >= at("08:50:00"));
    assert!(told[4] >= told[3]);
}

#[tokio::test]
async fn alike_servers_are_made_with_one_request() {
    let mut account = Account::start(Options::default()).await;
    account.key().await;
    account.requests();
    let servers: Vec<Attributes> = (0..10).map(|n| server(&format!("web{n}"))).collect();
    let asked: Vec<&Attributes> = servers.iter().collect();
    let batch = account.write.capabilities().batch("server").unwrap();
    assert_eq!((batch.most, batch.differ_by), (10, &["name"][..]));
    assert!(batch.takes(asked[0], asked[1]));

    let made = account.write.create_many("server", &asked, Some(MARK));
    let made = made.await.unwrap();
    assert_eq!(account.requests(), 1);
    for (asked, made) in asked.iter().zip(&made) {
        let made = made.as_ref().unwrap();
        assert_eq!(made.attributes["name"], asked["name"]);
        assert_eq!(made.owners, [MARK]);
        let found = account.find("server", asked).await;
        assert_eq!(found, std::slice::from_ref(&made.id));
    }

    account.requests();
    let one = server("solo");
    let made = account
        .write
        .create_many("server", &[&one], Some(MARK))
        .await;
    assert_eq!(made.unwrap().len(), 1);
    assert_eq!(account.requests(), 1);
    account.sandbox.stop().await;
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_sent() {
    let (port, count) = serve(|socket| answer(socket, "")).await;
    let write = open(&format!("http://127.0.0.1:{port}"));
    let (web1, web2) = (server("web1"), server("web2"));
    let other_case = server("WEB1");
    let mut larger = server("web3");
    larger.insert("size".to_owned(), "s-2vcpu-2gb".into());
    let many: Vec<Attributes> = (0..11).map(|n| server(&format!("web{n}"))).collect();
    for asked in [
        vec![],
        vec![&web1, &web1],
        vec![&web1, &other_case],
        vec![&web1, &web2, &larger],
        many.iter().collect(),
    ] {
        let error = write
            .create_many("server", &asked, Some(MARK))
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Rejected, "{error}");
    }
    let zone = attributes(&[("name", "acme.com")]);
    let error = write.create_many("domain", &[&zone], Some(MARK)).await;
    assert_eq!(error.unwrap_err().class, Class::Rejected);
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

/// A Droplet as the answer to a create tells of it.
fn droplet(id: u64, name: &str) -> Json {
    json!({
        "id": id, "name": name, "status": "new", "region": {"slug": "nyc3"},
        "size_slug": "s-1vcpu-1gb", "image": null, "size": null,
    })
}

/// An API that accepts whatever it is asked, with this answer.
async fn accepting(body: &Json) -> Box<dyn Write> {
    let body = body.to_string();
    let length = body.len();
    let whole = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {length}\r\n\r\n{body}");
    let (port, _) = serve(move |socket| {
        let whole = whole.clone();
        async move { answer(socket, &whole).await }
    })
    .await;
    open(&format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn an_answer_about_another_server_is_unclear() {
    let web1 = server("web1");
    let write = accepting(&json!({"droplet": droplet(9, "other")})).await;
    let error = write.create("server", &web1, Some(MARK)).await.unwrap_err();
    assert_eq!(error.class, Class::Ambiguous, "{error}");
    let message = "the request was accepted, but its answer is about other";
    assert_eq!(error.message, message);

    // Names differ no more than in case.
    let write = accepting(&json!({"droplet": droplet(1, "Web1")})).await;
    let made = write.create("server", &web1, Some(MARK)).await.unwrap();
    assert_eq!(made.id, "1");
}

#[tokio::test]
async fn what_the_answer_to_several_lacks_is_unclear() {
    // Out of order, one missing, one twice, one that nobody asked for.
    let body = json!({"droplets": [
        droplet(4, "web4"), droplet(3, "web3"), droplet(33, "web3"), droplet(1, "Web1"),
        droplet(9, "other"),
    ]});
    let write = accepting(&body).await;
    let servers: Vec<Attributes> = (1..5).map(|n| server(&format!("web{n}"))).collect();
    let asked: Vec<&Attributes> = servers.iter().collect();
    let made = write
        .create_many("server", &asked, Some(MARK))
        .await
        .unwrap();
    let told: Vec<Result<&str, Class>> = made
        .iter()
        .map(|made| {
            made.as_ref()
                .map(|made| made.id.as_str())
                .map_err(|e| e.class)
        })
        .collect();
    let unclear = Err(Class::Ambiguous);
    assert_eq!(told, [Ok("1"), unclear, unclear, Ok("4")]);

    // A request refused as a whole made nothing; one without an answer may have made all.
    for (answered, class) in [
        (
            "HTTP/1.1 422 No\r\ncontent-length: 0\r\n\r\n",
            Class::Rejected,
        ),
        ("", Class::Ambiguous),
    ] {
        let (port, _) = serve(move |socket| answer(socket, answered)).await;
        let write = open(&format!("http://127.0.0.1:{port}"));
        let error = write
            .create_many("server", &asked, Some(MARK))
            .await
            .unwrap_err();
        assert_eq!(error.class, class, "{error}");
    }
}

/// An API that takes three requests in two seconds, and counts those that were too many.
#[derive(Default)]
struct Strict {
    taken: Mutex<Vec<Instant>>,
    refused: AtomicUsize,
}

impl Strict {
    const WINDOW: Duration = Duration::from_secs(2);
    const LIMIT: usize = 3;

    /// What it answers to a question for a Droplet.
    fn answer(&self) -> String {
        let mut taken = self.taken.lock().unwrap();
        let now = Instant::now();
        taken.retain(|at| *at + Self::WINDOW > now);
        let status = if taken.len() < Self::LIMIT {
            taken.push(now);
            "200 OK"
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            "429 Too Many Requests"
        };
        let left = Self::LIMIT - taken.len();
        let oldest = Self::WINDOW.saturating_sub(now - taken[0]);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        // Rounded up, as no request is free before its time.
        let reset = (clock + oldest).as_secs() + 1;
        let body = r#"{"droplet": {"id": 1, "name": "a", "status": "new", "region": {"slug": "r"},
            "size_slug": "s", "size": null, "image": null}}"#;
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nratelimit-limit: 5000\r\n\
             ratelimit-remaining: {left}\r\nratelimit-reset: {reset}\r\n\r\n{body}",
            body.len()
        )
    }
}

#[tokio::test]
async fn what_is_left_of_the_hour_is_not_overrun() {
    let api = Arc::new(Strict::default());
    let served = Arc::clone(&api);
    let (port, _) = serve(move |mut socket| {
        let api = Arc::clone(&served);
        async move {
            request(&mut socket).await;
            let answer = api.answer();
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    })
    .await;
    let write = open(&format!("http://127.0.0.1:{port}"));
    let nothing = Attributes::new();
    let target = Target {
        kind: "server",
        id: "1",
        attributes: &nothing,
        coming: false,
    };
    // The first answer tells what is left; those after it come together.
    write.get(target).await.unwrap();
    let rest = join_all((0..6).map(|_| write.get(target)));
    for found in tokio::time::timeout(LIMIT, rest).await.unwrap() {
        assert!(found.unwrap().is_some());
    }
    assert_eq!(api.refused.load(Ordering::Relaxed), 0);
    assert_eq!(write.requests(), 7);
    assert!(write.allowance().is_some());
}

#[tokio::test]
async fn a_sandbox_without_limits_holds_nothing_back() {
    let account = Account::start(Options::default()).await;
    let nothing = Attributes::new();
    let target = Target {
        kind: "server",
        id: "1",
        attributes: &nothing,
        coming: false,
    };
    for _ in 0..30 {
        let asked = join_all((0..10).map(|_| account.write.get(target)));
        let found = tokio::time::timeout(LIMIT, asked).await.unwrap();
        assert!(found.into_iter().all(|found| found.unwrap().is_none()));
    }
    assert_eq!(account.write.allowance(), None);
    account.sandbox.stop().await;
}
