//! Reserved IPs: addresses that a Droplet has besides its own, and that stay when it goes.
//!
//! What the API description does not say is as strict here as any client may find it: an address
//! that is on a Droplet is not deleted (the official provider for Terraform takes it off first), and
//! a Droplet has one at most, of its own region.

use super::account::RESERVED_IP_LIMIT;
use super::actions::{self, begin_with};
use super::droplet_view::{self, region_of};
use super::droplets::check_unlocked;
use crate::sandbox::address;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Action, Droplet, Effect, Entry, ReservedIp};
use crate::sandbox::world::World;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

fn view(world: &World, address: &ReservedIp) -> Value {
    let droplet = address.droplet.and_then(|id| world.droplets.get(&id));
    json!({
        "ip": address.ip,
        "region": region_of(world, &address.region),
        "droplet": droplet.map(|droplet| droplet_view::view(world, droplet)),
        "locked": address.busy.is_some(),
    })
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let seen = world.reserved_ips.values();
    let seen: Vec<&ReservedIp> = seen.filter(|address| world.shows(address.id)).collect();
    let views = seen.iter().map(|address| view(world, address));
    page(call, "reserved_ips", seen.len(), views)
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let address = find(world, call)?;
    Answer::object(200, "reserved_ip", &view(world, address))
}

#[derive(Deserialize)]
struct Asked {
    droplet_id: Option<u64>,
    region: Option<String>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Asked = call.json()?;
    let droplet = match (asked.droplet_id, &asked.region) {
        (Some(id), None) => Some(free_droplet(world, Some(id))?),
        (None, Some(_)) => None,
        _ => {
            return Err(Refusal::unprocessable(
                "Either droplet_id or region is required.",
            ));
        }
    };
    let region = match &droplet {
        Some(droplet) => droplet.region.clone(),
        None => asked.region.unwrap_or_default(),
    };
    if !world
        .catalog
        .region(&region)
        .is_some_and(|known| known.available)
    {
        return Err(Refusal::unprocessable("The region is not valid."));
    }
    if world.reserved_ips.len() >= RESERVED_IP_LIMIT {
        return Err(Refusal::unprocessable(
            "You have reached the limit of reserved IPs for this account.",
        ));
    }
    let ip = address::next_public(world)
        .ok_or_else(|| Refusal::unprocessable("There is no public address left."))?;
    let address = ReservedIp {
        id: world.next_id(),
        ip,
        region,
        droplet: None,
        busy: None,
    };
    world.write(Entry::Counters(world.counters));
    world.write(Entry::ReservedIp(address.clone()));
    let links = match droplet {
        Some(droplet) => {
            let id = droplet.id;
            let action = begin(world, droplet, address, Effect::Assign, call);
            let link = |kind: &str, rel: &str, id: u64| json!([{"id": id, "rel": rel, "href": format!("{}/v2/{kind}/{id}", call.base)}]);
            json!({
                "droplets": link("droplets", "droplet", id),
                "actions": link("actions", "assign_ip", action.id),
            })
        }
        None => json!({}),
    };
    let made = world.reserved_ips.get(&ip).ok_or_else(Refusal::not_found)?;
    Answer::json(
        202,
        &json!({"reserved_ip": view(world, made), "links": links}),
    )
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let address = find(world, call)?;
    check_free(address)?;
    if address.droplet.is_some() {
        return Err(Refusal::unprocessable(
            "The reserved IP is assigned to a Droplet.",
        ));
    }
    let ip = address.ip;
    world.write(Entry::ReservedIpGone(ip));
    Ok(Answer::no_content())
}

#[derive(Deserialize)]
struct Act {
    #[serde(rename = "type")]
    kind: Option<String>,
    droplet_id: Option<u64>,
}

pub(in crate::sandbox) fn start(world: &mut World, call: &Call) -> Outcome {
    let address = find(world, call)?.clone();
    check_free(&address)?;
    let asked: Act = call.json()?;
    let (droplet, effect) = match asked.kind.as_deref() {
        Some("assign") => {
            let droplet = free_droplet(world, asked.droplet_id)?;
            if droplet.region != address.region {
                return Err(Refusal::unprocessable(
                    "The Droplet is not in the region of the reserved IP.",
                ));
            }
            (droplet, Effect::Assign)
        }
        Some("unassign") => {
            let on = address.droplet.and_then(|id| world.droplets.get(&id));
            let on = on.cloned().ok_or_else(|| {
                Refusal::unprocessable("The reserved IP is not assigned to a Droplet.")
            })?;
            check_unlocked(&on)?;
            (on, Effect::Unassign)
        }
        _ => {
            return Err(Refusal::unprocessable(
                "You specified an invalid action type.",
            ));
        }
    };
    let action = begin(world, droplet, address, effect, call);
    Answer::object(201, "action", &actions::view(world, &action))
}

pub(in crate::sandbox) fn actions(world: &mut World, call: &Call) -> Outcome {
    let ip = find(world, call)?.ip;
    let all = world.actions.values().rev();
    let all: Vec<&Action> = all
        .filter(|action| action.reserved_ip == Some(ip))
        .collect();
    let views = all.iter().map(|action| actions::view(world, action));
    page(call, "actions", all.len(), views)
}

pub(in crate::sandbox) fn action(world: &mut World, call: &Call) -> Outcome {
    let ip = find(world, call)?.ip;
    let action = world.actions.get(&call.id(1)?);
    let action = action
        .filter(|action| action.reserved_ip == Some(ip))
        .ok_or_else(Refusal::not_found)?;
    Answer::object(200, "action", &actions::view(world, action))
}

