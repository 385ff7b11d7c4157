//! The state's file and lock, as the rest of the program uses them: on a real file system, and
//! with real second processes where one is needed.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "the functions that tests share are tests too"
)]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cloudbuilder::file;
use cloudbuilder::model::{Address, Origin, Recorded};
use cloudbuilder::state::{
    self, FileChange, LoadError, LoadProblem, Lock, LockError, SaveError, State, Store, lock,
    prepare_private_dir,
};

/// A deployment's directory, gone after the test.
struct Deployment(tempfile::TempDir);

impl Deployment {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state_file(&self) -> PathBuf {
        self.at("cloud.state.json")
    }

    fn private_dir(&self) -> PathBuf {
        self.at(".cloudbuilder")
    }

    /// The store as a new run has it.
    fn store(&self) -> Store {
        Store::new(self.state_file(), self.private_dir())
    }

    /// A run that saves `saves` times.
    fn run(&self, saves: usize) -> State {
        let mut store = self.store();
        let mut state = store.load().unwrap().unwrap_or_default();
        for _ in 0..saves {
            store.save(&mut state).unwrap();
        }
        assert!(store.backup_error().is_none());
        state
    }

    fn backup_names(&self) -> Vec<String> {
        let backups = self.store().backups().unwrap();
        backups.iter().map(|path| name_of(path)).collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries
            .map(|entry| name_of(&entry.unwrap().path()))
            .collect()
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn put(path: &Path, text: &str) {
    file::replace(path, text.as_bytes(), Some(0o644)).unwrap();
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

fn record(state: &mut State, name: &str) {
    let recorded = Recorded {
        address: Address::new("server", name),
        account: "default".to_owned(),
        id: format!("id-of-{name}"),
        origin: Origin::Created,
        ready: true,
        attributes: [("size".to_owned(), "s-1vcpu-1gb".into())].into(),
        refers_to: vec![Address::new("ssh_key", "default")],
        recorded_at: "2026-10-05T09:30:00Z".parse().unwrap(),
    };
    state.resources.insert(recorded.address.clone(), recorded);
}

fn load_error(store: &Store) -> LoadError {
    store.load().unwrap_err()
}

// The file

#[test]
fn no_file_is_no_state() {
    let deployment = Deployment::new();
    assert_eq!(deployment.store().load().unwrap(), None);
    assert!(deployment.names().is_empty(), "loading makes nothing");
}

#[test]
fn every_save_is_the_next_serial_and_is_read_back() {
    let deployment = Deployment::new();
    let mut store = deployment.store();
    let mut state = State::new();
    for serial in 1..=3 {
        record(&mut state, &format!("web{serial}"));
        store.save(&mut state).unwrap();
        assert_eq!(state.serial, serial);
        assert_eq!(deployment.store().load().unwrap().as_ref(), Some(&state));
    }
    assert_eq!(
        deployment.names(),
        ["cloud.state.json"],
        "nothing is left behind"
    );
}

#[test]
fn a_wider_mode_is_narrowed() {
    let deployment = Deployment::new();
    deployment.run(1);
    assert_eq!(mode(&deployment.state_file()), 0o600);
    fs::set_permissions(deployment.state_file(), fs::Permissions::from_mode(0o664)).unwrap();
    deployment.run(1);
    assert_eq!(mode(&deployment.state_file()), 0o600);
}

#[test]
fn a_linked_state_file_stays_a_link() {
    let deployment = Deployment::new();
    fs::create_dir(deployment.at("shared")).unwrap();
    let target = deployment.at("shared/acme.json");
    deployment.run(1);
    fs::rename(deployment.state_file(), &target).unwrap();
    symlink("shared/acme.json", deployment.state_file()).unwrap();

    let state = deployment.run(2);

    assert!(deployment.state_file().is_symlink());
    assert!(!target.is_symlink());
    assert_eq!(state.serial, 3);
    assert_eq!(deployment.store().load().unwrap(), Some(state));
}

#[test]
fn a_link_to_nothing_is_not_a_beginning() {
    let deployment = Deployment::new();
    symlink("/nowhere/acme.json", deployment.state_file()).unwrap();
    let mut store = deployment.store();
    let error = load_error(&store);
    assert!(matches!(error.problem, LoadProblem::DanglingLink { .. }));
    assert!(
        told(&error).ends_with("it is a symbolic link to /nowhere/acme.json, which does not exist"),
        "{}",
        told(&error)
    );
    store.save(&mut State::new()).unwrap_err();
    assert!(deployment.state_file().is_symlink());
}

#[test]
fn a_damaged_state_is_an_error_with_place_and_way_out() {
    let deployment = Deployment::new();
    for _ in 0..3 {
        deployment.run(1);
    }
    let whole = fs::read_to_string(deployment.state_file()).unwrap();
    put(&deployment.state_file(), &whole[..100]);

    let mut store = deployment.store();
    let error = load_error(&store);

    assert_eq!(error.byte(), Some(100));
    assert_eq!(
        told(&error),
        format!(
            "cannot use the state file {}: it ends in the middle, at byte 100: the rest is missing",
            deployment.state_file().display()
        )
    );
    let backups = deployment.private_dir().join("backups");
    assert_eq!(
        error.hint(),
        format!(
            "take the last good version from git, or copy the newest backup over it, \
             {0}/cloud.state.2.json (older: {0}/cloud.state.1.json), or let `cloudbuilder state \
             rebuild` make it anew from what the account holds",
            backups.display()
        )
    );

    // Who goes on nevertheless does not get far.
    assert_eq!(refusal(store.save(&mut State::new())), FileChange::Unread);
    assert_eq!(
        fs::read_to_string(deployment.state_file()).unwrap(),
        whole[..100]
    );
}

#[test]
fn an_empty_file_is_an_error_too() {
    let deployment = Deployment::new();
    put(&deployment.state_file(), "");
    let error = load_error(&deployment.store());
    assert!(told(&error).contains("it is empty"), "{}", told(&error));
    assert!(error.hint().contains("there is no backup"));
}

#[test]
fn a_directory_in_its_place_is_an_error() {
    let deployment = Deployment::new();
    fs::create_dir(deployment.state_file()).unwrap();
    let error = load_error(&deployment.store());
    assert!(matches!(error.problem, LoadProblem::Read(_)), "{error:?}");
}

#[test]
fn a_rebuilt_state_replaces_a_damaged_one_of_which_a_copy_stays() {
    let deployment = Deployment::new();
    put(&deployment.state_file(), "{\"format\": 1, oops");
    let mut store = deployment.store();
    load_error(&store);

    let copy = store.set_aside().unwrap().unwrap();
    assert_eq!(name_of(&copy), "cloud.state.unreadable.json");
    let mut rebuilt = State::new();
    store.save(&mut rebuilt).unwrap();

    assert_eq!(deployment.store().load().unwrap(), Some(rebuilt));
    assert_eq!(fs::read_to_string(copy).unwrap(), "{\"format\": 1, oops");
    assert!(deployment.backup_names().is_empty(), "no way back to that");
}

#[test]
fn what_was_set_aside_must_still_be_that() {
    let deployment = Deployment::new();
    put(&deployment.state_file(), "damaged");
    let mut store = deployment.store();
    store.set_aside().unwrap();
    put(&deployment.state_file(), "put right by somebody");
    assert_eq!(
        refusal(store.save(&mut State::new())),
        FileChange::Altered(None)
    );
}

// Backups

#[test]
fn the_first_save_of_a_run_keeps_the_version_before() {
    let deployment = Deployment::new();
    deployment.run(3);
    assert!(
        deployment.backup_names().is_empty(),
        "there was none before"
    );
    let before = fs::read(deployment.state_file()).unwrap();
    deployment.run(3);

    assert_eq!(deployment.backup_names(), ["cloud.state.3.json"]);
    let backup = deployment.private_dir().join("backups/cloud.state.3.json");
    assert_eq!(fs::read(&backup).unwrap(), before);
    assert_eq!(mode(&backup), 0o600);
    let restored = Store::new(backup, deployment.private_dir());
    assert_eq!(restored.load().unwrap().unwrap().serial, 3);
}

#[test]
fn the_last_ten_are_kept() {
    let deployment = Deployment::new();
    for _ in 0..13 {
        deployment.run(1);
    }
    let expected: Vec<_> = (3..=12)
        .rev()
        .map(|serial| format!("cloud.state.{serial}.json"))
        .collect();
    assert_eq!(deployment.backup_names(), expected);
}

#[test]
fn two_versions_with_one_serial_are_both_kept() {
    let deployment = Deployment::new();
    for _branch in 0..2 {
        deployment.run(1);
        deployment.run(1);
        fs::remove_file(deployment.state_file()).unwrap();
    }
    let mut names = deployment.backup_names();
    names.sort();
    assert_eq!(names, ["cloud.state.1-2.json", "cloud.state.1.json"]);
}

#[test]
fn a_backup_can_be_made_before_anything_is_changed() {
    let deployment = Deployment::new();
    deployment.run(1);
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    let made = store.back_up().unwrap().unwrap();
    assert_eq!(name_of(&made), "cloud.state.1.json");
    assert_eq!(store.back_up().unwrap(), None, "once a run");
    store.save(&mut state).unwrap();
    assert_eq!(deployment.backup_names().len(), 1);
}

#[test]
fn a_state_is_saved_even_if_no_backup_can_be() {
    let deployment = Deployment::new();
    deployment.run(1);
    prepare_private_dir(&deployment.private_dir()).unwrap();
    put(&deployment.private_dir().join("backups"), "in the way");
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();

    store.save(&mut state).unwrap();

    assert_eq!(deployment.store().load().unwrap().unwrap().serial, 2);
    let error = store.backup_error().unwrap();
    assert!(
        error.to_string().starts_with("cannot keep a copy"),
        "{error}"
    );
}

// Other writers

/// A run that has loaded serial 1, something that happens meanwhile, and its attempt to save.
fn meanwhile(happens: impl FnOnce(&Deployment)) -> (Deployment, Result<(), SaveError>) {
    let deployment = Deployment::new();
    deployment.run(1);
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    happens(&deployment);
    let before = fs::read(deployment.state_file()).ok();
    let saved = store.save(&mut state);
    match &saved {
        Ok(()) => assert_eq!(state.serial, 2),
        Err(_) => {
            assert_eq!(state.serial, 1, "a refused save counts nothing");
            assert_eq!(fs::read(deployment.state_file()).ok(), before);
        }
    }
    (deployment, saved)
}

fn refusal(saved: Result<(), SaveError>) -> FileChange {
    match saved.unwrap_err() {
        SaveError::Changed { how, .. } => how,
        other => panic!("{other}"),
    }
}

#[test]
fn a_state_that_another_run_saved_is_not_overwritten() {
    let mut lineage = String::new();
    let (deployment, saved) = meanwhile(|deployment| lineage = deployment.run(1).lineage);
    assert_eq!(
        told(&saved.unwrap_err()),
        format!(
            "the state file {} was not saved, because something else changed it during this run, \
             to serial 2 of lineage {lineage}",
            deployment.state_file().display()
        )
    );
}

#[test]
fn another_content_under_the_same_serial_is_not_overwritten() {
    let (_, saved) = meanwhile(|deployment| {
        let mut other = deployment.store().load().unwrap().unwrap();
        record(&mut other, "from-another-branch");
        let bytes = state::format::encode(&other).unwrap().bytes;
        file::replace(&deployment.state_file(), &bytes, None).unwrap();
    });
    assert!(matches!(refusal(saved), FileChange::Altered(Some(_))));
}

#[test]
fn an_edit_in_place_is_not_overwritten() {
    let (_, saved) = meanwhile(|deployment| {
        let mut file = File::options()
            .append(true)
            .open(deployment.state_file())
            .unwrap();
        file.write_all(b"}").unwrap();
    });
    assert_eq!(refusal(saved), FileChange::Altered(None));
}

#[test]
fn a_state_file_that_disappeared_is_not_made_again() {
    let (_, saved) = meanwhile(|deployment| fs::remove_file(deployment.state_file()).unwrap());
    assert_eq!(refusal(saved), FileChange::Disappeared);
}

#[test]
fn the_same_content_in_a_new_file_is_no_change() {
    let (_, saved) = meanwhile(|deployment| {
        let text = fs::read_to_string(deployment.state_file()).unwrap();
        put(&deployment.state_file(), &text.replace('\n', "\r\n"));
    });
    saved.unwrap();
}

#[test]
fn a_state_file_that_appeared_is_not_overwritten() {
    let deployment = Deployment::new();
    let mut store = deployment.store();
    assert_eq!(store.load().unwrap(), None);
    deployment.run(1);
    assert_eq!(refusal(store.save(&mut State::new())), FileChange::Appeared);
}

#[test]
fn only_the_version_in_the_file_has_a_successor() {
    let deployment = Deployment::new();
    deployment.run(1);
    let mut store = deployment.store();
    let mut state = store.load().unwrap().unwrap();
    let mut old = state.clone();
    store.save(&mut state).unwrap();
    for wrong in [&mut old, &mut State::new()] {
        let error = store.save(wrong).unwrap_err();
        assert!(matches!(error, SaveError::OtherState { .. }), "{error}");
    }
    store.save(&mut state).unwrap();
}

// File systems that refuse

#[test]
fn a_directory_that_cannot_hold_it_is_named() {
    let deployment = Deployment::new();
    put(&deployment.at("file"), "");
    for directory in ["missing", "file"] {
        let path = deployment.at(directory).join("cloud.state.json");
        let mut store = Store::new(path.clone(), deployment.private_dir());
        let mut state = State::new();
        let error = store.save(&mut state).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot save the state file {}; no version of it was saved yet",
                path.display()
            )
        );
        assert!(error.source().is_some());
        assert_eq!(
            error.hint(),
            format!(
                "make {} a directory, then run the command again",
                deployment.at(directory).display()
            )
        );
        assert_eq!(state.serial, 0);
    }
}

/// Names the deployment's directory to a child process, which is this program again.
const CHILD: &str = "CLOUDBUILDER_TEST_CHILD";

/// The limit on file sizes stands in for a full disk: both fail in the middle of writing.
#[test]
fn a_disk_that_fills_up_leaves_the_old_state_whole() {
    let deployment = Deployment::new();
    let old = deployment.run(1);
    let before = fs::read(deployment.state_file()).unwrap();
    let output = Command::new("sh")
        .arg("-c")
        .arg(r#"trap "" XFSZ; ulimit -f 8; exec "$0" "$@""#)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_fills_the_disk", "--nocapture"])
        .env(CHILD, deployment.0.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("the disk was full"), "{output:?}");
    assert_eq!(fs::read(deployment.state_file()).unwrap(), before);
    assert_eq!(deployment.store().load().unwrap(), Some(old));
    let mut names = deployment.names();
    names.sort();
    assert_eq!(names, [".cloudbuilder", "cloud.state.json"]);
}

/// Not a test of its own: what a child process does for the test above.
#[test]
fn child_fills_the_disk() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let mut store = Store::new(
        directory.join("cloud.state.json"),
        directory.join(".cloudbuilder"),
    );
    let mut state = store.load().unwrap().unwrap();
    for number in 0..100 {
        record(&mut state, &format!("web{number}"));
    }
    for _ in 0..2 {
        let error = store.save(&mut state).unwrap_err();
        assert_eq!(state.serial, 1);
        assert!(
            error
                .to_string()
                .ends_with("the version before, serial 1, is whole"),
            "{error}"
        );
        assert!(error.hint().contains("ulimit -f"), "{}", error.hint());
    }
    println!("the disk was full");
}

// The private directory

#[test]
fn the_private_directory_is_private_and_unknown_to_git() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    prepare_private_dir(&directory).unwrap();
    assert_eq!(mode(&directory), 0o700);
    let ignore = directory.join(".gitignore");
    assert_eq!(fs::read_to_string(&ignore).unwrap(), "*\n");

    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    put(&ignore, "*\n# mine\n");
    prepare_private_dir(&directory).unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(fs::read_to_string(&ignore).unwrap(), "*\n# mine\n");

