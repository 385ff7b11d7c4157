use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::model::{Address, Attributes, Diagnostic, Money, Place, Probe, Value};

use crate::resource::kind;

use super::{Checksum, Drift, Estimate, Renamed};

/// What would be done, in the order it would be done, and what that means.
///
/// A plan leaves nothing to decide: apply carries out its steps and never reads cloud.json.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One for each address, for people; also for those that nothing happens to.
    pub actions: Vec<Action>,
    /// One for each effect, numbered from 1 in a possible order of execution.
    pub steps: Vec<Step>,
    /// The type of provider of each account, by the account's name.
    pub providers: BTreeMap<String, String>,
    /// What else should be known: warnings and notes.
    pub notes: Vec<Diagnostic>,
    /// What it costs.
    pub cost: Cost,
    /// What the state does not know yet of resources that are as they should be.
    pub refreshed: Vec<Refreshed>,
    /// What has another address from now on; everything else here is about the new one.
    pub renamed: Vec<Renamed>,
    /// What others changed since it was last applied, whatever is done about it.
    pub drift: Vec<Drift>,
    /// What carrying it out takes, once somebody has asked [`super::estimate()`].
    pub estimate: Option<Estimate>,
    /// How many changes the whole would have besides, if only a part of it was asked for.
    pub left_out: usize,
    /// What tells it from every other plan, once it is known what it was made from.
    pub checksum: Option<Checksum>,
}

/// Attributes that the provider set, or set anew, since the state was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Refreshed {
    /// Whose.
    pub address: Address,
    /// Their values now.
    pub attributes: Attributes,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Nothing: it is as it should be.
    NoOp,
    /// It is made.
    Create,
    /// Another is made, and it is deleted when that serves in its place.
    Replace,
    /// It exists and is taken into the state.
    Import,
    /// It is deleted, and then another is made.
    Recreate,
    /// It is changed in place.
    Update,
    /// It is deleted.
    Delete,
    /// It is dropped from the state and otherwise left alone.
    Forget,
}

impl Verb {
    /// The sign that stands before it in a plan.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::NoOp => "…",
            Self::Create => "+",
            Self::Replace => "+/-",
            Self::Recreate => "-/+",
            Self::Import => "&",
            Self::Update => "~",
            Self::Delete => "-",
            Self::Forget => ".",
        }
    }
}

/// One address's part in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Whose.
    pub address: Address,
    /// The named account it lives in.
    pub account: String,
    /// What is done.
    pub verb: Verb,
    /// Why.
    pub reason: Reason,
    /// The provider's id, if it exists.
    pub id: Option<String>,
    /// Its attributes as observed, or as recorded when it is gone; `None` if it never was.
    pub before: Option<Attributes>,
    /// Its attributes afterwards; `None` if it will not be, or if nothing happens to it: a plan of
    /// which most is a no-op should not copy everything twice.
    pub after: Option<Attributes<Value>>,
    /// The attributes that change in place; of one that is replaced, those that it is replaced for.
    pub changes: Vec<Change>,
    /// What it costs a month before; `None` if that is unknown or nothing.
    pub monthly_before: Option<Money>,
    /// What it costs a month afterwards.
    pub monthly_after: Option<Money>,
    /// Where in the user's file it is asked for.
    pub place: Option<Place>,
}

/// An attribute before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its name.
    pub attribute: String,
    /// As it is.
    pub before: Json,
    /// As it shall be.
    pub after: Value,
}

