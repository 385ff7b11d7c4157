use std::borrow::Cow;

use super::drift::before_the_steps;
use super::paint::Paint;
use super::phrase;
use super::rows::{Columns, Row, rows};
use crate::model::{Diagnostic, escape};
use crate::plan::Plan;

/// How long a comment may become, in bytes. GitHub refuses bodies of more than 65,536 characters;
/// no text has more characters than bytes, however they are counted.
pub const MARKDOWN_LIMIT: usize = 60_000;

/// How much of that the warnings may take, so that the steps find room too.
const WARNINGS_LIMIT: usize = 15_000;

/// And how much what others changed.
const DRIFT_LIMIT: usize = 5_000;

/// How many characters of a line or of a list of names are shown.
const LINE_LIMIT: usize = 1_000;

/// A line of our own, such as the one that says how much was left out, is shorter than this.
const RESERVE: usize = 500;

/// The plan as a comment for a pull request: what it comes to, the warnings, and the steps folded
/// away; which of several deployments in one directory it is for, if there are several. Never longer than [`MARKDOWN_LIMIT`]; what is cut off is counted.
///
/// Text that was not written in this program stands only inside code, where neither Markdown, HTML
/// nor `@names` mean anything, behind a fence longer than any in it.
#[must_use]
pub fn plan_markdown(plan: &Plan, environment: Option<&str>) -> String {
    // The comment in it is for workflows that look for the comment to replace.
    let of = environment.map_or_else(String::new, |name| format!(" {name}"));
    let mut text = format!("<!-- cloudbuilder plan{of} -->\n");
    let rows = rows(plan);
    if phrase::errors(plan) > 0 {
        text.push_str(&format!(
            "### cloudbuilder{of}: no plan\n\n{}\n",
            phrase::planned(plan)
        ));
    } else if plan.is_empty() {
        text.push_str(&format!(
            "### cloudbuilder{of}: no changes\n\n{}\n",
            phrase::planned(plan)
        ));
    } else {
        text.push_str(&format!(
            "### cloudbuilder plan{of}: {}\n\n",
            phrase::to_do(plan)
        ));
        text.push_str(&worth_knowing(plan));
    }
    if !plan.notes.is_empty() {
        let lines: Vec<String> = plan.notes.iter().flat_map(note).collect();
        text.push('\n');
        text.push_str(&block("text", &lines, "lines", WARNINGS_LIMIT));
    }
    let drift = before_the_steps(&plan.drift, Paint { color: false });
    if !drift.is_empty() {
        text.push('\n');
        text.push_str(&block("text", &drift, "lines", DRIFT_LIMIT));
    }
    if !rows.is_empty() {
        let columns = Columns::of(&rows);
        let lines: Vec<String> = rows.iter().map(|row| columns.sign_first(row)).collect();
        let room = MARKDOWN_LIMIT.saturating_sub(text.len() + RESERVE);
        text.push_str(&format!(
            "\n<details><summary>{}</summary>\n\n{}\n</details>\n",
            phrase::count(rows.len(), "step"),
            block("diff", &lines, &left_out_words(&rows), room),
        ));
    }
    if let Some(checksum) = &plan.checksum {
        text.push_str(&format!("\nChecksum: `{checksum}`\n"));
    }
    text
}

/// Cost, time, and what is lost.
fn worth_knowing(plan: &Plan) -> String {
    let mut text = String::new();
    // An address without a price is the only foreign text in this sentence.
    let cost = phrase::cost(plan);
    if plan.cost.unknown.is_empty() {
        text.push_str(&format!("Cost: {cost}"));
    } else {
        text.push_str(&code_span(&format!("Cost: {cost}")));
    }
    let impact = phrase::impact(plan);
    if impact.harmless {
        text.push_str(&format!(" {}", phrase::HARMLESS));
    }
    text.push('\n');
    if let Some(estimate) = &plan.estimate {
        text.push_str(&format!("\nTime: {}\n", phrase::estimate(estimate)));
    }
    for (heading, what) in impact.warnings() {
        text.push_str(&format!("\n**{heading}:** {}\n", code_span(&what)));
    }
    text
}

fn left_out_words(rows: &[Row]) -> String {
    format!("of {}", phrase::count(rows.len(), "step"))
}

/// A message as lines.
fn note(note: &Diagnostic) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {}",
        note.severity.word(),
        escape(&note.summary)
    )];
    let place = note
        .place
        .as_ref()
        .map(|place| format!("at {}:{}:{}", escape(&place.file), place.line, place.column));
    let hint = note.hint.as_ref().map(|hint| format!("hint: {hint}"));
    for part in [place.as_ref(), Some(&note.detail), hint.as_ref()]
        .into_iter()
        .flatten()
    {
        lines.extend(part.lines().map(|line| format!("  {}", escape(line))));
    }
    lines
}

/// A fenced block of as many lines as fit into so many bytes, and how many did not.
fn block(language: &str, lines: &[String], what: &str, room: usize) -> String {
    let lines: Vec<Cow<'_, str>> = lines.iter().map(|line| shortened(line)).collect();
    let fence = "`".repeat(
        lines
            .iter()
            .map(|line| backticks(line))
            .max()
            .unwrap_or(0)
            .max(2)
            + 1,
    );
    let mut text = format!("{fence}{language}\n");
    let room = room.saturating_sub(text.len() + fence.len() + 2);
    let mut used = 0;
    let mut shown = 0;
    for line in &lines {
        used += line.len() + 1;
        if used > room {
            break;
        }
        text.push_str(line);
        text.push('\n');
        shown += 1;
    }
    text.push_str(&format!("{fence}\n"));
    let left_out = lines.len() - shown;
    if left_out > 0 {
        text.push_str(&format!(
            "\n**{left_out} {what} left out here: they do not fit into a comment. The log has them all.**\n"
        ));
    }
    text
}

/// The text as code within a line.
fn code_span(text: &str) -> String {
    let text = &shortened(text);
    let fence = "`".repeat(backticks(text) + 1);
    if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        format!("{fence} {text} {fence}")
    } else {
        format!("{fence}{text}{fence}")
    }
}

/// The beginning of a text that is longer than anybody reads.
fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LINE_LIMIT) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_longer_than_what_they_hold() {
        assert_eq!(code_span("a"), "`a`");
        assert_eq!(code_span("`a"), "`` `a ``");
        assert_eq!(code_span("a```b"), "````a```b````");
        let lines = ["```".to_owned(), "x ````".to_owned()];
        assert_eq!(block("", &lines, "", 100), "`````\n```\nx ````\n`````\n");
    }
}
