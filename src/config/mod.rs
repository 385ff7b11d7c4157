//! The user's files: `cloud.json` and `security.json`, read with the place of every value, and
//! `cloud.json` written back without touching anything but `networks`.

mod account_checks;
mod accounts;
mod check;
pub mod cloud;
pub mod compose;
mod content;
mod creation;
mod defaults;
mod dns_name;
mod expires;
mod files;
mod firewalls;
mod ignore;
mod keys;
mod layout;
mod lifecycle;
mod networks;
mod openstack;
mod overlay;
mod providers;
mod public_key;
mod quotable;
mod ranges;
mod reader;
mod record_checks;
mod records;
mod reserved_ips;
pub mod schema;
pub mod security;
mod selector;
mod server;
mod source;
mod syntax;
mod tags;
mod trivia;
mod validate;
mod variables;
mod volumes;
mod vpcs;
mod write_back;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Place, Probe, Value};

pub use compose::{Draft, DraftFirewall, DraftNames, DraftServer, DraftVolume, DraftVpc};
pub use expires::{Ends, Expiry};
pub use files::{File, FileSource};
pub use firewalls::Firewall;
pub use lifecycle::{BackupPolicy, Lifecycle};
pub use openstack::OpenStack;
pub use providers::{Account, DEFAULT_ACCOUNT, ProviderType, Settings, TYPES, provider_type};
pub use public_key::{KeyError, PublicKey, PublicKeys};
pub use quotable::quotable;
pub use reserved_ips::ReservedIp;
pub use security::{CredentialSource, ParsedSecurity, Security};
pub use selector::{Candidate, PatternProblem, Selection, Selector, select};
pub use validate::{CHECKS, Check, validate};
pub use variables::{Variables, is_name as is_variable_name};
pub use volumes::Volume;
pub use vpcs::Vpc;
pub use write_back::{
    Networks, WriteBackError, range_keys, write_back, write_overlay, written_back, written_over,
};

/// What cloud.json asks for, in either of its two forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Cloud {
    /// The accounts named under `providers`, in the file's order. Without any, everything is in the
    /// one called [`DEFAULT_ACCOUNT`].
    pub accounts: Vec<Account>,
    /// The account of what names none; `None` if there are several and none is the default. Then
    /// every server and domain names its own.
    pub default_account: Option<String>,
    /// The servers, in the file's order.
    pub servers: Vec<Server>,
    /// The zones named under `domains`, in the file's order. The flat form has none.
    pub domains: Vec<Domain>,
    /// The private networks named under `vpcs`, in the file's order.
    pub vpcs: Vec<Vpc>,
    /// The firewalls named under `firewalls`, in the file's order.
    pub firewalls: Vec<Firewall>,
    /// The addresses named under `reserved_ips`, in the file's order.
    pub reserved_ips: Vec<ReservedIp>,
    /// The disks named under `volumes`, in the file's order.
    pub volumes: Vec<Volume>,
    /// What names say besides leading to servers, in the file's order. The flat form has none.
    pub records: Vec<Record>,
    /// What entries of ranges hold of the addresses of servers that they no longer have, by name, as
    /// JSON text.
    pub left_over: BTreeMap<String, Arc<str>>,
}

impl Default for Cloud {
    /// What an empty file asks for.
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            default_account: Some(DEFAULT_ACCOUNT.to_owned()),
            servers: Vec::new(),
            domains: Vec::new(),
            vpcs: Vec::new(),
            firewalls: Vec::new(),
            reserved_ips: Vec::new(),
            volumes: Vec::new(),
            records: Vec::new(),
            left_over: BTreeMap::new(),
        }
    }
}

impl Cloud {
    /// The same for ever: for whoever looks what there is, and not what shall be.
    #[must_use]
    pub fn without_expiry(&self) -> Self {
        let mut cloud = self.clone();
        for server in &mut cloud.servers {
            server.expires = None;
        }
        cloud
    }

    /// The VPC of the file that a server names, if it is one of these.
    #[must_use]
    pub fn vpc_of(&self, server: &Server) -> Option<&Vpc> {
        let named = server.vpc.as_ref()?;
        let mut vpcs = self.vpcs.iter();
        vpcs.find(|vpc| vpc.name.value == named.value && vpc.account.value == server.account.value)
    }

