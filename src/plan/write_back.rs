//! The step that brings the user's file up to date with what is written back into it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::model::{Address, Value};
use crate::resource::kind;

use super::decide::Decision;
use super::{Input, Op, Step, Verb, Written};

/// How many names a step lists before it only counts.
const NAMES: usize = 5;

/// The step, if the file is not right as it is.
pub(super) fn write_back(
    input: &Input<'_>,
    written: Written<'_>,
    decisions: &[Decision<'_>],
    number: usize,
) -> Option<Step> {
    let (stale, left) = if input.destroying {
        // All that is there is ours and of servers that will be gone, also of those that went with
        // a run which did not come to take it out.
        let planned = decisions.iter().map(|decision| &decision.action.address);
        let planned: BTreeSet<&Address> = planned.collect();
        let all = written.values.keys();
        let all = all.filter(|address| input.part.is_whole() || planned.contains(address));
        (Vec::new(), all.collect())
    } else {
        let stale = decisions
            .iter()
            .filter(|decision| is_stale(decision, written));
        let stale = stale.map(|decision| &decision.action.address);
        let left = match written.keeps_unwanted {
            // Of what is left out nobody says that it is gone.
            true => {
                let goes = going(decisions);
                let left = left_over(decisions, written).into_iter();
                left.filter(|address| input.part.is_whole() || goes.contains(address))
                    .collect()
            }
            false => Vec::new(),
        };
        (stale.collect(), left)
    };
    let about = kind(stale.first().or(left.first())?.kind())
        .and_then(|(_, kind)| kind.attribute(kind.written_back?))
        .map_or("", |attribute| attribute.name);
    let detail: Vec<String> = [("write", &stale), ("take out", &left)]
        .into_iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .map(|(what, addresses)| format!("{what} {about} of {}", names(addresses)))
        .collect();
    Some(Step {
        number,
        op: Op::WriteBack {
            addresses: stale.into_iter().chain(left).cloned().collect(),
        },
        verb: Verb::Update,
        kind: "file".to_owned(),
        label: written.file.to_owned(),
        detail: detail.join("; "),
        monthly: None,
        kept: None,
        loses: None,
        wipes: false,
        interrupts: false,
        permanent: false,
        waits_for: Vec::new(),
        after: Vec::new(),
    })
}

fn names(addresses: &[&Address]) -> String {
    let names = addresses.iter().take(NAMES);
    let names: Vec<&str> = names.map(|address| address.name()).collect();
    let more = match addresses.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", names.join(", "))
}

/// What is deleted or forgotten.
fn going<'d>(decisions: &'d [Decision<'_>]) -> BTreeSet<&'d Address> {
    let going = decisions
        .iter()
        .filter(|one| matches!(one.action.verb, Verb::Delete | Verb::Forget));
    going.map(|one| &one.action.address).collect()
}

/// What the file holds of servers, or whatever it is, that are not wanted any more, and gone or
/// about to be: where it is not the file that says what is wanted, it can.
fn left_over<'a>(decisions: &[Decision<'_>], written: Written<'a>) -> Vec<&'a Address> {
    let stays = decisions.iter().filter(|decision| {
        decision.desired.is_some() || !matches!(decision.action.verb, Verb::Delete | Verb::Forget)
    });
    let stays: BTreeSet<&Address> = stays.map(|decision| &decision.action.address).collect();
    let left = written.values.keys();
    left.filter(|address| !stays.contains(address)).collect()
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
