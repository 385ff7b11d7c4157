//! VPCs: private networks that servers are in.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Diagnostic, Observed, Origin, Recorded, Value};

use super::{
    Attribute, Facts, Kind, OnChange, PLAIN, Removal, attribute, found, from_to, known_text,
    only_if_asked, server, show, text,
};

/// Its name.
pub const NAME: &str = "name";
/// The region's slug.
pub const REGION: &str = "region";
/// Its addresses, as `10.10.0.0/20`.
pub const IP_RANGE: &str = "ip_range";
/// What it is for.
pub const DESCRIPTION: &str = "description";
/// Its id, for what is in it.
pub const ID: &str = "id";
/// Whether servers of its region are in it that name none.
pub const DEFAULT: &str = "default";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "vpc",
    attributes: ATTRIBUTES,
    natural_key: &[NAME],
    name_of: |attributes| known_text(attributes, NAME),
    renamed_by: Some(NAME),
    referred: &[("ip_range", IP_RANGE)],
    detail,
    removed: |_| "empty network".to_owned(),
    changed,
    orphaned,
    outcome: |attributes| known_text(attributes, IP_RANGE).unwrap_or_default(),
    check,
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::Update),
    attribute(
        REGION,
        "region",
        OnChange::Fixed("a VPC stays where it is: give the one for the other region another name"),
    ),
    attribute(
        IP_RANGE,
        "range of addresses",
        OnChange::Fixed("a VPC keeps its range: write that in cloud.json, or make another VPC"),
    ),
    only_if_asked(DESCRIPTION, "description", OnChange::Update),
    attribute(ID, "network", OnChange::Computed),
    attribute(DEFAULT, "default", OnChange::Seen),
];

/// The address of the VPC of that name.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::new(KIND.name, name)
}

fn detail(attributes: &Attributes<Value>) -> String {
    let parts = [REGION, IP_RANGE].map(|name| text(attributes, name));
    let parts: Vec<&str> = parts.into_iter().filter(|text| !text.is_empty()).collect();
    parts.join(" · ")
}

fn changed(attribute: &str, before: &Json, after: &Value, _: &Attributes<Value>) -> String {
    match attribute {
        NAME => format!("rename: {}", from_to(before, after)),
        DESCRIPTION => format!("description: {}", show(after)),
        _ => from_to(before, after),
    }
}

fn check(facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    found::refuse_what_differs(&KIND, facts, problems);
    // A server never leaves its VPC: only with the last of them does the VPC go.
    let leaving = facts.recorded.values().filter(|recorded| {
        let address = &recorded.address;
        address.kind() == KIND.name
            && recorded.origin == Origin::Created
            && !facts.wanted.contains_key(address)
            && !facts.left_out.contains(address)
    });
    for vpc in leaving {
        let stays = facts.desired.iter().find(|desired| {
            let is = facts.kept(&desired.address);
            desired.address.kind() == server::KIND.name
                && desired.account == vpc.account
                && is.is_some_and(|is| is.text(server::VPC) == Some(&vpc.id))
        });
        if let Some(server) = stays {
            problems.push(
                Diagnostic::error(format!(
                    "{} cannot go while {} is in it",
                    vpc.address, server.address
                ))
                .detail("a server stays in the VPC that it was made in")
                .hint(format!(
                    "keep it in `vpcs`; or have another server made: `--replace {}`",
                    server.address
                ))
                .at(server.place.clone()),
            );
        }
    }
}

/// Nobody can delete a default one, and one that a recorded server is in is asked for by that.
fn orphaned(vpc: &Observed, recorded: &BTreeMap<Address, Recorded>) -> bool {
    let is_in = |recorded: &Recorded| {
        recorded.address.kind() == server::KIND.name
            && *recorded.account == *vpc.account
            && recorded.text(server::VPC) == Some(&vpc.id)
    };
    vpc.attributes.get(DEFAULT) != Some(&Json::Bool(true)) && !recorded.values().any(is_in)
}

/// It goes only if we made it and nothing of others is in it.
fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == Origin::Found {
        return Removal::Keep("it was in the account before".to_owned());
    }
    let seen = facts.bound(&recorded.address);
    if seen.is_some_and(|seen| seen.attributes.get(DEFAULT) == Some(&Json::Bool(true))) {
        return Removal::Keep("it is its region's default, which nobody can delete".to_owned());
    }
    let is_ours = |id: &str| {
        let mut ours = facts.recorded.values();
        ours.any(|ours| {
            ours.address.kind() == server::KIND.name
                && ours.account == recorded.account
                && ours.id == id
        })
    };
    let mut servers = facts.of_kind(server::KIND.name);
    let other = servers.find(|server| {
        *server.account == *recorded.account
            && server.text(server::VPC) == Some(&recorded.id)
            && !is_ours(&server.id)
    });
    match other {
        None => Removal::Delete,
        Some(server) => Removal::Keep(format!(
            "server {} is in it, which is not ours",
            server.text(server::NAME).unwrap_or(&server.id)
        )),
    }
}
