//! Cloud DNS over HTTP: where requests go, pages, and which zone has which id. Private to this
//! folder.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::Mutex as TurnMutex;
use tokio::time::Instant;

use crate::provider::adapter::{self, Changing};
use crate::provider::http::{self, Request, allowed, to_json};
use crate::provider::openstack::client::identity::{Endpoint, Grant};
use crate::provider::openstack::client::{MOST_PAGES, Place, ReadClient as Cloud};
use crate::provider::{Class, Error, Manner, Tempo};

use super::wire::{Domain, Domains, Page};
use super::{CLASSIC, Login};
use gathering::Gathering;
pub(super) use http::query;
use identity::{DNS, PUBLIC, V2};

mod faults;
mod gathering;
mod identity;
mod jobs;
mod pauses;

/// The most that Cloud DNS puts on a page, and takes in one request.
pub(super) const PER_PAGE: u64 = 100;

/// How often a request that waited as told, several times, does so again.
const ROUNDS: u32 = 5;

/// Sends requests that only look.
pub(super) struct ReadClient {
    /// What speaks to Cloud Servers; its login is ours too.
    cloud: Arc<Cloud>,
    tempo: Tempo,
    /// The ids of zones, by name.
    zones: Mutex<HashMap<String, String>>,
    /// When a job may be asked for next.
    next_poll: TurnMutex<Option<Instant>>,
    /// Records that are about to be deleted.
    gathering: Gathering,
}

/// Sends requests that change something.
pub(super) type WriteClient<'a> = Changing<'a, ReadClient>;

impl adapter::Client for ReadClient {}

impl ReadClient {
    pub(super) fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        let refused = |message| Error::new(Class::Rejected, "the address to log in at", message);
        let (auth_url, region) = (login.auth_url.clone(), login.region.clone());
        let place = Place {
            profile: CLASSIC,
            auth_url: &auth_url,
            region,
            interface: PUBLIC,
            also_trust: None,
        };
        let tempo = manner.tempo;
        let identity = Box::new(V2::new(login).map_err(refused)?);
        Ok(Self {
            cloud: Arc::new(Cloud::with(place, identity, manner)?),
            tempo,
            zones: Mutex::default(),
            next_poll: TurnMutex::default(),
            gathering: Gathering::default(),
        })
    }

    /// What speaks to Cloud Servers.
    pub(super) fn cloud(&self) -> &Arc<Cloud> {
        &self.cloud
    }

    /// How long a job may run whose end nobody waits for.
    pub(super) fn longest_job(&self) -> Duration {
        jobs::longest(self.tempo)
    }

    /// A request to Cloud DNS; `path` is relative to the account's address there.
    async fn request<'a>(
        &self,
        method: Method,
        path: &str,
        body: Option<&'a Json>,
    ) -> Result<Request<'a>, Error> {
        let what = format!("{method} /{path}");
        let url = self.dns().await?.join(path);
        let url = url.map_err(|error| Error::new(Class::Rejected, &what, error.to_string()))?;
        Ok(to(url, method, what, body))
    }

    /// Whether the account has Cloud DNS.
    pub(super) async fn has_dns(&self) -> Result<bool, Error> {
        let grant = self.cloud.grant().await?;
        Ok(dns_of(&grant).is_some())
    }

    /// Where Cloud DNS is: the address has the tenant in it, and no region.
    pub(super) async fn shared_dns(&self) -> Result<Option<String>, Error> {
        let grant = self.cloud.grant().await?;
        Ok(dns_of(&grant).map(|dns| dns.url.clone()))
    }

    /// The same, as far as it is known: not before the first login.
    pub(super) fn is_known_to_lack_dns(&self) -> bool {
        let grant = self.cloud.http().dialect().known();
        grant.is_some_and(|grant| dns_of(&grant).is_none())
    }

    /// Where Cloud DNS is, with a final slash.
    async fn dns(&self) -> Result<Url, Error> {
        let refused = |message| Error::new(Class::Rejected, "the catalog of Rackspace", message);
        let grant = self.cloud.grant().await?;
        let dns =
            dns_of(&grant).ok_or_else(|| refused(format!("this account does not have {DNS}")))?;
        // The token goes there.
        let url = allowed(&format!("{}/", dns.url.trim_end_matches('/'))).map_err(refused)?;
        let elsewhere = self.cloud.http().refuse_if_elsewhere(&url);
        elsewhere.map_err(refused)?;
        Ok(url)
    }

    /// What is at `path`; `None` if nothing is.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let request = self.request(Method::GET, path, None).await?;
        until_allowed(|| self.cloud.http().find(&request)).await
    }

    /// Every item of the collection at `path`, which may have a query, in its order.
    pub(super) async fn pages<P: Page>(&self, path: &str) -> Result<Vec<P::Item>, Error> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page_at = |offset: usize| {
            let page = format!("{path}{joint}limit={PER_PAGE}&offset={offset}");
            async move {
                let request = self.request(Method::GET, &page, None).await?;
                until_allowed(|| self.cloud.http().get::<P>(&request)).await
            }
        };
        let items = every_item(page_at).await?;
        items.ok_or_else(|| {
            let message = "the list has no end";
            Error::new(Class::Malformed, format!("GET /{path}"), message)
        })
    }

    fn zones(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A zone was seen.
    pub(super) fn remember(&self, domain: &Domain) {
        let name = super::domain::name_of(domain);
        self.zones().insert(name, domain.id.clone());
    }

    /// A zone is not there any more.
    pub(super) fn forget(&self, id: &str) {
        self.zones().retain(|_, known| known != id);
    }

    /// The zone of this name, as the account has it now.
    pub(super) async fn zone(&self, name: &str) -> Result<Option<Domain>, Error> {
        let path = format!("domains{}", query(&[("name", name)]));
        let found = match self.pages::<Domains>(&path).await {
            // That a zone is not there is an empty list.
            Err(error) if error.class == Class::NotFound => {
                let dns = self.dns().await?;
                let message = format!("Cloud DNS at {dns} has no list of domains");
                return Err(Error { message, ..error });
            }
            found => found?,
        };
        let mut found = found.into_iter();
        let zone = found.find(|domain| super::domain::name_of(domain) == name);
        if let Some(zone) = &zone {
            self.remember(zone);
        }
        Ok(zone)
    }

    /// The id of the zone of this name: asked for only if no zone of that name was seen yet.
    pub(super) async fn zone_id(&self, name: &str) -> Result<Option<String>, Error> {
        let known = self.zones().get(name).cloned();
        match known {
            Some(id) => Ok(Some(id)),
            None => Ok(self.zone(name).await?.map(|zone| zone.id)),
        }
    }
}

