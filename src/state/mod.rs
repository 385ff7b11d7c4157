//! What we made and know: the state, its file, and who may write it.

mod backups;
pub mod format;
mod holder;
mod journal;
pub mod lock;
mod private_dir;
mod problem;
mod stamp;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Account, Address, Recorded};

pub use holder::Holder;
pub use journal::{Change, Effect, Entry, Intent, Progress};
pub use lock::{Lock, LockError};
pub use private_dir::prepare_private_dir;
pub use problem::{FileChange, JournalProblem, LoadError, LoadProblem, SaveError};
pub use store::Store;

/// Everything the state file says.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The deployment's identity, a UUID: the mark on everything it creates.
    pub lineage: String,
    /// Counts the versions of the file.
    pub serial: u64,
    /// The named accounts that resources live in.
    pub accounts: BTreeMap<String, Account>,
    /// What is recorded, by address.
    pub resources: BTreeMap<Address, Recorded>,
    /// What was about to be done when an earlier run ended, with nobody knowing whether it was, by
    /// its number.
    pub unsettled: BTreeMap<u64, Intent>,
    /// How far that run had come; `None` if the last one came to its end.
    pub progress: Option<Progress>,
}

impl State {
    /// The state of a deployment that begins: a new lineage and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lineage: uuid::Uuid::new_v4().to_string(),
            serial: 0,
            accounts: BTreeMap::new(),
            resources: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            progress: None,
        }
    }

    /// The accounts in which anything is recorded or may have been made. Another one may have been
    /// put in the place of any other that `accounts` names: there is nothing in it to be lost.
    #[must_use]
    pub fn accounts_in_use(&self) -> BTreeMap<String, Account> {
        let recorded = self.resources.values().map(|recorded| &recorded.account);
        let in_flight = self.unsettled.values().map(|intent| &intent.account);
        let used: BTreeSet<&String> = recorded.chain(in_flight).collect();
        let accounts = self.accounts.iter();
        accounts
            .filter(|(name, _)| used.contains(name))
            .map(|(name, account)| (name.clone(), account.clone()))
            .collect()
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
