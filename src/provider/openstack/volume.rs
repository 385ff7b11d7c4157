//! Volumes, which Cinder makes, grows and deletes and Nova attaches to servers. Cinder takes one name as
//! often as it is given; ours say in their metadata which deployment they are of.
//!
//! A volume does one thing at a time, and its status says that it does it from the moment at which that
//! was accepted (Cinder's api-ref, "Volumes (volumes)"; so the services of 2026 do).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Observed, Readiness};
use crate::provider::adapter::{self, lineage, required, text};
use crate::provider::volumes::{
    attached_by_and_by, being_attached, is_to_be_attached, not_attached, not_attached_yet, size,
};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::volume::{DESCRIPTION, KIND, NAME, REGION, SERVER, SIZE_GB};

use super::client::{ReadClient, Service, WriteClient, query};
use super::moves::Move;
use super::resolve;
use super::wire::cinder::{
    AttachmentRequest, NewAttachment, NewVolume, Volume, VolumeActionRequest, VolumeAnswer,
    VolumeRequest, Volumes,
};

pub(super) struct Adapter;

const VOLUMES: &str = "/volumes";
const CREATE: &str = "POST /volumes";
/// The metadata that hold a deployment's lineage.
const MARK: &str = "cloudbuilder";
/// The version of Cinder's API from which on what is attached can grow.
const GROWS_ATTACHED: &str = "volume 3.42";
/// How often a change is asked for at most while others change the same.
const TRIES: usize = 3;
/// The changes, as they are called where one fails.
const ATTACH: &str = "attach";
const DETACH: &str = "detach";
const EXTEND: &str = "extend";

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match scope.whole || scope.concerns(KIND.name) {
                true => Ok(all(client, &[]).await?.into()),
                false => Ok(Listed::default()),
            }
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        find(client, target.id).boxed()
    }

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let mut seen = adapter::get_each(self, client, targets).await?;
            for seen in &mut seen {
                follow(client, seen);
                let target = targets.iter().find(|target| target.id == seen.id);
                if seen.readiness == Readiness::Ready
                    && target.is_some_and(|target| is_to_be_attached(seen, target))
                {
                    seen.readiness = not_attached_yet();
                }
            }
            Ok(seen)
        }
        .boxed()
    }

    /// One that was made, by this run or an earlier one, is attached to its server.
    fn bring_up<'a>(
        &'a self,
        client: WriteClient<'a>,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let mut seen = self.look(client.0, targets, mark).await?;
            for seen in &mut seen {
                let target = targets.iter().find(|target| target.id == seen.id);
                let target = target.filter(|_| seen.readiness == not_attached_yet());
                if let Some(server) = target.and_then(|target| text(target.attributes, SERVER)) {
                    seen.readiness = attach_new(client, &seen.id, server).await?;
                }
            }
            Ok(seen)
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let mut found = Vec::with_capacity(wanted.len());
            for attributes in wanted {
                let name = required(attributes, NAME)?;
                let named = all(client, &[("name", name)]).await?.into_iter();
                // A service that knows no such filter shows all.
                let ours =
                    named.filter(|seen| seen.text(NAME) == Some(name) && seen.may_be_of(mark));
                found.push(
                    ours.map(|seen| attached_by_and_by(seen, attributes))
                        .collect(),
                );
            }
            Ok(found)
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        resolve::volumes(client, wanted).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let mark = lineage(mark, CREATE)?;
            let body = VolumeRequest {
                volume: NewVolume {
                    name: required(attributes, NAME)?,
                    size: size(attributes)?,
                    description: text(attributes, DESCRIPTION),
                    metadata: BTreeMap::from([(MARK, mark)]),
                },
            };
            let made: VolumeAnswer = client
                .send(Method::POST, Service::Volume, VOLUMES, &body)
                .await?;
            let region = client.0.region().await?;
            Ok(attached_by_and_by(
                from_wire(made.volume, &region),
                attributes,
            ))
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        changed: &'a [String],
        _mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let attribute = match changed {
                [name] if name == SIZE_GB => SIZE_GB,
                [name] if name == SERVER => SERVER,
                _ => {
                    let message =
                        format!("{} of a volume cannot be changed", changed.join(" and "));
                    return Err(Error::new(Class::Rejected, "update", message));
                }
            };
            let ask = || change(client, target.id, attributes, attribute);
            client.until_clear(ask).await
        }
        .boxed()
    }

    /// What is attached is detached first. Whoever deletes it asks again until it is.
    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let id = target.id;
            let path = format!("{VOLUMES}/{id}");
            let Some(volume) = one(client.0, id).await? else {
                return Ok(());
            };
            let busy = |why: String| Err(Error::new(Class::Busy, format!("DELETE {path}"), why));
            if let Some(what) = passing(&volume) {
                return busy(what.to_owned());
            }
            let Some(server) = server_of(&volume) else {
                let deleted = client.delete(Service::Volume, &path).await;
                // An earlier answer was lost: what is being deleted cannot be again.
                return match deleted {
                    Err(error) if is_refused(&error) && one(client.0, id).await?.is_none() => {
                        Ok(())
                    }
                    deleted => deleted,
                };
            };
            match detach(client, id, server).await {
                // It was detached meanwhile, or nobody knows: it is looked at again.
                Err(error) if error.class == Class::Ambiguous => {}
                Err(error) if is_refused(&error) => {
                    let now = one(client.0, id).await?;
                    if now.is_some_and(|now| {
                        server_of(&now) == Some(server) && passing(&now).is_none()
                    }) {
                        return Err(error);
                    }
                }
                asked => asked?,
            }
            busy(format!(
                "it is attached to {server} still, and is being detached"
            ))
        }
        .boxed()
    }
}

