//! How much is stopped at the same time: a change of everything shall not be an outage of everything.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::Address;
use crate::plan::Step;

/// What is stopped for a change just now, and what has to wait for it.
#[derive(Debug)]
pub(super) struct Stopping {
    most: usize,
    /// The last step of each thing that is stopped at some time.
    last: HashMap<Address, usize>,
    /// By the number of the step that starts it again.
    stopped: BTreeMap<usize, Address>,
    /// Steps that would stop more.
    waiting: BTreeSet<usize>,
    /// Whether something that was stopped did not become what it was stopped for, or was not started
    /// again: then nothing more is stopped.
    halted: bool,
}

impl Stopping {
    /// So many of the things that these steps are about may be stopped at once.
    pub(super) fn new(steps: &[Step], most: usize) -> Self {
        let stops = steps.iter().filter(|step| step.interrupts);
        let stops = stops.filter_map(|step| Some((step.op.address()?.clone(), step.number)));
        let mut last: HashMap<Address, usize> = stops.collect();
        for step in steps {
            if let Some(last) = step.op.address().and_then(|address| last.get_mut(address)) {
                *last = (*last).max(step.number);
            }
        }
        Self {
            most,
            last,
            stopped: BTreeMap::new(),
            waiting: BTreeSet::new(),
            halted: false,
        }
    }

    /// Whether a step that is about to start would stop one thing too many. If not, what it stops
    /// is counted.
    pub(super) fn has_to_wait(&mut self, steps: &[Step], number: usize) -> bool {
        let step = number.checked_sub(1).and_then(|at| steps.get(at));
        let Some((step, address)) = step.and_then(|step| Some((step, step.op.address()?))) else {
            return false;
        };
        let is_stopped = self.stopped.values().any(|stopped| stopped == address);
        if !step.interrupts || is_stopped {
            return false;
        }
        if self.halted || self.stopped.len() >= self.most {
            self.waiting.insert(number);
            return true;
        }
        let last = self.last.get(address).copied().unwrap_or(number);
        self.stopped.insert(last, address.clone());
        false
    }

    /// A step is done. Gives one that may start now, if this was the last of something that was
    /// stopped.
    pub(super) fn done(&mut self, number: usize) -> Option<usize> {
        self.stopped.remove(&number)?;
        if self.halted {
            return None;
        }
        self.waiting.pop_first()
    }

    /// A step of this failed.
    pub(super) fn failed(&mut self, address: &Address) {
        self.halted |= self.stopped.values().any(|stopped| stopped == address);
    }

    /// The steps that wait still.
    pub(super) fn take_waiting(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Op, Verb};

    /// Stop, change and start, of so many things.
    fn steps(things: usize) -> Vec<Step> {
        let step = |number: usize| Step {
            number,
            op: Op::Forget {
                address: Address::new("toy", &((number - 1) / 3).to_string()),
            },
            verb: Verb::Update,
            kind: "toy".to_owned(),
            label: String::new(),
            detail: String::new(),
            monthly: None,
            kept: None,
            loses: None,
            wipes: false,
            interrupts: number % 3 == 1,
            permanent: false,
            waits_for: Vec::new(),
            after: Vec::new(),
        };
        (1..=3 * things).map(step).collect()
    }

    #[test]
    fn one_more_is_stopped_only_when_one_is_started_again() {
        let steps = steps(3);
        let mut stopping = Stopping::new(&steps, 1);
        assert!(!stopping.has_to_wait(&steps, 1));
        assert!(stopping.has_to_wait(&steps, 4) && stopping.has_to_wait(&steps, 7));
        // What goes on with the first.
        assert!(!stopping.has_to_wait(&steps, 2));
        assert_eq!(stopping.done(2), None);
        assert_eq!(stopping.done(3), Some(4));
        assert!(!stopping.has_to_wait(&steps, 4));
        assert_eq!(stopping.done(6), Some(7));
        assert_eq!(stopping.take_waiting(), BTreeSet::new());
    }

    #[test]
    fn nothing_more_is_stopped_once_a_change_failed() {
        let steps = steps(3);
        let mut stopping = Stopping::new(&steps, 1);
        assert!(!stopping.has_to_wait(&steps, 1));
        assert!(stopping.has_to_wait(&steps, 4));
        // Another's failure is no reason.
        stopping.failed(&Address::new("toy", "1"));
        stopping.failed(&Address::new("toy", "0"));
        assert_eq!(stopping.done(3), None);
        assert!(stopping.has_to_wait(&steps, 7));
        assert_eq!(stopping.take_waiting(), BTreeSet::from([4, 7]));
    }
}
