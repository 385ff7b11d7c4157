use super::super::Ground;
use super::super::around;
use super::super::cloud::{Scenario, Server as Wanted};
use super::super::terms::Terms;
use super::super::world::{Form, Key, Thing, Zone};
use super::*;
use crate::model::{Attributes, Origin, Recorded};

/// A deployment of one server and one name that came out right, beside a stranger's.
struct Bench {
    before: World,
    world: World,
    state: State,
    /// What was wanted before, and what came of it.
    earlier: Option<(Stage, World)>,
    stage: Stage,
    shared: bool,
}

fn terms() -> Terms {
    Ground::DigitalOcean.terms(0)
}

fn zone(name: &str) -> Zone {
    Zone {
        id: name.into(),
        name: name.into(),
    }
}

fn record(id: &str, name: &str, data: &str) -> Record {
    Record {
        id: id.into(),
        name: name.into(),
        kind: "A".into(),
        data: data.into(),
    }
}

fn server(id: &str, name: &str, tag: Option<&str>, address: &str) -> Server {
    Server {
        id: id.into(),
        name: name.into(),
        tags: tag.map(ToOwned::to_owned).into_iter().collect(),
        addresses: vec![address.into()],
        private: None,
        reserved: None,
        vpc: None,
        form: None,
    }
}

