//! The section `firewalls`: what may reach servers, and what these may reach.

use std::collections::{BTreeMap, BTreeSet};

use jsonc_parser::ast::{Object, Value};

use super::accounts::Named;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::providers::DEFAULT_TYPE;
use super::reader::Reader;
use super::server::{self, Around};
use super::tags::{TAG_FORM, tags};
use super::{Cloud, Spanned};
use crate::model::firewall::Rule;
use crate::model::{Diagnostic, nearest};

use rules::{INBOUND, OUTBOUND, Reading};

pub(super) use rules::everything;

mod rules;

/// The keys of a firewall.
pub(super) const KEYS: [Key; 4] = [
    server::PROVIDER,
    Key::new(
        "tags",
        "The servers that it is for: those with one of these tags.",
        Shape::Filled(&TAG_FORM),
    ),
    Key::new(
        "inbound",
        "What may reach them; nothing else does. `[]`: nothing.",
        Shape::List(&Shape::Object(&INBOUND)),
    ),
    Key::new(
        "outbound",
        "What they may reach. Left out, everything; `[]`: nothing.",
        Shape::List(&Shape::Object(&OUTBOUND)),
    ),
];

/// What a firewall must say.
pub(super) const FORM: Form = Form {
    required: &["tags", "inbound"],
    ..Form::of(&KEYS)
};

/// A firewall that cloud.json names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// Its name.
    pub name: Spanned<String>,
    /// The account it is in.
    pub account: Spanned<String>,
    /// The tags of the servers that it is for, as they are spelt, each once whatever its case.
    pub tags: Vec<Spanned<String>>,
    /// What may reach these; where the list stands.
    pub inbound: Spanned<BTreeSet<Rule>>,
    /// What they may reach; where the list stands, or the firewall's name if there is none.
    pub outbound: Spanned<BTreeSet<Rule>>,
    /// The tags in its rules, as they are spelt, by their lower case.
    pub named_tags: BTreeMap<String, String>,
}

/// Reads the section.
pub(super) fn firewalls(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    around: &Around,
    cloud: &mut Cloud,
) {
    let Some(section) = reader.object("`firewalls`", value) else {
        return;
    };
    reader.report_duplicates(section, |name| {
        let what = format!("firewall `{}` is defined twice", name.escape_debug());
        (what, "rename or remove one of them")
    });
    for member in firsts(section) {
        let written = member.name.as_str();
        let what = format!("firewall `{}`", written.escape_debug());
        let name = Spanned::new(written.to_owned(), reader.name_place(member));
        if let Some(object) = reader.object(&what, &member.value) {
            let firewall = firewall(reader, &what, &name, object, around);
            cloud.firewalls.push(firewall);
        }
    }
}

fn firewall(
    reader: &mut Reader<'_, '_>,
    what: &str,
    name: &Spanned<String>,
    object: &Object<'_>,
    around: &Around,
) -> Firewall {
    report_duplicate_keys(reader, object, what);
    let mut own = Named::Nothing;
    let mut there = Vec::new();
    let at_name = |rules| Spanned::new(rules, name.place.clone());
    let mut firewall = Firewall {
        account: name.clone(),
        tags: Vec::new(),
        inbound: at_name(BTreeSet::new()),
        outbound: at_name(everything()),
        named_tags: BTreeMap::new(),
        name: name.clone(),
    };
    for option in firsts(object) {
        let (key, value) = (option.name.as_str(), &option.value);
        let of_it = format!("`{key}` of {what}");
        match key {
            "provider" => own = Named::read(reader, &of_it, value),
            "tags" => {
                firewall.tags = tags(reader, &of_it, value).unwrap_or_default();
                if value
                    .as_array()
                    .is_some_and(|list| list.elements.is_empty())
                {
                    let place = reader.value_place(value);
                    reader.report(
                        Diagnostic::error(format!("{of_it} is empty"))
                            .detail("it would be for no server")
                            .hint("name the tag of the servers that it is for: [\"web\"]")
                            .at(place),
                    );
                }
            }
            "inbound" => {
                let mut reading = Reading::of(&INBOUND, &of_it, &mut firewall.named_tags);
                firewall.inbound = reading.rules(reader, value);
            }
            "outbound" => {
                let mut reading = Reading::of(&OUTBOUND, &of_it, &mut firewall.named_tags);
                firewall.outbound = reading.rules(reader, value);
            }
            _ => {
                let error = unknown_key(key, &format!("in {what}"), names(&KEYS));
                let place = reader.name_place(option);
                reader.report(error.at(place));
                there.extend(nearest(key, names(&KEYS)));
            }
        }
        there.extend(names(&KEYS).filter(|&known| known == key));
    }
    for (key, hint) in [
        (
            "tags",
            "add the tag of the servers that it is for: \"tags\": [\"web\"]",
        ),
        (
            "inbound",
            "say what may reach its servers: \"inbound\": [{\"tcp\": \"22\", \"from\": \
             [\"anywhere\"]}], or [] for nothing",
        ),
    ] {
        if !there.contains(&key) {
            reader.report(
                Diagnostic::error(format!("{what} is missing `{key}`"))
                    .hint(hint)
                    .at(name.place.clone()),
            );
        }
    }
    firewall.account = around.accounts.home(reader, what, name, own).account;
    firewall
}

