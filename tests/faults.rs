//! The program against everything that goes wrong: bad files, a bad cloud, bad moments to be
//! stopped. After each, what was there is still there, one message says what to do, and doing it
//! leads to what was wanted.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use cloudbuilder::sandbox::Options;
use cloudbuilder::state::{State, Store};
use serde_json::{Value, json};

use support::cloud::{Cloud, quick, text};
use support::program::{KEY, Place, Ran, TOKEN, until};

/// One server with one name.
const WEB: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]
  }
}
"#;

/// Two servers, three names.
const TWO: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com", "acme.com"]
  },
  "db": {
    "region": "ams3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["db.acme.com"]
  }
}
"#;

fn begin(configuration: &str) -> (Cloud, Place) {
    begin_with(quick(), configuration)
}

fn begin_with(options: Options, configuration: &str) -> (Cloud, Place) {
    let cloud = Cloud::start(options);
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place)
}

/// What was wanted is there, once, and nothing is left to do.
#[track_caller]
fn assert_whole(cloud: &Cloud, place: &Place, servers: &[(&str, &[&str])]) {
    let droplets = cloud.droplets();
    let names: Vec<&str> = droplets
        .iter()
        .map(|droplet| text(&droplet["name"]))
        .collect();
    let mut wanted: Vec<&str> = servers.iter().map(|(name, _)| *name).collect();
    let mut there = names.clone();
    wanted.sort_unstable();
    there.sort_unstable();
    assert_eq!(there, wanted, "each server once");

    let mut records = Vec::new();
    for (server, names) in servers {
        let droplet = cloud.the_droplet(server);
        for name in *names {
            for (kind, version) in [("A", "v4"), ("AAAA", "v6")] {
                let address = Cloud::address(&droplet, version);
                records.push(((*name).to_owned(), kind.to_owned(), address));
            }
        }
        let address = Cloud::address(&droplet, "v4");
        assert!(
            place.text("cloud.json").contains(&address),
            "the address of {server} is written back"
        );
    }
    records.sort();
    let there: Vec<(String, String, String)> = cloud
        .records("acme.com")
        .iter()
        .map(|record| {
            let part = |name: &str| text(&record[name]).to_owned();
            (part("name"), part("type"), part("data"))
        })
        .collect();
    assert_eq!(there, records, "each record once, and right");
    assert_eq!(cloud.list("/v2/account/keys", "ssh_keys").len(), 1);

    place
        .run("plan --detailed-exitcode")
        .code(0)
        .says("No changes. Your infrastructure matches the configuration.");
    assert_eq!(leftovers(place), Vec::<String>::new(), "no temporary files");
}

const WEB_WHOLE: &[(&str, &[&str])] = &[("web", &["www"])];
const TWO_WHOLE: &[(&str, &[&str])] = &[("web", &["www", "@"]), ("db", &["db"])];

/// Runs again as every message says, and looks whether all is well then.
#[track_caller]
fn assert_recovers(cloud: &Cloud, place: &Place, servers: &[(&str, &[&str])]) {
    cloud.no_faults();
    place.run("apply -y").code(0);
    assert_whole(cloud, place, servers);
}

fn leftovers(place: &Place) -> Vec<String> {
    let files = place.files();
    files
        .keys()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| name.contains(".new-"))
        .collect()
}

/// The requests since the last look that were no GET.
fn changing(cloud: &Cloud) -> Vec<String> {
    let mut requests = cloud.requests();
    requests.retain(|request| !request.starts_with("GET "));
    cloud.forget_requests();
    requests
}

// ---- Files ----

#[test]
fn a_bad_cloud_json_is_refused_before_any_request() {
    let (cloud, place) = begin(WEB);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let oversized = format!("{{\"web\": {{}}}}{}", " ".repeat(17 << 20));
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", Vec::new(), "cloud.json"),
        ("white", b" \n\t\n".to_vec(), "cloud.json"),
        ("cut off", WEB.as_bytes()[..60].to_vec(), "cloud.json:"),
        ("not UTF-8", b"{\"w\xe9b\": {}}".to_vec(), "UTF-8"),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "UTF-"),
        ("NUL", b"{\"web\0\": {}}".to_vec(), "cloud.json:1"),
        ("too long", oversized.into_bytes(), "16 MiB"),
        ("too deep", deep.into_bytes(), "cloud.json"),
        ("a list", b"[]".to_vec(), "cloud.json:1"),
        (
            "wrong types",
            WEB.replace("\"nyc3\"", "3").into_bytes(),
            "cloud.json:3",
        ),
        (
            "unknown key",
            WEB.replace("region", "regoin").into_bytes(),
            "did you mean `region`",
        ),
    ];
    for (what, bytes, said) in cases {
        place.write("cloud.json", bytes);
        for command in ["validate", "plan", "apply -y", "destroy -y"] {
            let ran = place.run(command).code(1).says("error: ").says(said);
            assert_eq!(ran.stdout, "", "{what}: {command}\n{ran}");
            assert!(ran.stderr.len() < 4000, "{what}: {command} is brief");
        }
        assert_eq!(&place.read("cloud.json"), bytes, "{what}");
    }
    place.remove("cloud.json");
    place.run("plan").one_error("there is no cloud.json");
    place.run("apply -y").one_error("there is no cloud.json");
    assert_eq!(cloud.requests(), Vec::<String>::new());
    assert!(!place.path("cloud.state.json").exists());
}

