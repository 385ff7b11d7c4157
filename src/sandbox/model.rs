//! The objects of an account, as they are kept: plain data, and the lines of the world's file.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A moment in milliseconds since 1970.
pub(super) type Millis = i64;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) fingerprint: String,
    pub(super) public_key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    New,
    Active,
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Policy {
    pub(super) plan: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weekday: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hour: Option<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Droplet {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) size: String,
    pub(super) image: u64,
    pub(super) memory: u64,
    pub(super) vcpus: u64,
    pub(super) disk: u64,
    pub(super) status: Status,
    pub(super) created: Millis,
    /// The action that holds it locked.
    pub(super) busy: Option<u64>,
    /// Whether it has come up once: only then it shows its addresses.
    pub(super) booted: bool,
    pub(super) backups: Option<Policy>,
    pub(super) monitoring: bool,
    pub(super) agent: bool,
    pub(super) tags: Vec<String>,
    pub(super) vpc: String,
    pub(super) public: Option<Ipv4Addr>,
    pub(super) private: Ipv4Addr,
    pub(super) v6: Option<Ipv6Addr>,
    pub(super) ssh_keys: Vec<u64>,
    /// MD5 of the user data; the text itself may hold secrets and nothing here needs it.
    pub(super) user_data: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Progress {
    #[serde(rename = "in-progress")]
    Running,
    Completed,
    Errored,
}

/// What a completed action changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Effect {
    /// The action fails.
    Fail,
    Boot,
    Status(Status),
    Nothing,
    Rename(String),
    Resize {
        size: String,
        disk: bool,
    },
    Backups(Option<Policy>),
    Ipv6(Ipv6Addr),
    Rebuild(u64),
    /// A reserved IP comes to the Droplet.
    Assign,
    /// A reserved IP leaves the Droplet.
    Unassign,
    /// The volume is on this Droplet, or on none.
    Attached(Option<u64>),
    /// The volume is of this size.
    Grow(u64),
    /// A snapshot with this id and this name comes about.
    Snapshot {
        id: u64,
        name: String,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Action {
    pub(super) id: u64,
    pub(super) kind: String,
    /// The Droplet that it is done to or locks; 0 if it locks none.
    pub(super) droplet: u64,
    /// The reserved IP that it is about, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reserved_ip: Option<Ipv4Addr>,
    /// The volume that it is done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) volume: Option<String>,
    pub(super) region: String,
    pub(super) status: Progress,
    pub(super) started: Millis,
    pub(super) completed: Option<Millis>,
    /// When it will be done; `None` for one that a scripted failure holds up for ever.
    pub(super) due: Option<Millis>,
    pub(super) effect: Effect,
}

/// A copy of a Droplet's disk or of a volume, which outlives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// Its place among all that was made, which is its id if it is of a Droplet.
    pub(super) id: u64,
    pub(super) name: String,
    /// The Droplet that it is of; 0 if it is of a volume.
    pub(super) droplet: u64,
    /// The volume that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) volume: Option<String>,
    pub(super) region: String,
    pub(super) disk: u64,
    pub(super) created: Millis,
}

/// A disk by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Volume {
    pub(super) id: String,
    /// Its place among all that was made.
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) description: String,
    /// In GiB.
    pub(super) size: u64,
    pub(super) region: String,
    pub(super) filesystem: String,
    pub(super) label: String,
    /// The Droplet that it is on.
    pub(super) droplet: Option<u64>,
    /// The action that it is in.
    pub(super) busy: Option<u64>,
    pub(super) tags: Vec<String>,
    pub(super) created: Millis,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) zone: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) data: String,
    pub(super) priority: Option<u32>,
    pub(super) port: Option<u32>,
    pub(super) ttl: u32,
    pub(super) weight: Option<u32>,
    pub(super) flags: Option<u32>,
    pub(super) tag: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Domain {
    pub(super) name: String,
    pub(super) ttl: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) last_tagged: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Vpc {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) region: String,
    pub(super) network: Ipv4Addr,
    pub(super) prefix: u8,
    pub(super) default: bool,
    pub(super) created: Millis,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Firewall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) inbound: Vec<FirewallRule>,
    pub(super) outbound: Vec<FirewallRule>,
    pub(super) droplets: Vec<u64>,
    pub(super) tags: Vec<String>,
    pub(super) created: Millis,
    /// When it is in force on the Droplets that it is for.
    pub(super) due: Millis,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FirewallRule {
    pub(super) protocol: String,
    pub(super) ports: String,
    /// Its sources or destinations, as the API has them.
    pub(super) peers: serde_json::Map<String, serde_json::Value>,
}

/// An address that stays when the Droplet that it is on goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ReservedIp {
    pub(super) id: u64,
    pub(super) ip: Ipv4Addr,
    pub(super) region: String,
    pub(super) droplet: Option<u64>,
    /// The action that holds it locked.
    pub(super) busy: Option<u64>,
}

/// Counters that must never go back, even when what they counted is gone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Counters {
    pub(super) id: u64,
    pub(super) public: u32,
    pub(super) v6: u64,
}

/// One change, and one line of the world's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    World { format: u32, id: String },
    Counters(Counters),
    Key(Key),
    KeyGone(u64),
    Droplet(Box<Droplet>),
    DropletGone(u64),
    Action(Action),
    Domain(Domain),
    DomainGone(String),
    Record(Record),
    RecordGone { zone: String, id: u64 },
    Snapshot(Snapshot),
    SnapshotGone(u64),
    Tag(Tag),
    TagGone(String),
    Vpc(Vpc),
    VpcGone(String),
    Volume(Volume),
    VolumeGone(String),
    Firewall(Firewall),
    FirewallGone(String),
    ReservedIp(ReservedIp),
    ReservedIpGone(Ipv4Addr),
}

/// The version of the world file's format that this program writes and reads.
pub(super) const FORMAT: u32 = 1;

/// A moment as the API writes it: whole seconds, UTC.
pub(super) fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_second(at.div_euclid(1000))
        .map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |at| at.to_string())
}
