//! Scripted failures: which request goes wrong, and how.
//!
//! Nothing here is left to chance: a fault counts the requests it matches, and one with a `chance`
//! draws from the sandbox's seed, its own number and that count.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A fault as it is posted to `/_sandbox/fault`.
///
/// `{"method": "POST", "path": "/v2/droplets", "nth": 2, "kind": "do_then_500"}`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it waits for; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A path as requested (`/v2/droplets/7`), a route (`/v2/droplets/{droplet_id}`; what stands
    /// in the braces does not matter), or a beginning with a star (`/v2/droplets*`). Any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Text that the request's body must contain, to pick one among parallel requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// The name of the object that the request is about: `web1`, `example.com`, or of a record
    /// `www.example.com A`. What is counted then are the requests about that object, so that it
    /// does not matter in which order parallel ones come. A request that makes several objects is
    /// about each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The first matching request that it strikes, from 1; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many it strikes. If absent: one with `nth`, all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The share of those requests that it really strikes, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// What goes wrong.
    pub kind: Kind,
    /// The answer's status, where one is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The message of the error that is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The whole body instead: a string is sent as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// More headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Seconds for `retry-after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Milliseconds, of a delay (1000), a lag (1000) or a boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Not done; answered with `status` (503).
    Refuse,
    /// Not done; 429, with `retry-after` if given.
    #[serde(rename = "429")]
    TooMany,
    /// Not done; the connection is closed without an answer.
    Drop,
    /// Done; answered with `status` (500).
    #[serde(rename = "do_then_500")]
    DoThenFail,
    /// Done; the connection is closed without an answer.
    DoThenDrop,
    /// Done; the answer's body is not what it should be (`body`, else something that is not JSON).
    Garbage,
    /// Done, `ms` milliseconds later than usual, even if the client has gone away by then. Other
    /// faults may strike the same request.
    Delay,
    /// Done, but what it made cannot be seen for `ms` milliseconds, by id or in lists. Other faults
    /// may strike the same request.
    Lag,
    /// Done, but what boots never comes up; with `ms`, only that much later.
    NeverActive,
    /// Done, but an action that begins changes nothing: a server's system does not listen.
    Ignored,
    /// Done, but an action that begins fails.
    Fails,
    /// Not done; the client is killed, by whoever runs the sandbox ([`super::Options::kills`]). If
    /// nobody does, this is a `drop`.
    KillBefore,
    /// Done; the client is killed before it is answered. If nobody does, this is a `do_then_drop`.
    KillAfter,
}

#[derive(Clone, Debug, Serialize)]
struct Armed {
    id: u64,
    #[serde(flatten)]
    fault: Fault,
    /// How many requests matched so far.
    matched: u64,
    /// How many of them it struck.
    struck: u64,
}

/// The faults in force, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Faults {
    armed: Vec<Armed>,
    added: u64,
    seed: u64,
}

/// What a request looks like to a fault.
pub(super) struct Target<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) route: Option<&'a str>,
    pub(super) body: &'a [u8],
    /// The names of what it is about; only if some fault asks for one.
    pub(super) names: &'a [String],
}

