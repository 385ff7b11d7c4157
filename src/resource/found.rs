//! What is there by the name of something that cloud.json asks for and does not carry our mark: it may
//! be another deployment's.

use crate::model::{Diagnostic, Value};

use super::{Facts, Kind, OnChange};

/// Refuses to take over, by its name alone, what would have to be changed for it: whoever made it
/// wants it as it is, and would change it back.
pub(super) fn refuse_what_differs(kind: &Kind, facts: &Facts<'_>, problems: &mut Vec<Diagnostic>) {
    let wanted = facts.planned();
    for desired in wanted.filter(|desired| desired.address.kind() == kind.name) {
        let address = &desired.address;
        let recorded = facts.recorded.get(address);
        let Some(seen) = facts.bound(address) else {
            continue;
        };
        let mut owners = seen.owners.iter();
        let is_ours = owners.any(|owner| Some(owner.as_str()) == facts.lineage);
        if is_ours || recorded.is_some_and(|recorded| recorded.id == seen.id) {
            continue;
        }
        let changes = kind.attributes.iter().filter_map(|attribute| {
            let asked_for = desired.attributes.get(attribute.name)?;
            let is = seen.attributes.get(attribute.name)?;
            let wanted = facts.resolve(asked_for);
            // What comes of something that is yet to be made is nothing that it could have.
            let differs = attribute.on_change == OnChange::Update
                && match &wanted {
                    Some(wanted) => **wanted != *is,
                    None => !is.is_null(),
                };
            let after = wanted.map_or_else(
                || asked_for.clone(),
                |known| Value::Known(known.into_owned()),
            );
            differs.then(|| (kind.changed)(attribute.name, is, &after, &desired.attributes))
        });
        let changes: Vec<String> = changes.collect();
        if changes.is_empty() {
            continue;
        }
        problems.push(
            Diagnostic::error(format!("the account has another {address} already"))
                .detail(format!(
                    "it is {}, and to be as cloud.json says it would have to change: {}",
                    seen.id,
                    changes.join(", ")
                ))
                .hint(format!(
                    "use another name; or, if that one is meant, `cloudbuilder import {address} {}` \
                     takes it over as it is, and the next apply changes it",
                    seen.id
                ))
                .at(desired.place.clone()),
        );
    }
}
