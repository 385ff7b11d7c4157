//! What the simulated cloud holds, of all accounts.
//!
//! Everything changes by an [`Entry`], as in the other sandbox: [`World::write`] applies it and
//! keeps its line for the world's file, and reading the file applies the same entries again.
//!
//! The world has no clock of its own: whoever asks it something first says what time it is
//! ([`World::advance`]). What is due by then happens at the moment it was due.

use super::dns::work;
use super::model::{
    Broken, Due, Entry, FIRST_ID, FORMAT, Job, Keypair, KeypairPlace, Millis, Record, Result,
    Server, Status, Then, Token, Zone,
};
use crate::sandbox::invented_uuid;
use crate::sandbox::store::Kept;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long a resize may stay unconfirmed, a deleted server can be asked for by
/// `changes-since`, and a job's result is kept.
const DAY: Millis = 86_400_000;
const REMEMBERED: Millis = 30 * DAY;

/// What the rules take from the options.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) boot: Millis,
    pub(super) action: Millis,
    pub(super) token_life: Millis,
    /// How many servers an account may have in a region.
    pub(super) servers: usize,
    pub(super) seed: u64,
}

/// A zone with its records.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) zone: Zone,
    pub(super) records: BTreeMap<u64, Record>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    /// Tells one world from another when two processes meet over a file.
    pub(super) id: String,
    pub(super) now: Millis,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) keypairs: BTreeMap<KeypairPlace, Keypair>,
    pub(super) servers: BTreeMap<String, Server>,
    pub(super) zones: BTreeMap<u64, Held>,
    pub(super) jobs: BTreeMap<String, Job>,
    zone_names: HashMap<String, u64>,
    /// Counts every object there ever was; ids and addresses are made of it.
    last: u64,
    due: BTreeSet<(Millis, u64, String)>,
    /// What was made so lately that it does not show yet, and until when. Not kept in the file.
    hidden: HashMap<String, Millis>,
    /// What the call in progress has made.
    made: Vec<String>,
    unsaved: Vec<u8>,
}

/// Under which key things are hidden that have no id of their own kind.
pub(super) fn keypair_key(place: &KeypairPlace) -> String {
    format!("keypair/{}/{}/{}", place.0, place.1, place.2)
}

pub(super) fn zone_key(id: u64) -> String {
    format!("zone/{id}")
}

pub(super) fn record_key(id: u64) -> String {
    format!("record/{id}")
}

impl World {
    /// A world with nothing in it, not even an identity.
    pub(super) fn empty(settings: Settings) -> Self {
        Self {
            settings,
            id: String::new(),
            now: 0,
            tokens: BTreeMap::new(),
            keypairs: BTreeMap::new(),
            servers: BTreeMap::new(),
            zones: BTreeMap::new(),
            jobs: BTreeMap::new(),
            zone_names: HashMap::new(),
            last: 0,
            due: BTreeSet::new(),
            hidden: HashMap::new(),
            made: Vec::new(),
            unsaved: Vec::new(),
        }
    }

