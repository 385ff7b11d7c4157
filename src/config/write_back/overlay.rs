//! Addresses in the file of an environment, which need not name every server: entries are made
//! for those that it lacks, and taken out again with the addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jsonc_parser::ast::ObjectProp;
use serde_json::{Value as Json, json};

use super::{
    KEY, Networks, WriteBackError, apply, by_entry, edits, held, marked, read, root, same, section,
};
use crate::config::layout::{Owned, Section};
use crate::config::networks::layout;
use crate::config::reader::to_json;
use crate::config::source::Source;
use crate::config::syntax::range;
use crate::config::trivia::{last_comment, pieces};

/// The section of the servers.
const SERVERS: &str = "servers";

/// As [`super::write_back`], in the text of the file of an environment. A server that has no entry
/// there gets one, and an entry that has nothing left when its addresses are taken out goes with
/// them. `file` is its name in messages, and `ranges` are the keys of ranges that cloud.json has.
///
/// # Errors
/// A text that cannot be read or edited; nothing is edited then.
pub fn write_overlay(
    file: &str,
    text: &[u8],
    networks: &Networks,
    ranges: &[String],
) -> Result<Option<Vec<u8>>, WriteBackError> {
    let source = Source::new(file, text).map_err(WriteBackError::Unreadable)?;
    let document = read(&source)?;
    let servers = section(&source, root(&source, &document)?)?;
    let networks = &by_entry(servers, networks, ranges);
    let mut emptied = BTreeSet::new();
    let mut edited = edit_entries(&source, networks, &mut emptied)?;
    if !emptied.is_empty() {
        while let Some(less) = without_some(&source.file, &edited, &emptied)? {
            edited = less;
        }
        edited = without_section(&source.file, edited)?;
    }
    edited = with_entries(&source.file, edited, networks)?;
    if edited == source.text {
        return Ok(None);
    }
    check(&source, &edited, networks)?;
    marked(text, &edited).map(Some)
}

/// As [`super::written_back`], of the text of the file of an environment.
#[must_use]
pub fn written_over(text: &[u8], homes: &BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    held(text, homes, |root| root.get(SERVERS)?.value.as_object())
}

/// The text with the entries that are there brought up to date. Those that lose all they had are
/// noted.
fn edit_entries(
    source: &Source<'_>,
    networks: &Networks,
    emptied: &mut BTreeSet<String>,
) -> Result<String, WriteBackError> {
    let document = read(source)?;
    let Some(servers) = section(source, root(source, &document)?)? else {
        return Ok(source.text.to_owned());
    };
    for server in &servers.properties {
        let name = server.name.as_str();
        let members = server.value.as_object().map(|server| &*server.properties);
        if matches!(networks.get(name), Some(None))
            && let Some([only]) = members
            && only.name.as_str() == KEY
        {
            emptied.insert(name.to_owned());
        }
    }
    Ok(apply(source.text, edits(source.text, servers, networks)?))
}

/// The text without some of these entries; `None` if it has none of them any more. One that holds
/// a comment stays.
fn without_some(
    file: &str,
    text: &str,
    emptied: &BTreeSet<String>,
) -> Result<Option<String>, WriteBackError> {
    let source = Source::of_text(file, text);
    let document = read(&source)?;
    let root = root(&source, &document)?;
    let Some(servers) = section(&source, root)? else {
        return Ok(None);
    };
    // Neighbours go together, since each settles the commas beside it. A comment between them
    // stays, so what is behind one goes the next time.
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut end_before = None;
    for (index, server) in servers.properties.iter().enumerate() {
        let between = end_before.map_or_else(Vec::new, |end| pieces(text, end));
        end_before = Some(range(server).end);
        if !emptied.contains(server.name.as_str()) || !is_blank(text, server) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == index => {
                if last_comment(&between).is_none() {
                    run.end += 1;
                }
            }
            _ => runs.push(index..index + 1),
        }
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let layout = Section { text, object: root };
    let edits = runs.into_iter();
    let edits = edits.flat_map(|run| layout.remove(servers, run));
    Ok(Some(apply(text, edits.collect())))
}

