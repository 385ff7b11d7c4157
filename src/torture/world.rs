//! What an account holds, looked up through its cloud's API and not through our client.

/// Everything in an account that matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct World {
    pub(super) servers: Vec<Server>,
    pub(super) zones: Vec<Zone>,
    /// Those of addresses and of others, but not what every zone has by itself.
    pub(super) records: Vec<Record>,
    pub(super) keys: Vec<Key>,
    /// VPCs and firewalls, but not those that every account has.
    pub(super) things: Vec<Thing>,
    /// The names of snapshots of servers.
    pub(super) snapshots: Vec<String>,
    /// What hangs on to nothing any more and should be gone, in words.
    pub(super) stray: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Server {
    pub(super) id: String,
    pub(super) name: String,
    /// The mark that it carries, as `cloudbuilder:LINEAGE`, wherever the cloud keeps it; and others.
    pub(super) tags: Vec<String>,
    /// Public ones, IPv4 before IPv6.
    pub(super) addresses: Vec<String>,
    /// The private one, where that is looked up.
    pub(super) private: Option<String>,
    /// The reserved IP that is on it, which is none of `addresses`.
    pub(super) reserved: Option<String>,
    /// The name of the VPC that it is in, if it is one of ours.
    pub(super) vpc: Option<String>,
    /// What of it can be changed in place; none, where nothing can.
    pub(super) form: Option<Form>,
}

/// What a server is like, as far as that can be changed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Form {
    pub(super) size: String,
    /// What it was made from, where that is looked up.
    pub(super) image: Option<String>,
    pub(super) backups: bool,
    pub(super) is_on: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Zone {
    /// As the state has it.
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// As the state has it.
    pub(super) id: String,
    /// The whole name.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) data: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) public_key: String,
}

/// Something that is no server, zone, record or key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    /// As addresses begin.
    pub(super) kind: &'static str,
    pub(super) id: String,
    /// None, where it has no name there.
    pub(super) name: String,
    /// What it is like, in the words of [`Around`](super::around::Around).
    pub(super) form: String,
}
