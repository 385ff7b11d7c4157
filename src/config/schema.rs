//! The files' form as JSON Schema, for editors. It is made of the tables that the readers use, and
//! says what is wrong with a file's form: its keys, types and what is missing. Whatever takes more
//! than that to see, such as a name that two servers claim, is for `validate`.

use serde_json::{Map, Value as Json, json};

use super::cloud::SECTIONS;
use super::keys::{Form, Key, SCHEMA, Shape, names};
use super::providers::{DEFAULT_TYPE, ProviderType, TYPE, TYPES};
use super::security;
use super::server::FLAT_KEYS;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of cloud.json, in both of its forms.
#[must_use]
pub fn cloud() -> Json {
    // A server may be called `version`: as in the reader, its value tells.
    let has_sections = json!({
        "required": ["version"],
        "properties": {"version": {"not": {"type": "object"}}},
    });
    json!({
        "$schema": DRAFT,
        "title": "cloud.json",
        "description": "What cloudbuilder shall make: servers by name, or sections with \"version\": 2.",
        "type": "object",
        "if": has_sections,
        "then": {"$ref": "#/$defs/sections"},
        "else": {"$ref": "#/$defs/flat"},
        "$defs": {"flat": flat(), "sections": sections(), "account": account()},
    })
}

/// The schema of security.json. `words` are the keys that the providers know in the entry of an
/// account; which of them belong together depends on the account's type, which is in cloud.json.
#[must_use]
pub fn security(words: &[&str]) -> Json {
    let texts = words
        .iter()
        .map(|word| ((*word).to_owned(), json!({"type": "string"})));
    let entry = json!({
        "type": "object",
        "properties": texts.collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    let mut schema = object(&Form::of(&security::KEYS));
    let root = json!({
        "$schema": DRAFT,
        "title": "security.json",
        "description": "What opens the accounts of cloudbuilder, and the public SSH key.",
    });
    schema["properties"]["accounts"]["additionalProperties"] = entry;
    merge(root, schema)
}

/// Every member is a server, in the one account at DigitalOcean.
fn flat() -> Json {
    let required: Vec<&str> = required_of(DEFAULT_TYPE).collect();
    let mut server = object(&Form::of(&FLAT_KEYS));
    server["required"] = json!(required);
    json!({
        "properties": {SCHEMA.name: key(&SCHEMA)},
        "additionalProperties": server,
    })
}

fn sections() -> Json {
    let mut schema = object(&Form {
        required: &["version"],
        ..Form::of(&SECTIONS)
    });
    // What every type of account asks for, a server has itself or from `defaults`. The region only
    // where all accounts have several.
    let only_these = TYPES.iter().filter(|known| known.region_by_server);
    let only_these: Vec<&str> = only_these.map(|known| known.name).collect();
    let by_server = json!({
        "properties": {"providers": {"additionalProperties": {
            "properties": {TYPE: {"enum": only_these}},
        }}},
    });
    let rules = required_of(DEFAULT_TYPE).map(|key| {
        let no_default = json!({
            "not": {"required": ["defaults"], "properties": {"defaults": {"required": [key]}}},
        });
        let always = TYPES
            .iter()
            .all(|known| required_of(known).any(|k| k == key));
        let when = match always {
            true => no_default,
            false => json!({"allOf": [no_default, by_server]}),
        };
        json!({
            "if": when,
            "then": {"properties": {"servers": {"additionalProperties": {"required": [key]}}}},
        })
    });
    schema["allOf"] = rules.collect();
    schema
}

/// What a server in an account of that type must say, itself or in `defaults`.
fn required_of(provider: &'static ProviderType) -> impl Iterator<Item = &'static str> {
    let keys = provider.examples.iter().map(|(key, _)| *key);
    keys.filter(|key| provider.region_by_server || *key != "region")
}

fn account() -> Json {
    let mut all = Map::new();
    for known in TYPES.iter().flat_map(|known| known.settings) {
        all.entry(known.name).or_insert_with(|| key(known));
    }
    let types: Vec<&str> = TYPES.iter().map(|known| known.name).collect();
    let about = "What sort of cloud it is.";
    all.insert(
        TYPE.to_owned(),
        json!({"description": about, "enum": types}),
    );
    let by_type = TYPES.iter().map(|known| {
        let may: Vec<&str> = [TYPE].into_iter().chain(names(known.settings)).collect();
        json!({
            "if": {"properties": {TYPE: {"const": known.name}}},
            "then": {"propertyNames": {"enum": may}},
        })
    });
    json!({
        "type": "object",
        "properties": all,
        "required": [TYPE],
        "additionalProperties": false,
        "allOf": by_type.collect::<Json>(),
    })
}

fn object(form: &Form) -> Json {
    let keys = form.keys.iter();
    let properties: Map<_, _> = keys
        .map(|known| (known.name.to_owned(), key(known)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !form.required.is_empty() {
        schema["required"] = json!(form.required);
    }
    if !form.one_of.is_empty() {
        let ways = form.one_of.iter().map(|key| json!({"required": [key]}));
        schema["oneOf"] = ways.collect();
    }
    schema
}

fn key(key: &Key) -> Json {
    merge(json!({"description": key.about}), shape(&key.shape))
}

fn shape(wanted: &Shape) -> Json {
    match wanted {
        Shape::Anything => json!({}),
        Shape::String => json!({"type": "string"}),
        Shape::Text => json!({"type": "string", "minLength": 1}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Form(pattern) => json!({"type": "string", "pattern": pattern}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::True => json!({"const": true}),
        Shape::Number(number) => json!({"const": number}),
        Shape::Whole { least, most } => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        Shape::List(element) => json!({"type": "array", "items": shape(element)}),
        Shape::Filled(element) => {
            json!({"type": "array", "items": shape(element), "minItems": 1})
        }
        Shape::Named(value) => json!({"type": "object", "additionalProperties": shape(value)}),
        Shape::Object(form) => object(form),
        Shape::Either(ways) => json!({"anyOf": ways.iter().map(shape).collect::<Json>()}),
        Shape::Account => json!({"$ref": "#/$defs/account"}),
    }
}

/// The members of both objects.
fn merge(mut one: Json, other: Json) -> Json {
    if let (Json::Object(members), Json::Object(more)) = (&mut one, other) {
        members.extend(more);
    }
    one
}
