//! What it costs to keep the state durable, beside states of different sizes:
//! `cargo bench --bench journal`.
//!
//! Real files in the temporary directory (`TMPDIR`), so the disk under it counts. Reported and
//! never asserted on; that an append costs the same beside any state is a test (`tests/journal.rs`).

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a report for people; what does not work ends it"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use cloudbuilder::model::{Address, Attributes, Origin, Recorded};
use cloudbuilder::state::{Change, Effect, Entry, Intent, State, Store};
use jiff::Timestamp;
use serde_json::json;

fn main() {
    // `cargo test --benches` runs this too, to see that it still works.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let (sizes, appends) = match bench {
        true => (&[100, 1_000, 10_000, 30_000][..], 2_000),
        false => (&[10][..], 10),
    };
    println!(
        "{:>9}  {:>9}  {:>12}  {:>12}  {:>9}  {:>9}  {:>9}",
        "resources", "save", "append", "99 % under", "begin", "load", "finish"
    );
    for &size in sizes {
        println!("{}", measure(size, appends));
    }
}

/// One line of the table: a whole rewrite, then a run of so many steps.
fn measure(size: usize, appends: u64) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = state_of(size);
    let mut store = store(directory.path());
    store.save(&mut state).expect("it is saved");
    let save = timed(|| store.save(&mut state).expect("it is saved"));
    let begin = timed(|| store.begin(&mut state).expect("a journal is begun"));
    let mut times: Vec<Duration> = (1..=appends)
        .map(|number| {
            let intent = Entry::Intent(intent(number));
            let outcome = Entry::Outcome {
                number,
                change: Change::Nothing,
            };
            let time = timed(|| {
                store.append(&[intent]).expect("it is added");
                store.append(&[outcome]).expect("it is added");
            });
            time / 2
        })
        .collect();
    times.sort_unstable();
    let part = |percent: usize| times.get(times.len() * percent / 100).copied();
    // As the next run does after this one was cut off.
    let mut next = self::store(directory.path());
    let mut loaded = State::new();
    let load = timed(|| loaded = next.load().expect("it is whole").expect("it is there"));
    let finish = timed(|| next.finish(&mut loaded).expect("it is saved"));
    format!(
        "{size:>9}  {:>9}  {:>12}  {:>12}  {:>9}  {:>9}  {:>9}",
        millis(save),
        micros(part(50)),
        micros(part(99)),
        millis(begin),
        millis(load),
        millis(finish)
    )
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn micros(time: Option<Duration>) -> String {
    format!("{} us", time.unwrap_or_default().as_micros())
}

fn store(directory: &Path) -> Store {
    Store::new(
        directory.join("cloud.state.json"),
        directory.join(".cloudbuilder"),
    )
}

fn attributes(number: usize) -> Attributes {
    [
        ("name", json!(format!("web{number}"))),
        ("region", json!("nyc3")),
        ("size", json!("s-1vcpu-1gb")),
        ("image", json!("debian-13-x64")),
        ("ipv4_address", json!("203.0.113.10")),
        ("ipv6_address", json!("2001:db8::10")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn state_of(size: usize) -> State {
    let mut state = State::new();
    for number in 0..size {
        state.enter(Entry::Change(Change::Put(Recorded {
            address: Address::new("server", &format!("web{number}")),
            account: "default".to_owned(),
            id: number.to_string(),
            origin: Origin::Created,
            ready: true,
            attributes: attributes(number),
            refers_to: vec![Address::new("ssh_key", "default")],
            recorded_at: Timestamp::UNIX_EPOCH,
        })));
    }
    state
}

fn intent(number: u64) -> Intent {
    Intent {
        number,
        address: Address::new("server", &format!("new{number}")),
        account: "default".to_owned(),
        effect: Effect::Create,
        id: None,
        attributes: attributes(0),
        refers_to: vec![Address::new("ssh_key", "default")],
        sent_at: None,
        unmarked: false,
    }
}
