//! The keys of an object: what the readers know, what the JSON Schema says of them, and the messages
//! about those that are none.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, ObjectProp};

use super::reader::Reader;
use crate::model::{Diagnostic, nearest};

/// A key that an object of the user's files may have. Each object has one table of them, which its
/// reader, the messages and the schema work from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What it means, as README says it; for whoever writes the file in an editor.
    pub(super) about: &'static str,
    pub(super) shape: Shape,
}

impl Key {
    pub(super) const fn new(name: &'static str, about: &'static str, shape: Shape) -> Self {
        Self { name, about, shape }
    }
}

/// What a value must be as far as its form goes. The readers check more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Whatever there is in JSON.
    Anything,
    /// A string, which may be empty.
    String,
    /// A string with something in it.
    Text,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A string with this form, as a regular expression.
    Form(&'static str),
    Boolean,
    /// `true` and nothing else.
    True,
    /// This number and no other.
    Number(u64),
    /// A whole number, no less and no more than these.
    Whole {
        least: u64,
        most: u64,
    },
    List(&'static Self),
    /// A list with something in it.
    Filled(&'static Self),
    /// An object whose keys are names that the user gives.
    Named(&'static Self),
    Object(&'static Form),
    Either(&'static [Self]),
    /// An account: what it may have depends on its `type`.
    Account,
}

/// The form of an object: its keys, and which of them must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) keys: &'static [Key],
    pub(super) required: &'static [&'static str],
    /// Of these there must be just one; none, if nothing is said.
    pub(super) one_of: &'static [&'static str],
}

impl Form {
    /// An object that may lack any of its keys.
    pub(super) const fn of(keys: &'static [Key]) -> Self {
        Self {
            keys,
            required: &[],
            one_of: &[],
        }
    }
}

/// The names of the keys.
pub(super) fn names(keys: &[Key]) -> impl Iterator<Item = &'static str> + Clone {
    keys.iter().map(|key| key.name)
}

/// Names the schema that an editor checks the file by. Top level, in either form; not read.
pub(super) const SCHEMA: Key = Key::new(
    "$schema",
    "The schema that an editor checks this file by. Not read by cloudbuilder.",
    Shape::String,
);

/// Whether a member is that, which must be a string.
pub(super) fn is_schema(reader: &mut Reader<'_, '_>, member: &ObjectProp<'_>) -> bool {
    let is_it = member.name.as_str() == SCHEMA.name;
    if is_it {
        reader.string("`$schema`", &member.value);
    }
    is_it
}

/// `unknown key` with the nearest one that is meant, or all there are.
pub(super) fn unknown_key(
    key: &str,
    of: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Diagnostic {
    unknown_key_but(key, of, known, "")
}

/// The same, without offering `unlisted`, which is there but not for people to write.
pub(super) fn unknown_key_but(
    key: &str,
    of: &str,
    known: impl Iterator<Item = &'static str> + Clone,
    unlisted: &str,
) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown key `{}` {of}", key.escape_debug()));
    match nearest(key, known.clone()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(all("key", known.filter(|&key| key != unlisted))),
    }
}

/// The word that is most likely meant, or all there are, as a hint.
pub(super) fn meant<'a>(
    word: &str,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => all(what, known),
    }
}

fn all<'a>(what: &str, words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [one] => format!("the only {what} is {one}"),
        several => format!("the {what}s are {}", and(several)),
    }
}

/// `a, b and c`.
pub(super) fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The members of an object; of those with the same key only the first.
pub(super) fn firsts<'v, 't>(
    object: &'v Object<'t>,
) -> impl Iterator<Item = &'v ObjectProp<'t>> + use<'v, 't> {
    let mut seen = HashSet::new();
    object
        .properties
        .iter()
        .filter(move |member| seen.insert(member.name.as_str()))
}

/// Reports keys that are there more than once. `of` says in what.
pub(super) fn report_duplicate_keys(reader: &mut Reader<'_, '_>, object: &Object<'_>, of: &str) {
    reader.report_duplicates(object, |key| {
        (
            format!("duplicate key `{}` in {of}", key.escape_debug()),
            "remove one of them",
        )
    });
}
