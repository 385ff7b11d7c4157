//! Rules as Neutron has them, each for one direction and one family of addresses, and as everybody
//! else here has them.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::model::firewall::{ALL_PORTS, ANYWHERE, Rule, ports, range};
use crate::provider::openstack::wire::neutron::{GroupRule, NewGroupRule};
use crate::resource::firewall::FIREWALL;

const INGRESS: &str = "ingress";
const EGRESS: &str = "egress";
/// What stands before another end that has addresses of both families, for one of them.
const FAMILIES: [&str; 2] = ["ipv4:", "ipv6:"];
const ICMP: &str = "icmp";
/// What ICMP is called for IPv6.
const ICMP_V6: &str = "ipv6-icmp";

/// One rule of Neutron's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Half {
    inbound: bool,
    /// Whose other end, if it has addresses of both families, says which.
    rule: Rule,
}

/// What it takes to let this through.
pub(super) fn halves(inbound: bool, rule: &Rule) -> Vec<Half> {
    let half = |peer: String| Half {
        inbound,
        rule: Rule {
            peer,
            ..rule.clone()
        },
    };
    match rule.peer.starts_with(FIREWALL) {
        true => FAMILIES
            .map(|family| half(format!("{family}{}", rule.peer)))
            .into(),
        false => vec![half(rule.peer.clone())],
    }
}

/// The rule as it is; `peer` says what the group with an id is called. What nobody can ask for here
/// is told as well: it lets something through.
pub(super) fn read(rule: &GroupRule, peer: impl Fn(&str) -> String) -> Half {
    let is_v6 = rule.ethertype.as_deref() == Some("IPv6");
    let family = FAMILIES[usize::from(is_v6)];
    let peer = match (&rule.remote_group_id, &rule.remote_address_group_id) {
        (Some(id), _) => format!("{family}{}", peer(id)),
        (None, Some(id)) => format!("{family}address_group:{id}"),
        (None, None) => match &rule.remote_ip_prefix {
            Some(prefix) => range(prefix).unwrap_or_else(|| prefix.clone()),
            None => ANYWHERE[usize::from(is_v6)].to_owned(),
        },
    };
    let (protocol, ports) = what(rule, is_v6);
    Half {
        inbound: rule.direction == INGRESS,
        rule: Rule {
            protocol,
            ports,
            peer,
        },
    }
}

/// Protocol and ports.
fn what(rule: &GroupRule, is_v6: bool) -> (String, Option<String>) {
    let written = rule.protocol.as_deref().unwrap_or("any");
    let protocol = match written.to_ascii_lowercase().as_str() {
        "any" | "0" => "any".to_owned(),
        "6" => "tcp".to_owned(),
        "17" => "udp".to_owned(),
        "1" | ICMP => ICMP.to_owned(),
        "58" | ICMP_V6 | "icmpv6" if is_v6 => ICMP.to_owned(),
        other => other.to_owned(),
    };
    let (from, to) = (rule.port_range_min, rule.port_range_max);
    let all = || Some(ALL_PORTS.to_owned());
    match (protocol.as_str(), from, to) {
        (ICMP, None, None) => (protocol, None),
        (ICMP, of_type, code) => {
            let part = |part: Option<i64>| part.map_or("any".to_owned(), |part| part.to_string());
            (format!("{ICMP}:{}:{}", part(of_type), part(code)), all())
        }
        (_, None, None) => (protocol, all()),
        (_, from, to) => {
            let (from, to) = (from.or(to).unwrap_or(0), to.or(from).unwrap_or(0));
            let text = format!("{from}-{to}");
            (protocol, Some(ports(&text).unwrap_or(text)))
        }
    }
}

/// What is let through one way, in the one form that there is of it, in order.
pub(super) fn texts(halves: &BTreeSet<Half>, inbound: bool) -> Json {
    let [first, second] = FAMILIES;
    let of_way = halves.iter().filter(|half| half.inbound == inbound);
    let texts = of_way.filter_map(|half| {
        let rule = &half.rule;
        let has = |peer: String| {
            let rule = Rule {
                peer,
                ..rule.clone()
            };
            halves.contains(&Half { inbound, rule })
        };
        if let Some(peer) = rule.peer.strip_prefix(first)
            && has(format!("{second}{peer}"))
        {
            let peer = peer.to_owned();
            return Some(
                Rule {
                    peer,
                    ..rule.clone()
                }
                .to_string(),
            );
        }
        let is_told = rule
            .peer
            .strip_prefix(second)
            .is_some_and(|peer| has(format!("{first}{peer}")));
        (!is_told).then(|| rule.to_string())
    });
    let texts: BTreeSet<String> = texts.collect();
    texts.into_iter().collect()
}

impl Half {
    /// The name of the firewall that it means, if it means one.
    pub(super) fn firewall(&self) -> Option<&str> {
        let peer = self.rule.peer.as_str();
        let mut families = FAMILIES.iter();
        let peer = families.find_map(|family| peer.strip_prefix(family))?;
        peer.strip_prefix(FIREWALL)
    }

