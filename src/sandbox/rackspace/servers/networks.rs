//! Networks: the two that everybody has. PublicNet is all zeros, ServiceNet all ones (docs of
//! Cloud Networks). Own isolated ones are left out.

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::catalog::REGIONS;
use super::super::world::World;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

const PUBLIC: &str = "00000000-0000-0000-0000-000000000000";
const SERVICE: &str = "11111111-1111-1111-1111-111111111111";

pub(in super::super) fn list(_: &mut World, _: &Ask<'_>) -> Outcome {
    let networks = json!([
        {"id": PUBLIC, "label": "public"},
        {"id": SERVICE, "label": "private"},
    ]);
    Answer::json(200, &json!({"networks": networks}))
}

/// Which of the two networks a server is to be in. Both, if nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) public: bool,
    pub(super) service: bool,
}

pub(super) fn joined(server: &Value) -> Result<Joined, Fault> {
    let Some(asked) = server.get("networks").filter(|asked| !asked.is_null()) else {
        return Ok(Joined {
            public: true,
            service: true,
        });
    };
    let listed = asked
        .as_array()
        .ok_or_else(|| Fault::bad("Bad networks format"))?;
    let mut joined = Joined {
        public: false,
        service: false,
    };
    for network in listed {
        let id = network.get("uuid").and_then(Value::as_str);
        let id = id.ok_or_else(|| Fault::bad("Bad networks format"))?;
        let joins = match id {
            PUBLIC => &mut joined.public,
            SERVICE => &mut joined.service,
            _ => return Err(Fault::bad(format!("Network {id} could not be found."))),
        };
        if *joins {
            return Err(Fault::bad(format!(
                "Duplicate networks ({id}) are not allowed"
            )));
        }
        *joins = true;
    }
    Ok(joined)
}

/// The address of the object of a number, out of a network of 65536.
fn numbered(network: [u8; 2], number: u64) -> Ipv4Addr {
    // Neither .0 nor .255 belongs to anybody.
    let host = number % (254 * 256);
    let low = u8::try_from(host % 254 + 1).unwrap_or(1);
    let high = u8::try_from(host / 254).unwrap_or(0);
    Ipv4Addr::new(network[0], network[1], high, low)
}

fn region_number(region: &str) -> u8 {
    let place = REGIONS.iter().position(|known| *known == region);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

/// A public address, from the range that is set aside for benchmarks.
pub(super) fn public(region: &str, number: u64) -> Ipv4Addr {
    numbered([198, 18 + region_number(region)], number)
}

pub(super) fn private(region: &str, number: u64) -> Ipv4Addr {
    numbered([10, 176 + region_number(region)], number)
}

/// A public address from the documentation's prefix, with all its zeros, as the service spells it
/// (`get-retrieve-server-details…rst` has `2001:4800:780e:0510:…`).
pub(super) fn v6(region: &str, number: u64) -> String {
    let [.., high, mid, low, last] = number.to_be_bytes();
    let region = u16::from(region_number(region)) + 1;
    format!("2001:0db8:{region:04x}:0510:be76:4eff:{high:02x}{mid:02x}:{low:02x}{last:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn addresses_differ_and_end_well() {
        let all: HashSet<Ipv4Addr> = (0..60_000).map(|number| public("DFW", number)).collect();
        assert_eq!(all.len(), 60_000);
        assert!(all.iter().all(|a| !matches!(a.octets()[3], 0 | 255)));
        assert_eq!(
            v6("IAD", 0x1_2345),
            "2001:0db8:0001:0510:be76:4eff:0001:2345"
        );
        assert!(v6("DFW", 7).parse::<std::net::Ipv6Addr>().is_ok());
    }

    #[test]
    fn both_networks_unless_said() {
        let both = Joined {
            public: true,
            service: true,
        };
        assert_eq!(joined(&json!({})).unwrap(), both);
        let only = joined(&json!({"networks": [{"uuid": PUBLIC}]})).unwrap();
        assert_eq!(
            only,
            Joined {
                public: true,
                service: false
            }
        );
        for bad in [
            json!([{"uuid": "22222222-2222-2222-2222-222222222222"}]),
            json!([{"uuid": PUBLIC}, {"uuid": PUBLIC}]),
            json!([{}]),
        ] {
            assert_eq!(joined(&json!({"networks": bad})).unwrap_err().status, 400);
        }
    }
}