impl WriteClient<'_> {
    /// Sends a change and waits for the end of the job that it becomes; gives what the job says was
    /// made. A POST is repeated only if no connection came about or the API refused to look at it.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Json, Error> {
        let body = to_json(&format!("{method} /{path}"), body)?;
        self.carry_out(method, path, Some(&body)).await
    }

    /// Deletes what is at `path`. What is gone counts as deleted: by somebody else, or by a request
    /// of ours whose answer was lost.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        match self.carry_out(Method::DELETE, path, None).await {
            Err(error) if error.class == Class::NotFound => Ok(()),
            result => result.map(drop),
        }
    }

    async fn carry_out(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Json, Error> {
        let request = self.0.request(method, path, body).await?;
        let job = until_allowed(|| self.0.cloud.http().change(&request)).await?;
        jobs::end_of(self.0, &request, job).await
    }
}

fn dns_of(grant: &Grant) -> Option<&Endpoint> {
    let mut services = grant.catalog.iter();
    services.find(|endpoint| endpoint.service == DNS)
}

/// Every item on the pages that `page_at` gives, each from an offset on. `None` if they do not end,
/// as those of a service that takes no notice of the offset.
async fn every_item<P: Page, F>(page_at: impl Fn(usize) -> F) -> Result<Option<Vec<P::Item>>, Error>
where
    F: Future<Output = Result<P, Error>>,
{
    let mut items = Vec::new();
    for _ in 0..MOST_PAGES {
        // Only multiples of the limit are taken for an offset.
        let page = page_at(items.len()).await?;
        let total = page.total();
        let on_page = page.into_items();
        let is_full = on_page.len() as u64 >= PER_PAGE;
        items.extend(on_page);
        // With a filter, the total may count what the filter keeps back.
        if !is_full || total == Some(items.len() as u64) {
            return Ok(Some(items));
        }
    }
    Ok(None)
}

/// Asks again where even waiting as told did not help. Only few changes a minute are allowed, and
/// of many that wait for the same moment the first ones use it up; but in each minute some get
/// through.
async fn until_allowed<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for _ in 1..ROUNDS {
        match ask().await {
            Err(error) if error.class == Class::RateLimited => {}
            result => return result,
        }
    }
    ask().await
}

/// A request to one of the services; they speak XML too.
fn to(url: Url, method: Method, what: String, body: Option<&Json>) -> Request<'_> {
    let json = HeaderValue::from_static("application/json");
    Request {
        method,
        url,
        what,
        headers: HeaderMap::from_iter([(ACCEPT, json)]),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Items that take no room: there are many.
    #[derive(serde::Deserialize)]
    struct Marks(Vec<()>);

    impl Page for Marks {
        type Item = ();
        fn total(&self) -> Option<u64> {
            None
        }
        fn into_items(self) -> Vec<()> {
            self.0
        }
    }

    #[tokio::test]
    async fn a_list_ends_or_is_given_up() {
        let full = PER_PAGE as usize;
        let of_250 = |offset: usize| async move { Ok(Marks(vec![(); full.min(250 - offset)])) };
        let items = every_item(of_250).await.unwrap();
        assert_eq!(items.map(|items| items.len()), Some(250));

        let asked = Cell::new(0);
        let deaf = |_offset: usize| {
            asked.set(asked.get() + 1);
            assert!(asked.get() <= MOST_PAGES, "it is asked for ever");
            async move { Ok(Marks(vec![(); full])) }
        };
        assert_eq!(every_item(deaf).await.unwrap(), None);
        assert_eq!(asked.get(), MOST_PAGES);
    }
}
