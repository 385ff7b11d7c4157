//! How far a look must reach: mostly no further than what is ours and has our names, which is
//! little where the account holds much more.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{Address, Desired, Observed, Origin, Recorded};
use crate::provider::Listed;
use crate::resource::{domain, record, server, ssh_key};

/// What was seen, each resource once, and how much was left out.
#[derive(Default)]
pub(super) struct Sight {
    pub(super) observed: Vec<Observed>,
    /// By kind.
    pub(super) left_out: BTreeMap<&'static str, u64>,
}

impl Sight {
    /// What a first listing of a kind showed.
    pub(super) fn first(&mut self, kind: &'static str, listed: Listed) {
        self.observed.extend(listed.found);
        self.left_out.insert(kind, listed.left_out);
    }

    /// What another listing of that kind showed. What was seen already is as it was.
    pub(super) fn further(&mut self, kind: &'static str, listed: Listed) {
        let known = self.observed.iter().filter(|known| known.kind == kind);
        let mut known: HashSet<String> = known.map(|known| known.id.clone()).collect();
        let before = known.len();
        let found = listed.found.into_iter();
        let new = found.filter(|found| known.insert(found.id.clone()));
        self.observed.extend(new);
        let new = (known.len() - before) as u64;
        let left_out = self.left_out.entry(kind).or_default();
        *left_out = left_out.saturating_sub(new).min(listed.left_out);
    }

    /// One that was asked for by itself.
    pub(super) fn single(&mut self, found: Observed) {
        if let Some(left_out) = self.left_out.get_mut(found.kind) {
            *left_out = left_out.saturating_sub(1);
        }
        self.observed.push(found);
    }

    /// Whether there is more of a kind than was seen.
    pub(super) fn is_partial(&self, kind: &str) -> bool {
        self.left_out
            .get(kind)
            .is_some_and(|&left_out| left_out > 0)
    }
}

/// Whether all servers of the account matter: with a key that goes, others may lose it.
pub(super) fn to_every_server(recorded: &BTreeMap<Address, Recorded>, desired: &[Desired]) -> bool {
    let keys = recorded.values().filter(|recorded| {
        recorded.address.kind() == ssh_key::KIND.name && recorded.origin == Origin::Created
    });
    leaving(keys, desired).next().is_some()
}

/// Whether all records of our zones matter: a zone goes only if it is empty, and what leads to a
/// server that goes will lead to a stranger.
pub(super) fn to_every_record(recorded: &BTreeMap<Address, Recorded>, desired: &[Desired]) -> bool {
    let kinds = [server::KIND.name, domain::KIND.name];
    let others = recorded
        .values()
        .filter(|recorded| kinds.contains(&recorded.address.kind()));
    leaving(others, desired).next().is_some()
}

/// Whether a record leads somewhere that only a look at every server can name: to be told of
/// where it has a name of ours, or the address of a server that is to go.
pub(super) fn out_of_sight(
    recorded: &BTreeMap<Address, Recorded>,
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
    let of_kind = |kind: &'static str| {
        let all = recorded.values();
        all.filter(move |recorded| recorded.address.kind() == kind)
    };
    let given_back: BTreeSet<&str> = leaving(of_kind(server::KIND.name), desired)
        .flat_map(|server| addresses.iter().filter_map(|address| server.text(address)))
        .collect();
    let ours: HashSet<&str> = of_kind(record::KIND.name)
        .map(|record| record.id.as_str())
        .collect();
    let wanted = desired
        .iter()
        .filter(|desired| desired.address.kind() == record::KIND.name);
    let names: HashSet<&str> = wanted
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
            !in_sight.contains(data) && (named || given_back.contains(data))
        })
}

/// Those of `recorded` that are not wanted any more.
fn leaving<'a>(
    recorded: impl Iterator<Item = &'a Recorded>,
    desired: &[Desired],
) -> impl Iterator<Item = &'a Recorded> {
    let wanted: HashSet<&Address> = desired.iter().map(|desired| &desired.address).collect();
    let leaving: Vec<&Recorded> = recorded
        .filter(|recorded| !wanted.contains(&recorded.address))
        .collect();
    leaving.into_iter()
}
