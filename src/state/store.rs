use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::format::{self, Decoded, FormatError};
use super::{State, prepare_private_dir};
use crate::file;

/// How many old versions of the state are kept.
const BACKUPS: usize = 10;

/// The state file and its backups, as one run uses them.
///
/// A store remembers what it read or wrote last, and refuses to write over anything else: the lock
/// keeps other runs of this program away, but not `git checkout`.
#[derive(Debug)]
pub struct Store {
    state_file: PathBuf,
    private_dir: PathBuf,
    // Behind a mutex, because reading is no change to the one who reads.
    seen: Mutex<Seen>,
    backed_up: bool,
    backup_error: Option<SaveError>,
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
            seen: Mutex::new(Seen::Unread),
            backed_up: false,
            backup_error: None,
        }
    }

    /// The state file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.state_file
    }

    /// Reads the state; `None` if there is no file.
    ///
    /// # Errors
    /// If there is something at the file's place that is not a whole and unaltered state file. It
    /// is never taken for "nothing exists".
    pub fn load(&self) -> Result<Option<State>, LoadError> {
        match self.read() {
            Ok(None) => {
                self.remember(Seen::Absent);
                Ok(None)
            }
            Ok(Some(found)) => {
                self.remember(Seen::State(Version::of(&found)));
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
    /// replaced as a whole, durably, and readable by its owner only.
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
        if !self.backed_up {
            self.backup_error = self.back_up().err();
            // Once a run: what the next save would copy is this run's own work.
            self.backed_up = true;
        }
        let next = state.serial.saturating_add(1);
        let before = std::mem::replace(&mut state.serial, next);
        let encoded = match format::encode(state) {
            Ok(encoded) => encoded,
            Err(error) => {
                state.serial = before;
                return Err(self.write_error(before, error.into()));
            }
        };
        let written = file::replace(&self.state_file, &encoded.bytes, Some(0o600));
        // Also after an error: it may have come after the rename, from making that durable. Then
        // the new version is in place, and a further save has to build on it.
        let in_place =
            written.is_ok() || fs::read(&self.state_file).is_ok_and(|bytes| bytes == encoded.bytes);
        if in_place {
            if let Ok(Some(stamp)) = Stamp::of(&self.state_file) {
                self.remember(Seen::State(Version {
                    stamp,
                    lineage: state.lineage.clone(),
                    serial: next,
                    checksum: encoded.checksum,
                }));
            }
        } else {
            state.serial = before;
        }
        written.map_err(|source| self.write_error(before, source))
    }

    /// Keeps a copy of the state file as it is, unless this run did so already or there is none.
    /// [`Store::save`] does it by itself; called before anything is changed, a disk that is full
    /// is noticed in time.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn back_up(&mut self) -> Result<Option<PathBuf>, SaveError> {
        let serial = match &*self.seen() {
            Seen::State(version) => version.serial,
            Seen::Unread | Seen::Absent | Seen::SetAside(_) => return Ok(None),
        };
        if self.backed_up {
            return Ok(None);
        }
        let kept = self
            .keep_copy(&serial.to_string())
            .map_err(|source| self.backup_failed(source))?;
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

    /// For `state rebuild`: keeps a copy of whatever is at the state file's place, readable or
    /// not, and lets the next save replace it. Returns the copy; `None` if there was no file.
    ///
    /// # Errors
    /// If the copy cannot be written; nothing will be replaced then.
    pub fn set_aside(&mut self) -> Result<Option<PathBuf>, SaveError> {
        let stamp = Stamp::of(&self.state_file).map_err(|source| self.backup_failed(source))?;
        let Some(stamp) = stamp else {
            self.remember(Seen::Absent);
            return Ok(None);
        };
        let label = match self.read() {
            Ok(Some(found)) => found.decoded.state.serial.to_string(),
            _ => "unreadable".to_owned(),
        };
        let kept = self
            .keep_copy(&label)
            .map_err(|source| self.backup_failed(source))?;
        self.remember(Seen::SetAside(stamp));
        Ok(kept)
    }

    fn read(&self) -> Result<Option<Found>, LoadProblem> {
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

    /// Whether the file is still what this store saw, and `state` the version after it.
    fn check_unchanged(&self, state: &State) -> Result<(), SaveError> {
        let now =
            Stamp::of(&self.state_file).map_err(|error| self.write_error(state.serial, error))?;
        let seen = self.seen().clone();
        let how = match (seen, now) {
            (Seen::Unread | Seen::Absent | Seen::SetAside(_), None) => return Ok(()),
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
                if seen.stamp == now {
                    return Ok(());
                }
                match self.read() {
                    // Touched or checked out again, with the same content.
                    Ok(Some(found)) if found.decoded.checksum == seen.checksum => {
                        self.remember(Seen::State(Version::of(&found)));
                        return Ok(());
                    }
                    Ok(Some(found)) => FileChange::Altered(Some(version_name(
                        &found.decoded.state.lineage,
                        found.decoded.state.serial,
                    ))),
                    Ok(None) => FileChange::Disappeared,
                    Err(_) => FileChange::Altered(None),
                }
            }
        };
        Err(SaveError::Changed {
            path: self.state_file.clone(),
            how,
        })
    }

    /// Copies the state file to `backups/cloud.state.LABEL.json`, under a further number if
    /// another content has that name.
    fn keep_copy(&self, label: &str) -> io::Result<Option<PathBuf>> {
        let bytes = match fs::read(&self.state_file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        prepare_private_dir(&self.private_dir)?;
        let directory = self.backup_dir();
        fs::create_dir_all(&directory)?;
        for number in 1_u32.. {
            let mut name = self.backup_prefix();
            name.push(label);
            if number > 1 {
                name.push(format!("-{number}"));
            }
            name.push(".json");
            let path = directory.join(name);
            match fs::read(&path) {
                Ok(kept) if kept == bytes => return Ok(Some(path)),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    file::replace(&path, &bytes, Some(0o600))?;
                    return Ok(Some(path));
                }
                Err(error) => return Err(error),
            }
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

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        // A panic elsewhere leaves it whole: it is only ever replaced.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, seen: Seen) {
        *self.seen() = seen;
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
}

impl LoadError {
    /// The byte where the file stops making sense, if there is such a place.
    #[must_use]
    pub fn byte(&self) -> Option<usize> {
        match &self.problem {
            LoadProblem::Format(error) => error.byte(),
            LoadProblem::Read(_) | LoadProblem::DanglingLink { .. } => None,
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
            Self::Write { path, source, .. } | Self::Backup { path, source, .. } => {
                hint_for(path, source)
            }
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
