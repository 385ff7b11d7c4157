//! Images, which have other ids in every region.

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::catalog::{IMAGES, Image, find_image};
use super::super::model::rfc3339;
use super::super::world::World;
use super::pages::page;
use super::view::links;
use serde_json::{Value, json};

/// An image where it is.
type Placed = (String, &'static Image);

fn full(asked: &Ask<'_>, (id, image): &Placed) -> Value {
    json!({
        "id": id,
        "name": image.name,
        "status": "ACTIVE",
        "progress": 100,
        "created": rfc3339(image.created()),
        "updated": rfc3339(image.created()),
        "minDisk": image.min_disk,
        "minRam": image.min_ram,
        "OS-DCF:diskConfig": "AUTO",
        "OS-EXT-IMG-SIZE:size": image.bytes,
        "metadata": {
            "org.openstack__1__os_distro": image.distro,
            "image_type": "base",
            "auto_disk_config": "True",
        },
        "links": links(asked, "images", id),
    })
}

fn brief(asked: &Ask<'_>, (id, image): &Placed) -> Value {
    json!({"id": id, "name": image.name, "links": links(asked, "images", id)})
}

/// The images that the query lets through: a name is a whole name here.
fn found(asked: &Ask<'_>) -> Vec<Placed> {
    let region = asked.region();
    let name = asked.query("name");
    let status = asked.query("status");
    let kind = asked.query("type");
    let wanted = |image: &&Image| {
        name.is_none_or(|name| image.name == name)
            && status.is_none_or(|status| status.eq_ignore_ascii_case("ACTIVE"))
            // Nobody has made an image of a server.
            && kind.is_none_or(|kind| kind.eq_ignore_ascii_case("BASE"))
    };
    let images = IMAGES.iter().filter(wanted);
    images.map(|image| (image.id(&region), image)).collect()
}

pub(in super::super) fn list(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(asked);
    page(asked, "images", &found, |i| &i.0, |i| brief(asked, i))
}

pub(in super::super) fn detail(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let found = found(asked);
    page(asked, "images", &found, |i| &i.0, |i| full(asked, i))
}

pub(in super::super) fn show(_: &mut World, asked: &Ask<'_>) -> Outcome {
    let id = asked.param(0);
    let image = find_image(&asked.region(), id).ok_or_else(|| Fault::no_such("Image"))?;
    let placed = (id.to_owned(), image);
    Answer::json(200, &json!({"image": full(asked, &placed)}))
}
