//! Rackspace's Cloud DNS against the simulator, and against servers that answer as it cannot.

use super::*;
use cloudbuilder::provider::rackspace::{self, login::Proof};
use cloudbuilder::sandbox::Cloud;
use cloudbuilder::sandbox::rackspace::ACCOUNTS;

/// Requests are repeated for so long at most, and a job is waited for five times as long.
const IMPATIENT: Tempo = Tempo {
    first_pause: Duration::from_millis(2),
    patience: Duration::from_millis(100),
};

pub(super) fn connect(tempo: Tempo, url: &str, user: usize, key: Option<&str>) -> Box<dyn Write> {
    let account = &ACCOUNTS[user];
    let login = rackspace::Login {
        auth_url: url.to_owned(),
        username: account.username.to_owned(),
        proof: Proof::ApiKey(Secret::new(key.unwrap_or(account.api_key).to_owned())),
        region: None,
    };
    let manner = Manner {
        tempo,
        ..Manner::default()
    };
    open_write(Connection {
        login: Login::Rackspace(login),
        manner,
    })
    .unwrap()
}

pub(super) async fn simulated(faults: Json) -> Sandbox {
    let options = Options {
        cloud: Cloud::Rackspace,
        action: Duration::from_millis(20),
        faults: serde_json::from_value(faults).unwrap(),
        ..Options::default()
    };
    sandbox::start(options).await.expect("a sandbox starts")
}

/// Asks the simulator for what no client of the cloud can ask for.
pub(super) async fn control(sandbox: &Sandbox, method: &str, path: &str) -> String {
    let host = sandbox.url().trim_start_matches("http://");
    let mut socket = TcpStream::connect(host).await.unwrap();
    let asked = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    socket.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
    answer
}

fn zone(name: &str) -> Attributes {
    attributes(&[("name", name)])
}

fn record(name: &str, record_type: &str, data: &str) -> Attributes {
    let zone = ("zone", "acme.com");
    attributes(&[zone, ("name", name), ("type", record_type), ("data", data)])
}

/// What is seen of a record that was made like this.
fn as_seen(made: &Attributes) -> Attributes {
    let mut seen = made.clone();
    seen.insert("ttl", 300.into());
    seen
}

fn www() -> Attributes {
    record("www.acme.com", "A", "203.0.113.1")
}

/// A client of an account that has the zone `acme.com`.
async fn with_zone(sandbox: &Sandbox) -> Box<dyn Write> {
    let write = connect(HURRIED, sandbox.url(), 0, None);
    let made = write.create("domain", &zone("acme.com"), Some(MARK)).await;
    made.unwrap();
    write
}

