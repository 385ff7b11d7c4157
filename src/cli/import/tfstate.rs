//! Which resources a Terraform or OpenTofu state holds, in format 4 as both write it. No more is
//! read of it than ids and what they belong to: a state may hold secrets, and none of it is quoted.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::inventory::{Id, Ids, Inventory, LeftOut};
use crate::cli::failure::Failure;
use crate::model::{Diagnostic, escape};
use crate::resource::{domain, firewall, record, reserved_ip, server, ssh_key, volume, vpc};

/// What puts one thing on another, and has an id of its own that means nothing.
const ATTACHMENT: &str = "digitalocean_volume_attachment";
const ASSIGNMENT: &str = "digitalocean_reserved_ip_assignment";
const OLD_ASSIGNMENT: &str = "digitalocean_floating_ip_assignment";
/// The one version of the format.
const VERSION: u64 = 4;

/// What such a file holds.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// What can be taken over.
    pub(super) claims: Vec<Claim>,
    /// What says that one of these is on a server, and is nothing by itself.
    pub(super) attachments: Vec<Attachment>,
    /// What cannot: what the file calls it, and why, as a clause.
    pub(super) others: Vec<(String, String)>,
}

/// A resource that the file knows by its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What the file calls it: `module.a.digitalocean_droplet.web[0]`.
    pub(super) label: String,
    /// What it is called in it, in a word: `web-0`.
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) id: String,
    /// The fingerprint of a key.
    pub(super) fingerprint: Option<String>,
}

/// That something is on a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attachment {
    label: String,
    kind: &'static str,
    id: String,
    server: String,
}

