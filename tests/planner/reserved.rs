//! Reserved IPs: what is led to them and when, and which server has them.

use cloudbuilder::model::{Attributes, Capabilities, Diagnostic, Money, Update};
use cloudbuilder::resource::reserved_ip;
use serde_json::Value as Json;

use crate::world::{CAPABILITIES, World};

pub(crate) static RESERVED: Capabilities = Capabilities {
    kinds: &["ssh_key", "server", "reserved_ip", "domain", "record"],
    updates: &[
        Update::at_once("record", &["name", "data", "ttl"]),
        Update::at_once("reserved_ip", &["server"]),
    ],
    ..CAPABILITIES
};

const WITH: &str = r#""web": {"names": ["www.acme.com"], "reserved_ip": "web"}"#;
const WITHOUT: &str = r#""web": {"names": ["www.acme.com"]}"#;

fn cloud(reserved_ips: &str, servers: &str) -> String {
    format!(
        r#"{{"version": 2, "reserved_ips": {{{reserved_ips}}},
            "defaults": {{"region": "new1", "size": "small", "image": "deb"}},
            "servers": {{{servers}}}}}"#
    )
}

fn world(cloud: &str) -> World {
    let mut world = World::new(cloud);
    world.capabilities = &RESERVED;
    world
}

fn made(cloud: &str) -> World {
    carried_out(world(cloud))
}

/// Does all that is planned; then nothing is to be done.
fn carried_out(world: World) -> World {
    let world = done(world);
    world.expect("");
    world
}

fn done(mut world: World) -> World {
    let plan = world.plan().expect("a plan");
    for step in &plan.steps {
        world.carry_out(step);
    }
    world
}

fn refused(world: &World) -> Vec<String> {
    let problems = world.plan().expect_err("a refusal");
    assert!(problems.iter().all(|problem| problem.place.is_some()));
    let errors = problems.into_iter().filter(Diagnostic::is_error);
    errors.map(|problem| problem.summary).collect()
}

/// Puts an address into the account that nobody's state knows.
fn add_address(world: &mut World, server: Option<&str>) -> String {
    let server = server.map_or(Json::Null, Json::from);
    let attributes = Attributes::from([
        (reserved_ip::SERVER.to_owned(), server),
        (reserved_ip::REGION.to_owned(), "new1".into()),
    ]);
    world.put("reserved_ip", attributes, Vec::new())
}

#[test]
fn names_lead_to_the_address_that_stays() {
    let all = cloud(r#""web": {}"#, WITH);
    world(&all).expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server web: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + reserved_ip web: for server web (after 2)
        4 + record www.acme.com A: → web's reserved IP (after 3)
        5 + record www.acme.com AAAA: → web's public IPv6 (after 2)
        6 ~ file cloud.json: write networks of web
    ",
    );
    let mut world = made(&all);
    let id = world.record_of("reserved_ip.web").id.clone();
    assert_eq!(world.seen("record.www.acme.com/A").text("data"), Some(&*id));
    world.destroying = true;
    world.expect(
        "
        1 - record www.acme.com A: → 203.0.113.3
        2 - record www.acme.com AAAA: → 2001:db8::2
        3 - reserved_ip web: with its address 203.0.113.3 (after 1)
        4 - server web: with its disk -$6.00 (after 2, 3)
        5 - ssh_key key@acme.com: take out of the account (after 4)
        6 ~ file cloud.json: take out networks of web
    ",
    );
}

