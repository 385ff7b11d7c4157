//! The steps of what goes because another serves in its place.

use crate::model::{Address, Attributes};
use crate::plan::decide::Decision;
use crate::plan::drain::Drain;
use crate::plan::{Input, Op, Step, Verb, words};
use crate::resource::{Kind, OnChange, kind};

use super::{Draft, Part, plain, snapshot, texts_before};

/// The draft of what a later run deletes, unless the state knows already when that may be.
pub(super) fn stays<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
    let address = &decision.action.address;
    let recorded = input.recorded.get(address)?;
    let drain = decision.drain?;
    drain.is_led_to.then(|| {
        let id = recorded.id.clone();
        draining(decision, address.clone(), id, drain)
    })
}

/// The draft of what serves on while a later run is left to delete it.
fn draining<'d>(
    decision: &'d Decision<'_>,
    address: Address,
    id: String,
    drain: Drain,
) -> Draft<'d> {
    // What was set aside is not what is wanted.
    let later = words::later(decision.desired.is_some() && address.had().is_none());
    let step = drain_step(decision.kind, &address, id, drain, Some(later));
    let rank = (Part::Remove, usize::MAX - decision.rank);
    Draft {
        gives_back: texts_before(decision, OnChange::Computed),
        ..Draft::of(step, rank, address)
    }
}

/// What the state has to say of what goes before anything else is done: also if that fails, the next
/// run goes by it.
pub(super) fn noted<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
    if decision.noted.is_empty() {
        return None;
    }
    let address = decision.action.address.clone();
    let recorded = input.recorded.get(&address)?;
    let kind = decision.kind;
    let mut attributes = recorded.attributes.as_known();
    let words = decision.noted.iter().map(|change| {
        if let Some(attribute) = kind.attribute(&change.attribute) {
            attributes.insert(attribute.name, change.after.clone());
        }
        (kind.changed)(
            &change.attribute,
            &change.before,
            &change.after,
            &Attributes::new(),
        )
    });
    let words: Vec<String> = words.collect();
    let called = (kind.name, words::label(decision));
    let op = Op::Update {
        address: address.clone(),
        id: recorded.id.clone(),
        attributes,
        refers_to: recorded.refers_to.clone(),
        changes: decision.noted.clone(),
    };
    let step = plain(Verb::Update, called, words.join(", "), op);
    Some(Draft::of(step, (Part::Make, decision.rank), address))
}

fn drain_step(
    kind: &Kind,
    address: &Address,
    id: String,
    drain: Drain,
    later: Option<&str>,
) -> Step {
    let called = (
        kind.name,
        words::label_of(kind, address, &Attributes::new()),
    );
    let op = Op::Drain {
        address: address.clone(),
        id,
        seconds: drain.seconds,
        until: drain.until,
        wait: later.is_none(),
    };
    plain(Verb::NoOp, called, words::drains(drain, later), op)
}

/// What serves on is deleted, or attached to something else, when nobody remembers its address any more.
pub(super) fn add_drains(drafts: &mut Vec<Draft<'_>>, waits_for: &mut Vec<Vec<usize>>) {
    for node in 0..drafts.len() {
        let Some(draft) = drafts.get(node) else {
            continue;
        };
        let (Some(drain), Op::Delete { address, id, .. } | Op::Update { address, id, .. }) =
            (draft.drain, &draft.step.op)
        else {
            continue;
        };
        let Some((_, kind)) = kind(address.kind()) else {
            continue;
        };
        let step = drain_step(kind, address, id.clone(), drain, None);
        let drain = Draft::of(step, draft.rank, address.clone());
        let first = waits_for.get(node).cloned().unwrap_or_default();
        if let Some(waits) = waits_for.get_mut(node) {
            waits.push(drafts.len());
        }
        waits_for.push(first);
        drafts.push(drain);
    }
}

/// The draft of what goes when another serves in its place.
pub(super) fn goes<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
    let action = &decision.action;
    let id = action.id.clone()?;
    let address = action.address.set_aside(&id);
    if !input.drains
        && let Some(drain) = decision.drain
    {
        return Some(draining(decision, address, id, drain));
    }
    let label = words::label_of(decision.kind, &address, &Attributes::new());
    let step = deletes(decision, label, (address.clone(), id));
    Some(Draft {
        gives_back: texts_before(decision, OnChange::Computed),
        lets_go: texts_before(decision, OnChange::Update),
        drain: decision.drain,
        copy: snapshot::asked_for(input, decision),
        ..Draft::of(step, (Part::Remove, usize::MAX - decision.rank), address)
    })
}

/// The draft of what goes before another is made. What leads to it leads nowhere until that is up.
pub(super) fn goes_first<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
    let action = &decision.action;
    let id = action.id.clone()?;
    let address = action.address.clone();
    let step = Step {
        detail: words::goes_first(decision.kind),
        interrupts: true,
        ..deletes(decision, words::label(decision), (address.clone(), id))
    };
    Some(Draft {
        gives_back: texts_before(decision, OnChange::Computed),
        lets_go: texts_before(decision, OnChange::Update),
        copy: snapshot::asked_for(input, decision),
        ..Draft::of(step, (Part::Make, decision.rank), address)
    })
}

fn deletes(decision: &Decision<'_>, label: String, (address, id): (Address, String)) -> Step {
    let monthly = decision.action.monthly_before;
    let called = (decision.kind.name, label);
    let op = Op::Delete {
        address,
        id,
        unrecorded: None,
    };
    Step {
        monthly: monthly.map(|before| -before),
        loses: decision.kind.loses,
        wipes: decision.kind.kept_unless_allowed,
        ..plain(Verb::Delete, called, words::replaced(decision.kind), op)
    }
}
