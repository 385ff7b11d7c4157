//! cloud.json's format, all of it: both forms, every key, and what may stand where.

use std::collections::BTreeMap;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use serde_json::Value as Json;

use super::accounts::{Accounts, Named};
use super::content::content;
use super::defaults::{self, Defaults, defaults};
use super::keys::{
    Form as ObjectForm, Key, SCHEMA, Shape, is_schema, names, report_duplicate_keys, unknown_key,
};
use super::providers::providers;
use super::reader::Reader;
use super::records::{self, records};
use super::server::{self, Around, FLAT_KEYS, SECTIONS_HINT, SERVER_KEYS, servers};
use super::source::Source;
use super::syntax::range;
use super::{
    Cloud, Domain, Spanned, Variables, dns_name, firewalls, overlay, reserved_ips, syntax,
    validate, variables, volumes, vpcs,
};
use crate::model::{Diagnostic, Place, Secret, nearest};

/// The keys of the sectioned form.
pub(super) const SECTIONS: [Key; 11] = [
    Key::new("version", "The version of this form.", Shape::Number(2)),
    Key::new(
        "providers",
        "The accounts by name. Without it there is one, at DigitalOcean.",
        Shape::Named(&Shape::Account),
    ),
    Key::new(
        "defaults",
        "What servers have that do not say otherwise.",
        Shape::Object(&ObjectForm::of(&defaults::KEYS)),
    ),
    Key::new(
        "servers",
        "The servers by name, which becomes the hostname. `web-{1..20}` stands for twenty of them.",
        Shape::Named(&Shape::Object(&ObjectForm::of(&SERVER_KEYS))),
    ),
    Key::new(
        "domains",
        "Zones that shall exist whether a name needs them or not.",
        Shape::Either(&[
            Shape::List(&Shape::Text),
            Shape::Named(&Shape::Object(&ObjectForm::of(&DOMAIN_KEYS))),
        ]),
    ),
    Key::new(
        "vpcs",
        "Private networks by name. On DigitalOcean.",
        Shape::Named(&Shape::Object(&vpcs::FORM)),
    ),
    Key::new(
        "firewalls",
        "Firewalls by name, each for the servers with its tags. Not at Rackspace Classic.",
        Shape::Named(&Shape::Object(&firewalls::FORM)),
    ),
    Key::new(
        "reserved_ips",
        "Addresses by name that stay when a server goes. Not at Rackspace Classic.",
        Shape::Named(&Shape::Object(&reserved_ips::FORM)),
    ),
    Key::new(
        "volumes",
        "Disks by themselves, by name, each on one server at most. Not with Rackspace Classic.",
        Shape::Named(&Shape::Object(&volumes::FORM)),
    ),
    Key::new(
        "records",
        "What names say besides leading to servers: by zone, then by name, then by type. `@` is the \
         zone itself.",
        records::SECTION,
    ),
    SCHEMA,
];
/// The keys of a domain.
const DOMAIN_KEYS: [Key; 2] = [server::PROVIDER, EXCLUSIVE];
const EXCLUSIVE: Key = Key::new(
    "exclusive",
    "true: whatever is in it and not in cloud.json is deleted, but for SOA and the zone's own NS.",
    Shape::Boolean,
);
/// The one version of the sectioned form.
pub(super) const VERSION: &str = "2";

/// What a reading of cloud.json gave.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What the file asks for. `None` if it has an error: a server that could not be read must
    /// not look like one that was taken out.
    pub cloud: Option<Cloud>,
    /// Everything there is to say about the file, in its order.
    pub diagnostics: Vec<Diagnostic>,
    /// What strings with variables came to, where that may be shown.
    pub shown: Vec<(Place, String)>,
    /// What the files say together, as JSON text, without comments, layout and what is written back
    /// into them; what variables came to is in it, secrets too. Null if they could not be read.
    pub content: Secret,
}

/// A file: its name in messages, and what is in it.
pub type File<'a> = (&'a str, &'a [u8]);

/// Reads cloud.json in either of its forms and checks it; `file` is its name in messages. No
/// variable has a value.
#[must_use]
pub fn parse(file: &str, bytes: &[u8]) -> Parsed {
    let variables = Variables {
        given: &BTreeMap::new(),
        environment: &|_| None,
    };
    parse_over((file, bytes), None, variables)
}

