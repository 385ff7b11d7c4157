//! `cloud.NAME.json`, which says in what an environment differs from cloud.json: laid over it as
//! RFC 7396 has it. Every value keeps the place where it stands, whichever file that is in.

use std::collections::{HashMap, HashSet};

use jsonc_parser::ast::{Object, ObjectProp, ObjectPropName, Value};

use super::cloud::VERSION;
use super::keys::firsts;
use super::reader::Reader;
use super::syntax::range;
use crate::model::{Diagnostic, nearest};

/// The key of a server that belongs to the program.
const WRITTEN: &str = "networks";

/// Lays one document over the other. `base` and `over` are the names of the files.
pub(super) fn lay_over<'t>(
    reader: &mut Reader<'_, 't>,
    (base, document): (&str, &mut Object<'t>),
    (over, mut overlay): (&str, Object<'t>),
) {
    let mut laying = Laying { reader, base, over };
    // Addresses that another environment has are none of this one's.
    for server in servers(document) {
        if let Value::Object(server) = &mut server.value {
            server.properties.retain(|key| key.name.as_str() != WRITTEN);
        }
    }
    laying.version(&mut overlay);
    laying.entries(document, &mut overlay);
    laying.merge(document, overlay);
}

/// Shifts a document, so that its bytes are counted on from those of another one.
pub(super) fn count_on(value: &mut Value<'_>, from: usize) {
    let range = match value {
        Value::StringLit(node) => &mut node.range,
        Value::NumberLit(node) => &mut node.range,
        Value::BooleanLit(node) => &mut node.range,
        Value::NullKeyword(node) => &mut node.range,
        Value::Array(node) => {
            for element in &mut node.elements {
                count_on(element, from);
            }
            &mut node.range
        }
        Value::Object(node) => {
            for member in &mut node.properties {
                let name = match &mut member.name {
                    ObjectPropName::String(name) => &mut name.range,
                    ObjectPropName::Word(name) => &mut name.range,
                };
                for range in [name, &mut member.range] {
                    range.start += from;
                    range.end += from;
                }
                count_on(&mut member.value, from);
            }
            &mut node.range
        }
    };
    range.start += from;
    range.end += from;
}

fn servers<'v, 't>(root: &'v mut Object<'t>) -> &'v mut [ObjectProp<'t>] {
    let mut members = root.properties.iter_mut();
    match members.find(|member| member.name.as_str() == "servers") {
        Some(ObjectProp {
            value: Value::Object(servers),
            ..
        }) => &mut servers.properties,
        _ => &mut [],
    }
}

struct Laying<'r, 's, 't> {
    reader: &'r mut Reader<'s, 't>,
    base: &'r str,
    over: &'r str,
}

impl<'t> Laying<'_, '_, 't> {
    /// The version is cloud.json's; said again, it must be the same.
    fn version(&mut self, overlay: &mut Object<'t>) {
        if let Some(version) = overlay.get("version") {
            let number = version.value.as_number_lit();
            if number.is_none_or(|number| number.value != VERSION) {
                let place = self.reader.value_place(&version.value);
                self.reader.report(
                    Diagnostic::error(format!("{} has another version", self.over))
                        .detail(format!("{} has version {VERSION}", self.base))
                        .hint("remove it: that of cloud.json counts")
                        .at(place),
                );
            }
            let is_other = |member: &ObjectProp<'_>| member.name.as_str() != "version";
            overlay.properties.retain(is_other);
        }
    }

    /// Whoever says nothing of a server but its addresses means one of cloud.json: that is what
    /// the program writes. Once it is gone from there, the addresses make no server of it.
    fn entries(&mut self, document: &mut Object<'t>, overlay: &mut Object<'t>) {
        let known: HashSet<String> = servers(document)
            .iter()
            .map(|server| server.name.as_str().to_owned())
            .collect();
        let (base, over) = (self.base, self.over);
        for server in servers(overlay) {
            let name = server.name.as_str();
            let Some(object) = server.value.as_object() else {
                continue;
            };
            let mut keys = object.properties.iter().map(|key| key.name.as_str());
            if known.contains(name) || keys.any(|key| key != WRITTEN) {
                continue;
            }
            let shown = name.escape_debug();
            let place = self.reader.name_place(server);
            self.reader.report(if object.properties.is_empty() {
                Diagnostic::error(format!(
                    "server `{shown}` is not in {base}, and says nothing"
                ))
                .detail(format!(
                    "in {over}, a server without keys of its own is one of {base}"
                ))
                .hint("give it at least one key, such as `size`, or remove it")
                .at(place)
            } else {
                Diagnostic::note(format!(
                    "server `{shown}` is not in {base}, and {over} has only its addresses"
                ))
                .hint("the server is not wanted any more, and `apply` takes the addresses out")
                .at(place)
            });
        }
        for member in &mut overlay.properties {
            if let (true, Value::Object(entries)) =
                (member.name.as_str() == "servers", &mut member.value)
            {
                entries.properties.retain(|server| {
                    let object = server.value.as_object();
                    let has_keys = object.is_none_or(|object| {
                        let mut keys = object.properties.iter();
                        keys.any(|key| key.name.as_str() != WRITTEN)
                    });
                    has_keys || known.contains(server.name.as_str())
                });
            }
        }
    }

