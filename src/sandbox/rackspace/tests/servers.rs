use super::{DFW, IAD, KEY, ask, ask_booting, get, pass, reread, test_world};
use crate::sandbox::answer::Boot;
use crate::sandbox::rackspace::catalog::IMAGES;
use crate::sandbox::rackspace::model::Status;
use crate::sandbox::rackspace::world::World;
use crate::sandbox::store::Kept;
use serde_json::{Value, json};

fn body(name: &str, flavor: &str) -> Value {
    json!({"server": {"name": name, "imageRef": IMAGES[0].id("DFW"), "flavorRef": flavor}})
}

fn with(name: &str, key: &str, value: Value) -> Value {
    let mut body = body(name, "general1-1");
    body["server"][key] = value;
    body
}

/// Makes a server; gives its URL.
fn server(world: &mut World, body: &Value) -> String {
    let (status, made) = ask(world, "POST", &format!("{DFW}/servers"), body);
    assert_eq!(status, 202, "{made}");
    format!("{DFW}/servers/{}", made["server"]["id"].as_str().unwrap())
}

fn refused(world: &mut World, method: &str, url: &str, body: &Value) -> (u16, String, String) {
    let (status, fault) = ask(world, method, url, body);
    assert!(status >= 400, "{method} {url} was not refused: {fault}");
    let (kind, inner) = fault.as_object().unwrap().iter().next().unwrap();
    assert_eq!(inner["code"], status);
    (
        status,
        kind.clone(),
        inner["message"].as_str().unwrap().to_owned(),
    )
}

fn status(world: &mut World, url: &str) -> Value {
    get(world, url)["server"]["status"].clone()
}

#[test]
fn a_server_is_built_and_reachable_in_the_end() {
    let mut world = test_world();
    let url = server(&mut world, &body("web1", "general1-1"));
    let new = get(&mut world, &url)["server"].clone();
    assert_eq!(
        (&new["status"], &new["progress"]),
        (&json!("BUILD"), &json!(0))
    );
    assert_eq!(
        (&new["accessIPv4"], &new["addresses"]),
        (&json!(""), &json!({}))
    );
    assert!(new.get("adminPass").is_none());
    pass(&mut world, 1500);
    let half = get(&mut world, &url)["server"].clone();
    assert_eq!(
        (&half["status"], &half["progress"]),
        (&json!("BUILD"), &json!(75))
    );
    assert_eq!(half["accessIPv4"], "", "not before it is up");
    assert_eq!(half["addresses"]["private"][0]["version"], 4);
    pass(&mut world, 500);
    let up = get(&mut world, &url)["server"].clone();
    assert_eq!(
        (&up["status"], &up["progress"]),
        (&json!("ACTIVE"), &json!(100))
    );
    assert_eq!(up["accessIPv4"], up["addresses"]["public"][0]["addr"]);
    assert_eq!(up["accessIPv6"], up["addresses"]["public"][1]["addr"]);
    assert!(up["accessIPv6"].as_str().unwrap().starts_with("2001:0db8:"));
    assert_eq!(up["OS-EXT-STS:task_state"], Value::Null);
}

#[test]
fn the_password_is_shown_once_and_names_need_not_differ() {
    let mut world = test_world();
    let servers = format!("{DFW}/servers");
    let (_, one) = ask(&mut world, "POST", &servers, &body("web", "2"));
    let (_, two) = ask(&mut world, "POST", &servers, &body("web", "2"));
    assert_ne!(one["server"]["id"], two["server"]["id"]);
    let password = one["server"]["adminPass"].as_str().unwrap();
    assert_eq!(password.len(), 12);
    let lines = String::from_utf8(world.take_unsaved()).unwrap();
    assert!(!lines.contains(password), "kept in the file");
    let list = get(&mut world, &format!("{servers}/detail")).to_string();
    assert!(!list.contains("adminPass"));
}

