//! How many requests carrying out a plan takes, and about how long: for people, who want to know
//! whether to wait for it. Nothing is decided by it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{AccountViews, Address, Attributes, Batch, Value};
use crate::resource::kind;

use super::{Change, Op, Step};

/// From a request to its answer. A guess: an API answers within some tenths of a second.
const ANSWER: Duration = Duration::from_millis(500);
/// How long what lingers takes to go once it is deleted. A guess.
const GOING: Duration = Duration::from_secs(5);
/// From when a server is up to when what runs on it answers. A guess.
const STARTING: Duration = Duration::from_secs(15);
/// What is waited for is looked at this often at first, and then less often.
const LOOK: Duration = Duration::from_millis(1_500);
const AT_FIRST: Duration = Duration::from_secs(30);
const LATER_LOOK: Duration = Duration::from_secs(10);
/// Looks may take one in so many of the requests that the provider allows.
const SHARE_OF_LOOKS: u64 = 5;

/// What carrying out a plan takes, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// How many requests are sent.
    pub requests: u64,
    /// How long it takes.
    pub duration: Duration,
}

/// What a plan is carried out with.
pub struct Means<'a> {
    /// The accounts, by name.
    pub accounts: &'a AccountViews,
    /// How many requests are under way at once.
    pub parallelism: usize,
    /// How many requests the provider takes in a minute; `None` where nothing limits them.
    pub a_minute: Option<u64>,
    /// How long so many requests are held back, whatever they are for.
    pub held_back: &'a dyn Fn(u64) -> Duration,
    /// For no longer than this what is replaced serves on.
    pub longest_drain: Duration,
}

impl Means<'_> {
    /// How long a server takes to come up where it takes longest.
    fn boot(&self) -> Duration {
        let boots = self.accounts.values().map(|view| view.capabilities.boot);
        boots.max().unwrap_or_default()
    }

    /// How long a change in place takes after its answer, where it takes longest.
    fn change(&self, address: &Address, changes: &[Change]) -> Duration {
        let takes = self.accounts.values().flat_map(|view| {
            changes.iter().filter_map(|change| {
                let capabilities = view.capabilities;
                capabilities.update(address.kind(), &change.attribute)
            })
        });
        takes.map(|update| update.takes).max().unwrap_or_default()
    }

    /// How many a request lists where it lists fewest.
    fn page(&self) -> u64 {
        let pages = self.accounts.values().map(|view| view.capabilities.page);
        pages.min().unwrap_or(1).max(1)
    }
}

/// What these steps take, which must be all of a plan's.
#[must_use]
pub fn estimate(steps: &[Step], means: &Means<'_>) -> Estimate {
    let work = requests(steps, means);
    let longest = longest_chain(steps, means);
    let looks = looks(steps, means, longest.max((means.held_back)(work)));
    let requests = work + looks;
    // However many there are, they go side by side.
    let rounds = work.div_ceil(means.parallelism.max(1) as u64);
    let sending = ANSWER.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
    let duration = longest.max(sending).max((means.held_back)(requests));
    Estimate { requests, duration }
}

/// The requests that do something: what can be created together counts as one.
fn requests(steps: &[Step], means: &Means<'_>) -> u64 {
    let mut single = 0;
    let mut together: BTreeMap<(&str, String), (usize, u64)> = BTreeMap::new();
    for step in steps {
        let batch = match &step.op {
            Op::Create {
                address, account, ..
            } => means
                .accounts
                .get(account)
                .and_then(|account| account.capabilities.batch(address.kind())),
            _ => None,
        };
        match (&step.op, batch) {
            (
                Op::Create {
                    account,
                    attributes,
                    ..
                },
                Some(batch),
            ) => {
                let alike = (batch.kind, alike(batch, account, attributes));
                together.entry(alike).or_insert((batch.most, 0)).1 += 1;
            }
            // The mark is made, then put on.
            (Op::Import { mark: true, .. }, _) => single += 2,
            (op, _) if op.is_for_the_state() => {}
            // It is looked at before it is changed, where that takes its time.
            (
                Op::Update {
                    address, changes, ..
                },
                _,
            ) if !means.change(address, changes).is_zero() => single += 2,
            (Op::Create { .. } | Op::Update { .. } | Op::Delete { .. }, _) => single += 1,
            (
                Op::Import { .. }
                | Op::Await { .. }
                | Op::Check { .. }
                | Op::Drain { .. }
                | Op::Forget { .. }
                | Op::WriteBack { .. },
                _,
            ) => {}
        }
    }
    let batches = together.values();
    let batches = batches.map(|(most, number)| number.div_ceil((*most).max(1) as u64));
    single + batches.sum::<u64>()
}

