use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Desired, Observed};
use crate::provider::adapter::{self, required};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target};
use crate::resource::domain::{KIND, NAME};

use super::client::{ReadClient, Service, WriteClient};
use super::dns::{self, ZONES};
use super::resolve;
use super::wire::designate::{RecordSet, RecordSets, Zone, ZoneRequest, Zones};

/// A zone goes by its name, as people know it.
pub(super) struct Adapter;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, _scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            if !client.has(Service::Dns).await? {
                return Ok(Listed::default());
            }
            let kept = |zone: Zone| (!dns::is_leaving(&zone)).then_some(zone);
            let zones = client
                .pages::<Zones, _>(Service::Dns, ZONES, kept)
                .await?
                .into_iter()
                .flatten();
            let observed = zones.map(|zone| {
                let seen = from_wire(&zone);
                let name = seen.id.clone();
                client.zones().insert(name, zone.id);
                seen
            });
            Ok(observed.collect::<Vec<_>>().into())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        find(client, target.id).boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        let asked = wanted.iter().map(|attributes| async move {
            let found = find(client, required(attributes, NAME)?).await?;
            Ok(found.into_iter().collect())
        });
        try_join_all(asked).boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        resolve::names(client, wanted).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let name = required(attributes, NAME)?;
            let description = dns::description(mark);
            let body = ZoneRequest {
                name: dns::with_dot(name),
                email: format!("hostmaster@{name}"),
                description: description.as_deref(),
            };
            client.0.zones().remove(name);
            let made: Result<Zone, Error> =
                client.send(Method::POST, Service::Dns, ZONES, &body).await;
            match made {
                Ok(zone) => Ok(from_wire(&zone)),
                Err(error) if error.class == Class::Exists => {
                    Err(match dns::zone(client.0, name).await? {
                        // An earlier one of the name is still on its way out.
                        Some(zone) if dns::is_leaving(&zone) => Class::Busy.of(error),
                        Some(_) => error,
                        None => Error {
                            class: Class::Rejected,
                            message: format!(
                                "the zone {name} exists and belongs to another project ({})",
                                error.message
                            ),
                            ..error
                        },
                    })
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let zone = dns::zone(client.0, target.id).await?;
            let Some(zone) = zone.filter(|zone| !dns::is_leaving(zone)) else {
                return Ok(());
            };
            let path = format!("{ZONES}/{}", zone.id);
            // Its id is its name: it may have gone and been made anew by somebody else.
            let owner = dns::owner(zone.description.as_deref());
            if owner.is_some_and(|owner| owner != mark) {
                let message = format!("the zone {} is another deployment's by now", target.id);
                let request = format!("DELETE {path}");
                return Err(Error::new(Class::Rejected, request, message));
            }
            refuse_unless_empty(client.0, &zone).await?;
            client.0.zones().remove(target.id);
            client.delete(Service::Dns, &path).await
        }
        .boxed()
    }
}

/// A zone goes with everything it holds, and since the plan was made somebody may have put
/// something into it.
async fn refuse_unless_empty(client: &ReadClient, zone: &Zone) -> Result<(), Error> {
    let path = format!("{ZONES}/{}/recordsets", zone.id);
    let is_kept = |set: RecordSet| {
        let is_of_the_zone = matches!(set.record_type.as_str(), "SOA" | "NS")
            && set.name.eq_ignore_ascii_case(&zone.name);
        // What is on its way out was deleted before.
        let is_leaving = set.action == "DELETE";
        !is_of_the_zone && !is_leaving && !set.records.is_empty()
    };
    let sets = client
        .pages::<RecordSets, _>(Service::Dns, &path, is_kept)
        .await?;
    let kept = sets.into_iter().filter(|&is_kept| is_kept).count();
    adapter::refuse_unless_empty(kept, format!("DELETE {ZONES}/{}", zone.id))
}

/// Without the service nobody can say whether there is such a zone, and it is an error.
async fn find(client: &ReadClient, name: &str) -> Result<Option<Observed>, Error> {
    let zone = dns::zone(client, name).await?;
    Ok(zone.filter(|zone| !dns::is_leaving(zone)).map(|zone| {
        let since = dns::changed_at(zone.created_at.as_deref(), zone.updated_at.as_deref());
        let what = format!("the zone {name}");
        let state = (zone.status.as_str(), since);
        dns::with_patience(client, from_wire(&zone), &what, state)
    }))
}

fn from_wire(zone: &Zone) -> Observed {
    let name = dns::without_dot(&zone.name);
    Observed {
        kind: KIND.name,
        account: Default::default(),
        id: name.clone(),
        attributes: Attributes::from([(NAME.to_owned(), name.into())]),
        owners: dns::owner(zone.description.as_deref())
            .map(ToOwned::to_owned)
            .into_iter()
            .collect(),
        readiness: dns::readiness(&zone.status),
        monthly: None,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Readiness;
    use crate::provider::openstack::wire::Page as _;

    #[test]
    fn recorded_answers_are_read() {
        let page: Zones =
            serde_json::from_str(include_str!("../../../fixtures/openstack/zones.json")).unwrap();
        let (zones, next) = page.split();
        assert_eq!(next, None);
        let seen = from_wire(&zones[0]);
        assert_eq!(seen.id, "rec.test");
        assert_eq!(seen.owners, ["x"]);
        assert_eq!(seen.readiness, Readiness::Ready);
        let made = include_str!("../../../fixtures/openstack/zone_created.json");
        let made: Zone = serde_json::from_str(made).unwrap();
        assert!(matches!(from_wire(&made).readiness, Readiness::Pending(_)));
        let leaving = include_str!("../../../fixtures/openstack/zone_get_deleting.json");
        assert!(dns::is_leaving(&serde_json::from_str(leaving).unwrap()));
    }
}
