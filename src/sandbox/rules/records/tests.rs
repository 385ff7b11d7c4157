use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
use crate::sandbox::world::World;
use serde_json::{Value, json};

const RECORDS: &str = "/v2/domains/example.com/records";

fn zone() -> World {
    let mut world = test_world();
    ask(
        &mut world,
        "POST",
        "/v2/domains",
        &json!({"name": "example.com"}),
    );
    world
}

fn a(name: &str, data: &str) -> Value {
    json!({"type": "A", "name": name, "data": data})
}

fn make(world: &mut World, body: &Value) -> Value {
    let (status, made) = ask(world, "POST", RECORDS, body);
    assert_eq!(status, 201, "{body}: {made}");
    made["domain_record"].clone()
}

fn no(world: &mut World, body: &Value) -> String {
    let (status, message) = refused(world, "POST", RECORDS, body);
    assert_eq!(status, 422);
    message
}

fn found(world: &mut World, query: &str) -> u64 {
    let total = get(world, &format!("{RECORDS}?{query}"))["meta"]["total"].as_u64();
    total.unwrap()
}

#[test]
fn names_are_relative_unless_they_end_in_a_dot() {
    let mut world = zone();
    let name = |world: &mut _, name: &str| make(world, &a(name, "198.51.100.1"))["name"].clone();
    assert_eq!(name(&mut world, "www"), "www");
    assert_eq!(name(&mut world, "ftp.example.com."), "ftp");
    assert_eq!(name(&mut world, "Example.com."), "@");
    assert_eq!(name(&mut world, "@"), "@");
    assert_eq!(name(&mut world, "*"), "*");
    assert_eq!(name(&mut world, "_a.b-c"), "_a.b-c");
    // The trap: it lies below the domain now.
    assert_eq!(name(&mut world, "mail.example.com"), "mail.example.com");
    assert_eq!(found(&mut world, "name=mail.example.com"), 0);
    assert_eq!(found(&mut world, "name=mail.example.com.example.com"), 1);
    for bad in [
        "",
        "a b",
        "a..b",
        "www.example.org.",
        "notexample.com.",
        "a.*",
        ".",
    ] {
        no(&mut world, &a(bad, "198.51.100.1"));
    }
}

#[test]
fn the_filter_wants_full_names_without_a_final_dot() {
    let mut world = zone();
    make(&mut world, &a("www", "198.51.100.1"));
    make(
        &mut world,
        &json!({"type": "AAAA", "name": "www", "data": "2001:db8::1"}),
    );
    assert_eq!(found(&mut world, "name=www.example.com"), 2);
    assert_eq!(found(&mut world, "name=WWW.example.com&type=A"), 1);
    assert_eq!(found(&mut world, "name=www"), 0);
    assert_eq!(found(&mut world, "name=www.example.com."), 0);
    assert_eq!(found(&mut world, "name=wwwexample.com"), 0);
    assert_eq!(found(&mut world, "name=example.com"), 4);
    assert_eq!(found(&mut world, "type=NS"), 3);
    assert_eq!(found(&mut world, "per_page=2"), 6);
}

#[test]
fn identical_records_are_accepted() {
    let mut world = zone();
    let one = make(&mut world, &a("www", "198.51.100.1"));
    let two = make(&mut world, &a("www", "198.51.100.1"));
    assert_ne!(one["id"], two["id"]);
    assert_eq!(found(&mut world, "name=www.example.com"), 2);
}

