use jsonc_parser::ast::{Object, Value};

use super::{By, PatternProblem, Selector};
use crate::config::Spanned;
use crate::config::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use crate::config::reader::Reader;
use crate::model::Diagnostic;

/// The keys of a selector that is an object, for what has newer and older ones.
const KEYS: [Key; 4] = [
    NAME,
    SLUG,
    ID,
    Key::new(
        "newest",
        "true: the newest of several that match.",
        Shape::Boolean,
    ),
];
/// The same, for what has no age.
const AGELESS_KEYS: [Key; 3] = [NAME, SLUG, ID];
const NAME: Key = Key::new(
    "name",
    "Its name, or a pattern such as \"debian-12*\" that just one matches.",
    Shape::Text,
);
const SLUG: Key = Key::new("slug", "Its slug, or a pattern.", Shape::Text);
const ID: Key = Key::new("id", "Its id.", Shape::Text);

/// What an image may be in the sectioned form.
pub(in crate::config) const IMAGE: Shape = Shape::Either(&[
    Shape::Text,
    Shape::Object(&Form {
        keys: &KEYS,
        required: &[],
        one_of: &["name", "slug", "id"],
    }),
]);
/// What a size may be in the sectioned form.
pub(in crate::config) const SIZE: Shape = Shape::Either(&[
    Shape::Text,
    Shape::Object(&Form {
        keys: &AGELESS_KEYS,
        required: &[],
        one_of: &["name", "slug", "id"],
    }),
]);

/// Those of them of which there must be one.
const TEXTS: [(&str, By); 3] = [("name", By::Name), ("slug", By::Slug), ("id", By::Id)];

/// What may stand where a selector is read.
#[derive(Clone, Copy)]
pub(in crate::config) struct Wanted {
    /// Whether it may be an object: only in the sectioned form.
    object: bool,
    /// Whether there are newer and older ones: images, but no sizes.
    newest: bool,
}

impl Wanted {
    /// An image of the sectioned form.
    pub(in crate::config) const IMAGE: Self = Self {
        object: true,
        newest: true,
    };
    /// A size of the sectioned form.
    pub(in crate::config) const SIZE: Self = Self {
        object: true,
        newest: false,
    };
    /// Either, in the flat form.
    pub(in crate::config) const TEXT: Self = Self {
        object: false,
        newest: false,
    };
}

/// The selector a value is, or a complaint.
pub(in crate::config) fn selector(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
    wanted: Wanted,
) -> Option<Spanned<Selector>> {
    match value {
        Value::Object(object) if wanted.object => of_object(reader, what, value, object, wanted),
        Value::StringLit(_) | Value::NumberLit(_) => of_text(reader, what, value, By::Anything),
        _ if wanted.object => {
            let hint = "an object is for example {\"name\": \"debian-12*\"}";
            reader.report_type(what, "a string or an object", value, Some(hint));
            None
        }
        _ => of_text(reader, what, value, By::Anything),
    }
}

fn of_text(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
    by: By,
) -> Option<Spanned<Selector>> {
    let text = reader.text(what, value)?;
    match Selector::by(by, &text.value, false) {
        Ok(selector) => Some(Spanned::new(selector, text.place)),
        Err(PatternProblem { problem, hint }) => {
            reader.report(
                Diagnostic::error(format!("{what} {problem}"))
                    .hint(hint)
                    .at(text.place),
            );
            None
        }
    }
}

fn of_object(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
    object: &Object<'_>,
    wanted: Wanted,
) -> Option<Spanned<Selector>> {
    report_duplicate_keys(reader, object, what);
    let before = reader.diagnostics.len();
    let mut found: Option<(By, Spanned<Selector>)> = None;
    let mut newest = None;
    for member in firsts(object) {
        let key = member.name.as_str();
        let inside = format!("`{key}` in {what}");
        if let Some((_, by)) = TEXTS.iter().find(|(name, _)| *name == key) {
            if found.is_some() {
                reader.report(
                    Diagnostic::error(format!("{what} is told in two ways"))
                        .hint("keep one of `name`, `slug` and `id`")
                        .at(reader.name_place(member)),
                );
            } else if let Some(selector) = of_text(reader, &inside, &member.value, *by) {
                found = Some((*by, selector));
            }
        } else if key == "newest" && wanted.newest {
            let read = reader.boolean(&inside, &member.value);
            newest = read.filter(|read| read.value).map(|read| read.place);
        } else if key == "newest" {
            reader.report(
                Diagnostic::error(format!("{what} can have no `newest`"))
                    .detail("sizes have no age; only one of them may match")
                    .hint("remove it")
                    .at(reader.name_place(member)),
            );
        } else {
            let known = if wanted.newest {
                &KEYS[..]
            } else {
                &AGELESS_KEYS
            };
            let error = unknown_key(key, &format!("in {what}"), names(known));
            reader.report(error.at(reader.name_place(member)));
        }
    }
    let place = reader.value_place(value);
    let Some((by, mut selector)) = found else {
        // Whatever was misspelled may have been it.
        if reader.diagnostics.len() == before {
            reader.report(
                Diagnostic::error(format!("{what} has neither `name`, `slug` nor `id`"))
                    .hint("add one of them, for example \"name\": \"debian-12*\"")
                    .at(place),
            );
        }
        return None;
    };
    if let Some(newest) = newest {
        if by == By::Id {
            reader.report(
                Diagnostic::error(format!("{what} has both `id` and `newest`"))
                    .detail("an id belongs to one only, whatever its age")
                    .hint("remove `newest`")
                    .at(newest),
            );
        } else {
            selector.value.newest = true;
        }
    }
    Some(selector)
}
