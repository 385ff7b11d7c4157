use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{Account, Address, Diagnostic};
use crate::resource::kind;

use super::{Op, Plan, Reason, Step, Verb};

/// What a plan may do unasked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many resources that lose something may be destroyed, if the user said so.
    pub max_destroy: Option<usize>,
    /// Whether what is kept otherwise may be wiped.
    pub allow_wipe: bool,
    /// Whether destroying is what was asked for.
    pub destroying: bool,
}

/// Everything that stands against a finished plan; it is carried out only if there is nothing.
#[must_use]
pub fn refusals(plan: &Plan, limits: Limits) -> Vec<Diagnostic> {
    GUARDS
        .iter()
        .filter_map(|guard| guard(plan, limits))
        .collect()
}

const GUARDS: &[fn(&Plan, Limits) -> Option<Diagnostic>] =
    &[emptied_configuration, large_share, max_destroy, wiped];

/// From this many on, a share of what exists that is destroyed may be a slip.
const LARGE: usize = 3;
/// That share, in percent.
const SHARE: usize = 30;

/// An empty cloud.json is more often a broken script than a wish.
fn emptied_configuration(plan: &Plan, limits: Limits) -> Option<Diagnostic> {
    if limits.destroying || limits.max_destroy.is_some() {
        return None;
    }
    let all = losses(plan);
    let is_emptied = |kind: &str| {
        let mut of_kind = plan.actions.iter();
        !of_kind.any(|action| {
            action.address.kind() == kind && !matches!(action.verb, Verb::Delete | Verb::Forget)
        })
    };
    let mut emptied = all.clone();
    // What is kept unless that is allowed is not lost by a slip.
    emptied.retain(|step| is_emptied(&step.kind) && !step.wipes);
    if emptied.is_empty() {
        return None;
    }
    let lost = counted(&emptied);
    let error = Diagnostic::error(format!("cloud.json asks for nothing in place of {lost}"));
    let allow = format!("allow it with --max-destroy {}", all.len());
    let loses = |kind_name: &str| kind(kind_name).is_some_and(|(_, kind)| kind.loses.is_some());
    let mut kinds = plan.actions.iter().map(|action| action.address.kind());
    Some(match kinds.any(|kind| loses(kind) && !is_emptied(kind)) {
        true => error
            .detail("carrying this out would destroy all of that kind")
            .hint(format!("if that is meant, {allow}")),
        false => error
            .detail("carrying this out would destroy all there is")
            .hint(format!(
                "if that is meant, run `cloudbuilder destroy`, or {allow}"
            )),
    })
}

/// A deployment rarely loses a third of itself on purpose. One kind does not hide behind another.
fn large_share(plan: &Plan, limits: Limits) -> Option<Diagnostic> {
    // All of them is another slip, which is told otherwise.
    if limits.destroying
        || limits.max_destroy.is_some()
        || emptied_configuration(plan, limits).is_some()
    {
        return None;
    }
    let all = losses(plan);
    let kinds: BTreeSet<&str> = all.iter().map(|step| step.kind.as_str()).collect();
    kinds.into_iter().find_map(|kind| {
        let mut losses = all.clone();
        losses.retain(|step| step.kind == kind);
        let existing = plan.actions.iter().filter(|action| {
            action.address.kind() == kind
                && action.id.is_some()
                && action.address.had().is_none()
                && action.reason != Reason::DeletedOutside
                && !matches!(action.verb, Verb::Create | Verb::Forget)
        });
        let existing = existing.count();
        let share = losses.len() * 100 / existing.max(1);
        let is_large = losses.len() >= LARGE && losses.len() * 100 > SHARE * existing;
        is_large.then(|| {
            Diagnostic::error(format!(
                "the plan destroys {} of {existing}",
                counted(&losses)
            ))
            .detail(format!(
                "{share} % of what exists; more than {SHARE} % is not destroyed unasked"
            ))
            .hint(format!(
                "read the plan; if it is right, allow it with --max-destroy {}",
                all.len()
            ))
        })
    })
}

