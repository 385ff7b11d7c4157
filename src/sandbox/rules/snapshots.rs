//! Snapshots of Droplets and of volumes. They stay when what they are of goes. Nothing is made from one
//! here.

use super::droplets::find;
use super::volumes;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Snapshot, rfc3339};
use crate::sandbox::world::World;
use serde::Deserialize;
use serde_json::{Value, json};

/// Those of a Droplet, the oldest first.
pub(super) fn of(world: &World, droplet: u64) -> impl Iterator<Item = &Snapshot> {
    let all = world.snapshots.values();
    all.filter(move |snapshot| snapshot.droplet == droplet)
}

/// As the Droplet's own page has it, where ids are numbers.
pub(in crate::sandbox) fn list_of(world: &mut World, call: &Call) -> Outcome {
    let droplet = find(world, call)?.id;
    let views: Vec<Value> = of(world, droplet)
        .map(|snapshot| {
            let mut view = base(snapshot);
            view["id"] = snapshot.id.into();
            view["type"] = "snapshot".into();
            view
        })
        .collect();
    page(call, "snapshots", views.len(), views.iter())
}

/// All of them, or those of the kind that is asked for (openapi.json, `snapshots_list`).
pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let kind = call.query("resource_type");
    let all = world.snapshots.values();
    let wanted = all.filter(|snapshot| kind.is_none_or(|kind| kind == source(snapshot).0));
    let views: Vec<Value> = wanted.map(|snapshot| view(world, snapshot)).collect();
    page(call, "snapshots", views.len(), views.iter())
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    Answer::object(200, "snapshot", &view(world, by_id(world, call)?))
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = by_id(world, call)?.id;
    world.write(Entry::SnapshotGone(id));
    Ok(Answer::no_content())
}

pub(in crate::sandbox) fn list_of_volume(world: &mut World, call: &Call) -> Outcome {
    let world = &*world;
    let volume = &volumes::find(world, call)?.id;
    let all = world.snapshots.values();
    let its = all.filter(|snapshot| snapshot.volume.as_ref() == Some(volume));
    let views: Vec<Value> = its.map(|snapshot| view(world, snapshot)).collect();
    page(call, "snapshots", views.len(), views.iter())
}

#[derive(Deserialize)]
struct Asked {
    name: Option<String>,
    tags: Option<Vec<String>>,
}

/// There at once (openapi.json, `volumeSnapshots_create`: 201 and the snapshot).
pub(in crate::sandbox) fn create_of_volume(world: &mut World, call: &Call) -> Outcome {
    let volume = volumes::find(world, call)?.clone();
    let asked: Asked = call.json()?;
    if asked.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(Refusal::unprocessable("The sandbox tags no snapshots."));
    }
    let name = asked.name.filter(|name| !name.is_empty());
    let snapshot = Snapshot {
        name: name.ok_or_else(|| Refusal::unprocessable("A snapshot needs a name."))?,
        id: world.next_id(),
        droplet: 0,
        volume: Some(volume.id),
        region: volume.region,
        disk: volume.size,
        created: world.now,
    };
    world.write(Entry::Snapshot(snapshot.clone()));
    world.write(Entry::Counters(world.counters));
    Answer::object(201, "snapshot", &view(world, &snapshot))
}

fn by_id<'a>(world: &'a World, call: &Call) -> Result<&'a Snapshot, Refusal> {
    let mut all = world.snapshots.values();
    let found = all.find(|snapshot| id(world, snapshot) == call.param(0));
    found.ok_or_else(Refusal::not_found)
}

/// A number, or a UUID if it is of a volume.
fn id(world: &World, snapshot: &Snapshot) -> String {
    match snapshot.volume {
        None => snapshot.id.to_string(),
        Some(_) => world.invented_uuid(&format!("snapshot/{}", snapshot.id)),
    }
}

/// What it is of: the kind and the id.
fn source(snapshot: &Snapshot) -> (&'static str, String) {
    match &snapshot.volume {
        None => ("droplet", snapshot.droplet.to_string()),
        Some(volume) => ("volume", volume.clone()),
    }
}

/// As the list of all snapshots has it, where ids are text.
fn view(world: &World, snapshot: &Snapshot) -> Value {
    let (kind, source) = source(snapshot);
    let mut view = base(snapshot);
    view["id"] = id(world, snapshot).into();
    view["resource_id"] = source.into();
    view["resource_type"] = kind.into();
    view["tags"] = json!([]);
    view
}

