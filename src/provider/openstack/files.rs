//! Files that a new server has from its first boot on, in the two forms that Nova takes.

use crate::provider::cloud_init::{self, File};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::placement::Trouble;
use super::wire::nova::Injected;

/// The most that Nova takes as user data, in base64.
const MOST: usize = 65_535;

/// What cloud-init is given to write the files, in base64; `None` if there are none.
///
/// # Errors
/// If they are too large.
pub(super) fn user_data(files: &[File]) -> Result<Option<String>, String> {
    let Some(config) = cloud_init::config(files) else {
        return Ok(None);
    };
    let encoded = STANDARD.encode(config);
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

/// What stands against putting the files onto the disk: so many of so many bytes may be there.
pub(super) fn against_personality(files: &[File], most: i64, largest: i64) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut trouble = |what: String, hint: String| troubles.push(Trouble { what, hint });
    if most >= 0 && i64::try_from(files.len()).is_ok_and(|count| count > most) {
        let count = files.len();
        trouble(
            format!("it has {count} files, and {most} can be put on a new server here"),
            "put them into fewer files".to_owned(),
        );
    }
    for file in files {
        let (path, bytes) = (&file.path, file.content.len());
        if largest >= 0 && i64::try_from(bytes).is_ok_and(|bytes| bytes > largest) {
            trouble(
                format!(
                    "{path} has {bytes} bytes, and a file on a new server may have {largest} here"
                ),
                "make it shorter, or have a short one fetch the rest".to_owned(),
            );
        }
        if file.mode.is_some() {
            trouble(
                format!("the mode of {path} cannot be set here"),
                "take `mode` out; root owns the file".to_owned(),
            );
        }
    }
    troubles
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::provider::cloud_init::files;

    #[test]
    fn what_cannot_be_put_onto_the_disk_is_told() {
        let told = |asked: Json| {
            let troubles = against_personality(&files(Some(&asked)).unwrap(), 2, 10);
            let told = troubles.into_iter().map(|trouble| trouble.what);
            told.collect::<Vec<_>>()
        };
        let file = |path: &str, content: &str| json!({"path": path, "content": content});
        let fits = json!([file("/a", "0123456789"), file("/b", "")]);
        assert_eq!(told(fits), [""; 0]);
        let mut large = file("/b", "0123456789\u{e4}");
        large["mode"] = "0600".into();
        assert_eq!(
            told(json!([file("/a", ""), large, file("/c", "")])),
            [
                "it has 3 files, and 2 can be put on a new server here",
                "/b has 12 bytes, and a file on a new server may have 10 here",
                "the mode of /b cannot be set here",
            ]
        );
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
