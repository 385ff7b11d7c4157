//! How long planning takes, and how it grows: `cargo bench --bench planner`.
//!
//! Each server has one name, so there are two records for each. Times are the best of several
//! runs on one processor, reported and never asserted on.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a report for people, over data that is made here"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use cloudbuilder::config::{PublicKeys, cloud};
use cloudbuilder::model::{
    AccountView, AccountViews, Address, Attributes, Capabilities, Catalog, Desired, Image, Money,
    Observed, Origin, Readiness, RecordRules, Recorded, Region, Size, Update,
};
use cloudbuilder::plan::{Input, Part, plan};
use cloudbuilder::resource::{KINDS, Setting, declare, record, server};
use serde_json::{Value as Json, json};

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef key@acme.com";
const LINEAGE: &str = "6b0c8a52-0b7c-4d6e-9d0b-3f1f7c1f2a11";

static CAPABILITIES: Capabilities = Capabilities {
    provider: "toy",
    kinds: &["ssh_key", "server", "domain", "record"],
    only_seen: &[],
    marked: &["server"],
    copy_gb: None,
    prices: true,
    batches: &[],
    records: RecordRules::ALL,
    updates: &[Update::at_once("record", &["data"])],
    leaves: &[],
    lacks: &[],
    name_servers: &[],
    boot: Duration::from_secs(40),
    page: 200,
    by_id: false,
};

