//! Which live resource is which entry of cloud.json.

use cloudbuilder::model::Readiness;
use cloudbuilder::plan::Verb;
use serde_json::Value as Json;

use crate::world::{FOREIGN, OURS, World, servers};

fn web() -> String {
    servers(&[("web", &[])])
}

#[test]
fn what_is_as_it_should_be_needs_nothing() {
    let world = World::made(&servers(&[("web", &["www.acme.com"])]));
    assert_eq!(world.text(), "");
    assert!(world.plan().unwrap().actions.len() > 3);
}

#[test]
fn the_recorded_id_comes_before_marks_and_names() {
    let mut world = World::made(&web());
    world.add_server("web", &[]);
    world.expect("");
    // A twin of ours is named with its cost, and left alone.
    world.add_server("web", &[OURS]);
    world.expect("warning: server web (4) carries this deployment's mark too, $6.00 a month: the recorded one is 2; this one is left alone");
}

#[test]
fn our_mark_comes_before_an_unmarked_server_of_the_name() {
    let mut world = World::made(&web());
    world.recorded.clear();
    world.add_server("web", &[]);
    world.expect(
        "
        1 & ssh_key key@acme.com: take over 1, which is right already
        2 & server web: take back 2, which carries our mark (after 1)
    ",
    );
}

#[test]
fn an_unmarked_server_of_the_name_is_imported_whatever_its_case() {
    let mut world = World::new(&web());
    world.add_server("web", &[]);
    world.expect(
        "
        1 + ssh_key key@acme.com: upload
        2 & server web: take over 1, with our mark (after 1)
        3 ~ file cloud.json: write networks of web
    ",
    );
    let mut world = World::new(&web());
    world.add_server("WEB", &[]);
    world.expect("error: server.web: its name is WEB, cloud.json asks for web: this version cannot change the name of one that exists");
}

#[test]
fn a_server_of_the_name_with_another_mark_stops_the_plan() {
    let mut world = World::new(&servers(&[("web", &[]), ("new", &[])]));
    world.add_server("web", &[FOREIGN]);
    let refused = "error: server.web belongs to another deployment: the account has one with this name, id 1, marked with the lineage theirs";
    world.expect(refused);
    world.add_server("web", &[]);
    world.expect(refused);
    let found = world.plan().unwrap_err();
    let hint = found.iter().find_map(|problem| problem.hint.clone());
    assert!(hint.unwrap().contains("state rebuild --lineage theirs"));
    // Without a state nothing is ours yet.
    world.lineage = None;
    world.expect(refused);
}

#[test]
fn two_candidates_stop_the_plan() {
    for owners in [vec![], vec![OURS]] {
        let mut world = World::new(&web());
        world.add_server("web", &owners);
        world.add_server("web", &owners);
        world.expect(
            "error: server.web could be any of 2: the account has several with this name: ids 1, 2",
        );
    }
}

#[test]
fn what_is_not_wanted_and_carries_our_mark_is_only_named() {
    let mut world = World::made(&web());
    world.add_server("old", &[OURS]);
    world.add_server("other", &[FOREIGN]);
    world.add_server("nobody", &[]);
    world.expect("warning: server old (3) carries this deployment's mark too, $6.00 a month: it is in neither cloud.json nor the state, and is left alone");
}

