use std::fmt;

/// A request that did not do what it should, classified by what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    /// What to do next.
    pub class: Class,
    /// What was asked: `POST /v2/droplets`.
    pub request: String,
    /// What came of it, in the API's words where there are some.
    pub message: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The API's own name for the request, for its support.
    pub request_id: Option<String>,
    /// What to check if nobody knows who is asking: each provider has its own.
    pub credentials: Option<&'static str>,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// There is no such thing.
    NotFound,
    /// Something is in the way for the moment, such as a pending event: wait, then ask again.
    Busy,
    /// Too many requests, and waiting as told did not help.
    RateLimited,
    /// It may go better later; nothing was changed.
    Transient,
    /// It was never sent: no connection came about.
    NotSent,
    /// It may have been carried out: look before doing it again.
    Ambiguous,
    /// This token may not put our mark on anything. Nothing was made; asked again, it is made
    /// without.
    Unmarkable,
    /// What should be created is there already, made by somebody else or by a request whose answer
    /// was lost.
    Exists,
    /// The request is refused as it is.
    Rejected,
    /// The token is not accepted, or may not do this.
    Unauthorized,
    /// The answer makes no sense.
    Malformed,
}

impl Class {
    /// The error, of this class.
    pub(super) fn of(self, error: Error) -> Error {
        Error {
            class: self,
            ..error
        }
    }
}

impl Error {
    /// An error about a request.
    #[must_use]
    pub fn new(class: Class, request: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            request: request.into(),
            message: message.into(),
            status: None,
            request_id: None,
            credentials: None,
        }
    }

    /// What to do about it, for a person.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.class {
            Class::NotFound => "run plan again to see what is there now",
            Class::Busy => "wait until it has finished, then run it again",
            Class::RateLimited => "other programs use the same token's budget; run it again later",
            Class::Transient => "run it again; nothing was changed by this request",
            Class::NotSent => {
                "check the network, HTTPS_PROXY and the API's address, then run it again"
            }
            Class::Ambiguous => {
                "it may exist; run it again in a minute: cloudbuilder looks before it makes anything"
            }
            Class::Unmarkable => "run it again: it is made without a mark then",
            Class::Exists => "run it again: plan shows what is there now",
            Class::Rejected => "correct what it names, then run it again",
            Class::Unauthorized => self
                .credentials
                .unwrap_or("check the account's entry in security.json"),
            Class::Malformed => "check the API's address; if it is right, report this",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.message)?;
        match (self.status, &self.request_id) {
            (Some(status), Some(id)) => write!(f, " (status {status}, request {id})"),
            (Some(status), None) => write!(f, " (status {status})"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
