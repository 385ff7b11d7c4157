//! Regions and sizes: read only.

use crate::sandbox::answer::{Call, Outcome};
use crate::sandbox::limits::page;
use crate::sandbox::world::World;

pub(in crate::sandbox) fn regions(world: &mut World, call: &Call) -> Outcome {
    let regions = &world.catalog.regions;
    page(call, "regions", regions.len(), regions.iter())
}

pub(in crate::sandbox) fn sizes(world: &mut World, call: &Call) -> Outcome {
    let sizes = &world.catalog.sizes;
    page(call, "sizes", sizes.len(), sizes.iter())
}
