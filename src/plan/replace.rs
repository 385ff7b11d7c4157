//! What another resource is made for: it differs in something that one keeps for as long as it is.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Desired, Diagnostic, Observed, Recorded, Value};
use crate::resource::{Attribute, Facts, KINDS, Kind, OnChange};

use super::bind::{Bindings, nature, observed};
use super::part::meant;
use super::{Change, Index, Input};

/// The addresses that another resource is made for. Only what the state knows is replaced: what is
/// taken over was never made from what cloud.json says.
pub(super) fn replaced<'a>(
    index: &Index<'a>,
    input: &Input<'a>,
    bindings: &Bindings<'a>,
) -> HashSet<&'a Address> {
    let replaced = index.by_kind.iter().filter_map(|&(_, kind, desired)| {
        let address = &desired.address;
        let recorded = index.recorded.get(address)?;
        let found = observed(input, bindings.at.get(address))?;
        let is_known = !bindings.how.contains_key(address) && recorded.account == desired.account;
        (is_known && needs_another(kind, desired, recorded, &found.attributes)).then_some(address)
    });
    replaced.collect()
}

/// The addresses that somebody wants another resource for, as things are.
pub(super) fn asked_for<'a>(
    index: &Index<'a>,
    input: &Input<'a>,
    bindings: &Bindings<'a>,
    notes: &mut Vec<Diagnostic>,
) -> BTreeSet<&'a Address> {
    let wanted = index.by_kind.iter();
    let wanted = wanted.filter(|(_, kind, _)| kind.can_be_replaced());
    let wanted: BTreeSet<&Address> = wanted.map(|(.., desired)| &desired.address).collect();
    let mut meant = meant(input.replace, "--replace", &wanted, notes);
    let of_earlier_run: Vec<Address> = input
        .recorded
        .keys()
        .filter_map(|address| Some(address.had()?.0))
        .collect();
    meant.retain(|address| {
        let is_known = index.recorded.contains_key(address)
            && bindings.at.contains_key(address)
            && !bindings.how.contains_key(address);
        // A run that was cut off is run again as it was typed.
        let goes_on = of_earlier_run.contains(address);
        if goes_on {
            notes.push(
                Diagnostic::note(format!("{address} is replaced already"))
                    .detail("the one that it took the place of is still to go, and goes first"),
            );
        } else if !is_known {
            notes.push(
                Diagnostic::note(format!("{address} is not there to be replaced"))
                    .detail("it is made as it would be without --replace"),
            );
        }
        is_known && !goes_on
    });
    meant
}

/// Whether only another resource can be what is wanted, where one was recorded so and is so now.
#[must_use]
pub fn needs_another(kind: &Kind, desired: &Desired, recorded: &Recorded, is: &Attributes) -> bool {
    differences(kind, desired, recorded, is).next().is_some()
}

/// What only another resource can have.
pub(super) fn causes(
    kind: &Kind,
    desired: &Desired,
    recorded: &Recorded,
    found: &Observed,
) -> Vec<Change> {
    let differences = differences(kind, desired, recorded, &found.attributes);
    let changes = differences.map(|(name, before, after)| Change {
        attribute: name.to_owned(),
        before: before.clone(),
        after: match after {
            Value::Reference(_) => after.clone(),
            known => known
                .known()
                .map_or_else(|| known.clone(), |json| json.clone().into()),
        },
    });
    changes.collect()
}

/// What no address is bound to and has our mark, by account, kind and natural key: if the answer to
/// a request for another were lost, nothing would tell which of the two it made.
pub(super) struct Twins<'a>(HashMap<(&'a str, &'static str, String), &'a Observed>);

impl<'a> Twins<'a> {
    pub(super) fn of(lineage: Option<&str>, facts: &Facts<'a>) -> Self {
        let kinds = KINDS.iter().filter(|kind| kind.can_be_replaced());
        let twins = kinds.flat_map(|kind| {
            let unbound = facts.unbound(kind.name);
            unbound.filter_map(|other| {
                let mut owners = other.owners.iter();
                let is_ours = owners.any(|owner| Some(owner.as_str()) == lineage);
                let nature = nature(kind, |attribute| {
                    other.attributes.get(attribute).map(Cow::Borrowed)
                })?;
                is_ours.then_some(((&*other.account, kind.name, nature), other))
            })
        });
        Self(twins.collect())
    }

    /// The one that has the natural key of what is wanted.
    pub(super) fn of_wanted(&self, kind: &'static Kind, desired: &Desired) -> Option<&'a Observed> {
        let nature = nature(kind, |attribute| {
            desired.known(attribute).map(Cow::Borrowed)
        })?;
        let key = (desired.account.as_str(), kind.name, nature);
        self.0.get(&key).copied()
    }
}

/// What one that is made anew where it is was to be made from, and from what it was made.
pub(super) fn remade(
    kind: &Kind,
    desired: &Desired,
    recorded: &Recorded,
    is: &Attributes,
) -> Vec<Change> {
    if !(kind.remade)(&desired.attributes) {
        return Vec::new();
    }
    let made_from = |attribute: &&Attribute| {
        attribute.on_change == OnChange::MadeFrom
            && !kind.ignores(|name| desired.known(name), attribute.name)
    };
    let attributes = kind.attributes.iter().filter(made_from);
    let changes = attributes.filter_map(|attribute| {
        let (before, after) = made_from_another(kind, attribute, desired, recorded, is)?;
        Some(Change {
            attribute: attribute.name.to_owned(),
            before: before.clone(),
            after: Value::Known(after.clone()),
        })
    });
    changes.collect()
}

fn differences<'d>(
    kind: &'d Kind,
    desired: &'d Desired,
    recorded: &'d Recorded,
    is: &'d Attributes,
) -> impl Iterator<Item = (&'static str, &'d Json, &'d Value)> {
    let remade = (kind.remade)(&desired.attributes);
    kind.attributes.iter().filter_map(move |attribute| {
        let wanted = desired.attributes.get(attribute.name)?;
        if kind.ignores(|name| desired.known(name), attribute.name) {
            return None;
        }
        match attribute.on_change {
            OnChange::Replace => {
                let before = is.get(attribute.name)?;
                let differs = match wanted {
                    // What is yet to be made is nothing that it could have; what it was made with
                    // before it has still.
                    Value::Reference(to) => !recorded.refers_to.contains(&to.address),
                    known => before != known.known()?,
                };
                differs.then_some((attribute.name, before, wanted))
            }
            OnChange::MadeFrom if !remade => {
                let (before, _) = made_from_another(kind, attribute, desired, recorded, is)?;
                Some((attribute.name, before, wanted))
            }
            _ => None,
        }
    })
}

/// From what something was made, as the state says, and from what it should have been, if that is
/// something else.
fn made_from_another<'d>(
    kind: &Kind,
    attribute: &Attribute,
    desired: &'d Desired,
    recorded: &'d Recorded,
    is: &Attributes,
) -> Option<(&'d Json, &'d Json)> {
    let before = recorded.attributes.get(attribute.name)?;
    let after = desired.known(attribute.name)?;
    // Whoever corrects what the state has wrong needs no other one.
    let shows = |name: &str| {
        let wanted = desired.known(name);
        wanted.is_some_and(|wanted| kind.shows(name, wanted, is))
    };
    let is_so = shows(attribute.name)
        || kind
            .along_with(attribute.name)
            .any(|along| shows(along.name));
    (before != after && !is_so).then_some((before, after))
}
