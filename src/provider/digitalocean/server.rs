use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, try_join_all};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::model::{Attributes, Batch, Desired, Diagnostic, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::cloud_init::{self, Start, Unfit};
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::server::{
    BACKUP_POLICY, BACKUPS, FURTHER_KEYS, IMAGE, IPV6, KIND, MONITORING, NAME, REGION, SIZE,
    SSH_KEY, TAGS, VPC,
};

use super::client::{PER_PAGE, ReadClient, WriteClient, query};
use super::listing;
use super::wire::{
    Action, ActionAnswer, Droplet, DropletAnswer, DropletRequest, Droplets, DropletsAnswer,
    ImageSelector, Links, Names, TagRequest,
};

mod backup_policy;
mod change;
mod snapshot;
mod tags;
mod view;

pub(super) use change::settling_of_change;
pub(super) use tags::{make as make_tag, refused_for as tags_refused};
pub(super) use view::from_wire;

/// A server is a Droplet here; our mark is a tag.
pub(super) struct Adapter;

const MARK: &str = "cloudbuilder:";
pub(super) const DROPLETS: &str = "/v2/droplets";
const CREATE: &str = "POST /v2/droplets";
/// The API's limit for `user_data`.
const LONGEST_USER_DATA: usize = 64 << 10;
/// As many names as the API takes in one request.
pub(super) const BATCH: Batch = Batch {
    kind: KIND.name,
    most: 10,
    differ_by: &[NAME],
};

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let mut listed = listing::servers(client, scope).await?;
            backup_policy::of_listed(client, scope, &mut listed.found).await?;
            Ok(listed)
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let path = format!("/v2/droplets/{}", target.id);
            let answer: Option<DropletAnswer> = client.find(&path).await?;
            let mut found: Vec<Observed> = answer
                .into_iter()
                .map(|answer| from_wire(answer.droplet))
                .collect();
            backup_policy::of_seen(client, &[target], &mut found).await?;
            Ok(found.pop())
        }
        .boxed()
    }

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let marked = marked(mark);
            let by_mark = !client.is_tagless();
            let path = if by_mark { &marked } else { DROPLETS };
            let mut seen = if is_cheaper_singly(client, targets, path) {
                adapter::get_each(self, client, targets).await?
            } else {
                match list(client, path.to_owned()).await {
                    // The token may not even read tags.
                    Err(error) if by_mark && error.status == Some(403) => {
                        list(client, DROPLETS.to_owned()).await?
                    }
                    seen => seen?,
                }
            };
            if by_mark {
                let unmarked = unmarked(client, targets, &seen);
                seen.extend(if is_cheaper_singly(client, &unmarked, DROPLETS) {
                    adapter::get_each(self, client, &unmarked).await?
                } else {
                    list(client, DROPLETS.to_owned()).await?
                });
            }
            let failed = stillborn(client, targets, &seen).await?;
            seen.extend(failed);
            backup_policy::of_seen(client, targets, &mut seen).await?;
            snapshot::of_seen(client, targets, &mut seen).await?;
            change::follow(client, &mut seen).await?;
            Ok(seen)
        }
        .boxed()
    }

    /// By name alone, or all of the account, which shows every mark: the API cannot combine the
    /// filters of name and tag, and by tag a server whose tag is not visible yet would be missed.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let names: Result<BTreeSet<String>, Error> = wanted
                .iter()
                .map(|attributes| Ok(required(attributes, NAME)?.to_ascii_lowercase()))
                .collect();
            let names = names?;
            let found = if names.len() as u64 <= client.pages_of(DROPLETS) {
                let asked = names.iter().map(|name| list(client, named(name)));
                try_join_all(asked).await?.concat()
            } else {
                list(client, DROPLETS.to_owned()).await?
            };
            matching::servers(wanted, found, mark)
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        _client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        let resolved = wanted.iter().map(|desired| Resolved {
            problems: against_start(desired),
            ..Resolved::default()
        });
        future::ok(resolved.collect()).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let name = required(attributes, NAME)?;
            let request = to_create_request(Names::One(name), attributes, mark)?;
            let answer: DropletAnswer = post(&client, request).await?;
            if !answer.droplet.name.eq_ignore_ascii_case(name) {
                // Recorded as ours, it would be deleted as ours.
                return Err(unclear(&format!("is about {}", answer.droplet.name)));
            }
            born(
                client.0,
                std::slice::from_ref(&answer.droplet),
                &answer.links,
            );
            Ok(from_wire(answer.droplet))
        }
        .boxed()
    }

    fn create_many<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a [&'a Attributes],
        mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        async move {
            let first = batch(attributes)?;
            let names: Result<Vec<&str>, Error> = attributes
                .iter()
                .map(|attributes| required(attributes, NAME))
                .collect();
            let names = names?;
            let request = to_create_request(Names::Many(names.clone()), first, mark)?;
            let answer: DropletsAnswer = post(&client, request).await?;
            born(client.0, &answer.droplets, &answer.links);
            Ok(by_name(&names, answer.droplets))
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
            match changed {
                [name] if name == TAGS => tags::change(client, target.id, attributes).await,
                _ => change::change(client, target, attributes, changed).await,
            }
        }
        .boxed()
    }

    fn mark<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            if client.0.is_tagless() {
                return Ok(());
            }
            let tag = mark_tag(mark);
            // Making a tag that exists is harmless; tagging with one that does not is refused.
            let request = TagRequest { name: &tag };
            match client.ensure("/v2/tags", &request).await {
                Err(error) if refuses_tags(&error) => {
                    client.0.be_tagless();
                    return Ok(());
                }
                made => made?,
            }
            tags::put_on(client, &tag, target.id).await
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let path = format!("/v2/droplets/{}", target.id);
            client.delete(&path).await
        }
        .boxed()
    }
}

