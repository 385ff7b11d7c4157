use std::time::Duration;

use crate::apply::{self, Journal, Settled, Unsettled};
use crate::model::Diagnostic;
use crate::plan::guard;
use crate::provider::Readers;
use crate::state::{Entry, State, Store};

use super::failure::{Failure, unsaved};
use super::terminal::Terminal;

/// As many addresses as a line can bear.
const NAMED: usize = 5;

/// The state's file and its journal, with errors as messages.
pub(super) struct Book(pub(super) Store);

impl Journal for Book {
    fn begin(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.0.begin(state).map_err(|error| unsaved(&error))
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), Diagnostic> {
        self.0.append(entries).map_err(|error| unsaved(&error))
    }

    fn finish(&mut self, state: &mut State) -> Result<(), Diagnostic> {
        self.0.finish(state).map_err(|error| unsaved(&error))
    }
}

/// Finds out what became of a run that was cut off, before anything else is done; gives a note
/// about it.
///
/// # Errors
/// If the account is not the state's, the provider cannot be asked, or the state not be saved.
pub(super) async fn recover(
    readers: &Readers,
    state: Option<&mut State>,
    book: &mut Book,
    settle: Duration,
    terminal: Terminal,
) -> Result<Option<Diagnostic>, Failure> {
    let Some(state) = state.filter(|state| is_cut_off(state)) else {
        return Ok(None);
    };
    check_accounts(readers, state).await?;
    book.0.back_up()?;
    let mut told = false;
    let searching = |addresses: &[String], longest: Duration| {
        if !std::mem::replace(&mut told, true) {
            terminal.say(&format!(
                "a run was cut off; looking for up to {} s for {}",
                longest.as_secs_f64(),
                list(addresses)
            ));
        }
    };
    let settled = apply::settle(readers, state, book, settle, searching).await;
    Ok(settled?.map(|settled| note(&settled)))
}

/// As [`recover`], but looks only once and changes nothing but `state` in memory.
///
/// # Errors
/// If the account is not the state's, or the provider cannot be asked.
pub(super) async fn peek(
    readers: &Readers,
    state: Option<&mut State>,
) -> Result<Option<Diagnostic>, Failure> {
    let Some(state) = state.filter(|state| is_cut_off(state)) else {
        return Ok(None);
    };
    check_accounts(readers, state).await?;
    Ok(apply::peek(readers, state)
        .await?
        .map(|settled| note(&settled)))
}

fn is_cut_off(state: &State) -> bool {
    !state.unsettled.is_empty() || state.progress.is_some()
}

/// In another account nothing would be found, and everything be taken for never made.
async fn check_accounts(readers: &Readers, state: &State) -> Result<(), Failure> {
    let known = state.accounts_in_use();
    for (name, read) in readers.iter() {
        let account = read.account().await;
        let account = account.map_err(|error| readers.naming(name, error))?;
        let label = readers.label(name);
        if let Some(refusal) = guard::other_account(label, known.get(&**name), &account) {
            return Err(refusal.into());
        }
    }
    Ok(())
}

fn note(settled: &Settled) -> Diagnostic {
    let Settled {
        progress,
        found,
        never,
        unclear,
    } = settled;
    let mut said = "the last run was cut off".to_owned();
    if let Some(progress) = progress {
        said += &format!(": {} of {} steps done", progress.done, progress.steps);
    }
    let in_flight = found + never + unclear.len();
    if in_flight > 0 {
        let fates = [
            (*found, "found"),
            (*never, "never happened"),
            (unclear.len(), "not to be seen yet"),
        ];
        let fates = fates.iter().filter(|(count, _)| *count > 0);
        let fates: Vec<String> = fates.map(|(n, fate)| format!("{n} {fate}")).collect();
        said += &format!(", {in_flight} in flight: {}", fates.join(", "));
    }
    let note = Diagnostic::note(said);
    if unclear.is_empty() {
        return note;
    }
    note.detail(format!("{} may exist all the same", list(unclear)))
        .hint("apply goes on looking before it makes anything")
}

fn list(addresses: &[String]) -> String {
    let named = addresses.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let named = named.join(", ");
    match addresses.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

impl From<Unsettled> for Failure {
    fn from(unsettled: Unsettled) -> Self {
        match unsettled {
            Unsettled::Failed(error) => error.into(),
            Unsettled::Stopped(problem) => problem.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Progress;

    #[test]
    fn what_became_of_a_run_is_one_line() {
        let mut settled = Settled {
            progress: Some(Progress { steps: 40, done: 3 }),
            found: 9,
            never: 1,
            unclear: Vec::new(),
        };
        let said = |settled: &Settled| note(settled).summary;
        assert_eq!(
            said(&settled),
            "the last run was cut off: 3 of 40 steps done, 10 in flight: 9 found, 1 never happened"
        );
        settled.unclear = vec!["server.web".to_owned()];
        assert!(
            said(&settled)
                .ends_with("11 in flight: 9 found, 1 never happened, 1 not to be seen yet")
        );
        assert_eq!(note(&settled).detail, "server.web may exist all the same");
        let quiet = Settled {
            progress: settled.progress,
            ..Settled::default()
        };
        assert_eq!(said(&quiet), "the last run was cut off: 3 of 40 steps done");
    }
}
