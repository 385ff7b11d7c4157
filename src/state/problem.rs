//! What can be the matter with a state, and what to do about it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::format::FormatError;
use super::format::journal::JournalError;

/// The state file cannot be used. Nothing was changed, neither there nor in the cloud.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the state file {}", path.display())]
pub struct LoadError {
    /// The state file.
    pub path: PathBuf,
    /// What is the matter with it.
    #[source]
    pub problem: LoadProblem,
    /// Copies of older versions, newest first.
    pub backups: Vec<PathBuf>,
}

/// What is the matter with a state file.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(io::Error),
    /// It is a symbolic link to nothing.
    #[error("it is a symbolic link to {}, which does not exist", target.display())]
    DanglingLink {
        /// Where the link leads.
        target: PathBuf,
    },
    /// Its text is not a usable state.
    #[error(transparent)]
    Format(FormatError),
    /// Its journal is the matter.
    #[error("its journal {} cannot be used", path.display())]
    Journal {
        /// The journal's file.
        path: PathBuf,
        /// What is the matter with it.
        #[source]
        problem: JournalProblem,
    },
}

/// What is the matter with a state's journal, which holds what a run did that was cut off.
#[derive(Debug, thiserror::Error)]
pub enum JournalProblem {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(io::Error),
    /// It is not there.
    #[error("it is missing, and the state ({base}) is not complete without it")]
    Missing {
        /// The version of the state.
        base: String,
    },
    /// It belongs to another state.
    #[error("{}", other_base(base, state, *same_version))]
    Other {
        /// The version that it goes on from.
        base: String,
        /// The version of the state.
        state: String,
        /// Whether only the content differs.
        same_version: bool,
    },
    /// It holds what an earlier run did, and the state cannot know that.
    #[error(
        "it holds what a run did that went on from {base}, but {}",
        state.as_ref().map_or("the state file is gone".to_owned(), |state| format!("the state is {state}"))
    )]
    Ahead {
        /// The version that it goes on from.
        base: String,
        /// The version of the state, if there is one.
        state: Option<String>,
    },
    /// Its text is not a usable journal.
    #[error(transparent)]
    Format(JournalError),
}

fn other_base(base: &str, state: &str, same_version: bool) -> String {
    if same_version {
        format!("it goes on from another content of {state} than the state file has")
    } else {
        format!("it goes on from {base}, but the state is {state}")
    }
}

