//! Format 1.
//!
//! Pretty JSON for line-wise diffs: one attribute a line, resources in the order of their
//! addresses, and the members of each object in the order of the structs below.
//!
//! `checksum` guards the content, not the layout. It is `sha256:` and the hex digest of the
//! *canonical text*, UTF-8, of the document without its member `checksum`: no white space; the
//! members of every object in the byte order of their keys; strings with `\"`, `\\`, `\b`, `\f`,
//! `\n`, `\r`, `\t`, `\u00xx` for the others below U+0020, and nothing else escaped; whole numbers in
//! digits, fractions as the shortest digits that read back the same, in the form `-1.25e-3`. So
//! another indentation, other line ends or reordered members leave it right, and any other value
//! makes it wrong.
//!
//! `journal` is null, or says what a cut-off run left: whether a journal is `open`, of which this
//! state is the base, the `unsettled` intents of runs before, and how far the last one had come.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Decoded, Encoded, FormatError};
use crate::model::escape;
use crate::model::{Account, Address, Attributes, Origin, ParseAddressError, Recorded};
use crate::state::{Effect, Intent, Progress, State};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a, J, R> {
    format: u64,
    lineage: Cow<'a, str>,
    serial: u64,
    written_by: Cow<'a, str>,
    /// What belongs to this state beside its resources; null when nothing does. There from the
    /// start, so that a version without journals refuses a state whose newest part is in one.
    journal: J,
    accounts: BTreeMap<Cow<'a, str>, AccountEntry<'a>>,
    resources: Vec<R>,
    // And `checksum`, which seals the rest and is handled apart.
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalEntry<'a> {
    /// Whether there is a journal that this state is the base of.
    open: bool,
    unsettled: Vec<IntentEntry<'a>>,
    /// How far the run had come that was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressEntry>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgressEntry {
    steps: u64,
    done: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntentEntry<'a> {
    number: u64,
    effect: EffectWord,
    address: String,
    account: Cow<'a, str>,
    id: Option<Cow<'a, str>>,
    refers_to: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unmarked: bool,
    attributes: Cow<'a, Attributes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EffectWord {
    Create,
    Update,
    Delete,
    Import,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry<'a> {
    provider: Cow<'a, str>,
    api_url: Cow<'a, str>,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceEntry<'a> {
    address: String,
    account: Cow<'a, str>,
    id: Cow<'a, str>,
    origin: OriginWord,
    ready: bool,
    recorded_at: Timestamp,
    refers_to: Vec<String>,
    attributes: Cow<'a, Attributes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OriginWord {
    Created,
    Found,
}

/// This program, as it signs what it writes.
pub(super) const WRITTEN_BY: &str = concat!("cloudbuilder ", env!("CARGO_PKG_VERSION"));

pub(super) fn encode(state: &State, open: bool) -> serde_json::Result<Encoded> {
    // Every field by name: a new one does not compile until it has a place in the file.
    let State {
        lineage,
        serial,
        accounts,
        resources,
        unsettled,
        progress,
    } = state;
    let complete = unsettled.is_empty() && progress.is_none();
    let journal = (open || !complete).then(|| JournalEntry {
        open,
        unsettled: unsettled.values().map(intent_entry).collect(),
        progress: progress.map(progress_entry),
    });
    let document = Document {
        format: 1,
        lineage: lineage.into(),
        serial: *serial,
        written_by: WRITTEN_BY.into(),
        journal,
        accounts: accounts
            .iter()
            .map(|(name, account)| (name.into(), account_entry(account)))
            .collect(),
        resources: resources.values().map(resource_entry).collect(),
    };
    let mut text = Vec::with_capacity(512 * (resources.len() + 1));
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text,
        OneAttributeALine::default(),
    ))?;
    // Of the text as a reader will understand it, not of what we meant: then nothing can be
    // written that is refused afterwards.
    let checksum = checksum(&serde_json::from_slice(&text)?);
    text.truncate(text.len() - "\n}".len());
    text.extend_from_slice(format!(",\n  \"checksum\": \"{checksum}\"\n}}\n").as_bytes());
    Ok(Encoded {
        bytes: text,
        checksum,
    })
}

fn account_entry(account: &Account) -> AccountEntry<'_> {
    let Account {
        provider,
        api_url,
        id,
        name,
    } = account;
    AccountEntry {
        provider: provider.into(),
        api_url: api_url.into(),
        id: id.into(),
        name: name.into(),
    }
}

