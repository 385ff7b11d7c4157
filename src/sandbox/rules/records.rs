//! Records of a domain.

use super::domains::{DEFAULT_TTL, find as find_zone};
use super::record_check as check;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Record};
use crate::sandbox::world::{World, Zone};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct View<'a> {
    id: u64,
    #[serde(rename = "type")]
    kind: &'a str,
    name: &'a str,
    data: &'a str,
    priority: Option<u32>,
    port: Option<u32>,
    ttl: u32,
    weight: Option<u32>,
    flags: Option<u32>,
    tag: Option<&'a str>,
}

fn view(record: &Record) -> View<'_> {
    View {
        id: record.id,
        kind: &record.kind,
        name: &record.name,
        data: &record.data,
        priority: record.priority,
        port: record.port,
        ttl: record.ttl,
        weight: record.weight,
        flags: record.flags,
        tag: record.tag.as_deref(),
    }
}

#[derive(Default, Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    data: Option<String>,
    priority: Option<u32>,
    port: Option<u32>,
    ttl: Option<u32>,
    weight: Option<u32>,
    flags: Option<u32>,
    tag: Option<String>,
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let zone = find_zone(world, call)?;
    let kind = call.query("type");
    let wanted = |record: &&Record| {
        let of_kind = kind.is_none_or(|kind| record.kind.eq_ignore_ascii_case(kind));
        of_kind && world.shows(record.id)
    };
    let Some(name) = call.query("name") else {
        let records = || zone.records.values().filter(wanted);
        return page(
            call,
            "domain_records",
            records().count(),
            records().map(view),
        );
    };
    let relative = relative(name, &zone.domain.name);
    let named: Vec<&Record> = relative
        .iter()
        .flat_map(|name| zone.named(name))
        .filter(wanted)
        .collect();
    let views = named.iter().map(|record| view(record));
    page(call, "domain_records", named.len(), views)
}

/// What a fully qualified name is in its domain. One that is not finds nothing.
fn relative(name: &str, origin: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_suffix(origin)?;
    if rest.is_empty() {
        return Some("@".into());
    }
    rest.strip_suffix('.').map(str::to_owned)
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let zone = find_zone(world, call)?;
    let asked: Asked = call.json()?;
    let kind = check::kind(asked.kind.as_deref().unwrap_or_default())?;
    let mut record = checked(zone, kind, None, asked)?;
    record.id = world.next_id();
    write(world, &record);
    Answer::object(201, "domain_record", &view(&record))
}

/// Checks all of a record; the id is still to be given.
fn checked(zone: &Zone, kind: String, own: Option<u64>, asked: Asked) -> Result<Record, Refusal> {
    let name = check::name(asked.name.as_deref().unwrap_or_default(), zone)?;
    let tag = match kind.as_str() {
        "CAA" => check::tag(asked.tag)?,
        _ => None,
    };
    let data = asked.data.unwrap_or_default();
    let data = check::data(&kind, &data, tag.as_deref(), zone)?;
    // What a type does not use is null, whatever was sent: some clients always send zeros.
    let only = |kinds: &[&str], what: &str, asked: Option<u32>, most: u32| {
        if kinds.contains(&kind.as_str()) {
            check::number(what, asked, most)
        } else {
            Ok(None)
        }
    };
    let priority = only(&["MX", "SRV"], "Priority", asked.priority, 65535)?;
    let weight = only(&["SRV"], "Weight", asked.weight, 65535)?;
    let port = only(&["SRV"], "Port", asked.port, 65535)?;
    let flags = only(&["CAA"], "Flags", asked.flags, 255)?;
    let ttl = check::ttl(asked.ttl.unwrap_or(DEFAULT_TTL))?;
    check::sharing(&kind, &name, own, zone)?;
    Ok(Record {
        id: own.unwrap_or_default(),
        zone: zone.domain.name.clone(),
        kind,
        name,
        data,
        priority,
        port,
        ttl,
        weight,
        flags,
        tag,
    })
}

/// Keeps a record. Those of the same name and type have one TTL: the last one set.
fn write(world: &mut World, record: &Record) {
    let same: Vec<Record> = world
        .zones
        .get(&record.zone)
        .into_iter()
        .flat_map(|zone| zone.named(&record.name))
        .filter(|other| {
            other.id != record.id && other.kind == record.kind && other.ttl != record.ttl
        })
        .cloned()
        .collect();
    world.write(Entry::Record(record.clone()));
    for mut other in same {
        other.ttl = record.ttl;
        world.write(Entry::Record(other));
    }
}

fn find<'a>(world: &'a World, call: &Call) -> Result<(&'a Zone, &'a Record), Refusal> {
    let zone = find_zone(world, call)?;
    let record = zone.records.get(&call.id(1)?);
    let record = record.filter(|record| world.shows(record.id));
    Ok((zone, record.ok_or_else(Refusal::not_found)?))
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let (_, record) = find(world, call)?;
    Answer::object(200, "domain_record", &view(record))
}

pub(in crate::sandbox) fn replace(world: &mut World, call: &Call) -> Outcome {
    update(world, call, true)
}

pub(in crate::sandbox) fn change(world: &mut World, call: &Call) -> Outcome {
    update(world, call, false)
}

/// Both keep what is not sent. But PUT checks the data it has kept as if it had been sent, and
/// that has lost its final dot: the live service does the same.
fn update(world: &mut World, call: &Call, put: bool) -> Outcome {
    let (zone, before) = find(world, call)?;
    let asked: Asked = call.json()?;
    let same_kind = asked
        .kind
        .as_ref()
        .is_none_or(|kind| kind.eq_ignore_ascii_case(&before.kind));
    if !same_kind {
        return Err(Refusal::unprocessable("Record type cannot be changed."));
    }
    let record = if before.kind == "SOA" {
        // Only its TTL can change.
        let mut record = before.clone();
        if let Some(ttl) = asked.ttl {
            record.ttl = check::ttl(ttl)?;
        }
        record
    } else {
        let dotless = !put && asked.data.is_none();
        let kept = before.clone();
        let mut record = checked(
            zone,
            kept.kind,
            Some(kept.id),
            Asked {
                kind: None,
                name: asked.name.or(Some(kept.name)),
                data: asked.data.or_else(|| match dotless {
                    true => Some(sendable(before)),
                    false => Some(kept.data),
                }),
                priority: asked.priority.or(kept.priority),
                port: asked.port.or(kept.port),
                ttl: asked.ttl.or(Some(kept.ttl)),
                weight: asked.weight.or(kept.weight),
                flags: asked.flags.or(kept.flags),
                tag: asked.tag.or(kept.tag),
            },
        )?;
        if dotless {
            record.data.clone_from(&before.data);
        }
        record
    };
    write(world, &record);
    Answer::object(200, "domain_record", &view(&record))
}

/// The data as it would have to be sent to be accepted.
fn sendable(record: &Record) -> String {
    let host = matches!(record.kind.as_str(), "CNAME" | "MX" | "NS" | "SRV" | "CAA");
    if host && record.data != "@" {
        format!("{}.", record.data)
    } else {
        record.data.clone()
    }
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let (_, record) = find(world, call)?;
    if record.kind == "SOA" {
        return Err(Refusal::unprocessable("SOA records cannot be deleted."));
    }
    let (zone, id) = (record.zone.clone(), record.id);
    world.write(Entry::RecordGone { zone, id });
    Ok(Answer::no_content())
}

#[cfg(test)]
mod tests;
