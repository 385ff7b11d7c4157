use serde_json::Value as Json;

use crate::model::{AccountView, Catalog, Desired, Diagnostic, Image, Region, Size, nearest};

mod existing;
mod ipv6;
mod rebuilt;

use super::Facts;
use super::server::{DESTROY_FIRST, IMAGE, IMAGE_ID, KIND, REGION, REPLACE, SIZE};

/// Everything about servers that would otherwise fail after the first of them was paid for.
pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    existing::note(facts, found);
    ipv6::check(facts, found);
    check_offered(facts, found);
    for (account, view) in facts.accounts {
        let Some(catalog) = &view.catalog else {
            continue;
        };
        let new: Vec<&Desired> = facts
            .planned()
            .filter(|desired| desired.address.kind() == KIND.name && desired.account == *account)
            .filter(|desired| facts.kept(&desired.address).is_none())
            .collect();
        for desired in &new {
            check_selection(desired, catalog, found);
        }
        existing::check(facts, account, catalog, found);
        rebuilt::check(facts, account, catalog, found);
        // What goes first makes room for what comes.
        let goes_first = |desired: &&Desired| {
            facts.bound(&desired.address).is_some() && desired.text(REPLACE) == Some(DESTROY_FIRST)
        };
        let mut more = new.clone();
        more.retain(|desired| !goes_first(desired));
        check_limit(facts, (account, view), catalog, &more, found);
        note_sandbox_only(&new, catalog, found);
    }
}

/// What no server of an account's provider can be made with.
fn check_offered(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    for desired in facts.planned() {
        let (kind, view) = (desired.address.kind(), facts.accounts.get(&desired.account));
        let Some(capabilities) = view.map(|view| view.capabilities) else {
            continue;
        };
        let lacks = capabilities.lacks.iter();
        for (_, lacking) in lacks.filter(|(of, _)| *of == kind && kind == KIND.name) {
            let wanted = desired.known(lacking);
            if let Some(attribute) = KIND.attribute(lacking)
                && wanted.is_some_and(|wanted| *wanted != Json::Bool(false))
            {
                let (about, name) = (attribute.about, desired.address.name());
                found.push(
                    error(
                        desired,
                        lacking,
                        format!("server {name} cannot have {about}"),
                    )
                    .detail(format!("{} does not offer it", capabilities.provider))
                    .hint("leave it out, or name another account with `provider`"),
                );
            }
        }
    }
}

fn check_selection(desired: &Desired, catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    let Selection {
        region,
        size,
        image,
    } = Selection::of(desired, catalog, found);
    let name = desired.address.name();
    if let (Some(region), Some(size)) = (region, size)
        && size.unusable.is_none()
        && !(size.regions.contains(&region.slug) && size.available)
    {
        let offered: Vec<&str> = catalog
            .sizes
            .iter()
            .filter(|other| other.is_usable() && other.regions.contains(&region.slug))
            .map(|other| other.slug.as_str())
            .collect();
        found.push(
            error(
                desired,
                SIZE,
                format!("size {} is not offered in {}", size.slug, region.slug),
            )
            .detail(format!("server {name} cannot be created there"))
            .hint(near(&size.slug, &offered, "sizes")),
        );
    }
    if let Some(size) = size
        && let Some(why) = &size.unusable
    {
        found.push(
            error(
                desired,
                SIZE,
                format!("no server can be made with size {} here", size.slug),
            )
            .detail(why)
            .hint("choose another size; `cloudbuilder catalog sizes` lists them all"),
        );
    }
    if let (Some(region), Some(image)) = (region, image)
        && !image.regions.contains(&region.slug)
    {
        let selector = desired.text(IMAGE).unwrap_or_default();
        found.push(
            error(
                desired,
                IMAGE,
                format!("image {selector} is not in {}", region.slug),
            )
            .detail(format!("server {name} cannot be created there"))
            .hint(format!(
                "it is in {}",
                listed(image.regions.iter().map(String::as_str))
            )),
        );
    }
    if let (Some(size), Some(image)) = (size, image)
        && size.memory_mib < image.min_memory_mib
    {
        let selector = desired.text(IMAGE).unwrap_or_default();
        found.push(
            error(
                desired,
                SIZE,
                format!("image {selector} does not run on size {}", size.slug),
            )
            .detail(format!(
                "the image needs {} MiB of memory, the size has {} MiB",
                image.min_memory_mib, size.memory_mib
            ))
            .hint("choose a size with more memory"),
        );
    }
    if let (Some(size), Some(image)) = (size, image)
        // Of an OpenStack, none says that the disk is as large as the image needs.
        && size.disk_gb > 0
        && size.disk_gb < image.min_disk_gb
    {
        let selector = desired.text(IMAGE).unwrap_or_default();
        found.push(
            error(
                desired,
                SIZE,
                format!("image {selector} does not fit on size {}", size.slug),
            )
            .detail(format!(
                "the image needs a disk of {} GB, the size has {} GB",
                image.min_disk_gb, size.disk_gb
            ))
            .hint("choose a size with a larger disk"),
        );
    }
}

fn usable_sizes(catalog: &Catalog) -> Vec<&str> {
    let usable = catalog.sizes.iter();
    usable
        .filter(|size| size.unusable.is_none() && !size.sandbox_only)
        .map(|size| size.slug.as_str())
        .collect()
}

/// What a server's three slugs stand for in the catalog.
struct Selection<'a> {
    region: Option<&'a Region>,
    size: Option<&'a Size>,
    image: Option<&'a Image>,
}

