use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::apply::{Event, Report};
use crate::model::Diagnostic;
use crate::plan::Plan;
use crate::render::{JsonStream, Progress, Sources};

use super::terminal::Terminal;

/// Tells what happens while it happens: to a person on standard error, or to a program as lines
/// of JSON on standard output. Shared with the provider, which may have to say that it waits.
#[derive(Clone)]
pub(super) struct Voice {
    terminal: Terminal,
    speaker: Arc<Mutex<Speaker>>,
}

enum Speaker {
    /// Nothing is carried out (yet, or any more).
    Plain,
    Progress(Progress),
    Json(Box<JsonStream>),
    Silent,
}

impl Voice {
    pub(super) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            speaker: Arc::new(Mutex::new(Speaker::Plain)),
        }
    }

    /// The plan is carried out from here on.
    pub(super) fn begin(&self, plan: &Plan, stream: Option<JsonStream>) {
        let terminal = self.terminal;
        self.become_speaker(match stream {
            Some(stream) => Speaker::Json(Box::new(stream)),
            None if terminal.quiet || plan.is_empty() => Speaker::Silent,
            None => Speaker::Progress(Progress::stderr(plan, terminal.color_err, terminal.live)),
        });
    }

    /// It has been carried out; what should be known besides.
    pub(super) fn end(&self, report: &Report, notes: &[Diagnostic]) {
        let now = Timestamp::now();
        if let Speaker::Json(stream) = self.become_speaker(Speaker::Plain) {
            for note in notes {
                self.print(&stream.diagnostic(now, note));
            }
            self.print(&stream.finished(now, report));
        } else {
            self.terminal.diagnose(notes, &Sources::new());
        }
    }

    pub(super) fn event(&self, event: &Event) {
        let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *speaker {
            Speaker::Progress(progress) => progress.event(event),
            Speaker::Json(stream) => {
                let lines = stream.event(Timestamp::now(), event);
                self.print(&lines);
            }
            Speaker::Plain | Speaker::Silent => {
                if let Event::Paused { wait, why } = event {
                    self.terminal.pause(*wait, why);
                }
            }
        }
    }

    /// Requests are held back.
    pub(super) fn pause(&self, wait: Duration, why: &str) {
        self.event(&Event::Paused {
            wait,
            why: why.to_owned(),
        });
    }

    /// A while has passed.
    pub(super) fn still_running(&self) {
        let speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Speaker::Json(stream) = &*speaker {
            self.print(&stream.still_running(Timestamp::now()));
        }
    }

    fn become_speaker(&self, next: Speaker) -> Speaker {
        let mut speaker = self.speaker.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *speaker, next)
    }

    fn print(&self, lines: &str) {
        // That nobody reads the stream any more is no reason to stop half way through a plan.
        let _ = self.terminal.print(lines);
    }
}
