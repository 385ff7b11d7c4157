//! What holds for every plan, from random clouds and accounts in random disorder.

use std::collections::{BTreeMap, BTreeSet};

use cloudbuilder::model::{Address, Diagnostic, Observed, Readiness, Recorded, Value};
use cloudbuilder::plan::{Op, Part, Pattern, Plan, Reason, Verb};
use cloudbuilder::resource::{kind, record, reserved_ip, server};
use proptest::prelude::*;
use serde_json::json;

use crate::renames::RENAMED;
use crate::reserved::RESERVED;
use crate::world::{FOREIGN, OURS, World};

/// The DNS names that servers may have, and the zones they may lie in.
const NAMES: &[&str] = &[
    "acme.com",
    "www.acme.com",
    "api.eu.acme.com",
    "eu.acme.com",
    "other.net",
    "*.other.net",
];
const ZONES: &[&str] = &["eu.acme.com", "other.net"];
const SERVERS: &[&str] = &["a", "b", "c", "D"];
const RESERVED_IPS: &[&str] = &["one", "two"];

/// A cloud.json: which servers there are, and which of them each name leads to.
#[derive(Clone, Debug)]
struct Asked {
    servers: Vec<bool>,
    names: Vec<Option<usize>>,
    domains: Vec<bool>,
    /// Which servers are made from the newer image.
    newer: Vec<bool>,
    /// Which server has each reserved IP.
    reserved: Vec<Option<usize>>,
    /// Whether those that none has are asked for all the same.
    keeps: bool,
}

impl Asked {
    /// The reserved IP of a server: of several, the first.
    fn reserved_by(&self, server: usize) -> Option<&'static str> {
        let at = self.reserved.iter().position(|to| *to == Some(server))?;
        Some(RESERVED_IPS[at])
    }

    fn text(&self) -> String {
        let servers = SERVERS
            .iter()
            .enumerate()
            .filter(|(at, _)| self.servers[*at]);
        let servers: serde_json::Map<_, _> = servers
            .map(|(at, server)| {
                let names = NAMES.iter().zip(&self.names);
                let names: Vec<&str> = names
                    .filter(|(_, to)| **to == Some(at))
                    .map(|(name, _)| *name)
                    .collect();
                // A server stays where it is, so its region hangs on its name.
                let region = if at == 1 { "old1" } else { "new1" };
                let image = if self.newer[at] { "newer" } else { "deb" };
                // What something forbids two of hangs on its name too.
                let replace = ["destroy-first", "create-first"][at.min(1)];
                let mut server_json = json!({"region": region, "size": "small", "image": image,
                    "names": names, "replace": replace});
                // And whether it has to show that it serves.
                if at > 1 {
                    server_json["check"] = json!({"tcp": 22});
                }
                if let Some(reserved) = self.reserved_by(at) {
                    server_json["reserved_ip"] = json!(reserved);
                }
                ((*server).to_owned(), server_json)
            })
            .collect();
        let domains = ["made.org", "other.net"].iter().zip(&self.domains);
        let domains: Vec<&str> = domains
            .filter(|(_, wanted)| **wanted)
            .map(|(d, _)| *d)
            .collect();
        let named = |name: &str| {
            let there = (0..SERVERS.len()).filter(|at| self.servers[*at]);
            let mut named = there.map(|at| self.reserved_by(at));
            named.any(|named| named == Some(name))
        };
        let reserved = RESERVED_IPS.iter();
        let reserved: serde_json::Map<_, _> = reserved
            .filter(|name| self.keeps || named(name))
            .map(|name| ((*name).to_owned(), json!({})))
            .collect();
        json!({"version": 2, "servers": servers, "domains": domains, "reserved_ips": reserved})
            .to_string()
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        prop::collection::vec(prop::bool::weighted(0.7), SERVERS.len()),
        prop::collection::vec(prop::option::weighted(0.7, 0..SERVERS.len()), NAMES.len()),
        prop::collection::vec(prop::bool::weighted(0.3), 2),
        prop::collection::vec(prop::bool::weighted(0.3), SERVERS.len()),
        prop::collection::vec(
            prop::option::weighted(0.5, 0..SERVERS.len()),
            RESERVED_IPS.len(),
        ),
    )
        .prop_map(|(servers, names, domains, newer, reserved)| Asked {
            servers,
            names,
            domains,
            newer,
            reserved,
            keeps: false,
        })
}