#[test]
fn it_moves_once_another_server_serves_and_the_name_stays() {
    let server =
        r#""web": {"names": ["www.acme.com"], "reserved_ip": "web", "check": {"tcp": 22}}"#;
    let mut world = made(&cloud(r#""web": {}"#, server));
    world.cloud = world.cloud.replace("\"deb\"", "\"newer\"");
    world.expect(
        "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 … server web: until tcp 22 answers (after 1)
        3 ~ reserved_ip web: from server 2 to server web [server] (after 2)
        4 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 2)
        5 … server web (2): wait 60 min · its address may be remembered (after 2, 3, 4)
        6 - server web (2): with its disk · another serves in its place -$6.00 (after 2, 3, 4, 5)
        7 ~ file cloud.json: write networks of web
    ",
    );
    carried_out(world);
}

#[test]
fn a_name_comes_to_it_in_place_and_leaves_before_it_goes() {
    let without = cloud("", WITHOUT);
    let with = cloud(r#""web": {}"#, WITH);
    let world = made(&without).asking_for(&with);
    world.expect(
        "
        1 + reserved_ip web: for server 2
        2 ~ record www.acme.com A: 10.0.0.2 → web's reserved IP [data] (after 1)
    ",
    );
    let world = carried_out(world);
    // It stays, and costs.
    let kept = world.clone().asking_for(&cloud(r#""web": {}"#, WITHOUT));
    kept.expect(
        "
        1 ~ record www.acme.com A: 203.0.113.5 → 10.0.0.2 [data]
        2 … reserved_ip web: wait 60 min · its address may be remembered (after 1)
        3 ~ reserved_ip web: off server 2 $5.00 [server] (after 1, 2)
        note: no server has reserved_ip.web: 203.0.113.5 stays reserved and costs $5.00 a month while it is on none
    ",
    );
    let kept = done(kept);
    kept.expect("note: no server has reserved_ip.web: 203.0.113.5 stays reserved and costs $5.00 a month while it is on none");
    let back = kept.asking_for(&with);
    back.expect(
        "
        1 ~ reserved_ip web: to server 2 -$5.00 [server]
        2 ~ record www.acme.com A: 10.0.0.2 → 203.0.113.5 [data] (after 1)
    ",
    );
    carried_out(back);
    // It goes with the address.
    let gone = world.asking_for(&without);
    gone.expect(
        "
        1 ~ record www.acme.com A: 203.0.113.5 → 10.0.0.2 [data]
        2 … reserved_ip web: wait 60 min · its address may be remembered (after 1)
        3 - reserved_ip web: with its address 203.0.113.5 · no longer in cloud.json (after 1, 2)
    ",
    );
    carried_out(gone);
}

#[test]
fn what_nobody_says_the_price_of_costs_what_it_costs_as_it_is() {
    let mut world = made(&cloud(r#""web": {}"#, WITH));
    world.seen("reserved_ip.web").monthly = None;
    let world = world.asking_for(&cloud(r#""web": {}"#, WITHOUT));
    let cost = world.plan().expect("a plan").cost;
    let [six, eleven] = [6.0, 11.0].map(Money::from_dollars);
    assert_eq!((cost.before, cost.after), (six, eleven));
}

#[test]
fn it_comes_to_another_server_between_the_names() {
    let servers = |a: &str, b: &str| {
        format!(r#""a": {{"names": ["a.acme.com"]{a}}}, "b": {{"names": ["b.acme.com"]{b}}}"#)
    };
    let has = r#", "reserved_ip": "web""#;
    let world = made(&cloud(r#""web": {}"#, &servers(has, "")));
    let world = world.asking_for(&cloud(r#""web": {}"#, &servers("", has)));
    world.expect(
        "
        1 ~ record a.acme.com A: 203.0.113.4 → 10.0.0.2 [data]
        2 … reserved_ip web: wait 60 min · its address may be remembered (after 1)
        3 ~ reserved_ip web: from server 2 to server 3 [server] (after 1, 2)
        4 ~ record b.acme.com A: 10.0.0.3 → 203.0.113.4 [data] (after 3)
    ",
    );
    let world = carried_out(world);
    // It leaves a server before that goes, and is there still.
    let gone = world.asking_for(&cloud(r#""web": {}"#, r#""a": {"names": ["a.acme.com"]}"#));
    gone.expect(
        "
        1 - record b.acme.com A: → 203.0.113.4 · no longer in cloud.json
        2 ~ reserved_ip web: off server 3 $5.00 [server] (after 1)
        3 - record b.acme.com AAAA: → 2001:db8::3 · no longer in cloud.json
        4 - server b: with its disk · no longer in cloud.json -$6.00 (after 2, 3)
        note: no server has reserved_ip.web: 203.0.113.4 stays reserved and costs $5.00 a month while it is on none
    ",
    );
    done(gone);
}

#[test]
fn it_moves_in_a_later_run_if_nobody_waits() {
    let servers = |a: &str, b: &str| {
        format!(r#""a": {{"names": ["a.acme.com"{a}}}, "b": {{"names": ["b.acme.com"{b}}}"#)
    };
    let (has, none) = (r#"], "reserved_ip": "web""#, "]");
    let world = made(&cloud(r#""web": {}"#, &servers(has, none)));
    // A name that comes to it would lead to the old server.
    let mut moved = world
        .clone()
        .asking_for(&cloud(r#""web": {}"#, &servers(none, has)));
    moved.drains = false;
    let problems = moved.plan().expect_err("a refusal");
    let error = problems.iter().find(|problem| problem.is_error());
    let summary = error.map(|error| error.summary.as_str());
    let told = "record.b.acme.com/A cannot lead to reserved_ip.web yet";
    assert_eq!(summary, Some(told));
    assert!(error.is_some_and(|error| error.place.is_some()));
    // One that leaves it keeps it where it is, and the server that has it too.
    let mut gone = world.asking_for(&cloud(
        r#""web": {}"#,
        r#""b": {"names": ["b.acme.com", "a.acme.com"]}"#,
    ));
    gone.drains = false;
    gone.expect(
        "
        1 ~ record a.acme.com A: 203.0.113.4 → 10.0.0.3 [data]
        2 ~ record a.acme.com AAAA: 2001:db8::2 → 2001:db8::3 [data]
        3 … reserved_ip web: its address may be remembered · a later run moves it (after 1)
        4 … server a: its address may be remembered · a later run deletes it (after 2, 3)
        note: no server has reserved_ip.web: 203.0.113.4 stays reserved and costs $5.00 a month while it is on none
        note: reserved_ip.web stays for 60 min more: its names lead elsewhere, and whoever remembers its address finds it still
        note: server.a stays for 60 min more: its names lead elsewhere, and whoever remembers its address finds it still
    ",
    );
    let mut gone = done(gone);
    gone.expect(
        "
        note: no server has reserved_ip.web: 203.0.113.4 stays reserved and costs $5.00 a month while it is on none
        note: reserved_ip.web stays until 1970-01-01 01:00 UTC: its names lead elsewhere, and whoever remembers its address finds it still
        note: server.a stays until 1970-01-01 01:00 UTC: its names lead elsewhere, and whoever remembers its address finds it still
    ",
    );
    gone.now += std::time::Duration::from_secs(60 * 60);
    gone.expect(
        "
        1 ~ reserved_ip web: off server 2 $5.00 [server]
        2 - server a: with its disk · no longer in cloud.json -$6.00 (after 1)
        note: no server has reserved_ip.web: 203.0.113.4 stays reserved and costs $5.00 a month while it is on none
    ",
    );
    done(gone);
}

#[test]
fn a_name_that_moves_with_it_is_not_waited_for() {
    let servers = |a: &str, b: &str| format!(r#""a": {{{a}}}, "b": {{{b}}}"#);
    let has = r#""names": ["www.acme.com"], "reserved_ip": "web""#;
    let world = made(&cloud(r#""web": {}"#, &servers(has, "")));
    world
        .clone()
        .asking_for(&cloud(r#""web": {}"#, &servers("", has)))
        .expect(
            "
        1 ~ reserved_ip web: from server 2 to server 3 [server]
        2 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::3 [data]
    ",
        );
    // Also if the server goes that had it.
    let gone = world.asking_for(&cloud(r#""web": {}"#, &format!(r#""b": {{{has}}}"#)));
    gone.expect(
        "
        1 ~ reserved_ip web: from server 2 to server 3 [server]
        2 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::3 [data]
        3 … server a: wait 60 min · its address may be remembered (after 1, 2)
        4 - server a: with its disk · no longer in cloud.json -$6.00 (after 1, 2, 3)
    ",
    );
    carried_out(gone);
}

#[test]
fn a_part_in_which_it_moves_has_the_names_that_let_go_of_it() {
    let servers = |a: &str, b: &str| {
        format!(
            r#""a": {{"names": ["a.acme.com"]{a}}}, "b": {{{}}}"#,
            b.trim_start_matches(", ")
        )
    };
    let has = r#", "reserved_ip": "web""#;
    let world = made(&cloud(r#""web": {}"#, &servers(has, "")));
    let mut part = world.asking_for(&cloud(r#""web": {}"#, &servers("", has)));
    part.part.targets = vec!["reserved_ip.web".parse().unwrap()];
    part.expect(
        "
        1 ~ record a.acme.com A: 203.0.113.4 → 10.0.0.2 [data]
        2 … reserved_ip web: wait 60 min · its address may be remembered (after 1)
        3 ~ reserved_ip web: from server 2 to server 3 [server] (after 1, 2)
    ",
    );
}

/// Where a reserved IP takes the place of a server's own address.
static INSTEAD: Capabilities = Capabilities {
    updates: &[
        Update::at_once("record", &["name", "data", "ttl"]),
        Update::at_once("reserved_ip", &["server"]),
        Update::at_once("server", &["reserved_ip"]),
    ],
    ..RESERVED
};

#[test]
fn a_server_has_an_address_of_its_own_again_before_its_name_leads_there() {
    let account = r#"{"version": 2, "providers": {"default": {"type": "openstack"}},"#;
    let pool = r#""openstack": {"floating_ip_from": "public"}, "size""#;
    let cloud = |servers: &str| {
        let cloud = cloud(r#""web": {}"#, servers);
        let cloud = cloud.replace(r#"{"version": 2,"#, account);
        cloud.replace(r#""size""#, pool)
    };
    let mut world = World::new(&cloud(WITH));
    world.capabilities = &INSTEAD;
    let mut world = carried_out(world);
    assert_eq!(
        world.record_of("server.web").attributes["reserved_ip"],
        true
    );
    // As long as it does without.
    let own = ("ipv4_address".to_owned(), Json::Null);
    world
        .record_of("server.web")
        .attributes
        .extend([own.clone()]);
    world.seen("server.web").attributes.extend([own]);
    let world = world.asking_for(&cloud(WITHOUT));
    let takes = "public IPv4: a reserved IP → its own [reserved_ip]";
    world.expect(&format!(
        "
        1 ~ server web: {takes}
        2 ~ record www.acme.com A: 203.0.113.3 → web's public IPv4 [data] (after 1)
        3 ~ reserved_ip web: off server 2 [server] (after 2)
        note: no server has reserved_ip.web: 203.0.113.3 stays reserved and costs $5.00 a month while it is on none
    "
    ));
    // Another address does not come with it.
    let mut without_ipv6 = world.clone();
    let none = ("ipv6_address".to_owned(), Json::Null);
    without_ipv6.seen("server.web").attributes.extend([none]);
    let plan = without_ipv6.plan().expect("a plan");
    let goes = plan
        .steps
        .iter()
        .find(|step| step.label == "www.acme.com AAAA");
    assert!(goes.is_some_and(|step| step.detail.contains("there is nothing to lead to")));
    let mut unchanged = world.clone().asking_for(&cloud(WITH));
    unchanged.expect("");
    unchanged
        .seen("server.web")
        .attributes
        .extend([("reserved_ip".to_owned(), false.into())]);
    unchanged.expect(
        "1 ~ server web: public IPv4: its own → a reserved IP · changed outside [reserved_ip]",
    );
    // Without a network that one comes from it gets none, and its name leads nowhere.
    let without = cloud(WITHOUT).replace(pool, r#""size""#);
    world.asking_for(&without).expect(&format!(
        "
        1 ~ server web: {takes}
        2 - record www.acme.com A: → 203.0.113.3 · there is nothing to lead to
        3 ~ reserved_ip web: off server 2 [server] (after 2)
        note: web has no public IPv4: so there will be no www.acme.com A
        note: no server has reserved_ip.web: 203.0.113.3 stays reserved and costs $5.00 a month while it is on none
    "
    ));
}

#[test]
fn one_that_is_on_the_server_already_is_taken_over_and_stays() {
    let mut world = made(&cloud("", WITHOUT));
    let server = world.record_of("server.web").id.clone();
    add_address(&mut world, Some(&server));
    let world = world.asking_for(&cloud(r#""web": {}"#, WITH));
    world.expect(
        "
        1 & reserved_ip web: take over 203.0.113.5, which is right already
        2 ~ record www.acme.com A: 10.0.0.2 → 203.0.113.5 [data] (after 1)
    ",
    );
    let gone = carried_out(world).asking_for(&cloud("", WITHOUT));
    gone.expect(
        "
        1 ~ record www.acme.com A: 203.0.113.5 → 10.0.0.2 [data]
        2 . reserved_ip web: stays in the account: it was in the account before (after 1)
        note: reserved_ip.web stays in the account: it was in the account before; cloudbuilder forgets it
    ",
    );
}

#[test]
fn names_of_others_that_lead_to_one_that_goes_are_told() {
    let mut world = made(&cloud(r#""web": {}"#, WITH)).asking_for(&cloud("", WITHOUT));
    let ip = world.record_of("reserved_ip.web").id.clone();
    world.add_record("shop.acme.com", "A", &ip);
    let notes = world.plan().expect("a plan").notes;
    let told = notes.iter().map(|note| note.summary.as_str());
    assert!(
        told.clone()
            .any(|told| told == "shop.acme.com leads to web, whose address is given back"),
        "{:?}",
        told.collect::<Vec<_>>()
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let of_none = cloud(r#""web": {}"#, WITHOUT);
    assert_eq!(refused(&world(&of_none)), ["no server has reserved_ip.web"]);
    let mut offered_not = world(&cloud(r#""web": {}"#, WITH));
    offered_not.capabilities = &CAPABILITIES;
    assert_eq!(
        refused(&offered_not),
        ["account `default` offers no reserved_ips"]
    );
    // A server has one, whoever reserved it.
    let two = made(&cloud(r#""web": {}"#, WITH)).asking_for(&cloud(
        r#""web": {}, "new": {}"#,
        r#""web": {"reserved_ip": "new"}"#,
    ));
    let told = refused(&two);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("server.web has another reserved IP: 203.0.113."));
    // The account has few of them.
    let three = cloud(
        r#""a": {}, "b": {}, "c": {}"#,
        r#""a": {"reserved_ip": "a"}, "b": {"reserved_ip": "b"}, "c": {"reserved_ip": "c"}"#,
    );
    let problems = world(&three).plan().unwrap_err();
    assert_eq!(
        (problems[0].summary.as_str(), problems[0].detail.as_str()),
        (
            "the account may have 2 reserved IPs",
            "it has 0, and this plan would add 3"
        )
    );
    // It stays in its region.
    let mut far = made(&cloud(r#""web": {}"#, WITH));
    let region = ("region".to_owned(), Json::from("new1"));
    far.seen("reserved_ip.web").attributes.extend([region]);
    far.cloud = far.cloud.replace("new1", "old1");
    assert_eq!(refused(&far), ["reserved_ip.web cannot be on server.web"]);
}

#[test]
fn a_server_does_without_it_once_the_one_that_it_goes_to_is_up() {
    let account = r#"{"version": 2, "providers": {"default": {"type": "openstack"}},"#;
    let pool = r#""openstack": {"floating_ip_from": "public"}, "size""#;
    let cloud = |servers: &str| {
        let cloud = cloud(r#""web": {}"#, servers);
        let cloud = cloud.replace(r#"{"version": 2,"#, account);
        cloud.replace(r#""size""#, pool)
    };
    let mut world = World::new(&cloud(r#""old": {"reserved_ip": "web"}"#));
    world.capabilities = &INSTEAD;
    let world = carried_out(world);
    let new = r#""old": {}, "new": {"reserved_ip": "web", "check": {"tcp": 22}}"#;
    world.asking_for(&cloud(new)).expect(
        "
        1 + server new: new1 · small · deb · ipv6 $6.00
        2 … server new: until tcp 22 answers (after 1)
        3 ~ server old: public IPv4: a reserved IP → its own [reserved_ip] (after 2)
        4 ~ reserved_ip web: from server 2 to server new [server] (after 2)
        5 ~ file cloud.json: write networks of new
    ",
    );
}

#[test]
fn one_that_a_stranger_has_now_is_left_alone() {
    let all = cloud(r#""web": {}"#, WITH);
    let mut world = made(&all).asking_for(&cloud("", WITHOUT));
    world
        .seen("reserved_ip.web")
        .attributes
        .extend([(reserved_ip::SERVER.to_owned(), "999".into())]);
    world.expect(
        "
        1 ~ record www.acme.com A: 203.0.113.3 → 10.0.0.2 [data]
        2 . reserved_ip web: stays in the account: it is on server 999, which is not ours (after 1)
        note: reserved_ip.web stays in the account: it is on server 999, which is not ours; cloudbuilder forgets it
    ",
    );
}
