//! Texts to compare with, and what varies from run to run taken out of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Compares with the file; `UPDATE_GOLDEN=1` rewrites it.
pub(crate) fn check(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        cloudbuilder::file::replace(path, actual.as_bytes(), None)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != actual {
        let difference = similar::TextDiff::from_lines(&expected, actual);
        let difference = difference
            .unified_diff()
            .header("expected", "actual")
            .to_string();
        panic!(
            "{} differs; UPDATE_GOLDEN=1 accepts it\n{difference}",
            path.display()
        );
    }
}

/// Who held the lock, and where.
fn without_holder(text: &str) -> String {
    let (opening, end) = ("did not end in good order: ", ". Going on");
    let told = text.split_once(opening).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some(format!("{before}{opening}HOLDER{end}{after}"))
    });
    told.unwrap_or_else(|| text.to_owned())
}

/// Takes out what varies: ids, identities, times, and the order of what happens in parallel.
#[derive(Default)]
pub(crate) struct Redaction {
    /// What stands for a word, such as an id.
    words: BTreeMap<String, String>,
    /// Identities (UUIDs), in the order they were first seen.
    identities: Vec<String>,
    /// What stands for a longer text, such as a path.
    texts: Vec<(String, String)>,
}

impl Redaction {
    pub(crate) fn words(&mut self, words: BTreeMap<String, String>) {
        for (word, name) in words {
            self.words.entry(word).or_insert(name);
        }
    }

    pub(crate) fn text(&mut self, text: &str, name: &str) {
        self.texts.push((text.to_owned(), name.to_owned()));
    }

    /// A text in which identities stand again for what was put in their place.
    pub(crate) fn identified(&self, text: &str) -> String {
        let known = self.identities.iter().enumerate().rev();
        known.fold(text.to_owned(), |text, (at, identity)| {
            text.replace(&format!("UUID{}", at + 1), identity)
        })
    }

    pub(crate) fn redact(&mut self, text: &str) -> String {
        let mut text = without_moments(&without_holder(text));
        for (long, name) in &self.texts {
            text = text.replace(long.as_str(), name);
        }
        let mut redacted = String::new();
        let mut word = String::new();
        for character in text.chars() {
            if character.is_ascii_alphanumeric() || "-.:".contains(character) {
                word.push(character);
                continue;
            }
            redacted.push_str(&self.word(&word));
            word.clear();
            redacted.push(character);
        }
        redacted.push_str(&self.word(&word));
        in_order(&redacted)
    }

    /// What stands for a word, with the punctuation around it left alone.
    fn word(&mut self, word: &str) -> String {
        let bare = word.trim_matches(['.', ':', '-']);
        if bare.is_empty() {
            return word.to_owned();
        }
        if let Some(name) = self.words.get(bare) {
            return word.replacen(bare, name, 1);
        }
        if bare.starts_with("cb1:") {
            return word.replacen(bare, "CHECKSUM", 1);
        }
        if is_timestamp(bare) {
            return word.replacen(bare, "TIME", 1);
        }
        // A mark is a word and an identity.
        let start = bare.len().saturating_sub(36);
        let Some(identity) = bare.get(start..).filter(|text| is_identity(text)) else {
            return word.to_owned();
        };
        let known = self.identities.iter().position(|known| known == identity);
        let number = known.unwrap_or_else(|| {
            self.identities.push(identity.to_owned());
            self.identities.len() - 1
        });
        word.replacen(identity, &format!("UUID{}", number + 1), 1)
    }
}

fn is_identity(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, character)| match at {
            8 | 13 | 18 | 23 => character == '-',
            _ => character.is_ascii_hexdigit(),
        })
}

fn is_timestamp(text: &str) -> bool {
    text.len() >= 20
        && text.ends_with('Z')
        && text
            .get(..11)
            .is_some_and(|date| date.starts_with("20") && date.ends_with('T'))
}

/// Lines of progress come in the order things happen in; here they are sorted, their number taken
/// off. Times are rubbed out everywhere.
fn in_order(text: &str) -> String {
    let mut lines = String::new();
    let mut progress: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = without_seconds(line);
        let trimmed = line.trim_start();
        let counter = trimmed
            .split_once(' ')
            .filter(|(count, _)| {
                count.split_once('/').is_some_and(|(done, all)| {
                    [done, all]
                        .iter()
                        .all(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
                })
            })
            .map(|(_, rest)| rest.trim_start().to_owned());
        let waiting = ["+ ", "- ", "& ", "~ "]
            .iter()
            .any(|sign| trimmed.starts_with(sign))
            && trimmed.ends_with('…');
        match counter {
            Some(rest) => progress.push(format!("  done  {rest}\n")),
            None if waiting => progress.push(format!("        {trimmed}\n")),
            None => {
                progress.sort();
                lines.extend(progress.drain(..));
                lines.push_str(line.trim_end());
                lines.push('\n');
            }
        }
    }
    progress.sort();
    lines.extend(progress);
    lines
}

/// `2026-11-27 23:21 UTC` becomes `MOMENT`.
fn without_moments(text: &str) -> String {
    let is_moment = |text: &str| {
        let like = "0000-00-00 00:00";
        text.len() == like.len()
            && text.chars().zip(like.chars()).all(|(is, like)| match like {
                '0' => is.is_ascii_digit(),
                other => is == other,
            })
    };
    let mut parts = text
        .split(" UTC")
        .map(ToOwned::to_owned)
        .collect::<Vec<_>>();
    let last = parts.pop().unwrap_or_default();
    let parts = parts.into_iter().map(|part| {
        let start = part.len().saturating_sub(16);
        match part.get(start..).filter(|text| is_moment(text)) {
            Some(_) => format!("{}MOMENT", &part[..start]),
            None => part + " UTC",
        }
    });
    parts.collect::<String>() + &last
}

/// `0.3 s` becomes `T s`.
fn without_seconds(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
    for at in 1..words.len() {
        let seconds = words
            .get(at)
            .is_some_and(|word| matches!(word.trim_end_matches([',', '.', ':']), "s"));
        let number = words
            .get(at - 1)
            .is_some_and(|word| word.contains('.') && word.parse::<f64>().is_ok());
        if seconds && number {
            words[at - 1] = "T".to_owned();
        }
    }
    words.join(" ")
}
