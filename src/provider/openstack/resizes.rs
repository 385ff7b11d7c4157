//! What this client has under way on servers that get another size: a server's own page does not say
//! who asked for what.

use std::collections::HashMap;

use tokio::time::Instant;

/// Another size for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resize {
    /// The size, as cloud.json calls it.
    pub(super) to: String,
    pub(super) stage: Stage,
}

/// How far it has come, as far as this client has asked and looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somebody else, or an earlier run, has begun one that has to end first.
    Another,
    /// It was accepted, and has not been seen since.
    Asked(Instant),
    /// It was seen to be under way.
    Underway,
    /// What it has become was confirmed.
    Confirmed(Instant),
}

/// What is under way on each server, until what became of it is known.
#[derive(Debug, Default)]
pub(super) struct Resizes {
    by_server: HashMap<String, Resize>,
}

impl Resizes {
    /// A server is to become `to`, which has come so far.
    pub(super) fn put(&mut self, server: &str, to: &str, stage: Stage) {
        let to = to.to_owned();
        self.by_server
            .insert(server.to_owned(), Resize { to, stage });
    }

    /// What is under way on a server.
    pub(super) fn on(&self, server: &str) -> Option<Resize> {
        self.by_server.get(server).cloned()
    }

    /// What was asked for has been seen to be under way.
    pub(super) fn seen(&mut self, server: &str) {
        if let Some(resize) = self.by_server.get_mut(server)
            && let Stage::Asked(_) = resize.stage
        {
            resize.stage = Stage::Underway;
        }
    }

    /// What became of it is known.
    pub(super) fn over(&mut self, server: &str) {
        self.by_server.remove(server);
    }
}
