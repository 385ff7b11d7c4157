//! Who asks: a token of Identity v2, made when the first request needs it (public documentation,
//! "Authenticate").

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex as TurnMutex;

use crate::model::Secret;
use crate::provider::http::{Dialect, Http, Refusal, Repeat, Request};
use crate::provider::{Class, Error};

use super::super::login::{Login, Proof};
use super::super::wire::AccessAnswer;
use super::session::Session;
use super::{faults, pauses};

const LOGIN: &str = "POST /v2.0/tokens";
/// How often a login is asked for again whose answer was lost: it changes nothing.
const TRIES: u32 = 4;

/// A login and what it came to.
pub(in super::super) struct Identity {
    login: Login,
    tokens: Url,
    session: Mutex<Option<Arc<Session>>>,
    /// Whoever logs in has this: the others wait and use the same token.
    turn: TurnMutex<()>,
    /// Every token there was, to take it out of text.
    seen: Mutex<Vec<Secret>>,
}

/// What is locked here is changed in one go, so that a panic elsewhere leaves it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Identity {
    /// `base` is the identity service's address.
    pub(super) fn new(login: Login, base: &Url) -> Self {
        let mut tokens = base.clone();
        let path = format!("{}/v2.0/tokens", base.path().trim_end_matches('/'));
        tokens.set_path(&path);
        Self {
            login,
            tokens,
            session: Mutex::default(),
            turn: TurnMutex::default(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn username(&self) -> &str {
        &self.login.username
    }

    pub(super) fn wanted_region(&self) -> Option<&str> {
        self.login.region.as_deref()
    }

    /// The login of now; made, if there is none that will do.
    pub(super) async fn session(&self, http: &Http<Self>) -> Result<Arc<Session>, Error> {
        if let Some(session) = self.fresh() {
            return Ok(session);
        }
        let _turn = self.turn.lock().await;
        match self.fresh() {
            Some(session) => Ok(session),
            None => self.log_in(http).await,
        }
    }

    fn fresh(&self) -> Option<Arc<Session>> {
        let session = lock(&self.session);
        session.clone().filter(|session| session.is_fresh())
    }

    async fn log_in(&self, http: &Http<Self>) -> Result<Arc<Session>, Error> {
        let body = self.body();
        let request = Request {
            method: Method::POST,
            url: self.tokens.clone(),
            what: LOGIN.to_owned(),
            headers: HeaderMap::new(),
            body: Some(&body),
        };
        let ask = || async {
            let answer = http.send_bare(&request).await?;
            http.decode::<AccessAnswer>(LOGIN, answer).await
        };
        let answer = http.repeat(Repeat::Unclear, TRIES, ask).await?;
        lock(&self.seen).push(Secret::new(answer.access.token.id.clone()));
        let now = http.clock().unwrap_or_else(Timestamp::now);
        let session = Session::new(answer.access, now)
            .map_err(|message| Error::new(Class::Malformed, LOGIN, message))?;
        let session = Arc::new(session);
        *lock(&self.session) = Some(Arc::clone(&session));
        Ok(session)
    }

    fn body(&self) -> Json {
        let username = &self.login.username;
        match &self.login.proof {
            Proof::ApiKey(key) => json!({"auth": {"RAX-KSKEY:apiKeyCredentials":
                {"username": username, "apiKey": key.expose()}}}),
            Proof::Password(password) => json!({"auth": {"passwordCredentials":
                {"username": username, "password": password.expose()}}}),
        }
    }
}

impl Dialect for Identity {
    fn scrub(&self, text: &str) -> String {
        let text = self.login.proof.secret().scrub(text);
        let text = without_password(text);
        let seen = lock(&self.seen);
        seen.iter().fold(text, |text, token| token.scrub(&text))
    }

    fn authorize<'a>(&'a self, http: &'a Http<Self>) -> BoxFuture<'a, Result<HeaderMap, Error>> {
        async { Ok(self.session(http).await?.proof.clone()) }.boxed()
    }

    fn renew<'a>(
        &'a self,
        http: &'a Http<Self>,
        refused: &'a HeaderMap,
    ) -> BoxFuture<'a, Result<Option<HeaderMap>, Error>> {
        async {
            let _turn = self.turn.lock().await;
            // Another request may have been refused first, and have seen to it.
            let other = lock(&self.session).clone();
            if let Some(other) = other.filter(|session| session.proof != *refused) {
                return Ok(Some(other.proof.clone()));
            }
            Ok(Some(self.log_in(http).await?.proof.clone()))
        }
        .boxed()
    }

    fn refusal(&self, body: &str) -> Option<Refusal> {
        let message = faults::of_text(body)?;
        Some(Refusal {
            message,
            request_id: None,
        })
    }

    fn class_of(&self, status: StatusCode, method: &Method, message: &str) -> Class {
        faults::class_of(status, method, message)
    }

    fn hold(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        pauses::of(status, headers, now)
    }

    fn limits_requests(&self) -> bool {
        false
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
    fn the_login_is_sent_to_the_tokens_of_its_address() {
        let tokens = |base: &str| {
            let login = Login {
                auth_url: base.to_owned(),
                username: "fredy".to_owned(),
                proof: Proof::ApiKey(Secret::new("k".to_owned())),
                region: None,
            };
            Identity::new(login, &Url::parse(base).unwrap())
                .tokens
                .to_string()
        };
        assert_eq!(
            tokens("https://identity.example"),
            "https://identity.example/v2.0/tokens"
        );
        assert_eq!(
            tokens("http://127.0.0.1:7/identity"),
            "http://127.0.0.1:7/identity/v2.0/tokens"
        );
    }
}
