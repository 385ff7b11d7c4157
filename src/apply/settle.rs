//! Finding out what became of an earlier run's requests whose answers nobody has.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::model::{Diagnostic, Observed, Origin};
use crate::provider::{Error, Read, Target};
use crate::state::{Change, Effect, Entry, Intent, Progress, State};

use super::Journal;
use super::outcome::{recorded, remember};
use super::search::{Choice, Search, choose, look_for};

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
/// `settling`. `searching` is told what is looked for, after the first look. `None` if the last
/// run came to its end.
///
/// # Errors
/// If the provider cannot be asked or the state not be saved. What was found out until then is
/// kept.
pub async fn settle(
    read: &dyn Read,
    state: &mut State,
    journal: &mut dyn Journal,
    settling: Duration,
    mut searching: impl FnMut(&[String]),
) -> Result<Option<Settled>, Unsettled> {
    if state.unsettled.is_empty() && state.progress.is_none() {
        return Ok(None);
    }
    let progress = state.progress;
    journal.begin(state)?;
    let mut settled = Settled::default();
    let mut search = Search::new(settling);
    loop {
        let began = Instant::now();
        let entries = look_once(read, state, &mut settled).await?;
        write_down(entries, state, journal)?;
        if state.unsettled.is_empty() {
            break;
        }
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
        searching(&addresses(state));
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
pub async fn peek(read: &dyn Read, state: &mut State) -> Result<Option<Settled>, Unsettled> {
    if state.unsettled.is_empty() && state.progress.is_none() {
        return Ok(None);
    }
    let mut settled = Settled {
        progress: state.progress.take(),
        ..Settled::default()
    };
    for entry in look_once(read, state, &mut settled).await? {
        state.enter(entry);
    }
    settled.unclear = addresses(state);
    Ok(Some(settled))
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

/// The outcomes that one look shows.
async fn look_once(
    read: &dyn Read,
    state: &State,
    settled: &mut Settled,
) -> Result<Vec<Entry>, Unsettled> {
    let (creates, others): (Vec<&Intent>, Vec<&Intent>) = state
        .unsettled
        .values()
        .partition(|intent| intent.effect == Effect::Create);
    let mut entries = Vec::new();
    for intent in others {
        let (happened, change) = repeatable(read, state, intent).await?;
        *(if happened {
            &mut settled.found
        } else {
            &mut settled.never
        }) += 1;
        entries.push(Entry::Outcome {
            number: intent.number,
            change,
        });
    }
    let creates: Vec<Intent> = creates.into_iter().cloned().collect();
    let mut candidates = look_for(read, &creates, &state.lineage).await?;
    let known: BTreeSet<(&str, &str)> = state
        .resources
        .values()
        .map(|recorded| (recorded.address.kind(), recorded.id.as_str()))
        .collect();
    for intent in &creates {
        let found = candidates.remove(&intent.number).unwrap_or_default();
        let taken = |found: &Observed| known.contains(&(found.kind, found.id.as_str()));
        match choose(found, intent, &state.lineage, taken) {
            Choice::Nothing => {}
            Choice::One(found) => {
                settled.found += 1;
                entries.push(Entry::Outcome {
                    number: intent.number,
                    change: Change::Put(made(intent, &found)),
                });
            }
            Choice::Unclear(ids) => return Err(two_or_more(intent, &ids).into()),
        }
    }
    Ok(entries)
}

/// What is recorded of what an intent made.
pub(super) fn made(intent: &Intent, found: &Observed) -> crate::model::Recorded {
    let what = (
        &intent.address,
        intent.account.as_str(),
        &intent.refers_to[..],
    );
    recorded(what, Origin::Created, &intent.attributes, found)
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

/// What may be done twice without harm needs one look: whether it happened decides only what is
/// recorded, and the plan does the rest.
async fn repeatable(
    read: &dyn Read,
    state: &State,
    intent: &Intent,
) -> Result<(bool, Change), Error> {
    let known = state.resources.get(&intent.address);
    // A deletion needs what finds it, and that is what was recorded.
    let attributes = known.map_or(&intent.attributes, |recorded| &recorded.attributes);
    let target = Target {
        kind: intent.address.kind(),
        id: intent.id.as_deref().unwrap_or_default(),
        attributes,
    };
    let found = read.get(target).await?;
    Ok(match (intent.effect, found, known) {
        (Effect::Delete, None, _) => (true, Change::Remove(intent.address.clone())),
        (Effect::Update, Some(found), Some(known)) if is_applied(intent, &found) => {
            let kind = intent.address.kind();
            let mut changed = known.clone();
            changed.attributes = remember(kind, &intent.attributes, &found.attributes);
            changed.refers_to.clone_from(&intent.refers_to);
            (true, Change::Put(changed))
        }
        (Effect::Import, Some(found), _) => {
            let is_marked = found.owners.contains(&state.lineage);
            (is_marked, Change::Nothing)
        }
        _ => (false, Change::Nothing),
    })
}

/// Whether it is as the intent was to make it, as far as the provider tells.
fn is_applied(intent: &Intent, found: &Observed) -> bool {
    intent.attributes.iter().all(|(name, value)| {
        let is = found.attributes.get(name);
        is.is_none_or(|is| is == value)
    })
}
