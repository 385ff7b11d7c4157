//! cloud.json as messages may quote it. A line that is wrong may hold the content of a file, or a
//! credential that has no business there; neither may end up on a screen or in a log.

use std::collections::HashMap;
use std::ops::Range;

use super::source::without_mark;
use crate::model::nearest;

/// Keys whose text is never quoted, nor that of keys that were probably meant to be them.
const HIDDEN: [&str; 7] = [
    "content",
    "password",
    "api_key",
    "token",
    "digital_ocean_api_key",
    "application_credential_secret",
    "secret",
];

/// The text with `*` for each byte that must not be seen, every other byte where it was. It need
/// not be JSON: that it is not may be what is told about it.
#[must_use]
pub fn quotable(bytes: &[u8]) -> Vec<u8> {
    let mark = bytes.len() - without_mark(bytes).len();
    let mut shown = bytes.to_vec();
    let Ok(text) = std::str::from_utf8(without_mark(bytes)) else {
        // Nothing is quoted of what is no text.
        return shown;
    };
    for range in hidden(text) {
        if let Some(bytes) = shown.get_mut(range.start + mark..range.end + mark) {
            bytes.fill(b'*');
        }
    }
    shown
}

fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut known = HashMap::new();
    let mut at = 0;
    while let Some(token) = next(text, at) {
        at = token.end;
        if token.kind != Kind::Text {
            continue;
        }
        let key = text.get(token.start + 1..token.end - 1).unwrap_or_default();
        found.extend(login(key, token.start + 1));
        if *known.entry(key).or_insert_with(|| is_hidden(key)) {
            at = hide_value(text, at, &mut found);
        }
    }
    found
}

/// The name and the password in a web address that stands at `start`.
fn login(text: &str, start: usize) -> Option<Range<usize>> {
    let scheme = text.find("://")? + 3;
    // The last one: a password may hold another, or a slash.
    let length = text.get(scheme..)?.rfind('@')?;
    Some(start + scheme..start + scheme + length)
}

fn is_hidden(key: &str) -> bool {
    // A letter can be written as an escape.
    let read: Option<String> = serde_json::from_str(&format!("\"{key}\"")).ok();
    nearest(read.as_deref().unwrap_or(key), HIDDEN).is_some()
}

/// Hides what follows a key, and gives where it ends.
fn hide_value(text: &str, after_key: usize, found: &mut Vec<Range<usize>>) -> usize {
    let Some(first) = next(text, after_key) else {
        return after_key;
    };
    let value = if first.kind == Kind::Colon {
        next(text, first.end)
    } else {
        // Either the colon is missing, or it was no key.
        Some(first).filter(|token| token.kind == Kind::Text)
    };
    let Some(value) = value else { return after_key };
    match value.kind {
        Kind::Text => {
            found.push(value.start + 1..value.end - 1);
            value.end
        }
        Kind::Opening(b'[') => hide_list(text, value.end, found),
        // Objects are looked into; a comma or a bracket is no value.
        Kind::Opening(_) | Kind::Colon | Kind::Closing | Kind::Comma => value.start,
        // No JSON: a quote that is missing or of another kind.
        Kind::Other => {
            let end = line_end(text, value.start);
            found.push(value.start..end);
            end
        }
    }
}

