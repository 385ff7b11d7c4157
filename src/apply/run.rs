use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::provider::{Readers, Writers};

use super::call::{Answer, Call, Part, Stop};
use super::ledger::Ledger;
use super::search::{Candidates, Failures, look_for};
use super::wait::{Looked, Pace, look};
use super::{Interrupts, Options, Report};

/// When the look began, and what it showed.
type Searched = (Instant, (Candidates, Failures));

/// Carries out what the ledger has: sends requests, looks at what is waited for and for what may
/// have been made, and enters what comes of it, until there is nothing left to do or the user
/// wants to stop.
pub(super) async fn run<'a>(
    mut ledger: Ledger<'a>,
    writers: &'a Writers,
    interrupts: &mut Interrupts,
    options: &'a Options,
) -> Report {
    let stop = Stop::default();
    let mut running: FuturesUnordered<BoxFuture<'a, Vec<Answer>>> = FuturesUnordered::new();
    // Questions whether something serves. They go to no provider, so its limits do not hold for them.
    let mut asking: FuturesUnordered<BoxFuture<'a, Vec<Answer>>> = FuturesUnordered::new();
    let mut looking: Option<BoxFuture<'a, Looked>> = None;
    let mut searching: Option<BoxFuture<'a, Searched>> = None;
    let mut pace = Pace::new(options.first_look);
    let mut next_look = Instant::now();
    let mut asked_before = 0;
    let mut calls_since = 0;
    let mut grace_ends: Option<Instant> = None;
    let mut listening = true;
    loop {
        // Without a state nothing more is asked; answers that are on their way are waited for.
        let stopping = grace_ends.is_some() || ledger.is_broken();
        if !stopping {
            let free = options.parallelism.saturating_sub(running.len());
            for call in ledger.start(free) {
                let is_check = call.parts.iter().any(Part::is_check);
                let sent = send(call, writers, options, stop.clone()).boxed();
                match is_check {
                    true => asking.push(sent),
                    false => {
                        calls_since += 1;
                        running.push(sent);
                    }
                }
            }
        }
        // Starting may have found that nothing can be saved.
        let stopping = stopping || ledger.is_broken();
        let next_search = ledger.next_search();
        let next_drained = ledger.next_drained();
        let nothing_to_come =
            ledger.waiting().is_empty() && next_search.is_none() && next_drained.is_none();
        let nothing_runs = running.is_empty() && asking.is_empty();
        if nothing_runs && (stopping || nothing_to_come) {
            break;
        }
        if stopping {
            stop.set();
        }
        let look_due = looking.is_none() && !ledger.waiting().is_empty() && !stopping;
        let search_due = searching.is_none() && next_search.is_some() && !stopping;
        tokio::select! {
            Some(mut answers) = running.next(), if !running.is_empty() => {
                // What has come meanwhile is written down with it: once for all.
                while let Some(Some(more)) = running.next().now_or_never() {
                    answers.extend(more);
                }
                let before = ledger.waiting().len();
                ledger.answered(answers);
                if ledger.waiting().len() > before {
                    pace.restart();
                    next_look = next_look.max(Instant::now()).min(Instant::now() + options.first_look);
                }
            }
            Some(answers) = asking.next(), if !asking.is_empty() => ledger.answered(answers),
            Some(sights) = resolve(&mut looking), if looking.is_some() => {
                looking = None;
                ledger.looked(sights);
                // What was sent meanwhile is not part of it.
                let requests = writers.requests().saturating_sub(asked_before + calls_since).max(1);
                next_look = Instant::now() + pace.pause(requests, writers.a_minute());
            }
            Some((began, found)) = resolve(&mut searching), if searching.is_some() => {
                searching = None;
                let before = ledger.waiting().len();
                ledger.searched(began, found);
                if ledger.waiting().len() > before {
                    pace.restart();
                    next_look = Instant::now();
                }
            }
            () = sleep_until(next_look), if look_due => {
                let (waiting, mark) = (ledger.waiting().to_vec(), ledger.mark().to_owned());
                (asked_before, calls_since) = (writers.requests(), 0);
                looking = Some(look(writers.readers(), waiting, mark).boxed());
            }
            () = sleep_until(next_search.unwrap_or_else(Instant::now)), if search_due => {
                let (lost, mark) = (ledger.lost(), ledger.mark().to_owned());
                searching = Some(search(writers.readers(), lost, mark).boxed());
            }
            () = sleep_until(next_drained.unwrap_or_else(Instant::now)),
                if next_drained.is_some() && !stopping => ledger.drained(),
            signal = interrupts.recv(), if listening => match signal {
                None => listening = false,
                Some(()) if grace_ends.is_some() => break,
                Some(()) => {
                    grace_ends = Some(Instant::now() + options.grace);
                    ledger.interrupted();
                }
            },
            () = sleep_until(grace_ends.unwrap_or_else(Instant::now)), if grace_ends.is_some() => break,
        }
    }
    ledger.close()
}

async fn send(call: Call, writers: &Writers, options: &Options, stop: Stop) -> Vec<Answer> {
    call.send(writers, options, &stop).await
}

async fn search(readers: Readers, lost: Vec<crate::state::Intent>, mark: String) -> Searched {
    let began = Instant::now();
    (began, look_for(&readers, &lost, &mark).await)
}

async fn resolve<T>(future: &mut Option<BoxFuture<'_, T>>) -> Option<T> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
