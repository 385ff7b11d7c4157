//! Volumes of OpenStack, against a Cinder and a Nova that lose answers.

use super::openstack::{connect, scripted};
use super::rackspace::json_answer;
use super::*;
use cloudbuilder::model::Readiness;
use cloudbuilder::provider::Updated;

/// What the cloud holds. What it was asked for is over when it has been seen once.
#[derive(Default)]
struct Cinder {
    volumes: Vec<Json>,
    /// How many requests changed something, and which of them is done without an answer.
    changes: usize,
    loses: Option<usize>,
    /// Whether Cinder knows no version in which what is attached can grow.
    is_old: bool,
    /// Whether servers take no volume, and give none back, although that was accepted.
    is_stuck: bool,
    /// What Nova says to every volume for a server.
    refuses: Option<(&'static str, &'static str)>,
}

impl Cinder {
    fn answer(&mut self, line: &str, body: &str) -> String {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        let (status, answer) = self.carry_out(method, &parts, &body);
        if method != "GET" {
            self.changes += 1;
            if self.loses == Some(self.changes) {
                return String::new();
            }
        }
        json_answer(status, "", &answer)
    }

    fn carry_out(&mut self, method: &str, parts: &[&str], body: &Json) -> (&'static str, Json) {
        let fault = |message: &str| json!({"badRequest": {"message": message}});
        let parts: Vec<&str> = parts.iter().copied().filter(|part| *part != "v2").collect();
        match (method, parts.as_slice()) {
            ("GET", ["compute", ""]) => ("200 OK", json!({"version": {"version": "2.90"}})),
            ("GET", ["volumev3", "p7", "volumes", "detail"]) => {
                ("200 OK", json!({"volumes": self.volumes}))
            }
            ("GET", ["volumev3", "p7", "volumes", id]) => {
                let Some(volume) = self.volumes.iter_mut().find(|one| one["id"] == *id) else {
                    return ("404 Not Found", fault("Volume could not be found."));
                };
                let shown = volume.clone();
                settle(volume, self.is_stuck);
                ("200 OK", json!({"volume": shown}))
            }
            ("POST", ["volumev3", "p7", "volumes"]) => {
                let mut volume = body["volume"].clone();
                volume["id"] = format!("v{}", self.volumes.len() + 1).into();
                volume["status"] = "creating".into();
                volume["attachments"] = json!([]);
                volume["created_at"] = "2026-11-28T01:53:37.000000".into();
                self.volumes.push(volume.clone());
                ("202 Accepted", json!({"volume": volume}))
            }
            ("POST", ["volumev3", "p7", "volumes", id, "action"]) => {
                let is_old = self.is_old;
                let volume = self.volume(id);
                if is_old && volume["status"] == "in-use" {
                    let message = "Version 3.42 is not supported by the API.";
                    return ("406 Not Acceptable", fault(message));
                }
                if volume["status"] != "available" && volume["status"] != "in-use" {
                    return ("400 Bad Request", fault("Invalid volume: its status"));
                }
                volume["becomes"] = body["os-extend"]["new_size"].clone();
                volume["status"] = "extending".into();
                ("202 Accepted", Json::Null)
            }
            ("DELETE", ["volumev3", "p7", "volumes", id]) => {
                let volume = self.volume(id);
                if volume["status"] != "available" {
                    return ("400 Bad Request", fault("Invalid volume: its status"));
                }
                volume["status"] = "deleting".into();
                ("202 Accepted", Json::Null)
            }
            ("POST", ["compute", "servers", server, "os-volume_attachments"]) => {
                if let Some((status, message)) = self.refuses {
                    return (status, fault(message));
                }
                let id = body["volumeAttachment"]["volumeId"].as_str().unwrap();
                let volume = self.volume(id);
                if volume["status"] != "available" {
                    return ("400 Bad Request", fault("Invalid volume: its status"));
                }
                volume["status"] = "reserved".into();
                volume["becomes"] = (*server).into();
                ("200 OK", json!({"volumeAttachment": {"volumeId": id}}))
            }
            ("DELETE", ["compute", "servers", server, "os-volume_attachments", id]) => {
                let volume = self.volume(id);
                if volume["attachments"][0]["server_id"] != *server {
                    return ("404 Not Found", fault("not attached"));
                }
                if volume["status"] != "in-use" {
                    return ("400 Bad Request", fault("Invalid volume: its status"));
                }
                volume["status"] = "detaching".into();
                ("202 Accepted", Json::Null)
            }
            other => panic!("{other:?}"),
        }
    }

