//! DNS records that lead a name to a server.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::model::{Address, Attributes, Desired, Diagnostic, Observed, Recorded, Value};

use super::{
    Attribute, Facts, Kind, OnChange, Removal, attribute, free, from_to, known_text,
    never_permanent, server, show, text,
};

/// The zone it is in.
pub const ZONE: &str = "zone";
/// The whole name, lower case, in ASCII, without the final dot.
pub const NAME: &str = "name";
/// `A`, `AAAA`, …
pub const TYPE: &str = "type";
/// What the name leads to: an address, for A and AAAA.
pub const DATA: &str = "data";
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
    marked: false,
    protected_by: None,
    destroyed_first: |_| false,
    remembered_for: Some(TTL),
    forgotten_at: None,
    referred: &[],
    probed: None,
    loses: None,
    kept_unless_allowed: false,
    written_back: None,
    label: |name, _| name.replacen('/', " ", 1),
    detail: |attributes| format!("→ {}", attributes.get(DATA).map(show).unwrap_or_default()),
    removed: |attributes| format!("→ {}", text(attributes, DATA)),
    permanent: never_permanent,
    changed: from_to,
    outcome: |_| String::new(),
    lingers: false,
    priced_by: &[],
    price: free,
    check,
    removal: |_: &Recorded, _: &Facts<'_>| Removal::Delete,
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(ZONE, "zone", OnChange::Identity),
    attribute(NAME, "name", OnChange::Identity),
    attribute(TYPE, "type", OnChange::Identity),
    attribute(DATA, "data", OnChange::Update),
    attribute(TTL, "TTL", OnChange::Seen),
];

/// The address of the record of a type that a name has.
#[must_use]
pub fn address(name: &str, record_type: &str) -> Address {
    Address::new(KIND.name, &format!("{name}/{record_type}"))
}

/// Whatever else a name leads to stops the plan: two answers to one question are a fault that
/// shows up only now and then, and only to some.
fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let leads_somewhere = |other: &&Observed| {
        let record_type = other.text(TYPE);
        matches!(record_type, Some("A" | "AAAA" | "CNAME"))
    };
    let others: Vec<&Observed> = facts.unbound(KIND.name).filter(leads_somewhere).collect();
    // Mostly so, and then none of what follows need be known.
    if others.is_empty() {
        return;
    }
    let of_our_names = wanted_names(facts);
    let recorded: HashSet<(&str, &str)> = facts
        .recorded
        .values()
        .filter(|recorded| recorded.address.kind() == KIND.name)
        .map(|recorded| (recorded.account.as_str(), recorded.id.as_str()))
        .collect();
    let servers = server_addresses(facts);
    let leaving = addresses_given_back(facts);
    for other in others {
        let Some(name) = other.text(NAME) else {
            continue;
        };
        if recorded.contains(&(&*other.account, other.id.as_str())) {
            continue;
        }
        let record_type = other.text(TYPE).unwrap_or_default();
        let data = other.text(DATA).unwrap_or_default();
        // Another account's zone of that name answers somebody else, if anybody.
        let wanted = of_our_names.get(name);
        let Some(wanted) = wanted.filter(|wanted| *wanted.account == *other.account) else {
            found.extend(
                leaving
                    .get(data)
                    .map(|server| dangling(name, record_type, other, server)),
            );
            continue;
        };
        if leads_to_namesake(facts, wanted, other, &servers) {
            continue;
        }
        let place = wanted.place.clone();
        if is_right(facts, name, record_type, other) {
            found.push(
                Diagnostic::warning(format!("{name} has the same {record_type} record twice"))
                    .detail(format!("record {} is a copy and is left alone", other.id))
                    .at(place),
            );
        } else {
            found.push(conflict(name, record_type, other, &servers).at(place));
        }
    }
}

/// Whether a record leads to a server that has the wanted server's name and is not known to be it:
/// that is an error of its own, and to delete the record would be the wrong advice.
fn leads_to_namesake(
    facts: &Facts<'_>,
    wanted: &Desired,
    other: &Observed,
    servers: &HashMap<&str, &str>,
) -> bool {
    let Some(Value::Reference(to)) = wanted.attributes.get(DATA) else {
        return false;
    };
    let leads_to = other.text(DATA).and_then(|data| servers.get(data));
    facts.bound(&to.address).is_none() && leads_to == Some(&to.address.name())
}

