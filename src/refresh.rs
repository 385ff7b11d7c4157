//! Looking: what the account holds, in as few requests as it takes, and what cloud.json means
//! there.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;

use crate::config::{Cloud, PublicKey};
use crate::model::{Account, Address, Catalog, Desired, Diagnostic, Observed, Recorded};
use crate::plan::guard;
use crate::provider::{Error, Listed, Read, Scope, Target};
use crate::resource::{Declared, Setting, declare, declare_servers, domain, record, server};

mod reach;

use reach::Sight;

/// How many objects are asked for singly at the same time.
const AT_ONCE: usize = 8;

/// What to look for.
pub struct Wanted<'a> {
    /// The named account.
    pub account: &'a str,
    /// What cloud.json asks for, and the key for its servers; `None` if nothing is wanted.
    pub cloud: Option<(&'a Cloud, &'a PublicKey)>,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// The account that the state is about, if it says so.
    pub known: Option<&'a Account>,
    /// The deployment's lineage, once it has one.
    pub mark: Option<&'a str>,
    /// Whether everything in the account matters, not only what is ours or has our names.
    pub whole: bool,
    /// What was recorded less than this ago may not be visible everywhere yet.
    pub settle: Duration,
}

/// What was found.
pub struct Found {
    /// Whose account it is.
    pub account: Account,
    /// What it can use, if that matters.
    pub catalog: Option<Catalog>,
    /// What cloud.json means in this account.
    pub desired: Vec<Desired>,
    /// What should be known about that, and what is wrong with it.
    pub notes: Vec<Diagnostic>,
    /// What the account holds, as far as it matters.
    pub observed: Vec<Observed>,
    /// How much else of each kind it holds.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Recorded resources that were not seen, and why.
    pub absent: BTreeMap<Address, Absence>,
}

/// Why a recorded resource was not seen.
pub use crate::plan::Absence;

/// Why nothing was found.
#[derive(Debug)]
pub enum Stopped {
    /// A request failed.
    Failed(Error),
    /// It is not the account that the state is about, so that everything would look deleted.
    OtherAccount(Box<Diagnostic>),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Looks at everything that matters to `wanted`.
///
/// # Errors
/// The first request that fails, and another account than the known one.
pub async fn refresh(read: &dyn Read, wanted: &Wanted<'_>) -> Result<Found, Stopped> {
    let look = Look { read, wanted };
    // Before the zones are known, a name cannot be given one; keys and servers can be declared.
    let servers = look.with_setting(&BTreeSet::new(), None, declare_servers);
    let unrecorded = servers.iter().any(|desired| look.is_unknown(desired));
    let whole = wanted.whole || reach::to_every_server(wanted.recorded, &servers);
    let (account, catalog, mut sight) = tokio::try_join!(
        read.account(),
        look.catalog(unrecorded),
        look.all_but_records(&servers, whole),
    )?;
    // They are declared anew, with their names.
    drop(servers);
    if let Some(refusal) = guard::other_account(wanted.known, &account) {
        return Err(Stopped::OtherAccount(Box::new(refusal)));
    }
    let zones: BTreeSet<String> = sight
        .observed
        .iter()
        .filter(|observed| observed.kind == domain::KIND.name)
        .map(|observed| observed.id.clone())
        .collect();
    let declared = look.declare(&zones, catalog.as_ref());
    let desired = &declared.desired;
    let whole = wanted.whole || reach::to_every_record(wanted.recorded, desired);
    let records = look.list(record::KIND.name, desired, whole).await?;
    sight.first(record::KIND.name, records);
    if sight.is_partial(server::KIND.name)
        && reach::out_of_sight(wanted.recorded, desired, &sight.observed)
    {
        let all = look.list(server::KIND.name, desired, true).await?;
        sight.further(server::KIND.name, all);
    }
    let absent = look.confirm_absent(&mut sight).await?;
    look.for_namesakes(&absent, desired, &mut sight).await?;

    // What was deleted outside is made again, and what is not visible yet does not tell its
    // price: both take the catalog after all.
    let lost = absent
        .keys()
        .any(|address| address.kind() == server::KIND.name);
    let (catalog, declared) = match catalog {
        None if lost && wanted.cloud.is_some() => {
            let catalog = look.catalog(true).await?;
            let declared = look.declare(&zones, catalog.as_ref());
            (catalog, declared)
        }
        catalog => (catalog, declared),
    };
    let Declared { desired, notes } = declared;
    Ok(Found {
        account,
        catalog,
        desired,
        notes,
        observed: sight.observed,
        left_out: sight.left_out,
        absent,
    })
}

struct Look<'a> {
    read: &'a dyn Read,
    wanted: &'a Wanted<'a>,
}

