//! Firewalls, and which of them a server waits for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::config::{Cloud, Firewall, Server};
use crate::model::firewall::Rule;
use crate::model::{Address, Attributes, Desired, Template, Value};

use super::Declaration;
use crate::resource::{firewall, references};

impl Declaration<'_> {
    /// The firewall of an entry of `firewalls`.
    pub(super) fn firewall(&mut self, wanted: &Firewall) {
        let lower = wanted.tags.iter().map(|tag| tag.value.to_ascii_lowercase());
        let lower: BTreeSet<String> = lower.collect();
        // Its own tags are spelt as there, whatever its rules say.
        let mut spelt = wanted.named_tags.clone();
        let own = wanted.tags.iter().map(|tag| tag.value.clone());
        spelt.extend(own.map(|tag| (tag.to_ascii_lowercase(), tag)));
        let attributes: Attributes<Value> = Attributes::from([
            (firewall::NAME, wanted.name.value.as_str().into()),
            (firewall::TAGS, lower.into_iter().collect::<Json>().into()),
            (
                firewall::TAGS_AS_SPELT,
                spelt.into_values().collect::<Json>().into(),
            ),
            (firewall::INBOUND, texts(&wanted.inbound.value)),
            (firewall::OUTBOUND, texts(&wanted.outbound.value)),
        ]);
        let tags = wanted
            .tags
            .first()
            .map(|tag| (firewall::TAGS, tag.place.clone()));
        let mut places = BTreeMap::from([
            (firewall::INBOUND, wanted.inbound.place.clone()),
            (firewall::OUTBOUND, wanted.outbound.place.clone()),
        ]);
        places.extend(tags);
        self.push(Desired {
            address: firewall::address(&wanted.name.value),
            account: wanted.account.value.clone(),
            attributes,
            only_if: None,
            follows: Vec::new(),
            place: Some(wanted.name.place.clone()),
            places,
        });
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

/// In the order of the texts, which the providers' rules are put into as well.
fn texts(rules: &BTreeSet<Rule>) -> Value {
    let texts: BTreeSet<String> = rules.iter().map(ToString::to_string).collect();
    let template = Template::set(texts.into_iter().collect(), references::reference);
    match template.references() {
        [] => Value::Known(template.json().clone()),
        _ => Value::Template(template),
    }
}
