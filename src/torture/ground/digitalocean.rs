//! The simulated DigitalOcean.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::sandbox::{self, Kills, Sandbox};

use super::super::SETTLE;
use super::super::around::{self, Manner};
use super::super::cloud::{self, Before, Stage, zone_of};
use super::super::run::Trial;
use super::super::terms::{Routes, Terms};
use super::super::world::{Form, Key, Record, Server, Thing, World, Zone};
use super::{Site, ask, text};

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIHByYWN0aWNlLWtleS1ub2JvZHktaGFzLWl0LXRydWx5 torture@example.com";
/// The one region without IPv6.
const WITHOUT_IPV6: &str = "sgp1";
const IMAGES: [&str; 2] = ["debian-12-x64", "debian-13-x64"];
const SIZES: [&str; 3] = ["s-1vcpu-1gb", "s-1vcpu-2gb", "s-2vcpu-4gb"];

const VPCS: &str = "/v2/vpcs";
const FIREWALLS: &str = "/v2/firewalls";
const VOLUMES: &str = "/v2/volumes";
const RESERVED_IPS: &str = "/v2/reserved_ips";
const SNAPSHOTS: &str = "/v2/snapshots?resource_type=droplet";
const DROPLETS: &str = "/v2/droplets";
const DROPLET: &str = "/v2/droplets/{droplet_id}";
const ACTIONS: &str = "/v2/droplets/{droplet_id}/actions";
const KEYS: &str = "/v2/account/keys";
const A_KEY: &str = "/v2/account/keys/{ssh_key_identifier}";
const DOMAINS: &str = "/v2/domains";
const DOMAIN: &str = "/v2/domains/{domain_name}";
const RECORDS: &str = "/v2/domains/{domain_name}/records";
const RECORD: &str = "/v2/domains/{domain_name}/records/{domain_record_id}";

const ROUTES: Routes = Routes {
    make_server: ("POST", DROPLETS),
    see_server: ("GET", DROPLET),
    drop_server: ("DELETE", DROPLET),
    change_server: Some(("POST", ACTIONS)),
    make_key: ("POST", KEYS),
    see_key: ("GET", A_KEY),
    drop_key: ("DELETE", A_KEY),
    make_zone: ("POST", DOMAINS),
    drop_zone: ("DELETE", DOMAIN),
    make_record: ("POST", RECORDS),
    change_record: ("PUT", RECORD),
    drop_record: ("DELETE", RECORD),
    see_records: ("GET", RECORDS),
    look: &[
        ("GET", "/v2/account"),
        ("GET", DROPLETS),
        ("GET", DOMAINS),
        ("GET", "/v2/sizes"),
        ("GET", "/v2/regions"),
    ],
};

pub(super) fn terms() -> Terms {
    Terms {
        account: "default",
        zones: ["acme.com".to_owned(), "other.net".to_owned()],
        regions: ["nyc3", "fra1", WITHOUT_IPV6],
        without_ipv6: WITHOUT_IPV6,
        sizes: SIZES,
        images: IMAGES,
        prefix: String::new(),
        key: KEY.to_owned(),
        key_name: "torture@example.com".to_owned(),
        shares_account: false,
        shares_keys: true,
        most_servers: 12,
        most_strangers: 2,
        routes: ROUTES,
        simulated: true,
        has_values: true,
        has_surroundings: true,
        has_groups: false,
        has_backups: true,
        may_lack_tags: true,
        tempo: 0.01,
        settle: SETTLE,
        longest_run: Duration::from_secs(60),
    }
}

/// Starts one with a trial's troubles.
pub(super) async fn open(trial: &Trial, kills: Kills) -> Result<Account, String> {
    let troubles = &trial.troubles;
    let options = sandbox::Options {
        boot: troubles.boot,
        action: troubles.action,
        lag: troubles.lag,
        seed: trial.seed,
        without_ipv6: vec![WITHOUT_IPV6.to_owned()],
        without_scopes: troubles
            .tagless
            .then(|| "tag:create".to_owned())
            .into_iter()
            .collect(),
        faults: troubles.faults.clone(),
        kills: Some(kills),
        ..sandbox::Options::default()
    };
    let sandbox = sandbox::start(options).await.map_err(|e| e.to_string())?;
    Ok(Account(sandbox))
}

pub(super) struct Account(Sandbox);

