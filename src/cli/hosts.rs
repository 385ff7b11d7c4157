//! The recorded servers as programs that log in to them see them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;

use crate::model::{Address, Recorded};
use crate::provider::digitalocean;
use crate::resource::{record, reserved_ip, server};
use crate::state::State;

/// The images of DigitalOcean's on which nobody logs in as root, by how their slugs begin.
const NOT_ROOT: [&str; 3] = ["coreos", "rancher", "freebsd"];

/// A recorded server.
#[derive(Debug)]
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    pub(super) recorded: &'a Recorded,
    /// The type of its account.
    pub(super) provider: &'a str,
    /// DNS names that lead to it. No wildcard, and none that is another server's name.
    pub(super) aliases: BTreeSet<&'a str>,
    pub(super) ipv4: Option<Ipv4Addr>,
    pub(super) ipv6: Option<Ipv6Addr>,
    pub(super) private: Option<IpAddr>,
}

/// The recorded servers, by name.
pub(super) fn hosts(state: &State) -> Vec<Host<'_>> {
    let servers = state.resources.values();
    let servers = servers.filter(|recorded| {
        recorded.address.kind() == server::KIND.name && recorded.address.had().is_none()
    });
    let taken: BTreeSet<&str> = servers.clone().map(|one| one.address.name()).collect();
    let aliases = aliases(state);
    let reserved = reserved(state);
    servers
        .map(|recorded| {
            let kept = reserved.get(&(recorded.account.as_str(), recorded.id.as_str()));
            let leads = [Some(&recorded.address), kept.map(|kept| &kept.address)];
            let of_it = leads.into_iter().flatten().filter_map(|to| aliases.get(to));
            let of_it = of_it.flatten();
            // Where it has none of its own, that is the way to it.
            let kept = kept.and_then(|kept| address(kept, reserved_ip::IP));
            let account = state.accounts.get(&recorded.account);
            Host {
                name: recorded.address.name(),
                recorded,
                provider: account.map_or("", |account| account.provider.as_str()),
                aliases: of_it
                    .filter(|name| !taken.contains(*name))
                    .copied()
                    .collect(),
                ipv4: address(recorded, server::IPV4_ADDRESS).or(kept),
                ipv6: address(recorded, server::IPV6_ADDRESS),
                private: private(recorded),
            }
        })
        .collect()
}

/// The reserved IPs by account and id of the server that they are on.
fn reserved(state: &State) -> BTreeMap<(&str, &str), &Recorded> {
    let all = state.resources.values();
    let all = all.filter(|recorded| recorded.address.kind() == reserved_ip::KIND.name);
    all.filter_map(|one| Some(((one.account.as_str(), one.text(reserved_ip::SERVER)?), one)))
        .collect()
}

/// The names of records by what they lead to.
fn aliases(state: &State) -> BTreeMap<&Address, BTreeSet<&str>> {
    let mut aliases: BTreeMap<&Address, BTreeSet<&str>> = BTreeMap::new();
    let records = state.resources.values();
    for one in records.filter(|recorded| recorded.address.kind() == record::KIND.name) {
        // A wildcard is a pattern to ssh, and would take names that lead elsewhere.
        if let Some(name) = one.text(record::NAME).filter(|name| !name.contains('*')) {
            for target in &one.refers_to {
                aliases.entry(target).or_default().insert(name);
            }
        }
    }
    aliases
}

fn address<T: std::str::FromStr>(recorded: &Recorded, attribute: &str) -> Option<T> {
    recorded.text(attribute)?.parse().ok()
}

/// The first of its addresses that is not public, IPv4 before IPv6.
fn private(recorded: &Recorded) -> Option<IpAddr> {
    let networks = recorded.attributes.get(server::NETWORKS)?;
    let versions = ["v4", "v6"].into_iter();
    let all = versions.filter_map(|version| networks.get(version)?.as_array());
    let private = all.flatten().filter(|one| one["type"] == "private");
    private
        .filter_map(|one| one["ip_address"].as_str()?.parse().ok())
        .next()
}

impl Host<'_> {
    /// Where to connect to: its public IPv4 address, else its public IPv6 address.
    pub(super) fn public(&self) -> Option<IpAddr> {
        let v4 = self.ipv4.map(IpAddr::V4);
        v4.or_else(|| self.ipv6.map(IpAddr::V6))
    }

    /// Who logs in, where that is known: DigitalOcean gives the key to root on the images that it
    /// offers itself, but for a few old ones. Elsewhere, and on images of one's own, it is up to the
    /// image, which does not say.
    pub(super) fn user(&self) -> Option<&'static str> {
        let image = self.text(server::IMAGE)?;
        let is_own = image.bytes().all(|byte| byte.is_ascii_digit());
        let other = NOT_ROOT.iter().any(|begin| image.starts_with(begin));
        let root = self.provider == digitalocean::TYPE && !is_own && !other;
        root.then_some("root")
    }

    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        let value = self.recorded.attributes.get(attribute);
        value.and_then(Json::as_str)
    }
}
