//! Links that would lead past a proxy: in catalogs, lists and headers they are turned towards it,
//! and back again where a client sends one.
//!
//! What was given as upstream is at the proxy's root. Other services, which a catalog tells of, are
//! below `/_up/`: `/_up/127.0.0.1:8774/v2.1`.

use super::loopback::Place;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the paths of services other than the first begin with.
const UP: &str = "/_up/";
const HTTP: &[u8] = b"\"http://";

/// Which services there are.
#[derive(Debug)]
pub(super) struct Links {
    first: String,
    others: BTreeSet<String>,
}

impl Links {
    pub(super) fn new(first: String) -> Self {
        Self {
            first,
            others: BTreeSet::new(),
        }
    }

    /// Learns the services of a catalog, if this is an answer that has one: of Identity v3 (`url`)
    /// or v2 (`publicURL` and its like). One that is not on this machine is left alone.
    pub(super) fn learn(&mut self, answer: &Value) {
        let catalog = ["/token/catalog", "/catalog", "/access/serviceCatalog"]
            .iter()
            .find_map(|place| answer.pointer(place)?.as_array());
        let endpoints = catalog
            .into_iter()
            .flatten()
            .filter_map(|service| service.get("endpoints")?.as_array())
            .flatten();
        for endpoint in endpoints {
            let urls = ["url", "publicURL", "internalURL", "adminURL"];
            for url in urls.iter().filter_map(|key| endpoint.get(key)?.as_str()) {
                if let Ok(place) = Place::of(url)
                    && place.authority != self.first
                {
                    self.others.insert(place.authority);
                }
            }
        }
    }

    /// Where a path leads: the service, and the path there. `None` for a service that no catalog
    /// has told of.
    pub(super) fn target<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a str)> {
        let Some((authority, rest)) = below(path) else {
            return Some((&self.first, path));
        };
        let known = self.others.get(authority)?;
        // Who puts a link of ours behind an endpoint of ours says it twice.
        match below(rest) {
            Some(_) => self.target(rest),
            None => Some((known, rest)),
        }
    }

    /// The prefix under which a service is here.
    pub(super) fn prefix(&self, authority: &str) -> Option<String> {
        if authority == self.first {
            return Some(String::new());
        }
        let known = self.others.contains(authority);
        known.then(|| format!("{UP}{authority}"))
    }

    /// A link of a service, turned towards the proxy. `None` if it is no such link.
    pub(super) fn outward(&self, url: &str, base: &str) -> Option<String> {
        let rest = url.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Some(format!("{base}{}{path}", self.prefix(authority)?))
    }

    /// Turns every link in a JSON text towards the proxy; all else stays as it is, byte for byte.
    pub(super) fn all_outward(&self, text: &[u8], base: &str) -> Vec<u8> {
        replace(text, HTTP, |after| {
            let end = after.iter().position(|byte| b"/?#\"\\".contains(byte))?;
            let authority = std::str::from_utf8(after.get(..end)?).ok()?;
            Some((format!("\"{base}{}", self.prefix(authority)?), end))
        })
    }

    /// Turns every link to the proxy in a JSON text back to where it came from.
    pub(super) fn all_inward(&self, text: &[u8], base: &str) -> Vec<u8> {
        replace(text, format!("\"{base}").as_bytes(), |after| {
            let end = after.iter().position(|byte| b"?#\"\\".contains(byte))?;
            let path = std::str::from_utf8(after.get(..end)?).ok()?;
            if !path.is_empty() && !path.starts_with('/') {
                return None;
            }
            let (authority, rest) = self.target(path)?;
            Some((format!("\"http://{authority}{rest}"), end))
        })
    }
}

/// The service and the path there, of a path below [`UP`].
fn below(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix(UP)?;
    Some(path.split_at(path.find('/').unwrap_or(path.len())))
}

/// A path without what leads to its service.
pub(super) fn plain(path: &str) -> &str {
    below(path).map_or(path, |(_, rest)| plain(rest))
}

/// Puts something else in the place of what is found and of as many bytes after it as `other` says.
fn replace(text: &[u8], find: &[u8], other: impl Fn(&[u8]) -> Option<(String, usize)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, next)) = rest.split_first() {
        let found = rest
            .strip_prefix(find)
            .and_then(|after| Some((other(after)?, after)));
        match found {
            Some(((new, taken), after)) => {
                out.extend_from_slice(new.as_bytes());
                rest = after.get(taken..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = next;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BASE: &str = "http://127.0.0.1:9";

    fn links() -> Links {
        let mut links = Links::new("127.0.0.1:5000".into());
        links.learn(&json!({"token": {"catalog": [
            {"type": "compute", "endpoints": [
                {"interface": "public", "url": "http://127.0.0.1:8774/v2.1"},
                {"interface": "admin", "url": "https://nova.example.com/"}]},
            {"type": "identity", "endpoints": [{"url": "http://127.0.0.1:5000/v3"}]},
        ]}}));
        links.learn(&json!({"access": {"serviceCatalog": [
            {"endpoints": [{"publicURL": "http://localhost:53/v1.0/7"}]}]}}));
        links
    }

    #[test]
    fn links_of_services_that_are_known_lead_to_the_proxy_and_nothing_else_changes() {
        let links = links();
        let text = br#"{ "a":"http://127.0.0.1:8774/v2.1/x?y=1", "b": ["http://localhost:53"],
            "c": "http://127.0.0.1:5000/v3", "d": "http://127.0.0.1:50001/", "e": 1.50,
            "f": "see http://127.0.0.1:8774/", "g": "http://nova.example.com/\u00e9" }"#;
        let expected = r#"{ "a":"B/_up/127.0.0.1:8774/v2.1/x?y=1", "b": ["B/_up/localhost:53"],
            "c": "B/v3", "d": "http://127.0.0.1:50001/", "e": 1.50,
            "f": "see http://127.0.0.1:8774/", "g": "http://nova.example.com/\u00e9" }"#;
        let out = links.all_outward(text, BASE);
        assert_eq!(String::from_utf8_lossy(&out), expected.replace('B', BASE));
        assert_eq!(links.all_inward(&out, BASE), text);
        let location = links.outward("http://127.0.0.1:8774/v2.1", BASE);
        assert_eq!(location.unwrap(), format!("{BASE}/_up/127.0.0.1:8774/v2.1"));
    }

    #[test]
    fn a_path_leads_to_its_service_and_to_no_other() {
        let links = links();
        for (path, target) in [
            (
                "/v3/auth/tokens",
                Some(("127.0.0.1:5000", "/v3/auth/tokens")),
            ),
            (
                "/_up/127.0.0.1:8774/v2.1/s",
                Some(("127.0.0.1:8774", "/v2.1/s")),
            ),
            ("/_up/127.0.0.1:8774", Some(("127.0.0.1:8774", ""))),
            (
                "/_up/127.0.0.1:8774/_up/127.0.0.1:8774/v2.1",
                Some(("127.0.0.1:8774", "/v2.1")),
            ),
            ("/_up/127.0.0.1:22/", None),
            ("/_up/nova.example.com/", None),
        ] {
            assert_eq!(links.target(path), target, "{path}");
        }
        assert_eq!(plain("/_up/127.0.0.1:8774/v2.1/s"), "/v2.1/s");
        assert_eq!(plain("/v3"), "/v3");
    }
}
