//! OpenStack against servers that answer as a real one seldom does.

use super::rackspace::json_answer;
use super::tls::{Terminator, authority};
use super::*;
use cloudbuilder::provider::openstack::{self, login, profile};

/// A Keystone that lets everybody in, with these services in its catalog, before a cloud that
/// answers with what `next` says, of a request's first line and its body. Gives its address.
pub(super) async fn scripted<F>(services: &'static [&'static str], next: F) -> String
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
            let answer = if line.starts_with("POST /v3/auth/tokens") {
                let service = |of_type: &&str| {
                    json!({"type": of_type, "endpoints": [{"interface": "public",
                        "region_id": "RegionOne", "url": format!("{url}/{of_type}/v2")}]})
                };
                let catalog: Vec<Json> = services.iter().map(service).collect();
                let token = json!({"token": {"expires_at": "2999-01-01T00:00:00Z",
                    "project": {"id": "p7", "name": "acme"}, "catalog": catalog}});
                json_answer("201 Created", "x-subject-token: invented-7\r\n", &token)
            } else {
                next(
                    line,
                    asked.split_once("\r\n\r\n").map_or("", |(_, body)| body),
                )
            };
            let _ = socket.write_all(answer.as_bytes()).await;
            let _ = socket.shutdown().await;
        }
    })
    .await;
    at.set(format!("http://127.0.0.1:{port}")).unwrap();
    at.get().unwrap().clone()
}

pub(super) fn connect(url: &str) -> Box<dyn Write> {
    connect_trusting(url, None)
}

fn connect_trusting(url: &str, also_trust: Option<&str>) -> Box<dyn Write> {
    open_write(login(url, also_trust)).unwrap()
}

pub(super) fn login(url: &str, also_trust: Option<&str>) -> Connection {
    let login = openstack::Login {
        profile: profile::OPENSTACK,
        auth_url: url.to_owned(),
        proof: login::Proof::Credential {
            credential: login::Credential::Id("i".to_owned()),
            secret: Secret::new("invented".to_owned()),
        },
        region: None,
        interface: "public".to_owned(),
        also_trust: also_trust.map(|pem| pem.as_bytes().to_vec()),
    };
    let manner = Manner {
        tempo: HURRIED,
        ..Manner::default()
    };
    Connection {
        login: Login::OpenStack(Box::new(login)),
        manner,
    }
}

fn www() -> Attributes {
    attributes(&[
        ("zone", "acme.com"),
        ("name", "www.acme.com"),
        ("type", "A"),
        ("data", "203.0.113.1"),
    ])
}

