//! The DigitalOcean API over HTTP: where requests go, pages, and what a run has found out about the
//! account. Private to this folder.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::model::Observed;
use crate::provider::adapter::{self, Changing};
use crate::provider::http::{self, Http, Request, Setup, to_json};
use crate::provider::{Allowance, Class, Error, Listed, Tempo};

use super::births::Births;
use super::changes::Changes;
use super::wire::Page;
use super::{Login, Manner};
use dialect::Bearer;
pub(super) use http::query;

mod dialect;
mod headers;

/// The most that the API puts on a page.
pub(super) const PER_PAGE: u64 = 200;
/// How many pages of a collection are asked for at the same time: enough to hide the latency, too
/// few to burst the minute's limit.
const PAGES_AT_ONCE: usize = 8;

/// Sends requests that only look.
pub(super) struct ReadClient {
    http: Http<Bearer>,
    base: reqwest::Url,
    /// How many items the larger collections had when they were listed last, by path.
    totals: Mutex<HashMap<String, u64>>,
    births: Mutex<Births>,
    changes: Mutex<Changes>,
    tempo: Tempo,
    /// Held by who makes a VPC: two at once may be given the same range of addresses (so does the
    /// official provider for Terraform, vpc/resource_vpc.go).
    vpc_in_the_making: tokio::sync::Mutex<()>,
    /// The token was refused a tag.
    tagless: AtomicBool,
    /// The kinds that the token may not see.
    unseen: Mutex<BTreeSet<&'static str>>,
}

/// Sends requests that change something.
pub(super) type WriteClient<'a> = Changing<'a, ReadClient>;

impl adapter::Client for ReadClient {}

impl ReadClient {
    pub(super) fn new(login: Login, manner: Manner) -> Result<Self, Error> {
        let Login { url, token } = login;
        let refused = |message: String| {
            let message = token.scrub(&message);
            Error::new(Class::Rejected, "the API's address", message)
        };
        let base = http::allowed(&url).map_err(refused)?;
        if !base.path().trim_matches('/').is_empty() {
            return Err(refused(format!(
                "{base} has a path; leave only the address"
            )));
        }
        let bearer = Bearer::new(token)
            .map_err(|message| Error::new(Class::Rejected, "setting up HTTP", message))?;
        let setup = Setup {
            address: base.clone(),
            also_trust: None,
            on_pause: manner.on_pause,
            tempo: manner.tempo,
        };
        Ok(Self {
            http: Http::new(bearer, setup)?,
            base,
            totals: Mutex::default(),
            births: Mutex::default(),
            changes: Mutex::default(),
            tempo: manner.tempo,
            vpc_in_the_making: tokio::sync::Mutex::default(),
            tagless: AtomicBool::new(false),
            unseen: Mutex::default(),
        })
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.http.sent()
    }

