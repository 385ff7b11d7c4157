//! What came back: taken into memory, decoded, or classified by what to do next.

use std::error::Error as _;

use reqwest::{Method, Response};
use serde::de::DeserializeOwned;

use crate::model::{chain, escape};
use crate::provider::{Class, Error};

use super::Dialect;
use super::client::{Http, REQUEST_TIMEOUT};

/// Answers up to this size are taken into memory; the largest page is about 1 MiB.
const LARGEST_BODY: usize = 16 << 20;
/// As much of an error's body as is looked at.
const LARGEST_ERROR: usize = 64 << 10;

impl<D: Dialect> Http<D> {
    /// The error that an answer tells of.
    pub(super) async fn refused(&self, what: &str, method: &Method, mut answer: Response) -> Error {
        let status = answer.status();
        let header_id = ["x-request-id", "x-openstack-request-id"]
            .iter()
            .find_map(|name| answer.headers().get(*name)?.to_str().ok());
        let header_id = header_id.map(ToOwned::to_owned);
        // What broke off or is too long still says something; the status says what to do.
        let mut text = Vec::new();
        let _ = read(&mut answer, LARGEST_ERROR, &mut text).await;
        let text = String::from_utf8_lossy(&text);
        let (message, body_id) = match self.dialect().refusal(&text) {
            Some(refusal) => (refusal.message, refusal.request_id),
            // A gateway in front may answer with a page of HTML.
            None => (excerpt(&self.clean(&text)), None),
        };
        let message = match message.as_str() {
            "" => status.canonical_reason().unwrap_or("no message").to_owned(),
            _ => message,
        };
        let class = self.dialect().class_of(status, method, &message);
        Error {
            class,
            request: what.to_owned(),
            message: self.clean(&message),
            status: Some(status.as_u16()),
            request_id: body_id.or(header_id).map(|id| self.clean(&id)),
            advice: self.dialect().advice(class),
        }
    }

    /// The body of an answer, decoded.
    pub(in crate::provider) async fn decode<T: DeserializeOwned>(
        &self,
        what: &str,
        answer: Response,
    ) -> Result<T, Error> {
        let bytes = self.body(what, answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = String::from_utf8_lossy(&bytes);
            // Cleaned before it is cut: half a secret is a secret too. The decoder's words repeat
            // parts of the answer.
            let text = excerpt(&self.clean(text.trim()));
            let why = self.clean(&error.to_string());
            let message = format!("the answer is not what the API describes ({why}): {text}");
            Error::new(Class::Malformed, what, message)
        })
    }

    /// As [`Self::decode`], of an answer that holds a secret which nobody knows yet: no error
    /// quotes it.
    pub(in crate::provider) async fn decode_unseen<T: DeserializeOwned>(
        &self,
        what: &str,
        answer: Response,
    ) -> Result<T, Error> {
        let bytes = self.body(what, answer).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the answer is not what the API describes (at {place})");
            Error::new(Class::Malformed, what, message)
        })
    }

    async fn body(&self, what: &str, mut answer: Response) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let whole = read(&mut answer, LARGEST_BODY, &mut bytes)
            .await
            .map_err(|error| {
                let message = format!("the answer broke off: {}", chain(&error));
                Error::new(Class::Transient, what, self.clean(&message))
            })?;
        if !whole {
            let most = LARGEST_BODY >> 20;
            let message = format!("the answer is over {most} MiB");
            return Err(Error::new(Class::Malformed, what, message));
        }
        Ok(bytes)
    }

    pub(super) fn transport_error(
        &self,
        what: &str,
        method: &Method,
        error: &reqwest::Error,
    ) -> Error {
        // Looking up the name, connecting and the TLS handshake all come before the first byte of
        // a request. Of whatever happens later nobody can say how far the request got.
        let class = if error.is_connect() || error.is_builder() {
            Class::NotSent
        } else if *method == Method::GET {
            Class::Transient
        } else {
            Class::Ambiguous
        };
        let message = if error.is_connect() {
            // The outer errors only say again that it was a request, and to where.
            let cause = error.source().map_or_else(|| chain(error), chain);
            let cause = cause.trim_start_matches("client error (Connect): ");
            format!("no connection to {}: {cause}", self.url())
        } else if error.is_timeout() {
            format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())
        } else {
            format!("the connection broke: {}", chain(error))
        };
        Error {
            advice: distrusts(error).then_some(
                "check the address and this machine's clock; an authority of your own is added to \
                 this machine's certificates, or named as `cacert` for an OpenStack",
            ),
            ..Error::new(class, what, self.clean(&message))
        }
    }

    /// Text from outside as it may be shown: without secrets, on one line, control characters
    /// escaped.
    fn clean(&self, text: &str) -> String {
        escape(&self.dialect().scrub(text)).into_owned()
    }
}

/// Whether it is the certificate of whoever answered that was not believed.
fn distrusts(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // What an `io::Error` was made of is inside it, and not its source.
        let inside = error.downcast_ref::<std::io::Error>();
        cause = match inside.and_then(std::io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    false
}

/// Takes the body as it comes, up to `most` bytes of it, unpacked; says whether that is all. The
/// length that an answer promises is not relied on: one in chunks promises none.
async fn read(
    answer: &mut Response,
    most: usize,
    into: &mut Vec<u8>,
) -> Result<bool, reqwest::Error> {
    while let Some(chunk) = answer.chunk().await? {
        if into.len() + chunk.len() > most {
            return Ok(false);
        }
        into.extend_from_slice(&chunk);
    }
    Ok(true)
}

/// The beginning of a body that is not what was expected.
fn excerpt(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
