//! Reserved IPs, as floating IPs of Neutron that outlive their servers.
//!
//! One is made on the server that it is for, and Neutron refuses a second one for the same port; our
//! mark is in its description from the beginning. So one whose answer was lost is found on its
//! server, and never made twice. A server that has a floating IP of its own keeps that address: it
//! becomes the reserved IP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::FutureExt;
use reqwest::Method;
use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Diagnostic, Observed, Readiness, Value};
use crate::provider::adapter::{self, lineage, required, text};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::reserved_ip::{IP, KIND, NAME, POOL, SERVER};

use super::client::{ReadClient, Service, WriteClient, query};
use super::floating::{self, FLOATING_IPS, Whose};
use super::wire::neutron::{
    FloatingIp, FloatingIpAnswer, FloatingIpRequest, NewFloatingIp, Port, Ports,
};
use super::{placement, resolve, server};

pub(super) struct Adapter;

const CREATE: &str = "POST /floatingips";
const NO_WAY: &str = "put the server on a private network that a router connects with the network \
                      of the floating IP, then run it again";

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// An account has few of them. What a server has of its own is that server's matter, but for
    /// what nothing has any more.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let is_asked_for = scope.concerns(KIND.name);
            if !scope.whole && !is_asked_for {
                return Ok(Listed::default());
            }
            let mut found = match floating::all(client).await {
                // Who may not see them has none to look after.
                Err(error) if error.status == Some(403) && !is_asked_for => Vec::new(),
                all => all?,
            };
            found.retain(|floating| match Whose::of(floating) {
                Whose::Own { .. } => scope.whole && floating.port_id.is_none(),
                Whose::Reserved { .. } | Whose::Others => true,
            });
            Ok(observed(client, found).await?.into())
        }
        .boxed()
    }

    /// By its id, or by the address, which is what people know.
    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let found = match target.id.parse::<IpAddr>() {
                Ok(_) => with_address(client, target.id).await?,
                Err(_) => one(client, target.id).await?,
            };
            // Only what was never seen as a reserved IP is asked for without its address.
            if let (Some(found), None) = (&found, target.attributes.get(IP)) {
                refuse_own(found)?;
            }
            Ok(observed(client, found.into_iter().collect()).await?.pop())
        }
        .boxed()
    }

    /// Only what carries our mark was made by a request of ours, and it is on its server.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let mut found = floating::all(client).await?;
            found.retain(|floating| is_ours(floating, mark));
            let all = observed(client, found).await?;
            let on = |attributes: &&Attributes| {
                let server = text(attributes, SERVER);
                let on_it = all.iter().filter(|address| {
                    let is = address.text(SERVER);
                    is.is_some() && is == server
                });
                on_it.cloned().collect()
            };
            Ok(wanted.iter().map(on).collect())
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        async move {
            let mut resolved = Vec::with_capacity(wanted.len());
            for desired in wanted {
                let pool = placement::pool(client, pool_of(desired)).await?;
                resolved.push(Resolved {
                    problems: pool
                        .err()
                        .into_iter()
                        .map(|no| cannot(desired, no))
                        .collect(),
                    ..Resolved::default()
                });
            }
            if let Some((at, problem)) = over_quota(client, wanted).await?
                && let Some(resolved) = resolved.get_mut(at)
            {
                resolved.problems.push(problem);
            }
            Ok(resolved)
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let mark = lineage(mark, CREATE)?;
            let server = required(attributes, SERVER)?;
            let name = text(attributes, NAME).unwrap_or_default();
            let description = floating::reserved(mark, name);
            let ports = floating::ports(client.0, server).await?;
            let has = floating::on_ports(client.0, &ports).await?;
            if let Some(ours) = has.iter().find(|one| is_ours(one, mark)) {
                return there(client.0, &ours.id).await;
            }
            let is_own = |one: &&FloatingIp| Whose::of(one).is_own_of(mark);
            if let Some(own) = has.iter().find(is_own) {
                let kept = NewFloatingIp {
                    description: Some(&description),
                    ..NewFloatingIp::default()
                };
                floating::change(client, &own.id, kept).await?;
                return there(client.0, &own.id).await;
            }
            if let Some(other) = has.first() {
                let ip = &other.floating_ip_address;
                let message = format!("its server has another floating IP: {ip}");
                return Err(refused(message));
            }
            let pool = placement::pool(client.0, text(attributes, POOL)).await?;
            let pool = pool.map_err(|no| refused(format!("{}: {}", no.what, no.hint)))?;
            let new = NewFloatingIp {
                floating_network_id: Some(&pool.id),
                description: Some(&description),
                ..NewFloatingIp::default()
            };
            let made = lead(client, None, new, &ports).await?;
            one_observed(client.0, made).await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        _changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let is = there(client.0, target.id).await?;
            let wanted = text(attributes, SERVER);
            match wanted {
                None if is.text(SERVER).is_none() => return Ok(Updated::Done(is)),
                None => floating::change(client, target.id, floating::to_port(None)).await?,
                // One that is there already may have come by a try that did not clear up.
                Some(server) => put_on(client, &is, server, mark).await?,
            }
            Ok(Updated::Done(there(client.0, target.id).await?))
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        floating::delete(client, target.id).boxed()
    }
}

