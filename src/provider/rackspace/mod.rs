//! Rackspace Cloud, the one that is called Classic: Identity v2 and Cloud DNS v1; its servers are
//! OpenStack's but for what the [`Profile`] says.
//!
//! Facts about the APIs come from their public documentation (github.com/rackerlabs:
//! docs-cloud-identity, docs-cloud-dns, docs-cloud-servers); a comment says so where one of them
//! is surprising.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::model::{
    Account, Attributes, Capabilities, Catalog, Desired, Diagnostic, Observed, Update,
};

use super::adapter::{self, Adapter, Changing};
use super::forward::LooksThrough;
use super::openstack::{
    self,
    profile::{Files, FixedNetwork, Profile},
};
use super::{
    Allowance, Answer, Error, Listed, Manner, Read, Resolved, Scope, Target, Updated, Write,
};
use client::{ReadClient, WriteClient};

mod client;
mod domain;
pub mod login;
mod mark;
mod record;
mod wire;

pub use login::Login;

/// The provider's name in cloud.json and in the state.
pub const TYPE: &str = "rackspace";

/// One adapter for each kind that is not as it is with OpenStack.
const ADAPTERS: &[&dyn Adapter<ReadClient>] = &[&domain::Adapter, &record::Adapter];

/// Cloud Servers is Nova from before it had versions of its API, without Neutron and Glance beside
/// it.
const CLASSIC: Profile = Profile {
    provider: TYPE,
    title: "Rackspace",
    microversions: false,
    has_network_service: false,
    has_image_service: false,
    fixed_networks: &[
        FixedNetwork {
            name: "public",
            id: "00000000-0000-0000-0000-000000000000",
            is_public: true,
        },
        FixedNetwork {
            name: "private",
            id: "11111111-1111-1111-1111-111111111111",
            is_public: false,
        },
    ],
    files: Files::Personality,
    sizes_by_id: true,
    tells_progress: true,
    credentials: "check the user name and the API key of the account's entry in security.json",
};

static ALL: Capabilities = capabilities(&["ssh_key", "server", "domain", "record"]);
static WITHOUT_DNS: Capabilities = capabilities(&["ssh_key", "server"]);

const UPDATES: &[Update] = &[
    Update::at_once("record", &["data", "ttl"]),
    openstack::RENAME,
    // A guess: the disk is copied.
    openstack::resize(Duration::from_secs(300)),
];

const fn capabilities(kinds: &'static [&'static str]) -> Capabilities {
    Capabilities {
        provider: TYPE,
        kinds,
        updates: UPDATES,
        leaves: &[],
        only_seen: &[],
        marked: &["server"],
        copy_gb: None,
        prices: false,
        batches: &[record::BATCH],
        records: record::RULES,
        name_servers: &["dns1.stabletransit.com", "dns2.stabletransit.com"],
        // A guess.
        boot: Duration::from_secs(90),
        page: client::PER_PAGE,
        by_id: true,
        lacks: openstack::SERVERS_LACK,
    }
}

/// The adapter of a kind, if it is not as it is with OpenStack.
fn adapter(kind: &str) -> Option<&'static dyn Adapter<ReadClient>> {
    adapter::of_kind(ADAPTERS, kind)
}

/// A client that can only look.
pub struct Reader {
    client: ReadClient,
    /// What sees servers and keys.
    others: openstack::Reader,
}

impl Reader {
    /// A reader of the account behind the login.
    ///
    /// # Errors
    /// If the address is not one that a secret may be sent to.
    pub fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        let client = ReadClient::new(login, manner)?;
        let others = openstack::Reader::over(Arc::clone(client.cloud()));
        Ok(Self { client, others })
    }

    /// Of names in DNS: whether there is a service for them at all.
    async fn resolve_names(&self, wanted: &[&Desired]) -> Result<Vec<Resolved>, Error> {
        let has_dns = self.client.has_dns().await?;
        let resolved = wanted.iter().map(|desired| {
            let problem = (!has_dns).then(|| {
                let address = &desired.address;
                Diagnostic::error(format!("this account has no DNS to put {address} into"))
                    .detail("its catalog has no Cloud DNS")
                    .hint("give the domain another account as its `provider`")
                    .at(desired.place.clone())
            });
            Resolved {
                problems: problem.into_iter().collect(),
                ..Resolved::default()
            }
        });
        Ok(resolved.collect())
    }
}

