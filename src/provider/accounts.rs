use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Class, Error, Read, Write};

/// The accounts of a deployment by the names that cloud.json gives them, each behind its
/// provider's own code.
pub struct Accounts<P: ?Sized>(BTreeMap<Arc<str>, Arc<P>>);

/// Accounts that can only be looked at.
pub type Readers = Accounts<dyn Read>;
/// Accounts that can be changed too.
pub type Writers = Accounts<dyn Write>;

impl<P: ?Sized> Accounts<P> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// One account.
    #[must_use]
    pub fn one(name: &str, provider: Box<P>) -> Self {
        let mut accounts = Self::new();
        accounts.add(name, provider);
        accounts
    }

    /// Adds an account.
    pub fn add(&mut self, name: &str, provider: Box<P>) {
        self.0.insert(name.into(), provider.into());
    }

    /// The account of that name.
    ///
    /// # Errors
    /// If there is none: whoever has its name from a state or a plan was to open it.
    pub fn of(&self, name: &str) -> Result<&P, Error> {
        let message = || format!("there is no account `{name}`");
        let account = self.0.get(name).map(Arc::as_ref);
        account.ok_or_else(|| Error::new(Class::Rejected, "account", message()))
    }

    /// Every account with its name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &P)> {
        self.0
            .iter()
            .map(|(name, account)| (name, account.as_ref()))
    }

    /// An error with the name of its account, where there is more than one.
    #[must_use]
    pub fn naming(&self, account: &str, error: Error) -> Error {
        match self.label(account) {
            None => error,
            Some(account) => Error {
                request: format!("{account}: {}", error.request),
                ..error
            },
        }
    }

    /// Whether there is more than one.
    #[must_use]
    pub fn is_several(&self) -> bool {
        self.0.len() > 1
    }

    /// What tells an account from the others in a message: its name, where there is more than one.
    #[must_use]
    pub fn label<'a>(&self, account: &'a str) -> Option<&'a str> {
        self.is_several().then_some(account)
    }
}

impl Readers {
    /// Every account with its name, to be kept.
    pub(super) fn shared(&self) -> impl Iterator<Item = (&Arc<str>, Arc<dyn Read>)> {
        let all = self.0.iter();
        all.map(|(name, account)| (name, account.clone()))
    }
}

impl Writers {
    /// The same accounts, to be looked at.
    #[must_use]
    pub fn readers(&self) -> Readers {
        let read = |(name, account): (&Arc<str>, &Arc<dyn Write>)| {
            let read: Arc<dyn Read> = account.clone();
            (name.clone(), read)
        };
        Accounts(self.0.iter().map(read).collect())
    }
}

impl<P: ?Sized + Read> Accounts<P> {
    /// How many requests have been sent so far, to all of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.values().map(|account| account.requests()).sum()
    }

    /// How many requests a minute the one takes that takes the fewest; `None` where nothing limits
    /// them.
    #[must_use]
    pub fn a_minute(&self) -> Option<u64> {
        let limits = self.0.values().filter_map(|account| account.allowance());
        limits.map(|allowance| allowance.a_minute).min()
    }

    /// How long so many requests are held back where they are held back longest.
    #[must_use]
    pub fn wait_for(&self, requests: u64) -> Duration {
        let limits = self.0.values().filter_map(|account| account.allowance());
        let waits = limits.map(|allowance| allowance.wait_for(requests));
        waits.max().unwrap_or_default()
    }

    /// What the user should know of how this run had to go, in whole sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.0
            .values()
            .flat_map(|account| account.notes())
            .collect()
    }
}

impl<P: ?Sized> Default for Accounts<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: ?Sized> Clone for Accounts<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: ?Sized> fmt::Debug for Accounts<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
