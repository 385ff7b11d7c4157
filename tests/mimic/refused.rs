//! What is refused, before or after anything is made.

use serde_json::{Value, json};

use crate::account::Account;

/// With one server that says this, a plan fails and so does a run; nothing is made.
#[track_caller]
fn is_refused(user: &str, server: &Value, says: &[&str]) {
    let here = Account::of(user);
    here.write(&json!({"web1": server}));
    for line in ["plan", "apply -y"] {
        let mut ran = here.place.run(line).code(1);
        for what in says {
            ran = ran.says(what);
        }
        here.holds_nothing();
    }
}

/// mimic's catalog promises Cloud DNS, and there is none.
#[test]
fn names_where_no_domains_are() {
    let server = json!({"names": ["www.acme.com"]});
    is_refused(
        "names",
        &server,
        &["GET /domains", "Cloud DNS at http://127.0.0.1:"],
    );
}

/// mimic would take all of these.
#[test]
fn what_is_not_on_offer() {
    is_refused("size", &json!({"size": "general9-9"}), &["general9-9"]);
    is_refused("image", &json!({"image": "Debian 99*"}), &["Debian 99*"]);
}

/// mimic does not mind.
#[test]
fn files_that_are_too_large() {
    let large = json!({"files": [{"path": "/srv/a", "content": "x".repeat(50_000)}]});
    is_refused("large", &large, &["server web1", "65535"]);
}

#[test]
fn what_the_cloud_says_no_to_is_told_in_its_words() {
    let here = Account::of("no");
    here.write(&json!({"web1": {}}));
    let words = "Quota exceeded for instances: Requested 1, but already used 5 of 5 instances";
    let parameters = json!({"code": 403, "type": "forbidden", "message": words});
    let refusing = here.behave("web1", "fail", &parameters);
    here.place.run("apply -y").code(1).says(words);
    assert_eq!(here.names(), [""; 0]);
    here.behave_well(&refusing);
    here.place.run("apply -y").code(0);
    assert_eq!(here.names(), ["web1"]);
    here.is_finished();
}
