//! What cloud.json says to keep a server, or a copy of it, which counts once it was applied.

use serde_json::{Value as Json, json};

use crate::config::{Server, Spanned};
use crate::model::{Place, Recorded};
use crate::resource::server::{ON_DESTROY, PROTECT, SNAPSHOT};

/// The keys of a server that say more of this than the state does, each with its place.
#[must_use]
pub fn not_applied_yet(server: &Server, recorded: &Recorded) -> Vec<(&'static str, Place)> {
    let says = |said: Option<&Spanned<bool>>| said.filter(|said| said.value).cloned();
    let protect = says(Some(&server.protect));
    let snapshot = says(server.lifecycle.snapshot.as_ref());
    let all: [(&str, Option<Spanned<bool>>, Json); 2] = [
        (PROTECT, protect, true.into()),
        (ON_DESTROY, snapshot, json!(SNAPSHOT)),
    ];
    let not_applied = all.into_iter().filter_map(|(key, said, value)| {
        let is_applied = recorded.attributes.get(key) == Some(&value);
        Some((key, said.filter(|_| !is_applied)?.place))
    });
    not_applied.collect()
}