fn begin(
    world: &mut World,
    droplet: Droplet,
    address: ReservedIp,
    effect: Effect,
    call: &Call,
) -> Action {
    let kind = match effect {
        Effect::Assign => "assign_ip",
        _ => "unassign_ip",
    };
    begin_with(
        world,
        (droplet, Some(address)),
        kind.to_owned(),
        effect,
        call.boot,
    )
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a ReservedIp, Refusal> {
    let ip: Option<Ipv4Addr> = call.param(0).parse().ok();
    let address = ip.and_then(|ip| world.reserved_ips.get(&ip));
    address
        .filter(|address| world.shows(address.id))
        .ok_or_else(Refusal::not_found)
}

fn check_free(address: &ReservedIp) -> Result<(), Refusal> {
    match address.busy {
        None => Ok(()),
        Some(_) => Err(Refusal::unprocessable(
            "The reserved IP already has a pending event.",
        )),
    }
}

/// The Droplet, if an address may come to it now.
fn free_droplet(world: &World, id: Option<u64>) -> Result<Droplet, Refusal> {
    let droplet = id.and_then(|id| world.droplets.get(&id));
    let droplet =
        droplet.ok_or_else(|| Refusal::unprocessable("The Droplet could not be found."))?;
    check_unlocked(droplet)?;
    if world.reserved_ip_of(droplet.id).is_some() {
        return Err(Refusal::unprocessable(
            "The Droplet already has a reserved IP.",
        ));
    }
    Ok(droplet.clone())
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::store::Kept;
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    fn droplet(world: &mut World, name: &str, region: &str) -> Value {
        let body = json!({"name": name, "region": region, "size": "1gb", "image": "debian-13-x64"});
        let (_, made) = ask(world, "POST", "/v2/droplets", &body);
        world.advance(world.now + 2000);
        made["droplet"]["id"].clone()
    }

    fn act(world: &mut World, one: &str, body: &Value) {
        let (status, answer) = ask(world, "POST", &format!("{one}/actions"), body);
        assert_eq!(status, 201, "{answer}");
        assert_eq!(get(world, one)["reserved_ip"]["locked"], true);
    }

    #[test]
    fn one_comes_to_a_droplet_moves_to_another_and_stays_when_that_goes() {
        let mut world = test_world();
        let (a, b) = (
            droplet(&mut world, "a", "nyc3"),
            droplet(&mut world, "b", "nyc3"),
        );
        let (status, made) = ask(
            &mut world,
            "POST",
            "/v2/reserved_ips",
            &json!({"droplet_id": a}),
        );
        assert_eq!(status, 202, "{made}");
        let made = &made["reserved_ip"];
        assert_eq!(
            (&made["locked"], &made["droplet"]),
            (&true.into(), &Value::Null)
        );
        let one = format!("/v2/reserved_ips/{}", made["ip"].as_str().unwrap());
        let on_a = format!("/v2/droplets/{a}");
        assert_eq!(get(&mut world, &on_a)["droplet"]["locked"], true);
        // Both are locked until it is there.
        let unassign = json!({"type": "unassign"});
        for (method, url) in [("POST", format!("{one}/actions")), ("DELETE", one.clone())] {
            let (status, message) = refused(&mut world, method, &url, &unassign);
            assert!(
                status == 422 && message.contains("pending event"),
                "{message}"
            );
        }
        world.advance(world.now + 1000);
        assert_eq!(
            get(&mut world, &one)["reserved_ip"]["droplet"]["id"].clone(),
            a
        );
        let networks = get(&mut world, &on_a)["droplet"]["networks"]["v4"].clone();
        assert_eq!(networks[2]["ip_address"], made["ip"], "{networks}");
        let again = json!({"droplet_id": a});
        assert_eq!(
            refused(&mut world, "POST", "/v2/reserved_ips", &again).0,
            422
        );
        assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null).0, 422);
        act(
            &mut world,
            &one,
            &json!({"type": "assign", "droplet_id": b}),
        );
        world.advance(world.now + 1000);
        assert_eq!(
            get(&mut world, &one)["reserved_ip"]["droplet"]["id"].clone(),
            b
        );
        ask(
            &mut world,
            "DELETE",
            &format!("/v2/droplets/{b}"),
            &Value::Null,
        );
        assert_eq!(get(&mut world, &one)["reserved_ip"]["droplet"], Value::Null);
        assert_eq!(
            refused(&mut world, "POST", &format!("{one}/actions"), &unassign).0,
            422
        );
        assert_eq!(ask(&mut world, "DELETE", &one, &Value::Null).0, 204);
        assert_eq!(refused(&mut world, "GET", &one, &Value::Null).0, 404);
    }

    #[test]
    fn an_account_has_few_and_each_stays_in_its_region() {
        let mut world = test_world();
        let far = droplet(&mut world, "far", "nyc1");
        let here = json!({"region": "nyc3"});
        let (_, made) = ask(&mut world, "POST", "/v2/reserved_ips", &here);
        let one = format!(
            "/v2/reserved_ips/{}/actions",
            made["reserved_ip"]["ip"].as_str().unwrap()
        );
        let to = json!({"type": "assign", "droplet_id": far});
        assert_eq!(refused(&mut world, "POST", &one, &to).0, 422);
        for _ in 0..2 {
            assert_eq!(ask(&mut world, "POST", "/v2/reserved_ips", &here).0, 202);
        }
        let (_, message) = refused(&mut world, "POST", "/v2/reserved_ips", &here);
        assert!(message.contains("limit"), "{message}");
        let both = json!({"region": "nyc3", "droplet_id": far});
        assert_eq!(
            refused(&mut world, "POST", "/v2/reserved_ips", &both).0,
            422
        );
    }
}
