//! Reserved IPs of OpenStack, against a Neutron that refuses, and that nobody hears any more.

use super::openstack::{connect, scripted};
use super::rackspace::json_answer;
use super::*;

/// The server `web1` with its ports, and the floating IPs of the account.
struct Neutron {
    ips: Vec<Json>,
    ports: Vec<&'static str>,
    metadata: Json,
    /// What it says instead of having the one with the id `kept` lead to a port.
    refuses: Option<&'static str>,
    /// How many requests changed something, and after which of them no answer comes any more.
    changes: usize,
    dies_after: Option<usize>,
}

fn floating_ip(id: &str, description: &str, port: Option<&str>) -> Json {
    json!({"id": id, "floating_ip_address": format!("203.0.113.{}", id.len()),
        "floating_network_id": "pool", "port_id": port, "description": description,
        "port_details": port.map(|_| json!({"device_id": "web1"}))})
}

fn own(port: Option<&str>) -> Json {
    floating_ip("own", &format!("cloudbuilder:{MARK}/web1"), port)
}

fn kept(port: Option<&str>) -> Json {
    let description = format!("cloudbuilder:{MARK} reserved_ip web");
    floating_ip("kept", &description, port)
}

impl Neutron {
    fn with(ips: &[Json]) -> Self {
        Self {
            ips: ips.to_vec(),
            ports: vec!["p1"],
            metadata: json!({"cloudbuilder": MARK, "cloudbuilder_reserved_ip": "true",
                "cloudbuilder_floating_ip_from": "pool"}),
            refuses: None,
            changes: 0,
            dies_after: None,
        }
    }

    fn answer(&mut self, line: &str, body: &str) -> String {
        if self.dies_after == Some(self.changes) {
            return String::new();
        }
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.split_once("/v2").unwrap().1;
        let path = path.split('?').next().unwrap_or_default();
        let path = path.trim_start_matches('/').trim_start_matches("v2.0/");
        let parts: Vec<&str> = path.split('/').collect();
        let body: Json = serde_json::from_str(body).unwrap_or_default();
        if method != "GET" {
            self.changes += 1;
        }
        let (status, answer) = self.carry_out(method, &parts, &body);
        json_answer(status, "", &answer)
    }

    fn carry_out(&mut self, method: &str, parts: &[&str], body: &Json) -> (&'static str, Json) {
        let fault = |message: &str| json!({"NeutronError": {"message": message}});
        let at = |all: &[Json], id: &str| all.iter().position(|ip| ip["id"] == id);
        match (method, parts) {
            ("GET", ["floatingips"]) => ("200 OK", json!({"floatingips": self.ips})),
            ("GET", ["floatingips", id]) => match at(&self.ips, id) {
                Some(at) => ("200 OK", json!({"floatingip": self.ips[at]})),
                None => ("404 Not Found", fault("no such floating IP")),
            },
            ("PUT", ["floatingips", id]) => {
                let (wanted, id) = (&body["floatingip"], at(&self.ips, id).unwrap());
                let to = wanted.get("port_id").and_then(Json::as_str);
                let is_kept = self.ips[id]["id"] == "kept";
                if let (Some(why), Some(_), true) = (self.refuses, to, is_kept) {
                    return ("404 Not Found", fault(why));
                }
                if let Some(refused) = self.occupied(to) {
                    return refused;
                }
                for (key, value) in wanted.as_object().unwrap() {
                    self.ips[id][key] = value.clone();
                }
                self.ips[id]["port_details"] = to.map(|_| json!({"device_id": "web1"})).into();
                ("200 OK", json!({"floatingip": self.ips[id]}))
            }
            ("POST", ["floatingips"]) => {
                let wanted = &body["floatingip"];
                let to = wanted["port_id"].as_str();
                if let Some(refused) = self.occupied(to) {
                    return refused;
                }
                let made = floating_ip("new", wanted["description"].as_str().unwrap(), to);
                self.ips.push(made.clone());
                ("201 Created", json!({"floatingip": made}))
            }
            ("DELETE", ["floatingips", id]) => {
                self.ips.retain(|ip| ip["id"] != *id);
                ("204 No Content", Json::Null)
            }
            ("GET", ["servers", "web1"]) => {
                let server = json!({"id": "web1", "name": "web1", "status": "ACTIVE",
                    "flavor": {"original_name": "small"}, "metadata": self.metadata,
                    "addresses": {"inner": [{"addr": "10.0.0.7", "version": 4}]}});
                ("200 OK", json!({"server": server}))
            }
            ("DELETE", ["servers", "web1"]) => ("204 No Content", Json::Null),
            ("POST", ["servers", "web1", "metadata"]) => {
                for (key, value) in body["metadata"].as_object().unwrap() {
                    self.metadata[key] = value.clone();
                }
                ("200 OK", json!({"metadata": self.metadata}))
            }
            ("DELETE", ["servers", "web1", "metadata", key]) => {
                self.metadata.as_object_mut().unwrap().remove(*key);
                ("204 No Content", Json::Null)
            }
            ("GET", ["ports"]) => {
                let port = |id: &&str| {
                    json!({"id": id, "network_id": "n1", "device_id": "web1",
                        "fixed_ips": [{"ip_address": "10.0.0.7"}]})
                };
                let ports: Vec<Json> = self.ports.iter().map(port).collect();
                ("200 OK", json!({"ports": ports}))
            }
            ("GET", ["networks"]) => {
                let pool = json!({"id": "pool", "name": "public", "router:external": true,
                    "shared": true});
                ("200 OK", json!({"networks": [pool]}))
            }
            ("GET", ["subnets"]) => ("200 OK", json!({"subnets": []})),
            ("GET", ["" | "v2"]) => ("200 OK", json!({"version": {"version": "2.90"}})),
            _ => panic!("{method} {parts:?}"),
        }
    }

