//! What commands do at the edges: odd files, odd options, an odd API.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]
#![allow(dead_code, reason = "what the tests of the program share, not all use")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use support::cloud::{Cloud, quick};
use support::program::{KEY, Place, TOKEN};
use support::terminal::Seen;

const WEB: &str = r#"{
  "web": {
    "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
    "names": ["www.acme.com"]
  }
}
"#;

fn begin(configuration: &str) -> (Cloud, Place) {
    let cloud = Cloud::start(quick());
    let place = Place::new(&cloud);
    place.write("cloud.json", configuration);
    (cloud, place)
}

/// Writes security.json, readable by everybody.
fn secure(place: &Place, security: &Value) {
    place.write("security.json", security.to_string());
    let permissions = fs::Permissions::from_mode(0o644);
    fs::set_permissions(place.path("security.json"), permissions).expect("the mode is set");
}

#[test]
fn a_token_in_an_open_file_is_warned_of_whichever_is_used() {
    let (_cloud, mut place) = begin(WEB);
    let warning = "security.json holds a token and others can read it";
    secure(&place, &json!({"digital_ocean_api_key": TOKEN}));
    place.run("plan").code(0).says(warning);
    place.unset("DIGITALOCEAN_TOKEN");
    place.run("plan").code(0).says(warning);
    place.set("DIGITALOCEAN_TOKEN", TOKEN);
    secure(&place, &json!({"public_ssh_key": KEY}));
    place.run("plan").code(0).never_says("warning");
}

/// In CI the file may be a form that nobody filled in.
#[test]
fn an_empty_key_in_the_file_does_not_matter_beside_the_environment() {
    let (_cloud, mut place) = begin(WEB);
    secure(
        &place,
        &json!({"digital_ocean_api_key": "", "public_ssh_key": ""}),
    );
    place
        .run("plan")
        .code(0)
        .says("warning: `public_ssh_key` is empty")
        .says("Plan: 5 to add");
    place.unset("CLOUDBUILDER_PUBLIC_SSH_KEY");
    place.run("plan").one_error("`public_ssh_key` is empty");
}

/// Answers what init asks, up to where it begins to write.
fn answer_init(place: &Place) -> Seen {
    let mut session = place.at_terminal(120, "init");
    session.until("Provider [digitalocean]: ");
    session.enter("");
    session.until("Token (not shown): ");
    session.enter(TOKEN);
    session.until("Public SSH key");
    session.enter(KEY);
    session.end()
}

#[test]
fn init_adds_to_a_list_in_any_encoding() {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.unset("DIGITALOCEAN_TOKEN");
    place.write(".gitignore", b"caf\xe9.log");
    answer_init(&place).code(0).never_says(TOKEN);
    assert_eq!(place.read(".gitignore"), b"caf\xe9.log\nsecurity.json\n");
}

/// A token that git could see is not written.
#[test]
fn init_writes_no_token_before_it_is_ignored() {
    let cloud = Cloud::start(quick());
    let mut place = Place::new(&cloud);
    place.unset("DIGITALOCEAN_TOKEN");
    fs::create_dir(place.path(".gitignore")).expect("a directory");
    answer_init(&place)
        .code(1)
        .says(".gitignore cannot be read")
        .never_says(TOKEN);
    assert!(!place.path("security.json").exists());
}
