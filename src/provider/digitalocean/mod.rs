//! DigitalOcean: its resources read and written through its public API, version 2.
//!
//! Facts about the API come from its public description (github.com/digitalocean/openapi) and its
//! documentation; a comment says so where one of them is surprising.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use crate::model::{Account, Attributes, Capabilities, Catalog, Desired, Observed, Secret};

use super::{
    Allowance, Answer, Class, Error, Listed, Manner, Read, Resolved, Scope, Target, Write,
};
use client::{ReadClient, WriteClient};

mod births;
mod catalog;
mod client;
mod domain;
mod listing;
mod record;
mod server;
mod ssh_key;
#[cfg(test)]
mod tests;
mod wire;

/// The provider's name in cloud.json and in the state.
pub const TYPE: &str = "digitalocean";

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
const ADAPTERS: &[&dyn Adapter] = &[
    &ssh_key::Adapter,
    &server::Adapter,
    &domain::Adapter,
    &record::Adapter,
];

static CAPABILITIES: Capabilities = Capabilities {
    provider: TYPE,
    kinds: &["ssh_key", "server", "domain", "record"],
    updates: &[("record", "name"), ("record", "data")],
    batches: &[server::BATCH],
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
};

/// The calls for one kind of resource.
trait Adapter: Sync {
    fn kind(&self) -> &'static str;

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed>;

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>>;

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        get_each(self, client, targets).boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>>;

    fn resolve(&self, wanted: &[&Desired]) -> Vec<Resolved> {
        wanted.iter().map(|_| Resolved::default()).collect()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed>;

    fn create_many<'a>(
        &'a self,
        _client: WriteClient<'a>,
        _attributes: &'a [&'a Attributes],
        _mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        let message = format!("a {} is created by itself", self.kind());
        futures_util::future::err(Error::new(Class::Rejected, "create", message)).boxed()
    }

    fn update<'a>(
        &'a self,
        _client: WriteClient<'a>,
        target: Target<'a>,
        _attributes: &'a Attributes,
        changed: &'a [String],
    ) -> Answer<'a, Observed> {
        let message = format!(
            "{} of a {} cannot be changed",
            changed.join(", "),
            target.kind
        );
        futures_util::future::err(Error::new(Class::Rejected, "update", message)).boxed()
    }

    fn mark<'a>(
        &'a self,
        _client: WriteClient<'a>,
        _target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        futures_util::future::ok(()).boxed()
    }

    fn delete<'a>(&'a self, client: WriteClient<'a>, target: Target<'a>) -> Answer<'a, ()>;
}

async fn get_each<A: Adapter + ?Sized>(
    adapter: &A,
    client: &ReadClient,
    targets: &[Target<'_>],
) -> Result<Vec<Observed>, Error> {
    let mut found = Vec::new();
    for answer in
        futures_util::future::join_all(targets.iter().map(|&target| adapter.get(client, target)))
            .await
    {
        found.extend(answer?);
    }
    Ok(found)
}

fn adapter(kind: &str) -> Result<&'static dyn Adapter, Error> {
    let found = ADAPTERS
        .iter()
        .copied()
        .find(|adapter| adapter.kind() == kind);
    found.ok_or_else(|| {
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
        async move { Ok(adapter(kind)?.resolve(wanted)) }.boxed()
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
        tagless.then(|| TAGLESS.to_owned()).into_iter().collect()
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
        WriteClient(&self.reader.client)
    }
}

impl Read for Writer {
    fn capabilities(&self) -> &'static Capabilities {
        self.reader.capabilities()
    }

    fn account(&self) -> Answer<'_, Account> {
        self.reader.account()
    }

    fn catalog(&self) -> Answer<'_, Catalog> {
        self.reader.catalog()
    }

    fn list<'a>(&'a self, kind: &'a str, scope: Scope<'a>) -> Answer<'a, Listed> {
        self.reader.list(kind, scope)
    }

    fn get<'a>(&'a self, target: Target<'a>) -> Answer<'a, Option<Observed>> {
        self.reader.get(target)
    }

    fn look<'a>(
        &'a self,
        kind: &'a str,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        self.reader.look(kind, targets, mark)
    }

    fn find<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        self.reader.find(kind, wanted, mark)
    }

    fn resolve<'a>(
        &'a self,
        kind: &'a str,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        self.reader.resolve(kind, wanted)
    }

    fn requests(&self) -> u64 {
        self.reader.requests()
    }

    fn allowance(&self) -> Option<Allowance> {
        self.reader.allowance()
    }

    fn clock(&self) -> Option<Timestamp> {
        self.reader.clock()
    }

    fn marks(&self) -> bool {
        self.reader.marks()
    }

    fn notes(&self) -> Vec<String> {
        self.reader.notes()
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
    ) -> Answer<'a, Observed> {
        async move {
            adapter(target.kind)?
                .update(self.client(), target, attributes, changed)
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

    fn delete<'a>(&'a self, target: Target<'a>) -> Answer<'a, ()> {
        async move { adapter(target.kind)?.delete(self.client(), target).await }.boxed()
    }
}

/// The text of an attribute that a request needs.
fn required<'a>(attributes: &'a Attributes, name: &str) -> Result<&'a str, Error> {
    attributes
        .get(name)
        .and_then(serde_json::Value::as_str)
        .ok_or_else(|| {
            Error::new(
                Class::Rejected,
                "request",
                format!("its `{name}` is not known"),
            )
        })
}
