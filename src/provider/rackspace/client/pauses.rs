//! How an answer asks to wait. Cloud Servers tells seconds in `Retry-After`, Cloud DNS an instant
//! in a header of its own, `Reply-After` (public documentation, "Rate limits" of each service).

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use crate::provider::http::{number, retry_after};

const REPLY_AFTER: &str = "reply-after";

/// How long an answer asks to wait; `None` if it does not say.
pub(super) fn told(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(wait) = retry_after(headers, now) {
        return Some(wait);
    }
    let value = headers
        .get(REPLY_AFTER)
        .or_else(|| headers.get(RETRY_AFTER))?;
    let wait = match number(value) {
        Some(seconds) => Duration::from_secs(seconds),
        None => SystemTime::from(instant(value)?)
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.max(Duration::from_secs(1)))
}

/// An instant of ISO 8601; one without an offset is in UTC.
fn instant(value: &HeaderValue) -> Option<Timestamp> {
    let text = value.to_str().ok()?.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = text.parse().ok()?;
    let zoned = local.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    fn wait(name: &'static str, value: &str) -> Option<u64> {
        let name = HeaderName::from_static(name);
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
        let now: Timestamp = "2026-11-22T21:46:30Z".parse().unwrap();
        told(&headers, now.into()).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_by_its_end() {
        assert_eq!(wait("retry-after", "7"), Some(7));
        for end in [
            "2026-11-22T21:47:00Z",
            "2026-11-22T21:47:00.000+0000",
            "2026-11-22T15:47:00-06:00",
            "2026-11-22T21:47:00",
        ] {
            assert_eq!(wait("reply-after", end), Some(30), "{end}");
            assert_eq!(wait("retry-after", end), Some(30), "{end}");
        }
        assert_eq!(wait("reply-after", "2026-11-22T21:46:00Z"), Some(1));
        assert_eq!(wait("reply-after", "soon"), None);
        assert_eq!(wait("date", "x"), None);
    }
}
