//! What a test has made is taken away again, however the test ended.

use std::io::{Write as _, stderr};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cloud::{Cloud, LIMIT, Session, Who};

/// Takes away, when it is dropped, everything whose name begins so: servers, zones, keys by their
/// comments, floating IPs by the servers that they were for.
///
/// It tells how long it was there, too, which is how long the test took: whoever waits for all of
/// them wants to know for which. Standard output and error of tests are kept from sight, so it does
/// not print.
pub(crate) struct Left {
    beginnings: Vec<String>,
    since: Instant,
}

impl Left {
    pub(crate) fn by(beginnings: &[&str]) -> Self {
        Self {
            beginnings: beginnings.iter().map(ToString::to_string).collect(),
            since: Instant::now(),
        }
    }

    /// By what a subject's names begin with.
    pub(crate) fn of(subject: &str) -> Self {
        Self::by(&[&format!("{subject}-")])
    }

    fn is_its(&self, name: &str) -> bool {
        self.beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning.as_str()))
    }

    fn take_away(&self) {
        let cloud = Cloud::here();
        let session = cloud.session(Who::Demo);
        let account = Account {
            cloud: &cloud,
            session: &session,
        };
        for pair in account.list("compute", "/os-keypairs", "keypairs") {
            let pair = &pair["keypair"];
            let comment = text(pair, "public_key").split(' ').nth(2);
            if comment.is_some_and(|comment| self.is_its(comment)) {
                account.remove("compute", &format!("/os-keypairs/{}", text(pair, "name")));
            }
        }
        for address in account.list("network", "/v2.0/floatingips", "floatingips") {
            let server = text(&address, "description").rsplit('/').next();
            if server.is_some_and(|server| self.is_its(server)) {
                let path = format!("/v2.0/floatingips/{}", text(&address, "id"));
                account.remove("network", &path);
            }
        }
        let give_up = Instant::now() + LIMIT;
        loop {
            let mut left = 0;
            for (service, path, key) in [
                ("compute", "/servers", "servers"),
                ("dns", "/v2/zones", "zones"),
            ] {
                for one in account.list(service, path, key) {
                    if self.is_its(text(&one, "name")) {
                        left += 1;
                        if one["action"] != "DELETE" {
                            account.remove(service, &format!("{path}/{}", text(&one, "id")));
                        }
                    }
                }
            }
            if left == 0 {
                return;
            }
            assert!(Instant::now() < give_up, "what was deleted stays");
            thread::park_timeout(Duration::from_millis(500));
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        // The test may be in a runtime, and what asks the cloud has one of its own.
        let took = self.since.elapsed().as_secs_f64();
        let what = self.beginnings.join(" ");
        let _ = writeln!(stderr(), "{took:6.1} s  {what}");
        let ended = thread::scope(|scope| scope.spawn(|| self.take_away()).join());
        if ended.is_err() && !thread::panicking() {
            panic!("what a test left could not be taken away");
        }
    }
}

struct Account<'a> {
    cloud: &'a Cloud,
    session: &'a Session,
}

impl Account<'_> {
    fn url(&self, service: &str, path: &str) -> String {
        format!("{}{path}", self.session.endpoint(service))
    }

    fn list(&self, service: &str, path: &str, key: &str) -> Vec<Value> {
        let url = self.url(service, path);
        let answer = self
            .cloud
            .ask("GET", &url, &self.session.token, &Value::Null);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body[key].as_array().expect("a list").clone()
    }

    fn remove(&self, service: &str, path: &str) {
        let url = self.url(service, path);
        let answer = self
            .cloud
            .ask("DELETE", &url, &self.session.token, &Value::Null);
        // What is on its way out already is refused in several ways.
        let done = answer.status < 300 || matches!(answer.status, 404 | 409 | 400);
        assert!(done, "{answer:?}");
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
