//! The journal beside the state: a run that is cut off anywhere, by a kill, by a power cut or by
//! its disk, is found again as it was; and what cannot be trusted is named and not used.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use cloudbuilder::file::{self, Step, Witness};
use cloudbuilder::model::{Address, Attributes, Origin, Recorded};
use cloudbuilder::state::format::journal::{self, JournalError};
use cloudbuilder::state::{
    Change, Effect, Entry, FileChange, Intent, JournalProblem, LoadError, LoadProblem, SaveError,
    State, Store,
};
use proptest::prelude::*;

/// A deployment's directory, gone after the test.
struct Deployment(tempfile::TempDir);

impl Deployment {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a state of two servers in it.
    fn with_two() -> Self {
        let deployment = Self::new();
        let mut state = beginning();
        for name in ["web1", "web2"] {
            state.enter(Entry::Change(Change::Put(recorded(name, "1"))));
        }
        deployment.store().save(&mut state).unwrap();
        deployment
    }

    /// As a run left it that was cut off after these.
    fn cut_off_after(appended: &[Vec<Entry>]) -> Self {
        let deployment = Self::with_two();
        let mut store = deployment.store();
        let mut state = store.load().unwrap().unwrap();
        store.begin(&mut state).unwrap();
        for entries in appended {
            store.append(entries).unwrap();
        }
        deployment
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state_file(&self) -> PathBuf {
        self.at("cloud.state.json")
    }

    fn journal(&self) -> PathBuf {
        self.at("cloud.state.journal")
    }

    fn store(&self) -> Store {
        store_in(self.0.path())
    }

    fn load(&self) -> State {
        self.store().load().unwrap().unwrap()
    }

    fn problem(&self) -> LoadError {
        self.store().load().unwrap_err()
    }

    /// What is there, by name, besides the private directory.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.0.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
        files
    }
}

fn store_in(directory: &Path) -> Store {
    Store::new(
        directory.join("cloud.state.json"),
        directory.join(".cloudbuilder"),
    )
}

fn put(path: &Path, bytes: &[u8]) {
    // Not durably: these are many. A new file, because some file systems make one durable that
    // is emptied and written again.
    file::remove(path, &file::Unwatched).unwrap();
    File::create(path).unwrap().write_all(bytes).unwrap();
}

/// The whole chain of an error, as it is printed.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

fn server(name: &str) -> Address {
    Address::new("server", name)
}

fn attributes(size: &str) -> Attributes {
    [("size".to_owned(), size.into())].into()
}

fn recorded(name: &str, id: &str) -> Recorded {
    Recorded {
        address: server(name),
        account: "default".to_owned(),
        id: id.to_owned(),
        origin: Origin::Created,
        ready: false,
        attributes: attributes("s-1vcpu-1gb"),
        refers_to: vec![Address::new("ssh_key", "default")],
        recorded_at: "2026-10-05T09:30:00Z".parse().unwrap(),
    }
}

fn intent(number: u64, effect: Effect, name: &str) -> Entry {
    Entry::Intent(Intent {
        number,
        address: server(name),
        account: "default".to_owned(),
        effect,
        id: (effect != Effect::Create).then(|| "1".to_owned()),
        attributes: attributes("s-1vcpu-1gb"),
        refers_to: vec![Address::new("ssh_key", "default")],
        sent_at: None,
        unmarked: false,
    })
}

fn outcome(number: u64, change: Change) -> Entry {
    Entry::Outcome { number, change }
}

/// What a run does: ten creates in two batches would be this, only longer.
fn work() -> Vec<Vec<Entry>> {
    vec![
        vec![
            intent(11, Effect::Create, "db1"),
            intent(12, Effect::Create, "db2"),
        ],
        vec![outcome(11, Change::Put(recorded("db1", "71")))],
        vec![
            intent(13, Effect::Delete, "web1"),
            intent(14, Effect::Update, "web2"),
        ],
        vec![
            outcome(13, Change::Remove(server("web1"))),
            Entry::Change(Change::Put(Recorded {
                ready: true,
                ..recorded("db1", "71")
            })),
        ],
        vec![outcome(14, Change::Nothing)],
    ]
}

/// What two states have in common that differ only in how often they were saved.
fn content(state: &State) -> State {
    State {
        serial: 0,
        ..state.clone()
    }
}

// A run

#[test]
fn a_run_is_found_as_far_as_it_came() {
    let deployment = Deployment::with_two();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    assert_eq!(deployment.load(), state);
    for entries in work() {
        store.append(&entries).unwrap();
        entries.into_iter().for_each(|entry| state.enter(entry));
        assert_eq!(deployment.load(), state);
    }
    let mode = fs::metadata(deployment.journal()).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(state.unsettled.len(), 1, "nobody answered about db2");
    assert_eq!(state.next_number(), 13);

    store.finish(&mut state).unwrap();

    assert_eq!(deployment.load(), state);
    assert_eq!(state.unsettled.len(), 1, "and still nobody did");
    assert!(!deployment.journal().exists());
    store.finish(&mut state).unwrap();
    assert_eq!(state.serial, 3, "begun and finished once");

    store.begin(&mut state).expect("the same store can go on");
    store
        .append(&[outcome(12, Change::Put(recorded("db2", "72")))])
        .unwrap();
    assert!(deployment.load().unsettled.is_empty());
}

