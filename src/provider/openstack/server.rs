use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;
use futures_util::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::Value as Json;

use crate::model::{Attributes, Desired, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::cloud_init::Start;
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::server::{
    IMAGE, IMAGE_ID, IPV4_ADDRESS, IPV6_ADDRESS, KIND, NAME, RESERVED_IP, SETTINGS, SIZE, SIZE_ID,
    SSH_KEY,
};

use super::catalog;
use super::client::{ReadClient, Service, WriteClient};
use super::files;
use super::floating;
use super::placement::{self, Placement, Settings};
use super::resolve;
use super::ssh_key;
use super::wire::nova::{
    CreatedAnswer, GroupOf, MetadataRequest, NetworkOf, NewServer, Server, ServerAnswer,
    ServerRequest, Servers,
};
pub(super) use public::expect;
use view::View;

mod change;
mod membership;
mod public;
mod tags;
mod view;

/// Our mark is in a server's metadata, and in a tag where servers can have tags.
pub(super) struct Adapter;

/// The metadata that hold a deployment's lineage.
const MARK: &str = "cloudbuilder";
/// Those that hold the id of the network that a server's floating IP comes from.
const FLOATING: &str = "cloudbuilder_floating_ip_from";
/// Those that say that a reserved IP takes the place of a floating IP of its own: until that is over
/// it gets none, and none that it has is its own.
const RESERVED: &str = "cloudbuilder_reserved_ip";
/// Those that hold the name of the network whose addresses are public.
const PUBLIC: &str = "cloudbuilder_public_network";
/// Those that say that no public IPv6 address will come, which nobody could tell from a server that
/// has none yet.
const NO_IPV6: &str = "cloudbuilder_no_ipv6";
/// The metadata that tells that a server will have a public IPv4 address: as long as it has none, it
/// is not ready, and nobody may take it for one that never had any.
const HAS_IPV4: &str = "cloudbuilder_ipv4";
/// What they say of what is so; what is not so, they say nothing of.
const YES: &str = "true";
/// The beginning of our tags.
const TAG: &str = "cloudbuilder:";

const SERVERS: &str = "/servers";
const CREATE: &str = "POST /servers";
/// Up to so many are asked for singly; more by listing all.
const SINGLY: usize = 4;
const AT_ONCE: usize = 4;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let servers = all(client).await?;
            let with_firewalls = membership::concerns(scope);
            Ok(observed(client, servers, with_firewalls).await?.into())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let found: Vec<Server> = one(client, target.id).await?.into_iter().collect();
            let with_firewalls = membership::concerns_any(&[target]);
            Ok(observed(client, found, with_firewalls).await?.pop())
        }
        .boxed()
    }

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let servers = several(client, targets).await?;
            observed(client, servers, membership::concerns_any(targets)).await
        }
        .boxed()
    }

    fn bring_up<'a>(
        &'a self,
        client: WriteClient<'a>,
        targets: &'a [Target<'a>],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let servers = several(client.0, targets).await?;
            let with_firewalls = membership::concerns_any(targets);
            let view = View::of(client.0, &servers, with_firewalls).await?;
            let mut states = Vec::with_capacity(servers.len());
            for some in servers.chunks(AT_ONCE) {
                let steps = some
                    .iter()
                    .map(|server| give_floating(client, &view, server));
                states.extend(join_all(steps).await);
            }
            // What was given just now is seen with the next look.
            let seen = followed(client.0, &view, servers).into_iter().zip(states);
            Ok(seen
                .map(|(observed, state)| waiting(client.0, observed, state))
                .collect())
        }
        .boxed()
    }

    /// All of the account: the filter for names means another thing with each database.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let servers = all(client).await?;
            matching::servers(wanted, observed(client, servers, false).await?, mark)
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        resolve::servers(client, wanted).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let request = to_create_request(client.0, attributes, mark).await?;
            let answer: Result<CreatedAnswer, Error> = client
                .send(Method::POST, Service::Compute, SERVERS, &request)
                .await;
            let answer = answer.map_err(|error| without_files(error, &request))?;
            let region = client.0.region().await?;
            Ok(view::born(answer.server.id, attributes, &region, mark))
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
        change::change(client, target, attributes, changed).boxed()
    }

    fn mark<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let path = format!("{SERVERS}/{}/metadata", target.id);
            let body = MetadataRequest {
                metadata: BTreeMap::from([(MARK, mark)]),
            };
            client
                .ensure(Method::POST, Service::Compute, &path, &body)
                .await?;
            if client.0.is_versioned().await? {
                let path = format!("{SERVERS}/{}/tags/{TAG}{mark}", target.id);
                client.put(Service::Compute, &path).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let server = one(client.0, target.id).await?;
            // Who deletes a server by hand leaves what it was given: a floating IP of no use to
            // anybody, which is paid for.
            let wanted = server
                .as_ref()
                .is_none_or(|server| server.metadata.contains_key(FLOATING));
            let name = target.attributes.get(NAME).and_then(Json::as_str);
            let name = name.or(server.as_ref().map(|server| server.name.as_str()));
            if let (true, Some(name)) = (wanted && client.0.profile().has_network_service, name) {
                floating::give_back(client, target.id, mark, name).await?;
            }
            if server.is_none() {
                return Ok(());
            }
            let path = format!("{SERVERS}/{}", target.id);
            client.delete(Service::Compute, &path).await
        }
        .boxed()
    }
}

