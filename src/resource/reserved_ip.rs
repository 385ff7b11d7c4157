//! Reserved IPs: addresses that are on a server and stay when it goes.

use serde_json::Value as Json;

use crate::model::{
    Address, Attributes, Capabilities, Desired, Diagnostic, Money, Observed, Origin, Recorded,
    Reference, Value,
};

use super::{
    Attribute, Facts, Kind, OnChange, PLAIN, Price, Removal, attribute, known_text, server, text,
};

/// The address, which is also the provider's id of it.
pub const IP: &str = "ip";
/// The region that it is for: it never leaves that.
pub const REGION: &str = "region";
/// The id of the server that it is on; null, if it is on none.
pub const SERVER: &str = "server";

/// What cloud.json calls it, where the provider keeps that with it.
pub const NAME: &str = "name";
/// The network that it is taken from, where there may be several; null is the only one.
pub const POOL: &str = "pool";

/// When nobody remembers any more that a name led to it, once all of them lead elsewhere and it is on
/// its server still.
pub const FORGOTTEN_AT: &str = "forgotten_at";

/// What one costs a month at DigitalOcean that is on no server; one that is on a server costs nothing
/// (docs.digitalocean.com/products/networking/reserved-ips/details/pricing).
pub const UNASSIGNED: Money = Money::from_cents(500);

/// The descriptor. A server has one at most, so one whose answer was lost is found on its server.
pub const KIND: Kind = Kind {
    name: "reserved_ip",
    attributes: ATTRIBUTES,
    natural_key: &[SERVER],
    name_of: |attributes| known_text(attributes, NAME),
    may_be_marked: true,
    referred: &[("ip", IP)],
    attached_by: Some(SERVER),
    forgotten_at: Some(FORGOTTEN_AT),
    orphaned: |seen, _| seen.attributes.get(SERVER) == Some(&Json::Null),
    loses: Some("its address"),
    detail,
    removed: |attributes| text(attributes, IP).to_owned(),
    changed,
    outcome: |attributes| known_text(attributes, IP).unwrap_or_default(),
    lingers: true,
    priced_by: &[SERVER],
    price: |attributes, _| match attributes.get(SERVER) {
        // Such a provider publishes no prices.
        _ if attributes.contains_key(POOL) => Price::Unknown,
        Some(Value::Known(Json::Null)) => Price::Monthly(UNASSIGNED),
        _ => Price::Free,
    },
    check,
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(SERVER, "server", OnChange::Update),
    attribute(IP, "reserved IP", OnChange::Computed),
    attribute(REGION, "region", OnChange::Seen),
    attribute(NAME, "name", OnChange::CreateOnly),
    attribute(POOL, "network", OnChange::CreateOnly),
    attribute(FORGOTTEN_AT, "time", OnChange::Ours),
];

/// Whether a server that has one has no other public IPv4 address: its own makes way for it, and
/// comes back when it goes.
pub(super) fn takes_the_place_of_own(capabilities: &Capabilities) -> bool {
    let update = capabilities.update(server::KIND.name, server::RESERVED_IP);
    update.is_some()
}

/// The address in plans of the reserved IP of that name in cloud.json.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::new(KIND.name, name)
}

/// What has the address itself refers to this.
#[must_use]
pub fn reference(name: &str) -> Reference {
    Reference {
        address: address(name),
        attribute: IP.to_owned(),
    }
}

/// `for server web1 · nyc3`
fn detail(attributes: &Attributes<Value>) -> String {
    let whose = attributes.get(SERVER).map_or_else(String::new, on);
    // Elsewhere that is its id.
    let ip = match attributes.contains_key(POOL) {
        true => text(attributes, IP),
        false => "",
    };
    let parts = [ip, whose.as_str(), text(attributes, REGION)];
    let parts: Vec<&str> = parts.into_iter().filter(|text| !text.is_empty()).collect();
    parts.join(" · ")
}

