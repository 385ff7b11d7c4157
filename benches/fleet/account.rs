//! A simulated account, served by the program in another process.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::{Server, command, labels, server_name};

/// The mark on every server that is there beforehand.
pub(crate) const LINEAGE: &str = "6b0c8a52-0b7c-4d6e-9d0b-3f1f7c1f2a11";
/// A key that exists nowhere else.
pub(crate) const KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";
pub(crate) const ZONE: &str = "example.com";
/// How many requests fill it at the same time.
const AT_ONCE: usize = 16;

pub(crate) struct Account {
    runtime: Runtime,
    http: Client,
    url: String,
    _server: Server,
}

/// What was asked of the API.
#[derive(Deserialize)]
pub(crate) struct Requests {
    pub(crate) total: u64,
    pub(crate) by_route: BTreeMap<String, u64>,
    pub(crate) by_status: BTreeMap<String, u64>,
}

impl Account {
    /// Serves an account that may have so many servers, with options of `sandbox serve`.
    pub(crate) fn serve(servers: usize, options: &[&str]) -> Self {
        let limit = servers.to_string();
        let mut arguments = vec!["sandbox", "serve", "--in-memory", "--droplet-limit", &limit];
        if !options.contains(&"--boot") {
            arguments.extend(["--boot", "0s"]);
        }
        arguments.extend(options);
        let mut child = command(&arguments).spawn().expect("the sandbox starts");
        let stdout = child.stdout.take().expect("a pipe");
        let server = Server(child);
        let mut url = String::new();
        let read = BufReader::new(stdout).read_line(&mut url);
        read.expect("the sandbox says where it is");
        Self {
            runtime: Runtime::new().expect("a runtime"),
            http: client(),
            url: url.trim().to_owned(),
            _server: server,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Value> {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method, url).bearer_auth("invented");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?.error_for_status()?;
        let bytes = answer.bytes().await?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Sends all of these, several at a time.
    fn post_all(&self, bodies: impl Iterator<Item = (String, Value)>) {
        let sent = stream::iter(bodies)
            .map(|(path, body)| async move { self.ask(Method::POST, &path, Some(body)).await })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) });
        self.runtime.block_on(sent).expect("the account takes it");
    }

    fn get(&self, path: &str) -> Value {
        let asked = self.ask(Method::GET, path, None);
        self.runtime.block_on(asked).expect("the sandbox answers")
    }

    /// Makes what the deployment's cloud.json asks for, through the API.
    pub(crate) fn fill(&self, servers: usize, names: usize) {
        let key = json!({"name": "someone@example.com", "public_key": KEY});
        let zone = json!({ "name": ZONE });
        let first = [("/v2/account/keys", key), ("/v2/domains", zone)];
        self.post_all(
            first
                .into_iter()
                .map(|(path, body)| (path.to_owned(), body)),
        );
        let numbers: Vec<usize> = (0..servers).collect();
        self.post_all(numbers.chunks(10).map(|numbers| {
            let names: Vec<String> = numbers.iter().map(|&number| server_name(number)).collect();
            let body = json!({
                "names": names, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
                "ipv6": true, "tags": [format!("cloudbuilder:{LINEAGE}")],
            });
            ("/v2/droplets".to_owned(), body)
        }));
        let addresses = self.addresses(servers);
        let records = (0..servers).flat_map(|number| {
            let [ipv4, ipv6] = &addresses[&server_name(number)];
            let records = labels(number, names).flat_map(move |label| {
                [("A", ipv4), ("AAAA", ipv6)].map(|(record_type, address)| {
                    json!({"type": record_type, "name": label, "data": address})
                })
            });
            records.map(|body| (format!("/v2/domains/{ZONE}/records"), body))
        });
        self.post_all(records);
    }

    /// The public addresses of every server, by its name.
    fn addresses(&self, servers: usize) -> BTreeMap<String, [String; 2]> {
        let mut found = BTreeMap::new();
        for page in 1..=servers.div_ceil(200) {
            let answer = self.get(&format!("/v2/droplets?per_page=200&page={page}"));
            for droplet in answer["droplets"].as_array().into_iter().flatten() {
                let public = |version: &str| -> String {
                    let all = droplet["networks"][version].as_array();
                    let of_all = all.into_iter().flatten();
                    let public = of_all.filter(|network| network["type"] == "public");
                    let texts = public.filter_map(|network| network["ip_address"].as_str());
                    texts.collect()
                };
                let name = droplet["name"].as_str().unwrap_or_default().to_owned();
                found.insert(name, [public("v4"), public("v6")]);
            }
        }
        found
    }

    pub(crate) fn requests(&self) -> Requests {
        serde_json::from_value(self.get("/_sandbox/stats")).expect("the counts")
    }

    pub(crate) fn forget_requests(&self) {
        let asked = self.ask(Method::DELETE, "/_sandbox/stats", None);
        self.runtime.block_on(asked).expect("the sandbox answers");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the account is filled apart from the program's own client"
)]
fn client() -> Client {
    // Fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}
