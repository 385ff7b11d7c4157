//! Keys for deployments, and what they are called where the tool names them by their fingerprint.

use md5::{Digest, Md5};
use ssh_key::PublicKey;
use ssh_key::public::{Ed25519PublicKey, KeyData};

/// A key for which nobody has the other half, another one for each seed.
pub(super) fn of(seed: u64) -> PublicKey {
    let mut bytes = [0; 32];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    let key = KeyData::Ed25519(Ed25519PublicKey(bytes));
    PublicKey::new(key, format!("torture-{seed}"))
}

/// As it stands in a file.
pub(super) fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap_or_default()
}

/// What it is called in an account where keys go by names.
pub(super) fn name(key: &PublicKey) -> String {
    let digest = Md5::digest(key.to_bytes().unwrap_or_default());
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    format!("cb-{}", hex.collect::<String>())
}

/// Whether two are the same but for their comments.
pub(super) fn same(one: &str, other: &str) -> bool {
    let words = |key: &str| -> Vec<String> {
        let words = key.split_whitespace().take(2);
        words.map(ToOwned::to_owned).collect()
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_seed_has_a_key_and_a_name_for_it() {
        let (one, other) = (of(1), of(2));
        assert!(text(&one).starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"));
        assert_ne!(text(&one), text(&other));
        assert_ne!(name(&one), name(&other));
        assert_eq!(name(&one).len(), 3 + 32);
        let elsewhere = text(&one).replace("torture-1", "someone@example.com");
        assert!(same(&text(&one), &elsewhere) && !same(&text(&one), &text(&other)));
    }
}
