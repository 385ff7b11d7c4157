use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Reference;

/// Stands before and behind a reference within a text. No text that is read from a file of the
/// user's has one where it may not stand in a name, and one that does is no reference.
const MARK: char = '\0';

/// JSON in whose texts attributes of other resources stand: `"${server.db.private_ipv4}:5432"`.
///
/// ```
/// use cloudbuilder::model::{Address, Reference, Template, marked};
/// use serde_json::json;
///
/// let to = Reference { address: Address::new("server", "db"), attribute: "ipv4_address".to_owned() };
/// let template = Template::new(json!([format!("{}/32", marked("server.db.ip"))]), |_| Some(to.clone()));
/// let address = json!("10.0.0.5");
/// assert_eq!(template.filled(|_| Some(&address)), Some(json!(["10.0.0.5/32"])));
/// assert_eq!(template.filled(|_| None), None);
/// assert_eq!(template.written(), json!(["${server.db.ipv4_address}/32"]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    json: Json,
    references: Vec<Reference>,
    /// Whether it is a list in which the order means nothing.
    is_set: bool,
}

impl Template {
    /// `find` says what each reference of the texts of `json` means, from the text between its
    /// marks; what means nothing stays as it is.
    pub fn new(json: Json, mut find: impl FnMut(&str) -> Option<Reference>) -> Self {
        let mut references = Vec::new();
        let json = each_text(json, &mut |text| {
            let pieces = pieces(text).map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Reference(inside) => match find(inside) {
                    Some(reference) => {
                        let text = marked(&reference.to_string());
                        if !references.contains(&reference) {
                            references.push(reference);
                        }
                        text
                    }
                    None => format!("${{{inside}}}"),
                },
            });
            Some(pieces.collect())
        });
        let json = json.unwrap_or_default();
        Self {
            json,
            references,
            is_set: false,
        }
    }

    /// The same of a list of texts in which the order means nothing: once it is filled, it is in the
    /// order of its texts, each once.
    pub fn set(json: Json, find: impl FnMut(&str) -> Option<Reference>) -> Self {
        Self {
            is_set: true,
            ..Self::new(json, find)
        }
    }

    /// One whose references are known, and marked in it by what they are.
    pub(super) fn with(json: Json, references: Vec<Reference>) -> Self {
        Self {
            json,
            references,
            is_set: false,
        }
    }

    /// The JSON, with each reference marked.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// What it refers to, each once.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The one reference that it consists of, if it is nothing else.
    #[must_use]
    pub fn whole(&self) -> Option<&Reference> {
        let mut pieces = pieces(self.json.as_str()?);
        let first = pieces.next()?;
        let only = matches!(first, Piece::Reference(_)) && pieces.next().is_none();
        self.references.first().filter(|_| only)
    }

    /// The JSON, with what each reference leads to; `None` if that is not known of one of them, or
    /// is no text.
    pub fn filled<'j>(&self, find: impl Fn(&Reference) -> Option<&'j Json>) -> Option<Json> {
        let filled = each_text(self.json.clone(), &mut |text| {
            let pieces = pieces(text).map(|piece| match piece {
                Piece::Text(text) => Some(text),
                Piece::Reference(inside) => {
                    let mut all = self.references.iter();
                    find(all.find(|reference| reference.to_string() == inside)?)?.as_str()
                }
            });
            pieces.collect()
        });
        match filled? {
            Json::Array(list) if self.is_set => {
                let texts: BTreeSet<&str> = list.iter().filter_map(Json::as_str).collect();
                Some(texts.into_iter().collect())
            }
            other => Some(other),
        }
    }

    /// The JSON, with each reference as people write it.
    #[must_use]
    pub fn written(&self) -> Json {
        let written = each_text(self.json.clone(), &mut |text| Some(readable(text)));
        written.unwrap_or_default()
    }
}

/// A reference within a text.
#[must_use]
pub fn marked(reference: &str) -> String {
    format!("{MARK}{reference}{MARK}")
}

/// Whether a reference stands in it.
#[must_use]
pub fn has_references(text: &str) -> bool {
    pieces(text).any(|piece| matches!(piece, Piece::Reference(_)))
}

/// The text, with each reference as people write it.
#[must_use]
pub fn readable(text: &str) -> String {
    let pieces = pieces(text).map(|piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Reference(inside) => format!("${{{inside}}}"),
    });
    pieces.collect()
}

