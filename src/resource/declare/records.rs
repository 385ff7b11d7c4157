//! The records that cloud.json names.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::config::{Record, Spanned};
use crate::model::{Address, Desired, Diagnostic, Recorded, Value};

use super::{Declaration, dns_of, references, zones};
use crate::resource::{domain, kind, record, reserved_ip, server, show};

/// What is recorded of a name and type.
type ByName<'a> = HashMap<(&'a str, &'a str), Vec<&'a Recorded>>;

impl<'a> Declaration<'a> {
    pub(super) fn named_records(&mut self, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        let mut recorded = ByName::new();
        for one in self.setting.recorded.values() {
            if one.address.kind() == record::KIND.name
                && let Some(name) = one.text(record::NAME)
                && let Some(record_type) = one.text(record::TYPE)
            {
                recorded.entry((name, record_type)).or_default().push(one);
            }
        }
        let mut homes: HashMap<&str, Option<(String, Value)>> = HashMap::new();
        for wanted in records {
            let zone = wanted.zone.value.as_str();
            if !homes.contains_key(zone) {
                let home = self.home_of_zone(&wanted.zone);
                homes.insert(zone, home);
            }
            let Some(Some((account, zone))) = homes.get(zone) else {
                continue;
            };
            let key = (wanted.name.value.as_str(), wanted.record_type.value);
            let known = recorded.get(&key).map(Vec::as_slice).unwrap_or_default();
            let addresses = addresses(wanted, known, self.setting.recorded);
            for (value, address) in wanted.values.iter().zip(addresses) {
                let data = meant(&value.value);
                if let Some(wrong) = no_such_address(wanted, &data) {
                    self.out.notes.push(wrong.at(value.place.clone()));
                    continue;
                }
                let mut attributes = record::attributes(zone.clone(), key.0, key.1, data);
                if wanted.values.len() > 1 && matches!(key.1, "A" | "AAAA") {
                    attributes.insert(record::SEVERAL, true.into());
                }
                let places = record::with_ttl(&mut attributes, wanted.ttl.as_ref());
                self.push(Desired {
                    address,
                    account: account.clone(),
                    attributes,
                    only_if: None,
                    follows: Vec::new(),
                    place: Some(value.place.clone()),
                    places,
                });
            }
        }
    }

    /// The account of a zone that is named: the one that `domains` says, else the one that has it,
    /// else the default one, in which it is made.
    fn home_of_zone(&mut self, zone: &Spanned<String>) -> Option<(String, Value)> {
        let name = zone.value.as_str();
        let of = |all: &zones::Zones| -> Vec<String> {
            let holders = all.iter().filter(|(_, zones)| zones.contains(name));
            holders.map(|(account, _)| account.clone()).collect()
        };
        let mut holders = of(&self.declared);
        if holders.is_empty() {
            holders = of(&self.managed);
        }
        let account = match holders.is_empty() {
            true => self.account_of_new_zone(zone)?,
            false => self.choose(name, &holders, zone)?,
        };
        let zones = self.managed.entry(account.clone()).or_default();
        zones.insert(name.to_owned());
        let value = self.domain_value(&account, name, zone);
        Some((account, value))
    }

    fn account_of_new_zone(&mut self, zone: &Spanned<String>) -> Option<String> {
        let view = self.setting.accounts.get(self.fallback);
        if view.is_none_or(|view| view.capabilities.kinds.contains(&domain::KIND.name)) {
            return Some(dns_of(self.setting, self.fallback).to_owned());
        }
        self.out.notes.push(
            Diagnostic::error(format!("there is no account for the zone {}", zone.value))
                .detail(format!(
                    "account `{}` offers no zones, and none that does has {}",
                    self.fallback, zone.value
                ))
                .hint(format!(
                    "name {} under `domains`, with the `provider` it shall be in",
                    zone.value
                ))
                .at(zone.place.clone()),
        );
        None
    }
}

