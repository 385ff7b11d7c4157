//! What has to hold between the records that are wanted and what the accounts hold.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use crate::model::{
    Address, Capabilities, Desired, Diagnostic, Observed, Origin, RecordData, Value,
};

use super::record::{DATA, KIND, NAME, TTL, TYPE, ZONE};
use super::{Evicted, Facts, domain, reserved_ip, server};

/// Whatever else a name leads to stops the plan: two answers to one question are a fault that
/// shows up only now and then, and only to some. So does what an account cannot have.
pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    rules(facts, found);
    let exclusive = Exclusive::of(facts);
    let others = strangers(facts).map(|(_, other)| other);
    let others = others.filter(|other| exclusive.fate(other) != Fate::Goes);
    let others: Vec<&Observed> = others.collect();
    // Mostly so, and then none of what follows need be known.
    if others.is_empty() {
        return;
    }
    let wanted = Wanted::of(facts);
    let servers = server_addresses(facts);
    let leaving = addresses_given_back(facts);
    let mut unnamed = BTreeMap::new();
    for other in others {
        let (Some(name), Some(record_type)) = (other.text(NAME), other.text(TYPE)) else {
            continue;
        };
        let data = other.text(DATA).unwrap_or_default();
        // Another account's zone of that name answers somebody else, if anybody.
        let mut of_name = wanted.planned(name, &other.account);
        if is_leading(record_type) {
            match of_name.find(|wanted| wanted.text(TYPE).is_some_and(is_leading)) {
                Some(wanted) if leads_to_namesake(facts, wanted, other, &servers) => {}
                Some(leading) if wanted.says(facts, other) => {
                    found.push(copy(name, other).at(leading.place.clone()));
                }
                Some(wanted) => {
                    let place = wanted.place.clone();
                    found.push(conflict(name, record_type, other, &servers).at(place));
                }
                None => {
                    let server = leaving.get(data);
                    found.extend(server.map(|server| dangling(name, record_type, other, server)));
                    let beside = wanted.planned(name, &other.account).next();
                    found.extend(beside.filter(|_| record_type == "CNAME").map(|wanted| {
                        conflict(name, record_type, other, &servers).at(wanted.place.clone())
                    }));
                }
            }
        } else if let Some(cname) = of_name.find(|wanted| wanted.text(TYPE) == Some("CNAME")) {
            found.push(beside_cname(name, other).at(cname.place.clone()));
        } else if let Some(same) = wanted.same(other) {
            if wanted.says(facts, other) {
                found.push(copy(name, other).at(same.place.clone()));
            }
            let ttl = same.attributes.get(TTL).and_then(Value::known);
            let is = other.attributes.get(TTL);
            if ttl.zip(is).is_some_and(|(ttl, is)| ttl != is) {
                found.push(another_ttl(same, other));
            } else if !wanted.says(facts, other) && !facts.recorded.contains_key(&same.address) {
                let of_name = unnamed.entry(&same.address).or_insert((same, Vec::new()));
                of_name.1.push(data);
            }
        }
    }
    found.extend(unnamed.into_values().map(beside_others));
}

fn is_leading(record_type: &str) -> bool {
    matches!(record_type, "A" | "AAAA" | "CNAME")
}

/// Records that no address is bound to and no state knows, each with its place.
fn strangers<'a>(facts: &Facts<'a>) -> impl Iterator<Item = (usize, &'a Observed)> + use<'a> {
    let recorded = facts.recorded.values();
    let recorded: HashSet<(&str, &str)> = recorded
        .filter(|recorded| recorded.address.kind() == KIND.name)
        .map(|recorded| (recorded.account.as_str(), recorded.id.as_str()))
        .collect();
    let is_known = move |other: &Observed| {
        let known = (&*other.account, other.id.as_str());
        recorded.contains(&known)
    };
    let unbound = facts.unbound_with_places(KIND.name);
    unbound.filter(move |(_, other)| !is_known(other))
}

/// What is asked for, by name. What is left out of the plan is asked for all the same: it can be
/// said already, and only what it would need is no matter of this plan.
struct Wanted<'a> {
    by_name: HashMap<&'a str, Vec<&'a Desired>>,
    left_out: &'a HashSet<&'a Address>,
}

