//! VPCs: private networks, one of them the default of its region.

use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::world::{Entry, Vpc, World, rfc3339};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

fn view(vpc: &Vpc) -> Value {
    json!({
        "id": vpc.id,
        "urn": format!("do:vpc:{}", vpc.id),
        "name": vpc.name,
        "description": vpc.description,
        "region": vpc.region,
        "ip_range": format!("{}/{}", vpc.network, vpc.prefix),
        "default": vpc.default,
        "created_at": rfc3339(vpc.created),
    })
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    page(
        call,
        "vpcs",
        world.vpcs.len(),
        world.vpcs.values().map(view),
    )
}

#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    region: Option<String>,
    ip_range: Option<String>,
    description: Option<String>,
    default: Option<bool>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Asked = call.json()?;
    let name = checked_name(world, asked.name.as_deref(), None)?;
    let region = asked.region.unwrap_or_default();
    if !world
        .catalog
        .region(&region)
        .is_some_and(|known| known.available)
    {
        return Err(Refusal::unprocessable("The region is not valid."));
    }
    let (network, prefix) = match asked.ip_range.as_deref() {
        None => free_range(world)?,
        Some(range) => checked_range(world, range)?,
    };
    let number = world.next_id();
    let vpc = Vpc {
        id: world.invented_uuid(&format!("vpc/{number}")),
        name,
        description: checked_description(asked.description)?.unwrap_or_default(),
        region,
        network,
        prefix,
        default: false,
        created: world.now,
    };
    world.write(Entry::Vpc(vpc.clone()));
    world.write(Entry::Counters(world.counters));
    Answer::object(201, "vpc", &view(&vpc))
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    Answer::object(200, "vpc", &view(find(world, call)?))
}

pub(in crate::sandbox) fn replace(world: &mut World, call: &Call) -> Outcome {
    update(world, call, true)
}

pub(in crate::sandbox) fn change(world: &mut World, call: &Call) -> Outcome {
    update(world, call, false)
}

fn update(world: &mut World, call: &Call, whole: bool) -> Outcome {
    let mut vpc = find(world, call)?.clone();
    let asked: Asked = call.json()?;
    if whole || asked.name.is_some() {
        vpc.name = checked_name(world, asked.name.as_deref(), Some(&vpc.id))?;
    }
    match checked_description(asked.description)? {
        Some(description) => vpc.description = description,
        None if whole => vpc.description.clear(),
        None => {}
    }
    if asked.default == Some(true) && !vpc.default {
        let others: Vec<Vpc> = world
            .vpcs
            .values()
            .filter(|other| other.default && other.region == vpc.region)
            .cloned()
            .collect();
        for mut other in others {
            other.default = false;
            world.write(Entry::Vpc(other));
        }
        vpc.default = true;
    }
    world.write(Entry::Vpc(vpc.clone()));
    Answer::object(200, "vpc", &view(&vpc))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let vpc = find(world, call)?;
    if vpc.default {
        return Err(Refusal::new(403, "Can not delete default VPCs"));
    }
    if !world.droplets_in_vpc(&vpc.id).is_empty() {
        return Err(Refusal::new(403, "Can not delete VPC with members"));
    }
    let id = vpc.id.clone();
    world.write(Entry::VpcGone(id));
    Ok(Answer::no_content())
}

pub(in crate::sandbox) fn members(world: &mut World, call: &Call) -> Outcome {
    let vpc = find(world, call)?;
    let members = match call.query("resource_type") {
        None | Some("droplet") => world.droplets_in_vpc(&vpc.id),
        Some(_) => Vec::new(),
    };
    let views = members.iter().map(|droplet| {
        json!({
            "urn": format!("do:droplet:{}", droplet.id),
            "name": droplet.name,
            "created_at": rfc3339(droplet.created),
        })
    });
    page(call, "members", members.len(), views)
}

fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Vpc, Refusal> {
    world.vpcs.get(call.param(0)).ok_or_else(Refusal::not_found)
}

fn checked_name(world: &World, name: Option<&str>, own: Option<&str>) -> Result<String, Refusal> {
    let name = name.unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(Refusal::unprocessable(
            "VPC name may contain letters, numbers, dashes and periods only.",
        ));
    }
    let taken = world
        .vpcs
        .values()
        .any(|vpc| vpc.name == name && Some(vpc.id.as_str()) != own);
    if taken {
        return Err(Refusal::unprocessable("VPC name is already in use."));
    }
    Ok(name.to_owned())
}

fn checked_description(description: Option<String>) -> Result<Option<String>, Refusal> {
    match description {
        Some(text) if text.chars().count() > 255 => Err(Refusal::unprocessable(
            "VPC description is too long (maximum is 255 characters).",
        )),
        other => Ok(other),
    }
}

/// A private range between /16 and /28 that overlaps with no other.
fn checked_range(world: &World, range: &str) -> Result<(Ipv4Addr, u8), Refusal> {
    let invalid = || {
        Refusal::unprocessable(
            "The IP range must be a private network between /16 and /28, such as 10.10.10.0/24.",
        )
    };
    let (network, prefix) = range.split_once('/').ok_or_else(invalid)?;
    let network: Ipv4Addr = network.parse().map_err(|_| invalid())?;
    let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
    let aligned = (16..=28).contains(&prefix) && last(network, prefix, true) == u32::from(network);
    if !network.is_private() || !aligned {
        return Err(invalid());
    }
    if overlaps(world, network, prefix) {
        return Err(Refusal::unprocessable(
            "The IP range overlaps with that of another VPC.",
        ));
    }
    Ok((network, prefix))
}

/// The first or last address of a range.
fn last(network: Ipv4Addr, prefix: u8, first: bool) -> u32 {
    let mask = u32::from(crate::sandbox::address::netmask(prefix));
    let first_address = u32::from(network) & mask;
    if first {
        first_address
    } else {
        first_address | !mask
    }
}

fn overlaps(world: &World, network: Ipv4Addr, prefix: u8) -> bool {
    let (from, to) = (last(network, prefix, true), last(network, prefix, false));
    world.vpcs.values().any(|vpc| {
        let other_from = last(vpc.network, vpc.prefix, true);
        let other_to = last(vpc.network, vpc.prefix, false);
        from <= other_to && other_from <= to
    })
}

fn free_range(world: &World) -> Result<(Ipv4Addr, u8), Refusal> {
    (0..=u8::MAX)
        .flat_map(|high| (0..16_u8).map(move |low| Ipv4Addr::new(10, high, low * 16, 0)))
        .map(|network| (network, 20))
        .find(|(network, prefix)| !overlaps(world, *network, *prefix))
        .ok_or_else(|| Refusal::unprocessable("There is no IP range left."))
}
