//! Nothing lost and nothing doubled: what is created together, answers that are lost, runs that
//! are killed or interrupted, and what the next run makes of it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use cloudbuilder::sandbox::{Kill, Options};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use support::cloud::{Cloud, quick, text};
use support::program::{Place, Ran, Running, until};

/// So many servers alike, with no names, and these beside them.
fn fleet(count: usize, more: &str) -> String {
    let mut text = "{".to_owned();
    for number in 1..=count {
        let _ = write!(
            text,
            r#"{}"web{number}": {{"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"}}"#,
            if number == 1 { "" } else { ",\n" }
        );
    }
    text + more + "}"
}

fn begin(configuration: &str) -> (Cloud, Place) {
    begin_with(quick(), configuration)
}

fn begin_with(options: Options, configuration: &str) -> (Cloud, Place) {
    let cloud = Cloud::start(options);
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place)
}

/// A cloud that tells when the client is to be killed.
fn begin_with_kills(configuration: &str) -> (Cloud, Place, UnboundedReceiver<Kill>) {
    let (kills, killed) = unbounded_channel();
    let options = Options {
        kills: Some(kills),
        ..quick()
    };
    let (cloud, place) = begin_with(options, configuration);
    (cloud, place, killed)
}

/// Kills the program when the cloud says so.
fn killed(running: Running, kills: &mut UnboundedReceiver<Kill>) -> Ran {
    let kill = kills.blocking_recv().expect("the cloud goes on");
    running.signal("KILL");
    let ran = running.finish().code(137);
    drop(kill);
    ran
}

/// How often servers were asked for.
fn creates(cloud: &Cloud) -> usize {
    let requests = cloud.requests();
    requests
        .iter()
        .filter(|request| *request == "POST /v2/droplets")
        .count()
}

/// There are so many servers, each name once, and nothing is left to do.
#[track_caller]
fn assert_each_once(cloud: &Cloud, place: &Place, count: usize) {
    let droplets = cloud.droplets();
    let mut names: Vec<&str> = droplets.iter().map(|d| text(&d["name"])).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!((names.len(), all), (count, count), "{names:?}");
    place
        .run("plan --detailed-exitcode")
        .code(0)
        .says("No changes.");
    assert!(!place.path("cloud.state.journal").exists());
}

#[test]
fn ten_alike_take_one_request() {
    let other = r#", "db": {"region": "ams3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"}"#;
    let (cloud, place) = begin(&fleet(23, other));
    place.run("apply -y").code(0);
    assert_eq!(creates(&cloud), 4, "10, 10 and 3 alike, and another");
    assert_each_once(&cloud, &place, 24);
}

#[test]
fn one_that_is_refused_keeps_nobody_else_from_coming() {
    let (cloud, place) = begin(&fleet(10, ""));
    cloud.fault(&json!({
        "method": "POST", "path": "/v2/droplets", "body_contains": "\"web7\"",
        "kind": "refuse", "status": 422, "message": "not this one",
    }));
    place
        .run("apply -y")
        .code(1)
        .says("not this one")
        .says("To go on, run: cloudbuilder apply");
    assert_eq!(cloud.droplets().len(), 9);
    assert_eq!(creates(&cloud), 11, "one for all, then one for each");
    cloud.no_faults();
    place.run("apply -y").code(0).says("1 added");
    assert_each_once(&cloud, &place, 10);
}

#[test]
fn the_lost_answer_to_ten_is_looked_for_in_pages() {
    let (cloud, place) = begin(&fleet(10, ""));
    cloud.fault(
        &json!({"method": "POST", "path": "/v2/droplets", "kind": "do_then_drop", "count": 1}),
    );
    place
        .run("apply -y")
        .code(0)
        .says("looking whether it was made");
    assert_eq!(creates(&cloud), 1);
    let singly = cloud.requests();
    let singly = singly.iter().filter(|request| request.contains("name="));
    assert_eq!(singly.count(), 0, "they are looked for in a list");
    assert_each_once(&cloud, &place, 10);
}

/// What is not visible yet is waited for, not made again.
#[test]
fn a_lost_answer_and_a_list_that_lags() {
    let (cloud, place) = begin(&fleet(1, ""));
    let create = |fault: Value| {
        let mut fault = fault;
        fault["method"] = json!("POST");
        fault["path"] = json!("/v2/droplets");
        fault["count"] = json!(1);
        cloud.fault(&fault);
    };
    create(json!({"kind": "lag", "ms": 300}));
    create(json!({"kind": "do_then_500"}));
    place.run("apply -y --settle 10s").code(0);
    assert_eq!(creates(&cloud), 1);
    assert_each_once(&cloud, &place, 1);
}

