//! What changes in place, and what is halfway through a change.

use cloudbuilder::model::{Readiness, Value};
use cloudbuilder::plan::Op;
use cloudbuilder::resource::server::{SIZE, SIZE_ID};

use crate::world::{RESIZING, World, servers};

fn resizing() -> World {
    let mut world = World::made(&servers(&[("web", &[])]));
    world.capabilities = &RESIZING;
    world
        .record_of("server.web")
        .attributes
        .insert(SIZE_ID.to_owned(), "small".into());
    world
}

/// A change of its size is not over.
fn halfway(world: &mut World) {
    world.seen("server.web").readiness = Readiness::Paused {
        attribute: SIZE,
        why: "it waits to be confirmed".to_owned(),
    };
}

#[test]
fn the_id_of_a_size_is_changed_along_with_it() {
    let world = resizing().asking_for(&servers(&[("web", &[])]).replace("small", "large"));
    world.expect("1 ~ server web: small → large · downtime $6.00 [size]");
    let plan = world.plan().unwrap();
    let Op::Update { attributes, .. } = &plan.steps[0].op else {
        panic!("{plan:?}")
    };
    let id = attributes.get(SIZE_ID).and_then(Value::known);
    assert_eq!(id, Some(&"large".into()));
}

#[test]
fn another_id_of_the_same_size_is_no_difference() {
    let mut world = resizing();
    world
        .record_of("server.web")
        .attributes
        .insert(SIZE_ID.to_owned(), "f7".into());
    world.expect("");
    world
        .seen("server.web")
        .attributes
        .insert(SIZE_ID.to_owned(), "f8".into());
    world.expect("");
}

#[test]
fn what_is_halfway_is_brought_to_its_end() {
    let mut world = resizing();
    halfway(&mut world);
    let note = "note: server web: a change of its size is not over: it waits to be confirmed; \
                this plan brings it to its end";
    world.expect(&format!("1 ~ server web: confirm small [size]\n{note}"));
    // Cut off before the state knew of it.
    let mut cut = resizing().asking_for(&servers(&[("web", &[])]).replace("small", "large"));
    cut.seen("server.web")
        .attributes
        .insert(SIZE.to_owned(), "large".into());
    halfway(&mut cut);
    cut.expect(&format!("1 ~ server web: confirm large [size]\n{note}"));
    // Somebody else has something else in mind.
    let mut other = resizing();
    other
        .seen("server.web")
        .attributes
        .insert(SIZE.to_owned(), "secret".into());
    halfway(&mut other);
    let text = other.text();
    assert!(
        text.starts_with("1 ~ server web: secret → small · changed outside · downtime"),
        "{text}"
    );
    assert!(text.ends_with(note), "{text}");
}
