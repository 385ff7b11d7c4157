//! Floating IPs: those that servers have of their own, and what reserved IPs share with them.
//!
//! That a server wants one is in its metadata from its creation on, so whoever finds the server
//! knows it, whatever became of the run that made it. The floating IP is made once the server has
//! its port, and made attached to it: Neutron refuses a second one for the same port, so that it
//! may be asked for again after every answer that was lost. It goes before its server does. So at
//! no moment is there one that nothing leads to.
//!
//! What a floating IP is, its description says: `cloudbuilder:LINEAGE/SERVER` is a server's own, and
//! `cloudbuilder:LINEAGE reserved_ip NAME` a reserved IP, which outlives its server.

use reqwest::Method;

use crate::provider::{Class, Error};

use super::client::{ReadClient, Service, WriteClient, query};
use super::placement;
use super::wire::neutron::{
    FloatingIp, FloatingIpAnswer, FloatingIpRequest, FloatingIps, NewFloatingIp, Port, Ports,
};

pub(super) const FLOATING_IPS: &str = "/floatingips";
const MARK: &str = "cloudbuilder:";
const RESERVED: &str = " reserved_ip ";
/// The longest description that Neutron takes.
const LONGEST: usize = 255;

/// What became of a floating IP that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The server has it.
    There,
    /// It cannot be made yet.
    NotYet,
    /// It was refused; why.
    Refused(String),
}

/// A server that wants one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanting<'a> {
    pub(super) server: &'a str,
    /// The id of the network it comes from.
    pub(super) pool: &'a str,
    pub(super) description: &'a str,
}

/// Whose a floating IP is, by its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose<'a> {
    /// A server's own, which a deployment made for it and which goes with it.
    Own { lineage: &'a str, server: &'a str },
    /// A deployment's reserved IP.
    Reserved { lineage: &'a str, name: &'a str },
    /// Somebody else's.
    Others,
}

impl<'a> Whose<'a> {
    pub(super) fn of(floating: &'a FloatingIp) -> Self {
        let marked = floating.description.strip_prefix(MARK).unwrap_or_default();
        let reserved = marked.split_once(RESERVED);
        let own = marked.split_once('/');
        match (reserved, own) {
            (Some((lineage, name)), _) if is_lineage(lineage) => Self::Reserved { lineage, name },
            (_, Some((lineage, server))) if is_lineage(lineage) => Self::Own { lineage, server },
            _ => Self::Others,
        }
    }

    /// Whether it is the own one of a server of this deployment.
    pub(super) fn is_own_of(self, deployment: &str) -> bool {
        matches!(self, Self::Own { lineage, .. } if lineage == deployment)
    }
}

fn is_lineage(text: &str) -> bool {
    !text.is_empty() && !text.contains([' ', '/'])
}

/// By which a server's own floating IP that we made is known.
pub(super) fn description(lineage: &str, name: &str) -> String {
    fitting(&format!("{MARK}{lineage}/{name}"))
}

/// By which a reserved IP that we made is known.
pub(super) fn reserved(lineage: &str, name: &str) -> String {
    fitting(&format!("{MARK}{lineage}{RESERVED}{name}"))
}

fn fitting(whole: &str) -> String {
    whole.chars().take(LONGEST).collect()
}

/// The account's own: an administrator sees everybody's.
pub(super) async fn all(client: &ReadClient) -> Result<Vec<FloatingIp>, Error> {
    let grant = client.grant().await?;
    let project = grant.project.0.as_str();
    listed(client, ("project_id", project), |one| {
        one.project_id.as_deref().is_none_or(|of| of == project)
    })
    .await
}

async fn described(client: &ReadClient, description: &str) -> Result<Vec<FloatingIp>, Error> {
    let filter = ("description", description);
    listed(client, filter, |one| one.description == description).await
}

/// Those that a filter lets through, and `is_meant` too: a service that knows no such filter shows
/// all.
pub(super) async fn listed(
    client: &ReadClient,
    filter: (&str, &str),
    is_meant: impl Fn(&FloatingIp) -> bool,
) -> Result<Vec<FloatingIp>, Error> {
    let path = format!("{FLOATING_IPS}{}", query(&[filter]));
    let mut all = client
        .pages::<FloatingIps, _>(Service::Network, &path, |floating| floating)
        .await?;
    all.retain(is_meant);
    Ok(all)
}

