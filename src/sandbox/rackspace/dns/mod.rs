//! Cloud DNS v1.0, which is the same in every region (docs-cloud-dns, `api-docs/v1`).
//!
//! What changes anything is a job. What is wrong with the form of a request is said at once; what
//! stands in the way of it is found when the job is carried out, and told by its status alone.

pub(super) mod jobs;
pub(super) mod pages;
pub(super) mod record_check;
pub(super) mod records;
pub(super) mod work;
pub(super) mod zones;

use super::answer::Fault;
use serde_json::{Value, json};

/// The account's limits: entities in a request, domains, records in a domain
/// (`general-api-info/limits.rst`).
pub(super) const MOST_ENTITIES: usize = 100;
pub(super) const MOST_ZONES: usize = 500;
pub(super) const MOST_RECORDS: usize = 500;
/// The shortest time to live, and the one that nobody asked for.
pub(super) const LEAST_TTL: u32 = 300;
pub(super) const USUAL_TTL: u32 = 3600;
/// How long a comment may be.
pub(super) const LONGEST_COMMENT: usize = 160;
/// The servers that answer for every zone.
pub(super) const NAME_SERVERS: [&str; 2] = ["dns1.stabletransit.com", "dns2.stabletransit.com"];

/// What is wrong with a request, as a list.
pub(super) fn invalid(messages: &[String]) -> Fault {
    let mut fault = Fault::flat(400, "", "");
    fault
        .extra
        .insert("validationErrors".into(), json!({ "messages": messages }));
    fault
}

pub(super) fn unreadable(why: &str) -> Fault {
    Fault::flat(400, "The request could not be processed.", why)
}

pub(super) fn not_found(details: &str) -> Fault {
    Fault::flat(404, "Object not Found.", details)
}

/// A limit that waiting does not lift.
pub(super) fn over_limit(details: &str) -> Fault {
    Fault::flat(
        413,
        "Your account is currently over the limit so your request could not be processed.",
        details,
    )
}

/// A number that a client may have written as a string.
pub(super) fn number(value: Option<&Value>) -> Result<Option<u64>, ()> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| ()),
        Some(value) => value.as_u64().map(Some).ok_or(()),
    }
}
