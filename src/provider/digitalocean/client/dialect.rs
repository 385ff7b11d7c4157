//! What this API has of its own; facts from its documentation, "Introduction".

use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use crate::model::Secret;
use crate::provider::http::{self, Dialect, Hour, Http, Refusal};
use crate::provider::{Class, Error};

use super::super::wire::ApiError;
use super::headers::{hour_of, pause_of};

/// A bearer token, limits by headers, errors with a message.
pub(in super::super) struct Bearer {
    token: Secret,
    proof: HeaderMap,
}

impl Bearer {
    /// # Errors
    /// If no header can carry the token.
    pub(super) fn new(token: Secret) -> Result<Self, String> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| "the token holds characters that no header can carry".to_owned())?;
        bearer.set_sensitive(true);
        Ok(Self {
            token,
            proof: HeaderMap::from_iter([(AUTHORIZATION, bearer)]),
        })
    }
}

impl Dialect for Bearer {
    fn scrub(&self, text: &str) -> String {
        self.token.scrub(text)
    }

    fn authorize<'a>(&'a self, _: &'a Http<Self>) -> BoxFuture<'a, Result<HeaderMap, Error>> {
        futures_util::future::ok(self.proof.clone()).boxed()
    }

    fn credentials(&self) -> &'static str {
        "check the token and its scopes (DIGITALOCEAN_TOKEN, or security.json)"
    }

    fn refusal(&self, body: &str) -> Option<Refusal> {
        let error = serde_json::from_str::<ApiError>(body).ok()?;
        Some(Refusal {
            message: error.message,
            request_id: error.request_id,
        })
    }

    fn class_of(&self, status: StatusCode, method: &Method, message: &str) -> Class {
        match status.as_u16() {
            422 if message.contains("pending event") => Class::Busy,
            // A key that was uploaded just now is not known everywhere yet.
            422 if message.contains("invalid key identifiers") => Class::Busy,
            _ => http::usual_class(status, method),
        }
    }

    fn hold(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        (status == StatusCode::TOO_MANY_REQUESTS).then(|| pause_of(headers, now))
    }

    fn hour(&self, headers: &HeaderMap, now: SystemTime) -> Option<Hour> {
        // With the minute's limit the API says that nothing is left of the hour either.
        if headers.contains_key(RETRY_AFTER) {
            return None;
        }
        hour_of(headers, now)
    }
}
