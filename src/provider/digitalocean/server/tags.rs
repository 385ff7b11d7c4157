//! The tags that people give to Droplets, beside our marks. Those that differ in case alone are one
//! tag, and the spelling that came first is the one in addresses (openapi.json, `tags_create_new`).

use reqwest::Method;
use serde_json::Value as Json;

use crate::model::Attributes;
use crate::provider::{Error, Updated};
use crate::resource::server::{TAGS, TAGS_AS_SPELT};

use super::super::client::WriteClient;
use super::super::wire::{DropletAnswer, TagAnswer, TagRequest, TagResource, TagResources};
use super::view::from_wire;
use super::{DROPLETS, MARK, refuses_tags};

/// Those that are no mark, as the attribute: in lower case and in order.
pub(super) fn of_people(tags: &[String]) -> Json {
    let people = tags.iter().filter(|tag| !is_mark(tag));
    let mut lower: Vec<String> = people.map(|tag| tag.to_ascii_lowercase()).collect();
    lower.sort();
    lower.into()
}

/// Whether one of these is no mark.
pub(super) fn are_asked_for(tags: &[String]) -> bool {
    tags.iter().any(|tag| !is_mark(tag))
}

/// Those that are asked for, as cloud.json spells them.
pub(super) fn wanted(attributes: &Attributes) -> Vec<String> {
    let list = attributes.get(TAGS_AS_SPELT);
    let list = list
        .or_else(|| attributes.get(TAGS))
        .and_then(Json::as_array);
    let texts = list.into_iter().flatten().filter_map(Json::as_str);
    texts.map(ToOwned::to_owned).collect()
}

/// Gives a Droplet just the tags that are asked for; marks stay as they are.
pub(super) async fn change(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
) -> Result<Updated, Error> {
    let path = format!("{DROPLETS}/{id}");
    let before: DropletAnswer = client.0.get(&path).await?;
    let (has, wanted) = (before.droplet.tags, wanted(attributes));
    let is_in = |tag: &str, all: &[String]| all.iter().any(|one| one.eq_ignore_ascii_case(tag));
    for tag in wanted.iter().filter(|tag| !is_in(tag, &has)) {
        let tag = make(client, tag).await.map_err(refused)?;
        put_on(client, &tag, id).await.map_err(refused)?;
    }
    for tag in has
        .iter()
        .filter(|tag| !is_mark(tag) && !is_in(tag, &wanted))
    {
        client
            .take_away(&resources(tag), &of(id))
            .await
            .map_err(refused)?;
    }
    let after: DropletAnswer = client.0.get(&path).await?;
    Ok(Updated::Done(from_wire(after.droplet)))
}

/// Makes a tag, which is harmless if it exists; says how it is spelt.
pub(in super::super) async fn make(client: WriteClient<'_>, tag: &str) -> Result<String, Error> {
    let request = TagRequest { name: tag };
    let send = || client.send_once::<TagAnswer>(Method::POST, "/v2/tags", &request);
    let made = client.until_clear(send).await?;
    Ok(made.tag.name)
}

/// Puts a tag that exists, spelt so, on a Droplet.
pub(super) async fn put_on(client: WriteClient<'_>, tag: &str, id: &str) -> Result<(), Error> {
    client.ensure(&resources(tag), &of(id)).await
}

/// A token with custom scopes that may not do this with tags is told so.
pub(super) fn refused(error: Error) -> Error {
    refused_for(error, "`tags`")
}

/// The same, where cloud.json asks for something else that takes tags.
pub(in super::super) fn refused_for(mut error: Error, what: &str) -> Error {
    if refuses_tags(&error) || error.message.contains("tag:delete") {
        error.message = format!(
            "{}; cloud.json asks for {what}, which takes a token with the scopes tag:read, \
             tag:create and tag:delete",
            error.message.trim_end_matches('.')
        );
    }
    error
}

fn resources(tag: &str) -> String {
    format!("/v2/tags/{tag}/resources")
}

fn of(id: &str) -> TagResources<'_> {
    TagResources {
        resources: vec![TagResource {
            resource_id: id,
            resource_type: "droplet",
        }],
    }
}

/// Whoever's mark it is, and however it is spelt.
fn is_mark(tag: &str) -> bool {
    let beginning = tag.get(..MARK.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_are_no_tags_of_people() {
        let tags = ["Web", "cloudbuilder:x", "CloudBuilder:y", "app:a"];
        let tags = tags.map(ToOwned::to_owned);
        assert_eq!(of_people(&tags), json!(["app:a", "web"]));
    }
}
