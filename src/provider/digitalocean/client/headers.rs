//! What an answer's headers say: its limits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;

use crate::provider::http::{Hour, number, retry_after};

/// What the headers say of the hour's limit.
pub(super) fn hour_of(headers: &HeaderMap, now: SystemTime) -> Option<Hour> {
    let header = |name: &str| headers.get(name).and_then(number);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let reset = header("ratelimit-reset")?;
    Some(Hour {
        limit: header("ratelimit-limit")?,
        remaining: header("ratelimit-remaining")?,
        reset,
        // Nothing counts for longer; more than that is a clock that is wrong.
        until_reset: Duration::from_secs(reset.saturating_sub(now).min(3600)),
    })
}

/// How long a 429 asks to wait. `retry-after` comes only with the limit per minute; with the one
/// per hour, `ratelimit-reset` says when the oldest counted request falls out of it.
pub(super) fn pause_of(headers: &HeaderMap, now: SystemTime) -> Duration {
    if let Some(wait) = retry_after(headers, now) {
        return wait;
    }
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match headers.get("ratelimit-reset").and_then(number) {
        Some(reset) => Duration::from_secs(reset.saturating_sub(now).max(1)),
        None => Duration::from_secs(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&'static str, &str)| {
            (
                reqwest::header::HeaderName::from_static(name),
                reqwest::header::HeaderValue::from_str(value).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_429_is_waited_for_as_it_says() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let pause = |pairs: &[_]| pause_of(&headers(pairs), now).as_secs();
        assert_eq!(
            pause(&[("retry-after", "30"), ("ratelimit-reset", "1100")]),
            30
        );
        assert_eq!(pause(&[("ratelimit-reset", "1100")]), 100);
        assert_eq!(pause(&[("ratelimit-reset", "900")]), 1);
        assert_eq!(pause(&[]), 5);
    }

    #[test]
    fn the_hour_goes_by_the_clock_that_tells_of_it() {
        let told = headers(&[
            ("ratelimit-limit", "5000"),
            ("ratelimit-remaining", "12"),
            ("ratelimit-reset", "784112377"),
        ]);
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let hour = hour_of(&told, now).unwrap();
        assert_eq!(
            hour,
            Hour {
                limit: 5000,
                remaining: 12,
                reset: 784_112_377,
                until_reset: Duration::from_secs(784_112_377 - 784_111_777),
            }
        );
        assert_eq!(hour_of(&headers(&[]), UNIX_EPOCH), None);
    }
}
