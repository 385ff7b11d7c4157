//! Which of a server's addresses can be reached from everywhere. Nova does not say; what counts is
//! a rule, and this is it.
//!
//! A floating IP comes first. Then an address on the network that the user called public; where
//! none was called so, one on a network that leads outside by itself. Then what somebody entered
//! as the server's access address. An address on any other network is taken for private, also if
//! it is the only one: to take it for public would put it into DNS.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::nets::{Net, Nets};

/// An address that a server has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// The name of the network it is on; of a floating IP, of the one it leads into.
    pub(super) network: String,
    /// The address.
    pub(super) ip: IpAddr,
    /// Whether it is a floating IP.
    pub(super) is_floating: bool,
}

/// What the rule goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'a> {
    /// The network that the user called public.
    pub(super) named: Option<&'a str>,
    /// The names of the networks that lead outside.
    pub(super) external: &'a BTreeSet<String>,
    /// What somebody entered as its access addresses.
    pub(super) access: [Option<IpAddr>; 2],
}

/// The public addresses of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Public {
    pub(super) v4: Option<IpAddr>,
    pub(super) v6: Option<IpAddr>,
}

impl Rule<'_> {
    /// Whether addresses on a network of that name can be reached from everywhere.
    pub(super) fn is_public(&self, network: &str) -> bool {
        match self.named {
            Some(named) => named == network,
            None => self.external.contains(network),
        }
    }

    /// The public addresses among these. Of several that are alike the lowest counts: their order
    /// varies from answer to answer.
    pub(super) fn public(&self, addresses: &[Address]) -> Public {
        Public {
            v4: self.of_family(addresses, IpAddr::is_ipv4),
            v6: self.of_family(addresses, IpAddr::is_ipv6),
        }
    }

    fn of_family(&self, addresses: &[Address], family: fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let of_family = || addresses.iter().filter(|address| family(&address.ip));
        let floating = of_family().filter(|address| address.is_floating);
        let on_public = of_family().filter(|address| self.is_public(&address.network));
        let access = self.access.iter().flatten().copied();
        floating
            .map(|address| address.ip)
            .min()
            .or_else(|| on_public.map(|address| address.ip).min())
            .or_else(|| access.filter(family).min())
    }
}

/// The addresses as cloud.json holds them, public ones first so that the order never changes by
/// itself.
pub(super) fn written(addresses: &[Address], public: Public, nets: &Nets) -> Json {
    let of_family = |family: fn(&IpAddr) -> bool, public: Option<IpAddr>| {
        let mut all: Vec<&Address> = addresses
            .iter()
            .filter(|address| family(&address.ip))
            .collect();
        all.sort_by_key(|address| (Some(address.ip) != public, *address));
        let written = all.into_iter().map(|address| {
            let is_public = Some(address.ip) == public || address.is_floating;
            // A floating IP is no address of the net that its server is on.
            let net = nets.of_address(address.ip).filter(|_| !address.is_floating);
            json!({
                "ip_address": address.ip.to_string(),
                "netmask": net.map_or(Json::Null, Net::netmask),
                "gateway": net.and_then(|net| net.gateway.as_deref()),
                "type": if is_public { "public" } else { "private" },
            })
        });
        written.collect::<Vec<_>>()
    };
    json!({
        "v4": of_family(IpAddr::is_ipv4, public.v4),
        "v6": of_family(IpAddr::is_ipv6, public.v6),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::openstack::wire::neutron::Subnet;

    fn address(text: &str) -> Address {
        let (network, ip) = text.split_once(' ').unwrap();
        Address {
            network: network.trim_start_matches('^').to_owned(),
            ip: ip.parse().unwrap(),
            is_floating: network.starts_with('^'),
        }
    }

    fn public(named: Option<&str>, access: &[&str], addresses: &[&str]) -> String {
        let external = BTreeSet::from(["public".to_owned()]);
        let mut entered = access.iter().map(|text| text.parse().unwrap());
        let rule = Rule {
            named,
            external: &external,
            access: [entered.next(), entered.next()],
        };
        let addresses: Vec<Address> = addresses.iter().map(|text| address(text)).collect();
        let found = rule.public(&addresses);
        let shown = |ip: Option<IpAddr>| ip.map_or("-".to_owned(), |ip| ip.to_string());
        format!("{} {}", shown(found.v4), shown(found.v6))
    }

    #[test]
    fn the_public_address_is_chosen_by_the_rule() {
        for (named, access, addresses, expected) in [
            (
                None,
                &[][..],
                &["private 10.0.0.5", "^private 203.0.113.9"][..],
                "203.0.113.9 -",
            ),
            (
                None,
                &[],
                &[
                    "public 203.0.113.9",
                    "^private 203.0.113.3",
                    "private 10.0.0.5",
                ],
                "203.0.113.3 -",
            ),
            (
                None,
                &[],
                &[
                    "private 10.0.0.5",
                    "public 2001:DB8:0:0::5",
                    "public 203.0.113.7",
                ],
                "203.0.113.7 2001:db8::5",
            ),
            (
                None,
                &[],
                &["public 203.0.113.9", "public 203.0.113.10"],
                "203.0.113.9 -",
            ),
            // The only network it is on does not become public by that.
            (
                None,
                &[],
                &["private 10.0.0.5", "private 2001:db8:2::1"],
                "- -",
            ),
            (
                Some("private"),
                &[],
                &["private 10.0.0.5", "private 2001:db8:2::1"],
                "10.0.0.5 2001:db8:2::1",
            ),
            // What the user calls public counts, and nothing beside it.
            (
                Some("edge"),
                &[],
                &["public 203.0.113.9", "edge 198.51.100.1"],
                "198.51.100.1 -",
            ),
            (
                Some("edge"),
                &[],
                &["^edge 203.0.113.9", "edge 2001:db8::1"],
                "203.0.113.9 2001:db8::1",
            ),
            (
                None,
                &["198.51.100.7", "2001:db8::7"],
                &["private 10.0.0.5"],
                "198.51.100.7 2001:db8::7",
            ),
            (
                None,
                &["198.51.100.7"],
                &["public 203.0.113.9"],
                "203.0.113.9 -",
            ),
            (None, &[], &[], "- -"),
        ] {
            assert_eq!(public(named, access, addresses), expected, "{addresses:?}");
        }
    }

    #[test]
    fn addresses_are_written_in_an_order_that_stays() {
        let all = [
            "private 10.0.0.5",
            "^private 203.0.113.9",
            "private 2001:db8:2::1",
        ];
        let mut addresses: Vec<Address> = all.iter().map(|text| address(text)).collect();
        let public = Public {
            v4: Some("203.0.113.9".parse().unwrap()),
            v6: None,
        };
        let expected = json!({
            "v4": [
                {"ip_address": "203.0.113.9", "netmask": null, "gateway": null, "type": "public"},
                {"ip_address": "10.0.0.5", "netmask": "255.255.255.0", "gateway": "10.0.0.1",
                 "type": "private"},
            ],
            "v6": [{"ip_address": "2001:db8:2::1", "netmask": null, "gateway": null,
                    "type": "private"}],
        });
        let nets = Nets::of(&[Subnet {
            network_id: "private".to_owned(),
            ip_version: 4,
            cidr: Some("10.0.0.0/24".to_owned()),
            gateway_ip: Some("10.0.0.1".to_owned()),
        }]);
        assert_eq!(written(&addresses, public, &nets), expected);
        addresses.reverse();
        assert_eq!(written(&addresses, public, &nets), expected);
    }
}