/// Beyond the settling time nothing is promised but this: the twin is told of by every plan, with
/// what it costs, and nobody deletes it unasked.
#[test]
fn a_twin_that_appears_too_late_is_told_of_and_left() {
    let (cloud, place) = begin(&fleet(1, ""));
    for fault in [
        json!({"kind": "lag", "ms": 2_000}),
        json!({"kind": "do_then_500"}),
    ] {
        let mut fault = fault;
        fault["method"] = json!("POST");
        fault["path"] = json!("/v2/droplets");
        fault["count"] = json!(1);
        cloud.fault(&fault);
    }
    place.run("apply -y --settle 100ms").code(0);
    until("the twin appears", || cloud.droplets().len() == 2);
    let newest = cloud.droplets();
    let ids: Vec<String> = newest.iter().map(|d| d["id"].to_string()).collect();
    let recorded = place.text("cloud.state.json");
    let twin = ids
        .iter()
        .find(|id| !recorded.contains(&format!("\"{id}\"")))
        .expect("one is not recorded");
    for command in ["plan", "apply -y", "plan"] {
        place.run(command).code(0).says(twin).says("$6.00");
    }
    place.run("destroy -y").code(0).says(twin);
    let left = cloud.droplets();
    assert_eq!(left.len(), 1, "what is in no state stays");
    assert_eq!(left[0]["id"].to_string(), *twin);
}

#[test]
fn a_run_killed_after_ten_were_made_knows_them() {
    let (cloud, place, mut kills) = begin_with_kills(&fleet(10, ""));
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_after"}));
    killed(place.start(None, &["apply", "-y"]), &mut kills);
    assert_eq!(cloud.droplets().len(), 10);
    cloud.no_faults();
    place
        .run("plan")
        .code(0)
        .says("the last run was cut off: 1 of 11 steps done, 10 in flight: 10 found");
    place
        .run("apply -y")
        .code(0)
        .says("the last run was cut off: 1 of 11 steps done, 10 in flight: 10 found");
    assert_eq!(creates(&cloud), 1);
    assert_each_once(&cloud, &place, 10);
}

#[test]
fn a_run_killed_before_anything_was_made_makes_it() {
    let (cloud, place, mut kills) = begin_with_kills(&fleet(2, ""));
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_before"}));
    killed(place.start(None, &["apply", "-y"]), &mut kills);
    assert_eq!(cloud.droplets().len(), 0);
    cloud.no_faults();
    place
        .run("apply -y --settle 200ms")
        .code(0)
        .says("looking for up to 0.2 s for server.web1, server.web2")
        .says("2 in flight: 2 never happened");
    assert_each_once(&cloud, &place, 2);
}

/// A server that is rebuilt when its image changes, and of which a snapshot is kept.
fn with_a_life(image: &str) -> String {
    format!(
        r#"{{"version": 2, "servers": {{"web": {{
            "region": "nyc3", "size": "s-1vcpu-1gb", "image": "{image}",
            "on_image_change": "rebuild", "on_destroy": "snapshot"
        }}}}}}"#
    )
}

/// How often the one server was asked to do this.
fn actions(cloud: &Cloud, kind: &str) -> usize {
    let all = cloud.list("/v2/actions", "actions");
    all.iter().filter(|action| action["type"] == kind).count()
}

#[test]
fn a_rebuild_is_asked_for_once_wherever_it_is_cut_off() {
    for kill in ["kill_before", "kill_after"] {
        let (cloud, place, mut kills) = begin_with_kills(&with_a_life("debian-12-x64"));
        place.run("apply -y").code(0);
        let id = cloud.droplets()[0]["id"].clone();
        place.write("cloud.json", with_a_life("debian-13-x64"));
        cloud.fault(&json!({"method": "POST", "body_contains": "rebuild", "kind": kill}));
        let arguments = ["apply", "-y", "--allow-wipe"];
        killed(place.start(None, &arguments), &mut kills);
        cloud.no_faults();
        place.run("apply -y --allow-wipe --settle 200ms").code(0);
        assert_eq!(actions(&cloud, "rebuild"), 1, "{kill}");
        let web = &cloud.droplets()[0];
        assert_eq!(web["image"]["slug"], "debian-13-x64", "{kill}");
        assert_eq!(web["id"], id, "{kill}");
        assert_each_once(&cloud, &place, 1);
    }
}

