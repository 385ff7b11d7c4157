//! What stands around servers, and what they shall be treated like: VPCs and firewalls, texts that
//! refer to them, copies before they go. Drawn apart, so that all else is what it is without it.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::cloud::{Server, Stage};
use super::terms::{Route, Terms};

/// What a server is in, and how it shall be treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Manner {
    /// The VPC that it is in; none: that of its region.
    pub(super) vpc: Option<String>,
    /// The tags that it carries besides the mark; none: nothing is said of them.
    pub(super) tags: Option<BTreeSet<&'static str>>,
    /// The volume that is on it.
    pub(super) volume: Option<String>,
    /// The reserved IP that is on it, which its names lead to.
    pub(super) reserved_ip: Option<String>,
    /// Whether another image is put onto it where it is.
    pub(super) rebuild: bool,
    /// Whether a snapshot is taken before it goes.
    pub(super) snapshot: bool,
    /// Whether it is asked if it serves.
    pub(super) check: bool,
}

impl Manner {
    /// The keys of cloud.json that say so.
    pub(super) fn keys(&self) -> Map<String, Value> {
        let mut keys = Map::new();
        let mut say = |key: &str, value: Value| keys.insert(key.to_owned(), value);
        if let Some(vpc) = &self.vpc {
            say("vpc", vpc.as_str().into());
        }
        if let Some(volume) = &self.volume {
            say("volumes", json!([volume]));
        }
        if let Some(reserved_ip) = &self.reserved_ip {
            say("reserved_ip", reserved_ip.as_str().into());
        }
        if let Some(tags) = &self.tags {
            say("tags", json!(tags));
        }
        if self.rebuild {
            say("on_image_change", "rebuild".into());
        }
        if self.snapshot {
            say("on_destroy", "snapshot".into());
        }
        if self.check {
            say("check", json!({"tcp": 22}));
        }
        keys
    }
}

/// What stands around the servers of a stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Around {
    pub(super) things: Vec<Thing>,
    /// Names that say a server's private address in a TXT record: name, server.
    pub(super) told: BTreeMap<String, String>,
}

/// Something that is no server, zone, record or key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) kind: &'static Kind,
    pub(super) name: String,
    /// What cloud.json says of it.
    pub(super) body: Value,
    /// What can be seen of that, in words.
    pub(super) form: String,
}

/// A kind of them.
#[derive(Debug, PartialEq)]
pub(super) struct Kind {
    /// As addresses begin.
    pub(super) name: &'static str,
    /// Where cloud.json has them.
    pub(super) section: &'static str,
    pub(super) make: Route,
    pub(super) change: Route,
    /// What requests for one say of it.
    pub(super) said: Said,
    pub(super) drop: Route,
}

/// By what a request for something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// All of them name it.
    Name,
    /// What changes one does not name it, and is also a part of making one.
    NameAtFirst,
    /// None names it: it has no name there.
    Nothing,
}

pub(super) const VPC: Kind = Kind {
    name: "vpc",
    section: "vpcs",
    make: ("POST", "/v2/vpcs"),
    change: ("PATCH", "/v2/vpcs/{vpc_id}"),
    said: Said::Name,
    drop: ("DELETE", "/v2/vpcs/{vpc_id}"),
};

pub(super) const FIREWALL: Kind = Kind {
    name: "firewall",
    section: "firewalls",
    make: ("POST", "/v2/firewalls"),
    change: ("PUT", "/v2/firewalls/{firewall_id}"),
    said: Said::Name,
    drop: ("DELETE", "/v2/firewalls/{firewall_id}"),
};

pub(super) const VOLUME: Kind = Kind {
    name: "volume",
    section: "volumes",
    make: ("POST", "/v2/volumes"),
    change: ("POST", "/v2/volumes/{volume_id}/actions"),
    said: Said::Name,
    drop: ("DELETE", "/v2/volumes/{volume_id}"),
};

pub(super) const RESERVED_IP: Kind = Kind {
    name: "reserved_ip",
    section: "reserved_ips",
    make: ("POST", "/v2/reserved_ips"),
    change: ("POST", "/v2/reserved_ips/{reserved_ip}/actions"),
    said: Said::Nothing,
    drop: ("DELETE", "/v2/reserved_ips/{reserved_ip}"),
};

