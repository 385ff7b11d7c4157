//! What a firewall lets through, in the one form that there is of it here: cloud.json and the
//! providers know several for the same.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Every IPv4 and every IPv6 address.
pub const ANYWHERE: [&str; 2] = ["0.0.0.0/0", "::/0"];
/// All ports of a protocol.
pub const ALL_PORTS: &str = "all";
/// What comes before the name of a tag, where that stands for the servers that carry it.
pub const TAG: &str = "tag:";

/// One protocol, one range of ports, one other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// `22`, `8000-9000` or [`ALL_PORTS`]; ICMP has none.
    pub ports: Option<String>,
    /// A range of addresses, `tag:NAME` in lower case, or what else the provider has, as
    /// `WORD:ID`.
    pub peer: String,
}

impl Rule {
    /// The rule that a text is: `tcp 22 203.0.113.0/24`, as [`fmt::Display`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(ToOwned::to_owned);
        let protocol = words.next()?;
        let ports = match protocol.as_str() {
            "icmp" => None,
            _ => Some(words.next()?),
        };
        let peer = words.next()?;
        words.next().is_none().then_some(Self {
            protocol,
            ports,
            peer,
        })
    }

    /// What it is about: `tcp 22`.
    #[must_use]
    pub fn what(&self) -> String {
        let ports = self.ports.iter().map(|ports| format!(" {ports}"));
        self.protocol.clone() + &ports.collect::<String>()
    }

    /// The tag that it names, in lower case.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.peer.strip_prefix(TAG)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what(), self.peer)
    }
}

/// Ports in their one spelling; `None` if these are none.
///
/// ```
/// use cloudbuilder::model::firewall::ports;
///
/// assert_eq!(ports("22").as_deref(), Some("22"));
/// assert_eq!(ports("8000-9000").as_deref(), Some("8000-9000"));
/// assert_eq!(ports("80-80").as_deref(), Some("80"));
/// assert_eq!(ports("0"), ports("all"));
/// assert_eq!(ports("1-65535"), ports("all"));
/// assert_eq!(ports("9000-8000"), None);
/// ```
#[must_use]
pub fn ports(text: &str) -> Option<String> {
    let port = |text: &str| -> Option<u16> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    if matches!(text, "0" | ALL_PORTS) {
        return Some(ALL_PORTS.to_owned());
    }
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (port(from)?, port(to)?),
        None => (port(text)?, port(text)?),
    };
    match (from, to) {
        (0 | 1, u16::MAX) => Some(ALL_PORTS.to_owned()),
        (0, _) => None,
        (from, to) if from == to => Some(from.to_string()),
        (from, to) => (from < to).then(|| format!("{from}-{to}")),
    }
}

/// A range of addresses in its one spelling, the part of the host left out; `None` if it is none. A
/// single address is a range, too.
///
/// ```
/// use cloudbuilder::model::firewall::range;
///
/// assert_eq!(range("203.0.113.7").as_deref(), Some("203.0.113.7/32"));
/// assert_eq!(range("203.0.113.7/24").as_deref(), Some("203.0.113.0/24"));
/// assert_eq!(range("2001:DB8:0::/32").as_deref(), Some("2001:db8::/32"));
/// assert_eq!(range("203.0.113.0/33"), None);
/// ```
#[must_use]
pub fn range(text: &str) -> Option<String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most: u8 = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.map_or(Some(most), |length| length.parse().ok())?;
    if length > most {
        return None;
    }
    let network = match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
    };
    Some(format!("{network}/{length}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in ["tcp 22 0.0.0.0/0", "udp all tag:web", "icmp ::/0"] {
            let rule = Rule::parse(text).unwrap();
            assert_eq!(rule.to_string(), text);
        }
        for text in ["tcp 22", "icmp", "tcp 22 a b", ""] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_range_and_what_are_no_ports() {
        for text in ["", "10.0.0", "10.0.0.0/", "10.0.0.0/-1", "::/129", "web"] {
            assert_eq!(range(text), None, "{text}");
        }
        for text in ["", "ssh", "70000", "+22", "22-", "-22", "0-22", "22,80"] {
            assert_eq!(ports(text), None, "{text}");
        }
        assert_eq!(range("10.1.2.3/0").as_deref(), Some(ANYWHERE[0]));
        assert_eq!(range("::1/0").as_deref(), Some(ANYWHERE[1]));
    }
}
