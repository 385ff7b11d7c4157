//! Saved plans and checksums: what was approved is carried out, and nothing else is.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::collections::BTreeSet;

use cloudbuilder::sandbox::Options;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::{ANOTHER_KEY, Place};

const SECRET: &str = "a password nobody may see";

fn begin() -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration(|_| {}));
    place.write("motd", "welcome");
    (cloud, place)
}

/// A cloud.json with everything in it, changed in one way.
fn configuration(change: impl FnOnce(&mut Value)) -> String {
    let mut wanted = json!({
        "version": 2,
        "servers": {
            "web": {
                "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "names": ["www.acme.com"],
            },
            "db": {
                "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "files": [
                    {"path": "/etc/secret", "content": SECRET},
                    {"path": "/etc/motd", "file": "motd"},
                ],
            },
        },
    });
    change(&mut wanted);
    format!("{wanted:#}")
}

/// The checksum of a plan with these options.
fn checksum(place: &Place, options: &str) -> String {
    let planned = place.run(&format!("plan --json {options}")).code(0);
    let document: Value = serde_json::from_str(&planned.stdout).expect("a document");
    let checksum = document["checksum"].as_str().expect("a checksum");
    checksum.to_owned()
}

#[test]
fn an_unmoved_world_has_one_checksum() {
    let (_cloud, place) = begin();
    for run in ["plan", "apply -y", "plan"] {
        place.run(run).code(0);
        let first = checksum(&place, "");
        for same in ["", "-j 3", "--settle 90s", "--lock-timeout 1m", "-v"] {
            assert_eq!(checksum(&place, same), first, "{same}");
        }
        // A comment and another layout mean nothing.
        let text = place.text("cloud.json");
        place.write(
            "cloud.json",
            format!("// one\n{}", text.replace('\n', "\n\n")),
        );
        assert_eq!(checksum(&place, ""), first);
        place.write("cloud.json", text);
        let said = place.run("plan --out plan.json").code(0);
        assert!(
            said.stdout.ends_with(&format!("Checksum: {first}\n")),
            "{}",
            said.stdout
        );
        // Unasked for, nobody is bothered with it.
        place.run("plan").code(0).never_says("cb1:");
    }
}

#[test]
fn whatever_is_asked_for_otherwise_has_another_checksum() {
    let (_cloud, mut place) = begin();
    place.run("apply -y").code(0);
    let written: Value = serde_json::from_str(&place.text("cloud.json")).expect("JSON");
    let text = |path: &str, value: Value| {
        let mut changed = written.clone();
        let (parent, key) = path.rsplit_once('/').expect("a path");
        let parent = changed["servers"].pointer_mut(parent).expect("an object");
        parent[key] = value;
        changed.to_string()
    };
    let mut seen = BTreeSet::from([checksum(&place, "")]);
    let mut is_new = |place: &Place, options: &str, what: &str| {
        assert!(
            seen.insert(checksum(place, options)),
            "{what} gives none of its own"
        );
    };
    let changes = [
        ("/web/size", json!("s-1vcpu-2gb")),
        ("/web/image", json!("debian-12-x64")),
        ("/web/backups", json!(true)),
        ("/web/disk", json!("grow")),
        ("/web/protect", json!(true)),
        ("/web/names", json!(["www.acme.com", "acme.com"])),
        ("/web/names", json!([])),
        ("/db/files/0/content", json!("another")),
        ("/db/files/0/path", json!("/etc/another")),
        ("/web/networks/v4", json!([])),
    ];
    for (path, value) in changes {
        place.write("cloud.json", text(path, value));
        is_new(&place, "", path);
    }
    place.write("cloud.json", written.to_string());
    place.write("motd", "go away");
    is_new(&place, "", "a file of this machine");
    place.write("motd", "welcome");
    for options in [
        "--target server.web",
        "--exclude server.web",
        "--max-destroy 7",
        "--no-write-back",
        "--destroy",
        "--destroy --target server.web",
    ] {
        is_new(&place, options, options);
    }
    place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", ANOTHER_KEY);
    is_new(&place, "", "a key");
}

