//! Parts of a plan: what goes with what, and what is left out.

use cloudbuilder::plan::guard::{Limits, refusals};
use cloudbuilder::plan::{Part, Pattern};

use crate::world::{World, servers};

fn patterns(text: &str) -> Vec<Pattern> {
    text.split_whitespace()
        .map(|pattern| pattern.parse().unwrap())
        .collect()
}

impl World {
    fn only(mut self, targets: &str) -> Self {
        self.part.targets = patterns(targets);
        self
    }

    fn without(mut self, excluded: &str) -> Self {
        self.part.excluded = patterns(excluded);
        self
    }
}

fn two() -> String {
    servers(&[("a", &["a.acme.com"]), ("b", &["b.other.net"])])
}

#[test]
fn a_target_comes_with_what_it_depends_on() {
    World::new(&two()).only("record.b.other.net/A").expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server b: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + domain other.net: new zone
        4 + record b.other.net A: → b's public IPv4 (after 2, 3)
        5 ~ file cloud.json: write networks of b
        note: other.net will be a new zone: its names answer only once its registrar delegates it to ns1.toy.example
        warning: this plan is only a part: 4 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
    World::new(&two()).only("server.a").expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server a: new1 · small · deb · ipv6 $6.00 (after 1)
        3 ~ file cloud.json: write networks of a
        note: other.net will be a new zone: its names answer only once its registrar delegates it to ns1.toy.example
        warning: this plan is only a part: 6 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
}

