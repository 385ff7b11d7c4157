use std::time::Duration;

use crate::model::Diagnostic;

/// Something that happened while a plan was carried out. Steps are named by their number.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step begins.
    Started {
        /// Its number.
        step: usize,
    },
    /// A step's request was answered, and what it made is not ready yet.
    Waiting {
        /// Its number.
        step: usize,
        /// The provider's id of what is waited for.
        id: String,
        /// What is missing: `boots`.
        why: String,
    },
    /// A step's answer was lost: what it may have made is looked for, before it is made again.
    Lost {
        /// Its number.
        step: usize,
        /// What happened to the answer.
        why: String,
    },
    /// A step is done and saved.
    Finished {
        /// Its number.
        step: usize,
        /// The provider's id of what it was about, if it is about anything there.
        id: Option<String>,
        /// What came of it in a few words, an address for instance; may be empty.
        outcome: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step failed; what does not wait for it goes on.
    Failed {
        /// Its number.
        step: usize,
        /// What happened, why, and what to do.
        error: Diagnostic,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step is not started, because one that it waits for failed.
    Skipped {
        /// Its number.
        step: usize,
        /// The number of the step that failed.
        because: usize,
    },
    /// No request is sent for a while: the provider asked for it.
    Paused {
        /// For how long.
        wait: Duration,
        /// Why: `the API's limit of requests a minute is reached`.
        why: String,
    },
    /// The user asked to stop; nothing new is started.
    Interrupted,
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Steps done, in the order they were finished.
    pub done: Vec<usize>,
    /// Steps that failed, and how.
    pub failed: Vec<(usize, Diagnostic)>,
    /// Steps not started because one they wait for failed: its number and the failed one's.
    pub skipped: Vec<(usize, usize)>,
    /// Steps whose request was sent and whose answer is not known: what they made may exist.
    pub unknown: Vec<usize>,
    /// Steps whose request was carried out, and which were not seen to the end: what was made is
    /// not ready yet, what was deleted not gone. The state has both, and the next run goes on.
    pub pending: Vec<usize>,
    /// Steps not started because the run was stopped.
    pub not_started: Vec<usize>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Why the state could not be saved, if it could not: what was made since is not recorded.
    pub unsaved: Option<Diagnostic>,
    /// Why nothing more was started although everything that was done is saved.
    pub stopped: Option<Diagnostic>,
}

impl Report {
    /// Whether every step was done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
            && self.skipped.is_empty()
            && self.unknown.is_empty()
            && self.pending.is_empty()
            && self.not_started.is_empty()
            && self.unsaved.is_none()
            && self.stopped.is_none()
    }
}
