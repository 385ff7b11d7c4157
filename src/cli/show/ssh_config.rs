//! The recorded servers as `ssh` takes them from its configuration.

use crate::cli::hosts::Host;

/// A block for each that has a public address. `ssh` takes the first value it finds, so whatever is
/// said before these counts, and `-l` in any case.
pub(super) fn text(hosts: &[Host<'_>]) -> String {
    let mut blocks = Vec::new();
    for host in hosts {
        let Some(address) = host.public() else {
            continue;
        };
        let names = [host.name].into_iter().chain(host.aliases.iter().copied());
        let names: Vec<&str> = names.filter(|name| is_plain(name)).collect();
        if names.is_empty() {
            continue;
        }
        let user = host.user().map(|user| format!("    User {user}\n"));
        blocks.push(format!(
            "Host {}\n    HostName {address}\n{}",
            names.join(" "),
            user.unwrap_or_default()
        ));
    }
    blocks.join("\n")
}

/// Whether a name is nothing but a name there: no pattern, and nothing that ends the line.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !name.is_empty() && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_written() {
        assert!(is_plain("web1") && is_plain("xn--bcher-kva.example.com"));
        for name in [
            "",
            "*.example.com",
            "a b",
            "a\nProxyCommand x",
            "!a",
            "\"a\"",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
