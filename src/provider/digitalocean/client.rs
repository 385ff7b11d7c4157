//! HTTP to the DigitalOcean API: the token, pages, pace, retries. Private to this folder; the facts are in the API's public documentation, "Introduction".

use std::collections::HashMap;
use std::error::Error as _;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::{Secret, chain, escape};
use crate::provider::{Allowance, Class, Connection, Error, OnPause};

use super::births::Births;
use super::budget::{Budget, Hour, Why};
use super::wire::{ApiError, Page};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The most that the API puts on a page.
pub(super) const PER_PAGE: u64 = 200;
/// How often a request that changes nothing is tried.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A refusal comes in spite of our own pace, so somebody else uses the token too. Nobody knows
/// whether a long wait would be of use then.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Waits for our own pace are not worth a word below this.
const WORTH_SAYING: Duration = Duration::from_secs(2);
/// Answers up to this size are taken into memory; the largest page is about 1 MiB.
const LARGEST_BODY: usize = 16 << 20;
/// As much of an error's body as is looked at.
const LARGEST_ERROR: usize = 64 << 10;

/// Sends requests that only look.
pub(super) struct ReadClient {
    http: reqwest::Client,
    base: Url,
    token: Secret,
    sent: AtomicU64,
    /// The API's time in Unix seconds, as the latest answer told it.
    clock: AtomicI64,
    on_pause: OnPause,
    budget: Mutex<Budget>,
    /// Somebody gave a place in the budget back.
    freed: Notify,
    /// How many items the larger collections had when they were listed last, by path.
    totals: Mutex<HashMap<String, u64>>,
    births: Mutex<Births>,
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
        let base = Url::parse(&connection.url)
            .map_err(|error| refused(format!("{} is no URL: {error}", connection.url)))?;
        // All of it is shown in messages and kept in the state.
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refused(
                "there is a `?` or a `#` in it; leave only the address".to_owned(),
            ));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(refused(
                "there is a user name or a password in it; leave only the address".to_owned(),
            ));
        }
        if !base.path().trim_matches('/').is_empty() {
            return Err(refused(format!(
                "{base} has a path; leave only the address"
            )));
        }
        let local = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if local => {}
            "http" => {
                return Err(refused(format!(
                    "{base} would send the token unencrypted; use https (http is only for this \
                     machine itself)"
                )));
            }
            other => {
                return Err(refused(format!(
                    "{base}: `{other}` is neither https nor http"
                )));
            }
        }
        let http = http_client(&connection.token, local)
            .map_err(|message| Error::new(Class::Rejected, "setting up HTTP", message))?;
        let Connection {
            url: _,
            token,
            on_pause,
        } = connection;
        Ok(Self {
            http,
            base,
            token,
            sent: AtomicU64::new(0),
            clock: AtomicI64::new(i64::MIN),
            on_pause,
            budget: Mutex::default(),
            freed: Notify::new(),
            totals: Mutex::default(),
            births: Mutex::default(),
        })
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The API's time.
    pub(super) fn clock(&self) -> Option<Timestamp> {
        // Before the first answer, no time that there is.
        Timestamp::from_second(self.clock.load(Ordering::Relaxed)).ok()
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
        let mut pause = FIRST_PAUSE;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = match self.send(Method::GET, path, None).await {
                Ok(answer) => self.decode(&what, answer).await,
                Err(error) => Err(error),
            };
            match result {
                Err(error) if attempt < ATTEMPTS && may_pass(error.class) => {
                    tracing::debug!("{error}; asking again in {pause:?}");
                    // Half of it by chance, so that many clients do not come back in step.
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
                    pause *= 3;
                }
                other => return other,
            }
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
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.get(path).map_or(1, |total| total.div_ceil(PER_PAGE))
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

    /// Every item of the collection at `path`, by pages of 200; those after the first are asked
    /// for together. `path` may have a query.
    pub(super) async fn pages<P: Page>(&self, path: &str) -> Result<Vec<P::Item>, Error> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = |number: u64| format!("{path}{joint}per_page={PER_PAGE}&page={number}");
        let first: P = self.get(&page(1)).await?;
        let last = first.total().div_ceil(PER_PAGE);
        self.remember(path, first.total());
        let mut items = first.into_items();
        // A few at a time: enough to hide the latency, too few to burst the minute's limit.
        for numbers in (2..=last).collect::<Vec<_>>().chunks(8) {
            let paths: Vec<String> = numbers.iter().map(|&number| page(number)).collect();
            let asked = paths.iter().map(|path| self.get::<P>(path));
            for answer in join_all(asked).await {
                items.extend(answer?.into_items());
            }
        }
        Ok(items)
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
                // Answers overtake each other.
                self.clock.fetch_max(told.as_second(), Ordering::Relaxed);
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

    async fn accept(
        &self,
        what: &str,
        method: &Method,
        mut answer: Response,
    ) -> Result<Response, Error> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let header_id = answer
            .headers()
            .get("x-request-id")
            .and_then(|id| id.to_str().ok());
        let header_id = header_id.map(ToOwned::to_owned);
        // What broke off or is too long still says something; the status says what to do.
        let mut text = Vec::new();
        let _ = read(&mut answer, LARGEST_ERROR, &mut text).await;
        let text = String::from_utf8_lossy(&text);
        let body = serde_json::from_str::<ApiError>(&text).ok();
        let (message, body_id) = match body {
            Some(body) => (body.message, body.request_id),
            // A gateway in front may answer with a page of HTML.
            None => (excerpt(&self.clean(&text)), None),
        };
        let message = match message.as_str() {
            "" => status.canonical_reason().unwrap_or("no message").to_owned(),
            _ => message,
        };
        Err(Error {
            class: class_of(status, method, &message),
            request: what.to_owned(),
            message: self.clean(&message),
            status: Some(status.as_u16()),
            request_id: body_id.or(header_id).map(|id| self.clean(&id)),
        })
    }

    async fn decode<T: DeserializeOwned>(
        &self,
        what: &str,
        mut answer: Response,
    ) -> Result<T, Error> {
        let malformed = |message| Error::new(Class::Malformed, what, message);
        let mut bytes = Vec::new();
        let whole = read(&mut answer, LARGEST_BODY, &mut bytes)
            .await
            .map_err(|error| {
                let message = format!("the answer broke off: {}", chain(&error));
                Error::new(Class::Transient, what, self.clean(&message))
            })?;
        if !whole {
            let most = LARGEST_BODY >> 20;
            return Err(malformed(format!("the answer is over {most} MiB")));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = String::from_utf8_lossy(&bytes);
            // Cleaned before it is cut: half a token is a secret too. The decoder's words repeat
            // parts of the answer.
            let text = excerpt(&self.clean(text.trim()));
            let why = self.clean(&error.to_string());
            malformed(format!(
                "the answer is not what the API describes ({why}): {text}"
            ))
        })
    }

    fn transport_error(&self, what: &str, method: &Method, error: &reqwest::Error) -> Error {
        // Looking up the name, connecting and the TLS handshake all come before the first byte of
        // a request. Of whatever happens later nobody can say how far the request got.
        let class = if error.is_connect() || error.is_builder() {
            Class::NotSent
        } else if *method == Method::GET {
            Class::Transient
        } else {
            Class::Ambiguous
        };
        let message = if error.is_connect() {
            // The outer errors only say again that it was a request, and to where.
            let cause = error.source().map_or_else(|| chain(error), chain);
            let cause = cause.trim_start_matches("client error (Connect): ");
            format!("no connection to {}: {cause}", self.base)
        } else if error.is_timeout() {
            format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())
        } else {
            format!("the connection broke: {}", chain(error))
        };
        Error::new(class, what, self.clean(&message))
    }

    /// Text from outside as it may be shown: without the token, on one line, control characters
    /// escaped.
    fn clean(&self, text: &str) -> String {
        escape(&self.token.scrub(text)).into_owned()
    }
}

