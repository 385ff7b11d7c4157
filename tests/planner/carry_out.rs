//! Carrying a step out on an account in memory. Whatever must never happen panics here.

use cloudbuilder::model::{
    Address, Attributes, Money, Observed, Origin, Readiness, Recorded, Value,
};
use cloudbuilder::plan::{Op, Plan, Step};
use cloudbuilder::resource::{OnChange, kind, readdress, record, reserved_ip, server, volume};
use serde_json::{Value as Json, json};

use crate::world::{OURS, World, now};

impl World {
    /// Carries all of a plan out to its end.
    pub(crate) fn carry_out_all(&mut self, plan: &Plan) {
        self.take_addresses(plan);
        for step in &plan.steps {
            self.carry_out(step);
        }
    }

    /// What comes before any step: what is renamed has its new address in the state.
    pub(crate) fn take_addresses(&mut self, plan: &Plan) {
        for renamed in &plan.renamed {
            readdress(&mut self.recorded, &renamed.from, &renamed.to);
        }
    }

    /// Carries a step out to its end.
    pub(crate) fn carry_out(&mut self, step: &Step) {
        self.begin(step);
        match &step.op {
            Op::Create { address, .. } | Op::Import { address, .. } | Op::Await { address, .. } => {
                self.get_ready(address);
            }
            Op::Delete { address, id, .. } => {
                self.vanish(address.kind(), id);
                self.recorded.remove(address);
            }
            Op::Check { address, .. } => {
                let recorded = self.recorded.get_mut(address).unwrap();
                let answered = Json::Bool(false);
                recorded.attributes.insert(server::UNANSWERED, answered);
            }
            _ => {}
        }
    }

    /// Carries a step out as far as the first saving of the state.
    pub(crate) fn begin(&mut self, step: &Step) {
        match &step.op {
            Op::Create {
                address,
                replaces,
                account,
                attributes,
                refers_to,
            } => self.create(address, replaces.as_ref(), account, attributes, refers_to),
            Op::Import {
                address,
                account,
                id,
                attributes,
                refers_to,
                mark,
                ours,
            } => {
                let attributes = self.resolve(attributes);
                let found = self.untaken(address, id);
                if *mark {
                    assert!(found.owners.is_empty(), "{address} is somebody's");
                    found.owners.push(OURS.to_owned());
                } else {
                    let free = found.owners.is_empty() && address.kind() != server::KIND.name;
                    let marked = found.owners.iter().any(|owner| owner == OURS);
                    assert!(free || marked, "{address} is not ours");
                }
                let origin = if *ours {
                    Origin::Created
                } else {
                    Origin::Found
                };
                let attributes = (account.clone(), attributes);
                self.write_down(address, id, origin, attributes, refers_to);
            }
            Op::Update {
                address,
                id,
                attributes,
                refers_to,
                changes,
            } => {
                let attributes = self.resolve(attributes);
                assert_eq!(self.recorded[address].id, *id, "{address} is not ours");
                let found = self.found(address, id);
                let names = changes.iter().map(|change| change.attribute.clone());
                let changed: Vec<(String, Json)> = names
                    .map(|name| (name.clone(), attributes[&name].clone()))
                    .collect();
                found.attributes.extend(changed.clone());
                // What was given another name alone led there before.
                let mut names = changes.iter().map(|change| change.attribute.as_str());
                if names.any(|name| name == record::DATA || name == reserved_ip::SERVER) {
                    self.assert_attached(address, id);
                }
                let recorded = self.recorded.get_mut(address).unwrap();
                let moves = changed.iter().any(|(name, _)| name == reserved_ip::SERVER);
                recorded.attributes.extend(changed);
                if moves {
                    recorded.attributes.remove(reserved_ip::FORGOTTEN_AT);
                }
                recorded.refers_to.clone_from(refers_to);
                self.price(address, id);
            }
            Op::Await { address, id } => {
                assert_eq!(self.recorded[address].id, *id, "{address} is not ours");
            }
            Op::Check { address, .. } => {
                assert!(self.recorded[address].ready, "{address} is not up");
            }
            Op::Drain {
                address,
                id,
                seconds,
                until,
                wait,
            } => {
                let at = until.unwrap_or(self.now + std::time::Duration::from_secs(*seconds));
                let recorded = self.recorded.get_mut(address).unwrap();
                assert_eq!(recorded.id, *id, "{address} is not ours");
                let at = at.to_string();
                recorded.attributes.insert(server::FORGOTTEN_AT, at.into());
                // What moves may take names with it, and a later run has what is attached go first.
                if *wait && !self.desired().iter().any(|one| one.address == *address) {
                    self.assert_unused(address);
                    self.assert_served(address);
                }
            }
            Op::Delete { address, id, .. } => {
                assert_eq!(self.recorded[address].id, *id, "{address} is not ours");
                // What goes before another takes its place is led to still.
                if !self.desired().iter().any(|one| one.address == *address) {
                    self.assert_unused(address);
                    self.assert_served(address);
                }
            }
            Op::Forget { address } => {
                self.recorded.remove(address);
            }
            Op::WriteBack { addresses } => {
                for address in addresses {
                    let recorded = self.recorded.get(address);
                    match recorded.and_then(|r| r.attributes.get(server::NETWORKS)) {
                        Some(networks) => self
                            .written
                            .insert(address.clone(), networks.to_string().into()),
                        None => self.written.remove(address),
                    };
                }
            }
        }
    }

