//! The user's files: `cloud.json` and `security.json`, read with the place of every value, and
//! `cloud.json` written back without touching anything but `networks`.

pub mod cloud;
mod dns_name;
mod layout;
mod networks;
mod public_key;
mod reader;
pub mod security;
mod server;
mod source;
mod syntax;
mod trivia;
mod validate;
mod write_back;

use std::sync::Arc;

use crate::model::Place;

pub use public_key::{KeyError, PublicKey};
pub use security::{CredentialSource, ParsedSecurity, Security};
pub use validate::{CHECKS, Check, validate};
pub use write_back::{WriteBackError, write_back};

/// What cloud.json asks for, in either of its two forms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    /// The servers, in the file's order.
    pub servers: Vec<Server>,
    /// The zones named under `domains`, in the file's order. The flat form has none.
    pub domains: Vec<Spanned<String>>,
}

/// One server of cloud.json, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its key in the file, which becomes its hostname.
    pub name: Spanned<String>,
    /// The region's slug.
    pub region: Spanned<String>,
    /// The size's slug.
    pub size: Spanned<String>,
    /// The image's slug or id.
    pub image: Spanned<String>,
    /// Whether the provider backs it up.
    pub backups: Spanned<bool>,
    /// Names that shall lead to it: lower case, ASCII, without a final dot.
    pub names: Vec<Spanned<String>>,
    /// What an earlier run wrote back, as JSON text, which takes a sixth of the memory that the
    /// value does; never read as something wanted.
    pub networks: Option<Arc<str>>,
}

/// A value and where it stands. A value that came from `defaults` points there; one that was left
/// out altogether points at the server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Spanned<T> {
    /// `value`, found at `place`.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }
}
