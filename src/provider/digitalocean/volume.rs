//! Volumes. A name is there once in a region. What is done to one is an action, which locks the Droplet
//! that it is on or comes to: one at a time for each (openapi.json, `volumeActions_post_byId`).

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required, text};
use crate::provider::volumes::{
    attached_by_and_by, being_attached, is_to_be_attached, not_attached, not_attached_yet, size,
};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::volume::{DESCRIPTION, FILESYSTEM, KIND, NAME, REGION, SERVER, SIZE_GB, cost};

use super::changes::Change;
use super::client::{ReadClient, WriteClient, query};
use super::server::{mark_of, mark_tag, refuses_tags};
use super::wire::{ActionAnswer, Meta, Page, page};

pub(super) struct Adapter;

const VOLUMES: &str = "/v2/volumes";
/// The actions, as they are called where one fails.
const ATTACH: &str = "attach";
const DETACH: &str = "detach";
const RESIZE: &str = "resize";
/// A detach that an attach to another Droplet follows.
const MOVE: &str = "detach before it is moved";
/// How often a change is asked for at most while others change the same.
const TRIES: usize = 3;

page!(Volumes, volumes: Volume);

#[derive(Debug, Deserialize)]
struct VolumeAnswer {
    volume: Volume,
}

#[derive(Debug, Deserialize)]
pub(super) struct Volume {
    id: String,
    name: String,
    #[serde(default)]
    description: Option<String>,
    region: VolumeRegion,
    size_gigabytes: u64,
    #[serde(default)]
    filesystem_type: Option<String>,
    #[serde(default)]
    droplet_ids: Option<Vec<u64>>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    created_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct VolumeRegion {
    slug: String,
}

#[derive(Debug, Serialize)]
struct VolumeRequest<'a> {
    name: &'a str,
    region: &'a str,
    size_gigabytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filesystem_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

#[derive(Debug, Serialize)]
struct VolumeActionRequest {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    droplet_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_gigabytes: Option<u64>,
}

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            match scope.concerns(KIND.name) {
                true => Ok(listed(client, VOLUMES).await?.into()),
                false if scope.leftovers => {
                    client.if_seen(KIND.name, listed(client, VOLUMES)).await
                }
                false if scope.whole => Ok(listed(client, VOLUMES).await?.into()),
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

    /// How far what is done to them is comes first: what they show then is not older than that.
    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let progress = targets.iter().map(|target| progress(client, target.id));
            let progress = try_join_all(progress).await?;
            let mut seen = adapter::get_each(self, client, targets).await?;
            for (target, progress) in targets.iter().zip(progress) {
                let mut seen = seen.iter_mut();
                let seen = seen.find(|seen| seen.id == target.id);
                match (seen, progress) {
                    (Some(seen), Some(progress)) => seen.readiness = progress,
                    (Some(seen), None) if is_to_be_attached(seen, target) => {
                        seen.readiness = not_attached_yet();
                    }
                    _ => {}
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
                let is_free = client.0.changes().on(&seen.id).is_none();
                let target = target.filter(|target| is_free && is_to_be_attached(seen, target));
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
            let each = wanted.iter().map(async |attributes| {
                let (name, region) = (required(attributes, NAME)?, required(attributes, REGION)?);
                let path = format!("{VOLUMES}{}", query(&[("name", name), ("region", region)]));
                let found = listed(client, &path).await?.into_iter();
                // A service that knows no such filter shows all.
                let found = found.filter(|seen| {
                    seen.text(NAME) == Some(name)
                        && seen.text(REGION) == Some(region)
                        && seen.may_be_of(mark)
                });
                let found = found.map(|seen| attached_by_and_by(seen, attributes));
                Ok::<_, Error>(found.collect())
            });
            try_join_all(each).await
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let body = VolumeRequest {
                name: required(attributes, NAME)?,
                region: required(attributes, REGION)?,
                size_gigabytes: size(attributes)?,
                description: text(attributes, DESCRIPTION),
                filesystem_type: text(attributes, FILESYSTEM),
                tags: mark.map(mark_tag).into_iter().collect(),
            };
            let made = client.send::<VolumeAnswer>(Method::POST, VOLUMES, &body);
            match made.await {
                Ok(answer) => Ok(attached_by_and_by(from_wire(answer.volume), attributes)),
                Err(error) if mark.is_some() && refuses_tags(&error) => {
                    client.0.be_tagless();
                    Err(Class::Unmarkable.of(error))
                }
                Err(error) => Err(error),
            }
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
            let [name] = changed else {
                let message = format!("{} cannot be changed at once", changed.join(" and "));
                return Err(Error::new(Class::Rejected, "update", message));
            };
            let ask = || change(client, target.id, attributes, name);
            client.until_clear(ask).await
        }
        .boxed()
    }

    /// What is attached is refused: it is detached first. Whoever deletes it asks again until it is.
    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let Some(seen) = find(client.0, target.id).await? else {
                return Ok(());
            };
            let path = format!("{VOLUMES}/{}", target.id);
            let Some(server) = seen.text(SERVER) else {
                let deleted = client.delete(&path).await;
                return deleted.map_err(|error| match error.status {
                    Some(409) => Class::Busy.of(error),
                    _ => error,
                });
            };
            let asked = act(client, target.id, &place(DETACH, Some(server))?).await;
            match asked {
                // It was detached meanwhile, or nobody knows: it is looked at again.
                Err(error) if error.class == Class::Ambiguous => {}
                Err(error) if error.class == Class::Rejected => {
                    let now = find(client.0, target.id).await?;
                    if now.is_some_and(|now| now.text(SERVER) == Some(server)) {
                        return Err(error);
                    }
                }
                asked => drop(asked?),
            }
            let still = format!("it is attached to {server} still, and is being detached");
            Err(Error::new(Class::Busy, format!("DELETE {path}"), still))
        }
        .boxed()
    }
}

