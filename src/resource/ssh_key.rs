//! The public SSH key that is put on every server that is created.

use std::collections::BTreeMap;

use crate::config::PublicKey;
use crate::model::{Address, Recorded, Reference};

use super::{Attribute, Facts, Kind, OnChange, PLAIN, Removal, attribute, server};

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
    label: |_, attributes| super::text(attributes, NAME).to_owned(),
    detail: |_| "upload".to_owned(),
    removed: |_| "take out of the account".to_owned(),
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::CreateOnly),
    attribute(PUBLIC_KEY, "public key", OnChange::CreateOnly),
    attribute(FINGERPRINT, "fingerprint", OnChange::Identity),
];

/// What servers that carry the key have of it.
pub(super) fn reference(address: Address) -> Reference {
    Reference {
        address,
        attribute: FINGERPRINT.to_owned(),
    }
}

/// The addresses of an account's keys, in their order. The first has the account's name, and all
/// others their fingerprints besides. One that is recorded keeps the address it has: whoever puts
/// another before it, or takes it out of the middle, moves none.
pub(super) fn addresses(
    account: &str,
    keys: &[&PublicKey],
    recorded: &BTreeMap<Address, Recorded>,
) -> Vec<Address> {
    let plain = Address::new(KIND.name, account);
    let own = |key: &PublicKey| Address::new(KIND.name, &format!("{account}/{}", key.fingerprint));
    let is_at = |address: &Address, key: &PublicKey| {
        let recorded = recorded.get(address);
        recorded.and_then(|had| had.text(FINGERPRINT)) == Some(&key.fingerprint)
    };
    let holder = keys.iter().position(|key| is_at(&plain, key));
    let holder = holder.or_else(|| keys.iter().position(|key| !is_at(&own(key), key)));
    let addresses = keys
        .iter()
        .enumerate()
        .map(|(at, key)| match Some(at) == holder {
            true => plain.clone(),
            false => own(key),
        });
    addresses.collect()
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
