use serde::{Deserialize, Serialize};

/// `POST /v3/auth/tokens`.
#[derive(Serialize)]
pub(in super::super) struct AuthRequest<'a> {
    pub(in super::super) auth: Auth<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct Auth<'a> {
    pub(in super::super) identity: Identity<'a>,
    /// An application credential has its own, and is refused with another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) scope: Option<Scope<'a>>,
}

#[derive(Serialize)]
pub(in super::super) struct Identity<'a> {
    pub(in super::super) methods: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) password: Option<Password<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) application_credential: Option<Credential<'a>>,
}

#[derive(Serialize)]
pub(in super::super) struct Password<'a> {
    pub(in super::super) user: User<'a>,
}

#[derive(Serialize)]
pub(in super::super) struct User<'a> {
    #[serde(flatten)]
    pub(in super::super) named: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) password: Option<&'a str>,
}

/// By id, or by name in a domain.
#[derive(Default, Serialize)]
pub(in super::super) struct Named<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) domain: Option<DomainName<'a>>,
}

#[derive(Default, Serialize)]
pub(in super::super) struct DomainName<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) name: Option<&'a str>,
}

#[derive(Serialize)]
pub(in super::super) struct Credential<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) user: Option<User<'a>>,
    pub(in super::super) secret: &'a str,
}

#[derive(Serialize)]
pub(in super::super) struct Scope<'a> {
    pub(in super::super) project: Named<'a>,
}

/// Its answer; the token itself is in a header.
#[derive(Deserialize)]
pub(in super::super) struct TokenAnswer {
    pub(in super::super) token: Token,
}

#[derive(Deserialize)]
pub(in super::super) struct Token {
    pub(in super::super) issued_at: Option<String>,
    pub(in super::super) expires_at: String,
    pub(in super::super) project: Option<Project>,
    #[serde(default)]
    pub(in super::super) catalog: Vec<Service>,
}

#[derive(Deserialize)]
pub(in super::super) struct Project {
    pub(in super::super) id: String,
    pub(in super::super) name: String,
}

#[derive(Deserialize)]
pub(in super::super) struct Service {
    #[serde(rename = "type")]
    pub(in super::super) service_type: String,
    #[serde(default)]
    pub(in super::super) endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
pub(in super::super) struct Endpoint {
    pub(in super::super) interface: String,
    pub(in super::super) region_id: Option<String>,
    pub(in super::super) url: String,
}
