use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::model::{Address, Attributes, Observed, Readiness};
use crate::plan::Op;
use crate::provider::{Class, Error, Read, Readers, Target};
use crate::resource::kind;

/// Something that was asked for and has not come about yet.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) step: usize,
    pub(super) account: String,
    pub(super) address: Address,
    pub(super) id: String,
    /// What finds it.
    pub(super) attributes: Attributes,
    pub(super) until: Until,
    /// The number of the intent that is settled by its coming about, if it is settled by that.
    pub(super) intent: Option<u64>,
    /// What it is to become, and the attributes that were sent.
    pub(super) becoming: Option<Arc<(Op, Attributes)>>,
    pub(super) deadline: Instant,
    /// Since when nothing is seen to be under way, and it is not what it was to become either.
    pub(super) idle: Option<Instant>,
    /// How long it may be so: what is seen may be old.
    pub(super) patience: Duration,
    /// Until then it may merely be invisible still.
    pub(super) settled: Instant,
}

impl Waiting {
    /// Whether it is what it was to become.
    pub(super) fn shows(&self, observed: &Observed) -> bool {
        self.becoming.as_deref().is_none_or(|(op, sent)| match op {
            Op::Update {
                address, changes, ..
            } => changes.iter().all(|change| {
                let name = change.attribute.as_str();
                let (is, wanted) = (&observed.attributes, sent.get(name));
                let also = |wanted| {
                    kind(address.kind()).is_some_and(|(_, kind)| kind.shows(name, wanted, is))
                };
                is.get(name) == wanted || wanted.is_some_and(also)
            }),
            _ => true,
        })
    }

    /// Takes note of whether something is seen to be under way.
    pub(super) fn note(&mut self, sight: &Sight) {
        self.idle = match sight {
            Sight::Ready(observed) if !self.shows(observed) => {
                self.idle.or_else(|| Some(Instant::now()))
            }
            _ => None,
        };
    }

    /// Whether it came to nothing.
    pub(super) fn came_to_nothing(&self) -> bool {
        let idle = self.idle;
        idle.is_some_and(|since| since.elapsed() >= self.patience)
    }

    fn target(&self) -> Target<'_> {
        Target {
            kind: self.address.kind(),
            id: &self.id,
            attributes: &self.attributes,
            coming: self.until == Until::Ready,
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// That it can be used.
    Ready,
    /// That it is as it was asked to become.
    Changed,
    /// That it is no more.
    Gone,
}

/// What a look at one of them showed.
pub(super) enum Sight {
    /// It can be used.
    Ready(Box<Observed>),
    /// It is no more.
    Gone,
    /// It is there, and a change of it goes on when it is asked for once more; why, in words.
    Paused(Box<Observed>, String),
    /// It will never be ready.
    Failed(String),
    /// It should have come and does not exist.
    Lost,
    /// Nothing new.
    NotYet,
}

/// How many things are asked for singly at the same time.
const AT_ONCE: usize = 8;

/// What a look at everything showed.
#[derive(Default)]
pub(super) struct Looked {
    /// By the number of the step.
    pub(super) sights: Vec<(usize, Sight)>,
    /// The accounts that could not be looked at, and why.
    pub(super) failed: Vec<(String, Error)>,
}

/// Looks at everything that is waited for, in as few requests as the providers need.
pub(super) async fn look(readers: Readers, waiting: Vec<Waiting>, mark: String) -> Looked {
    let accounts: BTreeSet<&str> = waiting.iter().map(|waiting| &*waiting.account).collect();
    // Beside each other: one that has to wait holds up no other.
    let looks = accounts.into_iter().map(async |account| {
        let of_account = waiting.iter();
        let of_account: Vec<&Waiting> = of_account
            .filter(|waiting| waiting.account == account)
            .collect();
        let sights = match readers.of(account) {
            Ok(read) => look_in(read, &of_account, &mark).await,
            Err(error) => Err(error),
        };
        (account, sights)
    });
    let mut looked = Looked::default();
    for (account, sights) in join_all(looks).await {
        match sights {
            Ok(sights) => looked.sights.extend(sights),
            Err(error) => {
                let error = readers.naming(account, error);
                looked.failed.push((account.to_owned(), error));
            }
        }
    }
    looked
}

/// The same in one account. Gives the number of each step with what was seen.
async fn look_in(
    read: &dyn Read,
    waiting: &[&Waiting],
    mark: &str,
) -> Result<Vec<(usize, Sight)>, Error> {
    let mut sights = Vec::with_capacity(waiting.len());
    let mut missing = Vec::new();
    let (coming, going): (Vec<&Waiting>, Vec<&Waiting>) = waiting
        .iter()
        .copied()
        .partition(|waiting| waiting.until != Until::Gone);
    let kinds: BTreeSet<&str> = coming
        .iter()
        .map(|waiting| waiting.address.kind())
        .collect();
    for kind in kinds {
        let of_kind = || {
            coming
                .iter()
                .filter(|waiting| waiting.address.kind() == kind)
        };
        let targets: Vec<Target<'_>> = of_kind().map(|waiting| waiting.target()).collect();
        let seen = read.look(kind, &targets, mark).await?;
        let seen: HashMap<&str, &Observed> = seen
            .iter()
            .map(|observed| (observed.id.as_str(), observed))
            .collect();
        let now = Instant::now();
        for waiting in of_kind() {
            match seen.get(waiting.id.as_str()) {
                Some(observed) => sights.push((waiting.step, sight(observed))),
                None if waiting.settled <= now => missing.push(waiting),
                None => sights.push((waiting.step, Sight::NotYet)),
            }
        }
    }
    // Only a direct question proves that something is gone.
    for some in missing.chunks(AT_ONCE) {
        let questions = some.iter().map(|waiting| read.get(waiting.target()));
        for (waiting, found) in some.iter().zip(join_all(questions).await) {
            let found = or_not_yet(found)?;
            let sight = match found {
                None => Sight::NotYet,
                Some(None) => Sight::Lost,
                // It is there, and what it lacks to be of use is seen to by whoever looks at it.
                Some(Some(observed)) => match sight(&observed) {
                    Sight::Failed(why) => Sight::Failed(why),
                    _ => Sight::NotYet,
                },
            };
            sights.push((waiting.step, sight));
        }
    }
    for some in going.chunks(AT_ONCE) {
        let questions = some.iter().map(|waiting| read.get(waiting.target()));
        for (waiting, found) in some.iter().zip(join_all(questions).await) {
            let gone = or_not_yet(found)?.is_some_and(|found| found.is_none());
            let sight = if gone { Sight::Gone } else { Sight::NotYet };
            sights.push((waiting.step, sight));
        }
    }
    Ok(sights)
}

fn sight(observed: &Observed) -> Sight {
    match &observed.readiness {
        Readiness::Ready => Sight::Ready(Box::new(observed.clone())),
        Readiness::Pending(_) => Sight::NotYet,
        Readiness::Paused { why, .. } => Sight::Paused(Box::new(observed.clone()), why.clone()),
        Readiness::Failed(why) => Sight::Failed(why.clone()),
    }
}

/// One answer that did not come is no reason to give up on anything: there will be another look.
fn or_not_yet<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if may_pass(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether looking again may help: not if the token is not accepted any more.
pub(super) fn may_pass(error: &Error) -> bool {
    error.class != Class::Unauthorized
}

/// When to look: soon at first, every second for half a minute, then less and less often; and
/// never so often that looking takes more than its share of the requests that may be sent.
#[derive(Debug)]
pub(super) struct Pace {
    first: Duration,
    began: Instant,
    next: Duration,
}

/// The part of a minute's requests that looking may take.
const SHARE: u64 = 5;

impl Pace {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            first,
            began: Instant::now(),
            next: first,
        }
    }

