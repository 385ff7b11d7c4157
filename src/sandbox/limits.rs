//! What the API allows: pages of a list, and requests in an hour and a minute.

use super::answer::{Answer, Call, Outcome, Refusal};
use super::model::Millis;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};

const DEFAULT_PER_PAGE: usize = 20;
const MOST_PER_PAGE: usize = 200;

/// Answers with one page of a list: the items under `key`, the links, the total.
///
/// `items` is walked only up to the page's end, and nothing outside the page is written.
pub(super) fn page<T: Serialize>(
    call: &Call,
    key: &str,
    total: usize,
    items: impl Iterator<Item = T>,
) -> Outcome {
    let (page, per_page) = asked(call);
    let from = (page - 1).saturating_mul(per_page);
    let mut body = format!("{{\"{key}\":[").into_bytes();
    for (place, item) in items.skip(from).take(per_page).enumerate() {
        if place > 0 {
            body.push(b',');
        }
        serde_json::to_writer(&mut body, &item)
            .map_err(|error| Refusal::new(500, format!("Server Error: {error}")))?;
    }
    body.extend_from_slice(b"],");
    body.extend_from_slice(&links_and_meta(call, total));
    Ok(Answer { status: 200, body })
}

/// `"links":…,"meta":…}`: the end of every collection.
pub(super) fn links_and_meta(call: &Call, total: usize) -> Vec<u8> {
    let (page, per_page) = asked(call);
    let links = links(call, page, per_page, total);
    format!("\"links\":{links},\"meta\":{{\"total\":{total}}}}}").into_bytes()
}

/// The page asked for and its length. What makes no sense is taken as not said.
fn asked(call: &Call) -> (usize, usize) {
    let number = |name| {
        call.query(name)
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|number| *number > 0)
    };
    let page = number("page").unwrap_or(1);
    let per_page = number("per_page").unwrap_or(DEFAULT_PER_PAGE);
    (page, per_page.min(MOST_PER_PAGE))
}

/// Only the links that lead somewhere; `{}` for a list of one page.
fn links(call: &Call, page: usize, per_page: usize, total: usize) -> Value {
    let last = total.div_ceil(per_page).max(1);
    let mut pages = Map::new();
    let mut link = |name: &str, to: usize| {
        pages.insert(name.to_owned(), url(call, to).into());
    };
    if page > 1 {
        link("first", 1);
        link("prev", page - 1);
    }
    if page < last {
        link("next", page + 1);
        link("last", last);
    }
    if pages.is_empty() {
        return Value::Object(Map::new());
    }
    serde_json::json!({ "pages": pages })
}

/// The same request for another page.
fn url(call: &Call, page: usize) -> String {
    let mut url = format!("{}{}?page={page}", call.base, call.path);
    for (key, value) in call.query.iter().filter(|(key, _)| key != "page") {
        url.push('&');
        encode(key, &mut url);
        url.push('=');
        encode(value, &mut url);
    }
    url
}

/// Text as it may stand in a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    encode(text, &mut encoded);
    encoded
}

fn encode(text: &str, to: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

const HOURLY: usize = 5000;
const BURST: usize = 250;
const KEY_LISTS: usize = 10;
const HOUR: Millis = 3_600_000;
const MINUTE: Millis = 60_000;

/// Who has asked how much. Kept in memory only: a new process begins with a clean slate.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// Times of requests in the last hour, oldest first, by token.
    asked: HashMap<String, VecDeque<Millis>>,
    /// The same for listing SSH keys in the last minute.
    key_lists: HashMap<String, VecDeque<Millis>>,
    enforced: bool,
}

/// What goes into an answer's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) remaining: usize,
    /// Seconds since 1970 at which the oldest counted request counts no more.
    pub(super) reset: i64,
}

impl Rate {
    pub(super) const LIMIT: usize = HOURLY;

    /// Of someone whom nothing has been counted against.
    pub(super) fn full(now: Millis) -> Self {
        Self {
            remaining: HOURLY,
            reset: (now + HOUR).div_euclid(1000),
        }
    }
}

impl Rates {
    pub(super) fn new(enforced: bool) -> Self {
        Self {
            enforced,
            ..Self::default()
        }
    }

    /// Counts a request, or refuses it. While limits are not enforced nothing is used up, so that
    /// a client that paces itself by the headers is not slowed by a limit that is not there.
    pub(super) fn take(
        &mut self,
        token: &str,
        lists_keys: bool,
        now: Millis,
    ) -> (Rate, Result<(), Refusal>) {
        if !self.enforced {
            let mut rate = Rate::full(now);
            rate.remaining -= 1;
            return (rate, Ok(()));
        }
        let asked = self.asked.entry(token.to_owned()).or_default();
        forget(asked, now - HOUR);
        let oldest = asked.front().copied().unwrap_or(now);
        let mut rate = Rate {
            remaining: 0,
            reset: (oldest + HOUR).div_euclid(1000),
        };
        if asked.len() >= HOURLY {
            return (rate, Err(too_many(None)));
        }
        let in_minute = asked.partition_point(|at| *at <= now - MINUTE);
        if asked.len() - in_minute >= BURST {
            let free = asked.get(asked.len() - BURST).map_or(now, |at| at + MINUTE);
            return (rate, Err(too_many(Some(free - now))));
        }
        if lists_keys {
            let lists = self.key_lists.entry(token.to_owned()).or_default();
            forget(lists, now - MINUTE);
            if lists.len() >= KEY_LISTS {
                let free = lists.front().map_or(now, |at| at + MINUTE);
                return (rate, Err(too_many(Some(free - now))));
            }
            lists.push_back(now);
        }
        asked.push_back(now);
        rate.remaining = HOURLY - asked.len();
        (rate, Ok(()))
    }
}