#[test]
fn the_run_after_one_that_was_cut_off_goes_on_from_it() {
    let deployment = Deployment::cut_off_after(&work());
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    let found = content(&state);
    assert_eq!(state.unsettled.len(), 1);
    store.begin(&mut state).unwrap();
    assert_eq!(content(&deployment.load()), found);
    store.append(&[outcome(12, Change::Nothing)]).unwrap();
    state.enter(outcome(12, Change::Nothing));
    store.finish(&mut state).unwrap();
    assert_eq!(deployment.load(), state);
    assert!(state.unsettled.is_empty());
    assert_eq!(
        fs::read_dir(deployment.0.path()).unwrap().count(),
        2,
        "the state and the private directory"
    );
}

#[test]
fn a_journal_that_was_left_over_goes_with_the_next_run_even_if_that_does_nothing() {
    let [.., (_, beside_one_left_over)] = starts();
    let deployment = beside_one_left_over();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    let serial = state.serial;
    assert!(deployment.journal().exists(), "looking removes nothing");
    store.finish(&mut state).unwrap();
    assert!(!deployment.journal().exists());
    assert_eq!((state.serial, deployment.load()), (serial, state));
}

#[test]
fn loading_writes_nothing_and_needs_no_leave_to() {
    let deployment = Deployment::cut_off_after(&work());
    let before = deployment.files();
    let directory = deployment.0.path();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o500)).unwrap();
    let modified = || fs::metadata(directory).unwrap().modified().unwrap();
    let untouched = modified();
    let state = deployment.load();
    assert_eq!(modified(), untouched);
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(state.unsettled.len(), 1);
    assert_eq!(deployment.files(), before);
}

#[test]
fn a_journal_lies_beside_what_the_state_file_is_a_link_to() {
    let deployment = Deployment::new();
    fs::create_dir(deployment.at("shared")).unwrap();
    let target = deployment.at("shared/acme.json");
    store_at(&target).save(&mut State::new()).unwrap();
    std::os::unix::fs::symlink(&target, deployment.state_file()).unwrap();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    assert!(deployment.at("shared/acme.journal").exists());
    store.append(&work()[0]).unwrap();
    let found = store_at(&target).load().unwrap().unwrap();
    assert_eq!(found.unsettled.len(), 2);
    assert_eq!(deployment.load(), found);
}

fn store_at(path: &Path) -> Store {
    Store::new(path.to_owned(), path.with_extension("private"))
}

#[test]
fn what_an_earlier_version_cut_off_is_read_for_ever() {
    let fixture = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/state/cut-off"
    ));
    let state = store_in(fixture).load().unwrap().unwrap();
    let addresses: Vec<String> = state.resources.keys().map(Address::to_string).collect();
    assert_eq!(addresses, ["record.www.acme.com/A", "server.server1"]);
    let Some((_, unsettled)) = state.unsettled.first_key_value() else {
        panic!("{:?}", state.unsettled);
    };
    assert_eq!(unsettled.number, 6);
    assert_eq!(unsettled.effect, Effect::Delete);
    assert_eq!(unsettled.id.as_deref(), Some("28448429"));

    // Git may change the line ends of both.
    let deployment = Deployment::new();
    for name in ["cloud.state.json", "cloud.state.journal"] {
        let text = fs::read_to_string(fixture.join(name)).unwrap();
        put(&deployment.at(name), text.replace('\n', "\r\n").as_bytes());
    }
    assert_eq!(deployment.load(), state);
}

// Stopped between any two steps

/// Stops the run before one of its steps: that one and all after it are not done.
#[derive(Debug, Clone)]
struct StopAt(usize, Arc<AtomicUsize>);

impl Witness for StopAt {
    fn before(&self, _: Step<'_>) -> io::Result<()> {
        if self.1.fetch_add(1, Ordering::Relaxed) < self.0 {
            Ok(())
        } else {
            Err(io::Error::other("stopped"))
        }
    }
}

/// Goes through a whole run, telling of each act before it is begun and after it is done.
fn run(store: &mut Store, mut told: impl FnMut(&State)) -> Result<(), SaveError> {
    let mut state = store.load().unwrap().unwrap_or_else(beginning);
    told(&state);
    store.begin(&mut state)?;
    told(&state);
    for entries in work() {
        store.append(&entries)?;
        entries.into_iter().for_each(|entry| state.enter(entry));
        told(&state);
    }
    store.finish(&mut state)?;
    told(&state);
    Ok(())
}

