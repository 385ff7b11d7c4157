//! Reserved IPs. They carry no tags and have no name but the address.
//!
//! Assigning one locks it and the Droplet (openapi.json, `reserved_ip`: `locked`; "Droplet already
//! has a pending event"). One that is on another Droplet moves, without being taken off that first,
//! as the official provider for Terraform has it (reservedip/resource_reserved_ip.go, Update).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::model::{Attributes, Money, Observed, Readiness};
use crate::provider::adapter::{self, required, text};
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::reserved_ip::{IP, KIND, REGION, SERVER, UNASSIGNED};

use super::client::{ReadClient, WriteClient};
use super::wire::{ActionAnswer, Meta, Page, page};

pub(super) struct Adapter;

const RESERVED_IPS: &str = "/v2/reserved_ips";
/// How long a new one may be seen on no Droplet and unlocked.
const COMING: Duration = Duration::from_secs(30);

page!(ReservedIps, reserved_ips: ReservedIp);

#[derive(Debug, Deserialize)]
struct ReservedIpAnswer {
    reserved_ip: ReservedIp,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReservedIp {
    ip: String,
    #[serde(default)]
    region: Option<Region>,
    /// Null while it is on its way to its first Droplet, too.
    #[serde(default)]
    droplet: Option<OnDroplet>,
    #[serde(default)]
    locked: bool,
}

#[derive(Debug, Deserialize)]
struct Region {
    slug: String,
}

#[derive(Debug, Deserialize)]
struct OnDroplet {
    id: u64,
}

#[derive(Debug, Serialize)]
struct CreateRequest {
    droplet_id: u64,
}

#[derive(Debug, Serialize)]
struct AddressAction {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    droplet_id: Option<u64>,
}

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// An account has few of them.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match scope.concerns(KIND.name) {
                true => Ok(all(client).await?.into()),
                false if scope.whole => client.if_seen(KIND.name, all(client)).await,
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
        async move {
            let answer: Option<ReservedIpAnswer> = client.find(&path_of(target)).await?;
            Ok(answer.map(|answer| from_wire(answer.reserved_ip)))
        }
        .boxed()
    }

    /// A new one that its Droplet does not get is of no use.
    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let mut seen = adapter::get_each(self, client, targets).await?;
            for address in &mut seen {
                let began = client.changes().on(&address.id).map(|change| change.began);
                let Some(began) = began.filter(|_| address.readiness == Readiness::Ready) else {
                    continue;
                };
                if address.text(SERVER).is_some() {
                    client.changes().over(&address.id);
                } else if began.elapsed() < client.tempo().of(COMING) {
                    address.readiness = Readiness::Pending("it is on its way".to_owned());
                } else {
                    client.changes().over(&address.id);
                    let why = "it did not come to its Droplet".to_owned();
                    address.readiness = Readiness::Failed(why);
                }
            }
            Ok(seen)
        }
        .boxed()
    }

    /// By the Droplet: it has one at most. One that is on its way is on none, and may come to any.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let all = all(client).await?;
            let on = |attributes: &&Attributes| {
                let server = text(attributes, SERVER);
                let on_it = all.iter().filter(|address| match address.text(SERVER) {
                    None => address.readiness != Readiness::Ready && server.is_some(),
                    is => is == server,
                });
                on_it.cloned().collect()
            };
            Ok(wanted.iter().map(on).collect())
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let body = CreateRequest {
                droplet_id: droplet(required(attributes, SERVER)?)?,
            };
            let made = client.send::<ReservedIpAnswer>(Method::POST, RESERVED_IPS, &body);
            match made.await {
                Ok(answer) => {
                    let ip = &answer.reserved_ip.ip;
                    client
                        .0
                        .changes()
                        .began(ip, None, "assign_ip", Instant::now());
                    Ok(from_wire(answer.reserved_ip))
                }
                // Somebody was faster: the Droplet has one.
                Err(error) if error.class == Class::Rejected => {
                    let found = self.find(client.0, &[attributes], "").await?;
                    Err(matching::refused(error, &found))
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        _changed: &'a [String],
        _mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let wanted = attributes.get(SERVER).cloned().unwrap_or_default();
            let unclear = AtomicBool::new(false);
            match client
                .until_clear(|| put_on(client, target, &wanted, &unclear))
                .await
            {
                // A try before this one may have been carried out.
                Err(error) if unclear.load(Ordering::Relaxed) => Err(Class::Ambiguous.of(error)),
                result => result,
            }
        }
        .boxed()
    }

    /// Taken off its Droplet first: whether one that is on a Droplet can be deleted is told nowhere,
    /// and the official provider for Terraform does not try.
    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let unclear = AtomicBool::new(false);
            let off = client.until_clear(|| put_on(client, target, &Json::Null, &unclear));
            match off.await {
                Ok(Updated::Done(_)) => client.delete(&path_of(target)).await,
                Ok(Updated::Underway) => {
                    Err(busy("DELETE", target, "it is being taken off its Droplet"))
                }
                Err(error) if error.class == Class::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}