#[test]
fn what_a_server_cannot_be_is_said() {
    let mut world = test_world();
    let url = format!("{DFW}/servers");
    let uuid = "3afe97b2-26dc-49c5-a2cc-a2fc8d80c001";
    let windows = IMAGES.last().unwrap().id("DFW");
    let many: Vec<Value> = (0..6)
        .map(|n| json!({"path": format!("/f{n}"), "contents": ""}))
        .collect();
    let pairs: serde_json::Map<String, Value> =
        (0..41).map(|n| (n.to_string(), "x".into())).collect();
    for (body, status, what) in [
        (json!({}), 400, "Malformed"),
        (with("", "x", json!(1)), 400, "empty"),
        (
            with("a", "imageRef", json!(IMAGES[0].id("IAD"))),
            400,
            "image",
        ),
        (with("a", "flavorRef", json!("m1.tiny")), 400, "flavorRef"),
        (with("a", "key_name", json!("nobody")), 400, "key_name"),
        (
            with("a", "imageRef", json!(windows)),
            400,
            "disk is too small",
        ),
        (body("a", "compute1-4"), 403, "image_backed"),
        (
            with("a", "networks", json!([{"uuid": uuid}])),
            400,
            "could not be found",
        ),
        (with("a", "user_data", json!("Zm9v")), 400, "config_drive"),
        (with("a", "personality", json!(many)), 413, "limit exceeded"),
        (with("a", "metadata", json!(pairs)), 413, "exceeds 40"),
        (with("a", "metadata", json!({"a": 1})), 400, "not a string"),
        (
            with("a", "metadata", json!({"a": "x".repeat(256)})),
            413,
            "255",
        ),
        (with("a", "OS-DCF:diskConfig", json!("NONE")), 400, "MANUAL"),
    ] {
        let (got, kind, message) = refused(&mut world, "POST", &url, &body);
        assert_eq!(got, status, "{body}");
        assert!(message.contains(what), "{body}: {message}");
        let expected = match status {
            400 => "badRequest",
            403 => "forbidden",
            _ => "overLimit",
        };
        assert_eq!(kind, expected);
    }
    assert_eq!(get(&mut world, &url)["servers"], json!([]));
}

#[test]
fn a_server_that_no_host_takes_ends_in_error_and_says_why() {
    let mut world = test_world();
    let url = server(&mut world, &body("metal", "onmetal-compute1"));
    pass(&mut world, 1900);
    assert_eq!(get(&mut world, &url)["server"]["addresses"], json!({}));
    pass(&mut world, 100);
    let shown = get(&mut world, &url)["server"].clone();
    assert_eq!(shown["status"], "ERROR");
    assert!(
        shown["fault"]["message"]
            .as_str()
            .unwrap()
            .contains("No valid host")
    );
    assert_eq!(shown["accessIPv4"], "");
    assert_eq!(ask(&mut world, "DELETE", &url, &Value::Null).0, 204);
}

#[test]
fn a_boot_may_never_end_or_last_as_long_as_scripted() {
    let mut world = test_world();
    let servers = format!("{DFW}/servers");
    let (_, never) = ask_booting(&mut world, "POST", &servers, &body("a", "2"), Boot::Never);
    let (_, late) = ask_booting(
        &mut world,
        "POST",
        &servers,
        &body("b", "2"),
        Boot::Millis(9000),
    );
    let url = |made: &Value| format!("{servers}/{}", made["server"]["id"].as_str().unwrap());
    pass(&mut world, 8999);
    assert_eq!(status(&mut world, &url(&late)), "BUILD");
    pass(&mut world, 1);
    assert_eq!(status(&mut world, &url(&late)), "ACTIVE");
    pass(&mut world, 10_000_000);
    assert_eq!(status(&mut world, &url(&never)), "BUILD");
    world.finish();
    assert_eq!(status(&mut world, &url(&never)), "ACTIVE");
}

