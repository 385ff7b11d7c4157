use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

use md5::{Digest, Md5};

/// What a key without a comment is called in the account.
const DEFAULT_NAME: &str = "cloudbuilder";

/// A public SSH key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// As one line, `type base64 comment`, with single spaces.
    pub line: String,
    /// What follows the key itself; may be empty.
    pub comment: String,
    /// MD5 of the key in hex with colons, by which accounts know it. `ssh-keygen -l -E md5` shows
    /// the same after `MD5:`.
    pub fingerprint: String,
}

/// Why a text is not a public key. Never holds any of the text: it may be a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no text.
    #[error("is empty")]
    Empty,
    /// It is a private key, whole or in part.
    #[error("holds a private key")]
    Private,
    /// It is a public key in the form of another program.
    #[error("holds a key in another format than OpenSSH's")]
    OtherFormat,
    /// It names a file.
    #[error("holds the name of a file, not a key")]
    FileName,
    /// More than one line.
    #[error("holds several lines")]
    SeveralLines,
    /// A type that servers no longer take, or a certificate.
    #[error("holds a key of a type that is not supported")]
    Unsupported,
    /// The part after the type is not such a key.
    #[error("holds a key that is cut off or altered")]
    Damaged,
    /// Nothing like a key.
    #[error("does not hold an SSH key")]
    NotAKey,
}

impl KeyError {
    /// What to do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Private => {
                "remove it at once, and make a new pair if anyone else could read it; \
                 paste the file whose name ends in `.pub`"
            }
            Self::OtherFormat => "convert it with `ssh-keygen -i`, or paste a `.pub` file",
            Self::SeveralLines => "paste each key as a single line; several go into a list",
            Self::Unsupported => "make one with `ssh-keygen -t ed25519` and paste its `.pub` file",
            Self::Damaged => "paste the `.pub` file again, all of its one line",
            Self::Empty | Self::FileName | Self::NotAKey => {
                "paste the content of a `.pub` file, such as ~/.ssh/id_ed25519.pub"
            }
        }
    }
}

impl PublicKey {
    /// Reads a line as OpenSSH writes it into `.pub` files.
    ///
    /// # Errors
    /// Whatever else the text is; the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if let Some(error) = something_else(text) {
            return Err(error);
        }
        let mut words = text.split_whitespace();
        let (kind, key) = (words.next(), words.next());
        let (Some(kind), Some(key)) = (kind, key) else {
            return Err(KeyError::NotAKey);
        };
        let Some(fields) = fields(kind) else {
            let known = ["ssh-", "ecdsa-", "sk-"];
            return Err(if known.iter().any(|start| kind.starts_with(start)) {
                KeyError::Unsupported
            } else {
                KeyError::NotAKey
            });
        };
        let blob = STANDARD.decode(key).map_err(|_| KeyError::Damaged)?;
        if !is_made_of(&blob, kind, fields) {
            return Err(KeyError::Damaged);
        }
        let comment = words.collect::<Vec<_>>().join(" ");
        Ok(Self {
            line: format!("{kind} {key} {comment}").trim_end().to_owned(),
            comment,
            fingerprint: fingerprint(&blob),
        })
    }

    /// What to call it in the account.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.comment.is_empty() {
            DEFAULT_NAME
        } else {
            &self.comment
        }
    }
}

/// The public SSH keys that are put on new servers: one, or several, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// The one that comes first, and is put there by the provider in any case.
    pub first: PublicKey,
    /// All others.
    pub further: Vec<PublicKey>,
}

impl PublicKeys {
    /// Reads them from a text with one on each line, as in `authorized_keys`.
    ///
    /// # Errors
    /// What the first text that is no key is.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        match PublicKey::parse(text) {
            Err(KeyError::SeveralLines) => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                let keys = lines.map(PublicKey::parse).collect::<Result<_, _>>()?;
                Self::of(keys).ok_or(KeyError::Empty)
            }
            key => Ok(Self {
                first: key?,
                further: Vec::new(),
            }),
        }
    }

    /// Those of a list, each once; `None` if it is empty.
    pub(super) fn of(keys: Vec<PublicKey>) -> Option<Self> {
        let mut all: Vec<PublicKey> = Vec::with_capacity(keys.len());
        for key in keys {
            if all.iter().all(|had| had.fingerprint != key.fingerprint) {
                all.push(key);
            }
        }
        let mut all = all.into_iter();
        Some(Self {
            first: all.next()?,
            further: all.collect(),
        })
    }

    /// All of them, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.first).chain(&self.further)
    }
}

/// What people paste instead of a public key.
fn something_else(text: &str) -> Option<KeyError> {
    // The second is how the inside of an OpenSSH private key begins.
    let private = ["PRIVATE KEY", "b3BlbnNzaC1rZXktdjE", "PuTTY-User-Key-File"];
    if text.is_empty() {
        Some(KeyError::Empty)
    } else if private.iter().any(|mark| text.contains(mark)) {
        Some(KeyError::Private)
    } else if text.starts_with("----") {
        Some(KeyError::OtherFormat)
    } else if text.contains(['\n', '\r']) {
        Some(KeyError::SeveralLines)
    } else if text.chars().any(char::is_control) {
        Some(KeyError::NotAKey)
    } else if !text.contains(' ') && (text.starts_with(['~', '/', '.']) || text.ends_with(".pub")) {
        Some(KeyError::FileName)
    } else {
        None
    }
}

