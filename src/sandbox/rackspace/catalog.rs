//! What the cloud offers: regions, flavors, images.
//!
//! Flavors are those of docs-cloud-servers `general-api-info/flavors.rst`. The images' names are
//! in the form of the public ones; their ids are made up, and differ between regions as they do
//! there.

use super::model::Millis;
use md5::{Digest, Md5};

/// The regions, in the order of the service catalog: a user's own need not be the first.
pub(super) const REGIONS: [&str; 2] = ["IAD", "DFW"];

/// Whether there is such a region, in whatever case.
pub(super) fn is_region(name: &str) -> bool {
    REGIONS
        .iter()
        .any(|region| region.eq_ignore_ascii_case(name))
}

#[derive(Debug)]
pub(super) struct Flavor {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) ram: u64,
    pub(super) disk: u64,
    pub(super) ephemeral: u64,
    pub(super) vcpus: u64,
    pub(super) rxtx: f64,
}

const fn flavor(
    id: &'static str,
    name: &'static str,
    class: &'static str,
    (ram, disk, ephemeral, vcpus): (u64, u64, u64, u64),
    rxtx: f64,
) -> Flavor {
    Flavor {
        id,
        name,
        class,
        ram,
        disk,
        ephemeral,
        vcpus,
        rxtx,
    }
}

pub(super) const STANDARD: &str = "standard1";
pub(super) const GENERAL: &str = "general1";
pub(super) const ONMETAL: &str = "onmetal";

pub(super) const FLAVORS: &[Flavor] = &[
    flavor(
        "2",
        "512MB Standard Instance",
        STANDARD,
        (512, 20, 0, 1),
        80.0,
    ),
    flavor(
        "3",
        "1GB Standard Instance",
        STANDARD,
        (1024, 40, 0, 1),
        120.0,
    ),
    flavor(
        "4",
        "2GB Standard Instance",
        STANDARD,
        (2048, 80, 0, 2),
        240.0,
    ),
    flavor(
        "5",
        "4GB Standard Instance",
        STANDARD,
        (4096, 160, 0, 2),
        400.0,
    ),
    flavor(
        "6",
        "8GB Standard Instance",
        STANDARD,
        (8192, 320, 0, 4),
        600.0,
    ),
    flavor(
        "7",
        "15GB Standard Instance",
        STANDARD,
        (15_360, 620, 0, 6),
        800.0,
    ),
    flavor(
        "8",
        "30GB Standard Instance",
        STANDARD,
        (30_720, 1200, 0, 8),
        1200.0,
    ),
    flavor(
        "general1-1",
        "1 GB General Purpose v1",
        GENERAL,
        (1024, 20, 0, 1),
        200.0,
    ),
    flavor(
        "general1-2",
        "2 GB General Purpose v1",
        GENERAL,
        (2048, 40, 0, 2),
        400.0,
    ),
    flavor(
        "general1-4",
        "4 GB General Purpose v1",
        GENERAL,
        (4096, 80, 0, 4),
        800.0,
    ),
    flavor(
        "general1-8",
        "8 GB General Purpose v1",
        GENERAL,
        (8192, 160, 0, 8),
        1600.0,
    ),
    flavor(
        "compute1-4",
        "3.75 GB Compute v1",
        "compute1",
        (3840, 0, 0, 2),
        625.0,
    ),
    flavor(
        "compute1-8",
        "7.5 GB Compute v1",
        "compute1",
        (7680, 0, 0, 4),
        1250.0,
    ),
    flavor(
        "io1-15",
        "15 GB I/O v1",
        "io1",
        (15_360, 40, 150, 4),
        1250.0,
    ),
    flavor(
        "io1-30",
        "30 GB I/O v1",
        "io1",
        (30_720, 40, 300, 8),
        2500.0,
    ),
    flavor(
        "memory1-15",
        "15 GB Memory v1",
        "memory1",
        (15_360, 0, 0, 2),
        625.0,
    ),
    flavor(
        "onmetal-compute1",
        "OnMetal Compute v1",
        ONMETAL,
        (32_768, 32, 0, 20),
        10_000.0,
    ),
];

pub(super) fn find_flavor(id: &str) -> Option<&'static Flavor> {
    FLAVORS.iter().find(|flavor| flavor.id == id)
}

#[derive(Debug)]
pub(super) struct Image {
    pub(super) name: &'static str,
    pub(super) min_disk: u64,
    pub(super) min_ram: u64,
    pub(super) distro: &'static str,
    pub(super) bytes: u64,
    /// Seconds since 1970.
    created: i64,
}

impl Image {
    /// The id that it has in a region, and the moment it got there.
    pub(super) fn id(&self, region: &str) -> String {
        let digest = Md5::digest(format!("image/{region}/{}/{}", self.name, self.created));
        uuid::Builder::from_random_bytes(digest.into())
            .into_uuid()
            .to_string()
    }

    pub(super) fn created(&self) -> Millis {
        self.created * 1000
    }
}

/// The second Fedora is the newer one of the same name, as there is for a while whenever an
/// image is refreshed.
pub(super) const IMAGES: &[Image] = &[
    image(
        "Debian 12 (Bookworm) (Cloud)",
        20,
        512,
        "org.debian",
        1_718_000_000,
    ),
    image(
        "Debian 11 (Bullseye) (PVHVM)",
        20,
        512,
        "org.debian",
        1_713_000_000,
    ),
    image(
        "Ubuntu 22.04 LTS (Jammy Jellyfish) (Cloud)",
        20,
        512,
        "com.ubuntu",
        1_715_000_000,
    ),
    image(
        "Ubuntu 24.04 LTS (Noble Numbat) (Cloud)",
        20,
        512,
        "com.ubuntu",
        1_717_000_000,
    ),
    image(
        "Fedora 40 (Cloud)",
        20,
        512,
        "org.fedoraproject",
        1_716_000_000,
    ),
    image(
        "Fedora 40 (Cloud)",
        20,
        512,
        "org.fedoraproject",
        1_719_000_000,
    ),
    image(
        "Windows Server 2019",
        40,
        1024,
        "com.microsoft.server",
        1_712_000_000,
    ),
];

const fn image(
    name: &'static str,
    min_disk: u64,
    min_ram: u64,
    distro: &'static str,
    created: i64,
) -> Image {
    Image {
        name,
        min_disk,
        min_ram,
        distro,
        bytes: 1_000_000_000,
        created,
    }
}

pub(super) fn find_image(region: &str, id: &str) -> Option<&'static Image> {
    IMAGES.iter().find(|image| image.id(region) == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_image_has_an_id_of_its_own_in_every_region() {
        let ids: HashSet<String> = REGIONS
            .iter()
            .flat_map(|region| IMAGES.iter().map(|image| image.id(region)))
            .collect();
        assert_eq!(ids.len(), REGIONS.len() * IMAGES.len());
    }
}
