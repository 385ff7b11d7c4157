use similar::{ChangeTag, TextDiff};

use super::paint::Paint;
use crate::model::escape;

/// What changes in a text, in one line: `the [-old-]{+new+} words`.
pub(super) fn word_diff(before: &str, after: &str) -> String {
    let diff = TextDiff::from_words(before, after);
    let mut text = String::new();
    let mut changes = diff.iter_all_changes().peekable();
    while let Some(change) = changes.next() {
        let mut words = change.value().to_owned();
        while let Some(more) = changes.next_if(|next| next.tag() == change.tag()) {
            words.push_str(more.value());
        }
        text.push_str(&match change.tag() {
            ChangeTag::Equal => words,
            ChangeTag::Delete => format!("[-{words}-]"),
            ChangeTag::Insert => format!("{{+{words}+}}"),
        });
    }
    text
}

/// What changes in a text file, as a unified diff; empty if nothing does.
///
/// A carriage return at the end of a line is not shown: it is the file's way to end lines, and both
/// sides have it.
#[must_use]
pub fn text_diff(file: &str, before: &str, after: &str, color: bool) -> String {
    let paint = Paint { color };
    let diff = TextDiff::from_lines(before, after);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        if text.is_empty() {
            let file = escape(file);
            text.push_str(&paint.bold(&format!("--- {file}")));
            text.push('\n');
            text.push_str(&paint.bold(&format!("+++ {file}")));
            text.push('\n');
        }
        text.push_str(&paint.cyan(&hunk.header().to_string()));
        text.push('\n');
        for change in hunk.iter_changes() {
            let value = change.value();
            let line = value.strip_suffix('\n').unwrap_or(value);
            let line = escape(line.strip_suffix('\r').unwrap_or(line));
            text.push_str(&match change.tag() {
                ChangeTag::Equal => format!(" {line}"),
                ChangeTag::Delete => paint.red(&format!("-{line}")),
                ChangeTag::Insert => paint.green(&format!("+{line}")),
            });
            text.push('\n');
            if change.missing_newline() {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}
