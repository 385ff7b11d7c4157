//! Firewalls: what may reach the servers that carry a tag, and what these may reach.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::model::firewall::{ANYWHERE, Rule};
use crate::model::{
    Address, Attributes, Capabilities, Diagnostic, Observed, Origin, Recorded, Reference, Value,
    parts_of_reference,
};

use super::{
    Attribute, Facts, Kind, OnChange, PLAIN, Removal, attribute, found, from_to, known_text,
    only_if_asked, server, show,
};

/// Its name.
pub const NAME: &str = "name";
/// The tags of the servers that it is for, in lower case and in order.
pub const TAGS: &str = "tags";
/// These and those in its rules as cloud.json spells them, for the provider.
pub const TAGS_AS_SPELT: &str = "tags_as_spelt";
/// What may reach these servers: texts of [`Rule`]s in order.
pub const INBOUND: &str = "inbound";
/// What they may reach, likewise.
pub const OUTBOUND: &str = "outbound";
/// The ids of the servers that somebody put behind it one by one, whatever their tags are.
pub const SERVERS: &str = "servers";
/// Whether it is the one that servers are behind for which nothing is asked.
pub const DEFAULT: &str = "default";
/// Its id, for the servers behind it, where these are put behind it one by one.
pub const ID: &str = "id";
/// What comes before the name of a firewall in a rule, where that stands for the servers behind it.
pub const FIREWALL: &str = "firewall:";

/// The descriptor.
pub const KIND: Kind = Kind {
    name: "firewall",
    attributes: ATTRIBUTES,
    natural_key: &[NAME],
    name_of: |attributes| known_text(attributes, NAME),
    renamed_by: Some(NAME),
    may_be_marked: true,
    // Nobody can delete a default one.
    orphaned: |seen, _| seen.attributes.get(DEFAULT) != Some(&Json::Bool(true)),
    detail,
    described: Some(described),
    removed: |attributes| {
        let tags = texts(attributes.get(TAGS).and_then(Value::known));
        format!(
            "what is tagged {} is no longer behind it",
            tags.join(" or ")
        )
    },
    changed,
    check: |facts: &Facts<'_>, problems: &mut Vec<Diagnostic>| {
        found::refuse_what_differs(&KIND, facts, problems);
    },
    removal,
    ..PLAIN
};

const ATTRIBUTES: &[Attribute] = &[
    attribute(NAME, "name", OnChange::Update),
    attribute(TAGS, "tags", OnChange::Update),
    only_if_asked(TAGS_AS_SPELT, "tags as spelt", OnChange::Along(TAGS)),
    attribute(INBOUND, "inbound rules", OnChange::Update),
    attribute(OUTBOUND, "outbound rules", OnChange::Update),
    attribute(ID, "id", OnChange::Computed),
    attribute(SERVERS, "servers", OnChange::Seen),
    attribute(DEFAULT, "default", OnChange::Seen),
];

/// Whether servers are put behind firewalls one by one, whatever their tags are in the account.
pub(super) fn have_members(capabilities: &Capabilities) -> bool {
    let update = capabilities.update(server::KIND.name, server::FIREWALLS);
    update.is_some()
}

/// The address of the firewall of that name.
#[must_use]
pub fn address(name: &str) -> Address {
    Address::new(KIND.name, name)
}

/// Rules as people read them, whether all that they refer to is known or not.
fn rules(value: Option<&Value>) -> Vec<Rule> {
    let written = match value {
        Some(Value::Template(template)) => Some(template.written()),
        other => other.and_then(Value::known).cloned(),
    };
    let texts = texts(written.as_ref()).into_iter();
    let rules = texts.filter_map(|text| Rule::parse(&text));
    rules.map(alone).collect()
}

/// One whose other end is a reference, in words: `db's private IPv4`.
fn alone(mut rule: Rule) -> Rule {
    let inside = rule.peer.strip_prefix("${");
    let inside = inside.and_then(|rest| Some(rest.split_once('}')?.0));
    if let Some((kind, name, attribute)) = inside.and_then(parts_of_reference) {
        let reference = Reference {
            address: Address::new(kind, name),
            attribute: attribute.to_owned(),
        };
        rule.peer = show(&Value::Reference(reference));
    }
    rule
}

fn texts(list: Option<&Json>) -> Vec<String> {
    let list = list.and_then(Json::as_array).into_iter().flatten();
    let texts = list.filter_map(Json::as_str);
    texts.map(ToOwned::to_owned).collect()
}

/// `for web · in tcp 22 from anywhere · out everything`
fn detail(attributes: &Attributes<Value>) -> String {
    let tags = texts(attributes.get(TAGS).and_then(Value::known)).join(", ");
    format!("for {tags} · {}", both_ways(attributes))
}

/// `for web, 2 servers · in tcp 22 from anywhere · out everything`
fn described(attributes: &Attributes<Value>) -> String {
    let list = |name: &str| texts(attributes.get(name).and_then(Value::known));
    let servers = match list(SERVERS).len() {
        0 => None,
        1 => Some("1 server".to_owned()),
        some => Some(format!("{some} servers")),
    };
    let whose: Vec<String> = list(TAGS).into_iter().chain(servers).collect();
    let ways = both_ways(attributes);
    match whose.is_empty() {
        true => ways,
        false => format!("for {} · {ways}", whose.join(", ")),
    }
}

