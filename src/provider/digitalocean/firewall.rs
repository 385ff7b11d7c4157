//! Firewalls. They carry no mark; their names are unique in an account ("duplicate name"). They
//! take only tags that exist (api-notes, section 7), so these are made before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::firewall::{ALL_PORTS, Rule, TAG, ports, range};
use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::firewall::{INBOUND, KIND, NAME, OUTBOUND, SERVERS, TAGS, TAGS_AS_SPELT};

use super::client::{ReadClient, WriteClient};
use super::server::{make_tag, tags_refused};
use super::wire::{Meta, Page, page};

pub(super) struct Adapter;

const FIREWALLS: &str = "/v2/firewalls";
/// What stands before an id in a rule.
const DROPLET: &str = "droplet:";
const LOAD_BALANCER: &str = "load_balancer:";
const KUBERNETES: &str = "kubernetes:";

page!(Firewalls, firewalls: Firewall);

#[derive(Debug, Deserialize)]
struct FirewallAnswer {
    firewall: Firewall,
}

#[derive(Debug, Deserialize)]
pub(super) struct Firewall {
    id: String,
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    pending_changes: Option<Vec<PendingChange>>,
    #[serde(default)]
    inbound_rules: Option<Vec<Inbound>>,
    #[serde(default)]
    outbound_rules: Option<Vec<Outbound>>,
    #[serde(default)]
    droplet_ids: Option<Vec<u64>>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct PendingChange {
    droplet_id: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Inbound {
    protocol: String,
    #[serde(default)]
    ports: String,
    sources: Peers,
}

#[derive(Debug, Serialize, Deserialize)]
struct Outbound {
    protocol: String,
    #[serde(default)]
    ports: String,
    destinations: Peers,
}

/// The other ends of a rule.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Peers {
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    droplet_ids: Option<Vec<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer_uids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct FirewallRequest<'a> {
    name: &'a str,
    inbound_rules: Vec<Inbound>,
    outbound_rules: Vec<Outbound>,
    droplet_ids: Vec<u64>,
    tags: Vec<String>,
}

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// There are few of them: a page tells which is which.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match scope.concerns(KIND.name) {
                true => Ok(all(client).await?.into()),
                false if scope.leftovers => client.if_seen(KIND.name, all(client)).await,
                false => Ok(Listed::default()),
            }
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move { Ok(find(client, target.id).await?.as_ref().map(from_wire)) }.boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move { matching::named(wanted, &all(client).await?, NAME) }.boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let body = request(client, attributes, Vec::new()).await?;
            let made = client.send::<FirewallAnswer>(Method::POST, FIREWALLS, &body);
            match made.await {
                Ok(answer) => Ok(from_wire(&answer.firewall)),
                // Someone was faster, or an earlier answer was lost.
                Err(error) if error.status == Some(409) || error.class == Class::Rejected => {
                    let found = matching::named(&[attributes], &all(client.0).await?, NAME)?;
                    Err(matching::refused(error, &found))
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    /// A PUT resets what it leaves out: the Droplets that somebody put behind it by hand stay there.
    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        _changed: &'a [String],
        _mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let path = format!("{FIREWALLS}/{}", target.id);
            let before: FirewallAnswer = client.0.get(&path).await?;
            let droplets = before.firewall.droplet_ids.unwrap_or_default();
            let body = request(client, attributes, droplets).await?;
            let answer: FirewallAnswer = client.send(Method::PUT, &path, &body).await?;
            let is = from_wire(&answer.firewall);
            Ok(match is.readiness {
                Readiness::Ready => Updated::Done(is),
                _ => Updated::Underway,
            })
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move { client.delete(&format!("{FIREWALLS}/{}", target.id)).await }.boxed()
    }
}

async fn all(client: &ReadClient) -> Result<Vec<Observed>, Error> {
    let kept = |firewall| from_wire(&firewall);
    client.pages::<Firewalls, _>(FIREWALLS, kept).await
}

async fn find(client: &ReadClient, id: &str) -> Result<Option<Firewall>, Error> {
    let path = format!("{FIREWALLS}/{id}");
    let answer: Option<FirewallAnswer> = client.find(&path).await?;
    Ok(answer.map(|answer| answer.firewall))
}

