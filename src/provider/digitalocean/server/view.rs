//! A Droplet as a server.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::model::{Attributes, Money, Observed, Readiness};
use crate::resource::server::{
    BACKUPS, DAILY_BACKUPS_PERCENT, DISK_GB, DISK_OFFERED_GB, ID, IMAGE, IPV4_ADDRESS, IPV6,
    IPV6_ADDRESS, KIND, LOCKED, MADE_FROM, MONITORING, NAME, NETWORKS, OFF, ON, POWER,
    PRIVATE_IPV4, REGION, SIZE, TAGS, VPC, private_ipv4,
};

use super::super::wire::{Droplet, NetworkV4, NetworkV6};
use super::{mark_of, tags};

pub(in super::super) fn from_wire(droplet: Droplet) -> Observed {
    let has = |feature: &str| droplet.features.iter().any(|name| name == feature);
    let (backups, ipv6) = (has("backups"), has("ipv6"));
    let ipv4_address = droplet
        .networks
        .v4
        .iter()
        .find_map(|network| public(&network.scope, &network.ip_address));
    let ipv6_address = droplet
        .networks
        .v6
        .iter()
        .find_map(|network| public(&network.scope, &network.ip_address));
    let readiness = readiness(
        &droplet,
        ipv4_address.is_some(),
        !ipv6 || ipv6_address.is_some(),
    );

    let mut attributes = Attributes::from([
        (ID.to_owned(), droplet.id.to_string().into()),
        (NAME.to_owned(), droplet.name.into()),
        (REGION.to_owned(), droplet.region.slug.into()),
        (SIZE.to_owned(), droplet.size_slug.into()),
        (BACKUPS.to_owned(), backups.into()),
        (IPV6.to_owned(), ipv6.into()),
        (POWER.to_owned(), power(&droplet.status).into()),
        (TAGS.to_owned(), tags::of_people(&droplet.tags)),
    ]);
    if let Some(vpc) = droplet.vpc_uuid {
        attributes.insert(VPC.to_owned(), vpc.into());
    }
    if has("monitoring") {
        attributes.insert(MONITORING.to_owned(), true.into());
    }
    if droplet.locked {
        attributes.insert(LOCKED.to_owned(), true.into());
    }
    if let Some(disk) = droplet.disk {
        attributes.insert(DISK_GB.to_owned(), disk.into());
        // Section 3 of the API's notes: they differ after a resize without the disk.
        let offered = droplet.size.as_ref().and_then(|size| size.disk);
        if let Some(offered) = offered.filter(|offered| *offered > disk) {
            attributes.insert(DISK_OFFERED_GB.to_owned(), offered.into());
        }
    }
    // Private images have no slug, and those that were withdrawn none any more.
    if let Some(image) = droplet.image {
        let slug = image.slug.map(|slug| (IMAGE.to_owned(), slug.into()));
        let id = image
            .id
            .map(|id| (MADE_FROM.to_owned(), id.to_string().into()));
        attributes.extend(slug.into_iter().chain(id));
    }
    if readiness == Readiness::Ready {
        let networks = networks(&droplet.networks.v4, &droplet.networks.v6);
        attributes.insert(PRIVATE_IPV4.to_owned(), private_ipv4(&networks));
        attributes.insert(NETWORKS.to_owned(), networks);
    }
    if let Some(address) = ipv4_address {
        attributes.insert(IPV4_ADDRESS.to_owned(), address.into());
    }
    match ipv6_address {
        Some(address) => attributes.insert(IPV6_ADDRESS.to_owned(), address.into()),
        // The feature says whether there will be an address; without it there is none.
        None if !ipv6 => attributes.insert(IPV6_ADDRESS.to_owned(), Json::Null),
        None => None,
    };
    let price = droplet
        .size
        .and_then(|size| size.price_monthly)
        .map(Money::from_dollars);
    let on_top = if backups { DAILY_BACKUPS_PERCENT } else { 0 };
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: droplet.id.to_string(),
        attributes,
        owners: droplet.tags.iter().filter_map(|tag| mark_of(tag)).collect(),
        readiness,
        monthly: price.map(|price| price + price.percent(on_top)),
        // One in a form that nobody knows says as little as none.
        created: droplet.created_at.and_then(|at| at.parse().ok()),
    }
}

/// A public address in its one canonical spelling. The order of `networks` is not promised, and
/// IPv6 may come in upper case.
fn public(scope: &str, address: &str) -> Option<String> {
    let address: IpAddr = address.parse().ok()?;
    (scope == "public" && !address.is_unspecified()).then(|| address.to_string())
}

/// Addresses appear some time after the status is `active`.
fn readiness(droplet: &Droplet, has_ipv4: bool, ipv6_settled: bool) -> Readiness {
    if droplet.status == "new" {
        Readiness::Pending("it boots".to_owned())
    } else if !has_ipv4 {
        Readiness::Pending("it has no public IPv4 yet".to_owned())
    } else if !ipv6_settled {
        Readiness::Pending("it has no public IPv6 yet".to_owned())
    } else {
        Readiness::Ready
    }
}

/// The addresses as cloud.json holds them, public ones first so that the order never changes by
/// itself.
fn networks(v4: &[NetworkV4], v6: &[NetworkV6]) -> Json {
    // It has one public address of its own, which comes before a reserved one that is on it
    // (digitalocean/godo#343): that is no address of the server's.
    let own = v4.iter().position(|network| network.scope == "public");
    let listed = v4.iter().enumerate();
    let listed = listed.filter(|(at, network)| network.scope != "public" || own == Some(*at));
    let mut v4: Vec<&NetworkV4> = listed.map(|(_, network)| network).collect();
    v4.sort_by_key(|network| (network.scope != "public", &network.ip_address));
    let v4 = v4.into_iter().map(|network| {
        json!({
            "ip_address": network.ip_address,
            "netmask": network.netmask,
            "gateway": network.gateway,
            "type": network.scope,
        })
    });
    let v6 = v6.iter().map(|network| {
        let address = public("public", &network.ip_address);
        json!({
            "ip_address": address.unwrap_or_else(|| network.ip_address.clone()),
            "netmask": network.netmask,
            "gateway": network.gateway,
            "type": network.scope,
        })
    });
    json!({ "v4": v4.collect::<Vec<_>>(), "v6": v6.collect::<Vec<_>>() })
}

/// While it is made it counts as on: it will be.
fn power(status: &str) -> &'static str {
    if status == "off" { OFF } else { ON }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_slug_and_by_its_id() {
        let slug = "debian-13-x64";
        for (image, told) in [
            (json!({"id": 7, "slug": slug}), (Some(slug), Some("7"))),
            (json!({"id": 7, "slug": null}), (None, Some("7"))),
            (json!({}), (None, None)),
            (Json::Null, (None, None)),
        ] {
            let droplet = json!({
                "id": 1, "name": "web", "status": "active", "region": {"slug": "nyc3"},
                "size_slug": "s-1vcpu-1gb", "image": image,
            });
            let server = from_wire(serde_json::from_value(droplet).unwrap());
            assert_eq!(
                (server.text(IMAGE), server.text(MADE_FROM)),
                told,
                "{image}"
            );
        }
    }
}
