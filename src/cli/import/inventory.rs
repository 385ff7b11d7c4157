//! What an account holds, as a cloud.json that asks for just that.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::config::{Draft, DraftServer};
use crate::model::{Address, Catalog, Diagnostic, Observed, Readiness, RecordData};
use crate::resource::server::{
    BACKUPS, IMAGE, IMAGE_ID, IPV4_ADDRESS, IPV6_ADDRESS, MADE_FROM, REGION, SIZE,
};
use crate::resource::{domain, record, server};

/// What is looked at, and how.
pub(super) struct Stock<'a> {
    /// What the account holds: servers, zones, and all records in these.
    pub(super) observed: &'a [Observed],
    pub(super) catalog: &'a Catalog,
    /// What stands in the file besides.
    pub(super) around: &'a Draft,
    /// Whether each server names its region.
    pub(super) region_by_server: bool,
    /// Whether images go by ids that people do not know.
    pub(super) by_id: bool,
    pub(super) lineage: &'a str,
    /// What the state has already, by kind and id.
    pub(super) recorded: &'a HashSet<(String, String)>,
    /// What may be taken, by kind and id; `None` for everything.
    pub(super) only: Option<&'a HashSet<(&'static str, String)>>,
}

/// What a cloud.json would ask for.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) draft: Draft,
    /// Which thing each address means.
    pub(super) ids: BTreeMap<Address, String>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Something that it does not ask for.
#[derive(Debug)]
pub(super) struct LeftOut {
    /// Its kind and id; of a name, those of its records.
    pub(super) what: Vec<(&'static str, String)>,
    /// What people call it.
    pub(super) label: String,
    /// Why, as a clause.
    pub(super) why: String,
}

impl LeftOut {
    fn one(seen: &Observed, label: &str, why: impl Into<String>) -> Self {
        Self {
            what: vec![(seen.kind, seen.id.clone())],
            label: label.to_owned(),
            why: why.into(),
        }
    }
}

/// A note for each reason.
pub(super) fn notes(left_out: &[LeftOut]) -> Vec<Diagnostic> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in left_out {
        match reasons.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, labels)) => labels.push(&one.label),
            None => reasons.push((&one.why, vec![&one.label])),
        }
    }
    let note = |(why, labels): (&str, Vec<&str>)| {
        Diagnostic::note(format!("left out: {}", labels.join(", "))).detail(why)
    };
    reasons.into_iter().map(note).collect()
}

/// Takes stock.
pub(super) fn take(stock: &Stock<'_>) -> Inventory {
    let mut inventory = Inventory {
        draft: stock.around.clone(),
        ..Inventory::default()
    };
    stock.zones(&mut inventory);
    let servers = stock.servers(&mut inventory);
    stock.names(&servers, &mut inventory);
    stock.records(&servers, &mut inventory);
    inventory
}

impl<'a> Stock<'a> {
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &'a Observed> + use<'a> {
        let observed = self.observed.iter();
        observed.filter(move |seen| seen.kind == kind)
    }

    fn is_meant(&self, seen: &Observed) -> bool {
        let is_it = |only: &HashSet<_>| only.contains(&(seen.kind, seen.id.clone()));
        self.only.is_none_or(is_it)
    }

    fn is_recorded(&self, seen: &Observed) -> bool {
        let recorded = (seen.kind.to_owned(), seen.id.clone());
        self.recorded.contains(&recorded)
    }

    fn zones(&self, inventory: &mut Inventory) {
        for zone in self.of_kind(domain::KIND.name) {
            if !self.is_meant(zone) {
                continue;
            }
            let name = zone.text(domain::NAME).unwrap_or(&zone.id);
            let alone = Draft {
                domains: vec![name.to_owned()],
                ..self.around.clone()
            };
            let why = match alone.problem() {
                Some(problem) => Some(problem.summary),
                None => (self.is_recorded(zone)).then(|| "in the state already".to_owned()),
            };
            if let Some(why) = why {
                let label = format!("domain {name}");
                inventory.left_out.push(LeftOut::one(zone, &label, why));
                continue;
            }
            let address = domain::address(name);
            inventory.ids.insert(address, zone.id.clone());
            inventory.draft.domains.push(name.to_owned());
        }
        inventory.draft.domains.sort_unstable();
    }

