//! What left cloud.json under one name and came under another is the same one: it is kept, and gets
//! the new name, before a disk is lost for it.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Address, Desired, Diagnostic, Observed, Readiness, Recorded, Value};
use crate::resource::{Attribute, KINDS, Kind, OnChange, readdress};

use super::Input;

/// What has another address from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The address that it has in the state.
    pub from: Address,
    /// The one that cloud.json has for it.
    pub to: Address,
}

/// What the state says once everything has the address that cloud.json has for it, and what that
/// gives another one; `None` if nothing gets one.
pub(super) fn renamed(input: &Input<'_>) -> Option<(BTreeMap<Address, Recorded>, Vec<Renamed>)> {
    let mut moved: Option<BTreeMap<Address, Recorded>> = None;
    let mut all = Vec::new();
    // In the order of the kinds: what something refers to has its new address before it is compared.
    for kind in KINDS {
        let recorded = moved.as_ref().unwrap_or(input.recorded);
        let renamed: Vec<Renamed> = alike(input, kind, recorded)
            .into_iter()
            .flat_map(|alike| alike.same())
            .collect();
        if renamed.is_empty() {
            continue;
        }
        let resources = moved.get_or_insert_with(|| input.recorded.clone());
        for Renamed { from, to } in &renamed {
            readdress(resources, from, to);
        }
        all.extend(renamed);
    }
    Some((moved?, all))
}

/// What should be known of those that are renamed, all of a kind at once.
pub(super) fn tell(input: &Input<'_>, renamed: &[Renamed], notes: &mut Vec<Diagnostic>) {
    for kind in KINDS {
        let is_kept = |renamed: &&Renamed| {
            let mut replaced = input.replace.iter();
            renamed.to.kind() == kind.name && !replaced.any(|pattern| pattern.matches(&renamed.to))
        };
        let kept: Vec<&Renamed> = renamed.iter().filter(is_kept).collect();
        let Some(first) = kept.first() else {
            continue;
        };
        let (summary, new) = match kept.len() {
            1 => (
                format!("{} becomes {} and is kept", first.from, first.to),
                "one",
            ),
            _ => {
                let pairs = kept.iter().map(|one| format!("{} → {}", one.from, one.to));
                let pairs: Vec<String> = pairs.collect();
                let summary = format!("{}s are renamed and kept: {}", kind.name, pairs.join(", "));
                (summary, "ones")
            }
        };
        let place = input
            .desired
            .iter()
            .find(|desired| desired.address == first.to);
        notes.push(
            Diagnostic::warning(summary)
                .detail(match kept.len() {
                    1 => "cloud.json asks for it as it is, only under another name",
                    _ => "cloud.json asks for them as they are, only under other names",
                })
                .hint(format!("for a new {new} instead: `--replace {}`", first.to))
                .at(place.and_then(|desired| desired.place.clone())),
        );
    }
}

/// Warns of what goes while something comes that is much like it, and could be the same.
pub(super) fn warn_of_lookalikes(
    input: &Input<'_>,
    left_out: &HashSet<&Address>,
    notes: &mut Vec<Diagnostic>,
) {
    // Only what loses something has to be told of.
    for kind in KINDS.iter().filter(|kind| kind.loses.is_some()) {
        for mut alike in alike(input, kind, input.recorded) {
            alike.new.retain(|new| !left_out.contains(&new.address));
            (alike.going).retain(|recorded| !left_out.contains(&recorded.address));
            notes.extend(alike.warnings());
        }
    }
}

/// Those of a kind that go and those that come which are alike in what nobody could change without
/// another one, and in what they cost.
struct Alike<'a> {
    kind: &'static Kind,
    /// The attribute with the name.
    name: &'static str,
    new: Vec<&'a Desired>,
    going: Vec<&'a Recorded>,
}

