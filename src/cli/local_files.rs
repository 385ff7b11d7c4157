use std::path::Path;

use crate::config::{Cloud, FileSource, Spanned};
use crate::file;
use crate::model::{Diagnostic, Secret};

/// Reads the files of this machine that cloud.json puts on servers, whose paths count from where
/// cloud.json is. Gives what is wrong with those that cannot be read.
pub(super) fn read(directory: &Path, cloud: &mut Cloud) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let sources = cloud.servers.iter_mut().flat_map(|server| {
        let files = server.files.iter_mut().map(|file| &mut file.source);
        let user_data = server.creation.user_data.as_mut();
        files.chain(user_data.map(|user_data| &mut user_data.value))
    });
    for source in sources {
        let FileSource::Local(path) = &*source else {
            continue;
        };
        match contents(directory, path) {
            Ok(text) => *source = FileSource::Content(text),
            Err(problem) => {
                // All servers of a range, or with a default, have it from one place.
                let told = |other: &Diagnostic| other.place == problem.place;
                if !problems.iter().any(told) {
                    problems.push(*problem);
                }
            }
        }
    }
    problems
}

/// What tells the contents of all files that are put on servers, and their user data, from others, in
/// their order.
pub(super) fn digests(cloud: &Cloud) -> Vec<Option<String>> {
    let sources = cloud.servers.iter().flat_map(|server| {
        let files = server.files.iter().map(|file| &file.source);
        let user_data = server.creation.user_data.as_ref();
        files.chain(user_data.map(|user_data| &user_data.value))
    });
    sources
        .map(|source| match source {
            FileSource::Content(text) => Some(sha256(text.expose().as_bytes())),
            FileSource::Local(_) | FileSource::PublicKey => None,
        })
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    hex.collect()
}

fn contents(directory: &Path, path: &Spanned<String>) -> Result<Secret, Box<Diagnostic>> {
    let refused = |why: String, hint: &str| {
        Box::new(
            Diagnostic::error(format!(
                "the file `{}` cannot be put on a server",
                path.value
            ))
            .detail(why)
            .hint(hint)
            .at(path.place.clone()),
        )
    };
    let bytes = file::read(&directory.join(&path.value)).map_err(|error| {
        refused(
            error.to_string(),
            "name a file of this machine, from the folder that cloud.json is in",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|_| {
        refused(
            "it is no text in UTF-8".to_owned(),
            "only text is carried; have the server fetch anything else",
        )
    })?;
    Ok(Secret::new(text))
}