impl Site for Account {
    fn cloud_json(&self, stage: &Stage) -> String {
        let servers: Map<String, Value> = stage
            .servers
            .iter()
            .map(|server| {
                let mut body = server.manner.keys();
                body.insert("region".to_owned(), server.region.into());
                body.insert("size".to_owned(), server.size.into());
                body.insert("image".to_owned(), server.image.into());
                body.insert("backups".to_owned(), server.backups.into());
                body.insert("names".to_owned(), json!(server.names));
                (server.name.clone(), body.into())
            })
            .collect();
        let mut zones: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let mut say = |name: &str, kind: &str, values: Value| {
            let zone = zones.entry(zone_of(name).to_owned()).or_default();
            let types = zone.entry(format!("{name}.")).or_insert(json!({}));
            types[kind] = values;
        };
        for ((name, kind), values) in &stage.values {
            say(name, kind, json!(values));
        }
        for (name, server) in &stage.around.told {
            let text = format!("${{server.{server}.private_ipv4}}");
            say(name, "TXT", json!([text]));
        }
        let mut sections = stage.around.sections();
        let servers = Value::Object(servers);
        let is_plain = |server: &cloud::Server| server.manner == Manner::default();
        let is_flat = stage.servers.iter().all(is_plain);
        let cloud = if is_flat && zones.is_empty() && sections.is_empty() {
            servers
        } else {
            let mut cloud = json!({"version": 2, "servers": servers, "records": zones});
            while let Some((section, things)) = sections.pop_first() {
                cloud[section] = things.into();
            }
            cloud
        };
        format!("{cloud:#}\n")
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DIGITALOCEAN_API_URL", self.0.url().to_owned()),
            ("DIGITALOCEAN_TOKEN", sandbox::TOKEN.to_owned()),
        ]
    }

    fn secrets(&self) -> Vec<String> {
        vec![sandbox::TOKEN.to_owned()]
    }

    fn struck(&self) -> Vec<u64> {
        self.0.struck()
    }

    fn furnish<'a>(&'a self, with: &'a [Before]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            for before in with {
                let (path, body) = request(before);
                ask(&self.0, "POST", &path, &body).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'_, Result<World, String>> {
        async move {
            self.0.reveal();
            let mut world = World::default();
            for droplet in self.list("/v2/droplets", "droplets").await? {
                world.servers.push(server(&droplet));
            }
            for key in self.list("/v2/account/keys", "ssh_keys").await? {
                world.keys.push(Key {
                    id: id(&key),
                    public_key: text(&key, "public_key"),
                });
            }
            for zone in self.list("/v2/domains", "domains").await? {
                let zone = text(&zone, "name");
                self.records(&zone, &mut world.records).await?;
                world.zones.push(Zone {
                    id: zone.clone(),
                    name: zone,
                });
            }
            self.surroundings(&mut world).await?;
            Ok(world)
        }
        .boxed()
    }
}

/// What a record says, as cloud.json has it: the API has a part of it in members of their own, and
/// leaves the last dot out.
fn data(record: &Value, kind: &str) -> String {
    let data = text(record, "data");
    let number = |key: &str| record.get(key).map(Value::to_string).unwrap_or_default();
    let (priority, flags) = (number("priority"), number("flags"));
    let whole = format!("{}.", data.trim_end_matches('.'));
    match kind {
        "MX" => format!("{priority} {whole}"),
        "SRV" => format!("{priority} {} {} {whole}", number("weight"), number("port")),
        "CAA" => format!("{flags} {} {data}", text(record, "tag")),
        "CNAME" | "NS" => whole,
        _ => data,
    }
}

impl Account {
    /// VPCs and firewalls, what is in them, and snapshots.
    async fn surroundings(&self, world: &mut World) -> Result<(), String> {
        for vpc in self.list(VPCS, "vpcs").await? {
            if vpc.get("default") == Some(&json!(true)) {
                continue;
            }
            let (id, name) = (text(&vpc, "id"), text(&vpc, "name"));
            for server in &mut world.servers {
                if server.vpc.as_ref() == Some(&id) {
                    server.vpc = Some(name.clone());
                }
            }
            let form = format!("{} {}", text(&vpc, "region"), text(&vpc, "description"));
            world.things.push(Thing {
                kind: around::VPC.name,
                id,
                name,
                form,
            });
        }
        for firewall in self.list(FIREWALLS, "firewalls").await? {
            let list = |object: &Value, key: &str| {
                let list = object.get(key).and_then(Value::as_array).cloned();
                list.unwrap_or_default()
            };
            let mut ports: Vec<String> = list(&firewall, "inbound_rules")
                .iter()
                .map(|rule| text(rule, "ports"))
                .collect();
            ports.sort_by_key(|ports| around::PORTS.iter().position(|port| port == ports));
            let tags = list(&firewall, "tags");
            let tags: Vec<&str> = tags.iter().filter_map(Value::as_str).collect();
            world.things.push(Thing {
                kind: around::FIREWALL.name,
                id: text(&firewall, "id"),
                name: text(&firewall, "name"),
                form: format!("{}: {}", tags.join(" "), ports.join(" ")),
            });
        }
        for volume in self.list(VOLUMES, "volumes").await? {
            let on = volume.pointer("/droplet_ids/0").map(Value::to_string);
            let mut servers = world.servers.iter();
            let on = servers.find(|server| Some(&server.id) == on.as_ref());
            let size = volume.get("size_gigabytes").and_then(Value::as_u64);
            let on = on.map(|server| server.name.as_str());
            world.things.push(Thing {
                kind: around::VOLUME.name,
                id: text(&volume, "id"),
                name: text(&volume, "name"),
                form: around::form_of_volume(size.unwrap_or_default(), on),
            });
        }
        for address in self.list(RESERVED_IPS, "reserved_ips").await? {
            let ip = text(&address, "ip");
            let on = address.pointer("/droplet/id").map(Value::to_string);
            let mut on_name = None;
            for server in &mut world.servers {
                // Its own is another.
                server.addresses.retain(|address| *address != ip);
                if Some(&server.id) == on.as_ref() {
                    server.reserved = Some(ip.clone());
                    on_name = Some(server.name.clone());
                }
            }
            world.things.push(Thing {
                kind: around::RESERVED_IP.name,
                id: ip,
                name: String::new(),
                form: around::form_of_reserved_ip(on_name.as_deref()),
            });
        }
        let names = world.things.iter().map(|thing| thing.name.clone());
        let names: Vec<String> = names.collect();
        for server in &mut world.servers {
            server.vpc = server.vpc.take().filter(|vpc| names.contains(vpc));
        }
        let snapshots = self.list(SNAPSHOTS, "snapshots").await?;
        world.snapshots = snapshots.iter().map(|one| text(one, "name")).collect();
        world.snapshots.sort_unstable();
        Ok(())
    }

