//! What goes, in which order, and what stays.

use cloudbuilder::model::{Address, Diagnostic, Origin};
use cloudbuilder::plan::guard::{Limits, refusals};

use crate::world::{FOREIGN, OURS, World, servers};

fn two() -> String {
    servers(&[("a", &["a.acme.com"]), ("b", &["b.acme.com"])])
}

#[test]
fn records_go_before_the_server_they_lead_to() {
    World::made(&two())
        .asking_for(&servers(&[("a", &["a.acme.com"])]))
        .expect(
            "
            1 - record b.acme.com A: → 10.0.0.3 · no longer in cloud.json
            2 - record b.acme.com AAAA: → 2001:db8::3 · no longer in cloud.json
            3 - server b: with its disk · no longer in cloud.json -$6.00 (after 1, 2)
        ",
        );
}

#[test]
fn a_name_leaves_a_server_before_that_goes() {
    World::made(&two())
        .asking_for(&servers(&[("a", &["a.acme.com", "b.acme.com"])]))
        .expect(
            "
            1 ~ record b.acme.com A: 10.0.0.3 → 10.0.0.2 [data]
            2 ~ record b.acme.com AAAA: 2001:db8::3 → 2001:db8::2 [data]
            3 … server b: wait 60 min · its address may be remembered (after 1, 2)
        4 - server b: with its disk · no longer in cloud.json -$6.00 (after 1, 2, 3)
        ",
        );
}

#[test]
fn a_name_leaves_a_server_also_while_the_next_one_still_boots() {
    let mut world =
        World::made(&two()).asking_for(&servers(&[("a", &["a.acme.com", "b.acme.com"])]));
    world.boot_again("server.a");
    world.expect(
        "
        1 … server a: wait for 2, which an earlier run made
        2 ~ record a.acme.com A: 10.0.0.2 → a's public IPv4 [data] (after 1)
        3 ~ record a.acme.com AAAA: 2001:db8::2 → a's public IPv6 [data] (after 1)
        4 ~ record b.acme.com A: 10.0.0.3 → a's public IPv4 [data] (after 1)
        5 ~ record b.acme.com AAAA: 2001:db8::3 → a's public IPv6 [data] (after 1)
        6 … server b: wait 60 min · its address may be remembered (after 4, 5)
        7 - server b: with its disk · no longer in cloud.json -$6.00 (after 4, 5, 6)
        8 ~ file cloud.json: write networks of a
    ",
    );
}

#[test]
fn a_server_waits_also_for_names_that_somebody_else_led_to_it() {
    let mut world = World::made(&two()).asking_for(&servers(&[("a", &["a.acme.com"])]));
    world
        .seen("record.a.acme.com/A")
        .attributes
        .insert("data".to_owned(), "10.0.0.3".into());
    world.expect(
        "
        1 ~ record a.acme.com A: 10.0.0.3 → 10.0.0.2 · changed outside [data]
        2 - record b.acme.com A: → 10.0.0.3 · no longer in cloud.json
        3 - record b.acme.com AAAA: → 2001:db8::3 · no longer in cloud.json
        4 … server b: wait 60 min · its address may be remembered (after 1, 2, 3)
        5 - server b: with its disk · no longer in cloud.json -$6.00 (after 1, 2, 3, 4)
    ",
    );
}

#[test]
fn what_is_gone_already_is_forgotten() {
    let mut world = World::made(&two()).asking_for(&servers(&[("a", &["a.acme.com"])]));
    world.lose("server.b");
    world.lose("record.b.acme.com/A");
    world.expect(
        "
        1 - record b.acme.com AAAA: → 2001:db8::3 · no longer in cloud.json
        2 . record b.acme.com A: was deleted outside
        3 . server b: was deleted outside (after 1, 2)
    ",
    );
}

#[test]
fn destroying_goes_backwards_and_takes_what_was_written_out_of_the_file() {
    let mut world = World::made(&servers(&[("a", &["www.made.org", "a.acme.com"])]));
    world.destroying = true;
    world.expect(
        "
        1 - record a.acme.com A: → 10.0.0.2
        2 - record a.acme.com AAAA: → 2001:db8::2
        3 - record www.made.org A: → 10.0.0.2
        4 - record www.made.org AAAA: → 2001:db8::2
        5 - domain made.org: empty zone (after 3, 4)
        6 - server a: with its disk -$6.00 (after 1, 2, 3, 4)
        7 - ssh_key key@acme.com: take out of the account (after 6)
        8 ~ file cloud.json: take out networks of a
    ",
    );
}

