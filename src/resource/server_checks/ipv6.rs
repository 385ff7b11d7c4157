//! The rules for servers that get IPv6 when they exist already.

use crate::model::{Desired, Diagnostic, Region};
use crate::resource::Facts;
use crate::resource::server::{ENABLE_IPV6, IPV6, KIND, REGION};

use super::error;

/// Where there is none, nobody can have it; and whoever gets it later has to be told of it.
pub(super) fn check(facts: &Facts<'_>, found: &mut Vec<Diagnostic>) {
    let asked = facts.planned().filter(|desired| {
        desired.address.kind() == KIND.name && desired.attributes.contains_key(ENABLE_IPV6)
    });
    for desired in asked {
        if let Some(region) = region(facts, desired)
            && !region.features.contains("ipv6")
        {
            found.push(
                error(
                    desired,
                    ENABLE_IPV6,
                    format!("there is no IPv6 in {}", region.slug),
                )
                .hint("remove `ipv6`, or choose another region"),
            );
        } else if let Some(server) = facts.kept(&desired.address)
            && server.attributes.get(IPV6) == Some(&false.into())
        {
            let name = desired.address.name();
            found.push(
                Diagnostic::note(format!("server {name} gets an IPv6 address"))
                    .detail(
                        "its names lead there too; its system does not use the address until \
                         somebody configures it inside",
                    )
                    .at(desired.place_of(ENABLE_IPV6)),
            );
        }
    }
}

fn region<'a>(facts: &Facts<'a>, desired: &Desired) -> Option<&'a Region> {
    let catalog = facts.accounts.get(&desired.account)?.catalog.as_ref()?;
    catalog.region(desired.text(REGION)?)
}