/// One of which nobody had the answer is no copy to rely on: what is on the disk may have changed
/// since, so another one is taken.
#[test]
fn a_snapshot_is_taken_before_the_deletion_wherever_it_is_cut_off() {
    for (kill, taken) in [("kill_before", 1), ("kill_after", 2)] {
        let (cloud, place, mut kills) = begin_with_kills(&with_a_life("debian-12-x64"));
        place.run("apply -y").code(0);
        cloud.fault(&json!({"method": "POST", "body_contains": "snapshot", "kind": kill}));
        killed(place.start(None, &["destroy", "-y"]), &mut kills);
        assert_eq!(cloud.droplets().len(), 1, "{kill}");
        cloud.no_faults();
        place.run("destroy -y --settle 200ms").code(0);
        assert_eq!(actions(&cloud, "snapshot"), taken, "{kill}");
        let there = cloud.list("/v2/snapshots", "snapshots").len();
        assert_eq!(there, taken, "{kill}");
        assert_eq!(cloud.droplets().len(), 0, "{kill}");
    }
}

/// In another account nothing would be found, and all be taken for never made.
#[test]
fn what_was_cut_off_is_not_looked_for_in_another_account() {
    let (cloud, mut place, mut kills) = begin_with_kills(&fleet(2, ""));
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_after"}));
    killed(place.start(None, &["apply", "-y"]), &mut kills);
    cloud.no_faults();
    let other = Cloud::start(Options {
        seed: 99,
        ..quick()
    });
    place.point_at(other.url());
    let before = place.read("cloud.state.journal");
    place.run("apply -y --settle 0s").code(1);
    assert_eq!(place.read("cloud.state.journal"), before);
    place.point_at(cloud.url());
    place.run("apply -y").code(0).says("2 found");
    assert_each_once(&cloud, &place, 2);
}

/// One Ctrl-C: answers are waited for a little; what is unanswered then is looked for next time.
#[test]
fn an_interrupt_leaves_nothing_behind_that_the_next_run_does_not_know() {
    for signal in ["INT", "TERM", "HUP"] {
        let (cloud, place, mut kills) = begin_with_kills(&fleet(3, ""));
        cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_after"}));
        let running = place.start(None, &["apply", "-y"]);
        let made = kills.blocking_recv().expect("the cloud goes on");
        running.signal(signal);
        let code = match signal {
            "INT" => 130,
            "TERM" => 143,
            _ => 129,
        };
        running
            .finish()
            .code(code)
            .says("the request was sent and its answer never came");
        drop(made);
        cloud.no_faults();
        place.run("apply -y").code(0).says("3 in flight: 3 found");
        assert_eq!(creates(&cloud), 1, "{signal}");
        assert_each_once(&cloud, &place, 3);
    }
}

/// What boots when the signal comes is neither tainted nor made again.
#[test]
fn an_interrupt_while_servers_boot_loses_nothing() {
    let options = Options {
        boot: Duration::from_secs(600),
        ..Options::default()
    };
    let (cloud, place) = begin_with(options, &fleet(3, ""));
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("web3");
    running.signal("INT");
    running.finish().code(130).says("Not ready yet");
    let before = cloud.world();
    place
        .run("plan")
        .code(0)
        .says("3 to wait for")
        .never_says("cut off");
    assert_eq!(cloud.world(), before);
    assert_eq!(creates(&cloud), 1);
}

/// Where marks can be put on things, a server without one was made by somebody else, however well
/// its name fits.
#[test]
fn a_strangers_server_is_not_taken_for_what_was_cut_off() {
    let (cloud, place, mut kills) = begin_with_kills(&fleet(1, ""));
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "kill_before"}));
    killed(place.start(None, &["apply", "-y"]), &mut kills);
    cloud.no_faults();
    cloud.droplet("web1", &json!({"size": "s-2vcpu-2gb"}));
    place
        .run("plan")
        .says("1 in flight: 1 not to be seen yet")
        .never_says("1 found");
    place
        .run("apply -y --settle 200ms")
        .code(1)
        .says("1 never happened");
    assert_eq!(cloud.droplets().len(), 1);
    let state = place.text("cloud.state.json");
    assert!(!state.contains("server.web1"), "{state}");
}

/// A token that may not create tags makes servers without a mark; the name and the time say which
/// of them was made by what was cut off.
#[test]
fn what_could_not_be_marked_is_found_by_name_and_time() {
    let (kills, mut killed_by) = unbounded_channel();
    let options = Options {
        kills: Some(kills),
        without_scopes: vec!["tag:create".to_owned()],
        ..quick()
    };
    let (cloud, place) = begin_with(options, &fleet(2, ""));
    cloud.fault(&json!({
        "method": "POST", "path": "/v2/droplets", "kind": "kill_after", "nth": 2,
    }));
    killed(place.start(None, &["apply", "-y"]), &mut killed_by);
    assert_eq!(cloud.droplets().len(), 2);
    cloud.no_faults();
    place.run("apply -y").code(0).says("2 in flight: 2 found");
    assert_each_once(&cloud, &place, 2);
}

