//! Asking for a token, and what it gives access to: the only thing that differs between Keystone's
//! third version and what came before it.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;

use crate::model::Secret;
use crate::provider::http::{allowed, retry_after, to_json};
use crate::provider::{Class, Error};

use crate::provider::openstack::login::{Credential, Domain, Login, Project, Proof, User};
use crate::provider::openstack::wire::{errors, keystone as wire};

/// How a token is asked for.
pub(in crate::provider) trait Identity: Send + Sync {
    /// Where it is asked for.
    fn url(&self) -> &Url;

    /// With what.
    fn question(&self) -> Result<Json, Error>;

    /// What the answer gives.
    ///
    /// # Errors
    /// What it lacks, in words.
    fn grant(&self, headers: &HeaderMap, answer: Json) -> Result<Grant, String>;

    /// What must never be shown.
    fn secret(&self) -> &Secret;

    /// What the body of an error says, where it has a form of the cloud's own.
    fn refusal(&self, body: &str) -> Option<String> {
        errors::message(body)
    }

    /// How long an answer asks to wait.
    fn wait(&self, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
        retry_after(headers, now)
    }
}

/// A token and what it gives access to.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Grant {
    pub(in crate::provider) token: Secret,
    /// How long it is good for, from now on. Taken from the answer alone, because the clocks of
    /// two machines differ.
    pub(in crate::provider) lifetime: Duration,
    /// Whose resources these are: id and name.
    pub(in crate::provider) project: (String, String),
    pub(in crate::provider) catalog: Vec<Endpoint>,
    /// The region that the user works in, where the cloud knows of such a thing.
    pub(in crate::provider) own_region: Option<String>,
}

/// An address of a service.
#[derive(Clone, Debug)]
pub(in crate::provider) struct Endpoint {
    /// `compute`, `image`, …
    pub(in crate::provider) service: String,
    /// `public`, `internal`, …
    pub(in crate::provider) interface: String,
    /// `None` where it serves all regions.
    pub(in crate::provider) region: Option<String>,
    pub(in crate::provider) url: String,
}

/// Keystone, version 3.
pub(super) struct V3 {
    url: Url,
    proof: Proof,
}

impl V3 {
    /// # Errors
    /// If the address is not one that a password may be sent to.
    pub(super) fn new(login: &Login) -> Result<Self, Error> {
        let refused =
            |message: String| Error::new(Class::Rejected, "the address of Keystone", message);
        let base = allowed(&login.auth_url).map_err(refused)?;
        let url = tokens_of(base.as_str());
        let url = allowed(&url).map_err(refused)?;
        Ok(Self {
            url,
            proof: login.proof.clone(),
        })
    }
}

fn tokens_of(auth_url: &str) -> String {
    format!("{}/auth/tokens", base_of(auth_url))
}

/// Where Keystone is, in one spelling: people give the address with the version, without it, and
/// with what follows it.
pub(super) fn base_of(auth_url: &str) -> String {
    let base = auth_url.trim_end_matches('/');
    let base = base.strip_suffix("/auth/tokens").unwrap_or(base);
    let base = base.strip_suffix("/v2.0").unwrap_or(base);
    let base = base.strip_suffix("/v3").unwrap_or(base);
    format!("{}/v3", base.trim_end_matches('/'))
}

impl Identity for V3 {
    fn url(&self) -> &Url {
        &self.url
    }

    fn question(&self) -> Result<Json, Error> {
        let auth = match &self.proof {
            Proof::Password {
                user,
                password,
                project,
            } => wire::Auth {
                identity: wire::Identity {
                    methods: ["password"],
                    password: Some(wire::Password {
                        user: named_user(user, Some(password.expose())),
                    }),
                    application_credential: None,
                },
                scope: Some(wire::Scope {
                    project: match project {
                        Project::Id(id) => by_id(id),
                        Project::Name(name, domain) => by_name(name, domain),
                    },
                }),
            },
            Proof::Credential { credential, secret } => {
                let (id, name, user) = match credential {
                    Credential::Id(id) => (Some(id.as_str()), None, None),
                    Credential::Name(name, user) => {
                        (None, Some(name.as_str()), Some(named_user(user, None)))
                    }
                };
                wire::Auth {
                    identity: wire::Identity {
                        methods: ["application_credential"],
                        password: None,
                        application_credential: Some(wire::Credential {
                            id,
                            name,
                            user,
                            secret: secret.expose(),
                        }),
                    },
                    scope: None,
                }
            }
        };
        to_json("POST /v3/auth/tokens", &wire::AuthRequest { auth })
    }

