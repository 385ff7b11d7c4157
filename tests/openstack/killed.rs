//! The program is killed in the middle and run again: nothing is there twice, and nothing is lost.

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::floating;
use crate::support::program::until;

const KILLED: i32 = 128 + 9;

/// Dies at a step, unless all is done before.
fn die_at(here: &mut Deployment, step: &str) {
    let practice = format!("die={step} tempo=0.2");
    here.place.set("CLOUDBUILDER_PRACTICE", &practice);
    here.place.run("apply -y --settle 3s").code(KILLED);
    here.place.unset("CLOUDBUILDER_PRACTICE");
}

/// Runs it again; then all that is wanted is there once.
fn goes_on(here: &Deployment, servers: &[&str], floating: usize) {
    here.place.run("apply -y --settle 3s").code(0);
    here.is_finished();
    let held = here.held();
    let names: Vec<Value> = servers.iter().map(|name| json!(here.name(name))).collect();
    assert_eq!(held["servers"], json!(names));
    assert_eq!(held["zones"].as_array().map(Vec::len), Some(1), "{held}");
    assert_eq!(held["keys"].as_array().map(Vec::len), Some(1), "{held}");
    let addresses = held["floating"].as_array().map(Vec::len);
    assert_eq!(addresses, Some(floating), "{held}");
}

#[test]
fn at_steps_of_the_journal() {
    let mut here = Deployment::of("steps");
    here.write_one();
    for step in [
        // The key is made, and nobody has written that down.
        "write:\"ssh_key.os\":2",
        &format!("write:\"server.{}\":1", here.name("web1")),
        &format!("write:\"server.{}\":2", here.name("web1")),
        &format!("write:\"record.{}/A\":2", here.host("www")),
    ] {
        die_at(&mut here, step);
    }
    goes_on(&here, &["web1"], 0);
    here.ends();
}

/// A real kill, at a moment that the cloud chooses.
#[test]
fn while_servers_boot() {
    let here = Deployment::of("boot");
    let names = json!({"names": [here.host("www")]});
    here.write(
        &json!({"networks": ["public"]}),
        &json!({"web1": names, "web2": {}}),
    );
    let run = here.place.start(None, &["apply", "-y"]);
    until("a server is there", || {
        let servers = here.servers();
        !servers.is_empty()
    });
    run.signal("KILL");
    run.finish().code(KILLED);
    goes_on(&here, &["web1", "web2"], 0);
    here.ends();
}

/// The server is there, and its floating IP is not, or nobody knows of it.
#[test]
fn between_a_server_and_its_floating_ip() {
    let mut here = Deployment::of("between");
    let names = json!({"names": [here.host("www")]});
    here.write(&floating::settings(), &json!({"web1": names}));
    let own = format!("\"server.{}\"", here.name("web1"));
    // Before what was made is written down, and before it is written down that it is ready.
    for time in [2, 3] {
        die_at(&mut here, &format!("write:{own}:{time}"));
    }
    goes_on(&here, &["web1"], 1);
    let address = here.addresses("web1", "v4");
    assert_eq!(here.cloud.dig(&here.host("www"), "A"), address);
    here.ends();
}
