//! Changing a server that exists: its name, its tags, the firewalls that it is behind and whether its
//! public address is a reserved one, which are so when it is answered, and its size, which Nova gives it with a stop and a start of its own and then
//! waits for somebody to confirm.

use std::time::Duration;

use reqwest::Method;
use serde::de::IgnoredAny;
use tokio::time::Instant;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::required;
use crate::provider::openstack::client::{ReadClient, Service, WriteClient};
use crate::provider::openstack::resizes::Stage;
use crate::provider::openstack::wire::nova::{ActionRequest, RenameRequest, Renamed, Server};
use crate::provider::{Class, Error, Target, Updated};
use crate::resource::server::{FIREWALLS, NAME, RESERVED_IP, SIZE, TAGS};

use super::view::{View, fault};
use super::{SERVERS, flavor, membership, observed, one, public, tags};

/// The status of a server that is on its way to another size.
pub(super) const RESIZE: &str = "RESIZE";
/// That of one that has it and can go back: in Nova until somebody says which, with Rackspace for a
/// day.
pub(super) const VERIFY_RESIZE: &str = "VERIFY_RESIZE";
/// That of one that goes back.
pub(super) const REVERT_RESIZE: &str = "REVERT_RESIZE";

/// How long what was accepted may take to show.
const TO_SHOW: Duration = Duration::from_secs(60);

/// Has a server get the one attribute named in `changed`. It is looked at before each try, so that
/// what an answer that was lost has brought about is not asked for again.
pub(super) async fn change(
    client: WriteClient<'_>,
    target: Target<'_>,
    attributes: &Attributes,
    changed: &[String],
) -> Result<Updated, Error> {
    let ask = || change_once(client, target.id, attributes, changed);
    client.until_clear(ask).await
}

async fn change_once(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
    changed: &[String],
) -> Result<Updated, Error> {
    let mut server = there(client.0, id).await?;
    match changed {
        [name] if name == NAME => rename(client, server, attributes).await,
        [name] if name == SIZE => resize(client, server, attributes).await,
        [name] if name == FIREWALLS => {
            membership::change(client, &server, attributes).await?;
            done(client.0, there(client.0, id).await?, attributes).await
        }
        [name] if name == RESERVED_IP => {
            if public::change(client, &mut server, attributes).await? {
                return done(client.0, server, attributes).await;
            }
            Ok(Updated::Underway)
        }
        [name] if name == TAGS => {
            tags::change(client, &server, attributes).await?;
            done(client.0, there(client.0, id).await?, attributes).await
        }
        _ => Err(Error::new(
            Class::Rejected,
            "update",
            format!("{} of a server cannot be changed", changed.join(" and ")),
        )),
    }
}

async fn there(client: &ReadClient, id: &str) -> Result<Server, Error> {
    let request = format!("GET {SERVERS}/{id}");
    let gone = || {
        Error::new(
            Class::NotFound,
            request,
            "the server does not exist any more",
        )
    };
    one(client, id).await?.ok_or_else(gone)
}

async fn done(
    client: &ReadClient,
    server: Server,
    attributes: &Attributes,
) -> Result<Updated, Error> {
    let id = server.id.clone();
    let with_firewalls = attributes.contains_key(FIREWALLS);
    let seen = observed(client, vec![server], with_firewalls).await?.pop();
    let unseen = || Error::new(Class::Malformed, format!("GET {SERVERS}/{id}"), "no server");
    seen.map(Updated::Done).ok_or_else(unseen)
}

async fn rename(
    client: WriteClient<'_>,
    server: Server,
    attributes: &Attributes,
) -> Result<Updated, Error> {
    let name = required(attributes, NAME)?;
    if server.name == name {
        return done(client.0, server, attributes).await;
    }
    let path = format!("{SERVERS}/{}", server.id);
    let request = RenameRequest {
        server: Renamed { name },
    };
    let _: IgnoredAny = client
        .send_once(Method::PUT, Service::Compute, &path, &request)
        .await?;
    // The answer tells less than a look does.
    done(client.0, there(client.0, &server.id).await?, attributes).await
}