#[test]
fn what_was_deleted_outside_is_made_again_and_what_leads_to_it_follows() {
    let mut world = World::made(&servers(&[("web", &["www.acme.com"])]));
    world.lose("server.web");
    world.expect(
        "
        1 + server web: new1 · small · deb · ipv6 · was deleted outside $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn what_is_too_young_to_be_seen_is_waited_for() {
    let mut world = World::made(&web());
    world.lose("server.web");
    world.too_young.insert("server.web".parse().unwrap());
    world.expect("1 … server web: wait for 2, which an earlier run made\n2 ~ file cloud.json: write networks of web");
    world.destroying = true;
    world.expect("error: server.web cannot be deleted yet: it was made moments ago with the id 2 and is not visible yet");
}

/// Its floating IP was taken away, say: it gets another one, and what led to the old one follows.
#[test]
fn what_was_ready_and_is_not_now_is_waited_for() {
    let mut world = World::made(&servers(&[("web", &["www.acme.com"])]));
    let server = world.seen("server.web");
    server.readiness = Readiness::Pending("it waits for its floating IP".to_owned());
    for gone in ["ipv4_address", "networks"] {
        server.attributes.remove(gone);
    }
    server
        .attributes
        .insert("ipv6_address".to_owned(), Json::Null);
    let aaaa = "record.www.acme.com/AAAA";
    world.lose(aaaa);
    world.recorded.remove(&aaaa.parse().unwrap());
    world.expect(
        "
        1 … server web: wait for 2, which an earlier run made
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ file cloud.json: write networks of web
        note: web has no public IPv6: so there will be no www.acme.com AAAA
    ",
    );
}

#[test]
fn everything_gone_at_once_is_not_believed() {
    let mut world = World::made(&web());
    world.observed.retain(|observed| observed.kind == "domain");
    world.expect("error: none of the 2 recorded resources is in the account: server.web, ssh_key.default: a wrong token, or an API that is out of order, looks just like this");
}

#[test]
fn a_server_that_is_not_ready_is_waited_for_and_what_needs_it_waits_too() {
    let mut world = World::made(&servers(&[("web", &["www.acme.com"])]));
    world.boot_again("server.web");
    world
        .recorded
        .remove(&"record.www.acme.com/A".parse().unwrap());
    world
        .observed
        .retain(|observed| observed.text("type") != Some("A"));
    world.expect(
        "
        1 … server web: wait for 2, which an earlier run made
        2 + record www.acme.com A: → web's public IPv4 (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 ~ file cloud.json: write networks of web
    ",
    );
}

#[test]
fn another_key_is_uploaded_and_the_servers_stay() {
    let mut world = World::made(&web());
    world.key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHByYWN0aWNlLWtleS1ub2JvZHktaGFzLWl0LXRydWx5 other@acme.com".to_owned();
    world.expect("
        1 + ssh_key other@acme.com: upload
        note: the public SSH key is another one than before: it takes effect for new servers; those that exist keep the old one, which stays in the account as key 1
    ");
}

#[test]
fn without_a_state_all_that_is_ours_is_recognised() {
    let made = World::made(&servers(&[
        ("web", &["www.acme.com"]),
        ("db", &["acme.com"]),
    ]));
    let mut lost = made.clone();
    lost.recorded.clear();
    for step in lost.recognised() {
        lost.carry_out(&step);
    }
    assert!(lost.recorded.keys().eq(made.recorded.keys()));
    lost.expect("");
    for (address, recorded) in &lost.recorded {
        assert_eq!(recorded.id, made.recorded[address].id);
        assert_eq!(recorded.refers_to, made.recorded[address].refers_to);
    }
}

#[test]
fn what_is_gone_from_another_account_is_made_in_this_one() {
    let mut world = World::made(&web());
    world.record_of("server.web").account = "other".to_owned();
    let refused = "
        error: server.web is in the account `other`, not in `default`: this version does not move anything from one account to another
    ";
    world.seen("server.web").account = "other".into();
    world.expect(refused);
    world.lose("server.web");
    world.too_young.insert("server.web".parse().unwrap());
    world.expect(refused);
    world.too_young.clear();
    let plan = world.plan().unwrap();
    assert_eq!(
        plan.actions
            .iter()
            .filter(|a| a.verb == Verb::Create)
            .count(),
        1
    );
    for step in &plan.steps {
        world.carry_out(step);
    }
    assert_eq!(world.record_of("server.web").account, "default");
    world.expect("");
}

#[test]
fn of_several_accounts_the_one_that_is_meant_is_named() {
    let mut world = World::made(&web());
    world.another = Some("other");
    world.observed.retain(|observed| observed.kind == "domain");
    world.expect("error: none of the 2 recorded resources is in the account `default`: server.web, ssh_key.default: a wrong token, or an API that is out of order, looks just like this");

    let mut world = World::new(&web());
    world.another = Some("other");
    world.server_limit = 0;
    world.expect(
        "error: the account `default` may have 0 servers: it has 0, and this plan would add 1",
    );
}
