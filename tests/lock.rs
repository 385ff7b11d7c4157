//! Locks that are not given back: by processes that were killed, and on other machines.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use cloudbuilder::state::lock::{self, Standing};
use cloudbuilder::state::{Lock, LockError};
use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::Place;

const WEB: &str = r#"{
  "web": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"}
}
"#;

/// What a run on another machine has written into its lock.
const ELSEWHERE: &str = r#"{"operation":"apply","user":"fredy","host":"build7.example","pid":7,"since":"2026-10-05T09:30:00Z","started":1,"boot":"another"}"#;
const WHO: &str = "apply by fredy on build7.example, pid 7, since 2026-10-05T09:30:00Z";

/// A directory with a lock file that says this.
fn locked(text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    put(directory.path(), text);
    directory
}

fn put(directory: &Path, text: &str) {
    let mut file = File::create(directory.join("lock")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn text_of(directory: &Path) -> String {
    fs::read_to_string(directory.join("lock")).unwrap()
}

/// The holder that this process would be, with something changed.
fn this_process_but(changes: &Value) -> String {
    let directory = tempfile::tempdir().unwrap();
    let _lock = Lock::try_acquire(directory.path(), "apply").unwrap();
    let mut holder: Value = serde_json::from_str(&text_of(directory.path())).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        holder[name] = value.clone();
    }
    holder.to_string()
}

#[test]
fn what_another_machine_has_not_given_back_is_not_taken() {
    let directory = locked(ELSEWHERE);
    let error = Lock::try_acquire(directory.path(), "apply").unwrap_err();
    assert!(matches!(error, LockError::Elsewhere { .. }), "{error}");
    assert!(error.to_string().ends_with(WHO), "{error}");
    assert!(error.hint().contains("cloudbuilder unlock"));
    assert_eq!(text_of(directory.path()), ELSEWHERE);

    let Standing::Elsewhere(holder) = lock::standing(directory.path()).unwrap() else {
        panic!("it is elsewhere");
    };
    assert_eq!(holder.to_string(), WHO);
    lock::release(directory.path(), &holder).unwrap();
    assert_eq!(lock::standing(directory.path()).unwrap(), Standing::Free);
    let lock = Lock::try_acquire(directory.path(), "apply").unwrap();
    assert_eq!(lock.took_over(), None);
}

#[test]
fn waiting_for_another_machine_ends_when_it_gives_it_back() {
    let directory = locked(ELSEWHERE);
    let path = directory.path();
    let waited = Lock::acquire(path, "apply", Duration::from_millis(1));
    assert!(matches!(waited, Err(LockError::Elsewhere { .. })));
    thread::scope(|scope| {
        let waiting =
            scope.spawn(|| Lock::acquire(path, "apply", Duration::from_secs(600)).map(drop));
        thread::sleep(lock::POLL * 2);
        put(path, "");
        waiting.join().unwrap().unwrap();
    });
}

/// A machine that was started anew has its name still; a container has the machine's kernel. In
/// both, the kernel's own lock has told already that the holder is gone.
#[cfg(target_os = "linux")]
#[test]
fn what_is_left_on_this_machine_is_taken_over() {
    for (what, changes) in [
        ("started anew", json!({"boot": "before"})),
        ("in a container", json!({"host": "3f2a9c"})),
        ("by an older version", json!({"boot": null})),
    ] {
        let directory = locked(&this_process_but(&changes));
        let standing = lock::standing(directory.path()).unwrap();
        assert!(
            matches!(standing, Standing::Left(_)),
            "{what}: {standing:?}"
        );
        let lock = Lock::try_acquire(directory.path(), "apply").unwrap();
        assert!(lock.took_over().is_some(), "{what}");
    }
}

#[test]
fn a_lock_that_was_released_under_its_holder_is_not_given_back_twice() {
    let directory = tempfile::tempdir().unwrap();
    let lock = Lock::try_acquire(directory.path(), "apply").unwrap();
    // Released on another machine, and taken there.
    put(directory.path(), ELSEWHERE);
    drop(lock);
    assert_eq!(text_of(directory.path()), ELSEWHERE);
}

#[test]
fn only_the_holder_that_was_meant_loses_its_lock() {
    let directory = locked(ELSEWHERE);
    let Standing::Elsewhere(holder) = lock::standing(directory.path()).unwrap() else {
        panic!("it is elsewhere");
    };
    // Given back, and taken by another.
    let other = ELSEWHERE.replace("\"pid\":7", "\"pid\":8");
    put(directory.path(), &other);
    let refused = lock::release(directory.path(), &holder).unwrap_err();
    assert!(refused.to_string().contains("pid 8"), "{refused}");
    assert_eq!(text_of(directory.path()), other);

    put(directory.path(), "");
    lock::release(directory.path(), &holder).unwrap();
    let lock = Lock::try_acquire(directory.path(), "apply").unwrap();
    lock::release(directory.path(), &holder).unwrap_err();
    drop(lock);
    fs::remove_file(directory.path().join("lock")).unwrap();
    lock::release(directory.path(), &holder).unwrap();
}

fn begin() -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write("cloud.json", WEB);
    (cloud, place)
}

