//! The keys of an object, and the messages about those that are none.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, ObjectProp};

use super::reader::Reader;
use crate::model::{Diagnostic, nearest};

/// `unknown key` with the nearest one that is meant, or all there are.
pub(super) fn unknown_key(key: &str, of: &str, known: &[&'static str]) -> Diagnostic {
    unknown_key_but(key, of, known, "")
}

/// The same, without offering `unlisted`, which is there but not for people to write.
pub(super) fn unknown_key_but(
    key: &str,
    of: &str,
    known: &[&'static str],
    unlisted: &str,
) -> Diagnostic {
    let error = Diagnostic::error(format!("unknown key `{}` {of}", key.escape_debug()));
    let keys = known.iter().copied();
    match nearest(key, keys.clone()) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(all("key", keys.filter(|&key| key != unlisted))),
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
