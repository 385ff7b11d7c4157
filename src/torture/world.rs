//! What a sandbox's account holds, looked up through its API and not through our client.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Everything in an account that matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct World {
    pub(super) servers: Vec<Server>,
    pub(super) zones: Vec<String>,
    /// Those of addresses and of others, but not what every zone has by itself.
    pub(super) records: Vec<Record>,
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    /// Public ones, IPv4 before IPv6.
    pub(super) addresses: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) id: String,
    /// The whole name.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) data: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) public_key: String,
}

impl World {
    /// The account as it is now, with nothing out of sight.
    ///
    /// # Errors
    /// What cannot be looked up, in words.
    pub(super) async fn look(sandbox: &Sandbox) -> Result<Self, String> {
        sandbox.reveal();
        let mut world = Self::default();
        for droplet in list(sandbox, "/v2/droplets", "droplets").await? {
            world.servers.push(server(&droplet));
        }
        for key in list(sandbox, "/v2/account/keys", "ssh_keys").await? {
            world.keys.push(Key {
                id: id(&key),
                public_key: text(&key, "public_key"),
            });
        }
        for zone in list(sandbox, "/v2/domains", "domains").await? {
            let zone = text(&zone, "name");
            let path = format!("/v2/domains/{zone}/records");
            for record in list(sandbox, &path, "domain_records").await? {
                let name = match text(&record, "name").as_str() {
                    "@" => zone.clone(),
                    name => format!("{name}.{zone}"),
                };
                let kind = text(&record, "type");
                if !matches!(kind.as_str(), "SOA" | "NS") {
                    world.records.push(Record {
                        id: id(&record),
                        name,
                        kind,
                        data: text(&record, "data"),
                    });
                }
            }
            world.zones.push(zone);
        }
        Ok(world)
    }

    /// Makes what others have made before.
    ///
    /// # Errors
    /// What is refused, in words.
    pub(super) async fn furnish(sandbox: &Sandbox, with: &[(String, Value)]) -> Result<(), String> {
        for (path, body) in with {
            ask(sandbox, "POST", path, body).await?;
        }
        Ok(())
    }
}

async fn ask(sandbox: &Sandbox, method: &str, url: &str, body: &Value) -> Result<Value, String> {
    match sandbox.ask(method, url, body).await {
        Some((status, answer)) if status < 300 => Ok(answer),
        Some((status, answer)) => Err(format!("{method} {url}: {status} {answer}")),
        None => Err("the sandbox runs elsewhere".to_owned()),
    }
}

async fn list(sandbox: &Sandbox, path: &str, key: &str) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for page in 1.. {
        let url = format!("{path}?per_page=200&page={page}");
        let answer = ask(sandbox, "GET", &url, &Value::Null).await?;
        let items = answer.get(key).and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        all.extend_from_slice(items);
        if items.len() < 200 {
            break;
        }
    }
    Ok(all)
}

fn server(droplet: &Value) -> Server {
    let networks = ["/networks/v4", "/networks/v6"]
        .iter()
        .filter_map(|version| droplet.pointer(version)?.as_array())
        .flatten();
    let public = networks.filter(|network| network.get("type") == Some(&json!("public")));
    let tags = droplet.get("tags").and_then(Value::as_array);
    Server {
        id: id(droplet),
        name: text(droplet, "name"),
        tags: tags
            .into_iter()
            .flatten()
            .filter_map(|tag| tag.as_str().map(ToOwned::to_owned))
            .collect(),
        addresses: public.map(|network| text(network, "ip_address")).collect(),
    }
}

fn id(object: &Value) -> String {
    object.get("id").map(Value::to_string).unwrap_or_default()
}

fn text(object: &Value, key: &str) -> String {
    let text = object.get(key).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
