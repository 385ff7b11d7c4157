use super::{DFW, DNS, KEY, ask, asked, call, get, pass, test_world};
use crate::sandbox::rackspace::catalog::IMAGES;
use crate::sandbox::rackspace::naming::Names;
use crate::sandbox::rackspace::routes::{Found, find};
use crate::sandbox::rackspace::world::World;
use serde_json::{Value, json};

fn names(known: &mut Names, world: &World, method: &str, url: &str, body: &Value) -> String {
    let (_, service, call) = call(method, url, body);
    let Found::Route(route, _) = find(method, &call.path) else {
        panic!("no route {url}");
    };
    known
        .of(world, route.path, &asked(method, service, &call))
        .join(", ")
}

#[test]
fn every_request_is_about_something_that_has_a_name() {
    let mut world = test_world();
    let server =
        json!({"server": {"name": "web1", "imageRef": IMAGES[0].id("DFW"), "flavorRef": "2"}});
    let made = ask(&mut world, "POST", &format!("{DFW}/servers"), &server).1;
    let one = format!("{DFW}/servers/{}", made["server"]["id"].as_str().unwrap());
    let key = json!({"keypair": {"name": "me", "public_key": KEY}});
    ask(&mut world, "POST", &format!("{DFW}/os-keypairs"), &key);
    let domain = json!({"domains": [{"name": "Example.com", "emailAddress": "a@example.com"}]});
    ask(&mut world, "POST", &format!("{DNS}/domains"), &domain);
    pass(&mut world, 1000);
    let domains = get(&mut world, &format!("{DNS}/domains"));
    let zone = format!("{DNS}/domains/{}", domains["domains"][0]["id"]);
    let records = format!("{zone}/records");
    let two = json!({"records": [
        {"type": "A", "name": "www.example.com", "data": "192.0.2.1"},
        {"type": "TXT", "data": "hello"},
    ]});
    let job = ask(&mut world, "POST", &records, &two).1;
    let job = format!("{DNS}/status/{}", job["jobId"].as_str().unwrap());
    pass(&mut world, 1000);
    let found = get(&mut world, &format!("{records}?type=A"));
    let www = found["records"][0]["id"].as_str().unwrap();
    let change = json!({"records": [{"id": www, "data": "192.0.2.9"}]});
    let none = Value::Null;

    let mut known = Names::default();
    let cases = [
        ("POST", format!("{DFW}/servers"), &server, "web1"),
        ("GET", one.clone(), &none, "web1"),
        ("POST", format!("{one}/action"), &none, "web1"),
        ("GET", format!("{DFW}/servers/detail"), &none, ""),
        (
            "GET",
            format!("{DFW}/servers/detail?name=web9"),
            &none,
            "web9",
        ),
        ("POST", format!("{DFW}/os-keypairs"), &key, "me"),
        ("DELETE", format!("{DFW}/os-keypairs/me"), &none, "me"),
        ("POST", format!("{DNS}/domains"), &domain, "example.com"),
        (
            "GET",
            format!("{DNS}/domains?name=example.com"),
            &none,
            "example.com",
        ),
        ("GET", zone.clone(), &none, "example.com"),
        (
            "POST",
            records.clone(),
            &two,
            "www.example.com A, example.com TXT",
        ),
        ("GET", job, &none, "www.example.com A, example.com TXT"),
        ("GET", records.clone(), &none, "example.com"),
        (
            "GET",
            format!("{records}?type=A&name=www.example.com"),
            &none,
            "www.example.com A",
        ),
        ("PUT", records.clone(), &change, "www.example.com A"),
        (
            "DELETE",
            format!("{records}?id={www}"),
            &none,
            "www.example.com A",
        ),
        (
            "DELETE",
            format!("{records}/{www}"),
            &none,
            "www.example.com A",
        ),
    ];
    for (method, url, body, expected) in cases {
        let found = names(&mut known, &world, method, &url, body);
        assert_eq!(found, expected, "{method} {url}");
    }
    // What is gone keeps its name.
    ask(&mut world, "DELETE", &format!("{records}/{www}"), &none);
    pass(&mut world, 1000);
    for url in [format!("{records}/{www}"), format!("{records}?id={www}")] {
        assert_eq!(
            names(&mut known, &world, "DELETE", &url, &none),
            "www.example.com A"
        );
    }
}
