//! Lists of servers (`get-list-servers-with-details-servers-detail.rst`).

use super::super::answer::{Ask, Fault, Outcome};
use super::super::model::{Millis, Server};
use super::super::world::World;
use super::pages::page;
use super::view::{brief, full};

pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(world, asked)?;
    page(asked, "servers", &found, |s| &s.id, |s| brief(asked, s))
}

pub(in super::super) fn detail(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(world, asked)?;
    let now = world.now;
    page(asked, "servers", &found, |s| &s.id, |s| full(asked, s, now))
}

/// The latest first. Whoever asks for changes gets those that are gone as well.
fn found<'a>(world: &'a World, asked: &Ask<'_>) -> Result<Vec<&'a Server>, Fault> {
    let since = asked.query("changes-since").map(instant).transpose()?;
    // Nova takes a name for a pattern: what merely has it in its name is found too.
    let name = asked.query("name");
    let status = asked.query("status").map(str::to_ascii_uppercase);
    let wanted = |server: &&Server| {
        since.map_or(server.lives(), |since| server.updated >= since)
            && world.shows(&server.id)
            && name.is_none_or(|name| server.name.contains(name))
            && asked
                .query("image")
                .is_none_or(|image| server.image == image)
            && asked
                .query("flavor")
                .is_none_or(|flavor| server.flavor == flavor)
            && status
                .as_ref()
                .is_none_or(|status| has_status(server, status))
    };
    let mut servers = world.servers_of(asked.account.tenant, &asked.region());
    servers.retain(wanted);
    Ok(servers)
}

fn has_status(server: &Server, status: &str) -> bool {
    serde_json::to_value(server.status).is_ok_and(|own| own == status)
}

/// A moment; UTC, if it says no offset.
fn instant(text: &str) -> Result<Millis, Fault> {
    let zoned = text.parse::<jiff::Timestamp>();
    let instant = zoned.or_else(|_| {
        let plain = text.parse::<jiff::civil::DateTime>()?;
        jiff::tz::Offset::UTC.to_timestamp(plain)
    });
    instant
        .map(jiff::Timestamp::as_millisecond)
        .map_err(|_| Fault::bad("Invalid changes-since value"))
}
