//! The public SSH key that is put on every server that is created.

use crate::model::{Recorded, Value};

use super::{
    Attribute, Facts, Kind, OnChange, Removal, attribute, evicts_nothing, free, from_to,
    never_permanent, no_check, no_name, server, stands_nowhere,
};

/// Its name in the account.
pub const NAME: &str = "name";
/// The key itself, one line.
pub const PUBLIC_KEY: &str = "public_key";
/// The MD5 fingerprint by which the account knows it.
pub const FINGERPRINT: &str = "fingerprint";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "ssh_key",
    attributes: ATTRIBUTES,
    natural_key: &[FINGERPRINT],
    // Its address is its account's name, which it does not know.
    name_of: no_name,
    marked: false,
    protected_by: None,
    ignored_by: None,
    destroyed_first: |_| false,
    remembered_for: None,
    forgotten_at: None,
    referred: &[],
    probed: None,
    loses: None,
    kept_unless_allowed: false,
    written_back: None,
    label: |_, attributes| super::text(attributes, NAME).to_owned(),
    detail: |_| "upload".to_owned(),
    removed: |_| "take out of the account".to_owned(),
    stands_at: stands_nowhere,
    evicts: evicts_nothing,
    permanent: never_permanent,
    changed: from_to,
    outcome: |_| String::new(),
    lingers: false,
    priced_by: &[],
    price: free,
    check: no_check,
    removal,
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::CreateOnly),
    attribute(PUBLIC_KEY, "public key", OnChange::CreateOnly),
    attribute(FINGERPRINT, "fingerprint", OnChange::Identity),
];

/// A reference's target for servers that carry the key.
pub(super) fn reference(account: &str) -> Value {
    Value::Reference(crate::model::Reference {
        address: address(account),
        attribute: FINGERPRINT.to_owned(),
    })
}

/// The key's address: each account has one, and its name.
pub(super) fn address(account: &str) -> crate::model::Address {
    crate::model::Address::new(KIND.name, account)
}

fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == crate::model::Origin::Found {
        return Removal::Keep("it was in the account before".to_owned());
    }
    let mut servers = facts.of_kind(server::KIND.name);
    let other = servers.find(|server| {
        let mut owners = server.owners.iter();
        *server.account == *recorded.account
            && owners.any(|owner| Some(owner.as_str()) != facts.lineage)
    });
    match other {
        Some(server) => Removal::Keep(format!(
            "server {} of another deployment is in the account and may use it",
            server.text(server::NAME).unwrap_or(&server.id)
        )),
        None => Removal::Delete,
    }
}
