//! The simulated Rackspace Cloud over real HTTP, asked as any client would: Identity first, then
//! where its catalog says.

use crate::support::{Answer, Api, KEY, limited, start};
use cloudbuilder::sandbox::rackspace::{ACCOUNTS, Account};
use cloudbuilder::sandbox::{Cloud, Options, Sandbox};
use serde_json::{Value, json};
use std::time::Duration;

/// A Rackspace Cloud in which everything is done as soon as one looks again.
fn quick() -> Options {
    Options {
        cloud: Cloud::Rackspace,
        boot: Duration::ZERO,
        action: Duration::ZERO,
        ..Options::default()
    }
}

/// Somebody who has a token and knows where the services are.
struct Client {
    api: Api,
    token: String,
    access: Value,
}

impl Client {
    async fn of(api: &Api, account: &Account) -> Self {
        let access = login(api, &by_key(account)).await.good()["access"].clone();
        Self {
            api: api.clone(),
            token: access["token"]["id"].as_str().unwrap().to_owned(),
            access,
        }
    }

    /// Where a service is, by its name and region; by its name alone, if it has none.
    fn service(&self, name: &str, region: Option<&str>) -> String {
        let services = self.access["serviceCatalog"].as_array().unwrap();
        let service = services.iter().find(|service| service["name"] == name);
        let endpoints = service.unwrap()["endpoints"].as_array().unwrap();
        let endpoint = endpoints
            .iter()
            .find(|endpoint| endpoint.get("region").and_then(Value::as_str) == region);
        endpoint.unwrap()["publicURL"].as_str().unwrap().to_owned()
    }

    fn servers(&self, path: &str) -> String {
        self.service("cloudServersOpenStack", Some("DFW")) + path
    }

    fn dns(&self, path: &str) -> String {
        self.service("cloudDNS", None) + path
    }

    async fn ask(&self, method: &str, url: &str, body: &Value) -> Answer {
        self.send(method, url, body).await.unwrap()
    }

    async fn send(&self, method: &str, url: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        let headers = [("x-auth-token", self.token.as_str())];
        self.api.send_with(method, url, body, &headers).await
    }

    async fn get(&self, url: &str) -> Value {
        self.ask("GET", url, &Value::Null).await.good()
    }

