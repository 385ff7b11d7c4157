//! Values for the variables of cloud.json, as `--var` gives them.

use std::collections::BTreeMap;

use crate::config::is_variable_name;

use super::failure::Failure;

/// What was given, by name; of two with the same name the last one counts.
///
/// # Errors
/// The first that is no `NAME=VALUE`. No value is repeated: it may be a secret.
pub(super) fn given(typed: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut given = BTreeMap::new();
    for (index, text) in typed.iter().enumerate() {
        let Some((name, value)) = text.split_once('=') else {
            let which = match typed.len() {
                1 => "the value of --var".to_owned(),
                _ => format!("value {} of --var", index + 1),
            };
            return Err(Failure::error(format!("{which} has no `=`"))
                .hint("write --var NAME=VALUE")
                .into());
        };
        if !is_variable_name(name) {
            return Err(Failure::error(format!(
                "`{}` is no name for a variable",
                name.escape_debug()
            ))
            .hint("use letters, digits and `_`, and no digit first: --var NAME=VALUE")
            .into());
        }
        given.insert(name.to_owned(), value.to_owned());
    }
    Ok(given)
}