/// Every volume of the account that these filters let through.
async fn all(client: &ReadClient, filters: &[(&str, &str)]) -> Result<Vec<Observed>, Error> {
    let region = client.region().await?;
    let filters = match filters {
        [] => String::new(),
        filters => query(filters),
    };
    let path = format!("{VOLUMES}/detail{filters}");
    let mut volumes = client
        .pages::<Volumes, _>(Service::Volume, &path, |volume| volume)
        .await?;
    volumes.retain(exists);
    // While volumes come and go, one can stand on two pages.
    volumes.sort_by(|a, b| a.id.cmp(&b.id));
    volumes.dedup_by(|a, b| a.id == b.id);
    let volumes = volumes.into_iter();
    Ok(volumes.map(|volume| from_wire(volume, &region)).collect())
}

async fn one(client: &ReadClient, id: &str) -> Result<Option<Volume>, Error> {
    let path = format!("{VOLUMES}/{id}");
    let answer: Option<VolumeAnswer> = client.find(Service::Volume, &path).await?;
    Ok(answer.map(|answer| answer.volume).filter(exists))
}

async fn find(client: &ReadClient, id: &str) -> Result<Option<Observed>, Error> {
    let Some(volume) = one(client, id).await? else {
        return Ok(None);
    };
    let region = client.region().await?;
    Ok(Some(from_wire(volume, &region)))
}

/// What is there of it: what is being deleted is not coming back.
fn exists(volume: &Volume) -> bool {
    volume.status != "deleting"
}

/// What a volume is doing, if it does something that passes.
fn passing(volume: &Volume) -> Option<&'static str> {
    Some(match volume.status.as_str() {
        "creating" | "downloading" => "it is being made",
        "reserved" | "attaching" => "it is being attached",
        // Its attachment shows a moment later.
        "in-use" if volume.attachments.is_empty() => "it is being attached",
        "detaching" => "it is being detached",
        "extending" => "it is being extended",
        "backing-up" | "restoring-backup" | "uploading" => "it is being copied",
        "retyping" | "maintenance" => "it is being moved to another back end",
        "awaiting-transfer" => "it waits to be taken over by another project",
        _ => return None,
    })
}

/// Why nothing can be done with it, where it has gone wrong.
fn broken(volume: &Volume) -> Option<String> {
    let status = volume.status.as_str();
    let is_broken = status.starts_with("error");
    is_broken
        .then(|| format!("it is in the status {status}: only the cloud's own people can mend it"))
}

fn server_of(volume: &Volume) -> Option<&str> {
    let mut attachments = volume.attachments.iter();
    attachments.find_map(|attachment| attachment.server_id.as_deref())
}

/// Whether what was asked for is not possible as things are.
fn is_refused(error: &Error) -> bool {
    matches!(error.class, Class::Rejected | Class::NotFound)
}

