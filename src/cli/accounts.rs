use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use crate::config::{self, Cloud, DEFAULT_ACCOUNT, Security, Spanned};
use crate::file;
use crate::model::{Diagnostic, Secret, escape, nearest};
use crate::provider::openstack::login;
use crate::provider::openstack::profile::Profile;
use crate::provider::{
    Connection, Login, OnPause, Readers, Writers, digitalocean, open_read, open_write, openstack,
    rackspace,
};
use crate::render::Sources;
use crate::sandbox;
use crate::state::State;

use super::deployment::{Deployment, environment};
use super::failure::{Failure, file_error};

/// What opening accounts depends on.
pub(super) struct Opening<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) cloud: &'a Cloud,
    pub(super) security: &'a Security,
    /// Told when requests are held back.
    pub(super) on_pause: OnPause,
}

impl Opening<'_> {
    /// Every account that cloud.json names, to be looked at.
    ///
    /// # Errors
    /// If something is missing that opens one.
    pub(super) fn readers(&self) -> Result<Readers, Failure> {
        let mut readers = Readers::new();
        for (name, connection) in self.connections()? {
            readers.add(&name, open_read(connection)?);
        }
        Ok(readers)
    }

    /// Every account that cloud.json names, to be changed too.
    ///
    /// # Errors
    /// As [`Self::readers`].
    pub(super) fn writers(&self) -> Result<Writers, Failure> {
        let mut writers = Writers::new();
        for (name, connection) in self.connections()? {
            writers.add(&name, open_write(connection)?);
        }
        Ok(writers)
    }

    fn connections(&self) -> Result<Vec<(String, Connection)>, Failure> {
        let connection = |login: Login| -> Result<Connection, Failure> {
            let practice = self.deployment.practice();
            practice.refuse_unless_practice(login.address())?;
            Ok(Connection {
                login,
                manner: self.deployment.manner(self.on_pause.clone()),
            })
        };
        if self.cloud.accounts.is_empty() {
            let login = self.token_login(None)?;
            return Ok(vec![(DEFAULT_ACCOUNT.to_owned(), connection(login)?)]);
        }
        self.warn_of_unused_entries();
        if self.deployment.is_sandbox() {
            refuse_namesakes_in_sandbox(self.cloud)?;
        }
        let accounts = self.cloud.accounts.iter();
        accounts
            .map(|account| {
                let login = self.login(account)?;
                Ok((account.name.value.clone(), connection(login)?))
            })
            .collect()
    }

    /// A misspelled name would go unnoticed: the environment may open another account instead.
    fn warn_of_unused_entries(&self) {
        let entries = self.security.accounts.keys();
        let unused: Vec<Diagnostic> = entries
            .filter(|name| self.cloud.account(name).is_none())
            .map(|name| {
                let names = self.cloud.accounts.iter();
                let near = nearest(name, names.map(|account| account.name.value.as_str()));
                let warning = Diagnostic::warning(format!(
                    "security.json has an entry for the account `{}`, which cloud.json does not name",
                    escape(name)
                ));
                match near {
                    Some(near) => warning.hint(format!("did you mean `{near}`?")),
                    None => warning.hint("name it under `providers`, or take it out"),
                }
            })
            .collect();
        if !self.deployment.is_sandbox() {
            self.deployment.terminal.diagnose(&unused, &Sources::new());
        }
    }

    fn login(&self, account: &config::Account) -> Result<Login, Failure> {
        let entry = self.security.accounts.get(&account.name.value);
        match account.provider.value.as_str() {
            digitalocean::TYPE => self.token_login(Some(&account.name.value)),
            rackspace::TYPE => rackspace_login(self.deployment, account, entry),
            _ => openstack_login(self.deployment, account, entry),
        }
    }

    /// What opens an account at DigitalOcean: the token of its own entry, or the one for all.
    fn token_login(&self, account: Option<&str>) -> Result<Login, Failure> {
        let deployment = self.deployment;
        if deployment.is_sandbox() {
            return Ok(deployment.token_login(Secret::new(sandbox::TOKEN.to_owned())));
        }
        let own = account.and_then(|account| {
            let entry = self.security.accounts.get(account)?;
            Some(own_token(account, entry))
        });
        let token = own
            .transpose()?
            .or_else(|| self.security.token.clone())
            .ok_or_else(|| {
                Failure::error("there is no token for DigitalOcean")
                .detail(format!(
                    "neither DIGITALOCEAN_TOKEN nor DIGITALOCEAN_ACCESS_TOKEN is set, and {} has \
                     no `digital_ocean_api_key`",
                    deployment.security_file().display()
                ))
                .hint("run `cloudbuilder init`, or try it without one: add --sandbox")
            })?;
        Ok(deployment.token_login(token))
    }
}

