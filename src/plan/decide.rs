use crate::model::{
    Address, Attributes, Catalog, Desired, Diagnostic, Money, Origin, Readiness, Recorded, Value,
};
use crate::resource::{Facts, Kind, OnChange, Price, Removal, kind};

use super::bind::{Bindings, How, observed};
use super::{Absence, Action, Change, Cost, Index, Input, Reason, Refreshed, Verb, diff};

/// An action with what its steps need besides.
pub(super) struct Decision<'a> {
    pub(super) action: Action,
    /// The kind's place among the kinds, for the order.
    pub(super) rank: usize,
    pub(super) kind: &'static Kind,
    pub(super) desired: Option<&'a Desired>,
    pub(super) how: Option<How>,
    /// Whether this deployment made it.
    pub(super) ours: bool,
    /// Whether it exists and must be waited for.
    pub(super) awaited: bool,
    /// What the state does not know of it yet.
    pub(super) refreshed: Option<Refreshed>,
    /// Its cost is something, and not known.
    unpriced: bool,
}

/// One decision for each address that is wanted or recorded.
pub(super) fn decide<'a>(
    input: &Input<'a>,
    index: &Index<'a>,
    bindings: &Bindings<'a>,
    facts: &Facts<'a>,
    notes: &mut Vec<Diagnostic>,
) -> Vec<Decision<'a>> {
    let mut decider = Decider {
        input,
        index,
        bindings,
        facts,
        notes,
    };
    let mut decisions = Vec::with_capacity(input.desired.len());
    for &(rank, kind, desired) in &index.by_kind {
        if !facts.unwanted.contains(&desired.address) {
            decisions.push(decider.keep(rank, kind, desired));
        }
    }
    for recorded in index.unwanted(facts.unwanted) {
        match kind(recorded.address.kind()) {
            Some((rank, kind)) => decisions.extend(decider.remove(rank, kind, recorded)),
            None => decider.notes.push(
                Diagnostic::error(format!("the state holds {}", recorded.address))
                    .detail("this version knows no such kind of resource")
                    .hint("use the version of cloudbuilder that wrote the state"),
            ),
        }
    }
    decisions
}

