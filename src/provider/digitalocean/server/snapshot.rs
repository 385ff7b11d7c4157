//! Snapshots of Droplets, of which one is taken before a Droplet is deleted. They have names that
//! tell whose they are, so that one whose answer was lost is found again.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use crate::model::Observed;
use crate::provider::{Error, Target};
use crate::resource::server::{LOCKED, SNAPSHOT};

use super::super::client::ReadClient;
use super::super::wire::Snapshots;
use super::DROPLETS;

/// The action that takes one.
pub(super) const TAKE: &str = "snapshot";
/// One that is older was taken for another reason, or of what has changed since.
const FRESH: SignedDuration = SignedDuration::from_hours(6);

/// Tells of those that were looked at which snapshot there is, if it is taken or asked about.
pub(super) async fn of_seen(
    client: &ReadClient,
    targets: &[Target<'_>],
    seen: &mut [Observed],
) -> Result<(), Error> {
    let asked = targets.iter();
    let asked = asked.filter(|target| target.attributes.contains_key(SNAPSHOT));
    let asked: HashSet<&str> = asked.map(|target| target.id).collect();
    for server in seen {
        let change = client.changes().on(&server.id);
        let is_taken = change.is_some_and(|change| change.kind == TAKE);
        let matters = is_taken || asked.contains(server.id.as_str());
        if matters && !server.attributes.contains_key(LOCKED) {
            of_one(client, server).await?;
        }
    }
    Ok(())
}

/// The same of one.
pub(super) async fn of_one(client: &ReadClient, server: &mut Observed) -> Result<(), Error> {
    let path = format!("{DROPLETS}/{}/snapshots", server.id);
    let ending = format!("-{}", server.id);
    let now = client.clock();
    let its = |name: &str, created: &str| name.ends_with(&ending) && is_fresh(created, now);
    let snapshots = client.pages::<Snapshots, _>(&path, |snapshot| {
        its(&snapshot.name, &snapshot.created_at).then_some(snapshot.name)
    });
    if let Some(name) = snapshots.await?.into_iter().flatten().next() {
        server.attributes.insert(SNAPSHOT.to_owned(), name.into());
    }
    Ok(())
}

fn is_fresh(created: &str, now: Option<Timestamp>) -> bool {
    let created: Option<Timestamp> = created.parse().ok();
    created
        .zip(now)
        .is_none_or(|(created, now)| now.duration_since(created) < FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hours_old_was_not_taken_for_this() {
        let now = "2026-07-28T16:47:44Z".parse().ok();
        assert!(is_fresh("2026-07-28T16:40:00Z", now));
        assert!(!is_fresh("2026-07-28T10:40:00Z", now));
        assert!(!is_fresh("2025-07-28T16:47:44Z", now));
        // By a clock that is ahead.
        assert!(is_fresh("2026-07-28T16:48:00Z", now));
    }
}