/// `state rebuild` sees what can be seen; what a run left unanswered is still to be looked for.
#[test]
fn a_rebuilt_state_remembers_what_nobody_answered() {
    let (cloud, place, mut kills) = begin_with_kills(&fleet(2, ""));
    for fault in [
        json!({"kind": "lag", "ms": 2_000}),
        json!({"kind": "kill_after"}),
    ] {
        let mut fault = fault;
        fault["method"] = json!("POST");
        fault["path"] = json!("/v2/droplets");
        cloud.fault(&fault);
    }
    killed(place.start(None, &["apply", "-y"]), &mut kills);
    cloud.no_faults();
    let state = place.text("cloud.state.json");
    let state: Value = serde_json::from_str(&state).expect("it is JSON");
    place
        .run(&format!(
            "state rebuild --lineage {}",
            text(&state["lineage"])
        ))
        .code(0);
    place.run("apply -y --settle 20s").code(0).says("2 found");
    assert_each_once(&cloud, &place, 2);
}

/// What was sent before a kill may take effect after the next run has looked.
#[test]
fn a_change_that_comes_late_is_waited_for() {
    let named = |name: &str| {
        fleet(0, "").replace(
            '}',
            &format!(
                r#""web": {{"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "names": [{name}]}}}}"#
            ),
        )
    };
    let (one, two) = (r#""www.acme.com""#, r#""www.acme.com", "a.acme.com""#);
    for (method, before, names) in [("DELETE", two, one), ("POST", one, two)] {
        let (cloud, place) = begin(&named(before));
        place.run("apply -y").code(0);
        place.write("cloud.json", named(names));
        cloud.forget_requests();
        cloud.fault(&json!({"method": method, "kind": "delay", "ms": 1_000, "count": 1}));
        let running = place.start(None, &["apply", "-y", "-j", "1"]);
        until("the request is sent", || {
            cloud.requests().iter().any(|sent| sent.starts_with(method))
        });
        running.signal("KILL");
        running.finish().code(137);
        place
            .run("apply -y --settle 20s")
            .code(0)
            .says("1 in flight: 1 found");
        place.run("plan --detailed-exitcode").code(0);
        let records = cloud.records("acme.com").len();
        assert_eq!(records, names.matches("acme").count() * 2, "{method}");
    }
}

/// A zone's name is its id: made again, it is the one that was recorded.
#[test]
fn a_zone_made_again_with_a_lost_answer_is_known() {
    let web = fleet(1, "").replace("\"image\"", r#""names": ["www.acme.com"], "image""#);
    let (cloud, place) = begin(&web);
    place.run("apply -y").code(0);
    cloud.good("DELETE", "/v2/domains/acme.com", &Value::Null);
    cloud.forget_requests();
    cloud.fault(
        &json!({"method": "POST", "path": "/v2/domains", "kind": "do_then_drop", "count": 1}),
    );
    // What was made just now and is gone could still be on its way otherwise.
    place.run("apply -y --settle 0s").code(0);
    let requests = cloud.requests();
    let made = requests.iter().filter(|sent| *sent == "POST /v2/domains");
    assert_eq!(made.count(), 1);
    assert_each_once(&cloud, &place, 1);
}

/// Two requests are on their way when the first is refused for its tags: what the second one says
/// of itself stays true.
#[test]
fn what_is_under_way_when_marks_are_refused_is_found_too() {
    let options = Options {
        without_scopes: vec!["tag:create".to_owned()],
        ..quick()
    };
    let other = r#", "db": {"region": "ams3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"}"#;
    for lost in ["db", "web1"] {
        let (cloud, place) = begin_with(options.clone(), &fleet(5, other));
        let name = |name: &str| format!("\"{name}\"");
        cloud.fault(&json!({
            "method": "POST", "path": "/v2/droplets", "kind": "delay", "ms": 200,
            "body_contains": name(lost), "count": 1,
        }));
        cloud.fault(&json!({
            "method": "POST", "path": "/v2/droplets", "kind": "do_then_500",
            "body_contains": name(lost), "nth": 2,
        }));
        place.run("apply -y --settle 1s").code(0);
        assert_each_once(&cloud, &place, 6);
    }
}