/// Something that somebody else does to the account, or that a crash does to the state.
#[derive(Clone, Debug)]
enum Meddling {
    Delete(usize),
    PointElsewhere(usize),
    PointAtServer(usize, usize),
    Rename(usize),
    AddRecord(usize, bool),
    Copy(usize),
    AddServer(usize, Option<bool>),
    ForgetOne(usize),
    AddZone(usize),
    RemoveZone(usize),
    Boot(usize),
    TakeOff(usize),
    Reserve(usize),
}

fn meddling() -> impl Strategy<Value = Meddling> {
    let which = 0..20usize;
    prop_oneof![
        which.clone().prop_map(Meddling::Delete),
        which.clone().prop_map(Meddling::PointElsewhere),
        (which.clone(), which.clone()).prop_map(|(r, s)| Meddling::PointAtServer(r, s)),
        which.clone().prop_map(Meddling::Rename),
        (0..NAMES.len(), any::<bool>()).prop_map(|(n, v6)| Meddling::AddRecord(n, v6)),
        which.clone().prop_map(Meddling::Copy),
        (0..SERVERS.len(), prop::option::of(any::<bool>()))
            .prop_map(|(s, whose)| Meddling::AddServer(s, whose)),
        which.clone().prop_map(Meddling::ForgetOne),
        (0..ZONES.len()).prop_map(Meddling::AddZone),
        (0..ZONES.len()).prop_map(Meddling::RemoveZone),
        which.clone().prop_map(Meddling::Boot),
        which.clone().prop_map(Meddling::TakeOff),
        which.prop_map(Meddling::Reserve),
    ]
}

