//! Key pairs: by name, of a user in a region, and never changed.

use super::super::answer::{Answer, Ask, Fault, Outcome};
use super::super::model::{Entry, Keypair, KeypairPlace};
use super::super::world::{World, keypair_key};
use super::{MOST_KEYPAIRS, rooted};
use crate::sandbox::rules::keys::fingerprint;
use serde_json::{Value, json};

fn place(asked: &Ask<'_>, name: &str) -> KeypairPlace {
    let account = asked.account.tenant.to_owned();
    (account, asked.region(), name.to_owned())
}

fn view(keypair: &Keypair) -> Value {
    json!({
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    })
}

/// The account's key pairs in this region.
fn ours<'a>(world: &'a World, asked: &Ask<'_>) -> Vec<&'a Keypair> {
    let from = place(asked, "");
    let pairs = world.keypairs.range(from.clone()..);
    let pairs = pairs.take_while(|(at, _)| (&at.0, &at.1) == (&from.0, &from.1));
    pairs.map(|(_, keypair)| keypair).collect()
}

pub(in super::super) fn list(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let pairs = ours(world, asked).into_iter();
    let seen = pairs.filter(|pair| world.shows(&keypair_key(&pair.place())));
    let shown: Vec<Value> = seen.map(|pair| json!({"keypair": view(pair)})).collect();
    Answer::json(200, &json!({"keypairs": shown}))
}

pub(in super::super) fn create(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let body = rooted(asked, "keypair")?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or_default().to_owned();
    let safe = |c: char| c.is_ascii_alphanumeric() || "_- ".contains(c);
    if !(1..=255).contains(&name.len()) {
        return Err(Fault::bad(
            "Keypair data is invalid: Keypair name must be string and between 1 and 255 characters long",
        ));
    }
    if !name.chars().all(safe) {
        return Err(Fault::bad(
            "Keypair data is invalid: Keypair name contains unsafe characters",
        ));
    }
    let Some(public_key) = text("public_key") else {
        return Err(Fault::bad(
            "The sandbox makes no keys; it takes public ones only.",
        ));
    };
    let fingerprint = fingerprint(public_key.trim())
        .ok_or_else(|| Fault::bad("Keypair data is invalid: failed to generate fingerprint"))?;
    let place = place(asked, &name);
    if world.keypairs.contains_key(&place) {
        return Err(Fault::conflict(format!(
            "Key pair '{name}' already exists."
        )));
    }
    if ours(world, asked).len() >= MOST_KEYPAIRS {
        return Err(Fault::over_quota("Quota exceeded, too many key pairs."));
    }
    let keypair = Keypair {
        account: place.0.clone(),
        region: place.1.clone(),
        name,
        public_key: public_key.to_owned(),
        fingerprint,
    };
    let mut shown = view(&keypair);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("user_id".into(), asked.account.user.into());
    }
    world.note_made(keypair_key(&place));
    world.write(Entry::Keypair(keypair));
    Answer::json(200, &json!({"keypair": shown}))
}

fn find<'a>(world: &'a World, asked: &Ask<'_>) -> Result<&'a Keypair, Fault> {
    let place = place(asked, asked.param(0));
    world
        .keypairs
        .get(&place)
        .filter(|_| world.shows(&keypair_key(&place)))
        .ok_or_else(|| Fault::no_such("Keypair"))
}

pub(in super::super) fn show(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let keypair = view(find(world, asked)?);
    Answer::json(200, &json!({"keypair": keypair}))
}

pub(in super::super) fn delete(world: &mut World, asked: &Ask<'_>) -> Outcome {
    let place = find(world, asked)?.place();
    world.write(Entry::KeypairGone(place));
    Answer::empty(202)
}
