//! The rules, asked directly.

mod dns;
mod names;
mod servers;

use super::model::Millis;
use super::routes::{Found, Service, find};
use super::world::{Settings, World};
use super::{Ask, accounts, identity};
use crate::sandbox::answer::{Boot, Call};
use crate::sandbox::store::Kept;
use serde_json::Value;

/// A key that exists nowhere else.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIg0ag/aPG7xuwU1RWjS6kj1jqKD+yHMYBnUws6g3oef someone@example.com";

const DFW: &str = "/servers/dfw/v2/123456";
const IAD: &str = "/servers/iad/v2/123456";
const DNS: &str = "/dns/v1.0/123456";
const THEIR_DNS: &str = "/dns/v1.0/654321";

fn blank_world() -> World {
    World::empty(Settings {
        boot: 2000,
        action: 1000,
        token_life: 86_400_000,
        servers: 100,
        seed: 1,
    })
}

/// A new cloud at the second 1000.
fn test_world() -> World {
    let mut world = blank_world();
    world.found("test".into(), 1_000_000);
    world
}

/// Lets milliseconds pass.
fn pass(world: &mut World, ms: Millis) {
    world.advance(world.now + ms);
}

fn call(method: &str, url: &str, body: &Value) -> (Option<super::routes::Rule>, Service, Call) {
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
        boot: Boot::Usual,
    };
    (route.rule, Service::of(path), call)
}

/// The request as rules see it.
fn asked<'a>(method: &'a str, service: Service, call: &'a Call) -> Ask<'a> {
    let before = service.before();
    Ask {
        call,
        method,
        account: accounts::of_tenant(call.param(before - 1)).expect("an account"),
        before,
    }
}

/// Sends a request straight to its rule. A body of null is none.
fn ask(world: &mut World, method: &str, url: &str, body: &Value) -> (u16, Value) {
    ask_booting(world, method, url, body, Boot::Usual)
}

fn ask_booting(
    world: &mut World,
    method: &str,
    url: &str,
    body: &Value,
    boot: Boot,
) -> (u16, Value) {
    let (rule, service, mut call) = call(method, url, body);
    call.boot = boot;
    let outcome = match rule {
        Some(rule) => rule(world, &asked(method, service, &call)),
        None => identity::authenticate(world, &call),
    };
    let (status, body) = match outcome {
        Ok(answer) => (answer.status, answer.body),
        Err(fault) => (fault.status, fault.body()),
    };
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).expect("JSON")
    };
    (status, body)
}

/// What a GET answers; it must succeed.
fn get(world: &mut World, url: &str) -> Value {
    let (status, body) = ask(world, "GET", url, &Value::Null);
    assert_eq!(status, 200, "GET {url}: {body}");
    body
}

/// The file that a world would be kept in holds the same world.
fn reread(world: &mut World) -> World {
    let mut again = blank_world();
    for entry in world.entries() {
        let line = serde_json::to_vec(&entry).expect("JSON");
        again.apply(serde_json::from_slice(&line).expect("an entry"));
    }
    again.advance(world.now);
    again
}
