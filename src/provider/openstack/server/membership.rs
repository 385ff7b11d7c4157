//! Which firewalls a server is behind: the security groups that its ports are in, which are the same
//! for all of them. Nova tells only their names, and a name may be given twice.
//!
//! A server may be in groups besides, that its settings name. These matter when it is made and never
//! after, so their ids are in its metadata from then on and they are left out here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::model::Attributes;
use crate::provider::openstack::client::{ReadClient, Service, WriteClient, query};
use crate::provider::openstack::groups;
use crate::provider::openstack::placement::{self, Settings};
use crate::provider::openstack::wire::neutron::{
    Group, Guard, GuardRequest, GuardedPort, GuardedPorts,
};
use crate::provider::openstack::wire::nova::{MetadataRequest, Server};
use crate::provider::{Class, Error, Scope, Target};
use crate::resource::firewall;
use crate::resource::server::{FIREWALLS, KIND, SETTINGS};

use super::{SERVERS, SINGLY, refused};

/// The metadata that hold the ids of the groups that its settings name, as many as fit into each.
const BESIDES: [&str; 3] = [
    "cloudbuilder_security_groups",
    "cloudbuilder_security_groups_2",
    "cloudbuilder_security_groups_3",
];
/// Of ids of 36 characters, in 255.
const IN_EACH: usize = 6;

/// Whether firewalls matter to who lists servers: it takes more requests to see them.
pub(super) fn concerns(scope: Scope<'_>) -> bool {
    let mut desired = scope.desired.iter();
    let mut recorded = scope.recorded_of(KIND.name);
    desired.any(|desired| desired.attributes.contains_key(FIREWALLS))
        || recorded.any(|recorded| recorded.attributes.contains_key(FIREWALLS))
        || scope.recorded_of(firewall::KIND.name).next().is_some()
}

