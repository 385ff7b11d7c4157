//! What a test has made is taken away again, however the test ended.

use std::io::{Write as _, stderr};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cloud::{Cloud, LIMIT, Session, Who};

/// Takes away, when it is dropped, everything whose name begins so: servers, zones, security groups,
/// volumes, keys by their comments, floating IPs by what they were for.
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

    /// What is there of it. What is on its way out is gone for its user.
    pub(crate) fn held(&self, cloud: &Cloud) -> Value {
        let session = cloud.session(Who::Demo);
        let account = Account {
            cloud,
            session: &session,
        };
        let names =
            |all: Vec<Value>, name: &dyn Fn(&Value) -> String, whose: &dyn Fn(&Value) -> String| {
                let its = all.iter().filter(|one| self.is_its(&whose(one)));
                // Between its task's end and its own a server is of status DELETED for a moment.
                let its = its.filter(|one| {
                    one["action"] != "DELETE"
                        && one["OS-EXT-STS:task_state"] != "deleting"
                        && one["status"] != "DELETED"
                });
                let mut names: Vec<String> = its.map(name).collect();
                names.sort();
                names
            };
        let named = |one: &Value| text(one, "name").to_owned();
        let pair = |one: &Value| text(&one["keypair"], "name").to_owned();
        let address = |one: &Value| text(one, "floating_ip_address").to_owned();
        let servers = account.list("compute", "/servers/detail", "servers");
        let zones = account.list("dns", "/v2/zones", "zones");
        let pairs = account.list("compute", "/os-keypairs", "keypairs");
        let floating = account.list("network", "/v2.0/floatingips", "floatingips");
        json!({
            "servers": names(servers, &named, &named),
            "zones": names(zones, &named, &named),
            "keys": names(pairs, &pair, &|one| comment(one).to_owned()),
            "floating": names(floating, &address, &|one| server_of(one).to_owned()),
        })
    }

    fn take_away(&self) {
        let cloud = Cloud::here();
        let session = cloud.session(Who::Demo);
        let account = Account {
            cloud: &cloud,
            session: &session,
        };
        for pair in account.list("compute", "/os-keypairs", "keypairs") {
            if self.is_its(comment(&pair)) {
                let path = format!("/os-keypairs/{}", text(&pair["keypair"], "name"));
                account.remove("compute", &path);
            }
        }
        for address in account.list("network", "/v2.0/floatingips", "floatingips") {
            if self.is_its(server_of(&address)) {
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
                // One goes once no server is in it.
                ("network", "/v2.0/security-groups", "security_groups"),
                // The same; Cinder says of a moment longer that it goes.
                ("block-storage", "/volumes", "volumes"),
            ] {
                for one in account.list(service, path, key) {
                    // A zone goes by itself; a server counts against the quota until it is gone.
                    if self.is_its(text(&one, "name")) && one["action"] != "DELETE" {
                        left += 1;
                        account.remove(service, &format!("{path}/{}", text(&one, "id")));
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

/// The comment of a key.
fn comment(pair: &Value) -> &str {
    let mut words = text(&pair["keypair"], "public_key").split(' ');
    words.next_back().unwrap_or_default().trim()
}

/// What a floating IP was made for: a server, or what is to outlive servers.
fn server_of(address: &Value) -> &str {
    let mut words = text(address, "description").rsplit(['/', ' ']);
    words.next().unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
