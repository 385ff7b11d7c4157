//! The tags that people give to servers, beside our marks. Nova keeps those that differ in case alone
//! apart; here they are one.

use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::model::Attributes;
use crate::provider::Error;
use crate::provider::openstack::client::{Service, WriteClient};
use crate::provider::openstack::wire::nova::{Server, TagsRequest};
use crate::resource::server::{TAGS, TAGS_AS_SPELT};

use super::{SERVERS, TAG};

/// Those that are no mark, as the attribute: in lower case and in order.
pub(super) fn of_people(tags: &[String]) -> Json {
    let people = tags.iter().filter(|tag| !is_mark(tag));
    let mut lower: Vec<String> = people.map(|tag| tag.to_ascii_lowercase()).collect();
    lower.sort();
    lower.dedup();
    lower.into()
}

/// Those that are asked for, as cloud.json spells them.
pub(super) fn wanted(attributes: &Attributes) -> impl Iterator<Item = &str> {
    let list = attributes.get(TAGS_AS_SPELT);
    let list = list.or_else(|| attributes.get(TAGS));
    let list = list.and_then(Json::as_array).into_iter().flatten();
    list.filter_map(Json::as_str)
}

/// Gives a server just the tags that are asked for; marks stay as they are.
pub(super) async fn change(
    client: WriteClient<'_>,
    server: &Server,
    attributes: &Attributes,
) -> Result<(), Error> {
    let has = server.tags.as_deref().unwrap_or_default();
    let marks = has.iter().filter(|tag| is_mark(tag));
    let body = TagsRequest {
        tags: marks
            .map(String::as_str)
            .chain(wanted(attributes))
            .collect(),
    };
    let path = format!("{SERVERS}/{}/tags", server.id);
    let _: IgnoredAny = client
        .send_once(Method::PUT, Service::Compute, &path, &body)
        .await?;
    Ok(())
}

/// Whoever's mark it is, and however it is spelt.
fn is_mark(tag: &str) -> bool {
    let beginning = tag.get(..TAG.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(TAG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_are_no_tags_of_people() {
        let tags = ["Web", "cloudbuilder:x", "CloudBuilder:y", "app:a", "WEB"];
        let tags = tags.map(ToOwned::to_owned);
        assert_eq!(of_people(&tags), json!(["app:a", "web"]));
    }
}
