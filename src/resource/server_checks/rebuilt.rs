//! The rules for servers that are made anew where they are.

use serde_json::Value as Json;

use crate::model::{Catalog, Desired, Diagnostic, Observed};
use crate::resource::Facts;
use crate::resource::server::{DISK_GB, IMAGE, KIND, ON_IMAGE_CHANGE, REBUILD, REGION};

use super::{error, listed, near};

/// Everything about the image of such a server that would otherwise fail after the plan was agreed
/// to.
pub(super) fn check(
    facts: &Facts<'_>,
    account: &str,
    catalog: &Catalog,
    found: &mut Vec<Diagnostic>,
) {
    for desired in facts.planned() {
        let recorded = facts.recorded.get(&desired.address);
        let made_from = recorded.and_then(|recorded| recorded.text(IMAGE));
        if let Some(server) = facts.kept(&desired.address)
            && desired.address.kind() == KIND.name
            && desired.account == *account
            && desired.text(ON_IMAGE_CHANGE) == Some(REBUILD)
            && made_from.is_some_and(|made_from| desired.text(IMAGE) != Some(made_from))
        {
            check_image(desired, server, catalog, found);
        }
    }
}

fn check_image(
    desired: &Desired,
    server: &Observed,
    catalog: &Catalog,
    found: &mut Vec<Diagnostic>,
) {
    let Some(selector) = desired.text(IMAGE) else {
        return;
    };
    let name = desired.address.name();
    let Some(image) = catalog.image(selector) else {
        let images = catalog.images.iter().filter(|image| !image.sandbox_only);
        let slugs = images.map(|image| image.slug.as_deref().unwrap_or(&image.name));
        let slugs: Vec<&str> = slugs.collect();
        let summary = format!("the account has no image `{selector}`");
        found.push(error(desired, IMAGE, summary).hint(near(selector, &slugs, "images")));
        return;
    };
    if let Some(region) = server.text(REGION)
        && !image.regions.contains(region)
    {
        let regions = listed(image.regions.iter().map(String::as_str));
        found.push(
            error(
                desired,
                IMAGE,
                format!("image {selector} is not in {region}"),
            )
            .detail(format!("server {name} cannot be rebuilt from it"))
            .hint(format!("it is in {regions}")),
        );
    }
    let disk = server.attributes.get(DISK_GB).and_then(Json::as_u64);
    if let Some(disk) = disk.filter(|disk| *disk < image.min_disk_gb) {
        found.push(
            error(
                desired,
                IMAGE,
                format!("image {selector} does not fit on server {name}"),
            )
            .detail(format!(
                "the image needs a disk of {} GB, the server has {disk} GB",
                image.min_disk_gb
            ))
            .hint("give the server a size with a larger disk and \"disk\": \"grow\" first"),
        );
    }
}
