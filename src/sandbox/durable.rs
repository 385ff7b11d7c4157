//! A world that many ask at once, and that is on disk before anything is answered for.

use super::owner::Owned;
use super::store::{Kept, Store};
use super::{Error, lock, now};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Debug)]
pub(super) struct Durable<W> {
    world: Mutex<W>,
    store: Arc<Store>,
}

impl<W: Kept> Durable<W> {
    /// Loads the world, or founds one. Without a claim to a file it ends with the process.
    pub(super) fn open(mut world: W, claim: Option<&Owned>) -> Result<Self, Error> {
        let store = match claim {
            Some(owned) => Store::open(&owned.world, &mut world, now())?,
            None => {
                let id = world.invented_id();
                world.found(id, now());
                world.take_unsaved();
                Store::in_memory()
            }
        };
        Ok(Self {
            world: Mutex::new(world),
            store: Arc::new(store),
        })
    }

    /// The world as it is, for whoever changes nothing that is kept.
    pub(super) fn look(&self) -> MutexGuard<'_, W> {
        lock(&self.world)
    }

    /// Does something to the world at the present time and waits until what it changed is on disk.
    /// `None` if that cannot be: what is not durable must not be answered for.
    pub(super) async fn run<T>(&self, act: impl FnOnce(&mut W) -> T) -> Option<T> {
        let (outcome, push) = {
            let mut world = lock(&self.world);
            world.advance(now());
            let settled = world.take_unsaved();
            if !settled.is_empty() {
                self.store.push(&settled);
            }
            let outcome = act(&mut world);
            let lines = world.take_unsaved();
            // Queued under the world's lock: the file's order is the order of effects.
            let push = (!lines.is_empty()).then(|| self.store.push(&lines));
            (outcome, push)
        };
        if let Some(push) = push {
            self.store.commit(push).await.ok()?;
        }
        Some(outcome)
    }

    /// Writes nothing from now on, whoever still asks.
    pub(super) fn close(&self) {
        self.store.close();
    }
}