    /// Something new is waited for: look soon again.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.first);
    }

    /// How long to wait for the next look, if each takes so many requests of so many a minute.
    pub(super) fn pause(&mut self, requests: u64, a_minute: Option<u64>) -> Duration {
        let waited = self.began.elapsed();
        let longest = if waited < Duration::from_secs(30) {
            Duration::from_secs(1)
        } else {
            (waited / 15).min(Duration::from_secs(10))
        };
        let pause = self.next.min(longest);
        self.next = self.next.mul_f64(1.6).min(longest);
        let share = a_minute.map(|a_minute| {
            let looks = (a_minute / SHARE).max(1);
            let requests = u32::try_from(requests).unwrap_or(u32::MAX);
            Duration::from_secs(60).saturating_mul(requests) / u32::try_from(looks).unwrap_or(1)
        });
        pause.max(share.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks a wait of so long takes.
    async fn looks(seconds: u64, requests: u64, a_minute: Option<u64>) -> u64 {
        let mut pace = Pace::new(Duration::from_millis(200));
        let mut looks = 0;
        while pace.began.elapsed() < Duration::from_secs(seconds) {
            let pause = pace.pause(requests, a_minute);
            tokio::time::sleep(pause).await;
            looks += 1;
        }
        looks
    }

    #[tokio::test(start_paused = true)]
    async fn looks_come_further_apart() {
        let half = looks(30, 1, None).await;
        let whole = looks(60, 1, None).await;
        assert!((30..36).contains(&half), "{half} looks in half a minute");
        assert!((40..50).contains(&whole), "{whole} looks in a minute");
        let more = looks(660, 1, None).await - looks(600, 1, None).await;
        assert_eq!(more, 6, "looks in the eleventh minute");
    }

    #[tokio::test(start_paused = true)]
    async fn looking_takes_a_fifth_of_the_limit_at_most() {
        for pages in [1, 2, 5, 50, 500] {
            let asked = looks(600, pages, Some(250)).await * pages;
            assert!(asked <= 10 * 50 + pages, "{asked} requests, {pages} a look");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn something_new_is_looked_at_soon() {
        let mut pace = Pace::new(Duration::from_millis(200));
        tokio::time::sleep(Duration::from_secs(600)).await;
        pace.pause(1, None);
        pace.restart();
        assert_eq!(pace.pause(1, None), Duration::from_millis(200));
    }
}
