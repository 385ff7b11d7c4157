use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde_json::Value as Json;

use crate::model::{
    Attributes, Batch, Observed, Readiness, RecordData, RecordRules, unquoted_text,
};
use crate::provider::adapter::{self, required};
use crate::provider::matching::{self, RecordKey, spelled};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::record::{DATA, KIND, NAME, TTL, TYPE, ZONE};

use super::client::{ReadClient, WriteClient};
use super::instant;
use super::mark::{comment, owners};
use super::wire::{Record, RecordChange, RecordRequest, Records, RecordsRequest};

pub(super) struct Adapter;

/// Cloud DNS (`general-api-info/supported-record-types.rst`): no CAA; quotes and backslashes do not
/// survive in a text.
pub(super) const RULES: RecordRules = RecordRules {
    types: &["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"],
    least_ttl: SECONDS,
    // Those are the service's; whether they could be others nothing says.
    own_ns: false,
    not_in_texts: &['"', '\\'],
    ..RecordRules::ALL
};

/// As many as Cloud DNS takes in one request; all of them are made, or none.
pub(super) const BATCH: Batch = Batch {
    kind: KIND.name,
    most: 100,
    differ_by: &[NAME, TYPE, DATA],
};

/// The shortest that is allowed, in seconds, so that a change is soon seen everywhere.
const SECONDS: u64 = 300;
/// How many zones are listed at the same time.
const AT_ONCE: usize = 4;
/// Singly, up to so many in a zone; more of them take fewer requests in a list.
const SINGLY: usize = 2;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move { Ok(in_zones(client, scope.zones()).await?.into()) }.boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let zone = required(target.attributes, ZONE)?;
            let Some(id) = client.zone_id(zone).await? else {
                return Ok(None);
            };
            let record: Option<Record> = client.find(&path(&id, target.id)).await?;
            Ok(record.map(|record| from_wire(zone, record)))
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
            let mut zones: BTreeMap<&str, Vec<Target<'_>>> = BTreeMap::new();
            for &target in targets {
                let zone = required(target.attributes, ZONE)?;
                zones.entry(zone).or_default().push(target);
            }
            let (few, many): (Vec<_>, Vec<_>) = zones
                .into_iter()
                .partition(|(_, targets)| targets.len() <= SINGLY);
            let few: Vec<Target<'_>> = few.into_iter().flat_map(|(_, targets)| targets).collect();
            let mut seen = adapter::get_each(self, client, &few).await?;
            let many = many.into_iter().map(|(zone, _)| zone).collect();
            seen.extend(in_zones(client, many).await?);
            Ok(seen)
        }
        .boxed()
    }

    /// Without `data` among the attributes, every record of that name and type.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let keys = RecordKey::of_each(wanted)?;
            let zones: BTreeSet<&str> = keys.iter().map(|key| key.zone).collect();
            // The search by name misses those with an underscore, and has a limit of its own.
            let found = in_zones(client, zones).await?;
            let found = found.iter().filter(|record| record.may_be_of(mark));
            matching::records(wanted, found)
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
            let mut made = create(client, &[attributes], mark).await?;
            made.pop().unwrap_or_else(|| Err(unclear(attributes)))
        }
        .boxed()
    }

    fn create_many<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a [&'a Attributes],
        mark: Option<&'a str>,
    ) -> Answer<'a, Vec<Result<Observed, Error>>> {
        create(client, attributes, mark).boxed()
    }

    fn update<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        attributes: &'a Attributes,
        _changed: &'a [String],
        _mark: &'a str,
    ) -> Answer<'a, Updated> {
        async move {
            let zone = required(target.attributes, ZONE)?;
            let id = id_of(client.0, zone).await?;
            let (name, data) = (required(attributes, NAME)?, required(attributes, DATA)?);
            let (sent, priority) = parts(required(attributes, TYPE)?, data)?;
            let change = RecordChange {
                name,
                data: sent,
                priority,
                ttl: attributes.get(TTL).and_then(Json::as_u64),
            };
            let path = path(&id, target.id);
            client.send(Method::PUT, &path, &change).await?;
            // What the job says of a change differs; the record itself says what it is now.
            let what = format!("PUT /{path}");
            match self.get(client.0, target).await? {
                Some(now)
                    if now.text(DATA)
                        == Some(&RecordData::spelled(required(attributes, TYPE)?, data)) =>
                {
                    Ok(Updated::Done(now))
                }
                Some(now) => {
                    let is = now.text(DATA).unwrap_or_default();
                    let message = format!("asked for {name} → {data}, got {name} → {is}");
                    Err(Error::new(Class::Ambiguous, what, message))
                }
                None => {
                    let message = format!("{name} was deleted meanwhile");
                    Err(Error::new(Class::NotFound, what, message))
                }
            }
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
            match client.0.zone_id(required(target.attributes, ZONE)?).await? {
                Some(zone) => client.delete_record(&zone, target.id).await,
                // Gone with all it held.
                None => Ok(()),
            }
        }
        .boxed()
    }
}

