//! Tags. The first spelling is the one that counts; only Droplets and volumes carry any here.

use super::need;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Tag};
use crate::sandbox::world::World;
use serde::Deserialize;
use serde_json::{Value, json};

fn view(world: &World, tag: &Tag, base: &str) -> Value {
    let count = world.droplets_tagged(&tag.name).len();
    let volumes = world.volumes.values();
    let volumes = volumes.filter(|volume| volume.tags.contains(&tag.name));
    let volumes = volumes.count();
    let mut droplets = json!({ "count": count });
    let mut resources = json!({ "count": count + volumes });
    let last = tag.last_tagged.filter(|id| world.droplets.contains_key(id));
    if let Some(id) = last {
        let uri = Value::from(format!("{base}/v2/droplets/{id}"));
        droplets["last_tagged_uri"] = uri.clone();
        resources["last_tagged_uri"] = uri;
    }
    resources["droplets"] = droplets;
    resources["volumes"] = json!({ "count": volumes });
    for kind in ["images", "volume_snapshots", "databases"] {
        resources[kind] = json!({ "count": 0 });
    }
    json!({ "name": tag.name, "resources": resources })
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    need(world, "tag:read")?;
    let tags = world.tags.values().map(|tag| view(world, tag, &call.base));
    page(call, "tags", world.tags.len(), tags)
}

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    need(world, "tag:create")?;
    let asked: Create = call.json()?;
    let names = canonical(world, &[asked.name.unwrap_or_default()])?;
    for name in &names {
        tagged(world, name, None);
    }
    let name = names.first().map_or("", String::as_str);
    let tag = find(world, name)?;
    Answer::object(201, "tag", &view(world, tag, &call.base))
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    need(world, "tag:read")?;
    let tag = find(world, call.param(0))?;
    Answer::object(200, "tag", &view(world, tag, &call.base))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    need(world, "tag:delete")?;
    let name = find(world, call.param(0))?.name.clone();
    let carriers: Vec<u64> = world
        .droplets_tagged(&name)
        .iter()
        .map(|droplet| droplet.id)
        .collect();
    for id in carriers {
        set(world, id, &name, false);
    }
    world.write(Entry::TagGone(name));
    Ok(Answer::no_content())
}

#[derive(Deserialize)]
struct Resources {
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
struct Resource {
    resource_id: String,
    resource_type: String,
}

pub(in crate::sandbox) fn assign(world: &mut World, call: &Call) -> Outcome {
    need(world, "tag:create")?;
    change(world, call, true)
}

pub(in crate::sandbox) fn unassign(world: &mut World, call: &Call) -> Outcome {
    need(world, "tag:delete")?;
    change(world, call, false)
}

/// Tagging is no action: it does not wait for what else is done to a Droplet.
fn change(world: &mut World, call: &Call, on: bool) -> Outcome {
    let name = find(world, call.param(0))?.name.clone();
    let asked: Resources = call.json()?;
    let resources = asked
        .resources
        .filter(|resources| !resources.is_empty())
        .ok_or_else(|| Refusal::unprocessable("Resources are required."))?;
    let mut ids = Vec::new();
    for resource in resources {
        let id = resource.resource_id.parse().ok();
        match id.filter(|id| world.droplets.contains_key(id)) {
            Some(id) if resource.resource_type == "droplet" => ids.push(id),
            _ => return Err(Refusal::not_found()),
        }
    }
    for id in ids {
        set(world, id, &name, on);
        if on {
            tagged(world, &name, Some(id));
        }
    }
    Ok(Answer::no_content())
}

fn set(world: &mut World, id: u64, name: &str, on: bool) {
    let Some(droplet) = world.droplets.get(&id) else {
        return;
    };
    if droplet.tags.iter().any(|tag| tag == name) == on {
        return;
    }
    let mut droplet = droplet.clone();
    if on {
        droplet.tags.push(name.to_owned());
    } else {
        droplet.tags.retain(|tag| tag != name);
    }
    world.write(Entry::Droplet(Box::new(droplet)));
}

/// The tag of exactly this spelling.
pub(super) fn find<'a>(world: &'a World, name: &str) -> Result<&'a Tag, Refusal> {
    world.tags.get(name).ok_or_else(Refusal::not_found)
}

/// The names as they will be spelt: as first seen. Each once.
pub(super) fn canonical(world: &World, names: &[String]) -> Result<Vec<String>, Refusal> {
    let mut spelt: Vec<String> = Vec::new();
    for name in names {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
        if name.is_empty() || name.len() > 255 || !name.bytes().all(allowed) {
            return Err(Refusal::unprocessable(
                "Tag name may contain letters, numbers, colons, dashes, and underscores, and up to 255 of them.",
            ));
        }
        if spelt.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
            continue;
        }
        let known = world
            .tags
            .keys()
            .find(|known| known.eq_ignore_ascii_case(name));
        spelt.push(known.unwrap_or(name).clone());
    }
    Ok(spelt)
}

