//! The kinds of resource: what each consists of, what the configuration makes of it, and the
//! rules that only it has.
//!
//! The planner works from these descriptors and names no kind. A new kind is a file here and a
//! line in [`KINDS`].

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Catalog, Diagnostic, Money, Observed, Recorded, Value};

mod declare;
pub mod domain;
mod facts;
mod files;
pub mod firewall;
mod found;
mod readdress;
pub mod record;
mod record_checks;
pub mod references;
pub mod reserved_ip;
mod selection;
pub mod server;
mod server_checks;
pub mod settings;
pub mod snapshot;
pub mod ssh_key;
pub mod volume;
pub mod vpc;

pub use declare::{
    Declared, Setting, Zones, check_references, declare, declare_servers, not_applied_yet,
};
pub use facts::{Facts, is_renewed};
pub use readdress::readdress;

/// Every kind, in the order in which a plan creates them.
pub const KINDS: &[&Kind] = &[
    &ssh_key::KIND,
    &vpc::KIND,
    &firewall::KIND,
    &server::KIND,
    &volume::KIND,
    &reserved_ip::KIND,
    &domain::KIND,
    &record::KIND,
];

/// The kinds that cloud.json cannot ask for: what nobody looks after may be of them.
pub const ONLY_SEEN: &[&Kind] = &[&snapshot::KIND];

/// The descriptor of the kind called `name`, with its place in [`KINDS`] and [`ONLY_SEEN`].
#[must_use]
pub fn kind(name: &str) -> Option<(usize, &'static Kind)> {
    KINDS
        .iter()
        .chain(ONLY_SEEN)
        .copied()
        .enumerate()
        .find(|(_, kind)| kind.name == name)
}

