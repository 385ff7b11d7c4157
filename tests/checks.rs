//! A server counts as serving once it has shown that: before, no name is led to it, and nothing
//! that it takes the place of goes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

use serde_json::json;

use support::cloud::{Cloud, quick};
use support::program::Place;

fn configuration(image: &str, check: &str) -> String {
    format!(
        r#"{{"version": 2, "servers": {{"web": {{
            "region": "nyc3", "size": "s-1vcpu-1gb", "image": "{image}"{check},
            "names": ["www.acme.com"]}}}}}}"#
    )
}

const TCP: &str = r#", "check": {"tcp": 22}"#;
const HTTP: &str = r#", "check": {"http": "/health"}"#;

/// A place where servers are asked at a socket of ours.
fn begin(socket: SocketAddr) -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    asks_at(&mut place, socket);
    (cloud, place)
}

fn asks_at(place: &mut Place, socket: SocketAddr) {
    // Ten minutes of waiting for an answer are two seconds.
    place.set(
        "CLOUDBUILDER_PRACTICE",
        &format!("tempo=0.003 answers={socket}"),
    );
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let socket = listener.local_addr().expect("an address");
    (listener, socket)
}

/// Where nobody is.
fn nobody() -> SocketAddr {
    listen().1
}

/// Answers every request with what `status` says, and tells which was asked for.
fn speak_http(listener: TcpListener, status: Arc<AtomicU16>) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(stream);
            // A connection that only shows that somebody is there asks nothing.
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                continue;
            }
            assert!(line.starts_with("GET /health "), "{line}");
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {}
            let status = status.load(Ordering::Relaxed);
            let answer =
                format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
}

/// The image of the server that a name leads to.
fn image_of_name(cloud: &Cloud) -> String {
    let records = cloud.records("acme.com");
    let data = records.iter().find(|record| record["type"] == "A");
    let data = data.map(|record| record["data"].clone());
    let droplets = cloud.droplets();
    let leads = droplets
        .iter()
        .find(|droplet| data == Some(json!(Cloud::address(droplet, "v4"))));
    let leads = leads.expect("the name leads to a server");
    leads["image"]["slug"]
        .as_str()
        .expect("an image")
        .to_owned()
}

#[test]
fn another_takes_the_place_only_once_it_answers() {
    let (cloud, mut place) = begin(nobody());
    place.write("cloud.json", configuration("debian-12-x64", ""));
    place.run("apply -y").code(0);
    place.write("cloud.json", configuration("debian-13-x64", TCP));
    place.run("plan").code(0).says("until tcp 22 answers");
    place
        .run("apply -y")
        .code(1)
        .says("server.web is up, and does not answer")
        .says("tcp 22 at 198.18.0.3: the connection is refused");
    assert_eq!(cloud.droplets().len(), 2);
    assert_eq!(image_of_name(&cloud), "debian-12-x64");

    // The next run asks again, and makes nothing.
    place.run("apply -y").code(1).never_says("+ server");
    assert_eq!(cloud.droplets().len(), 2);
    assert_eq!(image_of_name(&cloud), "debian-12-x64");

    let (_listener, socket) = listen();
    asks_at(&mut place, socket);
    place.run("apply -y").code(0).says("answers");
    assert_eq!(cloud.droplets().len(), 1);
    assert_eq!(image_of_name(&cloud), "debian-13-x64");
    asks_at(&mut place, nobody());
    place
        .run("plan --detailed-exitcode")
        .code(0)
        .says("No changes.");
}

#[test]
fn what_answers_with_an_error_does_not_serve() {
    let (listener, socket) = listen();
    let status = Arc::new(AtomicU16::new(503));
    speak_http(listener, status.clone());
    let (cloud, place) = begin(socket);
    place.write("cloud.json", configuration("debian-13-x64", HTTP));
    place
        .run("apply -y")
        .code(1)
        .says("http :80/health at 198.18.0.2: the answer is 503");
    assert!(cloud.records("acme.com").is_empty());
    status.store(302, Ordering::Relaxed);
    place.run("apply -y").code(0);
    assert_eq!(cloud.records("acme.com").len(), 2);
}

#[test]
fn what_is_no_longer_to_be_asked_serves() {
    let (cloud, place) = begin(nobody());
    place.write("cloud.json", configuration("debian-13-x64", TCP));
    place.run("apply -y").code(1);
    place.write("cloud.json", configuration("debian-13-x64", ""));
    place
        .run("apply -y")
        .code(0)
        .says("no longer asked whether it serves");
    assert_eq!(cloud.records("acme.com").len(), 2);
    // One that serves is not asked because somebody writes a check.
    place.write("cloud.json", configuration("debian-13-x64", HTTP));
    place
        .run("plan --detailed-exitcode")
        .code(0)
        .says("No changes.");
}

#[test]
fn a_check_that_says_nothing_is_told_with_its_place() {
    let place = Place::nowhere();
    for (check, told) in [
        ("{}", "asks nothing"),
        (r#"{"tcp": 0}"#, "must be a port, 1 to 65535, not a number"),
        (r#"{"tcp": "22"}"#, "write it without quotes"),
        (r#"{"tcp": 22, "port": 80}"#, "has a second port"),
        (r#"{"tcp": 22, "http": "/"}"#, "asks in two ways"),
        (r#"{"http": "health"}"#, "is no path"),
        (r#"{"htp": "/health"}"#, "did you mean `http`?"),
    ] {
        let check = format!(r#", "check": {check}"#);
        place.write("cloud.json", configuration("debian-13-x64", &check));
        place
            .run("validate")
            .code(1)
            .says(told)
            .says("cloud.json:2:");
    }
}
