//! The sentences that every form of a plan and of a report shares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::apply::Report;
use crate::model::{Address, Money, escape};
use crate::plan::{Counts, Estimate, Op, Plan, Step, Verb};

/// What a plan without anything to do says.
const NO_CHANGES: &str = "No changes. Your infrastructure matches the configuration.";

/// The same of a part of a plan, when the rest has something to do.
const NO_CHANGES_IN_PART: &str =
    "No changes. This part of your infrastructure matches the configuration.";

/// How many names a sentence lists before it only counts.
const NAMED: usize = 3;

/// `Plan: 1 to import, 3 to add, 1 to change, 0 to destroy.`
///
/// The words and their order are Terraform's: people and scripts search for them.
pub(super) fn planned(plan: &Plan) -> String {
    match errors(plan) {
        0 if plan.is_empty() && plan.left_out > 0 => NO_CHANGES_IN_PART.to_owned(),
        0 if plan.is_empty() => NO_CHANGES.to_owned(),
        0 => format!("Plan: {}.", to_do(plan)),
        errors => format!("Planning failed: {}.", count(errors, "error")),
    }
}

/// How many errors there are. With one, a plan without steps is far from "nothing to do".
pub(super) fn errors(plan: &Plan) -> usize {
    plan.notes.iter().filter(|note| note.is_error()).count()
}

/// `3 to add, 1 to change, 0 to destroy`.
pub(super) fn to_do(plan: &Plan) -> String {
    let Counts {
        import,
        add,
        change,
        destroy,
        forget,
    } = plan.counts();
    let mut text = String::new();
    if import > 0 {
        text.push_str(&format!("{import} to import, "));
    }
    text.push_str(&format!(
        "{add} to add, {change} to change, {destroy} to destroy"
    ));
    if forget > 0 {
        text.push_str(&format!(", {forget} to forget"));
    }
    let waits = waits(plan);
    if waits > 0 {
        text.push_str(&format!(", {waits} to wait for"));
    }
    text
}

/// How many resources are only waited for. They are in none of the other counts, and a plan of
/// "0, 0 and 0" with a step in it would puzzle.
pub(super) fn waits(plan: &Plan) -> usize {
    let step_waits = |step: &&Step| step.verb == Verb::NoOp && matches!(step.op, Op::Await { .. });
    let actions = plan.actions.iter();
    let acted_on = actions.filter(|action| action.verb != Verb::NoOp);
    let acted_on: BTreeSet<&Address> = acted_on.map(|action| &action.address).collect();
    let waits = plan.steps.iter().filter(step_waits);
    let only = |step: &&Step| step.op.address().is_none_or(|one| !acted_on.contains(one));
    waits.filter(only).count()
}

/// How many resources of each verb are done: all their steps are.
pub(super) fn done_counts(plan: &Plan, report: &Report) -> Counts {
    let done: BTreeSet<usize> = report.done.iter().copied().collect();
    let unfinished: BTreeSet<&Address> = plan
        .steps
        .iter()
        .filter(|step| !done.contains(&step.number))
        .filter_map(|step| step.op.address())
        .collect();
    let finished = plan
        .actions
        .iter()
        .filter(|action| !unfinished.contains(&action.address));
    let steps = plan.steps.iter();
    let steps = steps.filter(|step| done.contains(&step.number));
    let finished = Plan {
        actions: finished.cloned().collect(),
        steps: steps.cloned().collect(),
        ..Plan::default()
    };
    finished.counts()
}

/// `Resources: 3 added, 1 changed, 0 destroyed.`; of a destroy `Resources: 3 destroyed.`
pub(super) fn resources(counts: &Counts, destroy: bool) -> String {
    let mut text = "Resources: ".to_owned();
    if counts.import > 0 {
        text.push_str(&format!("{} imported, ", counts.import));
    }
    if !destroy {
        text.push_str(&format!(
            "{} added, {} changed, ",
            counts.add, counts.change
        ));
    }
    text.push_str(&format!("{} destroyed", counts.destroy));
    if counts.forget > 0 {
        text.push_str(&format!(", {} forgotten", counts.forget));
    }
    text.push('.');
    text
}

