//! The state file's text. Each format has a file of its own here and is read for ever; only the
//! newest one is written.

pub mod journal;
mod strict;
#[cfg(test)]
mod tests;
mod v1;

use serde_json::Value;

use super::State;
use crate::model::escape;

/// The text of a state file, and what it takes to recognise it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// What the file shall hold.
    pub bytes: Vec<u8>,
    /// The checksum in it, `sha256:<hex>`.
    pub checksum: String,
}

/// What a state file's text says.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The state.
    pub state: State,
    /// The checksum, which was found to be right.
    pub checksum: String,
    /// Whether a journal goes on from it, without which it is not all that is known.
    pub open: bool,
}

/// The text of `state` in the newest format, complete in itself.
///
/// # Errors
/// None that a state can cause; JSON serialization is fallible by its signature.
pub fn encode(state: &State) -> serde_json::Result<Encoded> {
    v1::encode(state, false)
}

/// The text of `state` as the base of a journal, without which nobody may read it then.
///
/// # Errors
/// None that a state can cause; JSON serialization is fallible by its signature.
pub fn encode_open(state: &State) -> serde_json::Result<Encoded> {
    v1::encode(state, true)
}

/// Reads a state file's text, in whatever format it is.
///
/// # Errors
/// If it is anything but a whole, unaltered state file of a format known here. Nothing of a
/// doubtful file is ever used: what is left out of a state is created a second time.
pub fn decode(bytes: &[u8]) -> Result<Decoded, FormatError> {
    // Some editors put a byte order mark in front; it changes nothing.
    let mark: &[u8] = "\u{feff}".as_bytes();
    let skipped = if bytes.starts_with(mark) {
        mark.len()
    } else {
        0
    };
    let bytes = &bytes[skipped..];
    let document = strict::parse(bytes).map_err(|error| error.shifted(skipped))?;
    match document.get("format").map(Value::as_u64) {
        None => Err(FormatError::Foreign),
        Some(Some(1)) => v1::decode(document),
        Some(Some(format)) if format > 1 => Err(FormatError::Newer {
            format,
            written_by: document
                .get("written_by")
                .and_then(Value::as_str)
                .map(|text| escape(text).into_owned()),
        }),
        Some(_) => Err(FormatError::Shape {
            place: "`format`".to_owned(),
            what: "it is not a format's number".to_owned(),
        }),
    }
}

/// Why a text is not a usable state file.
///
/// Bytes, lines and columns: bytes count from 0, the others from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// There is nothing in it.
    #[error("it is empty, which a state file never is, not even one without resources")]
    Empty,
    /// It ends before the document does.
    #[error("it ends in the middle, at byte {byte}: the rest is missing")]
    Truncated {
        /// Its length.
        byte: usize,
    },
    /// It holds both sides of a merge.
    #[error("it holds git's conflict markers, the first in line {line} (byte {byte})")]
    Conflict {
        /// Where the first marker stands.
        byte: usize,
        /// Its line.
        line: usize,
    },
    /// It is not text.
    #[error("it is not text (UTF-8) from byte {byte} on")]
    NotText {
        /// The first byte that is no part of a character.
        byte: usize,
    },
    /// It is not JSON.
    #[error("it is damaged at byte {byte} (line {line}, column {column}): {what}")]
    Syntax {
        /// Where it stops making sense.
        byte: usize,
        /// Its line.
        line: usize,
        /// Its column, in bytes.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// It is JSON, but no state file of ours.
    #[error("it has no `format`, so cloudbuilder did not write it")]
    Foreign,
    /// A later cloudbuilder wrote it.
    #[error(
        "it was written by {}, in format {format}; this version reads format 1",
        written_by.as_deref().unwrap_or("a newer cloudbuilder")
    )]
    Newer {
        /// The format's number.
        format: u64,
        /// The program that wrote it, if it says so.
        written_by: Option<String>,
    },
    /// It says nothing about its checksum.
    #[error("it has no checksum, so nobody can tell whether it is whole")]
    NoChecksum,
    /// It was altered after it was written.
    #[error(
        "it was changed after cloudbuilder wrote it, by hand or by a merge: its checksum is {recorded}, its content has {computed}"
    )]
    Checksum {
        /// The checksum in the file.
        recorded: String,
        /// The checksum of what is in the file.
        computed: String,
    },
    /// Its checksum is right, but it holds something unknown here.
    #[error(
        "it holds something that this version does not know, so a newer cloudbuilder wrote it: {place}: {what}"
    )]
    Shape {
        /// Whose.
        place: String,
        /// What about it.
        what: String,
    },
    /// It says something about a journal that is not known here.
    #[error("a newer cloudbuilder left a journal open in it, which this version cannot read")]
    OpenJournal,
}

impl FormatError {
    /// The byte where the text stops making sense, if there is such a place.
    #[must_use]
    pub fn byte(&self) -> Option<usize> {
        match self {
            Self::Empty => Some(0),
            Self::Truncated { byte }
            | Self::Conflict { byte, .. }
            | Self::NotText { byte }
            | Self::Syntax { byte, .. } => Some(*byte),
            Self::Foreign
            | Self::Newer { .. }
            | Self::NoChecksum
            | Self::Checksum { .. }
            | Self::Shape { .. }
            | Self::OpenJournal => None,
        }
    }

    /// Whether the file is fine and only the program is too old for it.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        matches!(
            self,
            Self::Newer { .. } | Self::Shape { .. } | Self::OpenJournal
        )
    }

    fn shifted(mut self, by: usize) -> Self {
        if let Self::Truncated { byte }
        | Self::Conflict { byte, .. }
        | Self::NotText { byte }
        | Self::Syntax { byte, .. } = &mut self
        {
            *byte += by;
        }
        self
    }
}