impl WriteClient<'_> {
    /// Sends `body` with a method other than GET and decodes the answer. Never repeated, except
    /// where the API refused to look at it.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let what = format!("{method} {path}");
        let body = serde_json::to_value(body)
            .map_err(|error| Error::new(Class::Rejected, &what, error.to_string()))?;
        let answer = self.0.send(method, path, Some(&body)).await?;
        self.0.decode(&what, answer).await.map_err(|error| Error {
            // It was accepted; only what it made is not known.
            class: Class::Ambiguous,
            ..error
        })
    }

    /// As [`Self::send`], for an answer without a body.
    pub(super) async fn send_only(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<(), Error> {
        self.0.send(method, path, body).await.map(drop)
    }
}

/// The one place that makes an HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the constructor that the rule points to"
)]
fn http_client(token: &Secret, local: bool) -> Result<reqwest::Client, String> {
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
    if local {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| chain(&error))
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

fn may_pass(class: Class) -> bool {
    matches!(class, Class::Transient | Class::NotSent)
}

fn class_of(status: StatusCode, method: &Method, message: &str) -> Class {
    match status.as_u16() {
        401 | 403 => Class::Unauthorized,
        404 => Class::NotFound,
        429 => Class::RateLimited,
        422 if message.contains("pending event") => Class::Busy,
        // A key that was uploaded just now is not known everywhere yet.
        422 if message.contains("invalid key identifiers") => Class::Busy,
        408 | 500..=599 if *method == Method::GET => Class::Transient,
        408 | 500..=599 => Class::Ambiguous,
        // A redirect is not followed: the address is wrong.
        300..=399 => Class::Malformed,
        _ => Class::Rejected,
    }
}

/// A query, from its question mark on.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:*@".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// Takes the body as it comes, up to `most` bytes of it, unpacked; says whether that is all. The
/// length that an answer promises is not relied on: one in chunks promises none.
async fn read(
    answer: &mut Response,
    most: usize,
    into: &mut Vec<u8>,
) -> Result<bool, reqwest::Error> {
    while let Some(chunk) = answer.chunk().await? {
        if into.len() + chunk.len() > most {
            return Ok(false);
        }
        into.extend_from_slice(&chunk);
    }
    Ok(true)
}

/// The API's own time, which its headers go by.
fn api_time(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    let parser = rfc2822::DateTimeParser::new();
    parser.parse_timestamp(date).ok()
}

/// What the headers say of the hour's limit.
fn hour_of(headers: &HeaderMap, now: SystemTime) -> Option<Hour> {
    let header = |name: &str| headers.get(name).and_then(number);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let reset = header("ratelimit-reset")?;
    Some(Hour {
        limit: header("ratelimit-limit")?,
        remaining: header("ratelimit-remaining")?,
        reset,
        // Nothing counts for longer; more than that is a clock that is wrong.
        until_reset: Duration::from_secs(reset.saturating_sub(now).min(3600)),
    })
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// How long a 429 asks to wait. `retry-after` comes only with the limit per minute; with the one
/// per hour, `ratelimit-reset` says when the oldest counted request falls out of it.
fn pause_of(headers: &HeaderMap, now: SystemTime) -> Duration {
    if let Some(seconds) = headers.get(RETRY_AFTER).and_then(number) {
        return Duration::from_secs(seconds.max(1));
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match headers.get("ratelimit-reset").and_then(number) {
        Some(reset) => Duration::from_secs(reset.saturating_sub(now).max(1)),
        None => Duration::from_secs(5),
    }
}

/// The beginning of a body that is not what was expected.
fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &str)| {
            (
                reqwest::header::HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_429_is_waited_for_as_it_says() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let pause = |pairs: &[_]| pause_of(&headers(pairs), now).as_secs();
        assert_eq!(
            pause(&[("retry-after", "30"), ("ratelimit-reset", "1100")]),
            30
        );
        assert_eq!(pause(&[("ratelimit-reset", "1100")]), 100);
        assert_eq!(pause(&[("ratelimit-reset", "900")]), 1);
        assert_eq!(pause(&[]), 5);
    }

    #[test]
    fn the_hour_goes_by_the_clock_that_tells_of_it() {
        let told = headers(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("ratelimit-limit", "5000"),
            ("ratelimit-remaining", "12"),
            ("ratelimit-reset", "784112377"),
        ]);
        let now = api_time(&told).unwrap();
        let hour = hour_of(&told, now.into()).unwrap();
        assert_eq!(
            hour,
            Hour {
                limit: 5000,
                remaining: 12,
                reset: 784_112_377,
                until_reset: Duration::from_secs(784_112_377 - 784_111_777),
            }
        );
        assert_eq!(hour_of(&headers(&[("date", "now")]), UNIX_EPOCH), None);
        assert_eq!(api_time(&headers(&[("date", "now")])), None);
    }

    #[test]
    fn what_a_query_holds_cannot_change_it() {
        assert_eq!(
            query(&[("name", "*.acme.com"), ("type", "A&b=c d#é")]),
            "?name=*.acme.com&type=A%26b%3Dc%20d%23%C3%A9"
        );
    }

    #[test]
    fn a_lost_answer_is_ambiguous_only_if_it_may_have_changed_something() {
        let class = |status, method| class_of(StatusCode::from_u16(status).unwrap(), &method, "");
        assert_eq!(class(500, Method::GET), Class::Transient);
        assert_eq!(class(500, Method::POST), Class::Ambiguous);
        assert_eq!(class(408, Method::POST), Class::Ambiguous);
        assert_eq!(class(422, Method::POST), Class::Rejected);
        assert_eq!(class(302, Method::GET), Class::Malformed);
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let connect = |url: &str| {
            ReadClient::new(Connection {
                url: url.to_owned(),
                token: Secret::new("invented".to_owned()),
                on_pause: OnPause::new(|_, _| {}),
            })
            .map(|_| ())
            .map_err(|error| error.to_string())
        };
        for url in [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
            "https://api.x",
        ] {
            assert_eq!(connect(url), Ok(()), "{url}");
        }
        for url in [
            "http://api.x",
            "http://127.0.0.1.evil.example",
            "ftp://127.0.0.1",
            "api.x",
        ] {
            assert!(connect(url).is_err(), "{url}");
        }
        for url in ["https://someone:hunter2@api.x", "invented"] {
            let said = connect(url).err().unwrap_or_default();
            assert!(
                !said.contains("hunter2") && !said.contains("invented"),
                "{said}"
            );
        }
    }
}
