//! Changing a Droplet: by actions, of which it does one at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::{Class, Error, Target, Updated};
use crate::resource::server::{
    BACKUP_POLICY, BACKUPS, DISK, ENABLE_IPV6, GROW, IMAGE, KIND, LOCKED, NAME, OFF, POWER, SIZE,
    SNAPSHOT,
};

use super::super::changes::{Change, Stage};
use super::super::client::{ReadClient, WriteClient};
use super::super::wire::{ActionAnswer, ActionRequest, DropletAnswer, ImageSelector};
use super::view::from_wire;
use super::{DROPLETS, backup_policy, required, snapshot};

/// How long a Droplet's system has to shut down before its power is cut: systemd gives a service
/// that does not stop 90 seconds.
const SHUTDOWN: Duration = Duration::from_secs(120);
const SHUT_DOWN: &str = "shutdown";
/// How many actions are asked for at the same time.
const AT_ONCE: usize = 8;

/// How long a change to these attributes may take while nothing shows that it is under way.
pub(in super::super) fn settling_of_change(
    client: &ReadClient,
    attributes: &Attributes,
) -> Duration {
    match attributes.get(POWER).and_then(Json::as_str) {
        Some(OFF) => client.tempo().of(SHUTDOWN),
        _ => Duration::ZERO,
    }
}

/// Has a Droplet get the one attribute named in `changed`. It is looked at before each try, so that
/// what an answer that was lost has brought about is not asked for again.
pub(super) async fn change(
    client: WriteClient<'_>,
    target: Target<'_>,
    attributes: &Attributes,
    changed: &[String],
) -> Result<Updated, Error> {
    let name = match changed {
        [name] => name,
        // When it is backed up is sent along with that it is.
        [name, policy] if name == BACKUPS && policy == BACKUP_POLICY => name,
        _ => {
            let message = format!("{} cannot be changed at once", changed.join(" and "));
            return Err(Error::new(Class::Rejected, "update", message));
        }
    };
    let asker = Asker {
        client,
        id: target.id,
        attributes,
        name,
        changed,
        unclear: AtomicBool::new(false),
    };
    match client.until_clear(|| asker.ask()).await {
        // A try before this one may have been carried out.
        Err(error) if asker.is_unclear() => Err(Class::Ambiguous.of(error)),
        result => result,
    }
}

/// Who asks for a change, and what came of it so far.
struct Asker<'a> {
    client: WriteClient<'a>,
    id: &'a str,
    attributes: &'a Attributes,
    /// What the action is about, and all that it changes.
    name: &'a str,
    changed: &'a [String],
    /// Whether an answer was lost.
    unclear: AtomicBool,
}