    put(&deployment.at("file"), "");
    prepare_private_dir(&deployment.at("file")).unwrap_err();
}

// The lock

fn busy(error: &LockError) -> String {
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
    assert!(error.hint().contains("--lock-timeout"));
    error.to_string()
}

#[test]
fn one_has_the_lock_and_the_others_read_who() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    let first = Lock::try_acquire(&directory, "apply").unwrap();
    assert_eq!(first.took_over(), None);
    assert_eq!(mode(&directory.join("lock")), 0o600);
    let holder = lock::holder(&directory).unwrap();
    assert_eq!(holder.operation, "apply");
    assert_eq!(holder.pid, std::process::id());
    assert!(!holder.host.is_empty() && !holder.user.is_empty());

    let text = busy(&Lock::try_acquire(&directory, "destroy").unwrap_err());
    assert_eq!(
        text,
        format!(
            "another run has the lock: apply by {} on {}, pid {}, since {}",
            holder.user, holder.host, holder.pid, holder.since
        )
    );

    drop(first);
    assert_eq!(lock::holder(&directory), None);
    let second = Lock::try_acquire(&directory, "destroy").unwrap();
    assert_eq!(second.took_over(), None, "the first one ended orderly");
}

#[test]
fn waiting_ends_with_the_lock_or_with_its_holder() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    let held = Lock::try_acquire(&directory, "apply").unwrap();
    busy(&Lock::acquire(&directory, "apply", Duration::from_millis(1)).unwrap_err());

    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| Lock::acquire(&directory, "apply", Duration::from_secs(600)).map(drop));
        thread::sleep(lock::POLL * 2);
        drop(held);
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn no_two_ever_have_it() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    let inside = AtomicUsize::new(0);
    let times = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while times.load(Ordering::SeqCst) < 50 {
                    let Ok(lock) = Lock::try_acquire(&directory, "apply") else {
                        continue;
                    };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    times.fetch_add(1, Ordering::SeqCst);
                    drop(lock);
                }
            });
        }
    });
}

