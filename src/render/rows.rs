use std::collections::BTreeSet;

use console::measure_text_width;

use super::paint::Paint;
use super::phrase;
use crate::model::{Address, escape};
use crate::plan::{Plan, Step, Verb};

/// A label wider than this, in columns, sticks out instead of pushing every other line's detail to
/// the right.
const WIDEST_LABEL: usize = 44;

/// The same for a detail that is followed by a cost.
const WIDEST_DETAIL: usize = 64;

/// One step as the words of its line, escaped.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) verb: Verb,
    pub(super) kind: String,
    pub(super) label: String,
    pub(super) detail: String,
    pub(super) cost: String,
}

/// The words of every step's line.
pub(super) fn rows(plan: &Plan) -> Vec<Row> {
    let unknown = plan.cost.unknown.iter().collect();
    plan.steps.iter().map(|step| row(&unknown, step)).collect()
}

fn row(unknown: &BTreeSet<&Address>, step: &Step) -> Row {
    let address = step.op.address();
    let cost = match step.monthly {
        Some(amount) => phrase::monthly(amount),
        None if address.is_some_and(|address| unknown.contains(address)) => {
            "price unknown".to_owned()
        }
        None => String::new(),
    };
    Row {
        number: step.number,
        verb: step.verb,
        kind: escape(&step.kind).into_owned(),
        label: escape(&step.label).into_owned(),
        detail: escape(&step.detail).into_owned(),
        cost,
    }
}

/// How wide each column is.
pub(super) struct Columns {
    number: usize,
    sign: usize,
    kind: usize,
    label: usize,
    detail: usize,
    cost: usize,
}

impl Columns {
    /// Wide enough for these rows.
    pub(super) fn of(rows: &[Row]) -> Self {
        let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let capped = |width: usize, cap: usize| if width > cap { 0 } else { width };
        let digits = rows.last().map_or(1, |row| row.number.to_string().len());
        Self {
            number: (digits + 1).max(3),
            sign: widest(&|row| width(row.verb.sign())),
            kind: widest(&|row| width(&row.kind)),
            label: widest(&|row| capped(width(&row.label), WIDEST_LABEL)),
            // What has no cost behind it needs no room kept for one.
            detail: widest(&|row| match row.cost.as_str() {
                "" => 0,
                _ => capped(width(&row.detail), WIDEST_DETAIL),
            }),
            cost: widest(&|row| width(&row.cost)),
        }
    }

    /// Where the kind begins, for lines that belong below a step's.
    pub(super) fn indent(&self) -> usize {
        self.number + 2 + self.sign + 1
    }

    /// `  2  + server   server1   nyc3 · s-1vcpu-1gb   +$6.00/mo`
    pub(super) fn line(&self, row: &Row, paint: Paint) -> String {
        let number = paint.dim(&format!("{:>1$}", row.number, self.number));
        format!("{number}  {}", self.signed(row, paint))
            .trim_end()
            .to_owned()
    }

    /// The same with the sign first, as programs that colour differences want it.
    pub(super) fn sign_first(&self, row: &Row) -> String {
        let paint = Paint { color: false };
        let sign = pad(row.verb.sign(), self.sign);
        format!(
            "{sign}{:>2$}  {}",
            row.number,
            self.rest(row, paint),
            self.number
        )
        .trim_end()
        .to_owned()
    }

    /// `  2  + server   server1`, filled up to where the detail would begin.
    pub(super) fn short_line(&self, row: &Row, paint: Paint) -> String {
        let number = paint.dim(&format!("{:>1$}", row.number, self.number));
        format!("{number}  {}", self.name(row, paint))
    }

    /// From the sign on, and filled up: what a step is called.
    pub(super) fn name(&self, row: &Row, paint: Paint) -> String {
        let sign = paint.verb(row.verb, &pad(row.verb.sign(), self.sign));
        let kind = pad(&row.kind, self.kind);
        format!("{sign} {kind}  {}", pad(&row.label, self.label))
    }

    fn signed(&self, row: &Row, paint: Paint) -> String {
        let sign = paint.verb(row.verb, &pad(row.verb.sign(), self.sign));
        format!("{sign} {}", self.rest(row, paint))
    }

    fn rest(&self, row: &Row, paint: Paint) -> String {
        let mut line = format!("{}  ", pad(&row.kind, self.kind));
        let detail = width(&row.detail);
        if detail == 0 && row.cost.is_empty() {
            line.push_str(&deleted(row, paint, &row.label));
            return line;
        }
        line.push_str(&deleted(row, paint, &pad(&row.label, self.label)));
        line.push_str("  ");
        line.push_str(&row.detail);
        if !row.cost.is_empty() {
            line.push_str(&" ".repeat(self.detail.saturating_sub(detail) + 2));
            line.push_str(&format!("{:>1$}", row.cost, self.cost));
        }
        line
    }
}

/// What is deleted is red as far as its name: one sign is easily overlooked among hundreds.
fn deleted(row: &Row, paint: Paint, label: &str) -> String {
    match row.verb {
        Verb::Delete => paint.red(label),
        Verb::NoOp
        | Verb::Create
        | Verb::Replace
        | Verb::Recreate
        | Verb::Import
        | Verb::Update
        | Verb::Forget => label.to_owned(),
    }
}

/// How many columns of a terminal the text takes.
pub(super) fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// The text, filled up to so many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}