/// A firewall of OpenStack, which gets its rules one by one.
pub(super) const GROUP: Kind = Kind {
    name: "firewall",
    section: "firewalls",
    make: ("POST", "/v2.0/security-groups"),
    change: ("POST", "/v2.0/security-group-rules"),
    said: Said::NameAtFirst,
    drop: ("DELETE", "/v2.0/security-groups/{id}"),
};

/// A volume of OpenStack: one service makes it, and another attaches it.
const CINDERS: Kind = Kind {
    name: "volume",
    section: "volumes",
    make: ("POST", "/v3/{id}/volumes"),
    change: ("POST", "/v2.1/servers/{id}/os-volume_attachments"),
    said: Said::NameAtFirst,
    drop: ("DELETE", "/v3/{id}/volumes/{id}"),
};

/// What firewalls are for.
const TAGS: [&str; 2] = ["db", "web"];
/// What security groups let out.
pub(super) const GROUPS_LET_OUT: &str = "443";
/// What they let in.
pub(super) const PORTS: [&str; 4] = ["22", "80", "443", "8000-8010"];

impl Around {
    /// Those of a kind, as cloud.json has them, by section.
    pub(super) fn sections(&self) -> BTreeMap<&'static str, Map<String, Value>> {
        let mut sections: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for thing in &self.things {
            let section = sections.entry(thing.kind.section).or_default();
            section.insert(thing.name.clone(), thing.body.clone());
        }
        sections
    }

    /// The requests that make of what stood around before what stands around now.
    pub(super) fn requests(&self, before: &Self) -> Vec<(Route, &str)> {
        let mut requests = Vec::new();
        for thing in &self.things {
            let kind = thing.kind;
            let (at_first, later) = match kind.said {
                Said::Name => (&*thing.name, &*thing.name),
                Said::NameAtFirst => (&*thing.name, ""),
                Said::Nothing => ("", ""),
            };
            match before.get(thing) {
                None => {
                    requests.push((kind.make, at_first));
                    requests.extend((kind.said == Said::NameAtFirst).then_some((kind.change, "")));
                }
                Some(was) if was.form != thing.form => requests.push((kind.change, later)),
                Some(_) => {}
            }
        }
        requests
    }

    /// The requests that remove what stands around no longer.
    pub(super) fn removals(&self, before: &'_ Self) -> Vec<(Route, String)> {
        let gone = before.things.iter().filter(|was| self.get(was).is_none());
        gone.map(|was| match was.kind.said {
            Said::Nothing => (was.kind.drop, String::new()),
            Said::Name | Said::NameAtFirst => (was.kind.drop, was.name.clone()),
        })
        .collect()
    }

    /// The thing of the same kind and name.
    fn get(&self, like: &Thing) -> Option<&Thing> {
        let mut things = self.things.iter();
        things.find(|one| one.kind == like.kind && one.name == like.name)
    }
}

/// Surrounds the servers of a life.
pub(super) fn surround(rng: &mut Rng, stages: &mut [Stage], terms: &Terms) {
    if terms.has_groups {
        groups(rng, stages, terms);
    }
    let mut manners: BTreeMap<String, Manner> = BTreeMap::new();
    let mut nets: BTreeMap<&str, bool> = BTreeMap::new();
    let mut before: Option<(Around, BTreeMap<String, Manner>)> = None;
    let mut disks: Vec<Disk> = Vec::new();
    let mut addresses: Vec<Reserved> = Vec::new();
    for stage in stages.iter_mut().filter(|_| terms.has_surroundings) {
        // What goes was what it was.
        if let Some((around, manners)) = before.clone().filter(|_| stage.destroy) {
            stage.around = around;
            for server in &mut stage.servers {
                server.manner = manners.get(&server.name).cloned().unwrap_or_default();
            }
            continue;
        }
        for server in &mut stage.servers {
            let net = *nets
                .entry(server.region)
                .or_insert_with(|| rng.u8(0..3) == 0);
            let drawn = manner(rng, server, net);
            let manner = manners.entry(server.name.clone()).or_insert(drawn);
            manner.tags = Some(TAGS.into_iter().filter(|_| rng.bool()).collect());
            server.manner = manner.clone();
        }
        stage.around = around(rng, stage, terms);
        volumes(rng, stage, &mut disks, (&VOLUME, ""));
        reserved_ips(rng, stage, &mut addresses);
        for server in &stage.servers {
            manners.insert(server.name.clone(), server.manner.clone());
        }
        before = Some((stage.around.clone(), manners.clone()));
    }
}

/// A volume as it was at the end of a stage.
struct Disk {
    name: String,
    region: &'static str,
    size: u64,
    server: Option<String>,
}

