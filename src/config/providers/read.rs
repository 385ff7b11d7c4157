use jsonc_parser::ast::{ObjectProp, Value};

use super::{
    Account, INTERFACES, OPENSTACK_SETTINGS, ProviderType, Settings, TYPE, TYPES, provider_type,
};
use crate::config::Spanned;
use crate::config::accounts::Accounts;
use crate::config::keys::{firsts, meant, names, report_duplicate_keys, unknown_key};
use crate::config::reader::Reader;
use crate::model::{Diagnostic, nearest};

/// What people try to write here and what goes into security.json.
const CREDENTIALS: [&str; 8] = [
    "token",
    "api_key",
    "password",
    "username",
    "project",
    "application_credential_id",
    "application_credential_secret",
    "digital_ocean_api_key",
];

/// Reads the section.
pub(in crate::config) fn providers(reader: &mut Reader<'_, '_>, value: &Value<'_>) -> Accounts {
    let Some(section) = reader.object("`providers`", value) else {
        return Accounts::unreadable();
    };
    let mut accounts = Accounts::default();
    reader.report_duplicates(section, |name| {
        (
            format!("account `{}` is defined twice", name.escape_debug()),
            "rename or remove one of them",
        )
    });
    for member in &section.properties {
        let account = account(reader, member);
        accounts.add(account);
    }
    accounts
}

/// Reads one account. One whose type is not known is an account all the same, so that what names
/// it is not wrong too.
fn account(reader: &mut Reader<'_, '_>, member: &ObjectProp<'_>) -> Account {
    let name = member.name.as_str();
    let shown = name.escape_debug();
    let place = reader.name_place(member);
    let mut account = Account {
        name: Spanned::new(name.to_owned(), place.clone()),
        provider: Spanned::new(String::new(), place.clone()),
        settings: Settings::default(),
    };
    let Some(object) = reader.object(&format!("account `{shown}`"), &member.value) else {
        return account;
    };
    report_duplicate_keys(reader, object, &format!("account `{shown}`"));
    let types = || TYPES.iter().map(|known| known.name);
    let mut provider = None;
    match object.get(TYPE) {
        None => reader.report(
            Diagnostic::error(format!("account `{shown}` has no `type`"))
                .hint(format!(
                    "add \"type\" with one of {}",
                    types().collect::<Vec<_>>().join(", ")
                ))
                .at(place),
        ),
        Some(written) => {
            let what = format!("`type` of account `{shown}`");
            if let Some(text) = reader.text(&what, &written.value) {
                provider = provider_type(&text.value);
                if provider.is_none() {
                    let word = text.value.escape_debug();
                    reader.report(
                        Diagnostic::error(format!(
                            "account `{shown}` has the unknown type `{word}`"
                        ))
                        .hint(meant(&text.value, "type", types()))
                        .at(text.place.clone()),
                    );
                }
                account.provider = text;
            }
        }
    }
    for member in firsts(object).filter(|member| member.name.as_str() != TYPE) {
        setting(
            reader,
            &shown.to_string(),
            provider,
            member,
            &mut account.settings,
        );
    }
    if provider.is_none() {
        account.provider.value.clear();
    }
    account
}

fn setting(
    reader: &mut Reader<'_, '_>,
    account: &str,
    provider: Option<&'static ProviderType>,
    member: &ObjectProp<'_>,
    settings: &mut Settings,
) {
    let key = member.name.as_str();
    let what = format!("`{key}` of account `{account}`");
    let value = &member.value;
    let known = provider.map_or(OPENSTACK_SETTINGS, |provider| provider.settings);
    if names(known).all(|known| known != key) {
        let place = reader.name_place(member);
        reader.report(unknown_setting(key, account, provider).at(place));
        return;
    }
    match key {
        "cloud" => settings.cloud = reader.text(&what, value),
        "region" => settings.region = reader.text(&what, value),
        "auth_url" => settings.auth_url = web_address(reader, &what, value),
        "interface" => {
            let text = reader.text(&what, value);
            if let Some(text) = &text
                && !INTERFACES.contains(&text.value.as_str())
            {
                let hint = meant(&text.value, "interface", INTERFACES.into_iter());
                reader.report(
                    Diagnostic::error(format!("{what} is unknown"))
                        .hint(hint)
                        .at(text.place.clone()),
                );
            }
            settings.interface = text;
        }
        _ => {
            let of = format!("of account `{account}`");
            settings.servers.read(reader, &of, member);
        }
    }
}

fn unknown_setting(
    key: &str,
    account: &str,
    provider: Option<&'static ProviderType>,
) -> Diagnostic {
    if CREDENTIALS.contains(&key) {
        return Diagnostic::error(format!(
            "`{key}` of account `{account}` is in the wrong file"
        ))
        .detail("cloud.json holds no credentials")
        .hint(format!(
            "put it into security.json, under \"accounts\": {{\"{account}\": {{…}}}}"
        ));
    }
    let Some(provider) = provider else {
        let known = names(OPENSTACK_SETTINGS);
        return unknown_key(key, &format!("in account `{account}`"), known);
    };
    let known = std::iter::once(TYPE).chain(names(provider.settings));
    let of = format!("in account `{account}` of type `{}`", provider.name);
    let error = unknown_key(key, &of, known.clone());
    let elsewhere =
        names(OPENSTACK_SETTINGS).any(|known| known == key) && nearest(key, known).is_none();
    if elsewhere {
        error.detail("only accounts of other types have it")
    } else {
        error
    }
}

fn web_address(
    reader: &mut Reader<'_, '_>,
    what: &str,
    value: &Value<'_>,
) -> Option<Spanned<String>> {
    let text = reader.text(what, value)?;
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.value.strip_prefix(scheme));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let (problem, hint) = match host {
        None => ("is no web address", "begin it with https://"),
        Some("") => (
            "names no host",
            "write for example https://cloud.example.com:5000/v3",
        ),
        Some(_) if text.value.contains('@') => (
            "holds a user's name",
            "remove it: credentials go into security.json",
        ),
        Some(_) => return Some(text),
    };
    reader.report(
        Diagnostic::error(format!("{what} {problem}"))
            .hint(hint)
            .at(text.place),
    );
    None
}
