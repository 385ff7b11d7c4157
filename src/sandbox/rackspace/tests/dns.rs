use super::{DNS, THEIR_DNS, ask, get, pass, reread, test_world};
use crate::sandbox::rackspace::world::World;
use crate::sandbox::store::Kept;
use serde_json::{Value, json};

fn zone_body(name: &str) -> Value {
    json!({"domains": [{"name": name, "emailAddress": "hm@example.com"}]})
}

/// Asks for a change, waits for its job, and gives the job's status with all details.
fn change(world: &mut World, method: &str, url: &str, body: &Value) -> Value {
    let (status, job) = ask(world, method, url, body);
    assert_eq!(status, 202, "{method} {url}: {job}");
    pass(world, 1000);
    let callback = job["callbackUrl"].as_str().unwrap();
    let callback = callback.strip_prefix("http://sandbox").unwrap();
    get(world, &format!("{callback}?showDetails=true"))
}

/// Makes a zone; gives its URL.
fn zone(world: &mut World, name: &str) -> String {
    let job = change(world, "POST", &format!("{DNS}/domains"), &zone_body(name));
    assert_eq!(job["status"], "COMPLETED", "{job}");
    format!("{DNS}/domains/{}", job["response"]["domains"][0]["id"])
}

fn a(name: &str, data: &str) -> Value {
    json!({"type": "A", "name": name, "data": data})
}

fn add(world: &mut World, zone: &str, records: &[Value]) -> Value {
    let body = json!({ "records": records });
    change(world, "POST", &format!("{zone}/records"), &body)
}

fn names(list: &Value) -> Vec<String> {
    let records = list["records"].as_array().unwrap().iter();
    let text = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
    records
        .map(|record| format!("{} {}", text(record, "name"), text(record, "type")))
        .collect()
}

#[test]
fn a_job_goes_from_accepted_to_done_and_changes_nothing_before() {
    let mut world = test_world();
    let domains = format!("{DNS}/domains");
    let (status, job) = ask(&mut world, "POST", &domains, &zone_body("Example.com"));
    assert_eq!((status, &job["status"]), (202, &json!("INITIALIZED")));
    assert_eq!(job["verb"], "POST");
    let url = format!("{DNS}/status/{}", job["jobId"].as_str().unwrap());
    pass(&mut world, 500);
    let (status, running) = ask(&mut world, "GET", &url, &Value::Null);
    assert_eq!((status, &running["status"]), (202, &json!("RUNNING")));
    assert!(running.get("verb").is_none(), "{running}");
    assert_eq!(get(&mut world, &domains)["totalEntries"], 0);
    pass(&mut world, 500);
    let done = get(&mut world, &url);
    assert_eq!(done["status"], "COMPLETED");
    assert!(done.get("response").is_none(), "details were not asked for");
    let done = get(&mut world, &format!("{url}?showDetails=true"));
    let made = &done["response"]["domains"][0];
    assert_eq!(made["name"], "example.com");
    assert_eq!(
        (&made["ttl"], &made["accountId"]),
        (&json!(3600), &json!(123_456))
    );
    assert_eq!(get(&mut world, &domains)["totalEntries"], 1);
    pass(&mut world, 86_400_000);
    assert_eq!(ask(&mut world, "GET", &url, &Value::Null).0, 404);
}

#[test]
fn a_new_zone_has_name_servers_and_what_came_with_it() {
    let mut world = test_world();
    let own =
        json!({"type": "NS", "name": "example.com", "data": "dns1.stabletransit.com", "ttl": 600});
    let body = json!({"domains": [{
        "name": "example.com", "emailAddress": "hm@example.com", "ttl": 900,
        "recordsList": {"records": [own, a("www.example.com", "192.0.2.1")]},
        "subdomains": {"domains": [{"name": "sub.example.com", "emailAddress": "hm@example.com"}]},
    }]});
    let job = change(&mut world, "POST", &format!("{DNS}/domains"), &body);
    let made = &job["response"]["domains"];
    assert_eq!(made[1]["name"], "sub.example.com");
    let url = format!("{DNS}/domains/{}", made[0]["id"]);
    let list = get(&mut world, &format!("{url}/records"));
    assert_eq!(
        names(&list),
        ["example.com NS", "example.com NS", "www.example.com A"]
    );
    assert_eq!(list["records"][2]["ttl"], 900);
    assert!(
        list["records"][2]["id"]
            .as_str()
            .unwrap()
            .starts_with("A-68")
    );
    let shown = get(&mut world, &format!("{url}?showSubdomains=true"));
    assert_eq!(shown["recordsList"]["totalEntries"], 3);
    assert_eq!(shown["subdomains"]["domains"][0]["name"], "sub.example.com");
}

