//! Servers that are made anew where they are, and of which a copy is kept when they go.

use cloudbuilder::model::Money;
use cloudbuilder::plan::guard::{Limits, refusals};

use crate::world::{LIFECYCLE, World};

fn server(rest: &str) -> String {
    format!(
        r#"{{"version": 2, "servers": {{"web": {{"region": "new1", "size": "small",
            "image": "deb", {rest}}}}}}}"#
    )
}

const REBUILT: &str = r#""on_image_change": "rebuild""#;
const KEPT: &str = r#""on_destroy": "snapshot", "names": ["www.acme.com"]"#;

fn made(cloud: &str) -> World {
    let mut world = World::made(cloud);
    world.capabilities = &LIFECYCLE;
    world
}

#[test]
fn another_image_has_a_server_made_anew_where_it_is() {
    let world = made(&server(REBUILT)).asking_for(&server(REBUILT).replace("deb", "newer"));
    world.expect("1 ~ server web: rebuild: deb → newer · downtime · data loss: its disk [image]");
    let plan = world.plan().unwrap();
    let mut limits = Limits {
        max_destroy: None,
        allow_wipe: false,
        destroying: false,
    };
    let refused = refusals(&plan, limits);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(refused[0].summary, "the plan wipes server web");
    limits.allow_wipe = true;
    assert_eq!(refusals(&plan, limits), []);
}

#[test]
fn what_was_made_anew_already_is_not_made_anew() {
    let mut world = made(&server(REBUILT)).asking_for(&server(REBUILT).replace("deb", "newer"));
    // By its id, where it has no other name.
    let seen = &mut world.seen("server.web").attributes;
    seen.remove("image");
    seen.insert("made_from".to_owned(), "newer".into());
    // The state is to know, or taking that back would be no change.
    world.expect("1 & server web: take over 2, which is right already");
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.expect("");
    world
        .asking_for(&server(REBUILT))
        .expect("1 ~ server web: rebuild: newer → deb · downtime · data loss: its disk [image]");
}

