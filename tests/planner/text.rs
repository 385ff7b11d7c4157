//! A plan as short text.

use std::fmt::Write;

use cloudbuilder::model::{Diagnostic, Severity};
use cloudbuilder::plan::{Op, Step};

use crate::world::World;

impl World {
    /// The plan, or what stands against it: a line for each step and each message.
    pub(crate) fn text(&self) -> String {
        match self.plan() {
            Ok(plan) => {
                let steps = plan.steps.iter().map(step);
                let lines = steps.chain(plan.notes.iter().map(message));
                lines.collect::<Vec<_>>().join("\n")
            }
            Err(found) => {
                let errors = found.iter().filter(|d| d.severity == Severity::Error);
                errors.map(message).collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Compares the plan with what is expected, whose lines may be indented.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &str) {
        let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
        let expected = expected.join("\n");
        let text = self.text();
        assert!(text == expected, "expected:\n{expected}\n\ngot:\n{text}\n");
    }
}

/// `3 + record www.acme.com A: → web's public IPv4 (after 2)`
fn step(step: &Step) -> String {
    let mut text = format!(
        "{} {} {} {}",
        step.number,
        step.verb.sign(),
        step.kind,
        step.label
    );
    if !step.detail.is_empty() {
        let _ = write!(text, ": {}", step.detail);
    }
    if let Some(monthly) = step.monthly {
        let _ = write!(text, " {monthly}");
    }
    if let Op::Update { changes, .. } = &step.op {
        let names: Vec<&str> = changes.iter().map(|c| c.attribute.as_str()).collect();
        let _ = write!(text, " [{}]", names.join(", "));
    }
    if !step.waits_for.is_empty() {
        let numbers: Vec<String> = step.waits_for.iter().map(ToString::to_string).collect();
        let _ = write!(text, " (after {})", numbers.join(", "));
    }
    text
}

fn message(diagnostic: &Diagnostic) -> String {
    let word = diagnostic.severity.word();
    match diagnostic.detail.as_str() {
        "" => format!("{word}: {}", diagnostic.summary),
        detail => format!("{word}: {}: {detail}", diagnostic.summary),
    }
}