    fn occupied(&self, to: Option<&str>) -> Option<(&'static str, Json)> {
        let is_taken = to.is_some() && self.ips.iter().any(|ip| ip["port_id"].as_str() == to);
        let message = "the port already has a floating IP on it";
        is_taken.then(|| {
            let fault = json!({"NeutronError": {"message": message}});
            ("409 Conflict", fault)
        })
    }

    /// What is there, and which port it is on.
    fn held(&self) -> Vec<(&str, Option<&str>)> {
        let ips = self.ips.iter();
        ips.map(|ip| (ip["id"].as_str().unwrap(), ip["port_id"].as_str()))
            .collect()
    }
}

async fn neutron(state: Neutron) -> (Box<dyn Write>, Arc<Mutex<Neutron>>) {
    let state = Arc::new(Mutex::new(state));
    let shared = Arc::clone(&state);
    let next = move |line: &str, body: &str| shared.lock().unwrap().answer(line, body);
    let url = scripted(&["compute", "network"], next).await;
    (connect(&url), state)
}

fn target<'a>(kind: &'a str, id: &'a str, attributes: &'a Attributes) -> Target<'a> {
    Target {
        kind,
        id,
        attributes,
        coming: false,
    }
}

/// Has the reserved IP come to the server.
async fn come(write: &dyn Write) -> Result<cloudbuilder::provider::Updated, Error> {
    let wanted = attributes(&[("server", "web1"), ("name", "web")]);
    let target = target("reserved_ip", "kept", &wanted);
    write
        .update(target, &wanted, &["server".to_owned()], MARK)
        .await
}

#[tokio::test]
async fn a_server_keeps_its_own_address_if_the_reserved_one_cannot_come() {
    let (write, cloud) = neutron(Neutron {
        refuses: Some("External network pool is not reachable from subnet s1"),
        ..Neutron::with(&[own(Some("p1")), kept(None)])
    })
    .await;
    let before = [("own", Some("p1")), ("kept", None)];
    let error = come(&*write).await.unwrap_err();
    assert!(error.message.contains("not reachable"), "{error}");
    assert!(!error.message.contains("put back"), "{error}");
    assert_eq!(cloud.lock().unwrap().held(), before);

    // Likewise one that a run that was cut off left on no port.
    cloud.lock().unwrap().ips[0] = own(None);
    come(&*write).await.unwrap_err();
    assert_eq!(cloud.lock().unwrap().held(), before);

    cloud.lock().unwrap().refuses = None;
    come(&*write).await.unwrap();
    assert_eq!(cloud.lock().unwrap().held(), [("kept", Some("p1"))]);
}

#[tokio::test]
async fn what_is_cut_off_while_addresses_change_places_is_put_right() {
    for (dies_after, asks_again) in [(1, true), (2, true), (2, false)] {
        let (write, cloud) = neutron(Neutron {
            dies_after: Some(dies_after),
            ..Neutron::with(&[own(Some("p1")), kept(None)])
        })
        .await;
        come(&*write).await.unwrap_err();
        cloud.lock().unwrap().dies_after = None;
        let cut_off = match dies_after {
            1 => [("own", None), ("kept", None)],
            _ => [("own", None), ("kept", Some("p1"))],
        };
        assert_eq!(cloud.lock().unwrap().held(), cut_off);
        if asks_again {
            come(&*write).await.unwrap();
        } else {
            // Where nothing is left to do, it goes with its server.
            let nothing = Attributes::new();
            let web1 = target("server", "web1", &nothing);
            write.delete(web1, MARK).await.unwrap();
        }
        assert_eq!(cloud.lock().unwrap().held(), [("kept", Some("p1"))]);
    }
}

