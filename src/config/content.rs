use serde_json::Value as Json;

use super::cloud::{Form, form};
use super::reader::to_json;
use super::source::Source;
use super::syntax;

/// What cloud.json says, without what it means nothing by: comments, layout, and the `networks` that
/// are written back into servers. Null if it cannot be read.
///
/// ```
/// use cloudbuilder::config::content;
///
/// let plain = content(br#"{"web": {"size": "small", "networks": {"v4": []}}}"#);
/// assert_eq!(content(b"{ // one server\n \"web\": {\"size\": \"small\"},}"), plain);
/// assert_ne!(content(br#"{"web": {"size": "large"}}"#), plain);
/// ```
#[must_use]
pub fn content(bytes: &[u8]) -> Json {
    let Ok(source) = Source::new("", bytes) else {
        return Json::Null;
    };
    let Ok(Some(value)) = syntax::parse(&source) else {
        return Json::Null;
    };
    let mut content = to_json(&value);
    let is_flat = value
        .as_object()
        .is_some_and(|root| matches!(form(root), Form::Flat(_)));
    let servers = match is_flat {
        true => Some(&mut content),
        false => content.get_mut("servers"),
    };
    let servers = servers.and_then(Json::as_object_mut);
    for server in servers.into_iter().flat_map(|servers| servers.values_mut()) {
        if let Some(server) = server.as_object_mut() {
            server.remove("networks");
        }
    }
    content
}
