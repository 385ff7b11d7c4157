//! Steps in order, what they wait for, and what they cost.

use cloudbuilder::model::Money;

use crate::world::{World, servers};

#[test]
fn new_things_come_by_kind_and_wait_for_what_they_need() {
    let world = World::new(&servers(&[
        ("a", &["acme.com", "www.made.org"]),
        ("b", &[]),
    ]));
    world.expect("
        1 + ssh_key key@acme.com: upload
        2 + server a: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + server b: new1 · small · deb · ipv6 $6.00 (after 1)
        4 + domain made.org: new zone
        5 + record acme.com A: → a's public IPv4 (after 2)
        6 + record acme.com AAAA: → a's public IPv6 (after 2)
        7 + record www.made.org A: → a's public IPv4 (after 2, 4)
        8 + record www.made.org AAAA: → a's public IPv6 (after 2, 4)
        9 ~ file cloud.json: write networks of a, b
        note: made.org will be a new zone: its names answer only once its registrar delegates it to ns1.toy.example
    ");
    assert_eq!(world.plan().unwrap().counts().add, 8);
}

#[test]
fn there_is_no_aaaa_where_the_region_or_the_server_has_no_ipv6() {
    let asked = servers(&[("web", &["www.acme.com"])]);
    World::new(&asked.replace("new1", "old1")).expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server web: old1 · small · deb $6.00 (after 1)
        3 + record www.acme.com A: → web's public IPv4 (after 2)
        4 ~ file cloud.json: write networks of web
        note: web has no public IPv6: so there will be no www.acme.com AAAA
    ",
    );
    let mut world = World::made(&asked);
    for attribute in ["ipv6_address", "ipv6"] {
        let none = serde_json::Value::Null;
        world
            .seen("server.web")
            .attributes
            .insert(attribute.to_owned(), none);
    }
    world.expect(
        "
        1 - record www.acme.com AAAA: → 2001:db8::2 · there is nothing to lead to
        note: web has no public IPv6: so there will be no www.acme.com AAAA
    ",
    );
}

#[test]
fn a_name_lies_in_the_longest_zone_and_stays_where_it_is() {
    let asked = servers(&[("web", &["api.eu.acme.com"])]);
    let mut world = World::new(&asked);
    world.add_zone("eu.acme.com");
    let zone = |world: &World| {
        let record = world
            .desired()
            .into_iter()
            .find(|d| d.address.kind() == "record")
            .unwrap();
        record.text("zone").unwrap().to_owned()
    };
    assert_eq!(zone(&world), "eu.acme.com");

    let mut world = World::made(&asked);
    world.add_zone("eu.acme.com");
    assert_eq!(zone(&world), "acme.com");
    let note = "note: api.eu.acme.com stays in the zone acme.com: the account now has the zone eu.acme.com too";
    world.expect(note);
    // A run that was cut off may have recorded either of the two.
    world
        .recorded
        .remove(&"record.api.eu.acme.com/A".parse().unwrap());
    assert_eq!(zone(&world), "acme.com");
    // Once the zone is gone there is nothing to stay in.
    world
        .observed
        .retain(|o| o.id != "acme.com" && o.text("zone") != Some("acme.com"));
    assert_eq!(zone(&world), "eu.acme.com");
}

#[test]
fn costs_are_summed_before_and_after() {
    let asked = r#"{
        "a": {"region": "new1", "size": "small", "image": "deb", "backups": true},
        "b": {"region": "new1", "size": "large", "image": "4711"},
        "c": {"region": "new1", "size": "secret", "image": "deb"}
    }"#;
    let cost = World::new(asked).plan().unwrap().cost;
    assert_eq!(cost.before, Money::ZERO);
    // 6 and 30 % for backups, and 12.
    assert_eq!(cost.after, Money::from_dollars(19.8));
    assert_eq!(cost.unknown, ["server.c".parse().unwrap()]);

    let shrunk =
        World::made(&servers(&[("a", &[]), ("b", &[])])).asking_for(&servers(&[("a", &[])]));
    let cost = shrunk.plan().unwrap().cost;
    assert_eq!(
        (cost.before, cost.after),
        (Money::from_dollars(12.0), Money::from_dollars(6.0))
    );
    // What is taken over is paid for already.
    let mut imported = World::new(&servers(&[("a", &[])]));
    imported.add_server("a", &[]);
    let cost = imported.plan().unwrap().cost;
    assert_eq!(
        (cost.before, cost.after),
        (Money::from_dollars(6.0), Money::from_dollars(6.0))
    );
}

#[test]
fn a_slug_that_only_the_sandbox_has_is_named_once() {
    let asked = servers(&[("a", &[]), ("b", &[])]).replace("small", "quaint");
    let text = World::new(&asked).text();
    let note = "note: only the sandbox still has `quaint`: a real account would refuse it";
    assert_eq!(text.matches(note).count(), 1, "{text}");
}

#[test]
fn the_file_is_written_last_and_only_where_it_is_stale() {
    let mut world = World::made(&servers(&[("a", &[]), ("b", &[])]));
    world.written.remove(&"server.b".parse().unwrap());
    world.expect("1 ~ file cloud.json: write networks of b");
    let plan = world.plan().unwrap();
    assert!(plan.is_empty(), "it is not counted as something to do");
    assert_eq!(plan.counts(), cloudbuilder::plan::Counts::default());
}
