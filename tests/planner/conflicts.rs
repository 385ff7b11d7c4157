//! What a name leads to already.

use crate::world::{World, servers};

fn www() -> String {
    servers(&[("web", &["www.acme.com"])])
}

#[test]
fn a_right_record_that_nobody_recorded_is_taken_over() {
    let mut world = World::made(&www());
    world
        .recorded
        .remove(&"record.www.acme.com/A".parse().unwrap());
    world.expect("1 & record www.acme.com A: take over 3, which is right already");
}

#[test]
fn any_other_answer_to_a_name_stops_the_plan_and_says_where_it_leads() {
    for (record_type, data) in [
        ("A", "203.0.113.9"),
        ("AAAA", "2001:db8::9"),
        ("CNAME", "elsewhere.example"),
    ] {
        let mut world = World::new(&www());
        world.add_record("www.acme.com", record_type, data);
        world.expect(&format!("error: www.acme.com already leads elsewhere: record 1 in the account: www.acme.com {record_type} → {data}"));
        // Also beside right ones.
        let mut world = World::made(&www());
        world.add_record("www.acme.com", record_type, data);
        world.expect(&format!("error: www.acme.com already leads elsewhere: record 5 in the account: www.acme.com {record_type} → {data}"));
    }
    let mut world = World::new(&www());
    world.add_server("old", &[]);
    world.add_record("www.acme.com", "A", "10.0.0.1");
    world.expect("error: www.acme.com already leads elsewhere: record 2 in the account: www.acme.com A → 10.0.0.1, server old");
}

#[test]
fn an_aaaa_record_conflicts_also_where_the_server_has_no_ipv6() {
    let asked = www().replace("new1", "old1");
    let mut world = World::made(&asked);
    world.add_record("www.acme.com", "AAAA", "2001:db8::9");
    let conflict = "error: www.acme.com already leads elsewhere: record 4 in the account: www.acme.com AAAA → 2001:db8::9";
    world.expect(conflict);
    let mut world = World::new(&asked);
    world.add_record("www.acme.com", "AAAA", "2001:db8::9");
    world.expect(&conflict.replace("record 4", "record 1"));
}

#[test]
fn other_types_and_other_names_are_nobodys_business() {
    let mut world = World::made(&www());
    world.add_record("www.acme.com", "TXT", "hello");
    world.add_record("www.acme.com", "MX", "mail.acme.com");
    world.add_record("mail.acme.com", "A", "203.0.113.9");
    world.add_record("acme.com", "CNAME", "www.acme.com");
    world.expect("");
}

#[test]
fn a_copy_of_a_right_record_is_a_warning() {
    let mut world = World::made(&www());
    world.add_record("www.acme.com", "A", "10.0.0.2");
    world.expect(
        "warning: www.acme.com has the same A record twice: record 5 is a copy and is left alone",
    );
}

#[test]
fn a_record_of_ours_that_was_changed_outside_is_put_back() {
    let mut world = World::made(&www());
    world
        .seen("record.www.acme.com/A")
        .attributes
        .insert("data".to_owned(), "203.0.113.9".into());
    world.expect("1 ~ record www.acme.com A: 203.0.113.9 → 10.0.0.2 · changed outside [data]");

    let mut world = World::made(&www());
    world
        .seen("record.www.acme.com/A")
        .attributes
        .insert("name".to_owned(), "old.acme.com".into());
    world.expect("1 ~ record www.acme.com A: old.acme.com → www.acme.com · changed outside [name]");
}

#[test]
fn a_name_that_moves_is_an_update() {
    let old = servers(&[("a", &["www.acme.com"]), ("b", &[])]);
    let new = servers(&[("a", &[]), ("b", &["www.acme.com"])]);
    World::made(&old).asking_for(&new).expect(
        "
        1 ~ record www.acme.com A: 10.0.0.2 → 10.0.0.3 [data]
        2 ~ record www.acme.com AAAA: 2001:db8::2 → 2001:db8::3 [data]
    ",
    );
}

#[test]
fn the_state_learns_that_somebody_moved_a_name_already() {
    let old = servers(&[("a", &["www.acme.com"]), ("b", &[])]);
    let new = servers(&[("b", &["www.acme.com"])]).replace("new1", "old1");
    let mut world = World::made(&old.replace("new1", "old1")).asking_for(&new);
    world
        .seen("record.www.acme.com/A")
        .attributes
        .insert("data".to_owned(), "10.0.0.3".into());
    // Otherwise a later plan would delete server b without waiting for the record.
    world.expect(
        "
        1 & record www.acme.com A: take over 4, which is right already
        2 … server a: wait 60 min · its address may be remembered (after 1)
        3 - server a: with its disk · no longer in cloud.json -$6.00 (after 1, 2)
        note: b has no public IPv6: so there will be no www.acme.com AAAA
    ",
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let asked = r#"{
        "a": {"region": "new2", "size": "smal", "image": "deb", "names": ["a.acme.com"]},
        "b": {"region": "full1", "size": "1gb", "image": "debb"},
        "c": {"region": "old1", "size": "large", "image": "deb"},
        "d": {"region": "new1", "size": "small", "image": "local"},
        "e": {"region": "new1", "size": "small", "image": "huge"},
        "f": {"region": "new1", "size": "ghost", "image": "deb"}
    }"#;
    let mut world = World::new(asked);
    world.server_limit = 4;
    world.add_record("a.acme.com", "A", "203.0.113.9");
    world.expect("
        error: the account has no region `new2`
        error: the account has no size `smal`
        error: region full1 takes no new servers
        error: the account has no size `1gb`: it was withdrawn by the provider
        error: the account has no image `debb`
        error: size large is not offered in old1: server c cannot be created there
        error: image local is not in new1: server d cannot be created there
        error: image huge does not fit on size small: the image needs a disk of 40 GB, the size has 25 GB
        error: no server can be made with size ghost here: it is in no list
        error: the account may have 4 servers: it has 0, and this plan would add 6
        error: a.acme.com already leads elsewhere: record 1 in the account: a.acme.com A → 203.0.113.9
    ");
    let found = world.plan().unwrap_err();
    let places: Vec<_> = found
        .iter()
        .filter_map(|p| Some((p.place.as_ref()?.line, p.hint.clone()?)))
        .collect();
    assert_eq!(places[0].0, 2);
    assert!(places[0].1.contains("did you mean `new1`?"), "{places:?}");
    assert!(places[3].1.contains("`small`"), "{places:?}");
}

#[test]
fn what_cannot_be_changed_in_place_is_refused() {
    let asked = r#"{"web": {"region": "new1", "size": "large", "image": "deb", "backups": true}}"#;
    World::made(&servers(&[("web", &[])])).asking_for(asked).expect("
        error: server.web: its size is small, cloud.json asks for large: this version cannot change the size of one that exists
        error: server.web: its backups is false, cloud.json asks for true: this version cannot change the backups of one that exists
    ");
}
