//! HTTP to the DigitalOcean API: the token, pages, pace, retries. Private to this folder; the
//! facts are in the API's public documentation, "Introduction".

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{Secret, chain};
use crate::provider::{Allowance, Class, Connection, Error, OnPause, Tempo};

use super::births::Births;
use super::budget::{Budget, Hour, Why};
use super::wire::Page;
use headers::{api_time, hour_of, pause_of};
use retry::{CHANGES, LOOKS, Pauses, Repeat};
pub(super) use url::query;

mod answer;
mod headers;
mod retry;
mod url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The most that the API puts on a page.
pub(super) const PER_PAGE: u64 = 200;
/// How many pages of a collection are asked for at the same time: enough to hide the latency, too
/// few to burst the minute's limit.
const PAGES_AT_ONCE: usize = 8;
/// How often a request is tried that the API refuses to look at (429).
const ATTEMPTS: u32 = 4;
/// A refusal comes in spite of our own pace, so somebody else uses the token too. Nobody knows
/// whether a long wait would be of use then.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How much later than it was told the time may be, by an answer that took long.
const SLOW_ANSWER: SignedDuration = SignedDuration::from_secs(60);
/// Waits for our own pace are not worth a word below this.
const WORTH_SAYING: Duration = Duration::from_secs(2);

/// Sends requests that only look.
pub(super) struct ReadClient {
    http: reqwest::Client,
    base: Url,
    token: Secret,
    sent: AtomicU64,
    /// The API's time as the latest answer told it, and when that was.
    clock: Mutex<Option<(Timestamp, Instant)>>,
    on_pause: OnPause,
    tempo: Tempo,
    budget: Mutex<Budget>,
    /// Somebody gave a place in the budget back.
    freed: Notify,
    /// How many items the larger collections had when they were listed last, by path.
    totals: Mutex<HashMap<String, u64>>,
    births: Mutex<Births>,
    /// The token was refused a tag.
    tagless: AtomicBool,
}

/// A request's place in the budget, given back however the request ends.
struct Place<'a> {
    client: &'a ReadClient,
    told: Option<Hour>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let told = self.told.take();
        self.client.budget().answered(Instant::now(), told);
        self.client.freed.notify_waiters();
    }
}

/// Sends requests that change something.
pub(super) struct WriteClient<'a>(pub(super) &'a ReadClient);

impl ReadClient {
    pub(super) fn new(connection: Connection) -> Result<Self, Error> {
        let refused = |message: String| {
            let message = connection.token.scrub(&message);
            Error::new(Class::Rejected, "the API's address", message)
        };
        let base = url::of_api(&connection.url).map_err(refused)?;
        let http = http_client(&connection.token, &base)
            .map_err(|message| Error::new(Class::Rejected, "setting up HTTP", message))?;
        let Connection {
            url: _,
            token,
            on_pause,
            tempo,
        } = connection;
        Ok(Self {
            http,
            base,
            token,
            sent: AtomicU64::new(0),
            clock: Mutex::default(),
            on_pause,
            tempo,
            budget: Mutex::default(),
            freed: Notify::new(),
            totals: Mutex::default(),
            births: Mutex::default(),
            tagless: AtomicBool::new(false),
        })
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The API's time now.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        let told = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, when) = told?;
        told.checked_add(when.elapsed()).ok()
    }

