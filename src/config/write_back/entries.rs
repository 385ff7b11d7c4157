//! Which entry holds the addresses of a server: its own, or that of the range that it is one of.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, Value};
use serde_json::{Map, Value as Json};

use super::{KEY, Networks};
use crate::config::cloud::{Form, form};
use crate::config::ranges::Range;
use crate::config::reader::to_json;
use crate::config::source::Source;
use crate::config::syntax;

/// The keys of servers in the text of cloud.json that are ranges. None of a text that cannot be read.
#[must_use]
pub fn range_keys(text: &[u8]) -> Vec<String> {
    let Ok(source) = Source::new(super::FILE, text) else {
        return Vec::new();
    };
    let document = syntax::parse(&source).ok().flatten();
    let root = document.as_ref().and_then(Value::as_object);
    let servers = root.and_then(|root| match form(root) {
        Form::Sectioned(root) => root.get("servers")?.value.as_object(),
        Form::Flat(_) | Form::Unknown(_) => None,
    });
    let servers = servers.into_iter().flat_map(|servers| &servers.properties);
    let keys = servers.map(|server| server.name.as_str().to_owned());
    keys.filter(|key| Range::known(key).is_some()).collect()
}

/// What is to be written for entries, by their keys. `servers` are those of the text, and `ranges`
/// the keys of entries that it may lack.
pub(super) fn by_entry(
    servers: Option<&Object<'_>>,
    networks: &Networks,
    ranges: &[String],
) -> Networks {
    let there = servers.into_iter().flat_map(|servers| &servers.properties);
    let own: HashSet<&str> = there.clone().map(|server| server.name.as_str()).collect();
    let mut entries: Vec<Entry> = there
        .filter_map(|server| {
            let networks = server.value.as_object()?.get(KEY);
            let networks = networks.map(|member| to_json(&member.value));
            Entry::of(server.name.as_str(), networks)
        })
        .collect();
    let lacking = ranges.iter().filter(|key| !own.contains(key.as_str()));
    entries.extend(lacking.filter_map(|key| Entry::of(key, None)));
    // A range that only the text has may be one that cloud.json had before.
    entries.sort_by_key(|entry| !ranges.contains(&entry.key));

    let mut written = Networks::new();
    for (name, wanted) in networks {
        let mut home = None;
        if !own.contains(name.as_str()) {
            home = entries.iter().position(|entry| entry.range.has(name));
        }
        for (at, entry) in entries.iter_mut().enumerate() {
            let wanted = wanted.as_ref().filter(|_| home == Some(at));
            entry.set(name, wanted);
        }
        if home.is_none() {
            written.insert(name.clone(), wanted.clone());
        }
    }
    let touched = entries.into_iter().filter(|entry| entry.is_touched);
    written.extend(touched.map(|entry| {
        let some = (!entry.addresses.is_empty()).then_some(Json::Object(entry.addresses));
        (entry.key, some)
    }));
    written
}

/// The entry of a range.
struct Entry {
    key: String,
    range: Range,
    addresses: Map<String, Json>,
    /// Whether something is said of a server that it has, or had.
    is_touched: bool,
}

impl Entry {
    fn of(key: &str, networks: Option<Json>) -> Option<Self> {
        let range = Range::known(key)?;
        Some(Self {
            addresses: networks.map_or_else(Map::new, |networks| range.addresses(&networks)),
            key: key.to_owned(),
            range,
            is_touched: false,
        })
    }

    fn set(&mut self, name: &str, wanted: Option<&Json>) {
        match wanted {
            Some(wanted) => {
                self.addresses.insert(name.to_owned(), wanted.clone());
            }
            None if self.addresses.remove(name).is_some() || self.range.has(name) => {}
            None => return,
        }
        self.is_touched = true;
    }
}
