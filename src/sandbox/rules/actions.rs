//! Actions: what is done to Droplets, one at a time each, and takes a while.

use super::droplet_view::region_of;
use super::droplets::{check_disk, check_name, check_unlocked, find, find_image};
use super::{backups, tags};
use crate::sandbox::address;
use crate::sandbox::answer::{Answer, Boot, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{
    Action, Droplet, Effect, Entry, Millis, Progress, ReservedIp, Status, Volume, rfc3339,
};
use crate::sandbox::world::World;
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
pub(super) struct View<'a> {
    id: u64,
    status: Progress,
    #[serde(rename = "type")]
    kind: &'a str,
    started_at: String,
    completed_at: Option<String>,
    resource_id: Option<u64>,
    resource_type: &'static str,
    region: Value,
    region_slug: &'a str,
}

pub(super) fn view<'a>(world: &World, action: &'a Action) -> View<'a> {
    // Volumes have no numbers.
    let (resource_id, resource_type) = match (action.reserved_ip, &action.volume) {
        (Some(ip), _) => (Some(u64::from(u32::from(ip))), "reserved_ip"),
        (None, Some(_)) => (None, "volume"),
        (None, None) => (Some(action.droplet), "droplet"),
    };
    View {
        id: action.id,
        status: action.status,
        kind: &action.kind,
        started_at: rfc3339(action.started),
        completed_at: action.completed.map(rfc3339),
        resource_id,
        resource_type,
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
        .filter(|action| world.shows(action.id))
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
    let action = begin(world, droplet, kind, effect, call.boot);
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
        .map(|(droplet, kind, effect)| begin(world, droplet, kind, effect, call.boot))
        .collect();
    let views: Vec<_> = actions.iter().map(|action| view(world, action)).collect();
    Answer::object(201, "actions", &views)
}

/// An action that begins now.
fn begun(world: &mut World, droplet: u64, region: &str, effect: Effect, boot: Boot) -> Action {
    Action {
        id: world.next_id(),
        kind: String::new(),
        droplet,
        reserved_ip: None,
        volume: None,
        region: region.to_owned(),
        status: Progress::Running,
        started: world.now,
        completed: None,
        due: match boot {
            Boot::Usual | Boot::Ignored | Boot::Fails => Some(world.now + world.settings.action),
            Boot::Millis(ms) => Some(world.now + Millis::try_from(ms).unwrap_or(Millis::MAX / 4)),
            Boot::Never => None,
        },
        effect: match boot {
            Boot::Ignored => Effect::Nothing,
            Boot::Fails => Effect::Fail,
            _ => effect,
        },
    }
}

/// Begins an action on a volume, which locks the Droplet that it is about.
pub(super) fn begin_on_volume(
    world: &mut World,
    (mut volume, droplet): (Volume, Option<Droplet>),
    kind: &str,
    effect: Effect,
    boot: Boot,
) -> Action {
    let locked = droplet.as_ref().map_or(0, |droplet| droplet.id);
    let action = Action {
        kind: kind.to_owned(),
        volume: Some(volume.id.clone()),
        ..begun(world, locked, &volume.region, effect, boot)
    };
    volume.busy = Some(action.id);
    world.write(Entry::Volume(volume));
    if let Some(mut droplet) = droplet {
        droplet.busy = Some(action.id);
        world.write(Entry::Droplet(Box::new(droplet)));
    }
    world.write(Entry::Action(action.clone()));
    action
}

fn begin(world: &mut World, droplet: Droplet, kind: String, effect: Effect, boot: Boot) -> Action {
    begin_with(world, (droplet, None), kind, effect, boot)
}

/// The same for a reserved IP that is on the Droplet or comes to it; both are locked until it is
/// done.
pub(super) fn begin_with(
    world: &mut World,
    (mut droplet, address): (Droplet, Option<ReservedIp>),
    kind: String,
    effect: Effect,
    boot: Boot,
) -> Action {
    let action = Action {
        kind,
        reserved_ip: address.as_ref().map(|address| address.ip),
        ..begun(world, droplet.id, &droplet.region, effect, boot)
    };
    droplet.busy = Some(action.id);
    world.write(Entry::Droplet(Box::new(droplet)));
    if let Some(mut address) = address {
        address.busy = Some(action.id);
        world.write(Entry::ReservedIp(address));
    }
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
        "snapshot" => snapshot(world, droplet, asked.name),
        "" => return refuse("An action type is required."),
        "restore" | "password_reset" | "change_kernel" => {
            return refuse("The sandbox does not simulate this action.");
        }
        _ => return refuse("You specified an invalid action type."),
    };
    Ok((kind, effect))
}