#[test]
fn a_byte_order_mark_is_kept() {
    let (cloud, place) = begin("");
    place.write(
        "cloud.json",
        format!("\u{feff}{}", WEB.replace('\n', "\r\n")),
    );
    place.run("apply -y").code(0);
    let text = place.text("cloud.json");
    assert!(
        text.starts_with('\u{feff}') && text.contains("networks"),
        "{text}"
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    assert_whole(&cloud, &place, WEB_WHOLE);
}

#[test]
fn bad_credentials_are_refused_without_being_repeated() {
    let (cloud, mut place) = begin(WEB);
    let secret = "invented-private-key-that-nobody-may-read";
    let private = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n{secret}\\n-----END OPENSSH PRIVATE KEY-----"
    );
    let cases = [
        format!("{{\"public_ssh_key\": \"{private}\"}}"),
        format!("{{\"digital_ocean_api_key\": 7, \"x\": \"{secret}\"}}"),
        format!("{{\"digital_ocean_api_key\": \"{secret}"),
        format!("{{\"digital_ocean_api_key\": \"{secret}\\n{secret}\"}}"),
    ];
    // Where there is one, the file's does not matter.
    place.set("DIGITALOCEAN_TOKEN", "");
    for bad in &cases {
        place.write("security.json", bad);
        place.run("plan").code(1).says("error: ").never_says(secret);
        place
            .run("apply -y")
            .code(1)
            .says("error: ")
            .never_says(secret);
    }
    place.remove("security.json");
    place.set("DIGITALOCEAN_TOKEN", TOKEN);
    place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", &private);
    place.run("plan").code(1).says("error: ").never_says(secret);
    place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", "");
    place.run("plan").one_error("there is no public SSH key");
    place.set("DIGITALOCEAN_TOKEN", "");
    place.run("plan").one_error("there is no token");
    assert_eq!(cloud.requests(), Vec::<String>::new());
}

#[test]
fn a_bad_state_is_never_taken_for_none() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    let good = place.read("cloud.state.json");
    let world = cloud.world();
    let mut bad: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    // Without its last byte, a line feed, it is whole.
    for length in (0..good.len() - 1).step_by(good.len() / 12) {
        bad.insert(format!("cut off at {length}"), good[..length].to_vec());
    }
    bad.insert(
        "without its end".to_owned(),
        good[..good.len() - 2].to_vec(),
    );
    for at in (20..good.len()).step_by(good.len() / 8) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bad.insert(format!("with another byte {at}"), bytes);
    }
    bad.insert("of zeros".to_owned(), vec![0; good.len()]);
    let newer = String::from_utf8_lossy(&good).replace("\"format\": 1", "\"format\": 99");
    assert_ne!(newer.as_bytes(), good, "the format stands there");
    bad.insert("of a newer version".to_owned(), newer.into_bytes());
    cloud.forget_requests();
    for (what, bytes) in &bad {
        place.write("cloud.state.json", bytes);
        let others: &[&str] = if what.starts_with("of") {
            &["plan", "destroy -y", "show", "state list"]
        } else {
            &[]
        };
        for command in others.iter().chain(&["apply -y"]) {
            let ran = place.run(command).one_error("the state cannot be used");
            assert!(ran.stderr.contains("cloud.state.json"), "{what}\n{ran}");
        }
        assert_eq!(&place.read("cloud.state.json"), bytes, "{what}: it is kept");
    }
    assert_eq!(changing(&cloud), Vec::<String>::new());
    assert_eq!(cloud.world(), world);

    place
        .run("state rebuild")
        .code(0)
        .says("The old file is kept as");
    assert_whole(&cloud, &place, WEB_WHOLE);
    let kept = place.files();
    let last = bad.values().next_back().expect("a bad one");
    assert!(
        kept.values().any(|bytes| bytes == last),
        "the old file is kept"
    );
}

/// A line of shell after which the program cannot write where it has no right to, even if the
/// tests are run by root.
fn without_privileges() -> &'static str {
    "[ \"$(id -u)\" != 0 ] || exec setpriv --bounding-set=-dac_override,-dac_read_search \"$0\" \"$@\""
}

fn set_mode(place: &Place, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(place.path("."), permissions).expect("the mode is set");
}

#[test]
fn what_killed_runs_left_of_files_is_cleared_away() {
    let (cloud, place) = begin(WEB);
    let halves = [
        ".cloud.json.new-1",
        ".cloud.state.json.new-2",
        ".cloud.state.journal.new-3",
    ];
    for half in halves {
        place.write(half, "{\"half");
    }
    place.write(".other.json.new-4", "somebody else's");
    assert_eq!(leftovers(&place).len(), 4);
    place.run("plan").code(0);
    assert_eq!(leftovers(&place).len(), 4, "a plan changes nothing");
    place.run("apply -y").code(0);
    assert_eq!(leftovers(&place), [".other.json.new-4"]);
    place.remove(".other.json.new-4");
    assert_whole(&cloud, &place, WEB_WHOLE);
}

