//! What is recorded of what was made.

use jiff::Timestamp;

use crate::model::{Address, Attributes, Observed, Origin, Readiness, Recorded};
use crate::plan::Change;
use crate::provider::{Read, Readers};
use crate::resource::{Attribute, OnChange, kind};

/// What to record of something that was made or found; `now` by the provider's clock.
pub(super) fn recorded(
    (address, account, refers_to): (&Address, &str, &[Address]),
    origin: Origin,
    applied: &Attributes,
    observed: &Observed,
    now: Timestamp,
) -> Recorded {
    Recorded {
        address: address.clone(),
        account: account.to_owned(),
        id: observed.id.clone(),
        origin,
        ready: is_there(observed),
        attributes: remember(address.kind(), applied, &observed.attributes),
        refers_to: refers_to.to_vec(),
        recorded_at: now,
    }
}

/// An account's own time, by which what is in it is young or old; ours where it does not tell.
pub(super) fn now(readers: &Readers, account: &str) -> Timestamp {
    let told = readers.of(account).ok().and_then(Read::clock);
    told.unwrap_or_else(Timestamp::now)
}

/// The attributes to remember: those applied, and what the provider set besides.
pub(super) fn remember(kind_name: &str, applied: &Attributes, is: &Attributes) -> Attributes {
    let mut remembered = applied.clone();
    for (name, value) in is {
        let attribute = kind(kind_name).and_then(|(_, kind)| kind.attribute(name));
        if attribute.is_some_and(Attribute::is_only_seen) {
            continue;
        }
        // Nobody asked for it if it is not among what was applied.
        if attribute.is_some_and(|attribute| attribute.only_if_asked) {
            continue;
        }
        let on_change = attribute.map(|attribute| attribute.on_change);
        // How something is changed is asked for, and no trait of it.
        if on_change == Some(OnChange::Manner) {
            continue;
        }
        let computed = on_change == Some(OnChange::Computed);
        let late = kind(kind_name).and_then(|(_, kind)| kind.late(name));
        let given = late.is_some_and(|late| applied.contains_key(late.name));
        if computed || given || !remembered.contains_key(name) {
            remembered.insert(name, value.clone());
        }
    }
    remembered
}

/// Of the attributes that are sent, those that a change asks for: nothing else tells whether it was
/// made, and nothing else is another afterwards.
pub(super) fn asked_for(address: &Address, changes: &[Change], sent: &Attributes) -> Attributes {
    let kind = kind(address.kind()).map(|(_, kind)| kind);
    let names = changes.iter().flat_map(|change| {
        let along = kind.into_iter();
        let along = along.flat_map(|kind| kind.along_with(&change.attribute));
        let along = along.map(|attribute| attribute.name);
        along.chain([change.attribute.as_str()])
    });
    names
        .filter_map(|name| sent.get_key_value(name))
        .map(|(name, value)| (name, value.clone()))
        .collect()
}

/// What is recorded of something once it has what a change asked for.
pub(super) fn changed(
    recorded: &Recorded,
    asked_for: &Attributes,
    refers_to: &[Address],
    observed: &Observed,
) -> Recorded {
    let mut changed = recorded.clone();
    // An id may be made of what was changed.
    changed.id.clone_from(&observed.id);
    changed.ready = is_there(observed);
    changed.attributes.extend(asked_for.clone());
    let kind = recorded.address.kind();
    changed.attributes = remember(kind, &changed.attributes, &observed.attributes);
    changed.refers_to = refers_to.to_vec();
    // What is attached to something else serves on no longer.
    if let Some((_, kind)) = crate::resource::kind(kind)
        && let Some((by, told)) = kind.attached_by.zip(kind.forgotten_at)
        && asked_for.contains_key(by)
    {
        changed.attributes.remove(told);
    }
    changed
}

/// Whether what was made can be used; if not, what is missing. It can be while a change of it waits
/// to go on.
pub(super) fn missing(observed: &Observed) -> Option<&str> {
    match &observed.readiness {
        Readiness::Ready | Readiness::Paused { .. } => None,
        Readiness::Pending(why) | Readiness::Failed(why) => Some(why),
    }
}

fn is_there(observed: &Observed) -> bool {
    missing(observed).is_none()
}
