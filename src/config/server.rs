//! The servers of cloud.json and their keys.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::accounts::{Accounts, Home, Named};
use super::check::{CHECK, check};
use super::cloud::normal;
use super::creation;
use super::defaults::Defaults;
use super::expires::expires;
use super::files::{self, files};
use super::ignore::{IGNORE, ignore};
use super::keys::{
    Form, Key, SCHEMA, Shape, and, firsts, is_schema, names as names_of, report_duplicate_keys,
    unknown_key_but,
};
use super::lifecycle;
use super::openstack::{self, OpenStack};
use super::providers::{DEFAULT_TYPE, ProviderType};
use super::ranges::{self, Made};
use super::reader::{Reader, to_json};
use super::records::{TTL, ttl};
use super::selector::{self, Selector, Wanted, selector};
use super::tags::{self, TAGS, tags};
use super::{Cloud, Server, Spanned, reserved_ips, volumes, vpcs};
use crate::model::{Diagnostic, Place, nearest};

pub(super) const PROVIDER: Key = Key::new(
    "provider",
    "Which of the accounts under `providers` it is in.",
    Shape::Text,
);
pub(super) const REGION: Key = Key::new(
    "region",
    "Where it runs, such as \"nyc3\". Required on DigitalOcean; elsewhere an account is one region.",
    Shape::Text,
);
pub(super) const SIZE: Key = Key::new("size", SIZE_ABOUT, selector::SIZE);
pub(super) const IMAGE: Key = Key::new("image", IMAGE_ABOUT, selector::IMAGE);
pub(super) const BACKUPS: Key = Key::new(
    "backups",
    "Daily backups by the provider, for 30 % of the price.",
    Shape::Boolean,
);
pub(super) const DISK: Key = Key::new(
    "disk",
    "What becomes of its disk when it gets another size: \"keep\", so that the size can be taken \
     back, or \"grow\" to what the new size has, for good. On DigitalOcean.",
    Shape::Word(&["keep", "grow"]),
);
pub(super) const REPLACE: Key = Key::new(
    "replace",
    "What comes first when another server has to take its place: \"create-first\" makes that, leads \
     the names to it and then deletes this one; \"destroy-first\" deletes this one, where something \
     forbids two.",
    Shape::Word(&["create-first", "destroy-first"]),
);
pub(super) const PROTECT: Key = Key::new(
    "protect",
    "true: nothing deletes it, also once it is no longer in cloud.json, until its `protect` is \
     applied as false.",
    Shape::Boolean,
);
pub(super) const EXPIRES: Key = Key::new(
    "expires",
    "Until when it is wanted: a date, which is over when that day is in UTC, a time, or a duration \
     from when it was made, such as \"72h\". After that it is deleted, as if it were taken out.",
    Shape::Text,
);
pub(super) const OPENSTACK: Key = Key::new(
    "openstack",
    "What only an OpenStack has.",
    Shape::Object(&Form::of(&openstack::KEYS)),
);
const NAMES: Key = Key::new(
    "names",
    "DNS names that lead to it: an A record each and, where the region has IPv6, an AAAA.",
    Shape::List(&Shape::Text),
);
const NETWORKS: Key = Key::new(
    "networks",
    "Written by `apply`: its addresses. Yours to read, never read by cloudbuilder.",
    Shape::Anything,
);
const SIZE_ABOUT: &str =
    "Which machine, such as \"s-1vcpu-1gb\": a slug, a name or an id, or a pattern.";
const IMAGE_ABOUT: &str = "What its disk starts as, such as \"debian-13-x64\": a slug, a name or an \
                           id, or a pattern.";

/// The keys of a server, as errors list them.
pub(super) const SERVER_KEYS: [Key; 26] = [
    PROVIDER,
    REGION,
    SIZE,
    IMAGE,
    lifecycle::BACKUPS,
    lifecycle::IPV6,
    DISK,
    REPLACE,
    lifecycle::ON_IMAGE_CHANGE,
    lifecycle::ON_DESTROY,
    PROTECT,
    EXPIRES,
    CHECK,
    NAMES,
    TTL,
    TAGS,
    vpcs::VPC,
    reserved_ips::RESERVED_IP,
    volumes::VOLUMES,
    Key::new(
        "files",
        "What is put on it when it is made.",
        Shape::List(&Shape::Object(&files::FORM)),
    ),
    creation::USER_DATA,
    creation::USER_DATA_FILE,
    creation::MONITORING,
    IGNORE,
    OPENSTACK,
    NETWORKS,
];
/// Those of them that the flat form has.
pub(super) const FLAT_KEYS: [Key; 6] = [
    REGION,
    Key::new("size", SIZE_ABOUT, Shape::Text),
    Key::new("image", IMAGE_ABOUT, Shape::Text),
    BACKUPS,
    NAMES,
    NETWORKS,
];