/// The address of each value of a name and type: what says the same keeps the one that it has, and
/// what is new takes that of one that goes, which is changed to it. So a list may be put in another
/// order, and no name is without an answer while one value takes the place of another.
fn addresses(
    wanted: &Record,
    recorded: &[&Recorded],
    others: &BTreeMap<Address, Recorded>,
) -> Vec<Address> {
    let mut free: Vec<&Recorded> = recorded.to_vec();
    let values: Vec<Value> = wanted
        .values
        .iter()
        .map(|value| meant(&value.value))
        .collect();
    let mut chosen: Vec<Option<Address>> = vec![None; values.len()];
    // What says the same now keeps its address before what only speaks of the same others.
    let says_it = |value: &Value, one: &Recorded| {
        let says = value.resolve(|to| others.get(&to.address)?.attributes.get(&to.attribute));
        says.is_some() && says.as_deref() == one.attributes.get(record::DATA)
    };
    let speaks_of_it = |value: &Value, one: &Recorded| {
        let all = value.references();
        !all.is_empty() && all.iter().all(|to| one.refers_to.contains(&to.address))
    };
    for is_it in [
        &says_it as &dyn Fn(&Value, &Recorded) -> bool,
        &speaks_of_it,
    ] {
        for (value, chosen) in values.iter().zip(&mut chosen) {
            if chosen.is_none()
                && let Some(at) = free.iter().position(|one| is_it(value, one))
            {
                *chosen = Some(free.remove(at).address.clone());
            }
        }
    }
    let taken: HashSet<&Address> = recorded.iter().map(|one| &one.address).collect();
    let new = record::addresses(&wanted.name.value, wanted.record_type.value);
    let mut new = new.filter(|address| !taken.contains(address));
    let mut free = free.into_iter();
    let chosen = chosen.into_iter().filter_map(|chosen| {
        let of_one_that_goes = || free.next().map(|one| one.address.clone());
        chosen.or_else(of_one_that_goes).or_else(|| new.next())
    });
    chosen.collect()
}

/// That what an A or an AAAA takes from another resource is no address of its family.
fn no_such_address(wanted: &Record, data: &Value) -> Option<Diagnostic> {
    let Value::Reference(to) = data else {
        return None;
    };
    let record_type = wanted.record_type.value;
    let (family, words) = match record_type {
        "A" => (
            &[server::IPV4_ADDRESS, server::PRIVATE_IPV4][..],
            "`private_ipv4` or `public_ipv4` of a server, or `ip` of a reserved IP",
        ),
        "AAAA" => (&[server::IPV6_ADDRESS][..], "`public_ipv6` of a server"),
        _ => return None,
    };
    let is_unknown = kind(to.address.kind()).is_none_or(|(_, kind)| {
        // That is told as what it is, elsewhere.
        kind.attribute(&to.attribute).is_none()
    });
    let attribute = to.attribute.as_str();
    let is_right = match to.address.kind() {
        of if of == server::KIND.name => family.contains(&attribute),
        of => of == reserved_ip::KIND.name && record_type == "A" && attribute == reserved_ip::IP,
    };
    (!is_unknown && !is_right).then(|| {
        Diagnostic::error(format!(
            "{record_type} of {} cannot be {}",
            wanted.name.value,
            show(data)
        ))
        .hint(format!("{record_type} takes {words}"))
    })
}

/// A value, with what it takes from other resources in our words for that.
fn meant(value: &Value) -> Value {
    match value {
        Value::Template(template) => references::value(template.json().clone()),
        known => known.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::model::{Attributes, Origin, Place};

    fn spanned<T>(value: T) -> Spanned<T> {
        let place = Place {
            file: Arc::from("cloud.json"),
            range: 0..0,
            line: 1,
            column: 1,
        };
        Spanned::new(value, place)
    }

    fn recorded(address: &str, data: &str) -> Recorded {
        Recorded {
            address: Address::new("record", address),
            account: "default".to_owned(),
            id: address.to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: Attributes::from([(record::DATA, data.into())]),
            refers_to: Vec::new(),
            recorded_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn addressed(values: &[&str], known: &[(&str, &str)]) -> Vec<String> {
        let known: Vec<Recorded> = known.iter().map(|(at, data)| recorded(at, data)).collect();
        let wanted = Record {
            zone: spanned("acme.com".to_owned()),
            name: spanned("acme.com".to_owned()),
            record_type: spanned("TXT"),
            ttl: None,
            values: values.iter().map(|&value| spanned(value.into())).collect(),
        };
        let known: Vec<&Recorded> = known.iter().collect();
        let addresses = addresses(&wanted, &known, &BTreeMap::new());
        let names = addresses.iter().map(|address| address.name().to_owned());
        names.collect()
    }

    #[test]
    fn a_value_keeps_its_address() {
        let (first, second, third) = ("acme.com/TXT", "acme.com/TXT/2", "acme.com/TXT/3");
        assert_eq!(addressed(&["a", "b"], &[]), [first, second]);
        let both = [(first, "a"), (second, "b")];
        assert_eq!(addressed(&["b", "a"], &both), [second, first]);
        // What is left of a list stays where it is, and the next one fills the gap.
        assert_eq!(addressed(&["b"], &both), [second]);
        assert_eq!(addressed(&["c", "b"], &[(second, "b")]), [first, second]);
        // One that goes gives its address to one that comes.
        assert_eq!(addressed(&["b", "c"], &both), [second, first]);
        assert_eq!(addressed(&["x", "b", "c"], &both), [first, second, third]);
    }
}
