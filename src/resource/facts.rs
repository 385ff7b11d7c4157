use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use crate::model::{AccountViews, Address, Attributes, Desired, Observed, Recorded, Value};

use super::{Attribute, kind};

/// Everything known when the rules of a kind are checked: what is asked for, what is there, and
/// which is which.
pub struct Facts<'a> {
    /// What cloud.json asks for.
    pub desired: &'a [Desired],
    /// The same, by address.
    pub wanted: &'a HashMap<&'a Address, &'a Desired>,
    /// What the accounts hold, of every kind that was listed, as far as it matters.
    pub observed: &'a [Observed],
    /// The accounts, by name.
    pub accounts: &'a AccountViews,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// Which of `observed` is which address: its place there.
    pub bound: &'a HashMap<&'a Address, usize>,
    /// Addresses that are wanted no longer, or whose condition is not met.
    pub unwanted: &'a HashSet<&'a Address>,
    /// Addresses that another resource is made for, in the place of the one bound to it.
    pub replaced: &'a HashSet<&'a Address>,
    /// Addresses that are not in the part that is planned.
    pub left_out: &'a HashSet<&'a Address>,
    /// The deployment's identity, once it has one.
    pub lineage: Option<&'a str>,
}

impl<'a> Facts<'a> {
    /// What cloud.json asks for, as far as it is planned.
    pub fn planned(&self) -> impl Iterator<Item = &'a Desired> + use<'a> {
        let left_out = self.left_out;
        let all = self.desired.iter();
        all.filter(move |desired| !left_out.contains(&desired.address))
    }

    /// The observed resource that an address is bound to.
    #[must_use]
    pub fn bound(&self, address: &Address) -> Option<&'a Observed> {
        self.bound
            .get(address)
            .and_then(|&at| self.observed.get(at))
    }

    /// Observed resources of one kind that no address is bound to.
    pub fn unbound(&self, kind: &'a str) -> impl Iterator<Item = &'a Observed> + use<'a> {
        self.unbound_with_places(kind).map(|(_, observed)| observed)
    }

    /// The same, each with its place among the observed.
    pub fn unbound_with_places(
        &self,
        kind: &'a str,
    ) -> impl Iterator<Item = (usize, &'a Observed)> + use<'a> {
        let mut bound = vec![false; self.observed.len()];
        for &at in self.bound.values() {
            if let Some(bound) = bound.get_mut(at) {
                *bound = true;
            }
        }
        let all = self.observed.iter().enumerate().zip(bound);
        all.filter(move |((_, observed), bound)| !bound && observed.kind == kind)
            .map(|(observed, _)| observed)
    }

    /// Observed resources of one kind.
    pub fn of_kind(&self, kind: &'a str) -> impl Iterator<Item = &'a Observed> + use<'a> {
        self.observed
            .iter()
            .filter(move |observed| observed.kind == kind)
    }

    /// Observed resources of one kind in one account.
    pub fn in_account(
        &self,
        account: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Observed> + use<'a> {
        self.of_kind(kind)
            .filter(move |observed| *observed.account == *account)
    }

    /// What the state has of one kind under an id in an account.
    #[must_use]
    pub fn recorded_as(&self, account: &str, kind: &str, id: &str) -> Option<&'a Recorded> {
        let mut recorded = self.recorded.values();
        recorded.find(|recorded| {
            recorded.address.kind() == kind && recorded.account == account && recorded.id == id
        })
    }

    /// The observed resource that an address is bound to and stays bound to.
    #[must_use]
    pub fn kept(&self, address: &Address) -> Option<&'a Observed> {
        let stays = !self.replaced.contains(address) || self.left_out.contains(address);
        stays.then(|| self.bound(address)).flatten()
    }

    /// A desired value as far as it is known now: a reference to something that exists already, and
    /// stays, is.
    #[must_use]
    pub fn resolve(&self, value: &'a Value) -> Option<Cow<'a, Json>> {
        value.resolve(|reference| {
            let kept = self.kept(&reference.address)?;
            let attributes: &Attributes = &kept.attributes;
            let is = attributes.get(&reference.attribute)?;
            // What it has none of yet, it may be about to get.
            let wanted = self.wanted.get(&reference.address);
            let attribute = reference.attribute.as_str();
            let may_get_one =
                is.is_null() && wanted.is_some_and(|wanted| is_renewed(wanted, kept, attribute));
            (!may_get_one).then_some(is)
        })
    }
}

/// Whether something is to get another value of a computed attribute than it has.
#[must_use]
pub fn is_renewed(wanted: &Desired, is: &Observed, attribute: &str) -> bool {
    let Some((_, kind)) = kind(wanted.address.kind()) else {
        return false;
    };
    let mut all = wanted.attributes.iter();
    all.any(|(name, value)| {
        let shown = kind.attribute(name).map_or(name, Attribute::shown_by);
        let differs = is.attributes.get(shown) != value.known();
        differs && (kind.renewed)(name, &wanted.attributes) == Some(attribute)
    })
}
