use std::fs::{self, DirBuilder};
use std::io;
use std::path::Path;

use crate::file;

/// Makes `dir`, the place for the lock, backups and history, ready: there, for its owner only, and
/// invisible to git by a `.gitignore` of its own.
///
/// # Errors
/// Whatever the file system says.
pub fn prepare_private_dir(dir: &Path) -> io::Result<()> {
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => narrow(dir, &found)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "it is a file, and a directory is needed there",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(dir)?,
        Err(error) => return Err(error),
    }
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        file::replace(&ignore, b"*\n", Some(0o600))?;
    }
    Ok(())
}

#[cfg(unix)]
fn create(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    // Recursive, so that a process that makes it at the same time is no error.
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(dir)
}

#[cfg(unix)]
fn narrow(dir: &Path, found: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    match fs::set_permissions(dir, fs::Permissions::from_mode(0o700)) {
        // Somebody else's directory that we may use: its width is theirs to decide.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn narrow(_: &Path, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
