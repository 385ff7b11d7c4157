use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use crate::model::{Address, Desired, Diagnostic, Observed, Recorded, Value};
use crate::resource::{Kind, OnChange, kind};

use super::{Absence, Index, Input};

/// How an observed resource was recognised that the state does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It carries our mark and the right natural key.
    Mark,
    /// It has the right natural key and nobody's mark.
    Nature,
}

/// Which observed resource is which address.
#[derive(Debug, Default)]
pub(super) struct Bindings<'a> {
    /// The place in `observed`.
    pub(super) at: HashMap<&'a Address, usize>,
    /// How it was recognised, if not by the recorded id.
    pub(super) how: HashMap<&'a Address, How>,
    /// Wanted, recorded, and not visible yet.
    pub(super) unseen: HashSet<&'a Address>,
}

/// Recognises what is there, in a fixed order: by the recorded id, by our mark and the natural
/// key, by the natural key alone. Whatever is not clear is an error: guessing wrong would double
/// a server or take one from somebody else. Each problem comes with what it is about.
pub(super) fn bind<'a>(
    input: &Input<'a>,
    index: &Index<'a>,
) -> (Bindings<'a>, Vec<(Option<&'a Address>, Diagnostic)>) {
    let mut binder = Binder::new(input, index);
    let mut found = Vec::new();
    let mut problems = Vec::new();
    // In the order of the kinds, so that what a natural key refers to is recognised before it.
    for &(_, kind, desired) in &index.by_kind {
        binder.bind(kind, desired, &mut found);
        let about = Some(&desired.address);
        problems.extend(found.drain(..).map(|problem| (about, problem)));
    }
    for recorded in &index.leaving {
        binder.bind_leaving(recorded);
    }
    binder.warn_of_strays(&mut found);
    problems.extend(found.into_iter().map(|problem| (None, problem)));
    (binder.bindings, problems)
}

struct Binder<'b, 'a> {
    input: &'b Input<'a>,
    index: &'b Index<'a>,
    by_id: HashMap<Id<'a>, usize>,
    /// Made once it is needed, which it is not where all is known by its id.
    free: OnceCell<Free<'a>>,
    /// What others took the place of and is not gone yet, by the address that it had.
    aside: HashMap<Address, Vec<&'a Recorded>>,
    bindings: Bindings<'a>,
}

/// Account, kind and id.
type Id<'a> = (&'a str, &'a str, &'a str);

fn id_of(observed: &Observed) -> Id<'_> {
    (&observed.account, observed.kind, &observed.id)
}

fn id_in_state(recorded: &Recorded) -> Id<'_> {
    (&recorded.account, recorded.address.kind(), &recorded.id)
}

/// What is needed to recognise a resource by something else than its id.
struct Free<'a> {
    by_nature: HashMap<(&'a str, &'static str, String), Vec<usize>>,
    /// What the state has under another address is not free to be taken.
    taken: HashMap<Id<'a>, &'a Address>,
}

impl<'a> Free<'a> {
    fn of(input: &Input<'a>) -> Self {
        let recorded = input.recorded.values();
        Self {
            by_nature: by_nature(input.observed),
            taken: recorded
                .map(|record| (id_in_state(record), &record.address))
                .collect(),
        }
    }
}

impl<'b, 'a> Binder<'b, 'a> {
    fn new(input: &'b Input<'a>, index: &'b Index<'a>) -> Self {
        let mut by_id = HashMap::with_capacity(input.observed.len());
        for (at, observed) in input.observed.iter().enumerate() {
            by_id.insert(id_of(observed), at);
        }
        let mut aside: HashMap<Address, Vec<&Recorded>> = HashMap::new();
        for recorded in &index.leaving {
            if let Some((had, _)) = recorded.address.had() {
                aside.entry(had).or_default().push(recorded);
            }
        }
        Self {
            input,
            index,
            by_id,
            free: OnceCell::new(),
            aside,
            bindings: Bindings {
                at: HashMap::with_capacity(input.observed.len()),
                ..Bindings::default()
            },
        }
    }

