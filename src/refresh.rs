//! Looking: what the accounts hold, in as few requests as it takes, and what cloud.json means
//! there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use futures_util::future::{join_all, try_join_all};

use crate::config::{Cloud, PublicKeys};
use crate::model::{
    Account, AccountView, AccountViews, Address, Attributes, Catalog, Desired, Diagnostic,
    Observed, Recorded,
};
use crate::plan::{Pattern, guard, needs_another};
use crate::provider::{Error, Readers};
use crate::resource::{
    Declared, KINDS, Setting, Zones, declare, declare_servers, domain, kind, record, server,
};

mod account;
mod reach;

use account::Look;
use reach::Sight;

/// What to look for.
pub struct Wanted<'a> {
    /// What cloud.json asks for, and the key for its servers; `None` if nothing is wanted.
    pub cloud: Option<(&'a Cloud, &'a PublicKeys)>,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// The accounts in which the state holds anything, as far as it says which they are.
    pub known: &'a BTreeMap<String, Account>,
    /// The deployment's lineage, once it has one.
    pub mark: Option<&'a str>,
    /// What another is made for though it need not be.
    pub replace: &'a [Pattern],
    /// Whether everything in the accounts matters, not only what is ours or has our names.
    pub whole: bool,
    /// Whether what nobody looks after matters too, of kinds that this deployment has nothing of.
    pub leftovers: bool,
    /// What was recorded less than this ago may not be visible everywhere yet.
    pub settle: Duration,
}

impl Wanted<'_> {
    fn asks_for_another(&self, address: &Address) -> bool {
        self.replace.iter().any(|pattern| pattern.matches(address))
    }

    /// Whether another is made for what is recorded. What was not seen is as it was recorded.
    fn replaces(&self, desired: &Desired, seen: &Seen<'_>) -> bool {
        let recorded = self.recorded.get(&desired.address);
        let kind = kind(desired.address.kind());
        recorded.zip(kind).is_some_and(|(recorded, (_, kind))| {
            let id = (desired.account.as_str(), kind.name, recorded.id.as_str());
            let is = seen.get(&id).map(|seen| &seen.attributes);
            let is = is.unwrap_or(&recorded.attributes);
            recorded.account == desired.account
                && (self.asks_for_another(&desired.address)
                    || needs_another(kind, desired, recorded, is))
        })
    }

    /// What is recorded and not to stay: nobody wants it any more, or another is made for it.
    fn leaving(&self, desired: &[Desired], observed: &[Observed]) -> Vec<&Recorded> {
        let seen = by_id(observed);
        let stay = desired.iter();
        let stay = stay.filter(|desired| !self.replaces(desired, &seen));
        let stay: HashSet<&Address> = stay.map(|desired| &desired.address).collect();
        let recorded = self.recorded.values();
        recorded
            .filter(|recorded| !stay.contains(&recorded.address))
            .collect()
    }
}

/// What was found.
pub struct Found {
    /// Whose accounts they are, by name.
    pub identities: BTreeMap<String, Account>,
    /// The accounts, by name.
    pub accounts: AccountViews,
    /// What cloud.json means in them.
    pub desired: Vec<Desired>,
    /// What should be known about that, and what is wrong with it.
    pub notes: Vec<Diagnostic>,
    /// What of cloud.json is not wanted any more, and why, in words.
    pub withdrawn: BTreeMap<Address, String>,
    /// What the accounts hold, as far as it matters.
    pub observed: Vec<Observed>,
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
    /// It is not the account that the state is about, so that everything would look deleted; or
    /// it is the same by two names.
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
pub async fn refresh(readers: &Readers, wanted: &Wanted<'_>) -> Result<Found, Stopped> {
    let mut survey = Survey::new(readers, wanted);
    // Before the zones are known, a name cannot be given one; keys and servers can be declared.
    let servers = survey.with_setting(&Zones::new(), declare_servers);
    survey.share_dns().await?;
    survey.look_first(&servers).await?;
    // They are declared anew, with their names.
    drop(servers);
    let zones = survey.zones();
    let declared = survey.with_setting(&zones, declare);
    let desired = &declared.desired;
    survey.look_for_records(desired).await?;
    if survey.is_partial(server::KIND.name)
        && reach::out_of_sight(wanted, desired, &survey.sight.observed)
    {
        survey.look_at_every_server(desired).await?;
    }
    let absent = survey.confirm_absent().await?;
    survey.look_for_namesakes(&absent, desired).await?;

    // What was deleted outside is made again, and what is not visible yet does not tell its
    // price: both take the catalog after all.
    let more = survey.look_up_catalogs(&absent, desired).await?;
    let gone = absent.iter().filter(|(_, why)| **why == Absence::Gone);
    survey.gone = gone.map(|(address, _)| address.clone()).collect();
    let mut declared = if more || !survey.gone.is_empty() {
        survey.with_setting(&zones, declare)
    } else {
        declared
    };
    survey.resolve(&mut declared, &absent).await?;
    let Declared {
        desired,
        notes,
        withdrawn,
    } = declared;
    let Survey {
        identities,
        accounts,
        sight,
        ..
    } = survey;
    Ok(Found {
        identities,
        accounts: sight.left_out_of(accounts),
        desired,
        notes,
        withdrawn,
        observed: sight.observed,
        absent,
    })
}

/// A look at several accounts, as far as it has come.
struct Survey<'a> {
    wanted: &'a Wanted<'a>,
    looks: Vec<Look<'a>>,
    identities: BTreeMap<String, Account>,
    accounts: AccountViews,
    sight: Sight,
    /// Whether everything but records was looked at.
    has_looked: bool,
    /// What is recorded and is not there any more.
    gone: BTreeSet<Address>,
    /// When it began, so that all of it is about one time.
    now: Timestamp,
    /// The accounts whose zones and records another one stands for.
    dns_in: BTreeMap<String, String>,
}