/// All of a kind that go and all that come, by what they are like.
fn alike<'a>(
    input: &Input<'a>,
    kind: &'static Kind,
    recorded: &'a BTreeMap<Address, Recorded>,
) -> Vec<Alike<'a>> {
    let Some(name) = kind.renamed_by else {
        return Vec::new();
    };
    // Mostly nothing comes, or nothing goes, and then nothing is looked for.
    let comes = |desired: &&Desired| {
        let address = &desired.address;
        address.kind() == kind.name && !recorded.contains_key(address)
    };
    let new: Vec<&Desired> = input.desired.iter().filter(comes).collect();
    if new.is_empty() {
        return Vec::new();
    }
    let wanted: HashSet<&Address> = input.desired.iter().map(|one| &one.address).collect();
    // Whoever means it by the name that it has knows that it goes under that name.
    let part = input.part.targets.iter().chain(&input.part.excluded);
    let is_meant = |address: &Address| {
        let mut part = part.clone();
        part.any(|pattern| pattern.matches(address))
    };
    let goes = |recorded: &&Recorded| {
        let address = &recorded.address;
        address.kind() == kind.name
            && address.had().is_none()
            && !wanted.contains(address)
            && !input.withdrawn.contains_key(address)
            && !is_meant(address)
    };
    let going: Vec<&Recorded> = recorded.values().filter(goes).collect();
    if going.is_empty() {
        return Vec::new();
    }
    let can_be_renamed = |account: &str| {
        let account = input.accounts.get(account);
        account.is_some_and(|account| account.capabilities.update(kind.name, name).is_some())
    };
    let seen: Vec<&Observed> = input
        .observed
        .iter()
        .filter(|s| s.kind == kind.name)
        .collect();
    let serves: HashSet<(&str, &str)> = seen
        .iter()
        .filter(|seen| !matches!(seen.readiness, Readiness::Failed(_)))
        .map(|seen| (&*seen.account, seen.id.as_str()))
        .collect();
    // One of those that go may have the new name already.
    let goes: HashSet<&str> = going.iter().map(|recorded| recorded.id.as_str()).collect();
    let named: HashSet<(&str, &str)> = seen
        .iter()
        .filter(|seen| !goes.contains(seen.id.as_str()))
        .filter_map(|seen| Some((&*seen.account, seen.text(name)?)))
        .collect();
    let mut by_likeness: BTreeMap<String, Alike<'a>> = BTreeMap::new();
    for recorded in going {
        if serves.contains(&(recorded.account.as_str(), recorded.id.as_str())) {
            let value = |name: &str| recorded.attributes.get(name);
            let likeness = likeness(kind, &recorded.account, value);
            let alike = by_likeness.entry(likeness).or_insert_with(|| Alike {
                kind,
                name,
                new: Vec::new(),
                going: Vec::new(),
            });
            alike.going.push(recorded);
        }
    }
    for desired in new {
        let is_there = desired
            .text(name)
            .is_some_and(|name| named.contains(&(desired.account.as_str(), name)));
        let likeness = likeness(kind, &desired.account, |name| desired.known(name));
        if !is_there
            && can_be_renamed(&desired.account)
            && let Some(alike) = by_likeness.get_mut(&likeness)
        {
            alike.new.push(desired);
        }
    }
    let alike = by_likeness.into_values();
    alike.filter(|alike| !alike.new.is_empty()).collect()
}

/// What makes two of a kind and an account much the same but for their names.
fn likeness<'a>(kind: &Kind, account: &str, value: impl Fn(&str) -> Option<&'a Json>) -> String {
    let counts = |attribute: &&Attribute| {
        let makes_another = matches!(attribute.on_change, OnChange::Replace | OnChange::MadeFrom);
        makes_another && !attribute.only_if_asked || kind.priced_by.contains(&attribute.name)
    };
    let values = kind.attributes.iter().filter(counts);
    let values: Vec<&Json> = values
        .filter_map(|attribute| value(attribute.name))
        .collect();
    format!("{account} {values:?}")
}

impl<'a> Alike<'a> {
    /// Those that are the same but for their names, where it is clear which is which.
    fn same(&self) -> Vec<Renamed> {
        let pairs = self.groups().into_iter().flat_map(|(going, new)| {
            let pairs = match (&going[..], &new[..]) {
                ([going], [new]) => vec![(*going, *new)],
                (going, new) => by_number(going, new),
            };
            pairs.into_iter().map(|(going, new)| Renamed {
                from: going.address.clone(),
                to: new.address.clone(),
            })
        });
        pairs.collect()
    }

    /// Those among them that are the same in everything but their names.
    fn groups(&self) -> Vec<(Vec<&'a Recorded>, Vec<&'a Desired>)> {
        let is_same = |going, new| is_same(self.kind, self.name, going, new);
        let (mut going, mut new) = (self.going.clone(), self.new.clone());
        let mut groups = Vec::new();
        while let Some(first) = going.first().copied() {
            let like_it: Vec<&Desired> = new.extract_if(.., |one| is_same(first, one)).collect();
            let Some(wanted) = like_it.first().copied() else {
                going.remove(0);
                continue;
            };
            let same: Vec<&Recorded> = going.extract_if(.., |one| is_same(one, wanted)).collect();
            groups.push((same, like_it));
        }
        groups
    }