/// Everything in the zone but what the provider put there.
async fn ours(write: &dyn Write) -> Vec<Observed> {
    let www = www();
    let recorded = cloudbuilder::model::Recorded {
        address: "record.www.acme.com/A".parse().unwrap(),
        account: "default".to_owned(),
        id: "unknown".to_owned(),
        origin: cloudbuilder::model::Origin::Created,
        ready: true,
        attributes: www,
        refers_to: Vec::new(),
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let scope = Scope {
        recorded: &[&recorded],
        ..Scope::default()
    };
    let mut found = write.list("record", scope).await.unwrap().found;
    found.retain(|record| record.text("type") != Some("NS"));
    found
}

#[tokio::test]
async fn a_zone_and_its_records_come_change_and_go() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    let account = write.account().await.unwrap();
    assert_eq!(
        (
            account.provider.as_str(),
            account.id.as_str(),
            account.name.as_str()
        ),
        ("rackspace", "123456/DFW", "practice in DFW")
    );
    let zones = write.list("domain", Scope::default()).await.unwrap().found;
    let [acme] = zones.as_slice() else {
        panic!("{zones:?}")
    };
    assert_eq!(acme.text("name"), Some("acme.com"));
    assert_eq!(acme.owners, [MARK]);

    let wanted = [
        www(),
        record("www.acme.com", "AAAA", "2001:db8::1"),
        record("*.acme.com", "A", "203.0.113.2"),
        record("acme.com", "A", "203.0.113.1"),
    ];
    let all: Vec<&Attributes> = wanted.iter().collect();
    let made = write.create_many("record", &all, Some(MARK)).await.unwrap();
    let made: Vec<Observed> = made.into_iter().map(Result::unwrap).collect();
    for (made, wanted) in made.iter().zip(&wanted) {
        assert_eq!(made.attributes, as_seen(wanted));
        assert_eq!(made.owners, [MARK]);
    }
    let mut seen = ours(&*write).await;
    assert_eq!(seen.len(), 4);
    let found = write.find("record", &all, MARK).await.unwrap();
    assert!(found.iter().all(|found| found.len() == 1), "{found:?}");
    // Another deployment's are none of ours.
    let theirs = write.find("record", &all, "other").await.unwrap();
    assert!(theirs.iter().all(Vec::is_empty), "{theirs:?}");

    let target = |observed: &Observed| {
        let attributes = observed.attributes.clone();
        (observed.id.clone(), attributes)
    };
    let (id, attributes) = target(&made[0]);
    let www = Target {
        kind: "record",
        id: &id,
        attributes: &attributes,
        coming: false,
    };
    let moved = record("www.acme.com", "A", "203.0.113.9");
    let changed = write
        .update(www, &moved, &["data".to_owned()], MARK)
        .await
        .unwrap()
        .done()
        .unwrap();
    assert_eq!((&changed.id, &changed.attributes), (&id, &as_seen(&moved)));
    assert_eq!(changed.owners, [MARK], "the comment stays");

    let of_zone = Target {
        kind: "domain",
        id: &acme.id,
        attributes: &acme.attributes,
        coming: false,
    };
    let refused = write.delete(of_zone, MARK).await.unwrap_err();
    assert_eq!(refused.class, Class::Rejected);
    assert!(refused.message.contains("4 records"), "{refused}");
    for record in seen.drain(..) {
        let (id, attributes) = target(&record);
        let target = Target {
            kind: "record",
            id: &id,
            attributes: &attributes,
            coming: false,
        };
        write.delete(target, MARK).await.unwrap();
        assert_eq!(write.get(target).await.unwrap(), None);
        // Once more comes to the same.
        write.delete(target, MARK).await.unwrap();
    }
    write.delete(of_zone, MARK).await.unwrap();
    assert_eq!(write.get(of_zone).await.unwrap(), None);
    assert_eq!(ours(&*write).await, []);
}

#[tokio::test]
async fn what_a_lost_answer_made_is_found_again() {
    let faults = json!([
        {"method": "POST", "body_contains": "www.acme.com", "kind": "do_then_drop", "nth": 1},
        {"method": "GET", "name": "api.acme.com A", "kind": "do_then_drop", "count": 4},
    ]);
    let sandbox = simulated(faults).await;
    let write = with_zone(&sandbox).await;
    let error = write
        .create("record", &www(), Some(MARK))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Ambiguous, "{error}");
    control(&sandbox, "POST", "/_sandbox/finish").await;
    let www = www();
    let found = write.find("record", &[&www], MARK).await.unwrap();
    assert_eq!(found[0].len(), 1);

    // Where only looks at the job are lost, it is asked again.
    let api = record("api.acme.com", "A", "203.0.113.1");
    let made = write.create("record", &api, Some(MARK)).await.unwrap();
    assert_eq!(made.attributes, as_seen(&api));
    assert_eq!(sandbox.struck(), [1, 4]);
}

#[tokio::test]
async fn a_job_whose_end_nobody_sees_may_have_done_it() {
    let faults =
        json!([{"method": "POST", "body_contains": "www.acme.com", "kind": "never_active"}]);
    let sandbox = simulated(faults).await;
    drop(with_zone(&sandbox).await);
    let write = connect(IMPATIENT, sandbox.url(), 0, None);
    let error = write
        .create("record", &www(), Some(MARK))
        .await
        .unwrap_err();
    assert_eq!(error.class, Class::Ambiguous, "{error}");
    assert!(error.message.contains("not finished"), "{error}");
    assert!(error.request_id.is_some(), "the job has an id: {error}");
}

