//! Volumes, which Cinder has and Nova attaches.

use serde_json::{Value, json};

use crate::cloud::Who;
use crate::deployment::Deployment;

const KILLED: i32 = 128 + 9;

/// cloud.json with these volumes, by their names in the test, and servers that name some of them.
fn write(here: &Deployment, volumes: &Value, servers: &[(&str, &[&str])]) {
    let servers = servers.iter().map(|(name, of_it)| {
        let named: Vec<String> = of_it.iter().map(|name| here.name(name)).collect();
        ((*name).to_owned(), json!({"volumes": named}))
    });
    let servers = servers.collect::<serde_json::Map<String, Value>>();
    here.write(&json!({"networks": ["public"]}), &servers.into());
    let mut cloud: Value = serde_json::from_str(&here.place.text("cloud.json")).unwrap();
    let volumes = volumes.as_object().unwrap().iter();
    let named = volumes.map(|(name, volume)| (here.name(name), volume.clone()));
    cloud["volumes"] = named.collect::<serde_json::Map<String, Value>>().into();
    here.place.write("cloud.json", format!("{cloud:#}\n"));
}

/// The volumes of the test, each with its size and the server that it is on, as another client sees
/// them when it has done something.
fn seen(here: &Deployment, change: &str) -> Value {
    let snippet = format!(
        "
def volumes():
    return [v for v in cloud.block_storage.volumes() if v.name.startswith(given) and v.status != 'deleting']
def volume(name):
    return next(v for v in volumes() if v.name == given + name)
def is_settled():
    return all(v.status in ('available', 'in-use') for v in volumes())
{change}
until('volumes have settled', is_settled)
names = {{s.id: s.name[len(given):] for s in cloud.compute.servers()}}
answer = sorted([v.name[len(given):], v.size] + [names[a['server_id']] for a in v.attachments] for v in volumes())"
    );
    here.cloud
        .python(Who::Demo, &snippet, &json!(here.name("")))
}

fn gigabytes(size: u64) -> Value {
    json!({"size_gb": size})
}

/// Its volumes go with it only if that is allowed.
fn ends(here: &Deployment) {
    here.place
        .run("destroy -y --allow-wipe --settle 3s")
        .code(0);
    assert_eq!(here.servers(), [] as [String; 0]);
    assert_eq!(seen(here, ""), json!([]));
}

#[test]
fn a_volume_is_made_attached_grown_moved_and_kept() {
    let here = Deployment::of("disks");
    let (data, logs) = (
        json!({"size_gb": 1, "description": "what customers wrote"}),
        gigabytes(1),
    );
    write(
        &here,
        &json!({"data": data, "logs": logs}),
        &[("web1", &["data"]), ("web2", &[])],
    );
    here.place
        .run("plan")
        .code(0)
        .says("1 GB · RegionOne · attached to disks-web1")
        .says("gives no price for")
        .says("volume.disks-data and volume.disks-logs");
    here.place.run("apply -y").code(0).says("Apply complete!");
    here.is_finished();
    assert_eq!(seen(&here, ""), json!([["data", 1, "web1"], ["logs", 1]]));

    // Attached or not, it grows where it is.
    let volumes = json!({"data": {"size_gb": 2}, "logs": gigabytes(3)});
    write(&here, &volumes, &[("web1", &["data"]), ("web2", &[])]);
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("1 GB → 2 GB · permanent");
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), json!([["data", 2, "web1"], ["logs", 3]]));
    write(
        &here,
        &json!({"data": gigabytes(1)}),
        &[("web1", &["data"]), ("web2", &[])],
    );
    here.place
        .run("plan")
        .code(1)
        .says("cannot be made as small as 1 GB");

    // One moves, and the other comes to a server.
    write(&here, &volumes, &[("web1", &["logs"]), ("web2", &["data"])]);
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("move to disks-web2 · unmount it first")
        .says("attach to disks-web1");
    here.place.run("apply -y").code(0);
    here.is_finished();
    let moved = json!([["data", 2, "web2"], ["logs", 3, "web1"]]);
    assert_eq!(seen(&here, ""), moved);

    // What somebody detached is attached again.
    seen(
        &here,
        "
v = volume('data')
cloud.compute.delete_volume_attachment(v.attachments[0]['server_id'], v.id)
until('it is detached', lambda: volume('data').status == 'available')",
    );
    here.place
        .run("plan --detailed-exitcode")
        .code(2)
        .says("attach to disks-web2 · changed outside");
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), moved);

    // Without a state they are known by their marks.
    here.place.remove("cloud.state.json");
    here.place.run("state rebuild").code(0).says("2 volumes");
    here.is_finished();

    // Taken out with its server, or destroyed: nothing of it is lost unasked.
    write(&here, &json!({"data": {"size_gb": 2}}), &[("web2", &[])]);
    here.place
        .run("apply -y")
        .code(1)
        .says("the plan wipes volume disks-logs");
    here.place.run("destroy -y").code(1).says("the plan wipes");
    assert_eq!(seen(&here, ""), moved);
    here.place.run("apply -y --allow-wipe").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), json!([["data", 2]]));
    ends(&here);
}

