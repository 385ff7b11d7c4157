//! Firewalls, as security groups of Neutron. Servers are put into them one by one
//! (`server/membership.rs`), and what a rule means by the servers with a tag is a group, too.
//!
//! A group is made first and then gets its rules, one request each; Neutron gives a new one two that
//! let everything out, which go. Whoever finds one with other rules than it should have makes it
//! right, so a run may be cut off anywhere in between.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::model::firewall::Rule;
use crate::model::{Attributes, Desired, Observed, Readiness, Value};
use crate::provider::adapter::{self, lineage, required};
use crate::provider::matching;
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::firewall::{DEFAULT, FIREWALL, ID, INBOUND, KIND, NAME, OUTBOUND, TAGS};

use super::client::{ReadClient, Service, WriteClient};
use super::groups::{self, GROUPS};
use super::resolve;
use super::wire::neutron::{
    Group, GroupAnswer, GroupRequest, GroupRule, GroupRuleRequest, NewGroup,
};
use rules::Half;

mod rules;

pub(super) struct Adapter;

const RULES: &str = "/security-group-rules";
const CREATE: &str = "POST /security-groups";

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let is_asked_for = scope.concerns(KIND.name);
            if !scope.whole && !is_asked_for {
                return Ok(Listed::default());
            }
            match all(client).await {
                // Who may not see them has none to look after.
                Err(error) if error.status == Some(403) && !is_asked_for => Ok(Listed::default()),
                all => Ok(all?.into()),
            }
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let Some(group) = one(client, target.id).await? else {
                return Ok(None);
            };
            let mut rules = group.rules.iter();
            let around = match rules.any(|rule| rule.remote_group_id.is_some()) {
                true => groups::own_names(client).await?,
                false => Vec::new(),
            };
            Ok(Some(from_wire(&group, &around)))
        }
        .boxed()
    }

    /// Only what carries our mark was made by a request of ours: it is there from the beginning.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let mut found = all(client).await?;
            found.retain(|group| group.owners.iter().any(|owner| owner == mark));
            matching::named(wanted, &found, NAME)
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        async move {
            let needed: Vec<usize> = wanted
                .iter()
                .map(|desired| {
                    let rules = [INBOUND, OUTBOUND].map(|name| desired.attributes.get(name));
                    let lists = rules.into_iter().flatten().filter_map(|rules| match rules {
                        // However many they refer to, they are as many.
                        Value::Template(template) => template.json().as_array(),
                        known => known.known()?.as_array(),
                    });
                    let rules = lists
                        .flatten()
                        .filter_map(|rule| Rule::parse(rule.as_str()?));
                    rules.map(|rule| rules::halves(true, &rule).len()).sum()
                })
                .collect();
            resolve::firewalls(client, wanted, &needed).await
        }
        .boxed()
    }

    /// Somebody may have begun with it already: a group that speaks of it (see [`peers`]), or a
    /// request whose answer was lost.
    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let mark = lineage(mark, CREATE)?;
            let name = required(attributes, NAME)?;
            let id = begun(client, name, &tags_of(attributes), mark).await?;
            let bring = || bring(client, &id, attributes, mark, true);
            client.until_clear(bring).await
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        _changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let bring = || bring(client, target.id, attributes, mark, false);
            Ok(Updated::Done(client.until_clear(bring).await?))
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
            let path = format!("{GROUPS}/{}", target.id);
            let deleted = client.delete(Service::Network, &path).await;
            deleted.map_err(|error| match error.class {
                // "Security Group … in use."
                Class::Busy => Error {
                    advice: Some(
                        "take the servers out of it that are behind it still, or keep it in \
                         cloud.json, then run it again",
                    ),
                    ..error
                },
                _ => error,
            })
        }
        .boxed()
    }
}

async fn one(client: &ReadClient, id: &str) -> Result<Option<Group>, Error> {
    let path = format!("{GROUPS}/{id}");
    let answer: Option<GroupAnswer> = client.find(Service::Network, &path).await?;
    Ok(answer.map(|answer| answer.security_group))
}

async fn all(client: &ReadClient) -> Result<Vec<Observed>, Error> {
    let groups = groups::own(client).await?;
    let seen = groups.iter().map(|group| from_wire(group, &groups));
    Ok(seen.collect())
}