/// Why an action was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing of the kind is known.
    New,
    /// The state knows it, the account does not: it was deleted outside.
    DeletedOutside,
    /// It exists already and nobody's mark is on it.
    Exists,
    /// It carries our mark and the state does not know it.
    OurMark,
    /// It differs from what was last applied.
    ChangedOutside,
    /// It is as last applied, and something else is wanted now.
    Configured,
    /// cloud.json no longer has it.
    NotConfigured,
    /// No state has it, nobody asked for it, and it goes all the same; the text says why.
    Evicted(String),
    /// cloud.json has it, and does not want it any more; the text says why.
    Withdrawn(String),
    /// cloud.json has it, and what it would lead to does not exist.
    Unmet,
    /// Everything is to go.
    Destroy,
    /// It was created and was not ready yet when it was last seen.
    NotReady,
    /// It differs in what one keeps for as long as it is.
    Differs,
    /// Another one serves in its place.
    Replaced,
    /// Another one serves in its place, and somebody may remember it still.
    Remembered,
    /// An earlier run was cut off while it changed it.
    Unfinished,
    /// It stays where it is because it is not ours to delete; the text says why.
    Kept(String),
    /// It is as it should be.
    UpToDate,
    /// Only a part of the whole is planned, and it is not in it.
    LeftOut,
}

/// One effect, and one saving of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number, from 1; also its place in [`Plan::steps`], plus one.
    pub number: usize,
    /// What is done.
    pub op: Op,
    /// The sign before it.
    pub verb: Verb,
    /// The kind it is listed under: `server`, `file`.
    pub kind: String,
    /// What it is done to, as people call it: `server1.acme.com A`.
    pub label: String,
    /// What is done, in a few words.
    pub detail: String,
    /// By how much it changes what is paid a month; `None` if it does not, or nobody knows how much.
    pub monthly: Option<Money>,
    /// The copy that it makes, which stays and is paid for when all else is done.
    pub kept: Option<Kept>,
    /// What it loses for good: `its disk`.
    pub loses: Option<&'static str>,
    /// Whether what it loses is nothing to be lost unless the user allowed just that.
    pub wipes: bool,
    /// Whether what it is done to cannot be used from here on until its last step is done.
    pub interrupts: bool,
    /// Whether it cannot be taken back.
    pub permanent: bool,
    /// The numbers of the steps that must be done first.
    pub waits_for: Vec<usize>,
    /// The numbers of the steps that must be over first, whatever came of them.
    pub after: Vec<usize>,
}

/// A copy of what goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it costs a month at most; `None` if nobody knows how large it may be.
    pub at_most: Option<Money>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Creates the resource and waits until it is ready.
    Create {
        /// Whose.
        address: Address,
        /// The id of the one that it takes the place of, which is set aside once it is made.
        replaces: Option<String>,
        /// The named account it is made in.
        account: String,
        /// With which attributes; references are resolved when the step starts.
        attributes: Attributes<Value>,
        /// The resources that it refers to.
        refers_to: Vec<Address>,
    },
    /// Takes an existing resource into the state.
    Import {
        /// Whose.
        address: Address,
        /// The named account it lives in.
        account: String,
        /// The provider's id.
        id: String,
        /// What the state shall say of it.
        attributes: Attributes<Value>,
        /// The resources that it refers to.
        refers_to: Vec<Address>,
        /// Whether our mark must be put on it.
        mark: bool,
        /// Whether it was made by this deployment, whose state then lost it.
        ours: bool,
    },
    /// Changes attributes in place.
    Update {
        /// Whose.
        address: Address,
        /// The provider's id.
        id: String,
        /// All attributes as they shall be.
        attributes: Attributes<Value>,
        /// The resources that it refers to.
        refers_to: Vec<Address>,
        /// Those that this step changes.
        changes: Vec<Change>,
    },
    /// Waits for a resource that an earlier run created.
    Await {
        /// Whose.
        address: Address,
        /// The provider's id.
        id: String,
    },
    /// Asks a resource whether it serves, until it does.
    Check {
        /// Whose.
        address: Address,
        /// What is asked.
        probe: Probe,
    },
    /// Waits until nobody remembers what led to the resource.
    Drain {
        /// Whose.
        address: Address,
        /// The provider's id.
        id: String,
        /// How many seconds that takes from now on.
        seconds: u64,
        /// When it is over, if that is known already.
        until: Option<Timestamp>,
        /// Whether to wait for it, and not only to write it down.
        wait: bool,
    },
    /// Deletes the resource and waits until it is gone.
    Delete {
        /// Whose.
        address: Address,
        /// The provider's id.
        id: String,
        /// What no state says of it, if none has it.
        unrecorded: Option<Unrecorded>,
    },
    /// Drops the resource from the state.
    Forget {
        /// Whose.
        address: Address,
    },
    /// Writes an attribute of these resources into the user's file, or takes it out again for
    /// those that are gone by then.
    WriteBack {
        /// Whose.
        addresses: Vec<Address>,
    },
}

