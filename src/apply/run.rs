use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::provider::{Error, Write};

use super::ledger::Ledger;
use super::step::{Call, Outcome, Stop};
use super::wait::{Pace, Sight, look};
use super::{Interrupts, Options, Report};

/// A request's number, what it was, and what came of it.
type Answered = (usize, Call, Result<Outcome, Error>);
type Looked = Result<Vec<(usize, Sight)>, Error>;

/// Carries out what the ledger has: sends requests, looks at what is waited for, and enters what
/// comes of it, until there is nothing left to do or the user wants to stop.
pub(super) async fn run<'a>(
    mut ledger: Ledger<'a>,
    write: &'a dyn Write,
    interrupts: &mut Interrupts,
    options: &'a Options,
) -> Report {
    let stop = Stop::default();
    let mut running: FuturesUnordered<BoxFuture<'a, Answered>> = FuturesUnordered::new();
    let mut looking: Option<BoxFuture<'a, Looked>> = None;
    let mut pace = Pace::new(options.first_look);
    let mut next_look = Instant::now();
    let mut grace_ends: Option<Instant> = None;
    let mut listening = true;
    loop {
        // Without a state nothing more is asked; answers that are on their way are waited for.
        let stopping = grace_ends.is_some() || ledger.is_unsaved();
        while !stopping && running.len() < options.parallelism {
            let Some((number, call)) = ledger.start() else {
                break;
            };
            running.push(send(number, call, write, options, stop.clone()).boxed());
        }
        if running.is_empty() && (stopping || ledger.waiting().is_empty()) {
            break;
        }
        if stopping {
            stop.set();
        }
        let look_due = looking.is_none() && !ledger.waiting().is_empty() && !stopping;
        tokio::select! {
            Some((number, call, result)) = running.next(), if !running.is_empty() => {
                let idle = ledger.waiting().is_empty();
                ledger.answered(number, &call, result);
                if idle && !ledger.waiting().is_empty() {
                    pace.restart();
                    next_look = Instant::now() + pace.pause();
                }
            }
            Some(sights) = resolve(&mut looking), if looking.is_some() => {
                looking = None;
                ledger.looked(sights);
                next_look = Instant::now() + pace.pause();
            }
            () = sleep_until(next_look), if look_due => {
                let (waiting, mark) = (ledger.waiting().to_vec(), ledger.mark().to_owned());
                looking = Some(look(write, waiting, mark).boxed());
            }
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

async fn send(
    number: usize,
    call: Call,
    write: &dyn Write,
    options: &Options,
    stop: Stop,
) -> Answered {
    let result = call.send(write, options, &stop).await;
    (number, call, result)
}

async fn resolve<T>(future: &mut Option<BoxFuture<'_, T>>) -> Option<T> {
    match future {
        Some(future) => Some(future.await),
        None => None,
    }
}
