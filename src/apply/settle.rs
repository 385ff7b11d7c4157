//! Finding out what became of an earlier run's requests whose answers nobody has.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::model::{Attributes, Diagnostic, Observed, Origin, Readiness, Recorded};
use crate::provider::{Error, Read, Readers, Target};
use crate::resource::{OnChange, kind};
use crate::state::{Change, Effect, Entry, Intent, Progress, State};

use super::Journal;
use super::outcome::{self, now, recorded};
use super::search::{Choice, Search, asked_for, choose, is_markable, look_for, taken};

/// How many things are asked for singly at the same time.
const AT_ONCE: usize = 8;
/// For so long what is seen to be under way is no reason to believe that it never came about.
const UNDER_WAY: Duration = Duration::from_secs(60 * 60);

/// What became of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// How far it had come, if it was cut off.
    pub progress: Option<Progress>,
    /// How many of its requests had been carried out.
    pub found: usize,
    /// How many certainly had not been.
    pub never: usize,
    /// What is still not known: the addresses of what may have been made.
    pub unclear: Vec<String>,
}

/// Why it could not be found out.
#[derive(Debug)]
pub enum Unsettled {
    /// A request failed.
    Failed(Error),
    /// The state could not be saved, or nothing tells what was made.
    Stopped(Diagnostic),
}