fn beginning() -> State {
    State {
        lineage: "8a1e5f3c-9f0b-4d83-bb5a-0f6e2f1d7c44".to_owned(),
        ..State::new()
    }
}

/// Where a run may start from.
type Start = (&'static str, fn() -> Deployment);

fn starts() -> [Start; 4] {
    [
        ("from nothing", Deployment::new),
        ("from a state", Deployment::with_two),
        ("after one that was cut off", || {
            Deployment::cut_off_after(&[vec![intent(7, Effect::Create, "web3")]])
        }),
        ("beside a journal that was left over", || {
            let deployment = Deployment::cut_off_after(&work());
            let left = fs::read(deployment.journal()).unwrap();
            let mut store = deployment.store();
            let mut state = store.load().unwrap().unwrap();
            store.finish(&mut state).unwrap();
            put(&deployment.journal(), &left);
            deployment
        }),
    ]
}

#[test]
fn a_run_killed_between_any_two_steps_is_found_whole() {
    for (name, start) in starts() {
        let mut expected = Vec::new();
        run(&mut start().store(), |state| expected.push(content(state))).unwrap();
        let mut stops = 0;
        for stop in 0.. {
            let deployment = start();
            let beginning = deployment.store().load().unwrap();
            let witness = StopAt(stop, Arc::default());
            let mut store = deployment.store().watched_by(witness);
            let mut done = Vec::new();
            let result = run(&mut store, |state| done.push(content(state)));
            let found = deployment.store().load().unwrap_or_else(|error| {
                panic!("{name}, stopped at {stop}: {}", told(&error));
            });
            if result.is_ok() {
                assert_eq!(found.as_ref().map(content), expected.last().cloned());
                break;
            }
            stops += 1;
            let next = expected.get(done.len());
            match found {
                None => assert_eq!((beginning, done.len()), (None, 1), "{name}, {stop}"),
                Some(found) => {
                    let found = content(&found);
                    assert!(
                        Some(&found) == done.last() || Some(&found) == next,
                        "{name}, stopped at {stop}: {found:#?}"
                    );
                }
            }
            // And the next run goes through, to the same end.
            run(&mut deployment.store(), |_| {}).unwrap();
            let end = content(&deployment.load());
            assert_eq!(Some(&end), expected.last(), "{name}, stopped at {stop}");
        }
        println!("{name}: stopped before each of {stops} steps");
        assert!(stops >= 23, "{name}: {stops}");
    }
}

// A power cut at any step

/// A disk that keeps only what it was told to keep, and of the rest whatever it likes.
#[derive(Clone, Debug, Default)]
struct Disk {
    files: Vec<Content>,
    /// What is in the directory for good.
    kept: BTreeMap<PathBuf, usize>,
    /// What is in it until the power goes.
    now: BTreeMap<PathBuf, usize>,
    /// What may or may not be kept of the difference, in order.
    pending: Vec<(PathBuf, Option<usize>)>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    kept: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Unkept {
    Lost,
    Half,
    Zeros,
    ZerosThenEnd,
    Kept,
}

impl Disk {
    /// As a directory is found.
    fn of(directory: &Path) -> Self {
        let mut disk = Self::default();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                disk.kept.insert(path.clone(), disk.files.len());
                let bytes = fs::read(path).unwrap();
                let kept = bytes.len();
                disk.files.push(Content { kept, bytes });
            }
        }
        disk.now = disk.kept.clone();
        disk
    }

    fn enter(&mut self, path: &Path, file: Option<usize>) {
        match file {
            Some(file) => self.now.insert(path.to_owned(), file),
            None => self.now.remove(path),
        };
        self.pending.push((path.to_owned(), file));
    }

    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Create(path) => {
                self.files.push(Content::default());
                self.enter(path, Some(self.files.len() - 1));
            }
            Step::Write(path, bytes) => self.files[self.now[path]].bytes.extend(bytes),
            Step::Sync(path) => {
                let file = &mut self.files[self.now[path]];
                file.kept = file.bytes.len();
            }
            Step::Rename(from, to) => {
                let file = self.now[from];
                self.enter(from, None);
                self.enter(to, Some(file));
            }
            Step::Remove(path) => self.enter(path, None),
            Step::SyncDirectory(_) => {
                self.pending.clear();
                self.kept = self.now.clone();
            }
        }
    }

    /// Everything that may be found after a power cut now.
    fn after_a_power_cut(&self) -> Vec<BTreeMap<PathBuf, Vec<u8>>> {
        let mut found = Vec::new();
        for chosen in 0_u32..1 << self.pending.len() {
            let mut entries = self.kept.clone();
            for (index, (path, file)) in self.pending.iter().enumerate() {
                if chosen & (1 << index) != 0 {
                    match file {
                        Some(file) => entries.insert(path.clone(), *file),
                        None => entries.remove(path),
                    };
                }
            }
            for unkept in [
                Unkept::Lost,
                Unkept::Half,
                Unkept::Zeros,
                Unkept::ZerosThenEnd,
                Unkept::Kept,
            ] {
                let content = |&file: &usize| self.files[file].after(unkept);
                found.push(
                    entries
                        .iter()
                        .map(|(path, file)| (path.clone(), content(file)))
                        .collect(),
                );
            }
        }
        found
    }
}

