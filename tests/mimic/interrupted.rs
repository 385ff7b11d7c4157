//! Runs that are killed, and servers that do not come up: nothing is there twice, and nothing is
//! lost.

use serde_json::json;

use crate::account::Account;

const KILLED: i32 = 128 + 9;
/// Longer than any test: what is to come up earlier is turned.
const EVER: u32 = 3600;

#[test]
fn killed_at_steps_of_the_journal() {
    let mut here = Account::of("steps");
    here.write(&json!({"web1": {}}));
    for step in [
        // The key is made, and nobody has written that down.
        "write:\"ssh_key.rax\":2",
        "write:\"server.web1\":1",
        // So is the server.
        "write:\"server.web1\":2",
        "write:\"server.web1\":3",
    ] {
        let practice = format!("die={step} tempo=0.1");
        here.place.set("CLOUDBUILDER_PRACTICE", &practice);
        here.place.run("apply -y --settle 1s").code(KILLED);
    }
    here.place.unset("CLOUDBUILDER_PRACTICE");
    here.place.run("apply -y --settle 1s").code(0);
    here.is_finished();
    assert_eq!(here.names(), ["web1"]);
    assert_eq!(here.keys().len(), 1);
    here.place.run("destroy -y").code(0);
    here.holds_nothing();
}

/// A real kill while the server boots; the next run waits for that very server.
#[test]
fn killed_while_a_server_boots() {
    let here = Account::of("boots");
    here.write(&json!({"web1": {}}));
    here.behave("web1", "build", &json!({"duration": EVER}));
    let run = here.place.start(None, &["apply", "-y"]);
    here.until_there_is_a_server();
    run.signal("KILL");
    run.finish().code(KILLED);
    let before = here.servers();
    assert_eq!(before[0]["status"], "BUILD");

    let mut run = here.place.start(None, &["apply", "-y"]);
    run.until_it_says("not ready yet");
    here.turn("ACTIVE");
    run.finish().code(0);
    let after = here.servers();
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(after[0]["id"], before[0]["id"]);
    here.is_finished();
    here.place.run("destroy -y").code(0);
    here.holds_nothing();
}

/// mimic makes the server and says that it could not.
#[test]
fn a_server_that_is_made_in_secret_is_found() {
    let here = Account::of("secret");
    here.write(&json!({"web1": {}}));
    let secret = here.behave("web1", "false-negative", &json!({"code": 500}));
    here.place.run("apply -y --settle 1s").code(0);
    here.behave_well(&secret);
    assert_eq!(here.names(), ["web1"]);
    here.is_finished();
}

#[test]
fn a_server_that_fails_is_told_about_and_can_be_had_again() {
    let here = Account::of("fails");
    here.write(&json!({"web1": {}, "web2": {}}));
    let failing = here.behave("web2", "error", &json!({}));
    here.place
        .run("apply -y")
        .code(1)
        .says("web2")
        .says("ERROR");
    here.behave_well(&failing);
    assert_eq!(here.names(), ["web1", "web2"]);
    for line in ["plan", "apply -y"] {
        let ran = here.place.run(line);
        ran.one_error("server.web2 failed to come up")
            .says("delete it by hand");
    }
    let web1 = here.servers().remove(0);

    here.delete("web2");
    here.place.run("apply -y --settle 0s").code(0);
    here.is_finished();
    assert_eq!(here.names(), ["web1", "web2"]);
    assert_eq!(here.servers()[0], web1);
    here.place.run("destroy -y").code(0);
    here.holds_nothing();
}
