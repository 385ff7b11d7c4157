//! What was asked of the sandbox: counts, and the last requests one by one.

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// How many requests the log keeps.
const LOG: usize = 5000;

/// Counts since the start or the last reset, as `/_sandbox/stats` shows them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Stats {
    total: u64,
    by_method: BTreeMap<String, u64>,
    by_route: BTreeMap<String, u64>,
    by_status: BTreeMap<u16, u64>,
    log: VecDeque<Logged>,
    /// The number of the log's first entry.
    #[serde(skip)]
    first: u64,
}

#[derive(Debug, Serialize)]
struct Logged {
    method: String,
    /// With its query.
    path: String,
    /// `None` while in progress, and for ever if no answer was sent.
    status: Option<u16>,
}

impl Stats {
    /// Counts a request that has come. The number is for [`Stats::answered`].
    pub(super) fn arrived(&mut self, method: &str, path: &str, route: Option<&str>) -> u64 {
        self.total += 1;
        *self.by_method.entry(method.to_owned()).or_default() += 1;
        let route = format!("{method} {}", route.unwrap_or("unknown"));
        *self.by_route.entry(route).or_default() += 1;
        if self.log.len() >= LOG {
            self.log.pop_front();
            self.first += 1;
        }
        self.log.push_back(Logged {
            method: method.to_owned(),
            path: path.to_owned(),
            status: None,
        });
        self.first + self.log.len() as u64 - 1
    }

    pub(super) fn answered(&mut self, number: u64, status: u16) {
        *self.by_status.entry(status).or_default() += 1;
        let place = number.checked_sub(self.first);
        let entry = place
            .and_then(|place| usize::try_from(place).ok())
            .and_then(|place| self.log.get_mut(place));
        if let Some(entry) = entry {
            entry.status = Some(status);
        }
    }

    /// Begins anew. Requests still in progress are not counted again.
    pub(super) fn reset(&mut self) {
        let first = self.first + self.log.len() as u64;
        *self = Self {
            first,
            ..Self::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_method_route_and_status_and_keeps_the_last() {
        let mut stats = Stats::default();
        let first = stats.arrived("GET", "/v2/droplets/7", Some("/v2/droplets/{droplet_id}"));
        stats.arrived("POST", "/nowhere", None);
        stats.answered(first, 200);
        let shown = serde_json::to_value(&stats).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "total": 2,
                "by_method": {"GET": 1, "POST": 1},
                "by_route": {"GET /v2/droplets/{droplet_id}": 1, "POST unknown": 1},
                "by_status": {"200": 1},
                "log": [
                    {"method": "GET", "path": "/v2/droplets/7", "status": 200},
                    {"method": "POST", "path": "/nowhere", "status": null},
                ],
            })
        );
    }

    #[test]
    fn the_log_is_bounded_and_a_late_answer_finds_its_request() {
        let mut stats = Stats::default();
        let early = stats.arrived("GET", "/early", None);
        for _ in 0..LOG {
            stats.arrived("GET", "/x", None);
        }
        stats.answered(early, 200);
        assert_eq!(stats.log.len(), LOG);
        assert!(stats.log.iter().all(|entry| entry.status.is_none()));
        let late = stats.arrived("GET", "/late", None);
        stats.answered(late, 404);
        assert_eq!(stats.log.back().unwrap().status, Some(404));
        stats.reset();
        stats.answered(late, 404);
        assert!(stats.log.is_empty());
    }
}