impl Look<'_> {
    fn declare(&self, zones: &BTreeSet<String>, catalog: Option<&Catalog>) -> Declared {
        self.with_setting(zones, catalog, declare)
    }

    /// What cloud.json means in the account; nothing, where nothing is wanted.
    fn with_setting<T: Default>(
        &self,
        zones: &BTreeSet<String>,
        catalog: Option<&Catalog>,
        declare: impl Fn(&Cloud, &Setting<'_>) -> T,
    ) -> T {
        let Some((cloud, public_key)) = self.wanted.cloud else {
            return T::default();
        };
        let setting = Setting {
            account: self.wanted.account,
            public_key,
            zones,
            recorded: self.wanted.recorded,
            catalog,
            name_servers: self.read.capabilities().name_servers,
        };
        declare(cloud, &setting)
    }

    /// Whether a server is to be made, or cloud.json asks for something else than last time.
    fn is_unknown(&self, desired: &Desired) -> bool {
        let recorded = self.wanted.recorded.get(&desired.address);
        desired.address.kind() == server::KIND.name
            && recorded.is_none_or(|recorded| {
                [server::REGION, server::SIZE]
                    .iter()
                    .any(|attribute| desired.text(attribute) != recorded.text(attribute))
            })
    }

    async fn catalog(&self, needed: bool) -> Result<Option<Catalog>, Error> {
        if needed {
            self.read.catalog().await.map(Some)
        } else {
            Ok(None)
        }
    }

    async fn all_but_records(&self, desired: &[Desired], whole: bool) -> Result<Sight, Error> {
        let kinds = self.read.capabilities().kinds.iter().copied();
        let kinds = kinds.filter(|kind| *kind != record::KIND.name);
        let lists = kinds.map(async |kind| Ok((kind, self.list(kind, desired, whole).await?)));
        let mut sight = Sight::default();
        for (kind, listed) in try_join_all(lists).await? {
            sight.first(kind, listed);
        }
        Ok(sight)
    }

    async fn list(&self, kind: &str, desired: &[Desired], whole: bool) -> Result<Listed, Error> {
        let of_kind = |desired: &&Desired| desired.address.kind() == kind;
        let desired: Vec<&Desired> = desired.iter().filter(of_kind).collect();
        let recorded: Vec<&Recorded> = self.wanted.recorded.values().collect();
        let scope = Scope {
            desired: &desired,
            recorded: &recorded,
            mark: self.wanted.mark,
            whole,
        };
        self.read.list(kind, scope).await
    }

    /// What is gone is made again: then somebody else's of that name matters, which nobody asked
    /// for while it was recorded.
    async fn for_namesakes(
        &self,
        absent: &BTreeMap<Address, Absence>,
        desired: &[Desired],
        sight: &mut Sight,
    ) -> Result<(), Error> {
        let kind = server::KIND.name;
        let is_gone = |desired: &&Desired| {
            desired.address.kind() == kind && absent.get(&desired.address) == Some(&Absence::Gone)
        };
        let gone: Vec<&Desired> = desired.iter().filter(is_gone).collect();
        if gone.is_empty() || !sight.is_partial(kind) {
            return Ok(());
        }
        let scope = Scope {
            desired: &gone,
            ..Scope::default()
        };
        let namesakes = self.read.list(kind, scope).await?;
        sight.further(kind, namesakes);
        Ok(())
    }

    /// Asks singly for what is recorded and was in no list: pages are cut by number, so one can
    /// be missed while others come and go. Adds what is there after all.
    async fn confirm_absent(&self, sight: &mut Sight) -> Result<BTreeMap<Address, Absence>, Error> {
        let seen: HashSet<(&str, &str)> = sight
            .observed
            .iter()
            .map(|observed| (observed.kind, observed.id.as_str()))
            .collect();
        let missing: Vec<&Recorded> = self
            .wanted
            .recorded
            .values()
            .filter(|recorded| !seen.contains(&(recorded.address.kind(), recorded.id.as_str())))
            .collect();
        // If nothing at all was seen, a few questions show whether that is so; the plan is refused
        // then, and thousands of questions would only use up the limit. It is refused only if
        // nothing is too young to tell: with one such, nobody may be taken for gone unasked.
        let all_settled = || missing.iter().all(|recorded| !self.is_young(recorded));
        let few = match missing.len() {
            all if all == self.wanted.recorded.len() && all_settled() => AT_ONCE,
            some => some,
        };
        let (asked, taken) = missing.split_at(few.min(missing.len()));
        let mut answers = self.ask_each(asked).await?;
        if answers.iter().any(|(_, found)| found.is_some()) {
            answers.extend(self.ask_each(taken).await?);
        } else {
            answers.extend(taken.iter().map(|recorded| (*recorded, None)));
        }
        let mut absent = BTreeMap::new();
        for (recorded, found) in answers {
            match found {
                Some(found) => sight.single(found),
                None if self.is_young(recorded) => {
                    absent.insert(recorded.address.clone(), Absence::TooYoung);
                }
                None => {
                    absent.insert(recorded.address.clone(), Absence::Gone);
                }
            }
        }
        Ok(absent)
    }

    /// Whether it may exist and not be visible everywhere yet.
    fn is_young(&self, recorded: &Recorded) -> bool {
        let now = self.read.clock().unwrap_or_else(Timestamp::now);
        let settled = now
            .checked_sub(self.wanted.settle)
            .unwrap_or(Timestamp::MIN);
        !self.wanted.settle.is_zero() && recorded.recorded_at > settled
    }

    async fn ask_each<'r>(
        &self,
        missing: &[&'r Recorded],
    ) -> Result<Vec<(&'r Recorded, Option<Observed>)>, Error> {
        let mut answers = Vec::with_capacity(missing.len());
        for some in missing.chunks(AT_ONCE) {
            let questions = some.iter().map(|recorded| {
                self.read.get(Target {
                    kind: recorded.address.kind(),
                    id: &recorded.id,
                    attributes: &recorded.attributes,
                })
            });
            for (recorded, found) in some.iter().zip(join_all(questions).await) {
                answers.push((*recorded, found?));
            }
        }
        Ok(answers)
    }
}
