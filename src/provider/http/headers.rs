//! What an answer's headers say: the API's clock, and how long to wait.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// The API's own time, which its headers go by.
pub(super) fn api_time(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?)
}

fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    let parser = rfc2822::DateTimeParser::new();
    parser.parse_timestamp(value.to_str().ok()?).ok()
}

/// A header's whole number.
pub(in crate::provider) fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// How long `retry-after` asks to wait, in seconds or until a date; at least a second.
pub(in crate::provider) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let wait = match number(value) {
        Some(seconds) => Duration::from_secs(seconds),
        None => SystemTime::from(http_date(value)?)
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.max(Duration::from_secs(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date() {
        let told = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            let now = http_date(&HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
            retry_after(&headers, now.unwrap().into()).map(|wait| wait.as_secs())
        };
        assert_eq!(told("30"), Some(30));
        assert_eq!(told("0"), Some(1));
        assert_eq!(told("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(told("Sun, 06 Nov 1994 08:40:00 GMT"), Some(1));
        assert_eq!(told("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
