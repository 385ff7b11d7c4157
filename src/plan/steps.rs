use std::collections::{HashMap, HashSet};

use crate::model::{Address, Attributes, Desired, Diagnostic, Value};
use crate::resource::{OnChange, kind, references, texts_of};

use super::decide::{Decision, price_change};
use super::drain::Drain;
use super::stages::{Stage, stages};
use super::write_back::write_back;
use super::{Change, Input, Op, Reason, Step, Unrecorded, Verb, graph, words};

use snapshot::Copy;

mod probe;
mod replaced;
mod snapshot;

/// The order of the parts of a plan: what is made comes before what is removed, because what is
/// removed may still be referred to until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Make,
    Remove,
    Forget,
}

/// The effects that the decisions come to, numbered in a possible order of execution.
pub(super) fn steps(
    input: &Input<'_>,
    decisions: &[Decision<'_>],
    notes: &mut Vec<Diagnostic>,
) -> Vec<Step> {
    let mut drafts = Vec::with_capacity(decisions.len());
    for decision in decisions {
        drafts.extend(draft(input, decision, drafts.len()));
    }
    let mut waits_for = waits_for(input, &drafts);
    replaced::add_drains(&mut drafts, &mut waits_for);
    snapshot::add_snapshots(&mut drafts, &mut waits_for);
    let ranks: Vec<(Part, usize)> = drafts.iter().map(|draft| draft.rank).collect();
    let comes_after: Vec<Vec<usize>> = drafts
        .iter()
        .zip(&waits_for)
        .map(|(draft, waits_for)| waits_for.iter().chain(&draft.after).copied().collect())
        .collect();
    let order = match graph::order(&ranks, &comes_after) {
        Ok(order) => order,
        Err(cycle) => {
            // One of cloud.json's own is told where it stands.
            if references::circle(input.desired).is_none() {
                notes.push(circular(&cycle, &drafts));
            }
            return Vec::new();
        }
    };
    let mut number_of = vec![0; drafts.len()];
    for (place, &draft) in order.iter().enumerate() {
        if let Some(number) = number_of.get_mut(draft) {
            *number = place + 1;
        }
    }
    let numbers = |nodes: &[usize]| {
        let mut numbers: Vec<usize> = nodes
            .iter()
            .filter_map(|&node| number_of.get(node).copied())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let mut in_order: Vec<Option<Draft<'_>>> = drafts.into_iter().map(Some).collect();
    let mut steps: Vec<Step> = Vec::with_capacity(order.len() + 1);
    for node in order {
        let Some(draft) = in_order.get_mut(node).and_then(Option::take) else {
            continue;
        };
        let waits_for = waits_for
            .get(node)
            .map(|nodes| numbers(nodes))
            .unwrap_or_default();
        steps.push(Step {
            number: steps.len() + 1,
            waits_for,
            after: numbers(&draft.after),
            ..draft.step
        });
    }
    if let Some(written) = input.written {
        steps.extend(write_back(input, written, decisions, steps.len() + 1));
    }
    steps
}

/// A step that has no number yet.
struct Draft<'d> {
    step: Step,
    rank: (Part, usize),
    address: Address,
    refers_to: Vec<Address>,
    /// The drafts that must be done first, besides those that follow from what refers to what.
    needs: Vec<usize>,
    /// The drafts that must be over first, whatever came of them.
    after: Vec<usize>,
    /// What the provider gave it and may give to somebody else once it is deleted.
    gives_back: Vec<&'d str>,
    /// What it leads to in the account until it is updated or deleted.
    lets_go: Vec<&'d str>,
    /// How long it has to serve on before it is deleted, or attached to something else.
    drain: Option<Drain>,
    /// Where it stands, or stood, and whether it can only stand there alone.
    stands_at: Option<(String, bool)>,
    /// The copy that is to be made before it is deleted.
    copy: Option<Copy>,
}

impl Draft<'_> {
    /// One that nothing is known of but what it does.
    fn of(step: Step, rank: (Part, usize), address: Address) -> Self {
        Self {
            step,
            rank,
            address,
            refers_to: Vec::new(),
            needs: Vec::new(),
            after: Vec::new(),
            gives_back: Vec::new(),
            lets_go: Vec::new(),
            drain: None,
            stands_at: None,
            copy: None,
        }
    }
}

