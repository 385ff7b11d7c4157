use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::try_join_all;
use reqwest::Method;

use serde_json::Value as Json;

use crate::model::{Attributes, Observed, Readiness, RecordData, RecordRules, unquoted_text};
use crate::provider::adapter::{self, required};
use crate::provider::matching::{self, RecordKey, spelled};
use crate::provider::{Answer, Class, Error, Listed, Scope, Target, Updated};
use crate::resource::record::{DATA, KIND, NAME, SEVERAL, TTL, TYPE, ZONE};

use super::client::{ReadClient, WriteClient, query};
use super::listing;
use super::wire::{Record, RecordAnswer, RecordRequest, Records};

pub(super) struct Adapter;

/// Limits of the live service that its description does not have: 30 s at the least; of a text with
/// its quotes, as zone files have it, 509 bytes, and no backslash; of a CAA record a name alone
/// (DNSControl, `providers/digitalocean/auditrecords.go`).
pub(super) const RULES: RecordRules = RecordRules {
    least_ttl: 30,
    // In two strings, each in quotes, with a space between.
    longest_text: 504,
    not_in_texts: &['\\'],
    issuer_parameters: false,
    ..RecordRules::ALL
};

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
            let mut attributes = attributes.clone();
            if !attributes.contains_key(TTL) && may_have_others(&attributes) {
                let others = ttl_of_others(client.0, &attributes).await?;
                attributes.extend(others.map(|ttl| (TTL, ttl)));
            }
            send(client, Method::POST, &path, &attributes).await
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

/// Whether there may be others of its name and type that nobody has to delete first.
fn may_have_others(attributes: &Attributes) -> bool {
    let record_type = attributes.get(TYPE).and_then(Json::as_str);
    let is_alone = matches!(record_type, Some("A" | "AAAA" | "CNAME"));
    !is_alone || attributes.get(SEVERAL) == Some(&true.into())
}

/// The TTL of the records that a new one comes to: all of one name and type have the one that was set
/// last, so without it theirs would become the service's own.
async fn ttl_of_others(client: &ReadClient, wanted: &Attributes) -> Result<Option<Json>, Error> {
    let key = RecordKey::of(wanted)?;
    let query = query(&[("name", key.name), ("type", key.record_type)]);
    let others = list_zone(client, key.zone, &query).await?;
    let ttl = others.first().and_then(|other| other.attributes.get(TTL));
    Ok(ttl.cloned())
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
    let body = request(attributes, zone)?;
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

/// A record as the API takes it: in parts, and names with a dot at the end.
fn request<'a>(attributes: &'a Attributes, zone: &str) -> Result<RecordRequest<'a>, Error> {
    let record_type = required(attributes, TYPE)?;
    let text = required(attributes, DATA)?;
    let body = RecordRequest {
        record_type,
        name: relative(required(attributes, NAME)?, zone),
        ttl: attributes.get(TTL).and_then(Json::as_u64),
        ..RecordRequest::default()
    };
    let data = RecordData::parse(record_type, text).ok_or_else(|| {
        let message = format!("`{text}` is nothing that a record of type {record_type} can say");
        Error::new(Class::Rejected, "record", message)
    })?;
    Ok(match data {
        RecordData::V4(_) | RecordData::V6(_) | RecordData::Text(_) => RecordRequest {
            data: data.to_string(),
            ..body
        },
        RecordData::Host(host) => RecordRequest {
            data: format!("{host}."),
            ..body
        },
        RecordData::Mail { preference, host } => RecordRequest {
            data: format!("{host}."),
            priority: Some(preference),
            ..body
        },
        RecordData::Service {
            priority,
            weight,
            port,
            host,
        } => RecordRequest {
            data: format!("{host}."),
            priority: Some(priority),
            weight: Some(weight),
            port: Some(port),
            ..body
        },
        RecordData::Issuer { flags, tag, value } => RecordRequest {
            data: if is_address(&tag) {
                value
            } else {
                format!("{value}.")
            },
            flags: Some(flags),
            tag: Some(tag),
            ..body
        },
    })
}

/// Whether the value of a CAA record with this tag is no name.
fn is_address(tag: &str) -> bool {
    tag == "iodef"
}

/// What a record says, of whose parts those that its type does not use are null.
fn says(zone: &str, record: &Record) -> String {
    let host = || match record.data.as_str() {
        "@" => zone.to_owned(),
        name => name.trim_end_matches('.').to_ascii_lowercase(),
    };
    let number = |part: Option<u16>| part.unwrap_or_default();
    let data = match record.record_type.as_str() {
        "A" | "AAAA" => return spelled(&record.data),
        "TXT" => return unquoted_text(&record.data),
        "CNAME" | "NS" => RecordData::Host(host()),
        "MX" => RecordData::Mail {
            preference: number(record.priority),
            host: host(),
        },
        "SRV" => RecordData::Service {
            priority: number(record.priority),
            weight: number(record.weight),
            port: number(record.port),
            host: host(),
        },
        "CAA" => {
            let tag = record.tag.clone().unwrap_or_default();
            RecordData::Issuer {
                flags: record.flags.unwrap_or_default(),
                value: if is_address(&tag) {
                    record.data.clone()
                } else {
                    host()
                },
                tag,
            }
        }
        _ => return record.data.clone(),
    };
    data.to_string()
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
    let data = says(zone, &record);
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
    use serde_json::json;

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
    fn what_a_record_says_goes_both_ways() {
        for (record_type, data, sent) in [
            ("CNAME", "acme.com", json!({"data": "acme.com."})),
            (
                "MX",
                "10 mail.acme.com",
                json!({"data": "mail.acme.com.", "priority": 10}),
            ),
            (
                "SRV",
                "1 5 5060 sip.acme.com",
                json!({"data": "sip.acme.com.", "priority": 1, "weight": 5, "port": 5060}),
            ),
            (
                "CAA",
                "0 issue \"ca.org\"",
                json!({"data": "ca.org.", "flags": 0, "tag": "issue"}),
            ),
            (
                "CAA",
                "0 iodef \"mailto:a@acme.com\"",
                json!({"data": "mailto:a@acme.com", "flags": 0, "tag": "iodef"}),
            ),
            ("TXT", "v=spf1 -all", json!({"data": "v=spf1 -all"})),
        ] {
            let attributes: Attributes =
                [(NAME, "www.acme.com"), (TYPE, record_type), (DATA, data)]
                    .into_iter()
                    .map(|(name, value)| (name, value.into()))
                    .collect();
            let mut wire = serde_json::to_value(request(&attributes, "acme.com").unwrap()).unwrap();
            for (part, value) in sent.as_object().unwrap() {
                assert_eq!(&wire[part], value, "{data}");
            }
            // As it is answered: without the dot, and the zone as `@`.
            wire["id"] = 1.into();
            let stored = wire["data"].as_str().unwrap();
            let stored = stored.strip_suffix('.').unwrap_or(stored);
            let stored = if stored == "acme.com" { "@" } else { stored };
            wire["data"] = stored.into();
            let record = from_wire("acme.com", serde_json::from_value(wire).unwrap());
            assert_eq!(record.text(DATA), Some(data));
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
