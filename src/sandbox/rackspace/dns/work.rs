//! What a job does when its time has come: the changes of the world, and the response.

use super::super::answer::Fault;
use super::super::model::{
    Entry, FIRST_ID, Job, Millis, NewRecord, NewZone, Record, RecordChange, Work, Zone, ZoneChange,
};
use super::super::world::{Held, World, record_key, zone_key};
use super::record_check::{stored, wrong_data, wrong_priority};
use super::records::{find_record, no_record, view};
use super::zones::{full, too_many_records};
use super::{MOST_RECORDS, MOST_ZONES, NAME_SERVERS, USUAL_TTL};
use super::{invalid, not_found, over_limit};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The changes and the response; or what was done all the same, and why it failed.
pub(in super::super) type Done = Result<(Vec<Entry>, Option<Value>), (Vec<Entry>, Fault)>;

/// Does what a job is for. All or nothing, but for deletions: these are tried one by one.
pub(in super::super) fn carry_out(world: &mut World, job: &Job, at: Millis) -> Done {
    let all_or_nothing = |done: Result<(Vec<Entry>, Option<Value>), Fault>| {
        done.map_err(|fault| (Vec::new(), fault))
    };
    match &job.work {
        Work::CreateZones(zones) => all_or_nothing(create_zones(world, &job.account, zones, at)),
        Work::ChangeZones(changes) => {
            all_or_nothing(change_zones(world, &job.account, changes, at))
        }
        Work::DeleteZones { ids, below } => delete_zones(world, &job.account, ids, *below),
        Work::AddRecords { zone, records } => {
            all_or_nothing(add_records(world, *zone, records, at))
        }
        Work::ChangeRecords { zone, changes } => {
            all_or_nothing(change_records(world, *zone, changes, at))
        }
        Work::DeleteRecords { zone, ids } => delete_records(world, *zone, ids),
    }
}

fn exists(details: &str) -> Fault {
    Fault::flat(409, "The object already exists.", details)
}

fn create_zones(
    world: &mut World,
    account: &str,
    asked: &[NewZone],
    at: Millis,
) -> Result<(Vec<Entry>, Option<Value>), Fault> {
    if world.zones_of(account).len() + asked.len() > MOST_ZONES {
        return Err(over_limit(&format!(
            "Limit of {MOST_ZONES} domains has been reached."
        )));
    }
    let mut names = HashSet::new();
    let mut entries = Vec::new();
    let mut shown = Vec::new();
    for new in asked {
        // Whoever has it: a name is hosted once.
        if world.zone_named(&new.name).is_some() || !names.insert(&new.name) {
            return Err(exists("Domain already exists"));
        }
        let zone = Zone {
            id: FIRST_ID + world.next_number(),
            account: account.to_owned(),
            name: new.name.clone(),
            email: new.email.clone(),
            ttl: new.ttl.unwrap_or(USUAL_TTL),
            comment: new.comment.clone(),
            created: at,
            updated: at,
        };
        let mut records: Vec<Record> = Vec::new();
        for asked in &own_and(new) {
            add(world, &zone, &mut records, asked, at)?;
        }
        let mut view = full(&zone);
        if !new.records.is_empty() {
            let list: Vec<Value> = records.iter().map(self::view).collect();
            let list = json!({"totalEntries": list.len(), "records": list});
            view.insert("recordsList".into(), list);
        }
        shown.push(view);
        world.note_made(zone_key(zone.id));
        entries.push(Entry::Zone(zone));
        entries.extend(records.into_iter().map(Entry::Record));
    }
    Ok((entries, Some(json!({ "domains": shown }))))
}

/// The records asked for, and the NS records that every zone has, unless they are among them.
fn own_and(zone: &NewZone) -> Vec<NewRecord> {
    let asked = |server: &str| {
        let mut records = zone.records.iter();
        records
            .any(|record| record.kind == "NS" && record.name == zone.name && record.data == server)
    };
    let own = NAME_SERVERS.iter().filter(|server| !asked(server));
    let own = own.map(|server| NewRecord {
        kind: "NS".into(),
        name: zone.name.clone(),
        data: (*server).to_owned(),
        priority: None,
        ttl: None,
        comment: None,
    });
    own.chain(zone.records.iter().cloned()).collect()
}

/// Puts a record to the others, if it can be with them.
fn add(
    world: &mut World,
    zone: &Zone,
    others: &mut Vec<Record>,
    asked: &NewRecord,
    at: Millis,
) -> Result<Record, Fault> {
    let record = Record {
        id: FIRST_ID + world.next_number(),
        zone: zone.id,
        kind: asked.kind.clone(),
        name: asked.name.clone(),
        data: asked.data.clone(),
        priority: asked.priority,
        ttl: asked.ttl.unwrap_or(zone.ttl),
        comment: asked.comment.clone(),
        created: at,
        updated: at,
    };
    if let Some(why) = conflict(&record, others.iter()) {
        return Err(exists(&why));
    }
    world.note_made(record_key(record.id));
    others.push(record.clone());
    Ok(record)
}

/// What keeps a record from being beside others.
fn conflict<'a>(record: &Record, others: impl Iterator<Item = &'a Record>) -> Option<String> {
    for other in others.filter(|other| other.name == record.name && other.id != record.id) {
        if (&other.kind, &other.data, other.priority)
            == (&record.kind, &record.data, record.priority)
        {
            return Some(format!(
                "Record is a duplicate of another record: {} {}",
                record.name, record.kind
            ));
        }
        if record.kind == "CNAME" || other.kind == "CNAME" {
            return Some(format!(
                "A CNAME record cannot have the name of another record: {}",
                record.name
            ));
        }
    }
    None
}

