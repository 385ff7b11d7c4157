use std::collections::{BTreeMap, HashSet};

use jsonc_parser::ast::{Object, ObjectProp, Value};
use serde_json::Value as Json;

use super::cloud::{Form, form};
use super::layout::{Edit, Owned, Section};
use super::networks::layout;
use super::ranges::Range;
use super::reader::to_json;
use super::source::{MAX_BYTES, Source, without_mark};
use super::syntax::{self, range};
use crate::model::Diagnostic;

mod entries;
mod overlay;

use entries::by_entry;
pub use entries::range_keys;
pub use overlay::{write_overlay, written_over};

/// The one key of a server that the program writes.
const KEY: &str = "networks";
/// The file's name in messages.
const FILE: &str = "cloud.json";

/// What is to be written for servers, by name; `None` if it is to be taken out.
pub type Networks = BTreeMap<String, Option<Json>>;

/// Why the file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum WriteBackError {
    /// It is no longer a configuration that can be read.
    #[error("it was changed and cannot be read any more")]
    Unreadable(Box<Diagnostic>),
    /// The same server twice: it is not clear which one is meant.
    #[error("it was changed and defines `{0}` twice")]
    Ambiguous(String),
    /// With the addresses it would be larger than what is read again.
    #[error("it would be larger than 16 MiB")]
    TooLarge,
    /// The edited text did not mean what it should.
    #[error("it has a layout that could not be edited without changing more")]
    NotSafe,
}

impl WriteBackError {
    /// The problem with its place in the file, where it has one.
    #[must_use]
    pub fn problem(&self) -> Option<&Diagnostic> {
        match self {
            Self::Unreadable(problem) => Some(problem),
            Self::Ambiguous(_) | Self::TooLarge | Self::NotSafe => None,
        }
    }
}

/// Sets `networks` of the named servers in the text of cloud.json, or takes it out where there is
/// `None`; those of a range have it by name in that of their entry. Every other byte stays. `Ok(None)` if nothing is to be changed: a value that is right
/// keeps its spelling. Servers that are not in the text are passed over.
///
/// # Errors
/// A text that cannot be read or edited; nothing is edited then.
pub fn write_back(text: &[u8], networks: &Networks) -> Result<Option<Vec<u8>>, WriteBackError> {
    let source = Source::new(FILE, text).map_err(WriteBackError::Unreadable)?;
    let before = read(&source)?;
    let Some(servers) = servers(&source, &before)? else {
        return Ok(None);
    };
    let networks = &by_entry(Some(servers), networks, &[]);
    let edits = edits(source.text, servers, networks)?;
    if edits.is_empty() {
        return Ok(None);
    }
    let edited = apply(source.text, edits);
    check(&before, &edited, networks)?;
    marked(text, &edited).map(Some)
}

/// What the servers in the text of cloud.json have of it, by name, as JSON text. Nothing of a text
/// that cannot be read. `homes` says in which entry a server's belongs; in another one it does not
/// count.
#[must_use]
pub fn written_back(text: &[u8], homes: &BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    held(text, homes, |root| match form(root) {
        Form::Flat(root) => Some(root),
        Form::Sectioned(root) => root.get("servers")?.value.as_object(),
        Form::Unknown(_) => None,
    })
}

fn held(
    text: &[u8],
    homes: &BTreeMap<&str, &str>,
    servers: impl for<'v, 't> Fn(&'v Object<'t>) -> Option<&'v Object<'t>>,
) -> BTreeMap<String, String> {
    let Ok(source) = Source::new(FILE, text) else {
        return BTreeMap::new();
    };
    let document = syntax::parse(&source).ok().flatten();
    let root = document.as_ref().and_then(Value::as_object);
    let servers = root.and_then(servers);
    let servers = servers.into_iter().flat_map(|servers| &servers.properties);
    let mut held = BTreeMap::new();
    for server in servers {
        let key = server.name.as_str();
        let member = server.value.as_object().and_then(|own| own.get(KEY));
        let Some(networks) = member.map(|member| to_json(&member.value)) else {
            continue;
        };
        let is_home = |name: &str| homes.get(name).is_none_or(|home| *home == key);
        match Range::known(key) {
            Some(range) => {
                let addresses = range.addresses(&networks).into_iter();
                let of_it = addresses.filter(|(name, _)| is_home(name));
                held.extend(of_it.map(|(name, of)| (name, of.to_string())));
            }
            None if is_home(key) => {
                held.insert(key.to_owned(), networks.to_string());
            }
            None => {}
        }
    }
    held
}

/// What changes in the servers that are there.
fn edits(
    text: &str,
    servers: &Object<'_>,
    networks: &Networks,
) -> Result<Vec<Edit>, WriteBackError> {
    let section = Section {
        text,
        object: servers,
    };
    let mut edits = Vec::new();
    for server in &servers.properties {
        if let Some(wanted) = networks.get(server.name.as_str())
            && let Some(object) = server.value.as_object()
        {
            edits.extend(edit(&section, server, object, wanted.as_ref())?);
        }
    }
    Ok(edits)
}

/// The edited text with the byte order mark that it had.
fn marked(before: &[u8], edited: &str) -> Result<Vec<u8>, WriteBackError> {
    let mark = before.len() - without_mark(before).len();
    let mut bytes = before.get(..mark).unwrap_or_default().to_vec();
    bytes.extend_from_slice(edited.as_bytes());
    if bytes.len() > MAX_BYTES {
        return Err(WriteBackError::TooLarge);
    }
    Ok(bytes)
}