/// The ports of a server, in an order that stays: a second try must come to the same one.
pub(super) async fn ports(client: &ReadClient, server: &str) -> Result<Vec<Port>, Error> {
    let path = format!("/ports{}", query(&[("device_id", server)]));
    let mut ports = client
        .pages::<Ports, _>(Service::Network, &path, |port| port)
        .await?;
    ports.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(ports)
}

/// What is on these ports.
pub(super) async fn on_ports(
    client: &ReadClient,
    ports: &[Port],
) -> Result<Vec<FloatingIp>, Error> {
    let mut found = Vec::new();
    for port in ports {
        let is_on_it = |floating: &FloatingIp| floating.port_id.as_ref() == Some(&port.id);
        found.extend(listed(client, ("port_id", &port.id), is_on_it).await?);
    }
    Ok(found)
}

/// Those of a server's ports that a floating IP can lead to, as far as they tell: behind a router.
pub(super) async fn candidates<'p>(
    client: &ReadClient,
    ports: &'p [Port],
) -> Result<Vec<&'p Port>, Error> {
    let networks = placement::networks(client).await?;
    let leads_outside = |port: &Port| {
        let mut networks = networks.iter();
        networks.any(|network| network.id == port.network_id && network.is_external)
    };
    let has_ipv4 = |port: &Port| port.fixed_ips.iter().any(|ip| !ip.ip_address.contains(':'));
    let fit = ports
        .iter()
        .filter(|port| !leads_outside(port) && has_ipv4(port));
    Ok(fit.collect())
}