/// What a resource of the file is to us.
enum Known {
    /// A thing of that kind, with that id.
    Thing(&'static str, String),
    /// Something of that kind and that id is on the server with this one.
    Attached(&'static str, String, String),
}

#[derive(Deserialize)]
struct File {
    version: Option<u64>,
    encrypted_data: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    module: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    resource_type: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    index_key: Option<Json>,
    deposed: Option<String>,
    attributes: Option<Attributes>,
}

/// No attribute is read but these.
#[derive(Deserialize)]
struct Attributes {
    id: Option<Json>,
    fingerprint: Option<Json>,
    volume_id: Option<Json>,
    ip_address: Option<Json>,
    droplet_id: Option<Json>,
}

/// Reads such a file, which is called `name`.
///
/// # Errors
/// If it is none, or one of another version.
pub(super) fn read(name: &str, text: &[u8]) -> Result<Foreign, Diagnostic> {
    let refused = |problem: &str| Failure::error(format!("{name} {problem}"));
    let pull = "`terraform state pull` or `tofu state pull` prints the state as it is read here";
    let file: File = serde_json::from_slice(text).map_err(|error| {
        // The message itself may hold a value of the file.
        let (line, column) = (error.line(), error.column());
        refused("is no Terraform state")
            .detail(format!(
                "line {line}, column {column} is not as it should be"
            ))
            .hint(pull)
    })?;
    match file.version {
        Some(VERSION) => {}
        None if file.encrypted_data.is_some() => {
            return Err(refused("is encrypted").hint(pull));
        }
        Some(other) => {
            return Err(refused("is of a version that is not read here")
                .detail(format!("it is {other}, not {VERSION}"))
                .hint("open it with a Terraform from 0.12 on, or with OpenTofu"));
        }
        None => {
            return Err(refused("is no Terraform state")
                .detail("it has no `version`")
                .hint(pull));
        }
    }
    let mut foreign = Foreign::default();
    for resource in &file.resources {
        if resource.instances.is_empty() {
            let why = "without instances".to_owned();
            foreign.others.push((resource.label(), why));
        }
        for instance in &resource.instances {
            let label = resource.label_of(instance);
            match resource.known(instance) {
                Ok(Known::Thing(kind, id)) => foreign.claims.push(Claim {
                    label,
                    name: resource.name_of(instance),
                    kind,
                    id,
                    fingerprint: instance.fingerprint(),
                }),
                Ok(Known::Attached(kind, id, server)) => foreign.attachments.push(Attachment {
                    label,
                    kind,
                    id,
                    server,
                }),
                Err(why) => foreign.others.push((label, why.to_owned())),
            }
        }
    }
    Ok(foreign)
}

impl Foreign {
    /// The kinds and ids of what can be taken over.
    pub(super) fn meant(&self) -> Ids {
        let claims = self.claims.iter();
        claims.map(|claim| (claim.kind, claim.id.clone())).collect()
    }

    /// What the file calls them.
    pub(super) fn called(&self) -> HashMap<Id, String> {
        let claims = self.claims.iter();
        claims
            .map(|claim| ((claim.kind, claim.id.clone()), claim.name.clone()))
            .collect()
    }

    /// What of the file was not taken, each as the file calls it. `key` is the fingerprint of the
    /// user's own key, the one that cloud.json has.
    pub(super) fn left_out(&self, inventory: &Inventory, key: Option<&str>) -> Vec<LeftOut> {
        let is_taken = |claim: &Claim| {
            let mut taken = inventory.ids.iter();
            taken.any(|(address, id)| address.kind() == claim.kind && *id == claim.id)
        };
        let why = |claim: &Claim| {
            let it = (claim.kind, claim.id.clone());
            let known = inventory.left_out.iter().find(|one| one.what.contains(&it));
            known.map_or_else(
                || format!("the account has none with the id {}", escape(&claim.id)),
                |one| one.why.clone(),
            )
        };
        let left_out = |label: &str, why: String| LeftOut {
            what: Vec::new(),
            label: label.to_owned(),
            why,
        };
        let claims = self.claims.iter().filter_map(|claim| {
            if claim.kind == ssh_key::KIND.name {
                let is_ours = key.is_some() && claim.fingerprint.as_deref() == key;
                let why = "not the key of security.json, the one that cloud.json has";
                return (!is_ours).then(|| left_out(&claim.label, why.to_owned()));
            }
            (!is_taken(claim)).then(|| left_out(&claim.label, why(claim)))
        });
        let attachments = self.attachments.iter().filter_map(|attachment| {
            let why = attachment.why_not(inventory)?;
            Some(left_out(&attachment.label, why))
        });
        let others = self.others.iter();
        let others = others.map(|(label, why)| left_out(label, why.clone()));
        claims.chain(attachments).chain(others).collect()
    }
}

impl Attachment {
    /// Why cloud.json does not say so, as a clause.
    fn why_not(&self, inventory: &Inventory) -> Option<String> {
        let name = |kind: &str, id: &str| {
            let mut taken = inventory.ids.iter();
            let taken = taken.find(|(address, known)| address.kind() == kind && *known == id);
            taken.map(|(address, _)| address.name().to_owned())
        };
        let Some(what) = name(self.kind, &self.id) else {
            return Some("what it puts on a server is not taken over".to_owned());
        };
        let Some(server) = name(server::KIND.name, &self.server) else {
            return Some("its server is not taken over".to_owned());
        };
        let mut servers = inventory.draft.servers.iter();
        let draft = servers.find(|draft| draft.name == server)?;
        let is_on_it = match self.kind {
            kind if kind == volume::KIND.name => draft.volumes.contains(&what),
            _ => draft.reserved_ip.as_deref() == Some(&what),
        };
        (!is_on_it).then(|| format!("{what} is not on {server} in the account"))
    }
}

impl Resource {
    fn label(&self) -> String {
        let module = self.module.as_deref().map(|module| format!("{module}."));
        let data = if self.mode == "data" { "data." } else { "" };
        let label = format!(
            "{}{data}{}.{}",
            module.unwrap_or_default(),
            self.resource_type,
            self.name
        );
        escape(&label).into_owned()
    }

    fn label_of(&self, instance: &Instance) -> String {
        let label = self.label();
        match &instance.index_key {
            // As it is written in a configuration: a number, or a text in quotes.
            Some(key) => format!("{label}[{}]", escape(&key.to_string())),
            None => label,
        }
    }

    /// A name for what has none in the account.
    fn name_of(&self, instance: &Instance) -> String {
        let key = match &instance.index_key {
            Some(Json::String(key)) => Some(key.clone()),
            other => other.as_ref().map(ToString::to_string),
        };
        match key {
            // By the words that say nothing, all are called alike.
            Some(key) if matches!(self.name.as_str(), "this" | "main" | "default") => key,
            Some(key) => format!("{}-{key}", self.name),
            None => self.name.clone(),
        }
    }

    /// What it is to us; why not, if it cannot be taken over. What the attributes are called is in
    /// the schemas of the official provider (digitalocean/volume, digitalocean/reservedip).
    fn known(&self, instance: &Instance) -> Result<Known, &'static str> {
        if self.mode != "managed" {
            return Err("a data source, which manages nothing");
        }
        let kind = match self.resource_type.as_str() {
            "digitalocean_droplet" => server::KIND.name,
            "digitalocean_ssh_key" => ssh_key::KIND.name,
            "digitalocean_domain" => domain::KIND.name,
            "digitalocean_record" => record::KIND.name,
            "digitalocean_vpc" => vpc::KIND.name,
            "digitalocean_firewall" => firewall::KIND.name,
            "digitalocean_volume" | ATTACHMENT => volume::KIND.name,
            "digitalocean_reserved_ip" | "digitalocean_floating_ip" => reserved_ip::KIND.name,
            ASSIGNMENT | OLD_ASSIGNMENT => reserved_ip::KIND.name,
            "digitalocean_project" | "digitalocean_project_resources" => {
                return Err("cloud.json has no projects; what is in one stays in it");
            }
            "digitalocean_tag" => {
                return Err("cloud.json names tags at what carries them");
            }
            _ => return Err("no kind of resource that cloud.json has"),
        };
        if instance.deposed.as_ref().is_some_and(|key| !key.is_empty()) {
            return Err("deposed: replaced, and yet to be destroyed");
        }
        let id = |what: fn(&Attributes) -> &Option<Json>| match instance
            .attributes
            .as_ref()
            .and_then(|all| what(all).as_ref())
        {
            Some(Json::String(id)) => Ok(id.clone()),
            Some(Json::Number(id)) => Ok(id.to_string()),
            _ => Err("without an id in the file"),
        };
        let of = match self.resource_type.as_str() {
            ATTACHMENT => id(|all| &all.volume_id)?,
            ASSIGNMENT | OLD_ASSIGNMENT => id(|all| &all.ip_address)?,
            _ => return Ok(Known::Thing(kind, id(|all| &all.id)?)),
        };
        Ok(Known::Attached(kind, of, id(|all| &all.droplet_id)?))
    }
}

impl Instance {
    fn fingerprint(&self) -> Option<String> {
        let fingerprint = self.attributes.as_ref()?.fingerprint.as_ref()?.as_str()?;
        Some(fingerprint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_such_a_file_is_refused_without_being_quoted() {
        for (text, why) in [
            ("", "is no Terraform state"),
            ("{}", "is no Terraform state"),
            (r#"{"version": 3, "modules": []}"#, "is of a version"),
            (
                r#"{"meta": {}, "encrypted_data": "aGlkZGVu", "encryption_version": "v0"}"#,
                "is encrypted",
            ),
            (
                r#"{"version": 4, "resources": "hunter2"}"#,
                "is no Terraform state",
            ),
            (
                r#"{"version": 4, "resources": [{"type": "t", "name": "n", "instances": [
                    {"attributes": "hunter2"}]}]}"#,
                "is no Terraform state",
            ),
        ] {
            let refused = read("x.tfstate", text.as_bytes()).unwrap_err();
            assert!(refused.summary.contains(why), "{text}: {refused:?}");
            assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
        }
    }

