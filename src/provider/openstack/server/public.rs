//! Which public IPv4 address a server has: a floating IP of its own, or a reserved IP in its place.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value as Json;

use crate::model::Attributes;
use crate::provider::openstack::client::{Service, WriteClient};
use crate::provider::openstack::floating;
use crate::provider::openstack::wire::nova::{MetadataRequest, Server};
use crate::provider::{Class, Error, Updated};
use crate::resource::server::{IPV4_ADDRESS, RESERVED_IP};

use super::view::View;
use super::{FLOATING, MARK, RESERVED, SERVERS, YES, give_floating};

/// Has a server do without a floating IP of its own, or get it again; whether it is so by now.
///
/// One that is to do without keeps it until the reserved IP comes. One that gets it again loses the
/// reserved IP first: there is room for one, and names that led to that are led on next.
pub(super) async fn change(
    client: WriteClient<'_>,
    server: &mut Server,
    attributes: &Attributes,
) -> Result<bool, Error> {
    let path = format!("{SERVERS}/{}/metadata", server.id);
    if attributes.get(RESERVED_IP) == Some(&Json::Bool(true)) {
        let body = MetadataRequest {
            metadata: BTreeMap::from([(RESERVED, YES)]),
        };
        client
            .ensure(Method::POST, Service::Compute, &path, &body)
            .await?;
        server.metadata.insert(RESERVED.to_owned(), YES.to_owned());
        return Ok(true);
    }
    let wants_one = server.metadata.contains_key(FLOATING);
    if server.metadata.contains_key(RESERVED) {
        if wants_one && let Some(lineage) = server.metadata.get(MARK) {
            floating::make_room(client, &server.id, lineage).await?;
        }
        let path = format!("{path}/{RESERVED}");
        client.delete(Service::Compute, &path).await?;
        server.metadata.remove(RESERVED);
    }
    if !wants_one {
        return Ok(true);
    }
    let view = View::of(client.0, std::slice::from_ref(server), false).await?;
    let state = give_floating(client, &view, server).await;
    match state {
        Ok(floating::State::There) => Ok(true),
        Err(error) if error.class == Class::Ambiguous => Err(error),
        // What keeps it from coming is told by whoever waits for it.
        _ => Ok(view.lacks_floating(server).is_none()),
    }
}

/// What a server has just become. Its own address counts no longer when it does without: later looks say
/// nothing of it, because it may get one again.
pub(super) fn told(updated: Updated) -> Updated {
    match updated {
        Updated::Done(mut server) => {
            let attributes = &mut server.attributes;
            let is_reserved = attributes.get(RESERVED_IP) == Some(&Json::Bool(true));
            if is_reserved && !attributes.contains_key(IPV4_ADDRESS) {
                attributes.insert(IPV4_ADDRESS.to_owned(), Json::Null);
            }
            Updated::Done(server)
        }
        other => other,
    }
}