fn on(server: &Value) -> String {
    match server {
        Value::Reference(to) => format!("for server {}", to.address.name()),
        Value::Known(Json::String(id)) => format!("for server {id}"),
        _ => "on no server".to_owned(),
    }
}

/// `from server 401 to server web1`
fn changed(attribute: &str, before: &Json, after: &Value, _: &Attributes<Value>) -> String {
    if attribute == FORGOTTEN_AT {
        return "stays after all".to_owned();
    }
    let to = match after {
        Value::Reference(to) => Some(to.address.name()),
        known => known.known().and_then(Json::as_str),
    };
    match (before.as_str(), to) {
        (Some(from), Some(to)) => format!("from server {from} to server {to}"),
        (None, Some(to)) => format!("to server {to}"),
        (Some(from), None) => format!("off server {from}"),
        (None, None) => String::new(),
    }
}

fn check(facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    let wanted = facts.planned();
    for desired in wanted.filter(|desired| desired.address.kind() == KIND.name) {
        match desired.attributes.get(SERVER) {
            Some(Value::Reference(to)) => {
                problems.extend(elsewhere(facts, desired, &to.address));
                problems.extend(occupied(facts, desired, &to.address));
            }
            _ => problems.push(on_no_server(facts, desired)),
        }
    }
    too_many(facts, problems);
}

/// Once the limit is reached, the first servers would be paid for already.
fn too_many(facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    for (account, view) in facts.accounts {
        let Some(&limit) = view.limits.get(KIND.name) else {
            continue;
        };
        let new = facts.planned().filter(|desired| {
            desired.address.kind() == KIND.name
                && desired.account == *account
                && facts.bound(&desired.address).is_none()
        });
        let (new, is) = (new.count(), facts.in_account(account, KIND.name).count());
        if new > 0 && (is + new) as u64 > limit {
            let account = match facts.accounts.len() {
                0 | 1 => "the account".to_owned(),
                _ => format!("the account `{account}`"),
            };
            problems.push(
                Diagnostic::error(format!("{account} may have {limit} reserved IPs"))
                    .detail(format!("it has {is}, and this plan would add {new}"))
                    .hint("ask the provider for a higher limit, or give up addresses first"),
            );
        }
    }
}

/// `costs $5.00 a month`, of one on no server as it was seen.
fn costs(seen: Option<&Observed>) -> String {
    match seen.is_some_and(|seen| seen.monthly.is_none()) {
        true => "costs what the provider asks for it".to_owned(),
        false => format!("costs {UNASSIGNED} a month"),
    }
}

/// It costs then, or was never to be made.
fn on_no_server(facts: &Facts<'_>, desired: &Desired) -> Diagnostic {
    let address = &desired.address;
    let name = address.name();
    let told = match facts.bound(address) {
        Some(seen) => Diagnostic::note(format!("no server has {address}"))
            .detail(format!(
                "{} stays reserved and {} while it is on none",
                seen.text(IP).unwrap_or(&seen.id),
                costs(Some(seen))
            ))
            .hint(
                "take it out of `reserved_ips` to give the address up, or name it at a server: \
                 `reserved_ip`",
            ),
        None => Diagnostic::error(format!("no server has {address}"))
            .detail("a reserved IP is made for the server that it is to be on")
            .hint(match nobodys(facts, desired).as_slice() {
                [] => format!(
                    "name it at a server, \"reserved_ip\": \"{name}\", or take it out of \
                     `reserved_ips`"
                ),
                [only] => format!(
                    "name it at a server, \"reserved_ip\": \"{name}\"; or, if it is {only}, \
                     `cloudbuilder import {address} {only}`"
                ),
                several => format!(
                    "name it at a server, \"reserved_ip\": \"{name}\"; or, if it is one of {}, \
                     `cloudbuilder import {address} ADDRESS`",
                    several.join(", ")
                ),
            }),
    };
    told.at(desired.place.clone())
}

