//! What stands beside the servers of a [`Draft`](super::Draft): networks, firewalls, volumes.

use serde_json::{Value as Json, json};

use super::{inline, list, quoted, section};
use crate::config::firewalls::everything;
use crate::model::firewall::{ANYWHERE, Rule};

/// A VPC in a [`Draft`](super::Draft).
#[derive(Clone, Debug, Default)]
pub struct DraftVpc {
    /// Its key.
    pub name: String,
    /// Its region.
    pub region: String,
    /// Its addresses.
    pub ip_range: String,
    /// What it is for, if that is said.
    pub description: Option<String>,
}

/// A firewall in a [`Draft`](super::Draft).
#[derive(Clone, Debug, Default)]
pub struct DraftFirewall {
    /// Its key.
    pub name: String,
    /// The tags of the servers that it is for.
    pub tags: Vec<String>,
    /// What may reach them, each as a [`Rule`] is written.
    pub inbound: Vec<String>,
    /// What they may reach, likewise.
    pub outbound: Vec<String>,
}

/// A volume in a [`Draft`](super::Draft).
#[derive(Clone, Debug, Default)]
pub struct DraftVolume {
    /// Its key.
    pub name: String,
    /// How large it is, in GB.
    pub size_gb: u64,
    /// Its region.
    pub region: String,
    /// What it was formatted with, if that is known.
    pub filesystem: Option<String>,
    /// What it is for, if that is said.
    pub description: Option<String>,
}

impl DraftVpc {
    pub(super) fn text(&self) -> String {
        let description = self.description.as_ref();
        object(
            &self.name,
            [
                Some(("region", json!(self.region).to_string())),
                Some(("ip_range", json!(self.ip_range).to_string())),
                description.map(|text| ("description", quoted(text))),
            ],
        )
    }
}

impl DraftFirewall {
    pub(super) fn text(&self) -> String {
        let outbound = match is_everything(&self.outbound) {
            // As it is where nothing is said.
            true => None,
            false => Some(("outbound", rules(&self.outbound, "to"))),
        };
        object(
            &self.name,
            [
                Some(("tags", list(&self.tags))),
                Some(("inbound", rules(&self.inbound, "from"))),
                outbound,
            ],
        )
    }
}

impl DraftVolume {
    pub(super) fn text(&self) -> String {
        let further = |name, text: &Option<String>| {
            let text = text.as_ref();
            text.map(|text| (name, quoted(text)))
        };
        object(
            &self.name,
            [
                Some(("size_gb", self.size_gb.to_string())),
                Some(("region", json!(self.region).to_string())),
                further("filesystem", &self.filesystem),
                further("description", &self.description),
            ],
        )
    }
}

/// An entry of a section, with a line for each of its keys.
fn object<const N: usize>(name: &str, members: [Option<(&str, String)>; N]) -> String {
    let members = members.into_iter().flatten();
    let members = members.map(|(key, value)| format!("            \"{key}\": {value}"));
    section(name, &members.collect::<Vec<_>>())
}

fn is_everything(rules: &[String]) -> bool {
    let everything = everything().into_iter().map(|rule| rule.to_string());
    let mut rules = rules.to_vec();
    rules.sort_unstable();
    let mut everything: Vec<String> = everything.collect();
    everything.sort_unstable();
    rules == everything
}

/// One for each protocol and ports, whose other ends stand behind `end`.
fn rules(texts: &[String], end: &str) -> String {
    let mut grouped: Vec<(String, Json, Vec<String>)> = Vec::new();
    for rule in texts.iter().filter_map(|text| Rule::parse(text)) {
        let ports = rule.ports.map_or(Json::Bool(true), Json::from);
        let is_it =
            |one: &&mut (String, Json, Vec<String>)| one.0 == rule.protocol && one.1 == ports;
        match grouped.iter_mut().find(is_it) {
            Some((_, _, peers)) => peers.push(rule.peer),
            None => grouped.push((rule.protocol, ports, vec![rule.peer])),
        }
    }
    let lines = grouped.into_iter().map(|(protocol, ports, peers)| {
        let peers = inline(&json!(as_written(peers)));
        format!("                {{\"{protocol}\": {ports}, \"{end}\": {peers}}}")
    });
    match lines.collect::<Vec<_>>() {
        none if none.is_empty() => "[]".to_owned(),
        lines => format!("[\n{}\n            ]", lines.join(",\n")),
    }
}

/// The other ends as people write them: one address without its length, every address as that.
fn as_written(mut peers: Vec<String>) -> Vec<String> {
    let anywhere = ANYWHERE.map(ToOwned::to_owned);
    if anywhere.iter().all(|range| peers.contains(range)) {
        peers.retain(|peer| !anywhere.contains(peer));
        peers.insert(0, "anywhere".to_owned());
    }
    let alone = |peer: String| {
        let length = if peer.contains(':') { "/128" } else { "/32" };
        let address = peer.strip_suffix(length).map(ToOwned::to_owned);
        address.unwrap_or(peer)
    };
    peers.into_iter().map(alone).collect()
}