#[test]
fn host_data_needs_a_final_dot_and_loses_it() {
    let mut world = zone();
    let cname = |data: &str| json!({"type": "CNAME", "name": "c", "data": data});
    assert_eq!(
        no(&mut world, &cname("www.example.net")),
        "Data needs to end with a dot (.)"
    );
    assert_eq!(
        make(&mut world, &cname("www.example.net."))["data"],
        "www.example.net"
    );
    let mx = |data: &str| json!({"type": "MX", "name": "@", "data": data, "priority": 10});
    assert_eq!(make(&mut world, &mx("example.com."))["data"], "@");
    assert_eq!(make(&mut world, &mx("@"))["data"], "@");
    no(
        &mut world,
        &json!({"type": "NS", "name": "sub", "data": "ns.example.net"}),
    );
    no(
        &mut world,
        &json!({"type": "CAA", "name": "@", "data": "ca.example.net", "flags": 0, "tag": "issue"}),
    );
    let iodef = json!({"type": "CAA", "name": "@", "data": "mailto:a@example.net", "flags": 0, "tag": "iodef"});
    assert_eq!(make(&mut world, &iodef)["data"], "mailto:a@example.net");
}

#[test]
fn put_stumbles_over_the_dot_it_has_dropped_itself() {
    let mut world = zone();
    let cname = json!({"type": "CNAME", "name": "c", "data": "www.example.net."});
    let id = make(&mut world, &cname)["id"].clone();
    let one = format!("{RECORDS}/{id}");
    let ttl = json!({"ttl": 60});
    let (status, message) = refused(&mut world, "PUT", &one, &ttl);
    assert_eq!(
        (status, message.as_str()),
        (422, "Data needs to end with a dot (.)")
    );
    let (status, patched) = ask(&mut world, "PATCH", &one, &ttl);
    assert_eq!(status, 200, "{patched}");
    assert_eq!(patched["domain_record"]["data"], "www.example.net");
    let whole = json!({"ttl": 90, "data": "www.example.net."});
    let (_, put) = ask(&mut world, "PUT", &one, &whole);
    assert_eq!(put["domain_record"]["ttl"], 90);
}

#[test]
fn each_type_has_its_data_and_its_numbers() {
    let mut world = zone();
    no(&mut world, &a("www", "2001:db8::1"));
    no(&mut world, &a("www", "198.51.100.256"));
    no(
        &mut world,
        &json!({"type": "AAAA", "name": "www", "data": "198.51.100.1"}),
    );
    no(&mut world, &json!({"type": "TXT", "name": "t", "data": ""}));
    no(
        &mut world,
        &json!({"type": "TXT", "name": "t", "data": "x".repeat(513)}),
    );
    no(
        &mut world,
        &json!({"type": "PTR", "name": "t", "data": "x."}),
    );
    no(
        &mut world,
        &json!({"type": "SOA", "name": "@", "data": "x."}),
    );
    no(&mut world, &json!({"name": "t", "data": "x."}));
    no(
        &mut world,
        &json!({"type": "MX", "name": "@", "data": "m.example.net."}),
    );
    no(
        &mut world,
        &json!({"type": "SRV", "name": "_s", "data": "m.example.net.", "priority": 1, "weight": 1}),
    );
    no(
        &mut world,
        &json!({"type": "CAA", "name": "@", "data": "c.example.", "flags": 256, "tag": "issue"}),
    );
    no(
        &mut world,
        &json!({"type": "CAA", "name": "@", "data": "c.example.", "flags": 0, "tag": "issues"}),
    );
    // Zeros that a type does not use are forgotten.
    let mut zeros = a("www", "198.51.100.1");
    for key in ["priority", "port", "weight", "flags"] {
        zeros[key] = json!(0);
    }
    let made = make(&mut world, &zeros);
    for key in ["priority", "port", "weight", "flags", "tag"] {
        assert_eq!(made[key], Value::Null, "{key}");
    }
}

#[test]
fn ttl_is_1800_unless_said_at_least_30_and_shared() {
    let mut world = zone();
    let first = make(&mut world, &a("www", "198.51.100.1"));
    assert_eq!(first["ttl"], 1800);
    let mut short = a("www", "198.51.100.2");
    short["ttl"] = json!(29);
    no(&mut world, &short);
    short["ttl"] = json!(30);
    make(&mut world, &short);
    let one = format!("{RECORDS}/{}", first["id"]);
    assert_eq!(
        get(&mut world, &one)["domain_record"]["ttl"],
        30,
        "same name and type"
    );
    make(
        &mut world,
        &json!({"type": "TXT", "name": "www", "data": "x", "ttl": 99}),
    );
    assert_eq!(
        get(&mut world, &one)["domain_record"]["ttl"],
        30,
        "another type"
    );
    let (_, put) = ask(&mut world, "PUT", &one, &json!({"data": "198.51.100.3"}));
    assert_eq!(put["domain_record"]["ttl"], 30, "what is not sent is kept");
}

