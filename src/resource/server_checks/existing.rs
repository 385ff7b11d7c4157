//! The rules for servers that exist: what they may become.

use serde_json::Value as Json;

use crate::model::{Catalog, Desired, Diagnostic, Observed, Readiness};
use crate::resource::Facts;
use crate::resource::server::{
    DISK, DISK_GB, DISK_OFFERED_GB, GROW, KIND, LOCKED, OFF, POWER, REGION, SIZE,
};

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
    note_disk_left(facts, found);
    note_halfway(facts, found);
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

/// A disk grows while the size changes and at no other time: a server is refused the size that it has
/// already.
fn note_disk_left(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let asking = facts.planned().filter(|desired| {
        let ignores_size = KIND.ignores(|name| desired.known(name), SIZE);
        desired.address.kind() == KIND.name && desired.text(DISK) == Some(GROW) && !ignores_size
    });
    for desired in asking {
        let Some(server) = facts.kept(&desired.address) else {
            continue;
        };
        let gb = |name: &str| server.attributes.get(name).and_then(Json::as_u64);
        let (Some(disk), Some(offered)) = (gb(DISK_GB), gb(DISK_OFFERED_GB)) else {
            continue;
        };
        let size = desired.text(SIZE).unwrap_or_default();
        let is_changing = server.attributes.contains_key(LOCKED);
        if disk >= offered || server.text(SIZE) != Some(size) || is_changing {
            continue;
        }
        let name = desired.address.name();
        found.push(
            Diagnostic::note(format!("the disk of server {name} does not grow now"))
                .detail(format!(
                    "it has {disk} GB, and {size} offers {offered} GB; it grows only while the \
                     size changes"
                ))
                .hint(format!(
                    "write another size with a disk of {disk} GB or more and \"disk\": \"keep\", \
                     apply, then write {size} and \"grow\" again; each stops the server for a while"
                ))
                .at(desired.place_of(DISK)),
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
