//! What the simulated cloud offers: regions, sizes and images, as data.
//!
//! Beside today's slugs stand those of the flat form's time, so that a `cloud.json` of 2015 can be
//! tried as it is. They carry `"sandbox_only": true`: the live service has dropped them.

use serde::{Serialize, Serializer};

/// All that can be asked for.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) regions: Vec<Region>,
    pub(super) sizes: Vec<Size>,
    pub(super) images: Vec<Image>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Region {
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) features: Vec<String>,
    pub(super) available: bool,
    pub(super) sizes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Size {
    pub(super) slug: String,
    pub(super) memory: u64,
    pub(super) vcpus: u64,
    pub(super) disk: u64,
    #[serde(serialize_with = "plain_number")]
    pub(super) transfer: f64,
    #[serde(serialize_with = "plain_number")]
    pub(super) price_monthly: f64,
    #[serde(serialize_with = "plain_number")]
    pub(super) price_hourly: f64,
    pub(super) regions: Vec<String>,
    pub(super) available: bool,
    pub(super) description: String,
    pub(super) disk_info: Vec<DiskInfo>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) sandbox_only: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct DiskInfo {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) size: DiskAmount,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct DiskAmount {
    pub(super) amount: u64,
    pub(super) unit: &'static str,
}

impl DiskInfo {
    pub(super) fn local(amount: u64) -> Self {
        Self {
            kind: "local",
            size: DiskAmount {
                amount,
                unit: "gib",
            },
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Image {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) distribution: String,
    pub(super) slug: Option<String>,
    pub(super) public: bool,
    pub(super) regions: Vec<String>,
    pub(super) created_at: String,
    pub(super) min_disk_size: u64,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(serialize_with = "plain_number")]
    pub(super) size_gigabytes: f64,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) status: &'static str,
    pub(super) error_message: &'static str,
    /// Whether the list calls it an application (`?type=application`).
    #[serde(skip)]
    pub(super) application: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) sandbox_only: bool,
}

/// Whole numbers come without a fraction, as the live service writes prices.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::trivially_copy_pass_by_ref,
    reason = "catalog numbers are small and positive; serde passes a reference"
)]
fn plain_number<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 {
        to.serialize_u64(*number as u64)
    } else {
        to.serialize_f64(*number)
    }
}

const FEATURES: [&str; 6] = [
    "backups",
    "ipv6",
    "metadata",
    "install_agent",
    "storage",
    "image_transfer",
];

/// Slug, name, whether it takes new Droplets.
const REGIONS: [(&str, &str, bool); 15] = [
    ("nyc1", "New York 1", true),
    ("sfo1", "San Francisco 1", false),
    ("nyc2", "New York 2", true),
    ("ams2", "Amsterdam 2", false),
    ("sgp1", "Singapore 1", true),
    ("lon1", "London 1", true),
    ("nyc3", "New York 3", true),
    ("ams3", "Amsterdam 3", true),
    ("fra1", "Frankfurt 1", true),
    ("tor1", "Toronto 1", true),
    ("sfo2", "San Francisco 2", true),
    ("blr1", "Bangalore 1", true),
    ("sfo3", "San Francisco 3", true),
    ("syd1", "Sydney 1", true),
    ("atl1", "Atlanta 1", true),
];

/// Where the cheapest size is on offer: few regions, as in life.
const FEW: [&str; 6] = ["nyc1", "ams3", "fra1", "sfo3", "sgp1", "syd1"];

/// Slug, MB, vCPUs, GB of disk, TB of transfer, USD a month, class.
type SizeRow = (&'static str, u64, u64, u64, f64, f64, &'static str);

const BASIC: &str = "Basic";
const AMD: &str = "Basic AMD";
const INTEL: &str = "Basic Intel";
const CPU: &str = "CPU-Optimized";
const CPU_2X: &str = "CPU-Optimized 2x SSD";
const GENERAL: &str = "General Purpose";
const GENERAL_2X: &str = "General Purpose 2x SSD";
const MEMORY: &str = "Memory-Optimized";
const STORAGE: &str = "Storage-Optimized";