impl Content {
    fn after(&self, unkept: Unkept) -> Vec<u8> {
        let (kept, rest) = self.bytes.split_at(self.kept);
        let half = rest.len() / 2;
        let rest = match unkept {
            Unkept::Lost => Vec::new(),
            Unkept::Half => rest[..half].to_vec(),
            Unkept::Zeros => vec![0; rest.len()],
            Unkept::ZerosThenEnd => [&vec![0; half], &rest[half..]].concat(),
            Unkept::Kept => rest.to_vec(),
        };
        [kept, &rest].concat()
    }
}

/// Notes every step.
#[derive(Clone, Debug)]
struct Notes(Arc<Mutex<(Disk, Vec<Disk>)>>);

impl Witness for Notes {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        let mut notes = self.0.lock().unwrap();
        notes.0.step(step);
        let disk = notes.0.clone();
        notes.1.push(disk);
        Ok(())
    }
}

#[test]
fn a_power_cut_after_any_step_loses_nothing_that_was_told_durable() {
    for (name, start) in starts() {
        let deployment = start();
        let initial = Disk::of(deployment.0.path());
        let notes = Notes(Arc::new(Mutex::new((initial.clone(), vec![initial]))));
        let mut store = deployment.store().watched_by(notes.clone());
        // After how many steps which state was told to be durable.
        let mut states: Vec<(usize, State)> = Vec::new();
        run(&mut store, |state| {
            states.push((notes.0.lock().unwrap().1.len() - 1, content(state)));
        })
        .unwrap();
        let disks = notes.0.lock().unwrap().1.clone();
        let elsewhere = Deployment::new();
        let mut cuts = 0;
        for (steps, disk) in disks.iter().enumerate() {
            // What was told durable by now, and the one after it.
            let told_by_now = states.iter().filter(|(by, _)| *by <= steps).count();
            let acceptable: Vec<&State> = states[told_by_now - 1..]
                .iter()
                .take(2)
                .map(|(_, state)| state)
                .collect();
            let outcomes: BTreeSet<_> = disk
                .after_a_power_cut()
                .into_iter()
                .map(|mut files| {
                    let mut at = |path: PathBuf| files.remove(&path);
                    (at(deployment.state_file()), at(deployment.journal()))
                })
                .collect();
            for (state, journal) in outcomes {
                for (path, bytes) in [
                    (elsewhere.state_file(), &state),
                    (elsewhere.journal(), &journal),
                ] {
                    match bytes {
                        Some(bytes) => put(&path, bytes),
                        None => file::remove(&path, &file::Unwatched).unwrap(),
                    }
                }
                cuts += 1;
                let found = elsewhere.store().load().unwrap_or_else(|error| {
                    panic!("{name}, after {steps} steps: {}", told(&error));
                });
                match found {
                    None => assert!(
                        name == "from nothing" && told_by_now == 1,
                        "{name}, after {steps} steps: nothing"
                    ),
                    Some(found) => {
                        let found = content(&found);
                        assert!(
                            acceptable.contains(&&found),
                            "{name}, after {steps} steps: {found:#?}"
                        );
                    }
                }
            }
        }
        println!(
            "{name}: {cuts} outcomes of power cuts at {} steps",
            disks.len()
        );
    }
}

// Damage

/// The journal that a cut-off run left, and where its lines begin.
fn journal_of(deployment: &Deployment) -> (Vec<u8>, Vec<usize>) {
    let bytes = fs::read(deployment.journal()).unwrap();
    let ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
    let mut begins: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
    begins.insert(0, 0);
    begins.pop();
    (bytes, begins)
}

/// What is found after each of the appends, the first being none.
fn states_of(deployment: &Deployment) -> Vec<State> {
    let base = Deployment::with_two();
    let mut state = State {
        serial: deployment.load().serial,
        ..base.load()
    };
    let mut states = vec![state.clone()];
    for entries in work() {
        entries.into_iter().for_each(|entry| state.enter(entry));
        states.push(state.clone());
    }
    states
}

