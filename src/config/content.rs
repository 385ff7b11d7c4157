use jsonc_parser::ast::Value;
use serde_json::Value as Json;

use super::cloud::{Form, form};
use super::reader::to_json;

/// What the files say together, without what they mean nothing by: comments, layout, and the
/// `networks` that are written back into servers.
pub(super) fn content(document: &Value<'_>) -> Json {
    let mut content = to_json(document);
    let is_flat = document
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
