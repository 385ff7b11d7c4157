//! What a plan was made from and what it consists of, as one text: whoever approved a plan gives its
//! checksum, and nothing is carried out that has another one.
//!
//! Two looks at a world in which nothing moved give the same. Nothing in it tells of times, of how
//! many requests a look took, or of the order of answers, and of what is still on its way only that
//! it is.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use serde_json::{Value as Json, json};

use crate::model::{Account, Address, Attributes, Money, Value};
use crate::resource::{OnChange, kind};

use super::{Action, Change, Op, Plan, Reason, Step};

/// The form of the text; another version may hash other things.
const FORM: &str = "cb1";

/// How many digits tell one version of a part from another. They are a hint: only the whole proves
/// anything.
const HINT: usize = 6;

/// A plan's checksum. Its text is `cb1:`, the SHA-256 of everything, `-`, and the beginnings of those
/// of the parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    whole: String,
    /// One for each of [`Moved::ALL`].
    hints: [String; Moved::ALL.len()],
}

/// What a plan is made from, any of which may have moved since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// What was asked for on the command line.
    Options,
    /// The user's files.
    Configuration,
    /// What is recorded.
    State,
    /// What the accounts hold.
    Answers,
}

impl Moved {
    const ALL: [Self; 4] = [
        Self::Options,
        Self::Configuration,
        Self::State,
        Self::Answers,
    ];
}

/// What a plan was made from, besides what it says itself.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The options that decide about it.
    pub options: &'a Json,
    /// What the user's files mean.
    pub configuration: &'a Json,
    /// What tells one version of the state from another.
    pub state: &'a str,
    /// The accounts, by name.
    pub accounts: &'a BTreeMap<String, Account>,
}

impl Checksum {
    /// The checksum of a plan.
    #[must_use]
    pub fn of(plan: &Plan, origin: &Origin<'_>) -> Self {
        let parts = [
            sha256(origin.options),
            sha256(origin.configuration),
            sha256(&origin.state.into()),
            sha256(&answers(plan, origin.accounts)),
        ];
        let steps: Vec<Json> = plan.steps.iter().map(step).collect();
        let costs: Vec<Json> = planned(plan).map(cost).collect();
        let whole = sha256(&json!([FORM, parts, steps, costs]));
        let hints = parts.map(|part| part.chars().take(HINT).collect());
        Self { whole, hints }
    }

    /// The parts that are not as they were for another plan.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<Moved> {
        let pairs = self.hints.iter().zip(&other.hints);
        let parts = Moved::ALL.into_iter().zip(pairs);
        parts
            .filter(|(_, (one, other))| one != other)
            .map(|(part, _)| part)
            .collect()
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM}:{}-{}", self.whole, self.hints.concat())
    }
}

/// The text is no checksum that this version knows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a plan's checksum begins with `{FORM}:` and is as long as `plan --out` prints it")]
pub struct ParseChecksumError;

impl FromStr for Checksum {
    type Err = ParseChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .strip_prefix(FORM)
            .and_then(|rest| rest.strip_prefix(':'));
        let (whole, hints) = digits
            .and_then(|digits| digits.split_once('-'))
            .ok_or(ParseChecksumError)?;
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let lengths = (whole.len(), hints.len());
        if lengths != (64, HINT * Moved::ALL.len()) || !is_hex(whole) || !is_hex(hints) {
            return Err(ParseChecksumError);
        }
        let mut hints = hints.as_bytes().chunks(HINT).map(String::from_utf8_lossy);
        Ok(Self {
            whole: whole.to_owned(),
            hints: Moved::ALL.map(|_| hints.next().unwrap_or_default().into_owned()),
        })
    }
}

/// The digest of a value as text, whose objects have their members in the order of their names.
fn sha256(value: &Json) -> String {
    let digest = digest(&SHA256, value.to_string().as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What is in the plan, and not left out of it.
fn planned(plan: &Plan) -> impl Iterator<Item = &Action> {
    let actions = plan.actions.iter();
    actions.filter(|action| action.reason != Reason::LeftOut)
}

/// What the accounts said of everything in the plan.
fn answers(plan: &Plan, accounts: &BTreeMap<String, Account>) -> Json {
    let awaited: HashSet<&Address> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.op {
            Op::Await { address, .. } => Some(address),
            _ => None,
        })
        .collect();
    let seen = planned(plan).map(|action| {
        let before = action.before.as_ref();
        let before = before.map(|before| match awaited.contains(&action.address) {
            true => lasting(&action.address, before),
            false => before.iter().collect(),
        });
        json!({
            "address": action.address.to_string(),
            "account": action.account,
            "id": action.id,
            "deleted": action.reason == Reason::DeletedOutside,
            "before": before,
            "monthly": action.monthly_before.map(Money::dollars),
        })
    });
    let mut seen: Vec<Json> = seen.collect();
    seen.sort_by_key(ToString::to_string);
    // Where the API is says nothing: a practice cloud is at another port each time.
    let accounts = accounts
        .iter()
        .map(|(name, account)| json!([name, account.provider, account.id]));
    json!([accounts.collect::<Vec<_>>(), seen])
}

/// The attributes that do not come and go while something is on its way.
fn lasting<'a>(address: &Address, before: &'a Attributes) -> BTreeMap<&'a str, &'a Json> {
    let is_lasting = |name: &str| {
        let attribute = kind(address.kind()).and_then(|(_, kind)| kind.attribute(name));
        attribute.is_some_and(|attribute| {
            !attribute.is_only_seen() && attribute.on_change != OnChange::Computed
        })
    };
    before.iter().filter(|(name, _)| is_lasting(name)).collect()
}

