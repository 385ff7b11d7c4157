//! Where a server is put: the networks and security groups it is on, and where its floating IP
//! comes from. Names become ids here.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::{Network as Choice, nearest};
use crate::provider::{Class, Error};
use crate::resource::server::SETTINGS;

use super::client::{ReadClient, Service, query};
use super::profile::FixedNetwork;
use super::wire::neutron::{
    Network, Networks, RouterPorts, SecurityGroup, SecurityGroups, Subnet, Subnets,
};

/// The owners of the ports by which a router is on a network.
const ROUTERS: [&str; 3] = [
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
];

/// A server's settings that only OpenStack has.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// Names or ids.
    pub(super) networks: Vec<String>,
    /// Names or ids.
    pub(super) security_groups: Vec<String>,
    /// The name or the id of the network that floating IPs are taken from.
    pub(super) floating_ip_from: Option<String>,
    /// The name of the network whose addresses are public.
    pub(super) public_network: Option<String>,
}

impl Settings {
    /// From the attribute.
    ///
    /// # Errors
    /// If it is none of ours.
    pub(super) fn of(attribute: Option<&Json>) -> Result<Self, Error> {
        match attribute {
            None | Some(Json::Null) => Ok(Self::default()),
            Some(settings) => Self::deserialize(settings).map_err(|error| {
                let message = format!("its `{SETTINGS}` cannot be used: {error}");
                Error::new(Class::Rejected, "request", message)
            }),
        }
    }
}

/// Where a server is put.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placement {
    pub(super) networks: Vec<Net>,
    /// Ids.
    pub(super) security_groups: Vec<String>,
    pub(super) floating_ip_from: Option<Net>,
    pub(super) public_network: Option<String>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Net {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_external: bool,
}

impl From<&Network> for Net {
    fn from(network: &Network) -> Self {
        Self {
            id: network.id.clone(),
            name: network.name.clone(),
            is_external: network.is_external,
        }
    }
}

/// What is wrong with it: what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) hint: String,
}

/// The networks that there are. Where there is no Neutron to ask, those that every account has.
pub(super) async fn networks(client: &ReadClient) -> Result<&[Network], Error> {
    let ask = || async {
        if client.profile().has_network_service {
            let path = "/networks";
            client
                .pages::<Networks, _>(Service::Network, path, |network| network)
                .await
        } else {
            let fixed = client.profile().fixed_networks.iter();
            Ok(fixed
                .map(|network| Network {
                    id: network.id.to_owned(),
                    name: network.name.to_owned(),
                    is_external: network.is_public,
                    is_shared: true,
                    project_id: None,
                })
                .collect())
        }
    };
    let all = client.networks.get_or_try_init(ask).await?;
    Ok(all)
}

/// The networks that a server could be on or have a floating IP from, each name once.
pub(super) async fn choices(client: &ReadClient) -> Result<Vec<Choice>, Error> {
    let networks = networks(client).await?;
    if !client.profile().has_network_service {
        return Ok(Vec::new());
    }
    let grant = client.grant().await?;
    let project = grant.project.0.as_str();
    let mut choices: Vec<Choice> = networks
        .iter()
        .map(|network| Choice {
            name: network.name.clone(),
            takes_servers: takes_servers(network, project),
            is_external: network.is_external,
        })
        .collect();
    choices.sort_by(|a, b| a.name.cmp(&b.name));
    choices.dedup_by(|a, b| a.name == b.name);
    Ok(choices)
}

async fn groups(client: &ReadClient) -> Result<&[SecurityGroup], Error> {
    let ask = || async {
        if !client.profile().has_network_service {
            return Ok(Vec::new());
        }
        let path = "/security-groups?fields=id&fields=name&fields=project_id";
        client
            .pages::<SecurityGroups, _>(Service::Network, path, |group| group)
            .await
    };
    let all = client.groups.get_or_try_init(ask).await?;
    Ok(all)
}

/// The ids of the security groups that settings name.
pub(super) async fn security_groups(
    client: &ReadClient,
    settings: &Settings,
) -> Result<Vec<String>, Error> {
    let grant = client.grant().await?;
    let named = of_groups(groups(client).await?, &grant.project.0);
    let wanted = settings.security_groups.iter();
    let ids = wanted.map(|wanted| pick("security group", wanted, &named).map(ToOwned::to_owned));
    ids.collect::<Result<_, Trouble>>().map_err(|trouble| {
        let message = format!("{}: {}", trouble.what, trouble.hint);
        Error::new(Class::Rejected, "request", message)
    })
}

