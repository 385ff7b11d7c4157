//! OpenStack: its servers, keys, zones and records read and written through the public APIs of
//! Keystone, Nova, Glance, Neutron, Cinder and Designate.
//!
//! Facts about the APIs come from their public descriptions (the `api-ref` of each service) and
//! from what the services of 2026 answered; a comment says so where one of them is surprising.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;

use crate::model::{
    Account, Attributes, Capabilities, Catalog, Desired, Network, Observed, Update,
};

use super::adapter::{self, Adapter, Changing};
use super::forward::LooksThrough;
use super::{
    Allowance, Answer, Class, Error, Listed, Manner, Read, Resolved, Scope, Target, Updated, Write,
};
use client::{ReadClient, Service, WriteClient};

mod addresses;
mod catalog;
pub(super) mod client;
mod dns;
mod domain;
mod files;
mod firewall;
mod floating;
mod groups;
pub mod login;
mod moves;
mod nets;
mod placement;
pub mod profile;
mod record;
mod recordset;
mod reserved_ip;
mod resizes;
mod resolve;
mod server;
mod ssh_key;
mod volume;
mod wire;

pub use login::Login;

/// One adapter for each kind that is offered.
const ADAPTERS: &[&dyn Adapter<ReadClient>] = &[
    &ssh_key::Adapter,
    &firewall::Adapter,
    &server::Adapter,
    &volume::Adapter,
    &reserved_ip::Adapter,
    &domain::Adapter,
    &record::Adapter,
];

const ALL: &[&str] = &[
    "ssh_key",
    "firewall",
    "server",
    "volume",
    "reserved_ip",
    "domain",
    "record",
];
const WITHOUT_DNS: &[&str] = &["ssh_key", "firewall", "server", "volume", "reserved_ip"];
const WITHOUT_VOLUMES: &[&str] = &[
    "ssh_key",
    "firewall",
    "server",
    "reserved_ip",
    "domain",
    "record",
];
const WITHOUT_EITHER: &[&str] = &["ssh_key", "firewall", "server", "reserved_ip"];

static OPENSTACK: Variants = Variants::of(profile::OPENSTACK.provider);
static FLEX: Variants = Variants::of(profile::FLEX.provider);

/// What a cloud can do, by what services it has of those that not all have.
struct Variants {
    all: Capabilities,
    without_dns: Capabilities,
    without_volumes: Capabilities,
    without_either: Capabilities,
}

impl Variants {
    const fn of(provider: &'static str) -> Self {
        Self {
            all: capabilities(provider, ALL),
            without_dns: capabilities(provider, WITHOUT_DNS),
            without_volumes: capabilities(provider, WITHOUT_VOLUMES),
            without_either: capabilities(provider, WITHOUT_EITHER),
        }
    }
}

const UPDATES: &[Update] = &[
    Update::at_once("firewall", &["name", "tags", "inbound", "outbound"]),
    Update::at_once("record", &["data", "ttl"]),
    Update::at_once("reserved_ip", &["server"]),
    Update::at_once("server", &["firewalls"]),
    Update::at_once("server", &["reserved_ip"]),
    Update::at_once("server", &["tags"]),
    RENAME,
    resize(Duration::from_secs(30)),
    on_volume(&["size_gb"]),
    on_volume(&["server"]),
];

/// What no server of Nova can be made with.
pub(super) const SERVERS_LACK: &[(&str, &str)] =
    &[("server", "monitoring"), ("server", "further_keys")];
/// The same, and what no volume of Cinder can be made with.
const LACKS: &[(&str, &str)] = &[
    ("server", "monitoring"),
    ("server", "further_keys"),
    ("volume", "filesystem"),
];

/// How a server gets its name back.
pub(super) const RENAME: Update = Update::at_once("server", &["name"]);

/// How a server gets another size: the cloud stops and starts it.
pub(super) const fn resize(takes: Duration) -> Update {
    Update {
        interrupts: true,
        takes,
        ..Update::at_once("server", &["size"])
    }
}

/// A guess: clouds differ.
const fn on_volume(attributes: &'static [&'static str]) -> Update {
    Update {
        takes: Duration::from_secs(10),
        ..Update::at_once("volume", attributes)
    }
}

const fn capabilities(provider: &'static str, kinds: &'static [&'static str]) -> Capabilities {
    Capabilities {
        provider,
        kinds,
        updates: UPDATES,
        leaves: &["server"],
        only_seen: &[],
        marked: &["firewall", "server", "volume", "reserved_ip"],
        copy_gb: None,
        prices: false,
        batches: &[],
        records: record::RULES,
        // Each zone has its own, which its NS records tell.
        name_servers: &[],
        // A guess: clouds differ.
        boot: Duration::from_secs(30),
        page: client::PER_PAGE,
        by_id: true,
        lacks: LACKS,
    }
}

fn adapter(kind: &str) -> Result<&'static dyn Adapter<ReadClient>, Error> {
    adapter::of_kind(ADAPTERS, kind)
        .ok_or_else(|| Error::new(Class::Rejected, kind, "there is no adapter for this kind"))
}

