//! What is written down while a plan is carried out: before a request what it is meant to do,
//! after its answer what came of it.

use jiff::Timestamp;

use crate::model::{Address, Attributes, Recorded};

use super::State;

/// Something that is about to be done in the cloud. Written down before the request is sent, so
/// that whoever finds it without an [`Entry::Outcome`] knows what to look for.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Tells it from every other intent that is not settled; see [`State::next_number`].
    pub number: u64,
    /// What it is done to.
    pub address: Address,
    /// The account it is done in, by its name in the state.
    pub account: String,
    /// What is done.
    pub effect: Effect,
    /// The provider's id, where there is one already. Of something new, the id of the one whose
    /// place it takes.
    pub id: Option<String>,
    /// What is sent, all of it known. Never a secret.
    pub attributes: Attributes,
    /// What it will refer to.
    pub refers_to: Vec<Address>,
    /// When it was about to be done, by the provider's own clock, if that was known. Ours may be
    /// wrong, and must not decide whether something is older than this.
    pub sent_at: Option<Timestamp>,
    /// Whether it goes without our mark, because the token may not put one on.
    pub unmarked: bool,
}

/// What an intent is meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make something new.
    Create,
    /// Change what is there.
    Update,
    /// Delete it.
    Delete,
    /// Mark something that is there as ours.
    Import,
}

/// How far a run had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many steps its plan had, without the writing of files.
    pub steps: u64,
    /// How many of them were done.
    pub done: u64,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Something is about to be done.
    Intent(Intent),
    /// It is known what became of an intent, which is settled by this.
    Outcome {
        /// The intent's number.
        number: u64,
        /// What it changed.
        change: Change,
    },
    /// Something became known without an intent: a server is ready.
    Change(Change),
    /// How far the run is now.
    Progress(Progress),
}

/// What an entry changes in what is recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This is recorded from now on.
    Put(Recorded),
    /// Nothing is recorded at this address any more.
    Remove(Address),
    /// It certainly did not happen.
    Nothing,
}

impl State {
    /// Takes in an entry: this, and nothing else, is what an entry means. The journal is read back
    /// with it, so a run that takes in every entry it appends holds what the next one will load.
    pub fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Intent(intent) => {
                self.unsettled.insert(intent.number, intent);
            }
            Entry::Outcome { number, change } => {
                let intent = self.unsettled.remove(&number);
                self.set_aside(intent.as_ref(), &change);
                self.change(change);
            }
            Entry::Change(change) => self.change(change),
            Entry::Progress(progress) => self.progress = Some(progress),
        }
    }

    /// A number that no unsettled intent has. The numbers after it are free as well, so one that
    /// needs several counts on from it.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        let highest = self.unsettled.last_key_value();
        highest.map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// What something new takes the place of is there still, and keeps an address.
    fn set_aside(&mut self, intent: Option<&Intent>, change: &Change) {
        let (Some(intent), Change::Put(new)) = (intent, change) else {
            return;
        };
        let replaced = self.resources.get(&new.address).filter(|replaced| {
            intent.effect == Effect::Create
                && intent.id.as_ref() == Some(&replaced.id)
                && replaced.id != new.id
        });
        if let Some(mut replaced) = replaced.cloned() {
            replaced.address = replaced.address.set_aside(&replaced.id);
            self.resources.insert(replaced.address.clone(), replaced);
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Put(recorded) => {
                self.resources.insert(recorded.address.clone(), recorded);
            }
            Change::Remove(address) => {
                self.resources.remove(&address);
            }
            Change::Nothing => {}
        }
    }
}
