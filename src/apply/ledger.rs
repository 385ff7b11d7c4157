use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::{Address, Attributes, Diagnostic, Observed, Origin, Readiness, Recorded};
use crate::plan::{Op, Plan, Step};
use crate::provider::{Class, Error};
use crate::resource::kind;
use crate::state::State;

use super::schedule::Schedule;
use super::step::{Call, Outcome, missing, remember};
use super::wait::{Sight, Until, Waiting, may_pass};
use super::{Event, Options, Report, Surroundings};

/// What is known of a run while it goes on: the state, which steps are done, what is waited for.
/// Every answer is entered here, and nowhere else.
pub(super) struct Ledger<'a> {
    plan: &'a Plan,
    state: &'a mut State,
    surroundings: &'a mut dyn Surroundings,
    options: &'a Options,
    schedule: Schedule,
    report: Report,
    began: HashMap<usize, Instant>,
    waiting: Vec<Waiting>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        state: &'a mut State,
        surroundings: &'a mut dyn Surroundings,
        options: &'a Options,
    ) -> Self {
        // Writing the user's file is no part of the graph: it comes last, also after a failure.
        let effects = plan
            .steps
            .iter()
            .filter(|step| !matches!(step.op, Op::WriteBack { .. }));
        let effects: Vec<Step> = effects.cloned().collect();
        Self {
            plan,
            state,
            surroundings,
            options,
            schedule: Schedule::new(&effects),
            report: Report::default(),
            began: HashMap::new(),
            waiting: Vec::new(),
        }
    }

    /// Makes the state durable before the first request: its lineage is on whatever that creates.
    pub(super) fn open(&mut self) -> bool {
        match self.surroundings.save(self.state) {
            Ok(()) => true,
            Err(problem) => {
                self.report.unsaved = Some(problem);
                false
            }
        }
    }

    /// The next step that may start, as a call; `None` if there is none for now.
    pub(super) fn start(&mut self) -> Option<(usize, Call)> {
        // What is made while nothing can be saved would not be known.
        while self.report.unsaved.is_none() {
            let number = self.schedule.start()?;
            let plan = self.plan;
            let step = plan.steps.get(number.checked_sub(1)?)?;
            self.began.insert(number, Instant::now());
            self.surroundings.event(&Event::Started { step: number });
            match Call::new(step, &self.state.resources, &self.state.lineage) {
                Ok(call) => return Some((number, call)),
                Err(why) => {
                    let problem = Diagnostic::error(format!("{} cannot be made", step.label));
                    let hint = "run plan again to see what is there";
                    self.fail(number, problem.detail(why).hint(hint));
                }
            }
        }
        None
    }

    /// Whether the state could not be saved.
    pub(super) fn is_unsaved(&self) -> bool {
        self.report.unsaved.is_some()
    }

    /// What is waited for.
    pub(super) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// The lineage that everything made here carries.
    pub(super) fn mark(&self) -> &str {
        &self.state.lineage
    }

    /// The user asked to stop.
    pub(super) fn interrupted(&mut self) {
        self.report.interrupted = true;
        self.surroundings.event(&Event::Interrupted);
    }

    /// What became of it all.
    pub(super) fn close(mut self) -> Report {
        self.report.not_started = self.schedule.not_started();
        self.report.pending = self.waiting.iter().map(|waiting| waiting.step).collect();
        let report = &self.report;
        let failed = report.failed.iter().map(|(number, _)| number);
        let settled: HashSet<&usize> = report
            .done
            .iter()
            .chain(&report.pending)
            .chain(failed)
            .collect();
        let unknown = self.began.keys().filter(|number| !settled.contains(number));
        let mut unknown: Vec<usize> = unknown.copied().collect();
        unknown.sort_unstable();
        self.report.unknown = unknown;
        if !self.report.interrupted && self.report.unsaved.is_none() {
            self.write_back();
        }
        self.report
    }

    pub(super) fn answered(&mut self, number: usize, call: &Call, result: Result<Outcome, Error>) {
        let plan = self.plan;
        let Some(step) = plan.steps.get(number - 1) else {
            return;
        };
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => return self.fail(number, problem(step, &error)),
        };
        // What was there already stays there when the deployment goes.
        let origin = match outcome {
            Outcome::Found(_) => Origin::Found,
            Outcome::Made(_) | Outcome::Accepted => Origin::Created,
        };
        match (&step.op, outcome) {
            (
                Op::Create {
                    address,
                    account,
                    refers_to,
                    ..
                },
                Outcome::Made(made) | Outcome::Found(made),
            ) => {
                let recorded = Recorded {
                    address: address.clone(),
                    account: account.clone(),
                    id: made.id.clone(),
                    origin,
                    ready: made.readiness == Readiness::Ready,
                    attributes: remember(address.kind(), call.attributes(), &made.attributes),
                    refers_to: refers_to.clone(),
                    recorded_at: Timestamp::now(),
                };
                // The id first: nothing that is made may be lost by what comes after.
                if self.record(number, recorded) {
                    self.made(number, address, &made);
                }
            }
            (
                Op::Import {
                    address,
                    account,
                    id,
                    refers_to,
                    ours,
                    ..
                },
                _,
            ) => {
                let lingers = kind(address.kind()).is_some_and(|(_, kind)| kind.lingers);
                let recorded = Recorded {
                    address: address.clone(),
                    account: account.clone(),
                    id: id.clone(),
                    origin: if *ours {
                        Origin::Created
                    } else {
                        Origin::Found
                    },
                    ready: !lingers,
                    attributes: call.attributes().clone(),
                    refers_to: refers_to.clone(),
                    recorded_at: Timestamp::now(),
                };
                if self.record(number, recorded) {
                    if lingers {
                        self.wait(number, address, id, Until::Ready);
                    } else {
                        self.finish(number, Some(id));
                    }
                }
            }
            (
                Op::Update {
                    address,
                    id,
                    refers_to,
                    ..
                },
                Outcome::Made(made),
            ) => {
                let attributes = remember(address.kind(), call.attributes(), &made.attributes);
                if let Some(recorded) = self.state.resources.get_mut(address) {
                    recorded.attributes = attributes;
                    recorded.refers_to.clone_from(refers_to);
                }
                if self.save(number) {
                    self.finish(number, Some(id));
                }
            }
            (Op::Await { address, id }, _) => {
                self.surroundings.event(&Event::Waiting {
                    step: number,
                    id: id.clone(),
                    why: "not ready yet".to_owned(),
                });
                self.wait(number, address, id, Until::Ready);
            }
            (Op::Delete { address, id }, _) => {
                if kind(address.kind()).is_some_and(|(_, kind)| kind.lingers) {
                    self.wait(number, address, id, Until::Gone);
                } else {
                    self.gone(number, address);
                }
            }
            (Op::Forget { address }, _) => self.gone(number, address),
            // A provider that takes note of a create without saying what it made.
            (Op::Create { .. } | Op::Update { .. }, Outcome::Accepted)
            | (Op::Update { .. }, Outcome::Found(_))
            | (Op::WriteBack { .. }, _) => {}
        }
    }

    /// What was made is recorded; it may have to be waited for.
    fn made(&mut self, number: usize, address: &Address, made: &Observed) {
        match (&made.readiness, missing(made)) {
            (Readiness::Failed(why), _) => self.failed_to_come(number, address, &made.id, why),
            (_, Some(why)) => {
                self.surroundings.event(&Event::Waiting {
                    step: number,
                    id: made.id.clone(),
                    why: why.to_owned(),
                });
                self.wait(number, address, &made.id, Until::Ready);
            }
            (_, None) => self.finish(number, Some(&made.id)),
        }
    }

    pub(super) fn wait(&mut self, step: usize, address: &Address, id: &str, until: Until) {
        let recorded = self.state.resources.get(address);
        let age = recorded.map(|recorded| Timestamp::now().duration_since(recorded.recorded_at));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        let unsettled = self.options.settle.saturating_sub(age.unwrap_or_default());
        self.waiting.push(Waiting {
            step,
            address: address.clone(),
            id: id.to_owned(),
            attributes: recorded.map_or_else(Attributes::new, |r| r.attributes.clone()),
            until,
            deadline: Instant::now() + self.options.ready_deadline,
            settled: Instant::now() + unsettled,
        });
    }

    /// Takes note of what the shared poll saw; the state is saved once for all of it.
    pub(super) fn looked(&mut self, sights: Result<Vec<(usize, Sight)>, Error>) {
        match sights {
            Ok(sights) => self.saw(sights),
            Err(error) if may_pass(&error) => {}
            Err(error) => {
                for waiting in std::mem::take(&mut self.waiting) {
                    let what = Diagnostic::error(format!("lost sight of {}", waiting.address));
                    let hint = "the state has it; run it again to go on waiting";
                    self.fail(waiting.step, what.detail(error.to_string()).hint(hint));
                }
            }
        }
        let now = Instant::now();
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.deadline <= now);
        self.waiting = waiting;
        for waiting in late {
            self.too_late(&waiting);
        }
    }

    fn saw(&mut self, sights: Vec<(usize, Sight)>) {
        let mut sights: HashMap<usize, Sight> = sights.into_iter().collect();
        let mut came = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            let address = &waiting.address;
            match sights.remove(&waiting.step).unwrap_or(Sight::NotYet) {
                Sight::NotYet => self.waiting.push(waiting),
                Sight::Gone => {
                    self.state.resources.remove(address);
                    came.push((waiting.step, waiting.id));
                }
                Sight::Ready(observed) => {
                    if let Some(recorded) = self.state.resources.get_mut(address) {
                        recorded.ready = true;
                        recorded.attributes =
                            remember(address.kind(), &recorded.attributes, &observed.attributes);
                    }
                    came.push((waiting.step, waiting.id));
                }
                Sight::Lost => {
                    let problem = Diagnostic::error(format!("{address} is gone"))
                        .detail(format!(
                            "{} was made and does not exist any more",
                            waiting.id
                        ))
                        .hint("run it again to have it made anew");
                    self.fail(waiting.step, problem);
                }
                Sight::Failed(why) => {
                    self.failed_to_come(waiting.step, address, &waiting.id, &why);
                }
            }
        }
        if came.is_empty() {
            return;
        }
        match self.surroundings.save(self.state) {
            Ok(()) => {
                for (number, id) in came {
                    self.finish(number, Some(&id));
                }
            }
            Err(problem) => {
                self.report.unsaved = Some(problem.clone());
                for (number, _) in came {
                    self.fail(number, problem.clone());
                }
            }
        }
    }

    fn too_late(&mut self, waiting: &Waiting) {
        let minutes = self.options.ready_deadline.as_secs() / 60;
        let still = match waiting.until {
            Until::Ready => "is not ready",
            Until::Gone => "is still there",
        };
        let problem = Diagnostic::error(format!("{} {still}", waiting.address))
            .detail(format!("waited {minutes} minutes for {}", waiting.id))
            .hint("the state has it; run it again to go on waiting");
        self.fail(waiting.step, problem);
    }

    fn failed_to_come(&mut self, number: usize, address: &Address, id: &str, why: &str) {
        let problem = Diagnostic::error(format!("{address} failed to come up"))
            .detail(format!("{id}: {why}"))
            .hint("delete it by hand, then run it again to have it made anew");
        self.fail(number, problem);
    }

    fn gone(&mut self, number: usize, address: &Address) {
        let id = self
            .state
            .resources
            .remove(address)
            .map(|recorded| recorded.id);
        if self.save(number) {
            self.finish(number, id.as_deref());
        }
    }

    fn record(&mut self, number: usize, recorded: Recorded) -> bool {
        self.state
            .resources
            .insert(recorded.address.clone(), recorded);
        self.save(number)
    }

    /// Saves the state. If that fails the step fails, no further request is sent, and the message
    /// says what the state does not know.
    fn save(&mut self, number: usize) -> bool {
        let Err(problem) = self.surroundings.save(self.state) else {
            return true;
        };
        self.report.unsaved = Some(problem.clone());
        let op = self.plan.steps.get(number - 1).map(|step| &step.op);
        let address = op.and_then(Op::address);
        let lost = address
            .and_then(|address| self.state.resources.get(address))
            .map(|recorded| {
                format!(
                    "; not saved: {} has the id {}",
                    recorded.address, recorded.id
                )
            });
        let detail = format!("{}{}", problem.detail, lost.unwrap_or_default());
        self.fail(number, problem.detail(detail));
        false
    }

    pub(super) fn finish(&mut self, number: usize, id: Option<&str>) {
        self.schedule.done(number);
        self.report.done.push(number);
        let op = self.plan.steps.get(number - 1).map(|step| &step.op);
        let outcome = op
            .and_then(Op::address)
            .and_then(|address| self.state.resources.get(address))
            .and_then(|recorded| {
                let (_, kind) = kind(recorded.address.kind())?;
                Some((kind.outcome)(&recorded.attributes))
            });
        self.surroundings.event(&Event::Finished {
            step: number,
            id: id.map(ToOwned::to_owned),
            outcome: outcome.unwrap_or_default(),
            elapsed: self.elapsed(number),
        });
    }

    pub(super) fn fail(&mut self, number: usize, error: Diagnostic) {
        let elapsed = self.elapsed(number);
        self.surroundings.event(&Event::Failed {
            step: number,
            error: error.clone(),
            elapsed,
        });
        self.report.failed.push((number, error));
        for step in self.schedule.failed(number) {
            self.report.skipped.push((step, number));
            self.surroundings.event(&Event::Skipped {
                step,
                because: number,
            });
        }
    }

    fn elapsed(&self, number: usize) -> Duration {
        self.began
            .get(&number)
            .map(Instant::elapsed)
            .unwrap_or_default()
    }

    /// Also after a failure: what was made has addresses that the user wants to see.
    fn write_back(&mut self) {
        let plan = self.plan;
        let Some(step) = plan
            .steps
            .iter()
            .find(|step| matches!(step.op, Op::WriteBack { .. }))
        else {
            return;
        };
        let number = step.number;
        self.began.insert(number, Instant::now());
        self.surroundings.event(&Event::Started { step: number });
        match self.surroundings.write_back(self.state, &step.op) {
            Ok(outcome) => {
                self.report.done.push(number);
                let elapsed = self.elapsed(number);
                self.surroundings.event(&Event::Finished {
                    step: number,
                    id: None,
                    outcome,
                    elapsed,
                });
            }
            Err(error) => self.fail(number, error),
        }
    }
}

/// An error of a request as a message about the step.
fn problem(step: &Step, error: &Error) -> Diagnostic {
    let became = match error.class {
        Class::Ambiguous => "may have been carried out: the answer is not clear",
        Class::Rejected | Class::NotFound | Class::Exists => "was refused",
        Class::Unauthorized => "is not allowed with this token",
        Class::Busy => "had to wait for something else too long",
        Class::RateLimited => "was held back by the API's limit of requests",
        Class::NotSent => "was not sent",
        Class::Transient => "failed for now",
        Class::Malformed => "got an answer that makes no sense",
    };
    let summary = format!("{} {} {became}", step.kind, step.label);
    Diagnostic::error(summary)
        .detail(error.to_string())
        .hint(error.hint())
}
