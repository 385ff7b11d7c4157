//! While a server is replaced, or goes and leaves its names to another, every name leads to a server
//! that is up at every moment: also for those who asked before it was led on, and remember what they
//! were told for as long as they may.
//!
//! A name server answers from the simulated account's records, with their time to live. Behind it
//! are resolvers that remember, and whoever they answer looks whether that server is there.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use serde_json::Value;

use support::cloud::{Cloud, LIMIT, quick, text};
use support::program::Place;

const ZONE: &str = "acme.com";
const NAMES: [&str; 2] = ["www.acme.com.", "acme.com."];
const FAMILIES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// In practice an address is remembered for two seconds and not for its time to live; with this
/// tempo for a quarter of that.
const PRACTICE: &str = "tempo=0.25";
const REMEMBERED: Duration = Duration::from_millis(500);

/// Between two questions of the same asker.
const PAUSE: Duration = Duration::from_millis(4);

/// Servers by their names, each of an image, the last of them with the names.
fn configuration(servers: &[(&str, &str)]) -> String {
    let mut servers = servers.iter().rev();
    let (name, image) = servers.next().expect("a server");
    let entry = |name: &str, image: &str, names: &str| {
        format!(
            r#""{name}": {{"region": "nyc3", "size": "s-1vcpu-1gb", "image": "{image}",
                "names": [{names}]}}"#
        )
    };
    let mut entries = vec![entry(name, image, r#""www.acme.com", "acme.com""#)];
    entries.extend(servers.map(|(name, image)| entry(name, image, "")));
    format!("{{{}}}", entries.join(", "))
}

/// Answers questions about the zone from the account's records until it is told to stop.
fn serve(cloud: &Cloud, socket: &UdpSocket, stop: &AtomicBool) {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => panic!("the name server cannot read: {error}"),
        };
        let asked = Message::from_vec(&buffer[..length]).expect("a question");
        let answer = answer(cloud, &asked).to_vec().expect("an answer");
        socket.send_to(&answer, from).expect("the asker is there");
    }
}

fn answer(cloud: &Cloud, asked: &Message) -> Message {
    let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
    answer.metadata.authoritative = true;
    let [query] = asked.queries.as_slice() else {
        answer.metadata.response_code = ResponseCode::FormErr;
        return answer;
    };
    answer.add_query(query.clone());
    for record in cloud.records(ZONE) {
        if whole_name(&record) != query.name().to_ascii() {
            continue;
        }
        let ttl = record["ttl"].as_u64().expect("a time to live");
        let data: IpAddr = text(&record["data"]).parse().expect("an address");
        let data = match data {
            IpAddr::V4(v4) => RData::A(v4.into()),
            IpAddr::V6(v6) => RData::AAAA(v6.into()),
        };
        if data.record_type() == query.query_type() {
            let ttl = u32::try_from(ttl).expect("a time to live");
            answer.add_answer(Record::from_rdata(query.name().clone(), ttl, data));
        }
    }
    answer
}

/// `www` of the zone is `www.acme.com.`.
fn whole_name(record: &Value) -> String {
    match text(&record["name"]) {
        "@" => format!("{ZONE}."),
        name => format!("{name}.{ZONE}."),
    }
}

/// A resolver for one name and type, which remembers what it was told.
struct Resolver<'a> {
    server: SocketAddr,
    socket: UdpSocket,
    name: &'a str,
    family: RecordType,
    known: Option<(IpAddr, Instant)>,
}

impl<'a> Resolver<'a> {
    fn new(server: SocketAddr, name: &'a str, family: RecordType) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        Self {
            server,
            socket,
            name,
            family,
            known: None,
        }
    }

    /// What the name leads to, and until when that may be believed.
    fn resolve(&mut self) -> (IpAddr, Instant) {
        if let Some(known) = self.known.filter(|(_, until)| Instant::now() < *until) {
            return known;
        }
        // It may be believed from when it was said, which is no earlier than it was asked for.
        let asked_at = Instant::now();
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        let name = Name::from_ascii(self.name).expect("a name");
        question.add_query(Query::query(name, self.family));
        let question = question.to_vec().expect("a question");
        self.socket.send_to(&question, self.server).expect("sent");
        let mut buffer = [0; 512];
        let length = self.socket.recv(&mut buffer).expect("it answers");
        let told = Message::from_vec(&buffer[..length]).expect("an answer");
        let Some(record) = told.answers.first() else {
            panic!("{} {} does not answer: {told:?}", self.name, self.family);
        };
        let ttl = Duration::from_secs(record.ttl.into());
        let known = (
            record.data.ip_addr().expect("an address"),
            asked_at + ttl.min(REMEMBERED),
        );
        self.known = Some(known);
        known
    }
}

