//! The rules of a firewall, as cloud.json writes them.

use std::collections::{BTreeMap, BTreeSet};

use jsonc_parser::ast::{Object, Value};

use crate::config::Spanned;
use crate::config::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use crate::config::reader::Reader;
use crate::config::tags::tag;
use crate::model::firewall::{self, ANYWHERE, Rule, TAG};
use crate::model::{Address, Diagnostic, Reference, Template, has_references, parts_of_reference};

const PORTS: &str = "A port, a range such as \"8000-9000\", or \"all\".";
const TCP: Key = Key::new("tcp", PORTS, Shape::Text);
const UDP: Key = Key::new("udp", PORTS, Shape::Text);
const ICMP: Key = Key::new("icmp", "Ping and the like.", Shape::True);
const PEERS: &str = "Addresses, ranges of them such as \"203.0.113.0/24\", \"anywhere\", \
                     \"${server.db.private_ipv4}\", or \"tag:web\" for the servers with that tag.";
const INBOUND_KEYS: [Key; 4] = [
    TCP,
    UDP,
    ICMP,
    Key::new("from", PEERS, Shape::Filled(&Shape::Text)),
];
const OUTBOUND_KEYS: [Key; 4] = [
    TCP,
    UDP,
    ICMP,
    Key::new("to", PEERS, Shape::Filled(&Shape::Text)),
];
pub(super) const INBOUND: Form = Form {
    keys: &INBOUND_KEYS,
    required: &["from"],
    one_of: PROTOCOLS,
};
pub(super) const OUTBOUND: Form = Form {
    keys: &OUTBOUND_KEYS,
    required: &["to"],
    one_of: PROTOCOLS,
};
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp"];
/// Ids of what else DigitalOcean knows, as they stand behind these words.
const OTHERS: [&str; 3] = ["load_balancer:", "kubernetes:", "droplet:"];

/// What goes out where nothing is said, as DigitalOcean's console proposes it.
pub(in crate::config) fn everything() -> BTreeSet<Rule> {
    let rule = |protocol: &str, peer: &str| Rule {
        protocol: protocol.to_owned(),
        ports: (protocol != "icmp").then(|| firewall::ALL_PORTS.to_owned()),
        peer: peer.to_owned(),
    };
    let all = PROTOCOLS.iter();
    all.flat_map(|protocol| ANYWHERE.map(|peer| rule(protocol, peer)))
        .collect()
}

/// A list of rules that is being read.
pub(super) struct Reading<'a> {
    form: &'static Form,
    what: &'a str,
    named_tags: &'a mut BTreeMap<String, String>,
}

impl<'a> Reading<'a> {
    pub(super) fn of(
        form: &'static Form,
        what: &'a str,
        named_tags: &'a mut BTreeMap<String, String>,
    ) -> Self {
        Self {
            form,
            what,
            named_tags,
        }
    }

    pub(super) fn rules(
        &mut self,
        reader: &mut Reader<'_, '_>,
        value: &Value<'_>,
    ) -> Spanned<BTreeSet<Rule>> {
        let place = reader.value_place(value);
        let mut rules = BTreeSet::new();
        let Some(list) = value.as_array() else {
            let hint = value.as_object().map(|_| "put it in brackets: [{…}]");
            reader.report_type(self.what, "a list of rules", value, hint);
            return Spanned::new(rules, place);
        };
        for element in &list.elements {
            let what = format!("a rule in {}", self.what);
            if let Some(object) = reader.object(&what, element) {
                rules.extend(self.rule(reader, &what, object, element));
            }
        }
        Spanned::new(rules, place)
    }

    fn rule(
        &mut self,
        reader: &mut Reader<'_, '_>,
        what: &str,
        object: &Object<'_>,
        whole: &Value<'_>,
    ) -> Vec<Rule> {
        report_duplicate_keys(reader, object, what);
        let known = names(self.form.keys);
        let end = self.form.required.first().copied().unwrap_or_default();
        let (mut protocols, mut peers) = (Vec::new(), None);
        for option in firsts(object) {
            let (key, value) = (option.name.as_str(), &option.value);
            let of_it = format!("`{key}` of {what}");
            match key {
                "tcp" | "udp" => protocols.push((key, ports(reader, &of_it, value).map(Some))),
                "icmp" => {
                    let on = reader.boolean(&of_it, value).filter(|on| {
                        if !on.value {
                            let hint = "remove it, or write `true`";
                            let error = Diagnostic::error(format!("{of_it} can only be `true`"));
                            reader.report(error.hint(hint).at(on.place.clone()));
                        }
                        on.value
                    });
                    protocols.push((key, on.map(|_| None)));
                }
                _ if key == end => peers = Some(self.peers(reader, &of_it, value)),
                _ => {
                    let error = unknown_key(key, &format!("in {what}"), known.clone());
                    let place = reader.name_place(option);
                    reader.report(error.at(place));
                    return Vec::new();
                }
            }
        }
        let place = reader.value_place(whole);
        let (protocol, ports) = match protocols.as_slice() {
            [(protocol, Some(ports))] => (*protocol, ports.clone()),
            [(_, None)] => return Vec::new(),
            several => {
                let (problem, hint) = match several {
                    [] => (
                        "says nothing of the protocol",
                        "add \"tcp\": \"22\", for example",
                    ),
                    _ => ("names several protocols", "write a rule for each"),
                };
                let error = Diagnostic::error(format!("{what} {problem}"));
                reader.report(error.hint(hint).at(place));
                return Vec::new();
            }
        };
        let Some(peers) = peers else {
            reader.report(
                Diagnostic::error(format!("{what} is missing `{end}`"))
                    .hint(format!("add \"{end}\": [\"anywhere\"], or less"))
                    .at(place),
            );
            return Vec::new();
        };
        let rule = |peer| Rule {
            protocol: protocol.to_owned(),
            ports: ports.clone(),
            peer,
        };
        peers.into_iter().map(rule).collect()
    }