    fn volume(&mut self, id: &str) -> &mut Json {
        let mut all = self.volumes.iter_mut();
        all.find(|one| one["id"] == id).unwrap()
    }
}

/// What was under way comes about.
fn settle(volume: &mut Json, is_stuck: bool) {
    let is_attached = volume["attachments"] != json!([]);
    let settled = if is_attached { "in-use" } else { "available" };
    match volume["status"].as_str().unwrap() {
        "reserved" | "detaching" if is_stuck => volume["status"] = settled.into(),
        "reserved" => {
            volume["attachments"] = json!([{"server_id": volume["becomes"].clone()}]);
            volume["status"] = "in-use".into();
        }
        "detaching" => {
            volume["attachments"] = json!([]);
            volume["status"] = "available".into();
        }
        "extending" => {
            volume["size"] = volume["becomes"].clone();
            volume["status"] = settled.into();
        }
        "creating" => volume["status"] = "available".into(),
        _ => {}
    }
}

async fn cinder(state: Cinder) -> (Box<dyn Write>, Arc<Mutex<Cinder>>) {
    let cloud = Arc::new(Mutex::new(state));
    let shared = Arc::clone(&cloud);
    let url = scripted(&["compute", "volumev3"], move |line, body| {
        shared.lock().unwrap().answer(line, body)
    });
    (connect(&url.await), cloud)
}

fn data(server: Option<&str>, size: u64) -> Attributes {
    let mut data = attributes(&[("name", "data"), ("region", "RegionOne")]);
    data.insert("server", json!(server));
    data.insert("size_gb", json!(size));
    data
}

/// Waits until it is ready, or will not be. What was made is to be as these attributes say.
async fn waited(write: &dyn Write, id: &str, made_as: Option<&Attributes>) -> Observed {
    let nothing = Attributes::new();
    for _ in 0..20 {
        let target = Target {
            coming: made_as.is_some(),
            ..target(id, made_as.unwrap_or(&nothing))
        };
        let seen = write.look("volume", &[target], MARK).await.unwrap();
        let seen = seen.into_iter().next().unwrap();
        if !matches!(seen.readiness, Readiness::Pending(_)) {
            return seen;
        }
    }
    panic!("it is waited for too long");
}

fn target<'a>(id: &'a str, attributes: &'a Attributes) -> Target<'a> {
    Target {
        kind: "volume",
        id,
        attributes,
        coming: false,
    }
}

/// Makes one, and looks for it if the answer is lost, as apply does.
async fn made(write: &dyn Write, wanted: &Attributes) -> Observed {
    let made = match write.create("volume", wanted, Some(MARK)).await {
        Ok(made) => made,
        Err(error) => {
            assert_eq!(error.class, Class::Ambiguous, "{error}");
            let found = write.find("volume", &[wanted], MARK).await.unwrap();
            let [one] = found[0].as_slice() else {
                panic!("{found:?}")
            };
            one.clone()
        }
    };
    assert_eq!(made.owners, [MARK]);
    waited(write, &made.id, Some(wanted)).await
}

async fn asked(
    write: &dyn Write,
    id: &str,
    wanted: &Attributes,
    name: &str,
) -> Result<Updated, Error> {
    let changed = [name.to_owned()];
    let asked = write.update(target(id, wanted), wanted, &changed, MARK);
    asked.await
}

/// Changes one attribute, and asks once more where it comes to a halt.
async fn becomes(write: &dyn Write, id: &str, wanted: &Attributes, name: &str) -> Observed {
    for _ in 0..4 {
        if let Updated::Done(seen) = asked(write, id, wanted, name).await.unwrap() {
            return seen;
        }
        let seen = waited(write, id, None).await;
        if !matches!(seen.readiness, Readiness::Paused { .. }) {
            return seen;
        }
    }
    panic!("it has no end")
}

#[tokio::test]
async fn one_is_made_moved_and_grown_once_whatever_answer_is_lost() {
    let mut lost = 0;
    loop {
        lost += 1;
        let state = Cinder {
            loses: Some(lost),
            ..Cinder::default()
        };
        let (write, cloud) = cinder(state).await;
        let first = made(&*write, &data(Some("s1"), 10)).await;
        assert_eq!(first.readiness, Readiness::Ready, "{lost} is lost");
        assert_eq!(first.attributes["server"], "s1", "{lost} is lost");
        for (wanted, name) in [
            (data(Some("s2"), 10), "server"),
            (data(Some("s2"), 20), "size_gb"),
            (data(None, 20), "server"),
            (data(None, 30), "size_gb"),
        ] {
            let seen = becomes(&*write, &first.id, &wanted, name).await;
            assert_eq!(seen.readiness, Readiness::Ready, "{lost} is lost");
            for name in ["server", "size_gb"] {
                assert_eq!(seen.attributes[name], wanted[name], "{lost} is lost");
            }
        }
        let cloud = cloud.lock().unwrap();
        assert_eq!(cloud.volumes.len(), 1);
        if cloud.changes < lost {
            break;
        }
    }
    assert_eq!(
        lost, 8,
        "made, attached, moved in two, grown, detached, grown"
    );
}

