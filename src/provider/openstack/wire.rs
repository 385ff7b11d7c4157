//! The APIs' JSON exactly as it is, a file a service.

pub(super) mod cinder;
pub(super) mod designate;
pub(super) mod errors;
pub(super) mod glance;
pub(super) mod keystone;
pub(super) mod neutron;
pub(super) mod nova;

/// Where the next page of a list is.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Link {
    pub(super) rel: String,
    pub(super) href: String,
}

/// A page of a list.
pub(super) trait Page: serde::de::DeserializeOwned {
    /// What is listed.
    type Item;

    /// The items, and where the next page is: an address, or a path, of which only the query
    /// counts.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

/// A limit that is not told.
fn unlimited() -> i64 {
    -1
}

fn next(links: Vec<Link>) -> Option<String> {
    let next = links.into_iter().find(|link| link.rel == "next");
    next.map(|link| link.href)
}
