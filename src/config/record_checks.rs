//! What must hold for the records of cloud.json, beyond the form of each.

use std::collections::BTreeMap;

use super::{Cloud, Record, Spanned};
use crate::model::{Diagnostic, Place, Value};

/// One name and type stands in one place, and each value of it once: two spellings of one name would
/// be two lists of values, and a name in two zones would be answered by one of them only.
pub(super) fn twice(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(&str, &str), &Record> = BTreeMap::new();
    for record in &cloud.records {
        let (name, record_type) = (record.name.value.as_str(), record.record_type.value);
        if let Some(first) = seen.get(&(name, record_type)) {
            let error = match first.zone.value == record.zone.value {
                true => Diagnostic::error(format!("{name} {record_type} is there twice"))
                    .hint("write all its values into one list"),
                false => Diagnostic::error(format!("{name} {record_type} is in two zones"))
                    .detail(format!(
                        "in {} and in {}",
                        first.zone.value, record.zone.value
                    ))
                    .hint("keep it in the longer one, which answers for it"),
            };
            let place = record.record_type.place.clone();
            let other = first.record_type.place.clone();
            found.push(error.at(place).related(other, "first here"));
            continue;
        }
        seen.insert((name, record_type), record);
        values_twice(record, found);
    }
}

fn values_twice(record: &Record, found: &mut Vec<Diagnostic>) {
    let mut seen: Vec<&Spanned<Value>> = Vec::new();
    for value in &record.values {
        match seen.iter().find(|other| other.value == value.value) {
            None => seen.push(value),
            Some(first) => found.push(
                Diagnostic::error(format!(
                    "{} {} has one value twice",
                    record.name.value, record.record_type.value
                ))
                .hint("remove one of them")
                .at(value.place.clone())
                .related(first.place.clone(), "first here"),
            ),
        }
    }
}

/// A CNAME says that a name is another one, in everything (RFC 1034, 3.6.2); a zone has SOA and NS
/// of its own.
pub(super) fn beside_a_cname(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut others: BTreeMap<&str, &Record> = BTreeMap::new();
    for record in cloud.records.iter().filter(|one| !is_cname(one)) {
        others.entry(&record.name.value).or_insert(record);
    }
    for record in cloud.records.iter().filter(|one| is_cname(one)) {
        let (name, place) = (&record.name.value, &record.record_type.place);
        if name == &record.zone.value {
            found.push(
                Diagnostic::error(format!("{name} cannot be a CNAME"))
                    .detail("it is the zone itself, which has records of its own")
                    .hint("write `A` and `AAAA` for it, or put it into the `names` of a server")
                    .at(place.clone()),
            );
        }
        if let [_, second, ..] = record.values.as_slice() {
            found.push(
                Diagnostic::error(format!("{name} is a CNAME of several names"))
                    .hint("a CNAME leads to one name: keep one of them")
                    .at(second.place.clone()),
            );
        }
        if let Some(other) = others.get(name.as_str()) {
            found.push(
                Diagnostic::error(format!(
                    "{name} has {} beside a CNAME",
                    other.record_type.value
                ))
                .detail("a name with a CNAME has no other records")
                .hint("remove one of the two")
                .at(other.record_type.place.clone())
                .related(place.clone(), "the CNAME"),
            );
        }
    }
}

fn is_cname(record: &Record) -> bool {
    record.record_type.value == "CNAME"
}

/// A name of a server leads to that alone.
pub(super) fn of_servers(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut servers: BTreeMap<&str, (&str, &Place)> = BTreeMap::new();
    if cloud.records.is_empty() {
        return;
    }
    for server in &cloud.servers {
        for name in &server.names {
            let holder = (server.name.value.as_str(), &name.place);
            servers.entry(&name.value).or_insert(holder);
        }
    }
    for record in &cloud.records {
        let leads = matches!(record.record_type.value, "A" | "AAAA" | "CNAME");
        let server = servers.get(record.name.value.as_str());
        if let Some((server, place)) = server.filter(|_| leads) {
            let (name, record_type) = (&record.name.value, record.record_type.value);
            found.push(
                Diagnostic::error(format!(
                    "{name} has {record_type} here, and is a name of server `{server}`"
                ))
                .hint("a name of a server leads to that alone: remove it here or there")
                .at(record.record_type.place.clone())
                .related((*place).clone(), format!("`{server}` claims it here")),
            );
        }
    }
}
