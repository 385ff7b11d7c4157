//! The files that a new server starts with.

use std::collections::HashMap;
use std::fmt;

use jsonc_parser::ast::{Object, Value};

use super::Spanned;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use crate::model::{Diagnostic, Place, Secret};

/// The keys of a file.
pub(super) const KEYS: [Key; 5] = [
    Key::new(
        "path",
        "Where it goes, an absolute path.",
        Shape::Form("^/"),
    ),
    Key::new(
        "content",
        "What is in it. For the server alone: plans and the state hold a hash of it.",
        Shape::String,
    ),
    Key::new(
        "file",
        "A text file beside cloud.json that holds what is in it.",
        Shape::Text,
    ),
    Key::new(
        "public_ssh_key",
        "true: your public key is in it, for images that do not take it by themselves.",
        Shape::True,
    ),
    Key::new(
        "mode",
        "Who may do what with it, in octal: \"0644\".",
        Shape::Form("^[0-7]{3,4}$"),
    ),
];
/// A file as an object.
pub(super) const FORM: Form = Form {
    keys: &KEYS,
    required: &["path"],
    one_of: &SOURCES,
};
/// Those of them whose value messages may quote.
pub(super) const SHOWN_KEYS: [&str; 4] = ["path", "file", "public_ssh_key", "mode"];
/// Those of them of which there must be exactly one.
const SOURCES: [&str; 3] = ["content", "file", "public_ssh_key"];

/// A file put on a server when it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Where it goes: absolute, each part a name.
    pub path: Spanned<String>,
    /// What is in it.
    pub source: FileSource,
    /// Who may do what with it; `None` if nobody says.
    pub mode: Option<u32>,
    /// Where it stands in cloud.json.
    pub place: Place,
}

/// What is in a file.
#[derive(Clone)]
pub enum FileSource {
    /// This text, which may well be a secret.
    Content(Secret),
    /// What a file of this machine holds, whose path is meant from cloud.json's directory.
    Local(Spanned<String>),
    /// The public key that is put on new servers.
    PublicKey,
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(secret) => f.debug_tuple("Content").field(secret).finish(),
            Self::Local(path) => f.debug_tuple("Local").field(path).finish(),
            Self::PublicKey => f.write_str("PublicKey"),
        }
    }
}

impl PartialEq for FileSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Content(one), Self::Content(other)) => one.expose() == other.expose(),
            (Self::Local(one), Self::Local(other)) => one == other,
            (Self::PublicKey, Self::PublicKey) => true,
            _ => false,
        }
    }
}

/// The files of a server. `of` says which.
pub(super) fn files(reader: &mut Reader<'_, '_>, of: &str, value: &Value<'_>) -> Vec<File> {
    let Some(list) = value.as_array() else {
        let hint = value.as_object().map(|_| "put it in brackets");
        reader.report_type(&format!("`files` {of}"), "a list", value, hint);
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut seen: HashMap<String, Place> = HashMap::new();
    for element in &list.elements {
        let what = format!("a file in `files` {of}");
        let Some(object) = reader.object(&what, element) else {
            continue;
        };
        let place = reader.value_place(element);
        let Some(file) = file(reader, of, object, place) else {
            continue;
        };
        let path = &file.path;
        match seen.get(&path.value) {
            None => {
                seen.insert(path.value.clone(), path.place.clone());
                files.push(file);
            }
            Some(first) => reader.report(
                Diagnostic::error(format!("the file `{}` {of} is there twice", path.value))
                    .hint("remove one of them")
                    .at(path.place.clone())
                    .related(first.clone(), "first here"),
            ),
        }
    }
    files
}

fn file(reader: &mut Reader<'_, '_>, of: &str, object: &Object<'_>, place: Place) -> Option<File> {
    report_duplicate_keys(reader, object, &format!("a file {of}"));
    let before = reader.diagnostics.len();
    let (mut path, mut source, mut mode) = (None, None, None);
    for member in firsts(object) {
        let key = member.name.as_str();
        let what = format!("`{key}` of a file {of}");
        let value = &member.value;
        if SOURCES.contains(&key) && source.is_some() {
            reader.report(
                Diagnostic::error(format!("a file {of} gets its content twice"))
                    .hint("keep one of `content`, `file` and `public_ssh_key`")
                    .at(reader.name_place(member)),
            );
            continue;
        }
        match key {
            "path" => path = absolute(reader, &what, value),
            "content" => {
                let text = reader.template(&what, value);
                source = text.map(|text| FileSource::Content(Secret::new(text.to_owned())));
            }
            "file" => source = reader.text(&what, value).map(FileSource::Local),
            "public_ssh_key" => source = public_key(reader, &what, value),
            "mode" => mode = octal(reader, &what, value),
            _ => {
                let error = unknown_key(key, &format!("of a file {of}"), names(&KEYS));
                reader.report(error.at(reader.name_place(member)));
            }
        }
    }
    // What could not be read was reported, and may be what is missing.
    if reader.diagnostics.len() == before {
        if path.is_none() {
            reader.report(
                Diagnostic::error(format!("a file {of} has no `path`"))
                    .hint("add where it goes, for example \"path\": \"/etc/motd\"")
                    .at(place.clone()),
            );
        }
        if source.is_none() {
            reader.report(
                Diagnostic::error(format!("a file {of} has no content"))
                    .hint("add `content`, `file` (one of this machine) or \"public_ssh_key\": true")
                    .at(place.clone()),
            );
        }
    }
    Some(File {
        path: path?,
        source: source?,
        mode,
        place,
    })
}

/// A path that means the same to every provider.
fn absolute(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<Spanned<String>> {
    let path = reader.text(what, value)?;
    let mut parts = path.value.split('/');
    let (problem, hint) = if parts.next() != Some("") {
        ("is not absolute", "begin it with `/`")
    } else if path.value.ends_with('/') {
        ("names a directory", "end it with the file's name")
    } else if parts.clone().any(|part| matches!(part, "." | "..")) {
        ("has a part `.` or `..`", "write where that leads to")
    } else if parts.any(str::is_empty) {
        ("has an empty part", "remove the extra `/`")
    } else {
        return Some(path);
    };
    reader.report(
        Diagnostic::error(format!("{what} {problem}"))
            .hint(hint)
            .at(path.place),
    );
    None
}

fn public_key(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<FileSource> {
    let wanted = reader.boolean(what, value)?;
    if !wanted.value {
        reader.report(
            Diagnostic::error(format!("{what} can only be `true`"))
                .hint("remove it, and say with `content` or `file` what is in the file")
                .at(wanted.place),
        );
        return None;
    }
    Some(FileSource::PublicKey)
}

fn octal(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<u32> {
    if matches!(value, Value::NumberLit(_)) {
        let hint = "put it in double quotes, in octal: \"0644\"";
        reader.report_type(what, "a string", value, Some(hint));
        return None;
    }
    let text = reader.text(what, value)?;
    let digits = text.value.as_str();
    let octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| octal);
    if mode.is_none() {
        reader.report(
            Diagnostic::error(format!("{what} is not a mode in octal"))
                .hint("write three or four digits from 0 to 7, for example \"0644\"")
                .at(text.place),
        );
    }
    mode
}
