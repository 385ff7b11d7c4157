//! HTTP as every provider speaks it: connections, pace, retries, and what an answer means for what
//! to do next. What an API has of its own is its [`Dialect`].

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Class, Error};

mod answer;
mod budget;
mod client;
mod headers;
mod retry;
mod url;

pub(super) use budget::Hour;
pub(super) use client::{Http, Setup, certificates};
pub(super) use headers::{number, retry_after};
pub(super) use retry::Repeat;
pub(super) use url::{allowed, query};

/// What an API has of its own: who asks, how it says no, how it asks to wait.
pub(super) trait Dialect: Send + Sync + Sized {
    /// Text from outside, without the secrets that it may repeat.
    fn scrub(&self, text: &str) -> String;

    /// What proves who is asking. May send requests of its own, with [`Http::send_bare`].
    fn authorize<'a>(&'a self, http: &'a Http<Self>) -> BoxFuture<'a, Result<HeaderMap, Error>>;

    /// After a 401: new proof in place of what was `refused`, if there can be any. It is tried once.
    fn renew<'a>(
        &'a self,
        _http: &'a Http<Self>,
        _refused: &'a HeaderMap,
    ) -> BoxFuture<'a, Result<Option<HeaderMap>, Error>> {
        futures_util::future::ok(None).boxed()
    }

    /// What the body of an error says, where it has the API's own form.
    fn refusal(&self, body: &str) -> Option<Refusal>;

    /// What to do about an error.
    fn class_of(&self, status: StatusCode, method: &Method, message: &str) -> Class;

    /// What a person can do about an error of a class, where the usual words for it do not fit.
    fn advice(&self, _class: Class) -> Option<&'static str> {
        None
    }

    /// How long an answer asks to wait until the request, which was not looked at, is sent again;
    /// `None` if it does not.
    fn hold(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration>;

    /// Whether so many requests a minute are taken and no more, as far as anybody knows.
    fn limits_requests(&self) -> bool {
        true
    }

    /// What the headers say of an hour's limit, if they say anything that counts.
    fn hour(&self, _headers: &HeaderMap, _now: SystemTime) -> Option<Hour> {
        None
    }
}

/// What an API says when it refuses.
pub(super) struct Refusal {
    /// In its words.
    pub(super) message: String,
    /// Its own name for the request.
    pub(super) request_id: Option<String>,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    /// What messages call it: `POST /v2/droplets`.
    pub(super) what: String,
    /// Besides those that prove who is asking.
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a Json>,
}

/// The class that most APIs mean by a status.
pub(super) fn usual_class(status: StatusCode, method: &Method) -> Class {
    match status.as_u16() {
        401 | 403 => Class::Unauthorized,
        404 => Class::NotFound,
        429 => Class::RateLimited,
        408 | 500..=599 if *method == Method::GET => Class::Transient,
        408 | 500..=599 => Class::Ambiguous,
        // A redirect is not followed: the address is wrong.
        300..=399 => Class::Malformed,
        _ => Class::Rejected,
    }
}

/// A body to send.
///
/// # Errors
/// If it is not to be had as JSON.
pub(super) fn to_json(what: &str, body: &impl Serialize) -> Result<Json, Error> {
    serde_json::to_value(body).map_err(|error| Error::new(Class::Rejected, what, error.to_string()))
}

/// What may be done about a request of this method whose answer says nothing. What comes to the
/// same however often it is done is sent again in any case.
pub(super) fn repeat_of(method: &Method) -> Repeat {
    if *method == Method::POST {
        Repeat::Unsent
    } else {
        Repeat::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_is_ambiguous_only_if_it_may_have_changed_something() {
        let class = |status, method| usual_class(StatusCode::from_u16(status).unwrap(), &method);
        assert_eq!(class(500, Method::GET), Class::Transient);
        assert_eq!(class(500, Method::POST), Class::Ambiguous);
        assert_eq!(class(408, Method::POST), Class::Ambiguous);
        assert_eq!(class(422, Method::POST), Class::Rejected);
        assert_eq!(class(302, Method::GET), Class::Malformed);
    }
}