/// Has one lead to a server, also if it leads to another one now. What that has of its own makes way,
/// and is deleted once it is not needed any more: if the reserved one cannot come, it goes back.
///
/// Whoever is cut off in between leaves the own one on no port, marked as the server's. The next try
/// finds it there, and so does whoever gives the server one of its own or deletes it.
async fn put_on(
    client: WriteClient<'_>,
    is: &Observed,
    server: &str,
    mark: &str,
) -> Result<(), Error> {
    let id = is.id.as_str();
    let ports = floating::ports(client.0, server).await?;
    let name = server::name_of(client.0, server).await?;
    let own = floating::own(client.0, &ports, mark, name.as_deref()).await?;
    if !is.owners.iter().any(|owner| owner == mark) {
        server::expect(client, server, id).await?;
    }
    let is_there = is.text(SERVER) == Some(server);
    if !is_there && let Err(error) = change_places(client, id, &own, &ports).await {
        // Nobody knows what came of it, and nobody can say.
        let Ok(found) = one(client.0, id).await else {
            return Err(error);
        };
        let on = found.and_then(|found| found.port_id);
        let has_come = ports.iter().any(|port| Some(&port.id) == on.as_ref());
        if !has_come {
            return Err(put_back(client, &own, &ports, error).await);
        }
    }
    for own in own {
        floating::delete(client, &own.id).await?;
    }
    Ok(())
}

/// Takes a server's own off its ports, and has the reserved one lead there.
async fn change_places(
    client: WriteClient<'_>,
    id: &str,
    own: &[FloatingIp],
    ports: &[Port],
) -> Result<(), Error> {
    for own in own {
        if own.port_id.is_some() {
            floating::change(client, &own.id, floating::to_port(None)).await?;
        }
    }
    lead(client, Some(id), NewFloatingIp::default(), ports).await?;
    Ok(())
}

/// Puts a server's own back on its port, and says why the reserved one did not come. Neutron takes
/// one for a port: if that comes late after all, it is refused.
async fn put_back(
    client: WriteClient<'_>,
    own: &[FloatingIp],
    ports: &[Port],
    why: Error,
) -> Error {
    let mut failed = None;
    let mut is_back = own.iter().any(|own| own.port_id.is_some());
    for own in own {
        let back = match &own.port_id {
            Some(port) => floating::change(client, &own.id, floating::to_port(Some(port))).await,
            None if is_back => continue,
            // A run that was cut off took it off.
            None => attach_again(client, own, ports).await,
        };
        match back {
            Ok(()) => is_back = true,
            Err(error) => failed = Some((own, error)),
        }
    }
    let Some((own, error)) = failed else {
        return why;
    };
    let ip = &own.floating_ip_address;
    let message = format!(
        "{}; and the server's own floating IP {ip} could not be put back: {}",
        why.message, error.message
    );
    Error { message, ..why }
}

async fn attach_again(
    client: WriteClient<'_>,
    stray: &FloatingIp,
    ports: &[Port],
) -> Result<(), Error> {
    let mut tried = Ok(());
    for port in floating::candidates(client.0, ports).await? {
        tried = floating::change(client, &stray.id, floating::to_port(Some(&port.id))).await;
        if tried.is_ok() {
            break;
        }
    }
    tried
}

