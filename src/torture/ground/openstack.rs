//! A real OpenStack on this machine, behind a proxy. All deployments share one project there: what
//! they make has the seed in its name, and a key of its own.

mod api;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::sandbox::{self, Kills, Sandbox};

use super::super::cloud::{Before, Stage};
use super::super::run::Trial;
use super::super::terms::{Routes, Terms};
use super::super::world::{Form, Key, Record, Server, World, Zone};
use super::{Site, in_one_account, key, text};
use api::Api;

const ACCOUNT: &str = "os";
const IMAGE: &str = "debian-12";
const SIZES: [&str; 3] = ["m1.tiny", "m1.small", "m1.medium"];
/// The network whose addresses can be reached from everywhere.
const NETWORK: &str = "public";

/// How often what goes away by itself is looked for, and how long it is waited in between.
const LOOKS: u32 = 120;
const BETWEEN: Duration = Duration::from_millis(500);

const ROUTES: Routes = Routes {
    make_server: ("POST", "/v2.1/servers"),
    see_server: ("GET", "/v2.1/servers/{id}"),
    drop_server: ("DELETE", "/v2.1/servers/{id}"),
    change_server: Some(("POST", "/v2.1/servers/{id}/action")),
    make_key: ("POST", "/v2.1/os-keypairs"),
    see_key: ("GET", "/v2.1/os-keypairs/{id}"),
    drop_key: ("DELETE", "/v2.1/os-keypairs/{id}"),
    make_zone: ("POST", "/v2/zones"),
    drop_zone: ("DELETE", "/v2/zones/{id}"),
    make_record: ("POST", "/v2/zones/{id}/recordsets"),
    change_record: ("PUT", "/v2/zones/{id}/recordsets/{id}"),
    drop_record: ("DELETE", "/v2/zones/{id}/recordsets/{id}"),
    see_records: ("GET", "/v2/zones/{id}/recordsets"),
    look: &[
        ("POST", "/v3/auth/tokens"),
        ("GET", "/v2.1/servers/detail"),
        ("GET", "/v2.1/flavors/detail"),
        ("GET", "/v2/images"),
        ("GET", "/v2.0/networks"),
        ("GET", "/v2/zones"),
    ],
};

/// What opens the project that deployments are tried in.
#[derive(Clone)]
pub struct Login {
    /// Where Keystone is: `http://127.0.0.1:5000/v3`.
    pub upstream: String,
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// The project's name.
    pub project: String,
    /// The name of the domain of both.
    pub domain: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} at {}",
            self.username, self.project, self.upstream
        )
    }
}

pub(super) fn terms(seed: u64) -> Terms {
    let key = key::of(seed);
    Terms {
        account: ACCOUNT,
        zones: [format!("t{seed}-acme.test"), format!("t{seed}-other.test")],
        regions: [""; 3],
        without_ipv6: "nowhere",
        sizes: SIZES,
        images: [IMAGE; 2],
        prefix: prefix(seed),
        key_name: key::name(&key),
        key: key::text(&key),
        shares_account: true,
        shares_keys: false,
        // A project has room for ten.
        most_servers: 4,
        most_strangers: 1,
        routes: ROUTES,
        simulated: false,
        has_texts: false,
        has_surroundings: false,
        has_backups: false,
        may_lack_tags: false,
        tempo: 0.1,
        settle: Duration::from_secs(3),
        longest_run: Duration::from_secs(180),
    }
}

fn prefix(seed: u64) -> String {
    format!("t{seed}-")
}

/// Opens the project, takes away what an earlier campaign has left, and stands a proxy before it.
pub(super) async fn open(login: &Login, trial: &Trial, kills: Kills) -> Result<Account, String> {
    let api = Api::open(login).await?;
    let options = sandbox::Options {
        seed: trial.seed,
        faults: trial.troubles.faults.clone(),
        kills: Some(kills),
        ..sandbox::Options::default()
    };
    let proxy = sandbox::proxy(&login.upstream, options)
        .await
        .map_err(|error| error.to_string())?;
    let account = Account {
        login: login.clone(),
        api,
        proxy,
        terms: trial.terms.clone(),
    };
    account.clean_up().await?;
    Ok(account)
}

pub(super) struct Account {
    login: Login,
    /// Past the proxy.
    api: Api,
    proxy: Sandbox,
    terms: Terms,
}

