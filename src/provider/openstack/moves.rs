//! What this client has under way on volumes: a volume's own page says that something is, and not who
//! asked for what.

use std::collections::HashMap;

use serde_json::Value as Json;

/// A change of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// The attribute that changes.
    pub(super) attribute: &'static str,
    /// What it is to become.
    pub(super) to: Json,
    /// What it is called where it fails.
    pub(super) what: &'static str,
    /// Whether the change has to be asked for once more when this has ended: it was the first half of
    /// it, or something else that has to end before.
    pub(super) goes_on: bool,
}

/// What is under way on each volume, until what became of it is known.
#[derive(Debug, Default)]
pub(super) struct Moves {
    by_volume: HashMap<String, Move>,
}

impl Moves {
    /// A change was accepted.
    pub(super) fn began(&mut self, volume: &str, change: Move) {
        self.by_volume.insert(volume.to_owned(), change);
    }

    /// What is under way on a volume.
    pub(super) fn on(&self, volume: &str) -> Option<Move> {
        self.by_volume.get(volume).cloned()
    }

    /// What became of it is known.
    pub(super) fn over(&mut self, volume: &str) {
        self.by_volume.remove(volume);
    }
}
