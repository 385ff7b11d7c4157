//! One server: to look at, to change, to delete.

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::model::{Due, Entry, Server, Then};
use super::super::world::World;
use super::create::named;
use super::view::{addresses, full};
use super::{find, rooted};
use serde_json::{Value, json};

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = full(asked, find(world, asked)?, world.now);
    Answer::json(200, &json!({"server": server}))
}

/// A new name, or other addresses to be reached by.
pub(in super::super) fn change(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let mut server = find(world, asked)?.clone();
    let body = rooted(asked, "server")?;
    if body.get("name").is_some() {
        server.name = named(&body)?;
    }
    let address = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(v4) = address("accessIPv4") {
        let good = v4.is_empty() || v4.parse::<std::net::Ipv4Addr>().is_ok();
        server.access_v4 = Some(good.then_some(v4).ok_or_else(|| wrong("accessIPv4"))?);
    }
    if let Some(v6) = address("accessIPv6") {
        let good = v6.is_empty() || v6.parse::<std::net::Ipv6Addr>().is_ok();
        server.access_v6 = Some(good.then_some(v6).ok_or_else(|| wrong("accessIPv6"))?);
    }
    server.updated = world.now;
    let shown = full(asked, &server, world.now);
    world.write(Entry::Server(Box::new(server)));
    Answer::json(200, &json!({"server": shown}))
}

fn wrong(key: &str) -> Fault {
    Fault::bad(format!("{key} is not proper format"))
}

/// Begins to delete it. Until that is done it is there, and says what is happening to it.
pub(in super::super) fn delete(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = find(world, asked)?.clone();
    if server.task.as_deref() != Some("deleting") {
        let now = world.now;
        let server = Server {
            task: Some("deleting".into()),
            updated: now,
            due: Some(Due {
                from: now,
                at: now + world.settings.action,
                then: Then::Delete,
            }),
            ..server
        };
        world.write(Entry::Server(Box::new(server)));
    }
    Answer::empty(204)
}

pub(in super::super) fn ips(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let addresses = addresses(find(world, asked)?, world.now);
    Answer::json(200, &json!({"addresses": addresses}))
}

pub(in super::super) fn ips_of(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let addresses = addresses(find(world, asked)?, world.now);
    let label = asked.param(1);
    let of = addresses.get(label);
    let of = of.ok_or_else(|| Fault::keyed(404, "itemNotFound", "Network name not found"))?;
    Answer::json(200, &json!({ label: of }))
}