impl Site for Account {
    fn cloud_json(&self, stage: &Stage) -> String {
        let account = json!({"type": "openstack", "auth_url": self.proxy.url(),
            "networks": [NETWORK], "public_network": NETWORK});
        in_one_account(stage, (ACCOUNT, account))
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let Login {
            username,
            password,
            project,
            domain,
            ..
        } = &self.login;
        let entry = json!({"username": username, "password": password, "project": project,
            "user_domain_name": domain, "project_domain_name": domain});
        let security = json!({"accounts": {ACCOUNT: entry}});
        vec![("security.json", format!("{security:#}\n"))]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        // No account is there, but practice is known by it.
        vec![("DIGITALOCEAN_API_URL", root(self.proxy.url()))]
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.login.password.clone(), self.api.token().to_owned()]
    }

    fn struck(&self) -> Vec<u64> {
        self.proxy.struck()
    }

    fn furnish<'a>(&'a self, with: &'a [Before]) -> BoxFuture<'a, Result<(), String>> {
        async move {
            for before in with {
                self.make(before).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn look(&self) -> BoxFuture<'_, Result<World, String>> {
        async move {
            let mut world = World::default();
            let flavors = self.api.list("compute", "/flavors", "flavors").await?;
            for server in self.servers().await? {
                // What is on its way out is gone for its user.
                if server.get("OS-EXT-STS:task_state") != Some(&json!("deleting")) {
                    world.servers.push(seen(&server, &flavors));
                }
            }
            for listed in self.api.list("compute", "/os-keypairs", "keypairs").await? {
                let pair = listed.get("keypair").unwrap_or(&Value::Null);
                if key::same(&text(pair, "public_key"), &self.terms.key) {
                    world.keys.push(Key {
                        id: text(pair, "name"),
                        public_key: self.terms.key.clone(),
                    });
                }
            }
            for zone in self.zones().await? {
                if zone.get("action") != Some(&json!("DELETE")) {
                    let name = without_dot(&text(&zone, "name"));
                    self.records(&text(&zone, "id"), &mut world.records).await?;
                    world.zones.push(Zone {
                        id: name.clone(),
                        name,
                    });
                }
            }
            world.stray = self.stray(&world.servers).await?;
            Ok(world)
        }
        .boxed()
    }

    fn clean_up(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            for server in self.servers().await? {
                let path = format!("/servers/{}", text(&server, "id"));
                self.api.remove("compute", &path).await?;
            }
            for zone in self.zones().await? {
                let path = format!("/zones/{}", text(&zone, "id"));
                self.api.remove("dns", &path).await?;
            }
            for address in self.floating().await? {
                let path = format!("/floatingips/{}", text(&address, "id"));
                self.api.remove("network", &path).await?;
            }
            let path = format!("/os-keypairs/{}", self.terms.key_name);
            self.api.remove("compute", &path).await?;
            for _ in 0..LOOKS {
                if self.servers().await?.is_empty() && self.zones().await?.is_empty() {
                    return Ok(());
                }
                tokio::time::sleep(BETWEEN).await;
            }
            Err("what was deleted does not go away".to_owned())
        }
        .boxed()
    }
}

impl Account {
    async fn servers(&self) -> Result<Vec<Value>, String> {
        let mut servers = self
            .api
            .list("compute", "/servers/detail", "servers")
            .await?;
        servers.retain(|server| text(server, "name").starts_with(&self.terms.prefix));
        // Nova lists one for a moment longer than it is there.
        servers.retain(|server| text(server, "status") != "DELETED");
        Ok(servers)
    }

    async fn zones(&self) -> Result<Vec<Value>, String> {
        let mut zones = self.api.list("dns", "/zones", "zones").await?;
        zones.retain(|zone| self.terms.zones.contains(&without_dot(&text(zone, "name"))));
        Ok(zones)
    }

    /// The floating IPs that say they are for a server of this deployment.
    async fn floating(&self) -> Result<Vec<Value>, String> {
        let mut all = self
            .api
            .list("network", "/floatingips", "floatingips")
            .await?;
        all.retain(|one| whose(one).starts_with(&self.terms.prefix));
        Ok(all)
    }

