//! What this client has under way on Droplets and volumes. Each does one action at a time, and its own
//! page does not say what became of the last one.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::time::Instant;

/// An action on a Droplet or a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its id; none, where the answer that tells it was lost.
    pub(super) action: Option<u64>,
    /// Its type: `resize`.
    pub(super) kind: &'static str,
    pub(super) began: Instant,
    /// How far it has come.
    pub(super) stage: Stage,
}

/// How far an action has come, as far as this client has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was asked for.
    Asked,
    /// The action is over; what it asked for need not be: a Droplet's system may ignore it.
    Over,
    /// What it asked for did not come about in all the time that it was given, or nobody knows
    /// whether it was asked for at all.
    Ignored,
}

/// The last action of this client on each of them, until what became of it is known.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_id: HashMap<String, Change>,
    /// Since when, by the provider's clock, this client has asked for a snapshot of a Droplet.
    snapshots_since: HashMap<String, Timestamp>,
}

impl Changes {
    /// An action was accepted, or may have been.
    pub(super) fn began(
        &mut self,
        id: &str,
        action: Option<u64>,
        kind: &'static str,
        now: Instant,
    ) {
        let change = Change {
            action,
            kind,
            began: now,
            stage: Stage::Asked,
        };
        self.by_id.insert(id.to_owned(), change);
    }

    /// A snapshot is about to be asked for, if none was yet; `now` by the provider's clock.
    pub(super) fn snapshot_begins(&mut self, droplet: &str, now: Timestamp) {
        let since = self.snapshots_since.entry(droplet.to_owned());
        since.or_insert(now);
    }

    /// Since when a snapshot of a Droplet has been asked for; `None` if this client did not.
    pub(super) fn snapshot_since(&self, droplet: &str) -> Option<Timestamp> {
        self.snapshots_since.get(droplet).copied()
    }

    /// What is under way on it.
    pub(super) fn on(&self, id: &str) -> Option<Change> {
        self.by_id.get(id).copied()
    }

    /// The action has come so far.
    pub(super) fn came_to(&mut self, id: &str, stage: Stage) {
        if let Some(change) = self.by_id.get_mut(id) {
            change.stage = stage;
        }
    }

    /// What became of it is known.
    pub(super) fn over(&mut self, id: &str) {
        self.by_id.remove(id);
    }
}
