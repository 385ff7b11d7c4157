//! What a request to an unknown API is about, in names: found in bodies, and learned from answers,
//! which say the names of the ids that later requests have in their paths.

use serde_json::Value;
use std::collections::HashMap;

/// Types that are of DNS records. What has one is called by its name and its type.
const RECORD_TYPES: [&str; 10] = [
    "A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT",
];
/// How deep in an answer objects are looked for.
const DEPTH: usize = 4;

/// The names of ids. What is gone keeps its name.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_id: HashMap<String, Vec<String>>,
}

impl Names {
    /// What a request is about: the object that its path ends with; else those that its body
    /// names, or its query; else what its path leads through.
    pub(super) fn of(&self, path: &str, query: &[(String, String)], body: &[u8]) -> Vec<String> {
        let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let known = |segment: &String| self.by_id.get(segment).cloned();
        if let Some(names) = segments.last().and_then(known) {
            return names;
        }
        let around = segments.iter().rev().find_map(known).unwrap_or_default();
        let around_it = around.first().map_or("", String::as_str);
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let named = named(&body, around_it);
        if !named.is_empty() {
            return named;
        }
        let asked = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, v)| v);
        if let Some(name) = asked("name") {
            let kind = asked("type").map(String::as_str).unwrap_or_default();
            return vec![called(name, kind, "")];
        }
        if around.is_empty() {
            // Some things have their name in the path, and may not be there yet.
            return segments.into_iter().next_back().into_iter().collect();
        }
        around
    }

    /// Learns the names of the ids in an answer. An object without a name is the one that was
    /// asked for, and so is a job.
    pub(super) fn learn(&mut self, path: &str, asked: &[String], answer: &Value) {
        let segments = path.split('/').skip(1).map(decoded);
        let around = segments.filter_map(|segment| self.by_id.get(&segment)?.first().cloned());
        let around = around.last().unwrap_or_default();
        self.learn_all(answer, &around, DEPTH);
        let roots = answer
            .as_object()
            .into_iter()
            .flat_map(|root| root.values());
        for object in std::iter::once(answer).chain(roots) {
            let nameless = object.get("name").is_none();
            let id = object.get("id").filter(|_| nameless);
            if let Some(id) = id.or_else(|| object.get("jobId")).and_then(text)
                && !asked.is_empty()
                && !is_version(&id)
            {
                self.by_id.insert(id, asked.to_vec());
            }
        }
    }

    fn learn_all(&mut self, value: &Value, around: &str, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        match value {
            Value::Array(values) => {
                for value in values {
                    self.learn_all(value, around, depth + 1);
                }
            }
            Value::Object(object) => {
                if let Some(name) = name(value, around) {
                    // What has no id is asked for by its name.
                    let id = ["id", "uuid"]
                        .iter()
                        .find_map(|key| text(object.get(*key)?));
                    self.by_id
                        .insert(id.unwrap_or_else(|| name.clone()), vec![name]);
                }
                for value in object.values() {
                    self.learn_all(value, around, depth);
                }
            }
            _ => {}
        }
    }

    /// The path with `{id}` for whatever is an object's.
    pub(super) fn route(&self, path: &str) -> String {
        let segments = path.split('/').map(|segment| {
            let plain = decoded(segment);
            if looks_like_an_id(&plain) || self.by_id.contains_key(&plain) {
                "{id}"
            } else {
                segment
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// The names that a body gives to what it asks for.
fn named(body: &Value, around: &str) -> Vec<String> {
    let Some(root) = body.as_object() else {
        return Vec::new();
    };
    if let Some(name) = name(body, around) {
        return vec![name];
    }
    let names = root.get("names").and_then(Value::as_array);
    let names = names.into_iter().flatten();
    let many = names.filter_map(|name| Some(name.as_str()?.to_owned()));
    let inner = root.values().flat_map(|value| match value {
        Value::Array(values) => values.iter().filter_map(|one| name(one, around)).collect(),
        one => name(one, around).into_iter().collect::<Vec<_>>(),
    });
    many.chain(inner).collect()
}

/// What an object is called.
fn name(object: &Value, around: &str) -> Option<String> {
    let word = |key: &str| object.get(key).and_then(Value::as_str);
    // A floating IP has no name; a description may end with whose it is.
    let described = || Some(word("description")?.rsplit('/').next().unwrap_or_default());
    let name = word("name").or_else(described)?;
    Some(called(name, word("type").unwrap_or_default(), around)).filter(|name| !name.is_empty())
}

/// A record's name is whole, without a dot at its end, and with its type; also if it was said
/// relative to the zone around it.
fn called(name: &str, kind: &str, around: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    if !RECORD_TYPES.contains(&kind) {
        return name.to_owned();
    }
    let zone = around.split(' ').next().unwrap_or_default();
    if name == "@" {
        format!("{zone} {kind}")
    } else if zone.is_empty() || name == zone || name.ends_with(&format!(".{zone}")) {
        format!("{name} {kind}")
    } else {
        format!("{name}.{zone} {kind}")
    }
}

fn text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `v2.1`: services tell of their versions as of objects.
fn is_version(segment: &str) -> bool {
    let number = segment.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Numbers, UUIDs with and without dashes, `A-6822994`, and names with a dot, colon or `@` in them;
/// versions are none of these.
fn looks_like_an_id(segment: &str) -> bool {
    if is_version(segment) {
        return false;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bare: String = segment.chars().filter(|c| *c != '-').collect();
    let hex = bare.len() == 32 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    let record = segment
        .split_once('-')
        .is_some_and(|(kind, number)| RECORD_TYPES.contains(&kind) && digits(number));
    digits(segment) || hex || record || segment.contains(['.', ':', '@'])
}

fn decoded(segment: &str) -> String {
    crate::sandbox::routes::decode(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn about(names: &Names, asked: &str, body: &Value) -> String {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let query: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        names
            .of(path, &query, body.to_string().as_bytes())
            .join(", ")
    }

    const ID: &str = "88304b6b-f3be-415e-968a-2dfdbb860f30";

    #[test]
    fn bodies_and_queries_name_what_they_are_about() {
        let names = Names::default();
        for (asked, body, expected) in [
            (
                "/v2.1/servers",
                json!({"server": {"name": "web1", "imageRef": ID}}),
                "web1",
            ),
            (
                "/v2.1/os-keypairs",
                json!({"keypair": {"name": "me@home"}}),
                "me@home",
            ),
            ("/v2.1/os-keypairs/me%40home", Value::Null, "me@home"),
            (
                "/v2/zones",
                json!({"name": "acme.com.", "type": "PRIMARY"}),
                "acme.com",
            ),
            (
                "/v2/zones/1/recordsets",
                json!({"name": "www.acme.com.", "type": "A", "records": ["192.0.2.1"]}),
                "www.acme.com A",
            ),
            (
                "/v1.0/7/domains/3/records",
                json!({"records": [{"name": "a.acme.com", "type": "A"},
                    {"name": "b.acme.com", "type": "AAAA"}]}),
                "a.acme.com A, b.acme.com AAAA",
            ),
            (
                "/v2/droplets",
                json!({"names": ["a", "b"], "tags": ["t"]}),
                "a, b",
            ),
            (
                "/v2.0/floatingips",
                json!({"floatingip": {"description": "ours:1-2/web1"}}),
                "web1",
            ),
            ("/v2/zones?name=acme.com.", Value::Null, "acme.com"),
            (
                "/v2/recordsets?name=www.acme.com.&type=A",
                Value::Null,
                "www.acme.com A",
            ),
        ] {
            assert_eq!(about(&names, asked, &body), expected, "{asked} {body}");
        }
    }

    #[test]
    fn ids_are_learned_from_answers() {
        let mut names = Names::default();
        let asked = vec!["web1".to_owned()];
        // Of a server that is created only the id is told.
        let made = json!({"server": {"id": ID, "adminPass": "secret", "links": []}});
        names.learn("/v2.1/servers", &asked, &made);
        names.learn(
            "/v2/zones",
            &[],
            &json!({"zones": [{"id": "z1", "name": "acme.com."}]}),
        );
        let record = json!({"id": "r1", "name": "www.acme.com.", "type": "A", "zone_id": "z1"});
        names.learn(
            "/v2/zones/z1/recordsets",
            &[],
            &json!({"recordsets": [record]}),
        );
        names.learn(
            "/v1.0/7/domains",
            &["acme.com".to_owned()],
            &json!({"jobId": "j1"}),
        );
        let relative = json!({"domain_records": [{"id": 5, "type": "A", "name": "www"},
            {"id": 6, "type": "A", "name": "@"}]});
        names.learn(
            "/v2/domains",
            &[],
            &json!({"domains": [{"name": "other.net"}]}),
        );
        names.learn("/v2/domains/other.net/records", &[], &relative);
        for (asked, body, expected) in [
            (format!("/v2.1/servers/{ID}"), Value::Null, "web1"),
            (
                format!("/v2.1/servers/{ID}/action"),
                json!({"confirmResize": null}),
                "web1",
            ),
            ("/v2/zones/z1".into(), Value::Null, "acme.com"),
            ("/v2/zones/z1/recordsets".into(), Value::Null, "acme.com"),
            (
                "/v2/zones/z1/recordsets/r1".into(),
                json!({"description": "x"}),
                "www.acme.com A",
            ),
            ("/v1.0/7/status/j1".into(), Value::Null, "acme.com"),
            (
                "/v2/domains/other.net/records/5".into(),
                Value::Null,
                "www.other.net A",
            ),
            (
                "/v2/domains/other.net/records/6".into(),
                Value::Null,
                "other.net A",
            ),
            (
                "/v2/domains/other.net/records".into(),
                json!({"name": "ftp", "type": "AAAA"}),
                "ftp.other.net AAAA",
            ),
        ] {
            assert_eq!(about(&names, &asked, &body), expected, "{asked} {body}");
        }
    }

    #[test]
    fn a_route_has_the_same_place_for_every_id() {
        let mut names = Names::default();
        names.learn(
            "/v2.1/os-keypairs",
            &[],
            &json!({"keypair": {"name": "mine"}}),
        );
        let version = json!({"version": {"id": "v2.1", "status": "CURRENT"}});
        names.learn("/v2.1", &["v2.1".to_owned()], &version);
        for (path, route) in [
            (format!("/v2.1/servers/{ID}"), "/v2.1/servers/{id}"),
            ("/v2.1/servers/detail".into(), "/v2.1/servers/detail"),
            ("/v2.1/os-keypairs/mine".into(), "/v2.1/os-keypairs/{id}"),
            ("/v2.1/os-keypairs/a%40b".into(), "/v2.1/os-keypairs/{id}"),
            (
                "/v1.0/7/domains/3/records/A-12".into(),
                "/v1.0/{id}/domains/{id}/records/{id}",
            ),
            ("/v2.1/flavors".into(), "/v2.1/flavors"),
            ("/v3".into(), "/v3"),
        ] {
            assert_eq!(names.route(&path), route);
        }
    }
}
