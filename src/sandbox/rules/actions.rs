//! Actions: what is done to Droplets, one at a time each, and takes a while.

use super::droplet_view::region_of;
use super::droplets::{check_disk, check_name, check_unlocked, find, find_image};
use super::{backups, tags};
use crate::sandbox::address;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::world::{Action, Droplet, Effect, Entry, Progress, Status, World, rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    size: Option<String>,
    disk: Option<bool>,
    image: Option<Value>,
    backup_policy: Option<backups::Asked>,
}

#[derive(Serialize)]
struct View<'a> {
    id: u64,
    status: Progress,
    #[serde(rename = "type")]
    kind: &'a str,
    started_at: String,
    completed_at: Option<String>,
    resource_id: u64,
    resource_type: &'static str,
    region: Value,
    region_slug: &'a str,
}

fn view<'a>(world: &World, action: &'a Action) -> View<'a> {
    View {
        id: action.id,
        status: action.status,
        kind: &action.kind,
        started_at: rfc3339(action.started),
        completed_at: action.completed.map(rfc3339),
        resource_id: action.droplet,
        resource_type: "droplet",
        region: json!(region_of(world, &action.region)),
        region_slug: &action.region,
    }
}

pub(in crate::sandbox) fn list_all(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    // The latest first: an account's history is long.
    let actions = world.actions.values().rev();
    let views = actions.map(|action| view(world, action));
    page(call, "actions", world.actions.len(), views)
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let action = world
        .actions
        .get(&call.id(0)?)
        .ok_or_else(Refusal::not_found)?;
    Answer::object(200, "action", &view(world, action))
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let actions = world.actions_of(find(world, call)?.id);
    let views = actions.iter().rev().map(|action| view(world, action));
    page(call, "actions", actions.len(), views)
}

pub(in crate::sandbox) fn show_of(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?.id;
    let action = world
        .actions
        .get(&call.id(1)?)
        .filter(|action| action.droplet == droplet)
        .ok_or_else(Refusal::not_found)?;
    Answer::object(200, "action", &view(world, action))
}

pub(in crate::sandbox) fn start(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?.clone();
    let asked: Asked = call.json()?;
    check_unlocked(&droplet)?;
    let (kind, effect) = effect(world, &droplet, asked)?;
    let action = begin(world, droplet, kind, effect);
    Answer::object(201, "action", &view(world, &action))
}

/// The same for every Droplet with a tag; nothing begins if one of them cannot.
pub(in crate::sandbox) fn start_tagged(world: &mut World, call: &Call) -> Outcome {
    let tag = tags::find(world, call.query("tag_name").unwrap_or_default())?;
    let droplets: Vec<Droplet> = world
        .droplets_tagged(&tag.name)
        .into_iter()
        .cloned()
        .collect();
    let mut effects = Vec::new();
    for droplet in droplets {
        check_unlocked(&droplet)?;
        let (kind, effect) = effect(world, &droplet, call.json()?)?;
        effects.push((droplet, kind, effect));
    }
    let actions: Vec<Action> = effects
        .into_iter()
        .map(|(droplet, kind, effect)| begin(world, droplet, kind, effect))
        .collect();
    let views: Vec<_> = actions.iter().map(|action| view(world, action)).collect();
    Answer::object(201, "actions", &views)
}

fn begin(world: &mut World, mut droplet: Droplet, kind: String, effect: Effect) -> Action {
    let action = Action {
        id: world.next_id(),
        kind,
        droplet: droplet.id,
        region: droplet.region.clone(),
        status: Progress::Running,
        started: world.now,
        completed: None,
        due: Some(world.now + world.settings.action),
        effect,
    };
    droplet.busy = Some(action.id);
    world.write(Entry::Droplet(Box::new(droplet)));
    world.write(Entry::Action(action.clone()));
    action
}

