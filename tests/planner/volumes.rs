//! Volumes: when they are attached and detached, and what is refused.

use cloudbuilder::model::{Capabilities, Diagnostic, Update};
use cloudbuilder::plan::guard::{Limits, refusals};
use serde_json::Value as Json;

use crate::world::{CAPABILITIES, FOREIGN, World};

static WITH_VOLUMES: Capabilities = Capabilities {
    kinds: &["ssh_key", "server", "volume", "domain", "record"],
    updates: &[
        Update::at_once("volume", &["size_gb"]),
        Update::at_once("volume", &["server"]),
    ],
    ..CAPABILITIES
};

fn cloud(volumes: &str, servers: &str) -> String {
    format!(
        r#"{{"version": 2, "volumes": {{{volumes}}},
            "defaults": {{"region": "new1", "size": "small", "image": "deb"}},
            "servers": {{{servers}}}}}"#
    )
}

const DATA: &str = r#""data": {"size_gb": 50}"#;
const ON_A: &str = r#""a": {"volumes": ["data"]}, "b": {}"#;

fn empty(cloud: &str) -> World {
    let mut world = World::new(cloud);
    world.capabilities = &WITH_VOLUMES;
    world
}

fn made(cloud: &str) -> World {
    let mut world = empty(cloud);
    let plan = world.plan().expect("an empty account takes everything");
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.expect("");
    world
}

/// What stands against the plan, each in a line with its hint.
fn problems(world: &World) -> Vec<String> {
    let found = world.plan().expect_err("it is refused");
    assert!(found.iter().all(|one| one.place.is_some()), "{found:?}");
    let told = found.into_iter().filter(Diagnostic::is_error);
    told.map(|one| format!("{} | {}", one.summary, one.hint.unwrap_or_default()))
        .collect()
}

