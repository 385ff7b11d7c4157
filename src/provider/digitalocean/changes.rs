//! What this client has under way on Droplets. A Droplet does one action at a time, and its own
//! page does not say what became of the last one.

use std::collections::HashMap;

use tokio::time::Instant;

/// An action on a Droplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Its id.
    pub(super) action: u64,
    /// Its type: `resize`.
    pub(super) kind: &'static str,
    pub(super) began: Instant,
    /// How far it has come.
    pub(super) stage: Stage,
}

/// How far an action has come, as far as this client has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The Droplet was locked when it was seen last, or has not been seen since.
    Locked,
    /// The Droplet does not say that anything is under way.
    Unlocked,
    /// The action is done; what it asked for need not be: a Droplet's system may ignore it.
    Done,
    /// What it asked for did not come about in all the time that it was given.
    Ignored,
}

/// The last action of this client on each Droplet, until what became of it is known.
#[derive(Debug, Default)]
pub(super) struct Changes {
    by_droplet: HashMap<String, Change>,
}

impl Changes {
    /// An action was accepted.
    pub(super) fn began(&mut self, droplet: &str, action: u64, kind: &'static str, now: Instant) {
        let change = Change {
            action,
            kind,
            began: now,
            stage: Stage::Locked,
        };
        self.by_droplet.insert(droplet.to_owned(), change);
    }

    /// What is under way on a Droplet.
    pub(super) fn on(&self, droplet: &str) -> Option<Change> {
        self.by_droplet.get(droplet).copied()
    }

    /// A Droplet was seen.
    pub(super) fn seen(&mut self, droplet: u64, locked: bool) {
        if self.by_droplet.is_empty() {
            return;
        }
        if let Some(change) = self.by_droplet.get_mut(&droplet.to_string())
            && matches!(change.stage, Stage::Locked | Stage::Unlocked)
        {
            change.stage = match locked {
                true => Stage::Locked,
                false => Stage::Unlocked,
            };
        }
    }

    /// The action has come so far.
    pub(super) fn came_to(&mut self, droplet: &str, stage: Stage) {
        if let Some(change) = self.by_droplet.get_mut(droplet) {
            change.stage = stage;
        }
    }

    /// What became of it is known.
    pub(super) fn over(&mut self, droplet: &str) {
        self.by_droplet.remove(droplet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_counts_until_the_action_is_known_to_be_done() {
        let mut changes = Changes::default();
        changes.seen(7, true);
        assert_eq!(changes.on("7"), None);
        changes.began("7", 70, "shutdown", Instant::now());
        let stage = |changes: &Changes| changes.on("7").unwrap().stage;
        assert_eq!(stage(&changes), Stage::Locked);
        changes.seen(7, false);
        assert_eq!(stage(&changes), Stage::Unlocked);
        changes.seen(7, true);
        assert_eq!(stage(&changes), Stage::Locked);
        changes.came_to("7", Stage::Done);
        // Something else is under way by now.
        changes.seen(7, true);
        assert_eq!(stage(&changes), Stage::Done);
        changes.over("7");
        assert_eq!(changes.on("7"), None);
    }
}
