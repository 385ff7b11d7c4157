use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::config::{Cloud, PublicKey, Server, Spanned};
use crate::model::{Address, Attributes, Catalog, Desired, Diagnostic, Recorded, Reference, Value};

use super::{domain, record, server, ssh_key};

/// What turning cloud.json into resources depends on besides cloud.json.
pub struct Setting<'a> {
    /// The named account everything lives in.
    pub account: &'a str,
    /// The key put on new servers.
    pub public_key: &'a PublicKey,
    /// The zones that the account manages.
    pub zones: &'a BTreeSet<String>,
    /// What the state says.
    pub recorded: &'a BTreeMap<Address, Recorded>,
    /// What the account can use; `None` if nothing is made that needs it.
    pub catalog: Option<&'a Catalog>,
    /// Where a new zone must be delegated to.
    pub name_servers: &'a [&'a str],
}

/// What cloud.json means.
#[derive(Debug, Default)]
pub struct Declared {
    /// The resources wanted, in the order of the file.
    pub desired: Vec<Desired>,
    /// What should be known, and what is wrong.
    pub notes: Vec<Diagnostic>,
}

/// Turns cloud.json into resources.
#[must_use]
pub fn declare(cloud: &Cloud, setting: &Setting<'_>) -> Declared {
    let mut declaration = Declaration::begin(cloud, setting);
    for domain in &cloud.domains {
        declaration.domain(&domain.name.value, &domain.name);
    }
    for server in &cloud.servers {
        declaration.server(server);
        let address = server_address(server);
        for name in &server.names {
            declaration.records(name, &address);
        }
    }
    declaration.out
}

/// The servers and their key, which can be told before the zones are known. What should be known
/// about them is left to [`declare`].
#[must_use]
pub fn declare_servers(cloud: &Cloud, setting: &Setting<'_>) -> Vec<Desired> {
    let mut declaration = Declaration::begin(cloud, setting);
    for server in &cloud.servers {
        declaration.server(server);
    }
    declaration.out.desired
}

fn server_address(server: &Server) -> Address {
    Address::new(server::KIND.name, &server.name.value)
}

/// The zones that a name can go into without another one being made.
fn managed_zones(cloud: &Cloud, setting: &Setting<'_>) -> BTreeSet<String> {
    let declared = cloud.domains.iter().map(|domain| domain.name.value.clone());
    setting.zones.iter().cloned().chain(declared).collect()
}

struct Declaration<'a> {
    setting: &'a Setting<'a>,
    managed: BTreeSet<String>,
    /// Zones that are resources of this deployment.
    domains: BTreeSet<String>,
    out: Declared,
}

impl<'a> Declaration<'a> {
    /// With the key that all servers share, if there are any.
    fn begin(cloud: &Cloud, setting: &'a Setting<'a>) -> Self {
        let mut declaration = Self {
            setting,
            managed: managed_zones(cloud, setting),
            domains: BTreeSet::new(),
            out: Declared::default(),
        };
        if !cloud.servers.is_empty() {
            declaration.ssh_key();
        }
        declaration
    }

    fn push(&mut self, desired: Desired) {
        self.out.desired.push(desired);
    }

    fn ssh_key(&mut self) {
        let key = self.setting.public_key;
        let attributes = Attributes::from([
            (ssh_key::NAME, key.name().into()),
            (ssh_key::PUBLIC_KEY, key.line.as_str().into()),
            (ssh_key::FINGERPRINT, key.fingerprint.as_str().into()),
        ]);
        let address = ssh_key::address();
        if let Some(before) = self.setting.recorded.get(&address)
            && before.text(ssh_key::FINGERPRINT) != Some(&key.fingerprint)
        {
            self.out.notes.push(
                Diagnostic::note("the public SSH key is another one than before").detail(format!(
                    "it takes effect for new servers; those that exist keep the old one, \
                     which stays in the account as key {}",
                    before.id
                )),
            );
        }
        self.push(Desired {
            address,
            account: self.setting.account.to_owned(),
            attributes,
            only_if: None,
            place: None,
            places: BTreeMap::new(),
        });
    }

    fn server(&mut self, wanted: &Server) {
        let region = wanted.region.as_ref();
        let has_ipv6 = region.and_then(|region| self.region_has_ipv6(&region.value));
        let mut attributes = Attributes::from([
            (server::NAME, wanted.name.value.as_str().into()),
            (server::SIZE, wanted.size.value.text().into()),
            (server::IMAGE, wanted.image.value.text().into()),
            (server::BACKUPS, wanted.backups.value.into()),
            (server::SSH_KEY, ssh_key::reference()),
        ]);
        let mut places = BTreeMap::from([
            (server::SIZE, wanted.size.place.clone()),
            (server::IMAGE, wanted.image.place.clone()),
            (server::BACKUPS, wanted.backups.place.clone()),
        ]);
        if let Some(region) = region {
            attributes.insert(server::REGION, region.value.as_str().into());
            places.insert(server::REGION, region.place.clone());
        }
        if let Some(ipv6) = has_ipv6 {
            attributes.insert(server::IPV6, ipv6.into());
            if !ipv6 {
                // Known before it is made: it will have no such address.
                attributes.insert(server::IPV6_ADDRESS, Json::Null.into());
            }
        }
        self.push(Desired {
            address: server_address(wanted),
            account: self.setting.account.to_owned(),
            attributes,
            only_if: None,
            place: Some(wanted.name.place.clone()),
            places,
        });
    }

