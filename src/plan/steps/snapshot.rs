//! The steps that keep a copy of what is deleted.

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Value};
use crate::plan::decide::Decision;
use crate::plan::{Change, Input, Kept, Op, Step, Verb, words};
use crate::resource::Copied;

use super::{Draft, plain};

/// A copy that is to be made before something is deleted.
pub(super) struct Copy {
    change: Change,
    attributes: Attributes<Value>,
    refers_to: Vec<Address>,
    detail: String,
    kept: Kept,
}

/// The copy that is to be made of what a decision deletes, if one is asked for: by the state, also if
/// cloud.json has it no more or another took its place, or by cloud.json.
pub(super) fn asked_for(input: &Input<'_>, decision: &Decision<'_>) -> Option<Copy> {
    let action = &decision.action;
    let copied = decision.kind.copied?;
    let address = &action.address;
    let recorded = input.recorded.get(address);
    let had = address.had().map(|(had, _)| had);
    let in_its_place = had.as_ref().and_then(|had| input.recorded.get(had));
    let says = |attributes: &Attributes| {
        let said = attributes
            .get(copied.asked_by)
            .and_then(|said| said.as_str());
        said == Some(copied.with)
    };
    let is_recorded = recorded
        .into_iter()
        .chain(in_its_place)
        .any(|recorded| says(&recorded.attributes));
    let wanted_there = |had: &Address| input.desired.iter().find(|one| one.address == *had);
    let is_wanted = decision
        .desired
        .or_else(|| had.as_ref().and_then(wanted_there))
        .is_some_and(|desired| desired.text(copied.asked_by) == Some(copied.with));
    if !is_recorded && !is_wanted {
        return None;
    }
    let recorded = recorded?;
    let before = action.before.as_ref().unwrap_or(&recorded.attributes);
    let attribute = decision.kind.attribute(copied.attribute)?;
    let after = name(copied, before, &recorded.id);
    let mut attributes = before.as_known();
    attributes.insert(attribute.name, after.clone());
    let change = Change {
        attribute: attribute.name.to_owned(),
        before: Json::Null,
        after,
    };
    let a_gb = input.accounts.get(&action.account)?.capabilities.copy_gb;
    let size = before.get(copied.size_gb).and_then(Json::as_f64);
    let kept = Kept {
        at_most: a_gb.zip(size).map(|(a_gb, size)| a_gb.times(size)),
    };
    Some(Copy {
        detail: words::copied(decision.kind, &change, a_gb, kept),
        kept,
        change,
        attributes,
        refers_to: recorded.refers_to.clone(),
    })
}

fn name(copied: Copied, attributes: &Attributes, id: &str) -> Value {
    (copied.named)(attributes, id).as_str().into()
}

/// What has to be copied is deleted once it is: if that fails, it stays.
pub(super) fn add_snapshots(drafts: &mut Vec<Draft<'_>>, waits_for: &mut Vec<Vec<usize>>) {
    for node in 0..drafts.len() {
        let at = drafts.len();
        let Some(draft) = drafts.get_mut(node) else {
            continue;
        };
        let (Some(copy), Op::Delete { address, id, .. }) = (draft.copy.take(), &draft.step.op)
        else {
            continue;
        };
        let called = (draft.step.kind.as_str(), draft.step.label.clone());
        let op = Op::Update {
            address: address.clone(),
            id: id.clone(),
            attributes: copy.attributes,
            refers_to: copy.refers_to,
            changes: vec![copy.change],
        };
        let step = Step {
            kept: Some(copy.kept),
            ..plain(Verb::Update, called, copy.detail, op)
        };
        let copies = Draft {
            after: draft.after.clone(),
            ..Draft::of(step, draft.rank, draft.address.clone())
        };
        let first = waits_for.get(node).cloned().unwrap_or_default();
        if let Some(waits) = waits_for.get_mut(node) {
            waits.push(at);
        }
        waits_for.push(first);
        drafts.push(copies);
    }
}
