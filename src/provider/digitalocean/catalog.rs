use crate::model::{Catalog, Image, Money, Region, Size};
use crate::provider::Error;

use super::client::ReadClient;
use super::wire;

/// Slugs of old cloud.json files, each with the one of today that comes nearest. None is equal:
/// disks, prices and what runs on them differ.
const SUCCESSORS: &[(&str, &str)] = &[
    ("512mb", "s-1vcpu-1gb"),
    ("1gb", "s-1vcpu-1gb"),
    ("2gb", "s-2vcpu-2gb"),
    ("4gb", "s-2vcpu-4gb"),
    ("8gb", "s-4vcpu-8gb"),
    ("16gb", "s-8vcpu-16gb"),
    ("32gb", "s-8vcpu-32gb-amd"),
    ("48gb", "g-16vcpu-64gb"),
    ("64gb", "g-16vcpu-64gb"),
    ("debian-6-0-x64", "debian-13-x64"),
    ("debian-7-0-x64", "debian-13-x64"),
    ("debian-8-x64", "debian-13-x64"),
    ("debian-9-x64", "debian-13-x64"),
    ("debian-10-x64", "debian-13-x64"),
    ("debian-11-x64", "debian-13-x64"),
    ("ubuntu-12-04-x64", "ubuntu-24-04-x64"),
    ("ubuntu-14-04-x64", "ubuntu-24-04-x64"),
    ("ubuntu-16-04-x64", "ubuntu-24-04-x64"),
    ("ubuntu-18-04-x64", "ubuntu-24-04-x64"),
    ("ubuntu-20-04-x64", "ubuntu-24-04-x64"),
    ("centos-5-8-x64", "centos-stream-9-x64"),
    ("centos-6-5-x64", "centos-stream-9-x64"),
    ("centos-7-x64", "centos-stream-9-x64"),
    ("centos-7-0-x64", "centos-stream-9-x64"),
    ("coreos-stable", "debian-13-x64"),
    ("coreos-beta", "debian-13-x64"),
    ("coreos-alpha", "debian-13-x64"),
];

/// Everything on offer, with what replaced what is not on offer any more.
pub(super) async fn read(client: &ReadClient) -> Result<Catalog, Error> {
    let (regions, sizes, images) = tokio::join!(
        client.pages::<wire::Regions, _>("/v2/regions", region),
        client.pages::<wire::Sizes, _>("/v2/sizes", size),
        client.pages::<wire::Images, _>("/v2/images", image),
    );
    let successors = SUCCESSORS
        .iter()
        .map(|&(old, new)| (old.to_owned(), new.to_owned()));
    Ok(Catalog {
        regions: regions?,
        sizes: sizes?,
        successors: successors.collect(),
        images: images?,
        server_limit: None,
    })
}

fn region(region: wire::Region) -> Region {
    Region {
        slug: region.slug,
        name: region.name,
        features: region.features.into_iter().collect(),
        available: region.available,
    }
}

/// Why servers with a GPU are not made. They are in no list unless it is asked for them alone, and
/// then it cannot be by tag.
const NO_GPU: &str = "DigitalOcean leaves servers with a GPU out of its lists, so one whose \
    creation is not answered would not be found again, and be made and paid for twice";

fn size(size: wire::Size) -> Size {
    // Both tell, and the description promises neither.
    let has_gpu = size.gpu_info.is_some() || size.slug.starts_with("gpu-");
    Size {
        slug: size.slug,
        id: None,
        name: None,
        description: size.description,
        vcpus: size.vcpus,
        memory_mib: size.memory,
        disk_gb: size.disk,
        transfer_tb: size.transfer,
        monthly: size.price_monthly.map(Money::from_dollars),
        regions: size.regions.into_iter().collect(),
        available: size.available,
        unusable: has_gpu.then(|| NO_GPU.to_owned()),
        sandbox_only: size.sandbox_only,
    }
}

fn image(image: wire::Image) -> Image {
    Image {
        id: image.id.to_string(),
        slug: image.slug,
        distribution: image.distribution,
        name: image.name,
        regions: image.regions.into_iter().collect(),
        min_disk_gb: image.min_disk_size.unwrap_or(0),
        min_memory_mib: 0,
        created: image.created_at,
        sandbox_only: image.sandbox_only,
    }
}