    /// The API's time now.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        self.http.clock()
    }

    /// How many more could be sent at once.
    pub(super) fn allowance(&self) -> Option<Allowance> {
        self.http.allowance()
    }

    /// Which actions bring up what was created.
    pub(super) fn births(&self) -> MutexGuard<'_, Births> {
        self.births.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is under way on Droplets and volumes.
    pub(super) fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else makes a VPC.
    pub(super) async fn turn_to_make_a_vpc(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.vpc_in_the_making.lock().await
    }

    /// How hurried this client is.
    pub(super) fn tempo(&self) -> Tempo {
        self.tempo
    }

    /// Whether the token may not create tags, as far as that is known.
    pub(super) fn is_tagless(&self) -> bool {
        self.tagless.load(Ordering::Relaxed)
    }

    /// The token may not create tags. This holds for the rest of the run.
    pub(super) fn be_tagless(&self) {
        self.tagless.store(true, Ordering::Relaxed);
    }

    /// The kinds that could not be listed, in order.
    pub(super) fn unseen(&self) -> Vec<&'static str> {
        let unseen = self.unseen.lock();
        let unseen = unseen.unwrap_or_else(PoisonError::into_inner);
        unseen.iter().copied().collect()
    }

    /// What is listed of a kind that nothing depends on. A token that may not see it has none to look
    /// after, which is remembered.
    pub(super) async fn if_seen(
        &self,
        kind: &'static str,
        list: impl Future<Output = Result<Vec<Observed>, Error>>,
    ) -> Result<Listed, Error> {
        match list.await {
            Err(error) if error.status == Some(403) => {
                let unseen = self.unseen.lock();
                unseen.unwrap_or_else(PoisonError::into_inner).insert(kind);
                Ok(Listed::default())
            }
            listed => Ok(listed?.into()),
        }
    }

    /// The API's address, as the state remembers it.
    pub(super) fn base(&self) -> String {
        self.http.address()
    }

    fn request<'a>(
        &self,
        method: Method,
        path: &str,
        body: Option<&'a Json>,
    ) -> Result<Request<'a>, Error> {
        let what = format!("{method} {path}");
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|error| Error::new(Class::Rejected, &what, error.to_string()))?;
        Ok(Request {
            method,
            url,
            what,
            headers: HeaderMap::new(),
            body,
        })
    }

    /// The object at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.http.get(&self.request(Method::GET, path, None)?).await
    }

    /// As [`Self::get`], with `None` for what does not exist.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let request = self.request(Method::GET, path, None)?;
        self.http.find(&request).await
    }

    /// How many pages the collection at `path` had when it was listed last; one, if it never was.
    pub(super) fn pages_of(&self, path: &str) -> u64 {
        self.total_of(path)
            .map_or(1, |total| total.div_ceil(PER_PAGE))
    }

    /// How many items the collection at `path` had when it was asked for last, if that was more
    /// than a page holds.
    pub(super) fn total_of(&self, path: &str) -> Option<u64> {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.get(path).copied()
    }

    fn remember(&self, path: &str, total: u64) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        // Most collections fit on a page: those are not worth keeping.
        if total > PER_PAGE {
            totals.insert(path.to_owned(), total);
        } else {
            totals.remove(path);
        }
    }

    /// Every item of the collection at `path`, in its order, by pages of 200. Each page is turned
    /// into what `kept` makes of its items as it comes, so that no more than a few of them are
    /// held in the API's form, which is many times as large. `path` may have a query.
    pub(super) async fn pages<P: Page, T>(
        &self,
        path: &str,
        kept: impl Fn(P::Item) -> T,
    ) -> Result<Vec<T>, Error> {
        let first: P = self.first_page(path).await?;
        self.further_pages(path, first, kept).await
    }

    /// The first page of the collection at `path`, which tells how many items it has.
    pub(super) async fn first_page<P: Page>(&self, path: &str) -> Result<P, Error> {
        let first: P = self.page(path, 1).await?;
        self.remember(path, first.total());
        Ok(first)
    }

    /// As [`Self::pages`], with the first page there already.
    pub(super) async fn further_pages<P: Page, T>(
        &self,
        path: &str,
        first: P,
        kept: impl Fn(P::Item) -> T,
    ) -> Result<Vec<T>, Error> {
        let last = first.total().div_ceil(PER_PAGE);
        let mut items: Vec<T> = first.into_items().into_iter().map(&kept).collect();
        let others = stream::iter(2..=last).map(|number| self.page::<P>(path, number));
        let mut others = pin!(others.buffered(PAGES_AT_ONCE));
        while let Some(page) = others.try_next().await? {
            items.extend(page.into_items().into_iter().map(&kept));
        }
        Ok(items)
    }

    async fn page<P: Page>(&self, path: &str, number: u64) -> Result<P, Error> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = format!("{path}{joint}per_page={PER_PAGE}&page={number}");
        self.get(&page).await
    }
}

impl WriteClient<'_> {
    /// Sends `body` with a method other than GET and decodes the answer. A POST is repeated only
    /// if no connection came about or the API refused to look at it; any other method also if
    /// nobody knows what came of it, because doing it twice comes to the same.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = to_json(&format!("{method} {path}"), body)?;
        let request = self.0.request(method, path, Some(&body))?;
        self.0.http.change(&request).await
    }

    /// As [`Self::send`], and not repeated.
    pub(super) async fn send_once<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let body = to_json(&format!("{method} {path}"), body)?;
        let request = self.0.request(method, path, Some(&body))?;
        self.0.http.change_once(&request).await
    }

    /// Asks again as long as nobody knows what came of it: `ask` must come to the same however
    /// often it is carried out.
    pub(super) async fn until_clear<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.0.http.until_clear(ask).await
    }

    /// Deletes what is at `path`. What is gone counts as deleted: by somebody else, or by a
    /// request of ours whose answer was lost.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        let request = self.0.request(Method::DELETE, path, None)?;
        self.0.http.delete(&request).await
    }

    /// Sends a DELETE with a body. What is gone already counts as taken away.
    pub(super) async fn take_away(&self, path: &str, body: &impl Serialize) -> Result<(), Error> {
        let body = to_json(&format!("DELETE {path}"), body)?;
        let request = self.0.request(Method::DELETE, path, Some(&body))?;
        self.0.http.delete(&request).await
    }

    /// Sends a POST that comes to the same however often it is sent, and repeats it as such.
    pub(super) async fn ensure(&self, path: &str, body: &impl Serialize) -> Result<(), Error> {
        let body = to_json(&format!("POST {path}"), body)?;
        let request = self.0.request(Method::POST, path, Some(&body))?;
        self.0.http.ensure(&request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    #[test]
    fn an_address_that_is_refused_does_not_show_what_is_in_it() {
        let connect = |url: &str| {
            let login = Login {
                url: url.to_owned(),
                token: Secret::new("invented".to_owned()),
            };
            ReadClient::new(login, Manner::default())
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for url in [
            "https://someone:hunter2@api.x",
            "invented",
            "https://api.x/invented",
        ] {
            let said = connect(url).err().unwrap_or_default();
            assert!(
                !said.is_empty() && !said.contains("hunter2") && !said.contains("invented"),
                "{said}"
            );
        }
    }
}
