//! DigitalOcean: its resources read and written through its public API, version 2.
//!
//! Facts about the API come from its public description (github.com/digitalocean/openapi) and its
//! documentation; a comment says so where one of them is surprising.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::model::{
    Account, Attributes, Capabilities, Catalog, Desired, Money, Observed, Secret, Update,
};

use super::adapter::{self, Adapter, Changing};
use super::forward::LooksThrough;
use super::{
    Allowance, Answer, Class, Error, Listed, Manner, Read, Resolved, Scope, Target, Updated, Write,
};
use client::{ReadClient, WriteClient};

mod births;
mod catalog;
mod changes;
mod client;
mod domain;
mod firewall;
mod listing;
mod record;
mod reserved_ip;
mod server;
mod snapshot;
mod ssh_key;
#[cfg(test)]
mod tests;
mod volume;
mod vpc;
mod wire;

/// The only kind that is listed and has no adapter.
const SNAPSHOTS: &str = crate::resource::snapshot::KIND.name;

/// The provider's name in cloud.json and in the state.
pub const TYPE: &str = "digitalocean";

/// The key of an account's entry in security.json that holds its token.
pub const ENTRY_KEY: &str = "token";

/// Where the API is.
pub const URL: &str = "https://api.digitalocean.com";

/// What opens an account.
#[derive(Clone, Debug)]
pub struct Login {
    /// The API's address, without a final slash.
    pub url: String,
    /// The API token.
    pub token: Secret,
}

const TAGLESS: &str = "this token may not create tags, so servers carry no mark; they are known by \
    name and by the time they were made";

/// One adapter for each kind that is offered.
const ADAPTERS: &[&dyn Adapter<ReadClient>] = &[
    &ssh_key::Adapter,
    &vpc::Adapter,
    &firewall::Adapter,
    &server::Adapter,
    &volume::Adapter,
    &reserved_ip::Adapter,
    &domain::Adapter,
    &record::Adapter,
];

/// What an action takes beyond its request. A guess: the small ones take a few seconds.
const ACTION: Duration = Duration::from_secs(5);
/// The same for a firewall, until it is on all its servers.
const FIREWALL: Duration = Duration::from_secs(5);
/// The same for a resize; one that grows the disk takes longer the more there is to copy.
const RESIZE: Duration = Duration::from_secs(90);

/// The same for a rebuild, which takes about as long as making a server.
const REBUILD: Duration = Duration::from_secs(60);

/// The same for a snapshot, which takes the longer the more is on the disk.
const SNAPSHOT: Duration = Duration::from_secs(120);

const UPDATES: &[Update] = &[
    Update::at_once("vpc", &["name", "description"]),
    Update {
        takes: FIREWALL,
        ..Update::at_once("firewall", &["name", "tags", "inbound", "outbound"])
    },
    Update::at_once("record", &["name", "data", "ttl"]),
    Update {
        takes: ACTION,
        ..Update::at_once("reserved_ip", &["server"])
    },
    action(&["name"], ACTION),
    action(&["backups", "backup_policy"], ACTION),
    action(&["enable_ipv6"], ACTION),
    Update::at_once("server", &["tags"]),
    Update {
        interrupts: true,
        ..action(&["image"], REBUILD)
    },
    Update {
        // It has to be off: "Droplet is currently on. Please power it off to run this event."
        during: Some(("power", "off")),
        ..action(&["size"], RESIZE)
    },
    action(&["power"], ACTION),
    action(&["snapshot"], SNAPSHOT),
    on_volume(&["size_gb"]),
    on_volume(&["server"]),
];

const fn action(attributes: &'static [&'static str], takes: Duration) -> Update {
    Update {
        takes,
        ..Update::at_once("server", attributes)
    }
}

const fn on_volume(attributes: &'static [&'static str]) -> Update {
    Update {
        takes: ACTION,
        ..Update::at_once("volume", attributes)
    }
}

/// What a GB of a snapshot costs a month
/// (docs.digitalocean.com/products/snapshots/details/pricing).
const SNAPSHOT_GB: Money = Money::from_cents(6);

