//! What only one provider has of a server, as the attribute that carries it.

use serde_json::{Map, Value as Json};

use crate::config::{OpenStack, Spanned};

/// The networks that a server is in.
pub const NETWORKS: &str = "networks";
/// The security groups that it is in.
pub const SECURITY_GROUPS: &str = "security_groups";
/// The network that it gets a floating IP from.
pub const FLOATING_IP_FROM: &str = "floating_ip_from";
/// The network whose addresses are public.
pub const PUBLIC_NETWORK: &str = "public_network";

/// The block as an object with what it says; `None` if it says nothing.
pub(super) fn to_json(block: &OpenStack) -> Option<Json> {
    let list = |values: &[Spanned<String>]| {
        let texts = values.iter().map(|value| value.value.as_str());
        (!values.is_empty()).then(|| texts.collect::<Json>())
    };
    let one = |value: &Option<Spanned<String>>| value.as_ref().map(|v| v.value.as_str().into());
    let pairs = [
        (NETWORKS, list(&block.networks)),
        (SECURITY_GROUPS, list(&block.security_groups)),
        (FLOATING_IP_FROM, one(&block.floating_ip_from)),
        (PUBLIC_NETWORK, one(&block.public_network)),
    ];
    let said: Map<String, Json> = pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    (!said.is_empty()).then(|| said.into())
}