impl<'a> Wanted<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        let mut by_name: HashMap<&str, Vec<&Desired>> = HashMap::new();
        for desired in facts.desired {
            if desired.address.kind() == KIND.name
                && let Some(name) = desired.text(NAME)
            {
                by_name.entry(name).or_default().push(desired);
            }
        }
        Self {
            by_name,
            left_out: facts.left_out,
        }
    }

    /// What is planned of a name in an account.
    fn planned<'s>(
        &'s self,
        name: &str,
        account: &'s str,
    ) -> impl Iterator<Item = &'a Desired> + use<'a, 's> {
        let of_name = self.by_name.get(name).into_iter().flatten().copied();
        let of_name = of_name.filter(|wanted| !self.left_out.contains(&wanted.address));
        of_name.filter(move |wanted| wanted.account == account)
    }

    /// What is wanted of the name and type of a record, in its account.
    fn each<'s>(&'s self, other: &'s Observed) -> impl Iterator<Item = &'a Desired> + use<'a, 's> {
        let of_name = other.text(NAME).and_then(|name| self.by_name.get(name));
        let of_name = of_name.into_iter().flatten().copied();
        of_name.filter(|wanted| {
            *wanted.account == *other.account && wanted.text(TYPE) == other.text(TYPE)
        })
    }

    /// What is planned of these.
    fn same(&self, other: &Observed) -> Option<&'a Desired> {
        let mut same = self.each(other);
        same.find(|wanted| !self.left_out.contains(&wanted.address))
    }

    /// Whether a record says just what is wanted of its name and type.
    fn says(&self, facts: &Facts<'a>, other: &Observed) -> bool {
        self.each(other).any(|wanted| {
            let data = wanted.attributes.get(DATA);
            let data = data.and_then(|data| facts.resolve(data));
            let is_wanted = !facts.unwanted.contains(&wanted.address);
            is_wanted && data.is_some() && data.as_deref() == other.attributes.get(DATA)
        })
    }
}

/// What an account cannot have, each at its place.
fn rules(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for wanted in facts.planned() {
        let account = facts.accounts.get(&wanted.account);
        if wanted.address.kind() != KIND.name {
            continue;
        }
        if let Some(account) = account
            && let Some(refusal) = against_rules(wanted, account.capabilities)
        {
            found.push(refusal);
        }
    }
}

fn against_rules(wanted: &Desired, capabilities: &Capabilities) -> Option<Diagnostic> {
    let rules = capabilities.records;
    let (account, provider) = (&wanted.account, capabilities.provider);
    let (name, record_type) = (wanted.text(NAME)?, wanted.text(TYPE)?);
    let elsewhere = "take it out, or give the zone another account: `provider` under `domains`";
    if !rules.types.contains(&record_type) {
        return Some(
            Diagnostic::error(format!("account `{account}` has no {record_type} records"))
                .detail(format!(
                    "so {name} {record_type} cannot be made there; {provider} has {}",
                    rules.types.join(", ")
                ))
                .hint(elsewhere)
                .at(wanted.place.clone()),
        );
    }
    // Of a zone that is yet to be made, the address is its name.
    let zone = wanted.attributes.get(ZONE)?;
    let zone = match zone {
        Value::Reference(reference) => reference.address.name(),
        zone => zone.known()?.as_str()?,
    };
    if record_type == "NS" && zone == name && !rules.own_ns {
        return Some(
            Diagnostic::error(format!("the NS records of {zone} itself are {provider}'s"))
                .detail("they can be neither made nor changed")
                .hint("take them out; those of zones below it can be made")
                .at(wanted.place.clone()),
        );
    }
    let ttl = wanted.known(TTL).and_then(serde_json::Value::as_u64);
    if let Some(ttl) = ttl.filter(|ttl| *ttl < rules.least_ttl) {
        let least = rules.least_ttl;
        return Some(
            Diagnostic::error(format!("{name} {record_type} asks for a `ttl` of {ttl} s"))
                .detail(format!("{provider} takes {least} s at the least"))
                .hint(format!("write {least} or more"))
                .at(wanted.place_of(TTL)),
        );
    }
    // An address has no fewer bytes.
    let shortest = Json::from("1.1.1.1");
    let text = match wanted.attributes.get(DATA)? {
        Value::Template(template) => template.filled(|_| Some(&shortest))?,
        known => known.known()?.clone(),
    };
    let wrong = match RecordData::parse(record_type, text.as_str()?)? {
        RecordData::Text(text) => wrong_text(&text, capabilities),
        RecordData::Issuer { tag, value, .. } => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let is_more = tag != "iodef" && !value.chars().all(is_name);
            let is_refused = !rules.issuer_parameters && is_more;
            is_refused.then(|| format!("{provider} takes the name of an issuer alone"))
        }
        _ => None,
    };
    wrong.map(|why| {
        Diagnostic::error(format!(
            "{name} {record_type} cannot be made in `{account}`"
        ))
        .detail(why)
        .hint(elsewhere)
        .at(wanted.place_of(DATA))
    })
}

