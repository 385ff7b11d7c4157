//! The section `records`: by zone, then by name, then by type.
//!
//! A name in it is relative to its zone, as is a target of one word; `@` is the zone itself, and a
//! dot at the end makes a name whole, as in zone files (RFC 1035, 5.1). A name that could be meant
//! either way is refused.

use std::net::IpAddr;

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::defaults::Defaults;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use super::syntax::range;
use super::{Cloud, Record, Spanned, dns_name};
use crate::model::{
    Address, Diagnostic, Place, RecordData, Reference, Template, Value as Wanted, has_references,
    nearest, parts_of_reference,
};

/// For how many seconds at most (RFC 2181, 8).
const LONGEST_TTL: u64 = 2_147_483_647;
/// The tags of a CAA record (RFC 8659, 4).
const TAGS: [&str; 3] = ["issue", "issuewild", "iodef"];

pub(super) const TTL: Key = Key::new(
    "ttl",
    "For how many seconds whoever looked up its records may go on with the answer. Left out, it is \
     what it is.",
    Shape::Whole {
        least: 0,
        most: LONGEST_TTL,
    },
);
const VALUES: Shape = Shape::Either(&[
    Shape::Text,
    Shape::Filled(&Shape::Text),
    Shape::Object(&Form {
        keys: &[
            Key::new(
                "values",
                "One value, or a list of them.",
                Shape::Either(&[Shape::Text, Shape::Filled(&Shape::Text)]),
            ),
            TTL,
        ],
        required: &["values"],
        one_of: &[],
    }),
]);
/// The keys of a name: the types of records, and `ttl`.
const NAME_KEYS: [Key; 9] = [
    Key::new("A", "IPv4 addresses.", VALUES),
    Key::new("AAAA", "IPv6 addresses.", VALUES),
    Key::new(
        "CAA",
        "Who may issue certificates: flags, tag and value, such as \"0 issue letsencrypt.org\".",
        VALUES,
    ),
    Key::new("CNAME", "The name that this is another name of.", VALUES),
    Key::new(
        "MX",
        "Mail servers: priority and name, such as \"10 mail\".",
        VALUES,
    ),
    Key::new("NS", "The name servers of a zone below this one.", VALUES),
    Key::new(
        "SRV",
        "Services: priority, weight, port and name, such as \"0 5 5060 sip\".",
        VALUES,
    ),
    Key::new(
        "TXT",
        "Texts, without quotes around them. Long ones are split as each provider needs it.",
        VALUES,
    ),
    TTL,
];
/// What the section is.
pub(super) const SECTION: Shape =
    Shape::Named(&Shape::Named(&Shape::Object(&Form::of(&NAME_KEYS))));

/// Reads the section.
pub(super) fn records(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    defaults: &Defaults,
    cloud: &mut Cloud,
) {
    let Some(section) = reader.object("`records`", value) else {
        return;
    };
    report_duplicate_keys(reader, section, "`records`");
    for zone in firsts(section) {
        let written = zone.name.as_str();
        let name = Spanned::new(dns_name::normalize(written), reader.name_place(zone));
        let what = format!("the zone {}", written.escape_debug());
        if let Some((problem, hint)) = dns_name::problem(&name.value) {
            reader.report(
                Diagnostic::error(format!("`{}` {problem}", written.escape_debug()))
                    .hint(hint)
                    .at(name.place.clone()),
            );
            continue;
        }
        let Some(names) = reader.object(&what, &zone.value) else {
            continue;
        };
        report_duplicate_keys(reader, names, &what);
        for member in firsts(names) {
            if is_type_without_name(reader, member) {
                continue;
            }
            let name = owner(reader, &name.value, member);
            let what = format!("`{}` in {what}", member.name.as_str().escape_debug());
            if let Some((name, object)) = name.zip(reader.object(&what, &member.value)) {
                let zone = (zone, &name);
                of_name(reader, zone, (&what, object), defaults, cloud);
            }
        }
    }
}

