//! What it takes to log in, put together from cloud.json, security.json, the environment and
//! clouds.yaml. Nothing here reads a file, and no message repeats a value.

use std::io;
use std::path::Path;

use crate::model::{Diagnostic, Secret};
use crate::provider::http::certificates;

use super::profile::Profile;
use layer::Layer;

mod clouds;
mod layer;

pub use clouds::{clouds_files, secure_file};
pub use layer::words;

/// Who logs in, where, and what is wanted there.
#[derive(Clone, Debug)]
pub struct Login {
    /// What sort of cloud it is.
    pub profile: Profile,
    /// Keystone's address, as it was given: with `/v3` or without.
    pub auth_url: String,
    /// What proves who is asking.
    pub proof: Proof,
    /// The region; `None` takes the only one there is.
    pub region: Option<String>,
    /// Which of a service's addresses is used.
    pub interface: String,
    /// Certificates, in PEM, that are trusted besides those of the system.
    pub also_trust: Option<Vec<u8>>,
}

/// What proves who is asking.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A user's password, for one project.
    Password {
        /// Who.
        user: User,
        /// The password.
        password: Secret,
        /// The project.
        project: Project,
    },
    /// An application credential, which belongs to one project.
    Credential {
        /// Which.
        credential: Credential,
        /// Its secret.
        secret: Secret,
    },
}

/// A user, as Keystone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By id, which needs no domain.
    Id(String),
    /// By name, in a domain.
    Name(String, Domain),
}

/// A project, as Keystone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Project {
    /// By id, which needs no domain.
    Id(String),
    /// By name, in a domain.
    Name(String, Domain),
}

/// A domain of Keystone's. `default` is an id and `Default` a name: what was given is sent as that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// By id.
    Id(String),
    /// By name.
    Name(String),
}

/// An application credential, as Keystone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By id.
    Id(String),
    /// By name, of a user.
    Name(String, User),
}

/// An account's settings in cloud.json, as far as they are about logging in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Its name in clouds.yaml.
    pub cloud: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// Keystone's address.
    pub auth_url: Option<String>,
    /// Which of a service's addresses is used.
    pub interface: Option<String>,
}

/// A file that was read, and its name in messages.
#[derive(Clone, Debug)]
pub struct File {
    /// As the user would name it.
    pub path: String,
    /// What is in it.
    pub text: Secret,
}

/// Everything that can say how to log in.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// The account's name in cloud.json.
    pub account: &'a str,
    /// What sort of cloud it is.
    pub profile: Profile,
    /// Its settings in cloud.json.
    pub settings: &'a Settings,
    /// The JSON text of its entry under `accounts` in security.json.
    pub entry: Option<&'a Secret>,
    /// The first of [`clouds_files`] that exists.
    pub clouds: Option<&'a File>,
    /// What [`secure_file`] names, if it exists.
    pub secure: Option<&'a File>,
}

const DEFAULT_DOMAIN: &str = "default";
const FLEX_DOMAIN: &str = "rackspace_cloud_domain";
const PUBLIC: &str = "public";

