//! What of a server may be otherwise than cloud.json says once it is there.

use std::collections::HashSet;

use jsonc_parser::ast::Value;

use super::Spanned;
use super::keys::{Key, Shape, meant, names};
use super::reader::Reader;
use super::server::SERVER_KEYS;
use crate::model::Diagnostic;

/// What can be ignored, each by its key.
pub(super) const WORDS: [&str; 10] = [
    "region",
    "size",
    "image",
    "backups",
    "tags",
    "vpc",
    "files",
    "user_data",
    "monitoring",
    "openstack",
];
pub(super) const IGNORE: Key = Key::new(
    "ignore",
    "Keys that count when it is made and never after: what others make of them stays.",
    Shape::List(&Shape::Word(&WORDS)),
);

/// The keys, each once.
pub(super) fn ignore(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Vec<Spanned<&'static str>>> {
    let Some(list) = value.as_array() else {
        let hint = value.as_string_lit().map(|_| "put it in brackets");
        reader.report_type(what, "a list", value, hint);
        return None;
    };
    let mut seen = HashSet::new();
    let words = list.elements.iter().filter_map(|element| {
        let word = reader.text(&format!("a key in {what}"), element)?;
        let Some(known) = WORDS.iter().find(|known| **known == word.value) else {
            reader.report(refused(what, &word.value).at(word.place));
            return None;
        };
        seen.insert(*known)
            .then(|| Spanned::new(*known, word.place))
    });
    Some(words.collect())
}

fn refused(what: &str, word: &str) -> Diagnostic {
    if names(&SERVER_KEYS).any(|key| key == word) || word == "name" {
        return Diagnostic::error(format!("`{word}` in {what} cannot be ignored"))
            .detail("it says what is done with a server, or what leads to it, and nobody else changes it")
            .hint(format!("remove it; what can be ignored: {}", WORDS.join(", ")));
    }
    let hint = meant(word, "key", WORDS.iter().copied());
    Diagnostic::error(format!("unknown key `{}` in {what}", word.escape_debug())).hint(hint)
}