/// Whether what should be a name is a type with its values, as it stands below a name; that is told.
fn is_type_without_name(reader: &mut Reader<'_, '_>, member: &ObjectProp<'_>) -> bool {
    let key = member.name.as_str();
    let is_type = names(&NAME_KEYS).any(|known| known == key) && member.value.as_object().is_none();
    if is_type {
        let place = reader.name_place(member);
        reader.report(
            Diagnostic::error(format!("`{key}` stands where a name belongs"))
                .hint(format!(
                    "write the name first, `@` for the zone itself: {{\"@\": {{\"{key}\": …}}}}"
                ))
                .at(place),
        );
    }
    is_type
}

/// The records of a name.
fn of_name(
    reader: &mut Reader<'_, '_>,
    (zone, name): (&ObjectProp<'_>, &Spanned<String>),
    (what, object): (&str, &Object<'_>),
    defaults: &Defaults,
    cloud: &mut Cloud,
) {
    report_duplicate_keys(reader, object, what);
    let zone = Spanned::new(
        dns_name::normalize(zone.name.as_str()),
        reader.name_place(zone),
    );
    let own = object.get(TTL.name);
    let own = own.and_then(|own| ttl(reader, &format!("`ttl` of {what}"), &own.value));
    let usual = own.or_else(|| defaults.ttl.clone());
    for member in firsts(object) {
        let key = member.name.as_str();
        if key == TTL.name {
            continue;
        }
        let types = names(&NAME_KEYS).filter(|known| *known != TTL.name);
        let Some(record_type) = types.clone().find(|known| *known == key) else {
            let upper = key.to_ascii_uppercase();
            let of = format!("of {what}");
            let mut error = unknown_key(key, &of, names(&NAME_KEYS));
            if types.clone().any(|known| known == upper) {
                error = error.hint(format!("types are written in capitals: `{upper}`"));
            }
            let place = reader.name_place(member);
            reader.report(error.at(place));
            continue;
        };
        let what = format!("`{key}` of {what}");
        let (value, ttl) = match &member.value {
            Value::Object(with_ttl) => with_ttl_of_its_own(reader, &what, with_ttl),
            value => (Some(value), None),
        };
        let Some(value) = value else { continue };
        let values = values(reader, (record_type, &zone.value), &what, value);
        if values.is_empty() {
            continue;
        }
        cloud.records.push(Record {
            zone: zone.clone(),
            name: name.clone(),
            record_type: Spanned::new(record_type, reader.name_place(member)),
            ttl: ttl.or_else(|| usual.clone()),
            values,
        });
    }
}

fn with_ttl_of_its_own<'v, 't>(
    reader: &mut Reader<'_, '_>,
    what: &str,
    object: &'v Object<'t>,
) -> (Option<&'v Value<'t>>, Option<Spanned<u64>>) {
    report_duplicate_keys(reader, object, what);
    let (mut values, mut own) = (None, None);
    let known = ["values", TTL.name];
    for member in firsts(object) {
        match member.name.as_str() {
            "values" => values = Some(&member.value),
            "ttl" => own = ttl(reader, &format!("`ttl` of {what}"), &member.value),
            key => {
                let error = unknown_key(key, &format!("of {what}"), known.into_iter());
                let place = reader.name_place(member);
                reader.report(error.at(place));
            }
        }
    }
    // One slip, one message.
    let is_misspelled = firsts(object).any(|member| {
        let key = member.name.as_str();
        !known.contains(&key) && nearest(key, known) == Some("values")
    });
    if values.is_none() && !is_misspelled {
        let start = range(object).start;
        let place = reader.place(start..start + 1);
        reader.report(
            Diagnostic::error(format!("{what} has no `values`"))
                .hint("write what it says as `values`: one text, or a list of them")
                .at(place),
        );
    }
    (values, own)
}

/// For how many seconds an answer may be kept.
pub(super) fn ttl(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<u64>> {
    let number = value.as_number_lit();
    let seconds = number.and_then(|number| number.value.parse::<u64>().ok());
    match seconds.filter(|seconds| *seconds <= LONGEST_TTL) {
        Some(seconds) => Some(Spanned::new(seconds, reader.value_place(value))),
        None if number.is_some() => {
            let place = reader.value_place(value);
            reader.report(
                Diagnostic::error(format!("{what} is no number of seconds"))
                    .hint(format!(
                        "write a whole number up to {LONGEST_TTL}, such as 300"
                    ))
                    .at(place),
            );
            None
        }
        None => {
            let hint = Some("write it without quotes, such as 300");
            reader.report_type(what, "a number of seconds", value, hint);
            None
        }
    }
}

/// The whole name of a member of a zone.
fn owner(
    reader: &mut Reader<'_, '_>,
    zone: &str,
    member: &ObjectProp<'_>,
) -> Option<Spanned<String>> {
    let written = member.name.as_str();
    let place = reader.name_place(member);
    let shown = written.escape_debug();
    let mut refuse = |summary: String, hint: String| {
        let error = Diagnostic::error(summary).hint(hint);
        reader.report(error.at(place.clone()));
        None
    };
    let normal = dns_name::normalize(written);
    let is_within = normal == zone || is_below(&normal, zone);
    let name = if written == "@" {
        zone.to_owned()
    } else if written.ends_with('.') {
        if !is_within {
            return refuse(
                format!("`{shown}` is not in the zone {zone}"),
                "write it under its own zone".to_owned(),
            );
        }
        normal
    } else if is_within {
        let short = normal.strip_suffix(zone).unwrap_or_default();
        let short = short.strip_suffix('.').filter(|short| !short.is_empty());
        return refuse(
            format!("`{shown}` would be {normal}.{zone}: names are relative to their zone"),
            format!("write `{}`, or `{normal}.` in full", short.unwrap_or("@")),
        );
    } else {
        format!("{normal}.{zone}")
    };
    if let Some((problem, hint)) = dns_name::problem(&name) {
        return refuse(format!("`{shown}` {problem}"), hint);
    }
    Some(Spanned::new(name, place))
}

fn is_below(name: &str, zone: &str) -> bool {
    let above = name.strip_suffix(zone);
    above.is_some_and(|above| above.ends_with('.'))
}

/// The values of a type of a name: one, or a list of them.
fn values(
    reader: &mut Reader<'_, '_>,
    of: (&'static str, &str),
    what: &str,
    value: &Value<'_>,
) -> Vec<Spanned<Wanted>> {
    let Value::Array(list) = value else {
        return one(reader, of, what, value).into_iter().collect();
    };
    if list.elements.is_empty() {
        let place = reader.value_place(value);
        reader.report(
            Diagnostic::error(format!("{what} is an empty list"))
                .hint("write a value into it, or remove it")
                .at(place),
        );
    }
    let what = format!("a value of {what}");
    let elements = list.elements.iter();
    elements
        .filter_map(|element| one(reader, of, &what, element))
        .collect()
}

fn one(
    reader: &mut Reader<'_, '_>,
    (record_type, zone): (&'static str, &str),
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<Wanted>> {
    if let Some(referring) = referring(reader, record_type, what, value) {
        return referring;
    }
    let text = reader.text(what, value)?;
    match data(record_type, zone, &text.value) {
        Ok(data) => Some(Spanned::new(data.to_string().into(), text.place)),
        Err(wrong) => {
            reader.report(wrong.of(what, text.place));
            None
        }
    }
}

/// A value that is taken from another resource; `None` if it is not.
fn referring(
    reader: &mut Reader<'_, '_>,
    record_type: &str,
    what: &str,
    value: &Value<'_>,
) -> Option<Option<Spanned<Wanted>>> {
    let text = value.as_string_lit().map(|literal| literal.value.as_ref());
    let text = text.filter(|text| has_references(text))?;
    let place = reader.value_place(value);
    let template = Template::new(text.into(), |inside| {
        let (kind, name, attribute) = parts_of_reference(inside)?;
        Some(Reference {
            address: Address::new(kind, name),
            attribute: attribute.to_owned(),
        })
    });
    let problem = match record_type {
        "TXT" => None,
        "A" | "AAAA" => (template.whole().is_none()).then(|| {
            Wrong::new(
                "is more than an address",
                "write the reference alone, such as ${server.db.private_ipv4}",
            )
        }),
        _ => Some(Wrong::new(
            "cannot refer to another resource",
            "write the name itself; `A`, `AAAA` and `TXT` can refer to others",
        )),
    };
    Some(match problem {
        None => Some(Spanned::new(Wanted::Template(template), place)),
        Some(wrong) => {
            reader.report(wrong.of(what, place));
            None
        }
    })
}

/// What is wrong with a value, in the words that follow it in a sentence; and what to do.
struct Wrong {
    problem: String,
    hint: String,
}

impl Wrong {
    fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    fn of(self, what: &str, place: Place) -> Diagnostic {
        Diagnostic::error(format!("{what} {}", self.problem))
            .hint(self.hint)
            .at(place)
    }
}

/// What a value says.
fn data(record_type: &str, zone: &str, text: &str) -> Result<RecordData, Wrong> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    match (record_type, fields.as_slice()) {
        ("A", _) => match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Ok(RecordData::V4(address)),
            Ok(IpAddr::V6(_)) => Err(Wrong::new("is an IPv6 address", "write it as `AAAA`")),
            Err(_) => Err(Wrong::new(
                "is no IPv4 address",
                "write one such as 192.0.2.1; for another name write `CNAME`",
            )),
        },
        ("AAAA", _) => match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => Ok(RecordData::V6(address)),
            Ok(IpAddr::V4(_)) => Err(Wrong::new("is an IPv4 address", "write it as `A`")),
            Err(_) => Err(Wrong::new(
                "is no IPv6 address",
                "write one such as 2001:db8::1",
            )),
        },
        ("CNAME" | "NS", [target]) => Ok(RecordData::Host(host(zone, target)?)),
        ("CNAME" | "NS", _) => Err(Wrong::new(
            "is more than a name",
            "write the name alone, such as `www` or `www.example.com.`",
        )),
        ("MX", [preference, target]) => Ok(RecordData::Mail {
            preference: number("priority", preference)?,
            host: host(zone, target)?,
        }),
        ("MX", _) => Err(Wrong::new(
            "is no priority with a name",
            "write both, such as `10 mail` or `10 mail.example.com.`",
        )),
        ("SRV", [priority, weight, port, target]) => Ok(RecordData::Service {
            priority: number("priority", priority)?,
            weight: number("weight", weight)?,
            port: number("port", port)?,
            host: host(zone, target)?,
        }),
        ("SRV", _) => Err(Wrong::new(
            "is not priority, weight, port and name",
            "write all four, such as `0 5 5060 sip` or `0 5 5060 sip.example.com.`",
        )),
        ("CAA", _) => issuer(text),
        _ => plain(text),
    }
}

fn number(what: &str, text: &str) -> Result<u16, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("has the {what} `{}`", text.escape_debug()),
            format!("a {what} is a number from 0 to 65535"),
        )
    })
}