/// A snapshot's name may be left out.
fn snapshot(world: &mut World, droplet: &Droplet, name: Option<String>) -> Effect {
    let name = name.filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("{}-{}", droplet.name, world.now));
    let id = world.next_id();
    Effect::Snapshot { id, name }
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

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::store::Kept;
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    /// A world with one Droplet that is up, and its path.
    fn up(region: &str) -> (World, String) {
        let mut world = test_world();
        let body = json!({
            "name": "web", "region": region, "size": "1gb", "image": "debian-13-x64", "tags": ["t"],
        });
        let (_, made) = ask(&mut world, "POST", "/v2/droplets", &body);
        let one = format!("/v2/droplets/{}", made["droplet"]["id"]);
        world.advance(world.now + 2000);
        (world, one)
    }

    fn act(world: &mut World, one: &str, body: &Value) -> Value {
        let (status, answer) = ask(world, "POST", &format!("{one}/actions"), body);
        assert_eq!(status, 201, "{answer}");
        assert_eq!(answer["action"]["status"], "in-progress");
        assert_eq!(get(world, one)["droplet"]["locked"], true);
        world.advance(world.now + 1000);
        get(world, one)["droplet"].clone()
    }

    fn no(world: &mut World, one: &str, body: &Value) -> String {
        let (status, message) = refused(world, "POST", &format!("{one}/actions"), body);
        assert_eq!(status, 422);
        message
    }

    #[test]
    fn power_goes_off_and_on() {
        let (mut world, one) = up("nyc3");
        let kind = |kind: &str| json!({ "type": kind });
        assert_eq!(act(&mut world, &one, &kind("power_off"))["status"], "off");
        assert_eq!(
            no(&mut world, &one, &kind("power_off")),
            "Droplet is already powered off"
        );
        assert_eq!(act(&mut world, &one, &kind("shutdown"))["status"], "off");
        no(&mut world, &one, &kind("reboot"));
        assert_eq!(act(&mut world, &one, &kind("power_on"))["status"], "active");
        no(&mut world, &one, &kind("power_on"));
        assert_eq!(act(&mut world, &one, &kind("reboot"))["status"], "active");
        no(&mut world, &one, &kind("fly"));
        no(&mut world, &one, &json!({}));
        assert_eq!(
            get(&mut world, &format!("{one}/actions"))["meta"]["total"],
            5
        );
    }

    #[test]
    fn a_resize_wants_it_off_and_never_shrinks_the_disk() {
        let (mut world, one) = up("nyc3");
        let to = |size: &str, disk: bool| json!({"type": "resize", "size": size, "disk": disk});
        assert_eq!(
            no(&mut world, &one, &to("s-1vcpu-2gb", false)),
            "Droplet is currently on. Please power it off to run this event."
        );
        act(&mut world, &one, &json!({"type": "power_off"}));
        assert_eq!(
            no(&mut world, &one, &to("s-1vcpu-1gb", false)),
            "This size is not available because it has a smaller disk."
        );
        no(&mut world, &one, &to("9gb", false));
        no(&mut world, &one, &to("1gb", false));
        let light = act(&mut world, &one, &to("s-1vcpu-2gb", false));
        assert_eq!(
            (&light["memory"], &light["disk"]),
            (&json!(2048), &json!(30))
        );
        let back = act(&mut world, &one, &to("1gb", false));
        assert_eq!(
            (&back["memory"], &back["size_slug"]),
            (&json!(1024), &json!("1gb"))
        );
        let full = act(&mut world, &one, &to("s-1vcpu-2gb", true));
        assert_eq!(full["disk"], 50);
        no(&mut world, &one, &to("1gb", false));
    }

    #[test]
    fn a_rename_needs_a_host_name_and_is_found_afterwards() {
        let (mut world, one) = up("nyc3");
        no(&mut world, &one, &json!({"type": "rename", "name": "a b"}));
        no(&mut world, &one, &json!({"type": "rename"}));
        let renamed = act(&mut world, &one, &json!({"type": "rename", "name": "New"}));
        assert_eq!(renamed["name"], "New");
        assert_eq!(get(&mut world, "/v2/droplets?name=new")["meta"]["total"], 1);
        assert_eq!(get(&mut world, "/v2/droplets?name=web")["meta"]["total"], 0);
    }

    #[test]
    fn backups_are_switched_and_their_policy_changed() {
        let (mut world, one) = up("nyc3");
        let policy = json!({"plan": "weekly", "weekday": "TUE", "hour": 20});
        let change = json!({"type": "change_backup_policy", "backup_policy": policy});
        no(&mut world, &one, &change);
        let on = act(&mut world, &one, &json!({"type": "enable_backups"}));
        assert!(
            on["features"]
                .as_array()
                .unwrap()
                .contains(&json!("backups"))
        );
        assert!(on["next_backup_window"].is_object());
        no(&mut world, &one, &json!({"type": "enable_backups"}));
        no(&mut world, &one, &json!({"type": "change_backup_policy"}));
        act(&mut world, &one, &change);
        let shown = get(&mut world, &format!("{one}/backups/policy"));
        assert_eq!(shown["policy"]["backup_policy"]["weekday"], "TUE");
        let off = act(&mut world, &one, &json!({"type": "disable_backups"}));
        assert!(
            !off["features"]
                .as_array()
                .unwrap()
                .contains(&json!("backups"))
        );
    }

    #[test]
    fn ipv6_comes_once_and_only_where_there_is_any() {
        let (mut world, one) = up("nyc3");
        let enable = json!({"type": "enable_ipv6"});
        let with = act(&mut world, &one, &enable);
        assert_eq!(with["networks"]["v6"].as_array().unwrap().len(), 1);
        no(&mut world, &one, &enable);
        let (mut world, one) = up("nyc2");
        no(&mut world, &one, &enable);
    }

    #[test]
    fn a_rebuild_keeps_id_and_addresses() {
        let (mut world, one) = up("nyc3");
        let before = get(&mut world, &one)["droplet"].clone();
        no(
            &mut world,
            &one,
            &json!({"type": "rebuild", "image": "plan9"}),
        );
        let rebuilt = json!({"type": "rebuild", "image": "debian-12-x64"});
        let after = act(&mut world, &one, &rebuilt);
        assert_eq!(after["image"]["slug"], "debian-12-x64");
        assert_eq!(after["networks"], before["networks"]);
    }

    #[test]
    fn a_tag_acts_on_all_or_none() {
        let (mut world, one) = up("nyc3");
        let path = "/v2/droplets/actions?tag_name=t";
        let off = json!({"type": "power_off"});
        let (status, answer) = ask(&mut world, "POST", path, &off);
        assert_eq!(
            (status, answer["actions"].as_array().unwrap().len()),
            (201, 1)
        );
        assert_eq!(refused(&mut world, "POST", path, &off).0, 422);
        world.advance(world.now + 1000);
        assert_eq!(get(&mut world, &one)["droplet"]["status"], "off");
        let nobody = "/v2/droplets/actions?tag_name=x";
        assert_eq!(refused(&mut world, "POST", nobody, &off).0, 404);
    }

    #[test]
    fn an_action_belongs_to_its_droplet() {
        let (mut world, one) = up("nyc3");
        let action = get(&mut world, &format!("{one}/actions"))["actions"][0]["id"].clone();
        get(&mut world, &format!("{one}/actions/{action}"));
        let other = format!("/v2/droplets/1/actions/{action}");
        assert_eq!(refused(&mut world, "GET", &other, &Value::Null).0, 404);
        assert_eq!(get(&mut world, "/v2/actions")["meta"]["total"], 1);
        ask(&mut world, "DELETE", &one, &Value::Null);
        let later = get(&mut world, &format!("/v2/actions/{action}"));
        assert_eq!(later["action"]["type"], "create");
    }
}