/// A step that costs, loses and stops nothing: kind and label, what is done in words, and what is done.
fn plain(verb: Verb, (kind, label): (&str, String), detail: String, op: Op) -> Step {
    Step {
        number: 0,
        op,
        verb,
        kind: kind.to_owned(),
        label,
        detail,
        monthly: None,
        kept: None,
        loses: None,
        wipes: false,
        interrupts: false,
        permanent: false,
        waits_for: Vec::new(),
        after: Vec::new(),
    }
}

/// The drafts of a decision, the first of which becomes the one numbered `first`, from 0.
fn draft<'d>(input: &Input<'_>, decision: &'d Decision<'_>, first: usize) -> Vec<Draft<'d>> {
    let mut drafts: Vec<Draft<'d>> = Vec::new();
    drafts.extend(replaced::noted(input, decision));
    let noted = drafts.len();
    if decision.action.verb == Verb::Recreate
        && let Some(mut goes) = replaced::goes_first(input, decision)
    {
        goes.needs.extend(first..first + noted);
        drafts.push(goes);
    }
    let before = drafts.len();
    drafts.extend(whole(input, decision));
    if let Some(made) = drafts.get_mut(before) {
        made.needs.extend(first..first + before);
    }
    if matches!(
        decision.action.verb,
        Verb::Create | Verb::Replace | Verb::Recreate
    ) {
        drafts.extend(probe::asks(decision, vec![first + before]));
    }
    if decision.action.verb == Verb::Replace {
        drafts.extend(replaced::goes(input, decision));
    }
    if matches!(decision.action.verb, Verb::Import | Verb::Update) {
        let first_of_all = drafts.first().map(|_| first);
        for mut draft in in_place(input, decision, first + drafts.len()) {
            draft.needs.extend(first_of_all);
            drafts.push(draft);
        }
    }
    let stays = matches!(decision.action.verb, Verb::Import | Verb::Update);
    let mut changes = decision.action.changes.iter();
    if changes
        .any(|change| probe::is_answer(decision, change) || stays && change.remakes(decision.kind))
    {
        let made = (first..first + drafts.len()).collect();
        drafts.extend(probe::asks(decision, made));
    }
    drafts
}

/// The draft of what concerns the resource as a whole; `None` if nothing does.
fn whole<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
    let action = &decision.action;
    let address = action.address.clone();
    let refers_to = decision.desired.map(refers_to).unwrap_or_default();
    let attributes = || action.after.clone().unwrap_or_default();
    let account = || {
        decision
            .desired
            .map_or_else(String::new, |desired| desired.account.clone())
    };
    let id = || action.id.clone().unwrap_or_default();
    let op = match action.verb {
        Verb::NoOp if action.reason == Reason::Remembered => {
            return replaced::stays(input, decision);
        }
        Verb::NoOp | Verb::Update if decision.awaited => Op::Await {
            address: address.clone(),
            id: id(),
        },
        Verb::NoOp | Verb::Update => return None,
        Verb::Create | Verb::Replace | Verb::Recreate => Op::Create {
            address: address.clone(),
            replaces: action.id.clone().filter(|_| action.verb == Verb::Replace),
            account: account(),
            attributes: {
                let mut attributes = attributes();
                probe::unanswered(decision, &mut attributes);
                attributes
            },
            refers_to: refers_to.clone(),
        },
        Verb::Import => Op::Import {
            address: address.clone(),
            account: account(),
            id: id(),
            attributes: imported(decision),
            refers_to: refers_to.clone(),
            mark: words::gets_mark(decision),
            ours: decision.ours,
        },
        Verb::Delete => Op::Delete {
            address: address.clone(),
            id: id(),
            unrecorded: decision.evicted.map(|_| Unrecorded {
                account: action.account.clone(),
                attributes: action.before.clone().unwrap_or_default(),
            }),
        },
        Verb::Forget => Op::Forget {
            address: address.clone(),
        },
    };
    let rank = match action.verb {
        Verb::Delete => (Part::Remove, usize::MAX - decision.rank),
        Verb::Forget => (Part::Forget, decision.rank),
        _ => (Part::Make, decision.rank),
    };
    let is_there = action.reason != Reason::DeletedOutside;
    let loses = decision.evicted.or(decision.kind.loses);
    let loses = loses.filter(|_| action.verb == Verb::Delete && is_there);
    let (verb, detail) = match (&op, &action.id) {
        (Op::Await { .. }, Some(id)) => (Verb::NoOp, words::awaited(id)),
        _ => (action.verb, words::detail(decision)),
    };
    let step = Step {
        number: 0,
        op,
        verb,
        kind: decision.kind.name.to_owned(),
        label: words::label(decision),
        detail: detail + &words::whereabouts(input, decision),
        monthly: match action.verb {
            Verb::Create => action.monthly_after,
            // The one that it takes the place of may be paid for as well.
            Verb::Replace | Verb::Recreate => decision.price,
            Verb::Delete => action
                .monthly_before
                .filter(|before| !before.is_zero())
                .map(|before| -before),
            _ => None,
        },
        kept: None,
        loses,
        wipes: loses.is_some() && decision.kind.kept_unless_allowed,
        interrupts: false,
        permanent: false,
        waits_for: Vec::new(),
        after: Vec::new(),
    };
    let (gives_back, lets_go) = match action.verb {
        Verb::Delete => (
            texts_before(decision, OnChange::Computed),
            texts_before(decision, OnChange::Update),
        ),
        Verb::Import => (Vec::new(), texts_before(decision, OnChange::Update)),
        _ => (Vec::new(), Vec::new()),
    };
    Some(Draft {
        step,
        rank,
        address,
        refers_to,
        needs: Vec::new(),
        after: Vec::new(),
        gives_back,
        lets_go,
        drain: decision.drain,
        stands_at: match action.verb {
            Verb::Create => (decision.kind.stands_at)(&attributes()),
            Verb::Delete => (decision.kind.stands_at)(&words::before(action)),
            _ => None,
        },
        copy: match action.verb {
            Verb::Delete if is_there => snapshot::asked_for(input, decision),
            _ => None,
        },
    })
}