/// Remembers a tag, and what it was last put on.
pub(super) fn tagged(world: &mut World, name: &str, last: Option<u64>) {
    let before = world.tags.get(name).map(|tag| tag.last_tagged);
    let last_tagged = last.or(before.flatten());
    if before != Some(last_tagged) {
        world.write(Entry::Tag(Tag {
            name: name.to_owned(),
            last_tagged,
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    fn droplet(world: &mut World, tags: &Value) -> Value {
        let body = json!({
            "name": "web", "region": "nyc3", "size": "1gb", "image": "debian-13-x64", "tags": tags,
        });
        let (status, made) = ask(world, "POST", "/v2/droplets", &body);
        assert_eq!(status, 202, "{made}");
        made["droplet"].clone()
    }

    #[test]
    fn the_first_spelling_is_the_one_that_counts() {
        let mut world = test_world();
        droplet(&mut world, &json!(["Prod", "prod", "a:b"]));
        let second = droplet(&mut world, &json!(["PROD"]));
        assert_eq!(second["tags"], json!(["Prod"]));
        let tag = get(&mut world, "/v2/tags/Prod");
        assert_eq!(tag["tag"]["resources"]["droplets"]["count"], 2);
        assert_eq!(
            tag["tag"]["resources"]["last_tagged_uri"],
            format!("http://sandbox/v2/droplets/{}", second["id"])
        );
        assert_eq!(
            refused(&mut world, "GET", "/v2/tags/prod", &Value::Null).0,
            404
        );
        assert_eq!(get(&mut world, "/v2/tags")["meta"]["total"], 2);
    }

    #[test]
    fn making_a_tag_again_is_harmless() {
        let mut world = test_world();
        for _ in 0..2 {
            let (status, made) = ask(&mut world, "POST", "/v2/tags", &json!({"name": "x"}));
            assert_eq!((status, &made["tag"]["name"]), (201, &json!("x")));
        }
        assert_eq!(get(&mut world, "/v2/tags")["meta"]["total"], 1);
        for bad in ["", "a b", "a/b", &"x".repeat(256)] {
            let status = refused(&mut world, "POST", "/v2/tags", &json!({"name": bad})).0;
            assert_eq!(status, 422);
        }
    }

    #[test]
    fn a_locked_droplet_is_tagged_and_untagged_all_the_same() {
        let mut world = test_world();
        let id = droplet(&mut world, &json!([]))["id"].clone();
        ask(&mut world, "POST", "/v2/tags", &json!({"name": "x"}));
        let path = "/v2/tags/x/resources";
        let of = |id: &str| json!({"resources": [{"resource_id": id, "resource_type": "droplet"}]});
        let body = of(&id.to_string());
        assert_eq!(ask(&mut world, "POST", path, &body).0, 204);
        assert_eq!(
            get(&mut world, "/v2/droplets?tag_name=x")["meta"]["total"],
            1
        );
        assert_eq!(ask(&mut world, "DELETE", path, &body).0, 204);
        assert_eq!(
            get(&mut world, "/v2/droplets?tag_name=x")["meta"]["total"],
            0
        );
        assert_eq!(refused(&mut world, "POST", path, &of("1")).0, 404);
        assert_eq!(refused(&mut world, "POST", path, &json!({})).0, 422);
        let number = json!({"resources": [{"resource_id": id, "resource_type": "droplet"}]});
        assert_eq!(
            refused(&mut world, "POST", path, &number).0,
            422,
            "ids are strings here"
        );
        let nowhere = "/v2/tags/y/resources";
        assert_eq!(refused(&mut world, "POST", nowhere, &body).0, 404);
    }

    #[test]
    fn a_token_may_lack_the_scopes_for_tags() {
        let mut world = test_world();
        let id = droplet(&mut world, &json!(["x"]))["id"].clone();
        let lacked = ["tag:create", "tag:read", "tag:delete"].map(ToOwned::to_owned);
        world.settings.without_scopes = lacked.to_vec();
        let of_it =
            json!({"resources": [{"resource_id": id.to_string(), "resource_type": "droplet"}]});
        let mut tagged = json!({
            "name": "web", "region": "nyc3", "size": "1gb", "image": "debian-13-x64", "tags": ["y"],
        });
        for (method, url, body, scope) in [
            ("POST", "/v2/droplets", &tagged, "tag:create"),
            ("POST", "/v2/tags", &json!({"name": "y"}), "tag:create"),
            ("POST", "/v2/tags/x/resources", &of_it, "tag:create"),
            ("DELETE", "/v2/tags/x/resources", &of_it, "tag:delete"),
            ("DELETE", "/v2/tags/x", &Value::Null, "tag:delete"),
            ("GET", "/v2/tags", &Value::Null, "tag:read"),
            ("GET", "/v2/tags/x", &Value::Null, "tag:read"),
            ("GET", "/v2/droplets?tag_name=x", &Value::Null, "tag:read"),
        ] {
            let (status, message) = refused(&mut world, method, url, body);
            assert_eq!(status, 403, "{method} {url}");
            assert!(
                message.ends_with(&format!("permission {scope}.")),
                "{message}"
            );
        }
        // Nothing came of it, and what needs no tag goes on. Tags there are do not show.
        assert_eq!(world.tags.len(), 1);
        tagged["tags"] = json!([]);
        assert_eq!(ask(&mut world, "POST", "/v2/droplets", &tagged).0, 202);
        let all = get(&mut world, "/v2/droplets");
        assert_eq!(all["meta"]["total"], 2);
        assert_eq!(all["droplets"][0]["tags"], json!([]));
    }

    #[test]
    fn a_deleted_tag_is_taken_off() {
        let mut world = test_world();
        let id = droplet(&mut world, &json!(["x", "y"]))["id"].clone();
        assert_eq!(ask(&mut world, "DELETE", "/v2/tags/x", &Value::Null).0, 204);
        let shown = get(&mut world, &format!("/v2/droplets/{id}"));
        assert_eq!(shown["droplet"]["tags"], json!(["y"]));
    }
}