impl World {
    fn meddle(&mut self, meddling: &Meddling) {
        match *meddling {
            Meddling::Delete(which) => {
                if let Some(at) = which.checked_rem(self.observed.len())
                    && self.observed[at].kind != "domain"
                {
                    let gone = &self.observed[at];
                    let (kind, id) = (gone.kind, gone.id.clone());
                    self.vanish(kind, &id);
                }
            }
            Meddling::PointElsewhere(which) => {
                if let Some(record) = self.nth("record", which) {
                    set(record, record::DATA, "203.0.113.9");
                }
            }
            Meddling::PointAtServer(which, other) => {
                let server = self.nth("server", other).cloned();
                let ip = server.and_then(|s| s.text(server::IPV4_ADDRESS).map(ToOwned::to_owned));
                if let (Some(ip), Some(record)) = (ip, self.nth("record", which))
                    && record.text(record::TYPE) == Some("A")
                {
                    set(record, record::DATA, &ip);
                }
            }
            Meddling::Rename(which) => {
                if let Some(record) = self.nth("record", which) {
                    let zone = record.text(record::ZONE).unwrap().to_owned();
                    set(record, record::NAME, &format!("renamed.{zone}"));
                }
            }
            Meddling::AddRecord(name, v6) => {
                let (record_type, data) = if v6 {
                    ("AAAA", "2001:db8::9")
                } else {
                    ("TXT", "hello")
                };
                if cloudbuilder::resource::domain::zone_of(NAMES[name], &self.zones()).is_some() {
                    self.add_record(NAMES[name], record_type, data);
                }
            }
            Meddling::Copy(which) => {
                if let Some(record) = self.nth("record", which).cloned() {
                    self.put("record", record.attributes, Vec::new());
                }
            }
            Meddling::AddServer(which, whose) => {
                let owner = whose.map(|ours| if ours { OURS } else { FOREIGN });
                let owners: Vec<&str> = owner.into_iter().collect();
                let id = self.add_server(SERVERS[which], &owners);
                let there = self.observed.iter_mut().find(|o| o.id == id).unwrap();
                if which == 1 {
                    set(there, server::REGION, "old1");
                    there
                        .attributes
                        .insert(server::IPV6.to_owned(), json!(false));
                    self.come_up(&id);
                }
            }
            Meddling::ForgetOne(which) => {
                if let Some(at) = which.checked_rem(self.recorded.len()) {
                    let address = self.recorded.keys().nth(at).unwrap().clone();
                    self.recorded.remove(&address);
                }
            }
            Meddling::AddZone(which) => {
                if !self.zones().contains(ZONES[which]) {
                    self.add_zone(ZONES[which]);
                }
            }
            Meddling::RemoveZone(which) => self.observed.retain(|observed| {
                observed.id != ZONES[which] && observed.text(record::ZONE) != Some(ZONES[which])
            }),
            Meddling::TakeOff(which) => {
                if let Some(address) = self.nth("reserved_ip", which) {
                    let none = (reserved_ip::SERVER.to_owned(), json!(null));
                    address.attributes.extend([none]);
                    address.monthly = Some(reserved_ip::UNASSIGNED);
                }
            }
            Meddling::Reserve(which) => {
                let server = self.nth("server", which).map(|server| server.id.clone());
                let has_one = |id: &String| {
                    let mut all = self.observed.iter();
                    all.any(|o| o.text(reserved_ip::SERVER) == Some(id))
                };
                if let Some(server) = server.filter(|id| !has_one(id)) {
                    let on = (reserved_ip::SERVER.to_owned(), json!(server));
                    self.put("reserved_ip", [on].into_iter().collect(), Vec::new());
                }
            }
            Meddling::Boot(which) => {
                let servers = self.recorded.keys().filter(|a| a.kind() == "server");
                let servers: Vec<String> = servers.map(ToString::to_string).collect();
                if let Some(at) = which.checked_rem(servers.len()) {
                    let address = servers[at].clone();
                    let id = self.record_of(&address).id.clone();
                    if self
                        .observed
                        .iter()
                        .any(|o| o.kind == "server" && o.id == id)
                    {
                        self.boot_again(&address);
                    }
                }
            }
        }
    }

    fn nth(&mut self, kind: &str, which: usize) -> Option<&mut Observed> {
        let count = self.observed.iter().filter(|o| o.kind == kind).count();
        let at = which.checked_rem(count)?;
        self.observed.iter_mut().filter(|o| o.kind == kind).nth(at)
    }

    /// What this deployment has no business with: other deployments' things, and records of
    /// names and types that nobody asked for.
    fn not_ours(&self) -> Vec<Observed> {
        let ids: BTreeSet<(&str, &str)> = self
            .recorded
            .values()
            .map(|r| (r.address.kind(), r.id.as_str()))
            .collect();
        let wanted: BTreeSet<String> = self
            .desired()
            .iter()
            .map(|d| d.address.to_string())
            .collect();
        let others = self.observed.iter().filter(|observed| {
            let marked = observed.owners.iter().any(|owner| owner == OURS);
            let named = match observed.kind {
                "record" => {
                    let (name, kind) = (observed.text("name"), observed.text("type"));
                    wanted.contains(&format!("record.{}/{}", name.unwrap(), kind.unwrap()))
                }
                "server" => {
                    observed.owners.is_empty()
                        && wanted.contains(&format!("server.{}", observed.text("name").unwrap()))
                }
                _ => true,
            };
            !marked && !named && !ids.contains(&(observed.kind, observed.id.as_str()))
        });
        others.cloned().collect()
    }