    fn merge(&mut self, base: &mut Object<'t>, patch: Object<'t>) {
        let mut index = HashMap::new();
        for (at, member) in base.properties.iter().enumerate() {
            index.entry(member.name.as_str().to_owned()).or_insert(at);
        }
        let mut gone = HashSet::new();
        for mut member in self.firsts(patch) {
            let name = member.name.as_str();
            let there = index.get(name);
            let there = there.and_then(|&at| base.properties.get_mut(at));
            match (there, &mut member.value) {
                (Some(_), Value::NullKeyword(_)) => {
                    gone.insert(name.to_owned());
                }
                (None, Value::NullKeyword(_)) => {
                    let known = index.keys().map(String::as_str);
                    self.nothing_to_take_out(&member, known);
                }
                (Some(there), Value::Object(patch)) if there.value.as_object().is_some() => {
                    if let Value::Object(base) = &mut there.value {
                        let patch = Object {
                            range: patch.range,
                            properties: std::mem::take(&mut patch.properties),
                        };
                        self.merge(base, patch);
                    }
                }
                (there, value) => {
                    self.without_nulls(value);
                    match there {
                        Some(there) => *there = member,
                        None => base.properties.push(member),
                    }
                }
            }
        }
        base.properties
            .retain(|member| !gone.contains(member.name.as_str()));
    }

    /// What cloud.json has nothing of: a `null` in it stands for nothing.
    fn without_nulls(&mut self, value: &mut Value<'t>) {
        if let Value::Object(object) = value {
            let patch = Object {
                range: object.range,
                properties: std::mem::take(&mut object.properties),
            };
            self.merge(object, patch);
        }
    }

    /// Of members with the same key the first, with a complaint about the others.
    fn firsts(&mut self, patch: Object<'t>) -> Vec<ObjectProp<'t>> {
        let over = self.over;
        self.reader.report_duplicates(&patch, |key| {
            (
                format!("`{}` stands twice in {over}", key.escape_debug()),
                "merge the two, or remove one of them",
            )
        });
        let kept: HashSet<usize> = firsts(&patch).map(|member| range(member).start).collect();
        let mut members = patch.properties;
        members.retain(|member| kept.contains(&range(member).start));
        members
    }

    fn nothing_to_take_out<'a>(
        &mut self,
        member: &ObjectProp<'_>,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let name = member.name.as_str();
        if name == WRITTEN {
            return;
        }
        let warning = Diagnostic::warning(format!(
            "`{}` is taken out, and {} has none there",
            name.escape_debug(),
            self.base
        ));
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it".to_owned(),
        };
        let place = self.reader.name_place(member);
        self.reader.report(warning.hint(hint).at(place));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::config::reader::to_json;
    use crate::config::source::Source;
    use crate::config::syntax;

    /// RFC 7396, section 2, as it stands there.
    fn merge_patch(target: Json, patch: &Json) -> Json {
        let Json::Object(patch) = patch else {
            return patch.clone();
        };
        let mut target = match target {
            Json::Object(target) => target,
            _ => serde_json::Map::new(),
        };
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                let before = target.remove(name).unwrap_or(Json::Null);
                target.insert(name.clone(), merge_patch(before, value));
            }
        }
        Json::Object(target)
    }

    /// Every string of a document with the file and the text of its place.
    fn places(reader: &Reader<'_, '_>, value: &Value<'_>, found: &mut Vec<(String, String)>) {
        match value {
            Value::StringLit(text) => {
                let place = reader.value_place(value);
                found.push((text.value.to_string(), place.file.to_string()));
            }
            Value::Array(list) => {
                for element in &list.elements {
                    places(reader, element, found);
                }
            }
            Value::Object(object) => {
                for member in &object.properties {
                    places(reader, &member.value, found);
                }
            }
            _ => {}
        }
    }

    fn laid(base: &Json, patch: &Json) -> (Json, Vec<(String, String)>) {
        let (base, patch) = (base.to_string(), patch.to_string());
        let sources = [("base", &base), ("over", &patch)].map(|(f, text)| Source::of_text(f, text));
        let [mut document, mut over] = sources
            .each_ref()
            .map(|source| syntax::parse(source).unwrap().unwrap());
        let mut reader = Reader::of_two(&sources[0], Some(&sources[1]));
        count_on(&mut over, reader.overlay_start());
        if let (Value::Object(base), Value::Object(patch)) = (&mut document, over) {
            let mut laying = Laying {
                reader: &mut reader,
                base: "base",
                over: "over",
            };
            laying.merge(base, patch);
        }
        assert!(!reader.diagnostics.iter().any(Diagnostic::is_error));
        let mut found = Vec::new();
        places(&reader, &document, &mut found);
        (to_json(&document), found)
    }

    fn document(text: &'static str) -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![Just(Json::Null), Just(json!(1)), Just(json!(text))];
        let value = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-c]", value, 0..4)
            .prop_map(|members| Json::Object(members.into_iter().collect()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_merge_patch_and_all_keep_their_places(
            base in document("base"),
            patch in document("over"),
        ) {
            let (merged, places) = laid(&base, &patch);
            prop_assert_eq!(merged, merge_patch(base, &patch));
            for (text, file) in places {
                prop_assert_eq!(text, file);
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let base = json!({"a": "b", "c": {"d": "e", "f": "g"}, "l": [1, 2]});
        let patch = json!({"a": "z", "c": {"f": null}, "l": [3], "n": {"o": null}});
        let expected = json!({"a": "z", "c": {"d": "e"}, "l": [3], "n": {}});
        assert_eq!(laid(&base, &patch).0, expected);
    }
}