const SIZES: [SizeRow; 61] = [
    ("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4.0, BASIC),
    ("s-1vcpu-1gb", 1024, 1, 25, 1.0, 6.0, BASIC),
    ("s-1vcpu-1gb-amd", 1024, 1, 25, 1.0, 7.0, AMD),
    ("s-1vcpu-1gb-intel", 1024, 1, 25, 1.0, 7.0, INTEL),
    ("s-1vcpu-1gb-35gb-intel", 1024, 1, 35, 1.0, 8.0, INTEL),
    ("s-1vcpu-2gb", 2048, 1, 50, 2.0, 12.0, BASIC),
    ("s-1vcpu-2gb-amd", 2048, 1, 50, 2.0, 14.0, AMD),
    ("s-1vcpu-2gb-intel", 2048, 1, 50, 2.0, 14.0, INTEL),
    ("s-1vcpu-2gb-70gb-intel", 2048, 1, 70, 2.0, 16.0, INTEL),
    ("s-2vcpu-2gb", 2048, 2, 60, 3.0, 18.0, BASIC),
    ("s-2vcpu-2gb-amd", 2048, 2, 60, 3.0, 21.0, AMD),
    ("s-2vcpu-2gb-intel", 2048, 2, 60, 3.0, 21.0, INTEL),
    ("s-2vcpu-2gb-90gb-intel", 2048, 2, 90, 3.0, 24.0, INTEL),
    ("s-2vcpu-4gb", 4096, 2, 80, 4.0, 24.0, BASIC),
    ("s-2vcpu-4gb-amd", 4096, 2, 80, 4.0, 28.0, AMD),
    ("s-2vcpu-4gb-intel", 4096, 2, 80, 4.0, 28.0, INTEL),
    ("s-2vcpu-4gb-120gb-intel", 4096, 2, 120, 4.0, 32.0, INTEL),
    ("s-2vcpu-8gb-amd", 8192, 2, 100, 5.0, 42.0, AMD),
    ("c-2", 4096, 2, 25, 4.0, 42.0, CPU),
    ("c2-2vcpu-4gb", 4096, 2, 50, 4.0, 47.0, CPU_2X),
    ("s-2vcpu-8gb-160gb-intel", 8192, 2, 160, 5.0, 48.0, INTEL),
    ("s-4vcpu-8gb", 8192, 4, 160, 5.0, 48.0, BASIC),
    ("s-4vcpu-8gb-amd", 8192, 4, 160, 5.0, 56.0, AMD),
    ("s-4vcpu-8gb-intel", 8192, 4, 160, 5.0, 56.0, INTEL),
    ("g-2vcpu-8gb", 8192, 2, 25, 4.0, 63.0, GENERAL),
    ("s-4vcpu-8gb-240gb-intel", 8192, 4, 240, 6.0, 64.0, INTEL),
    ("gd-2vcpu-8gb", 8192, 2, 50, 4.0, 68.0, GENERAL_2X),
    ("s-4vcpu-16gb-amd", 16384, 4, 200, 8.0, 84.0, AMD),
    ("m-2vcpu-16gb", 16384, 2, 50, 4.0, 84.0, MEMORY),
    ("c-4", 8192, 4, 50, 5.0, 84.0, CPU),
    ("c2-4vcpu-8gb", 8192, 4, 100, 5.0, 94.0, CPU_2X),
    ("s-4vcpu-16gb-320gb-intel", 16384, 4, 320, 8.0, 96.0, INTEL),
    ("s-8vcpu-16gb", 16384, 8, 320, 6.0, 96.0, BASIC),
    ("s-8vcpu-16gb-amd", 16384, 8, 320, 6.0, 112.0, AMD),
    ("s-8vcpu-16gb-intel", 16384, 8, 320, 6.0, 112.0, INTEL),
    ("g-4vcpu-16gb", 16384, 4, 50, 5.0, 126.0, GENERAL),
    ("s-8vcpu-16gb-480gb-intel", 16384, 8, 480, 9.0, 128.0, INTEL),
    ("so-2vcpu-16gb", 16384, 2, 300, 4.0, 131.0, STORAGE),
    ("gd-4vcpu-16gb", 16384, 4, 100, 5.0, 136.0, GENERAL_2X),
    ("s-8vcpu-32gb-amd", 32768, 8, 400, 10.0, 168.0, AMD),
    ("m-4vcpu-32gb", 32768, 4, 100, 6.0, 168.0, MEMORY),
    ("c-8", 16384, 8, 100, 6.0, 168.0, CPU),
    ("c2-8vcpu-16gb", 16384, 8, 200, 6.0, 188.0, CPU_2X),
    (
        "s-8vcpu-32gb-640gb-intel",
        32768,
        8,
        640,
        10.0,
        192.0,
        INTEL,
    ),
    ("g-8vcpu-32gb", 32768, 8, 100, 6.0, 252.0, GENERAL),
    ("so-4vcpu-32gb", 32768, 4, 600, 6.0, 262.0, STORAGE),
    ("gd-8vcpu-32gb", 32768, 8, 200, 6.0, 272.0, GENERAL_2X),
    ("m-8vcpu-64gb", 65536, 8, 200, 7.0, 336.0, MEMORY),
    ("c-16", 32768, 16, 200, 7.0, 336.0, CPU),
    ("c2-16vcpu-32gb", 32768, 16, 400, 7.0, 376.0, CPU_2X),
    ("g-16vcpu-64gb", 65536, 16, 200, 7.0, 504.0, GENERAL),
    ("so-8vcpu-64gb", 65536, 8, 1200, 7.0, 524.0, STORAGE),
    ("gd-16vcpu-64gb", 65536, 16, 400, 7.0, 544.0, GENERAL_2X),
    ("m-16vcpu-128gb", 131_072, 16, 400, 8.0, 672.0, MEMORY),
    ("c-32", 65536, 32, 400, 9.0, 672.0, CPU),
    ("c2-32vcpu-64gb", 65536, 32, 800, 9.0, 752.0, CPU_2X),
    ("m-24vcpu-192gb", 196_608, 24, 600, 9.0, 1008.0, MEMORY),
    ("g-32vcpu-128gb", 131_072, 32, 400, 8.0, 1008.0, GENERAL),
    ("gd-32vcpu-128gb", 131_072, 32, 800, 8.0, 1088.0, GENERAL_2X),
    ("g-40vcpu-160gb", 163_840, 40, 500, 9.0, 1260.0, GENERAL),
    ("m-32vcpu-256gb", 262_144, 32, 800, 10.0, 1344.0, MEMORY),
];

/// The plans that 2018 replaced, at their prices.
const OLD_SIZES: [SizeRow; 9] = [
    ("512mb", 512, 1, 20, 1.0, 5.0, "Legacy"),
    ("1gb", 1024, 1, 30, 2.0, 10.0, "Legacy"),
    ("2gb", 2048, 2, 40, 3.0, 20.0, "Legacy"),
    ("4gb", 4096, 2, 60, 4.0, 40.0, "Legacy"),
    ("8gb", 8192, 4, 80, 5.0, 80.0, "Legacy"),
    ("16gb", 16384, 8, 160, 6.0, 160.0, "Legacy"),
    ("32gb", 32768, 12, 320, 7.0, 320.0, "Legacy"),
    ("48gb", 49152, 16, 480, 8.0, 480.0, "Legacy"),
    ("64gb", 65536, 20, 640, 9.0, 640.0, "Legacy"),
];

/// Id, slug, distribution, name, smallest disk in GB, size in GB, created.
///
/// The ids are invented but fixed: a saved world refers to images by them.
type ImageRow = (
    u64,
    &'static str,
    &'static str,
    &'static str,
    u64,
    f64,
    &'static str,
);

const IMAGES: [ImageRow; 17] = [
    (
        210_000_101,
        "debian-12-x64",
        "Debian",
        "12 x64",
        7,
        0.65,
        "2026-09-02T14:00:01Z",
    ),
    (
        210_000_102,
        "debian-13-x64",
        "Debian",
        "13 x64",
        7,
        0.68,
        "2026-10-07T14:00:02Z",
    ),
    (
        210_000_103,
        "ubuntu-22-04-x64",
        "Ubuntu",
        "22.04 (LTS) x64",
        7,
        0.7,
        "2026-10-01T09:30:00Z",
    ),
    (
        210_000_104,
        "ubuntu-24-04-x64",
        "Ubuntu",
        "24.04 (LTS) x64",
        10,
        0.62,
        "2026-10-01T09:45:00Z",
    ),
    (
        210_000_105,
        "ubuntu-26-04-x64",
        "Ubuntu",
        "26.04 (LTS) x64",
        10,
        0.66,
        "2026-10-01T10:00:00Z",
    ),
    (
        210_000_106,
        "fedora-42-x64",
        "Fedora",
        "42 x64",
        15,
        1.2,
        "2026-04-22T11:00:00Z",
    ),
    (
        210_000_107,
        "fedora-43-x64",
        "Fedora",
        "43 x64",
        15,
        1.25,
        "2026-05-06T11:00:00Z",
    ),
    (
        210_000_108,
        "almalinux-8-x64",
        "AlmaLinux",
        "8 x64",
        10,
        1.05,
        "2026-06-03T08:00:00Z",
    ),
    (
        210_000_109,
        "almalinux-9-x64",
        "AlmaLinux",
        "9 x64",
        10,
        1.1,
        "2026-06-03T08:10:00Z",
    ),
    (
        210_000_110,
        "almalinux-10-x64",
        "AlmaLinux",
        "10 x64",
        10,
        1.15,
        "2026-06-03T08:20:00Z",
    ),
    (
        210_000_111,
        "rockylinux-8-x64",
        "Rocky Linux",
        "8 x64",
        10,
        1.9,
        "2026-06-10T08:00:00Z",
    ),
    (
        210_000_112,
        "rockylinux-9-x64",
        "Rocky Linux",
        "9 x64",
        10,
        1.85,
        "2026-06-10T08:10:00Z",
    ),
    (
        210_000_113,
        "rockylinux-10-x64",
        "Rocky Linux",
        "10 x64",
        10,
        1.8,
        "2026-06-10T08:20:00Z",
    ),
    (
        210_000_114,
        "centos-stream-9-x64",
        "CentOS",
        "9 Stream x64",
        10,
        1.6,
        "2026-05-20T08:00:00Z",
    ),
    (
        210_000_115,
        "centos-stream-10-x64",
        "CentOS",
        "10 Stream x64",
        10,
        1.5,
        "2026-05-20T08:10:00Z",
    ),
    (
        210_000_201,
        "docker-20-04",
        "Ubuntu",
        "Docker on Ubuntu",
        25,
        2.1,
        "2026-03-11T16:00:00Z",
    ),
    (
        210_000_202,
        "wordpress-20-04",
        "Ubuntu",
        "WordPress on Ubuntu",
        25,
        2.4,
        "2026-03-12T16:00:00Z",
    ),
];

/// From this id on the images above are applications.
const FIRST_APPLICATION: u64 = 210_000_200;

const OLD_IMAGES: [ImageRow; 14] = [
    (
        6_000_101,
        "debian-6-0-x64",
        "Debian",
        "6.0 x64",
        20,
        0.5,
        "2014-10-10T10:00:00Z",
    ),
    (
        6_000_102,
        "debian-7-0-x64",
        "Debian",
        "7.0 x64",
        20,
        0.5,
        "2015-01-28T10:00:00Z",
    ),
    (
        6_000_103,
        "debian-8-x64",
        "Debian",
        "8 x64",
        20,
        0.6,
        "2015-06-25T10:00:00Z",
    ),
    (
        6_000_104,
        "ubuntu-12-04-x64",
        "Ubuntu",
        "12.04 x64",
        20,
        0.5,
        "2015-01-08T10:00:00Z",
    ),
    (
        6_000_105,
        "ubuntu-14-04-x64",
        "Ubuntu",
        "14.04 x64",
        20,
        0.55,
        "2015-01-08T11:00:00Z",
    ),
    (
        6_000_106,
        "ubuntu-14-10-x64",
        "Ubuntu",
        "14.10 x64",
        20,
        0.55,
        "2015-01-08T12:00:00Z",
    ),
    (
        6_000_107,
        "centos-6-5-x64",
        "CentOS",
        "6.5 x64",
        20,
        0.6,
        "2014-11-05T10:00:00Z",
    ),
    (
        6_000_108,
        "centos-7-0-x64",
        "CentOS",
        "7 x64",
        20,
        0.6,
        "2014-12-05T10:00:00Z",
    ),
    (
        6_000_109,
        "fedora-20-x64",
        "Fedora",
        "20 x64",
        20,
        0.6,
        "2014-09-15T10:00:00Z",
    ),
    (
        6_000_110,
        "fedora-21-x64",
        "Fedora",
        "21 x64",
        20,
        0.6,
        "2014-12-15T10:00:00Z",
    ),
    (
        6_000_111,
        "coreos-stable",
        "CoreOS",
        "557.2.0 (stable)",
        20,
        0.4,
        "2015-02-04T10:00:00Z",
    ),
    (
        6_000_112,
        "coreos-beta",
        "CoreOS",
        "584.0.0 (beta)",
        20,
        0.4,
        "2015-02-05T10:00:00Z",
    ),
    (
        6_000_113,
        "coreos-alpha",
        "CoreOS",
        "598.0.0 (alpha)",
        20,
        0.4,
        "2015-02-11T10:00:00Z",
    ),
    (
        6_000_114,
        "freebsd-10-1-x64",
        "FreeBSD",
        "10.1",
        20,
        0.6,
        "2015-01-14T10:00:00Z",
    ),
];

impl Catalog {
    /// The catalog; `without_ipv6` names regions that lack the feature, for those who test that.
    pub(super) fn new(without_ipv6: &[String]) -> Self {
        let open: Vec<String> = REGIONS
            .iter()
            .filter(|region| region.2)
            .map(|region| region.0.to_owned())
            .collect();
        let today = SIZES.iter().map(|row| size(row, &open, false));
        let old = OLD_SIZES.iter().map(|row| size(row, &open, true));
        let sizes: Vec<Size> = today.chain(old).collect();
        let today = IMAGES.iter().map(|row| image(row, &open, false));
        let old = OLD_IMAGES.iter().map(|row| image(row, &open, true));
        let images = today.chain(old).collect();
        let regions = REGIONS
            .iter()
            .map(|(slug, name, available)| Region {
                name: (*name).to_owned(),
                slug: (*slug).to_owned(),
                features: FEATURES
                    .iter()
                    .filter(|name| **name != "ipv6" || !without_ipv6.iter().any(|s| s == slug))
                    .map(|name| (*name).to_owned())
                    .collect(),
                available: *available,
                sizes: sizes
                    .iter()
                    .filter(|size| size.regions.iter().any(|region| region == slug))
                    .map(|size| size.slug.clone())
                    .collect(),
            })
            .collect();
        Self {
            regions,
            sizes,
            images,
        }
    }

    pub(super) fn region(&self, slug: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.slug == slug)
    }

    /// A region's place in the list, which gives its networks their numbers.
    pub(super) fn region_number(&self, slug: &str) -> Option<u16> {
        let place = self.regions.iter().position(|region| region.slug == slug)?;
        u16::try_from(place).ok()
    }

    pub(super) fn size(&self, slug: &str) -> Option<&Size> {
        self.sizes.iter().find(|size| size.slug == slug)
    }

    pub(super) fn image_by_slug(&self, slug: &str) -> Option<&Image> {
        self.images
            .iter()
            .find(|image| image.slug.as_deref() == Some(slug))
    }

    pub(super) fn image(&self, id: u64) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }
}