#[tokio::test]
async fn a_job_that_fails_says_why() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    write.create("record", &www(), Some(MARK)).await.unwrap();
    let twice = write
        .create("record", &www(), Some(MARK))
        .await
        .unwrap_err();
    assert_eq!(twice.class, Class::Exists, "{twice}");
    let again = write.create("domain", &zone("acme.com"), Some(MARK)).await;
    assert_eq!(again.unwrap_err().class, Class::Exists);

    let other = connect(HURRIED, sandbox.url(), 1, None);
    let taken = other.create("domain", &zone("acme.com"), Some(MARK)).await;
    let taken = taken.unwrap_err();
    assert_eq!(taken.class, Class::Rejected);
    assert!(taken.message.contains("another account"), "{taken}");

    let invalid = record("bad.acme.com", "A", "203.0.113");
    let refused = write
        .create("record", &invalid, Some(MARK))
        .await
        .unwrap_err();
    assert_eq!(refused.class, Class::Rejected, "{refused}");
    assert!(refused.message.contains("203.0.113"), "{refused}");
}

#[tokio::test]
async fn of_records_in_one_request_all_are_made_or_none() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    let right = record("right.acme.com", "A", "203.0.113.1");
    for wrong in [
        record("wrong.acme.com", "A", "203.0.113"),
        record("right.acme.com", "CNAME", "acme.com"),
    ] {
        let both = [&right, &wrong];
        let refused = write.create_many("record", &both, Some(MARK)).await;
        let refused = refused.unwrap_err();
        // What sends each of them by itself then.
        let alone = matches!(refused.class, Class::Rejected | Class::Exists);
        assert!(alone, "{refused}");
        assert_eq!(ours(&*write).await, []);
    }
}

#[tokio::test]
async fn many_records_take_one_request_and_few_looks() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    let names = (0..100).map(|number| format!("web{number}.acme.com"));
    let wanted: Vec<Attributes> = names
        .map(|name| record(&name, "A", "203.0.113.1"))
        .collect();
    let all: Vec<&Attributes> = wanted.iter().collect();
    for some in all.chunks(100) {
        let made = write.create_many("record", some, Some(MARK)).await.unwrap();
        assert!(made.iter().all(Result::is_ok));
    }
    write.create("record", &www(), Some(MARK)).await.unwrap();
    let before = write.requests();
    assert_eq!(ours(&*write).await.len(), 101);
    assert_eq!(write.requests() - before, 2, "two pages");
    let before = write.requests();
    let found = write.find("record", &all, MARK).await.unwrap();
    assert!(found.iter().all(|found| found.len() == 1));
    assert_eq!(write.requests() - before, 2, "the same for all of them");
}

#[tokio::test]
async fn what_is_deleted_at_the_same_time_takes_one_request() {
    let faults = json!([{"method": "DELETE", "kind": "delay", "ms": 1}]);
    let sandbox = simulated(faults).await;
    let write = with_zone(&sandbox).await;
    let names = (0..6).map(|number| format!("web{number}.acme.com"));
    let wanted: Vec<Attributes> = names
        .map(|name| record(&name, "A", "203.0.113.1"))
        .collect();
    let all: Vec<&Attributes> = wanted.iter().collect();
    let made = write.create_many("record", &all, Some(MARK)).await.unwrap();
    let made: Vec<Observed> = made.into_iter().map(Result::unwrap).collect();
    let targets: Vec<Target<'_>> = made
        .iter()
        .map(|record| Target {
            kind: "record",
            id: &record.id,
            attributes: &record.attributes,
            coming: false,
        })
        .collect();
    let (first, others) = targets.split_first().unwrap();
    write.delete(*first, MARK).await.unwrap();
    assert_eq!(sandbox.struck(), [1]);
    let gone = join_all(others.iter().map(|&target| write.delete(target, MARK))).await;
    assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    assert_eq!(sandbox.struck(), [2]);
    assert_eq!(ours(&*write).await, []);
}

#[tokio::test]
async fn one_that_is_gone_keeps_no_others_from_going() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    let kept = record("kept.acme.com", "A", "203.0.113.1");
    let all = [&www(), &record("api.acme.com", "A", "203.0.113.1"), &kept];
    let made = write.create_many("record", &all, Some(MARK)).await.unwrap();
    let made: Vec<Observed> = made.into_iter().map(Result::unwrap).collect();
    let target = |at: usize| Target {
        kind: "record",
        id: &made[at].id,
        attributes: &made[at].attributes,
        coming: false,
    };
    write.delete(target(0), MARK).await.unwrap();
    let gone = join_all([write.delete(target(0), MARK), write.delete(target(1), MARK)]).await;
    assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    let left = ours(&*write).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].attributes, as_seen(&kept));
}

