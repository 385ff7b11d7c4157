use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use crate::model::{Address, Attributes, Observed, Recorded, Secret, Value};
use crate::plan::{Change, Op, Step};
use crate::provider::{Class, Error, Target, Updated, Write, Writers};
use crate::resource::{OnChange, kind, texts_of};
use crate::state::{Effect, Intent};

use super::Options;
use super::outcome::{asked_for, missing};
use super::probing;
use super::resolve::{nothing_there, resolve, value_of};
use super::search::is_coming;

/// Whether nothing new shall be sent: the user wants to stop, or nothing can be saved.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
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
    /// It was asked whether it serves, and does not; what was asked and why it is no answer.
    Unanswered(String),
    /// Nothing was done, and it is to be asked for again: `alone` if the request was for several
    /// and refused as a whole, so that one that is refused keeps no others from coming.
    Again { alone: bool },
}

/// A step ready to be sent: its references resolved, everything it needs in its hands.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) step: usize,
    /// The account that it is about; none, where only a file changes.
    pub(super) account: String,
    pub(super) op: Op,
    /// The attributes wanted, as everybody may see them; of a delete, those it is found by.
    pub(super) attributes: Attributes,
    /// What of these the provider alone gets to see.
    sealed: Vec<(&'static str, Secret)>,
    /// What has to be so right before it is sent: of something that another serves in the place
    /// of, that this is there, and that nothing leads to it.
    pub(super) last_look: Vec<Recorded>,
    /// The number of what was written down about it beforehand.
    pub(super) intent: u64,
    /// Whether that is written down already: it is asked for once more.
    pub(super) is_reminder: bool,
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
            Op::Create { attributes, .. } | Op::Import { attributes, .. } => {
                resolve(attributes, recorded)?
            }
            Op::Update {
                attributes,
                changes,
                address,
                ..
            } => {
                let mut attributes = resolve(attributes, recorded)?;
                forget_what_is_only_seen(address.kind(), &mut attributes, changes);
                attributes
            }
            Op::Delete {
                unrecorded: Some(unrecorded),
                ..
            } => unrecorded.attributes.clone(),
            Op::Delete { address, .. }
            | Op::Await { address, .. }
            | Op::Check { address, .. }
            | Op::Drain { address, .. }
            | Op::Forget { address } => recorded
                .get(address)
                .map(|recorded| recorded.attributes.clone())
                .unwrap_or_default(),
            Op::WriteBack { .. } => Attributes::new(),
        };
        let account = match &step.op {
            Op::Create { account, .. } | Op::Import { account, .. } => Some(account),
            Op::Delete {
                unrecorded: Some(unrecorded),
                ..
            } => Some(&unrecorded.account),
            // Of what is changed or deleted, the state knows the account.
            other => {
                let recorded = other.address().and_then(|address| recorded.get(address));
                recorded.map(|recorded| &recorded.account)
            }
        };
        let sealed = match &step.op {
            Op::Create { attributes, .. } => attributes
                .iter()
                .filter_map(|(name, value)| match value {
                    Value::Sealed(sealed) => {
                        let filled = sealed.filled(|to| value_of(to, recorded));
                        let none = || nothing_there(&sealed.references, recorded);
                        Some(filled.ok_or_else(none).map(|content| (name, content)))
                    }
                    Value::Known(_) | Value::Reference(_) | Value::Template(_) => None,
                })
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        Ok(Self {
            last_look: match &step.op {
                Op::Delete { address, .. } => last_look(address, recorded),
                _ => Vec::new(),
            },
            sealed,
            step: step.number,
            account: account.cloned().unwrap_or_default(),
            op: step.op.clone(),
            attributes,
            intent,
            is_reminder: false,
        })
    }

    /// What has to be written down before it is sent; `None` if it sends nothing that changes
    /// anything. `clock` is the provider's own time, `marks` whether what is made carries our mark.
    pub(super) fn intent(&self, clock: Option<Timestamp>, marks: bool) -> Option<Intent> {
        if self.is_reminder || self.sends_nothing() {
            return None;
        }
        let (effect, id, refers_to) = match &self.op {
            Op::Create {
                refers_to,
                replaces,
                ..
            } => (Effect::Create, replaces.as_ref(), Some(refers_to)),
            Op::Import {
                id,
                refers_to,
                mark: true,
                ..
            } => (Effect::Import, Some(id), Some(refers_to)),
            Op::Update { id, refers_to, .. } => (Effect::Update, Some(id), Some(refers_to)),
            Op::Delete { id, .. } => (Effect::Delete, Some(id), None),
            Op::Import { .. }
            | Op::Await { .. }
            | Op::Check { .. }
            | Op::Drain { .. }
            | Op::Forget { .. }
            | Op::WriteBack { .. } => {
                return None;
            }
        };
        let address = self.op.address()?;
        Some(Intent {
            number: self.intent,
            address: address.clone(),
            account: self.account.clone(),
            effect,
            id: id.cloned(),
            attributes: self.asked_for(),
            refers_to: refers_to.cloned().unwrap_or_default(),
            sent_at: clock,
            unmarked: effect == Effect::Create && !marks,
        })
    }

    /// What is asked for: of a change, what changes.
    pub(super) fn asked_for(&self) -> Attributes {
        match &self.op {
            Op::Update {
                address, changes, ..
            } => asked_for(address, changes, &self.attributes),
            _ => self.attributes.clone(),
        }
    }

    /// What the state has to know before this is sent, because it may take effect whatever becomes
    /// of the answer: that something is not as it usually is is our doing.
    pub(super) fn beforehand(&self, recorded: &BTreeMap<Address, Recorded>) -> Option<Recorded> {
        let passing = self.passing()?;
        let mut recorded = recorded.get(self.op.address()?)?.clone();
        let (name, value) = self.attributes.get_key_value(&passing.attribute)?;
        recorded.attributes.insert(name, value.clone());
        Some(recorded)
    }

    /// The change of an attribute that is to be changed back later, if it is one.
    pub(super) fn passing(&self) -> Option<&Change> {
        let Op::Update {
            address, changes, ..
        } = &self.op
        else {
            return None;
        };
        let (_, kind) = kind(address.kind())?;
        changes.iter().find(|change| {
            let usual = change.usual(kind);
            usual.is_some() && change.after.known().and_then(Json::as_str) != usual
        })
    }

    /// The attributes as the provider gets them.
    fn unsealed(&self) -> Attributes {
        let mut attributes = self.attributes.clone();
        for (name, content) in &self.sealed {
            // It was JSON text when it was sealed.
            let content = serde_json::from_str(content.expose()).unwrap_or_default();
            attributes.insert(*name, content);
        }
        attributes
    }

    /// Whether the state alone changes, or nothing.
    pub(super) fn sends_nothing(&self) -> bool {
        match self.op {
            Op::Update { .. } => self.op.is_for_the_state(),
            Op::Create { .. } | Op::Delete { .. } => false,
            Op::Import { mark, .. } => !mark,
            Op::Await { .. }
            | Op::Check { .. }
            | Op::Drain { .. }
            | Op::Forget { .. }
            | Op::WriteBack { .. } => true,
        }
    }

    /// Whether it asks something that is no provider.
    pub(super) fn is_check(&self) -> bool {
        matches!(self.op, Op::Check { .. })
    }

    async fn ask(&self, options: &Options, stop: &Stop) -> Outcome {
        match &self.op {
            Op::Check { address, probe } => {
                let what = (address.kind(), &self.attributes);
                probing::ask(what, probe, options, stop).await
            }
            _ => Outcome::Accepted,
        }
    }

    fn target(&self) -> Option<Target<'_>> {
        let (address, id) = match &self.op {
            Op::Import { address, id, .. }
            | Op::Update { address, id, .. }
            | Op::Delete { address, id, .. } => (address, id),
            _ => return None,
        };
        Some(Target {
            kind: address.kind(),
            id,
            attributes: &self.attributes,
            coming: false,
        })
    }
}

