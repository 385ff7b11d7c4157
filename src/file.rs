//! Files that are whole or not there, and files that only grow: the one way in which this program
//! replaces a file, and the one in which it adds to one.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// One thing done to the disk; between any two a machine may stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A new file, empty.
    Create(&'a Path),
    /// Bytes at the end of a file.
    Write(&'a Path, &'a [u8]),
    /// A file's bytes made durable.
    Sync(&'a Path),
    /// A file put at another's place.
    Rename(&'a Path, &'a Path),
    /// A file's entry in its directory taken out.
    Remove(&'a Path),
    /// The entries of a directory made durable.
    SyncDirectory(&'a Path),
}

/// Is told of every step before it is done, and may prevent it: how tests stop a run between any
/// two, or fill its disk.
pub trait Witness: fmt::Debug + Send + Sync {
    /// A step is about to be done.
    ///
    /// # Errors
    /// What shall have gone wrong instead.
    fn before(&self, step: Step<'_>) -> io::Result<()>;
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Witness for Unwatched {
    fn before(&self, _: Step<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// What the file holds. Only of a regular file: a read from a pipe or a device may never end.
///
/// # Errors
/// Whatever the file system says, or that it is something else.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        let what = "it is no regular file, but a pipe, a socket or a device";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    fs::read(path)
}

/// Replaces `path` by a file that holds `bytes`, so that a crash at any instant leaves either the
/// old file or the new one: a temporary file beside it, fsync, rename, fsync of the directory.
///
/// `mode` is the new file's Unix mode; `None` keeps the old file's, or 0644 for a new one. A
/// symbolic link is followed, not replaced.
///
/// # Errors
/// Whatever the file system says; the old file is whole then.
pub fn replace(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    replace_watched(path, bytes, mode, &Unwatched)
}

/// [`replace`], with a witness.
///
/// # Errors
/// Whatever the file system or the witness says.
pub fn replace_watched(
    path: &Path,
    bytes: &[u8],
    mode: Option<u32>,
    witness: &dyn Witness,
) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        // A link to nothing: what it should lead to may be a disk that is not mounted.
        Err(error) if path.is_symlink() => return Err(error),
        Err(_) => path.to_owned(),
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(&path))
        .tempfile_in(directory)
        // Its own words name the temporary file, which is nobody's business.
        .map_err(|error| io::Error::from(error.kind()))?;
    witness.before(Step::Create(temporary.path()))?;
    witness.before(Step::Write(temporary.path(), bytes))?;
    temporary.as_file().write_all(bytes)?;
    set_mode(
        temporary.as_file(),
        mode.or_else(|| mode_of(&path)).unwrap_or(0o644),
    )?;
    witness.before(Step::Sync(temporary.path()))?;
    temporary.as_file().sync_all()?;
    witness.before(Step::Rename(temporary.path(), &path))?;
    temporary.persist(&path).map_err(|error| error.error)?;
    witness.before(Step::SyncDirectory(directory))?;
    sync_directory(directory)
}

/// Removes what replacements of `path` have left that were cut off before they were complete. Only
/// for those who know that nobody is replacing it just now.
///
/// # Errors
/// Whatever the file system says.
pub fn remove_leftovers(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let prefix = temporary_prefix(path);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let left = name
            .as_encoded_bytes()
            .starts_with(prefix.as_encoded_bytes());
        if left && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How the temporary files of a file begin: `.cloud.json.new-`.
fn temporary_prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".new-");
    prefix
}

/// A file that only ever grows. What [`Appender::append`] returned from is durable.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Opens the file at `path`, which is there.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: OpenOptions::new().append(true).open(path)?,
        })
    }

    /// Adds `bytes` at the end, in one write if the file system takes them at once, and makes
    /// them durable.
    ///
    /// # Errors
    /// Whatever the file system or the witness says. Some of the bytes may be there then.
    pub fn append(&mut self, bytes: &[u8], witness: &dyn Witness) -> io::Result<()> {
        witness.before(Step::Write(&self.path, bytes))?;
        self.file.write_all(bytes)?;
        witness.before(Step::Sync(&self.path))?;
        // The length is among what it makes durable; only times are not.
        self.file.sync_data()
    }
}

/// Removes a file, if it is there. Not durable by itself: after a crash it may be there again.
///
/// # Errors
/// Whatever the file system or the witness says.
pub fn remove(path: &Path, witness: &dyn Witness) -> io::Result<()> {
    witness.before(Step::Remove(path))?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a rename or a new entry in `directory` durable.
///
/// # Errors
/// Whatever the file system says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).open(directory)?.sync_all()
}

#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777)
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn the_mode_is_kept_and_a_link_followed() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target.json");
        let link = directory.path().join("link.json");
        replace(&target, b"old", Some(0o640)).unwrap();
        symlink(&target, &link).unwrap();

        replace(&link, b"new", None).unwrap();

        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&target).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            2,
            "no temporary file is left"
        );
    }

    #[test]
    fn a_link_to_nothing_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link.json");
        symlink("/nowhere/target.json", &link).unwrap();
        assert!(replace(&link, b"new", None).is_err());
        assert!(link.is_symlink());
    }

    #[test]
    fn what_a_cut_off_replacement_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("state.json");
        for name in [
            "state.json",
            ".state.json.new-x1Y2z3",
            ".other.json.new-x",
            ".state.json",
        ] {
            fs::File::create(directory.path().join(name)).unwrap();
        }

        remove_leftovers(&file).unwrap();

        let left = fs::read_dir(directory.path()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".other.json.new-x", ".state.json", "state.json"]);
    }

    #[test]
    fn a_failure_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing/file.json");
        assert!(replace(&missing, b"new", None).is_err());
    }
}