impl Region {
    pub(super) fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|have| have == feature)
    }
}

fn size(row: &SizeRow, open: &[String], sandbox_only: bool) -> Size {
    let (slug, memory, vcpus, disk, transfer, price_monthly, description) = *row;
    let regions = if slug == "s-1vcpu-512mb-10gb" {
        FEW.iter().map(|slug| (*slug).to_owned()).collect()
    } else {
        open.to_vec()
    };
    Size {
        slug: slug.to_owned(),
        memory,
        vcpus,
        disk,
        transfer,
        price_monthly,
        // A month is billed as 28 days of hours; five places, as the service publishes them.
        price_hourly: (price_monthly / 672.0 * 100_000.0).round() / 100_000.0,
        regions,
        available: true,
        description: description.to_owned(),
        disk_info: vec![DiskInfo::local(disk)],
        sandbox_only,
    }
}

fn image(row: &ImageRow, open: &[String], sandbox_only: bool) -> Image {
    let (id, slug, distribution, name, min_disk_size, size_gigabytes, created_at) = *row;
    let application = id > FIRST_APPLICATION;
    Image {
        id,
        name: name.to_owned(),
        distribution: distribution.to_owned(),
        slug: Some(slug.to_owned()),
        public: true,
        regions: open.to_vec(),
        created_at: created_at.to_owned(),
        min_disk_size,
        kind: if application { "snapshot" } else { "base" },
        size_gigabytes,
        description: format!("{distribution} {name}"),
        tags: Vec::new(),
        status: "available",
        error_message: "",
        application,
        sandbox_only,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn slugs_and_ids_are_unique() {
        let catalog = Catalog::new(&[]);
        let sizes: HashSet<_> = catalog.sizes.iter().map(|size| &size.slug).collect();
        assert_eq!(sizes.len(), catalog.sizes.len());
        let slugs: HashSet<_> = catalog.images.iter().map(|image| &image.slug).collect();
        assert_eq!(slugs.len(), catalog.images.len());
        let ids: HashSet<_> = catalog.images.iter().map(|image| image.id).collect();
        assert_eq!(ids.len(), catalog.images.len());
    }

    #[test]
    fn prices_are_those_of_the_price_list() {
        let catalog = Catalog::new(&[]);
        let of = |slug: &str| {
            let size = catalog.size(slug).unwrap();
            serde_json::to_value(size).unwrap()
        };
        assert_eq!(of("s-1vcpu-1gb")["price_monthly"], 6);
        assert_eq!(of("s-1vcpu-1gb")["price_hourly"], 0.00893);
        assert_eq!(of("1gb")["price_monthly"], 10);
        assert_eq!(of("512mb")["price_hourly"], 0.00744);
    }

    #[test]
    fn only_old_slugs_say_that_the_sandbox_alone_has_them() {
        let catalog = Catalog::new(&[]);
        let marked = |value: serde_json::Value| value.get("sandbox_only").is_some();
        let size = |slug: &str| serde_json::to_value(catalog.size(slug)).unwrap();
        let image = |slug: &str| serde_json::to_value(catalog.image_by_slug(slug)).unwrap();
        assert!(marked(size("1gb")) && marked(image("debian-7-0-x64")));
        assert!(!marked(size("s-1vcpu-1gb")) && !marked(image("debian-13-x64")));
    }

    #[test]
    fn a_region_can_be_made_to_lack_ipv6() {
        let catalog = Catalog::new(&["nyc2".to_owned()]);
        assert!(!catalog.region("nyc2").unwrap().has("ipv6"));
        assert!(catalog.region("nyc3").unwrap().has("ipv6"));
        assert!(catalog.region("nyc2").unwrap().has("backups"));
    }

    #[test]
    fn closed_regions_are_listed_and_offer_nothing() {
        let catalog = Catalog::new(&[]);
        for slug in ["sfo1", "ams2"] {
            let region = catalog.region(slug).unwrap();
            assert!(!region.available && region.sizes.is_empty());
        }
        assert!(
            catalog
                .region("nyc3")
                .unwrap()
                .sizes
                .contains(&"1gb".into())
        );
        assert!(
            !catalog
                .region("nyc3")
                .unwrap()
                .sizes
                .contains(&"s-1vcpu-512mb-10gb".into())
        );
    }
}