/// Takes the reserved IP from the server, which gets one of its own.
async fn go(write: &dyn Write) -> Result<cloudbuilder::provider::Updated, Error> {
    let mut wanted = attributes(&[("name", "web1")]);
    wanted.insert("reserved_ip".to_owned(), false.into());
    let settings = json!({"floating_ip_from": "public"});
    wanted.insert("settings".to_owned(), settings);
    let target = target("server", "web1", &wanted);
    write
        .update(target, &wanted, &["reserved_ip".to_owned()], MARK)
        .await
}

#[tokio::test]
async fn only_the_reserved_one_makes_room_for_a_servers_own() {
    let theirs = |port| floating_ip("theirs", "for the office", Some(port));
    let another = |port| {
        let description = format!("cloudbuilder:{OTHER_MARK} reserved_ip web");
        floating_ip("another", &description, Some(port))
    };
    let (write, cloud) = neutron(Neutron {
        ports: vec!["p1", "p2", "p3"],
        ..Neutron::with(&[kept(Some("p1")), theirs("p2"), another("p3")])
    })
    .await;
    go(&*write).await.unwrap();
    let held = |cloud: &Mutex<Neutron>| {
        let cloud = cloud.lock().unwrap();
        let held = cloud.held().into_iter();
        held.map(|(id, port)| (id.to_owned(), port.map(ToOwned::to_owned)))
            .collect::<Vec<_>>()
    };
    let stays = |id: &str, port: &str| (id.to_owned(), Some(port.to_owned()));
    let free = ("kept".to_owned(), None);
    let left = [free.clone(), stays("theirs", "p2"), stays("another", "p3")];
    // What somebody else put on a server is its public address as well as one of its own.
    assert_eq!(held(&cloud), left);

    // Where there is no room beside what stays, nothing is done and its address is told.
    for in_the_way in [theirs("p1"), another("p1")] {
        let (write, cloud) = neutron(Neutron::with(&[kept(None), in_the_way.clone()])).await;
        let error = go(&*write).await.unwrap_err();
        let ip = in_the_way["floating_ip_address"].as_str().unwrap();
        assert!(error.message.contains(ip), "{error}");
        let id = in_the_way["id"].as_str().unwrap();
        assert_eq!(held(&cloud), [free.clone(), stays(id, "p1")]);
    }
}

#[tokio::test]
async fn a_reserved_one_that_nobody_marked_makes_room_too() {
    for was_there in [true, false] {
        let taken_over = floating_ip("kept", "by hand", was_there.then_some("p1"));
        let (write, cloud) = neutron(Neutron::with(&[taken_over])).await;
        if was_there {
            let metadata = &mut cloud.lock().unwrap().metadata;
            metadata
                .as_object_mut()
                .unwrap()
                .remove("cloudbuilder_reserved_ip");
        }
        let mut wanted = attributes(&[("name", "web1")]);
        wanted.insert("reserved_ip".to_owned(), true.into());
        let web1 = target("server", "web1", &wanted);
        let changed = ["reserved_ip".to_owned()];
        write.update(web1, &wanted, &changed, MARK).await.unwrap();
        come(&*write).await.unwrap();
        assert_eq!(cloud.lock().unwrap().held(), [("kept", Some("p1"))]);
        go(&*write).await.unwrap();
        let held = [("kept", None), ("new", Some("p1"))];
        assert_eq!(cloud.lock().unwrap().held(), held);
    }
}

#[tokio::test]
async fn what_a_server_has_of_its_own_is_not_taken_over_as_reserved() {
    for (port, hint) in [(Some("p1"), "`reserved_ip`"), (None, "description")] {
        let ips = [own(port), floating_ip("theirs", "", None), kept(None)];
        let (write, _) = neutron(Neutron::with(&ips)).await;
        let nothing = Attributes::new();
        for id in ["own", "203.0.113.3"] {
            let asked = target("reserved_ip", id, &nothing);
            let error = write.get(asked).await.unwrap_err();
            assert!(error.message.contains("203.0.113.3"), "{error}");
            assert!(error.message.contains("server web1's own"), "{error}");
            assert!(error.hint().contains(hint), "{}", error.hint());
        }
        for id in ["theirs", "203.0.113.6", "kept", "203.0.113.4"] {
            let asked = target("reserved_ip", id, &nothing);
            assert!(write.get(asked).await.unwrap().is_some());
        }
    }
}
