//! Environments: several deployments of one directory, each told by a file of its own what is
//! different there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::{Diagnostic, nearest};
use crate::state::Store;

use super::deployment::shown;
use super::failure::Failure;

/// A name that would make the environment's file the state of the directory itself.
const TAKEN: &str = "state";

/// The name of an environment, as it is typed: it becomes part of the names of files.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; leave out --env and unset CLOUDBUILDER_ENV for none".to_owned());
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !text.starts_with(plain) || !text.chars().all(|c| plain(c) || c == '-') {
        return Err("use lower-case letters, digits and `-`, and no `-` first".to_owned());
    }
    if text == TAKEN {
        return Err("cloud.state.json is the state; choose another name".to_owned());
    }
    Ok(text.to_owned())
}

/// A file that belongs to an environment, or to none: `cloud.json`, `cloud.prod.json`.
pub(super) fn file_name(environment: Option<&str>, ending: &str) -> String {
    match environment {
        Some(name) => format!("cloud.{name}.{ending}"),
        None => format!("cloud.{ending}"),
    }
}

/// There is no such environment in the directory; those that there are.
pub(super) fn missing(directory: &Path, name: &str) -> Failure {
    let file = shown(&directory.join(file_name(Some(name), "json")));
    let known = known(directory);
    let error = Diagnostic::error(format!(
        "there is no environment `{name}`: {file} is missing"
    ));
    let near = nearest(name, known.iter().map(String::as_str));
    let make = format!("make {file}; `{{}}` in it is enough");
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? To begin a new one, {make}"),
        None => make,
    };
    let detail = match known.as_slice() {
        [] => "there is none here yet".to_owned(),
        [one] => format!("the only one here is `{one}`"),
        several => format!("there are `{}`", several.join("`, `")),
    };
    error.detail(detail).hint(hint).into()
}

/// Whose state in the directory has this lineage, but for `own`: an environment, or what is there
/// without one.
pub(super) fn whose(directory: &Path, own: Option<&str>, lineage: &str) -> Option<String> {
    let named = names(directory, ".state.json");
    let others = std::iter::once(None).chain(named.iter().map(|name| Some(name.as_str())));
    let mut others = others.filter(|name| *name != own);
    let other = others.find(|name| {
        let file = directory.join(file_name(*name, "state.json"));
        let state = Store::new(file, PathBuf::new()).load().ok().flatten();
        state.is_some_and(|state| state.lineage == lineage)
    })?;
    Some(match other {
        Some(name) => format!("the environment `{name}`"),
        None => "what is here without an environment".to_owned(),
    })
}

/// The environments of a directory, in order.
fn known(directory: &Path) -> Vec<String> {
    names(directory, ".json")
}

/// The names of those that have a file with this ending.
fn names(directory: &Path, ending: &str) -> Vec<String> {
    let here = PathBuf::from(".");
    let directory = match directory.as_os_str().is_empty() {
        true => &here,
        false => directory,
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut known: Vec<String> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            name(file.strip_prefix("cloud.")?.strip_suffix(ending)?).ok()
        })
        .collect();
    known.sort();
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_make_names_of_files() {
        for good in ["prod", "p", "7", "eu-1", "statement"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for wrong in [
            "", "-", "-p", "Prod", "a.b", "a_b", "a/b", "..", "é", "state",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
