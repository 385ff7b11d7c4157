use std::collections::{BTreeSet, HashMap};

use crate::model::{Capabilities, Value};
use crate::plan::{Op, Step};

/// Which steps create what is alike, so that one request can do for several of them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// By step, from 0: its group.
    of: Vec<Option<usize>>,
    /// By group: how many go into one request.
    most: Vec<usize>,
}

impl Groups {
    /// The groups of `steps`, as far as their accounts' providers can do this.
    pub(super) fn of<'c>(
        steps: &[Step],
        capabilities: impl Fn(&str) -> Option<&'c Capabilities>,
    ) -> Self {
        let mut groups = Self::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        for step in steps {
            let Op::Create {
                address,
                account,
                attributes,
                ..
            } = &step.op
            else {
                groups.of.push(None);
                continue;
            };
            let capabilities = capabilities(account);
            let Some(batch) = capabilities.and_then(|able| able.batch(address.kind())) else {
                groups.of.push(None);
                continue;
            };
            // What stands for the same thing is written in the same way, references included.
            let alike: Vec<(&str, &Value)> = batch.others(attributes).collect();
            let alike = format!("{} {account} {alike:?}", address.kind());
            let group = *known.entry(alike).or_insert_with(|| {
                groups.most.push(batch.most);
                groups.most.len() - 1
            });
            groups.of.push(Some(group));
        }
        groups
    }
}

/// Which steps may start, as others are done or fail. Steps go by their number.
#[derive(Debug)]
pub(super) struct Schedule {
    nodes: Vec<Node>,
    ready: BTreeSet<usize>,
    /// By group: how many go into one request, and which of the ready ones are of it.
    groups: Vec<(usize, BTreeSet<usize>)>,
}

#[derive(Debug)]
struct Node {
    missing: usize,
    /// The steps that wait for its being done.
    unblocks: Vec<usize>,
    /// The steps that wait for its being over.
    precedes: Vec<usize>,
    status: Status,
    group: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Blocked,
    Started,
    Over,
}

impl Schedule {
    /// A schedule of `steps`, which must be all of a plan's or its first ones.
    pub(super) fn new(steps: &[Step], groups: &Groups) -> Self {
        let mut nodes: Vec<Node> = steps
            .iter()
            .enumerate()
            .map(|(index, step)| Node {
                missing: step.waits_for.len() + step.after.len(),
                unblocks: Vec::new(),
                precedes: Vec::new(),
                status: Status::Blocked,
                group: groups.of.get(index).copied().flatten(),
            })
            .collect();
        for step in steps {
            for &first in &step.waits_for {
                if let Some(node) = node(&mut nodes, first) {
                    node.unblocks.push(step.number);
                }
            }
            for &first in &step.after {
                if let Some(node) = node(&mut nodes, first) {
                    node.precedes.push(step.number);
                }
            }
        }
        let most = groups.most.iter();
        let mut schedule = Self {
            nodes,
            ready: BTreeSet::new(),
            groups: most.map(|most| (*most, BTreeSet::new())).collect(),
        };
        for step in steps {
            if step.waits_for.is_empty() && step.after.is_empty() {
                schedule.make_ready(step.number);
            }
        }
        schedule
    }

    /// Starts the first step that may start, and with it those that one request can do for as
    /// well. Empty if there is none for now.
    pub(super) fn start(&mut self) -> Vec<usize> {
        let Some(first) = self.ready.pop_first() else {
            return Vec::new();
        };
        let mut started = vec![first];
        let group = node(&mut self.nodes, first).and_then(|node| node.group);
        if let Some((most, alike)) = group.and_then(|group| self.groups.get_mut(group)) {
            alike.remove(&first);
            while started.len() < *most
                && let Some(next) = alike.pop_first()
            {
                self.ready.remove(&next);
                started.push(next);
            }
        }
        for &number in &started {
            if let Some(node) = node(&mut self.nodes, number) {
                node.status = Status::Started;
            }
        }
        started
    }