/// How a file gets sections.
pub(super) const SECTIONS_HINT: &str =
    "add \"version\": 2 at the top, and put the servers into a section \"servers\"";

/// What the rest of the file says about servers.
pub(super) struct Around {
    pub(super) defaults: Defaults,
    pub(super) accounts: Accounts,
    /// Whether the file has sections.
    pub(super) sectioned: bool,
}

impl Around {
    /// The region of a server that names none. An account that is one region has it already: what
    /// `defaults` says is meant for it only if it is the default.
    pub(super) fn default_region(&self, home: &Home) -> Option<Spanned<String>> {
        let chosen = home
            .provider
            .is_none_or(|provider| provider.region_by_server);
        let default = || self.accounts.default_name() == Some(&home.account.value);
        let region = self.defaults.region.as_ref();
        region.filter(|_| chosen || default()).cloned()
    }
}

pub(super) fn servers(
    reader: &mut Reader<'_, '_>,
    section: &Object<'_>,
    around: &Around,
    cloud: &mut Cloud,
) {
    reader.report_duplicates(section, |name| {
        let what = match name == SCHEMA.name && !around.sectioned {
            true => format!("`{name}` is there twice"),
            false => format!("server `{}` is defined twice", name.escape_debug()),
        };
        (what, "rename or remove one of them")
    });
    let mut seen = HashSet::new();
    let mut made = Made::new();
    for member in &section.properties {
        if !around.sectioned && is_schema(reader, member) {
            continue;
        }
        // A second server of the same name is read for its own mistakes only.
        let Some(server) = server(reader, member, around) else {
            continue;
        };
        if !seen.insert(member.name.as_str()) {
            continue;
        }
        for server in each(reader, server, around, cloud) {
            if made.is_new(reader, &server) {
                cloud.servers.push(server);
            }
        }
    }
}

/// The servers that an entry stands for: one, or those of a range.
fn each(
    reader: &mut Reader<'_, '_>,
    mut server: Server,
    around: &Around,
    cloud: &mut Cloud,
) -> Vec<Server> {
    let (key, place) = (server.name.value.as_str(), &server.name.place);
    if !around.sectioned && ranges::is_range(key) {
        reader.report(only_in_sections(key).at(place.clone()));
        return Vec::new();
    }
    match ranges::range(reader, key, place) {
        Ok(Some(range)) => ranges::expand(reader, &range, &server, cloud),
        Ok(None) => {
            let names = std::mem::take(&mut server.names).into_iter();
            let names = names.map(|written| normal(reader, written, true));
            server.names = names.collect();
            vec![server]
        }
        Err(()) => Vec::new(),
    }
}

