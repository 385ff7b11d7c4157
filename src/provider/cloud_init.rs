//! Files that a new server has from its first boot on, in the form that cloud-init reads. What its
//! images run is told by its documentation, "Module reference", "Write Files".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::model::{Desired, Value};
use crate::resource::server::FILES;

/// A file to put on a server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) content: String,
    /// `0644`.
    pub(super) mode: Option<String>,
}

const NONE_OF_OURS: &str = "its `files` are not a list of files";

/// The files that an attribute asks for, as the provider gets it.
///
/// # Errors
/// That it is no list of files; never with anything of it.
pub(super) fn files(attribute: Option<&Json>) -> Result<Vec<File>, String> {
    match attribute {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(list) => Vec::deserialize(list).map_err(|_| NONE_OF_OURS.to_owned()),
    }
}

/// The files that a server is to have, with their contents, before it is made.
///
/// # Errors
/// As [`files`].
pub(super) fn wanted_files(desired: &Desired) -> Result<Vec<File>, String> {
    match desired.attributes.get(FILES) {
        Some(Value::Sealed(sealed)) => {
            let content = sealed.content.expose();
            serde_json::from_str(content).map_err(|_| NONE_OF_OURS.to_owned())
        }
        Some(Value::Known(list)) => files(Some(list)),
        Some(Value::Reference(_) | Value::Template(_)) | None => Ok(Vec::new()),
    }
}

/// What cloud-init is given to write the files; `None` if there are none.
pub(super) fn config(files: &[File]) -> Option<String> {
    if files.is_empty() {
        return None;
    }
    let written = files.iter().map(|file| {
        let mut entry = json!({
            "path": file.path,
            "encoding": "b64",
            "content": STANDARD.encode(&file.content),
        });
        if let (Some(mode), Some(entry)) = (&file.mode, entry.as_object_mut()) {
            entry.insert("permissions".to_owned(), mode.as_str().into());
        }
        entry
    });
    // JSON is YAML too, and nothing in it can be mistaken for anything else.
    let config = json!({ "write_files": written.collect::<Vec<_>>() });
    Some(format!("#cloud-config\n{config}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_a_configuration() {
        let asked = json!([
            {"path": "/etc/motd", "content": "hello: \"you\"\n", "mode": "0600"},
            {"path": "/etc/empty", "content": ""},
        ]);
        let text = config(&files(Some(&asked)).unwrap()).unwrap();
        let json = text.strip_prefix("#cloud-config\n").unwrap();
        assert_eq!(
            serde_json::from_str::<Json>(json).unwrap(),
            json!({"write_files": [
                {"path": "/etc/motd", "encoding": "b64", "content": "aGVsbG86ICJ5b3UiCg==", "permissions": "0600"},
                {"path": "/etc/empty", "encoding": "b64", "content": ""},
            ]})
        );
        assert_eq!(config(&[]), None);
    }

    #[test]
    fn what_is_no_file_is_refused_without_repeating_it() {
        let wrong = json!([{"path": "/x", "contents": "hunter2"}]);
        let said = files(Some(&wrong)).err().unwrap();
        assert!(!said.contains("hunter2"), "{said}");
    }
}