    /// Those of a zone, but not what every zone has by itself.
    async fn records(&self, zone: &str, records: &mut Vec<Record>) -> Result<(), String> {
        let path = format!("/v2/domains/{zone}/records");
        for record in self.list(&path, "domain_records").await? {
            let name = match text(&record, "name").as_str() {
                "@" => zone.to_owned(),
                name => format!("{name}.{zone}"),
            };
            let kind = text(&record, "type");
            let is_by_itself = kind == "SOA" || kind == "NS" && name == zone;
            if !is_by_itself {
                records.push(Record {
                    id: id(&record),
                    name,
                    data: data(&record, &kind),
                    kind,
                });
            }
        }
        Ok(())
    }

    async fn list(&self, path: &str, key: &str) -> Result<Vec<Value>, String> {
        let mut all = Vec::new();
        for page in 1.. {
            let and = if path.contains('?') { '&' } else { '?' };
            let url = format!("{path}{and}per_page=200&page={page}");
            let answer = ask(&self.0, "GET", &url, &Value::Null).await?;
            let items = answer.get(key).and_then(Value::as_array);
            let items = items.map(Vec::as_slice).unwrap_or_default();
            all.extend_from_slice(items);
            if items.len() < 200 {
                break;
            }
        }
        Ok(all)
    }
}

/// What makes a stranger's thing: a path and a body to post.
fn request(before: &Before) -> (String, Value) {
    match before {
        Before::Zone(zone) => (DOMAINS.to_owned(), json!({"name": zone})),
        Before::Record {
            zone,
            name,
            kind,
            data,
        } => {
            let body = json!({"name": name, "type": kind, "data": data});
            (format!("/v2/domains/{zone}/records"), body)
        }
        Before::Server(name) => {
            let body =
                json!({"name": name, "region": "nyc3", "size": SIZES[0], "image": IMAGES[0]});
            (DROPLETS.to_owned(), body)
        }
        Before::Key(name) => {
            let body = json!({"name": name, "public_key": KEY});
            (KEYS.to_owned(), body)
        }
    }
}

fn server(droplet: &Value) -> Server {
    let networks = ["/networks/v4", "/networks/v6"]
        .iter()
        .filter_map(|version| droplet.pointer(version)?.as_array())
        .flatten();
    let is = |kind: &'static str| {
        move |network: &&Value| network.get("type").and_then(Value::as_str) == Some(kind)
    };
    let private = networks.clone().find(is("private"));
    let public = networks.filter(is("public"));
    let features = droplet
        .get("features")
        .and_then(Value::as_array)
        .into_iter();
    let tags = droplet.get("tags").and_then(Value::as_array);
    Server {
        id: id(droplet),
        name: text(droplet, "name"),
        tags: tags
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.as_str().map(ToOwned::to_owned))
            .collect(),
        addresses: public.map(|network| text(network, "ip_address")).collect(),
        private: private.map(|network| text(network, "ip_address")),
        // Those are looked up by themselves.
        reserved: None,
        // Its id, until that is looked up.
        vpc: Some(text(droplet, "vpc_uuid")),
        form: Some(Form {
            size: text(droplet, "size_slug"),
            image: droplet.get("image").map(|image| text(image, "slug")),
            backups: features.flatten().any(|feature| feature == "backups"),
            is_on: text(droplet, "status") != "off",
        }),
    }
}

fn id(object: &Value) -> String {
    object.get("id").map(Value::to_string).unwrap_or_default()
}
