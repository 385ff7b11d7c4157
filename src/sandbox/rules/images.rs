//! Images: read only; there are no private ones.

use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::catalog::Image;
use crate::sandbox::limits::page;
use crate::sandbox::world::World;

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let kind = call.query("type");
    let private = call.query("private") == Some("true");
    let tag = call.query("tag_name");
    let wanted = |image: &&Image| {
        let kind = match kind {
            Some("distribution") => !image.application,
            Some("application") => image.application,
            _ => true,
        };
        let tagged = tag.is_none_or(|tag| image.tags.iter().any(|have| have == tag));
        kind && tagged && !(private && image.public)
    };
    let images = || world.catalog.images.iter().filter(wanted);
    page(call, "images", images().count(), images())
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    let asked = call.param(0);
    let image = match asked.parse() {
        Ok(id) => world.catalog.image(id),
        Err(_) => world.catalog.image_by_slug(asked),
    };
    let image = image.ok_or_else(Refusal::not_found)?;
    Answer::object(200, "image", image)
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{get, refused, test_world};
    use serde_json::Value;

    #[test]
    fn images_are_found_by_slug_and_by_id() {
        let mut world = test_world();
        let by_slug = get(&mut world, "/v2/images/debian-13-x64");
        let id = &by_slug["image"]["id"];
        assert_eq!(get(&mut world, &format!("/v2/images/{id}")), by_slug);
        let (status, _) = refused(&mut world, "GET", "/v2/images/plan9", &Value::Null);
        assert_eq!(status, 404);
    }

    #[test]
    fn the_list_is_filtered_by_type_and_there_is_nothing_private() {
        let mut world = test_world();
        let total = |world: &mut _, query: &str| {
            let total = get(world, &format!("/v2/images?{query}"))["meta"]["total"].as_u64();
            total.unwrap()
        };
        let all = total(&mut world, "");
        let distributions = total(&mut world, "type=distribution");
        let applications = total(&mut world, "type=application");
        assert!(applications > 0 && distributions > applications);
        assert_eq!(all, distributions + applications);
        assert_eq!(total(&mut world, "private=true"), 0);
    }
}