#[test]
fn a_directory_that_cannot_be_written() {
    let (cloud, place) = begin(WEB);
    set_mode(&place, 0o555);
    let files = place.files();
    let plan = place
        .start(Some(without_privileges()), &["plan"])
        .finish()
        .code(0)
        .says("Plan: 5 to add");
    assert_eq!(plan.stderr.matches("error").count(), 0, "{plan}");
    assert_eq!(place.files(), files, "a plan writes nothing");
    for command in ["apply", "destroy"] {
        place
            .start(Some(without_privileges()), &[command, "-y"])
            .finish()
            .one_error(".cloudbuilder cannot be made");
    }
    assert_eq!(changing(&cloud), Vec::<String>::new());
    set_mode(&place, 0o755);
    assert_recovers(&cloud, &place, WEB_WHOLE);
}

#[test]
fn a_full_disk_stops_before_anything_more_is_made() {
    let (cloud, place) = begin(TWO);
    // Files may have so many blocks of 512 bytes: at first the state has room, then not.
    let mut stopped_midway = 0;
    for blocks in [0, 2, 4, 6, 8] {
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}");
        cloud.forget_requests();
        let ran = place
            .start(Some(&limit), &["apply", "-y", "-j", "1"])
            .finish();
        place.no_token(&ran);
        let ran = ran.code(1);
        let state = Store::new(place.path("cloud.state.json"), place.path(".cloudbuilder"))
            .load()
            .expect("the old state is whole");
        let made: Vec<String> = changing(&cloud);
        if blocks == 0 {
            assert!(made.is_empty() && state.is_none(), "{made:?}\n{ran}");
        }
        // What is not in the state is named.
        let ids: Vec<String> = cloud
            .droplets()
            .iter()
            .map(|droplet| droplet["id"].to_string())
            .collect();
        let recorded = state.unwrap_or_default();
        for id in ids {
            let known = recorded.resources.values().any(|record| record.id == id);
            assert!(known || ran.stderr.contains(&id), "{id} is lost\n{ran}");
        }
        if !made.is_empty() && !recorded.resources.is_empty() {
            stopped_midway += 1;
        }
        assert_eq!(leftovers(&place), Vec::<String>::new());
    }
    assert!(stopped_midway > 0, "the limits are too wide or too narrow");
    assert_recovers(&cloud, &place, TWO_WHOLE);
}

// ---- Moments ----

/// Until the faults are taken back, nobody sees a server come up.
fn hold_boots(cloud: &Cloud) {
    cloud.fault(&json!({"method": "GET", "path": "/v2/droplets/{id}", "kind": "refuse"}));
}

#[test]
fn cloud_json_is_edited_while_apply_runs() {
    let (cloud, place) = begin(WEB);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("it boots");
    let edited = format!(
        "// edited meanwhile\n{}",
        WEB.replace("\"www.acme.com\"", "\"www.acme.com\" /* kept */")
    );
    place.write("cloud.json", &edited);
    cloud.no_faults();
    running.finish().code(0);
    let text = place.text("cloud.json");
    assert!(text.starts_with("// edited meanwhile\n"), "{text}");
    assert!(
        text.contains("/* kept */") && text.contains("networks"),
        "{text}"
    );
    assert_whole(&cloud, &place, WEB_WHOLE);
}

#[test]
fn cloud_json_is_broken_while_apply_runs() {
    let (cloud, place) = begin(WEB);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("it boots");
    let broken = &WEB[..70];
    place.write("cloud.json", broken);
    cloud.no_faults();
    running
        .finish()
        .code(1)
        .says("no addresses were written into cloud.json");
    assert_eq!(place.text("cloud.json"), broken);
    place.write("cloud.json", WEB);
    assert_recovers(&cloud, &place, WEB_WHOLE);
}

#[test]
fn signals_end_a_run_in_good_order() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (cloud, place) = begin(WEB);
        hold_boots(&cloud);
        let mut running = place.start(None, &["apply", "-y"]);
        running.until_it_says("it boots");
        running.signal(signal);
        let ran = running.finish().code(code);
        place.no_token(&ran);
        let id = cloud.the_droplet("web")["id"].to_string();
        let ran = ran.says("To go on, run: cloudbuilder apply");
        let state = load(&place).expect("a state");
        let recorded = &state.resources[&"server.web".parse().expect("an address")];
        assert_eq!(
            (recorded.id.as_str(), recorded.ready),
            (id.as_str(), false),
            "{ran}"
        );
        assert!(!place.text("cloud.json").contains("networks"));

        cloud.forget_requests();
        cloud.no_faults();
        place.run("plan").code(0).says("wait for").says(&id);
        place.run("apply -y").code(0);
        let created = changing(&cloud);
        assert!(
            !created.contains(&"POST /v2/droplets".to_owned()),
            "{created:?}"
        );
        assert_whole(&cloud, &place, WEB_WHOLE);
    }
}

fn load(place: &Place) -> Option<State> {
    Store::new(place.path("cloud.state.json"), place.path(".cloudbuilder"))
        .load()
        .expect("a whole state")
}

#[test]
fn a_run_that_is_killed_is_gone_on_with() {
    let (cloud, place) = begin(TWO);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y", "-j", "1"]);
    running.until_it_says("server   db");
    running.signal("KILL");
    running.finish().code(137);
    cloud.no_faults();
    place
        .run("plan")
        .code(0)
        .says("2 to wait for")
        .never_says("is at work");
    // What was just about to be sent may never have been, and is looked for as long as this.
    place
        .run("apply -y --settle 500ms")
        .code(0)
        .says("an earlier run did not end in good order")
        .says("the last run was cut off: ");
    assert_whole(&cloud, &place, TWO_WHOLE);
}