#[test]
fn looking_disturbs_nobody() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    assert_eq!(lock::holder(&directory), None);
    assert!(deployment.names().is_empty(), "looking makes nothing");
    let done = AtomicBool::new(false);
    let begin = Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                begin.wait();
                while !done.load(Ordering::Relaxed) {
                    let _ = lock::holder(&directory);
                }
            });
        }
        begin.wait();
        let all: Result<Vec<_>, _> = (0..2000)
            .map(|_| Lock::try_acquire(&directory, "apply").map(drop))
            .collect();
        done.store(true, Ordering::Relaxed);
        all.unwrap();
    });
}

/// Another process that has the lock until it is killed or its standard input ends.
fn holding(deployment: &Deployment) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_holds_the_lock", "--nocapture"])
        .env(CHILD, deployment.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("locked")),
        "the child ended without the lock"
    );
    child
}

/// Not a test of its own: what a child process does for the tests below.
#[test]
fn child_holds_the_lock() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let lock = Lock::try_acquire(&directory.join(".cloudbuilder"), "apply").unwrap();
    println!("locked");
    let _ = std::io::stdin().read(&mut [0]);
    drop(lock);
    // The parent reads no further, so printing the result would fail.
    std::process::abort();
}

#[test]
fn a_killed_holder_is_taken_over_from() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    let mut child = holding(&deployment);
    let text = busy(&Lock::try_acquire(&directory, "apply").unwrap_err());
    assert!(text.contains(&format!("pid {}", child.id())), "{text}");
    assert_eq!(lock::holder(&directory).unwrap().pid, child.id());

    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(lock::holder(&directory), None, "it is known to be dead");
    let lock = Lock::try_acquire(&directory, "apply").unwrap();
    assert_eq!(lock.took_over().unwrap().pid, child.id());
    assert_eq!(lock::holder(&directory).unwrap().pid, std::process::id());
    drop(lock);
    let lock = Lock::try_acquire(&directory, "apply").unwrap();
    assert_eq!(lock.took_over(), None, "told once");
}

