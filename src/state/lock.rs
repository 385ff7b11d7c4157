//! Who may write the state: one process at a time, known by name to the others.
//!
//! The lock is the kernel's, on `.cloudbuilder/lock`: it ends with its process however that ends,
//! so no lock is ever left behind. What is left behind by a process that was killed is the text in
//! the file, which says who that was. The state file itself cannot carry the lock, because saving
//! replaces it.
//!
//! On a disk that several machines share, the kernel's lock may reach no further than its own.
//! There the text alone counts: one that names another machine is a lock until its run ends in
//! good order or [`release`] takes it away. Two that begin there at the same moment may miss each
//! other.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{Holder, prepare_private_dir};

/// How often a waiting run looks again.
pub const POLL: Duration = Duration::from_millis(100);

/// How often a lock file that was removed at the wrong moment is made again.
const ATTEMPTS: u32 = 10;

/// More is not read of a lock file, whoever wrote it.
const LONGEST: u64 = 4096;

/// The right to write the state, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    ours: Holder,
    took_over: Option<Holder>,
}

impl Lock {
    /// Takes the lock of the deployment whose private directory this is, or fails at once. For
    /// `operation`, the command that others will read about.
    ///
    /// # Errors
    /// [`LockError::Busy`] while another process has it, [`LockError::Elsewhere`] if it has not
    /// been given back on another machine; otherwise what the file system says.
    pub fn try_acquire(private_dir: &Path, operation: &str) -> Result<Self, LockError> {
        prepare_private_dir(private_dir).map_err(|source| LockError::Directory {
            path: private_dir.to_owned(),
            source,
        })?;
        let path = lock_file(private_dir);
        let failed = |source| LockError::File {
            path: path.clone(),
            source,
        };
        for _ in 0..ATTEMPTS {
            let mut file = open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Busy {
                        holder: read_holder(&mut file),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Between opening and locking, somebody may have removed the directory: a lock on a
            // file that nobody else can find protects nothing.
            if !is_at(&file, &path) {
                continue;
            }
            let took_over = read_holder(&mut file);
            if let Some(holder) = took_over.as_ref().filter(|holder| holder.is_elsewhere()) {
                return Err(LockError::Elsewhere {
                    holder: Box::new(holder.clone()),
                });
            }
            let ours = Holder::this_process(operation);
            write_holder(&mut file, &ours).map_err(failed)?;
            return Ok(Self {
                file,
                ours,
                took_over,
            });
        }
        Err(failed(io::Error::other(
            "something removes it as soon as it is made",
        )))
    }

    /// Takes the lock, waiting for it up to `timeout`. This blocks the thread; asynchronous code
    /// calls [`Lock::try_acquire`] every [`POLL`] instead, so that Ctrl-C is heard.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`], if it was so all the time.
    pub fn acquire(
        private_dir: &Path,
        operation: &str,
        timeout: Duration,
    ) -> Result<Self, LockError> {
        let begin = Instant::now();
        loop {
            match Self::try_acquire(private_dir, operation) {
                Err(error) if error.may_pass() => {
                    let left = timeout.saturating_sub(begin.elapsed());
                    if left.is_zero() {
                        return Err(error);
                    }
                    thread::sleep(left.min(POLL));
                }
                other => return other,
            }
        }
    }

    /// The process that had the lock before and did not end orderly, if that was so: its run was
    /// cut off.
    #[must_use]
    pub fn took_over(&self) -> Option<&Holder> {
        self.took_over.as_ref()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays, only empty: removing it would let two others lock two different files.
        // If emptying fails, the next one merely reads of a process that is gone. Unlocked by name
        // and not by closing, which would wait for a child that inherited the file.
        // What another machine wrote meanwhile, because somebody released ours, is not ours to
        // empty.
        if read_holder(&mut self.file).as_ref() == Some(&self.ours) {
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}

/// Who has the lock now, for a reader that takes none.
///
/// This only reads. A probing lock, however short, could be what makes somebody's `try_acquire`
/// fail, so the answer comes from the text in the file: nothing there means nobody. Whether the
/// process named there still lives is asked of `/proc`; where that cannot say, on another machine
/// or another system, the holder is named although it may have been killed.
#[must_use]
pub fn holder(private_dir: &Path) -> Option<Holder> {
    let mut file = File::open(lock_file(private_dir)).ok()?;
    read_holder(&mut file).filter(|holder| !holder.is_gone())
}

/// How a lock stands, for somebody who wants it released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has it.
    Free,
    /// A process on this machine has it, and says who it is as soon as it has begun.
    Held(Option<Holder>),
    /// The process that had it, on this machine, was cut off. The next run takes it over.
    Left(Holder),
    /// A process on another machine has it, or was cut off: nobody can tell from here.
    Elsewhere(Holder),
}

/// How the lock stands now. Unlike [`holder`] this tries the lock, so that a run which begins at
/// this very moment may find it taken.
///
/// # Errors
/// What the file system says.
pub fn standing(private_dir: &Path) -> Result<Standing, LockError> {
    let Some(mut file) = existing(private_dir)? else {
        return Ok(Standing::Free);
    };
    let is_free = try_lock(&file, private_dir)?;
    Ok(match read_holder(&mut file) {
        holder if !is_free => Standing::Held(holder),
        None => Standing::Free,
        Some(holder) if holder.is_elsewhere() => Standing::Elsewhere(holder),
        Some(holder) => Standing::Left(holder),
    })
}

/// Takes the lock away from a holder that is not at work on this machine.
///
/// # Errors
/// [`LockError::Busy`] if a process on this machine has it by now, or another holder does;
/// otherwise what the file system says.
pub fn release(private_dir: &Path, holder: &Holder) -> Result<(), LockError> {
    let Some(mut file) = existing(private_dir)? else {
        return Ok(());
    };
    let is_free = try_lock(&file, private_dir)?;
    match read_holder(&mut file) {
        // Given back meanwhile.
        None if is_free => Ok(()),
        Some(now) if is_free && now == *holder => {
            file.set_len(0).map_err(|source| LockError::File {
                path: lock_file(private_dir),
                source,
            })
        }
        now => Err(LockError::Busy { holder: now }),
    }
}

/// The lock file, if there is one, to be written to.
fn existing(private_dir: &Path) -> Result<Option<File>, LockError> {
    let path = lock_file(private_dir);
    match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LockError::File { path, source }),
    }
}

