//! What must hold between accounts and what is in them.

use std::collections::{BTreeMap, HashSet};

use super::{Account, Cloud, provider_type};
use crate::model::Diagnostic;

/// An account's name is part of commands, messages and the state.
pub(super) fn names(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    for account in &cloud.accounts {
        let name = account.name.value.as_str();
        let stray = name
            .chars()
            .find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        let error = match stray {
            None if name.is_empty() => Diagnostic::error("an account has an empty name")
                .hint("give it a name such as `os`"),
            None => continue,
            Some(stray) => Diagnostic::error(format!(
                "account name `{}` holds {}",
                name.escape_debug(),
                match stray {
                    ' ' => "a space".to_owned(),
                    stray => format!("`{}`", stray.escape_debug()),
                }
            ))
            .hint("use letters, digits, `-`, `_` and `.`"),
        };
        found.push(error.at(account.name.place.clone()));
    }
}

pub(super) fn names_by_case(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<String, &Account> = BTreeMap::new();
    for account in &cloud.accounts {
        let name = &account.name;
        let Some(first) = seen.get(&name.value.to_lowercase()) else {
            seen.insert(name.value.to_lowercase(), account);
            continue;
        };
        found.push(
            Diagnostic::error(format!(
                "accounts `{}` and `{}` differ only in case",
                first.name.value.escape_debug(),
                name.value.escape_debug()
            ))
            .hint("rename one of them")
            .at(name.place.clone())
            .related(first.name.place.clone(), "the other one"),
        );
    }
}

/// Told once of a value in `defaults`, however many servers have it from there.
pub(super) fn backups(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut told = HashSet::new();
    for server in &cloud.servers {
        let Some(account) = cloud.account(&server.account.value) else {
            continue;
        };
        let Some(provider) = provider_type(&account.provider.value) else {
            continue;
        };
        let place = &server.backups.place;
        if server.backups.value
            && !provider.backups
            && told.insert((&*place.file, place.range.start))
        {
            found.push(
                Diagnostic::error(format!(
                    "server `{}` can have no backups",
                    server.name.value.escape_debug()
                ))
                .detail(format!(
                    "its account `{}` is of type `{}`, which makes none",
                    account.name.value.escape_debug(),
                    provider.name
                ))
                .hint("set \"backups\": false for it")
                .at(place.clone()),
            );
        }
    }
}

/// The same of `disk`.
pub(super) fn disks(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut told = HashSet::new();
    for server in &cloud.servers {
        let account = cloud.account(&server.account.value);
        let Some((account, disk)) = account.zip(server.grow_disk.as_ref()) else {
            continue;
        };
        let provider = provider_type(&account.provider.value);
        if let Some(provider) = provider
            && !provider.keeps_disk
            && told.insert((&*disk.place.file, disk.place.range.start))
        {
            found.push(
                Diagnostic::error(format!(
                    "`disk` means nothing for server `{}`",
                    server.name.value.escape_debug()
                ))
                .detail(format!(
                    "its account `{}` is of type `{}`, where the size alone says what becomes of \
                     the disk",
                    account.name.value.escape_debug(),
                    provider.name
                ))
                .hint("remove `disk`, or write it into the servers that are elsewhere")
                .at(disk.place.clone()),
            );
        }
    }
}

/// The same of `tags`.
pub(super) fn tags(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut told = HashSet::new();
    for server in &cloud.servers {
        let Some(account) = cloud.account(&server.account.value) else {
            continue;
        };
        let Some(provider) = provider_type(&account.provider.value) else {
            continue;
        };
        let mut tags = server.tags.iter().flatten();
        let (tag, problem, why, hint) = match provider.longest_tag {
            None => (
                tags.next(),
                "can have no tags".to_owned(),
                ", whose servers have none",
                "remove `tags`, or write it into the servers that are elsewhere",
            ),
            Some(longest) => {
                let too_long = tags.find(|tag| tag.value.len() > longest);
                let length = too_long.map_or(0, |tag| tag.value.len());
                (
                    too_long,
                    format!(
                        "cannot have a tag of {length} characters, {longest} is the most there"
                    ),
                    "",
                    "use a shorter word for it",
                )
            }
        };
        let Some(tag) = tag else { continue };
        if told.insert((&*tag.place.file, tag.place.range.start)) {
            let name = server.name.value.escape_debug();
            found.push(
                Diagnostic::error(format!("server `{name}` {problem}"))
                    .detail(format!(
                        "its account `{}` is of type `{}`{why}",
                        account.name.value.escape_debug(),
                        provider.name
                    ))
                    .hint(hint)
                    .at(tag.place.clone()),
            );
        }
    }
}

/// Where an account is one region, a server cannot be in another.
pub(super) fn regions(cloud: &Cloud, found: &mut Vec<Diagnostic>) {
    let mut told = HashSet::new();
    for server in &cloud.servers {
        let account = cloud.account(&server.account.value);
        let Some((account, region)) = account.zip(server.region.as_ref()) else {
            continue;
        };
        if let Some(only) = &account.settings.region
            && !only.value.eq_ignore_ascii_case(&region.value)
            && told.insert((&*region.place.file, region.place.range.start))
        {
            let name = account.name.value.escape_debug();
            found.push(
                Diagnostic::error(format!(
                    "server `{}` cannot be in the region `{}`",
                    server.name.value.escape_debug(),
                    region.value
                ))
                .detail(format!("its account `{name}` is in `{}` only", only.value))
                .hint("remove `region`, or name another account")
                .at(region.place.clone())
                .related(only.place.clone(), format!("the region of `{name}`")),
            );
        }
    }
}
