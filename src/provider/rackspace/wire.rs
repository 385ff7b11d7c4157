//! The APIs' JSON, exactly as it is: only what is read or sent. Unknown properties are ignored and
//! enumerations are read as text.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

/// What Identity answers to a login.
#[derive(Deserialize)]
pub(super) struct AccessAnswer {
    pub(super) access: Access,
}

#[derive(Deserialize)]
pub(super) struct Access {
    pub(super) token: Token,
    pub(super) user: Option<User>,
    #[serde(rename = "serviceCatalog", default)]
    pub(super) services: Vec<Service>,
}

#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) expires: Option<String>,
    pub(super) tenant: Option<Tenant>,
}

#[derive(Deserialize)]
pub(super) struct Tenant {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct User {
    #[serde(rename = "RAX-AUTH:defaultRegion")]
    pub(super) default_region: Option<String>,
}

/// One of the services of the catalog.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Service {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Endpoint {
    pub(super) region: Option<String>,
    #[serde(
        rename = "tenantId",
        default,
        deserialize_with = "maybe_text_or_number"
    )]
    pub(super) tenant: Option<String>,
    #[serde(rename = "publicURL")]
    pub(super) public_url: Option<String>,
}

/// What Cloud DNS answers to every change, and to the question what became of it.
#[derive(Deserialize)]
pub(super) struct Job {
    #[serde(rename = "jobId")]
    pub(super) id: Option<String>,
    #[serde(rename = "callbackUrl")]
    pub(super) callback: Option<String>,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) response: Json,
    #[serde(default)]
    pub(super) error: Json,
}

/// A page of a collection.
pub(super) trait Page: serde::de::DeserializeOwned {
    /// What the collection is of.
    type Item;
    /// How many there are on all pages, if it says so.
    fn total(&self) -> Option<u64>;
    /// Those on this page.
    fn into_items(self) -> Vec<Self::Item>;
}

macro_rules! page {
    ($name:ident, $field:ident: $item:ty) => {
        #[derive(Deserialize)]
        pub(super) struct $name {
            #[serde(default)]
            pub(super) $field: Vec<$item>,
            #[serde(rename = "totalEntries")]
            total: Option<u64>,
        }

        impl Page for $name {
            type Item = $item;
            fn total(&self) -> Option<u64> {
                self.total
            }
            fn into_items(self) -> Vec<$item> {
                self.$field
            }
        }
    };
}

page!(Domains, domains: Domain);
page!(Records, records: Record);

/// A zone.
#[derive(Debug, Deserialize)]
pub(super) struct Domain {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) comment: Option<String>,
    pub(super) created: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Record {
    #[serde(deserialize_with = "text_or_number")]
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) record_type: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) data: String,
    /// Of MX and SRV.
    #[serde(default, deserialize_with = "maybe_number_or_text")]
    pub(super) priority: Option<u16>,
    pub(super) ttl: Option<u64>,
    pub(super) comment: Option<String>,
    pub(super) created: Option<String>,
}

#[derive(Serialize)]
pub(super) struct DomainsRequest<'a> {
    pub(super) domains: [DomainRequest<'a>; 1],
}

#[derive(Serialize)]
pub(super) struct DomainRequest<'a> {
    pub(super) name: &'a str,
    #[serde(rename = "emailAddress")]
    pub(super) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

#[derive(Serialize)]
pub(super) struct RecordsRequest<'a> {
    pub(super) records: Vec<RecordRequest<'a>>,
}

#[derive(Serialize)]
pub(super) struct RecordRequest<'a> {
    pub(super) name: &'a str,
    #[serde(rename = "type")]
    pub(super) record_type: &'a str,
    pub(super) data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u16>,
    pub(super) ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<String>,
}

/// What of a record can be changed and is: its comment stays as it is.
#[derive(Serialize)]
pub(super) struct RecordChange<'a> {
    pub(super) name: &'a str,
    pub(super) data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<u64>,
}

/// An id that is text in some of the API's answers, and a number in others.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        match id {
            Id::Text(text) => text,
            Id::Number(number) => number.to_string(),
        }
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Id::deserialize(from).map(String::from)
}

fn maybe_number_or_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let text = maybe_text_or_number(from)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn maybe_text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Id>::deserialize(from)?.map(String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_text_or_a_number() {
        for id in ["2725352", "\"2725352\""] {
            let wire = format!(r#"{{"id": {id}, "name": "acme.com", "ttl": 3600}}"#);
            let domain: Domain = serde_json::from_str(&wire).unwrap();
            assert_eq!(domain.id, "2725352");
        }
    }
}
