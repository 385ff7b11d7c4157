//! What a request is about, in names, for faults that wait for one. As in the other sandbox a
//! record is called by its full name and its type, `www.example.com AAAA`.

use super::answer::Ask;
use super::dns::records::{find_record, known_as};
use super::routes::{Service, within};
use super::world::{Held, World};
use serde_json::Value;
use std::collections::HashMap;

/// The names of objects, kept also when the object is gone: what is asked twice to be deleted has
/// its name both times.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_path: HashMap<String, Vec<String>>,
}

impl Names {
    /// The names of what a request is about: of a create those it asks for, of a request on an id
    /// that of the object, of a job those of the request that began it. None for what is about
    /// nothing in particular.
    pub(super) fn of(&mut self, world: &World, route: &str, asked: &Ask<'_>) -> Vec<String> {
        let (service, route) = within(route);
        let body: Value = serde_json::from_slice(&asked.call.body).unwrap_or_default();
        let names = match service {
            Service::Identity => Vec::new(),
            Service::Servers => of_servers(world, route, asked, &body),
            Service::Dns => of_dns(world, route, asked, &body),
        };
        // The same path may be about other objects, if the query says which.
        let key = asked
            .call
            .query
            .iter()
            .filter(|(key, _)| key == "id")
            .fold(asked.call.path.clone(), |key, (_, id)| {
                format!("{key} {id}")
            });
        if names.is_empty() {
            return self.by_path.get(&key).cloned().unwrap_or_default();
        }
        if matches!(asked.method, "GET" | "DELETE" | "PUT") && asked.query("name").is_none() {
            self.by_path.insert(key, names.clone());
        }
        names
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn of_servers(world: &World, route: &str, asked: &Ask<'_>, body: &Value) -> Vec<String> {
    let name = if route.starts_with("/servers/{server_id}") {
        let server = world.servers.get(asked.param(0));
        server.map(|server| server.name.as_str())
    } else {
        match route {
            "/servers" => text(body, "/server/name").or_else(|| asked.query("name")),
            "/servers/detail" | "/images" | "/images/detail" => asked.query("name"),
            "/os-keypairs" => text(body, "/keypair/name"),
            "/os-keypairs/{keypair_name}" => Some(asked.param(0)),
            _ => None,
        }
    };
    name.map(str::to_owned).into_iter().collect()
}

fn of_dns(world: &World, route: &str, asked: &Ask<'_>, body: &Value) -> Vec<String> {
    if route == "/status/{job_id}" {
        let job = world.jobs.get(asked.param(0));
        return job.map(|job| job.names.clone()).unwrap_or_default();
    }
    let zone = |id: &str| world.zones.get(&id.parse().ok()?);
    let zone_name = |held: &Held| held.zone.name.clone();
    if matches!(route, "/domains" | "/domains/search") {
        let listed = body.get("domains").and_then(Value::as_array);
        let made = listed
            .into_iter()
            .flatten()
            .filter_map(|domain| text(domain, "/name"))
            .map(str::to_ascii_lowercase);
        let asked_for = asked.query("name").map(str::to_ascii_lowercase);
        let by_id = super::dns::records::listed_ids(asked);
        let by_id = by_id.iter().filter_map(|id| zone(id)).map(zone_name);
        return made.chain(asked_for).chain(by_id).collect();
    }
    let Some(held) = zone(asked.param(0)) else {
        return Vec::new();
    };
    let names = match route {
        "/domains/{domain_id}/records" => of_records(held, asked, body),
        "/domains/{domain_id}/records/{record_id}" => find_record(held, asked.param(1))
            .map(|record| known_as(&record.name, &record.kind))
            .into_iter()
            .collect(),
        _ => vec![zone_name(held)],
    };
    if names.is_empty() && asked.method == "GET" {
        return vec![zone_name(held)];
    }
    names
}

/// The records that a request makes, changes, deletes or looks for.
fn of_records(held: &Held, asked: &Ask<'_>, body: &Value) -> Vec<String> {
    let listed = body.get("records").and_then(Value::as_array);
    let in_body = listed.into_iter().flatten().filter_map(|record| {
        let by_id = text(record, "/id").and_then(|id| find_record(held, id));
        if let Some(known) = by_id {
            return Some(known_as(&known.name, &known.kind));
        }
        let name = text(record, "/name").unwrap_or(&held.zone.name);
        Some(known_as(&name.to_ascii_lowercase(), text(record, "/type")?))
    });
    let ids = super::dns::records::listed_ids(asked);
    let in_query = ids
        .iter()
        .filter_map(|id| find_record(held, id))
        .map(|record| known_as(&record.name, &record.kind));
    let searched = asked
        .query("name")
        .zip(asked.query("type"))
        .map(|(name, kind)| known_as(name, kind));
    in_body.chain(in_query).chain(searched).collect()
}
