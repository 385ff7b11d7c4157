use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::model::{self, Diagnostic, Place, Severity};

/// How many bytes of a line are quoted on either side of a mark. A file can be all one line.
const REACH: usize = 400;

/// How far apart marks of one line may be to be shown in one quote.
const TOGETHER: usize = 60;

/// How many characters are shown of what something stands for.
const LONGEST_MEANING: usize = 60;

/// Ends our own `file:line:column`. The renderer sees only an excerpt of a long line, so the
/// position that it adds itself is taken out again.
const OWN_POSITION_ENDS: char = '\u{E000}';

/// The texts that messages may quote, by the file's name. What is not in it is named, not quoted:
/// that is how security.json stays unseen.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: BTreeMap<String, String>,
    /// By file and first byte, what stands there in other words.
    meanings: BTreeMap<(Arc<str>, usize), String>,
}

impl Sources {
    /// Nothing to quote.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a file's content; what is not UTF-8 is not quoted.
    #[must_use]
    pub fn with(mut self, file: &str, content: &[u8]) -> Self {
        if let Ok(text) = std::str::from_utf8(content) {
            let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
            self.texts.insert(file.to_owned(), text.to_owned());
        }
        self
    }

    /// With what a stretch of a file stands for, where that is not what is written there.
    #[must_use]
    pub fn meaning(mut self, place: Place, value: String) -> Self {
        self.meanings.insert((place.file, place.range.start), value);
        self
    }

    fn meaning_of(&self, place: &Place) -> Option<String> {
        let key = (Arc::clone(&place.file), place.range.start);
        let value = self.meanings.get(&key)?;
        let shown: String = value.chars().take(LONGEST_MEANING).collect();
        let more = if shown.len() < value.len() { "…" } else { "" };
        Some(format!("`{}{more}`", model::escape(&shown)))
    }

    fn text(&self, place: &Place) -> Option<&str> {
        self.texts.get(place.file.as_ref()).map(String::as_str)
    }
}

/// Messages for people, an empty line after each: what happened, the line it happened in, why, and
/// what to do. Lines are quoted up to `width` columns.
#[must_use]
pub fn diagnostics(list: &[Diagnostic], sources: &Sources, color: bool, width: usize) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.term_width(width.max(40));
    let mut text = String::new();
    for diagnostic in list {
        text.push_str(&one(diagnostic, sources, &renderer));
        text.push_str("\n\n");
    }
    text
}

fn one(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level.primary_title(escape(&diagnostic.summary)).elements(
        // A title alone is a group too.
        Vec::<Snippet<'_, Annotation<'_>>>::new(),
    );
    for quote in quotes(diagnostic) {
        let place = quote.first;
        group = match sources.text(place) {
            Some(text) => group.element(quote.snippet(text, sources)),
            None => group.element(
                Origin::path(escape(&place.file))
                    .line(place.line)
                    .char_column(place.column),
            ),
        };
    }
    if !diagnostic.detail.is_empty() {
        group = group.element(Level::NOTE.no_name().message(escape(&diagnostic.detail)));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(escape(hint)));
    }
    let rendered = renderer.render(&[group]);
    let mut pieces = rendered.split(OWN_POSITION_ENDS);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit())
    })
}

/// Marks that are shown together, because they are in one line.
struct Quote<'d> {
    first: &'d Place,
    marks: Vec<(AnnotationKind, &'d Place, &'d str)>,
}

fn quotes(diagnostic: &Diagnostic) -> Vec<Quote<'_>> {
    let primary = diagnostic.place.iter();
    let primary = primary.map(|place| (AnnotationKind::Primary, place, ""));
    let related = diagnostic.related.iter();
    let related = related.map(|(place, label)| (AnnotationKind::Context, place, label.as_str()));
    let mut quotes: Vec<Quote<'_>> = Vec::new();
    for mark in primary.chain(related) {
        let together = quotes.iter_mut().find(|quote| {
            let first = quote.first;
            let near = first.range.start.abs_diff(mark.1.range.start) < TOGETHER;
            first.file == mark.1.file && first.line == mark.1.line && near
        });
        match together {
            Some(quote) => quote.marks.push(mark),
            None => quotes.push(Quote {
                first: mark.1,
                marks: vec![mark],
            }),
        }
    }
    quotes
}

impl<'d> Quote<'d> {
    fn snippet(&self, text: &str, sources: &Sources) -> Snippet<'static, Annotation<'d>> {
        let starts = self.marks.iter().map(|(_, place, _)| place.range.start);
        let (low, high) = starts.fold((usize::MAX, 0), |(low, high), start| {
            (low.min(start), high.max(start))
        });
        let excerpt = Excerpt::cut(text, low, high);
        let marks = self.marks.iter().map(|(kind, place, label)| {
            let annotation = kind.span(excerpt.span(&place.range));
            let label = match label.is_empty() {
                true => sources.meaning_of(place),
                false => Some((*label).to_owned()),
            };
            annotation.label(label.map(|label| escape(&label)))
        });
        let marks: Vec<_> = marks.collect();
        let place = self.first;
        let (file, line, column) = (escape(&place.file), place.line, place.column);
        Snippet::source(excerpt.shown)
            .path(format!("{file}:{line}:{column}{OWN_POSITION_ENDS}"))
            .line_start(line)
            .annotations(marks)
    }
}

