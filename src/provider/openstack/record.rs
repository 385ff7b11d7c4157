//! Records: here all values that a name has of a type are one recordset. One value of it is one
//! record to us, so a recordset is read before it is written, and what others put there stays.
//!
//! A record's id is made of its recordset's and its value, as both were when it was recorded. If
//! the value is gone and the set, which this deployment made, has one other value, then ours was
//! changed: it is found by the id that it had. In a set of several nobody could tell, and ours
//! counts as gone. Nothing but such a value is ever replaced or deleted. Two values of ours in one set
//! are written one after the other.

use std::collections::{BTreeSet, HashMap};

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Desired, Observed, RecordRules};
use crate::provider::adapter::{self, Client as _, required};
use crate::provider::matching::{self, RecordKey};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target, Updated};
use crate::resource::record::{KIND, ZONE};

use super::client::{ReadClient, Service, WriteClient, query};
use super::dns::{self, ZONES};
use super::recordset::{
    Record, from_wire, known_as, parts, place_of, refuse_beside, to_wire, with_and_without,
};
use super::resolve;
use super::wire::designate::{RecordSet, RecordSetRequest, RecordSets, ValuesRequest};

pub(super) struct Adapter;

/// Designate has them all but the NS of a zone itself, which it manages, and takes any of it in the
/// form of zone files.
pub(super) const RULES: RecordRules = RecordRules {
    own_ns: false,
    ..RecordRules::ALL
};

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            if !client.has(Service::Dns).await? {
                return Ok(Listed::default());
            }
            let zones = scope.zones();
            let known = Known::of(scope);
            let asked = zones.iter().map(|zone| in_zone(client, zone, &known));
            Ok(try_join_all(asked).await?.concat().into())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        one(client, target, None).boxed()
    }

    fn look<'a>(
        &'a self,
        client: &'a ReadClient,
        targets: &'a [Target<'a>],
        mark: &'a str,
    ) -> Answer<'a, Vec<Observed>> {
        async move {
            let mut found = Vec::new();
            for some in targets.chunks(ReadClient::AT_ONCE) {
                let asked = some.iter().map(|&target| one(client, target, Some(mark)));
                found.extend(try_join_all(asked).await?.into_iter().flatten());
            }
            Ok(found)
        }
        .boxed()
    }

    /// Without `data` among the attributes, every record of that name and type is found.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let keys = RecordKey::of_each(wanted)?;
            let zones: BTreeSet<&str> = keys.iter().map(|key| key.zone).collect();
            let mut found = Vec::new();
            for zone in zones {
                found.extend(in_zone(client, zone, &Known::default()).await?);
            }
            matching::records(wanted, &found)
        }
        .boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        resolve::names(client, wanted).boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let record = Record::of(attributes)?;
            let zone = dns::known_zone_id(client.0, record.key.zone).await?;
            let _alone = client.0.set_alone(record.key).await;
            let path = format!("{ZONES}/{zone}/recordsets");
            let description = dns::description(mark);
            let body = RecordSetRequest {
                name: dns::with_dot(record.key.name),
                record_type: record.key.record_type,
                records: [to_wire(record.key.record_type, record.data)],
                ttl: record.ttl,
                description: description.as_deref(),
            };
            let made: Result<RecordSet, Error> =
                client.send(Method::POST, Service::Dns, &path, &body).await;
            match made {
                Ok(set) => record.among(&set),
                Err(error) if matches!(error.class, Class::Exists | Class::Rejected) => {
                    let there = named(client.0, &zone, record).await?;
                    match there {
                        // Of a CNAME the service says only that nothing may stand beside it.
                        Some(set) if record.among(&set).is_ok() => Err(Class::Exists.of(error)),
                        _ if error.class == Class::Rejected => Err(error),
                        // The name has values of that type already: ours comes to them.
                        Some(set) => {
                            let zone = (record.key.zone, zone.as_str());
                            rewrite(client, zone, &set.id, record, |set| {
                                refuse_beside(record, set)?;
                                Ok(None)
                            })
                            .await
                        }
                        // It was there a moment ago, and is not now.
                        None => Err(Class::Busy.of(error)),
                    }
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
        _changed: &'a [String],
        mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let record = Record::of(attributes)?;
            let zone = dns::known_zone_id(client.0, record.key.zone).await?;
            let _alone = client.0.set_alone(record.key).await;
            let (id, _) = parts(target.id);
            let zone = (record.key.zone, zone.as_str());
            let rewritten = rewrite(client, zone, id, record, |set| {
                let before = place_of(set, target, mark);
                if before.is_none() {
                    refuse_beside(record, set)?;
                }
                Ok(before.and_then(|at| set.records.get(at).cloned()))
            });
            rewritten.await.map(Updated::Done)
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
            let zone_name = required(target.attributes, ZONE)?;
            let (id, _) = parts(target.id);
            let Some(zone) = dns::zone_id(client.0, zone_name).await? else {
                return Ok(());
            };
            let _alone = client.0.set_alone(RecordKey::of(target.attributes)?).await;
            // Read anew before each try: what others put there meanwhile stays.
            let ask = || async {
                let Some(set) = set(client.0, zone_name, id).await? else {
                    return Ok(());
                };
                let leaving = place_of(&set, target, mark).and_then(|at| set.records.get(at));
                let Some(leaving) = leaving else {
                    return Ok(());
                };
                let path = format!("{ZONES}/{zone}/recordsets/{}", set.id);
                let values = with_and_without(&set, None, Some(leaving));
                if values.is_empty() {
                    return client.delete_once(Service::Dns, &path).await;
                }
                let body = ValuesRequest {
                    records: values,
                    ttl: None,
                };
                let asked = client.send_once::<RecordSet>(Method::PUT, Service::Dns, &path, &body);
                asked.await.map(drop)
            };
            client.until_clear(ask).await
        }
        .boxed()
    }
}

