//! Looking for what may have been made by a request whose answer is not known.
//!
//! Absence can only be believed after a while: what was made may not be visible yet. So something
//! counts as never made after at least three looks over at least the settling time, or over what
//! its provider asks for if that is longer; the first look that shows it ends the search.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::{Error, Readers};
use crate::resource::{OnChange, kind};
use crate::state::{Intent, State};

/// Absence is believed after so many looks.
const LOOKS: u32 = 3;
/// The pauses between looks double, from this part of the settling time on.
const FIRST_PART: u32 = 16;
/// They begin no shorter than as if this part of the longest were the settling time.
const LEAST_PART: u32 = 64;
/// How often they double: then the longest is over in any case.
const MOST_DOUBLED: u32 = 11;
/// How much earlier than the request something may seem to have been made that it made: requests
/// wait, and the provider's clocks need not agree among themselves.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// When to look for something, and whether it is time to give up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    since: Instant,
    /// What the looks are spread over at first, so that what shows soon is seen soon.
    settle: Duration,
    /// How long it may take to be visible.
    longest: Duration,
    looks: u32,
    not_before: Instant,
}

/// How long to wait, at least, before a look is taken again that could not be taken.
const AFTER_A_MISS: Duration = Duration::from_millis(250);

impl Search {
    /// A search that begins now, for something that is visible within `settle`, or within what
    /// its provider asks for.
    pub(super) fn new(settle: Duration, asked_for: Duration) -> Self {
        let now = Instant::now();
        Self {
            since: now,
            settle,
            longest: settle.max(asked_for),
            looks: 0,
            not_before: now,
        }
    }

    /// When the next look is due.
    pub(super) fn next_look(&self) -> Instant {
        let sixteenths = (1_u32 << self.looks.min(MOST_DOUBLED)) - 1;
        // Where little or nothing is to settle, a part of what is asked for, or they never pause.
        let base = self.settle.max(self.longest / LEAST_PART);
        let early = base.saturating_mul(sixteenths) / FIRST_PART;
        // The look that decides comes after the whole time.
        (self.since + early.min(self.longest)).max(self.not_before)
    }

    /// A look that began then did not show it. Says whether it was never made.
    pub(super) fn saw_nothing(&mut self, began: Instant) -> bool {
        self.looks += 1;
        self.looks >= LOOKS && began.duration_since(self.since) >= self.longest
    }

    /// Only something else is still looked for, and its provider asks for this.
    pub(super) fn narrow(&mut self, asked_for: Duration) {
        self.longest = self.settle.max(asked_for);
    }

    /// How long it is looked for at most.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// A look could not be taken, which says nothing.
    pub(super) fn missed(&mut self) {
        let pause = (self.settle / FIRST_PART).max(AFTER_A_MISS);
        self.not_before = Instant::now() + pause;
    }

    /// Whether it should have been over for so long.
    pub(super) fn is_overdue(&self, by: Duration) -> bool {
        self.since.elapsed() >= self.longest + by
    }
}

/// How long the provider of something asks to look for it before its absence is believed.
pub(super) fn asked_for(readers: &Readers, intent: &Intent) -> Duration {
    let read = readers.of(&intent.account).ok();
    read.map_or(Duration::ZERO, |read| read.settling(intent.address.kind()))
}

/// What is there that an intent to create could have made, by its number.
pub(super) type Candidates = BTreeMap<u64, Vec<Observed>>;

/// What kept an account from being looked at, the last of it, by the account's name.
pub(super) type Failures = BTreeMap<String, Error>;

/// Looks once for what these intents were to create, in as few requests as the provider needs.
/// What one kind or account shows is not lost because another cannot be looked at.
pub(super) async fn look_for(
    readers: &Readers,
    intents: &[Intent],
    mark: &str,
) -> (Candidates, Failures) {
    let mut candidates = Candidates::new();
    let mut failed = Failures::new();
    let mut groups: BTreeMap<(&str, &str), Vec<&Intent>> = BTreeMap::new();
    for intent in intents {
        let group = (intent.account.as_str(), intent.address.kind());
        groups.entry(group).or_default().push(intent);
    }
    let looks = groups.into_iter().map(async |((account, kind), intents)| {
        let wanted: Vec<&Attributes> = intents.iter().map(|intent| &intent.attributes).collect();
        let found = match readers.of(account) {
            Ok(read) => read.find(kind, &wanted, mark).await,
            Err(error) => Err(error),
        };
        (account, intents, found)
    });
    for (account, intents, found) in join_all(looks).await {
        match found {
            Ok(found) => {
                let numbers = intents.iter().map(|intent| intent.number);
                candidates.extend(numbers.zip(found));
            }
            Err(error) => {
                failed.insert(account.to_owned(), readers.naming(account, error));
            }
        }
    }
    (candidates, failed)
}

