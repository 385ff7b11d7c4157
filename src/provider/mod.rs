//! Clouds, behind two small traits: one that can only look, one that can also change things.
//!
//! A plan is made with [`Read`] alone, so that a preview which changes something does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::model::{
    Account, Attributes, Capabilities, Catalog, Desired, Diagnostic, Network, Observed,
};

mod accounts;
mod adapter;
mod cloud_init;
pub mod digitalocean;
mod error;
mod forward;
mod http;
mod matching;
pub mod openstack;
pub mod rackspace;
mod remembered;
mod scope;
mod volumes;

pub use accounts::{Accounts, Readers, Writers};
pub use error::{Class, Error};
pub use scope::Scope;

/// What every call to a provider gives: an answer, later, or an error classified by what to do
/// next. Boxed, because an `async fn` cannot be called through `dyn`.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The keys that the entry of an account in security.json may have, of all providers together, in
/// order.
#[must_use]
pub fn entry_words() -> Vec<&'static str> {
    let all = openstack::login::words().chain(rackspace::login::KEYS);
    let all: BTreeSet<&str> = all.chain([digitalocean::ENTRY_KEY]).collect();
    all.into_iter().collect()
}

/// An existing resource, as far as a provider must know it to find it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What it is.
    pub kind: &'a str,
    /// The provider's id.
    pub id: &'a str,
    /// Its attributes as last known: a record is found in its zone.
    pub attributes: &'a Attributes,
    /// Whether it was made, in this run or an earlier one, and is waited for to be of use: what takes
    /// several requests for that may have to send the next of them.
    pub coming: bool,
}

/// What a listing came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// What there is, at least all that matters.
    pub found: Vec<Observed>,
    /// How many more there are that do not matter and were not asked for.
    pub left_out: u64,
}

impl From<Vec<Observed>> for Listed {
    fn from(found: Vec<Observed>) -> Self {
        Self { found, left_out: 0 }
    }
}

/// What a look at the account adds to something that is to be made.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Attributes to have besides those asked for.
    pub attributes: Attributes,
    /// What should be known about it, and what is wrong with it, each with its place in the file.
    pub problems: Vec<Diagnostic>,
}

/// How far a change in place has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Updated {
    /// It is done; what the provider says of the resource now.
    Done(Observed),
    /// It was accepted, and [`Read::look`] shows when it is done.
    Underway,
}

impl Updated {
    /// What the provider says of the resource, if the change is done.
    #[must_use]
    pub fn done(self) -> Option<Observed> {
        match self {
            Self::Done(observed) => Some(observed),
            Self::Underway => None,
        }
    }
}

