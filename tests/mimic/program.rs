//! A deployment from its beginning to its end.

use serde_json::{Value, json};

use crate::account::Account;
use crate::support::program::KEY;

/// What mimic says of a server that the program is to know again.
fn known(server: &Value) -> Value {
    json!([server["id"], server["metadata"], server["key_name"]])
}

fn public(server: &Value) -> Vec<Value> {
    let addresses = server["addresses"]["public"].as_array().expect("addresses");
    addresses.iter().map(|one| one["addr"].clone()).collect()
}

fn two() -> Value {
    let files = json!([{"path": "/etc/motd", "content": "hello\n"}]);
    json!({"web1": {}, "web2": {"files": files}})
}

#[test]
fn two_servers_come_and_go() {
    let here = Account::of("two");
    here.write(&two());
    here.place.run("apply -y").code(0).says("3 added");

    let state: Value = serde_json::from_str(&here.place.text("cloud.state.json")).expect("JSON");
    let lineage = &state["lineage"];
    assert!(lineage.is_string(), "{state:#}");
    let keys = here.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(keys[0]["public_key"], KEY);
    let servers = here.servers();
    assert_eq!(here.names(), ["web1", "web2"]);
    let written = here.written();
    for server in &servers {
        assert_eq!(
            server["metadata"],
            json!({"cloudbuilder": lineage, "cloudbuilder_ipv4": "true"})
        );
        assert_eq!(server["key_name"], keys[0]["name"]);
        assert_eq!(server["flavor"]["id"], "general1-1");
        let image = here.image(&server["image"]["id"]);
        assert_eq!(image, "Debian 7 (Wheezy) (PVHVM)");
        // What is written is what mimic gave it, on the network that leads outside.
        let name = server["name"].as_str().expect("a name");
        let v4 = &written["servers"][name]["networks"]["v4"];
        assert_eq!(v4[0]["ip_address"], public(server)[0]);
        assert_eq!(v4[0]["type"], "public");
        assert_eq!(v4[1]["type"], "private");
    }

    here.is_finished();
    here.place.run("apply -y").code(0).says("No changes.");
    assert_eq!(here.servers(), servers);

    here.place.run("destroy -y").code(0);
    here.holds_nothing();
}

#[test]
fn a_file_with_a_mode_comes_by_cloud_init() {
    let here = Account::of("mode");
    let files = json!([{"path": "/srv/key", "content": "hello\n", "mode": "0600"}]);
    here.write(&json!({"web1": {"files": files}}));
    let ran = here.place.run("apply -y").code(0);
    ran.says("2 added")
        .says("the files of server web1 are written by cloud-init");
    here.is_finished();
}

#[test]
fn a_state_is_made_again_from_what_is_there() {
    let here = Account::of("rebuilt");
    here.write(&two());
    here.place.run("apply -y").code(0);
    let before = here.servers();

    here.place.remove("cloud.state.json");
    let rebuilt = here.place.run("state rebuild").code(0);
    rebuilt.says("1 ssh_key, 2 servers");
    here.is_finished();
    here.place.run("apply -y").code(0);
    let ids = |servers: &[Value]| servers.iter().map(known).collect::<Vec<_>>();
    assert_eq!(ids(&here.servers()), ids(&before));
    here.place.run("destroy -y").code(0);
    assert_eq!(here.names(), [""; 0]);
    // A key that was found is not known to be of this deployment alone.
    assert_eq!(here.keys().len(), 1);
}

#[test]
fn what_is_taken_out_goes_and_nothing_else() {
    let here = Account::of("fewer");
    here.write(&two());
    here.place.run("apply -y").code(0);
    let web1 = here.servers().remove(0);
    here.write(&json!({"web1": {}}));
    here.place.run("apply -y").code(0).says("1 destroyed");
    assert_eq!(here.servers(), [web1]);
    here.is_finished();
}