/// Reads cloud.json and, if there is one, the file of an environment that is laid over it.
#[must_use]
pub fn parse_over(base: File<'_>, overlay: Option<File<'_>>, variables: Variables<'_>) -> Parsed {
    let sources = (
        Source::new(base.0, base.1),
        overlay
            .map(|(file, bytes)| Source::new(file, bytes))
            .transpose(),
    );
    let (cloud, mut diagnostics, shown, content) = match &sources {
        (Ok(base), Ok(overlay)) => read(base, overlay.as_ref(), variables),
        (base, overlay) => {
            let problems = base
                .as_ref()
                .err()
                .into_iter()
                .chain(overlay.as_ref().err());
            let problems = problems.map(|problem| Diagnostic::clone(problem));
            (Cloud::default(), problems.collect(), Vec::new(), Json::Null)
        }
    };
    diagnostics.sort_by_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        place.map(|place| (*place.file != *base.0, place.range.start))
    });
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Parsed {
        cloud: (!broken).then_some(cloud),
        diagnostics,
        shown,
        content: Secret::new(content.to_string()),
    }
}

/// Which of the two forms a file has, and where its servers are.
pub(super) enum Form<'v, 't> {
    /// Every member is a server.
    Flat(&'v Object<'t>),
    /// Members are sections.
    Sectioned(&'v Object<'t>),
    /// The form of another version.
    Unknown(&'v ObjectProp<'t>),
}

/// A server may be called `version`; then the value is an object.
pub(super) fn form<'v, 't>(root: &'v Object<'t>) -> Form<'v, 't> {
    let version = root.get("version");
    match version.map(|member| (member, &member.value)) {
        None | Some((_, Value::Object(_))) => Form::Flat(root),
        Some((member, Value::NumberLit(number))) if number.value != VERSION => {
            Form::Unknown(member)
        }
        Some(_) => Form::Sectioned(root),
    }
}

type Reading = (Cloud, Vec<Diagnostic>, Vec<(Place, String)>, Json);

fn read<'t>(
    source: &Source<'t>,
    overlay: Option<&Source<'t>>,
    variables: Variables<'_>,
) -> Reading {
    let mut reader = Reader::of_two(source, overlay);
    let mut cloud = Cloud::default();
    let Some(mut document) = document(&mut reader, source, overlay) else {
        return (cloud, reader.diagnostics, Vec::new(), Json::Null);
    };
    let replaced = variables::replace(&mut reader, &mut document, variables);
    let before = reader.diagnostics.len();
    whole(&mut reader, &document, &mut cloud);
    let mut diagnostics = reader.diagnostics;
    let mut further = diagnostics.split_off(before);
    further.extend(validate::validate(&cloud));
    let is_new = |diagnostic: &Diagnostic| {
        let place = diagnostic.place.as_ref();
        place.is_none_or(|place| !replaced.broken.contains(place))
    };
    diagnostics.extend(further.into_iter().filter(is_new));
    (cloud, diagnostics, replaced.shown, content(&document))
}

/// What the files say together.
fn document<'t>(
    reader: &mut Reader<'_, 't>,
    source: &Source<'t>,
    overlay: Option<&Source<'t>>,
) -> Option<Value<'t>> {
    let base = value(
        reader,
        source,
        "write the servers into it, or `{}` for none",
    );
    let Some(over) = overlay else { return base };
    let patch = value(
        reader,
        over,
        "write into it what differs, or `{}` for nothing",
    );
    let (mut base, mut patch) = (base?, patch?);
    overlay::count_on(&mut patch, reader.overlay_start());
    reader.object("the file as a whole", &patch)?;
    if let (Value::Object(root), Value::Object(patch)) = (&mut base, patch) {
        match form(root) {
            Form::Sectioned(_) => {
                overlay::lay_over(reader, (&source.file, root), (&over.file, patch));
            }
            Form::Flat(root) if !lacks_version(root) => {
                let place = reader.place(range(root).start..range(root).start + 1);
                reader.report(
                    Diagnostic::error("an environment needs the form with sections")
                        .detail(format!(
                            "{} is laid over {}, section by section",
                            over.file, source.file
                        ))
                        .hint(SECTIONS_HINT)
                        .at(place),
                );
                return None;
            }
            // That is told when it is read.
            Form::Flat(_) | Form::Unknown(_) => {}
        }
    }
    Some(base)
}

