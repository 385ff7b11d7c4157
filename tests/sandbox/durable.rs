//! What outlives a process, and who owns a world.

use crate::support::{Api, KEY, droplet, endless, limited, quick, start};
use cloudbuilder::sandbox::{self, Error, Options};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn at(world: &Path, options: Options) -> Options {
    Options {
        world: Some(world.to_owned()),
        ..options
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // The folder it lives in is made when it is needed.
    let world = folder.path().join("deep/er/world.jsonl");
    (folder, world)
}

/// All that the account holds, as its lists show it.
async fn everything(api: &Api) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "account",
        "account/keys",
        "droplets",
        "domains",
        "domains/example.com/records",
        "tags",
        "vpcs",
        "actions",
    ] {
        all.push(api.get(&format!("/v2/{path}?per_page=200")).await);
    }
    all
}

async fn fill(api: &Api) {
    api.post("/v2/account/keys", json!({"name": "k", "public_key": KEY}))
        .await;
    let mut body = droplet("web");
    body["tags"] = json!(["web"]);
    body["backups"] = json!(true);
    let made = api.post("/v2/droplets", body).await;
    let id = &made["droplet"]["id"];
    api.post(
        &format!("/v2/droplets/{id}/actions"),
        json!({"type": "power_off"}),
    )
    .await;
    let gone = api.droplet("gone").await;
    api.delete(&format!("/v2/droplets/{gone}")).await.good();
    api.post("/v2/domains", json!({"name": "example.com"}))
        .await;
    let record = json!({"type": "A", "name": "www", "data": "198.51.100.1"});
    api.post("/v2/domains/example.com/records", record).await;
    api.post("/v2/vpcs", json!({"name": "inside", "region": "nyc1"}))
        .await;
    // Lets what is due be done, so that two looks see the same.
    api.get("/v2/droplets").await;
}

#[tokio::test]
async fn a_sandbox_that_is_just_dropped_loses_nothing() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, api) = start(at(&world, quick())).await;
        fill(&api).await;
        let before = everything(&api).await;
        let before_url = sandbox.url().to_owned();
        drop(sandbox);
        let (sandbox, api) = start(at(&world, quick())).await;
        assert!(sandbox.is_owner());
        let moved = |all: &[Value], url: &str| json!(all).to_string().replace(url, "");
        let after = everything(&api).await;
        // Actions on what is gone are forgotten; all else is as it was.
        let kept = before.len() - 1;
        assert_eq!(
            moved(&after[..kept], sandbox.url()),
            moved(&before[..kept], &before_url)
        );
        assert_eq!(after[2]["droplets"][0]["status"], "off");
        sandbox.stop().await;
    })
    .await;
}

/// Nothing is compacted on the way: every start reads what the last one appended.
#[tokio::test]
async fn what_was_done_after_a_boot_stays_done_after_many_starts() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, api) = start(at(&world, quick())).await;
        let id = api.droplet("web").await;
        drop(sandbox);
        let one = format!("/v2/droplets/{id}");
        let (sandbox, api) = start(at(&world, quick())).await;
        api.post(&format!("{one}/actions"), json!({"type": "power_off"}))
            .await;
        api.get(&one).await;
        api.post(
            &format!("{one}/actions"),
            json!({"type": "rename", "name": "new"}),
        )
        .await;
        drop(sandbox);
        for _ in 0..3 {
            let (sandbox, api) = start(at(&world, quick())).await;
            let droplet = &api.get(&one).await["droplet"];
            assert_eq!(droplet["status"], "off");
            assert_eq!(droplet["name"], "new");
            assert_eq!(droplet["locked"], false);
            drop(sandbox);
        }
    })
    .await;
}

