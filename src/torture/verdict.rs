//! Whether a deployment came out right: what is in the world against what was wanted, and what the
//! state says against what is in the world.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::State;

use super::cloud::{Stage, zone_of};
use super::world::{Record, Server, Thing, World};

mod around;

/// What is wrong at the end of a stage.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) problems: Vec<String>,
    /// Objects that are there once too often.
    pub(super) duplicates: usize,
    /// Objects we made that the state does not know.
    pub(super) orphans: usize,
}

/// What to judge.
pub(super) struct Case<'a> {
    /// What was there before.
    pub(super) before: &'a World,
    /// What was there at the end of the stage before.
    pub(super) earlier: &'a World,
    /// The account's name in cloud.json.
    pub(super) account: &'a str,
    /// The public key that is wanted.
    pub(super) key: &'a str,
    /// Whether other deployments may keep the key from being taken away.
    pub(super) shares_account: bool,
    /// What was wanted up to now, in order.
    pub(super) stages: &'a [Stage],
    /// Whether servers can carry no mark.
    pub(super) tagless: bool,
    pub(super) world: &'a World,
    pub(super) state: Option<&'a State>,
    /// What cloud.json holds now.
    pub(super) cloud_json: &'a str,
}

impl Case<'_> {
    /// What something is called: in the state, if it has no name in the world.
    fn name_of<'a>(&'a self, thing: &'a Thing) -> &'a str {
        let mut resources = self
            .state
            .into_iter()
            .flat_map(|state| state.resources.values());
        match thing.name.as_str() {
            "" => resources
                .find(|one| (one.address.kind(), &one.id) == (thing.kind, &thing.id))
                .map_or(&*thing.id, |one| one.address.name()),
            name => name,
        }
    }
}

/// Compares everything.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(wanted) = case.stages.last() else {
        return verdict;
    };
    let known: BTreeSet<(&str, &str)> = case
        .state
        .into_iter()
        .flat_map(|state| state.resources.values())
        .map(|recorded| (recorded.address.kind(), recorded.id.as_str()))
        .collect();
    let ours = Ours::of(case, &known);
    verdict.strangers(case);
    verdict.servers(case, wanted, &ours, &known);
    verdict.kept(case, wanted, &ours);
    verdict.records(wanted, &ours, &known);
    verdict.around(case, wanted, &known);
    verdict.zones_and_keys(case, wanted);
    if let Some(state) = case.state {
        verdict.state(case, wanted, &ours, state);
    } else {
        verdict.wrong("there is no state".to_owned());
    }
    verdict
}

/// What in the world was not there before.
struct Ours<'a> {
    /// Those that the state knows before others.
    servers: Vec<&'a Server>,
    records: Vec<&'a Record>,
}

impl<'a> Ours<'a> {
    fn of(case: &Case<'a>, known: &BTreeSet<(&str, &str)>) -> Self {
        let Case { before, world, .. } = case;
        let new_server = |one: &&Server| before.servers.iter().all(|old| old.id != one.id);
        let new_record = |one: &&Record| before.records.iter().all(|old| old.id != one.id);
        let mut servers: Vec<&Server> = world.servers.iter().filter(new_server).collect();
        servers.sort_by_key(|one| !known.contains(&("server", one.id.as_str())));
        Self {
            servers,
            records: world.records.iter().filter(new_record).collect(),
        }
    }

    fn server(&self, name: &str) -> Option<&'a Server> {
        self.servers.iter().copied().find(|one| one.name == name)
    }
}

impl Verdict {
    fn wrong(&mut self, problem: String) {
        self.problems.push(problem);
    }

    fn strangers(&mut self, case: &Case<'_>) {
        let Case { before, world, .. } = case;
        let changed = |what: &str, id: &str| format!("{what} {id} of a stranger was changed");
        for server in &before.servers {
            // Only its addresses may have come since.
            let same = |one: &Server| {
                (&one.id, &one.name, &one.tags) == (&server.id, &server.name, &server.tags)
            };
            if !world.servers.iter().any(same) {
                self.wrong(changed("server", &server.name));
            }
        }
        for record in before
            .records
            .iter()
            .filter(|one| !world.records.contains(one))
        {
            self.wrong(changed("record", &record.name));
        }
        for zone in before.zones.iter().filter(|one| !world.zones.contains(one)) {
            self.wrong(changed("zone", &zone.name));
        }
        for key in before.keys.iter().filter(|one| !world.keys.contains(one)) {
            self.wrong(changed("key", &key.id));
        }
    }

