//! What names say besides leading to servers.

use std::collections::{HashMap, HashSet};

use super::attached::ip_of;
use super::{Inventory, LeftOut, Stock};
use crate::config::Draft;
use crate::model::{Observed, RecordData};
use crate::resource::server::{IPV4_ADDRESS, IPV6_ADDRESS};
use crate::resource::{record, reserved_ip, server};

impl Stock<'_> {
    /// Takes what names say besides: whatever is no name of a server, and not the zone's own.
    pub(super) fn records(&self, servers: &[&Observed], inventory: &mut Inventory) {
        let known = inventory.ids.iter();
        let known = known.filter(|(address, _)| address.kind() == record::KIND.name);
        let known = known.map(|(_, id)| id.as_str());
        let left_out = inventory.left_out.iter().flat_map(|one| &one.what);
        let left_out = left_out.filter(|(kind, _)| *kind == record::KIND.name);
        let known: HashSet<&str> = known.chain(left_out.map(|(_, id)| id.as_str())).collect();
        let is_taken = |id: &str| servers.iter().any(|taken| taken.id == id);
        let others = self.of_kind(server::KIND.name);
        let others = others.filter(|seen| !is_taken(&seen.id));
        let own = others.flat_map(|seen| [IPV4_ADDRESS, IPV6_ADDRESS].map(|name| seen.text(name)));
        let reserved = self.of_kind(reserved_ip::KIND.name).filter(|seen| {
            let server = seen.text(reserved_ip::SERVER);
            server.is_some_and(|server| !is_taken(server))
        });
        let of_others: HashSet<&str> = own.flatten().chain(reserved.map(ip_of)).collect();
        let others = self.of_kind(record::KIND.name);
        let others: Vec<&Observed> = others
            .filter(|seen| !known.contains(seen.id.as_str()) && !is_of_the_zone(seen))
            .collect();
        // A plan stops at what a name leads to besides.
        let mut elsewhere: HashMap<&str, &Observed> = HashMap::new();
        for seen in others.iter().filter(|seen| is_leading(seen)) {
            if !self.is_meant(seen) || self.why_not_record(seen, &of_others).is_some() {
                elsewhere.insert(seen.text(record::NAME).unwrap_or_default(), seen);
            }
        }
        for seen in others.into_iter().filter(|seen| self.is_meant(seen)) {
            let text = |name: &str| seen.text(name).unwrap_or_default();
            let (zone, name) = (text(record::ZONE), text(record::NAME));
            let (record_type, data) = (text(record::TYPE), text(record::DATA));
            let names = inventory.draft.records.get(zone);
            let values = names.and_then(|names| names.get(name)?.get(record_type));
            let values = values.map(Vec::as_slice).unwrap_or_default();
            let other = elsewhere.get(name).filter(|_| is_leading(seen));
            let why = match (self.why_not_record(seen, &of_others), other) {
                (None, Some(other)) => Some(format!("leads elsewhere too: {}", shown(other))),
                (None, None) if values.iter().any(|value| value == data) => {
                    Some("a copy of another".to_owned())
                }
                (why, _) => why,
            };
            if let Some(why) = why {
                let left_out = LeftOut::one(seen, &shown(seen), why);
                inventory.left_out.push(left_out);
                continue;
            }
            if let Some(address) = record::addresses(name, record_type).nth(values.len()) {
                inventory.ids.insert(address, seen.id.clone());
            }
            let names = inventory.draft.records.entry(zone.to_owned());
            let types = names.or_default().entry(name.to_owned()).or_default();
            let values = types.entry(record_type.to_owned()).or_default();
            values.push(data.to_owned());
        }
    }

    fn why_not_record(&self, seen: &Observed, of_others: &HashSet<&str>) -> Option<String> {
        let text = |name: &str| seen.text(name).unwrap_or_default();
        let (record_type, data) = (text(record::TYPE), text(record::DATA));
        let mut owners = seen.owners.iter();
        if let Some(lineage) = owners.find(|owner| *owner != self.lineage) {
            return Some(format!("of another deployment, with the lineage {lineage}"));
        }
        if self.is_recorded(seen) {
            return Some("in the state already".to_owned());
        }
        if of_others.contains(data) {
            return Some("leads to a server that is not taken over".to_owned());
        }
        if RecordData::parse(record_type, data).is_none() {
            return Some(format!("cloud.json has no such {record_type} records"));
        }
        let types = [(record_type.to_owned(), vec![data.to_owned()])].into();
        let names = [(text(record::NAME).to_owned(), types)].into();
        let alone = Draft {
            records: [(text(record::ZONE).to_owned(), names)].into(),
            ..self.around.clone()
        };
        alone.problem().map(|problem| problem.summary)
    }
}

pub(super) fn is_leading(seen: &Observed) -> bool {
    matches!(seen.text(record::TYPE), Some("A" | "AAAA" | "CNAME"))
}

/// Whether it is the SOA record of its zone, or one of the zone's own name servers.
fn is_of_the_zone(seen: &Observed) -> bool {
    match seen.text(record::TYPE) {
        Some("SOA") => true,
        Some("NS") => seen.text(record::NAME) == seen.text(record::ZONE),
        _ => false,
    }
}

/// `record www.acme.com A → 192.0.2.1`
pub(super) fn shown(seen: &Observed) -> String {
    let text = |name: &str| seen.text(name).unwrap_or_default();
    format!(
        "record {} {} → {}",
        text(record::NAME),
        text(record::TYPE),
        text(record::DATA)
    )
}
