use super::paint::Paint;
use super::phrase;
use super::rows::{pad, width};
use super::table::Header;
use crate::model::escape;
use crate::plan::{Drift, Drifted, Verb};

/// What others changed, a line each, and how much cloud.json asks for besides.
///
/// `recorded` is how many resources there are in all; `to_do` how many cloud.json asks something for
/// that was never applied, if that is known.
#[must_use]
pub fn drift_text(
    drift: &[Drift],
    (recorded, to_do): (usize, Option<usize>),
    header: Header<'_>,
    color: bool,
) -> String {
    let paint = Paint { color };
    let mut text = format!("{}\n\n", paint.dim(&header.line()));
    for line in lines(drift, paint) {
        text.push_str(&line);
        text.push('\n');
    }
    if !drift.is_empty() {
        text.push('\n');
    }
    let told = match drift.len() {
        0 => "No drift. What is recorded is as it was last applied.".to_owned(),
        1 => format!("1 of {recorded} recorded resources was changed outside."),
        number => format!("{number} of {recorded} recorded resources were changed outside."),
    };
    text.push_str(&paint.bold(&told));
    text.push('\n');
    if let Some(to_do) = to_do.filter(|to_do| *to_do > 0) {
        text.push_str(&format!(
            "Not yet applied: cloud.json asks for a change of {}. `cloudbuilder plan` shows it.\n",
            phrase::count(to_do, "resource")
        ));
    }
    text
}

/// A line for each.
fn lines(drift: &[Drift], paint: Paint) -> impl Iterator<Item = String> {
    let widest = |of: fn(&Drift) -> &str| drift.iter().map(|one| width(&escape(of(one)))).max();
    let kinds = widest(|one| one.kind).unwrap_or(0);
    let labels = widest(|one| &one.label).unwrap_or(0);
    drift.iter().map(move |one| {
        let verb = match one.what {
            Drifted::Deleted => Verb::Delete,
            Drifted::Changed(_) => Verb::Update,
        };
        let sign = paint.verb(verb, verb.sign());
        let (kind, label) = (pad(one.kind, kinds), pad(&escape(&one.label), labels));
        let line = format!("  {sign} {kind}  {label}  {}", escape(&one.words()));
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
        .chain(lines(told, paint))
        .chain(more)
        .collect()
}