    fn bind(&mut self, kind: &'static Kind, desired: &'a Desired, problems: &mut Vec<Diagnostic>) {
        let address = &desired.address;
        let recorded = self.index.recorded.get(address).copied();
        let elsewhere = recorded.filter(|recorded| recorded.account != desired.account);
        // What is gone from the other account is not moved: it is made anew in this one.
        let is_gone = self.input.absent.get(address) == Some(&Absence::Gone);
        if let Some(recorded) = elsewhere.filter(|_| !is_gone) {
            problems.push(moved(desired, recorded));
            // It is known, and no stray.
            if let Some(&at) = self.by_id.get(&id_in_state(recorded)) {
                self.bindings.at.insert(address, at);
            }
            return;
        }
        if let Some(recorded) = recorded
            && elsewhere.is_none()
            && self.is_same(kind, desired, recorded)
        {
            if let Some(&at) = self.by_id.get(&id_in_state(recorded)) {
                self.bindings.at.insert(address, at);
                return;
            }
            if self.input.absent.get(address) == Some(&Absence::TooYoung) {
                self.bindings.unseen.insert(address);
                return;
            }
        }
        match self.recognise(kind, desired) {
            Ok(None) => {}
            Ok(Some((at, how))) => {
                self.bindings.at.insert(address, at);
                self.bindings.how.insert(address, how);
            }
            Err(problem) => problems.push(*problem),
        }
    }

    /// What leaves cloud.json is known by its recorded id alone.
    fn bind_leaving(&mut self, recorded: &'a Recorded) {
        let address = &recorded.address;
        if let Some(&at) = self.by_id.get(&id_in_state(recorded)) {
            self.bindings.at.insert(address, at);
        }
    }

    /// Whether the recorded resource is still the one that is meant: a key with another
    /// fingerprint is another key.
    fn is_same(&self, kind: &Kind, desired: &Desired, recorded: &Recorded) -> bool {
        let identity = kind
            .attributes
            .iter()
            .filter(|attribute| attribute.on_change == OnChange::Identity);
        identity.into_iter().all(|attribute| {
            let wanted = desired
                .attributes
                .get(attribute.name)
                .and_then(|v| self.resolve(v));
            let was = recorded.attributes.get(attribute.name);
            wanted.is_none() || was.is_none() || wanted.as_deref() == was
        })
    }

    /// The observed resource with the natural key of `desired`, if there is just one that may be
    /// ours.
    fn recognise(
        &self,
        kind: &'static Kind,
        desired: &Desired,
    ) -> Result<Option<(usize, How)>, Box<Diagnostic>> {
        let wanted = |attribute: &str| {
            desired
                .attributes
                .get(attribute)
                .and_then(|value| self.resolve(value))
        };
        let nature = match nature(kind, wanted) {
            Some(nature) => nature,
            None => return Ok(self.led_there_before(kind, desired)),
        };
        let known = self.free.get_or_init(|| Free::of(self.input));
        let candidates = known
            .by_nature
            .get(&(desired.account.as_str(), kind.name, nature));
        let candidates = candidates.map(Vec::as_slice).unwrap_or_default();
        let free = candidates.iter().copied().filter(|&at| {
            let Some(observed) = self.input.observed.get(at) else {
                return false;
            };
            let holder = known.taken.get(&id_of(observed));
            holder.is_none_or(|&holder| *holder == desired.address)
        });
        if !kind.marked && !kind.may_be_marked {
            // Copies of one thing; which of them is taken does not matter.
            return Ok(free
                .min_by_key(|&at| self.id_of(at))
                .map(|at| (at, How::Nature))
                .or_else(|| self.led_there_before(kind, desired)));
        }
        let (mut ours, mut foreign, mut unmarked) = (Vec::new(), Vec::new(), Vec::new());
        for at in free {
            let owners = self
                .input
                .observed
                .get(at)
                .map(|observed| observed.owners.as_slice());
            match owners.unwrap_or_default() {
                [] => unmarked.push(at),
                owners
                    if owners
                        .iter()
                        .any(|owner| Some(owner.as_str()) == self.input.lineage) =>
                {
                    ours.push(at);
                }
                _ => foreign.push(at),
            }
        }
        if !kind.marked {
            let first = |of: &[usize], how| {
                let first = of.iter().copied().min_by_key(|&at| self.id_of(at));
                first.map(|at| (at, how))
            };
            return Ok(first(&ours, How::Mark)
                .or_else(|| first(&unmarked, How::Nature))
                .or_else(|| self.led_there_before(kind, desired)));
        }
        let address = &desired.address;
        match (ours.as_slice(), foreign.as_slice(), unmarked.as_slice()) {
            ([at], _, _) => Ok(Some((*at, How::Mark))),
            ([], [], []) => Ok(None),
            ([], [at, ..], _) => Err(Box::new(self.foreign(*at, desired))),
            ([], [], [at]) => Ok(Some((*at, How::Nature))),
            ([_, _, ..], _, _) => Err(Box::new(self.ambiguous(&ours, address, desired))),
            ([], [], [_, _, ..]) => Err(Box::new(self.ambiguous(&unmarked, address, desired))),
        }
    }