#[test]
fn whatever_moves_has_another_checksum() {
    let (cloud, place) = begin();
    place.run("apply -y").code(0);
    let first = checksum(&place, "");
    // What others do beside it moves nothing.
    cloud.droplet("others", &json!({}));
    cloud.good(
        "POST",
        "/v2/domains/acme.com/records",
        &json!({"type": "A", "name": "others", "data": "203.0.113.9"}),
    );
    assert_eq!(checksum(&place, ""), first);

    let mut seen = BTreeSet::from([first.clone()]);
    let mut is_new = |place: &Place, what: &str| {
        assert!(
            seen.insert(checksum(place, "")),
            "{what} gives none of its own"
        );
    };
    let record = cloud
        .records("acme.com")
        .into_iter()
        .find(|record| record["type"] == "AAAA")
        .expect("a record");
    let path = format!("/v2/domains/acme.com/records/{}", record["id"]);
    let is = record["data"].clone();
    cloud.good(
        "PATCH",
        &path,
        &json!({"type": "AAAA", "data": "2001:db8::9"}),
    );
    is_new(&place, "a record that leads elsewhere");
    cloud.good("PATCH", &path, &json!({"type": "AAAA", "data": is}));
    assert_eq!(checksum(&place, ""), first, "all is as before");
    cloud.act("web", &json!({"type": "rename", "name": "other"}));
    is_new(&place, "a server with another name");
    cloud.act("other", &json!({"type": "rename", "name": "web"}));
    assert_eq!(checksum(&place, ""), first, "all is as before");
    // The state says the same as before, and is another one all the same.
    place.run("state mv server.db server.db2").code(0);
    place.run("state mv server.db2 server.db").code(0);
    is_new(&place, "another version of the state");
    cloud.good("DELETE", &path, &Value::Null);
    is_new(&place, "a record that is gone");
}

