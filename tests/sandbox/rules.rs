//! What only shows over HTTP: tokens, unknown paths, bodies, links.

use crate::support::{droplet, limited, quick, start};
use serde_json::{Value, json};

#[tokio::test]
async fn without_a_token_nothing_is_answered_or_done() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        for token in [None, Some(""), Some("  ")] {
            let answer = api
                .send("POST", "/v2/droplets", &droplet("a"), token)
                .await
                .unwrap();
            assert_eq!(answer.status, 401);
            assert_eq!(answer.json()["id"], "unauthorized");
        }
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 0);
        let any = api
            .send("GET", "/v2/account", &Value::Null, Some("x"))
            .await
            .unwrap();
        assert_eq!(any.status, 200);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn wrong_paths_and_methods_are_told_apart() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        let nothing = api.ask("GET", "/v2/dromedaries", Value::Null).await;
        assert_eq!(
            (nothing.status, nothing.json()["id"].as_str()),
            (404, Some("not_found"))
        );
        let method = api.ask("PUT", "/v2/domains", json!({})).await;
        assert_eq!(
            (method.status, method.header("allow")),
            (405, Some("GET, POST"))
        );
        let id = api.ask("GET", "/v2/droplets/web", Value::Null).await;
        assert_eq!(id.status, 404);
        let head = api.ask("HEAD", "/v2/account", Value::Null).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_error_names_its_request_in_body_and_header() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        let one = api.ask("GET", "/v2/droplets/1", Value::Null).await;
        let two = api.ask("GET", "/v2/droplets/1", Value::Null).await;
        assert_eq!(
            one.json()["request_id"].as_str(),
            one.header("x-request-id")
        );
        assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        // A JSON string is JSON, but no object.
        let answer = api.ask("POST", "/v2/droplets", json!("name")).await;
        assert_eq!(
            (answer.status, answer.json()["id"].as_str()),
            (400, Some("bad_request"))
        );
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn links_lead_through_all_pages_and_keep_the_filter() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        for batch in 0..3 {
            let mut body = droplet("");
            body.as_object_mut().unwrap().remove("name");
            body["names"] = (0..10).map(|number| format!("w{batch}-{number}")).collect();
            body["tags"] = json!(["all:of-them"]);
            api.post("/v2/droplets", body).await;
        }
        let mut next = Some("/v2/droplets?tag_name=all%3Aof-them&per_page=7".to_owned());
        let mut names = Vec::new();
        let mut pages = 0;
        while let Some(path) = next {
            let page = api.get(&path).await;
            pages += 1;
            for droplet in page["droplets"].as_array().unwrap() {
                names.push(droplet["name"].as_str().unwrap().to_owned());
            }
            let links = &page["links"]["pages"];
            assert_eq!(links.get("prev").is_some(), pages > 1);
            next = links
                .get("next")
                .map(|url| url.as_str().unwrap().to_owned());
        }
        names.sort();
        names.dedup();
        assert_eq!((pages, names.len()), (5, 30));
        assert_eq!(
            api.get("/v2/droplets?per_page=200").await["links"],
            json!({})
        );
        sandbox.stop().await;
    })
    .await;
}
