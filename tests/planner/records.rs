//! What names say besides leading to servers, and zones in which nothing else stays.

use cloudbuilder::model::{Diagnostic, RecordRules};
use cloudbuilder::plan::{Op, Plan, Verb};

use crate::world::{CAPABILITIES, FOREIGN, World};

/// A cloud.json with these records of acme.com, and what `domains` says.
fn records(domains: &str, records: &str) -> String {
    format!(r#"{{"version": 2, "domains": {domains}, "records": {{"acme.com": {records}}}}}"#)
}

fn shown(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    let steps = steps.filter(|step| step.kind == "record");
    steps
        .map(|step| format!("{} {} {}", step.verb.sign(), step.label, step.detail))
        .collect()
}

fn summaries(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|one| one.summary.as_str()).collect()
}

const SHARED: &str = r#"["acme.com"]"#;
const EXCLUSIVE: &str = r#"{"acme.com": {"exclusive": true}}"#;

#[test]
fn a_list_in_another_order_is_the_same() {
    let list = |values: &str| records(SHARED, &format!(r#"{{"@": {{"MX": [{values}]}}}}"#));
    let world = World::made(&list(r#""10 a", "20 b""#));
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
    let world = world.asking_for(&list(r#""20 b", "10 a""#));
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
    // One in place of another is a change of that one, and one more is one more.
    let world = world.asking_for(&list(r#""30 c", "20 b", "40 d""#));
    assert_eq!(
        shown(&world.plan().unwrap()),
        [
            "~ acme.com MX 10 a.acme.com → 30 c.acme.com",
            "+ acme.com MX → 40 d.acme.com",
        ]
    );
    let world = world.asking_for(&list(r#""20 b""#));
    assert_eq!(
        shown(&world.plan().unwrap()),
        ["- acme.com MX → 10 a.acme.com · no longer in cloud.json"]
    );
}

#[test]
fn values_are_known_again_when_the_state_was_lost() {
    let cloud = records(
        SHARED,
        r#"{"@": {"TXT": ["a", "b"]}, "www": {"A": "192.0.2.1"}}"#,
    );
    let mut world = World::made(&cloud);
    world.recorded.clear();
    let plan = world.plan().unwrap();
    let imports = plan.steps.iter().filter(|step| step.verb == Verb::Import);
    assert_eq!(imports.count(), 4);
    assert!(plan.steps.iter().all(|step| step.verb == Verb::Import));
}

#[test]
fn a_cname_makes_way_before_and_what_takes_its_place_comes_after() {
    let as_cname = records(
        SHARED,
        r#"{"www": {"CNAME": "web"}, "a": {"A": "192.0.2.1"}}"#,
    );
    let as_address = records(
        SHARED,
        r#"{"www": {"A": "192.0.2.1"}, "a": {"AAAA": "2001:db8::1"}}"#,
    );
    let order = |before: &str, after: &str| {
        let world = World::made(before).asking_for(after);
        let plan = world.plan().unwrap();
        let steps = plan.steps.iter().filter(|step| step.kind == "record");
        steps
            .map(|step| {
                let waits = !step.waits_for.is_empty();
                format!("{} {} {waits}", step.verb.sign(), step.label)
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        order(&as_cname, &as_address),
        [
            "+ a.acme.com AAAA false",
            "- a.acme.com A true",
            "- www.acme.com CNAME false",
            "+ www.acme.com A true",
        ]
    );
    assert_eq!(
        order(&as_address, &as_cname),
        [
            "+ a.acme.com A false",
            "- a.acme.com AAAA true",
            "- www.acme.com A false",
            "+ www.acme.com CNAME true",
        ]
    );
}

#[test]
fn a_ttl_is_a_difference_only_if_it_is_asked_for() {
    let unasked = records(SHARED, r#"{"www": {"A": "192.0.2.1"}}"#);
    let asked = records(SHARED, r#"{"www": {"A": "192.0.2.1", "ttl": 300}}"#);
    let mut world = World::made(&unasked);
    world
        .seen("record.www.acme.com/A")
        .attributes
        .insert("ttl", 1800.into());
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
    let world = world.asking_for(&asked);
    assert_eq!(
        shown(&world.plan().unwrap()),
        ["~ www.acme.com A TTL 1800 → 300 s"]
    );
    // Not asked for any more, it stays as it is.
    let mut world = World::made(&asked).asking_for(&unasked);
    world
        .seen("record.www.acme.com/A")
        .attributes
        .insert("ttl", 600.into());
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
}

#[test]
fn one_name_and_type_has_one_ttl() {
    let cloud = records(SHARED, r#"{"@": {"TXT": "ours", "ttl": 300}}"#);
    let mut world = World::new(&cloud);
    world.add_record("acme.com", "TXT", "theirs");
    let theirs = world.observed.last_mut().unwrap();
    theirs.attributes.insert("ttl", 300.into());
    assert!(world.plan().is_ok());
    let theirs = world.observed.last_mut().unwrap();
    theirs.attributes.insert("ttl", 1800.into());
    let found = world.plan().unwrap_err();
    assert_eq!(
        summaries(&found),
        ["acme.com TXT would have records with different TTLs"]
    );
    // In a zone of ours alone it goes.
    let cloud = records(EXCLUSIVE, r#"{"@": {"TXT": "ours", "ttl": 300}}"#);
    assert!(world.asking_for(&cloud).plan().is_ok());
}

#[test]
fn what_nobody_named_stays_unless_the_zone_is_exclusive() {
    let named = r#"{"www": {"A": "192.0.2.1"}}"#;
    let mut world = World::made(&records(SHARED, named));
    for (name, record_type, data) in [
        ("acme.com", "SOA", "1800"),
        ("acme.com", "NS", "ns1.toy.example"),
        ("eu.acme.com", "NS", "ns1.example.org"),
        ("acme.com", "TXT", "by-hand"),
        ("old.acme.com", "A", "192.0.2.9"),
    ] {
        world.add_record(name, record_type, data);
    }
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
    let why = "not in cloud.json, and acme.com is exclusive";
    let world = world.asking_for(&records(EXCLUSIVE, named));
    let plan = world.plan().unwrap();
    assert_eq!(
        shown(&plan),
        [
            format!("- eu.acme.com NS → ns1.example.org · {why}"),
            format!("- acme.com TXT → by-hand · {why}"),
            format!("- old.acme.com A → 192.0.2.9 · {why}"),
        ]
    );
    for step in plan.steps.iter().filter(|step| step.kind == "record") {
        assert_eq!(step.loses, Some("what it says"));
        let Op::Delete { unrecorded, .. } = &step.op else {
            panic!("{step:?}");
        };
        assert_eq!(unrecorded.as_ref().unwrap().account, "default");
    }
    // Its own name servers go only if it is to have others.
    let with_ns = r#"{"www": {"A": "192.0.2.1"}, "@": {"NS": "ns9.example.org."}}"#;
    let plan = world
        .asking_for(&records(EXCLUSIVE, with_ns))
        .plan()
        .unwrap();
    let steps = shown(&plan);
    assert!(
        steps.contains(&format!("- acme.com NS → ns1.toy.example · {why}")),
        "{steps:?}"
    );
}

#[test]
fn what_leads_to_a_server_of_another_deployment_stays() {
    let mut world = World::made(&records(EXCLUSIVE, r#"{"www": {"A": "192.0.2.1"}}"#));
    let id = world.add_server("theirs", &[FOREIGN]);
    let server = world.observed.iter().find(|seen| seen.id == id).unwrap();
    let address = server.text("ipv4_address").unwrap().to_owned();
    world.add_record("theirs.acme.com", "A", &address);
    let plan = world.plan().unwrap();
    assert_eq!(shown(&plan), [""; 0]);
    assert!(
        summaries(&plan.notes)
            .iter()
            .any(|note| note.contains("stays, though acme.com is exclusive")),
        "{:?}",
        plan.notes
    );
}

#[test]
fn what_an_account_does_not_have_is_refused_at_its_place() {
    static NARROW: cloudbuilder::model::Capabilities = cloudbuilder::model::Capabilities {
        records: RecordRules {
            types: &["A", "NS", "TXT"],
            own_ns: false,
            least_ttl: 300,
            longest_text: 10,
            not_in_texts: &['\\'],
            ..RecordRules::ALL
        },
        ..CAPABILITIES
    };
    let cloud = records(
        SHARED,
        r#"{
            "@": {"NS": "ns1", "CAA": "0 issue ca.org"},
            "a": {"A": {"values": "192.0.2.1", "ttl": 60}},
            "b": {"TXT": "12345678901"},
            "c": {"TXT": "a\\b"},
            "d": {"NS": "ns1", "TXT": {"values": "1234567890", "ttl": 300}}
        }"#,
    );
    let mut world = World::new(&cloud);
    world.capabilities = &NARROW;
    let found = world.plan().unwrap_err();
    assert_eq!(
        summaries(&found),
        [
            "the NS records of acme.com itself are toy's",
            "account `default` has no CAA records",
            "a.acme.com A asks for a `ttl` of 60 s",
            "b.acme.com TXT cannot be made in `default`",
            "c.acme.com TXT cannot be made in `default`",
        ]
    );
    let lines: Vec<_> = found
        .iter()
        .map(|one| one.place.as_ref().map(|place| place.line))
        .collect();
    assert_eq!(lines, [Some(2), Some(2), Some(3), Some(4), Some(5)]);
}

/// A cloud.json with a server, its names, and what else names say.
fn with_server(domains: &str, names: &str, records: &str) -> String {
    format!(
        r#"{{"version": 2, "domains": {domains},
            "servers": {{"web": {{"region": "new1", "size": "small", "image": "deb",
                "names": {names}}}}},
            "records": {{"acme.com": {records}}}}}"#
    )
}

/// The numbers of the steps whose line begins so.
fn number_of(plan: &Plan, sign: &str, label: &str) -> usize {
    let mut steps = plan.steps.iter();
    let step = steps.find(|step| step.verb.sign() == sign && step.label == label);
    step.unwrap_or_else(|| panic!("no {sign} {label}: {plan:?}"))
        .number
}

#[test]
fn what_nobody_named_goes_only_once_its_place_is_taken() {
    let mut world = World::new(&with_server(EXCLUSIVE, r#"["www.acme.com"]"#, "{}"));
    world.add_record("acme.com", "A", "192.0.2.50");
    let stranger = world.observed.last_mut().unwrap();
    stranger.attributes.insert("name", "www.acme.com".into());
    let plan = world.plan().unwrap();
    let goes = number_of(&plan, "-", "www.acme.com A");
    let comes = number_of(&plan, "+", "www.acme.com A");
    assert!(plan.steps[goes - 1].waits_for.contains(&comes), "{plan:?}");
}

#[test]
fn a_cname_makes_way_no_sooner_than_what_takes_its_place_can_come() {
    let world = World::made(&records(
        SHARED,
        r#"{"www": {"CNAME": "old.example.org."}}"#,
    ));
    let world = world.asking_for(&with_server(SHARED, r#"["www.acme.com"]"#, "{}"));
    let plan = world.plan().unwrap();
    let server = number_of(&plan, "+", "web");
    let goes = number_of(&plan, "-", "www.acme.com CNAME");
    let comes = number_of(&plan, "+", "www.acme.com A");
    assert!(plan.steps[goes - 1].waits_for.contains(&server), "{plan:?}");
    assert!(plan.steps[comes - 1].waits_for.contains(&goes), "{plan:?}");
}

#[test]
fn texts_that_speak_of_one_server_are_told_apart() {
    let list = |values: &str| {
        let records = format!(r#"{{"@": {{"TXT": [{values}]}}}}"#);
        with_server(SHARED, "[]", &records)
    };
    let (one, other) = (
        r#""v=spf1 ip4:${server.web.public_ipv4} -all""#,
        r#""zz=${server.web.public_ipv4}""#,
    );
    let world = World::made(&list(&format!("{one}, {other}")));
    let world = world.asking_for(&list(&format!("{other}, {one}")));
    assert_eq!(shown(&world.plan().unwrap()), [""; 0]);
    let world = world.asking_for(&list(other));
    assert_eq!(
        shown(&world.plan().unwrap()),
        ["- acme.com TXT → v=spf1 ip4:10.0.0.2 -all · no longer in cloud.json"]
    );
}

#[test]
fn an_address_of_another_family_is_told_in_the_plan() {
    let mut world = World::new(&with_server(
        SHARED,
        "[]",
        r#"{"a": {"A": "${server.web.public_ipv6}"}, "b": {"AAAA": "${server.web.private_ipv4}"}}"#,
    ));
    let found = world.plan().unwrap_err();
    assert_eq!(
        summaries(&found),
        [
            "A of a.acme.com cannot be web's public IPv6",
            "AAAA of b.acme.com cannot be web's private IPv4",
        ]
    );
    // A server that is there without.
    let without = with_server(
        SHARED,
        "[]",
        r#"{"b": {"AAAA": "${server.web.public_ipv6}"}}"#,
    );
    world = World::made(&with_server(SHARED, "[]", "{}")).asking_for(&without);
    let web = world.seen("server.web");
    web.attributes
        .insert("ipv6_address", serde_json::Value::Null);
    let found = world.plan().unwrap_err();
    assert_eq!(
        summaries(&found),
        ["record.b.acme.com/AAAA refers to web's public IPv6"]
    );
}

#[test]
fn a_plan_of_a_part_deletes_nothing_that_nobody_named() {
    let cloud = records(
        EXCLUSIVE,
        r#"{"x": {"TXT": "z"}, "mail": {"A": "192.0.2.78"}}"#,
    );
    let mut world = World::new(&cloud);
    world.add_record("acme.com", "A", "192.0.2.77");
    let stranger = world.observed.last_mut().unwrap();
    stranger.attributes.insert("name", "mail.acme.com".into());
    assert!(
        world
            .plan()
            .unwrap()
            .steps
            .iter()
            .any(|step| step.verb == Verb::Delete)
    );
    for target in ["record.x.acme.com/TXT", "domain.acme.com"] {
        world.part.targets = vec![target.parse().unwrap()];
        let plan = world.plan().unwrap();
        assert!(
            plan.steps.iter().all(|step| step.verb != Verb::Delete),
            "{plan:?}"
        );
    }
}
