use serde_json::Value as Json;

use crate::model::{
    Attributes, Desired, Diagnostic, Observed, Origin, Readiness, Recorded, Reference, Value,
};
use crate::resource::{Attribute, Facts, Kind, OnChange, show};

use super::{Change, Input, Reason, Refreshed, replace};

/// What must change on an existing resource so that it is as desired.
pub(super) fn changes(
    kind: &Kind,
    desired: &Desired,
    observed: &Observed,
    facts: &Facts<'_>,
) -> Vec<Change> {
    let recorded = facts.recorded.get(&desired.address);
    let recorded = recorded.filter(|recorded| recorded.id == observed.id);
    let mut changes = recorded.map_or_else(Vec::new, |recorded| {
        replace::remade(kind, desired, recorded, &observed.attributes)
    });
    for attribute in kind.attributes {
        if let OnChange::Passing(usual) = attribute.on_change {
            changes.extend(left_otherwise(attribute, usual, desired, observed, facts));
            continue;
        }
        if attribute.on_change == OnChange::Ours {
            changes.extend(ours_changed(attribute, desired, facts));
            continue;
        }
        if kind.ignores(|name| desired.known(name), attribute.name) {
            continue;
        }
        // What is bound by its id may have been given another name since.
        let compared = matches!(
            attribute.on_change,
            OnChange::Update
                | OnChange::Replace
                | OnChange::Fixed(_)
                | OnChange::Identity
                | OnChange::Late(_)
        );
        let wanted = desired.attributes.get(attribute.name);
        let is = observed.attributes.get(attribute.shown_by());
        let (true, Some(wanted), Some(is)) = (compared, wanted, is) else {
            continue;
        };
        let after = match (facts.resolve(wanted), wanted) {
            // What is not over has to be brought to its end.
            (Some(known), _) if *known == *is && !observed.is_halfway(attribute.name) => continue,
            (Some(known), _) => Value::Known(known.into_owned()),
            // It does not say just now, and nothing suggests that it changed.
            (None, unknown) if was_set_from(desired, unknown, facts) => continue,
            (None, unknown) => unknown.clone(),
        };
        changes.push(Change {
            attribute: attribute.name.to_owned(),
            before: is.clone(),
            after,
        });
    }
    // What is to be attached to something else stays only until then.
    let moves = changes.iter().any(|change| change.attaches(kind));
    changes.retain(|change| !(moves && kind.forgotten_at == Some(&change.attribute)));
    changes
}

/// That something has not shown yet that it serves.
pub(super) fn unanswered(kind: &Kind, desired: &Desired, facts: &Facts<'_>) -> Vec<Change> {
    let probed = kind.probed.as_ref();
    let attribute = probed.and_then(|probed| kind.attribute(probed.unanswered));
    let change = attribute.and_then(|attribute| ours_changed(attribute, desired, facts));
    change.into_iter().collect()
}

/// What is for the state alone and cloud.json has changed, of something that is to go.
pub(super) fn noted(kind: &Kind, desired: &Desired, facts: &Facts<'_>) -> Vec<Change> {
    let passes = [
        kind.probed.as_ref().map(|probed| probed.unanswered),
        kind.forgotten_at,
    ];
    let ours = kind.attributes.iter().filter(|attribute| {
        attribute.on_change == OnChange::Ours && !passes.contains(&Some(attribute.name))
    });
    ours.filter_map(|attribute| ours_changed(attribute, desired, facts))
        .collect()
}

/// An attribute for the state alone that cloud.json has changed. One that is not mentioned is off.
fn ours_changed(attribute: &Attribute, desired: &Desired, facts: &Facts<'_>) -> Option<Change> {
    let recorded = facts.recorded.get(&desired.address)?;
    let off = Json::Bool(false);
    let wanted = desired.known(attribute.name).unwrap_or(&off);
    let kept = recorded.attributes.get(attribute.name).unwrap_or(&off);
    (wanted != kept).then(|| Change {
        attribute: attribute.name.to_owned(),
        before: kept.clone(),
        after: Value::Known(wanted.clone()),
    })
}