async fn listed(client: &ReadClient, path: &str) -> Result<Vec<Observed>, Error> {
    client.pages::<Volumes, _>(path, from_wire).await
}

async fn find(client: &ReadClient, id: &str) -> Result<Option<Observed>, Error> {
    let answer: Option<VolumeAnswer> = client.find(&format!("{VOLUMES}/{id}")).await?;
    Ok(answer.map(|answer| from_wire(answer.volume)))
}

/// Has a volume get an attribute, one request at a time. It is looked at before each, so that what an
/// answer that was lost has brought about is not asked for again.
async fn change(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
    name: &str,
) -> Result<Updated, Error> {
    let wanted = attributes.get(name).unwrap_or(&Json::Null);
    let mut refused = None;
    for _ in 0..TRIES {
        let Some(is) = find(client.0, id).await? else {
            let message = "it does not exist any more";
            return Err(Error::new(
                Class::Rejected,
                format!("GET {VOLUMES}/{id}"),
                message,
            ));
        };
        if is.attributes.get(name) == Some(wanted) {
            client.0.changes().over(id);
            return Ok(Updated::Done(is));
        }
        let (what, request) = match (name, is.text(SERVER)) {
            (SIZE_GB, _) => (
                RESIZE,
                VolumeActionRequest {
                    kind: RESIZE,
                    droplet_id: None,
                    size_gigabytes: Some(size(attributes)?),
                },
            ),
            (SERVER, None) => (ATTACH, place(ATTACH, wanted.as_str())?),
            (SERVER, Some(other)) if wanted.is_null() => (DETACH, place(DETACH, Some(other))?),
            (SERVER, Some(other)) => (MOVE, place(DETACH, Some(other))?),
            _ => {
                let message = format!("the {name} of a volume cannot be changed");
                return Err(Error::new(Class::Rejected, "update", message));
            }
        };
        match act(client, id, &request).await {
            Ok(action) => {
                let now = Instant::now();
                client.0.changes().began(id, Some(action), what, now);
                return Ok(Updated::Underway);
            }
            // Another was faster, or an earlier try: then it shows something else now.
            Err(error) if error.class == Class::Rejected => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    let message = "it is changed by others meanwhile";
    Err(refused.unwrap_or_else(|| Error::new(Class::Rejected, "update", message)))
}

/// Asks for an action; gives its id.
async fn act(
    client: WriteClient<'_>,
    id: &str,
    request: &VolumeActionRequest,
) -> Result<u64, Error> {
    let path = format!("{VOLUMES}/{id}/actions");
    let sent = client.send_once::<ActionAnswer>(Method::POST, &path, request);
    Ok(sent.await?.action.id)
}

/// Attaches one that was made, and says how far it is then.
async fn attach_new(client: WriteClient<'_>, id: &str, server: &str) -> Result<Readiness, Error> {
    match act(client, id, &place(ATTACH, Some(server))?).await {
        Ok(action) => {
            let now = Instant::now();
            client.0.changes().began(id, Some(action), ATTACH, now);
            Ok(being_attached())
        }
        // Nobody knows, or something else is under way on the server: the next look shows more.
        Err(error) if matches!(error.class, Class::Ambiguous | Class::Busy) => Ok(being_attached()),
        // A token may make volumes and not attach them.
        Err(error)
            if matches!(error.class, Class::Rejected | Class::NotFound)
                || error.status == Some(403) =>
        {
            let seen = find(client.0, id).await?;
            if seen.is_some_and(|seen| seen.text(SERVER) == Some(server)) {
                return Ok(being_attached());
            }
            Ok(not_attached(&error))
        }
        Err(error) => Err(error),
    }
}

/// How far what this client does to a volume is; `None` if the volume shows what came of it.
async fn progress(client: &ReadClient, id: &str) -> Result<Option<Readiness>, Error> {
    let change = client.changes().on(id);
    let Some(Change {
        action: Some(action),
        kind,
        ..
    }) = change
    else {
        return Ok(None);
    };
    let path = format!("{VOLUMES}/{id}/actions/{action}");
    let status = match client.find::<ActionAnswer>(&path).await {
        Ok(answer) => answer.map(|answer| answer.action.status),
        // A token may change volumes and not see actions: the volume has to tell all then.
        Err(error) if error.status == Some(403) => Some("completed".to_owned()),
        Err(error) => return Err(error),
    };
    match status.as_deref() {
        Some("completed") => {
            client.changes().over(id);
            // It goes on when it is asked for once more.
            Ok((kind == MOVE).then(|| Readiness::Paused {
                attribute: SERVER,
                why: "it is detached, and not attached to the other one yet".to_owned(),
            }))
        }
        Some("errored") => {
            client.changes().over(id);
            let why = format!("its {kind} failed (action {action})");
            Ok(Some(Readiness::Failed(why)))
        }
        // A new one may answer 404 at first.
        _ => Ok(Some(Readiness::Pending(format!("its {kind} is under way")))),
    }
}

/// The request for an action on a Droplet.
fn place(kind: &'static str, server: Option<&str>) -> Result<VolumeActionRequest, Error> {
    let droplet_id = server.and_then(|id| id.parse().ok());
    let unknown = || Error::new(Class::Rejected, kind, "the id of its server is not known");
    Ok(VolumeActionRequest {
        kind,
        droplet_id: Some(droplet_id.ok_or_else(unknown)?),
        size_gigabytes: None,
    })
}

fn from_wire(volume: Volume) -> Observed {
    let droplet = volume.droplet_ids.unwrap_or_default();
    let server = droplet
        .first()
        .map_or(Json::Null, |id| id.to_string().into());
    let mut attributes = Attributes::from([
        (NAME.to_owned(), volume.name.into()),
        (REGION.to_owned(), volume.region.slug.into()),
        (SIZE_GB.to_owned(), volume.size_gigabytes.into()),
        (SERVER.to_owned(), server),
    ]);
    let further = [
        (FILESYSTEM, volume.filesystem_type),
        (DESCRIPTION, volume.description),
    ];
    for (name, said) in further {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            attributes.insert(name.to_owned(), said.into());
        }
    }
    let tags = volume.tags.unwrap_or_default();
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: volume.id,
        attributes,
        owners: tags.iter().filter_map(|tag| mark_of(tag)).collect(),
        readiness: Readiness::Ready,
        monthly: Some(cost(volume.size_gigabytes)),
        // One in a form that nobody knows says as little as none.
        created: volume.created_at.and_then(|at| at.parse().ok()),
    }
}
