//! Which net an address is on, because Nova tells neither netmask nor gateway.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value as Json;

use super::wire::neutron::Subnet;

/// A net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Net {
    base: IpAddr,
    /// How many bits of an address tell the net.
    prefix: u8,
    pub(super) gateway: Option<String>,
}

/// The nets that there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Nets(Vec<Net>);

impl Nets {
    /// Those of these subnets, as far as they tell.
    pub(super) fn of(subnets: &[Subnet]) -> Self {
        Self(subnets.iter().filter_map(Net::of).collect())
    }

    /// The net that an address is on; the narrowest, should nets lie in each other.
    pub(super) fn of_address(&self, ip: IpAddr) -> Option<&Net> {
        let around = self.0.iter().filter(|net| net.holds(ip));
        around.max_by_key(|net| net.prefix)
    }
}

impl Net {
    fn of(subnet: &Subnet) -> Option<Self> {
        let (base, prefix) = subnet.cidr.as_deref()?.split_once('/')?;
        Some(Self {
            base: base.parse().ok()?,
            prefix: prefix.parse().ok()?,
            gateway: subnet.gateway_ip.clone(),
        })
    }

    fn holds(&self, ip: IpAddr) -> bool {
        // The bits from the first that does not tell the net on.
        let rest = |width: u8| u32::from(width.saturating_sub(self.prefix));
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let differ = u32::from(base) ^ u32::from(ip);
                differ.checked_shr(rest(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let differ = u128::from(base) ^ u128::from(ip);
                differ.checked_shr(rest(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// As cloud.json has it: of IPv4 a mask, of IPv6 the number of bits.
    pub(super) fn netmask(&self) -> Json {
        match self.base {
            IpAddr::V4(_) => {
                let rest = u32::from(32_u8.saturating_sub(self.prefix));
                let mask = u32::MAX.checked_shl(rest).unwrap_or(0);
                Ipv4Addr::from(mask).to_string().into()
            }
            IpAddr::V6(_) => self.prefix.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(cidrs: &[&str]) -> Nets {
        let subnet = |cidr: &&str| Subnet {
            network_id: "id".to_owned(),
            ip_version: 4,
            cidr: Some((*cidr).to_owned()),
            gateway_ip: Some(format!("gateway of {cidr}")),
        };
        Nets::of(&cidrs.iter().map(subnet).collect::<Vec<_>>())
    }

    #[test]
    fn an_address_is_on_the_narrowest_net_around_it() {
        let nets = nets(&[
            "10.0.0.0/8",
            "10.20.0.0/24",
            "203.0.113.0/25",
            "192.0.2.7/32",
            "2001:db8:1::/64",
            "no net",
        ]);
        let told = |ip: &str| {
            let net = nets.of_address(ip.parse().unwrap())?;
            Some(format!("{} {}", net.base, net.netmask()))
        };
        assert_eq!(
            told("10.20.0.9").as_deref(),
            Some("10.20.0.0 \"255.255.255.0\"")
        );
        assert_eq!(told("10.20.1.9").as_deref(), Some("10.0.0.0 \"255.0.0.0\""));
        assert_eq!(
            told("203.0.113.127").as_deref(),
            Some("203.0.113.0 \"255.255.255.128\"")
        );
        assert_eq!(told("203.0.113.128"), None);
        assert_eq!(
            told("192.0.2.7").as_deref(),
            Some("192.0.2.7 \"255.255.255.255\"")
        );
        assert_eq!(told("192.0.2.6"), None);
        assert_eq!(told("2001:db8:1::339").as_deref(), Some("2001:db8:1:: 64"));
        assert_eq!(told("2001:db8:2::339"), None);
    }

    #[test]
    fn a_net_may_be_everything() {
        let nets = nets(&["0.0.0.0/0"]);
        let net = nets.of_address("198.51.100.1".parse().unwrap()).unwrap();
        assert_eq!(net.netmask(), "0.0.0.0");
    }
}
