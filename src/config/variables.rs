//! `${NAME}` in the strings of cloud.json: replaced by what the command line or the environment
//! says, before anything else is made of them. What refers to another resource,
//! `${server.db.private_ipv4}`, is marked as such and stays until that is known.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jsonc_parser::ast::{StringLit, Value};

use super::reader::Reader;
use super::{files, quotable};
use crate::model::{Diagnostic, Place, marked, nearest, parts_of_reference, readable};

/// Words in the name of a variable whose value is a secret.
const SECRETS: [&str; 7] = [
    "TOKEN",
    "KEY",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
];

/// Where variables get their values.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// What was given for this run; it wins.
    pub given: &'a BTreeMap<String, String>,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    fn value(&self, name: &str) -> Option<String> {
        let given = self.given.get(name).cloned();
        given.or_else(|| (self.environment)(name))
    }
}

/// Whether `name` can be that of a variable: letters, digits and `_`, no digit first.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_word) && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// Whether the value of a variable of that name is kept from being shown: one of the words between
/// its `_` ends like `TOKEN` or `KEYS`.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.split('_').any(|word| {
        let word = word.strip_suffix('S').unwrap_or(word);
        SECRETS.iter().any(|secret| word.ends_with(secret))
    })
}

/// What replacing came to.
#[derive(Default)]
pub(super) struct Replaced {
    /// Strings that stay what they are not meant to be, and whose every further problem is one of
    /// the variable.
    pub(super) broken: Vec<Place>,
    /// What other strings have become, as far as it may be shown.
    pub(super) shown: Vec<(Place, String)>,
}

/// Replaces all variables of a document. What is wrong with them is reported.
pub(super) fn replace(
    reader: &mut Reader<'_, '_>,
    document: &mut Value<'_>,
    variables: Variables<'_>,
) -> Replaced {
    let mut replacing = Replacing {
        reader,
        variables,
        unset: BTreeMap::new(),
        used: BTreeSet::new(),
        replaced: Replaced::default(),
    };
    replacing.value(document, Seat::default());
    replacing.report_unset();
    replacing.report_unused();
    replacing.replaced
}

/// Where a string stands.
#[derive(Clone, Copy, Default)]
struct Seat<'a> {
    /// The key that it belongs to.
    key: &'a str,
    /// Whether that is within a server's `files`.
    in_files: bool,
}

impl Seat<'_> {
    /// Whether what stands here is never shown.
    fn is_hidden(self) -> bool {
        let shown = files::SHOWN_KEYS.contains(&self.key);
        self.in_files && !shown || quotable::is_hidden(self.key)
    }
}

/// A variable that has no value.
struct Unset {
    first: Place,
    count: usize,
    hidden: bool,
}

struct Replacing<'r, 's, 't, 'v> {
    reader: &'r mut Reader<'s, 't>,
    variables: Variables<'v>,
    unset: BTreeMap<String, Unset>,
    used: BTreeSet<String>,
    replaced: Replaced,
}

impl Replacing<'_, '_, '_, '_> {
    fn value(&mut self, value: &mut Value<'_>, seat: Seat<'_>) {
        match value {
            Value::StringLit(literal) if literal.value.contains("${") => self.string(literal, seat),
            Value::Array(array) => {
                for element in &mut array.elements {
                    self.value(element, seat);
                }
            }
            Value::Object(object) => {
                for member in &mut object.properties {
                    let key = member.name.as_str();
                    // The addresses of a server are the program's.
                    if key == "networks" && member.value.as_object().is_some() {
                        continue;
                    }
                    let list = member.value.as_array().is_some();
                    let in_files = seat.in_files || key == "files" && list;
                    self.value(&mut member.value, Seat { key, in_files });
                }
            }
            Value::StringLit(_)
            | Value::NumberLit(_)
            | Value::BooleanLit(_)
            | Value::NullKeyword(_) => {}
        }
    }

    fn string(&mut self, literal: &mut StringLit<'_>, seat: Seat<'_>) {
        let whole = literal.range.start..literal.range.end;
        let place = self.reader.place(whole.clone());
        let hidden = seat.is_hidden();
        // Without escapes, the text stands in the file as it is.
        let as_it_is = whole.len() == literal.value.len() + 2;
        let mut text = String::new();
        let mut broken = false;
        for part in parts(&literal.value) {
            let (problem, range) = match part {
                Part::Text(part) => {
                    text.push_str(part);
                    continue;
                }
                Part::Reference { inside } => {
                    text.push_str(&marked(inside));
                    continue;
                }
                Part::Variable { name, range } => match self.variable(name, hidden) {
                    Ok(value) => {
                        text.push_str(&value);
                        continue;
                    }
                    Err(problem) => (problem.ok_or(name), range),
                },
                Part::Wrong { problem, range } => (Ok(problem.diagnostic()), range),
            };
            broken = true;
            let at = match as_it_is {
                true => self
                    .reader
                    .place(whole.start + 1 + range.start..whole.start + 1 + range.end),
                false => place.clone(),
            };
            match problem {
                Ok(problem) => self.reader.report(problem.at(at)),
                Err(name) => self.is_unset(name, at, hidden),
            }
        }
        if broken {
            self.replaced.broken.push(place);
            return;
        }
        if !hidden {
            self.replaced.shown.push((place, readable(&text)));
        }
        literal.value = Cow::Owned(text);
    }

    /// The value; without one, what is wrong, or nothing if it is only not set.
    fn variable(&mut self, name: &str, hidden: bool) -> Result<String, Option<Diagnostic>> {
        self.used.insert(name.to_owned());
        if is_secret(name) && !hidden {
            return Err(Some(
                Diagnostic::error(format!("the value of `{name}` would be seen here"))
                    .detail(
                        "by its name it is a secret; plans show this value, and the state holds it",
                    )
                    .hint(
                        "secrets go into the `content` of a file; if it is none, give it another \
                         name",
                    ),
            ));
        }
        self.variables.value(name).ok_or(None)
    }

