//! SSH keys, addressed by id or fingerprint.

use crate::sandbox::answer::{Answer, Call, Outcome, Refusal};
use crate::sandbox::limits::page;
use crate::sandbox::model::{Entry, Key};
use crate::sandbox::world::World;
use md5::{Digest, Md5};
use serde::Deserialize;

pub(in crate::sandbox) fn list(world: &mut World, call: &Call) -> Outcome {
    let keys = || world.keys.values().filter(|key| world.shows(key.id));
    page(call, "ssh_keys", keys().count(), keys())
}

#[derive(Deserialize)]
struct Create {
    name: Option<String>,
    public_key: Option<String>,
}

pub(in crate::sandbox) fn create(world: &mut World, call: &Call) -> Outcome {
    let asked: Create = call.json()?;
    let name = named(asked.name)?;
    let public_key = asked.public_key.unwrap_or_default().trim().to_owned();
    let fingerprint = fingerprint(&public_key).ok_or_else(|| {
        Refusal::unprocessable("Key invalid, key should be of the format `type key [comment]`")
    })?;
    if world.key_by_fingerprint(&fingerprint).is_some() {
        return Err(Refusal::unprocessable(
            "SSH Key is already in use on your account",
        ));
    }
    let key = Key {
        id: world.next_id(),
        name,
        fingerprint,
        public_key,
    };
    world.write(Entry::Key(key.clone()));
    Answer::object(201, "ssh_key", &key)
}

pub(in crate::sandbox) fn show(world: &mut World, call: &Call) -> Outcome {
    Answer::object(200, "ssh_key", addressed(world, call)?)
}

#[derive(Deserialize)]
struct Rename {
    name: Option<String>,
}

pub(in crate::sandbox) fn rename(world: &mut World, call: &Call) -> Outcome {
    let mut key = addressed(world, call)?.clone();
    let asked: Rename = call.json()?;
    key.name = named(asked.name)?;
    world.write(Entry::Key(key.clone()));
    Answer::object(200, "ssh_key", &key)
}

pub(in crate::sandbox) fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = addressed(world, call)?.id;
    world.write(Entry::KeyGone(id));
    Ok(Answer::no_content())
}

fn addressed<'a>(world: &'a World, call: &Call) -> Result<&'a Key, Refusal> {
    find(world, call.param(0)).ok_or_else(Refusal::not_found)
}

/// The key of an id or a fingerprint.
pub(super) fn find<'a>(world: &'a World, identifier: &str) -> Option<&'a Key> {
    let key = match identifier.parse() {
        Ok(id) => world.keys.get(&id),
        Err(_) => world.key_by_fingerprint(identifier),
    };
    key.filter(|key| world.shows(key.id))
}

fn named(name: Option<String>) -> Result<String, Refusal> {
    name.filter(|name| !name.trim().is_empty())
        .ok_or_else(|| Refusal::unprocessable("Name can't be blank"))
}

/// MD5 of the decoded key as pairs with colons, whatever comment follows the key.
pub(in crate::sandbox) fn fingerprint(public_key: &str) -> Option<String> {
    let key = ssh_key::PublicKey::from_openssh(public_key).ok()?;
    let blob = key.to_bytes().ok()?;
    let pairs: Vec<String> = Md5::digest(blob)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::rules::test_support::{KEY, ask, get, refused, test_world};
    use serde_json::{Value, json};

    /// As `ssh-keygen -E md5 -l` prints it.
    const FINGERPRINT: &str = "28:cc:8d:af:d0:fc:96:30:4e:da:e6:b7:fb:79:06:3f";

    #[test]
    fn a_key_is_found_by_id_and_by_fingerprint() {
        let mut world = test_world();
        let key = json!({"name": "k", "public_key": format!("  {KEY}\n")});
        let (status, made) = ask(&mut world, "POST", "/v2/account/keys", &key);
        assert_eq!(status, 201, "{made}");
        assert_eq!(made["ssh_key"]["fingerprint"], FINGERPRINT);
        let by_id = format!("/v2/account/keys/{}", made["ssh_key"]["id"]);
        assert_eq!(get(&mut world, &by_id), made);
        assert_eq!(
            get(&mut world, &format!("/v2/account/keys/{FINGERPRINT}")),
            made
        );
        let (_, renamed) = ask(&mut world, "PUT", &by_id, &json!({"name": "other"}));
        assert_eq!(renamed["ssh_key"]["name"], "other");
        assert_eq!(ask(&mut world, "DELETE", &by_id, &Value::Null).0, 204);
        assert_eq!(refused(&mut world, "DELETE", &by_id, &Value::Null).0, 404);
        assert_eq!(ask(&mut world, "POST", "/v2/account/keys", &key).0, 201);
    }

    #[test]
    fn the_same_key_under_another_name_and_comment_is_in_use() {
        let mut world = test_world();
        let other = KEY.replace("someone@example.com", "nobody");
        let post = |world: &mut _, key: &str, name: &str| {
            ask(
                world,
                "POST",
                "/v2/account/keys",
                &json!({"name": name, "public_key": key}),
            )
        };
        assert_eq!(post(&mut world, KEY, "a").0, 201);
        let (status, body) = post(&mut world, &other, "b");
        assert_eq!(status, 422);
        assert_eq!(body["message"], "SSH Key is already in use on your account");
    }

    #[test]
    fn what_is_no_key_and_what_has_no_name_is_refused() {
        let mut world = test_world();
        let key = json!({"name": "k", "public_key": "ssh-rsa AAAA you@example.com"});
        let (status, message) = refused(&mut world, "POST", "/v2/account/keys", &key);
        assert_eq!(status, 422);
        assert!(message.starts_with("Key invalid"), "{message}");
        let nameless = json!({"public_key": KEY});
        assert_eq!(
            refused(&mut world, "POST", "/v2/account/keys", &nameless).0,
            422
        );
    }
}
