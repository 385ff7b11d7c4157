//! What the simulated account holds.
//!
//! Everything changes by an [`Entry`]: [`World::write`] applies it and keeps its line for the
//! world's file, and reading the file applies the same entries again. So there is one place where
//! objects and their indexes are kept in step, and nothing that is in memory can be missing on disk.
//!
//! The world has no clock of its own: whoever asks it something first says what time it is
//! ([`World::advance`]). What is due by then is completed at the moment it was due.

use super::catalog::Catalog;
use super::invented_uuid;
use super::model::{
    Action, Counters, Domain, Droplet, Effect, Entry, FORMAT, Firewall, Key, Millis, Progress,
    Record, ReservedIp, Snapshot, Status, Tag, Volume, Vpc,
};
use super::store::Kept;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;

/// What the rules take from the options.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) boot: Millis,
    pub(super) action: Millis,
    pub(super) droplet_limit: u32,
    pub(super) without_scopes: Vec<String>,
    pub(super) seed: u64,
}

/// A domain with its records, and these by name for the rules that need a name's neighbours.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) domain: Domain,
    pub(super) records: BTreeMap<u64, Record>,
    by_name: HashMap<String, BTreeSet<u64>>,
}

impl Zone {
    /// The records of a relative name, whatever its case.
    pub(super) fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Record> + use<'a> {
        self.by_name
            .get(&name.to_lowercase())
            .into_iter()
            .flatten()
            .filter_map(|id| self.records.get(id))
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) catalog: Catalog,
    /// Tells one world from another when two processes meet over a file.
    pub(super) id: String,
    pub(super) now: Millis,
    pub(super) counters: Counters,
    pub(super) keys: BTreeMap<u64, Key>,
    pub(super) droplets: BTreeMap<u64, Droplet>,
    pub(super) actions: BTreeMap<u64, Action>,
    pub(super) snapshots: BTreeMap<u64, Snapshot>,
    pub(super) zones: BTreeMap<String, Zone>,
    pub(super) tags: BTreeMap<String, Tag>,
    pub(super) vpcs: BTreeMap<String, Vpc>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) firewalls: BTreeMap<String, Firewall>,
    pub(super) reserved_ips: BTreeMap<Ipv4Addr, ReservedIp>,
    fingerprints: HashMap<String, u64>,
    names: HashMap<String, BTreeSet<u64>>,
    tagged: HashMap<String, BTreeSet<u64>>,
    members: HashMap<String, BTreeSet<u64>>,
    history: HashMap<u64, Vec<u64>>,
    due: BTreeSet<(Millis, u64)>,
    pub(super) public_in_use: HashSet<Ipv4Addr>,
    pub(super) private_in_use: HashSet<Ipv4Addr>,
    /// Where the search for a free private address goes on, by VPC.
    pub(super) private_next: HashMap<String, u32>,
    /// What was made so lately that it does not show yet, and until when. Not kept in the file.
    hidden: HashMap<u64, Millis>,
    unsaved: Vec<u8>,
}

impl World {
    /// A world with nothing in it, not even an identity.
    pub(super) fn empty(settings: Settings, catalog: Catalog) -> Self {
        Self {
            settings,
            catalog,
            id: String::new(),
            now: 0,
            counters: Counters {
                id: 401_000_000,
                public: 0,
                v6: 0,
            },
            keys: BTreeMap::new(),
            droplets: BTreeMap::new(),
            actions: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            zones: BTreeMap::new(),
            tags: BTreeMap::new(),
            vpcs: BTreeMap::new(),
            volumes: BTreeMap::new(),
            firewalls: BTreeMap::new(),
            reserved_ips: BTreeMap::new(),
            fingerprints: HashMap::new(),
            names: HashMap::new(),
            tagged: HashMap::new(),
            members: HashMap::new(),
            history: HashMap::new(),
            due: BTreeSet::new(),
            public_in_use: HashSet::new(),
            private_in_use: HashSet::new(),
            private_next: HashMap::new(),
            hidden: HashMap::new(),
            unsaved: Vec::new(),
        }
    }

