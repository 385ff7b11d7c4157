//! The token: asked for once, renewed before it expires, and once more when a service does not
//! take it. And what these APIs have of their own in how they refuse.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::model::Secret;
use crate::provider::http::{self, Dialect, Http, Refusal, Repeat, Request};
use crate::provider::{Class, Error};

use super::identity::{Grant, Identity};

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// A token is not used any more when so little is left of it: a request takes its time.
const MARGIN: Duration = Duration::from_secs(60);
/// How often logging in is tried.
const TRIES: u32 = 4;
/// How long to wait where a service asks to and does not say how long.
const PAUSE: Duration = Duration::from_secs(5);

/// Who asks.
pub(in crate::provider) struct Session {
    identity: Box<dyn Identity>,
    /// What to check when it is refused.
    credentials: &'static str,
    held: Mutex<Option<Held>>,
    /// Locked while logging in, so that many requests that find no token do it once.
    at_login: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    grant: std::sync::Arc<Grant>,
    proof: HeaderMap,
    until: Instant,
}

impl Session {
    pub(super) fn new(identity: Box<dyn Identity>, credentials: &'static str) -> Self {
        Self {
            identity,
            credentials,
            held: Mutex::default(),
            at_login: tokio::sync::Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        // What is locked is put in as a whole, so that a panic elsewhere leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held and good, unless it is what was `refused`.
    fn good(&self, refused: Option<&HeaderMap>) -> Option<Held> {
        let held = self.held().clone()?;
        let is_refused = refused.is_some_and(|refused| refused.get(TOKEN) == held.proof.get(TOKEN));
        (!is_refused && Instant::now() < held.until).then_some(held)
    }

    async fn log_in(&self, http: &Http<Self>, refused: Option<&HeaderMap>) -> Result<Held, Error> {
        if let Some(held) = self.good(refused) {
            return Ok(held);
        }
        let _alone = self.at_login.lock().await;
        if let Some(held) = self.good(refused) {
            return Ok(held);
        }
        let question = self.identity.question()?;
        // Asking twice makes two tokens, and harms nobody.
        let ask = || self.ask(http, &question);
        let held = http.repeat(Repeat::Unclear, TRIES, ask).await;
        let held = held.map_err(unsent)?;
        *self.held() = Some(held.clone());
        Ok(held)
    }

    async fn ask(&self, http: &Http<Self>, question: &Json) -> Result<Held, Error> {
        let url = self.identity.url();
        let request = Request {
            method: Method::POST,
            url: url.clone(),
            what: format!("POST {}", url.path()),
            headers: HeaderMap::new(),
            body: Some(question),
        };
        let answer = http.send_bare(&request).await?;
        let headers = answer.headers().clone();
        let body: Json = http.decode_unseen(&request.what, answer).await?;
        let malformed = |message: String| Error::new(Class::Malformed, &request.what, message);
        let grant = self.identity.grant(&headers, body).map_err(malformed)?;
        let mut token = HeaderValue::try_from(grant.token.expose())
            .map_err(|_| malformed("no header can carry the token".to_owned()))?;
        token.set_sensitive(true);
        Ok(Held {
            until: Instant::now() + grant.lifetime.saturating_sub(MARGIN),
            grant: std::sync::Arc::new(grant),
            proof: HeaderMap::from_iter([(TOKEN, token)]),
        })
    }

    /// The address of the service that tokens come from, in one spelling.
    pub(super) fn address(&self) -> String {
        let url = self.identity.url().as_str();
        let ends = ["/auth/tokens", "/tokens"];
        let base = ends.iter().find_map(|end| url.strip_suffix(end));
        base.unwrap_or(url).to_owned()
    }

    /// What the token gives access to.
    pub(super) async fn grant(&self, http: &Http<Self>) -> Result<std::sync::Arc<Grant>, Error> {
        // Where the services are does not change with the token.
        if let Some(held) = self.held().as_ref() {
            return Ok(held.grant.clone());
        }
        Ok(self.log_in(http, None).await?.grant)
    }

    /// The same, if there was a login already.
    pub(in crate::provider) fn known(&self) -> Option<std::sync::Arc<Grant>> {
        self.held().as_ref().map(|held| held.grant.clone())
    }
}

impl Dialect for Session {
    fn scrub(&self, text: &str) -> String {
        let text = without_password(self.identity.secret().scrub(text));
        let token: Option<Secret> = self.held().as_ref().map(|held| held.grant.token.clone());
        token.map_or(text.clone(), |token| token.scrub(&text))
    }

    fn authorize<'a>(&'a self, http: &'a Http<Self>) -> BoxFuture<'a, Result<HeaderMap, Error>> {
        async move { Ok(self.log_in(http, None).await?.proof) }.boxed()
    }

    fn renew<'a>(
        &'a self,
        http: &'a Http<Self>,
        refused: &'a HeaderMap,
    ) -> BoxFuture<'a, Result<Option<HeaderMap>, Error>> {
        async move {
            let held = self.log_in(http, Some(refused)).await?;
            Ok(Some(held.proof))
        }
        .boxed()
    }

    fn refusal(&self, body: &str) -> Option<Refusal> {
        let message = self.identity.refusal(body)?;
        Some(Refusal {
            message,
            request_id: None,
        })
    }