impl Read for Reader {
    fn capabilities(&self) -> &'static Capabilities {
        if self.client.is_known_to_lack_dns() {
            &WITHOUT_DNS
        } else {
            &ALL
        }
    }

    fn account(&self) -> Answer<'_, Account> {
        self.others.account()
    }

    fn shared_dns(&self) -> Answer<'_, Option<String>> {
        self.client.shared_dns().boxed()
    }

    fn catalog(&self) -> Answer<'_, Catalog> {
        self.others.catalog()
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        match adapter(kind) {
            Some(adapter) => adapter.list(&self.client, scope),
            None => self.others.list(kind, scope),
        }
    }

    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        match adapter(target.kind) {
            Some(adapter) => adapter.get(&self.client, target),
            None => self.others.get(target),
        }
    }

    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        match adapter(kind) {
            Some(adapter) => adapter.look(&self.client, targets, mark),
            None => self.others.look(kind, targets, mark),
        }
    }

    fn find<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        match adapter(kind) {
            Some(adapter) => adapter.find(&self.client, wanted, mark),
            None => self.others.find(kind, wanted, mark),
        }
    }

    fn resolve<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        match adapter(kind) {
            Some(_) => self.resolve_names(wanted).boxed(),
            None => self.others.resolve(kind, wanted),
        }
    }

    /// What becomes a job is made when the job comes to its turn.
    fn settling(&self, kind: &str) -> Duration {
        match adapter(kind) {
            Some(_) => self.client.longest_job(),
            None => self.others.settling(kind),
        }
    }

    fn requests(&self) -> u64 {
        self.others.requests()
    }

    /// Each service counts for itself, and none tells how much is left.
    fn allowance(&self) -> Option<Allowance> {
        None
    }

    fn clock(&self) -> Option<Timestamp> {
        self.others.clock()
    }

    fn marks(&self) -> bool {
        true
    }

    fn notes(&self) -> Vec<String> {
        self.others.notes()
    }
}

/// A client that can change things too.
pub struct Writer {
    reader: Reader,
    /// What makes servers and keys.
    others: openstack::Writer,
}

impl Writer {
    /// A writer to the account behind the login.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        let reader = Reader::new(login, manner)?;
        let others = openstack::Writer::over(Arc::clone(reader.client.cloud()));
        Ok(Self { reader, others })
    }

    fn client(&self) -> WriteClient<'_> {
        Changing(&self.reader.client)
    }
}

impl LooksThrough for Writer {
    fn reader(&self) -> &dyn Read {
        &self.reader
    }
}

impl Write for Writer {
    fn create<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        match adapter(kind) {
            Some(adapter) => adapter.create(self.client(), attributes, mark),
            None => self.others.create(kind, attributes, mark),
        }
    }

    fn create_many<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a [&'a Attributes],
        mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        match adapter(kind) {
            Some(adapter) => adapter.create_many(self.client(), attributes, mark),
            None => self.others.create_many(kind, attributes, mark),
        }
    }

    fn update<'a>(
        &'a self,
        target: Target<'a>,
        attributes: &'a Attributes,
        changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated> {
        match adapter(target.kind) {
            Some(adapter) => adapter.update(self.client(), target, attributes, changed, mark),
            None => self.others.update(target, attributes, changed, mark),
        }
    }

    fn mark<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()> {
        match adapter(target.kind) {
            // Of these, no mark decides whose they are.
            Some(_) => futures_util::future::ok(()).boxed(),
            None => self.others.mark(target, mark),
        }
    }

    fn delete<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()> {
        match adapter(target.kind) {
            Some(adapter) => adapter.delete(self.client(), target, mark),
            None => self.others.delete(target, mark),
        }
    }
}

/// When something was made, where the API says so; with any offset.
fn instant(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}
