use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::chain;
use crate::provider::{Allowance, Class, Error, OnPause, Tempo};

use super::budget::{Budget, Hour, Why};
use super::headers::api_time;
use super::retry::{CHANGES, LOOKS, Pauses, Repeat};
use super::url::{fits, is_loopback};
use super::{Dialect, Request, repeat_of};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a request is tried that the API refuses to look at (429).
const ATTEMPTS: u32 = 4;
/// A refusal comes in spite of our own pace, so somebody else uses the token too. Nobody knows
/// whether a long wait would be of use then.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How much later than it was told the time may be, by an answer that took long.
const SLOW_ANSWER: SignedDuration = SignedDuration::from_secs(60);
/// Waits for our own pace are not worth a word below this.
const WORTH_SAYING: Duration = Duration::from_secs(2);

/// Sends requests to one API in its dialect.
pub(in crate::provider) struct Http<D> {
    http: reqwest::Client,
    dialect: D,
    /// Where the API is, for messages.
    address: Url,
    sent: AtomicU64,
    /// The API's time as the latest answer told it, and when that was.
    clock: Mutex<Option<(Timestamp, Instant)>>,
    on_pause: OnPause,
    tempo: Tempo,
    budget: Mutex<Budget>,
    /// Somebody gave a place in the budget back.
    freed: Notify,
}

/// What a client is set up with.
pub(in crate::provider) struct Setup<'a> {
    /// Where the API is; [`super::allowed`] has let it pass.
    pub(in crate::provider) address: Url,
    /// Certificates to believe besides the system's, in PEM.
    pub(in crate::provider) also_trust: Option<&'a [u8]>,
    /// Told when requests are held back.
    pub(in crate::provider) on_pause: OnPause,
    /// How failed requests are repeated.
    pub(in crate::provider) tempo: Tempo,
}

/// A request's place in the budget, given back however the request ends.
struct Place<'a> {
    budget: &'a Mutex<Budget>,
    freed: &'a Notify,
    told: Option<Hour>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let told = self.told.take();
        lock(self.budget).answered(Instant::now(), told);
        self.freed.notify_waiters();
    }
}