fn wrong_text(text: &str, capabilities: &Capabilities) -> Option<String> {
    let (rules, provider) = (capabilities.records, capabilities.provider);
    if let Some(stray) = text.chars().find(|c| rules.not_in_texts.contains(c)) {
        return Some(format!(
            "{provider} does not keep a `{stray}` in a text as it is"
        ));
    }
    (text.len() > rules.longest_text).then(|| {
        let (is, most) = (text.len(), rules.longest_text);
        format!("it has {is} bytes; {provider} takes {most} at the most")
    })
}

/// What becomes of a record that nobody named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Its zone is exclusive.
    Goes,
    /// Its zone is exclusive, and another deployment looks after it.
    IsAnothers,
}

/// The zones in which nothing stays that nobody named.
struct Exclusive<'a> {
    zones: HashSet<(&'a str, &'a str)>,
    /// Those of them whose own NS records are named.
    with_ns: HashSet<&'a str>,
    /// The addresses of servers of other deployments.
    of_others: HashSet<&'a str>,
    lineage: Option<&'a str>,
}

impl<'a> Exclusive<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        let named = facts.planned().filter(|wanted| {
            let exclusive = wanted.known(domain::EXCLUSIVE);
            exclusive == Some(&true.into())
        });
        let zones =
            named.filter_map(|zone| Some((zone.account.as_str(), zone.text(domain::NAME)?)));
        let mut zones: HashSet<(&str, &str)> = zones.collect();
        // What takes its place may be in the other part.
        if !facts.left_out.is_empty() {
            zones.clear();
        }
        if zones.is_empty() {
            return Self {
                zones,
                with_ns: HashSet::new(),
                of_others: HashSet::new(),
                lineage: facts.lineage,
            };
        }
        let ns = facts.desired.iter();
        let ns = ns.filter(|wanted| wanted.text(TYPE) == Some("NS"));
        let lineage = facts.lineage;
        let of_others = facts.of_kind(server::KIND.name).filter(|server| {
            let mut owners = server.owners.iter();
            owners.any(|owner| Some(owner.as_str()) != lineage)
        });
        let addresses = [server::IPV4_ADDRESS, server::IPV6_ADDRESS];
        Self {
            zones,
            with_ns: ns.filter_map(|wanted| wanted.text(NAME)).collect(),
            of_others: of_others
                .flat_map(|server| addresses.iter().filter_map(|name| server.text(name)))
                .collect(),
            lineage,
        }
    }

    /// What becomes of a record that no address is bound to and no state knows.
    fn fate(&self, other: &Observed) -> Fate {
        let (Some(zone), Some(record_type)) = (other.text(ZONE), other.text(TYPE)) else {
            return Fate::Stays;
        };
        let is_own_ns = record_type == "NS" && other.text(NAME) == Some(zone);
        let is_kept = record_type == "SOA" || is_own_ns && !self.with_ns.contains(zone);
        if is_kept || !self.zones.contains(&(&*other.account, zone)) {
            return Fate::Stays;
        }
        let mut owners = other.owners.iter();
        let leads = other
            .text(DATA)
            .is_some_and(|data| self.of_others.contains(data));
        match leads || owners.any(|owner| Some(owner.as_str()) != self.lineage) {
            true => Fate::IsAnothers,
            false => Fate::Goes,
        }
    }
}