/// The whole name of a target.
fn host(zone: &str, target: &str) -> Result<String, Wrong> {
    let shown = target.escape_debug();
    if target == "@" {
        return Ok(zone.to_owned());
    }
    if target == "." {
        return Err(Wrong::new(
            "leads to `.`, nowhere, which cloudbuilder cannot make",
            "leave it out, or make it in the account",
        ));
    }
    if target.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(Wrong::new(
            "leads to an address, and can lead to a name only",
            "give the address a name by an `A` or `AAAA`, and write that name here",
        ));
    }
    let normal = dns_name::normalize(target);
    let name = match (target.ends_with('.'), normal.contains('.')) {
        (true, _) => normal,
        (false, false) => format!("{normal}.{zone}"),
        (false, true) => {
            return Err(Wrong::new(
                format!("leads to `{shown}`, which could be {normal} or {normal}.{zone}"),
                format!(
                    "write `{normal}.` with a dot at the end for the one, `{normal}.{zone}.` for the other"
                ),
            ));
        }
    };
    // Whatever it leads to need not be registrable: only its form matters.
    match dns_name::problem(&format!("x.{name}")) {
        _ if name.contains('*') => Err(Wrong::new(
            format!("leads to `{shown}`, a wildcard"),
            "write the name that is meant",
        )),
        Some((problem, hint)) => Err(Wrong::new(
            format!("leads to `{shown}`, which {problem}"),
            hint,
        )),
        None => Ok(name),
    }
}