/// Reads one server. What is missing is reported and left empty, so that the rest can be checked.
fn server(reader: &mut Reader<'_, '_>, member: &ObjectProp<'_>, around: &Around) -> Option<Server> {
    let shown = member.name.as_str().escape_debug().to_string();
    let name = Spanned::new(member.name.as_str().to_owned(), reader.name_place(member));
    let object = reader.object(&format!("server `{shown}`"), &member.value)?;
    report_duplicate_keys(reader, object, &format!("server `{shown}`"));
    let home = home(reader, &shown, &name, object, around);
    let mut there = around.defaults.broken.clone();
    let region = around.default_region(&home);
    let mut server = beginning(name, home.account, region, &around.defaults);
    let mut block = OpenStack::default();
    let (mut own_tags, mut own_data) = (None, None);
    let (image, size) = match around.sectioned {
        true => (Wanted::IMAGE, Wanted::SIZE),
        false => (Wanted::TEXT, Wanted::TEXT),
    };
    for member in firsts(object) {
        let value = &member.value;
        let key = member.name.as_str();
        let of = format!("of server `{shown}`");
        let what = format!("`{key}` {of}");
        match key {
            "region" => set(&mut server.region, reader.text(&what, value).map(Some)),
            "size" => set(&mut server.size, selector(reader, &what, value, size)),
            "image" => set(&mut server.image, selector(reader, &what, value, image)),
            "backups" if around.sectioned => {
                let read = server.lifecycle.backups(reader, &what, value);
                set(&mut server.backups, read);
            }
            "backups" => set(&mut server.backups, reader.boolean(&what, value)),
            "names" => server.names = names(reader, &what, value),
            "networks" => server.networks = Some(to_json(value).to_string().into()),
            _ if !around.sectioned && names_of(&SERVER_KEYS).any(|known| known == key) => {
                let place = reader.name_place(member);
                reader.report(only_in_sections(key).at(place));
            }
            // Read before all others: what they may be depends on it.
            "provider" => {}
            "protect" => set(&mut server.protect, reader.boolean(&what, value)),
            "expires" => set(&mut server.expires, expires(reader, &what, value).map(Some)),
            "check" => set(&mut server.check, check(reader, &what, value).map(Some)),
            "disk" => set(&mut server.grow_disk, disk(reader, &what, value).map(Some)),
            "replace" => set(&mut server.destroy_first, replace(reader, &what, value)),
            "vpc" => server.vpc = reader.text(&what, value),
            "reserved_ip" => server.reserved_ip = reader.text(&what, value),
            "volumes" => server.volumes = volumes::of_server(reader, &what, value),
            "ttl" => set(&mut server.ttl, ttl(reader, &what, value).map(Some)),
            _ if server.lifecycle.read(reader, (key, &what), value) => {}
            "tags" => own_tags = tags(reader, &what, value),
            "files" => server.files = files(reader, &of, value),
            "ignore" => set(&mut server.ignore, ignore(reader, &what, value)),
            _ if server
                .creation
                .read(reader, (key, &what), value, &mut own_data) => {}
            "openstack" => {
                let account = &server.account.value;
                block = own_block(reader, &shown, account, home.provider, member);
            }
            _ => {
                let known = if around.sectioned {
                    &SERVER_KEYS[..]
                } else {
                    &FLAT_KEYS[..]
                };
                let of = format!("in server `{shown}`");
                let error = unknown_key_but(key, &of, names_of(known), NETWORKS.name);
                let place = reader.name_place(member);
                reader.report(error.at(place));
                // One slip, one message: `sise` is not also a missing `size`.
                there.extend(nearest(key, names_of(known)));
            }
        }
        there.extend(names_of(&SERVER_KEYS).filter(|&known| known == key));
    }
    server.tags = tags::with_defaults(own_tags, around.defaults.tags.as_deref());
    if home.provider.is_some_and(|provider| provider.openstack) {
        let account = around.accounts.get(&server.account.value);
        let block = block.or(&around.defaults.openstack);
        server.settings = Some(match account {
            Some(account) => block.or(&account.settings.servers),
            None => block,
        });
    }
    report_missing(reader, &server.name.place, &shown, home.provider, &there);
    Some(server)
}

/// The account a server is in. A `provider` that was misspelled is one that could not be read.
fn home(
    reader: &mut Reader<'_, '_>,
    shown: &str,
    name: &Spanned<String>,
    object: &Object<'_>,
    around: &Around,
) -> Home {
    let own = if !around.sectioned {
        Named::Nothing
    } else if let Some(member) = object.get("provider") {
        let what = format!("`provider` of server `{shown}`");
        Named::read(reader, &what, &member.value)
    } else if firsts(object).any(|member| {
        let key = member.name.as_str();
        let mut known = names_of(&SERVER_KEYS);
        nearest(key, known.clone()) == Some("provider") && known.all(|known| known != key)
    }) {
        Named::Unreadable
    } else {
        Named::Nothing
    };
    let what = format!("server `{shown}`");
    around.accounts.home(reader, &what, name, own)
}

