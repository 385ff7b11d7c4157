use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::source::Source;
use crate::model::Diagnostic;

/// Reads JSON with comments and trailing commas, and nothing looser. `None` is a text without a
/// value: empty, or only comments.
///
/// The messages never repeat the text, since it may be that of security.json.
pub(super) fn parse<'t>(source: &Source<'t>) -> Result<Option<Value<'t>>, Box<Diagnostic>> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let slip = first_slip(source.text);
    match (
        parse_to_ast(source.text, &CollectOptions::default(), &options),
        slip,
    ) {
        (Ok(parsed), None) => Ok(parsed.value),
        // A quote that was forgotten makes the parser stumble somewhere after it.
        (Err(error), Some(slip)) if error.range().start < slip.range().start => {
            Err(Box::new(explain(source, &error)))
        }
        (_, Some(slip)) => Err(Box::new(slip.explain(source))),
        (Err(error), None) => Err(Box::new(explain(source, &error))),
    }
}

/// The bytes of a node.
pub(super) fn range(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

/// What the parser lets pass although JSON does not.
enum Slip {
    /// A string that goes on past the end of its line.
    OpenString { start: usize },
    /// Another control character within a string.
    ControlInString { at: usize },
    /// A character that means nothing outside a string.
    Stray { at: usize, character: char },
}

fn first_slip(text: &str) -> Option<Slip> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'"', _) => {
                let start = at;
                at += 1;
                loop {
                    match bytes.get(at) {
                        None => return None,
                        Some(b'"') => break,
                        Some(b'\n' | b'\r') => return Some(Slip::OpenString { start }),
                        Some(0..0x20) => return Some(Slip::ControlInString { at }),
                        Some(b'\\') if bytes.get(at + 1).is_some_and(|&next| next >= 0x20) => {
                            at += 2;
                        }
                        Some(_) => at += 1,
                    }
                }
                at += 1;
            }
            (b'/', Some(b'/')) => {
                let rest = bytes.get(at..).unwrap_or_default();
                at += rest
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))
                    .unwrap_or(rest.len());
            }
            (b'/', Some(b'*')) => {
                let rest = text.get(at + 2..).unwrap_or_default();
                at = rest.find("*/").map(|end| at + 2 + end + 2)?;
            }
            (b'\t' | b'\n' | b'\r' | b' '..0x7F, _) => at += 1,
            _ => {
                let character = text.get(at..)?.chars().next()?;
                return Some(Slip::Stray { at, character });
            }
        }
    }
    None
}

impl Slip {
    fn range(&self) -> Range<usize> {
        match *self {
            Self::OpenString { start } => start..start + 1,
            Self::ControlInString { at } => at..at + 1,
            Self::Stray { at, character } => at..at + character.len_utf8(),
        }
    }

    fn explain(&self, source: &Source<'_>) -> Diagnostic {
        match *self {
            Self::OpenString { start } => Diagnostic::error("a string is not closed on its line")
                .hint("put the missing `\"` at its end")
                .at(source.place(start..source.line_end(start))),
            Self::ControlInString { at } => {
                Diagnostic::error("a string holds a tab or another control character")
                    .hint("write a space, or `\\t` for a tab")
                    .at(source.place(at..at + 1))
            }
            Self::Stray { character, .. } => {
                let (what, hint) = match character {
                    '“' | '”' | '„' | '‟' | '«' | '»' => {
                        ("typographic quote", "use the plain quote `\"`")
                    }
                    character if character.is_whitespace() => {
                        ("kind of space", "replace it by a plain space")
                    }
                    '\u{FEFF}' | '\u{200B}'..='\u{200F}' => {
                        ("invisible character", "delete it and type the line anew")
                    }
                    character if character.is_control() => ("control character", "delete it"),
                    _ => ("character", "if it is text, put it in double quotes"),
                };
                Diagnostic::error(format!(
                    "unexpected {what} (U+{:04X})",
                    u32::from(character)
                ))
                .hint(hint)
                .at(source.place(self.range()))
            }
        }
    }
}