fn issuer(text: &str) -> Result<RecordData, Wrong> {
    let example =
        "write all three, such as `0 issue letsencrypt.org`; a value with spaces in quotes";
    let Some(data) = RecordData::parse("CAA", text) else {
        let flags = text.split_ascii_whitespace().next().unwrap_or_default();
        return Err(match flags.parse::<u64>() {
            Ok(256..) => Wrong::new(
                format!("has the flags `{flags}`"),
                "flags are a number from 0 to 255, mostly 0",
            ),
            _ => Wrong::new("is not flags, tag and value", example),
        });
    };
    if let RecordData::Issuer { tag, value, .. } = &data {
        if !TAGS.contains(&tag.as_str()) {
            return Err(Wrong::new(
                format!("has the tag `{}`", tag.escape_debug()),
                format!("the tags are `{}`", TAGS.join("`, `")),
            ));
        }
        let is_plain = |c: char| c.is_ascii() && !matches!(c, '"' | '\\');
        if value.is_empty() || !value.chars().all(is_plain) {
            return Err(Wrong::new(
                "has a value that no CAA record can have",
                example,
            ));
        }
    }
    Ok(data)
}

fn plain(text: &str) -> Result<RecordData, Wrong> {
    if text.starts_with('"') && text.ends_with('"') {
        return Err(Wrong::new(
            "has quotes around it",
            "write the text without quotes of its own, and a long one as one: it is split as the \
             provider needs it",
        ));
    }
    if !text.is_ascii() {
        return Err(Wrong::new(
            "holds letters outside of ASCII",
            "providers keep those each in its own way: use ASCII",
        ));
    }
    Ok(RecordData::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record_type: &str, text: &str) -> Result<String, String> {
        let read = data(record_type, "acme.com", text);
        read.map(|data| data.to_string())
            .map_err(|wrong| wrong.problem)
    }

    #[test]
    fn targets_are_relative_or_whole() {
        for (written, whole) in [
            ("@", "acme.com"),
            ("mail", "mail.acme.com"),
            ("Mail.Example.ORG.", "mail.example.org"),
            ("acme.com.", "acme.com"),
            ("_dkim.github.io.", "_dkim.github.io"),
            ("github.io.", "github.io"),
            ("bücher", "xn--bcher-kva.acme.com"),
        ] {
            assert_eq!(read("CNAME", written).as_deref(), Ok(whole));
        }
        for (written, problem) in [
            (
                "mail.acme.com",
                "leads to `mail.acme.com`, which could be mail.acme.com or mail.acme.com.acme.com",
            ),
            ("a.b", "leads to `a.b`, which could be a.b or a.b.acme.com"),
            (
                "192.0.2.1",
                "leads to an address, and can lead to a name only",
            ),
            ("*.acme.com.", "leads to `*.acme.com.`, a wildcard"),
            (
                "a..b.",
                "leads to `a..b.`, which has an empty part between its dots",
            ),
            ("a b", "is more than a name"),
        ] {
            assert_eq!(read("CNAME", written), Err(problem.to_owned()));
        }
    }

    #[test]
    fn each_part_of_a_value_is_checked() {
        for (record_type, written, normal) in [
            ("MX", "10 mail", "10 mail.acme.com"),
            (
                "SRV",
                "0 5 5060 sip.example.org.",
                "0 5 5060 sip.example.org",
            ),
            (
                "CAA",
                "0 issue letsencrypt.org",
                "0 issue \"letsencrypt.org\"",
            ),
            ("TXT", "v=spf1  include:x -all", "v=spf1  include:x -all"),
        ] {
            assert_eq!(read(record_type, written).as_deref(), Ok(normal));
        }
        for (record_type, written, problem) in [
            ("MX", "mail", "is no priority with a name"),
            ("MX", "high mail", "has the priority `high`"),
            ("SRV", "0 5 sip", "is not priority, weight, port and name"),
            ("SRV", "0 5 70000 sip", "has the port `70000`"),
            ("CAA", "issue ca.org", "is not flags, tag and value"),
            ("CAA", "300 issue ca.org", "has the flags `300`"),
            ("CAA", "0 issues ca.org", "has the tag `issues`"),
            ("A", "2001:db8::1", "is an IPv6 address"),
            ("AAAA", "web1", "is no IPv6 address"),
            ("TXT", "\"v=spf1 -all\"", "has quotes around it"),
        ] {
            assert_eq!(read(record_type, written), Err(problem.to_owned()));
        }
    }
}
