//! The simulated Rackspace Cloud (Classic): servers in one region, DNS for all.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::sandbox::rackspace::ACCOUNTS;
use crate::sandbox::{self, Cloud, Kills, Sandbox};

use super::super::SETTLE;
use super::super::cloud::{Before, Stage};
use super::super::run::Trial;
use super::super::terms::{Routes, Terms};
use super::super::world::{Form, Key, Record, Server, World, Zone};
use super::{Site, ask, in_one_account, key, text};

const ACCOUNT: &str = "rax";
const IMAGES: [&str; 2] = [
    "Debian 12 (Bookworm) (Cloud)",
    "Ubuntu 24.04 LTS (Noble Numbat) (Cloud)",
];
const SIZES: [&str; 3] = ["general1-1", "general1-2", "general1-4"];
const REGION: &str = "DFW";
/// The network whose addresses can be reached from everywhere.
const NETWORK: &str = "public";

/// How often a job is asked for, and how long it is waited in between.
const LOOKS: u32 = 500;
const BETWEEN: Duration = Duration::from_millis(10);

const SERVERS: &str = "/servers/{region}/v2/{tenant_id}/servers";
const SERVER: &str = "/servers/{region}/v2/{tenant_id}/servers/{server_id}";
const ACTION: &str = "/servers/{region}/v2/{tenant_id}/servers/{server_id}/action";
const KEYS: &str = "/servers/{region}/v2/{tenant_id}/os-keypairs";
const A_KEY: &str = "/servers/{region}/v2/{tenant_id}/os-keypairs/{keypair_name}";
const DOMAINS: &str = "/dns/v1.0/{account}/domains";
const DOMAIN: &str = "/dns/v1.0/{account}/domains/{domain_id}";
const RECORDS: &str = "/dns/v1.0/{account}/domains/{domain_id}/records";
const RECORD: &str = "/dns/v1.0/{account}/domains/{domain_id}/records/{record_id}";

const ROUTES: Routes = Routes {
    make_server: ("POST", SERVERS),
    see_server: ("GET", SERVER),
    drop_server: ("DELETE", SERVER),
    change_server: Some(("POST", ACTION)),
    make_key: ("POST", KEYS),
    see_key: ("GET", A_KEY),
    drop_key: ("DELETE", A_KEY),
    make_zone: ("POST", DOMAINS),
    drop_zone: ("DELETE", DOMAIN),
    make_record: ("POST", RECORDS),
    change_record: ("PUT", RECORD),
    drop_record: ("DELETE", RECORD),
    see_records: ("GET", RECORDS),
    look: &[
        ("POST", "/v2.0/tokens"),
        ("GET", "/servers/{region}/v2/{tenant_id}/servers/detail"),
        ("GET", "/servers/{region}/v2/{tenant_id}/flavors/detail"),
        ("GET", "/servers/{region}/v2/{tenant_id}/images/detail"),
        ("GET", DOMAINS),
        // What has become of any change of DNS.
        ("GET", "/dns/v1.0/{account}/status/{job_id}"),
    ],
};

pub(super) fn terms() -> Terms {
    let key = key::of(0);
    Terms {
        account: ACCOUNT,
        zones: ["acme.com".to_owned(), "other.net".to_owned()],
        regions: [REGION; 3],
        without_ipv6: "nowhere",
        sizes: SIZES,
        images: IMAGES,
        prefix: String::new(),
        key_name: key::name(&key),
        key: key::text(&key),
        shares_account: false,
        shares_keys: false,
        most_servers: 12,
        most_strangers: 2,
        routes: ROUTES,
        simulated: true,
        has_values: false,
        has_surroundings: false,
        has_groups: false,
        has_backups: false,
        may_lack_tags: false,
        tempo: 0.01,
        settle: SETTLE,
        longest_run: Duration::from_secs(60),
    }
}

/// Starts one with a trial's troubles.
pub(super) async fn open(trial: &Trial, kills: Kills) -> Result<Account, String> {
    let options = sandbox::Options {
        cloud: Cloud::Rackspace,
        boot: trial.troubles.boot,
        action: Duration::from_millis(5),
        lag: trial.troubles.lag,
        seed: trial.seed,
        faults: trial.troubles.faults.clone(),
        kills: Some(kills),
        ..sandbox::Options::default()
    };
    let sandbox = sandbox::start(options).await.map_err(|e| e.to_string())?;
    Ok(Account {
        sandbox,
        key: trial.terms.key.clone(),
    })
}