    /// Whether nothing of what is recorded is there.
    fn is_all_gone(&self) -> bool {
        let is_there = |recorded: &Recorded| {
            let mut all = self.observed.iter();
            all.any(|o| (o.kind, &o.id) == (recorded.address.kind(), &recorded.id))
        };
        !self.recorded.is_empty() && !self.recorded.values().any(is_there)
    }

    /// All that is wanted or recorded.
    fn addresses(&self) -> BTreeSet<Address> {
        let wanted = self.desired().into_iter().map(|desired| desired.address);
        wanted.chain(self.recorded.keys().cloned()).collect()
    }

    /// Some addresses of all that are wanted or recorded, as patterns.
    fn some_addresses(&self, which: &[prop::sample::Index]) -> Vec<Pattern> {
        let all: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let some = which.iter().filter(|_| !all.is_empty());
        some.map(|index| index.get(&all).parse().unwrap()).collect()
    }

    /// What is left out is in account and state as it was.
    fn assert_left_alone(
        &self,
        part: &Plan,
        (observed, recorded): (Vec<Observed>, BTreeMap<Address, Recorded>),
    ) {
        let left_out = part.actions.iter();
        for action in left_out.filter(|action| action.reason == Reason::LeftOut) {
            let was = &recorded[&action.address];
            assert_eq!(self.recorded.get(&action.address), Some(was));
            let is = |seen: &&Observed| seen.kind == action.address.kind() && seen.id == was.id;
            let before = observed.iter().find(is);
            assert_eq!(self.observed.iter().find(is), before, "{action:?}");
        }
    }

    /// What account and state hold in the end, whichever ids and addresses were given out on the way.
    fn holds(&self) -> (Vec<(String, &'static str)>, Vec<String>) {
        let mut observed: Vec<_> = self
            .observed
            .iter()
            .map(|seen| {
                let texts =
                    ["name", "type", "zone"].map(|name| seen.text(name).unwrap_or_default());
                (texts.join(" "), seen.kind)
            })
            .collect();
        observed.sort();
        let recorded = self.recorded.keys().map(ToString::to_string);
        (observed, recorded.collect())
    }

    /// Every server once, and every name leading to its server.
    fn assert_as_asked(&self) {
        for wanted in self.parsed().servers {
            let name = &wanted.name.value;
            let recorded = &self.recorded[&format!("server.{name}").parse().unwrap()];
            let server = self
                .observed
                .iter()
                .find(|o| o.kind == "server" && o.id == recorded.id);
            let server = server.unwrap();
            assert!(server.owners.iter().any(|owner| owner == OURS));
            assert_eq!(server.readiness, Readiness::Ready);
            if let Some(named) = &wanted.reserved_ip {
                let address = format!("reserved_ip.{}", named.value);
                let reserved = &self.recorded[&address.parse().unwrap()];
                let mut all = self.observed.iter();
                let on = all.find(|o| o.id == reserved.id).unwrap();
                let stays = !self.drains && reserved.text(reserved_ip::FORGOTTEN_AT).is_some();
                let is = on.text(reserved_ip::SERVER);
                assert!(stays || is == Some(&*recorded.id), "{address} is on {is:?}");
            }
            for name in &wanted.names {
                for (kind, attribute) in
                    [("A", server::IPV4_ADDRESS), ("AAAA", server::IPV6_ADDRESS)]
                {
                    let leads_to: BTreeSet<&str> = self
                        .observed
                        .iter()
                        .filter(|o| o.text(record::NAME) == Some(&name.value))
                        .filter(|o| o.text(record::TYPE) == Some(kind))
                        .filter_map(|o| o.text(record::DATA))
                        .collect();
                    let reserved = wanted.reserved_ip.as_ref().filter(|_| kind == "A");
                    let reserved = reserved.map(|named| {
                        let address = format!("reserved_ip.{}", named.value);
                        self.recorded[&address.parse().unwrap()].id.as_str()
                    });
                    let right = reserved.or_else(|| server.text(attribute));
                    let right: BTreeSet<&str> = right.into_iter().collect();
                    assert_eq!(leads_to, right, "{} {kind}", name.value);
                }
            }
        }
    }
}

fn set(observed: &mut Observed, attribute: &str, value: &str) {
    observed
        .attributes
        .insert(attribute.to_owned(), value.into());
}

/// What must hold for a plan by itself.
fn assert_sound(world: &World, plan: &Plan) {
    let mut addresses = BTreeSet::new();
    let mut first = BTreeSet::new();
    let mut number_of = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        assert_eq!(step.number, at + 1);
        assert!(step.waits_for.iter().all(|first| *first < step.number));
        assert!(step.waits_for.is_sorted());
        if let Some(address) = step.op.address() {
            // What is taken over, or waited for, may be led elsewhere in the same plan.
            // What is replaced is waited for, and then it goes.
            let is_second = !matches!(
                step.op,
                Op::Import { .. } | Op::Drain { .. } | Op::Await { .. }
            ) && first.contains(address);
            // What is made, or waited for, may be asked whether it serves.
            let asks = matches!(step.op, Op::Check { .. });
            // What only the state has to say of it is a step of its own.
            let notes = step.op.is_for_the_state();
            assert!(
                notes || addresses.insert(address) || is_second || asks,
                "{address} has two steps"
            );
            let is_wanted = || world.desired().iter().any(|one| one.address == *address);
            let is_first = match step.op {
                Op::Import { .. } | Op::Drain { .. } | Op::Await { .. } => true,
                Op::Delete { .. } => is_wanted(),
                _ => false,
            };
            if is_first {
                first.insert(address);
            }
            number_of.insert(address, step.number);
        }
    }
    for step in &plan.steps {
        let Op::Delete { address, .. } = &step.op else {
            continue;
        };
        // One that goes before another takes its place is led to still.
        if world.desired().iter().any(|one| one.address == *address) {
            continue;
        }
        let referrers = world
            .recorded
            .values()
            .filter(|r| r.refers_to.contains(address));
        for referrer in referrers {
            let first = number_of.get(&referrer.address);
            let first =
                first.unwrap_or_else(|| panic!("{} still needs {address}", referrer.address));
            assert!(
                step.waits_for.contains(first),
                "{address} does not wait for {first}"
            );
        }
    }
    let mut seen = BTreeSet::new();
    for action in &plan.actions {
        assert!(
            seen.insert(&action.address),
            "{} has two actions",
            action.address
        );
    }
}