/// What deleting the records 1, 2 and 3 together comes to at a cloud that answers a request for all
/// of them with `together`. There 2 is still there then, on no page of the list, and 3 cannot be
/// asked for. Also gives the single records that were to go.
async fn deleted_together(together: String) -> (Vec<Result<(), Error>>, Vec<String>) {
    let singly = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&singly);
    let url = scripted(move |line, _| {
        let path = line.split(' ').nth(1).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let id = path.strip_prefix("/v1.0/7/domains/8/records/");
        let (status, body) = match (line.split(' ').next(), id) {
            (Some("GET"), None) if query.contains("name=") => {
                let zones = json!([{"id": 8, "name": "acme.com"}]);
                ("200 OK", json!({"domains": zones, "totalEntries": 1}))
            }
            (Some("GET"), None) => ("200 OK", json!({"records": [], "totalEntries": 0})),
            (Some("GET"), Some("2")) => {
                let (name, data) = ("www.acme.com", "203.0.113.1");
                let record = json!({"id": "2", "name": name, "type": "A", "data": data});
                ("200 OK", record)
            }
            (Some("GET"), Some("3")) => ("403 Forbidden", json!({"code": 403})),
            (Some("DELETE"), Some(id)) => {
                told.lock().unwrap().push(id.to_owned());
                ("202 Accepted", json!({"jobId": "j", "status": "COMPLETED"}))
            }
            (Some("DELETE"), None) => return together.clone(),
            _ => (
                "404 Not Found",
                json!({"code": 404, "message": "Not Found"}),
            ),
        };
        json_answer(status, "", &body)
    })
    .await;
    let write = connect(HURRIED, &url, 0, None);
    let www = www();
    let targets = ["1", "2", "3"].map(|id| Target {
        kind: "record",
        id,
        attributes: &www,
        coming: false,
    });
    // The zone is asked for once, so that all of them come at the same time.
    write
        .find("domain", &[&zone("acme.com")], MARK)
        .await
        .unwrap();
    let gone = join_all(targets.map(|target| write.delete(target, MARK))).await;
    let singly = singly.lock().unwrap().clone();
    (gone, singly)
}

#[tokio::test]
async fn a_record_that_no_page_shows_may_still_be_there() {
    let fault = json!({"code": 500, "message": "One or more items could not be deleted."});
    let failed = json!({"jobId": "j", "status": "ERROR", "error": fault});
    let (gone, singly) = deleted_together(json_answer("202 Accepted", "", &failed)).await;
    assert!(matches!(&gone[..2], [Ok(()), Ok(())]), "{gone:?}");
    assert_eq!(singly, ["2"], "the one that is there goes by itself");
    let unknown = gone[2].as_ref().unwrap_err();
    assert_eq!(unknown.class, Class::Ambiguous, "{unknown}");
}

#[tokio::test]
async fn none_of_what_was_to_go_together_is_gone_if_that_was_refused() {
    let refused = json!({"code": 403, "message": "Forbidden"});
    let (gone, singly) = deleted_together(json_answer("403 Forbidden", "", &refused)).await;
    for gone in gone {
        let error = gone.unwrap_err();
        assert_eq!(error.class, Class::Unauthorized, "{error}");
    }
    assert!(singly.is_empty(), "{singly:?}");
}

#[tokio::test]
async fn a_token_that_is_taken_back_is_made_anew_once() {
    let sandbox = simulated(json!([])).await;
    let write = with_zone(&sandbox).await;
    control(&sandbox, "DELETE", "/_sandbox/tokens").await;
    let before = write.requests();
    let lists = (0..5).map(|_| write.list("domain", Scope::default()));
    for listed in join_all(lists).await {
        assert_eq!(listed.unwrap().found.len(), 1);
    }
    // Each was refused at most once, and one of them saw to it for all.
    let sent = write.requests() - before;
    assert!((7..=11).contains(&sent), "{sent} requests");
}

#[tokio::test]
async fn a_wrong_key_is_told_and_not_shown() {
    let sandbox = simulated(json!([])).await;
    let write = connect(HURRIED, sandbox.url(), 0, Some("wrong-key"));
    let error = write.list("domain", Scope::default()).await.unwrap_err();
    assert_eq!(error.class, Class::Unauthorized, "{error}");
    assert!(!error.to_string().contains("wrong-key"), "{error}");
    assert_eq!(write.requests(), 1);
}