pub(super) struct Account {
    sandbox: Sandbox,
    key: String,
}

impl Site for Account {
    fn cloud_json(&self, stage: &Stage) -> String {
        let account = json!({"type": "rackspace", "region": REGION,
            "auth_url": format!("{}/v2.0", self.sandbox.url())});
        in_one_account(stage, (ACCOUNT, account))
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let [own, _] = &ACCOUNTS;
        let entry = json!({"username": own.username, "api_key": own.api_key});
        let security = json!({"accounts": {ACCOUNT: entry}});
        vec![("security.json", format!("{security:#}\n"))]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        // No account is there, but practice is known by it.
        vec![("DIGITALOCEAN_API_URL", self.sandbox.url().to_owned())]
    }

    fn secrets(&self) -> Vec<String> {
        let [own, _] = &ACCOUNTS;
        vec![own.api_key.to_owned()]
    }

    fn struck(&self) -> Vec<u64> {
        self.sandbox.struck()
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
            self.sandbox.reveal();
            let mut world = World::default();
            for server in self.list(&servers("/servers/detail"), "servers").await? {
                // What is on its way out is gone for its user.
                if server.get("OS-EXT-STS:task_state") != Some(&json!("deleting")) {
                    world.servers.push(seen(&server));
                }
            }
            for listed in self.list(&servers("/os-keypairs"), "keypairs").await? {
                let pair = listed.get("keypair").unwrap_or(&Value::Null);
                if key::same(&text(pair, "public_key"), &self.key) {
                    world.keys.push(Key {
                        id: text(pair, "name"),
                        public_key: self.key.clone(),
                    });
                }
            }
            for zone in self.list(&dns("/domains"), "domains").await? {
                let id = number(&zone);
                self.records(&id, &mut world.records).await?;
                world.zones.push(Zone {
                    id,
                    name: text(&zone, "name"),
                });
            }
            Ok(world)
        }
        .boxed()
    }
}

impl Account {
    /// Those of a zone, but not what every zone has by itself.
    async fn records(&self, zone: &str, records: &mut Vec<Record>) -> Result<(), String> {
        let path = dns(&format!("/domains/{zone}/records"));
        for record in self.list(&path, "records").await? {
            let kind = text(&record, "type");
            if kind != "NS" {
                records.push(Record {
                    id: text(&record, "id"),
                    name: text(&record, "name"),
                    kind,
                    data: canonical(&text(&record, "data")),
                });
            }
        }
        Ok(())
    }

    async fn make(&self, before: &Before) -> Result<(), String> {
        match before {
            Before::Zone(zone) => {
                let domain = json!({"name": zone, "emailAddress": format!("hostmaster@{zone}")});
                self.change(&dns("/domains"), &json!({"domains": [domain]}))
                    .await
            }
            Before::Record {
                zone,
                name,
                kind,
                data,
            } => {
                let zones = self.list(&dns("/domains"), "domains").await?;
                let id = zones.iter().find(|one| text(one, "name") == *zone);
                let id = id.map(number).unwrap_or_default();
                let name = match *name {
                    "@" => zone.clone(),
                    name => format!("{name}.{zone}"),
                };
                let record = json!({"name": name, "type": kind, "data": data});
                let path = dns(&format!("/domains/{id}/records"));
                self.change(&path, &json!({"records": [record]})).await
            }
            Before::Server(name) => {
                let [size, _, _] = SIZES;
                let images = self.list(&servers("/images/detail"), "images").await?;
                let image = images.iter().find(|image| text(image, "name") == IMAGES[0]);
                let image = image.map(|image| text(image, "id"));
                let server = json!({"name": name, "flavorRef": size, "imageRef": image});
                let body = json!({"server": server});
                ask(&self.sandbox, "POST", &servers("/servers"), &body).await?;
                Ok(())
            }
            Before::Key(name) => {
                let body = json!({"keypair": {"name": name, "public_key": self.key}});
                ask(&self.sandbox, "POST", &servers("/os-keypairs"), &body).await?;
                Ok(())
            }
        }
    }

    /// Has a change of DNS made, and waits for its job.
    async fn change(&self, path: &str, body: &Value) -> Result<(), String> {
        let job = ask(&self.sandbox, "POST", path, body).await?;
        let job = dns(&format!("/status/{}?showDetails=true", text(&job, "jobId")));
        for _ in 0..LOOKS {
            let seen = ask(&self.sandbox, "GET", &job, &Value::Null).await?;
            match text(&seen, "status").as_str() {
                "COMPLETED" => return Ok(()),
                "ERROR" => return Err(format!("POST {path}: {seen}")),
                _ => tokio::time::sleep(BETWEEN).await,
            }
        }
        Err(format!("POST {path}: its job does not end"))
    }

