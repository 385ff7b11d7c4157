//! What whole runs of the program cost: requests, time and memory, on a simulated account in
//! another process.
//!
//!     cargo bench --bench fleet -- plan [SERVERS…] [--names N]
//!     cargo bench --bench fleet -- apply [SERVERS…] [--names N] [--limits] [--boot SECONDS]
//!         [--latency MILLIS]
//!
//! `plan`: a plan with nothing to do. The account is filled through its API, the state made with
//! `state rebuild` and the addresses written with `apply`, so that all is as the program itself
//! would have left it. `apply`: everything is made anew. Each name of a server is two records, A
//! and AAAA, all of them in one zone. Figures are reported and never asserted on.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a report for people; what does not work ends it"
)]

mod account;
mod measure;
mod program;

use std::time::Duration;

use account::{Account, LINEAGE};
use measure::Cost;
use program::Deployment;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this without it, to see that it still works.
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let asked = Asked::of(
        arguments
            .into_iter()
            .filter(|argument| argument != "--bench"),
    );
    match (asked.what.as_deref(), bench) {
        (Some("plan"), _) => plan(&asked),
        (Some("apply"), _) => apply(&asked),
        (Some(other), _) => panic!("`{other}` is neither plan nor apply"),
        (None, true) => println!("say what to measure: cargo bench --bench fleet -- plan"),
        (None, false) => {
            let asked = Asked {
                servers: vec![3],
                boot: Duration::from_millis(50),
                latency: Duration::from_millis(1),
                ..asked
            };
            plan(&asked);
            apply(&asked);
        }
    }
}

/// What the command line says.
struct Asked {
    what: Option<String>,
    servers: Vec<usize>,
    names: usize,
    limits: bool,
    boot: Duration,
    latency: Duration,
}

impl Asked {
    fn of(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut asked = Self {
            what: None,
            servers: Vec::new(),
            names: 1,
            limits: false,
            boot: Duration::from_secs(20),
            latency: Duration::from_millis(50),
        };
        while let Some(argument) = arguments.next() {
            let mut number = || -> usize {
                let text = arguments.next().unwrap_or_default();
                text.parse()
                    .unwrap_or_else(|_| panic!("{argument} wants a number, not `{text}`"))
            };
            match argument.as_str() {
                "--names" => asked.names = number(),
                "--boot" => asked.boot = Duration::from_secs(number() as u64),
                "--latency" => asked.latency = Duration::from_millis(number() as u64),
                "--limits" => asked.limits = true,
                word => match word.parse() {
                    Ok(servers) => asked.servers.push(servers),
                    Err(_) => asked.what = Some(argument),
                },
            }
        }
        asked
    }

    fn servers(&self, usual: &[usize]) -> Vec<usize> {
        if self.servers.is_empty() {
            usual.to_vec()
        } else {
            self.servers.clone()
        }
    }

    fn records(&self, servers: usize) -> usize {
        2 * self.names * servers
    }
}

fn plan(asked: &Asked) {
    println!("plan, nothing to do\n");
    println!(
        "{:>8} {:>8} {:>9} {:>8} {:>8} {:>9}",
        "servers", "records", "requests", "CPU s", "wall s", "peak MiB"
    );
    for servers in asked.servers(&[1_000, 3_000, 10_000]) {
        let deployment = Deployment::new(servers, asked.names);
        let account = Account::serve(servers, &[]);
        account.fill(servers, asked.names);
        deployment.run(&account, &["state", "rebuild", "--lineage", LINEAGE]);
        deployment.run(&account, &["apply", "-y"]);
        account.forget_requests();
        let (cost, said) = deployment.run(&account, &["plan", "--detailed-exitcode"]);
        assert!(said.contains("No changes."), "{said}");
        println!(
            "{servers:>8} {:>8} {:>9} {cost}",
            asked.records(servers),
            account.requests().total
        );
    }
}

fn apply(asked: &Asked) {
    let Asked { boot, latency, .. } = asked;
    let enforced = if asked.limits { "on" } else { "off" };
    println!("\napply, everything new; boot {boot:?}, latency {latency:?}, limits {enforced}\n");
    println!(
        "{:>8} {:>8} {:>9} {:>5} {:>8} {:>8} {:>9} {:>11} {:>6}",
        "servers",
        "records",
        "requests",
        "429",
        "CPU s",
        "wall s",
        "peak MiB",
        "critical s",
        "ratio"
    );
    for servers in asked.servers(&[100, 200]) {
        let deployment = Deployment::new(servers, asked.names);
        let (boot, latency) = (
            format!("{}ms", boot.as_millis()),
            format!("{}ms", latency.as_millis()),
        );
        let mut options = vec!["--boot", &boot, "--latency", &latency];
        if asked.limits {
            options.push("--limits");
        }
        let account = Account::serve(servers, &options);
        let (cost, _) = deployment.run(&account, &["apply", "-y", "-q"]);
        let requests = account.requests();
        let critical = asked.critical_path();
        println!(
            "{servers:>8} {:>8} {:>9} {:>5} {cost} {:>11.2} {:>6.2}",
            asked.records(servers),
            requests.total,
            requests.by_status.get("429").unwrap_or(&0),
            critical.as_secs_f64(),
            ratio(&cost, critical),
        );
        for (route, count) in &requests.by_route {
            println!("{count:>27} {route}");
        }
    }
}

impl Asked {
    /// The key, then the servers, then their boot, then the records: what no client can do
    /// without, each in one round.
    fn critical_path(&self) -> Duration {
        3 * self.latency + self.boot
    }
}

fn ratio(cost: &Cost, critical: Duration) -> f64 {
    cost.wall.as_secs_f64() / critical.as_secs_f64()
}
