use std::collections::BTreeSet;

use crate::plan::Step;

/// Which steps may start, as others are done or fail. Steps go by their number.
#[derive(Debug)]
pub(super) struct Schedule {
    nodes: Vec<Node>,
    ready: BTreeSet<usize>,
}

#[derive(Debug)]
struct Node {
    missing: usize,
    unblocks: Vec<usize>,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Blocked,
    Started,
    Over,
}

impl Schedule {
    /// A schedule of `steps`, which must be all of a plan's or its first ones.
    pub(super) fn new(steps: &[Step]) -> Self {
        let mut nodes: Vec<Node> = steps
            .iter()
            .map(|step| Node {
                missing: step.waits_for.len(),
                unblocks: Vec::new(),
                status: Status::Blocked,
            })
            .collect();
        for step in steps {
            for &first in &step.waits_for {
                if let Some(node) = node(&mut nodes, first) {
                    node.unblocks.push(step.number);
                }
            }
        }
        let ready = steps.iter().filter(|step| step.waits_for.is_empty());
        let ready = ready.map(|step| step.number).collect();
        Self { nodes, ready }
    }

    /// Starts the first step that may start.
    pub(super) fn start(&mut self) -> Option<usize> {
        let number = self.ready.pop_first()?;
        if let Some(node) = node(&mut self.nodes, number) {
            node.status = Status::Started;
        }
        Some(number)
    }

    /// A started step is done; what waited only for it may start.
    pub(super) fn done(&mut self, number: usize) {
        for next in self.finish(number) {
            if let Some(node) = node(&mut self.nodes, next) {
                node.missing = node.missing.saturating_sub(1);
                if node.missing == 0 && node.status == Status::Blocked {
                    self.ready.insert(next);
                }
            }
        }
    }

    /// A started step failed. Gives the steps that cannot be done now, in order.
    pub(super) fn failed(&mut self, number: usize) -> BTreeSet<usize> {
        let mut skipped = BTreeSet::new();
        let mut behind = self.finish(number);
        while let Some(next) = behind.pop() {
            let blocked = node(&mut self.nodes, next).is_some_and(|n| n.status == Status::Blocked);
            if blocked {
                skipped.insert(next);
                behind.extend(self.finish(next));
            }
        }
        skipped
    }

    /// The steps that were not started.
    pub(super) fn not_started(&self) -> Vec<usize> {
        let blocked = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, n)| n.status == Status::Blocked);
        blocked.map(|(index, _)| index + 1).collect()
    }

    fn finish(&mut self, number: usize) -> Vec<usize> {
        node(&mut self.nodes, number).map_or_else(Vec::new, |node| {
            node.status = Status::Over;
            std::mem::take(&mut node.unblocks)
        })
    }
}

fn node(nodes: &mut [Node], number: usize) -> Option<&mut Node> {
    nodes.get_mut(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;
    use crate::plan::{Op, Verb};

    fn schedule(waits_for: &[&[usize]]) -> Schedule {
        let step = |(index, waits_for): (usize, &&[usize])| Step {
            number: index + 1,
            op: Op::Forget {
                address: Address::new("toy", "x"),
            },
            verb: Verb::Forget,
            kind: "toy".to_owned(),
            label: String::new(),
            detail: String::new(),
            monthly: None,
            loses: None,
            waits_for: waits_for.to_vec(),
        };
        Schedule::new(&waits_for.iter().enumerate().map(step).collect::<Vec<_>>())
    }

    fn start_all(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start()).collect()
    }

    #[test]
    fn a_step_starts_when_the_last_it_waits_for_is_done() {
        let mut schedule = schedule(&[&[], &[], &[1, 2], &[3]]);
        assert_eq!(start_all(&mut schedule), [1, 2]);
        schedule.done(2);
        assert!(start_all(&mut schedule).is_empty());
        schedule.done(1);
        assert_eq!(start_all(&mut schedule), [3]);
        assert_eq!(schedule.not_started(), [4]);
    }

    #[test]
    fn a_failure_stops_only_what_waits_for_it() {
        let mut schedule = schedule(&[&[], &[], &[1], &[3, 2], &[2]]);
        start_all(&mut schedule);
        assert_eq!(schedule.failed(1), BTreeSet::from([3, 4]));
        schedule.done(2);
        assert_eq!(start_all(&mut schedule), [5]);
        assert!(schedule.not_started().is_empty());
    }
}