/// The drafts of what changes in place, each of which follows the one before.
fn in_place<'d>(input: &Input<'_>, decision: &'d Decision<'_>, first: usize) -> Vec<Draft<'d>> {
    let action = &decision.action;
    let Some(account) = input.accounts.get(&action.account) else {
        return Vec::new();
    };
    let is = action.before.clone().unwrap_or_default();
    let kind = decision.kind;
    let (mut noted, changes): (Vec<Change>, Vec<Change>) = action
        .changes
        .iter()
        .filter(|change| !probe::is_answer(decision, change))
        .cloned()
        .partition(|change| change.is_for_the_state(kind));
    let mut stages = stages(account.capabilities, kind.name, &changes, &is);
    let mut is_first = false;
    if changes.iter().any(|change| change.remakes(kind)) {
        let again = probe::is_to_answer_again(decision);
        is_first = again.is_some();
        noted.extend(again);
    }
    if !noted.is_empty() {
        for stage in &mut stages {
            stage.needs.iter_mut().for_each(|needed| *needed += 1);
            stage.needs.extend(is_first.then_some(0));
        }
        stages.insert(0, Stage::noting(noted));
    }
    let mut attributes = unchanged(decision);
    let mut drafts = Vec::with_capacity(stages.len());
    for (at, stage) in stages.into_iter().enumerate() {
        let before = attributes.clone();
        for change in &stage.changes {
            if let Some(attribute) = kind.attribute(&change.attribute) {
                attributes.insert(attribute.name, change.after.clone());
            }
            for along in kind.along_with(&change.attribute) {
                let after = action.after.as_ref();
                let after = after.and_then(|after| after.get(along.name));
                attributes.extend(after.map(|after| (along.name, after.clone())));
            }
        }
        let permanent = (kind.permanent)(&before, &attributes, account.catalog.as_ref());
        let remakes = stage.changes.iter().any(|change| change.remakes(kind));
        let loses = kind.loses.filter(|_| remakes);
        let changed = stage.changes.iter().map(|change| change.attribute.clone());
        let changed: Vec<String> = changed.collect();
        let step = Step {
            number: 0,
            verb: Verb::Update,
            kind: kind.name.to_owned(),
            label: words::label(decision),
            detail: words::in_place(decision, &stage, (permanent, loses)),
            monthly: price_change(kind, Some(account), &before, &attributes)
                .filter(|more| !more.is_zero()),
            kept: None,
            loses,
            wipes: loses.is_some(),
            interrupts: stage.interrupts,
            permanent,
            waits_for: Vec::new(),
            after: Vec::new(),
            op: Op::Update {
                address: action.address.clone(),
                id: action.id.clone().unwrap_or_default(),
                attributes: attributes.clone(),
                refers_to: decision.desired.map(refers_to).unwrap_or_default(),
                changes: stage.changes,
            },
        };
        let mut refers_to = referred(decision.desired, &changed);
        // What others are led to is not given up before there is what takes it.
        if renews(&step) {
            let follows = decision.desired.map(|desired| &desired.follows);
            refers_to.extend(follows.into_iter().flatten().cloned());
        }
        let gives_back = match attaches(&step) {
            true => texts_before(decision, OnChange::Computed),
            false => Vec::new(),
        };
        let drain = decision.drain.filter(|_| attaches(&step));
        drafts.push(Draft {
            step,
            rank: (Part::Make, decision.rank),
            address: action.address.clone(),
            refers_to,
            needs: stage.needs.iter().map(|needed| first + needed).collect(),
            after: at
                .checked_sub(1)
                .map(|before| first + before)
                .into_iter()
                .collect(),
            gives_back,
            lets_go: texts_before(decision, OnChange::Update),
            drain,
            stands_at: None,
            copy: None,
        });
    }
    drafts
}