/// Locks the file until it is closed; `false` if somebody has it locked.
fn try_lock(file: &File, private_dir: &Path) -> Result<bool, LockError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(LockError::File {
            path: lock_file(private_dir),
            source,
        }),
    }
}

fn lock_file(private_dir: &Path) -> PathBuf {
    private_dir.join("lock")
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Whether `path` still leads to this very file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(found)) => (open.dev(), open.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    // An open file cannot be removed there.
    fs::exists(path).unwrap_or(false)
}

/// The holder named in the file. Text that names none is of no use to anybody: it is what a
/// process leaves that was killed while it wrote.
fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    let mut text = serde_json::to_string(holder)?;
    text.push('\n');
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    // Not made durable: after a crash of the machine nobody has the lock anyway.
    file.write_all(text.as_bytes())
}

/// The lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another run has the lock: {}", who(holder.as_ref()))]
    Busy {
        /// Which one, if it has said so yet.
        holder: Option<Holder>,
    },
    /// A run on another machine has it, or was cut off there.
    #[error("a run on another machine has the lock, or was cut off there: {holder}")]
    Elsewhere {
        /// Which one.
        holder: Box<Holder>,
    },
    /// The private directory cannot be made.
    #[error("cannot make the directory {} for the lock", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}", path.display())]
    File {
        /// The lock file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
}

fn who(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "it has just begun".to_owned(), Holder::to_string)
}

impl LockError {
    /// Whether waiting may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Elsewhere { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Busy { .. } => {
                "wait until it has ended, or let this run wait for it with --lock-timeout 10m"
                    .to_owned()
            }
            Self::Elsewhere { .. } => {
                "wait until it has ended (--lock-timeout 10m); if it runs no more, release it: \
                 cloudbuilder unlock"
                    .to_owned()
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::Unsupported => {
                "this file system has no locks; keep the deployment on a local one".to_owned()
            }
            Self::Directory { path, .. } | Self::File { path, .. } => {
                let directory = match path.parent() {
                    Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
                    _ => "this directory".to_owned(),
                };
                format!("make {directory} writable for you")
            }
        }
    }
}