/// Hides every text in a list, from behind its bracket.
fn hide_list(text: &str, start: usize, found: &mut Vec<Range<usize>>) -> usize {
    let (mut depth, mut at) = (1_usize, start);
    while depth > 0 {
        let Some(token) = next(text, at) else { break };
        at = token.end;
        match token.kind {
            Kind::Opening(_) => depth += 1,
            Kind::Closing => depth -= 1,
            Kind::Text => found.push(token.start + 1..token.end - 1),
            Kind::Other => found.push(token.start..token.end),
            Kind::Colon | Kind::Comma => {}
        }
    }
    at
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// In double quotes.
    Text,
    Colon,
    Comma,
    Opening(u8),
    Closing,
    /// A number, a word, or something that has no place in JSON, up to the next gap.
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

/// The next token; space and comments are passed over.
fn next(text: &str, from: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let mut start = from;
    let first = loop {
        let rest = bytes.get(start..)?;
        match rest {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => start += 1,
            [b'/', b'/', ..] => start = line_end(text, start),
            [b'/', b'*', ..] => {
                let inside = text.get(start + 2..)?;
                start += 4 + inside.find("*/")?;
            }
            [first, ..] => break *first,
            [] => return None,
        }
    };
    let one = |kind| Some((kind, start + 1));
    let (kind, end) = match first {
        b':' => one(Kind::Colon),
        b',' => one(Kind::Comma),
        b'{' | b'[' => one(Kind::Opening(first)),
        b'}' | b']' => one(Kind::Closing),
        b'"' => match text_end(bytes, start + 1) {
            Some(end) => Some((Kind::Text, end)),
            // Never closed: it ends with its line at the latest.
            None => Some((Kind::Other, line_end(text, start))),
        },
        _ => {
            let rest = bytes.get(start + 1..).unwrap_or_default();
            let more = rest
                .iter()
                .position(|byte| b" \t\r\n,:{}[]\"/".contains(byte));
            Some((Kind::Other, start + 1 + more.unwrap_or(rest.len())))
        }
    }?;
    Some(Token { kind, start, end })
}

/// Behind the quote that closes a text, if one does on its line.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.find('\n').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let shown = String::from_utf8(quotable(text.as_bytes())).unwrap();
        assert_eq!(shown.len(), text.len(), "places stay");
        shown
    }

    #[test]
    fn what_may_be_a_secret_is_hidden() {
        for (text, expected) in [
            (
                r#"{"content": "abc", "mode": "0644"}"#,
                r#"{"content": "***", "mode": "0644"}"#,
            ),
            (
                r#"{"content" /* c */ : "a\"b"}"#,
                r#"{"content" /* c */ : "****"}"#,
            ),
            (r#"{"c\u006fntent":"abc"}"#, r#"{"c\u006fntent":"***"}"#),
            (r#"{"contents": "abc"}"#, r#"{"contents": "***"}"#),
            (r#"{"Content": "é"}"#, r#"{"Content": "**"}"#),
            (r#"{"api_key": "abc"}"#, r#"{"api_key": "***"}"#),
            (
                r#"{"content": ["a", {"b": 12}], "x": "y"}"#,
                r#"{"content": ["*", {"*": **}], "x": "y"}"#,
            ),
            (
                r#"{"auth_url": "https://me:a/b@c/d"}"#,
                r#"{"auth_url": "https://******@c/d"}"#,
            ),
            (
                r#"{"auth_url": "https://c/d"}"#,
                r#"{"auth_url": "https://c/d"}"#,
            ),
            // No JSON, and still not seen.
            (
                "{\"content\": \"abc\n\"x\": 1}",
                "{\"content\": ****\n\"x\": 1}",
            ),
            ("{\"content\": 'abc', 1\n}", "{\"content\": ********\n}"),
            ("{\"content\": “abc”\n}", "{\"content\": *********\n}"),
            ("{\"content\" \"abc\"}", "{\"content\" \"***\"}"),
            ("\u{feff}{\"content\": \"abc", "\u{feff}{\"content\": ****"),
            // A text that says so is no key.
            (
                r#"{"path": "content", "x": "y"}"#,
                r#"{"path": "content", "x": "y"}"#,
            ),
            // A server may be called so.
            (
                r#"{"content": {"region": "nyc3"}}"#,
                r#"{"content": {"region": "nyc3"}}"#,
            ),
            (r#"// "content": "abc""#, r#"// "content": "abc""#),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(quotable(b"\xff\"content\": 1"), b"\xff\"content\": 1");
    }

    #[test]
    fn no_key_of_ours_is_hidden_by_mistake() {
        let servers = super::super::server::SERVER_KEYS.iter();
        let accounts = super::super::TYPES.iter().flat_map(|known| known.settings);
        let others = [
            "type",
            "path",
            "file",
            "mode",
            "public_ssh_key",
            "name",
            "slug",
            "id",
        ];
        let networks = ["ip_address", "netmask", "gateway"];
        for key in servers.chain(accounts).chain(&others).chain(&networks) {
            assert!(!is_hidden(key), "{key}");
        }
    }
}