#[test]
fn deleting_takes_a_moment_and_leaves_a_trace_for_those_who_ask() {
    let mut world = test_world();
    let url = server(&mut world, &body("web", "2"));
    pass(&mut world, 2000);
    assert_eq!(ask(&mut world, "DELETE", &url, &Value::Null).0, 204);
    let going = get(&mut world, &url)["server"].clone();
    assert_eq!(
        (&going["status"], &going["OS-EXT-STS:task_state"]),
        (&json!("ACTIVE"), &json!("deleting"))
    );
    assert_eq!(
        ask(&mut world, "DELETE", &url, &Value::Null).0,
        204,
        "twice is as good as once"
    );
    pass(&mut world, 1000);
    assert_eq!(
        refused(&mut world, "GET", &url, &Value::Null).1,
        "itemNotFound"
    );
    assert_eq!(ask(&mut world, "DELETE", &url, &Value::Null).0, 404);
    let detail = format!("{DFW}/servers/detail");
    assert_eq!(get(&mut world, &detail)["servers"], json!([]));
    let changed = get(
        &mut world,
        &format!("{detail}?changes-since=1970-01-01T00:16:42Z"),
    );
    assert_eq!(changed["servers"][0]["status"], "DELETED");
    let later = get(
        &mut world,
        &format!("{detail}?changes-since=1970-01-01T00:16:44"),
    );
    assert_eq!(later["servers"], json!([]));
    let again = reread(&mut world);
    assert!(
        again
            .servers
            .values()
            .all(|server| server.status == Status::Deleted)
    );
}

#[test]
fn a_resize_waits_to_be_confirmed_or_reverted() {
    let mut world = test_world();
    let url = server(&mut world, &body("web", "general1-1"));
    let action = format!("{url}/action");
    let resize = |to: &str| json!({"resize": {"flavorRef": to}});
    let early = refused(&mut world, "POST", &action, &resize("general1-2"));
    assert_eq!((early.0, early.1.as_str()), (409, "buildInProgress"));
    pass(&mut world, 2000);
    for (to, code, kind) in [
        ("general1-1", 400, "badRequest"),
        ("2", 403, "resizeNotAllowed"),
        ("io1-15", 403, "resizeNotAllowed"),
    ] {
        let (status, found, _) = refused(&mut world, "POST", &action, &resize(to));
        assert_eq!((status, found.as_str()), (code, kind), "{to}");
    }
    let flavor = |world: &mut World| get(world, &url)["server"]["flavor"]["id"].clone();
    for (end, code, left) in [
        ("revertResize", 202, "general1-1"),
        ("confirmResize", 204, "general1-2"),
    ] {
        assert_eq!(
            ask(&mut world, "POST", &action, &resize("general1-2")).0,
            202
        );
        assert_eq!(status(&mut world, &url), "RESIZE");
        assert_eq!(flavor(&mut world), "general1-1");
        assert_eq!(
            ask(&mut world, "POST", &action, &json!({ end: null })).0,
            409
        );
        pass(&mut world, 1000);
        assert_eq!(status(&mut world, &url), "VERIFY_RESIZE");
        assert_eq!(flavor(&mut world), "general1-2");
        assert_eq!(
            ask(&mut world, "POST", &action, &json!({ end: null })).0,
            code
        );
        // It takes some moments, and is not asked for twice.
        let again = ask(&mut world, "POST", &action, &json!({ end: null })).0;
        assert_eq!(again, if end == "confirmResize" { 400 } else { 409 });
        pass(&mut world, 1000);
        assert_eq!(status(&mut world, &url), "ACTIVE");
        assert_eq!(flavor(&mut world), left);
    }
    let smaller = refused(&mut world, "POST", &action, &resize("general1-1"));
    assert_eq!(smaller.0, 403, "general purpose servers only grow");
    ask(&mut world, "POST", &action, &resize("general1-4"));
    pass(&mut world, 1000);
    pass(&mut world, 86_400_000);
    assert_eq!(
        status(&mut world, &url),
        "ACTIVE",
        "confirmed by itself after a day"
    );
    assert_eq!(flavor(&mut world), "general1-4");
}