/// Has one, or a new one, lead to the first of a server's ports that it can lead to; which those are
/// only trying tells.
async fn lead(
    client: WriteClient<'_>,
    id: Option<&str>,
    like: NewFloatingIp<'_>,
    ports: &[Port],
) -> Result<FloatingIp, Error> {
    let (method, path) = match id {
        Some(id) => (Method::PUT, format!("{FLOATING_IPS}/{id}")),
        None => (Method::POST, FLOATING_IPS.to_owned()),
    };
    let mut why = "its server has no IPv4 address on a private network".to_owned();
    for port in floating::candidates(client.0, ports).await? {
        let body = FloatingIpRequest {
            floatingip: NewFloatingIp {
                port_id: Some(Some(&port.id)),
                ..like
            },
        };
        let answer: Result<FloatingIpAnswer, Error> = client
            .send(method.clone(), Service::Network, &path, &body)
            .await;
        match answer {
            // "External network … is not reachable from subnet …."
            Err(error) if error.class == Class::NotFound => why = error.message,
            answer => return Ok(answer?.floatingip),
        }
    }
    Err(Error {
        advice: Some(NO_WAY),
        ..Error::new(Class::Rejected, format!("{method} {path}"), why)
    })
}

fn refused(message: String) -> Error {
    Error::new(Class::Rejected, CREATE, message)
}

/// Refuses to take one for a reserved IP that a server has of its own: it would go with that server.
fn refuse_own(floating: &FloatingIp) -> Result<(), Error> {
    let Whose::Own { server, .. } = Whose::of(floating) else {
        return Ok(());
    };
    let ip = &floating.floating_ip_address;
    let (message, advice) = match floating.port_id {
        Some(_) => (
            format!("{ip} is server {server}'s own floating IP, and goes when that server goes"),
            "name the reserved IP at that server, `reserved_ip`, and run `cloudbuilder apply`: its \
             own becomes the reserved one, with the same address",
        ),
        None => (
            format!("{ip} was server {server}'s own floating IP, and goes when that server goes"),
            "empty the description of the floating IP, then import it again",
        ),
    };
    let request = format!("GET {FLOATING_IPS}/{}", floating.id);
    Err(Error {
        advice: Some(advice),
        ..Error::new(Class::Rejected, request, message)
    })
}

fn is_ours(floating: &FloatingIp, mark: &str) -> bool {
    matches!(Whose::of(floating), Whose::Reserved { lineage, .. } if lineage == mark)
}

fn pool_of(desired: &Desired) -> Option<&str> {
    desired.known(POOL).and_then(Json::as_str)
}

fn cannot(desired: &Desired, why: placement::Trouble) -> Diagnostic {
    Diagnostic::error(format!("{} cannot be made", desired.address))
        .detail(why.what)
        .hint(why.hint)
        .at(desired.place.clone())
}

/// The first that there is no room for. What a server has already takes none: it becomes reserved.
async fn over_quota(
    client: &ReadClient,
    wanted: &[&Desired],
) -> Result<Option<(usize, Diagnostic)>, Error> {
    let quota = resolve::quotas(client).await?;
    let Some(usage) = quota.and_then(|quota| quota.floatingip) else {
        return Ok(None);
    };
    let short = |takes: &[usize]| resolve::too_many("floating IPs", usage, wanted, takes);
    if short(&vec![1; wanted.len()]).is_none() {
        return Ok(None);
    }
    let have_one = servers_with_one(client).await?;
    let takes = wanted.iter().map(|desired| {
        let to = desired.attributes.get(SERVER).into_iter();
        let mut to = to.flat_map(Value::references);
        usize::from(!to.any(|to| have_one.contains(to.address.name())))
    });
    let short = short(&takes.collect::<Vec<_>>());
    let hint = "ask for a higher quota, or give up floating IPs first";
    Ok(short.map(|(at, problem)| (at, problem.hint(hint))))
}

/// The names of the servers that have a floating IP.
async fn servers_with_one(client: &ReadClient) -> Result<BTreeSet<String>, Error> {
    let all = floating::all(client).await?;
    let devices = devices(client, &all).await?;
    let mut names = BTreeSet::new();
    for id in all
        .iter()
        .filter_map(|one| devices.get(one.port_id.as_ref()?))
    {
        names.extend(server::name_of(client, id).await?);
    }
    Ok(names)
}

async fn one(client: &ReadClient, id: &str) -> Result<Option<FloatingIp>, Error> {
    let path = format!("{FLOATING_IPS}/{id}");
    let answer: Option<FloatingIpAnswer> = client.find(Service::Network, &path).await?;
    Ok(answer.map(|answer| answer.floatingip))
}

async fn with_address(client: &ReadClient, ip: &str) -> Result<Option<FloatingIp>, Error> {
    let filter = ("floating_ip_address", ip);
    let found = floating::listed(client, filter, |one| one.floating_ip_address == ip).await?;
    Ok(found.into_iter().next())
}