/// Writes a recordset anew with a record in it, in place of the value that `instead_of` tells for
/// what is there, and makes sure that the answer has what was asked for. What others put there while
/// an answer was lost stays: the set is read again before each try.
async fn rewrite(
    client: WriteClient<'_>,
    (zone_name, zone): (&str, &str),
    id: &str,
    record: Record<'_>,
    instead_of: impl Fn(&RecordSet) -> Result<Option<String>, Error>,
) -> Result<Observed, Error> {
    let ask = || async {
        let set = set(client.0, zone_name, id).await?.ok_or_else(|| {
            let message = "its recordset is gone";
            Error::new(Class::NotFound, format!("GET recordset {id}"), message)
        })?;
        let values = with_and_without(&set, Some(record.data), instead_of(&set)?.as_deref());
        let path = format!("{ZONES}/{zone}/recordsets/{id}");
        let body = ValuesRequest {
            records: values,
            ttl: record.ttl,
        };
        let asked = client.send_once(Method::PUT, Service::Dns, &path, &body);
        let set: RecordSet = asked.await?;
        record.among(&set)
    };
    client.until_clear(ask).await
}

/// What the state knows.
#[derive(Default)]
struct Known<'a> {
    /// The values of each recordset.
    values: HashMap<&'a str, Vec<&'a str>>,
    /// The lineage of the deployment.
    mark: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn of(scope: Scope<'a>) -> Self {
        let mut values: HashMap<&str, Vec<&str>> = HashMap::new();
        for recorded in scope.recorded {
            if recorded.address.kind() == KIND.name {
                let (set, value) = parts(&recorded.id);
                values.entry(set).or_default().push(value);
            }
        }
        let mark = scope.mark;
        Self { values, mark }
    }
}

/// One record, found also by what it was changed to if the deployment is known.
async fn one(
    client: &ReadClient,
    target: Target<'_>,
    mark: Option<&str>,
) -> Result<Option<Observed>, Error> {
    let zone = required(target.attributes, ZONE)?;
    let (id, value) = parts(target.id);
    let Some(set) = set(client, zone, id).await? else {
        return Ok(None);
    };
    let since = dns::changed_at(set.created_at.as_deref(), set.updated_at.as_deref());
    let found = known_as(&set, value, mark).and_then(|at| {
        let record = from_wire(zone, &set).into_iter().nth(at)?;
        let id = target.id.to_owned();
        Some(Observed { id, ..record })
    });
    let what = format!("{} {}", dns::without_dot(&set.name), set.record_type);
    let state = (set.status.as_str(), since);
    Ok(found.map(|record| dns::with_patience(client, record, &what, state)))
}

