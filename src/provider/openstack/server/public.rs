//! Which public IPv4 address a server has: a floating IP of its own, or a reserved IP in its place.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value as Json;

use crate::model::Attributes;
use crate::provider::openstack::client::{Service, WriteClient};
use crate::provider::openstack::floating;
use crate::provider::openstack::placement::{self, Settings};
use crate::provider::openstack::wire::nova::{MetadataRequest, Server};
use crate::provider::{Class, Error};
use crate::resource::server::{RESERVED_IP, SETTINGS};

use super::view::View;
use super::{FLOATING, MARK, RESERVED, SERVERS, YES, give_floating, refused};

/// Has a server do without a floating IP of its own, or get it again if its settings ask for one;
/// whether it is so by now.
///
/// One that is to do without keeps it until the reserved IP comes. One that gets it again loses the
/// reserved IP first: there is room for one, and names that led to that are led on next.
pub(super) async fn change(
    client: WriteClient<'_>,
    server: &mut Server,
    attributes: &Attributes,
) -> Result<bool, Error> {
    if attributes.get(RESERVED_IP) == Some(&Json::Bool(true)) {
        if !server.metadata.contains_key(RESERVED) {
            // Nothing on it tells of one that was taken over that it is the reserved one; the plan
            // was made for a server that has no other.
            let taken_over = floating::only_unmarked(client.0, &server.id).await?;
            let value = taken_over.as_ref().map_or(YES, |floating| &floating.id);
            note(client, server, RESERVED, value).await?;
        }
        return Ok(true);
    }
    let settings = Settings::of(attributes.get(SETTINGS))?;
    let Some(named) = settings.floating_ip_from else {
        for key in [RESERVED, FLOATING] {
            forget(client, server, key).await?;
        }
        return Ok(true);
    };
    let pool = placement::pool(client.0, Some(&named)).await?;
    let pool = pool.map_err(|trouble| refused(format!("{}: {}", trouble.what, trouble.hint)))?;
    if server.metadata.contains_key(RESERVED) {
        note(client, server, FLOATING, &pool.id).await?;
        if let Some(lineage) = server.metadata.get(MARK) {
            let known = server.metadata.get(RESERVED).map(String::as_str);
            floating::make_room(client, &server.id, lineage, known).await?;
        }
        forget(client, server, RESERVED).await?;
    }
    let view = View::of(client.0, std::slice::from_ref(server), false).await?;
    match give_floating(client, &view, server).await {
        Ok(floating::State::There) => Ok(true),
        Err(error) if error.class == Class::Ambiguous => Err(error),
        // What keeps it from coming is told by whoever waits for it.
        _ => Ok(view.lacks_floating(server).is_none()),
    }
}

/// Notes at a server that the floating IP with this id, which nobody marked, is to be its reserved
/// IP: who takes that off it knows it by this.
pub(in super::super) async fn expect(
    client: WriteClient<'_>,
    server: &str,
    floating_ip: &str,
) -> Result<(), Error> {
    put(client, server, RESERVED, floating_ip).await
}

async fn note(
    client: WriteClient<'_>,
    server: &mut Server,
    key: &'static str,
    value: &str,
) -> Result<(), Error> {
    if server.metadata.get(key).is_some_and(|is| is == value) {
        return Ok(());
    }
    put(client, &server.id, key, value).await?;
    server.metadata.insert(key.to_owned(), value.to_owned());
    Ok(())
}

async fn put(
    client: WriteClient<'_>,
    server: &str,
    key: &'static str,
    value: &str,
) -> Result<(), Error> {
    let path = format!("{SERVERS}/{server}/metadata");
    let body = MetadataRequest {
        metadata: BTreeMap::from([(key, value)]),
    };
    client
        .ensure(Method::POST, Service::Compute, &path, &body)
        .await
}

async fn forget(
    client: WriteClient<'_>,
    server: &mut Server,
    key: &'static str,
) -> Result<(), Error> {
    if server.metadata.remove(key).is_some() {
        let path = format!("{SERVERS}/{}/metadata/{key}", server.id);
        client.delete(Service::Compute, &path).await?;
    }
    Ok(())
}
