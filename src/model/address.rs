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
    fn only_kind_dot_name_is_an_address() {
        for text in ["", "server", "server.", ".web1"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
