use std::time::Duration;

use crate::apply::{self, Event, Journal, Report, Surroundings};
use crate::model::Diagnostic;
use crate::plan::{Op, Plan};
use crate::provider::Writers;
use crate::state::{Entry, State};

use super::deployment::Deployment;
use super::recovery::Book;
use super::signals::Signals;
use super::terminal::Terminal;
use super::voice::Voice;
use super::write_back;

/// How often a program that reads the stream is told that steps are still running.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// What carrying out a plan needs from the directory.
pub(super) struct Session<'a> {
    pub(super) book: Book,
    pub(super) deployment: &'a Deployment,
    pub(super) voice: &'a Voice,
    pub(super) terminal: Terminal,
}

impl Session<'_> {
    /// Carries a plan out, and says now and then that it goes on.
    pub(super) async fn carry_out(
        &mut self,
        plan: &Plan,
        writers: &Writers,
        state: &mut State,
        signals: &mut Signals,
        options: &apply::Options,
    ) -> Report {
        let voice = self.voice.clone();
        let interrupts = &mut signals.interrupts;
        let applying = apply::apply(plan, writers, state, self, interrupts, options);
        tokio::pin!(applying);
        loop {
            tokio::select! {
                report = &mut applying => return report,
                () = tokio::time::sleep(SIGN_OF_LIFE) => voice.still_running(),
            }
        }
    }
}

impl Journal for Session<'_> {
    fn begin(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.book.begin(state)
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), Diagnostic> {
        self.book.append(entries)
    }

    fn finish(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.book.finish(state)
    }
}

impl Surroundings for Session<'_> {
    fn write_back(&mut self, state: &State, step: &Op) -> Result<String, Diagnostic> {
        write_back::write_back(self.deployment, state, step, self.terminal)
    }

    fn event(&mut self, event: &Event) {
        self.voice.event(event);
    }
}