    /// What to say of those of which nobody knows which is which, and of two that are much alike.
    fn warnings(&self) -> Vec<Diagnostic> {
        let groups = self.groups();
        if let ([], [going], [new]) = (&groups[..], &self.going[..], &self.new[..]) {
            let (from, to) = (&going.address, &new.address);
            return vec![
                Diagnostic::warning(format!(
                    "{to} is made, and {from} destroyed, which is much like it"
                ))
                .detail(format!(
                    "if that is the same {} under another name, it need not go",
                    self.kind.name
                ))
                .hint(format!(
                    "to keep it and rename it: `cloudbuilder state mv {from} {to}`"
                ))
                .at(new.place.clone()),
            ];
        }
        let warnings = groups.into_iter().map(|(going, new)| {
            let made = are(new.iter().map(|one| &one.address));
            let destroyed = are(going.iter().map(|one| &one.address));
            Diagnostic::warning(format!(
                "{made} made, and {destroyed} destroyed, which are just like that"
            ))
            .detail(format!(
                "if they are the same {}s under other names, they need not go",
                self.kind.name
            ))
            .hint("to keep one and rename it: `cloudbuilder state mv OLD NEW`")
            .at(new.first().and_then(|new| new.place.clone()))
        });
        warnings.collect()
    }
}

/// `server.a and server.b are`
fn are<'a>(addresses: impl Iterator<Item = &'a Address>) -> String {
    let addresses: Vec<String> = addresses.map(ToString::to_string).collect();
    match &addresses[..] {
        [one] => format!("{one} is"),
        [rest @ .., last] => format!("{} and {last} are", rest.join(", ")),
        [] => String::new(),
    }
}

/// Where several go and as many come, which is which if they are numbered alike: `web-1` to `web-3`
/// and `app-1` to `app-3`.
fn by_number<'a>(going: &[&'a Recorded], new: &[&'a Desired]) -> Vec<(&'a Recorded, &'a Desired)> {
    let going = going.iter().map(|one| (&one.address, *one));
    let new = new.iter().map(|one| (&one.address, *one));
    let (Some(going), Some(mut new)) = (numbered(going), numbered(new)) else {
        return Vec::new();
    };
    if !going.keys().eq(new.keys()) {
        return Vec::new();
    }
    let pairs = going.into_iter();
    let pairs = pairs.filter_map(|(number, going)| Some((going, new.remove(number)?)));
    pairs.collect()
}

/// By the digits at the ends of their names; `None` if those are not all that tells them apart.
fn numbered<'a, T>(all: impl Iterator<Item = (&'a Address, T)>) -> Option<BTreeMap<&'a str, T>> {
    let mut stem = None;
    let mut numbered = BTreeMap::new();
    for (address, one) in all {
        let name = address.name();
        let before = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let number = name.get(before.len()..)?;
        if number.is_empty() || *stem.get_or_insert(before) != before {
            return None;
        }
        numbered.insert(number, one);
    }
    Some(numbered)
}

/// Whether what is wanted is what the state has in everything but its name.
fn is_same(kind: &Kind, name: &str, recorded: &Recorded, desired: &Desired) -> bool {
    kind.attributes.iter().all(|attribute| {
        let is = recorded.attributes.get(attribute.name);
        let is = is.filter(|value| !value.is_null());
        let compares = match attribute.on_change {
            _ if attribute.name == name => false,
            OnChange::Update | OnChange::Replace | OnChange::MadeFrom | OnChange::CreateOnly => {
                true
            }
            OnChange::Fixed(_) => true,
            OnChange::Identity
            | OnChange::Computed
            | OnChange::Passing(_)
            | OnChange::Manner
            | OnChange::Along(_)
            | OnChange::Late(_)
            | OnChange::Seen
            | OnChange::SeenAs(_)
            | OnChange::Ours => false,
        };
        match desired.attributes.get(attribute.name) {
            _ if !compares => true,
            None => is.is_none_or(is_empty),
            Some(Value::Reference(to)) => recorded.refers_to.contains(&to.address),
            Some(wanted) => match wanted.known() {
                Some(wanted) => match is {
                    Some(is) => is == wanted,
                    None => is_empty(wanted),
                },
                None => false,
            },
        }
    })
}

/// Whether it says no more than nothing does.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(all) => all.is_empty(),
        _ => false,
    }
}
