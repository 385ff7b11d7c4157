//! A reverse proxy behind the front: what answers is any API on this machine, and the front's
//! scripted failures come between it and its client.

mod links;
mod loopback;
mod names;

pub use loopback::{Loopback, Seen};

use super::backend::{Admission, Asked, Backend, Reply, Twist};
use super::fault::{Fault, Kind};
use super::{Error, lock};
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use links::{Links, plain};
use loopback::{Heard, Place};
use names::Names;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Mutex;

/// Headers that are about one connection and not about what is asked.
const OF_A_CONNECTION: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Debug)]
pub(super) struct Proxy {
    upstream: Place,
    client: Loopback,
    links: Mutex<Links>,
    names: Mutex<Names>,
}

impl Proxy {
    pub(super) fn before(upstream: &str) -> Result<Self, Error> {
        let refused = |why: String| Error::Upstream {
            url: upstream.to_owned(),
            why,
        };
        let place = Place::of(upstream).map_err(|why| refused(why.to_owned()))?;
        Ok(Self {
            client: Loopback::new().map_err(refused)?,
            links: Mutex::new(Links::new(place.authority.clone())),
            names: Mutex::default(),
            upstream: place,
        })
    }

    /// The path that the upstream's URL had, which the proxy's has as well.
    pub(super) fn path(&self) -> &str {
        &self.upstream.path
    }

    async fn pass(&self, asked: &Asked) -> Reply {
        let to = {
            let links = lock(&self.links);
            let target = links.target(asked.full_path());
            target.map(|(authority, path)| {
                (authority.to_owned(), format!("http://{authority}{path}"))
            })
        };
        let Some((authority, url)) = to else {
            let message =
                "This proxy knows no such service; a catalog that passes through it tells of them.";
            return self.error(404, Some(message), &asked.id);
        };
        let mut body = asked.body.clone();
        if is_json(&asked.headers) {
            body = lock(&self.links).all_inward(&body, &asked.base);
        }
        let mut headers = without_connection(&asked.headers);
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        // What is packed cannot be read here.
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        match self
            .client
            .send(asked.method.clone(), &url, headers, body)
            .await
        {
            Ok(heard) => self.pass_back(asked, &authority, heard),
            Err(error) => {
                let message = format!("The upstream at {authority} does not answer: {error}");
                self.error(502, Some(&message), &asked.id)
            }
        }
    }

    fn pass_back(&self, asked: &Asked, authority: &str, heard: Heard) -> Reply {
        let mut body = heard.body;
        let mut links = lock(&self.links);
        if is_json(&heard.headers) {
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            links.learn(&answer);
            body = links.all_outward(&body, &asked.base);
            let prefix = links.prefix(authority).unwrap_or_default();
            if let Some(next) = answer.get("next").and_then(Value::as_str)
                && next.starts_with('/')
                && !prefix.is_empty()
            {
                // Relative to the root of a service, which is not the root here.
                body = text_replaced(&body, &json!(next), &json!(format!("{prefix}{next}")));
            }
            let mut names = lock(&self.names);
            let about = about(&names, asked);
            names.learn(plain(asked.path()), &about, &answer);
        }
        let mut headers = without_connection(&heard.headers);
        if asked.method != Method::HEAD {
            headers.remove(header::CONTENT_LENGTH);
        }
        let location = headers
            .get(header::LOCATION)
            .and_then(|url| url.to_str().ok());
        let location = location.and_then(|url| links.outward(url, &asked.base));
        if let Some(Ok(location)) = location.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        let mut reply = Response::new(body);
        *reply.status_mut() = heard.status;
        *reply.headers_mut() = headers;
        reply
    }
}

impl Backend for Proxy {
    fn id(&self) -> String {
        format!(
            "proxy of http://{}{}",
            self.upstream.authority, self.upstream.path
        )
    }

    fn route(&self, asked: &Asked) -> Option<Cow<'static, str>> {
        Some(lock(&self.names).route(plain(asked.path())).into())
    }

    fn path<'a>(&self, asked: &'a Asked) -> &'a str {
        plain(asked.path())
    }

    fn admit(&self, _asked: &Asked, _route: Option<&str>) -> Admission {
        Admission::default()
    }

    fn names(&self, asked: &Asked, _route: Option<&str>) -> Vec<String> {
        about(&lock(&self.names), asked)
    }

    fn answer<'a>(&'a self, asked: &'a Asked, _twist: Twist) -> BoxFuture<'a, Option<Reply>> {
        self.pass(asked).map(Some).boxed()
    }

    /// In the form of Keystone and Nova, with the message also where other APIs have it.
    fn error(&self, status: u16, message: Option<&str>, id: &str) -> Reply {
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = code.canonical_reason().unwrap_or("Error");
        let message = message.unwrap_or("This failure was asked for.");
        let kind = if matches!(status, 413 | 429) {
            "overLimit"
        } else {
            "error"
        };
        let body = json!({
            kind: {"code": status, "message": message, "title": title},
            "message": message,
        });
        let mut reply = Response::new(body.to_string().into_bytes());
        *reply.status_mut() = code;
        let json = HeaderValue::from_static("application/json");
        reply.headers_mut().insert(header::CONTENT_TYPE, json);
        super::answer::insert(reply.headers_mut(), "x-request-id", id);
        reply
    }

    fn cannot(&self, fault: &Fault) -> Option<String> {
        let why = match fault.kind {
            Kind::Lag => "a proxy cannot hide what the cloud behind it has made",
            Kind::NeverActive => "a proxy has no say in what boots in the cloud behind it",
            Kind::Ignored | Kind::Fails => "a proxy has no say in what the cloud behind it does",
            _ => return None,
        };
        Some(format!("This fault cannot be had here: {why}."))
    }

    fn control<'a>(
        &'a self,
        _method: &'a str,
        _path: &'a str,
        _body: &'a Value,
    ) -> BoxFuture<'a, Option<Reply>> {
        async { None }.boxed()
    }
}

fn about(names: &Names, asked: &Asked) -> Vec<String> {
    let query: Vec<(String, String)> = Query::try_from_uri(&asked.uri)
        .map(|Query(pairs)| pairs)
        .unwrap_or_default();
    names.of(plain(asked.path()), &query, &asked.body)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("json"))
}

/// The headers that are for the other side. `connection` may name more that are not.
fn without_connection(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all(header::CONNECTION).iter();
    let named = named.filter_map(|value| value.to_str().ok());
    let named: Vec<String> = named
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let passes = |name: &HeaderName| {
        !OF_A_CONNECTION.contains(&name.as_str())
            && !named.iter().any(|other| other == name.as_str())
    };
    let mut passed = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
        passed.append(name, value.clone());
    }
    passed
}

/// Puts one JSON string in the place of another, wherever it stands.
fn text_replaced(body: &[u8], old: &Value, new: &Value) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) => text
            .replace(&old.to_string(), &new.to_string())
            .into_bytes(),
        Err(_) => body.to_vec(),
    }
}
