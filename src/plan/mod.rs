//! Deciding what to do: a pure function of what is desired, observed and recorded.
//!
//! Nothing here awaits, reads a file or a clock, or knows a kind or a provider by name; what is
//! particular to a kind comes from its descriptor in [`crate::resource`]. The same input gives the
//! same plan, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::model::{
    AccountViews, Address, Attributes, Desired, Diagnostic, Observed, Recorded, Reference, Value,
};
use crate::resource::{Facts, KINDS, Kind, is_renewed, references};

mod action;
mod adopt;
mod bind;
mod checksum;
mod decide;
mod diff;
mod drain;
mod drift;
mod estimate;
mod graph;
pub mod guard;
mod orphans;
mod part;
mod rename;
mod replace;
mod stages;
mod steps;
mod words;
mod write_back;

use drain::Drains;

pub use adopt::{Adoption, adopt};
pub use checksum::{Checksum, Moved, Origin, ParseChecksumError};
pub use drift::{Drift, Drifted, Unnamed, drift};
pub use estimate::{Estimate, Means, estimate};
pub use orphans::{Mark, Orphan, Orphans, orphans};
pub use part::{Part, Pattern};
pub use rename::Renamed;
pub use replace::needs_another;

pub use action::{
    Action, Change, Cost, Counts, Kept, Op, Plan, Reason, Refreshed, Step, Unrecorded, Verb,
};

/// Everything a plan depends on.
pub struct Input<'a> {
    /// What cloud.json asks for; nothing, to destroy.
    pub desired: &'a [Desired],
    /// What cloud.json has and does not want any more, and why, in words. It is not in `desired`.
    pub withdrawn: &'a BTreeMap<Address, String>,
    /// What the accounts hold, as far as it matters.
    pub observed: &'a [Observed],
    /// Recorded resources that are not in `observed`, and why.
    pub absent: &'a BTreeMap<Address, Absence>,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// The deployment's identity, once it has one.
    pub lineage: Option<&'a str>,
    /// The accounts, by name.
    pub accounts: &'a AccountViews,
    /// The user's file and what it holds of the attributes that are written back into it; `None`
    /// if it shall not be written.
    pub written: Option<Written<'a>>,
    /// Whether everything is to go.
    pub destroying: bool,
    /// Which part of it is planned.
    pub part: &'a Part,
    /// What another is made for though it need not be.
    pub replace: &'a [Pattern],
    /// What time it is. Nothing is read from a clock here.
    pub now: Timestamp,
    /// Whether to wait until what is replaced can go, and not to leave that to a later run.
    pub drains: bool,
}

/// What the user's file holds of the attributes that are written back.
#[derive(Clone, Copy)]
pub struct Written<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The attribute's value as JSON text, for each resource that has one there.
    pub values: &'a BTreeMap<Address, Arc<str>>,
    /// Whether what the file tells of what is not wanted any more is taken out; otherwise it goes
    /// with what it is about.
    pub keeps_unwanted: bool,
}

/// Why a recorded resource was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The provider says that it does not exist.
    Gone,
    /// The provider says so, but it is so young that this may not be the last word.
    TooYoung,
}

/// Decides what to do.
///
/// # Errors
/// Everything that stands against it, all at once, with the warnings and notes among it.
pub fn plan(input: &Input<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let Some((recorded, renamed)) = rename::renamed(input) else {
        return plan_as_recorded(input, Vec::new());
    };
    let absent = rename::absent(input.absent, &renamed);
    let input = Input {
        recorded: &recorded,
        absent: &absent,
        ..*input
    };
    plan_as_recorded(&input, renamed)
}

