//! The records of a domain (`api-reference/records.rst` and its methods).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::model::{Record, RecordChange, Work, dns_time};
use super::super::world::{Held, World, record_key};
use super::jobs::take_on;
use super::pages::page;
use super::record_check::{comment, new_record, priority, ttl};
use super::zones::{find, too_many, too_many_records};
use super::{MOST_ENTITIES, MOST_RECORDS};
use super::{invalid, not_found, unreadable};
use serde_json::{Map, Value};

/// A record as it is shown.
pub(super) fn view(record: &Record) -> Value {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    put("name", record.name.clone().into());
    if let Some(priority) = record.priority {
        put("priority", priority.into());
    }
    put("id", record.full_id().into());
    put("type", record.kind.clone().into());
    if let Some(comment) = &record.comment {
        put("comment", comment.clone().into());
    }
    put("data", record.data.clone().into());
    put("ttl", record.ttl.into());
    put("updated", dns_time(record.updated).into());
    put("created", dns_time(record.created).into());
    Value::Object(shown)
}

/// The records that can be seen already.
pub(super) fn visible(world: &World, held: &Held) -> Vec<Value> {
    seen(world, held).map(view).collect()
}

fn seen<'a>(world: &'a World, held: &'a Held) -> impl Iterator<Item = &'a Record> {
    let records = held.records.values();
    records.filter(|record| world.shows(&record_key(record.id)))
}

/// All records, or a search: that needs a type, and finds nothing for a name or data with a space
/// or an underscore in it.
pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let (kind, name, data) = (
        asked.query("type"),
        asked.query("name").map(str::to_ascii_lowercase),
        asked.query("data"),
    );
    if kind.is_none() && (name.is_some() || data.is_some()) {
        return Err(invalid(&["A search needs the type of the records.".into()]));
    }
    let special = |text: &str| text.contains([' ', '_']);
    let in_vain = name.as_deref().is_some_and(special) || data.is_some_and(special);
    let matching = |record: &&Record| {
        !in_vain
            && kind.is_none_or(|kind| record.kind.eq_ignore_ascii_case(kind))
            && name.as_ref().is_none_or(|name| record.name == *name)
            && data.is_none_or(|data| record.data == data)
    };
    let shown: Vec<Value> = seen(world, held).filter(matching).map(view).collect();
    Answer::json(200, &page(asked, "records", &shown)?)
}

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let id = asked.param(1);
    let record = find_record(held, id)
        .filter(|record| world.shows(&record_key(record.id)))
        .ok_or_else(|| no_record(held, id))?;
    Answer::json(200, &view(record))
}

/// The record of an id such as `A-6822994`, whose type must be right too.
pub(in super::super) fn find_record<'a>(held: &'a Held, id: &str) -> Option<&'a Record> {
    let (_, number) = id.rsplit_once('-')?;
    let record = held.records.get(&number.parse().ok()?)?;
    (record.full_id() == id).then_some(record)
}

pub(super) fn no_record(held: &Held, id: &str) -> Fault {
    not_found(&format!("Domain ID: {}; Record ID: {id}", held.zone.id))
}

/// The name by which a record is known to whoever scripts failures.
pub(in super::super) fn known_as(name: &str, kind: &str) -> String {
    format!("{name} {kind}")
}

pub(in super::super) fn add(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let body: Value = asked.json().map_err(|why| unreadable(&why))?;
    let mut problems = Vec::new();
    let listed = body.get("records").and_then(Value::as_array);
    let records: Vec<_> = listed
        .into_iter()
        .flatten()
        .map(|record| new_record(&held.zone.name, record, &mut problems))
        .collect();
    if records.is_empty() {
        problems.push("Must provide at least one record.".into());
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    if records.len() > MOST_ENTITIES {
        return Err(too_many(records.len()));
    }
    if held.records.len() + records.len() > MOST_RECORDS {
        return Err(too_many_records());
    }
    let zone = held.zone.id;
    let names = records
        .iter()
        .map(|record| known_as(&record.name, &record.kind));
    let names = names.collect();
    take_on(world, asked, names, Work::AddRecords { zone, records })
}

/// Changes the record in the path, or those that the body lists by id.
pub(in super::super) fn change(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let body: Value = asked.json().map_err(|why| unreadable(&why))?;
    let mut problems = Vec::new();
    let mut changes = Vec::new();
    let one = asked.param(1);
    if one.is_empty() {
        let listed = body.get("records").and_then(Value::as_array);
        for asked in listed.into_iter().flatten() {
            match asked.get("id").and_then(Value::as_str) {
                Some(id) => changes.push(read_change(held, id, asked, &mut problems)),
                None => problems.push("Must provide an id for each record.".into()),
            }
        }
        if changes.is_empty() && problems.is_empty() {
            problems.push("Must provide at least one record.".into());
        }
    } else {
        find_record(held, one).ok_or_else(|| no_record(held, one))?;
        changes.push(read_change(held, one, &body, &mut problems));
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    if changes.len() > MOST_ENTITIES {
        return Err(too_many(changes.len()));
    }
    let zone = held.zone.id;
    let names = changes
        .iter()
        .filter_map(|change| find_record(held, &change.id))
        .map(|record| known_as(&record.name, &record.kind));
    let names = names.collect();
    take_on(world, asked, names, Work::ChangeRecords { zone, changes })
}

/// Only data, priority, ttl and comment can be changed. A name or a type may be said all the same,
/// as long as it is what it was.
fn read_change(held: &Held, id: &str, asked: &Value, problems: &mut Vec<String>) -> RecordChange {
    let text = |key: &str| asked.get(key).and_then(Value::as_str);
    if let Some(record) = find_record(held, id) {
        if text("name").is_some_and(|name| !name.eq_ignore_ascii_case(&record.name)) {
            problems.push(format!("The name of the record {id} cannot be changed."));
        }
        if text("type").is_some_and(|kind| kind != record.kind) {
            problems.push(format!("The type of the record {id} cannot be changed."));
        }
    }
    RecordChange {
        id: id.to_owned(),
        data: text("data").map(str::to_owned),
        priority: priority(asked, problems),
        ttl: ttl(asked, problems),
        comment: comment(asked, problems),
    }
}

/// Deletes the record in the path, or those in the query.
pub(in super::super) fn delete(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let held = find(world, asked)?;
    let one = asked.param(1);
    let ids = if one.is_empty() {
        listed_ids(asked)
    } else {
        find_record(held, one).ok_or_else(|| no_record(held, one))?;
        vec![one.to_owned()]
    };
    if ids.is_empty() {
        return Err(invalid(&["Must provide the id of a record.".into()]));
    }
    let zone = held.zone.id;
    let names = ids
        .iter()
        .filter_map(|id| find_record(held, id))
        .map(|record| known_as(&record.name, &record.kind));
    let names = names.collect();
    take_on(world, asked, names, Work::DeleteRecords { zone, ids })
}

/// Every `id` in the query.
pub(in super::super) fn listed_ids(asked: &Ask<'_>) -> Vec<String> {
    let pairs = asked.call.query.iter();
    pairs
        .filter(|(key, _)| key == "id")
        .map(|(_, id)| id.clone())
        .collect()
}
