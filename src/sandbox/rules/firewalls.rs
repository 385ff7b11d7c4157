//! Cloud firewalls: what may reach Droplets, and what these may reach. They go by tag or by id.

use super::{droplets, need};
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Firewall, FirewallRule, rfc3339};
use crate::sandbox::world::World;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// What stands for the other end of a rule, in this order.
const PEERS: [&str; 5] = [
    "addresses",
    "droplet_ids",
    "load_balancer_uids",
    "kubernetes_ids",
    "tags",
];

/// `began` if this is the answer to what began it: then it is on its way in any case.
fn view(world: &World, firewall: &Firewall, began: bool) -> Value {
    let covered = covered(world, firewall);
    let waiting = !covered.is_empty() && (began || world.now < firewall.due);
    let pending = covered
        .iter()
        .filter(|_| waiting)
        .map(|id| json!({ "droplet_id": id, "removing": false, "status": "waiting" }));
    let rules = |rules: &[FirewallRule], other: &str| -> Value {
        let views = rules.iter().map(
            |rule| json!({ "protocol": rule.protocol, "ports": rule.ports, other: rule.peers }),
        );
        views.collect()
    };
    json!({
        "id": firewall.id,
        "name": firewall.name,
        "status": if waiting || began { "waiting" } else { "succeeded" },
        "created_at": rfc3339(firewall.created),
        "pending_changes": pending.collect::<Value>(),
        "inbound_rules": rules(&firewall.inbound, "sources"),
        "outbound_rules": rules(&firewall.outbound, "destinations"),
        "droplet_ids": firewall.droplets,
        "tags": firewall.tags,
    })
}

/// The Droplets that it is for.
fn covered(world: &World, firewall: &Firewall) -> Vec<u64> {
    let tagged = firewall.tags.iter();
    let tagged = tagged.flat_map(|tag| world.droplets_tagged(tag));
    let mut ids: Vec<u64> = tagged.map(|droplet| droplet.id).collect();
    ids.extend(&firewall.droplets);
    ids.sort_unstable();
    ids.dedup();
    ids
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let views = world.firewalls.values();
    let views = views.map(|firewall| view(world, firewall, false));
    page(call, "firewalls", world.firewalls.len(), views)
}

pub(in crate::sandbox) fn of_droplet(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let id = droplets::find(world, call)?.id;
    let its = world.firewalls.values();
    let its = its.filter(|firewall| covered(world, firewall).contains(&id));
    let views: Vec<Value> = its.map(|firewall| view(world, firewall, false)).collect();
    page(call, "firewalls", views.len(), views.iter())
}

#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    inbound_rules: Option<Vec<AskedRule>>,
    outbound_rules: Option<Vec<AskedRule>>,
    droplet_ids: Option<Vec<u64>>,
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct AskedRule {
    protocol: Option<String>,
    ports: Option<String>,
    sources: Option<Map<String, Value>>,
    destinations: Option<Map<String, Value>>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Asked = call.json()?;
    let number = world.next_id();
    let beginning = Firewall {
        id: world.invented_uuid(&format!("firewall/{number}")),
        created: world.now,
        ..Firewall::default()
    };
    let firewall = checked(world, asked, beginning)?;
    world.write(Entry::Firewall(firewall.clone()));
    world.write(Entry::Counters(world.counters));
    Answer::object(202, "firewall", &view(world, &firewall, true))
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let firewall = find(world, call)?;
    Answer::object(200, "firewall", &view(world, firewall, false))
}