/// The recordset with that id; `None` if it is gone, alone or with its zone. Without the service
/// nobody can say that, and it is an error.
async fn set(client: &ReadClient, zone: &str, id: &str) -> Result<Option<RecordSet>, Error> {
    let Some(zone) = dns::zone_id(client, zone).await? else {
        return Ok(None);
    };
    let path = format!("{ZONES}/{zone}/recordsets/{id}");
    let found: Option<RecordSet> = client.find(Service::Dns, &path).await?;
    Ok(found.filter(|set| set.action != "DELETE"))
}

/// The recordset with a record's name and type.
async fn named(
    client: &ReadClient,
    zone: &str,
    record: Record<'_>,
) -> Result<Option<RecordSet>, Error> {
    let name = dns::with_dot(record.key.name);
    let filter = query(&[("name", &name), ("type", record.key.record_type)]);
    let path = format!("{ZONES}/{zone}/recordsets{filter}");
    let found = client
        .pages::<RecordSets, _>(Service::Dns, &path, |set| set)
        .await?;
    // The filter takes `*` for anything, and a name may begin with one.
    let is_it = |set: &RecordSet| {
        set.name.eq_ignore_ascii_case(&name)
            && set.record_type == record.key.record_type
            && set.action != "DELETE"
    };
    Ok(found.into_iter().find(is_it))
}

/// The records of a zone; none, if it is yet to be made or gone with all it held.
async fn in_zone(
    client: &ReadClient,
    zone: &str,
    known: &Known<'_>,
) -> Result<Vec<Observed>, Error> {
    for is_second in [false, true] {
        let Some(id) = dns::zone_id(client, zone).await? else {
            return Ok(Vec::new());
        };
        let path = format!("{ZONES}/{id}/recordsets");
        let kept = |set: RecordSet| as_known(from_wire(zone, &set), &set, known);
        match client
            .pages::<RecordSets, _>(Service::Dns, &path, kept)
            .await
        {
            // Another zone has the name by now, or none.
            Err(error) if error.class == Class::NotFound && !is_second => {
                client.zones().remove(zone);
            }
            Err(error) if error.class == Class::NotFound => break,
            listed => return Ok(listed?.concat()),
        }
    }
    Ok(Vec::new())
}

/// The records of a set, a changed one with the id that it had.
fn as_known(mut records: Vec<Observed>, set: &RecordSet, known: &Known<'_>) -> Vec<Observed> {
    if let Some([value]) = known.values.get(set.id.as_str()).map(Vec::as_slice)
        && let Some(record) = known_as(set, value, known.mark).and_then(|at| records.get_mut(at))
    {
        record.id = format!("{}/{value}", set.id);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::record::DATA;

    #[test]
    fn a_value_that_was_changed_is_known_by_the_id_it_had() {
        let text = include_str!("../../../fixtures/openstack/recordset_created.json");
        let mut set: RecordSet = serde_json::from_str(text).unwrap();
        let id = format!("{}/203.0.113.7", set.id);
        set.records = vec!["198.51.100.1".to_owned()];
        assert_eq!(known_as(&set, "203.0.113.7", Some("x")), Some(0));
        // Another deployment made it anew, or nobody knows which did.
        assert_eq!(known_as(&set, "203.0.113.7", Some("y")), None);
        assert_eq!(known_as(&set, "203.0.113.7", None), None);
        let (set_id, value) = parts(&id);
        let known = Known {
            values: HashMap::from([(set_id, vec![value])]),
            mark: Some("x"),
        };
        let seen = as_known(from_wire("rec.test", &set), &set, &known);
        assert_eq!(seen[0].id, id);
        assert_eq!(seen[0].text(DATA), Some("198.51.100.1"));
        // With another value beside it nobody can tell.
        set.records.push("198.51.100.2".to_owned());
        assert_eq!(known_as(&set, "203.0.113.7", Some("x")), None);
        let seen = as_known(from_wire("rec.test", &set), &set, &known);
        assert!(seen.iter().all(|record| record.id != id));
        // Nor is the only value of somebody else's set taken for ours.
        set.records.truncate(1);
        set.description = Some("by hand".to_owned());
        assert_eq!(known_as(&set, "203.0.113.7", Some("x")), None);
    }
}
