//! Pages of a list: a thousand at most, a marker that is the last item of the page before, and a
//! link to the next page (`general-api-info/paginated-collections.rst`).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use serde_json::{Value, json};
use std::fmt::Write;

const MOST: usize = 1000;

/// One page of `items`, which are told by their ids, under `key`.
pub(super) fn page<T>(
    asked: &Ask<'_>,
    key: &str,
    items: &[T],
    id: impl Fn(&T) -> &str,
    view: impl Fn(&T) -> Value,
) -> Outcome {
    let limit = match asked.query("limit").map(str::parse::<i64>) {
        None => MOST,
        Some(Ok(limit)) if limit < 0 => return Err(Fault::bad("limit param must be positive")),
        Some(Ok(limit)) => usize::try_from(limit).unwrap_or(MOST).min(MOST),
        Some(Err(_)) => return Err(Fault::bad("limit param must be an integer")),
    };
    let from = match asked.query("marker") {
        None => 0,
        Some(marker) => {
            let place = items.iter().position(|item| id(item) == marker);
            place.ok_or_else(|| Fault::bad(format!("marker [{marker}] not found")))? + 1
        }
    };
    let rest = items.get(from..).unwrap_or_default();
    let shown = rest.get(..limit).unwrap_or(rest);
    let views: Vec<Value> = shown.iter().map(view).collect();
    let mut body = json!({ key: views });
    // Nova links to a next page whenever this one is full, be there anything on it or not.
    let full = shown.len() == limit && limit > 0;
    if let (true, Some(last), Some(body)) = (full, shown.last(), body.as_object_mut()) {
        let href = next(asked, id(last));
        let links = json!([{"rel": "next", "href": href}]);
        body.insert(format!("{key}_links"), links);
    }
    Answer::json(200, &body)
}

fn next(asked: &Ask<'_>, marker: &str) -> String {
    let call = asked.call;
    let mut url = format!("{}{}?", call.base, call.path);
    for (key, value) in call.query.iter().filter(|(key, _)| key != "marker") {
        // Writing to a String cannot fail.
        let _ = write!(url, "{key}={}&", crate::sandbox::limits::encoded(value));
    }
    format!("{url}marker={marker}")
}