#[test]
fn a_journal_cut_at_any_byte_holds_what_was_whole() {
    let deployment = Deployment::cut_off_after(&work());
    let (bytes, begins) = journal_of(&deployment);
    let states = states_of(&deployment);
    for length in 0..=bytes.len() {
        put(&deployment.journal(), &bytes[..length]);
        let whole = bytes[..length].iter().filter(|&&b| b == b'\n').count();
        if whole == 0 {
            let error = deployment.problem();
            assert_eq!(error.byte(), Some(0), "cut at {length}");
            let path = deployment.journal();
            assert!(
                told(&error).contains(&path.display().to_string()),
                "{}",
                told(&error)
            );
        } else {
            assert_eq!(deployment.load(), states[whole - 1], "cut at {length}");
        }
    }
    // Blocks that never came to the disk: zeros up to the end, or up to the last block.
    let (last, whole) = (begins[begins.len() - 1], begins.len() - 2);
    for from in last..bytes.len() {
        for to in [bytes.len(), (from + 2).max(from / 2 + bytes.len() / 2)] {
            let mut holed = bytes.clone();
            let to = to.min(bytes.len());
            holed[from..to].fill(0);
            put(&deployment.journal(), &holed);
            // The line end alone: nobody can tell that from a turned bit, and it is not used.
            if from + 1 < bytes.len() {
                assert_eq!(
                    deployment.load(),
                    states[whole],
                    "zeros from {from} to {to}"
                );
            }
        }
    }
}

#[test]
fn no_altered_bit_goes_unnoticed() {
    let deployment = Deployment::cut_off_after(&work());
    let (bytes, begins) = journal_of(&deployment);
    for place in 0..bytes.len() {
        let line = begins.iter().filter(|&&begin| begin <= place).count();
        let mut altered = bytes.clone();
        for bit in 0..8 {
            altered[place] = bytes[place] ^ (1 << bit);
            match journal::decode(&altered) {
                Err(JournalError::Damaged { byte, line: at, .. }) => {
                    assert_eq!((byte, at), (begins[line - 1], line), "bit {bit} of {place}");
                }
                other => panic!("bit {bit} of byte {place}: {other:?}"),
            }
        }
        if place % 100 == 0 {
            put(&deployment.journal(), &altered);
            let error = deployment.problem();
            assert_eq!(error.byte(), Some(begins[line - 1]), "{}", told(&error));
            let named = format!(
                "its journal {} cannot be used: it is damaged in line {line}, which begins at byte {}: ",
                fs::canonicalize(deployment.journal()).unwrap().display(),
                begins[line - 1]
            );
            assert!(told(&error).contains(&named), "{}", told(&error));
        }
    }
}

#[test]
fn a_line_that_is_missing_doubled_or_moved_is_noticed() {
    let deployment = Deployment::cut_off_after(&work());
    let (bytes, begins) = journal_of(&deployment);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let damaged = |lines: &[&[u8]], line: usize| {
        put(&deployment.journal(), &lines.concat());
        let error = deployment.problem();
        assert_eq!(error.byte(), Some(begins[line]), "{}", told(&error));
        assert!(told(&error).contains("does not fit"), "{}", told(&error));
    };
    for line in 1..lines.len() - 1 {
        let mut fewer = lines.clone();
        fewer.remove(line);
        damaged(&fewer, line);
        let mut swapped = lines.clone();
        swapped.swap(line, line + 1);
        damaged(&swapped, line);
    }
    let mut doubled = lines.clone();
    doubled.insert(2, lines[1]);
    damaged(&doubled, 2);

    let mut merged = lines.clone();
    merged.insert(3, b"<<<<<<< HEAD\n");
    put(&deployment.journal(), &merged.concat());
    let text = told(&deployment.problem());
    assert!(text.contains("marker of a conflict"), "{text}");
}

// What does not belong together

fn journal_problem(deployment: &Deployment) -> (JournalProblem, String) {
    let error = deployment.problem();
    let (text, hint) = (told(&error), error.hint());
    assert!(text.contains("cloud.state.journal"), "{text}");
    assert!(hint.contains("state rebuild"), "{hint}");
    match error.problem {
        LoadProblem::Journal { problem, .. } => (problem, text),
        other => panic!("{other}"),
    }
}

#[test]
fn an_open_journal_that_is_missing_is_an_error() {
    let deployment = Deployment::cut_off_after(&work());
    fs::remove_file(deployment.journal()).unwrap();
    let (problem, text) = journal_problem(&deployment);
    assert!(matches!(problem, JournalProblem::Missing { .. }), "{text}");
    assert!(text.contains("serial 2 of lineage 8a1e5f3c"), "{text}");
}