#[test]
fn a_server_that_goes_takes_its_records_along() {
    let world = World::made(&two()).asking_for("{}");
    world.clone().only("server.b").expect(
        "
        1 - record b.other.net A: → 10.0.0.3 · no longer in cloud.json
        2 - record b.other.net AAAA: → 2001:db8::3 · no longer in cloud.json
        3 - server b: with its disk · no longer in cloud.json -$6.00 (after 1, 2)
        warning: this plan is only a part: 5 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
    let mut destroying = world.only("server.a");
    destroying.destroying = true;
    destroying.written = [
        ("server.a".parse().unwrap(), "1".into()),
        ("server.b".parse().unwrap(), "2".into()),
    ]
    .into();
    destroying.expect(
        "
        1 - record a.acme.com A: → 10.0.0.2
        2 - record a.acme.com AAAA: → 2001:db8::2
        3 - server a: with its disk -$6.00 (after 1, 2)
        4 ~ file cloud.json: take out networks of a
        warning: this plan is only a part: 5 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
}

#[test]
fn a_name_that_moves_from_a_server_that_goes_brings_the_other_one_along() {
    let moved = servers(&[("a", &["a.acme.com"]), ("c", &["b.other.net"])]);
    World::made(&two())
        .asking_for(&moved)
        .only("server.b")
        .expect(
            "
        1 + server c: new1 · small · deb · ipv6 $6.00
        2 ~ record b.other.net A: 10.0.0.3 → c's public IPv4 [data] (after 1)
        3 ~ record b.other.net AAAA: 2001:db8::3 → c's public IPv6 [data] (after 1)
        4 … server b: wait 60 min · its address may be remembered (after 2, 3)
        5 - server b: with its disk · no longer in cloud.json -$6.00 (after 2, 3, 4)
        6 ~ file cloud.json: write networks of c
    ",
        );
}

#[test]
fn a_replaced_server_is_meant_with_the_new_one() {
    let mut world = World::made(&servers(&[("a", &[])]));
    let id = world.record_of("server.a").id.clone();
    let mut old = world.recorded.remove(&"server.a".parse().unwrap()).unwrap();
    old.address = format!("server.a@{id}").parse().unwrap();
    world.recorded.insert(old.address.clone(), old);
    let world = world.only("server.a");
    let plan = world.plan().unwrap();
    assert!(
        plan.steps.iter().any(|step| step.label.starts_with("a (")),
        "{}",
        world.text()
    );
}

#[test]
fn what_depends_on_what_is_excluded_stays_out_too() {
    World::new(&two()).without("server.b").expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server a: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + domain other.net: new zone
        4 + record a.acme.com A: → a's public IPv4 (after 2)
        5 + record a.acme.com AAAA: → a's public IPv6 (after 2)
        6 ~ file cloud.json: write networks of a
        note: other.net will be a new zone: its names answer only once its registrar delegates it to ns1.toy.example
        note: record.b.other.net/A and record.b.other.net/AAAA are left out with server.b, which they depend on
        warning: this plan is only a part: 3 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
    // A server cannot go while a record that stays leads to it.
    let mut destroying = World::made(&two()).without("record.b.other.net/A");
    destroying.destroying = true;
    destroying.expect(
        "
        1 - record a.acme.com A: → 10.0.0.2
        2 - record a.acme.com AAAA: → 2001:db8::2
        3 - record b.other.net AAAA: → 2001:db8::3
        4 - server a: with its disk -$6.00 (after 1, 2)
        5 ~ file cloud.json: take out networks of a
        note: domain.other.net, server.b and ssh_key.default are left out with record.b.other.net/A, which still depends on them
        warning: this plan is only a part: 4 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
    let mut destroying = World::made(&two()).without("server.b");
    destroying.destroying = true;
    destroying.expect(
        "
        1 - record a.acme.com A: → 10.0.0.2
        2 - record a.acme.com AAAA: → 2001:db8::2
        3 - server a: with its disk -$6.00 (after 1, 2)
        4 ~ file cloud.json: take out networks of a
        note: record.b.other.net/A and record.b.other.net/AAAA are left out with server.b, which they depend on
        note: domain.other.net and ssh_key.default are left out with server.b, which still depends on them
        warning: this plan is only a part: 5 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
}

#[test]
fn all_that_depends_on_what_is_excluded_is_named() {
    let names = ["a.acme.com", "b.acme.com", "c.acme.com", "d.acme.com"];
    let plan = World::new(&servers(&[("a", &names)])).without("server.a");
    let note = "note: record.a.acme.com/A, record.a.acme.com/AAAA, record.b.acme.com/A, \
                record.b.acme.com/AAAA, record.c.acme.com/A, record.c.acme.com/AAAA, \
                record.d.acme.com/A and record.d.acme.com/AAAA are left out with server.a, which they \
                depend on";
    let text = plan.text();
    assert!(text.lines().any(|line| line.trim() == note), "{text}");
}

#[test]
fn what_is_wrong_with_the_rest_does_not_stop_a_part() {
    let mut world = World::new(&servers(&[("a", &["a.acme.com"]), ("b", &["b.acme.com"])]));
    world.add_record("b.acme.com", "CNAME", "elsewhere.example");
    world.server_limit = 1;
    assert!(world.plan().is_err());
    world.clone().only("record.a.acme.com/A").expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server a: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + record a.acme.com A: → a's public IPv4 (after 2)
        4 ~ file cloud.json: write networks of a
        warning: this plan is only a part: 4 other changes are left out: a plan without --target and --exclude has them all
    ",
    );
    let error = "error: b.acme.com already leads elsewhere: record 1 in the account: \
                 b.acme.com CNAME → elsewhere.example";
    world.only("record.b.acme.com/A").expect(error);
}

#[test]
fn a_pattern_means_several_or_is_a_mistake() {
    let world = World::new(&servers(&[("web1", &[]), ("web2", &[]), ("db", &[])]));
    world.clone().only("server.web*").expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server web1: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + server web2: new1 · small · deb · ipv6 $6.00 (after 1)
        4 ~ file cloud.json: write networks of web1, web2
        warning: this plan is only a part: 1 other change is left out: a plan without --target and --exclude has them all
    ",
    );
    for (pattern, hint) in [
        ("server.web3", "did you mean server.web1?"),
        ("db", "did you mean server.db?"),
        (
            "q",
            "an address is KIND.NAME, such as server.web1; `*` stands for any text",
        ),
    ] {
        let problems = world.clone().only(pattern).plan().unwrap_err();
        assert_eq!(
            problems[0].summary,
            format!("--target {pattern} means nothing here")
        );
        assert_eq!(problems[0].hint.as_deref(), Some(hint));
    }
    // A name with a star is that name alone.
    let starred = servers(&[("a", &["*.acme.com", "www.acme.com"])]);
    let world = World::made(&starred)
        .asking_for("{}")
        .only("record.*.acme.com/A");
    world.expect("
        1 - record *.acme.com A: → 10.0.0.2 · no longer in cloud.json
        warning: this plan is only a part: 5 other changes are left out: a plan without --target and --exclude has them all
    ");
}

#[test]
fn a_part_is_guarded_by_what_exists_and_costs_what_all_costs() {
    let many: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let named = |names: &[String]| {
        let all: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
        servers(&all)
    };
    let world = World::made(&named(&many)).asking_for(&named(&many[..2]));
    let limits = Limits {
        max_destroy: None,
        allow_wipe: false,
        destroying: false,
    };
    assert_eq!(refusals(&world.plan().unwrap(), limits).len(), 1);
    let three = world
        .clone()
        .only("server.s7 server.s8 server.s9")
        .plan()
        .unwrap();
    assert_eq!(refusals(&three, limits), []);
    assert_eq!(three.left_out, 5);
    assert_eq!(
        (three.cost.before.dollars(), three.cost.after.dollars()),
        (60.0, 42.0)
    );
    let four = world
        .only("server.s6 server.s7 server.s8 server.s9")
        .plan()
        .unwrap();
    assert_eq!(refusals(&four, limits).len(), 1);
    assert_eq!(World::new(&two()).plan().unwrap().left_out, 0);
    assert!(Part::default().is_whole());
}
