use crate::sandbox::answer::Boot;
use crate::sandbox::rules::test_support::{KEY, ask, ask_booting, get, refused, test_world};
use crate::sandbox::store::Kept;
use crate::sandbox::world::World;
use serde_json::{Value, json};

fn body(name: &str) -> Value {
    json!({"name": name, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"})
}

fn with(key: &str, value: Value) -> Value {
    let mut body = body("web");
    body[key] = value;
    body
}

fn create(world: &mut World, body: &Value) -> Value {
    let (status, answer) = ask(world, "POST", "/v2/droplets", body);
    assert_eq!(status, 202, "{answer}");
    answer
}

fn refusal(world: &mut World, body: &Value) -> String {
    let before = world.droplets.len();
    let (status, message) = refused(world, "POST", "/v2/droplets", body);
    assert_eq!(status, 422, "{message}");
    assert_eq!(world.droplets.len(), before);
    message
}

#[test]
fn a_new_droplet_is_locked_without_addresses_until_it_has_booted() {
    let mut world = test_world();
    let made = create(&mut world, &with("ipv6", json!(true)));
    let droplet = &made["droplet"];
    assert_eq!(droplet["status"], "new");
    assert_eq!(droplet["locked"], true);
    assert_eq!(droplet["networks"], json!({"v4": [], "v6": []}));
    assert!(
        droplet["features"]
            .as_array()
            .unwrap()
            .contains(&json!("ipv6"))
    );
    let action = format!("/v2/actions/{}", made["links"]["actions"][0]["id"]);
    let one = format!("/v2/droplets/{}", droplet["id"]);
    assert_eq!(get(&mut world, &action)["action"]["status"], "in-progress");

    let due = world.now + 2000;
    world.advance(due - 1);
    assert_eq!(get(&mut world, &one)["droplet"]["status"], "new");
    world.advance(due + 60_000);
    let booted = &get(&mut world, &one)["droplet"];
    assert_eq!(booted["status"], "active");
    assert_eq!(booted["locked"], false);
    let types: Vec<_> = booted["networks"]["v4"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v4| &v4["type"])
        .collect();
    assert_eq!(types, ["private", "public"]);
    assert_eq!(booted["networks"]["v6"][0]["netmask"], 64);
    let done = &get(&mut world, &action)["action"];
    assert_eq!(done["status"], "completed");
    assert_eq!(
        done["completed_at"], "1970-01-01T00:16:42Z",
        "when it was due, not when one looked"
    );
}

#[test]
fn a_locked_droplet_takes_no_action_and_is_not_deleted() {
    let mut world = test_world();
    let id = create(&mut world, &body("web"))["droplet"]["id"].clone();
    let one = format!("/v2/droplets/{id}");
    let pending = (422, "Droplet already has a pending event.".to_owned());
    assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null), pending);
    let reboot = json!({"type": "reboot"});
    assert_eq!(
        refused(&mut world, "POST", &format!("{one}/actions"), &reboot),
        pending
    );
    world.advance(world.now + 2000);
    assert_eq!(ask(&mut world, "DELETE", &one, &Value::Null).0, 204);
    assert_eq!(refused(&mut world, "GET", &one, &Value::Null).0, 404);
}

#[test]
fn a_boot_can_be_slow_or_never_end() {
    let mut world = test_world();
    for boot in [Boot::Millis(90_000), Boot::Never] {
        let (_, made) = ask_booting(&mut world, "POST", "/v2/droplets", &body("web"), boot);
        let one = format!("/v2/droplets/{}", made["droplet"]["id"]);
        world.advance(world.now + 89_000);
        assert_eq!(get(&mut world, &one)["droplet"]["status"], "new");
        world.advance(world.now + 1000);
        let after = if boot == Boot::Never { "new" } else { "active" };
        assert_eq!(get(&mut world, &one)["droplet"]["status"], after);
    }
}

#[test]
fn names_are_host_names_one_or_up_to_ten_and_need_not_be_unique() {
    let mut world = test_world();
    let message = refusal(&mut world, &with("name", json!("a_b")));
    assert!(
        message.starts_with("Only valid hostname characters are allowed."),
        "{message}"
    );
    for bad in ["", "web-", "web.", "wéb", &"a".repeat(256)] {
        refusal(&mut world, &with("name", json!(bad)));
    }
    refusal(&mut world, &with("names", json!(["a"])));
    let mut many = body("");
    many.as_object_mut().unwrap().remove("name");
    refusal(&mut world, &many);
    many["names"] = json!(vec!["a"; 11]);
    refusal(&mut world, &many);
    many["names"] = json!(["twin", "twin"]);
    let made = create(&mut world, &many);
    assert_eq!(made["links"]["actions"].as_array().unwrap().len(), 2);
    assert_eq!(
        get(&mut world, "/v2/droplets?name=TWIN")["meta"]["total"],
        2
    );
    assert_eq!(get(&mut world, "/v2/droplets?name=tw")["meta"]["total"], 0);
}