/// The text without the section, if that is empty.
fn without_section(file: &str, text: String) -> Result<String, WriteBackError> {
    let source = Source::of_text(file, &text);
    let document = read(&source)?;
    let root = root(&source, &document)?;
    let mut members = root.properties.iter();
    let index =
        members.position(|member| member.name.as_str() == SERVERS && is_blank(&text, member));
    let Some(index) = index else {
        return Ok(text);
    };
    let layout = Section {
        text: &text,
        object: root,
    };
    Ok(apply(&text, layout.remove(root, index..index + 1)))
}

/// Whether a member is an object with nothing in it, and no comment either.
fn is_blank(text: &str, member: &ObjectProp<'_>) -> bool {
    member.value.as_object().is_some_and(|object| {
        let inside = pieces(text, range(object).start + 1);
        object.properties.is_empty() && last_comment(&inside).is_none()
    })
}

/// The text with an entry for each server that it lacks.
fn with_entries(file: &str, text: String, networks: &Networks) -> Result<String, WriteBackError> {
    let source = Source::of_text(file, &text);
    let document = read(&source)?;
    let root = root(&source, &document)?;
    let servers = section(&source, root)?;
    let there: BTreeSet<&str> = servers
        .into_iter()
        .flat_map(|servers| &servers.properties)
        .map(|server| server.name.as_str())
        .collect();
    let lacking: Vec<(&str, Json)> = networks
        .iter()
        .filter(|(name, _)| !there.contains(name.as_str()))
        .filter_map(|(name, wanted)| Some((name.as_str(), json!({KEY: wanted.as_ref()?}))))
        .collect();
    if lacking.is_empty() {
        return Ok(text);
    }
    let section = Section {
        text: &text,
        object: root,
    };
    let edits = match root.get(SERVERS).zip(servers) {
        Some((owner, object)) => {
            let servers = Owned {
                owner: Some(owner),
                object,
            };
            section.insert(servers, &lacking, layout)
        }
        None => {
            let whole = Owned {
                owner: None,
                object: root,
            };
            let entries = lacking
                .iter()
                .map(|(name, entry)| ((*name).to_owned(), entry.clone()));
            let entries = Json::Object(entries.collect());
            section.insert(whole, &[(SERVERS, entries)], layout)
        }
    };
    Ok(apply(&text, edits))
}

/// The last guard before the user's file is replaced: without addresses, and entries that have
/// nothing else, both texts say the same, and the edited one has all that it should.
fn check(before: &Source<'_>, edited: &str, networks: &Networks) -> Result<(), WriteBackError> {
    let after = Source::of_text(&before.file, edited);
    let after = read(&after).map_err(|_| WriteBackError::NotSafe)?;
    let (mut before, mut after) = (to_json(&read(before)?), to_json(&after));
    for (name, wanted) in networks {
        take_out(&mut before, name);
        let found = take_out(&mut after, name);
        let right = match (&found, wanted) {
            (Some(found), Some(wanted)) => same(found, wanted),
            (None, None) => true,
            // What is no object is passed over.
            (None, Some(_)) => entry(&after, name).is_some(),
            (Some(_), None) => false,
        };
        if !right {
            return Err(WriteBackError::NotSafe);
        }
    }
    for document in [&mut before, &mut after] {
        if let Some(root) = document.as_object_mut()
            && root.get(SERVERS) == Some(&json!({}))
        {
            root.remove(SERVERS);
        }
    }
    if before == after {
        Ok(())
    } else {
        Err(WriteBackError::NotSafe)
    }
}

fn entry<'j>(document: &'j Json, name: &str) -> Option<&'j Json> {
    document.get(SERVERS)?.get(name)
}

/// Takes a server's addresses out, and the server if it has nothing else.
fn take_out(document: &mut Json, name: &str) -> Option<Json> {
    let servers = document.get_mut(SERVERS)?.as_object_mut()?;
    let server = servers.get_mut(name)?.as_object_mut()?;
    let found = server.remove(KEY);
    if server.is_empty() {
        servers.remove(name);
    }
    found
}
