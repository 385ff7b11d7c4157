//! The beginning, at a terminal.

use std::fs;
use std::sync::PoisonError;

use serde_json::{Value, json};

use crate::EXAMPLE;
use crate::cloud::{Cloud, Who};
use crate::contract;
use crate::deployment::nowhere;
use crate::left::Left;

const WIDE: usize = 120;

#[test]
fn init_asks_for_what_opens_the_account_and_tries_it() {
    let _left = Left::of("begun");
    let cloud = Cloud::here();
    let mut place = nowhere(&cloud);
    place.unset("CLOUDBUILDER_PUBLIC_SSH_KEY");
    let key = contract::account::key("begun-");
    fs::create_dir(place.home().join(".ssh")).unwrap();
    place.write("../home/.ssh/id_ed25519.pub", format!("{key}\n"));
    place.keep_secret("with-a-mistake");

    let mut session = place.at_terminal(WIDE, "init");
    session.until("Provider [digitalocean]: ");
    session.enter("openstack");
    session.until("An application credential is made in the dashboard");
    for password in ["with-a-mistake", cloud.password(Who::Demo)] {
        session.until("Keystone's address: ");
        session.enter(&cloud.auth_url);
        session.until("Region [the only one]: ");
        session.enter("");
        session.until("Application credential's id [none: user name and password]: ");
        session.enter("");
        session.until("User name: ");
        session.enter(Who::Demo.name());
        session.until("Password (not shown): ");
        session.enter(password);
        session.until("Project: ");
        session.enter(Who::Demo.name());
        if password == "with-a-mistake" {
            session.until("It is not accepted: ");
        }
    }
    session.until("It opens the account of ");
    session.until("Network for servers (private, public) [public]: ");
    session.enter("elsewhere");
    session.until("There is private, public.");
    session.until("Network for servers (private, public) [public]: ");
    session.enter("private");
    session.until("Servers get floating IPs from public.");
    session.until("Public SSH key");
    session.enter("");
    session.until("Wrote security.json (mode 0600).");
    session.until("Then: cloudbuilder plan");
    session.end().code(0);

    let security: Value = serde_json::from_str(&place.text("security.json")).unwrap();
    let entry = json!({
        "username": Who::Demo.name(),
        "password": cloud.password(Who::Demo),
        "project": Who::Demo.name(),
    });
    assert_eq!(
        security,
        json!({"accounts": {"os": entry}, "public_ssh_key": key})
    );
    // What it begins with can be carried out.
    let _alone = EXAMPLE.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = place.run("plan --detailed-exitcode");
    plan.code(2).says("+ server   server1");
}
