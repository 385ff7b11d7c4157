//! Volumes: disks by themselves, each on one Droplet of its region at most. What is done to one that is
//! on a Droplet, or is to be, is an action of that Droplet too and locks it.

use super::droplet_view::region_of;
use super::droplets::check_unlocked;
use super::{actions, need, tags};
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Droplet, Effect, Entry, Volume, rfc3339};
use crate::sandbox::world::World;
use serde::Deserialize;
use serde_json::{Value, json};

/// So many a Droplet has at most, and so large is one, in GiB, at most (openapi.json,
/// `volumeActions_post_byId` and `volume_action_post_resize`).
const MOST_ON_ONE: usize = 15;
const LARGEST: u64 = 16_384;
const LONGEST_NAME: usize = 64;
/// The file systems that it can be made with, and the longest label of each.
const FILE_SYSTEMS: [(&str, usize); 2] = [("ext4", 16), ("xfs", 12)];

fn view(world: &World, volume: &Volume) -> Value {
    let shown = need(world, "tag:read").map_or(&[][..], |()| &volume.tags);
    json!({
        "id": volume.id,
        "name": volume.name,
        "description": volume.description,
        "region": region_of(world, &volume.region),
        "size_gigabytes": volume.size,
        "filesystem_type": volume.filesystem,
        "filesystem_label": volume.label,
        "droplet_ids": volume.droplet.into_iter().collect::<Vec<u64>>(),
        "created_at": rfc3339(volume.created),
        "tags": shown,
    })
}

/// Those on a Droplet.
pub(super) fn of(world: &World, droplet: u64) -> impl Iterator<Item = &Volume> {
    let all = world.volumes.values();
    all.filter(move |volume| volume.droplet == Some(droplet))
}

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let is_asked_for = |volume: &&Volume| {
        let is = |asked: Option<&str>, value: &str| asked.is_none_or(|asked| asked == value);
        world.shows(volume.number)
            && is(call.query("name"), &volume.name)
            && is(call.query("region"), &volume.region)
    };
    let volumes: Vec<&Volume> = world.volumes.values().filter(is_asked_for).collect();
    let views = volumes.iter().map(|volume| view(world, volume));
    page(call, "volumes", volumes.len(), views)
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    Answer::object(200, "volume", &view(world, find(world, call)?))
}

#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    description: Option<String>,
    size_gigabytes: Option<u64>,
    region: Option<String>,
    filesystem_type: Option<String>,
    filesystem_label: Option<String>,
    snapshot_id: Option<String>,
    tags: Option<Vec<String>>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Asked = call.json()?;
    let asked_tags = asked.tags.unwrap_or_default();
    if !asked_tags.is_empty() {
        need(world, "tag:create")?;
    }
    if asked.snapshot_id.is_some_and(|id| !id.is_empty()) {
        return Err(Refusal::unprocessable(
            "The sandbox makes no volumes from snapshots.",
        ));
    }
    let name = checked_name(asked.name.as_deref().unwrap_or_default())?;
    let region = asked.region.unwrap_or_default();
    let known = world.catalog.region(&region);
    if !known.is_some_and(|known| known.available) {
        return Err(Refusal::unprocessable("The region is not valid."));
    }
    let mut others = world.volumes.values();
    if others.any(|volume| volume.name == name && volume.region == region) {
        return Err(Refusal::new(
            409,
            "A volume with this name exists in this region already.",
        ));
    }
    let filesystem = asked.filesystem_type.unwrap_or_default();
    let label = asked.filesystem_label.unwrap_or_default();
    check_file_system(&filesystem, &label)?;
    let number = world.next_id();
    let volume = Volume {
        id: world.invented_uuid(&format!("volume/{number}")),
        number,
        name,
        description: asked.description.unwrap_or_default(),
        size: checked_size(asked.size_gigabytes)?,
        region,
        filesystem,
        label,
        droplet: None,
        busy: None,
        tags: tags::canonical(world, &asked_tags)?,
        created: world.now,
    };
    world.write(Entry::Volume(volume.clone()));
    for tag in &volume.tags {
        tags::tagged(world, tag, None);
    }
    world.write(Entry::Counters(world.counters));
    Answer::object(201, "volume", &view(world, &volume))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let volume = find(world, call)?;
    if volume.droplet.is_some() || volume.busy.is_some() {
        return Err(Refusal::new(
            409,
            "The volume is attached to a Droplet: detach it first.",
        ));
    }
    let id = volume.id.clone();
    world.write(Entry::VolumeGone(id));
    Ok(Answer::no_content())
}

#[derive(Deserialize)]
struct AskedAction {
    #[serde(rename = "type")]
    kind: Option<String>,
    droplet_id: Option<u64>,
    region: Option<String>,
    size_gigabytes: Option<u64>,
}