fn max_destroy(plan: &Plan, limits: Limits) -> Option<Diagnostic> {
    let (losses, allowed) = (losses(plan), limits.max_destroy?);
    (losses.len() > allowed).then(|| {
        Diagnostic::error(format!("the plan destroys {}", counted(&losses)))
            .detail(format!("--max-destroy allows {allowed}"))
            .hint("read the plan; if it is right, allow as many as it destroys")
    })
}

/// Data that somebody keeps for as long as nobody says otherwise.
fn wiped(plan: &Plan, limits: Limits) -> Option<Diagnostic> {
    let wiping = plan.steps.iter().filter(|step| step.wipes);
    let wiped: Vec<String> = wiping
        .map(|step| format!("{} {}", step.kind, step.label))
        .collect();
    if limits.allow_wipe || wiped.is_empty() {
        return None;
    }
    let lost = plan.steps.iter().find(|step| step.wipes)?.loses;
    let whose = match wiped.as_slice() {
        [one] => one.clone(),
        _ => format!("{} and {} more", wiped.first()?, wiped.len() - 1),
    };
    Some(
        Diagnostic::error(format!("the plan wipes {whose}"))
            .detail(format!(
                "{} would be lost for good, and is never lost unasked",
                lost.unwrap_or("what is on it")
            ))
            .hint("keep a copy of what is needed; then allow it with --allow-wipe"),
    )
}

/// What the plan destroys for good, if it is more than one: how many of which kind, or of several.
#[must_use]
pub fn several_losses(plan: &Plan) -> Option<(usize, &str)> {
    let losses = losses(plan);
    let kind = losses.first()?.kind.as_str();
    let is_one_kind = losses.iter().all(|step| step.kind == kind);
    let kind = if is_one_kind { kind } else { "resource" };
    (losses.len() > 1).then_some((losses.len(), kind))
}

/// The steps that lose something for good, or decide that it will be lost: what another takes the
/// place of is lost with the step that makes the other, also if a later run deletes it.
fn losses(plan: &Plan) -> Vec<&Step> {
    let stays: HashSet<&Address> = plan
        .actions
        .iter()
        .filter(|action| !matches!(action.verb, Verb::Delete | Verb::Forget))
        .map(|action| &action.address)
        .collect();
    let is_loss = |step: &&Step| match &step.op {
        Op::Create {
            address,
            replaces: Some(_),
            ..
        } => kind(address.kind()).is_some_and(|(_, kind)| kind.loses.is_some()),
        Op::Delete { address, .. } => {
            let serves_on = address.had().is_some_and(|(had, _)| stays.contains(&had));
            step.loses.is_some() && !serves_on
        }
        // It is there afterwards; for what was on it there is a guard of its own.
        Op::Update { .. } => false,
        _ => step.loses.is_some(),
    };
    plan.steps.iter().filter(is_loss).collect()
}

/// `2 servers and 14 records`
fn counted(steps: &[&Step]) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for step in steps {
        match kinds.iter_mut().find(|(kind, _)| *kind == step.kind) {
            Some((_, number)) => *number += 1,
            None => kinds.push((&step.kind, 1)),
        }
    }
    let counted = kinds.iter().map(|(kind, number)| {
        let plural = if *number == 1 { "" } else { "s" };
        format!("{number} {kind}{plural}")
    });
    counted.collect::<Vec<_>>().join(" and ")
}

/// Refuses an account other than the recorded one: everything would look deleted there. `label` is
/// its name in cloud.json, where there are several.
#[must_use]
pub fn other_account(
    label: Option<&str>,
    recorded: Option<&Account>,
    found: &Account,
) -> Option<Diagnostic> {
    let recorded = recorded?;
    // On loopback the port is whatever was free; the account's id tells practice clouds apart.
    let same_api = recorded.api_url == found.api_url
        || is_loopback(&recorded.api_url) && is_loopback(&found.api_url);
    if recorded.id == found.id && same_api {
        return None;
    }
    if let Some((was, is)) = regions(recorded, found).filter(|_| same_api) {
        let account = label.map_or("the account".to_owned(), |label| format!("`{label}`"));
        return Some(
            Diagnostic::error(format!("{account} is opened in another region than before"))
                .detail(format!(
                    "the state is about what it has in {was}; it is opened in {is} now, and what \
                     was made in {was} would look deleted"
                ))
                .hint(format!(
                    "name the region {was} again; for servers in {is} too, name another account \
                     under `providers`"
                )),
        );
    }
    let name =
        |account: &Account| format!("{} ({}, at {})", account.name, account.id, account.api_url);
    let whose = label.map_or_else(String::new, |label| format!(" of `{label}`"));
    Some(
        Diagnostic::error(format!(
            "the token{whose} belongs to another account than the state"
        ))
        .detail(format!(
            "the state is about {}; the token opens {}",
            name(recorded),
            name(found)
        ))
        .hint("use the token of that account, or another directory for another deployment"),
    )
}

