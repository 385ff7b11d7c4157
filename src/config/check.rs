//! By which question a server shows that it serves.

use jsonc_parser::ast::Value;

use super::Spanned;
use super::keys::{Form, Key, Shape, firsts, names, report_duplicate_keys, unknown_key};
use super::reader::Reader;
use crate::model::{Diagnostic, Place, Probe};

/// Where a server that speaks HTTP is asked if nothing is said.
const HTTP_PORT: u16 = 80;

const PORT: Shape = Shape::Whole {
    least: 1,
    most: u16::MAX as u64,
};
const TCP: &str = "tcp";
const HTTP: &str = "http";
const KEYS: [Key; 3] = [
    Key::new(TCP, "The port at which it takes connections.", PORT),
    Key::new(
        HTTP,
        "The path of which a GET is answered, and not with an error.",
        Shape::Form("^/"),
    ),
    Key::new("port", "The port for `http`, if it is not 80.", PORT),
];
/// The key of a server.
pub(super) const CHECK: Key = Key::new(
    "check",
    "How a new server shows that it serves, before names lead to it and another one goes: \
     {\"tcp\": 22}, or {\"http\": \"/health\"}.",
    Shape::Object(&Form {
        keys: &KEYS,
        required: &[],
        one_of: &[TCP, HTTP],
    }),
);

/// Reads it.
pub(super) fn check(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<Probe>> {
    let object = reader.object(what, value)?;
    let place = reader.value_place(value);
    report_duplicate_keys(reader, object, what);
    let before = reader.diagnostics.len();
    let (mut tcp, mut path, mut http_port) = (None, None, None);
    for member in firsts(object) {
        let key = member.name.as_str();
        let of_key = format!("`{key}` of {what}");
        match key {
            TCP => tcp = port(reader, &of_key, &member.value),
            HTTP => path = self::path(reader, &of_key, &member.value),
            "port" => {
                let at = reader.name_place(member);
                http_port = port(reader, &of_key, &member.value).map(|port| (port, at));
            }
            _ => {
                let error = unknown_key(key, &format!("in {what}"), names(&KEYS));
                reader.report(error.at(reader.name_place(member)));
            }
        }
    }
    if reader.diagnostics.len() > before {
        return None;
    }
    let probe = one_of(reader, what, &place, (tcp, path, http_port))?;
    Some(Spanned::new(probe, place))
}

fn one_of(
    reader: &mut Reader<'_, '_>,
    what: &str,
    place: &Place,
    found: (Option<u16>, Option<String>, Option<(u16, Place)>),
) -> Option<Probe> {
    let (problem, hint, at) = match found {
        (Some(tcp), None, None) => return Some(Probe::Tcp { tcp }),
        (None, Some(http), port) => {
            let port = port.map_or(HTTP_PORT, |(port, _)| port);
            return Some(Probe::Http { http, port });
        }
        (Some(_), None, Some((_, at))) => (
            "has a second port",
            "`tcp` is the port; `port` belongs to `http`",
            at,
        ),
        (Some(_), Some(_), _) => (
            "asks in two ways",
            "keep one of `tcp` and `http`; a server that speaks HTTP takes connections",
            place.clone(),
        ),
        (None, None, _) => (
            "asks nothing",
            "write {\"tcp\": 22}, or {\"http\": \"/health\"}",
            place.clone(),
        ),
    };
    reader.report(
        Diagnostic::error(format!("{what} {problem}"))
            .hint(hint)
            .at(at),
    );
    None
}

fn port(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<u16> {
    let number = value.as_number_lit().map(|literal| literal.value);
    let port = number
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0);
    if port.is_none() {
        let hint = value.as_string_lit().map(|_| "write it without quotes");
        reader.report_type(what, "a port, 1 to 65535", value, hint);
    }
    port
}

fn path(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Option<String> {
    let path = reader.text(what, value)?;
    let is_plain = |c: char| c.is_ascii_graphic() && c != '#';
    if !path.value.starts_with('/') || !path.value.chars().all(is_plain) {
        reader.report(
            Diagnostic::error(format!("{what} is no path"))
                .hint("begin it with `/`, and write what is not ASCII as `%C3%A9`")
                .at(path.place),
        );
        return None;
    }
    Some(path.value)
}
