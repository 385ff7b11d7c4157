//! Floating IPs of servers that ask for one.
//!
//! That a server wants one is in its metadata from its creation on, so whoever finds the server
//! knows it, whatever became of the run that made it. The floating IP is made once the server has
//! its port, and made attached to it: Neutron refuses a second one for the same port, so that it
//! may be asked for again after every answer that was lost. It goes before its server does. So at
//! no moment is there one that nothing leads to.

use reqwest::Method;

use crate::provider::{Class, Error};

use super::client::{ReadClient, Service, WriteClient, query};
use super::placement;
use super::wire::neutron::{
    FloatingIp, FloatingIpAnswer, FloatingIpRequest, FloatingIps, NewFloatingIp, Port, Ports,
};

const FLOATING_IPS: &str = "/floatingips";
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

/// By which a floating IP that we made is known.
pub(super) fn description(lineage: &str, name: &str) -> String {
    let whole = format!("cloudbuilder:{lineage}/{name}");
    whole.chars().take(LONGEST).collect()
}

/// Every floating IP from that network, with the server that has it.
pub(super) async fn of_pool(client: &ReadClient, pool: &str) -> Result<Vec<FloatingIp>, Error> {
    let path = format!("{FLOATING_IPS}{}", query(&[("floating_network_id", pool)]));
    client
        .pages::<FloatingIps, _>(Service::Network, &path, |floating| floating)
        .await
}

async fn described(client: &ReadClient, description: &str) -> Result<Vec<FloatingIp>, Error> {
    let path = format!("{FLOATING_IPS}{}", query(&[("description", description)]));
    let found = client
        .pages::<FloatingIps, _>(Service::Network, &path, |floating| floating)
        .await?;
    // A service that knows no such filter shows all.
    let ours = found.into_iter();
    Ok(ours
        .filter(|floating| floating.description == description)
        .collect())
}

async fn ports(client: &ReadClient, server: &str) -> Result<Vec<Port>, Error> {
    let path = format!("/ports{}", query(&[("device_id", server)]));
    client
        .pages::<Ports, _>(Service::Network, &path, |port| port)
        .await
}

/// Gives a server the floating IP that it wants, unless it has it.
pub(super) async fn give(client: WriteClient<'_>, wanting: Wanting<'_>) -> Result<State, Error> {
    let mut ports = ports(client.0, wanting.server).await?;
    // The service lists them in any order, and a second try must come to the same port.
    ports.sort_by(|a, b| a.id.cmp(&b.id));
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
    let networks = placement::networks(client.0).await?;
    let leads_outside = |port: &&Port| {
        let network = networks
            .iter()
            .find(|network| network.id == port.network_id);
        network.is_some_and(|network| network.is_external)
    };
    let has_ipv4 = |port: &&Port| port.fixed_ips.iter().any(|ip| !ip.ip_address.contains(':'));
    let candidates = ports
        .iter()
        .filter(|port| !leads_outside(port) && has_ipv4(port));
    let mut state = State::NotYet;
    for port in candidates {
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
    let mut body = FloatingIpRequest {
        floatingip: NewFloatingIp {
            floating_network_id: Some(wanting.pool),
            port_id: &port.id,
            description: Some(wanting.description),
        },
    };
    if let Some(spare) = spare {
        body.floatingip.floating_network_id = None;
        body.floatingip.description = None;
        let path = format!("{FLOATING_IPS}/{}", spare.id);
        return client
            .ensure(Method::PUT, Service::Network, &path, &body)
            .await;
    }
    let made: FloatingIpAnswer = client
        .send(Method::POST, Service::Network, FLOATING_IPS, &body)
        .await?;
    tracing::debug!("floating IP {}", made.floatingip.id);
    Ok(())
}

/// Gives back what the deployment `lineage` made for a server: what it has, whatever it is called
/// by now, and what nobody has any more and was for one called `name`.
pub(super) async fn give_back(
    client: WriteClient<'_>,
    server: &str,
    lineage: &str,
    name: &str,
) -> Result<(), Error> {
    let mut leaving = described(client.0, &description(lineage, name)).await?;
    leaving.retain(|floating| floating.port_id.is_none());
    let of_deployment = description(lineage, "");
    for port in ports(client.0, server).await? {
        let path = format!("{FLOATING_IPS}{}", query(&[("port_id", &port.id)]));
        let has = client
            .0
            .pages::<FloatingIps, _>(Service::Network, &path, |floating| floating)
            .await?;
        // A service that knows no such filter shows all.
        leaving.extend(has.into_iter().filter(|floating| {
            floating.port_id.as_ref() == Some(&port.id)
                && floating.description.starts_with(&of_deployment)
        }));
    }
    for floating in leaving {
        let path = format!("{FLOATING_IPS}/{}", floating.id);
        client.delete(Service::Network, &path).await?;
    }
    Ok(())
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
