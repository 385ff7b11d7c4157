//! What `defaults` gives to servers.

use jsonc_parser::ast::Value;

use super::accounts::{Accounts, Named};
use super::check::{CHECK, check};
use super::creation;
use super::expires::{Expiry, expires};
use super::ignore::{IGNORE, ignore};
use super::keys::{Key, firsts, names, report_duplicate_keys, unknown_key};
use super::lifecycle::{self, Lifecycle};
use super::openstack::{self, OpenStack};
use super::reader::Reader;
use super::records::{TTL, ttl};
use super::selector::{Selector, Wanted, selector};
use super::server::{self, disk, replace};
use super::tags::{TAGS, tags};
use super::{Creation, Spanned};
use crate::model::{Diagnostic, Probe, nearest};

/// Its keys.
pub(super) const KEYS: [Key; 20] = [
    server::PROVIDER,
    server::REGION,
    server::SIZE,
    server::IMAGE,
    lifecycle::BACKUPS,
    lifecycle::IPV6,
    server::DISK,
    server::REPLACE,
    lifecycle::ON_IMAGE_CHANGE,
    lifecycle::ON_DESTROY,
    server::PROTECT,
    server::EXPIRES,
    CHECK,
    TAGS,
    TTL,
    creation::USER_DATA,
    creation::USER_DATA_FILE,
    creation::MONITORING,
    IGNORE,
    server::OPENSTACK,
];

/// What servers have that do not say otherwise.
#[derive(Default)]
pub(super) struct Defaults {
    pub(super) region: Option<Spanned<String>>,
    pub(super) size: Option<Spanned<Selector>>,
    pub(super) image: Option<Spanned<Selector>>,
    pub(super) backups: Option<Spanned<bool>>,
    pub(super) grow_disk: Option<Spanned<bool>>,
    pub(super) destroy_first: Option<Spanned<bool>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) protect: Option<Spanned<bool>>,
    pub(super) expires: Option<Spanned<Expiry>>,
    pub(super) check: Option<Spanned<Probe>>,
    pub(super) tags: Option<Vec<Spanned<String>>>,
    pub(super) ttl: Option<Spanned<u64>>,
    pub(super) creation: Creation,
    pub(super) ignore: Vec<Spanned<&'static str>>,
    pub(super) openstack: OpenStack,
    /// Keys that are there but could not be read: reported once, not again at every server.
    pub(super) broken: Vec<&'static str>,
}

/// Reads the section. Which account is the default goes to the accounts.
pub(super) fn defaults(
    reader: &mut Reader<'_, '_>,
    value: &Value<'_>,
    accounts: &mut Accounts,
) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(object) = reader.object("`defaults`", value) else {
        defaults.broken = names(&KEYS).collect();
        accounts.set_default(reader, Named::Unreadable);
        return defaults;
    };
    report_duplicate_keys(reader, object, "`defaults`");
    let mut own_data = None;
    for member in firsts(object) {
        let value = &member.value;
        match member.name.as_str() {
            "provider" => {
                let named = Named::read(reader, "the default `provider`", value);
                accounts.set_default(reader, named);
            }
            "region" => defaults.region = reader.text("the default `region`", value),
            "size" => {
                defaults.size = selector(reader, "the default `size`", value, Wanted::SIZE);
            }
            "image" => {
                defaults.image = selector(reader, "the default `image`", value, Wanted::IMAGE);
            }
            "backups" => {
                let what = "the default `backups`";
                defaults.backups = defaults.lifecycle.backups(reader, what, value);
            }
            "protect" => defaults.protect = reader.boolean("the default `protect`", value),
            "expires" => defaults.expires = expires(reader, "the default `expires`", value),
            "check" => defaults.check = check(reader, "the default `check`", value),
            "disk" => defaults.grow_disk = disk(reader, "the default `disk`", value),
            "replace" => {
                defaults.destroy_first = replace(reader, "the default `replace`", value);
            }
            "ttl" => defaults.ttl = ttl(reader, "the default `ttl`", value),
            "ignore" => {
                let words = ignore(reader, "the default `ignore`", value);
                defaults.ignore = words.unwrap_or_default();
            }
            key if defaults.lifecycle.read(
                reader,
                (key, &format!("the default `{key}`")),
                value,
            ) => {}
            "tags" => defaults.tags = tags(reader, "the default `tags`", value),
            "openstack" if !accounts.some_openstack() => {
                let place = reader.name_place(member);
                reader.report(
                    Diagnostic::error("no account of this file is an OpenStack")
                        .hint("remove `openstack`, or add such an account to `providers`")
                        .at(place),
                );
            }
            "openstack" => {
                if let Some(object) = reader.object("the default `openstack`", value) {
                    defaults.openstack = openstack::block(reader, "of `defaults`", object);
                }
            }
            key @ ("names" | "files" | "vpc" | "volumes" | "reserved_ip") => {
                let place = reader.name_place(member);
                let why = match key {
                    "names" => "a name leads to one server only",
                    "vpc" => "a VPC is in one region, and servers may be in several",
                    _ => "each server has its own",
                };
                reader.report(
                    Diagnostic::error(format!("`{key}` can have no default"))
                        .detail(why)
                        .hint(format!("write `{key}` into the servers"))
                        .at(place),
                );
            }
            key if defaults.creation.read(
                reader,
                (key, &format!("the default `{key}`")),
                value,
                &mut own_data,
            ) => {}
            key => {
                let error = unknown_key(key, "in `defaults`", names(&KEYS));
                let place = reader.name_place(member);
                reader.report(error.at(place));
                // The server that lacks what was misspelled here is not at fault.
                defaults.broken.extend(nearest(key, names(&KEYS)));
                if nearest(key, names(&KEYS)) == Some("provider") {
                    accounts.set_default(reader, Named::Unreadable);
                }
            }
        }
    }
    defaults
        .broken
        .extend(names(&KEYS).filter(|key| object.get(key).is_some()));
    defaults
}
