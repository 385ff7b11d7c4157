//! Carrying out a plan: steps start as soon as what they wait for is done, what is about to be
//! sent is durable before it is sent and what came of it before anything builds on it, and a
//! failure stops only what waits for it.
//!
//! One loop owns the state and the schedule; requests run beside each other and report to it. A
//! server that boots is looked at by one shared poll and holds no worker, and so is what may have
//! been made by a request whose answer was lost.

use std::time::Duration;

use crate::model::Diagnostic;
use crate::plan::{Op, Plan};
use crate::probe::Prober;
use crate::provider::Writers;
use crate::resource::readdress;
use crate::state::{Entry, State};

mod call;
mod event;
mod led_away;
mod ledger;
mod meaning;
mod outcome;
mod probing;
mod resolve;
mod run;
mod schedule;
mod search;
mod settle;
mod sighted;
mod stopping;
mod wait;

pub use event::{Event, Report};
pub use settle::{Settled, Unsettled, peek, settle};

/// How a plan is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many requests may be under way at once.
    pub parallelism: usize,
    /// How long something may take to become ready, or to go.
    pub ready_deadline: Duration,
    /// How long a request is repeated that is refused because something is pending.
    pub busy_deadline: Duration,
    /// How long something new may be invisible; if it is not to be seen then, it is gone, or was
    /// never made.
    pub settle: Duration,
    /// When something that is not ready is looked at first; later looks come further apart.
    pub first_look: Duration,
    /// How long something may take to answer once it is ready.
    pub answer_deadline: Duration,
    /// Who asks it.
    pub prober: Prober,
    /// For no longer than this what is replaced serves on because somebody may remember it.
    pub longest_drain: Duration,
    /// How long answers are waited for after an interrupt.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parallelism: 10,
            ready_deadline: Duration::from_secs(15 * 60),
            busy_deadline: Duration::from_secs(5 * 60),
            settle: Duration::from_secs(60),
            first_look: Duration::from_millis(200),
            answer_deadline: Duration::from_secs(10 * 60),
            prober: Prober::default(),
            longest_drain: Duration::MAX,
            grace: Duration::from_secs(2),
        }
    }
}

/// Where what is about to be done and what came of it is written down.
pub trait Journal {
    /// Makes the state durable, and opens a journal that goes on from it.
    ///
    /// # Errors
    /// What happened, for the user. Nothing may be done then.
    fn begin(&mut self, state: &mut State) -> Result<(), Diagnostic>;

    /// Makes entries durable, all or none of them.
    ///
    /// # Errors
    /// What happened, for the user. No further request is sent then.
    fn append(&mut self, entries: &[Entry]) -> Result<(), Diagnostic>;

    /// Makes the state durable as a whole, and closes the journal, if one is open.
    ///
    /// # Errors
    /// What happened, for the user. State and journal are what they were then.
    fn finish(&mut self, state: &mut State) -> Result<(), Diagnostic>;
}

/// What carrying out a plan needs from the world around it.
pub trait Surroundings: Journal {
    /// Brings the user's file up to date with what the state knows of these resources; gives a
    /// few words about what was done.
    ///
    /// # Errors
    /// What happened, for the user.
    fn write_back(&mut self, state: &State, step: &Op) -> Result<String, Diagnostic>;

    /// Takes note of what happened.
    fn event(&mut self, event: &Event);
}

/// The user's wish to stop: each message is one signal. The first starts nothing new, the second
/// waits for nothing.
pub type Interrupts = tokio::sync::mpsc::UnboundedReceiver<()>;

/// What made the user's wish known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The terminal was closed: HUP.
    Hangup,
    /// Ctrl-C: INT.
    Interrupt,
    /// Somebody ended the process: TERM.
    Terminate,
}

impl Signal {
    /// The exit code that says so: 128 and the signal's number.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Carries out a plan against these accounts, keeping `state` true to what has been done.
pub async fn apply(
    plan: &Plan,
    writers: &Writers,
    state: &mut State,
    surroundings: &mut dyn Surroundings,
    interrupts: &mut Interrupts,
    options: &Options,
) -> Report {
    for renamed in &plan.renamed {
        readdress(&mut state.resources, &renamed.from, &renamed.to);
    }
    for refreshed in &plan.refreshed {
        if let Some(recorded) = state.resources.get_mut(&refreshed.address) {
            recorded.attributes.extend(refreshed.attributes.clone());
        }
    }
    let mut ledger = ledger::Ledger::new(plan, writers.readers(), state, surroundings, options);
    let is_news = !(plan.is_empty() && plan.refreshed.is_empty() && plan.renamed.is_empty());
    if is_news && !ledger.open() {
        return ledger.close();
    }
    run::run(ledger, writers, interrupts, options).await
}
