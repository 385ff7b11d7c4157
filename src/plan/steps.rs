use std::collections::HashMap;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Desired, Diagnostic, Money, Value};
use crate::resource::{OnChange, kind, show};

use super::bind::How;
use super::decide::Decision;
use super::{Action, Change, Input, Op, Reason, Step, Verb, Written, graph};

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
    let drafts = decisions
        .iter()
        .filter_map(|decision| draft(input, decision));
    let drafts: Vec<Draft<'_>> = drafts.collect();
    let waits_for = waits_for(input, &drafts);
    let ranks: Vec<(Part, usize)> = drafts.iter().map(|draft| draft.rank).collect();
    let order = match graph::order(&ranks, &waits_for) {
        Ok(order) => order,
        Err(cycle) => {
            notes.push(circular(&cycle, &drafts));
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
    /// What the provider gave it and may give to somebody else once it is deleted.
    gives_back: Vec<&'d str>,
    /// What it leads to in the account until it is updated or deleted.
    lets_go: Vec<&'d str>,
}

fn draft<'d>(input: &Input<'_>, decision: &'d Decision<'_>) -> Option<Draft<'d>> {
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
        Verb::NoOp if decision.awaited => Op::Await {
            address: address.clone(),
            id: id(),
        },
        Verb::NoOp => return None,
        Verb::Create => Op::Create {
            address: address.clone(),
            account: account(),
            attributes: attributes(),
            refers_to: refers_to.clone(),
        },
        Verb::Import => Op::Import {
            address: address.clone(),
            account: account(),
            id: id(),
            attributes: attributes(),
            refers_to: refers_to.clone(),
            mark: decision.kind.marked && decision.how == Some(How::Nature),
            ours: decision.ours,
        },
        Verb::Update => Op::Update {
            address: address.clone(),
            id: id(),
            attributes: attributes(),
            refers_to: refers_to.clone(),
            changed: Change::names(&action.changes),
        },
        Verb::Delete => Op::Delete {
            address: address.clone(),
            id: id(),
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
    let loses = decision
        .kind
        .loses
        .filter(|_| action.verb == Verb::Delete && is_there);
    let step = Step {
        number: 0,
        op,
        verb: action.verb,
        kind: decision.kind.name.to_owned(),
        label: label(decision),
        detail: detail(decision) + &whereabouts(input, decision),
        monthly: monthly(action.monthly_before, action.monthly_after, action.verb),
        loses,
        waits_for: Vec::new(),
    };
    let texts_before = |on_change: OnChange| {
        let attributes = decision.kind.attributes.iter();
        attributes
            .filter(move |attribute| attribute.on_change == on_change)
            .filter_map(|attribute| action.before.as_ref()?.get(attribute.name)?.as_str())
            .collect()
    };
    let (gives_back, lets_go) = match action.verb {
        Verb::Delete => (
            texts_before(OnChange::Computed),
            texts_before(OnChange::Update),
        ),
        Verb::Update => (Vec::new(), texts_before(OnChange::Update)),
        _ => (Vec::new(), Vec::new()),
    };
    Some(Draft {
        step,
        rank,
        address,
        refers_to,
        gives_back,
        lets_go,
    })
}