impl<'a> Selection<'a> {
    /// Looks the slugs up and reports those that are unknown.
    fn of(desired: &Desired, catalog: &'a Catalog, found: &mut Vec<Diagnostic>) -> Self {
        let selected = |attribute| desired.text(attribute).unwrap_or_default();
        let region = catalog.region(selected(REGION));
        match region {
            // An account that is one region need not be told.
            None if !desired.attributes.contains_key(REGION) => {}
            None => {
                let open = catalog.regions.iter().filter(|region| region.available);
                let slugs: Vec<&str> = open.map(|region| region.slug.as_str()).collect();
                found.push(unknown(desired, REGION, catalog, &slugs));
            }
            Some(region) if !region.available => {
                let open = catalog.regions.iter().filter(|region| region.available);
                let slugs: Vec<&str> = open.map(|region| region.slug.as_str()).collect();
                found.push(
                    error(
                        desired,
                        REGION,
                        format!("region {} takes no new servers", region.slug),
                    )
                    .hint(near(&region.slug, &slugs, "regions")),
                );
            }
            Some(_) => {}
        }
        let size = catalog.size(selected(SIZE));
        if size.is_none() && desired.attributes.contains_key(SIZE) {
            found.push(unknown(desired, SIZE, catalog, &usable_sizes(catalog)));
        }
        let id = desired.text(IMAGE_ID);
        let image = catalog.image(id.unwrap_or_else(|| selected(IMAGE)));
        // What a pattern means, or does not, was said when it was looked up.
        if image.is_none() && desired.attributes.contains_key(IMAGE) {
            let slugs: Vec<&str> = catalog
                .images
                .iter()
                .filter(|image| !image.sandbox_only)
                .map(|image| image.slug.as_deref().unwrap_or(&image.name))
                .collect();
            found.push(unknown(desired, IMAGE, catalog, &slugs));
        }
        Self {
            region,
            size,
            image,
        }
    }
}

fn unknown(desired: &Desired, attribute: &str, catalog: &Catalog, slugs: &[&str]) -> Diagnostic {
    let slug = desired.text(attribute).unwrap_or_default();
    let diagnostic = error(
        desired,
        attribute,
        format!("the account has no {attribute} `{slug}`"),
    );
    match catalog.successors.get(slug) {
        Some(successor) => diagnostic
            .detail("it was withdrawn by the provider")
            .hint(format!(
                "the nearest of today is `{successor}`; it is not the same"
            )),
        None => diagnostic.hint(near(slug, slugs, &format!("{attribute}s"))),
    }
}

fn near(slug: &str, slugs: &[&str], listing: &str) -> String {
    let all = format!("`cloudbuilder catalog {listing}` lists them all");
    match nearest(slug, slugs.iter().copied()) {
        Some(near) if near != slug => format!("did you mean `{near}`? {all}"),
        _ => all,
    }
}

fn check_limit(
    facts: &Facts<'_>,
    (account, view): (&str, &AccountView),
    catalog: &Catalog,
    new: &[&Desired],
    found: &mut Vec<Diagnostic>,
) {
    let Some(limit) = catalog.server_limit else {
        return;
    };
    let left_out = view.left_out.get(KIND.name).copied().unwrap_or_default();
    let servers = facts.of_kind(KIND.name);
    let existing = servers.filter(|server| *server.account == *account).count() as u64 + left_out;
    let count = new.len() as u64;
    if count == 0 || existing + count <= limit {
        return;
    }
    let account = match facts.accounts.len() {
        0 | 1 => "the account".to_owned(),
        _ => format!("the account `{account}`"),
    };
    // Those are there twice until the old one goes.
    let twice: Vec<&str> = new
        .iter()
        .filter(|desired| facts.bound(&desired.address).is_some())
        .map(|desired| desired.address.name())
        .collect();
    let would_do = existing + count - twice.len() as u64 <= limit;
    let others = "ask the provider for a higher limit, or delete servers first";
    let hint = match would_do {
        true => format!(
            "write \"replace\": \"destroy-first\" for {}, which is an outage; or {others}",
            twice.join(", ")
        ),
        false => others.to_owned(),
    };
    found.push(
        Diagnostic::error(format!("{account} may have {limit} servers"))
            .detail(format!(
                "it has {existing}, and this plan would add {count}"
            ))
            .hint(hint),
    );
}

/// The sandbox knows slugs that are long withdrawn; nobody should take that for the real thing.
fn note_sandbox_only(new: &[&Desired], catalog: &Catalog, found: &mut Vec<Diagnostic>) {
    let mut slugs: Vec<&str> = Vec::new();
    for desired in new {
        let size = desired
            .text(SIZE)
            .filter(|slug| catalog.size(slug).is_some_and(|s| s.sandbox_only));
        let image = desired
            .text(IMAGE)
            .filter(|slug| catalog.image(slug).is_some_and(|i| i.sandbox_only));
        for slug in size.into_iter().chain(image) {
            if !slugs.contains(&slug) {
                slugs.push(slug);
            }
        }
    }
    for slug in slugs {
        let note = Diagnostic::note(format!("only the sandbox still has `{slug}`"));
        found.push(match catalog.successors.get(slug) {
            Some(successor) => note.detail(format!(
                "a real account would refuse it; the nearest there is `{successor}`"
            )),
            None => note.detail("a real account would refuse it"),
        });
    }
}

fn error(desired: &Desired, attribute: &str, summary: String) -> Diagnostic {
    Diagnostic::error(summary).at(desired.place_of(attribute))
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
