use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use md5::{Digest, Md5};
use reqwest::Method;

use crate::model::{Attributes, Desired, Diagnostic, Observed, Readiness};
use crate::provider::adapter::{self, required};
use crate::provider::{Answer, Class, Error, Listed, Resolved, Scope, Target};
use crate::resource::ssh_key::{FINGERPRINT, KIND, PUBLIC_KEY};

use super::client::{ReadClient, Service, WriteClient, query};
use super::wire::nova::{Key, KeyAnswer, KeyRequest, Keys, LimitsAnswer, NewKey};

/// A key is known by its name here, and so is given one that says which key it is. Keys belong to
/// a user, not to a project, and never change.
pub(super) struct Adapter;

const KEYS: &str = "/os-keypairs";

impl adapter::Adapter<ReadClient> for Adapter {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    /// Asks for the wanted and the recorded keys by name.
    fn list<'a>(&'a self, client: &'a ReadClient, scope: Scope<'a>) -> Answer<'a, Listed> {
        async move {
            let names: BTreeSet<String> = scope.fingerprints().into_iter().map(name_of).collect();
            let asked = names.iter().map(|name| find(client, name));
            let found: Vec<Observed> = try_join_all(asked).await?.into_iter().flatten().collect();
            Ok(found.into())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        client: &'a ReadClient,
        target: Target<'a>,
    ) -> Answer<'a, Option<Observed>> {
        find(client, target.id).boxed()
    }

    fn find<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Attributes],
        _mark: &'a str,
    ) -> Answer<'a, Vec<Vec<Observed>>> {
        let asked = wanted.iter().map(|attributes| async move {
            let found = find(client, &name_of(required(attributes, FINGERPRINT)?)).await?;
            Ok(found.into_iter().collect())
        });
        try_join_all(asked).boxed()
    }

    fn resolve<'a>(
        &'a self,
        client: &'a ReadClient,
        wanted: &'a [&'a Desired],
    ) -> Answer<'a, Vec<Resolved>> {
        async move {
            let answer: LimitsAnswer = client.get(Service::Compute, "/limits").await?;
            let most = answer.limits.absolute.most_keys;
            let keys: Keys = client.get(Service::Compute, KEYS).await?;
            let there = keys.keypairs.len() as i64;
            let problem = |at: usize, desired: &Desired| {
                let is_too_many = most >= 0 && there + at as i64 >= most;
                is_too_many.then(|| {
                    Diagnostic::error("there is no room for another SSH key")
                        .detail(format!(
                            "this user may have {most} of them, and has {there}"
                        ))
                        .hint("delete some that are not needed, or ask for a higher quota")
                        .at(desired.place.clone())
                })
            };
            let resolved = wanted.iter().enumerate().map(|(at, desired)| Resolved {
                attributes: Attributes::new(),
                problems: problem(at, desired).into_iter().collect(),
            });
            Ok(resolved.collect())
        }
        .boxed()
    }

    fn create<'a>(
        &'a self,
        client: WriteClient<'a>,
        attributes: &'a Attributes,
        _mark: Option<&'a str>,
    ) -> Answer<'a, Observed> {
        async move {
            let fingerprint = required(attributes, FINGERPRINT)?;
            let name = name_of(fingerprint);
            let body = KeyRequest {
                keypair: NewKey {
                    name: &name,
                    public_key: required(attributes, PUBLIC_KEY)?,
                },
            };
            let made: Result<KeyAnswer, Error> = client
                .send(Method::POST, Service::Compute, KEYS, &body)
                .await;
            match made {
                Ok(answer) => Ok(from_wire(answer.keypair)),
                Err(error) if error.class == Class::Exists => {
                    let there = find(client.0, &name).await?;
                    match there.as_ref().and_then(|key| key.text(FINGERPRINT)) {
                        Some(its) if its != fingerprint => Err(Error {
                            class: Class::Rejected,
                            message: format!(
                                "there is another key with the name {name}: delete or rename it"
                            ),
                            ..error
                        }),
                        _ => Err(error),
                    }
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn delete<'a>(
        &'a self,
        client: WriteClient<'a>,
        target: Target<'a>,
        _mark: &'a str,
    ) -> Answer<'a, ()> {
        async move {
            let path = format!("{KEYS}/{}", target.id);
            client.delete(Service::Compute, &path).await
        }
        .boxed()
    }
}

/// The name of the key with a fingerprint.
pub(super) fn name_of(fingerprint: &str) -> String {
    let hex = fingerprint.chars().filter(char::is_ascii_hexdigit);
    let hex = hex.collect::<String>().to_ascii_lowercase();
    format!("cb-{hex}")
}

/// The key of that name.
async fn find(client: &ReadClient, name: &str) -> Result<Option<Observed>, Error> {
    // No name of ours needs to be escaped, but one in the state may be anything.
    if !query(&[("", name)]).ends_with(name) {
        return Ok(None);
    }
    if !client.profile().microversions {
        // Of the older API only the list is described.
        let keys: Keys = client.get(Service::Compute, KEYS).await?;
        let mut keys = keys.keypairs.into_iter();
        let found = keys.find(|key| key.keypair.name == name);
        return Ok(found.map(|key| from_wire(key.keypair)));
    }
    let path = format!("{KEYS}/{name}");
    let answer: Option<KeyAnswer> = client.find(Service::Compute, &path).await?;
    Ok(answer.map(|answer| from_wire(answer.keypair)))
}

/// The fingerprint of a key by which everybody else knows it: the MD5 of the key itself. What the
/// cloud says is taken only if its key cannot be read, because clouds compute it in several ways.
fn fingerprint_of(key: &Key) -> String {
    let blob = key.public_key.split_whitespace().nth(1);
    let blob = blob.and_then(|blob| STANDARD.decode(blob).ok());
    let Some(blob) = blob else {
        return key.fingerprint.clone();
    };
    let digest = Md5::digest(&blob);
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

fn from_wire(key: Key) -> Observed {
    let fingerprint = fingerprint_of(&key);
    Observed {
        kind: KIND.name,
        account: Default::default(),
        id: key.name.clone(),
        attributes: Attributes::from([
            (crate::resource::ssh_key::NAME.to_owned(), key.name.into()),
            (PUBLIC_KEY.to_owned(), key.public_key.into()),
            (FINGERPRINT.to_owned(), fingerprint.into()),
        ]),
        owners: Vec::new(),
        readiness: Readiness::Ready,
        monthly: None,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_called_after_its_fingerprint() {
        assert_eq!(
            name_of("DD:99:98:3e:95:93:6d:fd:a0:5e:fe:20:c8:3b:83:67"),
            "cb-dd99983e95936dfda05efe20c83b8367"
        );
    }

    #[test]
    fn a_recorded_answer_is_read() {
        let text = include_str!("../../../fixtures/openstack/keypair.json");
        let answer: KeyAnswer = serde_json::from_str(text).unwrap();
        let its = answer.keypair.fingerprint.clone();
        let key = from_wire(answer.keypair);
        assert_eq!(key.id, "cb-rec");
        // Found from the key, it is what the cloud found.
        assert_eq!(key.text(FINGERPRINT), Some(its.as_str()));
        let other = |public_key: &str| Key {
            name: "k".to_owned(),
            public_key: public_key.to_owned(),
            fingerprint: "aa:aa".to_owned(),
        };
        assert_eq!(fingerprint_of(&other("no key")), "aa:aa");
        assert_eq!(fingerprint_of(&other("ssh-rsa AAAA")).len(), 47);
    }
}
