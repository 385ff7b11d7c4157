use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::format::journal::{self, Header, JournalError};
use super::format::{self, Decoded, Encoded, FormatError};
use super::{Entry, State, prepare_private_dir};
use crate::file::{self, Appender, Unwatched, Witness};

/// How many old versions of the state are kept.
const BACKUPS: usize = 10;

/// How often a state is read again that another run changes meanwhile.
const ATTEMPTS: usize = 10;

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
    private_dir: PathBuf,
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
            state_file,
            private_dir,
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
    /// version, and the journal goes. Does nothing if none is open.
    ///
    /// # Errors
    /// As for [`Store::save`]. State file and journal are what they were then.
    pub fn finish(&mut self, state: &mut State) -> Result<(), SaveError> {
        if self.is_open() {
            self.save(state)?;
        }
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
        let mut seen = self.seen();
        if matches!(seen.1, Beside::Spare)
            && file::remove(&self.journal_path(), &*self.witness).is_ok()
        {
            // If it stays, it is known to be superfluous by its base.
            seen.1 = Beside::Nothing;
        }
        Ok(())
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
                .and_then(|bytes| self.keep(&serial.to_string(), bytes, None)),
            None => self.keep_copy(),
        };
        let kept = kept.map_err(|source| self.backup_failed(source))?;
        self.backed_up = true;
        self.prune().map_err(|source| self.backup_failed(source))?;
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
        let entries = match fs::read_dir(self.backup_dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            // The serial alone would not do: it starts again with every new lineage.
            if let Some(serial) = self.backup_serial(&entry.file_name()) {
                found.push((entry.metadata()?.modified()?, serial, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().rev().map(|(_, _, path)| path).collect())
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

    fn read(&self) -> Result<(Option<Found>, Beside), LoadProblem> {
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
    fn check_unchanged(&self, state: &State) -> Result<(), SaveError> {
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
        self.keep(&label, state, journal)
    }

    /// Writes copies to `backups/cloud.state.LABEL.json` and `.journal`, under a further number if
    /// another content has that name.
    fn keep(
        &self,
        label: &str,
        state: Option<Vec<u8>>,
        journal: Option<Vec<u8>>,
    ) -> io::Result<Option<PathBuf>> {
        let parts: Vec<(&str, Vec<u8>)> = [(".json", state), (".journal", journal)]
            .into_iter()
            .filter_map(|(extension, bytes)| Some((extension, bytes?)))
            .collect();
        if parts.is_empty() {
            return Ok(None);
        }
        prepare_private_dir(&self.private_dir)?;
        let directory = self.backup_dir();
        fs::create_dir_all(&directory)?;
        for number in 1_u32.. {
            let mut stem = self.backup_prefix();
            stem.push(label);
            if number > 1 {
                stem.push(format!("-{number}"));
            }
            let mut paths = Vec::new();
            let mut free = true;
            for (extension, bytes) in &parts {
                let mut name = stem.clone();
                name.push(extension);
                let path = directory.join(name);
                let kept = read_if_there(&path)?;
                free &= kept.as_ref().is_none_or(|kept| kept == bytes);
                paths.push((path, bytes, kept.is_some()));
            }
            if !free {
                continue;
            }
            for (path, bytes, kept) in &paths {
                if !kept {
                    file::replace(path, bytes, Some(0o600))?;
                }
            }
            return Ok(paths.into_iter().next().map(|(path, _, _)| path));
        }
        Ok(None)
    }

    fn prune(&self) -> io::Result<()> {
        for old in self.backups()?.into_iter().skip(BACKUPS) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    fn backup_dir(&self) -> PathBuf {
        self.private_dir.join("backups")
    }

    /// `cloud.state.` of `cloud.state.json`.
    fn backup_prefix(&self) -> OsString {
        let mut prefix = self.state_file.file_stem().unwrap_or_default().to_owned();
        prefix.push(".");
        prefix
    }

    /// The serial in a backup's name; `None` if it is not one of ours.
    fn backup_serial(&self, name: &std::ffi::OsStr) -> Option<u64> {
        let prefix = self.backup_prefix();
        let label = name
            .to_str()?
            .strip_prefix(prefix.to_str()?)?
            .strip_suffix(".json")?;
        label.split('-').next()?.parse().ok()
    }

    fn backup_failed(&self, source: io::Error) -> SaveError {
        SaveError::Backup {
            path: self.state_file.clone(),
            directory: self.backup_dir(),
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

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct Found {
    stamp: Stamp,
    decoded: Decoded,
}

impl Version {
    fn of(found: &Found) -> Self {
        Self {
            stamp: found.stamp.clone(),
            lineage: found.decoded.state.lineage.clone(),
            serial: found.decoded.state.serial,
            checksum: found.decoded.checksum.clone(),
        }
    }
}

fn version_name(lineage: &str, serial: u64) -> String {
    format!(
        "serial {serial} of lineage {}",
        crate::model::escape(lineage)
    )
}

/// What tells one version of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    /// Device, inode, and the time of the last change of either content or inode.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Stamp {
    /// The stamp of the file that `path` leads to; `None` if it leads to none.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Ok(Some(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ),
        }))
    }
}

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