    #[test]
    fn instances_are_called_as_in_a_configuration() {
        let text = r#"{"version": 4, "resources": [
            {"module": "module.a[\"x\"]", "mode": "managed", "type": "digitalocean_droplet",
             "name": "web", "instances": [
                {"index_key": 0, "attributes": {"id": "1"}},
                {"index_key": "b", "attributes": {"id": 2}},
                {"deposed": "0a1b2c3d", "attributes": {"id": "3"}},
                {"attributes": null}]},
            {"mode": "data", "type": "digitalocean_domain", "name": "d", "instances": [
                {"attributes": {"id": "acme.com"}}]}]}"#;
        let foreign = read("x.tfstate", text.as_bytes()).unwrap();
        let claims = foreign.claims.iter();
        let claims: Vec<(&str, &str)> = claims
            .map(|claim| (claim.label.as_str(), claim.id.as_str()))
            .collect();
        let web = "module.a[\"x\"].digitalocean_droplet.web";
        let (first, second) = (format!("{web}[0]"), format!("{web}[\"b\"]"));
        assert_eq!(claims, [(first.as_str(), "1"), (second.as_str(), "2")]);
        let others = foreign.others.iter();
        let others: Vec<&str> = others.map(|(label, _)| label.as_str()).collect();
        assert_eq!(others, [web, web, "data.digitalocean_domain.d"]);
    }

    #[test]
    fn what_only_attaches_is_nothing_by_itself_and_instances_have_names() {
        let text = r#"{"version": 4, "resources": [
            {"mode": "managed", "type": "digitalocean_reserved_ip", "name": "public", "instances": [
                {"index_key": 0, "attributes": {"id": "192.0.2.1"}},
                {"index_key": "www", "attributes": {"id": "192.0.2.2"}}]},
            {"mode": "managed", "type": "digitalocean_floating_ip", "name": "this", "instances": [
                {"index_key": "old", "attributes": {"id": "192.0.2.3"}}]},
            {"mode": "managed", "type": "digitalocean_volume", "name": "this", "instances": [
                {"attributes": {"id": "v-1"}}]},
            {"mode": "managed", "type": "digitalocean_volume_attachment", "name": "a", "instances": [
                {"attributes": {"id": "7-v-1-x", "droplet_id": 7, "volume_id": "v-1"}},
                {"attributes": {"id": "7-v-2-x", "droplet_id": 7}}]},
            {"mode": "managed", "type": "digitalocean_reserved_ip_assignment", "name": "b",
             "instances": [
                {"attributes": {"id": "7-192.0.2.1-x", "droplet_id": 7, "ip_address": "192.0.2.1"}}]}
            ]}"#;
        let foreign = read("x.tfstate", text.as_bytes()).unwrap();
        let named = foreign.claims.iter();
        let named: Vec<(&str, &str)> = named
            .map(|claim| (claim.name.as_str(), claim.id.as_str()))
            .collect();
        let expected = [
            ("public-0", "192.0.2.1"),
            ("public-www", "192.0.2.2"),
            ("old", "192.0.2.3"),
            ("this", "v-1"),
        ];
        assert_eq!(named, expected);
        let attached = foreign.attachments.iter();
        let attached: Vec<(&str, &str, &str)> = attached
            .map(|one| (one.kind, one.id.as_str(), one.server.as_str()))
            .collect();
        let expected = [
            (volume::KIND.name, "v-1", "7"),
            (reserved_ip::KIND.name, "192.0.2.1", "7"),
        ];
        assert_eq!(attached, expected);
        let [(label, why)] = foreign.others.as_slice() else {
            panic!("{:?}", foreign.others);
        };
        assert_eq!(label, "digitalocean_volume_attachment.a");
        assert_eq!(why, "without an id in the file");
    }
}