#[test]
fn size_image_and_region_must_exist_and_fit_together() {
    let mut world = test_world();
    let invalid = "You specified an invalid size for Droplet creation.";
    assert_eq!(refusal(&mut world, &with("size", json!("9gb"))), invalid);
    let invalid = "You specified an invalid image for Droplet creation.";
    assert_eq!(refusal(&mut world, &with("image", json!("plan9"))), invalid);
    refusal(&mut world, &with("region", json!("mars1")));
    refusal(&mut world, &with("region", json!("ams2")));
    let mut small = with("size", json!("s-1vcpu-512mb-10gb"));
    let (_, answer) = ask(&mut world, "POST", "/v2/droplets", &small);
    assert_eq!(answer["message"], "Size is not available in this region.");
    assert!(
        answer["error_attributes"]["available_regions"]
            .as_array()
            .unwrap()
            .len()
            > 1
    );
    small["region"] = json!("fra1");
    create(&mut world, &small);
    small["image"] = json!("fedora-43-x64");
    assert!(refusal(&mut world, &small).contains("at least 15 GB"));
}

#[test]
fn a_region_may_be_a_prefix_or_left_open_and_an_image_an_id() {
    let mut world = test_world();
    let mut open = with("image", json!("210000102"));
    open.as_object_mut().unwrap().remove("region");
    open["size"] = json!("s-1vcpu-512mb-10gb");
    let made = create(&mut world, &open);
    assert_eq!(made["droplet"]["region"]["slug"], "nyc1");
    assert_eq!(made["droplet"]["image"]["slug"], "debian-13-x64");
    let made = create(&mut world, &with("region", json!("sfo")));
    assert_eq!(made["droplet"]["region"]["slug"], "sfo2");
    create(&mut world, &with("image", json!(210_000_101)));
}

#[test]
fn keys_are_named_by_id_or_fingerprint_and_must_be_there() {
    let mut world = test_world();
    let key = json!({"name": "k", "public_key": KEY});
    let (_, key) = ask(&mut world, "POST", "/v2/account/keys", &key);
    let good = json!([
        key["ssh_key"]["id"],
        key["ssh_key"]["fingerprint"],
        key["ssh_key"]["id"].to_string()
    ]);
    create(&mut world, &with("ssh_keys", good));
    assert_eq!(
        refusal(
            &mut world,
            &with("ssh_keys", json!([key["ssh_key"]["id"], 1, "aa:bb"]))
        ),
        "1, aa:bb are invalid key identifiers for Droplet creation."
    );
}

#[test]
fn a_region_without_ipv6_refuses_it_and_one_asks_for_it_in_public_only() {
    let mut world = test_world();
    let mut body = with("ipv6", json!(true));
    body["region"] = json!("nyc2");
    assert!(refusal(&mut world, &body).contains("does not support ipv6"));
    body["ipv6"] = json!(false);
    create(&mut world, &body);
    let mut private = with("public_networking", json!(false));
    private["ipv6"] = json!(true);
    refusal(&mut world, &private);
    private["ipv6"] = json!(false);
    let id = create(&mut world, &private)["droplet"]["id"].clone();
    world.advance(world.now + 2000);
    let shown = get(&mut world, &format!("/v2/droplets/{id}"));
    let networks = &shown["droplet"]["networks"];
    assert_eq!(networks["v4"].as_array().unwrap().len(), 1);
    assert_eq!(networks["v4"][0]["type"], "private");
}

#[test]
fn the_droplet_limit_counts_all_of_a_request() {
    let mut world = test_world();
    let mut ten = body("");
    ten.as_object_mut().unwrap().remove("name");
    ten["names"] = (0..10).map(|number| format!("w{number}")).collect();
    create(&mut world, &ten);
    let message = refusal(&mut world, &ten);
    assert_eq!(
        message,
        "creating this/these droplet(s) will exceed your droplet limit"
    );
    create(&mut world, &body("a"));
    create(&mut world, &body("b"));
    refusal(&mut world, &body("c"));
}

