//! VPCs and firewalls: what waits for what, and what is refused.

use cloudbuilder::model::{Attributes, Capabilities, Update};
use serde_json::json;

use crate::world::{CAPABILITIES, World};

static NETWORKED: Capabilities = Capabilities {
    kinds: &["ssh_key", "vpc", "firewall", "server", "domain", "record"],
    updates: &[
        Update::at_once("vpc", &["name", "description"]),
        Update::at_once("firewall", &["name", "tags", "inbound", "outbound"]),
    ],
    ..CAPABILITIES
};

const VPC: &str = r#""in": {"region": "new1", "ip_range": "10.1.0.0/16"}"#;
const WEB: &str =
    r#""web": {"tags": ["web"], "inbound": [{"tcp": "80", "from": ["anywhere"]}], "outbound": []}"#;
const DB: &str =
    r#""db": {"tags": ["db"], "inbound": [], "outbound": [{"icmp": true, "to": ["tag:web"]}]}"#;

fn cloud(vpcs: &str, firewalls: &str, server: &str) -> String {
    format!(
        r#"{{"version": 2, "vpcs": {{{vpcs}}}, "firewalls": {{{firewalls}}},
            "defaults": {{"region": "new1", "size": "small", "image": "deb"}},
            "servers": {{{server}}}}}"#
    )
}

fn networked(mut world: World) -> World {
    world.capabilities = &NETWORKED;
    world
}

fn made(cloud: &str) -> World {
    let mut world = networked(World::new(cloud));
    let plan = world.plan().expect("an empty account takes everything");
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.expect("");
    world
}

const SERVER: &str = r#""a": {"vpc": "in", "tags": ["Web"]}"#;

#[test]
fn a_server_waits_for_its_vpc_and_its_firewalls_and_goes_before_them() {
    let firewalls = format!("{WEB}, {DB}");
    let all = cloud(VPC, &firewalls, SERVER);
    networked(World::new(&all)).expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + vpc in: new1 · 10.1.0.0/16
        3 + firewall web: for web · in tcp 80 from anywhere · out nothing
        4 + firewall db: for db · in nothing · out icmp to tag:web
        5 + server a: new1 · small · deb · vpc in · ipv6 $6.00 (after 1, 2, 3)
        6 ~ file cloud.json: write networks of a
    ",
    );
    let mut world = made(&all);
    world.destroying = true;
    world.expect(
        "
        1 - server a: with its disk -$6.00
        2 - firewall db: what is tagged db is no longer behind it
        3 - firewall web: what is tagged web is no longer behind it (after 1)
        4 - vpc in: empty network (after 1)
        5 - ssh_key key@acme.com: take out of the account (after 1)
        6 ~ file cloud.json: take out networks of a
    ",
    );
}

#[test]
fn a_part_has_what_a_server_needs() {
    let firewalls = format!("{WEB}, {DB}");
    let mut world = networked(World::new(&cloud(VPC, &firewalls, SERVER)));
    world.part.targets = vec!["server.a".parse().unwrap()];
    let plan = world.plan().unwrap();
    let made: Vec<String> = plan
        .steps
        .iter()
        .map(|step| format!("{} {}", step.kind, step.label))
        .collect();
    assert_eq!(
        made,
        [
            "ssh_key key@acme.com",
            "vpc in",
            "firewall web",
            "server a",
            "file cloud.json"
        ]
    );
}

