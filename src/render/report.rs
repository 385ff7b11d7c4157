use std::collections::BTreeMap;

use super::paint::Paint;
use super::phrase;
use super::rows::{Columns, Row, rows};
use crate::apply::Report;
use crate::model::{Diagnostic, escape};
use crate::plan::{Op, Plan};

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
    let (leaving, coming): (Vec<usize>, Vec<usize>) = report
        .pending
        .iter()
        .partition(|step| deletes(plan, **step));
    for (steps, heading, next) in [
        (
            coming,
            "Not ready yet, made and recorded:",
            "The next run goes on waiting for them.",
        ),
        (
            leaving,
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
    let saved = match (&report.unsaved, &report.stopped) {
        (None, None) => "What was done is saved. To go on, run",
        _ => "Mend that first. To go on then, run",
    };
    text.push_str(&format!("\n{saved}: {}\n", style.again));
    text
}

fn deletes(plan: &Plan, number: usize) -> bool {
    let mut steps = plan.steps.iter();
    steps.any(|step| step.number == number && matches!(step.op, Op::Delete { .. }))
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
                let line = format!("{line}  {}", self.paint.dim(said.as_ref()));
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