#[test]
fn two_runs_at_once() {
    let (cloud, place) = begin(WEB);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("it boots");
    let made = cloud.requests().len();
    for command in ["apply -y", "destroy -y", "state rebuild"] {
        place
            .run(command)
            .one_error("another run is at work in this directory");
    }
    assert!(cloud.requests().len() >= made);
    cloud.no_faults();
    place.run("plan").code(0);
    running.finish().code(0);
    assert_whole(&cloud, &place, WEB_WHOLE);
}

#[test]
fn a_plan_tells_of_a_run_at_work() {
    let (cloud, place) = begin(WEB);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y"]);
    running.until_it_says("it boots");
    place
        .run("plan")
        .says("a run is at work here")
        .never_says("cut off");
    cloud.no_faults();
    running.finish().code(0);
}

/// Whatever of it was saved when the program died, the next run takes the rest over.
#[test]
fn every_state_on_the_way_leads_to_the_same_end() {
    let (cloud, place) = begin(TWO);
    place.run("apply -y").code(0);
    let world = cloud.world();
    let whole = load(&place).expect("a state");
    let order = ["ssh_key", "server", "domain", "record"];
    let mut addresses: Vec<_> = whole.resources.keys().cloned().collect();
    addresses.sort_by_key(|address| {
        let rank = order.iter().position(|kind| *kind == address.kind());
        (rank, address.clone())
    });
    for known in 0..addresses.len() {
        let mut store = Store::new(place.path("cloud.state.json"), place.path(".cloudbuilder"));
        let mut state = store.load().expect("a whole state").expect("a state");
        state.resources = whole.resources.clone();
        for lost in addresses.iter().skip(known) {
            state.resources.remove(lost);
        }
        store.save(&mut state).expect("it is saved");
        cloud.forget_requests();
        place.run("apply -y").code(0);
        let changed = changing(&cloud);
        assert_eq!(changed, Vec::<String>::new(), "with {known} known");
        assert_eq!(cloud.world(), world, "with {known} known");
        // A zone carries no mark: made or found, it is used, and taken for found.
        let state = load(&place).expect("a state");
        let missing = whole
            .resources
            .keys()
            .filter(|a| !state.resources.contains_key(a));
        assert!(
            missing
                .into_iter()
                .all(|address| address.kind() == "domain")
        );
    }
    assert_whole(&cloud, &place, TWO_WHOLE);
}

/// `git checkout` asks nobody.
#[test]
fn the_state_is_replaced_while_apply_runs() {
    let (cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    let before = place.read("cloud.state.json");
    place.write("cloud.json", TWO);
    hold_boots(&cloud);
    let mut running = place.start(None, &["apply", "-y", "-j", "1"]);
    // The two records of the other server are saved by then, and nothing more is on its way.
    running.until_it_says("2/6");
    place.write("cloud.state.json", &before);
    cloud.no_faults();
    let ran = running.finish().code(1);
    place.no_token(&ran);
    let id = cloud.the_droplet("db")["id"].to_string();
    let ran = ran.says("the state could not be saved").says(&id);
    assert_eq!(place.read("cloud.state.json"), before, "{ran}");
    // The journal knows more than the state that was put in place.
    cloud.no_faults();
    place
        .run("apply -y")
        .one_error("the state cannot be used")
        .says("it holds what a run did that went on from serial 3");
    place.run("state rebuild").code(0);
    place.run("apply -y").code(0);
    assert_whole(&cloud, &place, TWO_WHOLE);
}

/// What a program reads is whole, whatever happens: one object a line, the last one says how it
/// ended.
#[test]
fn a_stream_tells_how_it_ended() {
    let cases: &[(Value, i32, &str)] = &[
        (
            json!({"kind": "delay", "ms": 1, "count": 1}),
            0,
            "change_summary",
        ),
        (
            json!({"kind": "do_then_500", "method": "POST", "path": "/v2/droplets"}),
            0,
            "change_summary",
        ),
        (
            json!({"kind": "refuse", "status": 422, "method": "POST", "path": "/v2/domains"}),
            1,
            "apply_incomplete",
        ),
    ];
    for (fault, code, last) in cases {
        let (cloud, place) = begin(WEB);
        cloud.fault(fault);
        let ran = place.run("apply -y --json").code(*code);
        let kinds: Vec<String> = ran
            .stdout
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).expect("a line is an object");
                text(&line["type"]).to_owned()
            })
            .collect();
        assert_eq!(kinds.first().map(String::as_str), Some("version"));
        let ended = kinds
            .iter()
            .rev()
            .find(|kind| *kind != "diagnostic" && *kind != "outputs");
        assert_eq!(ended.map(String::as_str), Some(*last), "{ran}");
        assert_recovers(&cloud, &place, WEB_WHOLE);
    }
}

#[test]
fn a_run_waits_for_the_lock_as_long_as_it_was_told() {
    let (cloud, place) = begin(WEB);
    hold_boots(&cloud);
    let mut first = place.start(None, &["apply", "-y"]);
    first.until_it_says("it boots");
    let second = place.start(None, &["apply", "-y", "--lock-timeout", "50s"]);
    let third = place.start(None, &["apply", "-y", "--lock-timeout", "1ms"]);
    third.finish().one_error("another run is at work");
    cloud.no_faults();
    first.finish().code(0);
    second.finish().code(0).says("No changes.");
    assert_whole(&cloud, &place, WEB_WHOLE);
}