#[tokio::test]
async fn what_goes_is_detached_and_deleted_whatever_answer_is_lost() {
    for lost in 3..=5 {
        let state = Cinder {
            loses: Some(lost),
            ..Cinder::default()
        };
        let (write, cloud) = cinder(state).await;
        let data = data(Some("s1"), 10);
        let id = made(&*write, &data).await.id;
        let mut busy = 0;
        while let Err(error) = write.delete(target(&id, &data), MARK).await {
            assert_eq!(error.class, Class::Busy, "{error}");
            busy += 1;
        }
        assert!(busy > 0, "it was attached");
        assert_eq!(cloud.lock().unwrap().volume(&id)["status"], "deleting");
        assert!(write.get(target(&id, &data)).await.unwrap().is_none());
        let found = write.find("volume", &[&data], MARK).await.unwrap();
        assert_eq!(found, [Vec::new()]);
    }
}

#[tokio::test]
async fn what_the_cloud_accepts_and_does_not_do_is_no_change() {
    let (write, cloud) = cinder(Cinder::default()).await;
    let id = made(&*write, &data(None, 10)).await.id;
    cloud.lock().unwrap().is_stuck = true;
    let seen = becomes(&*write, &id, &data(Some("s1"), 10), "server").await;
    let said = "the cloud could not attach it, and it is as before";
    assert_eq!(seen.readiness, Readiness::Failed(said.to_owned()));
    assert_eq!(seen.attributes["server"], Json::Null);
}

#[tokio::test]
async fn what_is_refused_is_said_in_the_clouds_words() {
    let (write, cloud) = cinder(Cinder::default()).await;
    let many = "The maximum allowed number of disk devices (26) to attach to a single instance \
                has been exceeded.";
    cloud.lock().unwrap().refuses = Some(("403 Forbidden", many));
    let one = made(&*write, &data(Some("s1"), 10)).await;
    let said = format!("it is there, but was not attached: {many}");
    assert_eq!(one.readiness, Readiness::Failed(said));
    let wanted = data(Some("s1"), 10);
    let refused = asked(&*write, &one.id, &wanted, "server").await;
    assert_eq!(refused.unwrap_err().class, Class::Rejected);

    cloud.lock().unwrap().refuses = None;
    becomes(&*write, &one.id, &wanted, "server").await;
    cloud.lock().unwrap().is_old = true;
    let larger = data(Some("s1"), 20);
    let refused = asked(&*write, &one.id, &larger, "size_gb").await;
    let error = refused.unwrap_err();
    assert!(
        error.hint().contains("too old to extend what is attached"),
        "{error}"
    );
}

#[tokio::test]
async fn others_by_the_same_name_are_not_taken() {
    let volume = |id: &str, metadata: Json, status: &str| json!({"id": id, "name": "data", "size": 1, "status": status, "metadata": metadata});
    let state = Cinder {
        volumes: vec![
            volume("a", json!({"cloudbuilder": "theirs"}), "available"),
            volume("b", json!({"cloudbuilder": MARK}), "deleting"),
            volume("c", json!({}), "available"),
        ],
        ..Cinder::default()
    };
    let (write, _) = cinder(state).await;
    let found = write.find("volume", &[&data(None, 1)], MARK).await.unwrap();
    let ids: Vec<&str> = found[0].iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["c"]);
}

#[tokio::test]
async fn volumes_are_offered_where_the_catalog_has_cinder() {
    for (services, is_offered) in [
        (&["compute"][..], false),
        (&["compute", "volumev3"], true),
        (&["compute", "block-storage"], true),
        // Version 2 is another API.
        (&["compute", "volumev2"], false),
    ] {
        let url = scripted(services, |line, _| panic!("{line}")).await;
        let write = connect(&url);
        write.account().await.unwrap();
        let kinds = write.capabilities().kinds;
        assert_eq!(kinds.contains(&"volume"), is_offered, "{services:?}");
        assert_eq!(write.region().as_deref(), Some("RegionOne"));
        if !is_offered {
            let nothing = Attributes::new();
            let error = write.get(target("v1", &nothing)).await.unwrap_err();
            assert!(error.message.contains("`block-storage`"), "{error}");
        }
    }
}
