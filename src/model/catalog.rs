use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Money;

/// What an account can use now: regions, sizes, images and how many servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Every region, also those that take no new servers.
    pub regions: Vec<Region>,
    /// Every size on offer anywhere.
    pub sizes: Vec<Size>,
    /// Images that a server can be made from.
    pub images: Vec<Image>,
    /// How many servers the account may have; `None` where the provider has no such limit.
    pub server_limit: Option<u64>,
    /// Slugs that were withdrawn, each with the nearest one of today.
    pub successors: BTreeMap<String, String>,
}

/// A place where servers run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What cloud.json calls it: `nyc3`.
    pub slug: String,
    /// What people call it: `New York 3`.
    pub name: String,
    /// What it has: `ipv6`, `backups`, …; empty where the provider does not tell by region.
    pub features: BTreeSet<String>,
    /// Whether it takes new servers.
    pub available: bool,
}

/// A network that something in an account may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// What cloud.json calls it.
    pub name: String,
    /// Whether servers can be put on it.
    pub takes_servers: bool,
    /// Whether it leads outside, so that its addresses are public and floating IPs come from it.
    pub is_external: bool,
}

/// A kind of machine with its price.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Size {
    /// What cloud.json calls it: `s-1vcpu-1gb`.
    pub slug: String,
    /// The provider's id, where that is something else.
    pub id: Option<String>,
    /// What people call it, where that is something else.
    pub name: Option<String>,
    /// The class of machine, in the provider's words: `Basic`.
    pub description: String,
    /// Virtual CPUs.
    pub vcpus: u64,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Disk in GB.
    pub disk_gb: u64,
    /// Outgoing traffic included, in TB a month.
    pub transfer_tb: f64,
    /// Price of a whole month; `None` where the provider publishes none.
    pub monthly: Option<Money>,
    /// The regions that offer it.
    pub regions: BTreeSet<String>,
    /// Whether the provider makes new servers with it.
    pub available: bool,
    /// Why no server is made with it here all the same, as a clause; `None` if there is nothing
    /// against it.
    pub unusable: Option<String>,
    /// Whether it exists only in the sandbox and no real account has it.
    pub sandbox_only: bool,
}

impl Size {
    /// Whether servers can be made with it somewhere.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.available && self.unusable.is_none()
    }
}

/// What a server's disk starts as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The provider's id.
    pub id: String,
    /// What cloud.json calls it, `debian-13-x64`; private images have only an id, and where there
    /// are no slugs the name is used.
    pub slug: Option<String>,
    /// `Debian`.
    pub distribution: String,
    /// `13 x64`.
    pub name: String,
    /// The regions that have it.
    pub regions: BTreeSet<String>,
    /// The smallest disk it fits on, in GB; 0 if the provider does not say.
    pub min_disk_gb: u64,
    /// The least memory that it runs with, in MiB; 0 if the provider does not say.
    pub min_memory_mib: u64,
    /// When it was made, where the provider says so.
    pub created: Option<Timestamp>,
    /// Whether it exists only in the sandbox and no real account has it.
    pub sandbox_only: bool,
}

impl Catalog {
    /// The region called `slug`.
    #[must_use]
    pub fn region(&self, slug: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.slug == slug)
    }

    /// The size called `slug`.
    #[must_use]
    pub fn size(&self, slug: &str) -> Option<&Size> {
        self.sizes.iter().find(|size| size.slug == slug)
    }

    /// The image called `selector`: its slug or its id.
    #[must_use]
    pub fn image(&self, selector: &str) -> Option<&Image> {
        self.images
            .iter()
            .find(|image| image.slug.as_deref() == Some(selector) || image.id == selector)
    }
}