    /// A started step has to be started again, `alone` or with others.
    pub(super) fn again(&mut self, number: usize, alone: bool) {
        if let Some(node) = node(&mut self.nodes, number) {
            node.status = Status::Blocked;
            if alone {
                node.group = None;
            }
            self.make_ready(number);
        }
    }

    fn make_ready(&mut self, number: usize) {
        self.ready.insert(number);
        let group = node(&mut self.nodes, number).and_then(|node| node.group);
        if let Some((_, alike)) = group.and_then(|group| self.groups.get_mut(group)) {
            alike.insert(number);
        }
    }

    /// A started step is done; what waited only for it may start.
    pub(super) fn done(&mut self, number: usize) {
        let (unblocked, preceded) = self.finish(number);
        for next in unblocked.into_iter().chain(preceded) {
            self.one_less(next);
        }
    }

    /// A started step failed. Gives the steps that cannot be done now, in order; what was only to
    /// come after it may start.
    pub(super) fn failed(&mut self, number: usize) -> BTreeSet<usize> {
        let mut skipped = BTreeSet::new();
        let (mut behind, mut preceded) = self.finish(number);
        while let Some(next) = behind.pop() {
            let blocked = node(&mut self.nodes, next).is_some_and(|n| n.status == Status::Blocked);
            if blocked {
                skipped.insert(next);
                let (further, after) = self.finish(next);
                behind.extend(further);
                preceded.extend(after);
            }
        }
        for next in preceded {
            self.one_less(next);
        }
        skipped
    }

