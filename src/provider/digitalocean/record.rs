use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use crate::model::{Attributes, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::matching::{self, RecordKey, spelled};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::record::{DATA, KIND, NAME, TTL, TYPE, ZONE};

use super::client::{ReadClient, WriteClient, query};
use super::listing;
use super::wire::{Record, RecordAnswer, RecordRequest, Records};

pub(super) struct Adapter;

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        listing::records(client, scope).boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        async move {
            let zone = required(target.attributes, ZONE)?;
            let answer: Option<RecordAnswer> = client.find(&path(zone, target.id)).await?;
            Ok(answer.map(|answer| from_wire(zone, answer.domain_record)))
        }
        .boxed()
    }

    /// Copies of one record are all found. Without `data` among the attributes, so is every
    /// record of that name and type.
    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        async move {
            let mut zones: BTreeMap<&str, BTreeSet<RecordKey<'_>>> = BTreeMap::new();
            for key in RecordKey::of_each(wanted)? {
                zones.entry(key.zone).or_default().insert(key);
            }
            let asked = zones.iter().map(|(zone, keys)| in_zone(client, zone, keys));
            let found = try_join_all(asked).await?.concat();
            matching::records(wanted, &found)
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let path = collection(required(attributes, ZONE)?);
            send(client, Method::POST, &path, attributes).await
        }
        .boxed()
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
            let path = path(required(target.attributes, ZONE)?, target.id);
            let sent = send(client, Method::PUT, &path, attributes).await;
            sent.map(Updated::Done)
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
            let path = path(required(target.attributes, ZONE)?, target.id);
            client.delete(&path).await
        }
        .boxed()
    }
}

/// The records of a zone that have one of these names and types, and others where listing them
/// all takes fewer requests.
async fn in_zone(
    client: &ReadClient,
    zone: &str,
    keys: &BTreeSet<RecordKey<'_>>,
) -> Result<Vec<Observed>, Error> {
    if keys.len() as u64 > client.pages_of(&collection(zone)) {
        return list_zone(client, zone, "").await;
    }
    let asked = keys.iter().map(|key| async move {
        // The filter wants the whole name: a relative one finds nothing.
        let query = query(&[("name", key.name), ("type", key.record_type)]);
        list_zone(client, zone, &query).await
    });
    Ok(try_join_all(asked).await?.concat())
}

pub(super) fn collection(zone: &str) -> String {
    format!("/v2/domains/{zone}/records")
}

fn path(zone: &str, id: &str) -> String {
    format!("{}/{id}", collection(zone))
}

/// The records of a zone that `query` lets through; all of them, if it is empty.
async fn list_zone(client: &ReadClient, zone: &str, query: &str) -> Result<Vec<Observed>, Error> {
    let path = format!("{}{query}", collection(zone));
    let kept = |record| from_wire(zone, record);
    match client.pages::<Records, _>(&path, kept).await {
        // A zone that is yet to be made, or that is gone with all it held.
        Err(error) if error.class == Class::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// The records of a name, whatever their type. The filter wants the whole name: a relative one
/// finds nothing.
pub(super) async fn list_named(
    client: &ReadClient,
    zone: &str,
    name: &str,
) -> Result<Vec<Observed>, Error> {
    list_zone(client, zone, &query(&[("name", name)])).await
}

/// Sends a record and makes sure that the answer says what was asked for.
async fn send(
    client: WriteClient<'_>,
    method: Method,
    path: &str,
    attributes: &Attributes,
) -> Result<Observed, Error> {
    let zone = required(attributes, ZONE)?;
    let (name, data) = (required(attributes, NAME)?, required(attributes, DATA)?);
    let body = RecordRequest {
        record_type: required(attributes, TYPE)?,
        name: relative(name, zone),
        data,
    };
    let what = format!("{method} {path}");
    let answer: RecordAnswer = client.send(method, path, &body).await?;
    let made = from_wire(zone, answer.domain_record);
    if made.text(NAME) != Some(name) || made.text(DATA) != Some(data) {
        let message = format!(
            "asked for {name} → {data}, got {} → {}",
            made.text(NAME).unwrap_or_default(),
            made.text(DATA).unwrap_or_default()
        );
        return Err(Error::new(Class::Ambiguous, what, message));
    }
    Ok(made)
}

/// The API wants names relative to the zone: with a whole name, it appends the zone once more.
fn relative<'a>(name: &'a str, zone: &str) -> &'a str {
    match name.strip_suffix(zone) {
        Some("") => "@",
        Some(relative) => relative.strip_suffix('.').unwrap_or(name),
        None => name,
    }
}

fn absolute(name: &str, zone: &str) -> String {
    match name {
        "@" | "" => zone.to_owned(),
        relative => format!("{relative}.{zone}").to_ascii_lowercase(),
    }
}

pub(super) fn from_wire(zone: &str, record: Record) -> Observed {
    let data = match record.record_type.as_str() {
        "A" | "AAAA" => spelled(&record.data),
        "CNAME" if record.data == "@" => zone.to_owned(),
        _ => record.data,
    };
    let mut attributes = Attributes::from([
        (ZONE, zone.into()),
        (NAME, absolute(&record.name, zone).into()),
        (TYPE, record.record_type.into()),
        (DATA, data.into()),
    ]);
    attributes.extend(record.ttl.map(|ttl| (TTL, ttl.into())));
    Observed {
        kind: KIND.name,
        account: Arc::default(),
        id: record.id.to_string(),
        attributes,
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, sent) in [
            ("acme.com", "@"),
            ("www.acme.com", "www"),
            ("*.acme.com", "*"),
            ("a.b.acme.com", "a.b"),
            ("acme.com.acme.com", "acme.com"),
        ] {
            assert_eq!(relative(name, "acme.com"), sent);
            assert_eq!(absolute(sent, "acme.com"), name);
        }
    }

    #[test]
    fn addresses_are_compared_in_one_spelling() {
        let wire = r#"{"id": 1, "type": "AAAA", "name": "WWW", "data": "2001:DB8:0:0::1"}"#;
        let record = from_wire("acme.com", serde_json::from_str(wire).unwrap());
        assert_eq!(record.text(DATA), Some("2001:db8::1"));
        assert_eq!(record.text(NAME), Some("www.acme.com"));
    }
}