/// What is sent; makes the tags that it names.
async fn request<'a>(
    client: WriteClient<'_>,
    attributes: &'a Attributes,
    droplet_ids: Vec<u64>,
) -> Result<FirewallRequest<'a>, Error> {
    let (inbound, outbound) = (rules(attributes, INBOUND)?, rules(attributes, OUTBOUND)?);
    let own: Vec<String> = texts(attributes, TAGS).map(ToOwned::to_owned).collect();
    let in_rules = inbound.iter().chain(&outbound).filter_map(Rule::tag);
    let named: BTreeSet<&str> = own.iter().map(String::as_str).chain(in_rules).collect();
    let spelt: BTreeMap<String, &str> = texts(attributes, TAGS_AS_SPELT)
        .map(|tag| (tag.to_ascii_lowercase(), tag))
        .collect();
    let mut canonical: BTreeMap<&str, String> = BTreeMap::new();
    for lower in named {
        let tag = spelt.get(lower).copied().unwrap_or(lower);
        let made = make_tag(client, tag).await;
        canonical.insert(
            lower,
            made.map_err(|error| tags_refused(error, "firewalls"))?,
        );
    }
    let spell = |lower: &str| {
        let known = canonical.get(lower);
        known.cloned().unwrap_or_else(|| lower.to_owned())
    };
    let inbound_rules = grouped(&inbound, spell)?;
    let outbound_rules = grouped(&outbound, spell)?;
    Ok(FirewallRequest {
        name: required(attributes, NAME)?,
        inbound_rules: inbound_rules
            .into_iter()
            .map(|(protocol, ports, sources)| Inbound {
                protocol,
                ports,
                sources,
            })
            .collect(),
        outbound_rules: outbound_rules
            .into_iter()
            .map(|(protocol, ports, destinations)| Outbound {
                protocol,
                ports,
                destinations,
            })
            .collect(),
        droplet_ids,
        tags: own.iter().map(|tag| spell(tag)).collect(),
    })
}

fn texts<'a>(attributes: &'a Attributes, name: &str) -> impl Iterator<Item = &'a str> {
    let list = attributes.get(name).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_str)
}

fn rules(attributes: &Attributes, name: &str) -> Result<Vec<Rule>, Error> {
    let rules =
        texts(attributes, name).map(|text| Rule::parse(text).ok_or_else(|| unreadable(text)));
    rules.collect()
}

fn unreadable(text: &str) -> Error {
    let message = format!("`{text}` is no rule");
    Error::new(Class::Rejected, "request", message)
}

/// One rule for each protocol and range of ports.
fn grouped(
    rules: &[Rule],
    spell: impl Fn(&str) -> String,
) -> Result<Vec<(String, String, Peers)>, Error> {
    let mut groups: BTreeMap<(&str, Option<&str>), Peers> = BTreeMap::new();
    for rule in rules {
        let key = (rule.protocol.as_str(), rule.ports.as_deref());
        let peers = groups.entry(key).or_default();
        let peer = rule.peer.as_str();
        let list = |list: &mut Option<Vec<String>>, value: String| {
            list.get_or_insert_default().push(value);
        };
        if let Some(tag) = rule.tag() {
            list(&mut peers.tags, spell(tag));
        } else if let Some(id) = peer.strip_prefix(LOAD_BALANCER) {
            list(&mut peers.load_balancer_uids, id.to_owned());
        } else if let Some(id) = peer.strip_prefix(KUBERNETES) {
            list(&mut peers.kubernetes_ids, id.to_owned());
        } else if let Some(id) = peer.strip_prefix(DROPLET) {
            let id = id.parse().map_err(|_| unreadable(&rule.to_string()))?;
            peers.droplet_ids.get_or_insert_default().push(id);
        } else {
            list(&mut peers.addresses, peer.to_owned());
        }
    }
    let groups = groups.into_iter().map(|((protocol, ports), peers)| {
        let ports = match ports {
            // "For ICMP rules this parameter will always return 0".
            None | Some(ALL_PORTS) => "0",
            Some(ports) => ports,
        };
        (protocol.to_owned(), ports.to_owned(), peers)
    });
    Ok(groups.collect())
}

/// The API's rules, each in the one form that there is of it, in order.
fn normal<'r>(rules: impl Iterator<Item = (&'r str, &'r str, &'r Peers)>) -> Json {
    let mut texts = BTreeSet::new();
    for (protocol, written, peers) in rules {
        let ports = (protocol != "icmp").then(|| match written {
            // Seen for all of them, too.
            "" => ALL_PORTS.to_owned(),
            written => ports(written).unwrap_or_else(|| written.to_owned()),
        });
        let addresses = peers.addresses.iter().flatten();
        let addresses =
            addresses.map(|address| range(address).unwrap_or_else(|| address.to_owned()));
        let tags = peers.tags.iter().flatten();
        let tags = tags.map(|tag| format!("{TAG}{}", tag.to_ascii_lowercase()));
        let droplets = peers.droplet_ids.iter().flatten();
        let droplets = droplets.map(|id| format!("{DROPLET}{id}"));
        let balancers = peers.load_balancer_uids.iter().flatten();
        let balancers = balancers.map(|id| format!("{LOAD_BALANCER}{id}"));
        let clusters = peers.kubernetes_ids.iter().flatten();
        let clusters = clusters.map(|id| format!("{KUBERNETES}{id}"));
        let all = addresses.chain(tags).chain(droplets);
        texts.extend(all.chain(balancers).chain(clusters).map(|peer| {
            let rule = Rule {
                protocol: protocol.to_owned(),
                ports: ports.clone(),
                peer,
            };
            rule.to_string()
        }));
    }
    texts.into_iter().collect()
}