impl Asker<'_> {
    async fn ask(&self) -> Result<Updated, Error> {
        let path = format!("{DROPLETS}/{}", self.id);
        let before = self.client.0.changes().on(self.id);
        let ignored =
            before.is_some_and(|change| change.kind == SHUT_DOWN && change.stage == Stage::Ignored);
        let request = request(self.attributes, self.name, ignored)?;
        if let Some(is) = self.if_so_already(&path).await? {
            // What it shows while something is under way is not the last word.
            if self.is_unclear() && is.attributes.contains_key(LOCKED) {
                let mut changes = self.client.0.changes();
                changes.began(self.id, None, request.kind, Instant::now());
                return Ok(Updated::Underway);
            }
            self.client.0.changes().over(self.id);
            return Ok(Updated::Done(is));
        }
        if self.name == SNAPSHOT {
            let now = self.client.0.clock().unwrap_or_else(Timestamp::now);
            self.client.0.changes().snapshot_begins(self.id, now);
        }
        let actions = format!("{path}/actions");
        let sent = self
            .client
            .send_once::<ActionAnswer>(Method::POST, &actions, &request);
        let began = |action| {
            let now = Instant::now();
            let mut changes = self.client.0.changes();
            changes.began(self.id, action, request.kind, now);
            Ok(Updated::Underway)
        };
        match sent.await {
            Ok(answer) => began(Some(answer.action.id)),
            // What is pending is most likely what was asked for by the try whose answer was lost.
            Err(error) if error.class == Class::Busy && self.is_unclear() => began(None),
            Err(error) if error.class == Class::Ambiguous => {
                self.unclear.store(true, Ordering::Relaxed);
                Err(error)
            }
            // "Droplet is already powered off": it went off by itself since it was looked at.
            Err(error) if error.class == Class::Rejected => match self.if_so_already(&path).await {
                Ok(Some(is)) => {
                    self.client.0.changes().over(self.id);
                    Ok(Updated::Done(is))
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn is_unclear(&self) -> bool {
        self.unclear.load(Ordering::Relaxed)
    }

    /// The Droplet, if it is as it is to become.
    async fn if_so_already(&self, path: &str) -> Result<Option<Observed>, Error> {
        let answer: DropletAnswer = self.client.0.get(path).await?;
        let mut is = from_wire(answer.droplet);
        if self.changed.iter().any(|name| name == BACKUP_POLICY) {
            backup_policy::of_one(self.client.0, &mut is).await?;
        }
        if let Some(wanted) = snapshot::wanted(self.attributes).filter(|_| self.name == SNAPSHOT) {
            snapshot::of_one(self.client.0, &mut is, wanted).await?;
        }
        let is_so = self.changed.iter().all(|name| {
            let wanted = self.attributes.get(name);
            wanted.is_some_and(|wanted| KIND.shows(name, wanted, &is.attributes))
        });
        Ok(is_so.then_some(is))
    }
}

/// What to ask for; `ignored` if the Droplet's system was asked already and did not listen.
fn request<'a>(
    attributes: &'a Attributes,
    name: &str,
    ignored: bool,
) -> Result<ActionRequest<'a>, Error> {
    let on = || attributes.get(name).and_then(Json::as_bool) == Some(true);
    let plain = |kind| ActionRequest {
        kind,
        name: None,
        size: None,
        disk: None,
        image: None,
        backup_policy: None,
    };
    let policy = attributes
        .get(BACKUP_POLICY)
        .filter(|policy| !policy.is_null());
    Ok(match name {
        NAME => ActionRequest {
            name: Some(required(attributes, NAME)?),
            ..plain("rename")
        },
        SIZE => ActionRequest {
            size: Some(required(attributes, SIZE)?),
            disk: Some(attributes.get(DISK).and_then(Json::as_str) == Some(GROW)),
            ..plain("resize")
        },
        // Its disk is lost, and so it takes `--allow-wipe` (section 3 of the API's notes: "rebuild").
        IMAGE => ActionRequest {
            image: Some(ImageSelector::of(required(attributes, IMAGE)?)),
            ..plain("rebuild")
        },
        BACKUPS if on() => ActionRequest {
            backup_policy: policy,
            ..plain("enable_backups")
        },
        BACKUP_POLICY => ActionRequest {
            backup_policy: policy,
            ..plain("change_backup_policy")
        },
        ENABLE_IPV6 => plain("enable_ipv6"),
        SNAPSHOT => ActionRequest {
            name: Some(required(attributes, SNAPSHOT)?),
            ..plain(snapshot::TAKE)
        },
        BACKUPS => plain("disable_backups"),
        POWER if required(attributes, POWER)? != OFF => plain("power_on"),
        POWER if ignored => plain("power_off"),
        POWER => plain(SHUT_DOWN),
        _ => {
            let message = format!("a Droplet's {name} cannot be changed");
            return Err(Error::new(Class::Rejected, "update", message));
        }
    })
}

/// Tells of those of `seen` on which something is under way, and how far what this client has under
/// way is. What a locked Droplet shows is not to be trusted (so does the official provider for
/// Terraform, droplet/resource_droplet.go).
pub(super) async fn follow(client: &ReadClient, seen: &mut [Observed]) -> Result<(), Error> {
    let mut followed = Vec::new();
    for observed in seen {
        let change = client.changes().on(&observed.id);
        if observed.attributes.contains_key(LOCKED) {
            let what = change.map_or("something", |change| change.kind);
            if observed.readiness == Readiness::Ready {
                observed.readiness = Readiness::Pending(format!("{what} is under way"));
            }
        } else if let Some(change) = change {
            followed.push((observed, change));
        }
    }
    for some in followed.chunks_mut(AT_ONCE) {
        let looks = some
            .iter()
            .map(|(observed, change)| readiness(client, observed, *change));
        let looks = join_all(looks).await;
        for ((observed, _), readiness) in some.iter_mut().zip(looks) {
            if let Some(readiness) = readiness? {
                observed.readiness = readiness;
            }
        }
    }
    Ok(())
}

/// How far a change is, of a Droplet that is not locked; `None` if it shows what came of it.
async fn readiness(
    client: &ReadClient,
    observed: &Observed,
    change: Change,
) -> Result<Option<Readiness>, Error> {
    let id = observed.id.as_str();
    let pending = || Some(Readiness::Pending(format!("{} is under way", change.kind)));
    let mut errored = false;
    if change.stage == Stage::Asked {
        let status = match change.action {
            Some(action) => status(client, action).await?,
            None => None,
        };
        match (status.as_deref(), change.action) {
            (Some("completed"), _) => client.changes().came_to(id, Stage::Over),
            (Some("errored"), _) => errored = true,
            // It has the same time as one of which the action is known.
            (None, None) if change.kind == SHUT_DOWN => client.changes().came_to(id, Stage::Over),
            (None, None) => {
                client.changes().came_to(id, Stage::Ignored);
                let why = format!("nobody knows what came of its {}", change.kind);
                let attribute = attribute_of(change.kind);
                return Ok(Some(Readiness::Paused { attribute, why }));
            }
            _ => return Ok(pending()),
        }
    }
    if change.kind == SHUT_DOWN {
        // Whatever became of the action, the Droplet shows what its system did.
        if observed.text(POWER) == Some(OFF) {
            client.changes().over(id);
            return Ok(None);
        }
        if change.began.elapsed() < client.tempo().of(SHUTDOWN) {
            return Ok(pending());
        }
        client.changes().came_to(id, Stage::Ignored);
        return Ok(Some(Readiness::Paused {
            attribute: POWER,
            why: "its system did not shut down when it was asked to".to_owned(),
        }));
    }
    // Its Droplet shows nothing of it: it is looked for on.
    if change.kind != snapshot::TAKE || errored || observed.attributes.contains_key(SNAPSHOT) {
        client.changes().over(id);
    }
    let action = change.action.map(|action| format!(" (action {action})"));
    let failed = || {
        let action = action.unwrap_or_default();
        Readiness::Failed(format!("its {} failed{action}", change.kind))
    };
    Ok(errored.then(failed))
}

/// What an action of this type changes.
fn attribute_of(kind: &str) -> &'static str {
    match kind {
        "rename" => NAME,
        "resize" => SIZE,
        "rebuild" => IMAGE,
        "change_backup_policy" => BACKUP_POLICY,
        "enable_ipv6" => ENABLE_IPV6,
        snapshot::TAKE => SNAPSHOT,
        "enable_backups" | "disable_backups" => BACKUPS,
        _ => POWER,
    }
}

/// How far an action is; `None` if that is not to be had just now: a new one may answer 404 at
/// first, and one look that fails shall not hide what the others show.
async fn status(client: &ReadClient, action: u64) -> Result<Option<String>, Error> {
    let path = format!("/v2/actions/{action}");
    match client.find::<ActionAnswer>(&path).await {
        Ok(answer) => Ok(answer.map(|answer| answer.action.status)),
        // A token may change Droplets and not see actions: the Droplet has to tell all then.
        Err(error) if error.status == Some(403) => Ok(Some("completed".to_owned())),
        Err(error) if error.class == Class::Unauthorized => Err(error),
        Err(_) => Ok(None),
    }
}