fn lock_elsewhere(place: &Place) {
    fs::create_dir_all(place.path(".cloudbuilder")).expect("a directory");
    place.write(".cloudbuilder/lock", ELSEWHERE);
}

#[test]
fn unlock_releases_what_another_machine_left() {
    let (_cloud, place) = begin();
    for again in [
        "unlock -f",
        "unlock -y",
        "unlock -force",
        "unlock --auto-approve",
    ] {
        lock_elsewhere(&place);
        place
            .run("apply -y")
            .one_error("the lock has not been given back")
            .says(WHO)
            .says("cloudbuilder unlock");
        place.run("plan").code(0).says("a run is at work here");
        let unasked = place.run("unlock").one_error("unlock cannot ask");
        assert!(unasked.says(WHO).stderr.contains("add -f"));
        let released = place.run(again).code(0);
        assert!(released.stdout.contains(WHO), "{released}");
    }
    place.run("apply -y").code(0).never_says("good order");
}

#[test]
fn unlock_asks() {
    let (_cloud, place) = begin();
    lock_elsewhere(&place);
    for (answer, code) in [("no", 1), ("yes", 0)] {
        let mut session = place.at_terminal(120, "unlock");
        session.until(WHO);
        session.until("Enter a value: ");
        session.enter(answer);
        session.end().code(code);
        let locked = place.text(".cloudbuilder/lock") == ELSEWHERE;
        assert_eq!(locked, answer == "no");
    }
}

#[test]
fn unlock_of_nothing_says_so_and_makes_nothing() {
    let (_cloud, place) = begin();
    let before = place.files();
    for line in ["unlock", "unlock -f", "unlock --sandbox"] {
        let ran = place.run(line).code(0);
        assert_eq!(ran.stdout, "Nothing is locked here.\n");
    }
    assert_eq!(place.files(), before);
    place.run("apply -y").code(0);
    let ran = place.run("unlock").code(0);
    assert_eq!(ran.stdout, "Nothing is locked here.\n");
}

#[test]
fn unlock_leaves_a_run_at_work_alone() {
    let (cloud, place) = begin();
    cloud.fault(&json!({"method": "GET", "path": "/v2/droplets/{id}", "kind": "refuse"}));
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("it boots");
    place
        .run("unlock -f")
        .one_error("the lock is in use")
        .says("apply by ");
    place.run("apply -y").one_error("another run is at work");

    // Killed, it needs no unlocking; who does it all the same is told so.
    running.signal("KILL");
    running.finish().code(137);
    let ran = place.run("unlock").code(0);
    assert!(ran.stdout.contains("that run is gone"), "{ran}");
    cloud.no_faults();
    place.run("apply -y").code(0).never_says("good order");
    assert_eq!(cloud.droplets().len(), 1);
}
