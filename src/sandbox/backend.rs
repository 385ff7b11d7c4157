//! What stands behind the front: a cloud, whichever it is, that answers requests.
//!
//! The front (`front`) knows sockets, latency, scripted failures, kills and counts, and no cloud. A
//! backend knows its operations, its tokens and limits, and how it words an error.

use super::answer::Boot;
use super::fault::Fault;
use super::model::Millis;
use axum::http::{HeaderMap, Method, Response, Uri};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Debug;

/// An answer as it goes out, unless a scripted failure changes it.
pub(super) type Reply = Response<Vec<u8>>;

/// One request, whole.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query, as asked for.
    pub(super) uri: Uri,
    /// Empty if it was not asked over HTTP ([`super::Sandbox::ask`]): then it is asked by whoever
    /// runs the sandbox, and past tokens and limits.
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// `http://host:port` as the caller knows us, for links.
    pub(super) base: String,
    /// What the request is called in answers.
    pub(super) id: String,
}

impl Asked {
    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Path and query.
    pub(super) fn full_path(&self) -> &str {
        let full = self.uri.path_and_query();
        full.map_or(self.uri.path(), |full| full.as_str())
    }
}

/// How what a request starts differs from the usual, as scripted failures will have it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Twist {
    /// How long what it makes cannot be seen.
    pub(super) lag: Millis,
    /// How what it starts comes about.
    pub(super) boot: Boot,
}

/// What a look at the token and the limits comes to.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Set on every answer to the request, whoever gives it.
    pub(super) headers: HeaderMap,
    /// The answer, if the request goes no further. No scripted failure touches it.
    pub(super) refused: Option<Reply>,
}

/// A cloud behind the front.
pub(super) trait Backend: Debug + Send + Sync + 'static {
    /// Tells this cloud from others when two processes meet over a world's file.
    fn id(&self) -> String;

    /// The operation a request asks for, as a path with `{…}` for what differs; `None` for what
    /// leads nowhere. Requests are counted by it, and faults may wait for it.
    fn route(&self, asked: &Asked) -> Option<Cow<'static, str>>;

    /// The path as faults and their writers know it.
    fn path<'a>(&self, asked: &'a Asked) -> &'a str {
        asked.path()
    }

    /// Looks at the token, counts the request against the limits.
    fn admit(&self, asked: &Asked, route: Option<&str>) -> Admission;

    /// The names of what a request is about: of a create those it asks for, of a request on an id
    /// that of the object. Asked for only if a fault waits for a name.
    fn names(&self, asked: &Asked, route: Option<&str>) -> Vec<String>;

    /// Does what is asked, and has it durable before it answers. `None`: it must not be answered.
    fn answer<'a>(&'a self, asked: &'a Asked, twist: Twist) -> BoxFuture<'a, Option<Reply>>;

    /// An error in this cloud's form that no rule gave; with its usual words if `message` is none.
    fn error(&self, status: u16, message: Option<&str>, id: &str) -> Reply;

    /// The same as the answer to a request, for a cloud whose services do not all word theirs alike.
    fn error_to(&self, asked: &Asked, status: u16, message: Option<&str>) -> Reply {
        self.error(status, message, &asked.id)
    }

    /// Why a fault cannot be had here, in words for whoever arms it.
    fn cannot(&self, _fault: &Fault) -> Option<String> {
        None
    }

    /// Answers under `/_sandbox` what is this cloud's own; `None` for what it does not know.
    fn control<'a>(
        &'a self,
        method: &'a str,
        path: &'a str,
        body: &'a Value,
    ) -> BoxFuture<'a, Option<Reply>>;

    /// Ends every lag.
    fn reveal(&self) {}

    /// Changes nothing from now on, whoever still asks.
    fn close(&self) {}
}