fn texts<'a>(attributes: &'a Attributes, name: &str) -> impl Iterator<Item = &'a str> {
    let list = attributes.get(name).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_str)
}

fn tags_of(attributes: &Attributes) -> BTreeSet<&str> {
    texts(attributes, TAGS).collect()
}

/// The id of our group of that name, which is made if there is none, with the rules that Neutron
/// gives it.
async fn begun(
    client: WriteClient<'_>,
    name: &str,
    tags: &BTreeSet<&str>,
    mark: &str,
) -> Result<String, Error> {
    let turn = client.0.turn_to_make_a_group().await;
    let description = described(mark, tags)?;
    let ours = || async {
        let all = groups::own_names(client.0).await?;
        let mut all = all.into_iter();
        let ours = all.find(|group| group.name == name && groups::owner(group) == Some(mark));
        Ok::<_, Error>(ours.map(|group| group.id))
    };
    if let Some(id) = ours().await? {
        return Ok(id);
    }
    let body = GroupRequest {
        security_group: NewGroup {
            name,
            description: Some(description),
        },
    };
    let made: Result<GroupAnswer, Error> = client
        .send(Method::POST, Service::Network, GROUPS, &body)
        .await;
    let id = match made {
        Ok(answer) => answer.security_group.id,
        Err(error) if error.class == Class::Ambiguous => match ours().await {
            Ok(Some(id)) => id,
            _ => return Err(error),
        },
        Err(error) => return Err(error),
    };
    drop(turn);
    Ok(id)
}

fn described(mark: &str, tags: &BTreeSet<&str>) -> Result<String, Error> {
    groups::description(mark, tags).ok_or_else(|| {
        let message = "its tags are too long for a security group: use shorter words, or fewer";
        Error::new(Class::Rejected, CREATE, message)
    })
}

/// Makes a group what it shall be: each request is for one thing that differs. One that is new has
/// nobody behind it, and what it must not let through goes first; later nothing that stays allowed
/// is cut off.
async fn bring(
    client: WriteClient<'_>,
    id: &str,
    attributes: &Attributes,
    mark: &str,
    is_new: bool,
) -> Result<Observed, Error> {
    let path = format!("{GROUPS}/{id}");
    let mut around = groups::own(client.0).await?;
    let group = around.iter().find(|group| group.id == id).cloned();
    let Some(group) = group else {
        let message = "the security group does not exist any more";
        return Err(Error::new(Class::NotFound, format!("GET {path}"), message));
    };
    let name = required(attributes, NAME)?;
    // What others say of theirs stays as it is.
    let is_ours = groups::owner(&group) == Some(mark);
    let description = match is_ours && attributes.contains_key(TAGS) {
        true => Some(described(mark, &tags_of(attributes))?),
        false => None,
    };
    let is_described = description
        .as_ref()
        .is_none_or(|text| *text == group.description);
    if group.name != name || !is_described {
        let body = GroupRequest {
            security_group: NewGroup { name, description },
        };
        let _: IgnoredAny = client
            .send_once(Method::PUT, Service::Network, &path, &body)
            .await?;
    }
    let wanted = wanted(attributes)?;
    peers(client, &wanted, &mut around, mark).await?;
    let is: Vec<(Half, &GroupRule)> = halves(&group, &around);
    let surplus = || is.iter().filter(|(half, _)| !wanted.contains(half));
    let missing = || {
        let missing = wanted.iter();
        missing.filter(|wanted| !is.iter().any(|(half, _)| half == *wanted))
    };
    let mut ways = [true, false];
    if is_new {
        ways.reverse();
    }
    for makes in ways {
        if makes {
            for half in missing() {
                make_rule(client, id, half, &around, mark).await?;
            }
        } else {
            for (_, rule) in surplus() {
                let path = format!("{RULES}/{}", rule.id);
                client.delete_once(Service::Network, &path).await?;
            }
        }
    }
    let gone = || Error::new(Class::NotFound, format!("GET {path}"), "it is gone");
    let group = one(client.0, id).await?.ok_or_else(gone)?;
    Ok(from_wire(&group, &around))
}

