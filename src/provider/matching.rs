//! Which of what was found could be what is looked for, by its natural key.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::{Attributes, Observed};
use crate::resource::record::{DATA, NAME, TYPE, ZONE};
use crate::resource::server;

use super::adapter::required;
use super::{Class, Error};

/// What tells records apart but for what they lead to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RecordKey<'a> {
    pub(super) zone: &'a str,
    pub(super) name: &'a str,
    pub(super) record_type: &'a str,
}

impl<'a> RecordKey<'a> {
    pub(super) fn of(attributes: &'a Attributes) -> Result<Self, Error> {
        Ok(Self {
            zone: required(attributes, ZONE)?,
            name: required(attributes, NAME)?,
            record_type: required(attributes, TYPE)?,
        })
    }

    pub(super) fn of_each(wanted: &[&'a Attributes]) -> Result<Vec<Self>, Error> {
        wanted
            .iter()
            .map(|attributes| Self::of(attributes))
            .collect()
    }
}

/// What the refusal to create something means once it was looked for: somebody was faster, or the
/// answer to an earlier request was lost.
pub(super) fn refused(error: Error, found: &[Vec<Observed>]) -> Error {
    match found.iter().any(|same| !same.is_empty()) {
        true => Class::Exists.of(error),
        false => error,
    }
}

/// For each of `wanted` the records that could be it, copies and all. Without `data` among its
/// attributes that is every record of its name and type.
pub(super) fn records<'a>(
    wanted: &[&Attributes],
    found: impl IntoIterator<Item = &'a Observed>,
) -> Result<Vec<Vec<Observed>>, Error> {
    let mut by_key: HashMap<RecordKey<'_>, Vec<&Observed>> = HashMap::new();
    for record in found {
        let key = RecordKey::of(&record.attributes)?;
        by_key.entry(key).or_default().push(record);
    }
    let of = |attributes: &&Attributes| {
        let same = by_key.get(&RecordKey::of(attributes)?);
        let data = attributes.get(DATA);
        let same = same.into_iter().flatten();
        let same = same.filter(|record| data.is_none() || record.attributes.get(DATA) == data);
        Ok(same.map(|&record| record.clone()).collect())
    };
    wanted.iter().map(of).collect()
}

/// For each of `wanted` the servers of its name, whatever their case, but for those of other
/// deployments.
pub(super) fn servers(
    wanted: &[&Attributes],
    found: Vec<Observed>,
    mark: &str,
) -> Result<Vec<Vec<Observed>>, Error> {
    let mut named: HashMap<String, Vec<Observed>> = HashMap::new();
    for server in found {
        if let (true, Some(name)) = (server.may_be_of(mark), server.text(server::NAME)) {
            let name = name.to_ascii_lowercase();
            named.entry(name).or_default().push(server);
        }
    }
    let of_name = |attributes: &&Attributes| {
        let name = required(attributes, server::NAME)?.to_ascii_lowercase();
        Ok(named.get(&name).cloned().unwrap_or_default())
    };
    wanted.iter().map(of_name).collect()
}

/// For each of `wanted` what has its name, whatever its case, of a kind that carries no marks.
pub(super) fn named(
    wanted: &[&Attributes],
    found: &[Observed],
    name: &str,
) -> Result<Vec<Vec<Observed>>, Error> {
    let of_name = |attributes: &&Attributes| {
        let wanted = required(attributes, name)?;
        let is_it = |seen: &&Observed| {
            let text = seen.text(name);
            text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        Ok(found.iter().filter(is_it).cloned().collect())
    };
    wanted.iter().map(of_name).collect()
}

/// An address in the one spelling that there is of it here; APIs know several. What is none stays.
pub(super) fn spelled(address: &str) -> String {
    let parsed = address.trim().parse::<IpAddr>();
    parsed.map_or_else(|_| address.to_owned(), |address| address.to_string())
}