fn of_groups<'g>(groups: &'g [SecurityGroup], project: &str) -> Vec<Named<'g>> {
    let named = groups.iter().map(|group| Named {
        id: &group.id,
        name: &group.name,
        is_own: group.project_id.as_deref() == Some(project),
    });
    named.collect()
}

/// The subnets that servers get addresses from.
pub(super) async fn subnets(client: &ReadClient) -> Result<&[Subnet], Error> {
    let ask = || async {
        if !client.profile().has_network_service {
            return Ok(fixed_subnets(client.profile().fixed_networks));
        }
        let fields = ["network_id", "ip_version", "cidr", "gateway_ip"];
        let path = format!("/subnets{}", query(&fields.map(|field| ("fields", field))));
        client
            .pages::<Subnets, _>(Service::Network, &path, |subnet| subnet)
            .await
    };
    let all = client.subnets.get_or_try_init(ask).await?;
    Ok(all)
}

/// Networks that every account has do not tell their subnets; the public ones have both families.
fn fixed_subnets(networks: &[FixedNetwork]) -> Vec<Subnet> {
    let of_network = |network: &FixedNetwork| {
        let versions = if network.is_public {
            &[4, 6][..]
        } else {
            &[4][..]
        };
        let id = network.id.to_owned();
        versions.iter().map(move |&ip_version| Subnet {
            network_id: id.clone(),
            ip_version,
            cidr: None,
            gateway_ip: None,
        })
    };
    networks.iter().flat_map(of_network).collect()
}

/// Where a server with these settings is put, or what stands against it.
pub(super) async fn place(
    client: &ReadClient,
    settings: &Settings,
) -> Result<Result<Placement, Vec<Trouble>>, Error> {
    let networks = networks(client).await?;
    let groups = match settings.security_groups.is_empty() {
        true => &[],
        false => groups(client).await?,
    };
    if !client.profile().has_network_service {
        return Ok(everywhere(settings, networks));
    }
    let grant = client.grant().await?;
    let project = grant.project.0.as_str();
    Ok(choose(settings, networks, groups, project))
}

/// Where there is nothing to choose, a server is on all networks that every account has.
fn everywhere(settings: &Settings, networks: &[Network]) -> Result<Placement, Vec<Trouble>> {
    if *settings != Settings::default() {
        return Err(vec![Trouble {
            what: "there are no networks, security groups or floating IPs to choose here"
                .to_owned(),
            hint: "take the block `openstack` out".to_owned(),
        }]);
    }
    Ok(Placement {
        networks: networks.iter().map(Net::from).collect(),
        security_groups: Vec::new(),
        floating_ip_from: None,
        public_network: None,
    })
}

fn choose(
    settings: &Settings,
    networks: &[Network],
    groups: &[SecurityGroup],
    project: &str,
) -> Result<Placement, Vec<Trouble>> {
    let mut troubles = Vec::new();
    let named = of_networks(networks, project);
    let net = |id: &str| {
        let network = networks.iter().find(|network| network.id == id)?;
        Some(Net::from(network))
    };
    let mut chosen = Vec::new();
    for wanted in &settings.networks {
        match pick("network", wanted, &named) {
            Ok(id) => chosen.extend(net(id)),
            Err(trouble) => troubles.push(trouble),
        }
    }
    if settings.networks.is_empty() {
        match only(networks, project) {
            Ok(id) => chosen.extend(net(id)),
            Err(trouble) => troubles.push(trouble),
        }
    }
    let of_groups = of_groups(groups, project);
    let mut ids = Vec::new();
    for wanted in &settings.security_groups {
        match pick("security group", wanted, &of_groups) {
            Ok(id) => ids.push(id.to_owned()),
            Err(trouble) => troubles.push(trouble),
        }
    }
    let mut pool = None;
    if let Some(wanted) = &settings.floating_ip_from {
        match external(wanted, networks, project) {
            Ok(network) => pool = Some(network.into()),
            Err(trouble) => troubles.push(trouble),
        }
    }
    let public_network = settings.public_network.as_deref().and_then(|wanted| {
        let found = pick("network", wanted, &named).map(net);
        match found {
            Ok(found) => found.map(|network| network.name),
            Err(trouble) => {
                troubles.push(trouble);
                None
            }
        }
    });
    // Nova tells an address by its network's name alone.
    let of_name = |name: &String| chosen.iter().filter(|net: &&Net| net.name == *name).count();
    if let Some(name) = public_network.as_ref().filter(|name| of_name(name) > 1) {
        troubles.push(Trouble {
            what: format!("it is put on two networks called {name}, and one of them is public"),
            hint: "put it on one of them, or give one another name".to_owned(),
        });
    }
    if !troubles.is_empty() {
        return Err(troubles);
    }
    Ok(Placement {
        networks: chosen,
        security_groups: ids,
        floating_ip_from: pool,
        public_network,
    })
}

