use std::collections::BTreeSet;

use crate::config::{self, Cloud, DEFAULT_ACCOUNT, Security};
use crate::model::Secret;
use crate::provider::{
    Connection, Login, OnPause, Readers, Writers, digitalocean, open_read, open_write,
};
use crate::sandbox;
use crate::state::State;

use super::deployment::Deployment;
use super::failure::Failure;

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
        let connection = |login| Connection {
            login,
            manner: self.deployment.manner(self.on_pause.clone()),
        };
        if self.cloud.accounts.is_empty() {
            let login = self.token_login(None)?;
            return Ok(vec![(DEFAULT_ACCOUNT.to_owned(), connection(login))]);
        }
        let accounts = self.cloud.accounts.iter();
        accounts
            .map(|account| {
                let login = self.login(account)?;
                Ok((account.name.value.clone(), connection(login)))
            })
            .collect()
    }

    fn login(&self, account: &config::Account) -> Result<Login, Failure> {
        match account.provider.value.as_str() {
            digitalocean::TYPE => self.token_login(Some(&account.name.value)),
            other => Err(Failure::error(format!(
                "this version cannot open accounts of the type `{other}`"
            ))
            .into()),
        }
    }

    /// What opens an account at DigitalOcean: the token of its own entry, or the one for all.
    fn token_login(&self, account: Option<&str>) -> Result<Login, Failure> {
        let deployment = self.deployment;
        if deployment.is_sandbox() {
            return Ok(deployment.token_login(Secret::new(sandbox::TOKEN.to_owned())));
        }
        let own = account.and_then(|account| self.security.accounts.get(account));
        let own = own.and_then(|entry| {
            let entry: serde_json::Value = serde_json::from_str(entry.expose()).ok()?;
            Some(Secret::new(entry.get("token")?.as_str()?.to_owned()))
        });
        let token = own.or_else(|| self.security.token.clone()).ok_or_else(|| {
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
