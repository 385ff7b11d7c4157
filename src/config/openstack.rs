//! The block `openstack`: what only an OpenStack has, for a server, in `defaults`, and in the
//! settings of an account.

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::Spanned;
use super::keys::{Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use crate::model::Diagnostic;

/// Its keys.
pub(super) const KEYS: [Key; 4] = [
    Key::new(
        "networks",
        "Which networks a server is in, by name or id.",
        Shape::Filled(&Shape::Text),
    ),
    Key::new(
        "security_groups",
        "Which security groups a server is in, by name or id, besides those of its firewalls.",
        Shape::Filled(&Shape::Text),
    ),
    Key::new(
        "floating_ip_from",
        "The network that floating IPs are taken from.",
        Shape::Text,
    ),
    Key::new(
        "public_network",
        "A network whose addresses are public though the cloud does not say so.",
        Shape::Text,
    ),
];

/// What a server on an OpenStack has besides what servers have everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenStack {
    /// The networks it is in, by name or id, in this order; none if nobody says.
    pub networks: Vec<Spanned<String>>,
    /// The security groups it is in, by name or id; none if nobody says.
    pub security_groups: Vec<Spanned<String>>,
    /// The network that it gets a floating address from.
    pub floating_ip_from: Option<Spanned<String>>,
    /// The network whose addresses of it are the public ones.
    pub public_network: Option<Spanned<String>>,
}

impl OpenStack {
    /// Its own values, and those of `other` where it has none.
    pub(super) fn or(&self, other: &Self) -> Self {
        let list = |own: &Vec<_>, other: &Vec<_>| if own.is_empty() { other } else { own }.clone();
        let one = |own: &Option<_>, other: &Option<_>| own.as_ref().or(other.as_ref()).cloned();
        Self {
            networks: list(&self.networks, &other.networks),
            security_groups: list(&self.security_groups, &other.security_groups),
            floating_ip_from: one(&self.floating_ip_from, &other.floating_ip_from),
            public_network: one(&self.public_network, &other.public_network),
        }
    }

    /// Takes in one member; whether it is one of the block's keys.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<'_, '_>,
        of: &str,
        member: &ObjectProp<'_>,
    ) -> bool {
        let key = member.name.as_str();
        let what = format!("`{key}` {of}");
        let value = &member.value;
        match key {
            "networks" => self.networks = list(reader, &what, "a network", value),
            "security_groups" => {
                self.security_groups = list(reader, &what, "a security group", value);
            }
            "floating_ip_from" => self.floating_ip_from = reader.text(&what, value),
            "public_network" => self.public_network = reader.text(&what, value),
            _ => return false,
        }
        true
    }
}

/// The block as a whole. `of` says whose it is.
pub(super) fn block(reader: &mut Reader<'_, '_>, of: &str, object: &Object<'_>) -> OpenStack {
    report_duplicate_keys(reader, object, &format!("`openstack` {of}"));
    let mut block = OpenStack::default();
    for member in firsts(object) {
        let of = format!("in `openstack` {of}");
        if !block.read(reader, &of, member) {
            let error = unknown_key(member.name.as_str(), &of, names(&KEYS));
            reader.report(error.at(reader.name_place(member)));
        }
    }
    block
}

fn list(
    reader: &mut Reader<'_, '_>,
    what: &str,
    element: &str,
    value: &Value<'_>,
) -> Vec<Spanned<String>> {
    let Some(array) = value.as_array() else {
        let hint = value.as_string_lit().map(|_| "put it in brackets");
        reader.report_type(what, "a list", value, hint);
        return Vec::new();
    };
    if array.elements.is_empty() {
        reader.report(
            Diagnostic::error(format!("{what} is an empty list"))
                .hint("name something in it, or leave it out")
                .at(reader.value_place(value)),
        );
    }
    let element = format!("{element} in {what}");
    let elements = array.elements.iter();
    elements
        .filter_map(|value| reader.text(&element, value))
        .collect()
}
