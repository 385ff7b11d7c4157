//! Files that are whole or not there: the one way in which this program replaces a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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
    let mut temporary = tempfile::Builder::new()
        .prefix(".cloudbuilder-")
        .tempfile_in(directory)
        // Its own words name the temporary file, which is nobody's business.
        .map_err(|error| io::Error::from(error.kind()))?;
    temporary.write_all(bytes)?;
    set_mode(
        temporary.as_file(),
        mode.or_else(|| mode_of(&path)).unwrap_or(0o644),
    )?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path).map_err(|error| error.error)?;
    sync_directory(directory)
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
    fn a_failure_leaves_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing/file.json");
        assert!(replace(&missing, b"new", None).is_err());
    }
}