/// Answers with a body of JSON.
pub(super) fn json_answer(status: &str, headers: &str, body: &Json) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A cloud that lets everybody in and answers with what `next` says, of a request's first line and
/// of where it is. Gives its address.
async fn scripted<F>(next: F) -> String
where
    F: Fn(&str, &str) -> String + Send + Sync + 'static,
{
    let next = Arc::new(next);
    let at = Arc::new(std::sync::OnceLock::new());
    let known = Arc::clone(&at);
    let (port, _) = serve(move |mut socket| {
        let (next, at) = (Arc::clone(&next), Arc::clone(&known));
        async move {
            let asked = request(&mut socket).await;
            let line = asked.lines().next().unwrap_or_default();
            let url: &String = at.get().unwrap();
            let answer = if line.starts_with("POST /v2.0/tokens") {
                let dns = json!([{"publicURL": format!("{url}/v1.0/7")}]);
                let access = json!({"access": {"token": {"id": "t", "tenant": {"id": "7"}},
                    "serviceCatalog": [{"name": "cloudDNS", "endpoints": dns}]}});
                json_answer("200 OK", "", &access)
            } else {
                next(line, url)
            };
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    })
    .await;
    at.set(format!("http://127.0.0.1:{port}")).unwrap();
    at.get().unwrap().clone()
}

#[tokio::test]
async fn it_is_waited_for_the_moment_that_reply_after_names() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let url = scripted(move |_, _| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
            let fault = json!({"overLimit": {"code": 413, "message": "OverLimit Retry..."}});
            let soon = format!("reply-after: {soon:.0}\r\n");
            return json_answer("413 Too Large", &soon, &fault);
        }
        let zones = json!({"domains": [{"id": 7, "name": "acme.com"}], "totalEntries": 1});
        json_answer("200 OK", "", &zones)
    })
    .await;
    let paused = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&paused);
    let login = rackspace::Login {
        auth_url: url,
        username: "fredy".to_owned(),
        proof: Proof::ApiKey(Secret::new("k".to_owned())),
        region: None,
    };
    let manner = Manner {
        tempo: HURRIED,
        on_pause: cloudbuilder::provider::OnPause::new(move |wait, _| {
            told.lock().unwrap().push(wait);
        }),
    };
    let write = open_write(Connection {
        login: Login::Rackspace(login),
        manner,
    })
    .unwrap();
    let listed = write.list("domain", Scope::default()).await.unwrap();
    assert_eq!(listed.found[0].id, "7");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(paused.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_quota_is_not_waited_for() {
    let url = scripted(|_, _| {
        let fault = json!({"code": 413, "message": "Your account is over the limit.",
            "details": "Limit of 500 domains has been reached."});
        json_answer("413 Too Large", "", &fault)
    })
    .await;
    let write = connect(HURRIED, &url, 0, None);
    let error = write.create("domain", &zone("acme.com"), None).await;
    let error = error.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    assert!(error.message.contains("500 domains"), "{error}");
    assert_eq!(write.requests(), 2, "the login and one try");
}

#[tokio::test]
async fn a_job_elsewhere_is_asked_for_where_the_catalog_says() {
    let (elsewhere, visits) = serve(|socket| answer(socket, "HTTP/1.1 200 OK\r\n\r\n")).await;
    let url = scripted(move |line, _| {
        let callback = format!("http://127.0.0.1:{elsewhere}/v1.0/7/status/j1");
        let job = |status: &str| json!({"jobId": "j1", "callbackUrl": callback, "status": status});
        if line.starts_with("GET /v1.0/7/status/j1?showDetails=true ") {
            let mut job = job("COMPLETED");
            job["response"] = json!({"domains": [{"id": 8, "name": "acme.com"}]});
            return json_answer("200 OK", "", &job);
        }
        json_answer("202 Accepted", "", &job("RUNNING"))
    })
    .await;
    let write = connect(HURRIED, &url, 0, None);
    let made = write
        .create("domain", &zone("acme.com"), None)
        .await
        .unwrap();
    assert_eq!(made.id, "8");
    assert_eq!(visits.load(Ordering::Relaxed), 0);
}