/// What is the same for all that go into one request.
fn alike(batch: &Batch, account: &str, attributes: &Attributes<Value>) -> String {
    let others: Vec<_> = batch.others(attributes).collect();
    format!("{account} {others:?}")
}

/// The requests that look at what boots, a page at a time, and at what goes, one by one.
fn looks(steps: &[Step], means: &Means<'_>, within: Duration) -> u64 {
    let (mut booting, mut going, mut changing) = (0_u64, 0_u64, 0_u64);
    for step in steps {
        match &step.op {
            Op::Create { address, .. } | Op::Await { address, .. } if lingers(address) => {
                booting += 1;
            }
            Op::Delete { address, .. } if lingers(address) => going += 1,
            Op::Update {
                address, changes, ..
            } => match means.change(address, changes) {
                Duration::ZERO => {}
                // What came of it is asked for by itself once.
                takes => changing += times(takes) + 1,
            },
            _ => {}
        }
    }
    let pages = booting.div_ceil(means.page());
    let all = pages * times(means.boot()) + going * times(GOING) + changing;
    let minutes = within.as_secs().div_ceil(60).max(1);
    means
        .a_minute
        .map_or(all, |most| all.min(minutes * most / SHARE_OF_LOOKS))
}

/// How often one looks in so long.
fn times(wait: Duration) -> u64 {
    let often = wait.min(AT_FIRST).as_millis().div_ceil(LOOK.as_millis());
    let later = wait.saturating_sub(AT_FIRST).as_millis();
    let times = often + later.div_ceil(LATER_LOOK.as_millis());
    u64::try_from(times).unwrap_or(u64::MAX)
}

/// How long the longest chain of steps takes of which each waits for the one before.
fn longest_chain(steps: &[Step], means: &Means<'_>) -> Duration {
    let mut ends: Vec<Duration> = Vec::with_capacity(steps.len());
    for step in steps {
        // A step waits only for those with lower numbers.
        let before = step.waits_for.iter().chain(&step.after);
        let before = before.filter_map(|number| ends.get(number.checked_sub(1)?));
        let begin = before.max().copied().unwrap_or_default();
        ends.push(begin + takes(&step.op, means));
    }
    ends.into_iter().max().unwrap_or_default()
}

fn takes(op: &Op, means: &Means<'_>) -> Duration {
    match op {
        Op::Create { address, .. } if lingers(address) => ANSWER + means.boot(),
        Op::Delete { address, .. } if lingers(address) => ANSWER + GOING,
        Op::Await { .. } => means.boot(),
        Op::Check { .. } => STARTING,
        Op::Update {
            address, changes, ..
        } => ANSWER + means.change(address, changes),
        Op::Import { mark: true, .. } => 2 * ANSWER,
        Op::Drain {
            seconds,
            wait: true,
            ..
        } => Duration::from_secs(*seconds).min(means.longest_drain),
        Op::Create { .. } | Op::Delete { .. } => ANSWER,
        Op::Import { .. } | Op::Drain { .. } | Op::Forget { .. } | Op::WriteBack { .. } => {
            Duration::ZERO
        }
    }
}

fn lingers(address: &Address) -> bool {
    kind(address.kind()).is_some_and(|(_, kind)| kind.lingers)
}

#[cfg(test)]
mod tests;
