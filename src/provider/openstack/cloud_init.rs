//! Files that a new server has from its first boot on, in the form that cloud-init reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::wire::nova::Injected;

/// The most that Nova takes as user data, in base64.
const MOST: usize = 65_535;

/// A file to put on a server.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    path: String,
    content: String,
    /// `0644`.
    mode: Option<String>,
}

/// The files that an attribute asks for.
///
/// # Errors
/// That it is no list of files; never with anything of it.
pub(super) fn files(attribute: Option<&Json>) -> Result<Vec<File>, String> {
    match attribute {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(list) => {
            Vec::deserialize(list).map_err(|_| "its `files` are not a list of files".to_owned())
        }
    }
}

/// What cloud-init is given to write the files, in base64; `None` if there are none.
///
/// # Errors
/// If they are too large.
pub(super) fn user_data(files: &[File]) -> Result<Option<String>, String> {
    if files.is_empty() {
        return Ok(None);
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
    let encoded = STANDARD.encode(format!("#cloud-config\n{config}\n"));
    if encoded.len() > MOST {
        return Err(format!(
            "its `files` are too large: they take {} bytes where {MOST} are allowed",
            encoded.len()
        ));
    }
    Ok(Some(encoded))
}

/// What Nova is given to put the files onto the disk itself. It knows no modes.
pub(super) fn personality(files: &[File]) -> Vec<Injected> {
    let injected = files.iter().map(|file| Injected {
        path: file.path.clone(),
        contents: STANDARD.encode(&file.content),
    });
    injected.collect()
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
        let files = files(Some(&asked)).unwrap();
        let encoded = user_data(&files).unwrap().unwrap();
        let text = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        let json = text.strip_prefix("#cloud-config\n").unwrap();
        assert_eq!(
            serde_json::from_str::<Json>(json).unwrap(),
            json!({"write_files": [
                {"path": "/etc/motd", "encoding": "b64", "content": "aGVsbG86ICJ5b3UiCg==", "permissions": "0600"},
                {"path": "/etc/empty", "encoding": "b64", "content": ""},
            ]})
        );
        assert_eq!(personality(&files)[0].contents, "aGVsbG86ICJ5b3UiCg==");
    }

    #[test]
    fn what_is_too_large_or_no_file_is_refused_without_repeating_it() {
        let large = json!([{"path": "/x", "content": "y".repeat(40_000)}]);
        let said = user_data(&files(Some(&large)).unwrap()).unwrap_err();
        assert!(said.contains("65535") && !said.contains("yyy"), "{said}");
        let wrong = json!([{"path": "/x", "contents": "hunter2"}]);
        let said = files(Some(&wrong)).err().unwrap();
        assert!(!said.contains("hunter2"), "{said}");
        assert!(user_data(&[]).unwrap().is_none());
    }
}
