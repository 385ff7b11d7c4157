//! What users write to a server in pairs (`post-updates-server-metadata…rst` and its like).

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::model::{Entry, Server, Status};
use super::super::world::World;
use super::{LONGEST_METADATA, MOST_METADATA, find, must_be};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Metadata = BTreeMap<String, String>;

pub(super) fn read(asked: Option<&Value>) -> Result<Metadata, Fault> {
    let pairs = match asked {
        None | Some(Value::Null) => return Ok(Metadata::new()),
        Some(Value::Object(pairs)) => pairs,
        Some(_) => {
            return Err(Fault::bad(
                "Malformed request body. metadata item must be dict",
            ));
        }
    };
    let text = |(key, value): (&String, &Value)| {
        let value = value.as_str().ok_or_else(|| {
            Fault::bad("Invalid metadata: metadata property value is not a string or unicode")
        })?;
        Ok((key.clone(), value.to_owned()))
    };
    pairs.iter().map(text).collect()
}

pub(super) fn within_limits(metadata: &Metadata) -> Result<(), Fault> {
    if metadata.len() > MOST_METADATA {
        return Err(Fault::over_quota(format!(
            "Maximum number of metadata items exceeds {MOST_METADATA}"
        )));
    }
    for (key, value) in metadata {
        if key.is_empty() {
            return Err(Fault::bad("Metadata property key blank"));
        }
        if key.len() > LONGEST_METADATA {
            return Err(Fault::over_quota(
                "Metadata property key greater than 255 characters",
            ));
        }
        if value.len() > LONGEST_METADATA {
            return Err(Fault::over_quota(
                "Metadata property value greater than 255 characters",
            ));
        }
    }
    Ok(())
}

pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let metadata = &find(world, asked)?.metadata;
    Answer::json(200, &json!({"metadata": metadata}))
}

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let key = asked.param(1);
    let value = find(world, asked)?.metadata.get(key);
    let value = value.ok_or_else(no_item)?;
    Answer::json(200, &json!({"meta": {key: value}}))
}

fn no_item() -> Fault {
    Fault::keyed(404, "itemNotFound", "Metadata item was not found")
}

/// The body's pairs beside those that are there.
pub(in super::super) fn update(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = changeable(world, asked, "update metadata")?;
    let mut metadata = server.metadata.clone();
    metadata.extend(in_body(asked)?);
    put(world, server, metadata)
}

/// The body's pairs instead of those that are there.
pub(in super::super) fn replace(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = changeable(world, asked, "update metadata")?;
    let metadata = in_body(asked)?;
    put(world, server, metadata)
}

pub(in super::super) fn set(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = changeable(world, asked, "update metadata")?;
    let body: Value = asked
        .json()
        .map_err(|_| Fault::bad("Malformed request body"))?;
    let meta = read(body.get("meta"))?;
    let key = asked.param(1);
    if meta.len() != 1 || !meta.contains_key(key) {
        return Err(Fault::bad("Request body and URI mismatch"));
    }
    let mut metadata = server.metadata.clone();
    metadata.extend(meta.clone());
    put(world, server, metadata)?;
    Answer::json(200, &json!({"meta": meta}))
}

pub(in super::super) fn delete(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let server = changeable(world, asked, "delete metadata")?;
    let mut metadata = server.metadata.clone();
    metadata.remove(asked.param(1)).ok_or_else(no_item)?;
    put(world, server, metadata)?;
    Answer::empty(204)
}

/// Nova lets nobody change the metadata of a server that is still being built.
fn changeable(world: &World, asked: &Ask<'_>, what: &str) -> Result<Server, Fault> {
    let server = find(world, asked)?;
    must_be(server, what, &[Status::Active])?;
    Ok(server.clone())
}

fn in_body(asked: &Ask<'_>) -> Result<Metadata, Fault> {
    let body: Value = asked
        .json()
        .map_err(|_| Fault::bad("Malformed request body"))?;
    let pairs = body
        .get("metadata")
        .ok_or_else(|| Fault::bad("Malformed request body"))?;
    read(Some(pairs))
}

fn put(world: &mut World, server: Server, metadata: Metadata) -> Outcome {
    within_limits(&metadata)?;
    let shown = json!({"metadata": metadata});
    let server = Server {
        metadata,
        updated: world.now,
        ..server
    };
    world.write(Entry::Server(Box::new(server)));
    Answer::json(200, &shown)
}