/// What is locked here is changed in one go, so that a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: Dialect> Http<D> {
    /// A client of one API.
    ///
    /// # Errors
    /// If HTTP cannot be set up.
    pub(in crate::provider) fn new(dialect: D, setup: Setup<'_>) -> Result<Self, Error> {
        let http = http_client(&setup)
            .map_err(|message| Error::new(Class::Rejected, "setting up HTTP", message))?;
        let budget = match dialect.limits_requests() {
            true => Budget::default(),
            false => Budget::unlimited(),
        };
        Ok(Self {
            http,
            dialect,
            address: setup.address,
            sent: AtomicU64::new(0),
            clock: Mutex::default(),
            on_pause: setup.on_pause,
            tempo: setup.tempo,
            budget: Mutex::new(budget),
            freed: Notify::new(),
        })
    }

    /// What the API has of its own.
    pub(in crate::provider) fn dialect(&self) -> &D {
        &self.dialect
    }

    /// The API's address, without a final slash, as the state remembers it.
    pub(in crate::provider) fn address(&self) -> String {
        self.address.as_str().trim_end_matches('/').to_owned()
    }

    pub(super) fn url(&self) -> &Url {
        &self.address
    }

    /// Connections are set up for where the API is: whether through a proxy, and with which
    /// certificates to believe. An address that a catalog names must be one that this fits.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(in crate::provider) fn refuse_if_elsewhere(&self, url: &Url) -> Result<(), String> {
        fits(&self.address, url)
    }

    /// How many requests were sent.
    pub(in crate::provider) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The API's time now.
    pub(in crate::provider) fn clock(&self) -> Option<Timestamp> {
        let told = *lock(&self.clock);
        let (told, when) = told?;
        told.checked_add(when.elapsed()).ok()
    }

    /// An answer told the time, cut to whole seconds and as late as the answer: so of several the
    /// latest time is the nearest. One that is far off is a clock that was set, or was wrong.
    fn set_clock(&self, told: Timestamp, now: Instant) {
        let mut clock = lock(&self.clock);
        let known = clock.and_then(|(told, when)| told.checked_add(now - when).ok());
        let is_near =
            known.is_some_and(|known| known >= told && known.duration_since(told) <= SLOW_ANSWER);
        if !is_near {
            *clock = Some((told, now));
        }
    }

    /// How many more could be sent at once.
    pub(in crate::provider) fn allowance(&self) -> Option<Allowance> {
        let left = lock(&self.budget).left(Instant::now())?;
        Some(Allowance {
            a_minute: left.a_minute as u64,
            minute: left.minute as u64,
            hour: left.hour,
        })
    }

    /// Waits until one more request breaks no limit.
    async fn place(&self) -> Place<'_> {
        loop {
            // Made before the question, so that nothing given back after it goes unnoticed.
            let freed = self.freed.notified();
            let now = Instant::now();
            let taken = lock(&self.budget).take(now);
            let (wait, why) = match taken {
                Ok(()) => {
                    return Place {
                        budget: &self.budget,
                        freed: &self.freed,
                        told: None,
                    };
                }
                Err(wait) => wait,
            };
            let worth_saying = wait >= WORTH_SAYING && why != Why::InFlight;
            if worth_saying && lock(&self.budget).is_news(now + wait) {
                self.on_pause.tell(wait, why.words());
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = freed => {}
            }
        }
    }

    /// What is there, decoded. Repeated as looking may be.
    pub(in crate::provider) async fn get<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, Error> {
        let ask = || async {
            let answer = self.send(request).await?;
            self.decode(&request.what, answer).await
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
    pub(in crate::provider) async fn find<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<T>, Error> {
        match self.get(request).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends what changes something and decodes the answer. A POST is repeated only if no
    /// connection came about or the API refused to look at it; any other method also if nobody
    /// knows what came of it, because doing it twice comes to the same.
    pub(in crate::provider) async fn change<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, Error> {
        let ask = || self.change_once(request);
        self.repeat(repeat_of(&request.method), CHANGES, ask).await
    }

    /// As [`Self::change`], and not repeated.
    pub(in crate::provider) async fn change_once<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
    ) -> Result<T, Error> {
        let answer = self.send(request).await?;
        self.decode(&request.what, answer)
            .await
            .map_err(|error| Error {
                // It was accepted; only what it made is not known.
                class: Class::Ambiguous,
                ..error
            })
    }

    /// As [`Self::change_once`], of what is answered with nothing.
    pub(in crate::provider) async fn act_once(&self, request: &Request<'_>) -> Result<(), Error> {
        self.send(request).await.map(drop)
    }

    /// Asks again as long as nobody knows what came of it: `ask` must come to the same however
    /// often it is carried out.
    pub(in crate::provider) async fn until_clear<T, F>(
        &self,
        ask: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.repeat(Repeat::Unclear, CHANGES, ask).await
    }

    /// Sends what comes to the same however often it is sent, whatever its method, and repeats it
    /// as such. What the answer says does not matter.
    pub(in crate::provider) async fn ensure(&self, request: &Request<'_>) -> Result<(), Error> {
        self.until_clear(|| self.send(request)).await.map(drop)
    }

    /// Deletes. What is gone counts as deleted: by somebody else, or by a request of ours whose
    /// answer was lost.
    pub(in crate::provider) async fn delete(&self, request: &Request<'_>) -> Result<(), Error> {
        self.until_clear(|| self.delete_once(request)).await
    }

    /// As [`Self::delete`], and not repeated.
    pub(in crate::provider) async fn delete_once(
        &self,
        request: &Request<'_>,
    ) -> Result<(), Error> {
        match self.send(request).await {
            Err(error) if error.class == Class::NotFound => Ok(()),
            result => result.map(drop),
        }
    }

    /// Asks until there is an answer, as often as `most` and the tempo allow.
    ///
    /// Dropping this, in a pause too, ends it: nothing runs on beside it, and a request's place in
    /// the budget is given back when it goes.
    pub(in crate::provider) async fn repeat<T, F>(
        &self,
        repeat: Repeat,
        most: u32,
        ask: impl Fn() -> F,
    ) -> Result<T, Error>
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

    /// One request, repeated only where the API says that it was not carried out: it is too many,
    /// or nobody knows any more who is asking.
    pub(in crate::provider) async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        // Boxed, because authorizing may send requests itself.
        let proof: Pin<Box<_>> = self.dialect.authorize(self);
        let proof = proof.await?;
        let answer = self.send_with(request, &proof).await;
        match answer {
            Err(error) if error.status == Some(StatusCode::UNAUTHORIZED.as_u16()) => {
                match self.dialect.renew(self, &proof).await? {
                    Some(proof) => self.send_with(request, &proof).await,
                    None => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// As [`Self::send`], from nobody in particular: to ask for what proves who is asking.
    pub(in crate::provider) async fn send_bare(
        &self,
        request: &Request<'_>,
    ) -> Result<Response, Error> {
        self.send_with(request, &HeaderMap::new()).await
    }

    async fn send_with(&self, request: &Request<'_>, proof: &HeaderMap) -> Result<Response, Error> {
        let (what, method) = (&request.what, &request.method);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut sent = self
                .http
                .request(method.clone(), request.url.clone())
                .headers(proof.clone())
                .headers(request.headers.clone());
            if let Some(body) = request.body {
                sent = sent.json(body);
            }
            let mut place = self.place().await;
            self.sent.fetch_add(1, Ordering::Relaxed);
            let answer = match sent.send().await {
                Ok(answer) => answer,
                Err(error) => return Err(self.transport_error(what, method, &error)),
            };
            tracing::debug!("{what} → {}", answer.status());
            let headers = answer.headers();
            let told = api_time(headers);
            if let Some(told) = told {
                self.set_clock(told, Instant::now());
            }
            let now = told.map_or_else(SystemTime::now, SystemTime::from);
            place.told = self.dialect.hour(headers, now);
            drop(place);
            let Some(wait) = self.dialect.hold(answer.status(), headers, now) else {
                return self.accept(what, method, answer).await;
            };
            if attempt >= ATTEMPTS || wait > LONGEST_PAUSE {
                return self.accept(what, method, answer).await;
            }
            // For all requests: another one would be refused as well.
            let until = Instant::now() + wait;
            let is_news = {
                let mut budget = lock(&self.budget);
                budget.bar(until);
                budget.is_news(until)
            };
            if is_news {
                self.on_pause.tell(wait, Why::Told.words());
            }
        }
    }

    async fn accept(
        &self,
        what: &str,
        method: &Method,
        answer: Response,
    ) -> Result<Response, Error> {
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refused(what, method, answer).await)
    }
}

/// The one place that makes an HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor that the rule points to"
)]
fn http_client(setup: &Setup<'_>) -> Result<reqwest::Client, String> {
    // Fails only if a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("cloudbuilder/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        // A redirect would carry the token to wherever it points.
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(&setup.address) {
        builder = builder.no_proxy();
    }
    if setup.address.scheme() == "http" {
        // Nobody is to be believed by a certificate, so a machine that has none can practise too.
        builder = builder.tls_certs_only([]);
    } else if let Some(pem) = setup.also_trust {
        builder = builder.tls_certs_merge(certificates(pem)?);
    }
    builder.build().map_err(|error| chain(&error))
}

/// The certificates that a text in PEM holds.
///
/// # Errors
/// That there is none, or why one cannot be read.
pub(in crate::provider) fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    let found = Certificate::from_pem_bundle(pem).map_err(|error| chain(&error))?;
    match found.is_empty() {
        true => Err("no certificate in PEM is in it".to_owned()),
        false => Ok(found),
    }
}
