//! The mimic that the environment speaks of, and plain HTTP to it, without any of the program's code.

use std::env;
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::cloud::client;

/// No single thing that a test waits for takes this long.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Cloud {
    url: String,
    runtime: Runtime,
    http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Cloud {
    pub(crate) fn here() -> Self {
        let url = env::var("CLOUDBUILDER_MIMIC_URL").unwrap_or_else(|_| {
            panic!(
                "CLOUDBUILDER_MIMIC_URL is not set: tests/mimic/run starts mimic for these tests"
            )
        });
        let parsed = Url::parse(&url).expect("CLOUDBUILDER_MIMIC_URL is a URL");
        assert_eq!(parsed.host_str(), Some("127.0.0.1"), "not here: {url}");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        Self {
            url,
            runtime,
            http: client(),
        }
    }

    /// What an account says as its `auth_url`.
    pub(crate) fn auth_url(&self) -> String {
        format!("{}/identity/v2.0", self.url)
    }

    /// Sends a request. A body of null is none, and so is an empty token.
    pub(crate) fn ask(&self, method: &str, url: &str, token: &str, body: &Value) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.header("X-Auth-Token", token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let work = async {
            let answer = request.send().await.expect("mimic answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("the answer is whole");
            Answer {
                status,
                body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(LIMIT, work).await })
            .expect("mimic answers in time")
    }

    /// The inside of `access` in the answer to a user and a key. A user's name is an account of its
    /// own here, so tests with names of their own do not meet.
    pub(crate) fn sign_in(&self, user: &str) -> Value {
        let body = json!({"auth": {"RAX-KSKEY:apiKeyCredentials": {
            "username": user, "apiKey": "invented-key",
        }}});
        let answer = self.ask("POST", &format!("{}/tokens", self.auth_url()), "", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access"].clone()
    }
}

/// Where a service is, by its name: types are shared by several.
pub(crate) fn endpoint(access: &Value, name: &str, region: &str) -> String {
    let services = access["serviceCatalog"].as_array().expect("a catalog");
    let endpoints = services
        .iter()
        .filter(|service| service["name"] == name)
        .flat_map(|service| service["endpoints"].as_array().expect("endpoints"));
    let found: Vec<&str> = endpoints
        .filter(|endpoint| endpoint["region"] == region)
        .map(|endpoint| endpoint["publicURL"].as_str().expect("a URL"))
        .collect();
    let [url] = found[..] else {
        panic!("not one {name} in {region}: {access:#}");
    };
    url.to_owned()
}
