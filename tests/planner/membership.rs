//! Firewalls that servers are put behind one by one.

use cloudbuilder::model::{Attributes, Capabilities, Update};
use serde_json::json;

use crate::world::{CAPABILITIES, FOREIGN, OURS, World};

static GROUPED: Capabilities = Capabilities {
    kinds: &["ssh_key", "firewall", "server", "domain", "record"],
    updates: &[
        Update::at_once("firewall", &["name", "tags", "inbound", "outbound"]),
        Update::at_once("server", &["firewalls"]),
        Update::at_once("server", &["tags"]),
    ],
    ..CAPABILITIES
};

const WEB: &str =
    r#""web": {"tags": ["web"], "inbound": [{"tcp": "80", "from": ["anywhere"]}], "outbound": []}"#;
const DB: &str =
    r#""db": {"tags": ["db"], "inbound": [{"tcp": "5432", "from": ["tag:WEB"]}], "outbound": []}"#;

fn cloud(firewalls: &[&str], servers: &str) -> String {
    format!(
        r#"{{"version": 2, "firewalls": {{{}}},
            "defaults": {{"region": "new1", "size": "small", "image": "deb"}},
            "servers": {{{servers}}}}}"#,
        firewalls.join(", ")
    )
}

fn grouped(cloud: &str) -> World {
    let mut world = World::new(cloud);
    world.capabilities = &GROUPED;
    world
}

fn apply(world: &mut World) {
    let plan = world.plan().expect("a plan");
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.expect("");
}

fn made(cloud: &str) -> World {
    let mut world = grouped(cloud);
    apply(&mut world);
    world
}

#[test]
fn a_server_is_made_behind_its_firewalls_and_goes_before_them() {
    // One speaks of the other, which has to be there.
    let all = cloud(&[DB, WEB], r#""a": {"tags": ["Web", "db"]}, "b": {}"#);
    let mut world = grouped(&all);
    world.expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + firewall web: for web · in tcp 80 from anywhere · out nothing
        3 + firewall db: for db · in tcp 5432 from firewall:web · out nothing (after 2)
        4 + server a: new1 · small · deb · ipv6 $6.00 (after 1, 2, 3)
        5 + server b: new1 · small · deb · ipv6 $6.00 (after 1)
        6 ~ file cloud.json: write networks of a, b
    ",
    );
    apply(&mut world);
    let ids = ["db", "web"].map(|name| world.record_of(&format!("firewall.{name}")).id.clone());
    let [db, web] = ids;
    assert_eq!(
        world.seen("server.a").attributes["firewalls"],
        json!({"db": db, "web": web})
    );
    assert_eq!(world.seen("server.b").attributes.get("firewalls"), None);
    world.destroying = true;
    world.expect(
        "
        1 - server a: with its disk -$6.00
        2 - server b: with its disk -$6.00
        3 - firewall db: what is tagged db is no longer behind it (after 1)
        4 - firewall web: what is tagged web is no longer behind it (after 1, 3)
        5 - ssh_key key@acme.com: take out of the account (after 1, 2)
        6 ~ file cloud.json: take out networks of a, b
    ",
    );
}