/// The second signal waits for nothing.
#[test]
fn a_second_signal_ends_it_at_once() {
    let (cloud, place) = begin(WEB);
    // An answer that takes longer than anybody waits.
    cloud.fault(&json!({"method": "POST", "path": "/v2/droplets", "kind": "delay", "ms": 50_000}));
    let mut running = place.start(None, &["apply", "-y"]);
    until("the request is sent", || {
        cloud.requests().contains(&"POST /v2/droplets".to_owned())
    });
    running.signal("INT");
    running.until_it_says("interrupted: nothing new is started");
    running.signal("INT");
    running
        .finish()
        .code(130)
        .says("the request was sent and its answer never came");
    cloud.no_faults();
    place
        .run("plan")
        .code(0)
        .says("1 in flight: 1 not to be seen yet");
    place
        .run("apply -y --settle 500ms")
        .code(0)
        .says("the last run was cut off: 2 of 5 steps done, 1 in flight: 1 never happened");
    assert_whole(&cloud, &place, WEB_WHOLE);
}

/// Just made and not to be seen may mean that it cannot be seen yet, but not for ever.
#[test]
fn what_is_deleted_as_soon_as_it_is_made_is_made_again() {
    for kind in ["server", "record", "ssh_key"] {
        let (cloud, place) = begin(WEB);
        place.run("apply -y").code(0);
        let path = match kind {
            "server" => format!("/v2/droplets/{}", cloud.the_droplet("web")["id"]),
            "record" => {
                let records = cloud.records("acme.com");
                format!("/v2/domains/acme.com/records/{}", records[0]["id"])
            }
            _ => {
                let keys = cloud.list("/v2/account/keys", "ssh_keys");
                format!("/v2/account/keys/{}", keys[0]["id"])
            }
        };
        cloud.good("DELETE", &path, &Value::Null);
        // Where the machine is so slow that it counts as gone at once, this is done already.
        let ran = place.run("apply -y --settle 2s");
        if ran.code != 0 {
            let ran = ran.code(1).says("not ready yet").says("is gone");
            assert!(ran.stderr.contains("run it again"), "{ran}");
            place.run("apply -y --settle 0s").code(0);
        }
        assert_whole(&cloud, &place, WEB_WHOLE);
    }
}

// ---- The cloud ----

/// A question about it alone shows that it is there; only the next look has it attached.
#[test]
fn what_was_just_made_and_is_not_seen_at_once_is_brought_up_all_the_same() {
    let (cloud, place) = begin(
        r#"{
  "version": 2,
  "volumes": {"data": {"region": "nyc3", "size_gb": 10}},
  "servers": {
    "db": {
      "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64", "volumes": ["data"]
    }
  }
}
"#,
    );
    let path = "/v2/volumes/{volume_id}";
    cloud.fault(
        &json!({"kind": "refuse", "status": 404, "method": "GET", "path": path, "count": 1}),
    );
    place.run("apply -y --settle 0ms").code(0);
    let of_db = &cloud.the_droplet("db")["volume_ids"];
    assert_eq!(of_db.as_array().map(Vec::len), Some(1), "{of_db}");
    place.run("plan --detailed-exitcode").code(0);
}

/// While it is on its way nothing tells whose it is: that it is on no server yet says nothing.
#[test]
fn an_address_that_is_on_its_way_is_waited_for_and_not_made_twice() {
    let configuration = r#"{
  "version": 2,
  "reserved_ips": {"web": {}},
  "servers": {
    "web": {
      "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64", "reserved_ip": "web"
    }
  }
}
"#;
    let options = || Options {
        action: Duration::from_millis(1500),
        ..quick()
    };
    let addresses = |cloud: &Cloud| cloud.list("/v2/reserved_ips", "reserved_ips").len();
    // Within a run, and by the next one.
    for death in ["", "die=write:reserved_ip.web:2"] {
        let (cloud, mut place) = begin_with(options(), configuration);
        if death.is_empty() {
            let path = "/v2/reserved_ips";
            cloud.fault(
                &json!({"kind": "do_then_drop", "method": "POST", "path": path, "count": 1}),
            );
        } else {
            place.set("CLOUDBUILDER_PRACTICE", death);
            place.run("apply -y --settle 0ms").code(137);
            place.set("CLOUDBUILDER_PRACTICE", "");
        }
        place.run("apply -y --settle 0ms").code(0);
        assert_eq!(addresses(&cloud), 1, "{death}");
        place.run("plan --detailed-exitcode").code(0);
        // It is ours, and goes.
        place.run("destroy -y").code(0);
        assert_eq!(addresses(&cloud), 0, "{death}");
    }
}