/// The attributes as they shall be, but for those that change in place: these are as they are.
fn unchanged(decision: &Decision<'_>) -> Attributes<Value> {
    let mut attributes = decision.action.after.clone().unwrap_or_default();
    for change in &decision.action.changes {
        if let Some(attribute) = decision.kind.attribute(&change.attribute) {
            attributes.insert(attribute.name, Value::Known(change.before.clone()));
        }
        for along in decision.kind.along_with(&change.attribute) {
            attributes.remove(along.name);
        }
    }
    attributes
}

/// What the state shall say of something that is taken over, before anything of it is changed.
fn imported(decision: &Decision<'_>) -> Attributes<Value> {
    let mut attributes = unchanged(decision);
    for attribute in decision.kind.attributes {
        let is_asked_for = || {
            let desired = decision.desired;
            desired.is_some_and(|desired| desired.attributes.contains_key(attribute.name))
        };
        if attribute.is_only_seen() || attribute.only_if_asked && !is_asked_for() {
            attributes.remove(attribute.name);
        }
    }
    attributes
}

/// The texts of those of its attributes whose change means this.
fn texts_before<'d>(decision: &'d Decision<'_>, on_change: OnChange) -> Vec<&'d str> {
    let before = decision.action.before.iter();
    before
        .flat_map(|before| texts_of(decision.kind.name, before, on_change))
        .collect()
}

/// What these attributes are taken from, also where it is known already: it may have to come up or to
/// be taken over first.
fn referred(desired: Option<&Desired>, changed: &[String]) -> Vec<Address> {
    let values = changed
        .iter()
        .filter_map(|name| desired?.attributes.get(name));
    let references = values.flat_map(Value::references);
    references.map(|to| to.address.clone()).collect()
}

/// Whether a step changes what something is attached to.
fn attaches(step: &Step) -> bool {
    step.op.attaches().is_some()
}

/// Whether a step gives something other values that are computed.
fn renews(step: &Step) -> bool {
    let Op::Update {
        address,
        changes,
        attributes,
        ..
    } = &step.op
    else {
        return false;
    };
    let mut changes = changes.iter();
    kind(address.kind()).is_some_and(|(_, kind)| {
        changes.any(|change| (kind.renewed)(&change.attribute, attributes).is_some())
    })
}