/// The same of who looks at these.
pub(super) fn concerns_any(targets: &[Target<'_>]) -> bool {
    let mut targets = targets.iter();
    targets.any(|target| target.attributes.contains_key(FIREWALLS))
}

/// The groups of servers.
pub(super) struct Membership {
    groups: Vec<Group>,
    ports: HashMap<String, Vec<GuardedPort>>,
}

impl Membership {
    /// Of these servers.
    pub(super) async fn of(client: &ReadClient, servers: &[Server]) -> Result<Self, Error> {
        let mut fields: Vec<(&str, &str)> = ["id", "device_id", "security_groups"]
            .map(|field| ("fields", field))
            .into();
        if servers.len() <= SINGLY {
            fields.extend(
                servers
                    .iter()
                    .map(|server| ("device_id", server.id.as_str())),
            );
        }
        let mut ports: HashMap<String, Vec<GuardedPort>> = HashMap::new();
        if !servers.is_empty() {
            for port in ports_at(client, &fields).await? {
                ports.entry(port.device_id.clone()).or_default().push(port);
            }
        }
        Ok(Self {
            groups: groups::own_names(client).await?,
            ports,
        })
    }

    /// The firewalls that a server is behind, as the attribute; `None` while it has no port.
    pub(super) fn of_server(&self, server: &Server) -> Option<Json> {
        let ports = self.ports.get(&server.id)?;
        let besides = besides(server);
        let of_port = |port: &GuardedPort| -> BTreeSet<String> {
            port.security_groups.difference(&besides).cloned().collect()
        };
        let all: Vec<BTreeSet<String>> = ports.iter().map(of_port).collect();
        let union: BTreeSet<&String> = all.iter().flatten().collect();
        let is_default = |id: &&&String| default(&self.groups).as_ref() == Some(**id);
        if besides.is_empty()
            && all.iter().all(|ids| ids.len() == 1)
            && union.iter().all(|id| is_default(&id))
        {
            return Some(Json::Object(Map::new()));
        }
        let mut told = Map::new();
        for id in union {
            let known = self.groups.iter().find(|group| group.id == *id);
            let mut name = known.map_or_else(|| id.clone(), |group| group.name.clone());
            if told.contains_key(&name) {
                name = format!("{name} ({id})");
            }
            if !all.iter().all(|ids| ids.contains(id)) {
                name += " (on some of its networks)";
            }
            told.insert(name, id.as_str().into());
        }
        Some(told.into())
    }
}

async fn ports_at(client: &ReadClient, asked: &[(&str, &str)]) -> Result<Vec<GuardedPort>, Error> {
    let path = format!("/ports{}", query(asked));
    client
        .pages::<GuardedPorts, _>(Service::Network, &path, |port| port)
        .await
}

fn default(all: &[Group]) -> Option<String> {
    let mut all = all.iter();
    let default = all.find(|group| group.name == groups::DEFAULT);
    default.map(|group| group.id.clone())
}

/// The ids of the groups that its settings named when it was made.
fn besides(server: &Server) -> BTreeSet<String> {
    let lists = BESIDES.iter().filter_map(|key| server.metadata.get(*key));
    let ids = lists.flat_map(|list| list.split(','));
    let ids = ids.filter(|id| !id.is_empty());
    ids.map(ToOwned::to_owned).collect()
}

/// The firewalls that a server is to be behind, by their ids.
pub(super) fn wanted(attributes: &Attributes) -> BTreeSet<String> {
    let wanted = attributes.get(FIREWALLS).and_then(Json::as_object);
    let ids = wanted.into_iter().flat_map(Map::values);
    ids.filter_map(|id| Some(id.as_str()?.to_owned())).collect()
}

/// The metadata that tell of groups that its settings name, but for firewalls that it is to be
/// behind anyway.
///
/// # Errors
/// If they do not fit.
pub(super) fn metadata(
    settings: &[String],
    firewalls: &BTreeSet<String>,
) -> Result<BTreeMap<&'static str, String>, Error> {
    let ids: Vec<&str> = settings
        .iter()
        .filter(|id| !firewalls.contains(*id))
        .map(String::as_str)
        .collect();
    if ids.len() > IN_EACH * BESIDES.len() {
        let most = IN_EACH * BESIDES.len();
        let message = format!("its settings name more than {most} security groups");
        return Err(refused(message));
    }
    let lists = ids.chunks(IN_EACH).map(|some| some.join(","));
    Ok(BESIDES.into_iter().zip(lists).collect())
}

