//! The names that lead to servers, as these have them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::attached::ip_of;
use super::records::{is_leading, shown};
use super::servers::name_of;
use super::{Inventory, LeftOut, Stock};
use crate::config::{Draft, DraftServer};
use crate::model::Observed;
use crate::resource::server::{IPV4_ADDRESS, IPV6_ADDRESS};
use crate::resource::{domain, record, reserved_ip};

impl<'a> Stock<'a> {
    /// Takes the names that lead to servers which were taken, and for which a plan would do nothing.
    pub(super) fn names(&self, servers: &[&'a Observed], inventory: &mut Inventory) {
        let mut holders: HashMap<String, usize> = HashMap::new();
        let mut passed: HashSet<&str> = HashSet::new();
        for (at, seen) in servers.iter().enumerate() {
            let to = self.led_to(seen, inventory.draft.servers.get(at), inventory);
            passed.extend(
                seen.text(IPV4_ADDRESS)
                    .filter(|own| to[0].as_deref() != Some(own)),
            );
            holders.extend(to.into_iter().flatten().map(|address| (address, at)));
        }
        let mut by_name: BTreeMap<&str, Vec<&Observed>> = BTreeMap::new();
        for seen in self.of_kind(record::KIND.name) {
            if is_leading(seen)
                && let Some(name) = seen.text(record::NAME)
            {
                by_name.entry(name).or_default().push(seen);
            }
        }
        for (name, records) in by_name {
            let leads_to = records.iter().filter_map(|seen| {
                let data = seen.text(record::DATA)?;
                holders.get(data).copied()
            });
            let leads_to: BTreeSet<usize> = leads_to.collect();
            // What leads to no server is a record as any other.
            let Some(&at) = leads_to.first() else {
                continue;
            };
            // Among the `names` of its server it would lead to the reserved IP that is on that.
            let mut data = records.iter().filter_map(|seen| seen.text(record::DATA));
            if data.any(|data| passed.contains(data)) {
                continue;
            }
            let Some(to) = servers.get(at) else { continue };
            let why = match leads_to.len() {
                1 => self.why_not_name(name, &records, (to, at), inventory),
                _ => Some("leads to several servers".to_owned()),
            };
            let Some(draft) = inventory.draft.servers.get_mut(at) else {
                continue;
            };
            match why {
                None => {
                    draft.names.push(name.to_owned());
                    for seen in &records {
                        let record_type = seen.text(record::TYPE).unwrap_or_default();
                        let address = record::address(name, record_type);
                        inventory.ids.insert(address, seen.id.clone());
                    }
                }
                Some(why) => inventory.left_out.push(LeftOut {
                    what: ids(&records),
                    label: format!("name {name}"),
                    why,
                }),
            }
        }
    }

    /// What the names of a server lead to: A and AAAA. That is the reserved IP which it has in the file.
    fn led_to(
        &self,
        server: &Observed,
        draft: Option<&DraftServer>,
        inventory: &Inventory,
    ) -> [Option<String>; 2] {
        let own = |name: &str| server.text(name).map(ToOwned::to_owned);
        let reserved = draft.and_then(|draft| draft.reserved_ip.as_deref());
        let id = reserved.and_then(|name| inventory.ids.get(&reserved_ip::address(name)));
        let mut all = self.of_kind(reserved_ip::KIND.name);
        let reserved = id.and_then(|id| all.find(|seen| seen.id == *id));
        let reserved = reserved.map(|seen| ip_of(seen).to_owned());
        [reserved.or_else(|| own(IPV4_ADDRESS)), own(IPV6_ADDRESS)]
    }

    fn why_not_name(
        &self,
        name: &str,
        records: &[&Observed],
        (to, at): (&Observed, usize),
        inventory: &Inventory,
    ) -> Option<String> {
        let draft = inventory.draft.servers.get(at)?;
        let [v4, v6] = self.led_to(to, Some(draft), inventory);
        let wanted = [("A", v4), ("AAAA", v6)];
        let is_wanted = |seen: &&&Observed| {
            let (record_type, is) = (seen.text(record::TYPE), seen.text(record::DATA));
            let mut wanted = wanted.iter();
            wanted.any(|(of, data)| {
                data.is_some() && record_type == Some(of) && is == data.as_deref()
            })
        };
        let server = name_of(to);
        if let Some(other) = records.iter().find(|seen| !is_wanted(seen)) {
            return Some(format!("leads elsewhere too: {}", shown(other)));
        }
        for (record_type, _) in wanted.iter().filter(|(_, data)| data.is_some()) {
            let of_type = |seen: &&&Observed| seen.text(record::TYPE) == Some(record_type);
            match records.iter().filter(of_type).count() {
                0 => {
                    return Some(format!(
                        "no {record_type} record, which a plan would add for {server}: put it into \
                         `names` if that is wanted"
                    ));
                }
                1 => {}
                _ => return Some(format!("the same {record_type} record twice")),
            }
        }
        if let Some(unmeant) = records.iter().find(|seen| !self.is_meant(seen)) {
            return Some(format!("{} is not in the file", shown(unmeant)));
        }
        if let Some(recorded) = records.iter().find(|seen| self.is_recorded(seen)) {
            return Some(format!("{} is in the state already", shown(recorded)));
        }
        let zones = self.of_kind(domain::KIND.name);
        let zones = zones.filter_map(|zone| zone.text(domain::NAME).map(ToOwned::to_owned));
        let longest = domain::zone_of(name, &zones.collect()).map(ToOwned::to_owned);
        let zone = records.first().and_then(|seen| seen.text(record::ZONE));
        if let Some(longest) = longest.filter(|longest| Some(longest.as_str()) != zone) {
            let zone = zone.unwrap_or_default();
            return Some(format!(
                "in the zone {zone}, and a plan would put it into {longest}"
            ));
        }
        let alone = Draft {
            servers: vec![DraftServer {
                names: vec![name.to_owned()],
                ..draft.by_itself()
            }],
            ..self.around.clone()
        };
        alone.problem().map(|problem| problem.summary)
    }
}

fn ids(records: &[&Observed]) -> Vec<(&'static str, String)> {
    let ids = records.iter();
    ids.map(|seen| (seen.kind, seen.id.clone())).collect()
}