/// DigitalOcean's API takes these characters (openapi.json, `firewall`), and no firewall without a rule.
pub(super) fn check(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<(&str, String), &Firewall> = BTreeMap::new();
    for firewall in &cloud.firewalls {
        let name = firewall.name.value.as_str();
        let place = || firewall.name.place.clone();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if name.len() < 2 || name.starts_with(['-', '.']) || !name.chars().all(allowed) {
            found.push(
                Diagnostic::error(format!(
                    "firewall name `{}` is none that a firewall can have",
                    name.escape_debug()
                ))
                .hint("use two or more letters, digits, `-` and `.`, and begin with a letter or a digit")
                .at(place()),
            );
        }
        let account = cloud.account(&firewall.account.value);
        let takes_empty =
            account.is_some_and(|account| account.provider.value != DEFAULT_TYPE.name);
        let is_empty = firewall.inbound.value.is_empty() && firewall.outbound.value.is_empty();
        if is_empty && !takes_empty {
            found.push(
                Diagnostic::error(format!("firewall `{name}` lets nothing through at all"))
                    .detail("DigitalOcean takes none without a rule")
                    .hint("have it let something in, or out")
                    .at(place()),
            );
        }
        found.extend(for_nobody(cloud, firewall));
        let key = (firewall.account.value.as_str(), name.to_ascii_lowercase());
        if let Some(other) = seen.get(&key) {
            found.push(
                Diagnostic::error(format!(
                    "firewalls `{}` and `{name}` differ only in case",
                    other.name.value
                ))
                .hint("rename one of them")
                .at(place())
                .related(other.name.place.clone(), "the other one"),
            );
        }
        seen.insert(key, firewall);
    }
}

