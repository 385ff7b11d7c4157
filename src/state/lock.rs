//! Who may write the state: one process at a time, known by name to the others.
//!
//! The lock is the kernel's, on `.cloudbuilder/lock`: it ends with its process however that ends,
//! so no lock is ever left behind. What is left behind by a process that was killed is the text in
//! the file, which says who that was. The state file itself cannot carry the lock, because saving
//! replaces it.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::prepare_private_dir;
use crate::model::escape;

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
    took_over: Option<Holder>,
}

impl Lock {
    /// Takes the lock of the deployment whose private directory this is, or fails at once. For
    /// `operation`, the command that others will read about.
    ///
    /// # Errors
    /// [`LockError::Busy`] while another process has it; otherwise what the file system says.
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
            write_holder(&mut file, &Holder::this_process(operation)).map_err(failed)?;
            return Ok(Self { file, took_over });
        }
        Err(failed(io::Error::other(
            "something removes it as soon as it is made",
        )))
    }

    /// Takes the lock, waiting for it up to `timeout`. This blocks the thread; asynchronous code
    /// calls [`Lock::try_acquire`] every [`POLL`] instead, so that Ctrl-C is heard.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another process had it all the time; otherwise what the file system
    /// says.
    pub fn acquire(
        private_dir: &Path,
        operation: &str,
        timeout: Duration,
    ) -> Result<Self, LockError> {
        let begin = Instant::now();
        loop {
            match Self::try_acquire(private_dir, operation) {
                Err(LockError::Busy { holder }) => {
                    let left = timeout.saturating_sub(begin.elapsed());
                    if left.is_zero() {
                        return Err(LockError::Busy { holder });
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
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Who has a lock, in words for the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The command it runs: `apply`.
    pub operation: String,
    /// Whose process it is.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
    /// When that process started, in the kernel's count: process ids come round again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
}

impl Holder {
    fn this_process(operation: &str) -> Self {
        let pid = std::process::id();
        Self {
            operation: operation.to_owned(),
            user: user_name(),
            host: host_name(),
            pid,
            // Fractions of a second say nothing to the reader.
            since: Timestamp::from_second(Timestamp::now().as_second())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            started: start_of(pid),
        }
    }

    /// Whether the process is known to be gone. `false` if nobody can tell from here.
    fn is_gone(&self) -> bool {
        self.host == host_name() && self.started.is_some() && start_of(self.pid) != self.started
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by {} on {}, pid {}, since {}",
            escape(&self.operation),
            escape(&self.user),
            escape(&self.host),
            self.pid,
            self.since
        )
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

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "an unnamed host".to_owned())
}

fn user_name() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.is_empty())
        .or_else(user_id)
        .unwrap_or_else(|| "an unnamed user".to_owned())
}

/// Containers and services often have no user name in the environment.
#[cfg(unix)]
fn user_id() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let uid = fs::metadata("/proc/self").ok()?.uid();
    Some(format!("uid {uid}"))
}

#[cfg(not(unix))]
fn user_id() -> Option<String> {
    None
}

/// When the process started, in clock ticks since boot; `None` if no such process runs, or there is
/// no `/proc` to ask.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything; after it comes the
    // third, the state.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    if matches!(fields.next(), Some("Z" | "X")) {
        // Dead, and its parent has not asked yet.
        return None;
    }
    // The 22nd field.
    fields.nth(18)?.parse().ok()
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
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Busy { .. } => {
                "wait until it has ended, or let this run wait for it with --lock-timeout 10m"
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