#[test]
fn an_image_that_is_ignored_has_nothing_made_anew() {
    let ignoring = server(r#""on_image_change": "rebuild", "ignore": ["image"]"#);
    made(&ignoring)
        .asking_for(&ignoring.replace("deb", "newer"))
        .expect("");
}

#[test]
fn another_region_takes_another_server_all_the_same() {
    let asked = server(REBUILT).replace("new1", "old1");
    let text = made(&server(REBUILT)).asking_for(&asked).text();
    assert!(
        text.starts_with("1 +/- server web: another in place of 2 · region"),
        "{text}"
    );
}

#[test]
fn what_is_protected_is_not_made_anew() {
    let protected = server(&format!("{REBUILT}, \"protect\": true"));
    let asked = protected.replace("deb", "newer").replace("true", "false");
    let text = made(&protected).asking_for(&asked).text();
    assert!(
        text.contains("error: server.web is protected: with another image it would lose its disk"),
        "{text}"
    );
}

#[test]
fn where_nothing_is_made_anew_that_is_refused() {
    let mut world = made(&server(REBUILT)).asking_for(&server(REBUILT).replace("deb", "newer"));
    world.capabilities = &crate::world::RESIZING;
    let text = world.text();
    assert!(
        text.contains("this version cannot change the image"),
        "{text}"
    );
}

#[test]
fn a_copy_is_kept_of_what_left_the_file() {
    let mut world = made(&server(KEPT)).asking_for(r#"{"version": 2, "servers": {}}"#);
    world.expect(
        "
        1 - record www.acme.com A: → 10.0.0.2 · no longer in cloud.json
        2 - record www.acme.com AAAA: → 2001:db8::2 · no longer in cloud.json
        3 ~ server web: snapshot web-2 · stays · $0.05 a GB and month [snapshot] (after 1, 2)
        4 - server web: with its disk · no longer in cloud.json -$6.00 (after 1, 2, 3)
        5 - ssh_key key@acme.com: take out of the account · no longer in cloud.json (after 4)
    ",
    );
    // Nobody asks for it any more.
    world
        .record_of("server.web")
        .attributes
        .remove("on_destroy");
    assert!(!world.text().contains("snapshot"), "{}", world.text());
}

/// It is paid for by what is used of the disk, which nobody knows beforehand.
#[test]
fn what_a_copy_costs_at_most_is_told_where_the_size_is_known() {
    let mut world = made(&server(KEPT)).asking_for(r#"{"version": 2, "servers": {}}"#);
    let kept = |world: &World| {
        let plan = world.plan().unwrap();
        let mut kept = plan.steps.iter().filter_map(|step| step.kept);
        let one = kept.next().unwrap();
        assert!(kept.next().is_none());
        one.at_most
    };
    assert_eq!(kept(&world), None);
    let server = world.observed.iter_mut().find(|one| one.kind == "server");
    let attributes = &mut server.unwrap().attributes;
    attributes.insert("disk_gb".to_owned(), 25.into());
    assert_eq!(kept(&world), Some(Money::from_cents(125)));
    let text = world.text();
    let said = "snapshot web-2 · stays · at most $1.25 a month, $0.05 a GB [snapshot]";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_copy_is_kept_of_what_another_takes_the_place_of() {
    let world = made(&server(KEPT)).asking_for(&server(KEPT).replace("deb", "newer"));
    world.expect(
        "
        1 +/- server web: another in place of 2 · image deb → newer $6.00
        2 ~ record www.acme.com A: 10.0.0.2 → web's public IPv4 [data] (after 1)
        3 ~ record www.acme.com AAAA: 2001:db8::2 → web's public IPv6 [data] (after 1)
        4 … server web (2): wait 60 min · its address may be remembered (after 1, 2, 3)
        5 ~ server web (2): snapshot web-2 · stays · $0.05 a GB and month [snapshot] (after 1, 2, 3, 4)
        6 - server web (2): with its disk · another serves in its place -$6.00 (after 1, 2, 3, 4, 5)
        7 ~ file cloud.json: write networks of web
    ",
    );
}

/// What was asked for when the other was made holds for the one that it takes the place of, also if
/// a later run deletes that.
#[test]
fn a_copy_is_kept_by_a_later_run_too() {
    let newer = server(KEPT).replace("deb", "newer");
    let plain = server(r#""names": ["www.acme.com"]"#);
    let mut world = made(&plain).asking_for(&newer);
    world.drains = false;
    let plan = world.plan().unwrap();
    for step in &plan.steps {
        world.carry_out(step);
    }
    world.drains = true;
    let text = world.text();
    assert!(text.contains("~ server web (2): snapshot web-2"), "{text}");
}

#[test]
fn a_copy_is_kept_of_what_goes_first() {
    let first = format!("{KEPT}, \"replace\": \"destroy-first\"");
    let world = made(&server(&first)).asking_for(&server(&first).replace("deb", "newer"));
    let text = world.text();
    assert!(
        text.starts_with("1 ~ server web: snapshot web-2 · stays · $0.05 a GB and month [snapshot]\n2 - server web: with its disk"),
        "{text}"
    );
}

#[test]
fn what_is_made_anew_where_it_is_is_asked_again() {
    let checked = |image: &str| {
        let more =
            r#""on_image_change": "rebuild", "check": {"tcp": 22}, "names": ["www.acme.com"]"#;
        server(more).replace("deb", image)
    };
    let mut world = made(&checked("deb")).asking_for(&checked("newer"));
    world.expect(
        "
        1 ~ server web: to be asked again whether it serves [unanswered]
        2 ~ server web: rebuild: deb → newer · downtime · data loss: its disk [image] (after 1)
        3 … server web: until tcp 22 answers (after 1, 2)
    ",
    );
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    world.carry_out(&plan.steps[1]);
    world.expect("1 … server web: until tcp 22 answers");
}

#[test]
fn what_is_to_be_copied_is_so_also_if_that_is_said_with_what_replaces_it() {
    let mut world = made(&server("")).asking_for(
        &server(r#""on_destroy": "snapshot", "replace": "destroy-first""#).replace("deb", "newer"),
    );
    world.expect(
        "
        1 ~ server web: a snapshot before it goes, from now on [on_destroy]
        2 ~ server web: snapshot web-2 · stays · $0.05 a GB and month [snapshot] (after 1)
        3 - server web: with its disk · another is made in its place · downtime -$6.00 (after 1, 2)
        4 -/+ server web: another in place of 2 · image deb → newer $6.00 (after 1, 3)
        5 ~ file cloud.json: write networks of web
    ",
    );
    let plan = world.plan().unwrap();
    world.carry_out(&plan.steps[0]);
    // The rest fails, and it is taken out.
    world.asking_for(r#"{"version": 2, "servers": {}}"#).expect(
        "
            1 ~ server web: snapshot web-2 · stays · $0.05 a GB and month [snapshot]
            2 - server web: with its disk · no longer in cloud.json -$6.00 (after 1)
            3 - ssh_key key@acme.com: take out of the account · no longer in cloud.json (after 2)
        ",
    );
}