/// That no server of the file has one of its tags, as if a tag were misspelled: the servers that are
/// meant would be open.
fn for_nobody(cloud: &Cloud, firewall: &Firewall) -> Option<Diagnostic> {
    let tag = firewall.tags.first()?;
    let servers = cloud.servers.iter();
    let servers = servers.filter(|server| server.account.value == firewall.account.value);
    let there = servers.flat_map(|server| server.tags.iter().flatten());
    let there: BTreeSet<&str> = there.map(|tag| tag.value.as_str()).collect();
    let is_there = |tag: &Spanned<String>| {
        let mut there = there.iter();
        there.any(|there| there.eq_ignore_ascii_case(&tag.value))
    };
    if there.is_empty() || firewall.tags.iter().any(is_there) {
        return None;
    }
    let tags: Vec<String> = firewall.tags.iter().map(|tag| tag.value.clone()).collect();
    let note = Diagnostic::note(format!(
        "firewall `{}` is for no server of this file",
        firewall.name.value.escape_debug()
    ));
    let note = note
        .detail(format!("none has the tag {}", tags.join(" or ")))
        .at(tag.place.clone());
    Some(match nearest(&tag.value, there) {
        Some(near) => note.hint(format!("did you mean `{near}`?")),
        None => note,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::{Firewall, cloud};
    use crate::model::{Diagnostic, readable};

    fn read(firewall: &str) -> (Option<Firewall>, Vec<Diagnostic>) {
        let text =
            format!(r#"{{"version": 2, "servers": {{}}, "firewalls": {{"web": {firewall}}}}}"#);
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        let firewall = parsed.cloud.and_then(|mut cloud| cloud.firewalls.pop());
        (firewall, parsed.diagnostics)
    }

    fn inbound(rules: &str) -> Vec<String> {
        let (firewall, problems) = read(&format!(r#"{{"tags": ["web"], "inbound": [{rules}]}}"#));
        assert!(problems.is_empty(), "{problems:?}");
        let rules = firewall.unwrap().inbound.value;
        rules.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_have_one_form_whatever_they_are_written_like() {
        let several = inbound(
            r#"{"tcp": "22-22", "from": ["::/0", "10.1.2.3/8", "0.0.0.0/0"]},
               {"icmp": true, "from": ["tag:DB"]},
               {"udp": "0", "from": ["droplet:7", "2001:DB8::1"]}"#,
        );
        assert_eq!(
            several,
            [
                "icmp tag:db",
                "tcp 22 0.0.0.0/0",
                "tcp 22 10.0.0.0/8",
                "tcp 22 ::/0",
                "udp all 2001:db8::1/128",
                "udp all droplet:7",
            ]
        );
        let anywhere = inbound(r#"{"tcp": "22", "from": ["anywhere"]}"#);
        assert_eq!(
            anywhere,
            inbound(r#"{"tcp": "22", "from": ["::/0", "0.0.0.0/0"]}"#)
        );
    }

    #[test]
    fn an_end_can_be_what_another_resource_is_given() {
        let several = inbound(
            r#"{"tcp": "22", "from": ["${server.db.private_ipv4}", "${server.db.public_ipv6}",
                "${vpc.in.ip_range}"]}"#,
        );
        let several: Vec<String> = several.iter().map(|text| readable(text)).collect();
        assert_eq!(
            several,
            [
                "tcp 22 ${server.db.private_ipv4}/32",
                "tcp 22 ${server.db.public_ipv6}/128",
                "tcp 22 ${vpc.in.ip_range}",
            ]
        );
        for wrong in [
            "${server.db.private_ipv4}/24",
            "tag:${server.db.private_ipv4}",
        ] {
            let rule = format!(r#"{{"tcp": "22", "from": ["{wrong}"]}}"#);
            let (_, problems) = read(&format!(r#"{{"tags": ["web"], "inbound": [{rule}]}}"#));
            let [problem] = problems.as_slice() else {
                panic!("{problems:?}");
            };
            assert_eq!(
                problem.summary,
                "an entry in `from` of a rule in `inbound` of firewall `web` is not a reference alone"
            );
        }
    }

    #[test]
    fn everything_goes_out_unless_something_is_said() {
        let (firewall, _) = read(r#"{"tags": ["web"], "inbound": []}"#);
        assert_eq!(firewall.unwrap().outbound.value.len(), 6);
        let (firewall, problems) = read(
            r#"{"tags": ["web"], "inbound": [{"tcp": "22", "from": ["::/0"]}], "outbound": []}"#,
        );
        assert!(problems.is_empty());
        assert!(firewall.unwrap().outbound.value.is_empty());
    }

    #[test]
    fn one_that_lets_nothing_through_is_one_where_the_provider_says_so() {
        for (kind, refused) in [("digitalocean", 1), ("openstack", 0)] {
            let text = format!(
                r#"{{"version": 2, "servers": {{}}, "providers": {{"p": {{"type": "{kind}"}}}},
                    "firewalls": {{"shut": {{"tags": ["a"], "inbound": [], "outbound": []}}}}}}"#
            );
            let told = cloud::parse("cloud.json", text.as_bytes()).diagnostics;
            assert_eq!(told.len(), refused, "{kind}: {told:?}");
        }
    }

    #[test]
    fn a_tag_that_no_server_has_is_told() {
        let told = |tags: &str| {
            let text = format!(
                r#"{{"version": 2, "firewalls": {{"web": {{"tags": ["web"], "inbound": []}}}},
                    "servers": {{"a": {{"region": "r", "size": "s", "image": "i"{tags}}}}}}}"#
            );
            let parsed = cloud::parse("cloud.json", text.as_bytes());
            assert!(parsed.cloud.is_some());
            let told = parsed.diagnostics.into_iter();
            told.map(|one| one.hint).collect::<Vec<_>>()
        };
        assert_eq!(
            told(r#", "tags": ["wbe"]"#),
            [Some("did you mean `wbe`?".to_owned())]
        );
        assert_eq!(told(r#", "tags": ["other"]"#), [None]);
        assert!(told(r#", "tags": ["db", "WEB"]"#).is_empty());
        assert!(told("").is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_once_with_its_place() {
        for (firewall, said) in [
            (r#"{"inbound": []}"#, "missing `tags`"),
            (r#"{"tags": ["web"]}"#, "missing `inbound`"),
            (r#"{"tags": [], "inbound": []}"#, "is empty"),
            (
                r#"{"tags": ["web"], "inbound": [], "outbound": []}"#,
                "nothing through",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": 22, "from": ["::/0"]}]}"#,
                "a string",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "ssh", "from": ["::/0"]}]}"#,
                "no port",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "22"}]}"#,
                "missing `from`",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"from": ["::/0"]}]}"#,
                "the protocol",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "1", "udp": "1", "from": ["::/0"]}]}"#,
                "several",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "22", "from": []}]}"#,
                "is empty",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "22", "from": ["10.0.0/8"]}]}"#,
                "no address",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "22", "from": ["tag:a b"]}]}"#,
                "no tag can",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"tcp": "22", "to": ["::/0"]}]}"#,
                "unknown key `to`",
            ),
            (
                r#"{"tags": ["web"], "inbound": [{"icmp": false, "from": ["::/0"]}]}"#,
                "only be `true`",
            ),
        ] {
            let (_, problems) = read(firewall);
            let [only] = &problems[..] else {
                panic!("{firewall}: {problems:?}");
            };
            assert!(only.summary.contains(said), "{firewall}: {}", only.summary);
            assert!(only.place.is_some());
        }
    }
}
