//! Plain requests to an OpenStack's services, found in its catalog.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::sandbox::{Loopback, Seen};

use super::super::text;
use super::Login;

/// No list here is longer.
const PAGE: &str = "limit=1000";

/// The services of a project, and a token for them.
pub(super) struct Api {
    client: Loopback,
    token: String,
    /// The address of each, with its version.
    services: HashMap<String, String>,
}

impl Api {
    pub(super) async fn open(login: &Login) -> Result<Self, String> {
        let client = Loopback::new()?;
        let domain = json!({"name": login.domain});
        let user = json!({"name": login.username, "password": login.password, "domain": domain});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": login.project, "domain": domain}}}});
        let url = format!("{}/auth/tokens", login.upstream.trim_end_matches('/'));
        let Seen {
            status,
            token,
            body,
        } = client.ask("POST", &url, &[], &body).await?;
        let token = token.ok_or_else(|| format!("POST {url}: {status}"))?;
        let catalog = body.pointer("/token/catalog").and_then(Value::as_array);
        let services = catalog.into_iter().flatten().filter_map(service).collect();
        Ok(Self {
            client,
            token,
            services,
        })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Asks a service, and gives the answer's body.
    pub(super) async fn ask(
        &self,
        method: &str,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, String> {
        let Seen { status, body, .. } = self.send(method, service, path, body).await?;
        if status < 300 {
            Ok(body)
        } else {
            Err(format!("{method} {service} {path}: {status} {body}"))
        }
    }

    /// Deletes what may be gone already.
    pub(super) async fn remove(&self, service: &str, path: &str) -> Result<(), String> {
        let Seen { status, body, .. } = self.send("DELETE", service, path, &Value::Null).await?;
        if status < 300 || status == 404 {
            Ok(())
        } else {
            Err(format!("DELETE {service} {path}: {status} {body}"))
        }
    }

    async fn send(
        &self,
        method: &str,
        service: &str,
        path: &str,
        body: &Value,
    ) -> Result<Seen, String> {
        let base = self.services.get(service);
        let base = base.ok_or_else(|| format!("the catalog has no {service} service"))?;
        // Of compute the first version that tells tags and the names of sizes. Cinder takes no request
        // that speaks of another service's.
        let version = ("openstack-api-version", "compute 2.52");
        let version = (service == "compute").then_some(version);
        let token = ("x-auth-token", self.token.as_str());
        let headers: Vec<_> = [token].into_iter().chain(version).collect();
        let url = format!("{base}{path}");
        self.client.ask(method, &url, &headers, body).await
    }

    pub(super) async fn list(
        &self,
        service: &str,
        path: &str,
        key: &str,
    ) -> Result<Vec<Value>, String> {
        let path = format!("{path}?{PAGE}");
        let answer = self.ask("GET", service, &path, &Value::Null).await?;
        let items = answer.get(key).and_then(Value::as_array);
        items
            .cloned()
            .ok_or_else(|| format!("GET {service} {path}: no {key} in {answer}"))
    }

    /// The id of what has this name.
    pub(super) async fn named(
        &self,
        service: &str,
        path: &str,
        key: &str,
        name: &str,
    ) -> Result<String, String> {
        let all = self.list(service, path, key).await?;
        let found = all.iter().find(|one| text(one, "name") == name);
        let found = found.map(|one| text(one, "id"));
        found.ok_or_else(|| format!("the cloud has no {name} among its {key}"))
    }
}

/// The type of a service in a catalog, and its public address.
fn service(entry: &Value) -> Option<(String, String)> {
    let endpoints = entry.get("endpoints")?.as_array()?;
    let public = |one: &&Value| text(one, "interface") == "public";
    let url = text(endpoints.iter().find(public)?, "url");
    let url = url.trim_end_matches('/');
    let kind = text(entry, "type");
    // These three are listed without their version, as a rule.
    let version = match kind.as_str() {
        "network" => "/v2.0",
        "dns" | "image" => "/v2",
        _ => "",
    };
    let url = if url.ends_with(version) {
        url.to_owned()
    } else {
        format!("{url}{version}")
    };
    Some((kind, url))
}
