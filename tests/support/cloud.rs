//! A sandbox in this process, and a client for it that is not the program's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::time::Duration;

use cloudbuilder::sandbox::{self, Options, Sandbox};
use md5::{Digest, Md5};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// No single thing that a test waits for takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Boots and actions that are done as soon as one looks again.
pub(crate) fn quick() -> Options {
    Options {
        boot: Duration::ZERO,
        action: Duration::ZERO,
        ..Options::default()
    }
}

/// A simulated account, reached over HTTP.
pub(crate) struct Cloud {
    runtime: Runtime,
    http: reqwest::Client,
    sandbox: Option<Sandbox>,
    url: String,
}

impl Cloud {
    pub(crate) fn start(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        let sandbox = runtime
            .block_on(sandbox::start(options))
            .expect("a sandbox starts");
        let url = sandbox.url().to_owned();
        Self {
            runtime,
            http: client(),
            sandbox: Some(sandbox),
            url,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime
            .block_on(async { tokio::time::timeout(LIMIT, work).await })
            .expect("the sandbox answers in time")
    }

    /// Sends a request; a body of null is none. Gives the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(sandbox::TOKEN);
        if !body.is_null() {
            request = request.json(body);
        }
        self.wait(async {
            let answer = request.send().await.expect("the sandbox answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.expect("the answer is whole");
            (status, serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }

    /// As [`Self::ask`], of a request that must succeed.
    pub(crate) fn good(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.good("GET", path, &Value::Null)
    }

    pub(crate) fn list(&self, path: &str, key: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let answer = self.get(&format!("{path}?per_page=200&page={page}"));
            let items = answer[key].as_array().expect("a list").clone();
            let last = items.len() < 200;
            all.extend(items);
            if last {
                break;
            }
        }
        all
    }

    pub(crate) fn fault(&self, fault: &Value) {
        self.good("POST", "/_sandbox/fault", fault);
    }

    pub(crate) fn no_faults(&self) {
        self.good("DELETE", "/_sandbox/fault", &Value::Null);
    }

    /// Makes a Droplet as somebody else would; `more` overrides its attributes.
    pub(crate) fn droplet(&self, name: &str, more: &Value) -> Value {
        let mut body = json!({
            "name": name, "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
            "ipv6": true,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.good("POST", "/v2/droplets", &body)["droplet"].clone()
    }

    /// Has a Droplet do something; actions of [`quick`] are done by the next request.
    pub(crate) fn act(&self, name: &str, action: &Value) {
        let path = format!("/v2/droplets/{}/actions", self.the_droplet(name)["id"]);
        self.good("POST", &path, action);
    }

    pub(crate) fn droplets(&self) -> Vec<Value> {
        let mut droplets = self.list("/v2/droplets", "droplets");
        droplets.sort_by_key(|droplet| droplet["id"].as_u64());
        droplets
    }

    pub(crate) fn domains(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .list("/v2/domains", "domains")
            .iter()
            .map(|domain| text(&domain["name"]).to_owned())
            .collect();
        names.sort();
        names
    }

    /// The records of a zone, but for those that every zone has.
    pub(crate) fn records(&self, zone: &str) -> Vec<Value> {
        let mut records = self.list(&format!("/v2/domains/{zone}/records"), "domain_records");
        records.retain(|record| !matches!(text(&record["type"]), "SOA" | "NS"));
        records.sort_by_key(|record| {
            let key = |name: &str| text(&record[name]).to_owned();
            (key("name"), key("type"), key("data"))
        });
        records
    }

    /// The VPCs that somebody made.
    pub(crate) fn vpcs(&self) -> Vec<Value> {
        let mut vpcs = self.list("/v2/vpcs", "vpcs");
        vpcs.retain(|vpc| vpc["default"] == false);
        vpcs.sort_by_key(|vpc| text(&vpc["name"]).to_owned());
        vpcs
    }

    pub(crate) fn firewalls(&self) -> Vec<Value> {
        let mut firewalls = self.list("/v2/firewalls", "firewalls");
        firewalls.sort_by_key(|firewall| text(&firewall["name"]).to_owned());
        firewalls
    }

    pub(crate) fn volumes(&self) -> Vec<Value> {
        let mut volumes = self.list("/v2/volumes", "volumes");
        volumes.sort_by_key(|volume| text(&volume["name"]).to_owned());
        volumes
    }

    /// Makes a volume as somebody else would; `more` overrides its attributes.
    pub(crate) fn volume(&self, name: &str, more: &Value) {
        let mut body = json!({"name": name, "region": "nyc3", "size_gigabytes": 10});
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        self.good("POST", "/v2/volumes", &body);
    }

    /// Takes a snapshot of a volume.
    pub(crate) fn snapshot(&self, volume: &str, name: &str) {
        let mut volumes = self.volumes();
        volumes.retain(|one| one["name"] == volume);
        let path = format!("/v2/volumes/{}/snapshots", text(&volumes[0]["id"]));
        self.good("POST", &path, &json!({ "name": name }));
    }

    /// Attaches a volume to a Droplet, or detaches it.
    pub(crate) fn place(&self, name: &str, droplet: Option<&str>) {
        let mut volumes = self.volumes();
        volumes.retain(|volume| volume["name"] == name);
        let volume = volumes.pop().expect("the volume");
        let action = match droplet {
            Some(name) => {
                let id = self.the_droplet(name)["id"].clone();
                json!({"type": "attach", "droplet_id": id})
            }
            None => json!({"type": "detach", "droplet_id": volume["droplet_ids"][0]}),
        };
        let path = format!("/v2/volumes/{}/actions", text(&volume["id"]));
        self.good("POST", &path, &action);
    }

    /// Gives a VPC or a firewall other attributes, or makes it; `kind` as in its path.
    pub(crate) fn put(&self, kind: &str, name: &str, more: &Value) {
        let there = match kind {
            "vpcs" => self.vpcs(),
            _ => self.firewalls(),
        };
        let mut body = json!({ "name": name });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        match there.iter().find(|one| one["name"] == name) {
            Some(one) => {
                let path = format!("/v2/{kind}/{}", text(&one["id"]));
                self.good("PUT", &path, &body);
            }
            None => {
                self.good("POST", &format!("/v2/{kind}"), &body);
            }
        }
    }

    /// Reserves an address for the one Droplet of that name.
    pub(crate) fn reserve(&self, droplet: &str) {
        let body = json!({"droplet_id": self.the_droplet(droplet)["id"]});
        self.good("POST", "/v2/reserved_ips", &body);
    }

    /// The one Droplet of that name.
    pub(crate) fn the_droplet(&self, name: &str) -> Value {
        let mut named = self.droplets();
        named.retain(|droplet| droplet["name"] == name);
        assert_eq!(named.len(), 1, "one Droplet called {name}: {named:?}");
        named.remove(0)
    }

    /// Whether a Droplet was made with this user data, in which `private(NAME)` stands for the
    /// private address of another.
    pub(crate) fn received(&self, name: &str, text: &str) -> bool {
        let droplets = self.droplets().into_iter();
        let expected = droplets.fold(text.to_owned(), |text, droplet| {
            let v4 = droplet["networks"]["v4"].as_array();
            let private = v4.into_iter().flatten();
            let mut private = private.filter(|network| network["type"] == "private");
            let address = private.next().map(|network| network["ip_address"].clone());
            let name = format!("private({})", self::text(&droplet["name"]));
            text.replace(&name, address.as_ref().map_or("", self::text))
        });
        let id = &self.the_droplet(name)["id"];
        let injected = self.get(&format!("/_sandbox/injected/{id}"));
        injected["user_data_md5"] == format!("{:x}", Md5::digest(expected)).as_str()
    }

    /// The names of the keys that a Droplet was made with and that are still in the account.
    pub(crate) fn keys_on(&self, name: &str) -> Vec<String> {
        let id = &self.the_droplet(name)["id"];
        let injected = self.get(&format!("/_sandbox/injected/{id}"));
        let ids = injected["ssh_keys"].as_array().expect("a list");
        let mut keys = self.list("/v2/account/keys", "ssh_keys");
        keys.retain(|key| ids.contains(&key["id"]));
        let names = keys.iter().map(|key| text(&key["name"]).to_owned());
        names.collect()
    }

    pub(crate) fn address(droplet: &Value, version: &str) -> String {
        let all = droplet["networks"][version].as_array();
        let public = all
            .into_iter()
            .flatten()
            .find(|network| network["type"] == "public");
        text(&public.expect("a public address")["ip_address"]).to_owned()
    }

    /// Every id in the account, with what it is the id of.
    pub(crate) fn names(&self) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for key in self.list("/v2/account/keys", "ssh_keys") {
            names.insert(key["id"].to_string(), "KEY".to_owned());
        }
        for droplet in self.droplets() {
            let name = format!("ID({})", text(&droplet["name"]));
            names.insert(droplet["id"].to_string(), name);
        }
        for vpc in self.vpcs() {
            names.insert(
                text(&vpc["id"]).to_owned(),
                format!("ID({})", text(&vpc["name"])),
            );
        }
        for firewall in self.firewalls() {
            let name = format!("ID({} firewall)", text(&firewall["name"]));
            names.insert(text(&firewall["id"]).to_owned(), name);
        }
        for volume in self.volumes() {
            let name = format!("ID({} volume)", text(&volume["name"]));
            names.insert(text(&volume["id"]).to_owned(), name);
        }
        for snapshot in self.list("/v2/snapshots", "snapshots") {
            let name = format!("ID({} snapshot)", text(&snapshot["name"]));
            names.insert(text(&snapshot["id"]).to_owned(), name);
        }
        for zone in self.domains() {
            for record in self.records(&zone) {
                let (name, kind) = (text(&record["name"]), text(&record["type"]));
                let name = format!("ID({name} {kind})");
                names.insert(record["id"].to_string(), name);
            }
        }
        names
    }

    /// All that the account holds, as text without ids.
    pub(crate) fn world(&self) -> String {
        let mut world = String::new();
        let mut line = |text: String| {
            let _ = writeln!(world, "{text}");
        };
        for key in self.list("/v2/account/keys", "ssh_keys") {
            line(format!("key {}", text(&key["name"])));
        }
        let vpcs = self.vpcs();
        for vpc in &vpcs {
            let parts = ["name", "region", "ip_range", "description"].map(|key| text(&vpc[key]));
            line(format!("vpc {}", parts.join(" ").trim_end()));
        }
        for firewall in self.firewalls() {
            let (name, tags) = (text(&firewall["name"]), &firewall["tags"]);
            line(format!(
                "firewall {name} {tags} {}",
                firewall["droplet_ids"]
            ));
            for (way, end) in [
                ("inbound_rules", "sources"),
                ("outbound_rules", "destinations"),
            ] {
                for rule in firewall[way].as_array().into_iter().flatten() {
                    let (protocol, ports) = (text(&rule["protocol"]), text(&rule["ports"]));
                    line(format!("  {end} {protocol} {ports} {}", rule[end]));
                }
            }
        }
        for droplet in self.droplets() {
            let tags: Vec<&str> = droplet["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect();
            let backups = droplet["features"]
                .as_array()
                .is_some_and(|features| features.iter().any(|feature| feature == "backups"));
            line(format!(
                "droplet {} {} {} {}{}{}{}",
                text(&droplet["name"]),
                text(&droplet["region"]["slug"]),
                text(&droplet["size_slug"]),
                tags.join(" "),
                if backups { " backups" } else { "" },
                if droplet["status"] == "off" {
                    " off"
                } else {
                    ""
                },
                vpcs.iter()
                    .find(|vpc| vpc["id"] == droplet["vpc_uuid"])
                    .map_or(String::new(), |vpc| format!(" in {}", text(&vpc["name"]))),
            ));
            for version in ["v4", "v6"] {
                for network in droplet["networks"][version]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    if network["type"] == "public" {
                        line(format!("  {}", text(&network["ip_address"])));
                    }
                }
            }
        }
        for address in self.list("/v2/reserved_ips", "reserved_ips") {
            let on = match address["droplet"]["name"].as_str() {
                Some(name) => format!("on {name}"),
                None => "on none".to_owned(),
            };
            line(format!("reserved {} {on}", text(&address["ip"])));
        }
        let droplets = self.droplets();
        for volume in self.volumes() {
            let on = &volume["droplet_ids"][0];
            let on = droplets.iter().find(|droplet| droplet["id"] == *on);
            let tags: Vec<&str> = volume["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect();
            line(format!(
                "volume {} {} {} GB {}{}",
                text(&volume["name"]),
                text(&volume["region"]["slug"]),
                volume["size_gigabytes"],
                tags.join(" "),
                on.map_or(String::new(), |droplet| format!(
                    " on {}",
                    text(&droplet["name"])
                )),
            ));
        }
        for snapshot in self.list("/v2/snapshots", "snapshots") {
            line(format!("snapshot {}", text(&snapshot["name"])));
        }
        for zone in self.domains() {
            line(format!("domain {zone}"));
            for record in self.records(&zone) {
                line(format!(
                    "  {} {} {}",
                    text(&record["name"]),
                    text(&record["type"]),
                    text(&record["data"])
                ));
            }
        }
        world
    }

    /// Every request since the last time, as `METHOD path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let stats = self.get("/_sandbox/stats");
        let log = stats["log"].as_array().expect("a log");
        log.iter()
            .map(|entry| format!("{} {}", text(&entry["method"]), text(&entry["path"])))
            .collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.good("DELETE", "/_sandbox/stats", &Value::Null);
    }

    /// Ends it: from here on nobody listens at its address.
    pub(crate) fn stop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.wait(sandbox.stop());
        }
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what the program did is looked at apart from its own client"
)]
pub(crate) fn client() -> reqwest::Client {
    // The second and later ones find it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}
