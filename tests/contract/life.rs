//! One deployment's life, the same with every provider: names move, a server comes, one goes, and one
//! becomes larger.

use super::account::Account;

/// Its stages: each cloud.json in turn; none at last, to destroy.
pub(crate) fn life(account: &Account) -> [(&'static str, Option<String>); 3] {
    let servers = |text: &str| Some(with_servers(account, text));
    [
        (
            "two servers",
            servers(
                r#"{"a": {SERVER "names": ["acme.com", "www.acme.com"]},
                    "b": {SERVER BESIDES "names": ["b.acme.com"]}}"#,
            ),
        ),
        (
            "a name moves, a server comes, one goes, one grows",
            servers(
                r#"{"a": {LARGER "names": ["acme.com", "b.acme.com"]},
                    "c": {SERVER "names": ["www.acme.com", "c.other.net"]}}"#,
            ),
        ),
        ("nothing", None),
    ]
}

/// A deployment that is but a zone.
pub(crate) fn only_a_zone(account: &Account) -> String {
    let head = account.provider.words.head;
    let zone = zone(account, "made.org");
    format!(r#"{{{head}, "servers": {{}}, "domains": ["{zone}"]}}"#)
}

/// What one of the zones is called in that account.
pub(crate) fn zone(account: &Account, zone: &str) -> String {
    format!("{}{zone}", account.prefix)
}

/// A cloud.json with these servers.
pub(crate) fn with_servers(account: &Account, text: &str) -> String {
    let words = &account.provider.words;
    let mut text = text
        .replace("SERVER", words.server)
        .replace("LARGER", words.larger)
        .replace("BESIDES", words.besides);
    for server in ["a", "b", "c"] {
        let own = format!("\"{}{server}\": {{", account.prefix);
        text = text.replace(&format!("\"{server}\": {{"), &own);
    }
    for name in ["acme.com", "other.net"] {
        text = text.replace(name, &zone(account, name));
    }
    if words.is_flat {
        return text;
    }
    format!(r#"{{{}, "servers": {text}}}"#, words.head)
}
