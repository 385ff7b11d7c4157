use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::backups::Backups;
use super::format::journal::{self, Header};
use super::format::{self, Encoded};
use super::problem::{LoadError, SaveError};
use super::stamp::{Stamp, read_if_there};
use super::{Entry, State};
use crate::file::{self, Appender, Unwatched, Witness};

mod reading;

/// The state file, its journal and its backups, as one run uses them.
///
/// While a plan is carried out the state file stays as it is, as the base of a journal
/// ([`Store::begin`]) to which every intent and outcome is added ([`Store::append`]); at the end
/// the whole becomes the next state ([`Store::finish`]). A run that is cut off leaves both, and
/// whoever loads them next finds what was added. At every instant the state file alone says
/// whether a journal counts, so that no two files ever have to change at once.
///
/// A store remembers what it read or wrote last, and refuses to write over anything else: the lock
/// keeps other runs of this program away, but not `git checkout`.
#[derive(Debug)]
pub struct Store {
    state_file: PathBuf,
    backups: Backups,
    witness: Box<dyn Witness>,
    // Behind a mutex, because reading is no change to the one who reads.
    seen: Mutex<(Seen, Beside)>,
    journal: Option<Journal>,
    backed_up: bool,
    backup_error: Option<SaveError>,
}

/// The journal that this run adds to.
#[derive(Debug)]
struct Journal {
    file: Appender,
    /// The checksum of its last line.
    checksum: String,
    /// What stood in the way of an entry: half of it may be there, so nothing may follow.
    broken: bool,
}

/// What was at the journal's place when this store looked last.
#[derive(Clone, Debug)]
enum Beside {
    /// Nothing, or nothing that anybody looked at.
    Nothing,
    /// A journal that says nothing new, or one that was set aside.
    Spare,
    /// The state's journal: its stamp and the checksum of its last line.
    Open(Option<Stamp>, String),
}

/// What was at the state file's place when this store looked last.
#[derive(Clone, Debug)]
enum Seen {
    /// Nobody looked yet.
    Unread,
    /// There was no file.
    Absent,
    /// A state, read or written by us.
    State(Version),
    /// Something that the user wants replaced, whatever it is; a copy of it is kept.
    SetAside(Stamp),
}

#[derive(Clone, Debug)]
struct Version {
    stamp: Stamp,
    lineage: String,
    serial: u64,
    checksum: String,
}

impl Store {
    /// The store of the state in `state_file`, with backups below `private_dir`. Touches nothing.
    #[must_use]
    pub fn new(state_file: PathBuf, private_dir: PathBuf) -> Self {
        Self {
            backups: Backups {
                state_file: state_file.clone(),
                private_dir,
            },
            state_file,
            witness: Box::new(Unwatched),
            seen: Mutex::new((Seen::Unread, Beside::Nothing)),
            journal: None,
            backed_up: false,
            backup_error: None,
        }
    }

