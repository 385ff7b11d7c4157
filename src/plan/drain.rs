//! What is replaced, or goes or is attached to something else while its names are led elsewhere, serves
//! on for as long as somebody may remember its address.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use crate::model::{Address, Attributes, Desired, Observed, Recorded};
use crate::resource::{Kind, OnChange, is_renewed, kind, texts_of};

use super::bind::{Bindings, observed};
use super::{Index, Input, Sorted};

/// For so long a name is remembered of which its provider does not say for how long.
const UNTOLD: u64 = 60 * 60;
/// No name is remembered for longer: more is a slip, and a week is the most that RFC 1912 (2.2)
/// finds sensible.
const LONGEST: u64 = 7 * 24 * 60 * 60;

/// How long something has to serve on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drain {
    /// How many seconds from the moment at which the last name leads elsewhere, or from now on, if
    /// that was earlier.
    pub(super) seconds: u64,
    /// When that is over, if an earlier run has led the names elsewhere.
    pub(super) until: Option<Timestamp>,
    /// Whether something leads there still that is to lead elsewhere.
    pub(super) is_led_to: bool,
}

/// For how long others remember what leads to each address that another resource has taken the place
/// at, or is to take it, to each that is to go, and to each that is to be attached to something else.
pub(super) struct Drains<'i, 'a> {
    input: &'i Input<'a>,
    seconds: HashMap<Address, u64>,
}

impl<'i, 'a> Drains<'i, 'a> {
    /// Looks at all that leads there: as the state has it, and as the accounts do.
    pub(super) fn of(
        input: &'i Input<'a>,
        index: &Index<'a>,
        bindings: &Bindings<'a>,
        sorted: Sorted<'_>,
    ) -> Self {
        let replaced = sorted.replaced;
        let mut drains = Self {
            input,
            seconds: HashMap::new(),
        };
        let aside = index.leaving.iter().filter_map(|recorded| {
            let (had, _) = recorded.address.had()?;
            Some((had, &recorded.address, &recorded.attributes))
        });
        let as_is = replaced.iter().filter_map(|&address| {
            let found = observed(input, bindings.at.get(address))?;
            Some((address.clone(), address, &found.attributes))
        });
        // What nothing takes the place of may have given its names to something else.
        let goes = index.leaving.iter().copied();
        let goes = goes.filter(|recorded| recorded.address.had().is_none());
        let moves = input.recorded.values();
        let moves = moves.filter(|recorded| is_to_move(index, replaced, recorded));
        let goes = goes.chain(moves).filter(|recorded| {
            let known = kind(recorded.address.kind());
            let drains = known.is_some_and(|(_, kind)| kind.forgotten_at.is_some());
            drains && !is_replaced_where_it_is(input, index, bindings, recorded)
        });
        let goes: BTreeMap<&Address, &Attributes> = goes
            .map(|recorded| (&recorded.address, &recorded.attributes))
            .collect();
        let own = goes.iter();
        let own = own.map(|(&address, &attributes)| (address.clone(), address, attributes));
        let all: Vec<(Address, &Address, &Attributes)> = aside.chain(as_is).chain(own).collect();
        if all.is_empty() {
            return drains;
        }
        let mut leads_to: HashMap<&str, &Address> = HashMap::new();
        for (had, address, attributes) in &all {
            let texts = texts_of(address.kind(), attributes, OnChange::Computed);
            leads_to.extend(texts.map(|text| (text, had)));
        }
        let hads: HashSet<&Address> = all.iter().map(|(had, ..)| had).collect();
        // A name that is to lead nowhere may do so at once.
        for (address, &at) in &bindings.at {
            let Some(seen) = observed(input, Some(&at)) else {
                continue;
            };
            let wanted = index.wanted.get(address).copied();
            let wanted = wanted.filter(|_| !sorted.unwanted.contains(address));
            let (Some(seconds), Some(wanted)) = (remembered_for(seen), wanted) else {
                continue;
            };
            let recorded = index.recorded.get(address);
            let refers_to = recorded.into_iter().flat_map(|one| &one.refers_to);
            let refers_to = refers_to.filter(|one| hads.contains(one));
            let texts = texts_of(address.kind(), &seen.attributes, OnChange::Update);
            let leads = texts.filter_map(|text| leads_to.get(text).copied());
            // What a name goes on leading to moves with it, or is given back all the same.
            let stays = |had: &Address| goes.contains_key(had) && leads_on(wanted, had, &leads_to);
            for had in refers_to.chain(leads).filter(|had| !stays(had)) {
                let longest = drains.seconds.entry(had.clone()).or_default();
                *longest = seconds.max(*longest);
            }
        }
        drains
    }

