//! What no state has, and goes all the same.

use crate::model::{Address, Diagnostic, Observed};
use crate::plan::{Action, Reason, Verb};
use crate::resource::{Evicted, Facts, KINDS, Kind};

use super::Decision;

/// One decision for each.
pub(super) fn evicted<'a>(facts: &Facts<'a>, notes: &mut Vec<Diagnostic>) -> Vec<Decision<'a>> {
    let mut decisions = Vec::new();
    for (rank, kind) in KINDS.iter().copied().enumerate() {
        for Evicted { at, why, loses, .. } in (kind.evicts)(facts, notes) {
            let Some(seen) = facts.observed.get(at) else {
                continue;
            };
            decisions.push(Decision {
                action: Action {
                    address: evicted_address(kind, seen),
                    account: seen.account.to_string(),
                    verb: Verb::Delete,
                    reason: Reason::Evicted(why),
                    id: Some(seen.id.clone()),
                    before: Some(seen.attributes.clone()),
                    after: None,
                    changes: Vec::new(),
                    monthly_before: seen.monthly,
                    monthly_after: None,
                    place: None,
                },
                rank,
                kind,
                desired: None,
                how: None,
                ours: false,
                awaited: false,
                noted: Vec::new(),
                refreshed: None,
                evicted: Some(loses),
                drain: None,
                price: None,
                unpriced: false,
            });
        }
    }
    decisions
}

/// How a plan calls it: no state has it, and several may have one name.
pub(in crate::plan) fn evicted_address(kind: &Kind, seen: &Observed) -> Address {
    let name = (kind.name_of)(&seen.attributes).unwrap_or_default();
    Address::new(kind.name, &format!("{name}#{}", seen.id))
}