/// What is in a file. `empty` says what to do about one with nothing in it.
fn value<'t>(reader: &mut Reader<'_, 't>, source: &Source<'t>, empty: &str) -> Option<Value<'t>> {
    match syntax::parse(source) {
        Err(problem) => reader.report(*problem),
        Ok(None) => reader.report(
            Diagnostic::error(format!("{} is empty", source.file))
                .hint(empty)
                .at(source.place(0..0)),
        ),
        Ok(Some(value)) => return Some(value),
    }
    None
}

fn whole(reader: &mut Reader<'_, '_>, document: &Value<'_>, cloud: &mut Cloud) {
    match reader.object("the file as a whole", document).map(form) {
        None => {}
        Some(Form::Flat(root)) if lacks_version(root) => {
            reader.report(
                Diagnostic::error("a file with the section `servers` needs a `version`")
                    .hint("add `\"version\": 2` as the first member")
                    .at(root.get("servers").map(|member| reader.name_place(member))),
            );
            sectioned(reader, root, cloud);
        }
        Some(Form::Flat(root)) => {
            let around = Around {
                defaults: Defaults::default(),
                accounts: Accounts::default(),
                sectioned: false,
            };
            servers(reader, root, &around, cloud);
        }
        Some(Form::Sectioned(root)) => sectioned(reader, root, cloud),
        Some(Form::Unknown(version)) => reader.report(
            Diagnostic::error("this version of the format is not known")
                .hint("cloudbuilder reads files with `\"version\": 2`, or without a version")
                .at(reader.value_place(&version.value)),
        ),
    }
}

/// Whether this is the sectioned form with its version forgotten: a server called `servers` would
/// have the keys of a server.
fn lacks_version(root: &Object<'_>) -> bool {
    let servers = root
        .get("servers")
        .and_then(|servers| servers.value.as_object());
    root.get("version").is_none()
        && servers.is_some_and(|servers| {
            let members = &servers.properties;
            !members.is_empty()
                && members
                    .iter()
                    .all(|member| member.value.as_object().is_some())
                && !members
                    .iter()
                    .any(|member| names(&FLAT_KEYS).any(|known| known == member.name.as_str()))
        })
}

fn sectioned(reader: &mut Reader<'_, '_>, root: &Object<'_>, cloud: &mut Cloud) {
    reader.report_duplicates(root, |key| {
        (
            format!("the section `{}` is defined twice", key.escape_debug()),
            "merge the two",
        )
    });
    let mut around = Around {
        defaults: Defaults::default(),
        accounts: Accounts::default(),
        sectioned: true,
    };
    if let Some(section) = root.get("providers") {
        around.accounts = providers(reader, &section.value);
    }
    if let Some(section) = root.get("defaults") {
        around.defaults = defaults(reader, &section.value, &mut around.accounts);
    }
    for member in &root.properties {
        let key = member.name.as_str();
        match key {
            "version" => {
                let known = member
                    .value
                    .as_number_lit()
                    .is_some_and(|number| number.value == VERSION);
                if !known {
                    reader.report_type("`version`", "the number 2", &member.value, None);
                }
            }
            // Read before all others.
            "providers" | "defaults" => {}
            _ if is_schema(reader, member) => {}
            "servers" => {
                if let Some(section) = reader.object("`servers`", &member.value) {
                    servers(reader, section, &around, cloud);
                }
            }
            "domains" => domains(reader, &member.value, &around.accounts, cloud),
            "vpcs" => vpcs::vpcs(reader, &member.value, &around, cloud),
            "firewalls" => firewalls::firewalls(reader, &member.value, &around, cloud),
            "reserved_ips" => {
                reserved_ips::reserved_ips(reader, &member.value, &around, cloud);
            }
            "volumes" => volumes::volumes(reader, &member.value, &around, cloud),
            "records" => records(reader, &member.value, &around.defaults, cloud),
            _ => {
                let place = reader.name_place(member);
                reader.report(unknown_section(key, &member.value).at(place));
            }
        }
    }
    cloud.default_account = around.accounts.default_name().map(str::to_owned);
    cloud.accounts = around.accounts.into_listed();
}

