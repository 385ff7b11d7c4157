use super::paint::Paint;
use super::phrase;
use super::rows::{pad, width};
use super::table::Header;
use crate::model::escape;
use crate::plan::{Drift, Drifted, Unnamed, Verb};

/// What others changed, and what is where nothing is to be that cloud.json does not name, a line each;
/// and how much cloud.json asks for besides.
///
/// `recorded` is how many resources there are in all; `to_do` how many cloud.json asks something for
/// that was never applied, if that is known.
#[must_use]
pub fn drift_text(
    drift: &[Drift],
    unnamed: &[Unnamed],
    (recorded, to_do): (usize, Option<usize>),
    header: Header<'_>,
    color: bool,
) -> String {
    let paint = Paint { color };
    let mut text = format!("{}\n\n", paint.dim(&header.line()));
    let mut rows = rows(drift);
    rows.extend(unnamed.iter().map(|one| Row {
        verb: Verb::Create,
        kind: one.kind,
        label: &one.label,
        words: one.words.clone(),
    }));
    for line in lines(&rows, paint) {
        text.push_str(&line);
        text.push('\n');
    }
    if !rows.is_empty() {
        text.push('\n');
    }
    let told = match drift.len() {
        0 if !unnamed.is_empty() => "What is recorded is as it was last applied.".to_owned(),
        0 => "No drift. What is recorded is as it was last applied.".to_owned(),
        1 => format!("1 of {recorded} recorded resources was changed outside."),
        number => format!("{number} of {recorded} recorded resources were changed outside."),
    };
    let unnamed = match unnamed.len() {
        0 => "",
        1 => " 1 is there besides that cloud.json does not name.",
        number => &format!(" {number} are there besides that cloud.json does not name."),
    };
    text.push_str(&paint.bold(&format!("{told}{unnamed}")));
    text.push('\n');
    if let Some(to_do) = to_do.filter(|to_do| *to_do > 0) {
        text.push_str(&format!(
            "Not yet applied: cloud.json asks for a change of {}. `cloudbuilder plan` shows it.\n",
            phrase::count(to_do, "resource")
        ));
    }
    text
}

/// What is said of one.
struct Row<'a> {
    verb: Verb,
    kind: &'static str,
    label: &'a str,
    words: String,
}

fn rows(drift: &[Drift]) -> Vec<Row<'_>> {
    let rows = drift.iter().map(|one| Row {
        verb: match one.what {
            Drifted::Deleted => Verb::Delete,
            Drifted::Changed(_) => Verb::Update,
        },
        kind: one.kind,
        label: &one.label,
        words: one.words(),
    });
    rows.collect()
}

/// A line for each.
fn lines(rows: &[Row<'_>], paint: Paint) -> impl Iterator<Item = String> {
    let widest = |of: fn(&Row<'_>) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let kinds = widest(|one| width(one.kind));
    let labels = widest(|one| width(&escape(one.label)));
    rows.iter().map(move |one| {
        let sign = paint.verb(one.verb, one.verb.sign());
        let (kind, label) = (pad(one.kind, kinds), pad(&escape(one.label), labels));
        let line = format!("  {sign} {kind}  {label}  {}", escape(&one.words));
        line.trim_end().to_owned()
    })
}

/// How much of it a plan tells.
const TOLD: usize = 20;

/// What a plan says of it before its steps, line by line; nothing where nothing was changed.
pub(super) fn before_the_steps(drift: &[Drift], paint: Paint) -> Vec<String> {
    if drift.is_empty() {
        return Vec::new();
    }
    let told = drift.get(..TOLD).unwrap_or(drift);
    let heading = "Changed outside since it was last applied:".to_owned();
    let more = match drift.len() - told.len() {
        0 => None,
        more => Some(format!("  and {more} more; `cloudbuilder drift` lists all")),
    };
    std::iter::once(heading)
        .chain(lines(&rows(told), paint))
        .chain(more)
        .collect()
}
