//! The section `providers`: the accounts that servers and zones live in, and the types they have.

mod read;

use super::Spanned;
use super::keys::{Key, Shape};
use super::openstack::{self, OpenStack};

pub(super) use read::providers;

/// The account that everything is in where cloud.json names none.
pub const DEFAULT_ACCOUNT: &str = "default";
/// The type that this account has.
pub(super) const DEFAULT_TYPE: &ProviderType = &DIGITALOCEAN;

/// A type of account, and what of cloud.json depends on it.
#[derive(Debug, PartialEq, Eq)]
pub struct ProviderType {
    /// What `type` says.
    pub name: &'static str,
    /// What settings an account of it may have.
    pub(super) settings: &'static [Key],
    /// Whether each server says which region it is in. Elsewhere an account is one region.
    pub region_by_server: bool,
    /// Whether the provider backs servers up.
    pub backups: bool,
    /// Whether a server that gets another size keeps its disk unless it is asked to grow.
    pub keeps_disk: bool,
    /// How long a tag that people put on its servers can be; `None` if they have none.
    pub longest_tag: Option<usize>,
    /// Whether its servers are in VPCs that have names.
    pub vpcs: bool,
    /// How many volumes are on a server at most, where that is known.
    pub most_volumes: Option<usize>,
    /// The keys of servers that mean nothing here, and why, in words.
    pub(super) lacks: &'static [(&'static str, &'static str)],
    /// Whether its servers may have the block `openstack`.
    pub openstack: bool,
    /// Values that a server could have, for hints.
    pub examples: [(&'static str, &'static str); 3],
}

const DIGITALOCEAN: ProviderType = ProviderType {
    name: "digitalocean",
    settings: &[],
    region_by_server: true,
    backups: true,
    keeps_disk: true,
    longest_tag: Some(255),
    vpcs: true,
    // openapi.json, `volumeActions_post_byId`.
    most_volumes: Some(15),
    lacks: &[],
    openstack: false,
    examples: [
        ("region", "nyc3"),
        ("size", "s-1vcpu-1gb"),
        ("image", "debian-13-x64"),
    ],
};

/// The key of an account that says which of [`TYPES`] it has.
pub(super) const TYPE: &str = "type";

const REGION: Key = Key::new(
    "region",
    "The one region that this account is; if it is left out, the only one or your own default.",
    Shape::Text,
);
const AUTH_URL: Key = Key::new(
    "auth_url",
    "Where it logs in: the address of the identity service.",
    Shape::Form("^https?://[^/@][^@]*$"),
);

const OPENSTACK_SETTINGS: &[Key] = &[
    Key::new(
        "cloud",
        "The name of its entry in clouds.yaml.",
        Shape::Text,
    ),
    REGION,
    AUTH_URL,
    Key::new(
        "interface",
        "Which endpoints of the services are used.",
        Shape::Word(&INTERFACES),
    ),
    // What its servers have that do not say otherwise.
    openstack::KEYS[0],
    openstack::KEYS[1],
    openstack::KEYS[2],
    openstack::KEYS[3],
];

/// The endpoints that a catalog of services tells apart.
const INTERFACES: [&str; 3] = ["public", "internal", "admin"];

/// What only DigitalOcean does here.
const OUTSIDE_DIGITALOCEAN: &[(&str, &str)] = &[
    (
        "on_image_change",
        "no server is rebuilt: another takes its place",
    ),
    ("on_destroy", "no snapshots are taken"),
    ("ipv6", "the network alone says whether there is IPv6"),
];

/// Every type there is.
pub const TYPES: [ProviderType; 4] = [
    DIGITALOCEAN,
    ProviderType {
        name: "openstack",
        settings: OPENSTACK_SETTINGS,
        region_by_server: false,
        backups: false,
        keeps_disk: false,
        longest_tag: Some(60),
        vpcs: false,
        most_volumes: None,
        lacks: OUTSIDE_DIGITALOCEAN,
        openstack: true,
        examples: [
            ("region", "RegionOne"),
            ("size", "m1.small"),
            ("image", "debian-12*"),
        ],
    },
    ProviderType {
        name: "rackspace",
        settings: &[REGION, AUTH_URL],
        region_by_server: false,
        backups: false,
        keeps_disk: false,
        longest_tag: None,
        vpcs: false,
        most_volumes: None,
        lacks: OUTSIDE_DIGITALOCEAN,
        openstack: false,
        examples: [
            ("region", "DFW"),
            ("size", "general1-1"),
            ("image", "Debian 12*"),
        ],
    },
    ProviderType {
        name: "rackspace-flex",
        settings: OPENSTACK_SETTINGS,
        region_by_server: false,
        backups: false,
        keeps_disk: false,
        longest_tag: Some(60),
        vpcs: false,
        most_volumes: None,
        lacks: OUTSIDE_DIGITALOCEAN,
        openstack: true,
        examples: [
            ("region", "DFW3"),
            ("size", "gp.0.1.2"),
            ("image", "Debian-12*"),
        ],
    },
];

/// The type called `name`.
#[must_use]
pub fn provider_type(name: &str) -> Option<&'static ProviderType> {
    TYPES.iter().find(|known| known.name == name)
}

/// A named account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its key in the file.
    pub name: Spanned<String>,
    /// Its type, one of [`TYPES`].
    pub provider: Spanned<String>,
    /// What else the file says about it.
    pub settings: Settings,
}

/// The settings of an account; those that its type does not know are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its name in clouds.yaml.
    pub cloud: Option<Spanned<String>>,
    /// The region that the account stands for.
    pub region: Option<Spanned<String>>,
    /// Where it logs in.
    pub auth_url: Option<Spanned<String>>,
    /// Which endpoints of the services are used: `public`, `internal` or `admin`.
    pub interface: Option<Spanned<String>>,
    /// What its servers have that do not say otherwise. [`Server::settings`] holds it already.
    ///
    /// [`Server::settings`]: super::Server::settings
    pub servers: OpenStack,
}
