//! Firewalls, and which of them a server waits for.
//!
//! With some providers a firewall is for whatever has a tag. With others servers are put behind it
//! one by one, and what a tag means in a rule has to be said with a firewall, too: the servers behind
//! one that is for that tag and no other are just the servers with that tag.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::config::{Cloud, Firewall, Server};
use crate::model::firewall::{Rule, range};
use crate::model::{
    Address, Attributes, Desired, Diagnostic, Place, Recorded, Reference, Template, Value,
    has_references, marked,
};

use super::Declaration;
use crate::resource::{firewall, references, server};

impl Declaration<'_> {
    /// The firewall of an entry of `firewalls`.
    pub(super) fn firewall(&mut self, cloud: &Cloud, wanted: &Firewall) {
        let lower = wanted.tags.iter().map(|tag| tag.value.to_ascii_lowercase());
        let lower: BTreeSet<String> = lower.collect();
        // Its own tags are spelt as there, whatever its rules say.
        let mut spelt = wanted.named_tags.clone();
        let own = wanted.tags.iter().map(|tag| tag.value.clone());
        spelt.extend(own.map(|tag| (tag.to_ascii_lowercase(), tag)));
        let (mut inbound, mut outbound) = (wanted.inbound.clone(), wanted.outbound.clone());
        let mut follows = Vec::new();
        if self.have_members(&wanted.account.value) {
            let mut problems = BTreeMap::new();
            for rules in [&mut inbound, &mut outbound] {
                let place = rules.place.clone();
                let all = std::mem::take(&mut rules.value).into_iter();
                rules.value = all
                    .filter_map(|rule| among_members(cloud, wanted, rule, &place, &mut problems))
                    .collect();
            }
            self.out.notes.extend(problems.into_values());
            follows = waits_for(cloud, wanted);
        }
        let attributes: Attributes<Value> = Attributes::from([
            (firewall::NAME, wanted.name.value.as_str().into()),
            (firewall::TAGS, lower.into_iter().collect::<Json>().into()),
            (
                firewall::TAGS_AS_SPELT,
                spelt.into_values().collect::<Json>().into(),
            ),
            (firewall::INBOUND, texts(&inbound.value)),
            (firewall::OUTBOUND, texts(&outbound.value)),
        ]);
        let tags = wanted
            .tags
            .first()
            .map(|tag| (firewall::TAGS, tag.place.clone()));
        let mut places = BTreeMap::from([
            (firewall::INBOUND, inbound.place),
            (firewall::OUTBOUND, outbound.place),
        ]);
        places.extend(tags);
        self.push(Desired {
            address: firewall::address(&wanted.name.value),
            account: wanted.account.value.clone(),
            attributes,
            only_if: None,
            follows,
            place: Some(wanted.name.place.clone()),
            places,
        });
    }

    /// Puts a server behind the firewalls that it follows, where that is done one by one. One that
    /// was behind some is taken out again when none is for it any more.
    pub(super) fn put_behind_firewalls(
        &self,
        wanted: &Server,
        recorded: Option<&Recorded>,
        server: &mut Desired,
    ) {
        let had_some = recorded.is_some_and(|had| had.attributes.contains_key(server::FIREWALLS));
        let its: Vec<&Address> = server
            .follows
            .iter()
            .filter(|address| address.kind() == firewall::KIND.name)
            .collect();
        if !self.have_members(&server.account) || its.is_empty() && !had_some {
            return;
        }
        let ids = its.into_iter().map(|address| {
            let to = Reference {
                address: address.clone(),
                attribute: firewall::ID.to_owned(),
            };
            let id = Json::from(marked(&to.to_string()));
            (address.name().to_owned(), id)
        });
        let ids: Map<String, Json> = ids.collect();
        let value = match ids.is_empty() {
            true => Value::Known(ids.into()),
            false => Value::Template(Template::new(ids.into(), references::reference)),
        };
        server.attributes.insert(server::FIREWALLS, value);
        let tags = wanted.tags.iter().flatten().next();
        let place = tags.map(|tag| (server::FIREWALLS, tag.place.clone()));
        server.places.extend(place);
    }

    fn have_members(&self, account: &str) -> bool {
        let view = self.setting.accounts.get(account);
        view.is_some_and(|view| firewall::have_members(view.capabilities))
    }
}