/// The parser's error in our words.
fn explain(source: &Source<'_>, error: &ParseError) -> Diagnostic {
    use ParseErrorKind as Kind;
    let start = error.range().start;
    let end = error.range().end.max(start);
    let one = start..end.min(start + 1);
    let at_the_end = source.text.get(start..).is_none_or(|rest| {
        let rest = rest.trim();
        rest.is_empty() && !matches!(error.kind(), Kind::ExpectedComma)
    });
    if at_the_end {
        return cut_off(source);
    }
    let (summary, hint, range) = match error.kind() {
        Kind::ExpectedComma => (
            "a comma is missing",
            "put `,` between the two",
            start..start,
        ),
        Kind::ExpectedColonAfterObjectKey => (
            "a `:` is missing after a key",
            "a member is written `\"key\": value`",
            start..end,
        ),
        Kind::ExpectedStringObjectProperty => (
            "a key is not in double quotes",
            "write it as `\"key\"`",
            start..end,
        ),
        Kind::UnexpectedWord => (
            "a value is not in double quotes",
            "only numbers, `true`, `false` and `null` go without",
            start..end,
        ),
        Kind::SingleQuotedStringsNotAllowed => (
            "a string is in single quotes",
            "JSON knows only double quotes",
            one,
        ),
        Kind::UnexpectedComma => ("unexpected `,`", "a value is missing before it", one),
        Kind::UnexpectedColon => ("unexpected `:`", "a value is missing before it", one),
        Kind::UnexpectedCloseBracket => ("unexpected `]`", "a value is missing before it", one),
        Kind::UnexpectedCloseBrace => (
            "unexpected `}`",
            "a value is missing before it, or a list is not closed with `]`",
            one,
        ),
        Kind::UnexpectedTokenInObject if source.text.get(one.clone()) == Some(",") => {
            ("unexpected `,`", "remove it: one comma is enough", one)
        }
        Kind::UnexpectedTokenInObject => (
            "expected a key in double quotes, or `}`",
            "look for a bracket of the wrong kind",
            one,
        ),
        Kind::MultipleRootJsonValues => (
            "there is more after the end of the configuration",
            "remove it, or look for one `}` too many before it",
            one,
        ),
        Kind::UnterminatedObject => return unclosed(source, start, '}'),
        Kind::UnterminatedArray => return unclosed(source, start, ']'),
        Kind::UnterminatedCommentBlock => (
            "a comment is never closed",
            "put `*/` at its end",
            start..start + 2,
        ),
        Kind::NestingDepthExceeded => (
            "the file is nested too deeply to be read",
            "no part of it needs more than six levels",
            one,
        ),
        Kind::String(kind) => match kind {
            jsonc_parser::ParseStringErrorKind::UnterminatedStringLiteral => (
                "a string is not closed on its line",
                "put the missing `\"` at its end",
                start..source.line_end(start),
            ),
            _ => (
                "a string holds an escape that JSON does not know",
                "write a backslash itself as `\\\\`; JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hex digits",
                start..end,
            ),
        },
        Kind::HexadecimalNumbersNotAllowed
        | Kind::UnaryPlusNumbersNotAllowed
        | Kind::BareDecimalPointNumbersNotAllowed
        | Kind::NonFiniteNumbersNotAllowed
        | Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => (
            "a number is not written as JSON wants it",
            "write it in decimal digits, such as 42; text goes into double quotes",
            start..end,
        ),
        _ => (
            "this is not JSON",
            "look for a missing quote, comma or bracket before it",
            start..end,
        ),
    };
    Diagnostic::error(summary)
        .hint(hint)
        .at(source.place(range))
}

fn cut_off(source: &Source<'_>) -> Diagnostic {
    let end = source.text.trim_end().len();
    Diagnostic::error("the file ends too early")
        .hint("something is missing at its end; restore it if it was cut off")
        .at(source.place(end..end))
}

fn unclosed(source: &Source<'_>, start: usize, closing: char) -> Diagnostic {
    let end = source.text.trim_end().len();
    let opening = if closing == '}' { '{' } else { '[' };
    Diagnostic::error(format!("a `{opening}` is never closed"))
        .hint(format!(
            "add the missing `{closing}`; restore the file if it was cut off"
        ))
        .at(source.place(start..start + 1))
        .related(source.place(end..end), "the file ends here")
}