/// The parts of a reference: `server`, `db` and `private_ipv4`. The name may hold dots.
#[must_use]
pub fn parts_of_reference(text: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = text.split_once('.')?;
    let (name, attribute) = rest.rsplit_once('.')?;
    let is_word = |text: &str| {
        let mut all = text.bytes();
        !text.is_empty()
            && all.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_control() || c.is_whitespace());
    (is_word(kind) && is_word(attribute) && is_name).then_some((kind, name, attribute))
}

enum Piece<'a> {
    Text(&'a str),
    Reference(&'a str),
}

/// The pieces of a text; none of them is empty.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(found) = rest.get(from..).and_then(|rest| rest.find(MARK)) {
            let start = from + found;
            let inside = rest.get(start + 1..).unwrap_or_default();
            let reference = inside.find(MARK).and_then(|end| inside.get(..end));
            match reference.filter(|inside| parts_of_reference(inside).is_some()) {
                Some(reference) if start == 0 => {
                    rest = inside.get(reference.len() + 1..).unwrap_or_default();
                    return Some(Piece::Reference(reference));
                }
                Some(_) => {
                    let before = rest.get(..start).unwrap_or_default();
                    rest = rest.get(start..).unwrap_or_default();
                    return Some(Piece::Text(before));
                }
                None => from = start + 1,
            }
        }
        Some(Piece::Text(std::mem::take(&mut rest)))
    })
}

/// The JSON with every text in it replaced; `None` if one of them cannot be.
fn each_text(json: Json, replace: &mut impl FnMut(&str) -> Option<String>) -> Option<Json> {
    Some(match json {
        Json::String(text) => Json::String(replace(&text)?),
        Json::Array(all) => {
            let all = all.into_iter().map(|one| each_text(one, replace));
            Json::Array(all.collect::<Option<_>>()?)
        }
        Json::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(key, value)| Some((key, each_text(value, replace)?)));
            Json::Object(members.collect::<Option<_>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;
    use serde_json::json;

    fn found(inside: &str) -> Option<Reference> {
        let (kind, name, attribute) = parts_of_reference(inside)?;
        (kind == "server").then(|| Reference {
            address: Address::new(kind, name),
            attribute: attribute.to_owned(),
        })
    }

    #[test]
    fn names_may_hold_dots() {
        assert_eq!(
            parts_of_reference("record.www.acme.com/A.data"),
            Some(("record", "www.acme.com/A", "data"))
        );
        for wrong in [
            "server",
            "server.db",
            "server..ip",
            "Server.db.ip",
            "server.db.",
            ".db.ip",
        ] {
            assert_eq!(parts_of_reference(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_reference_alone_is_told_from_one_in_a_text() {
        let alone = Template::new(marked("server.db.ip").into(), found);
        assert_eq!(alone.whole(), alone.references().first());
        assert!(alone.whole().is_some());
        for text in [
            format!("{}:1", marked("server.db.ip")),
            "plain".to_owned(),
            String::new(),
        ] {
            assert_eq!(Template::new(text.into(), found).whole(), None);
        }
    }

    #[test]
    fn a_set_has_the_order_of_what_it_is_filled_with() {
        let list = json!(["b", marked("server.db.ip"), "a"]);
        let filled = |text: &str| {
            let text = json!(text);
            Template::set(list.clone(), found).filled(|_| Some(&text))
        };
        assert_eq!(filled("c"), Some(json!(["a", "b", "c"])));
        assert_eq!(filled("a"), Some(json!(["a", "b"])));
    }

    #[test]
    fn what_only_looks_like_a_reference_stays() {
        let text = format!("a\0b\0{}\0${{server.db.ip}}", marked("server.db.ip"));
        let template = Template::new(json!({"x": [text]}), found);
        assert_eq!(template.references().len(), 1);
        let filled = template.filled(|_| Some(const { &Json::Null }));
        assert_eq!(filled, None, "null is no text");
        let ten = json!("ip");
        assert_eq!(
            template.filled(|_| Some(&ten)),
            Some(json!({"x": ["a\0b\0ip\0${server.db.ip}"]}))
        );
    }

    #[test]
    fn what_means_nothing_is_left_as_it_was_written() {
        let template = Template::new(json!([marked("balloon.db.ip")]), found);
        assert!(template.references().is_empty());
        assert_eq!(template.filled(|_| None), Some(json!(["${balloon.db.ip}"])));
    }
}