/// The first line of a report: how it ended and what was done.
pub(super) fn ended(plan: &Plan, report: &Report, destroy: bool) -> String {
    let resources = resources(&done_counts(plan, report), destroy);
    let command = if destroy { "Destroy" } else { "Apply" };
    if report.is_complete() {
        return format!("{command} complete! {resources}");
    }
    let how = if report.interrupted {
        "interrupted"
    } else {
        "failed"
    };
    format!(
        "{command} {how} after {} of {}. {resources}",
        report.done.len(),
        count(plan.steps.len(), "step")
    )
}

/// `$0.00 → $12.00 a month.`, and whose price is not in it.
pub(super) fn cost(plan: &Plan) -> String {
    let cost = &plan.cost;
    let kept = kept(plan);
    let amount = if cost.before == cost.after {
        format!("{} a month, as before{kept}", cost.after)
    } else {
        format!("{} → {} a month{kept}", cost.before, cost.after)
    };
    if cost.unknown.is_empty() {
        return format!("{amount}.");
    }
    let whose = listed(cost.unknown.iter().map(ToString::to_string));
    if kept.is_empty() && cost.before.is_zero() && cost.after.is_zero() {
        return format!("unknown. The provider gives no price for {whose}.");
    }
    format!("{amount}, and what the provider gives no price for: {whose}.")
}

/// `, and at most $1.50 more for copies that stay`
fn kept(plan: &Plan) -> String {
    match plan.kept().map(|kept| kept.at_most) {
        None => String::new(),
        Some(Some(most)) => format!(", and at most {most} more for copies that stay"),
        Some(None) => ", and more for copies that stay".to_owned(),
    }
}

/// `about 3 min (26 requests).`
pub(super) fn estimate(estimate: &Estimate) -> String {
    let requests = usize::try_from(estimate.requests).unwrap_or(usize::MAX);
    let requests = match requests {
        0 => "no requests".to_owned(),
        number => count(number, "request"),
    };
    format!("{} ({requests}).", roughly(estimate.duration))
}

/// A stretch of time that nobody knows exactly: `under a minute`, `about 3 min`, `about 2 h`.
pub(super) fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    // To the nearest minute or hour.
    match (seconds + 30) / 60 {
        _ if seconds < 60 => "under a minute".to_owned(),
        minutes @ ..90 => format!("about {minutes} min"),
        minutes => format!("about {} h", (minutes + 30) / 60),
    }
}

/// What carrying out the plan takes away.
pub(super) struct Impact {
    /// What is gone for good: `old1 and old2, each with its disk`.
    pub(super) lost: Affected,
    /// What cannot be used for a while: `web1 and web2`.
    pub(super) stopped: Affected,
    /// Of what something changes that cannot be taken back: `web1`.
    pub(super) permanent: Affected,
    /// Whether it can be promised that nothing is.
    pub(super) harmless: bool,
}

/// What a plan means something for.
pub(super) struct Affected {
    /// How many.
    pub(super) count: usize,
    /// Which, in words; empty if there is none.
    text: String,
}

/// What the plan loses.
pub(super) fn impact(plan: &Plan) -> Impact {
    let mut lost: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(what) = step.loses {
            lost.entry(what).or_default().push(&step.label);
        }
    }
    let count = lost.values().map(Vec::len).sum();
    let lost: Vec<String> = lost
        .into_iter()
        .map(|(what, labels)| {
            let each = if labels.len() > 1 { ", each" } else { "" };
            let labels = labels.into_iter().map(str::to_owned);
            format!("{}{each} with {what}", listed(labels))
        })
        .collect();
    let lost = Affected {
        count,
        text: lost.join("; "),
    };
    let named = |of: fn(&Step) -> bool| {
        let steps = plan.steps.iter().filter(|step| of(step));
        let mut labels: Vec<String> = steps.map(|step| step.label.clone()).collect();
        labels.dedup();
        Affected {
            count: labels.len(),
            text: listed(labels.into_iter()),
        }
    };
    let stopped = named(|step| step.interrupts);
    // What is deleted or taken from somebody, a name for instance, may be in use even if no data goes
    // with it.
    let mut steps = plan.steps.iter();
    let takes = steps.any(|step| step.verb == Verb::Delete || step.op.takes_away());
    Impact {
        harmless: lost.count == 0 && !takes && stopped.count == 0,
        lost,
        stopped,
        permanent: named(|step| step.permanent),
    }
}