    /// One record a value; not those that a zone has by itself.
    async fn records(&self, zone: &str, records: &mut Vec<Record>) -> Result<(), String> {
        let path = format!("/zones/{zone}/recordsets");
        for set in self.api.list("dns", &path, "recordsets").await? {
            let kind = text(&set, "type");
            if matches!(kind.as_str(), "SOA" | "NS") || set.get("action") == Some(&json!("DELETE"))
            {
                continue;
            }
            let values = set.get("records").and_then(Value::as_array);
            for data in values.into_iter().flatten().filter_map(Value::as_str) {
                records.push(Record {
                    id: format!("{}/{data}", text(&set, "id")),
                    name: without_dot(&text(&set, "name")),
                    kind: kind.clone(),
                    data: data.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Floating IPs that are on no server any more, or twice on one.
    async fn stray(&self, servers: &[Server]) -> Result<Vec<String>, String> {
        let mut stray = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for one in self.floating().await? {
            let name = whose(&one);
            let address = text(&one, "floating_ip_address");
            let server = servers.iter().find(|server| server.name == name);
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            if *count > 1 || !server.is_some_and(|server| server.addresses.contains(&address)) {
                stray.push(format!("floating IP {address} for {name} is on no server"));
            }
        }
        Ok(stray)
    }

    async fn make(&self, before: &Before) -> Result<(), String> {
        let (service, path, body) = match before {
            Before::Zone(zone) => {
                let body =
                    json!({"name": format!("{zone}."), "email": format!("hostmaster@{zone}")});
                ("dns", "/zones".to_owned(), body)
            }
            Before::Record {
                zone,
                name,
                kind,
                data,
            } => {
                let zones = self.zones().await?;
                let own = |one: &&Value| without_dot(&text(one, "name")) == *zone;
                let id = zones.iter().find(own).map(|zone| text(zone, "id"));
                let name = match *name {
                    "@" => format!("{zone}."),
                    name => format!("{name}.{zone}."),
                };
                let data = match *kind {
                    "TXT" => format!("\"{data}\""),
                    _ => (*data).to_owned(),
                };
                let path = format!("/zones/{}/recordsets", id.unwrap_or_default());
                (
                    "dns",
                    path,
                    json!({"name": name, "type": kind, "records": [data]}),
                )
            }
            Before::Server(name) => {
                let [size, _, _] = SIZES;
                let flavor = self
                    .api
                    .named("compute", "/flavors", "flavors", size)
                    .await?;
                let image = self.api.named("image", "/images", "images", IMAGE).await?;
                let network = self.api.named("network", "/networks", "networks", NETWORK);
                let body = json!({"server": {"name": name, "flavorRef": flavor, "imageRef": image,
                    "networks": [{"uuid": network.await?}]}});
                ("compute", "/servers".to_owned(), body)
            }
            Before::Key(name) => {
                let body = json!({"keypair": {"name": name, "public_key": self.terms.key}});
                ("compute", "/os-keypairs".to_owned(), body)
            }
        };
        self.api.ask("POST", service, &path, &body).await?;
        Ok(())
    }
}

/// A URL without its path.
fn root(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// The server that a floating IP's description names, behind whatever stands before it.
fn whose(address: &Value) -> String {
    let description = text(address, "description");
    description
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A server, and what it is like by the names of these flavors.
fn seen(server: &Value, flavors: &[Value]) -> Server {
    let flavor = server.get("flavor").map(|flavor| text(flavor, "id"));
    let mut named = flavors.iter();
    let flavor = named.find(|one| flavor.as_ref() == Some(&text(one, "id")));
    let mark = server
        .pointer("/metadata/cloudbuilder")
        .and_then(Value::as_str);
    let networks = server.get("addresses").and_then(Value::as_object);
    let mut public: Vec<(u64, String)> = Vec::new();
    for (network, addresses) in networks.into_iter().flatten() {
        for address in addresses.as_array().into_iter().flatten() {
            let floating = address.get("OS-EXT-IPS:type") == Some(&json!("floating"));
            if network == NETWORK || floating {
                let version = address.get("version").and_then(Value::as_u64);
                public.push((version.unwrap_or_default(), text(address, "addr")));
            }
        }
    }
    public.sort_by_key(|(version, _)| *version);
    Server {
        id: text(server, "id"),
        name: text(server, "name"),
        tags: mark
            .map(|lineage| format!("cloudbuilder:{lineage}"))
            .into_iter()
            .collect(),
        addresses: public.into_iter().map(|(_, address)| address).collect(),
        private: None,
        vpc: None,
        form: Some(Form {
            size: flavor.map(|one| text(one, "name")).unwrap_or_default(),
            image: None,
            backups: false,
            // Not if a change of it is left to be confirmed either.
            is_on: text(server, "status") == "ACTIVE",
        }),
    }
}

fn without_dot(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::cloud::{Scenario, zone_of};
    use super::super::super::faults::Troubles;
    use super::*;
    use crate::sandbox::FaultKind;

    #[test]
    fn seeds_share_no_name_zone_or_key() {
        let (one, other) = (terms(1), terms(11));
        assert_ne!(one.key, other.key);
        assert_ne!(one.key_name, other.key_name);
        assert!(one.zones.iter().all(|zone| !other.zones.contains(zone)));
        assert!(!other.prefix.starts_with(&one.prefix));
        for seed in 0..100 {
            let terms = terms(seed);
            let mut rng = fastrand::Rng::with_seed(seed);
            let scenario = Scenario::random(&mut rng, &terms);
            for stage in &scenario.stages {
                for (name, _, server) in stage.records() {
                    assert!(
                        terms.zones.iter().any(|zone| zone == zone_of(name)),
                        "{name}"
                    );
                    assert!(server.name.starts_with(&terms.prefix));
                }
                assert!(stage.servers.len() <= 5);
            }
        }
    }

    #[test]
    fn nothing_is_asked_of_a_proxy_that_it_cannot_do() {
        for seed in 0..300 {
            let terms = terms(seed);
            let mut rng = fastrand::Rng::with_seed(seed);
            let scenario = Scenario::random(&mut rng, &terms);
            let troubles = Troubles::random(&mut rng, &scenario, &terms);
            assert!(troubles.lag.is_zero() && !troubles.tagless);
            for fault in &troubles.faults {
                assert!(!matches!(
                    fault.kind,
                    FaultKind::Lag | FaultKind::NeverActive
                ));
            }
        }
    }
}
