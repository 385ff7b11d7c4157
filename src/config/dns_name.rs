use std::net::IpAddr;

/// A name as DNS compares it: lower case, ASCII, no final dot. A name that has no such form comes
/// back in lower case and is then refused by [`problem`].
pub(super) fn normalize(name: &str) -> String {
    // The full stops of other scripts count as dots, as browsers do it.
    let dotted = name.replace(['。', '．', '｡'], ".");
    let name = dotted.strip_suffix('.').unwrap_or(&dotted);
    let labels = name.split('.').map(|label| {
        if label.is_ascii() {
            return Some(label.to_ascii_lowercase());
        }
        idna::domain_to_ascii_strict(label)
            .ok()
            .filter(|ascii| !ascii.contains('.'))
    });
    labels
        .collect::<Option<Vec<_>>>()
        .map_or_else(|| name.to_lowercase(), |labels| labels.join("."))
}

/// Why a normalized name cannot be used, in the words that follow it in a sentence; and what to do.
pub(super) fn problem(name: &str) -> Option<(String, String)> {
    let some = |problem: &str, hint: &str| Some((problem.to_owned(), hint.to_owned()));
    let base = name.strip_prefix("*.").unwrap_or(name);
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return some(
            "is an IP address, not a name",
            "addresses are assigned by the provider; write a name such as www.example.com",
        );
    }
    if let Some(rest) = name
        .strip_prefix("http://")
        .or(name.strip_prefix("https://"))
    {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return Some((
            "is a web address, not a name".to_owned(),
            format!("write only the name: {host}"),
        ));
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return some("has an empty part between its dots", "remove the extra dot");
    }
    if base.contains('*') || name == "*" {
        return some(
            "has a `*` in the wrong place",
            "a wildcard is the whole first part: *.example.com",
        );
    }
    if let Some(character) = base.chars().find(|&character| !allowed(character)) {
        return if character.is_ascii() {
            let character = match character {
                ' ' => "space".to_owned(),
                character => format!("`{}`", character.escape_debug()),
            };
            Some((
                format!("has a {character}, which DNS names cannot have"),
                "use letters, digits, hyphens, underscores and dots".to_owned(),
            ))
        } else {
            some(
                "cannot be written as an international name",
                "a part holds a character that international names do not allow",
            )
        };
    }
    for label in base.split('.') {
        if label.len() > 63 {
            return Some((
                format!("has a part of {} characters", label.len()),
                "each part between dots has at most 63".to_owned(),
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return some(
                "has a part that begins or ends with a hyphen",
                "remove the hyphen",
            );
        }
        if label.starts_with("xn--") && idna::domain_to_ascii_strict(label).is_err() {
            return some(
                "has an `xn--` part that stands for no text",
                "write the name in its own letters; it is converted",
            );
        }
    }
    if name.len() > 253 {
        return Some((
            format!("is {} characters long", name.len()),
            "a DNS name has at most 253".to_owned(),
        ));
    }
    if !base.contains('.') && base == name {
        return Some((
            "has no domain".to_owned(),
            format!("write it in full, such as {name}.example.com"),
        ));
    }
    (psl::suffix_str(base) == Some(base)).then(|| {
        (
            "is a public suffix, under which others register their names".to_owned(),
            format!("write a name below it, such as example.{base}"),
        )
    })
}

fn allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_one_form() {
        for (written, normalized) in [
            ("ACME.com", "acme.com"),
            ("acme.com.", "acme.com"),
            ("bücher.example.com", "xn--bcher-kva.example.com"),
            ("BÜCHER.example.com", "xn--bcher-kva.example.com"),
            ("*.bücher.de", "*.xn--bcher-kva.de"),
            ("_dmarc.bücher.de", "_dmarc.xn--bcher-kva.de"),
            ("例え。jp", "xn--r8jz45g.jp"),
            ("ab--cd.example.com", "ab--cd.example.com"),
        ] {
            assert_eq!(normalize(written), normalized);
            assert_eq!(problem(normalized), None, "{written}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long_label = format!("{}.example.com", "a".repeat(64));
        let long = format!("{}example.com", "a234567890.".repeat(23));
        for name in [
            "acme",
            "*",
            "*.com",
            "com",
            "co.uk",
            "*.co.uk",
            "192.0.2.1",
            "2001:db8::1",
            "[2001:db8::1]",
            "a..example.com",
            ".example.com",
            "example.com..",
            "-a.example.com",
            "a-.example.com",
            "a b.example.com",
            "a/b.example.com",
            "www.*.example.com",
            "w*.example.com",
            "*.*.example.com",
            "xn--zz--.example.com",
            "https://www.example.com/",
            "\u{2026}.example.com",
            "a\u{200b}\u{fffd}.example.com",
            &long_label,
            &long,
        ] {
            assert!(problem(&normalize(name)).is_some(), "{name}");
        }
        assert_eq!(long.len(), 264);
    }

    #[test]
    fn the_limits_are_exact() {
        let label = format!("{}.example.com", "a".repeat(63));
        let name = format!("{}example.com", "a23456789.".repeat(24));
        assert_eq!(name.len(), 251);
        for name in [&label, &name, &format!("a.{name}")] {
            assert_eq!(problem(name), None);
        }
        assert!(problem(&format!("ab.{name}")).is_some());
    }
}
