//! The vocabulary: plain data that every other module speaks. No I/O, no async, no file format.

mod account;
mod address;
mod attributes;
mod capabilities;
mod catalog;
mod chain;
mod diagnostic;
mod escape;
pub mod firewall;
mod money;
mod nearest;
mod probe;
mod record_data;
mod resource;
mod secret;
mod template;
mod value;

pub use account::{Account, AccountView, AccountViews};
pub use address::{Address, ParseAddressError};
pub use attributes::Attributes;
pub use capabilities::{Batch, Capabilities, RecordRules, Update};
pub use catalog::{Catalog, Image, Network, Region, Size};
pub use chain::chain;
pub use diagnostic::{Diagnostic, Place, Severity};
pub use escape::escape;
pub(crate) use escape::steers;
pub use money::Money;
pub use nearest::nearest;
pub use probe::Probe;
pub use record_data::{RecordData, quoted_text, unquoted_text};
pub use resource::{Desired, Observed, Origin, Readiness, Recorded};
pub use secret::Secret;
pub use template::{Template, has_references, marked, parts_of_reference, readable};
pub use value::{Reference, Sealed, Value};