fn held(world: &World, zone: u64) -> Result<&Held, Fault> {
    let gone = || not_found(&format!("Domain ID: {zone}"));
    world.zones.get(&zone).ok_or_else(gone)
}

fn add_records(
    world: &mut World,
    zone: u64,
    asked: &[NewRecord],
    at: Millis,
) -> Result<(Vec<Entry>, Option<Value>), Fault> {
    let held = held(world, zone)?;
    let zone = held.zone.clone();
    let mut all: Vec<Record> = held.records.values().cloned().collect();
    if all.len() + asked.len() > MOST_RECORDS {
        return Err(too_many_records());
    }
    let mut made = Vec::new();
    for record in asked {
        made.push(add(world, &zone, &mut all, record, at)?);
    }
    let shown: Vec<Value> = made.iter().map(view).collect();
    let response = json!({ "records": shown });
    let mut entries: Vec<Entry> = made.into_iter().map(Entry::Record).collect();
    entries.push(touched(zone, at));
    Ok((entries, Some(response)))
}

fn touched(mut zone: Zone, at: Millis) -> Entry {
    zone.updated = at;
    Entry::Zone(zone)
}

fn change_records(
    world: &World,
    zone: u64,
    changes: &[RecordChange],
    at: Millis,
) -> Result<(Vec<Entry>, Option<Value>), Fault> {
    let held = held(world, zone)?;
    let mut all = held.records.clone();
    let mut problems = Vec::new();
    let mut changed = Vec::new();
    for change in changes {
        let record = find_record(held, &change.id).ok_or_else(|| no_record(held, &change.id))?;
        let mut record = record.clone();
        if let Some(data) = &change.data {
            record.data = stored(&record.kind, data);
        }
        record.priority = change.priority.or(record.priority);
        record.ttl = change.ttl.unwrap_or(record.ttl);
        record.comment = change.comment.clone().or(record.comment);
        record.updated = at;
        problems.extend(wrong_data(&record.kind, &record.data));
        problems.extend(wrong_priority(&record.kind, record.priority));
        all.insert(record.id, record.clone());
        changed.push(record);
    }
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    for record in &changed {
        if let Some(why) = conflict(record, all.values()) {
            return Err(exists(&why));
        }
    }
    let mut entries: Vec<Entry> = changed.into_iter().map(Entry::Record).collect();
    entries.push(touched(held.zone.clone(), at));
    Ok((entries, None))
}

fn change_zones(
    world: &World,
    account: &str,
    changes: &[ZoneChange],
    at: Millis,
) -> Result<(Vec<Entry>, Option<Value>), Fault> {
    let mut entries = Vec::new();
    for change in changes {
        let held = held(world, change.id)?;
        if held.zone.account != account {
            return Err(not_found(&format!("Domain ID: {}", change.id)));
        }
        let mut zone = held.zone.clone();
        zone.email = change.email.clone().unwrap_or(zone.email);
        zone.ttl = change.ttl.unwrap_or(zone.ttl);
        zone.comment = change.comment.clone().or(zone.comment);
        entries.push(touched(zone, at));
    }
    Ok((entries, None))
}

fn delete_zones(world: &World, account: &str, ids: &[String], below: bool) -> Done {
    let mut entries = Vec::new();
    let mut failed = Vec::new();
    for id in ids {
        let number = id.parse().ok();
        let held = number.and_then(|id| world.zones.get(&id));
        let Some(held) = held.filter(|held| held.zone.account == account) else {
            failed.push(not_found(&format!("Domain ID: {id}")));
            continue;
        };
        entries.push(Entry::ZoneGone(held.zone.id));
        if below {
            let end = format!(".{}", held.zone.name);
            let others = world.zones_of(account).into_iter();
            let others = others.filter(|other| other.zone.name.ends_with(&end));
            entries.extend(others.map(|other| Entry::ZoneGone(other.zone.id)));
        }
    }
    deleted(entries, failed, ids.len())
}

fn delete_records(world: &World, zone: u64, ids: &[String]) -> Done {
    let held = held(world, zone).map_err(|fault| (Vec::new(), fault))?;
    let mut entries = Vec::new();
    let mut failed = Vec::new();
    for id in ids {
        match find_record(held, id) {
            Some(record) => entries.push(Entry::RecordGone {
                zone,
                id: record.id,
            }),
            None => failed.push(no_record(held, id)),
        }
    }
    deleted(entries, failed, ids.len())
}

/// Deletions are tried one by one. What failed is listed, and what did not is done; a single one
/// that failed is the failure of the whole.
fn deleted(entries: Vec<Entry>, mut failed: Vec<Fault>, asked: usize) -> Done {
    if failed.is_empty() {
        return Ok((entries, None));
    }
    if asked == 1
        && let Some(only) = failed.pop()
    {
        return Err((entries, only));
    }
    let faults: Vec<Value> = failed.iter().map(Fault::inner).collect();
    let fault = Fault::flat(
        500,
        "One or more items could not be deleted.",
        "See errors list for details.",
    );
    let fault = fault.with_extra("failedItems", json!({ "faults": faults }));
    Err((entries, fault))
}