    /// A UUID that is the same for the same seed and `what`.
    pub(super) fn invented_uuid(&self, what: &str) -> String {
        invented_uuid(self.settings.seed, what)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.counters.id += 1;
        self.counters.id
    }

    /// Keeps what has been made since `last_id` out of sight for a while.
    pub(super) fn hide_since(&mut self, last_id: u64, lag: Millis) {
        let until = self.now + lag;
        let ids = last_id + 1..=self.counters.id;
        self.hidden.extend(ids.map(|id| (id, until)));
    }

    /// Brings everything into sight.
    pub(super) fn reveal(&mut self) {
        self.hidden.clear();
    }

    /// Whether an object can be seen already.
    pub(super) fn shows(&self, id: u64) -> bool {
        !self.hidden.contains_key(&id)
    }

    /// Applies a change and keeps its line for the file.
    pub(super) fn write(&mut self, entry: Entry) {
        // Entries hold nothing that cannot be written as JSON.
        if serde_json::to_writer(&mut self.unsaved, &entry).is_ok() {
            self.unsaved.push(b'\n');
        }
        self.apply(entry);
    }

    fn seen_id(&mut self, id: u64) {
        self.counters.id = self.counters.id.max(id);
    }

    fn apply_droplet(&mut self, droplet: Droplet) {
        let id = droplet.id;
        self.seen_id(id);
        self.unlink_droplet(id);
        let name = droplet.name.to_lowercase();
        self.names.entry(name).or_default().insert(id);
        for tag in &droplet.tags {
            self.tagged.entry(tag.clone()).or_default().insert(id);
        }
        self.members
            .entry(droplet.vpc.clone())
            .or_default()
            .insert(id);
        self.private_in_use.insert(droplet.private);
        if let Some(vpc) = self.vpcs.get(&droplet.vpc) {
            let offset = u32::from(droplet.private).saturating_sub(u32::from(vpc.network));
            let next = self.private_next.entry(droplet.vpc.clone()).or_default();
            *next = (*next).max(offset);
        }
        if let Some(public) = droplet.public {
            self.public_in_use.insert(public);
        }
        self.droplets.insert(id, droplet);
    }

    /// Takes a Droplet out of every index, so that its new form can be put in or none.
    fn unlink_droplet(&mut self, id: u64) {
        let Some(droplet) = self.droplets.get(&id) else {
            return;
        };
        remove_from(&mut self.names, &droplet.name.to_lowercase(), id);
        for tag in &droplet.tags {
            remove_from(&mut self.tagged, tag, id);
        }
        remove_from(&mut self.members, &droplet.vpc, id);
        self.private_in_use.remove(&droplet.private);
        if let Some(public) = droplet.public {
            self.public_in_use.remove(&public);
        }
    }

    fn apply_action(&mut self, action: Action) {
        self.seen_id(action.id);
        match self.actions.get(&action.id) {
            Some(before) => {
                if let Some(due) = before.due {
                    self.due.remove(&(due, action.id));
                }
            }
            None => self
                .history
                .entry(action.droplet)
                .or_default()
                .push(action.id),
        }
        if let (Progress::Running, Some(due)) = (action.status, action.due) {
            self.due.insert((due, action.id));
        }
        self.actions.insert(action.id, action);
    }

    /// Makes everything that is in progress due, even what never would be, and completes it.
    pub(super) fn finish(&mut self) {
        let running: Vec<Action> = self
            .actions
            .values()
            .filter(|action| action.status == Progress::Running)
            .cloned()
            .collect();
        for mut action in running {
            action.due = Some(self.now);
            self.write(Entry::Action(action));
        }
        self.advance(self.now);
    }