/// Looking at a cloud.
pub trait Read: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// Whose resources it shows.
    fn account(&self) -> Answer<'_, Account>;

    /// By what its zones and records are known, if other accounts may show the same ones: two
    /// regions of one tenant. `None` if they are this account's alone.
    fn shared_dns(&self) -> Answer<'_, Option<String>> {
        futures_util::future::ok(None).boxed()
    }

    /// The one region that the account is, where it is one and has been asked.
    fn region(&self) -> Option<String> {
        None
    }

    /// What can be used now.
    fn catalog(&self) -> Answer<'_, Catalog>;

    /// The networks that a server could be on or be reached through; none where there is nothing to
    /// choose.
    fn networks(&self) -> Answer<'_, Vec<Network>> {
        futures_util::future::ok(Vec::new()).boxed()
    }

    /// The resources of a kind, in as few requests as it takes to see all that matter to `scope`:
    /// what is recorded, what carries the mark, and, whoever's it is, what has the natural key of
    /// something that is wanted and not recorded. That something recorded is missing from the
    /// answer proves nothing; only [`Read::get`] can say that it is gone.
    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed>;

    /// One resource; `None` if the provider says that there is none.
    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>>;

    /// Several resources of one kind at once, in as few requests as it takes. That one is missing
    /// from the answer proves nothing; only [`Read::get`] can say that it is gone. `mark` is the
    /// lineage on them.
    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>>;

    /// For each of `wanted`, in their order, everything that could be the resource whose natural
    /// key its attributes hold, in as few requests as it takes for all of them: what to ask
    /// before creates are repeated whose answers were lost. What carries marks, but not `mark`,
    /// is somebody else's and left out; what carries none is not, because a mark may become
    /// visible later than what it is on. An empty list proves nothing by itself: what was made
    /// just now may not be visible yet.
    fn find<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>>;

    /// What only a look at the account can tell of what is to be made: for each of `wanted`, in
    /// their order, attributes that follow from what it asks for, such as ids of what it names,
    /// and what stands against it, all of it taken together (a quota). Nothing, where the catalog
    /// says it all.
    fn resolve<'a>(
        &'a self,
        _kind: &'a str,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        let nothing = wanted.iter().map(|_| Resolved::default()).collect();
        futures_util::future::ok(nothing).boxed()
    }

    /// How long what a request to create this kind makes may take to come about after its answer
    /// was lost, if the provider says that it works on it later: absence is not believed sooner,
    /// whatever the user's settling time.
    fn settling(&self, _kind: &str) -> Duration {
        Duration::ZERO
    }

    /// How long a change of a resource to these attributes may take to come about after it was asked
    /// for, while nothing shows that it is under way: until then it may come still.
    fn settling_of_change(&self, _kind: &str, _attributes: &Attributes) -> Duration {
        Duration::ZERO
    }

    /// How many of a kind the account may have, by kind, as far as [`Read::account`] told it.
    fn limits(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }

    /// How many requests have been sent so far.
    fn requests(&self) -> u64;

    /// How many more may be sent without waiting, as far as that is known; `None` where nothing
    /// limits them.
    fn allowance(&self) -> Option<Allowance>;

    /// The provider's own time as the latest of its answers told it, to compare with
    /// [`Observed::created`]; `None` before the first, and where answers do not tell.
    fn clock(&self) -> Option<Timestamp>;

    /// Whether what is created from now on carries our mark, where its kind can: not once a token
    /// was refused it.
    fn marks(&self) -> bool;

    /// What the user should know of how this run had to go, in whole sentences.
    fn notes(&self) -> Vec<String>;
}

/// Changing a cloud.
pub trait Write: Read {
    /// Creates a resource, with `mark` on it where its kind can carry one: with it or not at all,
    /// because whoever looks for it later goes by that. The answer may not
    /// be ready yet. What can be there only once and is there already is an error of the class
    /// [`Class::Exists`].
    fn create<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed>;

    /// Creates several resources of a kind with one request, as far as [`Capabilities::batch`]
    /// says that they go into one. An error is about the request as a whole: of its class hangs
    /// whether none was made or any may have been. Otherwise there is an answer for each of
    /// `attributes`, in their order. One that the provider's answer lacks, or has twice, is
    /// [`Class::Ambiguous`]: the request was accepted, so it has to be looked for with
    /// [`Read::find`] before it is created again.
    fn create_many<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a [&'a Attributes],
        mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>>;

    /// Gives the resource the attributes named in `changed`, from `attributes`; asked for once more
    /// when the change came to a halt ([`Readiness::Paused`](crate::model::Readiness)), it has it go
    /// on. `mark` is the lineage on what is ours.
    fn update<'a>(
        &'a self,
        target: Target<'a>,
        attributes: &'a Attributes,
        changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated>;

    /// Puts `mark` on an existing resource.
    fn mark<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()>;

    /// Deletes the resource, with what was made for it alone: that carries `mark`. One that is gone
    /// already counts as deleted.
    fn delete<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()>;
}

/// How many requests a provider still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// In a minute, altogether.
    pub a_minute: u64,
    /// Left of it now.
    pub minute: u64,
    /// Left of the hour, and how long until some of those used are free again.
    pub hour: Option<(u64, Duration)>,
}