    /// How long what had the address `had` has to serve on, of which the state says `aside` once it
    /// has been set aside; `None` if no name leads to it, or nobody remembers it any more.
    pub(super) fn get(
        &self,
        kind: &Kind,
        had: &Address,
        (account, aside): (&str, Option<&Recorded>),
    ) -> Option<Drain> {
        let told = kind
            .forgotten_at
            .and_then(|name| aside?.text(name)?.parse::<Timestamp>().ok());
        let now_on = self.seconds.get(had).map(|&seconds| Drain {
            seconds,
            until: None,
            is_led_to: true,
        });
        let Some(until) = told else {
            return now_on;
        };
        // Of what was set aside it is known already; names that led there lead to what it made way for.
        let now_on = now_on.filter(|_| aside.is_some_and(|one| one.address == *had));
        // It was written down by that clock.
        let view = self.input.accounts.get(account);
        let now = view.and_then(|view| view.clock).unwrap_or(self.input.now);
        let left = until.duration_since(now);
        let seconds = u64::try_from(left.as_secs()).unwrap_or(0);
        let told = (left > SignedDuration::ZERO).then_some(Drain {
            seconds: seconds.clamp(1, LONGEST),
            until: Some(until),
            is_led_to: now_on.is_some(),
        });
        // Of several names some may have been led elsewhere.
        match (told, now_on) {
            (Some(told), Some(now_on)) if now_on.seconds > told.seconds => Some(now_on),
            (told, now_on) => told.or(now_on),
        }
    }
}

/// Whether something is wanted and attached to something else than it is to be.
fn is_to_move(index: &Index<'_>, replaced: &HashSet<&Address>, recorded: &Recorded) -> bool {
    let Some((_, kind)) = kind(recorded.address.kind()) else {
        return false;
    };
    let wanted = index.wanted.get(&recorded.address);
    let wanted = wanted
        .zip(kind.attached_by)
        .and_then(|(wanted, by)| wanted.attributes.get(by));
    wanted.is_some_and(|wanted| {
        let mut to = wanted.references().iter().map(|to| &to.address).peekable();
        let goes_nowhere = to.peek().is_none() && !recorded.refers_to.is_empty();
        goes_nowhere || to.any(|to| !recorded.refers_to.contains(to) || replaced.contains(to))
    })
}

/// Whether what something is attached to gets another address in its place: nobody finds it there
/// from then on, whatever they remember.
fn is_replaced_where_it_is(
    input: &Input<'_>,
    index: &Index<'_>,
    bindings: &Bindings<'_>,
    recorded: &Recorded,
) -> bool {
    let (_, attached) = kind(recorded.address.kind()).unzip();
    let is_attached = attached.is_some_and(|kind| kind.attached_by.is_some());
    is_attached
        && recorded.refers_to.iter().any(|to| {
            let is = observed(input, bindings.at.get(to));
            let computed = kind(to.kind()).map(|(_, kind)| kind.attributes);
            let computed = computed.into_iter().flatten();
            let mut computed = computed.filter(|one| one.on_change == OnChange::Computed);
            index.wanted.get(to).zip(is).is_some_and(|(wanted, is)| {
                computed.any(|attribute| is_renewed(wanted, is, attribute.name))
            })
        })
}

/// Whether a name shall lead where it leads.
fn leads_on(wanted: &Desired, to: &Address, leads_to: &HashMap<&str, &Address>) -> bool {
    let mut texts = wanted.attributes.iter().filter_map(|(_, value)| {
        let text = value.known().and_then(Json::as_str)?;
        leads_to.get(text).copied()
    });
    wanted.needs().any(|one| one == to) || texts.any(|one| one == to)
}

/// For how many seconds others remember what something says; `None` if it says nothing to others.
fn remembered_for(seen: &Observed) -> Option<u64> {
    let (_, kind) = kind(seen.kind)?;
    let seconds = seen.attributes.get(kind.remembered_for?);
    let seconds = seconds.and_then(Json::as_u64);
    Some(seconds.unwrap_or(UNTOLD).min(LONGEST))
}