/// Puts a login together. The account's entry in security.json wins over the entry of clouds.yaml
/// that its `cloud` names. Where it has neither, `OS_CLOUD` names the entry, and without that the
/// other variables `OS_*` hold everything. Of several proofs an application credential comes
/// first. `get` reads a variable of the environment; an empty one is as good as none. `read` reads a
/// file that is named as the user would.
///
/// # Errors
/// What is missing, or cannot be used, with the file and the key.
pub fn login(
    sources: &Sources<'_>,
    get: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Login, Box<Diagnostic>> {
    let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
    let layer = gather(sources, &get)?;
    layer.refuse_what_is_not_done()?;
    let is_flex = sources.profile.provider == super::profile::FLEX.provider;
    let region = sources.settings.region.clone().or_else(|| layer.region());
    let auth_url = sources.settings.auth_url.clone();
    let auth_url = auth_url.or_else(|| layer.auth_url());
    let auth_url = auth_url.or_else(|| is_flex.then(|| flex_url(region.as_deref()))?);
    let Some(auth_url) = auth_url else {
        let missing = if is_flex { "region" } else { "auth_url" };
        return Err(lacks(sources, &layer, missing));
    };
    let domain = if is_flex {
        Domain::Name(FLEX_DOMAIN.to_owned())
    } else {
        Domain::Id(DEFAULT_DOMAIN.to_owned())
    };
    let proof = proof(sources, &layer, &domain)?;
    let interface = sources.settings.interface.clone();
    let interface = interface.or_else(|| layer.interface());
    let interface = interface.as_deref().map_or(PUBLIC, layer::interface_word);
    Ok(Login {
        profile: sources.profile,
        auth_url,
        proof,
        region,
        interface: interface.to_owned(),
        also_trust: also_trust(&layer, read)?,
    })
}

/// The certificates that a cloud of one's own needs, if there are any.
fn also_trust(
    layer: &Layer,
    read: impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Box<Diagnostic>> {
    let Some(path) = layer.cacert() else {
        return Ok(None);
    };
    let refused = |why: String| {
        let problem = Diagnostic::error(format!("{} cannot be used", path.display()))
            .detail(format!(
                "{} names it as `{}`: {why}",
                layer.source(),
                layer.key("cacert")
            ))
            .hint("name a file with the certificate of the cloud's authority, in PEM");
        Box::new(problem)
    };
    let pem = read(&path).map_err(|error| refused(error.to_string()))?;
    certificates(&pem).map_err(refused)?;
    Ok(Some(pem))
}

/// Each region of Rackspace's has a Keystone of its own.
fn flex_url(region: Option<&str>) -> Option<String> {
    let region = region?.to_ascii_lowercase();
    Some(format!(
        "https://keystone.api.{region}.rackspacecloud.com/v3"
    ))
}

/// What says how to log in, from where it is said.
fn gather(
    sources: &Sources<'_>,
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<Layer, Box<Diagnostic>> {
    let named = sources.settings.cloud.as_deref();
    let of_clouds = |cloud: &str, by: &str| clouds::entry(cloud, by, sources);
    match (sources.entry, named) {
        (Some(entry), None) => layer::of_entry(sources.account, entry),
        (Some(entry), Some(cloud)) => {
            let entry = layer::of_entry(sources.account, entry)?;
            Ok(entry.over(of_clouds(cloud, "cloud.json")?))
        }
        (None, Some(cloud)) => of_clouds(cloud, "cloud.json"),
        (None, None) => match get("OS_CLOUD") {
            Some(cloud) => of_clouds(&cloud, "OS_CLOUD"),
            None => layer::of_environment(get),
        },
    }
}

fn proof(sources: &Sources<'_>, layer: &Layer, domain: &Domain) -> Result<Proof, Box<Diagnostic>> {
    let domain_of = |given: Option<Domain>| given.unwrap_or_else(|| domain.clone());
    let user = || match (layer.user_id(), layer.username()) {
        (Some(id), _) => Some(User::Id(id)),
        (None, Some(name)) => Some(User::Name(name, domain_of(layer.user_domain()))),
        (None, None) => None,
    };
    if let Some(secret) = layer.credential_secret() {
        let credential = match (layer.credential_id(), layer.credential_name()) {
            (Some(id), _) => Credential::Id(id),
            (None, Some(name)) => {
                let user = user().ok_or_else(|| lacks(sources, layer, "username"))?;
                Credential::Name(name, user)
            }
            (None, None) => return Err(lacks(sources, layer, "application_credential_id")),
        };
        return Ok(Proof::Credential { credential, secret });
    }
    if layer.credential_id().is_some() {
        return Err(lacks(sources, layer, "application_credential_secret"));
    }
    let user = user().ok_or_else(|| lacks(sources, layer, "username"))?;
    let password = layer
        .password()
        .ok_or_else(|| lacks(sources, layer, layer.password_word(sources.profile)))?;
    let project = match (layer.project_id(), layer.project_name()) {
        (Some(id), _) => Project::Id(id),
        (None, Some(name)) => Project::Name(name, domain_of(layer.project_domain())),
        (None, None) => return Err(lacks(sources, layer, layer.project_word())),
    };
    Ok(Proof::Password {
        user,
        password,
        project,
    })
}

/// Something is missing where the rest of it is.
fn lacks(sources: &Sources<'_>, layer: &Layer, key: &str) -> Box<Diagnostic> {
    let account = sources.account;
    let summary = format!(
        "the account {account} cannot log in to {}",
        sources.profile.title
    );
    let key_there = layer.key(key);
    let detail = if layer.is_empty() {
        "nothing says how: there is no entry for it in security.json, its settings name no entry \
         of clouds.yaml, and neither OS_CLOUD nor OS_AUTH_URL is set"
            .to_owned()
    } else {
        format!("{} has no {key_there}", layer.source())
    };
    let hint = if layer.is_empty() {
        format!(
            "give it an entry in security.json: {{\"accounts\": {{\"{account}\": {}}}}}; an \
             application credential is best",
            "{\"application_credential_id\": …, \"application_credential_secret\": …}"
        )
    } else if key == "auth_url" {
        format!("give `auth_url` to the account {account} in cloud.json, or write it there")
    } else if key == "region" {
        format!("give `region` to the account {account} in cloud.json")
    } else {
        format!("write {key_there} there")
    };
    Box::new(Diagnostic::error(summary).detail(detail).hint(hint))
}

#[cfg(test)]
mod tests;