#[test]
fn a_saved_plan_holds_no_secret_and_is_carried_out_unasked() {
    let (cloud, place) = begin();
    place
        .run("plan --out plan.json")
        .code(0)
        .says("cloudbuilder apply plan.json");
    let saved = place.text("plan.json");
    assert!(!saved.contains(SECRET), "{saved}");
    assert!(saved.lines().count() > 100, "it is readable");
    let schema = include_str!("../schemas/plan.schema.json");
    let schema = serde_json::from_str(schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let document: Value = serde_json::from_str(&saved).expect("a document");
    let wrong: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| error.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");

    place.run("apply plan.json").code(0).says("Apply complete!");
    assert_eq!(cloud.droplets().len(), 2);
    // What is done cannot be done once more.
    place
        .run("apply plan.json")
        .code(1)
        .one_error("this is not the plan that was approved");
    assert_eq!(cloud.droplets().len(), 2);
}

/// Nothing is changed by an apply that is refused.
fn is_refused(cloud: &Cloud, place: &Place, line: &str, why: &str) {
    let before = (
        cloud.world(),
        place.read("cloud.state.json"),
        place.read("cloud.json"),
    );
    cloud.forget_requests();
    place
        .run(line)
        .code(1)
        .one_error("this is not the plan that was approved")
        .says(why);
    let mut requests = cloud.requests().into_iter();
    assert!(requests.all(|request| request.starts_with("GET ")));
    let after = (
        cloud.world(),
        place.read("cloud.state.json"),
        place.read("cloud.json"),
    );
    assert!(before == after, "something was changed");
}

#[test]
fn what_moved_is_told_and_nothing_is_done() {
    let (cloud, place) = begin();
    place.run("apply -y").code(0);
    let kept = place.text("cloud.json");
    place.write("cloud.json", kept.replace("www.acme.com", "shop.acme.com"));
    let planned = place.run("plan --out plan.json --markdown plan.md").code(0);
    let checksum = planned
        .stdout
        .trim_end()
        .rsplit(' ')
        .next()
        .expect("a word")
        .to_owned();
    assert!(
        place
            .text("plan.md")
            .ends_with(&format!("\nChecksum: `{checksum}`\n"))
    );
    let expect = format!("apply --expect {checksum}");

    place.write("cloud.json", kept.replace("www.acme.com", "mail.acme.com"));
    let why = "not as it was then: cloud.json, a file that it names, or the SSH key";
    is_refused(&cloud, &place, "apply plan.json", why);
    is_refused(&cloud, &place, &expect, why);
    place.write("cloud.json", kept.replace("s-1vcpu-1gb", "nonsense"));
    place
        .run("apply plan.json")
        .code(1)
        .says("note: the plan that was approved is none now");
    place.write("cloud.json", kept.replace("www.acme.com", "mail.acme.com"));
    let shown = place.run("apply plan.json").code(1);
    assert!(
        shown.stderr.contains("\n-  1  + record  shop.acme.com A"),
        "{}",
        shown.stderr
    );
    assert!(
        shown.stderr.contains("\n+  1  + record  mail.acme.com A"),
        "{}",
        shown.stderr
    );

    place.write("cloud.json", kept.replace("www.acme.com", "shop.acme.com"));
    is_refused(
        &cloud,
        &place,
        &format!("{expect} -t server.web"),
        "not as it was then: the options",
    );
    cloud.act("web", &json!({"type": "rename", "name": "other"}));
    is_refused(
        &cloud,
        &place,
        &expect,
        "not as it was then: what the accounts hold",
    );
    is_refused(
        &cloud,
        &place,
        "apply plan.json",
        "not as it was then: what the accounts hold",
    );
    cloud.act("other", &json!({"type": "rename", "name": "web"}));

    // A file that was tampered with was not approved.
    let saved = place.text("plan.json");
    place.write(
        "bad.json",
        saved.replace("\"destroy\": false", "\"destroy\": true"),
    );
    is_refused(
        &cloud,
        &place,
        "apply bad.json",
        "not as it was then: the options",
    );
    // What else is in a file is not lost by a slip.
    place
        .run("plan --out cloud.json")
        .one_error("cloud.json is there already and is no saved plan");
    place.write("bad.json", &saved[..saved.len() / 2]);
    place
        .run("apply bad.json")
        .code(1)
        .one_error("bad.json is no saved plan");
    for option in [
        "-t server.web",
        "--exclude server.web",
        "--max-destroy 9",
        "--no-write-back",
        "--destroy",
        &format!("--expect {checksum}"),
    ] {
        let ran = place.run(&format!("apply plan.json {option}")).code(1);
        assert!(
            ran.stderr.contains("cannot be used with"),
            "{option}: {}",
            ran.stderr
        );
    }

    place
        .run(&expect)
        .code(0)
        .says("2 added, 0 changed, 2 destroyed");
    let why = "not as it was then: the state";
    is_refused(&cloud, &place, &expect, why);
    is_refused(&cloud, &place, "apply plan.json", why);
}

#[test]
fn a_part_and_a_destruction_are_saved_with_their_options() {
    let (cloud, place) = begin();
    place.run("apply -y").code(0);
    place
        .run("plan --destroy -t server.web --out plan.json")
        .code(0);
    place
        .run("apply plan.json")
        .code(0)
        .says("Destroy complete!");
    let left: Vec<Value> = cloud
        .droplets()
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(left, ["db"]);
    // Practice and the real thing are never taken for each other.
    place.run("plan --sandbox --out practice.json").code(0);
    place
        .run("apply practice.json")
        .code(1)
        .one_error("practice.json was made with --sandbox");
    place
        .run("apply practice.json --sandbox")
        .code(0)
        .says("Apply complete!");
}

#[test]
fn a_run_that_was_cut_off_is_recovered_and_the_plan_stays_what_it_was() {
    let (kills, mut killed) = tokio::sync::mpsc::unbounded_channel();
    let cloud = Cloud::start(Options {
        kills: Some(kills),
        ..quick()
    });
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration(|_| {}));
    place.write("motd", "welcome");
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_after"}));
    let running = place.start(None, &["apply", "-y", "-j", "1"]);
    let kill = killed.blocking_recv().expect("the cloud goes on");
    running.signal("KILL");
    running.finish().code(137);
    drop(kill);
    cloud.no_faults();
    place
        .run("plan --out plan.json")
        .code(0)
        .says("the last run was cut off");
    place.run("apply plan.json").code(0).says("Apply complete!");
    place.run("plan").code(0).says("No changes.");
    assert_eq!(cloud.droplets().len(), 2);
}