pub(super) fn intent_entry(intent: &Intent) -> IntentEntry<'_> {
    let Intent {
        number,
        address,
        account,
        effect,
        id,
        attributes,
        refers_to,
        sent_at,
        unmarked,
    } = intent;
    IntentEntry {
        number: *number,
        effect: match effect {
            Effect::Create => EffectWord::Create,
            Effect::Update => EffectWord::Update,
            Effect::Delete => EffectWord::Delete,
            Effect::Import => EffectWord::Import,
        },
        address: address.to_string(),
        account: account.into(),
        id: id.as_deref().map(Cow::Borrowed),
        refers_to: refers_to.iter().map(Address::to_string).collect(),
        sent_at: *sent_at,
        unmarked: *unmarked,
        attributes: Cow::Borrowed(attributes),
    }
}

pub(super) fn progress_entry(progress: Progress) -> ProgressEntry {
    let Progress { steps, done } = progress;
    ProgressEntry { steps, done }
}

pub(super) fn progress_from(entry: ProgressEntry) -> Progress {
    let ProgressEntry { steps, done } = entry;
    Progress { steps, done }
}

pub(super) fn resource_entry(recorded: &Recorded) -> ResourceEntry<'_> {
    let Recorded {
        address,
        account,
        id,
        origin,
        ready,
        attributes,
        refers_to,
        recorded_at,
    } = recorded;
    ResourceEntry {
        address: address.to_string(),
        account: account.into(),
        id: id.into(),
        origin: match origin {
            Origin::Created => OriginWord::Created,
            Origin::Found => OriginWord::Found,
        },
        ready: *ready,
        recorded_at: *recorded_at,
        refers_to: refers_to.iter().map(Address::to_string).collect(),
        attributes: Cow::Borrowed(attributes),
    }
}

/// Reads a parsed document. The checksum comes first: only with a right one can an unknown member
/// be told from a typing error.
pub(super) fn decode(mut document: Value) -> Result<Decoded, FormatError> {
    let recorded = match document
        .as_object_mut()
        .and_then(|members| members.remove("checksum"))
    {
        Some(Value::String(recorded)) => recorded,
        _ => return Err(FormatError::NoChecksum),
    };
    let computed = checksum(&document);
    if recorded != computed {
        return Err(FormatError::Checksum {
            recorded: escape(&recorded).into_owned(),
            computed,
        });
    }
    let document: Document<'static, Value, Value> =
        from_value(document, || "the document".to_owned())?;
    let journal = serde_json::from_value::<Option<JournalEntry<'static>>>(document.journal)
        .map_err(|_| FormatError::OpenJournal)?;
    let (open, unsettled, progress) = match journal {
        Some(JournalEntry {
            open,
            unsettled,
            progress,
        }) => (open, unsettled, progress.map(progress_from)),
        None => (false, Vec::new(), None),
    };
    let unsettled = unsettled
        .into_iter()
        .map(|entry| intent_from(entry).map(|intent| (intent.number, intent)))
        .collect::<Result<_, _>>()
        .map_err(|what| FormatError::Shape {
            place: "an unsettled intent".to_owned(),
            what,
        })?;
    let accounts = document
        .accounts
        .into_iter()
        .map(|(name, account)| (name.into_owned(), account_from(account)))
        .collect();
    let mut resources = BTreeMap::new();
    for (index, entry) in document.resources.into_iter().enumerate() {
        let place = place(&entry, index);
        let recorded = resource_from(entry, &place)?;
        if let Some(double) = resources.insert(recorded.address.clone(), recorded) {
            return Err(FormatError::Shape {
                place,
                what: format!("{} stands twice", escape(&double.address.to_string())),
            });
        }
    }
    Ok(Decoded {
        state: State {
            lineage: document.lineage.into_owned(),
            serial: document.serial,
            accounts,
            resources,
            unsettled,
            progress,
        },
        checksum: recorded,
        open,
    })
}

fn account_from(entry: AccountEntry<'_>) -> Account {
    let AccountEntry {
        provider,
        api_url,
        id,
        name,
    } = entry;
    Account {
        provider: provider.into_owned(),
        api_url: api_url.into_owned(),
        id: id.into_owned(),
        name: name.into_owned(),
    }
}

fn resource_from(entry: Value, place: &str) -> Result<Recorded, FormatError> {
    let entry: ResourceEntry<'static> = from_value(entry, || place.to_owned())?;
    recorded_from(entry).map_err(|what| FormatError::Shape {
        place: place.to_owned(),
        what,
    })
}