impl<'a> Survey<'a> {
    fn new(readers: &'a Readers, wanted: &'a Wanted<'a>) -> Self {
        let looks = readers.iter().map(|(name, read)| Look {
            name: name.clone(),
            read,
            readers,
            wanted,
            has_own_dns: true,
            recorded: wanted
                .recorded
                .values()
                .filter(|recorded| recorded.account == **name)
                .collect(),
        });
        let mut survey = Self {
            wanted,
            looks: looks.collect(),
            identities: BTreeMap::new(),
            accounts: AccountViews::new(),
            sight: Sight::default(),
            has_looked: false,
            gone: BTreeSet::new(),
            now: Timestamp::now(),
            dns_in: BTreeMap::new(),
        };
        survey.set_views(Vec::new());
        survey
    }

    /// What the providers can do, which some know only once they have been asked, and catalogs.
    fn set_views(&mut self, catalogs: Vec<Option<Catalog>>) {
        let mut catalogs = catalogs.into_iter();
        for look in &self.looks {
            let view = AccountView {
                region: look.read.region(),
                clock: look.read.clock(),
                capabilities: look.read.capabilities(),
                catalog: catalogs.next().flatten(),
                dns_in: self.dns_in.get(&*look.name).cloned(),
                left_out: BTreeMap::new(),
                limits: look.read.limits(),
            };
            self.accounts.insert(look.name.to_string(), view);
        }
    }

    /// What cloud.json means in the accounts; nothing, where nothing is wanted.
    fn with_setting<T: Default>(
        &self,
        zones: &Zones,
        declare: impl Fn(&Cloud, &Setting<'_>) -> T,
    ) -> T {
        let Some((cloud, public_keys)) = self.wanted.cloud else {
            return T::default();
        };
        let setting = Setting {
            public_keys,
            zones,
            recorded: self.wanted.recorded,
            gone: &self.gone,
            accounts: &self.accounts,
            seen: self.has_looked.then_some(&self.sight.observed),
            now: self.now,
        };
        declare(cloud, &setting)
    }

    /// Of several accounts that show the same zones and records one stands for all, or everything
    /// would be there twice: the one that they are recorded in, else the first.
    async fn share_dns(&mut self) -> Result<(), Error> {
        if self.looks.len() < 2 {
            return Ok(());
        }
        let shared = try_join_all(self.looks.iter().map(Look::shared_dns)).await?;
        let mut groups: BTreeMap<String, Vec<&Look<'_>>> = BTreeMap::new();
        for (look, shared) in self.looks.iter().zip(shared) {
            if let Some(shared) = shared {
                groups.entry(shared).or_default().push(look);
            }
        }
        let mut dns_in = BTreeMap::new();
        for looks in groups.values() {
            let is_recorded = |look: &&&Look<'_>| {
                let mut kinds = look.recorded.iter().map(|recorded| recorded.address.kind());
                kinds.any(|kind| [domain::KIND.name, record::KIND.name].contains(&kind))
            };
            let stands = looks.iter().find(is_recorded).or_else(|| looks.first());
            let Some(stands) = stands else { continue };
            let others = looks.iter().filter(|look| look.name != stands.name);
            dns_in.extend(others.map(|look| (look.name.to_string(), stands.name.to_string())));
        }
        for look in &mut self.looks {
            look.has_own_dns = !dns_in.contains_key(&*look.name);
        }
        self.dns_in = dns_in;
        Ok(())
    }