fn read<'t>(source: &Source<'t>) -> Result<Value<'t>, WriteBackError> {
    let empty = || Diagnostic::error(format!("{} is empty", source.file)).at(source.place(0..0));
    match syntax::parse(source) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(WriteBackError::Unreadable(empty().into())),
        Err(problem) => Err(WriteBackError::Unreadable(problem)),
    }
}

/// The object whose members are the servers; `None` if there is no such section.
fn servers<'v, 't>(
    source: &Source<'_>,
    value: &'v Value<'t>,
) -> Result<Option<&'v Object<'t>>, WriteBackError> {
    let root = root(source, value)?;
    match form(root) {
        Form::Flat(root) => {
            refuse_duplicates(root)?;
            Ok(Some(root))
        }
        Form::Unknown(version) => {
            let problem = "this version of the format is not known";
            Err(unreadable(source, problem, &version.value))
        }
        Form::Sectioned(root) => section(source, root),
    }
}

fn root<'v, 't>(
    source: &Source<'_>,
    value: &'v Value<'t>,
) -> Result<&'v Object<'t>, WriteBackError> {
    let root = value
        .as_object()
        .ok_or_else(|| unreadable(source, "the file as a whole must be an object", value))?;
    refuse_duplicates(root)?;
    Ok(root)
}

/// The section of the servers; `None` if there is none.
fn section<'v, 't>(
    source: &Source<'_>,
    root: &'v Object<'t>,
) -> Result<Option<&'v Object<'t>>, WriteBackError> {
    let Some(section) = root.get("servers") else {
        return Ok(None);
    };
    let servers = section
        .value
        .as_object()
        .ok_or_else(|| unreadable(source, "`servers` must be an object", &section.value))?;
    refuse_duplicates(servers)?;
    Ok(Some(servers))
}

fn unreadable(source: &Source<'_>, problem: &str, value: &Value<'_>) -> WriteBackError {
    let start = range(value).start;
    let problem = Diagnostic::error(problem).at(source.place(start..start + 1));
    WriteBackError::Unreadable(problem.into())
}

fn refuse_duplicates(object: &Object<'_>) -> Result<(), WriteBackError> {
    let mut seen = HashSet::new();
    let members = object.properties.iter();
    match members
        .map(|m| m.name.as_str())
        .find(|&key| !seen.insert(key))
    {
        Some(twice) => Err(WriteBackError::Ambiguous(twice.escape_debug().to_string())),
        None => Ok(()),
    }
}

fn edit(
    section: &Section<'_, '_>,
    server: &ObjectProp<'_>,
    object: &Object<'_>,
    wanted: Option<&Json>,
) -> Result<Vec<Edit>, WriteBackError> {
    refuse_duplicates(object)?;
    let mut members = object.properties.iter();
    let index = members.position(|member| member.name.as_str() == KEY);
    let present = index.and_then(|index| Some((index, object.properties.get(index)?)));
    Ok(match (present, wanted) {
        (None, None) => Vec::new(),
        (None, Some(value)) => {
            let server = Owned {
                owner: Some(server),
                object,
            };
            section.insert(server, &[(KEY, value)], |value, shape| layout(value, shape))
        }
        (Some((index, _)), None) => section.remove(object, index..index + 1),
        (Some((_, member)), Some(value)) if same(&to_json(&member.value), value) => Vec::new(),
        (Some((_, member)), Some(value)) => {
            let server = Owned {
                owner: Some(server),
                object,
            };
            vec![Edit {
                range: range(&member.value),
                text: layout(value, &section.shape_of(server, member)),
            }]
        }
    })
}

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let mut edited = String::with_capacity(text.len() + 1024);
    let mut at = 0;
    for edit in edits {
        edited.push_str(text.get(at..edit.range.start).unwrap_or_default());
        edited.push_str(&edit.text);
        at = edit.range.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    edited
}

/// Makes sure that the edited text says what it should: the last guard before the user's file is
/// replaced.
fn check(before: &Value<'_>, edited: &str, networks: &Networks) -> Result<(), WriteBackError> {
    let source = Source::new(FILE, edited.as_bytes()).map_err(|_| WriteBackError::TooLarge)?;
    let after = read(&source).map_err(|_| WriteBackError::NotSafe)?;
    let (mut before, mut after) = (to_json(before), to_json(&after));
    // Where the servers are is the same in both, since nothing but theirs was edited.
    let section = match before.get("version") {
        None | Some(Json::Object(_)) => "",
        Some(_) => "/servers",
    };
    for (name, wanted) in networks {
        for (document, edited) in [(&mut before, false), (&mut after, true)] {
            let servers = document.pointer_mut(section).and_then(Json::as_object_mut);
            let server = servers.and_then(|servers| servers.get_mut(name));
            let Some(server) = server.and_then(Json::as_object_mut) else {
                continue;
            };
            let found = server.remove(KEY);
            let right = match (&found, wanted) {
                (Some(found), Some(wanted)) => same(found, wanted),
                (None, None) => true,
                _ => false,
            };
            if edited && !right {
                return Err(WriteBackError::NotSafe);
            }
        }
    }
    if before == after {
        Ok(())
    } else {
        Err(WriteBackError::NotSafe)
    }
}

/// Whether two values are the same, `64` and `64.0` too.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() != b.is_f64() => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            let matches = |(key, a)| b.get(key).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(matches)
        }
        _ => one == other,
    }
}