/// What a part of a plan may be: of the whole plan's actions, with all that its steps need.
fn assert_within(world: &World, part: &Plan, whole: &Plan) {
    let mut left_out = 0;
    for action in &part.actions {
        match action.reason {
            Reason::LeftOut => left_out += 1,
            _ => assert!(
                whole.actions.contains(action),
                "only in the part: {action:?}"
            ),
        }
    }
    assert!(left_out == 0 || !world.part.is_whole());
    let acting = |plan: &Plan| {
        let acts = plan
            .actions
            .iter()
            .filter(|action| action.verb != Verb::NoOp);
        acts.count()
    };
    assert!(acting(whole) - acting(part) <= part.left_out);
    let planned = |address: &Address| {
        let mut steps = part.steps.iter();
        steps.any(|step| step.op.address() == Some(address))
    };
    for step in &whole.steps {
        let Some(address) = step.op.address().filter(|address| planned(address)) else {
            continue;
        };
        for &number in &step.waits_for {
            let needed = whole.steps[number - 1].op.address().unwrap();
            // Whoever leaves out what comes to a name may still have something go from there.
            let is_asked_for = planned(needed) || stand_together(whole, address, needed);
            assert!(is_asked_for, "{address} is planned without {needed}");
        }
    }
    for step in &part.steps {
        if let Op::WriteBack { addresses } = &step.op {
            let mut actions = part.actions.iter();
            let left_out = actions.find(|action| {
                action.reason == Reason::LeftOut && addresses.contains(&action.address)
            });
            assert!(left_out.is_none(), "{left_out:?} is written");
        }
    }
}