    /// Takes the servers, each of which has a name of its own, in the order of these.
    fn servers(&self, inventory: &mut Inventory) -> Vec<&'a Observed> {
        let mut by_name: BTreeMap<String, Vec<&Observed>> = BTreeMap::new();
        for seen in self.of_kind(server::KIND.name) {
            if self.is_meant(seen) {
                let why = self.why_not(seen);
                match why {
                    Some(why) => inventory
                        .left_out
                        .push(LeftOut::one(seen, &labelled(seen), why)),
                    None => by_name
                        .entry(name_of(seen).to_lowercase())
                        .or_default()
                        .push(seen),
                }
            }
        }
        let mut taken = Vec::new();
        for namesakes in by_name.into_values() {
            match namesakes.as_slice() {
                [only] => {
                    let address = server::address(name_of(only));
                    inventory.ids.insert(address, only.id.clone());
                    inventory.draft.servers.push(self.draft(only));
                    taken.push(*only);
                }
                several => {
                    let ids: Vec<&str> = several.iter().map(|one| one.id.as_str()).collect();
                    let why = format!("several have one name: ids {}", ids.join(", "));
                    let left_out = several
                        .iter()
                        .map(|one| LeftOut::one(one, &labelled(one), why.clone()));
                    inventory.left_out.extend(left_out);
                }
            }
        }
        taken
    }

    fn why_not(&self, seen: &Observed) -> Option<String> {
        let is_ours = |owner: &String| owner == self.lineage;
        if !seen.owners.is_empty() && !seen.owners.iter().any(is_ours) {
            let lineages = seen.owners.join(", ");
            return Some(format!(
                "of another deployment, with the lineage {lineages}"
            ));
        }
        if self.is_recorded(seen) {
            return Some("in the state already".to_owned());
        }
        match &seen.readiness {
            Readiness::Ready => {}
            Readiness::Pending(why) | Readiness::Failed(why) | Readiness::Paused { why, .. } => {
                return Some(format!("not ready: {why}"));
            }
        }
        let draft = self.draft(seen);
        if draft.image.is_empty() {
            return Some("the account does not say what image it was made from".to_owned());
        }
        if draft.size.is_empty() {
            return Some("the account does not say what size it has".to_owned());
        }
        let alone = Draft {
            servers: vec![draft],
            ..self.around.clone()
        };
        let problem = alone.problem()?;
        Some(format!("cloud.json cannot have it: {}", problem.summary))
    }

    fn draft(&self, seen: &Observed) -> DraftServer {
        let text = |name: &str| seen.text(name).unwrap_or_default().to_owned();
        DraftServer {
            name: name_of(seen).to_owned(),
            region: self.region_by_server.then(|| text(REGION)),
            size: text(SIZE),
            image: match self.by_id {
                true => self.image_by_id(&text(IMAGE_ID)),
                false if seen.text(IMAGE).is_none() => text(MADE_FROM),
                false => text(IMAGE),
            },
            backups: seen.attributes.get(BACKUPS) == Some(&true.into()),
            names: Vec::new(),
        }
    }

    /// The image's name, if that means no other and no pattern; else its id.
    fn image_by_id(&self, id: &str) -> String {
        let images = &self.catalog.images;
        let name = images.iter().find(|image| image.id == id);
        let name = name.map(|image| image.name.as_str());
        let is_alone = |name: &&str| {
            let named = images.iter().filter(|image| image.name == *name);
            named.count() == 1 && !name.contains(['*', '?', '['])
        };
        name.filter(is_alone).unwrap_or(id).to_owned()
    }

    /// Takes the names that lead to servers which were taken, and for which a plan would do nothing.
    fn names(&self, servers: &[&'a Observed], inventory: &mut Inventory) {
        let mut holders: HashMap<&str, usize> = HashMap::new();
        for (at, seen) in servers.iter().enumerate() {
            let addresses = [IPV4_ADDRESS, IPV6_ADDRESS].map(|name| seen.text(name));
            holders.extend(addresses.into_iter().flatten().map(|address| (address, at)));
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
            let (Some(to), Some(draft)) = (servers.get(at), inventory.draft.servers.get_mut(at))
            else {
                continue;
            };
            let why = match leads_to.len() {
                1 => self.why_not_name(name, &records, (to, draft)),
                _ => Some("leads to several servers".to_owned()),
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

    /// Takes what names say besides: whatever is no name of a server, and not the zone's own.
    fn records(&self, servers: &[&Observed], inventory: &mut Inventory) {
        let known = inventory.ids.iter();
        let known = known.filter(|(address, _)| address.kind() == record::KIND.name);
        let known = known.map(|(_, id)| id.as_str());
        let left_out = inventory.left_out.iter().flat_map(|one| &one.what);
        let left_out = left_out.filter(|(kind, _)| *kind == record::KIND.name);
        let known: HashSet<&str> = known.chain(left_out.map(|(_, id)| id.as_str())).collect();
        let of_others: HashSet<&str> = self
            .of_kind(server::KIND.name)
            .filter(|seen| !servers.iter().any(|taken| taken.id == seen.id))
            .flat_map(|seen| [IPV4_ADDRESS, IPV6_ADDRESS].map(|name| seen.text(name)))
            .flatten()
            .collect();
        let others = self.of_kind(record::KIND.name);
        let others: Vec<&Observed> = others
            .filter(|seen| !known.contains(seen.id.as_str()) && !is_of_the_zone(seen))
            .filter(|seen| self.is_meant(seen))
            .collect();
        // A plan stops at what a name leads to besides.
        let mut elsewhere: HashMap<&str, &Observed> = HashMap::new();
        for seen in others.iter().filter(|seen| is_leading(seen)) {
            if self.why_not_record(seen, &of_others).is_some() {
                elsewhere.insert(seen.text(record::NAME).unwrap_or_default(), seen);
            }
        }
        for seen in others {
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

    fn why_not_name(
        &self,
        name: &str,
        records: &[&Observed],
        (to, draft): (&Observed, &DraftServer),
    ) -> Option<String> {
        let families = [("A", IPV4_ADDRESS), ("AAAA", IPV6_ADDRESS)];
        let wanted = families.map(|(record_type, attribute)| (record_type, to.text(attribute)));
        let is_wanted = |seen: &&&Observed| {
            let is = (seen.text(record::TYPE), seen.text(record::DATA));
            let mut wanted = wanted.iter();
            wanted.any(|(record_type, data)| data.is_some() && is == (Some(*record_type), *data))
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
                ..draft.clone()
            }],
            ..self.around.clone()
        };
        alone.problem().map(|problem| problem.summary)
    }
}

fn is_leading(seen: &Observed) -> bool {
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

fn ids(records: &[&Observed]) -> Vec<(&'static str, String)> {
    let ids = records.iter();
    ids.map(|seen| (seen.kind, seen.id.clone())).collect()
}

fn name_of(seen: &Observed) -> &str {
    seen.text(server::NAME).unwrap_or_default()
}

fn labelled(seen: &Observed) -> String {
    format!("server {} ({})", name_of(seen), seen.id)
}

/// `record www.acme.com A → 192.0.2.1`
fn shown(seen: &Observed) -> String {
    let text = |name: &str| seen.text(name).unwrap_or_default();
    format!(
        "record {} {} → {}",
        text(record::NAME),
        text(record::TYPE),
        text(record::DATA)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Attributes;

    fn server(id: &str, name: &str, more: &[(&str, &str)]) -> Observed {
        let usual = [(server::NAME, name), (REGION, "nyc3"), (SIZE, "s")];
        let attributes: Attributes = usual
            .iter()
            .chain(more)
            .map(|&(name, value)| (name.to_owned(), value.into()))
            .collect();
        Observed {
            kind: server::KIND.name,
            account: Arc::from("default"),
            id: id.to_owned(),
            attributes,
            owners: Vec::new(),
            readiness: Readiness::Ready,
            monthly: None,
            created: None,
        }
    }

    #[test]
    fn only_what_a_file_can_ask_for_is_taken() {
        let mut booting = server("5", "booting", &[(IMAGE, "debian")]);
        booting.readiness = Readiness::Pending("it boots".to_owned());
        let observed = [
            server("1", "slug", &[(IMAGE, "debian")]),
            server("2", "snapshot", &[(MADE_FROM, "77")]),
            server("3", "volume", &[]),
            server("4", "under_score", &[(IMAGE, "debian")]),
            booting,
        ];
        let inventory = take(&Stock {
            observed: &observed,
            catalog: &Catalog::default(),
            around: &Draft::default(),
            region_by_server: true,
            by_id: false,
            lineage: "us",
            recorded: &HashSet::new(),
            only: None,
        });
        let drafted = inventory.draft.servers.iter();
        let drafted: Vec<(&str, &str)> = drafted
            .map(|server| (server.name.as_str(), server.image.as_str()))
            .collect();
        assert_eq!(drafted, [("slug", "debian"), ("snapshot", "77")]);
        let left_out = inventory.left_out.iter();
        let left_out: Vec<&str> = left_out.map(|one| one.why.as_str()).collect();
        assert_eq!(
            left_out,
            [
                "the account does not say what image it was made from",
                "cloud.json cannot have it: server name `under_score` holds `_`, which no \
                 hostname can have",
                "not ready: it boots",
            ]
        );
    }
}