    /// The state file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.state_file
    }

    /// The same store, with a witness of every step that changes the state file or its journal.
    #[must_use]
    pub fn watched_by(self, witness: impl Witness + 'static) -> Self {
        Self {
            witness: Box::new(witness),
            ..self
        }
    }

    /// The journal's file: beside the state file, or beside what that is a link to.
    #[must_use]
    pub fn journal_path(&self) -> PathBuf {
        fs::canonicalize(&self.state_file)
            .as_ref()
            .unwrap_or(&self.state_file)
            .with_extension("journal")
    }

    /// Reads the state and, if one is open, its journal; `None` if there is no file. Writes
    /// nothing: what the journal adds is added in memory.
    ///
    /// # Errors
    /// If there is something at the file's place that is not a whole and unaltered state file, or
    /// its journal cannot be read or is not this state's. It is never taken for "nothing exists".
    pub fn load(&self) -> Result<Option<State>, LoadError> {
        match self.read() {
            Ok((None, beside)) => {
                self.remember(Seen::Absent, beside);
                Ok(None)
            }
            Ok((Some(found), beside)) => {
                self.remember(Seen::State(Version::of(&found)), beside);
                Ok(Some(found.decoded.state))
            }
            Err(problem) => Err(LoadError {
                path: self.state_file.clone(),
                problem,
                backups: self.backups().unwrap_or_default(),
            }),
        }
    }

    /// Writes `state` as the next version: its serial is one higher afterwards. The file is
    /// replaced as a whole, durably, and readable by its owner only. A journal that was open is
    /// part of it then, and gone.
    ///
    /// The first save of a run keeps a copy of the version before. That copy is worth less than
    /// the state itself, so a failure to make it does not fail the save; see
    /// [`Store::backup_error`].
    ///
    /// # Errors
    /// If the file is not what this store read or wrote last, or cannot be written. The file then
    /// holds what it held, and `state` keeps its serial.
    pub fn save(&mut self, state: &mut State) -> Result<(), SaveError> {
        self.check_unchanged(state)?;
        self.back_up_once();
        self.fold(state)
    }

    /// Opens a journal that goes on from `state`. A journal that was open becomes part of the
    /// state first.
    ///
    /// # Errors
    /// As for [`Store::save`], or if the journal cannot be made.
    pub fn begin(&mut self, state: &mut State) -> Result<(), SaveError> {
        self.check_unchanged(state)?;
        self.back_up_once();
        if self.is_open() {
            self.fold(state)?;
        }
        let encoded = self.next_version(state, format::encode_open)?;
        // The journal first: a state must not say that it has one before it has.
        let made = self.make_journal(state, &encoded);
        let (journal, beside) = made.map_err(|source| {
            state.serial = state.serial.saturating_sub(1);
            self.journal_error(source)
        })?;
        self.write(state, encoded, beside)?;
        self.journal = Some(journal);
        Ok(())
    }

    /// Adds entries to the journal, all or none of them, and returns when they are durable. What
    /// this costs does not depend on the size of the state.
    ///
    /// It does not touch the state in memory; [`State::enter`] does, and [`Store::finish`] writes
    /// what is in there. So enter outcomes even if this fails: if the state can still be saved in
    /// the end, nothing is lost. Do not enter the intents then, and do not act on them.
    ///
    /// # Errors
    /// If no journal is open or it cannot be written to. No further entry is taken then, because
    /// half of one may be there.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), SaveError> {
        if entries.is_empty() {
            return Ok(());
        }
        let written = match &mut self.journal {
            Some(journal) if journal.broken => {
                Err(io::Error::other("an earlier entry could not be added"))
            }
            Some(journal) => journal.append(entries, &*self.witness),
            None => Err(io::Error::other("no journal is open")),
        };
        written.map_err(|source| self.journal_error(source))
    }

    /// Ends what [`Store::begin`] began: `state`, with its unsettled intents, becomes the next
    /// version, and the journal goes. If none is open, only what was left of one goes.
    ///
    /// # Errors
    /// As for [`Store::save`]. State file and journal are what they were then.
    pub fn finish(&mut self, state: &mut State) -> Result<(), SaveError> {
        if self.is_open() {
            self.save(state)?;
        }
        self.remove_spare();
        Ok(())
    }

    /// Whether the state file says that a journal goes on from it.
    fn is_open(&self) -> bool {
        matches!(self.seen().1, Beside::Open(..))
    }

    fn fold(&mut self, state: &mut State) -> Result<(), SaveError> {
        let beside = match &self.seen().1 {
            Beside::Nothing => Beside::Nothing,
            Beside::Spare | Beside::Open(..) => Beside::Spare,
        };
        let encoded = self.next_version(state, format::encode)?;
        self.write(state, encoded, beside)?;
        self.remove_spare();
        Ok(())
    }

    /// Removes a journal that says nothing new. If it stays, that is known by its base.
    fn remove_spare(&self) {
        let mut seen = self.seen();
        if matches!(seen.1, Beside::Spare)
            && file::remove(&self.journal_path(), &*self.witness).is_ok()
        {
            seen.1 = Beside::Nothing;
        }
    }

    /// Counts the serial on, and gives the text with it.
    fn next_version(
        &self,
        state: &mut State,
        encode: fn(&State) -> serde_json::Result<Encoded>,
    ) -> Result<Encoded, SaveError> {
        let before = state.serial;
        state.serial = before.saturating_add(1);
        encode(state).map_err(|error| {
            state.serial = before;
            self.write_error(before, error.into())
        })
    }

    fn make_journal(&self, state: &State, encoded: &Encoded) -> io::Result<(Journal, Beside)> {
        let path = self.journal_path();
        let header = Header::new(&state.lineage, state.serial, &encoded.checksum);
        let (line, checksum) = journal::encode_header(&header)?;
        file::replace_watched(&path, &line, Some(0o600), &*self.witness)?;
        let journal = Journal {
            file: Appender::open(&path)?,
            checksum: checksum.clone(),
            broken: false,
        };
        Ok((journal, Beside::Open(Stamp::of(&path)?, checksum)))
    }

    /// Replaces the state file by the text of `state`, whose serial was counted on.
    fn write(
        &mut self,
        state: &mut State,
        encoded: Encoded,
        beside: Beside,
    ) -> Result<(), SaveError> {
        let Encoded { bytes, checksum } = encoded;
        let before = state.serial.saturating_sub(1);
        let written = file::replace_watched(&self.state_file, &bytes, Some(0o600), &*self.witness);
        // Also after an error: it may have come after the rename, from making that durable. Then
        // the new version is in place, and a further save has to build on it.
        let in_place =
            written.is_ok() || fs::read(&self.state_file).is_ok_and(|found| found == bytes);
        if in_place {
            // What was added to belongs to the version before.
            self.journal = None;
            if let Ok(Some(stamp)) = Stamp::of(&self.state_file) {
                let version = Version {
                    stamp,
                    lineage: state.lineage.clone(),
                    serial: state.serial,
                    checksum,
                };
                self.remember(Seen::State(version), beside);
            }
        } else {
            state.serial = before;
        }
        written.map_err(|source| self.write_error(before, source))
    }

    fn back_up_once(&mut self) {
        if !self.backed_up {
            self.backup_error = self.back_up().err();
            // Once a run: what the next save would copy is this run's own work.
            self.backed_up = true;
        }
    }

    /// Keeps a copy of the state as it is, unless this run did so already or there is none. What
    /// an open journal adds is in the copy, which so can be put in the state's place alone.
    /// [`Store::save`] does it by itself; called before anything is changed, a disk that is full
    /// is noticed in time.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn back_up(&mut self) -> Result<Option<PathBuf>, SaveError> {
        let complete = match &*self.seen() {
            (Seen::State(_), Beside::Open(..)) => None,
            (Seen::State(version), _) => Some(version.serial),
            (Seen::Unread | Seen::Absent | Seen::SetAside(_), _) => return Ok(None),
        };
        if self.backed_up {
            return Ok(None);
        }
        let kept = match complete {
            // Nothing has to be added to the file, so it need not be understood again.
            Some(serial) => read_if_there(&self.state_file)
                .and_then(|bytes| self.backups.keep(&serial.to_string(), bytes, None)),
            None => self.keep_copy(),
        };
        let kept = kept.map_err(|source| self.backup_failed(source))?;
        self.backed_up = true;
        self.backups
            .prune()
            .map_err(|source| self.backup_failed(source))?;
        Ok(kept)
    }

    /// Why the first save kept no copy of the version before, if it did not.
    #[must_use]
    pub fn backup_error(&self) -> Option<&SaveError> {
        self.backup_error.as_ref()
    }

    /// The copies of older versions, newest first.
    ///
    /// # Errors
    /// If their directory is there and cannot be listed.
    pub fn backups(&self) -> io::Result<Vec<PathBuf>> {
        self.backups.list()
    }

    /// For `state rebuild`: keeps a copy of whatever is at the state file's place and the
    /// journal's, readable or not, and lets the next save replace it. Returns the copy; `None` if
    /// there was nothing.
    ///
    /// # Errors
    /// If the copy cannot be written; nothing will be replaced then.
    pub fn set_aside(&mut self) -> Result<Option<PathBuf>, SaveError> {
        let stamp = Stamp::of(&self.state_file).map_err(|source| self.backup_failed(source))?;
        let kept = self
            .keep_copy()
            .map_err(|source| self.backup_failed(source))?;
        let seen = stamp.map_or(Seen::Absent, Seen::SetAside);
        self.remember(seen, Beside::Spare);
        Ok(kept)
    }

    /// Copies the state with what its journal adds; if it cannot be read, then what there is of it
    /// and its journal, as they are.
    fn keep_copy(&self) -> io::Result<Option<PathBuf>> {
        let (label, state, journal) = match self.read() {
            Ok((Some(found), beside)) => {
                let bytes = if matches!(beside, Beside::Open(..)) {
                    Some(format::encode(&found.decoded.state)?.bytes)
                } else {
                    read_if_there(&self.state_file)?
                };
                (found.decoded.state.serial.to_string(), bytes, None)
            }
            Ok((None, _)) => return Ok(None),
            Err(_) => (
                "unreadable".to_owned(),
                read_if_there(&self.state_file)?,
                read_if_there(&self.journal_path())?,
            ),
        };
        self.backups.keep(&label, state, journal)
    }

    fn backup_failed(&self, source: io::Error) -> SaveError {
        SaveError::Backup {
            path: self.state_file.clone(),
            directory: self.backups.directory(),
            source,
        }
    }

    fn write_error(&self, serial: u64, source: io::Error) -> SaveError {
        SaveError::Write {
            path: self.state_file.clone(),
            serial,
            source,
        }
    }

    fn journal_error(&self, source: io::Error) -> SaveError {
        SaveError::Journal {
            path: self.journal_path(),
            source,
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, (Seen, Beside)> {
        // A panic elsewhere leaves it whole: it is only ever replaced.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, seen: Seen, beside: Beside) {
        *self.seen() = (seen, beside);
    }
}

impl Journal {
    fn append(&mut self, entries: &[Entry], witness: &dyn Witness) -> io::Result<()> {
        let (line, checksum) = journal::encode_entries(entries, &self.checksum)?;
        self.file
            .append(&line, witness)
            .inspect_err(|_| self.broken = true)?;
        self.checksum = checksum;
        Ok(())
    }
}