/// What there is to know about a kind of resource.
pub struct Kind {
    /// What it is called in addresses and plans: `server`.
    pub name: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
    /// The attributes that find ours when its id is lost.
    pub natural_key: &'static [&'static str],
    /// What one is called in addresses, from its attributes, where they tell.
    pub name_of: fn(&Attributes) -> Option<String>,
    /// Whether several may have the same natural key, so that only our mark tells them apart.
    pub marked: bool,
    /// Whether what was there before and is taken over gets our mark too.
    pub marks_found: bool,
    /// Whether some providers can put our mark on one and take a natural key as often as it is given.
    /// With them there may be one for each deployment; what nobody marked is taken as elsewhere.
    pub may_be_marked: bool,
    /// The attribute with its name, where one that leaves cloud.json under one name and comes under
    /// another is kept, and renamed.
    pub renamed_by: Option<&'static str>,
    /// The key of cloud.json by which one is to go after a while: it is new, and no other one renamed.
    pub ends_by: Option<&'static str>,
    /// The attribute that keeps one from being deleted while the state says so.
    pub protected_by: Option<&'static str>,
    /// Whether one that shall be made from something else stays what it is and is made anew where
    /// it is, by what is wanted.
    pub remade: fn(&Attributes<Value>) -> bool,
    /// How a copy is kept of one that is deleted, where that is asked for.
    pub copied: Option<Copied>,
    /// The attribute that lists those which count when one is made and never after.
    pub ignored_by: Option<&'static str>,
    /// Whether one that another takes the place of goes before that is made, by what is wanted.
    pub destroyed_first: fn(&Attributes<Value>) -> bool,
    /// The attribute that says for how many seconds others remember what it said.
    pub remembered_for: Option<&'static str>,
    /// The attribute in which the state says when nobody remembers it any more.
    pub forgotten_at: Option<&'static str>,
    /// What texts of cloud.json may take from it: their words for attributes.
    pub referred: &'static [(&'static str, &'static str)],
    /// The attribute that says what it is attached to: what leads to it reaches nothing without. What
    /// is to lead to it waits until that is changed, and what is not any more lets go of it before.
    pub attached_by: Option<&'static str>,
    /// The computed attribute, such as an address, that becomes another one when this attribute becomes
    /// what is wanted: what leads to it waits for that, and that there was none says nothing any more.
    pub renewed: fn(&str, &Attributes<Value>) -> Option<&'static str>,
    /// Whether one that carries no mark and is in no state is nobody's, as far as it and what is
    /// recorded tell.
    pub orphaned: fn(&Observed, &BTreeMap<Address, Recorded>) -> bool,
    /// How one shows that it serves, where it can be asked.
    pub probed: Option<Probed>,
    /// What deleting it loses, for the plan to say.
    pub loses: Option<&'static str>,
    /// Whether it is never deleted, and loses that, unless the user allowed just that.
    pub kept_unless_allowed: bool,
    /// The attribute that is written back into the user's file.
    pub written_back: Option<&'static str>,
    /// How a plan calls it, from its address's name and its attributes.
    pub label: fn(&str, &Attributes<Value>) -> String,
    /// What a plan says of one that is created, from its attributes.
    pub detail: fn(&Attributes<Value>) -> String,
    /// What is said of one that is in an account, where that is something else.
    pub described: Option<fn(&Attributes<Value>) -> String>,
    /// What a plan says of one that is deleted, from its attributes.
    pub removed: fn(&Attributes<Value>) -> String,
    /// Where it stands, and whether it can only stand there alone: then what goes from there makes
    /// way first.
    pub stands_at: fn(&Attributes<Value>) -> Option<(String, bool)>,
    /// What nobody asked for and goes all the same, and why, in words; what it loses besides.
    pub evicts: fn(&Facts<'_>, &mut Vec<Diagnostic>) -> Vec<Evicted>,
    /// Whether a change from these attributes to those cannot be taken back.
    pub permanent: fn(&Attributes<Value>, &Attributes<Value>, Option<&Catalog>) -> bool,
    /// What a plan says of an attribute that changes in place: from what to what.
    /// The last are the attributes that it shall have, as far as they are known.
    pub changed: fn(&str, &Json, &Value, &Attributes<Value>) -> String,
    /// Whether what it refers to lets go of it when that is deleted, so that it leads nowhere.
    pub is_let_go: bool,
    /// What its user has to do before an attribute that is this changes in place, for the plan to say.
    pub beforehand: fn(&str, &Json) -> Option<&'static str>,
    /// What is said of one that is done, from its attributes; may be empty.
    pub outcome: fn(&Attributes) -> String,
    /// Whether one may still be seen for a while after its deletion was accepted.
    pub lingers: bool,
    /// The attributes that decide what it costs.
    pub priced_by: &'static [&'static str],
    /// What it costs a month.
    pub price: fn(&Attributes<Value>, Option<&Catalog>) -> Price,
    /// The rules of this kind that only a look at the account can check.
    pub check: fn(&Facts<'_>, &mut Vec<Diagnostic>),
    /// Whether one that is no longer wanted is deleted.
    pub removal: fn(&Recorded, &Facts<'_>) -> Removal,
}

/// A kind of which there is nothing to say: a descriptor says what is otherwise.
const PLAIN: Kind = Kind {
    name: "",
    attributes: &[],
    natural_key: &[],
    name_of: no_name,
    marked: false,
    marks_found: true,
    may_be_marked: false,
    renamed_by: None,
    ends_by: None,
    protected_by: None,
    remade: |_| false,
    copied: None,
    ignored_by: None,
    destroyed_first: |_| false,
    remembered_for: None,
    forgotten_at: None,
    referred: &[],
    attached_by: None,
    renewed: |_, _| None,
    orphaned: |_, _| false,
    probed: None,
    loses: None,
    kept_unless_allowed: false,
    written_back: None,
    label: |name, _| name.to_owned(),
    detail: |_| String::new(),
    described: None,
    removed: |_| String::new(),
    stands_at: |_| None,
    evicts: |_, _| Vec::new(),
    permanent: |_, _, _| false,
    changed: |_, before, after, _| from_to(before, after),
    is_let_go: false,
    beforehand: |_, _| None,
    outcome: |_| String::new(),
    lingers: false,
    priced_by: &[],
    price: |_, _| Price::Free,
    check: |_, _| {},
    removal: |_, _| Removal::Delete,
};

/// How something is asked whether it serves.
pub struct Probed {
    /// The attribute that says what is asked, as a [`Probe`](crate::model::Probe).
    pub asked: &'static str,
    /// The attributes that say where, an address each; the first one that it has.
    pub at: &'static [&'static str],
    /// The attribute in which the state says that it has not answered yet.
    pub unanswered: &'static str,
}

/// How a copy is kept of something that is deleted.
#[derive(Clone, Copy)]
pub struct Copied {
    /// The attribute that asks for it, and what it says then. The state keeps it.
    pub asked_by: &'static str,
    /// What it says then.
    pub with: &'static str,
    /// The attribute that is the copy's name: to give it that is to make the copy.
    pub attribute: &'static str,
    /// The copy's name, from the attributes and the id of what it is of: the same every time, so
    /// that a copy of which nobody has the answer is found again.
    pub named: fn(&Attributes, &str) -> String,
    /// The attribute that says how many GB it is of at most.
    pub size_gb: &'static str,
}