/// Puts a server behind just the firewalls that are asked for, and takes it out of all other groups
/// but those of its settings. One that is to be behind none is in what its settings say, or in what
/// every server is in that asks for nothing.
pub(super) async fn change(
    client: WriteClient<'_>,
    server: &Server,
    attributes: &Attributes,
) -> Result<(), Error> {
    let id = server.id.as_str();
    let firewalls = wanted(attributes);
    let mut besides = besides(server);
    let settings = Settings::of(attributes.get(SETTINGS))?;
    // It was made by a version that wrote nothing of it down, or a group that its settings name has
    // become a firewall of ours since.
    let is_unknown = besides.is_empty() && !settings.security_groups.is_empty();
    if is_unknown || !besides.is_disjoint(&firewalls) {
        if is_unknown {
            besides.extend(placement::security_groups(client.0, &settings).await?);
        }
        let groups: Vec<String> = besides.iter().cloned().collect();
        let metadata = metadata(&groups, &firewalls)?;
        let known = BESIDES
            .into_iter()
            .filter(|key| metadata.contains_key(key) || server.metadata.contains_key(*key));
        let text = |key| (key, metadata.get(key).map_or("", String::as_str));
        let body = MetadataRequest {
            metadata: known.map(text).collect(),
        };
        if !body.metadata.is_empty() {
            let path = format!("{SERVERS}/{id}/metadata");
            client
                .ensure(Method::POST, Service::Compute, &path, &body)
                .await?;
        }
    }
    let mut wanted: BTreeSet<String> = firewalls.union(&besides).cloned().collect();
    if wanted.is_empty() {
        let all = groups::own_names(client.0).await?;
        wanted.extend(default(&all));
    }
    let fields = ["id", "device_id", "security_groups"].map(|field| ("fields", field));
    let asked: Vec<(&str, &str)> = fields.into_iter().chain([("device_id", id)]).collect();
    let ports = ports_at(client.0, &asked).await?;
    if ports.is_empty() {
        let message = "it has no port yet";
        return Err(Error::new(
            Class::Busy,
            format!("GET {SERVERS}/{id}"),
            message,
        ));
    }
    // A service that knows no such filter shows all.
    let its = ports.iter().filter(|port| port.device_id == id);
    for port in its.filter(|port| port.security_groups != wanted) {
        let path = format!("/ports/{}", port.id);
        let body = GuardRequest {
            port: Guard {
                security_groups: &wanted,
            },
        };
        let put: Result<IgnoredAny, Error> = client
            .send_once(Method::PUT, Service::Network, &path, &body)
            .await;
        put.map_err(|error| {
            // "Port Security must be enabled and port must have an IP address in order to use
            // Security Groups", which does not pass.
            let is_open = error.message.to_ascii_lowercase().contains("port security");
            match is_open {
                true => Class::Rejected.of(error),
                false => error,
            }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn membership(of_ports: &[&[&str]]) -> Membership {
        let group = |(id, name): (&str, &str)| Group {
            id: id.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            project_id: None,
            rules: Vec::new(),
        };
        let port = |groups: &&[&str]| GuardedPort {
            id: "p".to_owned(),
            device_id: "s".to_owned(),
            security_groups: groups.iter().map(ToString::to_string).collect(),
        };
        let groups = [("d", "default"), ("w", "web"), ("x", "web"), ("o", "own")];
        Membership {
            groups: groups.map(group).into(),
            ports: [("s".to_owned(), of_ports.iter().map(port).collect())].into(),
        }
    }

    fn server(besides: &str) -> Server {
        let mut server = json!({"id": "s", "name": "s", "status": "ACTIVE"});
        if !besides.is_empty() {
            server["metadata"] = json!({BESIDES[0]: besides});
        }
        serde_json::from_value(server).unwrap()
    }

    #[test]
    fn a_server_is_behind_what_all_its_ports_are_in() {
        for (ports, besides, told) in [
            (&[&["w"][..], &["w"]][..], "", json!({"web": "w"})),
            (&[&["w", "o"]], "o", json!({"web": "w"})),
            (&[&["w", "d"]], "", json!({"web": "w", "default": "d"})),
            // What everything is in that asks for nothing, and for what its settings say.
            (&[&["d"], &["d"]], "", json!({})),
            (&[&["o"]], "o", json!({})),
            (&[&["o", "d"]], "o", json!({"default": "d"})),
            (
                &[&["w"], &["d"]],
                "",
                json!({"web (on some of its networks)": "w", "default (on some of its networks)": "d"}),
            ),
            // Two of one name, and one that nobody shows.
            (&[&["w", "x"]], "", json!({"web": "w", "web (x)": "x"})),
            (&[&["z"]], "", json!({"z": "z"})),
        ] {
            let seen = membership(ports).of_server(&server(besides));
            assert_eq!(seen, Some(told), "{ports:?}");
        }
        let mut other = server("");
        other.id = "t".to_owned();
        assert_eq!(membership(&[&["w"]]).of_server(&other), None);
    }

    #[test]
    fn what_its_settings_name_is_written_down_as_far_as_it_is_no_firewall() {
        let ids: Vec<String> = (0..8).map(|n| format!("{n:036}")).collect();
        let told = metadata(&ids, &[ids[2].clone()].into()).unwrap();
        let mut known = server("");
        known.metadata = told
            .iter()
            .map(|(key, ids)| ((*key).to_owned(), ids.clone()))
            .collect();
        assert!(known.metadata.values().all(|text| text.len() <= 255));
        let expected = ids.iter().filter(|id| **id != ids[2]).cloned();
        assert_eq!(besides(&known), expected.collect());
        let many = vec!["x".to_owned(); 19];
        assert!(metadata(&many, &BTreeSet::new()).is_err());
    }
}
