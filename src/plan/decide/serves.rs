//! What serves on for now, and what that means for others.

use std::collections::HashSet;

use crate::model::{Address, Diagnostic, Observed, Recorded};
use crate::plan::bind::observed;
use crate::plan::drain::Drain;
use crate::resource::{Kind, OnChange, kind, texts_of};

use super::Decider;
use super::protection::comes_too_early;

impl Decider<'_, '_> {
    /// How long something has to serve on that has to do so itself for as long as `own`: as long as
    /// what is attached to it, if that is left where it is by this run. Otherwise it goes after that
    /// anyway.
    pub(super) fn serves_on(
        &self,
        own: Option<Drain>,
        of: &Kind,
        recorded: &Recorded,
    ) -> Option<Drain> {
        if self.input.drains || self.input.destroying || of.forgotten_at.is_none() {
            return own;
        }
        let attached = self.input.recorded.values().filter_map(|other| {
            let (_, kind) = kind(other.address.kind())?;
            let is_attached = other.text(kind.attached_by?) == Some(&recorded.id);
            let of_it = (other.account.as_str(), Some(other));
            let drain = || self.drains.get(kind, &other.address, of_it);
            is_attached.then(drain).flatten()
        });
        own.into_iter()
            .chain(attached)
            .max_by_key(|drain| drain.seconds)
    }

    /// What is wanted to lead to something that stays where it is for now, and does not lead there yet.
    pub(super) fn come_too_early(
        &self,
        address: &Address,
        found: Option<&Observed>,
    ) -> Vec<Diagnostic> {
        let texts = found
            .into_iter()
            .flat_map(|found| texts_of(address.kind(), &found.attributes, OnChange::Computed));
        let texts: HashSet<&str> = texts.collect();
        let come = self.input.desired.iter().filter(|desired| {
            let (of, known) = (desired.address.kind(), kind(desired.address.kind()));
            let is_remembered = known.is_some_and(|(_, kind)| kind.remembered_for.is_some());
            let is = observed(self.input, self.bindings.at.get(&desired.address)).into_iter();
            let mut leads = is.flat_map(|is| texts_of(of, &is.attributes, OnChange::Update));
            is_remembered
                && desired.needs().any(|to| to == address)
                && !leads.any(|text| texts.contains(text))
        });
        come.map(|desired| comes_too_early(address, &desired.address).at(desired.place.clone()))
            .collect()
    }
}