#[tokio::test]
async fn without_its_service_no_name_is_said_to_be_gone() {
    let url = scripted(&["compute"], |line, _| panic!("{line}")).await;
    let write = connect(&url);
    let zone = attributes(&[("name", "acme.com")]);
    for (kind, id, attributes) in [
        ("record", "s1/203.0.113.1", www()),
        ("domain", "acme.com", zone),
    ] {
        let target = Target {
            kind,
            id,
            attributes: &attributes,
            coming: false,
        };
        for error in [
            write.get(target).await.unwrap_err(),
            write.look(kind, &[target], MARK).await.unwrap_err(),
            write.find(kind, &[&attributes], MARK).await.unwrap_err(),
            write.delete(target, MARK).await.unwrap_err(),
        ] {
            assert!(error.message.contains("`dns`"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_garbled_login_shows_nothing_of_what_came() {
    let (port, _) = serve(|socket| {
        let body = r#"{"access": {"token": {"id": "hush-hush""#;
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\nx-subject-token: hush-hush\r\n";
        let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        async move { answer(socket, &text).await }
    })
    .await;
    let url = format!("http://127.0.0.1:{port}");
    for write in [
        connect(&url),
        super::rackspace::connect(HURRIED, &url, 0, None),
    ] {
        let error = write.list("domain", Scope::default()).await.unwrap_err();
        assert_eq!(error.class, Class::Malformed, "{error}");
        assert!(error.message.contains("line 1"), "{error}");
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

/// A server that wants a floating IP from the network `pool`.
fn wanting(id: &str) -> Json {
    json!({"id": id, "name": id, "status": "ACTIVE", "flavor": {"original_name": "small"},
        "metadata": {"cloudbuilder": MARK, "cloudbuilder_floating_ip_from": "pool"},
        "addresses": {"inner": [{"addr": "10.0.0.7", "version": 4}]}})
}

#[tokio::test]
async fn what_keeps_one_server_from_its_floating_ip_keeps_no_other() {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let ok = |body: Json| json_answer("200 OK", "", &body);
    let url = scripted(&["compute", "network"], move |line, body| {
        let path = line.split_whitespace().nth(1).unwrap();
        let path = path.split_once("/v2").unwrap().1;
        let parts: Vec<&str> = path.split(['?', '&', '/', '=']).collect();
        match (line.starts_with("POST"), parts.as_slice()) {
            (true, _) if body.contains("\"p-web1\"") => {
                let fault = json!({"NeutronError": {"message": "Quota exceeded for resources"}});
                json_answer("409 Conflict", "", &fault)
            }
            (true, _) if body.contains("\"p-web2\"") => {
                let fault = json!({"NeutronError": {"message": "It is disallowed by policy"}});
                json_answer("403 Forbidden", "", &fault)
            }
            (true, _) => {
                assert!(body.contains("\"p-web3\""), "{body}");
                count.fetch_add(1, Ordering::Relaxed);
                let made = json!({"id": "f1", "floating_ip_address": "203.0.113.1",
                    "floating_network_id": "pool", "port_id": "p-web3", "description": ""});
                ok(json!({"floatingip": made}))
            }
            (_, ["", "servers", id]) => ok(json!({"server": wanting(id)})),
            (_, ["", "ports", "device_id", id, ..]) => {
                let port = |id: String| {
                    json!({"id": id, "network_id": "n1",
                    "fixed_ips": [{"ip_address": "10.0.0.7"}]})
                };
                let mut ports = vec![port(format!("p-{id}"))];
                if *id == "web3" {
                    // Of several the first by its id, whichever comes first.
                    ports.insert(0, port(format!("q-{id}")));
                }
                ok(json!({"ports": ports}))
            }
            (_, ["", "floatingips", ..]) => ok(json!({"floatingips": []})),
            (_, ["", "networks", ..]) => ok(json!({"networks": []})),
            (_, ["", "subnets", ..]) => ok(json!({"subnets": []})),
            (_, ["", ""]) => ok(json!({"version": {"version": "2.90"}})),
            _ => panic!("{line}"),
        }
    })
    .await;
    let write = connect(&url);
    let nothing = Attributes::new();
    let targets = ["web1", "web2", "web3"].map(|id| Target {
        kind: "server",
        id,
        attributes: &nothing,
        coming: false,
    });
    let seen = write.look("server", &targets, MARK).await.unwrap();
    let told: Vec<String> = seen
        .iter()
        .map(|one| format!("{:?}", one.readiness))
        .collect();
    assert!(
        told[0].contains("Pending") && told[0].contains("Quota"),
        "{told:?}"
    );
    assert!(
        told[1].contains("Pending") && told[1].contains("policy"),
        "{told:?}"
    );
    assert!(told[2].contains("Pending"), "{told:?}");
    assert_eq!(given.load(Ordering::Relaxed), 1, "the third has it");
    let notes = write.notes().join(" ");
    assert!(notes.contains("web1") && notes.contains("web2"), "{notes}");
    assert!(!notes.contains("web3"), "{notes}");
}

#[tokio::test]
async fn a_cloud_with_an_authority_of_its_own_is_believed_if_that_is_named() {
    let zone = json!({"id": "z1", "name": "acme.com.", "status": "ACTIVE"});
    let zones = json_answer("200 OK", "", &json!({"zones": [zone], "links": {}}));
    let zones = move |_: &str, _: &str| zones.clone();
    let url = scripted(&["compute", "dns"], zones).await;
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let front = Terminator::before(port).await;
    let url = format!("https://localhost:{}", front.port);
    let write = connect_trusting(&url, Some(&front.authority));
    let listed = write.list("domain", Scope::default()).await.unwrap();
    assert_eq!(listed.found[0].id, "acme.com");

    let (_, _, another) = authority();
    for also_trust in [None, Some(another.as_str())] {
        let write = connect_trusting(&url, also_trust);
        let error = write.list("domain", Scope::default()).await.unwrap_err();
        assert_eq!(error.class, Class::NotSent, "{error}");
        assert!(error.message.contains("certificate"), "{error}");
        assert!(error.hint().contains("`cacert`"), "{}", error.hint());
    }
}

#[tokio::test]
async fn a_refusal_that_quotes_what_was_sent_shows_no_files() {
    let url = scripted(&["compute", "network"], |line, body| {
        let ok = |body: Json| json_answer("200 OK", "", &body);
        let path = line.split_whitespace().nth(1).unwrap();
        match line.split_whitespace().next() {
            Some("POST") => {
                let message = format!("Invalid input. Value: {body}");
                let fault = json!({"badRequest": {"message": message}});
                json_answer("400 Bad Request", "", &fault)
            }
            _ if path.contains("/networks") => {
                let net = json!({"id": "n1", "name": "public", "router:external": true,
                    "shared": true});
                ok(json!({"networks": [net]}))
            }
            _ => ok(json!({"version": {"version": "2.90"}})),
        }
    })
    .await;
    let mut wanted = attributes(&[("name", "web1"), ("size_id", "f1"), ("image_id", "i1")]);
    wanted.insert("ssh_key", FINGERPRINT.into());
    wanted.insert(
        "files",
        json!([{"path": "/etc/secret", "content": "hunter2"}]),
    );
    let write = connect(&url);
    let error = write.create("server", &wanted, Some(MARK)).await;
    let error = error.unwrap_err();
    assert!(error.message.contains("web1"), "{error}");
    assert!(error.message.contains("\"user_data\":\"…\""), "{error}");
}
