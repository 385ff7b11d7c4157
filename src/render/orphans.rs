use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::listing::{ListStyle, table};
use super::paint::Paint;
use super::phrase;
use super::table::Header;
use crate::model::{Money, Observed, escape};
use crate::plan::{Mark, Orphan, Orphans};

/// What nobody looks after.
#[derive(Clone, Copy, Debug)]
pub struct Leftovers<'a> {
    /// What stands in the accounts.
    pub orphans: &'a Orphans<'a>,
    /// What leads to an address that nothing there has: what it is called and where it leads, with
    /// it.
    pub dangling: &'a [(String, String, &'a Observed)],
    /// Whether several accounts were looked at.
    pub several: bool,
    /// The time now.
    pub now: Timestamp,
}

/// What nobody looks after, a line each, and what it costs.
#[must_use]
pub fn orphans_text(left: &Leftovers<'_>, header: Header<'_>, style: ListStyle) -> String {
    let paint = Paint { color: style.color };
    let found = &left.orphans.found;
    let mut text = format!("{}\n\n", paint.dim(&header.line()));
    if !found.is_empty() {
        let mut headings = vec!["KIND", "NAME", "ID", "WHAT", "AGE", "PRICE/MO", "MARK"];
        headings.extend(left.several.then_some("ACCOUNT"));
        let rows = found.iter().map(|orphan| row(orphan, left));
        text.push_str(&table(&headings, &[4, 5], rows, style));
        text.push('\n');
    }
    text.push_str(&paint.bold(&summary(left.orphans)));
    text.push('\n');
    if found.iter().any(|orphan| orphan.mark == Mark::Unclear) {
        text.push_str(
            "Unclear: another deployment may have it without a mark. Look before you delete it.\n",
        );
    }
    if left.orphans.of_others > 0 {
        text.push_str(&format!(
            "{} more {} to {}.\n",
            left.orphans.of_others,
            match left.orphans.of_others {
                1 => "belongs",
                _ => "belong",
            },
            phrase::count(left.orphans.others, "other deployment")
        ));
    }
    if !left.dangling.is_empty() {
        text.push_str(
            "\nLeading to a public address that no server of these accounts has (a load balancer, a \
             reserved IP or another provider may have it):\n",
        );
        for (name, to, seen) in left.dangling {
            text.push_str(&format!(
                "  {} {} ({} {})\n",
                escape(name),
                escape(to),
                seen.kind,
                escape(&seen.id)
            ));
        }
    }
    text
}

fn row(orphan: &Orphan<'_>, left: &Leftovers<'_>) -> Vec<String> {
    let seen = orphan.observed;
    let mut cells = vec![
        seen.kind.to_owned(),
        orphan.name.clone(),
        seen.id.clone(),
        orphan.detail.clone(),
        seen.created
            .map_or_else(String::new, |created| age(created, left.now)),
        orphan
            .monthly
            .map_or_else(|| "unknown".to_owned(), |price| price.to_string()),
        whose(orphan.mark).to_owned(),
    ];
    cells.extend(left.several.then(|| seen.account.to_string()));
    cells
}

fn whose(mark: Mark) -> &'static str {
    match mark {
        Mark::Ours => "this deployment's",
        Mark::Missing => "none",
        Mark::Unclear => "unclear",
    }
}

/// `2 orphans, $18.00 a month.`
fn summary(orphans: &Orphans<'_>) -> String {
    let found = &orphans.found;
    if found.is_empty() {
        return "No orphans. All that was looked at belongs to a deployment.".to_owned();
    }
    let count = phrase::count(found.len(), "orphan");
    let unpriced: Vec<&Orphan<'_>> = found
        .iter()
        .filter(|orphan| orphan.monthly.is_none())
        .collect();
    let sum = sum(orphans);
    match unpriced.len() {
        0 => format!("{count}, {sum} a month."),
        all if all == found.len() => format!("{count}, of unknown price."),
        some => format!("{count}, {sum} a month and {some} of unknown price."),
    }
}

fn sum(orphans: &Orphans<'_>) -> Money {
    let prices = orphans.found.iter();
    prices.filter_map(|orphan| orphan.monthly).sum()
}

/// How long ago something was made: `< 1 h`, `7 h`, `412 d`.
fn age(created: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(created).as_hours();
    match hours {
        ..1 => "< 1 h".to_owned(),
        1..48 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    }
}

/// The same as one JSON document. Prices are in dollars; null where they are not known.
#[must_use]
pub fn orphans_json(left: &Leftovers<'_>) -> String {
    let found = left.orphans.found.iter().map(|orphan| {
        let seen = orphan.observed;
        json!({
            "kind": seen.kind,
            "name": orphan.name,
            "id": seen.id,
            "account": &*seen.account,
            "what": orphan.detail,
            "created": seen.created.map(|created| created.to_string()),
            "monthly": orphan.monthly.map(Money::dollars),
            "mark": whose(orphan.mark),
        })
    });
    let found: Vec<Json> = found.collect();
    let dangling = left.dangling.iter().map(|(name, to, seen)| {
        json!({
            "kind": seen.kind,
            "name": name,
            "id": seen.id,
            "account": &*seen.account,
            "what": to,
        })
    });
    let dangling: Vec<Json> = dangling.collect();
    let document = json!({
        "format_version": "1.0",
        "orphans": found,
        "monthly": sum(left.orphans).dollars(),
        "of_other_deployments": left.orphans.of_others,
        "other_deployments": left.orphans.others,
        "dangling": dangling,
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_as_exact_as_they_are_useful() {
        let created = Timestamp::UNIX_EPOCH;
        for (seconds, text) in [
            (-5, "< 1 h"),
            (0, "< 1 h"),
            (3_599, "< 1 h"),
            (3_600, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 d"),
            (40_000_000, "462 d"),
        ] {
            let now = Timestamp::from_second(seconds).unwrap();
            assert_eq!(age(created, now), text, "{seconds} s");
        }
    }
}
