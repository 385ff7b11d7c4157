use std::cell::OnceCell;
use std::collections::HashSet;

use crate::model::{
    AccountView, Address, Attributes, Desired, Diagnostic, Money, Origin, Readiness, Recorded,
    Value,
};
use crate::resource::{Attribute, Facts, Kind, OnChange, Price, Removal, kind};

mod evicted;
mod protection;
mod serves;

use evicted::evicted;
pub(super) use evicted::evicted_address;
use protection::{
    is_protected, is_to_be_protected, leads_nowhere, not_copied, protected, protected_from_another,
    protected_from_loss, remembered,
};

use super::bind::{Bindings, How, observed};
use super::drain::{Drain, Drains};
use super::replace::Twins;
use super::{Absence, Action, Change, Cost, Index, Input, Reason, Refreshed, Verb, diff, replace};

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
    /// What the state has to say of one that another takes the place of, before that is made.
    pub(super) noted: Vec<Change>,
    /// What the state does not know of it yet.
    pub(super) refreshed: Option<Refreshed>,
    /// What it loses that no state has and that goes all the same.
    pub(super) evicted: Option<&'static str>,
    /// How long it has to serve on before it goes.
    pub(super) drain: Option<Drain>,
    /// What a new one costs a month, if that is anything and known.
    pub(super) price: Option<Money>,
    /// Its cost is something, and not known.
    unpriced: bool,
}

/// One decision for each address that is wanted or recorded.
pub(super) fn decide<'a>(
    input: &Input<'a>,
    index: &Index<'a>,
    bindings: &Bindings<'a>,
    (facts, of_whole): (&Facts<'a>, &Facts<'a>),
    drains: &Drains<'_, 'a>,
    notes: &mut Vec<Diagnostic>,
) -> Vec<Decision<'a>> {
    let mut decider = Decider {
        input,
        index,
        bindings,
        facts,
        left_out: facts.left_out,
        drains,
        twins: OnceCell::new(),
        notes,
    };
    // What is left out would change with all the rest.
    let facts_of = |address| match facts.left_out.contains(address) {
        true => of_whole,
        false => facts,
    };
    let mut decisions = Vec::with_capacity(input.desired.len());
    for &(rank, kind, desired) in &index.by_kind {
        if facts.unwanted.contains(&desired.address) {
            continue;
        }
        let known = decider.notes.len();
        decider.facts = facts_of(&desired.address);
        if facts.replaced.contains(&desired.address) {
            decisions.extend(decider.replace(rank, kind, desired));
        } else {
            decisions.push(decider.keep(rank, kind, desired));
        }
        decider.hush(&desired.address, known);
    }
    for recorded in index.unwanted(facts.unwanted) {
        match kind(recorded.address.kind()) {
            Some((rank, kind)) => {
                let known = decider.notes.len();
                decider.facts = facts_of(&recorded.address);
                decisions.extend(decider.remove(rank, kind, recorded));
                decider.hush(&recorded.address, known);
            }
            None => decider.notes.push(
                Diagnostic::error(format!("the state holds {}", recorded.address))
                    .detail("this version knows no such kind of resource")
                    .hint("use the version of cloudbuilder that wrote the state"),
            ),
        }
    }
    decisions.extend(evicted(facts, decider.notes));
    decisions
}

/// What is paid now and afterwards, also for what is left as it is.
pub(super) fn cost(planned: &[Decision<'_>], left_out: &[Decision<'_>]) -> Cost {
    let decisions = planned.iter().chain(left_out);
    let sum = |amount: fn(&Action) -> Option<Money>| -> Money {
        decisions
            .clone()
            .filter_map(|decision| amount(&decision.action))
            .sum()
    };
    let unknown = decisions.clone().filter(|decision| decision.unpriced);
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
    left_out: &'d HashSet<&'a Address>,
    drains: &'d Drains<'d, 'a>,
    /// Made once it is needed.
    twins: OnceCell<Twins<'a>>,
    notes: &'d mut Vec<Diagnostic>,
}