#[test]
fn a_domain_is_hosted_once_whoever_has_it() {
    let mut world = test_world();
    zone(&mut world, "example.com");
    for root in [DNS, THEIR_DNS] {
        let job = change(
            &mut world,
            "POST",
            &format!("{root}/domains"),
            &json!({"domains": [
                {"name": "other.net", "emailAddress": "hm@example.com"},
                {"name": "example.com", "emailAddress": "hm@example.com"},
            ]}),
        );
        assert_eq!(job["status"], "ERROR");
        assert_eq!(
            (&job["error"]["code"], &job["error"]["details"]),
            (&json!(409), &json!("Domain already exists"))
        );
    }
    assert_eq!(
        get(&mut world, &format!("{DNS}/domains"))["totalEntries"],
        1
    );
    assert_eq!(
        get(&mut world, &format!("{THEIR_DNS}/domains"))["totalEntries"],
        0
    );
}

#[test]
fn what_another_account_has_is_not_there() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com").replace("123456", "654321");
    for (method, url) in [
        ("GET", url.clone()),
        ("DELETE", url.clone()),
        ("GET", format!("{url}/records")),
    ] {
        let (status, fault) = ask(&mut world, method, &url, &Value::Null);
        assert_eq!((status, &fault["code"]), (404, &json!(404)), "{method}");
    }
    let id = url.rsplit('/').next().unwrap().to_owned();
    let job = change(
        &mut world,
        "DELETE",
        &format!("{THEIR_DNS}/domains?id={id}"),
        &Value::Null,
    );
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("ERROR"), &json!(404))
    );
    assert_eq!(
        get(&mut world, &format!("{DNS}/domains"))["totalEntries"],
        1
    );
}

#[test]
fn what_is_wrong_in_form_is_refused_at_once() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let mut refused = |method: &str, url: &str, body: Value| {
        let (status, fault) = ask(&mut world, method, url, &body);
        assert_eq!(fault["code"], status, "{fault}");
        (status, fault)
    };
    let domains = format!("{DNS}/domains");
    let records = format!("{url}/records");
    let (status, fault) = refused("POST", &domains, json!({"domains": [{"name": "a_b"}]}));
    let messages = fault["validationErrors"]["messages"].as_array().unwrap();
    assert_eq!((status, messages.len()), (400, 2), "{fault}");
    for bad in [
        json!({}),
        json!({"records": []}),
        json!({"records": [a("www.other.net", "192.0.2.1")]}),
    ] {
        assert_eq!(refused("POST", &records, bad).0, 400);
    }
    assert_eq!(
        refused("PUT", &records, json!({"records": [{"data": "x"}]})).0,
        400
    );
    assert_eq!(refused("DELETE", &records, Value::Null).0, 400);
    assert_eq!(
        refused("GET", &format!("{domains}?limit=25&offset=5"), Value::Null).0,
        400
    );
    assert_eq!(
        refused(
            "GET",
            &format!("{records}?name=www.example.com"),
            Value::Null
        )
        .0,
        400
    );
    let many: Vec<Value> = (0..101)
        .map(|n| a(&format!("h{n}.example.com"), "192.0.2.1"))
        .collect();
    let (status, fault) = refused("POST", &records, json!({"records": many}));
    assert_eq!(status, 413);
    assert!(
        fault["message"]
            .as_str()
            .unwrap()
            .contains("over the limit")
    );
}

