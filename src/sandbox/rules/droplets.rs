//! Droplets: create, look at, delete.

use super::droplet_view::{View, view};
use super::{backups, keys, need, tags};
use crate::sandbox::address;
use crate::sandbox::answer::{Answer, Boot, Call, Outcome, Refusal};
use crate::sandbox::catalog::{Image, Region, Size};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Action, Droplet, Effect, Entry, Millis, Policy, Progress, Status};
use crate::sandbox::world::World;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many names one request may carry.
const MOST_AT_ONCE: usize = 10;
const LONGEST_USER_DATA: usize = 64 * 1024;

/// The body of a create, as far as it is simulated.
#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    names: Option<Vec<String>>,
    region: Option<String>,
    size: Option<String>,
    image: Option<Value>,
    #[serde(default)]
    ssh_keys: Option<Vec<Value>>,
    backups: Option<bool>,
    backup_policy: Option<backups::Asked>,
    ipv6: Option<bool>,
    monitoring: Option<bool>,
    tags: Option<Vec<String>>,
    user_data: Option<String>,
    volumes: Option<Vec<String>>,
    vpc_uuid: Option<String>,
    with_droplet_agent: Option<bool>,
    public_networking: Option<bool>,
}

/// What the Droplets of one request have in common, all of it checked.
struct Plan {
    region: String,
    size: Size,
    image: u64,
    ssh_keys: Vec<u64>,
    backups: Option<Policy>,
    ipv6: bool,
    monitoring: bool,
    agent: bool,
    public: bool,
    tags: Vec<String>,
    vpc: String,
    user_data: Option<String>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let mut asked: Create = call.json()?;
    if asked.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        need(world, "tag:create")?;
    }
    let (names, single) = match (asked.name.take(), asked.names.take()) {
        (Some(_), Some(_)) => {
            return Err(Refusal::unprocessable(
                "Only one of name and names may be given.",
            ));
        }
        (Some(name), None) => (vec![name], true),
        (None, Some(names)) if !names.is_empty() => (names, false),
        _ => return Err(Refusal::unprocessable("Name can't be blank")),
    };
    if names.len() > MOST_AT_ONCE {
        return Err(Refusal::unprocessable(format!(
            "You can create at most {MOST_AT_ONCE} droplets in one request."
        )));
    }
    for name in &names {
        check_name(name)?;
    }
    let plan = plan(world, asked)?;
    let after = world.droplets.len() + names.len();
    if after > usize::try_from(world.settings.droplet_limit).unwrap_or(usize::MAX) {
        return Err(Refusal::unprocessable(
            "creating this/these droplet(s) will exceed your droplet limit",
        ));
    }

    let mut made = Vec::new();
    for name in names {
        match create_one(world, name, &plan, call.boot) {
            Ok(one) => made.push(one),
            Err(refusal) => {
                give_back(world, &made);
                return Err(refusal);
            }
        }
    }
    for (droplet, action) in &made {
        world.write(Entry::Droplet(Box::new(droplet.clone())));
        world.write(Entry::Action(action.clone()));
    }
    for tag in &plan.tags {
        tags::tagged(world, tag, made.last().map(|(droplet, _)| droplet.id));
    }
    world.write(Entry::Counters(world.counters));

    let links = Links {
        actions: made
            .iter()
            .map(|(_, action)| Link {
                id: action.id,
                rel: "create",
                href: format!("{}/v2/actions/{}", call.base, action.id),
            })
            .collect(),
    };
    let mut views: Vec<_> = made
        .iter()
        .map(|(droplet, _)| view(world, droplet))
        .collect();
    let droplet = if single { views.pop() } else { None };
    let droplets = (!single).then_some(views);
    Answer::json(
        202,
        &Made {
            droplet,
            droplets,
            links,
        },
    )
}

/// The answer to a create: one or several, and where to see how it goes.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    droplet: Option<View<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    droplets: Option<Vec<View<'a>>>,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    actions: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    id: u64,
    rel: &'static str,
    href: String,
}

/// All or none: what was set aside for the first ones is free again if a later one finds nothing.
fn give_back(world: &mut World, made: &[(Droplet, Action)]) {
    for (droplet, _) in made {
        world.private_in_use.remove(&droplet.private);
        if let Some(public) = droplet.public {
            world.public_in_use.remove(&public);
        }
    }
}