/// Sends a create; a token that may not create tags is known from then on.
async fn post<T: DeserializeOwned>(
    client: &WriteClient<'_>,
    request: DropletRequest<'_>,
) -> Result<T, Error> {
    match client.send(Method::POST, DROPLETS, &request).await {
        // Without the mark it would be refused for these all the same.
        Err(error) if tags::are_asked_for(&request.tags) => Err(tags::refused(error)),
        Err(error) if !request.tags.is_empty() && refuses_tags(&error) => {
            tracing::debug!("{error}; going on without tags");
            client.0.be_tagless();
            Err(Class::Unmarkable.of(error))
        }
        made => made,
    }
}

/// Whether a token with custom scopes is refused for want of the one for tags; the description
/// names it, and so does the live service: "You are missing the required permission tag:create."
pub(super) fn refuses_tags(error: &Error) -> bool {
    error.status == Some(403) && error.message.contains("tag:create")
}

/// Whether asking for each takes no more requests than listing the collection at `path`.
fn is_cheaper_singly(client: &ReadClient, targets: &[Target<'_>], path: &str) -> bool {
    // What is looked for may be new since it was listed, and there are no fewer pages than it
    // takes to hold that.
    let asked = targets.len() as u64;
    asked <= client.pages_of(path).max(asked.div_ceil(PER_PAGE))
}

/// Those of `targets` that a listing by mark should have shown and did not: what was created a
/// moment ago may come later, but what an earlier run made may have no mark at all.
fn unmarked<'a>(client: &ReadClient, targets: &[Target<'a>], seen: &[Observed]) -> Vec<Target<'a>> {
    let seen: HashSet<&str> = seen.iter().map(|observed| observed.id.as_str()).collect();
    let births = client.births();
    let missed = targets.iter().copied();
    missed
        .filter(|target| !seen.contains(target.id) && !births.expects(target.id))
        .collect()
}

/// Takes note of the actions that bring these up, which the answer has in the same order.
fn born(client: &ReadClient, droplets: &[Droplet], links: &Links) {
    if droplets.len() != links.actions.len() {
        return;
    }
    let (mut births, now) = (client.births(), Instant::now());
    for (droplet, action) in droplets.iter().zip(&links.actions) {
        births.began(droplet.id, action.id, now);
    }
}

