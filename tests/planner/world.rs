//! A deployment in memory: cloud.json, an account, a state. A test makes all three agree, changes
//! one thing, and looks at the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloudbuilder::config::{Cloud, PublicKeys, cloud};
use cloudbuilder::model::{
    AccountView, AccountViews, Address, Attributes, Capabilities, Catalog, Desired, Diagnostic,
    Image, Money, Observed, Readiness, RecordRules, Recorded, Region, Size, Update,
};
use cloudbuilder::plan::{self, Absence, Input, Part, Pattern, Plan, Step, Written};
use cloudbuilder::resource::{Declared, Setting, declare, domain, record, server};
use jiff::Timestamp;
use serde_json::Value as Json;

/// The deployment's lineage.
pub(crate) const OURS: &str = "ours";
/// Somebody else's.
pub(crate) const FOREIGN: &str = "theirs";

const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef key@acme.com";

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    provider: "toy",
    kinds: &["ssh_key", "server", "domain", "record"],
    only_seen: &[],
    marked: &[],
    copy_gb: None,
    prices: true,
    batches: &[],
    records: RecordRules::ALL,
    updates: &[Update::at_once("record", &["name", "data", "ttl"])],
    leaves: &[],
    name_servers: &["ns1.toy.example"],
    boot: Duration::from_secs(40),
    page: 200,
    by_id: false,
    lacks: &[],
};

/// The same, where a server can become another size, and sizes go by ids.
pub(crate) static RESIZING: Capabilities = Capabilities {
    updates: &[Update {
        interrupts: true,
        ..Update::at_once("server", &["size"])
    }],
    by_id: true,
    ..CAPABILITIES
};

/// The same, where a server can be made anew where it is, and a copy of it be kept.
pub(crate) static LIFECYCLE: Capabilities = Capabilities {
    updates: &[
        Update::at_once("record", &["name", "data"]),
        Update {
            interrupts: true,
            ..Update::at_once("server", &["image"])
        },
        Update::at_once("server", &["snapshot"]),
    ],
    only_seen: &[],
    marked: &[],
    copy_gb: Some(Money::from_cents(5)),
    ..CAPABILITIES
};

/// Everything a plan depends on, in a form that is easily changed.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cloud: String,
    pub(crate) key: String,
    pub(crate) observed: Vec<Observed>,
    pub(crate) recorded: BTreeMap<Address, Recorded>,
    /// What is recorded, not seen, and younger than the settling time.
    pub(crate) too_young: BTreeSet<Address>,
    pub(crate) lineage: Option<&'static str>,
    pub(crate) written: BTreeMap<Address, Arc<str>>,
    pub(crate) destroying: bool,
    pub(crate) now: Timestamp,
    pub(crate) drains: bool,
    pub(crate) replace: Vec<Pattern>,
    pub(crate) server_limit: u64,
    /// The one region that its accounts are, if they are one.
    pub(crate) only_region: Option<&'static str>,
    /// The name of another account, where there is one.
    pub(crate) another: Option<&'static str>,
    pub(crate) made: u32,
    pub(crate) capabilities: &'static Capabilities,
    pub(crate) part: Part,
}

/// Short enough to be read when a property fails.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cloud)?;
        for observed in &self.observed {
            let Observed { kind, id, .. } = observed;
            let values: Vec<String> = observed.attributes.values().map(Json::to_string).collect();
            writeln!(
                f,
                "  account: {kind} {id} {:?} {}",
                observed.owners,
                values.join(" ")
            )?;
        }
        for recorded in self.recorded.values() {
            let refers_to: Vec<String> =
                recorded.refers_to.iter().map(ToString::to_string).collect();
            let values: Vec<String> = recorded.attributes.values().map(Json::to_string).collect();
            let Recorded {
                address, id, ready, ..
            } = recorded;
            let (refers_to, values) = (refers_to.join(" "), values.join(" "));
            writeln!(
                f,
                "  state: {address} {id} ready {ready}, refers to {refers_to}: {values}"
            )?;
        }
        write!(f, "  destroying {}", self.destroying)
    }
}

