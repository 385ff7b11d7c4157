//! A sandbox and a client for it, and a time limit for every test.

use cloudbuilder::sandbox::{self, Options, Sandbox};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::future::Future;
use std::time::Duration;

/// A key that exists nowhere else.
pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";

/// Runs a test, but not for ever.
pub(crate) async fn limited(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("the test takes far too long");
}

/// Boots and actions that are done as soon as one looks again.
pub(crate) fn quick() -> Options {
    Options {
        boot: Duration::ZERO,
        action: Duration::ZERO,
        ..Options::default()
    }
}

/// Boots and actions that go on for longer than any test.
pub(crate) fn endless() -> Options {
    Options {
        boot: Duration::from_secs(86_400),
        action: Duration::from_secs(86_400),
        ..Options::default()
    }
}

pub(crate) async fn start(options: Options) -> (Sandbox, Api) {
    let sandbox = sandbox::start(options).await.expect("a sandbox starts");
    let api = Api::new(sandbox.url());
    (sandbox, api)
}

/// Speaks to a sandbox as any client would.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    pub(crate) url: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {:?}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of an answer that must be a success.
    pub(crate) fn good(self) -> Value {
        assert!(self.status < 300, "{}: {}", self.status, self.text);
        if self.text.is_empty() {
            return Value::Null;
        }
        self.json()
    }

    /// Status and message of an answer that must be an error.
    pub(crate) fn refused(self) -> (u16, String) {
        assert!(self.status >= 400, "{}: {}", self.status, self.text);
        let message = self.json()["message"].as_str().unwrap().to_owned();
        (self.status, message)
    }
}

impl Api {
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox is tested apart from our client"
    )]
    pub(crate) fn new(url: &str) -> Self {
        // The second and later ones find it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: url.to_owned(),
        }
    }

    /// Sends a request; `Err` if there is no answer. A body of null is none.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        token: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let header = bearer
            .iter()
            .map(|bearer| ("authorization", bearer.as_str()));
        let headers: Vec<_> = header.collect();
        self.send_with(method, path, body, &headers).await
    }

    /// The same with headers of any kind.
    pub(crate) async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.url)
        };
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: String::from_utf8_lossy(&response.bytes().await?).into_owned(),
        })
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &body, Some(sandbox::TOKEN))
            .await
            .expect("the sandbox answers")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await.good()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.ask("POST", path, body).await.good()
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, Value::Null).await
    }

    /// Creates a Droplet of the smallest ordinary kind, and gives its id.
    pub(crate) async fn droplet(&self, name: &str) -> u64 {
        let made = self.post("/v2/droplets", droplet(name)).await;
        made["droplet"]["id"].as_u64().unwrap()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let answer = self.ask("POST", "/_sandbox/fault", fault).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}

pub(crate) fn droplet(name: &str) -> Value {
    json!({"name": name, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64", "ipv6": true})
}
