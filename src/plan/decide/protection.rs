//! What is told of what stays, and of what goes sooner than one would like.

use serde_json::Value as Json;

use crate::model::{Address, Desired, Diagnostic, Recorded};
use crate::plan::drain::Drain;
use crate::plan::{Change, words};
use crate::resource::{Copied, Kind};

/// Whether the state says that it must not be deleted.
pub(super) fn is_protected(kind: &Kind, recorded: &Recorded) -> bool {
    let protection = kind
        .protected_by
        .and_then(|name| recorded.attributes.get(name));
    protection == Some(&Json::Bool(true))
}

/// The same, or that cloud.json says so from now on.
pub(super) fn is_to_be_protected(kind: &Kind, recorded: &Recorded, desired: &Desired) -> bool {
    let protection = kind.protected_by.and_then(|name| desired.known(name));
    is_protected(kind, recorded) || protection == Some(&Json::Bool(true))
}

pub(super) fn protected(address: &Address, withdrawn: Option<&String>) -> Diagnostic {
    let name = address.name();
    let keep = match withdrawn {
        Some(why) => format!("{name} {why}: have cloud.json want it again"),
        None => format!("keep {name} in cloud.json"),
    };
    Diagnostic::error(format!("{address} is protected"))
        .detail("the state says so since `protect` was applied for it; nothing deletes it")
        .hint(format!(
            "{keep}; to delete it, first apply it with \"protect\": false"
        ))
}

/// It is paid for until a later run deletes it, or moves it if it is wanted.
pub(super) fn remembered(address: &Address, drain: Drain, is_wanted: bool) -> Diagnostic {
    let until = match drain.until {
        Some(until) => format!("until {}", words::time(until)),
        None => format!("for {} more", words::minutes(drain.seconds)),
    };
    Diagnostic::note(format!("{address} stays {until}"))
        .detail(match address.had() {
            Some(_) => {
                "another serves in its place, and whoever remembers its address finds it still"
            }
            None => "its names lead elsewhere, and whoever remembers its address finds it still",
        })
        .hint(format!("a later run {}", words::later(is_wanted)))
}

/// What is to lead to it would lead to where it still is.
pub(super) fn comes_too_early(address: &Address, name: &Address) -> Diagnostic {
    Diagnostic::error(format!("{name} cannot lead to {address} yet"))
        .detail(format!(
            "{address} stays where it is while its address may be remembered, and moves only then"
        ))
        .hint("leave out `--no-drain`, or have the name come to it once it has moved")
}

/// What leads to it leads to an address that anybody may be given.
pub(super) fn leads_nowhere(address: &Address) -> Diagnostic {
    let name = address.name();
    Diagnostic::warning(format!("{address} goes before another is up"))
        .detail(format!(
            "until then what leads to {name} leads to an address that is given back, which may be \
             a stranger's"
        ))
        .hint("\"replace\": \"create-first\" has no such time, where there can be two")
}

/// It would be there in the end, and what is on it would not.
pub(super) fn protected_from_loss(kind: &Kind, address: &Address, change: &Change) -> Diagnostic {
    let name = address.name();
    let attribute = kind.attribute(&change.attribute);
    let what = attribute.map_or("", |attribute| attribute.about);
    Diagnostic::error(format!("{address} is protected"))
        .detail(format!(
            "with another {what} it would lose {}",
            kind.loses.unwrap_or("what is on it")
        ))
        .hint(format!(
            "give {name} its {what} back in cloud.json; to have it made anew, first apply it with \
             \"protect\": false"
        ))
}

/// What it loses goes without a deletion.
pub(super) fn not_copied(kind: &Kind, address: &Address, copied: Copied) -> Diagnostic {
    let loses = kind.loses.unwrap_or("what is on it");
    Diagnostic::warning(format!("{address} loses {loses} without a {}", copied.with))
        .detail(format!(
            "`{}` counts when it is deleted, and it is made anew where it is",
            copied.asked_by
        ))
        .hint("make one in the account first, if you want to keep what is on it")
}

/// It would be deleted in the end.
pub(super) fn protected_from_another(
    kind: &Kind,
    address: &Address,
    changes: &[Change],
) -> Diagnostic {
    let name = address.name();
    let what = changes.first().map_or("", |change| {
        let attribute = kind.attribute(&change.attribute);
        attribute.map_or("", |attribute| attribute.about)
    });
    if what.is_empty() {
        return Diagnostic::error(format!("{address} is protected"))
            .detail("to replace it would delete it")
            .hint("first apply it with \"protect\": false");
    }
    Diagnostic::error(format!("{address} is protected"))
        .detail(format!(
            "another {what} takes another {}, and this one would be deleted",
            kind.name
        ))
        .hint(format!(
            "give {name} its {what} back in cloud.json; to have it replaced, first apply it with \
             \"protect\": false"
        ))
}