/// A client that can only look.
pub struct Reader {
    client: Arc<ReadClient>,
}

impl Reader {
    /// A reader of the account that `login` opens.
    ///
    /// # Errors
    /// If the address is not one that a password may be sent to, or a certificate cannot be read.
    pub fn new(login: &Login, manner: Manner) -> Result<Self, Error> {
        Ok(Self::over(Arc::new(ReadClient::new(login, manner)?)))
    }

    /// A reader of what a client reaches.
    pub(super) fn over(client: Arc<ReadClient>) -> Self {
        Self { client }
    }
}

impl Read for Reader {
    fn capabilities(&self) -> &'static Capabilities {
        let is_flex = self.client.profile().provider == profile::FLEX.provider;
        let variants = if is_flex { &FLEX } else { &OPENSTACK };
        let lacks = |service| self.client.is_known_to_lack(service);
        match (lacks(Service::Dns), lacks(Service::Volume)) {
            (false, false) => &variants.all,
            (true, false) => &variants.without_dns,
            (false, true) => &variants.without_volumes,
            (true, true) => &variants.without_either,
        }
    }

    fn account(&self) -> Answer<'_, Account> {
        async {
            let grant = self.client.grant().await?;
            let region = self.client.region().await?;
            let (id, name) = &grant.project;
            Ok(Account {
                provider: self.client.profile().provider.to_owned(),
                api_url: self.client.base(),
                // What another region holds is not what this one lacks.
                id: format!("{id}/{region}"),
                name: format!("{name} in {region}"),
            })
        }
        .boxed()
    }

    fn shared_dns(&self) -> Answer<'_, Option<String>> {
        self.client.shared_dns().boxed()
    }

    fn region(&self) -> Option<String> {
        self.client.known_region()
    }

    fn catalog(&self) -> Answer<'_, Catalog> {
        catalog::read(&self.client).boxed()
    }

    fn networks(&self) -> Answer<'_, Vec<Network>> {
        placement::choices(&self.client).boxed()
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move { adapter(kind)?.list(&self.client, scope).await }.boxed()
    }

    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        async move { adapter(target.kind)?.get(&self.client, target).await }.boxed()
    }

    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move { adapter(kind)?.look(&self.client, targets, mark).await }.boxed()
    }

    fn find<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move { adapter(kind)?.find(&self.client, wanted, mark).await }.boxed()
    }

    fn resolve<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        async move { adapter(kind)?.resolve(&self.client, wanted).await }.boxed()
    }

    fn requests(&self) -> u64 {
        self.client.sent()
    }

    fn allowance(&self) -> Option<Allowance> {
        self.client.allowance()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.client.clock()
    }

    fn marks(&self) -> bool {
        true
    }

    fn notes(&self) -> Vec<String> {
        self.client.notes()
    }
}

/// A client that can change things too.
pub struct Writer {
    reader: Reader,
}

impl Writer {
    /// A writer to the account that `login` opens.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn new(login: &Login, manner: Manner) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::new(login, manner)?,
        })
    }

    /// A writer to what a client reaches.
    pub(super) fn over(client: Arc<ReadClient>) -> Self {
        let reader = Reader::over(client);
        Self { reader }
    }

    fn client(&self) -> WriteClient<'_> {
        Changing(&self.reader.client)
    }
}

impl LooksThrough for Writer {
    fn reader(&self) -> &dyn Read {
        &self.reader
    }

    /// What is waited for here was asked for: a server that is to have a floating IP is given it
    /// when it is so far.
    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move { adapter(kind)?.bring_up(self.client(), targets, mark).await }.boxed()
    }
}

impl Write for Writer {
    fn create<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move { adapter(kind)?.create(self.client(), attributes, mark).await }.boxed()
    }

    fn create_many<'a>(
        &'a self,
        kind: &'a str,
        attributes: &'a [&'a Attributes],
        mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        async move {
            adapter(kind)?
                .create_many(self.client(), attributes, mark)
                .await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        target: Target<'a>,
        attributes: &'a Attributes,
        changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            adapter(target.kind)?
                .update(self.client(), target, attributes, changed, mark)
                .await
        }
        .boxed()
    }

    fn mark<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()> {
        async move {
            adapter(target.kind)?
                .mark(self.client(), target, mark)
                .await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, target: Target<'a>, mark: &'a str) -> Answer<'a, ()> {
        async move {
            adapter(target.kind)?
                .delete(self.client(), target, mark)
                .await
        }
        .boxed()
    }
}