#[test]
fn a_resize_may_fail_or_come_to_nothing() {
    for (boot, left) in [(Boot::Ignored, "ACTIVE"), (Boot::Fails, "ERROR")] {
        let mut world = test_world();
        let url = server(&mut world, &body("web", "general1-1"));
        pass(&mut world, 2000);
        let resize = json!({"resize": {"flavorRef": "general1-2"}});
        let action = format!("{url}/action");
        let (accepted, _) = ask_booting(&mut world, "POST", &action, &resize, boot);
        assert_eq!(accepted, 202);
        assert_eq!(status(&mut world, &url), "RESIZE");
        pass(&mut world, 1000);
        let seen = get(&mut world, &url)["server"].clone();
        assert_eq!(seen["status"], left);
        assert_eq!(seen["flavor"]["id"], "general1-1");
        assert_eq!(seen.get("fault").is_some(), left == "ERROR");
    }
}

#[test]
fn metadata_is_added_or_replaced_once_the_server_is_up() {
    let mut world = test_world();
    let url = server(&mut world, &with("web", "metadata", json!({"a": "1"})));
    let metadata = format!("{url}/metadata");
    let more = json!({"metadata": {"b": "2"}});
    assert_eq!(refused(&mut world, "POST", &metadata, &more).0, 409);
    pass(&mut world, 2000);
    let (_, all) = ask(&mut world, "POST", &metadata, &more);
    assert_eq!(all, json!({"metadata": {"a": "1", "b": "2"}}));
    let (_, only) = ask(
        &mut world,
        "PUT",
        &metadata,
        &json!({"metadata": {"c": "3"}}),
    );
    assert_eq!(only, json!({"metadata": {"c": "3"}}));
    let key = format!("{metadata}/c");
    assert_eq!(get(&mut world, &key), json!({"meta": {"c": "3"}}));
    assert_eq!(
        ask(&mut world, "PUT", &key, &json!({"meta": {"d": "4"}})).0,
        400
    );
    assert_eq!(ask(&mut world, "DELETE", &key, &Value::Null).0, 204);
    assert_eq!(ask(&mut world, "DELETE", &key, &Value::Null).0, 404);
    let name = json!({"server": {"name": "web9"}});
    assert_eq!(
        ask(&mut world, "PUT", &url, &name).1["server"]["name"],
        "web9"
    );
}

