//! Servers that are wanted until some time.

use cloudbuilder::model::{Diagnostic, Severity};
use jiff::Timestamp;

use crate::world::World;

fn asking(expires: &str) -> String {
    format!(
        r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small", "image": "deb",
            "names": ["a.acme.com"]{expires}}}}}}}"#
    )
}

/// What is said at that time of a server that was made in the first second of 1970, and which steps
/// there are.
fn at(time: &str, expires: &str) -> (Vec<String>, Vec<String>) {
    let mut world = World::made(&asking("")).asking_for(&asking(expires));
    world.now = time.parse::<Timestamp>().unwrap();
    let plan = world.plan().unwrap();
    let told = plan.notes.iter().filter(|note| note.place.is_some());
    let told = told.map(|note: &Diagnostic| {
        assert_eq!(note.severity, Severity::Warning);
        note.summary.clone()
    });
    let steps = plan.steps.iter().map(|step| step.detail.clone());
    (told.collect(), steps.collect())
}

#[test]
fn it_is_told_from_three_days_before() {
    for (time, left) in [
        ("1970-01-28T23:59:59Z", None),
        ("1970-01-29T00:00:00Z", Some("3 days")),
        ("1970-01-29T00:00:01Z", Some("2 days")),
        ("1970-01-30T00:00:00Z", Some("2 days")),
        ("1970-01-30T00:00:01Z", Some("47 hours")),
        ("1970-01-31T22:00:00Z", Some("2 hours")),
        ("1970-01-31T22:00:01Z", Some("119 minutes")),
        ("1970-01-31T23:59:59Z", Some("a minute")),
    ] {
        let (told, steps) = at(time, r#", "expires": "1970-01-31""#);
        let expected = left.map(|left| format!("server.web expires in {left} (1970-01-31)"));
        assert_eq!(told, Vec::from_iter(expected), "{time}");
        assert_eq!(steps, [""; 0], "{time}");
    }
}

#[test]
fn its_end_is_exact() {
    for (time, expires, when) in [
        ("1970-02-01T00:00:00Z", "1970-01-31", "1970-01-31"),
        ("1970-01-04T00:00:00Z", "72h", "72h after it was made"),
        (
            "2026-01-01T00:00:00Z",
            "1970-01-04T01:00:00+01:00",
            "1970-01-04T01:00:00+01:00",
        ),
    ] {
        let (_, steps) = at(time, &format!(r#", "expires": "{expires}""#));
        let expected = [
            format!("→ 10.0.0.2 · web expired {when}"),
            format!("→ 2001:db8::2 · web expired {when}"),
            format!("with its disk · expired {when}"),
        ];
        // The key goes with the last server of its account, as ever.
        assert_eq!(steps[..3], expected, "{expires}");
    }
    let (told, steps) = at("1970-01-03T23:59:59.999Z", r#", "expires": "72h""#);
    assert_eq!(
        told,
        ["server.web expires in a minute (72h after it was made)"]
    );
    assert_eq!(steps, [""; 0]);
}

#[test]
fn what_is_not_made_has_not_begun() {
    let mut world = World::new(&asking(r#", "expires": "72h""#));
    world.now = "2026-01-01T00:00:00Z".parse().unwrap();
    let plan = world.plan().unwrap();
    assert_eq!(plan.counts().add, 4, "{plan:#?}");
    let mut world = World::new(&asking(r#", "expires": "2025-12-31""#));
    world.now = "2026-01-01T00:00:00Z".parse().unwrap();
    let plan = world.plan().unwrap();
    assert_eq!(plan.actions, []);
    let notes: Vec<&str> = plan
        .notes
        .iter()
        .map(|note| note.summary.as_str())
        .collect();
    assert_eq!(notes, ["server.web is not made: expired 2025-12-31"]);
}

#[test]
fn what_is_to_keep_it_is_applied_first() {
    let more = r#", "expires": "1970-01-31", "protect": true"#;
    let mut world = World::made(&asking("")).asking_for(&asking(more));
    world.now = "1970-03-01T00:00:00Z".parse().unwrap();
    let plan = world.plan().unwrap();
    let steps: Vec<&str> = plan.steps.iter().map(|step| &*step.detail).collect();
    assert_eq!(steps, ["protected from now on"]);
    let told = plan.notes.iter().map(|note| &*note.summary);
    let told: Vec<&str> = told.collect();
    assert_eq!(told, ["server.web stays for now: expired 1970-01-31"]);
    world.carry_out(&plan.steps[0]);
    // It is protected now, and that is all that can be done.
    let Err(refused) = world.plan() else {
        panic!("it is deleted");
    };
    assert_eq!(refused[0].summary, "server.web is protected");
}