/// The network that floating IPs are taken from: the one of that name or id, or the only one that
/// they can come from.
pub(super) async fn pool(
    client: &ReadClient,
    named: Option<&str>,
) -> Result<Result<Net, Trouble>, Error> {
    let networks = networks(client).await?;
    let grant = client.grant().await?;
    let found = match named {
        Some(named) => external(named, networks, &grant.project.0),
        None => only_external(networks),
    };
    Ok(found.map(Net::from))
}

/// The ids of the networks that belong to the account.
pub(super) async fn own(client: &ReadClient) -> Result<BTreeSet<&str>, Error> {
    let grant = client.grant().await?;
    let all = networks(client).await?.iter();
    let own = all.filter(|one| one.project_id.as_deref() == Some(grant.project.0.as_str()));
    Ok(own.map(|network| network.id.as_str()).collect())
}

/// The ids of the networks that a router is on, as far as that can be seen; `None` if nothing can.
pub(super) async fn routed(client: &ReadClient) -> Result<Option<BTreeSet<String>>, Error> {
    let asked = ROUTERS.map(|owner| ("device_owner", owner));
    let fields = ["id", "network_id", "device_owner"].map(|field| ("fields", field));
    let asked: Vec<_> = asked.into_iter().chain(fields).collect();
    let path = format!("/ports{}", query(&asked));
    let ports = client
        .pages::<RouterPorts, _>(Service::Network, &path, |port| port)
        .await;
    match ports {
        // A service that knows no such filter shows all.
        Ok(ports) => Ok(Some(
            ports
                .into_iter()
                .filter(|port| ROUTERS.contains(&port.device_owner.as_str()))
                .map(|port| port.network_id)
                .collect(),
        )),
        Err(error) if error.status == Some(403) => Ok(None),
        Err(error) => Err(error),
    }
}

fn external<'n>(
    wanted: &str,
    networks: &'n [Network],
    project: &str,
) -> Result<&'n Network, Trouble> {
    let id = pick("network", wanted, &of_networks(networks, project))?;
    let mut found = networks.iter().filter(|network| network.id == id);
    let found = found.find(|network| network.is_external);
    found.ok_or_else(|| Trouble {
        what: format!("floating IPs cannot come from the network {wanted}"),
        hint: format!(
            "give `floating_ip_from` a network that leads outside{}",
            names(networks.iter().filter(|network| network.is_external))
        ),
    })
}

fn only_external(networks: &[Network]) -> Result<&Network, Trouble> {
    let all = || networks.iter().filter(|network| network.is_external);
    let mut candidates = all();
    match (candidates.next(), candidates.next()) {
        (Some(network), None) => Ok(network),
        (None, _) => Err(Trouble {
            what: "there is no network to take it from".to_owned(),
            hint: "floating IPs come from a network that leads outside, which the cloud's \
                   administrators make"
                .to_owned(),
        }),
        (Some(_), Some(_)) => Err(Trouble {
            what: "there are several networks to take it from".to_owned(),
            hint: format!(
                "say which with `floating_ip_from` among the settings of the account{}",
                names(all())
            ),
        }),
    }
}

fn of_networks<'n>(networks: &'n [Network], project: &str) -> Vec<Named<'n>> {
    let named = networks.iter().map(|network| Named {
        id: &network.id,
        name: &network.name,
        is_own: network.project_id.as_deref() == Some(project),
    });
    named.collect()
}

/// Whether servers of a project can be on it: from other external networks one can only have
/// floating IPs.
fn takes_servers(network: &Network, project: &str) -> bool {
    let is_own = network.project_id.as_deref() == Some(project);
    !network.is_external || network.is_shared || is_own
}

