//! Snapshots of Droplets and of volumes. Nothing here takes or deletes one: `server/snapshot.rs` is what
//! a Droplet is asked for before it goes.

use std::sync::Arc;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::{Error, Listed, Scope};
use crate::resource::snapshot::{KIND, NAME, REGIONS, SIZE_GB, SOURCE, SOURCE_ID};
use crate::resource::{server, volume};

use super::SNAPSHOT_GB;
use super::client::ReadClient;
use super::wire::{AnySnapshot, AnySnapshots};

/// All of both; `resource_type` would choose (openapi.json, `snapshots_list`).
const SNAPSHOTS: &str = "/v2/snapshots";

/// All there are, for who asks what nobody looks after.
pub(super) async fn list(client: &ReadClient, scope: Scope<'_>) -> Result<Listed, Error> {
    if !scope.leftovers {
        return Ok(Listed::default());
    }
    let all = client.pages::<AnySnapshots, _>(SNAPSHOTS, from_wire);
    client.if_seen(KIND.name, all).await
}

/// `min_disk_size` is what a disk made from it needs. What is paid for is `size_gigabytes`
/// (openapi.json, `snapshots_base`).
pub(super) fn from_wire(snapshot: AnySnapshot) -> Observed {
    let source = match snapshot.resource_type.as_str() {
        "droplet" => server::KIND.name,
        "volume" => volume::KIND.name,
        other => other,
    };
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        attributes: Attributes::from([
            (NAME.to_owned(), snapshot.name.into()),
            (SOURCE.to_owned(), source.into()),
            (SOURCE_ID.to_owned(), snapshot.resource_id.into()),
            (REGIONS.to_owned(), snapshot.regions.into()),
            (SIZE_GB.to_owned(), snapshot.size_gigabytes.into()),
        ]),
        id: snapshot.id,
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: Some(SNAPSHOT_GB.times(snapshot.size_gigabytes)),
        created: snapshot.created_at.parse().ok(),
    }
}