impl<'a> Decider<'_, 'a> {
    /// Says nothing more about an address than was `known`, if it is left out of the plan.
    fn hush(&mut self, address: &Address, known: usize) {
        if self.left_out.contains(address) {
            self.notes.truncate(known);
        }
    }

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

        // Of what cannot be seen yet only the state says what is still to come.
        let changes = match found {
            Some(found) => diff::changes(kind, desired, found, self.facts),
            None if unseen => diff::unanswered(kind, desired, self.facts),
            None => Vec::new(),
        };
        diff::refusals(kind, desired, &changes, self.input, self.notes);
        let moves = changes.iter().any(|change| change.attaches(kind));
        let drain = known_to_state.filter(|_| moves).and_then(|recorded| {
            let of_it = (recorded.account.as_str(), Some(recorded));
            self.drains.get(kind, address, of_it)
        });
        let stays = drain.filter(|_| !self.input.drains);
        let changes = match stays {
            None => changes,
            Some(drain) => {
                self.notes.push(remembered(address, drain, true));
                self.notes.extend(self.come_too_early(address, found));
                Vec::new()
            }
        };
        if let Some(recorded) = known_to_state
            && is_to_be_protected(kind, recorded, desired)
            && let Some(change) = changes.iter().find(|change| change.remakes(kind))
        {
            let place = desired.place_of(&change.attribute);
            self.notes
                .push(protected_from_loss(kind, address, change).at(place));
        }
        if let Some(copied) = kind.copied
            && desired.text(copied.asked_by) == Some(copied.with)
            && changes.iter().any(|change| change.remakes(kind))
        {
            self.notes
                .push(not_copied(kind, address, copied).at(desired.place_of(copied.asked_by)));
        }
        // What was ready once and is not now lacks something that it is waited for with.
        let is_pending = kind.lingers
            && found.is_some_and(|found| matches!(found.readiness, Readiness::Pending(_)));
        // What others changed, or cloud.json, is put right at once: to wait for what it was to be when
        // it was made may be in vain.
        let is_there = found.is_some_and(|found| matches!(found.readiness, Readiness::Ready));
        let is_changed = is_there && !kind.lingers && !changes.is_empty();
        let awaited = known_to_state
            .is_some_and(|recorded| unseen || is_pending || !recorded.ready && !is_changed);
        let outdated =
            known_to_state.is_some_and(|r| diff::is_outdated(kind, desired, r, self.facts));
        let (verb, reason) = match (found, how) {
            _ if stays.is_some() => (Verb::NoOp, Reason::Remembered),
            (None, _) if unseen => (Verb::NoOp, Reason::NotReady),
            (None, _) if self.was_deleted(address) => (Verb::Create, Reason::DeletedOutside),
            (None, _) => (Verb::Create, Reason::New),
            (Some(_), Some(How::Mark)) => (Verb::Import, Reason::OurMark),
            (Some(_), Some(How::Nature)) => (Verb::Import, Reason::Exists),
            // Somebody was faster; the state must know what it leads to now, and no longer does. What
            // else only the state has to say is told along with that.
            (Some(_), _) if outdated && changes.iter().all(|one| one.is_for_the_state(kind)) => {
                (Verb::Import, Reason::Exists)
            }
            (Some(_), _) if !changes.is_empty() => (
                Verb::Update,
                diff::reason(kind, &changes, desired, recorded, self.facts),
            ),
            (Some(_), _) if awaited => (Verb::NoOp, Reason::NotReady),
            (Some(_), _) => (Verb::NoOp, Reason::UpToDate),
        };
        let account = self.input.accounts.get(&desired.account);
        let price = match found.map(|found| (found, found.monthly)) {
            Some((_, Some(monthly))) => Price::Monthly(monthly),
            Some((found, None)) => price(kind, account, &found.attributes.as_known()),
            None => price(kind, account, &desired.attributes),
        };
        let monthly = price.monthly();
        let after = (verb != Verb::NoOp).then(|| {
            let is = found.map(|found| &found.attributes);
            let applied = known_to_state.map(|recorded| &recorded.attributes);
            self.after(desired, is, applied.filter(|_| found.is_some()), &changes)
        });
        let monthly_after = found
            .zip(after.as_ref())
            .filter(|_| !changes.is_empty())
            .map_or(monthly, |(found, after)| {
                let before = found.attributes.as_known();
                match price_change(kind, account, &before, after) {
                    // What is free may cost something then.
                    Some(more) if price == Price::Free => Some(more).filter(|more| !more.is_zero()),
                    Some(more) => monthly.map(|monthly| monthly + more),
                    // What it costs now is no longer in the catalog.
                    None => self::price(kind, account, after).monthly(),
                }
            });
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
                after,
                changes,
                monthly_before: monthly.filter(|_| found.is_some() || unseen),
                monthly_after,
                place: desired.place.clone(),
            },
            rank,
            kind,
            desired: Some(desired),
            how,
            ours: how == Some(How::Mark)
                || known_to_state.is_some_and(|r| r.origin == Origin::Created),
            awaited,
            noted: Vec::new(),
            refreshed: known_to_state
                .zip(found)
                .and_then(|(recorded, found)| diff::refreshed(kind, recorded, found)),
            evicted: None,
            drain,
            price: monthly,
            unpriced: price == Price::Unknown || monthly.is_some() && monthly_after.is_none(),
        }
    }

    /// What to do with something that another is made for.
    fn replace(
        &mut self,
        rank: usize,
        kind: &'static Kind,
        desired: &'a Desired,
    ) -> Option<Decision<'a>> {
        let address = &desired.address;
        let recorded = self.index.recorded.get(address).copied()?;
        let found = observed(self.input, self.bindings.at.get(address))?;
        let changes = replace::causes(kind, desired, recorded, found);
        if is_to_be_protected(kind, recorded, desired) {
            let place = changes
                .first()
                .and_then(|change| desired.place_of(&change.attribute));
            self.notes
                .push(protected_from_another(kind, address, &changes).at(place));
            return None;
        }
        let twins = self.twins.get_or_init(|| {
            let lineage = self.input.lineage;
            Twins::of(lineage, self.facts)
        });
        if let Some(twin) = twins.of_wanted(kind, desired) {
            self.notes.push(
                Diagnostic::error(format!("{address} cannot be replaced while it has a twin"))
                    .detail(format!(
                        "{} {} has its name and this deployment's mark too",
                        kind.name, twin.id
                    ))
                    .hint("delete that by hand, then run it again")
                    .at(desired.place.clone()),
            );
            return None;
        }
        let account = self.input.accounts.get(&desired.account);
        let price = price(kind, account, &desired.attributes);
        let goes_first = (kind.destroyed_first)(&desired.attributes);
        let is_let_go = |other: &Recorded| {
            let known = crate::resource::kind(other.address.kind());
            known.is_some_and(|(_, kind)| kind.is_let_go)
        };
        let leads_here = |other: &Recorded| other.refers_to.contains(address) && !is_let_go(other);
        if goes_first && self.input.recorded.values().any(leads_here) {
            self.notes
                .push(leads_nowhere(address).at(desired.place.clone()));
        }
        let drain = self.drains.get(kind, address, (&desired.account, None));
        let drain = self.serves_on(drain, kind, recorded);
        let stays = !self.input.drains && drain.is_some() && !goes_first;
        let monthly = price.monthly();
        let both = || Some(monthly? + found.monthly.unwrap_or(Money::ZERO));
        Some(Decision {
            action: Action {
                address: address.clone(),
                account: desired.account.clone(),
                verb: match goes_first {
                    true => Verb::Recreate,
                    false => Verb::Replace,
                },
                reason: Reason::Differs,
                id: Some(found.id.clone()),
                before: Some(found.attributes.clone()),
                after: Some(self.after(desired, None, None, &[])),
                changes,
                monthly_before: found.monthly,
                monthly_after: if stays { both() } else { monthly },
                place: desired.place.clone(),
            },
            rank,
            kind,
            desired: Some(desired),
            how: None,
            ours: true,
            awaited: false,
            noted: diff::noted(kind, desired, self.facts),
            refreshed: None,
            evicted: None,
            drain: drain.filter(|_| !goes_first),
            price: monthly,
            unpriced: price == Price::Unknown,
        })
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
            None if is_protected(kind, recorded) => {
                let withdrawn = self.input.withdrawn.get(address);
                self.notes.push(protected(address, withdrawn));
                return None;
            }
            None => match (kind.removal)(recorded, self.facts) {
                Removal::Delete if self.input.destroying => (Verb::Delete, Reason::Destroy),
                Removal::Delete if self.fails_in_its_place(address) => {
                    self.notes.push(
                        Diagnostic::warning(format!("{address} stays"))
                            .detail("something is wrong with what took its place"),
                    );
                    (Verb::NoOp, Reason::Remembered)
                }
                Removal::Delete => {
                    let withdrawn = self.input.withdrawn.get(address);
                    let reason = if self.serves_in_its_place(address) {
                        Reason::Replaced
                    } else if self.facts.unwanted.contains(address) {
                        Reason::Unmet
                    } else {
                        withdrawn
                            .map_or(Reason::NotConfigured, |why| Reason::Withdrawn(why.clone()))
                    };
                    match self.drain(kind, recorded).filter(|_| !self.input.drains) {
                        None => (Verb::Delete, reason),
                        Some(drain) => {
                            self.notes.push(remembered(address, drain, false));
                            (Verb::NoOp, Reason::Remembered)
                        }
                    }
                }
                Removal::Keep(why) => {
                    self.notes.push(
                        Diagnostic::note(format!("{address} stays in the account"))
                            .detail(format!("{why}; cloudbuilder forgets it")),
                    );
                    (Verb::Forget, Reason::Kept(why))
                }
            },
        };
        let is_there = reason != Reason::DeletedOutside;
        let found = observed(self.input, self.bindings.at.get(address));
        let monthly = found.and_then(|found| found.monthly);
        let before = found.map_or(&recorded.attributes, |found| &found.attributes);
        let stays = verb == Verb::NoOp;
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
                monthly_after: monthly.filter(|_| stays),
                place: None,
            },
            rank,
            kind,
            desired: None,
            how: None,
            ours: recorded.origin == Origin::Created,
            awaited: false,
            noted: Vec::new(),
            refreshed: None,
            evicted: None,
            drain: self.drain(kind, recorded).filter(|_| is_there),
            price: None,
            unpriced: false,
        })
    }

    /// Whether something of it stays when it is deleted by hand.
    fn leaves(&self, recorded: &Recorded) -> bool {
        let account = self.input.accounts.get(&recorded.account);
        recorded.origin == Origin::Created
            && account
                .is_some_and(|view| view.capabilities.leaves.contains(&recorded.address.kind()))
    }

    /// Whether something is wanted at the address that it had.
    fn serves_in_its_place(&self, address: &Address) -> bool {
        let had = address.had();
        had.is_some_and(|(had, _)| self.index.wanted.contains_key(&had))
    }

    /// Whether what is wanted at the address that it had is there and cannot serve.
    fn fails_in_its_place(&self, address: &Address) -> bool {
        let had = address.had().filter(|_| self.serves_in_its_place(address));
        had.and_then(|(had, _)| self.facts.bound(&had))
            .is_some_and(|other| matches!(other.readiness, Readiness::Failed(_)))
    }

    /// How long something that goes has to serve on, if there is what has taken its place, or its
    /// names.
    fn drain(&self, kind: &Kind, recorded: &Recorded) -> Option<Drain> {
        let address = &recorded.address;
        let of_it = (recorded.account.as_str(), Some(recorded));
        let own = match address.had() {
            Some((had, _)) if self.serves_in_its_place(address) => {
                self.drains.get(kind, &had, of_it)
            }
            Some(_) => None,
            None if self.input.destroying => return None,
            None => self.drains.get(kind, address, of_it),
        };
        self.serves_on(own, kind, recorded)
    }

    fn was_deleted(&self, address: &Address) -> bool {
        self.input.absent.get(address) == Some(&Absence::Gone)
    }

    /// The attributes afterwards: those wanted, and those that the provider sets and we know.
    fn after(
        &self,
        desired: &'a Desired,
        is: Option<&Attributes>,
        applied: Option<&Attributes>,
        changes: &[Change],
    ) -> Attributes<Value> {
        let mut after = is.map(Attributes::as_known).unwrap_or_default();
        for (name, wanted) in &desired.attributes {
            let (_, kind) = kind(desired.address.kind()).unzip();
            let on_change = kind
                .and_then(|kind| kind.attribute(name))
                .map(|attribute| attribute.on_change);
            let ignored = |kind: &Kind| kind.ignores(|name| desired.known(name), name);
            if after.contains_key(name) && kind.is_some_and(ignored) {
                continue;
            }
            if on_change == Some(OnChange::Computed) && after.contains_key(name) {
                continue;
            }
            // It keeps what it was made with, whatever is wanted now.
            if on_change == Some(OnChange::CreateOnly)
                && let Some(applied) = applied.and_then(|applied| applied.get(name))
            {
                after.insert(name, Value::Known(applied.clone()));
                continue;
            }
            // Nor was what is there ever given what only a new one gets.
            if is.is_some() && matches!(wanted, Value::Sealed(_)) {
                continue;
            }
            let value = match self.facts.resolve(wanted) {
                // What the provider is to get goes with it.
                Some(_) if matches!(wanted, Value::Sealed(_)) => wanted.clone(),
                Some(known) => Value::Known(known.into_owned()),
                None if after.contains_key(name) && !Change::is_of(changes, name) => continue,
                None => wanted.clone(),
            };
            after.insert(name, value);
        }
        after
    }
}

