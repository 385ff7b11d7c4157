//! VPCs, and which of them a server is in.

use std::collections::BTreeMap;

use crate::config::{Cloud, Server, Spanned, Vpc};
use crate::model::{Attributes, Desired, Diagnostic, Observed, Reference, Value, nearest};

use super::Declaration;
use crate::resource::{server, vpc};

impl Declaration<'_> {
    /// The VPC of an entry of `vpcs`.
    pub(super) fn vpc(&mut self, wanted: &Vpc) {
        let mut attributes: Attributes<Value> = Attributes::from([
            (vpc::NAME, wanted.name.value.as_str().into()),
            (vpc::REGION, wanted.region.value.as_str().into()),
        ]);
        let mut places = BTreeMap::from([(vpc::REGION, wanted.region.place.clone())]);
        let further = [
            (vpc::IP_RANGE, &wanted.ip_range),
            (vpc::DESCRIPTION, &wanted.description),
        ];
        for (name, said) in further {
            if let Some(said) = said {
                attributes.insert(name, said.value.as_str().into());
                places.insert(name, said.place.clone());
            }
        }
        self.push(Desired {
            address: vpc::address(&wanted.name.value),
            account: wanted.account.value.clone(),
            attributes,
            only_if: None,
            follows: Vec::new(),
            place: Some(wanted.name.place.clone()),
            places,
        });
    }

    /// Puts a server into the VPC that it names.
    pub(super) fn put_in_vpc(&mut self, cloud: &Cloud, wanted: &Server, server: &mut Desired) {
        let Some(named) = &wanted.vpc else { return };
        let address = vpc::address(&named.value);
        let is_ours = cloud.vpc_of(wanted).is_some();
        let reference = || {
            Value::Reference(Reference {
                address: address.clone(),
                attribute: vpc::ID.to_owned(),
            })
        };
        let recorded = self.setting.recorded.get(&address);
        let recorded = recorded.filter(|recorded| {
            is_ours && recorded.account == server.account && !self.setting.gone.contains(&address)
        });
        let value = match (recorded, self.seen_vpc(named, &server.account)) {
            (Some(recorded), _) => recorded.id.as_str().into(),
            (None, Some(seen)) if is_ours || is_in(seen, wanted) => seen.id.as_str().into(),
            // It is to be made, or nobody has looked yet.
            _ if is_ours || self.setting.seen.is_none() => reference(),
            (None, elsewhere) => {
                let problem = self.no_such_vpc(cloud, wanted, named, elsewhere);
                self.out.notes.push(problem);
                return;
            }
        };
        if is_ours {
            server.follows.push(address);
        }
        server.attributes.insert(server::VPC, value);
        let name = named.value.as_str().into();
        server.attributes.insert(server::VPC_NAME, name);
        server.places.insert(server::VPC, named.place.clone());
    }

    /// The VPC that an account has by that name, which it has once.
    fn seen_vpc(&self, named: &Spanned<String>, account: &str) -> Option<&Observed> {
        let mut seen = self.seen_vpcs(account);
        seen.find(|seen| {
            let name = seen.text(vpc::NAME);
            name.is_some_and(|name| name.eq_ignore_ascii_case(&named.value))
        })
    }

    fn seen_vpcs(&self, account: &str) -> impl Iterator<Item = &Observed> {
        let seen = self.setting.seen.into_iter().flatten();
        seen.filter(move |seen| seen.kind == vpc::KIND.name && *seen.account == *account)
    }

    fn no_such_vpc(
        &self,
        cloud: &Cloud,
        wanted: &Server,
        named: &Spanned<String>,
        elsewhere: Option<&Observed>,
    ) -> Diagnostic {
        let server = &wanted.name.value;
        let region = wanted.region.as_ref();
        let region = region.map_or("", |region| region.value.as_str());
        let summary = match elsewhere {
            Some(_) => format!("server {server} cannot be in VPC {}", named.value),
            None => format!("there is no VPC {}", named.value),
        };
        let detail = match elsewhere.and_then(|seen| seen.text(vpc::REGION)) {
            Some(other) => format!("the server is in {region}, the VPC in {other}"),
            None => format!("server {server} is to be in it"),
        };
        let own = cloud.vpcs.iter();
        let own = own
            .filter(|vpc| vpc.account.value == wanted.account.value && vpc.region.value == region);
        let own = own.map(|vpc| vpc.name.value.as_str());
        let seen = self.seen_vpcs(&wanted.account.value);
        let seen = seen.filter(|seen| is_in(seen, wanted));
        let mut there: Vec<&str> = own
            .chain(seen.filter_map(|seen| seen.text(vpc::NAME)))
            .collect();
        there.sort_unstable();
        there.dedup();
        let hint = match nearest(&named.value, there.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if there.is_empty() => "put it into `vpcs`".to_owned(),
            None => format!("put it into `vpcs`; {region} has {}", there.join(", ")),
        };
        Diagnostic::error(summary)
            .detail(detail)
            .hint(hint)
            .at(named.place.clone())
    }
}

fn is_in(seen: &Observed, server: &Server) -> bool {
    let region = server.region.as_ref();
    region.is_some_and(|region| seen.text(vpc::REGION) == Some(&region.value))
}