impl Allowance {
    /// How long so many requests are held back at least, if nobody else uses the same token.
    ///
    /// ```
    /// use cloudbuilder::provider::Allowance;
    /// use std::time::Duration;
    ///
    /// let allowance = Allowance { a_minute: 250, minute: 200, hour: None };
    /// assert_eq!(allowance.wait_for(200), Duration::ZERO);
    /// assert_eq!(allowance.wait_for(470), Duration::from_secs(120));
    /// ```
    #[must_use]
    pub fn wait_for(&self, requests: u64) -> Duration {
        let later = requests.saturating_sub(self.minute);
        let minutes = later.div_ceil(self.a_minute.max(1));
        let by_minute =
            Duration::from_secs(60).saturating_mul(minutes.try_into().unwrap_or(u32::MAX));
        match self.hour {
            Some((left, frees)) if requests > left => by_minute.max(frees),
            _ => by_minute,
        }
    }
}

/// What reaches an account.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Where it is, and what proves who is asking.
    pub login: Login,
    /// How requests are sent.
    pub manner: Manner,
}

impl Connection {
    /// What reaches an account in the usual manner.
    #[must_use]
    pub fn usual(login: Login) -> Self {
        Self {
            login,
            manner: Manner::default(),
        }
    }
}

/// Where an account is and what proves who is asking, by its provider.
#[derive(Clone, Debug)]
pub enum Login {
    /// DigitalOcean.
    DigitalOcean(digitalocean::Login),
    /// Any OpenStack.
    OpenStack(Box<openstack::Login>),
    /// Rackspace Cloud (Classic).
    Rackspace(rackspace::Login),
}

impl Login {
    /// Where the account is asked who is who, or for everything.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::DigitalOcean(login) => &login.url,
            Self::OpenStack(login) => &login.auth_url,
            Self::Rackspace(login) => &login.auth_url,
        }
    }
}

/// How requests are sent.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Told when requests are held back.
    pub on_pause: OnPause,
    /// How failed requests are repeated.
    pub tempo: Tempo,
}

/// How soon, and for how long, a request is repeated that failed and may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// Before the first repetition; each later pause is about twice as long, up to forty times
    /// this.
    pub first_pause: Duration,
    /// No repetition begins later than this after the first failure.
    pub patience: Duration,
}

impl Tempo {
    /// What takes this long in the usual tempo: as much shorter as the pauses are.
    fn of(self, usual: Duration) -> Duration {
        let ratio = self
            .first_pause
            .div_duration_f64(Self::default().first_pause);
        usual.mul_f64(ratio.min(1.0))
    }
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            patience: Duration::from_secs(60),
        }
    }
}

/// Called with how long, and why, when a provider asks to wait.
#[derive(Clone)]
pub struct OnPause(Arc<PauseFn>);

type PauseFn = dyn Fn(Duration, &str) + Send + Sync;

impl OnPause {
    /// Calls `told` each time.
    pub fn new(told: impl Fn(Duration, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    fn tell(&self, wait: Duration, why: &str) {
        (self.0)(wait, why);
    }
}

/// Tells nobody.
impl Default for OnPause {
    fn default() -> Self {
        Self::new(|_, _| {})
    }
}

impl std::fmt::Debug for OnPause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnPause")
    }
}

/// An account that can only be looked at.
///
/// # Errors
/// If the login is refused for what it is (plain http to a host that is not this one).
pub fn open_read(connection: Connection) -> Result<Box<dyn Read>, Error> {
    let manner = connection.manner;
    Ok(match connection.login {
        Login::DigitalOcean(login) => Box::new(digitalocean::Reader::new(login, manner)?),
        Login::OpenStack(login) => Box::new(openstack::Reader::new(&login, manner)?),
        Login::Rackspace(login) => Box::new(rackspace::Reader::new(login, manner)?),
    })
}

/// An account that can be changed too.
///
/// # Errors
/// As [`open_read`].
pub fn open_write(connection: Connection) -> Result<Box<dyn Write>, Error> {
    let manner = connection.manner;
    Ok(match connection.login {
        Login::DigitalOcean(login) => Box::new(digitalocean::Writer::new(login, manner)?),
        Login::OpenStack(login) => Box::new(openstack::Writer::new(&login, manner)?),
        Login::Rackspace(login) => Box::new(rackspace::Writer::new(login, manner)?),
    })
}