    /// What says of something that another took the place of what is wanted to be said of that other.
    /// It was right until then, and a run that was cut off did not come to lead it on.
    fn led_there_before(&self, kind: &Kind, desired: &Desired) -> Option<(usize, How)> {
        let known = self.free.get_or_init(|| Free::of(self.input));
        let references = desired.references().map(|to| &to.address);
        let before = references.filter_map(|address| self.aside.get(address));
        let natures = before.flatten().filter_map(|before| {
            let had = before.address.had().map(|(had, _)| had);
            nature(kind, |attribute| {
                desired.attributes.get(attribute)?.resolve(|to| {
                    match Some(&to.address) == had.as_ref() {
                        true => before.attributes.get(&to.attribute),
                        false => self.index.wanted.get(&to.address)?.known(&to.attribute),
                    }
                })
            })
        });
        let candidates = natures.flat_map(|nature| {
            let key = (desired.account.as_str(), kind.name, nature);
            known.by_nature.get(&key).into_iter().flatten().copied()
        });
        let mut free = candidates.filter(|&at| {
            let observed = self.input.observed.get(at);
            observed.is_some_and(|observed| {
                let may_be_ours = !kind.may_be_marked || observed.owners.is_empty();
                may_be_ours && !known.taken.contains_key(&id_of(observed))
            })
        });
        free.next().map(|at| (at, How::Nature))
    }

    fn foreign(&self, at: usize, desired: &Desired) -> Diagnostic {
        let observed = self.input.observed.get(at);
        let id = observed.map_or("", |observed| observed.id.as_str());
        let lineage = observed.and_then(|observed| observed.owners.first());
        let lineage = lineage.map_or("", String::as_str);
        Diagnostic::error(format!("{} belongs to another deployment", desired.address))
            .detail(format!(
                "the account has one with this name, id {id}, marked with the lineage {lineage}"
            ))
            .hint(format!(
                "use another name; or, if it is this deployment's and its state was lost, run \
                 `cloudbuilder state rebuild --lineage {lineage}`"
            ))
            .at(desired.place.clone())
    }

    fn ambiguous(&self, candidates: &[usize], address: &Address, desired: &Desired) -> Diagnostic {
        let ids: Vec<&str> = candidates.iter().map(|&at| self.id_of(at)).collect();
        Diagnostic::error(format!("{address} could be any of {}", ids.len()))
            .detail(format!(
                "the account has several with this name: ids {}",
                ids.join(", ")
            ))
            .hint("delete or rename all but one of them, then run it again")
            .at(desired.place.clone())
    }

    fn id_of(&self, at: usize) -> &str {
        self.input
            .observed
            .get(at)
            .map_or("", |observed| observed.id.as_str())
    }

