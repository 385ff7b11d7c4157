//! What others have made of what is recorded: how it differs from what was last applied, whatever
//! cloud.json asks for by now.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Observed, Recorded, Value};
use crate::resource::{Evicted, Facts, KINDS, Kind, OnChange, kind};

use super::decide::evicted_address;
use super::{Absence, Change};

/// Something that is not as it was last applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// Whose.
    pub address: Address,
    /// The kind it is listed under.
    pub kind: &'static str,
    /// What people call it.
    pub label: String,
    /// What became of it.
    pub what: Drifted,
}

/// What became of something.
#[derive(Clone, Debug, PartialEq)]
pub enum Drifted {
    /// It does not exist any more.
    Deleted,
    /// It has become another, in these attributes: what was applied is what was before.
    Changed(Vec<Change>),
}

impl Drift {
    /// What became of it, in words.
    #[must_use]
    pub fn words(&self) -> String {
        let changes = match &self.what {
            Drifted::Deleted => return "was deleted".to_owned(),
            Drifted::Changed(changes) => changes.iter(),
        };
        let Some((_, kind)) = kind(self.kind) else {
            return String::new();
        };
        let nothing = Attributes::new();
        let words = changes.map(|change| {
            (kind.changed)(&change.attribute, &change.before, &change.after, &nothing)
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Something that is where nothing is to be that cloud.json does not name. No state has it, so that
/// nobody knows since when it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// How a plan calls it, which deletes it.
    pub address: Address,
    /// The kind it is listed under.
    pub kind: &'static str,
    /// What people call it.
    pub label: String,
    /// What it is, and why it does not stay, in words.
    pub words: String,
}

/// All of it. Where a place was not applied yet nothing of it is: what is there belongs to what
/// cloud.json asks for.
pub(super) fn unnamed(facts: &Facts<'_>) -> Vec<Unnamed> {
    // What stays is for the plan to say.
    let mut notes = Vec::new();
    let mut unnamed = Vec::new();
    for kind in KINDS {
        for Evicted { at, from, why, .. } in (kind.evicts)(facts, &mut notes) {
            let seen = facts.observed.get(at);
            let Some(seen) = seen.filter(|_| facts.recorded.contains_key(&from)) else {
                continue;
            };
            let address = evicted_address(kind, seen);
            let attributes = seen.attributes.as_known();
            let words = [(kind.removed)(&attributes), why];
            let words = words.into_iter().filter(|words| !words.is_empty());
            unnamed.push(Unnamed {
                kind: kind.name,
                label: (kind.label)(address.name(), &attributes),
                address,
                words: words.collect::<Vec<_>>().join(" · "),
            });
        }
    }
    unnamed
}

/// All that differs, in the order of the addresses.
#[must_use]
pub fn drift(
    recorded: &BTreeMap<Address, Recorded>,
    observed: &[Observed],
    absent: &BTreeMap<Address, Absence>,
) -> Vec<Drift> {
    let seen: HashMap<(&str, &str, &str), &Observed> = observed
        .iter()
        .map(|seen| ((&*seen.account, seen.kind, seen.id.as_str()), seen))
        .collect();
    let drifted = recorded.values().filter_map(|recorded| {
        let address = &recorded.address;
        let (_, kind) = kind(address.kind())?;
        let place = (recorded.account.as_str(), kind.name, recorded.id.as_str());
        let what = match (seen.get(&place), absent.get(address)) {
            (Some(seen), _) => Drifted::Changed(changes(kind, recorded, seen)),
            (None, Some(Absence::Gone)) => Drifted::Deleted,
            (None, _) => return None,
        };
        let attributes = recorded.attributes.as_known();
        (what != Drifted::Changed(Vec::new())).then(|| Drift {
            address: address.clone(),
            kind: kind.name,
            label: (kind.label)(address.name(), &attributes),
            what,
        })
    });
    drifted.collect()
}

fn changes(kind: &Kind, recorded: &Recorded, seen: &Observed) -> Vec<Change> {
    // What an earlier run left unfinished never was as it was to become.
    let attributes = kind.attributes.iter().filter(|_| recorded.ready);
    let changes = attributes.filter_map(|attribute| {
        let is = seen.attributes.get(attribute.name)?;
        if kind.ignores(|name| recorded.attributes.get(name), attribute.name) {
            return None;
        }
        let applied = recorded.attributes.get(attribute.name);
        let was = match attribute.on_change {
            OnChange::Update | OnChange::Replace | OnChange::Identity => applied?.clone(),
            OnChange::Passing(usual) => applied.cloned().unwrap_or_else(|| Json::from(usual)),
            _ => return None,
        };
        (was != *is).then(|| Change {
            attribute: attribute.name.to_owned(),
            before: was,
            after: Value::Known(is.clone()),
        })
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Attributes, Origin, Readiness};

    fn recorded(name: &str, attributes: &[(&str, &str)]) -> Recorded {
        Recorded {
            address: Address::new("server", name),
            account: "default".to_owned(),
            id: name.to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: these(attributes),
            refers_to: Vec::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn these(attributes: &[(&str, &str)]) -> Attributes {
        let pairs = attributes.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), Json::from(*value)))
            .collect()
    }

    #[test]
    fn only_what_others_changed_has_drifted() {
        let resources = [
            recorded("as-it-was", &[("size", "s"), ("image", "debian")]),
            recorded("grown", &[("size", "s")]),
            recorded("off", &[("size", "s")]),
            recorded("stopped-by-us", &[("size", "s"), ("power", "off")]),
            recorded("gone", &[]),
            recorded("young", &[]),
        ];
        let observed = [
            (
                "as-it-was",
                &[("size", "s"), ("image", "debian-new"), ("power", "on")][..],
            ),
            ("grown", &[("size", "m")]),
            ("off", &[("size", "s"), ("power", "off")]),
            ("stopped-by-us", &[("size", "s"), ("power", "off")]),
            ("stranger", &[("size", "s")]),
        ];
        let observed = observed.map(|(name, attributes)| Observed {
            kind: "server",
            account: Arc::from("default"),
            id: name.to_owned(),
            attributes: these(attributes),
            owners: Vec::new(),
            readiness: Readiness::Ready,
            monthly: None,
            created: None,
        });
        let recorded = resources.map(|one| (one.address.clone(), one)).into();
        let absent = [("gone", Absence::Gone), ("young", Absence::TooYoung)];
        let absent = absent
            .map(|(name, why)| (Address::new("server", name), why))
            .into();
        let told: Vec<(String, String)> = drift(&recorded, &observed, &absent)
            .into_iter()
            .map(|drift| (drift.label.clone(), drift.words()))
            .collect();
        let told: Vec<(&str, &str)> = told.iter().map(|(one, what)| (&**one, &**what)).collect();
        assert_eq!(
            told,
            [
                ("gone", "was deleted"),
                ("grown", "s → m"),
                ("off", "shut down")
            ]
        );
    }
}