    /// Lets a server come up: it has addresses from now on.
    pub(crate) fn come_up(&mut self, id: &str) {
        let number: u32 = id.parse().unwrap();
        let server = self.observed.iter_mut().find(|o| o.id == id).unwrap();
        let has_ipv6 = server.attributes[server::IPV6] == json!(true);
        let ipv4 = format!("10.0.{}.{}", number / 256, number % 256);
        let ipv6 = if has_ipv6 {
            json!(format!("2001:db8::{number:x}"))
        } else {
            Json::Null
        };
        server.readiness = Readiness::Ready;
        server.attributes.extend([
            (
                server::NETWORKS.to_owned(),
                json!({"v4": [ipv4], "v6": [ipv6]}),
            ),
            (server::IPV4_ADDRESS.to_owned(), ipv4.into()),
            (server::IPV6_ADDRESS.to_owned(), ipv6),
        ]);
        server.monthly = Some(Money::from_dollars(6.0));
    }

    /// Takes a server's addresses away, as if it had just been made.
    pub(crate) fn boot_again(&mut self, address: &str) {
        self.record_of(address).ready = false;
        self.seen(address).readiness = Readiness::Pending("boots".to_owned());
        let has_ipv6 = self.seen(address).attributes[server::IPV6] == json!(true);
        let ipv6 = has_ipv6.then_some(server::IPV6_ADDRESS);
        for attribute in [server::IPV4_ADDRESS, server::NETWORKS]
            .into_iter()
            .chain(ipv6)
        {
            self.record_of(address).attributes.remove(attribute);
            self.seen(address).attributes.remove(attribute);
        }
    }

