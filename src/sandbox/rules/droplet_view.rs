//! A Droplet as the API shows it, with its whole region, size and image.

use super::{backups, need, snapshots, volumes};
use crate::sandbox::address;
use crate::sandbox::catalog::{DiskInfo, Image, Region, Size};
use crate::sandbox::model::{Droplet, Status, rfc3339};
use crate::sandbox::world::World;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;

#[derive(Serialize)]
pub(super) struct View<'a> {
    id: u64,
    name: &'a str,
    memory: u64,
    vcpus: u64,
    disk: u64,
    disk_info: [DiskInfo; 1],
    locked: bool,
    status: Status,
    kernel: Option<()>,
    created_at: String,
    features: Vec<&'static str>,
    backup_ids: [u64; 0],
    next_backup_window: Option<backups::Window>,
    snapshot_ids: Vec<u64>,
    image: Cow<'a, Image>,
    volume_ids: Vec<&'a str>,
    size: Cow<'a, Size>,
    size_slug: &'a str,
    networks: Networks,
    region: Cow<'a, Region>,
    tags: &'a [String],
    vpc_uuid: &'a str,
}

#[derive(Default, Serialize)]
struct Networks {
    v4: Vec<Value>,
    v6: Vec<Value>,
}

pub(super) fn view<'a>(world: &'a World, droplet: &'a Droplet) -> View<'a> {
    View {
        id: droplet.id,
        name: &droplet.name,
        memory: droplet.memory,
        vcpus: droplet.vcpus,
        disk: droplet.disk,
        disk_info: [DiskInfo::local(droplet.disk)],
        locked: droplet.busy.is_some(),
        status: droplet.status,
        kernel: None,
        created_at: rfc3339(droplet.created),
        features: features(droplet),
        backup_ids: [],
        next_backup_window: droplet
            .backups
            .as_ref()
            .filter(|_| droplet.booted)
            .map(|policy| backups::next_window(policy, world.now)),
        snapshot_ids: snapshots::of(world, droplet.id)
            .map(|snapshot| snapshot.id)
            .collect(),
        image: image(world, droplet),
        volume_ids: volumes::of(world, droplet.id)
            .map(|volume| volume.id.as_str())
            .collect(),
        size: size(world, droplet),
        size_slug: &droplet.size,
        networks: networks(world, droplet),
        region: region(world, droplet),
        tags: need(world, "tag:read").map_or(&[], |()| &droplet.tags),
        vpc_uuid: &droplet.vpc,
    }
}

/// What is switched on; known from the moment of creation, unlike the addresses.
fn features(droplet: &Droplet) -> Vec<&'static str> {
    let mut features = Vec::new();
    let mut feature = |on: bool, name| {
        if on {
            features.push(name);
        }
    };
    feature(droplet.backups.is_some(), "backups");
    feature(droplet.monitoring, "monitoring");
    feature(droplet.agent, "droplet_agent");
    feature(droplet.v6.is_some(), "ipv6");
    feature(true, "private_networking");
    features
}

fn networks(world: &World, droplet: &Droplet) -> Networks {
    if !droplet.booted {
        return Networks::default();
    }
    let (network, prefix) = world
        .vpcs
        .get(&droplet.vpc)
        .map_or((droplet.private, 20), |vpc| (vpc.network, vpc.prefix));
    let (netmask, gateway) = address::private_network(network, prefix);
    // The private one first: the order is not promised, and a client must not rely on it.
    let mut v4 = vec![serde_json::json!({
        "ip_address": droplet.private,
        "netmask": netmask,
        "gateway": gateway,
        "type": "private",
    })];
    // Its own before a reserved one (digitalocean/godo#343).
    let reserved = world.reserved_ip_of(droplet.id).map(|address| address.ip);
    for public in droplet.public.into_iter().chain(reserved) {
        let (netmask, gateway) = address::public_network(public);
        v4.push(serde_json::json!({
            "ip_address": public,
            "netmask": netmask,
            "gateway": gateway,
            "type": "public",
        }));
    }
    let v6 = droplet.v6.map(|v6| {
        serde_json::json!({
            "ip_address": v6,
            "netmask": 64,
            "gateway": address::v6_gateway(v6),
            "type": "public",
        })
    });
    Networks {
        v4,
        v6: v6.into_iter().collect(),
    }
}

pub(super) fn region<'a>(world: &'a World, droplet: &Droplet) -> Cow<'a, Region> {
    region_of(world, &droplet.region)
}

/// The catalog's region; for one that a saved world knows and the catalog no longer does, a shell.
pub(super) fn region_of<'a>(world: &'a World, slug: &str) -> Cow<'a, Region> {
    world.catalog.region(slug).map_or_else(
        || {
            Cow::Owned(Region {
                name: slug.to_owned(),
                slug: slug.to_owned(),
                features: Vec::new(),
                available: false,
                sizes: Vec::new(),
            })
        },
        Cow::Borrowed,
    )
}

fn size<'a>(world: &'a World, droplet: &Droplet) -> Cow<'a, Size> {
    world.catalog.size(&droplet.size).map_or_else(
        || {
            Cow::Owned(Size {
                slug: droplet.size.clone(),
                memory: droplet.memory,
                vcpus: droplet.vcpus,
                disk: droplet.disk,
                transfer: 0.0,
                price_monthly: 0.0,
                price_hourly: 0.0,
                regions: Vec::new(),
                available: false,
                description: String::new(),
                disk_info: vec![DiskInfo::local(droplet.disk)],
                gpu_info: None,
                sandbox_only: false,
            })
        },
        Cow::Borrowed,
    )
}

/// The image it runs. One that was withdrawn has no slug any more, as in life.
fn image<'a>(world: &'a World, droplet: &Droplet) -> Cow<'a, Image> {
    world.catalog.image(droplet.image).map_or_else(
        || {
            Cow::Owned(Image {
                id: droplet.image,
                name: "retired".into(),
                distribution: "Unknown".into(),
                slug: None,
                public: false,
                regions: Vec::new(),
                created_at: rfc3339(0),
                min_disk_size: 0,
                kind: "base",
                size_gigabytes: 0.0,
                description: String::new(),
                tags: Vec::new(),
                status: "retired",
                error_message: "",
                application: false,
                sandbox_only: false,
            })
        },
        Cow::Borrowed,
    )
}
