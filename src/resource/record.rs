//! DNS records: those that lead a name to a server, and what else names say.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use serde_json::Value as Json;

use crate::config::Spanned;
use crate::model::{Address, Attributes, Observed, Place, Value};

use super::{
    Attribute, Kind, OnChange, PLAIN, attribute, known_text, only_if_asked, record_checks,
    reserved_ip, server, show, text,
};

/// The zone it is in.
pub const ZONE: &str = "zone";
/// The whole name, lower case, in ASCII, without the final dot.
pub const NAME: &str = "name";
/// `A`, `AAAA`, …
pub const TYPE: &str = "type";
/// What it says, in the form of [`crate::model::RecordData`]: an address, for A and AAAA.
pub const DATA: &str = "data";
/// Whether more than one address of its name and type is asked for.
pub const SEVERAL: &str = "several";
/// For how many seconds whoever asked may go on with the answer.
pub const TTL: &str = "ttl";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "record",
    attributes: ATTRIBUTES,
    natural_key: &[ZONE, NAME, TYPE, DATA],
    name_of: |attributes| {
        let (name, record_type) = (known_text(attributes, NAME)?, known_text(attributes, TYPE)?);
        Some(format!("{name}/{record_type}"))
    },
    remembered_for: Some(TTL),
    label: |name, attributes| match (text(attributes, NAME), text(attributes, TYPE)) {
        ("", _) | (_, "") => name.replacen('/', " ", 1),
        // Of several values the address has a number besides.
        (name, record_type) => format!("{name} {record_type}"),
    },
    detail,
    removed: |attributes| format!("→ {}", short(text(attributes, DATA))),
    stands_at,
    evicts: record_checks::evicted,
    changed,
    check: record_checks::check,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(ZONE, "zone", OnChange::Identity),
    attribute(NAME, "name", OnChange::Identity),
    attribute(TYPE, "type", OnChange::Identity),
    attribute(DATA, "data", OnChange::Update),
    attribute(SEVERAL, "being one of several", OnChange::Manner),
    // Unasked it is what it is.
    only_if_asked(TTL, "TTL", OnChange::Update),
];

/// The address of the record of a type that a name has; of several, of the first.
#[must_use]
pub fn address(name: &str, record_type: &str) -> Address {
    Address::new(KIND.name, &format!("{name}/{record_type}"))
}

/// The addresses of all records of a type that a name can have: `record.acme.com/MX`,
/// `record.acme.com/MX/2`, … Which value has which is decided once, and the state knows it.
pub fn addresses(name: &str, record_type: &str) -> impl Iterator<Item = Address> + use<> {
    let further = (2..).map(move |number| format!("/{number}"));
    let numbers = std::iter::once(String::new()).chain(further);
    let name = format!("{name}/{record_type}");
    numbers.map(move |number| Address::new(KIND.name, &format!("{name}{number}")))
}

/// How much of a text a line shows.
const SHOWN: usize = 72;

/// The beginning of what a record says: a key for mail is a page of it.
fn short(data: &str) -> String {
    match data.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", data.get(..end).unwrap_or_default()),
        None => data.to_owned(),
    }
}

fn detail(attributes: &Attributes<Value>) -> String {
    let data = attributes.get(DATA).map(show).unwrap_or_default();
    let ttl = attributes.get(TTL).map(show);
    let ttl = ttl.map_or_else(String::new, |ttl| format!(" · TTL {ttl} s"));
    format!("→ {}{ttl}", short(&data))
}

fn changed(attribute: &str, before: &Json, after: &Value, _: &Attributes<Value>) -> String {
    let before = show(&Value::Known(before.clone()));
    let after = show(after);
    match attribute {
        TTL => format!("TTL {before} → {after} s"),
        _ => format!("{} → {}", short(&before), short(&after)),
    }
}

/// A CNAME is alone with its name.
fn stands_at(attributes: &Attributes<Value>) -> Option<(String, bool)> {
    let name = text(attributes, NAME);
    (!name.is_empty()).then(|| (name.to_owned(), text(attributes, TYPE) == "CNAME"))
}

/// Those of `observed` that lead to a public address which no server of `observed` has: whoever is
/// given it next is given the name. It may be another provider's or a load balancer's, or reserved
/// where nobody looked.
#[must_use]
pub fn leading_nowhere(observed: &[Observed]) -> Vec<&Observed> {
    let servers = observed
        .iter()
        .filter(|seen| seen.kind == server::KIND.name);
    let mut held: HashSet<IpAddr> = servers.flat_map(server::addresses).collect();
    let reserved = observed
        .iter()
        .filter(|seen| seen.kind == reserved_ip::KIND.name);
    held.extend(reserved.filter_map(|seen| seen.text(reserved_ip::IP)?.parse::<IpAddr>().ok()));
    let records = observed.iter().filter(|seen| seen.kind == KIND.name);
    let leads_nowhere = |record: &&Observed| {
        let address = record.text(DATA).and_then(|data| data.parse().ok());
        let is_address = matches!(record.text(TYPE), Some("A" | "AAAA"));
        is_address && address.is_some_and(|address| is_public(address) && !held.contains(&address))
    };
    records.filter(leads_nowhere).collect()
}

/// Whether it is not one of those that mean something else in every network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => {
            let is_local = v6.is_unique_local() || v6.is_unicast_link_local();
            !(is_local || v6.is_loopback() || v6.is_unspecified())
        }
    }
}

/// What a record of `record_type` for `name` in `zone` consists of.
pub(super) fn attributes(
    zone: Value,
    name: &str,
    record_type: &str,
    data: Value,
) -> Attributes<Value> {
    Attributes::from([
        (ZONE, zone),
        (NAME, name.into()),
        (TYPE, record_type.into()),
        (DATA, data),
    ])
}

/// Adds a time to live, if one is asked for; gives where that is.
pub(super) fn with_ttl(
    attributes: &mut Attributes<Value>,
    ttl: Option<&Spanned<u64>>,
) -> BTreeMap<&'static str, Place> {
    let Some(ttl) = ttl else {
        return BTreeMap::new();
    };
    attributes.insert(TTL, ttl.value.into());
    BTreeMap::from([(TTL, ttl.place.clone())])
}
