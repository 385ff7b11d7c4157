//! Reading the state with its journal while other runs may be writing it, and telling whether it is
//! still what was read.

use std::fs;

use super::super::format::journal;
use super::super::format::{self, Decoded};
use super::super::problem::{FileChange, JournalProblem, LoadProblem, SaveError};
use super::super::stamp::{Stamp, read_if_there};
use super::{Beside, Seen, State, Store, Version};
use crate::file;

/// How often a state is read again that another run changes meanwhile.
const ATTEMPTS: usize = 10;

/// What a state file held when it was read.
pub(super) struct Found {
    pub(super) stamp: Stamp,
    pub(super) decoded: Decoded,
}

impl Store {
    pub(super) fn read(&self) -> Result<(Option<Found>, Beside), LoadProblem> {
        let mut attempts = 1;
        loop {
            let before = Stamp::of(&self.state_file).map_err(LoadProblem::Read)?;
            let result = self.read_once();
            let unmoved = || Stamp::of(&self.state_file).is_ok_and(|now| now == before);
            // Two files cannot be read in one instant: what does not fit may come from a run that
            // began or ended in between.
            if result.is_ok() || attempts == ATTEMPTS || unmoved() {
                return result;
            }
            attempts += 1;
        }
    }

    fn read_once(&self) -> Result<(Option<Found>, Beside), LoadProblem> {
        let Some(mut found) = self.read_state_file()? else {
            return Ok((None, self.look_beside(None)?));
        };
        let beside = if found.decoded.open {
            self.replay(&mut found.decoded)?
        } else {
            self.look_beside(Some(&found.decoded.state))?
        };
        Ok((Some(found), beside))
    }

    /// The state file alone, without what its journal adds.
    fn read_state_file(&self) -> Result<Option<Found>, LoadProblem> {
        // The stamp first: if the file changes in between, the stamp is the older one, and the
        // next save looks closely.
        let Some(stamp) = Stamp::of(&self.state_file).map_err(LoadProblem::Read)? else {
            return match fs::read_link(&self.state_file) {
                Ok(target) => Err(LoadProblem::DanglingLink { target }),
                Err(_) => Ok(None),
            };
        };
        let bytes = file::read(&self.state_file).map_err(LoadProblem::Read)?;
        let decoded = format::decode(&bytes).map_err(LoadProblem::Format)?;
        Ok(Some(Found { stamp, decoded }))
    }

    /// Adds to a state what its open journal says.
    fn replay(&self, decoded: &mut Decoded) -> Result<Beside, LoadProblem> {
        let path = self.journal_path();
        let problem = |problem| LoadProblem::Journal {
            path: path.clone(),
            problem,
        };
        let unreadable = |error| problem(JournalProblem::Read(error));
        let state = &mut decoded.state;
        let Some(stamp) = Stamp::of(&path).map_err(unreadable)? else {
            return Err(problem(JournalProblem::Missing {
                base: version_name(&state.lineage, state.serial),
            }));
        };
        let bytes = fs::read(&path).map_err(unreadable)?;
        let journal =
            journal::decode(&bytes).map_err(|error| problem(JournalProblem::Format(error)))?;
        let header = &journal.header;
        let same_version = header.lineage == state.lineage && header.base_serial == state.serial;
        if !same_version || header.base_checksum != decoded.checksum {
            return Err(problem(JournalProblem::Other {
                base: version_name(&header.lineage, header.base_serial),
                state: version_name(&state.lineage, state.serial),
                same_version,
            }));
        }
        for entry in journal.entries {
            state.enter(entry);
        }
        Ok(Beside::Open(Some(stamp), journal.checksum))
    }