fn create_one(
    world: &mut World,
    name: String,
    plan: &Plan,
    boot: Boot,
) -> Result<(Droplet, Action), Refusal> {
    let full = |what: &str| Refusal::unprocessable(format!("There is no {what} address left."));
    let private = address::next_private(world, &plan.vpc).ok_or_else(|| full("private"))?;
    let public = match plan.public {
        true => Some(address::next_public(world).ok_or_else(|| full("public"))?),
        false => None,
    };
    let v6 = plan.ipv6.then(|| address::next_v6(world, &plan.region));
    let id = world.next_id();
    let action = Action {
        id: world.next_id(),
        kind: "create".into(),
        droplet: id,
        reserved_ip: None,
        volume: None,
        region: plan.region.clone(),
        status: Progress::Running,
        started: world.now,
        completed: None,
        due: match boot {
            Boot::Usual | Boot::Ignored | Boot::Fails => Some(world.now + world.settings.boot),
            Boot::Millis(ms) => Some(world.now + Millis::try_from(ms).unwrap_or(Millis::MAX / 4)),
            Boot::Never => None,
        },
        effect: Effect::Boot,
    };
    let droplet = Droplet {
        id,
        name,
        region: plan.region.clone(),
        size: plan.size.slug.clone(),
        image: plan.image,
        memory: plan.size.memory,
        vcpus: plan.size.vcpus,
        disk: plan.size.disk,
        status: Status::New,
        created: world.now,
        busy: Some(action.id),
        booted: false,
        backups: plan.backups.clone(),
        monitoring: plan.monitoring,
        agent: plan.agent,
        tags: plan.tags.clone(),
        vpc: plan.vpc.clone(),
        public,
        private,
        v6,
        ssh_keys: plan.ssh_keys.clone(),
        user_data: plan.user_data.clone(),
    };
    // Taken at once: the next of the same request must not get the same.
    world.private_in_use.insert(private);
    world.public_in_use.extend(public);
    Ok((droplet, action))
}

/// Checks everything but the names.
fn plan(world: &World, asked: Create) -> Result<Plan, Refusal> {
    let size = asked
        .size
        .as_deref()
        .and_then(|slug| world.catalog.size(slug))
        .ok_or_else(|| invalid("size"))?;
    let image = asked
        .image
        .as_ref()
        .and_then(|image| find_image(world, image))
        .ok_or_else(|| invalid("image"))?;
    let region = find_region(world, asked.region.as_deref(), size)?;
    check_fit(region, size, image)?;
    let wants = |feature: &str, on: Option<bool>| {
        let on = on.unwrap_or(false);
        if on && !region.has(feature) {
            return Err(Refusal::unprocessable(format!(
                "The region {} does not support {feature}.",
                region.slug
            )));
        }
        Ok(on)
    };
    let ipv6 = wants("ipv6", asked.ipv6)?;
    let with_backups = wants("backups", asked.backups)?;
    let public = asked.public_networking.unwrap_or(true);
    if ipv6 && !public {
        return Err(Refusal::unprocessable(
            "IPv6 cannot be enabled without public networking.",
        ));
    }
    if asked.volumes.is_some_and(|volumes| !volumes.is_empty()) {
        return Err(Refusal::unprocessable(
            "The sandbox attaches no volumes to new Droplets.",
        ));
    }
    let user_data = asked.user_data.filter(|text| !text.is_empty());
    if user_data
        .as_ref()
        .is_some_and(|text| text.len() > LONGEST_USER_DATA)
    {
        return Err(Refusal::unprocessable(
            "User data is too long (maximum is 64 KiB).",
        ));
    }
    Ok(Plan {
        region: region.slug.clone(),
        size: size.clone(),
        image: image.id,
        ssh_keys: find_keys(world, &asked.ssh_keys.unwrap_or_default())?,
        backups: with_backups
            .then(|| backups::checked(asked.backup_policy))
            .transpose()?,
        ipv6,
        monitoring: asked.monitoring.unwrap_or(false),
        agent: asked.with_droplet_agent.unwrap_or(true),
        public,
        tags: tags::canonical(world, &asked.tags.unwrap_or_default())?,
        vpc: find_vpc(world, asked.vpc_uuid.as_deref(), &region.slug)?,
        user_data: user_data.map(|text| format!("{:x}", Md5::digest(text))),
    })
}

fn invalid(what: &str) -> Refusal {
    Refusal::unprocessable(format!(
        "You specified an invalid {what} for Droplet creation."
    ))
}

/// Hostname characters, not ending in a dot or hyphen.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let good_end = name
        .bytes()
        .next_back()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name.len() > 255 {
        return Err(Refusal::unprocessable(
            "Name is too long (maximum is 255 characters)",
        ));
    }
    if good_end && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Refusal::unprocessable(
        "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)",
    ))
}

/// The image of a slug, an id, or an id written as text.
pub(super) fn find_image<'a>(world: &'a World, image: &Value) -> Option<&'a Image> {
    match image {
        Value::Number(id) => world.catalog.image(id.as_u64()?),
        Value::String(text) => match text.parse() {
            Ok(id) => world.catalog.image(id),
            Err(_) => world.catalog.image_by_slug(text),
        },
        _ => None,
    }
}

/// The region of a slug; of the beginning of one, or of none, the first that has the size.
fn find_region<'a>(
    world: &'a World,
    asked: Option<&str>,
    size: &Size,
) -> Result<&'a Region, Refusal> {
    let prefix = asked.unwrap_or_default();
    if let Some(region) = world.catalog.region(prefix) {
        return Ok(region);
    }
    let open = || {
        world
            .catalog
            .regions
            .iter()
            .filter(|region| region.available && region.slug.starts_with(prefix))
    };
    open()
        .find(|region| size.regions.contains(&region.slug))
        .or_else(|| open().next())
        .ok_or_else(|| invalid("region"))
}

