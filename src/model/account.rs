use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Capabilities, Catalog};

/// Whose resources these are: the account behind a token, as its API names it.
///
/// The state remembers it, so that a token of another account is noticed before anything is
/// read as "gone".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's type, `digitalocean`.
    pub provider: String,
    /// The address of the API it was reached at.
    pub api_url: String,
    /// What identifies the account there, for ever.
    pub id: String,
    /// A name a person recognises it by: the team's, or an e-mail address.
    pub name: String,
}

/// What a look at one account told, as far as planning needs it.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// What its provider can do.
    pub capabilities: &'static Capabilities,
    /// The one region that it is, where an account is one, once that is known.
    pub region: Option<String>,
    /// What time it is there, where its provider has told.
    pub clock: Option<Timestamp>,
    /// What it can use; `None` if nothing is made that needs it.
    pub catalog: Option<Catalog>,
    /// The account that stands for its zones and records, if that is another one, which shows the
    /// same.
    pub dns_in: Option<String>,
    /// How many more resources of a kind it holds than were looked at.
    pub left_out: BTreeMap<&'static str, u64>,
    /// How many of a kind it may have, as far as its provider says so without being asked for it.
    pub limits: BTreeMap<&'static str, u64>,
}

/// The accounts of a deployment by name, as a look showed them.
pub type AccountViews = BTreeMap<String, AccountView>;