pub(in crate::sandbox) fn act(world: &mut World, call: &Call) -> Outcome {
    let volume = find(world, call)?.clone();
    let asked: AskedAction = call.json()?;
    if asked.region.is_some_and(|region| region != volume.region) {
        return Err(Refusal::unprocessable("The volume is in another region."));
    }
    let (kind, droplet, effect) = match asked.kind.as_deref().unwrap_or_default() {
        "attach" => {
            let droplet = attached_to(world, &volume, asked.droplet_id)?;
            (
                "attach_volume",
                Some(droplet.id),
                Effect::Attached(Some(droplet.id)),
            )
        }
        "detach" => {
            let has_it = volume.droplet.filter(|has| asked.droplet_id == Some(*has));
            let has_it = has_it.ok_or_else(|| Refusal::unprocessable("Attachment not found"))?;
            ("detach_volume", Some(has_it), Effect::Attached(None))
        }
        "resize" => {
            let size = checked_size(asked.size_gigabytes)?;
            if size <= volume.size {
                return Err(Refusal::unprocessable(
                    "The size of a volume can only be increased.",
                ));
            }
            ("resize_volume", volume.droplet, Effect::Grow(size))
        }
        _ => {
            return Err(Refusal::unprocessable(
                "You specified an invalid action type.",
            ));
        }
    };
    let droplet = droplet.and_then(|id| world.droplets.get(&id)).cloned();
    if let Some(droplet) = &droplet {
        check_unlocked(droplet)?;
    }
    if volume.busy.is_some() {
        return Err(Refusal::unprocessable(
            "Volume already has a pending event.",
        ));
    }
    let action = actions::begin_on_volume(world, (volume, droplet), kind, effect, call.boot);
    Answer::object(202, "action", &actions::view(world, &action))
}

/// The Droplet that a volume may be attached to.
fn attached_to<'a>(
    world: &'a World,
    volume: &Volume,
    asked: Option<u64>,
) -> Result<&'a Droplet, Refusal> {
    let droplet = asked.and_then(|id| world.droplets.get(&id));
    let droplet = droplet.ok_or_else(Refusal::not_found)?;
    if volume.droplet.is_some() {
        return Err(Refusal::unprocessable("This volume is already attached"));
    }
    if droplet.region != volume.region {
        return Err(Refusal::unprocessable(
            "The volume and the Droplet are in different regions.",
        ));
    }
    if of(world, droplet.id).count() >= MOST_ON_ONE {
        return Err(Refusal::unprocessable(format!(
            "A Droplet can have {MOST_ON_ONE} volumes at most."
        )));
    }
    Ok(droplet)
}

pub(in crate::sandbox) fn list_actions(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let id = &find(world, call)?.id;
    let all = world.actions.values().rev();
    let its: Vec<_> = all
        .filter(|action| action.volume.as_ref() == Some(id))
        .collect();
    let views = its.iter().map(|action| actions::view(world, action));
    page(call, "actions", its.len(), views)
}

pub(in crate::sandbox) fn show_action(world: &mut World, call: &Call) -> Outcome {
    let id = &find(world, call)?.id;
    let action = world.actions.get(&call.id(1)?);
    let action = action
        .filter(|action| action.volume.as_ref() == Some(id) && world.shows(action.id))
        .ok_or_else(Refusal::not_found)?;
    Answer::object(200, "action", &actions::view(world, action))
}

pub(super) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Volume, Refusal> {
    let volume = world.volumes.get(call.param(0));
    let volume = volume.filter(|volume| world.shows(volume.number));
    volume.ok_or_else(Refusal::not_found)
}

fn checked_name(name: &str) -> Result<String, Refusal> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins_well = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if begins_well && name.len() <= LONGEST_NAME && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    Err(Refusal::unprocessable(
        "Name must be lowercase and be composed only of numbers, letters and \"-\", up to a limit of 64 \
         characters. The name must begin with a letter.",
    ))
}

fn checked_size(size: Option<u64>) -> Result<u64, Refusal> {
    let size = size.filter(|size| (1..=LARGEST).contains(size));
    size.ok_or_else(|| {
        Refusal::unprocessable(format!("The size must be between 1 and {LARGEST} GiB."))
    })
}

