//! Domains (`api-reference/domains.rst` and its methods).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::model::{NewZone, Work, Zone, ZoneChange, dns_time};
use super::super::world::{Held, World, zone_key};
use super::jobs::take_on;
use super::pages::page;
use super::record_check::{comment, is_domain, new_record, ttl};
use super::records;
use super::{MOST_ENTITIES, MOST_RECORDS, MOST_ZONES, NAME_SERVERS};
use super::{invalid, not_found, over_limit, unreadable};
use serde_json::{Map, Value, json};

/// A domain as a list shows it.
fn brief(zone: &Zone) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    put("name", zone.name.clone().into());
    put("id", zone.id.into());
    if let Some(comment) = &zone.comment {
        put("comment", comment.clone().into());
    }
    // A number here, unlike in URLs.
    let account = zone.account.parse::<u64>().unwrap_or_default();
    put("accountId", account.into());
    put("emailAddress", zone.email.clone().into());
    put("updated", dns_time(zone.updated).into());
    put("created", dns_time(zone.created).into());
    shown
}

/// A domain by itself.
pub(super) fn full(zone: &Zone) -> Map<String, Value> {
    let mut shown = brief(zone);
    let servers = NAME_SERVERS.map(|name| json!({"name": name}));
    shown.insert("nameservers".into(), json!(servers));
    shown.insert("ttl".into(), zone.ttl.into());
    shown
}

fn visible<'a>(world: &'a World, asked: &Ask<'_>) -> Vec<&'a Held> {
    let mut zones = world.zones_of(asked.account.tenant);
    zones.retain(|held| world.shows(&zone_key(held.zone.id)));
    zones
}

/// All domains, or the one of exactly this name.
pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let name = asked.query("name").map(str::to_ascii_lowercase);
    let zones = visible(world, asked).into_iter();
    let found = zones.filter(|held| name.as_ref().is_none_or(|name| held.zone.name == *name));
    let shown: Vec<Value> = found.map(|held| brief(&held.zone).into()).collect();
    Answer::json(200, &page(asked, "domains", &shown)?)
}

/// The domains that have this in their names.
pub(in super::super) fn search(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let part = asked
        .query("name")
        .ok_or_else(|| unreadable("A name to search for is needed."))?
        .to_ascii_lowercase();
    let zones = visible(world, asked).into_iter();
    let found = zones.filter(|held| held.zone.name.contains(&part));
    let shown: Vec<Value> = found.map(|held| brief(&held.zone).into()).collect();
    Answer::json(200, &page(asked, "domains", &shown)?)
}

/// The domain in the path, if it is the account's and can be seen.
pub(super) fn find<'a>(world: &'a World, asked: &Ask<'_>) -> Result<&'a Held, Fault> {
    let id = asked.param(0);
    id.parse()
        .ok()
        .and_then(|id| world.zones.get(&id))
        .filter(|held| held.zone.account == asked.account.tenant)
        .filter(|held| world.shows(&zone_key(held.zone.id)))
        .ok_or_else(|| not_found(&format!("Domain ID: {id}")))
}

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let mut shown = full(&held.zone);
    if asked.wants("showRecords", true) {
        let list = page(asked, "records", &records::visible(world, held))?;
        shown.insert("recordsList".into(), list);
    }
    if asked.wants("showSubdomains", false) {
        let list = page(asked, "domains", &below(world, asked, held))?;
        shown.insert("subdomains".into(), list);
    }
    Answer::json(200, &shown.into())
}

fn below(world: &World, asked: &Ask<'_>, held: &Held) -> Vec<Value> {
    let end = format!(".{}", held.zone.name);
    let zones = visible(world, asked).into_iter();
    let found = zones.filter(|other| other.zone.name.ends_with(&end));
    found.map(|other| brief(&other.zone).into()).collect()
}

pub(in super::super) fn subdomains(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    Answer::json(200, &page(asked, "domains", &below(world, asked, held))?)
}