/// A named value of a kind.
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What people call it: `public IPv4`.
    pub about: &'static str,
    /// What it means that it differs.
    pub on_change: OnChange,
    /// Whether the state holds only what was asked for: what others make of it otherwise is no
    /// matter of ours.
    pub only_if_asked: bool,
}

/// What it means that a desired attribute differs from the observed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnChange {
    /// It can be changed in place.
    Update,
    /// Only a new resource can have it.
    Replace,
    /// As [`Self::Replace`], but what counts is what it was made from, as the state says it:
    /// what the provider tells of it later may be another name for it, or nothing.
    MadeFrom,
    /// It matters when the resource is created and is never compared with what is live.
    CreateOnly,
    /// Neither can it be changed nor can another have it under the same name: refused, with what to
    /// do about it.
    Fixed(&'static str),
    /// Another value is another resource: the recorded one is let go.
    Identity,
    /// The provider sets it.
    Computed,
    /// It is this but while something else is changed. Nobody asks for it, and what others make of
    /// it stays; what a run of ours left otherwise is put back.
    Passing(&'static str),
    /// It says how others are changed, and is no difference itself.
    Manner,
    /// It says the same as this other attribute, in the provider's words: it is changed along with
    /// it, and is no difference itself.
    Along(&'static str),
    /// One that exists can be given this other attribute, which otherwise matters only when it is
    /// created: it is asked for by itself, and is the same.
    Late(&'static str),
    /// It is looked at when others change, and not remembered.
    Seen,
    /// The same, of another name for what this other attribute says.
    SeenAs(&'static str),
    /// It means something to this program alone: the state keeps it, and no provider hears of it.
    Ours,
}

/// What something costs a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// Nothing.
    Free,
    /// This much.
    Monthly(Money),
    /// Something, and the provider does not say how much.
    Unknown,
}

impl Price {
    /// What it is, if it is anything and known.
    #[must_use]
    pub fn monthly(self) -> Option<Money> {
        match self {
            Self::Monthly(monthly) => Some(monthly),
            Self::Free | Self::Unknown => None,
        }
    }
}

/// Something in an account that is in no state, that nobody asked for, and that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Its place in [`Facts::observed`].
    pub at: usize,
    /// The address of what it is in, which is to hold nothing that nobody named.
    pub from: Address,
    /// Why, in words.
    pub why: String,
    /// What is lost with it.
    pub loses: &'static str,
}

/// What becomes of a resource that is no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is deleted.
    Delete,
    /// It stays and is forgotten; why, in words.
    Keep(String),
}

impl Kind {
    /// The attribute called `name`.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)
    }
}

impl Kind {
    /// Whether another one is made where one cannot become what is wanted.
    #[must_use]
    pub fn can_be_replaced(&self) -> bool {
        let mut attributes = self.attributes.iter();
        attributes.any(|one| matches!(one.on_change, OnChange::Replace | OnChange::MadeFrom))
    }

    /// Whether these attributes show that one of them is this, by whatever name.
    #[must_use]
    pub fn shows(&self, name: &str, value: &Json, is: &Attributes) -> bool {
        if let Some(OnChange::Late(other)) = self.attribute(name).map(|known| known.on_change) {
            return is.get(other) == Some(value);
        }
        let also =
            |other: &&Attribute| matches!(other.on_change, OnChange::SeenAs(of) if of == name);
        is.get(name) == Some(value)
            || self
                .attributes
                .iter()
                .filter(also)
                .any(|other| is.get(other.name) == Some(value))
    }

    /// The attribute by which one that exists is given this one, if there is such a way.
    #[must_use]
    pub fn late(&self, name: &str) -> Option<&'static Attribute> {
        let mut attributes = self.attributes.iter();
        attributes.find(|other| matches!(other.on_change, OnChange::Late(of) if of == name))
    }

    /// Whether an attribute counts only when one is made, by what is known of its attributes.
    pub fn ignores<'a>(&self, value: impl Fn(&str) -> Option<&'a Json>, name: &str) -> bool {
        let along = match self.attribute(name).map(|attribute| attribute.on_change) {
            Some(OnChange::Along(other)) => other,
            _ => name,
        };
        let ignored = self.ignored_by.and_then(value).and_then(Json::as_array);
        let mut ignored = ignored.into_iter().flatten().filter_map(Json::as_str);
        ignored.any(|ignored| ignored == name || ignored == along)
    }

    /// The attributes that are changed along with this one.
    pub fn along_with(&self, name: &str) -> impl Iterator<Item = &'static Attribute> {
        let all = self.attributes.iter();
        all.filter(move |one| matches!(one.on_change, OnChange::Along(other) if other == name))
    }
}