/// What strikes one request: the delays and lags together, and the first of the others.
#[derive(Debug, Default)]
pub(super) struct Strike {
    pub(super) delay_ms: u64,
    pub(super) lag_ms: u64,
    pub(super) fault: Option<Fault>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, fault: Fault) -> u64 {
        self.added += 1;
        self.armed.push(Armed {
            id: self.added,
            fault,
            matched: 0,
            struck: 0,
        });
        self.added
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    pub(super) fn list(&self) -> Value {
        serde_json::json!({ "faults": self.armed })
    }

    /// How many requests each has struck, in the order they came.
    pub(super) fn struck(&self) -> Vec<u64> {
        self.armed.iter().map(|armed| armed.struck).collect()
    }

    /// Whether any waits for a name.
    pub(super) fn ask_for_names(&self) -> bool {
        self.armed.iter().any(|armed| armed.fault.name.is_some())
    }

    /// Counts the request with every fault it matches; says what happens to it.
    pub(super) fn strike(&mut self, target: &Target<'_>) -> Strike {
        let mut strike = Strike::default();
        for armed in &mut self.armed {
            if !armed.fault.matches(target) {
                continue;
            }
            armed.matched += 1;
            let adds_up = matches!(armed.fault.kind, Kind::Delay | Kind::Lag);
            if (!adds_up && strike.fault.is_some()) || !armed.is_due(self.seed) {
                continue;
            }
            armed.struck += 1;
            let ms = armed.fault.ms.unwrap_or(1000);
            match armed.fault.kind {
                Kind::Delay => strike.delay_ms = strike.delay_ms.saturating_add(ms),
                Kind::Lag => strike.lag_ms = strike.lag_ms.saturating_add(ms),
                _ => strike.fault = Some(armed.fault.clone()),
            }
        }
        strike
    }
}

impl Armed {
    fn is_due(&self, seed: u64) -> bool {
        let first = self.fault.nth.unwrap_or(1).max(1);
        let last = match (self.fault.count, self.fault.nth) {
            (Some(count), _) => first.saturating_add(count).saturating_sub(1),
            (None, Some(_)) => first,
            (None, None) => u64::MAX,
        };
        if self.matched < first || self.matched > last {
            return false;
        }
        self.fault.chance.is_none_or(|chance| {
            let seed = seed ^ self.id.rotate_left(32) ^ self.matched.wrapping_mul(0x9e37_79b9);
            fastrand::Rng::with_seed(seed).f64() < chance
        })
    }
}

impl Fault {
    /// One of this kind that strikes every request.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            method: None,
            path: None,
            body_contains: None,
            name: None,
            nth: None,
            count: None,
            chance: None,
            kind,
            status: None,
            message: None,
            body: None,
            headers: BTreeMap::new(),
            retry_after: None,
            ms: None,
        }
    }

    fn matches(&self, target: &Target<'_>) -> bool {
        let method = self
            .method
            .as_deref()
            .is_none_or(|method| method.eq_ignore_ascii_case(target.method));
        let path = self.path.as_deref().is_none_or(|path| {
            path.strip_suffix('*').map_or_else(
                || path == target.path || target.route.is_some_and(|r| same_route(path, r)),
                |beginning| target.path.starts_with(beginning),
            )
        });
        let body = self
            .body_contains
            .as_deref()
            .is_none_or(|text| contains(target.body, text.as_bytes()));
        let name = self
            .name
            .as_deref()
            .is_none_or(|name| target.names.iter().any(|named| named == name));
        method && path && body && name
    }
}