/// Decides what to do, with the addresses that the state has; those in `renamed` it has from now on.
fn plan_as_recorded(input: &Input<'_>, mut renamed: Vec<Renamed>) -> Result<Plan, Vec<Diagnostic>> {
    let mut notes = Vec::new();
    everything_missing(input, &mut notes);
    not_offered(input, &mut notes);
    let index = Index::of(input);
    let (bindings, problems) = bind::bind(input, &index);
    let mut replaced = replace::replaced(&index, input, &bindings);
    replaced.extend(replace::asked_for(&index, input, &bindings, &mut notes));
    let (unwanted, reasons) = unmet_conditions(input, &index, &bindings, &replaced);
    let left_out = part::left_out(input, &index, &bindings, (&unwanted, &replaced), &mut notes);
    let planned = |about: Option<&Address>| about.is_none_or(|a| !left_out.addresses.contains(a));
    let problems = problems.into_iter().filter(|(about, _)| planned(*about));
    notes.extend(problems.map(|(_, problem)| problem));
    renamed.retain(|renamed| planned(Some(&renamed.to)));
    rename::tell(input, &renamed, &mut notes);
    rename::warn_of_lookalikes(input, &left_out.addresses, &mut notes);
    tell_unmet(&reasons, &index, &left_out.addresses, &mut notes);
    let sorted = Sorted {
        unwanted: &unwanted,
        replaced: &replaced,
        left_out: &left_out.addresses,
    };
    let none = HashSet::new();
    let of_whole = Sorted {
        left_out: &none,
        ..sorted
    };
    let of_whole = facts(input, &index, &bindings, of_whole);
    let facts = facts(input, &index, &bindings, sorted);
    for kind in KINDS {
        (kind.check)(&facts, &mut notes);
    }
    references::to_nothing(&facts, &mut notes);
    let drains = Drains::of(input, &index, &bindings, sorted);
    let mut decisions = decide::decide(
        input,
        &index,
        &bindings,
        (&facts, &of_whole),
        &drains,
        &mut notes,
    );
    let (changes_left_out, standing) = left_out.take(input, &mut decisions, &mut notes);
    let cost = decide::cost(&decisions, &standing);
    let steps = steps::steps(input, &decisions, &mut notes);
    if notes.iter().any(Diagnostic::is_error) {
        return Err(notes);
    }
    let refreshed = decisions
        .iter()
        .filter_map(|decision| decision.refreshed.clone());
    let refreshed = refreshed.collect();
    let actions = decisions
        .into_iter()
        .chain(standing)
        .map(|decision| decision.action)
        .collect();
    // What is to go may be as it likes.
    let drift = match input.destroying {
        true => Vec::new(),
        false => drift(input.recorded, input.observed, input.absent),
    };
    Ok(Plan {
        actions,
        steps,
        drift,
        providers: providers(input),
        notes,
        cost,
        refreshed,
        renamed,
        estimate: None,
        left_out: changes_left_out,
        checksum: None,
    })
}

/// What is where nothing is to be that cloud.json does not name, whatever stands against a plan that
/// deletes it.
#[must_use]
pub fn unnamed(input: &Input<'_>) -> Vec<Unnamed> {
    let index = Index::of(input);
    let (bindings, _) = bind::bind(input, &index);
    let none = HashSet::new();
    let (unwanted, _) = unmet_conditions(input, &index, &bindings, &none);
    let sorted = Sorted {
        unwanted: &unwanted,
        replaced: &none,
        left_out: &none,
    };
    drift::unnamed(&facts(input, &index, &bindings, sorted))
}

/// What of the wanted can be recognised in the account without changing anything, as the steps
/// that would take it into the state; with what should be known about it. For a state that was
/// lost.
#[must_use]
pub fn recognise(input: &Input<'_>) -> (Vec<Step>, Vec<Diagnostic>) {
    let index = Index::of(input);
    let (bindings, problems) = bind::bind(input, &index);
    // What is recognised is in no state, and so nothing is replaced.
    let none = HashSet::new();
    let (unwanted, reasons) = unmet_conditions(input, &index, &bindings, &none);
    let mut notes: Vec<Diagnostic> = problems.into_iter().map(|(_, problem)| problem).collect();
    tell_unmet(&reasons, &index, &none, &mut notes);
    let sorted = Sorted {
        unwanted: &unwanted,
        replaced: &none,
        left_out: &none,
    };
    let facts = facts(input, &index, &bindings, sorted);
    let mut differences = Vec::new();
    let drains = Drains::of(input, &index, &bindings, sorted);
    let decisions = decide::decide(
        input,
        &index,
        &bindings,
        (&facts, &facts),
        &drains,
        &mut differences,
    );
    let steps = steps::steps(input, &decisions, &mut differences);
    let imports = steps
        .into_iter()
        .filter(|step| matches!(step.op, Op::Import { .. }));
    (imports.collect(), notes)
}

