use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::model::{Address, Attributes, Observed, Readiness, Recorded, Value};
use crate::plan::{Op, Step};
use crate::provider::{Class, Error, Target, Write};
use crate::resource::{OnChange, kind};

use super::Options;

/// Whether nothing new shall be sent: the user wants to stop, or nothing can be saved.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a step's request came to.
pub(super) enum Outcome {
    /// It exists; what the provider says of it.
    Made(Observed),
    /// It was there already, and is not ours to delete.
    Found(Observed),
    /// The provider took note.
    Accepted,
}

/// A step ready to be sent: its references resolved, everything it needs in its hands.
pub(super) struct Call {
    op: Op,
    /// The attributes wanted; of a delete, those it is found by.
    attributes: Attributes,
    mark: String,
}

impl Call {
    /// Prepares a step from what is known now.
    ///
    /// # Errors
    /// The reference that leads to nothing, in words.
    pub(super) fn new(
        step: &Step,
        recorded: &BTreeMap<Address, Recorded>,
        mark: &str,
    ) -> Result<Self, String> {
        let attributes = match &step.op {
            Op::Create { attributes, .. }
            | Op::Import { attributes, .. }
            | Op::Update { attributes, .. } => resolve(attributes, recorded)?,
            Op::Delete { address, .. } | Op::Await { address, .. } | Op::Forget { address } => {
                recorded
                    .get(address)
                    .map(|recorded| recorded.attributes.clone())
                    .unwrap_or_default()
            }
            Op::WriteBack { .. } => Attributes::new(),
        };
        Ok(Self {
            op: step.op.clone(),
            attributes,
            mark: mark.to_owned(),
        })
    }

    /// The attributes that the request was about.
    pub(super) fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Sends it. What is refused because something is pending is sent again until it is not.
    pub(super) async fn send(
        &self,
        write: &dyn Write,
        options: &Options,
        stop: &Stop,
    ) -> Result<Outcome, Error> {
        let give_up = Instant::now() + options.busy_deadline;
        let mut pause = options.first_look;
        loop {
            match self.send_once(write).await {
                Err(error) if error.class == Class::Busy && Instant::now() + pause < give_up => {
                    sleep(pause).await;
                    if stop.is_set() {
                        return Err(Error {
                            class: Class::NotSent,
                            ..error
                        });
                    }
                    pause = (pause * 2).min(LONGEST_BUSY_PAUSE);
                }
                other => return other,
            }
        }
    }

    async fn send_once(&self, write: &dyn Write) -> Result<Outcome, Error> {
        match &self.op {
            Op::Create { address, .. } => {
                let (kind, attributes) = (address.kind(), &self.attributes);
                match write.create(kind, attributes, &self.mark).await {
                    Err(error) if error.class == Class::Exists => {
                        let found = write.find(kind, &[attributes], &self.mark).await?;
                        found
                            .into_iter()
                            .flatten()
                            .next()
                            .map(Outcome::Found)
                            .ok_or(error)
                    }
                    result => result.map(Outcome::Made),
                }
            }
            Op::Import {
                address,
                id,
                mark: true,
                ..
            } => {
                write.mark(self.target(address, id), &self.mark).await?;
                Ok(Outcome::Accepted)
            }
            Op::Update {
                address,
                id,
                changed,
                ..
            } => {
                let target = self.target(address, id);
                write
                    .update(target, &self.attributes, changed)
                    .await
                    .map(Outcome::Made)
            }
            Op::Delete { address, id } => {
                let target = self.target(address, id);
                match write.delete(target).await {
                    // It was there when the plan was made; if it is not any more, this was done.
                    Err(error)
                        if error.class == Class::Ambiguous
                            && matches!(write.get(target).await, Ok(None)) =>
                    {
                        Ok(Outcome::Accepted)
                    }
                    result => result.map(|()| Outcome::Accepted),
                }
            }
            // The state alone changes, or a file, or nothing.
            Op::Import { .. } | Op::Await { .. } | Op::Forget { .. } | Op::WriteBack { .. } => {
                Ok(Outcome::Accepted)
            }
        }
    }

    fn target<'a>(&'a self, address: &'a Address, id: &'a str) -> Target<'a> {
        Target {
            kind: address.kind(),
            id,
            attributes: &self.attributes,
        }
    }
}

const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(5);

/// Every reference replaced by what it refers to.
fn resolve(
    wanted: &BTreeMap<String, Value>,
    recorded: &BTreeMap<Address, Recorded>,
) -> Result<Attributes, String> {
    let resolved = wanted.iter().map(|(name, value)| match value {
        Value::Known(known) => Ok((name.clone(), known.clone())),
        Value::Reference(reference) => recorded
            .get(&reference.address)
            .and_then(|recorded| recorded.attributes.get(&reference.attribute))
            .filter(|found| !found.is_null())
            .map(|found| (name.clone(), found.clone()))
            .ok_or_else(|| format!("there is no {}", crate::resource::show(value))),
    });
    resolved.collect()
}

/// The attributes to remember: those applied, and what the provider set besides.
pub(super) fn remember(kind_name: &str, applied: &Attributes, is: &Attributes) -> Attributes {
    let mut remembered = applied.clone();
    for (name, value) in is {
        let computed = kind(kind_name)
            .and_then(|(_, kind)| kind.attribute(name))
            .is_some_and(|attribute| attribute.on_change == OnChange::Computed);
        if computed || !remembered.contains_key(name) {
            remembered.insert(name.clone(), value.clone());
        }
    }
    remembered
}

/// Whether what was made can be used; if not, what is missing.
pub(super) fn missing(observed: &Observed) -> Option<&str> {
    match &observed.readiness {
        Readiness::Ready => None,
        Readiness::Pending(why) | Readiness::Failed(why) => Some(why),
    }
}