impl Attribute {
    /// The attribute that shows what became of it: another one, where it is not asked for by its own
    /// name.
    #[must_use]
    pub fn shown_by(&self) -> &'static str {
        match self.on_change {
            OnChange::Late(other) => other,
            _ => self.name,
        }
    }

    /// Whether what is seen of it is never remembered: only what a run of ours made of it is.
    #[must_use]
    pub fn is_only_seen(&self) -> bool {
        matches!(
            self.on_change,
            OnChange::Passing(_) | OnChange::Seen | OnChange::SeenAs(_)
        )
    }

    /// What it is while nothing else is changed, if it is one that passes.
    #[must_use]
    pub fn usual(&self) -> Option<&'static str> {
        match self.on_change {
            OnChange::Passing(usual) => Some(usual),
            _ => None,
        }
    }
}

const fn attribute(name: &'static str, about: &'static str, on_change: OnChange) -> Attribute {
    Attribute {
        name,
        about,
        on_change,
        only_if_asked: false,
    }
}

const fn only_if_asked(name: &'static str, about: &'static str, on_change: OnChange) -> Attribute {
    Attribute {
        only_if_asked: true,
        ..attribute(name, about, on_change)
    }
}

/// The texts among the attributes of something of a kind whose change means this; of lists of texts
/// the words, such as the address in `tcp 22 10.0.0.5/32`.
pub fn texts_of<'t>(
    kind_name: &str,
    attributes: &'t Attributes,
    on_change: OnChange,
) -> impl Iterator<Item = &'t str> + use<'t> {
    let known = kind(kind_name).map_or(&[][..], |(_, kind)| kind.attributes);
    known
        .iter()
        .filter(move |attribute| attribute.on_change == on_change)
        .filter_map(|attribute| attributes.get(attribute.name))
        .flat_map(|value| {
            let listed = value.as_array().into_iter().flatten();
            let words = listed.filter_map(Json::as_str);
            let words = words.flat_map(|text| text.split([' ', '/']));
            value.as_str().into_iter().chain(words)
        })
}

/// A value as a plan shows it: its text, or where it will come from.
#[must_use]
pub fn show(value: &Value) -> String {
    match value {
        Value::Known(Json::String(text)) => text.clone(),
        // Lists are long, and mostly not to be read.
        Value::Known(Json::Array(all)) => format!("{} of them", all.len()),
        Value::Known(other) => other.to_string(),
        Value::Sealed(sealed) => show(&Value::Known(sealed.shown.clone())),
        Value::Template(template) => show(&Value::Known(template.written())),
        Value::Reference(reference) => {
            let about = kind(reference.address.kind())
                .and_then(|(_, kind)| kind.attribute(&reference.attribute))
                .map_or(reference.attribute.as_str(), |attribute| attribute.about);
            format!("{}'s {about}", reference.address.name())
        }
    }
}

fn text<'a>(attributes: &'a Attributes<Value>, name: &str) -> &'a str {
    let known = attributes.get(name).and_then(Value::known);
    known.and_then(Json::as_str).unwrap_or_default()
}

fn flag(attributes: &Attributes<Value>, name: &str) -> bool {
    let known = attributes.get(name).and_then(Value::known);
    known.and_then(Json::as_bool).unwrap_or_default()
}

/// `s-1vcpu-1gb → s-2vcpu-2gb`
fn from_to(before: &Json, after: &Value) -> String {
    format!("{} → {}", show(&Value::Known(before.clone())), show(after))
}

fn no_name(_: &Attributes) -> Option<String> {
    None
}

/// The text of a known attribute.
fn known_text(attributes: &Attributes, name: &str) -> Option<String> {
    let text = attributes.get(name)?.as_str()?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_keys_and_written_back_attributes_are_attributes() {
        for kind in KINDS {
            let referred = kind.referred.iter().map(|(_, attribute)| attribute);
            for name in kind
                .natural_key
                .iter()
                .chain(&kind.written_back)
                .chain(referred)
            {
                assert!(kind.attribute(name).is_some(), "{}.{name}", kind.name);
            }
        }
    }
}