fn check_file_system(kind: &str, label: &str) -> Result<(), Refusal> {
    if kind.is_empty() {
        return Ok(());
    }
    let mut known = FILE_SYSTEMS.iter();
    match known.find(|(known, _)| *known == kind) {
        None => Err(Refusal::unprocessable("The filesystem type is not valid.")),
        Some((_, longest)) if label.len() > *longest => {
            Err(Refusal::unprocessable("The filesystem label is too long."))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, refused, test_world};
    use crate::sandbox::store::Kept;
    use crate::sandbox::world::World;
    use serde_json::{Value, json};

    fn droplet(world: &mut World, name: &str, region: &str) -> Value {
        world.settings.droplet_limit = 100;
        let body = json!({
            "name": name, "region": region, "size": "1gb", "image": "debian-13-x64",
        });
        let (_, made) = ask(world, "POST", "/v2/droplets", &body);
        world.advance(world.now + 2000);
        made["droplet"]["id"].clone()
    }

    fn volume(world: &mut World, name: &str) -> String {
        let body = json!({"name": name, "region": "nyc3", "size_gigabytes": 10, "tags": ["t"]});
        let (status, made) = ask(world, "POST", "/v2/volumes", &body);
        assert_eq!(status, 201, "{made}");
        format!("/v2/volumes/{}", made["volume"]["id"].as_str().unwrap())
    }

    fn act(world: &mut World, one: &str, body: &Value) -> Value {
        let (status, answer) = ask(world, "POST", &format!("{one}/actions"), body);
        assert_eq!(status, 202, "{answer}");
        let action = format!("{one}/actions/{}", answer["action"]["id"]);
        assert_eq!(get(world, &action)["action"]["status"], "in-progress");
        world.advance(world.now + 1000);
        assert_eq!(get(world, &action)["action"]["status"], "completed");
        get(world, one)["volume"].clone()
    }

    fn no(world: &mut World, one: &str, body: &Value) -> String {
        let (status, message) = refused(world, "POST", &format!("{one}/actions"), body);
        assert!([404, 422].contains(&status), "{status} {message}");
        message
    }

    #[test]
    fn a_name_is_there_once_in_a_region_and_of_few_characters() {
        let mut world = test_world();
        volume(&mut world, "data");
        let with =
            |name: &str, region: &str| json!({"name": name, "region": region, "size_gigabytes": 1});
        let mut status = |body: &Value| ask(&mut world, "POST", "/v2/volumes", body).0;
        assert_eq!(status(&with("data", "nyc3")), 409);
        assert_eq!(status(&with("data", "nyc1")), 201);
        for name in ["", "Data", "1data", "da_ta", &"a".repeat(65)] {
            assert_eq!(status(&with(name, "nyc3")), 422, "{name}");
        }
        for size in [0, 16_385] {
            let body = json!({"name": "b", "region": "nyc3", "size_gigabytes": size});
            assert_eq!(status(&body), 422, "{size}");
        }
        let found = get(&mut world, "/v2/volumes?name=data&region=nyc1");
        assert_eq!(found["meta"]["total"], 1);
        assert_eq!(get(&mut world, "/v2/volumes?name=data")["meta"]["total"], 2);
    }

    #[test]
    fn it_is_on_one_droplet_of_its_region_and_locks_that() {
        let mut world = test_world();
        let (web, db) = (
            droplet(&mut world, "web", "nyc3"),
            droplet(&mut world, "db", "nyc3"),
        );
        let far = droplet(&mut world, "far", "nyc1");
        let one = volume(&mut world, "data");
        let to = |kind: &str, droplet: &Value| json!({"type": kind, "droplet_id": droplet});
        no(&mut world, &one, &to("attach", &far));
        no(&mut world, &one, &to("detach", &web));
        ask(
            &mut world,
            "POST",
            &format!("{one}/actions"),
            &to("attach", &web),
        );
        let other = volume(&mut world, "other");
        assert_eq!(
            no(&mut world, &other, &to("attach", &web)),
            "Droplet already has a pending event."
        );
        world.advance(world.now + 1000);
        let shown = get(&mut world, &format!("/v2/droplets/{web}"));
        assert_eq!(shown["droplet"]["volume_ids"].as_array().unwrap().len(), 1);
        no(&mut world, &one, &to("attach", &db));
        assert_eq!(refused(&mut world, "DELETE", &one, &Value::Null).0, 409);
        assert_eq!(
            act(&mut world, &one, &to("detach", &web))["droplet_ids"],
            json!([])
        );
        assert_eq!(
            act(&mut world, &one, &to("attach", &db))["droplet_ids"],
            json!([db])
        );
        // A Droplet that goes lets go of it.
        ask(
            &mut world,
            "DELETE",
            &format!("/v2/droplets/{db}"),
            &Value::Null,
        );
        assert_eq!(get(&mut world, &one)["volume"]["droplet_ids"], json!([]));
        assert_eq!(ask(&mut world, "DELETE", &one, &Value::Null).0, 204);
    }

    #[test]
    fn it_only_grows_and_also_while_it_is_on_nothing() {
        let mut world = test_world();
        let one = volume(&mut world, "data");
        let to = |size: u64| json!({"type": "resize", "size_gigabytes": size});
        no(&mut world, &one, &to(10));
        no(&mut world, &one, &to(16_385));
        assert_eq!(act(&mut world, &one, &to(20))["size_gigabytes"], 20);
        no(&mut world, &one, &to(15));
        let elsewhere = json!({"type": "resize", "size_gigabytes": 30, "region": "nyc1"});
        no(&mut world, &one, &elsewhere);
    }

    #[test]
    fn fifteen_are_the_most() {
        let mut world = test_world();
        let web = droplet(&mut world, "web", "nyc3");
        let to = json!({"type": "attach", "droplet_id": web});
        for number in 0..15 {
            let one = volume(&mut world, &format!("data-{number}"));
            act(&mut world, &one, &to);
        }
        let one = volume(&mut world, "data");
        assert!(no(&mut world, &one, &to).contains("15 volumes"));
    }
}
