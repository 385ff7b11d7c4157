//! Answers held against the API's published description.
//!
//! The description is not part of the project. It is looked for beside it, or where
//! `OPENAPI_SPEC` says.

use crate::support::Answer;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Where the description is known to be wrong: what is taken out of it, and why.
const MISTAKES: [(&str, &str); 2] = [
    (
        "/components/schemas/region_slug/enum",
        "regions are opened and closed; atl1 is not listed",
    ),
    (
        "/components/schemas/distribution/enum",
        "distributions come and go; AlmaLinux is not listed",
    ),
];

pub(crate) struct Description {
    document: Value,
}

impl Description {
    /// Reads the description. `None`, said loudly, where there is none and this is not CI.
    pub(crate) fn load() -> Option<Self> {
        let path = std::env::var_os("OPENAPI_SPEC").map_or_else(
            || {
                PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                    .join("../shared/digitalocean/openapi.json")
            },
            PathBuf::from,
        );
        let Ok(text) = std::fs::read(&path) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "the API's description is not at {}; set OPENAPI_SPEC",
                path.display()
            );
            eprintln!("==================================================================");
            eprintln!("NOT RUN: no description of the API at {}.", path.display());
            eprintln!("Set OPENAPI_SPEC to check the sandbox's answers against it.");
            eprintln!("==================================================================");
            return None;
        };
        let mut document: Value = serde_json::from_slice(&text).expect("the description is JSON");
        for (pointer, reason) in MISTAKES {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let removed = document
                .pointer_mut(parent)
                .and_then(Value::as_object_mut)
                .and_then(|parent| parent.remove(key));
            assert!(
                removed.is_some(),
                "no longer a mistake ({reason}): {pointer}"
            );
        }
        if let Some(components) = document
            .get_mut("components")
            .and_then(Value::as_object_mut)
        {
            components.retain(|key, _| key != "examples");
        }
        convert(&mut document);
        Some(Self { document })
    }

    /// Whether the description has this operation.
    pub(crate) fn has(&self, method: &str, path: &str) -> bool {
        self.document["paths"][path]
            .get(method.to_lowercase())
            .is_some()
    }

    /// Panics unless the answer is one that the description allows for the operation.
    pub(crate) fn check(&self, method: &str, path: &str, answer: &Answer) {
        let problems = self.problems(method, path, answer);
        assert!(
            problems.is_empty(),
            "{method} {path} answered {}, against the description:\n  {}\nThe body:\n{:.2000}",
            answer.status,
            problems.join("\n  "),
            answer.text
        );
    }

    pub(crate) fn problems(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        let responses = &operation["responses"];
        let exact = responses.get(answer.status.to_string());
        // `default` stands for errors: a success must be listed.
        let response = match exact {
            None if answer.status >= 400 => responses.get("default"),
            other => other,
        };
        let Some(response) = response else {
            return vec![format!("the status {} is not listed", answer.status)];
        };
        let response = self.resolve(response);
        let mut problems = Vec::new();
        for header in response["headers"]
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
        {
            if answer.header(header).is_none() {
                problems.push(format!("the header {header} is missing"));
            }
        }
        let Some(content) = response.get("content") else {
            if !answer.text.is_empty() {
                problems.push("the body is not empty".into());
            }
            return problems;
        };
        let mut schema = content["application/json"]["schema"].clone();
        schema["components"] = self.document["components"].clone();
        let body = answer.json();
        problems.extend(
            validator(&schema)
                .iter_errors(&body)
                .map(|error| format!("{}: {:.300}", error.instance_path(), error.to_string())),
        );
        problems
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self
                .document
                .pointer(reference.trim_start_matches('#'))
                .unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => value,
        }
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .expect("the description's schemas are sound")
}

/// Turns what OpenAPI 3.0 says differently into JSON Schema.
fn convert(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(convert),
        Value::Object(object) => {
            object.values_mut().for_each(convert);
            convert_schema(object);
        }
        _ => {}
    }
}

fn convert_schema(object: &mut Map<String, Value>) {
    // Only where they are keywords: a property may have such a name, with a schema as its value.
    if object
        .get("discriminator")
        .is_none_or(|it| it.get("type").is_none())
    {
        object.remove("discriminator");
    }
    for (exclusive, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        if object.get(exclusive).is_some_and(Value::is_boolean) {
            let on = object.remove(exclusive) == Some(Value::Bool(true));
            if let Some(bound) = object.remove(bound).filter(|_| on) {
                object.insert(exclusive.into(), bound);
            }
        }
    }
    if object.get("nullable") == Some(&Value::Bool(true)) {
        object.remove("nullable");
        let schema = Value::Object(std::mem::take(object));
        object.insert("anyOf".into(), json!([schema, {"type": "null"}]));
    }
}

#[test]
fn the_check_itself_finds_what_is_wrong() {
    let mut document = json!({
        "paths": {"/v2/x": {"get": {"responses": {
            "200": {"$ref": "#/components/responses/x"},
            "default": {"content": {"application/json": {"schema": {"required": ["id"]}}}},
        }}}},
        "components": {
            "responses": {"x": {
                "headers": {"ratelimit-limit": {}},
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/x"}}},
            }},
            "schemas": {"x": {
                "type": "object",
                "required": ["n"],
                "properties": {
                    "n": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                    "s": {"type": "string", "nullable": true, "enum": ["a"]},
                    "at": {"type": "string", "format": "date-time"},
                },
            }},
        },
    });
    convert(&mut document);
    let description = Description { document };
    let count = |status, text: &str, header: bool| {
        let mut headers = reqwest::header::HeaderMap::new();
        if header {
            headers.insert("ratelimit-limit", "1".parse().unwrap());
        }
        let answer = Answer {
            status,
            headers,
            text: text.into(),
        };
        description.problems("GET", "/v2/x", &answer).len()
    };
    assert_eq!(count(200, r#"{"n": 1, "s": null}"#, true), 0);
    assert_eq!(
        count(
            200,
            r#"{"n": 1, "s": "a", "at": "2020-01-01T00:00:00Z"}"#,
            true
        ),
        0
    );
    assert_eq!(count(200, r#"{"n": 1}"#, false), 1);
    assert_eq!(count(200, r#"{"n": 0}"#, true), 1);
    assert_eq!(count(200, r#"{"n": 1, "s": "b"}"#, true), 1);
    assert_eq!(count(200, r#"{"n": 1, "at": "yesterday"}"#, true), 1);
    assert_eq!(count(200, "{}", true), 1);
    assert_eq!(count(201, r#"{"n": 1}"#, true), 1);
    assert_eq!(count(404, r#"{"id": "x"}"#, true), 0);
    assert_eq!(count(404, "{}", true), 1);
}