    fn class_of(&self, status: StatusCode, method: &Method, message: &str) -> Class {
        class_of(status, method, message)
    }

    fn advice(&self, class: Class) -> Option<&'static str> {
        match class {
            Class::Unauthorized => Some(self.credentials),
            Class::RateLimited => {
                Some("the cloud is busy, or others use this account too; run it again later")
            }
            _ => None,
        }
    }

    fn hold(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        let told = self.identity.wait(headers, now);
        match status.as_u16() {
            429 => Some(told.unwrap_or(PAUSE)),
            // Without a time to wait it is a quota, or a body that is too large.
            // Cinder says of a quota that there is no time to wait.
            413 => told.filter(|_| headers.get(RETRY_AFTER).is_none_or(|wait| wait != "0")),
            _ => None,
        }
    }

    fn limits_requests(&self) -> bool {
        false
    }
}

/// What a login that came to nothing means for the request that it was for: whatever became of the
/// login, that one was never sent, or was refused before.
fn unsent(error: Error) -> Error {
    match error.class {
        Class::Ambiguous | Class::Transient => Error {
            class: Class::NotSent,
            advice: Some("logging in may go better later; run it again in a minute"),
            ..error
        },
        _ => error,
    }
}

/// The answer to the making of a server holds a password for it, once.
fn without_password(text: String) -> String {
    const KEY: &str = "\"adminPass\"";
    let Some((before, after)) = text.split_once(KEY) else {
        return text;
    };
    let mut parts = after.splitn(3, '"');
    let rest = parts.nth(2).unwrap_or_default();
    format!("{before}{KEY}: \"[REDACTED]\"{rest}")
}

/// One status means several things here, and only the words tell which.
fn class_of(status: StatusCode, method: &Method, message: &str) -> Class {
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|words| message.contains(words))
    };
    match status.as_u16() {
        403 | 409 | 413 if says(&["quota", "over_limit", "limit exceeded"]) => Class::Rejected,
        // Not the login is refused, but this size for this server.
        403 if says(&["resize"]) && !says(&["policy"]) => Class::Rejected,
        // Nor the login, but one volume more on a server.
        403 if says(&["disk devices"]) => Class::Rejected,
        // A wait that did not help.
        413 | 429 if says(&["retry", "rate"]) => Class::RateLimited,
        413 => Class::Rejected,
        409 if says(&["already exists", "duplicate", "already has a floating ip"]) => Class::Exists,
        409 if says(&[
            "multiple possible networks",
            "no more ip addresses",
            "no more floating ip",
        ]) =>
        {
            Class::Rejected
        }
        // In the wrong state, or in use: it passes.
        409 => Class::Busy,
        _ => http::usual_class(status, method),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_a_server_is_not_shown() {
        let text = r#"{"server": {"adminPass": "LMoheHauXt8w", "id": "ef08"}}"#.to_owned();
        assert_eq!(
            without_password(text),
            r#"{"server": {"adminPass": "[REDACTED]", "id": "ef08"}}"#
        );
        assert_eq!(without_password("{}".to_owned()), "{}");
        let cut = r#"{"adminPass": "LMohe"#.to_owned();
        assert!(!without_password(cut).contains("LMohe"));
    }

    #[test]
    fn words_tell_what_a_status_means() {
        for (status, message, class) in [
            (
                401,
                "The request you have made requires authentication.",
                Class::Unauthorized,
            ),
            (
                403,
                "Policy doesn't allow os_compute_api:servers:create",
                Class::Unauthorized,
            ),
            (
                403,
                "Quota exceeded for cores, instances: Requested 40, 40, but already used 2, 2",
                Class::Rejected,
            ),
            (
                403,
                "Policy doesn't allow os_compute_api:servers:resize to be performed.",
                Class::Unauthorized,
            ),
            (
                403,
                "Resize of a server from flavor general1-2 to general1-1 is not allowed.",
                Class::Rejected,
            ),
            (404, "Instance nope could not be found.", Class::NotFound),
            (409, "Key pair 'cb-rec' already exists.", Class::Exists),
            (409, "Duplicate RecordSet", Class::Exists),
            (
                409,
                "Cannot associate floating IP 203.0.113.185 with port 841f using fixed IP \
                 10.20.0.113, as that fixed IP already has a floating IP on external network 6c51.",
                Class::Exists,
            ),
            (
                409,
                "Cannot 'resize' instance a24b while it is in vm_state building",
                Class::Busy,
            ),
            (
                409,
                "Quota exceeded for resources: ['floatingip'].",
                Class::Rejected,
            ),
            (
                409,
                "Multiple possible networks found, use a Network ID",
                Class::Rejected,
            ),
            (400, "Flavor nope could not be found.", Class::Rejected),
            (400, "Invalid key_name provided.", Class::Rejected),
            (
                406,
                "Version 9.9 is not supported by the API.",
                Class::Rejected,
            ),
            (413, "over_quota", Class::Rejected),
            (413, "This request was rate-limited.", Class::RateLimited),
            (429, "Too Many Requests", Class::RateLimited),
            (500, "Unexpected API Error.", Class::Ambiguous),
            (503, "", Class::Ambiguous),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(class_of(status, &Method::POST, message), class, "{message}");
        }
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(class_of(unavailable, &Method::GET, ""), Class::Transient);
    }
}