/// # Errors
/// What is not as it should be.
pub(super) fn recorded_from(entry: ResourceEntry<'_>) -> Result<Recorded, String> {
    let ResourceEntry {
        address,
        account,
        id,
        origin,
        ready,
        recorded_at,
        refers_to,
        attributes,
    } = entry;
    Ok(Recorded {
        address: address_from(&address)?,
        account: account.into_owned(),
        id: id.into_owned(),
        origin: match origin {
            OriginWord::Created => Origin::Created,
            OriginWord::Found => Origin::Found,
        },
        ready,
        attributes: attributes.into_owned(),
        refers_to: addresses_from(&refers_to)?,
        recorded_at,
    })
}

/// # Errors
/// What is not as it should be.
pub(super) fn intent_from(entry: IntentEntry<'_>) -> Result<Intent, String> {
    let IntentEntry {
        number,
        effect,
        address,
        account,
        id,
        refers_to,
        sent_at,
        unmarked,
        attributes,
    } = entry;
    Ok(Intent {
        number,
        address: address_from(&address)?,
        account: account.into_owned(),
        effect: match effect {
            EffectWord::Create => Effect::Create,
            EffectWord::Update => Effect::Update,
            EffectWord::Delete => Effect::Delete,
            EffectWord::Import => Effect::Import,
        },
        id: id.map(Cow::into_owned),
        attributes: attributes.into_owned(),
        refers_to: addresses_from(&refers_to)?,
        sent_at,
        unmarked,
    })
}

/// # Errors
/// What is not as it should be.
pub(super) fn address_from(text: &str) -> Result<Address, String> {
    text.parse()
        .map_err(|error: ParseAddressError| escape(&error.to_string()).into_owned())
}

fn addresses_from(texts: &[String]) -> Result<Vec<Address>, String> {
    texts.iter().map(|text| address_from(text)).collect()
}

/// A resource as a message names it: by its address, or failing that by its position.
fn place(entry: &Value, index: usize) -> String {
    match entry.get("address").and_then(Value::as_str) {
        Some(address) => escape(address).into_owned(),
        None => format!("resource {}", index + 1),
    }
}

fn from_value<T: for<'de> Deserialize<'de>>(
    value: Value,
    place: impl FnOnce() -> String,
) -> Result<T, FormatError> {
    serde_json::from_value(value).map_err(|error| FormatError::Shape {
        place: place(),
        what: escape(&error.to_string()).into_owned(),
    })
}

/// The checksum of a document that has none in it.
pub(super) fn checksum(document: &Value) -> String {
    let mut text = String::new();
    canonical(document, &mut text);
    digest_text(&ring::digest::digest(
        &ring::digest::SHA256,
        text.as_bytes(),
    ))
}

/// `sha256:` and the digest in hex.
pub(super) fn digest_text(digest: &ring::digest::Digest) -> String {
    let mut checksum = String::from("sha256:");
    for byte in digest.as_ref() {
        // Writing into a String cannot fail.
        let _ = write!(checksum, "{byte:02x}");
    }
    checksum
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            // serde_json's map keeps insertion order if any crate of the build asks for that.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|&(key, _)| key);
            text.push('{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(&Value::from(key.as_str()), text);
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(value, text);
            }
            text.push(']');
        }
        // Writing into a String cannot fail.
        Value::Number(number) => {
            // Not serde_json's spelling of a fraction, which has changed from one version to the
            // next and would make old files look altered.
            let _ = match number.as_f64() {
                Some(fraction) if number.is_f64() => write!(text, "{fraction:e}"),
                _ => write!(text, "{number}"),
            };
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let _ = write!(text, "{value}");
        }
    }
}

/// Pretty JSON down to the attributes; the value of an attribute stays on its line.
#[derive(Default)]
struct OneAttributeALine {
    depth: usize,
    /// Whether the innermost open list or object holds something yet.
    filled: bool,
}

impl OneAttributeALine {
    /// Document, resources, resource, attributes.
    const DEEPEST: usize = 4;

    fn open<W: ?Sized + io::Write>(&mut self, bracket: &[u8], writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, bracket: &[u8], writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.filled && self.depth < Self::DEEPEST {
            self.new_line(writer)?;
        }
        self.filled = true;
        writer.write_all(bracket)
    }

    fn next<W: ?Sized + io::Write>(&mut self, first: bool, writer: &mut W) -> io::Result<()> {
        self.filled = true;
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= Self::DEEPEST {
            self.new_line(writer)
        } else if first {
            Ok(())
        } else {
            writer.write_all(b" ")
        }
    }

    fn new_line<W: ?Sized + io::Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        for _ in 0..self.depth {
            writer.write_all(b"  ")?;
        }
        Ok(())
    }
}

impl serde_json::ser::Formatter for OneAttributeALine {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(b"[", writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(b"]", writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(first, writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(b"{", writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(b"}", writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(first, writer)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