/// `in tcp 22 from anywhere · out everything`
fn both_ways(attributes: &Attributes<Value>) -> String {
    let way = |name: &str, (way, end): (&str, &str)| {
        let rules: BTreeSet<Rule> = rules(attributes.get(name)).into_iter().collect();
        let what = match rules {
            none if none.is_empty() => "nothing".to_owned(),
            all if is_everything(&all) => "everything".to_owned(),
            some => in_words(&some, end).join(", "),
        };
        format!("{way} {what}")
    };
    let inbound = way(INBOUND, ("in", "from"));
    let outbound = way(OUTBOUND, ("out", "to"));
    format!("{inbound} · {outbound}")
}

fn is_everything(rules: &BTreeSet<Rule>) -> bool {
    let has = |text: &str| Rule::parse(text).is_some_and(|rule| rules.contains(&rule));
    ["tcp all", "udp all", "icmp"].iter().all(|what| {
        let mut peers = ANYWHERE.iter();
        peers.all(|peer| has(&format!("{what} {peer}")))
    })
}

/// `tcp 22 from 203.0.113.0/24 and tag:web`: one text for each protocol and range of ports.
fn in_words<'r>(rules: impl IntoIterator<Item = &'r Rule>, end: &str) -> Vec<String> {
    let mut by_what: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for rule in rules {
        let peers = by_what.entry(rule.what()).or_default();
        peers.push(&rule.peer);
    }
    let words = by_what.into_iter().map(|(what, mut peers)| {
        if ANYWHERE.iter().all(|peer| peers.contains(peer)) {
            peers.retain(|peer| !ANYWHERE.contains(peer));
            peers.insert(0, "anywhere");
        }
        format!("{what} {end} {}", peers.join(" and "))
    });
    words.collect()
}

fn changed(attribute: &str, before: &Json, after: &Value, _: &Attributes<Value>) -> String {
    if attribute == NAME {
        return format!("rename: {}", from_to(before, after));
    }
    let before = Value::Known(before.clone());
    let (way, end) = match attribute {
        INBOUND => ("inbound", "from"),
        OUTBOUND => ("outbound", "to"),
        _ => {
            let (before, after) = (texts(before.known()), texts(after.known()));
            let come = after.iter().filter(|tag| !before.contains(tag));
            let go = before.iter().filter(|tag| !after.contains(tag));
            let come = come.map(|tag| format!("+{tag}"));
            let words = come.chain(go.map(|tag| format!("−{tag}")));
            return format!("tags {}", words.collect::<Vec<_>>().join(" "));
        }
    };
    let (before, after) = (rules(Some(&before)), rules(Some(after)));
    let some = |these: &[Rule], others: &[Rule], sign: &str| -> Vec<String> {
        let differ = these.iter().filter(|rule| !others.contains(rule));
        let words = in_words(differ, end).into_iter();
        words.map(|text| format!("{sign} {way} {text}")).collect()
    };
    let mut words = some(&after, &before, "+");
    words.extend(some(&before, &after, "−"));
    words.join(", ")
}

/// It goes only if we made it and, as far as servers were looked at, none of others is behind it.
fn removal(recorded: &Recorded, facts: &Facts<'_>) -> Removal {
    if recorded.origin == Origin::Found {
        return Removal::Keep("it was in the account before".to_owned());
    }
    let tags = texts(recorded.attributes.get(TAGS));
    let is_ours = |id: &str| {
        let mut ours = facts.recorded.values();
        ours.any(|ours| {
            ours.address.kind() == server::KIND.name
                && ours.account == recorded.account
                && ours.id == id
        })
    };
    let view = facts.accounts.get(&recorded.account);
    let by_members = view.is_some_and(|view| have_members(view.capabilities));
    let is_behind = |server: &Observed| {
        if by_members {
            let its = server.attributes.get(server::FIREWALLS);
            let mut its = its.and_then(Json::as_object).into_iter().flatten();
            return its.any(|(_, id)| id.as_str() == Some(&recorded.id));
        }
        let its = texts(server.attributes.get(server::TAGS));
        its.iter().any(|tag| tags.contains(tag))
    };
    let mut servers = facts.in_account(&recorded.account, server::KIND.name);
    let other = servers.find(|server| is_behind(server) && !is_ours(&server.id));
    match other {
        None => Removal::Delete,
        Some(server) => Removal::Keep(format!(
            "server {} is behind it, which is not ours",
            server.text(server::NAME).unwrap_or(&server.id)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_changes_is_told_rule_by_rule() {
        let before = json!(["tcp 22 0.0.0.0/0", "tcp 22 ::/0", "tcp 80 tag:lb"]);
        let after = json!([
            "icmp 10.0.0.0/8",
            "tcp 443 0.0.0.0/0",
            "tcp 443 ::/0",
            "tcp 80 tag:lb"
        ]);
        assert_eq!(
            changed(INBOUND, &before, &Value::Known(after), &Attributes::new()),
            "+ inbound icmp from 10.0.0.0/8, + inbound tcp 443 from anywhere, \
             − inbound tcp 22 from anywhere"
        );
        assert_eq!(
            changed(
                TAGS,
                &json!(["a", "b"]),
                &Value::Known(json!(["b", "c"])),
                &Attributes::new()
            ),
            "tags +c −a"
        );
    }

    #[test]
    fn everything_has_a_word() {
        let all: Vec<String> = ["tcp all", "udp all", "icmp"]
            .iter()
            .flat_map(|what| ANYWHERE.map(|peer| format!("{what} {peer}")))
            .collect();
        let attributes: Attributes<Value> = Attributes::from([
            (TAGS, json!(["web"]).into()),
            (INBOUND, json!(["tcp 22 ::/0", "tcp 22 tag:db"]).into()),
            (OUTBOUND, json!(all).into()),
        ]);
        assert_eq!(
            detail(&attributes),
            "for web · in tcp 22 from ::/0 and tag:db · out everything"
        );
    }
}