    fn take_effect(&self, effect: &Effect, droplet: &mut Droplet) {
        match effect {
            Effect::Nothing
            | Effect::Fail
            | Effect::Snapshot { .. }
            | Effect::Attached(_)
            | Effect::Grow(_)
            | Effect::Assign
            | Effect::Unassign => {}
            Effect::Boot => {
                droplet.status = Status::Active;
                droplet.booted = true;
            }
            Effect::Status(status) => droplet.status = *status,
            Effect::Rename(name) => droplet.name.clone_from(name),
            Effect::Resize { size, disk } => {
                if let Some(size) = self.catalog.size(size) {
                    droplet.size.clone_from(&size.slug);
                    droplet.memory = size.memory;
                    droplet.vcpus = size.vcpus;
                    if *disk {
                        droplet.disk = size.disk;
                    }
                }
            }
            Effect::Backups(policy) => droplet.backups.clone_from(policy),
            Effect::Ipv6(address) => droplet.v6 = Some(*address),
            Effect::Rebuild(image) => droplet.image = *image,
        }
    }

    fn take_effect_on_address(&mut self, action: &Action) {
        let address = action.reserved_ip.and_then(|ip| self.reserved_ips.get(&ip));
        let Some(mut address) = address.cloned() else {
            return;
        };
        match action.effect {
            Effect::Assign if self.droplets.contains_key(&action.droplet) => {
                address.droplet = Some(action.droplet);
            }
            Effect::Unassign => address.droplet = None,
            _ => {}
        }
        address.busy = address.busy.filter(|busy| *busy != action.id);
        self.write(Entry::ReservedIp(address));
    }

    /// The reserved IP of a Droplet, which has one at most.
    pub(super) fn reserved_ip_of(&self, droplet: u64) -> Option<&ReservedIp> {
        let mut all = self.reserved_ips.values();
        all.find(|address| address.droplet == Some(droplet))
    }

    /// The same for the volume that an action is about, if it is about one.
    fn take_effect_on_volume(&mut self, action: &Action) {
        let volume = action.volume.as_ref().and_then(|id| self.volumes.get(id));
        let Some(mut volume) = volume.cloned() else {
            return;
        };
        match &action.effect {
            Effect::Attached(to) => volume.droplet = to.filter(|id| self.droplets.contains_key(id)),
            Effect::Grow(size) => volume.size = *size,
            _ => {}
        }
        volume.busy = volume.busy.filter(|busy| *busy != action.id);
        self.write(Entry::Volume(volume));
    }

    pub(super) fn key_by_fingerprint(&self, fingerprint: &str) -> Option<&Key> {
        self.keys.get(self.fingerprints.get(fingerprint)?)
    }

    /// The Droplets of a name, whatever its case.
    pub(super) fn droplets_named(&self, name: &str) -> Vec<&Droplet> {
        self.droplets_of(self.names.get(&name.to_lowercase()))
    }

    /// The Droplets with a tag, in its canonical spelling.
    pub(super) fn droplets_tagged(&self, tag: &str) -> Vec<&Droplet> {
        self.droplets_of(self.tagged.get(tag))
    }

    pub(super) fn droplets_in_vpc(&self, vpc: &str) -> Vec<&Droplet> {
        self.droplets_of(self.members.get(vpc))
    }

    fn droplets_of(&self, ids: Option<&BTreeSet<u64>>) -> Vec<&Droplet> {
        ids.into_iter()
            .flatten()
            .filter_map(|id| self.droplets.get(id))
            .collect()
    }

    /// What was ever done to a Droplet, oldest first.
    pub(super) fn actions_of(&self, droplet: u64) -> Vec<&Action> {
        self.history
            .get(&droplet)
            .into_iter()
            .flatten()
            .filter_map(|id| self.actions.get(id))
            .collect()
    }
}

impl Kept for World {
    type Entry = Entry;

    fn id(&self) -> &str {
        &self.id
    }

