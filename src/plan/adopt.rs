//! Taking over what somebody names, without changing anything else of it: which thing is meant is
//! known by its id, whatever it is called.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Diagnostic, Observed, Value};
use crate::resource::{OnChange, kind, show};

use super::bind::{Bindings, How};
use super::decide::{Decision, cost, decide};
use super::drain::Drains;
use super::{
    Action, Cost, Index, Input, Op, Plan, Sorted, Step, Verb, bind, facts, providers, steps,
};

/// What is to be taken over.
#[derive(Clone, Copy, Debug)]
pub struct Adoption<'a> {
    /// The ids of what is meant, by the address that it gets. All of it must be observed.
    pub ids: &'a BTreeMap<Address, String>,
    /// Whether what cloud.json asks for besides, and what is just so in the account, is taken over
    /// too.
    pub others: bool,
}

/// The steps that take it into the state, with our mark. What differs from cloud.json stays as it
/// is; the next plan is about that.
///
/// # Errors
/// Everything that stands against it.
pub fn adopt(input: &Input<'_>, adoption: &Adoption<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let mut index = Index::of(input);
    // Of what is meant it is known which it is, and the rest need not be clear.
    let (mut bindings, _) = bind::bind(input, &index);
    let mut problems = Vec::new();
    for (address, id) in adoption.ids {
        let meant = meant(input, &index, (address, id));
        let recognised = meant.and_then(|at| recognised(input, (address, id), at));
        let another = |&(at, _): &(usize, How)| another(input, &index, address, at);
        match (recognised.as_ref().ok().and_then(another), recognised) {
            (Some(problem), _) => problems.push(problem),
            (None, Ok((at, how))) => rebind(&mut bindings, &index, address, (at, how)),
            (None, Err(problem)) => problems.push(*problem),
        }
    }
    // Only what the state has is replaced.
    let none = HashSet::new();
    let (unmet, _) = super::unmet_conditions(input, &index, &bindings, &none);
    problems.extend(
        (unmet.iter())
            .filter(|address| adoption.ids.contains_key(address))
            .map(|address| pointless(address)),
    );
    let is_meant = |address: &Address| {
        let also = adoption.others && bindings.how.contains_key(address);
        adoption.ids.contains_key(address) || also && !unmet.contains(address)
    };
    (index.by_kind).retain(|(_, _, desired)| is_meant(&desired.address));
    index.leaving.clear();
    let sorted = Sorted {
        unwanted: &none,
        replaced: &none,
        left_out: &none,
    };
    let facts = facts(input, &index, &bindings, sorted);
    let drains = Drains::of(input, &index, &bindings, sorted);
    let decisions = decide(
        input,
        &index,
        &bindings,
        (&facts, &facts),
        &drains,
        &mut problems,
    );
    let drafted = steps::steps(input, &decisions, &mut problems);
    if problems.iter().any(Diagnostic::is_error) {
        return Err(problems);
    }
    let cost = cost(&decisions, &[]);
    Ok(Plan {
        steps: imports(drafted, &index),
        cost: Cost {
            after: cost.before,
            ..cost
        },
        actions: decisions.into_iter().filter_map(taken_over).collect(),
        providers: providers(input),
        notes: problems,
        refreshed: Vec::new(),
        renamed: Vec::new(),
        drift: Vec::new(),
        estimate: None,
        left_out: 0,
        checksum: None,
    })
}

/// Where it is among what is observed, if it may be taken over.
fn meant(
    input: &Input<'_>,
    index: &Index<'_>,
    (address, id): (&Address, &str),
) -> Result<usize, Box<Diagnostic>> {
    let Some(desired) = index.wanted.get(address) else {
        return Err(Box::new(
            Diagnostic::error(format!("cloud.json does not ask for {address}"))
                .hint("put it into cloud.json first, as it is"),
        ));
    };
    if let Some(recorded) = input.recorded.get(address) {
        return Err(Box::new(
            Diagnostic::error(format!("the state has {address} already"))
                .detail(format!("it is {}", recorded.id))
                .hint(format!(
                    "`cloudbuilder state forget {address}` first, if that is another one"
                ))
                .at(desired.place.clone()),
        ));
    }
    let is_it = |account: &str, kind: &str, known: &str| {
        account == desired.account && kind == address.kind() && known == id
    };
    let holder = input
        .recorded
        .values()
        .find(|recorded| is_it(&recorded.account, recorded.address.kind(), &recorded.id));
    if let Some(holder) = holder {
        let holder = &holder.address;
        return Err(Box::new(
            Diagnostic::error(format!("{id} is in the state already, as {holder}"))
                .hint(format!(
                    "`cloudbuilder state mv {holder} {address}` gives it that address"
                ))
                .at(desired.place.clone()),
        ));
    }
    let mut observed = input.observed.iter();
    observed
        .position(|seen| is_it(&seen.account, seen.kind, &seen.id))
        .ok_or_else(|| {
            Box::new(Diagnostic::error(format!(
                "the account has no {} {id}",
                address.kind()
            )))
        })
}

