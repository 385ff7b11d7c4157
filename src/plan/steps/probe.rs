//! The steps that ask what was made whether it serves. Whatever refers to it waits for them.

use serde_json::Value as Json;

use crate::model::{Attributes, Probe, Value};
use crate::plan::decide::Decision;
use crate::plan::{Change, Op, Verb, words};

use super::{Draft, Part, plain};

/// How it is asked, if it is.
fn probe(decision: &Decision<'_>) -> Option<Probe> {
    let probed = decision.kind.probed.as_ref()?;
    let asked = decision.desired?.known(probed.asked)?;
    serde_json::from_value(asked.clone()).ok()
}

/// What the state says of one that is made, until it has answered.
pub(super) fn unanswered(decision: &Decision<'_>, attributes: &mut Attributes<Value>) {
    if let Some(probed) = &decision.kind.probed
        && probe(decision).is_some()
    {
        attributes.insert(probed.unanswered, true.into());
    }
}

/// The draft that asks it; `id` is known if it was made by an earlier run.
pub(super) fn asks<'d>(decision: &'d Decision<'_>, needs: Vec<usize>) -> Option<Draft<'d>> {
    let probe = probe(decision)?;
    let address = decision.action.address.clone();
    let called = (decision.kind.name, words::label(decision));
    let detail = format!("until {probe} answers");
    let op = Op::Check {
        address: address.clone(),
        probe,
    };
    let step = plain(Verb::NoOp, called, detail, op);
    Some(Draft {
        needs,
        ..Draft::of(step, (Part::Make, decision.rank), address)
    })
}

/// That what is made anew where it is has not answered yet, if it is asked.
pub(super) fn is_to_answer_again(decision: &Decision<'_>) -> Option<Change> {
    let probed = decision.kind.probed.as_ref()?;
    probe(decision)?;
    Some(Change {
        attribute: probed.unanswered.to_owned(),
        before: Json::Bool(false),
        after: Value::Known(Json::Bool(true)),
    })
}

/// Whether a change is that something has answered at last, and it is still to be asked.
pub(super) fn is_answer(decision: &Decision<'_>, change: &Change) -> bool {
    let unanswered = decision
        .kind
        .probed
        .as_ref()
        .map(|probed| probed.unanswered);
    unanswered == Some(change.attribute.as_str())
        && change.before == Json::Bool(true)
        && probe(decision).is_some()
}
