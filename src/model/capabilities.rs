/// What a provider can do, as data.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// The provider's name: `digitalocean`.
    pub provider: &'static str,
    /// The kinds it offers, in the order in which they are created.
    pub kinds: &'static [&'static str],
    /// What can be changed in place: kind and attribute.
    pub updates: &'static [(&'static str, &'static str)],
    /// Where a zone must be delegated to.
    pub name_servers: &'static [&'static str],
}

impl Capabilities {
    /// Whether an attribute can be changed in place.
    #[must_use]
    pub fn updates(&self, kind: &str, attribute: &str) -> bool {
        self.updates.contains(&(kind, attribute))
    }
}