/// Refuses two accounts that the sandbox has only one for. A region at Rackspace is a separate
/// world, so that two accounts there may be two regions of one.
fn refuse_namesakes_in_sandbox(cloud: &Cloud) -> Result<(), Failure> {
    let mut known: BTreeMap<(&str, Option<String>), &str> = BTreeMap::new();
    for account in &cloud.accounts {
        let (provider, name) = (account.provider.value.as_str(), account.name.value.as_str());
        let (place, way_out) = match provider {
            digitalocean::TYPE => ("", "leave one of them out"),
            rackspace::TYPE => (" in a region", "give one of them another region"),
            // What it has none of is refused where it is opened.
            _ => continue,
        };
        let region = text(account.settings.region.as_ref()).map(|region| region.to_lowercase());
        if let Some(other) = known.insert((provider, region), name) {
            return Err(Failure::error(format!(
                "the sandbox has only one account of the type `{provider}`{place}"
            ))
            .detail(format!(
                "`{other}` and `{name}` would both be that one, and everything in it be there \
                 twice"
            ))
            .hint(format!(
                "try it without --sandbox, or {way_out} to practise"
            ))
            .into());
        }
    }
    Ok(())
}

/// The token in an account's own entry of security.json. It must not be passed over for another
/// one that opens another account.
fn own_token(account: &str, entry: &Secret) -> Result<Secret, Failure> {
    let entry: serde_json::Value = serde_json::from_str(entry.expose()).unwrap_or_default();
    let members = entry.as_object();
    let token = members
        .filter(|members| members.len() == 1)
        .and_then(|members| members.get(digitalocean::ENTRY_KEY)?.as_str())
        .map(str::trim)
        .filter(|token| !token.is_empty());
    let token =
        token.ok_or_else(|| {
            Failure::error(format!(
            "the entry of the account `{account}` in security.json is not what opens DigitalOcean"
        ))
        .detail("it must have a `token`, and nothing else")
        .hint(format!("write \"accounts\": {{\"{account}\": {{\"token\": …}}}}"))
        })?;
    Ok(Secret::new(token.to_owned()))
}

/// What opens an account at an OpenStack, with its `entry` of security.json, if it has one.
///
/// # Errors
/// If something is missing.
pub(super) fn openstack_login(
    deployment: &Deployment,
    account: &config::Account,
    entry: Option<&Secret>,
) -> Result<Login, Failure> {
    let name = &account.name.value;
    let profile = profile_of(&account.provider.value)?;
    if deployment.is_sandbox() {
        return Err(Failure::error("the sandbox has no OpenStack")
            .detail(format!(
                "account `{name}` is of the type `{}`",
                profile.provider
            ))
            .hint("try it without --sandbox, against an OpenStack of your own")
            .at(Some(account.provider.place.clone()))
            .into());
    }
    let said = &account.settings;
    let settings = openstack::login::Settings {
        cloud: text(said.cloud.as_ref()),
        region: text(said.region.as_ref()),
        auth_url: text(said.auth_url.as_ref()),
        interface: text(said.interface.as_ref()),
    };
    // What is not asked for need not be readable.
    let by_name = settings.cloud.is_some() || entry.is_none() && environment("OS_CLOUD").is_some();
    let (clouds, secure) = match by_name {
        true => clouds_yaml(deployment)?,
        false => (None, None),
    };
    let sources = openstack::login::Sources {
        account: name,
        profile,
        settings: &settings,
        entry,
        clouds: clouds.as_ref(),
        secure: secure.as_ref(),
    };
    let read = |path: &Path| file::read(&deployment.path_of(path));
    match openstack::login::login(&sources, environment, read) {
        Ok(login) => Ok(Login::OpenStack(Box::new(login))),
        Err(problem) => Err((*problem).into()),
    }
}