impl From<Error> for Unsettled {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Diagnostic> for Unsettled {
    fn from(problem: Diagnostic) -> Self {
        Self::Stopped(problem)
    }
}

/// Looks for everything that the state does not know the outcome of until that is known, and
/// writes it down. What can be seen ends the search at once; what cannot is looked for during
/// `settling`, or for as long as a provider asks for of what was to be created. `searching` is told
/// what is looked for and for how long, after the first look. `None` if the last run came to its
/// end.
///
/// # Errors
/// If the provider cannot be asked or the state not be saved. What was found out until then is
/// kept.
pub async fn settle(
    readers: &Readers,
    state: &mut State,
    journal: &mut dyn Journal,
    settling: Duration,
    mut searching: impl FnMut(&[String], Duration),
) -> Result<Option<Settled>, Unsettled> {
    if state.unsettled.is_empty() && state.progress.is_none() {
        return Ok(None);
    }
    let progress = state.progress;
    journal.begin(state)?;
    let mut settled = Settled::default();
    let mut search = Search::new(settling, longest_asked_for(readers, state));
    let since = Instant::now();
    loop {
        let began = Instant::now();
        let Look {
            entries,
            stopped,
            under_way,
        } = look_once(readers, state).await;
        settled.found += entries.len();
        write_down(entries, state, journal)?;
        stopped.map_or(Ok(()), Err)?;
        if state.unsettled.is_empty() {
            break;
        }
        if under_way && since.elapsed() < UNDER_WAY {
            search = Search::new(settling, longest_asked_for(readers, state));
        }
        search.narrow(longest_asked_for(readers, state));
        if search.saw_nothing(began) {
            let never = state.unsettled.keys().map(|number| Entry::Outcome {
                number: *number,
                change: Change::Nothing,
            });
            let never: Vec<Entry> = never.collect();
            settled.never += never.len();
            write_down(never, state, journal)?;
            break;
        }
        searching(&addresses(state), search.longest());
        sleep_until(search.next_look()).await;
    }
    state.progress = None;
    journal.finish(state)?;
    Ok(Some(Settled {
        progress,
        ..settled
    }))
}

/// As [`settle`], but looks only once and writes nothing down: `state` holds what is known then.
///
/// # Errors
/// If the provider cannot be asked.
pub async fn peek(readers: &Readers, state: &mut State) -> Result<Option<Settled>, Unsettled> {
    if state.unsettled.is_empty() && state.progress.is_none() {
        return Ok(None);
    }
    let mut settled = Settled {
        progress: state.progress.take(),
        ..Settled::default()
    };
    let Look {
        entries, stopped, ..
    } = look_once(readers, state).await;
    stopped.map_or(Ok(()), Err)?;
    settled.found = entries.len();
    for entry in entries {
        state.enter(entry);
    }
    settled.unclear = addresses(state);
    Ok(Some(settled))
}

/// How long the providers ask to look for what may have been created, and for changes that take
/// their time. What was to be deleted is not made twice if that happens later: the next plan sees
/// what there is.
fn longest_asked_for(readers: &Readers, state: &State) -> Duration {
    let intents = state.unsettled.values();
    let asked_for = intents.map(|intent| match intent.effect {
        Effect::Create => asked_for(readers, intent),
        Effect::Update => readers.of(&intent.account).map_or(Duration::ZERO, |read| {
            read.settling_of_change(intent.address.kind(), &intent.attributes)
        }),
        Effect::Import | Effect::Delete => Duration::ZERO,
    });
    asked_for.max().unwrap_or_default()
}

fn addresses(state: &State) -> Vec<String> {
    let addresses = state.unsettled.values();
    addresses.map(|intent| intent.address.to_string()).collect()
}

fn write_down(
    entries: Vec<Entry>,
    state: &mut State,
    journal: &mut dyn Journal,
) -> Result<(), Diagnostic> {
    if entries.is_empty() {
        return Ok(());
    }
    journal.append(&entries)?;
    for entry in entries {
        state.enter(entry);
    }
    Ok(())
}

/// What one look shows: the outcomes of what was carried out, and what stood in the way of more.
struct Look {
    entries: Vec<Entry>,
    stopped: Option<Unsettled>,
    /// Whether something was seen to be under way that may be one of them.
    under_way: bool,
}

/// What a look shows of a change or a deletion.
enum Seen {
    /// It was carried out; what the state must know of it.
    Done(Change),
    /// Something is under way there: it may be this.
    UnderWay,
    Nothing,
}

async fn look_once(readers: &Readers, state: &State) -> Look {
    let (creates, others): (Vec<&Intent>, Vec<&Intent>) = state
        .unsettled
        .values()
        .partition(|intent| intent.effect == Effect::Create);
    let mut entries = Vec::new();
    let mut stopped = None;
    let mut under_way = false;
    let mut settled = |intent: &Intent, change| {
        entries.push(Entry::Outcome {
            number: intent.number,
            change,
        });
    };
    for some in others.chunks(AT_ONCE) {
        let looks = some
            .iter()
            .map(|intent| carried_out(readers, state, intent));
        for (intent, change) in some.iter().zip(join_all(looks).await) {
            match change {
                Ok(Seen::Done(change)) => settled(intent, change),
                Ok(Seen::UnderWay) => under_way = true,
                Ok(Seen::Nothing) => {}
                Err(error) => stopped = Some(error.into()),
            }
        }
    }
    let creates: Vec<Intent> = creates.into_iter().cloned().collect();
    let (mut candidates, failed) = look_for(readers, &creates, &state.lineage).await;
    stopped = failed.into_values().last().map(Unsettled::from).or(stopped);
    for intent in &creates {
        let found = candidates.remove(&intent.number).unwrap_or_default();
        let taken = taken(state, intent);
        match choose(found, intent, is_markable(intent), &state.lineage, taken) {
            Choice::Nothing => {}
            Choice::Coming => under_way = true,
            Choice::One(found) => {
                // It was not there when it was planned, so it is ours. Should a key or a zone be
                // somebody else's all the same, `destroy` leaves what others use or filled.
                let now = now(readers, &intent.account);
                let made = made(intent, Origin::Created, &found, now);
                settled(intent, Change::Put(made));
            }
            Choice::Unclear(ids) => stopped = Some(two_or_more(intent, &ids).into()),
        }
    }
    Look {
        entries,
        stopped,
        under_way,
    }
}

/// What is recorded of what an intent made.
pub(super) fn made(intent: &Intent, origin: Origin, found: &Observed, now: Timestamp) -> Recorded {
    let what = (
        &intent.address,
        intent.account.as_str(),
        &intent.refers_to[..],
    );
    recorded(what, origin, &intent.attributes, found, now)
}

/// Nothing tells which of several was made.
pub(super) fn two_or_more(intent: &Intent, ids: &[String]) -> Diagnostic {
    Diagnostic::error(format!("{} may be any of several", intent.address))
        .detail(format!(
            "a request to make it was sent and its answer lost; {} are there now, and no mark \
             tells which of them it made",
            ids.join(" and ")
        ))
        .hint("delete or rename those that are not meant, then run it again")
}

/// What is seen of a change that may have been carried out. A request may take effect late, so absence
/// is not believed at once here either.
async fn carried_out(readers: &Readers, state: &State, intent: &Intent) -> Result<Seen, Error> {
    let known = state.resources.get(&intent.address);
    // A deletion needs what finds it, and that is what was recorded. Of a change it matters as well
    // what it was to become.
    let mut attributes = known.map_or_else(Attributes::new, |known| known.attributes.clone());
    if known.is_none() || intent.effect == Effect::Update {
        attributes = attributes.or(&intent.attributes);
    }
    let attributes = &attributes;
    let target = Target {
        kind: intent.address.kind(),
        id: intent.id.as_deref().unwrap_or_default(),
        attributes,
        coming: false,
    };
    if intent.effect == Effect::Update && known.is_none() {
        // Nobody looks after it any more, and nothing says what would find it.
        return Ok(Seen::Done(Change::Nothing));
    }
    let reader = readers.of(&intent.account)?;
    let found = match intent.effect {
        Effect::Update => changed(reader, target, intent, &state.lineage).await?,
        Effect::Create | Effect::Import | Effect::Delete => reader.get(target).await?,
    };
    Ok(match (intent.effect, found, known) {
        (Effect::Delete, None, _) => Seen::Done(Change::Remove(intent.address.clone())),
        // What it shows meanwhile is not the last word.
        (Effect::Update, Some(found), _) if is_on_its_way(&found, intent) => Seen::UnderWay,
        (Effect::Update, Some(found), Some(known)) if is_applied(intent, &found) => {
            let (asked_for, refers_to) = (&intent.attributes, &intent.refers_to);
            let changed = outcome::changed(known, asked_for, refers_to, &found);
            Seen::Done(Change::Put(changed))
        }
        // It may have another name than its address, so no plan would find it again by that.
        (Effect::Import, Some(found), known) if found.owners.contains(&state.lineage) => {
            let what = (
                &intent.address,
                intent.account.as_str(),
                &intent.refers_to[..],
            );
            let now = now(readers, &intent.account);
            let taken = recorded(what, Origin::Found, &intent.attributes, &found, now);
            Seen::Done(match known {
                None => Change::Put(taken),
                Some(_) => Change::Nothing,
            })
        }
        _ => Seen::Nothing,
    })
}

/// Whether something is under way on it, of what takes its time: this change may be that.
fn is_on_its_way(found: &Observed, intent: &Intent) -> bool {
    let lingers = kind(intent.address.kind()).is_some_and(|(_, kind)| kind.lingers);
    lingers && matches!(found.readiness, Readiness::Pending(_))
}

/// What is there of something that was to be changed. Its id may be made of what changed, so what is
/// not seen under the one it had is looked for by what it was to become.
async fn changed(
    reader: &dyn Read,
    target: Target<'_>,
    intent: &Intent,
    lineage: &str,
) -> Result<Option<Observed>, Error> {
    let seen = reader.look(target.kind, &[target], lineage).await?;
    if let Some(seen) = seen.into_iter().next() {
        return Ok(Some(seen));
    }
    let mut wanted = target.attributes.clone();
    wanted.extend(intent.attributes.clone());
    let found = reader.find(target.kind, &[&wanted], lineage).await?;
    let mut candidates = found.into_iter().flatten();
    Ok(candidates.next().filter(|_| candidates.next().is_none()))
}

/// Whether it is as the intent was to make it, as far as the provider tells. What cannot be undone, or
/// is relied on by what comes next, has to be seen and is not taken for done.
fn is_applied(intent: &Intent, found: &Observed) -> bool {
    let kind = kind(intent.address.kind()).map(|(_, kind)| kind);
    intent.attributes.iter().all(|(name, value)| {
        let attribute = kind.and_then(|kind| kind.attribute(name));
        match kind.zip(attribute) {
            Some((kind, attribute))
                if matches!(
                    attribute.on_change,
                    OnChange::MadeFrom | OnChange::Late(_) | OnChange::Seen
                ) =>
            {
                kind.shows(name, value, &found.attributes)
            }
            _ => {
                let is = found.attributes.get(name);
                is.is_none_or(|is| is == value)
            }
        }
    })
}