    fn is_unset(&mut self, name: &str, at: Place, hidden: bool) {
        let unset = self.unset.entry(name.to_owned()).or_insert(Unset {
            first: at,
            count: 0,
            hidden,
        });
        unset.count += 1;
    }

    fn report_unset(&mut self) {
        for (name, unset) in &self.unset {
            let mut error = Diagnostic::error(format!("the variable `{name}` is not set"));
            if unset.count > 1 {
                error = error.detail(format!("it stands in {} places", unset.count));
            }
            let given = self.variables.given.keys().map(String::as_str);
            let mut hint = match nearest(name, given) {
                Some(near) => format!("--var sets `{near}`: did you mean that?"),
                None => format!("set it with --var {name}=VALUE or in the environment"),
            };
            if unset.hidden {
                hint.push_str(&format!("; the text itself is written `$${{{name}}}`"));
            }
            self.reader.report(error.hint(hint).at(unset.first.clone()));
        }
    }

    /// Most likely a slip: with the name that was meant, the value may now come from elsewhere.
    fn report_unused(&mut self) {
        for name in self.variables.given.keys() {
            let taken = self.unset.keys().map(String::as_str);
            if !self.used.contains(name) && nearest(name, taken).is_none() {
                let used = self.used.iter().map(String::as_str);
                let warning = Diagnostic::warning(format!("nothing uses the variable `{name}`"));
                self.reader.report(match nearest(name, used) {
                    Some(near) => warning.hint(format!("did you mean `{near}`?")),
                    None => warning.hint(format!("leave out --var {name}=…")),
                });
            }
        }
    }
}

/// A stretch of a string, with its bytes.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Variable { name: &'a str, range: Range<usize> },
    Reference { inside: &'a str },
    Wrong { problem: Wrong, range: Range<usize> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Open,
    Reference,
    NoName,
}

impl Wrong {
    /// None of them repeats the text, which may be the content of a file.
    fn diagnostic(self) -> Diagnostic {
        let literally = "; the text `${` itself is written `$${`";
        match self {
            Self::Open => Diagnostic::error("a `${` is never closed")
                .hint(format!("put `}}` behind the variable's name{literally}")),
            Self::Reference => Diagnostic::error("this is neither a reference nor a variable")
                .detail(
                    "a reference has a kind, a name and what of it is meant; a variable has no dot",
                )
                .hint(format!(
                    "write, for example, ${{server.db.private_ipv4}}{literally}"
                )),
            Self::NoName => Diagnostic::error("a `${…}` names no variable").hint(format!(
                "a name is letters, digits and `_`, such as ${{SIZE}}{literally}"
            )),
        }
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("${")) {
        let start = at + found;
        let before = text.get(at..start).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            parts.extend([Part::Text(before), Part::Text("${")]);
            at = start + 2;
            continue;
        }
        parts.push(Part::Text(before));
        let inside = text.get(start + 2..).unwrap_or_default();
        let Some(length) = inside.find('}') else {
            parts.push(Part::Wrong {
                problem: Wrong::Open,
                range: start..start + 2,
            });
            at = start + 2;
            continue;
        };
        let name = inside.get(..length).unwrap_or_default();
        at = start + 2 + length + 1;
        let range = start..at;
        parts.push(if is_name(name) {
            Part::Variable { name, range }
        } else if parts_of_reference(name).is_some() {
            Part::Reference { inside: name }
        } else if name.contains('.') {
            let problem = Wrong::Reference;
            Part::Wrong { problem, range }
        } else {
            let problem = Wrong::NoName;
            Part::Wrong { problem, range }
        });
    }
    parts.push(Part::Text(text.get(at..).unwrap_or_default()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_together(text: &str) -> Option<String> {
        let parts = parts(text).into_iter().map(|part| match part {
            Part::Text(text) => Some(text.to_owned()),
            Part::Variable { name, range } => {
                assert_eq!(text[range], format!("${{{name}}}"));
                Some(format!("<{name}>"))
            }
            Part::Reference { inside } => Some(format!("<<{inside}>>")),
            Part::Wrong { .. } => None,
        });
        parts.collect()
    }

    #[test]
    fn strings_come_in_parts() {
        for (text, expected) in [
            ("${A}", Some("<A>")),
            ("x${A}${_b2}y", Some("x<A><_b2>y")),
            ("$${A}", Some("${A}")),
            ("é$${A}${A}", Some("é${A}<A>")),
            ("$$${A}", Some("$${A}")),
            ("$A $ {A} }{", Some("$A $ {A} }{")),
            ("$${", Some("${")),
            ("${", None),
            ("${A", None),
            ("${}", None),
            ("${1}", None),
            ("${A B}", None),
            ("${A:-b}", None),
            (
                "${server.db.private_ipv4}:1",
                Some("<<server.db.private_ipv4>>:1"),
            ),
            (
                "$${server.db.private_ipv4}",
                Some("${server.db.private_ipv4}"),
            ),
            ("${server.private_ipv4}", None),
            ("${.db.x}", None),
            ("${é}", None),
        ] {
            assert_eq!(put_together(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in [
            "DIGITALOCEAN_TOKEN",
            "KEY",
            "api_key",
            "APIKEY",
            "AWS_SECRET_ACCESS",
            "PASSWORDS",
            "DB_PASSWORD_2",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["SIZE", "KEYBOARD", "KEYCLOAK_HOST", "TOKENIZER", "S", "_"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
