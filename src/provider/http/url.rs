//! Where requests go.

use std::net::IpAddr;

use reqwest::Url;

/// An address, if it is one that a secret may be sent to.
///
/// # Errors
/// What is wrong with it, in words; they may hold the token.
pub(in crate::provider) fn allowed(address: &str) -> Result<Url, String> {
    let base = Url::parse(address).map_err(|error| format!("{address} is no URL: {error}"))?;
    // All of it is shown in messages and kept in the state.
    if base.query().is_some() || base.fragment().is_some() {
        return Err("there is a `?` or a `#` in it; leave only the address".to_owned());
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err("there is a user name or a password in it; leave only the address".to_owned());
    }
    match base.scheme() {
        "https" => Ok(base),
        "http" if is_loopback(&base) => Ok(base),
        "http" => Err(format!(
            "{base} would send the token unencrypted; use https (http is only for this machine \
             itself)"
        )),
        other => Err(format!("{base}: `{other}` is neither https nor http")),
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// Whether connections that are set up for one address are right for another too.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn fits(address: &Url, other: &Url) -> Result<(), String> {
    match (is_loopback(address), is_loopback(other)) {
        (false, true) => Err(format!(
            "it names {other}, which is this machine itself, though {address} is not; the cloud \
             has to name an address that leads to it from here"
        )),
        (true, false) => Err(format!(
            "it names {other}, which is not this machine, though {address} is; log in at the \
             cloud's own address"
        )),
        _ if address.scheme() == "http" && other.scheme() == "https" => Err(format!(
            "it names {other}, though {address} has no https; log in at an address with https"
        )),
        _ => Ok(()),
    }
}

/// A query, from its question mark on.
pub(in crate::provider) fn query(pairs: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (name, value) in pairs {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:*@".contains(&byte) {
                text.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_holds_cannot_change_it() {
        assert_eq!(
            query(&[("name", "*.acme.com"), ("type", "A&b=c d#é")]),
            "?name=*.acme.com&type=A%26b%3Dc%20d%23%C3%A9"
        );
    }

    #[test]
    fn a_catalog_leads_to_no_other_machine_than_the_login_was_set_up_for() {
        let fits = |address, other| {
            let url = |text| Url::parse(text).unwrap();
            fits(&url(address), &url(other)).is_ok()
        };
        assert!(fits(
            "https://k.example.com/v3",
            "https://nova.example.org/v2.1/"
        ));
        assert!(fits("http://127.0.0.1:5000", "http://localhost:8774"));
        assert!(fits("https://127.0.0.1:5000", "https://[::1]:8774"));
        assert!(!fits("https://k.example.com/v3", "http://127.0.0.1:8774"));
        assert!(!fits("https://k.example.com/v3", "https://localhost:8774"));
        assert!(!fits("http://127.0.0.1:5000", "https://nova.example.org"));
        assert!(!fits("https://127.0.0.1:5000", "https://nova.example.org"));
        assert!(!fits("http://127.0.0.1:5000", "https://127.0.0.1:8774"));
    }

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for url in [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
            "https://api.x",
        ] {
            assert!(allowed(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.x",
            "http://127.0.0.1.evil.example",
            "ftp://127.0.0.1",
            "api.x",
        ] {
            assert!(allowed(url).is_err(), "{url}");
        }
    }
}
