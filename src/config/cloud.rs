//! cloud.json's format, all of it: both forms, every key, and what may stand where.

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::accounts::{Accounts, Named};
use super::defaults::{self, Defaults, defaults};
use super::keys::{
    Form as ObjectForm, Key, SCHEMA, Shape, is_schema, names, report_duplicate_keys, unknown_key,
};
use super::providers::providers;
use super::reader::Reader;
use super::server::{self, Around, FLAT_KEYS, SERVER_KEYS, servers};
use super::source::Source;
use super::{Cloud, Domain, Spanned, dns_name, syntax, validate};
use crate::model::{Diagnostic, nearest};

/// The keys of the sectioned form.
pub(super) const SECTIONS: [Key; 6] = [
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
        "The servers by name, which becomes the hostname.",
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
    SCHEMA,
];
/// The keys of a domain.
const DOMAIN_KEYS: [Key; 1] = [server::PROVIDER];
/// Sections that the format has a place for and this version does not read.
const LATER_SECTIONS: [&str; 3] = ["records", "volumes", "firewalls"];
/// The one version of the sectioned form.
const VERSION: &str = "2";

/// What a reading of cloud.json gave.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What the file asks for. `None` if it has an error: a server that could not be read must
    /// not look like one that was taken out.
    pub cloud: Option<Cloud>,
    /// Everything there is to say about the file, in its order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads cloud.json in either of its forms and checks it; `file` is its name in messages.
#[must_use]
pub fn parse(file: &str, bytes: &[u8]) -> Parsed {
    let (cloud, mut diagnostics) = match Source::new(file, bytes) {
        Ok(source) => read(&source),
        Err(problem) => (Cloud::default(), vec![*problem]),
    };
    diagnostics.extend(validate::validate(&cloud));
    diagnostics.sort_by_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        place.map(|place| place.range.start)
    });
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Parsed {
        cloud: (!broken).then_some(cloud),
        diagnostics,
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

fn read(source: &Source<'_>) -> (Cloud, Vec<Diagnostic>) {
    let mut reader = Reader::new(source);
    let mut cloud = Cloud::default();
    match syntax::parse(source) {
        Err(problem) => reader.report(*problem),
        Ok(None) => reader.report(
            Diagnostic::error(format!("{} is empty", source.file))
                .hint("write the servers into it, or `{}` for none")
                .at(reader.place(0..0)),
        ),
        Ok(Some(value)) => match reader.object("the file as a whole", &value).map(form) {
            None => {}
            Some(Form::Flat(root)) if lacks_version(root) => {
                reader.report(
                    Diagnostic::error("a file with the section `servers` needs a `version`")
                        .hint("add `\"version\": 2` as the first member")
                        .at(root.get("servers").map(|member| reader.name_place(member))),
                );
                sectioned(&mut reader, root, &mut cloud);
            }
            Some(Form::Flat(root)) => {
                let around = Around {
                    defaults: Defaults::default(),
                    accounts: Accounts::default(),
                    sectioned: false,
                };
                servers(&mut reader, root, &around, &mut cloud);
            }
            Some(Form::Sectioned(root)) => sectioned(&mut reader, root, &mut cloud),
            Some(Form::Unknown(version)) => reader.report(
                Diagnostic::error("this version of the format is not known")
                    .hint("cloudbuilder reads files with `\"version\": 2`, or without a version")
                    .at(reader.value_place(&version.value)),
            ),
        },
    }
    (cloud, reader.diagnostics)
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
    if LATER_SECTIONS.contains(&key) {
        Diagnostic::error(format!(
            "this version of cloudbuilder does not know `{key}` yet"
        ))
        .hint("remove the section, or use a newer version")
    } else if nearest(key, ["defaults"]).is_some() {
        Diagnostic::error(format!("unknown section `{key}`")).hint("did you mean `defaults`?")
    } else if is_server {
        Diagnostic::error(format!("server `{key}` is outside of `servers`"))
            .hint("in a file with a `version`, servers go into the section `servers`")
    } else {
        let error = Diagnostic::error(format!("unknown section `{key}`"));
        match nearest(key, names(&SECTIONS)) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error.hint("the sections are `providers`, `defaults`, `servers` and `domains`"),
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
    Some(normal(reader, written))
}

fn normal(reader: &mut Reader<'_, '_>, written: Spanned<String>) -> Spanned<String> {
    let normal = dns_name::normalize(&written.value);
    if !written.value.is_ascii() && normal.is_ascii() {
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
                    let domain = domain(reader, name, accounts, Named::Nothing);
                    cloud.domains.push(domain);
                }
            }
        }
        Value::Object(object) => {
            for member in &object.properties {
                let written = member.name.as_str();
                let what = format!("domain `{}`", written.escape_debug());
                let mut own = Named::Nothing;
                if let Some(options) = reader.object(&what, &member.value) {
                    report_duplicate_keys(reader, options, &what);
                    for option in &options.properties {
                        let key = option.name.as_str();
                        if key == "provider" {
                            let what = format!("`provider` of {what}");
                            own = Named::read(reader, &what, &option.value);
                        } else {
                            let place = reader.name_place(option);
                            let error =
                                unknown_key(key, &format!("in {what}"), names(&DOMAIN_KEYS));
                            reader.report(error.at(place));
                            if matches!(own, Named::Nothing) {
                                own = Named::Unreadable;
                            }
                        }
                    }
                }
                let written = Spanned::new(written.to_owned(), reader.name_place(member));
                let name = normal(reader, written);
                let domain = domain(reader, name, accounts, own);
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
) -> Domain {
    let what = format!("domain `{}`", name.value.escape_debug());
    let account = accounts.home(reader, &what, &name, own).account;
    Domain { name, account }
}
