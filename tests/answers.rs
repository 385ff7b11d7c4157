//! What a provider makes of an API's answers, right and wrong, over HTTP.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy knows test functions, not their helpers"
)]

use std::time::Duration;

use cloudbuilder::model::{Attributes, Secret};
use cloudbuilder::provider::{
    Class, Connection, Error, Login, Manner, Target, Tempo, Write, digitalocean, open_write,
};
use cloudbuilder::sandbox::{self, Fault, Options, Sandbox};
use serde_json::{Value as Json, json};

const TOKEN: &str = "a-token-that-nobody-may-see";
const HURRIED: Tempo = Tempo {
    first_pause: Duration::from_millis(1),
    patience: Duration::from_secs(10),
};

/// An account whose API goes wrong as told.
async fn with_fault(fault: Json) -> (Box<dyn Write>, Sandbox) {
    let fault: Fault = serde_json::from_value(fault).expect("a fault");
    let options = Options {
        faults: vec![fault],
        ..Options::default()
    };
    let sandbox = sandbox::start(options).await.expect("a sandbox starts");
    (open(sandbox.url()), sandbox)
}

fn open(url: &str) -> Box<dyn Write> {
    let login = digitalocean::Login {
        url: url.to_owned(),
        token: Secret::new(TOKEN.to_owned()),
    };
    let manner = Manner {
        tempo: HURRIED,
        ..Manner::default()
    };
    open_write(Connection {
        login: Login::DigitalOcean(login),
        manner,
    })
    .unwrap()
}

fn fixture(name: &str) -> Json {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/digitalocean");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What becomes of a look at the account, or of a zone's creation or deletion.
async fn ask(method: &str, fault: Json) -> Error {
    let mut fault = fault;
    fault["method"] = method.into();
    let (write, _sandbox) = with_fault(fault).await;
    let attributes = Attributes::from([("name".to_owned(), "acme.com".into())]);
    let target = Target {
        kind: "domain",
        id: "acme.com",
        attributes: &attributes,
        coming: false,
    };
    let asked = async {
        match method {
            "GET" => write.account().await.map(drop),
            "POST" => write
                .create("domain", &attributes, Some("mark"))
                .await
                .map(drop),
            "DELETE" => write.delete(target, "mark").await,
            other => panic!("{other}"),
        }
    };
    let limited = tokio::time::timeout(Duration::from_secs(60), asked).await;
    limited.expect("an answer in time").unwrap_err()
}

#[tokio::test]
async fn the_account_is_the_team_if_there_is_one() {
    for (name, id, called) in [
        (
            "account_alone",
            "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
            "fredy@acme.com",
        ),
        (
            "account_of_a_team",
            "5df3e3004a17e242b7c20ca6c9fc25b701a47ece",
            "Acme Team",
        ),
    ] {
        let fault = json!({"path": "/v2/account", "kind": "garbage", "body": fixture(name)});
        let (write, sandbox) = with_fault(fault).await;
        let account = write.account().await.unwrap();
        assert_eq!((account.id.as_str(), account.name.as_str()), (id, called));
        assert_eq!(account.api_url, sandbox.url());
        assert_eq!(write.catalog().await.unwrap().server_limit, Some(25));
    }
}

#[tokio::test]
async fn what_is_pending_is_busy() {
    let fault = json!({"kind": "refuse", "status": 422, "body": fixture("error_pending_event")});
    let error = ask("DELETE", fault).await;
    assert_eq!((error.class, error.status), (Class::Busy, Some(422)));
    assert_eq!(error.message, "Droplet already has a pending event.");
}

#[tokio::test]
async fn what_is_gone_is_no_error_to_those_who_look_or_delete() {
    let fault = json!({"kind": "refuse", "status": 404, "body": fixture("error_not_found")});
    let (write, _sandbox) = with_fault(fault).await;
    let attributes = Attributes::new();
    let target = Target {
        kind: "server",
        id: "1",
        attributes: &attributes,
        coming: false,
    };
    assert_eq!(write.get(target).await.unwrap(), None);
    write.delete(target, "mark").await.unwrap();
    let error = write.list("domain", cloudbuilder::provider::Scope::default());
    let error = error.await.unwrap_err();
    assert_eq!(error.class, Class::NotFound);
    assert_eq!(
        error.request_id.as_deref(),
        Some("4d9d8375-3c56-4925-a3e7-eb137fed17e9")
    );
}

#[tokio::test]
async fn a_gateways_page_is_an_excerpt_and_shows_no_token() {
    let page = format!("<html>\u{1b}[31m502 {TOKEN}{}</html>", "x".repeat(500));
    let error = ask(
        "POST",
        json!({"kind": "refuse", "status": 502, "body": page}),
    )
    .await;
    assert_eq!(error.class, Class::Ambiguous);
    let text = error.to_string();
    assert!(
        text.starts_with("POST /v2/domains: <html>\\u{1b}[31m502 [REDACTED]xxx"),
        "{text}"
    );
    assert!(!text.contains(TOKEN) && text.len() < 400, "{text}");
}

#[tokio::test]
async fn a_lost_answer_is_ambiguous_only_if_it_may_have_changed_something() {
    for kind in ["drop", "do_then_drop", "do_then_500", "garbage"] {
        let error = ask("POST", json!({"kind": kind})).await;
        assert_eq!(error.class, Class::Ambiguous, "{kind}: {error}");
    }
    let error = ask("GET", json!({"kind": "garbage"})).await;
    assert_eq!(error.class, Class::Malformed);
    for status in [401, 403] {
        let error = ask("GET", json!({"kind": "refuse", "status": status})).await;
        assert_eq!(error.class, Class::Unauthorized);
    }
}

#[tokio::test]
async fn nobody_there_means_not_sent() {
    let sandbox = sandbox::start(Options::default()).await.unwrap();
    let url = sandbox.url().to_owned();
    sandbox.stop().await;
    let write = open(&url);
    let attributes = Attributes::from([("name".to_owned(), "acme.com".into())]);
    let error = write
        .create("domain", &attributes, Some("mark"))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::NotSent);
}