#[test]
fn a_journal_of_another_state_is_an_error() {
    let deployment = Deployment::cut_off_after(&work());

    // Of another lineage.
    let other = Deployment::new();
    let mut store = other.store();
    store.save(&mut State::new()).unwrap();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    store.append(&work()[0]).unwrap();
    fs::copy(other.journal(), deployment.journal()).unwrap();
    let (problem, text) = journal_problem(&deployment);
    assert!(matches!(problem, JournalProblem::Other { .. }), "{text}");

    // Of another serial.
    let other = Deployment::with_two();
    let mut store = other.store();
    let mut state = store.load().unwrap().unwrap();
    store.save(&mut state).unwrap();
    store.begin(&mut state).unwrap();
    fs::copy(other.journal(), deployment.journal()).unwrap();
    let (_, text) = journal_problem(&deployment);
    assert!(
        text.contains("it goes on from serial 3 of lineage 8a1e5f3c-9f0b-4d83-bb5a-0f6e2f1d7c44, but the state is serial 2"),
        "{text}"
    );

    // Of a state with the same serial on another branch.
    let other = Deployment::with_two();
    let mut store = other.store();
    let mut state = store.load().unwrap().unwrap();
    state.resources.remove(&server("web2"));
    store.begin(&mut state).unwrap();
    fs::copy(other.journal(), deployment.journal()).unwrap();
    let (_, text) = journal_problem(&deployment);
    assert!(text.contains("another content of serial 2"), "{text}");
}

#[test]
fn a_state_put_back_to_before_its_journal_is_an_error() {
    let deployment = Deployment::with_two();
    let older = fs::read(deployment.state_file()).unwrap();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    put(&deployment.state_file(), &older);
    assert_eq!(deployment.load().serial, 1, "nothing was done yet");

    let deployment = Deployment::cut_off_after(&work());
    put(&deployment.state_file(), &older);
    let (problem, text) = journal_problem(&deployment);
    assert!(
        matches!(problem, JournalProblem::Ahead { state: Some(_), .. }),
        "{text}"
    );
    assert!(text.contains("went on from serial 2"), "{text}");

    fs::remove_file(deployment.state_file()).unwrap();
    let (problem, text) = journal_problem(&deployment);
    assert!(
        matches!(problem, JournalProblem::Ahead { state: None, .. }),
        "{text}"
    );
    assert!(text.contains("the state file is gone"), "{text}");
    // Also for a run that did not look first.
    let mut store = deployment.store();
    assert!(store.begin(&mut State::new()).is_err());
    assert!(store.save(&mut State::new()).is_err());
}

#[test]
fn a_journal_of_a_newer_version_is_refused() {
    let deployment = Deployment::cut_off_after(&work());
    let seal = |object: &str| {
        let digest = ring_digest(object.as_bytes());
        format!("{object},\"checksum\":\"{digest}\"}}\n")
    };
    put(
        &deployment.journal(),
        seal(r#"{"format":2,"lineage":"8a1e""#).as_bytes(),
    );
    let error = deployment.problem();
    assert!(told(&error).contains("a newer cloudbuilder wrote it"));
    assert!(error.hint().contains("or a newer one"), "{}", error.hint());
}

/// Worked out apart from the program.
fn ring_digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

// What happens behind a run's back

#[test]
fn a_state_changed_during_a_run_is_not_folded_over() {
    let deployment = Deployment::with_two();
    let older = fs::read(deployment.state_file()).unwrap();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    store.append(&work()[0]).unwrap();
    work()[0]
        .iter()
        .for_each(|entry| state.enter(entry.clone()));
    put(&deployment.state_file(), &older);
    let before = deployment.files();

    let error = store.finish(&mut state).unwrap_err();

    assert!(matches!(error, SaveError::Changed { .. }), "{error}");
    assert_eq!(deployment.files(), before, "and what the run did is kept");
    let (problem, text) = journal_problem(&deployment);
    assert!(matches!(problem, JournalProblem::Ahead { .. }), "{text}");
}

#[test]
fn a_state_checked_out_again_during_a_run_is_the_same() {
    let deployment = Deployment::with_two();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    store.append(&work()[0]).unwrap();
    work()[0]
        .iter()
        .for_each(|entry| state.enter(entry.clone()));
    let same = fs::read(deployment.state_file()).unwrap();
    fs::remove_file(deployment.state_file()).unwrap();
    put(&deployment.state_file(), &same);
    // What the run did is in its memory as well.
    fs::remove_file(deployment.journal()).unwrap();
    store.finish(&mut state).unwrap();
    assert_eq!(deployment.load(), state);
}

#[test]
fn a_journal_changed_after_it_was_read_is_not_folded_over() {
    let deployment = Deployment::cut_off_after(&work());
    let (bytes, begins) = journal_of(&deployment);
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    put(&deployment.journal(), &bytes[..begins[3]]);
    for result in [
        store.begin(&mut state),
        store.save(&mut state),
        store.finish(&mut state),
    ] {
        match result {
            Err(SaveError::Changed { how, .. }) => assert_eq!(how, FileChange::Journal),
            other => panic!("{other:?}"),
        }
    }
    // Copied to and fro.
    put(&deployment.journal(), &bytes);
    store.begin(&mut state).unwrap();
}

#[test]
fn who_looks_during_a_run_sees_a_state_of_it() {
    let deployment = Deployment::with_two();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let (mut looks, mut last) = (0, 0);
            while !over.load(Ordering::Acquire) {
                let state = deployment.store().load();
                let state = state.unwrap_or_else(|error| panic!("{}", told(&error)));
                let serial = state.unwrap().serial;
                assert!(serial >= last, "{serial} after {last}");
                last = serial;
                looks += 1;
            }
            looks
        });
        for _ in 0..15 {
            run(&mut deployment.store(), |_| {}).unwrap();
        }
        over.store(true, Ordering::Release);
        println!("looked {} times", looking.join().unwrap());
    });
}