/// A run that was cut off after its last deletion: nothing is recorded any more.
#[test]
fn destroying_takes_out_what_was_written_of_servers_that_went_before() {
    let mut world = World::made(&servers(&[("a", &[]), ("b", &[])]));
    world.destroying = true;
    let b: Address = "server.b".parse().unwrap();
    let id = world.recorded.remove(&b).unwrap().id;
    world.observed.retain(|observed| observed.id != id);
    world.expect(
        "
        1 - server a: with its disk -$6.00
        2 - ssh_key key@acme.com: take out of the account (after 1)
        3 ~ file cloud.json: take out networks of a, b
    ",
    );
    world.recorded.clear();
    world.observed.clear();
    world.expect("1 ~ file cloud.json: take out networks of a, b");
    assert!(world.plan().unwrap().is_empty());
    // What is there is never taken out while a deployment is kept up.
    world.destroying = false;
    let text = world.asking_for("{}").text();
    assert!(!text.contains("file"), "{text}");
}

#[test]
fn a_zone_goes_only_if_we_made_it_and_it_is_empty() {
    let mut world = World::made(&servers(&[("a", &["www.made.org"])]));
    world.destroying = true;
    world.add_record("made.org", "NS", "ns1.toy.example");
    world.add_record("made.org", "SOA", "1800");
    assert!(world.text().contains("- domain made.org"));

    let mut foreign = world.clone();
    foreign.add_record("mail.made.org", "MX", "mail.acme.com");
    let text = foreign.text();
    assert!(text.contains(". domain made.org: stays in the account: it holds a record that is not ours (after 1, 2)"), "{text}");
    assert!(text.contains("note: domain.made.org stays in the account: it holds a record that is not ours; cloudbuilder forgets it"), "{text}");

    world.record_of("domain.made.org").origin = Origin::Found;
    assert!(
        world
            .text()
            .contains(". domain made.org: stays in the account: it was in the account before")
    );
}

#[test]
fn a_key_stays_if_it_was_there_before_or_others_may_use_it() {
    let mut world = World::made(&servers(&[("a", &[])]));
    world.destroying = true;
    world.add_server("unmarked", &[]);
    assert!(world.text().contains("- ssh_key"));
    world.add_server("theirs", &[FOREIGN]);
    let text = world.text();
    assert!(text.contains(". ssh_key key@acme.com: stays in the account: server theirs of another deployment is in the account and may use it (after 1)"), "{text}");
    world.observed.pop();
    world.record_of("ssh_key.default").origin = Origin::Found;
    let text = world.text();
    assert!(
        text.contains(
            ". ssh_key key@acme.com: stays in the account: it was in the account before (after 1)"
        ),
        "{text}"
    );
}

#[test]
fn a_server_in_neither_file_is_left_alone() {
    let mut world = World::made(&servers(&[("a", &[])]));
    world.destroying = true;
    world.add_server("b", &[OURS]);
    world.expect("
        1 - server a: with its disk -$6.00
        2 - ssh_key key@acme.com: take out of the account (after 1)
        3 ~ file cloud.json: take out networks of a
        warning: server b (3) carries this deployment's mark too, $6.00 a month: it is in neither cloud.json nor the state, and is left alone
    ");
}

#[test]
fn an_emptied_file_is_refused_unless_it_is_meant() {
    let told = |world: &World, max_destroy, destroying| {
        let plan = world.plan().unwrap();
        let limits = Limits {
            max_destroy,
            allow_wipe: false,
            destroying,
        };
        let refusals = refusals(&plan, limits);
        refusals
            .into_iter()
            .map(|refusal: Diagnostic| refusal.summary)
            .collect::<Vec<_>>()
    };
    let emptied = World::made(&two()).asking_for("{}");
    assert_eq!(
        told(&emptied, None, false),
        ["cloud.json asks for nothing in place of 2 servers"]
    );
    assert!(told(&emptied, None, true).is_empty());
    assert!(told(&emptied, Some(2), false).is_empty());
    assert_eq!(
        told(&emptied, Some(1), false),
        ["the plan destroys 2 servers"]
    );
    // Others in their place are a wish.
    let others = World::made(&two()).asking_for(&servers(&[("c", &[])]));
    assert!(told(&others, None, false).is_empty());
    assert_eq!(
        told(&others, Some(0), false),
        ["the plan destroys 2 servers"]
    );
    // Nothing to lose.
    let mut gone = World::made(&two()).asking_for("{}");
    gone.observed.retain(|observed| observed.kind != "server");
    assert!(told(&gone, None, false).is_empty());
}
