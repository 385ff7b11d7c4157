//! Reserved IPs, and which server each is on.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::{Cloud, ReservedIp, Server, Spanned};
use crate::model::{Address, Attributes, Desired, Recorded, Reference, Value};

use super::{Declaration, expiry, server_address};
use crate::resource::{reserved_ip, server};

impl Declaration<'_> {
    /// The reserved IPs of cloud.json. What was to be made for a server that is over is not made.
    pub(super) fn reserved_ips(&mut self, cloud: &Cloud) {
        for wanted in &cloud.reserved_ips {
            self.reserved_ip(cloud, wanted);
        }
    }

    fn reserved_ip(&mut self, cloud: &Cloud, wanted: &ReservedIp) {
        let name = wanted.name.value.as_str();
        let address = reserved_ip::address(name);
        let of_server = server_with(cloud, name);
        let expired = of_server.filter(|(server, _)| expiry::is_expired(server, self.setting));
        let is_there =
            self.setting.recorded.contains_key(&address) && !self.setting.gone.contains(&address);
        if expired.is_some() && !is_there {
            return;
        }
        let of_server = of_server.filter(|_| expired.is_none());
        let on = match of_server {
            Some((server, _)) => Value::Reference(Reference {
                address: server_address(server),
                attribute: server::ID.to_owned(),
            }),
            None => Json::Null.into(),
        };
        let place = of_server.map(|(_, named)| (reserved_ip::SERVER, named.place.clone()));
        let mut attributes = Attributes::from([(reserved_ip::SERVER, on)]);
        let account = wanted.account.value.as_str();
        if self.takes_the_place_of_own(account) {
            let settings = cloud.account(account).map(|account| &account.settings);
            let pool = settings.and_then(|all| all.servers.floating_ip_from.as_ref());
            let pool = pool.map_or(Json::Null, |pool| pool.value.as_str().into());
            attributes.insert(reserved_ip::POOL, pool.into());
            attributes.insert(reserved_ip::NAME, name.into());
        }
        self.push(Desired {
            address,
            account: account.to_owned(),
            attributes,
            only_if: None,
            follows: Vec::new(),
            place: Some(wanted.name.place.clone()),
            places: BTreeMap::from_iter(place),
        });
    }

    /// Has a server do without a public IPv4 address of its own, where it has a reserved IP instead.
    /// One that had it so gets its own again when it has none any more; and not before the server is
    /// up that the reserved one goes to.
    pub(super) fn give_reserved_ip(
        &self,
        cloud: &Cloud,
        wanted: &Server,
        recorded: Option<&Recorded>,
        server: &mut Desired,
    ) {
        let named = wanted.reserved_ip.as_ref();
        let had_one = recorded.is_some_and(|had| had.attributes.contains_key(server::RESERVED_IP));
        if self.takes_the_place_of_own(&server.account) && (named.is_some() || had_one) {
            let is_reserved = Value::from(named.is_some());
            server.attributes.insert(server::RESERVED_IP, is_reserved);
            let place = named.map(|named| (server::RESERVED_IP, named.place.clone()));
            server.places.extend(place);
            if named.is_none() {
                let next = recorded.and_then(|had| self.next_holder(cloud, had));
                server.follows.extend(next);
            }
        }
    }

    /// The server that names the reserved IP which is on this one.
    fn next_holder(&self, cloud: &Cloud, had: &Recorded) -> Option<Address> {
        let on = Json::from(had.id.as_str());
        let mut recorded = self.setting.recorded.values();
        let on_it = recorded.find(|one| {
            one.address.kind() == reserved_ip::KIND.name
                && one.account == had.account
                && one.attributes.get(reserved_ip::SERVER) == Some(&on)
        })?;
        let (next, _) = server_with(cloud, on_it.address.name())?;
        Some(server_address(next))
    }

    fn takes_the_place_of_own(&self, account: &str) -> bool {
        let view = self.setting.accounts.get(account);
        view.is_some_and(|view| reserved_ip::takes_the_place_of_own(view.capabilities))
    }
}

/// The server that names the reserved IP of that name, and where it does.
fn server_with<'c>(cloud: &'c Cloud, name: &str) -> Option<(&'c Server, &'c Spanned<String>)> {
    cloud.servers.iter().find_map(|server| {
        let named = server.reserved_ip.as_ref();
        Some((server, named.filter(|named| named.value == name)?))
    })
}
