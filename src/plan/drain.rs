//! What is replaced serves on for as long as somebody may remember its address.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use crate::model::{Address, Observed, Recorded};
use crate::resource::{Kind, kind};

use super::Input;

/// For so long a name is remembered of which its provider does not say for how long.
const UNTOLD: u64 = 60 * 60;

/// How long something has to serve on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drain {
    /// How many seconds from the moment at which the last name leads elsewhere, or from now on, if
    /// that was earlier.
    pub(super) seconds: u64,
    /// When that is over, if an earlier run has led the names elsewhere.
    pub(super) until: Option<Timestamp>,
}

/// How long what had the address `had` has to serve on, of which the state says `aside` once it has
/// been set aside; `None` if no name leads to it, or nobody remembers it any more.
pub(super) fn of(
    input: &Input<'_>,
    kind: &Kind,
    had: &Address,
    aside: Option<&Recorded>,
) -> Option<Drain> {
    let told = kind
        .forgotten_at
        .and_then(|name| aside?.text(name)?.parse::<Timestamp>().ok());
    if let Some(until) = told {
        let left = until.duration_since(input.now);
        let seconds = u64::try_from(left.as_secs()).unwrap_or(0);
        return (left > SignedDuration::ZERO).then_some(Drain {
            seconds: seconds.max(1),
            until: Some(until),
        });
    }
    // A name that is to lead nowhere may do so at once.
    let is_wanted = |recorded: &&Recorded| {
        let mut wanted = input.desired.iter();
        wanted.any(|desired| desired.address == recorded.address)
    };
    let names = input.recorded.values();
    let seconds = names
        .filter(|recorded| recorded.refers_to.contains(had))
        .filter(is_wanted)
        .filter_map(|recorded| remembered_for(input, recorded));
    seconds.max().map(|seconds| Drain {
        seconds,
        until: None,
    })
}

/// For how many seconds others remember what something says; `None` if it says nothing to others.
fn remembered_for(input: &Input<'_>, recorded: &Recorded) -> Option<u64> {
    let (_, kind) = kind(recorded.address.kind())?;
    let attribute = kind.remembered_for?;
    let is_it = |seen: &&Observed| {
        seen.kind == kind.name && *seen.account == *recorded.account && seen.id == recorded.id
    };
    let seen = input.observed.iter().find(is_it);
    let seconds = seen.and_then(|seen| seen.attributes.get(attribute)?.as_u64());
    Some(seconds.unwrap_or(UNTOLD))
}

/// Whether the state says already when something is forgotten.
pub(super) fn is_told(kind: &Kind, aside: &Recorded) -> bool {
    let told = kind
        .forgotten_at
        .and_then(|name| aside.attributes.get(name));
    told.is_some_and(Json::is_string)
}
