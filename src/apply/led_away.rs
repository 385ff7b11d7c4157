//! What names are led away from and serves on: the state knows it before they are.
//!
//! Once a name leads elsewhere, nothing else tells that it led there. A run that is cut off right then
//! is followed by one that would delete it at once.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::model::Address;
use crate::plan::{Op, Step};
use crate::state::{Change, Entry};

/// Which of what serves on under its own address the steps of a plan lead something away from, and for
/// how many seconds it has to. What was set aside is told by the address that it had.
#[derive(Debug, Default)]
pub(super) struct LedAway {
    /// By the address of what leads there.
    from: HashMap<Address, Vec<(Address, u64)>>,
}

impl LedAway {
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut from: HashMap<Address, Vec<(Address, u64)>> = HashMap::new();
        for step in steps {
            let Op::Drain {
                address, seconds, ..
            } = &step.op
            else {
                continue;
            };
            if address.had().is_some() {
                continue;
            }
            let first = step.waits_for.iter().filter_map(|&number| {
                let first = &steps.get(number.checked_sub(1)?)?.op;
                let leads = matches!(first, Op::Update { .. } | Op::Import { .. });
                first.address().filter(|_| leads)
            });
            for leads in first {
                let serves = (address.clone(), *seconds);
                from.entry(leads.clone()).or_default().push(serves);
            }
        }
        Self { from }
    }

    /// What these entries lead something away from: for how many seconds each of that serves on, and
    /// how long it may take until they begin. What is only about to be asked for may be done somewhat
    /// later, within `settle`, and it may be that nobody hears of it.
    pub(super) fn by<'l>(
        &'l self,
        entries: &'l [Entry],
        settle: Duration,
    ) -> BTreeMap<&'l Address, (u64, Duration)> {
        let leads = entries.iter().filter_map(|entry| match entry {
            Entry::Intent(intent) => Some((&intent.address, settle)),
            Entry::Outcome {
                change: Change::Put(recorded),
                ..
            }
            | Entry::Change(Change::Put(recorded)) => Some((&recorded.address, Duration::ZERO)),
            _ => None,
        });
        let mut all = BTreeMap::new();
        for (leads, within) in leads {
            for (serves, seconds) in self.from.get(leads).into_iter().flatten() {
                let longest = all.entry(serves).or_insert((*seconds, within));
                longest.1 = within.max(longest.1);
            }
        }
        all
    }
}
