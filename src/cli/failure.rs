use std::io;
use std::process::ExitCode;

use crate::apply::Signal;
use crate::model::{Diagnostic, chain};
use crate::provider;
use crate::refresh::Stopped;
use crate::render::Sources;
use crate::state::{LoadError, LockError, SaveError};

use super::terminal::Terminal;

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is wrong, and the files it is wrong in.
    Problems(Vec<Diagnostic>, Sources),
    /// The user stopped it.
    Interrupted(Signal),
    /// The same, and everything was said already.
    Stopped(Signal),
    /// Everything was said already.
    Said,
}

/// What a command ends with when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Success {
    /// Done, or nothing to do.
    Done,
    /// With `--detailed-exitcode`: there is something to do.
    Changes,
    /// What another program ended with, where this one cannot become that.
    #[cfg(not(unix))]
    Status(u8),
}

impl Failure {
    /// One error.
    pub(super) fn error(summary: impl Into<String>) -> Diagnostic {
        Diagnostic::error(summary)
    }

    /// Tells the user, and gives the exit code: 1, or 128 and the signal.
    pub(super) fn report(self, terminal: Terminal) -> ExitCode {
        match self {
            Self::Problems(problems, sources) => {
                terminal.diagnose(&problems, &sources);
                ExitCode::from(1)
            }
            Self::Interrupted(signal) => {
                terminal.complain("Interrupted. Run it again to go on.");
                ExitCode::from(signal.exit_code())
            }
            Self::Stopped(signal) => ExitCode::from(signal.exit_code()),
            Self::Said => ExitCode::from(1),
        }
    }
}

impl From<Success> for ExitCode {
    fn from(success: Success) -> Self {
        match success {
            Success::Done => Self::SUCCESS,
            Success::Changes => Self::from(2),
            #[cfg(not(unix))]
            Success::Status(code) => Self::from(code),
        }
    }
}

impl Failure {
    /// The failure, and what has to be told before it.
    pub(super) fn after(self, note: Option<Diagnostic>) -> Self {
        match self {
            Self::Problems(mut problems, sources) => {
                let untold = note.filter(|note| !problems.contains(note));
                problems.splice(0..0, untold);
                Self::Problems(problems, sources)
            }
            other => other,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(problem: Diagnostic) -> Self {
        Self::Problems(vec![problem], Sources::new())
    }
}

impl From<provider::Error> for Failure {
    fn from(error: provider::Error) -> Self {
        let summary = match error.class {
            provider::Class::Unauthorized => "the token is not accepted",
            provider::Class::NotSent => "the API cannot be reached",
            provider::Class::RateLimited => "the API's limit of requests is reached",
            provider::Class::Malformed => "the API's answer cannot be understood",
            provider::Class::Rejected => "the API refused the request",
            // What is asked of the account as a whole is there, wherever the API is.
            provider::Class::NotFound => "the API's address seems to be wrong",
            _ => "the API did not answer as it should",
        };
        let hint = match error.class {
            provider::Class::NotFound => {
                "check the API's address, and what stands between here and the API"
            }
            _ => error.hint(),
        };
        Diagnostic::error(summary)
            .detail(error.to_string())
            .hint(hint)
            .into()
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Failed(error) => error.into(),
            Stopped::OtherAccount(refusal) => (*refusal).into(),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Diagnostic::error("the state cannot be used")
            .detail(chain(&error))
            .hint(error.hint())
            .into()
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        unsaved(&error).into()
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let summary = match error {
            LockError::Busy { .. } => "another run is at work in this directory",
            LockError::Elsewhere { .. } => "the lock has not been given back",
            _ => "the lock cannot be taken",
        };
        Diagnostic::error(summary)
            .detail(chain(&error))
            .hint(error.hint())
            .into()
    }
}

/// A state that could not be saved, as a message.
pub(super) fn unsaved(error: &SaveError) -> Diagnostic {
    Diagnostic::error("the state could not be saved")
        .detail(chain(error))
        .hint(error.hint())
}

/// A file that could not be read or written, as a message.
pub(super) fn file_error(what: &str, path: &std::path::Path, error: &io::Error) -> Diagnostic {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "check who owns it and who may use it",
        io::ErrorKind::NotFound => "check that its directory exists",
        io::ErrorKind::StorageFull => "make room on the disk, then run it again",
        _ => "put a regular file in its place",
    };
    Diagnostic::error(format!("{} cannot be {what}", path.display()))
        .detail(error.to_string())
        .hint(hint)
}
