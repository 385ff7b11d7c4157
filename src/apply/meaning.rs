//! What an answer means: for the state, as an entry of the journal, and for the step.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::{Address, Diagnostic, Observed, Origin, Readiness, Recorded};
use crate::plan::{Op, Step};
use crate::provider::{Class, Error, Readers};
use crate::resource::kind;
use crate::state::{Change, Entry, Intent, State};

use super::Options;
use super::call::{Outcome, Part};
use super::outcome::{changed, missing, recorded};
use super::search::{Search, asked_for};
use super::wait::{Until, Waiting};

/// A change may take this many times as long as something takes to become ready: a disk that grows is
/// copied.
const LONGER: u32 = 8;

/// A create whose answer was lost: what it made is looked for.
pub(super) struct Lost {
    pub(super) intent: Intent,
    pub(super) step: usize,
    pub(super) error: Error,
    pub(super) search: Search,
}

/// What a step's answer means for the step, once what it means for the state is durable.
pub(super) enum Next {
    /// It is done; the id of what it was about.
    Finish(Option<String>),
    /// What it made is not there yet.
    Wait(Waiting, Option<String>),
    Fail(Diagnostic),
    /// It has to be sent again, by itself if it was one of several.
    Again {
        alone: bool,
    },
    /// It came to a halt: it has to be asked for once more, which is written down already.
    Remind {
        intent: u64,
    },
    /// It is done at that time: the id of what serves on until then.
    Drain(Instant, String),
    /// Nobody knows whether it was carried out.
    Search(Box<Lost>),
}

/// What is known when an answer comes.
pub(super) struct Meaning<'a> {
    pub(super) readers: &'a Readers,
    pub(super) state: &'a State,
    pub(super) options: &'a Options,
    pub(super) now: Timestamp,
}

