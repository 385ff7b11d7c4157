//! Pages of a list: at most a hundred, and an offset that is a multiple of the limit
//! (`general-api-info/paginated-collections.rst`).

use super::super::answer::{Ask, Fault};
use serde_json::{Value, json};
use std::fmt::Write;

const MOST: usize = 100;

/// One page under `key`, with the links that lead somewhere and the total.
pub(super) fn page(asked: &Ask<'_>, key: &str, items: &[Value]) -> Result<Value, Fault> {
    let limit = number(asked, "limit")?
        .filter(|limit| *limit > 0)
        .unwrap_or(MOST);
    let limit = limit.min(MOST);
    let offset = number(asked, "offset")?.unwrap_or(0);
    if !offset.is_multiple_of(limit) {
        return Err(Fault::flat(
            400,
            "The request could not be processed.",
            "Offset must be a multiple of the limit or zero.",
        ));
    }
    let shown: Vec<&Value> = items.iter().skip(offset).take(limit).collect();
    let mut links = Vec::new();
    let mut link = |rel: &str, offset: usize| {
        let href = url(asked, limit, offset);
        links.push(json!({"content": "", "href": href, "rel": rel}));
    };
    if offset > 0 {
        link("previous", offset.saturating_sub(limit));
    }
    if offset + limit < items.len() {
        link("next", offset + limit);
    }
    let mut page = json!({ key: shown, "totalEntries": items.len() });
    if !links.is_empty()
        && let Some(page) = page.as_object_mut()
    {
        page.insert("links".into(), links.into());
    }
    Ok(page)
}

fn number(asked: &Ask<'_>, name: &str) -> Result<Option<usize>, Fault> {
    asked
        .query(name)
        .map(str::parse)
        .transpose()
        .map_err(|_| super::unreadable(&format!("{name} is not a number.")))
}

fn url(asked: &Ask<'_>, limit: usize, offset: usize) -> String {
    let call = asked.call;
    let mut url = format!("{}{}?limit={limit}&offset={offset}", call.base, call.path);
    for (key, value) in &call.query {
        if key != "limit" && key != "offset" {
            // Writing to a String cannot fail.
            let _ = write!(url, "&{key}={}", crate::sandbox::limits::encoded(value));
        }
    }
    url
}