fn from_wire(firewall: &Firewall) -> Observed {
    let readiness = readiness(firewall);
    let inbound = firewall.inbound_rules.iter().flatten();
    let inbound = inbound.map(|rule| (&*rule.protocol, &*rule.ports, &rule.sources));
    let outbound = firewall.outbound_rules.iter().flatten();
    let outbound = outbound.map(|rule| (&*rule.protocol, &*rule.ports, &rule.destinations));
    let tags = firewall.tags.iter().flatten();
    let tags: BTreeSet<String> = tags.map(|tag| tag.to_ascii_lowercase()).collect();
    let mut attributes = Attributes::from([
        (NAME.to_owned(), Json::from(firewall.name.as_str())),
        (TAGS.to_owned(), tags.into_iter().collect()),
        (INBOUND.to_owned(), normal(inbound)),
        (OUTBOUND.to_owned(), normal(outbound)),
    ]);
    let droplets = firewall.droplet_ids.iter().flatten();
    let droplets: Vec<String> = droplets.map(ToString::to_string).collect();
    if !droplets.is_empty() {
        attributes.insert(SERVERS.to_owned(), droplets.into());
    }
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: firewall.id.clone(),
        attributes,
        owners: Vec::new(),
        readiness,
        monthly: None,
        created: None,
    }
}

/// It is in force once no change is pending, whatever its status says meanwhile: "When empty, all
/// changes have been successfully applied" (openapi.json, `firewall.pending_changes`).
fn readiness(firewall: &Firewall) -> Readiness {
    let pending = firewall.pending_changes.as_deref().unwrap_or_default();
    match firewall.status.as_str() {
        "failed" => {
            let ids = pending.iter().filter_map(|change| change.droplet_id);
            let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
            Readiness::Failed(match ids.is_empty() {
                true => "it could not be put on its servers".to_owned(),
                false => format!("it could not be put on {}", ids.join(", ")),
            })
        }
        _ if pending.is_empty() => Readiness::Ready,
        _ => Readiness::Pending("it is being put on its servers".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(firewall: &Json) -> Observed {
        from_wire(&serde_json::from_value(firewall.clone()).unwrap())
    }

    #[test]
    fn the_same_rules_are_the_same_however_the_api_writes_them() {
        let one = json!({
            "id": "x", "name": "web", "status": "succeeded", "pending_changes": [],
            "inbound_rules": [
                {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}},
                {"protocol": "udp", "ports": "0", "sources": {"tags": ["DB"], "droplet_ids": [7]}},
                {"protocol": "icmp", "ports": "0", "sources": {"addresses": ["10.0.0.1"]}},
            ],
            "outbound_rules": null, "droplet_ids": null, "tags": ["Web"],
        });
        let other = json!({
            "id": "x", "name": "web",
            "inbound_rules": [
                {"protocol": "icmp", "ports": "", "sources": {"addresses": ["10.0.0.1/32"]}},
                {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0::0/0"]}},
                {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}},
                {"protocol": "udp", "ports": "all", "sources": {"droplet_ids": [7]}},
                {"protocol": "udp", "ports": "1-65535", "sources": {"tags": ["db"]}},
            ],
            "tags": ["web"],
        });
        let (one, other) = (read(&one), read(&other));
        assert_eq!(one, other);
        let texts: Vec<&str> = texts(&one.attributes, INBOUND).collect();
        assert_eq!(
            texts,
            [
                "icmp 10.0.0.1/32",
                "tcp 22 0.0.0.0/0",
                "tcp 22 ::/0",
                "udp all droplet:7",
                "udp all tag:db",
            ]
        );
    }

    #[test]
    fn what_is_sent_reads_as_what_was_asked_for() {
        let asked = json!([
            "icmp ::/0",
            "tcp 22 10.0.0.0/8",
            "tcp 22 tag:db",
            "udp all droplet:7",
            "udp all kubernetes:k",
            "udp all load_balancer:l",
        ]);
        let attributes = Attributes::from([(INBOUND.to_owned(), asked.clone())]);
        let rules = rules(&attributes, INBOUND).unwrap();
        let groups = grouped(&rules, str::to_uppercase).unwrap();
        assert_eq!(groups.len(), 3, "{groups:?}");
        let sent = groups.iter();
        let sent = sent.map(|(protocol, ports, peers)| (&**protocol, &**ports, peers));
        assert_eq!(normal(sent), asked);
    }

    #[test]
    fn it_is_ready_when_it_is_in_force_everywhere() {
        let of = |status: &str, pending: Json| {
            let firewall = json!({
                "id": "x", "name": "web", "status": status, "pending_changes": pending,
            });
            read(&firewall).readiness
        };
        let with = |status: &str| {
            let one = json!([{"droplet_id": 7, "removing": false, "status": status}]);
            of(status, one)
        };
        assert_eq!(of("succeeded", json!([])), Readiness::Ready);
        assert_eq!(of("waiting", json!([])), Readiness::Ready);
        assert!(matches!(with("waiting"), Readiness::Pending(_)));
        assert_eq!(
            with("failed"),
            Readiness::Failed("it could not be put on 7".to_owned())
        );
    }
}