/// The network of a server that asks for none: the only one it could be on.
fn only<'a>(networks: &'a [Network], project: &str) -> Result<&'a str, Trouble> {
    let usable = || {
        networks
            .iter()
            .filter(|network| takes_servers(network, project))
    };
    let mut candidates = usable();
    match (candidates.next(), candidates.next()) {
        (Some(network), None) => Ok(&network.id),
        (None, _) => Err(Trouble {
            what: "there is no network to put a server on".to_owned(),
            hint: "make a network with a subnet, and a router if servers are to be reached"
                .to_owned(),
        }),
        (Some(_), Some(_)) => Err(Trouble {
            what: "there are several networks to put a server on".to_owned(),
            hint: format!("say which with `networks`{}", names(usable())),
        }),
    }
}

fn names<'a>(networks: impl Iterator<Item = &'a Network>) -> String {
    let mut names: Vec<&str> = networks.map(|network| network.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => String::new(),
        names => format!("; there is: {}", names.join(", ")),
    }
}

/// Something with a name, which need not be the only one.
struct Named<'a> {
    id: &'a str,
    name: &'a str,
    is_own: bool,
}

/// The id of what is meant by a name or an id. Of several with a name the project's own counts.
fn pick<'a>(what: &str, wanted: &str, all: &[Named<'a>]) -> Result<&'a str, Trouble> {
    if let Some(found) = all.iter().find(|one| one.id == wanted) {
        return Ok(found.id);
    }
    let named: Vec<&Named<'_>> = all.iter().filter(|one| one.name == wanted).collect();
    let own: Vec<&&Named<'_>> = named.iter().filter(|one| one.is_own).collect();
    match (named.as_slice(), own.as_slice()) {
        ([one], _) => Ok(one.id),
        (_, [one]) => Ok(one.id),
        ([], _) => {
            let names = all.iter().map(|one| one.name);
            let mut listed: Vec<&str> = names.clone().collect();
            listed.sort_unstable();
            listed.dedup();
            let hint = match (nearest(wanted, names), listed.as_slice()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, []) => format!("there is no {what} at all"),
                (None, listed) => format!("there is: {}", listed.join(", ")),
            };
            Err(Trouble {
                what: format!("there is no {what} {wanted}"),
                hint,
            })
        }
        (several, _) => {
            let ids: Vec<&str> = several.iter().map(|one| one.id).collect();
            Err(Trouble {
                what: format!("there are {} of the {what} {wanted}", ids.len()),
                hint: format!("name it by its id: {}", ids.join(", ")),
            })
        }
    }
}