async fn there(client: &ReadClient, id: &str) -> Result<Observed, Error> {
    let Some(found) = one(client, id).await? else {
        let request = format!("GET {FLOATING_IPS}/{id}");
        let message = "the floating IP does not exist any more";
        return Err(Error::new(Class::NotFound, request, message));
    };
    one_observed(client, found).await
}

async fn one_observed(client: &ReadClient, one: FloatingIp) -> Result<Observed, Error> {
    let unseen = || Error::new(Class::Malformed, "GET /floatingips", "no floating IP");
    observed(client, vec![one]).await?.pop().ok_or_else(unseen)
}

async fn observed(client: &ReadClient, found: Vec<FloatingIp>) -> Result<Vec<Observed>, Error> {
    let devices = devices(client, &found).await?;
    let seen = found
        .into_iter()
        .map(|floating| from_wire(floating, &devices));
    Ok(seen.collect())
}

/// What the ports are of that these are on. Not every cloud tells it along with them.
async fn devices(
    client: &ReadClient,
    found: &[FloatingIp],
) -> Result<BTreeMap<String, String>, Error> {
    let told = found.iter().filter_map(|floating| {
        let device = floating.port_details.as_ref()?.device_id.clone()?;
        Some((floating.port_id.clone()?, device))
    });
    let mut devices: BTreeMap<String, String> = told.collect();
    let mut on_ports = found
        .iter()
        .filter_map(|floating| floating.port_id.as_ref());
    if on_ports.any(|port| !devices.contains_key(port)) {
        let fields = ["id", "network_id", "device_id"];
        let path = format!("/ports{}", query(&fields.map(|field| ("fields", field))));
        let ports = client
            .pages::<Ports, _>(Service::Network, &path, |port: Port| {
                (port.id, port.device_id)
            })
            .await?;
        devices.extend(ports);
    }
    Ok(devices)
}

fn from_wire(floating: FloatingIp, devices: &BTreeMap<String, String>) -> Observed {
    let (owner, name) = match Whose::of(&floating) {
        Whose::Reserved { lineage, name } => (Some(lineage), Some(name)),
        Whose::Own { lineage, server } => (Some(lineage), Some(server)),
        Whose::Others => (None, None),
    };
    // What is on a port of nobody is on something all the same.
    let on = floating.port_id.as_ref().map(|port| {
        let device = devices.get(port).filter(|device| !device.is_empty());
        device.unwrap_or(port).clone()
    });
    let mut attributes = Attributes::from([
        (
            IP.to_owned(),
            Json::from(floating.floating_ip_address.as_str()),
        ),
        (SERVER.to_owned(), on.into()),
        (
            POOL.to_owned(),
            floating.floating_network_id.as_str().into(),
        ),
    ]);
    attributes.extend(name.map(|name| (NAME.to_owned(), name.into())));
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        attributes,
        owners: owner.map(ToOwned::to_owned).into_iter().collect(),
        id: floating.id,
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::openstack::wire::Page as _;
    use crate::provider::openstack::wire::neutron::FloatingIps;

    #[test]
    fn what_is_on_a_port_is_on_its_server() {
        let text = include_str!("../../../fixtures/openstack/floatingips.json");
        let page: FloatingIps = serde_json::from_str(text).unwrap();
        let floating = page.split().0.remove(0);
        let port = floating.port_id.clone().unwrap();
        let seen = |floating: &FloatingIp, device: Option<&str>| {
            let device = device.map(|device| (port.clone(), device.to_owned()));
            from_wire(floating.clone(), &device.into_iter().collect())
        };
        let told = seen(&floating, Some("a-server"));
        assert_eq!(told.text(SERVER), Some("a-server"));
        assert_eq!(told.text(IP), Some("203.0.113.91"));
        // It is not free, whatever has it.
        assert_eq!(seen(&floating, None).text(SERVER), Some(port.as_str()));
        assert_eq!(seen(&floating, Some("")).text(SERVER), Some(port.as_str()));
        let mut free = floating.clone();
        free.port_id = None;
        free.description = floating::reserved("l-1", "web");
        let seen = seen(&free, None);
        assert_eq!(seen.attributes.get(SERVER), Some(&Json::Null));
        assert_eq!(
            (seen.text(NAME), seen.owners.as_slice()),
            (Some("web"), &["l-1".to_owned()][..])
        );
        assert!(is_ours(&free, "l-1") && !is_ours(&free, "l-2"));
    }
}