fn refers_to(desired: &Desired) -> Vec<Address> {
    let mut addresses: Vec<Address> = desired.needs().cloned().collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// What each step waits for: those that make what it refers to, and, to remove something, those
/// that make others stop referring to it, by what the state says and by what the account says.
fn waits_for(input: &Input<'_>, drafts: &[Draft<'_>]) -> Vec<Vec<usize>> {
    // Of several the last, which comes after the others.
    let by_address: HashMap<&Address, usize> = drafts
        .iter()
        .enumerate()
        .map(|(node, draft)| (&draft.address, node))
        .collect();
    // What is changed in place is there already, unless it is made anew there, attached to something
    // else, or gets what others are to lead to.
    let changes = |step: &Step| {
        let makes = step.loses.is_some() || attaches(step) || renews(step);
        matches!(step.op, Op::Update { .. }) && !makes
    };
    let makers: HashMap<&Address, usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| !changes(&draft.step))
        .map(|(node, draft)| (&draft.address, node))
        .collect();
    let takes_over = |draft: &Draft<'_>| matches!(draft.step.op, Op::Import { .. });
    let made_anew: HashSet<&Address> = drafts
        .iter()
        .filter(|draft| matches!(draft.step.verb, Verb::Replace | Verb::Recreate))
        .map(|draft| &draft.address)
        .collect();
    let makes = |node: &usize| {
        let draft = drafts.get(*node);
        draft.is_some_and(|draft| {
            let step = &draft.step;
            made_anew.contains(&draft.address) || attaches(step) || renews(step)
        })
    };
    let removes = |draft: &Draft<'_>| matches!(draft.rank.0, Part::Remove | Part::Forget);
    let mut waits_for: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| {
            let targets = draft.refers_to.iter().filter(|_| !removes(draft));
            let serves = draft.address.had();
            let serves = serves.and_then(|(had, _)| makers.get(&had).copied());
            let serves = serves.filter(|&node| !drafts.get(node).is_some_and(removes));
            targets
                .filter_map(|address| makers.get(address).copied())
                // What is there leads to what is there, and not to what is made in its place.
                .filter(|node| !(takes_over(draft) && makes(node)))
                .chain(draft.needs.iter().copied())
                // What is replaced goes once there is something in its place.
                .chain(serves)
                .collect()
        })
        .collect();
    for recorded in input.recorded.values() {
        let Some(&referrer) = by_address.get(&recorded.address) else {
            continue;
        };
        for target in &recorded.refers_to {
            if let Some(&node) = by_address.get(target)
                && drafts.get(node).is_some_and(removes)
                && let Some(nodes) = waits_for.get_mut(node)
            {
                nodes.push(referrer);
            }
        }
    }
    let given_back: HashMap<&str, usize> = drafts
        .iter()
        .enumerate()
        .flat_map(|(node, draft)| draft.gives_back.iter().map(move |value| (*value, node)))
        .collect();
    for (referrer, draft) in drafts.iter().enumerate() {
        let held = draft.lets_go.iter();
        for &node in held.filter_map(|value| given_back.get(value)) {
            // What goes before another is made cannot wait for what will lead to that.
            let goes_first = drafts
                .get(node)
                .is_some_and(|draft| !removes(draft) && !attaches(&draft.step));
            if node != referrer
                && (!goes_first || removes(draft) || takes_over(draft))
                && let Some(nodes) = waits_for.get_mut(node)
            {
                nodes.push(referrer);
            }
        }
    }
    make_way(drafts, &mut waits_for);
    for nodes in &mut waits_for {
        nodes.sort_unstable();
        nodes.dedup();
    }
    waits_for
}

/// What comes to where something goes from. If one of the two has to stand there alone, what goes
/// makes way, but only once everything else that the other waits for is done. Otherwise it goes once
/// the other is there. So there is no time without either, or the shortest that there can be.
fn make_way(drafts: &[Draft<'_>], waits_for: &mut [Vec<usize>]) {
    let mut leaving: HashMap<(&str, &str), Vec<(usize, bool)>> = HashMap::new();
    for (node, draft) in drafts.iter().enumerate() {
        if let (Part::Remove, Some((place, alone))) = (draft.rank.0, &draft.stands_at) {
            let place = (draft.step.kind.as_str(), place.as_str());
            leaving.entry(place).or_default().push((node, *alone));
        }
    }
    if leaving.is_empty() {
        return;
    }
    for (made, draft) in drafts.iter().enumerate() {
        let (Part::Make, Some((place, alone))) = (draft.rank.0, &draft.stands_at) else {
            continue;
        };
        let from_there = leaving.get(&(draft.step.kind.as_str(), place.as_str()));
        for &(goes, other) in from_there.into_iter().flatten() {
            if *alone || other {
                let before = waits_for.get(made).cloned().unwrap_or_default();
                for first in before {
                    add_wait(waits_for, goes, first);
                }
                add_wait(waits_for, made, goes);
            } else {
                add_wait(waits_for, goes, made);
            }
        }
    }
}

/// Has a node wait for another one, unless that waits for it already.
fn add_wait(waits_for: &mut [Vec<usize>], node: usize, other: usize) {
    let mut seen = HashSet::new();
    let mut open = vec![other];
    while let Some(at) = open.pop() {
        if at == node {
            return;
        }
        if seen.insert(at) {
            open.extend(waits_for.get(at).into_iter().flatten());
        }
    }
    if let Some(nodes) = waits_for.get_mut(node) {
        nodes.push(other);
    }
}

fn circular(cycle: &[usize], drafts: &[Draft<'_>]) -> Diagnostic {
    let names: Vec<String> = cycle
        .iter()
        .chain(cycle.first())
        .filter_map(|&node| drafts.get(node))
        .map(|draft| draft.address.to_string())
        .collect();
    Diagnostic::error("the references go in a circle")
        .detail(names.join(" → "))
        .hint("take one of these references out")
}
