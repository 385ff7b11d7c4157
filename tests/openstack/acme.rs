//! README's example on an OpenStack: from nothing to nothing.

use std::sync::PoisonError;

use similar::TextDiff;

use crate::EXAMPLE;
use crate::cloud::Cloud;
use crate::deployment::{addresses, nothing_but_a_kept_key, nowhere, read, seen, sign_in};
use crate::left::Left;
use crate::support::program::Place;

const FOLDER: &str = "fixtures/acme-openstack";

/// What the names of all that it makes begin with, and the comment of its key.
const OURS: [&str; 4] = ["server1", "server2", "acme.com", "fredy@acme.com"];

/// What README shows of a command.
fn shown(command: &str) -> String {
    let opening = format!("```console\n$ cloudbuilder -C {FOLDER} {command}\n");
    let readme = read("README.md");
    let (_, rest) = readme
        .split_once(&opening)
        .unwrap_or_else(|| panic!("README.md does not show `{command}`"));
    let (shown, _) = rest.split_once("```").expect("an end");
    shown.to_owned()
}

/// Without seconds, which vary.
fn normal(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let seconds = |at: usize| {
            let unit = words.get(at + 1).map(|word| word.trim_end_matches('.'));
            let is_number = words
                .get(at)
                .is_some_and(|word| word.parse::<f64>().is_ok());
            unit == Some("s") && is_number
        };
        let normal = words.iter().enumerate();
        let normal = normal.map(|(at, word)| if seconds(at) { "T" } else { word });
        normal.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn is_as_shown(place: &Place, command: &str) {
    let ran = place.run(command).code(0);
    let (printed, expected) = (normal(&ran.stdout), normal(&shown(command)));
    let difference = TextDiff::from_lines(&expected, &printed)
        .unified_diff()
        .to_string();
    assert!(
        difference.is_empty(),
        "README.md differs for `{command}`:\n{difference}\n{ran}"
    );
}

#[test]
fn the_example_comes_up_is_answered_and_goes() {
    let _alone = EXAMPLE.lock().unwrap_or_else(PoisonError::into_inner);
    let left = Left::by(&OURS);
    let cloud = Cloud::here();
    let mut place = nowhere(&cloud);
    sign_in(&mut place, &cloud);
    let security: serde_json::Value =
        serde_json::from_str(&read("fixtures/acme/security.json")).unwrap();
    let key = security["public_ssh_key"].as_str().unwrap();
    place.set("CLOUDBUILDER_PUBLIC_SSH_KEY", key);
    place.write("cloud.json", read(&format!("{FOLDER}/cloud.json")));

    is_as_shown(&place, "plan");
    is_as_shown(&place, "apply -y");
    place.run("plan --detailed-exitcode").code(0);
    for (server, names) in [
        ("server1", &["server1.acme.com", "acme.com"] as &[&str]),
        ("server2", &["server2.acme.com"]),
    ] {
        for (version, kind) in [("v4", "A"), ("v6", "AAAA")] {
            let addresses = addresses(&place, server, version);
            assert_eq!(addresses.len(), 1, "{server} {version}");
            for name in names {
                assert_eq!(cloud.dig(name, kind), addresses, "{name}");
            }
        }
    }
    let ran = place.run("destroy -y").code(0).says("Destroy complete!");
    let seen = seen(&cloud, &OURS);
    assert_eq!(seen, nothing_but_a_kept_key(&ran, &seen), "{ran}");
    assert_eq!(cloud.dig("acme.com", "A"), Vec::<String>::new());
    drop(left);
}