/// What is wanted and what is recorded, as it is looked up again and again.
struct Index<'a> {
    wanted: HashMap<&'a Address, &'a Desired>,
    /// What is wanted, in the order of the kinds, with each kind's place among them.
    by_kind: Vec<(usize, &'static Kind, &'a Desired)>,
    recorded: HashMap<&'a Address, &'a Recorded>,
    /// What is recorded and not wanted, in the order of the addresses.
    leaving: Vec<&'a Recorded>,
}

impl<'a> Index<'a> {
    fn of(input: &Input<'a>) -> Self {
        let all = input.desired.iter();
        let wanted: HashMap<_, _> = all.map(|desired| (&desired.address, desired)).collect();
        let all = input.desired.iter().filter_map(|desired| {
            let (rank, kind) = crate::resource::kind(desired.address.kind())?;
            Some((rank, kind, desired))
        });
        let mut by_kind: Vec<_> = all.collect();
        by_kind.sort_by_key(|&(rank, ..)| rank);
        let all = input.recorded.values();
        Self {
            by_kind,
            leaving: all
                .filter(|recorded| !wanted.contains_key(&recorded.address))
                .collect(),
            recorded: input.recorded.iter().collect(),
            wanted,
        }
    }

    /// What is recorded and no longer wanted, or whose condition is not met any more, in the
    /// order of the addresses.
    fn unwanted(&self, unmet: &HashSet<&'a Address>) -> Vec<&'a Recorded> {
        let mut unwanted = self.leaving.clone();
        if !unmet.is_empty() {
            unwanted.extend(
                unmet
                    .iter()
                    .filter_map(|address| self.recorded.get(address)),
            );
            unwanted.sort_by_key(|recorded| &recorded.address);
        }
        unwanted
    }
}

/// Everything gone at once is a wrong account or a broken API far more often than a fact.
fn everything_missing(input: &Input<'_>, notes: &mut Vec<Diagnostic>) {
    let accounts: BTreeSet<&str> = input
        .recorded
        .values()
        .map(|recorded| recorded.account.as_str())
        .collect();
    for account in accounts {
        all_missing_in(input, account, notes);
    }
}

fn all_missing_in(input: &Input<'_>, account: &str, notes: &mut Vec<Diagnostic>) {
    let recorded = input.recorded.values();
    let recorded: Vec<&Address> = recorded
        .filter(|recorded| recorded.account == account)
        .map(|recorded| &recorded.address)
        .collect();
    let is_gone = |address: &&&Address| input.absent.get(**address) == Some(&Absence::Gone);
    let gone = recorded.iter().filter(is_gone).count();
    // A single one that is gone is no sign of that: a run cut off at its very end leaves just that.
    if gone < 2 || gone < recorded.len() {
        return;
    }
    let some: Vec<String> = recorded.iter().take(3).map(ToString::to_string).collect();
    let more = if gone > some.len() { ", …" } else { "" };
    let rebuild = input
        .lineage
        .map_or_else(String::new, |lineage| format!(" --lineage {lineage}"));
    let place = match input.accounts.len() {
        0 | 1 => "the account".to_owned(),
        _ => format!("the account `{account}`"),
    };
    notes.push(
        Diagnostic::error(format!(
            "none of the {gone} recorded resources is in {place}: {}{more}",
            some.join(", ")
        ))
        .detail("a wrong token, or an API that is out of order, looks just like this")
        .hint(format!(
            "only if somebody really deleted everything: `cloudbuilder state rebuild{rebuild}` \
             starts again from what is there"
        )),
    );
}

fn providers(input: &Input<'_>) -> BTreeMap<String, String> {
    let accounts = input.accounts.iter();
    accounts
        .map(|(name, view)| (name.clone(), view.capabilities.provider.to_owned()))
        .collect()
}

/// What its account's provider does not offer.
fn not_offered(input: &Input<'_>, notes: &mut Vec<Diagnostic>) {
    for desired in input.desired {
        let kind = desired.address.kind();
        let account = input.accounts.get(&desired.account);
        if let Some(account) = account
            && !account.capabilities.kinds.contains(&kind)
        {
            notes.push(
                Diagnostic::error(format!("account `{}` offers no {kind}s", desired.account))
                    .detail(format!("so {} cannot be made there", desired.address))
                    .hint("name another account for it with `provider`")
                    .at(desired.place.clone()),
            );
        }
    }
}

/// What is not met, with those that it is a condition of.
type Unmet<'a> = BTreeMap<&'a Reference, Vec<&'a Desired>>;

/// Wanted resources whose condition is known not to hold: they are treated as not wanted.
fn unmet_conditions<'a>(
    input: &Input<'a>,
    index: &Index<'a>,
    bindings: &bind::Bindings<'a>,
    replaced: &HashSet<&'a Address>,
) -> (HashSet<&'a Address>, Unmet<'a>) {
    let mut unmet = HashSet::new();
    let mut by_condition = Unmet::new();
    for desired in input.desired {
        let Some(condition) = &desired.only_if else {
            continue;
        };
        let bound = bind::observed(input, bindings.at.get(&condition.address));
        let value = match bound.filter(|_| !replaced.contains(&condition.address)) {
            // One that boots does not say yet; what it was made to be does.
            Some(target) => {
                let wanted = index.wanted.get(&condition.address);
                let attribute = &condition.attribute;
                if wanted.is_some_and(|wanted| is_renewed(wanted, target, attribute)) {
                    continue;
                }
                target.attributes.get(&condition.attribute).or_else(|| {
                    let recorded = input.recorded.get(&condition.address)?;
                    recorded.attributes.get(&condition.attribute)
                })
            }
            // It is to be made, and may be known to come without.
            None => index
                .wanted
                .get(&condition.address)
                .and_then(|target| target.known(&condition.attribute)),
        };
        if value == Some(&Json::Null) {
            unmet.insert(&desired.address);
            by_condition.entry(condition).or_default().push(desired);
        }
    }
    (unmet, by_condition)
}

