//! Scripted failures, limits and counts.

use crate::support::{Api, KEY, droplet, endless, limited, quick, start};
use cloudbuilder::sandbox::{Fault, FaultKind, Options, TOKEN};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

async fn total(api: &Api, list: &str) -> u64 {
    api.get(&format!("/v2/{list}")).await["meta"]["total"]
        .as_u64()
        .unwrap()
}

async fn try_droplet(api: &Api, name: &str) -> Option<u16> {
    let answer = api
        .send("POST", "/v2/droplets", &droplet(name), Some(TOKEN))
        .await;
    answer.ok().map(|answer| answer.status)
}

#[tokio::test]
async fn refusing_does_nothing_and_doing_then_failing_does_it() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(json!({"method": "POST", "path": "/v2/droplets", "nth": 1, "kind": "refuse"}))
            .await;
        assert_eq!(try_droplet(&api, "a").await, Some(503));
        assert_eq!(total(&api, "droplets").await, 0);
        api.ask("DELETE", "/_sandbox/fault", Value::Null)
            .await
            .good();

        api.fault(
            json!({"method": "POST", "path": "/v2/droplets", "nth": 2, "kind": "do_then_500"}),
        )
        .await;
        assert_eq!(try_droplet(&api, "a").await, Some(202));
        assert_eq!(try_droplet(&api, "b").await, Some(500));
        assert_eq!(try_droplet(&api, "c").await, Some(202));
        assert_eq!(total(&api, "droplets").await, 3);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_dropped_connection_may_or_may_not_have_done_it() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(json!({"path": "/v2/droplets", "kind": "drop", "method": "POST", "count": 1}))
            .await;
        assert_eq!(try_droplet(&api, "a").await, None);
        assert_eq!(total(&api, "droplets").await, 0);
        api.fault(
            json!({"path": "/v2/droplets", "kind": "do_then_drop", "method": "POST", "count": 1}),
        )
        .await;
        assert_eq!(try_droplet(&api, "b").await, None);
        assert_eq!(total(&api, "droplets").await, 1);
        assert_eq!(try_droplet(&api, "c").await, Some(202));
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn answers_can_be_made_up_in_every_part() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(
            json!({"kind": "refuse", "status": 502, "body": "<html>no</html>", "count": 1,
            "headers": {"x-from": "gateway"}, "retry_after": 7}),
        )
        .await;
        let answer = api.ask("GET", "/v2/account", Value::Null).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (502, "<html>no</html>")
        );
        assert_eq!(answer.header("x-from"), Some("gateway"));
        assert_eq!(answer.header("retry-after"), Some("7"));

        api.fault(json!({"kind": "refuse", "status": 422, "message": "no luck", "count": 1}))
            .await;
        let refused = api.ask("GET", "/v2/account", Value::Null).await.refused();
        assert_eq!(refused, (422, "no luck".into()));

        api.fault(json!({"kind": "429", "retry_after": 2, "count": 1}))
            .await;
        let answer = api.ask("GET", "/v2/account", Value::Null).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, Some("2"))
        );
        assert_eq!(answer.json()["id"], "too_many_requests");

        api.fault(json!({"kind": "garbage", "count": 1})).await;
        let answer = api.ask("GET", "/v2/account", Value::Null).await;
        assert_eq!(answer.status, 200);
        assert!(serde_json::from_str::<Value>(&answer.text).is_err());

        assert!(api.ask("GET", "/v2/account", Value::Null).await.status == 200);
        let listed = api.get("/_sandbox/fault").await;
        assert_eq!(listed["faults"].as_array().unwrap().len(), 4);
        assert_eq!(listed["faults"][0]["struck"], 1);
        let wrong = api
            .ask("POST", "/_sandbox/fault", json!({"kind": "explode"}))
            .await;
        assert_eq!(wrong.status, 422);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_droplet_never_comes_up() {
    limited(async {
        let never: Fault =
            serde_json::from_value(json!({"kind": "never_active", "body_contains": "stuck"}))
                .unwrap();
        assert_eq!(never.kind, FaultKind::NeverActive);
        let (sandbox, api) = start(Options {
            faults: vec![never],
            ..quick()
        })
        .await;
        let (stuck, well) = (api.droplet("stuck").await, api.droplet("well").await);
        let status =
            async |id| api.get(&format!("/v2/droplets/{id}")).await["droplet"]["status"].clone();
        assert_eq!(status(stuck).await, "new");
        assert_eq!(status(well).await, "active");
        api.post("/_sandbox/finish", Value::Null).await;
        assert_eq!(status(stuck).await, "active");
        api.delete(&format!("/v2/droplets/{stuck}")).await.good();
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_lags_is_done_but_cannot_be_seen_yet() {
    limited(async {
        let (sandbox, api) = start(endless()).await;
        let long = 3_600_000;
        api.fault(json!({"kind": "lag", "ms": long, "path": "/v2/droplets", "count": 1}))
            .await;
        let hidden = api.droplet("hidden").await;
        let seen = api.droplet("seen").await;
        let one = format!("/v2/droplets/{hidden}");
        assert_eq!(api.ask("GET", &one, Value::Null).await.status, 404);
        assert_eq!(api.get("/v2/droplets").await["droplets"][0]["id"], seen);
        assert_eq!(total(&api, "droplets").await, 1);
        assert_eq!(total(&api, "droplets?name=hidden").await, 0);
        sandbox.stop().await;

        let (sandbox, api) = start(Options {
            lag: Duration::from_secs(3600),
            ..quick()
        })
        .await;
        let key = json!({"name": "k", "public_key": KEY});
        let made = api.post("/v2/account/keys", key.clone()).await;
        assert_eq!(total(&api, "account/keys").await, 0);
        let mut body = droplet("web");
        body["ssh_keys"] = json!([made["ssh_key"]["id"]]);
        let (status, message) = api.ask("POST", "/v2/droplets", body).await.refused();
        assert_eq!(status, 422);
        assert!(
            message.ends_with("are invalid key identifiers for Droplet creation."),
            "{message}"
        );
        let again = api.ask("POST", "/v2/account/keys", key).await;
        assert_eq!(again.status, 422, "it is there all the same");
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_lags_can_be_brought_into_sight() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(json!({"kind": "lag", "ms": 3_600_000})).await;
        api.droplet("web").await;
        assert_eq!(total(&api, "droplets").await, 0);
        api.post("/_sandbox/reveal", Value::Null).await;
        assert_eq!(total(&api, "droplets").await, 1);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_fault_waits_for_an_object_by_its_name() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(json!({"name": "b", "nth": 1, "kind": "refuse", "method": "POST"}))
            .await;
        api.fault(json!({"name": "b", "nth": 2, "kind": "drop", "method": "GET"}))
            .await;
        assert_eq!(try_droplet(&api, "a").await, Some(202));
        assert_eq!(try_droplet(&api, "b").await, Some(503));
        let b = api.droplet("b").await;
        let a = api.droplet("a").await;
        for id in [b, a, a] {
            api.get(&format!("/v2/droplets/{id}")).await;
        }
        let path = format!("/v2/droplets/{b}");
        let second = api.send("GET", &path, &Value::Null, Some(TOKEN)).await;
        assert!(second.is_err(), "{second:?}");
        assert_eq!(sandbox.struck(), [1, 1]);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_runs_it_is_told_to_kill_and_the_request_waits_for_that() {
    limited(async {
        for (kind, made) in [("kill_before", 0), ("kill_after", 1)] {
            let (kills, mut told) = mpsc::unbounded_channel();
            let (sandbox, api) = start(Options {
                kills: Some(kills),
                ..quick()
            })
            .await;
            api.fault(json!({"kind": kind, "method": "POST", "count": 1}))
                .await;
            let asking = api.clone();
            let asking = tokio::spawn(async move { try_droplet(&asking, "web").await });
            let kill = told.recv().await.unwrap();
            assert!(!asking.is_finished());
            assert_eq!(total(&api, "droplets").await, made, "{kind}");
            drop(kill);
            assert_eq!(asking.await.unwrap(), None, "{kind}: no answer");
            assert_eq!(total(&api, "droplets").await, made, "{kind}");
            sandbox.stop().await;

            // Without anybody to kill it is as if the line broke.
            let (sandbox, api) = start(quick()).await;
            api.fault(json!({"kind": kind, "method": "POST", "count": 1}))
                .await;
            assert_eq!(try_droplet(&api, "web").await, None);
            assert_eq!(total(&api, "droplets").await, made, "{kind}");
            sandbox.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_has_been_asked_for_is_done_even_if_nobody_waits_for_it() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        api.fault(json!({"kind": "delay", "ms": 1000, "method": "POST", "count": 1}))
            .await;
        let asking = try_droplet(&api, "web");
        let waited = tokio::time::timeout(Duration::from_millis(100), asking).await;
        assert!(waited.is_err(), "{waited:?}");
        while total(&api, "droplets").await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_runs_it_can_ask_past_faults_and_counts() {
    limited(async {
        let (sandbox, api) = start(endless()).await;
        api.fault(json!({"kind": "refuse"})).await;
        let made = sandbox.ask("POST", "/v2/droplets", &droplet("web")).await;
        assert_eq!(made.unwrap().0, 202);
        let listed = sandbox.ask("GET", "/v2/droplets?name=web", &Value::Null);
        let (status, listed) = listed.await.unwrap();
        assert_eq!((status, &listed["meta"]["total"]), (200, &json!(1)));
        let nowhere = sandbox.ask("GET", "/v2/nowhere", &Value::Null).await;
        assert_eq!(nowhere.unwrap().0, 404);
        assert_eq!(api.get("/_sandbox/stats").await["total"], 0);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn counts_show_what_was_asked_and_leave_out_the_control_routes() {
    limited(async {
        let (sandbox, api) = start(endless()).await;
        api.get("/v2/account").await;
        api.get("/v2/droplets?name=a").await;
        let id = api.droplet("a").await;
        api.delete(&format!("/v2/droplets/{id}")).await;
        let stats = api.get("/_sandbox/stats").await;
        assert_eq!(stats["total"], 4);
        assert_eq!(
            stats["by_method"],
            json!({"DELETE": 1, "GET": 2, "POST": 1})
        );
        assert_eq!(stats["by_route"]["DELETE /v2/droplets/{droplet_id}"], 1);
        assert_eq!(stats["by_status"], json!({"200": 2, "202": 1, "422": 1}));
        assert_eq!(
            stats["log"][1],
            json!({"method": "GET", "path": "/v2/droplets?name=a", "status": 200})
        );
        api.delete("/_sandbox/stats").await.good();
        assert_eq!(api.get("/_sandbox/stats").await["total"], 0);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn limits_are_told_always_and_enforced_when_asked() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        for _ in 0..12 {
            let answer = api.ask("GET", "/v2/account/keys", Value::Null).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("ratelimit-limit"), Some("5000"));
            assert_eq!(answer.header("ratelimit-remaining"), Some("4999"));
            assert!(
                answer
                    .header("ratelimit-reset")
                    .unwrap()
                    .parse::<i64>()
                    .unwrap()
                    > 0
            );
        }
        sandbox.stop().await;

        let (sandbox, api) = start(Options {
            limits: true,
            ..quick()
        })
        .await;
        for _ in 0..10 {
            api.get("/v2/account/keys").await;
        }
        let answer = api.ask("GET", "/v2/account/keys", Value::Null).await;
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("ratelimit-remaining"), Some("0"));
        assert!(
            answer
                .header("retry-after")
                .unwrap()
                .parse::<u64>()
                .unwrap()
                <= 60
        );
        let other = api.ask("GET", "/v2/account", Value::Null).await;
        assert_eq!(other.header("ratelimit-remaining"), Some("4989"));
        sandbox.stop().await;
    })
    .await;
}