    /// A value as far as it can be known before anything is done. What a new resource is asked to
    /// have counts as known.
    fn resolve<'v>(&'v self, value: &'v Value) -> Option<Cow<'v, Json>> {
        value.resolve(|reference| {
            let (address, attribute) = (&reference.address, &reference.attribute);
            match self.bindings.at.get(address) {
                Some(&at) => self.input.observed.get(at)?.attributes.get(attribute),
                None => self.index.wanted.get(address)?.known(attribute),
            }
        })
    }

    /// What carries our mark and is neither wanted nor recorded is nobody's business but the
    /// user's, who pays for it.
    fn warn_of_strays(&self, problems: &mut Vec<Diagnostic>) {
        let Some(lineage) = self.input.lineage else {
            return;
        };
        let bound: HashSet<usize> = self.bindings.at.values().copied().collect();
        for (at, observed) in self.input.observed.iter().enumerate() {
            if bound.contains(&at) || !observed.owners.iter().any(|owner| owner == lineage) {
                continue;
            }
            let name = kind(observed.kind)
                .and_then(|(_, kind)| (kind.name_of)(&observed.attributes))
                .unwrap_or_default();
            let cost = observed
                .monthly
                .map(|cost| format!(", {cost} a month"))
                .unwrap_or_default();
            let address = Address::new(observed.kind, &name);
            let twin = self.bindings.at.get(&address).map(|&at| self.id_of(at));
            let detail = match twin {
                Some(id) => format!("the recorded one is {id}; this one is left alone"),
                None => "it is in neither cloud.json nor the state, and is left alone".to_owned(),
            };
            problems.push(
                Diagnostic::warning(format!(
                    "{} {name} ({}) carries this deployment's mark too{cost}",
                    observed.kind, observed.id
                ))
                .detail(detail)
                .hint("delete it by hand if it is not needed"),
            );
        }
    }
}

/// Something would have to be made in another account and deleted in this one, which is more than
/// a change.
fn moved(desired: &Desired, recorded: &Recorded) -> Diagnostic {
    let (address, from, to) = (&desired.address, &recorded.account, &desired.account);
    Diagnostic::error(format!(
        "{address} is in the account `{from}`, not in `{to}`"
    ))
    .detail("this version does not move anything from one account to another")
    .hint(format!(
        "name `{from}` as its `provider`; or take it out of cloud.json, apply, and put it in \
             again, which loses what it holds"
    ))
    .at(desired.place.clone())
}

/// The places of what is observed, by account, kind and natural key.
fn by_nature(observed: &[Observed]) -> HashMap<(&str, &'static str, String), Vec<usize>> {
    let mut by_nature: HashMap<_, Vec<usize>> = HashMap::with_capacity(observed.len());
    for (at, observed) in observed.iter().enumerate() {
        let nature = kind(observed.kind).and_then(|(_, kind)| {
            nature(kind, |attribute| {
                observed.attributes.get(attribute).map(Cow::Borrowed)
            })
        });
        if let Some(nature) = nature {
            by_nature
                .entry((&*observed.account, observed.kind, nature))
                .or_default()
                .push(at);
        }
    }
    by_nature
}

/// The values of the natural key, folded into one text; `None` while one of them is not known.
/// Names are compared without regard to case, as the clouds do.
pub(super) fn nature<'v>(
    kind: &Kind,
    value: impl Fn(&str) -> Option<Cow<'v, Json>>,
) -> Option<String> {
    let mut nature = String::new();
    for attribute in kind.natural_key {
        match value(attribute)?.as_ref() {
            Json::String(text) => nature.push_str(&text.to_ascii_lowercase()),
            Json::Null => return None,
            other => nature.push_str(&other.to_string()),
        }
        nature.push('\u{1f}');
    }
    Some(nature)
}

/// The observed resource at a place, for those who have only the place.
pub(super) fn observed<'a>(input: &Input<'a>, at: Option<&usize>) -> Option<&'a Observed> {
    input.observed.get(*at?)
}
