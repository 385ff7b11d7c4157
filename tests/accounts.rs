//! Several accounts in one cloud.json, in two regions of a simulated Rackspace Cloud: what has the
//! same name or id in both is never taken for the other.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use cloudbuilder::sandbox::rackspace::ACCOUNTS;
use cloudbuilder::sandbox::{self, Options};
use serde_json::{Value, json};

use support::cloud::{Cloud, quick, text};
use support::program::Place;

const KEYS: &str = "/servers/{region}/v2/{tenant_id}/os-keypairs";

/// A cloud, and a directory for a deployment in it.
fn begin() -> (Cloud, Place) {
    let cloud = Cloud::start(Options {
        cloud: sandbox::Cloud::Rackspace,
        ..quick()
    });
    let [own, _] = &ACCOUNTS;
    let mut place = Place::nowhere();
    // No account is there, but practice is known by it.
    place.point_at(cloud.url());
    place.set("RAX_USERNAME", own.username);
    place.set("RAX_API_KEY", own.api_key);
    place.keep_secret(own.api_key);
    (cloud, place)
}

/// Writes cloud.json with accounts, each a name and its region, and servers, each a name and its
/// account.
fn write(cloud: &Cloud, place: &Place, accounts: &[(&str, &str)], servers: &[(&str, &str)]) {
    let accounts = accounts.iter().map(|(name, region)| {
        let url = cloud.url();
        let account = json!({"type": "rackspace", "region": region, "auth_url": url});
        ((*name).to_owned(), account)
    });
    let servers = servers.iter().map(|(name, account)| {
        let server = json!({"provider": account, "image": "Debian 12*", "size": "general1-1"});
        ((*name).to_owned(), server)
    });
    let text = json!({
        "version": 2,
        "providers": accounts.collect::<serde_json::Map<String, Value>>(),
        "servers": servers.collect::<serde_json::Map<String, Value>>(),
    });
    place.write("cloud.json", format!("{text:#}\n"));
}

const BOTH: &[(&str, &str)] = &[("dfw", "DFW"), ("iad", "IAD")];

#[test]
fn a_lost_key_is_not_mistaken_for_the_one_of_another_account() {
    let (cloud, place) = begin();
    write(&cloud, &place, BOTH, &[("web", "dfw")]);
    place.run("apply -y").code(0);
    // The id of a key is its name, and that is the same in both.
    write(&cloud, &place, BOTH, &[("web", "dfw"), ("db", "iad")]);
    cloud.fault(&json!({"method": "POST", "path": KEYS, "nth": 1, "kind": "do_then_drop"}));
    cloud.forget_requests();
    place.run("apply -y --settle 1s").code(0);
    let requests = cloud.requests();
    let made = requests
        .iter()
        .filter(|request| request.starts_with("POST") && request.ends_with("/os-keypairs"));
    assert_eq!(made.count(), 1, "{requests:#?}");
    place.run("plan").code(0).says("No changes.");
    place
        .run("destroy -y")
        .code(0)
        .never_says("stays in the account");
}

/// The id that the state has of a server.
fn id_of(place: &Place, server: &str) -> String {
    let state: Value = serde_json::from_slice(&place.read("cloud.state.json")).expect("JSON");
    let resources = state["resources"].as_array().expect("a list");
    let address = format!("server.{server}");
    let recorded = resources.iter().find(|one| one["address"] == address);
    text(&recorded.expect("it is recorded")["id"]).to_owned()
}

#[test]
fn a_strangers_server_of_that_name_in_another_account_is_not_ours() {
    let (cloud, mut place) = begin();
    place.enter("theirs");
    write(&cloud, &place, &[("iad", "IAD")], &[("web", "iad")]);
    place.run("apply -y").code(0);
    let theirs = id_of(&place, "web");

    place.enter("ours");
    write(&cloud, &place, BOTH, &[("web", "dfw"), ("db", "iad")]);
    place.run("apply -y").code(0);
    let (web, db) = (id_of(&place, "web"), id_of(&place, "db"));
    place.remove("cloud.state.json");
    place
        .run("destroy -y")
        .one_error("there is no state")
        .says(&format!("web (account `dfw`, id {web}, lineage "))
        .says(&format!("db (account `iad`, id {db}, lineage "))
        .never_says(&theirs);
    place.run("state rebuild").code(0);
    place.run("plan").code(0).says("No changes.");
}

#[test]
fn what_is_gone_from_one_account_can_be_made_in_another() {
    let (cloud, place) = begin();
    let servers = [("web", "dfw"), ("db", "dfw")];
    write(&cloud, &place, BOTH, &servers);
    place.run("apply -y").code(0);
    // Somebody deletes it: this deployment itself, whose state is put back then.
    let before = place.read("cloud.state.json");
    write(&cloud, &place, BOTH, &servers[1..]);
    place.run("apply -y").code(0);
    place.write("cloud.state.json", &before);

    write(&cloud, &place, BOTH, &[("web", "iad"), ("db", "dfw")]);
    place
        .run("plan")
        .one_error("server.web is in the account `dfw`, not in `iad`");
    place.run("apply -y --settle 0s").code(0);
    let state = place.text("cloud.state.json");
    assert_eq!(state.matches("server.web").count(), 1, "{state}");
    place.run("plan").code(0).says("No changes.");
    place.run("destroy -y").code(0);
    place.run("plan --destroy").code(0).says("No changes.");
}

#[test]
fn an_account_with_nothing_in_it_may_become_another_one() {
    let (cloud, place) = begin();
    write(&cloud, &place, &[("rax", "DFW")], &[("web", "rax")]);
    place.run("apply -y").code(0);
    write(&cloud, &place, &[("rax", "IAD")], &[("web", "rax")]);
    for line in ["plan", "apply -y", "destroy -y"] {
        place
            .run(line)
            .one_error("the account is opened in another region than before")
            .says("name the region DFW again");
    }
    write(&cloud, &place, &[("rax", "DFW")], &[("web", "rax")]);
    place.run("destroy -y").code(0);
    write(&cloud, &place, &[("rax", "IAD")], &[("web", "rax")]);
    place.run("apply -y").code(0);
    assert!(place.text("cloud.state.json").contains("/IAD\""));
    write(&cloud, &place, &[("rax", "DFW")], &[("web", "rax")]);
    place
        .run("plan")
        .one_error("the account is opened in another region than before");
}