/// What is left out is reset.
pub(in crate::sandbox) fn replace(world: &mut World, call: &Call) -> Outcome {
    let before = find(world, call)?;
    let beginning = Firewall {
        id: before.id.clone(),
        created: before.created,
        ..Firewall::default()
    };
    let asked: Asked = call.json()?;
    let firewall = checked(world, asked, beginning)?;
    world.write(Entry::Firewall(firewall.clone()));
    Answer::object(200, "firewall", &view(world, &firewall, true))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = find(world, call)?.id.clone();
    world.write(Entry::FirewallGone(id));
    Ok(Answer::no_content())
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Firewall, Refusal> {
    let firewall = world.firewalls.get(call.param(0));
    firewall.ok_or_else(Refusal::not_found)
}

fn checked(world: &World, asked: Asked, firewall: Firewall) -> Result<Firewall, Refusal> {
    let name = asked.name.unwrap_or_default();
    let begins = name.bytes().next();
    let begins = begins.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if name.len() < 2 || !begins || !name.bytes().all(allowed) {
        return Err(Refusal::unprocessable("name is invalid"));
    }
    let mut others = world.firewalls.values();
    if others.any(|other| other.name == name && other.id != firewall.id) {
        // Seen: digitalocean/terraform-provider-digitalocean, "409 … duplicate name".
        return Err(Refusal::new(409, "duplicate name"));
    }
    let inbound = rules(world, asked.inbound_rules, |rule| rule.sources.take())?;
    let outbound = rules(world, asked.outbound_rules, |rule| rule.destinations.take())?;
    if inbound.is_empty() && outbound.is_empty() {
        return Err(Refusal::unprocessable(
            "must specify at least one inbound or outbound rule",
        ));
    }
    let droplets = asked.droplet_ids.unwrap_or_default();
    for id in &droplets {
        check_droplet(world, *id)?;
    }
    let tags = asked.tags.unwrap_or_default();
    for tag in &tags {
        check_tag(world, tag)?;
    }
    Ok(Firewall {
        name,
        inbound,
        outbound,
        droplets,
        tags,
        due: world.now + world.settings.action,
        ..firewall
    })
}

fn rules(
    world: &World,
    asked: Option<Vec<AskedRule>>,
    peers: fn(&mut AskedRule) -> Option<Map<String, Value>>,
) -> Result<Vec<FirewallRule>, Refusal> {
    let asked = asked.unwrap_or_default().into_iter();
    let rules = asked.map(|mut rule| {
        let peers = checked_peers(world, peers(&mut rule).unwrap_or_default())?;
        let protocol = rule.protocol.unwrap_or_default();
        let ports = rule.ports.unwrap_or_default();
        let ports = match protocol.as_str() {
            "icmp" => "0".to_owned(),
            "tcp" | "udp" if are_ports(&ports) => ports,
            "tcp" | "udp" => return Err(Refusal::unprocessable("ports are invalid")),
            _ => return Err(Refusal::unprocessable("protocol is invalid")),
        };
        Ok(FirewallRule {
            protocol,
            ports,
            peers,
        })
    });
    rules.collect()
}

/// A port, a range of them, or `0` for all.
fn are_ports(text: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    match text.split_once('-') {
        Some((from, to)) => port(from)
            .zip(port(to))
            .is_some_and(|(from, to)| from <= to),
        None => text == "0" || port(text).is_some(),
    }
}

fn checked_peers(world: &World, asked: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut peers = Map::new();
    for (key, value) in asked {
        let list = value.as_array().filter(|_| PEERS.contains(&key.as_str()));
        let Some(list) = list else {
            let message = format!("{key} is no source or destination");
            return Err(Refusal::unprocessable(message));
        };
        for one in list {
            match key.as_str() {
                "addresses" if is_range(one.as_str().unwrap_or_default()) => {}
                "tags" => check_tag(world, one.as_str().unwrap_or_default())?,
                "droplet_ids" => check_droplet(world, one.as_u64().unwrap_or_default())?,
                // There are none here.
                _ => {
                    let message = format!("{key} holds what is not there: {one}");
                    return Err(Refusal::unprocessable(message));
                }
            }
        }
        if !list.is_empty() {
            peers.insert(key, value);
        }
    }
    if peers.is_empty() {
        return Err(Refusal::unprocessable(
            "a rule must have at least one source or destination",
        ));
    }
    Ok(peers)
}

/// An address, or a range of them.
fn is_range(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// A firewall takes only tags that exist, spelt as they are.
fn check_tag(world: &World, tag: &str) -> Result<(), Refusal> {
    need(world, "tag:read")?;
    match world.tags.contains_key(tag) {
        true => Ok(()),
        false => Err(Refusal::unprocessable(format!("tag {tag} does not exist"))),
    }
}

fn check_droplet(world: &World, id: u64) -> Result<(), Refusal> {
    match world.droplets.contains_key(&id) {
        true => Ok(()),
        false => Err(Refusal::unprocessable(format!(
            "droplet {id} does not exist"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    fn body(name: &str) -> Value {
        json!({
            "name": name,
            "tags": ["web"],
            "inbound_rules": [{"protocol": "tcp", "ports": "22", "sources": {"addresses": ["::/0"]}}],
        })
    }

    fn tagged_world() -> World {
        let mut world = test_world();
        ask(&mut world, "POST", "/v2/tags", &json!({"name": "web"}));
        world
    }

    fn make(world: &mut World, body: &Value) -> Value {
        let (status, made) = ask(world, "POST", "/v2/firewalls", body);
        assert_eq!(status, 202, "{made}");
        made["firewall"].clone()
    }

    #[test]
    fn a_tag_must_be_there_before() {
        let mut world = test_world();
        let path = "/v2/firewalls";
        let (status, message) = refused(&mut world, "POST", path, &body("web"));
        assert_eq!((status, &*message), (422, "tag web does not exist"));
        ask(&mut world, "POST", "/v2/tags", &json!({"name": "web"}));
        make(&mut world, &body("web"));
        assert_eq!(refused(&mut world, "POST", path, &body("web")).0, 409);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut world = tagged_world();
        let rule = |protocol: &str, ports: &str, sources: Value| {
            let rule = json!({"protocol": protocol, "ports": ports, "sources": sources});
            json!({"name": "web", "inbound_rules": [rule]})
        };
        let all = json!({"addresses": ["0.0.0.0/0"]});
        for bad in [
            rule("gre", "1", all.clone()),
            rule("tcp", "", all.clone()),
            rule("tcp", "70000", all.clone()),
            rule("tcp", "9-8", all.clone()),
            rule("tcp", "22", json!({})),
            rule("tcp", "22", json!({"addresses": ["1.2.3/8"]})),
            rule("tcp", "22", json!({"addresses": ["1.2.3.4/33"]})),
            rule("tcp", "22", json!({"droplet_ids": [1]})),
            rule("tcp", "22", json!({"tags": ["Web"]})),
            json!({"name": "web"}),
            json!({"name": "-web", "inbound_rules": body("web")["inbound_rules"]}),
        ] {
            let (status, _) = refused(&mut world, "POST", "/v2/firewalls", &bad);
            assert_eq!(status, 422, "{bad}");
        }
        let icmp = make(&mut world, &rule("icmp", "", all));
        assert_eq!(icmp["inbound_rules"][0]["ports"], "0");
    }

    #[test]
    fn it_is_on_its_way_to_the_droplets_it_is_for() {
        let mut world = tagged_world();
        let droplet = json!({
            "name": "web", "region": "nyc3", "size": "1gb", "image": "debian-13-x64", "tags": ["web"],
        });
        let (_, made) = ask(&mut world, "POST", "/v2/droplets", &droplet);
        let id = made["droplet"]["id"].clone();
        let one = make(&mut world, &body("web"));
        assert_eq!(one["status"], "waiting");
        assert_eq!(one["pending_changes"][0]["droplet_id"], id);
        world.now += 1000;
        let path = format!("/v2/firewalls/{}", one["id"].as_str().unwrap());
        let shown = get(&mut world, &path)["firewall"].clone();
        assert_eq!(shown["status"], "succeeded");
        assert_eq!(shown["pending_changes"], json!([]));
        let its = get(&mut world, &format!("/v2/droplets/{id}/firewalls"));
        assert_eq!(its["meta"]["total"], 1);
    }

    #[test]
    fn put_resets_what_it_leaves_out() {
        let mut world = tagged_world();
        let one = make(&mut world, &body("web"));
        let path = format!("/v2/firewalls/{}", one["id"].as_str().unwrap());
        let mut less = body("web");
        less.as_object_mut().unwrap().remove("tags");
        let (status, put) = ask(&mut world, "PUT", &path, &less);
        assert_eq!((status, &put["firewall"]["tags"]), (200, &json!([])));
        assert_eq!(ask(&mut world, "DELETE", &path, &Value::Null).0, 204);
        assert_eq!(refused(&mut world, "GET", &path, &Value::Null).0, 404);
    }
}