    /// Whether servers in a region get IPv6; `None` if the catalog was not needed, because then
    /// all servers exist and each says for itself.
    fn region_has_ipv6(&self, slug: &str) -> Option<bool> {
        let region = self.setting.catalog?.region(slug)?;
        Some(region.features.contains("ipv6"))
    }

    fn records(&mut self, name: &Spanned<String>, server: &Address) {
        let Some(zone) = self.zone(name) else { return };
        let to = |attribute: &str| Reference {
            address: server.clone(),
            attribute: attribute.to_owned(),
        };
        let families = [("A", server::IPV4_ADDRESS), ("AAAA", server::IPV6_ADDRESS)];
        for (record_type, attribute) in families {
            let data = Value::Reference(to(attribute));
            self.push(Desired {
                address: record::address(&name.value, record_type),
                account: self.setting.account.to_owned(),
                attributes: record::attributes(zone.clone(), &name.value, record_type, data),
                // Every server has an IPv4 address; IPv6 depends on its region and its age.
                only_if: (record_type == "AAAA").then(|| to(attribute)),
                place: Some(name.place.clone()),
                places: BTreeMap::new(),
            });
        }
    }

    /// The zone of a name: the recorded one as long as it exists, else the longest there is, else
    /// a new one.
    fn zone(&mut self, name: &Spanned<String>) -> Option<Value> {
        // Either may be missing: a run that was cut off made only one of them.
        let recorded = ["A", "AAAA"].into_iter().find_map(|record_type| {
            let address = record::address(&name.value, record_type);
            self.setting.recorded.get(&address)?.text(record::ZONE)
        });
        let longest = domain::zone_of(&name.value, &self.managed);
        let zone = match (
            recorded.filter(|zone| self.managed.contains(*zone)),
            longest,
        ) {
            (Some(kept), Some(longest)) if kept.len() < longest.len() => {
                self.out.notes.push(
                    Diagnostic::note(format!("{} stays in the zone {kept}", name.value))
                        .detail(format!("the account now has the zone {longest} too"))
                        .at(name.place.clone()),
                );
                kept
            }
            (Some(kept), _) => kept,
            (None, Some(longest)) => longest,
            (None, None) => {
                let Some(new) = domain::registrable(&name.value) else {
                    self.out.notes.push(
                        Diagnostic::error(format!("{} is in no zone of the account", name.value))
                            .detail("and nobody can register a part of it, so none can be made")
                            .hint("use a name below a domain that you own")
                            .at(name.place.clone()),
                    );
                    return None;
                };
                new
            }
        };
        let zone = zone.to_owned();
        self.managed.insert(zone.clone());
        Some(self.domain_value(&zone, name))
    }

    /// A zone that the account has and the state does not know is merely used; any other is a
    /// resource that the record waits for.
    fn domain_value(&mut self, zone: &str, name: &Spanned<String>) -> Value {
        let used_only = self.setting.zones.contains(zone)
            && !self.domains.contains(zone)
            && !self.setting.recorded.contains_key(&domain::address(zone));
        if used_only {
            return zone.into();
        }
        self.domain(zone, name);
        Value::Reference(Reference {
            address: domain::address(zone),
            attribute: domain::NAME.to_owned(),
        })
    }

    fn domain(&mut self, zone: &str, asked_by: &Spanned<String>) {
        if !self.domains.insert(zone.to_owned()) {
            return;
        }
        let place = asked_by.place.clone();
        let recorded = self.setting.recorded.contains_key(&domain::address(zone));
        if !self.setting.zones.contains(zone) && !recorded {
            self.out.notes.push(
                Diagnostic::note(format!("{zone} will be a new zone"))
                    .detail(format!(
                        "its names answer only once its registrar delegates it to {}",
                        self.setting.name_servers.join(", ")
                    ))
                    .at(place.clone()),
            );
        }
        self.push(Desired {
            address: domain::address(zone),
            account: self.setting.account.to_owned(),
            attributes: Attributes::from([(domain::NAME, zone.into())]),
            only_if: None,
            place: Some(place),
            places: BTreeMap::new(),
        });
    }
}