/// A server as it is if it says nothing.
fn beginning(
    name: Spanned<String>,
    account: Spanned<String>,
    region: Option<Spanned<String>>,
    defaults: &Defaults,
) -> Server {
    let absent = || Spanned::new(Selector::nothing(), name.place.clone());
    Server {
        account,
        region,
        size: defaults.size.clone().unwrap_or_else(absent),
        image: defaults.image.clone().unwrap_or_else(absent),
        backups: defaults
            .backups
            .clone()
            .unwrap_or_else(|| Spanned::new(false, name.place.clone())),
        grow_disk: defaults.grow_disk.clone(),
        destroy_first: defaults
            .destroy_first
            .clone()
            .unwrap_or_else(|| Spanned::new(false, name.place.clone())),
        lifecycle: defaults.lifecycle.clone(),
        protect: defaults
            .protect
            .clone()
            .unwrap_or_else(|| Spanned::new(false, name.place.clone())),
        expires: defaults.expires.clone(),
        check: defaults.check.clone(),
        names: Vec::new(),
        tags: None,
        vpc: None,
        reserved_ip: None,
        volumes: Vec::new(),
        ttl: defaults.ttl.clone(),
        files: Vec::new(),
        creation: defaults.creation.clone(),
        ignore: defaults.ignore.clone(),
        settings: None,
        networks: None,
        range: None,
        name,
    }
}

/// Whether the disk grows with the size.
pub(super) fn disk(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<bool>> {
    let hint = "`keep` lets a size be taken back; `grow` gives the server all of the new size's \
                disk, for good";
    one_of_two(reader, what, value, ["keep", "grow"], hint)
}

/// Whether one that is replaced is deleted first.
pub(super) fn replace(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<bool>> {
    let hint = "`destroy-first` is an outage, and for what can be there only once; `create-first` \
                is none";
    one_of_two(reader, what, value, ["create-first", "destroy-first"], hint)
}

/// Whether it is the second of two words.
pub(super) fn one_of_two(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
    words: [&str; 2],
    hint: &str,
) -> Option<Spanned<bool>> {
    let text = reader.text(what, value)?;
    let Some(at) = words.iter().position(|word| *word == text.value) else {
        let [one, other] = words;
        let error = Diagnostic::error(format!("{what} must be `{one}` or `{other}`"));
        reader.report(error.hint(hint).at(text.place));
        return None;
    };
    Some(Spanned::new(at == 1, text.place))
}

fn only_in_sections(key: &str) -> Diagnostic {
    Diagnostic::error(format!("`{key}` needs the form with sections")).hint(SECTIONS_HINT)
}

/// The server's own block `openstack`.
fn own_block(
    reader: &mut Reader<'_, '_>,
    shown: &str,
    account: &str,
    provider: Option<&'static ProviderType>,
    member: &ObjectProp<'_>,
) -> OpenStack {
    if let Some(other) = provider
        && !other.openstack
    {
        let place = reader.name_place(member);
        reader.report(
            Diagnostic::error(format!("server `{shown}` is on no OpenStack"))
                .detail(format!(
                    "its account `{}` is of type `{}`",
                    account.escape_debug(),
                    other.name
                ))
                .hint("remove `openstack`, or name another account with `provider`")
                .at(place),
        );
        return OpenStack::default();
    }
    let what = format!("`openstack` of server `{shown}`");
    let object = reader.object(&what, &member.value);
    object.map_or_else(OpenStack::default, |object| {
        openstack::block(reader, &format!("of server `{shown}`"), object)
    })
}

fn set<T>(value: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *value = read;
    }
}

fn report_missing(
    reader: &mut Reader<'_, '_>,
    place: &Place,
    server: &str,
    provider: Option<&'static ProviderType>,
    there: &[&str],
) {
    let region = provider.is_some_and(|provider| provider.region_by_server);
    let required = provider.unwrap_or(DEFAULT_TYPE).examples;
    let required = required
        .iter()
        .filter(|(key, _)| region || *key != "region");
    let missing = required.filter(|(key, _)| !there.contains(key));
    let (keys, examples): (Vec<_>, Vec<_>) = missing
        .map(|(key, example)| (format!("`{key}`"), format!("\"{key}\": \"{example}\"")))
        .unzip();
    if !keys.is_empty() {
        reader.report(
            Diagnostic::error(format!("server `{server}` is missing {}", and(&keys)))
                .hint(format!("add {}", examples.join(", ")))
                .at(place.clone()),
        );
    }
}

/// The names as they are written: what they are in DNS takes the number of a server, in a range.
fn names(reader: &mut Reader<'_, '_>, what: &str, value: &Value<'_>) -> Vec<Spanned<String>> {
    let Some(list) = value.as_array() else {
        let hint = value
            .as_string_lit()
            .map(|_| "put it in brackets: [\"www.example.com\"]");
        reader.report_type(what, "a list", value, hint);
        return Vec::new();
    };
    let what = format!("a name in {what}");
    let elements = list.elements.iter();
    elements
        .filter_map(|element| reader.text(&what, element))
        .collect()
}
