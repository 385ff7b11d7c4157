//! Recordsets of Designate that change while ours is being written.

use super::openstack::{connect, login, scripted};
use super::rackspace::json_answer;
use super::*;
use cloudbuilder::apply::settle;
use cloudbuilder::model::{Address, Origin, Recorded};
use cloudbuilder::provider::{Read, Readers, open_read};
use cloudbuilder::state::{Effect, Intent, State};

const SOMEBODYS: &str = "198.51.100.9";

/// The recordset of www.acme.com, which one deployment made.
#[derive(Clone, Default)]
struct Set {
    values: Arc<Mutex<Vec<String>>>,
    owner: &'static str,
    /// What somebody puts into it while the first change of it is lost.
    meanwhile: Arc<Mutex<Option<&'static str>>>,
    changes: Arc<AtomicUsize>,
    /// What was asked for last.
    ttl: Arc<Mutex<Option<u64>>>,
}

impl Set {
    fn of(owner: &'static str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Self {
            values: Arc::new(Mutex::new(values)),
            owner,
            ..Self::default()
        }
    }

    fn values(&self) -> Vec<String> {
        self.values.lock().unwrap().clone()
    }

    fn shown(&self) -> Json {
        json!({"id": "s1", "name": "www.acme.com.", "type": "A", "status": "ACTIVE",
            "action": "NONE", "records": self.values(),
            "description": format!("cloudbuilder:{}", self.owner)})
    }

    fn answer(&self, line: &str, body: &str) -> String {
        let ok = |body: &Json| json_answer("200 OK", "", body);
        let words: Vec<&str> = line.split_whitespace().collect();
        let path = words[1].split_once("/dns/v2").unwrap().1;
        let parts: Vec<&str> = path.split(['?', '/']).collect();
        if words[0] != "GET" {
            self.changes.fetch_add(1, Ordering::Relaxed);
            if let Some(value) = self.meanwhile.lock().unwrap().take() {
                self.values.lock().unwrap().push(value.to_owned());
                return json_answer("502 Bad Gateway", "", &json!({}));
            }
        }
        match (words[0], parts.as_slice()) {
            ("GET", ["", "zones", filter]) if filter.starts_with("name=") => {
                ok(&json!({"zones": [{"id": "z1", "name": "acme.com.", "status": "ACTIVE"}]}))
            }
            ("GET", ["", "zones", "z1", "recordsets", "s1"]) if self.values().is_empty() => {
                json_answer("404 Not Found", "", &json!({"code": 404}))
            }
            ("GET", ["", "zones", "z1", "recordsets", "s1"]) => ok(&self.shown()),
            ("GET", ["", "zones", "z1", "recordsets", _]) => {
                ok(&json!({"recordsets": [self.shown()]}))
            }
            ("POST", _) => json_answer(
                "409 Conflict",
                "",
                &json!({"code": 409, "type": "duplicate_recordset", "message": "Duplicate"}),
            ),
            ("PUT", _) => {
                let body: Json = serde_json::from_str(body).unwrap();
                let values = body["records"].as_array().unwrap().iter();
                let values = values.map(|value| value.as_str().unwrap().to_owned());
                *self.values.lock().unwrap() = values.collect();
                if let Some(ttl) = body["ttl"].as_u64() {
                    *self.ttl.lock().unwrap() = Some(ttl);
                }
                ok(&self.shown())
            }
            ("DELETE", _) => {
                self.values.lock().unwrap().clear();
                json_answer("202 Accepted", "", &self.shown())
            }
            _ => panic!("{line}"),
        }
    }

    async fn opened_at(&self) -> String {
        let set = self.clone();
        let next = move |line: &str, body: &str| set.answer(line, body);
        scripted(&["compute", "dns"], next).await
    }

    async fn opened(&self) -> Box<dyn Write> {
        connect(&self.opened_at().await)
    }

    /// Somebody puts a value into it while the first change is lost.
    fn disturbed(self) -> Self {
        *self.meanwhile.lock().unwrap() = Some(SOMEBODYS);
        self
    }
}

fn www(data: &str) -> Attributes {
    attributes(&[
        ("zone", "acme.com"),
        ("name", "www.acme.com"),
        ("type", "A"),
        ("data", data),
    ])
}

/// The record that was recorded with that value.
fn recorded<'a>(id: &'a str, attributes: &'a Attributes) -> Target<'a> {
    Target {
        kind: "record",
        id,
        attributes,
        coming: false,
    }
}

/// Gives it another address.
async fn moved(write: &dyn Write, target: Target<'_>) -> Result<Observed, Error> {
    let wanted = www("203.0.113.2");
    let changed = ["data".to_owned()];
    let updated = write.update(target, &wanted, &changed, MARK).await?;
    Ok(updated.done().unwrap())
}

