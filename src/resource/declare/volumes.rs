//! Volumes, and which server each is attached to.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::{Cloud, Volume};
use crate::model::{Attributes, Desired, Reference, Value};

use super::{Declaration, expiry, server_address};
use crate::resource::{server, volume};

impl Declaration<'_> {
    /// The volume of an entry of `volumes`.
    pub(super) fn volume(&mut self, cloud: &Cloud, wanted: &Volume) {
        let mut attributes: Attributes<Value> = Attributes::from([
            (volume::NAME, wanted.name.value.as_str().into()),
            (volume::SIZE_GB, Json::from(wanted.size_gb.value).into()),
        ]);
        let mut places = BTreeMap::from([(volume::SIZE_GB, wanted.size_gb.place.clone())]);
        let region = cloud.region_of(wanted);
        let further = [
            (volume::REGION, region),
            (volume::FILESYSTEM, wanted.filesystem.as_ref()),
            (volume::DESCRIPTION, wanted.description.as_ref()),
        ];
        for (name, said) in further {
            if let Some(said) = said {
                attributes.insert(name, said.value.as_str().into());
                places.insert(name, said.place.clone());
            }
        }
        let account = self.setting.accounts.get(&wanted.account.value);
        if let Some(only) = account.and_then(|account| account.region.as_deref())
            && region.is_none_or(|said| said.value.eq_ignore_ascii_case(only))
        {
            attributes.insert(volume::REGION, only.into());
        }
        // One that is wanted no longer holds nothing.
        let holder = cloud.server_of(wanted);
        let holder = holder.filter(|(server, _)| !expiry::is_expired(server, self.setting));
        let (id, name) = match holder {
            Some((server, named)) => {
                places.insert(volume::SERVER, named.place.clone());
                let id = Value::Reference(Reference {
                    address: server_address(server),
                    attribute: server::ID.to_owned(),
                });
                (id, server.name.value.as_str().into())
            }
            None => (Json::Null.into(), Json::Null.into()),
        };
        attributes.insert(volume::SERVER, id);
        attributes.insert(volume::SERVER_NAME, name);
        self.push(Desired {
            address: volume::address(&wanted.name.value),
            account: wanted.account.value.clone(),
            attributes,
            only_if: None,
            follows: Vec::new(),
            place: Some(wanted.name.place.clone()),
            places,
        });
    }
}