#[test]
fn those_with_a_gpu_are_in_a_list_of_their_own() {
    let mut world = test_world();
    create(&mut world, &body("web"));
    let gpu = json!({
        "name": "gpu", "region": "tor1", "size": "gpu-h100x1-80gb", "image": "debian-13-x64",
        "tags": ["a"],
    });
    let made = create(&mut world, &gpu);
    let total = |world: &mut World, query: &str| {
        let list = get(world, &format!("/v2/droplets{query}"));
        assert_eq!(
            list["meta"]["total"],
            list["droplets"].as_array().unwrap().len()
        );
        list["meta"]["total"].clone()
    };
    assert_eq!(total(&mut world, ""), 1);
    assert_eq!(total(&mut world, "?type=droplets"), 1);
    assert_eq!(total(&mut world, "?name=gpu"), 0);
    assert_eq!(total(&mut world, "?tag_name=a"), 0);
    assert_eq!(total(&mut world, "?type=gpus"), 1);
    assert_eq!(total(&mut world, "?type=gpus&name=gpu"), 1);
    refused(
        &mut world,
        "GET",
        "/v2/droplets?type=gpus&tag_name=a",
        &Value::Null,
    );
    // Whoever knows its id sees it all the same.
    let id = &made["droplet"]["id"];
    let one = get(&mut world, &format!("/v2/droplets/{id}"));
    assert_eq!(one["droplet"]["size"]["gpu_info"]["count"], 1);
}

#[test]
fn lists_are_filtered_by_name_or_tag_but_not_both() {
    let mut world = test_world();
    create(&mut world, &with("tags", json!(["a:b"])));
    create(&mut world, &body("other"));
    assert_eq!(get(&mut world, "/v2/droplets")["meta"]["total"], 2);
    let tagged = get(&mut world, "/v2/droplets?tag_name=a:b");
    assert_eq!(tagged["droplets"][0]["name"], "web");
    assert_eq!(tagged["meta"]["total"], 1);
    assert_eq!(
        get(&mut world, "/v2/droplets?tag_name=none")["meta"]["total"],
        0
    );
    refused(
        &mut world,
        "GET",
        "/v2/droplets?tag_name=a&name=b",
        &Value::Null,
    );
}

#[test]
fn all_of_a_tag_are_deleted_or_none() {
    let mut world = test_world();
    create(&mut world, &with("tags", json!(["a"])));
    create(&mut world, &body("other"));
    for path in ["/v2/droplets", "/v2/droplets?tag_name="] {
        assert_eq!(refused(&mut world, "DELETE", path, &Value::Null).0, 422);
    }
    assert_eq!(
        refused(
            &mut world,
            "DELETE",
            "/v2/droplets?tag_name=b",
            &Value::Null
        )
        .0,
        404
    );
    assert_eq!(
        refused(
            &mut world,
            "DELETE",
            "/v2/droplets?tag_name=a",
            &Value::Null
        )
        .0,
        422
    );
    world.advance(world.now + 2000);
    assert_eq!(
        ask(
            &mut world,
            "DELETE",
            "/v2/droplets?tag_name=a",
            &Value::Null
        )
        .0,
        204
    );
    assert_eq!(
        get(&mut world, "/v2/droplets")["droplets"][0]["name"],
        "other"
    );
}

#[test]
fn user_data_is_not_kept_and_not_endless() {
    let mut world = test_world();
    let text = "#!/bin/sh\necho a-secret-made-up";
    create(&mut world, &with("user_data", json!(text)));
    let lines = String::from_utf8(world.take_unsaved()).unwrap();
    assert!(!lines.contains("a-secret-made-up"));
    assert!(world.droplets.values().next().unwrap().user_data.is_some());
    refusal(&mut world, &with("user_data", json!("x".repeat(65_537))));
}

#[test]
fn a_world_older_than_the_catalog_is_still_shown() {
    let mut world = test_world();
    let id = create(&mut world, &body("web"))["droplet"]["id"].clone();
    world.catalog.regions.clear();
    world.catalog.sizes.clear();
    world.catalog.images.clear();
    let shown = get(&mut world, &format!("/v2/droplets/{id}"));
    assert_eq!(shown["droplet"]["image"]["slug"], Value::Null);
    assert_eq!(shown["droplet"]["image"]["status"], "retired");
    assert_eq!(shown["droplet"]["size_slug"], "s-1vcpu-1gb");
}
