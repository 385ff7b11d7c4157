use std::collections::{BTreeMap, BTreeSet};

use super::paint::Paint;
use super::phrase;
use super::rows::{Columns, Row, rows};
use crate::apply::Report;
use crate::model::{Diagnostic, escape};
use crate::plan::{Op, Plan, Verb};

/// How many steps of a group are listed; the rest is counted.
const LISTED: usize = 10;

/// How a report is shown.
#[derive(Clone, Copy, Debug)]
pub struct ReportStyle<'a> {
    /// With colours.
    pub color: bool,
    /// Whether the command was `destroy`.
    pub destroy: bool,
    /// What to type to go on after a failure: `cloudbuilder apply`.
    pub again: &'a str,
}

/// What became of the plan: one line if all went well, else also what failed, what that held up,
/// and how to go on.
#[must_use]
pub fn report_text(plan: &Plan, report: &Report, style: &ReportStyle<'_>) -> String {
    let paint = Paint { color: style.color };
    let ended = phrase::ended(plan, report, style.destroy);
    if report.is_complete() {
        return format!("{}\n", paint.green(&ended));
    }
    let rows = rows(plan);
    let groups = Groups {
        columns: Columns::of(&rows),
        rows: rows.iter().map(|row| (row.number, row)).collect(),
        paint,
    };
    let mut text = format!("{}\n", paint.red(&ended));

    if let Some(error) = &report.unsaved {
        text.push_str(&format!("\n{}\n", paint.bold("Not saved:")));
        text.push_str(&message(error));
    }
    if let Some(error) = &report.stopped {
        text.push_str(&format!("\n{}\n", paint.bold("Stopped:")));
        text.push_str(&message(error));
    }
    for (steps, error) in alike(&report.failed) {
        text.push_str(&groups.group("Failed:", steps.iter().map(|step| (*step, ""))));
        text.push_str(&message(error));
    }
    if !report.unknown.is_empty() {
        let heading = "Unclear, the request was sent and its answer never came:";
        let steps = report.unknown.iter().map(|step| (*step, ""));
        text.push_str(&groups.group(heading, steps));
        text.push_str(
            "     It may have been carried out. The next run looks at what is there first.\n",
        );
    }
    let of = |is: fn(&Op) -> bool| {
        let pending = report.pending.iter().copied();
        let op = |step: usize| Some(&plan.steps.get(step.checked_sub(1)?)?.op);
        let steps = pending.filter(|step| op(*step).is_some_and(is));
        steps.collect::<Vec<usize>>()
    };
    let deletes = |op: &Op| matches!(op, Op::Delete { .. });
    let changes = |op: &Op| matches!(op, Op::Update { .. });
    let drains = |op: &Op| matches!(op, Op::Drain { .. });
    let comes = |op: &Op| !matches!(op, Op::Delete { .. } | Op::Update { .. } | Op::Drain { .. });
    for (steps, heading, next) in [
        (
            of(changes),
            "Under way, and not seen to be done:",
            "The next run looks what came of them.",
        ),
        (
            of(comes),
            "Not ready yet, made and recorded:",
            "The next run goes on waiting for them.",
        ),
        (
            of(drains),
            "Serving on, because their addresses may be remembered:",
            "The next run waits for what is left of that time, if anything.",
        ),
        (
            of(deletes),
            "Not gone yet, to be deleted and still recorded:",
            "The next run looks whether they are gone.",
        ),
    ] {
        if !steps.is_empty() {
            let steps = steps.iter().map(|step| (*step, ""));
            text.push_str(&groups.group(heading, steps));
            text.push_str(&format!("     {next}\n"));
        }
    }
    if !report.skipped.is_empty() {
        let causes = report.skipped.iter().map(|(step, because)| {
            let cause = format!("step {because} failed: {}", groups.name(*because));
            (*step, cause)
        });
        text.push_str(&groups.group("Skipped:", causes));
    }
    if !report.not_started.is_empty() {
        let steps = report.not_started.iter().map(|step| (*step, ""));
        text.push_str(&groups.group("Not started:", steps));
    }
    let stopped = left_stopped(plan, report);
    if !stopped.is_empty() {
        let heading = "Stopped for a change, and not started again:";
        text.push_str(&format!("\n{}\n", paint.bold(heading)));
        let labels = phrase::listed(stopped.into_iter());
        text.push_str(&format!("     {labels}. The next run does that.\n"));
    }
    let saved = match (&report.unsaved, &report.stopped) {
        (None, None) => "What was done is saved. To go on, run",
        _ => "Mend that first. To go on then, run",
    };
    text.push_str(&format!("\n{saved}: {}\n", style.again));
    text
}

/// What was stopped for a change, and not started again.
fn left_stopped(plan: &Plan, report: &Report) -> Vec<String> {
    let done: BTreeSet<usize> = report.done.iter().copied().collect();
    let begun: BTreeSet<usize> = [&report.done, &report.pending, &report.unknown]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let stops = plan.steps.iter();
    let stops = stops.filter(|step| step.interrupts && begun.contains(&step.number));
    let left = stops.filter(|stop| {
        let mut later = plan.steps.iter().skip(stop.number);
        let last = later.rfind(|step| step.op.address() == stop.op.address());
        last.is_some_and(|last| !done.contains(&last.number))
    });
    let mut labels: Vec<String> = left.map(|step| step.label.clone()).collect();
    labels.dedup();
    labels
}

/// Failures with the same message together: a refused token refuses every step.
fn alike(failed: &[(usize, Diagnostic)]) -> Vec<(Vec<usize>, &Diagnostic)> {
    let mut groups: Vec<(Vec<usize>, &Diagnostic)> = Vec::new();
    for (step, error) in failed {
        match groups.iter_mut().find(|(_, known)| *known == error) {
            Some((steps, _)) => steps.push(*step),
            None => groups.push((vec![*step], error)),
        }
    }
    groups
}

/// What happened, why, and what to do, below the steps it happened to.
fn message(error: &Diagnostic) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let parts = [Some(&error.summary), Some(&error.detail), hint.as_ref()];
    let mut text = String::new();
    for line in parts.into_iter().flatten().flat_map(|part| part.lines()) {
        text.push_str(&format!("     {}\n", escape(line)));
    }
    text
}

struct Groups<'a> {
    columns: Columns,
    rows: BTreeMap<usize, &'a Row>,
    paint: Paint,
}

impl Groups<'_> {
    /// The heading, and a line for each of these steps with what is to be said of it.
    fn group<T: AsRef<str>>(
        &self,
        heading: &str,
        steps: impl ExactSizeIterator<Item = (usize, T)>,
    ) -> String {
        let mut text = format!("\n{}\n", self.paint.bold(heading));
        let total = steps.len();
        for (step, said) in steps.take(LISTED) {
            if let Some(row) = self.rows.get(&step) {
                let line = self.columns.short_line(row, self.paint);
                // Several changes of one thing are told apart by what they are.
                let said = match (row.verb, said.as_ref()) {
                    (Verb::Update, "") => &row.detail,
                    (_, said) => said,
                };
                let line = format!("{line}  {}", self.paint.dim(said));
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        if total > LISTED {
            text.push_str(&format!("     … and {} more\n", total - LISTED));
        }
        text
    }

    fn name(&self, step: usize) -> String {
        self.rows
            .get(&step)
            .map(|row| format!("{} {}", row.kind, row.label))
            .unwrap_or_default()
    }
}