/// What a state would say of something that none has.
#[derive(Clone, Debug, PartialEq)]
pub struct Unrecorded {
    /// The named account it lives in.
    pub account: String,
    /// Its attributes, by which it is found.
    pub attributes: Attributes,
}

impl Op {
    /// Whether it is a change that only the state hears of.
    #[must_use]
    pub fn is_for_the_state(&self) -> bool {
        let Self::Update {
            address, changes, ..
        } = self
        else {
            return false;
        };
        let all = |kind| changes.iter().all(|change| change.is_for_the_state(kind));
        !changes.is_empty() && kind(address.kind()).is_some_and(|(_, kind)| all(kind))
    }

    /// The change of what something is attached to, if it is that.
    pub(super) fn attaches(&self) -> Option<&Change> {
        let Self::Update {
            address, changes, ..
        } = self
        else {
            return None;
        };
        let (_, kind) = kind(address.kind())?;
        changes.iter().find(|change| change.attaches(kind))
    }

    /// Whether it takes something from what it is attached to.
    #[must_use]
    pub fn takes_away(&self) -> bool {
        self.attaches()
            .is_some_and(|change| !change.before.is_null())
    }

    /// The resource it is about; a write-back is about a file.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Create { address, .. }
            | Self::Import { address, .. }
            | Self::Update { address, .. }
            | Self::Await { address, .. }
            | Self::Check { address, .. }
            | Self::Drain { address, .. }
            | Self::Delete { address, .. }
            | Self::Forget { address } => Some(address),
            Self::WriteBack { .. } => None,
        }
    }
}

/// What the deployment costs a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Now.
    pub before: Money,
    /// When the plan is carried out.
    pub after: Money,
    /// Resources that cost something, the provider does not say how much.
    pub unknown: Vec<Address>,
}

/// How many resources a plan does what to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken over.
    pub import: usize,
    /// Created.
    pub add: usize,
    /// Updated.
    pub change: usize,
    /// Deleted.
    pub destroy: usize,
    /// Dropped from the state.
    pub forget: usize,
}

impl Plan {
    /// All copies together that it makes and that stay, if it makes any.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        let mut kept = self.steps.iter().filter_map(|step| step.kept).peekable();
        kept.peek()?;
        Some(Kept {
            at_most: kept.map(|kept| kept.at_most).sum(),
        })
    }

    /// Whether there is nothing to do but, perhaps, to write the user's file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step.op, Op::WriteBack { .. }))
    }

    /// Kind and id of what its steps delete.
    fn deleted(&self) -> HashSet<(&str, &str)> {
        let steps = self.steps.iter().filter_map(|step| match &step.op {
            Op::Delete { address, id, .. } => Some((address.kind(), id.as_str())),
            _ => None,
        });
        steps.collect()
    }

    /// How many resources it does what to.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let goes = OnceCell::new();
        for action in &self.actions {
            match action.verb {
                Verb::NoOp => {}
                Verb::Create => counts.add += 1,
                Verb::Replace | Verb::Recreate => {
                    counts.add += 1;
                    counts.destroy += usize::from(deletes_replaced(
                        action,
                        goes.get_or_init(|| self.deleted()),
                    ));
                }
                Verb::Import => {
                    counts.import += 1;
                    counts.change += usize::from(!action.changes.is_empty());
                }
                Verb::Update => counts.change += 1,
                Verb::Delete => counts.destroy += 1,
                Verb::Forget => counts.forget += 1,
            }
        }
        counts
    }
}

/// Whether the one that another is made for goes with these, and not only with a later plan.
fn deletes_replaced(action: &Action, goes: &HashSet<(&str, &str)>) -> bool {
    let id = action.id.as_deref().unwrap_or_default();
    goes.contains(&(action.address.kind(), id))
}