impl Change {
    /// Whether it is one that only the state hears of.
    pub(super) fn is_for_the_state(&self, kind: &Kind) -> bool {
        let attribute = kind.attribute(&self.attribute);
        attribute.is_some_and(|known| known.on_change == OnChange::Ours)
    }

    /// Whether it changes what something is attached to.
    pub(super) fn attaches(&self, kind: &Kind) -> bool {
        kind.attached_by == Some(&self.attribute)
    }

    /// Whether what has it is made anew for it, and loses what was on it.
    pub(crate) fn remakes(&self, kind: &Kind) -> bool {
        let attribute = kind.attribute(&self.attribute);
        attribute.is_some_and(|known| known.on_change == OnChange::MadeFrom)
    }

    /// What the attribute is while nothing else is changed, if it is one that passes.
    pub(crate) fn usual(&self, kind: &Kind) -> Option<&'static str> {
        kind.attribute(&self.attribute).and_then(Attribute::usual)
    }

    /// Whether an attribute is among those that change.
    fn is_of(changes: &[Self], attribute: &str) -> bool {
        changes.iter().any(|change| change.attribute == attribute)
    }
}

/// What something costs a month in an account.
fn price(kind: &Kind, account: Option<&AccountView>, attributes: &Attributes<Value>) -> Price {
    let catalog = account.and_then(|account| account.catalog.as_ref());
    let is_told = account.is_none_or(|account| account.capabilities.prices);
    match (kind.price)(attributes, catalog) {
        Price::Monthly(_) if !is_told => Price::Unknown,
        price => price,
    }
}

/// By how much something costs more a month with other attributes; `None` if that is not known.
pub(super) fn price_change(
    kind: &Kind,
    account: Option<&AccountView>,
    before: &Attributes<Value>,
    after: &Attributes<Value>,
) -> Option<Money> {
    let price = |attributes| price(kind, account, attributes);
    let mut priced = kind.priced_by.iter();
    let amount = |price| match price {
        Price::Free => Some(Money::ZERO),
        price => price.monthly(),
    };
    match (amount(price(before)), amount(price(after))) {
        (Some(before), Some(after)) => Some(after - before),
        _ if priced.all(|name| before.get(name) == after.get(name)) => Some(Money::ZERO),
        _ => None,
    }
}
