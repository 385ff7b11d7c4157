//! What a new server has from its first boot on, in the two forms that Nova takes: files on its disk,
//! and what cloud-init does.

use crate::provider::cloud_init::{File, Start, Unfit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::placement::Trouble;
use super::profile::Files;
use super::wire::nova::Injected;

/// The most that Nova takes as user data, in base64.
const MOST: usize = 65_535;

/// How many files Nova puts onto a disk, and how many bytes each may have, where an account has not
/// been given other limits (`maxPersonality` and `maxPersonalitySize` of its limits).
const MOST_INJECTED: usize = 5;
const LARGEST_INJECTED: usize = 1000;

/// How these files come onto a new server of a cloud. What Nova cannot put onto the disk, cloud-init
/// writes all the same: a file with a mode, many of them, large ones. It is all or nothing, so that
/// whoever looks for a missing file has one place to look at.
pub(super) fn way(of_cloud: Files, files: &[File]) -> Files {
    let fits = |file: &File| file.mode.is_none() && file.content.len() <= LARGEST_INJECTED;
    if of_cloud == Files::Personality && files.len() <= MOST_INJECTED && files.iter().all(fits) {
        Files::Personality
    } else {
        Files::CloudInit
    }
}

/// What a server starts with, as Nova is given it: what cloud-init gets, in base64, and what is put
/// onto the disk.
///
/// # Errors
/// If there is too much of it, or it cannot be put together.
pub(super) fn given(
    of_cloud: Files,
    mut start: Start,
) -> Result<(Option<String>, Vec<Injected>), Unfit> {
    let injected = match way(of_cloud, &start.files) {
        Files::CloudInit => Vec::new(),
        Files::Personality => personality(&std::mem::take(&mut start.files)),
    };
    let encoded = start.text()?.map(|text| STANDARD.encode(text));
    match encoded.as_ref().map(String::len) {
        Some(bytes) if bytes > MOST => Err(Unfit::too_long(&start, bytes, MOST)),
        _ => Ok((encoded, injected)),
    }
}

/// What Nova is given to put the files onto the disk itself. It knows no modes.
fn personality(files: &[File]) -> Vec<Injected> {
    let injected = files.iter().map(|file| Injected {
        path: file.path.clone(),
        contents: STANDARD.encode(&file.content),
    });
    injected.collect()
}

const WRITTEN_INSTEAD: &str =
    "give one of them a `mode`, \"0644\" for one: cloud-init writes them then";

/// What stands against putting the files onto the disk: so many of so many bytes may be there, by the
/// limits of this account.
pub(super) fn against_personality(files: &[File], most: i64, largest: i64) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut trouble = |what: String, hint: String| troubles.push(Trouble { what, hint });
    if most >= 0 && i64::try_from(files.len()).is_ok_and(|count| count > most) {
        let count = files.len();
        trouble(
            format!("it has {count} files, and {most} can be put on a new server here"),
            WRITTEN_INSTEAD.to_owned(),
        );
    }
    for file in files {
        let (path, bytes) = (&file.path, file.content.len());
        if largest >= 0 && i64::try_from(bytes).is_ok_and(|bytes| bytes > largest) {
            trouble(
                format!(
                    "{path} has {bytes} bytes, and a file on a new server may have {largest} here"
                ),
                WRITTEN_INSTEAD.to_owned(),
            );
        }
    }
    troubles
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value as Json, json};

    use super::*;

    fn files(list: &Json) -> Vec<File> {
        Vec::deserialize(list).unwrap()
    }

    #[test]
    fn what_cannot_be_put_onto_the_disk_is_told() {
        let told = |asked: Json| {
            let troubles = against_personality(&files(&asked), 2, 10);
            let told = troubles.into_iter().map(|trouble| trouble.what);
            told.collect::<Vec<_>>()
        };
        let file = |path: &str, content: &str| json!({"path": path, "content": content});
        let fits = json!([file("/a", "0123456789"), file("/b", "")]);
        assert_eq!(told(fits), [""; 0]);
        let large = file("/b", "0123456789\u{e4}");
        assert_eq!(
            told(json!([file("/a", ""), large, file("/c", "")])),
            [
                "it has 3 files, and 2 can be put on a new server here",
                "/b has 12 bytes, and a file on a new server may have 10 here",
            ]
        );
    }

    #[test]
    fn what_nova_cannot_put_onto_the_disk_is_written_by_cloud_init() {
        let file = |path: &str, bytes: usize| json!({"path": path, "content": "x".repeat(bytes)});
        let by = |cloud, asked: Vec<Json>| way(cloud, &files(&asked.into()));
        let five: Vec<Json> = (0..5).map(|n| file(&format!("/{n}"), 1000)).collect();
        let six: Vec<Json> = (0..6).map(|n| file(&format!("/{n}"), 1)).collect();
        let mut private = file("/a", 1);
        private["mode"] = "0600".into();
        assert_eq!(by(Files::Personality, vec![]), Files::Personality);
        assert_eq!(by(Files::Personality, five.clone()), Files::Personality);
        assert_eq!(by(Files::Personality, six), Files::CloudInit);
        let large = vec![file("/a", 1001), file("/b", 1)];
        assert_eq!(by(Files::Personality, large), Files::CloudInit);
        let private = vec![private, file("/b", 1)];
        assert_eq!(by(Files::Personality, private), Files::CloudInit);
        assert_eq!(by(Files::CloudInit, five), Files::CloudInit);
    }

    #[test]
    fn what_is_too_large_is_refused_without_repeating_it() {
        let large = json!([{"path": "/x", "content": "y".repeat(40_000)}]);
        let start = |user_data: Option<&str>, list: &Json| Start {
            user_data: user_data.map(ToOwned::to_owned),
            files: files(list),
            keys: Vec::new(),
        };
        let said = given(Files::CloudInit, start(None, &large)).err().unwrap();
        assert!(
            said.what.contains("65535") && !said.what.contains("yyy"),
            "{said:?}"
        );
        let none = given(Files::CloudInit, Start::default()).unwrap();
        assert!(none.0.is_none() && none.1.is_empty());
    }

    #[test]
    fn files_on_the_disk_leave_what_the_user_wrote_alone() {
        let own = "no word of cloud-init's";
        let list = json!([{"path": "/x", "content": "y"}]);
        let start = Start {
            user_data: Some(own.to_owned()),
            files: files(&list),
            keys: Vec::new(),
        };
        let (user_data, injected) = given(Files::Personality, start.clone()).unwrap();
        assert_eq!(user_data.unwrap(), STANDARD.encode(own));
        assert_eq!(injected.len(), 1);
        assert!(given(Files::CloudInit, start).is_err());
    }
}