fn wanted(attributes: &Attributes) -> Result<BTreeSet<Half>, Error> {
    let mut wanted = BTreeSet::new();
    for (name, inbound) in [(INBOUND, true), (OUTBOUND, false)] {
        for text in texts(attributes, name) {
            let rule = Rule::parse(text).ok_or_else(|| unfit(text))?;
            wanted.extend(rules::halves(inbound, &rule));
        }
    }
    Ok(wanted)
}

fn unfit(rule: impl std::fmt::Display) -> Error {
    let message = format!("`{rule}` is no rule that a security group can have");
    Error::new(Class::Rejected, "request", message)
}

/// Makes a beginning of the groups that rules speak of and that are not there yet: those that speak
/// of each other cannot all be made before the others.
async fn peers(
    client: WriteClient<'_>,
    wanted: &BTreeSet<Half>,
    around: &mut Vec<Group>,
    mark: &str,
) -> Result<(), Error> {
    let names: BTreeSet<&str> = wanted.iter().filter_map(Half::firewall).collect();
    let is_missing = |name: &&str| groups::named(around, name, Some(mark)).is_none();
    let missing: Vec<&str> = names.into_iter().filter(is_missing).collect();
    for name in &missing {
        begun(client, name, &BTreeSet::new(), mark).await?;
    }
    if !missing.is_empty() {
        *around = groups::own(client.0).await?;
    }
    Ok(())
}

async fn make_rule(
    client: WriteClient<'_>,
    group: &str,
    half: &Half,
    around: &[Group],
    mark: &str,
) -> Result<(), Error> {
    let id_of = |name: &str| Some(groups::named(around, name, Some(mark))?.id.as_str());
    let rule = half.to_wire(group, id_of).ok_or_else(|| unfit(half))?;
    let body = GroupRuleRequest {
        security_group_rule: rule,
    };
    let made: Result<IgnoredAny, Error> = client
        .send_once(Method::POST, Service::Network, RULES, &body)
        .await;
    match made {
        // "Security group rule already exists": an earlier answer was lost.
        Err(error) if error.class == Class::Exists => Ok(()),
        made => made.map(drop),
    }
}

/// All that a group lets through, each with the rule that does it. `around` are the account's other
/// groups.
fn halves<'g>(group: &'g Group, around: &[Group]) -> Vec<(Half, &'g GroupRule)> {
    let owner = groups::owner(group);
    let peer = |id: &str| {
        let known = around.iter().find(|other| other.id == id);
        let known = known.filter(|other| {
            let name = other.name.as_str();
            let is_only = around.iter().filter(|one| one.name == name).count() == 1;
            let may_be_meant = match (owner, groups::owner(other)) {
                (Some(ours), Some(its)) => ours == its,
                _ => true,
            };
            let meant = groups::named(around, name, owner);
            let is_meant = meant.is_some_and(|meant| meant.id == id) || is_only && may_be_meant;
            is_meant && !name.contains(char::is_whitespace)
        });
        known.map_or_else(
            || format!("group:{id}"),
            |other| format!("{FIREWALL}{}", other.name),
        )
    };
    let all = group.rules.iter();
    all.map(|rule| (rules::read(rule, peer), rule)).collect()
}

fn from_wire(group: &Group, around: &[Group]) -> Observed {
    let halves = halves(group, around).into_iter();
    let halves: BTreeSet<Half> = halves.map(|(half, _)| half).collect();
    let mut attributes = Attributes::from([
        (ID.to_owned(), Json::from(group.id.as_str())),
        (NAME.to_owned(), group.name.as_str().into()),
        (INBOUND.to_owned(), rules::texts(&halves, true)),
        (OUTBOUND.to_owned(), rules::texts(&halves, false)),
    ]);
    if group.name == groups::DEFAULT {
        attributes.insert(DEFAULT.to_owned(), true.into());
    }
    if let Some(tags) = groups::tags(group) {
        attributes.insert(TAGS.to_owned(), tags.into_iter().collect());
    }
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: group.id.clone(),
        attributes,
        owners: groups::owner(group)
            .map(ToOwned::to_owned)
            .into_iter()
            .collect(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}
