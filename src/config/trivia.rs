//! What stands between the members of an object: spaces, comments and commas.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As long as it can be.
    Space,
    /// Without the line break that ends it.
    LineComment,
    BlockComment,
    Comma,
}

#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

impl Piece {
    pub(super) fn is_comment(&self) -> bool {
        matches!(self.kind, Kind::LineComment | Kind::BlockComment)
    }
}

/// Everything from `at` up to the next name, value or bracket.
pub(super) fn pieces(text: &str, mut at: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let (kind, length) = if rest.starts_with(',') {
            (Kind::Comma, 1)
        } else if rest.starts_with("//") {
            (
                Kind::LineComment,
                rest.find(['\n', '\r']).unwrap_or(rest.len()),
            )
        } else if let Some(inside) = rest.strip_prefix("/*") {
            let length = inside.find("*/").map_or(rest.len(), |end| end + 4);
            (Kind::BlockComment, length)
        } else {
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            (Kind::Space, spaces)
        };
        if length == 0 {
            return pieces;
        }
        pieces.push(Piece {
            kind,
            range: at..at + length,
        });
        at += length;
    }
}

/// The pieces before and after the comma; none after, if there is no comma.
pub(super) fn around_comma(pieces: &[Piece]) -> (&[Piece], Option<usize>, &[Piece]) {
    let comma = pieces.iter().position(|piece| piece.kind == Kind::Comma);
    let Some(index) = comma else {
        return (pieces, None, &[]);
    };
    let (before, rest) = pieces.split_at(index);
    match rest.split_first() {
        Some((comma, after)) => (before, Some(comma.range.end), after),
        None => (before, None, &[]),
    }
}

pub(super) fn last_comment(pieces: &[Piece]) -> Option<&Piece> {
    pieces.iter().rfind(|piece| piece.is_comment())
}

pub(super) fn has_break(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// The last line break of a text and what follows it; the whole text if it has none.
pub(super) fn from_last_break(text: &str) -> &str {
    let Some(at) = text.rfind('\n').or_else(|| text.rfind('\r')) else {
        return text;
    };
    let before = text.get(..at).unwrap_or_default();
    let start = if before.ends_with('\r') { at - 1 } else { at };
    text.get(start..).unwrap_or_default()
}

/// The line break before `at` and what follows it, if that is only space and commas.
pub(super) fn line_prefix(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let blank = |c: char| c.is_ascii_whitespace() || c == ',';
    let prefix = before.get(before.trim_end_matches(blank).len()..)?;
    has_break(prefix).then(|| from_last_break(prefix))
}

/// What puts a new line before the thing that follows these pieces, if they do; else the space
/// right before it.
pub(super) fn spacing<'t>(text: &'t str, pieces: &[Piece]) -> &'t str {
    let spaces = || pieces.iter().filter(|piece| piece.kind == Kind::Space);
    let of = |piece: &Piece| text.get(piece.range.clone()).unwrap_or_default();
    let last_break = spaces().rfind(|piece| has_break(of(piece)));
    match (last_break, pieces.last()) {
        (Some(piece), _) => from_last_break(of(piece)),
        (None, Some(piece)) if piece.kind == Kind::Space => of(piece),
        _ => "",
    }
}