fn base(snapshot: &Snapshot) -> Value {
    // What is paid for is what is on the disk: of a fresh system, and of a volume that is all but empty.
    let used = match snapshot.volume {
        None => 2.5,
        Some(_) => 0.5,
    };
    json!({
        "name": snapshot.name,
        "created_at": rfc3339(snapshot.created),
        "regions": [snapshot.region],
        "min_disk_size": snapshot.disk,
        "size_gigabytes": used,
    })
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{ask, get, test_world};
    use crate::sandbox::store::Kept;
    use serde_json::json;

    #[test]
    fn a_snapshot_outlives_its_droplet() {
        let mut world = test_world();
        let body = json!({
            "name": "web", "region": "nyc3", "size": "1gb", "image": "debian-13-x64",
        });
        let (_, made) = ask(&mut world, "POST", "/v2/droplets", &body);
        let one = format!("/v2/droplets/{}", made["droplet"]["id"]);
        world.advance(world.now + 2000);
        let take = json!({"type": "snapshot", "name": "last"});
        let (status, _) = ask(&mut world, "POST", &format!("{one}/actions"), &take);
        assert_eq!(status, 201);
        let count = |world: &mut _| get(world, "/v2/snapshots")["meta"]["total"].clone();
        assert_eq!(count(&mut world), 0, "it is not there yet");
        world.advance(world.now + 1000);
        let listed = get(&mut world, &format!("{one}/snapshots"));
        let snapshot = &listed["snapshots"][0];
        assert_eq!(snapshot["name"], "last");
        let droplet = get(&mut world, &one);
        assert_eq!(droplet["droplet"]["snapshot_ids"][0], snapshot["id"]);
        ask(&mut world, "DELETE", &one, &json!(null));
        assert_eq!(count(&mut world), 1);
        let by_id = format!("/v2/snapshots/{}", snapshot["id"]);
        assert_eq!(get(&mut world, &by_id)["snapshot"]["name"], "last");
    }

    #[test]
    fn both_sorts_are_listed_a_page_at_a_time_or_by_themselves() {
        let mut world = test_world();
        let body = json!({"name": "data", "region": "nyc3", "size_gigabytes": 10});
        let (_, made) = ask(&mut world, "POST", "/v2/volumes", &body);
        let volume = made["volume"]["id"].as_str().unwrap().to_owned();
        let its = format!("/v2/volumes/{volume}/snapshots");
        let (status, taken) = ask(&mut world, "POST", &its, &json!({"name": "data-1"}));
        assert_eq!(
            (status, &taken["snapshot"]["resource_id"]),
            (201, &json!(volume))
        );
        assert_eq!(ask(&mut world, "POST", &its, &json!({})).0, 422);
        let body = json!({
            "name": "web", "region": "nyc3", "size": "1gb", "image": "debian-13-x64",
        });
        let (_, made) = ask(&mut world, "POST", "/v2/droplets", &body);
        let actions = format!("/v2/droplets/{}/actions", made["droplet"]["id"]);
        world.advance(world.now + 2000);
        ask(
            &mut world,
            "POST",
            &actions,
            &json!({"type": "snapshot", "name": "web-1"}),
        );
        world.advance(world.now + 1000);

        let names = |world: &mut _, query: &str| -> Vec<String> {
            let listed = get(world, &format!("/v2/snapshots{query}"));
            let listed = listed["snapshots"].as_array().unwrap().clone();
            listed
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&mut world, ""), ["data-1", "web-1"]);
        assert_eq!(names(&mut world, "?per_page=1&page=2"), ["web-1"]);
        assert_eq!(names(&mut world, "?resource_type=volume"), ["data-1"]);
        assert_eq!(names(&mut world, "?resource_type=droplet"), ["web-1"]);
        assert_eq!(get(&mut world, &its)["meta"]["total"], 1);

        ask(
            &mut world,
            "DELETE",
            &format!("/v2/volumes/{volume}"),
            &json!(null),
        );
        let one = format!(
            "/v2/snapshots/{}",
            taken["snapshot"]["id"].as_str().unwrap()
        );
        assert_eq!(get(&mut world, &one)["snapshot"]["min_disk_size"], 10);
        assert_eq!(ask(&mut world, "DELETE", &one, &json!(null)).0, 204);
        assert_eq!(names(&mut world, ""), ["web-1"]);
    }
}
