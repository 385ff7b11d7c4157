use std::borrow::Cow;
use std::fmt;

use serde_json::Value as Json;

use super::{Address, Attributes, Secret, Template};

/// What an attribute shall be: known while planning, or taken from another resource later.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The value itself.
    Known(Json),
    /// Another resource's attribute, which may be known only after that resource exists.
    Reference(Reference),
    /// Known, and for the provider alone.
    Sealed(Sealed),
    /// Text, or something that holds texts, with attributes of other resources in it.
    Template(Template),
}

/// A value that nobody but the provider sees.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What everybody else sees, the state among them: enough to tell one from another.
    pub shown: Json,
    /// What the provider gets, as JSON text.
    pub content: Secret,
    /// What stands in it of other resources, as in a [`Template`].
    pub references: Vec<Reference>,
}

impl Sealed {
    /// What the provider gets, with what each reference leads to; `None` if that is not known of
    /// one of them.
    pub fn filled<'j>(&self, find: impl Fn(&Reference) -> Option<&'j Json>) -> Option<Secret> {
        if self.references.is_empty() {
            return Some(self.content.clone());
        }
        let json = serde_json::from_str(self.content.expose()).ok()?;
        let template = Template::with(json, self.references.clone());
        Some(Secret::new(template.filled(find)?.to_string()))
    }
}

/// What is shown tells them apart.
impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Attributes {
    /// The same, as values that are known.
    #[must_use]
    pub fn as_known(&self) -> Attributes<Value> {
        let all = self.iter();
        all.map(|(name, value)| (name, Value::Known(value.clone())))
            .collect()
    }
}

impl Value {
    /// The value, if it is known; of one that is sealed, what may be seen of it.
    #[must_use]
    pub fn known(&self) -> Option<&Json> {
        match self {
            Self::Known(value) | Self::Sealed(Sealed { shown: value, .. }) => Some(value),
            Self::Reference(_) | Self::Template(_) => None,
        }
    }

    /// The value, by what is known of others.
    pub fn resolve<'a>(
        &'a self,
        find: impl Fn(&Reference) -> Option<&'a Json>,
    ) -> Option<Cow<'a, Json>> {
        match self {
            Self::Known(_) | Self::Sealed(_) => self.known().map(Cow::Borrowed),
            Self::Reference(reference) => find(reference).map(Cow::Borrowed),
            Self::Template(template) => template.filled(find).map(Cow::Owned),
        }
    }

    /// What it refers to.
    #[must_use]
    pub fn references(&self) -> &[Reference] {
        match self {
            Self::Known(_) => &[],
            Self::Reference(reference) => std::slice::from_ref(reference),
            Self::Sealed(sealed) => &sealed.references,
            Self::Template(template) => template.references(),
        }
    }
}

impl<T: Into<Json>> From<T> for Value {
    fn from(value: T) -> Self {
        Self::Known(value.into())
    }
}

/// An attribute of another resource: `server.web1`'s `ipv4`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Whose.
    pub address: Address,
    /// Which.
    pub attribute: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.address, self.attribute)
    }
}
