//! The rules for servers that exist: what they may become.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Catalog, Desired, Diagnostic, Observed, Readiness, Recorded};
use crate::resource::Facts;
use crate::resource::server::{BACKUPS, DISK_GB, IMAGE, KIND, NAME, OFF, POWER, REGION, SIZE};

use super::{error, near, unknown, usable_sizes};

/// Everything about changes of servers of an account that would otherwise fail after they were
/// stopped for it.
pub(super) fn check(
    facts: &Facts<'_>,
    account: &str,
    catalog: &Catalog,
    found: &mut Vec<Diagnostic>,
) {
    for desired in facts.planned() {
        if let Some(server) = facts.kept(&desired.address)
            && desired.address.kind() == KIND.name
            && desired.account == *account
            && *server.account == *account
            && desired.text(SIZE) != server.text(SIZE)
            && !KIND.ignores(|name| desired.known(name), SIZE)
        {
            check_resize(desired, server, catalog, found);
        }
    }
}

/// What should be known of servers that exist.
pub(super) fn note(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    note_off(facts, found);
    note_halfway(facts, found);
    note_renames(facts, found);
}

/// Whether a server that exists can have another size.
fn check_resize(
    desired: &Desired,
    server: &Observed,
    catalog: &Catalog,
    found: &mut Vec<Diagnostic>,
) {
    let Some(size) = desired.text(SIZE).and_then(|slug| catalog.size(slug)) else {
        if desired.attributes.contains_key(SIZE) {
            found.push(unknown(desired, SIZE, catalog, &usable_sizes(catalog)));
        }
        return;
    };
    let name = desired.address.name();
    if let Some(region) = server.text(REGION)
        && !size.regions.is_empty()
        && !(size.available && size.regions.contains(region))
    {
        let offered: Vec<&str> = catalog
            .sizes
            .iter()
            .filter(|other| other.is_usable() && other.regions.contains(region))
            .map(|other| other.slug.as_str())
            .collect();
        found.push(
            error(
                desired,
                SIZE,
                format!("size {} is not offered in {region}", size.slug),
            )
            .detail(format!("server {name} is there"))
            .hint(near(&size.slug, &offered, "sizes")),
        );
    }
    if let Some(why) = &size.unusable {
        found.push(
            error(
                desired,
                SIZE,
                format!("no server can have size {} here", size.slug),
            )
            .detail(why)
            .hint("choose another size; `cloudbuilder catalog sizes` lists them all"),
        );
    }
    let disk = server.attributes.get(DISK_GB).and_then(Json::as_u64);
    if let Some(disk) = disk.filter(|disk| *disk > size.disk_gb) {
        let region = server.text(REGION).unwrap_or_default();
        let fitting = catalog.sizes.iter().filter(|other| {
            other.is_usable()
                && !other.sandbox_only
                && other.monthly.is_some()
                && other.disk_gb >= disk
                && (other.regions.is_empty() || other.regions.contains(region))
        });
        let cheapest = fitting.min_by_key(|other| (other.monthly, other.disk_gb));
        let all = "`cloudbuilder catalog sizes` lists them all";
        found.push(
            error(
                desired,
                SIZE,
                format!("server {name} cannot be made as small as {}", size.slug),
            )
            .detail(format!(
                "its disk has {disk} GB, the size has {} GB, and a disk never shrinks",
                size.disk_gb
            ))
            .hint(cheapest.map_or(all.to_owned(), |cheapest| {
                format!("the cheapest that fits is `{}`; {all}", cheapest.slug)
            })),
        );
    }
}

/// A server that somebody has turned off stays off, and is paid for all the same.
fn note_off(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for desired in facts.planned() {
        let Some(server) = facts.kept(&desired.address) else {
            continue;
        };
        let left_by_us = facts
            .recorded
            .get(&desired.address)
            .is_some_and(|recorded| recorded.text(POWER) == Some(OFF) && recorded.id == server.id);
        if server.kind == KIND.name && server.text(POWER) == Some(OFF) && !left_by_us {
            found.push(
                Diagnostic::note(format!("server {} is off", desired.address.name()))
                    .detail("it was turned off outside, and nothing here turns it on")
                    .at(desired.place.clone()),
            );
        }
    }
}

/// Whoever began a change that is not over may have meant something else by it than cloud.json does.
fn note_halfway(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for desired in facts.planned() {
        let Some(server) = facts.kept(&desired.address) else {
            continue;
        };
        if let Readiness::Paused { attribute, why } = &server.readiness
            && server.kind == KIND.name
            && desired.attributes.contains_key(attribute)
            && !KIND.ignores(|name| desired.known(name), attribute)
        {
            let name = desired.address.name();
            found.push(
                Diagnostic::note(format!(
                    "server {name}: a change of its {attribute} is not over"
                ))
                .detail(format!("{why}; this plan brings it to its end"))
                .at(desired.place_of(attribute)),
            );
        }
    }
}

/// A server that comes may be one that goes, under another name.
fn note_renames(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    // Mostly nothing comes, or nothing goes, and then nothing is looked for.
    let new = facts.planned().filter(|desired| {
        let address = &desired.address;
        address.kind() == KIND.name
            && facts.bound(address).is_none()
            && !facts.recorded.contains_key(address)
    });
    let new: Vec<&Desired> = new.collect();
    if new.is_empty() {
        return;
    }
    let seen: HashSet<(&str, &str)> = facts
        .of_kind(KIND.name)
        .map(|seen| (&*seen.account, seen.id.as_str()))
        .collect();
    let going = facts.recorded.values().filter(|recorded| {
        let address = &recorded.address;
        address.kind() == KIND.name
            && !facts.wanted.contains_key(address)
            && address.had().is_none()
            && !facts.left_out.contains(address)
            && seen.contains(&(recorded.account.as_str(), recorded.id.as_str()))
    });
    // Where several are alike, nobody knows which is which.
    let mut pairs: BTreeMap<String, (Vec<&Desired>, Vec<&Recorded>)> = BTreeMap::new();
    for recorded in going {
        let like = likeness(&recorded.account, |name| recorded.attributes.get(name));
        pairs.entry(like).or_default().1.push(recorded);
    }
    for desired in new {
        let like = likeness(&desired.account, |name| desired.known(name));
        if let Some((new, _)) = pairs.get_mut(&like) {
            new.push(desired);
        }
    }
    for (new, going) in pairs.values() {
        let ([desired], [alike]) = (&new[..], &going[..]) else {
            continue;
        };
        let account = facts.accounts.get(&desired.account);
        let can_rename = account.is_some_and(|account| {
            let rename = account.capabilities.update(KIND.name, NAME);
            rename.is_some()
        });
        if can_rename {
            let address = &desired.address;
            found.push(
                Diagnostic::warning(format!(
                    "{address} is made, and {} destroyed, which is just like it",
                    alike.address
                ))
                .detail("if that is the same server under another name, it need not go")
                .hint(format!(
                    "to keep it and rename it: `cloudbuilder state mv {} {address}`",
                    alike.address
                ))
                .at(desired.place.clone()),
            );
        }
    }
}

/// What makes two servers of an account the same but for their names.
fn likeness<'a>(account: &str, value: impl Fn(&str) -> Option<&'a Json>) -> String {
    let values = [REGION, SIZE, IMAGE, BACKUPS].map(value);
    format!("{account} {values:?}")
}
