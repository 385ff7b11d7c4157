//! Which zone of which account a name goes into.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Server, Spanned};
use crate::model::{Diagnostic, Value};

use super::{Declaration, dns_of};
use crate::resource::{domain, record};

/// Zones by the account that manages them.
pub type Zones = BTreeMap<String, BTreeSet<String>>;

/// Whether an account has a zone.
pub(super) fn holds(zones: &Zones, account: &str, zone: &str) -> bool {
    zones.get(account).is_some_and(|zones| zones.contains(zone))
}

/// The longest zone that a name lies in, with the accounts that have it.
fn longest<'z>(zones: &'z Zones, name: &'z str) -> Option<(&'z str, Vec<&'z str>)> {
    let of_each = zones.iter().filter_map(|(account, zones)| {
        let zone = domain::zone_of(name, zones)?;
        Some((zone, account.as_str()))
    });
    let of_each: Vec<(&str, &str)> = of_each.collect();
    let longest = of_each.iter().map(|(zone, _)| zone.len()).max()?;
    let holders = of_each.iter().filter(|(zone, _)| zone.len() == longest);
    let (zone, _) = of_each.iter().find(|(zone, _)| zone.len() == longest)?;
    Some((zone, holders.map(|(_, account)| *account).collect()))
}

impl Declaration<'_> {
    /// The account and the zone of a name: the recorded ones as long as they exist, else those
    /// that cloud.json names, else the longest zone there is, else a new one.
    pub(super) fn zone(
        &mut self,
        name: &Spanned<String>,
        server: &Server,
    ) -> Option<(String, Value)> {
        let (account, zone) = self.place_of(name, server)?;
        let zones = self.managed.entry(account.clone()).or_default();
        zones.insert(zone.clone());
        let value = self.domain_value(&account, &zone, name);
        Some((account, value))
    }

    fn place_of(&mut self, name: &Spanned<String>, server: &Server) -> Option<(String, String)> {
        // Either may be missing: a run that was cut off made only one of them.
        let recorded = ["A", "AAAA"].into_iter().find_map(|record_type| {
            let address = record::address(&name.value, record_type);
            let recorded = self.setting.recorded.get(&address)?;
            Some((recorded.account.as_str(), recorded.text(record::ZONE)?))
        });
        let kept = recorded.filter(|(account, zone)| holds(&self.managed, account, zone));
        let declared = longest(&self.declared, &name.value);
        let found = declared
            .clone()
            .or_else(|| longest(&self.managed, &name.value));
        if let Some((account, zone)) = kept {
            let elsewhere = declared
                .as_ref()
                .filter(|(declared, holders)| *declared == zone && !holders.contains(&account));
            if let Some((_, holders)) = elsewhere {
                let to = holders.join("`, `");
                self.out.notes.push(
                    Diagnostic::error(format!(
                        "{} is in the zone {zone} of the account `{account}`",
                        name.value
                    ))
                    .detail(format!("cloud.json names `{to}` for that zone"))
                    .hint(
                        "this version moves no names from one account to another: name that one \
                         again, or take the name out, apply, and put it in again",
                    )
                    .at(name.place.clone()),
                );
                return None;
            }
            if let Some((longer, _)) = found.filter(|(found, _)| found.len() > zone.len()) {
                self.out.notes.push(
                    Diagnostic::note(format!("{} stays in the zone {zone}", name.value))
                        .detail(format!("the account now has the zone {longer} too"))
                        .at(name.place.clone()),
                );
            }
            return Some((account.to_owned(), zone.to_owned()));
        }
        match found {
            Some((zone, holders)) => {
                let (zone, holders) = (zone.to_owned(), owned(&holders));
                let account = self.choose(&zone, &holders, name)?;
                Some((account, zone))
            }
            None => self.new_zone(name, server),
        }
    }

    /// Which of the accounts that have a zone. Of several only one answers to the world, and
    /// nothing tells which.
    pub(super) fn choose(
        &mut self,
        zone: &str,
        holders: &[String],
        name: &Spanned<String>,
    ) -> Option<String> {
        if let [only] = holders {
            return Some(only.clone());
        }
        let accounts = holders.join("`, `");
        self.out.notes.push(
            Diagnostic::error(format!("the zone of {} is in several accounts", name.value))
                .detail(format!("{zone} is in `{accounts}`"))
                .hint("name the zone under `domains`, with its `provider`")
                .at(name.place.clone()),
        );
        None
    }

    fn new_zone(&mut self, name: &Spanned<String>, server: &Server) -> Option<(String, String)> {
        let Some(zone) = domain::registrable(&name.value) else {
            self.out.notes.push(
                Diagnostic::error(format!("{} is in no zone of the account", name.value))
                    .detail("and nobody can register a part of it, so none can be made")
                    .hint("use a name below a domain that you own")
                    .at(name.place.clone()),
            );
            return None;
        };
        let offers = |account: &&str| {
            let view = self.setting.accounts.get(*account);
            view.is_none_or(|view| view.capabilities.kinds.contains(&domain::KIND.name))
        };
        let preferred = [server.account.value.as_str(), self.fallback];
        if let Some(account) = preferred.into_iter().find(offers) {
            let account = dns_of(self.setting, account);
            return Some((account.to_owned(), zone.to_owned()));
        }
        self.out.notes.push(
            Diagnostic::error(format!(
                "there is no account for the zone of {}",
                name.value
            ))
            .detail(format!(
                "account `{}` offers no zones, and none that does has {zone}",
                server.account.value
            ))
            .hint(format!(
                "name {zone} under `domains`, with the `provider` it shall be in"
            ))
            .at(name.place.clone()),
        );
        None
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
