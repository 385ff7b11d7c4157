//! What each operation does, one file a kind.
//!
//! A rule is a plain function of the world and the call. It checks everything before it changes
//! anything, and changes the world by entries only.

pub(super) mod account;
pub(super) mod actions;
pub(super) mod backups;
pub(super) mod catalog;
pub(super) mod domains;
pub(super) mod droplet_view;
pub(super) mod droplets;
pub(super) mod firewalls;
pub(super) mod images;
pub(super) mod keys;
pub(super) mod record_check;
pub(super) mod records;
pub(super) mod reserved_ips;
pub(super) mod snapshots;
pub(super) mod tags;
pub(super) mod volumes;
pub(super) mod vpcs;

use super::answer::Refusal;
use super::world::World;

/// Refuses what the token may not do.
fn need(world: &World, scope: &str) -> Result<(), Refusal> {
    if world
        .settings
        .without_scopes
        .iter()
        .any(|lacked| lacked == scope)
    {
        let message = format!("You are missing the required permission {scope}.");
        return Err(Refusal::new(403, message));
    }
    Ok(())
}

#[cfg(test)]
pub(super) use test_support::{blank_world, test_world};

#[cfg(test)]
pub(super) mod test_support {
    use crate::sandbox::answer::{Boot, Call};
    use crate::sandbox::catalog::Catalog;
    use crate::sandbox::routes::{Found, find};
    use crate::sandbox::store::Kept;
    use crate::sandbox::world::{Settings, World};
    use serde_json::Value;

    /// A key that exists nowhere else.
    pub(crate) const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";

    pub(crate) fn blank_world() -> World {
        let settings = Settings {
            boot: 2000,
            action: 1000,
            droplet_limit: 12,
            without_scopes: Vec::new(),
            seed: 1,
        };
        World::empty(settings, Catalog::new(&["nyc2".to_owned()]))
    }

    /// A new account at the second 1000.
    pub(crate) fn test_world() -> World {
        let mut world = blank_world();
        world.found("test".into(), 1_000_000);
        world
    }

    /// Sends a request straight to its rule. A body of null is none.
    pub(crate) fn ask(world: &mut World, method: &str, url: &str, body: &Value) -> (u16, Value) {
        ask_booting(world, method, url, body, Boot::Usual)
    }

    pub(crate) fn ask_booting(
        world: &mut World,
        method: &str,
        url: &str,
        body: &Value,
        boot: Boot,
    ) -> (u16, Value) {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let Found::Route(route, params) = find(method, path) else {
            panic!("no route {method} {path}");
        };
        let call = Call {
            path: path.into(),
            params,
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            body: if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            },
            base: "http://sandbox".into(),
            lag: 0,
            boot,
        };
        match (route.rule)(world, &call) {
            Ok(answer) if answer.body.is_empty() => (answer.status, Value::Null),
            Ok(answer) => (answer.status, serde_json::from_slice(&answer.body).unwrap()),
            Err(refusal) => (
                refusal.status,
                serde_json::from_slice(&refusal.body("r")).unwrap(),
            ),
        }
    }

    /// What a GET answers; it must succeed.
    pub(crate) fn get(world: &mut World, url: &str) -> Value {
        let (status, body) = ask(world, "GET", url, &Value::Null);
        assert_eq!(status, 200, "GET {url}: {body}");
        body
    }

    /// The status and message of what must be refused.
    pub(crate) fn refused(
        world: &mut World,
        method: &str,
        url: &str,
        body: &Value,
    ) -> (u16, String) {
        let (status, answer) = ask(world, method, url, body);
        assert!(status >= 400, "{method} {url} was not refused: {answer}");
        (status, answer["message"].as_str().unwrap().to_owned())
    }
}