/// What is recorded already and was not made by `intent`. What is recorded at its own address may
/// be: a name that serves as an id, which is to be made again, is the same as before; but not what
/// `intent` makes another for. What is recorded in another account is another thing, and may have the
/// same name there.
pub(super) fn taken<'a>(state: &'a State, intent: &Intent) -> impl Fn(&Observed) -> bool + 'a {
    let (address, account) = (intent.address.clone(), intent.account.clone());
    let replaced = intent.id.clone();
    move |found| {
        state.resources.values().any(|recorded| {
            (recorded.address != address || replaced.as_ref() == Some(&recorded.id))
                && recorded.account == account
                && recorded.address.kind() == found.kind
                && recorded.id == found.id
        })
    }
}

/// Whether things of the kind that an intent is about can carry our mark.
pub(super) fn is_markable(intent: &Intent) -> bool {
    kind(intent.address.kind()).is_some_and(|(_, kind)| kind.marked)
}

/// Which of the candidates an intent made.
#[derive(Debug, PartialEq)]
pub(super) enum Choice {
    /// None that can be seen.
    Nothing,
    /// This one.
    One(Box<Observed>),
    /// One of these, and nothing tells which: their ids.
    Unclear(Vec<String>),
    /// Something is on its way, and does not tell yet whether it is this.
    Coming,
}

/// Whether something is on its way and does not tell yet what it comes to be attached to. Where that
/// is what tells one from another, it may be what was asked for.
pub(super) fn is_coming(found: &Observed, wanted: &Attributes) -> bool {
    let by = kind(found.kind).and_then(|(_, kind)| kind.attached_by);
    by.is_some_and(|by| {
        let names = |attributes: &Attributes| attributes.get(by).is_some_and(|to| !to.is_null());
        matches!(found.readiness, Readiness::Pending(_))
            && names(wanted)
            && !names(&found.attributes)
    })
}

/// Chooses what an intent made. Mark and natural key decide, of what `is_markable`; of the rest the
/// natural key alone. Where the token could not put a mark on, it is the only one without that is
/// as it was asked for and not older than the intent, by the provider's own clock. `taken` says
/// what was made by something else.
pub(super) fn choose(
    candidates: Vec<Observed>,
    intent: &Intent,
    is_markable: bool,
    mark: &str,
    taken: impl Fn(&Observed) -> bool,
) -> Choice {
    let free = candidates.into_iter().filter(|found| !taken(found));
    let (marked, unmarked): (Vec<_>, Vec<_>) =
        free.partition(|found| found.owners.iter().any(|owner| owner == mark));
    // Of several, the oldest: a later one is a twin, which the next plan names.
    let oldest = |found: Vec<Observed>| {
        // What does not say when it was made goes by its number.
        let age = |found: &Observed| (found.created.is_none(), found.created, found.id.len());
        let oldest = found
            .into_iter()
            .min_by(|a, b| (age(a), &a.id).cmp(&(age(b), &b.id)));
        oldest.map_or(Choice::Nothing, |found| Choice::One(Box::new(found)))
    };
    if !marked.is_empty() {
        return oldest(marked);
    }
    if !is_markable {
        let (coming, there): (Vec<_>, Vec<_>) =
            (unmarked.into_iter()).partition(|found| is_coming(found, &intent.attributes));
        return match there.is_empty() && !coming.is_empty() {
            true => Choice::Coming,
            false => oldest(there),
        };
    }
    // Where marks can be put on, what has none was made by somebody else.
    let plausible = unmarked.into_iter().filter(|found| {
        intent.unmarked
            && found.owners.is_empty()
            && is_new(found.created, intent.sent_at)
            && is_as_asked(found, intent)
    });
    let plausible: Vec<Observed> = plausible.collect();
    match plausible.len() {
        0 | 1 => oldest(plausible),
        _ => Choice::Unclear(plausible.into_iter().map(|found| found.id).collect()),
    }
}

/// Whether what cannot be changed later is as it was asked for.
fn is_as_asked(found: &Observed, intent: &Intent) -> bool {
    intent.attributes.iter().all(|(name, asked)| {
        let fixed = kind(intent.address.kind())
            .and_then(|(_, kind)| kind.attribute(name))
            .is_some_and(|attribute| attribute.on_change == OnChange::Replace);
        let is = found.attributes.get(name);
        !fixed || is.is_none_or(|is| is == asked)
    })
}