#[test]
fn a_cname_is_alone_with_its_name() {
    let mut world = zone();
    make(&mut world, &a("www", "198.51.100.1"));
    let cname = |name: &str| json!({"type": "CNAME", "name": name, "data": "a.example.net."});
    let alone = "CNAME records cannot share a name with other records";
    assert_eq!(no(&mut world, &cname("WWW")), alone);
    assert_eq!(no(&mut world, &cname("@")), alone);
    let id = make(&mut world, &cname("c"))["id"].clone();
    assert_eq!(no(&mut world, &cname("c")), alone);
    assert_eq!(
        no(&mut world, &a("c", "198.51.100.1")),
        "records cannot share a name with a CNAME record"
    );
    // It does not stand in its own way.
    let one = format!("{RECORDS}/{id}");
    assert_eq!(ask(&mut world, "PATCH", &one, &json!({"ttl": 60})).0, 200);
    assert_eq!(
        refused(&mut world, "PATCH", &one, &json!({"name": "www"})).0,
        422
    );
    assert_eq!(ask(&mut world, "DELETE", &one, &Value::Null).0, 204);
    make(&mut world, &a("c", "198.51.100.1"));
}

#[test]
fn the_soa_stays_and_only_its_ttl_changes() {
    let mut world = zone();
    let soa = get(&mut world, &format!("{RECORDS}?type=SOA"))["domain_records"][0].clone();
    let one = format!("{RECORDS}/{}", soa["id"]);
    assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null).0, 422);
    let (_, after) = ask(
        &mut world,
        "PUT",
        &one,
        &json!({"ttl": 60, "data": "x", "name": "y"}),
    );
    let mut expected = soa;
    expected["ttl"] = json!(60);
    assert_eq!(after["domain_record"], expected);
}

#[test]
fn a_record_is_found_in_its_own_domain_only() {
    let mut world = zone();
    ask(
        &mut world,
        "POST",
        "/v2/domains",
        &json!({"name": "other.example"}),
    );
    let id = make(&mut world, &a("www", "198.51.100.1"))["id"].clone();
    let elsewhere = format!("/v2/domains/other.example/records/{id}");
    assert_eq!(
        refused(&mut world, "DELETE", &elsewhere, &Value::Null).0,
        404
    );
    let one = format!("{RECORDS}/{id}");
    let kind = json!({"type": "AAAA", "data": "2001:db8::1"});
    assert_eq!(refused(&mut world, "PUT", &one, &kind).0, 422);
    let (_, moved) = ask(
        &mut world,
        "PATCH",
        &one,
        &json!({"type": "A", "name": "new"}),
    );
    assert_eq!(moved["domain_record"]["name"], "new");
    assert_eq!(found(&mut world, "name=www.example.com"), 0);
    assert_eq!(found(&mut world, "name=new.example.com"), 1);
}

/// Twenty thousand records: every check and every page must find its few without looking at all.
#[test]
fn a_large_zone_is_no_trouble() {
    let mut world = zone();
    for number in 0..10_000 {
        make(&mut world, &a(&format!("s{number}"), "198.51.100.1"));
        make(
            &mut world,
            &json!({"type": "AAAA", "name": format!("s{number}"), "data": "2001:db8::1"}),
        );
    }
    let mut seen = 0;
    for page in 1..=101 {
        let page = get(&mut world, &format!("{RECORDS}?per_page=200&page={page}"));
        seen += page["domain_records"].as_array().unwrap().len();
    }
    assert_eq!(seen, 20_004);
    assert_eq!(found(&mut world, "name=s9999.example.com"), 2);
}
