//! The world's file: one entry a line, only ever appended to while it is in use.
//!
//! Lines are queued under the world's lock, so that the file has them in the order in which they
//! took effect; many requests then share one `fdatasync` ([`Store::commit`]).

use super::model::Millis;
use super::{Error, io_error, lock};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// How many superfluous lines a file may have before it is written anew at start-up.
const SLACK: usize = 1000;

/// A world that can be kept in a file: everything in it changes by entries, and the same entries
/// make it again.
pub(super) trait Kept {
    /// One change, and one line of the file.
    type Entry: Serialize + DeserializeOwned;

    /// What tells it from another when two processes meet over a file; empty before it was founded.
    fn id(&self) -> &str;

    /// An identity for one that is kept nowhere: the same for the same options.
    fn invented_id(&self) -> String;

    /// Gives it its identity, and what a new one holds.
    fn found(&mut self, id: String, now: Millis);

    /// Lets time pass.
    fn advance(&mut self, now: Millis);

    /// The lines written since this was last asked.
    fn take_unsaved(&mut self) -> Vec<u8>;

    /// The whole world as entries, for a compacted file.
    fn entries(&self) -> impl Iterator<Item = Self::Entry>;

    /// Applies an entry that comes from the file.
    fn apply(&mut self, entry: Self::Entry);

    /// The format that an entry says the file has, if this program cannot read it.
    fn unknown_format(entry: &Self::Entry) -> Option<u32>;
}

/// The file, and what is on its way there. Without a path nothing is kept.
#[derive(Debug)]
pub(super) struct Store {
    queue: Mutex<Queue>,
    file: Arc<Mutex<Tail>>,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// How many pushes there have been.
    pushed: u64,
}

#[derive(Debug)]
struct Tail {
    /// `None` in memory, and once closed or broken.
    file: Option<File>,
    memory_only: bool,
    /// How many pushes are durable.
    synced: u64,
}

/// The file cannot be written to: what was done may not outlive the process.
#[derive(Debug)]
pub(super) struct NotDurable;

impl Store {
    pub(super) fn in_memory() -> Self {
        Self::new(None)
    }

    fn new(file: Option<File>) -> Self {
        Self {
            queue: Mutex::default(),
            file: Arc::new(Mutex::new(Tail {
                memory_only: file.is_none(),
                file,
                synced: 0,
            })),
        }
    }

    /// Reads the file into `world`, or founds one; compacts a file that has grown or was torn.
    pub(super) fn open<W: Kept>(path: &Path, world: &mut W, now: Millis) -> Result<Self, Error> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(io_error(path, source)),
        };
        let (lines, torn) = replay(path, &text, world)?;
        let fresh = world.id().is_empty();
        if fresh {
            world.found(uuid::Uuid::new_v4().to_string(), now);
        }
        world.advance(now);
        let completed = world.take_unsaved();
        let live = world.entries().count();
        let anew = fresh || torn || lines > live * 2 + SLACK;
        if anew {
            rewrite(path, world)?;
        }
        let mut file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(|source| io_error(path, source))?;
        if !anew {
            // What came due in between takes effect once, not again after what follows.
            file.write_all(&completed)
                .and_then(|()| file.sync_data())
                .map_err(|source| io_error(path, source))?;
        }
        Ok(Self::new(Some(file)))
    }

    /// Queues lines; call it under the world's lock. The number is for [`Store::commit`].
    pub(super) fn push(&self, lines: &[u8]) -> u64 {
        let mut queue = lock(&self.queue);
        queue.lines.extend_from_slice(lines);
        queue.pushed += 1;
        queue.pushed
    }

    /// Returns once everything up to that push is on disk.
    pub(super) async fn commit(self: &Arc<Self>, push: u64) -> Result<(), NotDurable> {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.commit_now(push))
            .await
            .unwrap_or(Err(NotDurable))
    }

    fn commit_now(&self, push: u64) -> Result<(), NotDurable> {
        let mut tail = lock(&self.file);
        if tail.synced >= push {
            return Ok(());
        }
        let (lines, pushed) = {
            let mut queue = lock(&self.queue);
            (std::mem::take(&mut queue.lines), queue.pushed)
        };
        if !tail.memory_only {
            let file = tail.file.as_mut().ok_or(NotDurable)?;
            if file
                .write_all(&lines)
                .and_then(|()| file.sync_data())
                .is_err()
            {
                // A line may be half there. Nothing more may follow it: the next start drops it.
                tail.file = None;
                return Err(NotDurable);
            }
        }
        tail.synced = pushed;
        Ok(())
    }

    /// Writes nothing from now on, whoever still asks.
    pub(super) fn close(&self) {
        let mut tail = lock(&self.file);
        tail.file = None;
        tail.memory_only = false;
    }
}