    fn invented_id(&self) -> String {
        self.invented_uuid("world")
    }

    /// What a new account holds: its identity and a default VPC in every region that is open.
    fn found(&mut self, id: String, now: Millis) {
        self.now = now;
        self.write(Entry::World { format: FORMAT, id });
        let regions: Vec<String> = self
            .catalog
            .regions
            .iter()
            .filter(|region| region.available)
            .map(|region| region.slug.clone())
            .collect();
        for region in regions {
            let number = self.catalog.region_number(&region).unwrap_or_default();
            let [_, low] = number.to_be_bytes();
            self.write(Entry::Vpc(Vpc {
                id: self.invented_uuid(&format!("vpc/{region}")),
                name: format!("default-{region}"),
                description: String::new(),
                region,
                network: Ipv4Addr::new(10, 100 + low, 0, 0),
                prefix: 16,
                default: true,
                created: now,
            }));
        }
    }

    fn advance(&mut self, now: Millis) {
        self.now = now;
        self.hidden.retain(|_, until| *until > now);
        while let Some((due, id)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Some(mut action) = self.actions.get(&id).cloned() else {
                self.due.remove(&(due, id));
                continue;
            };
            self.take_effect_on_volume(&action);
            if let Some(mut droplet) = self.droplets.get(&action.droplet).cloned() {
                self.take_effect(&action.effect, &mut droplet);
                if let Effect::Snapshot { id, name } = &action.effect {
                    self.write(Entry::Snapshot(Snapshot {
                        id: *id,
                        name: name.clone(),
                        droplet: droplet.id,
                        volume: None,
                        region: droplet.region.clone(),
                        disk: droplet.disk,
                        created: due,
                    }));
                }
                droplet.busy = droplet.busy.filter(|busy| *busy != id);
                // The Droplet before its action: a file cut between the two lines only has the
                // effect take place again.
                self.write(Entry::Droplet(Box::new(droplet)));
            }
            self.take_effect_on_address(&action);
            action.status = match action.effect {
                Effect::Fail => Progress::Errored,
                _ => Progress::Completed,
            };
            action.completed = Some(due);
            self.write(Entry::Action(action));
        }
    }

