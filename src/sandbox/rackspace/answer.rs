//! What a rule gives back: an answer, or a fault in the form that its service uses.
//!
//! Identity and Cloud Servers put a fault into an object named after its kind. Cloud DNS writes it
//! flat (docs-cloud-dns `v1/general-api-info/faults.rst`).

use super::accounts::Account;
use crate::sandbox::answer::Call;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// One request, of somebody whose token has been looked at.
pub(super) struct Ask<'a> {
    pub(super) call: &'a Call,
    pub(super) method: &'a str,
    pub(super) account: &'static Account,
    /// How many of the path's parameters say where one is: region and account, or the account.
    pub(super) before: usize,
}

impl Ask<'_> {
    /// A parameter of the path, behind those that say where one is.
    pub(super) fn param(&self, index: usize) -> &str {
        self.call.param(self.before + index)
    }

    /// The region as the catalog spells it.
    pub(super) fn region(&self) -> String {
        self.call.param(0).to_ascii_uppercase()
    }

    /// Where the service is for this account: what the catalog said.
    pub(super) fn root(&self) -> String {
        let parts = if self.before == 2 { 4 } else { 3 };
        let path: Vec<&str> = self.call.path.split('/').take(parts + 1).collect();
        format!("{}{}", self.call.base, path.join("/"))
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.call.query(name)
    }

    /// Whether a parameter of the query says `true`; what it is taken for when absent.
    pub(super) fn wants(&self, name: &str, otherwise: bool) -> bool {
        self.query(name)
            .map_or(otherwise, |value| value.eq_ignore_ascii_case("true"))
    }

    /// The body, which must be JSON of the right shape; else why it is not.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.call.body).map_err(|error| error.to_string())
    }
}

/// A success.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Outcome {
        Ok(Self {
            status,
            body: body.to_string().into_bytes(),
            headers: Vec::new(),
        })
    }

    pub(super) fn empty(status: u16) -> Outcome {
        Ok(Self {
            status,
            ..Self::default()
        })
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

pub(super) type Outcome = Result<Answer, Fault>;

/// How a service writes its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `{"itemNotFound": {"code": 404, "message": "…"}}`
    Keyed,
    /// `{"code": 404, "message": "…", "details": "…"}`
    Flat,
}

/// An answer of 400 or more.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) style: Style,
    /// Properties beside code and message.
    pub(super) extra: Map<String, Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Fault {
    fn new(style: Style, status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            style,
            extra: Map::new(),
            headers: Vec::new(),
        }
    }

    /// Of Identity or Cloud Servers.
    pub(super) fn keyed(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self::new(Style::Keyed, status, kind, message)
    }

    /// Of Cloud DNS.
    pub(super) fn flat(status: u16, message: impl Into<String>, details: &str) -> Self {
        let mut fault = Self::new(Style::Flat, status, kind_of(status), message);
        if !details.is_empty() {
            fault.extra.insert("details".into(), details.into());
        }
        fault
    }

    /// One that no rule gave: of a route that is not there, or of a scripted failure.
    pub(super) fn of_status(style: Style, status: u16, message: impl Into<String>) -> Self {
        Self::new(style, status, kind_of(status), message)
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::keyed(400, "badRequest", message)
    }

    pub(super) fn no_such(what: &str) -> Self {
        Self::keyed(404, "itemNotFound", format!("{what} could not be found"))
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::keyed(409, "conflictingRequest", message)
    }

    /// A quota: it never comes with `Retry-After`, for waiting does not help.
    pub(super) fn over_quota(message: impl Into<String>) -> Self {
        Self::keyed(413, "overLimit", message)
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn with_extra(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    /// The fault without what is around it.
    pub(super) fn inner(&self) -> Value {
        let mut inner = self.extra.clone();
        inner.insert("code".into(), self.status.into());
        if !self.message.is_empty() {
            inner.insert("message".into(), self.message.clone().into());
        }
        Value::Object(inner)
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let body = match self.style {
            Style::Keyed => json!({ self.kind: self.inner() }),
            Style::Flat => self.inner(),
        };
        body.to_string().into_bytes()
    }
}

/// The name of a fault by its status, where nothing is known that is more exact.
fn kind_of(status: u16) -> &'static str {
    match status {
        400 => "badRequest",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "itemNotFound",
        405 => "badMethod",
        409 => "conflictingRequest",
        413 | 429 => "overLimit",
        503 => "serviceUnavailable",
        _ => "computeFault",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_keyed_by_its_kind_or_flat() {
        let read = |fault: &Fault| serde_json::from_slice::<Value>(&fault.body()).unwrap();
        assert_eq!(
            read(&Fault::no_such("Image")),
            json!({"itemNotFound": {"code": 404, "message": "Image could not be found"}})
        );
        assert_eq!(
            read(&Fault::flat(409, "It exists.", "Domain")),
            json!({"code": 409, "message": "It exists.", "details": "Domain"})
        );
    }
}