/// Has an address come to a Droplet, or leave the one that it is on. It is looked at before each try,
/// so that what an answer that was lost has brought about is not asked for again.
async fn put_on(
    client: WriteClient<'_>,
    target: Target<'_>,
    wanted: &Json,
    unclear: &AtomicBool,
) -> Result<Updated, Error> {
    let path = path_of(target);
    let look = async || {
        let answer: ReservedIpAnswer = client.0.get(&path).await?;
        Ok::<_, Error>(from_wire(answer.reserved_ip))
    };
    let is_unclear = || unclear.load(Ordering::Relaxed);
    let is = look().await?;
    if is.readiness != Readiness::Ready {
        return match is_unclear() {
            // Most likely what was asked for by the try whose answer was lost.
            true => Ok(Updated::Underway),
            false => Err(busy("POST", target, "it has a pending event")),
        };
    }
    if is.attributes.get(SERVER) == Some(wanted) {
        return Ok(Updated::Done(is));
    }
    let request = match wanted.as_str() {
        Some(id) => AddressAction {
            kind: "assign",
            droplet_id: Some(droplet(id)?),
        },
        None => AddressAction {
            kind: "unassign",
            droplet_id: None,
        },
    };
    let actions = format!("{path}/actions");
    let sent = client.send_once::<ActionAnswer>(Method::POST, &actions, &request);
    match sent.await {
        Ok(_) => Ok(Updated::Underway),
        Err(error) if error.class == Class::Busy && is_unclear() => Ok(Updated::Underway),
        Err(error) if error.class == Class::Ambiguous => {
            unclear.store(true, Ordering::Relaxed);
            Err(error)
        }
        // It came off by itself since it was looked at: its Droplet is gone.
        Err(error) if error.class == Class::Rejected => match look().await {
            Ok(is) if is.attributes.get(SERVER) == Some(wanted) => Ok(Updated::Done(is)),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// It is to be asked again in a moment.
fn busy(method: &str, target: Target<'_>, why: &str) -> Error {
    Error::new(Class::Busy, format!("{method} {}", path_of(target)), why)
}

fn droplet(id: &str) -> Result<u64, Error> {
    id.parse().map_err(|_| {
        let message = format!("`{id}` is no id of a Droplet");
        Error::new(Class::Rejected, "request", message)
    })
}

fn path_of(target: Target<'_>) -> String {
    format!("{RESERVED_IPS}/{}", target.id)
}

async fn all(client: &ReadClient) -> Result<Vec<Observed>, Error> {
    client
        .pages::<ReservedIps, _>(RESERVED_IPS, from_wire)
        .await
}

fn from_wire(address: ReservedIp) -> Observed {
    let server = address.droplet.map(|droplet| droplet.id.to_string());
    let mut attributes = Attributes::from([
        (IP.to_owned(), address.ip.as_str().into()),
        (SERVER.to_owned(), Json::from(server.clone())),
    ]);
    let region = address.region;
    attributes.extend(region.map(|region| (REGION.to_owned(), region.slug.into())));
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: address.ip,
        attributes,
        owners: Vec::new(),
        readiness: match address.locked {
            true => Readiness::Pending("it is on its way".to_owned()),
            false => Readiness::Ready,
        },
        monthly: Some(match server {
            Some(_) => Money::ZERO,
            None => UNASSIGNED,
        }),
        created: None,
    }
}