/// The firewalls that a server is never to be without: those for its tags.
pub(super) fn of_server(cloud: &Cloud, server: &Server) -> Vec<Address> {
    let is_for = |firewall: &&Firewall| {
        let mut tags = server.tags.iter().flatten();
        firewall.account.value == server.account.value
            && tags.any(|tag| {
                let mut own = firewall.tags.iter();
                own.any(|own| own.value.eq_ignore_ascii_case(&tag.value))
            })
    };
    let its = cloud.firewalls.iter().filter(is_for);
    its.map(|firewall| firewall::address(&firewall.name.value))
        .collect()
}

/// A rule of a firewall that servers are put behind. What stands against it is added to `problems`,
/// once for each other end.
fn among_members(
    cloud: &Cloud,
    of: &Firewall,
    rule: Rule,
    place: &Place,
    problems: &mut BTreeMap<String, Diagnostic>,
) -> Option<Rule> {
    let (name, account) = (of.name.value.escape_debug(), &of.account.value);
    let refused = |detail: String, hint: String| {
        Diagnostic::error(format!("firewall {name} cannot speak of {}", rule.peer))
            .detail(detail)
            .hint(hint)
            .at(place.clone())
    };
    let problem = match rule.tag() {
        // What it is given is an address or a range.
        None if range(&rule.peer).is_some() || has_references(&rule.peer) => return Some(rule),
        None => refused(
            format!("the account `{account}` has no such thing"),
            "write addresses, ranges of them, or tags".to_owned(),
        ),
        Some(tag) => {
            if let Some(firewall) = just_for(cloud, account, tag) {
                let peer = format!("{}{}", firewall::FIREWALL, firewall.name.value);
                return Some(Rule { peer, ..rule });
            }
            refused(
                format!(
                    "in the account `{account}` a rule means the servers behind a firewall, and \
                     none is for this tag and no other"
                ),
                format!("add a firewall with \"tags\": [\"{tag}\"], or write addresses"),
            )
        }
    };
    problems.entry(rule.peer).or_insert(problem);
    None
}

/// The first firewall that is for this tag, in lower case, and for no other.
fn just_for<'c>(cloud: &'c Cloud, account: &str, tag: &str) -> Option<&'c Firewall> {
    let mut all = cloud.firewalls.iter();
    all.find(|firewall| {
        let only = match firewall.tags.as_slice() {
            [only] => only.value.eq_ignore_ascii_case(tag),
            _ => false,
        };
        firewall.account.value == account && only
    })
}

/// The firewalls that its rules speak of.
fn spoken_of<'c>(cloud: &'c Cloud, firewall: &'c Firewall) -> impl Iterator<Item = &'c Firewall> {
    let rules = firewall
        .inbound
        .value
        .iter()
        .chain(&firewall.outbound.value);
    let tags: BTreeSet<&str> = rules.filter_map(Rule::tag).collect();
    let tags = tags.into_iter();
    tags.filter_map(|tag| just_for(cloud, &firewall.account.value, tag))
}

/// Those of them that have to be there first. Firewalls may speak of each other; then none of them
/// waits, and whichever comes first makes a beginning of the other.
fn waits_for(cloud: &Cloud, firewall: &Firewall) -> Vec<Address> {
    let of = |firewall: &Firewall| firewall::address(&firewall.name.value);
    let others = spoken_of(cloud, firewall).filter(|other| other.name.value != firewall.name.value);
    let first = others.filter(|other| !leads_to(cloud, other, &firewall.name.value));
    first.map(of).collect()
}

/// Whether what the rules of a firewall speak of comes to one of that name.
fn leads_to(cloud: &Cloud, from: &Firewall, name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at.name.value == name {
            return true;
        }
        if seen.insert(at.name.value.as_str()) {
            open.extend(spoken_of(cloud, at));
        }
    }
    false
}

/// In the order of the texts, which the providers' rules are put into as well.
fn texts(rules: &BTreeSet<Rule>) -> Value {
    let texts: BTreeSet<String> = rules.iter().map(ToString::to_string).collect();
    let template = Template::set(texts.into_iter().collect(), references::reference);
    match template.references() {
        [] => Value::Known(template.json().clone()),
        _ => Value::Template(template),
    }
}
