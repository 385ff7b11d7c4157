use std::collections::BTreeSet;

use crate::model::{Desired, Recorded, Value};
use crate::resource::{domain, record, ssh_key};

/// What a listing is for, so that a provider can ask for no more than that.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// What cloud.json asks for, of the kind that is listed.
    pub desired: &'a [&'a Desired],
    /// What the state says, of every kind: records lead to the zones they are in.
    pub recorded: &'a [&'a Recorded],
    /// The lineage of the deployment, once it has one.
    pub mark: Option<&'a str>,
    /// Zones of which everything matters, whoever's it is.
    pub entire: &'a [&'a str],
    /// Whether everything of the kind matters, whoever's it is: of records everything in the
    /// zones that the others lead to.
    pub whole: bool,
    /// Whether what nobody looks after matters, though nothing of the kind is wanted or recorded.
    pub leftovers: bool,
    /// Whether something wanted, of whatever kind, leads to something of the kind that is listed.
    pub is_led_to: bool,
    /// Whether all that can be asked for of each is told, as whoever writes a cloud.json for it has
    /// to know.
    pub in_full: bool,
}

impl<'a> Scope<'a> {
    /// What is recorded of a kind.
    pub(super) fn recorded_of(self, kind: &'static str) -> impl Iterator<Item = &'a Recorded> {
        let all = self.recorded.iter().copied();
        all.filter(move |recorded| recorded.address.kind() == kind)
    }

    /// Whether it takes a look at all: nothing is wanted, recorded or led to of a kind that most
    /// deployments have nothing of.
    pub(super) fn concerns(self, kind: &'static str) -> bool {
        self.is_led_to
            || self.in_full
            || !self.desired.is_empty()
            || self.recorded_of(kind).next().is_some()
    }

    /// The names of the zones that hold, or shall hold, records of ours.
    pub(super) fn zones(self) -> BTreeSet<&'a str> {
        let desired = self.desired.iter().filter_map(|desired| zone_of(desired));
        let recorded = self.recorded_of(record::KIND.name);
        let recorded = recorded.filter_map(|record| record.text(record::ZONE));
        desired.chain(recorded).chain(self.whole_zones()).collect()
    }

    /// The names of the zones of which everything matters: one of ours may hold records of others
    /// only, and must not be deleted with them.
    pub(super) fn whole_zones(self) -> impl Iterator<Item = &'a str> {
        let zones = self.whole.then(|| self.recorded_of(domain::KIND.name));
        let zones = zones.into_iter().flatten();
        let zones = zones.filter_map(|zone| zone.text(domain::NAME));
        zones.chain(self.entire.iter().copied())
    }

    /// The fingerprints of the wanted and the recorded keys.
    pub(super) fn fingerprints(self) -> BTreeSet<&'a str> {
        let desired = self.desired.iter();
        let desired = desired.filter_map(|desired| desired.text(ssh_key::FINGERPRINT));
        let recorded = self.recorded_of(ssh_key::KIND.name);
        let recorded = recorded.filter_map(|key| key.text(ssh_key::FINGERPRINT));
        desired.chain(recorded).collect()
    }
}

/// The zone of a wanted record. A reference leads to a zone resource, whose address is its name.
pub(super) fn zone_of(desired: &Desired) -> Option<&str> {
    match desired.attributes.get(record::ZONE)? {
        Value::Reference(reference) => Some(reference.address.name()),
        known => known.known()?.as_str(),
    }
}