/// What keeps a server from its floating IP is that server's own matter, and no other's. It may
/// pass: a quota is raised, another server goes, and the server itself is well.
fn waiting(
    client: &ReadClient,
    observed: Observed,
    state: Result<floating::State, Error>,
) -> Observed {
    let why = match state {
        Ok(floating::State::There | floating::State::NotYet) => return observed,
        Ok(floating::State::Refused(why)) => why,
        Err(error) => error.to_string(),
    };
    let name = observed.text(NAME).unwrap_or(&observed.id);
    client.note(format!("server {name} has no floating IP yet: {why}"));
    Observed {
        readiness: Readiness::Pending(format!("it has no floating IP yet: {why}")),
        ..observed
    }
}

/// Gives a server its floating IP if it wants one and has none.
async fn give_floating(
    client: WriteClient<'_>,
    view: &View,
    server: &Server,
) -> Result<floating::State, Error> {
    let (Some(pool), Some(lineage)) = (view.lacks_floating(server), server.metadata.get(MARK))
    else {
        return Ok(floating::State::NotYet);
    };
    let description = floating::description(lineage, &server.name);
    let wanting = floating::Wanting {
        server: &server.id,
        pool,
        description: &description,
    };
    floating::give(client, wanting).await
}

/// The name of the server with that id, if there is one.
pub(super) async fn name_of(client: &ReadClient, id: &str) -> Result<Option<String>, Error> {
    Ok(one(client, id).await?.map(|server| server.name))
}

/// What is there of it. One that is only kept until it is deleted for good counts as gone.
fn exists(server: &Server) -> bool {
    !matches!(server.status.as_str(), "DELETED" | "SOFT_DELETED")
}

async fn one(client: &ReadClient, id: &str) -> Result<Option<Server>, Error> {
    let path = format!("{SERVERS}/{id}");
    let answer: Option<ServerAnswer> = client.find(Service::Compute, &path).await?;
    let server = answer.map(|answer| answer.server);
    Ok(server.filter(exists))
}

/// Every server of the account.
async fn all(client: &ReadClient) -> Result<Vec<Server>, Error> {
    let path = format!("{SERVERS}/detail");
    let mut servers = client
        .pages::<Servers, _>(Service::Compute, &path, |server| server)
        .await?;
    servers.retain(exists);
    // While servers come and go, one can stand on two pages.
    servers.sort_by(|a, b| a.id.cmp(&b.id));
    servers.dedup_by(|a, b| a.id == b.id);
    Ok(servers)
}