/// As [`openstack_login`], at Rackspace, or where accounts of it practise.
///
/// # Errors
/// As [`openstack_login`].
pub(super) fn rackspace_login(
    deployment: &Deployment,
    account: &config::Account,
    entry: Option<&Secret>,
) -> Result<Login, Failure> {
    let said = &account.settings;
    let mut settings = rackspace::login::Settings {
        region: text(said.region.as_ref()),
        auth_url: text(said.auth_url.as_ref()),
    };
    let practice = deployment.rackspace_practice();
    let entry = match &practice {
        None => entry,
        Some((url, entry)) => {
            settings.auth_url = Some(url.clone());
            Some(entry)
        }
    };
    let sources = rackspace::login::Sources {
        account: &account.name.value,
        settings: &settings,
        entry,
    };
    match rackspace::login::login(&sources, environment) {
        Ok(login) => Ok(Login::Rackspace(login)),
        Err(problem) => Err((*problem).into()),
    }
}

fn text(value: Option<&Spanned<String>>) -> Option<String> {
    value.map(|value| value.value.clone())
}

/// What differs between the clouds that are all OpenStack.
fn profile_of(provider: &str) -> Result<Profile, Failure> {
    let known = [openstack::profile::OPENSTACK, openstack::profile::FLEX];
    let found = known
        .into_iter()
        .find(|profile| profile.provider == provider);
    found.ok_or_else(|| {
        let problem = format!("this version cannot open accounts of the type `{provider}`");
        Failure::error(problem).into()
    })
}

/// The files that OpenStack's own programs read, where there are any.
fn clouds_yaml(
    deployment: &Deployment,
) -> Result<(Option<login::File>, Option<login::File>), Failure> {
    let home = std::env::home_dir();
    let places = login::clouds_files(environment, home.as_deref());
    for place in places {
        let Some(clouds) = file_if_any(&deployment.path_of(&place))? else {
            continue;
        };
        let secure = login::secure_file(environment, &place);
        let secure = file_if_any(&deployment.path_of(&secure))?;
        return Ok((Some(clouds), secure));
    }
    Ok((None, None))
}

fn file_if_any(path: &Path) -> Result<Option<login::File>, Failure> {
    match file::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| {
                Failure::error(format!("{} is no text", path.display()))
                    .detail("it is not in UTF-8")
                    .hint("save it in UTF-8")
            })?;
            Ok(Some(login::File {
                path: path.display().to_string(),
                text: Secret::new(text),
            }))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", path, &error).into()),
    }
}

/// Refuses a state about accounts that cloud.json does not name: nobody could look at what is in
/// them.
///
/// # Errors
/// The accounts that are missing.
pub(super) fn refuse_unnamed(cloud: &Cloud, state: Option<&State>) -> Result<(), Failure> {
    let Some(state) = state else { return Ok(()) };
    let recorded = state.resources.values().map(|recorded| &recorded.account);
    let in_flight = state.unsettled.values().map(|intent| &intent.account);
    let is_named = |account: &&String| {
        cloud.account(account).is_some()
            || cloud.accounts.is_empty() && account.as_str() == DEFAULT_ACCOUNT
    };
    let missing: BTreeSet<&String> = recorded
        .chain(in_flight)
        .filter(|account| !is_named(account))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    let types: Vec<&str> = missing
        .iter()
        .filter_map(|name| Some(state.accounts.get(*name)?.provider.as_str()))
        .collect();
    Err(Failure::error(format!(
        "the state holds resources in accounts that cloud.json does not name: {names}"
    ))
    .detail(format!(
        "they were {}, and what is in them cannot be looked at",
        types.join(", ")
    ))
    .hint("name them under `providers` as before, until nothing is left in them")
    .into())
}
