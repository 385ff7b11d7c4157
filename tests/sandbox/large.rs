//! Ten thousand servers: nothing may grow with their square, or this takes far too long.

use crate::support::{Api, limited, quick, start};
use serde_json::{Value, json};
use std::collections::HashSet;

async fn all(api: &Api, path: &str, key: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut next = Some(format!("{path}?per_page=200"));
    while let Some(path) = next {
        let mut page = api.get(&path).await;
        next = page["links"]["pages"]["next"].as_str().map(str::to_owned);
        items.append(page[key].as_array_mut().unwrap());
    }
    items
}

#[tokio::test]
async fn ten_thousand_servers_are_made_and_listed() {
    limited(async {
        let (sandbox, api) = start(quick()).await;
        for batch in 0..1000 {
            let names: Vec<String> = (0..10).map(|number| format!("s{batch}-{number}")).collect();
            let body = json!({
                "names": names, "region": "nyc3", "size": "s-1vcpu-1gb",
                "image": "debian-13-x64", "ipv6": true, "tags": ["all"],
            });
            api.post("/v2/droplets", body).await;
        }
        let one_more = json!({
            "name": "one-more", "region": "nyc3", "size": "s-1vcpu-1gb", "image": "debian-13-x64",
        });
        let (status, message) = api.ask("POST", "/v2/droplets", one_more).await.refused();
        assert_eq!(status, 422);
        assert!(message.contains("droplet limit"), "{message}");
        let droplets = all(&api, "/v2/droplets", "droplets").await;
        assert_eq!(droplets.len(), 10_000);
        let addresses: HashSet<String> = droplets
            .iter()
            .flat_map(|droplet| {
                let networks = &droplet["networks"];
                [&networks["v4"][0], &networks["v4"][1], &networks["v6"][0]]
            })
            .map(|entry| entry["ip_address"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(addresses.len(), 30_000);

        api.post("/v2/domains", json!({"name": "example.com"}))
            .await;
        for number in 0..1000 {
            for (kind, data) in [("A", "198.51.100.1"), ("AAAA", "2001:db8::1")] {
                let record = json!({"type": kind, "name": format!("s{number}"), "data": data});
                api.post("/v2/domains/example.com/records", record).await;
            }
        }
        let records = all(&api, "/v2/domains/example.com/records", "domain_records").await;
        assert_eq!(records.len(), 2004);
        sandbox.stop().await;
    })
    .await;
}