/// The addresses of its account that are on no server and in no state.
fn nobodys<'f>(facts: &Facts<'f>, desired: &'f Desired) -> Vec<&'f str> {
    let is_recorded = |id: &str| facts.recorded_as(&desired.account, KIND.name, id).is_some();
    let all = facts.in_account(&desired.account, KIND.name);
    let free = all.filter(|seen| seen.text(SERVER).is_none() && !is_recorded(&seen.id));
    free.map(|seen| seen.text(IP).unwrap_or(&seen.id)).collect()
}

/// It never leaves its region.
fn elsewhere(facts: &Facts<'_>, desired: &Desired, server: &Address) -> Option<Diagnostic> {
    let is = facts.bound(&desired.address)?.text(REGION)?;
    let to = facts.wanted.get(server)?.text(server::REGION)?;
    (is != to).then(|| {
        Diagnostic::error(format!("{} cannot be on {server}", desired.address))
            .detail(format!("the address is in {is}, the server in {to}"))
            .hint("a reserved IP stays in its region: name another one at this server")
            .at(desired.place_of(SERVER))
    })
}

/// A server has one at most, and nothing takes the place of it at once.
fn occupied(facts: &Facts<'_>, desired: &Desired, server: &Address) -> Option<Diagnostic> {
    let id = &facts.kept(server)?.id;
    let own = facts.bound(&desired.address).map(|own| own.id.as_str());
    let mut others = facts.in_account(&desired.account, KIND.name);
    let other = others.find(|other| other.text(SERVER) == Some(id) && own != Some(&*other.id))?;
    let whose = facts.recorded_as(&desired.account, KIND.name, &other.id);
    let ip = other.text(IP).unwrap_or(&other.id);
    let error = Diagnostic::error(format!("{server} has another reserved IP: {ip}"))
        .at(desired.place_of(SERVER));
    Some(match whose {
        Some(whose) => error
            .detail(format!(
                "that is {}, and a server has one at most",
                whose.address
            ))
            .hint("take `reserved_ip` out of it and apply, then name the other one"),
        None => error
            .detail(format!(
                "nobody named it, and a server has one at most: {} cannot come to it",
                desired.address
            ))
            .hint("take it off the server in the account, then run it again"),
    })
}

/// It goes only if we made it. One that is left without its server costs.
fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == Origin::Created {
        let seen = facts.bound(&recorded.address);
        let server = seen.and_then(|seen| seen.text(SERVER));
        let is_ours = |id: &str| {
            let server = facts.recorded_as(&recorded.account, server::KIND.name, id);
            server.is_some()
        };
        return match server.filter(|id| !is_ours(id)) {
            None => Removal::Delete,
            Some(id) => Removal::Keep(format!("it is on server {id}, which is not ours")),
        };
    }
    let mut servers = recorded.refers_to.iter();
    let stays = servers.any(|server| facts.wanted.contains_key(server));
    Removal::Keep(match stays {
        true => "it was in the account before".to_owned(),
        false => {
            let costs = costs(facts.bound(&recorded.address));
            format!("it was in the account before, and {costs} on no server")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_goes_is_told() {
        let reference = Value::Reference(Reference {
            address: server::address("web"),
            attribute: server::ID.to_owned(),
        });
        let null = Value::Known(Json::Null);
        let nothing = Attributes::default();
        let told = |before: Json, after: &Value| changed(SERVER, &before, after, &nothing);
        assert_eq!(told("4".into(), &reference), "from server 4 to server web");
        assert_eq!(told(Json::Null, &"5".into()), "to server 5");
        assert_eq!(told("4".into(), &null), "off server 4");
        let of = |server: Value| detail(&Attributes::from([(SERVER, server)]));
        assert_eq!(of(reference), "for server web");
        assert_eq!(of(null), "on no server");
    }
}