/// The addresses of servers that are to go, or are gone already.
fn addresses_given_back<'a>(facts: &Facts<'a>) -> HashMap<&'a str, &'a str> {
    // An address given back earlier may be another server's by now.
    let mut holders = HashMap::new();
    for server in facts.of_kind(server::KIND.name) {
        for attribute in [server::IPV4_ADDRESS, server::IPV6_ADDRESS] {
            if let Some(data) = server.text(attribute) {
                holders.insert(data, server.id.as_str());
            }
        }
    }
    let mut given_back = HashMap::new();
    for recorded in facts.recorded.values() {
        let address = &recorded.address;
        let stays = facts.wanted.contains_key(address) && !facts.replaced.contains(address);
        let stays = stays || facts.left_out.contains(address);
        if address.kind() != server::KIND.name || stays {
            continue;
        }
        for attribute in [server::IPV4_ADDRESS, server::IPV6_ADDRESS] {
            if let Some(data) = recorded.text(attribute)
                && holders.get(data).is_none_or(|&id| id == recorded.id)
            {
                given_back.insert(data, recorded.text(server::NAME).unwrap_or(address.name()));
            }
        }
    }
    given_back
}

/// Somebody else's record is not ours to delete, but whoever gets the address next gets the name.
fn dangling(name: &str, record_type: &str, other: &Observed, server: &str) -> Diagnostic {
    let data = other.text(DATA).unwrap_or_default();
    Diagnostic::warning(format!(
        "{name} leads to {server}, whose address is given back"
    ))
    .detail(format!(
        "record {} is not in the state and is left alone: {name} {record_type} → {data}",
        other.id
    ))
    .hint("delete that record too: whoever is given the address next is given the name")
}

fn conflict(
    name: &str,
    record_type: &str,
    other: &Observed,
    servers: &HashMap<&str, &str>,
) -> Diagnostic {
    let data = other.text(DATA).unwrap_or_default();
    let whose = servers
        .get(data)
        .map(|server| format!(", server {server}"))
        .unwrap_or_default();
    Diagnostic::error(format!("{name} already leads elsewhere"))
        .detail(format!(
            "record {} in the account: {name} {record_type} → {data}{whose}",
            other.id
        ))
        .hint("delete that record if it is not needed, or take the name out of cloud.json")
}

/// The names asked for.
fn wanted_names<'a>(facts: &Facts<'a>) -> HashMap<&'a str, &'a Desired> {
    let mut names = HashMap::new();
    for desired in facts.planned() {
        if desired.address.kind() == KIND.name
            && let Some(name) = desired.text(NAME)
        {
            names.entry(name).or_insert(desired);
        }
    }
    names
}

/// Whether `other` says just what the wanted record of its name and type says.
fn is_right(facts: &Facts<'_>, name: &str, record_type: &str, other: &Observed) -> bool {
    let address = address(name, record_type);
    let Some(desired) = facts.wanted.get(&address) else {
        return false;
    };
    let data = desired
        .attributes
        .get(DATA)
        .and_then(|value| facts.resolve(value));
    !facts.unwanted.contains(&address)
        && data.is_some()
        && data.as_deref() == other.attributes.get(DATA)
}

fn server_addresses<'a>(facts: &Facts<'a>) -> HashMap<&'a str, &'a str> {
    let mut servers = HashMap::new();
    for server in facts.of_kind(server::KIND.name) {
        let name = server.text(server::NAME).unwrap_or(&server.id);
        for attribute in [server::IPV4_ADDRESS, server::IPV6_ADDRESS] {
            if let Some(address) = server.text(attribute) {
                servers.insert(address, name);
            }
        }
    }
    servers
}

/// Those of `observed` that lead to a public address which no server of `observed` has: whoever is
/// given it next is given the name. It may be another provider's, a load balancer's or a reserved
/// one.
#[must_use]
pub fn leading_nowhere(observed: &[Observed]) -> Vec<&Observed> {
    let servers = observed
        .iter()
        .filter(|seen| seen.kind == server::KIND.name);
    let held: HashSet<IpAddr> = servers.flat_map(server::addresses).collect();
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