    /// A UUID that is the same for the same seed and `what`.
    pub(super) fn invented_uuid(&self, what: &str) -> String {
        invented_uuid(self.settings.seed, what)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes what the call in progress makes, so that it can be kept out of sight.
    pub(super) fn note_made(&mut self, key: String) {
        self.made.push(key);
    }

    /// Keeps what has been noted out of sight for a while, from a moment on.
    pub(super) fn hide_made(&mut self, from: Millis, lag: Millis) {
        let made = std::mem::take(&mut self.made);
        if lag > 0 {
            self.hidden
                .extend(made.into_iter().map(|key| (key, from + lag)));
        }
    }

    /// Brings everything into sight.
    pub(super) fn reveal(&mut self) {
        self.hidden.clear();
    }

    /// Whether an object can be seen already.
    pub(super) fn shows(&self, key: &str) -> bool {
        !self.hidden.contains_key(key)
    }

    /// Applies a change and keeps its line for the file.
    pub(super) fn write(&mut self, entry: Entry) {
        // Entries hold nothing that cannot be written as JSON.
        if serde_json::to_writer(&mut self.unsaved, &entry).is_ok() {
            self.unsaved.push(b'\n');
        }
        self.apply(entry);
    }

    fn apply_job(&mut self, job: Job) {
        self.last = self.last.max(job.number);
        if let Some(before) = self.jobs.get(&job.id)
            && let Some(due) = before.due
        {
            self.due.remove(&(due, before.number, before.id.clone()));
        }
        if let (Result::Open, Some(due)) = (&job.result, job.due) {
            self.due.insert((due, job.number, job.id.clone()));
        }
        self.jobs.insert(job.id.clone(), job);
    }

    fn carry_out(&mut self, mut job: Job, at: Millis) {
        self.made.clear();
        let mut entries = Vec::new();
        job.result = match work::carry_out(self, &job, at) {
            Ok((done, response)) => {
                entries = done;
                Result::Completed(response)
            }
            // A batch of deletions has done what it could all the same.
            Err((done, fault)) => {
                entries.extend(done);
                Result::Failed(fault.inner())
            }
        };
        self.hide_made(at, job.lag);
        entries.push(Entry::Job(Box::new(job)));
        self.write(Entry::Done(entries));
    }

    /// Makes everything that is in progress due, even what never would be, and does it.
    pub(super) fn finish(&mut self) {
        let now = self.now;
        // A resize waits for somebody to confirm it and not for time to pass.
        let waits = |server: &&Server| {
            matches!(
                server.status,
                Status::Build | Status::Reboot | Status::Resize | Status::RevertResize
            ) || server.task.as_deref() == Some("deleting")
                || server.is_confirmed()
        };
        let servers: Vec<Server> = self.servers.values().filter(waits).cloned().collect();
        for mut server in servers {
            let from = server.created;
            let due = server.due.get_or_insert(Due {
                from,
                at: now,
                then: Then::Boot,
            });
            due.at = now;
            self.write(Entry::Server(Box::new(server)));
        }
        let open = |job: &&Job| matches!(job.result, Result::Open);
        let jobs: Vec<Job> = self.jobs.values().filter(open).cloned().collect();
        for mut job in jobs {
            job.due = Some(now);
            self.write(Entry::Job(Box::new(job)));
        }
        self.advance(now);
    }

    /// The zone of a name, whosever it is.
    pub(super) fn zone_named(&self, name: &str) -> Option<&Held> {
        self.zones.get(self.zone_names.get(name)?)
    }

    /// The servers of an account in a region, the latest first, also those that are gone.
    pub(super) fn servers_of(&self, account: &str, region: &str) -> Vec<&Server> {
        let ours = |server: &&Server| server.account == account && server.region == region;
        let mut servers: Vec<&Server> = self.servers.values().filter(ours).collect();
        servers.sort_by_key(|server| std::cmp::Reverse(server.number));
        servers
    }

    /// The zones of an account by name.
    pub(super) fn zones_of(&self, account: &str) -> Vec<&Held> {
        let ours = |held: &&Held| held.zone.account == account;
        let mut zones: Vec<&Held> = self.zones.values().filter(ours).collect();
        zones.sort_by(|one, other| one.zone.name.cmp(&other.zone.name));
        zones
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

    /// Gives the world its identity. There is nothing that an account has from the start.
    fn found(&mut self, id: String, now: Millis) {
        self.now = now;
        self.write(Entry::Rackspace { format: FORMAT, id });
    }

    fn advance(&mut self, now: Millis) {
        self.now = now;
        self.hidden.retain(|_, until| *until > now);
        self.jobs.retain(|_, job| !forgotten(job, now));
        while let Some(next) = self.due.first().filter(|(at, ..)| *at <= now).cloned() {
            let (at, _, id) = &next;
            if let Some(server) = self.servers.get(id).cloned() {
                let server = after(server, *at);
                self.write(Entry::Server(Box::new(server)));
            } else if let Some(job) = self.jobs.get(id).cloned() {
                self.carry_out(job, *at);
            }
            self.due.remove(&next);
        }
    }

    fn take_unsaved(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unsaved)
    }

    /// What nobody can ask for is left out.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let head = [
            Entry::Rackspace {
                format: FORMAT,
                id: self.id.clone(),
            },
            Entry::Counter(self.last),
        ];
        let now = self.now;
        let tokens = self.tokens.values().filter(move |t| t.expires > now);
        let servers = self
            .servers
            .values()
            .filter(move |server| server.lives() || server.updated + REMEMBERED > now);
        let jobs = self.jobs.values().filter(move |job| !forgotten(job, now));
        let zones = self.zones.values().flat_map(|held| {
            std::iter::once(Entry::Zone(held.zone.clone()))
                .chain(held.records.values().cloned().map(Entry::Record))
        });
        head.into_iter()
            .chain(tokens.cloned().map(Entry::Token))
            .chain(self.keypairs.values().cloned().map(Entry::Keypair))
            .chain(servers.map(|server| Entry::Server(Box::new(server.clone()))))
            .chain(zones)
            .chain(jobs.map(|job| Entry::Job(Box::new(job.clone()))))
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Rackspace { format: _, id } => self.id = id,
            Entry::Counter(last) => self.last = self.last.max(last),
            Entry::Token(token) => {
                self.tokens.insert(token.id.clone(), token);
            }
            Entry::TokenGone(id) => {
                self.tokens.remove(&id);
            }
            Entry::Keypair(keypair) => {
                self.keypairs.insert(keypair.place(), keypair);
            }
            Entry::KeypairGone(place) => {
                self.keypairs.remove(&place);
            }
            Entry::Server(server) => {
                self.last = self.last.max(server.number);
                if let Some(before) = self.servers.get(&server.id)
                    && let Some(due) = before.due
                {
                    self.due.remove(&(due.at, before.number, before.id.clone()));
                }
                if let Some(due) = server.due {
                    self.due.insert((due.at, server.number, server.id.clone()));
                }
                self.servers.insert(server.id.clone(), *server);
            }
            Entry::Zone(zone) => {
                self.last = self.last.max(zone.id.saturating_sub(FIRST_ID));
                self.zone_names.insert(zone.name.clone(), zone.id);
                match self.zones.get_mut(&zone.id) {
                    Some(held) => held.zone = zone,
                    None => {
                        let records = BTreeMap::new();
                        self.zones.insert(zone.id, Held { zone, records });
                    }
                }
            }
            Entry::ZoneGone(id) => {
                if let Some(held) = self.zones.remove(&id) {
                    self.zone_names.remove(&held.zone.name);
                }
            }
            Entry::Record(record) => {
                self.last = self.last.max(record.id.saturating_sub(FIRST_ID));
                if let Some(held) = self.zones.get_mut(&record.zone) {
                    held.records.insert(record.id, record);
                }
            }
            Entry::RecordGone { zone, id } => {
                if let Some(held) = self.zones.get_mut(&zone) {
                    held.records.remove(&id);
                }
            }
            Entry::Job(job) => self.apply_job(*job),
            Entry::Done(entries) => {
                for entry in entries {
                    self.apply(entry);
                }
            }
        }
    }

    fn unknown_format(entry: &Entry) -> Option<u32> {
        match entry {
            Entry::Rackspace { format, .. } if *format != FORMAT => Some(*format),
            _ => None,
        }
    }
}