#[test]
fn a_batch_is_added_whole_or_not_at_all() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let first = add(
        &mut world,
        &url,
        &[
            a("www.example.com", "192.0.2.1"),
            a("www.example.com", "192.0.2.2"),
        ],
    );
    assert_eq!(first["status"], "COMPLETED", "{first}");
    let cname = json!({"type": "CNAME", "name": "www.example.com", "data": "example.com"});
    let alias = json!({"type": "CNAME", "name": "alias.example.com", "data": "example.com"});
    for (why, records) in [
        (
            "a duplicate of what is there",
            vec![
                a("new.example.com", "192.0.2.9"),
                a("WWW.example.com", "192.0.2.1"),
            ],
        ),
        (
            "a duplicate in the batch",
            vec![
                a("new.example.com", "192.0.2.9"),
                a("new.example.com", "192.0.2.9"),
            ],
        ),
        (
            "an alias beside an address",
            vec![a("new.example.com", "192.0.2.9"), cname],
        ),
        (
            "an address beside an alias",
            vec![alias, a("alias.example.com", "192.0.2.9")],
        ),
    ] {
        let job = add(&mut world, &url, &records);
        assert_eq!(
            (&job["status"], &job["error"]["code"]),
            (&json!("ERROR"), &json!(409)),
            "{why}"
        );
    }
    let list = get(&mut world, &format!("{url}/records"));
    assert_eq!(list["totalEntries"], 4, "{list}");
}

#[test]
fn a_change_touches_only_what_it_may() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let made = add(
        &mut world,
        &url,
        &[
            a("www.example.com", "192.0.2.1"),
            a("ftp.example.com", "192.0.2.2"),
        ],
    );
    let id = |n: usize| {
        made["response"]["records"][n]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let records = format!("{url}/records");
    let both = json!({"records": [
        {"id": id(0), "name": "www.example.com", "data": "192.0.2.7", "comment": "ours"},
        {"id": "A-1", "data": "192.0.2.8"},
    ]});
    let job = change(&mut world, "PUT", &records, &both);
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("ERROR"), &json!(404))
    );
    let one = format!("{records}/{}", id(0));
    assert_eq!(
        get(&mut world, &one)["data"],
        "192.0.2.1",
        "the whole request fails"
    );

    let job = change(
        &mut world,
        "PUT",
        &one,
        &json!({"data": "192.0.2.7", "comment": "ours"}),
    );
    assert_eq!(job["status"], "COMPLETED", "{job}");
    assert!(job.get("response").is_none());
    let shown = get(&mut world, &one);
    assert_eq!(
        (&shown["data"], &shown["comment"], &shown["ttl"]),
        (&json!("192.0.2.7"), &json!("ours"), &json!(3600))
    );
    for bad in [
        json!({"name": "x.example.com"}),
        json!({"type": "AAAA"}),
        json!({"ttl": 60}),
        json!({"comment": "c".repeat(161)}),
    ] {
        assert_eq!(ask(&mut world, "PUT", &one, &bad).0, 400, "{bad}");
    }
    let job = change(&mut world, "PUT", &one, &json!({"data": "not an address"}));
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("ERROR"), &json!(400))
    );
}

#[test]
fn deletions_are_tried_one_by_one() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let made = add(
        &mut world,
        &url,
        &[
            a("www.example.com", "192.0.2.1"),
            a("ftp.example.com", "192.0.2.2"),
        ],
    );
    let id = made["response"]["records"][0]["id"].as_str().unwrap();
    let records = format!("{url}/records");
    let job = change(
        &mut world,
        "DELETE",
        &format!("{records}?id=A-1&id={id}&id=MX-2"),
        &Value::Null,
    );
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("ERROR"), &json!(500))
    );
    let faults = job["error"]["failedItems"]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0]["code"], 404);
    assert!(
        faults[0]["details"]
            .as_str()
            .unwrap()
            .ends_with("Record ID: A-1")
    );
    let left = get(&mut world, &records);
    assert_eq!(
        names(&left),
        ["example.com NS", "example.com NS", "ftp.example.com A"]
    );
    let gone = ask(
        &mut world,
        "DELETE",
        &format!("{records}/{id}"),
        &Value::Null,
    );
    assert_eq!(gone.0, 404);
}