fn refers_to(desired: &Desired) -> Vec<Address> {
    let mut addresses: Vec<Address> = desired
        .references()
        .map(|reference| reference.address.clone())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn monthly(before: Option<Money>, after: Option<Money>, verb: Verb) -> Option<Money> {
    match verb {
        Verb::Create => after,
        Verb::Delete => before.map(|before| -before),
        _ => None,
    }
}

/// What is done, in a few words.
fn detail(decision: &Decision<'_>) -> String {
    let action = &decision.action;
    let id = action.id.as_deref().unwrap_or_default();
    match &action.reason {
        Reason::New => decision.desired.map_or_else(String::new, |desired| {
            (decision.kind.detail)(&shown(decision, desired))
        }),
        Reason::DeletedOutside if action.verb == Verb::Create => {
            let made = decision.desired.map_or_else(String::new, |desired| {
                (decision.kind.detail)(&shown(decision, desired))
            });
            format!("{made} · was deleted outside")
        }
        Reason::DeletedOutside if action.verb == Verb::Delete => {
            "was deleted outside · what it may have left goes".to_owned()
        }
        Reason::DeletedOutside => "was deleted outside".to_owned(),
        Reason::Exists if decision.kind.marked && decision.how.is_some() => {
            format!("take over {id}, with our mark")
        }
        Reason::Exists => format!("take over {id}, which is right already"),
        Reason::OurMark => format!("take back {id}, which carries our mark"),
        Reason::ChangedOutside => format!("{} · changed outside", changed(&action.changes)),
        Reason::Configured => changed(&action.changes),
        Reason::NotConfigured => gone(decision, "no longer in cloud.json"),
        Reason::Unmet => gone(decision, "there is nothing to lead to"),
        Reason::Destroy => gone(decision, ""),
        Reason::NotReady => format!("wait for {id}, which an earlier run made"),
        Reason::Kept(why) => format!("stays in the account: {why}"),
        Reason::UpToDate => String::new(),
    }
}

/// Where something new is made, if there is more than one place.
fn whereabouts(input: &Input<'_>, decision: &Decision<'_>) -> String {
    let is_new = decision.action.verb == Verb::Create;
    match input.accounts.len() {
        0 | 1 => String::new(),
        _ if is_new => format!(" · in {}", decision.action.account),
        _ => String::new(),
    }
}

/// A new resource's attributes as its description shows them.
fn shown(decision: &Decision<'_>, desired: &Desired) -> Attributes<Value> {
    decision
        .action
        .after
        .clone()
        .unwrap_or_else(|| desired.attributes.clone())
}

fn changed(changes: &[Change]) -> String {
    let each = changes.iter().map(|change| {
        format!(
            "{} → {}",
            show(&Value::Known(change.before.clone())),
            show(&change.after)
        )
    });
    each.collect::<Vec<_>>().join(", ")
}

fn label(decision: &Decision<'_>) -> String {
    let action = &decision.action;
    let attributes = action.after.clone().unwrap_or_else(|| before(action));
    (decision.kind.label)(action.address.name(), &attributes)
}

/// The attributes that a resource had, as values.
fn before(action: &Action) -> Attributes<Value> {
    let before = action.before.clone().unwrap_or_default();
    before
        .into_iter()
        .map(|(name, value)| (name, Value::Known(value)))
        .collect()
}

fn gone(decision: &Decision<'_>, why: &str) -> String {
    let before = before(&decision.action);
    let what = match decision.kind.loses {
        Some(lost) => format!("with {lost}"),
        None => (decision.kind.removed)(&before),
    };
    let parts = [what.as_str(), why];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

/// What each step waits for: those that make what it refers to, and, to remove something, those
/// that make others stop referring to it, by what the state says and by what the account says.
fn waits_for(input: &Input<'_>, drafts: &[Draft<'_>]) -> Vec<Vec<usize>> {
    let by_address: HashMap<&Address, usize> = drafts
        .iter()
        .enumerate()
        .map(|(node, draft)| (&draft.address, node))
        .collect();
    let removes = |draft: &Draft<'_>| matches!(draft.rank.0, Part::Remove | Part::Forget);
    let mut waits_for: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| {
            let targets = draft.refers_to.iter().filter(|_| !removes(draft));
            targets
                .filter_map(|address| by_address.get(address).copied())
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
            if node != referrer
                && let Some(nodes) = waits_for.get_mut(node)
            {
                nodes.push(referrer);
            }
        }
    }
    for nodes in &mut waits_for {
        nodes.sort_unstable();
        nodes.dedup();
    }
    waits_for
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

/// How many names a step lists before it only counts.
const NAMES: usize = 5;

/// The step that brings the user's file up to date, if it is not.
fn write_back(
    input: &Input<'_>,
    written: Written<'_>,
    decisions: &[Decision<'_>],
    number: usize,
) -> Option<Step> {
    let stale: Vec<&Address> = if input.destroying {
        // All that is there is ours and of servers that will be gone, also of those that went with
        // a run which did not come to take it out.
        written.values.keys().collect()
    } else {
        let stale = decisions
            .iter()
            .filter(|decision| is_stale(decision, written));
        stale.map(|decision| &decision.action.address).collect()
    };
    let about = kind(stale.first()?.kind())
        .and_then(|(_, kind)| kind.attribute(kind.written_back?))
        .map_or("", |attribute| attribute.name);
    let names: Vec<&str> = stale
        .iter()
        .take(NAMES)
        .map(|address| address.name())
        .collect();
    let more = match stale.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = if input.destroying {
        "take out"
    } else {
        "write"
    };
    Some(Step {
        number,
        op: Op::WriteBack {
            addresses: stale.into_iter().cloned().collect(),
        },
        verb: Verb::Update,
        kind: "file".to_owned(),
        label: written.file.to_owned(),
        detail: format!("{what} {about} of {}{more}", names.join(", ")),
        monthly: None,
        loses: None,
        waits_for: Vec::new(),
    })
}

/// Whether a JSON text is this value. To write it takes a tenth of what it takes to read one, and
/// mostly they are alike to the letter.
fn says(text: &str, value: &Json) -> bool {
    let written = value.to_string();
    written == text || serde_json::from_str::<Json>(text).is_ok_and(|held| held == *value)
}

fn is_stale(decision: &Decision<'_>, written: Written<'_>) -> bool {
    let Some(attribute) = decision.kind.written_back else {
        return false;
    };
    if decision.desired.is_none() {
        return false;
    }
    let action = &decision.action;
    let holds = written.values.get(&action.address);
    let will_be = match (&action.after, &action.before) {
        (Some(after), _) => after.get(attribute).and_then(Value::known),
        (None, before) => before.as_ref().and_then(|before| before.get(attribute)),
    };
    match will_be {
        Some(known) => !holds.is_some_and(|text| says(text, known)),
        // It is not known before it is made, or seen to be ready.
        None => action.verb != Verb::NoOp || decision.awaited,
    }
}
