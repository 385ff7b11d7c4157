use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target};
use crate::resource::domain::{KIND, NAME};

use super::client::{ReadClient, WriteClient};
use super::instant;
use super::mark::{comment, owners};
use super::wire::{Domain, DomainRequest, Domains, DomainsRequest, Record, Records};

/// A zone has a number; its records are reached by that.
pub(super) struct Adapter;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, _scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            if !client.has_dns().await? {
                return Ok(Listed::default());
            }
            let zones = match client.pages::<Domains>("domains").await {
                // No zones at all, as it seems.
                Err(error) if error.class == Class::NotFound => Vec::new(),
                zones => zones?,
            };
            let seen = zones.iter().map(|zone| observe(client, zone));
            Ok(seen.collect::<Vec<_>>().into())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let path = format!("{}?showRecords=false&showSubdomains=false", path(target.id));
            let zone: Option<Domain> = client.find(&path).await?;
            Ok(zone.map(|zone| observe(client, &zone)))
        }
        .boxed()
    }

    /// Whoever's it is: a name can be there only once.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        let asked = wanted.iter().map(|attributes| async move {
            let zone = client.zone(required(attributes, NAME)?).await?;
            Ok(zone.iter().map(from_wire).collect())
        });
        try_join_all(asked).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let name = required(attributes, NAME)?;
            let zone = DomainRequest {
                name,
                email: format!("hostmaster@{name}"),
                comment: mark.map(comment),
            };
            let body = DomainsRequest { domains: [zone] };
            match client.send(Method::POST, "domains", &body).await {
                Ok(made) => made_of(client.0, name, made),
                Err(error) if error.class == Class::Exists => match client.0.zone(name).await? {
                    Some(_) => Err(error),
                    None => Err(Error {
                        class: Class::Rejected,
                        message: format!(
                            "the zone {name} exists and belongs to another account ({})",
                            error.message
                        ),
                        ..error
                    }),
                },
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            refuse_unless_empty(client.0, target.id).await?;
            client.delete(&path(target.id)).await?;
            client.0.forget(target.id);
            Ok(())
        }
        .boxed()
    }
}

fn path(id: &str) -> String {
    format!("domains/{id}")
}

/// What the job says was made; its id is told nowhere else.
fn made_of(client: &ReadClient, name: &str, made: serde_json::Value) -> Result<Observed, Error> {
    let unclear = |what: String| {
        let message = format!("it was carried out, and the answer {what}");
        Error::new(Class::Ambiguous, "POST /domains", message)
    };
    let made: Domains = serde_json::from_value(made)
        .map_err(|error| unclear(format!("is not what the API describes ({error})")))?;
    let mut zones = made.domains.iter();
    match zones.find(|zone| name_of(zone) == name) {
        Some(zone) => Ok(observe(client, zone)),
        None => Err(unclear(format!("is not about {name}"))),
    }
}

/// A zone goes with everything it holds, and since the plan was made somebody may have put
/// something into it.
async fn refuse_unless_empty(client: &ReadClient, id: &str) -> Result<(), Error> {
    let is_kept = |record: &Record| !matches!(record.record_type.as_str(), "SOA" | "NS");
    let records = match client
        .pages::<Records>(&format!("{}/records", path(id)))
        .await
    {
        Err(error) if error.class == Class::NotFound => return Ok(()),
        records => records?,
    };
    let kept = records.iter().filter(|record| is_kept(record)).count();
    adapter::refuse_unless_empty(kept, format!("DELETE /{}", path(id)))
}

/// Its name as it is written elsewhere.
pub(super) fn name_of(domain: &Domain) -> String {
    domain.name.trim_end_matches('.').to_ascii_lowercase()
}

fn observe(client: &ReadClient, domain: &Domain) -> Observed {
    client.remember(domain);
    from_wire(domain)
}

fn from_wire(domain: &Domain) -> Observed {
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: domain.id.clone(),
        attributes: Attributes::from([(NAME, name_of(domain).into())]),
        owners: owners(domain.comment.as_deref()),
        readiness: Readiness::Ready,
        monthly: None,
        created: instant(domain.created.as_deref()),
    }
}
