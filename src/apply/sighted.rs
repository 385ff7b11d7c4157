//! What the sight of something that is waited for means: for the state, as an entry of the journal,
//! and for the step.

use crate::model::{Diagnostic, Observed, Recorded};
use crate::plan::Op;
use crate::state::{Change, Entry};

use super::meaning::{Next, failed_to_come, not_changed};
use super::outcome::{asked_for, changed, remember};
use super::wait::{Sight, Until, Waiting};

/// `None` if it is still to be waited for; `recorded` is what the state says of it.
pub(super) fn sighted(
    waiting: &Waiting,
    sight: Sight,
    recorded: Option<&Recorded>,
) -> Option<(Option<Entry>, Next)> {
    let address = &waiting.address;
    let entry = |change| match waiting.intent {
        Some(number) => Entry::Outcome { number, change },
        None => Entry::Change(change),
    };
    let finish = || Next::Finish(Some(waiting.id.clone()));
    match (waiting.until, sight) {
        (_, Sight::NotYet) => None,
        (_, Sight::Gone) => Some((Some(entry(Change::Remove(address.clone()))), finish())),
        (Until::Changed, Sight::Ready(observed)) if !waiting.shows(&observed) => {
            let why = "it was accepted and came to nothing";
            let problem = not_changed(address, &waiting.id, why);
            let failed = (Some(entry(Change::Nothing)), Next::Fail(problem));
            waiting.came_to_nothing().then_some(failed)
        }
        (Until::Changed, Sight::Ready(observed)) => {
            let change = recorded.and_then(|recorded| became(waiting, recorded, &observed));
            let change = change.unwrap_or(Change::Nothing);
            Some((Some(entry(change)), finish()))
        }
        (Until::Changed, Sight::Paused(_, why)) => {
            tracing::debug!("{address}: {why}; asking once more");
            let intent = waiting.intent?;
            Some((None, Next::Remind { intent }))
        }
        (Until::Changed, Sight::Failed(why)) => {
            let problem = not_changed(address, &waiting.id, &why);
            Some((Some(entry(Change::Nothing)), Next::Fail(problem)))
        }
        (Until::Changed, Sight::Lost) => {
            let problem = not_changed(address, &waiting.id, "it does not exist any more");
            Some((Some(entry(Change::Nothing)), Next::Fail(problem)))
        }
        (Until::Ready | Until::Gone, Sight::Ready(observed) | Sight::Paused(observed, _)) => {
            let ready = recorded.map(|recorded| {
                let mut ready = recorded.clone();
                ready.ready = true;
                let applied = &recorded.attributes;
                ready.attributes = remember(address.kind(), applied, &observed.attributes);
                Entry::Change(Change::Put(ready))
            });
            Some((ready, finish()))
        }
        (Until::Ready | Until::Gone, Sight::Lost) => {
            let problem = Diagnostic::error(format!("{address} is gone"))
                .detail(format!(
                    "{} was made and does not exist any more",
                    waiting.id
                ))
                .hint("run it again to have it made anew");
            Some((None, Next::Fail(problem)))
        }
        (Until::Ready | Until::Gone, Sight::Failed(why)) => {
            let problem = failed_to_come(address, &waiting.id, &why);
            Some((None, Next::Fail(problem)))
        }
    }
}

/// What the state says of it now that it is what it was to become.
fn became(waiting: &Waiting, recorded: &Recorded, observed: &Observed) -> Option<Change> {
    let (op, sent) = waiting.becoming.as_deref()?;
    let Op::Update {
        address,
        changes,
        refers_to,
        ..
    } = op
    else {
        return None;
    };
    let asked_for = asked_for(address, changes, sent);
    Some(Change::Put(changed(
        recorded, &asked_for, refers_to, observed,
    )))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::*;
    use crate::model::{Address, Attributes, Origin, Readiness};

    /// What it means for what waits that a change of something is not over.
    fn paused(until: Until, intent: Option<u64>) -> Option<(Option<Entry>, Next)> {
        let address = Address::new("server", "web1");
        let now = Instant::now();
        let waiting = Waiting {
            step: 1,
            account: "default".to_owned(),
            address: address.clone(),
            id: "7".to_owned(),
            attributes: Attributes::default(),
            until,
            intent,
            becoming: None,
            deadline: now,
            idle: None,
            patience: std::time::Duration::ZERO,
            settled: now,
        };
        let observed = Observed {
            kind: "server",
            account: "default".into(),
            id: "7".to_owned(),
            attributes: Attributes::default(),
            owners: Vec::new(),
            readiness: Readiness::Paused {
                attribute: "size",
                why: String::new(),
            },
            monthly: None,
            created: None,
        };
        let recorded = Recorded {
            address,
            account: "default".to_owned(),
            id: "7".to_owned(),
            origin: Origin::Created,
            ready: false,
            attributes: Attributes::default(),
            refers_to: Vec::new(),
            recorded_at: Timestamp::UNIX_EPOCH,
        };
        let sight = Sight::Paused(Box::new(observed), String::new());
        sighted(&waiting, sight, Some(&recorded))
    }

    #[test]
    fn what_is_paused_is_asked_for_once_more_by_whoever_changes_it() {
        let next = paused(Until::Changed, Some(3));
        assert!(matches!(next, Some((None, Next::Remind { intent: 3 }))));
    }

    #[test]
    fn what_is_paused_is_there_for_everybody_else() {
        let Some((Some(Entry::Change(Change::Put(ready))), Next::Finish(_))) =
            paused(Until::Ready, None)
        else {
            panic!("it is still waited for")
        };
        assert!(ready.ready);
    }
}