/// Puts volumes onto servers that are never replaced, and has them grow, move, stay behind or go. They
/// are of this kind, and their names begin so.
fn volumes(
    rng: &mut Rng,
    stage: &mut Stage,
    disks: &mut Vec<Disk>,
    (kind, prefix): (&'static Kind, &str),
) {
    let is_first = disks.is_empty();
    // Of OpenStack's, none is made from something else later.
    let is_kept = |server: &Server| server.manner.rebuild || *kind == CINDERS;
    for server in &mut stage.servers {
        server.manner.volume = None;
        if is_first && is_kept(server) && rng.u8(0..3) == 0 {
            disks.push(Disk {
                name: format!("{prefix}disk-{}", server.name),
                region: server.region,
                size: rng.u64(1..=3) * 10,
                server: Some(server.name.clone()),
            });
        }
    }
    if !is_first {
        disks.retain(|_| rng.u8(0..5) > 0);
    }
    for disk in disks {
        if !is_first && rng.u8(0..4) == 0 {
            disk.size += 5;
        }
        let moves = !is_first && rng.u8(0..3) == 0;
        let may_have = |server: &&mut Server| {
            let is_its = Some(&server.name) == disk.server.as_ref();
            let is_free = is_kept(server) && server.manner.volume.is_none();
            is_free && server.region == disk.region && is_its != moves
        };
        let server = stage.servers.iter_mut().find(may_have);
        disk.server = server.map(|server| {
            server.manner.volume = Some(disk.name.clone());
            server.name.clone()
        });
        let body = match disk.region {
            "" => json!({"size_gb": disk.size}),
            region => json!({"region": region, "size_gb": disk.size}),
        };
        stage.around.things.push(Thing {
            kind,
            name: disk.name.clone(),
            body,
            form: form_of_volume(disk.size, disk.server.as_deref()),
        });
    }
}

/// A reserved IP as it was at the end of a stage.
struct Reserved {
    name: String,
    region: &'static str,
    server: Option<String>,
}

/// How many of them an account may have.
const MOST_RESERVED: usize = 3;

/// Puts addresses onto servers, and has them move to one that had none, stay behind or go.
fn reserved_ips(rng: &mut Rng, stage: &mut Stage, addresses: &mut Vec<Reserved>) {
    let is_first = addresses.is_empty();
    let had: BTreeSet<String> = addresses
        .iter()
        .filter_map(|one| one.server.clone())
        .collect();
    for server in &mut stage.servers {
        server.manner.reserved_ip = None;
        if is_first && addresses.len() < MOST_RESERVED && rng.u8(0..4) == 0 {
            addresses.push(Reserved {
                name: format!("ip-{}", server.name),
                region: server.region,
                server: Some(server.name.clone()),
            });
        }
    }
    if !is_first {
        addresses.retain(|_| rng.u8(0..5) > 0);
    }
    for address in addresses {
        let moves = !is_first && rng.u8(0..3) == 0;
        let may_have = |server: &&mut Server| {
            let is_its = Some(&server.name) == address.server.as_ref();
            let is_free = !had.contains(&server.name) && server.manner.reserved_ip.is_none();
            server.region == address.region && if moves { is_free } else { is_its }
        };
        let server = stage.servers.iter_mut().find(may_have);
        address.server = server.map(|server| {
            server.manner.reserved_ip = Some(address.name.clone());
            server.name.clone()
        });
        stage.around.things.push(Thing {
            kind: &RESERVED_IP,
            name: address.name.clone(),
            body: json!({}),
            form: form_of_reserved_ip(address.server.as_deref()),
        });
    }
}

/// In words: where it is.
pub(super) fn form_of_reserved_ip(server: Option<&str>) -> String {
    format!("on {}", server.unwrap_or("nobody"))
}

/// In words: how large it is, and where.
pub(super) fn form_of_volume(size: u64, server: Option<&str>) -> String {
    format!("{size} GB on {}", server.unwrap_or("nobody"))
}

/// Surrounds them with security groups and volumes alone.
fn groups(rng: &mut Rng, stages: &mut [Stage], terms: &Terms) {
    let mut manners: BTreeMap<String, Manner> = BTreeMap::new();
    let mut around = Around::default();
    let mut disks: Vec<Disk> = Vec::new();
    for stage in stages {
        for server in &mut stage.servers {
            if !stage.destroy {
                let manner = manners.entry(server.name.clone()).or_default();
                manner.tags = Some(TAGS.into_iter().filter(|_| rng.bool()).collect());
            }
            server.manner = manners.get(&server.name).cloned().unwrap_or_default();
        }
        if !stage.destroy {
            let there = TAGS.into_iter().filter(|_| rng.u8(0..3) > 0);
            let there: Vec<&str> = there.collect();
            around.things = there
                .into_iter()
                .map(|tag| {
                    // A project has room for a hundred rules.
                    let ports: Vec<&str> = PORTS.into_iter().filter(|_| rng.bool()).collect();
                    group(&terms.prefix, tag, &ports, &stage.servers)
                })
                .collect();
        }
        stage.around = around.clone();
        if !stage.destroy {
            volumes(rng, stage, &mut disks, (&CINDERS, &terms.prefix));
            around = stage.around.clone();
            for server in &stage.servers {
                manners.insert(server.name.clone(), server.manner.clone());
            }
        }
    }
}

fn manner(rng: &mut Rng, server: &Server, net: bool) -> Manner {
    let mut one_of = |many: u8| rng.u8(0..many) == 0;
    Manner {
        vpc: (net && one_of(2)).then(|| name_of_net(server.region)),
        tags: None,
        volume: None,
        reserved_ip: None,
        rebuild: one_of(2),
        snapshot: one_of(4),
        check: one_of(4),
    }
}

fn name_of_net(region: &str) -> String {
    format!("net-{region}")
}

fn around(rng: &mut Rng, stage: &Stage, terms: &Terms) -> Around {
    let mut things = Vec::new();
    let nets = stage.servers.iter();
    let nets: BTreeSet<&str> = nets
        .filter(|server| server.manner.vpc.is_some())
        .map(|server| server.region)
        .collect();
    for region in nets {
        let about = rng.choice(["one", "two"]).unwrap_or_default();
        things.push(vpc(region, about));
    }
    for tag in TAGS {
        if rng.u8(0..3) == 0 {
            let ports: Vec<&str> = PORTS.into_iter().filter(|_| rng.bool()).collect();
            things.push(firewall(tag, &ports));
        }
    }
    let mut told = BTreeMap::new();
    let [zone, _] = &terms.zones;
    if rng.bool()
        && let Some(server) = rng.choice(&stage.servers)
    {
        told.insert(format!("private.{zone}"), server.name.clone());
    }
    Around { things, told }
}

/// The VPC of a region.
pub(super) fn vpc(region: &str, about: &str) -> Thing {
    Thing {
        kind: &VPC,
        name: name_of_net(region),
        body: json!({"region": region, "description": about}),
        form: format!("{region} {about}"),
    }
}

/// A firewall that lets these ports in, which are in order.
pub(super) fn firewall(tag: &str, ports: &[&str]) -> Thing {
    let inbound = ports.iter();
    let inbound = inbound.map(|ports| json!({"tcp": ports, "from": ["anywhere"]}));
    Thing {
        kind: &FIREWALL,
        name: format!("{tag}-wall"),
        body: json!({"tags": [tag], "inbound": inbound.collect::<Vec<_>>()}),
        form: format!("{tag}: {}", ports.join(" ")),
    }
}

/// A security group that lets these ports in, which are in order, and one port out.
fn group(prefix: &str, tag: &str, ports: &[&str], servers: &[Server]) -> Thing {
    let inbound = ports.iter();
    let inbound = inbound.map(|ports| json!({"tcp": ports, "from": ["anywhere"]}));
    let inbound: Vec<Value> = inbound.collect();
    let outbound = json!([{"tcp": GROUPS_LET_OUT, "to": ["anywhere"]}]);
    let is_behind = |server: &&Server| {
        let tags = server.manner.tags.as_ref();
        tags.is_some_and(|tags| tags.contains(tag))
    };
    let behind = servers.iter().filter(is_behind);
    let mut behind: Vec<&str> = behind.map(|server| server.name.as_str()).collect();
    behind.sort_unstable();
    Thing {
        kind: &GROUP,
        name: format!("{prefix}{tag}-wall"),
        body: json!({"tags": [tag], "inbound": inbound, "outbound": outbound}),
        form: form_of_group(ports, &behind),
    }
}

/// In words: what comes in, and who is behind it.
pub(super) fn form_of_group(ports: &[&str], behind: &[&str]) -> String {
    format!("{} for {}", ports.join(" "), behind.join(" "))
}