    fn create(
        &mut self,
        address: &Address,
        replaces: Option<&String>,
        account: &str,
        attributes: &Attributes<Value>,
        refers_to: &[Address],
    ) {
        if let Some(id) = replaces {
            let mut replaced = self.recorded.remove(address).unwrap();
            assert_eq!(replaced.id, *id, "{address} is not what is replaced");
            replaced.address = address.set_aside(id);
            self.recorded.insert(replaced.address.clone(), replaced);
        }
        let (_, kind) = kind(address.kind()).unwrap();
        let attributes = self.resolve(attributes);
        let mut shown = attributes.clone();
        let owners = match address.kind() {
            "server" => {
                let aside = |id: &str| {
                    let mut recorded = self.recorded.values();
                    recorded.any(|one| one.id == id && one.address.had().is_some())
                };
                let twin = self.observed.iter().find(|o| {
                    o.owners.iter().any(|owner| owner == OURS)
                        && o.text(server::NAME) == Some(address.name())
                        && !aside(&o.id)
                });
                assert!(twin.is_none(), "{address} would be there twice");
                shown.remove(server::SSH_KEY);
                shown.remove(server::IMAGE);
                shown.remove(server::UNANSWERED);
                if attributes[server::IPV6] == json!(false) {
                    shown.insert(server::IPV6_ADDRESS.to_owned(), Json::Null);
                }
                vec![OURS.to_owned()]
            }
            "volume" => {
                shown.remove(volume::SERVER_NAME);
                vec![OURS.to_owned()]
            }
            "domain" => {
                assert!(!self.zones().contains(address.name()), "{address} is there");
                Vec::new()
            }
            "record" => {
                let same = |o: &&Observed| o.kind == "record" && o.attributes == attributes;
                assert!(
                    !self.observed.iter().any(|o| same(&o)),
                    "{address} would be there twice"
                );
                let zone = attributes[record::ZONE].as_str().unwrap();
                assert!(self.zones().contains(zone), "{address} has no zone");
                Vec::new()
            }
            _ => Vec::new(),
        };
        let id = self.put(kind.name, shown, owners);
        let made = (account.to_owned(), attributes);
        self.write_down(address, &id, Origin::Created, made, refers_to);
        self.price(address, &id);
        self.assert_attached(address, &id);
        if kind.lingers {
            self.found(address, &id).readiness = Readiness::Pending("boots".to_owned());
        }
    }

    /// What is in the account no more is on a server no more, and the other way round.
    pub(crate) fn vanish(&mut self, kind: &str, id: &str) {
        self.observed
            .retain(|o| (o.kind, o.id.as_str()) != (kind, id));
        if kind == server::KIND.name {
            let on_it = self
                .observed
                .iter_mut()
                .filter(|o| o.text(reserved_ip::SERVER) == Some(id));
            for address in on_it {
                let none = (reserved_ip::SERVER.to_owned(), Json::Null);
                address.attributes.extend([none]);
                address.monthly = Some(reserved_ip::UNASSIGNED);
            }
        }
    }

    /// A server has one reserved IP at most, and no name of ours leads to one that no server has.
    fn assert_attached(&self, address: &Address, id: &str) {
        let seen = |kind: &str, id: &str| {
            let mut all = self.observed.iter();
            all.find(|o| (o.kind, o.id.as_str()) == (kind, id))
        };
        let on = |reserved: &Observed| reserved.text(reserved_ip::SERVER).map(ToOwned::to_owned);
        match address.kind() {
            "reserved_ip" => {
                let server = seen("reserved_ip", id).and_then(on);
                if let Some(server) = &server {
                    assert!(seen("server", server).is_some(), "{address} is on nothing");
                    let same = self.observed.iter();
                    let same = same.filter(|o| o.text(reserved_ip::SERVER) == Some(server));
                    assert_eq!(same.count(), 1, "{server} has two");
                }
                let leads_there = self.recorded.values().find(|other| {
                    other.address.kind() == "record"
                        && seen("record", &other.id)
                            .is_some_and(|record| record.text(record::DATA) == Some(id))
                });
                assert!(
                    server.is_some() || leads_there.is_none(),
                    "{address} is taken off while {leads_there:?} leads there"
                );
            }
            "record" => {
                let data = seen("record", id).and_then(|record| record.text(record::DATA));
                let reserved = data.and_then(|data| seen("reserved_ip", data));
                assert!(
                    reserved.is_none_or(|reserved| on(reserved).is_some()),
                    "{address} leads to what no server has"
                );
            }
            _ => {}
        }
    }

    /// A reserved IP costs as long as no server has it.
    fn price(&mut self, address: &Address, id: &str) {
        if address.kind() == reserved_ip::KIND.name {
            let found = self.found(address, id);
            found.monthly = Some(match found.text(reserved_ip::SERVER) {
                Some(_) => Money::ZERO,
                None => reserved_ip::UNASSIGNED,
            });
        }
    }

