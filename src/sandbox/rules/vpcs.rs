//! VPCs: private networks, one of them the default of its region.

use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Vpc, rfc3339};
use crate::sandbox::world::World;
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

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    fn make(world: &mut World, body: &Value) -> Value {
        let (status, made) = ask(world, "POST", "/v2/vpcs", body);
        assert_eq!(status, 201, "{made}");
        made["vpc"].clone()
    }

    #[test]
    fn every_open_region_has_a_default_that_stays() {
        let mut world = test_world();
        let all = get(&mut world, "/v2/vpcs?per_page=200");
        assert_eq!(all["meta"]["total"], 13);
        let one = format!("/v2/vpcs/{}", all["vpcs"][0]["id"].as_str().unwrap());
        assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null).0, 403);
    }

    #[test]
    fn ranges_are_private_of_fair_size_and_their_own() {
        let mut world = test_world();
        let with = |range: &str| json!({"name": "in", "region": "nyc1", "ip_range": range});
        for bad in [
            "8.8.8.0/24",
            "10.10.0.0/15",
            "10.10.0.0/29",
            "10.10.0.1/24",
            "10.10",
            "x/24",
        ] {
            let (status, _) = refused(&mut world, "POST", "/v2/vpcs", &with(bad));
            assert_eq!(status, 422, "{bad}");
        }
        // Inside the default of the first region.
        assert_eq!(
            refused(&mut world, "POST", "/v2/vpcs", &with("10.100.4.0/24")).0,
            422
        );
        make(&mut world, &with("10.10.10.0/24"));
        let overlap = json!({"name": "b", "region": "nyc1", "ip_range": "10.10.8.0/21"});
        assert_eq!(refused(&mut world, "POST", "/v2/vpcs", &overlap).0, 422);
        let open = make(&mut world, &json!({"name": "c", "region": "nyc1"}));
        assert_eq!(open["ip_range"], "10.0.0.0/20");
    }

    #[test]
    fn names_are_unique_and_can_be_changed() {
        let mut world = test_world();
        let body = json!({"name": "in", "region": "nyc1", "description": "d"});
        let vpc = make(&mut world, &body);
        assert_eq!(refused(&mut world, "POST", "/v2/vpcs", &body).0, 422);
        let one = format!("/v2/vpcs/{}", vpc["id"].as_str().unwrap());
        let (_, patched) = ask(&mut world, "PATCH", &one, &json!({"name": "in"}));
        assert_eq!(patched["vpc"]["description"], "d");
        let (_, put) = ask(&mut world, "PUT", &one, &json!({"name": "in2"}));
        assert_eq!(
            (&put["vpc"]["name"], &put["vpc"]["description"]),
            (&json!("in2"), &json!(""))
        );
        assert_eq!(
            refused(&mut world, "PATCH", &one, &json!({"name": "default-nyc3"})).0,
            422
        );
    }

    #[test]
    fn a_droplet_takes_its_address_from_its_vpc_until_that_is_full() {
        let mut world = test_world();
        let body = json!({"name": "in", "region": "nyc1", "ip_range": "192.168.7.0/28"});
        let vpc = make(&mut world, &body)["id"].clone();
        let mut droplet = json!({
            "name": "web", "region": "nyc1", "size": "1gb", "image": "debian-13-x64", "vpc_uuid": vpc,
        });
        world.settings.droplet_limit = 100;
        for _ in 0..12 {
            assert_eq!(ask(&mut world, "POST", "/v2/droplets", &droplet).0, 202);
        }
        // Two want the one address that is left: neither gets it, and it is not lost.
        let mut two = droplet.clone();
        two.as_object_mut().unwrap().remove("name");
        two["names"] = json!(["a", "b"]);
        assert_eq!(refused(&mut world, "POST", "/v2/droplets", &two).0, 422);
        assert_eq!(ask(&mut world, "POST", "/v2/droplets", &droplet).0, 202);
        assert_eq!(refused(&mut world, "POST", "/v2/droplets", &droplet).0, 422);
        let one = format!("/v2/vpcs/{}", vpc.as_str().unwrap());
        assert_eq!(
            get(&mut world, &format!("{one}/members"))["meta"]["total"],
            13
        );
        assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null).0, 403);
        droplet["region"] = json!("nyc3");
        let (_, message) = refused(&mut world, "POST", "/v2/droplets", &droplet);
        assert!(message.contains("not in the region"), "{message}");
    }

    #[test]
    fn another_default_takes_the_place_of_the_first() {
        let mut world = test_world();
        let vpc = make(&mut world, &json!({"name": "in", "region": "nyc1"}));
        let one = format!("/v2/vpcs/{}", vpc["id"].as_str().unwrap());
        ask(&mut world, "PATCH", &one, &json!({"default": true}));
        let all = get(&mut world, "/v2/vpcs?per_page=200");
        let defaults = all["vpcs"].as_array().unwrap().iter();
        let of_region = defaults.filter(|vpc| vpc["region"] == "nyc1" && vpc["default"] == true);
        assert_eq!(
            of_region.map(|vpc| &vpc["name"]).collect::<Vec<_>>(),
            ["in"]
        );
    }
}