impl Meaning<'_> {
    /// What an answer means that says what was done.
    pub(super) fn succeeded(&self, part: &Part, outcome: Outcome) -> (Option<Entry>, Next) {
        let number = part.intent;
        let step = (part.step, part.account.as_str());
        let settled = |change| Some(Entry::Outcome { number, change });
        match (&part.op, outcome) {
            // What it was asked for first may come about still.
            (_, Outcome::Again { .. }) if part.is_reminder => {
                (None, Next::Remind { intent: number })
            }
            (Op::Check { .. }, Outcome::Again { alone }) => (None, Next::Again { alone }),
            (Op::Check { address, .. }, Outcome::Unanswered(why)) => {
                (None, Next::Fail(unanswered(address, why)))
            }
            (_, Outcome::Again { alone }) => (settled(Change::Nothing), Next::Again { alone }),
            (
                Op::Create {
                    address,
                    account,
                    refers_to,
                    ..
                },
                outcome @ (Outcome::Made(_) | Outcome::Found(_)),
            ) => {
                // What was there already stays there when the deployment goes.
                let (observed, origin) = match outcome {
                    Outcome::Found(found) => (found, Origin::Found),
                    Outcome::Made(made) => (made, Origin::Created),
                    _ => return (None, Next::Finish(None)),
                };
                let what = (address, account.as_str(), &refers_to[..]);
                let recorded = recorded(what, origin, &part.attributes, &observed, self.now);
                let next = self.made(step, address, &observed);
                (settled(Change::Put(recorded)), next)
            }
            (
                Op::Import {
                    address,
                    account,
                    id,
                    refers_to,
                    ours,
                    mark,
                    ..
                },
                _,
            ) => {
                let lingers = lingers(address);
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
                    attributes: part.attributes.clone(),
                    refers_to: refers_to.clone(),
                    recorded_at: self.now,
                };
                let next = if lingers {
                    Next::Wait(self.wait(step, address, id, Until::Ready), None)
                } else {
                    Next::Finish(Some(id.clone()))
                };
                let change = Change::Put(recorded);
                let entry = match mark {
                    true => settled(change),
                    false => Some(Entry::Change(change)),
                };
                (entry, next)
            }
            (
                Op::Update {
                    address, refers_to, ..
                },
                Outcome::Made(observed),
            ) => {
                let recorded = self.state.resources.get(address);
                let change = recorded.map(|recorded| {
                    let asked_for = part.asked_for();
                    Change::Put(changed(recorded, &asked_for, refers_to, &observed))
                });
                let entry = settled(change.unwrap_or(Change::Nothing));
                // What waits for this may take away what it led to before: that takes more than
                // that somebody took note.
                (entry, self.made(step, address, &observed))
            }
            (Op::Update { address, id, .. }, Outcome::Accepted) if part.sends_nothing() => {
                let recorded = self.state.resources.get(address);
                let change = recorded.map(|recorded| {
                    let mut changed = recorded.clone();
                    changed.attributes.extend(part.asked_for());
                    Entry::Change(Change::Put(changed))
                });
                (change, Next::Finish(Some(id.clone())))
            }
            (Op::Update { address, id, .. }, Outcome::Accepted) => {
                let mut waiting = self.wait(step, address, id, Until::Changed);
                waiting.intent = Some(number);
                waiting.deadline = Instant::now() + self.options.ready_deadline * LONGER;
                waiting.becoming = Some(Arc::new((part.op.clone(), part.attributes.clone())));
                (None, Next::Wait(waiting, None))
            }
            (Op::Await { address, id }, _) => {
                let waiting = self.wait(step, address, id, Until::Ready);
                (None, Next::Wait(waiting, Some("not ready yet".to_owned())))
            }
            (Op::Check { address, .. }, _) => self.answers(address),
            (Op::Drain { address, id, .. }, _) => self.drains(address, id, &part.op),
            // What is on its way out is still there: it is settled when it is gone.
            (Op::Delete { address, id, .. }, _) if lingers(address) => {
                let mut waiting = self.wait(step, address, id, Until::Gone);
                waiting.intent = Some(number);
                (None, Next::Wait(waiting, None))
            }
            (Op::Delete { address, id, .. }, _) => {
                let entry = settled(Change::Remove(address.clone()));
                (entry, Next::Finish(Some(id.clone())))
            }
            (Op::Forget { address }, _) => {
                let id = self.state.resources.get(address);
                let id = id.map(|recorded| recorded.id.clone());
                let entry = Entry::Change(Change::Remove(address.clone()));
                (Some(entry), Next::Finish(id))
            }
            // No provider answers so.
            (Op::Create { .. }, Outcome::Accepted | Outcome::Unanswered(_))
            | (Op::Update { .. }, Outcome::Found(_) | Outcome::Unanswered(_))
            | (Op::WriteBack { .. }, _) => (None, Next::Finish(None)),
        }
    }

    /// It is not asked again by a later run.
    fn answers(&self, address: &Address) -> (Option<Entry>, Next) {
        let probed = kind(address.kind()).and_then(|(_, kind)| kind.probed.as_ref());
        let recorded = self.state.resources.get(address);
        let entry = recorded.zip(probed).map(|(recorded, probed)| {
            let mut answered = recorded.clone();
            answered.attributes.insert(probed.unanswered, false.into());
            Entry::Change(Change::Put(answered))
        });
        let id = recorded.map(|recorded| recorded.id.clone());
        (entry, Next::Finish(id))
    }

    /// When what led to something is forgotten is known to the next run as well.
    fn drains(&self, address: &Address, id: &str, op: &Op) -> (Option<Entry>, Next) {
        let finished = Next::Finish(Some(id.to_owned()));
        let Op::Drain {
            seconds,
            until,
            wait,
            ..
        } = op
        else {
            return (None, finished);
        };
        let longest = self.options.longest_drain;
        let time = Duration::from_secs(*seconds).min(longest);
        let (until, time) = match *until {
            None => (self.now.saturating_add(time).unwrap_or(self.now), time),
            // Other names may have been led away from there by this run.
            Some(until) => {
                let until = self
                    .serves_until(address)
                    .map_or(until, |one| one.max(until));
                let left = Duration::try_from(until.duration_since(self.now)).unwrap_or_default();
                (until, left.min(longest))
            }
        };
        let entry = self.told(address, until);
        let next = match wait {
            true => Next::Drain(Instant::now() + time, id.to_owned()),
            false => finished,
        };
        (entry, next)
    }

    /// That names are led away from something now, which serves on for so many seconds; `within` is
    /// how long that may still take. `None` if the state says already that it serves for longer.
    pub(super) fn led_away(
        &self,
        address: &Address,
        seconds: u64,
        within: Duration,
    ) -> Option<Entry> {
        let time = Duration::from_secs(seconds).min(self.options.longest_drain);
        let until = self.now.saturating_add(time.saturating_add(within)).ok()?;
        match self.serves_until(address).is_some_and(|told| told >= until) {
            true => None,
            false => self.told(address, until),
        }
    }

    /// When nobody remembers something, by what the state says.
    fn serves_until(&self, address: &Address) -> Option<Timestamp> {
        let name = kind(address.kind()).and_then(|(_, kind)| kind.forgotten_at)?;
        let told = self.state.resources.get(address)?.text(name)?;
        told.parse().ok()
    }

    /// That nobody remembers something from then on.
    fn told(&self, address: &Address, until: Timestamp) -> Option<Entry> {
        // Clocks of providers tell whole seconds.
        let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
        let name = kind(address.kind()).and_then(|(_, kind)| kind.forgotten_at)?;
        let mut told = self.state.resources.get(address)?.clone();
        told.attributes.insert(name, until.to_string().into());
        Some(Entry::Change(Change::Put(told)))
    }

    /// What an answer means that is none, or says that it was not done.
    pub(super) fn refused(&self, step: &Step, part: &Part, error: Error) -> (Option<Entry>, Next) {
        let failed = Next::Fail(problem(step, &error));
        let is_unknown = error.class == Class::Ambiguous;
        let intent = self.state.unsettled.get(&part.intent);
        match (&part.op, intent) {
            (Op::Create { .. }, Some(intent)) if is_unknown => {
                let lost = Lost {
                    intent: intent.clone(),
                    step: part.step,
                    error,
                    search: Search::new(self.options.settle, asked_for(self.readers, intent)),
                };
                (None, Next::Search(Box::new(lost)))
            }
            // It can be done again without harm; the next run looks what there is to do.
            (_, Some(_)) if is_unknown || part.is_reminder => (None, failed),
            (_, Some(_)) => {
                let entry = Entry::Outcome {
                    number: part.intent,
                    change: self.not_begun(part).map_or(Change::Nothing, Change::Put),
                };
                (Some(entry), failed)
            }
            (_, None) => (None, failed),
        }
    }

    /// What the state says again of something that is not changed after all.
    fn not_begun(&self, part: &Part) -> Option<Recorded> {
        let passing = part.passing()?;
        let mut recorded = self.state.resources.get(part.op.address()?)?.clone();
        recorded.attributes.remove(&passing.attribute);
        Some(recorded)
    }

    /// What was made may have to be waited for.
    pub(super) fn made(&self, step: (usize, &str), address: &Address, observed: &Observed) -> Next {
        match (&observed.readiness, missing(observed)) {
            (Readiness::Failed(why), _) => Next::Fail(failed_to_come(address, &observed.id, why)),
            (_, Some(why)) => {
                let waiting = self.wait(step, address, &observed.id, Until::Ready);
                Next::Wait(waiting, Some(why.to_owned()))
            }
            (_, None) => Next::Finish(Some(observed.id.clone())),
        }
    }

    fn wait(
        &self,
        (step, account): (usize, &str),
        address: &Address,
        id: &str,
        until: Until,
    ) -> Waiting {
        let recorded = self.state.resources.get(address);
        let recorded = recorded.filter(|recorded| recorded.id == id);
        let age = recorded.map(|recorded| self.now.duration_since(recorded.recorded_at));
        let age = age.and_then(|age| Duration::try_from(age).ok());
        let unsettled = self.options.settle.saturating_sub(age.unwrap_or_default());
        Waiting {
            step,
            account: account.to_owned(),
            address: address.clone(),
            id: id.to_owned(),
            attributes: recorded.map(|r| r.attributes.clone()).unwrap_or_default(),
            until,
            intent: None,
            becoming: None,
            deadline: Instant::now() + self.options.ready_deadline,
            idle: None,
            patience: self.options.settle,
            settled: Instant::now() + unsettled,
        }
    }
}