    /// The reserved IP of that name, if the file has it.
    #[must_use]
    pub fn reserved_ip(&self, name: &str) -> Option<&ReservedIp> {
        let mut all = self.reserved_ips.iter();
        all.find(|reserved_ip| reserved_ip.name.value == name)
    }

    /// The account called `name`, if it is named under `providers`.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.name.value == name)
    }
}

/// One server of cloud.json, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its key in the file, which becomes its hostname; one that a range makes of its key.
    pub name: Spanned<String>,
    /// The key of the range that it is one of.
    pub range: Option<Arc<str>>,
    /// The account it is in.
    pub account: Spanned<String>,
    /// The region's slug. Only an account that is one region can do without.
    pub region: Option<Spanned<String>>,
    /// Which size it has.
    pub size: Spanned<Selector>,
    /// What its disk starts as.
    pub image: Spanned<Selector>,
    /// Whether the provider backs it up.
    pub backups: Spanned<bool>,
    /// Whether its disk grows, for good, with its size; `None` if nothing is said, which means no.
    pub grow_disk: Option<Spanned<bool>>,
    /// Whether it is deleted before another takes its place.
    pub destroy_first: Spanned<bool>,
    /// What becomes of it when it is changed, and before it goes.
    pub lifecycle: Lifecycle,
    /// Whether nothing may delete it.
    pub protect: Spanned<bool>,
    /// How a new one shows that it serves.
    pub check: Option<Spanned<Probe>>,
    /// Until when it is wanted.
    pub expires: Option<Spanned<Expiry>>,
    /// Names that shall lead to it: lower case, ASCII, without a final dot.
    pub names: Vec<Spanned<String>>,
    /// Its tags, those of `defaults` included, each once whatever its case; `None` if neither says
    /// anything.
    pub tags: Option<Vec<Spanned<String>>>,
    /// The name of the VPC that it is in.
    pub vpc: Option<Spanned<String>>,
    /// The name of the reserved IP that is on it.
    pub reserved_ip: Option<Spanned<String>>,
    /// The names of the volumes that are attached to it.
    pub volumes: Vec<Spanned<String>>,
    /// For how many seconds whoever looked up its names may go on with the answer; `None` if nothing
    /// is said.
    pub ttl: Option<Spanned<u64>>,
    /// What is put on it when it is made.
    pub files: Vec<File>,
    /// What else it is made with, and keeps.
    pub creation: Creation,
    /// The keys that count when it is made and never after.
    pub ignore: Vec<Spanned<&'static str>>,
    /// What only an OpenStack has, those of its account included; `None` elsewhere.
    pub settings: Option<OpenStack>,
    /// What an earlier run wrote back, as JSON text, which takes a sixth of the memory that the
    /// value does; never read as something wanted.
    pub networks: Option<Arc<str>>,
}

impl Server {
    /// The key of the entry that it stands in.
    #[must_use]
    pub fn entry(&self) -> &str {
        self.range.as_deref().unwrap_or(&self.name.value)
    }
}

/// What a server is made with and keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Creation {
    /// What cloud-init does when it boots for the first time: the text, or the file that holds it.
    pub user_data: Option<Spanned<FileSource>>,
    /// Whether the provider's agent is put on it; `None` if nothing is said, which means no.
    pub monitoring: Option<Spanned<bool>>,
}

/// A zone that cloud.json names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its name: lower case, ASCII, without a final dot.
    pub name: Spanned<String>,
    /// The account it is in.
    pub account: Spanned<String>,
    /// Whether records in it that nobody named go.
    pub exclusive: Spanned<bool>,
}

/// The records of one type that a name has.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The zone they are in: lower case, ASCII, without a final dot.
    pub zone: Spanned<String>,
    /// The whole name, in that form.
    pub name: Spanned<String>,
    /// `MX`, `TXT`, …
    pub record_type: Spanned<&'static str>,
    /// For how many seconds an answer may be kept; `None` if nothing is said.
    pub ttl: Option<Spanned<u64>>,
    /// What they say, each in its one form; one at least.
    pub values: Vec<Spanned<Value>>,
}

/// A value and where it stands. A value that came from `defaults` points there; one that was left
/// out altogether points at the server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// `value`, found at `place`.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}