fn main() {
    // `cargo test --benches` runs this too, to see that it still works.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let (full, runs) = if bench { (10_000, 10) } else { (100, 1) };

    println!("{full} servers, {} records", 2 * full);
    println!("{:>14} {:>10} {:>8}", "", "ms", "steps");
    for (what, world) in WORLDS {
        let (best, steps) = world(full).best_of(runs);
        println!("{what:>14} {:>10.1} {steps:>8}", millis(best));
    }

    println!("\nns for each resource, by the number of servers");
    println!(
        "{:>10} {:>10} {:>14} {:>14} {:>14} {:>14}",
        "servers", "resources", "all new", "nothing to do", "1 % changed", "all go"
    );
    let growth: &[usize] = if bench {
        &[1_000, 3_000, 10_000, 30_000, 100_000]
    } else {
        &[10, 100]
    };
    for &servers in growth {
        let resources = 3 * servers + 1;
        // One after the other: the largest take gigabytes.
        let each: Vec<String> = WORLDS
            .iter()
            .map(|(_, world)| {
                let (best, _) = world(servers).best_of(runs.min(3));
                format!("{:>14}", best.as_nanos() / resources as u128)
            })
            .collect();
        println!("{servers:>10} {resources:>10} {}", each.join(" "));
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Time on the processor where the system tells it, because other programs run too; else time on
/// the wall.
struct Clock {
    on_cpu: Option<u64>,
    began: Instant,
}

impl Clock {
    fn start() -> Self {
        Self {
            on_cpu: on_cpu(),
            began: Instant::now(),
        }
    }

    fn elapsed(&self) -> Duration {
        match (self.on_cpu, on_cpu()) {
            (Some(then), Some(now)) => Duration::from_nanos(now - then),
            _ => self.began.elapsed(),
        }
    }
}

/// Nanoseconds that this thread has run, on Linux.
fn on_cpu() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Everything a plan depends on.
struct World {
    desired: Vec<Desired>,
    observed: Vec<Observed>,
    recorded: BTreeMap<Address, Recorded>,
    destroying: bool,
}

impl World {
    fn best_of(&self, runs: usize) -> (Duration, usize) {
        let accounts = accounts();
        let nothing = BTreeMap::new();
        let mut best = Duration::MAX;
        let mut steps = 0;
        for _ in 0..runs {
            let input = Input {
                desired: &self.desired,
                withdrawn: &BTreeMap::new(),
                observed: &self.observed,
                absent: &nothing,
                recorded: &self.recorded,
                lineage: Some(LINEAGE),
                accounts: &accounts,
                written: None,
                destroying: self.destroying,
                now: jiff::Timestamp::UNIX_EPOCH,
                drains: true,
                part: &Part::default(),
                replace: &[],
            };
            let began = Clock::start();
            let planned = black_box(plan(black_box(&input)));
            best = best.min(began.elapsed());
            steps = planned.expect("nothing stands against it").steps.len();
        }
        (best, steps)
    }
}

type MakeWorld = fn(usize) -> World;

/// What is planned, from a number of servers.
const WORLDS: &[(&str, MakeWorld)] = &[
    ("all new", all_new),
    ("nothing to do", made),
    ("1 % changed", changed),
    ("all go", gone),
];

fn all_new(servers: usize) -> World {
    World {
        desired: desired(servers),
        observed: vec![observed("domain", "acme.com", Attributes::new())],
        recorded: BTreeMap::new(),
        destroying: false,
    }
}

/// Every hundredth record leads elsewhere.
fn changed(servers: usize) -> World {
    let mut world = made(servers);
    let records = world.observed.iter_mut().filter(|o| o.kind == "record");
    for record in records.step_by(100) {
        let elsewhere = match record.text(record::TYPE) {
            Some("AAAA") => "2001:db8:ffff::1",
            _ => "203.0.113.9",
        };
        let data = record::DATA.to_owned();
        record.attributes.insert(data, elsewhere.into());
    }
    world
}

fn gone(servers: usize) -> World {
    World {
        desired: Vec::new(),
        destroying: true,
        ..made(servers)
    }
}

fn desired(servers: usize) -> Vec<Desired> {
    let entries = (0..servers).map(|n| {
        let entry = json!({
            "region": "new1", "size": "small", "image": "deb",
            "names": [format!("server-{n}.acme.com")],
        });
        (format!("server-{n}"), entry)
    });
    let text = Json::Object(entries.collect()).to_string();
    let parsed = cloud::parse("cloud.json", text.as_bytes());
    let cloud = parsed.cloud.expect("a good cloud.json");
    let setting = Setting {
        public_keys: &PublicKeys::parse(KEY).expect("a good key"),
        zones: &[("default".to_owned(), ["acme.com".to_owned()].into())].into(),
        recorded: &BTreeMap::new(),
        gone: &BTreeSet::new(),
        accounts: &accounts(),
        seen: None,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    declare(&cloud, &setting).desired
}

/// Everything is there and recorded.
fn made(servers: usize) -> World {
    let mut world = all_new(servers);
    for (at, desired) in world.desired.iter().enumerate() {
        let mut attributes = Attributes::new();
        for (name, value) in &desired.attributes {
            let value =
                value.resolve(|to| world.recorded[&to.address].attributes.get(&to.attribute));
            let value = value
                .expect("what it refers to comes before it")
                .into_owned();
            attributes.insert(name, value);
        }
        let (_, kind) = cloudbuilder::resource::kind(desired.address.kind()).expect("a kind");
        if kind.name == server::KIND.name {
            let (ipv4, ipv6) = (
                format!("10.{}.{}.{}", at >> 16, (at >> 8) & 255, at & 255),
                format!("2001:db8::{at:x}"),
            );
            attributes.extend([
                (
                    server::NETWORKS.to_owned(),
                    json!({
                        "v4": [{"ip_address": ipv4, "netmask": "255.255.240.0", "gateway": "10.0.0.1", "type": "public"}],
                        "v6": [{"ip_address": ipv6, "netmask": 64, "gateway": "2001:db8::1", "type": "public"}],
                    }),
                ),
                (server::IPV4_ADDRESS.to_owned(), ipv4.into()),
                (server::IPV6_ADDRESS.to_owned(), ipv6.into()),
            ]);
        }
        let id = at.to_string();
        let mut shown = attributes.clone();
        shown.remove(server::SSH_KEY);
        let mut there = observed(kind.name, &id, shown);
        if kind.marked {
            there.owners.push(LINEAGE.to_owned());
            there.monthly = Some(Money::from_dollars(6.0));
        }
        world.observed.push(there);
        let refers_to: BTreeSet<Address> =
            desired.references().map(|r| r.address.clone()).collect();
        let recorded = Recorded {
            address: desired.address.clone(),
            account: desired.account.clone(),
            id,
            origin: Origin::Created,
            ready: true,
            attributes,
            refers_to: refers_to.into_iter().collect(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        world.recorded.insert(desired.address.clone(), recorded);
    }
    world
}

fn observed(kind: &str, id: &str, attributes: Attributes) -> Observed {
    let kind = KINDS.iter().find(|known| known.name == kind);
    Observed {
        kind: kind.expect("a kind").name,
        account: "default".into(),
        id: id.to_owned(),
        attributes,
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}

fn accounts() -> AccountViews {
    let view = AccountView {
        region: None,
        clock: None,
        capabilities: &CAPABILITIES,
        catalog: Some(catalog()),
        dns_in: None,
        left_out: BTreeMap::new(),
        limits: BTreeMap::new(),
    };
    [("default".to_owned(), view)].into()
}

fn catalog() -> Catalog {
    let regions = BTreeSet::from(["new1".to_owned()]);
    Catalog {
        regions: vec![Region {
            slug: "new1".to_owned(),
            name: "New 1".to_owned(),
            features: BTreeSet::from(["ipv6".to_owned()]),
            available: true,
        }],
        sizes: vec![Size {
            slug: "small".to_owned(),
            description: String::new(),
            vcpus: 1,
            memory_mib: 1024,
            disk_gb: 25,
            transfer_tb: 1.0,
            monthly: Some(Money::from_dollars(6.0)),
            regions: regions.clone(),
            available: true,
            unusable: None,
            sandbox_only: false,
            ..Size::default()
        }],
        images: vec![Image {
            id: "1".to_owned(),
            slug: Some("deb".to_owned()),
            distribution: "Toy".to_owned(),
            name: String::new(),
            regions,
            min_disk_gb: 10,
            sandbox_only: false,
            ..Image::default()
        }],
        server_limit: None,
        successors: BTreeMap::new(),
    }
}