/// Those of `targets` that are in no list any more because their creation failed.
async fn stillborn(
    client: &ReadClient,
    targets: &[Target<'_>],
    seen: &[Observed],
) -> Result<Vec<Observed>, Error> {
    let questions: Vec<(&str, u64)> = {
        let (mut births, now) = (client.births(), Instant::now());
        for observed in seen {
            births.seen(&observed.id, observed.readiness == Readiness::Ready, now);
        }
        let seen: HashSet<&str> = seen.iter().map(|observed| observed.id.as_str()).collect();
        let missed = targets.iter().filter(|target| !seen.contains(target.id));
        missed
            .filter_map(|target| Some((target.id, births.missed(target.id, now)?)))
            .collect()
    };
    let mut failed = Vec::new();
    for (id, action) in questions {
        let path = format!("/v2/actions/{action}");
        let answer: Option<ActionAnswer> = client.find(&path).await?;
        if answer.is_some_and(|answer| is_failure(&answer.action, id)) {
            failed.push(Observed {
                kind: KIND.name,
                account: Arc::default(),
                id: id.to_owned(),
                attributes: Attributes::new(),
                owners: Vec::new(),
                readiness: Readiness::Failed(format!("its creation failed (action {action})")),
                monthly: None,
                created: None,
            });
        }
    }
    Ok(failed)
}

/// Whether this action was to make that Droplet, and did not.
fn is_failure(action: &Action, droplet: &str) -> bool {
    let its = |id: u64| id.to_string() == droplet;
    action.status == "errored" && action.resource_id.is_none_or(its)
}

pub(super) fn mark_tag(mark: &str) -> String {
    format!("{MARK}{mark}")
}

/// The mark that a tag is, if it is one.
pub(super) fn mark_of(tag: &str) -> Option<String> {
    tag.strip_prefix(MARK).map(ToOwned::to_owned)
}

/// Where the servers with a mark are listed.
pub(super) fn marked(mark: &str) -> String {
    format!("{DROPLETS}{}", query(&[("tag_name", &mark_tag(mark))]))
}

/// Where the servers of a name are listed, whatever their case and whoever's mark is on them.
pub(super) fn named(name: &str) -> String {
    format!("{DROPLETS}{}", query(&[("name", name)]))
}

/// The servers listed at `path`.
pub(super) async fn list(client: &ReadClient, path: String) -> Result<Vec<Observed>, Error> {
    let first = client.first_page(&path).await?;
    list_on(client, &path, first).await
}

/// As [`list`], with the first page there already.
pub(super) async fn list_on(
    client: &ReadClient,
    path: &str,
    first: Droplets,
) -> Result<Vec<Observed>, Error> {
    let kept = |droplet: Droplet| (droplet.id, from_wire(droplet));
    let mut servers = client.further_pages(path, first, kept).await?;
    // Pages are cut by number: while the collection changes, one can stand on two of them.
    servers.sort_by_key(|&(id, _)| id);
    servers.dedup_by_key(|&mut (id, _)| id);
    Ok(servers.into_iter().map(|(_, server)| server).collect())
}

/// The first of several that go into one request.
fn batch<'a>(attributes: &[&'a Attributes]) -> Result<&'a Attributes, Error> {
    let refused = |message: &str| Error::new(Class::Rejected, CREATE, message);
    let (first, rest) = attributes
        .split_first()
        .ok_or_else(|| refused("there is nothing to create"))?;
    if attributes.len() > BATCH.most {
        return Err(refused("these are too many for one request"));
    }
    let mut names = HashSet::new();
    for attributes in attributes {
        // The API would make two of one name, and its answer could not tell which is which.
        if !names.insert(required(attributes, NAME)?.to_ascii_lowercase()) {
            return Err(refused("two of them have the same name"));
        }
    }
    if !rest.iter().all(|other| BATCH.takes(first, other)) {
        return Err(refused("they differ in more than their names"));
    }
    Ok(first)
}

/// Who is who in the answer to several names: nothing says that it keeps their order.
fn by_name(names: &[&str], droplets: Vec<Droplet>) -> Vec<Result<Observed, Error>> {
    let mut made: HashMap<String, Vec<Droplet>> = HashMap::with_capacity(names.len());
    for droplet in droplets {
        let name = droplet.name.to_ascii_lowercase();
        made.entry(name).or_default().push(droplet);
    }
    let of_name = |name: &&str| {
        let mut found = made.remove(&name.to_ascii_lowercase()).unwrap_or_default();
        match (found.pop(), found.len()) {
            (Some(droplet), 0) => Ok(from_wire(droplet)),
            (Some(_), more) => Err(unclear(&format!("has {name} {} times", more + 1))),
            (None, _) => Err(unclear(&format!("does not have {name}"))),
        }
    };
    names.iter().map(of_name).collect()
}

fn unclear(what: &str) -> Error {
    let message = format!("the request was accepted, but its answer {what}");
    Error::new(Class::Ambiguous, CREATE, message)
}

