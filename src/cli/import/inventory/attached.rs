//! What is attached to the servers of an account, as cloud.json asks for it.

use serde_json::Value as Json;

use super::servers::name_of;
use super::{Inventory, LeftOut, Stock, said, text, unlike};
use crate::config::{Draft, DraftServer, DraftVolume};
use crate::model::Observed;
use crate::resource::{reserved_ip, server, volume};

/// The server that something is attached to.
enum Holder {
    None,
    /// One that was taken, by its place among these.
    Taken(usize),
    /// What it is called.
    Other(String),
}

impl Stock<'_> {
    /// Takes the volumes that are on servers which were taken, or on none.
    pub(super) fn volumes(&self, servers: &[&Observed], inventory: &mut Inventory) {
        let mut found = Vec::new();
        for seen in self.of_kind(volume::KIND.name) {
            if !self.is_meant(seen) {
                continue;
            }
            let size = seen.attributes.get(volume::SIZE_GB).and_then(Json::as_u64);
            let draft = DraftVolume {
                name: text(seen, volume::NAME).to_owned(),
                size_gb: size.unwrap_or_default(),
                region: text(seen, volume::REGION).to_owned(),
                filesystem: said(seen, volume::FILESYSTEM),
                description: said(seen, volume::DESCRIPTION),
            };
            let holder = self.holder(seen.text(volume::SERVER), servers);
            let with = |server: Option<DraftServer>| Draft {
                volumes: vec![draft.clone()],
                servers: Vec::from_iter(server.map(|server| DraftServer {
                    volumes: vec![draft.name.clone()],
                    ..server
                })),
                ..self.around.clone()
            };
            match self.why_not_attached(seen, &holder, with, inventory) {
                None => found.push((seen, draft.name.clone(), (draft, holder))),
                Some(why) => {
                    let label = label(seen, &draft.name);
                    inventory.left_out.push(LeftOut::one(seen, &label, why));
                }
            }
        }
        for (seen, (draft, holder)) in inventory.one_of_a_name(found, label) {
            let address = volume::address(&draft.name);
            inventory.ids.insert(address, seen.id.clone());
            if let Some(server) = holder.of(inventory) {
                server.volumes.push(draft.name.clone());
            }
            inventory.draft.volumes.push(draft);
        }
    }

    /// Takes the reserved IPs, likewise. The account has no names for them.
    pub(super) fn reserved_ips(&self, servers: &[&Observed], inventory: &mut Inventory) {
        for seen in self.of_kind(reserved_ip::KIND.name) {
            if !self.is_meant(seen) {
                continue;
            }
            let holder = self.holder(seen.text(reserved_ip::SERVER), servers);
            let called = self.called.get(&(seen.kind, seen.id.clone())).cloned();
            let of_server = match holder {
                Holder::Taken(at) => servers.get(at).map(|server| name_of(server).to_owned()),
                _ => None,
            };
            let alone = |name: &str, server: Option<DraftServer>| Draft {
                reserved_ips: vec![name.to_owned()],
                servers: Vec::from_iter(server.map(|server| DraftServer {
                    reserved_ip: Some(name.to_owned()),
                    ..server
                })),
                ..self.around.clone()
            };
            let ip = ip_of(seen);
            let names = [called, of_server, Some(ip.to_owned())];
            let fits = |name: &String| {
                !inventory.draft.reserved_ips.contains(name)
                    && alone(name, None).problem().is_none()
            };
            let name = names.into_iter().flatten().find(fits);
            let name = name.unwrap_or_else(|| ip.to_owned());
            let with = |server| alone(&name, server);
            if let Some(why) = self.why_not_attached(seen, &holder, with, inventory) {
                let label = format!("reserved IP {ip}");
                inventory.left_out.push(LeftOut::one(seen, &label, why));
                continue;
            }
            let address = reserved_ip::address(&name);
            inventory.ids.insert(address, seen.id.clone());
            if let Some(server) = holder.of(inventory) {
                server.reserved_ip = Some(name.clone());
            }
            inventory.draft.reserved_ips.push(name);
        }
        inventory.draft.reserved_ips.sort_unstable();
    }

    fn holder(&self, id: Option<&str>, servers: &[&Observed]) -> Holder {
        let Some(id) = id else {
            return Holder::None;
        };
        match servers.iter().position(|server| server.id == id) {
            Some(at) => Holder::Taken(at),
            None => {
                let mut servers = self.of_kind(server::KIND.name);
                let server = servers.find(|server| server.id == id);
                Holder::Other(server.map_or(id, |server| name_of(server)).to_owned())
            }
        }
    }

    /// Why it can be in no file; `with` is one that has just it, and the server that it is on.
    fn why_not_attached(
        &self,
        seen: &Observed,
        holder: &Holder,
        with: impl Fn(Option<DraftServer>) -> Draft,
        inventory: &Inventory,
    ) -> Option<String> {
        if let Some(why) = self.why_not(seen) {
            return Some(why);
        }
        match holder {
            // Whoever does not name it there takes it off.
            Holder::Other(server) => Some(format!("on server {server}, which is not taken over")),
            Holder::None => unlike(&with(None)),
            Holder::Taken(at) => {
                let server = inventory.draft.servers.get(*at);
                unlike(&with(server.map(DraftServer::by_itself)))
            }
        }
    }
}

impl Holder {
    /// The server as the file asks for it.
    fn of<'d>(&self, inventory: &'d mut Inventory) -> Option<&'d mut DraftServer> {
        match self {
            Self::Taken(at) => inventory.draft.servers.get_mut(*at),
            _ => None,
        }
    }
}

/// The address that a reserved IP is. Not every provider has that for its id.
pub(super) fn ip_of(seen: &Observed) -> &str {
    seen.text(reserved_ip::IP).unwrap_or(&seen.id)
}

fn label(seen: &Observed, name: &str) -> String {
    format!("volume {name} ({})", seen.id)
}