fn unknown_section(key: &str, value: &Value<'_>) -> Diagnostic {
    let is_server = value.as_object().is_some_and(|object| {
        let mut keys = object.properties.iter().map(|member| member.name.as_str());
        keys.any(|key| names(&SERVER_KEYS).any(|known| known == key))
    });
    if nearest(key, ["defaults"]).is_some() {
        Diagnostic::error(format!("unknown section `{key}`")).hint("did you mean `defaults`?")
    } else if is_server {
        Diagnostic::error(format!("server `{key}` is outside of `servers`"))
            .hint("in a file with a `version`, servers go into the section `servers`")
    } else {
        let error = Diagnostic::error(format!("unknown section `{key}`"));
        match nearest(key, names(&SECTIONS)) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint(
                "the sections are `providers`, `defaults`, `servers`, `domains`, `records`, `vpcs`, \
                 `firewalls`, `volumes` and `reserved_ips`",
            ),
        }
    }
}

/// A DNS name in its normal form; a note tells of a form that the user would not recognise.
pub(super) fn dns(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<String>> {
    let written = reader.text(what, value)?;
    Some(normal(reader, written, true))
}

/// The same of a text. Unless it shall be told, the note is left out.
pub(super) fn normal(
    reader: &mut Reader<'_, '_>,
    written: Spanned<String>,
    tell: bool,
) -> Spanned<String> {
    let normal = dns_name::normalize(&written.value);
    if tell && !written.value.is_ascii() && normal.is_ascii() {
        reader.report(
            Diagnostic::note(format!("`{}` is `{normal}` in DNS", written.value))
                .at(written.place.clone()),
        );
    }
    Spanned::new(normal, written.place)
}

fn domains(reader: &mut Reader<'_, '_>, value: &Value<'_>, accounts: &Accounts, cloud: &mut Cloud) {
    match value {
        Value::Array(list) => {
            for element in &list.elements {
                if let Some(name) = dns(reader, "a domain", element) {
                    let shared = Spanned::new(false, name.place.clone());
                    let domain = domain(reader, name, accounts, Named::Nothing, shared);
                    cloud.domains.push(domain);
                }
            }
        }
        Value::Object(object) => {
            for member in &object.properties {
                let written = member.name.as_str();
                let what = format!("domain `{}`", written.escape_debug());
                let mut own = Named::Nothing;
                let mut exclusive = Spanned::new(false, reader.name_place(member));
                if let Some(options) = reader.object(&what, &member.value) {
                    report_duplicate_keys(reader, options, &what);
                    for option in &options.properties {
                        let key = option.name.as_str();
                        if key == "provider" {
                            let what = format!("`provider` of {what}");
                            own = Named::read(reader, &what, &option.value);
                        } else if key == EXCLUSIVE.name {
                            let what = format!("`exclusive` of {what}");
                            if let Some(read) = reader.boolean(&what, &option.value) {
                                exclusive = read;
                            }
                        } else {
                            let place = reader.name_place(option);
                            let error =
                                unknown_key(key, &format!("in {what}"), names(&DOMAIN_KEYS));
                            reader.report(error.at(place));
                            let meant = nearest(key, names(&DOMAIN_KEYS));
                            if meant != Some(EXCLUSIVE.name) && matches!(own, Named::Nothing) {
                                own = Named::Unreadable;
                            }
                        }
                    }
                }
                let written = Spanned::new(written.to_owned(), reader.name_place(member));
                let name = normal(reader, written, true);
                let domain = domain(reader, name, accounts, own, exclusive);
                cloud.domains.push(domain);
            }
        }
        _ => reader.report_type(
            "`domains`",
            "an object or a list of names",
            value,
            Some("write for example [\"example.com\"]"),
        ),
    }
}

fn domain(
    reader: &mut Reader<'_, '_>,
    name: Spanned<String>,
    accounts: &Accounts,
    own: Named,
    exclusive: Spanned<bool>,
) -> Domain {
    let what = format!("domain `{}`", name.value.escape_debug());
    let account = accounts.home(reader, &what, &name, own).account;
    Domain {
        name,
        account,
        exclusive,
    }
}