#[test]
fn a_search_finds_whole_names_and_nothing_with_an_underscore() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let txt = |name: &str, data: &str| json!({"type": "TXT", "name": name, "data": data});
    let job = add(
        &mut world,
        &url,
        &[
            a("www.example.com", "192.0.2.1"),
            a("www2.example.com", "192.0.2.1"),
            txt("_acme.example.com", "token"),
            txt("www.example.com", "two words"),
        ],
    );
    assert_eq!(job["status"], "COMPLETED", "{job}");
    let mut found =
        |query: &str| names(&get(&mut world, &format!("{url}/records?{query}"))).join(", ");
    assert_eq!(found("type=A&name=WWW.example.com"), "www.example.com A");
    assert_eq!(
        found("type=A&data=192.0.2.1"),
        "www.example.com A, www2.example.com A"
    );
    assert_eq!(
        found("type=TXT"),
        "_acme.example.com TXT, www.example.com TXT"
    );
    assert_eq!(found("type=TXT&name=_acme.example.com"), "");
    assert_eq!(found("type=TXT&data=two words"), "");
    let domains = format!("{DNS}/domains");
    assert_eq!(
        get(&mut world, &format!("{domains}?name=example.com"))["totalEntries"],
        1
    );
    assert_eq!(
        get(&mut world, &format!("{domains}?name=ample.com"))["totalEntries"],
        0
    );
    assert_eq!(
        get(&mut world, &format!("{domains}/search?name=ample"))["totalEntries"],
        1
    );
}

#[test]
fn pages_lead_on_and_hold_a_hundred() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    for batch in 0..2 {
        let records: Vec<Value> = (0..99)
            .map(|n| a(&format!("h{batch}-{n}.example.com"), "192.0.2.1"))
            .collect();
        assert_eq!(add(&mut world, &url, &records)["status"], "COMPLETED");
    }
    let first = get(&mut world, &format!("{url}/records?limit=500"));
    assert_eq!(first["records"].as_array().unwrap().len(), 100);
    assert_eq!(first["totalEntries"], 200);
    assert_eq!(first["links"].as_array().unwrap().len(), 1);
    let next = first["links"][0]["href"].as_str().unwrap();
    let next = get(&mut world, next.strip_prefix("http://sandbox").unwrap());
    assert_eq!(next["records"].as_array().unwrap().len(), 100);
    assert_eq!(next["links"][0]["rel"], "previous");
}

#[test]
fn five_hundred_records_and_no_more() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let batch = |batch: usize| -> Vec<Value> {
        (0..99)
            .map(|n| a(&format!("h{batch}-{n}.example.com"), "192.0.2.1"))
            .collect()
    };
    for number in 0..5 {
        assert_eq!(add(&mut world, &url, &batch(number))["status"], "COMPLETED");
    }
    let body = json!({"records": batch(5)});
    let (status, fault) = ask(&mut world, "POST", &format!("{url}/records"), &body);
    assert_eq!(
        (status, &fault["details"]),
        (
            413,
            &json!("Limit of 500 records per domain has been reached.")
        )
    );
}

#[test]
fn a_cut_job_runs_once_after_a_restart() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    let body = json!({"records": [a("www.example.com", "192.0.2.1")]});
    let (_, job) = ask(&mut world, "POST", &format!("{url}/records"), &body);
    let status = format!(
        "{DNS}/status/{}?showDetails=true",
        job["jobId"].as_str().unwrap()
    );
    let mut again = reread(&mut world);
    again.take_unsaved();
    pass(&mut again, 1000);
    let lines = String::from_utf8(again.take_unsaved()).unwrap();
    assert_eq!(
        lines.lines().count(),
        1,
        "a file cut in between would do it twice: {lines}"
    );
    assert_eq!(get(&mut again, &status)["status"], "COMPLETED");
    let mut third = reread(&mut again);
    let done = get(&mut third, &status);
    assert_eq!(done["response"]["records"][0]["name"], "www.example.com");
    assert_eq!(
        get(&mut third, &format!("{url}/records"))["totalEntries"],
        3
    );
    // Ids go on from where they were.
    let more = add(&mut third, &url, &[a("ftp.example.com", "192.0.2.1")]);
    let id = |job: &Value| {
        job["response"]["records"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(id(&more), id(&done));
}

#[test]
fn a_deleted_zone_takes_its_records_and_if_asked_those_below() {
    let mut world = test_world();
    let url = zone(&mut world, "example.com");
    zone(&mut world, "sub.example.com");
    zone(&mut world, "notexample.com");
    let job = change(
        &mut world,
        "DELETE",
        &format!("{url}?deleteSubdomains=true"),
        &Value::Null,
    );
    assert_eq!(job["status"], "COMPLETED", "{job}");
    assert_eq!(
        ask(&mut world, "GET", &format!("{url}/records"), &Value::Null).0,
        404
    );
    let left = get(&mut world, &format!("{DNS}/domains"));
    assert_eq!(
        (&left["totalEntries"], &left["domains"][0]["name"]),
        (&json!(1), &json!("notexample.com"))
    );
}