/// Whether this image runs on this size in this region.
fn check_fit(region: &Region, size: &Size, image: &Image) -> Result<(), Refusal> {
    if !region.available {
        return Err(Refusal::unprocessable(format!(
            "The region {} is not available for new Droplets.",
            region.slug
        )));
    }
    if !size.available || !size.regions.contains(&region.slug) {
        return Err(
            Refusal::unprocessable("Size is not available in this region.").with_extra(
                "error_attributes",
                json!({"available_regions": size.regions}),
            ),
        );
    }
    if !image.regions.contains(&region.slug) {
        return Err(Refusal::unprocessable(
            "Image is not available in this region.",
        ));
    }
    check_disk(size.disk, image)
}

pub(super) fn check_disk(disk: u64, image: &Image) -> Result<(), Refusal> {
    if disk < image.min_disk_size {
        return Err(Refusal::unprocessable(format!(
            "The image requires a disk of at least {} GB; this size has {disk} GB.",
            image.min_disk_size
        )));
    }
    Ok(())
}

fn find_keys(world: &World, asked: &[Value]) -> Result<Vec<u64>, Refusal> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for identifier in asked {
        let text = match identifier {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match keys::find(world, &text) {
            Some(key) => found.push(key.id),
            None => unknown.push(text),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    Err(Refusal::unprocessable(format!(
        "{} are invalid key identifiers for Droplet creation.",
        unknown.join(", ")
    )))
}

fn find_vpc(world: &World, asked: Option<&str>, region: &str) -> Result<String, Refusal> {
    let vpc = match asked {
        Some(id) => world.vpcs.get(id),
        None => world
            .vpcs
            .values()
            .find(|vpc| vpc.default && vpc.region == region),
    };
    let vpc = vpc.ok_or_else(|| Refusal::unprocessable("The VPC does not exist."))?;
    if vpc.region != region {
        return Err(Refusal::unprocessable(
            "The VPC is not in the region of the Droplet.",
        ));
    }
    Ok(vpc.id.clone())
}

/// The Droplet a path names.
pub(super) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Droplet, Refusal> {
    world
        .droplets
        .get(&call.id(0)?)
        .filter(|droplet| world.shows(droplet.id))
        .ok_or_else(Refusal::not_found)
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    // Those with a GPU are listed apart, whatever else is asked for.
    let gpus = call.query("type") == Some("gpus");
    let has_gpu = |droplet: &Droplet| droplet.size.starts_with("gpu-");
    let views = |mut droplets: Vec<&Droplet>| {
        droplets.retain(|droplet| has_gpu(droplet) == gpus && world.shows(droplet.id));
        let total = droplets.len();
        let views = droplets.into_iter().map(|droplet| view(world, droplet));
        page(call, "droplets", total, views)
    };
    match (call.query("name"), call.query("tag_name")) {
        (Some(_), Some(_)) => Err(Refusal::unprocessable(
            "The filters name and tag_name cannot be combined.",
        )),
        (Some(name), None) => views(world.droplets_named(name)),
        (None, Some(_)) if gpus => Err(Refusal::unprocessable(
            "The filters type and tag_name cannot be combined.",
        )),
        (None, Some(tag)) => {
            need(world, "tag:read")?;
            views(world.droplets_tagged(tag))
        }
        (None, None) => views(world.droplets.values().collect()),
    }
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?;
    Answer::object(200, "droplet", &view(world, droplet))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?;
    check_unlocked(droplet)?;
    let id = droplet.id;
    world.write(Entry::DropletGone(id));
    Ok(Answer::no_content())
}

/// One thing at a time: whatever is still going on comes first.
pub(super) fn check_unlocked(droplet: &Droplet) -> Result<(), Refusal> {
    match droplet.busy {
        None => Ok(()),
        Some(_) => Err(Refusal::unprocessable(
            "Droplet already has a pending event.",
        )),
    }
}

pub(in crate::sandbox) fn delete_tagged(world: &mut World, call: &Call) -> Outcome {
    let tag = call
        .query("tag_name")
        .filter(|tag| !tag.is_empty())
        .ok_or_else(|| Refusal::unprocessable("A tag_name is required."))?;
    need(world, "tag:read")?;
    if !world.tags.contains_key(tag) {
        return Err(Refusal::not_found());
    }
    let tagged = world.droplets_tagged(tag);
    for droplet in &tagged {
        check_unlocked(droplet)?;
    }
    let ids: Vec<u64> = tagged.iter().map(|droplet| droplet.id).collect();
    for id in ids {
        world.write(Entry::DropletGone(id));
    }
    Ok(Answer::no_content())
}

/// A list of what no Droplet here ever has.
fn nothing(world: &World, call: &Call, key: &str) -> Outcome {
    find(world, call)?;
    page(call, key, 0, std::iter::empty::<()>())
}

pub(in crate::sandbox) fn no_backups(world: &mut World, call: &Call) -> Outcome {
    nothing(world, call, "backups")
}

pub(in crate::sandbox) fn no_kernels(world: &mut World, call: &Call) -> Outcome {
    nothing(world, call, "kernels")
}

#[cfg(test)]
mod tests;