/// Whether things of this kind take a while to come and to go.
fn lingers(address: &Address) -> bool {
    kind(address.kind()).is_some_and(|(_, kind)| kind.lingers)
}

pub(super) fn too_late(waiting: &Waiting, deadline: Duration) -> Diagnostic {
    let deadline = match waiting.until {
        Until::Changed => deadline * LONGER,
        Until::Ready | Until::Gone => deadline,
    };
    let minutes = deadline.as_secs() / 60;
    let still = match waiting.until {
        Until::Ready => "is not ready",
        Until::Changed => "is not changed yet",
        Until::Gone => "is still there",
    };
    Diagnostic::error(format!("{} {still}", waiting.address))
        .detail(format!("waited {minutes} minutes for {}", waiting.id))
        .hint("the state has it; run it again to go on waiting")
}

pub(super) fn failed_to_come(address: &Address, id: &str, why: &str) -> Diagnostic {
    Diagnostic::error(format!("{address} failed to come up"))
        .detail(format!("{id}: {why}"))
        .hint(match lingers(address) {
            true => "delete it by hand, then run it again to have it made anew",
            false => "run it again to have it put right",
        })
}

/// A change that was accepted did not come about.
pub(super) fn not_changed(address: &Address, id: &str, why: &str) -> Diagnostic {
    Diagnostic::error(format!("{address} was not changed"))
        .detail(format!("{id}: {why}"))
        .hint("run plan again to see what is there now")
}

