//! cloud.json as messages may quote it. A line that is wrong may hold the content of a file, or a
//! credential that has no business there; neither may end up on a screen or in a log.

use std::collections::HashMap;
use std::ops::Range;

use super::cloud::SECTIONS;
use super::creation::USER_DATA_FILE;
use super::files;
use super::firewalls;
use super::keys::names;
use super::reserved_ips;
use super::server::SERVER_KEYS;
use super::source::{Source, without_mark};
use super::syntax;
use super::volumes;
use super::vpcs;
use crate::model::nearest;

/// Keys whose text is never quoted, nor that of keys that were probably meant to be them.
const HIDDEN: [&str; 8] = [
    "content",
    "user_data",
    "password",
    "api_key",
    "token",
    "digital_ocean_api_key",
    "application_credential_secret",
    "secret",
];

/// The key of a server under which no text is quoted but that of keys that are known.
const FILES: &str = "files";
/// Words that are no secret wherever they stand.
const WORDS: [&str; 3] = ["true", "false", "null"];

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
    let mut ranges = hidden(text);
    let has_contents = !ranges.is_empty() || text.contains(FILES);
    if has_contents && syntax::parse(&Source::of_text("", text)).is_err() {
        // One wrong quote, and what is a key and what a value is anybody's guess.
        ranges.extend(unknown_words(text));
    }
    for range in ranges {
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
        let key = match token.kind {
            Kind::Text => text.get(token.start + 1..token.end - 1),
            Kind::Other => text.get(token.start..token.end),
            Kind::Colon | Kind::Comma | Kind::Opening(_) | Kind::Closing => continue,
        };
        let key = key.unwrap_or_default();
        if token.kind == Kind::Text {
            found.extend(login(key, token.start + 1));
        }
        let Some(value) = value_after(text, token) else {
            continue;
        };
        if key == FILES && value.kind == Kind::Opening(b'[') {
            at = hide_files(text, value.end, &mut found);
        // Most keys come again with every server.
        } else if *known.entry(key).or_insert_with(|| is_hidden(key)) {
            at = hide(text, value, &mut found);
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

pub(super) fn is_hidden(key: &str) -> bool {
    // A letter can be written as an escape.
    let read: Option<String> = serde_json::from_str(&format!("\"{key}\"")).ok();
    let word = read.as_deref().unwrap_or(key);
    // Quotes of another kind are part of it here.
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word != USER_DATA_FILE.name && nearest(word, HIDDEN).is_some()
}

/// What may be the value of a key: not an object, which is looked into. Where quotes or the colon
/// are missing, it is not clear what belongs to it: then it is `Other`.
fn value_after(text: &str, key: Token) -> Option<Token> {
    let first = next(text, key.end)?;
    let value = match first.kind {
        Kind::Colon => next(text, first.end)?,
        Kind::Text | Kind::Other => first,
        // It was no key.
        Kind::Comma | Kind::Opening(_) | Kind::Closing => return None,
    };
    let is_value = matches!(value.kind, Kind::Text | Kind::Opening(b'[') | Kind::Other);
    let is_clear = key.kind == Kind::Text && first.kind == Kind::Colon;
    let kind = if is_clear { value.kind } else { Kind::Other };
    is_value.then_some(Token { kind, ..value })
}

/// Hides a value, and gives where it ends.
fn hide(text: &str, value: Token, found: &mut Vec<Range<usize>>) -> usize {
    match value.kind {
        Kind::Text => {
            found.push(value.start + 1..value.end - 1);
            value.end
        }
        Kind::Opening(_) => hide_list(text, value.end, found),
        // No JSON: the line is given up.
        _ => {
            let end = line_end(text, value.start);
            found.push(value.start..end);
            end
        }
    }
}

/// Hides what is in a list of files, from behind its bracket, but for what is no content.
fn hide_files(text: &str, start: usize, found: &mut Vec<Range<usize>>) -> usize {
    let (mut depth, mut at) = (1_usize, start);
    while depth > 0 {
        let Some(token) = next(text, at) else { break };
        at = token.end;
        match token.kind {
            Kind::Opening(_) => depth += 1,
            Kind::Closing => depth -= 1,
            Kind::Colon | Kind::Comma => {}
            Kind::Text | Kind::Other => {
                let key = text.get(token.start + 1..token.end - 1);
                let is_shown = key.is_some_and(|key| files::SHOWN_KEYS.contains(&key));
                match next(text, at).filter(|after| after.kind == Kind::Colon) {
                    None if token.kind == Kind::Text => found.push(token.start + 1..token.end - 1),
                    None => found.push(token.start..token.end),
                    Some(colon) if is_shown => {
                        at = next(text, colon.end)
                            .filter(|value| matches!(value.kind, Kind::Text | Kind::Other))
                            .map_or(colon.end, |value| value.end);
                    }
                    Some(_) => {}
                }
            }
        }
    }
    at
}

/// Every word that is none of the format's.
fn unknown_words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let from = rest.get(start..).unwrap_or_default();
        let length = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let word = from.get(..length).unwrap_or_default();
        let keys = [
            &SERVER_KEYS[..],
            &files::KEYS,
            &SECTIONS,
            &vpcs::KEYS,
            &firewalls::KEYS,
            &reserved_ips::KEYS,
            &volumes::KEYS,
        ];
        let mut known = keys.into_iter().flat_map(names).chain(WORDS);
        if known.all(|known| known != word) {
            let at = text.len() - from.len();
            found.push(at..at + length);
        }
        rest = from.get(length..).unwrap_or_default();
    }
    found
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
                r##"{"user_data": "#!x", "user_data_file": "x.sh"}"##,
                r##"{"user_data": "***", "user_data_file": "x.sh"}"##,
            ),
            (r#"{"userdata": "abc"}"#, r#"{"userdata": "***"}"#),
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
            // Of a file only what is known to be no content.
            (
                r#"{"files": ["a", {"path": "/b", "text": "c", "mode": 7, "x": [1, {"y": "z"}]}], "k": "v"}"#,
                r#"{"files": ["*", {"path": "/b", "text": "*", "mode": 7, "x": [*, {"y": "*"}]}], "k": "v"}"#,
            ),
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
        // No JSON: only what is surely no content is seen.
        for (text, expected) in [
            (
                "{\"content\": \"abc\n\"region\": \"nyc3\"}",
                "{\"content\": ****\n\"region\": \"****\"}",
            ),
            ("{\"content\": 'abc', 1\n}", "{\"content\": ********\n}"),
            ("{\"content\": “abc”\n}", "{\"content\": *********\n}"),
            ("{\"content\" \"abc\"}", "{\"content\" ******"),
            ("{'content': \"abc\"}", "{'content': ******"),
            ("{“content”: \"abc\"}", "{“content”: ******"),
            ("{\"content: \"abc\"}", "{\"content: \"*****"),
            ("{content\": \"abc\"}", "{content*********"),
            ("\u{feff}{\"content\": \"abc", "\u{feff}{\"content\": ****"),
            (
                "{\"files\": [{\"co\"tent\": \"abc\"}]}",
                "{\"files\": [{\"**\"****\"**\"*******",
            ),
        ] {
            assert_eq!(shown(text), expected);
        }
        // Where no content can be, the line helps more than it tells.
        let slip = "{\"web1\": {\"region\": \"nyc3\" \"size\"}}";
        assert_eq!(shown(slip), slip);
        assert_eq!(quotable(b"\xff\"content\": 1"), b"\xff\"content\": 1");
    }

    #[test]
    fn no_key_of_ours_is_hidden_by_mistake() {
        let servers = names(&SERVER_KEYS);
        let accounts = super::super::TYPES;
        let accounts = accounts.iter().flat_map(|known| names(known.settings));
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
        let servers = servers.filter(|key| *key != "user_data");
        for key in servers.chain(accounts).chain(others).chain(networks) {
            assert!(!is_hidden(key), "{key}");
        }
    }
}
