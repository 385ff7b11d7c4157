//! A client for what is on this machine, and for nothing else: the far side of a proxy, and the way
//! past one for whoever wants to see what is really there.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// Nothing on this machine takes so long to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where an API on this machine is: `127.0.0.1:5000`, and the path that it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) authority: String,
    /// Without a slash at its end; empty for the root.
    pub(super) path: String,
}

impl Place {
    /// Reads a URL. An error says what is wrong with it, after the URL.
    pub(super) fn of(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("is not plain http on this machine");
        };
        let host = authority.host().trim_matches(['[', ']']);
        let loopback = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !loopback || authority.as_str().contains('@') {
            return Err("is not plain http on this machine");
        }
        Ok(Self {
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Loopback(reqwest::Client);

/// An answer, to whoever looks past a proxy.
#[derive(Debug)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// `x-subject-token`, where a token was asked for.
    pub token: Option<String>,
    /// The body; null if it is not JSON.
    pub body: Value,
}

impl Loopback {
    /// A client that follows nothing, unpacks nothing and goes through no proxy.
    ///
    /// # Errors
    ///
    /// If the system does not let it, in words.
    #[expect(
        clippy::disallowed_methods,
        reason = "the sandbox imports no client of ours, and this one reaches this machine alone"
    )]
    pub fn new() -> Result<Self, String> {
        // It is never used, but without one no client is made. Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            // A connection that was kept may be closed by the other side just when it is used, and
            // that would be a failure that nobody scripted.
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Sends a request as it is.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Heard, String> {
        Place::of(url).map_err(|wrong| format!("{url} {wrong}"))?;
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut request = self.0.request(method, url).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let response = request.send().await.map_err(failed)?;
        Ok(Heard {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.map_err(failed)?.into(),
        })
    }

    /// Asks with these headers; a body of null is none.
    ///
    /// # Errors
    ///
    /// If there is no answer, or the address is not on this machine, in words.
    pub async fn ask(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &Value,
    ) -> Result<Seen, String> {
        let method: Method = method
            .parse()
            .map_err(|_| format!("{method} is no method"))?;
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value);
            let mut value = value.map_err(|_| format!("{name} cannot have that value"))?;
            value.set_sensitive(true);
            sent.insert(HeaderName::from_static(name), value);
        }
        let body = match body {
            Value::Null => Vec::new(),
            body => {
                let json = HeaderValue::from_static("application/json");
                sent.insert("content-type", json);
                body.to_string().into_bytes()
            }
        };
        let heard = self.send(method, url, sent, body).await?;
        let token = heard.headers.get("x-subject-token");
        Ok(Seen {
            status: heard.status.as_u16(),
            token: token.and_then(|token| Some(token.to_str().ok()?.to_owned())),
            body: serde_json::from_slice(&heard.body).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_on_this_machine_is_a_place() {
        for (url, authority, path) in [
            ("http://127.0.0.1:5000/v3/", "127.0.0.1:5000", "/v3"),
            ("http://localhost", "localhost", ""),
            ("http://[::1]:80/a/b", "[::1]:80", "/a/b"),
        ] {
            let place = Place::of(url).unwrap();
            assert_eq!(
                (place.authority.as_str(), place.path.as_str()),
                (authority, path)
            );
        }
        for url in [
            "https://127.0.0.1:5000",
            "http://192.0.2.1",
            "http://example.com/v3",
            "http://127.0.0.1@example.com/",
            "http://user@127.0.0.1/",
            "http://localhost.example.com",
            "127.0.0.1:5000",
            "/v3",
            "",
        ] {
            assert!(Place::of(url).is_err(), "{url}");
        }
    }
}
