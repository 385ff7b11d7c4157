use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value as Json;

use super::drift::before_the_steps;
use super::paint::Paint;
use super::phrase;
use super::rows::{Columns, pad, rows, width};
use super::text_diff::word_diff;
use crate::model::{Address, Reference, Sealed, Value, escape};
use crate::plan::{Op, Plan, Step, Verb};

/// From how many steps on a plan also counts them by kind: it no longer fits on one screen.
const LONG: usize = 25;

/// The number of the step that makes a resource, or waits for it.
type Makers<'a> = BTreeMap<&'a Address, usize>;

/// How a plan is shown.
#[derive(Clone, Debug)]
pub struct PlanStyle<'a> {
    /// With colours.
    pub color: bool,
    /// With each attribute that is set or changed below its step.
    pub verbose: bool,
    /// What the first line says; `None` leaves it out.
    pub header: Option<Header<'a>>,
}

/// What a plan came from.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The command that made it: `plan`.
    pub command: &'a str,
    /// Which of several deployments in the same directory it is about.
    pub environment: Option<&'a str>,
    /// Whom it asked: `digitalocean`.
    pub provider: &'a str,
    /// How many requests that took.
    pub requests: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// The plan as people read it: a numbered line for each step, then what it comes to.
#[must_use]
pub fn plan_text(plan: &Plan, style: &PlanStyle<'_>) -> String {
    let paint = Paint { color: style.color };
    let mut text = String::new();
    if let Some(header) = style.header {
        text.push_str(&paint.dim(&header.line()));
        text.push_str("\n\n");
    }
    for line in before_the_steps(&plan.drift, paint) {
        text.push_str(&line);
        text.push('\n');
    }
    if !plan.drift.is_empty() {
        text.push('\n');
    }
    let rows = rows(plan);
    let columns = Columns::of(&rows);
    let makers = makers(plan);
    for (step, row) in plan.steps.iter().zip(&rows) {
        text.push_str(&columns.line(row, paint));
        text.push('\n');
        if style.verbose {
            for line in attributes(&makers, step) {
                text.push_str(&" ".repeat(columns.indent() + 2));
                text.push_str(&paint.dim(&line));
                text.push('\n');
            }
        }
    }
    if !plan.steps.is_empty() {
        text.push('\n');
    }
    text.push_str(&paint.bold(&phrase::planned(plan)));
    text.push('\n');
    if plan.is_empty() || phrase::errors(plan) > 0 {
        return text;
    }
    if plan.steps.len() >= LONG {
        text.push_str(&by_kind(plan));
    }
    text.push_str(&format!("Cost: {}", phrase::cost(plan)));
    let impact = phrase::impact(plan);
    if impact.harmless {
        text.push_str(&format!(" {}", phrase::HARMLESS));
    }
    text.push('\n');
    if let Some(estimate) = &plan.estimate {
        text.push_str(&format!("Time: {}\n", phrase::estimate(estimate)));
    }
    for (heading, what) in impact.warnings() {
        text.push_str(&paint.red(&format!("{heading}: {what}.")));
        text.push('\n');
    }
    text
}

impl Header<'_> {
    pub(super) fn line(&self) -> String {
        let environment = self.environment.map_or_else(String::new, |name| {
            format!("environment {} · ", escape(name))
        });
        format!(
            "cloudbuilder {} · {environment}{} · {}, {}",
            escape(self.command),
            escape(self.provider),
            phrase::count(self.requests, "request"),
            phrase::elapsed(self.elapsed)
        )
    }
}

/// `By kind: server +200 -3, record +400 ~1.`
fn by_kind(plan: &Plan) -> String {
    let mut kinds: Vec<(&str, BTreeMap<Verb, usize>)> = Vec::new();
    let mut counted: BTreeSet<(Verb, &Address)> = BTreeSet::new();
    for step in &plan.steps {
        // What is changed in several steps is changed once.
        let is_new = |address| counted.insert((step.verb, address));
        if !step.op.address().is_some_and(is_new) {
            continue;
        }
        let known = kinds.iter().position(|(kind, _)| *kind == step.kind);
        let index = known.unwrap_or_else(|| {
            kinds.push((&step.kind, BTreeMap::new()));
            kinds.len() - 1
        });
        if let Some((_, verbs)) = kinds.get_mut(index) {
            *verbs.entry(step.verb).or_default() += 1;
        }
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, verbs)| {
            let mut text = escape(kind).into_owned();
            for (verb, count) in verbs {
                text.push_str(&format!(" {}{count}", verb.sign()));
            }
            text
        })
        .collect();
    format!("By kind: {}.\n", kinds.join(", "))
}

