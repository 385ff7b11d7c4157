use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::model::{Address, Attributes, Observed, Recorded, Value};
use crate::plan::{Op, Step};
use crate::provider::{Class, Error, Target, Write};
use crate::state::{Effect, Intent};

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
#[derive(Clone)]
pub(super) enum Outcome {
    /// It exists; what the provider says of it.
    Made(Observed),
    /// It was there already.
    Found(Observed),
    /// The provider took note.
    Accepted,
    /// Nothing was done, and it is to be asked for again: `alone` if the request was for several
    /// and refused as a whole, so that one that is refused keeps no others from coming.
    Again { alone: bool },
}

/// A step ready to be sent: its references resolved, everything it needs in its hands.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) step: usize,
    pub(super) op: Op,
    /// The attributes wanted; of a delete, those it is found by.
    pub(super) attributes: Attributes,
    /// The number of what was written down about it beforehand.
    pub(super) intent: u64,
}

impl Part {
    /// Prepares a step from what is known now.
    ///
    /// # Errors
    /// The reference that leads to nothing, in words.
    pub(super) fn new(
        step: &Step,
        intent: u64,
        recorded: &BTreeMap<Address, Recorded>,
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
            step: step.number,
            op: step.op.clone(),
            attributes,
            intent,
        })
    }

    /// What has to be written down before it is sent; `None` if it sends nothing that changes
    /// anything. `clock` is the provider's own time, `marks` whether what is made carries our mark.
    pub(super) fn intent(
        &self,
        recorded: &BTreeMap<Address, Recorded>,
        clock: Option<Timestamp>,
        marks: bool,
    ) -> Option<Intent> {
        let (effect, account, id, refers_to) = match &self.op {
            Op::Create {
                account, refers_to, ..
            } => (Effect::Create, Some(account), None, Some(refers_to)),
            Op::Import {
                account,
                id,
                refers_to,
                mark: true,
                ..
            } => (Effect::Import, Some(account), Some(id), Some(refers_to)),
            Op::Update { id, refers_to, .. } => (Effect::Update, None, Some(id), Some(refers_to)),
            Op::Delete { id, .. } => (Effect::Delete, None, Some(id), None),
            Op::Import { .. } | Op::Await { .. } | Op::Forget { .. } | Op::WriteBack { .. } => {
                return None;
            }
        };
        let address = self.op.address()?;
        // Of what is changed or deleted, the state knows the account.
        let known = || recorded.get(address).map(|recorded| &recorded.account);
        Some(Intent {
            number: self.intent,
            address: address.clone(),
            account: account.or_else(known).cloned().unwrap_or_default(),
            effect,
            id: id.cloned(),
            attributes: self.attributes.clone(),
            refers_to: refers_to.cloned().unwrap_or_default(),
            sent_at: clock,
            unmarked: effect == Effect::Create && !marks,
        })
    }

    fn target(&self) -> Option<Target<'_>> {
        let (address, id) = match &self.op {
            Op::Import { address, id, .. }
            | Op::Update { address, id, .. }
            | Op::Delete { address, id } => (address, id),
            _ => return None,
        };
        Some(Target {
            kind: address.kind(),
            id,
            attributes: &self.attributes,
        })
    }
}

/// One request: a step, or several alike that are created together.
pub(super) struct Call {
    pub(super) parts: Vec<Part>,
    pub(super) mark: String,
    /// Whether what it creates carries the mark: what its intents say.
    pub(super) marks: bool,
}

/// A step of a call, and what came of it.
pub(super) type Answer = (Part, Result<Outcome, Error>);

impl Call {
    /// Sends it. What is refused because something is pending is sent again until it is not.
    pub(super) async fn send(
        self,
        write: &dyn Write,
        options: &Options,
        stop: &Stop,
    ) -> Vec<Answer> {
        let result = self.until_accepted(write, options, stop).await;
        let parts = self.parts.into_iter();
        match result {
            Ok(outcomes) => parts.zip(outcomes).collect(),
            // The next request knows that there can be no mark, and its intent says so.
            Err(error) if error.class == Class::Unmarkable => {
                let again = Outcome::Again { alone: false };
                parts.map(|part| (part, Ok(again.clone()))).collect()
            }
            Err(error) => parts.map(|part| (part, Err(error.clone()))).collect(),
        }
    }

