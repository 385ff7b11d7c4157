//! The recorded servers as Ansible takes them from an inventory script: `--list` asks for all,
//! `--host` for one. It is told of all variables at once, in `_meta`, and then asks no more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::cli::hosts::Host;
use crate::resource::server;

/// The group of all servers, which tells them from what other inventories have.
const ALL: &str = "cloudbuilder";

/// All of them. One without a public address is left out: Ansible would look for its name in DNS,
/// where it may be somebody else's.
pub(super) fn list(hosts: &[Host<'_>]) -> Json {
    let hosts: Vec<&Host<'_>> = hosts
        .iter()
        .filter(|host| host.public().is_some())
        .collect();
    let mut groups: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut variables = Map::new();
    for host in hosts {
        let mut of_it = vec![
            ALL.to_owned(),
            group("account", &host.recorded.account),
            group("provider", host.provider),
        ];
        of_it.extend(
            host.text(server::REGION)
                .map(|region| group("region", region)),
        );
        for group in of_it {
            groups.entry(group).or_default().insert(host.name);
        }
        variables.insert(host.name.to_owned(), of(host));
    }
    let mut inventory: Map<String, Json> = groups
        .into_iter()
        .map(|(group, hosts)| (group, json!({ "hosts": hosts })))
        .collect();
    inventory.insert("_meta".to_owned(), json!({ "hostvars": variables }));
    inventory.into()
}

/// The variables of one; none, if it is not there.
pub(super) fn one(hosts: &[Host<'_>], name: &str) -> Json {
    let host = hosts.iter().find(|host| host.name == name);
    host.map_or_else(|| json!({}), of)
}

/// Names of our own, because those of a host win over what roles and playbooks call theirs.
fn of(host: &Host<'_>) -> Json {
    let text = |attribute: &str| host.text(attribute).map(Json::from);
    let variables = [
        ("ansible_host", host.public().map(|ip| json!(ip))),
        ("cloudbuilder_account", Some(json!(host.recorded.account))),
        ("cloudbuilder_id", Some(json!(host.recorded.id))),
        ("cloudbuilder_image", text(server::IMAGE)),
        ("cloudbuilder_ipv4", host.ipv4.map(|ip| json!(ip))),
        ("cloudbuilder_ipv6", host.ipv6.map(|ip| json!(ip))),
        ("cloudbuilder_names", Some(json!(host.aliases))),
        ("cloudbuilder_private_ip", host.private.map(|ip| json!(ip))),
        ("cloudbuilder_provider", Some(json!(host.provider))),
        ("cloudbuilder_ready", Some(json!(host.recorded.ready))),
        ("cloudbuilder_region", text(server::REGION)),
        ("cloudbuilder_size", text(server::SIZE)),
        // Not `ansible_user`, which would win over `-u` and over variables of groups.
        ("cloudbuilder_user", host.user().map(Json::from)),
    ];
    let known = variables.into_iter();
    known
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<Map<_, _>>()
        .into()
}

/// A name that Ansible takes for a group: letters, digits and `_`, no digit at its beginning.
/// Anything else it warns of and means to refuse.
fn group(what: &str, name: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{what}_{}", name.chars().map(valid).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_names_that_ansible_takes() {
        assert_eq!(group("region", "nyc3"), "region_nyc3");
        assert_eq!(group("account", "os-1.Köln"), "account_os_1_K_ln");
    }
}
