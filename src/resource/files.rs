//! What a server starts with, as the attributes that carry it: files, and its user data.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::config::{File, FileSource, PublicKeys};
use crate::model::{Sealed, Secret, Template, readable};

use super::references::reference;

/// The files, for the provider alone: a list of objects with `path`, `content` and, where there is
/// one, `mode`. Everybody else sees what tells one content from another. `None` if there are none.
///
/// A file that is still on this machine was to be read before; it counts as empty.
pub(super) fn sealed(files: &[File], public_keys: &PublicKeys) -> Option<Sealed> {
    if files.is_empty() {
        return None;
    }
    let (mut shown, mut contents) = (Vec::new(), Vec::new());
    for file in files {
        let keys = public_keys.iter().map(|key| format!("{}\n", key.line));
        let keys: String = keys.collect();
        let content = match &file.source {
            FileSource::Content(text) => text.expose(),
            FileSource::PublicKey => &keys,
            FileSource::Local(_) => "",
        };
        let mut one = json!({"path": file.path.value});
        let mut other = one.clone();
        if let Some(mode) = file.mode {
            let mode = format!("{mode:04o}");
            put(&mut one, "mode", &mode);
            put(&mut other, "mode", &mode);
        }
        put(&mut one, "content", content);
        put(&mut other, "sha256", &sha256(content));
        contents.push(one);
        shown.push(other);
    }
    Some(sealed_as(shown.into(), contents.into()))
}

/// The user data, for the provider alone; `None` if there is none. One that is still in a file of
/// this machine was to be read before.
pub(super) fn user_data(source: &FileSource) -> Option<Sealed> {
    let FileSource::Content(text) = source else {
        return None;
    };
    let text = text.expose();
    // As `sha256sum` tells it of a file that holds the same.
    let shown = json!({"sha256": sha256(&readable(text))});
    (!text.is_empty()).then(|| sealed_as(shown, text.into()))
}

/// What the provider gets of it, with what it takes from other resources, and what everybody else
/// sees.
pub(super) fn sealed_as(shown: Json, content: Json) -> Sealed {
    let content = Template::new(content, reference);
    Sealed {
        shown,
        content: Secret::new(content.json().to_string()),
        references: content.references().to_vec(),
    }
}

fn put(object: &mut Json, key: &str, text: &str) {
    if let Json::Object(object) = object {
        object.insert(key.to_owned(), text.into());
    }
}

fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::cloud;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef a";

    #[test]
    fn what_is_shown_tells_contents_apart_and_holds_none() {
        let sealed = |content: &str| {
            let text = format!(
                r#"{{"version": 2, "servers": {{"a": {{"region": "r", "size": "s", "image": "i",
                    "files": [{{"path": "/etc/a", "content": "{content}", "mode": "0600"}},
                              {{"path": "/etc/b", "public_ssh_key": true}}]}}}}}}"#
            );
            let cloud = cloud::parse("cloud.json", text.as_bytes()).cloud.unwrap();
            sealed(&cloud.servers[0].files, &PublicKeys::parse(KEY).unwrap()).unwrap()
        };
        let one = sealed("hunter2");
        assert!(!one.shown.to_string().contains("hunter2"));
        assert!(!format!("{one:?}").contains("hunter2"));
        assert_eq!(one, sealed("hunter2"));
        assert_ne!(one, sealed("hunter3"));
        let content: Json = serde_json::from_str(one.content.expose()).unwrap();
        assert_eq!(
            content,
            json!([
                {"path": "/etc/a", "mode": "0600", "content": "hunter2"},
                {"path": "/etc/b", "content": format!("{KEY}\n")},
            ])
        );
        assert_eq!(one.shown[0]["mode"], "0600");
    }
}