/// Everything in these zones.
async fn in_zones(client: &ReadClient, zones: BTreeSet<&str>) -> Result<Vec<Observed>, Error> {
    let lists: Vec<_> = zones
        .into_iter()
        .map(|zone| in_zone(client, zone))
        .collect();
    stream::iter(lists).buffered(AT_ONCE).try_concat().await
}

async fn in_zone(client: &ReadClient, zone: &str) -> Result<Vec<Observed>, Error> {
    // A zone that is yet to be made, or that is gone with all it held.
    let Some(id) = client.zone_id(zone).await? else {
        return Ok(Vec::new());
    };
    match client.pages::<Records>(&collection(&id)).await {
        Err(error) if error.class == Class::NotFound => {
            client.forget(&id);
            Ok(Vec::new())
        }
        listed => {
            let listed = listed?.into_iter();
            Ok(listed.map(|record| from_wire(zone, record)).collect())
        }
    }
}

async fn id_of(client: &ReadClient, zone: &str) -> Result<String, Error> {
    client.zone_id(zone).await?.ok_or_else(|| {
        let message = format!("the account has no zone {zone}");
        Error::new(Class::NotFound, "GET /domains", message)
    })
}

/// Makes records of one zone with one request.
async fn create(
    client: WriteClient<'_>,
    wanted: &[&Attributes],
    mark: Option<&str>,
) -> Result<Vec<Result<Observed, Error>>, Error> {
    let zones: BTreeSet<&str> = wanted
        .iter()
        .map(|attributes| required(attributes, ZONE))
        .collect::<Result<_, Error>>()?;
    let mut zones = zones.into_iter();
    let (Some(zone), None) = (zones.next(), zones.next()) else {
        let message = "they are not in one zone";
        return Err(Error::new(
            Class::Rejected,
            "POST /domains/records",
            message,
        ));
    };
    let records: Vec<RecordRequest<'_>> = wanted
        .iter()
        .map(|attributes| to_wire(attributes, mark))
        .collect::<Result<_, Error>>()?;
    let id = id_of(client.0, zone).await?;
    let body = RecordsRequest { records };
    let made = client.send(Method::POST, &collection(&id), &body).await?;
    Ok(made_of(zone, wanted, made))
}

fn to_wire<'a>(attributes: &'a Attributes, mark: Option<&str>) -> Result<RecordRequest<'a>, Error> {
    let record_type = required(attributes, TYPE)?;
    let (data, priority) = parts(record_type, required(attributes, DATA)?)?;
    let ttl = attributes.get(TTL).and_then(Json::as_u64);
    Ok(RecordRequest {
        name: required(attributes, NAME)?,
        record_type,
        data,
        priority,
        ttl: ttl.unwrap_or(SECONDS),
        comment: mark.map(comment),
    })
}

/// What a record says as the API takes it: the priority stands by itself
/// (`general-api-info/supported-record-types.rst`).
fn parts(record_type: &str, text: &str) -> Result<(String, Option<u16>), Error> {
    let data = RecordData::parse(record_type, text).ok_or_else(|| {
        let message = format!("`{text}` is nothing that a record of type {record_type} can say");
        Error::new(Class::Rejected, "record", message)
    })?;
    Ok(match data {
        RecordData::Mail { preference, host } => (host, Some(preference)),
        RecordData::Service {
            priority,
            weight,
            port,
            host,
        } => (format!("{weight} {port} {host}"), Some(priority)),
        data => (data.to_string(), None),
    })
}

/// The same the other way.
fn says(record: &Record) -> String {
    let record_type = record.record_type.as_str();
    match (record_type, record.priority) {
        ("MX" | "SRV", Some(priority)) => {
            RecordData::spelled(record_type, &format!("{priority} {}", record.data))
        }
        ("TXT", _) => unquoted_text(&record.data),
        ("A" | "AAAA", _) => spelled(&record.data),
        _ => RecordData::spelled(record_type, &record.data),
    }
}

/// What the job says was made, for each of `wanted`: ids are told nowhere else.
fn made_of(zone: &str, wanted: &[&Attributes], made: Json) -> Vec<Result<Observed, Error>> {
    let made = serde_json::from_value::<Records>(made).map(|made| made.records);
    let made = made.unwrap_or_default().into_iter();
    let mut by_what: HashMap<_, Vec<Observed>> = HashMap::new();
    for record in made.map(|record| from_wire(zone, record)) {
        by_what
            .entry(what(&record.attributes))
            .or_default()
            .push(record);
    }
    let of = |attributes: &&Attributes| {
        let same = by_what.remove(&what(attributes)).unwrap_or_default();
        match <[Observed; 1]>::try_from(same) {
            Ok([one]) => Ok(one),
            Err(_) => Err(unclear(attributes)),
        }
    };
    wanted.iter().map(of).collect()
}