    async fn until_accepted(
        &self,
        write: &dyn Write,
        options: &Options,
        stop: &Stop,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let give_up = Instant::now() + options.busy_deadline;
        let mut pause = options.first_look;
        loop {
            match self.send_once(write).await {
                Err(error) if error.class == Class::Busy && Instant::now() + pause < give_up => {
                    sleep(pause).await;
                    if stop.is_set() {
                        let again = || Ok(Outcome::Again { alone: false });
                        return Ok(self.parts.iter().map(|_| again()).collect());
                    }
                    pause = (pause * 2).min(LONGEST_BUSY_PAUSE);
                }
                other => return other,
            }
        }
    }

    /// The mark to put on what is created.
    fn mark_on(&self) -> Option<&str> {
        self.marks.then_some(self.mark.as_str())
    }

    async fn send_part(&self, part: &Part, write: &dyn Write) -> Result<Outcome, Error> {
        let mark = self.mark.as_str();
        match &part.op {
            Op::Create { address, .. } => {
                let (kind, attributes) = (address.kind(), &part.attributes);
                match write.create(kind, attributes, self.mark_on()).await {
                    Err(error) if error.class == Class::Exists => {
                        let found = write.find(kind, &[attributes], mark).await;
                        let found = found.ok().into_iter().flatten().flatten().next();
                        found.map(Outcome::Found).ok_or(error)
                    }
                    result => result.map(Outcome::Made),
                }
            }
            Op::Update { changed, .. } => {
                let Some(target) = part.target() else {
                    return Ok(Outcome::Accepted);
                };
                let updated = write.update(target, &part.attributes, changed).await;
                updated.map(Outcome::Made)
            }
            Op::Import { mark: true, .. } => {
                if let Some(target) = part.target() {
                    write.mark(target, mark).await?;
                }
                Ok(Outcome::Accepted)
            }
            Op::Delete { .. } => {
                let Some(target) = part.target() else {
                    return Ok(Outcome::Accepted);
                };
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

    async fn create_many(
        &self,
        parts: &[Part],
        write: &dyn Write,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let kind = parts
            .first()
            .and_then(|part| part.op.address())
            .map_or("", Address::kind);
        let attributes: Vec<&Attributes> = parts.iter().map(|part| &part.attributes).collect();
        match write.create_many(kind, &attributes, self.mark_on()).await {
            Err(error) if matches!(error.class, Class::Rejected | Class::Exists) => {
                let again = || Ok(Outcome::Again { alone: true });
                Ok(parts.iter().map(|_| again()).collect())
            }
            result => Ok(result?
                .into_iter()
                .map(|made| made.map(Outcome::Made))
                .collect()),
        }
    }

    async fn send_once(&self, write: &dyn Write) -> Result<Vec<Result<Outcome, Error>>, Error> {
        match self.parts.as_slice() {
            [part] => Ok(vec![Ok(self.send_part(part, write).await?)]),
            parts => self.create_many(parts, write).await,
        }
    }
}

const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(5);

/// Every reference replaced by what it refers to.
fn resolve(
    wanted: &Attributes<Value>,
    recorded: &BTreeMap<Address, Recorded>,
) -> Result<Attributes, String> {
    let resolved = wanted.iter().map(|(name, value)| match value {
        Value::Known(known) => Ok((name, known.clone())),
        Value::Reference(reference) => recorded
            .get(&reference.address)
            .and_then(|recorded| recorded.attributes.get(&reference.attribute))
            .filter(|found| !found.is_null())
            .map(|found| (name, found.clone()))
            .ok_or_else(|| format!("there is no {}", crate::resource::show(value))),
    });
    resolved.collect()
}
