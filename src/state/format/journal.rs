//! The text of the journal beside a state file, in its only format so far.
//!
//! One JSON object a line: first the header, then for each append one line with all its entries,
//! so that they are there together or not at all. The last member of every line is `checksum`:
//! `sha256:` and the hex digest of the bytes of the checksum before (of nothing, for the header)
//! and of the line up to the comma in front of this member. Each checksum thus guards everything
//! above it: a line that is altered, missing, doubled or another journal's does not fit.
//!
//! A line counts once its line end is there. What a crash can leave of the last one is known, and
//! is dropped: nothing that waited for it was done. See [`decode`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::v1::{self, IntentEntry, ProgressEntry, ResourceEntry};
use crate::model::escape;
use crate::state::{Change, Entry};

/// The first line of a journal: what it goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    format: u64,
    /// The lineage of the state.
    pub lineage: String,
    /// Its serial.
    pub base_serial: u64,
    /// The checksum in the state file, so that of two states with one serial only the right one
    /// fits.
    pub base_checksum: String,
    written_by: String,
}

impl Header {
    /// The header of a journal that goes on from that version of a state.
    #[must_use]
    pub fn new(lineage: &str, base_serial: u64, base_checksum: &str) -> Self {
        Self {
            format: 1,
            lineage: lineage.to_owned(),
            base_serial,
            base_checksum: base_checksum.to_owned(),
            written_by: v1::WRITTEN_BY.to_owned(),
        }
    }
}

/// What a journal's text says.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What it goes on from.
    pub header: Header,
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
    /// The checksum of its last line, which stands for all of it.
    pub checksum: String,
    /// How many bytes at its end are what a crash left of a line.
    pub torn: usize,
}

