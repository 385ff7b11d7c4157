use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target};
use crate::resource::domain::{KIND, NAME};

use super::client::{ReadClient, WriteClient};
use super::wire::{Domain, DomainAnswer, DomainRequest, Domains, Record, Records};

/// A zone's id is its name.
pub(super) struct Adapter;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, _scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let kept = |domain| from_wire(&domain);
            let zones = client.pages::<Domains, _>("/v2/domains", kept).await?;
            Ok(zones.into())
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

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let name = required(attributes, NAME)?;
            let body = DomainRequest { name };
            match client
                .send::<DomainAnswer>(Method::POST, "/v2/domains", &body)
                .await
            {
                Ok(answer) => Ok(from_wire(&answer.domain)),
                Err(error) if error.class == Class::Rejected => match find(client.0, name).await? {
                    Some(_) => Err(Class::Exists.of(error)),
                    None if error.message.contains("already exists") => Err(Error {
                        message: format!(
                            "the zone {name} exists and belongs to another account ({})",
                            error.message
                        ),
                        ..error
                    }),
                    None => Err(error),
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
            let path = format!("/v2/domains/{}", target.id);
            client.delete(&path).await
        }
        .boxed()
    }
}

/// A zone goes with everything it holds, and since the plan was made somebody may have put
/// something into it.
async fn refuse_unless_empty(client: &ReadClient, zone: &str) -> Result<(), Error> {
    let path = format!("/v2/domains/{zone}/records");
    let is_kept = |record: Record| !matches!(record.record_type.as_str(), "SOA" | "NS");
    let records = match client.pages::<Records, _>(&path, is_kept).await {
        Err(error) if error.class == Class::NotFound => return Ok(()),
        records => records?,
    };
    let kept = records.into_iter().filter(|&is_kept| is_kept).count();
    adapter::refuse_unless_empty(kept, format!("DELETE /v2/domains/{zone}"))
}

async fn find(client: &ReadClient, name: &str) -> Result<Option<Observed>, Error> {
    let answer: Option<DomainAnswer> = client.find(&format!("/v2/domains/{name}")).await?;
    Ok(answer.map(|answer| from_wire(&answer.domain)))
}

pub(super) fn from_wire(domain: &Domain) -> Observed {
    let name = domain.name.trim_end_matches('.').to_ascii_lowercase();
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: name.clone(),
        attributes: Attributes::from([(NAME.to_owned(), name.into())]),
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}
