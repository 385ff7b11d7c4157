//! Deletions of records that come at the same time go into one request: ten a minute are allowed,
//! and each takes as many as are to go (public documentation, "Rate limits" and "Delete records").

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Method;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::provider::{Class, Error};

use super::super::wire::Record;
use super::{PER_PAGE, WriteClient, query};

/// The share of the first pause between tries for which the first waits for more.
const SHARE: u32 = 5;

/// A record that is to go, and who waits for it.
struct Leaving {
    id: String,
    tell: oneshot::Sender<Result<(), Error>>,
}

/// What is to go, by the id of its zone.
#[derive(Default)]
pub(super) struct Gathering {
    leaving: Mutex<HashMap<String, Vec<Leaving>>>,
}

impl Gathering {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<Leaving>>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one; says whether it is the first, which has to send them all.
    fn add(&self, zone: &str, leaving: Leaving) -> bool {
        let mut all = self.lock();
        let of_zone = all.entry(zone.to_owned()).or_default();
        of_zone.push(leaving);
        of_zone.len() == 1
    }

    fn take(&self, zone: &str) -> Vec<Leaving> {
        self.lock().remove(zone).unwrap_or_default()
    }
}

/// Takes out what was gathered, also if whoever should send it is given up: then the others learn
/// that nobody does. Whoever comes later is the first of others.
struct Turn<'a> {
    gathering: &'a Gathering,
    zone: &'a str,
    is_over: bool,
}

impl Turn<'_> {
    fn end(mut self) -> Vec<Leaving> {
        self.is_over = true;
        self.gathering.take(self.zone)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.gathering.take(self.zone);
        }
    }
}

impl WriteClient<'_> {
    /// Deletes a record of the zone with this id, together with others that go now. One that is
    /// gone counts as deleted.
    pub(in super::super) async fn delete_record(&self, zone: &str, id: &str) -> Result<(), Error> {
        let (tell, told) = oneshot::channel();
        let id = id.to_owned();
        let gathering = &self.0.gathering;
        if gathering.add(zone, Leaving { id, tell }) {
            let turn = Turn {
                gathering,
                zone,
                is_over: false,
            };
            sleep(self.0.tempo.first_pause / SHARE).await;
            let all = turn.end();
            self.delete_all(zone, all).await;
        }
        told.await.unwrap_or_else(|_| {
            let message = "it was to go with others, and these were given up";
            let what = format!("DELETE /domains/{zone}/records");
            Err(Error::new(Class::Ambiguous, what, message))
        })
    }

    async fn delete_all(&self, zone: &str, all: Vec<Leaving>) {
        let mut all = all.into_iter().peekable();
        while all.peek().is_some() {
            let some: Vec<Leaving> = all.by_ref().take(PER_PAGE as usize).collect();
            self.delete_some(zone, some).await;
        }
    }

    async fn delete_some(&self, zone: &str, some: Vec<Leaving>) {
        let collection = format!("domains/{zone}/records");
        let record = |id: &str| format!("{collection}/{id}");
        let together = match some.len() {
            1 => None,
            _ => {
                let ids = some.iter().map(|one| ("id", one.id.as_str()));
                let ids: Vec<(&str, &str)> = ids.collect();
                let path = format!("{collection}{}", query(&ids));
                Some(self.carry_out(Method::DELETE, &path, None).await)
            }
        };
        for one in some {
            let gone = match &together {
                None => self.delete(&record(&one.id)).await,
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) if changed_nothing(error.class) => Err(error.clone()),
                // Each was tried, whatever became of the others. What is missing in a list may
                // still be there: while others go, it moves to a page that was read before.
                Some(Err(_)) => match self.0.find::<Record>(&record(&one.id)).await {
                    Ok(None) => Ok(()),
                    Ok(Some(_)) => self.delete(&record(&one.id)).await,
                    Err(error) => Err(Class::Ambiguous.of(error)),
                },
            };
            // Who does not wait any more need not know.
            let _ = one.tell.send(gone);
        }
    }
}

/// Whether an error says that none of the records was deleted.
fn changed_nothing(class: Class) -> bool {
    matches!(
        class,
        Class::NotSent | Class::RateLimited | Class::Busy | Class::Transient | Class::Unauthorized
    )
}
