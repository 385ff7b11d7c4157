//! Snapshots of Droplets, of which one is taken before a Droplet is deleted. Only one that this client
//! has asked for counts: any other holds what was on the disk at another time, whatever it is called.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Attributes, Observed};
use crate::provider::adapter::text;
use crate::provider::{Error, Target};
use crate::resource::server::{LOCKED, SNAPSHOT};

use super::super::client::ReadClient;
use super::super::wire::Snapshots;
use super::DROPLETS;

/// The action that takes one.
pub(super) const TAKE: &str = "snapshot";
/// Times are told in whole seconds, and by more than one machine.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Tells of those that were looked at which snapshot there is, if this client has asked for one.
pub(super) async fn of_seen(
    client: &ReadClient,
    targets: &[Target<'_>],
    seen: &mut [Observed],
) -> Result<(), Error> {
    let asked: HashMap<&str, &Attributes> = targets
        .iter()
        .map(|target| (target.id, target.attributes))
        .collect();
    for server in seen {
        let wanted = asked.get(server.id.as_str()).and_then(|all| wanted(all));
        if let Some(wanted) = wanted
            && !server.attributes.contains_key(LOCKED)
        {
            of_one(client, server, wanted).await?;
        }
    }
    Ok(())
}

/// The name that is asked for.
pub(super) fn wanted(attributes: &Attributes) -> Option<&str> {
    text(attributes, SNAPSHOT)
}

/// The same of one.
pub(super) async fn of_one(
    client: &ReadClient,
    server: &mut Observed,
    wanted: &str,
) -> Result<(), Error> {
    let since = client.changes().snapshot_since(&server.id);
    let Some(since) = since else {
        return Ok(());
    };
    let path = format!("{DROPLETS}/{}/snapshots", server.id);
    let snapshots = client.pages::<Snapshots, _>(&path, |snapshot| {
        snapshot.name == wanted && is_since(&snapshot.created_at, since)
    });
    if snapshots.await?.contains(&true) {
        server.attributes.insert(SNAPSHOT.to_owned(), wanted.into());
    }
    Ok(())
}

fn is_since(created: &str, since: Timestamp) -> bool {
    let created: Option<Timestamp> = created.parse().ok();
    created.is_some_and(|created| created.duration_since(since) >= -SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_was_not_taken_for_this() {
        let since: Timestamp = "2026-07-28T16:47:44Z".parse().unwrap();
        assert!(is_since("2026-07-28T16:47:43Z", since));
        assert!(is_since("2026-07-28T16:50:00Z", since));
        assert!(!is_since("2026-07-28T16:46:40Z", since));
        assert!(!is_since("yesterday", since));
    }
}
