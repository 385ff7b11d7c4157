//! Until when a server is wanted.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use jsonc_parser::ast::Value;

use super::Spanned;
use super::reader::Reader;
use crate::model::Diagnostic;

/// What stands in cloud.json.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// As it is written.
    pub text: String,
    /// What that means.
    pub ends: Ends,
}

/// When something is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// From this time on.
    At(Timestamp),
    /// That long after it was made.
    After(SignedDuration),
}

/// Reads a date, which is over when that day is in UTC, a time, or a duration.
pub(super) fn expires(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<Expiry>> {
    let text = reader.text(what, value)?;
    let Some(ends) = ends(&text.value) else {
        reader.report(
            Diagnostic::error(format!("{what} is no date, time or duration"))
                .hint(
                    "write a date such as `2026-12-31`, a time such as `2026-12-31T18:00:00Z`, or \
                     a duration such as `72h`",
                )
                .at(text.place),
        );
        return None;
    };
    let expiry = Expiry {
        text: text.value,
        ends,
    };
    Some(Spanned::new(expiry, text.place))
}

fn ends(text: &str) -> Option<Ends> {
    let is_date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_date {
        let day: Date = text.parse().ok()?;
        let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
        return Some(Ends::At(next.timestamp()));
    }
    if let Ok(time) = text.parse() {
        return Some(Ends::At(time));
    }
    let span: Span = text.parse().ok()?;
    // Months and years have no one length.
    let days = SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(days).ok()?;
    (duration > SignedDuration::ZERO).then_some(Ends::After(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_times_and_durations_are_told_apart() {
        let at = |text: &str| Some(Ends::At(text.parse().unwrap()));
        let hours = |hours| Some(Ends::After(SignedDuration::from_hours(hours)));
        assert_eq!(ends("2026-12-31"), at("2027-01-01T00:00:00Z"));
        assert_eq!(ends("2028-02-29"), at("2028-03-01T00:00:00Z"));
        assert_eq!(
            ends("2026-12-31T18:00:00+02:00"),
            at("2026-12-31T16:00:00Z")
        );
        assert_eq!(ends("72h"), hours(72));
        assert_eq!(ends("3 days"), hours(72));
        assert_eq!(ends("1w2d"), hours(9 * 24));
        assert_eq!(ends("PT72H"), hours(72));
        for wrong in [
            "2026-02-29",
            "2026-13-01",
            "31.12.2026",
            "2026-12-31T18:00:00",
            "2026-12",
            "72",
            "0s",
            "-72h",
            "1 month",
            "1y",
            "soon",
            "9999-12-31",
            "99999999999999h",
        ] {
            assert_eq!(ends(wrong), None, "{wrong}");
        }
    }
}
