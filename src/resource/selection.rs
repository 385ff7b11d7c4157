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
        let is_it = |size: &&Size, text: &str, _: Option<&str>| size.slug == text;
        let sizes = self.catalog.map(|catalog| catalog.sizes.as_slice());
        let known = self.known_as((SIZE, SIZE_ID), sizes, is_it);
        let known = known.map(|size| describe_size(&size));
        if let Some(kept) = self.kept(&selector.value, (SIZE, SIZE_ID), known) {
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
        let is_it = |image: &&Image, text: &str, id: Option<&str>| match id {
            Some(id) => image.id == id,
            None => self.called(image) == text,
        };
        let images = self.catalog.map(|catalog| catalog.images.as_slice());
        let known = self.known_as((IMAGE, IMAGE_ID), images, is_it);
        let is_opaque = self.catalog.is_some() && known.is_none();
        let known = known.map(|image| describe_image(&image));
        if let Some(kept) = self.kept(&selector.value, (IMAGE, IMAGE_ID), known) {
            return kept;
        }
        // Of an image that is only an id and is no longer there nobody can say what it was called.
        // A server that was made from it is none the worse for that.
        if is_opaque && selector.value.is_glob() && !self.by_id {
            let id = self.recorded.and_then(|recorded| recorded.text(IMAGE));
            let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(id) = id {
                return vec![(IMAGE, id.into())];
            }
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

    /// What the catalog says of what the state names, if it is there still.
    fn known_as<'c, T>(
        &self,
        (name, id): (&str, &str),
        all: Option<&'c [T]>,
        is_it: impl Fn(&&'c T, &str, Option<&str>) -> bool,
    ) -> Option<&'c T> {
        let recorded = self.recorded?;
        let (text, by) = (recorded.text(name)?, recorded.text(id));
        all?.iter().find(|one| is_it(one, text, by))
    }

    /// What the state says, if that is one of those that are meant: by what it is called there, or
    /// by what the catalog knows of it.
    fn kept(
        &self,
        selector: &Selector,
        (name, id): (&'static str, &'static str),
        known: Option<Candidate<'_>>,
    ) -> Option<Pairs> {
        let recorded = self.recorded?;
        let (text, by) = (recorded.text(name)?, recorded.text(id));
        let candidate = Candidate {
            slug: Some(text),
            name: Some(text),
            id: by.or(Some(text)),
            created: None,
        };
        // The region may be another one, and that is reported; but this is another question.
        let is_meant =
            selector.matches(candidate) || known.is_some_and(|known| selector.matches(known));
        is_meant.then(|| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::cloud;
    use crate::model::{Address, Attributes, Origin};

    fn image(id: &str, slug: Option<&str>, name: &str) -> Image {
        Image {
            id: id.to_owned(),
            slug: slug.map(ToOwned::to_owned),
            distribution: "Debian".to_owned(),
            name: name.to_owned(),
            regions: ["nyc3".to_owned()].into(),
            min_disk_gb: 0,
            min_memory_mib: 0,
            created: None,
            sandbox_only: false,
        }
    }

    /// What a server that was made from `made_from` gets for its image, and what is said of it.
    fn chosen(selector: &str, made_from: &str, images: &[Image]) -> (Pairs, Vec<String>) {
        let text = format!(r#"{{"a": {{"region": "nyc3", "size": "s", "image": "{selector}"}}}}"#);
        let cloud = cloud::parse("cloud.json", text.as_bytes()).cloud.unwrap();
        let recorded = Recorded {
            address: Address::new("server", "a"),
            account: "default".to_owned(),
            id: "1".to_owned(),
            origin: Origin::Created,
            ready: true,
            attributes: Attributes::from([(IMAGE, made_from.into())]),
            refers_to: Vec::new(),
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let catalog = Catalog {
            images: images.to_vec(),
            ..Catalog::default()
        };
        let choice = Choice {
            wanted: &cloud.servers[0],
            recorded: Some(&recorded),
            catalog: Some(&catalog),
            by_id: false,
        };
        let mut notes = Vec::new();
        let pairs = choice.image(&mut notes);
        (pairs, notes.into_iter().map(|note| note.summary).collect())
    }

    #[test]
    fn what_was_chosen_stays_whatever_else_matches_by_now() {
        let kept = |id: &str| (vec![(IMAGE, Value::from(id))], Vec::<String>::new());
        let one = image("158", None, "web-1");
        let two = image("159", None, "web-2");
        // By a name that the state does not have.
        assert_eq!(
            chosen("web-*", "158", &[one.clone(), two.clone()]),
            kept("158")
        );
        let slugged = image("7", Some("debian-13-x64"), "13 x64");
        let other = image("8", Some("fedora-13-x64"), "13 x64");
        let all = [slugged, other];
        assert_eq!(
            chosen("13 x*", "debian-13-x64", &all),
            kept("debian-13-x64")
        );
        // The snapshot is gone, and so is its name.
        assert_eq!(chosen("web-*", "157", &[one.clone(), two]), kept("157"));
        assert_eq!(chosen("web-*", "157", &[]), kept("157"));
        // Something else is meant now.
        let (pairs, said) = chosen("db-*", "158", &[one.clone(), image("3", None, "db-1")]);
        assert_eq!((pairs, said.len()), (vec![(IMAGE, "3".into())], 0));
        let (_, said) = chosen("db-*", "158", &[one]);
        assert_eq!(said, ["no image in nyc3 matches `db-*`"]);
    }
}
