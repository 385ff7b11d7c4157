//! Which requests a listing takes. An account may hold much more than a deployment: then what
//! matters is asked for by mark and by name, and the rest is only counted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::model::{Address, Desired, Observed, Recorded};
use crate::provider::scope::zone_of;
use crate::provider::{Class, Error, Listed, Scope};
use crate::resource::{record, server as kind};

use super::client::{PER_PAGE, ReadClient};
use super::record as zone;
use super::server::{self, DROPLETS};
use super::wire::{Droplets, Page as _, Records};

/// How many lists by name are asked for at the same time.
const AT_ONCE: usize = 8;

/// The servers of the account, or those that matter to `scope` where that takes fewer requests.
pub(super) async fn servers(client: &ReadClient, scope: Scope<'_>) -> Result<Listed, Error> {
    if scope.whole {
        return Ok(server::list(client, DROPLETS.to_owned()).await?.into());
    }
    let (first, total) = match client.total_of(DROPLETS) {
        Some(total) => (None, total),
        None => {
            let first: Droplets = client.first_page(DROPLETS).await?;
            let total = first.total();
            (Some(first), total)
        }
    };
    let further = total
        .div_ceil(PER_PAGE)
        .saturating_sub(u64::from(first.is_some()));
    let all = async || match first {
        Some(first) => server::list_on(client, DROPLETS, first).await,
        None => server::list(client, DROPLETS.to_owned()).await,
    };
    let recorded: Vec<&Recorded> = scope.recorded_of(kind::KIND.name).collect();
    let names = unrecorded_names(scope.desired, &recorded);
    let marked = scope.mark.map_or(0, |_| pages(recorded.len()).max(1));
    if further <= marked + names.len() as u64 {
        return Ok(all().await?.into());
    }
    let by_mark = scope.mark.map(server::marked);
    let by_name = names.iter().map(|name| server::named(name));
    let lists = by_mark.into_iter().chain(by_name);
    let lists = lists.map(|path| server::list(client, path)).collect();
    let mut found: Vec<Observed> = match each(lists).await {
        // The token may not even read tags.
        Err(error) if error.status == Some(403) => return Ok(all().await?.into()),
        found => found?,
    };
    let mut ids = HashSet::new();
    // One that carries our mark may have a name that was asked for, too.
    found.retain(|server| ids.insert(server.id.clone()));
    let missed = recorded
        .iter()
        .filter(|recorded| !ids.contains(&recorded.id));
    // Somebody took the mark off, or the token could not put it on: each would be asked for singly.
    if further <= missed.count() as u64 {
        return Ok(all().await?.into());
    }
    let left_out = total.saturating_sub(found.len() as u64);
    Ok(Listed { found, left_out })
}

/// The names that somebody else's server may have as well, in one case.
fn unrecorded_names(desired: &[&Desired], recorded: &[&Recorded]) -> BTreeSet<String> {
    let recorded: HashSet<&Address> = recorded.iter().map(|recorded| &recorded.address).collect();
    let unrecorded = desired
        .iter()
        .filter(|desired| !recorded.contains(&desired.address));
    let names = unrecorded.filter_map(|desired| desired.text(kind::NAME));
    names.map(str::to_ascii_lowercase).collect()
}

/// The records of the zones that hold, or shall hold, records of ours: all of a zone, or those
/// with names of ours where that takes fewer requests.
pub(super) async fn records(client: &ReadClient, scope: Scope<'_>) -> Result<Listed, Error> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let desired = scope.desired.iter();
    let desired =
        desired.filter_map(|desired| Some((zone_of(desired)?, desired.text(record::NAME)?)));
    let recorded = scope.recorded_of(record::KIND.name);
    let recorded = recorded
        .filter_map(|record| Some((record.text(record::ZONE)?, record.text(record::NAME)?)));
    for (zone, name) in desired.chain(recorded) {
        names.entry(zone).or_default().insert(name);
    }
    for zone in scope.whole_zones() {
        names.entry(zone).or_default();
    }
    let zones = names.iter().map(|(zone, names)| {
        let whole = scope.whole || scope.entire.contains(zone);
        in_zone(client, zone, names, whole)
    });
    let mut all = Listed::default();
    for listed in each(zones.collect()).await? {
        all.found.extend(listed.found);
        all.left_out += listed.left_out;
    }
    Ok(all)
}

async fn in_zone(
    client: &ReadClient,
    zone: &str,
    names: &BTreeSet<&str>,
    whole: bool,
) -> Result<Vec<Listed>, Error> {
    let path = zone::collection(zone);
    let first: Records = match client.first_page(&path).await {
        // A zone that is yet to be made, or that is gone with all it held.
        Err(error) if error.class == Class::NotFound => return Ok(Vec::new()),
        first => first?,
    };
    let total = first.total();
    let further = total.div_ceil(PER_PAGE).saturating_sub(1);
    if whole || further <= names.len() as u64 {
        let kept = |record| zone::from_wire(zone, record);
        let found = client.further_pages(&path, first, kept).await?;
        return Ok(vec![found.into()]);
    }
    drop(first);
    // The filter wants the whole name: a relative one finds nothing.
    let by_name = names
        .iter()
        .map(|name| zone::list_named(client, zone, name));
    let found = each(by_name.collect()).await?;
    let left_out = total.saturating_sub(found.len() as u64);
    Ok(vec![Listed { found, left_out }])
}

fn pages(items: usize) -> u64 {
    (items as u64).div_ceil(PER_PAGE)
}

/// Everything in several lists, of which a few are asked for at a time.
async fn each<T, F>(lists: Vec<F>) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<Vec<T>, Error>>,
{
    stream::iter(lists).buffered(AT_ONCE).try_concat().await
}
