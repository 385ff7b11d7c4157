use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::prepare_private_dir;
use super::stamp::read_if_there;
use crate::file;

/// How many old versions of the state are kept.
const BACKUPS: usize = 10;

/// Copies of older versions of a state, below the private directory.
#[derive(Debug)]
pub(super) struct Backups {
    pub(super) state_file: PathBuf,
    pub(super) private_dir: PathBuf,
}

impl Backups {
    /// The copies of older versions, newest first.
    ///
    /// # Errors
    /// If their directory is there and cannot be listed.
    pub(super) fn list(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.directory()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            // The serial alone would not do: it starts again with every new lineage.
            if let Some(serial) = self.serial_of(&entry.file_name()) {
                found.push((entry.metadata()?.modified()?, serial, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found.into_iter().rev().map(|(_, _, path)| path).collect())
    }

    /// Writes copies to `backups/cloud.state.LABEL.json` and `.journal`, under a further number if
    /// another content has that name.
    pub(super) fn keep(
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
        let directory = self.directory();
        fs::create_dir_all(&directory)?;
        for number in 1_u32.. {
            let mut stem = self.prefix();
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

    pub(super) fn prune(&self) -> io::Result<()> {
        for old in self.list()?.into_iter().skip(BACKUPS) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> PathBuf {
        self.private_dir.join("backups")
    }

    /// `cloud.state.` of `cloud.state.json`.
    fn prefix(&self) -> OsString {
        let mut prefix = self.state_file.file_stem().unwrap_or_default().to_owned();
        prefix.push(".");
        prefix
    }

    /// The serial in a backup's name; `None` if it is not one of ours.
    fn serial_of(&self, name: &std::ffi::OsStr) -> Option<u64> {
        let prefix = self.prefix();
        let label = name
            .to_str()?
            .strip_prefix(prefix.to_str()?)?
            .strip_suffix(".json")?;
        label.split('-').next()?.parse().ok()
    }
}