    /// Looks at what lies at the journal's place although the state does not say that it has one:
    /// what a run left that was cut off after it had saved all, or before it did anything. But if
    /// it knows of things that the state cannot know, it is the state that is not the right one.
    fn look_beside(&self, state: Option<&State>) -> Result<Beside, LoadProblem> {
        let path = self.journal_path();
        let problem = |problem| LoadProblem::Journal {
            path: path.clone(),
            problem,
        };
        let unreadable = |error| problem(JournalProblem::Read(error));
        let Some(bytes) = read_if_there(&path).map_err(unreadable)? else {
            return Ok(Beside::Nothing);
        };
        let header = journal::decode_header(&bytes)
            .map_err(|error| problem(JournalProblem::Format(error)))?;
        let folded = state.is_some_and(|state| {
            header.lineage == state.lineage && header.base_serial <= state.serial
        });
        let unused = || journal::decode(&bytes).is_ok_and(|journal| journal.entries.is_empty());
        if folded || unused() {
            return Ok(Beside::Spare);
        }
        Err(problem(JournalProblem::Ahead {
            base: version_name(&header.lineage, header.base_serial),
            state: state.map(|state| version_name(&state.lineage, state.serial)),
        }))
    }

    /// Whether the file is still what this store saw, and `state` the version after it.
    pub(super) fn check_unchanged(&self, state: &State) -> Result<(), SaveError> {
        let now =
            Stamp::of(&self.state_file).map_err(|error| self.write_error(state.serial, error))?;
        let (seen, beside) = self.seen().clone();
        let how = match (seen, now) {
            (Seen::Absent | Seen::SetAside(_), None) => return Ok(()),
            (Seen::Unread, None) => match self.read() {
                Ok((None, beside)) => {
                    self.remember(Seen::Absent, beside);
                    return Ok(());
                }
                _ => FileChange::Unread,
            },
            (Seen::SetAside(stamp), Some(now)) if stamp == now => return Ok(()),
            (Seen::Unread, Some(_)) => FileChange::Unread,
            (Seen::Absent, Some(_)) => FileChange::Appeared,
            (Seen::SetAside(_), Some(_)) => FileChange::Altered(None),
            (Seen::State(_), None) => FileChange::Disappeared,
            (Seen::State(seen), Some(now)) => {
                if seen.lineage != state.lineage || seen.serial != state.serial {
                    return Err(SaveError::OtherState {
                        path: self.state_file.clone(),
                        file: version_name(&seen.lineage, seen.serial),
                        ours: version_name(&state.lineage, state.serial),
                    });
                }
                // Metadata first, because this runs after every step and the file may be large.
                if seen.stamp == now && self.is_untouched(&beside) {
                    return Ok(());
                }
                // The journal that this run adds to is in its hands anyway.
                let again = if self.journal.is_some() {
                    self.read_state_file().map(|found| (found, beside.clone()))
                } else {
                    self.read()
                };
                match again {
                    Ok((Some(found), now)) if found.decoded.checksum == seen.checksum => {
                        match (&beside, &now) {
                            (Beside::Open(_, seen), Beside::Open(_, now)) if seen != now => {
                                FileChange::Journal
                            }
                            // Touched or checked out again, with the same content.
                            _ => {
                                self.remember(Seen::State(Version::of(&found)), now);
                                return Ok(());
                            }
                        }
                    }
                    Ok((Some(found), _)) => FileChange::Altered(Some(version_name(
                        &found.decoded.state.lineage,
                        found.decoded.state.serial,
                    ))),
                    Ok((None, _)) => FileChange::Disappeared,
                    Err(LoadProblem::Journal { .. }) => FileChange::Journal,
                    Err(_) => FileChange::Altered(None),
                }
            }
        };
        Err(SaveError::Changed {
            path: self.state_file.clone(),
            how,
        })
    }

    /// Whether the journal is still the one that was read. What this run adds to is its own.
    fn is_untouched(&self, beside: &Beside) -> bool {
        match beside {
            Beside::Open(stamp, _) if self.journal.is_none() => {
                Stamp::of(&self.journal_path()).is_ok_and(|now| now == *stamp)
            }
            Beside::Open(..) | Beside::Nothing | Beside::Spare => true,
        }
    }
}

impl Version {
    pub(super) fn of(found: &Found) -> Self {
        Self {
            stamp: found.stamp.clone(),
            lineage: found.decoded.state.lineage.clone(),
            serial: found.decoded.state.serial,
            checksum: found.decoded.checksum.clone(),
        }
    }
}

pub(super) fn version_name(lineage: &str, serial: u64) -> String {
    format!(
        "serial {serial} of lineage {}",
        crate::model::escape(lineage)
    )
}
