use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A resource's name in every plan, message and state file: `server.web1`.
///
/// ```
/// use cloudbuilder::model::Address;
///
/// let address: Address = "record.www.acme.com/A".parse()?;
/// assert_eq!(address.kind(), "record");
/// assert_eq!(address.name(), "www.acme.com/A");
/// assert_eq!(address.to_string(), "record.www.acme.com/A");
/// # Ok::<(), cloudbuilder::model::ParseAddressError>(())
/// ```
// Shared text, because a plan names each address in many places; one text, because it is compared
// and hashed as often. Addresses are in the order of their text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    text: Arc<str>,
    /// Where the kind ends.
    dot: usize,
}

impl Address {
    /// The address of the resource called `name` among those of `kind`.
    #[must_use]
    pub fn new(kind: &str, name: &str) -> Self {
        Self {
            text: format!("{kind}.{name}").into(),
            dot: kind.len(),
        }
    }

    /// The part before the first dot.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text.get(..self.dot).unwrap_or_default()
    }

    /// The part after the first dot; it may hold dots itself.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.dot + 1..).unwrap_or_default()
    }

    /// What the resource with this id is called once another has its address, until it is gone:
    /// `server.web1@3164444`. No name that can be asked for has an `@`.
    #[must_use]
    pub fn set_aside(&self, id: &str) -> Self {
        Self::new(self.kind(), &format!("{}@{id}", self.name()))
    }

    /// The address that it had, and its id, if it was set aside for another.
    #[must_use]
    pub fn had(&self) -> Option<(Self, &str)> {
        let (name, id) = self.name().rsplit_once('@')?;
        Some((Self::new(self.kind(), name), id))
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.text.hash(hasher);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is not of the form `kind.name`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an address: it has the form KIND.NAME, such as server.web1")]
pub struct ParseAddressError(String);

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self {
                text: text.into(),
                dot: kind.len(),
            }),
            _ => Err(ParseAddressError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_says_what_it_was() {
        let web1 = Address::new("server", "web1");
        assert_eq!(web1.had(), None);
        let aside = web1.set_aside("3164444");
        assert_eq!(aside.to_string(), "server.web1@3164444");
        assert_eq!(aside.had(), Some((web1, "3164444")));
    }

    #[test]
    fn only_kind_dot_name_is_an_address() {
        for text in ["", "server", "server.", ".web1"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