/// The names of networks that lead outside by themselves. A server's addresses are listed under the
/// name of their network, and a name may belong to several: to be sure that one leads outside, all
/// of that name must.
pub(super) fn names_outside(networks: &[Network]) -> BTreeSet<String> {
    let names_of = |is_external: bool| {
        let of_sort = networks
            .iter()
            .filter(move |network| network.is_external == is_external);
        of_sort.map(|network| network.name.as_str())
    };
    let inside: BTreeSet<&str> = names_of(false).collect();
    let outside = names_of(true).filter(|name| !inside.contains(name));
    outside.map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str, is_external: bool, is_shared: bool, project: &str) -> Network {
        Network {
            id: format!("id-{name}-{project}"),
            name: name.to_owned(),
            is_external,
            is_shared,
            project_id: Some(project.to_owned()),
        }
    }

    #[test]
    fn a_name_that_an_inner_network_has_too_is_not_public() {
        let all = [
            network("out", true, false, "me"),
            network("both", true, false, "me"),
            network("both", false, false, "me"),
        ];
        assert_eq!(names_outside(&all), ["out".to_owned()].into());
    }

    #[test]
    fn the_only_network_that_leads_outside_need_not_be_named() {
        let inner = network("inner", false, false, "me");
        let (a, b) = (
            network("a", true, false, "you"),
            network("b", true, false, "you"),
        );
        let only = |all: &[Network]| match only_external(all) {
            Ok(network) => network.name.clone(),
            Err(trouble) => format!("{}: {}", trouble.what, trouble.hint),
        };
        assert_eq!(only(&[inner.clone(), b.clone()]), "b");
        assert_eq!(
            only(&[b.clone(), inner.clone(), a.clone()]),
            "there are several networks to take it from: say which with `floating_ip_from` among \
             the settings of the account; there is: a, b"
        );
        assert!(only(std::slice::from_ref(&inner)).starts_with("there is no network to take it"));
        let named = |name: &str| match external(name, &[a.clone(), inner.clone()], "me") {
            Ok(network) => network.name.clone(),
            Err(trouble) => trouble.hint,
        };
        assert_eq!(named("a"), "a");
        assert_eq!(
            named("inner"),
            "give `floating_ip_from` a network that leads outside; there is: a"
        );
    }

    fn settings(json: &str) -> Settings {
        let json: Json = serde_json::from_str(json).unwrap();
        Settings::of(Some(&json)).unwrap()
    }

    fn chosen(text: &str, networks: &[Network]) -> String {
        let group = |name: &str, project: &str| SecurityGroup {
            id: format!("id-{name}-{project}"),
            name: name.to_owned(),
            project_id: Some(project.to_owned()),
        };
        let groups = [
            group("default", "me"),
            group("default", "you"),
            group("web", "you"),
        ];
        match choose(&settings(text), networks, &groups, "me") {
            Ok(placement) => {
                let on: Vec<&str> = placement.networks.iter().map(|n| n.id.as_str()).collect();
                let pool = placement.floating_ip_from.map(|pool| pool.id);
                format!(
                    "{} {} {pool:?} {:?}",
                    on.join("+"),
                    placement.security_groups.join("+"),
                    placement.public_network
                )
            }
            Err(troubles) => {
                let told = troubles.iter().map(|t| format!("{}: {}", t.what, t.hint));
                told.collect::<Vec<_>>().join(" | ")
            }
        }
    }

    #[test]
    fn one_name_of_two_networks_tells_nothing_of_which_is_public() {
        let all = [
            network("net", false, false, "me"),
            network("net", false, true, "you"),
        ];
        let text = r#"{"networks": ["id-net-me", "id-net-you"], "public_network": "id-net-you"}"#;
        assert!(chosen(text, &all).contains("two networks called net"));
        let text = r#"{"networks": ["id-net-you"], "public_network": "id-net-you"}"#;
        assert_eq!(chosen(text, &all), r#"id-net-you  None Some("net")"#);
    }

    #[test]
    fn names_become_ids_or_are_told_about() {
        let all = [
            network("public", true, false, "admin"),
            network("private", false, false, "me"),
            network("lan", false, true, "admin"),
            network("lan", false, true, "other"),
        ];
        for (text, expected) in [
            (
                r#"{"networks": ["private"], "security_groups": ["default"], "floating_ip_from": "public"}"#,
                r#"id-private-me id-default-me Some("id-public-admin") None"#,
            ),
            (
                r#"{"networks": ["id-lan-other", "private"], "public_network": "private"}"#,
                r#"id-lan-other+id-private-me  None Some("private")"#,
            ),
            (
                r#"{"networks": ["lan"]}"#,
                "there are 2 of the network lan: name it by its id: id-lan-admin, id-lan-other",
            ),
            (
                r#"{"networks": ["privat"], "security_groups": ["dmz"], "floating_ip_from": "private"}"#,
                "there is no network privat: did you mean private? \
                 | there is no security group dmz: there is: default, web \
                 | floating IPs cannot come from the network private: give `floating_ip_from` a \
                 network that leads outside; there is: public",
            ),
            (
                "{}",
                "there are several networks to put a server on: say which with `networks`; there \
                 is: lan, private",
            ),
        ] {
            assert_eq!(chosen(text, &all), expected);
        }
    }

    #[test]
    fn a_server_that_asks_for_no_network_is_put_on_the_only_one() {
        let foreign = network("public", true, false, "admin");
        let own = network("private", false, false, "me");
        let both = [foreign.clone(), own];
        assert_eq!(chosen("{}", &both), "id-private-me  None None");
        let shared = [network("public", true, true, "admin")];
        assert_eq!(chosen("{}", &shared), "id-public-admin  None None");
        assert!(chosen("{}", &[foreign]).starts_with("there is no network to put"));
    }

    #[test]
    fn where_there_is_nothing_to_choose_a_server_is_on_all_networks() {
        let all = [
            network("public", true, true, ""),
            network("private", false, true, ""),
        ];
        let placement = everywhere(&Settings::default(), &all).unwrap();
        let on: Vec<&str> = placement.networks.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(on, ["public", "private"]);
        let chosen = everywhere(&settings(r#"{"networks": ["public"]}"#), &all);
        assert!(chosen.unwrap_err()[0].hint.contains("`openstack`"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let wrong = serde_json::json!({"network": []});
        let said = Settings::of(Some(&wrong)).unwrap_err().to_string();
        assert!(said.contains("`network`"), "{said}");
    }
}
