//! Made-up addresses. Public ones come from 198.18.0.0/15, set aside for benchmarks and large
//! enough for every Droplet there may be; IPv6 from the documentation prefix 2001:db8::/32.
//!
//! An address in use is never handed out, and one just given back comes last: the search always
//! goes on from where it stopped.

use super::world::World;
use std::net::{Ipv4Addr, Ipv6Addr};

const PUBLIC_NET: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const PUBLIC_SIZE: u32 = 1 << 17;
/// Public networks look like /20s with a gateway each.
const BLOCK: u32 = 1 << 12;
const BLOCK_MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 240, 0);

/// The next free public address, unless all are taken.
pub(super) fn next_public(world: &mut World) -> Option<Ipv4Addr> {
    for _ in 0..PUBLIC_SIZE {
        let number = (world.counters.public + 1) % PUBLIC_SIZE;
        world.counters.public = number;
        let within = number % BLOCK;
        let address = Ipv4Addr::from(PUBLIC_NET + number);
        // Network, gateway and broadcast address of the block belong to nobody.
        if within > 1 && within < BLOCK - 1 && !world.public_in_use.contains(&address) {
            return Some(address);
        }
    }
    None
}

/// Netmask and gateway of a public address.
pub(super) fn public_network(address: Ipv4Addr) -> (Ipv4Addr, Ipv4Addr) {
    let base = u32::from(address) & u32::from(BLOCK_MASK);
    (BLOCK_MASK, Ipv4Addr::from(base + 1))
}

/// The next free address of a VPC, unless it is full.
pub(super) fn next_private(world: &mut World, vpc: &str) -> Option<Ipv4Addr> {
    let (network, prefix) = {
        let vpc = world.vpcs.get(vpc)?;
        (u32::from(vpc.network), vpc.prefix)
    };
    let size = 1_u32.checked_shl(32 - u32::from(prefix))?;
    let mut offset = world.private_next.get(vpc).copied().unwrap_or_default();
    for _ in 0..size {
        offset = (offset + 1) % size;
        let address = Ipv4Addr::from(network + offset);
        if offset > 1 && offset < size - 1 && !world.private_in_use.contains(&address) {
            world.private_next.insert(vpc.to_owned(), offset);
            return Some(address);
        }
    }
    None
}

/// Netmask and gateway of a private network.
pub(super) fn private_network(network: Ipv4Addr, prefix: u8) -> (Ipv4Addr, Ipv4Addr) {
    (netmask(prefix), Ipv4Addr::from(u32::from(network) + 1))
}

/// `255.255.0.0` for 16.
pub(super) fn netmask(prefix: u8) -> Ipv4Addr {
    let host_bits = 32_u32.saturating_sub(u32::from(prefix));
    Ipv4Addr::from(u32::MAX.checked_shl(host_bits).unwrap_or_default())
}

/// The next IPv6 address, in the network of its region. The counter never comes round.
pub(super) fn next_v6(world: &mut World, region: &str) -> Ipv6Addr {
    world.counters.v6 += 1;
    let number = world.counters.v6;
    let region = world.catalog.region_number(region).unwrap_or_default() + 1;
    let [.., a, b, c, d] = number.to_be_bytes();
    let high = u16::from_be_bytes([a, b]);
    let low = u16::from_be_bytes([c, d]);
    Ipv6Addr::new(0x2001, 0xdb8, region, 0, 0, high, low, 0x1001)
}

/// The gateway of an address's /64.
pub(super) fn v6_gateway(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::rules::test_world;
    use std::collections::HashSet;

    #[test]
    fn public_addresses_are_unique_inside_the_range_and_never_a_gateway() {
        let mut world = test_world();
        let mut seen = HashSet::new();
        for _ in 0..12_000 {
            let address = next_public(&mut world).unwrap();
            let [a, b, ..] = address.octets();
            assert_eq!((a, b & 0xfe), (198, 18));
            assert_ne!(address, public_network(address).1);
            assert!(seen.insert(address));
            world.public_in_use.insert(address);
        }
    }

    #[test]
    fn an_address_given_back_is_not_the_next_handed_out() {
        let mut world = test_world();
        let first = next_public(&mut world).unwrap();
        assert_ne!(next_public(&mut world).unwrap(), first);
    }

    #[test]
    fn a_full_range_has_none_and_a_hole_in_it_is_found() {
        let mut world = test_world();
        while let Some(address) = next_public(&mut world) {
            world.public_in_use.insert(address);
        }
        let hole = Ipv4Addr::new(198, 18, 200, 7);
        assert!(world.public_in_use.remove(&hole));
        assert_eq!(next_public(&mut world), Some(hole));
    }

    #[test]
    fn a_default_vpc_holds_ten_thousand() {
        let mut world = test_world();
        let vpc = world.vpcs.keys().next().unwrap().clone();
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let address = next_private(&mut world, &vpc).unwrap();
            assert!(seen.insert(address));
            world.private_in_use.insert(address);
        }
    }

    #[test]
    fn v6_addresses_lie_in_their_regions_network_beside_its_gateway() {
        let mut world = test_world();
        world.counters.v6 = 70_000;
        let address = next_v6(&mut world, "nyc3");
        assert_eq!(
            address,
            Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 1, 4465, 0x1001)
        );
        assert_eq!(
            v6_gateway(address),
            Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 1)
        );
        assert_ne!(next_v6(&mut world, "nyc3"), address);
    }
}