#[tokio::test]
async fn a_boot_goes_on_while_nobody_serves() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, api) = start(at(&world, endless())).await;
        let long = api.droplet("long").await;
        drop(sandbox);
        let (sandbox, api) = start(at(&world, quick())).await;
        let short = api.droplet("short").await;
        drop(sandbox);
        // The due time was written down: how long the next process boots does not matter.
        let (sandbox, api) = start(at(&world, endless())).await;
        let status =
            async |id| api.get(&format!("/v2/droplets/{id}")).await["droplet"]["status"].clone();
        assert_eq!(status(long).await, "new");
        assert_eq!(status(short).await, "active");
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn ids_and_addresses_are_not_given_twice_after_a_restart() {
    limited(async {
        let (_folder, world) = place();
        let mut seen = Vec::new();
        for name in ["a", "b", "c"] {
            let (sandbox, api) = start(at(&world, quick())).await;
            let id = api.droplet(name).await;
            let one = format!("/v2/droplets/{id}");
            let networks = api.get(&one).await["droplet"]["networks"].clone();
            seen.push(id.to_string());
            seen.push(networks["v4"][1]["ip_address"].to_string());
            seen.push(networks["v6"][0]["ip_address"].to_string());
            api.delete(&one).await.good();
            drop(sandbox);
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "{seen:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_many_did_at_once_is_all_there_and_nothing_twice() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, api) = start(at(&world, quick())).await;
        let mut tasks = Vec::new();
        for number in 0..60 {
            let api = api.clone();
            tasks.push(tokio::spawn(async move {
                api.droplet(&format!("w{number}")).await
            }));
        }
        let mut ids = Vec::new();
        for task in tasks {
            ids.push(task.await.unwrap());
        }
        ids.sort_unstable();
        let before = api.get("/v2/droplets?per_page=200").await;
        drop(sandbox);
        let (sandbox, api) = start(at(&world, quick())).await;
        let after = api.get("/v2/droplets?per_page=200").await;
        assert_eq!(after, before);
        let shown = after["droplets"].as_array().unwrap().iter();
        let shown: Vec<u64> = shown
            .map(|droplet| droplet["id"].as_u64().unwrap())
            .collect();
        assert_eq!(shown, ids);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_second_to_come_is_sent_to_the_owner() {
    limited(async {
        let (_folder, world) = place();
        let (owner, api) = start(at(&world, quick())).await;
        let (mut guest, through_guest) = start(at(&world, quick())).await;
        assert!(owner.is_owner() && !guest.is_owner());
        assert_eq!(guest.url(), owner.url());
        through_guest.droplet("web").await;
        guest.wait().await;
        guest.stop().await;
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 1);
        owner.stop().await;
        let (heir, api) = start(at(&world, quick())).await;
        assert!(heir.is_owner());
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 1);
        heir.stop().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_while_the_owner_goes_becomes_the_owner() {
    limited(async {
        let (_folder, world) = place();
        let (owner, api) = start(at(&world, quick())).await;
        // A request in progress keeps the owner a while after it has taken its notice down.
        api.fault(json!({"kind": "delay", "ms": 400})).await;
        let slow = tokio::spawn({
            let api = api.clone();
            async move { api.droplet("slow").await }
        });
        while api.get("/_sandbox/stats").await["total"] == 0 {
            tokio::task::yield_now().await;
        }
        let going = tokio::spawn(owner.stop());
        let (heir, api) = start(at(&world, quick())).await;
        let id = slow.await.unwrap();
        going.await.unwrap();
        if heir.is_owner() {
            assert_eq!(
                api.get(&format!("/v2/droplets/{id}")).await["droplet"]["id"],
                id
            );
        }
        heir.stop().await;
    })
    .await;
}

/// A notice of an owner long gone, whose port somebody else has now.
#[tokio::test]
async fn an_old_notice_misleads_nobody() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, _) = start(at(&world, quick())).await;
        drop(sandbox);
        let notice = world.with_file_name("world.jsonl.port");
        assert!(notice.exists(), "a crash leaves its notice");
        let (heir, _) = start(at(&world, quick())).await;
        assert!(heir.is_owner());
        heir.stop().await;
        assert!(!notice.exists(), "an orderly end takes it down");
    })
    .await;
}

#[tokio::test]
async fn a_lock_without_an_answer_is_an_error_that_says_so() {
    limited(async {
        let (_folder, world) = place();
        std::fs::create_dir_all(world.parent().unwrap()).unwrap();
        let lock = std::fs::File::create(world.with_file_name("world.jsonl.lock")).unwrap();
        lock.lock().unwrap();
        let error = sandbox::start(at(&world, quick())).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable(_)), "{error}");
        assert!(error.to_string().contains("world.jsonl"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_refused_while_it_runs_and_forgets_afterwards() {
    limited(async {
        let (_folder, world) = place();
        assert!(sandbox::reset(&world).is_ok(), "nothing is there to forget");
        let (sandbox, api) = start(at(&world, quick())).await;
        api.droplet("web").await;
        assert!(matches!(sandbox::reset(&world), Err(Error::InUse(_))));
        sandbox.stop().await;
        sandbox::reset(&world).unwrap();
        assert!(!world.exists());
        let (sandbox, api) = start(at(&world, quick())).await;
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 0);
        sandbox.stop().await;
    })
    .await;
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_says_when_a_port_is_taken() {
    limited(async {
        let open = Options {
            listen: "0.0.0.0:0".parse().unwrap(),
            ..quick()
        };
        assert!(matches!(
            sandbox::start(open).await,
            Err(Error::NotLoopback(_))
        ));
        let (sandbox, _) = start(quick()).await;
        let taken = Options {
            listen: sandbox.url().trim_start_matches("http://").parse().unwrap(),
            ..quick()
        };
        let error = sandbox::start(taken).await.unwrap_err();
        assert!(matches!(error, Error::Listen { .. }), "{error}");
        sandbox.stop().await;
    })
    .await;
}

/// A sandbox that was dropped must not write into a world that another owns by now.
#[tokio::test]
async fn a_dropped_sandbox_changes_nothing_any_more() {
    limited(async {
        let (_folder, world) = place();
        let (sandbox, api) = start(at(&world, quick())).await;
        api.fault(json!({"kind": "delay", "ms": 1500, "method": "POST"}))
            .await;
        let late = tokio::spawn({
            let api = api.clone();
            async move {
                let token = Some(sandbox::TOKEN);
                api.send("POST", "/v2/droplets", &droplet("late"), token)
                    .await
            }
        });
        while api.get("/_sandbox/stats").await["total"] == 0 {
            tokio::task::yield_now().await;
        }
        drop(sandbox);
        let (heir, api) = start(at(&world, quick())).await;
        let answer = late.await.unwrap();
        assert!(answer.is_err(), "answered although not durable: {answer:?}");
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 0);
        drop(heir);
        let (heir, api) = start(at(&world, quick())).await;
        assert_eq!(api.get("/v2/droplets").await["meta"]["total"], 0);
        heir.stop().await;
    })
    .await;
}