#[test]
fn another_vpc_takes_another_server() {
    let before = cloud("", "", r#""a": {}"#);
    let mut world = made(&before);
    let default = serde_json::Value::from("v0");
    world
        .seen("server.a")
        .attributes
        .insert("vpc".to_owned(), default);
    world.expect("");
    let mut world = world.asking_for(&cloud(VPC, "", r#""a": {"vpc": "in"}"#));
    world.expect(
        "
        1 + vpc in: new1 · 10.1.0.0/16
        2 +/- server a: another in place of 2 · VPC v0 → in's network (after 1)
        3 - server a (2): with its disk · another serves in its place -$6.00 (after 2)
        4 ~ file cloud.json: write networks of a
    ",
    );
    for step in &world.plan().unwrap().steps {
        world.carry_out(step);
    }
    world.expect("");
    // One that is told by its id alone is the same one.
    let id = world.record_of("vpc.in").id.clone();
    assert_eq!(world.seen("server.a").text("vpc"), Some(&*id));
}

#[test]
fn a_vpc_goes_with_its_last_server_and_not_before() {
    let world = made(&cloud(VPC, "", r#""a": {"vpc": "in"}, "b": {}"#));
    let stays = world
        .clone()
        .asking_for(&cloud("", "", r#""a": {}, "b": {}"#));
    let problems = stays.plan().unwrap_err();
    assert_eq!(
        problems[0].summary,
        "vpc.in cannot go while server.a is in it"
    );
    assert!(problems[0].place.is_some());
    let mut goes = world.asking_for(&cloud("", "", r#""b": {}"#));
    goes.expect(
        "
        1 - server a: with its disk · no longer in cloud.json -$6.00
        2 - vpc in: empty network · no longer in cloud.json (after 1)
    ",
    );
    // Somebody put a server of theirs into it.
    let id = goes.record_of("vpc.in").id.clone();
    let other = goes.add_server("other", &[]);
    let other = goes
        .observed
        .iter_mut()
        .find(|seen| seen.id == other)
        .unwrap();
    other.attributes.insert("vpc".to_owned(), id.into());
    let notes = goes.plan().unwrap().notes;
    let told = notes.iter().map(|note| note.detail.as_str());
    let told: Vec<&str> = told.collect();
    let kept = "server other is in it, which is not ours; cloudbuilder forgets it";
    assert!(told.contains(&kept), "{told:?}");
}

#[test]
fn a_firewall_stays_while_a_server_of_others_is_behind_it() {
    let all = cloud("", WEB, r#""a": {"tags": ["web"]}"#);
    let mut world = made(&all).asking_for(&cloud("", "", r#""a": {"tags": ["web"]}"#));
    world.expect(
        "1 - firewall web: what is tagged web is no longer behind it · no longer in cloud.json",
    );
    let other = world.add_server("other", &["theirs"]);
    let seen = world.observed.iter_mut().find(|seen| seen.id == other);
    let tags = serde_json::json!(["web"]);
    seen.unwrap().attributes.insert("tags".to_owned(), tags);
    let plan = world.plan().unwrap();
    let told: Vec<&str> = plan.steps.iter().map(|step| step.detail.as_str()).collect();
    assert_eq!(
        told,
        ["stays in the account: server other is behind it, which is not ours"]
    );
}

#[test]
fn what_is_there_is_taken_over_only_as_it_is() {
    let firewall = |ports: &str| -> Attributes {
        let inbound = ["0.0.0.0/0", "::/0"].map(|peer| format!("tcp {ports} {peer}"));
        let pairs = [
            ("name", "Web".into()),
            ("tags", vec!["web"].into()),
            ("inbound", inbound.to_vec().into()),
            ("outbound", json!([])),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    };
    let asked = cloud("", WEB, "").replace("\"web\": {", "\"Web\": {");
    let mut world = networked(World::new(&asked));
    let id = world.put("firewall", firewall("80"), Vec::new());
    world.expect("1 & firewall Web: take over 1, which is right already");
    world.observed.retain(|seen| seen.id != id);
    world.put("firewall", firewall("81"), Vec::new());
    let problems = world.plan().unwrap_err();
    assert_eq!(
        problems[0].summary,
        "the account has another firewall.Web already"
    );
}

#[test]
fn where_there_are_none_they_are_refused_by_name() {
    let problems = World::new(&cloud(VPC, WEB, "")).plan().unwrap_err();
    let told: Vec<&str> = problems.iter().map(|one| one.summary.as_str()).collect();
    assert_eq!(
        told,
        [
            "account `default` offers no vpcs",
            "account `default` offers no firewalls"
        ]
    );
}

#[test]
fn a_rule_names_a_server_by_what_it_is_given() {
    let firewall = r#""web": {"tags": ["web"], "inbound": [
        {"tcp": "22", "from": ["203.0.113.7", "${server.db.public_ipv4}"]},
        {"udp": "53", "from": ["10.1.0.0/16"]}], "outbound": []}"#;
    let servers = r#""web": {"tags": ["web"]}, "db": {"vpc": "in"}"#;
    let all = cloud(VPC, firewall, servers);
    networked(World::new(&all)).expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + vpc in: new1 · 10.1.0.0/16
        3 + server db: new1 · small · deb · vpc in · ipv6 $6.00 (after 1, 2)
        4 + firewall web: for web · in tcp 22 from 203.0.113.7/32 and db's public IPv4, udp 53 from 10.1.0.0/16 · out nothing (after 3)
        5 + server web: new1 · small · deb · ipv6 $6.00 (after 1, 4)
        6 ~ file cloud.json: write networks of web, db
    ",
    );
    let mut world = made(&all);
    let firewall = world.seen("firewall.web");
    assert_eq!(
        firewall.attributes["inbound"],
        json!([
            "tcp 22 10.0.0.3/32",
            "tcp 22 203.0.113.7/32",
            "udp 53 10.1.0.0/16"
        ])
    );
    // Another server has another address.
    let db = servers.replace(r#""db": {"#, r#""db": {"image": "newer", "#);
    networked(world.asking_for(&all.replace(servers, &db))).expect(
        "
        1 +/- server db: another in place of 3 · image deb → newer $6.00
        2 ~ firewall web: + inbound tcp 22 from db's public IPv4, − inbound tcp 22 from 10.0.0.3/32 [inbound] (after 1)
        3 - server db (3): with its disk · another serves in its place -$6.00 (after 1, 2)
        4 ~ file cloud.json: write networks of db
    ",
    );
}

#[test]
fn a_server_behind_a_firewall_that_names_it_waits_for_itself() {
    let firewall = r#""db": {"tags": ["db"], "outbound": [],
        "inbound": [{"tcp": "22", "from": ["${server.db.public_ipv4}"]}]}"#;
    let all = cloud("", firewall, r#""db": {"tags": ["db"]}"#);
    networked(World::new(&all))
        .expect("error: each of these waits for the other: firewall.db → server.db → firewall.db");
}
