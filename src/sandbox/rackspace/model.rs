//! The objects of the simulated cloud, as they are kept: plain data, and the lines of its file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A moment in milliseconds since 1970.
pub(super) type Millis = i64;

/// A token that Identity has given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) expires: Millis,
    /// How it was got: `APIKEY` or `PASSWORD`.
    pub(super) by: String,
}

/// A key pair. Its name is unique for a user in a region.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Keypair {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) public_key: String,
    pub(super) fingerprint: String,
}

/// Where a key pair is, and what it is called.
pub(super) type KeypairPlace = (String, String, String);

impl Keypair {
    pub(super) fn place(&self) -> KeypairPlace {
        (self.account.clone(), self.region.clone(), self.name.clone())
    }
}

/// What a server is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    Build,
    Active,
    Error,
    Reboot,
    Resize,
    VerifyResize,
    RevertResize,
    Deleted,
}

/// What becomes of a server when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    Boot,
    Fail,
    Delete,
    Reboot,
    Resize,
    /// No host has room for what it should become.
    Stay,
    Confirm,
    Revert,
}

/// A change that takes time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Due {
    pub(super) from: Millis,
    pub(super) at: Millis,
    pub(super) then: Then,
}

/// What went wrong with a server in ERROR.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Broken {
    pub(super) code: u16,
    pub(super) message: String,
    pub(super) created: Millis,
}

/// A file that was to be put into a new server. What is in it may be secret and is kept as its
/// MD5 only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Injected {
    pub(super) path: String,
    pub(super) bytes: usize,
    pub(super) md5: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Server {
    pub(super) id: String,
    /// Counts all objects: what came later has a higher one.
    pub(super) number: u64,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) flavor: String,
    /// What a resize that is not confirmed may go back to.
    pub(super) flavor_before: Option<String>,
    /// What a resize on its way makes of it.
    #[serde(default)]
    pub(super) flavor_wanted: Option<String>,
    pub(super) image: String,
    pub(super) status: Status,
    pub(super) task: Option<String>,
    pub(super) due: Option<Due>,
    pub(super) created: Millis,
    pub(super) updated: Millis,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) key_name: Option<String>,
    pub(super) config_drive: bool,
    pub(super) disk_config: String,
    pub(super) public: Option<Ipv4Addr>,
    /// As the service spells it, with leading zeros.
    pub(super) v6: Option<String>,
    pub(super) private: Option<Ipv4Addr>,
    /// Addresses that somebody set by hand instead.
    #[serde(default)]
    pub(super) access_v4: Option<String>,
    #[serde(default)]
    pub(super) access_v6: Option<String>,
    /// Whether it has been ACTIVE once.
    pub(super) booted: bool,
    pub(super) fault: Option<Broken>,
    pub(super) files: Vec<Injected>,
    /// MD5 of the user data.
    pub(super) user_data: Option<String>,
}

impl Server {
    /// Whether its resize is confirmed, and that does not show yet.
    pub(super) fn is_confirmed(&self) -> bool {
        self.status == Status::VerifyResize && self.flavor_before.is_none()
    }

    /// Whether it is there for those who do not ask for the past.
    pub(super) fn lives(&self) -> bool {
        self.status != Status::Deleted
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Zone {
    pub(super) id: u64,
    pub(super) account: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) ttl: u32,
    pub(super) comment: Option<String>,
    pub(super) created: Millis,
    pub(super) updated: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The number in an id such as `A-6822994`.
    pub(super) id: u64,
    pub(super) zone: u64,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Fully qualified, without a dot at the end.
    pub(super) name: String,
    pub(super) data: String,
    pub(super) priority: Option<u16>,
    pub(super) ttl: u32,
    pub(super) comment: Option<String>,
    pub(super) created: Millis,
    pub(super) updated: Millis,
}

impl Record {
    /// The id as the API writes it.
    pub(super) fn full_id(&self) -> String {
        format!("{}-{}", self.kind, self.id)
    }
}

/// A record to be, once it has been found to be in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewRecord {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) data: String,
    pub(super) priority: Option<u16>,
    /// Its zone's, if absent.
    pub(super) ttl: Option<u32>,
    pub(super) comment: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NewZone {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) ttl: Option<u32>,
    pub(super) comment: Option<String>,
    pub(super) records: Vec<NewRecord>,
}

/// What shall be different about a record. What is absent stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RecordChange {
    pub(super) id: String,
    pub(super) data: Option<String>,
    pub(super) priority: Option<u16>,
    pub(super) ttl: Option<u32>,
    pub(super) comment: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ZoneChange {
    pub(super) id: u64,
    pub(super) email: Option<String>,
    pub(super) ttl: Option<u32>,
    pub(super) comment: Option<String>,
}

/// What a job is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work {
    CreateZones(Vec<NewZone>),
    ChangeZones(Vec<ZoneChange>),
    DeleteZones {
        ids: Vec<String>,
        below: bool,
    },
    AddRecords {
        zone: u64,
        records: Vec<NewRecord>,
    },
    ChangeRecords {
        zone: u64,
        changes: Vec<RecordChange>,
    },
    DeleteRecords {
        zone: u64,
        ids: Vec<String>,
    },
}

/// What became of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Result {
    Open,
    /// With the response, if there is one.
    Completed(Option<Value>),
    Failed(Value),
}

/// A change of Cloud DNS on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) account: String,
    pub(super) verb: String,
    /// The request's path and query, without the host.
    pub(super) url: String,
    pub(super) request: String,
    /// The names of what it is about.
    pub(super) names: Vec<String>,
    pub(super) started: Millis,
    /// When it will be done; `None` for one that a scripted failure holds up for ever.
    pub(super) due: Option<Millis>,
    /// How long what it makes cannot be seen.
    #[serde(default)]
    pub(super) lag: Millis,
    pub(super) work: Work,
    pub(super) result: Result,
}

/// One change, and one line of the world's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Rackspace {
        format: u32,
        id: String,
    },
    Counter(u64),
    Token(Token),
    TokenGone(String),
    Keypair(Keypair),
    KeypairGone(KeypairPlace),
    Server(Box<Server>),
    Zone(Zone),
    ZoneGone(u64),
    Record(Record),
    RecordGone {
        zone: u64,
        id: u64,
    },
    Job(Box<Job>),
    /// What a job has done and that it is done, in one line: a file that was cut has both or
    /// neither, and the job never runs twice.
    Done(Vec<Self>),
}

/// Added to the number of a zone or a record for its id, which at the service is far from 1.
pub(super) const FIRST_ID: u64 = 6_800_000;

/// The version of the world file's format that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A moment as Cloud Servers writes it: whole seconds, UTC.
pub(super) fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_second(at.div_euclid(1000))
        .map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}

/// A moment as Cloud DNS writes it in JSON: milliseconds and an offset without a colon.
pub(super) fn dns_time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(
        |_| "1970-01-01T00:00:00.000+0000".to_owned(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_each_service_does() {
        assert_eq!(rfc3339(1_999), "1970-01-01T00:00:01Z");
        assert_eq!(dns_time(1_050), "1970-01-01T00:00:01.050+0000");
        assert_eq!(dns_time(1_000), "1970-01-01T00:00:01.000+0000");
    }
}