/// A line of the file, or the part of it around the marks, fit to be printed.
struct Excerpt {
    shown: String,
    /// Where each character of the file went: its offset there and here.
    moved: Vec<(usize, usize)>,
}

impl Excerpt {
    fn cut(text: &str, low: usize, high: usize) -> Self {
        let low = floor(text, low);
        let high = floor(text, high.max(low));
        let before = text.get(..low).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = text.get(high..).unwrap_or_default();
        let line_end = high + rest.find('\n').unwrap_or(rest.len());
        let start = floor(text, line_start.max(low.saturating_sub(REACH)));
        let end = floor(text, line_end.min(high.saturating_add(REACH)));
        let part = text
            .get(start..end)
            .unwrap_or_default()
            .trim_end_matches('\r');

        let mut shown = String::new();
        let mut moved = Vec::new();
        if start > line_start {
            shown.push('…');
        }
        for (at, character) in part.char_indices() {
            moved.push((start + at, shown.len()));
            // Tabs are laid out by the renderer; the rest could steer the terminal.
            if character == '\t' || !(model::steers(character) || character == OWN_POSITION_ENDS) {
                shown.push(character);
            } else {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        }
        moved.push((start + part.len(), shown.len()));
        if end < line_end {
            shown.push('…');
        }
        Self { shown, moved }
    }

    /// A stretch of the file, as far as it is in the excerpt.
    fn span(&self, range: &Range<usize>) -> Range<usize> {
        let to = |offset: usize| {
            let at = self.moved.partition_point(|&(from, _)| from < offset);
            let known = self.moved.get(at).or(self.moved.last());
            known.map_or(0, |&(_, to)| to)
        };
        to(range.start)..to(range.end.max(range.start))
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// Text from a file or an API, with nothing in it that a terminal obeys but new lines, and without
/// the mark that is used here.
fn escape(text: &str) -> String {
    let lines = text.split('\n').map(|line| model::escape(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace(OWN_POSITION_ENDS, "\\u{e000}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, text: &str, range: Range<usize>) -> Place {
        let before = &text[..range.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            range,
        }
    }

    fn plain(diagnostic: Diagnostic, sources: &Sources) -> String {
        diagnostics(&[diagnostic], sources, false, 80)
    }

    #[test]
    fn a_file_that_is_no_source_is_not_quoted() {
        let text = "{\n  \"token\": \"invented-secret\"}";
        let error = Diagnostic::error("bad token").at(place("security.json", text, 13..30));
        let shown = plain(error, &Sources::new().with("cloud.json", text.as_bytes()));
        assert!(shown.contains("--> security.json:2:12\n"), "{shown}");
        assert!(!shown.contains("invented"), "{shown}");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let text = "\u{1b}[31m \u{9b}2J \u{202e}abc \u{7} \"x\"";
        let at = text.find("\"x\"").unwrap();
        let error = Diagnostic::error(text)
            .detail(text)
            .hint(text)
            .at(place("a\u{1b}b", text, at..at + 3))
            .related(place("a\u{1b}b", text, 0..1), text);
        let shown = plain(error, &Sources::new().with("a\u{1b}b", text.as_bytes()));
        let steering: Vec<_> = shown
            .chars()
            .filter(|&character| character != '\n' && model::steers(character))
            .collect();
        assert!(steering.is_empty(), "{shown}");
        assert!(shown.contains("error: \\u{1b}[31m"), "{shown}");
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let text = format!("{}\"here\"{}", "é, ".repeat(5_000), ", x".repeat(5_000));
        let at = text.find("\"here\"").unwrap();
        let error = Diagnostic::error("look").at(place("cloud.json", &text, at..at + 6));
        let shown = plain(error, &Sources::new().with("cloud.json", text.as_bytes()));
        assert!(shown.contains("--> cloud.json:1:15001\n"), "{shown}");
        let lines: Vec<_> = shown.lines().collect();
        let marked = lines[4].find("^^^^^^").unwrap();
        let chars = |line: &str, bytes: usize| line[..bytes].chars().count();
        let quoted = lines[3].find("\"here\"").unwrap();
        assert_eq!(chars(lines[3], quoted), chars(lines[4], marked), "{shown}");
        assert!(
            lines.iter().all(|line| line.chars().count() <= 100),
            "{shown}"
        );
    }

    #[test]
    fn any_range_is_survived() {
        let text = "{\r\n\té}\n";
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                let place = Place {
                    file: "cloud.json".into(),
                    range: start..end,
                    line: 1,
                    column: 1,
                };
                let error = Diagnostic::error("odd")
                    .at(place.clone())
                    .related(place, "x");
                let shown = plain(error, &Sources::new().with("cloud.json", text.as_bytes()));
                assert!(shown.starts_with("error: odd\n"), "{shown}");
            }
        }
    }

    #[test]
    fn colour_changes_only_colour() {
        let text = "{\"a\": 1}";
        let error = Diagnostic::error("odd")
            .hint("mend it")
            .at(place("cloud.json", text, 1..4));
        let sources = Sources::new().with("cloud.json", text.as_bytes());
        let plain = diagnostics(std::slice::from_ref(&error), &sources, false, 80);
        let colored = diagnostics(&[error], &sources, true, 80);
        assert_ne!(plain, colored);
        assert_eq!(console::strip_ansi_codes(&colored), plain);
    }
}