    fn servers(
        &mut self,
        case: &Case<'_>,
        wanted: &Stage,
        ours: &Ours<'_>,
        known: &BTreeSet<(&str, &str)>,
    ) {
        let names = wanted.wanted().into_iter().map(|name| (name, 0));
        let mut names: BTreeMap<&str, usize> = names.collect();
        for server in &ours.servers {
            let is_known = known.contains(&("server", server.id.as_str()));
            match names.get_mut(server.name.as_str()) {
                Some(count) => *count += 1,
                None => self.wrong(format!(
                    "server {} (id {}) is there and not wanted",
                    server.name, server.id
                )),
            }
            if !is_known {
                self.orphans += 1;
                self.wrong(format!(
                    "server {} (id {}) is not in the state",
                    server.name, server.id
                ));
            }
            let mark = case.state.filter(|_| !case.tagless);
            let mark = mark.map(|state| format!("cloudbuilder:{}", state.lineage));
            let asked = wanted
                .servers
                .iter()
                .find(|asked| asked.name == server.name);
            let asked = asked.and_then(|asked| asked.manner.tags.as_ref());
            let asked = asked.into_iter().flatten();
            let expected: BTreeSet<&str> =
                mark.as_deref().into_iter().chain(asked.copied()).collect();
            let has: BTreeSet<&str> = server.tags.iter().map(String::as_str).collect();
            if has != expected {
                let tags = server.tags.join(", ");
                self.wrong(format!("server {} has the tags {tags:?}", server.name));
            }
        }
        for server in wanted.servers.iter().filter(|_| !wanted.destroy) {
            let is = ours.server(&server.name).and_then(|is| is.form.as_ref());
            let vpc = ours.server(&server.name).and_then(|is| is.vpc.as_deref());
            if vpc != server.manner.vpc.as_deref() {
                self.wrong(format!("server {} is in VPC {vpc:?}", server.name));
            }
            let right = is.is_none_or(|is| {
                let image = is.image.as_deref();
                is.is_on
                    && is.size == server.size
                    && is.backups == server.backups
                    && image.is_none_or(|image| image == server.image)
            });
            if !right {
                self.wrong(format!("server {} has become {is:?}", server.name));
            }
        }
        for (name, count) in names {
            self.duplicates += count.saturating_sub(1);
            if count != 1 {
                self.wrong(format!("server {name} is there {count} times"));
            }
        }
    }

    fn records(&mut self, wanted: &Stage, ours: &Ours<'_>, known: &BTreeSet<(&str, &str)>) {
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut data: BTreeMap<(&str, &str), Option<&str>> = BTreeMap::new();
        for (name, kind, server) in wanted.records() {
            let is_reserved = kind == "A" && server.manner.reserved_ip.is_some();
            let address = ours.server(&server.name).and_then(|server| {
                if is_reserved {
                    return server.reserved.as_ref();
                }
                let of_kind = |address: &&String| address.contains(':') == (kind == "AAAA");
                server.addresses.iter().find(of_kind)
            });
            data.insert((name, kind), address.map(String::as_str));
            counts.insert((name, kind), 0);
        }
        let mut said: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
        said.extend(wanted.said().map(|one| (one, 0)));
        for (name, server) in wanted.told() {
            let private = ours.server(server).and_then(|is| is.private.as_deref());
            let private = private.unwrap_or("an address of nobody");
            said.insert((name, "TXT", private), 0);
        }
        for record in &ours.records {
            let key = (record.name.as_str(), record.kind.as_str());
            let shown = format!("record {} {} {}", record.name, record.kind, record.data);
            let (name, kind) = key;
            if let Some(count) = said.get_mut(&(name, kind, record.data.as_str())) {
                *count += 1;
                if !known.contains(&("record", record.id.as_str())) {
                    self.orphans += 1;
                    self.wrong(format!("{shown} (id {}) is not in the state", record.id));
                }
                continue;
            }
            match (counts.get_mut(&key), data.get(&key)) {
                (Some(count), Some(address)) => {
                    *count += 1;
                    if *address != Some(record.data.as_str()) {
                        self.wrong(format!("{shown} should say {address:?}"));
                    }
                }
                _ => self.wrong(format!("{shown} is there and not wanted")),
            }
            if !known.contains(&("record", record.id.as_str())) {
                self.orphans += 1;
                self.wrong(format!("{shown} (id {}) is not in the state", record.id));
            }
        }
        for ((name, kind, value), count) in said {
            self.duplicates += count.saturating_sub(1);
            if count != 1 {
                self.wrong(format!(
                    "record {name} {kind} {value} is there {count} times"
                ));
            }
        }
        for ((name, kind), count) in counts {
            self.duplicates += count.saturating_sub(1);
            if count != 1 {
                self.wrong(format!("record {name} {kind} is there {count} times"));
            }
        }
    }

