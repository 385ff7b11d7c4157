//! Security groups, against a Neutron that loses answers.

use super::openstack::{connect, scripted};
use super::rackspace::json_answer;
use super::*;
use cloudbuilder::provider::Updated;

fn is(one: &Json, id: &str) -> bool {
    one["id"] == id
}

/// What the cloud holds.
#[derive(Default)]
struct Neutron {
    groups: Vec<Json>,
    made: usize,
    /// How many requests changed something, and which of them is done without an answer.
    changes: usize,
    loses: Option<usize>,
    in_use: bool,
}

impl Neutron {
    fn answer(&mut self, line: &str, body: &str) -> String {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.split_once("/v2").unwrap().1;
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
        let fault = |message: &str| json!({"NeutronError": {"message": message}});
        match (method, parts) {
            ("GET", ["security-groups"]) => ("200 OK", json!({"security_groups": self.groups})),
            ("GET", ["security-groups", id]) => match self.groups.iter().find(|one| is(one, id)) {
                Some(group) => ("200 OK", json!({"security_group": group})),
                None => ("404 Not Found", fault("no such group")),
            },
            ("POST", ["security-groups"]) => {
                let mut group = body["security_group"].clone();
                let id = self.id("g");
                group["id"] = id.as_str().into();
                group["project_id"] = "p7".into();
                let out = ["IPv4", "IPv6"].map(|family| {
                    json!({"id": self.id("r"), "security_group_id": id, "direction": "egress",
                        "ethertype": family, "protocol": null})
                });
                group["security_group_rules"] = out.to_vec().into();
                self.groups.push(group.clone());
                ("201 Created", json!({"security_group": group}))
            }
            ("PUT", ["security-groups", id]) => {
                let mut all = self.groups.iter_mut();
                let group = all.find(|one| is(one, id)).unwrap();
                for (key, value) in body["security_group"].as_object().unwrap() {
                    group[key] = value.clone();
                }
                ("200 OK", json!({"security_group": group}))
            }
            ("DELETE", ["security-groups", id]) => {
                if self.in_use {
                    return (
                        "409 Conflict",
                        fault(&format!("Security Group {id} in use.")),
                    );
                }
                self.groups.retain(|one| !is(one, id));
                ("204 No Content", Json::Null)
            }
            ("POST", ["security-group-rules"]) => {
                let mut rule = body["security_group_rule"].clone();
                let mut all = self.groups.iter_mut();
                let group = all.find(|one| one["id"] == rule["security_group_id"]);
                let rules = group.unwrap()["security_group_rules"]
                    .as_array_mut()
                    .unwrap();
                let same = |other: &Json| {
                    let mut other = other.clone();
                    other.as_object_mut().unwrap().remove("id");
                    other == rule
                };
                if rules.iter().any(same) {
                    let message = "Security group rule already exists. Rule id is r.";
                    return ("409 Conflict", fault(message));
                }
                self.made += 1;
                rule["id"] = format!("r{}", self.made).into();
                rules.push(rule.clone());
                ("201 Created", json!({"security_group_rule": rule}))
            }
            ("DELETE", ["security-group-rules", id]) => {
                for group in &mut self.groups {
                    let rules = group["security_group_rules"].as_array_mut().unwrap();
                    rules.retain(|one| !is(one, id));
                }
                ("204 No Content", Json::Null)
            }
            other => panic!("{other:?}"),
        }
    }

    fn id(&mut self, of: &str) -> String {
        self.made += 1;
        format!("{of}{}", self.made)
    }

    fn names(&self) -> Vec<&str> {
        let names = self.groups.iter().map(|group| group["name"].as_str());
        names.map(Option::unwrap).collect()
    }
}

async fn neutron(neutron: Neutron) -> (Box<dyn Write>, Arc<Mutex<Neutron>>) {
    let neutron = Arc::new(Mutex::new(neutron));
    let shared = Arc::clone(&neutron);
    let url = scripted(&["compute", "network"], move |line, body| {
        shared.lock().unwrap().answer(line, body)
    });
    (connect(&url.await), neutron)
}

fn web(inbound: &[&str]) -> Attributes {
    let mut web = attributes(&[("name", "web")]);
    web.insert("tags", json!(["web"]));
    web.insert("inbound", json!(inbound));
    web.insert("outbound", json!(["tcp 5432 firewall:db"]));
    web
}

