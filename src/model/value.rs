use std::fmt;

use serde_json::Value as Json;

use super::{Address, Secret};

/// What an attribute shall be: known while planning, or taken from another resource later.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The value itself.
    Known(Json),
    /// Another resource's attribute, which may be known only after that resource exists.
    Reference(Reference),
    /// Known, and for the provider alone.
    Sealed(Sealed),
}

/// A value that nobody but the provider sees.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What everybody else sees, the state among them: enough to tell one from another.
    pub shown: Json,
    /// What the provider gets, as JSON text.
    pub content: Secret,
}

/// What is shown tells them apart.
impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Value {
    /// The value, if it is known; of one that is sealed, what may be seen of it.
    #[must_use]
    pub fn known(&self) -> Option<&Json> {
        match self {
            Self::Known(value) | Self::Sealed(Sealed { shown: value, .. }) => Some(value),
            Self::Reference(_) => None,
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