async fn several(client: &ReadClient, targets: &[Target<'_>]) -> Result<Vec<Server>, Error> {
    if targets.len() > SINGLY {
        let mut servers = all(client).await?;
        servers.retain(|server| targets.iter().any(|target| target.id == server.id));
        return Ok(servers);
    }
    let asked = targets.iter().map(|target| one(client, target.id));
    let found = try_join_all(asked).await?;
    Ok(found.into_iter().flatten().collect())
}

async fn observed(
    client: &ReadClient,
    servers: Vec<Server>,
    with_firewalls: bool,
) -> Result<Vec<Observed>, Error> {
    let view = View::of(client, &servers, with_firewalls).await?;
    Ok(followed(client, &view, servers))
}

/// Servers as they are seen, and of those that this client has something under way on how far it is.
fn followed(client: &ReadClient, view: &View, servers: Vec<Server>) -> Vec<Observed> {
    let statuses: Vec<String> = servers.iter().map(|one| one.status.clone()).collect();
    let mut seen = view.observed(servers);
    for (observed, status) in seen.iter_mut().zip(statuses) {
        change::follow(client, observed, &status);
    }
    seen
}

/// What is refused may be quoted by who refuses it, and files may hold secrets.
fn without_files(mut error: Error, request: &ServerRequest<'_>) -> Error {
    let server = &request.server;
    let files = server.personality.iter().map(|file| &file.contents);
    for sealed in server.user_data.iter().chain(files) {
        if !sealed.is_empty() {
            error.message = error.message.replace(sealed.as_str(), "…");
        }
    }
    error
}

fn refused(message: String) -> Error {
    Error::new(Class::Rejected, CREATE, message)
}

async fn to_create_request<'a>(
    client: &ReadClient,
    attributes: &'a Attributes,
    mark: Option<&str>,
) -> Result<ServerRequest<'a>, Error> {
    if mark.is_some_and(str::is_empty) {
        // Without its mark a server whose answer is lost could not be found again.
        return Err(refused("there is no lineage".to_owned()));
    }
    let settings = Settings::of(attributes.get(SETTINGS))?;
    let placement = placement::place(client, &settings)
        .await?
        .map_err(|troubles| {
            let told = troubles
                .iter()
                .map(|trouble| format!("{}: {}", trouble.what, trouble.hint));
            refused(told.collect::<Vec<_>>().join("; "))
        })?;
    let flavor = flavor(client, attributes).await?;
    let image = match attributes.get(IMAGE_ID).and_then(|id| id.as_str()) {
        Some(id) => id.to_owned(),
        None => catalog::image_id(client, required(attributes, IMAGE)?).await?,
    };
    let (user_data, personality) = Start::of(attributes)
        .and_then(|start| files::given(client.profile().files, start))
        .map_err(|unfit| refused(unfit.what))?;
    let is_versioned = client.is_versioned().await?;
    let firewalls = membership::wanted(attributes);
    let mut metadata = metadata(&placement, mark, attributes);
    metadata.extend(membership::metadata(
        &placement.security_groups,
        &firewalls,
    )?);
    let groups: BTreeSet<String> = firewalls
        .into_iter()
        .chain(placement.security_groups)
        .collect();
    let mark = mark.filter(|_| is_versioned);
    let tags = mark.map(|mark| format!("{TAG}{mark}")).into_iter();
    let of_people = tags::wanted(attributes).filter(|_| is_versioned);
    Ok(ServerRequest {
        server: NewServer {
            name: required(attributes, NAME)?,
            flavor,
            image,
            key_name: ssh_key::name_of(required(attributes, SSH_KEY)?),
            metadata,
            networks: placement
                .networks
                .into_iter()
                .map(|network| NetworkOf { uuid: network.id })
                .collect(),
            security_groups: groups.into_iter().map(|id| GroupOf { name: id }).collect(),
            tags: tags.chain(of_people.map(ToOwned::to_owned)).collect(),
            config_drive: true,
            user_data,
            personality,
        },
    })
}

/// The id of the flavor that is asked for.
async fn flavor(client: &ReadClient, attributes: &Attributes) -> Result<String, Error> {
    match attributes.get(SIZE_ID).and_then(|id| id.as_str()) {
        Some(id) => Ok(id.to_owned()),
        None => catalog::flavor_id(client, required(attributes, SIZE)?).await,
    }
}

/// What a later run must know of a server that it only finds.
fn metadata(
    placement: &Placement,
    mark: Option<&str>,
    attributes: &Attributes,
) -> BTreeMap<&'static str, String> {
    let no_ipv4 = attributes.get(IPV4_ADDRESS).is_some_and(Json::is_null);
    let no_ipv6 = attributes.get(IPV6_ADDRESS).is_some_and(Json::is_null);
    let pool = placement.floating_ip_from.as_ref();
    let is_reserved = attributes.get(RESERVED_IP) == Some(&Json::Bool(true));
    [
        (MARK, mark.map(ToOwned::to_owned)),
        (FLOATING, pool.map(|pool| pool.id.clone())),
        (RESERVED, is_reserved.then(|| YES.to_owned())),
        (PUBLIC, placement.public_network.clone()),
        (NO_IPV6, no_ipv6.then(|| YES.to_owned())),
        (HAS_IPV4, (!no_ipv4).then(|| YES.to_owned())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}
