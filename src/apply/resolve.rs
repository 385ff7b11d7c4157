//! What is wanted, as far as it is taken from other resources: by what the state says of those.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{Address, Attributes, Recorded, Reference, Value};
use crate::resource::show;

/// Every reference replaced by what it refers to.
pub(super) fn resolve(
    wanted: &Attributes<Value>,
    recorded: &BTreeMap<Address, Recorded>,
) -> Result<Attributes, String> {
    let resolved = wanted.iter().map(|(name, value)| {
        let found = value.resolve(|to| value_of(to, recorded));
        let found = found.ok_or_else(|| nothing_there(value.references(), recorded))?;
        Ok((name, found.into_owned()))
    });
    resolved.collect()
}

/// What a reference leads to.
pub(super) fn value_of<'r>(
    to: &Reference,
    recorded: &'r BTreeMap<Address, Recorded>,
) -> Option<&'r Json> {
    let attributes = &recorded.get(&to.address)?.attributes;
    attributes
        .get(&to.attribute)
        .filter(|found| !found.is_null())
}

/// That one of these leads nowhere.
pub(super) fn nothing_there(
    references: &[Reference],
    recorded: &BTreeMap<Address, Recorded>,
) -> String {
    let mut references = references.iter();
    let missing = references.find(|to| value_of(to, recorded).is_none());
    let missing = missing.cloned().map(Value::Reference);
    format!(
        "there is no {}",
        missing.as_ref().map_or_else(String::new, show)
    )
}