fn recorded(address: &str, id: &str) -> Recorded {
    Recorded {
        address: address.parse().unwrap(),
        account: "default".into(),
        id: id.into(),
        origin: Origin::Created,
        ready: true,
        attributes: Attributes::new(),
        refers_to: Vec::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn bench() -> Bench {
    let before = World {
        servers: vec![server("1", "stranger", None, "198.18.0.1")],
        zones: vec![zone("other.net")],
        records: vec![record("2", "old.other.net", "192.0.2.7")],
        ..World::default()
    };
    let mut state = State::new();
    let tag = format!("cloudbuilder:{}", state.lineage);
    for (address, id) in [
        ("server.web", "11"),
        ("record.acme.com/A", "12"),
        ("domain.acme.com", "acme.com"),
        ("ssh_key.default", "13"),
    ] {
        let one = recorded(address, id);
        state.resources.insert(one.address.clone(), one);
    }
    let mut world = before.clone();
    let [size, _, _] = terms().sizes;
    world.servers.push(Server {
        form: Some(Form {
            size: size.to_owned(),
            image: None,
            backups: false,
            is_on: true,
        }),
        ..server("11", "web", Some(&tag), "198.18.0.2")
    });
    world.zones.push(zone("acme.com"));
    world.records.push(record("12", "acme.com", "198.18.0.2"));
    world.keys.push(Key {
        id: "13".into(),
        public_key: terms().key,
    });
    let web = Wanted {
        name: "web".into(),
        ipv6: false,
        ..Scenario::fixed(&terms()).stages[0].servers[0].clone()
    };
    let stage = Stage {
        servers: vec![Wanted {
            names: vec!["acme.com".into()],
            ..web
        }],
        ..Stage::default()
    };
    Bench {
        before,
        world,
        state,
        earlier: None,
        stage,
        shared: false,
    }
}

impl Bench {
    fn judge(&self) -> Verdict {
        let earlier = self.earlier.as_ref();
        let stages: Vec<Stage> = earlier
            .map(|(stage, _)| stage)
            .into_iter()
            .chain([&self.stage])
            .cloned()
            .collect();
        judge(&Case {
            before: &self.before,
            earlier: earlier.map_or(&self.before, |(_, world)| world),
            account: "default",
            key: &terms().key,
            shares_account: self.shared,
            stages: &stages,
            tagless: false,
            world: &self.world,
            state: Some(&self.state),
            cloud_json: "198.18.0.2",
        })
    }

    /// Duplicates and orphans, once it came out wrong.
    fn counts(&self) -> (usize, usize) {
        let verdict = self.judge();
        assert_ne!(verdict.problems, Vec::<String>::new());
        (verdict.duplicates, verdict.orphans)
    }
}

#[test]
fn what_came_out_right_has_no_problems() {
    assert_eq!(bench().judge().problems, Vec::<String>::new());
}

#[test]
fn a_twin_is_a_duplicate_that_nobody_knows_of() {
    let mut bench = bench();
    let mut twin = bench.world.servers[1].clone();
    twin.id = "10".into();
    bench.world.servers.insert(0, twin);
    assert_eq!(bench.counts(), (1, 1));
    let mut bench = self::bench();
    bench
        .world
        .records
        .insert(0, record("9", "acme.com", "198.18.0.2"));
    assert_eq!(bench.counts(), (1, 1));
}

#[test]
fn everything_else_that_can_be_wrong_is() {
    fn form(bench: &mut Bench) -> &mut Form {
        bench.world.servers[1].form.as_mut().unwrap()
    }
    let wrong: [fn(&mut Bench); 18] = [
        |bench| form(bench).is_on = false,
        |bench| form(bench).size.push('0'),
        |bench| form(bench).backups = true,
        |bench| bench.world.servers[0].name.push('x'),
        |bench| bench.world.servers[0].tags.push("taken".into()),
        |bench| bench.world.records[0].data.push('0'),
        |bench| {
            let floating = "a floating IP is on no server".to_owned();
            bench.world.stray.push(floating);
        },
        |bench| drop(bench.world.zones.remove(0)),
        |bench| bench.world.servers[1].tags.clear(),
        |bench| drop(bench.world.servers.pop()),
        |bench| bench.world.records[1].data.push('0'),
        |bench| drop(bench.world.records.pop()),
        |bench| drop(bench.world.keys.pop()),
        |bench| bench.world.zones.truncate(1),
        |bench| drop(bench.state.resources.pop_first()),
        |bench| {
            for recorded in bench.state.resources.values_mut() {
                recorded.ready = false;
            }
        },
        |bench| {
            for recorded in bench.state.resources.values_mut() {
                recorded.id.push('0');
            }
        },
        |bench| bench.stage.servers[0].names.clear(),
    ];
    for (number, break_it) in wrong.iter().enumerate() {
        let mut bench = bench();
        break_it(&mut bench);
        let verdict = bench.judge();
        assert!(
            !verdict.problems.is_empty(),
            "number {number} goes unnoticed"
        );
    }
}

#[test]
fn after_destroying_only_strangers_things_may_be_left() {
    let mut bench = bench();
    bench.stage.destroy = true;
    assert_eq!(bench.counts().0, 0);
    bench.world = bench.before.clone();
    bench.state.resources.clear();
    assert_eq!(bench.judge().problems, Vec::<String>::new());
    bench.world.zones.push(zone("acme.com"));
    assert_eq!(bench.counts(), (0, 1));
    bench.world.zones.pop();
    bench.world.keys.push(Key {
        id: "13".into(),
        public_key: terms().key,
    });
    assert_eq!(bench.counts(), (0, 0));
    // Servers of others keep it there.
    bench.shared = true;
    assert_eq!(bench.judge().problems, Vec::<String>::new());
}

#[test]
fn what_stands_around_is_there_once_as_it_was_asked_for() {
    let thing = |bench: &mut Bench, form: &str| {
        bench.world.things.push(Thing {
            kind: "vpc",
            id: "20".into(),
            name: "net-nyc3".into(),
            form: form.into(),
        });
    };
    let mut bench = bench();
    bench.stage.around.things.push(around::vpc("nyc3", "one"));
    assert_eq!(bench.judge().problems, ["vpc net-nyc3 is missing"]);
    thing(&mut bench, "nyc3 one");
    assert_eq!(bench.counts(), (0, 1));
    let one = recorded("vpc.net-nyc3", "20");
    bench.state.resources.insert(one.address.clone(), one);
    assert_eq!(bench.judge().problems, Vec::<String>::new());
    bench.world.things.clear();
    thing(&mut bench, "nyc3 two");
    assert_eq!(
        bench.judge().problems,
        ["vpc net-nyc3 (nyc3 two) should be nyc3 one"]
    );
    bench.stage.around.things.clear();
    assert_eq!(bench.counts(), (1, 0));
}

#[test]
fn what_could_stay_has_stayed_and_what_went_was_copied() {
    let mut bench = bench();
    let mut earlier = bench.world.clone();
    bench.earlier = Some((bench.stage.clone(), earlier.clone()));
    assert_eq!(bench.judge().problems, Vec::<String>::new());
    // It was another one.
    earlier.servers[1].id = "10".into();
    bench.earlier = Some((bench.stage.clone(), earlier.clone()));
    assert_eq!(
        bench.judge().problems,
        ["server web (id 10) is another one now"]
    );
    // It had to be, and there should be a copy of it.
    let mut before = bench.stage.clone();
    before.servers[0].image = "another";
    before.servers[0].manner.snapshot = true;
    bench.earlier = Some((before, earlier));
    assert_eq!(bench.judge().problems, ["there is no snapshot web-10"]);
    bench.world.snapshots = vec!["web-10".into()];
    assert_eq!(bench.judge().problems, Vec::<String>::new());
    bench.world.snapshots = vec!["web-10".into(), "web-11".into()];
    assert_eq!(
        bench.judge().problems,
        ["snapshot web-11 is there and not wanted"]
    );
}