/// An attribute that a run of ours changed on the way to something else, and could not change back.
fn left_otherwise(
    attribute: &Attribute,
    usual: &str,
    desired: &Desired,
    observed: &Observed,
    facts: &Facts<'_>,
) -> Option<Change> {
    let recorded = facts.recorded.get(&desired.address)?;
    let ours = recorded.attributes.get(attribute.name)?;
    let is = observed.attributes.get(attribute.name)?;
    (recorded.id == observed.id && ours == is && is.as_str() != Some(usual)).then(|| Change {
        attribute: attribute.name.to_owned(),
        before: is.clone(),
        after: usual.into(),
    })
}

/// Whether the value was taken from what it refers to before, when that was ready.
fn was_set_from(desired: &Desired, value: &Value, facts: &Facts<'_>) -> bool {
    let mut references = value.references().iter();
    references.all(|to| was_asked(desired, to, facts))
}

/// One that is still on its way was never asked: what refers to it has the value of another.
fn was_asked(desired: &Desired, to: &Reference, facts: &Facts<'_>) -> bool {
    let recorded = facts.recorded.get(&desired.address);
    let target = facts.recorded.get(&to.address);
    let bound = facts.kept(&to.address);
    recorded.is_some_and(|recorded| recorded.refers_to.contains(&to.address))
        && target.zip(bound).is_some_and(|(target, bound)| {
            let is_pending = matches!(bound.readiness, Readiness::Pending(_));
            target.ready && !is_pending && target.id == bound.id
        })
}

/// Whether the state says something else than what is wanted, where that is there already.
pub(super) fn is_outdated(
    kind: &Kind,
    desired: &Desired,
    recorded: &Recorded,
    facts: &Facts<'_>,
) -> bool {
    kind.attributes.iter().any(|attribute| {
        let applied = recorded.attributes.get(attribute.name);
        match attribute.on_change {
            _ if kind.ignores(|name| desired.known(name), attribute.name) => false,
            OnChange::Update => {
                let wanted = desired.attributes.get(attribute.name);
                let wanted = wanted.and_then(|wanted| facts.resolve(wanted));
                wanted.is_some() && applied.is_some() && wanted.as_deref() != applied
            }
            // Somebody else made it anew from what cloud.json asks for.
            OnChange::MadeFrom => {
                let is = facts.bound(&desired.address).map(|bound| &bound.attributes);
                let wanted = desired.known(attribute.name);
                let shown = wanted.zip(is);
                let shown =
                    shown.is_some_and(|(wanted, is)| kind.shows(attribute.name, wanted, is));
                applied.is_some() && shown && wanted != applied
            }
            _ => false,
        }
    })
}

/// What the provider has set since the state was written.
pub(super) fn refreshed(
    kind: &Kind,
    recorded: &Recorded,
    observed: &Observed,
) -> Option<Refreshed> {
    let is_as_usual = |attribute: &Attribute| {
        let is = observed.attributes.get(attribute.name);
        recorded.attributes.contains_key(attribute.name)
            && attribute
                .usual()
                .is_some_and(|usual| is == Some(&usual.into()))
    };
    let attributes: Attributes = kind
        .attributes
        .iter()
        .filter(|attribute| attribute.on_change == OnChange::Computed || is_as_usual(attribute))
        .filter_map(|attribute| observed.attributes.get_key_value(attribute.name))
        .filter(|(name, value)| recorded.attributes.get(name) != Some(value))
        .map(|(name, value)| (name, value.clone()))
        .collect();
    (!attributes.is_empty()).then(|| Refreshed {
        address: recorded.address.clone(),
        attributes,
    })
}

/// Whether somebody else made it differ, or cloud.json did.
pub(super) fn reason(
    kind: &Kind,
    changes: &[Change],
    desired: &Desired,
    recorded: Option<&Recorded>,
    facts: &Facts<'_>,
) -> Reason {
    let passing = |change: &Change| change.usual(kind).is_some();
    if changes.iter().all(passing) {
        return Reason::Unfinished;
    }
    // What an earlier run left unfinished never was as it was to become.
    let outside = recorded.filter(|recorded| recorded.ready);
    let outside = outside.is_some_and(|recorded| {
        changes
            .iter()
            .filter(|change| !passing(change))
            .all(|change| {
                let applied = recorded.attributes.get(&change.attribute);
                let wanted = desired.attributes.get(&change.attribute);
                let wanted = wanted.and_then(|wanted| facts.resolve(wanted));
                applied.is_some() && applied == wanted.as_deref() && applied != Some(&change.before)
            })
    });
    if outside {
        Reason::ChangedOutside
    } else {
        Reason::Configured
    }
}