/// Why a text is not a usable journal.
///
/// Bytes count from 0, lines from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A line is not what was written.
    #[error("it is damaged in line {line}, which begins at byte {byte}: {what}")]
    Damaged {
        /// Where that line begins.
        byte: usize,
        /// Its number.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A line is what was written, but by somebody who knows more.
    #[error("a newer cloudbuilder wrote it: line {line}: {what}")]
    Newer {
        /// The line's number.
        line: usize,
        /// What is not known here.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    entries: Vec<EntryWord<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum EntryWord<'a> {
    Intent(IntentEntry<'a>),
    Outcome { number: u64, change: ChangeWord<'a> },
    Change(ChangeWord<'a>),
    Progress(ProgressEntry),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChangeWord<'a> {
    Put(ResourceEntry<'a>),
    Remove(Cow<'a, str>),
    Nothing,
}

/// What stands between a line's content and its checksum.
const SEAL: &[u8] = b",\"checksum\":\"";
const SEAL_END: &[u8] = b"\"}";
/// `sha256:` and 64 digits.
const CHECKSUM_LENGTH: usize = 71;

/// The text of a header, and its checksum.
///
/// # Errors
/// None that a header can cause; JSON serialization is fallible by its signature.
pub fn encode_header(header: &Header) -> serde_json::Result<(Vec<u8>, String)> {
    Ok(sealed(serde_json::to_vec(header)?, ""))
}

/// The text of entries that are appended together, and its checksum; `before` is the checksum of
/// the line before.
///
/// # Errors
/// None that entries can cause; JSON serialization is fallible by its signature.
pub fn encode_entries(entries: &[Entry], before: &str) -> serde_json::Result<(Vec<u8>, String)> {
    let line = Line {
        entries: entries.iter().map(entry_word).collect(),
    };
    Ok(sealed(serde_json::to_vec(&line)?, before))
}

fn entry_word(entry: &Entry) -> EntryWord<'_> {
    match entry {
        Entry::Intent(intent) => EntryWord::Intent(v1::intent_entry(intent)),
        Entry::Outcome { number, change } => EntryWord::Outcome {
            number: *number,
            change: change_word(change),
        },
        Entry::Change(change) => EntryWord::Change(change_word(change)),
        Entry::Progress(progress) => EntryWord::Progress(v1::progress_entry(*progress)),
    }
}

fn change_word(change: &Change) -> ChangeWord<'_> {
    match change {
        Change::Put(recorded) => ChangeWord::Put(v1::resource_entry(recorded)),
        Change::Remove(address) => ChangeWord::Remove(address.to_string().into()),
        Change::Nothing => ChangeWord::Nothing,
    }
}

/// An object's text with the checksum as its last member.
fn sealed(mut object: Vec<u8>, before: &str) -> (Vec<u8>, String) {
    object.pop();
    let checksum = checksum(before, &object);
    object.extend_from_slice(SEAL);
    object.extend_from_slice(checksum.as_bytes());
    object.extend_from_slice(SEAL_END);
    object.push(b'\n');
    (object, checksum)
}

fn checksum(before: &str, content: &[u8]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(before.as_bytes());
    context.update(content);
    v1::digest_text(&context.finish())
}

/// Reads a journal's text.
///
/// The last line is dropped as torn if its line end is missing or a part of it is zeros: a write
/// that was cut off leaves its beginning, and a machine that lost its power may leave zeros in
/// place of blocks that were still to be written.
///
/// # Errors
/// If a line before the last is not what was written, or the last one is not and does not look
/// cut off either. A header is put in place whole, so half of one is damage.
pub fn decode(bytes: &[u8]) -> Result<Decoded, JournalError> {
    let mut lines = Lines::of(bytes);
    let header = lines.header()?;
    let mut entries = Vec::new();
    while let Some(content) = lines.next() {
        let content = content?;
        let line: Line<'_> =
            serde_json::from_slice(&content).map_err(|error| lines.newer(error.to_string()))?;
        for word in line.entries {
            entries.push(entry_from(word).map_err(|what| lines.newer(what))?);
        }
    }
    Ok(Decoded {
        header,
        entries,
        torn: bytes.len() - lines.at,
        checksum: lines.checksum,
    })
}

/// Reads only the first line of a journal's text.
///
/// # Errors
/// If that line is not what was written.
pub fn decode_header(bytes: &[u8]) -> Result<Header, JournalError> {
    Lines::of(bytes).header()
}

fn entry_from(word: EntryWord<'_>) -> Result<Entry, String> {
    Ok(match word {
        EntryWord::Intent(intent) => Entry::Intent(v1::intent_from(intent)?),
        EntryWord::Outcome { number, change } => Entry::Outcome {
            number,
            change: change_from(change)?,
        },
        EntryWord::Change(change) => Entry::Change(change_from(change)?),
        EntryWord::Progress(progress) => Entry::Progress(v1::progress_from(progress)),
    })
}

fn change_from(word: ChangeWord<'_>) -> Result<Change, String> {
    Ok(match word {
        ChangeWord::Put(entry) => Change::Put(v1::recorded_from(entry)?),
        ChangeWord::Remove(address) => Change::Remove(v1::address_from(&address)?),
        ChangeWord::Nothing => Change::Nothing,
    })
}

/// Lines with their checksums checked, as objects without them.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the line begins that comes next.
    at: usize,
    /// How many lines were read.
    line: usize,
    /// That of the line read last.
    checksum: String,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 0,
            checksum: String::new(),
        }
    }

    fn header(&mut self) -> Result<Header, JournalError> {
        let first = match self.next() {
            Some(first) => first?,
            None if self.bytes.is_empty() => return Err(self.damaged("the file is empty")),
            None => return Err(self.damaged("the file ends in it")),
        };
        let format = serde_json::from_slice::<Value>(&first)
            .ok()
            .and_then(|header| header.get("format")?.as_u64());
        if let Some(format) = format.filter(|&format| format > 1) {
            let what = format!("format {format}; this version reads format 1");
            return Err(JournalError::Newer { line: 1, what });
        }
        serde_json::from_slice(&first).map_err(|error| self.newer(error.to_string()))
    }

    /// `None` at the end of what counts.
    fn next(&mut self) -> Option<Result<Vec<u8>, JournalError>> {
        let rest = self.bytes.get(self.at..)?;
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            // Cut off, unless only its end is something else than it was.
            let whole = rest.split_last().and_then(|(_, line)| self.checked(line));
            return whole.map(|_| Err(self.damaged("its line end is gone")));
        };
        let (line, after) = rest.split_at(length);
        let Some((content, checksum)) = self.checked(line) else {
            let last = after.len() == 1;
            if last && self.line > 0 && has_hole(line) {
                return None;
            }
            return Some(Err(self.damaged(what_is_wrong(line))));
        };
        let mut object = content.to_vec();
        object.push(b'}');
        self.checksum = checksum;
        self.at += length + 1;
        self.line += 1;
        Some(Ok(object))
    }

    /// A line's content, if it is what was written.
    fn checked<'l>(&self, line: &'l [u8]) -> Option<(&'l [u8], String)> {
        // Git may have changed the line ends.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_suffix(SEAL_END)?;
        let (line, recorded) = line.split_at_checked(line.len().checked_sub(CHECKSUM_LENGTH)?)?;
        let content = line.strip_suffix(SEAL)?;
        let computed = checksum(&self.checksum, content);
        (computed.as_bytes() == recorded).then_some((content, computed))
    }

    /// The line that comes next is not what was written.
    fn damaged(&self, what: &'static str) -> JournalError {
        JournalError::Damaged {
            byte: self.at,
            line: self.line + 1,
            what,
        }
    }

    /// The line read last holds what is not known here.
    fn newer(&self, what: impl AsRef<str>) -> JournalError {
        JournalError::Newer {
            line: self.line,
            what: escape(what.as_ref()).into_owned(),
        }
    }
}

/// Whether blocks of a line were never written. JSON holds no zeros. One alone may also be another
/// character with a bit turned, unless it stands first, where the block before may have ended.
fn has_hole(line: &[u8]) -> bool {
    line.first() == Some(&0) || line.windows(2).any(|pair| pair == [0, 0])
}

fn what_is_wrong(line: &[u8]) -> &'static str {
    let marker = |marker: &[u8]| line.starts_with(marker);
    if marker(b"<<<<<<<") || marker(b"|||||||") || marker(b"=======") || marker(b">>>>>>>") {
        "git left the marker of a conflict there"
    } else if serde_json::from_slice::<Value>(line).is_err() {
        "it is not JSON"
    } else {
        "its checksum does not fit what it and the lines before say"
    }
}
