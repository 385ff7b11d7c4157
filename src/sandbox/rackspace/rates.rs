//! How often an account may ask (docs-cloud-dns and docs-cloud-servers, `general-api-info/limits.rst`).
//!
//! What enforces it stands before both services and answers in one form, with the moment from
//! which it is good to ask again: Cloud Servers in `Retry-After`, in seconds, Cloud DNS in
//! `Reply-After`, as an instant.

use super::answer::Fault;
use super::model::Millis;
use super::routes::Service;
use std::collections::{HashMap, VecDeque};

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const DAY: Millis = 24 * 60 * MINUTE;

/// A limit: so many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Limit {
    what: &'static str,
    most: usize,
    span: Millis,
}

const fn limit(what: &'static str, most: usize, span: Millis) -> Limit {
    Limit { what, most, span }
}

/// The limits that a request counts against.
fn limits(service: Service, method: &str, path: &str) -> Vec<Limit> {
    match (service, method) {
        (Service::Identity, _) => Vec::new(),
        (Service::Servers, "GET") => vec![limit("servers GET", 1000, MINUTE)],
        (Service::Servers, "POST") if path == "/servers" => vec![
            limit("servers POST", 100, MINUTE),
            limit("servers created", 1000, DAY),
        ],
        (Service::Servers, "POST") => vec![limit("servers POST", 100, MINUTE)],
        (Service::Servers, _) => Vec::new(),
        (Service::Dns, "GET") if path.starts_with("/status") => {
            vec![limit("dns status", 5, SECOND)]
        }
        (Service::Dns, "GET") if path.starts_with("/domains/search") => {
            vec![limit("dns search", 20, MINUTE)]
        }
        (Service::Dns, _) if !path.starts_with("/domains") => Vec::new(),
        (Service::Dns, "GET") => vec![limit("dns GET", 60, MINUTE)],
        (Service::Dns, "POST") => vec![limit("dns POST", 20, MINUTE)],
        (Service::Dns, "PUT") => vec![limit("dns PUT", 20, MINUTE)],
        (Service::Dns, "DELETE") => vec![limit("dns DELETE", 10, MINUTE)],
        (Service::Dns, _) => Vec::new(),
    }
}

/// Who has asked what, and when. Kept in memory only: a new process begins with a clean slate.
#[derive(Debug, Default)]
pub(super) struct Rates {
    asked: HashMap<(String, Limit), VecDeque<Millis>>,
    enforced: bool,
}

impl Rates {
    pub(super) fn new(enforced: bool) -> Self {
        Self {
            enforced,
            ..Self::default()
        }
    }

    /// Counts a request, or refuses it. `path` is the part behind the account.
    pub(super) fn take(
        &mut self,
        account: &str,
        service: Service,
        method: &str,
        path: &str,
        now: Millis,
    ) -> Result<(), Fault> {
        if !self.enforced {
            return Ok(());
        }
        let limits = limits(service, method, path);
        for limit in &limits {
            let times = self.asked.entry((account.to_owned(), *limit)).or_default();
            while times.front().is_some_and(|at| *at <= now - limit.span) {
                times.pop_front();
            }
            if times.len() >= limit.most {
                let free = times.front().map_or(now, |at| at + limit.span);
                return Err(over(service, "OverLimit Retry...", free, now));
            }
        }
        for limit in limits {
            let times = self.asked.entry((account.to_owned(), limit)).or_default();
            times.push_back(now);
        }
        Ok(())
    }
}

/// The next whole second from a moment on, as an instant.
fn instant(at: Millis) -> String {
    super::model::rfc3339((at + 999).div_euclid(1000) * 1000)
}

/// The refusal, with the way in which the service says when to come again.
pub(super) fn over(service: Service, message: &str, free: Millis, now: Millis) -> Fault {
    let fault = Fault::keyed(413, "overLimit", message)
        .with_extra("details", "Error Details...".into())
        .with_extra("retryAfter", instant(free).into());
    if service == Service::Dns {
        fault.with_header("reply-after", instant(free))
    } else {
        let seconds = ((free - now).max(1) + 999) / 1000;
        fault.with_header("retry-after", seconds.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_says_at_which_instant_to_come_again() {
        let mut rates = Rates::new(true);
        let mut post = |at| rates.take("1", Service::Dns, "POST", "/domains", at);
        for number in 0..20 {
            post(10_000 + number).unwrap();
        }
        let fault = post(20_000).unwrap_err();
        assert_eq!(fault.status, 413);
        assert_eq!(
            fault.headers,
            [("reply-after", "1970-01-01T00:01:10Z".to_owned())]
        );
        post(70_000).unwrap();
    }

    #[test]
    fn status_is_asked_five_times_a_second_and_apart_from_the_rest() {
        let mut rates = Rates::new(true);
        for _ in 0..5 {
            rates
                .take("1", Service::Dns, "GET", "/status/x", 500)
                .unwrap();
        }
        assert!(
            rates
                .take("1", Service::Dns, "GET", "/status/x", 1400)
                .is_err()
        );
        assert!(
            rates
                .take("2", Service::Dns, "GET", "/status/x", 1400)
                .is_ok()
        );
        assert!(
            rates
                .take("1", Service::Dns, "GET", "/domains", 1400)
                .is_ok()
        );
        assert!(
            rates
                .take("1", Service::Dns, "GET", "/status/x", 1500)
                .is_ok()
        );
    }

    #[test]
    fn servers_say_how_many_seconds_to_wait() {
        let mut rates = Rates::new(true);
        for _ in 0..100 {
            rates
                .take("1", Service::Servers, "POST", "/servers", 0)
                .unwrap();
        }
        let fault = rates
            .take("1", Service::Servers, "POST", "/os-keypairs", 30_500)
            .unwrap_err();
        assert_eq!(fault.headers, [("retry-after", "30".to_owned())]);
        assert!(
            rates
                .take("1", Service::Servers, "DELETE", "/servers/x", 30_500)
                .is_ok()
        );
        let mut off = Rates::new(false);
        assert!((0..500).all(|_| off.take("1", Service::Servers, "POST", "/x", 0).is_ok()));
    }
}
