//! Snapshots of Droplets. They stay when their Droplet goes. Nothing is made from one here.

use super::droplets::find;
use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Snapshot, rfc3339};
use crate::sandbox::world::World;
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

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let wanted = call
        .query("resource_type")
        .is_none_or(|kind| kind == "droplet");
    let all = world.snapshots.values().filter(|_| wanted);
    let views: Vec<Value> = all.map(view).collect();
    page(call, "snapshots", views.len(), views.iter())
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let snapshot = world.snapshots.get(&call.id(0)?);
    let snapshot = snapshot.ok_or_else(Refusal::not_found)?;
    Answer::object(200, "snapshot", &view(snapshot))
}

/// As the list of all snapshots has it, where ids are text.
fn view(snapshot: &Snapshot) -> Value {
    let mut view = base(snapshot);
    view["id"] = snapshot.id.to_string().into();
    view["resource_id"] = snapshot.droplet.to_string().into();
    view["resource_type"] = "droplet".into();
    view["tags"] = json!([]);
    view
}

fn base(snapshot: &Snapshot) -> Value {
    json!({
        "name": snapshot.name,
        "created_at": rfc3339(snapshot.created),
        "regions": [snapshot.region],
        "min_disk_size": snapshot.disk,
        // What is on the disk of a fresh system.
        "size_gigabytes": 2.5,
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
}
