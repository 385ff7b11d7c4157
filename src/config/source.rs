use std::ops::Range;
use std::sync::Arc;

use crate::model::{Diagnostic, Place};

/// The largest file that is read. A file of 10,000 servers has about 5 MiB.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;

/// How far apart the characters of the text are counted in advance.
const STRIDE: usize = 512;

/// The text of one of the user's files, and where its lines begin.
pub(super) struct Source<'t> {
    pub(super) file: Arc<str>,
    /// Without a byte order mark.
    pub(super) text: &'t str,
    line_starts: Vec<usize>,
    /// How many characters begin before each multiple of `STRIDE`. Without it, finding the columns
    /// of a file that is all one line would take time in the square of its length.
    characters: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Checks what can be checked without knowing JSON: size and encoding.
    pub(super) fn new(file: &str, bytes: &'t [u8]) -> Result<Self, Box<Diagnostic>> {
        if bytes.len() > MAX_BYTES {
            let error = format!("{file} is larger than 16 MiB and was not read");
            return Err(Diagnostic::error(error)
                .hint("split it into several directories, each a deployment of its own")
                .into());
        }
        if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
            return Err(Box::new(
                Diagnostic::error(format!("{file} is saved as UTF-16"))
                    .hint("save it as UTF-8; editors offer that as `encoding`"),
            ));
        }
        let bytes = without_mark(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::of_text(file, text)),
            Err(error) => Err(Box::new(not_utf8(file, bytes, error.valid_up_to()))),
        }
    }

    /// A text that was checked already.
    pub(super) fn of_text(file: &str, text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut counted = 0;
        let characters = text
            .as_bytes()
            .chunks(STRIDE)
            .map(|chunk| {
                let before = counted;
                counted += count_characters(chunk);
                before
            })
            .collect();
        Self {
            file: file.into(),
            text,
            line_starts: std::iter::once(0).chain(after_breaks).collect(),
            characters,
        }
    }

    /// The place of a stretch of the text.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let line = self.line_starts.partition_point(|&at| at <= range.start);
        let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at));
        let column =
            self.characters_before(range.start) - self.characters_before(*start.unwrap_or(&0));
        Place {
            file: Arc::clone(&self.file),
            range,
            line,
            column: column + 1,
        }
    }

    /// Where the line that holds `at` ends, its line break not counted.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        at + line.trim_end_matches('\r').len()
    }

    fn characters_before(&self, at: usize) -> usize {
        let stride = at / STRIDE;
        let Some(&counted) = self.characters.get(stride) else {
            return count_characters(self.text.as_bytes());
        };
        let rest = self.text.as_bytes().get(stride * STRIDE..at);
        counted + rest.map_or(0, count_characters)
    }
}

/// The bytes after a byte order mark, if there is one.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

/// Every byte of UTF-8 but a continuation begins a character.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

fn not_utf8(file: &str, bytes: &[u8], at: usize) -> Diagnostic {
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let line_start = before.iter().rposition(|&byte| byte == b'\n');
    let on_line = before.get(line_start.map_or(0, |at| at + 1)..);
    Diagnostic::error(format!("{file} is not UTF-8"))
        .detail(format!("byte {} cannot be part of a character", at + 1))
        .hint("save it as UTF-8; editors offer that as `encoding`")
        .at(Place {
            file: file.into(),
            range: at..at + 1,
            line,
            column: on_line.map_or(0, count_characters) + 1,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_breaks() {
        let long = format!("é{}\r\nüx", "é".repeat(STRIDE));
        let source = Source::new("cloud.json", long.as_bytes()).unwrap();
        for (at, character) in long.char_indices() {
            let place = source.place(at..at + character.len_utf8());
            let before = &long[..at];
            assert_eq!(place.line, before.matches('\n').count() + 1, "{at}");
            let line = before.rsplit('\n').next().unwrap();
            assert_eq!(place.column, line.chars().count() + 1, "{at}");
        }
        let end = source.place(long.len()..long.len());
        assert_eq!((end.line, end.column), (2, 3));
    }

    #[test]
    fn the_text_has_no_mark() {
        let source = Source::new("cloud.json", b"\xEF\xBB\xBF{}").unwrap();
        assert_eq!(source.text, "{}");
        assert_eq!(source.place(0..1).column, 1);
    }

    #[test]
    fn other_encodings_are_named() {
        let error = Source::new("cloud.json", b"{\n\"caf\xE9\"").err().unwrap();
        let place = error.place.unwrap();
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(error.detail, "byte 7 cannot be part of a character");
        let error = Source::new("cloud.json", b"\xFF\xFE{\0").err().unwrap();
        assert_eq!(error.summary, "cloud.json is saved as UTF-16");
    }
}