/// Name, type and data, in one spelling.
fn what(attributes: &Attributes) -> [String; 3] {
    let text = |name| {
        attributes
            .get(name)
            .and_then(Json::as_str)
            .unwrap_or_default()
    };
    [
        text(NAME).to_owned(),
        text(TYPE).to_owned(),
        RecordData::spelled(text(TYPE), text(DATA)),
    ]
}

fn unclear(attributes: &Attributes) -> Error {
    let [name, record_type, data] = what(attributes);
    let message = format!("it was carried out, and the answer lacks {name} {record_type} → {data}");
    Error::new(Class::Ambiguous, "POST /domains/records", message)
}

fn collection(zone: &str) -> String {
    format!("domains/{zone}/records")
}

fn path(zone: &str, id: &str) -> String {
    format!("{}/{id}", collection(zone))
}

fn from_wire(zone: &str, record: Record) -> Observed {
    let name = record.name.trim_end_matches('.').to_ascii_lowercase();
    let data = says(&record);
    let mut attributes = Attributes::from([
        (ZONE, zone.into()),
        (NAME, name.into()),
        (TYPE, record.record_type.into()),
        (DATA, data.into()),
    ]);
    attributes.extend(record.ttl.map(|ttl| (TTL, ttl.into())));
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: record.id,
        attributes,
        owners: owners(record.comment.as_deref()),
        readiness: Readiness::Ready,
        monthly: None,
        created: instant(record.created.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(name: &str, record_type: &str, data: &str) -> Attributes {
        [
            (ZONE, "acme.com"),
            (NAME, name),
            (TYPE, record_type),
            (DATA, data),
        ]
        .into_iter()
        .map(|(attribute, value)| (attribute, Json::from(value)))
        .collect()
    }

    #[test]
    fn a_record_is_compared_in_one_spelling() {
        let wire = json!({"id": "AAAA-7", "type": "AAAA", "name": "WWW.acme.com",
            "data": "2001:0DB8:0000::0001", "ttl": 300, "comment": "cloudbuilder:5d2e",
            "created": "2011-05-18T19:53:09.000+0000"});
        let record = from_wire("acme.com", serde_json::from_value(wire).unwrap());
        let mut attributes = wanted("www.acme.com", "AAAA", "2001:db8::1");
        attributes.insert(TTL, 300.into());
        assert_eq!(record.attributes, attributes);
        assert_eq!(record.owners, ["5d2e"]);
        assert_eq!(record.created.unwrap().to_string(), "2011-05-18T19:53:09Z");
    }

    #[test]
    fn what_a_record_says_goes_both_ways() {
        for (record_type, data, sent, priority) in [
            ("CNAME", "acme.com", "acme.com", None),
            ("MX", "10 mail.acme.com", "mail.acme.com", Some(10)),
            (
                "SRV",
                "1 5 5060 sip.acme.com",
                "5 5060 sip.acme.com",
                Some(1),
            ),
            ("TXT", "v=spf1 -all", "v=spf1 -all", None),
        ] {
            let attributes = wanted("www.acme.com", record_type, data);
            let request = to_wire(&attributes, None).unwrap();
            assert_eq!((request.data.as_str(), request.priority), (sent, priority));
            assert_eq!(request.ttl, 300);
            let wire = json!({"id": "X-1", "type": record_type, "name": "www.acme.com",
                "data": sent, "priority": priority});
            let record = from_wire("acme.com", serde_json::from_value(wire).unwrap());
            assert_eq!(record.text(DATA), Some(data));
        }
    }

    #[test]
    fn what_was_made_is_told_apart_by_all_that_differs() {
        let record = |id: &str, name: &str, data: &str| {
            let record_type = id.split('-').next().unwrap();
            json!({"id": id, "type": record_type, "name": name, "data": data})
        };
        let made = json!({"records": [
            record("AAAA-2", "www.acme.com", "2001:0db8:0:0::1"),
            record("A-1", "www.acme.com", "203.0.113.1"),
            record("A-3", "twice.acme.com", "203.0.113.1"),
            record("A-4", "twice.acme.com", "203.0.113.1"),
        ]});
        let all = [
            wanted("www.acme.com", "A", "203.0.113.1"),
            wanted("www.acme.com", "AAAA", "2001:db8::1"),
            wanted("twice.acme.com", "A", "203.0.113.1"),
            wanted("missing.acme.com", "A", "203.0.113.1"),
        ];
        let all: Vec<&Attributes> = all.iter().collect();
        let ids = made_of("acme.com", &all, made).into_iter().map(|made| {
            let made = made.map(|record| record.id);
            made.map_err(|error| error.class)
        });
        let lost = || Err(Class::Ambiguous);
        let expected = [
            Ok("A-1".to_owned()),
            Ok("AAAA-2".to_owned()),
            lost(),
            lost(),
        ];
        assert_eq!(ids.collect::<Vec<_>>(), expected);
        // Nothing at all is no proof of anything.
        let none = made_of("acme.com", &all, Json::Null);
        assert!(none.iter().all(Result::is_err) && none.len() == 4);
    }
}
