//! What an error says: of Identity and Cloud Servers one object keyed by its kind, of Cloud DNS
//! the object itself. Facts from the public documentation, "Faults" of each service.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::provider::{Class, http};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    code: Option<u16>,
    message: Option<String>,
    details: Option<String>,
    #[serde(rename = "validationErrors")]
    invalid: Messages,
    #[serde(rename = "failedItems")]
    failed: Faults,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Messages {
    messages: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Faults {
    faults: Vec<Fault>,
}

impl Fault {
    fn is_empty(&self) -> bool {
        self.code.is_none() && self.message.is_none() && self.invalid.messages.is_empty()
    }

    /// Everything it says, each once.
    fn words(&self) -> String {
        let mut said: Vec<String> = Vec::new();
        let own = self.message.iter().chain(&self.details).cloned();
        let of_items = self.failed.faults.iter().map(Self::words);
        for text in own
            .chain(self.invalid.messages.iter().cloned())
            .chain(of_items)
        {
            let text = text.trim().trim_end_matches('.').to_owned();
            if !text.is_empty() && !said.contains(&text) {
                said.push(text);
            }
        }
        said.join("; ")
    }
}

/// What went wrong, in the API's words, with its code.
pub(super) fn of_json(body: &Json) -> Option<(Option<u16>, String)> {
    let body = body.as_object()?;
    let fault = read(body).or_else(|| {
        let mut values = body.values();
        let only = values.next().filter(|_| values.next().is_none());
        read(only?.as_object()?)
    })?;
    Some((fault.code, fault.words()))
}

fn read(object: &Map<String, Json>) -> Option<Fault> {
    let fault: Fault = serde_json::from_value(Json::Object(object.clone())).ok()?;
    (!fault.is_empty()).then_some(fault)
}

/// As [`of_json`], of the text of a body.
pub(super) fn of_text(body: &str) -> Option<String> {
    let body: Json = serde_json::from_str(body).ok()?;
    of_json(&body).map(|(_, words)| words)
}

/// What to do about an error.
pub(super) fn class_of(status: StatusCode, method: &Method, message: &str) -> Class {
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    match status.as_u16() {
        // A quota, unless it says that it is about the pace: then waiting as told did not help.
        413 if says(&["rate-limit", "rate limit", "retry"]) => Class::RateLimited,
        413 => Class::Rejected,
        // Not the login is refused, but what was asked for.
        403 if says(&["quota", "exceeded", "resize"]) => Class::Rejected,
        409 if says(&["already exists", "duplicate"]) => Class::Exists,
        400 | 422 if says(&["duplicate of another"]) => Class::Exists,
        // Of a server that is being built, resized or deleted.
        409 if says(&["in progress", "conflictingrequest", "while it is in"]) => Class::Busy,
        _ => http::usual_class(status, method),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_in_every_form() {
        for (body, said) in [
            (
                r#"{"unauthorized": {"code": 401, "message": "Unable to authenticate."}}"#,
                "Unable to authenticate",
            ),
            (
                r#"{"code": 409, "message": "The object already exists.", "details": "Domain already exists"}"#,
                "The object already exists; Domain already exists",
            ),
            (
                r#"{"validationErrors": {"messages": ["No name.", "No data."]}, "code": 400}"#,
                "No name; No data",
            ),
            (
                r#"{"failedItems": {"faults": [{"message": "Gone.", "code": 404, "details": "Record A-1"}]},
                    "message": "Some failed.", "code": 500}"#,
                "Some failed; Gone; Record A-1",
            ),
        ] {
            assert_eq!(of_text(body).as_deref(), Some(said));
        }
        for other in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"a": {"message": "x"}, "b": 1}"#,
        ] {
            assert_eq!(of_text(other), None, "{other}");
        }
    }

    #[test]
    fn a_fault_says_what_to_do_next() {
        let class = |status, message| {
            class_of(
                StatusCode::from_u16(status).unwrap(),
                &Method::POST,
                message,
            )
        };
        let quota = "Limit of 500 records per domain has been reached";
        assert_eq!(class(413, quota), Class::Rejected);
        assert_eq!(class(413, "OverLimit Retry..."), Class::RateLimited);
        assert_eq!(class(409, "The object already exists"), Class::Exists);
        assert_eq!(class(409, "Something else"), Class::Rejected);
        assert_eq!(class(401, "Unauthorized"), Class::Unauthorized);
        assert_eq!(class(503, "Unavailable"), Class::Ambiguous);
    }
}