impl Impact {
    /// What is to be read before anything is agreed to: its heading with how many it is about, and
    /// which.
    pub(super) fn warnings(self) -> impl Iterator<Item = (String, String)> {
        let all = [
            ("Downtime", self.stopped),
            ("Cannot be taken back", self.permanent),
            ("Lost for good", self.lost),
        ];
        let all = all.into_iter().filter(|(_, affected)| affected.count > 0);
        all.map(|(heading, Affected { count, text })| (format!("{heading} ({count})"), text))
    }
}

/// Said when [`Impact::harmless`].
pub(super) const HARMLESS: &str = "Nothing is stopped or lost.";

/// `a, b, c and 17 more`, escaped.
pub(super) fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let total = names.len();
    // "and 1 more" would take the room of the name itself.
    let shown = if total == NAMED + 1 { total } else { NAMED };
    let names: Vec<String> = names
        .take(shown)
        .map(|name| escape(&name).into_owned())
        .collect();
    if total > shown {
        return format!("{} and {} more", names.join(", "), total - shown);
    }
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

/// By how much a step changes the monthly bill: `+$6.00/mo`.
pub(super) fn monthly(amount: Money) -> String {
    if amount.is_zero() {
        String::new()
    } else if amount < Money::ZERO {
        format!("{amount}/mo")
    } else {
        format!("+{amount}/mo")
    }
}

/// `1 step`, `2 steps`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("{number} {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// What is done about a request whose answer was lost.
pub(super) const LOST: &str = "looking whether it was made";

/// A stretch of time as people say it: `0.4 s`, `31 s`, `2 m 05 s`, `1 h 02 m`.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if time < Duration::from_millis(9_950) {
        format!("{:.1} s", time.as_secs_f64())
    } else if time < Duration::from_millis(59_500) {
        format!("{:.0} s", time.as_secs_f64())
    } else if seconds < 3600 {
        let seconds = seconds.max(60);
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_are_useful() {
        for (millis, text) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (30_600, "31 s"),
            (59_400, "59 s"),
            (59_600, "1 m 00 s"),
            (125_900, "2 m 05 s"),
            (3_599_999, "59 m 59 s"),
            (3_600_000, "1 h 00 m"),
            (90_000_000, "25 h 00 m"),
        ] {
            assert_eq!(elapsed(Duration::from_millis(millis)), text, "{millis} ms");
        }
    }

    #[test]
    fn a_guess_is_not_told_to_the_second() {
        for (seconds, text) in [
            (0, "under a minute"),
            (59, "under a minute"),
            (60, "about 1 min"),
            (89, "about 1 min"),
            (90, "about 2 min"),
            (5_369, "about 89 min"),
            (5_370, "about 2 h"),
            (8_970, "about 3 h"),
        ] {
            assert_eq!(roughly(Duration::from_secs(seconds)), text, "{seconds} s");
        }
    }

    #[test]
    fn lists_name_three_and_count_the_rest() {
        let list = |total: usize| listed((0..total).map(|n| format!("s{}", n + 1)));
        assert_eq!(list(1), "s1");
        assert_eq!(list(2), "s1 and s2");
        assert_eq!(list(4), "s1, s2, s3 and s4");
        assert_eq!(list(5), "s1, s2, s3 and 2 more");
    }

    #[test]
    fn amounts_carry_their_sign() {
        assert_eq!(monthly(Money::from_dollars(6.0)), "+$6.00/mo");
        assert_eq!(monthly(Money::from_dollars(-6.0)), "-$6.00/mo");
        assert_eq!(monthly(Money::ZERO), "");
    }
}