pub(in super::super) fn create(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let body: Value = asked.json().map_err(|why| unreadable(&why))?;
    let mut zones = Vec::new();
    let mut problems = Vec::new();
    read_zones(&body, &mut zones, &mut problems);
    if zones.is_empty() && problems.is_empty() {
        problems.push("Must provide at least one domain.".into());
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let entities: usize = zones.iter().map(|zone| 1 + zone.records.len()).sum();
    if entities > MOST_ENTITIES {
        return Err(too_many(entities));
    }
    if world.zones_of(asked.account.tenant).len() + zones.len() > MOST_ZONES {
        let details = format!("Limit of {MOST_ZONES} domains has been reached.");
        return Err(over_limit(&details));
    }
    if zones.iter().any(|zone| zone.records.len() > MOST_RECORDS) {
        return Err(too_many_records());
    }
    let names = zones.iter().map(|zone| zone.name.clone()).collect();
    take_on(world, asked, names, Work::CreateZones(zones))
}

pub(super) fn too_many(entities: usize) -> Fault {
    over_limit(&format!(
        "{entities} entities in one request are more than the {MOST_ENTITIES} that are allowed."
    ))
}

pub(super) fn too_many_records() -> Fault {
    over_limit(&format!(
        "Limit of {MOST_RECORDS} records per domain has been reached."
    ))
}

/// Reads domains to be, and those below them, into one list.
fn read_zones(body: &Value, zones: &mut Vec<NewZone>, problems: &mut Vec<String>) {
    let listed = body.get("domains").and_then(Value::as_array);
    for asked in listed.into_iter().flatten() {
        let text = |key: &str| asked.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default().to_ascii_lowercase();
        if !is_domain(&name) {
            problems.push(format!("{name:?} is not a valid domain name."));
        }
        let email = text("emailAddress").unwrap_or_default().to_owned();
        if !email.contains('@') {
            problems.push(format!("Must provide an email address for {name:?}."));
        }
        let records = asked.pointer("/recordsList/records");
        let records = records.and_then(Value::as_array).into_iter().flatten();
        let records = records
            .map(|record| new_record(&name, record, problems))
            .collect();
        zones.push(NewZone {
            ttl: ttl(asked, problems),
            comment: comment(asked, problems),
            name,
            email,
            records,
        });
        if let Some(inner) = asked.get("subdomains") {
            read_zones(inner, zones, problems);
        }
    }
}

/// Changes the domain in the path, or those that the body lists by id.
pub(in super::super) fn change(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let body: Value = asked.json().map_err(|why| unreadable(&why))?;
    let mut problems = Vec::new();
    let mut changes = Vec::new();
    if asked.param(0).is_empty() {
        let listed = body.get("domains").and_then(Value::as_array);
        for one in listed.into_iter().flatten() {
            match super::number(one.get("id")) {
                Ok(Some(id)) => changes.push(read_change(id, one, &mut problems)),
                _ => problems.push("Must provide an id for each domain.".into()),
            }
        }
        if changes.is_empty() && problems.is_empty() {
            problems.push("Must provide at least one domain.".into());
        }
    } else {
        let id = find(world, asked)?.zone.id;
        changes.push(read_change(id, &body, &mut problems));
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let zone = |change: &ZoneChange| Some(world.zones.get(&change.id)?.zone.name.clone());
    let names = changes.iter().filter_map(zone).collect();
    take_on(world, asked, names, Work::ChangeZones(changes))
}

fn read_change(id: u64, asked: &Value, problems: &mut Vec<String>) -> ZoneChange {
    let email = asked.get("emailAddress").and_then(Value::as_str);
    ZoneChange {
        id,
        email: email.map(str::to_owned),
        ttl: ttl(asked, problems),
        comment: comment(asked, problems),
    }
}

/// Deletes the domain in the path, or those in the query.
pub(in super::super) fn delete(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let ids = if asked.param(0).is_empty() {
        records::listed_ids(asked)
    } else {
        vec![find(world, asked)?.zone.id.to_string()]
    };
    if ids.is_empty() {
        return Err(invalid(&["Must provide the id of a domain.".into()]));
    }
    let zone = |id: &String| Some(world.zones.get(&id.parse().ok()?)?.zone.name.clone());
    let names = ids.iter().filter_map(zone).collect();
    let below = asked.wants("deleteSubdomains", false);
    take_on(world, asked, names, Work::DeleteZones { ids, below })
}