/// One part of a key, as RFC 4253 and its followers define them.
enum Field {
    /// These bytes.
    Fixed(&'static str),
    /// So many bytes.
    Sized(usize),
    /// A point of a curve, uncompressed, with two coordinates of so many bytes.
    Point(usize),
    /// Any text or number, but not none.
    Any,
}

/// What a key of this type consists of, after the type itself.
fn fields(kind: &str) -> Option<&'static [Field]> {
    use Field::{Any, Fixed, Point, Sized};
    Some(match kind {
        "ssh-ed25519" => &[Sized(32)],
        "ssh-rsa" => &[Any, Any],
        "ecdsa-sha2-nistp256" => &[Fixed("nistp256"), Point(32)],
        "ecdsa-sha2-nistp384" => &[Fixed("nistp384"), Point(48)],
        "ecdsa-sha2-nistp521" => &[Fixed("nistp521"), Point(66)],
        "sk-ssh-ed25519@openssh.com" => &[Sized(32), Any],
        "sk-ecdsa-sha2-nistp256@openssh.com" => &[Fixed("nistp256"), Point(32), Any],
        _ => return None,
    })
}

fn is_made_of(blob: &[u8], kind: &str, fields: &[Field]) -> bool {
    let mut rest = blob;
    let starts_right = take(&mut rest) == Some(kind.as_bytes());
    let all_right = fields.iter().all(|field| {
        take(&mut rest).is_some_and(|found| match field {
            Field::Fixed(text) => found == text.as_bytes(),
            Field::Sized(length) => found.len() == *length,
            Field::Point(length) => found.len() == 2 * length + 1 && found.starts_with(&[4]),
            Field::Any => !found.is_empty(),
        })
    });
    starts_right && all_right && rest.is_empty()
}

/// The next part: four bytes of length, then so many bytes.
fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (found, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(found)
}

fn fingerprint(blob: &[u8]) -> String {
    let mut hex = String::new();
    for (index, byte) in Md5::digest(blob).iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        // Writing to a string does not fail.
        let _ = write!(hex, "{colon}{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that `ssh-keygen` made, each with the fingerprint that it printed. Their private
    /// halves were thrown away.
    const KEYS: &str = include_str!("../../fixtures/config/keys.txt");

    fn keys() -> impl Iterator<Item = (&'static str, &'static str)> {
        KEYS.lines().map(|line| line.split_once(' ').unwrap())
    }

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        let mut count = 0;
        for (fingerprint, line) in keys() {
            let key = PublicKey::parse(line).unwrap();
            assert_eq!(key.fingerprint, fingerprint, "{line}");
            assert_eq!(key.line, line);
            count += 1;
        }
        assert_eq!(count, 5);
    }

    #[test]
    fn spaces_and_comments_do_not_matter() {
        let (fingerprint, line) = keys().next().unwrap();
        let (key, _) = line.rsplit_once(' ').unwrap();
        let bare = PublicKey::parse(key).unwrap();
        assert_eq!((bare.line.as_str(), bare.name()), (key, "cloudbuilder"));
        let spaced = format!("  {} \t the  build box \r\n", key.replace(' ', "   "));
        let spaced = PublicKey::parse(&spaced.replace('\t', " ")).unwrap();
        assert_eq!(spaced.line, format!("{key} the build box"));
        assert_eq!(spaced.name(), "the build box");
        assert_eq!(spaced.fingerprint, fingerprint);
    }

    #[test]
    fn a_key_that_is_not_whole_is_refused() {
        for (_, line) in keys() {
            let (kind, rest) = line.split_once(' ').unwrap();
            let (key, _) = rest.split_once(' ').unwrap();
            for end in 0..key.len() {
                let cut = PublicKey::parse(&format!("{kind} {}", &key[..end]));
                let expected = if end == 0 {
                    KeyError::NotAKey
                } else {
                    KeyError::Damaged
                };
                assert_eq!(cut, Err(expected), "{end}");
            }
            assert!(PublicKey::parse(&format!("{kind} {key}AAAA")).is_err());
            let other = if kind == "ssh-rsa" {
                "ssh-ed25519"
            } else {
                "ssh-rsa"
            };
            assert_eq!(
                PublicKey::parse(&format!("{other} {key}")),
                Err(KeyError::Damaged)
            );
        }
    }

    #[test]
    fn everything_else_is_named_and_not_repeated() {
        let (_, line) = keys().next().unwrap();
        let two = format!("{line}\n{line}");
        for (text, expected) in [
            ("  \n", KeyError::Empty),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlINVENTED",
                KeyError::Private,
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIINVENTED",
                KeyError::Private,
            ),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY----- INVENTED",
                KeyError::Private,
            ),
            ("b3BlbnNzaC1rZXktdjEAAAAAINVENTED", KeyError::Private),
            (
                "PuTTY-User-Key-File-3: ssh-ed25519 INVENTED",
                KeyError::Private,
            ),
            (
                "---- BEGIN SSH2 PUBLIC KEY ----\nINVENTED",
                KeyError::OtherFormat,
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nINVENTED",
                KeyError::OtherFormat,
            ),
            ("~/.ssh/INVENTED", KeyError::FileName),
            ("INVENTED.pub", KeyError::FileName),
            (&two, KeyError::SeveralLines),
            ("ssh-dss AAAAINVENTED", KeyError::Unsupported),
            (
                "ssh-ed25519-cert-v01@openssh.com AAAAINVENTED",
                KeyError::Unsupported,
            ),
            ("ssh-ed25519 AAAAINVENTED", KeyError::Damaged),
            ("ssh-ed25519 ====", KeyError::Damaged),
            ("INVENTED words here", KeyError::NotAKey),
            ("ssh-ed25519 \u{1b}INVENTED", KeyError::NotAKey),
        ] {
            let error = PublicKey::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            let told = format!("{error} {error:?} {}", error.hint());
            assert!(!told.contains("INVENTED"), "{told}");
        }
    }
}