#[tokio::test]
async fn what_somebody_puts_there_while_an_answer_is_lost_stays() {
    let old = www("203.0.113.1");
    let target = recorded("s1/203.0.113.1", &old);

    let set = Set::of(MARK, &["203.0.113.1"]).disturbed();
    let write = set.opened().await;
    let made = moved(&*write, target);
    assert_eq!(made.await.unwrap().id, "s1/203.0.113.2");
    assert_eq!(set.values(), [SOMEBODYS, "203.0.113.2"]);

    let set = Set::of(MARK, &["203.0.113.1"]).disturbed();
    let write = set.opened().await;
    write.delete(target, MARK).await.unwrap();
    assert_eq!(set.values(), [SOMEBODYS]);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_by_now_is_not_given_a_second_address() {
    let set = Set::of(OTHER_MARK, &[SOMEBODYS]);
    let write = set.opened().await;
    let wanted = www("203.0.113.1");
    let made = write.create("record", &wanted, Some(MARK));
    let error = made.await.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    assert!(error.message.contains(SOMEBODYS), "{error}");

    // Nor is what another deployment has put in place of ours replaced.
    let old = www("203.0.113.1");
    let target = recorded("s1/203.0.113.1", &old);
    let made = moved(&*write, target);
    let error = made.await.unwrap_err();
    assert_eq!(error.class, Class::Rejected, "{error}");
    write.delete(target, MARK).await.unwrap();
    assert_eq!(set.values(), [SOMEBODYS]);
    // One of these was the refused POST.
    assert_eq!(set.changes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_became_of_ours_is_what_is_changed_and_deleted() {
    // By hand, in a set that is ours alone.
    let old = www("203.0.113.1");
    let by_hand = recorded("s1/203.0.113.1", &old);
    // By a change of ours whose answer was lost: the state has the value and the older id.
    let new = www("203.0.113.7");
    let by_us = recorded("s1/203.0.113.1", &new);
    for (target, values) in [
        (by_hand, &["203.0.113.7"][..]),
        (by_us, &["203.0.113.7"][..]),
        (by_us, &["203.0.113.7", SOMEBODYS][..]),
    ] {
        let set = Set::of(MARK, values);
        let write = set.opened().await;
        let made = moved(&*write, target);
        made.await.unwrap();
        let others = &values[1..];
        assert_eq!(set.values(), [others, &["203.0.113.2"]].concat());

        let set = Set::of(MARK, values);
        set.opened().await.delete(target, MARK).await.unwrap();
        assert_eq!(set.values(), others);
    }
}

/// Those who write to one set at the same time would each take out what the other puts in.
#[tokio::test]
async fn several_values_come_and_go_together() {
    let several = |data: &str| {
        let mut wanted = www(data);
        wanted.insert("several", true.into());
        wanted.insert("ttl", 300.into());
        wanted
    };
    let set = Set::of(OTHER_MARK, &["203.0.113.1"]);
    let write = set.opened().await;
    let wanted = ["203.0.113.2", "203.0.113.3", "203.0.113.4"].map(several);
    let made = wanted
        .iter()
        .map(|wanted| write.create("record", wanted, Some(MARK)));
    let made = futures_util::future::try_join_all(made).await.unwrap();
    let mut values = set.values();
    values.sort_unstable();
    assert_eq!(values.len(), 4, "{values:?}");
    assert_eq!(*set.ttl.lock().unwrap(), Some(300));

    let targets: Vec<Target<'_>> = made
        .iter()
        .map(|made| recorded(&made.id, &made.attributes))
        .collect();
    let gone = targets.iter().map(|&target| write.delete(target, MARK));
    futures_util::future::try_join_all(gone).await.unwrap();
    assert_eq!(set.values(), ["203.0.113.1"]);
}

fn reading(url: &str) -> Box<dyn Read> {
    open_read(login(url, None)).unwrap()
}

/// A run was cut off in the middle of a change, which was carried out all the same.
#[tokio::test]
async fn a_change_that_nobody_heard_of_is_found_by_what_it_was_to_become() {
    let address: Address = "record.www.acme.com/A".parse().unwrap();
    let mut state = State::new();
    let known = Recorded {
        address: address.clone(),
        account: "os".to_owned(),
        id: "s1/203.0.113.1".to_owned(),
        origin: Origin::Created,
        ready: true,
        attributes: www("203.0.113.1"),
        refers_to: Vec::new(),
        recorded_at: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let intent = Intent {
        number: 1,
        address: address.clone(),
        account: "os".to_owned(),
        effect: Effect::Update,
        id: Some(known.id.clone()),
        attributes: www("203.0.113.2"),
        refers_to: Vec::new(),
        sent_at: None,
        unmarked: false,
    };
    state.resources.insert(address.clone(), known);
    state.unsettled.insert(1, intent);
    for values in [&["203.0.113.2"][..], &["203.0.113.2", SOMEBODYS][..]] {
        let set = Set::of("an-older-one", values);
        let readers = Readers::one("os", reading(&set.opened_at().await));
        let mut state = state.clone();
        let mut journal = NoJournal;
        let settled = settle(
            &readers,
            &mut state,
            &mut journal,
            Duration::ZERO,
            |_, _| {},
        );
        let settled = settled.await.unwrap().unwrap();
        assert_eq!((settled.found, settled.never), (1, 0));
        let now = &state.resources[&address];
        assert_eq!(now.id, "s1/203.0.113.2");
        assert_eq!(now.attributes, www("203.0.113.2"));
    }
}