    /// A list. None here has more than one page.
    async fn list(&self, path: &str, key: &str) -> Result<Vec<Value>, String> {
        let answer = ask(&self.sandbox, "GET", path, &Value::Null).await?;
        let items = answer.get(key).and_then(Value::as_array);
        items
            .cloned()
            .ok_or_else(|| format!("GET {path}: no {key} in {answer}"))
    }
}

fn servers(path: &str) -> String {
    let [own, _] = &ACCOUNTS;
    let region = REGION.to_ascii_lowercase();
    format!("/servers/{region}/v2/{}{path}", own.tenant)
}

fn dns(path: &str) -> String {
    let [own, _] = &ACCOUNTS;
    format!("/dns/v1.0/{}{path}", own.tenant)
}

fn seen(server: &Value) -> Server {
    let mark = server
        .pointer("/metadata/cloudbuilder")
        .and_then(Value::as_str);
    let addresses = server
        .pointer(&format!("/addresses/{NETWORK}"))
        .and_then(Value::as_array);
    let mut public: Vec<(u64, String)> = addresses
        .into_iter()
        .flatten()
        .map(|address| {
            let version = address.get("version").and_then(Value::as_u64);
            (
                version.unwrap_or_default(),
                canonical(&text(address, "addr")),
            )
        })
        .collect();
    public.sort();
    Server {
        id: text(server, "id"),
        name: text(server, "name"),
        tags: mark
            .map(|lineage| format!("cloudbuilder:{lineage}"))
            .into_iter()
            .collect(),
        addresses: public.into_iter().map(|(_, address)| address).collect(),
        private: None,
        reserved: None,
        vpc: None,
        form: Some(Form {
            size: server
                .pointer("/flavor/id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            image: None,
            backups: false,
            // Not if a change of it is left to be confirmed either.
            is_on: text(server, "status") == "ACTIVE",
        }),
    }
}

/// An address in one spelling: here they come with leading zeros.
fn canonical(data: &str) -> String {
    let address = data.parse::<IpAddr>();
    address.map_or_else(|_| data.to_owned(), |address| address.to_string())
}

fn number(zone: &Value) -> String {
    zone.get("id").map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::super::cloud::Scenario;
    use super::super::super::faults::Troubles;
    use super::super::Ground;
    use super::*;
    use tokio::sync::mpsc;

    /// An account with what others have there.
    async fn furnished(before: &[Before]) -> (Account, World) {
        let terms = Ground::Rackspace.terms(1);
        let trial = Trial {
            name: String::new(),
            seed: 1,
            scenario: Scenario::fixed(&terms),
            terms,
            troubles: Troubles::none(),
        };
        let account = open(&trial, mpsc::unbounded_channel().0).await.unwrap();
        account.furnish(before).await.unwrap();
        let world = account.look().await.unwrap();
        (account, world)
    }

    #[tokio::test]
    async fn what_others_have_made_is_seen() {
        let record = |name, kind, data| Before::Record {
            zone: "acme.com".to_owned(),
            name,
            kind,
            data,
        };
        let (account, world) = furnished(&[
            Before::Zone("acme.com".to_owned()),
            record("@", "TXT", "not ours"),
            record("old", "A", "192.0.2.7"),
            Before::Server("stranger0".to_owned()),
            Before::Key("by hand"),
        ])
        .await;
        let zones: Vec<&str> = world.zones.iter().map(|zone| zone.name.as_str()).collect();
        assert_eq!(zones, ["acme.com"]);
        let mut records: Vec<String> = world
            .records
            .iter()
            .map(|record| format!("{} {} {}", record.name, record.kind, record.data))
            .collect();
        records.sort();
        assert_eq!(
            records,
            ["acme.com TXT not ours", "old.acme.com A 192.0.2.7"]
        );
        let [server] = &world.servers[..] else {
            panic!("not one: {:?}", world.servers);
        };
        assert_eq!((server.name.as_str(), &server.tags), ("stranger0", &vec![]));
        assert_eq!(world.keys[0].id, "by hand");
        assert_eq!(account.struck(), Vec::<u64>::new());
    }

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(canonical("2001:0db8:0000::0001"), "2001:db8::1");
        assert_eq!(canonical("192.0.2.1"), "192.0.2.1");
        assert_eq!(canonical("not ours"), "not ours");
    }
}