    /// Asks for a change of DNS and follows its job to the end.
    async fn job(&self, method: &str, path: &str, body: Value) -> Value {
        let job = self.ask(method, &self.dns(path), &body).await.good();
        let url = format!("{}?showDetails=true", job["callbackUrl"].as_str().unwrap());
        loop {
            let job = self.get(&url).await;
            if !matches!(job["status"].as_str(), Some("INITIALIZED" | "RUNNING")) {
                return job;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn zone(&self, name: &str) -> String {
        let body = json!({"domains": [{"name": name, "emailAddress": "hm@example.com"}]});
        let job = self.job("POST", "/domains", body).await;
        assert_eq!(job["status"], "COMPLETED", "{job}");
        format!("/domains/{}", job["response"]["domains"][0]["id"])
    }

    async fn server_body(&self, name: &str) -> Value {
        let images = self.get(&self.servers("/images/detail")).await;
        let image = images["images"][0]["id"].clone();
        json!({"server": {"name": name, "imageRef": image, "flavorRef": "general1-1"}})
    }
}

fn by_key(account: &Account) -> Value {
    json!({"auth": {"RAX-KSKEY:apiKeyCredentials":
        {"username": account.username, "apiKey": account.api_key}}})
}

async fn login(api: &Api, body: &Value) -> Answer {
    api.send("POST", "/v2.0/tokens", body, None).await.unwrap()
}

async fn cloud(options: Options) -> (Sandbox, Client) {
    let (sandbox, api) = start(options).await;
    let client = Client::of(&api, &ACCOUNTS[0]).await;
    (sandbox, client)
}

#[tokio::test]
async fn a_key_or_a_password_gets_a_token_and_the_catalog() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        let access = &client.access;
        let expires = access["token"]["expires"].as_str().unwrap();
        assert!(expires.ends_with("-06:00"), "{expires}");
        assert_eq!(access["user"]["RAX-AUTH:defaultRegion"], "DFW");
        let services = access["serviceCatalog"].as_array().unwrap();
        let compute = services.iter().filter(|s| s["type"] == "compute");
        assert_eq!(compute.count(), 2);
        assert!(services[0]["endpoints"][0].get("region").is_none());
        let account = &ACCOUNTS[0];
        let password = json!({"auth": {"tenantId": account.tenant, "passwordCredentials":
            {"username": account.username, "password": account.password}}});
        assert_eq!(login(&client.api, &password).await.status, 200);
        let mut other = by_key(account);
        other["auth"]["tenantId"] = ACCOUNTS[1].tenant.into();
        let mut wrong = by_key(account);
        wrong["auth"]["RAX-KSKEY:apiKeyCredentials"]["apiKey"] = "wrong".into();
        let mut stranger = password.clone();
        stranger["auth"]["passwordCredentials"]["username"] = "nobody".into();
        for bad in [other, wrong, stranger] {
            let answer = login(&client.api, &bad).await;
            assert_eq!(answer.status, 401);
            assert_eq!(answer.json()["unauthorized"]["code"], 401);
        }
        assert_eq!(login(&client.api, &json!({"auth": {}})).await.status, 400);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_by_itself_by_force_or_at_the_neighbours() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        let (servers, domains) = (client.servers("/servers"), client.dns("/domains"));
        client.get(&servers).await;
        let neighbour = Client::of(&client.api, &ACCOUNTS[1]).await;
        assert_eq!(
            neighbour.ask("GET", &domains, &Value::Null).await.status,
            401
        );
        let revoked = client.api.delete("/_sandbox/tokens").await;
        assert_eq!(revoked.status, 204);
        let keyed = client.ask("GET", &servers, &Value::Null).await;
        assert_eq!(
            (keyed.status, &keyed.json()["unauthorized"]["code"]),
            (401, &json!(401))
        );
        let flat = client.ask("GET", &domains, &Value::Null).await;
        assert_eq!((flat.status, &flat.json()["code"]), (401, &json!(401)));
        let again = Client::of(&client.api, &ACCOUNTS[0]).await;
        again.get(&servers).await;
        sandbox.stop().await;

        let short = Options {
            token_life: Duration::ZERO,
            ..quick()
        };
        let (sandbox, client) = cloud(short).await;
        let expired = client
            .ask("GET", &client.dns("/domains"), &Value::Null)
            .await;
        assert_eq!(expired.status, 401);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_comes_up_and_goes() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        let key = json!({"keypair": {"name": "me", "public_key": KEY}});
        client
            .ask("POST", &client.servers("/os-keypairs"), &key)
            .await
            .good();
        let mut body = client.server_body("web1").await;
        let server = &mut body["server"];
        server["key_name"] = "me".into();
        server["personality"] = json!([{"path": "/etc/motd", "contents": "aGVsbG8K"}]);
        server["metadata"] = json!({"cloudbuilder": "lineage"});
        let made = client.ask("POST", &client.servers("/servers"), &body).await;
        let url = made.header("location").unwrap().to_owned();
        assert_eq!(made.status, 202);
        let made = made.json();
        assert_eq!(made["server"]["links"][0]["href"], url);
        let up = client.get(&url).await["server"].clone();
        assert_eq!(
            (&up["status"], &up["progress"]),
            (&json!("ACTIVE"), &json!(100))
        );
        let image = up["image"]["links"][0]["href"].as_str().unwrap();
        assert!(image.contains("/servers/dfw/123456/images/"), "{image}");
        let inside = format!("/_sandbox/injected/{}", up["id"].as_str().unwrap());
        let inside = client.api.get(&inside).await;
        assert_eq!(
            (&inside["files"][0]["path"], &inside["files"][0]["bytes"]),
            (&json!("/etc/motd"), &json!(6))
        );
        let gone = client.ask("DELETE", &url, &Value::Null).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        let missing = client.ask("GET", &url, &Value::Null).await;
        assert_eq!(missing.json()["itemNotFound"]["code"], 404);
        for path in ["/dromedaries", "/servers/1/2/3"] {
            assert_eq!(
                client
                    .ask("GET", &client.servers(path), &Value::Null)
                    .await
                    .status,
                404
            );
        }
        let wrong = client
            .ask("DELETE", &client.servers("/flavors"), &Value::Null)
            .await;
        assert_eq!(wrong.json()["badMethod"]["code"], 405);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn names_are_made_by_jobs_and_nobody_takes_them_twice() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        let zone = client.zone("example.com").await;
        let records = format!("{zone}/records");
        let body =
            json!({"records": [{"type": "A", "name": "www.example.com", "data": "192.0.2.1"}]});
        let job = client.job("POST", &records, body.clone()).await;
        let id = job["response"]["records"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(id.starts_with("A-"), "{id}");
        let twice = client.job("POST", &records, body).await;
        assert_eq!(
            (&twice["status"], &twice["error"]["code"]),
            (&json!("ERROR"), &json!(409))
        );
        let neighbour = Client::of(&client.api, &ACCOUNTS[1]).await;
        assert_eq!(
            neighbour.get(&neighbour.dns("/domains")).await["totalEntries"],
            0
        );
        let taken = json!({"domains": [{"name": "example.com", "emailAddress": "hm@example.com"}]});
        let taken = neighbour.job("POST", "/domains", taken).await;
        assert_eq!(taken["error"]["code"], 409, "{taken}");
        let job = client
            .job("DELETE", &format!("{records}?id={id}&id=A-1"), Value::Null)
            .await;
        assert_eq!(
            job["error"]["failedItems"]["faults"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(client.get(&client.dns(&records)).await["totalEntries"], 2);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn limits_say_when_to_come_again_each_service_in_its_way() {
    limited(async {
        let limits = Options {
            limits: true,
            ..quick()
        };
        let (sandbox, client) = cloud(limits).await;
        let bad = json!({"domains": []});
        for _ in 0..20 {
            let answer = client.ask("POST", &client.dns("/domains"), &bad).await;
            assert_eq!(answer.status, 400);
        }
        let over = client.ask("POST", &client.dns("/domains"), &bad).await;
        assert_eq!(over.status, 413);
        let when: jiff::Timestamp = over.header("reply-after").unwrap().parse().unwrap();
        let wait = when.as_second() - jiff::Timestamp::now().as_second();
        assert!((0..=61).contains(&wait), "{wait}");
        assert_eq!(over.header("retry-after"), None);
        client.get(&client.dns("/domains")).await;
        for _ in 0..100 {
            client
                .ask("POST", &client.servers("/os-keypairs"), &json!({}))
                .await;
        }
        let over = client
            .ask("POST", &client.servers("/os-keypairs"), &json!({}))
            .await;
        assert_eq!(over.json()["overLimit"]["code"], 413);
        let seconds: u64 = over.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        sandbox.stop().await;

        let few = Options {
            droplet_limit: 1,
            ..quick()
        };
        let (sandbox, client) = cloud(few).await;
        let body = client.server_body("web").await;
        let servers = client.servers("/servers");
        assert_eq!(client.ask("POST", &servers, &body).await.status, 202);
        let full = client.ask("POST", &servers, &body).await;
        assert_eq!((full.status, full.header("retry-after")), (413, None));
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn faults_strike_by_name_whichever_service_it_is() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        let fault = async |fault: Value| client.api.fault(fault).await;
        // A lost answer: the server is there all the same.
        fault(json!({"kind": "do_then_drop", "method": "POST", "name": "web2"})).await;
        fault(json!({"kind": "do_then_500", "method": "POST", "name": "web3"})).await;
        let servers = client.servers("/servers");
        let create = async |name: &str| {
            let body = client.server_body(name).await;
            client.send("POST", &servers, &body).await
        };
        assert_eq!(create("web1").await.unwrap().status, 202);
        assert!(create("web2").await.is_err());
        let failed = create("web3").await.unwrap();
        assert_eq!((failed.status, &failed.json()["computeFault"]["code"]), (500, &json!(500)));
        let there = client.get(&format!("{servers}?name=web2")).await;
        assert_eq!(there["servers"].as_array().unwrap().len(), 1);
        // The poll of a job is about what the job is about.
        let zone = client.zone("example.com").await;
        fault(json!({"kind": "refuse", "path": "/dns/v1.0/{a}/status/{j}", "name": "www.example.com A", "nth": 1})).await;
        fault(json!({"kind": "429", "path": "/dns/v1.0/{a}/domains/{d}/records", "name": "ftp.example.com A"})).await;
        let record = |name: &str| json!({"records": [{"type": "A", "name": name, "data": "192.0.2.1"}]});
        let records = client.dns(&format!("{zone}/records"));
        let job = client.ask("POST", &records, &record("www.example.com")).await.good();
        let callback = job["callbackUrl"].as_str().unwrap();
        let refused = client.ask("GET", callback, &Value::Null).await;
        assert_eq!((refused.status, &refused.json()["code"]), (503, &json!(503)));
        assert_eq!(client.get(callback).await["status"], "COMPLETED");
        let over = client.ask("POST", &records, &record("ftp.example.com")).await;
        assert_eq!(over.status, 413);
        assert!(over.header("reply-after").is_some(), "it would look like a quota");
        assert_eq!(sandbox.struck(), [1, 1, 1, 1]);
        let stats = client.api.get("/_sandbox/stats").await;
        let route = "POST /dns/v1.0/{account}/domains/{domain_id}/records";
        assert_eq!(stats["by_route"][route], 2);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_just_made_may_not_be_seen_yet() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        client
            .api
            .fault(json!({"kind": "lag", "method": "POST", "ms": 3_600_000}))
            .await;
        let body = client.server_body("web").await;
        let made = client
            .ask("POST", &client.servers("/servers"), &body)
            .await
            .good();
        let url = client.servers(&format!(
            "/servers/{}",
            made["server"]["id"].as_str().unwrap()
        ));
        let zone = client.zone("example.com").await;
        assert_eq!(client.ask("GET", &url, &Value::Null).await.status, 404);
        assert_eq!(
            client.get(&client.servers("/servers")).await["servers"],
            json!([])
        );
        assert_eq!(client.get(&client.dns("/domains")).await["totalEntries"], 0);
        sandbox.reveal();
        assert_eq!(client.get(&url).await["server"]["name"], "web");
        client.get(&client.dns(&zone)).await;
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_runs_it_may_look_without_a_token() {
    limited(async {
        let (sandbox, client) = cloud(quick()).await;
        client.zone("example.com").await;
        let ask = async |path: &str| sandbox.ask("GET", path, &Value::Null).await.unwrap();
        let (status, domains) = ask("/dns/v1.0/123456/domains").await;
        assert_eq!(
            (status, &domains["domains"][0]["name"]),
            (200, &json!("example.com"))
        );
        assert_eq!(ask("/dns/v1.0/1/domains").await.0, 401);
        assert_eq!(ask("/servers/lon/v2/123456/servers").await.0, 404);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_answered() {
    limited(async {
        let folder = tempfile::tempdir().unwrap();
        let kept = |action: Duration| Options {
            world: Some(folder.path().join("rackspace.jsonl")),
            action,
            ..quick()
        };
        let (sandbox, client) = cloud(kept(Duration::ZERO)).await;
        let zone = client.zone("example.com").await;
        let body = client.server_body("web").await;
        let made = client
            .ask("POST", &client.servers("/servers"), &body)
            .await
            .good();
        let server = format!("/servers/{}", made["server"]["id"].as_str().unwrap());
        let before = client.get(&client.servers(&server)).await;
        drop(sandbox);

        // The token is good still; only the address is another.
        let (sandbox, api) = start(kept(Duration::from_secs(86_400))).await;
        let token = client.token.clone();
        let again = Client {
            token,
            ..Client::of(&api, &ACCOUNTS[0]).await
        };
        let after = again.get(&again.servers(&server)).await;
        let told = |shown: &Value| {
            let server = &shown["server"];
            [
                "id",
                "name",
                "status",
                "accessIPv4",
                "accessIPv6",
                "created",
            ]
            .map(|key| server[key].clone())
        };
        assert_eq!(told(&after), told(&before));
        let records = again.dns(&format!("{zone}/records"));
        let body =
            json!({"records": [{"type": "A", "name": "www.example.com", "data": "192.0.2.1"}]});
        let job = again.ask("POST", &records, &body).await.good();
        drop(sandbox);

        // A job that was taken on is not forgotten, and ends when it was to end.
        let (sandbox, api) = start(kept(Duration::ZERO)).await;
        let third = Client::of(&api, &ACCOUNTS[0]).await;
        let status = third.dns(&format!("/status/{}", job["jobId"].as_str().unwrap()));
        let open = third.ask("GET", &status, &Value::Null).await;
        assert_eq!(
            (open.status, &open.json()["status"]),
            (202, &json!("RUNNING"))
        );
        assert_eq!(
            third
                .api
                .send("POST", "/_sandbox/finish", &Value::Null, None)
                .await
                .unwrap()
                .status,
            204
        );
        assert_eq!(third.get(&status).await["status"], "COMPLETED");
        let records = third.get(&third.dns(&format!("{zone}/records"))).await;
        assert_eq!(records["totalEntries"], 3);
        sandbox.stop().await;
    })
    .await;
}