    fn write_down(
        &mut self,
        address: &Address,
        id: &str,
        origin: Origin,
        (account, attributes): (String, Attributes),
        refers_to: &[Address],
    ) {
        let lingers = kind(address.kind()).unwrap().1.lingers;
        let recorded = Recorded {
            address: address.clone(),
            account,
            id: id.to_owned(),
            origin,
            ready: !lingers,
            attributes,
            refers_to: refers_to.to_vec(),
            recorded_at: now(),
        };
        self.recorded.insert(address.clone(), recorded);
    }

    /// What is waited for can be used now; the state takes note of what the provider set.
    fn get_ready(&mut self, address: &Address) {
        let id = self.recorded[address].id.clone();
        if address.kind() == server::KIND.name {
            self.come_up(&id);
        }
        self.found(address, &id).readiness = Readiness::Ready;
        let (_, kind) = kind(address.kind()).unwrap();
        let is = self.found(address, &id).attributes.clone();
        let recorded = self.recorded.get_mut(address).unwrap();
        recorded.ready = true;
        for (name, value) in is {
            let attribute = kind.attribute(name).unwrap();
            if attribute.on_change == OnChange::Computed || !recorded.attributes.contains_key(name)
            {
                recorded.attributes.insert(name, value);
            }
        }
    }

    fn resolve(&self, attributes: &Attributes<Value>) -> Attributes {
        let resolved = attributes.iter().map(|(name, value)| {
            let found = value.resolve(|to| {
                let target = self.recorded.get(&to.address)?;
                let found = target.attributes.get(&to.attribute);
                found.filter(|found| !found.is_null())
            });
            let found = found.unwrap_or_else(|| panic!("there is no {value:?}"));
            (name, found.into_owned())
        });
        resolved.collect()
    }

    /// What is replaced goes only when another can be used in its place.
    fn assert_served(&self, address: &Address) {
        let wanted = self.desired().into_iter().map(|desired| desired.address);
        let wanted: Vec<Address> = wanted.collect();
        if let Some((had, _)) = address.had().filter(|(had, _)| wanted.contains(had)) {
            let other = self.recorded.get(&had);
            let serves = other.is_some_and(|other| {
                let unanswered = other.attributes.get(server::UNANSWERED);
                other.ready && unanswered != Some(&Json::Bool(true))
            });
            assert!(serves, "{address} goes, and nothing serves in its place");
        }
    }

    fn found(&mut self, address: &Address, id: &str) -> &mut Observed {
        self.observed
            .iter_mut()
            .find(|o| o.kind == address.kind() && o.id == id)
            .unwrap_or_else(|| panic!("{address}, {id}, is not in the account"))
    }

    /// Something that no other address of the state holds.
    fn untaken(&mut self, address: &Address, id: &str) -> &mut Observed {
        let holder = self.recorded.values().find(|recorded| {
            recorded.address != *address
                && recorded.address.kind() == address.kind()
                && recorded.id == id
        });
        assert!(holder.is_none(), "{address} is {holder:?} already");
        self.found(address, id)
    }

    /// An address that is given back while a name of ours leads to it can be had by a stranger.
    fn assert_unused(&self, address: &Address) {
        let recorded = &self.recorded[address];
        let referrer = self
            .recorded
            .values()
            .find(|other| other.refers_to.contains(address));
        assert!(
            referrer.is_none(),
            "{address} goes while {referrer:?} needs it"
        );
        let ip = recorded.attributes.get(server::IPV4_ADDRESS);
        let leads_there = self.recorded.values().find(|other| {
            let seen = self
                .observed
                .iter()
                .find(|o| o.kind == "record" && o.id == other.id);
            other.address.kind() == "record"
                && ip.is_some()
                && seen.is_some_and(|seen| seen.attributes.get(record::DATA) == ip)
        });
        assert!(
            leads_there.is_none(),
            "{address} goes while {leads_there:?} leads there"
        );
    }
}
