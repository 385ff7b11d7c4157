//! What leaves cloud.json under one name and comes under another.

use cloudbuilder::model::{Capabilities, Diagnostic, Update};
use cloudbuilder::plan::Plan;
use serde_json::json;

use crate::reserved::RESERVED;
use crate::world::{OURS, World};

/// A server can have another name, and a network too.
pub(crate) static RENAMED: Capabilities = Capabilities {
    kinds: &[
        "ssh_key",
        "vpc",
        "server",
        "reserved_ip",
        "domain",
        "record",
    ],
    updates: &[
        Update::at_once("record", &["name", "data", "ttl"]),
        Update::at_once("reserved_ip", &["server"]),
        Update::at_once("server", &["name", "tags"]),
        Update::at_once("vpc", &["name"]),
    ],
    ..RESERVED
};

fn cloud(servers: &str) -> String {
    format!(
        r#"{{"version": 2, "vpcs": {{}},
            "defaults": {{"region": "new1", "size": "small", "image": "deb"}},
            "servers": {{{servers}}}}}"#
    )
}

/// What is there when it asked for the one, and asks for the other now.
fn edited(before: &str, after: &str) -> World {
    let mut world = World::new(before);
    world.capabilities = &RENAMED;
    let plan = world.plan().expect("an empty account takes everything");
    world.carry_out_all(&plan);
    world.expect("");
    world.asking_for(after)
}

fn warnings(plan: &Plan) -> Vec<&str> {
    let notes = plan.notes.iter();
    notes.map(|note| note.summary.as_str()).collect()
}

/// Carries it out; then nothing is to be done.
fn done(mut world: World) -> World {
    let plan = world.plan().expect("a plan");
    world.carry_out_all(&plan);
    world.expect("");
    world
}