#[test]
fn what_the_cloud_cannot_do_is_said_before_anything_is_made() {
    let here = Deployment::of("no-disk");
    for (volume, said) in [
        (
            json!({"size_gb": 1, "filesystem": "ext4"}),
            "volume no-disk-data cannot be made with a file system",
        ),
        (
            json!({"size_gb": 1, "region": "elsewhere"}),
            "volume no-disk-data cannot be made in elsewhere",
        ),
        // Cinder's own limit for a project is a thousand.
        (
            gigabytes(5000),
            "the account's quota of GB of volumes is too small",
        ),
    ] {
        write(&here, &json!({"data": volume}), &[("web1", &[])]);
        here.place
            .run("apply -y")
            .code(1)
            .says(said)
            .says("cloud.json:");
    }
    here.holds_nothing();
    assert_eq!(seen(&here, ""), json!([]));
}

/// Dies before this write that is about the volume `data`.
fn die_at(here: &mut Deployment, time: u8) {
    let own = format!("\"volume.{}\"", here.name("data"));
    let practice = format!("die=write:{own}:{time} tempo=0.2");
    here.place.set("CLOUDBUILDER_PRACTICE", &practice);
    here.place.run("apply -y --settle 3s").code(KILLED);
    here.place.unset("CLOUDBUILDER_PRACTICE");
}

#[test]
fn what_was_cut_off_is_completed_and_made_once() {
    let mut here = Deployment::of("cut-disk");
    write(
        &here,
        &json!({"data": gigabytes(1)}),
        &[("web1", &["data"]), ("web2", &[])],
    );
    // It is made, and nobody has written that down.
    die_at(&mut here, 2);
    assert_eq!(seen(&here, ""), json!([["data", 1]]));
    here.place.run("apply -y --settle 3s").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), json!([["data", 1, "web1"]]));

    // It is moved, and nobody has written that down.
    write(
        &here,
        &json!({"data": gigabytes(1)}),
        &[("web1", &[]), ("web2", &["data"])],
    );
    die_at(&mut here, 3);
    assert_eq!(seen(&here, ""), json!([["data", 1, "web2"]]));
    here.place.run("apply -y --settle 3s").code(0);
    here.place.run("apply -y").code(0);
    here.is_finished();
    assert_eq!(seen(&here, ""), json!([["data", 1, "web2"]]));

    // Another deployment's is not taken.
    here.place.enter("another");
    write(&here, &json!({"data": gigabytes(1)}), &[]);
    here.place
        .run("plan")
        .code(1)
        .says("volume.cut-disk-data belongs to another deployment");
    here.place.enter("deployment");
    here.is_finished();
    ends(&here);
}
