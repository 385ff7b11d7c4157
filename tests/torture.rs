//! The program under torture: answers are lost, what was made is not to be seen, the program is
//! killed at any request and any step at a file, and run again. Then everything that was wanted is
//! there once, nothing else is, and the state says so.
//!
//! One campaign at a time, because each uses the whole machine. `cloudbuilder sandbox torture`
//! tries more seeds, or one of them again.

#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::path::PathBuf;
use std::thread::available_parallelism;

use cloudbuilder::torture::{Campaign, Ground, Mode, Report, Story};
use serde_json::json;
use support::cloud::{Cloud, quick};
use support::program::{Place, Ran};
use tokio::sync::Mutex;

static TURN: Mutex<()> = Mutex::const_new(());

fn campaign() -> Campaign {
    against(Ground::DigitalOcean)
}

fn against(ground: Ground) -> Campaign {
    let processors = available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    Campaign {
        program: PathBuf::from(env!("CARGO_BIN_EXE_cloudbuilder")),
        // Most of a trial is waiting.
        jobs: 6 * processors.min(8),
        ground,
    }
}

fn quietly(_: &Story) {}

#[track_caller]
fn assert_good(report: &Report) {
    println!("{report}");
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.is_good(), "{}\n{report}", failures.join("\n"));
    assert_eq!((report.duplicates, report.orphans), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_random_clouds_come_out_right() {
    let _turn = TURN.lock().await;
    let report = campaign().seeds(1..=200, Mode::Faults, quietly).await;
    assert_good(&report);
    // Most of what was laid must have struck, or nothing is proved.
    let laid: u64 = report.faults.values().map(|(laid, _)| laid).sum();
    assert!(report.struck() * 3 > laid * 2, "{report}");
    assert!(report.killed_at_requests > 30, "{report}");
    assert!(report.killed_at_steps > 30, "{report}");
    assert!(report.power_cuts > 20, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_random_clouds_at_rackspace_come_out_right() {
    let _turn = TURN.lock().await;
    let campaign = against(Ground::Rackspace);
    let report = campaign.seeds(1..=200, Mode::Faults, quietly).await;
    assert_good(&report);
    let laid: u64 = report.faults.values().map(|(laid, _)| laid).sum();
    assert!(report.struck() * 3 > laid * 2, "{report}");
    assert!(report.killed_at_requests > 30, "{report}");
    assert!(report.killed_at_steps > 30, "{report}");
    assert!(report.power_cuts > 20, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_and_after_every_request_and_every_answer_lost_come_out_right() {
    let _turn = TURN.lock().await;
    let report = campaign().requests(quietly).await;
    assert_good(&report);
    for (kind, (laid, struck)) in &report.faults {
        // Each was meant to strike and did; but how often something that boots is looked at
        // depends on the moment.
        let may_miss = u64::from(kind == "kill_before") * 4;
        assert!(
            struck + may_miss >= *laid && *struck > 20,
            "{kind}\n{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_and_a_power_cut_before_every_step_at_a_file_come_out_right() {
    let _turn = TURN.lock().await;
    let report = campaign().steps(quietly).await;
    assert_good(&report);
    assert!(report.killed_at_steps > 150, "{report}");
    assert!(report.power_cuts > 75, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_any_instant_come_out_right() {
    let _turn = TURN.lock().await;
    let report = campaign().seeds(1..=20, Mode::Instants, quietly).await;
    assert_good(&report);
    assert!(report.killed_at_instants > 10, "{report}");
}

// What stays out of sight for longer than the settling time is made again: no client can know.

const WEB: &str = r#"{"web": {"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]}}"#;

/// A cloud in which a server was made twice, because the first one was not to be seen for longer
/// than anybody looked for it; now it is.
fn with_a_twin() -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.set("CLOUDBUILDER_PRACTICE", "tempo=0.01");
    place.write("cloud.json", WEB);
    let long = 24 * 3_600_000;
    for fault in [
        json!({"kind": "lag", "ms": long}),
        json!({"kind": "do_then_drop"}),
    ] {
        let mut fault = fault;
        fault["method"] = "POST".into();
        fault["path"] = "/v2/droplets".into();
        fault["nth"] = 1.into();
        cloud.fault(&fault);
    }
    place.run("apply -y --settle 200ms").code(0);
    assert_eq!(cloud.droplets().len(), 1, "the first is not to be seen");
    cloud.good("POST", "/_sandbox/reveal", &serde_json::Value::Null);
    assert_eq!(cloud.droplets().len(), 2, "there is a twin");
    (cloud, place)
}

/// The twin's id: the first was made first.
fn ids(cloud: &Cloud) -> (String, String) {
    let ids: Vec<String> = cloud
        .droplets()
        .iter()
        .map(|droplet| droplet["id"].to_string())
        .collect();
    let [twin, kept] = ids.as_slice() else {
        panic!("not two: {ids:?}");
    };
    (twin.clone(), kept.clone())
}

#[track_caller]
fn names_the_twin(ran: Ran, twin: &str) -> Ran {
    ran.says(twin).says("$6.00")
}

#[test]
fn a_twin_that_appears_later_is_named_by_every_plan_and_never_deleted() {
    let (cloud, place) = with_a_twin();
    let (twin, kept) = ids(&cloud);
    place.run("state show server.web").code(0).says(&kept);
    for _ in 0..2 {
        let plan = place.run("plan --detailed-exitcode --settle 0s").code(0);
        names_the_twin(plan, &twin);
        let applied = place.run("apply -y --settle 0s").code(0);
        names_the_twin(applied, &twin);
        assert_eq!(ids(&cloud), (twin.clone(), kept.clone()));
    }
    // Also when everything else goes, or this one alone.
    let destroyed = place.run("destroy -y --settle 0s").code(0);
    names_the_twin(destroyed, &twin);
    let left: Vec<String> = cloud
        .droplets()
        .iter()
        .map(|droplet| droplet["id"].to_string())
        .collect();
    assert_eq!(left, [twin]);
}

// What the environment says for practice.

#[test]
fn a_run_told_to_die_is_killed_at_that_step_and_only_in_practice() {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.write("cloud.json", WEB);
    place.set("CLOUDBUILDER_PRACTICE", "die=1");
    let killed = 128 + 9;
    place.run("apply -y").code(killed);
    assert!(!place.path("cloud.state.json").exists());
    assert!(cloud.droplets().is_empty());
    place.set("CLOUDBUILDER_PRACTICE", "die=soon");
    place
        .run("apply -y")
        .one_error("CLOUDBUILDER_PRACTICE makes no sense");
    // The real service is not for practice: the words do not count there.
    place.point_at("https://127.0.0.1:9");
    place.run("validate").code(0);
    place.point_at(cloud.url());
    place.unset("CLOUDBUILDER_PRACTICE");
    place.run("apply -y").code(0);
}