    fn zones_and_keys(&mut self, case: &Case<'_>, wanted: &Stage) {
        let world = case.world;
        for name in wanted.names() {
            let zone = zone_of(name);
            if !world.zones.iter().any(|one| one.name == zone) {
                self.wrong(format!("zone {zone} is missing"));
            }
        }
        let is_key = |one: &super::world::Key| one.public_key.trim() == case.key;
        let keys = world.keys.iter().filter(|one| is_key(one)).count();
        let was_there = case.before.keys.iter().any(is_key);
        let expected = usize::from(!wanted.destroy || was_there);
        let may_stay = wanted.destroy && case.shares_account && keys == 1;
        if keys != expected && !may_stay {
            self.wrong(format!("the key is there {keys} times, not {expected}"));
        }
        for zone in &world.zones {
            if wanted.destroy && !case.before.zones.contains(zone) {
                self.orphans += 1;
                self.wrong(format!("zone {} was made here and is left", zone.name));
            }
        }
        for stray in &world.stray {
            self.orphans += 1;
            self.wrong(stray.clone());
        }
    }

    fn state(&mut self, case: &Case<'_>, wanted: &Stage, ours: &Ours<'_>, state: &State) {
        let mut expected: BTreeMap<String, String> = BTreeMap::new();
        if !wanted.destroy {
            for server in &wanted.servers {
                let id = ours.server(&server.name).map(|server| server.id.clone());
                expected.insert(format!("server.{}", server.name), id.unwrap_or_default());
            }
            let key = case
                .world
                .keys
                .iter()
                .find(|key| key.public_key.trim() == case.key);
            let key = key.map(|key| key.id.clone()).unwrap_or_default();
            expected.insert(format!("ssh_key.{}", case.account), key);
        }
        for record in &ours.records {
            let address = format!("record.{}/{}", record.name, record.kind);
            // Which of several values has which number is the program's own affair.
            let known = state.resources.values().find(|one| {
                one.id == record.id && one.address.to_string().starts_with(&format!("{address}/"))
            });
            let address = known.map_or(address, |known| known.address.to_string());
            expected.insert(address, record.id.clone());
        }
        for thing in &case.world.things {
            let name = case.name_of(thing);
            expected.insert(format!("{}.{name}", thing.kind), thing.id.clone());
        }
        for zone in &case.world.zones {
            if !case.before.zones.contains(zone) {
                expected.insert(format!("domain.{}", zone.name), zone.id.clone());
            }
        }
        let recorded: BTreeMap<String, String> = state
            .resources
            .values()
            .map(|recorded| (recorded.address.to_string(), recorded.id.clone()))
            .collect();
        for (address, id) in &expected {
            match recorded.get(address) {
                Some(known) if known == id => {}
                Some(known) => self.wrong(format!("the state has {address} as {known}, not {id}")),
                None => self.wrong(format!("the state lacks {address} ({id})")),
            }
        }
        for (address, id) in &recorded {
            if !expected.contains_key(address) {
                self.wrong(format!(
                    "the state has {address} ({id}), which is not there"
                ));
            }
        }
        for recorded in state.resources.values().filter(|recorded| !recorded.ready) {
            self.wrong(format!(
                "the state does not know that {} is ready",
                recorded.address
            ));
        }
        for intent in state.unsettled.values() {
            self.wrong(format!(
                "it is not settled what became of {}",
                intent.address
            ));
        }
        for server in ours.servers.iter().filter(|_| !wanted.destroy) {
            let absent = |address: &&String| !case.cloud_json.contains(address.as_str());
            for address in server.addresses.iter().filter(absent) {
                self.wrong(format!(
                    "cloud.json lacks {}'s address {address}",
                    server.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