/// Whether two things stand, or stood, at the same place, where each can stand beside others.
fn stand_together(plan: &Plan, one: &Address, other: &Address) -> bool {
    let place = |address: &Address| {
        let action = plan
            .actions
            .iter()
            .find(|action| action.address == *address)?;
        let before = action.before.iter().flat_map(|before| before.iter());
        let before = before.map(|(name, value)| (name, Value::Known(value.clone())));
        let attributes = action.after.clone().unwrap_or_else(|| before.collect());
        let (_, kind) = kind(address.kind())?;
        let (place, alone) = (kind.stands_at)(&attributes)?;
        (!alone).then_some((kind.name, place))
    };
    let place_of_one = place(one);
    place_of_one.is_some() && place_of_one == place(other)
}

/// Carries out some of a plan in some order that its dependencies allow, `choices` deciding.
fn carry_out_some(world: &mut World, plan: &Plan, choices: &[u8], cut: usize) {
    world.take_addresses(plan);
    let mut done = BTreeSet::new();
    for at in 0..cut.min(plan.steps.len()) {
        let free: Vec<_> = plan
            .steps
            .iter()
            .filter(|step| !done.contains(&step.number))
            .filter(|step| step.waits_for.iter().all(|first| done.contains(first)))
            .collect();
        let choice = usize::from(choices[at % choices.len()]);
        let step = free[choice % free.len()];
        if choice >= 200 {
            // Sent and saved, and the end was not seen; what waits for it is not done.
            world.begin(step);
            return;
        }
        world.carry_out(step);
        done.insert(step.number);
    }
}

fn random_world() -> impl Strategy<Value = World> {
    (
        prop::collection::vec(any::<bool>(), ZONES.len()),
        asked(),
        prop::collection::vec(any::<u8>(), 1..8),
        prop_oneof![2 => Just(100usize), 1 => 0..20usize],
        prop::collection::vec(meddling(), 0..4),
        prop_oneof![
            (asked(), prop::bool::weighted(0.3)).prop_map(Some),
            Just(None)
        ],
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.8),
    )
        .prop_map(
            |(zones, old, choices, cut, meddling, new, destroying, drains)| {
                let mut world = World::new(&old.text());
                world.capabilities = &RESERVED;
                for (zone, _) in ZONES.iter().zip(zones).filter(|(_, there)| *there) {
                    world.add_zone(zone);
                }
                let plan = world.plan().expect("an empty account takes everything");
                carry_out_some(&mut world, &plan, &choices, cut);
                for meddling in &meddling {
                    world.meddle(meddling);
                }
                if let Some((new, keeps)) = new {
                    world.cloud = Asked { keeps, ..new }.text();
                }
                world.destroying = destroying;
                world.drains = drains;
                world
            },
        )
}

