//! A plan's checksum: the same for a world in which nothing moved, another for whatever moved.

use std::collections::BTreeMap;

use cloudbuilder::model::{Account, Readiness};
use cloudbuilder::plan::{Checksum, Moved, Origin};
use cloudbuilder::resource::server;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::world::{World, servers};

impl World {
    /// The checksum of its plan; `None` if there can be none.
    pub(crate) fn checksum(&self) -> Option<Checksum> {
        let account = Account {
            provider: "toy".to_owned(),
            api_url: "http://127.0.0.1:1".to_owned(),
            id: "1".to_owned(),
            name: "somebody".to_owned(),
        };
        let origin = Origin {
            options: &Json::Null,
            configuration: &Json::Null,
            state: "",
            accounts: &BTreeMap::from([("default".to_owned(), account)]),
        };
        Some(Checksum::of(&self.plan().ok()?, &origin))
    }
}

fn world() -> World {
    World::made(&servers(&[("a", &["a.acme.com", "acme.com"]), ("b", &[])]))
        .asking_for(&servers(&[("a", &["a.acme.com"]), ("c", &["c.acme.com"])]))
}

#[test]
fn whatever_moves_in_the_account_gives_another() {
    let world = world();
    let checksum = world.checksum().expect("a plan");
    let mut moved = 0;
    for at in 0..world.observed.len() {
        let names: Vec<String> = world.observed[at]
            .attributes
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in names {
            // The zone was there before and is nobody's business.
            if world.observed[at].kind == "domain" {
                continue;
            }
            let mut other = world.clone();
            other.observed[at]
                .attributes
                .insert(name.clone(), json!("moved"));
            let what = format!("{} {name}", world.observed[at].kind);
            let Some(other) = other.checksum() else {
                // It is refused, which is as good.
                continue;
            };
            assert_ne!(other, checksum, "{what}");
            assert_eq!(other.differing(&checksum), [Moved::Answers], "{what}");
            moved += 1;
        }
        let mut gone = world.clone();
        gone.observed.remove(at);
        if let Some(gone) = gone.checksum() {
            assert_ne!(gone, checksum, "{:?} is gone", world.observed[at]);
        }
    }
    assert!(moved > 15, "{moved}");
}

#[test]
fn what_is_nobodys_business_gives_the_same() {
    let world = world();
    let checksum = world.checksum();
    assert!(checksum.is_some());
    let mut busy = world.clone();
    busy.add_server("others", &["theirs"]);
    busy.add_record("others.acme.com", "A", "203.0.113.9");
    busy.add_record("a.acme.com", "TXT", "hello");
    busy.observed.reverse();
    for seen in &mut busy.observed {
        seen.created = Some(Timestamp::UNIX_EPOCH);
    }
    assert_eq!(busy.checksum(), checksum);
}

#[test]
fn how_far_something_has_come_that_is_waited_for_gives_the_same() {
    let mut world = World::made(&servers(&[("a", &[])]));
    world.boot_again("server.a");
    let checksum = world.checksum();
    assert!(checksum.is_some());
    world.seen("server.a").readiness = Readiness::Pending("is nearly there".to_owned());
    let seen = &mut world.seen("server.a").attributes;
    seen.insert(server::IPV6_ADDRESS.to_owned(), json!("2001:db8::7"));
    seen.insert(server::POWER.to_owned(), json!("off"));
    assert_eq!(world.checksum(), checksum);
    world.seen("server.a").id = "4711".to_owned();
    assert_ne!(world.checksum(), checksum);
}