/// The changes that this provider cannot make, each as an error at its place in the file.
pub(super) fn refusals(
    kind: &Kind,
    desired: &Desired,
    changes: &[Change],
    input: &Input<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let account = input.accounts.get(&desired.account);
    for change in changes {
        if change.is_for_the_state(kind) {
            continue;
        }
        if account.is_some_and(|account| {
            let update = account.capabilities.update(kind.name, &change.attribute);
            update.is_some()
        }) {
            continue;
        }
        let attribute = kind.attribute(&change.attribute);
        let about = attribute.map_or("", |attribute| attribute.about);
        let before = show(&Value::Known(change.before.clone()));
        // Another name in cloud.json would be another resource, and this one would be deleted.
        let hint = if let Some(OnChange::Fixed(hint)) = attribute.map(|known| known.on_change) {
            hint.to_owned()
        } else if kind.natural_key.contains(&change.attribute.as_str()) {
            format!(
                "give it its {about} back in the account: {}",
                show(&change.after)
            )
        } else {
            format!(
                "write {} in cloud.json, or change it in the account",
                quoted(&change.before)
            )
        };
        problems.push(
            Diagnostic::error(format!(
                "{}: its {about} is {before}, cloud.json asks for {}",
                desired.address,
                show(&change.after)
            ))
            .detail(format!(
                "this version cannot change the {about} of one that exists"
            ))
            .hint(hint)
            .at(desired.place_of(&change.attribute)),
        );
    }
}

fn quoted(value: &Json) -> String {
    format!("`{value}`")
}

/// Notes on attributes that matter only when a resource is created, and that cloud.json has
/// changed since.
pub(super) fn create_only_notes(
    kind: &Kind,
    desired: &Desired,
    recorded: &Recorded,
    notes: &mut Vec<Diagnostic>,
) {
    for attribute in kind.attributes {
        if attribute.on_change != OnChange::CreateOnly
            || kind.ignores(|name| desired.known(name), attribute.name)
        {
            continue;
        }
        let wanted = desired.attributes.get(attribute.name);
        let (Some(wanted), Some(known)) = (wanted, wanted.and_then(Value::known)) else {
            continue;
        };
        let applied = recorded.attributes.get(attribute.name);
        // Of what was there before nobody knows what it was made with.
        let is_known = applied.is_some() || recorded.origin == Origin::Created;
        let is_given = kind
            .late(attribute.name)
            .is_some_and(|late| desired.attributes.contains_key(late.name));
        if !is_known || is_given || applied.unwrap_or(&Json::Bool(false)) == known {
            continue;
        }
        let about = attribute.about;
        let had = match (applied, wanted) {
            (None | Some(Json::Bool(false)), _) => format!("it was made without {about}"),
            (Some(Json::Bool(true)), _) => format!("it was made with {about}"),
            // Hashes mean nothing to people.
            (Some(_), Value::Sealed(_) | Value::Known(Json::Array(_))) => {
                format!("it was made with other {about}")
            }
            (Some(applied), _) => {
                format!("it was made with {}", show(&Value::Known(applied.clone())))
            }
        };
        let new = match wanted {
            Value::Sealed(_) | Value::Known(Json::Bool(_) | Json::Array(_)) => {
                "the change".to_owned()
            }
            _ => show(wanted),
        };
        let mut note = Diagnostic::note(format!("{} keeps its {about}", desired.address))
            .detail(format!("{had}; {new} takes effect for new ones only"))
            .at(desired.place_of(attribute.name));
        if kind.can_be_replaced() {
            let how = format!("`--replace {}` makes another in its place", desired.address);
            note = note.hint(how);
        }
        notes.push(note);
    }
}