const RULES: [&str; 3] = ["icmp ::/0", "tcp 22 10.0.0.0/8", "tcp 80 firewall:web"];

#[tokio::test]
async fn one_is_made_with_just_its_rules_whatever_answer_is_lost() {
    let wanted = web(&RULES);
    // The group, what it let out, its rules; and the one that it speaks of.
    let mut lost = 0;
    loop {
        lost += 1;
        let state = Neutron {
            loses: Some(lost),
            ..Neutron::default()
        };
        let (write, cloud) = neutron(state).await;
        let made = write.create("firewall", &wanted, Some(MARK)).await.unwrap();
        for name in ["name", "tags", "inbound", "outbound"] {
            assert_eq!(
                made.attributes[name], wanted[name],
                "{name}, {lost} is lost"
            );
        }
        assert_eq!(made.attributes["id"], made.id.as_str());
        assert_eq!(made.owners, [MARK]);
        assert_eq!(cloud.lock().unwrap().names(), ["web", "db"]);
        let listed = write.find("firewall", &[&wanted], MARK).await.unwrap();
        assert_eq!(listed[0], [made]);
        if cloud.lock().unwrap().changes < lost {
            break;
        }
        // The beginning that was made of the other is what is made of it.
        let db = attributes(&[("name", "db")]);
        let db = write.create("firewall", &db, Some(MARK)).await.unwrap();
        assert_eq!(db.attributes["outbound"], json!([]));
        assert_eq!(cloud.lock().unwrap().names(), ["web", "db"]);
    }
    assert_eq!(
        lost, 11,
        "two groups, two rules that go, six that come, and none"
    );
}

#[tokio::test]
async fn one_is_changed_rule_by_rule_and_left_alone_once_it_is_right() {
    let (write, cloud) = neutron(Neutron::default()).await;
    let made = write.create("firewall", &web(&RULES), Some(MARK)).await;
    let made = made.unwrap();
    let changes = || cloud.lock().unwrap().changes;
    let before = changes();
    let target = Target {
        kind: "firewall",
        id: &made.id,
        attributes: &made.attributes,
        coming: false,
    };
    let mut wanted = web(&["icmp ::/0", "tcp 22 10.0.0.0/8", "udp 53 0.0.0.0/0"]);
    wanted.insert("tags", json!(["app", "web"]));
    let changed = ["inbound".to_owned(), "tags".to_owned()];
    for takes in [1 + 1 + 2, 0] {
        let before = changes();
        let Updated::Done(is) = write.update(target, &wanted, &changed, MARK).await.unwrap() else {
            panic!("it is done when it is answered")
        };
        assert_eq!(is.attributes["inbound"], wanted["inbound"]);
        assert_eq!(is.attributes["tags"], wanted["tags"]);
        assert_eq!(changes(), before + takes);
    }
    assert!(changes() > before);
    assert_eq!(
        write.get(target).await.unwrap().unwrap().attributes["tags"],
        wanted["tags"]
    );
    cloud.lock().unwrap().in_use = true;
    let error = write.delete(target, MARK).await.unwrap_err();
    assert_eq!(error.class, Class::Busy);
    assert!(error.hint().contains("servers"), "{}", error.hint());
}

#[tokio::test]
async fn others_by_the_same_name_are_not_looked_at() {
    let group = |id: &str, description: &str| {
        json!({"id": id, "name": "web", "description": description, "project_id": "p7",
            "security_group_rules": []})
    };
    let state = Neutron {
        groups: vec![
            group("a", "cloudbuilder:theirs for web"),
            group("b", ""),
            json!({"id": "c", "name": "web", "description": format!("cloudbuilder:{MARK}"),
                "project_id": "another", "security_group_rules": []}),
        ],
        ..Neutron::default()
    };
    let (write, cloud) = neutron(state).await;
    let wanted = web(&["tcp 80 firewall:web"]);
    let found = write.find("firewall", &[&wanted], MARK).await.unwrap();
    assert_eq!(found, [Vec::new()]);
    let made = write.create("firewall", &wanted, Some(MARK)).await.unwrap();
    assert_eq!(made.attributes["inbound"], wanted["inbound"]);
    let cloud = cloud.lock().unwrap();
    assert_eq!(cloud.names(), ["web", "web", "web", "web", "db"]);
    let empty = cloud.groups.iter().take(3);
    assert!(
        empty
            .into_iter()
            .all(|group| group["security_group_rules"] == json!([]))
    );
}