fn tell_unmet(
    unmet: &Unmet<'_>,
    index: &Index<'_>,
    left_out: &HashSet<&Address>,
    notes: &mut Vec<Diagnostic>,
) {
    for (condition, unwanted) in unmet {
        // Nobody needs to be told what he wrote himself.
        let target = index.wanted.get(&condition.address);
        if target.is_some_and(|target| target.places.contains_key(&*condition.attribute)) {
            continue;
        }
        let unwanted = unwanted.iter();
        let unwanted = unwanted.filter(|desired| !left_out.contains(&desired.address));
        let unwanted: Vec<&&Desired> = unwanted.collect();
        if unwanted.is_empty() {
            continue;
        }
        let about = crate::resource::kind(condition.address.kind())
            .and_then(|(_, kind)| kind.attribute(&condition.attribute))
            .map_or(condition.attribute.as_str(), |attribute| attribute.about);
        let labels: Vec<String> = unwanted
            .iter()
            .filter_map(|desired| label(&desired.address, &desired.attributes))
            .collect();
        notes.push(
            Diagnostic::note(format!("{} has no {about}", condition.address.name()))
                .detail(format!("so there will be no {}", labels.join(", ")))
                .at(unwanted.first().and_then(|desired| desired.place.clone())),
        );
    }
}

/// Addresses about which something else is decided than about most.
#[derive(Clone, Copy)]
struct Sorted<'a> {
    /// Those that are not wanted, or not any more.
    unwanted: &'a HashSet<&'a Address>,
    /// Those that another resource is made for.
    replaced: &'a HashSet<&'a Address>,
    /// Those that are not in the part that is planned.
    left_out: &'a HashSet<&'a Address>,
}

fn facts<'a>(
    input: &Input<'a>,
    index: &'a Index<'a>,
    bindings: &'a bind::Bindings<'a>,
    sorted: Sorted<'a>,
) -> Facts<'a> {
    let Sorted {
        unwanted,
        replaced,
        left_out,
    } = sorted;
    Facts {
        desired: input.desired,
        wanted: &index.wanted,
        observed: input.observed,
        accounts: input.accounts,
        recorded: input.recorded,
        bound: &bindings.at,
        unwanted,
        left_out,
        replaced,
        lineage: input.lineage,
    }
}

/// What people call a resource.
fn label(address: &Address, attributes: &Attributes<Value>) -> Option<String> {
    let (_, kind) = crate::resource::kind(address.kind())?;
    Some((kind.label)(address.name(), attributes))
}