/// Whether something could have been made by a request that was about to be sent then.
fn is_new(created: Option<Timestamp>, sent_at: Option<Timestamp>) -> bool {
    let (Some(created), Some(sent_at)) = (created, sent_at) else {
        return false;
    };
    created.saturating_add(MARGIN).is_ok_and(|c| c >= sent_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;
    use crate::state::Effect;

    const OURS: &str = "8a1e5f3c";

    fn at(text: &str) -> Timestamp {
        format!("2026-10-05T{text}Z").parse().unwrap()
    }

    fn intent(sent_at: Option<&str>) -> Intent {
        Intent {
            number: 1,
            address: Address::new("toy", "x"),
            account: "default".to_owned(),
            effect: Effect::Create,
            id: None,
            attributes: Attributes::new(),
            refers_to: Vec::new(),
            sent_at: sent_at.map(at),
            unmarked: true,
        }
    }

    fn seen(id: &str, owner: Option<&str>, created: Option<&str>) -> Observed {
        Observed {
            kind: "toy",
            account: "default".into(),
            id: id.to_owned(),
            attributes: Attributes::new(),
            owners: owner.map(ToOwned::to_owned).into_iter().collect(),
            readiness: Readiness::Ready,
            monthly: None,
            created: created.map(at),
        }
    }

    fn chosen(candidates: Vec<Observed>, sent_at: Option<&str>) -> Result<String, Vec<String>> {
        told(choose(candidates, &intent(sent_at), true, OURS, |found| {
            found.id == "99"
        }))
    }

    fn told(choice: Choice) -> Result<String, Vec<String>> {
        match choice {
            Choice::Nothing => Err(Vec::new()),
            Choice::One(found) => Ok(found.id),
            Choice::Unclear(ids) => Err(ids),
            Choice::Coming => Err(vec!["coming".to_owned()]),
        }
    }

    #[test]
    fn the_mark_decides_and_the_oldest_of_several_is_taken() {
        let early = Some("09:00:00");
        let all = vec![
            seen("10", Some(OURS), early),
            seen("9", Some(OURS), early),
            seen("8", None, Some("10:00:00")),
            seen("7", Some("somebody"), early),
            seen("99", Some(OURS), early),
        ];
        assert_eq!(chosen(all, Some("10:00:00")), Ok("9".to_owned()));
    }

    #[test]
    fn without_a_mark_it_must_be_new_and_the_only_one() {
        let sent = Some("10:00:00");
        let one = |created| vec![seen("1", None, Some(created))];
        assert_eq!(chosen(one("09:55:00"), sent), Ok("1".to_owned()));
        assert_eq!(chosen(one("09:54:59"), sent), Err(vec![]));
        assert_eq!(chosen(one("10:00:00"), None), Err(vec![]));
        let two = vec![
            seen("1", None, Some("10:00:01")),
            seen("2", None, Some("10:00:02")),
        ];
        assert_eq!(chosen(two, sent), Err(vec!["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn what_has_no_mark_is_a_strangers_where_marks_can_be_put_on() {
        let strangers = vec![seen("1", None, Some("10:00:01"))];
        let ours = Intent {
            unmarked: false,
            ..intent(Some("10:00:00"))
        };
        let choice = choose(strangers, &ours, true, OURS, |_| false);
        assert_eq!(choice, Choice::Nothing);
    }

    #[test]
    fn what_is_never_marked_is_told_by_its_key() {
        let two = vec![seen("12", None, None), seen("5", None, None)];
        let choice = |found| told(choose(found, &intent(None), false, OURS, |_| false));
        assert_eq!(choice(two), Ok("5".to_owned()));
        assert_eq!(choice(vec![]), Err(vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn absence_is_believed_after_three_looks_over_the_whole_time() {
        for (settle, asked_for) in [
            (60_000, 0),
            (200, 0),
            (0, 0),
            (60_000, 300_000),
            (0, 300_000),
            (60_000, 1_000),
        ] {
            let settle = Duration::from_millis(settle);
            let asked_for = Duration::from_millis(asked_for);
            let longest = settle.max(asked_for);
            let began = Instant::now();
            let mut search = Search::new(settle, asked_for);
            let mut looks = 0;
            loop {
                tokio::time::sleep_until(search.next_look()).await;
                looks += 1;
                if search.saw_nothing(Instant::now()) {
                    break;
                }
                assert!(looks < 30, "it never ends");
            }
            assert!(looks >= 3, "{looks} looks");
            assert!(began.elapsed() >= longest && began.elapsed() <= longest * 3 / 2);
        }
    }
}