/// The regions of two accounts that differ in nothing else, where an account is one region.
fn regions<'a>(recorded: &'a Account, found: &'a Account) -> Option<(&'a str, &'a str)> {
    let (was, is) = (recorded.id.rsplit_once('/')?, found.id.rsplit_once('/')?);
    (was.0 == is.0).then_some((was.1, is.1))
}

/// Refuses one account by two names: everything in it would be there twice.
#[must_use]
pub fn same_account_twice(accounts: &BTreeMap<String, Account>) -> Option<Diagnostic> {
    let mut known: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    accounts.iter().find_map(|(name, account)| {
        let other = known.insert((&account.api_url, &account.id), name)?;
        Some(
            Diagnostic::error(format!(
                "`{other}` and `{name}` under `providers` open the same account"
            ))
            .detail(format!("both are {} ({})", account.name, account.id))
            .hint("name it once, and use that name for everything in it"),
        )
    })
}

fn is_loopback(url: &str) -> bool {
    ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
        .iter()
        .any(|local| url.starts_with(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, api_url: &str) -> Account {
        Account {
            provider: "toy".to_owned(),
            api_url: api_url.to_owned(),
            id: id.to_owned(),
            name: "Toy Team".to_owned(),
        }
    }

    #[test]
    fn one_account_by_two_names_is_refused() {
        let api = "https://api.toy.example";
        let accounts = |ids: [&str; 2]| {
            let named = ["a", "b"].into_iter().zip(ids);
            named
                .map(|(name, id)| (name.to_owned(), account(id, api)))
                .collect()
        };
        assert_eq!(same_account_twice(&accounts(["1", "2"])), None);
        let refusal = same_account_twice(&accounts(["1", "1"])).unwrap();
        assert!(refusal.summary.contains("`a` and `b`"), "{refusal:?}");
    }

    #[test]
    fn another_account_or_another_api_is_refused() {
        let known = account("1", "https://api.toy.example");
        let other_account =
            |known: Option<&Account>, found: &Account| other_account(None, known, found);
        assert_eq!(other_account(None, &known), None);
        assert_eq!(other_account(Some(&known), &known), None);
        let refusal = other_account(Some(&known), &account("2", "https://api.toy.example"));
        assert_eq!(
            refusal.unwrap().summary,
            "the token belongs to another account than the state"
        );
        assert!(other_account(Some(&known), &account("1", "http://127.0.0.1:1")).is_some());
        let practice = account("1", "http://127.0.0.1:1");
        assert_eq!(
            other_account(Some(&practice), &account("1", "http://127.0.0.1:2")),
            None
        );
    }

    #[test]
    fn of_several_accounts_the_one_that_is_refused_is_named() {
        let known = account("1", "https://api.toy.example");
        let other = account("2", "https://api.toy.example");
        let refusal = other_account(Some("work"), Some(&known), &other).unwrap();
        assert_eq!(
            refusal.summary,
            "the token of `work` belongs to another account than the state"
        );
    }

    #[test]
    fn another_region_is_called_so() {
        let api = "https://api.toy.example";
        let known = account("1/here", api);
        let summary = |label, id, api| {
            let found = account(id, api);
            other_account(label, Some(&known), &found).unwrap().summary
        };
        let region = "is opened in another region than before";
        assert_eq!(
            summary(None, "1/there", api),
            format!("the account {region}")
        );
        assert_eq!(summary(Some("a"), "1/there", api), format!("`a` {region}"));
        for (id, api) in [("2/there", api), ("1/there", "https://other.example")] {
            assert!(summary(None, id, api).starts_with("the token "), "{id}");
        }
    }
}
