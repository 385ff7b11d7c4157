//! What the simulated cloud offers: regions, sizes and images, as data.
//!
//! Beside today's slugs stand those of the flat form's time, so that a `cloud.json` of 2015 can be
//! tried as it is. They carry `"sandbox_only": true`: the live service has dropped them.

mod images;
mod regions;
mod sizes;

use images::{FIRST_APPLICATION, IMAGES, ImageRow, OLD_IMAGES};
use regions::{FEATURES, FEW, REGIONS};
use serde::{Serialize, Serializer};
use sizes::{GPU_SIZES, OLD_SIZES, SIZES, SizeRow};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gpu_info: Option<GpuInfo>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) sandbox_only: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct GpuInfo {
    pub(super) count: u64,
    pub(super) model: &'static str,
    pub(super) vram: DiskAmount,
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

impl Catalog {
    /// The catalog; `without_ipv6` names regions that lack the feature, for those who test that.
    pub(super) fn new(without_ipv6: &[String]) -> Self {
        let open: Vec<String> = REGIONS
            .iter()
            .filter(|region| region.2)
            .map(|region| region.0.to_owned())
            .collect();
        let today = SIZES.iter().map(|row| size(row, &open, false));
        let gpu = GPU_SIZES.iter().map(gpu_size);
        let old = OLD_SIZES.iter().map(|row| size(row, &open, true));
        let sizes: Vec<Size> = today.chain(gpu).chain(old).collect();
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
        gpu_info: None,
        sandbox_only,
    }
}

/// One region has them.
fn gpu_size(row: &SizeRow) -> Size {
    Size {
        gpu_info: Some(GpuInfo {
            count: 1,
            model: "nvidia_h100",
            vram: DiskAmount {
                amount: 80,
                unit: "gib",
            },
        }),
        ..size(row, &["tor1".to_owned()], false)
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