/// What nobody named in a zone that is exclusive. What can be told to be another deployment's stays.
pub(super) fn evicted(facts: &Facts<'_>, notes: &mut Vec<Diagnostic>) -> Vec<Evicted> {
    let exclusive = Exclusive::of(facts);
    if exclusive.zones.is_empty() {
        return Vec::new();
    }
    let mut evicted = Vec::new();
    for (at, other) in strangers(facts) {
        let zone = other.text(ZONE).unwrap_or_default();
        match exclusive.fate(other) {
            Fate::Stays => {}
            Fate::IsAnothers => notes.push(
                Diagnostic::note(format!(
                    "{} stays, though {zone} is exclusive",
                    shown(other)
                ))
                .detail("another deployment looks after it, or after the server it leads to"),
            ),
            Fate::Goes => evicted.push(Evicted {
                at,
                from: domain::address(zone),
                why: format!("not in cloud.json, and {zone} is exclusive"),
                loses: "what it says",
            }),
        }
    }
    evicted
}

/// `www.acme.com A → 192.0.2.1`
fn shown(record: &Observed) -> String {
    let text = |name: &str| record.text(name).unwrap_or_default();
    format!("{} {} → {}", text(NAME), text(TYPE), text(DATA))
}

fn copy(name: &str, other: &Observed) -> Diagnostic {
    let record_type = other.text(TYPE).unwrap_or_default();
    Diagnostic::warning(format!("{name} has the same {record_type} record twice"))
        .detail(format!("record {} is a copy and is left alone", other.id))
}

fn beside_cname(name: &str, other: &Observed) -> Diagnostic {
    Diagnostic::error(format!("{name} has other records, and cannot be a CNAME"))
        .detail(format!(
            "record {} in the account: {}",
            other.id,
            shown(other)
        ))
        .hint("delete that record if it is not needed, or take the CNAME out of cloud.json")
}

/// To set the one would set the other, which is not ours.
fn another_ttl(wanted: &Desired, other: &Observed) -> Diagnostic {
    let text = |name| wanted.text(name).unwrap_or_default();
    let seconds =
        |ttl: Option<&serde_json::Value>| ttl.map_or_else(String::new, ToString::to_string);
    Diagnostic::error(format!(
        "{} {} would have records with different TTLs",
        text(NAME),
        text(TYPE)
    ))
    .detail(format!(
        "record {} in the account, which cloud.json does not name, has {} s, and all of one name and \
         type have one: {}",
        other.id,
        seconds(other.attributes.get(TTL)),
        shown(other)
    ))
    .hint("name that record in cloud.json too, or ask for its TTL")
    .at(wanted.place_of(TTL))
}

/// Said once, before the first of them is made.
fn beside_others((wanted, others): (&Desired, Vec<&str>)) -> Diagnostic {
    let text = |name| wanted.text(name).unwrap_or_default();
    Diagnostic::note(format!(
        "{} {} has values that cloud.json does not name, and keeps them",
        text(NAME),
        text(TYPE)
    ))
    .detail(others.join(", "))
    .at(wanted.place.clone())
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
    let is_server = to.address.kind() == server::KIND.name;
    is_server && facts.bound(&to.address).is_none() && leads_to == Some(&to.address.name())
}

/// The addresses of servers that are to go, or are gone already, and reserved ones that are given up.
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
        if address.kind() == reserved_ip::KIND.name
            && !stays
            && recorded.origin == Origin::Created
            && let Some(data) = recorded.text(reserved_ip::IP)
        {
            given_back.insert(data, address.name());
        }
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
