//! What is left of a directory when the machine dies and not only the program: what was synced,
//! and of the rest whatever the disk likes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use serde::Deserialize;

/// Files by path.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A step that was traced: about to be done when it was written down.
#[derive(Debug, Deserialize)]
pub(super) struct Traced {
    step: String,
    path: PathBuf,
    to: Option<PathBuf>,
    bytes: Option<String>,
}

/// Files whose bytes and names are kept, or not yet.
#[derive(Debug, Default)]
pub(super) struct Disk {
    files: Vec<Content>,
    /// What is in the directory for good.
    kept: BTreeMap<PathBuf, usize>,
    /// What is in it until the power goes.
    now: BTreeMap<PathBuf, usize>,
    /// What may or may not be kept of the difference, in order.
    pending: Vec<(PathBuf, Option<usize>)>,
}

#[derive(Debug, Default)]
struct Content {
    kept: usize,
    bytes: Vec<u8>,
}

impl Disk {
    /// As a directory is found: all of it is kept.
    pub(super) fn of(files: Files) -> Self {
        let mut disk = Self::default();
        for (path, bytes) in files {
            disk.kept.insert(path, disk.files.len());
            disk.files.push(Content {
                kept: bytes.len(),
                bytes,
            });
        }
        disk.now = disk.kept.clone();
        disk
    }

    /// A step is done. One on a file that is not there changes nothing.
    pub(super) fn step(&mut self, traced: Traced) {
        let Traced {
            step,
            path,
            to,
            bytes,
        } = traced;
        let at = self.now.get(&path).copied();
        match (step.as_str(), at) {
            ("create", _) => {
                self.files.push(Content::default());
                self.enter(path, Some(self.files.len() - 1));
            }
            ("write", Some(at)) => {
                if let Some(file) = self.files.get_mut(at) {
                    file.bytes.extend(bytes.unwrap_or_default().into_bytes());
                }
            }
            ("sync", Some(at)) => {
                if let Some(file) = self.files.get_mut(at) {
                    file.kept = file.bytes.len();
                }
            }
            ("rename", Some(at)) => {
                self.enter(path, None);
                self.enter(to.unwrap_or_default(), Some(at));
            }
            ("remove", Some(_)) => self.enter(path, None),
            ("sync_directory", _) => {
                self.pending.clear();
                self.kept = self.now.clone();
            }
            _ => {}
        }
    }

    fn enter(&mut self, path: PathBuf, file: Option<usize>) {
        match file {
            Some(file) => self.now.insert(path.clone(), file),
            None => self.now.remove(&path),
        };
        self.pending.push((path, file));
    }

    /// What may be found after the power went now: one of many outcomes, drawn.
    pub(super) fn after_a_power_cut(&self, rng: &mut Rng) -> Files {
        let mut entries = self.kept.clone();
        for (path, file) in &self.pending {
            if rng.bool() {
                match file {
                    Some(file) => entries.insert(path.clone(), *file),
                    None => entries.remove(path),
                };
            }
        }
        let content = |at: usize, rng: &mut Rng| {
            self.files
                .get(at)
                .map(|file| file.after(rng))
                .unwrap_or_default()
        };
        entries
            .into_iter()
            .map(|(path, at)| (path, content(at, rng)))
            .collect()
    }
}

impl Content {
    /// What was synced, and of the rest nothing, a part, or zeros in its place.
    fn after(&self, rng: &mut Rng) -> Vec<u8> {
        let (kept, rest) = self.bytes.split_at(self.kept.min(self.bytes.len()));
        let mut left = kept.to_vec();
        match rng.u8(0..4) {
            0 | 1 => {}
            2 => left.extend(rest.iter().take(rng.usize(0..=rest.len()))),
            _ => left.resize(self.bytes.len(), 0),
        }
        left
    }
}

/// The path of a file of the deployment, as the client names it from inside its directory.
pub(super) fn absolute(directory: &Path, path: &Path) -> PathBuf {
    let path = path.strip_prefix(".").unwrap_or(path);
    directory.join(path)
}

impl Traced {
    /// The same with its paths from the root.
    pub(super) fn within(self, directory: &Path) -> Self {
        Self {
            path: absolute(directory, &self.path),
            to: self.to.map(|to| absolute(directory, &to)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn step(disk: &mut Disk, step: &str, path: &str, more: &str) {
        disk.step(Traced {
            step: step.into(),
            path: path.into(),
            to: (step == "rename").then(|| more.into()),
            bytes: (step == "write").then(|| more.into()),
        });
    }

    fn outcomes(disk: &Disk) -> BTreeSet<Vec<(String, String)>> {
        let mut rng = Rng::with_seed(1);
        let one = |files: Files| {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\0', "0");
            let file = |(path, bytes): (PathBuf, _)| (path.display().to_string(), text(bytes));
            files.into_iter().map(file).collect()
        };
        (0..300)
            .map(|_| one(disk.after_a_power_cut(&mut rng)))
            .collect()
    }

    fn file(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn what_was_added_is_kept_once_it_was_synced() {
        let mut disk = Disk::of(Files::from([("a".into(), b"old".to_vec())]));
        step(&mut disk, "write", "a", "+n");
        let possible = ["old", "old+", "old+n", "old00"].map(|text| vec![file("a", text)]);
        assert_eq!(outcomes(&disk), BTreeSet::from(possible));
        step(&mut disk, "sync", "a", "");
        assert_eq!(outcomes(&disk), BTreeSet::from([vec![file("a", "old+n")]]));
    }

    #[test]
    fn a_replaced_file_is_the_old_or_the_new_one_until_its_directory_is_synced() {
        let mut disk = Disk::of(Files::from([("a".into(), b"old".to_vec())]));
        for (kind, more) in [
            ("create", ""),
            ("write", "new"),
            ("sync", ""),
            ("rename", "a"),
        ] {
            step(&mut disk, kind, "t", more);
        }
        let found = outcomes(&disk);
        let a: BTreeSet<&str> = found
            .iter()
            .flatten()
            .filter(|(path, _)| path == "a")
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(a, BTreeSet::from(["new", "old"]));
        step(&mut disk, "sync_directory", ".", "");
        assert_eq!(outcomes(&disk), BTreeSet::from([vec![file("a", "new")]]));
    }

    #[test]
    fn a_rename_before_the_sync_may_leave_nothing_in_the_file() {
        let mut disk = Disk::of(Files::from([("a".into(), b"old".to_vec())]));
        for (kind, more) in [("create", ""), ("write", "new"), ("rename", "a")] {
            step(&mut disk, kind, "t", more);
        }
        step(&mut disk, "sync_directory", ".", "");
        assert!(outcomes(&disk).contains(&vec![file("a", "")]));
    }
}
