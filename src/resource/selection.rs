//! Which size and which image of the catalog a server of cloud.json means.

use crate::config::{Candidate, Selection, Selector, Server, Spanned, select};
use crate::model::{Catalog, Diagnostic, Image, Recorded, Size, Value};

use super::server::{IMAGE, IMAGE_ID, SIZE, SIZE_ID};

/// As many candidates as an error names.
const NAMED: usize = 5;

/// What a choice depends on.
pub(super) struct Choice<'a> {
    pub(super) wanted: &'a Server,
    pub(super) recorded: Option<&'a Recorded>,
    /// What the account can use, if that was looked up.
    pub(super) catalog: Option<&'a Catalog>,
    /// Whether the provider goes by ids.
    pub(super) by_id: bool,
}

type Pairs = Vec<(&'static str, Value)>;

impl Choice<'_> {
    /// The attributes that say which size. What was chosen before stays, as long as it is one that
    /// is meant; what means nothing, or several things, is reported and left out.
    pub(super) fn size(&self, notes: &mut Vec<Diagnostic>) -> Pairs {
        let selector = &self.wanted.size;
        if let Some(kept) = self.kept(&selector.value, SIZE, SIZE_ID) {
            return kept;
        }
        let Some(catalog) = self.catalog else {
            return vec![(SIZE, selector.value.text().into())];
        };
        let here = |size: &&Size| self.is_here(size.regions.contains(self.region()));
        let sizes: Vec<&Size> = catalog.sizes.iter().filter(here).collect();
        match select(&selector.value, &sizes, describe_size) {
            Selection::One(size) => {
                let mut pairs = vec![(SIZE, size.slug.as_str().into())];
                let id = size.id.as_deref().unwrap_or(&size.slug);
                if self.by_id {
                    pairs.push((SIZE_ID, id.into()));
                }
                pairs
            }
            Selection::None => self.nothing(SIZE, selector, notes),
            Selection::Several(sizes) => {
                let names = sizes.iter().map(|size| size.slug.clone()).collect();
                notes.push(self.several(SIZE, selector, names, false));
                Vec::new()
            }
        }
    }

    /// As [`Self::size`]. An image that would be chosen anew is no reason to change a server.
    pub(super) fn image(&self, notes: &mut Vec<Diagnostic>) -> Pairs {
        let selector = &self.wanted.image;
        if let Some(kept) = self.kept(&selector.value, IMAGE, IMAGE_ID) {
            return kept;
        }
        let Some(catalog) = self.catalog else {
            return vec![(IMAGE, selector.value.text().into())];
        };
        let here = |image: &&Image| self.is_here(image.regions.contains(self.region()));
        let images: Vec<&Image> = catalog.images.iter().filter(here).collect();
        match select(&selector.value, &images, describe_image) {
            Selection::One(image) => {
                let mut pairs = vec![(IMAGE, self.called(image).into())];
                if self.by_id {
                    pairs.push((IMAGE_ID, image.id.as_str().into()));
                }
                pairs
            }
            Selection::None => self.nothing(IMAGE, selector, notes),
            Selection::Several(images) => {
                let names = images
                    .iter()
                    .map(|image| self.name_with_id(image))
                    .collect();
                notes.push(self.several(IMAGE, selector, names, true));
                Vec::new()
            }
        }
    }

    fn region(&self) -> &str {
        let region = self.wanted.region.as_ref();
        region.map_or("", |region| region.value.as_str())
    }

    /// What plans call an image: by its name where it goes by its id otherwise.
    fn called<'i>(&self, image: &'i Image) -> &'i str {
        match &image.slug {
            Some(slug) => slug,
            None if self.by_id => &image.name,
            None => &image.id,
        }
    }

    /// Names may be given twice.
    fn name_with_id(&self, image: &Image) -> String {
        match image.slug {
            None if self.by_id => format!("{} ({})", image.name, image.id),
            _ => self.called(image).to_owned(),
        }
    }

    /// A pattern means what there is in the server's region. What is named exactly is looked at
    /// wherever it is, so that it can be said that it is not there.
    fn is_here(&self, in_region: bool) -> bool {
        let is_pattern = self.wanted.size.value.is_glob() || self.wanted.image.value.is_glob();
        in_region || self.wanted.region.is_none() || !is_pattern
    }

    /// What the state says, if that is one of those that are meant.
    fn kept(&self, selector: &Selector, name: &'static str, id: &'static str) -> Option<Pairs> {
        let recorded = self.recorded?;
        let (text, by) = (recorded.text(name)?, recorded.text(id));
        let candidate = Candidate {
            slug: Some(text),
            name: Some(text),
            id: by.or(Some(text)),
            created: None,
        };
        // The region may be another one, and that is reported; but this is another question.
        selector.matches(candidate).then(|| {
            let id = by.map(|by| (id, by.into()));
            [(name, text.into())].into_iter().chain(id).collect()
        })
    }

    /// An exact name that is not there is looked up once more, with everything else about the
    /// server, and reported then.
    fn nothing(
        &self,
        attribute: &'static str,
        selector: &Spanned<Selector>,
        notes: &mut Vec<Diagnostic>,
    ) -> Pairs {
        if !selector.value.is_glob() {
            return vec![(attribute, selector.value.text().into())];
        }
        let there = match self.region() {
            "" => String::new(),
            region => format!(" in {region}"),
        };
        notes.push(
            Diagnostic::error(format!(
                "no {attribute}{there} matches `{}`",
                selector.value.text()
            ))
            .detail(format!(
                "server {} cannot be created",
                self.wanted.name.value
            ))
            .hint(format!(
                "`cloudbuilder catalog {attribute}s` lists them all"
            ))
            .at(selector.place.clone()),
        );
        Vec::new()
    }

    fn several(
        &self,
        attribute: &'static str,
        selector: &Spanned<Selector>,
        mut names: Vec<String>,
        has_newest: bool,
    ) -> Diagnostic {
        names.sort_unstable();
        let count = names.len();
        let more = match count.saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        names.truncate(NAMED);
        let text = selector.value.text();
        let hint = if has_newest && !selector.value.is_newest() {
            format!("write one of them, or {{\"name\": \"{text}\", \"newest\": true}}")
        } else {
            "write one of them".to_owned()
        };
        Diagnostic::error(format!("`{text}` means {count} {attribute}s"))
            .detail(format!("they are {}{more}", names.join(", ")))
            .hint(hint)
            .at(selector.place.clone())
    }
}

fn describe_size<'c>(size: &&'c Size) -> Candidate<'c> {
    Candidate {
        slug: Some(&size.slug),
        name: size.name.as_deref(),
        id: size.id.as_deref(),
        created: None,
    }
}

fn describe_image<'c>(image: &&'c Image) -> Candidate<'c> {
    Candidate {
        slug: image.slug.as_deref(),
        name: Some(&image.name),
        id: Some(&image.id),
        created: image.created,
    }
}