    /// The rule that is made in a group; `id_of` knows the ids of firewalls. `None` if there is no
    /// such rule here.
    pub(super) fn to_wire<'r>(
        &'r self,
        group: &'r str,
        id_of: impl Fn(&str) -> Option<&'r str>,
    ) -> Option<NewGroupRule<'r>> {
        let rule = &self.rule;
        let peer = rule.peer.as_str();
        let is_v6 = match self.firewall() {
            Some(_) => peer.starts_with(FAMILIES[1]),
            None => range(peer)?.contains(':'),
        };
        let (from, to) = match rule.ports.as_deref() {
            None | Some(ALL_PORTS) => (None, None),
            Some(ports) => {
                let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
                (Some(from.parse().ok()?), Some(to.parse().ok()?))
            }
        };
        Some(NewGroupRule {
            security_group_id: group,
            direction: if self.inbound { INGRESS } else { EGRESS },
            ethertype: if is_v6 { "IPv6" } else { "IPv4" },
            protocol: match rule.protocol.as_str() {
                ICMP if is_v6 => ICMP_V6,
                known @ ("tcp" | "udp" | ICMP) => known,
                _ => return None,
            },
            port_range_min: from,
            port_range_max: to,
            remote_ip_prefix: match self.firewall() {
                None if !ANYWHERE.contains(&peer) => Some(peer),
                _ => None,
            },
            remote_group_id: match self.firewall() {
                Some(name) => Some(id_of(name)?),
                None => None,
            },
        })
    }
}

impl std::fmt::Display for Half {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = if self.inbound { "inbound" } else { "outbound" };
        write!(f, "{way} {}", self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(inbound: bool, texts: &[&str]) -> BTreeSet<Half> {
        let rules = texts.iter().map(|text| Rule::parse(text).unwrap());
        rules.flat_map(|rule| halves(inbound, &rule)).collect()
    }

    fn name(id: &str) -> String {
        format!("{FIREWALL}{}", id.strip_prefix("id-").unwrap())
    }

    fn seen(rule: &Json) -> Half {
        let mut rule = rule.clone();
        rule["id"] = "r".into();
        read(&serde_json::from_value(rule).unwrap(), name)
    }

    #[test]
    fn what_is_made_reads_as_what_was_asked_for() {
        let asked = [
            "icmp 10.0.0.0/8",
            "icmp ::/0",
            "icmp firewall:web",
            "tcp 22 0.0.0.0/0",
            "tcp 22 2001:db8::/32",
            "tcp 5432 firewall:web",
            "tcp 8000-9000 ::/0",
            "tcp all 0.0.0.0/0",
            "udp all firewall:db",
        ];
        for inbound in [true, false] {
            let wanted = set(inbound, &asked);
            assert_eq!(wanted.len(), 12);
            let made = wanted.iter().map(|half| {
                let made = half.to_wire("g", |name| {
                    Some(if name == "web" { "id-web" } else { "id-db" })
                });
                seen(&serde_json::to_value(made.unwrap()).unwrap())
            });
            let made: BTreeSet<Half> = made.collect();
            assert_eq!(made, wanted);
            assert_eq!(texts(&made, inbound), json!(asked));
            assert_eq!(texts(&made, !inbound), json!([]));
        }
    }

    #[test]
    fn a_request_says_no_more_than_it_must() {
        let made = |text: &str| {
            let half = set(true, &[text]).into_iter().next().unwrap();
            let made = half.to_wire("g", |_| None);
            made.map(|made| serde_json::to_value(made).unwrap())
        };
        assert_eq!(
            made("icmp ::/0"),
            Some(json!({"security_group_id": "g", "direction": "ingress",
                "ethertype": "IPv6", "protocol": "ipv6-icmp"}))
        );
        assert_eq!(
            made("udp 53 10.1.0.0/16"),
            Some(
                json!({"security_group_id": "g", "direction": "ingress", "ethertype": "IPv4",
                "protocol": "udp", "port_range_min": 53, "port_range_max": 53,
                "remote_ip_prefix": "10.1.0.0/16"})
            )
        );
        for none in [
            "tcp 22 droplet:7",
            "tcp 22 tag:web",
            "any all ::/0",
            "tcp 22 firewall:web",
        ] {
            assert_eq!(made(none), None, "{none}");
        }
    }

    #[test]
    fn the_same_is_the_same_however_it_is_written_and_what_else_there_is_is_told() {
        let of = |rest: Json| {
            let mut rule = json!({"direction": "ingress", "ethertype": "IPv4"});
            let rest = rest.as_object().unwrap().clone();
            rule.as_object_mut().unwrap().extend(rest);
            seen(&rule).to_string()
        };
        for (rest, text) in [
            (
                json!({"protocol": "6", "port_range_min": 80, "port_range_max": 80}),
                "tcp 80 0.0.0.0/0",
            ),
            (
                json!({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535,
                    "remote_ip_prefix": "0.0.0.0/0"}),
                "tcp all 0.0.0.0/0",
            ),
            (
                json!({"protocol": "icmp", "remote_ip_prefix": "10.1.2.3/8"}),
                "icmp 10.0.0.0/8",
            ),
            (
                json!({"ethertype": "IPv6", "protocol": "icmpv6"}),
                "icmp ::/0",
            ),
            // Of nobody here, and lets something through.
            (json!({"protocol": null}), "any all 0.0.0.0/0"),
            (json!({"protocol": "112"}), "112 all 0.0.0.0/0"),
            (
                json!({"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}),
                "icmp:8:0 all 0.0.0.0/0",
            ),
            (
                json!({"protocol": "udp", "remote_address_group_id": "a"}),
                "udp all ipv4:address_group:a",
            ),
        ] {
            assert_eq!(of(rest), format!("inbound {text}"));
        }
    }

    #[test]
    fn half_of_a_rule_for_a_group_is_not_the_whole() {
        let mut all = set(true, &["tcp 22 firewall:web"]);
        all.pop_first();
        assert_eq!(texts(&all, true), json!(["tcp 22 ipv6:firewall:web"]));
    }
}
