//! What the accounts hold that no deployment looks after.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{Address, Attributes, Desired, Observed, Recorded};
use crate::resource::{Kind, kind};

/// Something in an account that no state holds, as far as can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Orphan<'a> {
    /// What there is.
    pub observed: &'a Observed,
    /// What people call it.
    pub name: String,
    /// What it is, in a few words.
    pub detail: String,
    /// Whether it carries this deployment's mark; else it carries none.
    pub ours: bool,
}

/// All of them, and how much more there is that is somebody else's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Orphans<'a> {
    /// The dearest first, those without a price last.
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
        let (_, kind) = kind(seen.kind)?;
        let is_marked = kind.marked || kind.may_be_marked && !seen.owners.is_empty();
        let counts = is_marked || (kind.orphaned)(&seen.attributes);
        counts.then_some((kind, seen))
    });
    let mut found = Vec::new();
    let mut of_others = 0;
    let mut others = BTreeSet::new();
    for (kind, seen) in marked {
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
        let name = name_of(kind, &seen.attributes);
        found.push(Orphan {
            observed: seen,
            detail: (kind.detail)(&seen.attributes.as_known()),
            name,
            ours,
        });
    }
    leave_out_wanted(&mut found, recorded, wanted);
    found.sort_by(|one, other| {
        let price = |orphan: &Orphan<'_>| orphan.observed.monthly;
        (price(other).cmp(&price(one)))
            .then_with(|| one.name.cmp(&other.name))
            .then_with(|| one.observed.id.cmp(&other.observed.id))
    });
    Orphans {
        found,
        of_others,
        others: others.len(),
    }
}

fn name_of(kind: &Kind, attributes: &Attributes) -> String {
    (kind.name_of)(attributes).unwrap_or_else(|| kind.name.to_owned())
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
        (seen.account.clone(), seen.kind, name, orphan.ours)
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
        let is_taken = match orphan.ours {
            true => ours == Some(&1),
            false => ours.is_none() && namesakes.get(&key(orphan)) == Some(&1),
        };
        !(is_wanted && is_taken)
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Money, Origin, Readiness};

    fn seen(id: &str, name: &str, owners: &[&str], dollars: Option<f64>) -> Observed {
        Observed {
            kind: "server",
            account: Arc::from("default"),
            id: id.to_owned(),
            attributes: Attributes::from([("name".to_owned(), name.into())]),
            owners: owners.iter().map(|&owner| owner.to_owned()).collect(),
            readiness: Readiness::Ready,
            monthly: dollars.map(Money::from_dollars),
            created: None,
        }
    }

    fn wanted(name: &str) -> Desired {
        Desired {
            address: Address::new("server", name),
            account: "default".to_owned(),
            attributes: Attributes::default(),
            only_if: None,
            follows: Vec::new(),
            place: None,
            places: BTreeMap::new(),
        }
    }

    fn ids(orphans: &Orphans<'_>) -> Vec<String> {
        let found = orphans.found.iter();
        found.map(|orphan| orphan.observed.id.clone()).collect()
    }

    #[test]
    fn what_somebody_looks_after_is_no_orphan() {
        let observed = [
            seen("1", "recorded", &["us"], Some(6.0)),
            seen("2", "cheap", &[], Some(4.0)),
            seen("3", "dear", &[], Some(48.0)),
            seen("4", "unpriced", &[], None),
            seen("5", "theirs", &["them"], Some(6.0)),
            seen("6", "theirs-too", &["others"], Some(6.0)),
            seen("7", "lost", &["us"], Some(12.0)),
        ];
        let recorded = Recorded {
            address: Address::new("server", "recorded"),
            account: "default".to_owned(),
            id: "1".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: Attributes::default(),
            refers_to: Vec::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let recorded = [(recorded.address.clone(), recorded)].into();
        let orphans = orphans(&recorded, &observed, Some("us"), &[]);
        assert_eq!(ids(&orphans), ["3", "7", "2", "4"]);
        assert!(
            orphans
                .found
                .iter()
                .all(|one| one.ours == (one.name == "lost"))
        );
        assert_eq!((orphans.of_others, orphans.others), (2, 2));
    }

    #[test]
    fn what_a_plan_would_take_over_is_no_orphan() {
        let nothing = BTreeMap::new();
        for (observed, left) in [
            (vec![seen("1", "Web", &[], None)], vec![]),
            (vec![seen("1", "web", &["us"], None)], vec![]),
            // Which of them is meant, nobody knows.
            (
                vec![seen("1", "web", &[], None), seen("2", "web", &[], None)],
                vec!["1", "2"],
            ),
            (
                vec![seen("1", "web", &[], None), seen("2", "web", &["us"], None)],
                vec!["1"],
            ),
        ] {
            let orphans = orphans(&nothing, &observed, Some("us"), &[wanted("web")]);
            assert_eq!(ids(&orphans), left);
        }
    }
}