#[test]
fn a_holder_that_ends_orderly_leaves_nothing_to_take_over() {
    let deployment = Deployment::new();
    let mut child = holding(&deployment);
    drop(child.stdin.take());
    child.wait().unwrap();
    let lock = Lock::try_acquire(&deployment.private_dir(), "apply").unwrap();
    assert_eq!(lock.took_over(), None);
}

#[test]
fn a_holder_elsewhere_is_named_because_nobody_can_tell() {
    let deployment = Deployment::new();
    prepare_private_dir(&deployment.private_dir()).unwrap();
    put(
        &deployment.private_dir().join("lock"),
        r#"{"operation":"apply","user":"fredy","host":"elsewhere.example","pid":1,"since":"2026-10-05T09:30:00Z","started":1}"#,
    );
    let holder = lock::holder(&deployment.private_dir()).unwrap();
    assert_eq!(
        holder.to_string(),
        "apply by fredy on elsewhere.example, pid 1, since 2026-10-05T09:30:00Z"
    );
}

#[test]
fn the_text_of_a_lock_file_steers_no_terminal() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    prepare_private_dir(&directory).unwrap();
    let path = directory.join("lock");
    put(
        &path,
        r#"{"operation":"apply\u001b[2J","user":"a\nb","host":"c\rd","pid":7,"since":"2026-10-05T09:30:00Z"}"#,
    );
    let raw = File::open(&path).unwrap();
    raw.lock().unwrap();
    assert_eq!(
        busy(&Lock::try_acquire(&directory, "apply").unwrap_err()),
        "another run has the lock: apply\\u{1b}[2J by a\\nb on c\\rd, pid 7, since 2026-10-05T09:30:00Z"
    );
}

#[test]
fn half_a_holder_is_nobody() {
    let deployment = Deployment::new();
    let directory = deployment.private_dir();
    prepare_private_dir(&directory).unwrap();
    put(&directory.join("lock"), "{\"operation\": \"app");
    assert_eq!(lock::holder(&directory), None);
    let lock = Lock::try_acquire(&directory, "apply").unwrap();
    assert_eq!(lock.took_over(), None);
    assert_eq!(lock::holder(&directory).unwrap().operation, "apply");
}

#[test]
fn a_place_without_room_for_a_lock_is_named() {
    let deployment = Deployment::new();
    put(&deployment.at("file"), "");
    let error = Lock::try_acquire(&deployment.at("file/.cloudbuilder"), "apply").unwrap_err();
    assert!(
        error.to_string().starts_with("cannot make the directory "),
        "{error}"
    );
    let file = deployment.at("file").display().to_string();
    assert!(error.hint().contains(&file), "{}", error.hint());
}