    fn peers(&mut self, reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Vec<String> {
        let Some(list) = value.as_array() else {
            let hint = value
                .as_string_lit()
                .map(|_| "put it in brackets: [\"anywhere\"]");
            reader.report_type(what, "a list", value, hint);
            return Vec::new();
        };
        if list.elements.is_empty() {
            let place = reader.value_place(value);
            reader.report(
                Diagnostic::error(format!("{what} is empty"))
                    .detail("the rule would mean nothing")
                    .hint("name somebody, or remove the rule")
                    .at(place),
            );
        }
        let mut peers = Vec::new();
        for element in &list.elements {
            let literal = element
                .as_string_lit()
                .map(|literal| literal.value.as_ref());
            if let Some(text) = literal.filter(|text| has_references(text)) {
                let text = Spanned::new(text.to_owned(), reader.value_place(element));
                peers.extend(referring(reader, what, &text));
            } else if let Some(text) = reader.text(&format!("an entry in {what}"), element) {
                peers.extend(self.peer(reader, what, text));
            }
        }
        peers
    }

    fn peer(
        &mut self,
        reader: &mut Reader<'_, '_>,
        what: &str,
        text: Spanned<String>,
    ) -> Vec<String> {
        let written = text.value.as_str();
        if written == "anywhere" {
            return ANYWHERE.map(ToOwned::to_owned).to_vec();
        }
        if let Some(range) = firewall::range(written) {
            return vec![range];
        }
        if let Some(name) = written.strip_prefix(TAG) {
            let lower = name.to_ascii_lowercase();
            let named = Spanned::new(name.to_owned(), text.place);
            return match tag(reader, &format!("a tag in {what}"), named) {
                Some(tag) => {
                    self.named_tags.entry(lower.clone()).or_insert(tag.value);
                    vec![format!("{TAG}{lower}")]
                }
                None => Vec::new(),
            };
        }
        let id = OTHERS.iter().find_map(|word| written.strip_prefix(word));
        if id.is_some_and(|id| !id.is_empty() && !id.contains(char::is_whitespace)) {
            return vec![written.to_owned()];
        }
        reader.report(
            Diagnostic::error(format!("an entry in {what} is no address, range or tag"))
                .hint(
                    "write one such as \"203.0.113.7\", \"203.0.113.0/24\", \"2001:db8::/32\", \
                     \"tag:web\" or \"anywhere\"",
                )
                .at(text.place),
        );
        Vec::new()
    }
}

/// The range that a reference leads to: `${server.db.private_ipv4}` is one address.
fn referring(reader: &mut Reader<'_, '_>, what: &str, text: &Spanned<String>) -> Option<String> {
    let mut is_one_address = None;
    let template = Template::new(text.value.as_str().into(), |inside| {
        let (kind, name, word) = parts_of_reference(inside)?;
        // All that can be referred to is called after what it is.
        is_one_address = Some(match word.rsplit_once('_').map_or(word, |(_, of)| of) {
            "range" => "",
            "ipv6" => "/128",
            _ => "/32",
        });
        Some(Reference {
            address: Address::new(kind, name),
            attribute: word.to_owned(),
        })
    });
    match (template.whole(), is_one_address) {
        (Some(_), Some(length)) => Some(text.value.clone() + length),
        _ => {
            reader.report(
                Diagnostic::error(format!("an entry in {what} is not a reference alone"))
                    .hint("write the reference alone, such as ${server.db.private_ipv4}")
                    .at(text.place.clone()),
            );
            None
        }
    }
}

fn ports(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<String> {
    let text = reader.text(what, value)?;
    let ports = firewall::ports(&text.value);
    if ports.is_none() {
        reader.report(
            Diagnostic::error(format!("{what} is no port and no range of ports"))
                .hint("write one such as \"22\" or \"8000-9000\", or \"all\"")
                .at(text.place),
        );
    }
    ports
}
