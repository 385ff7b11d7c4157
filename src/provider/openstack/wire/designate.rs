use serde::{Deserialize, Serialize};

use super::Page;

#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct Zone {
    pub(in super::super) id: String,
    /// With its final dot.
    pub(in super::super) name: String,
    /// `ACTIVE`, `PENDING` or `ERROR`.
    pub(in super::super) status: String,
    /// What is being done: `NONE`, `CREATE`, `UPDATE` or `DELETE`.
    #[serde(default)]
    pub(in super::super) action: String,
    pub(in super::super) description: Option<String>,
    pub(in super::super) created_at: Option<String>,
    pub(in super::super) updated_at: Option<String>,
}

/// Where the next page is.
#[derive(Debug, Default, Deserialize)]
struct Links {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct Zones {
    zones: Vec<Zone>,
    #[serde(default)]
    links: Links,
}

impl Page for Zones {
    type Item = Zone;

    fn split(self) -> (Vec<Zone>, Option<String>) {
        (self.zones, self.links.next)
    }
}

#[derive(Serialize)]
pub(in super::super) struct ZoneRequest<'a> {
    pub(in super::super) name: String,
    pub(in super::super) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) description: Option<&'a str>,
}

/// All values that a name has of a type.
#[derive(Clone, Debug, Deserialize)]
pub(in super::super) struct RecordSet {
    pub(in super::super) id: String,
    /// With its final dot.
    pub(in super::super) name: String,
    #[serde(rename = "type")]
    pub(in super::super) record_type: String,
    /// A set: their order says nothing and varies.
    pub(in super::super) records: Vec<String>,
    pub(in super::super) description: Option<String>,
    /// Its zone's, if it has none of its own.
    pub(in super::super) ttl: Option<u64>,
    pub(in super::super) status: String,
    #[serde(default)]
    pub(in super::super) action: String,
    pub(in super::super) created_at: Option<String>,
    pub(in super::super) updated_at: Option<String>,
}

#[derive(Deserialize)]
pub(in super::super) struct RecordSets {
    recordsets: Vec<RecordSet>,
    #[serde(default)]
    links: Links,
}

impl Page for RecordSets {
    type Item = RecordSet;

    fn split(self) -> (Vec<RecordSet>, Option<String>) {
        (self.recordsets, self.links.next)
    }
}

#[derive(Serialize)]
pub(in super::super) struct RecordSetRequest<'a> {
    pub(in super::super) name: String,
    #[serde(rename = "type")]
    pub(in super::super) record_type: &'a str,
    pub(in super::super) records: [String; 1],
    /// Its zone's, if it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) description: Option<&'a str>,
}

/// Name and type of a set are fixed.
#[derive(Serialize)]
pub(in super::super) struct ValuesRequest {
    pub(in super::super) records: Vec<String>,
    /// Left out, it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) ttl: Option<u64>,
}