    /// Everything but records, whose zones have to be known first.
    async fn look_first(&mut self, servers: &[Desired]) -> Result<(), Stopped> {
        let wanted = self.wanted;
        let looks = self.looks.iter().map(async |look| {
            let servers = of_account(&look.name, servers);
            let unrecorded = servers.iter().any(|desired| look.is_unknown(desired));
            let whole = wanted.whole || reach::to_every_server(&look.recorded, &servers);
            let (account, catalog, lists) = tokio::try_join!(
                look.account(),
                look.catalog(unrecorded),
                look.all_but_records(&servers, whole),
            )?;
            let (label, known) = (look.label(), wanted.known.get(&*look.name));
            if let Some(refusal) = guard::other_account(label, known, &account) {
                return Err(Stopped::OtherAccount(Box::new(refusal)));
            }
            Ok((account, catalog, lists))
        });
        let looked = try_join_all(looks).await?;
        let mut catalogs = Vec::with_capacity(looked.len());
        for (look, (account, catalog, lists)) in self.looks.iter().zip(looked) {
            self.identities.insert(look.name.to_string(), account);
            catalogs.push(catalog);
            for (kind, listed) in lists {
                self.sight.first(&look.name, kind, listed);
            }
        }
        self.has_looked = true;
        self.set_views(catalogs);
        match guard::same_account_twice(&self.identities) {
            Some(refusal) => Err(Stopped::OtherAccount(Box::new(refusal))),
            None => Ok(()),
        }
    }

    /// The zones of each account.
    fn zones(&self) -> Zones {
        let mut zones = Zones::new();
        let seen = self.sight.observed.iter();
        for zone in seen.filter(|seen| seen.kind == domain::KIND.name) {
            let name = zone.text(domain::NAME).unwrap_or(&zone.id);
            let of_account = zones.entry(zone.account.to_string()).or_default();
            of_account.insert(name.to_owned());
        }
        zones
    }

    async fn look_for_records(&mut self, desired: &[Desired]) -> Result<(), Error> {
        let kind = record::KIND.name;
        let wanted = self.wanted;
        let whole = wanted.whole || {
            let leaving = wanted.leaving(desired, &self.sight.observed);
            reach::to_every_record(&leaving)
        };
        let lists = self.looks.iter().map(async |look| {
            if !look.has_own_dns || !look.read.capabilities().kinds.contains(&kind) {
                return Ok(None);
            }
            let desired = of_account(&look.name, desired);
            look.list(kind, &desired, whole).await.map(Some)
        });
        let lists = try_join_all(lists).await?;
        for (look, listed) in self.looks.iter().zip(lists) {
            if let Some(listed) = listed {
                self.sight.first(&look.name, kind, listed);
            }
        }
        Ok(())
    }

    fn is_partial(&self, kind: &'static str) -> bool {
        let mut looks = self.looks.iter();
        looks.any(|look| self.sight.is_partial(&look.name, kind))
    }

    async fn look_at_every_server(&mut self, desired: &[Desired]) -> Result<(), Error> {
        let kind = server::KIND.name;
        for look in &self.looks {
            if self.sight.is_partial(&look.name, kind) {
                let desired = of_account(&look.name, desired);
                let all = look.list(kind, &desired, true).await?;
                self.sight.further(&look.name, kind, all);
            }
        }
        Ok(())
    }

    async fn confirm_absent(&mut self) -> Result<BTreeMap<Address, Absence>, Error> {
        let mut absent = BTreeMap::new();
        for look in &self.looks {
            absent.extend(look.confirm_absent(&mut self.sight).await?);
        }
        Ok(absent)
    }

    /// What is gone is made again: then somebody else's of that name matters, which nobody asked
    /// for while it was recorded.
    async fn look_for_namesakes(
        &mut self,
        absent: &BTreeMap<Address, Absence>,
        desired: &[Desired],
    ) -> Result<(), Error> {
        let kind = server::KIND.name;
        let is_gone = |desired: &&Desired| {
            desired.address.kind() == kind && absent.get(&desired.address) == Some(&Absence::Gone)
        };
        for look in &self.looks {
            let of_account = of_account(&look.name, desired).into_iter();
            let gone: Vec<&Desired> = of_account.filter(is_gone).collect();
            if !gone.is_empty() && self.sight.is_partial(&look.name, kind) {
                let namesakes = look.namesakes(kind, &gone).await?;
                self.sight.further(&look.name, kind, namesakes);
            }
        }
        Ok(())
    }

