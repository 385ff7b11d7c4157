//! A real OpenStack on this machine, behind a proxy. All deployments share one project there: what
//! they make has the seed in its name, and a key of its own.

mod api;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::sandbox::{self, Kills, Sandbox};

use super::super::around;
use super::super::cloud::{Before, Stage};
use super::super::run::Trial;
use super::super::terms::{Routes, Terms};
use super::super::world::{Form, Key, Record, Server, Thing, World, Zone};
use super::{Site, in_one_account, key, text};
use api::Api;

const ACCOUNT: &str = "os";
const IMAGE: &str = "debian-12";
const SIZES: [&str; 3] = ["m1.tiny", "m1.small", "m1.medium"];
/// The network whose addresses can be reached from everywhere.
const NETWORK: &str = "public";

/// The type of service that has volumes.
const VOLUMES: &str = "block-storage";

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
        ("GET", "/v2.0/security-groups"),
        ("GET", "/v2.0/ports"),
        ("GET", "/v3/{id}/volumes/detail"),
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
        has_values: false,
        has_surroundings: false,
        has_groups: true,
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
            for server in self.servers().await? {
                // What is on its way out is gone for its user.
                if server.get("OS-EXT-STS:task_state") != Some(&json!("deleting")) {
                    world.servers.push(seen(&server));
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
            self.groups(&mut world).await?;
            self.volumes(&mut world).await?;
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
                    let mut is_clean = true;
                    for group in self.own_groups().await? {
                        // Not yet, if a port is in it that goes.
                        let path = format!("/security-groups/{}", text(&group, "id"));
                        let _ = self.api.remove("network", &path).await;
                        is_clean = false;
                    }
                    for volume in self.own_volumes().await? {
                        // The same.
                        let path = format!("/volumes/{}", text(&volume, "id"));
                        let _ = self.api.remove(VOLUMES, &path).await;
                        is_clean = false;
                    }
                    if is_clean {
                        return Ok(());
                    }
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

    async fn own_volumes(&self) -> Result<Vec<Value>, String> {
        let mut volumes = self.api.list(VOLUMES, "/volumes/detail", "volumes").await?;
        volumes.retain(|volume| text(volume, "name").starts_with(&self.terms.prefix));
        Ok(volumes)
    }

    /// Volumes, and which server each is on.
    async fn volumes(&self, world: &mut World) -> Result<(), String> {
        for volume in self.own_volumes().await? {
            // What is on its way out is gone for its user.
            if text(&volume, "status") == "deleting" {
                continue;
            }
            let on = volume.pointer("/attachments/0/server_id");
            let mut servers = world.servers.iter();
            let on = servers.find(|server| on.and_then(Value::as_str) == Some(&server.id));
            let on = on.map(|server| server.name.as_str());
            let size = volume.get("size").and_then(Value::as_u64);
            let form = around::form_of_volume(size.unwrap_or_default(), on);
            world.things.push(Thing {
                kind: around::VOLUME.name,
                id: text(&volume, "id"),
                name: text(&volume, "name"),
                form,
            });
        }
        Ok(())
    }

    async fn own_groups(&self) -> Result<Vec<Value>, String> {
        let mut groups = self.all_groups().await?;
        groups.retain(|group| text(group, "name").starts_with(&self.terms.prefix));
        Ok(groups)
    }

    async fn all_groups(&self) -> Result<Vec<Value>, String> {
        let key = "security_groups";
        self.api.list("network", "/security-groups", key).await
    }

    /// Security groups, and which servers are in them. A server is in none but ours, or in the one
    /// that every server is in.
    async fn groups(&self, world: &mut World) -> Result<(), String> {
        let all = self.all_groups().await?;
        let ours = self.own_groups().await?;
        let name_of = |id: &str| {
            let known = all.iter().find(|group| text(group, "id") == id);
            known.map_or_else(|| id.to_owned(), |group| text(group, "name"))
        };
        let ports = self.api.list("network", "/ports", "ports").await?;
        let mut behind: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let mut stray = Vec::new();
        for server in &world.servers {
            let its = ports.iter();
            for port in its.filter(|port| text(port, "device_id") == server.id) {
                let ids = texts(port, "security_groups");
                let names: BTreeSet<String> = ids.iter().map(|id| name_of(id)).collect();
                let is_default = names.len() == 1 && names.contains("default");
                if !is_default
                    && !names
                        .iter()
                        .all(|name| name.starts_with(&self.terms.prefix))
                {
                    stray.push(format!("server {} is in the groups {names:?}", server.name));
                }
                for id in ids {
                    behind.entry(id).or_default().insert(&server.name);
                }
            }
        }
        for group in ours {
            let id = text(&group, "id");
            let rules = group.get("security_group_rules").and_then(Value::as_array);
            let ports = let_through(rules.map(Vec::as_slice).unwrap_or_default());
            let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
            let members = behind.get(&id).into_iter().flatten().copied();
            let members: Vec<&str> = members.collect();
            world.things.push(Thing {
                kind: around::GROUP.name,
                name: text(&group, "name"),
                form: around::form_of_group(&ports, &members),
                id,
            });
        }
        world.stray.extend(stray);
        Ok(())
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

/// What comes in, in the order of the ports that may; and whatever else there is, as it is.
fn let_through(rules: &[Value]) -> Vec<String> {
    let rule = |rule: &Value| {
        let port = |key: &str| rule.get(key).and_then(Value::as_u64).unwrap_or_default();
        let (from, to) = (port("port_range_min"), port("port_range_max"));
        let ports = match from == to {
            true => from.to_string(),
            false => format!("{from}-{to}"),
        };
        let rest = ["direction", "ethertype", "protocol", "remote_ip_prefix"];
        (ports, rest.map(|key| text(rule, key)))
    };
    let mut there: BTreeSet<(String, [String; 4])> = rules.iter().map(rule).collect();
    let mut took = |ports: &str, direction: &str| {
        let both = ["IPv4", "IPv6"].map(|family| {
            let rest = [direction, family, "tcp", ""].map(ToOwned::to_owned);
            (ports.to_owned(), rest)
        });
        let is_whole = both.iter().all(|one| there.contains(one));
        if is_whole {
            there.retain(|one| !both.contains(one));
        }
        is_whole
    };
    let is_right = took(around::GROUPS_LET_OUT, "egress");
    let known = around::PORTS.into_iter();
    let known = known.filter(|ports| took(ports, "ingress"));
    let mut told: Vec<String> = known.map(ToOwned::to_owned).collect();
    told.extend((!is_right).then(|| "nothing out".to_owned()));
    told.extend(there.iter().map(|one| format!("{one:?}")));
    told
}

/// A server, and what it is like.
fn seen(server: &Value) -> Server {
    let flavor = server.get("flavor");
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
    let mark = mark.map(|lineage| format!("cloudbuilder:{lineage}"));
    let tags: BTreeSet<String> = texts(server, "tags").into_iter().chain(mark).collect();
    Server {
        id: text(server, "id"),
        name: text(server, "name"),
        tags: tags.into_iter().collect(),
        addresses: public.into_iter().map(|(_, address)| address).collect(),
        private: None,
        reserved: None,
        vpc: None,
        form: Some(Form {
            size: flavor
                .map(|one| text(one, "original_name"))
                .unwrap_or_default(),
            image: None,
            backups: false,
            // Not if a change of it is left to be confirmed either.
            is_on: text(server, "status") == "ACTIVE",
        }),
    }
}

/// The texts of a list.
fn texts(object: &Value, key: &str) -> Vec<String> {
    let list = object.get(key).and_then(Value::as_array);
    let list = list.into_iter().flatten().filter_map(Value::as_str);
    list.map(ToOwned::to_owned).collect()
}

fn without_dot(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::super::cloud::{Scenario, zone_of};
    use fastrand::Rng;

    use super::super::super::faults::{Troubles, changing};
    use super::*;
    use crate::sandbox::FaultKind;

    #[test]
    fn seeds_stand_security_groups_around_servers() {
        let (mut members, mut empty, mut aimed) = (0, 0, 0);
        for seed in 0..30 {
            let terms = terms(seed);
            let scenario = Scenario::random(&mut Rng::with_seed(seed), &terms);
            for stage in &scenario.stages {
                for thing in &stage.around.things {
                    assert!(thing.name.starts_with(&terms.prefix), "{}", thing.name);
                    match thing.form.ends_with("for ") {
                        true => empty += 1,
                        false => members += 1,
                    }
                }
            }
            let aims = changing(&scenario, &terms);
            let (make, change) = (around::GROUP.make.1, around::GROUP.change.1);
            aimed += usize::from(aims.iter().any(|aim| aim.1 == make));
            // No request for a rule says of which group.
            assert!(aims.iter().all(|aim| aim.1 != change || aim.2.is_empty()));
        }
        assert!(
            members > 10 && empty > 0 && aimed > 10,
            "{members} {empty} {aimed}"
        );
    }

    #[test]
    fn what_a_group_lets_through_is_told_whole() {
        let rule = |direction: &str, family: &str, port: u64| {
            json!({"direction": direction, "ethertype": family, "protocol": "tcp",
                "port_range_min": port, "port_range_max": port, "remote_ip_prefix": null})
        };
        let mut rules = vec![
            rule("egress", "IPv4", 443),
            rule("egress", "IPv6", 443),
            rule("ingress", "IPv6", 80),
            rule("ingress", "IPv4", 80),
        ];
        assert_eq!(let_through(&rules), ["80"]);
        rules.push(rule("ingress", "IPv4", 22));
        assert_eq!(let_through(&rules).len(), 2);
        rules.remove(0);
        assert!(let_through(&rules).contains(&"nothing out".to_owned()));
    }

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
