//! Identity, version 2: how a token is asked for, and where the services are (public
//! documentation of docs-cloud-identity, "Authenticate").

use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Value as Json, json};

use crate::model::Secret;
use crate::provider::Error;
use crate::provider::http::allowed;
use crate::provider::openstack::client::identity::{Endpoint, Grant, Identity, lifetime};

use super::super::login::{Login, Proof};
use super::super::wire::{AccessAnswer, Service};
use super::{faults, pauses};

/// Cloud Servers: several services are of the type `compute`, and only this one is what is meant.
const SERVERS: &str = "cloudServersOpenStack";
/// What the Nova client calls it.
const COMPUTE: &str = "compute";
/// Cloud DNS, which is the same in all regions.
pub(super) const DNS: &str = "cloudDNS";
pub(super) const PUBLIC: &str = "public";

/// A token with less than this left would be asked for anew with every request: it is used until
/// it is refused.
const SHORTEST: Duration = Duration::from_secs(120);
/// How long tokens live by default.
const USUAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A user with an API key or a password.
pub(super) struct V2 {
    url: Url,
    login: Login,
}

impl V2 {
    /// # Errors
    /// If the address is not one that a secret may be sent to, in words.
    pub(super) fn new(login: Login) -> Result<Self, String> {
        let base = login.auth_url.trim_end_matches('/');
        let url = allowed(&format!("{base}/v2.0/tokens"))
            .map_err(|message| login.proof.secret().scrub(&message))?;
        Ok(Self { url, login })
    }
}

impl Identity for V2 {
    fn url(&self) -> &Url {
        &self.url
    }

    fn credentials(&self) -> &'static str {
        super::super::CLASSIC.credentials
    }

    fn question(&self) -> Result<Json, Error> {
        let username = &self.login.username;
        Ok(match &self.login.proof {
            Proof::ApiKey(key) => json!({"auth": {"RAX-KSKEY:apiKeyCredentials":
                {"username": username, "apiKey": key.expose()}}}),
            Proof::Password(password) => json!({"auth": {"passwordCredentials":
                {"username": username, "password": password.expose()}}}),
        })
    }

    /// The token is in the body, and not in a header as later versions have it.
    fn grant(&self, _: &HeaderMap, answer: Json) -> Result<Grant, String> {
        let answer: AccessAnswer = serde_json::from_value(answer)
            .map_err(|_| "the answer is not what Identity describes".to_owned())?;
        let access = answer.access;
        let life = access.token.expires.as_deref();
        let life = life.and_then(|expires| lifetime(None, expires));
        let of_token = access.token.tenant.map(|tenant| tenant.id);
        let of_servers = || {
            let servers = access.services.iter().find(|one| one.name == SERVERS)?;
            servers.endpoints.iter().find_map(|one| one.tenant.clone())
        };
        let tenant = of_token
            .or_else(of_servers)
            .ok_or("it does not say which account it is about")?;
        Ok(Grant {
            token: Secret::new(access.token.id),
            lifetime: life.filter(|life| *life > SHORTEST).unwrap_or(USUAL),
            project: (tenant, self.login.username.clone()),
            catalog: access.services.into_iter().flat_map(endpoints).collect(),
            own_region: access.user.and_then(|user| user.default_region),
        })
    }

    fn secret(&self) -> &Secret {
        self.login.proof.secret()
    }

    fn refusal(&self, body: &str) -> Option<String> {
        faults::of_text(body)
    }

    fn wait(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        pauses::told(headers, now)
    }
}

/// The addresses of a service, if it is one that is used here.
fn endpoints(service: Service) -> Vec<Endpoint> {
    let name = match service.name.as_str() {
        SERVERS => COMPUTE,
        DNS => DNS,
        _ => return Vec::new(),
    };
    let all = service.endpoints.into_iter();
    // Servers are in a region; what is in none is their predecessor.
    let usable = all.filter(|one| name == DNS || one.region.is_some());
    usable
        .filter_map(|one| {
            Some(Endpoint {
                service: name.to_owned(),
                interface: PUBLIC.to_owned(),
                region: one.region,
                url: one.public_url?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(base: &str, proof: Proof) -> V2 {
        V2::new(Login {
            auth_url: base.to_owned(),
            username: "fredy".to_owned(),
            proof,
            region: None,
        })
        .unwrap()
    }

    fn key() -> Proof {
        Proof::ApiKey(Secret::new("k".to_owned()))
    }

    #[test]
    fn a_key_or_a_password_is_sent_to_the_tokens_of_the_address() {
        let url = |base: &str| identity(base, key()).url().to_string();
        let tokens = "https://identity.example/v2.0/tokens";
        assert_eq!(url("https://identity.example"), tokens);
        assert_eq!(
            url("http://127.0.0.1:7/x/"),
            "http://127.0.0.1:7/x/v2.0/tokens"
        );
        let question = identity("https://identity.example", key()).question();
        assert_eq!(
            question.unwrap(),
            json!({"auth": {"RAX-KSKEY:apiKeyCredentials": {"username": "fredy", "apiKey": "k"}}})
        );
        let password = Proof::Password(Secret::new("p".to_owned()));
        let question = identity("https://identity.example", password).question();
        assert_eq!(
            question.unwrap(),
            json!({"auth": {"passwordCredentials": {"username": "fredy", "password": "p"}}})
        );
    }

    #[test]
    fn services_are_chosen_by_their_names() {
        let answer = json!({"access": {
            "token": {"id": "d74f", "expires": "2999-11-23T16:46:30.999-05:00",
                "tenant": {"id": 123_456}},
            "user": {"name": "fredy", "RAX-AUTH:defaultRegion": "IAD"},
            "serviceCatalog": [
                {"name": "cloudServers", "type": "compute",
                    "endpoints": [{"publicURL": "https://servers.example/v1.0/123456"}]},
                {"name": "cloudServersOpenStack", "type": "compute", "endpoints": [
                    {"region": "IAD", "publicURL": "https://iad.servers.example/v2/123456"}]},
                {"name": "cloudFiles", "type": "object-store", "endpoints": [
                    {"region": "IAD", "publicURL": "https://files.example/v1/MossoCloudFS_7"}]},
                {"name": "cloudDNS", "type": "rax:dns", "endpoints": [
                    {"tenantId": "123456", "publicURL": "https://dns.example/v1.0/123456"}]},
            ],
        }});
        let identity = identity("https://identity.example", key());
        let grant = identity.grant(&HeaderMap::new(), answer).unwrap();
        assert_eq!(grant.token.expose(), "d74f");
        assert!(grant.lifetime > USUAL, "{:?}", grant.lifetime);
        assert_eq!(grant.project, ("123456".to_owned(), "fredy".to_owned()));
        assert_eq!(grant.own_region.as_deref(), Some("IAD"));
        let catalog = grant.catalog.iter().map(|one| {
            let region = one.region.as_deref().unwrap_or("-");
            format!("{} {region} {}", one.service, one.url)
        });
        assert_eq!(
            catalog.collect::<Vec<_>>(),
            [
                "compute IAD https://iad.servers.example/v2/123456",
                "cloudDNS - https://dns.example/v1.0/123456",
            ]
        );
    }

    #[test]
    fn an_answer_that_is_none_is_not_repeated() {
        let identity = identity("https://identity.example", key());
        let broken = json!({"access": {"token": {"id": 7, "secret": "hunter2"}}});
        let said = identity.grant(&HeaderMap::new(), broken).unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
        let of_nobody = json!({"access": {"token": {"id": "t"}}});
        assert!(identity.grant(&HeaderMap::new(), of_nobody).is_err());
    }
}
