//! Actions on a server: resizes, which somebody has to confirm, and reboots
//! (`post-resize-specified-server…rst` and its like).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::catalog::{Flavor, GENERAL, STANDARD, find_flavor, find_image};
use super::super::model::{Due, Entry, Millis, Server, Status, Then};
use super::super::world::World;
use super::create::within_quota;
use super::{find, must_be};
use crate::sandbox::answer::Boot;
use serde_json::Value;

pub(in super::super) fn act(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = find(world, asked)?.clone();
    let body: Value = asked
        .json()
        .map_err(|_| Fault::bad("Malformed request body"))?;
    let action = body.as_object().and_then(|body| body.iter().next());
    let Some((action, detail)) = action else {
        return Err(Fault::bad("Malformed request body"));
    };
    match action.as_str() {
        "resize" => resize(world, asked, server, detail),
        "confirmResize" => confirm(world, server),
        "revertResize" => revert(world, server),
        "reboot" => reboot(world, server, detail),
        other => Err(Fault::bad(format!(
            "There is no such action: {other}. The sandbox knows resize, confirmResize, revertResize and reboot."
        ))),
    }
}

/// Sets the server going, towards what is done by the end of an action.
fn begin(world: &mut World, server: Server, status: Status, task: &str, then: Then) -> Outcome {
    let now = world.now;
    let due = Due {
        from: now,
        at: now + world.settings.action,
        then,
    };
    begin_due(world, server, (status, task), Some(due))
}

fn begin_due(
    world: &mut World,
    server: Server,
    (status, task): (Status, &str),
    due: Option<Due>,
) -> Outcome {
    let server = Server {
        status,
        task: Some(task.to_owned()),
        updated: world.now,
        due,
        ..server
    };
    world.write(Entry::Server(Box::new(server)));
    Answer::empty(202)
}

fn resize(world: &mut World, asked: &Ask<'_>, server: Server, detail: &Value) -> Outcome {
    let flavor = detail.get("flavorRef").and_then(Value::as_str);
    let flavor =
        flavor.ok_or_else(|| Fault::bad("Resize requests require 'flavorRef' attribute."))?;
    must_be(&server, "resize", &[Status::Active])?;
    let to = find_flavor(flavor).ok_or_else(|| Fault::bad("Invalid flavorRef provided."))?;
    let from = find_flavor(&server.flavor).ok_or_else(|| Fault::no_such("Flavor"))?;
    if to.id == from.id {
        return Err(Fault::bad("When resizing, instances must change flavor!"));
    }
    if !may_become(from, to) {
        return Err(Fault::keyed(
            403,
            "resizeNotAllowed",
            format!(
                "Resize of a server from flavor {} to {} is not allowed.",
                from.id, to.id
            ),
        ));
    }
    let image = find_image(&server.region, &server.image);
    if image.is_some_and(|image| to.disk < image.min_disk) {
        return Err(Fault::bad(
            "Flavor's disk is too small for requested image.",
        ));
    }
    within_quota(world, asked, to.ram.saturating_sub(from.ram), 0)?;
    let server = Server {
        flavor_wanted: Some(to.id.to_owned()),
        ..server
    };
    let takes = match asked.call.boot {
        Boot::Usual | Boot::Ignored | Boot::Fails => Some(world.settings.action),
        Boot::Millis(ms) => Some(Millis::try_from(ms).unwrap_or(Millis::MAX / 4)),
        Boot::Never => None,
    };
    let due = takes.map(|takes| Due {
        from: world.now,
        at: world.now + takes,
        then: match asked.call.boot {
            Boot::Ignored => Then::Stay,
            Boot::Fails => Then::Fail,
            _ => Then::Resize,
        },
    });
    begin_due(world, server, (Status::Resize, "resize_migrating"), due)
}

/// Standard servers can become smaller and larger, those for general purposes larger only, others
/// stay as they are.
fn may_become(from: &Flavor, to: &Flavor) -> bool {
    from.class == to.class
        && match from.class {
            STANDARD => true,
            GENERAL => to.ram > from.ram,
            _ => false,
        }
}

/// Accepts what a resize has made of a server. That shows some moments later, and cannot be accepted
/// again meanwhile.
fn confirm(world: &mut World, server: Server) -> Outcome {
    must_be_resized(&server, "confirmResize")?;
    let now = world.now;
    let server = Server {
        flavor_before: None,
        due: Some(Due {
            from: now,
            at: now + world.settings.action,
            then: Then::Confirm,
        }),
        updated: now,
        ..server
    };
    world.write(Entry::Server(Box::new(server)));
    Answer::empty(204)
}

fn must_be_resized(server: &Server, what: &str) -> Result<(), Fault> {
    must_be(server, what, &[Status::VerifyResize])?;
    match server.is_confirmed() {
        true => Err(Fault::bad("Instance has not been resized.")),
        false => Ok(()),
    }
}

fn revert(world: &mut World, server: Server) -> Outcome {
    must_be_resized(&server, "revertResize")?;
    begin(
        world,
        server,
        Status::RevertResize,
        "resize_reverting",
        Then::Revert,
    )
}

fn reboot(world: &mut World, server: Server, detail: &Value) -> Outcome {
    let kind = detail.get("type").and_then(Value::as_str);
    let hard = match kind.map(str::to_ascii_uppercase).as_deref() {
        Some("SOFT") => "rebooting",
        Some("HARD") => "rebooting_hard",
        _ => return Err(Fault::bad("Argument 'type' for reboot is not HARD or SOFT")),
    };
    must_be(&server, "reboot", &[Status::Active])?;
    begin(world, server, Status::Reboot, hard, Then::Reboot)
}