/// One request: a step, or several alike that are created together in one account.
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
        writers: &Writers,
        options: &Options,
        stop: &Stop,
    ) -> Vec<Answer> {
        let result = self.until_accepted(writers, options, stop).await;
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
        writers: &Writers,
        options: &Options,
        stop: &Stop,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let account = match self.parts.first() {
            Some(part) if part.is_check() => {
                return Ok(vec![Ok(part.ask(options, stop).await)]);
            }
            // The state alone changes, or nothing at all.
            Some(part) if part.sends_nothing() => return Ok(vec![Ok(Outcome::Accepted)]),
            Some(part) => part.account.as_str(),
            None => return Ok(Vec::new()),
        };
        let write = writers.of(account)?;
        let give_up = Instant::now() + options.busy_deadline;
        let mut pause = options.first_look;
        loop {
            match self.send_once(write, writers).await {
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

    /// It may be long since the plan was made: whoever saw that the other one does not serve may
    /// have led the names back.
    async fn look_once_more(&self, part: &Part, writers: &Writers) -> Result<(), Error> {
        let (had, _) = match part.op.address().and_then(Address::had) {
            Some(had) => had,
            None => return Ok(()),
        };
        let given_back = texts_of(had.kind(), &part.attributes, OnChange::Computed);
        let given_back: Vec<&str> = given_back.collect();
        let refused = |why: String| {
            let what = format!("DELETE of what had the address {had}");
            Err(Error::new(Class::Rejected, what, why))
        };
        for recorded in &part.last_look {
            let address = &recorded.address;
            let target = Target {
                kind: address.kind(),
                id: &recorded.id,
                attributes: &recorded.attributes,
                coming: false,
            };
            let seen = writers.of(&recorded.account)?.get(target).await?;
            let serves = *address == had;
            match seen {
                Some(seen) if serves && missing(&seen).is_some() => {
                    let why = missing(&seen).unwrap_or_default();
                    return refused(format!("{address}, in its place, cannot serve: {why}"));
                }
                None if serves => {
                    return refused(format!("{address}, in its place, is not there any more"));
                }
                Some(seen) if !serves => {
                    let mut leads = texts_of(address.kind(), &seen.attributes, OnChange::Update);
                    if leads.any(|data| given_back.contains(&data)) {
                        return refused(format!("{address} was led back to it meanwhile"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn send_part(
        &self,
        part: &Part,
        (write, writers): (&dyn Write, &Writers),
    ) -> Result<Outcome, Error> {
        let mark = self.mark.as_str();
        match &part.op {
            Op::Create { address, .. } => {
                let (kind, attributes) = (address.kind(), &part.unsealed());
                match write.create(kind, attributes, self.mark_on()).await {
                    Err(error) if error.class == Class::Exists => {
                        let found = write.find(kind, &[attributes], mark).await;
                        let mut found = found.ok().into_iter().flatten().flatten();
                        let found = found.find(|found| !is_coming(found, attributes));
                        // With our mark, it was made by a request of ours whose answer was lost.
                        let found =
                            found.map(|found| match found.owners.iter().any(|by| by == mark) {
                                true => Outcome::Made(found),
                                false => Outcome::Found(found),
                            });
                        found.ok_or(error)
                    }
                    result => result.map(Outcome::Made),
                }
            }
            Op::Update { changes, .. } => {
                let Some(target) = part.target() else {
                    return Ok(Outcome::Accepted);
                };
                let changed: Vec<String> = changes
                    .iter()
                    .map(|change| change.attribute.clone())
                    .collect();
                match write
                    .update(target, &part.attributes, &changed, mark)
                    .await?
                {
                    Updated::Done(observed) => Ok(Outcome::Made(observed)),
                    Updated::Underway => Ok(Outcome::Accepted),
                }
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
                self.look_once_more(part, writers).await?;
                match write.delete(target, mark).await {
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
            Op::Import { .. }
            | Op::Await { .. }
            | Op::Check { .. }
            | Op::Drain { .. }
            | Op::Forget { .. }
            | Op::WriteBack { .. } => Ok(Outcome::Accepted),
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
        let attributes: Vec<Attributes> = parts.iter().map(Part::unsealed).collect();
        let attributes: Vec<&Attributes> = attributes.iter().collect();
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

    async fn send_once(
        &self,
        write: &dyn Write,
        writers: &Writers,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        match self.parts.as_slice() {
            [part] => Ok(vec![Ok(self.send_part(part, (write, writers)).await?)]),
            parts => self.create_many(parts, write).await,
        }
    }
}

const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(5);

/// What something that another serves in the place of is looked at with before it goes: the other,
/// and what is recorded to lead there. Nothing, where neither is wanted any more.
fn last_look(address: &Address, recorded: &BTreeMap<Address, Recorded>) -> Vec<Recorded> {
    let Some(other) = address.had().and_then(|(had, _)| recorded.get(&had)) else {
        return Vec::new();
    };
    let leads = recorded
        .values()
        .filter(|one| one.refers_to.contains(&other.address));
    leads.chain([other]).cloned().collect()
}

/// What others may have made of it is no part of what is asked for.
fn forget_what_is_only_seen(kind_name: &str, attributes: &mut Attributes, changes: &[Change]) {
    let Some((_, kind)) = kind(kind_name) else {
        return;
    };
    for attribute in kind.attributes.iter().filter(|known| known.is_only_seen()) {
        let changes = changes.iter();
        if !changes
            .map(|change| &change.attribute)
            .any(|name| name == attribute.name)
        {
            attributes.remove(attribute.name);
        }
    }
}
