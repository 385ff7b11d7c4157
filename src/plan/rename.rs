//! What left cloud.json under one name and came under another is the same one: it is kept, and gets
//! the new name, before a disk is lost for it.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Address, Desired, Diagnostic, Observed, Origin, Readiness, Recorded};
use crate::resource::{Attribute, KINDS, Kind, OnChange, readdress};

use super::part::listed;
use super::{Absence, Input};

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

/// What is not there, by the addresses that what was set aside has from now on.
pub(super) fn absent(
    absent: &BTreeMap<Address, Absence>,
    renamed: &[Renamed],
) -> BTreeMap<Address, Absence> {
    let absent = absent.iter().map(|(address, why)| {
        let now = address.had().and_then(|(had, id)| {
            let renamed = renamed.iter().find(|renamed| renamed.from == had)?;
            Some(renamed.to.set_aside(id))
        });
        (now.unwrap_or_else(|| address.clone()), *why)
    });
    absent.collect()
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
    desired: &'a [Desired],
    recorded: &'a BTreeMap<Address, Recorded>,
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
        part.any(|pattern| pattern.is(address))
    };
    let goes = |recorded: &&Recorded| {
        let address = &recorded.address;
        address.kind() == kind.name
            && address.had().is_none()
            && !wanted.contains(address)
            && !input.withdrawn.contains_key(address)
            && !is_meant(address)
            && is_to_be_kept(kind, recorded)
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
    let id_of = |recorded: &&'a Recorded| (recorded.account.as_str(), recorded.id.as_str());
    let leaving: HashSet<(&str, &str)> = going.iter().map(id_of).collect();
    let named: HashSet<(&str, &str)> = seen
        .iter()
        .filter(|seen| !leaving.contains(&(&*seen.account, seen.id.as_str())))
        .filter_map(|seen| Some((&*seen.account, seen.text(name)?)))
        .collect();
    let mut by_likeness: BTreeMap<String, Alike<'a>> = BTreeMap::new();
    for one in going {
        if serves.contains(&(one.account.as_str(), one.id.as_str())) {
            let value = |name: &str| one.attributes.get(name);
            let likeness = likeness(kind, &one.account, value);
            let alike = by_likeness.entry(likeness).or_insert_with(|| Alike {
                desired: input.desired,
                recorded,
                kind,
                name,
                new: Vec::new(),
                going: Vec::new(),
            });
            alike.going.push(one);
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
        let pairs = self.groups().into_iter().filter_map(|(going, new)| {
            let ([going], [new]) = (&going[..], &new[..]) else {
                return None;
            };
            Some(Renamed {
                from: going.address.clone(),
                to: new.address.clone(),
            })
        });
        pairs.collect()
    }

    /// Whether one that goes is one that comes: the same in everything but its name, and for the same.
    fn is_same(&self, going: &Recorded, new: &Desired) -> bool {
        let is_temporary = (self.kind.ends_by).is_some_and(|ends| new.places.contains_key(ends));
        !is_temporary
            && number(&going.address) == number(&new.address)
            && stays_protected(self.kind, going, new)
            && is_same(self.kind, self.name, going, new)
            && self.serves_the_same(&going.address, &new.address)
    }

    /// Whether something that leads to the one, or is attached to it, is to be so with the other; or
    /// nothing is.
    fn serves_the_same(&self, going: &Address, new: &Address) -> bool {
        let had = self.recorded.values();
        let had = had.filter(|recorded| recorded.refers_to.contains(going));
        let had: HashSet<&Address> = had.map(|recorded| &recorded.address).collect();
        let has = self.desired.iter();
        let mut has = has
            .filter(|desired| desired.needs().any(|to| to == new))
            .peekable();
        match has.peek() {
            None => had.is_empty(),
            Some(_) => has.any(|desired| had.contains(&desired.address)),
        }
    }

    /// Those among them that are the same in everything but their names.
    fn groups(&self) -> Vec<(Vec<&'a Recorded>, Vec<&'a Desired>)> {
        let is_same = |going, new| self.is_same(going, new);
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

    /// What to say of those of which nobody knows which is which, and where none is the same.
    fn warnings(&self) -> Vec<Diagnostic> {
        if self.going.is_empty() || self.new.is_empty() {
            return Vec::new();
        }
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
        let (like, groups) = match groups.is_empty() {
            true => (
                "much like that",
                vec![(self.going.clone(), self.new.clone())],
            ),
            false => ("just like that", groups),
        };
        let warnings = groups.into_iter().map(|(going, new)| {
            let made = are(new.iter().map(|one| &one.address));
            let destroyed = are(going.iter().map(|one| &one.address));
            Diagnostic::warning(format!(
                "{made} made, and {destroyed} destroyed, which are {like}"
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
    let are = match addresses.len() {
        1 => "is",
        _ => "are",
    };
    format!("{} {are}", listed(&addresses))
}

/// The digits at the end of a name, which tell those of a range apart; empty, if there are none.
fn number(address: &Address) -> &str {
    let name = address.name();
    let before = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    name.get(before.len()..).unwrap_or_default()
}

/// Whether one that goes may be kept under another name: it is ours to rename, and no earlier run has
/// it serve on only until it can go.
fn is_to_be_kept(kind: &Kind, recorded: &Recorded) -> bool {
    let is_ours = recorded.origin == Origin::Created || kind.loses.is_some();
    let is_told = |name: &str| recorded.attributes.contains_key(name);
    is_ours && !kind.forgotten_at.is_some_and(is_told)
}

/// Whether a new name does not lift what protects it.
fn stays_protected(kind: &Kind, recorded: &Recorded, desired: &Desired) -> bool {
    let on = Some(&Json::Bool(true));
    kind.protected_by
        .is_none_or(|name| recorded.attributes.get(name) != on || desired.known(name) == on)
}

/// Whether what is wanted is what the state has in everything but its name.
fn is_same(kind: &Kind, name: &str, recorded: &Recorded, desired: &Desired) -> bool {
    kind.attributes.iter().all(|attribute| {
        let is_asked_for = matches!(
            attribute.on_change,
            OnChange::Update
                | OnChange::Replace
                | OnChange::MadeFrom
                | OnChange::CreateOnly
                | OnChange::Fixed(_)
        );
        let is_ignored = kind.ignores(|name| desired.known(name), attribute.name);
        if attribute.name == name || !is_asked_for || is_ignored {
            return true;
        }
        let is = recorded.attributes.get(attribute.name);
        match desired.attributes.get(attribute.name) {
            // What the provider chose where nobody asked for anything stays.
            None if matches!(attribute.on_change, OnChange::Fixed(_)) => true,
            None => is.is_none_or(is_empty),
            Some(wanted) => match (wanted.known(), is) {
                (Some(wanted), Some(is)) => is == wanted,
                (Some(wanted), None) => is_empty(wanted),
                // It is made of the same as before.
                (None, _) => {
                    let mut made_of = wanted.references().iter();
                    made_of.all(|to| recorded.refers_to.contains(&to.address))
                }
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