#[test]
fn answers_that_refuse_to_look() {
    let cases: &[(Value, &str, &str)] = &[
        (
            json!({"kind": "refuse", "status": 401, "message": "Unable to authenticate you"}),
            "the token is not accepted",
            "Unable to authenticate you",
        ),
        (
            json!({"kind": "refuse", "status": 403, "message": "You are not authorized"}),
            "the token is not accepted",
            "You are not authorized",
        ),
        (
            json!({"kind": "refuse", "status": 422, "message": "that makes no sense"}),
            "the API refused the request",
            "that makes no sense",
        ),
        (
            json!({"kind": "refuse", "status": 404, "body": "<html>nothing here</html>"}),
            "the API's address seems to be wrong",
            "nothing here",
        ),
        (
            json!({"kind": "refuse", "status": 302, "headers": {"location": "https://example.com/"}}),
            "the API's answer cannot be understood",
            "302",
        ),
        (
            json!({"kind": "refuse", "status": 503}),
            "the API did not answer as it should",
            "503",
        ),
        (
            json!({"kind": "drop"}),
            "the API did not answer as it should",
            "the connection broke",
        ),
        (
            json!({"kind": "garbage"}),
            "the API's answer cannot be understood",
            "Bad Gateway",
        ),
        (
            json!({"kind": "garbage", "body": "\u{1b}[31mred\u{7}"}),
            "the API's answer cannot be understood",
            "red",
        ),
        (
            json!({"kind": "garbage", "body": {"account": null}}),
            "the API's answer cannot be understood",
            "account",
        ),
        (
            json!({"kind": "refuse", "status": 400, "message": format!("no {TOKEN}\nno \u{1b}[2J")}),
            "the API refused the request",
            "no",
        ),
    ];
    let (cloud, place) = begin(WEB);
    for (fault, error, said) in cases {
        let mut fault = fault.clone();
        fault["path"] = json!("/v2/account");
        cloud.fault(&fault);
        // What may pass is tried for a while; once is enough of that here.
        let may_pass = fault["kind"] == "drop" || fault["status"] == 503;
        let commands = ["plan", "apply -y"];
        for command in commands.iter().skip(usize::from(may_pass)) {
            let ran = place.run(command).one_error(error).says(said);
            let raw = ran.stderr.chars().any(|c| c.is_control() && c != '\n');
            assert!(!raw, "control characters are escaped: {:?}", ran.stderr);
        }
        cloud.no_faults();
    }
    assert_eq!(changing(&cloud), Vec::<String>::new());
    assert_recovers(&cloud, &place, WEB_WHOLE);
}

#[test]
fn a_look_that_fails_is_repeated() {
    let (cloud, place) = begin(WEB);
    for fault in [
        json!({"method": "GET", "kind": "refuse", "status": 500, "nth": 3, "count": 2}),
        json!({"method": "GET", "kind": "refuse", "status": 502, "body": "<html>", "count": 1}),
        json!({"method": "GET", "kind": "drop", "nth": 2, "count": 2}),
    ] {
        cloud.fault(&fault);
        let ran = place.run("plan").code(0).says("Plan: 5 to add");
        assert_eq!(ran.stderr.matches("error").count(), 0, "{ran}");
        cloud.no_faults();
    }
}

#[test]
fn too_many_requests_are_waited_for_and_said() {
    let (cloud, place) = begin(WEB);
    cloud.fault(&json!({"method": "GET", "kind": "429", "retry_after": 1, "count": 1}));
    place.run("plan").code(0).says("waiting 1 s");
    cloud.no_faults();
    for path in [
        "/v2/account/keys",
        "/v2/droplets",
        "/v2/domains",
        "/v2/domains/{d}/records",
    ] {
        cloud.fault(
            &json!({"method": "POST", "path": path, "kind": "429", "retry_after": 1, "count": 1}),
        );
    }
    place
        .run("apply -y -j 1")
        .code(0)
        .says("the API's limit of requests is reached");
    assert_whole(&cloud, &place, WEB_WHOLE);
}

#[test]
fn nobody_answers() {
    let (mut cloud, place) = begin(WEB);
    place.run("apply -y").code(0);
    let files = place.files();
    cloud.stop();
    for command in ["plan", "apply -y"] {
        place
            .run(command)
            .one_error("the API cannot be reached")
            .says("refused");
    }
    let without_lock = |files: BTreeMap<_, _>| -> Vec<_> {
        files
            .into_iter()
            .filter(|(path, _): &(std::path::PathBuf, Vec<u8>)| !path.ends_with("lock"))
            .collect()
    };
    assert_eq!(without_lock(place.files()), without_lock(files));
}

/// A plain port that is spoken to in TLS, and plain speech where the token would be overheard.
#[test]
fn addresses_that_lead_nowhere() {
    let (cloud, mut place) = begin(WEB);
    place.point_at(&cloud.url().replace("http:", "https:"));
    place.run("plan").one_error("the API cannot be reached");
    place.point_at("http://api.example.com");
    place.run("plan").code(1).says("unencrypted");
    place.point_at("nonsense");
    place.run("plan").code(1).says("nonsense");
    assert_eq!(cloud.requests(), Vec::<String>::new());
}

const CREATIONS: &[&str] = &[
    "/v2/account/keys",
    "/v2/droplets",
    "/v2/domains",
    "/v2/domains/{d}/records",
];

fn fault_at(cloud: &Cloud, path: &str, fault: &Value) {
    let mut fault = fault.clone();
    fault["method"] = json!("POST");
    fault["path"] = json!(path);
    fault["count"] = json!(1);
    cloud.fault(&fault);
}

