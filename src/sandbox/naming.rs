//! What a request is about, in names. Ids are handed out in the order in which requests come, names
//! are not: a fault that waits for a name strikes the same request however parallel ones fall.

use super::answer::Call;
use super::world::World;
use serde::Deserialize;
use std::collections::HashMap;

/// What a body may say of the objects it is about.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Option<String>,
    names: Vec<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// The names of objects, kept also when the object is gone: what is asked twice to be deleted has
/// its name both times.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_path: HashMap<String, String>,
}

impl Names {
    /// The names of what a request is about: of a create those it asks for, of a request on an id
    /// that of the object, of a list the one it is filtered by. A record is called by its full
    /// name and its type, `www.example.com AAAA`; what it holds is an address, and those are
    /// handed out in order too. None for what is about nothing in particular.
    pub(super) fn of(&mut self, world: &World, route: Option<&str>, call: &Call) -> Vec<String> {
        let Some(route) = route else {
            return Vec::new();
        };
        if let Some(name) = addressed(world, route, call) {
            self.by_path.insert(call.path.clone(), name.clone());
            return vec![name];
        }
        if let Some(name) = self.by_path.get(&call.path) {
            return vec![name.clone()];
        }
        let asked: Named = serde_json::from_slice(&call.body).unwrap_or_default();
        let listed = || call.query("name").map(ToOwned::to_owned);
        if route == "/v2/domains/{domain_name}/records" {
            return vec![collection(call, asked)];
        }
        let one = asked.name.or_else(listed);
        one.into_iter().chain(asked.names).collect()
    }
}

/// The name of the object that the path leads to.
fn addressed(world: &World, route: &str, call: &Call) -> Option<String> {
    let first = call.param(0);
    let id = first.parse::<u64>().ok();
    let droplet = |id: u64| Some(world.droplets.get(&id)?.name.clone());
    if route.starts_with("/v2/droplets/{droplet_id}") {
        return droplet(id?);
    }
    if route.starts_with("/v2/volumes/{volume_id}") {
        return Some(world.volumes.get(first)?.name.clone());
    }
    match route {
        "/v2/actions/{action_id}" => droplet(world.actions.get(&id?)?.droplet),
        "/v2/account/keys/{ssh_key_identifier}" => {
            let key = id.and_then(|id| world.keys.get(&id));
            let key = key.or_else(|| world.key_by_fingerprint(first));
            Some(key?.name.clone())
        }
        "/v2/vpcs/{vpc_id}" => Some(world.vpcs.get(first)?.name.clone()),
        "/v2/firewalls/{firewall_id}" => Some(world.firewalls.get(first)?.name.clone()),
        "/v2/domains/{domain_name}" => Some(first.to_ascii_lowercase()),
        "/v2/domains/{domain_name}/records/{domain_record_id}" => {
            let zone = world.zones.get(&first.to_ascii_lowercase())?;
            let record = zone.records.get(&call.param(1).parse().ok()?)?;
            Some(record_name(&zone.domain.name, &record.name, &record.kind))
        }
        _ => None,
    }
}

/// What a request on the records of a zone is about: the one it makes or looks for, or the zone.
fn collection(call: &Call, asked: Named) -> String {
    let zone = call.param(0).to_ascii_lowercase();
    match (asked.name, asked.kind) {
        (Some(name), Some(kind)) => return record_name(&zone, &name, &kind),
        (Some(name), None) => return name,
        _ => {}
    }
    match (call.query("name"), call.query("type")) {
        (Some(name), Some(kind)) => format!("{name} {kind}"),
        (Some(name), None) => name.to_owned(),
        _ => zone,
    }
}

fn record_name(zone: &str, name: &str, kind: &str) -> String {
    match name {
        "@" => format!("{zone} {kind}"),
        name => format!("{name}.{zone} {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::routes::{Found, find};
    use crate::sandbox::rules::test_support::{KEY, ask, test_world};
    use serde_json::{Value, json};

    fn names(names: &mut Names, world: &World, asked: &str, body: &Value) -> Vec<String> {
        let (method, url) = asked.split_once(' ').unwrap();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let Found::Route(route, params) = find(method, path) else {
            panic!("no route {asked}");
        };
        let call = Call {
            path: path.into(),
            params,
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            body: body.to_string().into_bytes(),
            ..Call::default()
        };
        names.of(world, Some(route.path), &call)
    }

    #[test]
    fn every_request_is_about_something_that_has_a_name() {
        let mut world = test_world();
        let mut made = |path: &str, body: Value| ask(&mut world, "POST", path, &body).1;
        let server = json!({"region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64"});
        let mut one = server.clone();
        one["name"] = "web1".into();
        let droplet = made("/v2/droplets", one.clone());
        let key = made("/v2/account/keys", json!({"name": "me", "public_key": KEY}));
        made("/v2/domains", json!({"name": "example.com"}));
        let record = json!({"type": "A", "name": "www", "data": "192.0.2.1"});
        let www = made("/v2/domains/example.com/records", record.clone());

        let droplet_id = &droplet["droplet"]["id"];
        let action = &droplet["links"]["actions"][0]["id"];
        let mut many = server;
        many["names"] = json!(["a", "b"]);
        let apex = json!({"type": "AAAA", "name": "@"});
        let records = "/v2/domains/example.com/records";
        let cases = [
            ("POST /v2/droplets".to_owned(), one, "web1"),
            ("POST /v2/droplets".into(), many, "a, b"),
            ("GET /v2/droplets?name=web9".into(), Value::Null, "web9"),
            ("GET /v2/droplets?tag_name=x".into(), Value::Null, ""),
            (
                format!("GET /v2/droplets/{droplet_id}"),
                Value::Null,
                "web1",
            ),
            (format!("GET /v2/actions/{action}"), Value::Null, "web1"),
            (
                format!("GET /v2/account/keys/{}", key["ssh_key"]["id"]),
                Value::Null,
                "me",
            ),
            (
                "POST /v2/domains".into(),
                json!({"name": "other.net"}),
                "other.net",
            ),
            (
                "GET /v2/domains/Example.com".into(),
                Value::Null,
                "example.com",
            ),
            (format!("GET {records}"), Value::Null, "example.com"),
            (
                format!("GET {records}?name=www.example.com&type=A"),
                Value::Null,
                "www.example.com A",
            ),
            (format!("POST {records}"), record, "www.example.com A"),
            (format!("POST {records}"), apex, "example.com AAAA"),
            (
                format!("PUT {records}/{}", www["domain_record"]["id"]),
                Value::Null,
                "www.example.com A",
            ),
            ("GET /v2/account".into(), Value::Null, ""),
        ];
        let mut known = Names::default();
        for (asked, body, expected) in cases {
            let found = names(&mut known, &world, &asked, &body).join(", ");
            assert_eq!(found, expected, "{asked} {body}");
        }
    }

    #[test]
    fn what_is_gone_keeps_its_name() {
        let mut world = test_world();
        let server = json!({"name": "web1", "region": "nyc3", "size": "s-1vcpu-1gb",
            "image": "debian-13-x64"});
        let made = ask(&mut world, "POST", "/v2/droplets", &server).1;
        let asked = format!("DELETE /v2/droplets/{}", made["droplet"]["id"]);
        let mut known = Names::default();
        assert_eq!(names(&mut known, &world, &asked, &Value::Null), ["web1"]);
        world.finish();
        let path = asked.trim_start_matches("DELETE ");
        assert_eq!(ask(&mut world, "DELETE", path, &Value::Null).0, 204);
        assert_eq!(names(&mut known, &world, &asked, &Value::Null), ["web1"]);
    }
}