/// Applies every line; says how many there were and whether the last one was cut off.
fn replay<W: Kept>(path: &Path, text: &[u8], world: &mut W) -> Result<(usize, bool), Error> {
    let mut lines = 0;
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        lines += 1;
        let entry: W::Entry = serde_json::from_slice(line).map_err(|source| Error::Damaged {
            path: path.to_owned(),
            line: lines,
            source,
        })?;
        if let Some(found) = W::unknown_format(&entry) {
            return Err(Error::Format {
                path: path.to_owned(),
                found,
            });
        }
        world.apply(entry);
        rest = after.get(1..).unwrap_or_default();
    }
    Ok((lines, !rest.is_empty()))
}

/// Writes the world anew: beside, synced, renamed over, the directory synced.
fn rewrite<W: Kept>(path: &Path, world: &W) -> Result<(), Error> {
    let failed = |source| io_error(path, source);
    let folder = folder(path);
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
    let mut text = Vec::new();
    for entry in world.entries() {
        serde_json::to_writer(&mut text, &entry).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
    }
    file.write_all(&text).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

pub(super) fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::model::{Domain, Entry};
    use crate::sandbox::rules::{blank_world, test_world};

    fn domain(name: &str) -> Entry {
        Entry::Domain(Domain {
            name: name.into(),
            ttl: 1800,
        })
    }

    fn append(path: &Path, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    #[test]
    fn what_was_committed_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        let mut world = blank_world();
        let store = Store::open(&path, &mut world, 5).unwrap();
        world.write(domain("example.com"));
        let push = store.push(&world.take_unsaved());
        store.commit_now(push).unwrap();

        let mut again = blank_world();
        Store::open(&path, &mut again, 6).unwrap();
        assert_eq!(again.id, world.id);
        assert_eq!(again.zones.len(), 1);
        assert_eq!(again.vpcs.len(), world.vpcs.len());
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_gone_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        Store::open(&path, &mut blank_world(), 5).unwrap();
        append(&path, b"{\"domain\":{\"name\":\"exam");
        let mut again = blank_world();
        Store::open(&path, &mut again, 6).unwrap();
        assert!(again.zones.is_empty());
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("}\n"));
    }

    #[test]
    fn damage_before_the_end_is_named_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        let mut world = blank_world();
        Store::open(&path, &mut world, 5).unwrap();
        let lines = world.entries().count();
        append(&path, b"nonsense\n{\"key_gone\":1}\n");
        let error = Store::open(&path, &mut blank_world(), 6).unwrap_err();
        assert!(
            matches!(error, Error::Damaged { line, .. } if line == lines + 1),
            "{error}"
        );
    }

    #[test]
    fn a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        Store::open(&path, &mut blank_world(), 5).unwrap();
        append(&path, b"{\"world\":{\"format\":2,\"id\":\"x\"}}\n");
        let error = Store::open(&path, &mut blank_world(), 6).unwrap_err();
        assert!(matches!(error, Error::Format { found: 2, .. }), "{error}");
    }

    #[test]
    fn a_grown_file_is_compacted_and_counters_do_not_go_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("world");
        let mut world = blank_world();
        let store = Store::open(&path, &mut world, 5).unwrap();
        for number in 0..2000 {
            world.write(domain(&format!("d{number}.example")));
            world.write(Entry::DomainGone(format!("d{number}.example")));
        }
        world.next_id();
        let id = world.counters.id;
        world.write(Entry::Counters(world.counters));
        let push = store.push(&world.take_unsaved());
        store.commit_now(push).unwrap();
        let grown = std::fs::metadata(&path).unwrap().len();
        let mut again = blank_world();
        Store::open(&path, &mut again, 6).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < grown / 10);
        let mut third = blank_world();
        Store::open(&path, &mut third, 7).unwrap();
        assert_eq!(third.counters.id, id);
    }

    #[test]
    fn a_closed_store_takes_nothing_more() {
        let store = Store::in_memory();
        let mut world = test_world();
        world.write(domain("example.com"));
        let push = store.push(&world.take_unsaved());
        assert!(store.commit_now(push).is_ok());
        store.close();
        let push = store.push(b"x\n");
        assert!(store.commit_now(push).is_err());
    }
}