/// What is paid now and afterwards.
pub(super) fn cost(decisions: &[Decision<'_>]) -> Cost {
    let sum = |amount: fn(&Action) -> Option<Money>| -> Money {
        decisions
            .iter()
            .filter_map(|decision| amount(&decision.action))
            .sum()
    };
    let unknown = decisions.iter().filter(|decision| decision.unpriced);
    Cost {
        before: sum(|action| action.monthly_before),
        after: sum(|action| action.monthly_after),
        unknown: unknown
            .map(|decision| decision.action.address.clone())
            .collect(),
    }
}

struct Decider<'d, 'a> {
    input: &'d Input<'a>,
    index: &'d Index<'a>,
    bindings: &'d Bindings<'a>,
    facts: &'d Facts<'a>,
    notes: &'d mut Vec<Diagnostic>,
}

impl<'a> Decider<'_, 'a> {
    /// What to do with something that is wanted.
    fn keep(&mut self, rank: usize, kind: &'static Kind, desired: &'a Desired) -> Decision<'a> {
        let address = &desired.address;
        let recorded = self.index.recorded.get(address).copied();
        let found = observed(self.input, self.bindings.at.get(address));
        let how = self.bindings.how.get(address).copied();
        let unseen = self.bindings.unseen.contains(address);
        let known_to_state = recorded.filter(|_| how.is_none() && (found.is_some() || unseen));
        if let Some(recorded) = known_to_state {
            diff::create_only_notes(kind, desired, recorded, self.notes);
        }
        let was_ready = known_to_state.is_some_and(|recorded| recorded.ready);
        if let Some(found) = found
            && let Readiness::Failed(why) = &found.readiness
            && was_ready
        {
            self.notes.push(
                Diagnostic::warning(format!(
                    "{address} is there, and something is wrong with it"
                ))
                .detail(format!("{} {}: {why}", kind.name, found.id))
                .hint("look at it in the account; nothing is done about it here")
                .at(desired.place.clone()),
            );
        }
        if let Some(found) = found
            && let Readiness::Failed(why) = &found.readiness
            && !was_ready
        {
            self.notes.push(
                Diagnostic::error(format!("{address} failed to come up"))
                    .detail(format!("{} {}: {why}", kind.name, found.id))
                    .hint("delete it by hand, then run it again to have it made anew")
                    .at(desired.place.clone()),
            );
        }

        let changes = found
            .map(|found| diff::changes(kind, desired, found, self.facts))
            .unwrap_or_default();
        diff::refusals(kind, desired, &changes, self.input, self.notes);
        // What was ready once and is not now lacks something that it is waited for with.
        let is_pending = kind.lingers
            && found.is_some_and(|found| matches!(found.readiness, Readiness::Pending(_)));
        let awaited =
            known_to_state.is_some_and(|recorded| unseen || is_pending || !recorded.ready);
        let outdated =
            known_to_state.is_some_and(|r| diff::is_outdated(kind, desired, r, self.facts));
        let (verb, reason) = match (found, how) {
            (None, _) if unseen => (Verb::NoOp, Reason::NotReady),
            (None, _) if self.was_deleted(address) => (Verb::Create, Reason::DeletedOutside),
            (None, _) => (Verb::Create, Reason::New),
            (Some(_), Some(How::Mark)) => (Verb::Import, Reason::OurMark),
            (Some(_), Some(How::Nature)) => (Verb::Import, Reason::Exists),
            (Some(_), _) if !changes.is_empty() => (
                Verb::Update,
                diff::reason(&changes, desired, recorded, self.facts),
            ),
            // Somebody was faster; the state must know what it leads to now, and no longer does.
            (Some(_), _) if outdated => (Verb::Import, Reason::Exists),
            (Some(_), _) if awaited => (Verb::NoOp, Reason::NotReady),
            (Some(_), _) => (Verb::NoOp, Reason::UpToDate),
        };
        let price = match found.and_then(|found| found.monthly) {
            Some(monthly) => Price::Monthly(monthly),
            None => (kind.price)(&desired.attributes, self.catalog(&desired.account)),
        };
        let monthly = match price {
            Price::Monthly(monthly) => Some(monthly),
            Price::Free | Price::Unknown => None,
        };
        Decision {
            action: Action {
                address: address.clone(),
                account: desired.account.clone(),
                verb,
                reason,
                id: found
                    .map(|found| found.id.clone())
                    .or_else(|| known_to_state.map(|recorded| recorded.id.clone())),
                before: found.map(|found| found.attributes.clone()),
                after: (verb != Verb::NoOp)
                    .then(|| self.after(desired, found.map(|found| &found.attributes), &changes)),
                changes,
                monthly_before: monthly.filter(|_| found.is_some() || unseen),
                monthly_after: monthly,
                place: desired.place.clone(),
            },
            rank,
            kind,
            desired: Some(desired),
            how,
            ours: how == Some(How::Mark)
                || known_to_state.is_some_and(|r| r.origin == Origin::Created),
            awaited,
            refreshed: known_to_state
                .zip(found)
                .and_then(|(recorded, found)| diff::refreshed(kind, recorded, found)),
            unpriced: price == Price::Unknown,
        }
    }

    /// What to do with something that is recorded and no longer wanted.
    fn remove(
        &mut self,
        rank: usize,
        kind: &'static Kind,
        recorded: &Recorded,
    ) -> Option<Decision<'a>> {
        let address = &recorded.address;
        let (verb, reason) = match self.input.absent.get(address) {
            // What was made for it alone is there still.
            Some(Absence::Gone) if self.leaves(recorded) => (Verb::Delete, Reason::DeletedOutside),
            Some(Absence::Gone) => (Verb::Forget, Reason::DeletedOutside),
            Some(Absence::TooYoung) => {
                self.notes.push(
                    Diagnostic::error(format!("{address} cannot be deleted yet"))
                        .detail(format!(
                            "it was made moments ago with the id {} and is not visible yet",
                            recorded.id
                        ))
                        .hint("run it again in a minute"),
                );
                return None;
            }
            None => match (kind.removal)(recorded, self.facts) {
                Removal::Delete if self.input.destroying => (Verb::Delete, Reason::Destroy),
                Removal::Delete if self.facts.unwanted.contains(address) => {
                    (Verb::Delete, Reason::Unmet)
                }
                Removal::Delete => (Verb::Delete, Reason::NotConfigured),
                Removal::Keep(why) => {
                    self.notes.push(
                        Diagnostic::note(format!("{address} stays in the account"))
                            .detail(format!("{why}; cloudbuilder forgets it")),
                    );
                    (Verb::Forget, Reason::Kept(why))
                }
            },
        };
        let found = observed(self.input, self.bindings.at.get(address));
        let monthly = found.and_then(|found| found.monthly);
        let before = found.map_or(&recorded.attributes, |found| &found.attributes);
        Some(Decision {
            action: Action {
                address: address.clone(),
                account: recorded.account.clone(),
                verb,
                reason,
                id: Some(recorded.id.clone()),
                before: Some(before.clone()),
                after: None,
                changes: Vec::new(),
                monthly_before: monthly,
                monthly_after: None,
                place: None,
            },
            rank,
            kind,
            desired: None,
            how: None,
            ours: recorded.origin == Origin::Created,
            awaited: false,
            refreshed: None,
            unpriced: false,
        })
    }

    fn catalog(&self, account: &str) -> Option<&'a Catalog> {
        self.input.accounts.get(account)?.catalog.as_ref()
    }

    /// Whether something of it stays when it is deleted by hand.
    fn leaves(&self, recorded: &Recorded) -> bool {
        let account = self.input.accounts.get(&recorded.account);
        recorded.origin == Origin::Created
            && account
                .is_some_and(|view| view.capabilities.leaves.contains(&recorded.address.kind()))
    }

    fn was_deleted(&self, address: &Address) -> bool {
        self.input.absent.get(address) == Some(&Absence::Gone)
    }

    /// The attributes afterwards: those wanted, and those that the provider sets and we know.
    fn after(
        &self,
        desired: &'a Desired,
        is: Option<&Attributes>,
        changes: &[Change],
    ) -> Attributes<Value> {
        let mut after: Attributes<Value> = is
            .into_iter()
            .flatten()
            .map(|(name, value)| (name, Value::Known(value.clone())))
            .collect();
        for (name, wanted) in &desired.attributes {
            let computed = kind(desired.address.kind())
                .and_then(|(_, kind)| kind.attribute(name))
                .is_some_and(|attribute| attribute.on_change == OnChange::Computed);
            if computed && after.contains_key(name) {
                continue;
            }
            let value = match self.facts.resolve(wanted) {
                // What the provider is to get goes with it.
                Some(_) if matches!(wanted, Value::Sealed(_)) => wanted.clone(),
                Some(known) => Value::Known(known.clone()),
                None if after.contains_key(name) && !Change::is_of(changes, name) => continue,
                None => wanted.clone(),
            };
            after.insert(name, value);
        }
        after
    }
}

impl Change {
    /// Whether an attribute is among those that change.
    fn is_of(changes: &[Self], attribute: &str) -> bool {
        changes.iter().any(|change| change.attribute == attribute)
    }

    /// The names of the attributes that change.
    pub(super) fn names(changes: &[Self]) -> Vec<String> {
        changes
            .iter()
            .map(|change| change.attribute.clone())
            .collect()
    }
}
