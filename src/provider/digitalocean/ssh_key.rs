use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target};
use crate::resource::ssh_key::{FINGERPRINT, KIND, NAME, PUBLIC_KEY};

use super::client::{ReadClient, WriteClient};
use super::wire::{Key, KeyAnswer, KeyRequest};

pub(super) struct Adapter;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// Asks for the wanted and the recorded key by fingerprint: listing all keys has a limit of
    /// its own, ten a minute.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let mut found = Vec::new();
            for fingerprint in scope.fingerprints() {
                found.extend(find(client, fingerprint).await?);
            }
            Ok(found.into())
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
            let found = find(client, required(attributes, FINGERPRINT)?).await?;
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
            let body = KeyRequest {
                name: required(attributes, NAME)?,
                public_key: required(attributes, PUBLIC_KEY)?,
            };
            match client
                .send::<KeyAnswer>(Method::POST, "/v2/account/keys", &body)
                .await
            {
                Ok(answer) => Ok(from_wire(answer.ssh_key)),
                // "Already in use": someone was faster, or an earlier answer was lost.
                Err(error) if error.class == Class::Rejected => {
                    let found = find(client.0, required(attributes, FINGERPRINT)?).await?;
                    Err(found.map_or(error.class, |_| Class::Exists).of(error))
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
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let path = format!("/v2/account/keys/{}", target.id);
            client.delete(&path).await
        }
        .boxed()
    }
}

/// A key by its id or its fingerprint; the API takes either.
async fn find(client: &ReadClient, key: &str) -> Result<Option<Observed>, Error> {
    let answer: Option<KeyAnswer> = client.find(&format!("/v2/account/keys/{key}")).await?;
    Ok(answer.map(|answer| from_wire(answer.ssh_key)))
}

pub(super) fn from_wire(key: Key) -> Observed {
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: key.id.to_string(),
        attributes: Attributes::from([
            (NAME.to_owned(), key.name.into()),
            (PUBLIC_KEY.to_owned(), key.public_key.into()),
            (FINGERPRINT.to_owned(), key.fingerprint.into()),
        ]),
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}
