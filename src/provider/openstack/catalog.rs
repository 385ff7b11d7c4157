use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Catalog, Image, Region, Size, nearest};
use crate::provider::{Class, Error};

use super::client::{ReadClient, Service};
use super::profile::Profile;
use super::wire::glance::{self, Images};
use super::wire::nova::{
    Absolute, Flavor, Flavors, Image as NovaImage, Images as NovaImages, LimitsAnswer,
};

/// Everything on offer in the account's region. Nothing says what it costs.
pub(super) async fn read(client: &ReadClient) -> Result<Catalog, Error> {
    let region = client.region().await?;
    let (flavors, images) = tokio::try_join!(flavors(client), images(client))?;
    Ok(Catalog {
        sizes: flavors
            .iter()
            .map(|flavor| size(flavor, client.profile(), &region))
            .collect(),
        images: images.iter().map(|it| image(it, &region)).collect(),
        regions: vec![Region {
            name: region.clone(),
            slug: region,
            // What there is depends on the networks.
            features: BTreeSet::new(),
            available: true,
        }],
        // What the quotas allow is said with everything else that `resolve` finds.
        server_limit: None,
        successors: BTreeMap::new(),
    })
}

pub(super) async fn limits(client: &ReadClient) -> Result<Absolute, Error> {
    let answer: LimitsAnswer = client.get(Service::Compute, "/limits").await?;
    Ok(answer.limits.absolute)
}

/// Every flavor; asked for once.
pub(super) async fn flavors(client: &ReadClient) -> Result<&[Flavor], Error> {
    let ask = || {
        let path = "/flavors/detail";
        client.pages::<Flavors, _>(Service::Compute, path, |flavor| flavor)
    };
    let all = client.flavors.get_or_try_init(ask).await?;
    Ok(all)
}

/// Every image that can be used, the newest first; asked for once.
pub(super) async fn images(client: &ReadClient) -> Result<&[glance::Image], Error> {
    let ask = || async {
        if !client.profile().has_image_service {
            return of_nova(client).await;
        }
        let path = "/images?status=active&sort=created_at:desc";
        client
            .pages::<Images, _>(Service::Image, path, |image| image)
            .await
    };
    let all = client.images.get_or_try_init(ask).await?;
    Ok(all)
}

/// The same where there is no Glance to ask.
async fn of_nova(client: &ReadClient) -> Result<Vec<glance::Image>, Error> {
    let path = "/images/detail";
    let mut images = client
        .pages::<NovaImages, _>(Service::Compute, path, |image| image)
        .await?;
    images.retain(|image| image.status.eq_ignore_ascii_case("ACTIVE"));
    // All in one form, so that their texts are in the order of time.
    images.sort_by(|a, b| b.created.cmp(&a.created));
    let images = images.into_iter();
    Ok(images.map(NovaImage::into_glance).collect())
}

/// The flavor that cloud.json calls so, by name or id.
pub(super) fn flavor<'a>(flavors: &'a [Flavor], size: &str) -> Option<&'a Flavor> {
    let by_name = flavors.iter().find(|flavor| flavor.name == size);
    by_name.or_else(|| flavors.iter().find(|flavor| flavor.id == size))
}

pub(super) async fn flavor_id(client: &ReadClient, size: &str) -> Result<String, Error> {
    let all = flavors(client).await?;
    let found = flavor(all, size).map(|flavor| flavor.id.clone());
    found.ok_or_else(|| {
        let names = all.iter().map(|flavor| flavor.name.as_str());
        let near = nearest(size, names).map_or(String::new(), |near| format!("; there is {near}"));
        Error::new(
            Class::Rejected,
            "GET /flavors/detail",
            format!("there is no size {size}{near}"),
        )
    })
}

/// The id of the image that is called so. Of several with a name, none: which one is for whoever
/// plans to say.
pub(super) async fn image_id(client: &ReadClient, image: &str) -> Result<String, Error> {
    let all = images(client).await?;
    let refused = |message: String| Err(Error::new(Class::Rejected, "GET /images", message));
    if let Some(found) = all.iter().find(|other| other.id == image) {
        return Ok(found.id.clone());
    }
    let named: Vec<&glance::Image> = all
        .iter()
        .filter(|other| other.name.as_deref() == Some(image))
        .collect();
    match named.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            let names = all.iter().filter_map(|image| image.name.as_deref());
            let near = nearest(image, names);
            let near = near.map_or(String::new(), |near| format!("; there is {near}"));
            refused(format!("there is no image {image}{near}"))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|image| image.id.as_str()).collect();
            refused(format!(
                "several images are called {image}: {}",
                ids.join(", ")
            ))
        }
    }
}

fn size(flavor: &Flavor, profile: Profile, region: &str) -> Size {
    let (slug, name) = match profile.sizes_by_id {
        true => (flavor.id.clone(), Some(flavor.name.clone())),
        false => (flavor.name.clone(), None),
    };
    Size {
        slug,
        id: Some(flavor.id.clone()),
        name,
        vcpus: flavor.vcpus,
        memory_mib: flavor.ram,
        disk_gb: flavor.disk,
        regions: [region.to_owned()].into(),
        available: !flavor.disabled,
        ..Size::default()
    }
}

/// Images go by their names, which need not be theirs alone.
fn image(image: &glance::Image, region: &str) -> Image {
    Image {
        id: image.id.clone(),
        name: image.name.clone().unwrap_or_default(),
        regions: [region.to_owned()].into(),
        min_disk_gb: image.min_disk,
        min_memory_mib: image.min_ram,
        // One in a form that nobody knows says as little as none.
        created: image.created_at.as_ref().and_then(|at| at.parse().ok()),
        ..Image::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::openstack::profile::OPENSTACK;
    use crate::provider::openstack::wire::Page as _;

    #[test]
    fn recorded_answers_become_a_catalog() {
        let text = include_str!("../../../fixtures/openstack/flavors.json");
        let page: Flavors = serde_json::from_str(text).unwrap();
        let (flavors, _) = page.split();
        let small = flavor(&flavors, "m1.small").unwrap();
        assert_eq!(flavor(&flavors, &small.id).unwrap().name, "m1.small");
        let small = size(small, OPENSTACK, "RegionOne");
        assert_eq!(
            (small.vcpus, small.memory_mib, small.disk_gb),
            (1, 2048, 20)
        );
        assert!(small.available && small.monthly.is_none());
        assert_ne!(small.id.as_deref(), Some("m1.small"));

        let text = include_str!("../../../fixtures/openstack/images.json");
        let page: Images = serde_json::from_str(text).unwrap();
        let (images, _) = page.split();
        let debian = image(&images[0], "RegionOne");
        assert_eq!(debian.name, "debian-12");
        assert!(debian.created.is_some());
    }
}