/// One server for each pair of a name and the DNS names that lead to it, in a region with IPv6.
pub(crate) fn servers(servers: &[(&str, &[&str])]) -> String {
    let entries = servers.iter().map(|(name, names)| {
        format!(
            r#""{name}": {{"region": "new1", "size": "small", "image": "deb", "names": {names:?}}}"#
        )
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

impl World {
    /// An account that holds the zone acme.com and nothing else, and no state.
    pub(crate) fn new(cloud: &str) -> Self {
        let mut world = Self {
            cloud: cloud.to_owned(),
            key: KEY.to_owned(),
            observed: Vec::new(),
            recorded: BTreeMap::new(),
            too_young: BTreeSet::new(),
            lineage: Some(OURS),
            written: BTreeMap::new(),
            destroying: false,
            now: now(),
            drains: true,
            replace: Vec::new(),
            server_limit: 10,
            only_region: None,
            another: None,
            made: 0,
            capabilities: &CAPABILITIES,
            part: Part::default(),
        };
        world.add_zone("acme.com");
        world
    }

    /// The same, with everything that cloud.json asks for made.
    pub(crate) fn made(cloud: &str) -> Self {
        let mut world = Self::new(cloud);
        let plan = world.plan().expect("an empty account takes everything");
        for step in &plan.steps {
            world.carry_out(step);
        }
        world
    }

    /// Asks for something else now.
    pub(crate) fn asking_for(mut self, cloud: &str) -> Self {
        cloud.clone_into(&mut self.cloud);
        self
    }

    pub(crate) fn add_zone(&mut self, zone: &str) {
        self.observed.push(Observed {
            kind: domain::KIND.name,
            account: "default".into(),
            id: zone.to_owned(),
            attributes: Attributes::from([(domain::NAME.to_owned(), zone.into())]),
            owners: Vec::new(),
            readiness: Readiness::Ready,
            monthly: None,
            created: None,
        });
    }

    /// Puts a record into the account that nobody's state knows; gives its id.
    pub(crate) fn add_record(&mut self, name: &str, record_type: &str, data: &str) -> String {
        let zones = self.zones();
        let zone = domain::zone_of(name, &zones).expect("a zone of the account");
        let attributes = Attributes::from([
            (record::ZONE.to_owned(), zone.into()),
            (record::NAME.to_owned(), name.into()),
            (record::TYPE.to_owned(), record_type.into()),
            (record::DATA.to_owned(), data.into()),
        ]);
        self.put(record::KIND.name, attributes, Vec::new())
    }

    /// Puts a running server into the account that nobody's state knows; gives its id.
    pub(crate) fn add_server(&mut self, name: &str, owners: &[&str]) -> String {
        let attributes = Attributes::from([
            (server::NAME.to_owned(), name.into()),
            (server::REGION.to_owned(), "new1".into()),
            (server::SIZE.to_owned(), "small".into()),
            (server::BACKUPS.to_owned(), false.into()),
            (server::IPV6.to_owned(), true.into()),
        ]);
        let owners = owners.iter().map(ToString::to_string).collect();
        let id = self.put(server::KIND.name, attributes, owners);
        self.come_up(&id);
        id
    }

    /// Deletes something behind our back.
    pub(crate) fn lose(&mut self, address: &str) {
        let id = self.record_of(address).id.clone();
        let address: Address = address.parse().unwrap();
        self.observed
            .retain(|observed| (observed.kind, &observed.id) != (address.kind(), &id));
    }

    /// What the state says of an address.
    pub(crate) fn record_of(&mut self, address: &str) -> &mut Recorded {
        let address: Address = address.parse().unwrap();
        self.recorded
            .get_mut(&address)
            .unwrap_or_else(|| panic!("the state has no {address}"))
    }

    /// The observed resource that the state calls by an address.
    pub(crate) fn seen(&mut self, address: &str) -> &mut Observed {
        let id = self.record_of(address).id.clone();
        let kind = address.split('.').next().unwrap();
        self.observed
            .iter_mut()
            .find(|observed| observed.kind == kind && observed.id == id)
            .unwrap_or_else(|| panic!("the account has no {address}"))
    }

    pub(crate) fn zones(&self) -> BTreeSet<String> {
        self.observed
            .iter()
            .filter(|observed| observed.kind == domain::KIND.name)
            .map(|observed| observed.id.clone())
            .collect()
    }

    pub(crate) fn parsed(&self) -> Cloud {
        let parsed = cloud::parse("cloud.json", self.cloud.as_bytes());
        parsed
            .cloud
            .unwrap_or_else(|| panic!("{}: {:?}", self.cloud, parsed.diagnostics))
    }

    /// Recorded resources that are not in the account.
    fn absent(&self) -> BTreeMap<Address, Absence> {
        let seen: BTreeSet<(&str, &str)> = self
            .observed
            .iter()
            .map(|observed| (observed.kind, observed.id.as_str()))
            .collect();
        self.recorded
            .values()
            .filter(|recorded| !seen.contains(&(recorded.address.kind(), recorded.id.as_str())))
            .map(|recorded| {
                let young = self.too_young.contains(&recorded.address);
                let absence = if young {
                    Absence::TooYoung
                } else {
                    Absence::Gone
                };
                (recorded.address.clone(), absence)
            })
            .collect()
    }

    fn accounts(&self, catalog: Option<&Catalog>) -> AccountViews {
        let view = AccountView {
            region: self.only_region.map(ToOwned::to_owned),
            clock: None,
            capabilities: self.capabilities,
            catalog: catalog.cloned(),
            dns_in: None,
            left_out: BTreeMap::new(),
            limits: BTreeMap::from([("reserved_ip", 2)]),
        };
        let names = ["default"].into_iter().chain(self.another);
        names.map(|name| (name.to_owned(), view.clone())).collect()
    }

    fn declared(&self, catalog: Option<&Catalog>) -> Declared {
        if self.destroying {
            return Declared::default();
        }
        let zones = self.zones();
        let zones = [("default".to_owned(), zones)].into();
        let accounts = self.accounts(catalog);
        let setting = Setting {
            public_keys: &PublicKeys::parse(&self.key).expect("a key"),
            zones: &zones,
            recorded: &self.recorded,
            gone: &BTreeSet::new(),
            accounts: &accounts,
            seen: Some(&self.observed),
            now: self.now,
        };
        declare(&self.parsed(), &setting)
    }

    /// As the program does, the catalog is there only if a server is to be made.
    fn needed_catalog(&self) -> Option<Catalog> {
        let gone = self.absent();
        let needed = self.declared(None).desired.iter().any(|desired| {
            desired.address.kind() == server::KIND.name
                && (gone.contains_key(&desired.address)
                    || self.replace.iter().any(|one| one.matches(&desired.address))
                    || self.recorded.get(&desired.address).is_none_or(|recorded| {
                        let mut chosen = [server::IMAGE, server::REGION].into_iter();
                        chosen.any(|name| recorded.text(name) != desired.text(name))
                    }))
        });
        (needed || self.capabilities.by_id).then(|| catalog(self.server_limit))
    }

    fn with_input<T>(&self, ask: impl FnOnce(&Input<'_>, Vec<Diagnostic>) -> T) -> T {
        let catalog = self.needed_catalog();
        let Declared {
            desired,
            notes,
            withdrawn,
        } = self.declared(catalog.as_ref());
        let input = Input {
            desired: &desired,
            withdrawn: &withdrawn,
            observed: &self.observed,
            absent: &self.absent(),
            recorded: &self.recorded,
            lineage: self.lineage,
            accounts: &self.accounts(catalog.as_ref()),
            written: Some(Written {
                file: "cloud.json",
                values: &self.written,
                keeps_unwanted: false,
            }),
            destroying: self.destroying,
            now: self.now,
            drains: self.drains,
            part: &self.part,
            replace: &self.replace,
        };
        ask(&input, notes)
    }

    /// The plan, or everything that stands against it.
    pub(crate) fn plan(&self) -> Result<Plan, Vec<Diagnostic>> {
        self.with_input(|input, notes| match plan::plan(input) {
            Err(found) => Err(notes.into_iter().chain(found).collect()),
            Ok(_) if notes.iter().any(Diagnostic::is_error) => Err(notes),
            Ok(mut plan) => {
                plan.notes.splice(0..0, notes);
                Ok(plan)
            }
        })
    }

    /// What can be recognised without a state.
    pub(crate) fn recognised(&self) -> Vec<Step> {
        self.with_input(|input, _| plan::recognise(input).0)
    }

    /// What cloud.json means here.
    pub(crate) fn desired(&self) -> Vec<Desired> {
        self.declared(self.needed_catalog().as_ref()).desired
    }

    pub(super) fn put(
        &mut self,
        kind: &'static str,
        mut attributes: Attributes,
        owners: Vec<String>,
    ) -> String {
        self.made += 1;
        let id = match kind {
            // A zone's id is its name.
            "domain" => attributes[domain::NAME].as_str().unwrap().to_owned(),
            "reserved_ip" => format!("203.0.113.{}", self.made),
            _ => self.made.to_string(),
        };
        match kind {
            "vpc" | "server" | "firewall" => attributes.insert("id".to_owned(), id.as_str().into()),
            "reserved_ip" => attributes.insert("ip".to_owned(), id.as_str().into()),
            _ => None,
        };
        self.observed.push(Observed {
            kind,
            account: "default".into(),
            id: id.clone(),
            attributes,
            owners,
            readiness: Readiness::Ready,
            monthly: None,
            created: None,
        });
        id
    }
}

/// When everything in the toy world happens.
pub(super) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn catalog(server_limit: u64) -> Catalog {
    let set = |words: &[&str]| words.iter().map(ToString::to_string).collect();
    let region = |slug: &str, features: &[&str], available| Region {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        features: set(features),
        available,
    };
    let size = |slug: &str, disk_gb, monthly: Option<f64>, regions: &[&str]| Size {
        slug: slug.to_owned(),
        description: String::new(),
        vcpus: 1,
        memory_mib: 1024,
        disk_gb,
        transfer_tb: 1.0,
        monthly: monthly.map(Money::from_dollars),
        regions: set(regions),
        available: true,
        unusable: (slug == "ghost").then(|| "it is in no list".to_owned()),
        sandbox_only: slug == "quaint",
        ..Size::default()
    };
    let image = |id: &str, slug: Option<&str>, regions: &[&str], min_disk_gb| Image {
        id: id.to_owned(),
        slug: slug.map(ToOwned::to_owned),
        distribution: "Toy".to_owned(),
        name: String::new(),
        regions: set(regions),
        min_disk_gb,
        sandbox_only: false,
        ..Image::default()
    };
    let open: &[&str] = &["new1", "old1"];
    Catalog {
        regions: vec![
            region("new1", &["ipv6", "storage"], true),
            region("old1", &["backups"], true),
            region("full1", &["ipv6"], false),
        ],
        sizes: vec![
            size("small", 25, Some(6.0), open),
            size("large", 50, Some(12.0), &["new1"]),
            size("secret", 50, None, open),
            size("quaint", 25, Some(10.0), open),
            size("ghost", 50, Some(900.0), open),
        ],
        images: vec![
            image("1", Some("deb"), open, 10),
            image("2", Some("huge"), open, 40),
            image("3", Some("local"), &["old1"], 10),
            image("4", Some("newer"), open, 10),
            image("4711", None, open, 0),
        ],
        server_limit: Some(server_limit),
        successors: BTreeMap::from([("1gb".to_owned(), "small".to_owned())]),
    }
}