#[test]
fn a_volume_comes_after_its_server_and_goes_before_it() {
    let all = cloud(DATA, r#""a": {"volumes": ["data"]}"#);
    empty(&all).expect(
        "
        1 + ssh_key key@acme.com: upload
        2 + server a: new1 · small · deb · ipv6 $6.00 (after 1)
        3 + volume data: 50 GB · new1 · attached to a $5.00 (after 2)
        4 ~ file cloud.json: write networks of a
    ",
    );
    let mut world = made(&all);
    world.destroying = true;
    world.expect(
        "
        1 - volume data: with all that is on it
        2 - server a: with its disk -$6.00 (after 1)
        3 - ssh_key key@acme.com: take out of the account (after 2)
        4 ~ file cloud.json: take out networks of a
    ",
    );
    let limits = |allow_wipe| Limits {
        max_destroy: None,
        allow_wipe,
        destroying: true,
    };
    let plan = world.plan().unwrap();
    assert!(refusals(&plan, limits(true)).is_empty());
    let refused = refusals(&plan, limits(false));
    assert_eq!(refused[0].summary, "the plan wipes volume data");
}

#[test]
fn it_moves_before_its_server_goes() {
    made(&cloud(DATA, ON_A))
        .asking_for(&cloud(DATA, r#""b": {"volumes": ["data"]}"#))
        .expect(
            "
        1 ~ volume data: move to b · unmount it first [server]
        2 - server a: with its disk · no longer in cloud.json -$6.00 (after 1)
        note: volume.data is detached from server.a: what is not written to it by then is lost
    ",
        );
}

#[test]
fn it_is_detached_where_nothing_names_it() {
    let data = r#""data": {"size_gb": 50, "region": "new1"}"#;
    let world = made(&cloud(DATA, ON_A)).asking_for(&cloud(data, r#""a": {}, "b": {}"#));
    world.expect(
        "
        1 ~ volume data: detach · unmount it first [server]
        note: volume.data is detached from server.a: what is not written to it by then is lost
    ",
    );
}

#[test]
fn it_grows_for_good_and_never_shrinks() {
    let world = made(&cloud(DATA, ON_A));
    let sized = |size: &str| cloud(&DATA.replace("50", size), ON_A);
    world.clone().asking_for(&sized("80")).expect(
        "
        1 ~ volume data: 50 GB → 80 GB · permanent $3.00 [size_gb]
    ",
    );
    assert_eq!(
        problems(&world.asking_for(&sized("20"))),
        [
            "volume data cannot be made as small as 20 GB | write 50; or make another volume beside \
             it, and move to that what is on it"
        ]
    );
}

#[test]
fn a_server_that_has_one_is_replaced_only_if_it_goes_first() {
    let newer = |more: &str| {
        let a = format!(r#""a": {{"image": "newer", "volumes": ["data"]{more}}}, "b": {{}}"#);
        cloud(DATA, &a)
    };
    let world = made(&cloud(DATA, ON_A));
    assert_eq!(
        problems(&world.clone().asking_for(&newer(""))),
        [
            "server.a cannot be replaced while volume data is on it | write \"replace\": \
             \"destroy-first\" for a: the volume stays, and is attached to the new one"
        ]
    );
    let first = newer(r#", "replace": "destroy-first""#);
    world.asking_for(&first).expect(
        "
        1 - server a: with its disk · another is made in its place · downtime -$6.00
        2 -/+ server a: another in place of 2 · image deb → newer $6.00 (after 1)
        3 ~ volume data: move to a · unmount it first [server] (after 2)
        4 ~ file cloud.json: write networks of a
        note: volume.data is detached from server.a: what is not written to it by then is lost
    ",
    );
}

#[test]
fn what_was_there_before_is_taken_over_only_as_it_is_and_stays() {
    let data = r#""data": {"size_gb": 50, "region": "new1"}"#;
    let mut world = made(&cloud(data, ""));
    world.seen("volume.data").owners.clear();
    let id = world.record_of("volume.data").id.clone();
    world.recorded.clear();
    world.expect(&format!(
        "
        1 & volume data: take over {id}, which is right already
    "
    ));
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.destroying = true;
    world.expect(
        "
        1 . volume data: stays in the account: it was in the account before
        note: volume.data stays in the account: it was in the account before; cloudbuilder forgets it
    ",
    );
    world.recorded.clear();
    world.destroying = false;
    // One that a stranger's server has, or that is another deployment's, is nobody's to take.
    let strangers = [("server".to_owned(), Json::from("77"))];
    let seen = world.observed.last_mut().unwrap();
    seen.attributes.extend(strangers);
    let told = problems(&world);
    assert!(
        told[0].starts_with("the account has another volume.data already"),
        "{told:?}"
    );
    world.observed.last_mut().unwrap().owners = vec![FOREIGN.to_owned()];
    assert!(problems(&world)[0].starts_with("volume.data belongs to another deployment"));
}

#[test]
fn a_region_that_makes_none_is_refused_with_what_was_meant() {
    let logs = |region: &str| format!(r#""logs": {{"size_gb": 1, "region": "{region}"}}"#);
    for (region, hint) in [
        (
            "new2",
            "did you mean `new1`? `cloudbuilder catalog regions`",
        ),
        ("old1", "`cloudbuilder catalog regions`"),
    ] {
        let told = problems(&empty(&cloud(&logs(region), r#""a": {}"#)));
        let expected = format!("volume logs cannot be made in {region} | {hint} lists them all");
        assert_eq!(told, [expected]);
    }
}

#[test]
fn a_cloud_without_volumes_refuses_them_by_name() {
    let mut world = empty(&cloud(DATA, ON_A));
    world.capabilities = &CAPABILITIES;
    let told = problems(&world);
    assert!(
        told[0].starts_with("account `default` offers no volumes"),
        "{told:?}"
    );
}

/// Where volumes are bare, and nobody says what anything costs.
static BARE: Capabilities = Capabilities {
    prices: false,
    lacks: &[("volume", "filesystem")],
    ..WITH_VOLUMES
};

#[test]
fn an_account_that_is_one_region_has_them_there_at_a_price_that_nobody_knows() {
    let planned = |volume: &str| {
        let mut world = empty(&cloud(&format!(r#""data": {{{volume}}}"#), ""));
        world.capabilities = &BARE;
        world.only_region = Some("New1");
        world
    };
    let world = planned(r#""size_gb": 50"#);
    let plan = world.plan().unwrap();
    let volume = plan
        .steps
        .iter()
        .find(|step| step.kind == "volume")
        .unwrap();
    assert_eq!((&*volume.detail, volume.monthly), ("50 GB · New1", None));
    assert_eq!(plan.cost.unknown, ["volume.data".parse().unwrap()]);
    assert_eq!(
        problems(&planned(r#""size_gb": 50, "region": "old1""#)),
        [
            "volume data cannot be made in old1 | remove `region`, or name another account with \
             `provider`"
        ]
    );
    assert_eq!(
        problems(&planned(r#""size_gb": 50, "filesystem": "ext4""#)),
        [
            "volume data cannot be made with a file system | leave `filesystem` out, and format it \
             on its server"
        ]
    );
}

/// A run that was cut off may have made it for a server that shall not have it any more.
#[test]
fn one_that_is_on_no_server_yet_goes_where_it_is_wanted_now() {
    let mut world = made(&cloud(DATA, ON_A));
    world.record_of("volume.data").ready = false;
    let none = ("server".to_owned(), Json::Null);
    world.seen("volume.data").attributes.extend([none]);
    world.expect("1 ~ volume data: attach to a [server]");
    let on_b = r#""a": {}, "b": {"volumes": ["data"]}"#;
    world
        .asking_for(&cloud(DATA, on_b))
        .expect("1 ~ volume data: attach to b [server]");
}
