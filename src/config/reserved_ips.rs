//! The section `reserved_ips`: addresses that stay when the server that they are on goes.

use std::collections::{BTreeMap, BTreeSet};

use jsonc_parser::ast::Value;

use super::accounts::Named;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use super::server::{self, Around};
use super::{Cloud, Server, Spanned};
use crate::model::{Diagnostic, nearest};

/// The keys of a reserved IP.
pub(super) const KEYS: [Key; 1] = [server::PROVIDER];

/// What a reserved IP may look like.
pub(super) const FORM: Form = Form::of(&KEYS);

/// The key of a server.
pub(super) const RESERVED_IP: Key = Key::new(
    "reserved_ip",
    "The one of `reserved_ips` that is on it: its names lead to that, and it moves along when \
     another server takes the place of this one. Not at Rackspace Classic.",
    Shape::Text,
);

/// An address that cloud.json names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedIp {
    /// Its name here; the provider knows it by the address alone.
    pub name: Spanned<String>,
    /// The account it is in.
    pub account: Spanned<String>,
}

/// Reads the section.
pub(super) fn reserved_ips(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    around: &Around,
    cloud: &mut Cloud,
) {
    let Some(section) = reader.object("`reserved_ips`", value) else {
        return;
    };
    reader.report_duplicates(section, |name| {
        let what = format!("reserved IP `{}` is defined twice", name.escape_debug());
        (what, "rename or remove one of them")
    });
    for member in firsts(section) {
        let written = member.name.as_str();
        let what = format!("reserved IP `{}`", written.escape_debug());
        let name = Spanned::new(written.to_owned(), reader.name_place(member));
        let Some(object) = reader.object(&what, &member.value) else {
            continue;
        };
        report_duplicate_keys(reader, object, &what);
        let mut own = Named::Nothing;
        for option in firsts(object) {
            let key = option.name.as_str();
            if key == "provider" {
                own = Named::read(reader, &format!("`{key}` of {what}"), &option.value);
                continue;
            }
            let error = unknown_key(key, &format!("in {what}"), names(&KEYS));
            let place = reader.name_place(option);
            reader.report(error.at(place));
            if matches!(own, Named::Nothing) && nearest(key, names(&KEYS)).is_some() {
                own = Named::Unreadable;
            }
        }
        let account = around.accounts.home(reader, &what, &name, own).account;
        cloud.reserved_ips.push(ReservedIp { name, account });
    }
}

/// They become a part of addresses and of references.
pub(super) fn check_names(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for reserved_ip in &cloud.reserved_ips {
        let name = reserved_ip.name.value.as_str();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(allowed) {
            found.push(
                Diagnostic::error(format!(
                    "reserved IP `{}` has a name that cannot be typed everywhere",
                    name.escape_debug()
                ))
                .hint("use letters, digits, `-`, `_` and `.`")
                .at(reserved_ip.name.place.clone()),
            );
        }
    }
}

/// A server's is one of the section, in its account, and on no other server.
pub(super) fn check_servers(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut holders: BTreeMap<&str, &Server> = BTreeMap::new();
    // Those of a range stand in one place.
    let mut told = BTreeSet::new();
    for server in &cloud.servers {
        let Some(named) = &server.reserved_ip else {
            continue;
        };
        let other = holders.insert(&named.value, server);
        if let Some(problem) = wrong(cloud, server, named, other)
            && told.insert((&*named.place.file, named.place.range.start))
        {
            found.push(problem.at(named.place.clone()));
        }
    }
}

fn wrong(
    cloud: &Cloud,
    server: &Server,
    named: &Spanned<String>,
    other: Option<&Server>,
) -> Option<Diagnostic> {
    let shown = server.name.value.escape_debug();
    let name = named.value.escape_debug();
    let Some(reserved_ip) = cloud.reserved_ip(&named.value) else {
        let known = cloud.reserved_ips.iter();
        let near = nearest(&named.value, known.map(|known| known.name.value.as_str()));
        return Some(
            Diagnostic::error(format!("there is no reserved IP `{name}`"))
                .detail(format!("server `{shown}` is to have it"))
                .hint(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add \"reserved_ips\": {{\"{name}\": {{}}}}"),
                }),
        );
    };
    if reserved_ip.account.value != server.account.value {
        return Some(
            Diagnostic::error(format!("server `{shown}` cannot have reserved IP `{name}`"))
                .detail(format!(
                    "the server is in the account `{}`, the address in `{}`",
                    server.account.value.escape_debug(),
                    reserved_ip.account.value.escape_debug()
                ))
                .hint("name the server's account as the `provider` of the reserved IP")
                .related(reserved_ip.name.place.clone(), "the reserved IP"),
        );
    }
    let other = other?;
    let error = Diagnostic::error(format!("reserved IP `{name}` is on two servers"))
        .detail(format!(
            "servers `{}` and `{shown}` name it",
            other.name.value.escape_debug()
        ))
        .hint("give each its own, or let one of them do without");
    // Servers of a range have it from one place.
    let place = other.reserved_ip.as_ref().map(|named| named.place.clone());
    let place = place.filter(|place| *place != named.place);
    Some(match place {
        Some(place) => error.related(place, "the other one"),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use crate::config::cloud;

    fn problems(reserved_ips: &str, servers: &str) -> Vec<String> {
        let text = format!(
            r#"{{"version": 2, "reserved_ips": {{{reserved_ips}}},
                "defaults": {{"region": "nyc3", "size": "s", "image": "i"}},
                "servers": {{{servers}}}}}"#
        );
        let parsed = cloud::parse("cloud.json", text.as_bytes());
        assert!(parsed.diagnostics.iter().all(|one| one.place.is_some()));
        let told = parsed.diagnostics.into_iter();
        told.map(|one| format!("{} | {}", one.summary, one.hint.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_reserved_ip_is_named_by_one_server_that_may() {
        let web = r#""a": {"reserved_ip": "web"}"#;
        let none: [&str; 0] = [];
        assert_eq!(problems(r#""web": {}"#, web), none);
        assert_eq!(
            problems(r#""wbe": {}"#, web),
            ["there is no reserved IP `web` | did you mean `wbe`?"]
        );
        assert_eq!(
            problems("", web),
            [r#"there is no reserved IP `web` | add "reserved_ips": {"web": {}}"#]
        );
        let two = [
            r#""a": {"reserved_ip": "web"}, "b": {"reserved_ip": "web"}"#,
            r#""a{1..3}": {"reserved_ip": "web"}"#,
        ];
        for two in two {
            let told = problems(r#""web": {}"#, two);
            assert!(
                told.len() == 1 && told[0].contains("is on two servers"),
                "{told:?}"
            );
        }
        let told = problems(r#""web": {"region": "nyc3"}, "a b": {}"#, "");
        assert_eq!(
            told,
            [
                "unknown key `region` in reserved IP `web` | the only key is `provider`",
                "reserved IP `a b` has a name that cannot be typed everywhere | use letters, digits, \
                 `-`, `_` and `.`"
            ]
        );
    }
}