/// Has a volume get an attribute, one request at a time. It is looked at before each, so that what an
/// answer that was lost has brought about is not asked for again.
async fn change(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
    attribute: &'static str,
) -> Result<Updated, Error> {
    let wanted = attributes.get(attribute).unwrap_or(&Json::Null);
    let path = format!("{VOLUMES}/{id}");
    let refused = |message: String| Error::new(Class::Rejected, format!("GET {path}"), message);
    let began = |what, goes_on| {
        let change = Move {
            attribute,
            to: wanted.clone(),
            what,
            goes_on,
        };
        client.0.moves().began(id, change);
        Ok(Updated::Underway)
    };
    let mut last = None;
    for _ in 0..TRIES {
        let Some(volume) = one(client.0, id).await? else {
            return Err(refused("it does not exist any more".to_owned()));
        };
        if passing(&volume).is_some() {
            // Ours, if its answer was lost, or somebody else's: what is to be may have to be asked for
            // once more when that has ended.
            return began("change", true);
        }
        if let Some(why) = broken(&volume) {
            return Err(refused(why));
        }
        let server = server_of(&volume).map(ToOwned::to_owned);
        let region = client.0.region().await?;
        let is = from_wire(volume, &region);
        if is.attributes.get(attribute) == Some(wanted) {
            client.0.moves().over(id);
            return Ok(Updated::Done(is));
        }
        let (what, goes_on, asked) = match (attribute, server, wanted.as_str()) {
            (SIZE_GB, server, _) => {
                let new_size = size(attributes)?;
                let is_attached = server.is_some();
                let asked = extend(client, id, new_size, is_attached).await;
                (EXTEND, false, asked)
            }
            (_, None, Some(server)) => (ATTACH, false, attach(client, id, server).await),
            (_, None, None) => return Ok(Updated::Done(is)),
            // Attached to another one once it is free.
            (_, Some(other), to) => (DETACH, to.is_some(), detach(client, id, &other).await),
        };
        match asked {
            Ok(()) => return began(what, goes_on),
            // Another was faster, or an earlier try: then it shows something else now.
            Err(error) if is_refused(&error) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    let refusal = last.map(|error| Class::Rejected.of(error));
    Err(refusal.unwrap_or_else(|| refused("it is changed by others meanwhile".to_owned())))
}

/// Nova's api-ref, "Attach a volume to an instance".
async fn attach(client: WriteClient<'_>, id: &str, server: &str) -> Result<(), Error> {
    let path = format!("/servers/{server}/os-volume_attachments");
    let body = AttachmentRequest {
        attachment: NewAttachment { volume: id },
    };
    let sent = client.send_once::<IgnoredAny>(Method::POST, Service::Compute, &path, &body);
    sent.await.map(drop)
}

/// Nova's api-ref, "Detach a volume from an instance".
async fn detach(client: WriteClient<'_>, id: &str, server: &str) -> Result<(), Error> {
    let path = format!("/servers/{server}/os-volume_attachments/{id}");
    client.delete_once(Service::Compute, &path).await
}

/// Cinder's api-ref, "Extend a volume size".
async fn extend(
    client: WriteClient<'_>,
    id: &str,
    new_size: u64,
    is_attached: bool,
) -> Result<(), Error> {
    let path = format!("{VOLUMES}/{id}/action");
    let body = VolumeActionRequest::Extend { new_size };
    if !is_attached {
        return client.act_once(Service::Volume, &path, &body).await;
    }
    let sent = client.act_once_in(GROWS_ATTACHED, Service::Volume, &path, &body);
    sent.await.map_err(|error| match error.status {
        Some(406) => Error {
            advice: Some(
                "this cloud is too old to extend what is attached: take it out of its server's \
                 `volumes`, apply, give it its size, apply, and attach it again",
            ),
            ..error
        },
        _ => error,
    })
}

/// Attaches one that was made, and says how far it is then.
async fn attach_new(client: WriteClient<'_>, id: &str, server: &str) -> Result<Readiness, Error> {
    match attach(client, id, server).await {
        Ok(()) => {
            let change = Move {
                attribute: SERVER,
                to: server.into(),
                what: ATTACH,
                goes_on: false,
            };
            client.0.moves().began(id, change);
            Ok(being_attached())
        }
        // Nobody knows, or something else is under way on the server: the next look shows more.
        Err(error) if matches!(error.class, Class::Ambiguous | Class::Busy) => Ok(being_attached()),
        Err(error) if is_refused(&error) || error.status == Some(403) => {
            let seen = one(client.0, id).await?;
            if seen.is_some_and(|seen| server_of(&seen) == Some(server) || passing(&seen).is_some())
            {
                return Ok(being_attached());
            }
            Ok(not_attached(&error))
        }
        Err(error) => Err(error),
    }
}

/// Tells of what this client has under way on a volume how far it is.
fn follow(client: &ReadClient, seen: &mut Observed) {
    let Some(change) = client.moves().on(&seen.id) else {
        return;
    };
    if matches!(seen.readiness, Readiness::Pending(_)) {
        return;
    }
    client.moves().over(&seen.id);
    let attribute = change.attribute;
    if seen.attributes.get(attribute) == Some(&change.to) || seen.readiness != Readiness::Ready {
        return;
    }
    seen.readiness = match change.goes_on {
        true => Readiness::Paused {
            attribute,
            why: "what went before is over".to_owned(),
        },
        false => {
            let what = change.what;
            Readiness::Failed(format!(
                "the cloud could not {what} it, and it is as before"
            ))
        }
    };
}

fn from_wire(volume: Volume, region: &str) -> Observed {
    let readiness = match (passing(&volume), broken(&volume)) {
        (Some(what), _) => Readiness::Pending(what.to_owned()),
        (None, Some(why)) => Readiness::Failed(why),
        (None, None) => Readiness::Ready,
    };
    let server = server_of(&volume).map_or(Json::Null, Json::from);
    let mut attributes = Attributes::from([
        (NAME.to_owned(), volume.name.unwrap_or_default().into()),
        (REGION.to_owned(), region.into()),
        (SIZE_GB.to_owned(), volume.size.into()),
        (SERVER.to_owned(), server),
    ]);
    if let Some(said) = volume.description.filter(|said| !said.is_empty()) {
        attributes.insert(DESCRIPTION.to_owned(), said.into());
    }
    // Cinder leaves out that it is in UTC.
    let created = volume.created_at.map(|at| match at.ends_with('Z') {
        true => at,
        false => format!("{at}Z"),
    });
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: volume.id,
        attributes,
        owners: volume.metadata.get(MARK).cloned().into_iter().collect(),
        readiness,
        monthly: None,
        // One in a form that nobody knows says as little as none.
        created: created.and_then(|at| at.parse().ok()),
    }
}