    fn take_unsaved(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unsaved)
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let head = [
            Entry::World {
                format: FORMAT,
                id: self.id.clone(),
            },
            Entry::Counters(self.counters),
        ];
        let domains = self.zones.values().flat_map(|zone| {
            std::iter::once(Entry::Domain(zone.domain.clone()))
                .chain(zone.records.values().cloned().map(Entry::Record))
        });
        // What was done to a Droplet or a volume that is gone interests nobody later.
        let actions = self.actions.values().filter(|action| match &action.volume {
            Some(volume) => self.volumes.contains_key(volume),
            None => self.droplets.contains_key(&action.droplet),
        });
        head.into_iter()
            .chain(self.vpcs.values().cloned().map(Entry::Vpc))
            .chain(self.tags.values().cloned().map(Entry::Tag))
            .chain(self.keys.values().cloned().map(Entry::Key))
            .chain(
                self.droplets
                    .values()
                    .map(|droplet| Entry::Droplet(Box::new(droplet.clone()))),
            )
            .chain(self.snapshots.values().cloned().map(Entry::Snapshot))
            .chain(self.volumes.values().cloned().map(Entry::Volume))
            .chain(actions.cloned().map(Entry::Action))
            .chain(self.firewalls.values().cloned().map(Entry::Firewall))
            .chain(self.reserved_ips.values().cloned().map(Entry::ReservedIp))
            .chain(domains)
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::World { format: _, id } => self.id = id,
            Entry::Counters(counters) => self.counters = counters,
            Entry::Key(key) => {
                self.seen_id(key.id);
                self.fingerprints.insert(key.fingerprint.clone(), key.id);
                self.keys.insert(key.id, key);
            }
            Entry::KeyGone(id) => {
                if let Some(key) = self.keys.remove(&id) {
                    self.fingerprints.remove(&key.fingerprint);
                }
            }
            Entry::Droplet(droplet) => self.apply_droplet(*droplet),
            Entry::DropletGone(id) => {
                self.unlink_droplet(id);
                self.droplets.remove(&id);
                for firewall in self.firewalls.values_mut() {
                    firewall.droplets.retain(|droplet| *droplet != id);
                }
                for address in self.reserved_ips.values_mut() {
                    address.droplet = address.droplet.filter(|droplet| *droplet != id);
                }
                for volume in self.volumes.values_mut() {
                    volume.droplet = volume.droplet.filter(|droplet| *droplet != id);
                }
            }
            Entry::Action(action) => self.apply_action(action),
            Entry::Domain(domain) => {
                let zone = self
                    .zones
                    .entry(domain.name.clone())
                    .or_insert_with(|| Zone {
                        domain: domain.clone(),
                        records: BTreeMap::new(),
                        by_name: HashMap::new(),
                    });
                zone.domain = domain;
            }
            Entry::DomainGone(name) => {
                self.zones.remove(&name);
            }
            Entry::Record(record) => {
                self.seen_id(record.id);
                if let Some(zone) = self.zones.get_mut(&record.zone) {
                    unlink_record(zone, record.id);
                    let name = record.name.to_lowercase();
                    zone.by_name.entry(name).or_default().insert(record.id);
                    zone.records.insert(record.id, record);
                }
            }
            Entry::RecordGone { zone, id } => {
                if let Some(zone) = self.zones.get_mut(&zone) {
                    unlink_record(zone, id);
                    zone.records.remove(&id);
                }
            }
            Entry::Snapshot(snapshot) => {
                self.seen_id(snapshot.id);
                self.snapshots.insert(snapshot.id, snapshot);
            }
            Entry::SnapshotGone(id) => {
                self.snapshots.remove(&id);
            }
            Entry::Tag(tag) => {
                self.tags.insert(tag.name.clone(), tag);
            }
            Entry::TagGone(name) => {
                for firewall in self.firewalls.values_mut() {
                    firewall.tags.retain(|tag| *tag != name);
                }
                for volume in self.volumes.values_mut() {
                    volume.tags.retain(|tag| *tag != name);
                }
                self.tags.remove(&name);
            }
            Entry::Vpc(vpc) => {
                self.vpcs.insert(vpc.id.clone(), vpc);
            }
            Entry::VpcGone(id) => {
                self.vpcs.remove(&id);
            }
            Entry::Volume(volume) => {
                self.seen_id(volume.number);
                self.volumes.insert(volume.id.clone(), volume);
            }
            Entry::VolumeGone(id) => {
                self.volumes.remove(&id);
            }
            Entry::Firewall(firewall) => {
                self.firewalls.insert(firewall.id.clone(), firewall);
            }
            Entry::FirewallGone(id) => {
                self.firewalls.remove(&id);
            }
            Entry::ReservedIp(address) => {
                self.seen_id(address.id);
                self.public_in_use.insert(address.ip);
                self.reserved_ips.insert(address.ip, address);
            }
            Entry::ReservedIpGone(ip) => {
                self.public_in_use.remove(&ip);
                self.reserved_ips.remove(&ip);
            }
        }
    }

    fn unknown_format(entry: &Entry) -> Option<u32> {
        match entry {
            Entry::World { format, .. } if *format != FORMAT => Some(*format),
            _ => None,
        }
    }
}

fn remove_from(index: &mut HashMap<String, BTreeSet<u64>>, key: &str, id: u64) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

fn unlink_record(zone: &mut Zone, id: u64) {
    if let Some(record) = zone.records.get(&id) {
        remove_from(&mut zone.by_name, &record.name.to_lowercase(), id);
    }
}