fn forgotten(job: &Job, now: Millis) -> bool {
    !matches!(job.result, Result::Open) && job.due.unwrap_or(job.started) + DAY <= now
}

/// A server after what was due.
fn after(mut server: Server, at: Millis) -> Server {
    let then = server.due.take().map(|due| due.then);
    server.updated = at;
    match then {
        Some(Then::Boot) => {
            server.status = Status::Active;
            server.booted = true;
            server.task = None;
        }
        Some(Then::Fail) => {
            server.status = Status::Error;
            server.task = None;
            server.flavor_wanted = None;
            server.fault = Some(Broken {
                code: 500,
                message: "No valid host was found. There are not enough hosts available.".into(),
                created: at,
            });
        }
        Some(Then::Delete) => {
            server.status = Status::Deleted;
            server.task = None;
        }
        Some(Then::Reboot) => {
            server.status = Status::Active;
            server.task = None;
        }
        Some(Then::Resize) => {
            server.status = Status::VerifyResize;
            server.task = None;
            if let Some(wanted) = server.flavor_wanted.take() {
                server.flavor_before = Some(std::mem::replace(&mut server.flavor, wanted));
            }
            server.due = Some(Due {
                from: at,
                at: at + DAY,
                then: Then::Confirm,
            });
        }
        Some(Then::Stay) => {
            server.status = Status::Active;
            server.task = None;
            server.flavor_wanted = None;
        }
        Some(Then::Confirm) => {
            server.status = Status::Active;
            server.task = None;
            server.flavor_before = None;
        }
        Some(Then::Revert) => {
            server.status = Status::Active;
            server.task = None;
            if let Some(before) = server.flavor_before.take() {
                server.flavor = before;
            }
        }
        None => {}
    }
    server
}