#[test]
fn a_list_comes_in_pages_the_latest_first() {
    let mut world = test_world();
    for name in ["web1", "web2", "db1"] {
        server(&mut world, &body(name, "2"));
    }
    let first = get(&mut world, &format!("{DFW}/servers?limit=2&name=w"));
    let names = |list: &Value| -> Vec<String> {
        let servers = list["servers"].as_array().unwrap().iter();
        servers
            .map(|s| s["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["web2", "web1"]);
    let next = first["servers_links"][0]["href"].as_str().unwrap();
    let next = get(&mut world, next.strip_prefix("http://sandbox").unwrap());
    assert_eq!(next, json!({"servers": []}));
    assert_eq!(
        names(&get(&mut world, &format!("{DFW}/servers"))),
        ["db1", "web2", "web1"]
    );
    for bad in ["limit=x", "limit=-1", "marker=nobody"] {
        assert_eq!(
            refused(
                &mut world,
                "GET",
                &format!("{DFW}/servers?{bad}"),
                &Value::Null
            )
            .0,
            400
        );
    }
    assert_eq!(
        get(&mut world, &format!("{IAD}/servers"))["servers"],
        json!([])
    );
}

#[test]
fn key_pairs_have_one_name_in_a_region() {
    let mut world = test_world();
    let body = json!({"keypair": {"name": "me", "public_key": KEY}});
    let (status, made) = ask(&mut world, "POST", &format!("{DFW}/os-keypairs"), &body);
    assert_eq!(status, 200);
    assert_eq!(made["keypair"]["fingerprint"].as_str().unwrap().len(), 47);
    let again = refused(&mut world, "POST", &format!("{DFW}/os-keypairs"), &body);
    assert_eq!((again.0, again.1.as_str()), (409, "conflictingRequest"));
    let mut there = |method: &str, url: String| ask(&mut world, method, &url, &Value::Null).0;
    assert_eq!(there("GET", format!("{IAD}/os-keypairs/me")), 404);
    assert_eq!(
        there(
            "GET",
            format!("{DFW}/os-keypairs/me").replace("123456", "654321")
        ),
        404
    );
    assert_eq!(
        ask(&mut world, "POST", &format!("{IAD}/os-keypairs"), &body).0,
        200
    );
    let list = get(&mut world, &format!("{DFW}/os-keypairs"));
    assert_eq!(list["keypairs"].as_array().unwrap().len(), 1);
    for bad in [
        json!({"name": "me/you", "public_key": KEY}),
        json!({"name": "k", "public_key": "x"}),
    ] {
        let bad = json!({ "keypair": bad });
        assert_eq!(
            refused(&mut world, "POST", &format!("{DFW}/os-keypairs"), &bad).0,
            400
        );
    }
    assert_eq!(
        ask(
            &mut world,
            "DELETE",
            &format!("{DFW}/os-keypairs/me"),
            &Value::Null
        )
        .0,
        202
    );
    assert_eq!(
        ask(
            &mut world,
            "DELETE",
            &format!("{DFW}/os-keypairs/me"),
            &Value::Null
        )
        .0,
        404
    );
}

#[test]
fn a_quota_is_full_at_some_point_and_frees_itself() {
    let mut world = test_world();
    let mut last = String::new();
    for number in 0..8 {
        last = server(&mut world, &body(&format!("w{number}"), "7"));
    }
    let url = format!("{DFW}/servers");
    let (status, kind, message) = refused(&mut world, "POST", &url, &body("more", "7"));
    assert_eq!((status, kind.as_str()), (413, "overLimit"));
    assert!(message.contains("Quota exceeded for ram"), "{message}");
    let limits = get(&mut world, &format!("{DFW}/limits"))["limits"]["absolute"].clone();
    assert_eq!(
        (&limits["totalRAMUsed"], &limits["maxTotalRAMSize"]),
        (&json!(122_880), &json!(131_072))
    );
    assert_eq!(limits["maxTotalInstances"], 100);
    ask(&mut world, "DELETE", &last, &Value::Null);
    pass(&mut world, 1000);
    server(&mut world, &body("more", "7"));
    world.settings.servers = 8;
    let message = refused(&mut world, "POST", &url, &body("more", "2")).2;
    assert!(message.contains("for instances"), "{message}");
}

#[test]
fn images_are_found_by_their_whole_names_and_differ_between_regions() {
    let mut world = test_world();
    let all = get(&mut world, &format!("{DFW}/images/detail"));
    assert_eq!(all["images"].as_array().unwrap().len(), IMAGES.len());
    assert_eq!(all["images"][0]["minDisk"], 20);
    let two = get(&mut world, &format!("{IAD}/images?name=Fedora 40 (Cloud)"));
    assert_eq!(two["images"].as_array().unwrap().len(), 2);
    assert_eq!(
        get(&mut world, &format!("{IAD}/images?name=Fedora"))["images"],
        json!([])
    );
    let id = all["images"][0]["id"].as_str().unwrap();
    assert_eq!(
        ask(
            &mut world,
            "GET",
            &format!("{IAD}/images/{id}"),
            &Value::Null
        )
        .0,
        404
    );
    let flavors = get(&mut world, &format!("{DFW}/flavors/detail?minRam=100000"));
    assert_eq!(flavors, json!({"flavors": []}));
    let page = get(&mut world, &format!("{DFW}/flavors?limit=1"));
    assert!(
        page["flavors_links"][0]["href"]
            .as_str()
            .unwrap()
            .ends_with("limit=1&marker=2")
    );
}