/// Private networking needs no asking: every Droplet joins a VPC, if it names none the default one of
/// its region.
pub(super) fn to_create_request<'a>(
    names: Names<'a>,
    attributes: &'a Attributes,
    mark: Option<&str>,
) -> Result<DropletRequest<'a>, Error> {
    let flag = |name: &str| {
        attributes
            .get(name)
            .and_then(Json::as_bool)
            .unwrap_or(false)
    };
    let image = required(attributes, IMAGE)?;
    if mark.is_some_and(str::is_empty) {
        // Without its mark a server whose answer is lost could not be found again.
        return Err(Error::new(Class::Rejected, CREATE, "there is no lineage"));
    }
    Ok(DropletRequest {
        names,
        region: required(attributes, REGION)?,
        size: required(attributes, SIZE)?,
        image: ImageSelector::of(image),
        ssh_keys: [required(attributes, SSH_KEY)?]
            .into_iter()
            .chain(texts(attributes, FURTHER_KEYS))
            .collect(),
        backups: flag(BACKUPS),
        backup_policy: attributes.get(BACKUP_POLICY).filter(|_| flag(BACKUPS)),
        ipv6: flag(IPV6),
        monitoring: flag(MONITORING),
        tags: mark
            .map(mark_tag)
            .into_iter()
            .chain(tags::wanted(attributes))
            .collect(),
        user_data: Start::of(attributes)
            .and_then(|start| user_data(&start))
            .map_err(|unfit| Error::new(Class::Rejected, CREATE, unfit.what))?,
        vpc_uuid: attributes.get(VPC).and_then(Json::as_str),
    })
}

/// The texts of a list.
fn texts<'a>(attributes: &'a Attributes, name: &str) -> impl Iterator<Item = &'a str> {
    let list = attributes.get(name).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_str)
}

/// What the API is given as `user_data`.
///
/// # Errors
/// That there is too much of it, or that it cannot be put together.
fn user_data(start: &Start) -> Result<Option<String>, Unfit> {
    let text = start.text()?;
    match text.as_ref().map(String::len) {
        Some(bytes) if bytes > LONGEST_USER_DATA => {
            Err(Unfit::too_long(start, bytes, LONGEST_USER_DATA))
        }
        _ => Ok(text),
    }
}

/// What stands against what a server is to start with.
fn against_start(desired: &Desired) -> Vec<Diagnostic> {
    let start = Start::wanted(desired);
    let Err(unfit) = start.and_then(|start| user_data(&start)) else {
        return Vec::new();
    };
    let name = desired.address.name();
    let mut error = Diagnostic::error(format!("server {name}: {}", unfit.what));
    if !unfit.hint.is_empty() {
        error = error.hint(unfit.hint);
    }
    vec![error.at(cloud_init::place_of_start(desired))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_errored_action_fails_a_server() {
        for (status, resource, fails) in [
            ("errored", Some(7), true),
            ("errored", None, true),
            ("errored", Some(8), false),
            ("in-progress", Some(7), false),
            ("completed", Some(7), false),
        ] {
            let action = Action {
                id: 70,
                status: status.to_owned(),
                resource_id: resource,
            };
            assert_eq!(is_failure(&action, "7"), fails, "{action:?}");
        }
    }

    #[test]
    fn the_action_of_a_create_is_remembered() {
        let login = super::super::Login {
            url: "http://127.0.0.1:1".to_owned(),
            token: crate::model::Secret::new("invented".to_owned()),
        };
        let client = ReadClient::new(login, crate::provider::Manner::default()).unwrap();
        let answer = r#"{
            "droplets": [
                {"id": 1, "name": "a", "status": "new", "region": {"slug": "r"}, "size_slug": "s"},
                {"id": 2, "name": "b", "status": "new", "region": {"slug": "r"}, "size_slug": "s"}
            ],
            "links": {"actions": [
                {"id": 10, "rel": "create", "href": "x"}, {"id": 20, "rel": "create", "href": "x"}
            ]}
        }"#;
        let answer: DropletsAnswer = serde_json::from_str(answer).unwrap();
        born(&client, &answer.droplets, &answer.links);
        let later = Instant::now() + super::super::births::UNSEEN;
        assert_eq!(client.births().missed("2", later), Some(20));
        assert_eq!(client.births().missed("1", later), Some(10));
    }
}