fn cost(action: &Action) -> Json {
    json!([
        action.address.to_string(),
        action.monthly_after.map(Money::dollars),
    ])
}

fn step(step: &Step) -> Json {
    json!({
        "op": op(&step.op),
        "label": step.label,
        "detail": step.detail,
        "monthly": step.monthly.map(Money::dollars),
        "loses": step.loses,
        "wipes": step.wipes,
        "interrupts": step.interrupts,
        "permanent": step.permanent,
        "waits_for": step.waits_for,
        "after": step.after,
    })
}

fn op(op: &Op) -> Json {
    // Every field by name: a new one does not compile until it has a place here.
    match op {
        Op::Create {
            address,
            replaces,
            account,
            attributes,
            refers_to,
        } => json!([
            "create",
            texts([address]),
            replaces,
            account,
            values(attributes),
            texts(refers_to)
        ]),
        Op::Import {
            address,
            account,
            id,
            attributes,
            refers_to,
            mark,
            ours,
        } => json!([
            "import",
            texts([address]),
            account,
            id,
            values(attributes),
            texts(refers_to),
            mark,
            ours
        ]),
        Op::Update {
            address,
            id,
            attributes,
            refers_to,
            changes,
        } => {
            let changes: Vec<Json> = changes.iter().map(change).collect();
            json!([
                "update",
                texts([address]),
                id,
                values(attributes),
                texts(refers_to),
                changes
            ])
        }
        // What is on its way is waited for, however far it has come.
        Op::Await { address, id } => json!(["await", texts([address]), id]),
        Op::Check { address, probe } => json!(["check", texts([address]), probe.to_string()]),
        Op::Drain {
            address,
            id,
            seconds,
            until,
            wait,
        } => {
            // How long it is until a certain time is another number at each look.
            let seconds = until.is_none().then_some(seconds);
            let until = until.map(|until| until.to_string());
            json!(["drain", texts([address]), id, seconds, until, wait])
        }
        Op::Delete { address, id, .. } => json!(["delete", texts([address]), id]),
        Op::Forget { address } => json!(["forget", texts([address])]),
        Op::WriteBack { addresses } => json!(["write_back", texts(addresses)]),
    }
}

fn texts<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> Vec<String> {
    addresses.into_iter().map(ToString::to_string).collect()
}

fn values(attributes: &Attributes<Value>) -> BTreeMap<&str, Json> {
    attributes
        .iter()
        .map(|(name, attribute)| (name, value(attribute)))
        .collect()
}

/// A value that is sealed is known by its hash.
fn value(value: &Value) -> Json {
    match value {
        Value::Reference(reference) => json!({ "reference": reference.to_string() }),
        Value::Template(template) => json!({ "template": template.written() }),
        known => json!({ "known": known.known() }),
    }
}

fn change(change: &Change) -> Json {
    json!([change.attribute, change.before, value(&change.after)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_read_again_and_tells_what_moved() {
        let checksum = |options: &str, state: &str| {
            let origin = Origin {
                options: &options.into(),
                configuration: &Json::Null,
                state,
                accounts: &BTreeMap::new(),
            };
            Checksum::of(&Plan::default(), &origin)
        };
        let one = checksum("", "1");
        assert_eq!(one.to_string().parse(), Ok(one.clone()));
        assert_eq!(checksum("", "1"), one);
        assert_eq!(one.differing(&checksum("", "2")), [Moved::State]);
        assert_eq!(
            one.differing(&checksum("-t a.b", "2")),
            [Moved::Options, Moved::State]
        );
        let text = one.to_string();
        let cut = text.get(..text.len() - 1).unwrap();
        for wrong in [
            "",
            "cb1:",
            cut,
            &text.replace("cb1", "cb2"),
            &text.replace(':', ":g"),
        ] {
            assert!(wrong.parse::<Checksum>().is_err(), "{wrong}");
        }
    }
}