/// An error of a request as a message about the step.
fn problem(step: &Step, error: &Error) -> Diagnostic {
    let became = match error.class {
        Class::Ambiguous => "may have been carried out: the answer is not clear",
        Class::Rejected | Class::NotFound | Class::Exists => "was refused",
        Class::Unmarkable => "was not made: it could not be marked",
        Class::Unauthorized => "is not allowed with this token",
        Class::Busy => "had to wait for something else too long",
        Class::RateLimited => "was held back by the API's limit of requests",
        Class::NotSent => "was not sent",
        Class::Transient => "failed for now",
        Class::Malformed => "got an answer that makes no sense",
    };
    let what = match step.op {
        Op::Update { .. } => "the change of ",
        _ => "",
    };
    let summary = format!("{what}{} {} {became}", step.kind, step.label);
    Diagnostic::error(summary)
        .detail(error.to_string())
        .hint(error.hint())
}

/// That it is up and does not serve.
fn unanswered(address: &Address, why: String) -> Diagnostic {
    Diagnostic::error(format!("{address} is up, and does not answer"))
        .detail(why)
        .hint(
            "look at it, and run this again: it is asked again then; until it answers no name is led \
             to it, and what it is to take the place of stays",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attributes;
    use crate::plan::Verb;

    /// What the answer to a change means that has come so far.
    fn changed(readiness: Readiness) -> (Option<Entry>, Next) {
        let address = Address::new("record", "www.acme.com/A");
        let attributes = |data: &str| Attributes::from([("data".to_owned(), data.into())]);
        let mut state = State::new();
        let now: Timestamp = "2026-11-27T00:00:00Z".parse().unwrap();
        let recorded = Recorded {
            address: address.clone(),
            account: "default".to_owned(),
            id: "1".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: attributes("192.0.2.1"),
            refers_to: Vec::new(),
            recorded_at: now,
        };
        state.resources.insert(address.clone(), recorded);
        let change = crate::plan::Change {
            attribute: "data".to_owned(),
            before: "192.0.2.1".into(),
            after: "192.0.2.2".into(),
        };
        let step = Step {
            number: 1,
            op: Op::Update {
                address,
                id: "1".to_owned(),
                attributes: [("data".to_owned(), "192.0.2.2".into())].into(),
                refers_to: Vec::new(),
                changes: vec![change],
            },
            verb: Verb::Update,
            kind: "record".to_owned(),
            label: String::new(),
            detail: String::new(),
            monthly: None,
            kept: None,
            loses: None,
            wipes: false,
            interrupts: false,
            permanent: false,
            waits_for: Vec::new(),
            after: Vec::new(),
        };
        let part = Part::new(&step, 1, &state.resources).unwrap();
        let meaning = Meaning {
            readers: &Readers::default(),
            state: &state,
            options: &Options::default(),
            now,
        };
        let observed = Observed {
            kind: "record",
            account: Arc::default(),
            id: "1".to_owned(),
            attributes: attributes("192.0.2.2"),
            owners: Vec::new(),
            readiness,
            monthly: None,
            created: None,
        };
        meaning.succeeded(&part, Outcome::Made(observed))
    }

    #[test]
    fn a_change_that_is_not_there_yet_is_waited_for_by_the_next_run_too() {
        for (readiness, is_there) in [
            (Readiness::Ready, true),
            (Readiness::Pending("on its way".to_owned()), false),
        ] {
            let (entry, next) = changed(readiness);
            let Some(Entry::Outcome {
                change: Change::Put(recorded),
                ..
            }) = entry
            else {
                panic!("nothing is recorded");
            };
            assert_eq!(recorded.text("data"), Some("192.0.2.2"));
            assert_eq!(recorded.ready, is_there);
            assert_eq!(matches!(next, Next::Finish(_)), is_there);
            assert_eq!(matches!(next, Next::Wait(..)), !is_there);
        }
    }
}