// File systems that refuse

/// A disk on which so many writes to the journal go well.
#[derive(Debug)]
struct Full(AtomicUsize);

impl Witness for Full {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        let journal = |path: &Path| path.extension().is_some_and(|e| e == "journal");
        match step {
            Step::Write(path, bytes) if journal(path) => {
                if self.0.load(Ordering::Relaxed) > 0 {
                    self.0.fetch_sub(1, Ordering::Relaxed);
                    return Ok(());
                }
                // Half of it still finds room.
                let mut file = File::options().append(true).open(path).unwrap();
                file.write_all(&bytes[..bytes.len() / 2]).unwrap();
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn after_an_append_that_failed_none_is_taken_and_what_happened_is_still_saved() {
    let deployment = Deployment::with_two();
    let mut store = deployment.store().watched_by(Full(1.into()));
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    let work = work();
    store.append(&work[0]).unwrap();
    work[0].iter().for_each(|entry| state.enter(entry.clone()));
    let so_far = content(&state);

    let error = store.append(&work[1]).unwrap_err();
    assert!(error.to_string().contains("cloud.state.journal"), "{error}");
    assert!(error.hint().contains("make room"), "{}", error.hint());
    let torn = fs::read(deployment.journal()).unwrap();
    let error = store.append(&work[2]).unwrap_err();
    assert!(
        told(&error).contains("an earlier entry"),
        "{}",
        told(&error)
    );
    assert_eq!(fs::read(deployment.journal()).unwrap(), torn);
    assert_eq!(content(&deployment.load()), so_far, "if it were killed now");

    work[1].iter().for_each(|entry| state.enter(entry.clone()));
    store.finish(&mut state).unwrap();
    assert_eq!(deployment.load(), state);
    assert!(state.resources.contains_key(&server("db1")));
}

#[test]
fn nothing_is_added_where_no_journal_is_open() {
    let deployment = Deployment::with_two();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    assert!(store.append(&work()[0]).is_err());
    store.append(&[]).unwrap();
    store.begin(&mut state).unwrap();
    store.finish(&mut state).unwrap();
    assert!(store.append(&work()[0]).is_err());
}

#[test]
fn a_journal_that_cannot_be_made_leaves_the_state_as_it_was() {
    let deployment = Deployment::with_two();
    let before = deployment.files();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    fs::create_dir(deployment.journal()).unwrap();
    let error = store.begin(&mut state).unwrap_err();
    assert!(matches!(error, SaveError::Journal { .. }), "{error}");
    assert_eq!(state.serial, 1);
    assert_eq!(deployment.files(), before);
    fs::remove_dir(deployment.journal()).unwrap();
    store.begin(&mut state).unwrap();
}

// Copies

#[test]
fn a_copy_of_a_state_with_a_journal_is_whole_without_it() {
    let deployment = Deployment::cut_off_after(&work());
    let cut_off = deployment.load();
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    store.begin(&mut state).unwrap();
    store.append(&work()[0]).unwrap();
    let newest = store.backups().unwrap().remove(0);
    assert!(newest.ends_with("cloud.state.2.json"), "{newest:?}");

    // The way out that the messages name.
    fs::copy(newest, deployment.state_file()).unwrap();
    let (problem, text) = journal_problem(&deployment);
    assert!(matches!(problem, JournalProblem::Ahead { .. }), "{text}");
    fs::remove_file(deployment.journal()).unwrap();
    assert_eq!(deployment.load(), cut_off);
}

#[test]
fn what_cannot_be_read_is_set_aside_with_its_journal() {
    let deployment = Deployment::cut_off_after(&work());
    let (mut bytes, begins) = journal_of(&deployment);
    bytes[begins[2]] ^= 1;
    put(&deployment.journal(), &bytes);
    let before = deployment.files();
    let mut store = deployment.store();
    store.load().unwrap_err();

    let copy = store.set_aside().unwrap().unwrap();
    let mut rebuilt = State::new();
    store.save(&mut rebuilt).unwrap();

    assert_eq!(deployment.load(), rebuilt);
    assert!(!deployment.journal().exists());
    assert!(copy.ends_with("cloud.state.unreadable.json"), "{copy:?}");
    assert_eq!(fs::read(&copy).unwrap(), before["cloud.state.json"]);
    assert_eq!(
        fs::read(copy.with_extension("journal")).unwrap(),
        before["cloud.state.journal"]
    );

    // Also one without a state.
    let deployment = Deployment::cut_off_after(&work());
    fs::remove_file(deployment.state_file()).unwrap();
    let mut store = deployment.store();
    let copy = store.set_aside().unwrap().unwrap();
    assert!(copy.ends_with("cloud.state.unreadable.journal"), "{copy:?}");
    store.save(&mut rebuilt).unwrap();
    assert_eq!(deployment.load(), rebuilt);
}

// Anything, in any order

#[derive(Clone, Debug)]
enum Act {
    Begin,
    Append(Vec<Entry>),
    Save,
    Finish,
    Reload,
    TornAppend(Vec<Entry>, prop::sample::Index),
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let name = || prop::sample::select(vec!["web1", "web2", "db1", "db2"]);
    let change = || {
        prop_oneof![
            (name(), 0..9_u32).prop_map(|(n, id)| Change::Put(recorded(n, &id.to_string()))),
            name().prop_map(|n| Change::Remove(server(n))),
            Just(Change::Nothing),
        ]
    };
    prop_oneof![
        (0..5_u64, name()).prop_map(|(number, n)| intent(number, Effect::Create, n)),
        (0..5_u64, change()).prop_map(|(number, change)| outcome(number, change)),
        change().prop_map(Entry::Change),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    let entries = || prop::collection::vec(any_entry(), 0..4);
    prop_oneof![
        2 => Just(Act::Begin),
        6 => entries().prop_map(Act::Append),
        1 => Just(Act::Save),
        1 => Just(Act::Finish),
        2 => Just(Act::Reload),
        1 => (entries(), any::<prop::sample::Index>())
            .prop_map(|(entries, cut)| Act::TornAppend(entries, cut)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_done_the_next_run_finds_it(acts in prop::collection::vec(any_act(), 1..24)) {
        let deployment = Deployment::with_two();
        let mut store = deployment.store();
        let mut state = store.load().unwrap().unwrap();
        let mut open = false;
        for act in acts {
            match act {
                Act::Begin => {
                    store.begin(&mut state).unwrap();
                    open = true;
                }
                Act::Append(entries) if open => {
                    store.append(&entries).unwrap();
                    entries.into_iter().for_each(|entry| state.enter(entry));
                }
                Act::Append(entries) => {
                    prop_assert_eq!(store.append(&entries).is_err(), !entries.is_empty());
                }
                Act::Save => {
                    store.save(&mut state).unwrap();
                    open = false;
                }
                Act::Finish => {
                    store.finish(&mut state).unwrap();
                    open = false;
                }
                Act::Reload => {
                    store = deployment.store();
                    state = store.load().unwrap().unwrap();
                    open = false;
                }
                Act::TornAppend(entries, cut) => if open && !entries.is_empty() {
                    let before = fs::read(deployment.journal()).unwrap().len();
                    store.append(&entries).unwrap();
                    let bytes = fs::read(deployment.journal()).unwrap();
                    let kept = before + cut.index(bytes.len() - before);
                    put(&deployment.journal(), &bytes[..kept]);
                    store = deployment.store();
                    prop_assert_eq!(&store.load().unwrap().unwrap(), &state);
                    open = false;
                },
            }
            prop_assert_eq!(&deployment.load(), &state);
        }
    }
}

// What it costs

/// Counts the bytes that are written, and the steps.
#[derive(Clone, Debug, Default)]
struct Effort(Arc<Mutex<(usize, usize)>>);

impl Witness for Effort {
    fn before(&self, step: Step<'_>) -> io::Result<()> {
        let mut effort = self.0.lock().unwrap();
        effort.0 += 1;
        if let Step::Write(_, bytes) = step {
            effort.1 += bytes.len();
        }
        Ok(())
    }
}

fn with_servers(count: usize) -> Deployment {
    let deployment = Deployment::new();
    let mut state = beginning();
    for number in 0..count {
        let put = Change::Put(recorded(&format!("web{number:05}"), &number.to_string()));
        state.enter(Entry::Change(put));
    }
    deployment.store().save(&mut state).unwrap();
    deployment
}

#[test]
fn an_append_costs_the_same_beside_any_number_of_resources() {
    let effort_beside = |count| {
        let deployment = with_servers(count);
        let effort = Effort::default();
        let mut store = deployment.store().watched_by(effort.clone());
        let mut state = store.load().unwrap().unwrap();
        store.begin(&mut state).unwrap();
        *effort.0.lock().unwrap() = (0, 0);
        for entries in work() {
            store.append(&entries).unwrap();
        }
        *effort.0.lock().unwrap()
    };
    let (steps, bytes) = effort_beside(0);
    assert_eq!(steps, 2 * work().len(), "one write and one sync each");
    assert_eq!(effort_beside(2000), (steps, bytes));
}