static CAPABILITIES: Capabilities = Capabilities {
    provider: TYPE,
    kinds: &[
        "ssh_key",
        "vpc",
        "firewall",
        "server",
        "volume",
        "reserved_ip",
        "domain",
        "record",
    ],
    updates: UPDATES,
    leaves: &[],
    only_seen: &[SNAPSHOTS],
    marked: &["server", "volume"],
    copy_gb: Some(SNAPSHOT_GB),
    prices: true,
    batches: &[server::BATCH],
    records: record::RULES,
    name_servers: &[
        "ns1.digitalocean.com",
        "ns2.digitalocean.com",
        "ns3.digitalocean.com",
    ],
    // A guess. DigitalOcean advertises less than 55 seconds; smaller ones are often there in half
    // of that.
    boot: Duration::from_secs(40),
    page: client::PER_PAGE,
    by_id: false,
    lacks: &[],
};

fn adapter(kind: &str) -> Result<&'static dyn Adapter<ReadClient>, Error> {
    adapter::of_kind(ADAPTERS, kind).ok_or_else(|| {
        Error::new(
            Class::Rejected,
            kind,
            "DigitalOcean has no adapter for this kind",
        )
    })
}

/// A client that can only look.
pub struct Reader {
    client: ReadClient,
    // Asked for by the account check and by the catalog.
    account: OnceCell<wire::Account>,
}

impl Reader {
    /// A reader of the account behind the token.
    ///
    /// # Errors
    /// If the address is not one that a token may be sent to.
    pub fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        Ok(Self {
            client: ReadClient::new(login, manner)?,
            account: OnceCell::new(),
        })
    }

    async fn wire_account(&self) -> Result<&wire::Account, Error> {
        let ask = || async {
            let answer: wire::AccountAnswer = self.client.get("/v2/account").await?;
            Ok(answer.account)
        };
        self.account.get_or_try_init(ask).await
    }
}

impl Read for Reader {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn account(&self) -> Answer<'_, Account> {
        async {
            let account = self.wire_account().await?;
            let team = account.team.as_ref();
            let team_id = team.and_then(|team| team.uuid.clone());
            let team_name = team.and_then(|team| team.name.clone());
            Ok(Account {
                provider: TYPE.to_owned(),
                api_url: self.client.base(),
                id: team_id.unwrap_or_else(|| account.uuid.clone()),
                name: team_name.unwrap_or_else(|| account.email.clone()),
            })
        }
        .boxed()
    }

    fn catalog(&self) -> Answer<'_, Catalog> {
        async {
            let account = self.wire_account();
            let (catalog, account) = tokio::join!(catalog::read(&self.client), account);
            Ok(Catalog {
                server_limit: Some(account?.droplet_limit),
                ..catalog?
            })
        }
        .boxed()
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match kind == SNAPSHOTS {
                true => snapshot::list(&self.client, scope).await,
                false => adapter(kind)?.list(&self.client, scope).await,
            }
        }
        .boxed()
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

    fn settling_of_change(&self, kind: &str, attributes: &Attributes) -> Duration {
        match kind {
            "server" => server::settling_of_change(&self.client, attributes),
            _ => Duration::ZERO,
        }
    }

    fn limits(&self) -> BTreeMap<&'static str, u64> {
        let account = self.account.get();
        let reserved_ips = account.and_then(|account| account.reserved_ip_limit);
        let reserved_ips = reserved_ips.map(|limit| ("reserved_ip", limit));
        reserved_ips.into_iter().collect()
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
        !self.client.is_tagless()
    }

    fn notes(&self) -> Vec<String> {
        let tagless = self.client.is_tagless();
        let tagless = tagless.then(|| TAGLESS.to_owned());
        let unseen = self.client.unseen().into_iter();
        let unseen = unseen.map(|kind| {
            let kind = kind.replace('_', " ");
            format!("this token may not see {kind}s, so none of them is listed")
        });
        tagless.into_iter().chain(unseen).collect()
    }
}

/// A client that can change things too.
pub struct Writer {
    reader: Reader,
}

impl Writer {
    /// A writer to the account behind the token.
    ///
    /// # Errors
    /// If the address is not one that a token may be sent to.
    pub fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        Ok(Self {
            reader: Reader::new(login, manner)?,
        })
    }

    fn client(&self) -> WriteClient<'_> {
        Changing(&self.reader.client)
    }
}

impl LooksThrough for Writer {
    fn reader(&self) -> &dyn Read {
        &self.reader
    }

    /// What is waited for here was asked for: a volume that is new is attached to its server.
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
