//! DNS zones, and which of them a name belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::model::{Address, Observed, Origin, Recorded};

use super::{Attribute, Facts, Kind, OnChange, PLAIN, Removal, attribute, known_text, record};

/// Its name: `acme.com`.
pub const NAME: &str = "name";
/// Whether records in it that nobody named go.
pub const EXCLUSIVE: &str = "exclusive";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "domain",
    attributes: ATTRIBUTES,
    natural_key: &[NAME],
    name_of: |attributes| known_text(attributes, NAME),
    orphaned,
    detail: |_| "new zone".to_owned(),
    described: Some(|_| String::new()),
    removed: |_| "empty zone".to_owned(),
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::Identity),
    attribute(EXCLUSIVE, "exclusiveness", OnChange::Manner),
];

/// The address of a zone.
#[must_use]
pub fn address(zone: &str) -> Address {
    Address::new(KIND.name, zone)
}

/// The longest of `zones` that `name` lies in.
///
/// ```
/// use cloudbuilder::resource::domain::zone_of;
///
/// let zones = ["acme.com".to_owned(), "eu.acme.com".to_owned()].into();
/// assert_eq!(zone_of("www.eu.acme.com", &zones), Some("eu.acme.com"));
/// assert_eq!(zone_of("acme.com", &zones), Some("acme.com"));
/// assert_eq!(zone_of("notacme.com", &zones), None);
/// ```
#[must_use]
pub fn zone_of<'a>(name: &'a str, zones: &BTreeSet<String>) -> Option<&'a str> {
    let starts = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
    // Longer suffixes come first.
    starts
        .filter_map(|start| name.get(start..))
        .find(|suffix| zones.contains(*suffix))
}

/// The part of `name` that someone can register, by the public suffix list: `acme.co.uk`.
#[must_use]
pub fn registrable(name: &str) -> Option<&str> {
    psl::domain_str(name)
}

/// One that holds a recorded name is asked for by that.
fn orphaned(zone: &Observed, recorded: &BTreeMap<Address, Recorded>) -> bool {
    let is_in = |recorded: &Recorded| {
        recorded.address.kind() == record::KIND.name
            && *recorded.account == *zone.account
            && recorded.text(record::ZONE) == zone.text(NAME)
    };
    !recorded.values().any(is_in)
}

/// A zone goes only if we made it and nobody put anything into it.
fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == Origin::Found {
        return Removal::Keep("it was in the account before".to_owned());
    }
    let zone = recorded.text(NAME).unwrap_or_default();
    let ours: BTreeSet<&str> = facts
        .recorded
        .values()
        .filter(|other| {
            other.address.kind() == record::KIND.name && other.account == recorded.account
        })
        .map(|other| other.id.as_str())
        .collect();
    let others = facts
        .of_kind(record::KIND.name)
        .filter(|other| {
            *other.account == *recorded.account && other.text(record::ZONE) == Some(zone)
        })
        .filter(|other| !ours.contains(other.id.as_str()))
        .filter(|other| {
            let kind = other.attributes.get(record::TYPE).and_then(Json::as_str);
            !matches!(kind, Some("SOA" | "NS"))
        })
        .count();
    match others {
        0 => Removal::Delete,
        1 => Removal::Keep("it holds a record that is not ours".to_owned()),
        _ => Removal::Keep(format!("it holds {others} records that are not ours")),
    }
}