    fn grant(&self, headers: &HeaderMap, answer: Json) -> Result<Grant, String> {
        let token = headers.get("x-subject-token");
        let token = token.and_then(|token| token.to_str().ok());
        let token = token.ok_or("there is no token in the answer's headers")?;
        let answer: wire::TokenAnswer = serde_json::from_value(answer)
            .map_err(|_| "the answer is not what Keystone describes".to_owned())?;
        let wire::Token {
            issued_at,
            expires_at,
            project,
            catalog,
        } = answer.token;
        let project = project.ok_or("the token is for no project")?;
        let endpoints = catalog.into_iter().flat_map(|service| {
            let of_type = service.service_type;
            service.endpoints.into_iter().map(move |endpoint| Endpoint {
                service: of_type.clone(),
                interface: endpoint.interface,
                region: endpoint.region_id,
                url: endpoint.url,
            })
        });
        Ok(Grant {
            token: Secret::new(token.to_owned()),
            lifetime: lifetime(issued_at.as_deref(), &expires_at)
                .ok_or("it does not say when the token expires")?,
            project: (project.id, project.name),
            catalog: endpoints.collect(),
            own_region: None,
        })
    }

    fn secret(&self) -> &Secret {
        match &self.proof {
            Proof::Password { password, .. } => password,
            Proof::Credential { secret, .. } => secret,
        }
    }
}

/// How long a token is good for. Any offset from UTC may be in it.
pub(in crate::provider) fn lifetime(issued: Option<&str>, expires: &str) -> Option<Duration> {
    let expires: Timestamp = expires.parse().ok()?;
    let issued = match issued {
        Some(issued) => issued.parse().ok()?,
        None => Timestamp::now(),
    };
    Some(Duration::try_from(expires.duration_since(issued)).unwrap_or_default())
}

fn named_user<'a>(user: &'a User, password: Option<&'a str>) -> wire::User<'a> {
    let named = match user {
        User::Id(id) => by_id(id),
        User::Name(name, domain) => by_name(name, domain),
    };
    wire::User { named, password }
}

fn by_id(id: &str) -> wire::Named<'_> {
    wire::Named {
        id: Some(id),
        ..wire::Named::default()
    }
}

fn by_name<'a>(name: &'a str, domain: &'a Domain) -> wire::Named<'a> {
    let (id, domain_name) = match domain {
        Domain::Id(id) => (Some(id.as_str()), None),
        Domain::Name(name) => (None, Some(name.as_str())),
    };
    wire::Named {
        id: None,
        name: Some(name),
        domain: Some(wire::DomainName {
            id,
            name: domain_name,
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::openstack::profile::OPENSTACK;

    fn asked(proof: Proof) -> Json {
        let login = Login {
            profile: OPENSTACK,
            auth_url: "https://k.example.com".to_owned(),
            proof,
            region: None,
            interface: "public".to_owned(),
            also_trust: None,
        };
        V3::new(&login).unwrap().question().unwrap()
    }

    #[test]
    fn what_the_user_gave_is_what_is_asked_with() {
        let secret = || Secret::new("s".to_owned());
        let default = || Domain::Id("default".to_owned());
        let password = asked(Proof::Password {
            user: User::Name("u".to_owned(), Domain::Name("Default".to_owned())),
            password: secret(),
            project: Project::Name("p".to_owned(), default()),
        });
        assert_eq!(
            password,
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": {
                    "name": "u", "domain": {"name": "Default"}, "password": "s"}}},
                "scope": {"project": {"name": "p", "domain": {"id": "default"}}}}})
        );
        let by_id = asked(Proof::Credential {
            credential: Credential::Id("i".to_owned()),
            secret: secret(),
        });
        assert_eq!(
            by_id,
            json!({"auth": {"identity": {"methods": ["application_credential"],
                "application_credential": {"id": "i", "secret": "s"}}}})
        );
        let by_name = asked(Proof::Credential {
            credential: Credential::Name("n".to_owned(), User::Id("u".to_owned())),
            secret: secret(),
        });
        assert_eq!(
            by_name["auth"]["identity"]["application_credential"],
            json!({"name": "n", "user": {"id": "u"}, "secret": "s"})
        );
    }

    #[test]
    fn the_address_is_taken_in_every_form() {
        for given in [
            "https://k.example.com",
            "https://k.example.com/",
            "https://k.example.com/v3",
            "https://k.example.com/v3/",
            "https://k.example.com/v3/auth/tokens",
            "https://k.example.com/v2.0/",
        ] {
            assert_eq!(base_of(given), "https://k.example.com/v3");
            assert_eq!(tokens_of(given), "https://k.example.com/v3/auth/tokens");
        }
        assert_eq!(
            tokens_of("https://x.example.com/identity"),
            "https://x.example.com/identity/v3/auth/tokens"
        );
    }

    #[test]
    fn a_lifetime_does_not_go_by_our_clock() {
        let of = |issued, expires| lifetime(issued, expires).map(|life| life.as_secs());
        assert_eq!(
            of(
                Some("2026-11-26T15:08:11.000000Z"),
                "2026-11-26T16:08:11.000000Z"
            ),
            Some(3600)
        );
        assert_eq!(
            of(
                Some("2026-11-26T15:08:11Z"),
                "2026-11-26T10:09:11.999-05:00"
            ),
            Some(60)
        );
        assert_eq!(
            of(Some("2026-11-26T15:08:11Z"), "2026-11-26T15:00:00Z"),
            Some(0)
        );
        assert_eq!(of(None, "soon"), None);
    }
}