fn forget(times: &mut VecDeque<Millis>, until: Millis) {
    while times.front().is_some_and(|at| *at <= until) {
        times.pop_front();
    }
}

/// `retry-after` comes with limits of a minute only; the hour's tells by `ratelimit-reset`.
fn too_many(wait: Option<Millis>) -> Refusal {
    let refusal = Refusal::new(429, "API Rate limit exceeded.");
    match wait {
        Some(wait) => {
            let seconds = (wait.max(1) + 999) / 1000;
            refusal.with_header("retry-after", seconds.to_string())
        }
        None => refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(query: &[(&str, &str)]) -> Call {
        Call {
            path: "/v2/things".into(),
            base: "http://127.0.0.1:1".into(),
            query: query
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..Call::default()
        }
    }

    fn body(query: &[(&str, &str)], total: usize) -> Value {
        let answer = page(&call(query), "things", total, 0..total).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    #[test]
    fn twenty_a_page_unless_said_and_never_more_than_two_hundred() {
        assert_eq!(body(&[], 500)["things"].as_array().unwrap().len(), 20);
        let long = body(&[("per_page", "900")], 500);
        assert_eq!(long["things"].as_array().unwrap().len(), 200);
        let odd = body(&[("per_page", "0"), ("page", "x")], 500);
        assert_eq!(odd["things"][0], 0);
        assert_eq!(odd["things"].as_array().unwrap().len(), 20);
    }

    #[test]
    fn links_are_there_only_where_they_lead_somewhere() {
        assert_eq!(body(&[], 20)["links"], serde_json::json!({}));
        let first = body(&[("tag_name", "a:b")], 21);
        assert_eq!(
            first["links"],
            serde_json::json!({"pages": {
                "next": "http://127.0.0.1:1/v2/things?page=2&tag_name=a%3Ab",
                "last": "http://127.0.0.1:1/v2/things?page=2&tag_name=a%3Ab",
            }})
        );
        let last = body(&[("page", "2")], 21);
        assert_eq!(last["things"], serde_json::json!([20]));
        assert!(last["links"]["pages"].get("next").is_none());
        assert!(last["links"]["pages"].get("prev").is_some());
        assert_eq!(last["meta"]["total"], 21);
    }

    #[test]
    fn the_minute_is_full_at_250_and_says_when_to_come_again() {
        let mut rates = Rates::new(true);
        for number in 0..250 {
            let (rate, allowed) = rates.take("t", false, 1000 + number);
            assert!(allowed.is_ok());
            assert_eq!(rate.remaining, 4999 - usize::try_from(number).unwrap());
        }
        let (rate, refused) = rates.take("t", false, 2000);
        let refused = refused.unwrap_err();
        assert_eq!((refused.status, rate.remaining), (429, 0));
        assert_eq!(refused.headers, [("retry-after", "59".to_owned())]);
        assert!(rates.take("other", false, 2000).1.is_ok());
        assert!(rates.take("t", false, 61_000).1.is_ok());
    }

    #[test]
    fn the_hour_is_full_at_5000_and_only_its_reset_says_so() {
        let mut rates = Rates::new(true);
        for number in 0..5000 {
            assert!(rates.take("t", false, number * 300).1.is_ok());
        }
        let (rate, refused) = rates.take("t", false, 5000 * 300);
        assert!(refused.unwrap_err().headers.is_empty());
        assert_eq!(rate.reset, 3600);
        assert!(rates.take("t", false, HOUR).1.is_ok());
    }

    #[test]
    fn keys_may_be_listed_ten_times_a_minute() {
        let mut rates = Rates::new(true);
        for _ in 0..10 {
            assert!(rates.take("t", true, 5).1.is_ok());
        }
        assert_eq!(rates.take("t", true, 6).1.unwrap_err().status, 429);
        assert!(rates.take("t", false, 6).1.is_ok());
        assert!(rates.take("t", true, 60_005).1.is_ok());
    }

    #[test]
    fn limits_not_enforced_are_never_used_up() {
        let mut rates = Rates::new(false);
        for _ in 0..6000 {
            let (rate, allowed) = rates.take("t", true, 5);
            assert!(allowed.is_ok() && rate.remaining == 4999);
        }
    }
}
