//! Changing a Droplet: by actions, of which it does one at a time.

use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::{Class, Error, Target, Updated};
use crate::resource::server::{BACKUPS, DISK, GROW, NAME, OFF, POWER, SIZE};

use super::super::changes::{Change, Stage};
use super::super::client::{ReadClient, WriteClient};
use super::super::wire::{ActionAnswer, ActionRequest, DropletAnswer};
use super::view::from_wire;
use super::{DROPLETS, required};

/// How long a Droplet's system has to shut down before its power is cut: systemd gives a service
/// that does not stop 90 seconds.
const SHUTDOWN: Duration = Duration::from_secs(120);

/// Has a Droplet get the one attribute named in `changed`. It is looked at before each try, so that
/// what an answer that was lost has brought about is not asked for again.
pub(super) async fn change(
    client: WriteClient<'_>,
    target: Target<'_>,
    attributes: &Attributes,
    changed: &[String],
) -> Result<Updated, Error> {
    let [name] = changed else {
        let message = format!("{} cannot be changed at once", changed.join(" and "));
        return Err(Error::new(Class::Rejected, "update", message));
    };
    let ask = || change_once(client, target.id, attributes, name);
    client.until_clear(ask).await
}

async fn change_once(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
    name: &str,
) -> Result<Updated, Error> {
    let path = format!("{DROPLETS}/{id}");
    let answer: DropletAnswer = client.0.get(&path).await?;
    let is = from_wire(answer.droplet);
    if is.attributes.get(name) == attributes.get(name) {
        client.0.changes().over(id);
        return Ok(Updated::Done(is));
    }
    let ignored = client.0.changes().on(id);
    let ignored = ignored.is_some_and(|change| change.stage == Stage::Ignored);
    let request = request(attributes, name, ignored)?;
    let path = format!("{path}/actions");
    let answer: ActionAnswer = client.send_once(Method::POST, &path, &request).await?;
    let (action, now) = (answer.action.id, Instant::now());
    client.0.changes().began(id, action, request.kind, now);
    Ok(Updated::Underway)
}

/// What to ask for; `ignored` if the Droplet's system was asked already and did not listen.
fn request<'a>(
    attributes: &'a Attributes,
    name: &str,
    ignored: bool,
) -> Result<ActionRequest<'a>, Error> {
    let on = || attributes.get(name).and_then(serde_json::Value::as_bool) == Some(true);
    let plain = |kind| ActionRequest {
        kind,
        name: None,
        size: None,
        disk: None,
    };
    Ok(match name {
        NAME => ActionRequest {
            name: Some(required(attributes, NAME)?),
            ..plain("rename")
        },
        SIZE => ActionRequest {
            size: Some(required(attributes, SIZE)?),
            disk: Some(attributes.get(DISK).and_then(serde_json::Value::as_str) == Some(GROW)),
            ..plain("resize")
        },
        BACKUPS if on() => plain("enable_backups"),
        BACKUPS => plain("disable_backups"),
        POWER if required(attributes, POWER)? != OFF => plain("power_on"),
        POWER if ignored => plain("power_off"),
        POWER => plain("shutdown"),
        _ => {
            let message = format!("a Droplet's {name} cannot be changed");
            return Err(Error::new(Class::Rejected, "update", message));
        }
    })
}

/// Tells of those of `seen` that this client has something under way on how far that is.
pub(super) async fn follow(client: &ReadClient, seen: &mut [Observed]) -> Result<(), Error> {
    for observed in seen {
        let change = client.changes().on(&observed.id);
        let Some(change) = change else { continue };
        if let Some(readiness) = readiness(client, observed, change).await? {
            observed.readiness = readiness;
        }
    }
    Ok(())
}

/// How far a change is; `None` if the Droplet shows what came of it.
async fn readiness(
    client: &ReadClient,
    observed: &Observed,
    change: Change,
) -> Result<Option<Readiness>, Error> {
    let id = observed.id.as_str();
    let pending = || {
        Some(Readiness::Pending(format!(
            "a {} is under way",
            change.kind
        )))
    };
    let mut errored = false;
    if change.stage == Stage::Locked {
        return Ok(pending());
    }
    if change.stage == Stage::Unlocked {
        let path = format!("/v2/actions/{}", change.action);
        // A new action may answer 404 at first.
        let answer: Option<ActionAnswer> = client.find(&path).await?;
        match answer.as_ref().map(|answer| answer.action.status.as_str()) {
            Some("completed") => client.changes().came_to(id, Stage::Done),
            Some("errored") => errored = true,
            _ => return Ok(pending()),
        }
    }
    let asks_the_system = change.kind == "shutdown";
    if asks_the_system && observed.text(POWER) != Some(OFF) {
        let patience = client.tempo().of(SHUTDOWN);
        if !errored && change.began.elapsed() < patience {
            return Ok(pending());
        }
        client.changes().came_to(id, Stage::Ignored);
        let why = "its system did not shut down when it was asked to";
        return Ok(Some(Readiness::Paused(why.to_owned())));
    }
    client.changes().over(id);
    let (kind, action) = (change.kind, change.action);
    let failed = || Readiness::Failed(format!("its {kind} failed (action {action})"));
    Ok(errored.then(failed))
}
