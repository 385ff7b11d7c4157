//! What the accounts hold that no deployment looks after.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{AccountViews, Address, Desired, Money, Observed, Recorded};
use crate::resource::{Price, kind};

/// Something in an account that no state holds, as far as can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan<'a> {
    /// What there is.
    pub observed: &'a Observed,
    /// What people call it; its id, if it has no name.
    pub name: String,
    /// What it is, in a few words.
    pub detail: String,
    /// What it costs a month, if that is known.
    pub monthly: Option<Money>,
    /// Whose mark it carries.
    pub mark: Mark,
}

impl Orphan<'_> {
    /// Whether somebody should do something about it: what no mark tells of may be in use, and
    /// matters only if it is paid for.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.mark != Mark::Unclear || self.monthly != Some(Money::ZERO)
    }
}

/// Whose mark something carries that is nobody's as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// This deployment's.
    Ours,
    /// Nobody's, though a deployment would have marked it.
    Missing,
    /// Nobody's, and that tells nothing: a deployment may have one of this kind there without.
    Unclear,
}

/// All of them, and how much more there is that is somebody else's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orphans<'a> {
    /// The dearest first, those of unknown price last.
    pub found: Vec<Orphan<'a>>,
    /// How many carry the marks of other deployments.
    pub of_others: usize,
    /// How many other deployments that are.
    pub others: usize,
}

/// What carries no mark, or this deployment's, and is not recorded. What has the name of something
/// that is `wanted` and could be no other is left out: it is to be taken over.
#[must_use]
pub fn orphans<'a>(
    recorded: &BTreeMap<Address, Recorded>,
    observed: &'a [Observed],
    accounts: &AccountViews,
    lineage: Option<&str>,
    wanted: &[Desired],
) -> Orphans<'a> {
    let known: HashSet<(&str, &str, &str)> = recorded
        .values()
        .map(|known| {
            let kind = known.address.kind();
            (known.account.as_str(), kind, known.id.as_str())
        })
        .collect();
    let marked = observed.iter().filter_map(|seen| {
        let (rank, kind) = kind(seen.kind)?;
        let is_marked = kind.marked || kind.may_be_marked && !seen.owners.is_empty();
        let counts = is_marked || (kind.orphaned)(seen, recorded);
        counts.then_some((rank, kind, seen))
    });
    let mut found = Vec::new();
    let mut of_others = 0;
    let mut others = BTreeSet::new();
    for (rank, kind, seen) in marked {
        let ours = seen
            .owners
            .iter()
            .any(|owner| Some(owner.as_str()) == lineage);
        if known.contains(&(&*seen.account, seen.kind, &seen.id)) {
            continue;
        }
        if !seen.owners.is_empty() && !ours {
            of_others += 1;
            others.extend(seen.owners.iter().map(String::as_str));
            continue;
        }
        let attributes = seen.attributes.as_known();
        let is_free = || (kind.price)(&attributes, None) == Price::Free;
        let is_told = accounts
            .get(&*seen.account)
            .is_none_or(|view| view.capabilities.marked.contains(&kind.name));
        let orphan = Orphan {
            observed: seen,
            name: (kind.name_of)(&seen.attributes).unwrap_or_else(|| seen.id.clone()),
            detail: kind.described.unwrap_or(kind.detail)(&attributes),
            monthly: seen.monthly.or_else(|| is_free().then_some(Money::ZERO)),
            mark: match (ours, is_told) {
                (true, _) => Mark::Ours,
                (false, true) => Mark::Missing,
                (false, false) => Mark::Unclear,
            },
        };
        found.push((rank, orphan));
    }
    found.sort_by(|(rank, one), (other_rank, other)| {
        (other.monthly.cmp(&one.monthly))
            .then_with(|| rank.cmp(other_rank))
            .then_with(|| one.name.cmp(&other.name))
            .then_with(|| one.observed.id.cmp(&other.observed.id))
    });
    let mut found = found.into_iter().map(|(_, orphan)| orphan).collect();
    leave_out_wanted(&mut found, recorded, wanted);
    Orphans {
        found,
        of_others,
        others: others.len(),
    }
}

/// Leaves out what a plan takes over: the only one of a name that is wanted and not recorded.
fn leave_out_wanted(
    found: &mut Vec<Orphan<'_>>,
    recorded: &BTreeMap<Address, Recorded>,
    wanted: &[Desired],
) {
    let is_new = |desired: &&Desired| !recorded.contains_key(&desired.address);
    let wanted: HashSet<(&str, &str, String)> = wanted
        .iter()
        .filter(is_new)
        .map(|desired| {
            let address = &desired.address;
            let name = address.name().to_ascii_lowercase();
            (desired.account.as_str(), address.kind(), name)
        })
        .collect();
    let key = |orphan: &Orphan<'_>| {
        let seen = orphan.observed;
        let name = orphan.name.to_ascii_lowercase();
        (
            seen.account.clone(),
            seen.kind,
            name,
            orphan.mark == Mark::Ours,
        )
    };
    let mut namesakes: BTreeMap<_, usize> = BTreeMap::new();
    for orphan in found.iter() {
        *namesakes.entry(key(orphan)).or_default() += 1;
    }
    found.retain(|orphan| {
        let (account, kind, name, _) = &key(orphan);
        let is_wanted = wanted.contains(&(&**account, *kind, name.clone()));
        let ours = namesakes.get(&(account.clone(), kind, name.clone(), true));
        // Ours comes first; of what carries no mark one is taken only where none is ours.
        let is_taken = match orphan.mark {
            Mark::Ours => ours == Some(&1),
            Mark::Missing | Mark::Unclear => {
                ours.is_none() && namesakes.get(&key(orphan)) == Some(&1)
            }
        };
        !(is_wanted && is_taken)
    });
}

#[cfg(test)]
mod tests;
