//! The proxy: scripted failures before an API that knows nothing of them.

use crate::support::{Answer, Api, droplet, limited, quick, start};
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use cloudbuilder::sandbox::{self, Error, Fault, FaultKind, Options, Sandbox, TOKEN};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A proxy, and a client that knows only that.
async fn before(upstream: &str, options: Options) -> (Sandbox, Api) {
    let proxy = sandbox::proxy(upstream, options)
        .await
        .expect("a proxy starts");
    let api = Api::new(proxy.url());
    (proxy, api)
}

async fn try_droplet(api: &Api, name: &str) -> Option<Answer> {
    let body = droplet(name);
    let answer = api.send("POST", "/v2/droplets", &body, Some(TOKEN));
    answer.await.ok()
}

async fn count(api: &Api, name: &str) -> u64 {
    let found = api.get(&format!("/v2/droplets?name={name}")).await;
    found["meta"]["total"].as_u64().unwrap()
}

#[tokio::test]
async fn what_passes_is_as_it_was() {
    limited(async {
        let (sandbox, real) = start(quick()).await;
        let (proxy, api) = before(sandbox.url(), Options::default()).await;
        let id = api.droplet("web").await;
        let path = format!("/v2/droplets/{id}?a=b%20c");
        let (one, other) = (
            api.ask("GET", &path, Value::Null).await,
            real.ask("GET", &path, Value::Null).await,
        );
        assert_eq!((one.status, &one.text), (200, &other.text));
        for header in ["content-type", "ratelimit-limit", "ratelimit-remaining"] {
            assert_eq!(one.header(header), other.header(header), "{header}");
        }
        assert!(one.header("x-request-id").is_some());
        // The token is the client's, and it alone opens what is behind.
        let refused = api.send("GET", "/v2/account", &Value::Null, None).await;
        assert_eq!(refused.unwrap().status, 401);
        assert_eq!(api.delete(&format!("/v2/droplets/{id}")).await.status, 204);
        assert_eq!(count(&real, "web").await, 0);
        proxy.stop().await;
        // With nothing behind it, it says so.
        let (proxy, api) = before(sandbox.url(), Options::default()).await;
        sandbox.stop().await;
        let (status, message) = api.ask("GET", "/v2/account", Value::Null).await.refused();
        assert_eq!(status, 502);
        assert!(message.contains("does not answer"), "{message}");
        proxy.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_fails_may_or_may_not_have_been_done() {
    limited(async {
        let (sandbox, real) = start(quick()).await;
        let (proxy, api) = before(sandbox.url(), Options::default()).await;
        for (kind, status, made) in [
            ("refuse", Some(503), 0),
            ("429", Some(429), 0),
            ("drop", None, 0),
            ("kill_before", None, 0),
            ("do_then_500", Some(500), 1),
            ("do_then_drop", None, 1),
            ("kill_after", None, 1),
            ("garbage", Some(202), 1),
        ] {
            let name = kind.replace('_', "-");
            api.fault(json!({"kind": kind, "method": "POST", "name": name, "nth": 1}))
                .await;
            let answer = try_droplet(&api, &name).await;
            assert_eq!(
                answer.as_ref().map(|answer| answer.status),
                status,
                "{kind}"
            );
            assert_eq!(count(&real, &name).await, made, "{kind}");
            if kind == "garbage" {
                let text = answer.unwrap().text;
                assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
            }
        }
        assert_eq!(proxy.struck(), [1; 8]);

        api.fault(json!({"kind": "429", "status": 413, "retry_after": 3, "count": 1}))
            .await;
        let answer = api.ask("GET", "/v2/account", Value::Null).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (413, Some("3"))
        );
        assert_eq!(answer.json()["overLimit"]["code"], 413);

        api.fault(json!({"kind": "delay", "ms": 50, "count": 1}))
            .await;
        api.get("/v2/account").await;
        assert_eq!(proxy.struck(), [1; 10]);
        proxy.stop().await;
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_is_killed_before_or_after_the_upstream_has_done_it() {
    limited(async {
        for (kind, made) in [("kill_before", 0), ("kill_after", 1)] {
            let (sandbox, real) = start(quick()).await;
            let (kills, mut told) = mpsc::unbounded_channel();
            let options = Options {
                kills: Some(kills),
                ..Options::default()
            };
            let (proxy, api) = before(sandbox.url(), options).await;
            api.fault(json!({"kind": kind, "method": "POST", "count": 1}))
                .await;
            let asking = tokio::spawn(async move { try_droplet(&api, "web").await.is_some() });
            let kill = told.recv().await.unwrap();
            assert!(!asking.is_finished());
            assert_eq!(count(&real, "web").await, made, "{kind}");
            drop(kill);
            assert!(!asking.await.unwrap(), "{kind}: no answer");
            assert_eq!(count(&real, "web").await, made, "{kind}");
            proxy.stop().await;
            sandbox.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn names_are_learned_from_what_passes() {
    limited(async {
        let (sandbox, _) = start(quick()).await;
        let (proxy, api) = before(sandbox.url(), Options::default()).await;
        let (web, other) = (api.droplet("web").await, api.droplet("other").await);
        api.post("/v2/domains", json!({"name": "acme.com"})).await;
        let records = "/v2/domains/acme.com/records";
        let record = json!({"name": "www", "type": "A", "data": "192.0.2.1"});
        let www = api.post(records, record.clone()).await["domain_record"]["id"].clone();
        for fault in [
            json!({"kind": "drop", "method": "DELETE", "path": "/v2/droplets/{id}", "name": "web",
                "nth": 1}),
            json!({"kind": "refuse", "name": "www.acme.com A", "nth": 1}),
        ] {
            api.fault(fault).await;
        }
        let delete = |id: u64| format!("/v2/droplets/{id}");
        assert_eq!(api.delete(&delete(other)).await.status, 204);
        let path = delete(web);
        let dropped = api.send("DELETE", &path, &Value::Null, Some(TOKEN));
        assert!(dropped.await.is_err());
        assert_eq!(api.delete(&delete(web)).await.status, 204);
        let path = format!("{records}/{www}");
        assert_eq!(api.ask("PUT", &path, record).await.status, 503);
        assert_eq!(proxy.struck(), [1, 1]);
        let stats = api.get("/_sandbox/stats").await;
        assert_eq!(stats["by_route"]["DELETE /v2/droplets/{id}"], 3);
        assert_eq!(stats["by_route"]["PUT /v2/domains/{id}/records/{id}"], 1);
        proxy.stop().await;
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_proxy_cannot_do_is_refused() {
    limited(async {
        let (sandbox, _) = start(quick()).await;
        let (proxy, api) = before(sandbox.url(), Options::default()).await;
        for (kind, why) in [
            ("lag", "cannot hide what the cloud behind it has made"),
            ("never_active", "no say in what boots"),
        ] {
            let refused = api
                .ask("POST", "/_sandbox/fault", json!({"kind": kind}))
                .await;
            let (status, message) = refused.refused();
            assert_eq!(status, 422);
            assert!(message.contains(why), "{message}");
        }
        let options = Options {
            faults: vec![Fault::of(FaultKind::Lag)],
            ..Options::default()
        };
        let error = sandbox::proxy(sandbox.url(), options).await.unwrap_err();
        assert!(matches!(error, Error::Fault(_)), "{error}");
        for elsewhere in [
            "http://192.0.2.1:5000",
            "https://127.0.0.1",
            "http://example.com/",
        ] {
            let error = sandbox::proxy(elsewhere, Options::default()).await;
            let error = error.unwrap_err();
            assert!(matches!(error, Error::Upstream { .. }), "{error}");
            assert!(error.to_string().contains(elsewhere), "{error}");
        }
        let anywhere = Options {
            listen: "0.0.0.0:0".parse().unwrap(),
            ..Options::default()
        };
        let error = sandbox::proxy(sandbox.url(), anywhere).await.unwrap_err();
        assert!(matches!(error, Error::NotLoopback(_)), "{error}");
        proxy.stop().await;
        sandbox.stop().await;
    })
    .await;
}

/// What a service was sent.
type Seen = Arc<Mutex<Vec<Value>>>;

const ID: &str = "024f9a9f-d9e9-481f-a805-2b9d255b9f58";

/// A service with a list of one, and links in its answers.
async fn compute(seen: Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let at = format!("http://{address}/v2.1");
    let (list, made) = (at.clone(), at.clone());
    let router = Router::new()
        .route(
            "/v2.1/servers",
            get(async move || {
                Json(json!({
                    "servers": [{"id": ID, "name": "web1",
                        "links": [{"rel": "self", "href": format!("{list}/servers/{ID}")}]}],
                    "servers_links": [{"rel": "next", "href": format!("{list}/servers?marker={ID}")}],
                    "next": format!("/v2.1/servers?marker={ID}"),
                }))
            })
            .post(async move |Json(body): Json<Value>| {
                seen.lock().unwrap().push(body);
                let location = [("location", format!("{made}/servers/{ID}"))];
                (StatusCode::ACCEPTED, location, Json(json!({"server": {"id": ID}})))
            }),
        )
        .route("/v2.1/servers/{id}", get(async || Json(json!({"server": {"id": ID}}))));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// An identity service that tells of the other one in both versions, and of one elsewhere.
async fn identity(compute: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (nova, own) = (
        format!("http://{compute}/v2.1"),
        format!("http://{address}/v3/"),
    );
    let three = json!({"token": {"expires_at": "2030-01-01T00:00:00.000000Z", "catalog": [
        {"type": "compute", "endpoints": [
            {"interface": "public", "url": nova},
            {"interface": "admin", "url": "https://nova.example.com/v2.1"}]},
        {"type": "identity", "endpoints": [{"interface": "public", "url": own}]}]}});
    let two = json!({"access": {"token": {"id": "t"}, "serviceCatalog": [
        {"type": "compute", "endpoints": [{"region": "DFW", "publicURL": nova}]}]}});
    let router = Router::new()
        .route(
            "/v3/auth/tokens",
            post(async move || {
                let token = [("x-subject-token", "a-token")];
                (StatusCode::CREATED, token, Json(three)).into_response()
            }),
        )
        .route("/v2.0/tokens", post(async move || Json(two)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn every_service_of_a_catalog_is_behind_it() {
    limited(async {
        let seen = Seen::default();
        let compute = compute(Arc::clone(&seen)).await;
        let identity = identity(&compute).await;
        let (proxy, api) = before(&format!("http://{identity}/v3"), Options::default()).await;
        let root = proxy
            .url()
            .strip_suffix("/v3")
            .expect("the path is kept")
            .to_owned();
        let nova = format!("{root}/_up/{compute}/v2.1");
        // Nothing is passed on to what no catalog has told of.
        let servers = format!("{nova}/servers");
        assert_eq!(api.ask("GET", &servers, Value::Null).await.status, 404);

        let token = api.ask("POST", "/auth/tokens", json!({"auth": {}})).await;
        assert_eq!(
            (token.status, token.header("x-subject-token")),
            (201, Some("a-token"))
        );
        let catalog = &token.json()["token"]["catalog"];
        assert_eq!(catalog[0]["endpoints"][0]["url"], nova);
        assert_eq!(
            catalog[0]["endpoints"][1]["url"],
            "https://nova.example.com/v2.1"
        );
        assert_eq!(catalog[1]["endpoints"][0]["url"], format!("{root}/v3/"));

        let listed = api.get(&servers).await;
        let own = listed["servers"][0]["links"][0]["href"].as_str().unwrap();
        assert_eq!(own, format!("{servers}/{ID}"));
        assert_eq!(
            listed["servers_links"][0]["href"],
            format!("{servers}?marker={ID}")
        );
        // Whether a client takes it from the root or from the endpoint, it arrives.
        let next = listed["next"].as_str().unwrap();
        for url in [
            format!("{root}{next}"),
            format!("{root}/_up/{compute}{next}"),
        ] {
            assert_eq!(api.get(&url).await["servers"][0]["name"], "web1", "{url}");
        }

        let made = api
            .ask(
                "POST",
                &servers,
                json!({"server": {"name": "web2", "like": own}}),
            )
            .await;
        assert_eq!(made.header("location"), Some(own));
        let like = format!("http://{compute}/v2.1/servers/{ID}");
        assert_eq!(
            *seen.lock().unwrap(),
            [json!({"server": {"name": "web2", "like": like}})]
        );
        // The answer told an id alone, and yet it is known whose it is.
        let faults = Api::new(&root);
        faults
            .fault(
                json!({"kind": "refuse", "name": "web2", "path": "/v2.1/servers/{id}", "nth": 1}),
            )
            .await;
        assert_eq!(api.ask("GET", own, Value::Null).await.status, 503);
        assert_eq!(api.ask("GET", own, Value::Null).await.status, 200);
        proxy.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_catalog_of_the_older_identity_is_understood_too() {
    limited(async {
        let compute = compute(Seen::default()).await;
        let identity = identity(&compute).await;
        let (proxy, api) = before(&format!("http://{identity}"), Options::default()).await;
        let access = api.post("/v2.0/tokens", json!({"auth": {}})).await;
        let endpoint = &access["access"]["serviceCatalog"][0]["endpoints"][0]["publicURL"];
        let url = endpoint.as_str().unwrap();
        assert!(url.starts_with(proxy.url()), "{url}");
        let listed = api.get(&format!("{url}/servers")).await;
        assert_eq!(listed["servers"][0]["id"], ID);
        proxy.stop().await;
    })
    .await;
}