    /// An answer told the time, cut to whole seconds and as late as the answer: so of several the
    /// latest time is the nearest. One that is far off is a clock that was set, or was wrong.
    fn set_clock(&self, told: Timestamp, now: Instant) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clock.and_then(|(told, when)| told.checked_add(now - when).ok());
        let is_near =
            known.is_some_and(|known| known >= told && known.duration_since(told) <= SLOW_ANSWER);
        if !is_near {
            *clock = Some((told, now));
        }
    }

    /// How many more could be sent at once.
    pub(super) fn allowance(&self) -> Option<Allowance> {
        let left = self.budget().left(Instant::now())?;
        Some(Allowance {
            a_minute: left.a_minute as u64,
            minute: left.minute as u64,
            hour: left.hour,
        })
    }

    /// Which actions bring up what was created.
    pub(super) fn births(&self) -> MutexGuard<'_, Births> {
        self.births.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the token may not create tags, as far as that is known.
    pub(super) fn is_tagless(&self) -> bool {
        self.tagless.load(Ordering::Relaxed)
    }

    /// The token may not create tags. This holds for the rest of the run.
    pub(super) fn be_tagless(&self) {
        self.tagless.store(true, Ordering::Relaxed);
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more request breaks no limit.
    async fn place(&self) -> Place<'_> {
        loop {
            // Made before the question, so that nothing given back after it goes unnoticed.
            let freed = self.freed.notified();
            let now = Instant::now();
            let taken = self.budget().take(now);
            let (wait, why) = match taken {
                Ok(()) => {
                    return Place {
                        client: self,
                        told: None,
                    };
                }
                Err(wait) => wait,
            };
            let worth_saying = wait >= WORTH_SAYING && why != Why::InFlight;
            if worth_saying && self.budget().is_news(now + wait) {
                self.on_pause.tell(wait, why.words());
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = freed => {}
            }
        }
    }

    /// The API's address, as the state remembers it.
    pub(super) fn base(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// The object at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let what = format!("GET {path}");
        let ask = || async {
            let answer = self.send(Method::GET, path, None).await?;
            self.decode(&what, answer).await
        };
        match self.repeat(Repeat::Unsent, LOOKS, ask).await {
            // What arrived garbled may arrive whole the next time; a wrong address never answers
            // otherwise.
            Err(error) if error.class == Class::Malformed && error.status.is_none() => {
                self.repeat(Repeat::Unsent, LOOKS, ask).await
            }
            result => result,
        }
    }

    /// As [`Self::get`], with `None` for what does not exist.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        match self.get(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
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

    /// Asks until there is an answer, as often as `most` and the tempo allow.
    ///
    /// Dropping this, in a pause too, ends it: nothing runs on beside it, and a request's place in
    /// the budget is given back when it goes.
    async fn repeat<T, F>(&self, repeat: Repeat, most: u32, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pauses = Pauses::new(self.tempo, most);
        loop {
            let error = match ask().await {
                Err(error) if repeat.after(error.class) => error,
                result => return result,
            };
            let Some(pause) = pauses.next(Instant::now()) else {
                return Err(error);
            };
            tracing::debug!("{error}; asking again in {pause:?}");
            tokio::time::sleep(pause).await;
        }
    }

    /// One request, repeated only where the API says that it was not carried out (429).
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<Response, Error> {
        let what = format!("{method} {path}");
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|error| Error::new(Class::Rejected, &what, error.to_string()))?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut request = self.http.request(method.clone(), url.clone());
            if let Some(body) = body {
                request = request.json(body);
            }
            let mut place = self.place().await;
            self.sent.fetch_add(1, Ordering::Relaxed);
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => return Err(self.transport_error(&what, &method, &error)),
            };
            tracing::debug!("{what} → {}", answer.status());
            let headers = answer.headers();
            let told = api_time(headers);
            if let Some(told) = told {
                self.set_clock(told, Instant::now());
            }
            let now = told.map_or_else(SystemTime::now, SystemTime::from);
            if !headers.contains_key(RETRY_AFTER) {
                // With the minute's limit the API says that nothing is left of the hour either.
                place.told = hour_of(headers, now);
            }
            drop(place);
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return self.accept(&what, &method, answer).await;
            }
            let wait = pause_of(headers, now);
            if attempt >= ATTEMPTS || wait > LONGEST_PAUSE {
                return self.accept(&what, &method, answer).await;
            }
            // For all requests: another one would be refused as well.
            let until = Instant::now() + wait;
            let is_news = {
                let mut budget = self.budget();
                budget.bar(until);
                budget.is_news(until)
            };
            if is_news {
                self.on_pause.tell(wait, Why::Told.words());
            }
        }
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
        let what = format!("{method} {path}");
        let body = to_json(&what, body)?;
        let ask = || async {
            let answer = self.0.send(method.clone(), path, Some(&body)).await?;
            self.0.decode(&what, answer).await.map_err(|error| Error {
                // It was accepted; only what it made is not known.
                class: Class::Ambiguous,
                ..error
            })
        };
        self.0.repeat(repeat_of(&method), CHANGES, ask).await
    }

    /// Deletes what is at `path`. What is gone counts as deleted: by somebody else, or by a
    /// request of ours whose answer was lost.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        let ask = || self.0.send(Method::DELETE, path, None);
        match self.0.repeat(Repeat::Unclear, CHANGES, ask).await {
            Err(error) if error.class == Class::NotFound => Ok(()),
            result => result.map(drop),
        }
    }

    /// Sends a POST that comes to the same however often it is sent, and repeats it as such.
    pub(super) async fn ensure(&self, path: &str, body: &impl Serialize) -> Result<(), Error> {
        let body = to_json(&format!("POST {path}"), body)?;
        let ask = || self.0.send(Method::POST, path, Some(&body));
        self.0.repeat(Repeat::Unclear, CHANGES, ask).await.map(drop)
    }
}

fn to_json(what: &str, body: &impl Serialize) -> Result<Json, Error> {
    serde_json::to_value(body).map_err(|error| Error::new(Class::Rejected, what, error.to_string()))
}

fn repeat_of(method: &Method) -> Repeat {
    if *method == Method::POST {
        Repeat::Unsent
    } else {
        Repeat::Unclear
    }
}

/// The one place that makes an HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor that the rule points to"
)]
fn http_client(token: &Secret, base: &Url) -> Result<reqwest::Client, String> {
    // Fails only if a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| "the token holds characters that no header can carry".to_owned())?;
    bearer.set_sensitive(true);
    let mut builder = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
        .user_agent(concat!("cloudbuilder/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        // A redirect would carry the token to wherever it points.
        .redirect(reqwest::redirect::Policy::none());
    if url::is_loopback(base) {
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // Nobody is to be believed by a certificate, so a machine that has none can practise too.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_refused_does_not_show_what_is_in_it() {
        let connect = |url: &str| {
            ReadClient::new(Connection {
                url: url.to_owned(),
                token: Secret::new("invented".to_owned()),
                on_pause: OnPause::new(|_, _| {}),
                tempo: Tempo::default(),
            })
            .map(|_| ())
            .map_err(|error| error.to_string())
        };
        for url in ["https://someone:hunter2@api.x", "invented"] {
            let said = connect(url).err().unwrap_or_default();
            assert!(
                !said.contains("hunter2") && !said.contains("invented"),
                "{said}"
            );
        }
    }
}
