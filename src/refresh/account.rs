//! A look at one account.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use jiff::Timestamp;

use crate::model::{Account, Address, Catalog, Desired, Observed, Recorded};
use crate::plan::needs_another;
use crate::provider::{Error, Listed, Read, Readers, Resolved, Scope, Target};
use crate::resource::{domain, record, server};

use super::reach::Sight;
use super::{Absence, Wanted};

/// How many objects are asked for singly at the same time.
const AT_ONCE: usize = 8;

/// What of a server only the catalog can tell the price of.
const PRICED: [&str; 4] = [
    server::REGION,
    server::SIZE,
    server::BACKUPS,
    server::BACKUP_POLICY,
];

pub(super) struct Look<'a> {
    pub(super) name: Arc<str>,
    pub(super) read: &'a dyn Read,
    /// This account and the others, for errors to tell them apart.
    pub(super) readers: &'a Readers,
    pub(super) wanted: &'a Wanted<'a>,
    /// Whether no other account stands for its zones and records.
    pub(super) has_own_dns: bool,
    /// What the state says of this account.
    pub(super) recorded: Vec<&'a Recorded>,
}

impl Look<'_> {
    fn named(&self, error: Error) -> Error {
        self.readers.naming(&self.name, error)
    }

    /// What tells it from the others in a message.
    pub(super) fn label(&self) -> Option<&str> {
        self.readers.label(&self.name)
    }

    pub(super) async fn account(&self) -> Result<Account, Error> {
        self.read.account().await.map_err(|error| self.named(error))
    }

    pub(super) async fn shared_dns(&self) -> Result<Option<String>, Error> {
        let shared = self.read.shared_dns().await;
        shared.map_err(|error| self.named(error))
    }

    /// Whether a server is to be made, or cloud.json asks for something else than last time. One
    /// that is recorded in another account may be gone from there, and is to be made then.
    pub(super) fn is_unknown(&self, desired: &Desired) -> bool {
        let recorded = self.wanted.recorded.get(&desired.address);
        desired.address.kind() == server::KIND.name
            && recorded.is_none_or(|recorded| {
                if self.wanted.asks_for_another(&desired.address) {
                    return true;
                }
                let mut looked_up = PRICED.iter().chain([&server::IMAGE, &server::ENABLE_IPV6]);
                let changed = looked_up.any(|attribute| {
                    let wanted = desired.known(attribute);
                    wanted.is_some() && wanted != recorded.attributes.get(attribute)
                });
                // A pattern may mean what it was made from by a name that the state does not have.
                let image = desired.text(server::IMAGE).unwrap_or_default();
                let is_unclear =
                    image.contains(['*', '?', '[']) && recorded.text(server::IMAGE) != Some(image);
                changed || is_unclear || recorded.account != desired.account
            })
    }

    /// Whether a server has become another than cloud.json asks for; `seen` are all servers of this
    /// account that were seen, by id.
    pub(super) fn is_changed(&self, desired: &Desired, seen: &HashMap<&str, &Observed>) -> bool {
        let recorded = self.wanted.recorded.get(&desired.address);
        let recorded = recorded.filter(|recorded| *recorded.account == *self.name);
        let seen = recorded.and_then(|recorded| seen.get(recorded.id.as_str()));
        desired.address.kind() == server::KIND.name
            && recorded.zip(seen).is_some_and(|(recorded, seen)| {
                if needs_another(&server::KIND, desired, recorded, &seen.attributes) {
                    return true;
                }
                PRICED.iter().any(|attribute| {
                    let is = seen.attributes.get(attribute);
                    is.is_some() && desired.known(attribute).is_some_and(|one| Some(one) != is)
                })
            })
    }

    pub(super) async fn catalog(&self, needed: bool) -> Result<Option<Catalog>, Error> {
        if !needed {
            return Ok(None);
        }
        let catalog = self.read.catalog().await;
        catalog.map(Some).map_err(|error| self.named(error))
    }

    pub(super) async fn all_but_records(
        &self,
        desired: &[&Desired],
        whole: bool,
    ) -> Result<Vec<(&'static str, Listed)>, Error> {
        let capabilities = self.read.capabilities();
        let besides = self.wanted.leftovers.then_some(capabilities.only_seen);
        let kinds = capabilities.kinds.iter().copied();
        let kinds = kinds
            .chain(besides.into_iter().flatten().copied())
            .filter(|kind| *kind != record::KIND.name)
            .filter(|kind| self.has_own_dns || *kind != domain::KIND.name);
        let lists = kinds.map(async |kind| {
            let whole = whole && kind == server::KIND.name || self.wanted.whole;
            Ok((kind, self.list(kind, desired, whole).await?))
        });
        try_join_all(lists).await
    }

    pub(super) async fn list(
        &self,
        kind: &str,
        all: &[&Desired],
        whole: bool,
    ) -> Result<Listed, Error> {
        let mut led_to = all.iter().flat_map(|desired| desired.references());
        let is_led_to = led_to.any(|to| to.address.kind() == kind);
        let of_kind = all.iter().copied();
        let of_kind = of_kind.filter(|desired| desired.address.kind() == kind);
        let desired: Vec<&Desired> = of_kind.collect();
        let entire = entire(all);
        let scope = Scope {
            desired: &desired,
            recorded: &self.recorded,
            mark: self.wanted.mark,
            entire: &entire,
            whole,
            leftovers: self.wanted.leftovers,
            is_led_to,
            in_full: false,
        };
        let listed = self.read.list(kind, scope).await;
        listed.map_err(|error| self.named(error))
    }

    /// Whatever else has the names of these.
    pub(super) async fn namesakes(&self, kind: &str, of: &[&Desired]) -> Result<Listed, Error> {
        let scope = Scope {
            desired: of,
            ..Scope::default()
        };
        let listed = self.read.list(kind, scope).await;
        listed.map_err(|error| self.named(error))
    }

    pub(super) async fn resolve(
        &self,
        kind: &str,
        wanted: &[&Desired],
    ) -> Result<Vec<Resolved>, Error> {
        let resolved = self.read.resolve(kind, wanted).await;
        resolved.map_err(|error| self.named(error))
    }

    /// Asks singly for what is recorded and was in no list: pages are cut by number, so one can
    /// be missed while others come and go. Adds what is there after all.
    pub(super) async fn confirm_absent(
        &self,
        sight: &mut Sight,
    ) -> Result<BTreeMap<Address, Absence>, Error> {
        let seen: HashSet<(&str, &str)> = sight
            .observed
            .iter()
            .filter(|observed| observed.account == self.name)
            .map(|observed| (observed.kind, observed.id.as_str()))
            .collect();
        let missing = self.recorded.iter().copied();
        let missing: Vec<&Recorded> = missing
            .filter(|recorded| !seen.contains(&(recorded.address.kind(), recorded.id.as_str())))
            .collect();
        // If nothing at all was seen, a few questions show whether that is so; the plan is refused
        // then, and thousands of questions would only use up the limit. It is refused only if
        // nothing is too young to tell: with one such, nobody may be taken for gone unasked.
        let all_settled = || missing.iter().all(|recorded| !self.is_young(recorded));
        let few = match missing.len() {
            all if all == self.recorded.len() && all_settled() => AT_ONCE,
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
                Some(found) => sight.single(&self.name, found),
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
                    coming: false,
                })
            });
            for (recorded, found) in some.iter().zip(join_all(questions).await) {
                let found = found.map_err(|error| self.named(error))?;
                answers.push((*recorded, found));
            }
        }
        Ok(answers)
    }
}

/// The zones of which everything has to be seen, because nothing stays in them that nobody named.
fn entire<'d>(desired: &[&'d Desired]) -> Vec<&'d str> {
    let exclusive = |wanted: &&&Desired| wanted.known(domain::EXCLUSIVE) == Some(&true.into());
    let zones = desired.iter().filter(exclusive);
    zones.filter_map(|zone| zone.text(domain::NAME)).collect()
}
