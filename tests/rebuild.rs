//! `state rebuild`: a lost state is made again from the account, and nothing worth more is lost
//! over it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use cloudbuilder::state::Lock;
use serde_json::{Value, json};

use support::cloud::{Cloud, quick, text};
use support::program::Place;

const WEB: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]
  }
}
"#;

const TWO: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]
  },
  "db": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["db.acme.com"]
  }
}
"#;

/// A well-formed lineage that nothing carries.
const TYPO: &str = "00000000-0000-4000-8000-000000000001";

fn begin(configuration: &str) -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place)
}

fn lineage(place: &Place) -> String {
    let state: Value = serde_json::from_slice(&place.read("cloud.state.json")).expect("JSON");
    text(&state["lineage"]).to_owned()
}

/// Makes Droplets with a mark, and gives the mark.
fn marked(cloud: &Cloud, names: &[&str]) -> &'static str {
    const MARK: &str = "00000000-0000-4000-8000-0000000000aa";
    for name in names {
        cloud.droplet(name, &json!({"tags": [format!("cloudbuilder:{MARK}")]}));
    }
    MARK
}

#[test]
fn a_lineage_is_a_uuid() {
    let (cloud, place) = begin(WEB);
    cloud.forget_requests();
    for wrong in ["typo", "typo&x=1", "../../v2/account"] {
        place
            .run(&format!("state rebuild --lineage {wrong}"))
            .code(1)
            .says("--lineage <UUID>");
    }
    assert_eq!(cloud.requests(), Vec::<String>::new());
}

#[test]
fn a_whole_state_gives_way_to_its_own_lineage_only() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    let state = place.read("cloud.state.json");
    let own = lineage(&place);
    let other = marked(&cloud, &["theirs"]);
    for line in [
        "state rebuild".to_owned(),
        format!("state rebuild --lineage {TYPO}"),
        format!("state rebuild --lineage {other}"),
    ] {
        let ran = place.run(&line).one_error("the state is whole");
        assert!(ran.stderr.contains(&format!("--lineage {own}")), "{ran}");
        assert_eq!(place.read("cloud.state.json"), state, "{line}");
    }
    place
        .run(&format!("state rebuild --lineage {}", own.to_uppercase()))
        .code(0)
        .says(&format!(
            "Rebuilt the state of {own}: 1 ssh_key, 1 server, 2 records."
        ))
        .says("it records 1 ssh_key, 1 server, 1 domain, 2 records.");
}

#[test]
fn a_lineage_that_nothing_carries_is_refused() {
    let (cloud, place) = begin(WEB);
    let other = marked(&cloud, &["theirs"]);
    place
        .run(&format!("state rebuild --lineage {TYPO}"))
        .one_error(&format!("nothing in the account carries the mark {TYPO}"))
        .says(other);
    assert!(!place.path("cloud.state.json").exists());
    place.write("cloud.state.json", "{");
    place
        .run(&format!("state rebuild --lineage {TYPO}"))
        .one_error("nothing in the account carries the mark");
    assert_eq!(place.text("cloud.state.json"), "{");
}

/// The way out that a plan names when none of the recorded resources is in the account.
#[test]
fn what_was_deleted_outside_is_forgotten() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    let own = lineage(&place);
    for droplet in cloud.droplets() {
        let path = format!("/v2/droplets/{}", droplet["id"]);
        cloud.good("DELETE", &path, &Value::Null);
    }
    for key in cloud.list("/v2/account/keys", "ssh_keys") {
        let path = format!("/v2/account/keys/{}", key["id"]);
        cloud.good("DELETE", &path, &Value::Null);
    }
    cloud.good("DELETE", "/v2/domains/acme.com", &Value::Null);
    place
        .run("plan --settle 0s")
        .one_error("none of the 5 recorded resources is in the account")
        .says(&format!("state rebuild --lineage {own}"));
    place
        .run(&format!("state rebuild --lineage {own}"))
        .code(0)
        .says(&format!("Rebuilt the state of {own}: nothing."))
        .says("what the old file records is taken as gone");
    place.run("plan").code(0).says("Plan: 5 to add");
}

/// Nothing is recorded of what could be either of two.
#[test]
fn two_candidates_are_refused() {
    for (what, names) in [
        ("wanted", ["web", "web", "other"]),
        ("left over", ["web", "old", "old"]),
    ] {
        let (cloud, place) = begin(WEB);
        marked(&cloud, &names);
        let twice = if what == "wanted" { "web" } else { "old" };
        let ran = place
            .run("state rebuild")
            .one_error(&format!("server.{twice} could be any of 2"));
        for droplet in cloud.droplets() {
            let named = ran.stderr.contains(&droplet["id"].to_string());
            assert_eq!(named, droplet["name"] == twice, "{what}\n{ran}");
        }
        assert!(!place.path("cloud.state.json").exists(), "{what}");
    }
}

#[test]
fn a_server_of_another_deployment_is_refused() {
    let (cloud, place) = begin(TWO);
    let mark = marked(&cloud, &["web"]);
    cloud.droplet("db", &json!({"tags": [format!("cloudbuilder:{TYPO}")]}));
    place
        .run(&format!("state rebuild --lineage {mark}"))
        .one_error("server.db belongs to another deployment")
        .says(TYPO);
    assert!(!place.path("cloud.state.json").exists());
}

#[test]
fn records_that_would_be_left_behind_are_named() {
    let (cloud, place) = begin(TWO);
    place.run("apply -y").code(0);
    let db = cloud.the_droplet("db");
    let elsewhere = json!({"type": "A", "name": "elsewhere", "data": "203.0.113.7"});
    cloud.good("POST", "/v2/domains/acme.com/records", &elsewhere);
    place.write("cloud.json", WEB);
    place.remove("cloud.state.json");
    let (v4, v6) = (Cloud::address(&db, "v4"), Cloud::address(&db, "v6"));
    place
        .run("state rebuild")
        .code(0)
        .says("warning: server.db is recorded without the records that lead to it")
        .says(&format!(
            "= db.acme.com A → {v4}, db.acme.com AAAA → {v6}\n"
        ))
        .never_says("elsewhere")
        .never_says("www.acme.com");
}

/// What counts is cloud.json as it is when it is this run's turn.
#[test]
fn files_are_read_once_the_lock_is_taken() {
    let (cloud, place) = begin(WEB);
    let mark = marked(&cloud, &["web", "db"]);
    let lock = Lock::try_acquire(&place.path(".cloudbuilder"), "apply").expect("the lock");
    let line = ["state", "rebuild", "--lock-timeout", "10m"];
    let mut running = place.start(None, &line);
    running.until_it_says("Waiting: another run has the lock: apply by ");
    place.write("cloud.json", WEB.replace("web", "db"));
    drop(lock);
    running.finish().code(0).says(mark);
    let state = place.text("cloud.state.json");
    let lock = Lock::try_acquire(&place.path(".cloudbuilder"), "apply").expect("the lock");
    let mut running = place.start(None, &["apply", "-y", "--lock-timeout", "10m"]);
    running.until_it_says("Waiting: another run has the lock: apply by ");
    place.write("cloud.json", "{");
    drop(lock);
    running.finish().one_error("");
    assert_eq!(place.text("cloud.state.json"), state);
}

#[test]
fn a_run_in_the_wrong_directory_leaves_nothing_there() {
    let (_cloud, place) = begin(WEB);
    place.remove("cloud.json");
    for line in ["apply -y", "destroy -y", "state rebuild"] {
        place.run(line).one_error("there is no cloud.json");
    }
    assert_eq!(place.files().len(), 0);
}