/// The answer to the creation of each kind is lost: what it made is looked for, and it is made
/// again only if there is nothing.
#[track_caller]
fn lost_at_each_creation(fault: &Value, done: bool) {
    for path in CREATIONS {
        let (cloud, place) = begin(WEB);
        fault_at(&cloud, path, fault);
        let ran = place.run("apply -y -j 1 --settle 500ms").code(0);
        assert!(
            ran.stderr.contains("looking whether it was made"),
            "{path}\n{ran}"
        );
        let sent = changing(&cloud);
        let beginning = path.trim_end_matches("{d}/records");
        let times = sent
            .iter()
            .filter(|request| match path.ends_with("/records") {
                true => request.ends_with("/records"),
                false => *request == &format!("POST {beginning}"),
            })
            .count();
        let once = if path.ends_with("/records") { 2 } else { 1 };
        let wanted = if done { once } else { once + 1 };
        assert_eq!(times, wanted, "{path}: {sent:?}\n{ran}");
        assert_whole(&cloud, &place, WEB_WHOLE);
        // It is ours all the same.
        place.run("destroy -y").code(0);
        assert_eq!(cloud.world(), "", "{path}");
    }
}

/// A refusal at the creation of each kind.
#[track_caller]
fn at_each_creation(fault: &Value, said: &str) {
    for path in CREATIONS {
        let (cloud, place) = begin(WEB);
        fault_at(&cloud, path, fault);
        let ran = place.run("apply -y");
        assert!(
            ran.code == 1 && ran.stderr.contains(said),
            "{path}: {said:?} is to be said\n{ran}"
        );
        assert_eq!(
            ran.stderr.matches("hint: ").count(),
            1,
            "{path}: one way on\n{ran}"
        );
        let ran = ran.says("To go on, run: cloudbuilder apply");
        // Nothing is sent twice.
        let sent = changing(&cloud);
        let beginning = path.split('{').next().unwrap_or(path);
        let twice = sent
            .iter()
            .filter(|request| *request == &format!("POST {path}"))
            .count();
        assert!(
            twice <= 1,
            "{path} ({beginning}) is sent once: {sent:?}\n{ran}"
        );
        assert_recovers(&cloud, &place, WEB_WHOLE);
    }
}

#[test]
fn a_creation_that_is_refused() {
    at_each_creation(
        &json!({"kind": "refuse", "status": 422, "message": "not like this"}),
        "not like this",
    );
}

#[test]
fn a_creation_that_is_forbidden() {
    at_each_creation(
        &json!({"kind": "refuse", "status": 403, "message": "read only"}),
        "check the token and its scopes",
    );
}

#[test]
fn a_creation_that_fails_undone() {
    lost_at_each_creation(&json!({"kind": "refuse", "status": 500}), false);
}

#[test]
fn a_creation_that_fails_done() {
    lost_at_each_creation(&json!({"kind": "do_then_500"}), true);
}

#[test]
fn a_creation_whose_connection_breaks_undone() {
    lost_at_each_creation(&json!({"kind": "drop"}), false);
}

#[test]
fn a_creation_whose_connection_breaks_done() {
    lost_at_each_creation(&json!({"kind": "do_then_drop"}), true);
}

#[test]
fn a_creation_whose_answer_is_garbage() {
    lost_at_each_creation(&json!({"kind": "garbage"}), true);
}

#[test]
fn a_creation_whose_answer_is_about_nothing() {
    lost_at_each_creation(&json!({"kind": "garbage", "body": {"links": {}}}), true);
}

/// The names of both servers change places.
fn swapped() -> String {
    TWO.replace("\"www.acme.com\", \"acme.com\"", "\"x\"")
        .replace("\"db.acme.com\"", "\"www.acme.com\", \"acme.com\"")
        .replace("\"x\"", "\"db.acme.com\"")
}

const SWAPPED_WHOLE: &[(&str, &[&str])] = &[("web", &["db"]), ("db", &["www", "@"])];

/// Whether a record leads to an address that no server has.
fn dangles(cloud: &Cloud) -> bool {
    let addresses: Vec<String> = cloud
        .droplets()
        .iter()
        .map(|droplet| Cloud::address(droplet, "v4"))
        .collect();
    let records = if cloud.domains().is_empty() {
        Vec::new()
    } else {
        cloud.records("acme.com")
    };
    records
        .iter()
        .any(|r| r["type"] == "A" && !addresses.iter().any(|a| r["data"] == *a))
}

#[test]
fn changes_and_deletions_that_nobody_knows_of_are_repeated() {
    for kind in ["do_then_500", "do_then_drop", "drop", "refuse"] {
        let (cloud, place) = begin(TWO);
        place.run("apply -y").code(0);
        place.write("cloud.json", swapped());
        cloud.fault(&json!({"method": "PUT", "kind": kind, "nth": 2, "count": 2}));
        place.run("apply -y -j 1").code(0);
        assert_whole(&cloud, &place, SWAPPED_WHOLE);

        cloud.fault(&json!({"method": "DELETE", "kind": kind, "nth": 2, "count": 1}));
        cloud.fault(
            &json!({"method": "DELETE", "path": "/v2/droplets/{d}", "kind": kind, "count": 1}),
        );
        place.run("destroy -y -j 1").code(0);
        assert_eq!(cloud.world(), "", "{kind}");
        assert_eq!(load(&place).expect("a state").resources.len(), 0);
    }
}

