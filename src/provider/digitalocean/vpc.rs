//! VPCs. They carry no tags; their names are unique in an account (openapi.json, `vpc_updatable`).

use std::sync::Arc;

use futures_util::FutureExt;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required, text};
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::vpc::{DEFAULT, DESCRIPTION, ID, IP_RANGE, KIND, NAME, REGION};

use super::client::{ReadClient, WriteClient};
use super::wire::{Meta, Page, page};

pub(super) struct Adapter;

const VPCS: &str = "/v2/vpcs";

page!(Vpcs, vpcs: Vpc);

#[derive(Debug, Deserialize)]
struct VpcAnswer {
    vpc: Vpc,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vpc {
    id: String,
    name: String,
    #[serde(default)]
    description: String,
    region: String,
    #[serde(default)]
    ip_range: String,
    #[serde(default)]
    default: bool,
}

/// What is left out is left to the provider; of one that exists, as it is.
#[derive(Debug, Serialize)]
struct VpcRequest<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_range: Option<&'a str>,
}

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// There are few of them: a page tells which is which.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match scope.concerns(KIND.name) {
                true => Ok(all(client).await?.into()),
                false if scope.leftovers => client.if_seen(KIND.name, all(client)).await,
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
            let path = format!("{VPCS}/{}", target.id);
            let answer: Option<VpcAnswer> = client.find(&path).await?;
            Ok(answer.map(|answer| from_wire(answer.vpc)))
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move { matching::named(wanted, &all(client).await?, NAME) }.boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let body = VpcRequest {
                name: required(attributes, NAME)?,
                description: text(attributes, DESCRIPTION),
                region: Some(required(attributes, REGION)?),
                ip_range: text(attributes, IP_RANGE),
            };
            let turn = client.0.turn_to_make_a_vpc().await;
            let made = client.send::<VpcAnswer>(Method::POST, VPCS, &body).await;
            drop(turn);
            match made {
                Ok(answer) => Ok(from_wire(answer.vpc)),
                // "VPC name is already in use": someone was faster, or an earlier answer was lost.
                Err(error) if error.class == Class::Rejected => {
                    let found = matching::named(&[attributes], &all(client.0).await?, NAME)?;
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
            let body = VpcRequest {
                name: required(attributes, NAME)?,
                description: text(attributes, DESCRIPTION),
                region: None,
                ip_range: None,
            };
            let path = format!("{VPCS}/{}", target.id);
            let answer: VpcAnswer = client.send(Method::PATCH, &path, &body).await?;
            Ok(Updated::Done(from_wire(answer.vpc)))
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
            let path = format!("{VPCS}/{}", target.id);
            let deleted = client.delete(&path).await;
            deleted.map_err(|error| {
                // For a while after the last Droplet went, 403 or 409 (so does the official
                // provider for Terraform, vpc/resource_vpc.go).
                let has_members = error.status == Some(403) && error.message.contains("members");
                if has_members || error.status == Some(409) {
                    return Error {
                        advice: Some(
                            "take what is in it out of it, or keep the VPC in cloud.json, then run \
                             it again",
                        ),
                        ..Class::Busy.of(error)
                    };
                }
                error
            })
        }
        .boxed()
    }
}

async fn all(client: &ReadClient) -> Result<Vec<Observed>, Error> {
    client.pages::<Vpcs, _>(VPCS, from_wire).await
}

fn from_wire(vpc: Vpc) -> Observed {
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: vpc.id.clone(),
        attributes: Attributes::from([
            (NAME.to_owned(), vpc.name.into()),
            (REGION.to_owned(), vpc.region.into()),
            (IP_RANGE.to_owned(), vpc.ip_range.into()),
            (DESCRIPTION.to_owned(), vpc.description.into()),
            (ID.to_owned(), vpc.id.into()),
            (DEFAULT.to_owned(), Json::from(vpc.default)),
        ]),
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}