/// The attributes that a step sets or changes, one a line.
fn attributes(makers: &Makers<'_>, step: &Step) -> Vec<String> {
    let lines: Vec<(String, String)> = match &step.op {
        Op::Create { attributes, .. } => attributes
            .iter()
            .map(|(name, value)| (name.to_owned(), wanted(makers, value)))
            .collect(),
        Op::Update { changes, .. } => changes
            .iter()
            .map(|change| {
                let (before, after) = (shown(&change.before), wanted(makers, &change.after));
                let is_text = |value: Option<&Json>| value.is_some_and(Json::is_string);
                let are_texts = is_text(Some(&change.before)) && is_text(change.after.known());
                (
                    change.attribute.clone(),
                    from_to(&before, &after, are_texts),
                )
            })
            .collect(),
        Op::Import { .. }
        | Op::Await { .. }
        | Op::Check { .. }
        | Op::Drain { .. }
        | Op::Delete { .. }
        | Op::Forget { .. }
        | Op::WriteBack { .. } => Vec::new(),
    };
    let lines: Vec<(String, String)> = lines
        .into_iter()
        .map(|(name, value)| (escape(&name).into_owned(), value))
        .collect();
    let widest = lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    lines
        .into_iter()
        .map(|(name, value)| format!("{}  {value}", pad(&name, widest)))
        .collect()
}

/// Longer ones are not held against each other at a glance, in characters.
const LONG_TEXT: usize = 40;

/// What becomes of a value, both as they are shown; of long texts, word by word.
fn from_to(before: &str, after: &str, are_texts: bool) -> String {
    let is_long = |text: &str| text.chars().count() > LONG_TEXT;
    match are_texts && (is_long(before) || is_long(after)) {
        true => word_diff(before, after),
        false => format!("{before} → {after}"),
    }
}

/// A value that is there. Text is in quotes, so that the empty one and one of spaces can be seen.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::Null => "none".to_owned(),
        known => escape(&known.to_string()).into_owned(),
    }
}

/// A value that shall be, or where it comes from.
fn wanted(makers: &Makers<'_>, value: &Value) -> String {
    match value {
        Value::Known(value) | Value::Sealed(Sealed { shown: value, .. }) => shown(value),
        Value::Reference(to) => after_step(
            makers,
            escape(&to.to_string()).into(),
            std::slice::from_ref(to),
        ),
        Value::Template(template) => {
            after_step(makers, shown(&template.written()), template.references())
        }
    }
}

/// What is shown, and from when on it is known what stands in it.
fn after_step(makers: &Makers<'_>, shown: String, references: &[Reference]) -> String {
    let steps = references.iter().filter_map(|to| makers.get(&to.address));
    match steps.max() {
        Some(number) => format!("{shown}, known after step {number}"),
        None => shown,
    }
}

/// The steps that make a resource or wait for one, by its address.
fn makers(plan: &Plan) -> Makers<'_> {
    let makes = |step: &&Step| matches!(step.op, Op::Create { .. } | Op::Await { .. });
    plan.steps
        .iter()
        .filter(makes)
        .filter_map(|step| Some((step.op.address()?, step.number)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_told_word_by_word() {
        let before = "\"v=spf1 include:_spf.example.com include:old.example.net -all\"";
        let after = "\"v=spf1 include:_spf.example.com include:new.example.org ~all\"";
        assert_eq!(
            from_to(before, after, true),
            "\"v=spf1 include:_spf.example.com \
             [-include:old.example.net-]{+include:new.example.org+} [--all\"-]{+~all\"+}"
        );
        assert_eq!(from_to("\"a b\"", "\"a c\"", true), "\"a b\" → \"a c\"");
        assert_eq!(from_to(before, after, false), format!("{before} → {after}"));
    }
}