/// What an action will do, if it may.
fn effect(world: &mut World, droplet: &Droplet, asked: Asked) -> Result<(String, Effect), Refusal> {
    let refuse = |message: &str| Err(Refusal::unprocessable(message));
    let kind = asked.kind.unwrap_or_default();
    let off = droplet.status == Status::Off;
    let effect = match kind.as_str() {
        "power_on" if !off => return refuse("Droplet is already powered on"),
        "power_on" | "power_cycle" => Effect::Status(Status::Active),
        "power_off" if off => return refuse("Droplet is already powered off"),
        "power_off" | "shutdown" => Effect::Status(Status::Off),
        "reboot" if off => {
            return refuse("Droplet is currently off. Please power it on to run this event.");
        }
        "reboot" => Effect::Nothing,
        "rename" => {
            let name = asked.name.unwrap_or_default();
            check_name(&name)?;
            Effect::Rename(name)
        }
        "resize" => resize(world, droplet, asked.size.as_deref(), asked.disk)?,
        "enable_backups" if droplet.backups.is_some() => {
            return refuse("Backups are already enabled for this Droplet.");
        }
        "enable_backups" => Effect::Backups(Some(backups::checked(asked.backup_policy)?)),
        "disable_backups" => Effect::Backups(None),
        "change_backup_policy" if droplet.backups.is_none() => {
            return refuse("Backups are not enabled for this Droplet.");
        }
        "change_backup_policy" if asked.backup_policy.is_none() => {
            return refuse("A backup_policy is required.");
        }
        "change_backup_policy" => Effect::Backups(Some(backups::checked(asked.backup_policy)?)),
        "enable_ipv6" => enable_ipv6(world, droplet)?,
        "enable_private_networking" => Effect::Nothing,
        "rebuild" => {
            let image = asked
                .image
                .as_ref()
                .and_then(|image| find_image(world, image))
                .ok_or_else(|| {
                    Refusal::unprocessable("You specified an invalid image for Droplet rebuild.")
                })?;
            check_disk(droplet.disk, image)?;
            Effect::Rebuild(image.id)
        }
        "" => return refuse("An action type is required."),
        "snapshot" | "restore" | "password_reset" | "change_kernel" => {
            return refuse("The sandbox does not simulate this action.");
        }
        _ => return refuse("You specified an invalid action type."),
    };
    Ok((kind, effect))
}

fn resize(
    world: &World,
    droplet: &Droplet,
    slug: Option<&str>,
    disk: Option<bool>,
) -> Result<Effect, Refusal> {
    if droplet.status != Status::Off {
        return Err(Refusal::unprocessable(
            "Droplet is currently on. Please power it off to run this event.",
        ));
    }
    let size = slug
        .and_then(|slug| world.catalog.size(slug))
        .ok_or_else(|| {
            Refusal::unprocessable("You specified an invalid size for Droplet resize.")
        })?;
    if !size.regions.contains(&droplet.region) {
        return Err(Refusal::unprocessable(
            "Size is not available in this region.",
        ));
    }
    if size.slug == droplet.size {
        return Err(Refusal::unprocessable("Droplet already has this size."));
    }
    // Even without `disk`: the old disk would not fit.
    if size.disk < droplet.disk {
        return Err(Refusal::unprocessable(
            "This size is not available because it has a smaller disk.",
        ));
    }
    Ok(Effect::Resize {
        size: size.slug.clone(),
        disk: disk.unwrap_or(false),
    })
}

fn enable_ipv6(world: &mut World, droplet: &Droplet) -> Result<Effect, Refusal> {
    let supported = world
        .catalog
        .region(&droplet.region)
        .is_some_and(|region| region.has("ipv6"));
    if !supported {
        return Err(Refusal::unprocessable(format!(
            "The region {} does not support ipv6.",
            droplet.region
        )));
    }
    if droplet.v6.is_some() {
        return Err(Refusal::unprocessable(
            "IPv6 is already enabled on this Droplet.",
        ));
    }
    let address = address::next_v6(world, &droplet.region);
    world.write(Entry::Counters(world.counters));
    Ok(Effect::Ipv6(address))
}