impl LoadError {
    /// The byte where the file, or its journal, stops making sense, if there is such a place.
    #[must_use]
    pub fn byte(&self) -> Option<usize> {
        match &self.problem {
            LoadProblem::Format(error) => error.byte(),
            LoadProblem::Journal {
                problem: JournalProblem::Format(JournalError::Damaged { byte, .. }),
                ..
            } => Some(*byte),
            LoadProblem::Read(_)
            | LoadProblem::DanglingLink { .. }
            | LoadProblem::Journal { .. } => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let file = self.path.display();
        match &self.problem {
            LoadProblem::Read(_) => {
                format!("make {file} a file that you may read; nothing was changed")
            }
            LoadProblem::DanglingLink { target } => format!(
                "bring back {}, or remove the link {file} if this deployment shall begin anew",
                target.display()
            ),
            LoadProblem::Format(error) if error.is_newer() => {
                "use the cloudbuilder that wrote it, or a newer one".to_owned()
            }
            LoadProblem::Format(FormatError::Foreign) => format!(
                "move it away if it belongs to another program, or {}",
                self.recovery()
            ),
            LoadProblem::Format(FormatError::Conflict { .. }) => format!(
                "take the whole file of one side, the one with the higher serial: `git checkout --ours {file}` or `git checkout --theirs {file}`; or {}",
                self.recovery()
            ),
            LoadProblem::Journal { path, problem } => match problem {
                JournalProblem::Read(_) => format!(
                    "make {} a file that you may read; nothing was changed",
                    path.display()
                ),
                JournalProblem::Format(JournalError::Newer { .. }) => {
                    "use the cloudbuilder that wrote it, or a newer one".to_owned()
                }
                JournalProblem::Missing { .. }
                | JournalProblem::Other { .. }
                | JournalProblem::Ahead { .. }
                | JournalProblem::Format(JournalError::Damaged { .. }) => format!(
                    "bring back state and journal from one and the same moment (both belong in git); or move {} away and {}",
                    path.display(),
                    self.recovery()
                ),
            },
            LoadProblem::Format(_) => {
                format!(
                    "take the last good version from git, or {}",
                    self.recovery()
                )
            }
        }
    }

    fn recovery(&self) -> String {
        let rebuild = "let `cloudbuilder state rebuild` make it anew from what the account holds";
        match self.backups.as_slice() {
            [] => format!("{rebuild} (there is no backup)"),
            [newest, older @ ..] => {
                let older = match older {
                    [] => String::new(),
                    [one] => format!(" (older: {})", one.display()),
                    [one, .., oldest] => {
                        format!(" (older: {} to {})", one.display(), oldest.display())
                    }
                };
                format!(
                    "copy the newest backup over it, {}{older}, or {rebuild}",
                    newest.display()
                )
            }
        }
    }
}

/// The state was not saved, or no copy of its last version was kept.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The file is not the one that was read.
    #[error("the state file {} was not saved, because {how}", path.display())]
    Changed {
        /// The state file.
        path: PathBuf,
        /// What happened to it.
        how: FileChange,
    },
    /// The state in hand does not follow the one in the file.
    #[error(
        "the state file {} was not saved: it holds {file}, which {ours} does not follow",
        path.display()
    )]
    OtherState {
        /// The state file.
        path: PathBuf,
        /// The version in the file.
        file: String,
        /// The version in hand.
        ours: String,
    },
    /// The file system refused it.
    #[error(
        "cannot save the state file {}; {}",
        path.display(),
        still_there(*serial)
    )]
    Write {
        /// The state file.
        path: PathBuf,
        /// The version before, which is still there whole; 0 if there was none.
        serial: u64,
        /// What the file system said.
        source: io::Error,
    },
    /// The journal cannot be made or added to.
    #[error(
        "cannot write the journal {}; what was not added to it yet is not saved",
        path.display()
    )]
    Journal {
        /// The journal's file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// No copy of the version before could be kept.
    #[error("cannot keep a copy of the state file {} in {}", path.display(), directory.display())]
    Backup {
        /// The state file.
        path: PathBuf,
        /// Where the copies are.
        directory: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

fn still_there(serial: u64) -> String {
    match serial {
        0 => "no version of it was saved yet".to_owned(),
        serial => format!("the version before, serial {serial}, is whole"),
    }
}

/// What happened to a state file behind a run's back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It exists and was never read.
    Unread,
    /// There was none.
    Appeared,
    /// It is gone.
    Disappeared,
    /// It holds something else; the version, if it can be read.
    Altered(Option<String>),
    /// It is what it was, but its journal is not.
    Journal,
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread => f.write_str("there is one already, which this run did not read"),
            Self::Appeared => f.write_str("something else made it during this run"),
            Self::Disappeared => f.write_str("something else removed it during this run"),
            Self::Altered(Some(version)) => {
                write!(f, "something else changed it during this run, to {version}")
            }
            Self::Journal => f.write_str("something else changed its journal during this run"),
            Self::Altered(None) => f.write_str("something else changed it during this run"),
        }
    }
}

impl SaveError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Changed { path, .. } => format!(
                "find out what else works on {}; another checkout or another machine must not use it at the same time; then run the command again",
                path.display()
            ),
            Self::OtherState { .. } => {
                "read the state again, or set it aside with `cloudbuilder state rebuild`".to_owned()
            }
            Self::Write { path, source, .. }
            | Self::Journal { path, source }
            | Self::Backup { path, source, .. } => hint_for(path, source),
        }
    }
}

fn hint_for(path: &Path, source: &io::Error) -> String {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
        _ => "this directory".to_owned(),
    };
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("make room on the disk that holds {directory}, then run the command again")
        }
        ErrorKind::FileTooLarge => {
            "raise the limit on file sizes (`ulimit -f`), then run the command again".to_owned()
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("make {directory} writable for you, then run the command again")
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            format!("make {directory} a directory, then run the command again")
        }
        _ => format!(
            "see to it that files can be written in {directory}, then run the command again"
        ),
    }
}