/// Whether a server with that address is up.
fn is_served(cloud: &Cloud, address: IpAddr) -> bool {
    let family = if address.is_ipv4() { "v4" } else { "v6" };
    cloud.droplets().iter().any(|droplet| {
        let is: IpAddr = Cloud::address(droplet, family).parse().expect("an address");
        droplet["status"] == "active" && is == address
    })
}

/// Asks and looks until it is told to stop; gives the addresses that it was told.
fn ask(
    cloud: &Cloud,
    mut resolver: Resolver<'_>,
    stop: &AtomicBool,
    asked: &AtomicUsize,
) -> BTreeSet<IpAddr> {
    let mut told = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        let (address, until) = resolver.resolve();
        let is_served = is_served(cloud, address);
        // Looking takes a moment, in which it may have become out of date.
        assert!(
            is_served || Instant::now() >= until,
            "{} {} leads to {address}, where nobody is",
            resolver.name,
            resolver.family
        );
        told.insert(address);
        asked.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
    told
}

/// Tells the others to stop, also if it panics: they would go on for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn every_name_leads_to_a_server_throughout_a_replacement() {
    names_lead_on(&[("web", "debian-12-x64")], &[("web", "debian-13-x64")]);
}

#[test]
fn every_name_leads_to_a_server_when_one_goes_that_had_it() {
    names_lead_on(
        &[("app", "debian-13-x64"), ("web", "debian-12-x64")],
        &[("app", "debian-13-x64")],
    );
}

/// The names lead to the last server of each, and from the one to the other while it is asked for
/// the second.
fn names_lead_on(before: &[(&str, &str)], after: &[(&str, &str)]) {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.set("CLOUDBUILDER_PRACTICE", PRACTICE);
    place.write("cloud.json", configuration(before));
    place.run("apply -y").code(0);
    place.write("cloud.json", configuration(after));

    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let wakes = Duration::from_millis(20);
    socket.set_read_timeout(Some(wakes)).expect("a limit");
    let server = socket.local_addr().expect("an address");
    let (stop, stop_server) = (AtomicBool::new(false), AtomicBool::new(false));
    let asked = AtomicUsize::new(0);
    let told = thread::scope(|scope| {
        let _stop_server = Stop(&stop_server);
        scope.spawn(|| serve(&cloud, &socket, &stop_server));
        let stopping = Stop(&stop);
        let (cloud, stop, asked) = (&cloud, &stop, &asked);
        let kinds = NAMES
            .iter()
            .flat_map(|name| FAMILIES.map(|family| (*name, family)));
        let askers: Vec<_> = kinds
            .map(|(name, family)| {
                let resolver = Resolver::new(server, name, family);
                scope.spawn(move || ask(cloud, resolver, stop, asked))
            })
            .collect();
        // All of them have been told the old address before it begins, and the new one at the end.
        support::program::until("they have asked", || asked.load(Ordering::Relaxed) > 40);
        place.run("apply -y").code(0).says("1 destroyed");
        let before = asked.load(Ordering::Relaxed);
        support::program::until("they have asked again", || {
            asked.load(Ordering::Relaxed) > before + 400
        });
        drop(stopping);
        let told = askers.into_iter().map(thread::ScopedJoinHandle::join);
        let told: Vec<BTreeSet<IpAddr>> = told
            .map(|told| told.expect("nobody was led astray"))
            .collect();
        told
    });
    // The old address and the new one.
    assert!(told.iter().all(|told| told.len() == 2), "{told:?}");
    assert_eq!(cloud.droplets().len(), after.len());
}