#[test]
fn a_server_comes_behind_a_firewall_and_leaves_it_before_it_goes() {
    let mut world = made(&cloud(&[], r#""a": {"tags": ["web"]}"#));
    // Nobody asked for it.
    let default = json!({"default": "d"});
    let attributes = &mut world.seen("server.a").attributes;
    attributes.insert("firewalls".to_owned(), default);
    world.expect("");
    let mut world = world.asking_for(&cloud(&[WEB], r#""a": {"tags": ["web"]}"#));
    world.expect(
        "
        1 + firewall web: for web · in tcp 80 from anywhere · out nothing
        2 ~ server a: firewalls +web −default [firewalls] (after 1)
    ",
    );
    apply(&mut world);
    // Another one by the same name is another one.
    let is = world.seen("server.a").attributes["firewalls"].clone();
    let other = json!({"web": "another"});
    let attributes = &mut world.seen("server.a").attributes;
    attributes.insert("firewalls".to_owned(), other);
    world.expect("1 ~ server a: firewalls web · changed outside [firewalls]");
    let attributes = &mut world.seen("server.a").attributes;
    attributes.insert("firewalls".to_owned(), is);
    let mut world = world.asking_for(&cloud(&[], r#""a": {"tags": ["web"]}"#));
    world.expect(
        "
        1 ~ server a: firewalls −web [firewalls]
        2 - firewall web: what is tagged web is no longer behind it · no longer in cloud.json (after 1)
    ",
    );
    apply(&mut world);
    assert_eq!(world.seen("server.a").attributes["firewalls"], json!({}));
}

#[test]
fn firewalls_may_speak_of_each_other_and_of_themselves() {
    let web = r#""web": {"tags": ["web"], "inbound": [{"tcp": "1", "from": ["tag:web"]}],
        "outbound": [{"tcp": "5432", "to": ["tag:db"]}]}"#;
    let mut world = grouped(&cloud(&[web, DB], ""));
    world.expect(
        "
        1 + firewall web: for web · in tcp 1 from firewall:web · out tcp 5432 to firewall:db
        2 + firewall db: for db · in tcp 5432 from firewall:web · out nothing
    ",
    );
    apply(&mut world);
}

#[test]
fn what_a_rule_cannot_mean_is_refused_at_its_place() {
    let both = r#""both": {"tags": ["web", "app"], "inbound": []}"#;
    let odd = r#""odd": {"tags": ["odd"], "inbound": [{"icmp": true, "from": ["droplet:7"]}]}"#;
    for (firewalls, said) in [
        ([DB, ""], "firewall db cannot speak of tag:web"),
        // Whoever is behind it need not have that tag.
        ([DB, both], "firewall db cannot speak of tag:web"),
        ([odd, ""], "firewall odd cannot speak of droplet:7"),
    ] {
        let firewalls = firewalls.into_iter().filter(|text| !text.is_empty());
        let firewalls: Vec<&str> = firewalls.collect();
        let problems = grouped(&cloud(&firewalls, "")).plan().unwrap_err();
        let [only] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!(only.summary, said);
        assert!(only.place.is_some() && only.hint.is_some());
    }
}

#[test]
fn a_mark_tells_whose_a_firewall_is() {
    let group = |inbound: &[&str]| -> Attributes {
        let pairs = [
            ("name", json!("web")),
            ("tags", json!(["web"])),
            ("inbound", json!(inbound)),
            ("outbound", json!([])),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value));
        pairs.into_iter().collect()
    };
    let asked = cloud(&[WEB], "");
    let mut world = grouped(&asked);
    world.put("firewall", group(&[]), vec![FOREIGN.to_owned()]);
    world.expect("1 + firewall web: for web · in tcp 80 from anywhere · out nothing");
    // A run that was cut off made half of it.
    world.put("firewall", group(&["tcp 80 ::/0"]), vec![OURS.to_owned()]);
    world.put("firewall", group(&[]), Vec::new());
    world.expect(
        "
        1 & firewall web: take back 2, which carries our mark
        2 ~ firewall web: + inbound tcp 80 from 0.0.0.0/0 [inbound] (after 1)
    ",
    );
    apply(&mut world);
    world.destroying = true;
    world.expect("1 - firewall web: what is tagged web is no longer behind it");
    // One that nobody marked is taken over only as it is.
    let mut world = grouped(&asked);
    world.put("firewall", group(&[]), Vec::new());
    let problems = world.plan().unwrap_err();
    assert_eq!(
        problems[0].summary,
        "the account has another firewall.web already"
    );
}

#[test]
fn a_firewall_stays_while_a_server_of_others_is_behind_it() {
    let mut world = made(&cloud(&[WEB], "")).asking_for(&cloud(&[], ""));
    let id = world.record_of("firewall.web").id.clone();
    let other = world.add_server("other", &["theirs"]);
    let mut give = |name: &str, value| {
        let seen = world.observed.iter_mut();
        let seen = seen.filter(|seen| seen.kind == "server" && seen.id == other);
        seen.for_each(|seen| {
            seen.attributes
                .insert(name.to_owned(), serde_json::Value::clone(&value));
        });
        let steps = world.plan().unwrap().steps;
        steps
            .into_iter()
            .map(|step| step.detail)
            .collect::<Vec<_>>()
    };
    // A tag means nothing here.
    assert_eq!(
        give("tags", json!(["web"])),
        ["what is tagged web is no longer behind it · no longer in cloud.json"]
    );
    assert_eq!(
        give("firewalls", json!({"web": id})),
        ["stays in the account: server other is behind it, which is not ours"]
    );
}