async fn resize(
    client: WriteClient<'_>,
    server: Server,
    attributes: &Attributes,
) -> Result<Updated, Error> {
    let to = required(attributes, SIZE)?;
    let id = server.id.as_str();
    let view = View::of(client.0, std::slice::from_ref(&server), false).await?;
    let has_it = view.size(&server).0 == Some(to);
    let known = client.0.resizes().on(id).filter(|known| known.to == to);
    let path = format!("{SERVERS}/{id}/action");
    let refused = |class, message: String| Err(Error::new(class, format!("POST {path}"), message));
    match server.status.as_str() {
        RESIZE => {
            let stage = known.map_or(Stage::Another, |known| known.stage);
            client.0.resizes().put(id, to, stage);
            Ok(Updated::Underway)
        }
        VERIFY_RESIZE => {
            let is_first = !known.is_some_and(|known| matches!(known.stage, Stage::Confirmed(_)));
            let request = ActionRequest::ConfirmResize(());
            match client.act_once(Service::Compute, &path, &request).await {
                Ok(()) => {}
                // It was confirmed before, by a request whose answer was lost or by somebody else,
                // and does not show it yet: "Instance has not been resized."
                Err(error) if error.status == Some(400) && is_first => {}
                Err(error) => return Err(error),
            }
            let stage = Stage::Confirmed(Instant::now());
            client.0.resizes().put(id, to, stage);
            Ok(Updated::Underway)
        }
        "ERROR" => refused(
            Class::Rejected,
            format!("it is in the status ERROR: {}", fault(&server)),
        ),
        _ if has_it => {
            client.0.resizes().over(id);
            done(client.0, server, attributes).await
        }
        "ACTIVE" | "SHUTOFF" => {
            let flavor = flavor(client.0, attributes).await?;
            let request = ActionRequest::Resize { flavor };
            client.act_once(Service::Compute, &path, &request).await?;
            let stage = Stage::Asked(Instant::now());
            client.0.resizes().put(id, to, stage);
            Ok(Updated::Underway)
        }
        passing @ ("BUILD" | "REBUILD" | "REBOOT" | "HARD_REBOOT" | "MIGRATING" | "PASSWORD"
        | "UNKNOWN" | REVERT_RESIZE) => {
            refused(Class::Busy, format!("it is in the status {passing}"))
        }
        other => refused(
            Class::Rejected,
            format!("a server in the status {other} cannot get another size"),
        ),
    }
}

/// Tells how far what this client has under way on a server is, if there is anything.
pub(super) fn follow(client: &ReadClient, observed: &mut Observed, status: &str) {
    let id = observed.id.as_str();
    let Some(resize) = client.resizes().on(id) else {
        return;
    };
    let patience = client.tempo().of(TO_SHOW);
    let pending = |why: &str| Readiness::Pending(why.to_owned());
    observed.readiness = match (status, resize.stage) {
        (RESIZE, _) => {
            client.resizes().seen(id);
            pending("it is being resized")
        }
        (VERIFY_RESIZE, Stage::Confirmed(at)) if at.elapsed() < patience => {
            pending("its new size is being confirmed")
        }
        // As it was seen.
        (VERIFY_RESIZE | REVERT_RESIZE, _) => return,
        ("ERROR", _) => {
            client.resizes().over(id);
            return;
        }
        _ if observed.text(SIZE) == Some(&resize.to) => {
            client.resizes().over(id);
            return;
        }
        (_, Stage::Asked(at)) if at.elapsed() < patience => pending("its resize has not begun"),
        // What had to end before it has ended.
        (_, Stage::Another | Stage::Confirmed(_)) => {
            client.resizes().over(id);
            Readiness::Paused {
                attribute: SIZE,
                why: "another change of its size is over".to_owned(),
            }
        }
        (_, Stage::Asked(_) | Stage::Underway) => {
            client.resizes().over(id);
            let is = observed.text(SIZE).unwrap_or("what it was");
            Readiness::Failed(format!(
                "the cloud could not make it {}, and it is {is} as before",
                resize.to
            ))
        }
    };
}