/// How it is ours, if it can be.
fn recognised(
    input: &Input<'_>,
    (address, id): (&Address, &str),
    at: usize,
) -> Result<(usize, How), Box<Diagnostic>> {
    let owners = input.observed.get(at).map(|seen: &Observed| &seen.owners);
    let mut owners = owners.into_iter().flatten();
    let Some(first) = owners.next() else {
        return Ok((at, How::Nature));
    };
    let mut all = std::iter::once(first).chain(owners);
    if all.any(|owner| Some(owner.as_str()) == input.lineage) {
        return Ok((at, How::Mark));
    }
    Err(Box::new(
        Diagnostic::error(format!(
            "{} {id} belongs to another deployment",
            address.kind()
        ))
        .detail(format!("it is marked with the lineage {first}"))
        .hint(format!(
            "have that deployment forget it and take the mark off; or, if it is this deployment's \
             and its state was lost, run `cloudbuilder state rebuild --lineage {first}`"
        )),
    ))
}

/// That it is not what cloud.json asks for, and can never become that.
fn another(
    input: &Input<'_>,
    index: &Index<'_>,
    address: &Address,
    at: usize,
) -> Option<Diagnostic> {
    let (seen, desired) = (input.observed.get(at)?, index.wanted.get(address)?);
    let (_, kind) = kind(address.kind())?;
    let mut attributes = kind.attributes.iter();
    attributes.find_map(|attribute| {
        let wanted = desired.attributes.get(attribute.name)?;
        let wanted = wanted.resolve(|to| index.wanted.get(&to.address)?.known(&to.attribute))?;
        let is = seen.attributes.get(attribute.name)?;
        let differs = attribute.on_change == OnChange::Identity && *is != *wanted;
        let shown = |value: &Json| show(&Value::Known(value.clone()));
        differs.then(|| {
            Diagnostic::error(format!("{} {} is not {address}", kind.name, seen.id))
                .detail(format!(
                    "its {} is {}, cloud.json asks for {}",
                    attribute.about,
                    shown(is),
                    shown(&wanted)
                ))
                .hint("look the id up once more")
                .at(desired.place.clone())
        })
    })
}

/// What was taken for something else by its name is free again.
fn rebind<'a>(
    bindings: &mut Bindings<'a>,
    index: &Index<'a>,
    address: &Address,
    (at, how): (usize, How),
) {
    let Some((&address, _)) = index.wanted.get_key_value(address) else {
        return;
    };
    let before = bindings.at.iter().find(|(_, bound)| **bound == at);
    if let Some(before) = before.map(|(before, _)| *before) {
        bindings.at.remove(before);
        bindings.how.remove(before);
    }
    bindings.at.insert(address, at);
    bindings.how.insert(address, how);
}

fn pointless(address: &Address) -> Diagnostic {
    Diagnostic::error(format!("{address} has nothing to lead to"))
        .detail("what cloud.json lets it lead to has no such address, so a plan would delete it")
        .hint("leave it alone, or delete it by hand")
}

/// The steps that take something over, and the one that writes the user's file, numbered anew.
fn imports(steps: Vec<Step>, index: &Index<'_>) -> Vec<Step> {
    let is_kept = |step: &Step| matches!(step.op, Op::Import { .. } | Op::WriteBack { .. });
    let kept: Vec<Step> = steps.into_iter().filter(is_kept).collect();
    let numbers: BTreeMap<usize, usize> = kept
        .iter()
        .enumerate()
        .map(|(at, step)| (step.number, at + 1))
        .collect();
    let number = |before: &usize| numbers.get(before).copied();
    let renumbered = kept.into_iter().map(|step| Step {
        number: number(&step.number).unwrap_or(step.number),
        waits_for: step.waits_for.iter().filter_map(number).collect(),
        after: step.after.iter().filter_map(number).collect(),
        op: settled(step.op, index),
        ..step
    });
    renumbered.collect()
}

/// What is yet to be made says what it will be, and nothing more is known of it now.
fn settled(mut op: Op, index: &Index<'_>) -> Op {
    if let Op::Import { attributes, .. } = &mut op {
        let unknown = attributes
            .iter()
            .filter(|(_, value)| value.known().is_none());
        let unknown: Vec<_> = unknown.map(|(name, value)| (name, value.clone())).collect();
        for (name, value) in unknown {
            let known = value.resolve(|to| index.wanted.get(&to.address)?.known(&to.attribute));
            match known {
                Some(known) => {
                    attributes.insert(name, Value::Known(known.into_owned()));
                }
                None => {
                    attributes.remove(name);
                }
            }
        }
    }
    op
}

/// What becomes of it for now: nothing but that it is ours.
fn taken_over(decision: Decision<'_>) -> Option<Action> {
    let action = decision.action;
    (action.verb == Verb::Import).then(|| Action {
        changes: Vec::new(),
        after: action.before.as_ref().map(Attributes::as_known),
        monthly_after: action.monthly_before,
        ..action
    })
}
