use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Address, Diagnostic, Origin, Recorded, Value};
use crate::plan::{self, Op, Plan, Step};
use crate::provider::{Read, Readers};
use crate::resource::{Kind, kind};
use crate::state::{Change, Entry, Intent, Progress, State};

use super::call::{Answer, Call, Part};
use super::led_away::LedAway;
use super::meaning::{Lost, Meaning, Next, too_late};
use super::outcome::now;
use super::schedule::{Groups, Schedule};
use super::search::{Candidates, Choice, Failures, choose, is_markable, taken};
use super::settle::{made, two_or_more};
use super::sighted::sighted;
use super::stopping::Stopping;
use super::wait::{Looked, Sight, Waiting, may_pass};
use super::{Event, Options, Report, Surroundings};

/// How often something is created whose answer is lost and which then is not to be found.
const ATTEMPTS: u32 = 3;

/// What is known of a run while it goes on: the state, which steps are done, what is waited for.
/// Every answer is entered here, and nowhere else.
pub(super) struct Ledger<'a> {
    plan: &'a Plan,
    /// Whose clocks and capabilities count.
    readers: Readers,
    state: &'a mut State,
    surroundings: &'a mut dyn Surroundings,
    options: &'a Options,
    schedule: Schedule,
    progress: Progress,
    report: Report,
    began: HashMap<usize, Instant>,
    waiting: Vec<Waiting>,
    lost: Vec<Lost>,
    /// Steps that are done at some time, and nothing else has to happen for it.
    draining: Vec<(Instant, usize, String)>,
    /// What serves on and is led away from.
    led_away: LedAway,
    /// Why nothing can be added to the journal any more.
    broken: Option<Diagnostic>,
    /// What would have gone on, had it been durable.
    held: Vec<(usize, Next)>,
    /// How often a step's answer was lost.
    attempts: HashMap<usize, u32>,
    next_intent: u64,
    stopping: Stopping,
    /// What is asked for once more, by step: the intent that says so already.
    reminded: HashMap<usize, u64>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        readers: Readers,
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
        let progress = Progress {
            steps: effects.len() as u64,
            done: 0,
        };
        let groups = Groups::of(&effects, |account| {
            let read = readers.of(account).ok()?;
            Some(read.capabilities())
        });
        state.progress = (!effects.is_empty()).then_some(progress);
        Self {
            plan,
            schedule: Schedule::new(&effects, &groups),
            readers,
            next_intent: state.next_number(),
            state,
            surroundings,
            options,
            progress,
            report: Report::default(),
            began: HashMap::new(),
            waiting: Vec::new(),
            lost: Vec::new(),
            draining: Vec::new(),
            led_away: LedAway::of(&plan.steps),
            broken: None,
            held: Vec::new(),
            attempts: HashMap::new(),
            stopping: Stopping::new(&plan.steps, options.parallelism),
            reminded: HashMap::new(),
        }
    }

    /// Makes the state durable before the first request: its lineage is on whatever that creates.
    pub(super) fn open(&mut self) -> bool {
        match self.surroundings.begin(self.state) {
            Ok(()) => true,
            Err(problem) => {
                self.report.unsaved = Some(problem);
                false
            }
        }
    }

    /// So many of the requests that may be sent now. What they are about to do is durable.
    pub(super) fn start(&mut self, most: usize) -> Vec<Call> {
        let mut calls: Vec<Call> = Vec::new();
        // What is made while nothing can be saved would not be known.
        while self.broken.is_none() && calls.len() < most {
            let numbers = self.schedule.start();
            if numbers.is_empty() {
                break;
            }
            if let [number] = numbers[..]
                && self.stopping.has_to_wait(&self.plan.steps, number)
            {
                continue;
            }
            let parts: Vec<Part> = numbers
                .into_iter()
                .filter_map(|n| self.prepare(n))
                .collect();
            if let Some(first) = parts.first() {
                let account = self.readers.of(&first.account);
                let marks = account.is_ok_and(Read::marks);
                let mark = self.state.lineage.clone();
                calls.push(Call { parts, mark, marks });
            }
        }
        let parts = calls
            .iter()
            .flat_map(|call| call.parts.iter().map(|part| (part, call.marks)));
        let intents = parts.filter_map(|(part, marks)| {
            let account = self.readers.of(&part.account).ok();
            part.intent(account.and_then(Read::clock), marks)
        });
        let mut intents: Vec<Entry> = intents.map(Entry::Intent).collect();
        if intents.is_empty() {
            return calls;
        }
        let parts = calls.iter().flat_map(|call| &call.parts);
        let resources = &self.state.resources;
        let known = parts.filter_map(|part| part.beforehand(resources));
        intents.extend(known.map(|known| Entry::Change(Change::Put(known))));
        let intents = self.with_led_away(intents);
        if let Err(problem) = self.surroundings.append(&intents) {
            self.broken = Some(problem);
            for part in calls.iter().flat_map(|call| &call.parts) {
                self.schedule.again(part.step, false);
            }
            return Vec::new();
        }
        for intent in intents {
            self.state.enter(intent);
        }
        calls
    }

    fn prepare(&mut self, number: usize) -> Option<Part> {
        let plan = self.plan;
        let step = plan.steps.get(number.checked_sub(1)?)?;
        // A step that is sent again has begun already.
        if let Slot::Vacant(began) = self.began.entry(number) {
            began.insert(Instant::now());
            self.surroundings.event(&Event::Started { step: number });
        }
        let reminded = self.reminded.remove(&number);
        let intent = reminded.unwrap_or(self.next_intent);
        self.next_intent = self.next_intent.max(intent + 1);
        match Part::new(step, intent, &self.state.resources) {
            Ok(mut part) => {
                part.is_reminder = reminded.is_some();
                if !part.last_look.is_empty() && both_go(plan, &step.op) {
                    part.last_look.clear();
                }
                Some(part)
            }
            Err(why) => {
                let problem = Diagnostic::error(format!("{} cannot be made", step.label));
                let hint = "run plan again to see what is there";
                self.fail(number, problem.detail(why).hint(hint));
                None
            }
        }
    }

    /// Whether nothing can be written down any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// What is waited for.
    pub(super) fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// When what may have been made is to be looked for next; `None` if there is no such thing.
    pub(super) fn next_search(&self) -> Option<Instant> {
        self.lost.iter().map(|lost| lost.search.next_look()).min()
    }

    /// When the next step is done by itself; `None` if there is no such step.
    pub(super) fn next_drained(&self) -> Option<Instant> {
        self.draining.iter().map(|(at, ..)| *at).min()
    }

    /// Takes note of the steps that are done by themselves by now.
    pub(super) fn drained(&mut self) {
        let now = Instant::now();
        let (over, draining) = std::mem::take(&mut self.draining)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.draining = draining;
        let next = |(_, step, id): (Instant, usize, String)| (step, Next::Finish(Some(id)));
        self.write_down(Vec::new(), over.into_iter().map(next).collect());
    }

    /// What may have been made.
    pub(super) fn lost(&self) -> Vec<Intent> {
        self.lost.iter().map(|lost| lost.intent.clone()).collect()
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
        self.save();
        for step in self.stopping.take_waiting() {
            self.schedule.again(step, true);
        }
        // What was to be asked for once more is under way since it was asked for first.
        let not_started = self.schedule.not_started().into_iter();
        let (reminded, not_started) =
            not_started.partition(|step| self.reminded.contains_key(step));
        self.report.not_started = not_started;
        self.report.pending = reminded;
        let waiting = self.waiting.iter().map(|waiting| waiting.step);
        self.report.pending.extend(waiting);
        let draining = self.draining.iter().map(|(_, step, _)| *step);
        self.report.pending.extend(draining);
        let report = &self.report;
        let failed = report.failed.iter().map(|(number, _)| number);
        // What was to be sent again has an answer to its first request.
        let settled: HashSet<&usize> = report
            .done
            .iter()
            .chain(&report.pending)
            .chain(&report.not_started)
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

    /// Makes the whole state durable. What could not be added to the journal is in it.
    fn save(&mut self) {
        // How far it came matters to the next run only if it has to look for something.
        if self.state.unsettled.is_empty() {
            self.state.progress = None;
        }
        let saved = self.surroundings.finish(self.state);
        let broken = self.broken.take();
        for (step, next) in std::mem::take(&mut self.held) {
            match &saved {
                Ok(()) => self.go_on(step, next),
                Err(problem) => {
                    let problem = broken.as_ref().unwrap_or(problem).clone();
                    let problem = self.unsaved(step, problem);
                    self.fail(step, problem);
                }
            }
        }
        match saved {
            Ok(()) => self.report.stopped = broken.map(saved_after_all),
            Err(problem) => self.report.unsaved = Some(broken.unwrap_or(problem)),
        }
    }

    fn meaning(&self, account: &str) -> Meaning<'_> {
        Meaning {
            readers: &self.readers,
            state: self.state,
            options: self.options,
            now: now(&self.readers, account),
        }
    }

    /// Takes note of answers: what they mean is written down for all of them at once.
    pub(super) fn answered(&mut self, answers: Vec<Answer>) {
        let plan = self.plan;
        let mut entries = Vec::new();
        let mut next = Vec::new();
        for (part, result) in answers {
            let Some(step) = plan.steps.get(part.step - 1) else {
                continue;
            };
            let (entry, then) = match result {
                Ok(outcome) => self.meaning(&part.account).succeeded(&part, outcome),
                Err(error) => self.meaning(&part.account).refused(step, &part, error),
            };
            entries.extend(entry);
            next.push((part.step, then));
        }
        self.write_down(entries, next);
    }

    /// Writes down what became of steps, all of it at once, and then goes on with them. If that
    /// fails, no further request is sent, and they wait for the whole to be saved at the end.
    fn write_down(&mut self, mut entries: Vec<Entry>, next: Vec<(usize, Next)>) {
        let finished = next
            .iter()
            .filter(|(_, next)| matches!(next, Next::Finish(_)));
        let finished = finished.count() as u64;
        if finished > 0 {
            self.progress.done += finished;
            entries.push(Entry::Progress(self.progress));
        }
        let entries = self.with_led_away(entries);
        let saved = match (&self.broken, entries.is_empty()) {
            (None, false) => self.surroundings.append(&entries),
            _ => Ok(()),
        };
        // Also if it is not durable: the whole may still be saved at the end.
        for entry in entries {
            self.state.enter(entry);
        }
        if let Err(problem) = saved {
            self.broken = Some(problem);
        }
        for (step, next) in next {
            match (&self.broken, next) {
                (Some(_), next @ (Next::Finish(_) | Next::Wait(..) | Next::Drain(..))) => {
                    self.held.push((step, next));
                }
                (_, next) => self.go_on(step, next),
            }
        }
    }

    /// These, and first of all what they mean for what they lead something away from.
    fn with_led_away(&self, entries: Vec<Entry>) -> Vec<Entry> {
        let led = self.led_away.by(&entries, self.options.settle);
        let told = led.into_iter().filter_map(|(from, (seconds, within))| {
            let recorded = self.state.resources.get(from)?;
            let meaning = self.meaning(&recorded.account);
            meaning.led_away(from, seconds, within)
        });
        let told: Vec<Entry> = told.collect();
        told.into_iter().chain(entries).collect()
    }

    fn go_on(&mut self, step: usize, next: Next) {
        match next {
            Next::Finish(id) => self.finish(step, id.as_deref()),
            Next::Fail(problem) => self.fail(step, problem),
            Next::Again { alone } => self.schedule.again(step, alone),
            Next::Remind { intent } => {
                self.reminded.insert(step, intent);
                self.schedule.again(step, true);
            }
            Next::Wait(mut waiting, why) => {
                if let Some(why) = why {
                    let id = waiting.id.clone();
                    self.surroundings.event(&Event::Waiting { step, id, why });
                }
                if let Some(recorded) = self.state.resources.get(&waiting.address) {
                    waiting.attributes.clone_from(&recorded.attributes);
                }
                // What it never had, nobody would look for: some of it takes another request to see.
                if let Some((_, sent)) = waiting.becoming.as_deref() {
                    waiting.attributes = waiting.attributes.or(sent);
                }
                self.waiting.push(waiting);
            }
            Next::Drain(at, id) => {
                let why = "its address may be remembered".to_owned();
                let event = id.clone();
                self.surroundings.event(&Event::Waiting {
                    step,
                    id: event,
                    why,
                });
                self.draining.push((at, step, id));
            }
            Next::Search(lost) => {
                self.surroundings.event(&Event::Lost {
                    step,
                    why: lost.error.to_string(),
                });
                self.lost.push(*lost);
            }
        }
    }

    /// The problem, with the id that is nowhere else.
    fn unsaved(&self, step: usize, problem: Diagnostic) -> Diagnostic {
        let op = self.plan.steps.get(step - 1).map(|step| &step.op);
        let lost = op
            .and_then(Op::address)
            .and_then(|address| self.state.resources.get(address))
            .map(|recorded| {
                format!(
                    "; not saved: {} has the id {}",
                    recorded.address, recorded.id
                )
            });
        let detail = format!("{}{}", problem.detail, lost.unwrap_or_default());
        problem.detail(detail)
    }

    /// Takes note of what a look for what may have been made showed, which began then.
    pub(super) fn searched(&mut self, began: Instant, (mut found, failed): (Candidates, Failures)) {
        if !failed.is_empty() {
            self.search_failed(&failed, &found);
        }
        let mut entries = Vec::new();
        let mut next = Vec::new();
        for mut lost in std::mem::take(&mut self.lost) {
            let number = lost.intent.number;
            // It may have been lost while this look was under way already.
            let Some(candidates) = found.remove(&number) else {
                self.lost.push(lost);
                continue;
            };
            let outcome = |change| Entry::Outcome { number, change };
            let (intent, mark) = (&lost.intent, &self.state.lineage);
            let taken = taken(self.state, intent);
            match choose(candidates, intent, is_markable(intent), mark, taken) {
                Choice::One(found) => {
                    let now = now(&self.readers, &lost.intent.account);
                    let made = made(&lost.intent, Origin::Created, &found, now);
                    entries.push(outcome(Change::Put(made)));
                    let (account, address) = (&lost.intent.account, &lost.intent.address);
                    let then = self
                        .meaning(account)
                        .made((lost.step, account), address, &found);
                    next.push((lost.step, then));
                }
                Choice::Unclear(ids) => {
                    next.push((lost.step, Next::Fail(two_or_more(&lost.intent, &ids))));
                }
                // What never comes is no reason to wait for ever.
                Choice::Coming if !lost.search.is_overdue(self.options.busy_deadline) => {
                    lost.search.missed();
                    self.lost.push(lost);
                }
                Choice::Nothing | Choice::Coming if lost.search.saw_nothing(began) => {
                    entries.push(outcome(Change::Nothing));
                    next.push((lost.step, self.once_more(&lost)));
                }
                Choice::Nothing | Choice::Coming => self.lost.push(lost),
            }
        }
        self.write_down(entries, next);
    }

    /// It was never made: it is made now, unless that went wrong too often.
    fn once_more(&mut self, lost: &Lost) -> Next {
        let attempts = self.attempts.entry(lost.step).or_default();
        *attempts += 1;
        if *attempts < ATTEMPTS {
            return Next::Again { alone: true };
        }
        let problem = Diagnostic::error(format!("{} could not be made", lost.intent.address))
            .detail(format!(
                "tried {ATTEMPTS} times: each time the answer was not clear, and nothing was to be \
                 seen of it afterwards; the last: {}",
                lost.error
            ))
            .hint("run it again when the API is well; a plan names what appears until then");
        Next::Fail(problem)
    }

    /// Something could not be looked for. What was found of the rest counts all the same.
    fn search_failed(&mut self, failed: &Failures, found: &Candidates) {
        let mut over = Vec::new();
        for mut lost in std::mem::take(&mut self.lost) {
            match failed.get(&lost.intent.account) {
                Some(error) if !found.contains_key(&lost.intent.number) => {
                    if !may_pass(error) || lost.search.is_overdue(self.options.busy_deadline) {
                        over.push((lost, error));
                    } else {
                        lost.search.missed();
                        self.lost.push(lost);
                    }
                }
                _ => self.lost.push(lost),
            }
        }
        for (lost, error) in over {
            let what = Diagnostic::error(format!("{} may have been made", lost.intent.address))
                .detail(format!("{}; looking for it: {error}", lost.error))
                .hint("run it again: it is looked for before anything is made");
            self.fail(lost.step, what);
        }
    }

    /// Takes note of what the shared poll saw.
    pub(super) fn looked(&mut self, looked: Looked) {
        self.saw(looked.sights);
        for (account, error) in looked.failed {
            if may_pass(&error) {
                continue;
            }
            let (blind, others) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition(|waiting| waiting.account == account);
            self.waiting = others;
            for waiting in blind {
                let what = Diagnostic::error(format!("lost sight of {}", waiting.address));
                let hint = "the state has it; run it again to go on waiting";
                self.fail(waiting.step, what.detail(error.to_string()).hint(hint));
            }
        }
        let now = Instant::now();
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.deadline <= now);
        self.waiting = waiting;
        for waiting in late {
            let problem = too_late(&waiting, self.options.ready_deadline);
            self.fail(waiting.step, problem);
        }
    }

    fn saw(&mut self, sights: Vec<(usize, Sight)>) {
        let mut sights: HashMap<usize, Sight> = sights.into_iter().collect();
        let mut entries = Vec::new();
        let mut next = Vec::new();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let sight = sights.remove(&waiting.step).unwrap_or(Sight::NotYet);
            waiting.note(&sight);
            let recorded = self.state.resources.get(&waiting.address);
            match sighted(&waiting, sight, recorded) {
                None => self.waiting.push(waiting),
                Some((entry, then)) => {
                    entries.extend(entry);
                    next.push((waiting.step, then));
                }
            }
        }
        self.write_down(entries, next);
    }

    fn finish(&mut self, number: usize, id: Option<&str>) {
        self.schedule.done(number);
        if let Some(next) = self.stopping.done(number) {
            self.schedule.again(next, true);
        }
        self.report.done.push(number);
        let op = self.plan.steps.get(number - 1).map(|step| &step.op);
        let outcome = op
            .and_then(Op::address)
            .and_then(|address| self.state.resources.get(address))
            .and_then(|recorded| {
                let (_, kind) = kind(recorded.address.kind())?;
                Some(match op {
                    Some(Op::Drain { wait: true, .. }) => "forgotten".to_owned(),
                    Some(Op::Drain { .. }) => String::new(),
                    Some(Op::Check { .. }) => "answers".to_owned(),
                    Some(Op::Update { changes, .. }) => became(kind, changes, recorded),
                    _ => (kind.outcome)(&recorded.attributes),
                })
            });
        self.surroundings.event(&Event::Finished {
            step: number,
            id: id.map(ToOwned::to_owned),
            outcome: outcome.unwrap_or_default(),
            elapsed: self.elapsed(number),
        });
    }

    fn fail(&mut self, number: usize, error: Diagnostic) {
        let elapsed = self.elapsed(number);
        self.surroundings.event(&Event::Failed {
            step: number,
            error: error.clone(),
            elapsed,
        });
        self.report.failed.push((number, error));
        let op = self.plan.steps.get(number - 1).map(|step| &step.op);
        if let Some(address) = op.and_then(Op::address) {
            self.stopping.failed(address);
        }
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

/// Whether what took the place of something goes as well, so that neither has to serve.
fn both_go(plan: &Plan, op: &Op) -> bool {
    let had = op.address().and_then(Address::had);
    let goes = |step: &Step| match &step.op {
        Op::Delete { address, .. } => had.as_ref().is_some_and(|(had, _)| had == address),
        _ => false,
    };
    plan.steps.iter().any(goes)
}

/// What has changed, in a few words.
fn became(kind: &Kind, changes: &[plan::Change], recorded: &Recorded) -> String {
    let has = recorded.attributes.as_known();
    let each = changes.iter().map(|change| {
        let is = recorded.attributes.get(&change.attribute);
        let after = is.map_or_else(|| change.after.clone(), |is| Value::Known(is.clone()));
        (kind.changed)(&change.attribute, &change.before, &after, &has)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Something stood in the way of the journal, and not of the state at the end.
fn saved_after_all(problem: Diagnostic) -> Diagnostic {
    let detail = format!("{}; what was done until then is saved", problem.detail);
    let hint = problem.hint.unwrap_or_default();
    Diagnostic::error("nothing more was started, because it could not be written down")
        .detail(detail)
        .hint(hint)
}
