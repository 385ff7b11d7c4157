//! How far a look must reach: mostly no further than what is ours and has our names, which is
//! little where the account holds much more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::model::{AccountViews, Address, Desired, Observed, Origin, Recorded};

use crate::provider::Listed;
use crate::resource::{Kind, domain, record, reserved_ip, server, ssh_key};

use super::Wanted;

/// What was seen, each resource once, and how much was left out.
#[derive(Default)]
pub(super) struct Sight {
    pub(super) observed: Vec<Observed>,
    /// By account and kind.
    left_out: BTreeMap<(Arc<str>, &'static str), u64>,
}

impl Sight {
    /// What a first listing of a kind in an account showed.
    pub(super) fn first(&mut self, account: &Arc<str>, kind: &'static str, listed: Listed) {
        let found = listed.found.into_iter();
        self.observed.extend(found.map(|found| of(account, found)));
        self.left_out
            .insert((account.clone(), kind), listed.left_out);
    }

    /// What another listing of that kind showed. What was seen already is as it was.
    pub(super) fn further(&mut self, account: &Arc<str>, kind: &'static str, listed: Listed) {
        let known = self.observed.iter();
        let known = known.filter(|known| known.kind == kind && known.account == *account);
        let mut known: HashSet<String> = known.map(|known| known.id.clone()).collect();
        let before = known.len();
        let found = listed.found.into_iter();
        let new = found.filter(|found| known.insert(found.id.clone()));
        self.observed.extend(new.map(|found| of(account, found)));
        let new = (known.len() - before) as u64;
        let left_out = self.left_out.entry((account.clone(), kind)).or_default();
        *left_out = left_out.saturating_sub(new).min(listed.left_out);
    }

    /// One that was asked for by itself.
    pub(super) fn single(&mut self, account: &Arc<str>, found: Observed) {
        if let Some(left_out) = self.left_out.get_mut(&(account.clone(), found.kind)) {
            *left_out = left_out.saturating_sub(1);
        }
        self.observed.push(of(account, found));
    }

    /// Whether there is more of a kind in an account than was seen.
    pub(super) fn is_partial(&self, account: &Arc<str>, kind: &'static str) -> bool {
        let left_out = self.left_out.get(&(account.clone(), kind));
        left_out.is_some_and(|&left_out| left_out > 0)
    }

    /// The names that are taken of a kind, by account, in lower case.
    pub(super) fn names(&self, kind: &Kind) -> HashSet<(&str, String)> {
        let of_kind = self.observed.iter().filter(|seen| seen.kind == kind.name);
        of_kind
            .filter_map(|seen| Some((&*seen.account, name(kind, |key| seen.text(key))?)))
            .collect()
    }

    /// The accounts, with how much of each was left out.
    pub(super) fn left_out_of(&self, mut accounts: AccountViews) -> AccountViews {
        for ((account, kind), left_out) in &self.left_out {
            if let Some(view) = accounts.get_mut(&**account) {
                view.left_out.insert(kind, *left_out);
            }
        }
        accounts
    }
}

/// What tells one from the others of its kind, if all of that is known.
pub(super) fn name<'t>(kind: &Kind, text: impl Fn(&str) -> Option<&'t str>) -> Option<String> {
    let parts = kind.natural_key.iter();
    let parts: Option<Vec<String>> = parts
        .map(|key| Some(text(key)?.to_ascii_lowercase()))
        .collect();
    Some(parts?.join("\u{1f}"))
}

/// What was found, with the account that it was found in.
fn of(account: &Arc<str>, found: Observed) -> Observed {
    Observed {
        account: account.clone(),
        ..found
    }
}

/// Whether all servers of an account matter: with a key that goes, others may lose it.
pub(super) fn to_every_server(recorded: &[&Recorded], desired: &[&Desired]) -> bool {
    let wanted: HashSet<&Address> = desired.iter().map(|desired| &desired.address).collect();
    let mut leaving = recorded
        .iter()
        .filter(|recorded| !wanted.contains(&recorded.address));
    leaving.any(|recorded| {
        recorded.address.kind() == ssh_key::KIND.name && recorded.origin == Origin::Created
    })
}

/// Whether all records of our zones matter: a zone goes only if it is empty, and what leads to a
/// server, or to an address, that goes will lead to a stranger.
pub(super) fn to_every_record(leaving: &[&Recorded]) -> bool {
    let kinds = [server::KIND.name, reserved_ip::KIND.name, domain::KIND.name];
    let mut kinds_of_all = leaving.iter().map(|recorded| recorded.address.kind());
    kinds_of_all.any(|kind| kinds.contains(&kind))
}

/// Whether a record leads somewhere that only a look at every server can name: to be told of
/// where it has a name of ours, or the address of a server that is to go.
pub(super) fn out_of_sight(
    wanted: &Wanted<'_>,
    desired: &[Desired],
    observed: &[Observed],
) -> bool {
    let addresses = [server::IPV4_ADDRESS, server::IPV6_ADDRESS];
    let servers = observed
        .iter()
        .filter(|observed| observed.kind == server::KIND.name);
    let in_sight: HashSet<&str> = servers
        .flat_map(|server| addresses.iter().filter_map(|address| server.text(address)))
        .collect();
    let leaving = wanted.leaving(desired, observed);
    let leaving = leaving.iter();
    let given_back: BTreeSet<&str> = leaving
        .filter(|recorded| recorded.address.kind() == server::KIND.name)
        .flat_map(|server| addresses.iter().filter_map(|address| server.text(address)))
        .collect();
    let exclusive = desired
        .iter()
        .filter(|wanted| wanted.known(domain::EXCLUSIVE) == Some(&true.into()));
    let exclusive: HashSet<&str> = exclusive
        .filter_map(|zone| zone.text(domain::NAME))
        .collect();
    let ours: HashSet<&str> = wanted
        .recorded
        .values()
        .filter(|recorded| recorded.address.kind() == record::KIND.name)
        .map(|record| record.id.as_str())
        .collect();
    let records = desired
        .iter()
        .filter(|desired| desired.address.kind() == record::KIND.name);
    let names: HashSet<&str> = records
        .filter_map(|wanted| wanted.text(record::NAME))
        .collect();
    observed
        .iter()
        .filter(|other| other.kind == record::KIND.name && !ours.contains(other.id.as_str()))
        .filter(|other| matches!(other.text(record::TYPE), Some("A" | "AAAA")))
        .any(|other| {
            let data = other.text(record::DATA).unwrap_or_default();
            let named = other
                .text(record::NAME)
                .is_some_and(|name| names.contains(name));
            // It goes, unless the server is another deployment's.
            let zone = other.text(record::ZONE);
            let goes = zone.is_some_and(|zone| exclusive.contains(zone));
            !in_sight.contains(data) && (named || goes || given_back.contains(data))
        })
}
