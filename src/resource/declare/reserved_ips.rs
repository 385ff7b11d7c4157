//! Reserved IPs, and which server each is on.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::{Cloud, ReservedIp};
use crate::model::{Attributes, Desired, Reference, Value};

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
        let of_server = cloud.servers.iter().find_map(|server| {
            let named = server.reserved_ip.as_ref();
            Some((server, named.filter(|named| named.value == name)?))
        });
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
        self.push(Desired {
            address,
            account: wanted.account.value.clone(),
            attributes: Attributes::from([(reserved_ip::SERVER, on)]),
            only_if: None,
            follows: Vec::new(),
            place: Some(wanted.name.place.clone()),
            places: BTreeMap::from_iter(place),
        });
    }
}