    /// Looks up what servers that are to be made again, or to be changed back, can be made of. Says
    /// whether there was anything to look up.
    async fn look_up_catalogs(
        &mut self,
        absent: &BTreeMap<Address, Absence>,
        desired: &[Desired],
    ) -> Result<bool, Error> {
        let is_server = |address: &Address| address.kind() == server::KIND.name;
        let mut any = false;
        if self.wanted.cloud.is_none() {
            return Ok(false);
        }
        for look in &self.looks {
            let Some(view) = self.accounts.get_mut(&*look.name) else {
                continue;
            };
            if view.catalog.is_some() {
                continue;
            }
            let mut recorded = look.recorded.iter();
            let lost = recorded.any(|recorded| {
                is_server(&recorded.address) && absent.contains_key(&recorded.address)
            });
            let seen = self.sight.observed.iter();
            let seen = seen.filter(|seen| seen.kind == server::KIND.name);
            let seen = seen.filter(|seen| seen.account == look.name);
            let is_changed = || {
                let by_id: HashMap<&str, &Observed> =
                    seen.map(|seen| (seen.id.as_str(), seen)).collect();
                let mut wanted = desired.iter().filter(|one| one.account == *look.name);
                wanted.any(|desired| look.is_changed(desired, &by_id))
            };
            if lost || is_changed() {
                view.catalog = look.catalog(true).await?;
                any = true;
            }
        }
        Ok(any)
    }

    /// Has what is to be made looked at by those who know the account best.
    async fn resolve(
        &self,
        declared: &mut Declared,
        absent: &BTreeMap<Address, Absence>,
    ) -> Result<(), Error> {
        let desired = &declared.desired;
        let is_unrecorded = |desired: &Desired| {
            !self.wanted.recorded.contains_key(&desired.address)
                || absent.get(&desired.address) == Some(&Absence::Gone)
        };
        let seen = by_id(&self.sight.observed);
        let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        // Records have nothing of their own to be looked up.
        for kind in KINDS.iter().filter(|kind| kind.name != record::KIND.name) {
            let of_kind = desired.iter().enumerate();
            let of_kind = of_kind.filter(|(_, desired)| desired.address.kind() == kind.name);
            let new: Vec<_> = of_kind
                .filter(|(_, desired)| {
                    is_unrecorded(desired) || self.wanted.replaces(desired, &seen)
                })
                .collect();
            if new.is_empty() {
                continue;
            }
            let taken = self.sight.names(kind);
            for (place, desired) in new {
                let name = reach::name(kind, |key| desired.text(key)).unwrap_or_default();
                let is_new = !taken.contains(&(desired.account.as_str(), name));
                if is_new || self.wanted.replaces(desired, &seen) {
                    let group = (desired.account.as_str(), kind.name);
                    groups.entry(group).or_default().push(place);
                }
            }
        }
        let asked = groups.iter().filter_map(|((account, kind), places)| {
            let look = self.looks.iter().find(|look| *look.name == **account)?;
            // What is not offered at all is told of later.
            let kinds = look.read.capabilities().kinds;
            kinds.contains(kind).then_some(())?;
            Some(async move {
                let new: Vec<&Desired> = places.iter().filter_map(|at| desired.get(*at)).collect();
                Ok::<_, Error>((places, look.resolve(kind, &new).await?))
            })
        });
        let mut additions: Vec<(usize, Attributes)> = Vec::new();
        for answer in join_all(asked).await {
            let (places, resolved) = answer?;
            for (at, resolved) in places.iter().zip(resolved) {
                declared.notes.extend(resolved.problems);
                additions.push((*at, resolved.attributes));
            }
        }
        for (at, more) in additions {
            if let Some(desired) = declared.desired.get_mut(at) {
                let more = more.into_iter();
                desired
                    .attributes
                    .extend(more.map(|(name, value)| (name, value.into())));
            }
        }
        Ok(())
    }
}

/// What was seen, by account, kind and id.
type Seen<'o> = HashMap<(&'o str, &'o str, &'o str), &'o Observed>;

fn by_id(observed: &[Observed]) -> Seen<'_> {
    let seen = observed.iter();
    seen.map(|seen| ((&*seen.account, seen.kind, seen.id.as_str()), seen))
        .collect()
}

/// What is wanted in one account.
fn of_account<'d>(name: &str, desired: &'d [Desired]) -> Vec<&'d Desired> {
    let wanted = desired.iter();
    wanted.filter(|desired| desired.account == name).collect()
}
