//! The servers of cloud.json, their keys, and what `defaults` gives them.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::cloud::dns;
use super::reader::{Reader, to_json};
use super::{Cloud, Server, Spanned};
use crate::model::{Diagnostic, Place, nearest};

/// The keys of a server, as errors list them.
pub(super) const SERVER_KEYS: [&str; 6] =
    ["region", "size", "image", "backups", "names", "networks"];
/// The keys of `defaults`.
const DEFAULT_KEYS: [&str; 4] = ["region", "size", "image", "backups"];

/// What servers have that do not say otherwise.
#[derive(Default)]
pub(super) struct Defaults {
    region: Option<Spanned<String>>,
    size: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    backups: Option<Spanned<bool>>,
    /// Keys that are there but could not be read: reported once, not again at every server.
    broken: Vec<&'static str>,
}

pub(super) fn defaults(reader: &mut Reader<'_, '_>, value: &Value<'_>) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(object) = reader.object("`defaults`", value) else {
        defaults.broken = DEFAULT_KEYS.to_vec();
        return defaults;
    };
    reader.report_duplicates(object, |key| {
        (
            format!("duplicate key `{}` in `defaults`", key.escape_debug()),
            "remove one of them",
        )
    });
    for member in firsts(object) {
        let value = &member.value;
        match member.name.as_str() {
            "region" => defaults.region = reader.text("the default `region`", value),
            "size" => defaults.size = reader.text("the default `size`", value),
            "image" => defaults.image = reader.text("the default `image`", value),
            "backups" => defaults.backups = reader.boolean("the default `backups`", value),
            "names" => {
                let place = reader.name_place(member);
                reader.report(
                    Diagnostic::error("`names` can have no default")
                        .detail("a name leads to one server only")
                        .hint("write `names` into the servers")
                        .at(place),
                );
            }
            key => {
                let error = unknown_key(key, "in `defaults`", &DEFAULT_KEYS);
                let place = reader.name_place(member);
                reader.report(error.at(place));
                // The server that lacks what was misspelled here is not at fault.
                defaults.broken.extend(nearest(key, DEFAULT_KEYS));
            }
        }
    }
    defaults
        .broken
        .extend(DEFAULT_KEYS.iter().filter(|key| object.get(key).is_some()));
    defaults
}

fn unknown_key(key: &str, of: &str, known: &[&'static str]) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown key `{}` {of}", key.escape_debug()));
    match nearest(key, known.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => {
            // `networks` is the program's own.
            let keys: Vec<_> = known
                .iter()
                .filter(|&&key| key != "networks")
                .map(|key| format!("`{key}`"))
                .collect();
            error.hint(format!("the keys are {}", and(&keys)))
        }
    }
}

/// `a, b and c`.
fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The members of an object; of those with the same key only the first.
fn firsts<'v, 't>(object: &'v Object<'t>) -> impl Iterator<Item = &'v ObjectProp<'t>> {
    let mut seen = HashSet::new();
    object
        .properties
        .iter()
        .filter(move |member| seen.insert(member.name.as_str()))
}

pub(super) fn servers(
    reader: &mut Reader<'_, '_>,
    section: &Object<'_>,
    defaults: &Defaults,
    cloud: &mut Cloud,
) {
    reader.report_duplicates(section, |name| {
        (
            format!("server `{}` is defined twice", name.escape_debug()),
            "rename or remove one of them",
        )
    });
    let mut seen = HashSet::new();
    for member in &section.properties {
        // A second server of the same name is read for its own mistakes only.
        if let Some(server) = server(reader, member, defaults)
            && seen.insert(member.name.as_str())
        {
            cloud.servers.push(server);
        }
    }
}

/// Reads one server. What is missing is reported and left empty, so that the rest can be checked.
fn server(
    reader: &mut Reader<'_, '_>,
    member: &ObjectProp<'_>,
    defaults: &Defaults,
) -> Option<Server> {
    let name = member.name.as_str();
    let shown = name.escape_debug();
    let place = reader.name_place(member);
    let object = reader.object(&format!("server `{shown}`"), &member.value)?;
    reader.report_duplicates(object, |key| {
        (
            format!("duplicate key `{}` in server `{shown}`", key.escape_debug()),
            "remove one of them",
        )
    });
    let absent = || Spanned::new(String::new(), place.clone());
    let or_default = |value: &Option<Spanned<String>>| value.clone().unwrap_or_else(absent);
    let mut server = Server {
        region: or_default(&defaults.region),
        size: or_default(&defaults.size),
        image: or_default(&defaults.image),
        backups: defaults
            .backups
            .clone()
            .unwrap_or_else(|| Spanned::new(false, place.clone())),
        names: Vec::new(),
        networks: None,
        name: Spanned::new(name.to_owned(), place.clone()),
    };
    let mut there = defaults.broken.clone();
    for member in firsts(object) {
        let value = &member.value;
        let key = member.name.as_str();
        let what = format!("`{key}` of server `{shown}`");
        match key {
            "region" => set(&mut server.region, reader.text(&what, value)),
            "size" => set(&mut server.size, reader.text(&what, value)),
            "image" => set(&mut server.image, reader.text(&what, value)),
            "backups" => set(&mut server.backups, reader.boolean(&what, value)),
            "names" => server.names = names(reader, &what, value),
            "networks" => server.networks = Some(to_json(value).to_string().into()),
            _ => {
                let error = unknown_key(key, &format!("in server `{shown}`"), &SERVER_KEYS);
                let place = reader.name_place(member);
                reader.report(error.at(place));
                // One slip, one message: `sise` is not also a missing `size`.
                there.extend(nearest(key, SERVER_KEYS));
            }
        }
        there.extend(SERVER_KEYS.iter().filter(|&&known| known == key));
    }
    report_missing(reader, &place, &shown.to_string(), &there);
    Some(server)
}

fn set<T>(value: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *value = read;
    }
}

fn report_missing(reader: &mut Reader<'_, '_>, place: &Place, server: &str, there: &[&str]) {
    let required = [
        ("region", "nyc3"),
        ("size", "s-1vcpu-1gb"),
        ("image", "debian-13-x64"),
    ];
    let missing = required.iter().filter(|(key, _)| !there.contains(key));
    let (keys, examples): (Vec<_>, Vec<_>) = missing
        .map(|(key, example)| (format!("`{key}`"), format!("\"{key}\": \"{example}\"")))
        .unzip();
    if !keys.is_empty() {
        reader.report(
            Diagnostic::error(format!("server `{server}` is missing {}", and(&keys)))
                .hint(format!("add {}", examples.join(", ")))
                .at(place.clone()),
        );
    }
}

fn names(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Vec<Spanned<String>> {
    let Some(list) = value.as_array() else {
        let hint = value
            .as_string_lit()
            .map(|_| "put it in brackets: [\"www.example.com\"]");
        reader.report_type(what, "a list", value, hint);
        return Vec::new();
    };
    let what = format!("a name in {what}");
    let elements = list.elements.iter();
    elements
        .filter_map(|element| dns(reader, &what, element))
        .collect()
}
