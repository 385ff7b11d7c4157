//! OpenStack against servers that answer as a real one seldom does.

use super::rackspace::json_answer;
use super::*;
use cloudbuilder::provider::openstack::{self, login, profile};

/// A Keystone that lets everybody in, with these services in its catalog, before a cloud that
/// answers with what `next` says, of a request's first line and its body. Gives its address.
async fn scripted<F>(services: &'static [&'static str], next: F) -> String
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
                json_answer("201 Created", "x-subject-token: t\r\n", &token)
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

fn connect(url: &str) -> Box<dyn Write> {
    let login = openstack::Login {
        profile: profile::OPENSTACK,
        auth_url: url.to_owned(),
        proof: login::Proof::Credential {
            credential: login::Credential::Id("i".to_owned()),
            secret: Secret::new("invented".to_owned()),
        },
        region: None,
        interface: "public".to_owned(),
        cacert: None,
    };
    let manner = Manner {
        tempo: HURRIED,
        ..Manner::default()
    };
    open_write(Connection {
        login: Login::OpenStack(Box::new(login)),
        manner,
    })
    .unwrap()
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
        };
        for error in [
            write.get(target).await.unwrap_err(),
            write.look(kind, &[target], MARK).await.unwrap_err(),
            write.find(kind, &[&attributes], MARK).await.unwrap_err(),
            write.delete(target).await.unwrap_err(),
        ] {
            assert!(error.message.contains("`dns`"), "{error}");
        }
    }
}