/// Gives a server the floating IP that it wants, unless it has it.
pub(super) async fn give(client: WriteClient<'_>, wanting: Wanting<'_>) -> Result<State, Error> {
    let ports = ports(client.0, wanting.server).await?;
    let ours = described(client.0, wanting.description).await?;
    let is_its = |port: Option<&str>| ports.iter().any(|its| Some(its.id.as_str()) == port);
    if ours
        .iter()
        .any(|floating| is_its(floating.port_id.as_deref()))
    {
        return Ok(State::There);
    }
    // Left behind by a server that was deleted by hand.
    let spare = ours.iter().find(|floating| {
        floating.port_id.is_none() && floating.floating_network_id == wanting.pool
    });
    let mut state = State::NotYet;
    for port in candidates(client.0, &ports).await? {
        match attach(client, wanting, spare, port).await {
            Ok(()) => return Ok(State::There),
            // Another answer to the same question was lost.
            Err(error) if error.class == Class::Exists => return Ok(State::There),
            Err(error) if matches!(error.class, Class::NotFound | Class::Rejected) => {
                state = State::Refused(error.message);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(state)
}

async fn attach(
    client: WriteClient<'_>,
    wanting: Wanting<'_>,
    spare: Option<&FloatingIp>,
    port: &Port,
) -> Result<(), Error> {
    if let Some(spare) = spare {
        return change(client, &spare.id, to_port(Some(&port.id))).await;
    }
    let body = FloatingIpRequest {
        floatingip: NewFloatingIp {
            floating_network_id: Some(wanting.pool),
            port_id: Some(Some(&port.id)),
            description: Some(wanting.description),
        },
    };
    let made: FloatingIpAnswer = client
        .send(Method::POST, Service::Network, FLOATING_IPS, &body)
        .await?;
    tracing::debug!("floating IP {}", made.floatingip.id);
    Ok(())
}

/// What has one lead to the port with that id, or to none.
pub(super) fn to_port(port: Option<&str>) -> NewFloatingIp<'_> {
    NewFloatingIp {
        port_id: Some(port),
        ..NewFloatingIp::default()
    }
}

/// Changes one that is there.
pub(super) async fn change(
    client: WriteClient<'_>,
    id: &str,
    floatingip: NewFloatingIp<'_>,
) -> Result<(), Error> {
    let path = format!("{FLOATING_IPS}/{id}");
    let body = FloatingIpRequest { floatingip };
    client
        .ensure(Method::PUT, Service::Network, &path, &body)
        .await
}

/// Takes the reserved IP of the deployment `lineage` off a server, so that there is room for one of
/// its own: what carries the mark, or has the id `known`. What anybody else put there stays.
///
/// # Errors
/// If that leaves no room; nothing is taken off then.
pub(super) async fn make_room(
    client: WriteClient<'_>,
    server: &str,
    lineage: &str,
    known: Option<&str>,
) -> Result<(), Error> {
    let ports = ports(client.0, server).await?;
    let (mut leaving, mut others) = (Vec::new(), Vec::new());
    for floating in on_ports(client.0, &ports).await? {
        match Whose::of(&floating) {
            Whose::Own { lineage: of, .. } if of == lineage => {}
            Whose::Reserved { lineage: of, .. } if of == lineage => leaving.push(floating),
            _ if known == Some(&floating.id) => leaving.push(floating),
            _ => others.push(floating),
        }
    }
    let mut in_the_way = None;
    for port in candidates(client.0, &ports).await? {
        in_the_way = others
            .iter()
            .find(|other| other.port_id.as_ref() == Some(&port.id));
        if in_the_way.is_none() {
            break;
        }
    }
    if let Some(other) = in_the_way {
        let ip = &other.floating_ip_address;
        let message = format!(
            "the floating IP {ip} is on it, which this deployment did not put there: it leaves no \
             room for one of its own"
        );
        return Err(Error {
            advice: Some("take that off the server in the account, then run it again"),
            ..Error::new(Class::Rejected, format!("POST {FLOATING_IPS}"), message)
        });
    }
    for floating in leaving {
        change(client, &floating.id, to_port(None)).await?;
    }
    Ok(())
}

/// The only one on a server that is no deployment's; `None` also if there are several.
pub(super) async fn only_unmarked(
    client: &ReadClient,
    server: &str,
) -> Result<Option<FloatingIp>, Error> {
    let ports = ports(client, server).await?;
    let mut all = on_ports(client, &ports).await?;
    all.retain(|floating| Whose::of(floating) == Whose::Others);
    Ok(all.pop().filter(|_| all.is_empty()))
}

/// What the deployment `lineage` made for a server: what is on its ports, whatever it is called by
/// now, and what nobody has any more and was for one called `name`.
pub(super) async fn own(
    client: &ReadClient,
    ports: &[Port],
    lineage: &str,
    name: Option<&str>,
) -> Result<Vec<FloatingIp>, Error> {
    let mut own = on_ports(client, ports).await?;
    own.retain(|floating| Whose::of(floating).is_own_of(lineage));
    if let Some(name) = name {
        let mut strays = described(client, &description(lineage, name)).await?;
        strays.retain(|floating| floating.port_id.is_none());
        own.extend(strays);
    }
    Ok(own)
}

/// Gives back what the deployment `lineage` made for a server that is or was called `name`.
pub(super) async fn give_back(
    client: WriteClient<'_>,
    server: &str,
    lineage: &str,
    name: &str,
) -> Result<(), Error> {
    let ports = ports(client.0, server).await?;
    for floating in own(client.0, &ports, lineage, Some(name)).await? {
        delete(client, &floating.id).await?;
    }
    Ok(())
}

pub(super) async fn delete(client: WriteClient<'_>, id: &str) -> Result<(), Error> {
    let path = format!("{FLOATING_IPS}/{id}");
    client.delete(Service::Network, &path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_fits() {
        assert_eq!(description("l", "web1"), "cloudbuilder:l/web1");
        assert_eq!(description("l", &"é".repeat(300)).chars().count(), LONGEST);
    }

    #[test]
    fn a_description_says_whose_it_is() {
        let described = |description: String| FloatingIp {
            id: "id".to_owned(),
            floating_ip_address: "203.0.113.9".to_owned(),
            floating_network_id: "net".to_owned(),
            port_id: None,
            port_details: None,
            description,
            project_id: None,
        };
        let own = described(description("l-1", "web reserved_ip 1"));
        let (lineage, server) = ("l-1", "web reserved_ip 1");
        assert_eq!(Whose::of(&own), Whose::Own { lineage, server });
        assert!(Whose::of(&own).is_own_of("l-1") && !Whose::of(&own).is_own_of("l"));
        let kept = described(reserved("l-1", "web"));
        let name = "web";
        assert_eq!(Whose::of(&kept), Whose::Reserved { lineage, name });
        for text in ["", "web", "cloudbuilder:", "cloudbuilder:/web", "a/b"] {
            assert_eq!(Whose::of(&described(text.to_owned())), Whose::Others);
        }
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let text = include_str!("../../../fixtures/openstack/floatingips.json");
        let page: FloatingIps = serde_json::from_str(text).unwrap();
        let (found, next) = super::super::wire::Page::split(page);
        assert_eq!(next, None);
        assert_eq!(found[0].floating_ip_address, "203.0.113.91");
        assert!(found[0].port_id.is_some());
        let device = found[0].port_details.as_ref().unwrap();
        assert!(device.device_id.is_some());
    }
}