    /// One of those that a step waits for is over.
    fn one_less(&mut self, number: usize) {
        let Some(node) = node(&mut self.nodes, number) else {
            return;
        };
        node.missing = node.missing.saturating_sub(1);
        if node.missing == 0 && node.status == Status::Blocked {
            self.make_ready(number);
        }
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

    /// Gives the steps that waited for its being done, and those that waited for its being over.
    fn finish(&mut self, number: usize) -> (Vec<usize>, Vec<usize>) {
        let Some(node) = node(&mut self.nodes, number) else {
            return Default::default();
        };
        node.status = Status::Over;
        let unblocks = std::mem::take(&mut node.unblocks);
        (unblocks, std::mem::take(&mut node.precedes))
    }
}

fn node(nodes: &mut [Node], number: usize) -> Option<&mut Node> {
    nodes.get_mut(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Batch};
    use crate::plan::Verb;

    fn step(number: usize, op: Op, waits_for: &[usize]) -> Step {
        Step {
            number,
            op,
            verb: Verb::Forget,
            kind: "toy".to_owned(),
            label: String::new(),
            detail: String::new(),
            monthly: None,
            kept: None,
            loses: None,
            wipes: false,
            interrupts: false,
            permanent: false,
            waits_for: waits_for.to_vec(),
            after: Vec::new(),
        }
    }

    fn schedule(waits_for: &[&[usize]]) -> Schedule {
        let forget = Op::Forget {
            address: Address::new("toy", "x"),
        };
        let steps = waits_for.iter().enumerate();
        let steps = steps.map(|(index, waits_for)| step(index + 1, forget.clone(), waits_for));
        Schedule::new(&steps.collect::<Vec<_>>(), &Groups::default())
    }

    /// Steps that create toys of these colours, three of which go into one request.
    fn toys(colours: &[&str]) -> Schedule {
        static TOYS: Capabilities = Capabilities {
            provider: "toys",
            kinds: &["toy"],
            updates: &[],
            leaves: &[],
            only_seen: &[],
            marked: &[],
            copy_gb: None,
            prices: true,
            batches: &[Batch {
                kind: "toy",
                most: 3,
                differ_by: &["name"],
            }],
            records: crate::model::RecordRules::ALL,
            name_servers: &[],
            boot: std::time::Duration::ZERO,
            page: 1,
            by_id: false,
            lacks: &[],
        };
        let steps = colours.iter().enumerate().map(|(index, colour)| {
            let name = format!("toy{index}");
            let attributes = [("name", name.as_str()), ("colour", colour)];
            let attributes = attributes
                .map(|(key, value)| (key.to_owned(), Value::Known(value.to_owned().into())));
            let op = Op::Create {
                replaces: None,
                address: Address::new("toy", &name),
                account: "default".to_owned(),
                attributes: attributes.into(),
                refers_to: Vec::new(),
            };
            step(index + 1, op, &[])
        });
        let steps: Vec<Step> = steps.collect();
        Schedule::new(&steps, &Groups::of(&steps, |_| Some(&TOYS)))
    }

    fn start_all(schedule: &mut Schedule) -> Vec<Vec<usize>> {
        let starts = std::iter::from_fn(|| Some(schedule.start()));
        starts.take_while(|started| !started.is_empty()).collect()
    }

    #[test]
    fn a_step_starts_when_the_last_it_waits_for_is_done() {
        let mut schedule = schedule(&[&[], &[], &[1, 2], &[3]]);
        assert_eq!(start_all(&mut schedule), [[1], [2]]);
        schedule.done(2);
        assert!(start_all(&mut schedule).is_empty());
        schedule.done(1);
        assert_eq!(start_all(&mut schedule), [[3]]);
        assert_eq!(schedule.not_started(), [4]);
    }

    #[test]
    fn a_failure_stops_only_what_waits_for_it() {
        let mut schedule = schedule(&[&[], &[], &[1], &[3, 2], &[2]]);
        start_all(&mut schedule);
        assert_eq!(schedule.failed(1), BTreeSet::from([3, 4]));
        schedule.done(2);
        assert_eq!(start_all(&mut schedule), [[5]]);
        assert!(schedule.not_started().is_empty());
    }

    #[test]
    fn what_only_comes_after_is_started_whatever_came_of_it() {
        // Stop, change, start again; and one that needs the change.
        let orders: [(&[usize], &[usize]); 4] =
            [(&[], &[]), (&[1], &[]), (&[1], &[2]), (&[2], &[])];
        let schedule = || {
            let forget = Op::Forget {
                address: Address::new("toy", "x"),
            };
            let steps = orders.iter().enumerate();
            let steps = steps.map(|(index, (waits_for, after))| Step {
                after: after.to_vec(),
                ..step(index + 1, forget.clone(), waits_for)
            });
            Schedule::new(&steps.collect::<Vec<_>>(), &Groups::default())
        };
        let mut changed = schedule();
        assert_eq!(start_all(&mut changed), [[1]]);
        changed.done(1);
        assert_eq!(start_all(&mut changed), [[2]]);
        assert_eq!(changed.failed(2), BTreeSet::from([4]));
        assert_eq!(start_all(&mut changed), [[3]]);

        let mut not_stopped = schedule();
        start_all(&mut not_stopped);
        assert_eq!(not_stopped.failed(1), BTreeSet::from([2, 3, 4]));
        assert!(start_all(&mut not_stopped).is_empty());
    }

    #[test]
    fn what_is_alike_starts_together() {
        let mut schedule = toys(&["red", "blue", "red", "red", "red", "blue", "green"]);
        let together = start_all(&mut schedule);
        assert_eq!(together, [vec![1, 3, 4], vec![2, 6], vec![5], vec![7]]);
    }

    #[test]
    fn what_starts_again_may_have_to_go_alone() {
        let mut schedule = toys(&["red", "red", "red"]);
        assert_eq!(start_all(&mut schedule), [[1, 2, 3]]);
        schedule.again(1, true);
        schedule.again(2, false);
        schedule.again(3, false);
        assert_eq!(schedule.not_started(), [1, 2, 3]);
        assert_eq!(start_all(&mut schedule), [vec![1], vec![2, 3]]);
    }
}