/// The plan after everything was carried out; what could be planned is no error then.
fn again(after: &World, first: &World) -> Result<Plan, TestCaseError> {
    let explain = |_| {
        let (now, then) = (after.text(), first.text());
        TestCaseError::fail(format!("{now}\n{after:?}\n\nfirst:\n{then}"))
    };
    after.plan().map_err(explain)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_input_gives_the_same_plan(world in random_world(), turn in any::<prop::sample::Index>()) {
        let plan = world.plan();
        prop_assert_eq!(format!("{plan:?}"), format!("{:?}", world.plan()));
        // The order of the account's lists means nothing either.
        let mut turned = world.clone();
        if !turned.observed.is_empty() {
            let middle = turn.index(turned.observed.len());
            turned.observed.rotate_left(middle);
        }
        let steps = |plan: Result<Plan, _>| format!("{:?}", plan.map(|plan| plan.steps).map_err(drop::<Vec<_>>));
        prop_assert_eq!(steps(plan), steps(turned.plan()));
        prop_assert_eq!(world.checksum(), turned.checksum());
    }

    #[test]
    fn what_is_carried_out_needs_no_more(world in random_world(), renames in any::<bool>()) {
        let world = World { capabilities: if renames { &RENAMED } else { &RESERVED }, ..world };
        match world.plan() {
            Err(found) => prop_assert!(found.iter().any(Diagnostic::is_error), "refused without a reason"),
            Ok(plan) => {
                assert_sound(&world, &plan);
                let others = world.not_ours();
                let mut after = world.clone();
                after.carry_out_all(&plan);
                let again = again(&after, &world)?;
                prop_assert!(again.steps.is_empty(), "left to do:\n{}\n\nfirst:\n{}", after.text(), world.text());
                for other in others {
                    prop_assert!(after.observed.contains(&other), "touched {:?}", other);
                }
                if after.destroying {
                    prop_assert!(after.recorded.is_empty());
                } else {
                    after.assert_as_asked();
                }
            }
        }
    }

    #[test]
    fn a_part_and_then_the_rest_is_the_whole(
        world in random_world(),
        targets in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        excluded in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        // What is left to later plans may be left to other ones.
        let world = World { drains: true, ..world };
        let Ok(whole) = world.plan() else { return Ok(()) };
        let mut in_part = world.clone();
        in_part.part = Part {
            targets: world.some_addresses(&targets),
            excluded: world.some_addresses(&excluded),
        };
        let part = match in_part.plan() {
            Ok(part) => part,
            Err(found) => return Err(TestCaseError::fail(format!("{found:#?}\n\n{}", world.text()))),
        };
        assert_sound(&in_part, &part);
        assert_within(&in_part, &part, &whole);
        let before = (world.observed.clone(), world.recorded.clone());
        let mut after = in_part.clone();
        for step in &part.steps {
            after.carry_out(step);
        }
        after.assert_left_alone(&part, before);
        // Nothing is planned then: a wrong token looks just like this.
        if after.is_all_gone() {
            return Ok(());
        }
        // What is gone by now cannot be meant any more.
        let is_known = |pattern: &Pattern| after.addresses().iter().any(|one| pattern.matches(one));
        if after.part.targets.iter().chain(&after.part.excluded).all(is_known) {
            let again_in_part = again(&after, &world)?;
            prop_assert!(again_in_part.steps.is_empty(), "left to do:\n{}", after.text());
        }
        after.part = Part::default();
        let rest = again(&after, &world)?;
        assert_sound(&after, &rest);
        for step in &rest.steps {
            after.carry_out(step);
        }
        let mut at_once = world.clone();
        for step in &whole.steps {
            at_once.carry_out(step);
        }
        prop_assert_eq!(after.holds(), at_once.holds(), "{}", world.text());
        prop_assert!(again(&after, &world)?.steps.is_empty());
    }

    #[test]
    fn a_run_cut_off_anywhere_is_simply_run_again(
        world in random_world(),
        renames in any::<bool>(),
        choices in prop::collection::vec(any::<u8>(), 1..8),
        cut in 0..30usize,
    ) {
        let world = World { capabilities: if renames { &RENAMED } else { &RESERVED }, ..world };
        let Ok(plan) = world.plan() else { return Ok(()) };
        let mut cut_off = world.clone();
        carry_out_some(&mut cut_off, &plan, &choices, cut);
        let rest = match cut_off.plan() {
            Ok(rest) => rest,
            Err(found) => {
                return Err(TestCaseError::fail(format!("{found:#?}\n\nfirst:\n{}", world.text())));
            }
        };
        assert_sound(&cut_off, &rest);
        let mut after = cut_off.clone();
        after.carry_out_all(&rest);
        let again = again(&after, &world)?;
        prop_assert!(
            again.steps.is_empty(),
            "left to do:\n{}\n\nafter the cut:\n{}\n\nfirst:\n{}", after.text(), cut_off.text(), world.text()
        );
    }
}