#[test]
fn changes_and_deletions_that_are_refused() {
    let (cloud, place) = begin(TWO);
    place.run("apply -y").code(0);
    place.write("cloud.json", swapped());
    let refuse = |mut fault: Value| {
        fault["kind"] = "refuse".into();
        fault["status"] = 422.into();
        cloud.fault(&fault);
    };
    refuse(json!({"method": "PUT", "nth": 2, "count": 2}));
    place.run("apply -y -j 1").code(1);
    assert_recovers(&cloud, &place, SWAPPED_WHOLE);

    refuse(json!({"method": "DELETE", "nth": 2, "count": 1}));
    place
        .run("destroy -y -j 1")
        .code(1)
        .says("To go on, run: cloudbuilder destroy");
    cloud.no_faults();
    refuse(json!({"method": "DELETE", "path": "/v2/droplets/{d}", "count": 1}));
    place.run("destroy -y -j 1").code(1);
    assert!(!dangles(&cloud), "a record leads to an address given back");
    cloud.no_faults();
    place.run("destroy -y").code(0);
    assert_eq!(cloud.world(), "");
    assert_eq!(load(&place).expect("a state").resources.len(), 0);
}

#[test]
fn no_words_of_the_api_and_no_verbosity_give_the_token_away() {
    let (cloud, place) = begin(WEB);
    cloud.fault(&json!({
        "method": "POST", "path": "/v2/droplets", "kind": "refuse", "status": 422, "count": 1,
        "message": format!("Bearer {TOKEN} is a bad \u{1b}]0;title\u{7}"),
    }));
    place
        .run("apply -y -vv")
        .code(1)
        .says("POST /v2/droplets")
        .never_says("\u{1b}");
    assert_recovers(&cloud, &place, WEB_WHOLE);
    place.run("show -vv").code(0);
    place.run("plan --json -vv").code(0);
}

// ---- Size ----

/// Makes what `apply` would have made, faster than it would.
fn make_outside(cloud: &Cloud, names: &[String], lineage: &str) {
    cloud.good("POST", "/v2/domains", &json!({"name": "acme.com"}));
    let key = json!({"name": "someone's", "public_key": KEY});
    cloud.good("POST", "/v2/account/keys", &key);
    for ten in names.chunks(10) {
        let body = json!({
            "names": ten, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "ipv6": true, "tags": [format!("cloudbuilder:{lineage}")],
        });
        cloud.good("POST", "/v2/droplets", &body);
    }
    for droplet in cloud.droplets() {
        for (kind, version) in [("A", "v4"), ("AAAA", "v6")] {
            let data = Cloud::address(&droplet, version);
            let body = json!({"type": kind, "name": droplet["name"], "data": data});
            cloud.good("POST", "/v2/domains/acme.com/records", &body);
        }
    }
}

#[test]
fn two_hundred_servers_are_planned_in_a_dozen_requests() {
    let names: Vec<String> = (0..200).map(|number| format!("node{number}")).collect();
    let mut servers = serde_json::Map::new();
    for name in &names {
        servers.insert(
            name.clone(),
            json!({
                "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "names": [format!("{name}.acme.com")],
            }),
        );
    }
    let configuration = serde_json::to_string_pretty(&Value::Object(servers)).expect("JSON");
    let (cloud, place) = begin(&configuration);
    let lineage = "00000000-0000-4000-8000-000000000200";
    make_outside(&cloud, &names, lineage);
    place
        .run("state rebuild")
        .code(0)
        .says(lineage)
        .says("200 servers, 400 records");
    place.run("apply -y").code(0);
    cloud.forget_requests();
    let plan = place.run("plan").code(0);
    let asked = cloud.get("/_sandbox/stats")["total"]
        .as_u64()
        .expect("a count");
    assert!(asked <= 12, "{asked} requests: {:?}", cloud.requests());
    plan.says("No changes.").says(&format!("{asked} requests"));
    assert_eq!(changing(&cloud), Vec::<String>::new());
}

#[test]
fn a_second_deployment_takes_nothing_of_the_first() {
    let (cloud, mut place) = begin(WEB);
    place.run("apply -y").code(0);
    let world = cloud.world();
    place.enter("other");
    place.write("cloud.json", WEB);
    cloud.forget_requests();
    for command in ["plan", "apply -y", "destroy -y"] {
        let ran = place.run(command).code(1);
        let id = cloud.the_droplet("web")["id"].to_string();
        assert!(ran.stderr.contains(&id), "{ran}");
    }
    assert_eq!(changing(&cloud), Vec::<String>::new());
    assert_eq!(cloud.world(), world);
    assert!(
        !place.path("cloud.state.json").exists(),
        "nothing to remember"
    );
}

/// Nobody reads what it prints.
#[test]
fn a_closed_output_is_no_reason_to_panic() {
    let (cloud, place) = begin(WEB);
    for command in ["plan", "apply -y", "show", "catalog images"] {
        let args: Vec<&str> = command.split(' ').collect();
        let ran: Ran = place.start(Some("exec 1>&-"), &args).finish();
        assert!(!ran.stderr.contains("panicked"), "{command}\n{ran}");
    }
    until("it is there", || !cloud.droplets().is_empty());
    assert_recovers(&cloud, &place, WEB_WHOLE);
}