#[test]
fn a_server_is_kept_and_gets_the_new_name() {
    let before = cloud(r#""web": {"names": ["www.acme.com"], "protect": true}"#);
    let after = cloud(r#""app": {"names": ["www.acme.com", "app.acme.com"], "protect": true}"#);
    let mut world = edited(&before, &after);
    let id = world.record_of("server.web").id.clone();
    world.expect(
        "
        1 ~ server app: rename: web → app [name]
        2 + record app.acme.com A: → 10.0.0.2
        3 + record app.acme.com AAAA: → 2001:db8::2
        4 ~ file cloud.json: write networks of app
        warning: server.web becomes server.app and is kept: cloud.json asks for it as it is, only under another name
    ",
    );
    let plan = world.plan().unwrap();
    assert!(plan.notes[0].place.is_some());
    let mut world = done(world);
    assert_eq!(world.record_of("server.app").id, id);
    let refers_to = &world.record_of("record.www.acme.com/A").refers_to;
    assert!(refers_to.contains(&"server.app".parse().unwrap()));
    assert!(!refers_to.contains(&"server.web".parse().unwrap()));
}

#[test]
fn a_run_that_was_cut_off_before_it_is_renamed_goes_on() {
    let mut world = edited(&cloud(r#""web": {}"#), &cloud(r#""app": {}"#));
    let plan = world.plan().unwrap();
    world.take_addresses(&plan);
    world.expect(
        "
        1 ~ server app: rename: web → app [name]
        2 ~ file cloud.json: write networks of app
    ",
    );
    done(world);
}

#[test]
fn one_that_somebody_renamed_already_is_only_called_so() {
    let mut world = edited(&cloud(r#""web": {}"#), &cloud(r#""app": {}"#));
    world
        .seen("server.web")
        .attributes
        .insert("name", json!("app"));
    world.expect(
        "
        1 & server app: take over 2, which is right already
        2 ~ file cloud.json: write networks of app
        warning: server.web becomes server.app and is kept: cloud.json asks for it as it is, only under another name
    ",
    );
    let plan = world.plan().unwrap();
    assert_eq!(plan.renamed.len(), 1);
    assert_eq!(plan.counts().change, 0);
}

#[test]
fn what_differs_besides_is_made_and_what_is_much_like_it_is_told() {
    let before = cloud(r#""web": {"tags": ["a"]}"#);
    let world = edited(&before, &cloud(r#""app": {"tags": ["b"]}"#));
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    assert_eq!(
        warnings(&plan),
        ["server.app is made, and server.web destroyed, which is much like it"]
    );
    let world = edited(
        &before,
        &cloud(r#""app": {"tags": ["a"], "size": "large"}"#),
    );
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    assert!(warnings(&plan).is_empty());
}

#[test]
fn several_are_told_apart_by_their_numbers_or_not_at_all() {
    let world = edited(&cloud(r#""web-{1..3}": {}"#), &cloud(r#""app-{1..3}": {}"#));
    world.expect(
        "
        1 ~ server app-1: rename: web-1 → app-1 [name]
        2 ~ server app-2: rename: web-2 → app-2 [name]
        3 ~ server app-3: rename: web-3 → app-3 [name]
        4 ~ file cloud.json: write networks of app-1, app-2, app-3
        warning: servers are renamed and kept: server.web-1 → server.app-1, server.web-2 → server.app-2, server.web-3 → server.app-3: cloud.json asks for them as they are, only under other names
    ",
    );
    done(world);
    for after in [
        r#""a": {}, "b": {}, "c": {}"#,
        r#""app-{4..6}": {}"#,
        r#""web-{4..6}": {}"#,
    ] {
        let world = edited(&cloud(r#""web-{1..3}": {}"#), &cloud(after));
        let plan = world.plan().unwrap();
        assert!(plan.renamed.is_empty(), "{after}");
        let warnings = warnings(&plan);
        assert_eq!(warnings.len(), 1, "{after}");
        assert!(warnings[0].ends_with(
            "made, and server.web-1, server.web-2 and server.web-3 are destroyed, which are much like that"
        ));
    }
    // Of two with one number nobody knows which is meant.
    let world = edited(
        &cloud(r#""web-1": {}, "api-1": {}"#),
        &cloud(r#""app-1": {}"#),
    );
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    assert_eq!(
        warnings(&plan),
        [
            "server.app-1 is made, and server.api-1 and server.web-1 are destroyed, which are just like that"
        ]
    );
}

/// Nothing is renamed, and what comes and goes is told.
fn two_servers(before: &str, after: &str) {
    let world = edited(&cloud(before), &cloud(after));
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty(), "{after}");
    assert_ne!(plan.counts().destroy, 0, "{after}");
    assert!(
        warnings(&plan)
            .iter()
            .any(|told| told.ends_with("which is much like it")),
        "{after}"
    );
}

#[test]
fn one_that_is_for_something_else_is_another_one() {
    // Another number, other names, none any more, and one that goes by itself.
    two_servers(r#""web-1": {}"#, r#""web-4": {}"#);
    two_servers(r#""db-1": {}"#, r#""web": {}"#);
    two_servers(
        r#""web": {"names": ["www.acme.com"]}"#,
        r#""app": {"names": ["app.acme.com"]}"#,
    );
    two_servers(r#""web": {"names": ["www.acme.com"]}"#, r#""app": {}"#);
    two_servers(r#""web": {}"#, r#""job": {"expires": "2h"}"#);
}

#[test]
fn what_serves_on_or_is_protected_gets_no_other_name() {
    let mut world = edited(&cloud(r#""web": {}"#), &cloud(r#""app": {}"#));
    let told = json!("1970-01-01T01:00:00Z");
    let attributes = &mut world.record_of("server.web").attributes;
    attributes.insert("forgotten_at", told);
    assert!(world.plan().unwrap().renamed.is_empty());
    let world = edited(
        &cloud(r#""web": {"protect": true}"#),
        &cloud(r#""app": {}"#),
    );
    let problems = world.plan().expect_err("it is protected");
    assert!(
        problems
            .iter()
            .any(|one| one.summary.contains("server.web is protected"))
    );
}

#[test]
fn whoever_says_which_one_is_meant_is_heard() {
    let before = cloud(r#""web": {}, "other": {"size": "large"}"#);
    let mut world = edited(&before, &cloud(r#""app": {}, "other": {"size": "large"}"#));
    world.replace = vec!["server.app".parse().unwrap()];
    world.expect(
        "
        1 +/- server app: another in place of 2 · as asked $6.00
        2 - server app (2): with its disk · another serves in its place -$6.00 (after 1)
        3 ~ file cloud.json: write networks of app
    ",
    );
    let plan = world.plan().unwrap();
    assert!(warnings(&plan).is_empty());
    world.replace.clear();
    // By the name that it has in the state, it goes.
    world.part.targets = vec!["server.web".parse().unwrap()];
    world.expect(
        "
        1 - server web: with its disk · no longer in cloud.json -$6.00
        warning: this plan is only a part: 1 other change is left out: a plan without --target and --exclude has them all
    ",
    );
    world.part.targets.clear();
    world.part.excluded = vec!["server.web".parse().unwrap()];
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    assert_eq!(plan.counts().destroy, 0);
    // A glob means it by whatever name.
    world.part.excluded.clear();
    world.part.targets = vec!["server.*".parse().unwrap()];
    assert_eq!(world.plan().unwrap().renamed.len(), 1);
    world.part.targets.clear();
    // What is left out is not even called otherwise.
    world.part.excluded = vec!["server.app".parse().unwrap()];
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty() && plan.steps.is_empty());
}

#[test]
fn a_name_that_is_taken_is_no_new_name() {
    let mut world = edited(&cloud(r#""web": {}"#), &cloud(r#""app": {}"#));
    world.add_server("app", &[OURS]);
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    assert_eq!(plan.counts().destroy, 1);
    // One that has failed is not kept either, and one that cannot have another name.
    let mut world = edited(&cloud(r#""web": {}"#), &cloud(r#""app": {}"#));
    world.capabilities = &RESERVED;
    let plan = world.plan().unwrap();
    assert!(plan.renamed.is_empty());
    let is_warning = |note: &Diagnostic| note.summary.contains("much like it");
    assert!(!plan.notes.iter().any(is_warning));
}

#[test]
fn a_network_is_renamed_and_its_servers_stay() {
    let cloud = |name: &str| {
        format!(
            r#"{{"version": 2, "vpcs": {{"{name}": {{"region": "new1", "ip_range": "10.1.0.0/16"}}}},
                "servers": {{"a": {{"region": "new1", "size": "small", "image": "deb", "vpc": "{name}"}}}}}}"#
        )
    };
    let world = edited(&cloud("in"), &cloud("inner"));
    world.expect(
        "
        1 ~ vpc inner: rename: in → inner [name]
        warning: vpc.in becomes vpc.inner and is kept: cloud.json asks for it as it is, only under another name
    ",
    );
    done(world);
}
