//! What a rule is given and what it gives back: one request, one answer.

use super::backend::Reply;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One request as the rules see it: parsed, authorised, past the limits.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// The path as asked for, without the query.
    pub(super) path: String,
    /// What stood in the places of the route's `{…}`, decoded.
    pub(super) params: Vec<String>,
    /// The query's pairs, decoded, in order.
    pub(super) query: Vec<(String, String)>,
    /// The body as it came.
    pub(super) body: Vec<u8>,
    /// `http://host:port` as the caller knows us, for links.
    pub(super) base: String,
    /// How long what this call makes cannot be seen, in milliseconds.
    pub(super) lag: i64,
    /// A scripted failure: how boots and actions begun by this call differ from the usual.
    pub(super) boot: Boot,
}

/// How what this call starts comes about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Boot {
    /// As the options say.
    #[default]
    Usual,
    /// This many milliseconds.
    Millis(u64),
    /// It never comes up.
    Never,
    /// An action is carried out and changes nothing.
    Ignored,
    /// An action fails.
    Fails,
}

impl Call {
    pub(super) fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// A numeric id out of the path. Anything else cannot be an object's id.
    pub(super) fn id(&self, index: usize) -> Result<u64, Refusal> {
        self.param(index).parse().map_err(|_| Refusal::not_found())
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as `T`. What is not JSON is the caller's mistake in form (400), what is JSON of
    /// another shape is a mistake in content (422).
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let value = if self.body.iter().all(u8::is_ascii_whitespace) {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(&self.body).map_err(|_| {
                Refusal::new(
                    400,
                    "Unable to parse the request body: it is not valid JSON.",
                )
            })?
        };
        if !value.is_object() {
            return Err(Refusal::new(400, "The request body must be a JSON object."));
        }
        serde_json::from_value(value)
            .map_err(|error| Refusal::unprocessable(format!("The request body is wrong: {error}")))
    }
}

/// A successful answer: status and body, empty for 204.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

pub(super) type Outcome = Result<Answer, Refusal>;

impl Answer {
    pub(super) fn no_content() -> Self {
        Self {
            status: 204,
            body: Vec::new(),
        }
    }

    /// `value` as the whole body.
    pub(super) fn json(status: u16, value: &impl Serialize) -> Outcome {
        serde_json::to_vec(value)
            .map(|body| Self { status, body })
            .map_err(|error| Refusal::new(500, format!("Server Error: {error}")))
    }

    /// `value` under its root key, as the API wraps every object.
    pub(super) fn object(status: u16, key: &str, value: &impl Serialize) -> Outcome {
        let mut root = std::collections::BTreeMap::new();
        root.insert(key, value);
        Self::json(status, &root)
    }
}

/// An answer of 400 or more.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// Properties beside `id`, `message` and `request_id`.
    pub(super) extra: Map<String, Value>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            extra: Map::new(),
            headers: Vec::new(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "The resource you requested could not be found.")
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, message)
    }

    pub(super) fn with_extra(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The error body the API documents: a short form of the status, a sentence, the request.
    pub(super) fn body(&self, request_id: &str) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("id".into(), status_id(self.status).into());
        body.insert("message".into(), self.message.clone().into());
        body.insert("request_id".into(), request_id.into());
        body.extend(self.extra.clone());
        Value::Object(body).to_string().into_bytes()
    }
}

/// Writes an outcome as HTTP.
pub(super) fn reply(outcome: &Outcome, request_id: &str) -> Reply {
    let (status, body) = match outcome {
        Ok(answer) => (answer.status, answer.body.clone()),
        Err(refusal) => (refusal.status, refusal.body(request_id)),
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    // Even with an empty body: the description lists it for 204.
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, json);
    insert(headers, "x-request-id", request_id);
    if let Err(refusal) = outcome {
        for (name, value) in &refusal.headers {
            insert(headers, name, value);
        }
    }
    reply
}

/// Sets a header whose name or value comes from outside; what cannot be one is left out.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

/// The `id` that goes with a status.
pub(super) fn status_id(status: u16) -> &'static str {
    match status {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        405 => "method_not_allowed",
        409 => "conflict",
        412 => "precondition_failed",
        413 => "request_entity_too_large",
        422 => "unprocessable_entity",
        429 => "too_many_requests",
        503 => "service_unavailable",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(body: &str) -> Call {
        Call {
            body: body.into(),
            ..Call::default()
        }
    }

    #[test]
    fn a_body_in_the_wrong_form_is_400_and_in_the_wrong_shape_422() {
        #[derive(Debug, serde::Deserialize)]
        struct Named {
            #[expect(dead_code, reason = "only whether it parses matters")]
            name: String,
        }
        let status = |body: &str| call(body).json::<Named>().map_err(|refusal| refusal.status);
        assert_eq!(status("{").unwrap_err(), 400);
        assert_eq!(status("[]").unwrap_err(), 400);
        assert_eq!(status("").unwrap_err(), 422);
        assert_eq!(status(r#"{"name": 1}"#).unwrap_err(), 422);
        assert!(status(r#"{"name": "x"}"#).is_ok());
    }

    #[test]
    fn an_error_body_carries_id_message_request_and_extras() {
        let refusal = Refusal::unprocessable("no").with_extra("why", Value::from(1));
        let body: Value = serde_json::from_slice(&refusal.body("r-1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"id": "unprocessable_entity", "message": "no", "request_id": "r-1", "why": 1})
        );
    }
}