/// Whether two routes are the same but for the names of their parameters.
fn same_route(one: &str, other: &str) -> bool {
    let parameter = |segment: &str| segment.starts_with('{') && segment.ends_with('}');
    let mut one = one.split('/');
    let mut other = other.split('/');
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || (parameter(a) && parameter(b)) => {}
            _ => return false,
        }
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(posted: &[Value]) -> Faults {
        let mut faults = Faults::new(7);
        for fault in posted {
            faults.add(serde_json::from_value(fault.clone()).unwrap());
        }
        faults
    }

    fn post(faults: &mut Faults, body: &str) -> Strike {
        faults.strike(&Target {
            method: "POST",
            path: "/v2/droplets",
            route: Some("/v2/droplets"),
            body: body.as_bytes(),
            names: &[],
        })
    }

    fn get(faults: &mut Faults, path: &str, route: &str) -> bool {
        let target = Target {
            method: "GET",
            path,
            route: Some(route),
            body: b"",
            names: &[],
        };
        faults.strike(&target).fault.is_some()
    }

    #[test]
    fn the_second_post_and_no_other() {
        let mut faults = faults(&[
            json!({"method": "post", "path": "/v2/droplets", "nth": 2, "kind": "do_then_500"}),
        ]);
        assert!(!get(&mut faults, "/v2/droplets", "/v2/droplets"));
        let struck: Vec<bool> = (0..4)
            .map(|_| post(&mut faults, "").fault.is_some())
            .collect();
        assert_eq!(struck, [false, true, false, false]);
    }

    #[test]
    fn a_count_says_how_many_and_neither_means_all() {
        let mut some = faults(&[json!({"kind": "refuse", "count": 2})]);
        let struck: Vec<bool> = (0..3)
            .map(|_| post(&mut some, "").fault.is_some())
            .collect();
        assert_eq!(struck, [true, true, false]);
        let mut all = faults(&[json!({"kind": "refuse"})]);
        assert!((0..9).all(|_| post(&mut all, "").fault.is_some()));
    }

    #[test]
    fn paths_match_exactly_by_route_or_by_beginning() {
        let route = "/v2/droplets/{id}";
        let hit = |path: &str| {
            let mut faults = faults(&[json!({"kind": "refuse", "path": path})]);
            get(&mut faults, "/v2/droplets/7", route)
        };
        assert!(hit("/v2/droplets/7") && hit("/v2/droplets/{droplet_id}") && hit("/v2/dr*"));
        assert!(!hit("/v2/droplets") && !hit("/v2/droplets/8") && !hit("/v2/{x}/{y}"));
    }

    #[test]
    fn a_body_can_be_picked_out() {
        let mut faults = faults(&[json!({"kind": "refuse", "body_contains": "web2"})]);
        assert!(post(&mut faults, r#"{"name":"web1"}"#).fault.is_none());
        assert!(post(&mut faults, r#"{"name":"web2"}"#).fault.is_some());
    }

    #[test]
    fn a_name_is_counted_by_itself_in_whatever_order_requests_come() {
        let struck = |order: &[&[&str]]| -> Vec<String> {
            let mut faults = faults(&[json!({"kind": "kill_after", "name": "b", "nth": 2})]);
            let asked = order.iter().map(|names| {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                let target = Target {
                    method: "POST",
                    path: "/v2/droplets",
                    route: Some("/v2/droplets"),
                    body: b"",
                    names: &names,
                };
                let strike = faults.strike(&target).fault;
                strike.map(|_| names.join(" "))
            });
            asked.flatten().collect()
        };
        assert_eq!(struck(&[&["a"], &["b"], &["c"], &["b"]]), ["b"]);
        assert_eq!(struck(&[&["b"], &["b"], &["a"], &["b"]]), ["b"]);
        assert_eq!(struck(&[&["a", "b"], &["a"], &["b", "c"]]), ["b c"]);
    }

    #[test]
    fn delays_add_up_and_leave_room_for_another_fault() {
        let mut faults = faults(&[
            json!({"kind": "delay", "ms": 5}),
            json!({"kind": "garbage"}),
            json!({"kind": "delay", "ms": 7}),
        ]);
        let strike = post(&mut faults, "");
        assert_eq!(strike.delay_ms, 12);
        assert_eq!(strike.fault.unwrap().kind, Kind::Garbage);
    }

    #[test]
    fn chance_is_the_same_every_time() {
        let run = || {
            let mut faults = faults(&[json!({"kind": "drop", "chance": 0.5})]);
            (0..64)
                .map(|_| post(&mut faults, "").fault.is_some())
                .collect::<Vec<_>>()
        };
        let struck = run().into_iter().filter(|struck| *struck).count();
        assert_eq!(run(), run());
        assert!((10..55).contains(&struck), "{struck} of 64");
    }

    #[test]
    fn a_word_misspelt_is_refused() {
        let fault = json!({"kind": "refuse", "nht": 2});
        assert!(serde_json::from_value::<Fault>(fault).is_err());
    }
}
